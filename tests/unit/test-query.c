/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions and answers: every figure is compared with one counted by hand from the windows.
 */
#include "darkscope/merge.h"
#include "query-world.h"

#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- series ---- */

static void assert_point(const json_t *p, const struct sums *s, uint64_t sensors, int64_t step)
{
    double observed_s = (double)s->observed_ns / NS;
    assert_true(json_real_value(json_object_get(p, "observed_seconds")) == observed_s);
    assert_true(json_real_value(json_object_get(p, "coverage")) ==
                (double)s->observed_ns / (double)(sensors * (uint64_t)step * NS));
    if (s->windows == 0) {
        assert_true(is_null(p, "packets") && is_null(p, "bytes") && is_null(p, "sources"));
        assert_true(is_null(p, "sources_peak"));
        return;
    }
    assert_int_equal(number(p, "packets"), s->packets);
    assert_int_equal(number(p, "bytes"), s->bytes);
    assert_int_equal(number(p, "survey_packets"), s->survey);
    assert_int_equal(number(p, "sources_peak"), s->peak);
    if (s->rows <= 1)
        assert_int_equal(number(p, "sources"), s->peak);
    else
        assert_true(is_null(p, "sources"));
}

static void assert_port_series(struct world *w, const struct wanted *f, const char *pairs,
                               int64_t step, uint64_t sensors)
{
    json_t *json = answer(w, DS_QUERY_SERIES, pairs);
    json_t *points = json_object_get(json, "points"), *p;
    struct sums total = sum_up(w, f, 0, INT64_MAX);
    int64_t start = START, end = f->sensor && f->sensor[0] == 'a' ? START + 720 : START + 26 * 60;
    if (f->sensor && f->sensor[0] == 'b')
        start = START + 360 - 360 % step;
    size_t i;
    assert_int_equal(json_array_size(points), (end - start + step - 1) / step);
    json_array_foreach(points, i, p)
    {
        int64_t at = start + (int64_t)i * step;
        struct sums s = sum_up(w, f, at, at + step);
        assert_point(p, &s, sensors, step);
    }
    assert_int_equal(number(json_object_get(json, "total"), "packets"), total.packets);
    assert_int_equal(number(json, "step_seconds"), step);
    assert_int_equal(number(json, "sensors"), sensors);
    json_decref(json);
}

static void series_of_a_port(void **state)
{
    struct world *w = *state;
    /* Port 23 is the most frequent one of the samples. */
    struct wanted all = {NULL, -1, DS_PROTO_TCP, 23, -1}, scan = {NULL, 0, DS_PROTO_TCP, 23, -1};
    struct wanted a = {"a", -1, DS_PROTO_TCP, 23, -1}, b = {"b", 0, DS_PROTO_TCP, 23, -1};
    assert_true(sum_up(w, &all, 0, INT64_MAX).packets > 100);
    assert_true(sum_up(w, &scan, 0, INT64_MAX).packets < sum_up(w, &all, 0, INT64_MAX).packets);
    assert_port_series(w, &all, "port=23/tcp step=window", 60, 2);
    assert_port_series(w, &all, "port=23 proto=tcp step=5m", 300, 2);
    assert_port_series(w, &scan, "port=23/tcp class=scan", 60, 2);
    assert_port_series(w, &a, "port=23/tcp sensor=a step=2m", 120, 1);
    assert_port_series(w, &b, "port=23/tcp class=scan sensor=b", 60, 1);
    assert_port_series(w, &b, "port=23/tcp class=scan sensor=b step=hour", 3600, 1);
}

static void series_of_a_port_and_country(void **state)
{
    struct world *w = *state;
    struct wanted f = {NULL, -1, DS_PROTO_TCP, 23, w->windows[0].countries[0].country};
    for (int i = 0; i < COUNT && sum_up(w, &f, 0, INT64_MAX).packets == 0; i++)
        f.country = w->windows[0].countries[i].country;
    char pairs[64], name[3];
    snprintf(pairs, sizeof pairs, "port=23/tcp country=%s",
             ds_country_name((ds_country)f.country, name));
    assert_port_series(w, &f, pairs, 60, 2);
}

