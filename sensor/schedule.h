/* SPDX-License-Identifier: Apache-2.0
 *
 * The window clock that all capture threads share: one timeline behind a mutex. Each thread keeps a
 * member with a copy of it, in which it finds the window of nearly every packet without the lock.
 *
 * A window is closed once and every thread is told of it, by its next look here. The next one is
 * not closed before all have been told: so a thread's copy is at most one window behind. That is
 * safe because a worker closes a window only when the mark of every thread has come, and it bounds
 * the windows that are open in a worker at once to three. In the meantime nobody waits: the packets
 * that would have closed the next window are counted into the newest open one, as late.
 */
#ifndef DARKSCOPE_SCHEDULE_H
#define DARKSCOPE_SCHEDULE_H

#include "darkscope/clock.h"
#include "timeline.h"

#include <pthread.h>
#include <stdatomic.h>

struct ds_schedule {
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t changed;
    struct ds_timeline timeline;
    struct ds_epoch closed;      /* the last closed window; number 0: none yet */
    _Atomic uint32_t closed_now; /* its number, to be looked at without the lock */
    unsigned members;            /* threads, and of these those that ... */
    unsigned untold;             /* ... have not been told of it */
    unsigned reading;            /* ... have not left */
};

/* Where the times of an open window's packets lie. */
struct ds_schedule_span {
    int64_t from_ns, last_ns, origin_ns;
    uint8_t before_s; /* from the origin to the window */
};

/* One thread's view; used by that thread alone. Zero at first. */
struct ds_schedule_member {
    struct ds_timeline view;            /* a copy; newest_ns and behind are the thread's own */
    int64_t from_ns, next_ns, until_ns; /* packets from ... until ... close no window; those before
                                           next are of the oldest open one */
    struct ds_schedule_span open[DS_TIMELINE_OPEN_MAX]; /* from the oldest on */
    uint32_t told; /* of the closing of windows up to this number */
    bool left;
};

/* length_ns and lateness_ns as of ds_timeline_init. 0, or -1 with errno. */
int ds_schedule_init(struct ds_schedule *s, unsigned members, int64_t length_ns,
                     int64_t lateness_ns);
void ds_schedule_finish(struct ds_schedule *s);

/* Where a packet belongs: for its slot. */
struct ds_schedule_place {
    uint32_t epoch;
    uint32_t ms;      /* since that window's origin */
    uint8_t before_s; /* from there to its start: 0 to 9 */
    bool late;
};

/* The place of a packet, for nearly every packet. False: ask advance and assign. */
static inline bool ds_schedule_find(struct ds_schedule_member *m, int64_t time_ns,
                                    struct ds_schedule_place *place)
{
    if (time_ns < m->from_ns || time_ns >= m->until_ns)
        return false;
    if (time_ns > m->view.newest_ns)
        m->view.newest_ns = time_ns;
    m->view.behind = 0;
    bool second = time_ns >= m->next_ns;
    place->epoch = m->view.oldest + second;
    place->ms =
        (uint32_t)((uint64_t)(time_ns - m->open[second].origin_ns) / (uint64_t)DS_NS_PER_MS);
    place->before_s = m->open[second].before_s;
    place->late = false;
    return true;
}

/* Has a window been closed that this thread was not told of? */
static inline bool ds_schedule_has_news(const struct ds_schedule *s,
                                        const struct ds_schedule_member *m)
{
    return atomic_load_explicit(&s->closed_now, memory_order_relaxed) != m->told;
}

/* To be called until it returns false, with the time of a packet or the wall clock's: each true is
 * a window to close, in order. */
bool ds_schedule_advance(struct ds_schedule *s, struct ds_schedule_member *m, int64_t time_ns,
                         struct ds_epoch *closed);

/* Likewise, for what others have closed. */
bool ds_schedule_news(struct ds_schedule *s, struct ds_schedule_member *m, struct ds_epoch *closed);

/* After ds_schedule_advance: the place of the packet. What is counted into another window than its
 * own stands at the nearest edge of that. */
struct ds_schedule_place ds_schedule_assign(struct ds_schedule_member *m, int64_t time_ns);

/* The thread reads no more. To be called until it returns false: each true is a window to close.
 * Waits for the other threads to leave, as they may still close windows; then closes the last. */
bool ds_schedule_leave(struct ds_schedule *s, struct ds_schedule_member *m,
                       struct ds_epoch *closed);

/* For a member whose thread never was: the others do not wait for it. */
void ds_schedule_drop(struct ds_schedule *s, struct ds_schedule_member *m);

#endif
