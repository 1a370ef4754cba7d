/* SPDX-License-Identifier: Apache-2.0
 *
 * When ports and signatures were first and last seen: the catalogue knows it of the days that are
 * rolled up, the files of other days add what is newer.
 */
#include "merge_runs.h"
#include "plan.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 1024 /* a power of two */

/* last_s 0: the slot is free. Times are one above what they are, so that 1970 is none. */
struct slot {
    uint64_t key; /* of a port: as a cell's; of a signature: the index of its name */
    int64_t first_s, last_s;
};

struct table {
    const struct ds_seen *seen;
    struct slot *slots;
    size_t mask, used;
    char (*names)[DS_SIGNATURE_ID_MAX + 1];
    size_t name_count;
    bool no_memory;
};

static struct slot *find(struct slot *slots, size_t mask, uint64_t key)
{
    size_t at = (key * UINT64_C(0x9e3779b97f4a7c15)) >> 32;
    while (slots[at & mask].last_s && slots[at & mask].key != key)
        at++;
    return &slots[at & mask];
}

static bool grow(struct table *t)
{
    size_t mask = t->slots ? 2 * t->mask + 1 : SLOTS_MIN - 1;
    struct slot *slots = calloc(mask + 1, sizeof *slots);
    if (!slots) {
        t->no_memory = true;
        return false;
    }
    for (size_t i = 0; t->slots && i <= t->mask; i++)
        if (t->slots[i].last_s)
            *find(slots, mask, t->slots[i].key) = t->slots[i];
    free(t->slots);
    t->slots = slots;
    t->mask = mask;
    return true;
}

static void note(struct table *t, uint64_t key, int64_t first_s, int64_t last_s)
{
    if ((!t->slots || t->used * 2 > t->mask) && !grow(t))
        return;
    struct slot *s = find(t->slots, t->mask, key);
    if (s->last_s == 0) {
        t->used++;
        *s = (struct slot){key, first_s + 1, last_s + 1};
    }
    s->first_s = first_s + 1 < s->first_s ? first_s + 1 : s->first_s;
    s->last_s = last_s + 1 > s->last_s ? last_s + 1 : s->last_s;
}

static void note_signature(struct table *t, sqlite3_stmt *stmt)
{
    char name[DS_SIGNATURE_ID_MAX + 1];
    size_t i = 0;
    ds_sqlite_text(stmt, 0, name, sizeof name);
    while (i < t->name_count && strcmp(t->names[i], name) != 0)
        i++;
    if (i == t->name_count) {
        void *larger = realloc(t->names, (i + 1) * sizeof *t->names);
        if (!larger) {
            t->no_memory = true;
            return;
        }
        t->names = larger;
        memcpy(t->names[t->name_count++], name, sizeof name);
    }
    note(t, i, sqlite3_column_int64(stmt, 1), sqlite3_column_int64(stmt, 2));
}

static bool is_wanted(const struct ds_filter *f, uint64_t key)
{
    return (!f->has_class || f->cls == key >> 40) &&
           (!f->has_proto || f->proto == (uint8_t)(key >> 32)) &&
           (!f->has_port || f->port == (uint16_t)(key >> 16));
}

/* ---- what files say ---- */

static int read_rows(struct table *t, struct store_file *f, const char *sql, bool of_ports,
                     struct ds_error *err)
{
    const struct ds_filter *filter = t->seen->filter;
    sqlite3_stmt *stmt = ds_sqlite_prepare(f, sql, err);
    if (!stmt)
        return -1;
    ds_sqlite_bind_text(stmt, ":sensor", t->seen->range.sensor);
    if (filter->has_signature)
        ds_sqlite_bind_text(stmt, ":signature", filter->signature);
    int row;
    while ((row = ds_sqlite_step(f, stmt, err)) == 1) {
        uint64_t key = ds_sqlite_u64(stmt, 0);
        if (!of_ports)
            note_signature(t, stmt);
        else if (is_wanted(filter, key))
            note(t, key, sqlite3_column_int64(stmt, 1), sqlite3_column_int64(stmt, 2));
    }
    sqlite3_finalize(stmt);
    return row;
}

static int read_catalogue(struct table *t, struct store_file *f, struct ds_error *err)
{
    bool of_ports = t->seen->by == DS_BY_PORT;
    return read_rows(
        t, f,
        of_ports ? "SELECT (class << 40) | (proto << 32) | (port << 16), min(first),"
                   " max(last) FROM port_seen WHERE " STORE_OF_SENSOR " GROUP BY class, proto, port"
                 : "SELECT id, min(first), max(last) FROM signature_seen WHERE"
                   " (:signature IS NULL OR id = :signature) AND " STORE_OF_SENSOR " GROUP BY id",
        of_ports, err);
}

