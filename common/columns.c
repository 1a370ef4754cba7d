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
#define VARINT_BYTES_MAX  8  /* 56 bits: room for DS_COUNT_MAX and for a key */
#define COMPRESSION_LEVEL 1  /* 3 costs twice the time for 0 to 3 % */
#define WINDOW_LOG_MAX    23 /* 8 MB of content looked back at, as RFC 8878 recommends */
#define PIECE_BYTES       16384

static_assert(DS_COUNT_MAX < UINT64_C(1) << (7 * VARINT_BYTES_MAX), "a count fits a varint");
static_assert((uint64_t)DS_CELLS_MAX * COLUMNS * VARINT_BYTES_MAX + VARINT_BYTES_MAX <=
                  DS_MESSAGE_UNPACKED,
              "the largest table fits its bound");

static const char not_acceptable[] = "cells: not a zstd frame of an acceptable size";
static const char damaged[] = "cells: damaged zstd frame";

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

/* A bounded reader of the varints in a frame, which it unpacks piece by piece: what is no table is
 * refused before the rest of it costs anything. The first fault sticks and makes every later value
 * 0. */
struct varints {
    ZSTD_DStream *stream;
    ZSTD_inBuffer packed;
    size_t hint;         /* of zstd: 0 where the frame is complete */
    uint64_t left_bytes; /* of the content, not unpacked yet */
    const uint8_t *at, *end;
    enum ds_decode result;
    const char *why;
    uint8_t piece[PIECE_BYTES];
};

static void fail(struct varints *v, const char *why)
{
    v->at = v->end;
    if (v->result != DS_DECODE_OK)
        return;
    v->result = DS_DECODE_MALFORMED;
    v->why = why;
}

/* Returns the bytes that were unpacked. */
static size_t unpack_piece(struct varints *v, size_t room)
{
    ZSTD_outBuffer out = {v->piece, room, 0};
    v->hint = ZSTD_decompressStream(v->stream, &out, &v->packed);
    switch (ZSTD_getErrorCode(v->hint)) {
    case ZSTD_error_no_error:
        return out.pos;
    case ZSTD_error_memory_allocation:
        v->result = DS_DECODE_NO_MEMORY;
        break;
    case ZSTD_error_frameParameter_windowTooLarge:
        fail(v, not_acceptable);
        break;
    default:
        fail(v, damaged);
    }
    return 0;
}

static bool refill(struct varints *v)
{
    if (v->left_bytes == 0)
        fail(v, "cells: columns end early");
    if (v->result != DS_DECODE_OK)
        return false;
    size_t bytes = unpack_piece(v, sizeof v->piece);
    if (bytes == 0 || bytes > v->left_bytes) {
        fail(v, damaged);
        return false;
    }
    v->left_bytes -= bytes;
    v->at = v->piece;
    v->end = v->piece + bytes;
    return true;
}

/* All values are read: is that all there is? */
static void expect_end(struct varints *v)
{
    if (v->at != v->end || v->left_bytes > 0)
        fail(v, "cells: bytes behind the last column");
    if (v->result == DS_DECODE_OK && v->hint != 0)
        unpack_piece(v, 0); /* the checksum may still be missing */
    if (v->hint != 0 || v->packed.pos != v->packed.size)
        fail(v, damaged);
}

static uint64_t get_varint(struct varints *v, uint64_t max)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 7 * VARINT_BYTES_MAX; shift += 7) {
        if (v->at == v->end && !refill(v))
            return 0;
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
    for (size_t i = 0; i < n && v->result == DS_DECODE_OK; i++) {
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
    for (size_t i = 0; i < n && v->result == DS_DECODE_OK; i++) {
        cells[i].packets = get_varint(v, DS_COUNT_MAX);
        if (cells[i].packets == 0)
            fail(v, "cells: a cell without packets");
        add_to_sum(v, &sum, cells[i].packets);
    }
    sum = 0;
    for (size_t i = 0; i < n && v->result == DS_DECODE_OK; i++)
        cells[i].bytes = get_varint(v, DS_COUNT_MAX / cells[i].packets) * cells[i].packets;
    for (size_t i = 0; i < n && v->result == DS_DECODE_OK; i++) {
        cells[i].bytes += get_varint(v, cells[i].packets - 1);
        add_to_sum(v, &sum, cells[i].bytes);
    }
    for (size_t i = 0; i < n && v->result == DS_DECODE_OK; i++)
        cells[i].sources = cells[i].packets - get_varint(v, cells[i].packets);
    for (size_t i = 0; i < n && v->result == DS_DECODE_OK; i++)
        cells[i].survey_packets = get_varint(v, cells[i].packets);
}

/* NULL after a fault. */
static struct ds_cell *get_columns(struct varints *v, size_t *n)
{
    size_t count = get_varint(v, DS_CELLS_MAX);
    if (count > (v->left_bytes + (size_t)(v->end - v->at)) / COLUMNS)
        fail(v, "cells: more of them than bytes");
    struct ds_cell *cells = v->result == DS_DECODE_OK ? calloc(count + 1, sizeof cells[0]) : NULL;
    if (!cells && v->result == DS_DECODE_OK)
        v->result = DS_DECODE_NO_MEMORY;
    get_keys(v, cells, count);
    get_counts(v, cells, count);
    expect_end(v);
    if (v->result == DS_DECODE_OK) {
        *n = count;
        return cells;
    }
    free(cells);
    return NULL;
}

enum ds_decode ds_columns_unpack(const void *packed, size_t size, struct ds_cell **cells, size_t *n,
                                 const char **why)
{
    /* A frame spends at least 4 bytes on a block, and a block holds at most 128 KB: a frame that
     * claims more lies. Unknown and broken sizes are huge numbers. No closer ratio is safe to
     * demand: one source that goes through all ports packs 6,000 : 1. */
    unsigned long long content_bytes = ZSTD_getFrameContentSize(packed, size);
    if (content_bytes > DS_MESSAGE_UNPACKED || content_bytes / ZSTD_BLOCKSIZE_MAX > size / 4) {
        *why = not_acceptable;
        return DS_DECODE_MALFORMED;
    }
    struct varints v = {.packed = {packed, size, 0}, .left_bytes = content_bytes};
    v.stream = ZSTD_createDStream();
    if (!v.stream)
        return DS_DECODE_NO_MEMORY;
    ZSTD_DCtx_setParameter(v.stream, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
    *cells = get_columns(&v, n);
    ZSTD_freeDStream(v.stream);
    *why = v.why;
    return v.result;
}