/* The figures that come from small tables equal the sums over cells. */
static void series_agree_with_cells(void **state)
{
    static const struct {
        const char *pairs;
        struct wanted wanted;
    } cases[] = {
        {"step=5m", {NULL, -1, -1, -1, -1}},
        {"step=5m class=scan", {NULL, 0, -1, -1, -1}},
        {"step=5m class=backscatter sensor=b", {"b", 1, -1, -1, -1}},
        {"step=5m proto=udp", {NULL, -1, DS_PROTO_UDP, -1, -1}},
        {"step=5m class=scan proto=tcp", {NULL, 0, DS_PROTO_TCP, -1, -1}},
        {"step=5m country=AA", {NULL, -1, -1, -1, DS_COUNTRY('A', 'A')}},
        {"step=5m country=aa class=scan", {NULL, 0, -1, -1, DS_COUNTRY('A', 'A')}},
    };
    struct world *w = *state;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        json_t *json = answer(w, DS_QUERY_SERIES, cases[c].pairs);
        json_t *total = json_object_get(json, "total"), *p;
        struct sums all = sum_up(w, &cases[c].wanted, 0, INT64_MAX);
        size_t i;
        assert_true(all.packets > 0);
        assert_int_equal(number(total, "packets"), all.packets);
        assert_int_equal(number(total, "bytes"), all.bytes);
        json_array_foreach(json_object_get(json, "points"), i, p)
        {
            int64_t at = START + (int64_t)i * 300;
            if (cases[c].wanted.sensor)
                at += 300; /* b begins in the second point */
            struct sums s = sum_up(w, &cases[c].wanted, at, at + 300);
            if (s.windows == 0)
                assert_true(is_null(p, "packets"));
            else
                assert_int_equal(number(p, "packets"), s.packets);
        }
        json_decref(json);
    }
}

static void gaps_reach_both_ends(void **state)
{
    json_t *json =
        answer(*state, DS_QUERY_SERIES,
               "from=2025-12-31T23:57:30Z to=2026-01-01T00:30:00Z step=window class=scan");
    json_t *points = json_object_get(json, "points"), *p;
    size_t i;
    assert_string_equal(json_string_value(json_object_get(json, "from")), "2025-12-31T23:57:00Z");
    assert_int_equal(json_array_size(points), 33);
    json_array_foreach(points, i, p)
    {
        bool watched = (i >= 3 && i < 15) || (i >= 23 && i < 29);
        assert_int_equal(is_null(p, "packets"), !watched);
        assert_int_equal(is_null(p, "sources_peak"), !watched);
    }
    json_decref(json);
}

static void sources_are_known_or_null(void **state)
{
    static const struct {
        const char *pairs;
        bool kept, is_estimated;
    } cases[] = {
        {"", true, false},
        {"class=scan", true, false},
        {"country=AA", true, false},
        {"signature=mirai", true, false},
        {"proto=tcp", false, true},
        {"survey=no", false, true},
        {"survey=only port=23/tcp", false, true},
        {"type=udp", false, false},
        {"class=scan survey=no", false, false},
        {"country=AA class=scan", false, false},
    };
    struct world *w = *state;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        json_t *json = answer(w, DS_QUERY_SERIES, cases[c].pairs);
        json_t *first = json_array_get(json_object_get(json, "points"), 0);
        json_t *two = json_array_get(json_object_get(json, "points"), 6);
        assert_int_equal(json_object_get(first, "sources") != NULL,
                         cases[c].kept || cases[c].is_estimated);
        assert_int_equal(json_object_get(first, "sources_peak") != NULL, cases[c].kept);
        if (cases[c].kept && c != 2) {
            assert_true(number(first, "sources") == number(first, "sources_peak"));
            assert_true(is_null(two, "sources"));
            assert_true(number(two, "sources_peak") > 0);
        }
        json_decref(json);
    }
    json_t *json = answer(w, DS_QUERY_SERIES, "to=2026-01-01T00:01:00Z sensor=a");
    json_t *point = json_array_get(json_object_get(json, "points"), 0);
    assert_int_equal(number(point, "sources"), w->windows[0].sources);
    json_decref(json);
}

/* ---- top ---- */

