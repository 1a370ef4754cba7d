/* SPDX-License-Identifier: Apache-2.0 */
#include "frame.h"

#include <stdlib.h>
#include <zstd_errors.h>

#define COMPRESSION_LEVEL 1  /* 3 costs twice the time for 0 to 3 % */
#define WINDOW_LOG_MAX    23 /* 8 MB of content looked back at, as RFC 8878 recommends */

static const char not_acceptable[] = "columns: not a zstd frame of an acceptable size";
static const char damaged[] = "columns: damaged zstd frame";

/* The integers, for the caller to free; NULL without memory. Room is made for one column at a time:
 * nearly all values are of one byte, so most of the room for a whole table would be left unused. */
static uint8_t *put_table(ds_frame_put_fn *put, const void *rows, size_t row_count,
                          unsigned columns, size_t *bytes)
{
    uint8_t *raw = malloc(DS_VARINT_BYTES_MAX);
    size_t used = raw ? (size_t)(ds_varint_put(raw, row_count) - raw) : 0;
    for (unsigned column = 0; raw && column < columns; column++) {
        uint8_t *larger = realloc(raw, used + row_count * DS_VARINT_BYTES_MAX);
        if (larger)
            used = (size_t)(put(larger + used, rows, row_count, column) - larger);
        else
            free(raw);
        raw = larger;
    }
    *bytes = used;
    return raw;
}

int ds_frame_pack(ds_frame_put_fn *put, const void *rows, size_t row_count, unsigned columns,
                  unsigned char **out, size_t *out_bytes)
{
    return ds_frame_pack_with(NULL, put, rows, row_count, columns, out, out_bytes);
}

int ds_frame_pack_with(ZSTD_CCtx *with, ds_frame_put_fn *put, const void *rows, size_t row_count,
                       unsigned columns, unsigned char **out, size_t *out_bytes)
{
    size_t raw_bytes;
    uint8_t *raw = put_table(put, rows, row_count, columns, &raw_bytes);
    size_t room = ZSTD_compressBound(raw_bytes);
    unsigned char *packed = raw ? malloc(room) : NULL;
    size_t packed_bytes = 0;
    if (packed && with)
        packed_bytes = ZSTD_compress2(with, packed, room, raw, raw_bytes);
    else if (packed)
        packed_bytes = ZSTD_compress(packed, room, raw, raw_bytes, COMPRESSION_LEVEL);
    free(raw);
    if (!packed || ZSTD_isError(packed_bytes)) { /* with enough room, only memory can fail */
        free(packed);
        return -1;
    }
    *out = packed;
    *out_bytes = packed_bytes;
    return 0;
}

void ds_frame_fail(struct ds_frame *f, const char *why)
{
    f->at = f->end;
    if (f->result != DS_DECODE_OK)
        return;
    f->result = DS_DECODE_MALFORMED;
    f->why = why;
}

void ds_frame_no_memory(struct ds_frame *f)
{
    f->at = f->end;
    if (f->result == DS_DECODE_OK)
        f->result = DS_DECODE_NO_MEMORY;
}

