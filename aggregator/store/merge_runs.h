/* SPDX-License-Identifier: Apache-2.0
 *
 * Several sorted runs of cells (the windows of an hour, the hours of a day) read side by side, key
 * by key. In memory is one chunk a run.
 */
#ifndef DARKSCOPE_STORE_MERGE_RUNS_H
#define DARKSCOPE_STORE_MERGE_RUNS_H

#include "builder.h"

struct run {
    struct store_file *file;
    sqlite3_stmt *chunks; /* gives data, in order of first_key; the merge finalizes it */
    bool is_begun, has_row;
    struct ds_chunk chunk;
    const struct ds_chunk_cell *cell; /* the next one, of the chunk */
    uint64_t least;                   /* key that it may have */
    uint32_t number;                  /* of the window or hour; runs are merged in its order */
};

/* A cell of a run. */
struct run_cell {
    uint32_t number;
    struct ds_chunk_cell cell;
};

/* All cells of a key, by number, which may be changed. Returns 0 to go on; else the merge returns
 * it.
 */
typedef int run_fn(void *arg, uint64_t key, struct run_cell *cells, size_t count);

/* Finishes the runs, whatever it returns: 0, -1, or what each returned. */
int ds_runs_merge(struct run *runs, size_t count, run_fn *each, void *arg, struct ds_error *err);

/* Reads the next cell from a statement that gives data: 1, 0 at the end, -1. */
int ds_run_next(struct run *r, struct ds_error *err);
void ds_run_finish(struct run *r);

#endif
