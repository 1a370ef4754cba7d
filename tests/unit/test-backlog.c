/* SPDX-License-Identifier: Apache-2.0
 *
 * The uplink's queue: order, doubt, and what goes at the bounds; the same with a spool that works,
 * fails, recovers, or was left by an earlier run.
 */
#include "backlog.h"

#include "darkscope/clock.h"
#include "darkscope/message.h"
#include "sample.h"
#include "scratch-directory.h"

#include <errno.h>
#include <signal.h>

static size_t push(struct ds_backlog *b, uint64_t sequence, size_t size)
{
    size_t dropped;
    const struct ds_backlog_window w = {
        .boot = 1, .sequence = sequence, .bytes = malloc(size), .size = size};
    assert_int_equal(ds_backlog_push(b, &w, &dropped), 0);
    return dropped;
}

static void send_next(struct ds_backlog *b, uint64_t sequence, int64_t now_ns)
{
    struct ds_backlog_entry *e = ds_backlog_next(b);
    assert_non_null(e);
    assert_int_equal(e->sequence, sequence);
    ds_backlog_mark_sent(b, e, now_ns);
}

static void sends_in_order_and_again_after_doubt(void **state)
{
    struct ds_backlog b;
    ds_backlog_init(&b, 100, 10);
    assert_null(ds_backlog_next(&b));
    for (uint64_t i = 1; i <= 3; i++)
        assert_int_equal(push(&b, i, 10), 0);
    send_next(&b, 1, 5);
    send_next(&b, 2, 7);
    assert_int_equal(b.in_flight, 2);
    assert_int_equal(ds_backlog_oldest_in_flight(&b)->sequence, 1);
    assert_true(ds_backlog_remove(&b, 1));
    assert_false(ds_backlog_remove(&b, 1));
    assert_false(ds_backlog_remove(&b, 3)); /* never sent: nobody can have it */
    assert_int_equal(ds_backlog_oldest_in_flight(&b)->sequence, 2);
    ds_backlog_doubt(&b);
    assert_int_equal(b.in_flight, 0);
    assert_null(ds_backlog_oldest_in_flight(&b));
    send_next(&b, 2, 9);
    send_next(&b, 3, 9);
    assert_null(ds_backlog_next(&b));
    ds_backlog_finish(&b);
}

static void answer_after_doubt_still_counts(void **state)
{
    struct ds_backlog b;
    ds_backlog_init(&b, 100, 10);
    push(&b, 1, 10);
    send_next(&b, 1, 5);
    ds_backlog_doubt(&b);
    assert_true(ds_backlog_remove(&b, 1));
    assert_int_equal(b.count, 0);
    assert_int_equal(b.bytes, 0);
    assert_int_equal(b.in_flight, 0);
    ds_backlog_finish(&b);
}

static void bounds_drop_the_oldest_not_on_its_way(void **state)
{
    struct ds_backlog b;
    ds_backlog_init(&b, 100, 1000);
    for (uint64_t i = 1; i <= 10; i++)
        assert_int_equal(push(&b, i, 10), 0);
    send_next(&b, 1, 5);
    assert_int_equal(push(&b, 11, 10), 1);
    assert_int_equal(push(&b, 12, 25), 3);
    assert_int_equal(b.bytes, 95);
    assert_true(ds_backlog_remove(&b, 1));
    send_next(&b, 6, 5);
    ds_backlog_finish(&b);

    ds_backlog_init(&b, 1000, 2);
    assert_int_equal(push(&b, 1, 1), 0);
    assert_int_equal(push(&b, 2, 1), 0);
    assert_int_equal(push(&b, 3, 1), 1);
    assert_int_equal(b.count, 2);
    send_next(&b, 2, 5);
    send_next(&b, 3, 5);
    assert_int_equal(push(&b, 4, 1), 1); /* all are on their way: the oldest all the same */
    assert_int_equal(b.in_flight, 1);
    ds_backlog_finish(&b);
}

static void one_too_large_is_kept_alone(void **state)
{
    struct ds_backlog b;
    ds_backlog_init(&b, 100, 10);
    push(&b, 1, 10);
    assert_int_equal(push(&b, 2, 500), 1);
    assert_int_equal(b.count, 1);
    assert_int_equal(push(&b, 3, 10), 1);
    assert_int_equal(b.bytes, 10);
    ds_backlog_finish(&b);
}

/* ---- with a spool ---- */

#define SPOOL_BYTES 65536
#define BOOT        7

