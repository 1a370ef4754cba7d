/* SPDX-License-Identifier: Apache-2.0
 *
 * From the times of packets to windows: told as a story of packets and closed windows, then beaten
 * with random times.
 */
#include "packets.h"
#include "timeline.h"

#define S        INT64_C(1000000000)
#define MINUTE   (60 * S)
#define GAP      (DS_TIMELINE_GAP_S * S)
#define NOON     (INT64_C(1700000000) / 3600 * 3600) /* some full hour */
#define T(x)     (NOON * S + (int64_t)((x) * (double)S))
#define LOG_MAX  8000
#define LATENESS (2 * S)

struct log {
    struct ds_timeline timeline;
    struct ds_epoch closed[LOG_MAX];
    size_t count;
};

static void begin(struct log *l, int64_t length_ns)
{
    memset(l, 0, sizeof *l);
    ds_timeline_init(&l->timeline, length_ns, length_ns ? LATENESS : 0);
}

static void take(struct log *l, const struct ds_epoch *e)
{
    assert_true(l->count < LOG_MAX);
    l->closed[l->count++] = *e;
    assert_int_equal(e->number, l->count); /* without holes */
}

static void clock_tick(struct log *l, int64_t time_ns)
{
    struct ds_epoch e;
    while (ds_timeline_advance(&l->timeline, time_ns, &e))
        take(l, &e);
}

/* A packet: its window's number, negative where it is late. */
static int64_t packet(struct log *l, int64_t time_ns)
{
    bool late;
    clock_tick(l, time_ns);
    uint32_t number = ds_timeline_assign(&l->timeline, time_ns, &late);
    assert_true(number > l->count && number <= l->count + DS_TIMELINE_OPEN_MAX);
    return late ? -(int64_t)number : number;
}

static void finish(struct log *l)
{
    struct ds_epoch e;
    while (ds_timeline_finish(&l->timeline, &e))
        take(l, &e);
    assert_false(ds_timeline_finish(&l->timeline, &e));
}

/* start in seconds after NOON */
static void expect(const struct log *l, size_t i, int64_t start, double observed_s)
{
    assert_true(i < l->count);
    assert_true(l->closed[i].start_s == NOON + start);
    assert_true(l->closed[i].observed_ns == (uint64_t)(observed_s * (double)S));
}

static void test_windows_are_aligned(void **state)
{
    static const int64_t lengths_s[] = {1, 5, 60, 900, 3600};
    for (size_t i = 0; i < COUNT(lengths_s); i++) {
        struct log l;
        begin(&l, lengths_s[i] * S);
        l.timeline.lateness_ns = 0;
        assert_int_equal(packet(&l, T(0.25)), 1);
        assert_int_equal(packet(&l, T(0) + lengths_s[i] * S - 1), 1);
        assert_int_equal(packet(&l, T(0) + lengths_s[i] * S), 2);
        finish(&l);
        assert_int_equal(l.count, 2);
        expect(&l, 0, 0, (double)lengths_s[i] - 0.25);
        expect(&l, 1, lengths_s[i], 0);
        assert_int_equal(l.closed[0].seconds, lengths_s[i]);
    }
}

static void test_lateness(void **state)
{
    struct log l;
    begin(&l, MINUTE);
    assert_int_equal(packet(&l, T(10)), 1);
    assert_int_equal(packet(&l, T(60)), 2); /* both are open */
    assert_int_equal(packet(&l, T(59.5)), 1);
    assert_int_equal(packet(&l, T(62) - 1), 2);
    assert_int_equal(l.count, 0);
    assert_int_equal(packet(&l, T(62)), 2); /* the first is over */
    assert_int_equal(l.count, 1);
    assert_int_equal(packet(&l, T(59.5)), -2);
    assert_int_equal(packet(&l, T(60)), 2);
    finish(&l);
    assert_int_equal(l.count, 2);
    expect(&l, 0, 0, 50);
    expect(&l, 1, 60, 2);
}

/* Packets before the first one are late too, and do not move the window. */
static void test_first_is_not_oldest(void **state)
{
    struct log l;
    begin(&l, MINUTE);
    assert_int_equal(packet(&l, T(70)), 1);
    assert_int_equal(packet(&l, T(65)), 1);
    assert_int_equal(packet(&l, T(59)), -1);
    finish(&l);
    assert_int_equal(l.count, 1);
    expect(&l, 0, 60, 0);
}

