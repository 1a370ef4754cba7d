/* SPDX-License-Identifier: Apache-2.0
 *
 * The small tables of hours and days. An hour is summed from windows, a day from hours; where the
 * number of a key's sources is the sum over others (countries of a device), it is summed in each
 * window first: only peaks of windows may be compared.
 */
#include "roll.h"
#include "sketches.h"
#include "volume.h"

#include <stddef.h>

/* ---- windows to an hour: ?1 its start, ?2 the sensor, ?3 the generation, ?4 the grid ---- */

#define OF_HOUR        "start >= ?1 AND start < ?1 + 3600 AND sensor = ?2"
#define WHOLE          "(parts = 1 AND overflow_sources = 0)"
/* windows, sources_peak, inexact of rows t of windows. Rows without packets are not stored. */
#define SOURCES(exact) "sum(t.packets > 0), max(t.sources), max(t.packets > 0 AND NOT (" exact "))"
#define JOINED(table)  " FROM window CROSS JOIN " table " AS t USING (start, sensor) WHERE " OF_HOUR
#define AS_THEY_ARE    "SELECT ?1, ?2, ?3, "

static const char *const hour_sums[] = {
    "INSERT INTO hour SELECT ?1, ?2, ?3, min(start), max(start), max(start + seconds),"
    " (SELECT max(received) FROM message WHERE " OF_HOUR "), ?4, count(*), sum(parts > 1),"
    " sum(counted > 0), max(counted > 0 AND NOT " WHOLE "), sum(observed_ns), max(addresses),"
    " max(active_addresses), max(destinations), max(sources), sum(bytes), sum(received),"
    " sum(counted), sum(outside), sum(malformed), sum(late), sum(fragment), sum(truncated),"
    " sum(dropped_kernel), sum(dropped_interface), sum(dropped_ring), sum(overflow_cells),"
    " sum(overflow_pairs), sum(overflow_sources), sum(overflow_destinations),"
    " sum(overflow_signatures), sum(overflow_attacks) FROM window WHERE " OF_HOUR,
    "INSERT INTO hour_database SELECT DISTINCT ?1, ?2, ?3, country_db FROM window"
    " WHERE country_db <> '' AND " OF_HOUR,
    "INSERT INTO hour_malformed " AS_THEY_ARE "reason, sum(packets) FROM window_malformed"
    " WHERE " OF_HOUR " GROUP BY reason",
    "INSERT INTO hour_type " AS_THEY_ARE "type, sum(packets) FROM window_type"
    " WHERE " OF_HOUR " GROUP BY type",
    "INSERT INTO hour_protocol " AS_THEY_ARE "proto, sum(packets) FROM window_protocol"
    " WHERE " OF_HOUR " GROUP BY proto",
    "INSERT INTO hour_class " AS_THEY_ARE "class, sum(t.packets), sum(t.bytes), " SOURCES(WHOLE)
        JOINED("window_class") " GROUP BY class",
    "INSERT INTO hour_country " AS_THEY_ARE "country, sum(t.packets), sum(t.bytes), " SOURCES(WHOLE)
        JOINED("window_country") " GROUP BY country",
    "INSERT INTO hour_device_country " AS_THEY_ARE
    "country, device, sum(t.packets), " SOURCES(WHOLE)
        JOINED("window_device") " GROUP BY country, device",
    "INSERT INTO hour_device SELECT ?1, ?2, ?3, device, sum(packets), sum(packets > 0), "
    "max(sources),"
    " max(packets > 0 AND inexact) FROM (SELECT device, sum(t.packets) AS packets, sum(t.sources) "
    "AS sources,"
    "  NOT " WHOLE " AS inexact" JOINED("window_device") " GROUP BY start, device)"
                                                         " GROUP BY device",
    "INSERT INTO hour_signature " AS_THEY_ARE
    "id, sum(t.packets), max(t.confirmed_sources), " SOURCES(WHOLE " AND overflow_signatures = 0")
        JOINED("window_signature") " GROUP BY id",
    "INSERT INTO hour_attack " AS_THEY_ARE "victim, proto, start_ms, port, min(country),"
    " max(ports), max(attack_ports), max(addresses), sum(window_packets), sum(window_bytes),"
    " max(last_ms), max(packets), max(bytes), max(mismatches), max(max_ppm), count(*)"
    " FROM window_attack WHERE " OF_HOUR " GROUP BY victim, proto, start_ms, port",
};

