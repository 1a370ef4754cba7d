/* SPDX-License-Identifier: Apache-2.0
 *
 * The pieces of which answers are made. Running out of memory is remembered, not handled, here.
 */
#include "answer.h"

#include "darkscope/text.h"

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

json_t *ds_answer_time(int64_t seconds)
{
    char text[DS_TIME_TEXT];
    return json_string(ds_time_print(seconds, text));
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

void ds_answer_figures(struct answer *a, json_t *object, const struct ds_figures *f, bool watched)
{
    ds_answer_set(a, object, "packets", watched ? ds_answer_count(f->packets) : json_null());
    if (f->has_bytes)
        ds_answer_set(a, object, "bytes", watched ? ds_answer_count(f->bytes) : json_null());
    if (f->has_sources) {
        bool exact = watched && f->sources_exact;
        ds_answer_set(a, object, "sources", exact ? ds_answer_count(f->sources) : json_null());
        ds_answer_set(a, object, "sources_peak",
                      watched ? ds_answer_count(f->sources_peak) : json_null());
    }
    if (f->has_survey)
        ds_answer_set(a, object, "survey_packets",
                      watched ? ds_answer_count(f->survey_packets) : json_null());
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
}

void ds_answer_head(struct answer *a)
{
    const struct ds_query *q = a->query;
    ds_answer_set(a, a->root, "query", json_string(ds_query_kind_name(q->kind)));
    ds_answer_set(a, a->root, "from", ds_answer_time(a->range.from_s));
    ds_answer_set(a, a->root, "to", ds_answer_time(a->range.to_s));
    ds_answer_set(a, a->root, "sensor",
                  a->range.sensor ? ds_answer_text(a->range.sensor) : json_null());
    if (q->kind == DS_QUERY_SERIES || q->kind == DS_QUERY_TOP || q->kind == DS_QUERY_SOURCES ||
        q->kind == DS_QUERY_ATTACKS)
        answer_filter(a, &q->filter);
}
