/* SPDX-License-Identifier: Apache-2.0
 *
 * Exports with a row for each step: so many steps at a time are asked for that memory does not grow
 * with the length of the time.
 */
#include "export_row.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 4096u /* steps that are asked for together */

/* What is known of the steps of a batch. */
struct step {
    bool is_there; /* a window starts in it */
    uint64_t observed_ns;
    struct ds_figures figures; /* of all that the filter leaves */
    struct ds_figures second;  /* of tables with two kinds of figures */
};

struct walk {
    struct export *x;
    const struct steps *steps;
    struct ds_filter filter;
    struct ds_figures kept; /* has_ flags alone: the figures of a gap */
    uint64_t sensors;
    size_t first, count; /* the batch */
    size_t next;         /* of series: step to write, in the batch */
    struct step *batch;
};

/* A window whose sensor saw nothing of it (observed 0) is no observation. */
static bool is_watched(uint64_t observed_ns, const struct ds_figures *figures)
{
    return observed_ns > 0 || figures->packets > 0;
}

static int count_sensors(struct walk *w)
{
    struct answer *a = w->x->answer;
    struct ds_totals totals;
    if (a->store->ops->totals(a->store, &a->range, &totals, w->x->err) < 0)
        return -1;
    w->sensors = totals.sensors;
    return 0;
}

static struct ds_buckets buckets_of(const struct walk *w)
{
    return (struct ds_buckets){w->steps->edges_s + w->first, w->count, w->x->answer->range.sensor};
}

static void set_step(struct walk *w, size_t i)
{
    const int64_t *edges_s = w->steps->edges_s + w->first;
    ds_export_set_time(w->x, C_START, edges_s[i]);
    ds_export_set_time(w->x, C_END, edges_s[i + 1]);
}

static void set_coverage(struct walk *w, size_t i, uint64_t observed_ns)
{
    const int64_t *edges_s = w->steps->edges_s + w->first;
    ds_export_set_coverage(w->x, observed_ns, w->sensors, edges_s[i + 1] - edges_s[i]);
}

/* Moves on. One step is never left alone: of it, sources would be estimated that are not where
 * steps are many. */
static bool next_batch(struct walk *w)
{
    w->first += w->count;
    size_t left = w->steps->count - w->first;
    w->count = left <= BATCH ? left : left == BATCH + 1 ? BATCH - 1 : BATCH;
    return w->count > 0;
}

/* ---- series ---- */

static void set_filter(struct export *x, const struct ds_filter *f)
{
    static const char *const parts[] = {[DS_SURVEY_PART_ALL] = "all",
                                        [DS_SURVEY_PART_WITHOUT] = "no",
                                        [DS_SURVEY_PART_ONLY] = "only"};
    ds_export_set_text(x, C_FILTER_CLASS, f->has_class ? ds_class_name(f->cls) : NULL);
    ds_export_set_text(x, C_FILTER_PROTO, f->has_proto ? ds_proto_name(f->proto, x->proto) : NULL);
    ds_export_set_known(x, C_FILTER_PORT, f->has_port, f->port);
    ds_export_set_text(x, C_FILTER_COUNTRY,
                       f->has_country ? ds_country_name(f->country, x->country) : NULL);
    ds_export_set_text(x, C_FILTER_TYPE, f->has_type ? ds_type_name(f->type) : NULL);
    ds_export_set_text(x, C_FILTER_SIGNATURE, f->has_signature ? f->signature : NULL);
    ds_export_set_text(x, C_SURVEY_PART, parts[f->survey]);
}

static int send_point(struct walk *w, size_t i, const struct ds_point *p)
{
    struct export *x = w->x;
    bool watched = is_watched(p->observed_ns, &p->figures);
    set_step(w, i);
    ds_export_set_figures(x, &p->figures, watched);
    ds_export_set_known(x, C_ADDRESSES, watched && p->addresses_known, p->addresses);
    ds_export_set_known(x, C_ACTIVE_ADDRESSES, watched, p->active_addresses);
    ds_export_set_count(x, C_WINDOWS, p->windows);
    set_coverage(w, i, p->observed_ns);
    return ds_export_send(x);
}

static int send_gap(struct walk *w, size_t until)
{
    const struct ds_point nothing = {.figures = w->kept};
    for (; w->next < until; w->next++)
        if (send_point(w, w->next, &nothing) != 0)
            return 1;
    return 0;
}

static int each_point(void *arg, const struct ds_point *p)
{
    struct walk *w = arg;
    if (send_gap(w, p->bucket) != 0)
        return 1;
    w->next = p->bucket + 1;
    return send_point(w, p->bucket, p);
}

