/* SPDX-License-Identifier: Apache-2.0
 *
 * Random counts at a given mean, from 64 random bits each: a few nanoseconds, and the same on every
 * machine, since only the basic operations of IEEE 754 and the square root are used, never libm.
 */
#ifndef DARKSCOPE_GEN_DRAW_H
#define DARKSCOPE_GEN_DRAW_H

#include "../random.h"

#include <math.h>

#define DS_GEN_DRAW_STEPS 256

/* Quantiles of the exponential distribution with mean 1. */
struct ds_gen_draw {
    double quantiles[DS_GEN_DRAW_STEPS];
};

/* ln(x) for 0 < x <= 1, by the series of the inverse hyperbolic tangent. */
static inline double ds_gen_log(double x)
{
    double halves = 0;
    for (; x < 0.75; x *= 2)
        halves++;
    double t = (x - 1) / (x + 1), power = t, sum = 0;
    for (int i = 1; i < 40; i += 2, power *= t * t)
        sum += power / i;
    return 2 * sum - halves * 0.693147180559945309417;
}

static inline void ds_gen_draw_init(struct ds_gen_draw *d)
{
    double sum = 0;
    for (int i = 0; i < DS_GEN_DRAW_STEPS; i++)
        sum += d->quantiles[i] = -ds_gen_log((i + 0.5) / DS_GEN_DRAW_STEPS);
    for (int i = 0; i < DS_GEN_DRAW_STEPS; i++)
        d->quantiles[i] *= DS_GEN_DRAW_STEPS / sum;
}

/* [0, 1) from the lowest 24 bits. */
static inline double ds_gen_unit(uint64_t bits)
{
    return (double)(bits & 0xffffff) * 0x1p-24;
}

/* A whole number whose mean is x: rounded up or down. */
static inline uint32_t ds_gen_round(double x, uint64_t bits)
{
    return (uint32_t)(x + ds_gen_unit(bits));
}

/* A count with that mean, of which root is the square root; below 2^31. Small ones come in bursts,
 * as packets to a port do; large ones vary by about their root. */
static inline uint32_t ds_gen_draw(const struct ds_gen_draw *d, double mean, double root,
                                   uint64_t bits)
{
    if (mean < 16) {
        if (ds_gen_unit(bits >> 40) * (1 + mean) >= mean)
            return 0;
        return 1 + ds_gen_round(mean * d->quantiles[bits >> 32 & 0xff], bits);
    }
    double deviation = ds_gen_unit(bits >> 40) + ds_gen_unit(bits >> 16) - 1; /* variance 1/6 */
    return ds_gen_round(mean + 2.45 * root * deviation, bits);
}

/* The 64 bits that belong to item i of what base stands for. */
static inline uint64_t ds_gen_bits(uint64_t base, uint64_t i)
{
    return ds_gen_mix(base ^ i * 0x9e3779b97f4a7c15u);
}

#endif