static void test_short_gap_is_observed(void **state)
{
    struct log l;
    begin(&l, MINUTE);
    packet(&l, T(30));
    packet(&l, T(30) + GAP); /* exactly the limit: silence, but watched */
    finish(&l);
    assert_int_equal(l.count, 61);
    expect(&l, 0, 0, 30);
    for (size_t i = 1; i < 60; i++)
        expect(&l, i, 60 * (int64_t)i, 60);
    expect(&l, 60, 3600, 30);
}

static void test_long_gap_is_a_hole(void **state)
{
    struct log l;
    begin(&l, MINUTE);
    packet(&l, T(30));
    packet(&l, T(40));
    assert_int_equal(packet(&l, T(40) + GAP + 1), 2);
    packet(&l, T(3650));
    finish(&l);
    assert_int_equal(l.count, 2);
    expect(&l, 0, 0, 10);
    assert_true(l.closed[1].start_s == NOON + 3600);
    assert_true(l.closed[1].observed_ns == 10 * S - 1);
}

/* A hole with two windows open: both are closed. */
static void test_hole_behind_two_windows(void **state)
{
    struct log l;
    begin(&l, MINUTE);
    packet(&l, T(59));
    packet(&l, T(61));
    assert_int_equal(packet(&l, T(10000)), 3);
    assert_int_equal(l.count, 2);
    expect(&l, 0, 0, 1);
    expect(&l, 1, 60, 1);
    finish(&l);
    assert_int_equal(l.count, 3);
}

static void test_clock_closes(void **state)
{
    struct log l;
    begin(&l, MINUTE);
    packet(&l, T(10));
    clock_tick(&l, T(61.9));
    assert_int_equal(l.count, 0);
    clock_tick(&l, T(62));
    assert_int_equal(l.count, 1);
    clock_tick(&l, T(182));
    assert_int_equal(l.count, 3);
    assert_int_equal(packet(&l, T(183)), 4);
    finish(&l);
    assert_int_equal(l.count, 4);
    expect(&l, 0, 0, 50);
    expect(&l, 1, 60, 60);
    expect(&l, 2, 120, 60);
    expect(&l, 3, 180, 3);
}

static void test_clock_alone(void **state)
{
    struct log l;
    begin(&l, MINUTE); /* a live capture that sees nothing has watched all the same */
    clock_tick(&l, T(20));
    clock_tick(&l, T(90));
    finish(&l);
    assert_int_equal(l.count, 2);
    expect(&l, 0, 0, 40);
    expect(&l, 1, 60, 30);
    begin(&l, MINUTE);
    finish(&l); /* and one that never began has not */
    assert_int_equal(l.count, 0);
}

/* One timestamp of the year 2106 among good ones costs 63 packets their place, not more. */
static void test_single_far_future(void **state)
{
    struct log l;
    const int64_t far = INT64_C(4294967295) * S;
    int64_t late = 0;
    begin(&l, MINUTE);
    assert_int_equal(packet(&l, T(1)), 1);
    assert_int_equal(packet(&l, far), 2);
    for (int i = 0; i < 100; i++)
        late += packet(&l, T(2 + i * 0.1)) < 0;
    assert_int_equal(late, DS_TIMELINE_BEHIND_MAX - 1);
    finish(&l);
    assert_int_equal(l.count, 3);
    expect(&l, 0, 0, 0);
    assert_true(l.closed[1].start_s == INT64_C(4294967295) / 60 * 60);
    assert_int_equal(l.closed[1].observed_ns, 0);
    expect(&l, 2, 0, 3.6);
}

