/* SPDX-License-Identifier: Apache-2.0
 *
 * Committing a window with the record of its message, in one transaction of the file of its day.
 */
#include "builder.h"
#include "roll.h"
#include "sketches.h"
#include "source_columns.h"
#include "tidy.h"

#include "darkscope/merge.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- inserting ---- */

/* An insert that is bound value by value. The first fault sticks; insert_finish reports it. */
struct insert {
    struct store_file *file;
    sqlite3_stmt *stmt;
    struct ds_error *err;
    int next;
    bool failed;
};

static struct insert insert_begin(struct store_file *f, const char *sql, struct ds_error *err)
{
    sqlite3_stmt *stmt = ds_sqlite_prepare(f, sql, err);
    return (struct insert){.file = f, .stmt = stmt, .err = err, .failed = !stmt};
}

static void value(struct insert *in, uint64_t number)
{
    sqlite3_bind_int64(in->stmt, ++in->next, (sqlite3_int64)number);
}

/* string stays as it is until row(). */
static void text(struct insert *in, const char *string)
{
    sqlite3_bind_text(in->stmt, ++in->next, string, -1, SQLITE_STATIC);
}

/* bytes stay as they are until row(). */
static void blob(struct insert *in, const void *bytes, size_t size)
{
    sqlite3_bind_blob64(in->stmt, ++in->next, bytes, size, SQLITE_STATIC);
}

/* A text from outside that people will see: what is not printable becomes '?'. */
static void printable(struct insert *in, const char *string)
{
    char clean[DS_DATABASE_MAX + 1] = "";
    for (size_t i = 0; i < DS_DATABASE_MAX && string[i]; i++)
        clean[i] = string[i] >= ' ' && string[i] <= '~' ? string[i] : '?';
    sqlite3_bind_text(in->stmt, ++in->next, clean, -1, SQLITE_TRANSIENT);
}

static void row(struct insert *in)
{
    if (!in->failed && ds_sqlite_step(in->file, in->stmt, in->err) < 0)
        in->failed = true;
    sqlite3_reset(in->stmt);
    in->next = 0;
}

static int insert_finish(struct insert *in)
{
    sqlite3_finalize(in->stmt);
    return in->failed ? -1 : 0;
}

/* ---- the tables of a window ---- */

