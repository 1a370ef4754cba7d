/* SPDX-License-Identifier: Apache-2.0
 *
 * Committing a window with the record of its message, in one transaction.
 */
#include "merge.h"
#include "source_columns.h"
#include "sqlite.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- inserting ---- */

/* An insert that is bound value by value. The first fault sticks; insert_finish reports it. */
struct insert {
    struct sqlite_store *store;
    sqlite3_stmt *stmt;
    struct ds_error *err;
    int next;
    bool failed;
};

static struct insert insert_begin(struct sqlite_store *s, const char *sql, struct ds_error *err)
{
    sqlite3_stmt *stmt = ds_sqlite_prepare(s, sql, err);
    return (struct insert){.store = s, .stmt = stmt, .err = err, .failed = !stmt};
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
    if (!in->failed && ds_sqlite_step(in->store, in->stmt, in->err) < 0)
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

static int insert_scalars(struct sqlite_store *s, int64_t sensor, const struct ds_window *w,
                          uint64_t parts, struct ds_error *err)
{
    _Static_assert(STORE_WINDOW_COLUMN_COUNT == 27, "as many values below");
    struct insert in = insert_begin(s,
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
static int insert_named(struct sqlite_store *s, int64_t sensor, const struct ds_window *w,
                        const char *sql, const char *(*name_of)(unsigned), const uint64_t *packets,
                        struct ds_error *err)
{
    struct insert in = insert_begin(s, sql, err);
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

static int insert_protocols(struct sqlite_store *s, int64_t sensor, const struct ds_window *w,
                            struct ds_error *err)
{
    struct insert in = insert_begin(s, "INSERT INTO window_protocol VALUES (?,?,?,?)", err);
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

static int insert_classes(struct sqlite_store *s, int64_t sensor, const struct ds_window *w,
                          struct ds_error *err)
{
    struct insert in = insert_begin(s, "INSERT INTO window_class VALUES (?,?,?,?,?,?)", err);
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

static int insert_countries(struct sqlite_store *s, int64_t sensor, const struct ds_window *w,
                            struct ds_error *err)
{
    char name[3];
    struct insert in = insert_begin(s, "INSERT INTO window_country VALUES (?,?,?,?,?,?)", err);
    for (size_t i = 0; i < w->country_count; i++) {
        row_of(&in, w, sensor);
        text(&in, ds_country_name(w->countries[i].country, name));
        tally(&in, &w->countries[i].tally);
        row(&in);
    }
    return insert_finish(&in);
}

static int insert_devices(struct sqlite_store *s, int64_t sensor, const struct ds_window *w,
                          struct ds_error *err)
{
    char name[3];
    struct insert in = insert_begin(s, "INSERT INTO window_device VALUES (?,?,?,?,?,?)", err);
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

static int insert_signatures(struct sqlite_store *s, int64_t sensor, const struct ds_window *w,
                             struct ds_error *err)
{
    struct insert in = insert_begin(s, "INSERT INTO window_signature VALUES (?,?,?,?,?,?)", err);
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

static int insert_sources(struct sqlite_store *s, int64_t sensor, const struct ds_window *w,
                          struct ds_error *err)
{
    unsigned char *records = NULL;
    size_t size = 0;
    char marks[STORE_MARKS_BYTES];
    if (w->source_record_count == 0)
        return 0;
    if (ds_source_columns_pack(w->source_records, w->source_record_count, &records, &size))
        return ds_error(err, DS_FAILURE, "out of memory");
    struct insert in = insert_begin(s, "INSERT INTO window_sources VALUES (?,?,?,?,?)", err);
    row_of(&in, w, sensor);
    value(&in, STORE_SOURCES_FORMAT);
    text(&in, ds_sqlite_join_marks(w, marks));
    blob(&in, records, size);
    row(&in);
    int result = insert_finish(&in);
    free(records);
    return result;
}

static int insert_attacks(struct sqlite_store *s, int64_t sensor, const struct ds_window *w,
                          struct ds_error *err)
{
    struct insert in = insert_begin(
        s, "INSERT INTO window_attack VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", err);
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

static int insert_cells(struct sqlite_store *s, int64_t sensor, const struct ds_window *w,
                        struct ds_error *err)
{
    char name[3];
    struct insert in = insert_begin(s, "INSERT INTO cell VALUES (?,?,?,?,?,?,?,?,?,?)", err);
    for (size_t i = 0; i < w->cell_count && !in.failed; i++) {
        const struct ds_cell *c = &w->cells[i];
        row_of(&in, w, sensor);
        value(&in, c->cls);
        value(&in, c->proto);
        value(&in, c->port);
        text(&in, ds_country_name(c->country, name));
        value(&in, c->packets);
        value(&in, c->bytes);
        value(&in, c->sources);
        value(&in, c->survey_packets);
        row(&in);
    }
    return insert_finish(&in);
}

static int insert_window(struct sqlite_store *s, int64_t sensor, const struct ds_window *w,
                         uint64_t parts, struct ds_error *err)
{
    if (insert_scalars(s, sensor, w, parts, err) < 0 ||
        insert_named(s, sensor, w, "INSERT INTO window_malformed VALUES (?,?,?,?)",
                     ds_malformed_name, w->malformed, err) < 0 ||
        insert_named(s, sensor, w, "INSERT INTO window_type VALUES (?,?,?,?)", ds_type_name,
                     w->types, err) < 0 ||
        insert_protocols(s, sensor, w, err) < 0 || insert_classes(s, sensor, w, err) < 0 ||
        insert_countries(s, sensor, w, err) < 0 || insert_devices(s, sensor, w, err) < 0 ||
        insert_signatures(s, sensor, w, err) < 0 || insert_sources(s, sensor, w, err) < 0 ||
        insert_attacks(s, sensor, w, err) < 0)
        return -1;
    return insert_cells(s, sensor, w, err);
}

/* The other tables go with it, by their foreign keys. */
static int delete_window(struct sqlite_store *s, int64_t sensor, int64_t start_s,
                         struct ds_error *err)
{
    static const char *const statements[] = {
        "DELETE FROM cell WHERE start = ? AND sensor = ?",
        "DELETE FROM window WHERE start = ? AND sensor = ?",
    };
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        struct insert in = insert_begin(s, statements[i], err);
        value(&in, (uint64_t)start_s);
        value(&in, (uint64_t)sensor);
        row(&in);
        if (insert_finish(&in) < 0)
            return -1;
    }
    return 0;
}

/* ---- sensor and message ---- */

struct sensor {
    int64_t id;
    uint32_t grid_s; /* least common multiple of its window lengths */
};

static int find_sensor(struct sqlite_store *s, const char *name, struct sensor *out,
                       struct ds_error *err)
{
    struct insert in = insert_begin(
        s,
        "INSERT INTO sensor (name, first_start, last_end, last_received, grid_seconds, windows,"
        " observed_ns, received, counted, dropped) VALUES"
        " (?, 9223372036854775807, 0, 0, 1, 0, 0, 0, 0, 0) ON CONFLICT DO NOTHING",
        err);
    text(&in, name);
    row(&in);
    if (insert_finish(&in) < 0)
        return -1;
    sqlite3_stmt *stmt =
        ds_sqlite_prepare(s, "SELECT id, grid_seconds FROM sensor WHERE name = ?", err);
    if (!stmt)
        return -1;
    sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    int found = ds_sqlite_step(s, stmt, err);
    out->id = sqlite3_column_int64(stmt, 0);
    out->grid_s = (uint32_t)sqlite3_column_int64(stmt, 1);
    sqlite3_finalize(stmt);
    return found == 1 ? 0 : -1;
}

/* 0, DS_PUT_DUPLICATE, or -1. */
static int insert_message(struct sqlite_store *s, int64_t sensor, const struct ds_store_put *put,
                          struct ds_error *err)
{
    char boot[17];
    snprintf(boot, sizeof boot, "%016" PRIx64, put->boot);
    struct insert in =
        insert_begin(s, "INSERT INTO message VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING", err);
    value(&in, (uint64_t)sensor);
    text(&in, boot);
    value(&in, put->sequence);
    value(&in, (uint64_t)put->window->start_s);
    value(&in, (uint64_t)put->received_s);
    row(&in);
    if (insert_finish(&in) < 0)
        return -1;
    return sqlite3_changes(s->db) == 0 ? DS_PUT_DUPLICATE : 0;
}

/* Both divide an hour, so the result does and the loop is short. */
static uint32_t common_multiple(uint32_t a, uint32_t b)
{
    uint32_t multiple = a;
    while (multiple % b != 0)
        multiple += a;
    return multiple;
}

static int update_sensor(struct sqlite_store *s, const struct sensor *sensor,
                         const struct ds_store_put *put, bool new_window, uint64_t observed_ns,
                         struct ds_error *err)
{
    const struct ds_window *w = put->window;
    const uint64_t *b = w->books;
    struct insert in = insert_begin(
        s,
        "UPDATE sensor SET first_start = min(first_start, ?), last_end = max(last_end, ?),"
        " last_received = max(last_received, ?), windows = windows + ?,"
        " observed_ns = observed_ns + ?, received = received + ?, counted = counted + ?,"
        " dropped = dropped + ?, grid_seconds = ? WHERE id = ?",
        err);
    value(&in, (uint64_t)w->start_s);
    value(&in, (uint64_t)w->start_s + w->seconds);
    value(&in, (uint64_t)put->received_s);
    value(&in, new_window);
    value(&in, observed_ns);
    value(&in, b[DS_BOOK_RECEIVED]);
    value(&in, b[DS_BOOK_COUNTED]);
    value(&in, b[DS_BOOK_DROPPED_KERNEL] + b[DS_BOOK_DROPPED_INTERFACE] + b[DS_BOOK_DROPPED_RING]);
    value(&in, common_multiple(sensor->grid_s, w->seconds));
    value(&in, (uint64_t)sensor->id);
    row(&in);
    return insert_finish(&in);
}

/* ---- put ---- */

/* Adds the window to what the same sensor sent for the same start before. */
static int put_part(struct sqlite_store *s, const struct sensor *sensor, struct ds_window *earlier,
                    uint64_t parts, const struct ds_store_put *put, struct ds_error *err)
{
    uint64_t observed_ns = earlier->observed_ns;
    int merged = ds_merge_window(earlier, put->window, DS_MERGE_PARTS);
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
    if (delete_window(s, sensor->id, earlier->start_s, err) < 0 ||
        insert_window(s, sensor->id, earlier, parts + 1, err) < 0)
        return -1;
    return update_sensor(s, sensor, put, false, earlier->observed_ns - observed_ns, err);
}

/* Inside the transaction. 0, a positive enum ds_put, or -1. */
static int put_all(struct sqlite_store *s, const struct ds_store_put *put, struct ds_error *err)
{
    struct sensor sensor;
    if (find_sensor(s, put->sensor, &sensor, err) < 0)
        return -1;
    int result = insert_message(s, sensor.id, put, err);
    if (result != 0)
        return result;
    struct ds_window earlier;
    uint64_t parts = 0;
    result = ds_sqlite_load_one(s, put->window->start_s, sensor.id, &earlier, &parts, err);
    if (result < 0)
        return -1;
    if (result == 0) {
        result = put_part(s, &sensor, &earlier, parts, put, err);
        ds_window_finish(&earlier);
        return result;
    }
    if (insert_window(s, sensor.id, put->window, 1, err) < 0)
        return -1;
    return update_sensor(s, &sensor, put, true, put->window->observed_ns, err);
}

int ds_sqlite_put(struct ds_store *store, const struct ds_store_put *put, struct ds_error *err)
{
    struct sqlite_store *s = sqlite_of(store);
    const char *why = ds_sqlite_bad_put(put);
    if (why) {
        ds_error(err, DS_INPUT, "%s", why);
        return DS_PUT_REFUSED;
    }
    if (ds_sqlite_exec(s, "BEGIN IMMEDIATE", err) < 0)
        return -1;
    int result = put_all(s, put, err);
    if (result == 0)
        result = ds_sqlite_exec(s, "COMMIT", err);
    /* A failed statement may have ended the transaction already. */
    if (!sqlite3_get_autocommit(s->db))
        ds_sqlite_exec(s, "ROLLBACK", NULL);
    return result;
}
