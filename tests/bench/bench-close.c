/* SPDX-License-Identifier: Apache-2.0
 *
 * What it costs to close a window, off the counting threads: the workers' tables become one window,
 * the window a message, and the tables are emptied. CPU time of this thread; the filling of the
 * tables before is not measured here. That counting goes on meanwhile is bench-pause's matter.
 *
 *   bench-close [--rounds N] [--country-db FILE] [--asn-db FILE] [--sources N]
 */
#include "bytes.h"
#include "darkscope/message.h"
#include "gather.h"
#include "link.h"
#include "measure.h"
#include "memory.h"
#include "sketches.h"
#include "sources.h"
#include "traffic.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WORKERS_MAX 2
#define ROUNDS_MAX  63
#define CHUNK       100000 /* packets made at a time: the traffic of a window needs not fit memory */
#define POOL        1500000
#define SECONDS     60

struct size {
    uint64_t packets;
    unsigned workers;
    bool uniform;
};

static const struct size sizes[] = {
    {300000, 1, false},   {300000, 2, false},  {10000000, 1, false},
    {10000000, 2, false}, {10000000, 1, true},
};

enum part { PART_GATHER, PART_SKETCHES, PART_SOURCES, PART_ENCODE, PART_CLEAR, PART_ALL, PARTS };

struct bench {
    unsigned rounds;
    struct ds_hash_key key;
    struct ds_sketch_secret secret;
    struct ds_monitor *monitor;
    struct ds_geo *geo;
    struct ds_worker_shared shared;
    struct ds_gate closed;
    struct ds_gather gather;
    struct ds_sources lister;
    struct ds_survey survey;
    struct ds_worker workers[WORKERS_MAX];
    struct ds_snap snaps[WORKERS_MAX][DS_BATCH]; /* on their way to each worker's tables */
    size_t filled[WORKERS_MAX];
    /* Of the window measured last. */
    uint64_t pushed; /* packets */
    uint64_t sources, listed, pairs, cells, overflow;
    size_t message_bytes;
};

static void check(int failed, const char *what)
{
    if (!failed)
        return;
    fprintf(stderr, "bench-close: %s\n", what);
    exit(1);
}

static void flush(struct bench *b, unsigned worker)
{
    b->workers[worker].count(&b->workers[worker].batch, b->snaps[worker], b->filled[worker]);
    b->filled[worker] = 0;
}

static unsigned worker_of(const struct bench *b, unsigned workers, const struct ds_network *n)
{
    if (workers == 1 || n->data[0] >> 4 != 4)
        return 0;
    uint64_t source = ds_load32_be(n->data + 12);
    return ds_hash_share(ds_hash(&b->key, source | DS_COUNT_KEY_SET), workers);
}

/* As the capture thread would. */
static void push(struct bench *b, const struct size *size, const struct ds_frame *f)
{
    struct ds_network n;
    check(ds_link_strip_fast(f, 0, &n) != DS_MALFORMED_COUNT, "made a malformed packet");
    unsigned worker = worker_of(b, size->workers, &n);
    b->snaps[worker][b->filled[worker]++] = (struct ds_snap){
        .bytes = n.data,
        .epoch = 1,
        .ms = (uint32_t)(b->pushed++ * SECONDS * 1000 / size->packets),
        .captured = (uint16_t)(n.captured < DS_SNAP_BYTES ? n.captured : DS_SNAP_BYTES),
        .is_packet = true,
    };
    if (b->filled[worker] == DS_BATCH)
        flush(b, worker);
}

static void push_chunk(struct bench *b, const struct size *size, uint64_t packets, uint64_t seed)
{
    struct ds_bench_traffic traffic = {
        .packets = packets, .pool = POOL, .uniform = size->uniform, .seconds = 1, .seed = seed};
    uint8_t *image;
    size_t bytes = ds_bench_traffic_make(&traffic, &image);
    for (size_t at = DS_BENCH_FILE_HEADER; at < bytes;) {
        struct ds_frame f = {.link = DS_LINK_ETHERNET};
        at += ds_bench_traffic_frame(image + at, &f);
        push(b, size, &f);
    }
    for (unsigned w = 0; w < size->workers; w++)
        flush(b, w); /* the image goes */
    free(image);
}

