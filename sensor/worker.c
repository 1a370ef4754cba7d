/* SPDX-License-Identifier: Apache-2.0
 *
 * A batch goes through three passes. Each leaves prefetches behind for the next, so that the DRAM
 * lines of 64 packets (country, source, pair, cell) are fetched side by side instead of one after
 * the other: that is 2.4 times the speed of the same work packet by packet.
 */
#include "worker.h"

#include "bytes.h"
#include "classify/classify.h"
#include "parse.h"

#define IDLE_SPINS 256
#define IDLE_NS    INT64_C(100000000)

int ds_worker_init(struct ds_worker *w, struct ds_worker_shared *shared, struct ds_ring *rings,
                   unsigned ring_count, unsigned workers)
{
    memset(w, 0, sizeof *w);
    w->shared = shared;
    w->rings = rings;
    w->ring_count = ring_count;
    if (ds_gate_init(&w->data) || ds_gate_init(&w->freed))
        return -1;
    for (int i = 0; i < DS_WORKER_SETS; i++)
        if (ds_counts_init(&w->sets[i].counts, shared->monitor, workers, shared->key))
            return -1;
    return 0;
}

void ds_worker_finish(struct ds_worker *w)
{
    for (int i = 0; i < DS_WORKER_SETS; i++)
        ds_counts_finish(&w->sets[i].counts);
    ds_gate_finish(&w->data);
    ds_gate_finish(&w->freed);
}

static struct ds_set *find_set(struct ds_worker *w, int state, uint32_t epoch)
{
    for (int i = 0; i < DS_WORKER_SETS; i++) {
        struct ds_set *set = &w->sets[i];
        if (atomic_load(&set->state) == state && (state == DS_SET_FREE || set->epoch == epoch))
            return set;
    }
    return NULL;
}

/* The first free set: so that in the long run two take turns and the others stay small. */
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
        atomic_store_explicit(&set->state, DS_SET_OPEN, memory_order_relaxed);
    }
    w->recent = set;
    return set;
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
    atomic_store(&set->state, DS_SET_CLOSED);
    ds_gate_signal(w->shared->closed);
}

/* Is it ours? Sets where it is counted among the destinations. */
static bool find_destination(const struct ds_worker *w, const struct ds_slot *s,
                             const struct ds_packet *p, struct ds_hit *h)
{
    const struct ds_monitor *m = w->shared->monitor;
    h->dest_index = DS_MONITOR_OUTSIDE;
    h->dest_key = p->dest_key | DS_COUNT_KEY_SET;
    if (ds_monitor_is_everything(m))
        return true;
    if (p->is_v6)
        return ds_monitor_has6(m, s->snap + 24);
    h->dest_index = ds_monitor_index4(m, p->dest4);
    return h->dest_index != DS_MONITOR_OUTSIDE;
}

static void count_malformed(struct ds_counts *c, enum ds_malformed reason)
{
    c->books[DS_BOOK_MALFORMED]++;
    c->malformed[reason]++;
}

/* Everything about a packet that its own bytes tell. False: it is counted already. */
static bool examine(struct ds_worker *w, const struct ds_slot *s, const struct ds_geo *geo,
                    struct ds_hit *h)
{
    struct ds_counts *c = &open_set(w, s->epoch)->counts;
    if (s->kind == DS_SLOT_MALFORMED) {
        count_malformed(c, s->reason);
        return false;
    }
    struct ds_packet p;
    enum ds_malformed reason = ds_parse(s->snap, s->captured, w->shared->key, &p);
    if (p.has_addresses && !find_destination(w, s, &p, h)) {
        c->books[DS_BOOK_OUTSIDE]++;
        return false;
    }
    if (reason != DS_MALFORMED_COUNT) {
        count_malformed(c, reason);
        return false;
    }
    struct ds_verdict v;
    ds_classify(&p, &v);
    c->books[DS_BOOK_LATE] += s->late;
    c->books[DS_BOOK_FRAGMENT] += p.fragment;
    c->books[DS_BOOK_TRUNCATED] += p.truncated;
    h->counts = c;
    h->source4 = p.source4;
    h->source_key = p.source_key | DS_COUNT_KEY_SET;
    h->source_hash = ds_hash(w->shared->key, h->source_key);
    h->signatures = v.signatures;
    h->bytes = p.total_bytes;
    h->type = v.type;
    h->cls = v.cls;
    h->proto = p.proto;
    h->is_v6 = p.is_v6;
    h->pair_key = ds_count_pair_key(w->shared->key, h, v.proto, v.port);
    h->pair_hash = ds_hash(w->shared->key, h->pair_key);
    h->cell_key = ds_count_cell_key(v.cls, v.proto, v.port, 0);
    h->country = p.is_v6 && geo ? ds_geo_find6(geo, s->snap + 8) : DS_GEO_UNKNOWN;
    return true;
}

