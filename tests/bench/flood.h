/* SPDX-License-Identifier: Apache-2.0
 *
 * The worst that can come to a telescope's tables: every packet from a source of its own, with a
 * protocol, port and flags of its own. Made packet by packet, so that it takes no memory.
 */
#ifndef DARKSCOPE_BENCH_FLOOD_H
#define DARKSCOPE_BENCH_FLOOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DS_BENCH_FLOOD_FRAME 74

struct ds_bench_flood {
    uint64_t state;
    bool everywhere; /* to any destination, else to the two networks below */
};

#define DS_BENCH_FLOOD_NET4 "198.18.0.0/16"
#define DS_BENCH_FLOOD_NET6 "2001:db8::/32"

/* Writes an Ethernet frame; returns its bytes. One in 16 is IPv6. */
size_t ds_bench_flood_next(struct ds_bench_flood *f, uint8_t frame[static DS_BENCH_FLOOD_FRAME]);

#endif
