/* SPDX-License-Identifier: Apache-2.0
 *
 * Does counting pause while a window is closed? Runs the whole pipeline as on a live capture, which
 * loses what finds no room, with windows of one second, and measures in the workers' threads the
 * gap between the end of one batch and the start of the next: the longest in which a window was
 * closed, beside the longest of all others. A gap in CPU time is what the worker did between the
 * batches; a gap in wall time also holds waiting for packets and what other programs took.
 *
 * The product reads no clock for this: the linker puts the functions below in place of
 * ds_batch_choose and ds_gate_sleep (meson.build).
 *
 *   bench-pause [--seconds N]
 */
#include "capture.h"
#include "darkscope/clock.h"
#include "darkscope/message.h"
#include "link.h"
#include "measure.h"
#include "pipeline.h"
#include "traffic.h"
#include "worker.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#define IMAGE_PACKETS 2000000 /* repeated as often as needed */
#define IDLE_NS       50000
#define WORKERS_MAX   2

struct row {
    uint64_t rate; /* packets a second */
    unsigned workers;
};

static const struct row rows[] = {{5000, 1}, {300000, 1}, {300000, 2}, {1000000, 1}, {1000000, 2}};

/* ---- a live capture at a chosen rate ---- */

struct paced {
    struct ds_capture capture;
    const uint8_t *image;
    size_t bytes, at;
    uint64_t rate, count, delivered;
    int64_t start_ns;
};

/* How many packets are due; sleeps where none is. */
static uint64_t wait_due(struct paced *p)
{
    double elapsed_s = (double)(ds_clock_steady_ns() - p->start_ns) * 1e-9;
    uint64_t due = (uint64_t)(elapsed_s * (double)p->rate);
    due = due < p->count ? due : p->count;
    if (due <= p->delivered)
        nanosleep(&(struct timespec){.tv_nsec = IDLE_NS}, NULL);
    return due - p->delivered;
}

static int paced_read(struct ds_capture *c, struct ds_frame *frames, size_t most,
                      struct ds_error *err)
{
    struct paced *p = (struct paced *)c;
    if (p->delivered == p->count)
        return DS_CAPTURE_ENDED;
    if (p->start_ns == 0)
        p->start_ns = ds_clock_steady_ns();
    uint64_t due = wait_due(p);
    int n = (int)(due < most ? due : most);
    int64_t now_ns = ds_clock_utc_ns();
    for (int i = 0; i < n; i++) {
        if (p->at == p->bytes)
            p->at = DS_BENCH_FILE_HEADER;
        frames[i].link = DS_LINK_ETHERNET;
        frames[i].time_ns = now_ns;
        p->at += ds_bench_traffic_frame(p->image + p->at, &frames[i]);
    }
    p->delivered += (unsigned)n;
    return n;
}

static void paced_loss(struct ds_capture *c, struct ds_capture_loss *out)
{
    *out = (struct ds_capture_loss){0};
}

static void paced_stop(struct ds_capture *c)
{
}

static const struct ds_capture_ops paced_ops = {
    .read = paced_read,
    .loss = paced_loss,
    .stop = paced_stop,
    .is_live = true,
};

/* ---- the worker's thread, watched ---- */

struct gaps {
    double close_wall_s, close_cpu_s; /* longest in which a window was closed */
    double other_wall_s;              /* longest of the others, sleeps for packets left out */
    double free_set_s;                /* waited for an empty set: counting did pause */
    uint64_t closes;
};

struct watched {
    const struct ds_worker *worker;
    double wall_s, cpu_s;           /* end of the batch before */
    double slept_s;                 /* for packets, since then */
    uint32_t epoch[DS_WORKER_SETS]; /* open then; 0: not */
    struct gaps gaps;
};

/* One a worker; written by its thread, read once it has ended. */
static struct watched watched[WORKERS_MAX];
static _Atomic unsigned watched_count;
static _Thread_local struct watched *mine;

ds_batch_count_fn *__real_ds_batch_choose(void);
ds_batch_count_fn *__wrap_ds_batch_choose(void);
void __real_ds_gate_sleep(struct ds_gate *g, int64_t timeout_ns);
void __wrap_ds_gate_sleep(struct ds_gate *g, int64_t timeout_ns);

static bool was_closed(const struct watched *w)
{
    for (int i = 0; i < DS_WORKER_SETS; i++)
        if (w->epoch[i] &&
            (w->worker->sets[i].state != DS_SET_OPEN || w->worker->sets[i].epoch != w->epoch[i]))
            return true;
    return false;
}

static void raise_to(double *most, double value)
{
    if (value > *most)
        *most = value;
}

static void note_gap(struct watched *w)
{
    double wall_s = ds_bench_clock_s(CLOCK_MONOTONIC) - w->wall_s;
    if (was_closed(w)) {
        double cpu_s = ds_bench_clock_s(CLOCK_THREAD_CPUTIME_ID) - w->cpu_s;
        raise_to(&w->gaps.close_wall_s, wall_s - w->slept_s);
        raise_to(&w->gaps.close_cpu_s, cpu_s);
        w->gaps.closes++;
    } else {
        raise_to(&w->gaps.other_wall_s, wall_s - w->slept_s);
    }
}

