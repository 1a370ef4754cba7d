/* SPDX-License-Identifier: Apache-2.0
 *
 * The uplink's memory: order, doubt, and what goes at the bounds.
 */
#include "backlog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static size_t push(struct ds_backlog *b, uint64_t sequence, size_t size)
{
    size_t dropped;
    assert_int_equal(ds_backlog_push(b, sequence, malloc(size), size, &dropped), 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_in_order_and_again_after_doubt),
        cmocka_unit_test(answer_after_doubt_still_counts),
        cmocka_unit_test(bounds_drop_the_oldest_not_on_its_way),
        cmocka_unit_test(one_too_large_is_kept_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
