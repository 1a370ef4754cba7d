/* SPDX-License-Identifier: Apache-2.0
 *
 * The SQLite store: what goes in comes out, once; and what is no store is left alone.
 */
#include "darkscope/merge.h"
#include "scratch-store.h"

#include "sample.h"

#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define START INT64_C(1767225600)

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

/* Loads what must be there. */
static struct ds_origin load(struct ds_store *store, int64_t start_s, const char *sensor,
                             struct ds_window *w)
{
    struct ds_error err = {0};
    struct ds_origin origin;
    if (store->ops->load(store, start_s, sensor, w, &origin, &err) != 0)
        fail_msg("not loaded: %s", err.text);
    return origin;
}

static uint64_t counted(struct ds_store *store)
{
    struct ds_totals totals;
    struct ds_range all = {0, DS_STORE_TIME_MAX, NULL};
    assert_int_equal(store->ops->totals(store, &all, &totals, NULL), 0);
    return totals.sum.books[DS_BOOK_COUNTED];
}

static void gives_back_what_was_put(void **state)
{
    struct scratch *s = *state;
    struct ds_window small, large, back;
    sample_small(&small);
    sample_traffic(&large, 3, 20000);
    large.start_s = START + 60;
    scratch_put(s, "tokyo-1", &small);
    scratch_put(s, "tokyo-1", &large);
    struct ds_origin origin = load(s->store, small.start_s, "tokyo-1", &back);
    sample_assert_equal(&back, &small);
    assert_int_equal(origin.parts, 1);
    assert_true(origin.sources_exact);
    ds_window_finish(&back);
    load(s->store, START + 60, NULL, &back);
    sample_assert_equal(&back, &large);
    ds_window_finish(&back);
    struct ds_origin none;
    assert_int_equal(s->store->ops->load(s->store, START + 120, NULL, &back, &none, NULL), 1);
    assert_int_equal(s->store->ops->load(s->store, START, "osaka", &back, &none, NULL), 1);
    ds_window_finish(&small);
    ds_window_finish(&large);
}

static void commits_a_message_once(void **state)
{
    struct scratch *s = *state;
    struct ds_window w;
    sample_small(&w);
    struct ds_store_put put = {.sensor = "a", .boot = UINT64_MAX, .sequence = 1, .window = &w};
    assert_int_equal(s->store->ops->put(s->store, &put, NULL), DS_PUT_COMMITTED);
    assert_int_equal(s->store->ops->put(s->store, &put, NULL), DS_PUT_DUPLICATE);
    /* Nor after a restart, nor from another sensor or boot that only looks alike. */
    ds_store_destroy(s->store);
    s->store = NULL;
    assert_int_equal(ds_store_open(s->directory, DS_STORE_WRITE, &s->store, NULL), 0);
    assert_int_equal(s->store->ops->put(s->store, &put, NULL), DS_PUT_DUPLICATE);
    assert_int_equal(counted(s->store), 8);
    put.sensor = "b";
    assert_int_equal(s->store->ops->put(s->store, &put, NULL), DS_PUT_COMMITTED);
    put.boot = 0;
    w.start_s += 60;
    assert_int_equal(s->store->ops->put(s->store, &put, NULL), DS_PUT_COMMITTED);
    assert_int_equal(counted(s->store), 24);
    ds_window_finish(&w);
}

static void commits_together_all_or_none(void **state)
{
    struct scratch *s = *state;
    struct ds_window w[3];
    struct ds_store_put puts[3];
    for (unsigned i = 0; i < 3; i++) {
        sample_small(&w[i]);
        w[i].start_s = START + i * 60;
        puts[i] =
            (struct ds_store_put){.sensor = "a", .boot = 1, .sequence = i + 1, .window = &w[i]};
    }
    assert_int_equal(s->store->ops->put(s->store, &puts[1], NULL), DS_PUT_COMMITTED);
    assert_false(s->store->ops->put_together(s->store, puts, 3)); /* one is known */
    assert_int_equal(counted(s->store), 8);
    puts[1] = puts[2];
    w[2].start_s = START + 86400;
    assert_false(s->store->ops->put_together(s->store, puts, 2)); /* another day's */
    w[2].start_s = START + 60 * 60;
    w[2].books[DS_BOOK_COUNTED] = UINT64_C(1) << 60;
    assert_false(s->store->ops->put_together(s->store, puts, 2)); /* this is never stored */
    assert_int_equal(counted(s->store), 8);
    w[2].books[DS_BOOK_COUNTED] = w[0].books[DS_BOOK_COUNTED];
    assert_true(s->store->ops->put_together(s->store, puts, 2));
    assert_int_equal(counted(s->store), 24);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(s->store->ops->put(s->store, &puts[i], NULL), DS_PUT_DUPLICATE);
    for (unsigned i = 0; i < 3; i++)
        ds_window_finish(&w[i]);
}

