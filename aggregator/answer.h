/* SPDX-License-Identifier: Apache-2.0
 *
 * The query threads: answer questions of the web, each from a store handle of its own, so that
 * neither a slow question nor a slow commit holds up the network. The queue is bounded; who finds
 * it full is told to come again. A question ends when nobody waits for it any more, and at its
 * deadline.
 *
 * An answer is printed into a pipe. A short one is complete before its asker sees any of it, so it
 * has a size and an entity tag, and an error has a status. One that the pipe cannot hold flows: its
 * asker reads while it is made, and its thread waits for the asker. So that askers who read slowly
 * do not take all threads, at most DS_ANSWER_FLOWS_MAX flow at a time.
 */
#ifndef DARKSCOPE_ANSWER_H
#define DARKSCOPE_ANSWER_H

#include "pipe.h"
#include "query.h"

#include <stdatomic.h>

#define DS_ANSWER_THREADS   3
#define DS_ANSWER_FLOWS_MAX (DS_ANSWER_THREADS - 1)
#define DS_ANSWER_QUEUE_MAX 32
#define DS_ANSWER_S         30   /* for one answer, from the question on, without ... */
#define DS_ANSWER_FLOW_S    300  /* ... what its asker takes to read it; with that at most */
#define DS_ANSWER_TAG       20   /* bytes of an entity tag's text */
#define DS_ANSWER_GZIP_MIN  1024 /* bytes of an answer that are worth compressing */

enum ds_answer_state {
    DS_ANSWER_NONE, /* nothing to read yet */
    DS_ANSWER_FLOWING,
    DS_ANSWER_DONE, /* err.status tells how; what is in the pipe is the rest, or all */
};

/* Shared by its asker and the query thread; whoever lets it go last frees it. */
struct ds_question {
    /* Set by ds_question_create. */
    struct ds_query query;
    bool takes_gzip;
    int64_t deadline_ns; /* steady; the query thread moves it while the asker reads */
    struct ds_pipe *pipe;
    /* The asker may read these once the state says so. */
    bool is_gzip;            /* FLOWING and DONE */
    struct ds_error err;     /* DONE; where it flowed before, DS_OK or it is cut off */
    char tag[DS_ANSWER_TAG]; /* DONE without error: "..." of what was printed, before gzip */
    atomic_int state;        /* enum ds_answer_state */
    atomic_bool is_cancelled;
    atomic_uint owners;
};

/* NULL without memory. */
struct ds_question *ds_question_create(const struct ds_query *query, bool takes_gzip,
                                       int64_t deadline_ns);

/* The asker waits no more: at once, or because it has read all. Accepts NULL. */
void ds_question_leave(struct ds_question *q);

struct ds_answerer;

/* Starts the threads; thread i alone uses stores[i] (a reader) until ds_answerer_destroy, which
 * ends the questions being answered. 0, or -1 with err. */
int ds_answerer_start(struct ds_store *const stores[static DS_ANSWER_THREADS],
                      struct ds_answerer **out, struct ds_error *err);
void ds_answerer_destroy(struct ds_answerer *a); /* accepts NULL */

/* False where the queue is full: then nobody answers, and q is still its asker's alone. */
bool ds_answerer_push(struct ds_answerer *a, struct ds_question *q);

/* Readable when the state of a question changed or more of it can be read; until ds_answerer_heed
 * was called. One thread. */
int ds_answerer_fd(const struct ds_answerer *a);
/* Was there such news since the last call? */
bool ds_answerer_heed(struct ds_answerer *a);

/* Questions that wait for a thread. */
size_t ds_answerer_depth(const struct ds_answerer *a);

/* An entity tag of bytes, "\"...\"": equal for equal bytes. sum starts as DS_TAG_EMPTY. */
#define DS_TAG_EMPTY UINT64_C(0xcbf29ce484222325)
uint64_t ds_tag_add(uint64_t sum, const void *bytes, size_t size);
void ds_tag_print(uint64_t sum, char out[static DS_ANSWER_TAG]);

#endif
