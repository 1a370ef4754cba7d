/* SPDX-License-Identifier: Apache-2.0
 *
 * The query thread: what makes it give up a question, over a store whose reading never ends by
 * itself.
 */
#include "answer.h"
#include "darkscope/clock.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PATIENCE_MS 20000

struct endless {
    struct ds_store base; /* first */
    atomic_uint readings;
};

static int read_for_ever(struct ds_store *store, ds_sensor_fn *each, void *arg,
                         struct ds_error *err)
{
    atomic_fetch_add(&((struct endless *)store)->readings, 1);
    while (!store->is_enough(store->is_enough_arg))
        ;
    return ds_error(err, DS_DATABASE, "interrupted");
}

static const struct ds_store_ops endless_ops = {.sensors = read_for_ever};

struct fixture {
    struct endless store;
    struct ds_answerer *answerer;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->store.base.ops = &endless_ops;
    assert_int_equal(ds_answerer_start(&f->store.base, &f->answerer, NULL), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    ds_answerer_destroy(f->answerer);
    free(f);
    return 0;
}

static struct ds_question *ask(struct fixture *f, int64_t deadline_ns)
{
    struct ds_question *q = calloc(1, sizeof *q);
    assert_non_null(q);
    ds_query_init(&q->query, DS_QUERY_SENSORS);
    q->deadline_ns = deadline_ns;
    q->asker = f;
    assert_true(ds_answerer_push(f->answerer, q));
    return q;
}

static void await_readings(struct fixture *f, unsigned count)
{
    while (atomic_load(&f->store.readings) < count)
        ;
}

static struct ds_question *await_answer(struct fixture *f)
{
    struct pollfd readable = {.fd = ds_answerer_fd(f->answerer), .events = POLLIN};
    assert_int_equal(poll(&readable, 1, PATIENCE_MS), 1);
    struct ds_question *q = ds_answerer_take(f->answerer);
    assert_non_null(q);
    return q;
}

static void abandoned_question_ends_and_the_next_comes(void **state)
{
    struct fixture *f = *state;
    struct ds_question *first = ask(f, INT64_MAX);
    struct ds_question *second = ask(f, INT64_MAX);
    struct ds_question *third = ask(f, INT64_MAX);
    await_readings(f, 1);
    ds_question_cancel(second); /* while it waits: it is never looked at */
    ds_question_cancel(first);  /* while it is answered */
    for (int i = 0; i < 2; i++) {
        struct ds_question *q = await_answer(f);
        assert_ptr_equal(q, i == 0 ? first : second);
        assert_null(q->asker);
        assert_null(q->body);
        ds_question_destroy(q);
    }
    await_readings(f, 2);
    ds_question_cancel(third);
    ds_question_destroy(await_answer(f));
    assert_int_equal(atomic_load(&f->store.readings), 2);
}

static void late_question_is_told_so(void **state)
{
    struct fixture *f = *state;
    const int64_t deadlines_ns[] = {0, ds_clock_steady_ns() + 20 * DS_NS_PER_MS};
    for (size_t i = 0; i < 2; i++) {
        ask(f, deadlines_ns[i]);
        struct ds_question *q = await_answer(f);
        assert_ptr_equal(q->asker, f);
        assert_int_equal(ds_query_http_status(q->err.status), 503);
        assert_non_null(strstr(q->err.text, "ask for less"));
        assert_true(ds_clock_steady_ns() >= deadlines_ns[i]);
        ds_question_destroy(q);
    }
}

/* The teardown waits for the thread; the second question is freed unanswered. */
static void stopping_ends_the_question(void **state)
{
    struct fixture *f = *state;
    ask(f, INT64_MAX);
    ask(f, INT64_MAX);
    await_readings(f, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(abandoned_question_ends_and_the_next_comes),
        TEST(late_question_is_told_so),
        TEST(stopping_ends_the_question),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
