/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions from name=value pairs: which names there are, which kind of question takes them, what
 * values are allowed. Errors say what is allowed.
 */
#include "answer.h"

#include "darkscope/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUOTED_BYTES 41 /* of a bad value, shown in the error */

static const char *const kind_names[DS_QUERY_KIND_COUNT] = {
    [DS_QUERY_SERIES] = "query",    [DS_QUERY_TOP] = "top",         [DS_QUERY_SUMMARY] = "summary",
    [DS_QUERY_SENSORS] = "sensors", [DS_QUERY_WINDOWS] = "windows", [DS_QUERY_WINDOW] = "window",
    [DS_QUERY_SOURCES] = "sources", [DS_QUERY_ATTACKS] = "attacks",
};

static const char *const by_names[DS_BY_COUNT] = {
    [DS_BY_PORT] = "ports",           [DS_BY_COUNTRY] = "countries",  [DS_BY_TYPE] = "types",
    [DS_BY_CLASS] = "classes",        [DS_BY_PROTOCOL] = "protocols", [DS_BY_DEVICE] = "devices",
    [DS_BY_SIGNATURE] = "signatures",
};

const char *ds_query_kind_name(unsigned kind)
{
    return kind < DS_QUERY_KIND_COUNT ? kind_names[kind] : NULL;
}

const char *ds_by_name(unsigned by)
{
    return by < DS_BY_COUNT ? by_names[by] : NULL;
}

/* The number of a name, -1 where unknown. */
static int index_of(const char *(*name_of)(unsigned), const char *name)
{
    const char *known;
    for (unsigned i = 0; (known = name_of(i)); i++)
        if (strcmp(known, name) == 0)
            return (int)i;
    return -1;
}

int ds_query_kind_parse(const char *name)
{
    return index_of(ds_query_kind_name, name);
}

/* ---- values: false where they are not what the table below says ---- */

static bool parse_number(const char *text, uint64_t most, uint64_t *out)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 18 || text[digits])
        return false;
    uint64_t number = strtoull(text, NULL, 10);
    if (number > most)
        return false;
    *out = number;
    return true;
}

/* "23/tcp", or "23" beside proto=. */
static bool set_port(struct ds_query *q, const char *value)
{
    struct ds_filter *f = &q->filter;
    uint64_t number = 0;
    uint8_t proto = 0;
    if (parse_number(value, UINT16_MAX, &number)) {
        f->port = (uint16_t)number;
    } else {
        if (!ds_port_parse(value, &f->port, &proto) || (f->has_proto && f->proto != proto))
            return false;
        f->proto = proto;
        f->has_proto = true;
    }
    f->has_port = true;
    return true;
}

static bool set_proto(struct ds_query *q, const char *value)
{
    int proto = ds_proto_parse(value);
    if (proto < 0 || (q->filter.has_proto && q->filter.proto != proto))
        return false;
    q->filter.proto = (uint8_t)proto;
    q->filter.has_proto = true;
    return true;
}

static bool set_country(struct ds_query *q, const char *value)
{
    q->filter.has_country = ds_country_parse(value, &q->filter.country);
    return q->filter.has_country;
}

static bool set_class(struct ds_query *q, const char *value)
{
    int cls = ds_class_parse(value);
    q->filter.has_class = cls >= 0;
    q->filter.cls = (uint8_t)cls;
    return q->filter.has_class;
}

static bool set_type(struct ds_query *q, const char *value)
{
    int type = index_of(ds_type_name, value);
    q->filter.has_type = type >= 0;
    q->filter.type = (uint8_t)type;
    return q->filter.has_type;
}

static bool copy_name(char *to, size_t size, const char *value)
{
    size_t length = strnlen(value, size);
    if (length == 0 || length >= size)
        return false;
    for (size_t i = 0; i < length; i++)
        if (value[i] <= ' ' || value[i] > '~')
            return false;
    memcpy(to, value, length + 1);
    return true;
}

static bool set_signature(struct ds_query *q, const char *value)
{
    q->filter.has_signature = copy_name(q->filter.signature, sizeof q->filter.signature, value);
    return q->filter.has_signature;
}

const char *ds_survey_part_name(unsigned part)
{
    static const char *const parts[DS_SURVEY_PART_COUNT] = {[DS_SURVEY_PART_ALL] = "all",
                                                            [DS_SURVEY_PART_WITHOUT] = "no",
                                                            [DS_SURVEY_PART_ONLY] = "only"};
    return part < DS_SURVEY_PART_COUNT ? parts[part] : NULL;
}

static bool set_survey(struct ds_query *q, const char *value)
{
    int part = index_of(ds_survey_part_name, value);
    if (part >= 0)
        q->filter.survey = (enum ds_survey_part)part;
    return part >= 0;
}

static bool set_sensor(struct ds_query *q, const char *value)
{
    return copy_name(q->sensor, sizeof q->sensor, value);
}

static bool set_by(struct ds_query *q, const char *value)
{
    int by = index_of(ds_by_name, value);
    if (by >= 0)
        q->by = (enum ds_by)by;
    return by >= 0;
}

