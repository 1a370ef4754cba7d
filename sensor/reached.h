/* SPDX-License-Identifier: Apache-2.0
 *
 * Which monitored addresses got a packet in a window, as bits in a secret order of all of them: who
 * unites those of several windows knows how many addresses got one in all that time, and not which.
 * The order is the same for as long as the deployment's secret and the monitored set are.
 */
#ifndef DARKSCOPE_REACHED_H
#define DARKSCOPE_REACHED_H

#include "count.h"
#include "darkscope/window.h"
#include "deployment.h"

/* All zero: none, nothing is told. */
struct ds_reached {
    uint32_t *order; /* numbers of monitored addresses; of many, a sample */
    size_t count;
    uint16_t set;
};

/* Nothing where everything is monitored, or more addresses than are counted by bits
 * (DS_COUNT_BITMAP_MAX). 0, or -1 without memory. */
int ds_reached_init(struct ds_reached *r, const struct ds_deployment *d,
                    const struct ds_monitor *m);
void ds_reached_finish(struct ds_reached *r);

/* Adds the row to the sketches of a window, behind all others. counts: the window's, of all
 * workers. 0, or -1 without memory. */
int ds_reached_add(const struct ds_reached *r, const struct ds_counts *counts, struct ds_window *w);

#endif
