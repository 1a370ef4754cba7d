/* SPDX-License-Identifier: Apache-2.0
 *
 * How much memory a sensor takes: the whole pipeline over packets that are made as it reads them,
 * a process for each row, whose largest resident size is what the kernel says. Each window is
 * encoded as for the aggregator, its books must balance, and what overflowed is told.
 *
 *   bench-memory [--windows N] [--packets N] [--country-db FILE] [--check] [--row N]
 *
 * --packets is for a window of a flood. --row runs one row alone, from 1. --check makes a failure
 * of what is promised: the bounds, exact figures of the ordinary rows, told overflow of the floods.
 */
#include "capture.h"
#include "config.h"
#include "darkscope/message.h"
#include "flood.h"
#include "link.h"
#include "pipeline.h"
#include "traffic.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define WINDOW_S    60
#define CHUNK       5000 /* packets of the ordinary traffic made at a time */
#define COUNTRIES   250  /* of the flood's sources, as many as there are */
#define SMALL_BYTES (UINT64_C(200) << 20)
#define LARGE_BYTES (UINT64_C(1) << 30)

enum kind { KIND_ORDINARY, KIND_SPOOFED, KIND_FLOOD };

struct row {
    const char *name;
    enum kind kind;
    bool everything; /* monitored */
    unsigned workers;
    uint64_t bound_bytes;
};

static const struct row rows[] = {
    {"5,000 packets/s", KIND_ORDINARY, false, 1, SMALL_BYTES},
    {"5,000 packets/s", KIND_ORDINARY, false, 4, SMALL_BYTES},
    {"2 million uniform sources", KIND_SPOOFED, false, 1, LARGE_BYTES},
    {"flood", KIND_FLOOD, false, 1, LARGE_BYTES},
    {"flood", KIND_FLOOD, false, 2, LARGE_BYTES},
    {"flood", KIND_FLOOD, false, 4, LARGE_BYTES},
    {"flood", KIND_FLOOD, true, 1, LARGE_BYTES},
    {"flood", KIND_FLOOD, true, 2, LARGE_BYTES},
    {"flood", KIND_FLOOD, true, 4, LARGE_BYTES},
};

struct bench {
    uint64_t windows, flood_packets;
    const char *country_db;
    bool check;
    size_t only; /* this row, from 1; 0: all */
    const struct row *row;
    /* Of the windows so far. */
    uint64_t closed, received, sources, cells;
    uint64_t overflow[DS_OVERFLOW_COUNT]; /* most of a window */
    size_t message_bytes;                 /* most of a window */
};

static void check(bool failed, const char *what)
{
    if (!failed)
        return;
    fprintf(stderr, "bench-memory: %s\n", what);
    exit(1);
}

/* ---- a capture that makes its packets ---- */

struct made {
    struct ds_capture capture;
    enum kind kind;
    uint64_t packets, delivered; /* in all */
    uint64_t per_window;
    struct ds_bench_flood flood;
    uint8_t frames[DS_CAPTURE_BATCH][DS_BENCH_FLOOD_FRAME];
    uint8_t *image; /* a chunk of the traffic */
    size_t bytes, at;
};

static void next_chunk(struct made *m)
{
    const struct ds_bench_traffic traffic = {
        .packets = CHUNK,
        .pool = m->kind == KIND_SPOOFED ? 2000000 : 1500000,
        .uniform = m->kind == KIND_SPOOFED,
        .seconds = 1,
        .seed = m->delivered + 1,
    };
    free(m->image);
    m->bytes = ds_bench_traffic_make(&traffic, &m->image);
    m->at = DS_BENCH_FILE_HEADER;
}

static void make(struct made *m, int place, struct ds_frame *f)
{
    if (m->kind == KIND_FLOOD) {
        f->data = m->frames[place];
        f->captured = f->wire = (uint32_t)ds_bench_flood_next(&m->flood, m->frames[place]);
    } else {
        m->at += ds_bench_traffic_frame(m->image + m->at, f);
    }
    f->link = DS_LINK_ETHERNET;
    f->time_ns =
        (INT64_C(1767225600) + (int64_t)(m->delivered / m->per_window * WINDOW_S)) *
            INT64_C(1000000000) +
        (int64_t)((double)(m->delivered % m->per_window) / (double)m->per_window * WINDOW_S * 1e9);
    m->delivered++;
}