/* What a full spool made of some minutes is added to the one that was stored before. */
static void adds_an_hour_to_its_minutes(void **state)
{
    struct scratch *s = *state;
    struct ds_window minute, hour, back;
    sample_small(&minute);
    sample_small(&hour);
    hour.seconds = 3600;
    hour.merged = 2;
    hour.source_records[0].last = 128;
    hour.attacks[0].packets += 5; /* the same attack, three minutes later */
    scratch_put(s, "b", &hour);
    struct ds_origin origin = load(s->store, START, "b", &back);
    assert_int_equal(origin.parts, 3);
    assert_false(origin.sources_exact);
    ds_window_finish(&back);
    scratch_put(s, "a", &minute);
    scratch_put(s, "a", &hour);
    origin = load(s->store, START, "a", &back);
    assert_int_equal(origin.parts, 4);
    assert_false(origin.sources_exact);
    assert_int_equal(back.seconds, 3600);
    assert_int_equal(back.books[DS_BOOK_COUNTED], 16);
    assert_true(back.observed_ns == 2 * minute.observed_ns);
    assert_int_equal(back.source_records[0].last, 128); /* of the minute: 255 / 60 */
    assert_int_equal(back.attacks[0].packets, hour.attacks[0].packets);
    assert_int_equal(back.attacks[0].window_packets, 2 * hour.attacks[0].window_packets);
    ds_window_finish(&minute);
    ds_window_finish(&hour);
    ds_window_finish(&back);
}

static void adds_parts_of_one_window(void **state)
{
    struct scratch *s = *state;
    struct ds_window a, b, expected, back;
    sample_small(&a);
    scratch_window(&b, 9, a.start_s);
    ds_window_init(&expected);
    ds_merge_window(&expected, &a, DS_MERGE_PARTS);
    ds_merge_window(&expected, &b, DS_MERGE_PARTS);
    scratch_put(s, "tokyo-1", &a);
    scratch_put(s, "tokyo-1", &b);
    struct ds_origin origin = load(s->store, a.start_s, NULL, &back);
    sample_assert_equal(&back, &expected);
    assert_int_equal(origin.parts, 2);
    assert_int_equal(origin.sensors, 1);
    assert_false(origin.sources_exact);
    ds_window_finish(&a);
    ds_window_finish(&b);
    ds_window_finish(&expected);
    ds_window_finish(&back);
}

static void merges_sensors(void **state)
{
    struct scratch *s = *state;
    struct ds_window a, b, expected, back;
    scratch_window(&a, 1, START);
    scratch_window(&b, 2, START);
    ds_window_init(&expected);
    ds_merge_window(&expected, &a, DS_MERGE_SENSORS);
    ds_merge_window(&expected, &b, DS_MERGE_SENSORS);
    scratch_put(s, "a", &a);
    scratch_put(s, "b", &b);
    struct ds_origin origin = load(s->store, START, NULL, &back);
    sample_assert_equal(&back, &expected);
    assert_int_equal(origin.sensors, 2);
    assert_false(origin.sources_exact);
    ds_window_finish(&a);
    ds_window_finish(&b);
    ds_window_finish(&expected);
    ds_window_finish(&back);
}