static void assert_top_ports(struct world *w, const struct wanted *f, const char *pairs)
{
    json_t *json = answer(w, DS_QUERY_TOP, pairs);
    json_t *rows = json_object_get(json, "rows"), *other = json_object_get(json, "other"), *row;
    struct sums all = sum_up(w, f, 0, INT64_MAX);
    uint64_t shown = 0, last = UINT64_MAX;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        struct wanted one = {f->sensor,
                             ds_class_parse(json_string_value(json_object_get(row, "class"))),
                             ds_proto_parse(json_string_value(json_object_get(row, "proto"))),
                             (int)number(row, "port"), f->country};
        struct sums s = sum_up(w, &one, 0, INT64_MAX);
        assert_int_equal(number(row, "rank"), i + 1);
        assert_int_equal(number(row, "packets"), s.packets);
        assert_int_equal(number(row, "bytes"), s.bytes);
        assert_int_equal(number(row, "survey_packets"), s.survey);
        assert_int_equal(number(row, "sources_peak"), s.peak);
        if (s.rows == 1)
            assert_int_equal(number(row, "sources"), s.peak);
        else
            assert_true(is_null(row, "sources"));
        assert_true(json_real_value(json_object_get(row, "share")) ==
                    (double)s.packets / (double)all.packets);
        assert_true(s.packets <= last);
        last = s.packets;
        shown += s.packets;
    }
    assert_int_equal(number(json_object_get(json, "total"), "packets"), all.packets);
    assert_int_equal(number(json_object_get(json, "total"), "bytes"), all.bytes);
    assert_int_equal(number(other, "packets") + (json_int_t)shown, all.packets);
    json_decref(json);
}

static void top_ports(void **state)
{
    struct world *w = *state;
    struct wanted all = {NULL, -1, -1, -1, -1}, scan = {NULL, 0, DS_PROTO_UDP, -1, -1};
    struct wanted b = {"b", -1, -1, -1, -1}, aa = {NULL, -1, -1, -1, DS_COUNTRY('A', 'A')};
    assert_top_ports(w, &all, "limit=10");
    assert_top_ports(w, &all, "by=ports limit=10000");
    assert_top_ports(w, &scan, "by=ports class=scan proto=udp");
    assert_top_ports(w, &b, "sensor=b limit=3");
    assert_top_ports(w, &aa, "country=AA limit=50");
}

/* What a row is placed by. */
static json_int_t sources_of(const json_t *row)
{
    return is_null(row, "sources") ? number(row, "sources_peak") : number(row, "sources");
}

static void top_by_sources(void **state)
{
    static const char *const cases[] = {"by=ports",      "by=ports class=scan proto=tcp",
                                        "by=countries",  "by=countries sensor=a",
                                        "by=signatures", "by=devices"};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        char pairs[128];
        json_t *row;
        size_t i;
        snprintf(pairs, sizeof pairs, "%s limit=200", cases[c]);
        json_t *by_packets = answer(*state, DS_QUERY_TOP, pairs);
        snprintf(pairs, sizeof pairs, "%s limit=10 order=sources", cases[c]);
        json_t *json = answer(*state, DS_QUERY_TOP, pairs);
        const json_t *rows = json_object_get(json, "rows");
        assert_string_equal(text(json, "order"), "sources");
        assert_string_equal(text(by_packets, "order"), "packets");
        for (i = 1; i < json_array_size(rows); i++)
            assert_true(sources_of(json_array_get(rows, i - 1)) >=
                        sources_of(json_array_get(rows, i)));
        json_array_foreach(json_object_get(by_packets, "rows"), i, row)
        {
            assert_true(sources_of(row) <= sources_of(json_array_get(rows, 0)));
        }
        assert_int_equal(number(json_object_get(json, "total"), "packets"),
                         number(json_object_get(by_packets, "total"), "packets"));
        json_decref(by_packets);
        json_decref(json);
    }
}

static void top_countries(void **state)
{
    static const struct {
        const char *pairs;
        struct wanted wanted;
    } cases[] = {
        {"by=countries limit=7", {NULL, -1, -1, -1, -1}},
        {"by=countries class=scan", {NULL, 0, -1, -1, -1}},
        {"by=countries port=23/tcp", {NULL, -1, DS_PROTO_TCP, 23, -1}},
        {"by=countries sensor=a limit=1", {"a", -1, -1, -1, -1}},
    };
    struct world *w = *state;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        json_t *json = answer(w, DS_QUERY_TOP, cases[c].pairs), *row;
        json_int_t shown = 0;
        size_t i;
        json_array_foreach(json_object_get(json, "rows"), i, row)
        {
            struct wanted one = cases[c].wanted;
            ds_country country = 0;
            assert_true(
                ds_country_parse(json_string_value(json_object_get(row, "country")), &country));
            one.country = country;
            struct sums s = sum_up(w, &one, 0, INT64_MAX);
            assert_int_equal(number(row, "packets"), s.packets);
            assert_int_equal(number(row, "bytes"), s.bytes);
            shown += number(row, "packets");
        }
        struct sums all = sum_up(w, &cases[c].wanted, 0, INT64_MAX);
        assert_true(i > 0);
        assert_int_equal(shown + number(json_object_get(json, "other"), "packets"), all.packets);
        json_decref(json);
    }
}