static bool parse_time(const char *value, int64_t *out)
{
    int64_t seconds;
    if (!ds_time_parse(value, &seconds) || seconds < 0 || seconds > DS_STORE_TIME_MAX)
        return false;
    *out = seconds;
    return true;
}

static bool set_from(struct ds_query *q, const char *value)
{
    return parse_time(value, &q->from_s);
}

static bool set_to(struct ds_query *q, const char *value)
{
    return parse_time(value, &q->to_s);
}

static bool set_at(struct ds_query *q, const char *value)
{
    return parse_time(value, &q->at_s);
}

static bool set_step(struct ds_query *q, const char *value)
{
    static const struct {
        const char *name;
        int64_t step_s;
    } named[] = {
        {"auto", 0},    {"window", DS_QUERY_STEP_WINDOW}, {"minute", 60}, {"hour", 3600},
        {"day", 86400},
    };
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++)
        if (strcmp(named[i].name, value) == 0) {
            q->step_s = named[i].step_s;
            return true;
        }
    int64_t ns;
    if (!ds_duration_parse(value, &ns) || ns <= 0 || ns % (int64_t)NS_PER_S != 0 ||
        ns / (int64_t)NS_PER_S > DS_QUERY_STEP_MAX_S)
        return false;
    q->step_s = ns / (int64_t)NS_PER_S;
    return true;
}

static bool set_limit(struct ds_query *q, const char *value)
{
    return parse_number(value, DS_QUERY_LIMIT_MAX, &q->limit) && q->limit > 0;
}

/* ---- names ---- */

#define SERIES  (1u << DS_QUERY_SERIES)
#define TOP     (1u << DS_QUERY_TOP)
#define SUMMARY (1u << DS_QUERY_SUMMARY)
#define WINDOWS (1u << DS_QUERY_WINDOWS)
#define WINDOW  (1u << DS_QUERY_WINDOW)
#define SOURCES (1u << DS_QUERY_SOURCES)
#define ATTACKS (1u << DS_QUERY_ATTACKS)

static const struct {
    const char *name;
    unsigned kinds;
    bool (*set)(struct ds_query *q, const char *value);
    const char *allowed;
} names[] = {
    {"port", SERIES | TOP, set_port, "a port like 23/tcp, 53/udp or 8/0/icmp (one protocol)"},
    {"proto", SERIES | TOP, set_proto, "tcp, udp, icmp, icmp6 or a number to 255 (one protocol)"},
    {"country", SERIES | TOP | SOURCES | ATTACKS, set_country,
     "a two-letter country code, or ?? for unknown"},
    {"class", SERIES | TOP, set_class, "scan, backscatter or other"},
    {"type", SERIES, set_type,
     "tcp_syn, tcp_synack, tcp_ack, tcp_push, tcp_fin, tcp_rst, tcp_other, udp, icmp or other"},
    {"signature", SERIES, set_signature, "a signature's name, like mirai"},
    {"survey", SERIES | TOP | SOURCES, set_survey,
     "all, no (without survey scanners) or only (they alone)"},
    {"by", TOP, set_by, "ports, countries, types, classes, protocols, devices or signatures"},
    {"from", SERIES | TOP | SUMMARY | WINDOWS | SOURCES | ATTACKS, set_from,
     "a UTC time like 2026-01-31 or 2026-01-31T10:20:00Z"},
    {"to", SERIES | TOP | SUMMARY | WINDOWS | SOURCES | ATTACKS, set_to,
     "a UTC time like 2026-01-31 or 2026-01-31T10:20:00Z"},
    {"step", SERIES, set_step, "auto, window, minute, hour, day or a duration like 5m, to 366d"},
    {"at", WINDOW, set_at, "a UTC time like 2026-01-31T10:20:00Z"},
    {"limit", TOP | SUMMARY | WINDOWS | SOURCES | ATTACKS, set_limit, "a number from 1 to 10000"},
    {"sensor", SERIES | TOP | SUMMARY | WINDOWS | WINDOW | SOURCES | ATTACKS, set_sensor,
     "a sensor's name"},
};

#define NAME_COUNT (sizeof names / sizeof names[0])

static unsigned bit_of(const char *name)
{
    for (unsigned i = 0; i < NAME_COUNT; i++)
        if (strcmp(names[i].name, name) == 0)
            return 1u << i;
    return 0;
}

bool ds_query_given(const struct ds_query *query, const char *name)
{
    return query->given & bit_of(name);
}

void ds_query_init(struct ds_query *query, enum ds_query_kind kind)
{
    memset(query, 0, sizeof *query);
    query->kind = kind;
    query->limit = kind == DS_QUERY_SUMMARY                           ? 5
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

int ds_query_set(struct ds_query *query, const char *name, const char *value, struct ds_error *err)
{
    char shown[QUOTED_BYTES];
    for (size_t i = 0; i < NAME_COUNT; i++) {
        if (strcmp(names[i].name, name) != 0 || !(names[i].kinds & 1u << query->kind))
            continue;
        if (query->given & 1u << i)
            return ds_error(err, DS_USAGE, "%s is given twice", name);
        if (!names[i].set(query, value))
            return ds_error(err, DS_USAGE, "%s %s: not %s", name, quoted(value, shown),
                            names[i].allowed);
        query->given |= 1u << i;
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
