/* SPDX-License-Identifier: Apache-2.0
 *
 * Upkeep of the store: kill -9 in the middle of it, damaged, foreign and missing files.
 */
#include "store/care.h"

#include "sample.h"
#include "scratch-store.h"

#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define START    INT64_C(1769731200) /* 2026-01-30 */
#define DAY      INT64_C(86400)
#define LENGTH_S 1800
#define WINDOWS  200 /* four days of half hours */
#define KILLS    4

static const struct ds_retention keep_all = {DS_KEEP_FOR_EVER, DS_KEEP_FOR_EVER, DS_KEEP_FOR_EVER};
static const struct ds_retention keep_a_day = {DAY, DS_KEEP_FOR_EVER, DS_KEEP_FOR_EVER};

static int open_scratch(void **state)
{
    struct scratch *s = malloc(sizeof *s);
    assert_non_null(s);
    scratch_open(s);
    *state = s;
    return 0;
}

static int close_scratch(void **state)
{
    scratch_close(*state);
    free(*state);
    return 0;
}

static void make_window(uint64_t number, struct ds_window *w)
{
    scratch_window(w, number % 5 + 1, START + (int64_t)number * LENGTH_S);
    w->seconds = LENGTH_S;
    sample_sketches(w);
}

/* DS_PUT_COMMITTED or _DUPLICATE, or -1. */
static int put(struct ds_store *store, uint64_t number)
{
    struct ds_window w;
    make_window(number, &w);
    struct ds_store_put p = {
        .sensor = "a", .boot = 1, .sequence = number, .received_s = w.start_s, .window = &w};
    int result = store->ops->put(store, &p, NULL);
    ds_window_finish(&w);
    return result;
}

/* All windows up to this one, with upkeep as an aggregator does it. */
static void fill(struct ds_store *store, uint64_t windows, const struct ds_retention *keep)
{
    struct ds_error err = {0};
    for (uint64_t i = 0; i < windows; i++) {
        assert_true(put(store, i) >= 0);
        if (store->ops->tidy(store, keep, START + (int64_t)i * LENGTH_S, &err) < 0)
            fail_msg("%s", err.text);
    }
    for (int pass = 0; pass < 3; pass++) {
        int64_t now_s = START + (int64_t)windows * LENGTH_S + (1 + pass) * DAY;
        int result;
        while ((result = store->ops->tidy(store, keep, now_s, &err)) == 1)
            ;
        if (result < 0)
            fail_msg("%s", err.text);
    }
}

static struct ds_totals totals_of(struct ds_store *store, int64_t from_s, int64_t to_s)
{
    struct ds_error err = {0};
    struct ds_totals t;
    const struct ds_range range = {from_s, to_s, NULL};
    if (store->ops->totals(store, &range, &t, &err) < 0)
        fail_msg("%s", err.text);
    return t;
}

static int keep_fault(void *arg, const char *name, const char *what)
{
    snprintf(arg, 400, "%s: %s", name, what);
    return 0;
}

static uint64_t check(struct ds_store *store, char text[static 400])
{
    struct ds_error err = {0};
    uint64_t faults = 0;
    text[0] = 0;
    if (ds_store_check(store, keep_fault, text, &faults, &err) < 0)
        fail_msg("%s", err.text);
    return faults;
}

static void assert_sound(struct ds_store *store)
{
    char text[400];
    if (check(store, text) > 0)
        fail_msg("%s", text);
}

static bool exists(const struct scratch *s, const char *name)
{
    char path[2 * SCRATCH_PATH];
    snprintf(path, sizeof path, "%s/%s", s->directory, name);
    return access(path, F_OK) == 0;
}

/* ---- the way of a file ---- */

