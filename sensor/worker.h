/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker: takes packets out of its rings, parses, classifies and counts them in batches, and
 * hands over its counts of a window when the capture threads have closed it.
 *
 * Counts live in DS_WORKER_SETS sets: at most two are open (timeline.h), one is being gathered by
 * the uplink thread, one is spare, so counting pauses only where the uplink thread is two whole
 * windows behind. A file can wait: for it there are no more than can be open, and so half of the
 * memory where it is read faster than windows are gathered. With several capture threads the spare
 * one may be open, too, for the thread that is first: one whose ring has brought two marks more
 * than the slowest ring's must wait, so that there is always a set for the slowest.
 */
#ifndef DARKSCOPE_WORKER_H
#define DARKSCOPE_WORKER_H

#include "batch.h"
#include "capture.h"
#include "ring.h"
#include "sampler.h"

#include <pthread.h>

#define DS_WORKER_SETS 4

/* Bytes by which the tables of all workers and sets may grow together: a window whose sources,
 * pairs and cells are at their bounds, with the victims of a flood, and most of another. With what
 * it takes to close a window the sensor stays below 1 GiB (tests/bench/bench-memory.c). Further
 * windows, while the uplink thread is behind, find less room; what finds none is counted. */
#define DS_WORKER_TABLES_MAX ((size_t)576 << 20)

/* What a capture thread says of a window when it closes it, of its own packets; travels in the
 * CLOSE slot. */
struct ds_close {
    struct ds_epoch epoch;
    uint64_t received;
    uint64_t dropped_kernel, dropped_interface, dropped_ring;
};
_Static_assert(sizeof(struct ds_close) <= DS_SNAP_BYTES, "a CLOSE slot carries it");

enum ds_set_state {
    DS_SET_FREE,   /* empty; the worker may open it */
    DS_SET_OPEN,   /* the worker counts into it */
    DS_SET_CLOSED, /* the uplink thread gathers and clears it, then frees it */
};

struct ds_set {
    _Atomic int state; /* its holder alone may touch the rest */
    uint32_t epoch;
    unsigned closes; /* CLOSE slots seen, one a ring */
    struct ds_close close;
    char country_db[DS_DATABASE_MAX + 1]; /* in use when it was opened; empty without one */
    struct ds_counts counts;
};

/* What all workers share; outlives them. */
struct ds_worker_shared {
    const struct ds_monitor *monitor;
    const struct ds_hash_key *key;
    unsigned sets;                          /* how many of each worker's are used */
    atomic_size_t allowance;                /* DS_WORKER_TABLES_MAX at first */
    _Atomic(const struct ds_geo *) geo;     /* NULL: none */
    _Atomic(const struct ds_rules *) rules; /* NULL: none; for windows that are opened from now */
    struct ds_survey_ring *surveys;         /* known scanners by window */
    int64_t window_ns;                      /* 0: one window for everything */
    struct ds_gate *closed;                 /* the uplink thread's: signalled at every closed set */
    bool experimental;                      /* signatures: batch.h */
};

struct ds_worker {
    /* Workers stand side by side in an array and share no cache line. */
    _Alignas(DS_CACHE_LINE) struct ds_worker_shared *shared;
    struct ds_ring *rings;                   /* one a capture thread; owned by the pipeline */
    unsigned ring_count;                     /* 0: the capture thread counts */
    uint32_t closed[DS_CAPTURE_THREADS_MAX]; /* the last window each ring closed; its end: all */
    struct ds_gate data;                     /* sleeps here for packets */
    struct ds_gate freed;                    /* and here for a free set */
    _Atomic(const struct ds_geo *) geo_seen; /* the database in use: the one before may go */
    _Atomic bool ended;                      /* all rings have ended */
    pthread_t thread;
    struct ds_set sets[DS_WORKER_SETS];
    struct ds_set *recent; /* the open set last counted into; NULL: none */
    ds_batch_count_fn *count;
    struct ds_batch batch;
    struct ds_sampler *sampler;    /* for the live view; NULL: none */
    struct ds_live_counts counted; /* in the windows that it has closed */
};

/* rings is where the pipeline will keep this worker's rings; they are initialised with w->data
 * after this call. 0, or -1 without memory. */
int ds_worker_init(struct ds_worker *w, struct ds_worker_shared *shared, struct ds_ring *rings,
                   unsigned ring_count, unsigned workers);
void ds_worker_finish(struct ds_worker *w);
/* Before it runs: samples for the live view from now on. Taken over, and freed by finish. */
void ds_worker_sample(struct ds_worker *w, struct ds_sampler *sampler);

/* The thread: runs until every ring has brought an END slot. arg is the struct ds_worker. */
void *ds_worker_run(void *arg);

/* For a capture thread that counts its packets itself, in place of ds_worker_run and rings: counts
 * n <= DS_BATCH packets; closes a window, behind its last packet; and says that nothing more will
 * come. */
void ds_worker_count(struct ds_worker *w, const struct ds_snap *snaps, size_t n);
void ds_worker_close(struct ds_worker *w, const struct ds_close *close);
void ds_worker_leave(struct ds_worker *w);

/* Uplink thread: the set of this epoch if it is closed, else NULL. */
struct ds_set *ds_worker_closed(struct ds_worker *w, uint32_t epoch);
/* Uplink thread: clears the set and gives it back. */
void ds_worker_free_set(struct ds_worker *w, struct ds_set *set);

#endif