static void fill(struct bench *b, const struct size *size)
{
    b->pushed = 0;
    for (unsigned w = 0; w < size->workers; w++) {
        struct ds_counts *counts = &b->workers[w].sets[0].counts;
        counts->moment_scale = ds_count_moment_scale(SECONDS * INT64_C(1000000000));
        b->workers[w].batch.view.counts[1] = counts;
    }
    for (uint64_t done = 0; done < size->packets; done += CHUNK)
        push_chunk(b, size, CHUNK, done + 1);
    for (unsigned w = 0; w < size->workers; w++)
        flush(b, w); /* nothing new: counts those on their way */
}

static void describe(struct bench *b, const struct ds_window *w)
{
    check(ds_window_imbalance(w) != NULL, "the books of the window do not balance");
    b->sources = w->sources;
    b->listed = w->source_record_count;
    b->cells = w->cell_count;
    b->overflow = 0;
    for (int i = 0; i < DS_OVERFLOW_COUNT; i++)
        b->overflow += w->overflow[i];
}

static double now_ms(void)
{
    return ds_bench_clock_s(CLOCK_THREAD_CPUTIME_ID) * 1e3;
}

/* Milliseconds of each part of a close. */
static void close_window(struct bench *b, const struct size *size, double ms[PARTS])
{
    struct ds_set *sets[WORKERS_MAX];
    b->pairs = 0;
    for (unsigned w = 0; w < size->workers; w++) {
        sets[w] = &b->workers[w].sets[0];
        sets[w]->close = (struct ds_close){.epoch = {.number = 1, .seconds = SECONDS}};
        b->pairs += sets[w]->counts.pairs.used;
    }
    sets[0]->close.received = size->packets;

    struct ds_message m = {.kind = DS_MESSAGE_WINDOW, .sequence = 1};
    double start = now_ms();
    check(ds_gather(&b->gather, sets, size->workers, b->monitor, &m.window), "no memory to gather");
    double gathered = now_ms();
    check(ds_sketches_gather(&b->secret, sets, size->workers, &m.window), "no memory for sketches");
    double sketched = now_ms();
    check(ds_sources_gather(&b->lister, sets, size->workers, 0, &m.window),
          "no memory for sources");
    double listed = now_ms();
    for (unsigned w = 0; w < size->workers; w++)
        ds_worker_free_set(&b->workers[w], sets[w]);
    double cleared = now_ms();
    unsigned char *bytes;
    check(ds_message_encode(&m, &bytes, &b->message_bytes), "no memory to encode");
    double encoded = now_ms();

    ms[PART_GATHER] = gathered - start;
    ms[PART_SKETCHES] = sketched - gathered;
    ms[PART_SOURCES] = listed - sketched;
    ms[PART_CLEAR] = cleared - listed;
    ms[PART_ENCODE] = encoded - cleared;
    ms[PART_ALL] = encoded - start;
    describe(b, &m.window);
    free(bytes);
    ds_window_finish(&m.window);
}

static void init_workers(struct bench *b, unsigned workers)
{
    b->shared = (struct ds_worker_shared){.monitor = b->monitor,
                                          .key = &b->key,
                                          .sets = 1,
                                          .allowance = DS_WORKER_TABLES_MAX,
                                          .geo = b->geo,
                                          .closed = &b->closed};
    for (unsigned w = 0; w < workers; w++) {
        check(ds_worker_init(&b->workers[w], &b->shared, NULL, 1, workers), "no memory");
        b->workers[w].batch.view.geo = b->geo;
    }
}

