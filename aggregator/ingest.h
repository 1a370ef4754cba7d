/* SPDX-License-Identifier: Apache-2.0
 *
 * The store thread: takes windows from a bounded queue, checks their books, commits them and says
 * what became of each. It never stops for a failing store: the window is given back as FAILED, its
 * sensor keeps it and tries again, and the next commit that works mends everything. Beside it, the
 * upkeep thread looks after the store, so that no window waits for the sums of a day.
 */
#ifndef DARKSCOPE_INGEST_H
#define DARKSCOPE_INGEST_H

#include "session.h"
#include "store.h"

#define DS_INGEST_QUEUE_MAX 64 /* windows waiting for the store */

/* A window on its way. Its owner is whoever holds the pointer: the network thread, the queue, the
 * store thread, the queue back, the network thread. */
struct ds_job {
    struct ds_ticket ticket;
    struct ds_window window;
    enum ds_outcome outcome;        /* set by the store thread */
    char reason[DS_REASON_MAX + 1]; /* for the sensor's log; set by the store thread */
};

void ds_job_destroy(struct ds_job *job); /* accepts NULL */

struct ds_ingest_health {
    bool is_failing;       /* the last attempt to commit failed */
    int64_t last_commit_s; /* UTC, of the aggregator's clock; 0: none since the start */
    size_t depth;          /* windows waiting */
    uint64_t committed, duplicates, refused, failures; /* since the start */
};

struct ds_ingest;

/* Starts the threads, which alone use store (a writer) until ds_ingest_stop, and keeps what keep
 * says. 0, or -1 with err. */
int ds_ingest_start(struct ds_store *store, const struct ds_retention *keep, struct ds_ingest **out,
                    struct ds_error *err);

/* Network thread. False where the queue is full: the job is still the caller's. */
bool ds_ingest_push(struct ds_ingest *i, struct ds_job *job);

/* Network thread. A job with its outcome, now the caller's, or NULL where there is none now. */
struct ds_job *ds_ingest_take(struct ds_ingest *i);

/* Readable while ds_ingest_take has something. Only for poll. */
int ds_ingest_fd(const struct ds_ingest *i);

/* Any thread. */
void ds_ingest_read_health(struct ds_ingest *i, struct ds_ingest_health *out);

/* Commits what is queued, finishes the piece of upkeep that is being done and ends the threads; the
 * outcomes can still be taken. Accepts NULL. */
void ds_ingest_stop(struct ds_ingest *i);

/* After ds_ingest_stop. Frees outcomes that nobody took. Accepts NULL. */
void ds_ingest_destroy(struct ds_ingest *i);

#endif