/* Cells of chunks; those of hours say when in it they were seen. */
static int read_cells(struct table *t, struct store_file *f, const char *sql, struct ds_error *err)
{
    struct ds_chunk chunk = {0};
    sqlite3_stmt *stmt = ds_sqlite_prepare(f, sql, err);
    if (!stmt)
        return -1;
    ds_sqlite_bind_text(stmt, ":sensor", t->seen->range.sensor);
    int row;
    while ((row = ds_sqlite_step(f, stmt, err)) == 1) {
        const char *why = "its figures cannot be";
        const struct ds_chunk_cell *cell;
        int64_t start_s = sqlite3_column_int64(stmt, 1);
        const void *data = sqlite3_column_blob(stmt, 0);
        int got =
            ds_chunk_open(&chunk, data, (size_t)sqlite3_column_bytes(stmt, 0), &why) == 0 ? 1 : -1;
        while (got > 0 && (got = ds_chunk_next(&chunk, &cell)) > 0)
            if (is_wanted(t->seen->filter, cell->key & KEY_WITHOUT_COUNTRY))
                note(t, cell->key & KEY_WITHOUT_COUNTRY, start_s + cell->first,
                     start_s + cell->last);
        if (got < 0) {
            row = ds_sqlite_damaged(f, "a chunk", why, err);
            break;
        }
    }
    sqlite3_finalize(stmt);
    ds_chunk_finish(&chunk);
    return row;
}

/* Of a day whose sensors are not all packed. */
static int read_day(struct table *t, struct store_file *f, struct ds_error *err)
{
    int64_t open_sensors = 0;
    if (ds_sqlite_number(f,
                         "SELECT count(*) FROM sensor WHERE id NOT IN (SELECT sensor FROM packed)",
                         NULL, 0, &open_sensors, err) < 0)
        return -1;
    if (open_sensors == 0)
        return 0;
    if (t->seen->by == DS_BY_SIGNATURE)
        return read_rows(t, f,
                         "SELECT id, min(start), max(start) FROM window_signature WHERE"
                         " packets > 0 AND (:signature IS NULL OR id = :signature) AND"
                         " " STORE_OF_SENSOR " GROUP BY id",
                         false, err);
    if (read_cells(t, f, "SELECT data, start FROM hour_chunk WHERE kind = 0 AND " STORE_OF_SENSOR,
                   err) < 0)
        return -1;
    return read_cells(t, f,
                      "SELECT data, start FROM minute_chunk WHERE (start - start % 3600, sensor)"
                      " NOT IN (SELECT start, sensor FROM hour) AND " STORE_OF_SENSOR,
                      err);
}

static int read_all(struct table *t, struct sqlite_store *s, struct ds_error *err)
{
    struct store_file *f;
    int result = ds_files_list(s, err);
    /* Days first: what is rolled up meanwhile is then read twice, not missed. */
    for (size_t i = 0; i < s->lists[STORE_MINUTES].count && result == 0; i++) {
        int there = ds_file_use(s, STORE_MINUTES, s->lists[STORE_MINUTES].from_s[i], &f, err);
        result = there < 0 ? -1 : there == 0 ? read_day(t, f, err) : 0;
        ds_files_release(s);
    }
    if (result == 0)
        result = ds_file_use(s, STORE_CATALOGUE, 0, &f, err);
    if (result == 0)
        result = read_catalogue(t, f, err);
    ds_files_release(s);
    return result == 0 && t->no_memory ? ds_error(err, DS_FAILURE, "out of memory") : result;
}

/* ---- the answer ---- */

static int compare(const void *left, const void *right, void *arg)
{
    const struct slot *a = left, *b = right;
    const struct table *t = arg;
    if (a->first_s != b->first_s)
        return a->first_s < b->first_s ? -1 : 1;
    if (t->seen->by == DS_BY_SIGNATURE)
        return strcmp(t->names[a->key], t->names[b->key]);
    return (a->key > b->key) - (a->key < b->key);
}

static int report(struct table *t, ds_seen_fn *each, void *arg)
{
    size_t count = 0;
    for (size_t i = 0; t->slots && i <= t->mask; i++)
        if (t->slots[i].last_s && t->slots[i].first_s > t->seen->range.from_s &&
            t->slots[i].first_s <= t->seen->range.to_s)
            t->slots[count++] = t->slots[i];
    if (count)
        qsort_r(t->slots, count, sizeof *t->slots, compare, t);
    int result = 0;
    for (size_t i = 0; i < count && i < t->seen->limit && result == 0; i++) {
        const struct slot *s = &t->slots[i];
        struct ds_seen_row row = {.first_s = s->first_s - 1, .last_s = s->last_s - 1};
        if (t->seen->by == DS_BY_SIGNATURE) {
            memcpy(row.signature, t->names[s->key], sizeof row.signature);
        } else {
            row.cls = (uint8_t)(s->key >> 40);
            row.proto = (uint8_t)(s->key >> 32);
            row.port = (uint16_t)(s->key >> 16);
        }
        result = each(arg, &row);
    }
    return result;
}

int ds_sqlite_first_seen(struct ds_store *store, const struct ds_seen *seen, ds_seen_fn *each,
                         void *arg, struct ds_error *err)
{
    struct table t = {.seen = seen};
    int result = read_all(&t, sqlite_of(store), err);
    if (result == 0)
        result = report(&t, each, arg);
    free(t.slots);
    free(t.names);
    return result;
}
