/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers as text and in pages: what is printed row by row is what is built whole, CSV has the same
 * figures, and pages add up to the whole.
 */
#include "query-world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct text {
    char *bytes;
    size_t used;
    size_t most; /* then it wants no more; 0: any */
};

static int append(void *arg, const char *bytes, size_t size)
{
    struct text *t = arg;
    if (t->most && t->used + size > t->most)
        return -1;
    t->bytes = realloc(t->bytes, t->used + size + 1);
    assert_non_null(t->bytes);
    memcpy(t->bytes + t->used, bytes, size);
    t->used += size;
    t->bytes[t->used] = 0;
    return 0;
}

static struct text print(struct world *w, enum ds_query_kind kind, const char *pairs)
{
    struct text t = {0};
    struct ds_query query;
    struct ds_error err;
    ds_query_init(&query, kind);
    if (set_pairs(&query, pairs, &err) < 0 ||
        ds_query_print(&query, w->scratch.store, append, &t, &err) < 0)
        fail_msg("%s: %s", pairs, err.text);
    return t;
}

static const struct {
    enum ds_query_kind kind;
    const char *pairs;
} questions[] = {
    {DS_QUERY_SERIES, "port=23/tcp"},
    {DS_QUERY_SERIES, "step=5m type=udp"},
    {DS_QUERY_SERIES, "port=23/tcp,22/tcp compare=previous step=5m"},
    {DS_QUERY_TOP, ""},
    {DS_QUERY_TOP, "by=signatures limit=3"},
    {DS_QUERY_SUMMARY, ""},
    {DS_QUERY_SENSORS, ""},
    {DS_QUERY_WINDOWS, ""},
    {DS_QUERY_WINDOWS, "from=2027-01-01 to=2028-01-01"},
    {DS_QUERY_WINDOW, "at=2026-01-01"},
    {DS_QUERY_SOURCES, ""},
    {DS_QUERY_ATTACKS, ""},
    {DS_QUERY_SEEN, ""},
};

#define QUESTIONS (sizeof questions / sizeof questions[0])

static void printed_is_built(void **state)
{
    for (size_t i = 0; i < QUESTIONS; i++) {
        struct text t = print(*state, questions[i].kind, questions[i].pairs);
        json_t *printed = json_loads(t.bytes, 0, NULL);
        json_t *built = answer(*state, questions[i].kind, questions[i].pairs);
        char *as_text = json_dumps(built, DS_QUERY_JSON); /* 15 digits, as printed */
        json_t *same = json_loads(as_text, 0, NULL);
        if (!json_equal(printed, same))
            fail_msg("%s: %.300s", questions[i].pairs, t.bytes);
        json_decref(printed);
        json_decref(built);
        json_decref(same);
        free(as_text);
        free(t.bytes);
    }
}

static size_t count(const char *text, char c)
{
    size_t found = 0;
    for (; *text; text++)
        found += *text == c;
    return found;
}

static void csv_has_the_keys_and_figures_of_the_rows(void **state)
{
    static const char *const keys[DS_QUERY_KIND_COUNT] = {
        [DS_QUERY_SERIES] = "points",   [DS_QUERY_TOP] = "rows",     [DS_QUERY_SENSORS] = "sensors",
        [DS_QUERY_WINDOWS] = "windows", [DS_QUERY_SOURCES] = "rows", [DS_QUERY_ATTACKS] = "attacks",
        [DS_QUERY_SEEN] = "rows",
    };
    for (size_t i = 0; i < QUESTIONS; i++) {
        char pairs[200];
        snprintf(pairs, sizeof pairs, "%s format=csv", questions[i].pairs);
        struct text t = print(*state, questions[i].kind, pairs);
        json_t *built = answer(*state, questions[i].kind, questions[i].pairs);
        const char *key = keys[questions[i].kind], *name;
        json_t *rows = key ? json_object_get(built, key) : NULL, *value;
        size_t lines = count(t.bytes ? t.bytes : "", '\n');
        if (json_array_size(rows) > 0) {
            char *line = strtok(t.bytes, "\n"), *at = line;
            assert_int_equal(lines, 1 + json_array_size(rows));
            json_object_foreach(json_array_get(rows, 0), name, value)
            {
                assert_int_equal(strncmp(at, name, strlen(name)), 0);
                at += strlen(name) + 1;
            }
        } else if (!key) {
            assert_int_equal(strncmp(t.bytes, "section,name,packets,", 21), 0);
            assert_true(lines > 30);
        } else {
            assert_int_equal(lines, 0);
        }
        json_decref(built);
        free(t.bytes);
    }
}

