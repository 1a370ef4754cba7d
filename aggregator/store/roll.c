/* SPDX-License-Identifier: Apache-2.0
 *
 * An hour from its windows, in one transaction of the file of their day.
 */
#include "roll.h"

#include "merge_runs.h"

#include <stdlib.h>
#include <string.h>

#define SUMS_MIN 1024 /* slots; a power of two */

/* A port while its countries are gathered. */
struct port {
    struct ds_chunk_cell cell;
    bool is_there;
    uint64_t *sources; /* by window, over countries: all 0 but those of the windows seen */
    uint32_t *seen;    /* windows */
    size_t seen_count;
};

/* Sums over ports, by class, protocol and country. */
struct sums {
    struct ds_chunk_cell *slots; /* packets 0: free */
    size_t mask, used;
};

struct hour {
    int64_t start_s, sensor;
    uint32_t *offsets; /* of its windows, in seconds from its start */
    size_t windows;
    struct run *runs;
    struct port port;
    struct sums sums;
    struct builder ports, port_countries;
    struct ds_error *err;
};

static uint64_t greater(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ---- sums over ports ---- */

static struct ds_chunk_cell *find_sum(const struct sums *s, uint64_t key)
{
    size_t at = (key * UINT64_C(0x9e3779b97f4a7c15)) >> 32;
    while (s->slots[at & s->mask].packets && s->slots[at & s->mask].key != key)
        at++;
    return &s->slots[at & s->mask];
}

static bool grow_sums(struct sums *s)
{
    struct sums larger = {.mask = s->slots ? 2 * s->mask + 1 : SUMS_MIN - 1, .used = s->used};
    larger.slots = calloc(larger.mask + 1, sizeof *larger.slots);
    if (!larger.slots)
        return false;
    for (size_t i = 0; s->slots && i <= s->mask; i++)
        if (s->slots[i].packets)
            *find_sum(&larger, s->slots[i].key) = s->slots[i];
    free(s->slots);
    *s = larger;
    return true;
}

static bool add_to_sums(struct sums *s, const struct ds_chunk_cell *cell)
{
    if ((!s->slots || s->used * 2 > s->mask) && !grow_sums(s))
        return false;
    uint64_t key = cell->key & KEY_WITHOUT_PORT;
    struct ds_chunk_cell *sum = find_sum(s, key);
    s->used += sum->packets == 0;
    sum->key = key;
    sum->packets += cell->packets;
    sum->bytes += cell->bytes;
    sum->survey_packets += cell->survey_packets;
    return true;
}

static int compare_keys(const void *left, const void *right)
{
    const struct ds_chunk_cell *a = left, *b = right;
    return (a->key > b->key) - (a->key < b->key);
}

static int write_sums(struct sums *s, struct store_file *f, const struct chunk_set *set,
                      struct ds_error *err)
{
    struct builder b;
    size_t count = 0;
    for (size_t i = 0; s->slots && i <= s->mask; i++)
        if (s->slots[i].packets)
            s->slots[count++] = s->slots[i];
    if (count)
        qsort(s->slots, count, sizeof *s->slots, compare_keys);
    ds_builder_begin(&b, f, set, CHUNK_CELLS_HOUR, 1, err);
    for (size_t i = 0; i < count; i++) {
        s->slots[i].windows = 1;
        s->slots[i].sources_peak = s->slots[i].packets; /* none to tell: takes no room */
        ds_builder_add(&b, &s->slots[i]);
    }
    return ds_builder_finish(&b);
}

/* ---- ports ---- */

/* All countries of the port have come. */
static void finish_port(struct hour *h)
{
    struct port *p = &h->port;
    if (!p->is_there)
        return;
    p->cell.first = UINT32_MAX;
    for (size_t i = 0; i < p->seen_count; i++) {
        uint32_t window = p->seen[i], offset = h->offsets[window];
        p->cell.sources_peak = greater(p->cell.sources_peak, p->sources[window] - 1);
        p->cell.first = offset < p->cell.first ? offset : p->cell.first;
        p->cell.last = offset > p->cell.last ? offset : p->cell.last;
        p->sources[window] = 0;
    }
    p->cell.windows = (uint32_t)p->seen_count;
    ds_builder_add(&h->ports, &p->cell);
    p->seen_count = 0;
    p->is_there = false;
}

static void add_to_port(struct hour *h, uint64_t key, const struct run_cell *from)
{
    struct port *p = &h->port;
    if (!p->is_there || p->cell.key != key) {
        finish_port(h);
        p->cell = (struct ds_chunk_cell){.key = key};
        p->is_there = true;
    }
    p->cell.packets += from->cell.packets;
    p->cell.bytes += from->cell.bytes;
    p->cell.survey_packets += from->cell.survey_packets;
    p->cell.is_inexact = p->cell.is_inexact || from->cell.is_inexact;
    if (p->sources[from->number] == 0) { /* one more than there are, so that 0 says not seen */
        p->seen[p->seen_count++] = from->number;
        p->sources[from->number] = 1;
    }
    p->sources[from->number] += from->cell.sources_peak;
}

static int each_key(void *arg, uint64_t key, const struct run_cell *cells, size_t count)
{
    struct hour *h = arg;
    struct ds_chunk_cell sum = {.key = key, .windows = (uint32_t)count};
    for (size_t i = 0; i < count; i++) {
        const struct ds_chunk_cell *c = &cells[i].cell;
        sum.packets += c->packets;
        sum.bytes += c->bytes;
        sum.survey_packets += c->survey_packets;
        sum.sources_peak = greater(sum.sources_peak, c->sources_peak);
        sum.is_inexact = sum.is_inexact || c->is_inexact;
        add_to_port(h, key & KEY_WITHOUT_COUNTRY, &cells[i]);
    }
    ds_builder_add(&h->port_countries, &sum);
    if (!add_to_sums(&h->sums, &sum))
        return ds_error(h->err, DS_FAILURE, "out of memory");
    return h->ports.has_failed || h->port_countries.has_failed ? -1 : 0;
}

/* ---- the hour ---- */

static int begin_run(struct store_file *f, int64_t start_s, int64_t sensor, uint32_t number,
                     struct run *out, struct ds_error *err)
{
    *out = (struct run){.file = f, .number = number};
    out->chunks = ds_sqlite_prepare(f,
                                    "SELECT data FROM minute_chunk WHERE start = ? AND sensor = ?"
                                    " ORDER BY first_key",
                                    err);
    if (!out->chunks)
        return -1;
    sqlite3_bind_int64(out->chunks, 1, start_s);
    sqlite3_bind_int64(out->chunks, 2, sensor);
    return 0;
}

static int make_room(struct hour *h, size_t windows)
{
    h->offsets = calloc(windows + 1, sizeof *h->offsets);
    h->runs = calloc(windows + 1, sizeof *h->runs);
    h->port.sources = calloc(windows + 1, sizeof *h->port.sources);
    h->port.seen = calloc(windows + 1, sizeof *h->port.seen);
    return h->offsets && h->runs && h->port.sources && h->port.seen ? 0 : -1;
}

static void free_hour(struct hour *h)
{
    free(h->offsets);
    free(h->runs);
    free(h->port.sources);
    free(h->port.seen);
    free(h->sums.slots);
}

/* 0, 1 where there is no window, or -1. */
static int find_windows(struct hour *h, struct store_file *f)
{
    const int64_t values[] = {h->start_s, h->start_s + HOUR_S, h->sensor};
    int64_t count = 0;
    if (ds_sqlite_number(f,
                         "SELECT count(*) FROM window WHERE start >= ? AND start < ? AND"
                         " sensor = ?",
                         values, 3, &count, h->err) < 0)
        return -1;
    if (count == 0)
        return 1;
    if (make_room(h, (size_t)count) < 0)
        return ds_error(h->err, DS_FAILURE, "out of memory");
    sqlite3_stmt *stmt = ds_sqlite_prepare(f,
                                           "SELECT start FROM window WHERE start >= ? AND"
                                           " start < ? AND sensor = ? ORDER BY start",
                                           h->err);
    if (!stmt)
        return -1;
    for (int i = 0; i < 3; i++)
        sqlite3_bind_int64(stmt, i + 1, values[i]);
    int row;
    while ((row = ds_sqlite_step(f, stmt, h->err)) == 1 && h->windows < (size_t)count) {
        int64_t start_s = sqlite3_column_int64(stmt, 0);
        uint32_t number = (uint32_t)h->windows++;
        h->offsets[number] = (uint32_t)(start_s - h->start_s);
        if (begin_run(f, start_s, h->sensor, number, &h->runs[number], h->err) < 0) {
            row = -1;
            break;
        }
    }
    sqlite3_finalize(stmt);
    if (row < 0)
        for (size_t i = 0; i < h->windows; i++)
            ds_run_finish(&h->runs[i]);
    return row < 0 ? -1 : 0;
}

static int write_chunks(struct hour *h, struct store_file *f)
{
    struct chunk_set set = {"hour_chunk", CHUNK_PORT, h->start_s, h->sensor, f->generation};
    uint32_t windows = (uint32_t)h->windows;
    ds_builder_begin(&h->ports, f, &set, CHUNK_CELLS_HOUR, windows, h->err);
    set.kind = CHUNK_PORT_COUNTRY;
    ds_builder_begin(&h->port_countries, f, &set, CHUNK_CELLS_HOUR, windows, h->err);
    int merged = ds_runs_merge(h->runs, h->windows, each_key, h, h->err);
    finish_port(h);
    int ports = ds_builder_finish(&h->ports);
    int port_countries = ds_builder_finish(&h->port_countries);
    if (merged != 0 || ports < 0 || port_countries < 0)
        return -1;
    set.kind = CHUNK_COUNTRY;
    if (write_sums(&h->sums, f, &set, h->err) < 0)
        return -1;
    const int64_t values[] = {h->start_s, h->sensor, f->generation, HOUR_S};
    return ds_sqlite_exec_with(f, "INSERT INTO hour_chunks VALUES (?,?,?,?)", values, 4, h->err);
}

/* Inside the transaction. */
static int write_hour(struct store_file *f, int64_t start_s, int64_t sensor, struct ds_error *err)
{
    struct hour h = {.start_s = start_s, .sensor = sensor, .err = err};
    const int64_t old[] = {start_s, start_s + HOUR_S, sensor, f->generation};
    int result = ds_roll_delete(f, "hour", old, err);
    if (result == 0)
        result = find_windows(&h, f);
    if (result == 0)
        result = write_chunks(&h, f);
    if (result == 0)
        result = ds_roll_tables_hour(f, start_s, sensor, err);
    free_hour(&h);
    return result < 0 ? -1 : 0;
}

int ds_roll_hour(struct store_file *f, int64_t start_s, int64_t sensor, struct ds_error *err)
{
    if (ds_sqlite_exec(f, "BEGIN IMMEDIATE", err) < 0)
        return -1;
    int result = write_hour(f, start_s, sensor, err);
    if (result == 0)
        result = ds_sqlite_exec(f, "COMMIT", err);
    if (!sqlite3_get_autocommit(f->db))
        ds_sqlite_exec(f, "ROLLBACK", NULL);
    return result;
}

int ds_roll_forget(struct store_file *f, int64_t start_s, int64_t sensor, struct ds_error *err)
{
    int64_t hour_s = start_s - start_s % HOUR_S, is_rolled = 0;
    const int64_t key[] = {hour_s, sensor};
    if (ds_sqlite_exec_with(f, "DELETE FROM packed WHERE sensor = ?", &sensor, 1, err) < 0 ||
        ds_sqlite_number(f, "SELECT 1 FROM hour WHERE start = ? AND sensor = ?", key, 2, &is_rolled,
                         err) < 0)
        return -1;
    if (!is_rolled)
        return 0;
    const int64_t old[] = {hour_s, hour_s + HOUR_S, sensor, f->generation};
    return ds_roll_delete(f, "hour", old, err);
}
