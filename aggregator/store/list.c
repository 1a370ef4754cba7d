/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of windows, and the sensors.
 */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

/* ---- sensors ---- */

struct sensors {
    struct ds_sensor_row *rows;
    size_t count;
    bool no_memory;
};

static struct ds_sensor_row *find_sensor(struct sensors *s, sqlite3_stmt *stmt)
{
    char name[DS_NAME_MAX + 1];
    ds_sqlite_text(stmt, 0, name, sizeof name);
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->rows[i].name, name) == 0)
            return &s->rows[i];
    void *larger = realloc(s->rows, (s->count + 1) * sizeof *s->rows);
    if (!larger) {
        s->no_memory = true;
        return NULL;
    }
    s->rows = larger;
    s->rows[s->count] = (struct ds_sensor_row){.first_s = INT64_MAX, .grid_s = 1};
    memcpy(s->rows[s->count].name, name, sizeof name);
    return &s->rows[s->count++];
}

static uint32_t common_multiple(uint32_t a, uint32_t b)
{
    uint32_t multiple = a;
    while (multiple % b != 0)
        multiple += a;
    return multiple;
}

static void add_sensor(struct sensors *s, sqlite3_stmt *stmt)
{
    struct ds_sensor_row *row = find_sensor(s, stmt);
    if (!row)
        return;
    int64_t first_s = sqlite3_column_int64(stmt, 1), end_s = sqlite3_column_int64(stmt, 2);
    int64_t received_s = sqlite3_column_int64(stmt, 3);
    uint64_t grid_s = ds_sqlite_u64(stmt, 9);
    row->first_s = first_s < row->first_s ? first_s : row->first_s;
    row->end_s = end_s > row->end_s ? end_s : row->end_s;
    row->last_received_s = received_s > row->last_received_s ? received_s : row->last_received_s;
    row->windows += ds_sqlite_u64(stmt, 4);
    row->observed_ns += ds_sqlite_u64(stmt, 5);
    row->received += ds_sqlite_u64(stmt, 6);
    row->counted += ds_sqlite_u64(stmt, 7);
    row->dropped += ds_sqlite_u64(stmt, 8);
    if (grid_s >= 1 && grid_s <= DS_WINDOW_SECONDS_MAX && DS_WINDOW_SECONDS_MAX % grid_s == 0)
        row->grid_s = common_multiple(row->grid_s, (uint32_t)grid_s);
}

#define NAME(table) "SELECT (SELECT name FROM sensor WHERE id = " table ".sensor),"
#define FIGURES                                                                                    \
    " sum(observed_ns), sum(received), sum(counted), sum(dropped_kernel + dropped_interface +"     \
    " dropped_ring),"

static int each_piece(void *arg, struct store_file *f, const struct piece *piece,
                      struct ds_error *err)
{
    sqlite3_stmt *stmt = ds_piece_prepare(
        f, piece, NULL,
        NAME("window") " min(start), max(start + seconds), (SELECT max(received) FROM message AS m"
                       "  WHERE m.sensor = window.sensor), count(*)," FIGURES
                       " seconds FROM window WHERE #"
                       " GROUP BY sensor, seconds",
        NAME("@") " min(first_start), max(last_end), max(last_received), sum(windows)," FIGURES
                  " grid_seconds FROM @ WHERE # GROUP BY sensor, grid_seconds",
        err);
    if (!stmt)
        return -1;
    int row;
    while ((row = ds_sqlite_step(f, stmt, err)) == 1)
        add_sensor(arg, stmt);
    sqlite3_finalize(stmt);
    return row;
}

static int compare_names(const void *left, const void *right)
{
    const struct ds_sensor_row *a = left, *b = right;
    return strcmp(a->name, b->name);
}

