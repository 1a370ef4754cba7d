/* SPDX-License-Identifier: Apache-2.0 */
#include "sketches.h"

#include "sketch_columns.h"
#include "sketch_fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOURS 24

/* Ports of an hour or a day that is being united: beyond, those with fewest sources are dropped at
 * once, not in the end. */
#define ROWS_MAX (4 * DS_SKETCHES_MAX)

/* ---- keys as text ---- */

static const char *const kind_names[DS_SKETCH_KIND_COUNT] = {
    [DS_SKETCH_COUNTRY] = "country",
    [DS_SKETCH_COUNTRY_SURVEY] = "country-survey",
    [DS_SKETCH_CLASS] = "class",
    [DS_SKETCH_PROTOCOL] = "protocol",
    [DS_SKETCH_PROTOCOL_SURVEY] = "protocol-survey",
    [DS_SKETCH_SIGNATURE] = "signature",
    [DS_SKETCH_SIGNATURE_CONFIRMED] = "signature-confirmed",
    [DS_SKETCH_INFECTED] = "infected",
    [DS_SKETCH_INFECTED_CONFIRMED] = "infected-confirmed",
    [DS_SKETCH_PORT] = "port",
    [DS_SKETCH_PORT_SURVEY] = "port-survey",
};

const char *ds_sketch_kind_name(unsigned kind)
{
    return kind < DS_SKETCH_KIND_COUNT ? kind_names[kind] : NULL;
}

void ds_sketch_key_text(const struct ds_sketch_key *key, char out[static STORE_SKETCH_KEY_BYTES])
{
    char name[8];
    switch ((enum ds_sketch_kind)key->kind) {
    case DS_SKETCH_CLASS:
        strcpy(out, ds_class_name(key->cls));
        break;
    case DS_SKETCH_PROTOCOL:
    case DS_SKETCH_PROTOCOL_SURVEY:
        strcpy(out, ds_proto_name(key->proto, name));
        break;
    case DS_SKETCH_SIGNATURE:
    case DS_SKETCH_SIGNATURE_CONFIRMED:
        strcpy(out, key->signature);
        break;
    case DS_SKETCH_PORT:
    case DS_SKETCH_PORT_SURVEY:
        snprintf(out, STORE_SKETCH_KEY_BYTES, "%s/%s/%u", ds_class_name(key->cls),
                 ds_proto_name(key->proto, name), key->port);
        break;
    default:
        ds_country_name(key->country, out);
    }
}

/* "scan/tcp/23" */
static bool parse_port(const char *text, struct ds_sketch_key *key)
{
    char cls[16], proto[16];
    unsigned port;
    int end = -1;
    if (sscanf(text, "%15[^/]/%15[^/]/%5u%n", cls, proto, &port, &end) != 3 || text[end] ||
        port > UINT16_MAX || ds_class_parse(cls) < 0 || ds_proto_parse(proto) < 0)
        return false;
    key->cls = (uint8_t)ds_class_parse(cls);
    key->proto = (uint8_t)ds_proto_parse(proto);
    key->port = (uint16_t)port;
    return true;
}

static bool parse_key(const char *kind, const char *text, struct ds_sketch_key *key)
{
    int known = ds_sqlite_name_index(ds_sketch_kind_name, kind);
    if (known < 0 || !text)
        return false;
    *key = (struct ds_sketch_key){.kind = (uint8_t)known};
    switch ((enum ds_sketch_kind)known) {
    case DS_SKETCH_CLASS:
        key->cls = (uint8_t)ds_class_parse(text);
        break;
    case DS_SKETCH_PROTOCOL:
    case DS_SKETCH_PROTOCOL_SURVEY:
        key->proto = (uint8_t)ds_proto_parse(text);
        break;
    case DS_SKETCH_SIGNATURE:
    case DS_SKETCH_SIGNATURE_CONFIRMED:
        if (strlen(text) > DS_SIGNATURE_ID_MAX)
            return false;
        strcpy(key->signature, text);
        break;
    case DS_SKETCH_PORT:
    case DS_SKETCH_PORT_SURVEY:
        if (!parse_port(text, key))
            return false;
        break;
    default:
        if (!ds_country_parse(text, &key->country))
            return false;
    }
    return ds_sketch_key_valid(key);
}

