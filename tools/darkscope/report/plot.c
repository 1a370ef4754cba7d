/* SPDX-License-Identifier: Apache-2.0 */
#include "plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TICKS 5

/* Okabe and Ito's colours, which people of all kinds of colour vision tell apart; lines also differ
 * in their dashes, for print. */
static const char *const colors[PLOT_SERIES_MAX] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                    "#e69f00", "#56b4e9", "#000000", "#8a8a8a"};
static const char *const dashes[PLOT_SERIES_MAX] = {"none", "7 3", "2 2",      "9 3 2 3",
                                                    "4 2",  "1 3", "12 3 4 3", "none"};

const char *plot_color(size_t series)
{
    return colors[series % PLOT_SERIES_MAX];
}

const char *plot_dash(size_t series)
{
    return dashes[series % PLOT_SERIES_MAX];
}

static const json_t *find_column(const json_t *table, const char *id)
{
    size_t i;
    json_t *column;
    json_array_foreach(json_object_get(table, "columns"), i,
                       column) if (strcmp(report_text_of(column, "id"), id) == 0) return column;
    return NULL;
}

const json_t *plot_row(const struct plot *p, size_t row)
{
    return json_array_get(json_object_get(p->table, "rows"), row);
}

static void read_values(struct plot *p)
{
    p->least = INFINITY;
    for (size_t s = 0; s < p->series_count; s++)
        for (size_t i = 0; i < p->count; i++) {
            const json_t *v = json_object_get(plot_row(p, i), report_text_of(p->columns[s], "id"));
            double value = v && json_is_number(v) ? json_number_value(v) : NAN;
            p->values[s * p->count + i] = value;
            if (isnan(value))
                continue;
            p->most = value > p->most ? value : p->most;
            if (value > 0 || !p->is_log)
                p->least = value < p->least ? value : p->least;
        }
}

/* A series without any value (no year before) is not drawn, if another has some. */
static void drop_empty(struct plot *p)
{
    size_t kept = 0;
    for (size_t s = 0; s < p->series_count; s++) {
        bool is_known = false;
        for (size_t i = 0; i < p->count; i++)
            is_known = is_known || !isnan(plot_value(p, s, i));
        if (!is_known)
            continue;
        if (p->count > 0)
            memmove(p->values + kept * p->count, p->values + s * p->count,
                    p->count * sizeof *p->values);
        p->columns[kept++] = p->columns[s];
    }
    p->series_count = kept ? kept : p->series_count;
}

bool plot_init(struct plot *p, const json_t *root, const json_t *figure,
               enum report_language language)
{
    size_t i;
    json_t *id;
    *p = (struct plot){.language = language};
    p->table = report_find_table(root, report_text_of(figure, "table"));
    p->x = find_column(p->table, report_text_of(figure, "x"));
    p->is_log = json_is_true(json_object_get(figure, "logarithmic"));
    json_array_foreach(json_object_get(figure, "series"), i,
                       id) if (p->series_count < PLOT_SERIES_MAX)
    {
        p->columns[p->series_count] = find_column(p->table, json_string_value(id));
        p->series_count += p->columns[p->series_count] != NULL;
    }
    p->count = json_array_size(json_object_get(p->table, "rows"));
    p->values = calloc(p->series_count * p->count + 1, sizeof *p->values);
    if (!p->x || !p->series_count || !p->values)
        return false;
    p->is_share = strcmp(report_text_of(p->columns[0], "kind"), "share") == 0;
    read_values(p);
    drop_empty(p);
    return true;
}

void plot_finish(struct plot *p)
{
    free(p->values);
    p->values = NULL;
}

/* 1, 2 or 5 times a power of ten. */
static double round_step(double span)
{
    double rough = span / TICKS, power = pow(10, floor(log10(rough)));
    double digit = rough / power;
    return power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
}

struct scale plot_scale(const struct plot *p, double begin, double end)
{
    struct scale s = {.is_log = p->is_log && p->most > 0, .begin = begin, .end = end};
    if (s.is_log) {
        s.low = pow(10, floor(log10(p->least)));
        s.high = pow(10, ceil(log10(p->most)));
        if (s.high <= s.low)
            s.high = 10 * s.low;
        return s;
    }
    double step = p->most > 0 ? round_step(p->most) : 0.2;
    s.high = p->most > 0 ? step * ceil(p->most / step) : 1;
    return s;
}

double scale_at(const struct scale *s, double value)
{
    double part = s->is_log ? (log10(value > s->low ? value : s->low) - log10(s->low)) /
                                  (log10(s->high) - log10(s->low))
                            : (value - s->low) / (s->high - s->low);
    return s->begin + part * (s->end - s->begin);
}

double scale_next_tick(const struct scale *s, double at)
{
    if (isnan(at))
        return s->low;
    double step = s->is_log ? 0 : round_step(s->high - s->low);
    double next = s->is_log ? at * 10 : step * round(at / step + 1);
    return next <= s->high * 1.0001 ? next : NAN;
}

const char *plot_tick(const struct plot *p, double value, char out[static PLOT_LABEL])
{
    static const char *const units[] = {"", "k", "M", "G", "T", "P"};
    size_t unit = 0;
    if (p->is_share) {
        snprintf(out, PLOT_LABEL, "%.4g %%", 100 * value);
        return out;
    }
    while (fabs(value) >= 1000 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1000;
        unit++;
    }
    snprintf(out, PLOT_LABEL, "%.4g%s%s", value, unit ? " " : "", units[unit]);
    return out;
}
