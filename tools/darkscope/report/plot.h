/* SPDX-License-Identifier: Apache-2.0
 *
 * A figure's values, and the scale they are drawn by. Private to the charts.
 */
#ifndef DARKSCOPE_REPORT_PLOT_H
#define DARKSCOPE_REPORT_PLOT_H

#include "cell.h"

#define PLOT_SERIES_MAX 8
#define PLOT_WIDTH      760
#define PLOT_LABEL      64

struct scale {
    double low, high;
    bool is_log;
    double begin, end; /* where low and high are drawn */
};

struct plot {
    const json_t *table, *columns[PLOT_SERIES_MAX], *x;
    size_t series_count, count; /* rows */
    double *values;             /* series * count; NAN: not known */
    bool is_share, is_log;
    double least, most; /* of the values, above 0 where is_log */
    enum report_language language;
};

/* False where the table is not there, or without memory. The caller finishes it. */
bool plot_init(struct plot *p, const json_t *root, const json_t *figure,
               enum report_language language);
void plot_finish(struct plot *p);

static inline double plot_value(const struct plot *p, size_t series, size_t row)
{
    return p->values[series * p->count + row];
}

const json_t *plot_row(const struct plot *p, size_t row);
const char *plot_color(size_t series);
const char *plot_dash(size_t series);

/* A scale over the values, its ends on round numbers. */
struct scale plot_scale(const struct plot *p, double begin, double end);
double scale_at(const struct scale *s, double value);
/* The tick after at; below the first where at is NAN. NAN at the end. */
double scale_next_tick(const struct scale *s, double at);
/* "1.5 M", "40 %". Returns out. */
const char *plot_tick(const struct plot *p, double value, char out[static PLOT_LABEL]);

#endif
