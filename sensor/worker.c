/* SPDX-License-Identifier: Apache-2.0 */
#include "worker.h"

#include "darkscope/clock.h"

#include <stdlib.h>

#define IDLE_SPINS 256
#define IDLE_NS    INT64_C(100000000)

int ds_worker_init(struct ds_worker *w, struct ds_worker_shared *shared, struct ds_ring *rings,
                   unsigned ring_count, unsigned workers)
{
    memset(w, 0, sizeof *w);
    w->shared = shared;
    w->rings = rings;
    w->ring_count = ring_count;
    w->count = ds_batch_choose();
    w->batch.view.monitor = shared->monitor;
    w->batch.view.key = shared->key;
    w->batch.view.experimental = shared->experimental;
    if (ds_gate_init(&w->data) || ds_gate_init(&w->freed))
        return -1;
    for (unsigned i = 0; i < shared->sets; i++) {
        struct ds_counts *c = &w->sets[i].counts;
        if (ds_counts_init(c, shared->monitor, workers, shared->key))
            return -1;
        ds_counts_limit(c, &shared->allowance);
    }
    return 0;
}

void ds_worker_finish(struct ds_worker *w)
{
    for (unsigned i = 0; i < w->shared->sets; i++)
        ds_counts_finish(&w->sets[i].counts);
    ds_gate_finish(&w->data);
    ds_gate_finish(&w->freed);
    if (w->sampler)
        ds_sampler_finish(w->sampler);
    free(w->sampler);
}

void ds_worker_sample(struct ds_worker *w, struct ds_sampler *sampler)
{
    w->sampler = sampler;
}

static struct ds_set *find_set(struct ds_worker *w, int state, uint32_t epoch)
{
    for (unsigned i = 0; i < w->shared->sets; i++) {
        struct ds_set *set = &w->sets[i];
        if (atomic_load(&set->state) == state && (state == DS_SET_FREE || set->epoch == epoch))
            return set;
    }
    return NULL;
}

/* The first free set: so that in the long run as many take turns as can be open at once. */
static struct ds_set *wait_free_set(struct ds_worker *w)
{
    struct ds_set *set;
    while (!(set = find_set(w, DS_SET_FREE, 0))) {
        ds_gate_prepare(&w->freed);
        if (find_set(w, DS_SET_FREE, 0))
            ds_gate_cancel(&w->freed);
        else
            ds_gate_sleep(&w->freed, IDLE_NS);
    }
    return set;
}

/* A window is counted by one set of rules. Announces which, and makes sure that the announcement
 * came before they were replaced: then the main thread keeps them until the window is cleared. */
static void hold_rules(const struct ds_worker *w, struct ds_rule_counts *c)
{
    const struct ds_rules *rules;
    do {
        rules = atomic_load(&w->shared->rules);
        atomic_store(&c->rules, rules);
    } while (rules != atomic_load(&w->shared->rules));
}

/* The open set of an epoch, opened if this is its first packet. */
static struct ds_set *open_set(struct ds_worker *w, uint32_t epoch)
{
    if (w->recent && w->recent->epoch == epoch)
        return w->recent;
    struct ds_set *set = find_set(w, DS_SET_OPEN, epoch);
    if (!set) {
        set = wait_free_set(w);
        set->epoch = epoch;
        set->closes = 0;
        strcpy(set->country_db, w->batch.view.geo ? w->batch.view.geo->name : "");
        hold_rules(w, &set->counts.rules);
        set->counts.survey = ds_survey_ring_get(w->shared->surveys, epoch);
        set->counts.moment_scale = ds_count_moment_scale(w->shared->window_ns);
        atomic_store_explicit(&set->state, DS_SET_OPEN, memory_order_relaxed);
    }
    w->recent = set;
    w->batch.view.counts[epoch % DS_TIMELINE_OPEN_MAX] = &set->counts;
    return set;
}

static void add_counts(struct ds_live_counts *sum, const struct ds_counts *c)
{
    for (unsigned i = 0; i < DS_TYPE_COUNT; i++)
        sum->types[i] += c->types[i];
    sum->outside += c->books[DS_BOOK_OUTSIDE];
    sum->malformed += c->books[DS_BOOK_MALFORMED];
}

static void close_set(struct ds_worker *w, const struct ds_close *from)
{
    struct ds_set *set = open_set(w, from->epoch.number);
    if (set->closes++ == 0) {
        set->close = *from;
    } else {
        set->close.received += from->received;
        set->close.dropped_kernel += from->dropped_kernel;
        set->close.dropped_interface += from->dropped_interface;
        set->close.dropped_ring += from->dropped_ring;
    }
    if (set->closes < w->ring_count)
        return;
    w->recent = NULL;
    add_counts(&w->counted, &set->counts);
    atomic_store(&set->state, DS_SET_CLOSED);
    ds_gate_signal(w->shared->closed);
}

/* Announces which country database this worker uses, and makes sure that the announcement came
 * before the database was replaced: then the main thread keeps it until we use another. */
static const struct ds_geo *take_geo(struct ds_worker *w)
{
    const struct ds_geo *geo;
    do {
        geo = atomic_load(&w->shared->geo);
        atomic_store(&w->geo_seen, geo);
    } while (geo != atomic_load(&w->shared->geo));
    return geo;
}

/* Counts the packets that are still on their way. */
static void finish_counting(struct ds_worker *w)
{
    w->count(&w->batch, NULL, 0);
}

/* Shows the live view what was counted since it looked last. */
static void turn_sampler(struct ds_worker *w, int64_t now_ms)
{
    if (!ds_sampler_is_due(w->sampler, now_ms))
        return;
    struct ds_live_counts counted = w->counted;
    for (unsigned i = 0; i < w->shared->sets; i++)
        if (atomic_load(&w->sets[i].state) == DS_SET_OPEN)
            add_counts(&counted, &w->sets[i].counts);
    ds_sampler_turn(w->sampler, &counted, now_ms);
}