static int made_read(struct ds_capture *c, struct ds_frame *frames, size_t most,
                     struct ds_error *err)
{
    struct made *m = (struct made *)c;
    int n = 0;
    if (m->delivered == m->packets)
        return DS_CAPTURE_ENDED;
    if (m->kind != KIND_FLOOD && m->at == m->bytes)
        next_chunk(m);
    for (; n < (int)most && m->delivered < m->packets; n++) {
        if (m->kind != KIND_FLOOD && m->at == m->bytes)
            break;
        make(m, n, &frames[n]);
    }
    return n;
}

static void made_loss(struct ds_capture *c, struct ds_capture_loss *out)
{
    *out = (struct ds_capture_loss){0};
}

static void made_stop(struct ds_capture *c)
{
    check(true, "the sink failed");
}

static const struct ds_capture_ops made_ops = {
    .read = made_read, .loss = made_loss, .stop = made_stop};

/* ---- one row, in a process of its own ---- */

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static int take_window(void *self, struct ds_window *w, struct ds_error *err)
{
    struct bench *b = self;
    struct ds_message m = {.kind = DS_MESSAGE_WINDOW, .sequence = 1, .window = *w};
    unsigned char *bytes;
    size_t size;
    const char *imbalance = ds_window_imbalance(w);
    check(imbalance, imbalance);
    check(w->books[DS_BOOK_COUNTED] < w->books[DS_BOOK_RECEIVED] / 10 * 9, "too few are ours");
    check(ds_message_encode(&m, &bytes, &size), "no memory to encode");
    free(bytes);
    b->closed++;
    b->received += w->books[DS_BOOK_RECEIVED];
    b->sources = most(b->sources, w->sources);
    b->cells = most(b->cells, w->cell_count);
    for (int i = 0; i < DS_OVERFLOW_COUNT; i++)
        b->overflow[i] = most(b->overflow[i], w->overflow[i]);
    b->message_bytes = most(b->message_bytes, size);
    ds_window_finish(w);
    return 0;
}

/* No database has as many countries a port as a flood can have: every /24 gets any. */
static void scatter_countries(struct ds_geo *geo)
{
    for (uint32_t i = 0; i < UINT32_C(1) << 24; i++)
        geo->flat[i] = (uint16_t)(1 + (i * UINT32_C(2654435761) >> 8) % COUNTRIES);
}

static struct ds_geo *open_countries(const struct bench *b)
{
    struct ds_geo *geo = NULL;
    struct ds_error err;
    if (b->country_db)
        check(ds_geo_create(b->country_db, &geo, &err), "cannot read the country database");
    if (geo && b->row->kind == KIND_FLOOD)
        scatter_countries(geo);
    return geo;
}

static struct ds_monitor *monitor(const struct bench *b)
{
    struct ds_prefix nets[2];
    struct ds_monitor *out;
    struct ds_error err;
    ds_prefix_parse(DS_BENCH_FLOOD_NET4, &nets[0]);
    ds_prefix_parse(DS_BENCH_FLOOD_NET6, &nets[1]);
    check(ds_monitor_create(nets, b->row->everything ? 0 : 2, NULL, 0, &out, &err),
          "cannot make the monitored set");
    return out;
}

static void run_pipeline(struct bench *b, struct made *made)
{
    struct ds_capture *captures[] = {&made->capture};
    struct ds_monitor *monitored = monitor(b);
    const struct ds_sketch_secret secret = {1, 2, 3};
    struct ds_pipeline *p;
    struct ds_error err;
    struct ds_pipeline_settings settings = {
        .captures = captures,
        .capture_count = 1,
        .monitor = monitored,
        .geo = open_countries(b),
        .sink = {.self = b, .put = take_window},
        .workers = b->row->workers,
        .source_limit = DS_CONFIG_SOURCES_DEFAULT,
        .sketch_secret = &secret,
        .window_ns = WINDOW_S * INT64_C(1000000000),
        .lateness_ns = DS_LATENESS_DEFAULT * INT64_C(1000000000),
    };
    check(ds_pipeline_create(&settings, &p, &err), "cannot make the pipeline");
    check(ds_pipeline_start(p, &err), "cannot start the pipeline");
    check(ds_pipeline_join(p, &err), "the pipeline failed");
    ds_pipeline_destroy(p);
    ds_monitor_destroy(monitored);
}

