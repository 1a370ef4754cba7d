/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums over a range: the same statements on every piece of it.
 */
#include "estimates.h"

#include <stdlib.h>
#include <string.h>

/* The most addresses that a sensor had. */
struct addresses {
    int64_t sensor;
    uint64_t most;
    bool is_known;
};

struct sums {
    struct ds_totals totals;
    const char *sensor;
    struct addresses *addresses;
    size_t sensor_count;
    bool has_overflown;
    bool no_memory;
};

static void add(struct sums *s, uint64_t *into, uint64_t from)
{
    if (__builtin_add_overflow(*into, from, into) || *into > INT64_MAX)
        s->has_overflown = true;
}

static void raise_to(uint64_t *into, uint64_t from)
{
    *into = from > *into ? from : *into;
}

static void add_addresses(struct sums *s, int64_t sensor, bool is_known, uint64_t most)
{
    size_t i = 0;
    while (i < s->sensor_count && s->addresses[i].sensor != sensor)
        i++;
    if (i == s->sensor_count) {
        void *larger = realloc(s->addresses, (i + 1) * sizeof *s->addresses);
        if (!larger) {
            s->no_memory = true;
            return;
        }
        s->addresses = larger;
        s->addresses[s->sensor_count++] = (struct addresses){.sensor = sensor};
    }
    s->addresses[i].is_known = s->addresses[i].is_known || is_known;
    raise_to(&s->addresses[i].most, most);
}

static void add_windows(struct sums *s, sqlite3_stmt *stmt)
{
    struct ds_totals *t = &s->totals;
    struct ds_window *w = &t->sum;
    int64_t first_s = sqlite3_column_int64(stmt, 2), end_s = sqlite3_column_int64(stmt, 3);
    t->first_s = t->windows == 0 || first_s < t->first_s ? first_s : t->first_s;
    t->end_s = end_s > t->end_s ? end_s : t->end_s;
    add_addresses(s, sqlite3_column_int64(stmt, 0), sqlite3_column_type(stmt, 6) != SQLITE_NULL,
                  ds_sqlite_u64(stmt, 6));
    add(s, &t->windows, ds_sqlite_u64(stmt, 1));
    add(s, &t->observed_ns, ds_sqlite_u64(stmt, 4));
    add(s, &t->split, ds_sqlite_u64(stmt, 5));
    add(s, &w->bytes, ds_sqlite_u64(stmt, 7));
    raise_to(&w->sources, ds_sqlite_u64(stmt, 8));
    int i = 9;
    for (size_t b = 0; b < DS_BOOK_COUNT; b++)
        add(s, &w->books[b], ds_sqlite_u64(stmt, i++));
    for (size_t o = 0; o < DS_OVERFLOW_COUNT; o++)
        add(s, &w->overflow[o], ds_sqlite_u64(stmt, i++));
}

static void add_malformed(struct sums *s, sqlite3_stmt *stmt)
{
    int i = ds_sqlite_name_index(ds_malformed_name, (const char *)sqlite3_column_text(stmt, 0));
    if (i >= 0)
        add(s, &s->totals.sum.malformed[i], ds_sqlite_u64(stmt, 1));
}

static void add_type(struct sums *s, sqlite3_stmt *stmt)
{
    int i = ds_sqlite_name_index(ds_type_name, (const char *)sqlite3_column_text(stmt, 0));
    if (i >= 0)
        add(s, &s->totals.sum.types[i], ds_sqlite_u64(stmt, 1));
}

static void add_protocol(struct sums *s, sqlite3_stmt *stmt)
{
    add(s, &s->totals.sum.protocols[sqlite3_column_int64(stmt, 0) & 0xff], ds_sqlite_u64(stmt, 1));
}

static void add_class(struct sums *s, sqlite3_stmt *stmt)
{
    uint64_t cls = ds_sqlite_u64(stmt, 0);
    if (cls >= DS_CLASS_COUNT)
        return;
    struct ds_tally *tally = &s->totals.sum.classes[cls];
    add(s, &tally->packets, ds_sqlite_u64(stmt, 1));
    add(s, &tally->bytes, ds_sqlite_u64(stmt, 2));
    raise_to(&tally->sources, ds_sqlite_u64(stmt, 3));
}

/* Keeps the first few in order. */
static void add_country_db(struct sums *s, sqlite3_stmt *stmt)
{
    struct ds_totals *t = &s->totals;
    char name[DS_DATABASE_MAX + 1];
    size_t at = 0, count = t->country_db_count;
    ds_sqlite_text(stmt, 0, name, sizeof name);
    while (at < count && strcmp(t->country_dbs[at], name) < 0)
        at++;
    if (at == DS_STORE_DBS_MAX || (at < count && strcmp(t->country_dbs[at], name) == 0))
        return;
    if (count == DS_STORE_DBS_MAX)
        count--;
    memmove(t->country_dbs + at + 1, t->country_dbs + at, (count - at) * sizeof name);
    memcpy(t->country_dbs[at], name, sizeof name);
    t->country_db_count = count + 1;
}