static int insert_scalars(struct store_file *f, int64_t sensor, const struct ds_window *w,
                          uint64_t parts, struct ds_error *err)
{
    _Static_assert(STORE_WINDOW_COLUMN_COUNT == 27, "as many values below");
    struct insert in = insert_begin(f,
                                    "INSERT INTO window (sensor, " STORE_WINDOW_COLUMNS ") VALUES"
                                    " (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                                    err);
    value(&in, (uint64_t)sensor);
    value(&in, (uint64_t)w->start_s);
    value(&in, w->seconds);
    value(&in, w->observed_ns);
    value(&in, parts);
    if (w->addresses_known)
        value(&in, w->addresses);
    else
        in.next++; /* stays NULL */
    value(&in, w->active_addresses);
    printable(&in, w->country_db);
    value(&in, w->bytes);
    value(&in, w->sources);
    value(&in, w->destinations);
    for (size_t i = 0; i < DS_BOOK_COUNT; i++)
        value(&in, w->books[i]);
    for (size_t i = 0; i < DS_OVERFLOW_COUNT; i++)
        value(&in, w->overflow[i]);
    if (w->attacks_known)
        value(&in, w->attack_count);
    row(&in);
    return insert_finish(&in);
}

/* Starts a row of a table of the window. */
static void row_of(struct insert *in, const struct ds_window *w, int64_t sensor)
{
    value(in, (uint64_t)w->start_s);
    value(in, (uint64_t)sensor);
}

static void tally(struct insert *in, const struct ds_tally *t)
{
    value(in, t->packets);
    value(in, t->bytes);
    value(in, t->sources);
}

/* A table of packets by name, without the zeros. */
static int insert_named(struct store_file *f, int64_t sensor, const struct ds_window *w,
                        const char *sql, const char *(*name_of)(unsigned), const uint64_t *packets,
                        struct ds_error *err)
{
    struct insert in = insert_begin(f, sql, err);
    for (unsigned i = 0; name_of(i); i++) {
        if (packets[i] == 0)
            continue;
        row_of(&in, w, sensor);
        text(&in, name_of(i));
        value(&in, packets[i]);
        row(&in);
    }
    return insert_finish(&in);
}

static int insert_protocols(struct store_file *f, int64_t sensor, const struct ds_window *w,
                            struct ds_error *err)
{
    struct insert in = insert_begin(f, "INSERT INTO window_protocol VALUES (?,?,?,?)", err);
    for (unsigned i = 0; i < 256; i++) {
        if (w->protocols[i] == 0)
            continue;
        row_of(&in, w, sensor);
        value(&in, i);
        value(&in, w->protocols[i]);
        row(&in);
    }
    return insert_finish(&in);
}

static int insert_classes(struct store_file *f, int64_t sensor, const struct ds_window *w,
                          struct ds_error *err)
{
    struct insert in = insert_begin(f, "INSERT INTO window_class VALUES (?,?,?,?,?,?)", err);
    for (unsigned i = 0; i < DS_CLASS_COUNT; i++) {
        if (w->classes[i].packets == 0)
            continue;
        row_of(&in, w, sensor);
        value(&in, i);
        tally(&in, &w->classes[i]);
        row(&in);
    }
    return insert_finish(&in);
}

static int insert_countries(struct store_file *f, int64_t sensor, const struct ds_window *w,
                            struct ds_error *err)
{
    char name[3];
    struct insert in = insert_begin(f, "INSERT INTO window_country VALUES (?,?,?,?,?,?)", err);
    for (size_t i = 0; i < w->country_count; i++) {
        row_of(&in, w, sensor);
        text(&in, ds_country_name(w->countries[i].country, name));
        tally(&in, &w->countries[i].tally);
        row(&in);
    }
    return insert_finish(&in);
}

static int insert_devices(struct store_file *f, int64_t sensor, const struct ds_window *w,
                          struct ds_error *err)
{
    char name[3];
    struct insert in = insert_begin(f, "INSERT INTO window_device VALUES (?,?,?,?,?,?)", err);
    for (size_t i = 0; i < w->device_count; i++) {
        row_of(&in, w, sensor);
        text(&in, ds_country_name(w->devices[i].country, name));
        value(&in, w->devices[i].device);
        value(&in, w->devices[i].packets);
        value(&in, w->devices[i].sources);
        row(&in);
    }
    return insert_finish(&in);
}

static int insert_signatures(struct store_file *f, int64_t sensor, const struct ds_window *w,
                             struct ds_error *err)
{
    struct insert in = insert_begin(f, "INSERT INTO window_signature VALUES (?,?,?,?,?,?)", err);
    for (size_t i = 0; i < w->signature_count; i++) {
        row_of(&in, w, sensor);
        text(&in, w->signatures[i].id);
        value(&in, w->signatures[i].packets);
        value(&in, w->signatures[i].sources);
        value(&in, w->signatures[i].confirmed_sources);
        row(&in);
    }
    return insert_finish(&in);
}

static int insert_columns(struct store_file *f, int64_t sensor, const struct ds_window *w,
                          const unsigned char *columns, size_t size, struct ds_error *err)
{
    char marks[STORE_MARKS_BYTES];
    struct insert in = insert_begin(f, "INSERT INTO window_sources VALUES (?,?,?,?,?)", err);
    row_of(&in, w, sensor);
    value(&in, STORE_SOURCES_FORMAT);
    text(&in, ds_sqlite_join_marks(w, marks));
    blob(&in, columns, size);
    row(&in);
    return insert_finish(&in);
}

/* As they came, where they did. */
static int insert_sources(struct store_file *f, int64_t sensor, const struct ds_window *w,
                          struct ds_error *err)
{
    unsigned char *columns = NULL;
    size_t size = 0;
    if (w->source_record_count == 0)
        return 0;
    if (w->source_columns)
        return insert_columns(f, sensor, w, w->source_columns, w->source_columns_bytes, err);
    if (ds_source_columns_pack(w->source_records, w->source_record_count, &columns, &size))
        return ds_error(err, DS_FAILURE, "out of memory");
    int result = insert_columns(f, sensor, w, columns, size, err);
    free(columns);
    return result;
}

static int insert_attacks(struct store_file *f, int64_t sensor, const struct ds_window *w,
                          struct ds_error *err)
{
    struct insert in = insert_begin(
        f, "INSERT INTO window_attack VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", err);
    for (size_t i = 0; i < w->attack_count; i++) {
        const struct ds_attack *a = &w->attacks[i];
        const uint64_t figures[] = {
            a->port,           a->ports,        a->attack_ports,       a->addresses,
            a->window_packets, a->window_bytes, (uint64_t)a->start_ms, (uint64_t)a->last_ms,
            a->packets,        a->bytes,        a->mismatches,         a->max_ppm};
        char country[3];
        row_of(&in, w, sensor);
        value(&in, a->victim);
        value(&in, a->proto);
        text(&in, ds_country_name(a->country, country));
        for (size_t k = 0; k < sizeof figures / sizeof figures[0]; k++)
            value(&in, figures[k]);
        row(&in);
    }
    return insert_finish(&in);
}

/* Beyond these the sources of cells are lower bounds. */
static bool is_inexact(const struct ds_window *w, uint64_t parts)
{
    return parts > 1 || w->overflow[DS_OVERFLOW_PAIRS] > 0 || w->overflow[DS_OVERFLOW_CELLS] > 0;
}

/* The chunks of its cells. 0 or -1; rows are the caller's to finish. */
static int pack_cells(const struct ds_window *w, uint64_t parts, struct chunk_rows *rows,
                      struct ds_error *err)
{
    struct builder b;
    const bool inexact = is_inexact(w, parts);
    ds_builder_begin_rows(&b, STORE_MINUTES, rows, CHUNK_CELLS_MINUTE, 1, err);
    for (size_t i = 0; i < w->cell_count; i++) {
        const struct ds_cell *c = &w->cells[i];
        const uint64_t key = ds_cell_key(c);
        *ds_builder_next(&b, key) = (struct ds_chunk_cell){
            .key = key,
            .windows = 1,
            .packets = c->packets,
            .bytes = c->bytes,
            .survey_packets = c->survey_packets,
            .sources_peak = c->sources,
            .is_inexact = inexact,
        };
    }
    return ds_builder_finish(&b);
}

/* cells: packed of it. */
static int insert_window(struct store_file *f, int64_t sensor, const struct ds_window *w,
                         uint64_t parts, const struct chunk_rows *cells, struct ds_error *err)
{
    const struct chunk_set set = {.table = "minute_chunk", .start_s = w->start_s, .sensor = sensor};
    if (insert_scalars(f, sensor, w, parts, err) < 0 ||
        insert_named(f, sensor, w, "INSERT INTO window_malformed VALUES (?,?,?,?)",
                     ds_malformed_name, w->malformed, err) < 0 ||
        insert_named(f, sensor, w, "INSERT INTO window_type VALUES (?,?,?,?)", ds_type_name,
                     w->types, err) < 0 ||
        insert_protocols(f, sensor, w, err) < 0 || insert_classes(f, sensor, w, err) < 0 ||
        insert_countries(f, sensor, w, err) < 0 || insert_devices(f, sensor, w, err) < 0 ||
        insert_signatures(f, sensor, w, err) < 0 || insert_sources(f, sensor, w, err) < 0 ||
        ds_sketches_insert(f, sensor, w, err) < 0 || insert_attacks(f, sensor, w, err) < 0)
        return -1;
    return ds_chunk_rows_write(cells, f, &set, err);
}

#define OF_WINDOW " WHERE start = ? AND sensor = ?"

static int delete_window(struct store_file *f, int64_t sensor, int64_t start_s,
                         struct ds_error *err)
{
    static const char *const statements[] = {
        "DELETE FROM minute_chunk" OF_WINDOW,     "DELETE FROM window" OF_WINDOW,
        "DELETE FROM window_malformed" OF_WINDOW, "DELETE FROM window_type" OF_WINDOW,
        "DELETE FROM window_protocol" OF_WINDOW,  "DELETE FROM window_class" OF_WINDOW,
        "DELETE FROM window_country" OF_WINDOW,   "DELETE FROM window_device" OF_WINDOW,
        "DELETE FROM window_signature" OF_WINDOW, "DELETE FROM window_sources" OF_WINDOW,
        "DELETE FROM window_sketch" OF_WINDOW,    "DELETE FROM window_attack" OF_WINDOW,
    };
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        struct insert in = insert_begin(f, statements[i], err);
        value(&in, (uint64_t)start_s);
        value(&in, (uint64_t)sensor);
        row(&in);
        if (insert_finish(&in) < 0)
            return -1;
    }
    return 0;
}

