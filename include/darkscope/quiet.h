/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeps a log readable: of events that a peer or a full disk can repeat without end, one line per
 * interval, with the number of those that were not said.
 */
#ifndef DARKSCOPE_QUIET_H
#define DARKSCOPE_QUIET_H

#include "darkscope/clock.h"

#include <stdbool.h>

#define DS_QUIET_NS (30 * DS_NS_PER_S)

/* All zero to begin with. */
struct ds_quiet {
    int64_t next_ns;
    uint64_t unsaid;
};

/* True where the event may be said now; *unsaid is then the number of those before it that were
 * not. now_ns is steady. */
static inline bool ds_quiet_allows(struct ds_quiet *q, int64_t now_ns, uint64_t *unsaid)
{
    if (now_ns < q->next_ns) {
        q->unsaid++;
        return false;
    }
    *unsaid = q->unsaid;
    q->unsaid = 0;
    q->next_ns = now_ns + DS_QUIET_NS;
    return true;
}

#endif