static void refuses_what_would_be_wrong(void **state)
{
    struct scratch *s = *state;
    for (int fault = 0; fault < 18; fault++) {
        struct ds_window w;
        struct ds_error err = {0};
        sample_small(&w);
        struct ds_store_put put = {.sensor = "a", .boot = 1, .sequence = 1, .window = &w};
        switch (fault) {
        case 0:
            w.start_s += 1;
            break;
        case 1:
            w.start_s = -60;
            break;
        case 2:
            w.start_s = DS_STORE_TIME_MAX + 60 - DS_STORE_TIME_MAX % 60;
            break;
        case 3:
            w.seconds = 0;
            break;
        case 4:
            w.seconds = 7;
            break;
        case 5:
            w.observed_ns = UINT64_C(60000000001);
            break;
        case 6:
            w.books[DS_BOOK_DROPPED_RING] = UINT64_MAX;
            break;
        case 7:
            w.bytes = DS_STORE_FIGURE_MAX + 1;
            break;
        case 8:
            w.cells[1].country = w.cells[0].country;
            break;
        case 9:
            w.cells[0].country = 0xff00;
            break;
        case 10:
            w.cells[3].cls = DS_CLASS_COUNT;
            break;
        case 11:
            w.cells[0].survey_packets = UINT64_MAX;
            break;
        case 12:
            w.countries[1].country = DS_COUNTRY('Z', 'Z');
            break;
        case 13:
            w.signatures[0].id[0] = '\n';
            break;
        case 14:
            memset(w.signatures[0].id, 'a', sizeof w.signatures[0].id);
            break;
        case 15:
            put.sensor = "";
            break;
        case 16:
            put.sequence = UINT64_MAX;
            break;
        case 17:
            w.merged = 1; /* of a minute */
            break;
        }
        assert_int_equal(s->store->ops->put(s->store, &put, &err), DS_PUT_REFUSED);
        assert_true(strlen(err.text) > 0);
        ds_window_finish(&w);
    }
    assert_int_equal(counted(s->store), 0);
}

static void keeps_texts_printable(void **state)
{
    struct scratch *s = *state;
    struct ds_window w, back;
    sample_small(&w);
    strcpy(w.country_db, "evil\033[2J\xff");
    scratch_put(s, "a", &w);
    load(s->store, w.start_s, "a", &back);
    assert_string_equal(back.country_db, "evil?[2J?");
    ds_window_finish(&w);
    ds_window_finish(&back);
}

static void has_one_writer(void **state)
{
    struct scratch *s = *state;
    struct ds_store *second = NULL;
    struct ds_error err = {0};
    assert_int_equal(ds_store_open(s->directory, DS_STORE_WRITE, &second, &err), -1);
    assert_int_equal(err.status, DS_DATABASE);
    assert_non_null(strstr(err.text, "another process"));
    assert_int_equal(ds_store_open(s->directory, DS_STORE_READ, &second, &err), 0);
    struct ds_window w;
    sample_small(&w);
    scratch_put(s, "a", &w);
    assert_int_equal(counted(second), 8);
    ds_store_destroy(second);
    ds_window_finish(&w);
}

/* ---- what is no store ---- */

#define DAY_FILE "minutes-2026-01-01.sqlite" /* that of START */

static void file_path(const struct scratch *s, const char *name, char path[static 5 * SCRATCH_PATH])
{
    snprintf(path, 5 * SCRATCH_PATH, "%s/%s", s->directory, name);
}

