/* SPDX-License-Identifier: Apache-2.0
 *
 * The two clocks of the daemons, in nanoseconds. Pure stages never read them: time is passed in.
 */
#ifndef DARKSCOPE_CLOCK_H
#define DARKSCOPE_CLOCK_H

#include "darkscope/limits.h"

#include <stdbool.h>
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

/* How far a peer's clock, which may say anything, is ahead of ours; negative: behind. */
static inline int64_t ds_clock_ahead_ns(int64_t theirs_ns, int64_t ours_ns)
{
    int64_t ahead_ns;
    if (__builtin_sub_overflow(theirs_ns, ours_ns, &ahead_ns))
        return theirs_ns < ours_ns ? INT64_MIN : INT64_MAX;
    return ahead_ns;
}

static inline bool ds_clock_is_skewed(int64_t ahead_ns)
{
    return ahead_ns > DS_SKEW_MAX_S * DS_NS_PER_S || ahead_ns < -DS_SKEW_MAX_S * DS_NS_PER_S;
}

#endif
