/* SPDX-License-Identifier: Apache-2.0
 *
 * The columns inside the zstd frame, which a fuzzer of whole messages hardly gets behind.
 */
#include "columns.h"

#include <stdlib.h>
#include <zstd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t room = ZSTD_compressBound(size);
    void *frame = malloc(room);
    if (!frame)
        return 0;
    size_t packed = ZSTD_compress(frame, room, data, size, -1);
    struct ds_cell *cells = NULL;
    size_t n = 0;
    const char *why = NULL;
    enum ds_decode result = ds_columns_unpack(frame, packed, &cells, &n, &why);
    if ((result == DS_DECODE_MALFORMED) != (why != NULL))
        abort();
    for (size_t i = 0; i < n; i++) {
        const struct ds_cell *c = &cells[i];
        if ((i && ds_cell_key(&cells[i - 1]) >= ds_cell_key(c)) || c->cls >= DS_CLASS_COUNT ||
            c->packets == 0 || c->sources > c->packets || c->survey_packets > c->packets ||
            c->bytes > DS_COUNT_MAX || !ds_country_valid(c->country))
            abort();
    }
    free(cells);
    free(frame);
    return 0;
}