/* Far back, but not in a row: nothing restarts. Nor does anything less than an hour back. */
static void test_backwards(void **state)
{
    struct log l;
    begin(&l, MINUTE);
    packet(&l, T(7200));
    for (int i = 0; i < 1000; i++)
        assert_int_equal(packet(&l, i % DS_TIMELINE_BEHIND_MAX ? T(0) : T(7201)) < 0,
                         i % DS_TIMELINE_BEHIND_MAX != 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(packet(&l, T(7200) - GAP), -1);
    assert_int_equal(l.count, 0);
    for (int i = 1; i < DS_TIMELINE_BEHIND_MAX; i++)
        assert_int_equal(packet(&l, T(7200) - GAP - 1), -1);
    assert_int_equal(packet(&l, T(7200) - GAP - 1), 2);
    assert_int_equal(l.count, 1);
}

static void test_negative_times(void **state)
{
    struct log l;
    begin(&l, MINUTE);
    assert_int_equal(packet(&l, -1), 1);
    assert_int_equal(packet(&l, 0), 2);
    assert_int_equal(packet(&l, -60 * S), 1);
    assert_int_equal(packet(&l, -60 * S - 1), -1);
    finish(&l);
    assert_int_equal(l.count, 2);
    assert_int_equal(l.closed[0].start_s, -60);
    assert_int_equal(l.closed[0].observed_ns, 1);
    assert_int_equal(l.closed[1].start_s, 0);
}

static void test_whole(void **state)
{
    struct log l;
    begin(&l, 0);
    assert_int_equal(packet(&l, T(10.5)), 1);
    assert_int_equal(packet(&l, T(100000.25)), 1);
    assert_int_equal(packet(&l, T(5.75)), 1); /* in one window nothing is late */
    finish(&l);
    assert_int_equal(l.count, 1);
    assert_true(l.closed[0].start_s == NOON + 5);
    assert_int_equal(l.closed[0].seconds, 99996);
    assert_true(l.closed[0].observed_ns == (uint64_t)(99994.5 * (double)S));
    begin(&l, 0);
    packet(&l, T(3));
    finish(&l);
    assert_int_equal(l.closed[0].seconds, 1);
    begin(&l, 0);
    finish(&l);
    assert_int_equal(l.count, 0);
}

/* Any number may stand in a file. */
static void test_extremes(void **state)
{
    static const int64_t times[] = {INT64_MIN, INT64_MAX, 0, INT64_MAX, INT64_MIN, INT64_MIN + 1};
    static const int64_t lengths_s[] = {0, 1, 3600};
    for (size_t i = 0; i < COUNT(lengths_s); i++) {
        struct log l;
        begin(&l, lengths_s[i] * S);
        l.timeline.lateness_ns = 0;
        for (size_t round = 0; round < 200; round++)
            for (size_t k = 0; k < COUNT(times); k++)
                packet(&l, times[(k + round / DS_TIMELINE_BEHIND_MAX) % COUNT(times)]);
        for (size_t round = 0; round < 200; round++)
            packet(&l, INT64_MIN);
        finish(&l);
        for (size_t k = 0; k < l.count; k++)
            assert_true(lengths_s[i] == 0 || l.closed[k].observed_ns <= (uint64_t)lengths_s[i] * S);
    }
    struct log l;
    begin(&l, 0);
    packet(&l, INT64_MAX);
    packet(&l, INT64_MIN);
    finish(&l);
    assert_int_equal(l.closed[0].seconds, UINT32_MAX); /* 292 years do not fit */
    assert_true(l.closed[0].observed_ns > (uint64_t)INT64_MAX / 10 * 9);
}

/* Times in any order: every packet has a window, windows cannot outgrow the packets and the hours
 * they span, and none is observed for longer than it lasts. */
static void test_shuffled(void **state)
{
    uint64_t seed = 3;
    for (unsigned round = 0; round < 30; round++) {
        struct log l;
        begin(&l, MINUTE);
        const uint32_t span_s = round < 10 ? 120 : round < 20 ? 3600 : 86400;
        for (int i = 0; i < 3000; i++)
            packet(&l, T(draw_below(&seed, span_s)));
        finish(&l);
        assert_true(l.count <= (span_s > 3600 ? 1500 : span_s / 60 + 2));
        for (size_t i = 0; i < l.count; i++)
            assert_true(l.closed[i].observed_ns <= (uint64_t)MINUTE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows_are_aligned),
        cmocka_unit_test(test_lateness),
        cmocka_unit_test(test_first_is_not_oldest),
        cmocka_unit_test(test_short_gap_is_observed),
        cmocka_unit_test(test_long_gap_is_a_hole),
        cmocka_unit_test(test_hole_behind_two_windows),
        cmocka_unit_test(test_clock_closes),
        cmocka_unit_test(test_clock_alone),
        cmocka_unit_test(test_single_far_future),
        cmocka_unit_test(test_backwards),
        cmocka_unit_test(test_negative_times),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_shuffled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
