/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is a survey scanner: the rule at its edges, days, carry-over, bounds; and when the workers
 * learn of it.
 */
#include "darkscope/types.h"
#include "packets.h"
#include "survey.h"
#include "zone.h"

#define PORTS   30
#define PACKETS 256 /* 1.0 for each address of a /24 */
#define DAY     20000

static void make(struct ds_survey *s, uint32_t ports, uint64_t packets,
                 const struct ds_monitor *listed)
{
    struct ds_survey_settings settings = {ports, packets, listed};
    assert_int_equal(ds_survey_init(s, &settings), 0);
}

/* What a source did in a window: so many packets, to TCP ports first .. first + count - 1. */
struct visit {
    uint32_t address;
    uint64_t packets;
    uint16_t first, count;
};

static void window(struct ds_survey *s, int64_t day, const struct visit *visits, size_t count)
{
    struct ds_survey_census census = {0};
    for (size_t i = 0; i < count; i++)
        ds_survey_census_add(&census, visits[i].packets);
    ds_survey_begin(s, day, 60, &census);
    for (size_t i = 0; i < count; i++) {
        uint32_t c = ds_survey_source(s, visits[i].address, visits[i].packets);
        for (uint16_t port = 0; c != DS_SURVEY_NOBODY && port < visits[i].count; port++)
            ds_survey_port(s, c, DS_PROTO_TCP, (uint16_t)(visits[i].first + port));
    }
    ds_survey_end(s);
}

static bool is_judged(uint64_t packets, uint16_t ports)
{
    struct ds_survey s;
    make(&s, PORTS, PACKETS, NULL);
    window(&s, DAY, &(struct visit){1, packets, 1000, ports}, 1);
    bool judged = ds_survey_is_known(&s, 1);
    assert_int_equal(s.judged_count, judged);
    ds_survey_finish(&s);
    return judged;
}

static void test_edges(void **state)
{
    assert_true(is_judged(PACKETS, PORTS));
    assert_false(is_judged(PACKETS, PORTS - 1));
    assert_false(is_judged(PACKETS - 1, PORTS));
    assert_true(is_judged(PACKETS + 1, 65535));
}

/* Packets and ports add up over windows; a port counts once, and once for each protocol. */
static void test_adds_up(void **state)
{
    struct ds_survey s;
    make(&s, PORTS, PACKETS, NULL);
    for (int i = 0; i < 29; i++)
        window(&s, DAY, &(struct visit){7, 9, (uint16_t)(80 + i % 3), 27}, 1);
    assert_false(ds_survey_is_known(&s, 7)); /* 261 packets, 29 ports */
    struct ds_survey_census census = {0};
    ds_survey_census_add(&census, 1);
    ds_survey_begin(&s, DAY, 60, &census);
    uint32_t c = ds_survey_source(&s, 7, 1);
    assert_false(ds_survey_port(&s, c, DS_PROTO_TCP, 80));
    assert_true(ds_survey_port(&s, c, DS_PROTO_UDP, 80));
    ds_survey_end(&s);
    assert_int_equal(s.judged_count, 1);
    assert_int_equal(s.judged[0], 7);
    window(&s, DAY, &(struct visit){7, 9, 80, 27}, 1);
    assert_int_equal(s.judged_count, 0); /* once */
    ds_survey_finish(&s);
}

