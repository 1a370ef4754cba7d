/* SPDX-License-Identifier: Apache-2.0
 *
 * Top tables. What is not shown is added up exactly in "other", so shown + other = total.
 */
#include "top.h"

#include <string.h>

struct rows {
    struct answer *answer;
    json_t *array;
    enum ds_by by;
    enum ds_order order;
    uint64_t skip, limit;
    uint64_t seen;           /* rows of the store */
    struct ds_figures shown; /* sums of the rows */
    struct earlier *earlier; /* where keys go; NULL: nothing is compared */
};

static void write_key(struct answer *a, json_t *row, enum ds_by by, const struct ds_top_row *top)
{
    char proto[8], country[3];
    if (by == DS_BY_PORT || by == DS_BY_CLASS)
        ds_answer_set(a, row, "class", ds_answer_text(ds_class_name(top->cls)));
    if (by == DS_BY_PORT)
        ds_answer_port(a, row, top->proto, top->port);
    if (by == DS_BY_PROTOCOL)
        ds_answer_set(a, row, "proto", json_string(ds_proto_name(top->proto, proto)));
    if (by == DS_BY_COUNTRY)
        ds_answer_set(a, row, "country", json_string(ds_country_name(top->country, country)));
    if (by == DS_BY_TYPE)
        ds_answer_set(a, row, "type", ds_answer_text(ds_type_name(top->type)));
    if (by == DS_BY_DEVICE)
        ds_answer_set(a, row, "device", ds_answer_text(ds_device_name(top->device)));
    if (by == DS_BY_SIGNATURE)
        ds_answer_set(a, row, "id", ds_answer_text(top->signature));
}

static int each_row(void *arg, const struct ds_top_row *top)
{
    struct rows *r = arg;
    struct answer *a = r->answer;
    uint64_t rank = ++r->seen;
    if (rank <= r->skip || rank > r->skip + r->limit)
        return 0;
    json_t *row = json_object();
    ds_answer_set(a, row, "rank", ds_answer_count(rank));
    write_key(a, row, r->by, top);
    ds_answer_figures(a, row, &top->figures, true);
    ds_answer_append(a, r->array, row);
    if (r->earlier)
        ds_earlier_want(r->earlier, top);
    r->shown.packets += top->figures.packets;
    r->shown.bytes += top->figures.bytes;
    r->shown.survey_packets += top->figures.survey_packets;
    return 0;
}

json_t *ds_share(uint64_t part, uint64_t whole)
{
    return json_real(whole > 0 ? (double)part / (double)whole : 0);
}

/* Devices are the one table whose sources are of interest beside each other: those of its rows add
 * up to the sources of a window, because a source is one device. Over several windows it is the
 * share in the largest. */
static void share_sources(struct answer *a, json_t *rows)
{
    size_t i;
    json_t *row;
    json_int_t whole = 0;
    json_array_foreach(rows, i, row)
    {
        whole += json_integer_value(json_object_get(row, "sources_peak"));
    }
    json_array_foreach(rows, i, row)
    {
        json_int_t peak = json_integer_value(json_object_get(row, "sources_peak"));
        ds_answer_set(a, row, "sources_share", ds_share((uint64_t)peak, (uint64_t)whole));
    }
}

static int read_rows(struct rows *r, struct ds_figures *total, struct ds_error *err)
{
    struct answer *a = r->answer;
    /* Few and shares of each other: all of them. */
    if (r->by == DS_BY_DEVICE) {
        r->skip = 0;
        r->limit = r->limit < DS_DEVICE_COUNT ? DS_DEVICE_COUNT : r->limit;
    }
    const struct ds_top top = {a->range, &a->filter, r->by, r->skip + r->limit + 1, r->order, 0};
    if (a->store->ops->top(a->store, &top, each_row, r, total, err) < 0)
        return -1;
    size_t i;
    json_t *row;
    json_array_foreach(r->array, i, row)
    {
        json_int_t packets = json_integer_value(json_object_get(row, "packets"));
        ds_answer_set(a, row, "share", ds_share((uint64_t)packets, total->packets));
    }
    if (r->by == DS_BY_DEVICE)
        share_sources(a, r->array);
    return 0;
}