static int send_series(struct walk *w)
{
    struct ds_store *store = w->x->answer->store;
    int result = 0;
    w->kept = ds_store_kept(&w->filter);
    set_filter(w->x, &w->filter);
    for (w->first = w->count = 0; result == 0 && next_batch(w);) {
        const struct ds_buckets buckets = buckets_of(w);
        w->next = 0;
        result = store->ops->series(store, &buckets, &w->filter, each_point, w, w->x->err);
        if (result == 0)
            result = send_gap(w, w->count);
    }
    return result;
}

int ds_export_series(struct export *x, const struct steps *steps)
{
    struct answer *a = x->answer;
    struct walk w = {.x = x, .steps = steps, .filter = a->filter};
    size_t ports = a->query->port_count;
    int result = count_sensors(&w);
    if (ports < 2)
        return result == 0 ? send_series(&w) : result;
    for (size_t i = 0; i < ports && result == 0; i++) {
        w.filter.has_proto = w.filter.has_port = true;
        w.filter.proto = (uint8_t)a->ports[i].proto;
        w.filter.port = a->ports[i].port;
        result = send_series(&w);
    }
    return result;
}

/* ---- what there was in each step of a batch ---- */

static int note_point(void *arg, const struct ds_point *p)
{
    struct walk *w = arg;
    w->batch[p->bucket] = (struct step){true, p->observed_ns, p->figures, {0}};
    return 0;
}

static int note_second(void *arg, const struct ds_point *p)
{
    struct walk *w = arg;
    w->batch[p->bucket].second = p->figures;
    return 0;
}

static int note(struct walk *w, const struct ds_filter *filter, ds_point_fn *each)
{
    struct ds_store *store = w->x->answer->store;
    const struct ds_buckets buckets = buckets_of(w);
    return store->ops->series(store, &buckets, filter, each, w, w->x->err);
}

/* Fills the rows of each batch in turn. */
static int each_batch(struct walk *w, int (*fill)(struct walk *w))
{
    int result = count_sensors(w);
    w->batch = malloc(BATCH * sizeof *w->batch);
    if (!w->batch)
        return ds_error(w->x->err, DS_FAILURE, "out of memory");
    while (result == 0 && next_batch(w)) {
        memset(w->batch, 0, BATCH * sizeof *w->batch);
        result = fill(w);
    }
    free(w->batch);
    return result;
}

/* ---- tables ---- */

static void set_key(struct export *x, const struct ds_top_row *row)
{
    ds_export_set_text(x, C_CLASS, ds_class_name(row->cls));
    ds_export_set_text(x, C_PROTO, ds_proto_name(row->proto, x->proto));
    ds_export_set_count(x, C_PORT, row->port);
    ds_export_set_text(x, C_COUNTRY, ds_country_name(row->country, x->country));
    ds_export_set_text(x, C_TYPE, ds_type_name(row->type));
    ds_export_set_text(x, C_DEVICE, ds_device_name(row->device));
    ds_export_set_text(x, C_SIGNATURE, row->signature);
}

static int each_row(void *arg, size_t i, uint64_t rank, const struct ds_top_row *row)
{
    struct walk *w = arg;
    struct export *x = w->x;
    const struct step *step = &w->batch[i];
    double all = (double)step->figures.packets;
    set_step(w, i);
    ds_export_set_count(x, C_RANK, rank);
    set_key(x, row);
    ds_export_set_figures(x, &row->figures, true);
    ds_export_set_real(x, C_SHARE, all > 0 ? (double)row->figures.packets / all : 0);
    set_coverage(w, i, step->observed_ns);
    return ds_export_send(x);
}

static int fill_rows(struct walk *w)
{
    struct export *x = w->x;
    struct ds_store *store = x->answer->store;
    struct ds_filter all = w->filter;
    const struct ds_buckets buckets = buckets_of(w);
    const struct ds_tables tables = {.buckets = &buckets,
                                     .filter = &w->filter,
                                     .by = (enum ds_by)x->table->by,
                                     .with_countries = x->table->fill == FILL_STEPS_BY_COUNTRY,
                                     .limit = x->limit};
    all.without_sources = true;
    int result = note(w, &all, note_point);
    return result == 0 ? store->ops->tables(store, &tables, each_row, w, x->err) : result;
}

int ds_export_steps(struct export *x, const struct steps *steps)
{
    struct walk w = {.x = x, .steps = steps, .filter = x->answer->filter};
    return each_batch(&w, fill_rows);
}

/* ---- infected hosts ---- */

