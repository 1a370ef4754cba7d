/* SPDX-License-Identifier: Apache-2.0
 *
 * The truth: what was made, summed by day, sensor, year and in all. It adds up the windows as they
 * are handed out and takes unique hosts from the population; it never looks at what a store says.
 */
#ifndef DARKSCOPE_GEN_LEDGER_H
#define DARKSCOPE_GEN_LEDGER_H

#include "uniques.h"

#include <stdio.h>

#define DS_GEN_PLACES_MAX   512
#define DS_GEN_SERVICES_MAX 16  /* (class, protocol) of cells */
#define DS_GEN_DAY_PORTS    100 /* rows of ports that a day lists */

/* Sums over windows. */
struct ds_gen_sum {
    uint64_t messages, windows; /* windows: those with the same start are one */
    uint64_t observed_ns;
    uint64_t books[DS_BOOK_COUNT], malformed[DS_MALFORMED_COUNT], types[DS_TYPE_COUNT];
    uint64_t protocols[256];
    uint64_t bytes;
    uint64_t addresses, active_addresses; /* of a sensor: the most of a window; else their sum */
    struct ds_tally classes[DS_CLASS_COUNT], countries[DS_GEN_PLACES_MAX]; /* no sources */
    uint64_t devices[DS_DEVICE_COUNT], signatures[DS_GEN_MARKS_MAX];       /* packets */
};

struct ds_gen_port_sum {
    uint64_t packets, bytes, survey;
};

/* Ports of one class and protocol. */
struct ds_gen_service {
    uint8_t cls, proto;
    struct ds_gen_port_sum *day, *run; /* by port */
};

/* A stretch in which a sensor did not watch. */
struct ds_gen_gap {
    unsigned sensor;
    int64_t from_ms, to_ms;
};

struct ds_gen_ledger {
    const struct ds_gen_maker *maker; /* borrowed */
    struct ds_gen_uniques uniques;
    struct ds_gen_sum *day, *run; /* by sensor */
    struct ds_gen_sum year, all;
    int64_t *last_start_s; /* by sensor */
    struct ds_gen_service services[DS_GEN_SERVICES_MAX];
    size_t service_count;
    uint8_t service_of[DS_CLASS_COUNT][256]; /* 1 + index; 0: none yet */
    uint16_t *place_of;                      /* by country */
    int64_t today;                           /* -1: none yet */
    double year_per_address, year_active;    /* sums over days */
    uint32_t year_days;
    bool failed;                           /* no memory: the sums are wrong */
    FILE *days, *spans[DS_GEN_SPAN_COUNT]; /* JSON of those that are over, in temporary files */
    uint64_t days_written, spans_written[DS_GEN_SPAN_COUNT];
};

/* 0, or -1 with errno; must be given to finish in any case. */
int ds_gen_ledger_init(struct ds_gen_ledger *l, const struct ds_gen_maker *maker);
void ds_gen_ledger_finish(struct ds_gen_ledger *l);

/* Adds the window that the maker made last of the piece. */
void ds_gen_ledger_add(struct ds_gen_ledger *l, const struct ds_gen_piece *piece,
                       const struct ds_window *w);

/* Ends the last day. */
void ds_gen_ledger_close(struct ds_gen_ledger *l);

/* Writes all as one JSON object; parameters is a JSON object, names are the sensors'. 0, or -1 with
 * errno. After close. */
int ds_gen_ledger_write(struct ds_gen_ledger *l, FILE *to, const char *parameters,
                        const struct ds_gen_gap *gaps, size_t gap_count);

/* Parts that ledger_json.c has: append the day, or a span, to its file. */
void ds_gen_ledger_print_day(struct ds_gen_ledger *l);
void ds_gen_ledger_print_span(struct ds_gen_ledger *l, enum ds_gen_span span, int64_t first_day);

/* Adds what adds over windows, days and sensors alike: all but addresses. */
void ds_gen_sum_add(struct ds_gen_sum *into, const struct ds_gen_sum *from);

/* "telescope-1" for sensor 0. */
const char *ds_gen_sensor_name(unsigned sensor, char out[static DS_NAME_MAX + 1]);

#endif