int ds_answer_top_rows(struct answer *a, const char *key, enum ds_by by, struct ds_error *err)
{
    struct ds_figures total;
    struct rows r = {
        .answer = a, .array = ds_answer_array(a, a->root, key), .by = by, .limit = a->query->limit};
    return read_rows(&r, &total, err);
}

/* A column's part that is not in the rows. */
static struct ds_figures rest(const struct ds_figures *total, const struct ds_figures *shown)
{
    struct ds_figures other = *total;
    other.packets -= shown->packets;
    other.bytes -= shown->bytes;
    other.survey_packets -= shown->survey_packets;
    return other;
}

static void write_sums(struct rows *r, const struct ds_figures *total,
                       const struct ds_totals *totals)
{
    struct answer *a = r->answer;
    bool watched = totals->windows > 0;
    if (r->by == DS_BY_SIGNATURE || !watched) {
        ds_answer_set(a, a->root, "other", json_null());
    } else {
        struct ds_figures other = rest(total, &r->shown);
        json_t *row = ds_answer_object(a, a->root, "other");
        ds_answer_figures(a, row, &other, true);
        ds_answer_set(a, row, "share", ds_share(other.packets, total->packets));
    }
    json_t *row = ds_answer_object(a, a->root, "total");
    ds_answer_figures(a, row, total, watched);
    ds_answer_coverage(a, row, totals->observed_ns, totals->sensors,
                       a->range.to_s - a->range.from_s);
    ds_answer_next_rows(a, r->seen > r->skip + r->limit);
}

static int write_top(struct rows *r, const struct ds_totals *totals, struct ds_error *err)
{
    struct answer *a = r->answer;
    struct ds_figures total;
    struct ds_totals before;
    if (ds_answer_compare(a, &before, err) < 0)
        return -1;
    r->array = ds_answer_array(a, a->root, "rows");
    a->has_estimates = ds_store_estimates_rows(r->by, &a->filter);
    if (read_rows(r, &total, err) < 0 ||
        (r->earlier && ds_earlier_write(r->earlier, a, r->array, before.windows > 0, err) < 0))
        return -1;
    a->has_estimates = false; /* of the rows alone */
    write_sums(r, &total, totals);
    return 0;
}

int ds_answer_top(struct answer *a, struct ds_error *err)
{
    const struct ds_query *q = a->query;
    bool is_compared = q->compare != DS_QUERY_COMPARE_NONE;
    struct ds_totals totals;
    struct rows r = {
        .answer = a, .by = q->by, .order = q->order, .skip = a->skip, .limit = q->limit};
    if (q->order == DS_ORDER_SOURCES &&
        (q->by == DS_BY_TYPE || q->by == DS_BY_PROTOCOL || q->filter.survey != DS_SURVEY_PART_ALL))
        return ds_error(err, DS_USAGE,
                        "windows do not count the unique sources of types, protocols and parts of "
                        "survey scanners: order by packets");
    if (ds_check_cost(a, 1 + is_compared, DS_QUERY_COST_MAX, err) < 0 ||
        a->store->ops->totals(a->store, &a->range, &totals, err) < 0)
        return -1;
    if (is_compared && !(r.earlier = ds_earlier_create(q->limit, q->by, q->order)))
        return ds_error(err, DS_FAILURE, "out of memory");
    ds_answer_head(a);
    ds_answer_set(a, a->root, "by", json_string(ds_by_name(q->by)));
    ds_answer_set(a, a->root, "order",
                  json_string(q->order == DS_ORDER_SOURCES ? "sources" : "packets"));
    ds_answer_set(a, a->root, "sensors", ds_answer_count(totals.sensors));
    int result = write_top(&r, &totals, err);
    ds_earlier_destroy(r.earlier);
    return result;
}
