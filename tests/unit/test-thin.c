/* SPDX-License-Identifier: Apache-2.0
 *
 * A spool that is full: the windows of an hour become one, and whatever breaks off, every window is
 * there once.
 */
#include "backlog.h"
#include "sample.h"
#include "scratch-directory.h"

#include "darkscope/message.h"

#include <signal.h>

#define SPOOL_BYTES ((uint64_t)1 << 20)
#define WINDOWS     1000 /* in 17 hours */
#define PACKETS     300
#define START_S     1767225600
#define KEPT        "kept"

struct fixture {
    struct scratch_directory directory;
    struct ds_backlog backlog;
    uint64_t pushed, dropped, first_of_run;
};

static void reopen(struct fixture *f)
{
    struct ds_backlog_left left;
    struct ds_error err;
    ds_backlog_finish(&f->backlog);
    ds_backlog_init(&f->backlog, 1 << 20, 100000);
    if (ds_backlog_open(&f->backlog, f->directory.path, SPOOL_BYTES, "tokyo", &left, &err))
        fail_msg("%s", err.text);
    assert_int_equal(left.damages, 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    scratch_directory_make(&f->directory);
    ds_backlog_init(&f->backlog, 0, 0);
    reopen(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    ds_backlog_finish(&f->backlog);
    scratch_directory_remove(&f->directory);
    free(f);
    return 0;
}

static void push(struct fixture *f, uint64_t boot)
{
    struct ds_message m = {.kind = DS_MESSAGE_WINDOW, .sequence = ++f->pushed};
    struct ds_backlog_window w = {.boot = boot, .sequence = f->pushed};
    size_t dropped;
    sample_traffic(&m.window, 1, PACKETS);
    m.window.start_s = START_S + (int64_t)f->pushed * 60;
    m.window.seconds = 60;
    m.window.observed_ns = UINT64_C(60000000000);
    assert_int_equal(ds_message_encode(&m, &w.bytes, &w.size), 0);
    ds_message_finish(&m);
    assert_int_equal(ds_backlog_push(&f->backlog, &w, &dropped), 0);
    assert_true(ds_spool_bytes(f->backlog.spool) <= SPOOL_BYTES);
    f->dropped += dropped;
}

/* What stands in an entry's window: its own, or that of all windows of its hour that are in it. */
static uint64_t check_entry(struct fixture *f, struct ds_backlog_entry *e)
{
    unsigned char *owned;
    struct ds_message m;
    const unsigned char *bytes = ds_backlog_read(&f->backlog, e, &owned);
    assert_non_null(bytes);
    assert_int_equal(ds_message_decode(&m, bytes, e->size, NULL), DS_DECODE_OK);
    free(owned);
    uint64_t windows = e->sequence - e->first + 1;
    assert_int_equal(m.sequence, e->sequence);
    assert_int_equal(m.window.merged, windows - 1);
    assert_int_equal(m.window.seconds, windows > 1 ? 3600 : 60);
    assert_int_equal(m.window.books[DS_BOOK_COUNTED], windows * PACKETS);
    assert_true(m.window.observed_ns == windows * UINT64_C(60000000000));
    assert_null(ds_window_imbalance(&m.window));
    int64_t first_s = START_S + (int64_t)e->first * 60;
    assert_true(m.window.start_s <= first_s && m.window.start_s + 3600 > first_s);
    ds_message_finish(&m);
    return windows;
}

/* Every window that was pushed and not dropped is in one entry. */
static void check_all(struct fixture *f)
{
    static uint8_t seen[WINDOWS + 1];
    struct ds_backlog_entry *e;
    uint64_t windows = 0;
    memset(seen, 0, sizeof seen);
    uint64_t last = 0;
    STAILQ_FOREACH(e, &f->backlog.entries, next)
    {
        assert_true(e->first > last); /* in order */
        last = e->sequence;
        for (uint64_t i = e->first; i <= e->sequence; i++)
            assert_int_equal(seen[i]++, 0);
        windows += check_entry(f, e);
    }
    assert_int_equal(windows, f->pushed - f->dropped);
}

static void windows_of_an_hour_become_one(void **state)
{
    struct fixture *f = *state;
    while (f->pushed < WINDOWS)
        push(f, 7);
    assert_int_equal(f->dropped, 0);
    assert_true(f->backlog.merged > WINDOWS / 4);
    assert_int_equal(f->backlog.count, WINDOWS - f->backlog.merged);
    check_all(f);
    reopen(f); /* a crash */
    check_all(f);
}

/* What is not gained by merging any more is lost, and counted. */
static void a_spool_of_hours_drops_the_oldest(void **state)
{
    struct fixture *f = *state;
    struct ds_message m = {.kind = DS_MESSAGE_WINDOW};
    while (!f->dropped) {
        struct ds_backlog_window w = {.boot = 7, .sequence = ++f->pushed};
        size_t dropped;
        m.sequence = f->pushed;
        sample_traffic(&m.window, f->pushed, PACKETS);
        m.window.start_s = START_S + (int64_t)f->pushed * 3600;
        m.window.seconds = 3600;
        assert_int_equal(ds_message_encode(&m, &w.bytes, &w.size), 0);
        ds_message_finish(&m);
        assert_int_equal(ds_backlog_push(&f->backlog, &w, &dropped), 0);
        f->dropped += dropped;
        assert_true(f->pushed < WINDOWS);
    }
    assert_int_equal(f->backlog.merged, 0);
    assert_int_equal(f->backlog.count, f->pushed - f->dropped);
}

/* An aggregator may have them, and then counts what they became twice. */
static void what_was_sent_is_not_merged(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 4; i++)
        push(f, 7);
    for (int i = 0; i < 4; i++)
        ds_backlog_mark_sent(&f->backlog, ds_backlog_next(&f->backlog), 1);
    ds_backlog_doubt(&f->backlog);
    while (f->backlog.merged < 100)
        push(f, 7);
    assert_int_equal(f->dropped, 0);
    check_all(f);
    for (uint64_t i = 1; i <= 4; i++)
        assert_true(ds_backlog_remove(&f->backlog, i));
    f->dropped = 4;
    check_all(f);
    reopen(f);
    check_all(f);
}

static void windows_of_an_earlier_run_are_not_merged(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 50; i++)
        push(f, 7);
    reopen(f);
    while (f->backlog.merged < 100)
        push(f, 8);
    check_all(f);
    struct ds_backlog_entry *e;
    STAILQ_FOREACH(e, &f->backlog.entries, next)
    {
        assert_true(e->boot == 8 || e->first == e->sequence);
    }
}

