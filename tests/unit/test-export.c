/* SPDX-License-Identifier: Apache-2.0
 *
 * Exports: rows as text to the last byte, every table by its own description, and figures against
 * the answers of questions.
 */
#include "query-world.h"
#include "query/export.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- text ---- */

static struct ds_export_value text_value(const char *text)
{
    return (struct ds_export_value){.is_null = !text, .text = text};
}

static struct ds_export_value time_value(int64_t ms)
{
    return (struct ds_export_value){.time_ms = ms};
}

static struct ds_export_value count_value(uint64_t count)
{
    return (struct ds_export_value){.count = count};
}

static struct ds_export_value real_value(double real)
{
    return (struct ds_export_value){.real = real};
}

/* A row of the table in the form, of a zone. */
static void assert_row(const char *table, const char *zone, bool is_csv,
                       const struct ds_export_value *values, const char *expected)
{
    struct ds_calendar *calendar;
    struct ds_error err;
    size_t size = 0;
    if (ds_calendar_open(zone, &calendar, &err) < 0)
        fail_msg("%s", err.text);
    const struct ds_export_head head = {ds_export_find(table), calendar};
    struct ds_export_text *text = ds_export_text_create(is_csv, &head);
    assert_non_null(text);
    for (int i = 0; i < 2; i++) { /* what is remembered of a row says the same */
        const char *row = ds_export_text_row(text, values, &size);
        assert_non_null(row);
        if (size != strlen(expected) || memcmp(row, expected, size) != 0)
            fail_msg("%.*s", (int)size, row);
    }
    ds_export_text_destroy(text);
    ds_calendar_close(calendar);
}

/* As the signature of a first-signatures row. */
static void assert_quoted(const char *text, const char *csv, const char *json)
{
    char row[512];
    const struct ds_export_value values[] = {text_value(text), time_value(0), time_value(1500)};
    snprintf(row, sizeof row, "%s,1970-01-01T00:00:00Z,1970-01-01T00:00:01.500Z\n", csv);
    assert_row("first-signatures", "UTC", true, values, row);
    snprintf(row, sizeof row,
             "{\"signature\":%s,\"first\":\"1970-01-01T00:00:00Z\","
             "\"last\":\"1970-01-01T00:00:01.500Z\"}\n",
             json);
    assert_row("first-signatures", "UTC", false, values, row);
}

static void texts_are_quoted(void **state)
{
    assert_quoted("mirai", "mirai", "\"mirai\"");
    assert_quoted("", "\"\"", "\"\""); /* no null */
    assert_quoted("a,b", "\"a,b\"", "\"a,b\"");
    assert_quoted("a\"b", "\"a\"\"b\"", "\"a\\\"b\"");
    assert_quoted("\"", "\"\"\"\"", "\"\\\"\"");
    assert_quoted("a\\b", "a\\b", "\"a\\\\b\"");
    assert_quoted("a b", "a b", "\"a b\"");
    assert_quoted("東京-1", "東京-1", "\"東京-1\"");
    assert_quoted("caf\xc3\xa9,", "\"caf\xc3\xa9,\"", "\"caf\xc3\xa9,\"");
    assert_quoted("a\nb\tc\x7f", "a?b?c?", "\"a?b?c?\""); /* nothing acts on a terminal */
    assert_quoted("a\xff\xc3", "a??", "\"a??\"");         /* no UTF-8 */
}

static void numbers_are_whole(void **state)
{
    const struct ds_export_value values[] = {
        text_value("a"),
        time_value(INT64_C(1767225600000)),
        time_value(INT64_C(1767225600000)),
        time_value(INT64_C(4102444800000)),
        count_value(INT64_MAX),
        count_value(0),
        count_value(UINT64_C(9007199254740993)), /* no double has it */
        count_value(10),
        count_value(UINT64_C(1) << 48),
        real_value(0.1),
        real_value(1),
    };
    assert_row("sensor-list", "Asia/Kolkata", true, values,
               "a,2026-01-01T05:30:00+05:30,2026-01-01T05:30:00+05:30,2100-01-01T05:30:00+05:30,"
               "9223372036854775807,0,9007199254740993,10,281474976710656,0.1,1\n");
    assert_row("sensor-list", "America/New_York", false, values,
               "{\"sensor\":\"a\",\"first\":\"2025-12-31T19:00:00-05:00\","
               "\"end\":\"2025-12-31T19:00:00-05:00\","
               "\"last_received\":\"2099-12-31T19:00:00-05:00\","
               "\"windows\":9223372036854775807,\"window_length\":0,\"received\":9007199254740993,"
               "\"counted\":10,\"dropped\":281474976710656,\"observed\":0.1,\"coverage\":1}\n");
}

