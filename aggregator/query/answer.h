/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the query engine share. Nothing outside this folder includes it.
 *
 *   parse.c    name=value pairs -> struct ds_query      top.c      top tables
 *   run.c      period, sensors, coverage; dispatch      summary.c  sums
 *   answer.c   JSON building                            list.c     sensors, windows, one window
 *   series.c   points in time                            sources.c  top sources
 *   series.c   points in time                             attacks.c  attacks
 */
#ifndef DARKSCOPE_QUERY_ANSWER_H
#define DARKSCOPE_QUERY_ANSWER_H

#include "query.h"

#define NS_PER_S UINT64_C(1000000000)

/* An answer under construction. failed sticks once memory ran out; run.c reports it. */
struct answer {
    const struct ds_query *query;
    struct ds_store *store;
    struct ds_range range; /* after defaults and alignment */
    int64_t grid_s;        /* of the sensors asked for, together */
    json_t *root;
    bool failed;
};

/* ---- answer.c ---- */

/* Takes over value (NULL: no memory). */
void ds_answer_set(struct answer *a, json_t *object, const char *key, json_t *value);
void ds_answer_append(struct answer *a, json_t *array, json_t *value);
/* A new object or array under key, borrowed; NULL without memory, which the others accept. */
json_t *ds_answer_object(struct answer *a, json_t *in, const char *key);
json_t *ds_answer_array(struct answer *a, json_t *in, const char *key);

json_t *ds_answer_count(uint64_t value); /* saturates at INT64_MAX */
json_t *ds_answer_time(int64_t seconds);
json_t *ds_answer_text(const char *text); /* what is not UTF-8 becomes '?' */

/* 0..1: observed_ns of the sensors' length_s each. */
json_t *ds_coverage(uint64_t observed_ns, uint64_t sensors, int64_t length_s);
/* The same with observed_seconds beside it. */
void ds_answer_coverage(struct answer *a, json_t *object, uint64_t observed_ns, uint64_t sensors,
                        int64_t length_s);

/* packets, bytes, sources, sources_peak, survey_packets: those that are kept; all null where
 * nobody watched. */
void ds_answer_figures(struct answer *a, json_t *object, const struct ds_figures *figures,
                       bool watched);

/* from, to, sensor, and the filter where there is one. */
void ds_answer_head(struct answer *a);

/* ---- one a kind; 0 or -1 with err ---- */

int ds_answer_series(struct answer *a, struct ds_error *err);
int ds_answer_top(struct answer *a, struct ds_error *err);
int ds_answer_summary(struct answer *a, struct ds_error *err);
int ds_answer_sensors(struct answer *a, struct ds_error *err);
int ds_answer_windows(struct answer *a, struct ds_error *err);
int ds_answer_window(struct answer *a, struct ds_error *err);
int ds_answer_sources(struct answer *a, struct ds_error *err);
int ds_answer_attacks(struct answer *a, struct ds_error *err);

/* top.c, also for summary.c: the rows of a top table into a new array under key; the sums of those
 * rows and of all. */
int ds_answer_top_rows(struct answer *a, const char *key, enum ds_by by, uint64_t limit,
                       struct ds_figures *shown, struct ds_figures *total, struct ds_error *err);
const char *ds_by_name(unsigned by);
const char *ds_survey_part_name(unsigned part);

#endif
