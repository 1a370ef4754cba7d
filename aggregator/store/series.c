/* SPDX-License-Identifier: Apache-2.0
 *
 * Series: all buckets are filled side by side, piece by piece.
 */
#include "estimates.h"
#include "facts.h"

#include <stdlib.h>

/* The most of a sensor in a bucket. */
struct watch {
    int64_t sensor;
    uint64_t addresses, active_addresses;
    bool addresses_known;
};

struct bucket {
    uint64_t windows, observed_ns;
    struct watch *watches; /* of the sensors with a window */
    size_t watch_count;
    struct group group;
};

struct series {
    const struct ds_buckets *buckets;
    struct fact_request ask;
    struct bucket *all;
    struct estimate *estimates;
};

static struct bucket *bucket_at(struct series *s, int64_t at_s)
{
    int64_t i = ds_bucket_of(s->buckets, at_s);
    return i >= 0 && i < (int64_t)s->buckets->count ? &s->all[i] : NULL;
}

static int each_fact(void *arg, const struct fact_row *row)
{
    struct bucket *b = bucket_at(arg, row->start_s);
    if (b)
        ds_group_add(&b->group, &row->group);
    return 0;
}

static int each_cell(void *arg, int64_t at_s, const struct ds_chunk_cell *cell)
{
    struct series *s = arg;
    struct bucket *b = bucket_at(s, at_s);
    if (!b)
        return 0;
    struct group g = ds_group_of_cell(cell, s->ask.filter->survey);
    ds_group_add(&b->group, &g);
    return 0;
}

/* Where small cells are not kept, there may be more. */
static void mark_floor(struct series *s, const struct piece *piece)
{
    int64_t first = ds_bucket_of(s->buckets, piece->at_s >= 0 ? piece->at_s : piece->from_s);
    int64_t last = ds_bucket_of(s->buckets, piece->at_s >= 0 ? piece->at_s : piece->to_s - 1);
    for (int64_t i = first < 0 ? 0 : first; i <= last && i < (int64_t)s->buckets->count; i++)
        s->all[i].group.is_floor = true;
}

static struct watch *watch_of(struct bucket *b, int64_t sensor)
{
    for (size_t i = 0; i < b->watch_count; i++)
        if (b->watches[i].sensor == sensor)
            return &b->watches[i];
    void *larger = realloc(b->watches, (b->watch_count + 1) * sizeof *b->watches);
    if (!larger)
        return NULL;
    b->watches = larger;
    b->watches[b->watch_count] = (struct watch){.sensor = sensor};
    return &b->watches[b->watch_count++];
}

/* A row of the statements below. -1 without memory. */
static int add_watch(struct bucket *b, sqlite3_stmt *stmt)
{
    struct watch *w = watch_of(b, sqlite3_column_int64(stmt, 1));
    if (!w)
        return -1;
    uint64_t addresses = ds_sqlite_u64(stmt, 4), active = ds_sqlite_u64(stmt, 5);
    b->windows += ds_sqlite_u64(stmt, 2);
    b->observed_ns += ds_sqlite_u64(stmt, 3);
    w->addresses_known = w->addresses_known || sqlite3_column_type(stmt, 4) != SQLITE_NULL;
    w->addresses = addresses > w->addresses ? addresses : w->addresses;
    w->active_addresses = active > w->active_addresses ? active : w->active_addresses;
    return 0;
}

static int add_watched(struct series *s, struct store_file *f, const struct piece *piece,
                       struct ds_error *err)
{
    sqlite3_stmt *stmt =
        ds_piece_prepare(f, piece, s->buckets->sensor,
                         "SELECT start, sensor, count(*), sum(observed_ns), max(addresses),"
                         " max(active_addresses) FROM window WHERE # GROUP BY start, sensor",
                         "SELECT start, sensor, sum(windows), sum(observed_ns), max(addresses),"
                         " max(active_addresses_peak) FROM @ WHERE # GROUP BY start, sensor",
                         err);
    if (!stmt)
        return -1;
    int row;
    while ((row = ds_sqlite_step(f, stmt, err)) == 1) {
        struct bucket *b =
            bucket_at(s, piece->at_s >= 0 ? piece->at_s : sqlite3_column_int64(stmt, 0));
        if (b && add_watch(b, stmt) < 0) {
            row = ds_error(err, DS_FAILURE, "out of memory");
            break;
        }
    }
    sqlite3_finalize(stmt);
    return row;
}

