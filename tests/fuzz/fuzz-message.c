/* SPDX-License-Identifier: Apache-2.0
 *
 * Whatever is decoded must keep the promises of message.h and survive being sent on.
 */
#include "darkscope/message.h"
#include "fuzz.h"

#include <string.h>

static void check_window(const struct ds_window *w)
{
    check(ds_window_imbalance(w) == NULL);
    for (size_t i = 1; i < w->cell_count; i++)
        check(ds_cell_key(&w->cells[i - 1]) < ds_cell_key(&w->cells[i]));
    for (size_t i = 1; i < w->country_count; i++)
        check(w->countries[i - 1].country < w->countries[i].country);
    for (size_t i = 1; i < w->signature_count; i++)
        check(strcmp(w->signatures[i - 1].id, w->signatures[i].id) < 0);
}

static void check_same(const struct ds_message *a, const struct ds_message *b)
{
    check(a->kind == b->kind && a->sequence == b->sequence && a->refusal == b->refusal);
    check(strcmp(a->reason, b->reason) == 0 && a->clock_ns == b->clock_ns);
    check(strcmp(a->hello.sensor, b->hello.sensor) == 0 && a->hello.boot == b->hello.boot);
    check(a->window.cell_count == b->window.cell_count &&
          a->window.country_count == b->window.country_count &&
          a->window.signature_count == b->window.signature_count);
    check(memcmp(a->window.books, b->window.books, sizeof a->window.books) == 0);
    for (size_t i = 0; i < a->window.cell_count; i++) {
        const struct ds_cell *c = &a->window.cells[i], *d = &b->window.cells[i];
        check(ds_cell_key(c) == ds_cell_key(d) && c->packets == d->packets &&
              c->bytes == d->bytes && c->sources == d->sources &&
              c->survey_packets == d->survey_packets);
    }
}

/* What it was said to take before it was decoded is at least what it takes. */
static void check_weight(const struct ds_window *w, size_t weight)
{
    check(weight >=
          sizeof *w + w->cell_count * sizeof *w->cells +
              w->source_record_count * sizeof *w->source_records + w->source_columns_bytes +
              w->country_count * sizeof *w->countries + w->device_count * sizeof *w->devices +
              w->signature_count * sizeof *w->signatures + w->attack_count * sizeof *w->attacks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ds_message m, again;
    const char *why = NULL;
    enum ds_decode decoded = ds_message_decode(&m, data, size, &why);
    size_t weight = ds_message_weight(data, size);
    check(decoded == DS_DECODE_OK || decoded == DS_DECODE_VERSION || why != NULL);
    if (decoded == DS_DECODE_OK) {
        check_window(&m.window);
        check_weight(&m.window, weight);
        unsigned char *bytes;
        size_t encoded;
        if (ds_message_encode(&m, &bytes, &encoded) == 0) {
            check(ds_message_decode(&again, bytes, encoded, NULL) == DS_DECODE_OK);
            check_same(&m, &again);
            ds_message_finish(&again);
            free(bytes);
        }
    }
    ds_message_finish(&m);
    return 0;
}
