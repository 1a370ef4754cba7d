/* SPDX-License-Identifier: Apache-2.0
 *
 * A day from its hours: one pass over their cells makes the day's hours, packed port by port, and
 * the day. Two files are written, each in a transaction of its own, then the day's own file says
 * that it is done; until then it answers itself, so a crash between only means to do it again.
 */
#include "merge_runs.h"
#include "roll.h"

#include <string.h>

#define HOURS 24

struct day {
    struct store_file *minutes, *hours, *days; /* hours: NULL where they are no longer kept */
    int64_t start_s, sensor;
    struct builder hour_cells, day_cells;
    uint32_t hour_packets, day_packets; /* the fewest that are kept */
    struct store_file *catalogue;
    sqlite3_stmt *seen; /* of ports; NULL with other cells */
    enum chunk_kind kind;
    int64_t messages; /* of the day, before its hours were rolled up */
    struct ds_error *err;
};

static int note_seen(struct day *d, uint64_t key, const struct run_cell *cells, size_t count)
{
    int64_t first_s = d->start_s + cells[0].number * HOUR_S + cells[0].cell.first;
    int64_t last_s = d->start_s + cells[count - 1].number * HOUR_S + cells[count - 1].cell.last;
    sqlite3_bind_int64(d->seen, 1, (int64_t)(key >> 40));
    sqlite3_bind_int64(d->seen, 2, (int64_t)(key >> 32 & 0xff));
    sqlite3_bind_int64(d->seen, 3, (int64_t)(key >> 16 & 0xffff));
    sqlite3_bind_int64(d->seen, 4, d->sensor);
    sqlite3_bind_int64(d->seen, 5, first_s);
    sqlite3_bind_int64(d->seen, 6, last_s);
    int result = ds_sqlite_step(d->catalogue, d->seen, d->err);
    sqlite3_reset(d->seen);
    return result;
}

static int each_key(void *arg, uint64_t key, struct run_cell *cells, size_t count)
{
    struct day *d = arg;
    struct ds_chunk_cell sum = {.key = key};
    if (d->seen && note_seen(d, key, cells, count) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct ds_chunk_cell *c = &cells[i].cell;
        sum.packets += c->packets;
        sum.bytes += c->bytes;
        sum.survey_packets += c->survey_packets;
        sum.windows += c->windows;
        sum.sources_peak = c->sources_peak > sum.sources_peak ? c->sources_peak : sum.sources_peak;
        sum.is_inexact |= c->is_inexact;
        if (!d->hours || c->packets < d->hour_packets)
            continue;
        c->slot = cells[i].number;
        c->first = c->last = 0;
        *ds_builder_next(&d->hour_cells, key) = *c;
    }
    if (d->kind == CHUNK_COUNTRY) /* there is none to tell: the value that takes no room */
        sum.sources_peak = sum.packets - sum.windows + 1;
    if (sum.packets >= d->day_packets)
        *ds_builder_next(&d->day_cells, key) = sum;
    return d->hour_cells.has_failed || d->day_cells.has_failed ? -1 : 0;
}

static int begin_runs(struct day *d, enum chunk_kind kind, struct run runs[static HOURS])
{
    for (uint32_t i = 0; i < HOURS; i++) {
        runs[i] = (struct run){.file = d->minutes, .number = i};
        runs[i].chunks = ds_sqlite_prepare(d->minutes,
                                           "SELECT data FROM hour_chunk WHERE kind = ? AND"
                                           " start = ? AND sensor = ? ORDER BY first_key",
                                           d->err);
        if (!runs[i].chunks) {
            while (i-- > 0)
                ds_run_finish(&runs[i]);
            return -1;
        }
        sqlite3_bind_int64(runs[i].chunks, 1, kind);
        sqlite3_bind_int64(runs[i].chunks, 2, d->start_s + i * HOUR_S);
        sqlite3_bind_int64(runs[i].chunks, 3, d->sensor);
    }
    return 0;
}

/* The most windows of an hour, and of the day. */
static int find_most_windows(struct day *d, int64_t most[static 2])
{
    most[0] = most[1] = 1;
    if (ds_sqlite_number(d->minutes, "SELECT max(windows) FROM hour WHERE sensor = ?", &d->sensor,
                         1, &most[0], d->err) < 0)
        return -1;
    return ds_sqlite_number(d->minutes, "SELECT sum(windows) FROM hour WHERE sensor = ?",
                            &d->sensor, 1, &most[1], d->err);
}

