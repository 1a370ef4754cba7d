/* SPDX-License-Identifier: Apache-2.0
 *
 * A series: one point a step over the whole period, also where there is no window, so that a gap
 * is seen and not drawn over. Several ports are several series, one behind the other; beside each
 * point may stand that of another period.
 */
#include "steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POINTS_AT_ONCE 16384 /* more than a year of hours */

/* A point of the period that is compared with. */
struct before {
    uint64_t packets;
    double observed_ns;
    bool is_watched;
};

struct series {
    struct answer *answer;
    struct ds_filter filter; /* of the one that is walked now */
    struct ds_figures kept;  /* has_ flags alone: the figures of a gap */
    struct steps steps;
    size_t first; /* point of the part that is walked now */
    size_t next;  /* point to write */
    uint64_t sensors;
    struct ds_figures sum; /* of one series */
    struct steps before_steps;
    struct before *before; /* NULL: nothing is compared */
    uint64_t before_sensors;
};

/* A window whose sensor saw nothing of it (observed 0) is no observation. */
static bool is_watched(const struct ds_point *point)
{
    return point->observed_ns > 0 || point->figures.packets > 0;
}

static json_t *change(uint64_t now, uint64_t before)
{
    return before > 0 ? json_real((double)now / (double)before - 1) : json_null();
}

static void write_before(struct series *s, json_t *row, size_t i, const struct ds_figures *now,
                         bool watched)
{
    struct answer *a = s->answer;
    const struct before *b = &s->before[i];
    const int64_t *edges_s = s->before_steps.edges_s;
    double whole_ns = (double)s->before_sensors * (double)(edges_s[i + 1] - edges_s[i]) * NS_PER_S;
    bool both = b->is_watched && watched;
    ds_answer_set(a, row, "before_start", ds_answer_time(a, edges_s[i]));
    ds_answer_set(a, row, "before_packets",
                  b->is_watched ? ds_answer_count(b->packets) : json_null());
    ds_answer_set(a, row, "before_coverage",
                  json_real(whole_ns > 0 ? b->observed_ns / whole_ns : 0));
    ds_answer_set(a, row, "change", both ? change(now->packets, b->packets) : json_null());
}

static int write_point(struct series *s, size_t i, uint64_t observed_ns,
                       const struct ds_figures *figures, bool watched)
{
    struct answer *a = s->answer;
    const int64_t *edges_s = s->steps.edges_s;
    json_t *row = json_object();
    ds_answer_set(a, row, "start", ds_answer_time(a, edges_s[i]));
    if (a->query->port_count > 1)
        ds_answer_port(a, row, s->filter.proto, s->filter.port);
    ds_answer_figures(a, row, figures, watched);
    ds_answer_coverage(a, row, observed_ns, s->sensors, edges_s[i + 1] - edges_s[i]);
    if (s->before)
        write_before(s, row, i, figures, watched);
    return ds_answer_row(a, row);
}

static int write_gap(struct series *s, size_t until)
{
    for (; s->next < until; s->next++)
        if (write_point(s, s->next, 0, &s->kept, false) < 0)
            return -1;
    return 0;
}

static int each_point(void *arg, const struct ds_point *point)
{
    struct series *s = arg;
    size_t i = s->first + point->bucket;
    if (write_gap(s, i) < 0 ||
        write_point(s, i, point->observed_ns, &point->figures, is_watched(point)) < 0)
        return -1;
    s->next = i + 1;
    s->sum.is_floor = s->sum.is_floor || point->figures.is_floor;
    s->sum.packets += point->figures.packets;
    s->sum.bytes += point->figures.bytes;
    s->sum.survey_packets += point->figures.survey_packets;
    return 0;
}

static int each_before(void *arg, const struct ds_point *point)
{
    struct series *s = arg;
    s->before[s->first + point->bucket] = (struct before){.packets = point->figures.packets,
                                                          .observed_ns = (double)point->observed_ns,
                                                          .is_watched = is_watched(point)};
    return 0;
}

