/* SPDX-License-Identifier: Apache-2.0
 *
 * The cells of a month, from those of its days: so that a question to a year reads twelve sums.
 * They are written in the transaction that writes a day, and so always are the sums of the days
 * that the file has: a day that is new is added to them, one that is written again means to add up
 * all of them.
 */
#include "merge_runs.h"
#include "roll.h"

#include <stdlib.h>

#define HOURS    24
#define RUNS_MAX 4096u /* days and their generations */

struct month {
    struct builder cells;
    enum chunk_kind kind;
};

static int each_key(void *arg, uint64_t key, struct run_cell *cells, size_t count)
{
    struct month *m = arg;
    struct ds_chunk_cell sum = {.key = key};
    for (size_t i = 0; i < count; i++) {
        const struct ds_chunk_cell *c = &cells[i].cell;
        sum.packets += c->packets;
        sum.bytes += c->bytes;
        sum.survey_packets += c->survey_packets;
        sum.windows += c->windows;
        sum.sources_peak = c->sources_peak > sum.sources_peak ? c->sources_peak : sum.sources_peak;
        sum.is_inexact |= c->is_inexact;
    }
    if (m->kind == CHUNK_COUNTRY) /* there is none to tell: the value that takes no room */
        sum.sources_peak = sum.packets - sum.windows + 1;
    *ds_builder_next(&m->cells, key) = sum;
    return m->cells.has_failed ? -1 : 0;
}

static int begin_run(struct store_file *f, struct run *runs, size_t *count, const char *sql,
                     const int64_t values[static 4], struct ds_error *err)
{
    struct run *r = &runs[*count];
    *r = (struct run){.file = f, .number = (uint32_t)*count};
    r->chunks = ds_sqlite_prepare(f, sql, err);
    if (!r->chunks)
        return -1;
    for (int i = 0; i < sqlite3_bind_parameter_count(r->chunks); i++)
        sqlite3_bind_int64(r->chunks, i + 1, values[i]);
    (*count)++;
    return 0;
}

/* values: kind, sensor, start, generation. */
static int begin_day(struct store_file *f, struct run *runs, size_t *count,
                     const int64_t values[static 4], struct ds_error *err)
{
    return begin_run(f, runs, count,
                     "SELECT data FROM day_chunk WHERE kind = ? AND sensor = ? AND start = ? AND"
                     " generation = ? ORDER BY first_key",
                     values, err);
}

/* One for each day and generation. */
static int begin_days(struct store_file *f, enum chunk_kind kind, int64_t sensor, struct run *runs,
                      size_t *count, struct ds_error *err)
{
    sqlite3_stmt *days = ds_sqlite_prepare(
        f, "SELECT start, generation FROM day_chunks WHERE sensor = ? ORDER BY start, generation",
        err);
    int row = days ? 1 : -1;
    if (days)
        sqlite3_bind_int64(days, 1, sensor);
    while (row > 0 && (row = ds_sqlite_step(f, days, err)) == 1) {
        const int64_t values[] = {kind, sensor, sqlite3_column_int64(days, 0),
                                  sqlite3_column_int64(days, 1)};
        if (*count == RUNS_MAX)
            row = ds_sqlite_damaged(f, "day_chunks", "it has too many days", err);
        else if (begin_day(f, runs, count, values, err) < 0)
            row = -1;
    }
    sqlite3_finalize(days);
    return row;
}

/* The caller finishes as many as there are in *count. */
static int begin_runs(struct store_file *f, enum chunk_kind kind, int64_t sensor,
                      const struct ds_roll_added *added, struct run *runs, size_t *count,
                      struct ds_error *err)
{
    if (!added)
        return begin_days(f, kind, sensor, runs, count, err);
    const int64_t values[] = {kind, sensor, added->start_s, added->generation};
    if (begin_run(f, runs, count,
                  "SELECT data FROM month_chunk WHERE kind = ? AND sensor = ? ORDER BY first_key",
                  values, err) < 0)
        return -1;
    return begin_day(f, runs, count, values, err);
}

static int merge(struct store_file *f, struct month *m, int64_t sensor,
                 const struct ds_roll_added *added, struct run *runs, struct ds_error *err)
{
    size_t count = 0;
    if (begin_runs(f, m->kind, sensor, added, runs, &count, err) < 0) {
        while (count > 0)
            ds_run_finish(&runs[--count]);
        return -1;
    }
    return ds_runs_merge(runs, count, each_key, m, err);
}

/* In memory first: the sums until now are read meanwhile. */
static int write_kind(struct store_file *f, enum chunk_kind kind, int64_t sensor,
                      const struct ds_roll_added *added, uint32_t windows, struct run *runs,
                      struct ds_error *err)
{
    struct month m = {.kind = kind};
    const struct chunk_set set = {.table = "month_chunk", .kind = kind, .sensor = sensor};
    const int64_t values[] = {kind, sensor};
    struct chunk_rows rows = {0};
    ds_builder_begin_rows(&m.cells, f->kind, &rows, CHUNK_CELLS_DAY, windows, err);
    int result = merge(f, &m, sensor, added, runs, err);
    if (ds_builder_finish(&m.cells) < 0)
        result = -1;
    if (result == 0)
        result = ds_sqlite_exec_with(f, "DELETE FROM month_chunk WHERE kind = ? AND sensor = ?",
                                     values, 2, err);
    if (result == 0)
        result = ds_chunk_rows_write(&rows, f, &set, err);
    ds_chunk_rows_finish(&rows);
    return result;
}

static int write_sums(struct store_file *days, int64_t sensor, const struct ds_roll_added *added,
                      struct ds_error *err)
{
    int64_t windows = 0, count = 0;
    if (ds_sqlite_number(days, "SELECT sum(windows) FROM day WHERE sensor = ?", &sensor, 1,
                         &windows, err) < 0 ||
        ds_sqlite_number(days, "SELECT count(*) FROM day_chunks WHERE sensor = ?", &sensor, 1,
                         &count, err) < 0)
        return -1;
    struct run *runs = calloc(RUNS_MAX, sizeof *runs);
    int result = runs ? 0 : ds_error(err, DS_FAILURE, "out of memory");
    for (unsigned kind = 0; kind < CHUNK_KIND_COUNT && result == 0; kind++) {
        /* A country's hours have 1. */
        int64_t most = kind == CHUNK_COUNTRY ? count * HOURS : windows;
        result = write_kind(days, (enum chunk_kind)kind, sensor, added, (uint32_t)most, runs, err);
    }
    free(runs);
    return result;
}

int ds_roll_month(struct store_file *days, int64_t sensor, const struct ds_roll_added *added,
                  struct ds_error *err)
{
    int result = write_sums(days, sensor, added, err);
    /* Sums that cannot be read would keep out every later day; the days have what they were made
     * of. A failure that ended the transaction is another. */
    if (result < 0 && added && !sqlite3_get_autocommit(days->db))
        result = write_sums(days, sensor, NULL, err);
    return result;
}