static void deletes_what_is_old_and_counts_on(void **state)
{
    struct scratch *s = *state;
    fill(s->store, WINDOWS, &keep_a_day);
    assert_false(exists(s, "minutes-2026-01-30.sqlite"));
    assert_true(exists(s, "hours-2026-01.sqlite") && exists(s, "days-2026-02.sqlite"));
    struct ds_totals all = totals_of(s->store, 0, DS_STORE_TIME_MAX);
    assert_int_equal(all.windows, WINDOWS);
    assert_int_equal(all.sum.books[DS_BOOK_COUNTED], WINDOWS * 400);
    assert_sound(s->store);
    for (uint64_t i = 0; i < WINDOWS; i++)
        assert_int_equal(put(s->store, i), DS_PUT_DUPLICATE);
    /* Hours go, too; days stay. */
    const struct ds_retention keep = {DAY, 2 * DAY, DS_KEEP_FOR_EVER};
    struct ds_error err = {0};
    while (s->store->ops->tidy(s->store, &keep, START + 90 * DAY, &err) == 1)
        ;
    assert_false(exists(s, "hours-2026-01.sqlite"));
    assert_int_equal(totals_of(s->store, 0, DS_STORE_TIME_MAX).windows, WINDOWS);
    assert_int_equal(put(s->store, 3), DS_PUT_DUPLICATE);
    assert_sound(s->store);
}

static void packs_a_month_that_is_over(void **state)
{
    struct scratch *s = *state;
    struct ds_error err = {0};
    fill(s->store, WINDOWS, &keep_all);
    struct ds_totals before = totals_of(s->store, 0, DS_STORE_TIME_MAX);
    assert_int_equal(ds_store_repack(s->store, START + 40 * DAY, true, &err), 1);
    assert_int_equal(ds_store_repack(s->store, START + 40 * DAY, false, &err), 1);
    assert_int_equal(ds_store_repack(s->store, START + 40 * DAY, false, &err), 0);
    struct ds_totals after = totals_of(s->store, 0, DS_STORE_TIME_MAX);
    assert_memory_equal(&before, &after, sizeof before);
    assert_sound(s->store);
    /* A window that comes late has it done again. */
    assert_int_equal(put(s->store, WINDOWS + 1), DS_PUT_COMMITTED);
    struct ds_window w;
    make_window(2, &w);
    struct ds_store_put late = {
        .sensor = "b", .boot = 2, .sequence = 1, .received_s = START, .window = &w};
    assert_int_equal(s->store->ops->put(s->store, &late, &err), DS_PUT_COMMITTED);
    ds_window_finish(&w);
    int64_t now_s = START + 50 * DAY;
    for (int i = 0; i < 3; i++, now_s += DAY)
        while (s->store->ops->tidy(s->store, &keep_all, now_s, &err) == 1)
            ;
    assert_int_equal(totals_of(s->store, 0, DS_STORE_TIME_MAX).windows, WINDOWS + 2);
    assert_int_equal(ds_store_repack(s->store, now_s, false, &err), 0);
    assert_sound(s->store);
}

/* A sensor saw nothing in all of a month: that is packed once, and upkeep comes to an end. */
static void packs_a_month_without_packets(void **state)
{
    struct scratch *s = *state;
    struct ds_error err = {0};
    struct ds_window w = {.start_s = START, .seconds = 60, .observed_ns = UINT64_C(60000000000)};
    int passes = 0;
    scratch_put(s, "silent", &w);
    while (passes < 100 && s->store->ops->tidy(s->store, &keep_all, START + 40 * DAY, &err) == 1)
        passes++;
    assert_in_range(passes, 1, 99);
    assert_int_equal(ds_store_repack(s->store, START + 40 * DAY, false, &err), 0);
    assert_int_equal(totals_of(s->store, 0, DS_STORE_TIME_MAX).windows, 1);
    assert_sound(s->store);
}

/* ---- kill -9 ---- */

/* In a process of its own: makes a file as SQLite does, and dies before it is committed. */
static void die_while_making(const char *path)
{
    sqlite3 *db;
    bool failed =
        sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_exec(db,
                     "PRAGMA cache_size = 1; CREATE TABLE t (x); BEGIN; WITH RECURSIVE n(i)"
                     " AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99)"
                     " INSERT INTO t SELECT randomblob(9999) FROM n",
                     NULL, NULL, NULL) != SQLITE_OK;
    _exit(failed);
}