/* ---- sensor and message ---- */

/* The number of a sensor's name, a new one where it has none. Committed first: at worst there is a
 * sensor without windows. */
static int find_sensor(struct sqlite_store *s, const char *name, int64_t *id, struct ds_error *err)
{
    struct store_file *f;
    if (ds_file_write(s, STORE_CATALOGUE, 0, 0, &f, err) < 0)
        return -1;
    for (int attempt = 0; attempt < 2; attempt++) {
        struct insert in = insert_begin(f, "SELECT id FROM sensor WHERE name = ?", err);
        text(&in, name);
        int found = in.failed ? -1 : ds_sqlite_step(f, in.stmt, err);
        *id = found == 1 ? sqlite3_column_int64(in.stmt, 0) : 0;
        sqlite3_finalize(in.stmt);
        if (found != 0)
            return found == 1 ? 0 : -1;
        in = insert_begin(f, "INSERT INTO sensor (name) VALUES (?)", err);
        text(&in, name);
        row(&in);
        if (insert_finish(&in) < 0)
            return -1;
    }
    return ds_sqlite_damaged(f, "table sensor", "it does not keep rows", err);
}

static int insert_sensor(struct store_file *f, int64_t id, const char *name, struct ds_error *err)
{
    struct insert in =
        insert_begin(f, "INSERT INTO sensor VALUES (?,?) ON CONFLICT DO NOTHING", err);
    value(&in, (uint64_t)id);
    text(&in, name);
    row(&in);
    return insert_finish(&in);
}

