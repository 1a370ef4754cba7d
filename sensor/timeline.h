/* SPDX-License-Identifier: Apache-2.0
 *
 * Which window a packet belongs to, and when a window is over: event time, read from the packets
 * (and from the wall clock where a live capture is silent). Pure; schedule.h shares it among the
 * capture threads.
 *
 * Windows are aligned to UTC. A window is open until a packet's time (or the clock) has passed its
 * end by the lateness; so at most two are open. A packet older than the oldest open window is late
 * and counted into that one. A silence of more than DS_TIMELINE_GAP_S is a hole in which nobody
 * watched: no windows are made for it; in a shorter one they are made, empty. Time that runs
 * backwards by more than DS_TIMELINE_GAP_S for DS_TIMELINE_BEHIND_MAX packets in a row is believed:
 * all open windows are closed and a new one begins there. So a single wrong timestamp spoils at
 * most that many packets' places, and shuffled ones cannot make a window each.
 */
#ifndef DARKSCOPE_TIMELINE_H
#define DARKSCOPE_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

#define DS_TIMELINE_GAP_S      3600
#define DS_TIMELINE_BEHIND_MAX 64
/* Windows open at once. */
#define DS_TIMELINE_OPEN_MAX   2

/* Timestamps are clamped to +-146 years around 1970, so that no sum and no difference overflows,
 * not even of windows that begin before the first packet. */
#define DS_TIMELINE_TIME_MAX_NS ((INT64_C(1) << 62) - 2 * DS_TIMELINE_GAP_S * INT64_C(1000000000))

/* A window that is over. */
struct ds_epoch {
    uint32_t number; /* from 1, without holes */
    uint32_t seconds;
    int64_t start_s;
    int64_t origin_s; /* where its packets' times count from: ds_timeline_origin_ns of its start;
                         in one window for everything that of the first packet, even if older
                         ones followed */
    uint64_t observed_ns; /* how much of it was watched */
};

struct ds_timeline {
    int64_t length_ns; /* 0: one window for everything */
    int64_t lateness_ns;
    bool started;
    uint32_t oldest;   /* number of the oldest open window */
    int64_t start_ns;  /* its start */
    int64_t origin_ns; /* its ds_epoch.origin_s */
    int64_t newest_ns; /* latest time seen */
    int64_t first_ns;  /* since when this stretch was watched */
    unsigned behind;   /* packets in a row from long before */
};

/* The last full 10 seconds of UTC: rates are counted in such steps (docs/statistics.md), and
 * windows may begin between them. */
#define DS_TIMELINE_STEP_S 10
int64_t ds_timeline_origin_ns(int64_t start_ns);

/* lateness_ns < length_ns, unless length_ns is 0. */
void ds_timeline_init(struct ds_timeline *c, int64_t length_ns, int64_t lateness_ns);

/* To be called with the time of a packet (or the wall clock's) until it returns false; each true
 * is a window to close, in order. */
bool ds_timeline_advance(struct ds_timeline *c, int64_t time_ns, struct ds_epoch *closed);

/* After ds_timeline_advance: the number of the packet's window. */
uint32_t ds_timeline_assign(struct ds_timeline *c, int64_t time_ns, bool *late);

/* In place of ds_timeline_advance while no window may be closed: the packet will be assigned to an
 * open window. */
void ds_timeline_hold(struct ds_timeline *c, int64_t time_ns);

/* At the end: until it returns false, each true is a window to close. */
bool ds_timeline_finish(struct ds_timeline *c, struct ds_epoch *closed);

#endif
