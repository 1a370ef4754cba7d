/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch.h"

#include "bytes.h"
#include "darkscope/clock.h"
#include "link.h"

#include <errno.h>

/* How long a live capture waits for room in a ring. The kernel's buffer is made for much more. */
#define PATIENCE_NS (100 * DS_NS_PER_MS)

int ds_dispatch_init(struct ds_dispatch *d, const struct ds_dispatch_settings *settings)
{
    memset(d, 0, sizeof *d);
    d->settings = *settings;
    return ds_gate_init(&d->room);
}

void ds_dispatch_finish(struct ds_dispatch *d)
{
    ds_gate_finish(&d->room);
}

static void publish_all(struct ds_dispatch *d)
{
    for (unsigned i = 0; !d->settings.own && i < d->settings.workers; i++)
        ds_ring_publish(d->settings.rings[i]);
}

/* Counts what waits to be counted on this thread. */
static void count_own(struct ds_dispatch *d)
{
    if (d->own_count)
        ds_worker_count(d->settings.own, d->own, d->own_count);
    d->own_count = 0;
}

/* A slot that must not be lost: waits for room. */
static struct ds_slot *reserve_surely(struct ds_ring *r)
{
    struct ds_slot *s;
    while (!(s = ds_ring_reserve(r)))
        ds_ring_wait_room(r);
    return s;
}

static void send_control(struct ds_dispatch *d, enum ds_slot_kind kind,
                         const struct ds_close *close)
{
    for (unsigned i = 0; i < d->settings.workers; i++) {
        struct ds_slot *s = reserve_surely(d->settings.rings[i]);
        s->kind = (uint8_t)kind;
        /* The first worker alone is told the counts, so that they add up over workers. */
        if (close)
            memcpy(s->bytes, i ? &(struct ds_close){.epoch = close->epoch} : close, sizeof *close);
        ds_ring_commit(d->settings.rings[i]);
    }
    publish_all(d);
}

static void send_close(struct ds_dispatch *d, const struct ds_close *close)
{
    if (!d->settings.own) {
        send_control(d, DS_SLOT_CLOSE, close);
        return;
    }
    count_own(d);
    ds_worker_close(d->settings.own, close);
}

static void send_end(struct ds_dispatch *d)
{
    if (!d->settings.own) {
        send_control(d, DS_SLOT_END, NULL);
        return;
    }
    count_own(d);
    ds_worker_leave(d->settings.own);
}

/* What the capture lost since the last window is said in the one that closes now. */
static void close_window(struct ds_dispatch *d, const struct ds_epoch *epoch)
{
    struct ds_close *close = &d->open[epoch->number % DS_WORKER_SETS];
    struct ds_capture_loss loss = {0};
    d->settings.capture->ops->loss(d->settings.capture, &loss);
    close->epoch = *epoch;
    close->dropped_kernel = loss.kernel - d->loss.kernel;
    close->dropped_interface = loss.interface - d->loss.interface;
    d->loss = loss;
    send_close(d, close);
    *close = (struct ds_close){0};
}

static void advance(struct ds_dispatch *d, int64_t time_ns)
{
    struct ds_epoch closed;
    while (ds_schedule_advance(d->settings.schedule, &d->windows, time_ns, &closed))
        close_window(d, &closed);
}

/* The place of a packet; closes the windows that its time is past. */
static struct ds_schedule_place find_place(struct ds_dispatch *d, int64_t time_ns)
{
    struct ds_schedule_place place;
    if (ds_schedule_find(&d->windows, time_ns, &place))
        return place;
    advance(d, time_ns);
    return ds_schedule_assign(&d->windows, time_ns);
}

/* Closes the windows that another thread's packets are past. */
static void take_news(struct ds_dispatch *d)
{
    struct ds_epoch closed;
    while (ds_schedule_news(d->settings.schedule, &d->windows, &closed))
        close_window(d, &closed);
}

/* The worker all of whose packets have this source. What has no readable source goes to the first:
 * it is only counted. */