static void count_watched(struct ds_batch *b, const struct ds_snap *slots, size_t n)
{
    if (!mine) {
        mine = &watched[watched_count++];
        mine->worker =
            (const struct ds_worker *)(void *)((char *)b - offsetof(struct ds_worker, batch));
    } else {
        note_gap(mine);
    }
    __real_ds_batch_choose()(b, slots, n);
    for (int i = 0; i < DS_WORKER_SETS; i++) {
        const struct ds_set *set = &mine->worker->sets[i];
        mine->epoch[i] = set->state == DS_SET_OPEN ? set->epoch : 0;
    }
    mine->slept_s = 0;
    mine->cpu_s = ds_bench_clock_s(CLOCK_THREAD_CPUTIME_ID);
    mine->wall_s = ds_bench_clock_s(CLOCK_MONOTONIC);
}

ds_batch_count_fn *__wrap_ds_batch_choose(void)
{
    return count_watched;
}

void __wrap_ds_gate_sleep(struct ds_gate *g, int64_t timeout_ns)
{
    double start = ds_bench_clock_s(CLOCK_MONOTONIC);
    __real_ds_gate_sleep(g, timeout_ns);
    double slept_s = ds_bench_clock_s(CLOCK_MONOTONIC) - start;
    if (mine && g == &mine->worker->data)
        mine->slept_s += slept_s;
    else if (mine && g == &mine->worker->freed)
        mine->gaps.free_set_s += slept_s;
}

/* ---- the run ---- */

struct bench {
    unsigned seconds;
    struct ds_monitor *monitor;
    uint8_t *image;
    size_t image_bytes;
    uint64_t books[DS_BOOK_COUNT];
};

static void check(int failed, const struct ds_error *err)
{
    if (!failed)
        return;
    fprintf(stderr, "bench-pause: %s\n", err->text);
    exit(1);
}

/* Encodes each window as the uplink does. */
static int take_window(void *self, struct ds_window *w, struct ds_error *err)
{
    struct bench *b = self;
    struct ds_message m = {.kind = DS_MESSAGE_WINDOW, .sequence = 1, .window = *w};
    unsigned char *bytes;
    size_t size;
    for (int i = 0; i < DS_BOOK_COUNT; i++)
        b->books[i] += w->books[i];
    if (ds_message_encode(&m, &bytes, &size) == 0)
        free(bytes);
    ds_window_finish(w);
    return 0;
}

static void print_row(const struct bench *b, const struct row *row)
{
    struct gaps all = {0};
    for (unsigned i = 0; i < row->workers; i++) {
        const struct gaps *g = &watched[i].gaps;
        raise_to(&all.close_cpu_s, g->close_cpu_s);
        raise_to(&all.close_wall_s, g->close_wall_s);
        raise_to(&all.other_wall_s, g->other_wall_s);
        all.free_set_s += g->free_set_s;
        all.closes += g->closes;
    }
    printf("| %" PRIu64 " | %u | %" PRIu64 " | %" PRIu64 " | %" PRIu64
           " | %.0f | %.0f | %.0f | %.0f |\n",
           row->rate, row->workers, b->books[DS_BOOK_RECEIVED], b->books[DS_BOOK_DROPPED_RING],
           all.closes, all.close_cpu_s * 1e6, all.close_wall_s * 1e6, all.other_wall_s * 1e6,
           all.free_set_s * 1e6);
    fflush(stdout);
}

static void run_row(struct bench *b, const struct row *row)
{
    struct paced capture = {
        .capture.ops = &paced_ops,
        .image = b->image,
        .bytes = b->image_bytes,
        .at = DS_BENCH_FILE_HEADER,
        .rate = row->rate,
        .count = row->rate * b->seconds,
    };
    struct ds_capture *captures[] = {&capture.capture};
    struct ds_pipeline_settings settings = {
        .captures = captures,
        .capture_count = 1,
        .monitor = b->monitor,
        .sink = {.self = b, .put = take_window},
        .workers = row->workers,
        .window_ns = DS_NS_PER_S,
        .lateness_ns = DS_NS_PER_S / 4,
    };
    struct ds_pipeline *p;
    struct ds_error err;
    memset(watched, 0, sizeof watched);
    memset(b->books, 0, sizeof b->books);
    watched_count = 0;
    check(ds_pipeline_create(&settings, &p, &err), &err);
    check(ds_pipeline_start(p, &err), &err);
    check(ds_pipeline_join(p, &err), &err);
    print_row(b, row);
    ds_pipeline_destroy(p);
    if (b->books[DS_BOOK_RECEIVED] + b->books[DS_BOOK_DROPPED_RING] != capture.count) {
        fprintf(stderr, "bench-pause: received and dropped are not what was sent\n");
        exit(1);
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"seconds", required_argument, NULL, 's'}, {0}};
    struct bench b = {.seconds = 10};
    struct ds_bench_traffic traffic = {
        .packets = IMAGE_PACKETS, .pool = 1500000, .seconds = 1, .seed = 1};
    struct ds_prefix darknet;
    struct ds_error err;
    for (int key; (key = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        b.seconds = optarg ? (unsigned)strtoul(optarg, NULL, 10) : 0;
        if (b.seconds == 0) {
            fprintf(stderr, "usage: bench-pause [--seconds N]\n");
            return 2;
        }
    }
    ds_prefix_parse(DS_BENCH_DARKNET, &darknet);
    check(ds_monitor_create(&darknet, 1, NULL, 0, &b.monitor, &err), &err);
    b.image_bytes = ds_bench_traffic_make(&traffic, &b.image);
    printf("%u seconds a row, windows of 1 s; the longest gaps between two batches, in us\n\n"
           "| packets/s | workers | received | dropped | closes | with a close: CPU | wall "
           "| without: wall | waited for a free set |\n|---|---|---|---|---|---|---|---|---|\n",
           b.seconds);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        run_row(&b, &rows[i]);
    free(b.image);
    ds_monitor_destroy(b.monitor);
    return 0;
}
