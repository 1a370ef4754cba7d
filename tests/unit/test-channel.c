/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue between the aggregator's threads: order, bound, closing, and the descriptor.
 */
#include "channel.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool is_readable(const struct ds_channel *c)
{
    struct pollfd p = {.fd = ds_channel_fd(c), .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static void keeps_order_and_bound(void **state)
{
    struct ds_channel *c;
    char entries[3];
    assert_int_equal(ds_channel_create(2, &c), 0);
    /* More rounds than places, so that the ring wraps. */
    for (int round = 0; round < 5; round++) {
        assert_false(is_readable(c));
        assert_true(ds_channel_push(c, &entries[0]));
        assert_true(ds_channel_push(c, &entries[1]));
        assert_false(ds_channel_push(c, &entries[2]));
        assert_int_equal(ds_channel_depth(c), 2);
        assert_ptr_equal(ds_channel_pop(c), &entries[0]);
        assert_true(is_readable(c));
        assert_true(ds_channel_push(c, &entries[2]));
        assert_ptr_equal(ds_channel_pop(c), &entries[1]);
        assert_ptr_equal(ds_channel_wait(c), &entries[2]);
        assert_null(ds_channel_pop(c));
    }
    ds_channel_destroy(c);
}

static void closed_one_gives_what_it_has_and_ends(void **state)
{
    struct ds_channel *c;
    char entry;
    assert_int_equal(ds_channel_create(2, &c), 0);
    assert_true(ds_channel_push(c, &entry));
    ds_channel_close(c);
    assert_false(ds_channel_push(c, &entry));
    assert_ptr_equal(ds_channel_wait(c), &entry);
    assert_null(ds_channel_wait(c));
    assert_true(is_readable(c));
    ds_channel_destroy(c);
    ds_channel_destroy(NULL);
}

#define ENTRIES 100000

static void *count_up(void *arg)
{
    for (uintptr_t i = 1; i <= ENTRIES;)
        if (ds_channel_push(arg, (void *)i))
            i++;
    ds_channel_close(arg);
    return NULL;
}

static void nothing_is_lost_between_threads(void **state)
{
    struct ds_channel *c;
    pthread_t thread;
    assert_int_equal(ds_channel_create(8, &c), 0);
    assert_int_equal(pthread_create(&thread, NULL, count_up, c), 0);
    uintptr_t expected = 0;
    for (void *entry; (entry = ds_channel_wait(c));)
        assert_int_equal((uintptr_t)entry, ++expected);
    assert_int_equal(expected, ENTRIES);
    pthread_join(thread, NULL);
    ds_channel_destroy(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order_and_bound),
        cmocka_unit_test(closed_one_gives_what_it_has_and_ends),
        cmocka_unit_test(nothing_is_lost_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
