/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists: sensors, windows; and one window with all its tables.
 */
#include "answer.h"

#include "darkscope/text.h"
#include "darkscope/window_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct list {
    struct answer *answer;
    json_t *array;
};

/* ---- sensors ---- */

static int each_sensor(void *arg, const struct ds_sensor_row *row)
{
    struct list *l = arg;
    struct answer *a = l->answer;
    json_t *o = json_object();
    ds_answer_set(a, o, "sensor", ds_answer_text(row->name));
    ds_answer_set(a, o, "first", ds_answer_time(a, row->first_s));
    ds_answer_set(a, o, "end", ds_answer_time(a, row->end_s));
    ds_answer_set(a, o, "last_received", ds_answer_time(a, row->last_received_s));
    ds_answer_set(a, o, "windows", ds_answer_count(row->windows));
    ds_answer_set(a, o, "window_seconds", json_integer(row->grid_s));
    ds_answer_coverage(a, o, row->observed_ns, 1, row->end_s - row->first_s);
    ds_answer_set(a, o, "received", ds_answer_count(row->received));
    ds_answer_set(a, o, "counted", ds_answer_count(row->counted));
    ds_answer_set(a, o, "dropped", ds_answer_count(row->dropped));
    ds_answer_append(a, l->array, o);
    return 0;
}

int ds_answer_sensors(struct answer *a, struct ds_error *err)
{
    ds_answer_set(a, a->root, "query", json_string(ds_query_kind_name(DS_QUERY_SENSORS)));
    struct list l = {.answer = a, .array = ds_answer_array(a, a->root, "sensors")};
    return a->store->ops->sensors(a->store, each_sensor, &l, err);
}

/* ---- windows ---- */

static uint64_t dropped(const struct ds_window *w)
{
    return w->books[DS_BOOK_DROPPED_KERNEL] + w->books[DS_BOOK_DROPPED_INTERFACE] +
           w->books[DS_BOOK_DROPPED_RING];
}

struct windows {
    struct answer *answer;
    struct ds_range range; /* from the cursor on */
    const char *after; /* the sensor whose window at the start was the last shown; NULL: none was */
    uint64_t shown;
    char cursor[DS_NAME_MAX + 24]; /* behind the last one shown */
    bool more;
};

static int each_window(void *arg, const char *sensor, const struct ds_window *w,
                       const struct ds_origin *origin)
{
    struct windows *l = arg;
    struct answer *a = l->answer;
    bool exact = origin->sources_exact && w->overflow[DS_OVERFLOW_SOURCES] == 0;
    if (l->after && w->start_s == l->range.from_s && strcmp(sensor, l->after) <= 0)
        return 0;
    if (l->shown == a->query->limit) {
        l->more = true;
        return 1;
    }
    json_t *o = json_object();
    ds_answer_set(a, o, "start", ds_answer_time(a, w->start_s));
    ds_answer_set(a, o, "sensor", ds_answer_text(sensor));
    ds_answer_set(a, o, "seconds", json_integer(w->seconds));
    ds_answer_coverage(a, o, w->observed_ns, 1, w->seconds);
    ds_answer_set(a, o, "parts", ds_answer_count(origin->parts));
    for (unsigned b = DS_BOOK_RECEIVED; b <= DS_BOOK_LATE; b++)
        ds_answer_set(a, o, ds_book_name(b), ds_answer_count(w->books[b]));
    ds_answer_set(a, o, "dropped", ds_answer_count(dropped(w)));
    ds_answer_set(a, o, "bytes", ds_answer_count(w->bytes));
    ds_answer_set(a, o, "sources", exact ? ds_answer_count(w->sources) : json_null());
    ds_answer_set(a, o, "sources_peak", ds_answer_count(w->sources));
    l->shown++;
    snprintf(l->cursor, sizeof l->cursor, "%" PRId64 ":%.*s", w->start_s, DS_NAME_MAX, sensor);
    return ds_answer_row(a, o);
}

/* "1767225600:tokyo-1": go on behind the window of that start and sensor. */
static int read_window_cursor(struct windows *l, struct ds_error *err)
{
    struct answer *a = l->answer;
    const char *cursor = ds_query_value(a->query, "cursor");
    char *end;
    if (!cursor)
        return 0;
    int64_t start_s = strtoll(cursor, &end, 10);
    if (cursor[0] < '0' || cursor[0] > '9' || *end != ':' || start_s < a->range.from_s ||
        start_s >= a->range.to_s)
        return ds_error(err, DS_USAGE, "cursor: not that of the next link of an answer");
    l->after = end + 1;
    l->range.from_s = start_s;
    return 0;
}

int ds_answer_windows(struct answer *a, struct ds_error *err)
{
    struct windows l = {.answer = a, .range = a->range};
    ds_answer_head(a);
    if (read_window_cursor(&l, err) < 0)
        return -1;
    ds_answer_begin_rows(a, "windows");
    int result =
        a->store->ops->windows(a->store, &l.range, UINT64_MAX, false, each_window, &l, err);
    ds_answer_end_rows(a);
    if (result < 0)
        return -1;
    ds_answer_next(a, l.more ? l.cursor : NULL);
    return 0;
}

