/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline.h"

#include "darkscope/clock.h"
#include "dispatch.h"
#include "gather.h"
#include "memory.h"
#include "schedule.h"
#include "sketches.h"
#include "survey_file.h"
#include "zone.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

_Static_assert(DS_SURVEY_LAG > DS_WORKER_SETS, "no window begins before its set is known");

#define SERVICE_NS (20 * DS_NS_PER_MS)

struct ds_pipeline {
    struct ds_pipeline_settings settings;
    struct ds_hash_key key;
    struct ds_hash_key live_key; /* the samplers', of this run alone, as the feed promises */
    struct ds_worker_shared shared;
    struct ds_gate closed;          /* the uplink thread sleeps here */
    struct ds_schedule *schedules;  /* one for all captures; split: one for each */
    struct ds_dispatch *dispatches; /* one a capture */
    struct ds_worker *workers;
    struct ds_ring *rings;        /* one a worker and capture, those of a worker side by side */
    struct ds_ring **ring_places; /* the same, those of a capture side by side */
    /* What is made, for destroy. */
    unsigned schedules_ready, dispatches_ready, workers_ready, rings_ready;
    struct ds_geo *retired_geo;     /* replaced, and perhaps still in use; NULL: none */
    struct ds_rules *retired_rules; /* likewise; a list */
    pthread_t uplink;
    struct ds_survey_ring surveys;
    struct ds_gather gather; /* the uplink thread's, as those below */
    struct ds_sources sources;
    struct ds_survey_keeper keeper;
    int result; /* of the sink; error says why */
    struct ds_error error;
    int done_fd; /* eventfd */
};

/* One that fails ends all that read the same interface. Those that each read the same file come to
 * the same place by themselves: what is before it is theirs to count. */
static void capture_failed(void *pipeline)
{
    struct ds_pipeline *p = pipeline;
    if (!p->settings.split)
        ds_pipeline_stop(p);
}

static int create_schedules(struct ds_pipeline *p)
{
    const struct ds_pipeline_settings *s = &p->settings;
    unsigned count = s->split ? s->capture_count : 1, members = s->split ? 1 : s->capture_count;
    for (; p->schedules_ready < count; p->schedules_ready++)
        if (ds_schedule_init(&p->schedules[p->schedules_ready], members, s->window_ns,
                             s->lateness_ns))
            return -1;
    return 0;
}

static int create_dispatches(struct ds_pipeline *p)
{
    const struct ds_pipeline_settings *s = &p->settings;
    for (unsigned i = 0; i < s->capture_count; i++) {
        const struct ds_dispatch_settings settings = {
            .capture = s->captures[i],
            .schedule = &p->schedules[s->split ? i : 0],
            .rings = s->split ? NULL : &p->ring_places[i * s->workers],
            .workers = s->workers,
            .own = s->split ? &p->workers[i] : NULL,
            .share = i,
            .key = &p->key,
            .tunnels = s->tunnels,
            .speed = s->speed,
            .failed = capture_failed,
            .failed_arg = p,
        };
        if (ds_dispatch_init(&p->dispatches[i], &settings))
            return -1;
        p->dispatches_ready++;
    }
    return 0;
}

/* Captures that a worker has a ring from. */
static unsigned ring_count(const struct ds_pipeline *p)
{
    return p->settings.split ? 0 : p->settings.capture_count;
}

/* Reads a file, and no worker has to wait for the slower of several captures. */
static bool can_wait(const struct ds_pipeline *p)
{
    return !p->settings.captures[0]->ops->is_live && ring_count(p) <= 1;
}

static int create_rings(struct ds_pipeline *p)
{
    unsigned captures = ring_count(p), workers = p->settings.workers;
    for (unsigned i = 0; i < workers * captures; i++) {
        unsigned worker = i / captures, capture = i % captures;
        if (ds_ring_init(&p->rings[i], DS_PIPELINE_RING_SLOTS, &p->workers[worker].data,
                         &p->dispatches[capture].room))
            return -1;
        p->rings_ready++;
        p->ring_places[capture * workers + worker] = &p->rings[i];
    }
    return 0;
}

static int create_workers(struct ds_pipeline *p)
{
    unsigned captures = ring_count(p), workers = p->settings.workers;
    for (unsigned i = 0; i < workers; i++) {
        p->workers_ready++; /* a half-made one can be finished */
        if (ds_worker_init(&p->workers[i], &p->shared, &p->rings[i * captures], captures, workers))
            return -1;
    }
    return 0;
}

