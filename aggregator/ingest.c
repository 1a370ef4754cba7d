/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest.h"

#include "channel.h"
#include "darkscope/clock.h"
#include "darkscope/log.h"
#include "darkscope/quiet.h"
#include "heap.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Every job that was pushed comes back: more than the queue, the one being stored, and all those
 * that the network thread has not taken yet. Sessions bound the windows in flight. */
#define SETTLED_MAX (DS_SESSIONS_MAX * DS_SESSION_IN_FLIGHT_MAX + DS_INGEST_QUEUE_MAX)

/* Without windows, so often. */
#define TIDY_S 60

struct ds_ingest {
    struct ds_store *store;
    struct ds_retention keep;
    struct ds_channel *waiting, *settled;
    pthread_t thread, upkeep_thread;
    bool is_running, has_upkeep;
    struct ds_quiet failing, refusing; /* store thread */
    struct ds_quiet untidy;            /* upkeep thread */
    pthread_mutex_t mutex;             /* protects what follows */
    pthread_cond_t news;               /* a window came, or the end */
    bool has_news, is_ending;
    struct ds_ingest_health health;
};

void ds_job_destroy(struct ds_job *job)
{
    if (!job)
        return;
    ds_window_finish(&job->window);
    free(job);
}

static void log_refused(struct ds_ingest *i, const struct ds_job *job)
{
    uint64_t unsaid;
    if (ds_quiet_allows(&i->refusing, ds_clock_steady_ns(), &unsaid))
        ds_log(DS_LOG_WARNING,
               "window %" PRIu64 " of sensor %s is refused: %s (%" PRIu64 " more not logged)",
               job->ticket.sequence, job->ticket.sensor, job->reason, unsaid);
}

static void log_failed(struct ds_ingest *i, const struct ds_error *err)
{
    uint64_t unsaid;
    if (ds_quiet_allows(&i->failing, ds_clock_steady_ns(), &unsaid))
        ds_log(DS_LOG_ERROR,
               "cannot store windows, sensors keep them and try again: %s (%" PRIu64
               " failures not logged)",
               err->text, unsaid);
}

static void refuse(struct ds_ingest *i, struct ds_job *job, const char *what, const char *detail)
{
    job->outcome = DS_OUTCOME_REFUSED;
    int room = DS_REASON_MAX - (int)strlen(what);
    snprintf(job->reason, sizeof job->reason, "%s%.*s", what, room, detail);
    log_refused(i, job);
}

static struct ds_store_put put_of(const struct ds_job *job)
{
    return (struct ds_store_put){
        .sensor = job->ticket.sensor,
        .boot = job->ticket.boot,
        .sequence = job->ticket.sequence,
        .received_s = ds_clock_utc_ns() / DS_NS_PER_S,
        .window = &job->window,
    };
}

/* The reason of a failure stays here: it may name files of this machine. */
static void store_window(struct ds_ingest *i, struct ds_job *job)
{
    const char *imbalance = ds_window_imbalance(&job->window);
    if (imbalance) {
        refuse(i, job, "its books do not balance: ", imbalance);
        return;
    }
    const struct ds_store_put put = put_of(job);
    struct ds_error err = {0};
    switch (i->store->ops->put(i->store, &put, &err)) {
    case DS_PUT_COMMITTED:
        job->outcome = DS_OUTCOME_COMMITTED;
        break;
    case DS_PUT_DUPLICATE:
        job->outcome = DS_OUTCOME_DUPLICATE;
        break;
    case DS_PUT_REFUSED:
        refuse(i, job, "", err.text);
        break;
    default:
        job->outcome = DS_OUTCOME_FAILED;
        snprintf(job->reason, sizeof job->reason, "the store fails");
        log_failed(i, &err);
    }
}

/* Windows that wait, as after a time without a connection: the disk is waited for but once. False:
 * each is to be stored alone. */
static bool store_together(struct ds_ingest *i, struct ds_job *const *jobs, size_t count)
{
    struct ds_store_put puts[DS_PUT_TOGETHER_MAX];
    for (size_t k = 0; k < count; k++) {
        if (ds_window_imbalance(&jobs[k]->window))
            return false;
        puts[k] = put_of(jobs[k]);
    }
    if (!i->store->ops->put_together(i->store, puts, count))
        return false;
    for (size_t k = 0; k < count; k++)
        jobs[k]->outcome = DS_OUTCOME_COMMITTED;
    return true;
}

static void note(struct ds_ingest *i, enum ds_outcome outcome)
{
    pthread_mutex_lock(&i->mutex);
    struct ds_ingest_health *h = &i->health;
    bool was_failing = h->is_failing;
    if (outcome == DS_OUTCOME_COMMITTED)
        h->last_commit_s = ds_clock_utc_ns() / DS_NS_PER_S;
    /* A refusal says nothing about the store: it may not even have been asked. */
    if (outcome != DS_OUTCOME_REFUSED)
        h->is_failing = outcome == DS_OUTCOME_FAILED;
    bool is_mended = was_failing && !h->is_failing;
    uint64_t *const counters[DS_OUTCOME_COUNT] = {
        [DS_OUTCOME_COMMITTED] = &h->committed,
        [DS_OUTCOME_DUPLICATE] = &h->duplicates,
        [DS_OUTCOME_REFUSED] = &h->refused,
        [DS_OUTCOME_FAILED] = &h->failures,
    };
    ++*counters[outcome];
    i->has_news = true;
    pthread_cond_signal(&i->news);
    pthread_mutex_unlock(&i->mutex);
    if (is_mended) {
        ds_log(DS_LOG_INFO, "the store works again");
        i->failing = (struct ds_quiet){0}; /* the next failure is news */
    }
}

