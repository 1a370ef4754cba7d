/* SPDX-License-Identifier: Apache-2.0
 *
 * Counts what was built, in all and by window, and writes the sidecar. It knows nothing but the
 * facts that builders state; no code is shared with the sensor.
 *
 * Windows: aligned to UTC. One closes when a packet's time reaches its end plus the lateness. A
 * packet older than the oldest open window is counted into that one and as late; one after the
 * end belongs to the next window while the previous is still open. The generator's packets are
 * never a window apart nor an hour back, so what a sensor does then has no case here.
 */
#ifndef DARKSCOPE_GEN_TRUTH_H
#define DARKSCOPE_GEN_TRUTH_H

#include "country.h"
#include "tally.h"

#include <stdio.h>

struct ds_gen_truth {
    const struct ds_gen_countries *countries; /* borrowed, may be NULL */
    int64_t window_ns;
    uint64_t addresses;
    struct ds_gen_set sources, destinations; /* numbers of addresses */
    ds_country *source_country;              /* by number of sources */
    size_t source_room;
    struct ds_gen_tally all;
    struct ds_gen_tally open[2]; /* windows `oldest` and the one after it */
    int64_t oldest;              /* ordinal: start / length */
    int64_t first_ns, newest_ns; /* of all packets */
    int64_t stretch_ns;          /* the first since the last long silence */
    bool started, failed;
    uint64_t windows;
    FILE *closed; /* objects of the closed windows, in a temporary file */
};

/* 0, or -1 with err. Must be given to finish in any case. */
int ds_gen_truth_init(struct ds_gen_truth *t, const struct ds_gen_countries *countries,
                      uint64_t addresses, uint32_t window_s, struct ds_error *err);
void ds_gen_truth_count(struct ds_gen_truth *t, const struct ds_gen_fact *f);

/* The window over all packets so far, as the sidecar's "all". w is initialised by the call and
 * finished by the caller. False without memory. */
bool ds_gen_truth_all(const struct ds_gen_truth *t, struct ds_window *w);

/* Closes all windows and writes the sidecar; parameters is a JSON object. 0, or -1 with errno. */
int ds_gen_truth_write(struct ds_gen_truth *t, FILE *to, const char *parameters);
void ds_gen_truth_finish(struct ds_gen_truth *t);

#endif