static void write_file(const struct scratch *s, const char *name, const void *bytes, size_t size)
{
    char path[5 * SCRATCH_PATH];
    file_path(s, name, path);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

static char *read_file(const struct scratch *s, const char *name, size_t *size)
{
    char path[5 * SCRATCH_PATH];
    file_path(s, name, path);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *bytes = malloc(1 << 20);
    assert_non_null(bytes);
    *size = fread(bytes, 1, 1 << 20, f);
    fclose(f);
    return bytes;
}

/* Neither way of opening works, says text, or changes the file. */
static void assert_left_alone(struct scratch *s, const char *text)
{
    size_t before_size, after_size;
    char *before = read_file(s, DS_STORE_FILE, &before_size);
    for (int mode = DS_STORE_READ; mode <= DS_STORE_WRITE; mode++) {
        struct ds_error err = {0};
        struct ds_store *store = NULL;
        assert_int_equal(ds_store_open(s->directory, (enum ds_store_mode)mode, &store, &err), -1);
        assert_int_equal(err.status, DS_DATABASE);
        if (!strstr(err.text, text))
            fail_msg("%s", err.text);
    }
    char *after = read_file(s, DS_STORE_FILE, &after_size);
    assert_int_equal(before_size, after_size);
    assert_memory_equal(before, after, after_size);
    free(before);
    free(after);
}

static void sql(const struct scratch *s, const char *name, const char *text)
{
    char path[5 * SCRATCH_PATH];
    sqlite3 *db;
    file_path(s, name, path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* Columns that someone changed are an error, not figures. */
static void tells_damaged_sources(void **state)
{
    static const char *const damages[] = {
        "UPDATE window_sources SET records = x'00'",
        "UPDATE window_sources SET format = 9",
        "UPDATE window_sources SET marks = 'mirai'",
        "UPDATE window_sources SET marks = 'mirai,,zmap'",
    };
    struct scratch *s = *state;
    struct ds_window w;
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        struct ds_error err = {0};
        struct ds_origin origin;
        sample_small(&w);
        w.start_s += (int64_t)i * 60;
        scratch_put(s, "s1", &w);
        sql(s, DAY_FILE, damages[i]);
        ds_window_finish(&w);
        int64_t start_s = START + (int64_t)i * 60;
        assert_int_equal(s->store->ops->load(s->store, start_s, "s1", &w, &origin, &err), -1);
        assert_int_equal(err.status, DS_DATABASE);
        assert_non_null(strstr(err.text, "window_sources"));
    }
}

static void leaves_other_files_alone(void **state)
{
    struct scratch *s = *state;
    ds_store_destroy(s->store);
    s->store = NULL;
    sql(s, DS_STORE_FILE, "PRAGMA user_version = 1");
    assert_left_alone(s, "version 1");
    sql(s, DS_STORE_FILE, "PRAGMA user_version = 6");
    assert_left_alone(s, "version 6");
    char text[5000];
    memset(text, 'x', sizeof text);
    write_file(s, DS_STORE_FILE, text, sizeof text);
    assert_left_alone(s, "not a darkscope store");
    write_file(s, DS_STORE_FILE, "", 0);
    sql(s, DS_STORE_FILE, "CREATE TABLE mail (a)");
    assert_left_alone(s, "not a darkscope store");
}

static void says_what_is_missing(void **state)
{
    struct scratch *s = *state;
    struct ds_error err = {0};
    struct ds_store *store = NULL;
    char path[5 * SCRATCH_PATH];
    snprintf(path, sizeof path, "%s/none", s->directory);
    assert_int_equal(ds_store_open(path, DS_STORE_READ, &store, &err), -1);
    assert_int_equal(err.status, DS_DATABASE);
    assert_non_null(strstr(err.text, DS_STORE_FILE));
    snprintf(path, sizeof path, "%s/none/deeper", s->directory);
    assert_int_equal(ds_store_open(path, DS_STORE_WRITE, &store, &err), -1);
    assert_non_null(strstr(err.text, "create the directory"));
    ds_store_destroy(s->store);
    s->store = NULL;
    write_file(s, DS_STORE_FILE, "", 0);
    assert_int_equal(ds_store_open(s->directory, DS_STORE_READ, &store, &err), -1);
    assert_non_null(strstr(err.text, "empty"));
}

/* In a process that may not write the directory: 0 where all is read. */
static int read_as_stranger(const char *path)
{
    struct ds_store *store = NULL;
    struct ds_error err = {0};
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (getuid() == 0 && setresuid(65534, 65534, 65534) < 0)
            _exit(2);
        if (ds_store_open(path, DS_STORE_READ, &store, &err) < 0)
            _exit(3);
        struct ds_range all = {0, DS_STORE_TIME_MAX, NULL};
        struct ds_totals totals;
        int failed = store->ops->totals(store, &all, &totals, &err);
        ds_store_destroy(store);
        _exit(failed || totals.windows != 1);
    }
    int status;
    assert_true(waitpid(child, &status, 0) == child);
    return status;
}

static void is_read_without_the_right_to_write(void **state)
{
    struct scratch *s = *state;
    struct ds_window w;
    char odd[2 * SCRATCH_PATH], name[3 * SCRATCH_PATH];
    sample_small(&w);
    scratch_put(s, "a", &w);
    ds_window_finish(&w);
    assert_int_equal(chmod(s->directory, 0555), 0);
    assert_int_equal(read_as_stranger(s->directory), 0);
    ds_store_destroy(s->store);
    s->store = NULL;
    assert_int_equal(read_as_stranger(s->directory), 0);
    /* A copy of the files alone, in a directory whose name a URI must escape. */
    static const char *const names[] = {DS_STORE_FILE, DAY_FILE};
    assert_int_equal(chmod(s->directory, 0755), 0);
    snprintf(odd, sizeof odd, "%s/a?b%%20#c", s->directory);
    assert_int_equal(mkdir(odd, 0755), 0);
    for (size_t i = 0; i < 2; i++) {
        size_t size;
        char *bytes = read_file(s, names[i], &size);
        snprintf(name, sizeof name, "a?b%%20#c/%s", names[i]);
        write_file(s, name, bytes, size);
        free(bytes);
    }
    assert_int_equal(chmod(odd, 0555), 0);
    assert_int_equal(read_as_stranger(odd), 0);
    assert_int_equal(chmod(odd, 0755), 0);
    for (size_t i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s/%s", odd, names[i]);
        assert_int_equal(unlink(name), 0);
    }
    assert_int_equal(rmdir(odd), 0);
}

/* The first page of every table and index is noise; the schema stays. */
static void damage_tables(struct scratch *s)
{
    enum { PAGE = 8192 };
    char path[5 * SCRATCH_PATH];
    sqlite3 *db;
    sqlite3_stmt *roots;
    size_t size;
    char *bytes = read_file(s, DAY_FILE, &size);
    file_path(s, DAY_FILE, path);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT rootpage FROM sqlite_master WHERE rootpage > 0",
                                        -1, &roots, NULL),
                     SQLITE_OK);
    while (sqlite3_step(roots) == SQLITE_ROW) {
        size_t page = (size_t)sqlite3_column_int(roots, 0);
        assert_true(page * PAGE <= size);
        memset(bytes + (page - 1) * PAGE, 31, PAGE);
    }
    sqlite3_finalize(roots);
    sqlite3_close(db);
    write_file(s, DAY_FILE, bytes, size);
    free(bytes);
}

