/* SPDX-License-Identifier: Apache-2.0
 *
 * Draws single packets for the live view (docs/live-feed.md) beside the counting of one worker, and
 * hands them over with what was counted, some times a second, through a ring of its own. Nothing
 * here changes a count.
 *
 * Strata: packets are drawn by type, those that carry a tool's or malware's mark apart, and each
 * stratum gets an equal share of what goes out; what one does not use is for the others. So a flood
 * of one kind does not drown the rest. A packet's weight is what it stands for: in a slice, the
 * weights of a stratum add up to its packets (to those looked at times the thinning, where there
 * are too many to look at all).
 */
#ifndef DARKSCOPE_SAMPLER_H
#define DARKSCOPE_SAMPLER_H

#include "darkscope/live.h"
#include "geo.h"
#include "hash.h"
#include "monitor.h"
#include "packet.h"
#include "permutation.h"
#include "ring.h"

/* Packets of one slice and sensor that go out, and those that a worker looks at; more are thinned.
 */
#define DS_SAMPLER_ROWS   32
#define DS_SAMPLER_LOOKS  1024
/* Drawn in a stratum: no fewer than all of a slice's, so that one alone can use all. */
#define DS_SAMPLER_DRAWN  DS_SAMPLER_ROWS
#define DS_SAMPLER_STRATA (2 * DS_TYPE_COUNT)
#define DS_SAMPLER_SLOTS  512 /* of the ring: slices of a quarter of a second and more */

struct ds_stratum {
    uint32_t looks;       /* at packets of it */
    uint32_t represented; /* packets that those stand for */
    struct ds_sample drawn[DS_SAMPLER_DRAWN];
};

struct ds_sampler {
    const struct ds_monitor *monitor;
    const struct ds_hash_key *key;
    struct ds_permutation order; /* of the destinations */
    unsigned rows;               /* this worker's share */
    struct ds_ring ring;         /* to the feed; samples and, behind each slice, counts */
    struct ds_gate quiet[2];     /* of the ring: nobody sleeps at it */
    uint64_t random;
    int64_t slice;                  /* number of the slice since 1970 */
    uint32_t passed, stride, until; /* packets of the slice, thinning, and those before the next */
    struct ds_stratum strata[DS_SAMPLER_STRATA];
};

/* What a slot of the ring holds, in its bytes. */
enum { DS_SAMPLER_SLOT_SAMPLE = DS_SLOT_PACKET, DS_SAMPLER_SLOT_COUNTS = DS_SLOT_CLOSE };
_Static_assert(sizeof(struct ds_sample) <= DS_SNAP_BYTES, "a slot holds it");
_Static_assert(sizeof(struct ds_live_counts) <= DS_SNAP_BYTES, "a slot holds it");

/* monitor and key are borrowed; permutation is the deployment's key. 0, or -1 without memory. */
int ds_sampler_init(struct ds_sampler *s, const struct ds_monitor *monitor,
                    const struct ds_hash_key *key,
                    const uint8_t permutation[static DS_PERMUTATION_KEY], unsigned workers);
void ds_sampler_finish(struct ds_sampler *s); /* accepts one that was only zeroed */

/* Is the slice of this time another than the one that is being filled? */
static inline bool ds_sampler_is_due(const struct ds_sampler *s, int64_t now_ms)
{
    return now_ms / DS_LIVE_TICK_MS != s->slice;
}

/* Looks at packets that are being counted. */
void ds_sampler_look(struct ds_sampler *s, const struct ds_snap *snaps, size_t n,
                     const struct ds_geo *geo, int64_t now_ms);

/* Ends the slice: gives what was drawn and all that was counted so far (since the start) to the
 * ring, as far as there is room, and begins the slice of now_ms. */
void ds_sampler_turn(struct ds_sampler *s, const struct ds_live_counts *counted, int64_t now_ms);

#endif