static void *allocate_lines(size_t bytes)
{
    return aligned_alloc(DS_CACHE_LINE,
                         (bytes + DS_CACHE_LINE - 1) / DS_CACHE_LINE * DS_CACHE_LINE);
}

static int create_samplers(struct ds_pipeline *p)
{
    const struct ds_pipeline_settings *s = &p->settings;
    for (unsigned i = 0; s->live_order && i < s->workers; i++) {
        struct ds_sampler *sampler = allocate_lines(sizeof *sampler);
        if (!sampler)
            return -1;
        int failed = ds_sampler_init(sampler, s->monitor, &p->live_key, s->live_order, s->workers);
        ds_worker_sample(&p->workers[i], sampler);
        if (failed)
            return -1;
    }
    return 0;
}

static int create_stages(struct ds_pipeline *p)
{
    const struct ds_pipeline_settings *s = &p->settings;
    p->dispatches = allocate_lines(s->capture_count * sizeof *p->dispatches);
    p->workers = allocate_lines(s->workers * sizeof *p->workers);
    p->rings = allocate_lines(s->workers * s->capture_count * sizeof *p->rings);
    p->ring_places = calloc(s->workers * s->capture_count, sizeof(struct ds_ring *));
    p->schedules = calloc(s->capture_count, sizeof *p->schedules);
    if (!p->dispatches || !p->workers || !p->rings || !p->ring_places || !p->schedules)
        return -1;
    return create_schedules(p) || create_dispatches(p) || create_workers(p) || create_rings(p) ||
                   create_samplers(p)
               ? -1
               : 0;
}

int ds_pipeline_create(const struct ds_pipeline_settings *s, struct ds_pipeline **out,
                       struct ds_error *err)
{
    struct ds_pipeline *p = calloc(1, sizeof *p);
    if (!p) {
        ds_geo_destroy(s->geo);
        ds_rules_destroy(s->rules);
        return ds_error(err, DS_FAILURE, "no memory for the pipeline");
    }
    ds_memory_keep();
    p->settings = *s;
    p->key = s->sketch_secret ? ds_sketches_hash_key(s->sketch_secret) : ds_hash_key_random();
    p->live_key = ds_hash_key_random();
    p->shared = (struct ds_worker_shared){
        .monitor = s->monitor,
        .key = &p->key,
        .sets = can_wait(p) ? DS_TIMELINE_OPEN_MAX : DS_WORKER_SETS,
        .allowance = DS_WORKER_TABLES_MAX,
        .geo = s->geo,
        .rules = s->rules,
        .surveys = &p->surveys,
        .window_ns = s->window_ns,
        .closed = &p->closed,
        .experimental = s->experimental_signatures,
    };
    p->sources = (struct ds_sources){s->source_limit, s->survey, s->asn};
    p->keeper.path = s->survey_state;
    p->done_fd = eventfd(0, EFD_CLOEXEC);
    if (p->done_fd < 0 || ds_gate_init(&p->closed) || ds_survey_ring_init(&p->surveys, s->survey) ||
        create_stages(p)) {
        ds_pipeline_destroy(p);
        return ds_error(err, DS_FAILURE,
                        "no memory for %u workers and %u capture threads; lower "
                        "workers or capture.threads",
                        s->workers, s->capture_count);
    }
    *out = p;
    return 0;
}

/* Takes the first out of a list of retired rules and frees it. */
static void destroy_first(struct ds_rules **list)
{
    struct ds_rules *first = *list;
    *list = first->retired;
    ds_rules_destroy(first);
}

void ds_pipeline_destroy(struct ds_pipeline *p)
{
    if (!p)
        return;
    for (unsigned i = 0; i < p->workers_ready; i++)
        ds_worker_finish(&p->workers[i]);
    for (unsigned i = 0; i < p->rings_ready; i++)
        ds_ring_finish(&p->rings[i]);
    for (unsigned i = 0; i < p->dispatches_ready; i++)
        ds_dispatch_finish(&p->dispatches[i]);
    for (unsigned i = 0; i < p->schedules_ready; i++)
        ds_schedule_finish(&p->schedules[i]);
    free(p->schedules);
    free(p->workers);
    free(p->rings);
    free(p->ring_places);
    free(p->dispatches);
    ds_gate_finish(&p->closed);
    ds_gather_finish(&p->gather);
    ds_survey_ring_finish(&p->surveys);
    ds_geo_destroy((struct ds_geo *)atomic_load(&p->shared.geo));
    ds_geo_destroy(p->retired_geo);
    ds_rules_destroy((struct ds_rules *)atomic_load(&p->shared.rules));
    while (p->retired_rules)
        destroy_first(&p->retired_rules);
    if (p->done_fd >= 0)
        close(p->done_fd);
    free(p);
}

