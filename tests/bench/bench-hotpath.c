/* SPDX-License-Identifier: Apache-2.0
 *
 * What a packet costs: the whole pipeline on a file, beside a bare pcap_next_ex loop and a bare
 * walk through memory over the same packets in the same run, as ratios. CPU time of all threads,
 * not wall time: machines are shared. With several workers also wall time, beside that of one
 * worker on one processor: this ratio wants a machine that does nothing else.
 *
 *   bench-hotpath [--packets N] [--sources N] [--uniform] [--window S] [--workers N] [--rounds N]
 *                 [--country-db FILE] [--signatures FILE] [--rules N] [--brief]
 *
 * Brief: the bare loop and the pipeline only, for many rounds on a busy machine.
 * With signatures, only the pipeline is measured: without them, with the first 10 and with all; or
 * with the first N alone.
 */
#include "capture.h"
#include "classify/classify.h"
#include "count.h"
#include "link.h"
#include "measure.h"
#include "parse.h"
#include "pipeline.h"
#include "signatures.h"
#include "traffic.h"

#include "darkscope/message.h"

#include <getopt.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#define BATCH       64
#define LAPS        4
#define WORKERS_MAX 16
#define ROUNDS_MAX  64

/* CPU time of all threads, and what a clock says; in seconds. */
struct times {
    double cpu, wall;
};

struct bench {
    struct ds_bench_traffic traffic;
    unsigned window_s, workers, rounds;
    const char *country_db;
    const char *signatures; /* NULL: none */
    size_t rules;           /* of them, from the first on */
    bool brief;
    uint8_t *image;
    size_t image_bytes;
    char path[64];
    struct ds_monitor *monitor;
    struct ds_geo *geo;
    uint64_t counted; /* keeps the compiler from dropping a loop, and checks it */
    uint64_t message_bytes, windows;
    struct times middle;       /* when half of the laps were closed */
    struct times first, later; /* of a lap: with fresh memory, and after that */
};

static void check(int failed, const struct ds_error *err)
{
    if (!failed)
        return;
    fprintf(stderr, "bench-hotpath: %s\n", err->text);
    exit(1);
}

static struct times now(void)
{
    return (struct times){ds_bench_clock_s(CLOCK_PROCESS_CPUTIME_ID),
                          ds_bench_clock_s(CLOCK_MONOTONIC)};
}

static struct times between(struct times start, struct times end, int laps)
{
    return (struct times){(end.cpu - start.cpu) / laps, (end.wall - start.wall) / laps};
}

/* Touches the header of every record and the first line of every packet. */
static void run_walk(struct bench *b)
{
    const uint8_t *at = b->image + 24, *end = b->image + b->image_bytes;
    uint64_t sum = 0;
    while (at < end) {
        uint32_t captured;
        memcpy(&captured, at + 8, sizeof captured);
        sum += at[16 + 30];
        at += 16 + captured;
        b->counted++;
    }
    __asm__ volatile("" ::"r"(sum));
}

/* What every program on libpcap pays before it has done anything. */
static void run_libpcap(struct bench *b)
{
    char text[PCAP_ERRBUF_SIZE];
    pcap_t *p = pcap_open_offline_with_tstamp_precision(b->path, PCAP_TSTAMP_PRECISION_NANO, text);
    if (!p) {
        fprintf(stderr, "bench-hotpath: %s\n", text);
        exit(1);
    }
    struct pcap_pkthdr *header;
    const uint8_t *data;
    uint64_t sum = 0;
    while (pcap_next_ex(p, &header, &data) == 1) {
        sum += data[12] + data[30] + data[46];
        b->counted++;
    }
    __asm__ volatile("" ::"r"(sum));
    pcap_close(p);
}

static struct ds_capture *open_capture(struct bench *b)
{
    struct ds_capture *c;
    struct ds_error err;
    check(ds_capture_open_file(b->path, &c, &err), &err);
    return c;
}

/* The capture alone. */
static void run_capture(struct bench *b)
{
    struct ds_capture *c = open_capture(b);
    struct ds_frame frames[BATCH];
    struct ds_error err;
    uint64_t sum = 0;
    for (int n; (n = c->ops->read(c, frames, BATCH, &err)) > 0;) {
        for (int i = 0; i < n; i++)
            sum += frames[i].data[30];
        b->counted += (unsigned)n;
    }
    __asm__ volatile("" ::"r"(sum));
    c->ops->destroy(c);
}

/* What a worker does with a packet, cut off after a stage. */
enum stage { STAGE_LINK, STAGE_PARSE, STAGE_CLASSIFY, STAGE_COUNTRY, STAGE_SOURCE, STAGE_ALL };