static void sample(struct ds_worker *w, const struct ds_snap *snaps, size_t n)
{
    int64_t now_ms = ds_clock_utc_ns() / DS_NS_PER_MS;
    turn_sampler(w, now_ms);
    ds_sampler_look(w->sampler, snaps, n, w->batch.view.geo, now_ms);
}

void ds_worker_count(struct ds_worker *w, const struct ds_snap *snaps, size_t n)
{
    w->batch.view.geo = take_geo(w);
    uint32_t epoch = w->recent ? w->recent->epoch : 0; /* none has this number */
    for (size_t i = 0; i < n; i++)
        if (snaps[i].epoch != epoch)
            epoch = open_set(w, snaps[i].epoch)->epoch;
    if (w->sampler)
        sample(w, snaps, n);
    w->count(&w->batch, snaps, n);
}

void ds_worker_close(struct ds_worker *w, const struct ds_close *close)
{
    finish_counting(w);
    w->batch.view.geo = take_geo(w); /* the one before may be gone: an idle worker uses none */
    close_set(w, close);
}

/* The packets among the slots, up to the first that is none. */
static size_t take_snaps(const struct ds_slot *slots, size_t n, struct ds_snap *snaps)
{
    size_t i = 0;
    for (; i < n && slots[i].kind <= DS_SLOT_MALFORMED; i++)
        snaps[i] = (struct ds_snap){
            .bytes = slots[i].bytes,
            .epoch = slots[i].epoch,
            .ms = slots[i].ms,
            .captured = slots[i].captured,
            .is_packet = slots[i].kind == DS_SLOT_PACKET,
            .malformed = slots[i].malformed,
            .late = slots[i].late,
            .before_s = slots[i].before_s,
        };
    return i;
}

/* Handles slots of a ring in order, up to the first that is no packet. Returns how many. */
static size_t handle(struct ds_worker *w, unsigned ring, const struct ds_slot *slots, size_t n)
{
    struct ds_snap snaps[DS_BATCH];
    size_t packets = take_snaps(slots, n, snaps);
    if (packets)
        ds_worker_count(w, snaps, packets);
    if (packets == n)
        return n;
    if (slots[packets].kind == DS_SLOT_END) {
        finish_counting(w);
        w->closed[ring] = UINT32_MAX;
    } else {
        struct ds_close close;
        memcpy(&close, slots[packets].bytes, sizeof close);
        w->closed[ring] = close.epoch.number;
        ds_worker_close(w, &close);
    }
    return packets + 1;
}

static uint32_t closed_by_all(const struct ds_worker *w)
{
    uint32_t least = UINT32_MAX;
    for (unsigned i = 0; i < w->ring_count; i++)
        least = w->closed[i] < least ? w->closed[i] : least;
    return least;
}

/* Must the ring wait for slower ones? (An ended one may: it is empty.) */
static bool is_ahead(const struct ds_worker *w, unsigned ring)
{
    return w->closed[ring] - closed_by_all(w) > 1;
}

static bool has_data(const struct ds_worker *w)
{
    for (unsigned i = 0; i < w->ring_count; i++)
        if (!is_ahead(w, i) && ds_ring_has_data(&w->rings[i]))
            return true;
    return false;
}

static void wait_data(struct ds_worker *w)
{
    for (int i = 0; i < IDLE_SPINS; i++) {
        if (has_data(w))
            return;
        ds_cpu_relax();
    }
    /* Asleep, it uses no database. */
    finish_counting(w);
    atomic_store(&w->geo_seen, NULL);
    if (w->sampler)
        turn_sampler(w, ds_clock_utc_ns() / DS_NS_PER_MS);
    ds_gate_prepare(&w->data);
    if (has_data(w))
        ds_gate_cancel(&w->data);
    else
        ds_gate_sleep(&w->data, IDLE_NS);
}

void ds_worker_leave(struct ds_worker *w)
{
    if (w->sampler)
        turn_sampler(w, (w->sampler->slice + 1) * DS_LIVE_TICK_MS);
    atomic_store(&w->geo_seen, NULL);
    atomic_store(&w->ended, true);
    ds_gate_signal(w->shared->closed);
}

/* At most a batch of each ring. False where there was nothing. */
static bool handle_rings(struct ds_worker *w)
{
    bool busy = false;
    for (unsigned i = 0; i < w->ring_count; i++) {
        struct ds_slot *slots;
        size_t n = is_ahead(w, i) ? 0 : ds_ring_peek(&w->rings[i], &slots, DS_BATCH);
        if (n == 0)
            continue;
        busy = true;
        ds_ring_release(&w->rings[i], handle(w, i, slots, n));
    }
    return busy;
}

void *ds_worker_run(void *arg)
{
    struct ds_worker *w = arg;
    pthread_setname_np(pthread_self(), "worker");
    while (closed_by_all(w) != UINT32_MAX)
        if (!handle_rings(w))
            wait_data(w);
    ds_worker_leave(w);
    return NULL;
}

struct ds_set *ds_worker_closed(struct ds_worker *w, uint32_t epoch)
{
    return find_set(w, DS_SET_CLOSED, epoch);
}

void ds_worker_free_set(struct ds_worker *w, struct ds_set *set)
{
    bool is_spare = set - w->sets >= DS_TIMELINE_OPEN_MAX;
    (is_spare ? ds_counts_release : ds_counts_clear)(&set->counts);
    atomic_store(&set->state, DS_SET_FREE);
    ds_gate_signal(&w->freed);
}
