/* SPDX-License-Identifier: Apache-2.0
 *
 * The pieces of which answers are made. Running out of memory is remembered, not handled, here.
 */
#include "answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void ds_answer_set(struct answer *a, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) < 0)
        a->failed = true;
}

void ds_answer_append(struct answer *a, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) < 0)
        a->failed = true;
}

json_t *ds_answer_object(struct answer *a, json_t *in, const char *key)
{
    ds_answer_set(a, in, key, json_object());
    return json_object_get(in, key);
}

json_t *ds_answer_array(struct answer *a, json_t *in, const char *key)
{
    ds_answer_set(a, in, key, json_array());
    return json_object_get(in, key);
}

json_t *ds_answer_count(uint64_t value)
{
    return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

json_t *ds_answer_real(double value)
{
    return value == value && value - value == 0 ? json_real(value) : json_null();
}

json_t *ds_answer_time(const struct answer *a, int64_t seconds)
{
    char text[DS_TIME_TEXT];
    return json_string(ds_calendar_print(a->calendar, seconds, text));
}

json_t *ds_answer_time_ms(const struct answer *a, int64_t ms)
{
    char seconds[DS_TIME_TEXT], text[DS_TIME_TEXT + 8];
    int64_t rest = (ms % 1000 + 1000) % 1000;
    ds_calendar_print(a->calendar, (ms - rest) / 1000, seconds);
    int date = (int)strcspn(seconds, "Z+");
    if (seconds[date] == 0) /* a zone west of UTC: the last '-' is that of its offset */
        date = (int)(strrchr(seconds, '-') - seconds);
    snprintf(text, sizeof text, "%.*s.%03d%s", date, seconds, (int)rest, seconds + date);
    return json_string(text);
}

json_t *ds_answer_text(const char *text)
{
    json_t *value = json_string(text);
    if (value)
        return value;
    char clean[256];
    size_t length = 0;
    for (; length < sizeof clean - 1 && text[length]; length++)
        clean[length] = text[length] >= ' ' && text[length] <= '~' ? text[length] : '?';
    return json_stringn(clean, length);
}

json_t *ds_coverage(uint64_t observed_ns, uint64_t sensors, int64_t length_s)
{
    double whole_ns = (double)sensors * (double)length_s * (double)NS_PER_S;
    double coverage = whole_ns > 0 ? (double)observed_ns / whole_ns : 0;
    return json_real(coverage < 1 ? coverage : 1);
}

void ds_answer_coverage(struct answer *a, json_t *object, uint64_t observed_ns, uint64_t sensors,
                        int64_t length_s)
{
    double observed_s = (double)observed_ns / (double)NS_PER_S;
    ds_answer_set(a, object, "observed_seconds", json_real(observed_s));
    ds_answer_set(a, object, "coverage", ds_coverage(observed_ns, sensors, length_s));
}

static void answer_sources(struct answer *a, json_t *object, const struct ds_figures *f,
                           bool watched)
{
    bool known = watched && (f->sources_exact || f->sources_estimated);
    ds_answer_set(a, object, "sources", known ? ds_answer_count(f->sources) : json_null());
    ds_answer_set(a, object, "sources_error",
                  known ? ds_answer_real(f->sources_exact ? 0 : f->sources_error) : json_null());
}

void ds_answer_unique(struct answer *a, json_t *object, const struct ds_figures *f, bool watched)
{
    answer_sources(a, object, f, watched);
    ds_answer_set(a, object, "sources_peak",
                  watched ? ds_answer_count(f->sources_peak) : json_null());
}

void ds_answer_figures(struct answer *a, json_t *object, const struct ds_figures *f, bool watched)
{
    ds_answer_set(a, object, "packets", watched ? ds_answer_count(f->packets) : json_null());
    if (a->has_floors)
        ds_answer_set(a, object, "floor", watched ? json_boolean(f->is_floor) : json_null());
    if (f->has_bytes)
        ds_answer_set(a, object, "bytes", watched ? ds_answer_count(f->bytes) : json_null());
    if (f->has_sources)
        ds_answer_unique(a, object, f, watched);
    else if (a->has_estimates)
        answer_sources(a, object, f, watched);
    if (f->has_survey)
        ds_answer_set(a, object, "survey_packets",
                      watched ? ds_answer_count(f->survey_packets) : json_null());
}

void ds_answer_port(struct answer *a, json_t *object, uint8_t proto, uint16_t port)
{
    char name[8];
    ds_answer_set(a, object, "proto", json_string(ds_proto_name(proto, name)));
    ds_answer_set(a, object, "port", json_integer(port));
}

static void answer_filter(struct answer *a, const struct ds_filter *f)
{
    char proto[8], country[3];
    json_t *o = ds_answer_object(a, a->root, "filter");
    if (f->has_class)
        ds_answer_set(a, o, "class", json_string(ds_class_name(f->cls)));
    if (f->has_proto)
        ds_answer_set(a, o, "proto", json_string(ds_proto_name(f->proto, proto)));
    if (f->has_port)
        ds_answer_set(a, o, "port", json_integer(f->port));
    if (f->has_country)
        ds_answer_set(a, o, "country", json_string(ds_country_name(f->country, country)));
    if (f->has_type)
        ds_answer_set(a, o, "type", json_string(ds_type_name(f->type)));
    if (f->has_signature)
        ds_answer_set(a, o, "signature", ds_answer_text(f->signature));
    if (f->survey != DS_SURVEY_PART_ALL)
        ds_answer_set(a, o, "survey", json_string(ds_survey_part_name(f->survey)));
    if (a->query->port_count < 2)
        return;
    json_t *ports = ds_answer_array(a, o, "ports");
    for (size_t i = 0; i < a->query->port_count; i++) {
        json_t *port = json_object();
        ds_answer_port(a, port, (uint8_t)a->ports[i].proto, a->ports[i].port);
        ds_answer_append(a, ports, port);
    }
}

void ds_answer_head(struct answer *a)
{
    const struct ds_query *q = a->query;
    ds_answer_set(a, a->root, "query", json_string(ds_query_kind_name(q->kind)));
    ds_answer_set(a, a->root, "from", ds_answer_time(a, a->range.from_s));
    ds_answer_set(a, a->root, "to", ds_answer_time(a, a->range.to_s));
    ds_answer_set(a, a->root, "tz", json_string(ds_calendar_zone(a->calendar)));
    ds_answer_set(a, a->root, "sensor",
                  a->range.sensor ? ds_answer_text(a->range.sensor) : json_null());
    if (q->kind != DS_QUERY_SUMMARY && q->kind != DS_QUERY_WINDOWS)
        answer_filter(a, &a->filter);
}

int ds_answer_compare(struct answer *a, struct ds_totals *before, struct ds_error *err)
{
    memset(before, 0, sizeof *before);
    if (a->query->compare == DS_QUERY_COMPARE_NONE)
        return 0;
    if (a->store->ops->totals(a->store, &a->before, before, err) < 0)
        return -1;
    json_t *o = ds_answer_object(a, a->root, "compare");
    ds_answer_set(a, o, "from", ds_answer_time(a, a->before.from_s));
    ds_answer_set(a, o, "to", ds_answer_time(a, a->before.to_s));
    ds_answer_set(a, o, "sensors", ds_answer_count(before->sensors));
    ds_answer_coverage(a, o, before->observed_ns, before->sensors,
                       a->before.to_s - a->before.from_s);
    return 0;
}

/* ---- the link to the next page ---- */

#define LINK_BYTES ((DS_QUERY_NAME_MAX + 3 * DS_QUERY_VALUE_MAX) * DS_QUERY_NAMES_MAX)

static size_t add_pair(char *link, size_t used, const char *name, const char *value)
{
    used += (size_t)snprintf(link + used, LINK_BYTES - used,
                             "%s%s=", link[used - 1] == '?' ? "" : "&", name);
    for (; *value && used + 4 < LINK_BYTES; value++) {
        bool is_plain = (*value >= '0' && *value <= '9') || (*value >= 'A' && *value <= 'Z') ||
                        (*value >= 'a' && *value <= 'z') || strchr("-._~:/,", *value);
        used += (size_t)snprintf(link + used, LINK_BYTES - used, is_plain ? "%c" : "%%%02X",
                                 (unsigned char)*value);
    }
    return used;
}

/* The period is named even where the question left it open: pages are of one and the same. */
void ds_answer_next(struct answer *a, const char *cursor)
{
    char link[LINK_BYTES], from[DS_TIME_TEXT], to[DS_TIME_TEXT];
    const char *name;
    if (!cursor) {
        ds_answer_set(a, a->root, "next", json_null());
        return;
    }
    size_t used =
        (size_t)snprintf(link, sizeof link, "/api/v1/%s?", ds_query_kind_name(a->query->kind));
    for (unsigned i = 0; (name = ds_query_name(i)); i++) {
        const char *value = ds_query_value(a->query, name);
        if (value && strcmp(name, "cursor") != 0 && strcmp(name, "from") != 0 &&
            strcmp(name, "to") != 0)
            used = add_pair(link, used, name, value);
    }
    used = add_pair(link, used, "from", ds_time_print(a->range.from_s, from));
    used = add_pair(link, used, "to", ds_time_print(a->range.to_s, to));
    add_pair(link, used, "cursor", cursor);
    ds_answer_set(a, a->root, "next", json_string(link));
}

void ds_answer_next_rows(struct answer *a, bool more)
{
    char cursor[24];
    snprintf(cursor, sizeof cursor, "%" PRIu64, a->skip + a->query->limit);
    ds_answer_next(a, more ? cursor : NULL);
}