static void survives_a_damaged_file(void **state)
{
    struct scratch *s = *state;
    struct ds_window w;
    scratch_window(&w, 5, START);
    scratch_put(s, "a", &w);
    ds_store_destroy(s->store);
    s->store = NULL;
    damage_tables(s);
    struct ds_error err = {0};
    assert_int_equal(ds_store_open(s->directory, DS_STORE_WRITE, &s->store, &err), 0);
    struct ds_store_put put = {.sensor = "a", .boot = 1, .sequence = 9, .window = &w};
    assert_int_equal(s->store->ops->put(s->store, &put, &err), -1);
    assert_int_equal(err.status, DS_DATABASE);
    assert_non_null(strstr(err.text, "damaged"));
    ds_window_finish(&w);
}

/* ---- crashes and full disks ---- */

/* Writes windows until killed; after each commit one byte to the pipe. */
static void write_for_ever(struct scratch *s, int to)
{
    for (uint64_t i = 0;; i++) {
        struct ds_window w;
        scratch_window(&w, i + 1, START + (int64_t)i * 60);
        scratch_put(s, "a", &w);
        ds_window_finish(&w);
        if (write(to, "", 1) != 1)
            _exit(1);
    }
}

static void loses_nothing_when_killed(void **state)
{
    struct scratch *s = *state;
    ds_store_destroy(s->store);
    s->store = NULL;
    int ends[2];
    char bytes[64];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (ds_store_open(s->directory, DS_STORE_WRITE, &s->store, NULL) < 0)
            _exit(1);
        write_for_ever(s, ends[1]);
    }
    close(ends[1]);
    size_t committed = 0;
    ssize_t n;
    while (committed < 10 && (n = read(ends[0], bytes, 1)) == 1)
        committed++;
    kill(child, SIGKILL);
    while ((n = read(ends[0], bytes, sizeof bytes)) > 0)
        committed += (size_t)n;
    close(ends[0]);
    waitpid(child, NULL, 0);
    assert_true(committed >= 10);
    assert_int_equal(ds_store_open(s->directory, DS_STORE_WRITE, &s->store, NULL), 0);
    for (uint64_t i = 0; i < committed; i++) {
        struct ds_window expected, back;
        scratch_window(&expected, i + 1, START + (int64_t)i * 60);
        load(s->store, expected.start_s, "a", &back);
        sample_assert_equal(&back, &expected);
        struct ds_store_put put = {.sensor = "a", .boot = 1, .sequence = i + 1, .window = &back};
        assert_int_equal(s->store->ops->put(s->store, &put, NULL), DS_PUT_DUPLICATE);
        ds_window_finish(&back);
        ds_window_finish(&expected);
    }
}

