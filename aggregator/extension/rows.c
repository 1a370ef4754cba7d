/* SPDX-License-Identifier: Apache-2.0
 *
 * Cells of one level, whatever they are kept in: an hour that is not rolled up yet comes as the
 * rows of its windows, a day as those of its hours; they have the start of the hour or day.
 */
#include "extension.h"

#include <stdlib.h>
#include <string.h>

struct found {
    enum store_kind kind;
    int64_t file_s;
    struct piece piece;
};

static int64_t unit_of(enum level level)
{
    return level == LEVEL_DAY ? DAY_S : level == LEVEL_HOUR ? HOUR_S : 1;
}

/* ---- where they are ---- */

static int add_piece(void *arg, struct store_file *f, const struct piece *piece,
                     struct ds_error *err)
{
    struct rows *r = arg;
    if ((r->count & (r->count - 1)) == 0) {
        void *larger = realloc(r->found, (r->count ? 2 * r->count : 1) * sizeof *r->found);
        if (!larger)
            return ds_error(err, DS_FAILURE, "out of memory");
        r->found = larger;
    }
    r->found[r->count++] = (struct found){f->kind, f->from_s, *piece};
    return 0;
}

static int find_windows(struct rows *r, const struct ds_range *range, struct ds_error *err)
{
    struct sqlite_store *s = sqlite_of(r->store);
    const struct store_list *days = &s->lists[STORE_MINUTES];
    int result = 0;
    for (size_t i = 0; i < days->count && result == 0; i++) {
        int64_t day_s = days->from_s[i], end_s = day_s + DAY_S;
        const struct store_file f = {.kind = STORE_MINUTES, .from_s = day_s};
        const struct piece piece = {.level = LEVEL_WINDOW,
                                    .from_s = range->from_s > day_s ? range->from_s : day_s,
                                    .to_s = range->to_s < end_s ? range->to_s : end_s,
                                    .below = INT64_MAX,
                                    .at_s = -1};
        if (piece.from_s < piece.to_s)
            result = add_piece(r, (struct store_file *)&f, &piece, err);
    }
    return result;
}

/* An edge at every hour, or at the ends of whole days, makes the plan take that level. */
static int find_levels(struct rows *r, const struct ds_range *range, struct ds_error *err)
{
    int64_t unit_s = unit_of(r->level);
    int64_t from_s = (range->from_s + unit_s - 1) / unit_s * unit_s;
    int64_t to_s = (range->to_s + unit_s - 1) / unit_s * unit_s;
    if (from_s >= to_s)
        return 0;
    size_t count = r->level == LEVEL_HOUR ? (size_t)((to_s - from_s) / HOUR_S) : 1;
    int64_t *edges_s = malloc((count + 1) * sizeof *edges_s);
    if (!edges_s)
        return ds_error(err, DS_FAILURE, "out of memory");
    for (size_t i = 0; i < count; i++)
        edges_s[i] = from_s + (int64_t)i * HOUR_S;
    edges_s[count] = to_s;
    const struct ds_buckets buckets = {edges_s, count, range->sensor};
    const struct plan plan = {.buckets = &buckets};
    int result = ds_plan_walk(sqlite_of(r->store), &plan, add_piece, r, err);
    free(edges_s);
    return result;
}

/* The time that the store's files span, so that "always" is no long list of hours. */
static void clip(const struct sqlite_store *s, struct ds_range *range)
{
    int64_t first_s = INT64_MAX, end_s = 0;
    for (unsigned kind = STORE_MINUTES; kind < STORE_KIND_COUNT; kind++) {
        const struct store_list *list = &s->lists[kind];
        if (list->count == 0)
            continue;
        int64_t last_end_s = ds_period_end((enum store_kind)kind, list->from_s[list->count - 1]);
        first_s = list->from_s[0] < first_s ? list->from_s[0] : first_s;
        end_s = last_end_s > end_s ? last_end_s : end_s;
    }
    range->from_s = range->from_s > first_s ? range->from_s : first_s;
    range->to_s = range->to_s < end_s ? range->to_s : end_s;
}

int ds_rows_begin(struct rows *r, const char *directory, const struct table_kind *kind,
                  const struct ds_filter *filter, const struct ds_range *range,
                  struct ds_error *err)
{
    *r = (struct rows){.level = kind->level, .filter = *filter, .sensor = -1};
    r->ask = (struct fact_request){.fact = kind->by_country ? FACT_PORT_COUNTRY : FACT_PORT,
                                   .filter = &r->filter,
                                   .sensor = range->sensor};
    if (ds_store_open(directory, DS_STORE_READ, &r->store, err) < 0 ||
        ds_files_list(sqlite_of(r->store), err) < 0)
        return -1;
    struct ds_range clipped = *range;
    clip(sqlite_of(r->store), &clipped);
    return r->level == LEVEL_WINDOW ? find_windows(r, &clipped, err)
                                    : find_levels(r, &clipped, err);
}

/* ---- reading ---- */

int ds_rows_next(struct rows *r, struct cell_at *out, struct ds_error *err)
{
    for (;;) {
        if (r->is_reading) {
            int got = ds_cells_next(&r->cells, out, err);
            if (got > 0)
                out->at_s -= out->at_s % unit_of(r->level);
            if (got != 0)
                return got;
            ds_cells_finish(&r->cells);
            r->is_reading = false;
        }
        if (r->next == r->count)
            return 0;
        const struct found *found = &r->found[r->next++];
        int there = ds_file_use(sqlite_of(r->store), found->kind, found->file_s, &r->file, err);
        if (there < 0)
            return -1;
        if (there > 0) /* deleted since */
            continue;
        ds_cells_begin(&r->cells, r->file, &found->piece, &r->ask);
        r->is_reading = true;
    }
}

const char *ds_rows_sensor(struct rows *r, int64_t sensor)
{
    if (sensor == r->sensor)
        return r->sensor_name;
    sqlite3_stmt *stmt = ds_sqlite_prepare(r->file, "SELECT name FROM sensor WHERE id = ?", NULL);
    r->sensor = sensor;
    r->sensor_name[0] = 0;
    if (!stmt)
        return r->sensor_name;
    sqlite3_bind_int64(stmt, 1, sensor);
    if (sqlite3_step(stmt) == SQLITE_ROW)
        ds_sqlite_text(stmt, 0, r->sensor_name, sizeof r->sensor_name);
    sqlite3_finalize(stmt);
    return r->sensor_name;
}

void ds_rows_finish(struct rows *r)
{
    if (r->is_reading)
        ds_cells_finish(&r->cells);
    if (r->store)
        ds_files_release(sqlite_of(r->store));
    ds_store_destroy(r->store);
    free(r->found);
    *r = (struct rows){0};
}
