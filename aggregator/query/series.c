/* SPDX-License-Identifier: Apache-2.0
 *
 * A series: one point a step over the whole period, also where there is no window, so that a gap
 * is seen and not drawn over.
 */
#include "answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct series {
    struct answer *answer;
    json_t *points;
    struct ds_figures kept; /* has_ flags alone: the figures of a gap */
    int64_t step_s;
    int64_t next_s; /* start of the next point to write */
    uint64_t sensors;
    uint64_t packets, bytes; /* sums */
};

static void write_point(struct series *s, int64_t start_s, uint64_t observed_ns,
                        const struct ds_figures *figures, bool watched)
{
    struct answer *a = s->answer;
    json_t *point = json_object();
    ds_answer_set(a, point, "start", ds_answer_time(start_s));
    ds_answer_figures(a, point, figures, watched);
    ds_answer_coverage(a, point, observed_ns, s->sensors, s->step_s);
    ds_answer_append(a, s->points, point);
}

static void write_gap(struct series *s, int64_t until_s)
{
    for (; s->next_s < until_s; s->next_s += s->step_s)
        write_point(s, s->next_s, 0, &s->kept, false);
}

static int each_point(void *arg, const struct ds_point *point)
{
    struct series *s = arg;
    write_gap(s, point->start_s);
    /* A window whose sensor saw nothing of it (observed 0) is no observation. */
    bool watched = point->observed_ns > 0 || point->figures.packets > 0;
    write_point(s, point->start_s, point->observed_ns, &point->figures, watched);
    s->next_s = point->start_s + s->step_s;
    s->packets += point->figures.packets;
    s->bytes += point->figures.bytes;
    return 0;
}

static int64_t align_down(int64_t value, int64_t step)
{
    return value - value % step;
}

static int64_t align_up(int64_t value, int64_t step)
{
    return align_down(value + step - 1, step);
}

static int64_t points_of(const struct ds_range *range, int64_t step_s)
{
    return (align_up(range->to_s, step_s) - align_down(range->from_s, step_s)) / step_s;
}

/* The finest usual step that keeps the answer small. */
static int64_t automatic_step(const struct answer *a)
{
    const int64_t steps[] = {a->grid_s, 60, 300, 3600, 86400};
    int64_t step = a->grid_s;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (steps[i] < step || steps[i] % a->grid_s != 0)
            continue;
        step = steps[i];
        if (points_of(&a->range, step) <= DS_QUERY_POINTS_AUTO)
            break;
    }
    return step;
}

/* A series of zeros would hide a mistyped name. */
static int check_signature(const struct series *s, struct ds_error *err)
{
    const struct ds_filter *f = &s->answer->query->filter;
    if (!f->has_signature || s->packets > 0)
        return 0;
    char known[DS_SIGNATURE_COUNT * (DS_SIGNATURE_ID_MAX + 3)];
    size_t used = 0;
    for (unsigned i = 0; i < DS_SIGNATURE_COUNT; i++) {
        if (strcmp(f->signature, ds_signature_name(i)) == 0)
            return 0;
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "",
                                 ds_signature_name(i));
    }
    return ds_error(err, DS_INPUT, "no packet with a signature %s in this time; built in are %s",
                    f->signature, known);
}

static int choose_step(const struct answer *a, int64_t *step_s, struct ds_error *err)
{
    int64_t step = a->query->step_s;
    if (step == DS_QUERY_STEP_WINDOW)
        step = a->grid_s;
    else if (step == 0)
        step = automatic_step(a);
    if (step % a->grid_s != 0)
        return ds_error(err, DS_USAGE,
                        "step %" PRId64 " s does not fit the stored windows: take a multiple of "
                        "%" PRId64 " s, or step window",
                        step, a->grid_s);
    int64_t points = points_of(&a->range, step);
    if (points > DS_QUERY_POINTS_MAX)
        return ds_error(err, DS_USAGE,
                        "this gives %" PRId64 " points, at most %d are allowed: take a longer step "
                        "than %" PRId64 " s or a shorter period",
                        points, DS_QUERY_POINTS_MAX, step);
    *step_s = step;
    return 0;
}

static int walk(struct series *s, struct ds_error *err)
{
    struct answer *a = s->answer;
    const size_t count = (size_t)points_of(&a->range, s->step_s);
    int64_t *edges_s = calloc(count + 1, sizeof *edges_s);
    if (!edges_s)
        return ds_error(err, DS_FAILURE, "out of memory");
    for (size_t i = 0; i <= count; i++)
        edges_s[i] = a->range.from_s + (int64_t)i * s->step_s;
    const struct ds_buckets buckets = {edges_s, count, a->range.sensor};
    int result = a->store->ops->series(a->store, &buckets, &a->query->filter, each_point, s, err);
    free(edges_s);
    return result;
}

int ds_answer_series(struct answer *a, struct ds_error *err)
{
    struct series s = {.answer = a, .kept = ds_store_kept(&a->query->filter)};
    struct ds_totals totals;
    if (choose_step(a, &s.step_s, err) < 0)
        return -1;
    a->range.from_s = align_down(a->range.from_s, s.step_s);
    a->range.to_s = align_up(a->range.to_s, s.step_s);
    if (a->store->ops->totals(a->store, &a->range, &totals, err) < 0)
        return -1;
    ds_answer_head(a);
    ds_answer_set(a, a->root, "step", json_integer(s.step_s));
    ds_answer_set(a, a->root, "sensors", ds_answer_count(totals.sensors));
    s.points = ds_answer_array(a, a->root, "points");
    s.next_s = a->range.from_s;
    s.sensors = totals.sensors;
    if (walk(&s, err) < 0 || check_signature(&s, err) < 0)
        return -1;
    write_gap(&s, a->range.to_s);
    json_t *total = ds_answer_object(a, a->root, "total");
    bool watched = totals.windows > 0;
    ds_answer_set(a, total, "packets", watched ? ds_answer_count(s.packets) : json_null());
    if (s.kept.has_bytes)
        ds_answer_set(a, total, "bytes", watched ? ds_answer_count(s.bytes) : json_null());
    ds_answer_coverage(a, total, totals.observed_ns, totals.sensors,
                       a->range.to_s - a->range.from_s);
    return 0;
}
