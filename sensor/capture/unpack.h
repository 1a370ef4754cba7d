/* SPDX-License-Identifier: Apache-2.0
 *
 * Decompression of a stream piece by piece: gzip (also several members one after the other) and
 * zstd. Memory is bounded: zstd windows above 128 MiB are refused by the library's default.
 */
#ifndef DARKSCOPE_CAPTURE_UNPACK_H
#define DARKSCOPE_CAPTURE_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zlib.h>
#include <zstd.h>

enum ds_unpack_kind { DS_UNPACK_NONE, DS_UNPACK_GZIP, DS_UNPACK_ZSTD };

struct ds_unpack {
    enum ds_unpack_kind kind;
    bool whole;      /* the input so far is complete: it may end here */
    z_stream gzip;   /* DS_UNPACK_GZIP */
    ZSTD_DCtx *zstd; /* DS_UNPACK_ZSTD */
};

/* By the first bytes of the stream. */
enum ds_unpack_kind ds_unpack_detect(const uint8_t *data, size_t bytes);

/* 0, or -1 without memory. */
int ds_unpack_init(struct ds_unpack *u, enum ds_unpack_kind kind);
void ds_unpack_finish(struct ds_unpack *u);

/* Unpacks from *in, which it moves, up to in_end, into at most *out_bytes bytes at out, and writes
 * the number made to *out_bytes (also before an error). NULL, or a static text that says what is
 * wrong with the data. */
const char *ds_unpack_run(struct ds_unpack *u, const uint8_t **in, const uint8_t *in_end,
                          uint8_t *out, size_t *out_bytes);

#endif