/* The store keeps something of each point that it is asked for: they are asked for in parts. None
 * is of one point, which would be estimated where short steps are not. */
static int walk(struct series *s, const struct steps *steps, ds_point_fn *each,
                struct ds_error *err)
{
    struct answer *a = s->answer;
    size_t count;
    int result = 0;
    for (s->first = 0; s->first < steps->count && result == 0; s->first += count) {
        size_t left = steps->count - s->first;
        count = left <= POINTS_AT_ONCE ? left : POINTS_AT_ONCE - (left == POINTS_AT_ONCE + 1);
        const struct ds_buckets part = {
            .edges_s = steps->edges_s + s->first, .count = count, .sensor = a->range.sensor};
        result = a->store->ops->series(a->store, &part, &s->filter, each, s, err);
    }
    return result;
}

/* ---- unique sources of the whole ---- */

static int take_sources(void *arg, const struct ds_point *point)
{
    struct ds_figures *sum = arg;
    const struct ds_figures *f = &point->figures;
    sum->sources = f->sources;
    sum->sources_peak = f->sources_peak;
    sum->sources_exact = f->sources_exact;
    sum->sources_estimated = f->sources_estimated;
    sum->sources_error = f->sources_error;
    return 0;
}

/* They do not add: the store is asked for the period as one step. */
static int sum_sources(struct series *s, struct ds_error *err)
{
    struct answer *a = s->answer;
    const int64_t edges_s[] = {a->range.from_s, a->range.to_s};
    const struct ds_buckets buckets = {edges_s, 1, a->range.sensor};
    if (!s->kept.has_sources && !a->has_estimates)
        return 0;
    return a->store->ops->series(a->store, &buckets, &s->filter, take_sources, &s->sum, err);
}

static int write_sum(struct series *s, const struct ds_totals *totals, json_t *to,
                     struct ds_error *err)
{
    struct answer *a = s->answer;
    if (sum_sources(s, err) < 0)
        return -1;
    ds_answer_figures(a, to, &s->sum, totals->windows > 0);
    ds_answer_coverage(a, to, totals->observed_ns, totals->sensors,
                       a->range.to_s - a->range.from_s);
    return 0;
}

/* ---- the answer ---- */

static int no_row(void *arg, const struct ds_seen_row *row)
{
    *(bool *)arg = true;
    return 0;
}

/* A series of zeros would hide a mistyped name. */
int ds_answer_check_signature(const struct answer *a, struct ds_error *err)
{
    const struct ds_filter *f = &a->filter;
    if (!f->has_signature)
        return 0;
    char known[DS_SIGNATURE_COUNT * (DS_SIGNATURE_ID_MAX + 3)];
    size_t used = 0;
    bool is_seen = false;
    for (unsigned i = 0; i < DS_SIGNATURE_COUNT; i++) {
        if (strcmp(f->signature, ds_signature_name(i)) == 0)
            return 0;
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "",
                                 ds_signature_name(i));
    }
    const struct ds_seen seen = {{0, DS_STORE_TIME_MAX, a->range.sensor}, f, DS_BY_SIGNATURE, 1};
    if (a->store->ops->first_seen(a->store, &seen, no_row, &is_seen, err) < 0)
        return -1;
    return is_seen ? 0
                   : ds_error(err, DS_INPUT, "no packet had a signature %s yet; built in are %s",
                              f->signature, known);
}

