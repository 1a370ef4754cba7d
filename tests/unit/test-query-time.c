/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions about time: steps of a zone's calendar, several ports at once, another period beside
 * the first, first sight. Every figure is compared with one counted by hand from the windows.
 */
#include "query-world.h"
#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct wanted telnet = {NULL, -1, DS_PROTO_TCP, 23, -1};

static json_t *row_of(const json_t *answer, const char *key, size_t i)
{
    json_t *row = json_array_get(json_object_get(answer, key), i);
    if (!row)
        fail_msg("%s has no row %zu", key, i);
    return row;
}

/* ---- zones ---- */

static void points_begin_where_the_zone_says(void **state)
{
    static const struct {
        const char *pairs, *start, *step;
        size_t points;
        json_int_t step_s; /* 0: uneven */
    } cases[] = {
        {"step=day tz=Asia/Tokyo", "2026-01-01T00:00:00+09:00", "day", 1, 86400},
        {"step=day tz=America/New_York", "2025-12-31T00:00:00-05:00", "day", 1, 86400},
        {"step=hour tz=Asia/Kolkata", "2026-01-01T05:00:00+05:30", "hour", 1, 3600},
        {"step=week", "2025-12-29T00:00:00Z", "week", 1, 604800},
        {"step=month tz=Asia/Tokyo", "2026-01-01T00:00:00+09:00", "month", 1, 2678400},
        {"step=year tz=America/New_York", "2025-01-01T00:00:00-05:00", "year", 1, 31536000},
        {"step=day tz=Europe/Berlin from=2026-03-28 to=2026-03-31", "2026-03-28T00:00:00+01:00",
         "day", 3, 0},
        {"step=month from=2026-01-01 to=2026-03-01", "2026-01-01T00:00:00Z", "month", 2, 0},
        {"step=10m tz=Asia/Kathmandu", "2026-01-01T05:40:00+05:45", "10m", 4, 600},
        {"step=2d", "2026-01-01T00:00:00Z", "2d", 1, 172800},
        {"step=90m", "2026-01-01T00:00:00Z", "90m", 1, 5400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *json = answer(*state, DS_QUERY_SERIES, cases[i].pairs);
        json_t *points = json_object_get(json, "points");
        assert_string_equal(text(row_of(json, "points", 0), "start"), cases[i].start);
        assert_string_equal(text(json, "step"), cases[i].step);
        assert_int_equal(json_array_size(points), cases[i].points);
        if (cases[i].step_s)
            assert_int_equal(number(json, "step_seconds"), cases[i].step_s);
        else
            assert_true(is_null(json, "step_seconds"));
        json_decref(json);
    }
}

static void figures_are_those_of_the_zones_steps(void **state)
{
    struct world *w = *state;
    /* 05:45 ahead: steps begin at :05, :15, ... of UTC. */
    json_t *json = answer(w, DS_QUERY_SERIES, "port=23/tcp step=10m tz=Asia/Kathmandu"), *point;
    size_t i;
    json_array_foreach(json_object_get(json, "points"), i, point)
    {
        int64_t from = START - 300 + (int64_t)i * 600;
        struct sums s = sum_up(w, &telnet, from, from + 600);
        assert_int_equal(number(point, "packets"), s.packets);
        assert_true(json_real_value(json_object_get(point, "observed_seconds")) ==
                    (double)s.observed_ns / NS);
        assert_true(json_real_value(json_object_get(point, "coverage")) ==
                    (double)s.observed_ns / (2.0 * 600 * NS));
    }
    json_decref(json);
}

static void local_and_absolute_times_are_told_apart(void **state)
{
    static const char *const same[] = {
        "from=2026-01-01T00:06 to=2026-01-01T00:12:00Z",
        "from=2026-01-01T09:06 to=2026-01-01T09:12 tz=Asia/Tokyo",
        "from=2026-01-01T00:06Z to=2026-01-01T09:12 tz=Asia/Tokyo",
        "from=2026-01-01T09:06+09:00 to=2025-12-31T19:12:00-05:00",
    };
    struct sums s = sum_up(*state, &telnet, START + 360, START + 720);
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        char pairs[200];
        snprintf(pairs, sizeof pairs, "port=23/tcp step=6m %s", same[i]);
        json_t *json = answer(*state, DS_QUERY_SERIES, pairs);
        assert_int_equal(json_array_size(json_object_get(json, "points")), 1);
        assert_int_equal(number(row_of(json, "points", 0), "packets"), s.packets);
        json_decref(json);
    }
}

