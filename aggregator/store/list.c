/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums over a range, the list of windows, the catalogue of sensors.
 */
#include "sqlite.h"

#include <string.h>

/* Walks the rows of one statement over a range: each gets the sums and the statement at a row. */
static int walk(struct sqlite_store *s, const char *sql, const struct ds_range *range,
                void (*each)(struct ds_totals *out, sqlite3_stmt *stmt), struct ds_totals *out,
                struct ds_error *err)
{
    sqlite3_stmt *stmt = ds_sqlite_prepare(s, sql, err);
    if (!stmt)
        return -1;
    ds_sqlite_bind_range(stmt, range);
    int row;
    while ((row = ds_sqlite_step(s, stmt, err)) == 1)
        each(out, stmt);
    sqlite3_finalize(stmt);
    return row;
}

static void add_window(struct ds_totals *out, sqlite3_stmt *stmt)
{
    struct ds_window *w = &out->sum;
    int i = 0;
    out->windows = ds_sqlite_u64(stmt, i++);
    out->sensors = ds_sqlite_u64(stmt, i++);
    out->first_s = sqlite3_column_int64(stmt, i++);
    out->end_s = sqlite3_column_int64(stmt, i++);
    out->observed_ns = ds_sqlite_u64(stmt, i++);
    out->split = ds_sqlite_u64(stmt, i++);
    w->bytes = ds_sqlite_u64(stmt, i++);
    w->sources = ds_sqlite_u64(stmt, i++);
    for (size_t b = 0; b < DS_BOOK_COUNT; b++)
        w->books[b] = ds_sqlite_u64(stmt, i++);
    for (size_t o = 0; o < DS_OVERFLOW_COUNT; o++)
        w->overflow[o] = ds_sqlite_u64(stmt, i++);
    out->sources_exact =
        out->windows == 1 && out->split == 0 && w->overflow[DS_OVERFLOW_SOURCES] == 0;
}

static void add_addresses(struct ds_totals *out, sqlite3_stmt *stmt)
{
    out->sum.addresses_known = sqlite3_column_int(stmt, 1) == 1;
    out->sum.addresses = out->sum.addresses_known ? ds_sqlite_u64(stmt, 0) : 0;
}

static void add_malformed(struct ds_totals *out, sqlite3_stmt *stmt)
{
    int i = ds_sqlite_name_index(ds_malformed_name, (const char *)sqlite3_column_text(stmt, 0));
    if (i >= 0)
        out->sum.malformed[i] = ds_sqlite_u64(stmt, 1);
}

static void add_type(struct ds_totals *out, sqlite3_stmt *stmt)
{
    int i = ds_sqlite_name_index(ds_type_name, (const char *)sqlite3_column_text(stmt, 0));
    if (i >= 0)
        out->sum.types[i] = ds_sqlite_u64(stmt, 1);
}

static void add_protocol(struct ds_totals *out, sqlite3_stmt *stmt)
{
    out->sum.protocols[sqlite3_column_int64(stmt, 0) & 0xff] = ds_sqlite_u64(stmt, 1);
}

static void add_class(struct ds_totals *out, sqlite3_stmt *stmt)
{
    uint64_t cls = ds_sqlite_u64(stmt, 0);
    if (cls < DS_CLASS_COUNT)
        out->sum.classes[cls] = (struct ds_tally){.packets = ds_sqlite_u64(stmt, 1),
                                                  .bytes = ds_sqlite_u64(stmt, 2),
                                                  .sources = ds_sqlite_u64(stmt, 3)};
}

static void add_country_db(struct ds_totals *out, sqlite3_stmt *stmt)
{
    if (out->country_db_count < DS_STORE_DBS_MAX)
        ds_sqlite_text(stmt, 0, out->country_dbs[out->country_db_count++],
                       sizeof out->country_dbs[0]);
}

#define BY_NAME(name, table)                                                                       \
    "SELECT " name ", sum(packets) FROM " table " WHERE " STORE_IN_RANGE " GROUP BY 1"

