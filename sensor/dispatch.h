/* SPDX-License-Identifier: Apache-2.0
 *
 * The capture thread: reads frames, finds the IP packet in each, decides its window, and copies its
 * first bytes into the ring of the worker that its source belongs to. Tells the workers in the same
 * rings when a window is over, so that every worker closes it behind the same packet.
 */
#ifndef DARKSCOPE_DISPATCH_H
#define DARKSCOPE_DISPATCH_H

#include "capture.h"
#include "ring.h"
#include "timeline.h"
#include "worker.h"

struct ds_dispatch_settings {
    struct ds_capture *capture;   /* borrowed; read by this thread alone */
    struct ds_ring *const *rings; /* one a worker; borrowed */
    unsigned workers;
    const struct ds_hash_key *key; /* borrowed; the workers' */
    unsigned tunnels;              /* set of enum ds_tunnel */
    int64_t window_ns;             /* 0: one window for everything */
    int64_t lateness_ns;
    double speed; /* replay a file at this multiple of its own time; 0: as fast as it goes */
};

struct ds_dispatch {
    struct ds_dispatch_settings settings;
    struct ds_gate room; /* sleeps here for a slot; the rings' */
    struct ds_timeline timeline;
    /* Of the open windows, by number modulo DS_WORKER_SETS. */
    struct ds_close open[DS_WORKER_SETS];
    struct ds_capture_loss loss;            /* as far as windows were told of it */
    int64_t first_frame_ns, first_clock_ns; /* for the speed */
    pthread_t thread;
    int result; /* 0, or -1: error says why the capture failed; all before it was dispatched */
    struct ds_error error;
};

/* The settings are copied. 0, or -1 with errno. */
int ds_dispatch_init(struct ds_dispatch *d, const struct ds_dispatch_settings *settings);
void ds_dispatch_finish(struct ds_dispatch *d);

/* Closes the open windows and ends the rings. The thread does it by itself; this is for a thread
 * that could not be started. */
void ds_dispatch_end(struct ds_dispatch *d);

/* The thread: runs until the capture ends, fails or is stopped, and ends the rings. arg is the
 * struct ds_dispatch. */
void *ds_dispatch_run(void *arg);

#endif
