/* SPDX-License-Identifier: Apache-2.0
 *
 * Exact numbers of unique hosts: which places of the population were seen on a day, and which hosts
 * in a week, month, year and the whole run. One bit a place and day, so nothing is estimated.
 */
#ifndef DARKSCOPE_GEN_UNIQUES_H
#define DARKSCOPE_GEN_UNIQUES_H

#include "maker.h"

enum ds_gen_span { DS_GEN_WEEK, DS_GEN_MONTH, DS_GEN_YEAR, DS_GEN_RUN, DS_GEN_SPAN_COUNT };

/* Unique hosts of a day or a span: by party, and the victims of attacks. */
struct ds_gen_heads_count {
    uint32_t *parties;
    uint64_t victims;
    uint64_t victims_of[512]; /* by place */
};

struct ds_gen_uniques {
    const struct ds_gen_maker *maker; /* borrowed */
    size_t slot_words, victim_words;
    uint64_t *slots;                   /* of the day: a bitmap of each sensor, then one of all */
    uint64_t *victims;                 /* likewise */
    uint64_t *tracks;                  /* of the day: a bitmap of slots of each tracked port */
    uint32_t *last[DS_GEN_SPAN_COUNT]; /* by slot: 1 + the host counted last in the span */
    struct ds_gen_heads_count day, spans[DS_GEN_SPAN_COUNT];
};

/* 0, or -1 without memory; must be given to finish in any case. */
int ds_gen_uniques_init(struct ds_gen_uniques *u, const struct ds_gen_maker *maker);
void ds_gen_uniques_finish(struct ds_gen_uniques *u);

/* Sees the hosts of the window that the maker made last. */
void ds_gen_uniques_see(struct ds_gen_uniques *u, unsigned sensor);

/* The day (of the run) is over: counts it into u->day and the spans. The next one begins when
 * ds_gen_uniques_clear_day was called. */
void ds_gen_uniques_count_day(struct ds_gen_uniques *u, uint32_t day);
void ds_gen_uniques_clear_day(struct ds_gen_uniques *u);
void ds_gen_uniques_clear_span(struct ds_gen_uniques *u, enum ds_gen_span span);

/* Of the day, before it is cleared: those that a sensor saw, and those of a tracked port. */
uint64_t ds_gen_uniques_of_sensor(const struct ds_gen_uniques *u, unsigned sensor);
uint64_t ds_gen_uniques_of_track(const struct ds_gen_uniques *u, unsigned track);

#endif
