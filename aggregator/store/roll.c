/* SPDX-License-Identifier: Apache-2.0
 *
 * An hour from its windows. Its chunks and sketches are made in memory from a snapshot of the file
 * of their day; then they are committed in one short transaction, which puts have to wait for.
 */
#include "roll.h"

#include "hour_cells.h"
#include "sketches.h"

#include <stdlib.h>

struct hour {
    int64_t start_s, sensor;
    int64_t messages;  /* of it, when it was read */
    uint32_t *offsets; /* of its windows, in seconds from its start */
    size_t windows;
    struct run *runs;
    struct chunk_rows rows[CHUNK_KIND_COUNT];
    struct packed_sketches sketches;
    struct ds_error *err;
};

/* ---- the hour ---- */

static int begin_run(struct store_file *f, int64_t start_s, int64_t sensor, uint32_t number,
                     struct run *out, struct ds_error *err)
{
    *out = (struct run){.file = f, .number = number};
    out->chunks = ds_sqlite_prepare(f,
                                    "SELECT data FROM minute_chunk WHERE start = ? AND sensor = ?"
                                    " ORDER BY first_key",
                                    err);
    if (!out->chunks)
        return -1;
    sqlite3_bind_int64(out->chunks, 1, start_s);
    sqlite3_bind_int64(out->chunks, 2, sensor);
    return 0;
}

static int make_room(struct hour *h, size_t windows)
{
    h->offsets = calloc(windows + 1, sizeof *h->offsets);
    h->runs = calloc(windows + 1, sizeof *h->runs);
    return h->offsets && h->runs ? 0 : -1;
}

static void free_hour(struct hour *h)
{
    free(h->offsets);
    free(h->runs);
    for (unsigned kind = 0; kind < CHUNK_KIND_COUNT; kind++)
        ds_chunk_rows_finish(&h->rows[kind]);
    ds_packed_sketches_finish(&h->sketches);
}

/* 0 or -1. */
static int find_windows(struct hour *h, struct store_file *f)
{
    const int64_t values[] = {h->start_s, h->start_s + HOUR_S, h->sensor};
    int64_t count = 0;
    if (ds_sqlite_number(f,
                         "SELECT count(*) FROM window WHERE start >= ? AND start < ? AND"
                         " sensor = ?",
                         values, 3, &count, h->err) < 0)
        return -1;
    if (make_room(h, (size_t)count) < 0)
        return ds_error(h->err, DS_FAILURE, "out of memory");
    sqlite3_stmt *stmt = ds_sqlite_prepare(f,
                                           "SELECT start FROM window WHERE start >= ? AND"
                                           " start < ? AND sensor = ? ORDER BY start",
                                           h->err);
    if (!stmt)
        return -1;
    for (int i = 0; i < 3; i++)
        sqlite3_bind_int64(stmt, i + 1, values[i]);
    int row;
    while ((row = ds_sqlite_step(f, stmt, h->err)) == 1 && h->windows < (size_t)count) {
        int64_t start_s = sqlite3_column_int64(stmt, 0);
        uint32_t number = (uint32_t)h->windows++;
        h->offsets[number] = (uint32_t)(start_s - h->start_s);
        if (begin_run(f, start_s, h->sensor, number, &h->runs[number], h->err) < 0) {
            row = -1;
            break;
        }
    }
    sqlite3_finalize(stmt);
    if (row < 0)
        for (size_t i = 0; i < h->windows; i++)
            ds_run_finish(&h->runs[i]);
    return row < 0 ? -1 : 0;
}

int ds_roll_count(struct store_file *f, int64_t from_s, int64_t to_s, int64_t sensor,
                  int64_t *count, struct ds_error *err)
{
    const int64_t values[] = {from_s, to_s, sensor};
    return ds_sqlite_number(f,
                            "SELECT count(*) FROM message WHERE start >= ?1 AND start < ?2 AND"
                            " sensor = ?3",
                            values, 3, count, err);
}

