/* SPDX-License-Identifier: Apache-2.0 */
#include "packets.h"
#include "sampler.h"

#include <stdlib.h>

#define BASE_MS INT64_C(1800000000000) /* 2027, on a slice's edge */
#define SYNS    10000
#define ANSWERS 10

/* What was handed over: samples by type, their weights, and the last counts. */
struct taken {
    unsigned rows[DS_TYPE_COUNT];
    uint64_t weights[DS_TYPE_COUNT];
    unsigned all, countings;
    struct ds_sample last;
    struct ds_live_counts counts;
};

static const uint8_t order[DS_PERMUTATION_KEY] = {7};

static struct ds_monitor *monitor_of(const char *prefix)
{
    struct ds_prefix p;
    struct ds_monitor *m;
    assert_null(ds_prefix_parse(prefix, &p));
    assert_int_equal(ds_monitor_create(&p, 1, NULL, 0, &m, NULL), 0);
    return m;
}

static struct ds_sampler *sampler_of(const struct ds_monitor *m, unsigned workers)
{
    static struct ds_hash_key key;
    key = (struct ds_hash_key){12345, 0x9e3779b97f4a7c15};
    struct ds_sampler *s = aligned_alloc(DS_CACHE_LINE, sizeof *s / DS_CACHE_LINE * DS_CACHE_LINE);
    assert_non_null(s);
    assert_int_equal(ds_sampler_init(s, m, &key, order, workers), 0);
    static const struct ds_live_counts nothing;
    ds_sampler_turn(s, &nothing, BASE_MS);
    return s;
}

static struct taken take(struct ds_sampler *s)
{
    struct taken t = {.all = 0};
    struct ds_slot *slots;
    size_t n;
    while ((n = ds_ring_peek(&s->ring, &slots, DS_SAMPLER_SLOTS)) > 0) {
        for (size_t i = 0; i < n; i++) {
            if (slots[i].kind == DS_SAMPLER_SLOT_COUNTS) {
                memcpy(&t.counts, slots[i].bytes, sizeof t.counts);
                t.countings++;
                continue;
            }
            memcpy(&t.last, slots[i].bytes, sizeof t.last);
            t.rows[t.last.type]++;
            t.weights[t.last.type] += t.last.weight;
            t.all++;
        }
        ds_ring_release(&s->ring, n);
    }
    return t;
}

static struct ds_snap snap_of(const struct bytes *b)
{
    return (struct ds_snap){.bytes = b->data, .captured = (uint16_t)b->count, .is_packet = true};
}

static void destroy(struct ds_sampler *s, struct ds_monitor *m)
{
    ds_sampler_finish(s);
    free(s);
    ds_monitor_destroy(m);
}

/* A flood does not drown the rest, and the weights of each type add up to its packets. */
static void test_strata(void **state)
{
    struct bytes syn = syn4(), answer = syn4();
    answer.data[20 + 13] = 0x12; /* SYN and ACK */
    struct ds_monitor *m = monitor_of("198.18.0.0/15");
    struct ds_sampler *s = sampler_of(m, 1);
    memcpy(syn.data + 16, (uint8_t[]){198, 18, 1, 2}, 4);
    memcpy(answer.data + 16, (uint8_t[]){198, 19, 1, 2}, 4);
    take(s);
    for (int i = 0; i < SYNS; i++) {
        struct ds_snap snaps[2] = {snap_of(&syn), snap_of(&answer)};
        ds_sampler_look(s, snaps, i < ANSWERS ? 2 : 1, NULL, BASE_MS + 7);
    }
    const struct ds_live_counts counted = {.types = {[DS_TYPE_TCP_SYN] = SYNS}, .outside = 3};
    ds_sampler_turn(s, &counted, BASE_MS + DS_LIVE_TICK_MS);
    struct taken t = take(s);
    assert_int_equal(t.all, DS_SAMPLER_ROWS);
    assert_int_equal(t.rows[DS_TYPE_TCP_SYNACK], ANSWERS);
    assert_int_equal(t.weights[DS_TYPE_TCP_SYNACK], ANSWERS);
    assert_int_equal(t.rows[DS_TYPE_TCP_SYN], DS_SAMPLER_ROWS - ANSWERS);
    assert_int_equal(t.weights[DS_TYPE_TCP_SYN], SYNS);
    assert_int_equal(t.countings, 1);
    assert_memory_equal(&t.counts, &counted, sizeof counted);
    /* The next slice begins with nothing. */
    ds_sampler_turn(s, &counted, BASE_MS + 2 * DS_LIVE_TICK_MS);
    assert_int_equal(take(s).all, 0);
    destroy(s, m);
}

