/* SPDX-License-Identifier: Apache-2.0
 *
 * The generator's random numbers: xoshiro256** (Blackman and Vigna), seeded through splitmix64.
 * Integers only, so that a seed gives the same bytes on every machine. For the same reason no
 * expression draws twice: C leaves open in which order an initializer is evaluated.
 */
#ifndef DARKSCOPE_GEN_RANDOM_H
#define DARKSCOPE_GEN_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ds_gen_random {
    uint64_t state[4];
};

/* splitmix64's finalizer: a hash of x whose bits are all usable. */
static inline uint64_t ds_gen_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static inline void ds_gen_random_seed(struct ds_gen_random *r, uint64_t seed)
{
    for (size_t i = 0; i < 4; i++)
        r->state[i] = ds_gen_mix(seed + i * 0x9e3779b97f4a7c15u);
}

static inline uint64_t ds_gen_random(struct ds_gen_random *r)
{
    uint64_t *s = r->state;
    uint64_t five = s[1] * 5, shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = s[3] << 45 | s[3] >> 19;
    return (five << 7 | five >> 57) * 9;
}

/* 0 .. count-1; count is at least 1. */
static inline uint32_t ds_gen_below(struct ds_gen_random *r, uint32_t count)
{
    return (uint32_t)((ds_gen_random(r) >> 32) * count >> 32);
}

static inline bool ds_gen_chance(struct ds_gen_random *r, unsigned percent)
{
    return ds_gen_below(r, 100) < percent;
}

static inline uint16_t ds_gen_random16(struct ds_gen_random *r)
{
    return (uint16_t)(ds_gen_random(r) >> 48);
}

static inline uint32_t ds_gen_random32(struct ds_gen_random *r)
{
    return (uint32_t)(ds_gen_random(r) >> 32);
}

#endif