static void null_is_not_zero(void **state)
{
    const struct ds_export_value null = {.is_null = true};
    const struct ds_export_value values[] = {
        time_value(0), time_value(60000), null,         null, null, null, null, null,
        null,          real_value(0),     real_value(0)};
    assert_row("infected", "UTC", true, values,
               "1970-01-01T00:00:00Z,1970-01-01T00:01:00Z,,,,,,,,0,0\n");
    assert_row("infected", "UTC", false, values,
               "{\"start\":\"1970-01-01T00:00:00Z\",\"end\":\"1970-01-01T00:01:00Z\","
               "\"country\":null,\"infected\":null,\"infected_kind\":null,\"infected_error\":null,"
               "\"confirmed\":null,\"confirmed_kind\":null,\"confirmed_error\":null,\"observed\":0,"
               "\"coverage\":0}\n");
}

static void heads_have_units(void **state)
{
    struct ds_calendar *calendar;
    struct ds_error err;
    size_t size = 0;
    assert_int_equal(ds_calendar_open("UTC", &calendar, &err), 0);
    const struct ds_export_head head = {ds_export_find("types"), calendar};
    struct ds_export_text *csv = ds_export_text_create(true, &head);
    struct ds_export_text *lines = ds_export_text_create(false, &head);
    const char *line = ds_export_text_head(csv, &size);
    const char expected[] = "start,end,rank,type,packets [packets],share,observed [seconds],"
                            "coverage\n";
    assert_int_equal(size, sizeof expected - 1);
    assert_memory_equal(line, expected, size);
    ds_export_text_head(lines, &size);
    assert_int_equal(size, 0);
    ds_export_text_destroy(csv);
    ds_export_text_destroy(lines);
    ds_calendar_close(calendar);
}

/* ---- every table ---- */

struct text {
    char *bytes;
    size_t used;
};

static int append(void *arg, const char *bytes, size_t size)
{
    struct text *t = arg;
    t->bytes = realloc(t->bytes, t->used + size + 1);
    assert_non_null(t->bytes);
    memcpy(t->bytes + t->used, bytes, size);
    t->used += size;
    t->bytes[t->used] = 0;
    return 0;
}

static struct text print(struct world *w, const char *pairs)
{
    struct text t = {0};
    struct ds_query query;
    struct ds_error err;
    ds_query_init(&query, DS_QUERY_EXPORT);
    if (set_pairs(&query, pairs, &err) < 0 ||
        ds_query_print(&query, w->scratch.store, append, &t, &err) < 0)
        fail_msg("%s: %s", pairs, err.text);
    return t;
}

/* The rows of a table, in JSON. */
static json_t *rows_of(struct world *w, const char *pairs)
{
    struct text t = print(w, pairs);
    json_t *rows = json_array();
    for (char *line = t.bytes, *end; line && *line; line = end + 1) {
        end = strchr(line, '\n');
        assert_non_null(end);
        json_t *row = json_loadb(line, (size_t)(end - line), 0, NULL);
        if (!row)
            fail_msg("%.*s", (int)(end - line), line);
        json_array_append_new(rows, row);
    }
    free(t.bytes);
    return rows;
}

static void assert_typed(const struct ds_export_column *c, const json_t *value)
{
    bool fits = c->type == DS_EXPORT_TEXT || c->type == DS_EXPORT_TIME ? json_is_string(value)
                : c->type == DS_EXPORT_COUNT                           ? json_is_integer(value)
                : c->type == DS_EXPORT_REAL                            ? json_is_number(value)
                                                                       : json_is_boolean(value);
    if (!fits && !(c->null && json_is_null(value)))
        fail_msg("%s", c->name);
}

static void rows_are_as_described(void **state)
{
    const struct ds_export_table *t;
    for (size_t i = 0; (t = ds_export_table(i)); i++) {
        char pairs[64];
        snprintf(pairs, sizeof pairs, "table=%s", t->name);
        json_t *rows = rows_of(*state, pairs), *row;
        size_t r;
        /* The world has neither sources nor attacks. */
        bool is_empty = strcmp(t->name, "attacks") == 0 || strcmp(t->name, "sources") == 0;
        assert_int_equal(json_array_size(rows) == 0, is_empty);
        json_array_foreach(rows, r, row)
        {
            assert_int_equal(json_object_size(row), t->column_count);
            for (size_t c = 0; c < t->column_count; c++)
                assert_typed(ds_export_column(t, c),
                             json_object_get(row, ds_export_column(t, c)->name));
        }
        json_decref(rows);
    }
}