static void keep(void *arg, const char *path)
{
    struct fixture *f = arg;
    char kept[SCRATCH_ROOM];
    snprintf(kept, sizeof kept, "%s/" KEPT, f->directory.path);
    if (strstr(path, ".spool") && access(kept, F_OK) < 0)
        assert_int_equal(link(path, kept), 0);
}

/* The host ends after the windows were written anew and before the file that had them is gone. */
static void a_file_that_comes_back_counts_once(void **state)
{
    struct fixture *f = *state;
    char kept[SCRATCH_ROOM], back[SCRATCH_ROOM];
    push(f, 7);
    assert_true(scratch_directory_each(&f->directory, keep, f) > 0); /* the oldest */
    while (!f->backlog.merged)
        push(f, 7);
    snprintf(kept, sizeof kept, "%s/" KEPT, f->directory.path);
    snprintf(back, sizeof back, "%s/0000000000000001.spool", f->directory.path);
    assert_int_equal(access(back, F_OK), -1);
    assert_int_equal(rename(kept, back), 0);
    reopen(f);
    check_all(f);
}

static void a_disk_that_fails_meanwhile_loses_nothing(void **state)
{
    struct fixture *f = *state;
    size_t dropped;
    while (!f->backlog.merged)
        push(f, 7);
    uint64_t merged = f->backlog.merged;
    scratch_limit_files(1); /* nothing can be appended */
    while (f->backlog.count < 400 && f->pushed < WINDOWS)
        push(f, 7);
    scratch_limit_files(RLIM_INFINITY);
    check_all(f);
    assert_int_equal(f->dropped, 0);
    assert_int_equal(f->backlog.merged, merged);
    for (int64_t t = 100; ds_backlog_count_in_memory(&f->backlog); t++) {
        assert_true(t < 200);
        ds_backlog_secure(&f->backlog, t * 1000000000, &dropped);
        f->dropped += dropped;
    }
    check_all(f);
    reopen(f);
    check_all(f);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(windows_of_an_hour_become_one),      TEST(a_spool_of_hours_drops_the_oldest),
        TEST(what_was_sent_is_not_merged),        TEST(windows_of_an_earlier_run_are_not_merged),
        TEST(a_file_that_comes_back_counts_once), TEST(a_disk_that_fails_meanwhile_loses_nothing),
    };
    signal(SIGXFSZ, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
