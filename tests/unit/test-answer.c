/* SPDX-License-Identifier: Apache-2.0
 *
 * The query threads: what makes them give up a question, over a store whose reading never ends by
 * itself; and how an answer gets to its asker, over one that has as many windows as are asked for.
 */
#include "answer.h"
#include "darkscope/clock.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#define PATIENCE_MS 20000
#define WINDOWS     INT64_C(10000) /* more than a pipe holds */
#define START_S     INT64_C(1767225600)

struct fake {
    struct ds_store base; /* first */
    bool is_endless;
    atomic_uint *readings;
};

static int read_sensors(struct ds_store *store, ds_sensor_fn *each, void *arg, struct ds_error *err)
{
    const struct fake *f = (const struct fake *)store;
    const struct ds_sensor_row row = {.name = "s",
                                      .first_s = START_S,
                                      .end_s = START_S + WINDOWS,
                                      .windows = WINDOWS,
                                      .grid_s = 1};
    atomic_fetch_add(f->readings, 1);
    while (f->is_endless && !store->is_enough(store->is_enough_arg))
        ;
    return f->is_endless ? ds_error(err, DS_DATABASE, "interrupted") : each(arg, &row);
}

static int read_windows(struct ds_store *store, const struct ds_range *range, uint64_t limit,
                        bool with_sources, ds_window_fn *each, void *arg, struct ds_error *err)
{
    const struct ds_origin origin = {.sensors = 1, .parts = 1, .sources_exact = true};
    int result = 0;
    for (int64_t i = range->from_s; i < range->to_s && result == 0; i++) {
        const struct ds_window w = {.start_s = i, .seconds = 1};
        result = each(arg, "s", &w, &origin);
    }
    return result;
}

static const struct ds_store_ops fake_ops = {.sensors = read_sensors, .windows = read_windows};

struct fixture {
    struct fake stores[DS_ANSWER_THREADS];
    struct ds_store *handles[DS_ANSWER_THREADS];
    atomic_uint readings;
    struct ds_answerer *answerer;
};

static struct fixture *make(bool is_endless)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    for (size_t i = 0; i < DS_ANSWER_THREADS; i++) {
        f->stores[i] = (struct fake){{.ops = &fake_ops}, is_endless, &f->readings};
        f->handles[i] = &f->stores[i].base;
    }
    assert_int_equal(ds_answerer_start(f->handles, &f->answerer, NULL), 0);
    return f;
}

static int setup_endless(void **state)
{
    *state = make(true);
    return 0;
}

static int setup(void **state)
{
    *state = make(false);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    ds_answerer_destroy(f->answerer);
    free(f);
    return 0;
}

/* windows with so many rows. */
static struct ds_question *ask(struct fixture *f, const char *limit, bool takes_gzip,
                               int64_t deadline_ns)
{
    struct ds_query query;
    ds_query_init(&query, DS_QUERY_WINDOWS);
    assert_int_equal(ds_query_set(&query, "limit", limit, NULL), 0);
    struct ds_question *q = ds_question_create(&query, takes_gzip, deadline_ns);
    assert_non_null(q);
    assert_true(ds_answerer_push(f->answerer, q));
    return q;
}

static int64_t soon_ns(void)
{
    return ds_clock_steady_ns() + PATIENCE_MS * DS_NS_PER_MS;
}

static void await_readings(struct fixture *f, unsigned count)
{
    while (atomic_load(&f->readings) < count)
        ;
}

static void await_news(struct fixture *f)
{
    struct pollfd readable = {.fd = ds_answerer_fd(f->answerer), .events = POLLIN};
    assert_int_equal(poll(&readable, 1, PATIENCE_MS), 1);
    ds_answerer_heed(f->answerer);
}

static void await_state(struct fixture *f, struct ds_question *q, int state)
{
    while (atomic_load(&q->state) != state)
        await_news(f);
}

/* All of an answer, also while it is made; the caller frees it. */
static char *read_all(struct fixture *f, struct ds_question *q, size_t *bytes)
{
    char *all = NULL;
    for (*bytes = 0;;) {
        bool is_done =
            atomic_load(&q->state) == DS_ANSWER_DONE; /* before the last piece is taken */
        size_t size;
        char *piece = ds_pipe_pop(q->pipe, &size);
        if (!piece && is_done)
            return all;
        if (!piece) {
            await_news(f);
            continue;
        }
        all = realloc(all, *bytes + size + 1);
        assert_non_null(all);
        memcpy(all + *bytes, piece, size);
        *bytes += size;
        all[*bytes] = 0;
        free(piece);
    }
}

static void assert_windows(const char *text, size_t bytes, size_t count)
{
    json_t *json = json_loadb(text, bytes, 0, NULL), *rows = json_object_get(json, "windows");
    assert_int_equal(json_array_size(rows), count);
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 61), "start")),
                        "2026-01-01T00:01:01Z");
    json_decref(json);
}

/* ---- giving up ---- */

static void abandoned_question_ends_and_the_next_comes(void **state)
{
    struct fixture *f = *state;
    struct ds_question *first[DS_ANSWER_THREADS];
    for (size_t i = 0; i < DS_ANSWER_THREADS; i++)
        first[i] = ask(f, "1", false, INT64_MAX);
    await_readings(f, DS_ANSWER_THREADS);
    struct ds_question *second = ask(f, "1", false, INT64_MAX);
    struct ds_question *third = ask(f, "1", false, INT64_MAX);
    assert_int_equal(ds_answerer_depth(f->answerer), 2);
    ds_question_leave(second);   /* while it waits: it is never looked at */
    ds_question_leave(first[0]); /* while it is answered */
    await_readings(f, DS_ANSWER_THREADS + 1);
    assert_int_equal(atomic_load(&third->state), DS_ANSWER_NONE);
    ds_question_leave(third);
    for (size_t i = 1; i < DS_ANSWER_THREADS; i++)
        ds_question_leave(first[i]);
}

