/* SPDX-License-Identifier: Apache-2.0
 *
 * One zstd frame of varints (7 bits a byte, lowest first, the high bit says that more follow): the
 * number of cells, then a column at a time
 *
 *   key        less the smallest key that may come here, so that no bytes can spell unsorted keys
 *   packets
 *   bytes      divided by packets: packets of one service are of one size
 *   remainder  of that division: nearly always 0
 *   repeats    packets less sources
 *   survey     packets
 */
#include "columns.h"

#include <assert.h>
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define COLUMNS           6
#define VARINT_BYTES_MAX  8 /* 56 bits: room for DS_COUNT_MAX and for a key */
#define COMPRESSION_LEVEL 1 /* 3 costs twice the time for 0 to 3 % */

static_assert(DS_COUNT_MAX < UINT64_C(1) << (7 * VARINT_BYTES_MAX), "a count fits a varint");
static_assert((uint64_t)DS_CELLS_MAX * COLUMNS * VARINT_BYTES_MAX + VARINT_BYTES_MAX <=
                  DS_MESSAGE_UNPACKED,
              "the largest table fits its bound");

static uint8_t *put_varint(uint8_t *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *to++ = (uint8_t)(value | 0x80);
    *to++ = (uint8_t)value;
    return to;
}

static size_t put_columns(uint8_t *to, const struct ds_cell *cells, size_t n)
{
    uint8_t *at = put_varint(to, n);
    uint64_t next_key = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t key = ds_cell_key(&cells[i]);
        assert(key >= next_key && cells[i].packets > 0);
        at = put_varint(at, key - next_key);
        next_key = key + 1;
    }
    for (size_t i = 0; i < n; i++)
        at = put_varint(at, cells[i].packets);
    for (size_t i = 0; i < n; i++)
        at = put_varint(at, cells[i].bytes / cells[i].packets);
    for (size_t i = 0; i < n; i++)
        at = put_varint(at, cells[i].bytes % cells[i].packets);
    for (size_t i = 0; i < n; i++)
        at = put_varint(at, cells[i].packets - cells[i].sources);
    for (size_t i = 0; i < n; i++)
        at = put_varint(at, cells[i].survey_packets);
    return (size_t)(at - to);
}

int ds_columns_pack(const struct ds_cell *cells, size_t n, unsigned char **out, size_t *out_bytes)
{
    /* Only the pages that are written cost memory: about 6 bytes a cell. */
    uint8_t *raw = malloc((n * COLUMNS + 1) * VARINT_BYTES_MAX);
    if (!raw)
        return -1;
    size_t raw_bytes = put_columns(raw, cells, n);
    size_t room = ZSTD_compressBound(raw_bytes);
    unsigned char *packed = malloc(room);
    size_t packed_bytes =
        packed ? ZSTD_compress(packed, room, raw, raw_bytes, COMPRESSION_LEVEL) : 0;
    free(raw);
    if (!packed || ZSTD_isError(packed_bytes)) { /* with enough room, only memory can fail */
        free(packed);
        return -1;
    }
    *out = packed;
    *out_bytes = packed_bytes;
    return 0;
}

/* A bounded reader of varints; the first fault sticks and makes every later value 0. */
struct varints {
    const uint8_t *at, *end;
    const char *why;
};

static void fail(struct varints *v, const char *why)
{
    if (!v->why)
        v->why = why;
    v->at = v->end;
}

static uint64_t get_varint(struct varints *v, uint64_t max)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 7 * VARINT_BYTES_MAX; shift += 7) {
        if (v->at == v->end) {
            fail(v, "cells: columns end early");
            return 0;
        }
        uint8_t byte = *v->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            if (value <= max)
                return value;
            break;
        }
    }
    fail(v, "cells: a value is out of range");
    return 0;
}

/* Like DS_COUNT_MAX for the single count: a sum over all cells stays below it too. */
static void add_to_sum(struct varints *v, uint64_t *sum, uint64_t count)
{
    *sum += count; /* both at most 2^53 */
    if (*sum > DS_COUNT_MAX)
        fail(v, "cells: their sum is out of range");
}