static bool is_ending(struct ds_ingest *i)
{
    pthread_mutex_lock(&i->mutex);
    bool is_it = i->is_ending;
    pthread_mutex_unlock(&i->mutex);
    return is_it;
}

static void tidy(struct ds_ingest *i)
{
    struct ds_error err = {0};
    int result;
    do {
        result = i->store->ops->tidy(i->store, &i->keep, ds_clock_utc_ns() / DS_NS_PER_S, &err);
        if (result > 0)
            ds_heap_trim();
    } while (result > 0 && !is_ending(i));
    uint64_t unsaid;
    if (result < 0 && ds_quiet_allows(&i->untidy, ds_clock_steady_ns(), &unsaid))
        ds_log(DS_LOG_ERROR,
               "cannot sum up or delete what is old, tried again later: %s (%" PRIu64
               " failures not logged)",
               err.text, unsaid);
}

/* Waits until a window came, or for TIDY_S. False at the end. */
static bool wait_for_news(struct ds_ingest *i)
{
    struct timespec until;
    int waited = 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += TIDY_S;
    pthread_mutex_lock(&i->mutex);
    while (!i->has_news && !i->is_ending && waited == 0)
        waited = pthread_cond_timedwait(&i->news, &i->mutex, &until);
    i->has_news = false;
    bool goes_on = !i->is_ending;
    pthread_mutex_unlock(&i->mutex);
    return goes_on;
}

static void *look_after(void *arg)
{
    while (wait_for_news(arg))
        tidy(arg);
    return NULL;
}

static void settle(struct ds_ingest *i, struct ds_job *job)
{
    note(i, job->outcome);
    if (!ds_channel_push(i->settled, job))
        ds_job_destroy(job); /* cannot happen (SETTLED_MAX); the sensor would send it again */
}

/* Those that wait, at least one. 0 at the end. */
static size_t take_waiting(struct ds_ingest *i, struct ds_job *jobs[static DS_PUT_TOGETHER_MAX])
{
    size_t count = 0;
    jobs[0] = ds_channel_wait(i->waiting);
    while (jobs[count] && ++count < DS_PUT_TOGETHER_MAX)
        jobs[count] = ds_channel_pop(i->waiting);
    return count;
}

static void *run(void *arg)
{
    struct ds_ingest *i = arg;
    struct ds_job *jobs[DS_PUT_TOGETHER_MAX];
    for (size_t count; (count = take_waiting(i, jobs));) {
        bool is_done = count > 1 && store_together(i, jobs, count);
        for (size_t k = 0; k < count; k++) {
            if (!is_done)
                store_window(i, jobs[k]);
            settle(i, jobs[k]);
        }
    }
    return NULL;
}

static void init_news(struct ds_ingest *i)
{
    pthread_condattr_t steady;
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&i->news, &steady);
    pthread_condattr_destroy(&steady);
    pthread_mutex_init(&i->mutex, NULL);
}

static int start_threads(struct ds_ingest *i)
{
    int failure = pthread_create(&i->thread, NULL, run, i);
    i->is_running = failure == 0;
    if (failure == 0)
        failure = pthread_create(&i->upkeep_thread, NULL, look_after, i);
    i->has_upkeep = failure == 0;
    return failure;
}

int ds_ingest_start(struct ds_store *store, const struct ds_retention *keep, struct ds_ingest **out,
                    struct ds_error *err)
{
    struct ds_ingest *i = calloc(1, sizeof *i);
    if (!i)
        return ds_error(err, DS_FAILURE, "cannot start the store thread: out of memory");
    i->store = store;
    i->keep = *keep;
    init_news(i);
    if (ds_channel_create(DS_INGEST_QUEUE_MAX, &i->waiting) < 0 ||
        ds_channel_create(SETTLED_MAX, &i->settled) < 0) {
        ds_ingest_destroy(i);
        return ds_error(err, DS_FAILURE, "cannot start the store thread: %s", strerror(errno));
    }
    int failure = start_threads(i);
    if (failure) {
        ds_ingest_stop(i);
        ds_ingest_destroy(i);
        return ds_error(err, DS_FAILURE, "cannot start the store's threads: %s", strerror(failure));
    }
    *out = i;
    return 0;
}

bool ds_ingest_push(struct ds_ingest *i, struct ds_job *job)
{
    return ds_channel_push(i->waiting, job);
}

struct ds_job *ds_ingest_take(struct ds_ingest *i)
{
    return ds_channel_pop(i->settled);
}

int ds_ingest_fd(const struct ds_ingest *i)
{
    return ds_channel_fd(i->settled);
}

void ds_ingest_read_health(struct ds_ingest *i, struct ds_ingest_health *out)
{
    pthread_mutex_lock(&i->mutex);
    *out = i->health;
    pthread_mutex_unlock(&i->mutex);
    out->depth = ds_channel_depth(i->waiting);
}

void ds_ingest_stop(struct ds_ingest *i)
{
    if (!i || !i->is_running)
        return;
    ds_channel_close(i->waiting);
    pthread_join(i->thread, NULL);
    i->is_running = false;
    pthread_mutex_lock(&i->mutex);
    i->is_ending = true;
    pthread_cond_signal(&i->news);
    pthread_mutex_unlock(&i->mutex);
    if (i->has_upkeep)
        pthread_join(i->upkeep_thread, NULL);
    i->has_upkeep = false;
}

void ds_ingest_destroy(struct ds_ingest *i)
{
    if (!i)
        return;
    struct ds_job *job;
    while (i->settled && (job = ds_channel_pop(i->settled)))
        ds_job_destroy(job);
    ds_channel_destroy(i->waiting);
    ds_channel_destroy(i->settled);
    pthread_cond_destroy(&i->news);
    pthread_mutex_destroy(&i->mutex);
    free(i);
}