static void csv_leaves_empty_what_is_null(void **state)
{
    struct text t = print(*state, DS_QUERY_SERIES, "type=udp step=1m format=csv");
    assert_non_null(strstr(t.bytes, "start,packets,observed_seconds,coverage\n"));
    assert_non_null(strstr(t.bytes, "2026-01-01T00:15:00Z,,0,0\n"));
    free(t.bytes);
}

static void who_wants_no_more_gets_no_more(void **state)
{
    static const enum ds_query_kind kinds[] = {DS_QUERY_SERIES, DS_QUERY_WINDOWS, DS_QUERY_TOP};
    for (size_t i = 0; i < 3; i++) {
        struct world *w = *state;
        struct text t = {.most = 600};
        struct ds_query query;
        struct ds_error err = {0};
        ds_query_init(&query, kinds[i]);
        assert_int_equal(ds_query_print(&query, w->scratch.store, append, &t, &err), -1);
        assert_int_equal(err.status, DS_FAILURE);
        assert_true(t.used <= 600);
        free(t.bytes);
    }
}

/* ---- pages ---- */

/* Follows the next links with so many rows a page; gives all rows. */
static json_t *follow(struct world *w, enum ds_query_kind kind, const char *key, const char *pairs)
{
    json_t *all = json_array();
    char words[400];
    snprintf(words, sizeof words, "%s", pairs);
    for (int pages = 0; pages < 1000; pages++) {
        json_t *json = answer(w, kind, words);
        const char *next = json_string_value(json_object_get(json, "next"));
        json_array_extend(all, json_object_get(json, key));
        if (!next) {
            json_decref(json);
            return all;
        }
        assert_int_equal(strncmp(next, "/api/v1/", 8), 0);
        snprintf(words, sizeof words, "%s", strchr(next, '?') + 1);
        for (char *c = words; *c; c++)
            *c = *c == '&' ? ' ' : *c;
        json_decref(json);
    }
    fail_msg("%s: pages without an end", pairs);
    return NULL;
}