static const struct {
    const char *sql;
    void (*each)(struct ds_totals *out, sqlite3_stmt *stmt);
} sums[] = {
    {"SELECT count(*), count(DISTINCT sensor), min(start), max(start + seconds), sum(observed_ns),"
     " sum(parts > 1), sum(bytes), max(sources), sum(received), sum(counted), sum(outside),"
     " sum(malformed), sum(late), sum(fragment), sum(truncated), sum(dropped_kernel),"
     " sum(dropped_interface), sum(dropped_ring), sum(overflow_cells), sum(overflow_pairs),"
     " sum(overflow_sources), sum(overflow_destinations), sum(overflow_signatures),"
     " sum(overflow_attacks) FROM window WHERE " STORE_IN_RANGE,
     add_window},
    {"SELECT sum(most), count(most) = count(*) FROM (SELECT max(addresses) AS most FROM window"
     " WHERE " STORE_IN_RANGE " GROUP BY sensor) HAVING count(*) > 0",
     add_addresses},
    {BY_NAME("reason", "window_malformed"), add_malformed},
    {BY_NAME("type", "window_type"), add_type},
    {BY_NAME("proto", "window_protocol"), add_protocol},
    {"SELECT class, sum(packets), sum(bytes), max(sources) FROM window_class WHERE " STORE_IN_RANGE
     " GROUP BY class",
     add_class},
    {"SELECT DISTINCT country_db FROM window WHERE country_db <> '' AND " STORE_IN_RANGE
     " ORDER BY 1 LIMIT 8",
     add_country_db},
};

int ds_sqlite_totals(struct ds_store *store, const struct ds_range *range, struct ds_totals *out,
                     struct ds_error *err)
{
    struct sqlite_store *s = sqlite_of(store);
    struct ds_totals totals = {0};
    /* One transaction, so that all sums are of the same moment. */
    if (ds_sqlite_exec(s, "BEGIN", err) < 0)
        return -1;
    int result = 0;
    for (size_t i = 0; i < sizeof sums / sizeof sums[0] && result == 0; i++)
        result = walk(s, sums[i].sql, range, sums[i].each, &totals, err);
    ds_sqlite_exec(s, "ROLLBACK", NULL);
    if (result == 0)
        *out = totals;
    return result;
}

int ds_sqlite_sensors(struct ds_store *store, ds_sensor_fn *each, void *arg, struct ds_error *err)
{
    struct sqlite_store *s = sqlite_of(store);
    sqlite3_stmt *stmt =
        ds_sqlite_prepare(s,
                          "SELECT name, first_start, last_end, last_received, windows, observed_ns,"
                          " received, counted, dropped, grid_seconds FROM sensor ORDER BY name",
                          err);
    if (!stmt)
        return -1;
    int result;
    while ((result = ds_sqlite_step(s, stmt, err)) == 1) {
        struct ds_sensor_row row = {
            .first_s = sqlite3_column_int64(stmt, 1),
            .end_s = sqlite3_column_int64(stmt, 2),
            .last_received_s = sqlite3_column_int64(stmt, 3),
            .windows = ds_sqlite_u64(stmt, 4),
            .observed_ns = ds_sqlite_u64(stmt, 5),
            .received = ds_sqlite_u64(stmt, 6),
            .counted = ds_sqlite_u64(stmt, 7),
            .dropped = ds_sqlite_u64(stmt, 8),
            .grid_s = (uint32_t)ds_sqlite_u64(stmt, 9),
        };
        ds_sqlite_text(stmt, 0, row.name, sizeof row.name);
        result = each(arg, &row);
        if (result != 0)
            break;
    }
    sqlite3_finalize(stmt);
    return result;
}

static int each_window(sqlite3_stmt *stmt, bool with_sources, ds_window_fn *each, void *arg,
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
    if (with_sources && sqlite3_column_type(stmt, column) != SQLITE_NULL)
        result = ds_sqlite_read_sources(stmt, column, &w, err);
    if (result == 0)
        result = each(arg, name, &w, &origin);
    ds_window_finish(&w);
    return result;
}

int ds_sqlite_windows(struct ds_store *store, const struct ds_range *range, uint64_t limit,
                      bool with_sources, ds_window_fn *each, void *arg, struct ds_error *err)
{
#define WINDOWS_WITH(columns, join)                                                                \
    "SELECT (SELECT name FROM sensor WHERE id = sensor), " STORE_WINDOW_COLUMNS columns            \
    " FROM window " join " WHERE " STORE_IN_RANGE " ORDER BY start, sensor LIMIT :limit"
    static const char plain[] = WINDOWS_WITH("", "");
    static const char sources[] =
        WINDOWS_WITH(", " STORE_SOURCES_COLUMNS, "LEFT JOIN window_sources USING (start, sensor)");
    struct sqlite_store *s = sqlite_of(store);
    sqlite3_stmt *stmt = ds_sqlite_prepare(s, with_sources ? sources : plain, err);
    if (!stmt)
        return -1;
    ds_sqlite_bind_range(stmt, range);
    ds_sqlite_bind_int(stmt, ":limit", limit > INT64_MAX ? INT64_MAX : (int64_t)limit);
    int result;
    while ((result = ds_sqlite_step(s, stmt, err)) == 1) {
        result = each_window(stmt, with_sources, each, arg, err);
        if (result != 0)
            break;
    }
    sqlite3_finalize(stmt);
    return result;
}