/* ---- windows ---- */

int ds_sketches_insert(struct store_file *f, int64_t sensor, const struct ds_window *w,
                       struct ds_error *err)
{
    unsigned char *packed = NULL;
    size_t size = 0;
    if (!w->sketches.known)
        return 0;
    if (ds_sketches_pack(&w->sketches, &packed, &size))
        return ds_error(err, DS_FAILURE, "out of memory");
    sqlite3_stmt *stmt = ds_sqlite_prepare(f, "INSERT INTO window_sketch VALUES (?,?,?)", err);
    int result = -1;
    if (stmt) {
        sqlite3_bind_int64(stmt, 1, w->start_s);
        sqlite3_bind_int64(stmt, 2, sensor);
        sqlite3_bind_blob64(stmt, 3, packed, size, SQLITE_STATIC);
        result = ds_sqlite_step(f, stmt, err);
    }
    sqlite3_finalize(stmt);
    free(packed);
    return result;
}

static int read_fault(struct store_file *f, const char *table, enum ds_decode result,
                      const char *why, struct ds_error *err)
{
    if (result == DS_DECODE_OK)
        return 0;
    if (result == DS_DECODE_NO_MEMORY)
        return ds_error(err, DS_FAILURE, "out of memory");
    return ds_sqlite_damaged(f, table, why ? why : "it is of an unknown form", err);
}

int ds_sketches_column(struct store_file *f, sqlite3_stmt *stmt, int column,
                       struct ds_sketches *out, struct ds_error *err)
{
    const char *why = NULL;
    if (sqlite3_column_type(stmt, column) == SQLITE_NULL)
        return 0;
    const void *packed = sqlite3_column_blob(stmt, column);
    size_t size = (size_t)sqlite3_column_bytes(stmt, column);
    enum ds_decode result =
        packed ? ds_sketches_unpack(packed, size, out, &why) : DS_DECODE_MALFORMED;
    for (size_t i = 0; i < out->count; i++)
        out->rows[i].windows = out->rows[i].missing == 0;
    return read_fault(f, "a row of window_sketch", result, why, err);
}

int ds_sketch_column(struct store_file *f, sqlite3_stmt *stmt, int column, struct ds_sketch *out,
                     struct ds_error *err)
{
    const char *why = NULL;
    const void *packed = sqlite3_column_blob(stmt, column);
    size_t size = (size_t)sqlite3_column_bytes(stmt, column);
    ds_sketch_init(out, DS_SKETCH_FINE);
    enum ds_decode result =
        packed ? ds_sketch_unpack(packed, size, out, &why) : DS_DECODE_MALFORMED;
    return read_fault(f, "a sketch", result, why, err);
}

/* ---- hours and days ---- */

/* Sketches of several times that become those of all of them. */
struct union_of {
    bool has_begun, is_unknown;
    struct ds_sketches all;
};

/* Keeps the ports with most sources. What others lack does not matter: what is not complete is not
 * told. */
static void keep_ports(struct ds_sketches *s, size_t ports)
{
    for (size_t i = 0; i < s->count; i++)
        s->rows[i].missing = 0;
    ds_sketches_keep(s, ports);
    s->port_floor = 0;
}

/* Lists of so many and more are opened: they are to be united with those of many more times. */
#define OPEN_MIN 64u

static int open_large(struct ds_sketches *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->rows[i].sketch.count >= OPEN_MIN && ds_sketch_open(&s->rows[i].sketch))
            return -1;
    return 0;
}

