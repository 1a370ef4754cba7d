/* SPDX-License-Identifier: Apache-2.0 */
#include "values.h"

#include "export.h"

#include <stdlib.h>
#include <string.h>

#define DAY_S       INT64_C(86400)
#define PORT_TEXT   24 /* "255/255/icmp6" and the like */
#define PERIOD_TEXT 80

static const char *const by_names[DS_BY_COUNT] = {
    [DS_BY_PORT] = "ports",           [DS_BY_COUNTRY] = "countries",  [DS_BY_TYPE] = "types",
    [DS_BY_CLASS] = "classes",        [DS_BY_PROTOCOL] = "protocols", [DS_BY_DEVICE] = "devices",
    [DS_BY_SIGNATURE] = "signatures",
};

const char *ds_by_name(unsigned by)
{
    return by < DS_BY_COUNT ? by_names[by] : NULL;
}

const char *ds_survey_part_name(unsigned part)
{
    static const char *const parts[DS_SURVEY_PART_COUNT] = {[DS_SURVEY_PART_ALL] = "all",
                                                            [DS_SURVEY_PART_WITHOUT] = "no",
                                                            [DS_SURVEY_PART_ONLY] = "only"};
    return part < DS_SURVEY_PART_COUNT ? parts[part] : NULL;
}

static const char *format_name(unsigned format)
{
    static const char *const formats[DS_QUERY_FORMAT_COUNT] = {"json", "csv"};
    return format < DS_QUERY_FORMAT_COUNT ? formats[format] : NULL;
}

int ds_name_index(const char *(*name_of)(unsigned), const char *name)
{
    const char *known;
    for (unsigned i = 0; (known = name_of(i)); i++)
        if (strcmp(known, name) == 0)
            return (int)i;
    return -1;
}

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

/* ---- which packets ---- */

/* "23/tcp", or "23" beside proto=. */
static bool add_port(struct ds_query *q, const char *text)
{
    struct ds_query_port port = {.proto = -1};
    uint64_t number = 0;
    uint8_t proto;
    if (parse_number(text, UINT16_MAX, &number)) {
        port.port = (uint16_t)number;
    } else {
        if (!ds_port_parse(text, &port.port, &proto))
            return false;
        port.proto = proto;
    }
    if (q->port_count == DS_QUERY_PORTS_MAX)
        return false;
    q->ports[q->port_count++] = port;
    return true;
}

bool ds_value_port(struct ds_query *q, const char *value)
{
    char text[PORT_TEXT];
    for (;; value++) {
        size_t length = strcspn(value, ",");
        if (length >= sizeof text)
            return false;
        memcpy(text, value, length);
        text[length] = 0;
        if (!add_port(q, text))
            return false;
        value += length;
        if (!*value)
            return true;
    }
}

bool ds_value_proto(struct ds_query *q, const char *value)
{
    int proto = ds_proto_parse(value);
    q->filter.has_proto = proto >= 0;
    q->filter.proto = (uint8_t)proto;
    return q->filter.has_proto;
}

bool ds_value_country(struct ds_query *q, const char *value)
{
    q->filter.has_country = ds_country_parse(value, &q->filter.country);
    return q->filter.has_country;
}

bool ds_value_class(struct ds_query *q, const char *value)
{
    int cls = ds_class_parse(value);
    q->filter.has_class = cls >= 0;
    q->filter.cls = (uint8_t)cls;
    return q->filter.has_class;
}

bool ds_value_type(struct ds_query *q, const char *value)
{
    int type = ds_name_index(ds_type_name, value);
    q->filter.has_type = type >= 0;
    q->filter.type = (uint8_t)type;
    return q->filter.has_type;
}

static bool is_word(const char *value, size_t most)
{
    size_t length = strlen(value);
    for (size_t i = 0; i < length; i++)
        if (value[i] <= ' ' || value[i] > '~')
            return false;
    return length > 0 && length <= most;
}

bool ds_value_signature(struct ds_query *q, const char *value)
{
    q->filter.has_signature = is_word(value, DS_SIGNATURE_ID_MAX);
    if (q->filter.has_signature)
        strcpy(q->filter.signature, value);
    return q->filter.has_signature;
}

bool ds_value_survey(struct ds_query *q, const char *value)
{
    int part = ds_name_index(ds_survey_part_name, value);
    if (part >= 0)
        q->filter.survey = (enum ds_survey_part)part;
    return part >= 0;
}

bool ds_value_name(struct ds_query *q, const char *value)
{
    return is_word(value, DS_NAME_MAX);
}

bool ds_value_by(struct ds_query *q, const char *value)
{
    int by = ds_name_index(ds_by_name, value);
    if (by >= 0)
        q->by = (enum ds_by)by;
    return by >= 0;
}

bool ds_value_order(struct ds_query *q, const char *value)
{
    q->order = strcmp(value, "sources") == 0 ? DS_ORDER_SOURCES : DS_ORDER_PACKETS;
    return q->order == DS_ORDER_SOURCES || strcmp(value, "packets") == 0;
}

/* ---- when ---- */

