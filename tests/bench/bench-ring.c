/* SPDX-License-Identifier: Apache-2.0
 *
 * What it costs to hand a packet to another core: a producer copies snaps into a ring, a consumer
 * reads their header fields. Beside it, in the same run, the bare loop that copies the same snaps
 * into as many slots which nobody reads. CPU time of each thread; the consumer's spins while it
 * waits are part of its time.
 *
 *   bench-ring [--packets N] [--rounds N]
 */
#include "bytes.h"
#include "measure.h"
#include "ring.h"

#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#define SNAPS      (1u << 17) /* of the captured packets: more than the caches next to a core hold */
#define SNAP_PLACE 112        /* bytes from one to the next, as in a capture buffer */
#define BATCH      64
#define IDLE_SPINS 256
#define IDLE_NS    INT64_C(100000000)
#define ROUNDS_MAX 63

struct row {
    uint16_t least, most; /* bytes of a snap */
    unsigned publish;     /* every so many packets */
    unsigned slots;
};

static const struct row rows[] = {
    {40, 40, 1, 4096},   {40, 40, 8, 4096},  {40, 40, 64, 4096}, {40, 96, 1, 4096},
    {40, 96, 8, 4096},   {40, 96, 64, 4096}, {96, 96, 1, 4096},  {96, 96, 8, 4096},
    {96, 96, 64, 4096},  {40, 96, 64, 256},  {40, 96, 64, 1024}, {40, 96, 64, 16384},
    {40, 96, 64, 65536},
};

struct bench {
    uint64_t packets;
    unsigned rounds;
    uint8_t *snaps;
    uint16_t *sizes;
    const struct row *row;
    struct ds_ring ring;
    struct ds_gate data, room;
    uint64_t sent, received; /* sums over header fields: must be the same */
    double producer_s, consumer_s;
    uint64_t producer_waits, consumer_waits; /* for the other side */
};

/* A field of each cache line that a worker reads, and one of the slot's own. */
static inline uint64_t read_fields(const struct ds_slot *s)
{
    return s->captured + s->bytes[9] + ds_load32_be(s->bytes + 12) + ds_load16_be(s->bytes + 22) +
           (s->captured > 44 ? s->bytes[44] : 0);
}

static inline void fill(const struct bench *b, uint64_t i, struct ds_slot *s)
{
    size_t at = i % SNAPS;
    s->kind = DS_SLOT_PACKET;
    s->malformed = 0;
    s->epoch = 1;
    s->late = 0;
    s->captured = b->sizes[at];
    memcpy(s->bytes, b->snaps + at * SNAP_PLACE, s->captured);
}

/* The two threads on different CPUs, where there are as many. */
static void pin(unsigned which)
{
    cpu_set_t allowed, one;
    if (sched_getaffinity(0, sizeof allowed, &allowed) || CPU_COUNT(&allowed) < 2)
        return;
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &allowed) && which-- == 0)
            CPU_SET(cpu, &one);
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
}

static struct ds_slot *reserve(struct bench *b)
{
    struct ds_slot *s;
    while (!(s = ds_ring_reserve(&b->ring))) {
        b->producer_waits++;
        ds_ring_wait_room(&b->ring);
    }
    return s;
}

static void *run_producer(void *arg)
{
    struct bench *b = arg;
    unsigned unpublished = 0;
    pin(0);
    double start = ds_bench_clock_s(CLOCK_THREAD_CPUTIME_ID);
    for (uint64_t i = 0; i < b->packets; i++) {
        fill(b, i, reserve(b));
        ds_ring_commit(&b->ring);
        if (++unpublished == b->row->publish) {
            ds_ring_publish(&b->ring);
            unpublished = 0;
        }
    }
    reserve(b)->kind = DS_SLOT_END;
    ds_ring_commit(&b->ring);
    ds_ring_publish(&b->ring);
    b->producer_s = ds_bench_clock_s(CLOCK_THREAD_CPUTIME_ID) - start;
    return NULL;
}

/* As the worker waits. */
static void wait_data(struct bench *b)
{
    for (int i = 0; i < IDLE_SPINS; i++) {
        if (ds_ring_has_data(&b->ring))
            return;
        ds_cpu_relax();
    }
    ds_gate_prepare(&b->data);
    b->consumer_waits++;
    if (ds_ring_has_data(&b->ring))
        ds_gate_cancel(&b->data);
    else
        ds_gate_sleep(&b->data, IDLE_NS);
}

static void *run_consumer(void *arg)
{
    struct bench *b = arg;
    pin(1);
    double start = ds_bench_clock_s(CLOCK_THREAD_CPUTIME_ID);
    for (bool ended = false; !ended;) {
        struct ds_slot *slots;
        size_t n = ds_ring_peek(&b->ring, &slots, BATCH);
        if (n == 0) {
            wait_data(b);
            continue;
        }
        ended = slots[n - 1].kind == DS_SLOT_END;
        for (size_t i = 0; i < n - ended; i++)
            b->received += read_fields(&slots[i]);
        ds_ring_release(&b->ring, n);
    }
    b->consumer_s = ds_bench_clock_s(CLOCK_THREAD_CPUTIME_ID) - start;
    return NULL;
}

