/* SPDX-License-Identifier: Apache-2.0 */
#include "gather.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int add_point(void *arg, const struct ds_point *point)
{
    struct days *d = arg;
    d->points[point->bucket] = *point;
    return 0;
}

struct wanted_days report_days(const struct report *r, enum hosts hosts)
{
    return (struct wanted_days){.edges_s = r->edges_s, .count = r->day_count, .hosts = hosts};
}

int report_days_read(struct report *r, const struct wanted_days *days,
                     const struct ds_filter *filter, struct days *out, struct ds_error *err)
{
    const struct ds_buckets buckets = {.edges_s = days->edges_s, .count = days->count};
    struct ds_filter of = *filter;
    of.without_sources = of.without_sources || days->hosts == WITHOUT_HOSTS;
    of.with_active = days->with_active;
    *out = (struct days){.edges_s = days->edges_s, .count = days->count};
    out->points = calloc(days->count, sizeof *out->points);
    if (!out->points)
        return ds_error(err, DS_FAILURE, "out of memory");
    int result = r->store->ops->series(r->store, &buckets, &of, add_point, out, err);
    if (result < 0)
        report_days_finish(out);
    return result;
}

void report_days_finish(struct days *d)
{
    free(d->points);
    d->points = NULL;
}

int report_whole_read(struct report *r, const struct ds_filter *filter, struct ds_point *out,
                      struct ds_error *err)
{
    const int64_t edges_s[] = {r->range.from_s, r->range.to_s};
    const struct wanted_days days = {.edges_s = edges_s, .count = 1, .hosts = WITH_HOSTS};
    struct days whole;
    if (report_days_read(r, &days, filter, &whole, err) < 0)
        return -1;
    *out = whole.points[0];
    report_days_finish(&whole);
    return 0;
}

static int add_row(void *arg, const struct ds_top_row *row)
{
    struct top *t = arg;
    if (t->count == t->room) {
        size_t more = t->room ? 2 * t->room : 256;
        void *larger = realloc(t->rows, more * sizeof *t->rows);
        if (!larger)
            return -1;
        t->rows = larger;
        t->room = more;
    }
    t->rows[t->count++] = *row;
    return 0;
}

static int read_top(struct report *r, const struct ds_top *top, struct top *out,
                    struct ds_error *err)
{
    *out = (struct top){0};
    ds_error(err, DS_FAILURE, "out of memory"); /* what it means where add_row ends the walk */
    if (r->store->ops->top(r->store, top, add_row, out, &out->total, err) == 0)
        return 0;
    report_top_finish(out);
    return -1;
}

int report_top_read(struct report *r, const struct wanted_top *wanted, struct top *out,
                    struct ds_error *err)
{
    struct ds_filter of = *wanted->filter;
    const struct ds_top top = {.range = *wanted->range,
                               .filter = &of,
                               .by = wanted->by,
                               .limit = UINT64_MAX,
                               .estimated = wanted->rows};
    of.without_sources = wanted->hosts == WITHOUT_HOSTS;
    of.takes_floors = true;
    return read_top(r, &top, out, err);
}

int report_top_read_hosts(struct report *r, const struct wanted_top *wanted, struct top *out,
                          struct ds_error *err)
{
    const struct ds_top top = {.range = *wanted->range,
                               .filter = wanted->filter,
                               .by = wanted->by,
                               .limit = UINT64_MAX,
                               .order = DS_ORDER_SOURCES,
                               .estimated = REPORT_CANDIDATES};
    return read_top(r, &top, out, err);
}

void report_top_finish(struct top *t)
{
    free(t->rows);
    *t = (struct top){0};
}

double report_expected_s(const struct report *r, const struct ds_range *range, uint64_t sensors)
{
    int64_t to_s = range->to_s < r->now_s ? range->to_s : r->now_s;
    return (double)sensors * (double)(to_s - range->from_s);
}

json_t *report_coverage(const struct report *r, const struct ds_range *range, uint64_t sensors,
                        uint64_t observed_ns)
{
    double observed_s = (double)observed_ns / 1e9;
    double expected_s = report_expected_s(r, range, sensors);
    return json_real(observed_s < expected_s ? observed_s / expected_s : observed_ns > 0);
}

bool report_year_before(const struct report *r, struct ds_range *out)
{
    struct ds_totals totals;
    struct ds_error ignored;
    *out = (struct ds_range){0};
    if (!report_period_range(&r->options->period, r->calendar, 1, &out->from_s, &out->to_s))
        return false;
    /* Of a year in progress, as much of the year before. */
    int64_t length_s = r->range.to_s - r->range.from_s;
    if (out->to_s - out->from_s > length_s + 2 * INT64_C(86400))
        out->to_s = ds_calendar_floor(r->calendar, (struct ds_stride){DS_UNIT_DAY, 1},
                                      out->from_s + length_s);
    return out->from_s < out->to_s &&
           r->store->ops->totals(r->store, out, &totals, &ignored) == 0 && totals.windows > 0;
}

const char *report_service(uint8_t proto, uint16_t port, char out[static REPORT_SERVICE])
{
    char name[8];
    ds_proto_name(proto, name);
    if (proto == DS_PROTO_ICMP || proto == DS_PROTO_ICMP6)
        snprintf(out, REPORT_SERVICE, "%u/%u/%s", port >> 8, port & 0xff, name);
    else if (proto == DS_PROTO_TCP || proto == DS_PROTO_UDP)
        snprintf(out, REPORT_SERVICE, "%u/%s", port, name);
    else
        snprintf(out, REPORT_SERVICE, "%s", name);
    return out;
}

struct per_address report_per_address(const struct days *d)
{
    struct per_address p = {.monitored_known = true, .certainty = DS_ACTIVE_EXACT};
    double active = 0;
    for (size_t i = 0; i < d->count; i++) {
        const struct ds_point *day = &d->points[i];
        double packets = (double)day->figures.packets;
        if (day->windows == 0)
            continue;
        p.days_watched++;
        p.packets += day->figures.packets;
        active += (double)day->active_addresses;
        p.certainty = day->active_certainty < p.certainty ? day->active_certainty : p.certainty;
        p.error = day->active_error > p.error ? day->active_error : p.error;
        if (day->active_addresses > 0)
            p.by_active += packets / (double)day->active_addresses;
        if (day->addresses > 0)
            p.by_monitored += packets / (double)day->addresses;
        else if (day->figures.packets > 0)
            p.monitored_known = false;
    }
    p.mean_active = p.days_watched ? active / (double)p.days_watched : 0;
    return p;
}

enum report_certainty report_certainty_of(enum ds_active active, bool falls)
{
    if (active == DS_ACTIVE_AT_LEAST)
        return falls ? CERTAIN_UPPER : CERTAIN_LOWER;
    return active == DS_ACTIVE_EXACT ? CERTAIN_EXACT : CERTAIN_ESTIMATED;
}

int64_t *report_month_edges(const struct report *r, size_t *count)
{
    const struct ds_stride month = {DS_UNIT_MONTH, 1};
    size_t most = (size_t)((r->range.to_s - r->range.from_s) / (28 * INT64_C(86400))) + 3;
    int64_t *edges = calloc(most, sizeof *edges);
    if (!edges)
        return NULL;
    size_t n = 0;
    edges[0] = r->range.from_s;
    while (edges[n] < r->range.to_s && n + 2 < most) {
        int64_t next = ds_calendar_next(r->calendar, month, edges[n]);
        edges[++n] = next < r->range.to_s ? next : r->range.to_s;
    }
    *count = n;
    return edges;
}