/* A day's figures end with it; a scanner is known on the next day, too, and not on the third. */
static void test_days(void **state)
{
    struct ds_survey s;
    make(&s, PORTS, PACKETS, NULL);
    const struct visit half = {1, PACKETS / 2, 1, PORTS}, whole = {2, PACKETS, 1, PORTS};
    window(&s, DAY, (struct visit[]){half, whole}, 2);
    assert_true(ds_survey_is_known(&s, 2));
    window(&s, DAY + 1, &half, 1);
    assert_false(ds_survey_is_known(&s, 1)); /* half on each of two days */
    assert_true(ds_survey_is_known(&s, 2));
    window(&s, DAY + 1, &whole, 1);
    assert_int_equal(s.judged_count, 0); /* known already, but from now on until DAY + 2 */
    window(&s, DAY + 2, NULL, 0);
    assert_true(ds_survey_is_known(&s, 2));
    window(&s, DAY + 3, NULL, 0);
    assert_false(ds_survey_is_known(&s, 2));
    assert_int_equal(s.known.used, 0);
    window(&s, DAY + 3, &whole, 1);
    assert_int_equal(s.judged_count, 1);
    window(&s, DAY - 100, NULL, 0); /* time that runs back */
    assert_false(ds_survey_is_known(&s, 2));
    ds_survey_finish(&s);
}

static void test_listed(void **state)
{
    struct ds_monitor *listed;
    struct ds_prefix prefix;
    assert_null(ds_prefix_parse("192.0.2.0/25", &prefix));
    assert_int_equal(ds_monitor_create(&prefix, 1, NULL, 0, &listed, NULL), 0);
    struct ds_survey s;
    make(&s, PORTS, 0, listed);
    window(&s, DAY, &(struct visit){1, 1 << 20, 1, 1000}, 1);
    assert_false(ds_survey_is_known(&s, 1)); /* no number of addresses: no rule */
    assert_true(ds_survey_is_known(&s, 0xc000027f));
    assert_false(ds_survey_is_known(&s, 0xc0000280));
    struct ds_survey_ring r;
    assert_int_equal(ds_survey_ring_init(&r, &s), 0);
    assert_true(ds_survey_has(ds_survey_ring_get(&r, 1), 0xc0000200));
    assert_false(ds_survey_has(ds_survey_ring_get(&r, 1), 0xc0000280));
    ds_survey_ring_finish(&r);
    ds_survey_finish(&s);
    ds_monitor_destroy(listed);
}

/* Slow sources are not followed, unless they were before. */
static void test_hurdle(void **state)
{
    enum { PACE = 1440 * 4 * 10 }; /* a hurdle of 10 packets a minute */
    struct ds_survey s;
    make(&s, 1, PACE, NULL);
    window(&s, DAY, (struct visit[]){{1, 9, 1, 1}, {2, 10, 1, 1}}, 2);
    assert_int_equal(s.candidate_count, 1);
    assert_int_equal(ds_survey_candidate(&s, 0)->address, 2);
    window(&s, DAY, (struct visit[]){{1, PACE - 1, 1, 1}, {2, PACE - 10, 1, 1}}, 2);
    assert_false(ds_survey_is_known(&s, 1));
    assert_true(ds_survey_is_known(&s, 2));
    ds_survey_finish(&s);
}

/* A flood of sources: the hurdle rises so that those with many packets find room, and the small
 * ones are given up at the next window. */
static void test_flood(void **state)
{
    enum { FLOOD = DS_SURVEY_CANDIDATES_MAX + 10, LARGE = 100 };
    struct visit *visits = calloc(FLOOD, sizeof *visits);
    assert_non_null(visits);
    struct ds_survey s;
    make(&s, 1, 1000, NULL);
    for (uint32_t i = 0; i < FLOOD; i++)
        visits[i] = (struct visit){i + 1, i < LARGE ? 1000 : 3, 1, 1};
    window(&s, DAY, visits, FLOOD);
    assert_int_equal(s.candidate_count, LARGE);
    assert_int_equal(s.judged_count, LARGE);
    window(&s, DAY, visits, DS_SURVEY_CANDIDATES_MAX - LARGE);
    assert_int_equal(s.candidate_count, DS_SURVEY_CANDIDATES_MAX - LARGE);
    window(&s, DAY, visits, LARGE);
    assert_int_equal(s.candidate_count, DS_SURVEY_CANDIDATES_MAX / 2);
    assert_int_equal(s.forgotten, DS_SURVEY_CANDIDATES_MAX / 2 - LARGE);
    for (uint32_t i = 0; i < LARGE; i++)
        assert_int_equal(ds_survey_candidate(&s, i)->packets, 3000);
    window(&s, DAY, &(struct visit){1, 1, 1, 1}, 1);
    assert_int_equal(s.candidate_count, DS_SURVEY_CANDIDATES_MAX / 2); /* found again, not added */
    ds_survey_finish(&s);
    free(visits);
}

