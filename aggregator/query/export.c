/* SPDX-License-Identifier: Apache-2.0
 *
 * An export: what is asked for, who fills the rows, and what they are filled with.
 */
#include "export_row.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the values of a row ---- */

static struct ds_export_value *set(struct export *x, enum column c)
{
    x->is_set[c] = true;
    x->all[c].is_null = false;
    return &x->all[c];
}

void ds_export_set_null(struct export *x, enum column c)
{
    set(x, c)->is_null = true;
}

void ds_export_set_text(struct export *x, enum column c, const char *text)
{
    if (text)
        set(x, c)->text = text;
    else
        ds_export_set_null(x, c);
}

/* No format has larger ones. */
void ds_export_set_count(struct export *x, enum column c, uint64_t count)
{
    set(x, c)->count = count > INT64_MAX ? INT64_MAX : count;
}

void ds_export_set_real(struct export *x, enum column c, double real)
{
    if (isfinite(real))
        set(x, c)->real = real;
    else
        ds_export_set_null(x, c);
}

void ds_export_set_time(struct export *x, enum column c, int64_t seconds)
{
    set(x, c)->time_ms = seconds * 1000;
}

void ds_export_set_flag(struct export *x, enum column c, bool flag)
{
    set(x, c)->flag = flag;
}

void ds_export_set_known(struct export *x, enum column c, bool known, uint64_t count)
{
    if (known)
        ds_export_set_count(x, c, count);
    else
        ds_export_set_null(x, c);
}

void ds_export_set_coverage(struct export *x, uint64_t observed_ns, uint64_t sensors,
                            int64_t length_s)
{
    double observed_s = (double)observed_ns / (double)NS_PER_S;
    double whole_s = (double)sensors * (double)length_s;
    double coverage = whole_s > 0 ? observed_s / whole_s : 0;
    ds_export_set_real(x, C_OBSERVED, observed_s);
    ds_export_set_real(x, C_COVERAGE, coverage < 1 ? coverage : 1);
}

void ds_export_set_unique(struct export *x, enum column c, const struct ds_figures *f, bool watched)
{
    bool known = watched && (f->sources_exact || f->sources_estimated);
    ds_export_set_known(x, c, known, f->sources);
    ds_export_set_text(x, c + 1, !known ? NULL : f->sources_exact ? "exact" : "estimated");
    if (known)
        ds_export_set_real(x, c + 2, f->sources_exact ? 0 : f->sources_error);
    else
        ds_export_set_null(x, c + 2);
}

void ds_export_set_figures(struct export *x, const struct ds_figures *f, bool watched)
{
    ds_export_set_known(x, C_PACKETS, watched, f->packets);
    ds_export_set_known(x, C_PACKETS_EXACT, watched, f->packets);
    ds_export_set_flag(x, C_FLOOR, f->is_floor);
    if (!watched)
        ds_export_set_null(x, C_FLOOR);
    ds_export_set_known(x, C_BYTES, watched && f->has_bytes, f->bytes);
    ds_export_set_known(x, C_SURVEY_PACKETS, watched && f->has_survey, f->survey_packets);
    ds_export_set_unique(x, C_SOURCES, f, watched);
    ds_export_set_known(x, C_SOURCES_PEAK, watched && f->has_sources, f->sources_peak);
}

int ds_export_send(struct export *x)
{
    const struct ds_export_table *t = x->table;
    for (size_t i = 0; i < t->column_count; i++) {
        unsigned c = t->columns[i] & (IS_KEY - 1);
        if (!x->is_set[c] || (x->all[c].is_null && !ds_export_column(t, i)->null))
            abort(); /* the description and what fills the table disagree: our mistake */
        x->values[i] = x->all[c];
    }
    return x->sink->row(x->sink->arg, x->values) == 0 ? 0 : 1;
}

/* ---- what is asked for ---- */

/* Is it one of the words? */
static bool has_word(const char *words, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = words; (at = strstr(at, word)); at += length)
        if ((at == words || at[-1] == ' ') && (at[length] == ' ' || !at[length]))
            return true;
    return false;
}

static int check_options(const struct ds_query *q, const struct ds_export_table *t,
                         struct ds_error *err)
{
    char options[DS_EXPORT_OPTIONS_BYTES];
    const char *name;
    ds_export_options(t, options);
    for (unsigned i = 0; (name = ds_query_name(i)); i++)
        if (ds_query_value(q, name) && strcmp(name, "table") != 0 && strcmp(name, "format") != 0 &&
            !has_word(options, name))
            return ds_error(err, DS_USAGE, "table %s takes no %s; it takes %s", t->name, name,
                            options);
    if (q->port_count > 1 && !(t->takes & TAKES_PORTS))
        return ds_error(err, DS_USAGE, "table %s takes one port; series takes several", t->name);
    return 0;
}

static int check_cost(const struct export *x)
{
    const struct answer *a = x->answer;
    uint64_t series = a->query->port_count > 1 ? a->query->port_count : 1;
    uint64_t cost = x->table->fill == FILL_SOURCES ? DS_QUERY_COST_SOURCES_MAX : DS_QUERY_COST_MAX;
    return x->table->takes & TAKES_PERIOD ? ds_check_cost(a, series, cost, x->err) : 0;
}

