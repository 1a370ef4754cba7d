/* SPDX-License-Identifier: Apache-2.0
 *
 * The inner loop: parses, classifies and counts up to DS_BATCH packets side by side. Pure.
 */
#ifndef DARKSCOPE_BATCH_H
#define DARKSCOPE_BATCH_H

#include "count.h"
#include "packet.h"

#define DS_BATCH 64

struct ds_batch {
    const struct ds_monitor *monitor; /* borrowed, as all pointers here */
    const struct ds_hash_key *key;
    const struct ds_geo *geo; /* NULL: no countries */
    bool experimental;        /* experimental signatures, too */
    /* The counts of the windows that the slots of one call belong to: of one ring, so at most two
     * and consecutive; by epoch modulo 2. */
    struct ds_counts *counts[DS_TIMELINE_OPEN_MAX];
    struct ds_hit hits[DS_BATCH]; /* scratch */
};

/* Counts n <= DS_BATCH slots of kind PACKET or MALFORMED, whose epochs have their counts set. */
typedef void ds_batch_count_fn(struct ds_batch *b, const struct ds_slot *slots, size_t n);

/* The same source, compiled for any machine and, on x86-64, for those of the x86-64-v3 level
 * (AVX2, BMI2, ...: since 2013). */
void ds_batch_count(struct ds_batch *b, const struct ds_slot *slots, size_t n);
void ds_batch_count_v3(struct ds_batch *b, const struct ds_slot *slots, size_t n);

/* The fastest of them that this machine can run. */
ds_batch_count_fn *ds_batch_choose(void);

#endif
