/* SPDX-License-Identifier: Apache-2.0
 *
 * The sketches of hours and days, a row for each.
 */
#include "sketches.h"

#include "sketch_columns.h"

#include <stdlib.h>
#include <string.h>

#define HOURS 24

/* ---- writing ---- */

/* NULL without memory. Room doubles. */
static struct packed_sketch *next_row(struct packed_sketches *all)
{
    if ((all->count & (all->count - 1)) == 0) {
        size_t room = all->count ? 2 * all->count : 1;
        struct packed_sketch *rows = realloc(all->rows, room * sizeof *rows);
        if (!rows)
            return NULL;
        all->rows = rows;
    }
    all->rows[all->count] = (struct packed_sketch){0};
    return &all->rows[all->count++];
}

static int pack(struct packed_sketches *all, struct ds_sketch_coder *coder,
                const struct ds_sketch_row *from, struct ds_error *err)
{
    struct packed_sketch *row = next_row(all);
    if (!row || ds_sketch_pack(coder, &from->sketch, &row->packed, &row->size))
        return ds_error(err, DS_FAILURE, "out of memory");
    row->kind = from->key.kind;
    row->windows = from->windows;
    row->hosts = ds_sketch_hosts(&from->sketch);
    return 0;
}

/* That of all countries, under the key ''. */
static int pack_world(struct packed_sketches *all, struct ds_sketch_coder *coder,
                      const struct ds_sketches *s, unsigned kind, struct ds_error *err)
{
    struct ds_sketch_row world = {.key.kind = (uint8_t)kind};
    if (ds_sketches_unite(s, kind, &world.sketch))
        return ds_error(err, DS_FAILURE, "out of memory");
    int result = world.sketch.count ? pack(all, coder, &world, err) : 0;
    ds_sketch_finish(&world.sketch);
    return result;
}

static int pack_all(struct packed_sketches *all, struct ds_sketch_coder *coder,
                    const struct ds_sketches *s, struct ds_error *err)
{
    static const unsigned worlds[] = {DS_SKETCH_COUNTRY, DS_SKETCH_COUNTRY_SURVEY,
                                      DS_SKETCH_INFECTED, DS_SKETCH_INFECTED_CONFIRMED};
    int result = 0;
    all->known = true;
    all->secret_id = s->secret_id;
    for (size_t i = 0; i < sizeof worlds / sizeof worlds[0] && result == 0; i++)
        result = pack_world(all, coder, s, worlds[i], err);
    for (size_t i = 0; i < s->count && result == 0; i++) {
        result = pack(all, coder, &s->rows[i], err);
        if (result == 0)
            ds_sketch_key_text(&s->rows[i].key, all->rows[all->count - 1].key);
    }
    return result;
}

void ds_packed_sketches_finish(struct packed_sketches *all)
{
    for (size_t i = 0; i < all->count; i++)
        free(all->rows[i].packed);
    free(all->rows);
    *all = (struct packed_sketches){0};
}

static int insert_rows(struct store_file *f, sqlite3_stmt *stmt, const struct packed_sketches *all,
                       struct ds_error *err)
{
    int result = 0;
    for (size_t i = 0; i < all->count && result == 0; i++) {
        const struct packed_sketch *row = &all->rows[i];
        sqlite3_bind_text(stmt, 4, ds_sketch_kind_name(row->kind), -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt, 5, row->key, -1, SQLITE_STATIC);
        sqlite3_bind_int64(stmt, 6, row->windows);
        sqlite3_bind_double(stmt, 7, row->hosts);
        sqlite3_bind_blob64(stmt, 8, row->packed, row->size, SQLITE_STATIC);
        result = ds_sqlite_step(f, stmt, err);
        sqlite3_reset(stmt);
    }
    return result;
}

/* which: start, sensor, generation. */
static int insert_level(struct store_file *f, const char *level, const int64_t which[static 3],
                        const struct packed_sketches *all, struct ds_error *err)
{
    const int64_t header[] = {which[0], which[1], which[2], (int64_t)all->secret_id};
    bool is_hour = level[0] == 'h';
    if (ds_sqlite_exec_with(f,
                            is_hour ? "INSERT INTO main.hour_sketches VALUES (?,?,?,?)"
                                    : "INSERT INTO main.day_sketches VALUES (?,?,?,?)",
                            header, 4, err) < 0)
        return -1;
    sqlite3_stmt *stmt =
        ds_sqlite_prepare(f,
                          is_hour ? "INSERT INTO main.hour_sketch VALUES (?,?,?,?,?,?,?,?)"
                                  : "INSERT INTO main.day_sketch VALUES (?,?,?,?,?,?,?,?)",
                          err);
    if (!stmt)
        return -1;
    for (int i = 0; i < 3; i++)
        sqlite3_bind_int64(stmt, i + 1, which[i]);
    int result = insert_rows(f, stmt, all, err);
    sqlite3_finalize(stmt);
    return result;
}