enum sets { SETS_COUNTING, SETS_PARTIAL, SETS_COMPLETE };

/* The workers' sets of an epoch. Where each reads for itself and is stopped, they end with
 * different windows: then some have no set, NULL, and never will. */
static enum sets find_sets(struct ds_pipeline *p, uint32_t epoch, struct ds_set **sets)
{
    unsigned found = 0;
    for (unsigned i = 0; i < p->settings.workers; i++) {
        bool ended = atomic_load(&p->workers[i].ended); /* before the look, as in run_uplink */
        sets[i] = ds_worker_closed(&p->workers[i], epoch);
        if (!sets[i] && !ended)
            return SETS_COUNTING;
        found += sets[i] != NULL;
    }
    if (found == 0)
        return SETS_COUNTING;
    return found == p->settings.workers ? SETS_COMPLETE : SETS_PARTIAL;
}

/* The workers go on with the next windows. */
static void free_sets(struct ds_pipeline *p, uint32_t epoch, struct ds_set **sets)
{
    ds_survey_ring_advance(&p->surveys, p->settings.survey, epoch);
    for (unsigned i = 0; i < p->settings.workers; i++)
        if (sets[i])
            ds_worker_free_set(&p->workers[i], sets[i]);
}

static bool workers_ended(struct ds_pipeline *p)
{
    for (unsigned i = 0; i < p->settings.workers; i++)
        if (!atomic_load(&p->workers[i].ended))
            return false;
    return true;
}

/* One window of the workers' sets. 0, or -1 without memory. */
static int gather(struct ds_pipeline *p, struct ds_set **sets, struct ds_window *w)
{
    unsigned workers = p->settings.workers;
    if (ds_gather(&p->gather, sets, workers, p->settings.monitor, w))
        return -1;
    const struct ds_sketch_secret *secret = p->settings.sketch_secret;
    int failed = secret ? ds_sketches_gather(secret, sets, workers, w) : 0;
    if (!failed && secret && p->settings.reached)
        failed = ds_reached_add(p->settings.reached, &sets[0]->counts, w);
    if (!failed)
        failed = ds_sources_gather(&p->sources, sets, workers, ds_zone_day(w->start_s), w);
    if (failed)
        ds_window_finish(w);
    return failed;
}

/* Once something has failed the capture is stopping; what was captured until then is still given
 * to the sink, and the first error is the one to report. */
static void deliver(struct ds_pipeline *p, struct ds_set **sets)
{
    struct ds_window w;
    struct ds_error error;
    int failed = gather(p, sets, &w);
    free_sets(p, sets[0]->epoch, sets);
    if (failed) {
        failed = ds_error(&error, DS_FAILURE, "no memory to close a window");
    } else {
        failed = p->settings.sink.put(p->settings.sink.self, &w, &error);
    }
    ds_memory_trim();
    if (p->settings.survey)
        ds_survey_keep(&p->keeper, p->settings.survey, false);
    if (failed && p->result == 0) {
        p->result = -1;
        p->error = error;
    }
    if (failed)
        ds_pipeline_stop(p);
}

