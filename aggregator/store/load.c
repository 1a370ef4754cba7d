/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a whole window back: one sensor's row with all its tables, or those of all sensors
 * merged. What a hand-edited file may hold (unknown names, classes out of range) is refused or
 * left out, never indexed with.
 */
#include "merge_runs.h"
#include "sketches.h"

#include "darkscope/merge.h"

#include <stdlib.h>
#include <string.h>

uint64_t ds_sqlite_read_window(sqlite3_stmt *stmt, int first, struct ds_window *w)
{
    int i = first;
    w->start_s = sqlite3_column_int64(stmt, i++);
    w->seconds = (uint32_t)ds_sqlite_u64(stmt, i++);
    w->observed_ns = ds_sqlite_u64(stmt, i++);
    uint64_t parts = ds_sqlite_u64(stmt, i++);
    w->addresses_known = sqlite3_column_type(stmt, i) != SQLITE_NULL;
    w->addresses = ds_sqlite_u64(stmt, i++);
    w->active_addresses = ds_sqlite_u64(stmt, i++);
    ds_sqlite_text(stmt, i++, w->country_db, sizeof w->country_db);
    w->bytes = ds_sqlite_u64(stmt, i++);
    w->sources = ds_sqlite_u64(stmt, i++);
    w->destinations = ds_sqlite_u64(stmt, i++);
    for (size_t b = 0; b < DS_BOOK_COUNT; b++)
        w->books[b] = ds_sqlite_u64(stmt, i++);
    for (size_t o = 0; o < DS_OVERFLOW_COUNT; o++)
        w->overflow[o] = ds_sqlite_u64(stmt, i++);
    w->attacks_known = sqlite3_column_type(stmt, i) != SQLITE_NULL;
    return parts;
}

/* ---- the tables of one window ---- */

typedef int row_fn(struct ds_window *w, sqlite3_stmt *stmt);

static int read_malformed(struct ds_window *w, sqlite3_stmt *stmt)
{
    int i = ds_sqlite_name_index(ds_malformed_name, (const char *)sqlite3_column_text(stmt, 0));
    if (i >= 0)
        w->malformed[i] = ds_sqlite_u64(stmt, 1);
    return 0;
}

static int read_type(struct ds_window *w, sqlite3_stmt *stmt)
{
    int i = ds_sqlite_name_index(ds_type_name, (const char *)sqlite3_column_text(stmt, 0));
    if (i >= 0)
        w->types[i] = ds_sqlite_u64(stmt, 1);
    return 0;
}

static int read_protocol(struct ds_window *w, sqlite3_stmt *stmt)
{
    w->protocols[sqlite3_column_int64(stmt, 0) & 0xff] = ds_sqlite_u64(stmt, 1);
    return 0;
}

static struct ds_tally tally_at(sqlite3_stmt *stmt, int column)
{
    return (struct ds_tally){
        .packets = ds_sqlite_u64(stmt, column),
        .bytes = ds_sqlite_u64(stmt, column + 1),
        .sources = ds_sqlite_u64(stmt, column + 2),
    };
}

static int read_class(struct ds_window *w, sqlite3_stmt *stmt)
{
    uint64_t cls = ds_sqlite_u64(stmt, 0);
    if (cls < DS_CLASS_COUNT)
        w->classes[cls] = tally_at(stmt, 1);
    return 0;
}

/* Room for one more row in a table that has count of them: capacities are powers of two. NULL
 * without memory. */
static void *grow(void *rows, size_t count, size_t row_bytes)
{
    if (count & (count - 1) || count == 0)
        return count == 0 ? realloc(rows, row_bytes) : rows;
    return realloc(rows, 2 * count * row_bytes);
}

static int read_country(struct ds_window *w, sqlite3_stmt *stmt)
{
    void *rows = grow(w->countries, w->country_count, sizeof *w->countries);
    if (!rows)
        return -1;
    w->countries = rows;
    w->countries[w->country_count++] = (struct ds_country_tally){
        .country = ds_sqlite_country(stmt, 0), .tally = tally_at(stmt, 1)};
    return 0;
}

