/* SPDX-License-Identifier: Apache-2.0
 *
 * Sketches as compressed columns, on the wire and in the store; docs/protocol.md has the form. Two
 * tables: which sketches there are, and the registers of all of them that are not 0.
 */
#ifndef DARKSCOPE_SKETCH_COLUMNS_H
#define DARKSCOPE_SKETCH_COLUMNS_H

#include "cursor.h"
#include "darkscope/message.h"
#include "darkscope/sketches.h"

#include <zstd.h>

struct ds_sketch_columns {
    unsigned char *rows, *registers; /* from malloc */
    size_t rows_bytes, registers_bytes;
};

/* The names of signatures go beside them, in the order of the rows that have one. The caller frees
 * what *out holds. 0, or -1 without memory. */
int ds_sketch_columns_pack(const struct ds_sketches *s, struct ds_sketch_columns *out);

struct ds_sketch_name {
    char id[DS_SIGNATURE_ID_MAX + 1];
};
/* The rows are put into s, which has none and takes nothing but them. They come out strictly sorted
 * and valid. s is the caller's to finish in any case. */
enum ds_decode ds_sketch_columns_unpack(struct ds_bytes rows, struct ds_bytes registers,
                                        const struct ds_sketch_name *names, size_t name_count,
                                        struct ds_sketches *s, const char **why);

/* Kept for many sketches, one after the other; zeroed, made when it is needed. */
struct ds_sketch_coder {
    ZSTD_CCtx *pack;
    ZSTD_DCtx *unpack;
};
void ds_sketch_coder_finish(struct ds_sketch_coder *c);

/* One sketch alone: its precision in the first byte, then a table of its registers. */
int ds_sketch_pack(struct ds_sketch_coder *c, const struct ds_sketch *s, unsigned char **out,
                   size_t *out_bytes);
/* s is fresh, and the caller's to finish in any case. */
enum ds_decode ds_sketch_unpack(struct ds_sketch_coder *c, const void *packed, size_t size,
                                struct ds_sketch *s, const char **why);

#endif