/* No column twice, nothing unexplained; and what is estimated, or a floor, has beside it the column
 * that says so. */
static void descriptions_are_whole(void **state)
{
    const struct ds_export_table *t;
    for (size_t i = 0; (t = ds_export_table(i)); i++) {
        bool has_key = false, has_floor = false, wants_floor = false;
        assert_ptr_equal(ds_export_find(t->name), t);
        assert_true(t->column_count <= DS_EXPORT_COLUMNS_MAX && t->title[0] && t->definition[0]);
        for (size_t c = 0; c < t->column_count; c++) {
            const struct ds_export_column *column = ds_export_column(t, c);
            assert_non_null(column->name);
            assert_true(column->definition[0] && (!column->null || column->null[0]));
            has_key = has_key || ds_export_is_key(t, c);
            has_floor = has_floor || strcmp(column->name, "floor") == 0;
            wants_floor = wants_floor || (column->certainty == DS_EXPORT_IF_FLOOR &&
                                          strcmp(column->name, "bytes") != 0);
            if (column->certainty == DS_EXPORT_STATED)
                assert_non_null(strstr(ds_export_column(t, c + 1)->name, "_kind"));
            for (size_t other = 0; other < c; other++)
                assert_string_not_equal(ds_export_column(t, other)->name, column->name);
        }
        assert_true(has_key && has_floor == wants_floor);
    }
}

/* ---- figures ---- */

static void assert_same_number(const json_t *a, const json_t *b)
{
    assert_int_equal(json_is_null(a), json_is_null(b));
    double difference = json_number_value(a) - json_number_value(b);
    assert_true(fabs(difference) <= 1e-14 * fabs(json_number_value(b))); /* 15 digits */
}

/* A series is the points of the question, also where nobody watched. */
static void series_are_those_of_questions(void **state)
{
    static const char *const filters[] = {
        "step=minute",          "step=2m port=23/tcp",         "step=5m class=scan tz=Asia/Tokyo",
        "step=minute type=udp", "step=5m signature=mirai",     "step=minute country=AA sensor=b",
        "step=5m survey=no",    "step=hour port=23/tcp,22/tcp"};
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        char pairs[128];
        size_t r;
        json_t *row;
        snprintf(pairs, sizeof pairs, "table=series %s", filters[i]);
        json_t *rows = rows_of(*state, pairs), *json = answer(*state, DS_QUERY_SERIES, filters[i]);
        json_t *points = json_object_get(json, "points");
        assert_int_equal(json_array_size(rows), json_array_size(points));
        json_array_foreach(rows, r, row)
        {
            const json_t *point = json_array_get(points, r);
            assert_string_equal(text(row, "start"), text(point, "start"));
            assert_same_number(json_object_get(row, "packets"), json_object_get(point, "packets"));
            if (json_object_get(point, "sources"))
                assert_same_number(json_object_get(row, "sources"),
                                   json_object_get(point, "sources"));
            assert_same_number(json_object_get(row, "observed"),
                               json_object_get(point, "observed_seconds"));
            if (json_object_get(point, "port"))
                assert_int_equal(number(row, "port"), number(point, "port"));
        }
        json_decref(rows);
        json_decref(json);
    }
}

static void a_gap_is_null(void **state)
{
    json_t *rows = rows_of(*state, "table=series step=minute"), *row;
    size_t i, gaps = 0;
    json_array_foreach(rows, i, row)
    {
        bool is_gap = i >= 12 && i < 20;
        gaps += is_gap;
        assert_int_equal(is_null(row, "packets"), is_gap);
        assert_int_equal(is_null(row, "floor"), is_gap);
        assert_int_equal(is_null(row, "active_addresses"), is_gap);
        assert_int_equal(number(row, "windows") == 0, is_gap);
    }
    assert_int_equal(gaps, 8);
    json_decref(rows);
}