static int read_device(struct ds_window *w, sqlite3_stmt *stmt)
{
    uint64_t device = ds_sqlite_u64(stmt, 1);
    void *rows = grow(w->devices, w->device_count, sizeof *w->devices);
    if (!rows)
        return -1;
    w->devices = rows;
    if (device < DS_DEVICE_COUNT)
        w->devices[w->device_count++] = (struct ds_device_tally){
            .country = ds_sqlite_country(stmt, 0),
            .device = (uint8_t)device,
            .packets = ds_sqlite_u64(stmt, 2),
            .sources = ds_sqlite_u64(stmt, 3),
        };
    return 0;
}

static int read_signature(struct ds_window *w, sqlite3_stmt *stmt)
{
    void *rows = grow(w->signatures, w->signature_count, sizeof *w->signatures);
    if (!rows)
        return -1;
    w->signatures = rows;
    struct ds_signature_tally *row = &w->signatures[w->signature_count++];
    ds_sqlite_text(stmt, 0, row->id, sizeof row->id);
    row->packets = ds_sqlite_u64(stmt, 1);
    row->sources = ds_sqlite_u64(stmt, 2);
    row->confirmed_sources = ds_sqlite_u64(stmt, 3);
    return 0;
}

void ds_sqlite_read_attack(sqlite3_stmt *stmt, int first, struct ds_attack *out)
{
    int i = first;
    out->victim = (uint32_t)sqlite3_column_int64(stmt, i++);
    out->proto = (uint8_t)sqlite3_column_int(stmt, i++);
    out->country = ds_sqlite_country(stmt, i++);
    out->port = (uint16_t)sqlite3_column_int(stmt, i++);
    out->ports = (uint32_t)sqlite3_column_int64(stmt, i++);
    out->attack_ports = (uint32_t)sqlite3_column_int64(stmt, i++);
    out->addresses = (uint32_t)sqlite3_column_int64(stmt, i++);
    out->window_packets = ds_sqlite_u64(stmt, i++);
    out->window_bytes = ds_sqlite_u64(stmt, i++);
    out->start_ms = sqlite3_column_int64(stmt, i++);
    out->last_ms = sqlite3_column_int64(stmt, i++);
    out->packets = ds_sqlite_u64(stmt, i++);
    out->bytes = ds_sqlite_u64(stmt, i++);
    out->mismatches = ds_sqlite_u64(stmt, i++);
    out->max_ppm = ds_sqlite_u64(stmt, i++);
}

static int read_attack(struct ds_window *w, sqlite3_stmt *stmt)
{
    void *rows = grow(w->attacks, w->attack_count, sizeof *w->attacks);
    if (!rows)
        return -1;
    w->attacks = rows;
    ds_sqlite_read_attack(stmt, 0, &w->attacks[w->attack_count++]);
    return 0;
}

/* Tables come in the order that struct ds_window wants, since that is their primary key's. */
#define OF_ONE "WHERE start = ?1 AND sensor = ?2 "

static const struct {
    const char *sql;
    row_fn *read;
} window_tables[] = {
    {"SELECT reason, packets FROM window_malformed " OF_ONE, read_malformed},
    {"SELECT type, packets FROM window_type " OF_ONE, read_type},
    {"SELECT proto, packets FROM window_protocol " OF_ONE, read_protocol},
    {"SELECT class, packets, bytes, sources FROM window_class " OF_ONE, read_class},
    {"SELECT country, packets, bytes, sources FROM window_country " OF_ONE "ORDER BY country",
     read_country},
    {"SELECT country, device, packets, sources FROM window_device " OF_ONE
     "ORDER BY country, device",
     read_device},
    {"SELECT id, packets, sources, confirmed_sources FROM window_signature " OF_ONE "ORDER BY id",
     read_signature},
    {"SELECT victim, proto, country, port, ports, attack_ports, addresses, window_packets,"
     " window_bytes, start_ms, last_ms, packets, bytes, mismatches, max_ppm FROM "
     "window_attack " OF_ONE "ORDER BY victim, proto",
     read_attack},
};

