/* SPDX-License-Identifier: Apache-2.0
 *
 * What each sensor watched in a bucket, and how many of its addresses got a packet: by the bits of
 * all times where there are any, else the most of one window.
 */
#ifndef DARKSCOPE_STORE_WATCH_H
#define DARKSCOPE_STORE_WATCH_H

#include "plan.h"

#include "darkscope/sketches.h"

struct watch {
    int64_t sensor;
    uint64_t windows, addresses, active_addresses; /* of the addresses, the most of a window */
    bool addresses_known;
    /* United over times in which something was counted. */
    bool has_bits;    /* there was such a time */
    bool is_unknown;  /* there was one without bits, or in another order, or ... */
    bool has_changed; /* ... of another set of addresses, or of one in another order */
    bool is_counted;  /* bits is empty again, and bit_count what it had */
    uint64_t secret;
    char set[5];
    struct ds_sketch bits;
    uint32_t bit_count;
};

/* Of a bucket; all zero to begin with. */
struct watches {
    struct watch *all;
    size_t count;
    uint64_t windows, observed_ns;
};

/* Adds all of a piece to its buckets, one after the other in order of time; with_active: their bits
 * as well. 0 or -1. */
int ds_watches_read(struct watches *all, const struct ds_buckets *buckets, struct store_file *f,
                    const struct piece *piece, bool with_active, struct ds_error *err);
/* No more is added: frees all but the numbers. */
void ds_watches_close(struct watches *w);
void ds_watches_finish(struct watches *w);
/* After close: fills windows, observed_ns and addresses. */
void ds_watches_tell(const struct watches *w, struct ds_point *out);

#endif
