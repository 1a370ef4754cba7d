/* SPDX-License-Identifier: Apache-2.0
 *
 * The columns of a cell
 *
 *   key        less the smallest key that may come here, so that no bytes can spell unsorted keys
 *   packets
 *   bytes      divided by packets: packets of one service are of one size
 *   remainder  of that division: nearly always 0
 *   repeats    packets less sources
 *   survey     packets
 */
#include "columns.h"

#include "frame.h"

#include <assert.h>
#include <stdlib.h>

enum column { KEY, PACKETS, BYTES, REMAINDER, REPEATS, SURVEY, COLUMNS };

static_assert(DS_COUNT_MAX < UINT64_C(1) << (7 * DS_VARINT_BYTES_MAX), "a count fits a varint");
static_assert((uint64_t)DS_CELLS_MAX * COLUMNS * DS_VARINT_BYTES_MAX + DS_VARINT_BYTES_MAX <=
                  DS_MESSAGE_UNPACKED,
              "the largest table fits its bound");

static uint8_t *put_keys(uint8_t *at, const struct ds_cell *cells, size_t n)
{
    uint64_t next_key = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t key = ds_cell_key(&cells[i]);
        assert(key >= next_key && cells[i].packets > 0);
        at = ds_varint_put(at, key - next_key);
        next_key = key + 1;
    }
    return at;
}

/* Most cells hold one packet, and a division takes as long as all else here. */
static uint64_t quotient(const struct ds_cell *c)
{
    return c->packets == 1 ? c->bytes : c->bytes / c->packets;
}

static uint64_t remainder_of(const struct ds_cell *c)
{
    return c->packets == 1 ? 0 : c->bytes % c->packets;
}

static uint8_t *put_column(uint8_t *at, const void *rows, size_t n, unsigned column)
{
    const struct ds_cell *cells = rows;
    switch ((enum column)column) {
    case KEY:
        return put_keys(at, cells, n);
    case PACKETS:
        for (size_t i = 0; i < n; i++)
            at = ds_varint_put(at, cells[i].packets);
        return at;
    case BYTES:
        for (size_t i = 0; i < n; i++)
            at = ds_varint_put(at, quotient(&cells[i]));
        return at;
    case REMAINDER:
        for (size_t i = 0; i < n; i++)
            at = ds_varint_put(at, remainder_of(&cells[i]));
        return at;
    case REPEATS:
        for (size_t i = 0; i < n; i++)
            at = ds_varint_put(at, cells[i].packets - cells[i].sources);
        return at;
    case SURVEY:
        for (size_t i = 0; i < n; i++)
            at = ds_varint_put(at, cells[i].survey_packets);
        return at;
    case COLUMNS:
        break;
    }
    return at;
}

int ds_columns_pack(const struct ds_cell *cells, size_t n, unsigned char **out, size_t *out_bytes)
{
    return ds_frame_pack(put_column, cells, n, COLUMNS, out, out_bytes);
}

/* Like DS_COUNT_MAX for the single count: a sum over all cells stays below it too. */
static void add_to_sum(struct ds_frame *f, uint64_t *sum, uint64_t count)
{
    *sum += count; /* both at most 2^53 */
    if (*sum > DS_COUNT_MAX)
        ds_frame_fail(f, "cells: their sum is out of range");
}

static void get_keys(struct ds_frame *f, struct ds_cell *cells, size_t n)
{
    const uint64_t keys = (uint64_t)DS_CLASS_COUNT << 40;
    uint64_t key = 0; /* the smallest that may come */
    for (size_t i = 0; i < n && ds_frame_ok(f); i++) {
        if (key == keys) {
            ds_frame_fail(f, "cells: a key is out of range");
            return;
        }
        key += ds_frame_get(f, keys - 1 - key);
        struct ds_cell *c = &cells[i];
        c->cls = (uint8_t)(key >> 40);
        c->proto = (uint8_t)(key >> 32);
        c->port = (uint16_t)(key >> 16);
        c->country = (ds_country)key;
        if (!ds_country_valid(c->country))
            ds_frame_fail(f, "cells: not a country");
        key++;
    }
}

static void get_counts(struct ds_frame *f, struct ds_cell *cells, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n && ds_frame_ok(f); i++) {
        cells[i].packets = ds_frame_get(f, DS_COUNT_MAX);
        if (cells[i].packets == 0)
            ds_frame_fail(f, "cells: a cell without packets");
        add_to_sum(f, &sum, cells[i].packets);
    }
    sum = 0;
    for (size_t i = 0; i < n && ds_frame_ok(f); i++)
        cells[i].bytes = ds_frame_get(f, DS_COUNT_MAX / cells[i].packets) * cells[i].packets;
    for (size_t i = 0; i < n && ds_frame_ok(f); i++) {
        cells[i].bytes += ds_frame_get(f, cells[i].packets - 1);
        add_to_sum(f, &sum, cells[i].bytes);
    }
    for (size_t i = 0; i < n && ds_frame_ok(f); i++)
        cells[i].sources = cells[i].packets - ds_frame_get(f, cells[i].packets);
    for (size_t i = 0; i < n && ds_frame_ok(f); i++)
        cells[i].survey_packets = ds_frame_get(f, cells[i].packets);
}

enum ds_decode ds_columns_unpack(const void *packed, size_t size, struct ds_cell **cells, size_t *n,
                                 const char **why)
{
    struct ds_frame f;
    ds_frame_open(&f, packed, size);
    size_t count = ds_frame_rows(&f, DS_CELLS_MAX, COLUMNS);
    struct ds_cell *rows = calloc(count + 1, sizeof *rows);
    if (!rows)
        ds_frame_no_memory(&f);
    get_keys(&f, rows, count);
    get_counts(&f, rows, count);
    enum ds_decode result = ds_frame_close(&f, why);
    if (result != DS_DECODE_OK) {
        free(rows);
        return result;
    }
    *cells = rows;
    *n = count;
    return DS_DECODE_OK;
}