/* The steps of the question, and as many of the period that it is compared with. */
static int prepare(struct series *s, struct ds_error *err)
{
    struct answer *a = s->answer;
    const struct ds_query *q = a->query;
    size_t series = q->port_count > 1 ? q->port_count : 1;
    bool is_compared = q->compare != DS_QUERY_COMPARE_NONE;
    size_t most = a->printer && !is_compared ? DS_QUERY_POINTS_PRINTED_MAX : DS_QUERY_POINTS_MAX;
    struct ds_stride step = ds_steps_choose(a);
    if (ds_check_cost(a, series * (1 + is_compared), DS_QUERY_COST_MAX, err) < 0 ||
        ds_steps_cut(a, step, &a->range, 0, most / series, &s->steps, err) < 0)
        return -1;
    a->range.from_s = s->steps.edges_s[0];
    a->range.to_s = s->steps.edges_s[s->steps.count];
    if (!is_compared)
        return 0;
    if (q->compare == DS_QUERY_COMPARE_PREVIOUS)
        a->before.from_s = ds_steps_before(a, &s->steps);
    if (ds_steps_cut(a, step, &a->before, s->steps.count, s->steps.count, &s->before_steps, err) <
        0)
        return -1;
    a->before.from_s = s->before_steps.edges_s[0];
    a->before.to_s = s->before_steps.edges_s[s->steps.count];
    s->before = calloc(s->steps.count, sizeof *s->before);
    return s->before ? 0 : ds_error(err, DS_FAILURE, "out of memory");
}

static void write_step(struct answer *a, const struct steps *steps)
{
    char text[STEP_TEXT];
    int64_t step_s = steps->edges_s[1] - steps->edges_s[0];
    bool is_even = true;
    for (size_t i = 0; i < steps->count && is_even; i++)
        is_even = steps->edges_s[i + 1] - steps->edges_s[i] == step_s;
    ds_answer_set(a, a->root, "step", json_string(ds_step_print(steps->step, text)));
    ds_answer_set(a, a->root, "step_seconds", is_even ? json_integer(step_s) : json_null());
}

static int each_series(struct series *s, json_t *to, const struct ds_totals *totals,
                       struct ds_error *err)
{
    s->next = 0;
    s->sum = s->kept = ds_store_kept(&s->filter);
    s->answer->has_estimates = ds_store_estimates(&s->filter);
    if (s->before) {
        memset(s->before, 0, s->steps.count * sizeof *s->before);
        if (walk(s, &s->before_steps, each_before, err) < 0)
            return -1;
    }
    if (walk(s, &s->steps, each_point, err) < 0 || write_gap(s, s->steps.count) < 0)
        return -1;
    return write_sum(s, totals, to, err);
}

/* One series, or one of each port. */
static int write_all(struct series *s, const struct ds_totals *totals, struct ds_error *err)
{
    struct answer *a = s->answer;
    size_t ports = a->query->port_count;
    json_t *sums = ports > 1 ? json_array() : json_object();
    int result = 0;
    s->filter = a->filter;
    ds_answer_begin_rows(a, "points");
    if (ports < 2)
        result = each_series(s, sums, totals, err);
    for (size_t i = 0; ports > 1 && i < ports && result == 0; i++) {
        json_t *sum = json_object();
        s->filter.has_proto = s->filter.has_port = true;
        s->filter.proto = (uint8_t)a->ports[i].proto;
        s->filter.port = a->ports[i].port;
        ds_answer_port(a, sum, s->filter.proto, s->filter.port);
        result = each_series(s, sum, totals, err);
        ds_answer_append(a, sums, sum);
    }
    ds_answer_end_rows(a);
    ds_answer_set(a, a->root, ports > 1 ? "totals" : "total", sums);
    return result;
}

int ds_answer_series(struct answer *a, struct ds_error *err)
{
    struct series s = {.answer = a};
    struct ds_totals totals, before;
    int result = prepare(&s, err);
    if (result == 0)
        result = a->store->ops->totals(a->store, &a->range, &totals, err);
    if (result == 0)
        result = ds_answer_check_signature(a, err);
    if (result == 0) {
        s.sensors = totals.sensors;
        ds_answer_head(a);
        write_step(a, &s.steps);
        ds_answer_set(a, a->root, "sensors", ds_answer_count(totals.sensors));
        result = ds_answer_compare(a, &before, err);
        s.before_sensors = before.sensors;
    }
    if (result == 0)
        result = write_all(&s, &totals, err);
    ds_steps_finish(&s.steps);
    ds_steps_finish(&s.before_steps);
    free(s.before);
    return result;
}
