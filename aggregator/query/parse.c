/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions from name=value pairs: which names there are, which kind of question takes them, what
 * values are allowed. Errors say what is allowed.
 */
#include "export.h"
#include "values.h"

#include <stdio.h>
#include <string.h>

#define QUOTED_BYTES 41 /* of a bad value, shown in the error */

static const char *const kind_names[DS_QUERY_KIND_COUNT] = {
    [DS_QUERY_SERIES] = "query",    [DS_QUERY_TOP] = "top",         [DS_QUERY_SUMMARY] = "summary",
    [DS_QUERY_SENSORS] = "sensors", [DS_QUERY_WINDOWS] = "windows", [DS_QUERY_WINDOW] = "window",
    [DS_QUERY_SOURCES] = "sources", [DS_QUERY_ATTACKS] = "attacks", [DS_QUERY_SEEN] = "seen",
    [DS_QUERY_EXPORT] = "export",
};

const char *ds_query_kind_name(unsigned kind)
{
    return kind < DS_QUERY_KIND_COUNT ? kind_names[kind] : NULL;
}

int ds_query_kind_parse(const char *name)
{
    return ds_name_index(ds_query_kind_name, name);
}

/* ---- names ---- */

#define SERIES  (1u << DS_QUERY_SERIES)
#define TOP     (1u << DS_QUERY_TOP)
#define SUMMARY (1u << DS_QUERY_SUMMARY)
#define WINDOWS (1u << DS_QUERY_WINDOWS)
#define WINDOW  (1u << DS_QUERY_WINDOW)
#define SOURCES (1u << DS_QUERY_SOURCES)
#define ATTACKS (1u << DS_QUERY_ATTACKS)
#define SEEN    (1u << DS_QUERY_SEEN)
#define EXPORT  (1u << DS_QUERY_EXPORT)
#define PERIOD  (SERIES | TOP | SUMMARY | WINDOWS | SOURCES | ATTACKS | SEEN | EXPORT)
#define PAGES   (TOP | WINDOWS | SOURCES | ATTACKS | SEEN)
#define ANY     ((1u << DS_QUERY_KIND_COUNT) - 1)

#define TIME "a time like 2026-01-31 or 2026-01-31T10:20:00Z; without Z or +HH:MM in the zone of tz"

static const struct {
    const char *name;
    unsigned kinds;
    bool (*set)(struct ds_query *q, const char *value);
    const char *allowed;
} names[] = {
    {"port", SERIES | TOP | SEEN | EXPORT, ds_value_port,
     "a port like 23/tcp, 53/udp or 8/0/icmp, or at most 16 with commas between them"},
    {"proto", SERIES | TOP | SEEN | EXPORT, ds_value_proto,
     "tcp, udp, icmp, icmp6 or a number to 255 (one protocol)"},
    {"country", SERIES | TOP | SOURCES | ATTACKS | EXPORT, ds_value_country,
     "a two-letter country code, or ?? for unknown"},
    {"class", SERIES | TOP | SEEN | EXPORT, ds_value_class, "scan, backscatter or other"},
    {"type", SERIES | EXPORT, ds_value_type,
     "tcp_syn, tcp_synack, tcp_ack, tcp_push, tcp_fin, tcp_rst, tcp_other, udp, icmp or other"},
    {"signature", SERIES | SEEN | EXPORT, ds_value_signature, "a signature's name, like mirai"},
    {"survey", SERIES | TOP | SOURCES | EXPORT, ds_value_survey,
     "all, no (without survey scanners) or only (they alone)"},
    {"by", TOP | SEEN, ds_value_by,
     "ports, countries, types, classes, protocols, devices or signatures"},
    {"order", TOP, ds_value_order, "packets or sources"},
    {"from", PERIOD, ds_value_from, TIME},
    {"to", PERIOD, ds_value_to, TIME},
    {"tz", PERIOD, ds_value_zone, "UTC or a time zone like Asia/Tokyo"},
    {"step", SERIES | EXPORT, ds_value_step,
     "auto, window, all (of exports), minute, hour, day, week, month, year or a duration like 5m, "
     "to 366d"},
    {"compare", SERIES | TOP, ds_value_compare,
     "previous, year-ago, or a period like 2025-01-01/2025-02-01"},
    {"at", WINDOW, ds_value_at, "a UTC time like 2026-01-31T10:20:00Z"},
    {"limit", PAGES | SUMMARY | EXPORT, ds_value_limit, "a number from 1 to 10000"},
    {"cursor", PAGES, ds_value_cursor, "that of the next link of an answer"},
    {"sensor", PERIOD | WINDOW, ds_value_name, "a sensor's name"},
    {"format", ANY, ds_value_format, "json or csv (of exports jsonl or csv)"},
    {"table", EXPORT, ds_value_table, NULL}, /* what there are, as listed */
};

