/* SPDX-License-Identifier: Apache-2.0
 *
 * What gathering shares: series by day, whole top tables.
 */
#ifndef DARKSCOPE_REPORT_GATHER_H
#define DARKSCOPE_REPORT_GATHER_H

#include "document.h"

/* Days side by side; those that nobody watched have windows 0. */
struct days {
    const int64_t *edges_s; /* borrowed, count + 1 */
    size_t count;
    struct ds_point *points;
};

/* Whether unique hosts are wanted: they take most of the time. */
enum hosts { WITH_HOSTS, WITHOUT_HOSTS };

/* Days that are asked for: count + 1 edges, borrowed. */
struct wanted_days {
    const int64_t *edges_s;
    size_t count;
    enum hosts hosts;
    bool with_active; /* active addresses of the day, not of its busiest window */
};

/* Of a filter, by the edges. 0 and *out, which the caller finishes; or -1 with err. */
int report_days_read(struct report *r, const struct wanted_days *days,
                     const struct ds_filter *filter, struct days *out, struct ds_error *err);
/* The days of the period. */
struct wanted_days report_days(const struct report *r, enum hosts hosts);
void report_days_finish(struct days *d);
/* Of the whole period in one: the figures of a filter. 0 or -1. */
int report_whole_read(struct report *r, const struct ds_filter *filter, struct ds_point *out,
                      struct ds_error *err);

struct wanted_top {
    const struct ds_range *range;
    enum ds_by by;
    const struct ds_filter *filter;
    enum hosts hosts; /* of the first rows: */
    size_t rows;
};

/* A whole top table. */
struct top {
    struct ds_top_row *rows;
    size_t count, room;
    struct ds_figures total;
};
/* 0 and *out, which the caller finishes; or -1. */
int report_top_read(struct report *r, const struct wanted_top *top, struct top *out,
                    struct ds_error *err);
/* All rows, those with most hosts first; which are known of the REPORT_CANDIDATES that had most in
 * one window, and stand before the others. */
#define REPORT_CANDIDATES 24
int report_top_read_hosts(struct report *r, const struct wanted_top *top, struct top *out,
                          struct ds_error *err);
void report_top_finish(struct top *t);

/* The period a year earlier. False where the store has no window of it. */
bool report_year_before(const struct report *r, struct ds_range *out);

/* "23/tcp", "8/0/icmp", "47". */
#define REPORT_SERVICE 24
const char *report_service(uint8_t proto, uint16_t port, char out[static REPORT_SERVICE]);

/* Packets per address over days: the sum of packets(day) / addresses(day). */
struct per_address {
    double by_active; /* addresses that got a packet on the day, as far as they are known: */
    enum ds_active certainty; /* of the weakest day */
    double error;             /* relative: the most of a day */
    double by_monitored;      /* all monitored ones */
    bool monitored_known;     /* on every day with packets */
    double mean_active;       /* over watched days */
    uint64_t packets;
    size_t days_watched;
};
struct per_address report_per_address(const struct days *d);
/* Of a figure that grows with active addresses, or falls. */
enum report_certainty report_certainty_of(enum ds_active active, bool falls);

/* Time that so many sensors have to watch: that of the range, which has begun, until now. */
double report_expected_s(const struct report *r, const struct ds_range *range, uint64_t sensors);
/* Watched by expected time. At most 1, as in all answers: a sensor's clock may be ahead. */
json_t *report_coverage(const struct report *r, const struct ds_range *range, uint64_t sensors,
                        uint64_t observed_ns);

/* Begins of the months of the period, count + 1 edges; the caller frees. NULL without memory. */
int64_t *report_month_edges(const struct report *r, size_t *count);

#endif
