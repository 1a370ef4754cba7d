/* SPDX-License-Identifier: Apache-2.0
 *
 * Running a question: do its parts go together, who answers it.
 */
#include "print.h"

#include <stdlib.h>

/* Ports whose protocol stands beside them. */
static int settle_ports(struct answer *a, struct ds_error *err)
{
    const struct ds_query *q = a->query;
    a->filter = q->filter;
    for (size_t i = 0; i < q->port_count; i++) {
        const struct ds_query_port *port = &q->ports[i];
        if (port->proto < 0 && !q->filter.has_proto)
            return ds_error(err, DS_USAGE, "port %u of which protocol? write %u/tcp or %u/udp",
                            port->port, port->port, port->port);
        if (port->proto >= 0 && q->filter.has_proto && port->proto != q->filter.proto)
            return ds_error(err, DS_USAGE, "port and proto name different protocols");
        a->ports[i] =
            (struct ds_query_port){port->port, port->proto < 0 ? q->filter.proto : port->proto};
    }
    if (q->port_count > 1 && q->kind != DS_QUERY_SERIES && q->kind != DS_QUERY_EXPORT)
        return ds_error(err, DS_USAGE, "%s takes one port; `query` takes several",
                        ds_query_kind_name(q->kind));
    if (q->port_count == 1) {
        a->filter.has_port = a->filter.has_proto = true;
        a->filter.port = a->ports[0].port;
        a->filter.proto = (uint8_t)a->ports[0].proto;
    }
    return 0;
}

static int check_filter(const struct ds_query *q, struct ds_error *err)
{
    const struct ds_filter *f = &q->filter;
    bool cells = f->has_class || f->has_proto || q->port_count > 0 || f->has_country ||
                 f->survey != DS_SURVEY_PART_ALL;
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
    if (q->kind == DS_QUERY_TOP && q->by == DS_BY_DEVICE &&
        (f->has_class || f->has_proto || q->port_count > 0 || f->survey != DS_SURVEY_PART_ALL))
        return ds_error(err, DS_USAGE,
                        "devices are kept by country, not by port, protocol, class or survey; "
                        "leave these away");
    if (q->kind == DS_QUERY_SEEN && q->by != DS_BY_PORT && q->by != DS_BY_SIGNATURE)
        return ds_error(err, DS_USAGE, "by %s: seen tells it of ports or signatures",
                        ds_by_name(q->by));
    if (q->kind == DS_QUERY_SEEN && (q->by == DS_BY_PORT ? f->has_signature : cells))
        return ds_error(err, DS_USAGE,
                        "seen by=ports takes class, proto and port; by=signatures takes signature");
    if (q->kind == DS_QUERY_WINDOW && !ds_query_value(q, "at"))
        return ds_error(err, DS_USAGE, "window needs at: the time at which it starts");
    return 0;
}

/* Cells of a country and a port are not all kept for ever (ds_figures.is_floor). */
static bool has_floors(const struct answer *a)
{
    const struct ds_query *q = a->query;
    const struct ds_filter *f = &a->filter;
    bool is_top = q->kind == DS_QUERY_TOP;
    bool countries = f->has_country || (is_top && q->by == DS_BY_COUNTRY);
    bool ports = f->has_class || f->has_proto || q->port_count > 0 ||
                 f->survey != DS_SURVEY_PART_ALL ||
                 (is_top && (q->by == DS_BY_PORT || q->by == DS_BY_CLASS));
    return (is_top || q->kind == DS_QUERY_SERIES) && countries && ports;
}

/* The cursor of a list of rows is the number of those before it; windows have their own. */
static int read_cursor(struct answer *a, struct ds_error *err)
{
    const char *cursor = ds_query_value(a->query, "cursor");
    if (!cursor || a->query->kind == DS_QUERY_WINDOWS)
        return 0;
    char *end;
    a->skip = strtoul(cursor, &end, 10);
    if (cursor[0] < '0' || cursor[0] > '9' || *end)
        return ds_error(err, DS_USAGE, "cursor: not that of the next link of an answer");
    if (a->skip > DS_QUERY_CURSOR_MAX)
        return ds_error(err, DS_USAGE, "cursor: %d rows can be passed over: take an export",
                        DS_QUERY_CURSOR_MAX);
    return 0;
}