/* All of the time as one step is the top table, as far as its limit. */
static void tables_are_those_of_questions(void **state)
{
    static const char *const tables[][2] = {
        {"ports", "by=ports"},     {"countries", "by=countries"}, {"types", "by=types"},
        {"classes", "by=classes"}, {"protocols", "by=protocols"}, {"signatures", "by=signatures"}};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        char pairs[128];
        size_t r;
        json_t *row;
        snprintf(pairs, sizeof pairs, "table=%s step=all limit=7", tables[i][0]);
        json_t *rows = rows_of(*state, pairs);
        snprintf(pairs, sizeof pairs, "%s limit=7", tables[i][1]);
        json_t *json = answer(*state, DS_QUERY_TOP, pairs), *top = json_object_get(json, "rows");
        assert_int_equal(json_array_size(rows), json_array_size(top));
        json_array_foreach(rows, r, row)
        {
            const json_t *other = json_array_get(top, r);
            assert_int_equal(number(row, "rank"), number(other, "rank"));
            assert_int_equal(number(row, "packets"), number(other, "packets"));
            assert_same_number(json_object_get(row, "share"), json_object_get(other, "share"));
        }
        json_decref(rows);
        json_decref(json);
    }
}

/* ---- what goes wrong ---- */

static void assert_refused(struct world *w, const char *pairs, enum ds_status status,
                           const char *why)
{
    struct ds_query query;
    struct ds_error err = {.text = ""};
    struct text t = {0};
    ds_query_init(&query, DS_QUERY_EXPORT);
    int failed = set_pairs(&query, pairs, &err);
    if (!failed)
        failed = ds_query_print(&query, w->scratch.store, append, &t, &err);
    assert_int_equal(failed, -1);
    assert_int_equal(err.status, status);
    if (!strstr(err.text, why))
        fail_msg("%s: %s", pairs, err.text);
    assert_int_equal(t.used, 0); /* not even a head */
}

static void wrong_questions_are_refused(void **state)
{
    assert_refused(*state, "step=day", DS_USAGE, "which table? series, ports,");
    assert_refused(*state, "table=port", DS_USAGE, "or sensor-list");
    assert_refused(*state, "table=types port=23/tcp", DS_USAGE, "table types takes no port");
    assert_refused(*state, "table=windows step=day", DS_USAGE, "takes no step");
    assert_refused(*state, "table=ports port=23/tcp,22/tcp", DS_USAGE, "one port");
    assert_refused(*state, "table=series type=udp class=scan", DS_USAGE, "stand alone");
    assert_refused(*state, "table=series signature=none-such", DS_INPUT, "none-such");
    assert_refused(*state, "table=series sensor=c", DS_INPUT, "there are: a, b");
    assert_refused(*state, "table=series format=json", DS_USAGE, "jsonl or csv");
    assert_refused(*state, "table=series step=90s", DS_USAGE, "multiple of 60 s");
    assert_refused(*state, "table=series from=2026-01-02 to=2026-01-01", DS_USAGE, "before to");
}

static int end_after_three(void *arg, const struct ds_export_value *values)
{
    return ++*(int *)arg == 3;
}

static void who_has_enough_gets_no_more(void **state)
{
    struct world *w = *state;
    const struct ds_export_table *t;
    for (size_t i = 0; (t = ds_export_table(i)); i++) {
        int rows = 0;
        struct ds_query query;
        struct ds_error err;
        const struct ds_export_sink sink = {NULL, end_after_three, &rows};
        ds_query_init(&query, DS_QUERY_EXPORT);
        assert_int_equal(ds_query_set(&query, "table", t->name, &err), 0);
        int result = ds_export_run(&query, w->scratch.store, &sink, &err);
        assert_true(rows <= 3);
        assert_int_equal(result, rows == 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_quoted),
        cmocka_unit_test(numbers_are_whole),
        cmocka_unit_test(null_is_not_zero),
        cmocka_unit_test(heads_have_units),
        cmocka_unit_test(descriptions_are_whole),
        cmocka_unit_test_setup_teardown(rows_are_as_described, open_world, close_world),
        cmocka_unit_test_setup_teardown(series_are_those_of_questions, open_world, close_world),
        cmocka_unit_test_setup_teardown(a_gap_is_null, open_world, close_world),
        cmocka_unit_test_setup_teardown(tables_are_those_of_questions, open_world, close_world),
        cmocka_unit_test_setup_teardown(wrong_questions_are_refused, open_world, close_world),
        cmocka_unit_test_setup_teardown(who_has_enough_gets_no_more, open_world, close_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