static void get_keys(struct varints *v, struct ds_cell *cells, size_t n)
{
    const uint64_t keys = (uint64_t)DS_CLASS_COUNT << 40;
    uint64_t key = 0; /* the smallest that may come */
    for (size_t i = 0; i < n && !v->why; i++) {
        if (key == keys) {
            fail(v, "cells: a key is out of range");
            return;
        }
        key += get_varint(v, keys - 1 - key);
        struct ds_cell *c = &cells[i];
        c->cls = (uint8_t)(key >> 40);
        c->proto = (uint8_t)(key >> 32);
        c->port = (uint16_t)(key >> 16);
        c->country = (ds_country)key;
        if (!ds_country_valid(c->country))
            fail(v, "cells: not a country");
        key++;
    }
}

static void get_counts(struct varints *v, struct ds_cell *cells, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n && !v->why; i++) {
        cells[i].packets = get_varint(v, DS_COUNT_MAX);
        if (cells[i].packets == 0)
            fail(v, "cells: a cell without packets");
        add_to_sum(v, &sum, cells[i].packets);
    }
    sum = 0;
    for (size_t i = 0; i < n && !v->why; i++)
        cells[i].bytes = get_varint(v, DS_COUNT_MAX / cells[i].packets) * cells[i].packets;
    for (size_t i = 0; i < n && !v->why; i++) {
        cells[i].bytes += get_varint(v, cells[i].packets - 1);
        add_to_sum(v, &sum, cells[i].bytes);
    }
    for (size_t i = 0; i < n && !v->why; i++)
        cells[i].sources = cells[i].packets - get_varint(v, cells[i].packets);
    for (size_t i = 0; i < n && !v->why; i++)
        cells[i].survey_packets = get_varint(v, cells[i].packets);
}

static enum ds_decode get_columns(struct varints *v, struct ds_cell **cells, size_t *n)
{
    size_t count = get_varint(v, DS_CELLS_MAX);
    if (count > (size_t)(v->end - v->at) / COLUMNS)
        fail(v, "cells: more of them than bytes");
    if (v->why)
        return DS_DECODE_MALFORMED;
    struct ds_cell *table = calloc(count + 1, sizeof *table);
    if (!table)
        return DS_DECODE_NO_MEMORY;
    get_keys(v, table, count);
    get_counts(v, table, count);
    if (v->at != v->end)
        fail(v, "cells: bytes behind the last column");
    if (v->why) {
        free(table);
        return DS_DECODE_MALFORMED;
    }
    *cells = table;
    *n = count;
    return DS_DECODE_OK;
}

enum ds_decode ds_columns_unpack(const void *packed, size_t size, struct ds_cell **cells, size_t *n,
                                 const char **why)
{
    /* A frame spends at least 4 bytes on a block, and a block holds at most 128 KB: a frame that
     * claims more lies. Unknown and broken sizes are huge numbers. */
    unsigned long long raw_bytes = ZSTD_getFrameContentSize(packed, size);
    if (raw_bytes > DS_MESSAGE_UNPACKED || raw_bytes / ZSTD_BLOCKSIZE_MAX > size / 4) {
        *why = "cells: not a zstd frame of an acceptable size";
        return DS_DECODE_MALFORMED;
    }
    uint8_t *raw = malloc(raw_bytes + 1);
    if (!raw)
        return DS_DECODE_NO_MEMORY;
    enum ds_decode result = DS_DECODE_MALFORMED;
    size_t got = ZSTD_decompress(raw, raw_bytes, packed, size);
    if (got == raw_bytes) {
        struct varints v = {.at = raw, .end = raw + raw_bytes};
        result = get_columns(&v, cells, n);
        *why = v.why;
    } else if (ZSTD_getErrorCode(got) == ZSTD_error_memory_allocation) {
        result = DS_DECODE_NO_MEMORY;
    } else {
        *why = "cells: damaged zstd frame";
    }
    free(raw);
    return result;
}