static int each_piece(void *arg, struct store_file *f, const struct piece *piece,
                      struct ds_error *err)
{
    struct series *s = arg;
    if (add_watched(s, f, piece, err) < 0)
        return -1;
    if (s->ask.filter->infected != DS_INFECTED_NO)
        return 0;
    if (s->ask.fact < FACT_PORT)
        return ds_facts_walk(f, piece, &s->ask, each_fact, s, err);
    if (s->ask.fact == FACT_PORT_COUNTRY && piece->is_cut)
        mark_floor(s, piece);
    return ds_cells_walk(f, piece, &s->ask, each_cell, s, err);
}

static void tell_addresses(const struct bucket *b, struct ds_point *point)
{
    point->addresses_known = true;
    for (size_t i = 0; i < b->watch_count; i++) {
        point->addresses_known = point->addresses_known && b->watches[i].addresses_known;
        point->addresses += b->watches[i].addresses;
        point->active_addresses += b->watches[i].active_addresses;
    }
    if (!point->addresses_known)
        point->addresses = 0;
}

static int report(const struct series *s, ds_point_fn *each, void *arg, struct ds_error *err)
{
    const struct ds_figures kept = ds_store_kept(s->ask.filter);
    for (size_t i = 0; i < s->buckets->count; i++) {
        const struct bucket *b = &s->all[i];
        if (b->windows == 0)
            continue;
        if (ds_group_check(&b->group, err) < 0)
            return -1;
        struct ds_point point = {.bucket = i,
                                 .start_s = s->buckets->edges_s[i],
                                 .windows = b->windows,
                                 .observed_ns = b->observed_ns,
                                 .figures = ds_group_figures(&b->group, kept)};
        tell_addresses(b, &point);
        ds_estimate_tell(&s->estimates[i * WANTED_PARTS], s->ask.filter->survey, &b->group,
                         &point.figures);
        int result = each(arg, &point);
        if (result != 0)
            return result;
    }
    return 0;
}

int ds_sqlite_series(struct ds_store *store, const struct ds_buckets *buckets,
                     const struct ds_filter *filter, ds_point_fn *each, void *arg,
                     struct ds_error *err)
{
    struct sqlite_store *s = sqlite_of(store);
    struct series series = {.buckets = buckets,
                            .ask = {.fact = ds_fact_of(filter),
                                    .filter = filter,
                                    .sensor = buckets->sensor,
                                    .by_time = true}};
    const struct plan plan = {.buckets = buckets,
                              .wants_all_cells = series.ask.fact == FACT_PORT_COUNTRY,
                              .takes_months = true};
    struct wanted wanted[WANTED_PARTS];
    ds_wanted_of_filter(filter, wanted);
    series.all = calloc(buckets->count, sizeof *series.all);
    series.estimates = calloc(buckets->count, WANTED_PARTS * sizeof *series.estimates);
    int result = series.all && series.estimates ? ds_plan_walk(s, &plan, each_piece, &series, err)
                                                : ds_error(err, DS_FAILURE, "out of memory");
    if (result == 0)
        result = ds_estimates_make(s, buckets, wanted, WANTED_PARTS, series.estimates, err);
    ds_files_release(s);
    if (result == 0)
        result = report(&series, each, arg, err);
    for (size_t i = 0; series.all && i < buckets->count; i++)
        free(series.all[i].watches);
    free(series.all);
    free(series.estimates);
    return result;
}