static void count_batch(struct ds_worker *w, const struct ds_slot *slots, size_t n,
                        const struct ds_geo *geo)
{
    struct ds_hit *hits = w->hits;
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        struct ds_hit *h = &hits[count];
        if (!examine(w, &slots[i], geo, h))
            continue;
        count++;
        ds_count_prefetch_source(h);
        if (!h->is_v6)
            ds_geo_prefetch4(geo, h->source4);
    }
    for (size_t i = 0; i < count; i++) {
        struct ds_hit *h = &hits[i];
        if (!h->is_v6)
            h->country = ds_geo_find4(geo, h->source4);
        h->cell_key |= h->country;
        h->cell_hash = ds_hash(w->shared->key, h->cell_key);
        ds_count_prefetch_cell(h);
        ds_count_source(h);
    }
    for (size_t i = 0; i < count; i++)
        ds_count_packet(&hits[i]);
}

/* Announces which country database this worker uses, and makes sure that the announcement came
 * before the database was replaced: then the main thread waits for us before it frees it. */
static const struct ds_geo *take_geo(struct ds_worker *w)
{
    const struct ds_geo *geo;
    do {
        geo = atomic_load(&w->shared->geo);
        atomic_store(&w->geo_seen, geo);
    } while (geo != atomic_load(&w->shared->geo));
    return geo;
}

/* Handles n slots in order. True where the ring has ended. */
static bool handle(struct ds_worker *w, const struct ds_slot *slots, size_t n)
{
    const struct ds_geo *geo = take_geo(w);
    for (size_t at = 0; at < n;) {
        size_t end = at;
        while (end < n && slots[end].kind <= DS_SLOT_MALFORMED)
            end++;
        count_batch(w, slots + at, end - at, geo);
        if (end == n)
            return false;
        if (slots[end].kind == DS_SLOT_END)
            return true;
        struct ds_close close;
        memcpy(&close, slots[end].snap, sizeof close);
        close_set(w, &close);
        at = end + 1;
    }
    return false;
}

static bool has_data(const struct ds_worker *w)
{
    for (unsigned i = 0; i < w->ring_count; i++)
        if (ds_ring_has_data(&w->rings[i]))
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
    atomic_store(&w->geo_seen, NULL);
    ds_gate_prepare(&w->data);
    if (has_data(w))
        ds_gate_cancel(&w->data);
    else
        ds_gate_sleep(&w->data, IDLE_NS);
}

void *ds_worker_run(void *arg)
{
    struct ds_worker *w = arg;
    pthread_setname_np(pthread_self(), "worker");
    for (unsigned ended = 0; ended < w->ring_count;) {
        bool idle = true;
        for (unsigned i = 0; i < w->ring_count; i++) {
            struct ds_slot *slots;
            size_t n = ds_ring_peek(&w->rings[i], &slots, DS_WORKER_BATCH);
            if (n == 0)
                continue;
            idle = false;
            ended += handle(w, slots, n);
            ds_ring_release(&w->rings[i], n);
        }
        if (idle)
            wait_data(w);
    }
    atomic_store(&w->geo_seen, NULL);
    atomic_store(&w->ended, true);
    ds_gate_signal(w->shared->closed);
    return NULL;
}

struct ds_set *ds_worker_closed(struct ds_worker *w, uint32_t epoch)
{
    return find_set(w, DS_SET_CLOSED, epoch);
}

void ds_worker_free_set(struct ds_worker *w, struct ds_set *set)
{
    ds_counts_clear(&set->counts);
    atomic_store(&set->state, DS_SET_FREE);
    ds_gate_signal(&w->freed);
}