static int read_table(struct store_file *f, size_t table, int64_t start_s, int64_t sensor_id,
                      struct ds_window *w, struct ds_error *err)
{
    sqlite3_stmt *stmt = ds_sqlite_prepare(f, window_tables[table].sql, err);
    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, start_s);
    sqlite3_bind_int64(stmt, 2, sensor_id);
    int row;
    while ((row = ds_sqlite_step(f, stmt, err)) == 1)
        if (window_tables[table].read(w, stmt) < 0) {
            row = ds_error(err, DS_FAILURE, "out of memory");
            break;
        }
    sqlite3_finalize(stmt);
    return row;
}

static int read_scalars(struct store_file *f, int64_t start_s, int64_t sensor_id,
                        struct ds_window *w, uint64_t *parts, struct ds_error *err)
{
    sqlite3_stmt *stmt =
        ds_sqlite_prepare(f, "SELECT " STORE_WINDOW_COLUMNS " FROM window " OF_ONE, err);
    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, start_s);
    sqlite3_bind_int64(stmt, 2, sensor_id);
    int row = ds_sqlite_step(f, stmt, err);
    if (row == 1)
        *parts = ds_sqlite_read_window(stmt, 0, w);
    sqlite3_finalize(stmt);
    return row;
}

static int read_source_records(struct store_file *f, int64_t start_s, int64_t sensor_id,
                               struct ds_window *w, struct ds_error *err)
{
    sqlite3_stmt *stmt =
        ds_sqlite_prepare(f, "SELECT " STORE_SOURCES_COLUMNS " FROM window_sources " OF_ONE, err);
    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, start_s);
    sqlite3_bind_int64(stmt, 2, sensor_id);
    int result = ds_sqlite_step(f, stmt, err);
    if (result == 1)
        result = ds_sqlite_read_sources(f, stmt, 0, w, err);
    sqlite3_finalize(stmt);
    return result;
}

static int read_sketches(struct store_file *f, int64_t start_s, int64_t sensor_id,
                         struct ds_window *w, struct ds_error *err)
{
    sqlite3_stmt *stmt = ds_sqlite_prepare(f, "SELECT sketches FROM window_sketch " OF_ONE, err);
    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, start_s);
    sqlite3_bind_int64(stmt, 2, sensor_id);
    int result = ds_sqlite_step(f, stmt, err);
    if (result == 1)
        result = ds_sketches_column(f, stmt, 0, &w->sketches, err);
    sqlite3_finalize(stmt);
    return result;
}

/* In the order that struct ds_window wants. */
static int read_cells(struct store_file *f, int64_t start_s, int64_t sensor_id, struct ds_window *w,
                      struct ds_error *err)
{
    const int64_t key[] = {start_s, sensor_id};
    int64_t count = 0;
    if (ds_sqlite_number(f, "SELECT sum(cells) FROM minute_chunk WHERE start = ? AND sensor = ?",
                         key, 2, &count, err) < 0)
        return -1;
    if (count < 0 || count > DS_CELLS_MAX)
        return ds_sqlite_damaged(f, "minute_chunk", "it has too many cells", err);
    struct run r = {.file = f};
    w->cells = calloc((size_t)count + 1, sizeof *w->cells);
    if (!w->cells)
        return ds_error(err, DS_FAILURE, "out of memory");
    r.chunks = ds_sqlite_prepare(f,
                                 "SELECT data FROM minute_chunk WHERE start = ? AND sensor = ?"
                                 " ORDER BY first_key",
                                 err);
    int got = r.chunks ? 1 : -1;
    for (int i = 0; r.chunks && i < 2; i++)
        sqlite3_bind_int64(r.chunks, i + 1, key[i]);
    while (got > 0 && (got = ds_run_next(&r, err)) > 0) {
        if (w->cell_count == (size_t)count) {
            got = ds_sqlite_damaged(f, "minute_chunk", "it has more cells than it says", err);
            break;
        }
        w->cells[w->cell_count++] = (struct ds_cell){
            .cls = (uint8_t)(r.cell->key >> 40),
            .proto = (uint8_t)(r.cell->key >> 32),
            .port = (uint16_t)(r.cell->key >> 16),
            .country = (ds_country)r.cell->key,
            .packets = r.cell->packets,
            .bytes = r.cell->bytes,
            .sources = r.cell->sources_peak,
            .survey_packets = r.cell->survey_packets,
        };
    }
    ds_run_finish(&r);
    return got;
}

