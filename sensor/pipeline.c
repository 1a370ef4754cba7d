/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline.h"

#include "darkscope/clock.h"
#include "dispatch.h"
#include "gather.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SERVICE_NS (20 * DS_NS_PER_MS)

struct ds_pipeline {
    struct ds_pipeline_settings settings;
    struct ds_hash_key key;
    struct ds_worker_shared shared;
    struct ds_gate closed; /* the uplink thread sleeps here */
    struct ds_dispatch dispatch;
    struct ds_ring *rings; /* one a worker */
    struct ds_ring *ring_places[DS_PIPELINE_WORKERS_MAX];
    struct ds_worker *workers;
    unsigned workers_ready; /* of workers and rings, for destroy */
    pthread_mutex_t name_lock;
    char country_db[DS_DATABASE_MAX + 1];
    pthread_t uplink;
    struct ds_gather gather; /* the uplink thread's */
    int result;              /* of the sink; error says why */
    struct ds_error error;
    int done_fd; /* eventfd */
};

static void set_name(struct ds_pipeline *p, const struct ds_geo *geo)
{
    pthread_mutex_lock(&p->name_lock);
    snprintf(p->country_db, sizeof p->country_db, "%s", geo ? geo->name : "");
    pthread_mutex_unlock(&p->name_lock);
}

static int create_workers(struct ds_pipeline *p)
{
    unsigned count = p->settings.workers;
    p->workers = aligned_alloc(DS_CACHE_LINE, count * sizeof *p->workers);
    p->rings = aligned_alloc(DS_CACHE_LINE, count * sizeof *p->rings);
    if (!p->workers || !p->rings)
        return -1;
    for (unsigned i = 0; i < count; i++) {
        struct ds_worker *w = &p->workers[i];
        int failed = ds_worker_init(w, &p->shared, &p->rings[i], 1, count);
        failed |= ds_ring_init(&p->rings[i], DS_PIPELINE_RING_SLOTS, &w->data, &p->dispatch.room);
        p->ring_places[i] = &p->rings[i];
        p->workers_ready = i + 1;
        if (failed)
            return -1;
    }
    return 0;
}

int ds_pipeline_create(const struct ds_pipeline_settings *s, struct ds_pipeline **out,
                       struct ds_error *err)
{
    struct ds_pipeline *p = aligned_alloc(DS_CACHE_LINE, (sizeof *p + DS_CACHE_LINE - 1) /
                                                             DS_CACHE_LINE * DS_CACHE_LINE);
    if (!p) {
        ds_geo_destroy(s->geo);
        return ds_error(err, DS_FAILURE, "no memory for the pipeline");
    }
    memset(p, 0, sizeof *p);
    p->settings = *s;
    p->key = ds_hash_key_random();
    pthread_mutex_init(&p->name_lock, NULL);
    p->shared = (struct ds_worker_shared){
        .monitor = s->monitor, .key = &p->key, .geo = s->geo, .closed = &p->closed};
    set_name(p, s->geo);
    struct ds_dispatch_settings dispatch = {
        .capture = s->capture,
        .rings = p->ring_places,
        .workers = s->workers,
        .key = &p->key,
        .tunnels = s->tunnels,
        .window_ns = s->window_ns,
        .lateness_ns = s->lateness_ns,
        .speed = s->speed,
    };
    p->done_fd = eventfd(0, EFD_CLOEXEC);
    if (p->done_fd < 0 || ds_gate_init(&p->closed) || ds_dispatch_init(&p->dispatch, &dispatch) ||
        create_workers(p)) {
        ds_pipeline_destroy(p);
        return ds_error(err, DS_FAILURE, "no memory for %u workers; lower workers", s->workers);
    }
    *out = p;
    return 0;
}

void ds_pipeline_destroy(struct ds_pipeline *p)
{
    if (!p)
        return;
    for (unsigned i = 0; i < p->workers_ready; i++) {
        ds_worker_finish(&p->workers[i]);
        ds_ring_finish(&p->rings[i]);
    }
    free(p->workers);
    free(p->rings);
    ds_dispatch_finish(&p->dispatch);
    ds_gate_finish(&p->closed);
    ds_gather_finish(&p->gather);
    ds_geo_destroy((struct ds_geo *)atomic_load(&p->shared.geo));
    pthread_mutex_destroy(&p->name_lock);
    if (p->done_fd >= 0)
        close(p->done_fd);
    free(p);
}

