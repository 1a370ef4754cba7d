/* SPDX-License-Identifier: Apache-2.0
 *
 * Which time and which sensors a question means, what it is compared with, and whether that is too
 * much to read.
 */
#include "answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* What the catalogue says about the sensors asked for. */
struct extent {
    const char *wanted; /* NULL: all */
    size_t sensors;     /* found */
    int64_t first_s, end_s, grid_s;
    char known[256]; /* names, for the error text */
    size_t known_used;
};

static int64_t common_multiple(int64_t a, int64_t b)
{
    int64_t x = a, y = b;
    while (y != 0) {
        int64_t rest = x % y;
        x = y;
        y = rest;
    }
    return a / x * b;
}

static bool is_asked_for(const char *wanted, const struct ds_sensor_row *row)
{
    return (!wanted || strcmp(wanted, row->name) == 0) && row->windows > 0;
}

static int64_t grid_of(const struct ds_sensor_row *row)
{
    return row->grid_s >= 1 && row->grid_s <= DS_WINDOW_SECONDS_MAX ? row->grid_s
                                                                    : DS_WINDOW_SECONDS_MAX;
}

static int add_sensor(void *arg, const struct ds_sensor_row *row)
{
    struct extent *e = arg;
    if (e->known_used + strlen(row->name) + 3 < sizeof e->known)
        e->known_used += (size_t)snprintf(e->known + e->known_used, sizeof e->known - e->known_used,
                                          "%s%s", e->known_used ? ", " : "", row->name);
    if (!is_asked_for(e->wanted, row))
        return 0;
    if (e->sensors == 0 || row->first_s < e->first_s)
        e->first_s = row->first_s;
    if (e->sensors == 0 || row->end_s > e->end_s)
        e->end_s = row->end_s;
    e->grid_s = e->sensors == 0 ? grid_of(row) : common_multiple(e->grid_s, grid_of(row));
    e->sensors++;
    return 0;
}

static int find_sensors(struct answer *a, struct extent *e, struct ds_error *err)
{
    e->wanted = ds_query_value(a->query, "sensor");
    if (a->store->ops->sensors(a->store, add_sensor, e, err) < 0)
        return -1;
    if (e->known_used == 0)
        return ds_error(err, DS_INPUT, "the store has no window yet; has a sensor connected?");
    if (e->sensors == 0)
        return ds_error(err, DS_INPUT, "no sensor %s in the store; there are: %s",
                        e->wanted ? e->wanted : "with windows", e->known);
    a->grid_s = e->grid_s;
    return 0;
}

/* ---- the period ---- */

static int64_t utc_of(const struct answer *a, struct ds_query_time time)
{
    return time.is_utc ? time.seconds : ds_calendar_utc(a->calendar, time.seconds);
}

static int64_t local_of(const struct answer *a, int64_t utc_s)
{
    return utc_s + ds_calendar_offset_s(a->calendar, utc_s);
}

static int64_t year_before(const struct answer *a, int64_t utc_s)
{
    time_t local = local_of(a, utc_s);
    struct tm tm = {0};
    gmtime_r(&local, &tm);
    tm.tm_year--; /* 29 February becomes 1 March */
    return ds_calendar_utc(a->calendar, timegm(&tm));
}

/* By the zone's clocks, so that days before the change of the clocks go with those after it. */
static struct ds_range earlier(const struct answer *a)
{
    const struct ds_query *q = a->query;
    const struct ds_range *r = &a->range;
    struct ds_range before = {.sensor = r->sensor};
    int64_t length_s = local_of(a, r->to_s) - local_of(a, r->from_s);
    switch (q->compare) {
    case DS_QUERY_COMPARE_NONE:
        break;
    case DS_QUERY_COMPARE_PREVIOUS:
        before.from_s = ds_calendar_utc(a->calendar, local_of(a, r->from_s) - length_s);
        before.to_s = r->from_s;
        break;
    case DS_QUERY_COMPARE_YEAR_AGO:
        before.from_s = year_before(a, r->from_s);
        before.to_s = year_before(a, r->to_s);
        break;
    case DS_QUERY_COMPARE_PERIOD:
        before.from_s = utc_of(a, q->compare_from);
        before.to_s = utc_of(a, q->compare_to);
        break;
    }
    return before;
}

static int check_period(const struct answer *a, struct ds_error *err)
{
    const struct ds_query *q = a->query;
    char from[DS_TIME_TEXT], to[DS_TIME_TEXT];
    if (a->range.from_s >= a->range.to_s)
        return ds_error(err, DS_USAGE, "from (%s) must be before to (%s)%s",
                        ds_calendar_print(a->calendar, a->range.from_s, from),
                        ds_calendar_print(a->calendar, a->range.to_s, to),
                        ds_query_value(q, "from") && ds_query_value(q, "to")
                            ? ""
                            : "; the one not given is where the stored windows start or end");
    if (q->compare != DS_QUERY_COMPARE_NONE && a->before.from_s >= a->before.to_s)
        return ds_error(err, DS_USAGE, "compare: %s must be before %s",
                        ds_calendar_print(a->calendar, a->before.from_s, from),
                        ds_calendar_print(a->calendar, a->before.to_s, to));
    return 0;
}

/* ---- what it costs ---- */

struct count {
    const struct ds_range *range;
    uint64_t windows;
};

static int count_windows(void *arg, const struct ds_sensor_row *row)
{
    struct count *c = arg;
    const struct ds_range *r = c->range;
    int64_t from_s = row->first_s > r->from_s ? row->first_s : r->from_s;
    int64_t to_s = row->end_s < r->to_s ? row->end_s : r->to_s;
    if (!is_asked_for(r->sensor, row) || from_s >= to_s)
        return 0;
    uint64_t most = (uint64_t)((to_s - from_s) / grid_of(row)) + 1;
    c->windows += most < row->windows ? most : row->windows; /* one may be of another century */
    return 0;
}

int ds_check_cost(const struct answer *a, uint64_t series, uint64_t cost, struct ds_error *err)
{
    if (a->windows_most <= cost / series)
        return 0;
    return ds_error(err, DS_USAGE,
                    "this reads up to %" PRIu64 " windows, at most %" PRIu64
                    " are allowed: take a shorter period%s",
                    a->windows_most * series, cost, series > 1 ? ", or fewer series" : "");
}

int ds_find_period(struct answer *a, struct ds_error *err)
{
    const struct ds_query *q = a->query;
    const char *zone = ds_query_value(q, "tz");
    struct extent e = {0};
    if (ds_calendar_open(zone ? zone : "UTC", &a->calendar, err) < 0)
        return -1;
    if (q->kind == DS_QUERY_SENSORS)
        return 0;
    if (find_sensors(a, &e, err) < 0)
        return -1;
    a->range = (struct ds_range){
        .from_s = ds_query_value(q, "from") ? utc_of(a, q->from) : e.first_s,
        .to_s = ds_query_value(q, "to") ? utc_of(a, q->to) : e.end_s,
        .sensor = e.wanted,
    };
    a->before = earlier(a);
    struct count count = {.range = &a->range};
    if ((q->kind != DS_QUERY_WINDOW && check_period(a, err) < 0) ||
        a->store->ops->sensors(a->store, count_windows, &count, err) < 0)
        return -1;
    a->windows_most = count.windows;
    return 0;
}