struct stages {
    struct bench *bench;
    struct ds_hash_key key;
    struct ds_counts counts;
    struct ds_hit hits[BATCH];
    uint64_t sum;
};

static void fill_hit(struct stages *s, const struct ds_packet *p, const struct ds_verdict *v,
                     struct ds_hit *h)
{
    *h = (struct ds_hit){
        .counts = &s->counts,
        .source_key = p->source_key | DS_COUNT_KEY_SET,
        .cell_key = ds_count_cell_key(v->cls, v->proto, v->port, 0),
        .signatures = (uint16_t)v->signatures,
        .device = v->device,
        .bytes = p->total_bytes,
    };
    ds_count_destination(&s->counts, ds_monitor_index4(s->bench->monitor, p->dest4), p->dest_key);
    h->source_hash = ds_hash(&s->key, h->source_key);
    h->pair_key = ds_count_pair_key(h->source_key, h->cell_key);
    h->pair_hash = ds_hash(&s->key, h->pair_key);
}

static size_t first_pass(struct stages *s, enum stage stage, const struct ds_frame *frames, int n)
{
    size_t count = 0;
    for (int i = 0; i < n; i++) {
        struct ds_network net;
        struct ds_packet p;
        struct ds_verdict v = {0};
        if (ds_link_strip_fast(&frames[i], 0, &net) != DS_MALFORMED_COUNT)
            continue;
        s->sum += net.captured;
        if (stage < STAGE_PARSE ||
            ds_parse(net.data, net.captured, &s->key, &p) != DS_MALFORMED_COUNT)
            continue;
        s->sum += p.dest_port;
        if (stage < STAGE_CLASSIFY)
            continue;
        ds_classify(&p, &v);
        struct ds_hit *h = &s->hits[count++];
        fill_hit(s, &p, &v, h);
        if (stage >= STAGE_COUNTRY)
            ds_geo_prefetch4(s->bench->geo, p.source4);
        if (stage >= STAGE_SOURCE)
            ds_count_prefetch_source(h);
    }
    return count;
}

static void later_passes(struct stages *s, enum stage stage, size_t count)
{
    for (size_t i = 0; stage >= STAGE_COUNTRY && i < count; i++) {
        struct ds_hit *h = &s->hits[i];
        h->country = ds_geo_find4(s->bench->geo, (uint32_t)h->source_key);
        h->cell_key |= (uint64_t)h->country << DS_CELL_COUNTRY_SHIFT;
        h->cell_hash = ds_hash(&s->key, h->cell_key);
        if (stage >= STAGE_ALL)
            ds_count_prefetch_cell(h);
        if (stage >= STAGE_SOURCE) {
            ds_count_prefetch_pair(h);
            ds_count_source(h);
        }
    }
    for (size_t i = 0; stage >= STAGE_ALL && i < count; i++)
        ds_count_packet(&s->hits[i]);
}

/* Twice: the first time fetches the tables' memory, the second is measured. */
static void run_stage(struct bench *b, enum stage stage)
{
    static struct stages s; /* large */
    struct ds_error err;
    s.bench = b;
    s.key = ds_hash_key_random();
    if (ds_counts_init(&s.counts, b->monitor, 1, &s.key))
        exit(1);
    for (int lap = 0; lap < 2; lap++) {
        ds_counts_clear(&s.counts);
        struct ds_capture *c = open_capture(b);
        struct ds_frame frames[BATCH];
        b->counted = 0;
        struct times start = now();
        for (int n; (n = c->ops->read(c, frames, BATCH, &err)) > 0;) {
            later_passes(&s, stage, first_pass(&s, stage, frames, n));
            b->counted += (unsigned)n;
        }
        b->later = between(start, now(), 1);
        c->ops->destroy(c);
    }
    ds_counts_finish(&s.counts);
}

/* The file again and again, each lap a window later: a sensor runs for months, and only the first
 * two windows fetch their tables' memory from the kernel. */
struct laps {
    struct ds_capture capture;
    struct bench *bench;
    struct ds_capture *file;
    unsigned lap;
};

static int laps_read(struct ds_capture *c, struct ds_frame *frames, size_t most,
                     struct ds_error *err)
{
    struct laps *l = (struct laps *)c;
    int n = l->file->ops->read(l->file, frames, most, err);
    if (n == DS_CAPTURE_ENDED && l->lap + 1 < LAPS) {
        l->file->ops->destroy(l->file);
        l->file = open_capture(l->bench);
        l->lap++;
        n = l->file->ops->read(l->file, frames, most, err);
    }
    for (int i = 0; i < n; i++)
        frames[i].time_ns += l->lap * l->bench->traffic.seconds * INT64_C(1000000000);
    return n;
}

