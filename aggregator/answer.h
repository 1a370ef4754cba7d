/* SPDX-License-Identifier: Apache-2.0
 *
 * The query thread: answers questions of the web from a store handle of its own, so that neither a
 * slow question nor a slow commit holds up the network. One thread is enough: questions are few,
 * and a second would only compete for the same disk. The queue is bounded; who finds it full is
 * told to come again. A question ends when nobody waits for it any more, and at its deadline.
 */
#ifndef DARKSCOPE_ANSWER_H
#define DARKSCOPE_ANSWER_H

#include "query.h"

#include <stdatomic.h>

#define DS_ANSWER_QUEUE_MAX 32
#define DS_ANSWER_S         30 /* for one answer, from the question on */
#define DS_ANSWER_BYTES_MAX ((size_t)64 << 20)

/* Its owner is whoever holds the pointer, as with ds_job. */
struct ds_question {
    struct ds_query query;
    int64_t deadline_ns;      /* steady */
    atomic_bool is_cancelled; /* by ds_question_cancel */
    void *asker;              /* network thread only; NULL: nobody waits any more */
    struct ds_error err;      /* err.status DS_OK: body holds the answer */
    char *body;               /* JSON, from malloc; NULL with an error */
    size_t body_bytes;
};

/* Network thread, also while it is being answered: nobody waits any more. It still comes back. */
void ds_question_cancel(struct ds_question *q);

void ds_question_destroy(struct ds_question *q); /* accepts NULL */

struct ds_answerer;

/* Starts the thread, which alone uses store (a reader) until ds_answerer_destroy. The destroying
 * of an answerer ends the question being answered and frees the others. 0, or -1 with err. */
int ds_answerer_start(struct ds_store *store, struct ds_answerer **out, struct ds_error *err);
void ds_answerer_destroy(struct ds_answerer *a); /* accepts NULL */

/* Network thread. False where the queue is full: the question is still the caller's. */
bool ds_answerer_push(struct ds_answerer *a, struct ds_question *q);

/* Network thread. An answered question, now the caller's, or NULL. */
struct ds_question *ds_answerer_take(struct ds_answerer *a);

/* Readable while ds_answerer_take has something. Only for poll. */
int ds_answerer_fd(const struct ds_answerer *a);

#endif
