/* SPDX-License-Identifier: Apache-2.0
 *
 * The sources of a closed window: how many ports each touched, what the survey makes of them, and
 * the records of those that are sent. Pure; runs on the uplink thread.
 */
#ifndef DARKSCOPE_SOURCES_H
#define DARKSCOPE_SOURCES_H

#include "asn.h"
#include "darkscope/window.h"
#include "survey.h"
#include "worker.h"

struct ds_sources {
    size_t limit;             /* records of a window, at most DS_SOURCES_MAX */
    struct ds_survey *survey; /* borrowed; NULL: nobody is judged */
    struct ds_asn *asn;       /* borrowed; NULL: no database */
};

/* sets: the closed sets of one window, one a worker; uses their sources up: they may only be
 * cleared afterwards. day: that of the window's start (zone.h). Fills out's source records and
 * marks, and tells the survey. 0, or -1 without memory. */
int ds_sources_gather(const struct ds_sources *s, struct ds_set *const *sets, unsigned workers,
                      int64_t day, struct ds_window *out);

#endif