/* Takes the next, of a time in which something was counted. 0, or -1 without memory. */
static int unite(struct union_of *u, struct ds_sketches *next)
{
    u->is_unknown = u->is_unknown || !next->known;
    if (!u->has_begun) {
        u->has_begun = true;
        u->all = *next;
        *next = (struct ds_sketches){0};
        return 0;
    }
    if (u->is_unknown)
        ds_sketches_finish(&u->all);
    else if (ds_sketches_merge(&u->all, next))
        return -1;
    u->is_unknown = u->is_unknown || !u->all.known;
    if (u->all.count > ROWS_MAX)
        keep_ports(&u->all, DS_SKETCH_PORTS_MAX);
    return open_large(&u->all);
}

static int write_row(struct store_file *f, sqlite3_stmt *stmt, const char *kind, const char *key,
                     uint32_t windows, const struct ds_sketch *s, struct ds_error *err)
{
    unsigned char *packed = NULL;
    size_t size = 0;
    if (ds_sketch_pack(s, &packed, &size))
        return ds_error(err, DS_FAILURE, "out of memory");
    sqlite3_bind_text(stmt, 4, kind, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 5, key, -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 6, windows);
    sqlite3_bind_blob64(stmt, 7, packed, size, SQLITE_STATIC);
    int result = ds_sqlite_step(f, stmt, err);
    sqlite3_reset(stmt);
    free(packed);
    return result;
}

/* That of all countries, under the key ''. */
static int write_world(struct store_file *f, sqlite3_stmt *stmt, const struct ds_sketches *s,
                       unsigned kind, struct ds_error *err)
{
    struct ds_sketch world;
    if (ds_sketches_unite(s, kind, &world))
        return ds_error(err, DS_FAILURE, "out of memory");
    int result = world.count ? write_row(f, stmt, kind_names[kind], "", 0, &world, err) : 0;
    ds_sketch_finish(&world);
    return result;
}

static int write_rows(struct store_file *f, sqlite3_stmt *stmt, const struct ds_sketches *s,
                      struct ds_error *err)
{
    static const unsigned worlds[] = {DS_SKETCH_COUNTRY, DS_SKETCH_COUNTRY_SURVEY,
                                      DS_SKETCH_INFECTED, DS_SKETCH_INFECTED_CONFIRMED};
    int result = 0;
    for (size_t i = 0; i < sizeof worlds / sizeof worlds[0] && result == 0; i++)
        result = write_world(f, stmt, s, worlds[i], err);
    for (size_t i = 0; i < s->count && result == 0; i++) {
        char key[STORE_SKETCH_KEY_BYTES];
        ds_sketch_key_text(&s->rows[i].key, key);
        result = write_row(f, stmt, kind_names[s->rows[i].key.kind], key, s->rows[i].windows,
                           &s->rows[i].sketch, err);
    }
    return result;
}

/* which: start, sensor, generation. */
static int write_level(struct store_file *f, const char *level, const int64_t which[static 3],
                       const struct ds_sketches *s, struct ds_error *err)
{
    const int64_t header[] = {which[0], which[1], which[2], (int64_t)s->secret_id};
    bool is_hour = level[0] == 'h';
    if (ds_sqlite_exec_with(f,
                            is_hour ? "INSERT INTO main.hour_sketches VALUES (?,?,?,?)"
                                    : "INSERT INTO main.day_sketches VALUES (?,?,?,?)",
                            header, 4, err) < 0)
        return -1;
    sqlite3_stmt *stmt =
        ds_sqlite_prepare(f,
                          is_hour ? "INSERT INTO main.hour_sketch VALUES (?,?,?,?,?,?,?)"
                                  : "INSERT INTO main.day_sketch VALUES (?,?,?,?,?,?,?)",
                          err);
    if (!stmt)
        return -1;
    for (int i = 0; i < 3; i++)
        sqlite3_bind_int64(stmt, i + 1, which[i]);
    int result = write_rows(f, stmt, s, err);
    sqlite3_finalize(stmt);
    return result;
}