/* 0, DS_PUT_DUPLICATE, or -1. */
static int insert_message(struct store_file *f, int64_t sensor, const struct ds_store_put *put,
                          struct ds_error *err)
{
    char boot[17];
    snprintf(boot, sizeof boot, "%016" PRIx64, put->boot);
    struct insert in =
        insert_begin(f, "INSERT INTO message VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING", err);
    value(&in, (uint64_t)sensor);
    text(&in, boot);
    value(&in, put->sequence);
    value(&in, (uint64_t)put->window->start_s);
    value(&in, (uint64_t)put->received_s);
    row(&in);
    if (insert_finish(&in) < 0)
        return -1;
    return sqlite3_changes(f->db) == 0 ? DS_PUT_DUPLICATE : 0;
}

/* Where the day's file was deleted and is there anew, what it had is in the file of days. 0,
 * DS_PUT_DUPLICATE or -1. */
static int find_earlier_message(struct store_file *minutes, int64_t sensor,
                                const struct ds_store_put *put, struct ds_error *err)
{
    struct store_file *days;
    char boot[17];
    if (minutes->generation == 0)
        return 0;
    int64_t month_s = ds_period_start(STORE_DAYS, minutes->from_s);
    int there = ds_file_use(minutes->store, STORE_DAYS, month_s, &days, err);
    if (there != 0)
        return there < 0 ? -1 : 0;
    snprintf(boot, sizeof boot, "%016" PRIx64, put->boot);
    struct insert in =
        insert_begin(days,
                     "SELECT 1 FROM message WHERE day = ? AND sensor = ? AND boot = ? AND"
                     " ? BETWEEN first_sequence AND last_sequence AND generation < ?",
                     err);
    value(&in, (uint64_t)minutes->from_s);
    value(&in, (uint64_t)sensor);
    text(&in, boot);
    value(&in, put->sequence);
    value(&in, (uint64_t)minutes->generation);
    int found = in.failed ? -1 : ds_sqlite_step(days, in.stmt, err);
    sqlite3_finalize(in.stmt);
    ds_files_release(minutes->store);
    return found < 0 ? -1 : found == 1 ? DS_PUT_DUPLICATE : 0;
}