/* Its journal can be rolled back by a writer alone. Until one does, readers take it for empty. */
static void a_file_that_was_never_made_harms_nobody(void **state)
{
    struct scratch *s = *state;
    struct ds_error err = {0};
    struct ds_store *reader;
    char path[2 * SCRATCH_PATH];
    int status;
    assert_true(put(s->store, 1) == DS_PUT_COMMITTED);
    snprintf(path, sizeof path, "%s/days-2026-01.sqlite", s->directory);
    pid_t child = fork();
    if (child == 0)
        die_while_making(path);
    assert_true(waitpid(child, &status, 0) == child && WIFEXITED(status) &&
                WEXITSTATUS(status) == 0);
    assert_true(exists(s, "days-2026-01.sqlite-journal"));
    if (ds_store_open(s->directory, DS_STORE_READ, &reader, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(totals_of(reader, 0, DS_STORE_TIME_MAX).windows, 1);
    ds_store_destroy(reader);
}

/* In a process of its own: puts, sums up, deletes, packs, until it is killed. */
static void live_for_ever(struct scratch *s, int to)
{
    struct ds_error err = {0};
    if (ds_store_open(s->directory, DS_STORE_WRITE, &s->store, &err) < 0)
        _exit(1);
    for (uint64_t i = 0;; i++) {
        uint64_t number = i % WINDOWS;
        int64_t now_s = START + (int64_t)number * LENGTH_S + (i >= WINDOWS ? 30 * DAY : 0);
        if (put(s->store, number) < 0)
            _exit(2);
        if (s->store->ops->tidy(s->store, &keep_a_day, now_s, &err) < 0)
            _exit(3);
        if (write(to, &number, sizeof number) != sizeof number)
            _exit(4);
    }
}

/* Lets it live for so many windows, then kills it. Returns the highest that was committed. */
static uint64_t kill_after(struct scratch *s, uint64_t windows)
{
    int ends[2];
    uint64_t number = 0, highest = 0, seen = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        live_for_ever(s, ends[1]);
    }
    close(ends[1]);
    while (seen < windows && read(ends[0], &number, sizeof number) == sizeof number) {
        seen++;
        highest = number > highest ? number : highest;
    }
    kill(child, SIGKILL);
    while (read(ends[0], &number, sizeof number) == sizeof number)
        highest = number > highest ? number : highest;
    close(ends[0]);
    int status;
    assert_true(waitpid(child, &status, 0) == child);
    assert_true(WIFSIGNALED(status)); /* it had no error of its own */
    assert_true(seen == windows);
    return highest;
}

static void no_kill_changes_a_figure(void **state)
{
    struct scratch *s = *state;
    ds_store_destroy(s->store);
    s->store = NULL;
    uint64_t random = 77, highest = 0;
    for (int i = 0; i < KILLS; i++) {
        uint64_t got = kill_after(s, 20 + sample_random(&random) % (WINDOWS + 40));
        highest = got > highest ? got : highest;
        assert_int_equal(ds_store_open(s->directory, DS_STORE_WRITE, &s->store, NULL), 0);
        assert_sound(s->store);
        /* One more may be committed that it had no time to tell of. */
        assert_in_range(totals_of(s->store, 0, DS_STORE_TIME_MAX).windows, highest + 1,
                        highest + 2);
        ds_store_destroy(s->store);
        s->store = NULL;
    }
    assert_int_equal(ds_store_open(s->directory, DS_STORE_WRITE, &s->store, NULL), 0);
    fill(s->store, WINDOWS, &keep_a_day);
    struct ds_totals all = totals_of(s->store, 0, DS_STORE_TIME_MAX);
    assert_int_equal(all.windows, WINDOWS);
    assert_int_equal(all.split, 0);
    assert_int_equal(all.sum.books[DS_BOOK_COUNTED], WINDOWS * 400);
    assert_sound(s->store);
}

/* ---- kill -9 in the middle of upkeep ---- */

#define UPKEEP_KILLS   16
#define UPKEEP_WAIT_US 60000 /* at most, before a kill: upkeep of it all takes as long */

/* What is to be done about a store that has all its windows: hours, days, months packed anew, and
 * files deleted. One step after the other, and a byte for each. */
static void look_after(struct scratch *s, int to)
{
    struct ds_error err = {0};
    int64_t now_s = START + 40 * DAY;
    if (ds_store_open(s->directory, DS_STORE_WRITE, &s->store, &err) < 0)
        _exit(1);
    for (int pass = 0; pass < 3; pass++, now_s += DAY) {
        int done;
        if (write(to, "t", 1) != 1)
            _exit(4);
        while ((done = s->store->ops->tidy(s->store, &keep_a_day, now_s, &err)) > 0)
            if (write(to, "t", 1) != 1)
                _exit(4);
        if (done < 0)
            _exit(3);
    }
    _exit(0);
}

/* Kills it so many steps later, in the step that follows. True where all was done before. */
static bool kill_in_upkeep(struct scratch *s, unsigned steps, useconds_t wait_us)
{
    int ends[2], status;
    char byte;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        look_after(s, ends[1]);
    }
    close(ends[1]);
    for (unsigned i = 0; i < steps && read(ends[0], &byte, 1) == 1; i++)
        ;
    usleep(wait_us); /* anywhere in the step */
    kill(child, SIGKILL);
    close(ends[0]);
    assert_true(waitpid(child, &status, 0) == child);
    if (WIFEXITED(status))
        assert_int_equal(WEXITSTATUS(status), 0);
    return WIFEXITED(status);
}