static int write_level(struct store_file *f, const char *level, const int64_t which[static 3],
                       const struct ds_sketches *s, struct ds_error *err)
{
    struct packed_sketches all = {0};
    int result = pack_all(&all, f->store->coder, s, err);
    if (result == 0)
        result = insert_level(f, level, which, &all, err);
    ds_packed_sketches_finish(&all);
    return result;
}

static bool is_told(const struct union_of *u)
{
    return u->has_begun && !u->is_unknown;
}

static int read_windows(struct store_file *f, int64_t start_s, int64_t sensor, struct union_of *u,
                        struct ds_error *err)
{
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
        if (row == 0 && ds_union_add(u, &next) < 0)
            row = ds_error(err, DS_FAILURE, "out of memory");
        ds_sketches_finish(&next);
        if (row < 0)
            break;
    }
    sqlite3_finalize(stmt);
    return row;
}

int ds_roll_sketches_hour(struct store_file *f, int64_t start_s, int64_t sensor,
                          struct packed_sketches *out, struct ds_error *err)
{
    const int64_t range[] = {start_s, start_s + HOUR_S, sensor};
    struct store_shared *shared = f->store->shared;
    struct union_of u = {0};
    int64_t busy = 0;
    int result = ds_sqlite_number(f,
                                  "SELECT count(*) FROM window WHERE start >= ? AND start < ? AND"
                                  " sensor = ? AND counted > 0",
                                  range, 3, &busy, err);
    pthread_mutex_lock(&shared->mutex);
    bool is_taken = result == 0 && ds_unions_take(&shared->unions, start_s, sensor, f->generation,
                                                  (uint64_t)busy, &u);
    pthread_mutex_unlock(&shared->mutex);
    if (result == 0 && !is_taken)
        result = read_windows(f, start_s, sensor, &u, err);
    if (result == 0 && is_told(&u)) {
        ds_union_close(&u);
        result = pack_all(out, f->store->coder, &u.all, err);
    }
    ds_union_finish(&u);
    return result;
}

int ds_roll_sketches_write(struct store_file *f, int64_t start_s, int64_t sensor,
                           const struct packed_sketches *all, struct ds_error *err)
{
    const int64_t which[] = {start_s, sensor, f->generation};
    return all->known ? insert_level(f, "hour", which, all, err) : 0;
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
        if (!ds_sketch_key_parse((const char *)sqlite3_column_text(stmt, 0),
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

static int reduce(struct ds_sketches *s, struct ds_error *err)
{
    ds_union_keep_ports(s, ROLL_SKETCH_PORTS);
    for (size_t i = 0; i < s->count; i++) {
        struct ds_sketch *sketch = &s->rows[i].sketch;
        if (s->rows[i].key.kind == DS_SKETCH_ADDRESSES)
            continue;
        bool is_port = ds_sketch_precision(s->rows[i].key.kind) == DS_SKETCH_COARSE;
        unsigned wanted = is_port ? ROLL_SKETCH_PRECISION_PORT : ROLL_SKETCH_PRECISION;
        if (sketch->precision > wanted && ds_sketch_fold(sketch, wanted))
            return ds_error(err, DS_FAILURE, "out of memory");
    }
    return 0;
}

/* To the file of hours: less of it. */
static int copy_hour(struct store_file *hours, const int64_t which[static 3],
                     const struct ds_sketches *s, struct ds_error *err)
{
    struct ds_sketches copy = {0};
    int result = ds_sketches_copy(s, &copy) ? ds_error(err, DS_FAILURE, "out of memory") : 0;
    if (result == 0)
        result = reduce(&copy, err);
    if (result == 0)
        result = write_level(hours, "hour", which, &copy, err);
    ds_sketches_finish(&copy);
    return result;
}

int ds_roll_sketches_day(struct store_file *days, struct store_file *hours, int64_t day_s,
                         int64_t sensor, int64_t generation, struct ds_error *err)
{
    struct union_of u = {0};
    struct day_hours d;
    int result = find_hours(days, day_s, sensor, generation, &d, err);
    for (size_t i = 0; i < d.count && result == 0 && (hours || !u.is_unknown); i++) {
        const int64_t which[] = {d.hours[i].start_s, sensor, generation};
        struct ds_sketches next;
        result = read_hour(days, &d.hours[i], sensor, generation, &next, err);
        if (result == 0 && hours && next.known)
            result = copy_hour(hours, which, &next, err);
        if (result == 0 && ds_union_add(&u, &next) < 0)
            result = ds_error(err, DS_FAILURE, "out of memory");
        ds_sketches_finish(&next);
    }
    const int64_t which[] = {day_s, sensor, generation};
    if (result == 0 && is_told(&u)) {
        ds_union_close(&u);
        result = write_level(days, "day", which, &u.all, err);
    }
    ds_union_finish(&u);
    return result;
}