/* The file of the day, made where there is none. */
static int open_day(struct sqlite_store *s, int64_t start_s, struct store_file **out,
                    struct ds_error *err)
{
    int64_t day_s = ds_period_start(STORE_MINUTES, start_s), generation = 0;
    struct store_file *days;
    int there = ds_file_use(s, STORE_MINUTES, day_s, out, err);
    ds_files_release(s);
    if (there <= 0)
        return there;
    there = ds_file_use(s, STORE_DAYS, ds_period_start(STORE_DAYS, day_s), &days, err);
    if (there == 0)
        there = ds_sqlite_number(days, "SELECT max(generation) + 1 FROM day_chunks WHERE start = ?",
                                 &day_s, 1, &generation, err);
    ds_files_release(s);
    return there < 0 ? -1 : ds_file_write(s, STORE_MINUTES, day_s, generation, out, err);
}

/* ---- put ---- */

/* Adds the window to what the same sensor sent for the same start before. */
static int put_part(struct store_file *f, int64_t sensor, struct ds_window *earlier, uint64_t parts,
                    const struct ds_store_put *put, struct ds_error *err)
{
    const struct ds_window *w = put->window;
    int merged = ds_merge_window(earlier, w, w->merged ? DS_MERGE_HOUR : DS_MERGE_PARTS);
    if (merged < 0)
        return ds_error(err, DS_FAILURE, "out of memory");
    const char *why =
        merged > 0
            ? "with its earlier part its tables are too large"
            : ds_sqlite_bad_put(&(struct ds_store_put){.sensor = put->sensor, .window = earlier});
    if (why) {
        ds_error(err, DS_INPUT, "%s", why);
        return DS_PUT_REFUSED;
    }
    struct chunk_rows cells = {0};
    parts += 1 + w->merged;
    int result = delete_window(f, sensor, earlier->start_s, err);
    if (result == 0)
        result = pack_cells(earlier, parts, &cells, err);
    if (result == 0)
        result = insert_window(f, sensor, earlier, parts, &cells, err);
    ds_chunk_rows_finish(&cells);
    return result;
}

/* A put, and the chunks of its window. */
struct packed_put {
    const struct ds_store_put *put;
    struct chunk_rows cells;
    int64_t sensor;
    bool is_first; /* of its start */
};

static uint64_t parts_of(const struct ds_store_put *put)
{
    return 1 + put->window->merged;
}