static int fill_infected(struct walk *w)
{
    struct export *x = w->x;
    struct ds_filter seen = w->filter, confirmed = w->filter;
    seen.infected = DS_INFECTED_SEEN;
    confirmed.infected = DS_INFECTED_CONFIRMED;
    int result = note(w, &seen, note_point);
    if (result == 0)
        result = note(w, &confirmed, note_second);
    for (size_t i = 0; i < w->count && result == 0; i++) {
        const struct step *step = &w->batch[i];
        set_step(w, i);
        ds_export_set_unique(x, C_INFECTED, &step->figures, step->observed_ns > 0);
        ds_export_set_unique(x, C_CONFIRMED, &step->second, step->observed_ns > 0);
        set_coverage(w, i, step->observed_ns);
        result = ds_export_send(x);
    }
    return result;
}

int ds_export_infected(struct export *x, const struct steps *steps)
{
    struct walk w = {.x = x, .steps = steps, .filter = x->answer->filter};
    set_filter(x, &w.filter);
    return each_batch(&w, fill_infected);
}

/* ---- sensors ---- */

struct names {
    const char *wanted; /* NULL: all */
    char (*names)[DS_NAME_MAX + 1];
    size_t count;
    bool no_memory;
};

static int each_sensor(void *arg, const struct ds_sensor_row *row)
{
    struct names *n = arg;
    if (row->windows == 0 || (n->wanted && strcmp(n->wanted, row->name) != 0))
        return 0;
    void *larger = realloc(n->names, (n->count + 1) * sizeof *n->names);
    n->no_memory = !larger;
    if (!larger)
        return -1;
    n->names = larger;
    strcpy(n->names[n->count++], row->name);
    return 0;
}

static int send_malformed(struct export *x, const struct ds_totals *t)
{
    const char *reason;
    int result = 0;
    for (unsigned i = 0; (reason = ds_malformed_name(i)) && result == 0; i++) {
        ds_export_set_text(x, C_REASON, reason);
        ds_export_set_known(x, C_PACKETS_EXACT, t->windows > 0, t->sum.malformed[i]);
        result = ds_export_send(x);
    }
    return result;
}

static void set_totals(struct export *x, const struct ds_totals *t)
{
    const struct ds_estimate *e = &t->sources;
    bool watched = t->windows > 0;
    const struct ds_figures f = {
        .has_bytes = true,
        .has_sources = true,
        .bytes = t->sum.bytes,
        .sources = t->sources_exact ? t->sum.sources : (uint64_t)llround(e->count),
        .sources_peak = t->sum.sources,
        .sources_error = e->count > 0 ? e->error / e->count : 0,
        .sources_exact = t->sources_exact,
        .sources_estimated = t->sources_estimated,
    };
    ds_export_set_figures(x, &f, watched);
    ds_export_set_count(x, C_WINDOWS, t->windows);
    ds_export_set_count(x, C_SPLIT_WINDOWS, t->split);
    for (unsigned i = 0; i < DS_BOOK_COUNT; i++)
        ds_export_set_known(x, C_BOOKS + i, watched, t->sum.books[i]);
    for (unsigned i = 0; i < DS_OVERFLOW_COUNT; i++)
        ds_export_set_known(x, C_OVERFLOW + i, watched, t->sum.overflow[i]);
    ds_export_set_known(x, C_ADDRESSES, watched && t->sum.addresses_known, t->sum.addresses);
}

static int send_sensor(struct export *x, const char *name, int64_t from_s, int64_t to_s)
{
    struct ds_store *store = x->answer->store;
    const struct ds_range range = {from_s, to_s, name};
    struct ds_totals totals;
    if (store->ops->totals(store, &range, &totals, x->err) < 0)
        return -1;
    ds_export_set_time(x, C_START, from_s);
    ds_export_set_time(x, C_END, to_s);
    ds_export_set_text(x, C_SENSOR, name);
    ds_export_set_coverage(x, totals.observed_ns, 1, to_s - from_s);
    if (x->table->fill == FILL_MALFORMED)
        return send_malformed(x, &totals);
    set_totals(x, &totals);
    return ds_export_send(x);
}

int ds_export_sensors(struct export *x, const struct steps *steps)
{
    struct answer *a = x->answer;
    struct names names = {.wanted = a->range.sensor};
    int result = a->store->ops->sensors(a->store, each_sensor, &names, x->err);
    if (names.no_memory)
        result = ds_error(x->err, DS_FAILURE, "out of memory");
    for (size_t i = 0; i < steps->count && result == 0; i++)
        for (size_t s = 0; s < names.count && result == 0; s++)
            result = send_sensor(x, names.names[s], steps->edges_s[i], steps->edges_s[i + 1]);
    free(names.names);
    return result;
}