/* The producer's work without a ring. */
static double run_copy(struct bench *b)
{
    struct ds_slot *slots = b->ring.slots;
    double start = ds_bench_clock_s(CLOCK_THREAD_CPUTIME_ID);
    for (uint64_t i = 0; i < b->packets; i++) {
        fill(b, i, &slots[i & b->ring.mask]);
        __asm__ volatile("" ::"r"(slots) : "memory");
    }
    return ds_bench_clock_s(CLOCK_THREAD_CPUTIME_ID) - start;
}

static double run_threads(struct bench *b)
{
    pthread_t producer, consumer;
    double start = ds_bench_clock_s(CLOCK_MONOTONIC);
    if (pthread_create(&consumer, NULL, run_consumer, b) ||
        pthread_create(&producer, NULL, run_producer, b)) {
        fprintf(stderr, "bench-ring: cannot start two threads\n");
        exit(1);
    }
    pthread_join(producer, NULL);
    pthread_join(consumer, NULL);
    return ds_bench_clock_s(CLOCK_MONOTONIC) - start;
}

/* What the consumer must have read. */
static void sum_sent(struct bench *b)
{
    struct ds_slot s;
    for (uint64_t i = 0; i < b->packets; i++) {
        fill(b, i, &s);
        b->sent += read_fields(&s);
    }
}

static void make_snaps(struct bench *b, const struct row *row)
{
    uint32_t x = 1;
    for (unsigned i = 0; i < SNAPS; i++) {
        x = x * UINT32_C(1664525) + UINT32_C(1013904223);
        b->sizes[i] = (uint16_t)(row->least + (x >> 16) % (row->most - row->least + 1u));
        memset(b->snaps + (size_t)i * SNAP_PLACE, (int)(x >> 24), SNAP_PLACE);
    }
}

static void print_median(double *values, unsigned count, double factor)
{
    printf(" %.2f |", ds_bench_median(values, count) * factor);
}

static void run_row(struct bench *b, const struct row *row)
{
    double copy[ROUNDS_MAX], producer[ROUNDS_MAX], consumer[ROUNDS_MAX], wall[ROUNDS_MAX];
    double ratios[3][ROUNDS_MAX], waits[2][ROUNDS_MAX];
    b->row = row;
    make_snaps(b, row);
    for (unsigned round = 0; round < b->rounds; round++) {
        b->sent = b->received = b->producer_waits = b->consumer_waits = 0;
        if (ds_gate_init(&b->data) || ds_gate_init(&b->room) ||
            ds_ring_init(&b->ring, row->slots, &b->data, &b->room)) {
            fprintf(stderr, "bench-ring: no memory\n");
            exit(1);
        }
        memset(b->ring.slots, 0, row->slots * sizeof *b->ring.slots);
        copy[round] = run_copy(b);
        wall[round] = run_threads(b);
        producer[round] = b->producer_s;
        consumer[round] = b->consumer_s;
        ratios[0][round] = b->producer_s / copy[round];
        ratios[1][round] = b->consumer_s / copy[round];
        ratios[2][round] = wall[round] / copy[round];
        waits[0][round] = (double)b->producer_waits * 1e3 / (double)b->packets;
        waits[1][round] = (double)b->consumer_waits * 1e3 / (double)b->packets;
        sum_sent(b);
        if (b->sent != b->received) {
            fprintf(stderr, "bench-ring: the consumer read something else than was sent\n");
            exit(1);
        }
        ds_ring_finish(&b->ring);
        ds_gate_finish(&b->data);
        ds_gate_finish(&b->room);
    }
    double to_ns = 1e9 / (double)b->packets;
    printf("| %u-%u | %u | %u |", row->least, row->most, row->publish, row->slots);
    print_median(copy, b->rounds, to_ns);
    print_median(producer, b->rounds, to_ns);
    print_median(consumer, b->rounds, to_ns);
    print_median(wall, b->rounds, to_ns);
    for (int i = 0; i < 3; i++)
        print_median(ratios[i], b->rounds, 1);
    for (int i = 0; i < 2; i++)
        print_median(waits[i], b->rounds, 1);
    printf("\n");
    fflush(stdout);
}

static void parse_options(struct bench *b, int argc, char **argv)
{
    static const struct option options[] = {
        {"packets", required_argument, NULL, 'p'}, {"rounds", required_argument, NULL, 'r'}, {0}};
    for (int key; (key = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        unsigned long value = optarg ? strtoul(optarg, NULL, 10) : 0;
        if (value == 0) {
            fprintf(stderr, "usage: bench-ring [--packets N] [--rounds N]\n");
            exit(2);
        }
        if (key == 'p')
            b->packets = value;
        else
            b->rounds = value > ROUNDS_MAX ? ROUNDS_MAX : (unsigned)value;
    }
}

int main(int argc, char **argv)
{
    static struct bench b = {.packets = 10000000, .rounds = 5};
    parse_options(&b, argc, argv);
    b.snaps = malloc((size_t)SNAPS * SNAP_PLACE);
    b.sizes = malloc(SNAPS * sizeof *b.sizes);
    if (!b.snaps || !b.sizes)
        return 1;
    printf("%" PRIu64 " packets through one ring, medians of %u rounds, ns a packet\n\n"
           "| snap bytes | publish every | slots | bare copy | producer CPU | consumer CPU | wall "
           "| producer / copy | consumer / copy | wall / copy | producer waits / 1000 "
           "| consumer waits / 1000 |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n",
           b.packets, b.rounds);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        run_row(&b, &rows[i]);
    free(b.snaps);
    free(b.sizes);
    return 0;
}
