/* SPDX-License-Identifier: Apache-2.0
 *
 * What a run of --windows is to make: the checked options of the command line, as constants. All
 * that is made follows from it, so the same plan gives the same windows.
 */
#ifndef DARKSCOPE_GEN_PLAN_H
#define DARKSCOPE_GEN_PLAN_H

#include "darkscope/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DS_GEN_DAY_S              86400
#define DS_GEN_WINDOWS_DAYS_MAX   7305 /* twenty years */
#define DS_GEN_SENSORS_MAX        64
#define DS_GEN_ADDRESSES_MAX      16777216u /* a /8 */
#define DS_GEN_SURGES_MAX         1000
#define DS_GEN_GAPS_MAX           100
#define DS_GEN_PERMILLE_MAX       500
/* Packets of one window, with which all figures of a window stay below every limit. */
#define DS_GEN_WINDOW_PACKETS_MAX 200000000u

/* A published year that is to be repeated. */
struct ds_gen_year {
    int year;
    double packets;     /* published */
    uint32_t addresses; /* published: on 31 December, rounded */
    double per_address; /* published packets per address, by the daily definition */
};

struct ds_gen_history {
    const char *name;
    uint32_t scale;    /* one packet stands for so many */
    uint32_t earliest; /* addresses when the first year begins */
    const struct ds_gen_year *years;
    size_t count;
};

struct ds_gen_plan {
    uint64_t seed;
    int64_t start_s, end_s; /* multiples of window_s */
    uint32_t window_s;
    int64_t utc_offset_s; /* of the days that hosts live by and that the truth counts */
    unsigned sensors;
    uint32_t addresses_first, addresses_last; /* of a sensor, growing evenly in between */
    double packets;                           /* of a sensor in a window, at the most busy pace */
    uint32_t listed;                          /* source records of a window, at most */
    uint32_t surges, gaps;                    /* in all; of each sensor */
    uint32_t late, repeated;                  /* of 1,000 messages */
    const struct ds_gen_history *history;     /* or NULL: then packets and addresses are its */
};

/* The day that a moment belongs to, counted from 1970. */
static inline int64_t ds_gen_plan_day(const struct ds_gen_plan *p, int64_t time_s)
{
    return (time_s + p->utc_offset_s) / DS_GEN_DAY_S; /* never before 1970 */
}

static inline size_t ds_gen_plan_days(const struct ds_gen_plan *p)
{
    return (size_t)(ds_gen_plan_day(p, p->end_s - 1) - ds_gen_plan_day(p, p->start_s) + 1);
}

#endif