struct fixture {
    struct scratch_directory directory;
    struct ds_backlog backlog;
    struct ds_backlog_left left;
};

static void reopen(struct fixture *f)
{
    struct ds_error err;
    ds_backlog_finish(&f->backlog);
    ds_backlog_init(&f->backlog, 2000, 1000);
    if (ds_backlog_open(&f->backlog, f->directory.path, SPOOL_BYTES, "tokyo", &f->left, &err))
        fail_msg("%s", err.text);
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

static size_t spool(struct fixture *f, uint64_t sequence)
{
    size_t dropped;
    struct ds_backlog_window w = {.boot = BOOT, .sequence = sequence, .size = 200};
    w.bytes = malloc(w.size);
    memset(w.bytes, (int)sequence, w.size);
    assert_int_equal(ds_backlog_push(&f->backlog, &w, &dropped), 0);
    return dropped;
}

/* Sends the next window, which is this one, and takes its answer. */
static void deliver(struct fixture *f, uint64_t sequence)
{
    unsigned char *owned;
    struct ds_backlog_entry *e = ds_backlog_next(&f->backlog);
    assert_non_null(e);
    assert_int_equal(e->sequence, sequence);
    assert_true(e->boot == BOOT);
    const unsigned char *bytes = ds_backlog_read(&f->backlog, e, &owned);
    assert_non_null(bytes);
    for (size_t i = 0; i < e->size; i++)
        assert_int_equal(bytes[i], (unsigned char)sequence);
    free(owned);
    ds_backlog_mark_sent(&f->backlog, e, 1);
    assert_true(ds_backlog_remove(&f->backlog, sequence));
}

static size_t in_memory(struct fixture *f)
{
    return ds_backlog_count_in_memory(&f->backlog);
}

static void next_run_goes_on_where_this_one_ended(void **state)
{
    struct fixture *f = *state;
    for (uint64_t i = 1; i <= 5; i++)
        spool(f, i);
    assert_int_equal(in_memory(f), 0);
    deliver(f, 1);
    deliver(f, 2);
    reopen(f);
    assert_int_equal(f->left.last_sequence, 5);
    assert_true(f->left.done_boot == BOOT);
    assert_int_equal(f->backlog.count, 3);
    spool(f, 6);
    for (uint64_t i = 3; i <= 6; i++)
        deliver(f, i);
    reopen(f);
    assert_int_equal(f->backlog.count, 0);
    assert_int_equal(f->left.last_sequence, 6);
}

static void memory_serves_while_the_disk_fails(void **state)
{
    struct fixture *f = *state;
    size_t dropped;
    spool(f, 1);
    scratch_limit_files(1);
    for (uint64_t i = 2; i <= 5; i++)
        assert_int_equal(spool(f, i), 0);
    assert_int_equal(in_memory(f), 4);
    assert_int_equal(f->backlog.spool_error, EFBIG);
    deliver(f, 1);
    deliver(f, 2);
    scratch_limit_files(RLIM_INFINITY);
    ds_backlog_secure(&f->backlog, 100 * DS_NS_PER_S, &dropped);
    assert_int_equal(dropped, 0);
    assert_int_equal(in_memory(f), 0);
    assert_int_equal(f->backlog.spool_error, 0);
    reopen(f);
    deliver(f,
            1); /* there was no room to note that it is done: it is sent twice, and counts once */
    for (uint64_t i = 3; i <= 5; i++)
        deliver(f, i);
    assert_int_equal(f->backlog.count, 0);
}

static void memory_has_its_own_bound(void **state)
{
    struct fixture *f = *state;
    spool(f, 1);
    scratch_limit_files(1);
    for (uint64_t i = 2; i <= 11; i++)
        assert_int_equal(spool(f, i), 0); /* 2000 bytes */
    assert_int_equal(spool(f, 12), 1);
    assert_int_equal(spool(f, 13), 1);
    scratch_limit_files(RLIM_INFINITY);
    deliver(f, 1); /* does not help memory, so it stayed */
    for (uint64_t i = 4; i <= 13; i++)
        deliver(f, i);
}

static void bound_drops_the_oldest(void **state)
{
    struct fixture *f = *state;
    size_t dropped = 0;
    for (uint64_t i = 1; i <= 500; i++)
        dropped += spool(f, i);
    assert_true(dropped > 0);
    assert_int_equal(f->backlog.count, 500 - dropped);
    assert_int_equal(in_memory(f), 0);
    assert_false(ds_backlog_has_spool_room(&f->backlog));
    for (uint64_t i = dropped + 1; i <= 500; i++)
        deliver(f, i);
    assert_true(ds_backlog_has_spool_room(&f->backlog));
    reopen(f);
    assert_int_equal(f->backlog.count, 0);
}

static void change_byte(void *arg, const char *path)
{
    struct stat st;
    const off_t *at = arg;
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    if (st.st_size > *at)
        assert_int_equal(pwrite(fd, "?", 1, *at), 1);
    close(fd);
}

static void damaged_window_is_counted_and_the_rest_goes_on(void **state)
{
    struct fixture *f = *state;
    unsigned char *owned;
    off_t at = 150;
    spool(f, 1);
    spool(f, 2);
    scratch_directory_each(&f->directory, change_byte, &at);
    assert_null(ds_backlog_read(&f->backlog, ds_backlog_next(&f->backlog), &owned));
    assert_int_equal(f->backlog.lost, 1);
    deliver(f, 2);
    spool(f, 3);
    scratch_directory_each(&f->directory, change_byte, &at);
    reopen(f);
    assert_int_equal(f->left.damages, 2);
    assert_int_equal(f->backlog.count, 0);
}

static void nothing_stays_behind_a_clean_end(void **state)
{
    struct fixture *f = *state;
    size_t dropped;
    off_t nowhere = 1 << 20;
    spool(f, 1);
    ds_backlog_end(&f->backlog, &dropped);
    assert_int_equal(scratch_directory_each(&f->directory, change_byte, &nowhere), 2);
    deliver(f, 1);
    ds_backlog_end(&f->backlog, &dropped);
    assert_int_equal(scratch_directory_each(&f->directory, change_byte, &nowhere), 1); /* lock */
}

static void windows_of_another_sensor_are_not_sent_as_ours(void **state)
{
    struct fixture *f = *state;
    struct ds_backlog b;
    struct ds_error err;
    spool(f, 1);
    ds_backlog_finish(&f->backlog);
    ds_backlog_init(&b, 2000, 1000);
    assert_int_equal(ds_backlog_open(&b, f->directory.path, SPOOL_BYTES, "osaka", &f->left, &err),
                     -1);
    assert_non_null(strstr(err.text, "tokyo"));
    ds_backlog_finish(&b);
    reopen(f); /* they are still there, and where they are delivered the name may change */
    deliver(f, 1);
    ds_backlog_finish(&f->backlog);
    ds_backlog_init(&b, 2000, 1000);
    assert_int_equal(ds_backlog_open(&b, f->directory.path, SPOOL_BYTES, "osaka", &f->left, &err),
                     0);
    ds_backlog_finish(&b);
}

static void windows_of_another_protocol_are_not_sent(void **state)
{
    struct fixture *f = *state;
    struct ds_message m = {.kind = DS_MESSAGE_WINDOW, .sequence = 1};
    struct ds_backlog_window w = {.boot = BOOT, .sequence = 1};
    struct ds_error err;
    size_t dropped;
    sample_small(&m.window);
    assert_int_equal(ds_message_encode(&m, &w.bytes, &w.size), 0);
    ds_message_finish(&m);
    w.bytes[7]++; /* major, see docs/protocol.md */
    assert_int_equal(ds_backlog_push(&f->backlog, &w, &dropped), 0);
    ds_backlog_finish(&f->backlog);
    ds_backlog_init(&f->backlog, 2000, 1000);
    assert_int_equal(
        ds_backlog_open(&f->backlog, f->directory.path, SPOOL_BYTES, "tokyo", &f->left, &err), -1);
    assert_non_null(strstr(err.text, "another release"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_in_order_and_again_after_doubt),
        cmocka_unit_test(answer_after_doubt_still_counts),
        cmocka_unit_test(bounds_drop_the_oldest_not_on_its_way),
        cmocka_unit_test(one_too_large_is_kept_alone),
        TEST(next_run_goes_on_where_this_one_ended),
        TEST(memory_serves_while_the_disk_fails),
        TEST(memory_has_its_own_bound),
        TEST(bound_drops_the_oldest),
        TEST(damaged_window_is_counted_and_the_rest_goes_on),
        TEST(nothing_stays_behind_a_clean_end),
        TEST(windows_of_another_sensor_are_not_sent_as_ours),
        TEST(windows_of_another_protocol_are_not_sent),
    };
    signal(SIGXFSZ, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
