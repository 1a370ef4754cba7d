/* SPDX-License-Identifier: Apache-2.0 */
#include "query-world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int open_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    scratch_open(&w->scratch);
    for (int i = 0; i < COUNT; i++) {
        int minute = i < 12 ? i : i < 18 ? i - 6 : i + 2;
        w->sensors[i] = i < 12 ? "a" : "b";
        scratch_window(&w->windows[i], (uint64_t)i + 1, START + minute * 60);
    }
    /* The sensors' numbers in the store are in another order than their names. */
    for (int i = COUNT - 1; i >= 0; i--)
        scratch_put(&w->scratch, w->sensors[i], &w->windows[i]);
    *state = w;
    return 0;
}

int close_world(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < COUNT; i++)
        ds_window_finish(&w->windows[i]);
    scratch_close(&w->scratch);
    free(w);
    return 0;
}

int set_pairs(struct ds_query *query, const char *pairs, struct ds_error *err)
{
    char copy[256], *save = NULL;
    snprintf(copy, sizeof copy, "%s", pairs);
    for (char *name = strtok_r(copy, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
        char *value = strchr(name, '=');
        *value++ = 0;
        if (ds_query_set(query, name, value, err) < 0)
            return -1;
    }
    return 0;
}

int ask(struct world *w, enum ds_query_kind kind, const char *pairs, json_t **out,
        struct ds_error *err)
{
    struct ds_query query;
    ds_query_init(&query, kind);
    if (set_pairs(&query, pairs, err) < 0)
        return -1;
    return ds_query_run(&query, w->scratch.store, out, err);
}

json_t *answer(struct world *w, enum ds_query_kind kind, const char *pairs)
{
    struct ds_error err = {0};
    json_t *json = NULL;
    if (ask(w, kind, pairs, &json, &err) < 0)
        fail_msg("%s: %s", pairs, err.text);
    return json;
}

json_int_t number(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    if (!json_is_integer(value))
        fail_msg("%s is no integer", key);
    return json_integer_value(value);
}

const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    if (!value)
        fail_msg("%s is no text", key);
    return value;
}

bool is_null(const json_t *object, const char *key)
{
    return json_is_null(json_object_get(object, key));
}

/* ---- by hand ---- */

bool is_wanted(const struct ds_cell *c, const struct wanted *f)
{
    return (f->cls < 0 || c->cls == f->cls) && (f->proto < 0 || c->proto == f->proto) &&
           (f->port < 0 || c->port == f->port) && (f->country < 0 || c->country == f->country);
}

struct sums sum_up(const struct world *w, const struct wanted *f, int64_t from, int64_t to)
{
    struct sums s = {0};
    for (int i = 0; i < COUNT; i++) {
        const struct ds_window *win = &w->windows[i];
        uint64_t sources[DS_CLASS_COUNT] = {0};
        if (win->start_s < from || win->start_s >= to ||
            (f->sensor && strcmp(f->sensor, w->sensors[i]) != 0))
            continue;
        s.windows++;
        s.observed_ns += win->observed_ns;
        for (size_t c = 0; c < win->cell_count; c++) {
            const struct ds_cell *cell = &win->cells[c];
            if (!is_wanted(cell, f))
                continue;
            s.packets += cell->packets;
            s.bytes += cell->bytes;
            s.survey += cell->survey_packets;
            sources[cell->cls] += cell->sources;
        }
        for (int c = 0; c < DS_CLASS_COUNT; c++) {
            s.rows += sources[c] > 0;
            s.peak = sources[c] > s.peak ? sources[c] : s.peak;
        }
    }
    return s;
}
