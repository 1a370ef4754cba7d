/* SPDX-License-Identifier: Apache-2.0
 *
 * The monitored set: which destinations are ours, and the number of each among them. Read-only
 * after it was made; shared by all threads. Pure.
 */
#ifndef DARKSCOPE_MONITOR_H
#define DARKSCOPE_MONITOR_H

#include "darkscope/error.h"
#include "darkscope/text.h"

#include <stddef.h>

struct ds_monitor_range {
    uint32_t first, last; /* both included */
    uint64_t base;        /* index of first */
};

/* IPv4 is kept as sorted ranges with the number of the first address of each. A lookup goes by the
 * upper half of the address to the ranges that can hold it: mostly one, else halved until it is. */
struct ds_monitor {
    bool everything;
    uint64_t addresses;
    struct ds_monitor_range *ranges; /* sorted, disjoint */
    size_t range_count;
    uint32_t start[UINT16_MAX + 2]; /* by upper 16 bits: the first range that does not end below */
    struct ds_prefix *inside6, *outside6; /* sorted: the set has one form, however listed */
    size_t inside6_count, outside6_count;
};

/* Makes the set of prefixes without those of exclusions, which may lie anywhere. No prefix may
 * overlap another of its own list; err then names both by their number in the list, from 1, never
 * by address. count 0: everything is ours and no number of addresses is known. 0 or -1. */
int ds_monitor_create(const struct ds_prefix *prefixes, size_t count,
                      const struct ds_prefix *exclusions, size_t exclusion_count,
                      struct ds_monitor **out, struct ds_error *err);
void ds_monitor_destroy(struct ds_monitor *m);

bool ds_monitor_is_everything(const struct ds_monitor *m);
/* Monitored IPv4 addresses: 0 to 2^32. */
uint64_t ds_monitor_addresses(const struct ds_monitor *m);

#define DS_MONITOR_OUTSIDE (-1)
/* The place of an IPv4 address among the monitored ones, 0 .. addresses-1 in order, or
 * DS_MONITOR_OUTSIDE. Not for a set that is everything. */
static inline int64_t ds_monitor_index4(const struct ds_monitor *m, uint32_t address)
{
    /* Most telescopes are one prefix. */
    const struct ds_monitor_range *one = m->ranges;
    if (m->range_count && address >= one->first && address <= one->last)
        return address - one->first;
    /* Nor need those be looked up that are below or above all: most addresses are. */
    if (m->range_count == 0 || address < one->first || address > one[m->range_count - 1].last)
        return DS_MONITOR_OUTSIDE;
    /* The first range that does not end below the address. */
    size_t i = m->start[address >> 16], end = m->start[(address >> 16) + 1];
    while (i < end) {
        size_t middle = i + (end - i) / 2;
        if (m->ranges[middle].last < address)
            i = middle + 1;
        else
            end = middle;
    }
    if (m->ranges[i].first > address)
        return DS_MONITOR_OUTSIDE;
    return (int64_t)(m->ranges[i].base + (address - m->ranges[i].first));
}
/* Is the IPv6 address (network order) ours? Not for a set that is everything. */
bool ds_monitor_has6(const struct ds_monitor *m, const uint8_t address[static 16]);

#endif