/* All workers' sets of an epoch, or false where one is still counting. */
static bool closed_sets(struct ds_pipeline *p, uint32_t epoch, struct ds_set **sets)
{
    for (unsigned i = 0; i < p->settings.workers; i++)
        if (!(sets[i] = ds_worker_closed(&p->workers[i], epoch)))
            return false;
    return true;
}

static bool workers_ended(struct ds_pipeline *p)
{
    for (unsigned i = 0; i < p->settings.workers; i++)
        if (!atomic_load(&p->workers[i].ended))
            return false;
    return true;
}

/* Once the sink has failed, windows are thrown away: the capture is stopping. */
static void deliver(struct ds_pipeline *p, struct ds_set **sets)
{
    struct ds_window w;
    int failed = ds_gather(&p->gather, sets, p->settings.workers, p->settings.monitor, &w);
    for (unsigned i = 0; i < p->settings.workers; i++)
        ds_worker_free_set(&p->workers[i], sets[i]);
    if (failed) {
        p->result = ds_error(&p->error, DS_FAILURE, "no memory to close a window");
    } else if (p->result == 0) {
        pthread_mutex_lock(&p->name_lock);
        strcpy(w.country_db, p->country_db);
        pthread_mutex_unlock(&p->name_lock);
        p->result = p->settings.sink.put(p->settings.sink.self, &w, &p->error);
    } else {
        ds_window_finish(&w);
    }
    if (p->result)
        p->settings.capture->ops->stop(p->settings.capture);
}

static void *run_uplink(void *arg)
{
    struct ds_pipeline *p = arg;
    pthread_setname_np(pthread_self(), "uplink");
    struct ds_set *sets[DS_PIPELINE_WORKERS_MAX];
    for (uint32_t epoch = 1;;) {
        bool ended = workers_ended(p); /* before the look: what they closed is then visible */
        ds_gate_prepare(&p->closed);
        if (closed_sets(p, epoch, sets)) {
            ds_gate_cancel(&p->closed);
            deliver(p, sets);
            epoch++;
        } else if (ended || workers_ended(p)) {
            ds_gate_cancel(&p->closed);
            if (ended)
                break;
        } else {
            ds_gate_sleep(&p->closed, SERVICE_NS);
        }
        if (p->settings.sink.service)
            p->settings.sink.service(p->settings.sink.self);
    }
    eventfd_write(p->done_fd, 1);
    return NULL;
}

int ds_pipeline_start(struct ds_pipeline *p, struct ds_error *err)
{
    /* Started from the end of the way, so that each thread's consumer is there. */
    unsigned started = 0;
    int error = pthread_create(&p->uplink, NULL, run_uplink, p);
    bool has_uplink = error == 0;
    for (; !error && started < p->settings.workers; started += !error)
        error =
            pthread_create(&p->workers[started].thread, NULL, ds_worker_run, &p->workers[started]);
    if (!error)
        error = pthread_create(&p->dispatch.thread, NULL, ds_dispatch_run, &p->dispatch);
    if (!error)
        return 0;
    /* Those that run end as at the end of a capture. */
    for (unsigned i = started; i < p->settings.workers; i++)
        atomic_store(&p->workers[i].ended, true);
    ds_dispatch_end(&p->dispatch);
    for (unsigned i = 0; i < started; i++)
        pthread_join(p->workers[i].thread, NULL);
    if (has_uplink)
        pthread_join(p->uplink, NULL);
    return ds_error(err, DS_FAILURE, "cannot start %u worker threads: %s; lower workers",
                    p->settings.workers, strerror(error));
}

int ds_pipeline_join(struct ds_pipeline *p, struct ds_error *err)
{
    pthread_join(p->dispatch.thread, NULL);
    for (unsigned i = 0; i < p->settings.workers; i++)
        pthread_join(p->workers[i].thread, NULL);
    pthread_join(p->uplink, NULL);
    if (p->result == 0 && p->dispatch.result == 0)
        return 0;
    *err = p->result ? p->error : p->dispatch.error;
    return -1;
}

int ds_pipeline_done_fd(const struct ds_pipeline *p)
{
    return p->done_fd;
}

void ds_pipeline_replace_geo(struct ds_pipeline *p, struct ds_geo *geo)
{
    const struct ds_geo *old = atomic_exchange(&p->shared.geo, geo);
    set_name(p, geo);
    for (unsigned i = 0; i < p->settings.workers; i++)
        while (old && atomic_load(&p->workers[i].geo_seen) == old)
            nanosleep(&(struct timespec){.tv_nsec = DS_NS_PER_MS}, NULL);
    ds_geo_destroy((struct ds_geo *)old);
}