static void laps_loss(struct ds_capture *c, struct ds_capture_loss *out)
{
    *out = (struct ds_capture_loss){0};
}

static void laps_stop(struct ds_capture *c)
{
    struct laps *l = (struct laps *)c;
    l->lap = LAPS;
    l->file->ops->stop(l->file);
}

static const struct ds_capture_ops laps_ops = {
    .read = laps_read, .loss = laps_loss, .stop = laps_stop};

/* Encodes each window as the uplink does, and throws it away. */
static int take_window(void *self, struct ds_window *w, struct ds_error *err)
{
    struct bench *b = self;
    struct ds_message m = {.kind = DS_MESSAGE_WINDOW, .sequence = 1, .window = *w};
    unsigned char *bytes;
    size_t size;
    (void)err;
    b->counted += w->books[DS_BOOK_RECEIVED];
    b->windows++;
    if (b->counted <= LAPS / 2 * b->traffic.packets)
        b->middle = now();
    if (ds_message_encode(&m, &bytes, &size) == 0) {
        b->message_bytes += size;
        free(bytes);
    }
    ds_window_finish(w);
    return 0;
}

static void tell_fault(void *arg, const char *text)
{
    fprintf(stderr, "bench-hotpath: %s\n", text);
    exit(1);
}

/* The first of the file's signatures; NULL for none. */
static struct ds_rules *make_rules(const struct bench *b)
{
    const struct ds_signature_settings settings = {.paths = &b->signatures, .path_count = 1};
    struct ds_signature_faults faults = {.tell = tell_fault};
    struct ds_signature_list *list;
    struct ds_rules *rules;
    struct ds_error err;
    if (!b->rules)
        return NULL;
    check(ds_signatures_read(&settings, &faults, &list, &err), &err);
    for (size_t i = 0; i < list->count; i++)
        list->entries[i].enabled = i < b->rules;
    check(ds_signatures_compile(list, &faults, NULL, &rules, &err), &err);
    ds_signatures_free(list);
    return rules;
}

static void run_pipeline(struct bench *b, unsigned workers)
{
    struct laps laps[WORKERS_MAX] = {0};
    struct ds_capture *captures[WORKERS_MAX];
    for (unsigned i = 0; i < workers; i++) {
        laps[i] = (struct laps){.capture.ops = &laps_ops, .bench = b, .file = open_capture(b)};
        captures[i] = &laps[i].capture;
    }
    struct ds_geo *geo = NULL;
    struct ds_pipeline *p;
    struct ds_error err;
    if (b->country_db)
        check(ds_geo_create(b->country_db, &geo, &err), &err);
    struct ds_pipeline_settings settings = {
        .captures = captures,
        .capture_count = workers,
        .split = true,
        .monitor = b->monitor,
        .geo = geo,
        .rules = make_rules(b),
        .sink = {.self = b, .put = take_window},
        .workers = workers,
        .window_ns = b->window_s * INT64_C(1000000000),
        .lateness_ns = 0,
    };
    struct times start = now();
    b->message_bytes = b->windows = 0;
    check(ds_pipeline_create(&settings, &p, &err), &err);
    check(ds_pipeline_start(p, &err), &err);
    check(ds_pipeline_join(p, &err), &err);
    b->first = between(start, b->middle, LAPS / 2);
    b->later = between(b->middle, now(), LAPS - LAPS / 2);
    ds_pipeline_destroy(p);
    for (unsigned i = 0; i < workers; i++)
        laps[i].file->ops->destroy(laps[i].file);
    b->counted /= LAPS;
}

enum row {
    ROW_WALK,
    ROW_LIBPCAP,
    ROW_CAPTURE,
    ROW_LINK,
    ROW_PARSE,
    ROW_CLASSIFY,
    ROW_COUNTRY,
    ROW_SOURCE,
    ROW_COUNT,
    ROW_PIPELINE_FIRST,
    ROW_PIPELINE,
    ROWS
};

static const char *const row_names[ROWS] = {
    [ROW_WALK] = "walk through memory",
    [ROW_LIBPCAP] = "bare `pcap_next_ex` loop",
    [ROW_CAPTURE] = "capture: read the file",
    [ROW_LINK] = "+ link layer",
    [ROW_PARSE] = "+ parse",
    [ROW_CLASSIFY] = "+ classify, signatures, keys",
    [ROW_COUNTRY] = "+ country",
    [ROW_SOURCE] = "+ source record",
    [ROW_COUNT] = "+ pair set, cell, destination",
    [ROW_PIPELINE_FIRST] = "whole pipeline, all threads, windows encoded: fresh memory",
    [ROW_PIPELINE] = "whole pipeline, all threads, windows encoded",
};

