/* SPDX-License-Identifier: Apache-2.0 */
#include "answer.h"

#include "channel.h"
#include "darkscope/clock.h"
#include "gzip.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct worker {
    struct ds_answerer *answerer;
    struct ds_store *store;
    pthread_t thread;
    bool is_running;
    struct ds_question *now; /* being answered */
};

struct ds_answerer {
    struct ds_channel *waiting;
    int news_fd;
    atomic_bool is_stopping;
    atomic_uint flows;
    struct worker workers[DS_ANSWER_THREADS];
};

/* ---- questions ---- */

struct ds_question *ds_question_create(const struct ds_query *query, bool takes_gzip,
                                       int64_t deadline_ns)
{
    struct ds_question *q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    q->query = *query;
    q->takes_gzip = takes_gzip;
    q->deadline_ns = deadline_ns;
    q->pipe = ds_pipe_create();
    atomic_init(&q->owners, 1);
    if (!q->pipe) {
        free(q);
        return NULL;
    }
    return q;
}

static void let_go(struct ds_question *q)
{
    if (atomic_fetch_sub(&q->owners, 1) > 1)
        return;
    ds_pipe_destroy(q->pipe);
    free(q);
}

void ds_question_leave(struct ds_question *q)
{
    if (!q)
        return;
    atomic_store(&q->is_cancelled, true);
    let_go(q);
}

/* FNV-1a: it is to tell answers apart, and nobody gains by making two alike. */
uint64_t ds_tag_add(uint64_t sum, const void *bytes, size_t size)
{
    const unsigned char *b = bytes;
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ b[i]) * UINT64_C(0x100000001b3);
    return sum;
}

void ds_tag_print(uint64_t sum, char out[static DS_ANSWER_TAG])
{
    snprintf(out, DS_ANSWER_TAG, "\"%016" PRIx64 "\"", sum);
}

/* ---- answering ---- */

static bool is_enough(void *arg)
{
    const struct worker *w = arg;
    return atomic_load(&w->answerer->is_stopping) || atomic_load(&w->now->is_cancelled) ||
           ds_clock_steady_ns() >= w->now->deadline_ns;
}

/* An answer being printed. */
struct printing {
    struct worker *worker;
    struct ds_gzip *gzip;
    int64_t end_ns; /* however slowly it is read */
    uint64_t tag;
    const char *why; /* what ended it, where that was not the store */
    bool has_begun;  /* whether it is gzip is decided */
    size_t used;
    char bytes[DS_PIPE_PIECE_BYTES]; /* collected for the next piece */
};

static void tell(const struct ds_answerer *a)
{
    eventfd_write(a->news_fd, 1);
}

static bool begin_to_flow(struct printing *p)
{
    struct ds_answerer *a = p->worker->answerer;
    if (atomic_fetch_add(&a->flows, 1) >= DS_ANSWER_FLOWS_MAX) {
        atomic_fetch_sub(&a->flows, 1);
        p->why = "too many long answers are being read: try again, or ask for less";
        return false;
    }
    atomic_store(&p->worker->now->state, DS_ANSWER_FLOWING);
    tell(a);
    return true;
}

static bool is_flowing(const struct printing *p)
{
    return atomic_load(&p->worker->now->state) == DS_ANSWER_FLOWING;
}

/* The time that the asker takes is not the answer's. */
static bool wait_for_room(struct printing *p)
{
    struct ds_question *q = p->worker->now;
    while (!ds_pipe_has_room(q->pipe)) {
        if ((!is_flowing(p) && !begin_to_flow(p)) || is_enough(p->worker))
            return false;
        int64_t before_ns = ds_clock_steady_ns();
        ds_pipe_wait(q->pipe);
        int64_t later_ns = q->deadline_ns + ds_clock_steady_ns() - before_ns;
        q->deadline_ns = later_ns < p->end_ns ? later_ns : p->end_ns;
    }
    return true;
}

static int send_piece(void *arg, const void *bytes, size_t size)
{
    struct printing *p = arg;
    if (!wait_for_room(p))
        return -1;
    if (!ds_pipe_push(p->worker->now->pipe, bytes, size)) {
        p->why = "out of memory";
        return -1;
    }
    if (is_flowing(p))
        tell(p->worker->answerer);
    return 0;
}

/* Sends what was collected. */
static int flush(struct printing *p, bool is_last)
{
    struct ds_question *q = p->worker->now;
    p->tag = ds_tag_add(p->tag, p->bytes, p->used);
    if (q->takes_gzip && !p->has_begun && (!is_last || p->used >= DS_ANSWER_GZIP_MIN)) {
        p->gzip = ds_gzip_create();
        q->is_gzip = p->gzip;
    }
    p->has_begun = true;
    int result = p->gzip   ? ds_gzip_write(p->gzip, p->bytes, p->used, is_last, send_piece, p)
                 : p->used ? send_piece(p, p->bytes, p->used)
                           : 0;
    p->used = 0;
    return result;
}