int ds_sqlite_sensors(struct ds_store *store, ds_sensor_fn *each, void *arg, struct ds_error *err)
{
    struct sqlite_store *s = sqlite_of(store);
    const int64_t edges_s[] = {0, DS_STORE_TIME_MAX};
    const struct ds_buckets whole = {edges_s, 1, NULL};
    const struct plan plan = {.buckets = &whole};
    struct sensors sensors = {0};
    int result = ds_plan_walk(s, &plan, each_piece, &sensors, err);
    ds_files_release(s);
    if (result == 0 && sensors.no_memory)
        result = ds_error(err, DS_FAILURE, "out of memory");
    if (sensors.count > 1)
        qsort(sensors.rows, sensors.count, sizeof *sensors.rows, compare_names);
    for (size_t i = 0; i < sensors.count && result == 0; i++)
        result = each(arg, &sensors.rows[i]);
    free(sensors.rows);
    return result;
}

/* ---- windows ---- */

struct listing {
    const struct ds_range *range;
    uint64_t left; /* rows that may still come */
    bool with_sources;
    ds_window_fn *each;
    void *arg;
};

static int each_window(struct store_file *f, sqlite3_stmt *stmt, const struct listing *l,
                       struct ds_error *err)
{
    struct ds_window w;
    char name[DS_NAME_MAX + 1];
    ds_window_init(&w);
    ds_sqlite_text(stmt, 0, name, sizeof name);
    uint64_t parts = ds_sqlite_read_window(stmt, 1, &w);
    struct ds_origin origin = {.sensors = 1, .parts = parts, .sources_exact = parts == 1};
    int result = 0;
    int column = 1 + STORE_WINDOW_COLUMN_COUNT;
    if (l->with_sources && sqlite3_column_type(stmt, column) != SQLITE_NULL)
        result = ds_sqlite_read_sources(f, stmt, column, &w, err);
    if (result == 0)
        result = l->each(l->arg, name, &w, &origin);
    ds_window_finish(&w);
    return result;
}

static int list_day(struct listing *l, struct store_file *f, struct ds_error *err)
{
#define WINDOWS_WITH(columns, join)                                                                \
    "SELECT (SELECT name FROM sensor WHERE id = sensor), " STORE_WINDOW_COLUMNS columns            \
    " FROM window " join " WHERE " STORE_IN_RANGE " ORDER BY start, 1 LIMIT :limit"
    static const char plain[] = WINDOWS_WITH("", "");
    static const char sources[] =
        WINDOWS_WITH(", " STORE_SOURCES_COLUMNS, "LEFT JOIN window_sources USING (start, sensor)");
    sqlite3_stmt *stmt = ds_sqlite_prepare(f, l->with_sources ? sources : plain, err);
    if (!stmt)
        return -1;
    ds_sqlite_bind_range(stmt, l->range);
    ds_sqlite_bind_int(stmt, ":limit", l->left > INT64_MAX ? INT64_MAX : (int64_t)l->left);
    int result;
    while ((result = ds_sqlite_step(f, stmt, err)) == 1) {
        l->left--;
        result = each_window(f, stmt, l, err);
        if (result != 0)
            break;
    }
    sqlite3_finalize(stmt);
    return result;
}

int ds_sqlite_windows(struct ds_store *store, const struct ds_range *range, uint64_t limit,
                      bool with_sources, ds_window_fn *each, void *arg, struct ds_error *err)
{
    struct sqlite_store *s = sqlite_of(store);
    struct listing l = {
        .range = range, .left = limit, .with_sources = with_sources, .each = each, .arg = arg};
    int result = ds_files_list(s, err);
    int64_t from_s = range->from_s < 0 ? 0 : range->from_s;
    from_s = from_s < DS_STORE_TIME_MAX ? from_s : DS_STORE_TIME_MAX;
    size_t i = ds_files_find(s, STORE_MINUTES, ds_period_start(STORE_MINUTES, from_s));
    for (; i < s->lists[STORE_MINUTES].count && result == 0 && l.left > 0; i++) {
        struct store_file *f;
        int64_t day_s = s->lists[STORE_MINUTES].from_s[i];
        if (day_s >= range->to_s)
            break;
        result = ds_file_use(s, STORE_MINUTES, day_s, &f, err);
        if (result == 0)
            result = list_day(&l, f, err);
        else if (result > 0) /* deleted since */
            result = 0;
        ds_files_release(s);
    }
    return result;
}