/* After a slice of very many only some are looked at, and stand for all. */
static void test_thinning(void **state)
{
    enum { MANY = 64 * DS_SAMPLER_LOOKS };
    struct bytes syn = syn4();
    struct ds_monitor *m = monitor_of("198.18.0.0/15");
    struct ds_sampler *s = sampler_of(m, 1);
    static const struct ds_live_counts counted;
    struct ds_snap snaps[64];
    memcpy(syn.data + 16, (uint8_t[]){198, 18, 1, 2}, 4);
    for (int i = 0; i < 64; i++)
        snaps[i] = snap_of(&syn);
    for (int slice = 1; slice <= 3; slice++) {
        for (int i = 0; i < MANY / 64; i++)
            ds_sampler_look(s, snaps, 64, NULL, BASE_MS);
        uint32_t looks = 0;
        for (int i = 0; i < DS_SAMPLER_STRATA; i++)
            looks += s->strata[i].looks;
        if (slice > 1)
            assert_in_range(looks, DS_SAMPLER_LOOKS - 64, DS_SAMPLER_LOOKS);
        ds_sampler_turn(s, &counted, BASE_MS + slice * DS_LIVE_TICK_MS);
        struct taken t = take(s);
        assert_int_equal(t.all, slice == 1 ? DS_SAMPLER_ROWS : t.all);
        assert_in_range(t.weights[DS_TYPE_TCP_SYN], MANY - 128, MANY + 128);
    }
    destroy(s, m);
}

/* What is told of a packet, and what is not. */
static void test_what_is_told(void **state)
{
    struct bytes syn = syn4();
    struct ds_monitor *m = monitor_of("198.18.0.0/15");
    struct ds_sampler *s = sampler_of(m, 1);
    static const struct ds_live_counts counted;
    memcpy(syn.data + 12, (uint8_t[]){192, 0, 2, 77}, 4);
    memcpy(syn.data + 16, (uint8_t[]){198, 18, 1, 2}, 4);
    memcpy(syn.data + 20, (uint8_t[]){0x9c, 0x40, 0, 23}, 4); /* 40000 to 23 */
    memcpy(syn.data + 24, (uint8_t[]){198, 18, 1, 2}, 4);     /* Mirai's sequence number */
    take(s);
    struct ds_snap snap = snap_of(&syn);
    ds_sampler_look(s, &snap, 1, NULL, BASE_MS + 12);
    ds_sampler_turn(s, &counted, BASE_MS + DS_LIVE_TICK_MS);
    struct taken t = take(s);
    assert_int_equal(t.all, 1);
    assert_int_equal(t.last.source, 0xc0000200);
    assert_int_equal(t.last.source_port, 40000);
    assert_int_equal(t.last.destination_port, 23);
    assert_int_equal(t.last.port, 23);
    assert_int_equal(t.last.proto, DS_PROTO_TCP);
    assert_int_equal(t.last.offset_ms, 12);
    assert_int_equal(t.last.weight, 1);
    assert_true(t.last.signatures & DS_SIGNATURE_BIT(MIRAI));
    struct ds_permutation p;
    ds_permutation_init(&p, order, 1 << 17);
    assert_int_equal(t.last.position, ds_permutation_apply(&p, 0x102) / 2);
    destroy(s, m);
}

