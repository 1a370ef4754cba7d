/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables on the wire and on disk: one zstd frame of variable-length integers, 7 bits a byte, lowest
 * first, the high bit says that more follow. The first number is that of the rows, then comes a
 * column at a time, because neighbours in a column are alike.
 */
#ifndef DARKSCOPE_FRAME_H
#define DARKSCOPE_FRAME_H

#include "darkscope/message.h"

#include <zstd.h>

#define DS_VARINT_BYTES_MAX 8     /* 56 bits: room for DS_COUNT_MAX and for a cell's key */
#define DS_FRAME_PIECE      49152 /* a sketch of 2^14 registers, nearly always */

/* Returns where the next one goes. to has room for DS_VARINT_BYTES_MAX bytes. */
static inline uint8_t *ds_varint_put(uint8_t *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *to++ = (uint8_t)(value | 0x80);
    *to++ = (uint8_t)value;
    return to;
}

/* Writes a column of a table, a value of each row, and returns where the next one goes. to has room
 * for DS_VARINT_BYTES_MAX bytes a row. */
typedef uint8_t *ds_frame_put_fn(uint8_t *to, const void *rows, size_t row_count, unsigned column);

/* How many rows a frame says that it has, by its beginning alone; 0 where that is none. */
size_t ds_frame_count_rows(const void *packed, size_t size);

/* Makes a frame of a table; the caller frees *out. 0, or -1 without memory. with: for many small
 * ones, which cost several times as much without, as it is set up; or NULL. */
int ds_frame_pack_with(ZSTD_CCtx *with, ds_frame_put_fn *put, const void *rows, size_t row_count,
                       unsigned columns, unsigned char **out, size_t *out_bytes);
int ds_frame_pack(ds_frame_put_fn *put, const void *rows, size_t row_count, unsigned columns,
                  unsigned char **out, size_t *out_bytes);

/* A bounded reader of the integers in a frame, which it unpacks piece by piece: what is no table is
 * refused before the rest of it costs anything. The first fault sticks and makes every later value
 * 0. */
struct ds_frame {
    ZSTD_DStream *stream;
    ZSTD_inBuffer packed;
    size_t hint;         /* of zstd: 0 where the frame is complete */
    uint64_t left_bytes; /* of the content, not unpacked yet */
    const uint8_t *at, *end;
    enum ds_decode result;
    const char *why; /* static text, where result is DS_DECODE_MALFORMED */
    uint8_t piece[DS_FRAME_PIECE];
};

/* packed is borrowed. Look at result only after ds_frame_close, which must be called. */
void ds_frame_open(struct ds_frame *f, const void *packed, size_t size);
/* The same for frames that are mostly small: one that fits a piece is unpacked at once, with this.
 */
void ds_frame_open_small(struct ds_frame *f, ZSTD_DCtx *with, const void *packed, size_t size);
/* Reads the number of rows: at most max, each of at least row_bytes bytes, which must be there. */
size_t ds_frame_rows(struct ds_frame *f, size_t max, size_t row_bytes);
void ds_frame_fail(struct ds_frame *f, const char *why);
/* Memory for what is read ran out. */
void ds_frame_no_memory(struct ds_frame *f);
/* All values are read: checks that this is all there is, and frees. */
enum ds_decode ds_frame_close(struct ds_frame *f, const char **why);

/* Out of line: the next piece. False at the end or after a fault. */
bool ds_frame_refill(struct ds_frame *f);

static inline uint64_t ds_frame_get(struct ds_frame *f, uint64_t max)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 7 * DS_VARINT_BYTES_MAX; shift += 7) {
        if (f->at == f->end && !ds_frame_refill(f))
            return 0;
        uint8_t byte = *f->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            if (value <= max)
                return value;
            break;
        }
    }
    ds_frame_fail(f, "columns: a value is out of range");
    return 0;
}

static inline bool ds_frame_ok(const struct ds_frame *f)
{
    return f->result == DS_DECODE_OK;
}

#endif