static int write_cells(struct day *d, enum chunk_kind kind)
{
    struct run runs[HOURS];
    int64_t most[2];
    struct chunk_set set = {"hour_chunk", kind, d->start_s, d->sensor, d->minutes->generation};
    if (find_most_windows(d, most) < 0 || begin_runs(d, kind, runs) < 0)
        return -1;
    if (kind == CHUNK_COUNTRY) { /* their hours have 1 */
        most[0] = 1;
        most[1] = HOURS;
    }
    d->kind = kind;
    d->hour_packets = kind == CHUNK_PORT_COUNTRY ? ROLL_PACKETS_HOUR : 0;
    d->day_packets = kind == CHUNK_PORT_COUNTRY ? ROLL_PACKETS_DAY : 0;
    memset(&d->hour_cells, 0, sizeof d->hour_cells);
    if (d->hours)
        ds_builder_begin(&d->hour_cells, d->hours, &set,
                         kind == CHUNK_PORT ? CHUNK_CELLS_HOUR_PORT : CHUNK_CELLS_DAY,
                         (uint32_t)most[0], d->err);
    set.table = "day_chunk";
    ds_builder_begin(&d->day_cells, d->days, &set, CHUNK_CELLS_DAY, (uint32_t)most[1], d->err);
    int merged = ds_runs_merge(runs, HOURS, each_key, d, d->err);
    int hours = d->hours ? ds_builder_finish(&d->hour_cells) : 0;
    int days = ds_builder_finish(&d->day_cells);
    return merged != 0 || hours < 0 || days < 0 ? -1 : 0;
}

static int write_ports(struct day *d)
{
    d->seen = ds_sqlite_prepare(d->catalogue,
                                "INSERT INTO port_seen VALUES (?,?,?,?,?,?) ON CONFLICT DO UPDATE"
                                " SET first = min(first, excluded.first),"
                                " last = max(last, excluded.last)"
                                " WHERE excluded.first < first OR excluded.last > last",
                                d->err);
    if (!d->seen)
        return -1;
    int result = write_cells(d, CHUNK_PORT);
    sqlite3_finalize(d->seen);
    d->seen = NULL;
    return result;
}

/* Those seen in a window of the day. */
static int note_signatures(struct day *d)
{
    sqlite3_stmt *from = ds_sqlite_prepare(d->minutes,
                                           "SELECT id, min(start), max(start) FROM"
                                           " window_signature WHERE sensor = ? AND packets > 0"
                                           " GROUP BY id",
                                           d->err);
    sqlite3_stmt *to =
        from ? ds_sqlite_prepare(d->catalogue,
                                 "INSERT INTO signature_seen VALUES (?,?,?,?) ON CONFLICT DO"
                                 " UPDATE SET first = min(first, excluded.first),"
                                 " last = max(last, excluded.last)",
                                 d->err)
             : NULL;
    int row = from && to ? 1 : -1;
    if (from)
        sqlite3_bind_int64(from, 1, d->sensor);
    while (row >= 0 && (row = ds_sqlite_step(d->minutes, from, d->err)) == 1) {
        sqlite3_bind_value(to, 1, sqlite3_column_value(from, 0));
        sqlite3_bind_int64(to, 2, d->sensor);
        sqlite3_bind_value(to, 3, sqlite3_column_value(from, 1));
        sqlite3_bind_value(to, 4, sqlite3_column_value(from, 2));
        if (ds_sqlite_step(d->catalogue, to, d->err) < 0)
            row = -1;
        sqlite3_reset(to);
    }
    sqlite3_finalize(from);
    sqlite3_finalize(to);
    return row;
}

/* In a transaction of its own, which a putter with a new sensor has to wait for. What it says is
 * true whatever becomes of the day. */
static int write_seen(struct day *d)
{
    if (ds_sqlite_exec(d->catalogue, "BEGIN IMMEDIATE", d->err) < 0)
        return -1;
    int result = write_ports(d);
    if (result == 0)
        result = note_signatures(d);
    if (result == 0)
        result = ds_sqlite_exec(d->catalogue, "COMMIT", d->err);
    if (!sqlite3_get_autocommit(d->catalogue->db))
        ds_sqlite_exec(d->catalogue, "ROLLBACK", NULL);
    return result;
}

static int attach(struct day *d, struct store_file *to)
{
    char path[STORE_PATH_BYTES];
    if (ds_file_path(to->store, d->minutes->name, path, d->err) < 0)
        return -1;
    sqlite3_stmt *stmt = ds_sqlite_prepare(to, "ATTACH ? AS minutes", d->err);
    if (!stmt)
        return -1;
    sqlite3_bind_text(stmt, 1, path, -1, SQLITE_STATIC);
    int result = ds_sqlite_step(to, stmt, d->err);
    sqlite3_finalize(stmt);
    return result;
}

