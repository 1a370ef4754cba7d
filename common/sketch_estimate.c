/* SPDX-License-Identifier: Apache-2.0
 *
 * Ertl 2017, algorithm 6. The names sigma, tau and alpha are those of the paper.
 */
#include "darkscope/sketch.h"

#include <math.h>

#define ALPHA (0.5 / M_LN2)

/* Of the free registers. x < 1. */
static double sigma(double x)
{
    double y = 1, z = x, before;
    do {
        x *= x;
        before = z;
        z += x * y;
        y += y;
    } while (z != before);
    return z;
}

/* Of those that are full. */
static double tau(double x)
{
    if (x == 0 || x == 1)
        return 0;
    double y = 1, z = 1 - x, before;
    do {
        x = sqrt(x);
        before = z;
        y *= 0.5;
        z -= (1 - x) * (1 - x) * y;
    } while (z != before);
    return z / 3;
}

double ds_sketch_relative_error(unsigned precision, double count)
{
    double registers = ldexp(1, (int)precision);
    double full = 1.04 / sqrt(registers), t = count / registers;
    if (count <= 0)
        return 0;
    if (t < 1e-4) /* the limit; the formula would lose it in rounding */
        return sqrt(0.5 / registers);
    double linear = t > 8 ? full : sqrt((expm1(t) - t) / registers) / t;
    return linear < full ? linear : full;
}

#define RANKS (64 - DS_SKETCH_PRECISION_MIN + 2)

/* How many registers have which rank; those of 0 may be left out. */
static void count_ranks(const struct ds_sketch *s, uint32_t out[static RANKS])
{
    uint32_t second[RANKS] = {0}; /* neighbours often have the same, and need not wait for it */
    for (uint32_t i = 0; i < s->count && !s->registers; i++)
        out[s->list[i] & UINT8_MAX]++;
    for (uint32_t i = 0; s->registers && i < UINT32_C(1) << s->precision; i += 2) {
        out[s->registers[i]]++;
        second[s->registers[i + 1]]++;
    }
    for (unsigned i = 0; i < RANKS; i++)
        out[i] += second[i];
}

struct ds_estimate ds_sketch_estimate(const struct ds_sketch *s)
{
    unsigned ranks = ds_sketch_rank_max(s->precision);
    double registers = ldexp(1, s->precision);
    uint32_t with_rank[RANKS] = {0};
    if (s->count == 0)
        return (struct ds_estimate){0};
    count_ranks(s, with_rank);
    double z = registers * tau(1 - with_rank[ranks] / registers);
    for (unsigned rank = ranks - 1; rank > 0; rank--)
        z = 0.5 * (z + with_rank[rank]);
    z += registers * sigma((registers - s->count) / registers);
    double count = ALPHA * registers * registers / z;
    if (!(count < DS_SKETCH_HOSTS_MAX)) /* registers at their end: not hashed, somebody's bytes */
        count = DS_SKETCH_HOSTS_MAX;
    return (struct ds_estimate){count, count * ds_sketch_relative_error(s->precision, count)};
}