static void run_row(struct bench *b, enum row row)
{
    switch (row) {
    case ROW_WALK:
        run_walk(b);
        break;
    case ROW_LIBPCAP:
        run_libpcap(b);
        break;
    case ROW_CAPTURE:
        run_capture(b);
        break;
    case ROW_PIPELINE_FIRST:
        run_pipeline(b, b->workers);
        break;
    case ROW_PIPELINE: /* measured by the row before */
        b->counted = b->traffic.packets;
        break;
    default:
        run_stage(b, (enum stage)(row - ROW_LINK));
        break;
    }
}

/* A row in one round: ns a packet. */
static double measure_row(struct bench *b, enum row row)
{
    b->counted = 0;
    struct times start = now();
    run_row(b, row);
    if (b->counted != b->traffic.packets) {
        fprintf(stderr, "bench-hotpath: %s saw %" PRIu64 " packets\n", row_names[row], b->counted);
        exit(1);
    }
    double took = row == ROW_PIPELINE_FIRST ? b->first.cpu
                  : row >= ROW_LINK         ? b->later.cpu
                                            : now().cpu - start.cpu;
    return took * 1e9 / (double)b->traffic.packets;
}

static bool is_measured(const struct bench *b, enum row row)
{
    return !b->brief || row == ROW_LIBPCAP || row >= ROW_PIPELINE_FIRST;
}

static void print_rows(const struct bench *b, double ns[ROWS][ROUNDS_MAX], unsigned rounds)
{
    printf("| stage | ns/packet, least | ratio to libpcap loop: least | median | most |\n"
           "|---|---|---|---|---|\n");
    double ratio[ROWS][ROUNDS_MAX];
    for (int row = 0; row < ROWS; row++) {
        for (unsigned round = 0; round < rounds; round++)
            ratio[row][round] = ns[row][round] / ns[ROW_LIBPCAP][round];
    }
    for (int row = 0; row < ROWS; row++) {
        if (!is_measured(b, (enum row)row))
            continue;
        double median = ds_bench_median(ratio[row], rounds);
        ds_bench_median(ns[row], rounds);
        printf("| %s | %.1f | %.2f | %.2f | %.2f |\n", row_names[row], ns[row][0], ratio[row][0],
               median, ratio[row][rounds - 1]);
    }
}

/* How much sooner several workers are done than one on one processor, of each round. */
struct speedup {
    double first[ROUNDS_MAX], later[ROUNDS_MAX];
};

/* Threads made from now on share one processor, or have all again. */
static void bind_to_one(const cpu_set_t *all, bool one)
{
    cpu_set_t set = *all;
    for (int i = 0, kept = 0; one && i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, all) && kept++)
            CPU_CLR(i, &set);
    sched_setaffinity(0, sizeof set, &set);
}

/* After the pipeline of all workers: the same with one, and with what encodes its windows beside it
 * on one processor. */
static void measure_speedup(struct bench *b, struct speedup *s, unsigned round)
{
    struct times first = b->first, later = b->later;
    cpu_set_t all;
    sched_getaffinity(0, sizeof all, &all);
    bind_to_one(&all, true);
    b->counted = 0;
    run_pipeline(b, 1);
    bind_to_one(&all, false);
    s->first[round] = b->first.wall / first.wall;
    s->later[round] = b->later.wall / later.wall;
}

static void print_speedup(const char *name, double *ratio, unsigned rounds)
{
    double median = ds_bench_median(ratio, rounds);
    printf("| %s | %.2f | %.2f | %.2f |\n", name, ratio[0], median, ratio[rounds - 1]);
}

static void run_all(struct bench *b)
{
    static double ns[ROWS][ROUNDS_MAX];
    static struct speedup speedup;
    for (unsigned round = 0; round < b->rounds; round++) {
        for (int row = 0; row < ROWS; row++)
            if (is_measured(b, (enum row)row))
                ns[row][round] = measure_row(b, (enum row)row);
        if (b->workers > 1)
            measure_speedup(b, &speedup, round);
    }
    print_rows(b, ns, b->rounds);
    printf("\n%" PRIu64 " windows, %.0f bytes a message.\n", b->windows,
           (double)b->message_bytes / (double)b->windows);
    if (b->workers == 1)
        return;
    printf("\n| wall time, one worker on one processor / %u workers | least | median | most |\n"
           "|---|---|---|---|\n",
           b->workers);
    print_speedup("fresh memory", speedup.first, b->rounds);
    print_speedup("after that", speedup.later, b->rounds);
}

