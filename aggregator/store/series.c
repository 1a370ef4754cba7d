/* SPDX-License-Identifier: Apache-2.0
 *
 * Series: all buckets are filled side by side, piece by piece.
 */
#include "estimates.h"
#include "facts.h"
#include "watch.h"

#include <stdlib.h>

struct bucket {
    struct group group;
};

struct series {
    const struct ds_buckets *buckets;
    struct fact_request ask;
    struct bucket *all;
    struct watches *watches;
    struct estimate *estimates;
    size_t closed; /* buckets before this */
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

/* Buckets that lie before the day of a piece are complete. */
static void close_before(struct series *s, int64_t at_s)
{
    while (s->closed < s->buckets->count && s->buckets->edges_s[s->closed + 1] <= at_s)
        ds_watches_close(&s->watches[s->closed++]);
}

static int each_piece(void *arg, struct store_file *f, const struct piece *piece,
                      struct ds_error *err)
{
    struct series *s = arg;
    close_before(s, piece->from_s - piece->from_s % DAY_S);
    if (ds_watches_read(s->watches, s->buckets, f, piece, s->ask.filter->with_active, err) < 0)
        return -1;
    if (s->ask.filter->infected != DS_INFECTED_NO)
        return 0;
    if (s->ask.fact < FACT_PORT)
        return ds_facts_walk(f, piece, &s->ask, each_fact, s, err);
    if (s->ask.fact == FACT_PORT_COUNTRY && piece->is_cut)
        mark_floor(s, piece);
    return ds_cells_walk(f, piece, &s->ask, each_cell, s, err);
}

static int report(const struct series *s, ds_point_fn *each, void *arg, struct ds_error *err)
{
    const struct ds_figures kept = ds_store_kept(s->ask.filter);
    for (size_t i = 0; i < s->buckets->count; i++) {
        const struct bucket *b = &s->all[i];
        if (s->watches[i].windows == 0)
            continue;
        if (ds_group_check(&b->group, err) < 0)
            return -1;
        struct ds_point point = {.bucket = i,
                                 .start_s = s->buckets->edges_s[i],
                                 .figures = ds_group_figures(&b->group, kept)};
        ds_watches_tell(&s->watches[i], &point);
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
    series.watches = calloc(buckets->count, sizeof *series.watches);
    series.estimates = calloc(buckets->count, WANTED_PARTS * sizeof *series.estimates);
    bool has_memory = series.all && series.watches && series.estimates;
    int result = has_memory ? ds_plan_walk(s, &plan, each_piece, &series, err)
                            : ds_error(err, DS_FAILURE, "out of memory");
    if (result == 0)
        result = ds_estimates_make(s, buckets, wanted, WANTED_PARTS, series.estimates, err);
    ds_files_release(s);
    for (size_t i = 0; series.watches && i < buckets->count; i++)
        ds_watches_close(&series.watches[i]);
    if (result == 0)
        result = report(&series, each, arg, err);
    for (size_t i = 0; series.watches && i < buckets->count; i++)
        ds_watches_finish(&series.watches[i]);
    free(series.watches);
    free(series.all);
    free(series.estimates);
    return result;
}