#define FIGURES(sources)                                                                           \
    " max(addresses), sum(bytes), max(" sources "), sum(received), sum(counted), sum(outside),"    \
    " sum(malformed), sum(late), sum(fragment), sum(truncated), sum(dropped_kernel),"              \
    " sum(dropped_interface), sum(dropped_ring), sum(overflow_cells), sum(overflow_pairs),"        \
    " sum(overflow_sources), sum(overflow_destinations), sum(overflow_signatures),"                \
    " sum(overflow_attacks)"
#define BY(name, columns, table) "SELECT " name ", " columns " FROM " table " WHERE # GROUP BY 1"
#define PACKETS                  "sum(packets)"

static const struct {
    const char *of_windows, *of_levels;
    void (*each)(struct sums *s, sqlite3_stmt *stmt);
} statements[] = {
    {"SELECT sensor, count(*), min(start), max(start + seconds), sum(observed_ns), sum(parts > "
     "1)," FIGURES("sources") " FROM window WHERE # GROUP BY sensor",
     "SELECT sensor, sum(windows), min(first_start), max(last_end), sum(observed_ns), "
     "sum(split)," FIGURES("sources_peak") " FROM @ WHERE # GROUP BY sensor",
     add_windows},
    {BY("reason", PACKETS, "window_malformed"), BY("reason", PACKETS, "@_malformed"),
     add_malformed},
    {BY("type", PACKETS, "window_type"), BY("type", PACKETS, "@_type"), add_type},
    {BY("proto", PACKETS, "window_protocol"), BY("proto", PACKETS, "@_protocol"), add_protocol},
    {BY("class", "sum(packets), sum(bytes), max(sources)", "window_class"),
     BY("class", "sum(packets), sum(bytes), max(sources_peak)", "@_class"), add_class},
    {"SELECT DISTINCT country_db FROM window WHERE country_db <> '' AND #",
     "SELECT DISTINCT name FROM @_database WHERE #", add_country_db},
};

static int each_piece(void *arg, struct store_file *f, const struct piece *piece,
                      struct ds_error *err)
{
    struct sums *s = arg;
    int row = 0;
    for (size_t i = 0; i < sizeof statements / sizeof statements[0] && row == 0; i++) {
        sqlite3_stmt *stmt = ds_piece_prepare(f, piece, s->sensor, statements[i].of_windows,
                                              statements[i].of_levels, err);
        if (!stmt)
            return -1;
        while ((row = ds_sqlite_step(f, stmt, err)) == 1)
            statements[i].each(s, stmt);
        sqlite3_finalize(stmt);
    }
    return row;
}

static void finish(struct sums *s)
{
    struct ds_totals *t = &s->totals;
    t->sensors = s->sensor_count;
    t->sum.addresses_known = s->sensor_count > 0;
    for (size_t i = 0; i < s->sensor_count; i++) {
        t->sum.addresses_known = t->sum.addresses_known && s->addresses[i].is_known;
        add(s, &t->sum.addresses, s->addresses[i].most);
    }
    if (!t->sum.addresses_known)
        t->sum.addresses = 0;
    t->sources_exact =
        t->windows == 1 && t->split == 0 && t->sum.overflow[DS_OVERFLOW_SOURCES] == 0;
}

/* Of all packets and of each class. */
static int estimate(struct sqlite_store *s, const struct ds_buckets *whole, struct ds_totals *t,
                    struct ds_error *err)
{
    struct wanted wanted[1 + DS_CLASS_COUNT][WANTED_PARTS];
    struct estimate estimates[1 + DS_CLASS_COUNT][WANTED_PARTS];
    ds_wanted_of_filter(&(struct ds_filter){0}, wanted[0]);
    for (uint8_t cls = 0; cls < DS_CLASS_COUNT; cls++)
        ds_wanted_of_filter(&(struct ds_filter){.has_class = true, .cls = cls}, wanted[1 + cls]);
    if (ds_estimates_make(s, whole, wanted[0], (1 + DS_CLASS_COUNT) * WANTED_PARTS, estimates[0],
                          err) < 0)
        return -1;
    t->sources_estimated = !t->sources_exact && t->windows > 0 && estimates[0][0].is_known;
    t->sources = estimates[0][0].sources;
    for (unsigned cls = 0; cls < DS_CLASS_COUNT; cls++)
        t->classes[cls] = estimates[1 + cls][0].sources;
    return 0;
}

int ds_sqlite_totals(struct ds_store *store, const struct ds_range *range, struct ds_totals *out,
                     struct ds_error *err)
{
    struct sqlite_store *s = sqlite_of(store);
    const int64_t edges_s[] = {range->from_s, range->to_s};
    const struct ds_buckets whole = {edges_s, 1, range->sensor};
    const struct plan plan = {.buckets = &whole};
    struct sums sums = {.sensor = range->sensor};
    int result = ds_plan_walk(s, &plan, each_piece, &sums, err);
    finish(&sums);
    if (result == 0)
        result = estimate(s, &whole, &sums.totals, err);
    ds_files_release(s);
    free(sums.addresses);
    if (result == 0 && sums.no_memory)
        result = ds_error(err, DS_FAILURE, "out of memory");
    if (result == 0 && sums.has_overflown)
        result = ds_error(err, DS_DATABASE, "a sum is too large to count: ask for less time");
    if (result == 0)
        *out = sums.totals;
    return result;
}
