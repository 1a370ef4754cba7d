/* SPDX-License-Identifier: Apache-2.0
 *
 * Who sends and who receives: the monitored addresses, and pools of sources drawn over real country
 * space. Every population has its own part of the pool, and within it packets follow Zipf's law.
 */
#ifndef DARKSCOPE_GEN_WORLD_H
#define DARKSCOPE_GEN_WORLD_H

#include "build.h"
#include "country.h"
#include "options.h"
#include "random.h"

struct ds_gen_pool {
    uint32_t first, count; /* of ds_gen_world.sources */
};

struct ds_gen_world {
    const struct ds_gen_options *options;
    struct ds_gen_random random;
    uint64_t addresses4; /* monitored IPv4 addresses */
    bool has_v6;         /* an IPv6 prefix is monitored */
    uint32_t *sources;   /* IPv4 addresses, host order */
    double *zipf;        /* [i]: sum of 1/rank up to rank i+1 */
    struct ds_gen_pool pools[DS_GEN_POPULATIONS_MAX];
    unsigned population; /* the one that builds now */
};

/* Draws the sources, divided in proportion to shares[0..count). countries may be NULL. 0, or -1
 * with err; w must be given to finish in any case. */
int ds_gen_world_init(struct ds_gen_world *w, const struct ds_gen_options *o,
                      const struct ds_gen_countries *countries, const uint32_t *shares,
                      size_t count, struct ds_error *err);
void ds_gen_world_finish(struct ds_gen_world *w);

/* A source of the building population: few send much, many send little. */
uint32_t ds_gen_source(struct ds_gen_world *w);
/* Any unicast address that is not monitored, as a spoofer draws it. */
uint32_t ds_gen_anywhere(struct ds_gen_world *w);
struct ds_gen_address ds_gen_target4(struct ds_gen_world *w);
struct ds_gen_address ds_gen_target6(struct ds_gen_world *w);
/* Is the IPv4 address monitored? */
bool ds_gen_is_target(const struct ds_gen_world *w, uint32_t address);

/* A fixed property of a source: which of `count` kinds it is, by its address. */
uint32_t ds_gen_trait(const struct ds_gen_world *w, uint32_t source, unsigned which,
                      uint32_t count);

/* Addresses of one packet: a source of the population to a monitored address, the TTL as received
 * (each source is 5 to 24 hops away), a random id. */
struct ds_gen_ip ds_gen_route4(struct ds_gen_world *w, uint8_t initial_ttl);
struct ds_gen_ip ds_gen_route6(struct ds_gen_world *w, uint8_t initial_hops);

#endif