static void late_question_is_told_so(void **state)
{
    struct fixture *f = *state;
    const int64_t deadlines_ns[] = {0, ds_clock_steady_ns() + 20 * DS_NS_PER_MS};
    for (size_t i = 0; i < 2; i++) {
        struct ds_question *q = ask(f, "1", false, deadlines_ns[i]);
        await_state(f, q, DS_ANSWER_DONE);
        assert_int_equal(ds_query_http_status(q->err.status), 503);
        assert_non_null(strstr(q->err.text, "ask for less"));
        assert_true(ds_clock_steady_ns() >= deadlines_ns[i]);
        ds_question_leave(q);
    }
}

/* The teardown waits for the threads; questions that wait are freed unanswered. */
static void stopping_ends_the_questions(void **state)
{
    struct fixture *f = *state;
    struct ds_question *questions[DS_ANSWER_THREADS + 1];
    for (size_t i = 0; i <= DS_ANSWER_THREADS; i++)
        questions[i] = ask(f, "1", false, INT64_MAX);
    await_readings(f, DS_ANSWER_THREADS);
    for (size_t i = 0; i <= DS_ANSWER_THREADS; i++)
        ds_question_leave(questions[i]);
}

/* ---- answers ---- */

static void short_answer_is_whole_before_it_is_read(void **state)
{
    struct fixture *f = *state;
    struct ds_question *q = ask(f, "100", false, soon_ns()),
                       *same = ask(f, "100", false, soon_ns());
    struct ds_question *other = ask(f, "101", true, soon_ns());
    size_t bytes;
    await_state(f, q, DS_ANSWER_DONE);
    size_t size = ds_pipe_bytes(q->pipe);
    char *text = read_all(f, q, &bytes);
    assert_int_equal(q->err.status, DS_OK);
    assert_int_equal(bytes, size);
    assert_windows(text, bytes, 100);
    await_state(f, same, DS_ANSWER_DONE);
    await_state(f, other, DS_ANSWER_DONE);
    assert_string_equal(q->tag, same->tag);
    assert_string_not_equal(q->tag, other->tag);
    assert_false(q->is_gzip);
    assert_true(other->is_gzip);
    free(text);
    ds_question_leave(q);
    ds_question_leave(same);
    ds_question_leave(other);
}

static void long_answer_flows_and_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct ds_question *q = ask(f, "10000", false, soon_ns());
    size_t bytes;
    await_state(f, q, DS_ANSWER_FLOWING);
    assert_true(ds_pipe_bytes(q->pipe) <= DS_PIPE_PIECES * DS_PIPE_PIECE_BYTES);
    char *text = read_all(f, q, &bytes);
    assert_int_equal(q->err.status, DS_OK);
    assert_true(bytes > DS_PIPE_PIECES * DS_PIPE_PIECE_BYTES);
    assert_windows(text, bytes, 10000);
    free(text);
    ds_question_leave(q);
}

static void compressed_answer_is_the_same(void **state)
{
    struct fixture *f = *state;
    struct ds_question *q = ask(f, "10000", true, soon_ns());
    size_t bytes, room = 16 << 20;
    char *packed = read_all(f, q, &bytes), *text = malloc(room);
    z_stream z = {.next_in = (Bytef *)packed,
                  .avail_in = (uInt)bytes,
                  .next_out = (Bytef *)text,
                  .avail_out = (uInt)room};
    assert_true(q->is_gzip);
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.avail_in, 0);
    assert_windows(text, z.total_out, 10000);
    inflateEnd(&z);
    free(packed);
    free(text);
    ds_question_leave(q);
}

static void askers_who_do_not_read_leave_a_thread_to_others(void **state)
{
    struct fixture *f = *state;
    struct ds_question *slow[DS_ANSWER_FLOWS_MAX];
    for (size_t i = 0; i < DS_ANSWER_FLOWS_MAX; i++) {
        slow[i] = ask(f, "10000", false, soon_ns());
        await_state(f, slow[i], DS_ANSWER_FLOWING);
    }
    struct ds_question *refused = ask(f, "10000", false, soon_ns());
    await_state(f, refused, DS_ANSWER_DONE);
    assert_int_equal(ds_query_http_status(refused->err.status), 503);
    assert_non_null(strstr(refused->err.text, "too many long answers"));
    struct ds_question *small = ask(f, "1", false, soon_ns());
    await_state(f, small, DS_ANSWER_DONE);
    assert_int_equal(small->err.status, DS_OK);
    ds_question_leave(slow[0]); /* its place is free as soon as its thread has noticed */
    int got = DS_ANSWER_DONE;
    while (got == DS_ANSWER_DONE) {
        struct ds_question *next = ask(f, "10000", false, soon_ns());
        while ((got = atomic_load(&next->state)) == DS_ANSWER_NONE)
            await_news(f);
        ds_question_leave(next);
    }
    for (size_t i = 1; i < DS_ANSWER_FLOWS_MAX; i++)
        ds_question_leave(slow[i]);
    ds_question_leave(refused);
    ds_question_leave(small);
}

int main(void)
{
#define ENDLESS(f) cmocka_unit_test_setup_teardown(f, setup_endless, teardown)
#define TEST(f)    cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        ENDLESS(abandoned_question_ends_and_the_next_comes),
        ENDLESS(late_question_is_told_so),
        ENDLESS(stopping_ends_the_questions),
        TEST(short_answer_is_whole_before_it_is_read),
        TEST(long_answer_flows_and_is_bounded),
        TEST(compressed_answer_is_the_same),
        TEST(askers_who_do_not_read_leave_a_thread_to_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
