/* SPDX-License-Identifier: Apache-2.0 */
#include "merge_runs.h"

#include <stdlib.h>

static int open_chunk(struct run *r, struct ds_error *err)
{
    const char *why;
    const void *data = sqlite3_column_blob(r->chunks, 0);
    int opened = ds_chunk_open(&r->chunk, data, (size_t)sqlite3_column_bytes(r->chunks, 0), &why);
    if (opened < 0)
        return ds_error(err, DS_FAILURE, "out of memory");
    return opened > 0 ? ds_sqlite_damaged(r->file, "a chunk", why, err) : 0;
}

/* Steps to the row of the next chunk. One ahead, so that a run of one chunk has no open cursor once
 * that is unpacked: SQLite looks through all of them with each change, and an hour may have 3,600.
 */
static int step_ahead(struct run *r, struct ds_error *err)
{
    int row = ds_sqlite_step(r->file, r->chunks, err);
    r->is_begun = true;
    r->has_row = row > 0;
    return row < 0 ? -1 : 0;
}

int ds_run_next(struct run *r, struct ds_error *err)
{
    if (!r->is_begun && step_ahead(r, err) < 0)
        return -1;
    for (;;) {
        int got = ds_chunk_next(&r->chunk, &r->cell);
        if (got > 0 && r->cell->key < r->least)
            return ds_sqlite_damaged(r->file, "a chunk", "a key comes twice", err);
        if (got > 0) {
            r->least = r->cell->key + 1;
            return 1;
        }
        if (got < 0)
            return ds_sqlite_damaged(r->file, "a chunk", "its figures cannot be", err);
        if (!r->has_row)
            return 0;
        if (open_chunk(r, err) < 0 || step_ahead(r, err) < 0)
            return -1;
    }
}

void ds_run_finish(struct run *r)
{
    sqlite3_finalize(r->chunks);
    ds_chunk_finish(&r->chunk);
}

/* ---- a heap of runs, the one with the smallest next cell on top ---- */

struct heap_run {
    uint64_t order; /* key, then number: compared without a look at the run */
    struct run *run;
};

struct heap {
    struct heap_run *runs;
    size_t count;
};

/* A key has 48 bits, the number of a window in an hour 12. */
static uint64_t order_of(const struct run *r)
{
    return r->cell->key << 12 | r->number;
}

static void sift_down(struct heap *h, size_t at)
{
    const struct heap_run moved = h->runs[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= h->count)
            break;
        child += child + 1 < h->count && h->runs[child + 1].order < h->runs[child].order;
        if (h->runs[child].order >= moved.order)
            break;
        h->runs[at] = h->runs[child];
        at = child;
    }
    h->runs[at] = moved;
}

/* 0 or -1. */
static int advance_top(struct heap *h, struct ds_error *err)
{
    int got = ds_run_next(h->runs[0].run, err);
    if (got < 0)
        return -1;
    if (got == 0)
        h->runs[0] = h->runs[--h->count];
    else
        h->runs[0].order = order_of(h->runs[0].run);
    if (h->count > 0)
        sift_down(h, 0);
    return 0;
}

static int fill_heap(struct heap *h, struct run *runs, size_t count, struct ds_error *err)
{
    for (size_t i = 0; i < count; i++) {
        int got = ds_run_next(&runs[i], err);
        if (got < 0)
            return -1;
        if (got > 0)
            h->runs[h->count++] = (struct heap_run){order_of(&runs[i]), &runs[i]};
    }
    for (size_t i = h->count / 2; i-- > 0;)
        sift_down(h, i);
    return 0;
}

/* cells has room for one of each run: their chunks have one slot. */
static int merge(struct heap *h, struct run_cell *cells, run_fn *each, void *arg,
                 struct ds_error *err)
{
    while (h->count > 0) {
        uint64_t key = h->runs[0].run->cell->key;
        size_t count = 0;
        while (h->count > 0 && h->runs[0].run->cell->key == key) {
            const struct run *r = h->runs[0].run;
            cells[count].number = r->number;
            cells[count++].cell = *r->cell;
            if (advance_top(h, err) < 0)
                return -1;
        }
        int result = each(arg, key, cells, count);
        if (result != 0)
            return result;
    }
    return 0;
}

int ds_runs_merge(struct run *runs, size_t count, run_fn *each, void *arg, struct ds_error *err)
{
    struct heap h = {.runs = malloc((count + 1) * sizeof *h.runs)};
    struct run_cell *cells = malloc((count + 1) * sizeof *cells);
    int result = h.runs && cells ? fill_heap(&h, runs, count, err)
                                 : ds_error(err, DS_FAILURE, "out of memory");
    if (result == 0)
        result = merge(&h, cells, each, arg, err);
    for (size_t i = 0; i < count; i++)
        ds_run_finish(&runs[i]);
    free(h.runs);
    free(cells);
    return result;
}
