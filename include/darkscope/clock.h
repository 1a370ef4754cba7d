/* SPDX-License-Identifier: Apache-2.0
 *
 * The two clocks of the daemons, in nanoseconds. Pure stages never read them: time is passed in.
 */
#ifndef DARKSCOPE_CLOCK_H
#define DARKSCOPE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define DS_NS_PER_S  INT64_C(1000000000)
#define DS_NS_PER_MS INT64_C(1000000)

static inline int64_t ds_clock_read_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * DS_NS_PER_S + t.tv_nsec;
}

/* For durations and deadlines: never jumps. */
static inline int64_t ds_clock_steady_ns(void)
{
    return ds_clock_read_ns(CLOCK_MONOTONIC);
}

/* UTC since 1970; may jump. */
static inline int64_t ds_clock_utc_ns(void)
{
    return ds_clock_read_ns(CLOCK_REALTIME);
}

#endif
