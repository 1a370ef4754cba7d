/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole way of a packet, from the capture to the closed window, as threads: C capture threads,
 * W workers and the uplink thread, which gathers the workers' counts and gives each window to the
 * sink. Nothing but this file sees all stages.
 */
#ifndef DARKSCOPE_PIPELINE_H
#define DARKSCOPE_PIPELINE_H

#include "capture.h"
#include "darkscope/window.h"
#include "geo.h"
#include "monitor.h"
#include "reached.h"
#include "sampler.h"
#include "sources.h"

#define DS_PIPELINE_WORKERS_MAX 64
/* Slots of a worker's ring: 768 KB, which stays in the cache between two cores. */
#define DS_PIPELINE_RING_SLOTS  4096

/* Where windows go. Called on the uplink thread only. */
struct ds_sink {
    void *self;
    /* Takes the window and frees it in any case. -1 with err stops the capture; what was captured
     * before is still put. May wait where the capture is a file. */
    int (*put)(void *self, struct ds_window *w, struct ds_error *err);
    /* Called at least 50 times a second; NULL where there is nothing to do. */
    void (*service)(void *self);
};

struct ds_pipeline_settings {
    /* One a capture thread; borrowed. More than one must all be live, on the same interface, or all
     * read the same file. */
    struct ds_capture *const *captures;
    unsigned capture_count;           /* 1 .. DS_CAPTURE_THREADS_MAX */
    const struct ds_monitor *monitor; /* borrowed */
    struct ds_geo *geo;               /* taken; NULL: no country */
    struct ds_rules *rules;           /* taken; NULL: no signatures of files */
    struct ds_sink sink;
    struct ds_survey *survey; /* borrowed until the end; NULL: no survey scanner is told apart */
    const char *survey_state; /* where it is saved; NULL: nowhere */
    struct ds_asn *asn;       /* borrowed; NULL: none */
    size_t source_limit;      /* records of sources in a window */
    const struct ds_sketch_secret *sketch_secret; /* borrowed; NULL: windows have no sketches */
    const struct ds_reached *reached;             /* borrowed; NULL: no address is told apart */
    unsigned workers;                             /* 1 .. DS_PIPELINE_WORKERS_MAX */
    /* There are as many captures as workers, each delivers all packets, and its thread counts its
     * share of them itself, without a ring in between. Not for live ones. */
    bool split;
    unsigned tunnels;
    bool experimental_signatures;
    int64_t window_ns, lateness_ns; /* window_ns 0: one window for everything */
    double speed;
    const uint8_t *live_order; /* the permutation's key: samples for the live view; NULL: none */
    /* Where the threads run: the capture threads, then the workers, then the uplink thread; those
     * beyond the end of the list run anywhere. Borrowed until the threads are started. */
    const unsigned *cpus;
    unsigned cpu_count;
};

struct ds_pipeline;

/* Allocates and starts nothing. 0, or -1 with err. */
int ds_pipeline_create(const struct ds_pipeline_settings *s, struct ds_pipeline **out,
                       struct ds_error *err);
void ds_pipeline_destroy(struct ds_pipeline *p);

/* Starts the threads. 0, or -1 with err; then nothing runs. */
int ds_pipeline_start(struct ds_pipeline *p, struct ds_error *err);

/* Makes the captures end soon. Any thread. */
void ds_pipeline_stop(struct ds_pipeline *p);

/* Waits until the captures have ended (or were stopped) and the last window is with the sink. 0, or
 * -1 with err where a capture or the sink failed; windows of all that was read before have been
 * given to the sink. */
int ds_pipeline_join(struct ds_pipeline *p, struct ds_error *err);

/* The samplers, one a worker, for who takes what they hand over; 0 without live_order. */
unsigned ds_pipeline_samplers(const struct ds_pipeline *p,
                              struct ds_sampler *out[static DS_PIPELINE_WORKERS_MAX]);

/* A descriptor that is readable once everything has ended. Owned by the pipeline. */
int ds_pipeline_done_fd(const struct ds_pipeline *p);

/* Swaps the country database without stopping or waiting; takes geo. The one before is kept as long
 * as a worker may use it, which may be long where the sink waits, and until the next call or the
 * end. 0, or 1 where the last but one is still in use: then geo is freed and nothing changes. Main
 * thread. */
int ds_pipeline_replace_geo(struct ds_pipeline *p, struct ds_geo *geo);

/* Swaps the signatures of files without stopping or waiting; takes rules (NULL: none from now on).
 * Windows that are open keep theirs; a worker uses the new ones from the next window that it opens.
 * Those before are kept while windows have them: at most DS_WORKER_SETS a worker. Main thread. */
void ds_pipeline_replace_rules(struct ds_pipeline *p, struct ds_rules *rules);

#endif
