/* SPDX-License-Identifier: Apache-2.0
 *
 * A capture thread: reads frames, finds the IP packet in each, decides its window, and copies its
 * first bytes into the ring of the worker that its source belongs to. Tells the workers in the same
 * rings when a window is over, so that every worker closes it behind the same packet. Where there
 * are several, each has its own capture and its own ring to every worker.
 */
#ifndef DARKSCOPE_DISPATCH_H
#define DARKSCOPE_DISPATCH_H

#include "capture.h"
#include "ring.h"
#include "schedule.h"
#include "worker.h"

struct ds_dispatch_settings {
    struct ds_capture *capture;   /* borrowed, as all here; read by this thread alone */
    struct ds_schedule *schedule; /* shared by all capture threads */
    struct ds_ring *const *rings; /* one a worker */
    unsigned workers;
    /* Not NULL: there are no rings; every capture reads all packets, and this thread counts those
     * of its share of the sources itself. */
    struct ds_worker *own;
    unsigned share;                /* 0 .. workers - 1 */
    const struct ds_hash_key *key; /* the workers' */
    unsigned tunnels;              /* set of enum ds_tunnel */
    double speed; /* replay a file at this multiple of its own time; 0: as fast as it goes */
    void (*failed)(void *arg); /* called on the thread when the capture has failed */
    void *failed_arg;
};

_Static_assert(DS_CAPTURE_BATCH <= DS_BATCH, "a read is counted at once");

struct ds_dispatch {
    /* They stand side by side in an array and share no cache line. */
    _Alignas(DS_CACHE_LINE) struct ds_dispatch_settings settings;
    struct ds_gate room; /* sleeps here for a slot; the rings' */
    struct ds_schedule_member windows;
    /* Of the open windows, by number modulo DS_WORKER_SETS. */
    struct ds_close open[DS_WORKER_SETS];
    struct ds_capture_loss loss;  /* as far as windows were told of it */
    struct ds_snap own[DS_BATCH]; /* to be counted on this thread */
    unsigned own_count;
    /* For the speed: a packet and when it was due, and the packet before. */
    int64_t first_frame_ns, first_clock_ns, last_frame_ns;
    pthread_t thread;
    int result; /* 0, or -1: error says why the capture failed; all before it was dispatched */
    struct ds_error error;
};

/* The settings are copied. 0, or -1 with errno. */
int ds_dispatch_init(struct ds_dispatch *d, const struct ds_dispatch_settings *settings);
void ds_dispatch_finish(struct ds_dispatch *d);

/* Ends the rings in place of a thread that could not be started. */
void ds_dispatch_drop(struct ds_dispatch *d);

/* The thread: runs until the capture ends, fails or is stopped, closes the last windows when all
 * have come so far, and ends the rings. arg is the struct ds_dispatch. */
void *ds_dispatch_run(void *arg);

#endif
