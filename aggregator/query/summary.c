/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums over a period: the books, types, classes, protocols, and the first few of each top table.
 * The names are those of a window's JSON.
 */
#include "answer.h"

#include <math.h>
#include <stdio.h>

static void write_named(struct answer *a, const char *key, const char *(*name_of)(unsigned),
                        const uint64_t *values)
{
    json_t *o = ds_answer_object(a, a->root, key);
    for (unsigned i = 0; name_of(i); i++)
        ds_answer_set(a, o, name_of(i), ds_answer_count(values[i]));
}

static void write_sources(struct answer *a, json_t *o, const struct ds_totals *t, uint64_t peak,
                          const struct ds_estimate *estimate)
{
    const struct ds_figures f = {
        .sources = t->sources_exact ? peak : (uint64_t)llround(estimate->count),
        .sources_peak = peak,
        .sources_error = estimate->count > 0 ? estimate->error / estimate->count : 0,
        .sources_exact = t->sources_exact,
        .sources_estimated = t->sources_estimated,
    };
    ds_answer_unique(a, o, &f, true);
}

static void write_classes(struct answer *a, const struct ds_totals *t)
{
    json_t *o = ds_answer_object(a, a->root, "classes");
    for (unsigned i = 0; i < DS_CLASS_COUNT; i++) {
        const struct ds_tally *tally = &t->sum.classes[i];
        json_t *cls = ds_answer_object(a, o, ds_class_name(i));
        ds_answer_set(a, cls, "packets", ds_answer_count(tally->packets));
        ds_answer_set(a, cls, "bytes", ds_answer_count(tally->bytes));
        write_sources(a, cls, t, tally->sources, &t->classes[i]);
    }
}

static void write_protocols(struct answer *a, const uint64_t protocols[static 256])
{
    json_t *o = ds_answer_object(a, a->root, "protocols");
    for (unsigned i = 0; i < 256; i++) {
        char number[4];
        snprintf(number, sizeof number, "%u", i & 0xff);
        if (protocols[i] > 0)
            ds_answer_set(a, o, number, ds_answer_count(protocols[i]));
    }
}

static void write_figures(struct answer *a, const struct ds_totals *t)
{
    const struct ds_window *w = &t->sum;
    write_named(a, "packets", ds_book_name, w->books);
    write_named(a, "malformed", ds_malformed_name, w->malformed);
    write_named(a, "overflow", ds_overflow_name, w->overflow);
    ds_answer_set(a, a->root, "bytes", ds_answer_count(w->bytes));
    write_sources(a, a->root, t, w->sources, &t->sources);
    write_named(a, "types", ds_type_name, w->types);
    write_classes(a, t);
    write_protocols(a, w->protocols);
}

/* Nobody watched: no figure is 0. */
static void write_nothing(struct answer *a)
{
    static const char *const keys[] = {"packets", "malformed",     "overflow",     "bytes",
                                       "sources", "sources_error", "sources_peak", "types",
                                       "classes", "protocols"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        ds_answer_set(a, a->root, keys[i], json_null());
}

static void write_about(struct answer *a, const struct ds_totals *t)
{
    ds_answer_set(a, a->root, "sensors", ds_answer_count(t->sensors));
    ds_answer_set(a, a->root, "windows", ds_answer_count(t->windows));
    ds_answer_set(a, a->root, "split_windows", ds_answer_count(t->split));
    ds_answer_set(a, a->root, "addresses",
                  t->sum.addresses_known ? ds_answer_count(t->sum.addresses) : json_null());
    json_t *dbs = ds_answer_array(a, a->root, "country_dbs");
    for (size_t i = 0; i < t->country_db_count; i++)
        ds_answer_append(a, dbs, ds_answer_text(t->country_dbs[i]));
    ds_answer_coverage(a, a->root, t->observed_ns, t->sensors, a->range.to_s - a->range.from_s);
}

int ds_answer_summary(struct answer *a, struct ds_error *err)
{
    static const enum ds_by tables[] = {DS_BY_PORT, DS_BY_COUNTRY, DS_BY_DEVICE, DS_BY_SIGNATURE};
    struct ds_totals totals;
    if (ds_check_cost(a, 1, DS_QUERY_COST_MAX, err) < 0 ||
        a->store->ops->totals(a->store, &a->range, &totals, err) < 0)
        return -1;
    ds_answer_head(a);
    write_about(a, &totals);
    if (totals.windows > 0)
        write_figures(a, &totals);
    else
        write_nothing(a);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        if (ds_answer_top_rows(a, ds_by_name(tables[i]), tables[i], err) < 0)
            return -1;
    return 0;
}
