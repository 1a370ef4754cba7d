/* SPDX-License-Identifier: Apache-2.0
 *
 * Is all of it sound? Every page, chunk, sketch and source record is read; what is kept twice must
 * be equal: the books, the small tables, the cells, each level and the one below it, what a sketch
 * estimates.
 */
#include "builder.h"
#include "care.h"
#include "merge_runs.h"
#include "sketches.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PAGE_FAULTS    "5" /* told of a file */
#define FAULT_BYTES    600
#define HOSTS_ROUNDING 1e-9 /* of another machine's arithmetic */

struct verify {
    struct store_file *file;
    ds_store_fault_fn *each;
    void *arg;
    uint64_t faults;
    bool is_ended; /* each wants no more */
};

static void fault(struct verify *v, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void fault(struct verify *v, const char *format, ...)
{
    char text[FAULT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    v->faults++;
    if (!v->is_ended)
        v->is_ended = v->each(v->arg, v->file->name, text) != 0;
}

/* ---- pages, and sums that SQL can compare ---- */

static int check_pages(struct verify *v, struct ds_error *err)
{
    sqlite3_stmt *stmt = ds_sqlite_prepare(v->file, "PRAGMA quick_check(" PAGE_FAULTS ")", err);
    int row = stmt ? 1 : -1;
    while (row > 0 && (row = ds_sqlite_step(v->file, stmt, err)) == 1) {
        const char *text = (const char *)sqlite3_column_text(stmt, 0);
        if (!text || strcmp(text, "ok") != 0)
            fault(v, "%s", text ? text : "a page is damaged");
    }
    sqlite3_finalize(stmt);
    return row;
}

/* The number of bad rows. @ is the level ("window" among them), # the names of its key. */
struct rule {
    const char *sql, *what;
};

#define SUM_OF(table)                                                                              \
    "SELECT count(*) FROM @ WHERE counted <> coalesce((SELECT sum(packets) FROM @_" table          \
    " AS t WHERE #), 0)"

static const struct rule rules[] = {
    {"SELECT count(*) FROM @ WHERE received <> counted + outside + malformed",
     "the books do not balance"},
    {SUM_OF("type"), "types do not add up to the counted packets"},
    {SUM_OF("protocol"), "protocols do not add up to the counted packets"},
    {SUM_OF("class"), "classes do not add up to the counted packets"},
    {SUM_OF("country"), "countries do not add up to the counted packets"},
};

static const struct rule of_minutes[] = {
    {"SELECT count(*) FROM hour AS h WHERE (counted, received, bytes, observed_ns, windows) <>"
     " (SELECT sum(counted), sum(received), sum(bytes), sum(observed_ns), count(*) FROM window AS w"
     "  WHERE w.start >= h.start AND w.start < h.start + 3600 AND w.sensor = h.sensor)",
     "hours are not the sums of their windows"},
    {"SELECT count(*) FROM window AS w WHERE counted > 0 AND NOT EXISTS (SELECT 1 FROM minute_chunk"
     " AS c WHERE c.start = w.start AND c.sensor = w.sensor)",
     "windows have no cells"},
};

static const struct rule of_levels[] = {
    {"SELECT count(*) FROM @ AS h WHERE NOT EXISTS (SELECT 1 FROM @_chunks AS p WHERE"
     " p.sensor = h.sensor AND p.generation = h.generation AND p.start <= h.start AND"
     " p.start + p.seconds > h.start)",
     "rows have no cells"},
};

static const struct rule of_days[] = {
    {"SELECT count(*) FROM day WHERE counted > 0 AND sensor NOT IN"
     " (SELECT sensor FROM month_chunk WHERE kind = 0)",
     "days have no sums of the month"},
};

static char *fill_in(const char *text, const char *level)
{
    bool is_window = strcmp(level, "window") == 0;
    char *out = sqlite3_mprintf("%s", "");
    while (*text && out) {
        size_t plain = strcspn(text, "@#");
        out = sqlite3_mprintf("%z%.*s", out, (int)plain, text);
        if (out && text[plain] == '@')
            out = sqlite3_mprintf("%z%s", out, level);
        else if (out && text[plain] == '#')
            out = sqlite3_mprintf("%zt.start = %s.start AND t.sensor = %s.sensor%s%s%s", out, level,
                                  level,
                                  is_window ? "" : " AND t.generation = ", is_window ? "" : level,
                                  is_window ? "" : ".generation");
        text += plain + (text[plain] != 0);
    }
    return out;
}

static int check_rules(struct verify *v, const struct rule *list, size_t count, const char *level,
                       struct ds_error *err)
{
    for (size_t i = 0; i < count; i++) {
        int64_t bad = 0;
        char *sql = fill_in(list[i].sql, level);
        int result = sql ? ds_sqlite_number(v->file, sql, NULL, 0, &bad, err)
                         : ds_error(err, DS_FAILURE, "out of memory");
        sqlite3_free(sql);
        if (result < 0)
            return -1;
        if (bad > 0)
            fault(v, "%s: in %" PRId64 " rows of table %s", list[i].what, bad, level);
    }
    return 0;
}

/* ---- cells ---- */

/* The chunks of one kind, start, sensor and generation. */
struct set {
    int64_t kind, start_s, sensor, generation;
    uint64_t packets[DS_CHUNK_SLOTS_MAX];
    bool is_damaged; /* then its sums say nothing */
};

/* What the small tables say was counted in a slot. */
static int read_counted(struct verify *v, const char *level, const struct set *s, int64_t at_s,
                        uint64_t *out, struct ds_error *err)
{
    bool is_window = strcmp(level, "window") == 0;
    const int64_t values[] = {at_s, s->sensor, s->generation};
    int64_t counted = 0;
    bool is_month = strcmp(level, "month") == 0;
    char *sql = is_month
                    ? sqlite3_mprintf("SELECT sum(counted) FROM day WHERE ?1 = 0 AND sensor = ?2")
                    : sqlite3_mprintf("SELECT counted FROM %s WHERE start = ? AND sensor = ?%s",
                                      level, is_window ? "" : " AND generation = ?");
    int result =
        sql ? ds_sqlite_number(v->file, sql, values, is_window || is_month ? 2 : 3, &counted, err)
            : ds_error(err, DS_FAILURE, "out of memory");
    sqlite3_free(sql);
    *out = (uint64_t)counted;
    return result;
}

static int finish_set(struct verify *v, const char *level, const struct set *s,
                      struct ds_error *err)
{
    bool may_lack = s->kind == CHUNK_PORT_COUNTRY && v->file->kind != STORE_MINUTES;
    bool has_hours = strcmp(level, "hour") == 0;
    if (s->kind < 0 || s->is_damaged)
        return 0;
    for (int64_t slot = 0; slot < (has_hours ? 24 : 1); slot++) {
        uint64_t counted, packets = s->packets[slot];
        if (has_hours && v->file->kind == STORE_MINUTES && slot > 0)
            break;
        int64_t at_s = s->start_s + slot * HOUR_S;
        if (read_counted(v, level, s, at_s, &counted, err) < 0)
            return -1;
        if (may_lack ? packets > counted : packets != counted)
            fault(v,
                  "cells of kind %" PRId64 " of %s %" PRId64 " have %" PRIu64
                  " packets, its table %" PRIu64,
                  s->kind, level, at_s, packets, counted);
    }
    return 0;
}

/* Columns of the statement: kind, start, sensor, generation, first_key, last_key, cells, data. */
static int check_chunk(struct verify *v, sqlite3_stmt *stmt, struct ds_chunk *chunk, struct set *s,
                       struct ds_error *err)
{
    const char *why = "its figures cannot be";
    const struct ds_chunk_cell *cell;
    uint64_t cells = 0, first_key = 0, last_key = 0;
    const void *data = sqlite3_column_blob(stmt, 7);
    int got = ds_chunk_open(chunk, data, (size_t)sqlite3_column_bytes(stmt, 7), &why);
    if (got < 0)
        return ds_error(err, DS_FAILURE, "out of memory");
    got = got == 0 ? 1 : -1;
    while (got > 0 && (got = ds_chunk_next(chunk, &cell)) > 0) {
        first_key = cells++ == 0 ? cell->key : first_key;
        last_key = cell->key;
        s->packets[cell->slot] += cell->packets;
    }
    if (got == 0 && (cells != ds_sqlite_u64(stmt, 6) || first_key != ds_sqlite_u64(stmt, 4) ||
                     last_key != ds_sqlite_u64(stmt, 5))) {
        why = "it has not the keys that its row says";
        got = -1;
    }
    if (got < 0) {
        s->is_damaged = true;
        fault(v, "a chunk of kind %lld, start %lld, first key %lld: %s",
              sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1),
              sqlite3_column_int64(stmt, 4), why);
    }
    return 0;
}

static int check_chunks(struct verify *v, const char *level, const char *sql, struct ds_error *err)
{
    sqlite3_stmt *stmt = ds_sqlite_prepare(v->file, sql, err);
    struct ds_chunk chunk = {0};
    struct set s = {.kind = -1};
    int row = stmt ? 1 : -1;
    while (row > 0 && (row = ds_sqlite_step(v->file, stmt, err)) == 1) {
        struct set next = {.kind = sqlite3_column_int64(stmt, 0),
                           .start_s = sqlite3_column_int64(stmt, 1),
                           .sensor = sqlite3_column_int64(stmt, 2),
                           .generation = sqlite3_column_int64(stmt, 3)};
        if (next.kind != s.kind || next.start_s != s.start_s || next.sensor != s.sensor ||
            next.generation != s.generation) {
            if (finish_set(v, level, &s, err) < 0)
                row = -1;
            s = next;
        }
        if (row > 0 && check_chunk(v, stmt, &chunk, &s, err) < 0)
            row = -1;
    }
    if (row == 0)
        row = finish_set(v, level, &s, err);
    sqlite3_finalize(stmt);
    ds_chunk_finish(&chunk);
    return row;
}

#define LEVEL_CHUNKS(level)                                                                        \
    "SELECT kind, start, sensor, generation, first_key, last_key, cells, data FROM " level         \
    "_chunk ORDER BY kind, start, sensor, generation, first_key"

/* ---- sketches and source records ---- */

/* Unpacks what a row has. 0; -1 where it is damaged, or without memory. */
typedef int unpack_fn(struct store_file *f, sqlite3_stmt *stmt, struct ds_error *err);

static int unpack_sketches(struct store_file *f, sqlite3_stmt *stmt, struct ds_error *err)
{
    struct ds_sketches s = {0};
    int result = ds_sketches_column(f, stmt, 0, &s, err);
    ds_sketches_finish(&s);
    return result;
}

static int unpack_sources(struct store_file *f, sqlite3_stmt *stmt, struct ds_error *err)
{
    struct ds_window w = {0};
    int result = ds_sqlite_read_sources(f, stmt, 0, &w, err);
    ds_window_finish(&w);
    return result;
}

/* Columns: kind, key, hosts, sketch. */
static int unpack_sketch(struct store_file *f, sqlite3_stmt *stmt, struct ds_error *err)
{
    const char *key = (const char *)sqlite3_column_text(stmt, 1);
    const double hosts = sqlite3_column_double(stmt, 2);
    struct ds_sketch_key parsed;
    struct ds_sketch sketch;
    if (!key ||
        (*key && !ds_sketch_key_parse((const char *)sqlite3_column_text(stmt, 0), key, &parsed)))
        return ds_sqlite_damaged(f, "a sketch", "its key is none", err);
    int result = ds_sketch_column(f, stmt, 3, &sketch, err);
    if (result == 0 && !(fabs(ds_sketch_hosts(&sketch) - hosts) <= HOSTS_ROUNDING * hosts))
        result = ds_sqlite_damaged(f, "a sketch", "its hosts are not what it estimates", err);
    ds_sketch_finish(&sketch);
    return result;
}

static int check_packed(struct verify *v, const char *sql, unpack_fn *unpack, struct ds_error *err)
{
    sqlite3_stmt *stmt = ds_sqlite_prepare(v->file, sql, err);
    int row = stmt ? 1 : -1;
    while (row > 0 && (row = ds_sqlite_step(v->file, stmt, err)) == 1) {
        struct ds_error why = {0};
        if (unpack(v->file, stmt, &why) == 0)
            continue;
        if (why.status == DS_FAILURE)
            row = ds_error(err, DS_FAILURE, "%s", why.text);
        else
            fault(v, "%s", why.text);
    }
    sqlite3_finalize(stmt);
    return row;
}

#define LEVEL_SKETCHES(level) "SELECT kind, key, hosts, sketch FROM " level "_sketch"

/* ---- days and their hours ---- */

static int check_days(struct verify *v, struct ds_error *err)
{
    struct store_file *days = v->file, *hours;
    int there = ds_file_use(days->store, STORE_HOURS, days->from_s, &hours, err);
    if (there != 0)
        return there < 0 ? -1 : 0;
    sqlite3_stmt *stmt =
        ds_sqlite_prepare(days, "SELECT start, sensor, generation, counted, windows FROM day", err);
    int row = stmt ? 1 : -1;
    while (row > 0 && (row = ds_sqlite_step(days, stmt, err)) == 1) {
        const int64_t values[] = {sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1),
                                  sqlite3_column_int64(stmt, 2)};
        int64_t counted = sqlite3_column_int64(stmt, 3), in_hours = counted;
        if (ds_sqlite_number(hours,
                             "SELECT coalesce(sum(counted), 0) FROM hour WHERE start >= ?1 AND"
                             " start < ?1 + 86400 AND sensor = ?2 AND generation = ?3"
                             " HAVING count(*) > 0",
                             values, 3, &in_hours, err) < 0)
            row = -1;
        else if (in_hours != counted)
            fault(v, "day %" PRId64 " has %" PRId64 " packets, its hours %" PRId64, values[0],
                  counted, in_hours);
    }
    sqlite3_finalize(stmt);
    return row;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int check_level(struct verify *v, const char *level, const char *chunks,
                       const char *sketches, struct ds_error *err)
{
    if (check_rules(v, rules, COUNT(rules), level, err) < 0 ||
        check_rules(v, of_levels, COUNT(of_levels), level, err) < 0 ||
        check_chunks(v, level, chunks, err) < 0)
        return -1;
    return check_packed(v, sketches, unpack_sketch, err);
}

static int check_windows(struct verify *v, struct ds_error *err)
{
    if (check_rules(v, rules, COUNT(rules), "window", err) < 0 ||
        check_rules(v, of_minutes, COUNT(of_minutes), "window", err) < 0 ||
        check_chunks(v, "window",
                     "SELECT 1, start, sensor, 0, first_key, last_key, cells, data FROM"
                     " minute_chunk ORDER BY start, sensor, first_key",
                     err) < 0 ||
        check_packed(v, "SELECT sketches FROM window_sketch", unpack_sketches, err) < 0)
        return -1;
    return check_packed(v, "SELECT " STORE_SOURCES_COLUMNS " FROM window_sources", unpack_sources,
                        err);
}

static int check_file(struct verify *v, struct ds_error *err)
{
    if (check_pages(v, err) < 0)
        return -1;
    switch (v->file->kind) {
    case STORE_MINUTES:
        if (check_windows(v, err) < 0)
            return -1;
        return check_level(v, "hour", LEVEL_CHUNKS("hour"), LEVEL_SKETCHES("hour"), err);
    case STORE_HOURS:
        return check_level(v, "hour", LEVEL_CHUNKS("hour"), LEVEL_SKETCHES("hour"), err);
    case STORE_DAYS:
        if (check_level(v, "day", LEVEL_CHUNKS("day"), LEVEL_SKETCHES("day"), err) < 0 ||
            check_rules(v, of_days, COUNT(of_days), "day", err) < 0 ||
            check_chunks(v, "month",
                         "SELECT kind, 0, sensor, 0, first_key, last_key, cells, data FROM"
                         " month_chunk ORDER BY kind, sensor, first_key",
                         err) < 0)
            return -1;
        return check_days(v, err);
    default:
        return 0;
    }
}

int ds_store_check(struct ds_store *store, ds_store_fault_fn *each, void *arg, uint64_t *faults,
                   struct ds_error *err)
{
    struct sqlite_store *s = sqlite_of(store);
    struct verify v = {.each = each, .arg = arg};
    if (ds_files_list(s, err) < 0)
        return -1;
    for (unsigned kind = 0; kind < STORE_KIND_COUNT; kind++)
        for (size_t i = 0; i < s->lists[kind].count && !v.is_ended; i++) {
            struct ds_error why = {0};
            struct store_file named = {.kind = (enum store_kind)kind};
            int64_t from_s = s->lists[kind].from_s[i];
            int there = ds_file_use(s, (enum store_kind)kind, from_s, &v.file, &why);
            if (there == 0)
                there = check_file(&v, &why);
            if (there < 0) { /* it cannot be read any further */
                ds_file_name((enum store_kind)kind, from_s, named.name);
                v.file = &named;
                fault(&v, "%s", why.text);
            }
            ds_files_release(s);
        }
    *faults = v.faults;
    return 0;
}