static void other_tops_add_up(void **state)
{
    static const char *const by[] = {"by=types", "by=classes", "by=protocols",
                                     "by=classes port=23/tcp", "by=classes country=AA limit=1"};
    static const struct wanted wanted[] = {{NULL, -1, -1, -1, -1},
                                           {NULL, -1, -1, -1, -1},
                                           {NULL, -1, -1, -1, -1},
                                           {NULL, -1, DS_PROTO_TCP, 23, -1},
                                           {NULL, -1, -1, -1, DS_COUNTRY('A', 'A')}};
    struct world *w = *state;
    for (size_t c = 0; c < sizeof by / sizeof by[0]; c++) {
        json_t *json = answer(w, DS_QUERY_TOP, by[c]), *row;
        json_int_t sum = number(json_object_get(json, "other"), "packets");
        size_t i;
        json_array_foreach(json_object_get(json, "rows"), i, row) sum += number(row, "packets");
        assert_true(i > 0);
        assert_int_equal(sum, sum_up(w, &wanted[c], 0, INT64_MAX).packets);
        json_decref(json);
    }
    json_t *json = answer(w, DS_QUERY_TOP, "by=signatures");
    json_t *row = json_array_get(json_object_get(json, "rows"), 0);
    uint64_t mirai = 0;
    for (int i = 0; i < COUNT; i++)
        mirai += w->windows[i].signatures[0].packets;
    assert_string_equal(json_string_value(json_object_get(row, "id")), "mirai");
    assert_int_equal(number(row, "packets"), mirai);
    assert_true(is_null(json, "other"));
    assert_int_equal(number(json_object_get(json, "total"), "packets"), COUNT * 400);
    json_decref(json);
}

static void devices_add_up_over_countries(void **state)
{
    struct world *w = *state;
    const ds_country country = w->windows[0].devices[0].country;
    char pairs[64], name[3];
    snprintf(pairs, sizeof pairs, "by=devices limit=1 country=%s", ds_country_name(country, name));
    for (int all = 0; all < 2; all++) {
        uint64_t packets[DS_DEVICE_COUNT] = {0};
        for (size_t i = 0; i < COUNT; i++)
            for (size_t d = 0; d < w->windows[i].device_count; d++)
                if (all || w->windows[i].devices[d].country == country)
                    packets[w->windows[i].devices[d].device] += w->windows[i].devices[d].packets;
        json_t *json = answer(w, DS_QUERY_TOP, all ? "by=devices" : pairs), *row;
        double shares = 0;
        size_t i;
        json_array_foreach(json_object_get(json, "rows"), i, row)
        {
            int device = ds_device_parse(json_string_value(json_object_get(row, "device")));
            assert_in_range(device, 0, DS_DEVICE_COUNT - 1);
            assert_int_equal(number(row, "packets"), packets[device]);
            shares += json_number_value(json_object_get(row, "sources_share"));
        }
        assert_true(shares > 0.999 && shares < 1.001); /* all rows, whatever the limit */
        json_decref(json);
    }
}

/* ---- summary and lists ---- */

