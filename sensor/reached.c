/* SPDX-License-Identifier: Apache-2.0 */
#include "reached.h"

#include <stdlib.h>
#include <string.h>

int ds_reached_init(struct ds_reached *r, const struct ds_deployment *d, const struct ds_monitor *m)
{
    uint64_t addresses = ds_monitor_addresses(m);
    struct ds_permutation order;
    *r = (struct ds_reached){.set = (uint16_t)ds_deployment_digest(d, m)};
    if (ds_monitor_is_everything(m) || addresses == 0 || addresses > DS_COUNT_BITMAP_MAX)
        return 0;
    r->count = addresses < DS_SKETCH_ADDRESSES_MAX ? addresses : DS_SKETCH_ADDRESSES_MAX;
    r->order = malloc(r->count * sizeof *r->order);
    if (!r->order)
        return -1;
    ds_permutation_init(&order, d->reached, addresses);
    for (uint32_t i = 0; i < r->count; i++)
        r->order[i] = ds_permutation_apply(&order, i);
    return 0;
}

void ds_reached_finish(struct ds_reached *r)
{
    free(r->order);
    *r = (struct ds_reached){0};
}

static int append(struct ds_sketches *s, const struct ds_sketch_row *row)
{
    struct ds_sketch_row *rows = realloc(s->rows, (s->count + 1) * sizeof *rows);
    if (!rows)
        return -1;
    s->rows = rows;
    s->rows[s->count++] = *row;
    return 0;
}

int ds_reached_add(const struct ds_reached *r, const struct ds_counts *counts, struct ds_window *w)
{
    struct ds_sketch_row row = {.key = {.kind = DS_SKETCH_ADDRESSES, .set = r->set}};
    if (r->count == 0 || w->active_addresses == 0 || !w->sketches.known)
        return 0;
    uint8_t *registers = calloc(DS_SKETCH_ADDRESSES_MAX, 1);
    for (size_t i = 0; registers && i < r->count; i++)
        registers[i] = counts->destination_bits[r->order[i] / 64] >> r->order[i] % 64 & 1;
    int failed =
        !registers || ds_sketch_from_registers(&row.sketch, DS_SKETCH_BITS, registers) ? -1 : 0;
    free(registers);
    if (!failed && row.sketch.count)
        failed = append(&w->sketches, &row);
    if (failed || row.sketch.count == 0)
        ds_sketch_finish(&row.sketch);
    return failed;
}