/* In a snapshot. 0 or -1. */
static int read_hour(struct hour *h, struct store_file *f)
{
    if (ds_roll_count(f, h->start_s, h->start_s + HOUR_S, h->sensor, &h->messages, h->err) < 0 ||
        find_windows(h, f) < 0)
        return -1;
    const struct hour_cells cells = {
        .file = f, .runs = h->runs, .offsets = h->offsets, .windows = h->windows};
    if (ds_hour_cells_make(&cells, h->rows, h->err) < 0)
        return -1;
    return ds_roll_sketches_hour(f, h->start_s, h->sensor, &h->sketches, h->err);
}

static int write_chunks(struct hour *h, struct store_file *f)
{
    struct chunk_set set = {"hour_chunk", CHUNK_PORT, h->start_s, h->sensor, f->generation};
    for (unsigned kind = 0; kind < CHUNK_KIND_COUNT; kind++) {
        set.kind = (enum chunk_kind)kind;
        if (ds_chunk_rows_write(&h->rows[kind], f, &set, h->err) < 0)
            return -1;
    }
    const int64_t values[] = {h->start_s, h->sensor, f->generation, HOUR_S};
    return ds_sqlite_exec_with(f, "INSERT INTO hour_chunks VALUES (?,?,?,?)", values, 4, h->err);
}

/* Inside the transaction. 0, 1 where it is no longer what was read, -1. */
static int write_hour(struct hour *h, struct store_file *f)
{
    const int64_t old[] = {h->start_s, h->start_s + HOUR_S, h->sensor, f->generation};
    int64_t messages = 0;
    if (ds_roll_count(f, h->start_s, h->start_s + HOUR_S, h->sensor, &messages, h->err) < 0)
        return -1;
    if (messages != h->messages)
        return 1;
    int result = ds_roll_delete(f, "hour", old, h->err);
    if (result == 0 && h->windows > 0)
        result = write_chunks(h, f);
    if (result == 0 && h->windows > 0)
        result = ds_roll_tables_hour(f, h->start_s, h->sensor, h->err);
    if (result == 0 && h->windows > 0)
        result = ds_roll_sketches_write(f, h->start_s, h->sensor, &h->sketches, h->err);
    return result;
}

/* 0, 1 or -1. */
static int commit_hour(struct hour *h, struct store_file *f)
{
    if (ds_sqlite_exec(f, "BEGIN IMMEDIATE", h->err) < 0)
        return -1;
    int result = write_hour(h, f);
    if (result == 0)
        result = ds_sqlite_exec(f, "COMMIT", h->err);
    if (!sqlite3_get_autocommit(f->db))
        ds_sqlite_exec(f, "ROLLBACK", NULL);
    return result;
}

int ds_roll_hour(struct store_file *f, int64_t start_s, int64_t sensor, struct ds_error *err)
{
    struct hour h = {.start_s = start_s, .sensor = sensor, .err = err};
    int result = ds_sqlite_exec(f, "BEGIN", err);
    if (result == 0)
        result = read_hour(&h, f);
    if (!sqlite3_get_autocommit(f->db))
        ds_sqlite_exec(f, "ROLLBACK", NULL);
    if (result == 0) {
        pthread_mutex_lock(&f->store->shared->mutex);
        result = commit_hour(&h, f);
        pthread_mutex_unlock(&f->store->shared->mutex);
    }
    free_hour(&h);
    return result;
}

int ds_roll_forget(struct store_file *f, int64_t start_s, int64_t sensor, struct ds_error *err)
{
    int64_t hour_s = start_s - start_s % HOUR_S, is_rolled = 0;
    const int64_t key[] = {hour_s, sensor};
    if (ds_sqlite_exec_with(f, "DELETE FROM packed WHERE sensor = ?", &sensor, 1, err) < 0 ||
        ds_sqlite_number(f, "SELECT 1 FROM hour WHERE start = ? AND sensor = ?", key, 2, &is_rolled,
                         err) < 0)
        return -1;
    if (!is_rolled)
        return 0;
    const int64_t old[] = {hour_s, hour_s + HOUR_S, sensor, f->generation};
    return ds_roll_delete(f, "hour", old, err);
}