static int write_messages(struct day *d)
{
    const int64_t values[] = {d->start_s, d->sensor, d->minutes->generation};
    if (ds_sqlite_exec_with(d->days,
                            "DELETE FROM message WHERE day = ? AND sensor = ? AND generation = ?",
                            values, 3, d->err) < 0)
        return -1;
    return ds_sqlite_exec_with(
        d->days,
        "INSERT INTO message SELECT ?1, ?2, ?3, boot, min(sequence), max(sequence) FROM"
        " (SELECT boot, sequence, sequence - row_number() OVER (PARTITION BY boot ORDER BY"
        "  sequence) AS island FROM minutes.message WHERE sensor = ?2) GROUP BY boot, island",
        values, 3, d->err);
}

/* Everything of the day but the cells of the other file, which is in a transaction, too. */
static int write_files(struct day *d)
{
    int64_t generation = d->minutes->generation;
    const int64_t old[] = {d->start_s, d->start_s + DAY_S, d->sensor, generation};
    const int64_t chunks[] = {d->start_s, d->sensor, generation, DAY_S};
    const struct ds_roll_added added = {d->start_s, generation};
    int64_t written = 0; /* is it there already? */
    if (ds_sqlite_number(d->days,
                         "SELECT count(*) FROM day_chunks WHERE start = ? AND sensor = ? AND"
                         " generation = ?",
                         chunks, 3, &written, d->err) < 0)
        return -1;
    if (d->hours && (ds_roll_delete(d->hours, "hour", old, d->err) < 0 ||
                     ds_roll_tables_copy(d->hours, d->start_s, d->sensor, generation, d->err) < 0))
        return -1;
    if (ds_roll_delete(d->days, "day", old, d->err) < 0 ||
        ds_roll_tables_day(d->days, d->hours, d->start_s, d->sensor, generation, d->err) < 0 ||
        write_messages(d) < 0)
        return -1;
    if (write_seen(d) < 0 || write_cells(d, CHUNK_PORT_COUNTRY) < 0 ||
        write_cells(d, CHUNK_COUNTRY) < 0)
        return -1;
    if (d->hours && ds_sqlite_exec_with(d->hours, "INSERT INTO hour_chunks VALUES (?,?,?,?)",
                                        chunks, 4, d->err) < 0)
        return -1;
    if (ds_sqlite_exec_with(d->days, "INSERT INTO day_chunks VALUES (?,?,?,?)", chunks, 4, d->err) <
        0)
        return -1;
    return ds_roll_month(d->days, d->sensor, written ? NULL : &added, d->err);
}

static void finish_file(struct store_file *f, bool is_attached)
{
    if (!f)
        return;
    if (!sqlite3_get_autocommit(f->db))
        ds_sqlite_exec(f, "ROLLBACK", NULL);
    if (is_attached)
        ds_sqlite_exec(f, "DETACH minutes", NULL);
}

/* 0, 1 where a window came since, -1. */
static int check_unchanged(struct day *d)
{
    int64_t messages = 0;
    if (ds_roll_count(d->minutes, d->start_s, d->start_s + DAY_S, d->sensor, &messages, d->err) < 0)
        return -1;
    return messages != d->messages;
}

/* All connections see the day as it is now, with no window that came since its hours were rolled
 * up. 0, 1, -1. The mutex is held. */
static int begin_snapshots(struct day *d)
{
    struct store_file *const writes[] = {d->hours, d->days};
    if (ds_sqlite_exec(d->minutes, "BEGIN", d->err) < 0)
        return -1;
    for (size_t i = 0; i < 2; i++)
        if (writes[i] &&
            ds_sqlite_exec(writes[i], "BEGIN; SELECT count(*) FROM minutes.packed", d->err) < 0)
            return -1;
    return check_unchanged(d);
}

static int begin_files(struct day *d)
{
    struct store_shared *shared = d->minutes->store->shared;
    pthread_mutex_lock(&shared->mutex);
    int result = begin_snapshots(d);
    pthread_mutex_unlock(&shared->mutex);
    return result;
}

static int commit_files(struct day *d)
{
    if (d->hours && ds_sqlite_exec(d->hours, "COMMIT", d->err) < 0)
        return -1;
    return ds_sqlite_exec(d->days, "COMMIT", d->err);
}

