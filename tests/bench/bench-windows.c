/* SPDX-License-Identifier: Apache-2.0
 *
 * How fast darkscope-gen --windows makes windows that nobody takes: the generator must not be what
 * a benchmark of a store measures. CPU time of this thread.
 *
 *   bench-windows [--rounds N] [--row N]
 */
#include "gen/windows/run.h"
#include "measure.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ROUNDS_MAX 63
#define START_S    INT64_C(1767225600)

struct row {
    const char *name;
    uint32_t window_s, windows;
    double rate; /* packets a second */
    uint32_t listed;
    bool with_truth;
};

static const struct row rows[] = {
    {"a minute of a /16", 60, 300, 5200, 10000, false},
    {"a minute of a /16, with its truth", 60, 300, 5200, 10000, true},
    {"a minute of a /16, no source records", 60, 300, 5200, 0, false},
    {"an hour of a /16", 3600, 24, 5200, 10000, true},
    {"an hour at a thousandth of it", 3600, 1000, 5.2, 10000, true},
};

struct counting_sink {
    struct ds_gen_sink sink;
    uint64_t windows, packets, cells, records, sources;
};

static int count(struct ds_gen_sink *sink, const struct ds_gen_message *m, struct ds_error *err)
{
    struct counting_sink *s = (struct counting_sink *)sink;
    s->windows++;
    s->packets += m->window->books[DS_BOOK_COUNTED];
    s->cells += m->window->cell_count;
    s->records += m->window->source_record_count;
    s->sources += m->window->sources;
    return 0;
}

static const struct ds_gen_sink_ops counting = {.send = count};

static double measure(const struct row *r, struct counting_sink *sink)
{
    struct ds_gen_plan plan = {.seed = 1, .start_s = START_S, .window_s = r->window_s};
    struct ds_error err = {0};
    struct ds_gen_run run;
    plan.end_s = START_S + (int64_t)r->windows * r->window_s;
    plan.sensors = 1;
    plan.addresses_first = plan.addresses_last = 65536;
    plan.packets = r->rate * r->window_s;
    plan.listed = r->listed;
    if (ds_gen_run_init(&run, &plan, r->with_truth, &err) < 0) {
        fprintf(stderr, "bench-windows: %s\n", err.text);
        exit(1);
    }
    *sink = (struct counting_sink){.sink = {&counting}};
    double begin = ds_bench_clock_s(CLOCK_THREAD_CPUTIME_ID);
    ds_gen_run_send(&run, &sink->sink, NULL, &err);
    double seconds = ds_bench_clock_s(CLOCK_THREAD_CPUTIME_ID) - begin;
    ds_gen_run_finish(&run);
    return seconds;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"rounds", required_argument, NULL, 'r'}, {"row", required_argument, NULL, 'o'}, {0}};
    unsigned rounds = 5, row = 0;
    for (int key; (key = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        unsigned value = optarg ? (unsigned)strtoul(optarg, NULL, 10) : 0;
        rounds = key == 'r' ? value : key == 'o' ? rounds : 0;
        row = key == 'o' ? value : row;
    }
    if (rounds < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: bench-windows [--rounds N] [--row N]\n");
        return 2;
    }
    printf("| window | packets | cells | sources | listed | ms | windows/s |\n"
           "|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double times[ROUNDS_MAX];
        struct counting_sink s;
        if (row > 0 && row != i + 1)
            continue;
        for (unsigned k = 0; k < rounds; k++)
            times[k] = measure(&rows[i], &s);
        double each = ds_bench_median(times, rounds) / (double)s.windows;
        printf("| %s | %" PRIu64 " | %" PRIu64 " | %" PRIu64 " | %" PRIu64 " | %.2f | %.0f |\n",
               rows[i].name, s.packets / s.windows, s.cells / s.windows, s.sources / s.windows,
               s.records / s.windows, each * 1e3, 1 / each);
        fflush(stdout);
    }
    return 0;
}