/* "+09:00" or "-03:30" at the end of a text, as seconds; 0 bytes where there is none. */
static size_t read_offset(const char *text, size_t length, int64_t *offset_s)
{
    if (length < sizeof "2026-01-31+09:00" - 1)
        return 0;
    const char *at = text + length - 6;
    if ((*at != '+' && *at != '-') || at[3] != ':')
        return 0;
    for (int i = 1; i < 6; i++)
        if (i != 3 && (at[i] < '0' || at[i] > '9'))
            return 0;
    int64_t minutes = ((at[1] - '0') * 10 + at[2] - '0') * 60 + (at[4] - '0') * 10 + at[5] - '0';
    *offset_s = (*at == '-' ? -60 : 60) * minutes;
    return 6;
}

static bool parse_time(const char *value, struct ds_query_time *out)
{
    char text[DS_TIME_TEXT];
    size_t length = strlen(value);
    int64_t offset_s = 0;
    if (length == 0 || length >= sizeof text)
        return false;
    size_t offset = read_offset(value, length, &offset_s);
    memcpy(text, value, length - offset);
    text[length - offset] = 0;
    out->is_utc = offset > 0 || text[length - 1] == 'Z';
    if ((offset > 0 && strchr(text, 'Z')) || !ds_time_parse(text, &out->seconds))
        return false;
    out->seconds -= offset_s;
    return out->seconds >= 0 && out->seconds <= DS_STORE_TIME_MAX;
}

bool ds_value_from(struct ds_query *q, const char *value)
{
    return parse_time(value, &q->from);
}

bool ds_value_to(struct ds_query *q, const char *value)
{
    return parse_time(value, &q->to);
}

bool ds_value_at(struct ds_query *q, const char *value)
{
    return parse_time(value, &q->at);
}

bool ds_value_zone(struct ds_query *q, const char *value)
{
    return is_word(value,
                   DS_ZONE_NAME_MAX); /* whether it exists is seen when the question is run */
}

bool ds_value_step(struct ds_query *q, const char *value)
{
    static const struct {
        const char *name;
        struct ds_stride step;
    } named[] = {
        {"minute", {DS_UNIT_SECOND, 60}}, {"hour", {DS_UNIT_SECOND, 3600}},
        {"day", {DS_UNIT_DAY, 1}},        {"week", {DS_UNIT_WEEK, 1}},
        {"month", {DS_UNIT_MONTH, 1}},    {"year", {DS_UNIT_YEAR, 1}},
    };
    bool is_all = q->kind == DS_QUERY_EXPORT && strcmp(value, "all") == 0;
    q->step_kind = strcmp(value, "auto") == 0     ? DS_QUERY_STEP_AUTO
                   : strcmp(value, "window") == 0 ? DS_QUERY_STEP_WINDOW
                   : is_all                       ? DS_QUERY_STEP_ALL
                                                  : DS_QUERY_STEP_GIVEN;
    if (q->step_kind != DS_QUERY_STEP_GIVEN)
        return true;
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++)
        if (strcmp(named[i].name, value) == 0) {
            q->step = named[i].step;
            return true;
        }
    int64_t ns;
    if (!ds_duration_parse(value, &ns) || ns <= 0 || ns % (int64_t)NS_PER_S != 0 ||
        ns / (int64_t)NS_PER_S > DS_QUERY_STEP_MAX_S)
        return false;
    int64_t seconds = ns / (int64_t)NS_PER_S;
    q->step = seconds % DAY_S == 0 ? (struct ds_stride){DS_UNIT_DAY, seconds / DAY_S}
                                   : (struct ds_stride){DS_UNIT_SECOND, seconds};
    return true;
}

bool ds_value_compare(struct ds_query *q, const char *value)
{
    char from[PERIOD_TEXT];
    q->compare = strcmp(value, "previous") == 0   ? DS_QUERY_COMPARE_PREVIOUS
                 : strcmp(value, "year-ago") == 0 ? DS_QUERY_COMPARE_YEAR_AGO
                                                  : DS_QUERY_COMPARE_PERIOD;
    if (q->compare != DS_QUERY_COMPARE_PERIOD)
        return true;
    size_t length = strcspn(value, "/");
    if (!value[length] || length >= sizeof from)
        return false;
    memcpy(from, value, length);
    from[length] = 0;
    return parse_time(from, &q->compare_from) && parse_time(value + length + 1, &q->compare_to);
}

/* ---- how ---- */

bool ds_value_limit(struct ds_query *q, const char *value)
{
    return parse_number(value, DS_QUERY_LIMIT_MAX, &q->limit) && q->limit > 0;
}

/* What it means depends on the kind: run.c reads it. */
bool ds_value_cursor(struct ds_query *q, const char *value)
{
    return is_word(value, DS_QUERY_VALUE_MAX);
}

bool ds_value_format(struct ds_query *q, const char *value)
{
    bool is_lines = strcmp(value, "jsonl") == 0;
    int format = is_lines ? DS_QUERY_FORMAT_JSON : ds_name_index(format_name, value);
    if (format == DS_QUERY_FORMAT_JSON && is_lines != (q->kind == DS_QUERY_EXPORT))
        return false;
    if (format >= 0)
        q->format = (enum ds_query_format)format;
    return format >= 0;
}

bool ds_value_table(struct ds_query *q, const char *value)
{
    return ds_export_find(value) != NULL;
}