/* ---- several ports ---- */

static void several_ports_are_several_series(void **state)
{
    struct world *w = *state;
    const struct wanted ssh = {NULL, 0, DS_PROTO_TCP, 22, -1},
                        scans = {NULL, 0, DS_PROTO_TCP, 23, -1};
    json_t *json = answer(w, DS_QUERY_SERIES, "port=23/tcp,22/tcp class=scan step=5m"), *point;
    json_t *points = json_object_get(json, "points");
    size_t i, steps = json_array_size(points) / 2;
    assert_int_equal(steps, 6);
    json_array_foreach(points, i, point)
    {
        int64_t from = START + (int64_t)(i % steps) * 300;
        struct sums s = sum_up(w, i < steps ? &scans : &ssh, from, from + 300);
        assert_int_equal(number(point, "port"), i < steps ? 23 : 22);
        if (s.windows > 0)
            assert_int_equal(number(point, "packets"), s.packets);
        else
            assert_true(is_null(point, "packets"));
    }
    json_t *total = row_of(json, "totals", 1);
    assert_int_equal(number(total, "port"), 22);
    assert_int_equal(number(total, "packets"), sum_up(w, &ssh, 0, INT64_MAX).packets);
    json_decref(json);
}

/* ---- another period ---- */

static void series_stand_beside_the_period_before(void **state)
{
    struct world *w = *state;
    json_t *json = answer(w, DS_QUERY_SERIES,
                          "port=23/tcp step=1m from=2026-01-01T00:06 to=2026-01-01T00:12 "
                          "compare=previous");
    json_t *point;
    size_t i;
    assert_string_equal(text(json_object_get(json, "compare"), "from"), "2026-01-01T00:00:00Z");
    json_array_foreach(json_object_get(json, "points"), i, point)
    {
        int64_t then = START + (int64_t)i * 60, now = then + 360;
        struct sums s = sum_up(w, &telnet, now, now + 60), b = sum_up(w, &telnet, then, then + 60);
        assert_int_equal(number(point, "packets"), s.packets);
        assert_int_equal(number(point, "before_packets"), b.packets);
        assert_true(json_real_value(json_object_get(point, "before_coverage")) ==
                    (double)b.observed_ns / (60.0 * NS));
        assert_true(json_real_value(json_object_get(point, "change")) ==
                    (double)s.packets / (double)b.packets - 1);
    }
    json_decref(json);
}

