/* SPDX-License-Identifier: Apache-2.0
 *
 * Packed cells of the store. The input is what follows the checksum, which a fuzzer would not find.
 */
#include "store/chunk.h"

#include "crc32c.h"

#include <stdlib.h>
#include <string.h>

#define BODY_AT 5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ds_chunk chunk = {0};
    const struct ds_chunk_cell *cell;
    struct ds_chunk_cell last = {0};
    const char *why = NULL;
    bool is_first = true;
    uint8_t *bytes = malloc(size + BODY_AT);
    if (!bytes)
        return 0;
    uint32_t sum = ds_crc32c(data, size);
    bytes[0] = DS_CHUNK_VERSION;
    for (int i = 0; i < 4; i++)
        bytes[1 + i] = (uint8_t)(sum >> (8 * i));
    memcpy(bytes + BODY_AT, data, size);
    uint64_t seek = size ? (uint64_t)data[size / 2] << 33 : 0;
    if (ds_chunk_open(&chunk, bytes, size + BODY_AT, &why) == 0) {
        if (size % 3 == 0)
            ds_chunk_seek(&chunk, seek);
        for (; ds_chunk_next(&chunk, &cell) > 0; is_first = false) {
            if (!is_first &&
                (cell->key < last.key || (cell->key == last.key && cell->slot <= last.slot)))
                abort();
            if (cell->packets == 0 || cell->windows == 0 || cell->windows > cell->packets ||
                cell->sources_peak > cell->packets - cell->windows + 1 ||
                cell->survey_packets > cell->packets || cell->slot >= DS_CHUNK_SLOTS_MAX ||
                cell->key >> 40 >= DS_CLASS_COUNT || (size % 3 == 0 && cell->key < seek))
                abort();
            last = *cell;
        }
    }
    ds_chunk_finish(&chunk);
    free(bytes);
    return 0;
}