static int finish_union(struct store_file *f, struct union_of *u, const char *level,
                        const int64_t which[static 3], struct ds_error *err)
{
    int result = 0;
    if (u->has_begun && !u->is_unknown) {
        for (size_t i = 0; i < u->all.count; i++)
            ds_sketch_close(&u->all.rows[i].sketch);
        keep_ports(&u->all, DS_SKETCH_PORTS_MAX);
        result = write_level(f, level, which, &u->all, err);
    }
    return result;
}

int ds_roll_sketches_hour(struct store_file *f, int64_t start_s, int64_t sensor,
                          struct ds_error *err)
{
    struct union_of u = {0};
    sqlite3_stmt *stmt = ds_sqlite_prepare(f,
                                           "SELECT sketches FROM window LEFT JOIN window_sketch"
                                           " USING (start, sensor) WHERE start >= ?1 AND"
                                           " start < ?1 + 3600 AND sensor = ?2 AND counted > 0"
                                           " ORDER BY start",
                                           err);
    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, start_s);
    sqlite3_bind_int64(stmt, 2, sensor);
    int row;
    while ((row = ds_sqlite_step(f, stmt, err)) == 1) {
        struct ds_sketches next = {0};
        row = ds_sketches_column(f, stmt, 0, &next, err);
        if (row == 0 && unite(&u, &next) < 0)
            row = ds_error(err, DS_FAILURE, "out of memory");
        ds_sketches_finish(&next);
        if (row < 0)
            break;
    }
    sqlite3_finalize(stmt);
    const int64_t which[] = {start_s, sensor, f->generation};
    if (row == 0)
        row = finish_union(f, &u, "hour", which, err);
    ds_sketches_finish(&u.all);
    return row;
}

/* Rows come in order of kind and key as texts, not in that of keys. */
static int compare_rows(const void *a, const void *b)
{
    return ds_sketch_key_compare(&((const struct ds_sketch_row *)a)->key,
                                 &((const struct ds_sketch_row *)b)->key);
}

static bool append(struct ds_sketches *s, size_t *room, const struct ds_sketch_row *row)
{
    if (s->count == *room) {
        size_t more = *room ? 2 * *room : 1024;
        struct ds_sketch_row *rows = realloc(s->rows, more * sizeof *rows);
        if (!rows)
            return false;
        s->rows = rows;
        *room = more;
    }
    s->rows[s->count++] = *row;
    return true;
}

/* The rows of an hour of the attached minutes. */
static int read_rows(struct store_file *f, const int64_t which[static 3], struct ds_sketches *out,
                     struct ds_error *err)
{
    sqlite3_stmt *stmt = ds_sqlite_prepare(f,
                                           "SELECT kind, key, windows, sketch FROM"
                                           " minutes.hour_sketch WHERE start = ? AND sensor = ?"
                                           " AND generation = ? AND key <> ''",
                                           err);
    size_t room = 0;
    int row;
    if (!stmt)
        return -1;
    for (int i = 0; i < 3; i++)
        sqlite3_bind_int64(stmt, i + 1, which[i]);
    while ((row = ds_sqlite_step(f, stmt, err)) == 1) {
        struct ds_sketch_row next = {.windows = (uint32_t)ds_sqlite_u64(stmt, 2)};
        if (!parse_key((const char *)sqlite3_column_text(stmt, 0),
                       (const char *)sqlite3_column_text(stmt, 1), &next.key)) {
            row = ds_sqlite_damaged(f, "hour_sketch", "a key is none", err);
            break;
        }
        row = ds_sketch_column(f, stmt, 3, &next.sketch, err);
        if (row == 0 && !append(out, &room, &next))
            row = ds_error(err, DS_FAILURE, "out of memory");
        if (row < 0) {
            ds_sketch_finish(&next.sketch);
            break;
        }
    }
    sqlite3_finalize(stmt);
    if (out->count)
        qsort(out->rows, out->count, sizeof *out->rows, compare_rows);
    return row;
}

/* The hours of a day in which something was counted, and whether they have sketches. */
struct day_hours {
    size_t count;
    struct day_hour {
        int64_t start_s;
        bool known;
        uint64_t secret;
    } hours[HOURS];
};