/* The steps of the period, which is widened to whole ones; all of it as one is as it is. */
static int cut(struct export *x, struct steps *steps)
{
    struct answer *a = x->answer;
    if (a->query->step_kind != DS_QUERY_STEP_ALL) {
        if (ds_steps_cut(a, ds_steps_choose(a), &a->range, 0, DS_QUERY_POINTS_PRINTED_MAX, steps,
                         x->err) < 0)
            return -1;
        a->range.from_s = steps->edges_s[0];
        a->range.to_s = steps->edges_s[steps->count];
        return 0;
    }
    *steps = (struct steps){.edges_s = malloc(2 * sizeof *steps->edges_s), .count = 1};
    if (!steps->edges_s)
        return ds_error(x->err, DS_FAILURE, "out of memory");
    steps->edges_s[0] = a->range.from_s;
    steps->edges_s[1] = a->range.to_s;
    return 0;
}

static int tell_head(const struct export *x)
{
    const struct ds_export_head head = {x->table, x->answer->calendar};
    return x->sink->head && x->sink->head(x->sink->arg, &head) != 0 ? 1 : 0;
}

static int fill_steps(struct export *x)
{
    static int (*const fills[])(struct export *, const struct steps *) = {
        [FILL_SERIES] = ds_export_series,          [FILL_STEPS] = ds_export_steps,
        [FILL_STEPS_BY_COUNTRY] = ds_export_steps, [FILL_INFECTED] = ds_export_infected,
        [FILL_SENSORS] = ds_export_sensors,        [FILL_MALFORMED] = ds_export_sensors,
    };
    struct steps steps = {0};
    int result = cut(x, &steps);
    if (result == 0)
        result = tell_head(x);
    if (result == 0)
        result = fills[x->table->fill](x, &steps);
    ds_steps_finish(&steps);
    return result;
}

static int fill(struct export *x)
{
    static int (*const fills[FILL_COUNT])(struct export *) = {
        [FILL_WINDOWS] = ds_export_windows,         [FILL_ATTACKS] = ds_export_attacks,
        [FILL_SOURCES] = ds_export_sources,         [FILL_SEEN] = ds_export_seen,
        [FILL_SENSOR_LIST] = ds_export_sensor_list,
    };
    if (check_cost(x) < 0 || ds_answer_check_signature(x->answer, x->err) < 0)
        return -1;
    if (x->table->takes & TAKES_STEP)
        return fill_steps(x);
    return tell_head(x) != 0 ? 1 : fills[x->table->fill](x);
}

int ds_export_run(const struct ds_query *query, struct ds_store *store,
                  const struct ds_export_sink *sink, struct ds_error *err)
{
    struct answer a = {.query = query, .store = store};
    const char *name = ds_query_value(query, "table");
    const struct ds_export_table *table = name ? ds_export_find(name) : NULL;
    char names[DS_EXPORT_NAMES_BYTES];
    if (!table)
        return ds_error(err, DS_USAGE, "which table? %s", ds_export_names(names));
    struct export *x = calloc(1, sizeof *x);
    if (!x)
        return ds_error(err, DS_FAILURE, "out of memory");
    *x = (struct export){.answer = &a, .table = table, .sink = sink, .err = err};
    x->limit = query->limit ? query->limit : UINT64_MAX;
    int result = check_options(query, table, err);
    if (result == 0)
        result = ds_answer_prepare(&a, err);
    if (result == 0)
        result = fill(x);
    ds_calendar_close(a.calendar);
    free(x);
    return result;
}

/* ---- as text ---- */

struct printing {
    const struct ds_query *query;
    struct ds_export_text *text;
    ds_query_write_fn *write;
    void *arg;
    bool no_memory;
};

static int print(struct printing *p, const char *text, size_t size)
{
    if (!text)
        p->no_memory = true;
    return text ? p->write(p->arg, text, size) : -1;
}

static int print_head(void *arg, const struct ds_export_head *head)
{
    struct printing *p = arg;
    size_t size = 0;
    p->text = ds_export_text_create(p->query->format == DS_QUERY_FORMAT_CSV, head);
    p->no_memory = !p->text;
    if (!p->text)
        return -1;
    const char *line = ds_export_text_head(p->text, &size);
    return print(p, line, size);
}

static int print_row(void *arg, const struct ds_export_value *values)
{
    struct printing *p = arg;
    size_t size = 0;
    const char *row = ds_export_text_row(p->text, values, &size);
    return print(p, row, size);
}

int ds_export_print(const struct ds_query *query, struct ds_store *store, ds_query_write_fn *write,
                    void *arg, struct ds_error *err)
{
    struct printing p = {.query = query, .write = write, .arg = arg};
    const struct ds_export_sink sink = {print_head, print_row, &p};
    int result = ds_export_run(query, store, &sink, err);
    ds_export_text_destroy(p.text);
    if (p.no_memory)
        return ds_error(err, DS_FAILURE, "out of memory");
    return result > 0 ? ds_error(err, DS_FAILURE, "the answer cannot be written") : result;
}
