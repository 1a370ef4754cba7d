/* SPDX-License-Identifier: Apache-2.0 */
#include "answer.h"

#include "channel.h"
#include "darkscope/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Answered and not yet taken. The network thread takes them every round, and asks at most as many
 * questions as it has connections; a thread that finds it full waits for nothing and drops. */
#define ANSWERED_MAX 1024

struct ds_answerer {
    struct ds_store *store;
    struct ds_channel *waiting, *answered;
    struct ds_question *now; /* query thread: being answered */
    pthread_t thread;
    bool is_running;
    atomic_bool is_stopping;
};

void ds_question_destroy(struct ds_question *q)
{
    if (!q)
        return;
    free(q->body);
    free(q);
}

void ds_question_cancel(struct ds_question *q)
{
    q->asker = NULL;
    atomic_store(&q->is_cancelled, true);
}

static bool is_enough(void *arg)
{
    const struct ds_answerer *a = arg;
    return atomic_load(&a->is_stopping) || atomic_load(&a->now->is_cancelled) ||
           ds_clock_steady_ns() >= a->now->deadline_ns;
}

static void answer(struct ds_answerer *a, struct ds_question *q)
{
    json_t *json = NULL;
    a->now = q;
    if (is_enough(a) || ds_query_run(&q->query, a->store, &json, &q->err) < 0) {
        if (is_enough(a)) /* where somebody still waits, it is late */
            ds_error(&q->err, DS_DATABASE, "no answer within %d seconds: ask for less time",
                     DS_ANSWER_S);
        return;
    }
    q->err.status = DS_OK;
    q->body = json_dumps(json, DS_QUERY_JSON);
    json_decref(json);
    q->body_bytes = q->body ? strlen(q->body) : 0;
    if (!q->body) {
        ds_error(&q->err, DS_FAILURE, "out of memory");
    } else if (q->body_bytes > DS_ANSWER_BYTES_MAX) {
        free(q->body);
        q->body = NULL;
        ds_error(&q->err, DS_USAGE, "the answer is too large: ask for less time or fewer rows");
    }
}

static void *run(void *arg)
{
    struct ds_answerer *a = arg;
    struct ds_question *q;
    while ((q = ds_channel_wait(a->waiting))) {
        answer(a, q);
        if (!ds_channel_push(a->answered, q))
            ds_question_destroy(q);
    }
    return NULL;
}

int ds_answerer_start(struct ds_store *store, struct ds_answerer **out, struct ds_error *err)
{
    struct ds_answerer *a = calloc(1, sizeof *a);
    if (!a)
        return ds_error(err, DS_FAILURE, "cannot start the query thread: out of memory");
    a->store = store;
    store->is_enough = is_enough;
    store->is_enough_arg = a;
    int failure = 0;
    if (ds_channel_create(DS_ANSWER_QUEUE_MAX, &a->waiting) < 0 ||
        ds_channel_create(ANSWERED_MAX, &a->answered) < 0)
        failure = errno;
    if (!failure)
        failure = pthread_create(&a->thread, NULL, run, a);
    if (failure) {
        ds_answerer_destroy(a);
        return ds_error(err, DS_FAILURE, "cannot start the query thread: %s", strerror(failure));
    }
    a->is_running = true;
    *out = a;
    return 0;
}

void ds_answerer_destroy(struct ds_answerer *a)
{
    if (!a)
        return;
    if (a->is_running) {
        atomic_store(&a->is_stopping, true);
        ds_channel_close(a->waiting);
        pthread_join(a->thread, NULL);
        a->store->is_enough = NULL;
    }
    struct ds_question *q;
    while (a->answered && (q = ds_channel_pop(a->answered)))
        ds_question_destroy(q);
    ds_channel_destroy(a->waiting);
    ds_channel_destroy(a->answered);
    free(a);
}

bool ds_answerer_push(struct ds_answerer *a, struct ds_question *q)
{
    return ds_channel_push(a->waiting, q);
}

struct ds_question *ds_answerer_take(struct ds_answerer *a)
{
    return ds_channel_pop(a->answered);
}

int ds_answerer_fd(const struct ds_answerer *a)
{
    return ds_channel_fd(a->answered);
}