static void pages_add_up(void **state)
{
    static const struct {
        enum ds_query_kind kind;
        const char *key, *whole, *pages;
    } cases[] = {
        {DS_QUERY_WINDOWS, "windows", "limit=1000", "limit=1"},
        {DS_QUERY_WINDOWS, "windows", "limit=1000", "limit=5"},
        {DS_QUERY_WINDOWS, "windows", "sensor=b tz=Asia/Tokyo", "limit=7 sensor=b tz=Asia/Tokyo"},
        {DS_QUERY_WINDOWS, "windows", "from=2026-01-01T00:06Z", "from=2026-01-01T00:06Z limit=3"},
        {DS_QUERY_TOP, "rows", "limit=10000", "limit=30"},
        {DS_QUERY_TOP, "rows", "by=countries limit=1000", "by=countries limit=7"},
        {DS_QUERY_SOURCES, "rows", "limit=10000", "limit=100"},
        {DS_QUERY_SEEN, "rows", "limit=10000", "limit=29"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *whole = answer(*state, cases[i].kind, cases[i].whole);
        json_t *pages = follow(*state, cases[i].kind, cases[i].key, cases[i].pages);
        assert_true(is_null(whole, "next"));
        if (!json_equal(json_object_get(whole, cases[i].key), pages))
            fail_msg("%s: %zu rows of %zu", cases[i].pages, json_array_size(pages),
                     json_array_size(json_object_get(whole, cases[i].key)));
        json_decref(whole);
        json_decref(pages);
    }
}

/* Each page's rows and its other are the total. */
static void other_is_all_that_is_not_on_the_page(void **state)
{
    json_t *json = answer(*state, DS_QUERY_TOP, "limit=10 cursor=25"), *row;
    json_int_t sum = number(json_object_get(json, "other"), "packets");
    size_t i;
    json_array_foreach(json_object_get(json, "rows"), i, row)
    {
        assert_int_equal(number(row, "rank"), 26 + i);
        sum += number(row, "packets");
    }
    assert_int_equal(sum, number(json_object_get(json, "total"), "packets"));
    json_decref(json);
}

/* ---- what is no longer kept ---- */

/* Of windows that are deleted hours and days know the packets, and nobody the sources: that is not
 * "no source in a time that was watched". */
static void sources_of_deleted_windows_are_unknown(void **state)
{
    struct world *w = *state;
    struct ds_store *store = w->scratch.store;
    const struct ds_retention keep = {86400, DS_KEEP_FOR_EVER, DS_KEEP_FOR_EVER};
    struct ds_error err = {0};
    for (int64_t now_s = START + 10 * 86400; now_s < START + 13 * 86400; now_s += 86400)
        while (store->ops->tidy(store, &keep, now_s, &err) == 1)
            ;
    json_t *json = answer(w, DS_QUERY_SOURCES, ""), *total = json_object_get(json, "total");
    assert_int_equal(number(json, "windows_gone"), COUNT);
    assert_true(json_is_false(json_object_get(json, "complete")));
    assert_true(is_null(total, "packets") && is_null(json_object_get(json, "other"), "packets"));
    assert_true(json_real_value(json_object_get(total, "coverage")) == 0);
    json_decref(json);
    struct ds_window late;
    scratch_window(&late, 77, START + 12 * 86400);
    scratch_put(&w->scratch, "a", &late);
    json = answer(w, DS_QUERY_SOURCES, "");
    total = json_object_get(json, "total");
    assert_int_equal(number(json, "windows_gone"), COUNT);
    assert_true(json_is_false(json_object_get(json, "complete")));
    assert_int_equal(number(total, "packets"), late.books[DS_BOOK_COUNTED]);
    assert_true(json_real_value(json_object_get(total, "observed_seconds")) ==
                (double)late.observed_ns / NS);
    json_decref(json);
    json = answer(w, DS_QUERY_SOURCES, "from=2026-01-13");
    assert_int_equal(number(json, "windows_gone"), 0);
    assert_true(json_is_true(json_object_get(json, "complete")));
    json_decref(json);
    ds_window_finish(&late);
}

/* ---- more names than there is room for ---- */

#define WINDOWS_OF_NAMES 5

/* A sensor that names ever new signatures takes nobody's figures away. */
static void names_without_room_are_one_row(void **state)
{
    struct world *w = *state;
    uint64_t packets = 0;
    json_int_t rest = 0;
    bool has_mirai = false;
    size_t i;
    for (unsigned k = 0; k < WINDOWS_OF_NAMES; k++) {
        struct ds_window window;
        scratch_window(&window, 50 + k, START + 3600 + k * 60);
        free(window.signatures);
        window.signatures = calloc(DS_SIGNATURES_MAX, sizeof *window.signatures);
        window.signature_count = DS_SIGNATURES_MAX;
        for (i = 0; i < DS_SIGNATURES_MAX; i++) {
            window.signatures[i] = (struct ds_signature_tally){"", 1, 1, 0};
            snprintf(window.signatures[i].id, sizeof window.signatures[i].id, "0%u-%04zu", k, i);
        }
        packets += DS_SIGNATURES_MAX;
        scratch_put(&w->scratch, "b", &window);
        ds_window_finish(&window);
    }
    json_t *json = answer(w, DS_QUERY_TOP, "by=signatures limit=10000"), *row;
    json_array_foreach(json_object_get(json, "rows"), i, row)
    {
        has_mirai = has_mirai || strcmp(text(row, "id"), "mirai") == 0;
        if (strcmp(text(row, "id"), "**") == 0)
            rest = number(row, "packets");
        else if (text(row, "id")[0] == '0')
            packets -= (uint64_t)number(row, "packets");
    }
    assert_int_equal(i, 4096 - DS_SIGNATURE_COUNT + 2); /* of these mirai alone, and the rest */
    assert_true(rest > 0 && (uint64_t)rest == packets && has_mirai);
    json_decref(json);
    json_decref(answer(w, DS_QUERY_SUMMARY, ""));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
    const struct CMUnitTest tests[] = {
        TEST(printed_is_built),
        TEST(csv_has_the_keys_and_figures_of_the_rows),
        TEST(csv_leaves_empty_what_is_null),
        TEST(who_wants_no_more_gets_no_more),
        TEST(pages_add_up),
        TEST(sources_of_deleted_windows_are_unknown),
        TEST(names_without_room_are_one_row),
        TEST(other_is_all_that_is_not_on_the_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