static void run_size(struct bench *b, const struct size *size)
{
    double ms[PARTS][ROUNDS_MAX], one[PARTS];
    init_workers(b, size->workers);
    for (unsigned round = 0; round < b->rounds; round++) {
        fill(b, size);
        close_window(b, size, one);
        for (int part = 0; part < PARTS; part++)
            ms[part][round] = one[part];
    }
    for (unsigned w = 0; w < size->workers; w++)
        ds_worker_finish(&b->workers[w]);
    printf("| %" PRIu64 "%s | %u | %" PRIu64 " | %" PRIu64 " | %" PRIu64 " | %" PRIu64 " |",
           size->packets, size->uniform ? ", spoofed" : "", size->workers, b->sources, b->listed,
           b->pairs, b->cells);
    for (int part = 0; part < PARTS; part++)
        printf(" %.1f |", ds_bench_median(ms[part], b->rounds));
    printf(" %.1f | %zu |%s\n", ms[PART_ALL][b->rounds - 1], b->message_bytes,
           b->overflow ? " overflowed!" : "");
    fflush(stdout);
}

struct files {
    const char *country_db, *asn_db; /* NULL: none */
};

static struct files parse_options(struct bench *b, int argc, char **argv)
{
    static const struct option options[] = {{"rounds", required_argument, NULL, 'r'},
                                            {"country-db", required_argument, NULL, 'g'},
                                            {"asn-db", required_argument, NULL, 'a'},
                                            {"sources", required_argument, NULL, 's'},
                                            {0}};
    struct files files = {0};
    for (int key; (key = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        unsigned long number = key == 'r' || key == 's' ? strtoul(optarg, NULL, 10) : 1;
        if (key == 'g') {
            files.country_db = optarg;
        } else if (key == 'a') {
            files.asn_db = optarg;
        } else if (key == 's') {
            b->lister.limit = number;
        } else if (key == 'r' && number > 0) {
            b->rounds = number > ROUNDS_MAX ? ROUNDS_MAX : (unsigned)number;
        } else {
            fprintf(stderr, "usage: bench-close [--rounds N] [--country-db FILE] [--asn-db FILE] "
                            "[--sources N]\n");
            exit(2);
        }
    }
    return files;
}

int main(int argc, char **argv)
{
    ds_memory_keep();
    static struct bench b = {.rounds = 5, .lister.limit = 10000}; /* large */
    struct files files = parse_options(&b, argc, argv);
    struct ds_prefix darknet;
    struct ds_error err;
    b.secret = (struct ds_sketch_secret){1, 2, 3};
    b.key = ds_hash_key_random();
    ds_prefix_parse(DS_BENCH_DARKNET, &darknet);
    check(ds_monitor_create(&darknet, 1, NULL, 0, &b.monitor, &err), err.text);
    check(files.country_db && ds_geo_create(files.country_db, &b.geo, &err), err.text);
    check(files.asn_db && ds_asn_create(files.asn_db, &b.lister.asn, &err), err.text);
    struct ds_survey_settings rule = {.ports = 30, .packets = ds_monitor_addresses(b.monitor)};
    check(ds_survey_init(&b.survey, &rule), "no memory for survey scanners");
    b.lister.survey = &b.survey;
    check(ds_gate_init(&b.closed), "cannot make a gate");
    printf("Medians of %u rounds; thread CPU time in ms%s.\n\n"
           "| packets | workers | sources | listed | pairs | cells | gather | sketches | sources | "
           "encode | "
           "clear "
           "| together | most | message bytes "
           "|\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
           b.rounds, files.country_db ? "" : "; no country database");
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        run_size(&b, &sizes[i]);
    ds_gate_finish(&b.closed);
    ds_survey_finish(&b.survey);
    ds_asn_destroy(b.lister.asn);
    ds_geo_destroy(b.geo);
    ds_monitor_destroy(b.monitor);
    return 0;
}
