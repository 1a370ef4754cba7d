/* SPDX-License-Identifier: Apache-2.0
 *
 * Running a question: do its parts go together, which sensors and which period does it mean, who
 * answers it.
 */
#include "answer.h"

#include "darkscope/text.h"

#include <stdio.h>
#include <string.h>

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

static int add_sensor(void *arg, const struct ds_sensor_row *row)
{
    struct extent *e = arg;
    if (e->known_used + strlen(row->name) + 3 < sizeof e->known)
        e->known_used += (size_t)snprintf(e->known + e->known_used, sizeof e->known - e->known_used,
                                          "%s%s", e->known_used ? ", " : "", row->name);
    bool wanted = !e->wanted || strcmp(e->wanted, row->name) == 0;
    if (!wanted || row->windows == 0)
        return 0;
    uint32_t grid_s = row->grid_s >= 1 && row->grid_s <= DS_WINDOW_SECONDS_MAX
                          ? row->grid_s
                          : DS_WINDOW_SECONDS_MAX;
    if (e->sensors == 0 || row->first_s < e->first_s)
        e->first_s = row->first_s;
    if (e->sensors == 0 || row->end_s > e->end_s)
        e->end_s = row->end_s;
    e->grid_s = e->sensors == 0 ? grid_s : common_multiple(e->grid_s, grid_s);
    e->sensors++;
    return 0;
}

static int find_period(struct answer *a, struct ds_error *err)
{
    const struct ds_query *q = a->query;
    struct extent e = {.wanted = q->sensor[0] ? q->sensor : NULL};
    if (a->store->ops->sensors(a->store, add_sensor, &e, err) < 0)
        return -1;
    if (e.known_used == 0)
        return ds_error(err, DS_INPUT, "the store has no window yet; has a sensor connected?");
    if (e.sensors == 0)
        return ds_error(err, DS_INPUT, "no sensor %s in the store; there are: %s", q->sensor,
                        e.known);
    a->grid_s = e.grid_s;
    a->range = (struct ds_range){
        .from_s = ds_query_given(q, "from") ? q->from_s : e.first_s,
        .to_s = ds_query_given(q, "to") ? q->to_s : e.end_s,
        .sensor = e.wanted,
    };
    if (a->range.from_s < a->range.to_s || q->kind == DS_QUERY_WINDOW)
        return 0;
    char from[DS_TIME_TEXT], to[DS_TIME_TEXT];
    return ds_error(err, DS_USAGE, "from (%s) must be before to (%s)%s",
                    ds_time_print(a->range.from_s, from), ds_time_print(a->range.to_s, to),
                    ds_query_given(q, "from") && ds_query_given(q, "to")
                        ? ""
                        : "; the one not given is where the stored windows start or end");
}

static int check_filter(const struct ds_query *q, struct ds_error *err)
{
    const struct ds_filter *f = &q->filter;
    bool cells = f->has_class || f->has_proto || f->has_port || f->has_country ||
                 f->survey != DS_SURVEY_PART_ALL;
    if (f->has_port && !f->has_proto)
        return ds_error(err, DS_USAGE, "port %u of which protocol? write %u/tcp or %u/udp", f->port,
                        f->port, f->port);
    if (f->has_type + f->has_signature + cells > 1)
        return ds_error(err, DS_USAGE,
                        "type and signature stand alone: they are not kept by port, protocol, "
                        "country, class or survey");
    if (q->kind == DS_QUERY_TOP && cells &&
        (q->by == DS_BY_TYPE || q->by == DS_BY_PROTOCOL || q->by == DS_BY_SIGNATURE))
        return ds_error(err, DS_USAGE,
                        "%s are not kept by port, protocol, country, class or survey; leave these "
                        "away",
                        ds_by_name(q->by));
    if (q->kind == DS_QUERY_TOP && q->by == DS_BY_DEVICE && (f->has_class || f->has_proto))
        return ds_error(err, DS_USAGE,
                        "devices are kept by country, not by port, protocol or class; leave these "
                        "away");
    if (q->kind == DS_QUERY_WINDOW && !ds_query_given(q, "at"))
        return ds_error(err, DS_USAGE, "window needs at: the time at which it starts");
    return 0;
}

typedef int answer_fn(struct answer *a, struct ds_error *err);

static answer_fn *const kinds[DS_QUERY_KIND_COUNT] = {
    [DS_QUERY_SERIES] = ds_answer_series,   [DS_QUERY_TOP] = ds_answer_top,
    [DS_QUERY_SUMMARY] = ds_answer_summary, [DS_QUERY_SENSORS] = ds_answer_sensors,
    [DS_QUERY_WINDOWS] = ds_answer_windows, [DS_QUERY_WINDOW] = ds_answer_window,
    [DS_QUERY_SOURCES] = ds_answer_sources, [DS_QUERY_ATTACKS] = ds_answer_attacks,
};

int ds_query_run(const struct ds_query *query, struct ds_store *store, json_t **out,
                 struct ds_error *err)
{
    struct answer a = {.query = query, .store = store, .root = json_object()};
    int result = check_filter(query, err);
    if (result == 0 && query->kind != DS_QUERY_SENSORS)
        result = find_period(&a, err);
    if (result == 0)
        result = kinds[query->kind](&a, err);
    if (result == 0 && (a.failed || !a.root))
        result = ds_error(err, DS_FAILURE, "out of memory");
    if (result != 0) {
        json_decref(a.root);
        return -1;
    }
    *out = a.root;
    return 0;
}