static unsigned worker_of(const struct ds_dispatch *d, const struct ds_network *n)
{
    const struct ds_hash_key *k = d->settings.key;
    uint64_t source;
    if (d->settings.workers == 1)
        return 0;
    if (n->data[0] >> 4 == 4 && n->captured >= 20)
        source = ds_load32_be(n->data + 12);
    else if (n->data[0] >> 4 == 6 && n->captured >= 40)
        source = ds_hash_ip6(k, n->data + 8);
    else
        return 0;
    return ds_hash_share(ds_hash(k, source | DS_COUNT_KEY_SET), d->settings.workers);
}

/* Waits for a worker that does not get to run, within what the kernel's buffer holds meanwhile. One
 * that is too slow must take a whole ring before it is waited for again. */
static struct ds_slot *reserve_patiently(struct ds_dispatch *d, struct ds_ring *r)
{
    if (r->filled < r->patient_from)
        return NULL;
    publish_all(d);
    int64_t until = ds_clock_steady_ns() + PATIENCE_NS, left = PATIENCE_NS;
    for (; left > 0; left = until - ds_clock_steady_ns()) {
        ds_ring_doze(r, left);
        struct ds_slot *s = ds_ring_reserve(r);
        if (s)
            return s;
    }
    r->patient_from = r->filled + r->mask + 1;
    return NULL;
}

/* A slot for a packet: on a live capture NULL where the ring stays full, on a file it waits. */
static struct ds_slot *reserve(struct ds_dispatch *d, struct ds_ring *r)
{
    struct ds_slot *s = ds_ring_reserve(r);
    if (s)
        return s;
    return d->settings.capture->ops->is_live ? reserve_patiently(d, r) : reserve_surely(r);
}

/* Most packets are of 32 to 64 bytes: two overlapping copies of a fixed size beat a call. */
static inline void copy_bytes(uint8_t *to, const uint8_t *from, size_t bytes)
{
    enum { HALF = 32 };
    if (bytes < HALF || bytes > 2 * HALF) {
        memcpy(to, from, bytes);
        return;
    }
    memcpy(to, from, HALF);
    memcpy(to + bytes - HALF, from + bytes - HALF, HALF);
}

/* Copies a packet into the worker's ring. False where that stays full. */
static bool send_snap(struct ds_dispatch *d, struct ds_ring *r, const struct ds_snap *snap)
{
    struct ds_slot *s = reserve(d, r);
    if (!s)
        return false;
    s->kind = snap->is_packet ? DS_SLOT_PACKET : DS_SLOT_MALFORMED;
    s->malformed = snap->malformed;
    s->epoch = snap->epoch;
    s->ms = snap->ms;
    s->late = snap->late;
    s->before_s = snap->before_s;
    s->captured = snap->captured;
    if (snap->is_packet)
        copy_bytes(s->bytes, snap->bytes, snap->captured);
    ds_ring_commit(r);
    return true;
}

/* Of a frame that belongs there. Returns the worker to count it. */
static inline unsigned make_snap(const struct ds_dispatch *d, const struct ds_frame *f,
                                 struct ds_schedule_place place, struct ds_snap *snap)
{
    struct ds_network n;
    enum ds_malformed malformed = ds_link_strip_fast(f, d->settings.tunnels, &n);
    bool is_packet = malformed == DS_MALFORMED_COUNT;
    snap->epoch = place.epoch;
    snap->ms = place.ms;
    snap->late = place.late;
    snap->before_s = place.before_s;
    snap->malformed = (uint8_t)malformed;
    snap->is_packet = is_packet;
    snap->captured = 0;
    if (!is_packet)
        return 0;
    snap->bytes = n.data;
    snap->captured = (uint16_t)(n.captured < DS_SNAP_BYTES ? n.captured : DS_SNAP_BYTES);
    return worker_of(d, &n);
}