/* More scanners than there is room for are counted. */
static void test_too_many(void **state)
{
    struct ds_survey s;
    make(&s, 1, 1, NULL);
    for (uint32_t i = 1; i <= DS_SURVEY_KNOWN_MAX; i++)
        assert_true(ds_survey_restore_known(&s, i, DAY));
    assert_false(ds_survey_restore_known(&s, UINT32_MAX, DAY));
    assert_true(ds_survey_restore_known(&s, 1, DAY));
    ds_survey_restore_day(&s, DAY);
    window(&s, DAY, &(struct visit){UINT32_MAX, 1, 1, 1}, 1);
    assert_int_equal(s.judged_count, 0);
    assert_int_equal(s.forgotten, 1);
    ds_survey_finish(&s);
}

/* Each window is counted with what was known DS_SURVEY_LAG windows before it. */
static void test_lag(void **state)
{
    struct ds_survey s;
    make(&s, PORTS, PACKETS, NULL);
    struct ds_survey_ring r;
    uint64_t random = 1;
    uint32_t known_at[40] = {0}; /* by window: how many scanners after it */
    assert_int_equal(ds_survey_ring_init(&r, &s), 0);
    assert_null(ds_survey_ring_get(&r, DS_SURVEY_LAG));
    for (uint32_t n = 1; n < COUNT(known_at); n++) {
        uint32_t fresh = draw_below(&random, 3);
        struct visit visits[2] = {{known_at[n - 1] + 1, PACKETS, 1, PORTS},
                                  {known_at[n - 1] + 2, PACKETS, 1, PORTS}};
        window(&s, DAY, visits, fresh);
        known_at[n] = known_at[n - 1] + fresh;
        ds_survey_ring_advance(&r, &s, n);
        for (uint32_t later = n + 1; later <= n + DS_SURVEY_LAG; later++) {
            uint32_t known = later > DS_SURVEY_LAG ? known_at[later - DS_SURVEY_LAG] : 0;
            for (uint32_t address = 1; address <= 2 * COUNT(known_at); address++)
                assert_int_equal(ds_survey_has(ds_survey_ring_get(&r, later), address),
                                 address <= known);
        }
    }
    ds_survey_ring_finish(&r);
    ds_survey_finish(&s);
}

static void test_zone(void **state)
{
    struct ds_error err;
    assert_int_equal(ds_zone_set("UTC", &err), 0);
    assert_int_equal(ds_zone_day(86399), 0);
    assert_int_equal(ds_zone_day(86400), 1);
    assert_int_equal(ds_zone_day(-1), -1);
    if (ds_zone_set("Asia/Tokyo", &err) == 0) { /* needs tzdata */
        assert_int_equal(ds_zone_day(86400 - 9 * 3600 - 1), 0);
        assert_int_equal(ds_zone_day(86400 - 9 * 3600), 1);
    }
    const char *const bad[] = {"", "Nowhere/Land", "../../etc/passwd", "/etc/localtime", "UTC;x"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(ds_zone_set(bad[i], &err), -1);
        assert_int_equal(err.status, DS_CONFIG);
    }
    assert_int_equal(ds_zone_set("UTC", &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edges),  cmocka_unit_test(test_adds_up),
        cmocka_unit_test(test_days),   cmocka_unit_test(test_listed),
        cmocka_unit_test(test_hurdle), cmocka_unit_test(test_flood),
        cmocka_unit_test(test_lag),    cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_zone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