static int find_hours(struct store_file *f, int64_t day_s, int64_t sensor, int64_t generation,
                      struct day_hours *out, struct ds_error *err)
{
    sqlite3_stmt *stmt = ds_sqlite_prepare(
        f,
        "SELECT start, secret IS NOT NULL, secret FROM minutes.hour LEFT JOIN"
        " minutes.hour_sketches USING (start, sensor, generation) WHERE start >= ?1 AND"
        " start < ?1 + 86400 AND sensor = ?2 AND generation = ?3 AND counted > 0 ORDER BY start",
        err);
    int row;
    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, day_s);
    sqlite3_bind_int64(stmt, 2, sensor);
    sqlite3_bind_int64(stmt, 3, generation);
    out->count = 0;
    while ((row = ds_sqlite_step(f, stmt, err)) == 1 && out->count < HOURS)
        out->hours[out->count++] = (struct day_hour){
            .start_s = sqlite3_column_int64(stmt, 0),
            .known = sqlite3_column_int(stmt, 1),
            .secret = (uint64_t)sqlite3_column_int64(stmt, 2),
        };
    sqlite3_finalize(stmt);
    return row < 0 ? -1 : 0;
}

static int read_hour(struct store_file *f, const struct day_hour *hour, int64_t sensor,
                     int64_t generation, struct ds_sketches *out, struct ds_error *err)
{
    const int64_t which[] = {hour->start_s, sensor, generation};
    *out = (struct ds_sketches){.known = hour->known, .secret_id = hour->secret};
    return hour->known ? read_rows(f, which, out, err) : 0;
}

int ds_roll_sketches_day(struct store_file *days, int64_t day_s, int64_t sensor, int64_t generation,
                         struct ds_error *err)
{
    struct union_of u = {0};
    struct day_hours d;
    int result = find_hours(days, day_s, sensor, generation, &d, err);
    for (size_t i = 0; i < d.count && result == 0 && !u.is_unknown; i++) {
        struct ds_sketches next;
        result = read_hour(days, &d.hours[i], sensor, generation, &next, err);
        if (result == 0 && unite(&u, &next) < 0)
            result = ds_error(err, DS_FAILURE, "out of memory");
        ds_sketches_finish(&next);
    }
    const int64_t which[] = {day_s, sensor, generation};
    if (result == 0)
        result = finish_union(days, &u, "day", which, err);
    ds_sketches_finish(&u.all);
    return result;
}

static int reduce(struct ds_sketches *s, struct ds_error *err)
{
    keep_ports(s, ROLL_SKETCH_PORTS);
    for (size_t i = 0; i < s->count; i++) {
        struct ds_sketch *sketch = &s->rows[i].sketch;
        bool is_port = ds_sketch_precision(s->rows[i].key.kind) == DS_SKETCH_COARSE;
        unsigned wanted = is_port ? ROLL_SKETCH_PRECISION_PORT : ROLL_SKETCH_PRECISION;
        if (sketch->precision > wanted && ds_sketch_fold(sketch, wanted))
            return ds_error(err, DS_FAILURE, "out of memory");
    }
    return 0;
}

int ds_roll_sketches_copy(struct store_file *hours, int64_t day_s, int64_t sensor,
                          int64_t generation, struct ds_error *err)
{
    struct day_hours d;
    int result = find_hours(hours, day_s, sensor, generation, &d, err);
    for (size_t i = 0; i < d.count && result == 0; i++) {
        const int64_t which[] = {d.hours[i].start_s, sensor, generation};
        struct ds_sketches s;
        if (!d.hours[i].known)
            continue;
        result = read_hour(hours, &d.hours[i], sensor, generation, &s, err);
        if (result == 0)
            result = reduce(&s, err);
        if (result == 0)
            result = write_level(hours, "hour", which, &s, err);
        ds_sketches_finish(&s);
    }
    return result;
}
