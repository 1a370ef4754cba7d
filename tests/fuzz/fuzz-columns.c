/* SPDX-License-Identifier: Apache-2.0
 *
 * The columns inside the zstd frame, which a fuzzer of whole messages hardly gets behind.
 */
#include "columns.h"
#include "fuzz.h"

#include <zstd.h>

static void check_cell(const struct ds_cell *c)
{
    check(c->packets > 0 && c->packets <= DS_COUNT_MAX && c->bytes <= DS_COUNT_MAX);
    check(c->sources <= c->packets && c->survey_packets <= c->packets);
    check(c->cls < DS_CLASS_COUNT && ds_country_valid(c->country));
}

static void check_again(const struct ds_cell *cells, size_t n)
{
    unsigned char *packed;
    size_t size, count = 0;
    struct ds_cell *again = NULL;
    const char *why;
    check(ds_columns_pack(cells, n, &packed, &size) == 0);
    check(ds_columns_unpack(packed, size, &again, &count, &why) == DS_DECODE_OK && count == n);
    for (size_t i = 0; i < n; i++) {
        check(ds_cell_key(&again[i]) == ds_cell_key(&cells[i]));
        check(again[i].packets == cells[i].packets && again[i].bytes == cells[i].bytes);
        check(again[i].sources == cells[i].sources);
        check(again[i].survey_packets == cells[i].survey_packets);
    }
    free(again);
    free(packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t room = ZSTD_compressBound(size), n = 0;
    void *frame = malloc(room);
    struct ds_cell *cells = NULL;
    const char *why = NULL;
    check(frame);
    size_t packed = ZSTD_compress(frame, room, data, size, -1);
    enum ds_decode result = ds_columns_unpack(frame, packed, &cells, &n, &why);
    check((result == DS_DECODE_MALFORMED) == (why != NULL));
    for (size_t i = 0; i < n; i++) {
        check(i == 0 || ds_cell_key(&cells[i - 1]) < ds_cell_key(&cells[i]));
        check_cell(&cells[i]);
    }
    if (result == DS_DECODE_OK)
        check_again(cells, n);
    free(cells);
    free(frame);
    return 0;
}
