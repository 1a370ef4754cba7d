/* SPDX-License-Identifier: Apache-2.0
 *
 * The cells of a month, from those of its days: so that a question to a year reads twelve sums.
 * They are made anew in the transaction that writes a day, and so always are the sums of the days
 * that the file has.
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
    ds_builder_add(&m->cells, &sum);
    return m->cells.has_failed ? -1 : 0;
}

/* One for each day and generation. The caller finishes as many as there are in *count. */
static int begin_runs(struct store_file *f, enum chunk_kind kind, int64_t sensor, struct run *runs,
                      size_t *count, struct ds_error *err)
{
    sqlite3_stmt *days = ds_sqlite_prepare(
        f, "SELECT start, generation FROM day_chunks WHERE sensor = ? ORDER BY start, generation",
        err);
    int row = days ? 1 : -1;
    if (days)
        sqlite3_bind_int64(days, 1, sensor);
    while (row > 0 && (row = ds_sqlite_step(f, days, err)) == 1) {
        struct run *r = &runs[*count];
        if (*count == RUNS_MAX) {
            row = ds_sqlite_damaged(f, "day_chunks", "it has too many days", err);
            break;
        }
        *r = (struct run){.file = f, .number = (uint32_t)*count};
        r->chunks = ds_sqlite_prepare(f,
                                      "SELECT data FROM day_chunk WHERE kind = ? AND start = ? AND"
                                      " sensor = ? AND generation = ? ORDER BY first_key",
                                      err);
        if (!r->chunks) {
            row = -1;
            break;
        }
        sqlite3_bind_int64(r->chunks, 1, kind);
        sqlite3_bind_value(r->chunks, 2, sqlite3_column_value(days, 0));
        sqlite3_bind_int64(r->chunks, 3, sensor);
        sqlite3_bind_value(r->chunks, 4, sqlite3_column_value(days, 1));
        (*count)++;
    }
    sqlite3_finalize(days);
    return row;
}

static int write_kind(struct store_file *f, enum chunk_kind kind, int64_t sensor, struct run *runs,
                      int64_t windows, struct ds_error *err)
{
    struct month m = {.kind = kind};
    const struct chunk_set set = {.table = "month_chunk", .kind = kind, .sensor = sensor};
    size_t count = 0;
    if (begin_runs(f, kind, sensor, runs, &count, err) < 0) {
        while (count > 0)
            ds_run_finish(&runs[--count]);
        return -1;
    }
    if (kind == CHUNK_COUNTRY) /* their hours have 1 */
        windows = (int64_t)count * HOURS;
    ds_builder_begin(&m.cells, f, &set, CHUNK_CELLS_DAY, (uint32_t)windows, err);
    int merged = ds_runs_merge(runs, count, each_key, &m, err);
    return ds_builder_finish(&m.cells) < 0 || merged != 0 ? -1 : 0;
}

int ds_roll_month(struct store_file *days, int64_t sensor, struct ds_error *err)
{
    int64_t windows = 0;
    if (ds_sqlite_exec_with(days, "DELETE FROM month_chunk WHERE sensor = ?", &sensor, 1, err) <
            0 ||
        ds_sqlite_number(days, "SELECT sum(windows) FROM day WHERE sensor = ?", &sensor, 1,
                         &windows, err) < 0)
        return -1;
    struct run *runs = calloc(RUNS_MAX, sizeof *runs);
    int result = runs ? 0 : ds_error(err, DS_FAILURE, "out of memory");
    for (unsigned kind = 0; kind < CHUNK_KIND_COUNT && result == 0; kind++)
        result = write_kind(days, (enum chunk_kind)kind, sensor, runs, windows, err);
    free(runs);
    return result;
}