#define NAME_COUNT (sizeof names / sizeof names[0])

_Static_assert(NAME_COUNT <= DS_QUERY_NAMES_MAX, "every name has a place for its value");

const char *ds_query_name(unsigned i)
{
    return i < NAME_COUNT ? names[i].name : NULL;
}

const char *ds_query_value(const struct ds_query *query, const char *name)
{
    int i = ds_name_index(ds_query_name, name);
    return i >= 0 && query->given & 1u << i ? query->values[i] : NULL;
}

void ds_query_init(struct ds_query *query, enum ds_query_kind kind)
{
    memset(query, 0, sizeof *query);
    query->kind = kind;
    if (kind == DS_QUERY_EXPORT) {
        query->step_kind = DS_QUERY_STEP_GIVEN;
        query->step = (struct ds_stride){DS_UNIT_DAY, 1};
    }
    query->limit = kind == DS_QUERY_EXPORT                            ? 0
                   : kind == DS_QUERY_SUMMARY                         ? 5
                   : kind == DS_QUERY_TOP || kind == DS_QUERY_SOURCES ? 20
                                                                      : 100;
}

/* What came from outside, short and printable. */
static const char *quoted(const char *text, char out[static QUOTED_BYTES])
{
    size_t i = 0;
    for (; i < QUOTED_BYTES - 1 && text[i]; i++)
        out[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    out[i] = 0;
    return out;
}

static int unknown_name(const struct ds_query *query, const char *name, struct ds_error *err)
{
    char list[256] = "nothing", shown[QUOTED_BYTES];
    size_t used = 0;
    for (size_t i = 0; i < NAME_COUNT; i++)
        if (names[i].kinds & 1u << query->kind)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "",
                                     names[i].name);
    return ds_error(err, DS_USAGE, "%s does not take %s; it takes %s", kind_names[query->kind],
                    quoted(name, shown), list);
}

static int bad_value(size_t i, const char *value, struct ds_error *err)
{
    char list[DS_EXPORT_NAMES_BYTES], shown[QUOTED_BYTES];
    const char *allowed = names[i].allowed ? names[i].allowed : ds_export_names(list);
    return ds_error(err, DS_USAGE, "%s %s: not %s", names[i].name, quoted(value, shown), allowed);
}

int ds_query_set(struct ds_query *query, const char *name, const char *value, struct ds_error *err)
{
    for (size_t i = 0; i < NAME_COUNT; i++) {
        if (strcmp(names[i].name, name) != 0 || !(names[i].kinds & 1u << query->kind))
            continue;
        if (query->given & 1u << i)
            return ds_error(err, DS_USAGE, "%s is given twice", name);
        if (strlen(value) > DS_QUERY_VALUE_MAX || !names[i].set(query, value))
            return bad_value(i, value, err);
        query->given |= 1u << i;
        strcpy(query->values[i], value);
        return 0;
    }
    return unknown_name(query, name, err);
}

/* ---- errors ---- */

int ds_query_http_status(enum ds_status status)
{
    switch (status) {
    case DS_OK:
        return 200;
    case DS_USAGE:
        return 400;
    case DS_INPUT:
        return 404;
    case DS_DATABASE:
        return 503;
    default:
        return 500;
    }
}
