/* SPDX-License-Identifier: Apache-2.0
 *
 * Cells as packed columns: the blobs of the store. docs/storage.md has the form. A chunk holds a
 * stretch of keys, each with its figures in one or several slots of time (the hours of a day).
 * Pure: no I/O. What is read may be damaged or hostile: it is checked before it is used.
 */
#ifndef DARKSCOPE_STORE_CHUNK_H
#define DARKSCOPE_STORE_CHUNK_H

#include "darkscope/window.h"

#include <zstd.h>

#define DS_CHUNK_VERSION   2
#define DS_CHUNK_CELLS_MAX 65536u
#define DS_CHUNK_SLOTS_MAX 32u
#define DS_CHUNK_COUNT_MAX (UINT64_C(1) << 62) /* of a figure */

/* What was seen of a key in a slot, summed over windows. */
struct ds_chunk_cell {
    uint64_t key; /* as ds_cell_key */
    uint32_t slot;
    uint32_t windows;     /* with such a packet, at least 1 and at most packets */
    uint32_t first, last; /* of them, in seconds from the slot's start; 0 where not kept */
    uint64_t packets;     /* at least 1 */
    uint64_t bytes;
    uint64_t survey_packets; /* at most packets */
    uint64_t sources_peak;   /* the most in one window; at most packets - windows + 1 */
    bool is_inexact;         /* in a window it may have been more */
};

enum ds_chunk_column {
    DS_CHUNK_KEY,   /* of a new key: what its number is above the one before, less 1 */
    DS_CHUNK_SLOTS, /* of a key: in how many slots, less 1 */
    DS_CHUNK_SLOT,  /* of a cell, as the following: what it is above the key's one before, less 1 */
    DS_CHUNK_PACKETS,   /* less 1 */
    DS_CHUNK_BYTES,     /* divided by packets */
    DS_CHUNK_REMAINDER, /* of that division */
    DS_CHUNK_WINDOWS,   /* what they are below the most possible */
    DS_CHUNK_REPEATS,   /* what sources_peak is below the most possible; or sources_peak less 1 */
    DS_CHUNK_SURVEY,    /* survey_packets; or the other packets */
    DS_CHUNK_INEXACT,
    DS_CHUNK_FIRST,
    DS_CHUNK_LAST, /* after first */
    DS_CHUNK_COLUMNS
};

/* Which of two forms columns have in a chunk. */
#define DS_CHUNK_HAS_SOURCES 1u /* DS_CHUNK_REPEATS: the second */
#define DS_CHUNK_HAS_OTHERS  2u /* DS_CHUNK_SURVEY: the second */

/* ---- writing ---- */

/* Zeroed, then kept for the next chunk. */
struct ds_chunk_packer {
    bool is_quick; /* takes a quarter less time and more room: for what is not kept for long */
    ZSTD_CCtx *zstd;
    uint8_t *plain, *packed;
    size_t plain_bytes, packed_bytes; /* allocated */
};

/* Packs 1 to DS_CHUNK_CELLS_MAX cells in order of key, then slot, that keep the promises above;
 * windows_max: no cell has more. *out is the packer's, until the next call. 0, or -1 without
 * memory. */
int ds_chunk_pack(struct ds_chunk_packer *p, const struct ds_chunk_cell *cells, size_t count,
                  uint32_t windows_max, const uint8_t **out, size_t *out_bytes);
void ds_chunk_packer_finish(struct ds_chunk_packer *p);

/* ---- reading ---- */

#define DS_CHUNK_BATCH 64u /* cells that are unpacked together */

/* Where the reading of a chunk is, behind the batch. */
struct ds_chunk_place {
    size_t keys_left, cells_left;
    size_t key_cells_left; /* of the key that is being read */
    uint64_t key;          /* that is being read */
    uint64_t least_number; /* of a key that may come */
    uint32_t slot;         /* the smallest that may come */
    bool is_first_key;     /* none was read */
};

/* Zeroed, then opened again and again; reads forward. */
struct ds_chunk {
    ZSTD_DCtx *zstd;
    uint8_t *plain;
    size_t plain_bytes;                  /* allocated */
    const uint8_t *at[DS_CHUNK_COLUMNS]; /* NULL: all zero */
    uint32_t windows_max;
    unsigned forms;
    struct ds_chunk_place place;
    size_t batch_at, batch_count;
    struct ds_chunk_cell batch[DS_CHUNK_BATCH];
};

/* packed is borrowed until this returns. 0; 1 where it is no good chunk: *why is static text; or -1
 * without memory. */
int ds_chunk_open(struct ds_chunk *c, const void *packed, size_t size, const char **why);

/* Steps over cells of keys below key. */
void ds_chunk_seek(struct ds_chunk *c, uint64_t key);

/* Out of line: unpacks the next batch. 1, 0 at the end, -1. */
int ds_chunk_refill(struct ds_chunk *c);

/* The next cell: 1, and *cell is the chunk's until the next call; 0 at the end; -1 where the
 * figures cannot be (damaged). */
static inline int ds_chunk_next(struct ds_chunk *c, const struct ds_chunk_cell **cell)
{
    if (c->batch_at == c->batch_count) {
        int filled = ds_chunk_refill(c);
        if (filled <= 0)
            return filled;
    }
    *cell = &c->batch[c->batch_at++];
    return 1;
}

void ds_chunk_finish(struct ds_chunk *c);

#endif
