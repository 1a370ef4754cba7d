/* SPDX-License-Identifier: Apache-2.0
 *
 * How many addresses there are and how busy the telescope is in the course of a run: even, or by a
 * published history. By days of the plan.
 */
#ifndef DARKSCOPE_GEN_PACE_H
#define DARKSCOPE_GEN_PACE_H

#include "plan.h"

#define DS_GEN_YEARS_MAX 64

/* A year of a history. Addresses go evenly from those of the last 31 December to a number in the
 * middle of the year, and on to those of this 31 December. The one in the middle is such that
 * packets / addresses, summed over the days, is the published figure. */
struct ds_gen_pace_year {
    int64_t first_day;
    int days;
    double part; /* of plan.packets */
    double from, middle, to;
};

struct ds_gen_pace {
    const struct ds_gen_plan *plan; /* borrowed */
    struct ds_gen_pace_year years[DS_GEN_YEARS_MAX];
    size_t year_count;
};

void ds_gen_pace_init(struct ds_gen_pace *p, const struct ds_gen_plan *plan);

/* Packets of a window on that day, in parts of plan.packets. */
double ds_gen_pace_packets(const struct ds_gen_pace *p, int64_t day);

/* Monitored addresses of a sensor on that day. */
uint32_t ds_gen_pace_addresses(const struct ds_gen_pace *p, int64_t day, unsigned sensor);

/* The published histories, and their years as seconds since 1970: [*start, *end). */
const struct ds_gen_history *ds_gen_history_find(const char *name);
void ds_gen_history_span(const struct ds_gen_history *h, int64_t *start_s, int64_t *end_s);

/* Packets of a window of the busiest year. */
double ds_gen_history_packets(const struct ds_gen_history *h, uint32_t window_s);

/* Days from 1970 to 1 January of a year. */
int64_t ds_gen_year_day(int year);

/* The year of a day, and the first day of its month. */
int ds_gen_day_year(int64_t day);
int64_t ds_gen_month_day(int64_t day);

#endif
