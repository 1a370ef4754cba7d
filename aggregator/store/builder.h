/* SPDX-License-Identifier: Apache-2.0
 *
 * Sorted cells into rows of chunks, one chunk in memory at a time.
 */
#ifndef DARKSCOPE_STORE_BUILDER_H
#define DARKSCOPE_STORE_BUILDER_H

#include "chunk.h"
#include "sqlite.h"

/* What chunks are about; the numbers are stored. */
enum chunk_kind {
    CHUNK_PORT,         /* (class, protocol, port), country 0 */
    CHUNK_PORT_COUNTRY, /* all four */
    CHUNK_COUNTRY,      /* (class, protocol, country), port 0: sums over ports, no sources */
    CHUNK_KIND_COUNT
};

/* A chunk ends at the next key behind so many cells: small enough to read one port, large enough to
 * be packed well (docs/storage.md). The hours of a day lie in chunks as those of days; but those by
 * port are small, since a year of one port unpacks one of each day: two of them fill a page. */
#define CHUNK_CELLS_MINUTE    4096u
#define CHUNK_CELLS_HOUR      4096u
#define CHUNK_CELLS_HOUR_PORT 1280u
#define CHUNK_CELLS_DAY       8192u

#define KEY_WITHOUT_COUNTRY UINT64_C(0xffffffff0000)
#define KEY_WITHOUT_PORT    UINT64_C(0xffff0000ffff)

/* Chunks in memory, which are written later. Zeroed to begin with. */
struct chunk_rows {
    struct chunk_row *rows;
    size_t count;
    uint8_t *bytes; /* theirs, one after the other */
    size_t used, room;
};

struct builder {
    struct store_file *file;
    sqlite3_stmt *insert; /* or */
    struct chunk_rows *rows;
    struct ds_chunk_packer packer;
    struct ds_chunk_cell *cells;
    size_t count, target;
    uint32_t windows_max;
    bool has_failed;
    struct ds_chunk_cell spare; /* in place of all cells behind a fault */
    struct ds_error *err;
};

/* Where chunks go: the table, and the columns in front of their keys. */
struct chunk_set {
    const char *table; /* "minute_chunk", "hour_chunk", "day_chunk", "month_chunk" */
    enum chunk_kind kind;
    int64_t start_s, sensor, generation; /* as far as the table has them */
};

/* Cells of target and more make a chunk; no cell has more windows than windows_max. The first fault
 * sticks, and ds_builder_finish, which must be called, returns it: 0 or -1. */
void ds_builder_begin(struct builder *b, struct store_file *f, const struct chunk_set *set,
                      size_t target, uint32_t windows_max, struct ds_error *err);
/* The same into memory: file and set are only needed to write them. */
void ds_builder_begin_rows(struct builder *b, enum store_kind kind, struct chunk_rows *rows,
                           size_t target, uint32_t windows_max, struct ds_error *err);
/* Out of line: makes a chunk of the cells. */
void ds_builder_flush(struct builder *b);
int ds_builder_finish(struct builder *b);

/* The next cell, of this key, which the caller fills before anything else is done with the builder:
 * a cell that is made elsewhere and then copied waits for its parts, which were just written. */
static inline struct ds_chunk_cell *ds_builder_next(struct builder *b, uint64_t key)
{
    if (b->count >= b->target && key != b->cells[b->count - 1].key)
        ds_builder_flush(b);
    return b->has_failed ? &b->spare : &b->cells[b->count++];
}

/* In a transaction. 0 or -1. */
int ds_chunk_rows_write(const struct chunk_rows *rows, struct store_file *f,
                        const struct chunk_set *set, struct ds_error *err);
void ds_chunk_rows_finish(struct chunk_rows *rows);

#endif
