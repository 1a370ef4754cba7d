/* SPDX-License-Identifier: Apache-2.0
 *
 * The workers' counts of one epoch become one window. Pure; runs on the uplink thread.
 */
#ifndef DARKSCOPE_GATHER_H
#define DARKSCOPE_GATHER_H

#include "attacks.h"
#include "darkscope/window.h"
#include "sort.h"
#include "worker.h"

/* What is kept from window to window. All zero to begin with. */
struct ds_gather {
    struct ds_sort_item *items;
    size_t room; /* for so many */
    struct ds_attacks attacks;
};

void ds_gather_finish(struct ds_gather *g);

/* sets: the closed sets of one epoch, one a worker. Uses them up: they may only be cleared
 * afterwards. out is initialised here and owned by the caller. 0, or -1 without memory. */
int ds_gather(struct ds_gather *g, struct ds_set *const *sets, unsigned workers,
              const struct ds_monitor *monitor, struct ds_window *out);

#endif