/* 0, 1, -1. */
static int write_day(struct day *d)
{
    bool hours_attached = false, days_attached = false;
    int result = d->hours ? attach(d, d->hours) : 0;
    hours_attached = d->hours && result == 0;
    if (result == 0)
        result = attach(d, d->days);
    days_attached = result == 0;
    if (result == 0)
        result = begin_files(d);
    if (result == 0)
        result = write_files(d);
    if (result == 0)
        result = commit_files(d);
    finish_file(d->hours, hours_attached);
    finish_file(d->days, days_attached);
    finish_file(d->minutes, false);
    return result;
}

/* Hours of a day of which earlier ones were deleted would say less than was seen. */
static int choose_files(struct day *d)
{
    struct sqlite_store *s = d->minutes->store;
    int64_t month_s = ds_period_start(STORE_HOURS, d->start_s), earlier = 1;
    if (ds_file_write(s, STORE_DAYS, month_s, 0, &d->days, d->err) < 0)
        return -1;
    if (d->minutes->generation > 0) {
        struct store_file *hours = NULL;
        int there = ds_file_use(s, STORE_HOURS, month_s, &hours, d->err);
        const int64_t day[] = {d->start_s, d->minutes->generation};
        earlier = 0;
        if (there < 0 ||
            (there == 0 && ds_sqlite_number(hours,
                                            "SELECT 1 FROM hour_chunks WHERE start = ? AND"
                                            " generation < ?",
                                            day, 2, &earlier, d->err) < 0))
            there = -1;
        ds_files_release(s);
        if (there < 0)
            return -1;
    }
    return earlier ? ds_file_write(s, STORE_HOURS, month_s, 0, &d->hours, d->err) : 0;
}

static int copy_sensor(struct day *d, struct store_file *to)
{
    if (!to)
        return 0;
    sqlite3_stmt *from =
        ds_sqlite_prepare(d->minutes, "SELECT name FROM sensor WHERE id = ?", d->err);
    sqlite3_stmt *into =
        from ? ds_sqlite_prepare(to, "INSERT INTO sensor VALUES (?,?) ON CONFLICT DO NOTHING",
                                 d->err)
             : NULL;
    int result = into ? 0 : -1;
    if (into) {
        sqlite3_bind_int64(from, 1, d->sensor);
        result = ds_sqlite_step(d->minutes, from, d->err);
    }
    if (result == 1) {
        sqlite3_bind_int64(into, 1, d->sensor);
        sqlite3_bind_value(into, 2, sqlite3_column_value(from, 0));
        result = ds_sqlite_step(to, into, d->err);
    }
    sqlite3_finalize(from);
    sqlite3_finalize(into);
    return result;
}

static int roll_open_hours(struct day *d)
{
    for (int64_t hour_s = d->start_s; hour_s < d->start_s + DAY_S; hour_s += HOUR_S) {
        int64_t is_open = 0;
        const int64_t values[] = {hour_s, hour_s + HOUR_S, d->sensor};
        if (ds_sqlite_number(d->minutes,
                             "SELECT 1 FROM window WHERE start >= ?1 AND start < ?2 AND sensor = ?3"
                             " AND NOT EXISTS (SELECT 1 FROM hour WHERE start = ?1 AND sensor = ?3)"
                             " LIMIT 1",
                             values, 3, &is_open, d->err) < 0)
            return -1;
        int result = is_open ? ds_roll_hour(d->minutes, hour_s, d->sensor, d->err) : 0;
        if (result != 0)
            return result;
    }
    return 0;
}

/* From now on the other files answer. 0, 1, -1. */
static int mark_packed(struct day *d)
{
    struct store_shared *shared = d->minutes->store->shared;
    pthread_mutex_lock(&shared->mutex);
    int result = check_unchanged(d);
    if (result == 0)
        result =
            ds_sqlite_exec_with(d->minutes, "INSERT INTO packed VALUES (?) ON CONFLICT DO NOTHING",
                                &d->sensor, 1, d->err);
    pthread_mutex_unlock(&shared->mutex);
    return result;
}

int ds_roll_day(struct store_file *minutes, int64_t sensor, struct ds_error *err)
{
    struct day d = {.minutes = minutes, .start_s = minutes->from_s, .sensor = sensor, .err = err};
    if (ds_roll_count(minutes, d.start_s, d.start_s + DAY_S, sensor, &d.messages, err) < 0)
        return -1;
    int result = roll_open_hours(&d);
    if (result != 0)
        return result;
    if (choose_files(&d) < 0 ||
        ds_file_write(minutes->store, STORE_CATALOGUE, 0, 0, &d.catalogue, err) < 0 ||
        copy_sensor(&d, d.hours) < 0 || copy_sensor(&d, d.days) < 0)
        return -1;
    result = write_day(&d);
    return result == 0 ? mark_packed(&d) : result;
}
