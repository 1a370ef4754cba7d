/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the query engine share. Nothing outside this folder includes it.
 *
 *   parse.c    name=value pairs -> struct ds_query      series.c   points in time
 *   values.c   their values                            top.c      top tables
 *   run.c      do its parts go together; dispatch      compare.c  ... beside another period's
 *   period.c   which time, which sensors
 *   answer.c   JSON building                            summary.c  sums
 *   print.c    JSON text                                list.c     sensors, windows, one window
 *   csv.c      CSV text                                 sources.c  top sources
 *                                                       attacks.c  attacks
 *   export_tables.c  what is exported                 seen.c     when ports were first seen
 *   export.c         dispatch, rows                   export_steps.c  tables of steps
 *   export_text.c    rows as text                     export_lists.c  the others
 */
#ifndef DARKSCOPE_QUERY_ANSWER_H
#define DARKSCOPE_QUERY_ANSWER_H

#include "query.h"

#define NS_PER_S UINT64_C(1000000000)

struct printer;

/* An answer under construction. failed sticks once memory ran out; run.c reports it. */
struct answer {
    const struct ds_query *query;
    struct ds_store *store;
    struct ds_calendar *calendar; /* of the question's zone */
    struct ds_filter filter;      /* the question's, with its port where that is one */
    struct ds_query_port ports[DS_QUERY_PORTS_MAX]; /* the question's, each with its protocol */
    struct ds_range range;                          /* after defaults and alignment */
    struct ds_range before;                         /* what it is compared with; empty: nothing */
    bool has_floors;       /* figures may be lower bounds: answers say of each */
    bool has_estimates;    /* unique sources that no window counts may be estimated: likewise */
    uint64_t skip;         /* rows before the first, by the cursor */
    int64_t grid_s;        /* of the sensors asked for, together */
    uint64_t windows_most; /* that there can be in range */
    json_t *root;
    struct printer *printer; /* rows are printed as they come; NULL: all goes into root */
    json_t *rows;            /* borrowed: where rows go without a printer */
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
json_t *ds_answer_real(double value);
/* In the question's zone. */
json_t *ds_answer_time(const struct answer *a, int64_t seconds);
json_t *ds_answer_time_ms(const struct answer *a, int64_t ms);
json_t *ds_answer_text(const char *text); /* what is not UTF-8 becomes '?' */

/* 0..1: observed_ns of the sensors' length_s each. */
json_t *ds_coverage(uint64_t observed_ns, uint64_t sensors, int64_t length_s);
/* The same with observed_seconds beside it. */
void ds_answer_coverage(struct answer *a, json_t *object, uint64_t observed_ns, uint64_t sensors,
                        int64_t length_s);

/* sources, sources_error, sources_peak; the first two null where they are not known, all where
 * nobody watched. */
void ds_answer_unique(struct answer *a, json_t *object, const struct ds_figures *figures,
                      bool watched);

/* packets, bytes, what ds_answer_unique says or is estimated, survey_packets: those that are kept;
 * all null where nobody watched. */
void ds_answer_figures(struct answer *a, json_t *object, const struct ds_figures *figures,
                       bool watched);

/* The names of a service port. */
void ds_answer_port(struct answer *a, json_t *object, uint8_t proto, uint16_t port);

/* from, to, tz, sensor, and the filter where there is one. */
void ds_answer_head(struct answer *a);
/* The period that is compared with, where there is one, under "compare" with its coverage, and its
 * totals, else all 0. */
int ds_answer_compare(struct answer *a, struct ds_totals *before, struct ds_error *err);

/* next: a link to what comes behind the cursor; NULL: null. */
void ds_answer_next(struct answer *a, const char *cursor);
/* The same for kinds whose cursor counts rows: there is more behind this page or not. */
void ds_answer_next_rows(struct answer *a, bool more);

/* ---- period.c ---- */

/* Sets what a says of the period, its calendar and its sensors. 0, or -1 with err. */
int ds_find_period(struct answer *a, struct ds_error *err);
/* DS_USAGE where a question would read more windows than cost, series times over. */
int ds_check_cost(const struct answer *a, uint64_t series, uint64_t cost, struct ds_error *err);

/* ---- print.c: rows that may be many ---- */

/* What stands before the rows is in a->root now; what is set between begin and end comes behind. */
void ds_answer_begin_rows(struct answer *a, const char *key);
/* Takes the row over (NULL: no memory). 0, or -1 where it is of no use to go on: run.c knows why.
 */
int ds_answer_row(struct answer *a, json_t *row);
void ds_answer_end_rows(struct answer *a);

/* ---- one a kind; 0 or -1 with err ---- */

int ds_answer_series(struct answer *a, struct ds_error *err);
int ds_answer_top(struct answer *a, struct ds_error *err);
int ds_answer_summary(struct answer *a, struct ds_error *err);
int ds_answer_sensors(struct answer *a, struct ds_error *err);
int ds_answer_windows(struct answer *a, struct ds_error *err);
int ds_answer_window(struct answer *a, struct ds_error *err);
int ds_answer_sources(struct answer *a, struct ds_error *err);
int ds_answer_attacks(struct answer *a, struct ds_error *err);
int ds_answer_seen(struct answer *a, struct ds_error *err);

/* run.c: the filter, the period and the sensors of a question; the caller closes the calendar. 0,
 * or -1 with err. */
int ds_answer_prepare(struct answer *a, struct ds_error *err);
/* series.c: DS_INPUT where the filter names a signature that nothing has ever had. */
int ds_answer_check_signature(const struct answer *a, struct ds_error *err);
/* export.c: as ds_query_print. */
int ds_export_print(const struct ds_query *query, struct ds_store *store, ds_query_write_fn *write,
                    void *arg, struct ds_error *err);

/* top.c, also for summary.c: the first rows of a top table into a new array under key. */
int ds_answer_top_rows(struct answer *a, const char *key, enum ds_by by, struct ds_error *err);
const char *ds_by_name(unsigned by);
/* The i-th name of a question, NULL behind the last. */
const char *ds_query_name(unsigned i);
/* The array of an answer that is its rows; NULL: it has none (summary, window). */
const char *ds_answer_rows_key(enum ds_query_kind kind);
const char *ds_survey_part_name(unsigned part);

#endif