static int print(void *arg, const char *bytes, size_t size)
{
    struct printing *p = arg;
    while (size > 0) {
        size_t room = sizeof p->bytes - p->used, part = size < room ? size : room;
        memcpy(p->bytes + p->used, bytes, part);
        p->used += part;
        bytes += part;
        size -= part;
        if (p->used == sizeof p->bytes && flush(p, false) != 0)
            return -1;
    }
    return 0;
}

static void fail(const struct printing *p, struct ds_error *err)
{
    if (p->why)
        ds_error(err, DS_DATABASE, "%s", p->why);
    else if (is_enough(p->worker)) /* where somebody still waits, it is late */
        ds_error(err, DS_DATABASE, "no answer within %d seconds: ask for less time", DS_ANSWER_S);
}

static void answer(struct worker *w, struct ds_question *q)
{
    struct printing *p = calloc(1, sizeof *p);
    w->now = q;
    if (p) {
        *p = (struct printing){.worker = w,
                               .tag = DS_TAG_EMPTY,
                               .end_ns = ds_clock_steady_ns() + DS_ANSWER_FLOW_S * DS_NS_PER_S};
        if (is_enough(w) || ds_query_print(&q->query, w->store, print, p, &q->err) < 0 ||
            flush(p, true) != 0)
            fail(p, &q->err);
        else
            q->err.status = DS_OK;
        ds_tag_print(p->tag, q->tag);
        if (is_flowing(p))
            atomic_fetch_sub(&w->answerer->flows, 1);
        ds_gzip_destroy(p->gzip);
    } else {
        ds_error(&q->err, DS_FAILURE, "out of memory");
    }
    free(p);
    atomic_store(&q->state, DS_ANSWER_DONE);
    tell(w->answerer);
    let_go(q);
}

static void *run(void *arg)
{
    struct worker *w = arg;
    struct ds_question *q;
    while ((q = ds_channel_wait(w->answerer->waiting)))
        answer(w, q);
    return NULL;
}

/* ---- the threads ---- */

/* 0, or what errno says. */
static int start(struct ds_answerer *a, struct ds_store *const stores[])
{
    a->news_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (a->news_fd < 0 || ds_channel_create(DS_ANSWER_QUEUE_MAX, &a->waiting) < 0)
        return errno;
    for (size_t i = 0; i < DS_ANSWER_THREADS; i++) {
        struct worker *w = &a->workers[i];
        *w = (struct worker){.answerer = a, .store = stores[i]};
        w->store->is_enough = is_enough;
        w->store->is_enough_arg = w;
        int failure = pthread_create(&w->thread, NULL, run, w);
        if (failure)
            return failure;
        w->is_running = true;
    }
    return 0;
}

int ds_answerer_start(struct ds_store *const stores[static DS_ANSWER_THREADS],
                      struct ds_answerer **out, struct ds_error *err)
{
    struct ds_answerer *a = calloc(1, sizeof *a);
    if (!a)
        return ds_error(err, DS_FAILURE, "cannot start the query threads: out of memory");
    int failure = start(a, stores);
    if (failure) {
        ds_answerer_destroy(a);
        return ds_error(err, DS_FAILURE, "cannot start the query threads: %s", strerror(failure));
    }
    *out = a;
    return 0;
}

void ds_answerer_destroy(struct ds_answerer *a)
{
    if (!a)
        return;
    atomic_store(&a->is_stopping, true);
    if (a->waiting)
        ds_channel_close(a->waiting);
    for (size_t i = 0; i < DS_ANSWER_THREADS; i++) {
        struct worker *w = &a->workers[i];
        if (w->is_running)
            pthread_join(w->thread, NULL);
        if (w->store)
            w->store->is_enough = NULL;
    }
    struct ds_question *q;
    while (a->waiting && (q = ds_channel_pop(a->waiting)))
        let_go(q);
    ds_channel_destroy(a->waiting);
    if (a->news_fd >= 0)
        close(a->news_fd);
    free(a);
}

bool ds_answerer_push(struct ds_answerer *a, struct ds_question *q)
{
    atomic_fetch_add(&q->owners, 1);
    if (ds_channel_push(a->waiting, q))
        return true;
    atomic_fetch_sub(&q->owners, 1);
    return false;
}

int ds_answerer_fd(const struct ds_answerer *a)
{
    return a->news_fd;
}

bool ds_answerer_heed(struct ds_answerer *a)
{
    eventfd_t news;
    return eventfd_read(a->news_fd, &news) == 0;
}

size_t ds_answerer_depth(const struct ds_answerer *a)
{
    return ds_channel_depth(a->waiting);
}