/* ---- hours to a day: ?1 its start, ?2 the sensor, ?3 the generation, ?4 the grid ---- */

#define OF_DAY      "start >= ?1 AND start < ?1 + 86400 AND sensor = ?2"
#define SUM_SOURCES "sum(windows), max(sources_peak), max(inexact)"

static const char *const day_sums[] = {
    "INSERT INTO day SELECT ?1, ?2, ?3, min(first_start), max(last_start), max(last_end),"
    " max(last_received), ?4, sum(windows), sum(split), sum(busy), max(inexact),"
    " sum(observed_ns), max(addresses), max(active_addresses_peak), max(destinations_peak),"
    " max(sources_peak), sum(bytes), sum(received), sum(counted), sum(outside), sum(malformed),"
    " sum(late), sum(fragment), sum(truncated), sum(dropped_kernel), sum(dropped_interface),"
    " sum(dropped_ring), sum(overflow_cells), sum(overflow_pairs), sum(overflow_sources),"
    " sum(overflow_destinations), sum(overflow_signatures), sum(overflow_attacks)"
    " FROM minutes.hour WHERE " OF_DAY,
    "INSERT INTO day_database SELECT DISTINCT ?1, ?2, ?3, name FROM minutes.hour_database"
    " WHERE " OF_DAY,
    "INSERT INTO day_malformed " AS_THEY_ARE "reason, sum(packets) FROM minutes.hour_malformed"
    " WHERE " OF_DAY " GROUP BY reason",
    "INSERT INTO day_type " AS_THEY_ARE "type, sum(packets) FROM minutes.hour_type"
    " WHERE " OF_DAY " GROUP BY type",
    "INSERT INTO day_protocol " AS_THEY_ARE "proto, sum(packets) FROM minutes.hour_protocol"
    " WHERE " OF_DAY " GROUP BY proto",
    "INSERT INTO day_class " AS_THEY_ARE "class, sum(packets), sum(bytes), " SUM_SOURCES
    " FROM minutes.hour_class WHERE " OF_DAY " GROUP BY class",
    "INSERT INTO day_country " AS_THEY_ARE "country, sum(packets), sum(bytes), " SUM_SOURCES
    " FROM minutes.hour_country WHERE " OF_DAY " GROUP BY country",
    "INSERT INTO day_device_country " AS_THEY_ARE "country, device, sum(packets), " SUM_SOURCES
    " FROM minutes.hour_device_country WHERE " OF_DAY " GROUP BY country, device",
    "INSERT INTO day_device " AS_THEY_ARE "device, sum(packets), " SUM_SOURCES
    " FROM minutes.hour_device WHERE " OF_DAY " GROUP BY device",
    "INSERT INTO day_signature " AS_THEY_ARE "id, sum(packets), max(confirmed_peak), " SUM_SOURCES
    " FROM minutes.hour_signature WHERE " OF_DAY " GROUP BY id",
    "INSERT INTO day_attack " AS_THEY_ARE "victim, proto, start_ms, port, min(country),"
    " max(ports), max(attack_ports), max(addresses), sum(window_packets), sum(window_bytes),"
    " max(last_ms), max(packets), max(bytes), max(mismatches), max(max_ppm), sum(windows)"
    " FROM minutes.hour_attack WHERE " OF_DAY " GROUP BY victim, proto, start_ms, port",
};

/* The tables of a level, by what follows its name. */
static const char
    *const level_tables[] =
        {
            "",        "_database", "_malformed", "_type",           "_protocol",
            "_class",  "_country",  "_device",    "_device_country", "_signature",
            "_attack", "_sketch",   "_sketches", /* which are not copied as they are */
};
#define COPIED_TABLES (COUNT(level_tables) - 2)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int64_t common_multiple(int64_t a, int64_t b)
{
    int64_t multiple = a;
    while (multiple % b != 0)
        multiple += a;
    return multiple;
}