/* As many steps before, which are not as long: March is compared with February. */
static void steps_before_are_those_before(void **state)
{
    static const struct {
        const char *pairs, *before;
    } cases[] = {
        {"step=month from=2026-03-01 to=2026-04-01", "2026-02-01T00:00:00Z"},
        {"step=month from=2026-04-01 to=2026-07-01", "2026-01-01T00:00:00Z"},
        {"step=year from=2024-01-01 to=2025-01-01", "2023-01-01T00:00:00Z"},
        {"step=day from=2026-01-08T12:00 to=2026-01-10T12:00", "2026-01-05T00:00:00Z"},
        {"step=day tz=Europe/Berlin from=2026-03-29 to=2026-03-30", "2026-03-28T00:00:00+01:00"},
        {"step=6h tz=Europe/Berlin from=2025-10-27 to=2025-10-28", "2025-10-26T00:00:00+02:00"},
        {"step=1h tz=Europe/Berlin from=2025-10-27 to=2025-11-03", "2025-10-20T00:00:00+02:00"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char pairs[200];
        snprintf(pairs, sizeof pairs, "port=23/tcp compare=previous %s", cases[i].pairs);
        json_t *json = answer(*state, DS_QUERY_SERIES, pairs);
        assert_string_equal(text(row_of(json, "points", 0), "before_start"), cases[i].before);
        assert_string_equal(text(json_object_get(json, "compare"), "from"), cases[i].before);
        json_decref(json);
    }
}

/* The store is asked for 16,384 points at a time; the second part begins ten minutes after START.
 */
static void parts_of_a_series_are_one(void **state)
{
    struct world *w = *state;
    json_t *json =
        answer(w, DS_QUERY_SERIES, "port=23/tcp step=1m from=2025-12-20T15:06 to=2026-01-01T00:30");
    json_t *points = json_object_get(json, "points");
    size_t watched = 0;
    assert_int_equal(json_array_size(points), 16384 - 10 + 30);
    for (size_t i = 0; i < json_array_size(points); i++) {
        int64_t from = START + ((int64_t)i - (16384 - 10)) * 60;
        struct sums s = sum_up(w, &telnet, from, from + 60);
        json_t *point = json_array_get(points, i);
        assert_int_equal(is_null(point, "packets"), s.windows == 0);
        if (s.windows > 0)
            assert_int_equal(number(point, "packets"), s.packets);
        watched += s.windows > 0;
    }
    assert_int_equal(watched, 18);
    json_decref(json);
}

/* A point alone would be estimated where the others are not. */
static void no_part_of_a_series_is_one_point(void **state)
{
    struct world *w = *state;
    struct ds_window window;
    scratch_window(&window, 97, START + 15 * 60);
    sample_sketches(&window);
    scratch_put(&w->scratch, "a", &window);
    ds_window_finish(&window);
    json_t *json =
        answer(w, DS_QUERY_SERIES, "survey=no step=1m from=2026-01-01T00:15 to=2026-01-01T00:16");
    assert_false(is_null(row_of(json, "points", 0), "sources")); /* it could be */
    json_decref(json);
    json =
        answer(w, DS_QUERY_SERIES, "survey=no step=1m from=2025-12-20T15:11 to=2026-01-01T00:16");
    json_t *points = json_object_get(json, "points");
    size_t count = json_array_size(points);
    assert_int_equal(count, 16384 + 1);
    for (size_t i = count - 3; i < count; i++)
        assert_true(is_null(json_array_get(points, i), "sources"));
    json_decref(json);
}

/* One window of another century, as a wrong clock makes it, does not make a question too large. */
static void a_wrong_clock_costs_nothing(void **state)
{
    struct world *w = *state;
    struct ds_window far;
    scratch_window(&far, 99, INT64_C(4291747200)); /* 2106 */
    scratch_put(&w->scratch, "a", &far);
    ds_window_finish(&far);
    json_t *json = answer(w, DS_QUERY_TOP, "from=2026-01-01 limit=1");
    assert_true(
        number(json_object_get(json, "total"), "packets") >
        (json_int_t)sum_up(w, &(struct wanted){NULL, -1, -1, -1, -1}, 0, INT64_MAX).packets);
    json_decref(json);
}

static void nothing_before_is_not_zero_before(void **state)
{
    json_t *json = answer(*state, DS_QUERY_SERIES, "port=23/tcp step=5m compare=year-ago");
    json_t *point = row_of(json, "points", 0);
    assert_string_equal(text(point, "before_start"), "2025-01-01T00:00:00Z");
    assert_true(is_null(point, "before_packets") && is_null(point, "change"));
    assert_true(json_real_value(json_object_get(point, "before_coverage")) == 0);
    assert_int_equal(number(json_object_get(json, "compare"), "sensors"), 0);
    json_decref(json);
    json = answer(*state, DS_QUERY_TOP, "compare=year-ago limit=1");
    point = row_of(json, "rows", 0);
    assert_true(is_null(point, "before_packets") && is_null(point, "before_rank"));
    assert_true(is_null(point, "before_share") && is_null(point, "change"));
    json_decref(json);
}

/* Each row of the first minutes is looked for in the whole table of those before. */
static void tops_stand_beside_the_period_before(void **state)
{
    struct world *w = *state;
    json_t *now = answer(w, DS_QUERY_TOP,
                         "by=ports limit=40 from=2026-01-01T00:06 to=2026-01-01T00:12 sensor=a "
                         "compare=2026-01-01/2026-01-01T00:06");
    json_t *then = answer(w, DS_QUERY_TOP, "by=ports limit=10000 sensor=a to=2026-01-01T00:06");
    json_t *row, *other;
    size_t i, j, found = 0;
    json_array_foreach(json_object_get(now, "rows"), i, row)
    {
        bool is_there = false;
        json_array_foreach(json_object_get(then, "rows"), j, other)
        {
            if (number(other, "port") != number(row, "port") ||
                strcmp(text(other, "class"), text(row, "class")) != 0 ||
                strcmp(text(other, "proto"), text(row, "proto")) != 0)
                continue;
            is_there = true;
            assert_int_equal(number(row, "before_rank"), number(other, "rank"));
            assert_int_equal(number(row, "before_packets"), number(other, "packets"));
            assert_true(
                json_equal(json_object_get(row, "before_share"), json_object_get(other, "share")));
            assert_true(json_equal(json_object_get(row, "before_sources"),
                                   json_object_get(other, "sources")));
        }
        found += is_there;
        if (!is_there) {
            assert_true(is_null(row, "before_rank") && is_null(row, "change"));
            assert_int_equal(number(row, "before_packets"), 0);
        }
    }
    assert_in_range(found, 5, 40);
    json_decref(now);
    json_decref(then);
}

/* ---- first sight ---- */

static void first_and_last_sight(void **state)
{
    struct world *w = *state;
    json_t *json = answer(w, DS_QUERY_SEEN, "limit=10000"), *row;
    size_t i;
    json_int_t rows = 0;
    const char *before = "";
    json_array_foreach(json_object_get(json, "rows"), i, row)
    {
        const struct wanted port = {NULL, ds_class_parse(text(row, "class")),
                                    ds_proto_parse(text(row, "proto")), (int)number(row, "port"),
                                    -1};
        int64_t first, last;
        assert_true(strcmp(before, text(row, "first")) <= 0);
        before = text(row, "first");
        assert_true(ds_time_parse(before, &first));
        assert_true(ds_time_parse(text(row, "last"), &last));
        assert_int_equal(sum_up(w, &port, 0, first).packets, 0);
        assert_int_not_equal(sum_up(w, &port, first, first + 60).packets, 0);
        assert_int_not_equal(sum_up(w, &port, last, last + 60).packets, 0);
        assert_int_equal(sum_up(w, &port, last + 60, INT64_MAX).packets, 0);
        rows++;
    }
    assert_int_equal(rows, json_array_size(json_object_get(json, "rows")));
    assert_true(rows > 50);
    json_decref(json);
    json = answer(w, DS_QUERY_SEEN, "port=23/tcp class=scan");
    assert_int_equal(json_array_size(json_object_get(json, "rows")), 1);
    json_decref(json);
    json = answer(w, DS_QUERY_SEEN, "by=signatures tz=Asia/Tokyo");
    assert_string_equal(text(row_of(json, "rows", 0), "first"), "2026-01-01T09:00:00+09:00");
    json_decref(json);
}

/* ---- what is refused ---- */

static void says_what_is_allowed(void **state)
{
    static const struct {
        enum ds_query_kind kind;
        const char *pairs, *text;
    } cases[] = {
        {DS_QUERY_SERIES, "tz=Asia/Nowhere", "there is no such zone"},
        {DS_QUERY_SERIES, "tz=../../etc/passwd", "no name of a time zone"},
        {DS_QUERY_SERIES, "step=7h tz=Asia/Tokyo", "a part of a day"},
        {DS_QUERY_SERIES, "step=36h tz=Asia/Tokyo", "a part of a day"},
        {DS_QUERY_SERIES, "from=2026-01-01T00:00Z+01:00", "a time like"},
        {DS_QUERY_SERIES, "from=2026-01-01T00:00+1:00", "a time like"},
        {DS_QUERY_SERIES, "compare=last", "year-ago"},
        {DS_QUERY_SERIES, "compare=2026-01-02/2026-01-01", "must be before"},
        {DS_QUERY_SERIES, "port=1/tcp,2/tcp,", "at most 16"},
        {DS_QUERY_SERIES, "port=1/tcp,2", "of which protocol"},
        {DS_QUERY_SERIES, "port=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17 proto=tcp", "at most 16"},
        {DS_QUERY_SERIES, "from=1970-01-01 step=window", "take a longer step"},
        {DS_QUERY_TOP, "port=1/tcp,2/tcp", "one port"},
        {DS_QUERY_TOP, "cursor=x", "next link"},
        {DS_QUERY_TOP, "cursor=1000001", "take an export"},
        {DS_QUERY_WINDOWS, "cursor=1767225600", "next link"},
        {DS_QUERY_WINDOWS, "cursor=5:a", "next link"},
        {DS_QUERY_SEEN, "by=countries", "ports or signatures"},
        {DS_QUERY_SEEN, "signature=mirai", "by=signatures takes signature"},
        {DS_QUERY_SEEN, "by=signatures class=scan", "by=signatures takes signature"},
        {DS_QUERY_SUMMARY, "format=xml", "json or csv"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ds_error err = {0};
        json_t *json = NULL;
        assert_int_equal(ask(*state, cases[i].kind, cases[i].pairs, &json, &err), -1);
        if (!strstr(err.text, cases[i].text))
            fail_msg("%s: %s", cases[i].pairs, err.text);
        assert_int_equal(err.status, DS_USAGE);
    }
}

/* Windows of an hour do not fit the days of a zone with half hours. */
static void long_windows_do_not_fit_every_zone(void **state)
{
    struct world *w = *state;
    struct ds_window hour;
    struct ds_error err = {0};
    json_t *json = NULL;
    scratch_window(&hour, 99, START + 3600);
    hour.seconds = 3600;
    scratch_put(&w->scratch, "c", &hour);
    ds_window_finish(&hour);
    assert_int_equal(ask(w, DS_QUERY_SERIES, "step=day tz=Asia/Kolkata", &json, &err), -1);
    assert_non_null(strstr(err.text, "inside a stored window"));
    json_decref(answer(w, DS_QUERY_SERIES, "step=day tz=Asia/Tokyo"));
    json_decref(answer(w, DS_QUERY_SERIES, "step=day tz=Asia/Kolkata sensor=a"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
    const struct CMUnitTest tests[] = {
        TEST(points_begin_where_the_zone_says),
        TEST(figures_are_those_of_the_zones_steps),
        TEST(local_and_absolute_times_are_told_apart),
        TEST(several_ports_are_several_series),
        TEST(series_stand_beside_the_period_before),
        TEST(steps_before_are_those_before),
        TEST(parts_of_a_series_are_one),
        TEST(no_part_of_a_series_is_one_point),
        TEST(a_wrong_clock_costs_nothing),
        TEST(nothing_before_is_not_zero_before),
        TEST(tops_stand_beside_the_period_before),
        TEST(first_and_last_sight),
        TEST(says_what_is_allowed),
        TEST(long_windows_do_not_fit_every_zone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