static void dispatch(struct ds_dispatch *d, const struct ds_frame *f)
{
    struct ds_snap snap;
    struct ds_schedule_place place = find_place(d, f->time_ns);
    unsigned worker = make_snap(d, f, place, &snap);
    bool sent = send_snap(d, d->settings.rings[worker], &snap);
    struct ds_close *open = &d->open[place.epoch % DS_WORKER_SETS];
    open->received += sent;
    open->dropped_ring += !sent;
}

/* The same where this thread counts: no copy. */
static inline void keep_own(struct ds_dispatch *d, const struct ds_frame *f)
{
    struct ds_schedule_place place = find_place(d, f->time_ns); /* may count those before */
    if (make_snap(d, f, place, &d->own[d->own_count]) != d->settings.share)
        return;
    d->open[place.epoch % DS_WORKER_SETS].received++;
    d->own_count++;
}

/* As the timeline: nobody watched for so long, or another capture begins. In floating point, here
 * and below: the times of a file may be any, and their differences overflow. */
static bool is_hole(int64_t from_ns, int64_t to_ns)
{
    double step_ns = (double)to_ns - (double)from_ns;
    double most_ns = (double)DS_TIMELINE_GAP_S * DS_NS_PER_S;
    return step_ns > most_ns || step_ns < -most_ns;
}

/* Sleeps until the wall clock has come as far as the packet's time, divided by the speed, or the
 * capture is stopped. Holes are not waited out: behind one, the two clocks begin anew. */
static void pace(struct ds_dispatch *d, int64_t frame_ns)
{
    const struct ds_capture *c = d->settings.capture;
    const double slice_ns = 100 * DS_NS_PER_MS; /* how often to look whether to stop */
    int64_t now_ns = ds_clock_steady_ns();
    if (d->first_clock_ns == 0 || is_hole(d->last_frame_ns, frame_ns)) {
        d->first_clock_ns = now_ns;
        d->first_frame_ns = frame_ns;
    }
    d->last_frame_ns = frame_ns;
    double due_ns = ((double)frame_ns - (double)d->first_frame_ns) / d->settings.speed;
    double wait_ns = due_ns - (double)(now_ns - d->first_clock_ns);
    if (wait_ns > 0)
        publish_all(d);
    while (wait_ns > 0 && !c->ops->is_stopped(c)) {
        long sleep_ns = (long)(wait_ns < slice_ns ? wait_ns : slice_ns);
        nanosleep(&(struct timespec){.tv_nsec = sleep_ns}, NULL);
        wait_ns = due_ns - (double)(ds_clock_steady_ns() - d->first_clock_ns);
    }
}

void ds_dispatch_drop(struct ds_dispatch *d)
{
    ds_schedule_drop(d->settings.schedule, &d->windows);
    send_end(d);
}

void *ds_dispatch_run(void *arg)
{
    struct ds_dispatch *d = arg;
    pthread_setname_np(pthread_self(), "capture");
    struct ds_capture *c = d->settings.capture;
    struct ds_frame frames[DS_CAPTURE_BATCH];
    struct ds_epoch closed;
    int n;
    while ((n = c->ops->read(c, frames, DS_CAPTURE_BATCH, &d->error)) >= 0) {
        for (int i = 0; i < n; i++) {
            if (d->settings.speed > 0)
                pace(d, frames[i].time_ns);
            if (d->settings.own)
                keep_own(d, &frames[i]);
            else
                dispatch(d, &frames[i]);
        }
        count_own(d); /* the frames are gone with the next read */
        take_news(d);
        /* Only in silence: packets that waited in the kernel's buffer are older than the clock. */
        if (n == 0 && c->ops->is_live)
            advance(d, ds_clock_utc_ns());
        publish_all(d);
    }
    d->result = n == DS_CAPTURE_FAILED ? -1 : 0;
    if (d->result)
        d->settings.failed(d->settings.failed_arg);
    while (ds_schedule_leave(d->settings.schedule, &d->windows, &closed))
        close_window(d, &closed);
    send_end(d);
    return NULL;
}