/* The least common multiple of the lengths that the statement gives; all divide an hour. */
static int find_grid(struct store_file *f, const char *sql, const int64_t of[static 2],
                     int64_t *out, struct ds_error *err)
{
    sqlite3_stmt *stmt = ds_sqlite_prepare(f, sql, err);
    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, of[0]);
    sqlite3_bind_int64(stmt, 2, of[1]);
    int row;
    *out = 1;
    while ((row = ds_sqlite_step(f, stmt, err)) == 1) {
        int64_t seconds = sqlite3_column_int64(stmt, 0);
        if (seconds >= 1 && seconds <= HOUR_S && HOUR_S % seconds == 0)
            *out = common_multiple(*out, seconds);
    }
    sqlite3_finalize(stmt);
    return row;
}

static int run_all(struct store_file *f, const char *const *statements, size_t count,
                   const int64_t values[static 4], struct ds_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (ds_sqlite_exec_with(f, statements[i], values, 4, err) < 0)
            return -1;
    return 0;
}

int ds_roll_tables_hour(struct store_file *f, int64_t start_s, int64_t sensor, struct ds_error *err)
{
    int64_t values[] = {start_s, sensor, f->generation, 0};
    if (find_grid(f, "SELECT DISTINCT seconds FROM window WHERE " OF_HOUR, values, &values[3],
                  err) < 0)
        return -1;
    return run_all(f, hour_sums, COUNT(hour_sums), values, err);
}

int ds_roll_tables_day(struct store_file *days, struct store_file *hours, int64_t day_s,
                       int64_t sensor, int64_t generation, struct ds_error *err)
{
    int64_t values[] = {day_s, sensor, generation, 0};
    if (find_grid(days, "SELECT DISTINCT grid_seconds FROM minutes.hour WHERE " OF_DAY, values,
                  &values[3], err) < 0)
        return -1;
    if (run_all(days, day_sums, COUNT(day_sums), values, err) < 0 ||
        ds_roll_sketches_day(days, hours, day_s, sensor, generation, err) < 0)
        return -1;
    return ds_roll_volume_day(days, day_s, sensor, generation, err);
}

int ds_roll_tables_copy(struct store_file *hours, int64_t day_s, int64_t sensor, int64_t generation,
                        struct ds_error *err)
{
    const int64_t values[] = {day_s, day_s + DAY_S, sensor, generation};
    for (size_t i = 0; i < COPIED_TABLES; i++) {
        char *sql = sqlite3_mprintf("INSERT INTO hour%s SELECT * FROM minutes.hour%s WHERE"
                                    " start >= ?1 AND start < ?2 AND sensor = ?3 AND"
                                    " generation = ?4",
                                    level_tables[i], level_tables[i]);
        int result = sql ? ds_sqlite_exec_with(hours, sql, values, 4, err)
                         : ds_error(err, DS_FAILURE, "out of memory");
        sqlite3_free(sql);
        if (result < 0)
            return -1;
    }
    return 0;
}

static int delete_from(struct store_file *f, const char *level, const char *table,
                       const int64_t values[static 4], struct ds_error *err)
{
    char *sql = sqlite3_mprintf("DELETE FROM main.%s%s WHERE start >= ?1 AND start < ?2 AND"
                                " sensor = ?3 AND generation = ?4",
                                level, table);
    int result = sql ? ds_sqlite_exec_with(f, sql, values, 4, err)
                     : ds_error(err, DS_FAILURE, "out of memory");
    sqlite3_free(sql);
    return result;
}

int ds_roll_delete(struct store_file *f, const char *level, const int64_t values[static 4],
                   struct ds_error *err)
{
    for (size_t i = 0; i < COUNT(level_tables); i++)
        if (delete_from(f, level, level_tables[i], values, err) < 0)
            return -1;
    char *sql = sqlite3_mprintf("DELETE FROM main.%s_chunk WHERE kind IN (0, 1, 2) AND start >= ?1"
                                " AND start < ?2 AND sensor = ?3 AND generation = ?4",
                                level);
    int result = sql ? ds_sqlite_exec_with(f, sql, values, 4, err)
                     : ds_error(err, DS_FAILURE, "out of memory");
    sqlite3_free(sql);
    if (result < 0)
        return -1;
    return delete_from(f, level, "_chunks", values, err);
}