static int add_packets(void *arg, const struct ds_top_row *row)
{
    *(uint64_t *)arg += row->figures.packets;
    return 0;
}

/* Of all ports, from cells; and what the small tables say. */
static void assert_sums(struct ds_store *store)
{
    const struct ds_filter all = {0};
    const struct ds_top top = {
        .range = {0, DS_STORE_TIME_MAX, NULL}, .filter = &all, .by = DS_BY_PORT, .limit = SIZE_MAX};
    struct ds_figures total;
    struct ds_error err = {0};
    uint64_t packets = 0;
    if (store->ops->top(store, &top, add_packets, &packets, &total, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(packets, WINDOWS * 400);
    assert_int_equal(totals_of(store, 0, DS_STORE_TIME_MAX).sum.books[DS_BOOK_COUNTED],
                     WINDOWS * 400);
    assert_int_equal(totals_of(store, 0, DS_STORE_TIME_MAX).windows, WINDOWS);
}

static void no_kill_in_upkeep_changes_a_sum(void **state)
{
    struct scratch *s = *state;
    uint64_t random = 78;
    unsigned ended = 0, killed = 0;
    for (int round = 0; ended < 3 && round < UPKEEP_KILLS; round++) {
        if (round == 0)
            for (uint64_t i = 0; i < WINDOWS; i++)
                assert_int_equal(put(s->store, i), DS_PUT_COMMITTED);
        ds_store_destroy(s->store);
        s->store = NULL;
        bool is_done = kill_in_upkeep(s, (unsigned)(sample_random(&random) % 30),
                                      (useconds_t)(sample_random(&random) % UPKEEP_WAIT_US));
        ended += is_done;
        killed += !is_done;
        assert_int_equal(ds_store_open(s->directory, DS_STORE_WRITE, &s->store, NULL), 0);
        assert_sums(s->store); /* at once, before anything is mended */
        assert_sound(s->store);
    }
    assert_true(killed >= 3);
    struct ds_error err = {0};
    for (int64_t now_s = START + 50 * DAY; now_s < START + 53 * DAY; now_s += DAY)
        while (s->store->ops->tidy(s->store, &keep_a_day, now_s, &err) == 1)
            ;
    assert_false(exists(s, "minutes-2026-01-30.sqlite"));
    assert_sums(s->store);
    for (uint64_t i = 0; i < WINDOWS; i++)
        assert_int_equal(put(s->store, i), DS_PUT_DUPLICATE);
    assert_sums(s->store);
    assert_sound(s->store);
}

/* ---- damage ---- */

static void sql(const struct scratch *s, const char *name, const char *text)
{
    char path[2 * SCRATCH_PATH];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/%s", s->directory, name);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static int count_row(void *arg, const struct ds_top_row *row)
{
    return 0;
}

/* Of the ports of a day or some hours; 0, or -1 with the error. */
static int top_of(struct ds_store *store, int64_t from_s, int64_t to_s, struct ds_error *err)
{
    const struct ds_filter filter = {0};
    const struct ds_top top = {.range = {from_s, to_s, NULL}, .filter = &filter, .limit = 3};
    struct ds_figures total;
    return store->ops->top(store, &top, count_row, NULL, &total, err);
}

static void names_damage_and_answers_the_rest(void **state)
{
    static const struct {
        const char *file, *damage, *text;
    } cases[] = {
        /* A bit of a chunk: the second byte of its columns. */
        {"days-2026-01.sqlite",
         "UPDATE day_chunk SET data = substr(data, 1, 20) || x'99' || substr(data, 22) WHERE"
         " start = 1769731200 AND kind = 0",
         "checksum"},
        {"days-2026-01.sqlite",
         "UPDATE day_chunk SET data = substr(data, 1, length(data) - 1) WHERE start = 1769731200"
         " AND kind = 0",
         "checksum"},
        {"days-2026-01.sqlite", "UPDATE day_chunk SET data = x'02' WHERE start = 1769731200",
         "cut"},
        {"days-2026-01.sqlite",
         "UPDATE day_chunk SET data = x'03' || substr(data, 2) WHERE start = 1769731200",
         "version"},
    };
    struct scratch *s = *state;
    struct ds_error err = {0};
    char text[400];
    fill(s->store, WINDOWS, &keep_a_day);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sql(s, cases[i].file, "CREATE TABLE saved AS SELECT * FROM day_chunk");
        sql(s, cases[i].file, cases[i].damage);
        assert_true(check(s->store, text) > 0);
        assert_non_null(strstr(text, cases[i].file));
        assert_int_equal(top_of(s->store, START, START + DAY, &err), -1);
        assert_int_equal(err.status, DS_DATABASE);
        assert_non_null(strstr(err.text, cases[i].file));
        assert_non_null(strstr(err.text, cases[i].text));
        assert_int_equal(top_of(s->store, START + DAY, START + 3 * DAY, &err), 0);
        assert_int_equal(top_of(s->store, START, START + DAY / 2, &err), 0); /* from hours */
        assert_int_equal(totals_of(s->store, 0, DS_STORE_TIME_MAX).windows, WINDOWS);
        sql(s, cases[i].file,
            "DELETE FROM day_chunk; INSERT INTO day_chunk SELECT * FROM saved; DROP TABLE saved");
        assert_sound(s->store);
    }
    sql(s, "hours-2026-01.sqlite",
        "UPDATE hour SET counted = counted + 1, received = received + 1");
    assert_true(check(s->store, text) > 0);
}

static void put_with_sources(struct scratch *s)
{
    struct ds_window w;
    sample_small(&w);
    w.start_s = START + 4 * DAY;
    scratch_put(s, "b", &w);
    ds_window_finish(&w);
}

/* What no sum passes over: sketches and source records. */
static void names_damaged_sketches(void **state)
{
    static const struct {
        const char *file, *table, *damage, *text;
    } cases[] = {
        {"hours-2026-01.sqlite", "hour_sketch", "hosts = hosts * 1.001", "not what it estimates"},
        {"days-2026-01.sqlite", "day_sketch", "hosts = -1", "not what it estimates"},
        {"days-2026-01.sqlite", "day_sketch", "sketch = substr(sketch, 1, 3)", "a sketch"},
        {"days-2026-01.sqlite", "day_sketch", "kind = 'none' WHERE kind = 'protocol'", "its key"},
        {"minutes-2026-02-03.sqlite", "hour_sketch", "hosts = 1e300", "not what it estimates"},
        {"minutes-2026-02-03.sqlite", "window_sketch", "sketches = x'00'", "window_sketch"},
        {"minutes-2026-02-03.sqlite", "window_sources", "records = x'00'", "window_sources"},
    };
    struct scratch *s = *state;
    char text[400], change[200];
    fill(s->store, WINDOWS, &keep_all);
    put_with_sources(s);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(change, sizeof change, "CREATE TABLE saved AS SELECT * FROM %s; UPDATE %s SET %s",
                 cases[i].table, cases[i].table, cases[i].damage);
        sql(s, cases[i].file, change);
        assert_true(check(s->store, text) > 0);
        assert_non_null(strstr(text, cases[i].file));
        assert_non_null(strstr(text, cases[i].text));
        snprintf(change, sizeof change,
                 "DELETE FROM %s; INSERT INTO %s SELECT * FROM saved; DROP TABLE saved",
                 cases[i].table, cases[i].table);
        sql(s, cases[i].file, change);
        assert_sound(s->store);
    }
}

/* They are added to with each day, and are made of its days again where they cannot be read. */
static void mends_the_sums_of_a_month(void **state)
{
    struct scratch *s = *state;
    struct ds_error err = {0};
    char text[400];
    fill(s->store, DAY / LENGTH_S, &keep_all);
    sql(s, "days-2026-01.sqlite", "UPDATE month_chunk SET data = x'02'");
    assert_true(check(s->store, text) > 0);
    fill(s->store, 2 * DAY / LENGTH_S, &keep_all);
    assert_sound(s->store);
    assert_int_equal(top_of(s->store, START - 29 * DAY, START + 2 * DAY, &err), 0);
}

static void does_without_missing_and_foreign_files(void **state)
{
    struct scratch *s = *state;
    struct ds_error err = {0};
    char text[400], path[2 * SCRATCH_PATH];
    fill(s->store, WINDOWS, &keep_a_day);
    ds_store_destroy(s->store);
    s->store = NULL;
    sql(s, "days-2026-02.sqlite", "PRAGMA user_version = 6");
    assert_int_equal(ds_store_open(s->directory, DS_STORE_READ, &s->store, &err), 0);
    assert_int_equal(top_of(s->store, START, START + 2 * DAY, &err), 0);
    assert_int_equal(top_of(s->store, START + 2 * DAY, START + 3 * DAY, &err), -1);
    assert_non_null(strstr(err.text, "days-2026-02.sqlite has version 6"));
    assert_true(check(s->store, text) > 0);
    snprintf(path, sizeof path, "%s/days-2026-02.sqlite", s->directory);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(top_of(s->store, START + 2 * DAY, START + 3 * DAY, &err), 0);
    assert_int_equal(top_of(s->store, START, START + 2 * DAY, &err), 0);
}

#define CARE_TEST(f) cmocka_unit_test_setup_teardown(f, open_scratch, close_scratch)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CARE_TEST(deletes_what_is_old_and_counts_on),
        CARE_TEST(packs_a_month_that_is_over),
        CARE_TEST(packs_a_month_without_packets),
        CARE_TEST(a_file_that_was_never_made_harms_nobody),
        CARE_TEST(no_kill_changes_a_figure),
        CARE_TEST(no_kill_in_upkeep_changes_a_sum),
        CARE_TEST(names_damage_and_answers_the_rest),
        CARE_TEST(names_damaged_sketches),
        CARE_TEST(mends_the_sums_of_a_month),
        CARE_TEST(does_without_missing_and_foreign_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