/* The largest resident size that this process ever had. */
static uint64_t peak_bytes(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    uint64_t kb = 0;
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "VmHWM: %" SCNu64, &kb) == 1)
            break;
    check(kb == 0, "/proc/self/status tells no VmHWM");
    fclose(status);
    return kb << 10;
}

static void check_promises(const struct bench *b, uint64_t peak)
{
    uint64_t overflow = 0;
    for (int i = 0; i < DS_OVERFLOW_COUNT; i++)
        overflow += b->overflow[i];
    check(peak > b->row->bound_bytes, "more memory than the bound");
    if (b->row->kind == KIND_FLOOD)
        check(!b->overflow[DS_OVERFLOW_SOURCES], "the flood did not overflow the sources");
    else
        check(overflow, "ordinary traffic overflowed a table");
}

static void run_row(struct bench *b)
{
    uint64_t per_window = b->row->kind == KIND_ORDINARY ? 5000 * WINDOW_S : b->flood_packets;
    struct made made = {
        .capture.ops = &made_ops,
        .kind = b->row->kind,
        .per_window = per_window,
        .packets = per_window * b->windows,
        .flood = {.state = 1, .everywhere = b->row->everything},
    };
    run_pipeline(b, &made);
    free(made.image);
    uint64_t peak = peak_bytes();
    check(b->closed != b->windows || b->received != made.packets, "windows or packets are missing");
    printf("| %s | %" PRIu64 " | %s | %u | %.0f | %.0f | %" PRIu64 " | %" PRIu64, b->row->name,
           per_window, b->row->everything ? "everything" : "a /16", b->row->workers,
           (double)peak / (1 << 20), (double)b->row->bound_bytes / (1 << 20), b->sources, b->cells);
    for (int i = 0; i < DS_OVERFLOW_COUNT; i++)
        printf(" | %" PRIu64, b->overflow[i]);
    printf(" | %zu |\n", b->message_bytes);
    if (b->check)
        check_promises(b, peak);
}

static void run_in_child(struct bench *b)
{
    int status;
    fflush(stdout);
    pid_t child = fork();
    check(child < 0, "cannot fork");
    if (child == 0) {
        run_row(b);
        exit(0);
    }
    check(waitpid(child, &status, 0) != child || status != 0, "a row failed");
}

static void parse_options(struct bench *b, int argc, char **argv)
{
    static const struct option options[] = {
        {"windows", required_argument, NULL, 'w'},    {"packets", required_argument, NULL, 'p'},
        {"country-db", required_argument, NULL, 'g'}, {"check", no_argument, NULL, 'c'},
        {"row", required_argument, NULL, 'r'},        {0}};
    for (int key; (key = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        uint64_t value = optarg ? strtoul(optarg, NULL, 10) : 0;
        if (key == 'w' && value > 0)
            b->windows = value;
        else if (key == 'p' && value > 0)
            b->flood_packets = value;
        else if (key == 'r')
            b->only = value;
        else if (key == 'g')
            b->country_db = optarg;
        else if (key == 'c')
            b->check = true;
        else
            check(true, "usage: bench-memory [--windows N] [--packets N] [--country-db FILE] "
                        "[--check] [--row N]");
    }
}

int main(int argc, char **argv)
{
    struct bench b = {.windows = 10, .flood_packets = 10000000};
    parse_options(&b, argc, argv);
    printf(
        "%" PRIu64 " windows of %d s; MiB; of a window the most%s.\n\n"
        "| traffic | packets a window | monitored | workers | peak MiB | bound | sources | cells",
        b.windows, WINDOW_S, b.country_db ? "" : "; no country database");
    for (unsigned i = 0; i < DS_OVERFLOW_COUNT; i++)
        printf(" | overflow: %s", ds_overflow_name(i));
    printf(" | message bytes |\n|---|---|---|---|---|---|---|---|");
    for (int i = 0; i < DS_OVERFLOW_COUNT; i++)
        printf("---|");
    printf("---|\n");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        b.row = &rows[i];
        if (b.only == 0 || b.only == i + 1)
            run_in_child(&b);
    }
    return 0;
}
