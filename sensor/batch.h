/* SPDX-License-Identifier: Apache-2.0
 *
 * The inner loop: parses, classifies and counts packets, several side by side. Pure.
 */
#ifndef DARKSCOPE_BATCH_H
#define DARKSCOPE_BATCH_H

#include "count.h"
#include "packet.h"

#define DS_BATCH      64 /* snaps counted at once */
#define DS_BATCH_HITS 32 /* a power of two */

/* What the packets are looked up in; borrowed. */
struct ds_batch_view {
    const struct ds_monitor *monitor;
    const struct ds_hash_key *key;
    const struct ds_geo *geo; /* NULL: no countries */
    bool experimental;        /* experimental signatures, too */
    /* The counts of the windows that the snaps of one call belong to: of one capture, so at most
     * two and consecutive; by epoch modulo 2. */
    struct ds_counts *counts[DS_TIMELINE_OPEN_MAX];
    struct ds_rule_pending *matches;
    struct ds_echoes *echoes;
};

/* Packets that answer attacks, on their way, too: counted some at a time. Room for those of two
 * calls, so that one more always finds it. */
#define DS_BATCH_ECHOES (2 * DS_BATCH)
struct ds_echoes {
    struct ds_echo list[DS_BATCH_ECHOES];
    size_t count;
};

struct ds_batch {
    struct ds_batch_view view;
    /* Packets on their way, by number modulo DS_BATCH_HITS: from the first to those examined. */
    struct ds_hit hits[DS_BATCH_HITS];
    uint64_t first, examined;
    struct ds_rule_pending matches; /* of a call, empty between calls */
    struct ds_echoes echoes;
};

/* Counts n <= DS_BATCH snaps, whose epochs have their counts set. The
 * last of them stay on their way and go on with the next call; one with n = 0 counts all that are,
 * and must come before their counts are closed. */
typedef void ds_batch_count_fn(struct ds_batch *b, const struct ds_snap *snaps, size_t n);

/* The same source, compiled for any machine and, on x86-64, for those of the x86-64-v3 level
 * (AVX2, BMI2, ...: since 2013). */
void ds_batch_count(struct ds_batch *b, const struct ds_snap *snaps, size_t n);
void ds_batch_count_v3(struct ds_batch *b, const struct ds_snap *snaps, size_t n);

/* The fastest of them that this machine can run. */
ds_batch_count_fn *ds_batch_choose(void);

#endif