static void summary_adds_windows(void **state)
{
    struct world *w = *state;
    struct ds_window sum;
    json_t *json = answer(w, DS_QUERY_SUMMARY, "");
    uint64_t observed_ns = 0;
    ds_window_init(&sum);
    for (int i = 0; i < COUNT; i++) {
        ds_merge_window(&sum, &w->windows[i], DS_MERGE_SENSORS);
        observed_ns += w->windows[i].observed_ns;
    }
    for (unsigned b = 0; b < DS_BOOK_COUNT; b++)
        assert_int_equal(number(json_object_get(json, "packets"), ds_book_name(b)), sum.books[b]);
    for (unsigned t = 0; t < DS_TYPE_COUNT; t++)
        assert_int_equal(number(json_object_get(json, "types"), ds_type_name(t)), sum.types[t]);
    for (unsigned c = 0; c < DS_CLASS_COUNT; c++) {
        json_t *cls = json_object_get(json_object_get(json, "classes"), ds_class_name(c));
        assert_int_equal(number(cls, "packets"), sum.classes[c].packets);
        assert_int_equal(number(cls, "bytes"), sum.classes[c].bytes);
        assert_int_equal(number(cls, "sources_peak"), sum.classes[c].sources);
        assert_true(is_null(cls, "sources"));
    }
    assert_int_equal(number(json_object_get(json, "protocols"), "6"), sum.protocols[6]);
    assert_int_equal(number(json_object_get(json, "malformed"), "ip_short"),
                     sum.malformed[DS_MALFORMED_IP_SHORT]);
    assert_int_equal(number(json, "bytes"), sum.bytes);
    assert_int_equal(number(json, "sources_peak"), sum.sources);
    assert_true(is_null(json, "sources"));
    assert_int_equal(number(json, "windows"), COUNT);
    assert_int_equal(number(json, "sensors"), 2);
    assert_int_equal(number(json, "addresses"), 512);
    assert_int_equal(json_array_size(json_object_get(json, "ports")), 5);
    assert_true(json_real_value(json_object_get(json, "observed_seconds")) ==
                (double)observed_ns / NS);
    ds_window_finish(&sum);
    json_decref(json);
}

static void summary_of_a_gap_is_null(void **state)
{
    json_t *json =
        answer(*state, DS_QUERY_SUMMARY, "from=2026-01-01T00:13:00Z to=2026-01-01T00:19:00Z");
    assert_int_equal(number(json, "windows"), 0);
    assert_true(is_null(json, "packets") && is_null(json, "bytes") && is_null(json, "types"));
    assert_true(json_real_value(json_object_get(json, "coverage")) == 0);
    json_decref(json);
    json = answer(*state, DS_QUERY_TOP, "from=2026-01-01T00:13:00Z to=2026-01-01T00:19:00Z");
    assert_true(is_null(json, "other") && is_null(json_object_get(json, "total"), "packets"));
    json_decref(json);
}

static void one_window_is_exact(void **state)
{
    struct world *w = *state;
    json_t *json = answer(w, DS_QUERY_SUMMARY, "sensor=a to=2026-01-01T00:01:00Z");
    assert_int_equal(number(json, "sources"), w->windows[0].sources);
    json_decref(json);
    json = answer(w, DS_QUERY_WINDOW, "sensor=a at=2026-01-01T00:06:00Z");
    assert_int_equal(number(json, "sources"), w->windows[6].sources);
    assert_string_equal(json_string_value(json_object_get(json, "sensor")), "a");
    json_decref(json);
    json = answer(w, DS_QUERY_WINDOW, "at=2026-01-01T00:01:00Z");
    assert_int_equal(number(json, "sources"), w->windows[1].sources);
    assert_string_equal(json_string_value(json_object_get(json, "sensor")), "a");
    json_decref(json);
    json = answer(w, DS_QUERY_WINDOW, "at=2026-01-01T00:06:00Z");
    assert_true(is_null(json, "sources") && is_null(json, "sensor"));
    assert_int_equal(json_array_size(json_object_get(json, "sensors")), 2);
    json_t *port = json_array_get(json_object_get(json, "ports"), 0);
    assert_true(is_null(port, "sources"));
    assert_true(number(port, "sources_peak") > 0);
    json_decref(json);
}

static void lists(void **state)
{
    struct world *w = *state;
    json_t *json = answer(w, DS_QUERY_SENSORS, ""), *rows = json_object_get(json, "sensors");
    assert_int_equal(json_array_size(rows), 2);
    json_t *b = json_array_get(rows, 1);
    assert_string_equal(json_string_value(json_object_get(b, "sensor")), "b");
    assert_string_equal(json_string_value(json_object_get(b, "first")), "2026-01-01T00:06:00Z");
    assert_string_equal(json_string_value(json_object_get(b, "end")), "2026-01-01T00:26:00Z");
    assert_int_equal(number(b, "windows"), 12);
    assert_int_equal(number(b, "window_seconds"), 60);
    assert_int_equal(number(b, "counted"), 12 * 400);
    json_decref(json);
    json = answer(w, DS_QUERY_WINDOWS, "limit=23");
    assert_int_equal(json_array_size(json_object_get(json, "windows")), 23);
    assert_non_null(json_string_value(json_object_get(json, "next")));
    json_decref(json);
    json = answer(w, DS_QUERY_WINDOWS, "limit=24");
    assert_true(is_null(json, "next"));
    json_t *row = json_array_get(json_object_get(json, "windows"), 7);
    assert_string_equal(json_string_value(json_object_get(row, "start")), "2026-01-01T00:06:00Z");
    assert_string_equal(json_string_value(json_object_get(row, "sensor")), "b");
    assert_int_equal(number(row, "sources"), w->windows[12].sources);
    json_decref(json);
}