int ds_sqlite_load_one(struct store_file *f, int64_t start_s, int64_t sensor_id,
                       struct ds_window *out, uint64_t *parts, struct ds_error *err)
{
    struct ds_window w;
    ds_window_init(&w);
    int row = read_scalars(f, start_s, sensor_id, &w, parts, err);
    if (row <= 0)
        return row < 0 ? -1 : 1;
    int result = read_source_records(f, start_s, sensor_id, &w, err);
    if (result == 0)
        result = read_sketches(f, start_s, sensor_id, &w, err);
    for (size_t t = 0; result == 0 && t < sizeof window_tables / sizeof window_tables[0]; t++)
        result = read_table(f, t, start_s, sensor_id, &w, err);
    if (result == 0)
        result = read_cells(f, start_s, sensor_id, &w, err);
    if (result < 0) {
        ds_window_finish(&w);
        return -1;
    }
    *out = w;
    return 0;
}

/* ---- one sensor's or all sensors' ---- */

static int merge_one(struct store_file *f, int64_t start_s, int64_t sensor_id,
                     struct ds_window *into, struct ds_origin *origin, struct ds_error *err)
{
    struct ds_window w;
    uint64_t parts = 0;
    int result = ds_sqlite_load_one(f, start_s, sensor_id, &w, &parts, err);
    if (result != 0)
        return result;
    result = ds_merge_window(into, &w, DS_MERGE_SENSORS);
    ds_window_finish(&w);
    if (result < 0)
        return ds_error(err, DS_FAILURE, "out of memory");
    if (result > 0)
        return ds_error(err, DS_FAILURE,
                        "the sensors' tables are too large to merge: ask for one "
                        "sensor");
    origin->sensors++;
    origin->parts += parts;
    return 0;
}

static int merge_all(struct store_file *f, int64_t start_s, const char *sensor,
                     struct ds_window *into, struct ds_origin *origin, struct ds_error *err)
{
    sqlite3_stmt *stmt =
        ds_sqlite_prepare(f,
                          "SELECT sensor FROM window JOIN sensor ON sensor.id = window.sensor"
                          " WHERE start = ?1 AND (?2 IS NULL OR name = ?2) ORDER BY sensor",
                          err);
    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, start_s);
    sqlite3_bind_text(stmt, 2, sensor, -1, SQLITE_STATIC);
    int row;
    while ((row = ds_sqlite_step(f, stmt, err)) == 1)
        if (merge_one(f, start_s, sqlite3_column_int64(stmt, 0), into, origin, err) < 0) {
            row = -1;
            break;
        }
    sqlite3_finalize(stmt);
    return row;
}

int ds_sqlite_load(struct ds_store *store, int64_t start_s, const char *sensor,
                   struct ds_window *out, struct ds_origin *origin, struct ds_error *err)
{
    struct sqlite_store *s = sqlite_of(store);
    struct store_file *f;
    struct ds_window w;
    struct ds_origin o = {0};
    ds_window_init(&w);
    int there = 1;
    if (start_s >= 0 && start_s < DS_STORE_TIME_MAX)
        there = ds_file_use(s, STORE_MINUTES, ds_period_start(STORE_MINUTES, start_s), &f, err);
    int result = there == 0 ? merge_all(f, start_s, sensor, &w, &o, err) : there < 0 ? -1 : 0;
    ds_files_release(s);
    if (result < 0) {
        ds_window_finish(&w);
        return -1;
    }
    o.sources_exact = o.parts == 1;
    *out = w;
    *origin = o;
    return o.sensors == 0 ? 1 : 0;
}