/* Packets that are not counted are not shown: to others, broken ones. */
static void test_what_is_not_ours(void **state)
{
    struct bytes syn = syn4(), broken = syn4();
    struct ds_monitor *m = monitor_of("198.18.0.0/15");
    struct ds_sampler *s = sampler_of(m, 1);
    static const struct ds_live_counts counted;
    memcpy(syn.data + 16, (uint8_t[]){198, 20, 0, 1}, 4);
    broken.data[0] = 0x4f; /* a header that is longer than the packet */
    struct ds_snap snaps[] = {snap_of(&syn), snap_of(&broken), {.is_packet = false}};
    take(s);
    ds_sampler_look(s, snaps, 3, NULL, BASE_MS);
    ds_sampler_turn(s, &counted, BASE_MS + DS_LIVE_TICK_MS);
    assert_int_equal(take(s).all, 0);
    destroy(s, m);
}

/* Where nobody takes anything the ring fills, and counting goes on. */
static void test_nobody_takes(void **state)
{
    struct bytes syn = syn4();
    struct ds_monitor *m = monitor_of("198.18.0.0/15");
    struct ds_sampler *s = sampler_of(m, 1);
    static const struct ds_live_counts counted;
    memcpy(syn.data + 16, (uint8_t[]){198, 18, 1, 2}, 4);
    struct ds_snap snap = snap_of(&syn);
    for (int slice = 1; slice <= 2 * DS_SAMPLER_SLOTS; slice++) {
        ds_sampler_look(s, &snap, 1, NULL, BASE_MS);
        ds_sampler_turn(s, &counted, BASE_MS + slice * DS_LIVE_TICK_MS);
    }
    struct taken t = take(s);
    assert_int_equal(t.all + t.countings, DS_SAMPLER_SLOTS);
    destroy(s, m);
}

/* Every packet of a stratum is drawn as often as another. */
static void test_no_packet_is_preferred(void **state)
{
    enum { PACKETS = 100, SLICES = 2000 };
    struct bytes syns[PACKETS];
    struct ds_snap snaps[PACKETS];
    unsigned times[PACKETS] = {0};
    struct ds_monitor *m = monitor_of("198.18.0.0/15");
    struct ds_sampler *s = sampler_of(m, 4); /* a quarter of the rows: not all drawn ones go out */
    static const struct ds_live_counts counted;
    for (int i = 0; i < PACKETS; i++) {
        syns[i] = syn4();
        memcpy(syns[i].data + 16, (uint8_t[]){198, 18, 1, 2}, 4);
        memcpy(syns[i].data + 20, (uint8_t[]){0x80, (uint8_t)i}, 2);
        snaps[i] = snap_of(&syns[i]);
    }
    take(s);
    for (int slice = 1; slice <= SLICES; slice++) {
        ds_sampler_look(s, snaps, PACKETS, NULL, BASE_MS);
        ds_sampler_turn(s, &counted, BASE_MS + slice * DS_LIVE_TICK_MS);
        struct ds_slot *slots;
        size_t n;
        while ((n = ds_ring_peek(&s->ring, &slots, DS_SAMPLER_SLOTS)) > 0) {
            for (size_t i = 0; i < n; i++) {
                struct ds_sample sample;
                memcpy(&sample, slots[i].bytes, sizeof sample);
                if (slots[i].kind == DS_SAMPLER_SLOT_SAMPLE)
                    times[sample.source_port - 0x8000]++;
            }
            ds_ring_release(&s->ring, n);
        }
    }
    /* 8 of 100 in each slice: 160 times each, standard deviation 12; the key is fixed. */
    for (int i = 0; i < PACKETS; i++)
        assert_in_range(times[i], 160 - 60, 160 + 60);
    destroy(s, m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strata),       cmocka_unit_test(test_thinning),
        cmocka_unit_test(test_what_is_told), cmocka_unit_test(test_what_is_not_ours),
        cmocka_unit_test(test_nobody_takes), cmocka_unit_test(test_no_packet_is_preferred),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