static bool count_down(void *arg)
{
    unsigned *left = arg;
    return *left == 0 || --*left == 0;
}

static int ignore_row(void *arg, const struct ds_top_row *row)
{
    return 0;
}

static void stops_reading_when_it_is_enough(void **state)
{
    struct scratch *s = *state;
    struct ds_window w;
    struct ds_error err = {0};
    struct ds_figures total;
    struct ds_origin origin;
    struct ds_filter none = {0};
    struct ds_top top = {
        .range = {0, DS_STORE_TIME_MAX, NULL}, .filter = &none, .by = DS_BY_PORT, .limit = 10};
    sample_traffic(&w, 4, 20000);
    w.start_s = START;
    scratch_put(s, "a", &w);
    ds_window_finish(&w);
    const struct ds_store_ops *ops = s->store->ops;
    unsigned left = 3; /* so it is asked more than once in an operation */
    s->store->is_enough = count_down;
    s->store->is_enough_arg = &left;
    assert_int_equal(ops->top(s->store, &top, ignore_row, NULL, &total, &err), -1);
    assert_int_equal(err.status, DS_DATABASE);
    assert_int_equal(left, 0);
    assert_int_equal(ops->load(s->store, START, NULL, &w, &origin, &err), -1);
    s->store->is_enough = NULL;
    assert_int_equal(ops->top(s->store, &top, ignore_row, NULL, &total, &err), 0);
    assert_int_equal(total.packets, 20000);
    assert_int_equal(load(s->store, START, NULL, &w).parts, 1);
    ds_window_finish(&w);
}

/* A limit on file sizes fails writes as a full disk does. */
static void recovers_from_a_full_disk(void **state)
{
    struct scratch *s = *state;
    struct ds_window w;
    struct ds_error err = {0};
    struct rlimit old, tight;
    sample_traffic(&w, 4, 20000);
    w.start_s = START;
    struct ds_store_put put = {.sensor = "a", .boot = 1, .sequence = 1, .window = &w};
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    tight = (struct rlimit){.rlim_cur = 128 << 10, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    int result = s->store->ops->put(s->store, &put, &err);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(result, -1);
    assert_int_equal(err.status, DS_DATABASE);
    assert_non_null(strstr(err.text, "disk"));
    assert_int_equal(counted(s->store), 0);
    assert_int_equal(s->store->ops->put(s->store, &put, &err), DS_PUT_COMMITTED);
    assert_int_equal(counted(s->store), 20000);
    ds_window_finish(&w);
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, open_scratch, close_scratch)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(gives_back_what_was_put),
        STORE_TEST(commits_a_message_once),
        STORE_TEST(commits_together_all_or_none),
        STORE_TEST(adds_an_hour_to_its_minutes),
        STORE_TEST(adds_parts_of_one_window),
        STORE_TEST(merges_sensors),
        STORE_TEST(refuses_what_would_be_wrong),
        STORE_TEST(keeps_texts_printable),
        STORE_TEST(has_one_writer),
        STORE_TEST(tells_damaged_sources),
        STORE_TEST(leaves_other_files_alone),
        STORE_TEST(says_what_is_missing),
        STORE_TEST(is_read_without_the_right_to_write),
        STORE_TEST(survives_a_damaged_file),
        STORE_TEST(loses_nothing_when_killed),
        STORE_TEST(stops_reading_when_it_is_enough),
        STORE_TEST(recovers_from_a_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