void ds_frame_open(struct ds_frame *f, const void *packed, size_t size)
{
    /* Not all of it: the piece is large and need not be zero. */
    f->packed = (ZSTD_inBuffer){packed, size, 0};
    f->hint = 0;
    f->at = f->end = f->piece;
    f->result = DS_DECODE_OK;
    f->why = NULL;
    f->left_bytes = 0;
    f->stream = NULL;
    /* A frame spends at least 4 bytes on a block, and a block holds at most 128 KB: a frame that
     * claims more lies. Unknown and broken sizes are huge numbers. No closer ratio is safe to
     * demand: one source that goes through all ports packs 6,000 : 1. */
    unsigned long long content_bytes = ZSTD_getFrameContentSize(packed, size);
    if (content_bytes > DS_MESSAGE_UNPACKED || content_bytes / ZSTD_BLOCKSIZE_MAX > size / 4) {
        ds_frame_fail(f, not_acceptable);
        return;
    }
    f->left_bytes = content_bytes;
    f->stream = ZSTD_createDStream();
    if (!f->stream)
        ds_frame_no_memory(f);
    else
        ZSTD_DCtx_setParameter(f->stream, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
}

void ds_frame_open_small(struct ds_frame *f, ZSTD_DCtx *with, const void *packed, size_t size)
{
    unsigned long long content_bytes = ZSTD_getFrameContentSize(packed, size);
    if (content_bytes > sizeof f->piece || ZSTD_findFrameCompressedSize(packed, size) != size) {
        ds_frame_open(f, packed, size);
        return;
    }
    size_t bytes = ZSTD_decompressDCtx(with, f->piece, sizeof f->piece, packed, size);
    f->packed = (ZSTD_inBuffer){packed, size, size};
    f->hint = 0;
    f->left_bytes = 0;
    f->stream = NULL;
    f->result = DS_DECODE_OK;
    f->why = NULL;
    f->at = f->end = f->piece;
    if (!ZSTD_isError(bytes))
        f->end += bytes;
    else if (ZSTD_getErrorCode(bytes) == ZSTD_error_memory_allocation)
        ds_frame_no_memory(f);
    else
        ds_frame_fail(f, damaged);
}

/* Returns the bytes that were unpacked. */
static size_t unpack_piece(struct ds_frame *f, size_t room)
{
    ZSTD_outBuffer out = {f->piece, room, 0};
    f->hint = ZSTD_decompressStream(f->stream, &out, &f->packed);
    switch (ZSTD_getErrorCode(f->hint)) {
    case ZSTD_error_no_error:
        return out.pos;
    case ZSTD_error_memory_allocation:
        ds_frame_no_memory(f);
        break;
    case ZSTD_error_frameParameter_windowTooLarge:
        ds_frame_fail(f, not_acceptable);
        break;
    default:
        ds_frame_fail(f, damaged);
    }
    return 0;
}

bool ds_frame_refill(struct ds_frame *f)
{
    if (f->left_bytes == 0)
        ds_frame_fail(f, "columns: they end early");
    if (!ds_frame_ok(f))
        return false;
    size_t bytes = unpack_piece(f, sizeof f->piece);
    if (bytes == 0 || bytes > f->left_bytes) {
        ds_frame_fail(f, damaged);
        return false;
    }
    f->left_bytes -= bytes;
    f->at = f->piece;
    f->end = f->piece + bytes;
    return true;
}

size_t ds_frame_rows(struct ds_frame *f, size_t max, size_t row_bytes)
{
    size_t rows = ds_frame_get(f, max);
    if (rows > (f->left_bytes + (size_t)(f->end - f->at)) / row_bytes)
        ds_frame_fail(f, "columns: more rows than bytes");
    return ds_frame_ok(f) ? rows : 0;
}

size_t ds_frame_count_rows(const void *packed, size_t size)
{
    struct ds_frame f;
    ds_frame_open(&f, packed, size);
    size_t rows = ds_frame_rows(&f, SIZE_MAX, 1);
    ZSTD_freeDStream(f.stream);
    return rows;
}

static void expect_end(struct ds_frame *f)
{
    if (f->at != f->end || f->left_bytes > 0)
        ds_frame_fail(f, "columns: bytes behind the last");
    if (ds_frame_ok(f) && f->hint != 0)
        unpack_piece(f, 0); /* the checksum may still be missing */
    if (f->hint != 0 || f->packed.pos != f->packed.size)
        ds_frame_fail(f, damaged);
}

enum ds_decode ds_frame_close(struct ds_frame *f, const char **why)
{
    if (ds_frame_ok(f))
        expect_end(f);
    ZSTD_freeDStream(f->stream);
    *why = f->why;
    return f->result;
}