static void *run_uplink(void *arg)
{
    struct ds_pipeline *p = arg;
    pthread_setname_np(pthread_self(), "uplink");
    struct ds_set *sets[DS_PIPELINE_WORKERS_MAX];
    for (uint32_t epoch = 1;;) {
        bool ended = workers_ended(p); /* before the look: what they closed is then visible */
        ds_gate_prepare(&p->closed);
        enum sets found = find_sets(p, epoch, sets);
        if (found != SETS_COUNTING) {
            ds_gate_cancel(&p->closed);
            if (found == SETS_COMPLETE)
                deliver(p, sets);
            else
                free_sets(p, epoch, sets); /* a part of a window is none */
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
    if (p->settings.survey)
        ds_survey_keep(&p->keeper, p->settings.survey, true);
    eventfd_write(p->done_fd, 1);
    return NULL;
}

/* Starts the thread that stands at this place of the list of CPUs. 0, or an errno. */
static int start_thread(const struct ds_pipeline *p, unsigned place, pthread_t *thread,
                        void *(*run)(void *), void *arg)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    if (place < p->settings.cpu_count) {
        cpu_set_t cpus;
        CPU_ZERO(&cpus);
        CPU_SET(p->settings.cpus[place], &cpus);
        pthread_attr_setaffinity_np(&attributes, sizeof cpus, &cpus);
    }
    int error = pthread_create(thread, &attributes, run, arg);
    pthread_attr_destroy(&attributes);
    return error;
}

static void join_threads(struct ds_pipeline *p, unsigned captures, unsigned workers, bool uplink)
{
    for (unsigned i = 0; i < captures; i++)
        pthread_join(p->dispatches[i].thread, NULL);
    for (unsigned i = 0; i < workers && !p->settings.split; i++)
        pthread_join(p->workers[i].thread, NULL);
    if (uplink)
        pthread_join(p->uplink, NULL);
}

int ds_pipeline_start(struct ds_pipeline *p, struct ds_error *err)
{
    const struct ds_pipeline_settings *s = &p->settings;
    unsigned captures = 0, workers = 0;
    /* Started from the end of the way, so that each thread's consumer is there. */
    unsigned first = s->split ? 1 : 0; /* place: where split, those of the workers */
    unsigned last = s->workers + (s->split ? 1 : s->capture_count);
    int error = start_thread(p, last, &p->uplink, run_uplink, p);
    bool uplink = error == 0;
    for (; !error && workers < s->workers && !p->settings.split; workers += !error)
        error = start_thread(p, s->capture_count + workers, &p->workers[workers].thread,
                             ds_worker_run, &p->workers[workers]);
    for (; !error && captures < s->capture_count; captures += !error)
        error = start_thread(p, first + captures, &p->dispatches[captures].thread, ds_dispatch_run,
                             &p->dispatches[captures]);
    if (!error)
        return 0;
    /* Those that run end as at the end of the captures. */
    ds_pipeline_stop(p);
    for (unsigned i = workers; i < s->workers; i++)
        atomic_store(&p->workers[i].ended, true);
    for (unsigned i = captures; i < s->capture_count; i++)
        ds_dispatch_drop(&p->dispatches[i]);
    join_threads(p, captures, workers, uplink);
    return ds_error(err, DS_FAILURE,
                    "cannot start %u workers and %u capture threads: %s; lower workers or "
                    "capture.threads",
                    s->workers, s->capture_count, strerror(error));
}

void ds_pipeline_stop(struct ds_pipeline *p)
{
    for (unsigned i = 0; i < p->settings.capture_count; i++)
        p->settings.captures[i]->ops->stop(p->settings.captures[i]);
}

int ds_pipeline_join(struct ds_pipeline *p, struct ds_error *err)
{
    join_threads(p, p->settings.capture_count, p->settings.workers, true);
    const struct ds_error *failed = p->result ? &p->error : NULL;
    for (unsigned i = 0; !failed && i < p->settings.capture_count; i++)
        if (p->dispatches[i].result)
            failed = &p->dispatches[i].error;
    if (!failed)
        return 0;
    *err = *failed;
    return -1;
}

unsigned ds_pipeline_samplers(const struct ds_pipeline *p,
                              struct ds_sampler *out[static DS_PIPELINE_WORKERS_MAX])
{
    unsigned count = p->settings.live_order ? p->settings.workers : 0;
    for (unsigned i = 0; i < count; i++)
        out[i] = p->workers[i].sampler;
    return count;
}

int ds_pipeline_done_fd(const struct ds_pipeline *p)
{
    return p->done_fd;
}

static bool is_in_use(const struct ds_pipeline *p, const struct ds_geo *geo)
{
    for (unsigned i = 0; i < p->settings.workers; i++)
        if (atomic_load(&p->workers[i].geo_seen) == geo)
            return true;
    return false;
}

int ds_pipeline_replace_geo(struct ds_pipeline *p, struct ds_geo *geo)
{
    if (p->retired_geo && is_in_use(p, p->retired_geo)) {
        ds_geo_destroy(geo);
        return 1;
    }
    ds_geo_destroy(p->retired_geo);
    p->retired_geo = (struct ds_geo *)atomic_exchange(&p->shared.geo, geo);
    return 0;
}

static bool are_held(const struct ds_pipeline *p, const struct ds_rules *rules)
{
    for (unsigned i = 0; i < p->settings.workers; i++)
        for (int k = 0; k < DS_WORKER_SETS; k++)
            if (atomic_load(&p->workers[i].sets[k].counts.rules.rules) == rules)
                return true;
    return false;
}

void ds_pipeline_replace_rules(struct ds_pipeline *p, struct ds_rules *rules)
{
    struct ds_rules *before = (struct ds_rules *)atomic_exchange(&p->shared.rules, rules);
    if (before) {
        before->retired = p->retired_rules;
        p->retired_rules = before;
    }
    for (struct ds_rules **at = &p->retired_rules; *at;)
        if (are_held(p, *at))
            at = &(*at)->retired;
        else
            destroy_first(at);
}