/* ---- one window ---- */

static json_t *window_json(const struct ds_window *w, const char *sensor)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *to = open_memstream(&text, &bytes);
    if (!to)
        return NULL;
    int printed = ds_window_print_json(to, w, sensor, false);
    int closed = fclose(to);
    json_t *json = printed == 0 && closed == 0 ? json_loadb(text, bytes, 0, NULL) : NULL;
    free(text);
    return json;
}

/* How many its JSON has: the cells of a port, side by side, are one. */
static size_t count_rows(const struct ds_window *w)
{
    size_t rows = w->country_count + w->device_count + w->signature_count + w->attack_count;
    for (size_t i = 0; i < w->cell_count; i++)
        rows += i == 0 || ds_cell_key(&w->cells[i]) >> 16 != ds_cell_key(&w->cells[i - 1]) >> 16;
    return rows;
}

static bool has_overflow(const struct ds_window *w)
{
    for (size_t i = 0; i < DS_OVERFLOW_COUNT; i++)
        if (w->overflow[i] > 0)
            return true;
    return false;
}

/* A count that is only a lower bound moves from sources to sources_peak, as everywhere. */
static void mark_inexact(struct answer *a, json_t *o, const char *key)
{
    char peak[32];
    json_t *count = json_object_get(o, key);
    if (!count)
        return;
    snprintf(peak, sizeof peak, "%s_peak", key);
    ds_answer_set(a, o, peak, json_incref(count));
    ds_answer_set(a, o, key, json_null());
}

static void mark_all_inexact(struct answer *a, json_t *window)
{
    static const struct {
        const char *table, *counts[3];
    } tables[] = {
        {"ports", {"sources"}},
        {"countries", {"sources"}},
        {"devices", {"sources"}},
        {"signatures", {"sources", "confirmed_sources"}},
        {"attacks", {"ports", "attack_ports", "addresses"}},
    };
    const char *key;
    json_t *row;
    size_t i;
    mark_inexact(a, window, "sources");
    json_object_foreach(json_object_get(window, "classes"), key, row)
        mark_inexact(a, row, "sources");
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        json_array_foreach(json_object_get(window, tables[t].table), i,
                           row) for (size_t c = 0; c < 3 && tables[t].counts[c]; c++)
            mark_inexact(a, row, tables[t].counts[c]);
}

static int each_name(void *arg, const char *sensor, const struct ds_window *w,
                     const struct ds_origin *origin)
{
    struct list *l = arg;
    ds_answer_append(l->answer, l->array, ds_answer_text(sensor));
    return 0;
}

/* Whose it is and how it came about, beside the fields of a window's JSON. */
static int write_origin(struct answer *a, const struct ds_window *w, const struct ds_origin *origin,
                        struct ds_error *err)
{
    struct ds_range range = {w->start_s, w->start_s + 1, a->range.sensor};
    struct list l = {.answer = a, .array = ds_answer_array(a, a->root, "sensors")};
    ds_answer_set(a, a->root, "parts", ds_answer_count(origin->parts));
    ds_answer_set(a, a->root, "coverage", ds_coverage(w->observed_ns, origin->sensors, w->seconds));
    int result =
        a->store->ops->windows(a->store, &range, DS_QUERY_LIMIT_MAX, false, each_name, &l, err);
    json_t *only = json_array_size(l.array) == 1 ? json_array_get(l.array, 0) : json_null();
    ds_answer_set(a, a->root, "sensor", json_incref(only));
    return result;
}

static int write_window(struct answer *a, const struct ds_window *w, const struct ds_origin *origin,
                        struct ds_error *err)
{
    const char *sensor = a->range.sensor;
    json_decref(a->root);
    a->root = window_json(w, sensor ? sensor : "all");
    if (!origin->sources_exact || has_overflow(w))
        mark_all_inexact(a, a->root);
    return write_origin(a, w, origin, err);
}

int ds_answer_window(struct answer *a, struct ds_error *err)
{
    struct ds_window w;
    struct ds_origin origin;
    char time[DS_TIME_TEXT];
    int found =
        a->store->ops->load(a->store, a->query->at.seconds, a->range.sensor, &w, &origin, err);
    if (found < 0)
        return -1;
    if (found > 0)
        return ds_error(err, DS_INPUT, "no window starts at %s; `windows` lists those there are",
                        ds_time_print(a->query->at.seconds, time));
    size_t rows = count_rows(&w);
    int result = rows > DS_QUERY_ROWS_MAX
                     ? ds_error(err, DS_USAGE,
                                "the window has %zu rows, an answer at most %u: ask for the `top` "
                                "of its time",
                                rows, DS_QUERY_ROWS_MAX)
                     : write_window(a, &w, &origin, err);
    ds_window_finish(&w);
    return result;
}