/* Inside the transaction. 0, a positive enum ds_put, or -1. */
static int put_one(struct store_file *f, struct packed_put *p, struct ds_error *err)
{
    const struct ds_store_put *put = p->put;
    if (insert_sensor(f, p->sensor, put->sensor, err) < 0)
        return -1;
    int result = insert_message(f, p->sensor, put, err);
    if (result == 0)
        result = find_earlier_message(f, p->sensor, put, err);
    if (result != 0)
        return result;
    struct ds_window earlier;
    uint64_t parts = 0;
    if (ds_roll_forget(f, put->window->start_s, p->sensor, err) < 0)
        return -1;
    result = ds_sqlite_load_one(f, put->window->start_s, p->sensor, &earlier, &parts, err);
    if (result < 0)
        return -1;
    p->is_first = result > 0;
    if (p->is_first)
        return insert_window(f, p->sensor, put->window, parts_of(put), &p->cells, err);
    result = put_part(f, p->sensor, &earlier, parts, put, err);
    ds_window_finish(&earlier);
    return result;
}

/* Committed: what is kept in memory of its hour and day. */
static void note(struct store_file *f, const struct packed_put *p)
{
    struct store_shared *shared = f->store->shared;
    int64_t start_s = p->put->window->start_s;
    ds_tidy_note(shared->tidy, f->from_s, p->sensor, start_s);
    if (p->is_first)
        ds_unions_note(&shared->unions, p->sensor, f->generation, p->put->window);
    else
        ds_unions_forget(&shared->unions, start_s - start_s % HOUR_S, p->sensor);
}

/* Puts of one day in one transaction: 0, or nothing is changed and it is the outcome of the first
 * that was not committed. The mutex is held. */
static int put_packed(struct sqlite_store *s, struct packed_put *puts, size_t count,
                      struct ds_error *err)
{
    struct store_file *f;
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++)
        result = find_sensor(s, puts[i].put->sensor, &puts[i].sensor, err);
    if (result < 0 || open_day(s, puts[0].put->window->start_s, &f, err) < 0 ||
        ds_sqlite_exec(f, "BEGIN IMMEDIATE", err) < 0)
        return -1;
    for (size_t i = 0; i < count && result == 0; i++)
        result = put_one(f, &puts[i], err);
    if (result == 0)
        result = ds_sqlite_exec(f, "COMMIT", err);
    /* A failed statement may have ended the transaction already. */
    if (!sqlite3_get_autocommit(f->db))
        ds_sqlite_exec(f, "ROLLBACK", NULL);
    for (size_t i = 0; i < count && result == 0; i++)
        note(f, &puts[i]);
    return result;
}

/* What can be done without the mutex is done before it is taken. */
static int put_checked(struct sqlite_store *s, const struct ds_store_put *puts, size_t count,
                       struct ds_error *err)
{
    struct packed_put packed[DS_PUT_TOGETHER_MAX];
    int result = 0;
    for (size_t i = 0; i < count; i++) {
        packed[i] = (struct packed_put){.put = &puts[i]};
        if (result == 0)
            result = pack_cells(puts[i].window, parts_of(&puts[i]), &packed[i].cells, err);
    }
    if (result == 0) {
        pthread_mutex_lock(&s->shared->mutex);
        result = put_packed(s, packed, count, err);
        pthread_mutex_unlock(&s->shared->mutex);
    }
    for (size_t i = 0; i < count; i++)
        ds_chunk_rows_finish(&packed[i].cells);
    return result;
}

int ds_sqlite_put(struct ds_store *store, const struct ds_store_put *put, struct ds_error *err)
{
    const char *why = ds_sqlite_bad_put(put);
    if (why) {
        ds_error(err, DS_INPUT, "%s", why);
        return DS_PUT_REFUSED;
    }
    return put_checked(sqlite_of(store), put, 1, err);
}

bool ds_sqlite_put_together(struct ds_store *store, const struct ds_store_put *puts, size_t count)
{
    struct ds_error err;
    if (count == 0 || count > DS_PUT_TOGETHER_MAX)
        return false;
    int64_t day_s = ds_period_start(STORE_MINUTES, puts[0].window->start_s);
    for (size_t i = 0; i < count; i++)
        if (ds_sqlite_bad_put(&puts[i]) ||
            ds_period_start(STORE_MINUTES, puts[i].window->start_s) != day_s)
            return false;
    return put_checked(sqlite_of(store), puts, count, &err) == 0;
}
