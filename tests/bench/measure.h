/* SPDX-License-Identifier: Apache-2.0
 *
 * What the benchmarks share: clocks and medians.
 */
#ifndef DARKSCOPE_BENCH_MEASURE_H
#define DARKSCOPE_BENCH_MEASURE_H

#include <stddef.h>
#include <stdlib.h>
#include <time.h>

/* Seconds on CLOCK_MONOTONIC, CLOCK_THREAD_CPUTIME_ID ... */
static inline double ds_bench_clock_s(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static inline int ds_bench_by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts the values and returns the middle one. */
static inline double ds_bench_median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, ds_bench_by_value);
    return values[count / 2];
}

#endif