/* The same pipeline with more and more signatures. */
static void run_signatures(struct bench *b)
{
    enum { STEPS = 3 };
    const size_t counts[STEPS] = {0, 10, 30}, only = b->rules;
    double ns[STEPS][ROUNDS_MAX], ratio[STEPS][ROUNDS_MAX];
    for (unsigned round = 0; round < b->rounds; round++)
        for (int i = 0; i < STEPS; i++) {
            b->rules = only ? only : counts[i];
            b->counted = 0;
            run_pipeline(b, b->workers);
            ns[i][round] = b->later.cpu * 1e9 / (double)b->traffic.packets;
            ratio[i][round] = ns[i][round] / ns[0][round];
            if (only)
                return;
        }
    printf("| signatures | ns/packet, least | ratio to none: least | median | most |\n"
           "|---|---|---|---|---|\n");
    for (int i = 0; i < STEPS; i++) {
        double median = ds_bench_median(ratio[i], b->rounds);
        ds_bench_median(ns[i], b->rounds);
        printf("| %zu | %.1f | %.2f | %.2f | %.2f |\n", counts[i], ns[i][0], ratio[i][0], median,
               ratio[i][b->rounds - 1]);
    }
}

static void parse_options(struct bench *b, int argc, char **argv)
{
    static const struct option options[] = {
        {"packets", required_argument, NULL, 'p'},
        {"sources", required_argument, NULL, 's'},
        {"uniform", no_argument, NULL, 'u'},
        {"window", required_argument, NULL, 'w'},
        {"workers", required_argument, NULL, 'W'},
        {"rounds", required_argument, NULL, 'r'},
        {"country-db", required_argument, NULL, 'g'},
        {"signatures", required_argument, NULL, 'S'},
        {"rules", required_argument, NULL, 'R'},
        {"brief", no_argument, NULL, 'b'},
        {0},
    };
    for (int key; (key = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        unsigned long value = optarg ? strtoul(optarg, NULL, 10) : 0;
        switch (key) {
        case 'p':
            b->traffic.packets = value;
            break;
        case 's':
            b->traffic.pool = (uint32_t)value;
            break;
        case 'u':
            b->traffic.uniform = true;
            break;
        case 'w':
            b->window_s = (unsigned)value;
            break;
        case 'W':
            b->workers = value > WORKERS_MAX ? WORKERS_MAX : (unsigned)value;
            break;
        case 'r':
            b->rounds = value > ROUNDS_MAX ? ROUNDS_MAX : (unsigned)value;
            break;
        case 'g':
            b->country_db = optarg;
            break;
        case 'S':
            b->signatures = optarg;
            break;
        case 'R':
            b->rules = value;
            break;
        case 'b':
            b->brief = true;
            break;
        default:
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    struct bench b = {
        .traffic = {.packets = 10000000, .pool = 1500000, .seconds = 60, .seed = 1},
        .window_s = 60,
        .workers = 1,
        .rounds = 5,
        .path = "/tmp/bench-hotpath.XXXXXX",
    };
    struct ds_prefix darknet;
    struct ds_error err;
    parse_options(&b, argc, argv);
    ds_prefix_parse(DS_BENCH_DARKNET, &darknet);
    check(ds_monitor_create(&darknet, 1, NULL, 0, &b.monitor, &err), &err);
    if (b.country_db)
        check(ds_geo_create(b.country_db, &b.geo, &err), &err);
    b.image_bytes = ds_bench_traffic_make(&b.traffic, &b.image);
    int fd = mkstemp(b.path);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file || fwrite(b.image, b.image_bytes, 1, file) != 1 || fclose(file)) {
        perror(b.path);
        return 1;
    }
    printf("%" PRIu64
           " packets, %.0f MB, sources %s over %u, window %u s, %u worker(s), %u rounds\n\n",
           b.traffic.packets, (double)b.image_bytes / 1e6, b.traffic.uniform ? "uniform" : "Zipf",
           b.traffic.pool, b.window_s, b.workers, b.rounds);
    if (b.signatures)
        run_signatures(&b);
    else
        run_all(&b);
    unlink(b.path);
    free(b.image);
    ds_geo_destroy(b.geo);
    ds_monitor_destroy(b.monitor);
    return 0;
}