/* ---- windows of other lengths and parts ---- */

static void steps_fit_all_windows(void **state)
{
    struct world *w = *state;
    struct ds_window ten;
    struct ds_error err;
    json_t *json;
    scratch_window(&ten, 99, START + 3600);
    ten.seconds = 450;
    ten.start_s -= ten.start_s % 450;
    scratch_put(&w->scratch, "c", &ten);
    ds_window_finish(&ten);
    assert_int_equal(ask(w, DS_QUERY_SERIES, "step=5m", &json, &err), -1);
    assert_non_null(strstr(err.text, "multiple of 900"));
    json = answer(w, DS_QUERY_SERIES, "step=5m sensor=a");
    json_decref(json);
    json = answer(w, DS_QUERY_SERIES, "step=window");
    assert_int_equal(number(json, "step_seconds"), 900);
    json_decref(json);
    json = answer(w, DS_QUERY_SERIES, "");
    assert_int_equal(number(json, "step_seconds"), 900);
    json_decref(json);
}

static void split_windows_are_not_exact(void **state)
{
    struct world *w = *state;
    json_t *json;
    scratch_put(&w->scratch, "a", &w->windows[0]);
    json = answer(w, DS_QUERY_SUMMARY, "sensor=a to=2026-01-01T00:01:00Z");
    assert_true(is_null(json, "sources"));
    assert_int_equal(number(json, "split_windows"), 1);
    assert_int_equal(number(json, "sources_peak"), w->windows[0].sources);
    json_decref(json);
    json = answer(w, DS_QUERY_WINDOW, "sensor=a at=2026-01-01");
    assert_true(is_null(json, "sources"));
    assert_int_equal(number(json_object_get(json, "packets"), "counted"), 800);
    json_decref(json);
}

/* ---- errors ---- */