typedef int answer_fn(struct answer *a, struct ds_error *err);

static answer_fn *const kinds[DS_QUERY_KIND_COUNT] = {
    [DS_QUERY_SERIES] = ds_answer_series,   [DS_QUERY_TOP] = ds_answer_top,
    [DS_QUERY_SUMMARY] = ds_answer_summary, [DS_QUERY_SENSORS] = ds_answer_sensors,
    [DS_QUERY_WINDOWS] = ds_answer_windows, [DS_QUERY_WINDOW] = ds_answer_window,
    [DS_QUERY_SOURCES] = ds_answer_sources, [DS_QUERY_ATTACKS] = ds_answer_attacks,
    [DS_QUERY_SEEN] = ds_answer_seen,
};

const char *ds_answer_rows_key(enum ds_query_kind kind)
{
    static const char *const keys[DS_QUERY_KIND_COUNT] = {
        [DS_QUERY_SERIES] = "points",   [DS_QUERY_TOP] = "rows",     [DS_QUERY_SENSORS] = "sensors",
        [DS_QUERY_WINDOWS] = "windows", [DS_QUERY_SOURCES] = "rows", [DS_QUERY_ATTACKS] = "attacks",
        [DS_QUERY_SEEN] = "rows",
    };
    return keys[kind];
}

int ds_answer_prepare(struct answer *a, struct ds_error *err)
{
    if (check_filter(a->query, err) < 0 || settle_ports(a, err) < 0 || read_cursor(a, err) < 0)
        return -1;
    return ds_find_period(a, err);
}

static int run(struct answer *a, struct ds_error *err)
{
    a->root = json_object();
    int result = ds_answer_prepare(a, err);
    if (result == 0) {
        a->has_floors = has_floors(a);
        result = kinds[a->query->kind](a, err);
    }
    ds_calendar_close(a->calendar);
    a->calendar = NULL;
    if (a->failed || !a->root)
        return ds_error(err, DS_FAILURE, "out of memory");
    return result;
}

int ds_query_run(const struct ds_query *query, struct ds_store *store, json_t **out,
                 struct ds_error *err)
{
    struct answer a = {.query = query, .store = store};
    if (query->kind == DS_QUERY_EXPORT)
        return ds_error(err, DS_USAGE, "an export is printed row by row, not answered as a whole");
    if (run(&a, err) != 0) {
        json_decref(a.root);
        return -1;
    }
    *out = a.root;
    return 0;
}

int ds_query_print(const struct ds_query *query, struct ds_store *store, ds_query_write_fn *write,
                   void *arg, struct ds_error *err)
{
    struct printer printer = {
        .write = write, .arg = arg, .is_csv = query->format == DS_QUERY_FORMAT_CSV};
    struct answer a = {.query = query, .store = store, .printer = &printer};
    if (query->kind == DS_QUERY_EXPORT)
        return ds_export_print(query, store, write, arg, err);
    int result = run(&a, err);
    if (result == 0)
        ds_print_end(&a);
    json_decref(a.root);
    if (a.failed)
        return ds_error(err, DS_FAILURE, "out of memory");
    if (printer.is_stopped)
        return ds_error(err, DS_FAILURE, "the answer cannot be written");
    return result == 0 ? 0 : -1;
}

const char *ds_query_media_type(const struct ds_query *query)
{
    if (query->format == DS_QUERY_FORMAT_CSV)
        return "text/csv; charset=utf-8; header=present";
    return query->kind == DS_QUERY_EXPORT ? "application/jsonl" : "application/json";
}