static void says_what_is_allowed(void **state)
{
    static const struct {
        enum ds_query_kind kind;
        const char *pairs, *text;
        enum ds_status status;
    } cases[] = {
        {DS_QUERY_SERIES, "colour=red", "it takes port, proto, country", DS_USAGE},
        {DS_QUERY_TOP, "step=5m", "top does not take step", DS_USAGE},
        {DS_QUERY_SENSORS, "from=2026-01-01", "it takes format", DS_USAGE},
        {DS_QUERY_SERIES, "port=70000/tcp", "23/tcp", DS_USAGE},
        {DS_QUERY_SERIES, "port=23", "of which protocol", DS_USAGE},
        {DS_QUERY_SERIES, "port=23/tcp proto=udp", "different protocols", DS_USAGE},
        {DS_QUERY_SERIES, "port=23/tcp port=22/tcp", "twice", DS_USAGE},
        {DS_QUERY_SERIES, "class=scans", "scan, backscatter or other", DS_USAGE},
        {DS_QUERY_SERIES, "type=syn", "tcp_syn", DS_USAGE},
        {DS_QUERY_SERIES, "country=CHN", "two-letter", DS_USAGE},
        {DS_QUERY_SERIES, "from=yesterday", "a time like", DS_USAGE},
        {DS_QUERY_SERIES, "from=1969-12-31", "a time like", DS_USAGE},
        {DS_QUERY_SERIES, "step=0s", "duration", DS_USAGE},
        {DS_QUERY_SERIES, "step=500ms", "duration", DS_USAGE},
        {DS_QUERY_SERIES, "step=367d", "366d", DS_USAGE},
        {DS_QUERY_SERIES, "step=90s", "multiple of 60", DS_USAGE},
        {DS_QUERY_SERIES, "type=udp class=scan", "stand alone", DS_USAGE},
        {DS_QUERY_SERIES, "signature=mirai type=udp", "stand alone", DS_USAGE},
        {DS_QUERY_SERIES, "signature=mirrai", "built in are mirai, masscan, masscan-1024",
         DS_INPUT},
        {DS_QUERY_SERIES, "from=2000-01-01 step=window", "100000", DS_USAGE},
        {DS_QUERY_SERIES, "from=2026-01-02 to=2026-01-02", "before to", DS_USAGE},
        {DS_QUERY_SERIES, "from=2027-01-01", "not given", DS_USAGE},
        {DS_QUERY_SERIES, "sensor=c", "there are: a, b", DS_INPUT},
        {DS_QUERY_TOP, "limit=0", "1 to 10000", DS_USAGE},
        {DS_QUERY_TOP, "order=bytes", "packets or sources", DS_USAGE},
        {DS_QUERY_TOP, "by=types order=sources", "do not count", DS_USAGE},
        {DS_QUERY_TOP, "survey=no order=sources", "do not count", DS_USAGE},
        {DS_QUERY_TOP, "limit=10001", "1 to 10000", DS_USAGE},
        {DS_QUERY_TOP, "limit=-1", "1 to 10000", DS_USAGE},
        {DS_QUERY_TOP, "by=names", "countries", DS_USAGE},
        {DS_QUERY_TOP, "by=types class=scan", "not kept", DS_USAGE},
        {DS_QUERY_WINDOW, "sensor=a", "needs at", DS_USAGE},
        {DS_QUERY_WINDOW, "at=2026-01-01T00:15:00Z", "no window starts", DS_INPUT},
        {DS_QUERY_WINDOW, "at=2026-01-01T00:01:00Z sensor=b", "no window starts", DS_INPUT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ds_error err = {0};
        json_t *json = NULL;
        assert_int_equal(ask(*state, cases[i].kind, cases[i].pairs, &json, &err), -1);
        if (!strstr(err.text, cases[i].text))
            fail_msg("%s: %s", cases[i].pairs, err.text);
        assert_int_equal(err.status, cases[i].status);
    }
}

static void quotes_hostile_text_safely(void **state)
{
    struct ds_query query;
    struct ds_error err;
    char long_text[2000];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = 0;
    ds_query_init(&query, DS_QUERY_SERIES);
    assert_int_equal(ds_query_set(&query, "class", "\033[2J\n\xff", &err), -1);
    for (const char *c = err.text; *c; c++)
        assert_in_range(*c, ' ', '~');
    assert_int_equal(ds_query_set(&query, "sensor", long_text, &err), -1);
    assert_int_equal(ds_query_set(&query, long_text, long_text, &err), -1);
    assert_true(strlen(err.text) < 250);
}

static void empty_store_says_so(void **state)
{
    struct world w = {0};
    struct ds_error err = {0};
    json_t *json = NULL;
    scratch_open(&w.scratch);
    assert_int_equal(ask(&w, DS_QUERY_SUMMARY, "", &json, &err), -1);
    assert_int_equal(err.status, DS_INPUT);
    assert_non_null(strstr(err.text, "no window yet"));
    json = answer(&w, DS_QUERY_SENSORS, "");
    assert_int_equal(json_array_size(json_object_get(json, "sensors")), 0);
    json_decref(json);
    scratch_close(&w.scratch);
}

/* Those that change it have a world of their own. */
#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(series_of_a_port),
        cmocka_unit_test(series_of_a_port_and_country),
        cmocka_unit_test(series_agree_with_cells),
        cmocka_unit_test(gaps_reach_both_ends),
        cmocka_unit_test(sources_are_known_or_null),
        cmocka_unit_test(top_ports),
        cmocka_unit_test(top_by_sources),
        cmocka_unit_test(top_countries),
        cmocka_unit_test(other_tops_add_up),
        cmocka_unit_test(devices_add_up_over_countries),
        cmocka_unit_test(summary_adds_windows),
        cmocka_unit_test(summary_of_a_gap_is_null),
        cmocka_unit_test(one_window_is_exact),
        cmocka_unit_test(lists),
        WORLD_TEST(steps_fit_all_windows),
        WORLD_TEST(split_windows_are_not_exact),
        cmocka_unit_test(says_what_is_allowed),
        cmocka_unit_test(quotes_hostile_text_safely),
        cmocka_unit_test(empty_store_says_so),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
