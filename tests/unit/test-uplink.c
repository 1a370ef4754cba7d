/* SPDX-License-Identifier: Apache-2.0
 *
 * An uplink against an aggregator that says what a script tells it, also what no honest one would.
 */
#include "uplink.h"

#include "darkscope/clock.h"
#include "darkscope/message.h"
#include "sample.h"
#include "scratch-directory.h"

#include <pthread.h>
#include <time.h>
#include <zmq.h>

#define PATIENCE_NS (20 * DS_NS_PER_S)

static const struct ds_uplink_timing quick = {
    .answer_ns = DS_NS_PER_S / 5,
    .ack_ns = DS_NS_PER_S / 10,
    .retry_min_ns = 2 * DS_NS_PER_MS,
    .retry_max_ns = 10 * DS_NS_PER_MS,
    .refused_ns = 10 * DS_NS_PER_MS,
    .heartbeat_ns = DS_NS_PER_S / 20,
};

struct fixture {
    void *context, *router;
    struct ds_uplink *uplink;
    struct scratch_directory directory; /* for a spool */
    zmq_msg_t peer;                     /* of the last message */
};

static void connect_with_queue(struct fixture *f, const struct ds_uplink_timing *timing,
                               size_t queue_bytes)
{
    char endpoint[64];
    size_t bytes = sizeof endpoint;
    zmq_getsockopt(f->router, ZMQ_LAST_ENDPOINT, endpoint, &bytes);
    const struct ds_uplink_settings settings = {.endpoint = endpoint,
                                                .sensor = "tokyo",
                                                .monitored_digest = 99,
                                                .timing = timing,
                                                .queue_bytes = queue_bytes};
    assert_int_equal(ds_uplink_create(&settings, &f->uplink, NULL), 0);
}

static void connect_to(struct fixture *f, const struct ds_uplink_timing *timing)
{
    connect_with_queue(f, timing, 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    const int zero = 0;
    scratch_directory_make(&f->directory);
    f->context = zmq_ctx_new();
    f->router = zmq_socket(f->context, ZMQ_ROUTER);
    zmq_setsockopt(f->router, ZMQ_LINGER, &zero, sizeof zero);
    assert_int_equal(zmq_bind(f->router, "tcp://127.0.0.1:*"), 0);
    zmq_msg_init(&f->peer);
    connect_to(f, &quick);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    ds_uplink_destroy(f->uplink);
    scratch_directory_remove(&f->directory);
    zmq_msg_close(&f->peer);
    zmq_close(f->router);
    zmq_ctx_term(f->context);
    free(f);
    return 0;
}

/* Serves the uplink for a moment; true with the next thing it said, which the caller finishes. */
static bool hear_any(struct fixture *f, struct ds_message *m)
{
    ds_uplink_service(f->uplink, 5);
    if (zmq_msg_recv(&f->peer, f->router, ZMQ_DONTWAIT) < 0)
        return false;
    zmq_msg_t payload;
    zmq_msg_init(&payload);
    zmq_msg_recv(&payload, f->router, 0);
    enum ds_decode decoded =
        ds_message_decode(m, zmq_msg_data(&payload), zmq_msg_size(&payload), NULL);
    zmq_msg_close(&payload);
    assert_int_equal(decoded, DS_DECODE_OK);
    return true;
}

/* Waits until it has said something of this kind; other words are ignored. */
static struct ds_message hear(struct fixture *f, enum ds_message_kind kind)
{
    for (int64_t end_ns = ds_clock_steady_ns() + PATIENCE_NS; ds_clock_steady_ns() < end_ns;) {
        struct ds_message m;
        if (!hear_any(f, &m))
            continue;
        if (m.kind == kind)
            return m;
        ds_message_finish(&m);
    }
    fail_msg("never said %s", ds_message_kind_name(kind));
    abort();
}

static void say_bytes(struct fixture *f, const void *bytes, size_t size)
{
    assert_true(zmq_send(f->router, zmq_msg_data(&f->peer), zmq_msg_size(&f->peer), ZMQ_SNDMORE) >=
                0);
    assert_true(zmq_send(f->router, bytes, size, 0) >= 0);
}

static void say(struct fixture *f, enum ds_message_kind kind, uint64_t sequence,
                enum ds_refusal refusal)
{
    const struct ds_message m = {
        .kind = kind, .sequence = sequence, .refusal = refusal, .reason = "a\nreason\x1b[31m"};
    unsigned char *bytes;
    size_t size;
    assert_int_equal(ds_message_encode(&m, &bytes, &size), 0);
    say_bytes(f, bytes, size);
    free(bytes);
}

static uint64_t hear_window(struct fixture *f)
{
    struct ds_message m = hear(f, DS_MESSAGE_WINDOW);
    ds_message_finish(&m);
    return m.sequence;
}

static void greet(struct fixture *f)
{
    struct ds_message m = hear(f, DS_MESSAGE_HELLO);
    assert_string_equal(m.hello.sensor, "tokyo");
    assert_int_equal(m.hello.monitored_digest, 99);
    assert_true(m.hello.boot != 0);
    say(f, DS_MESSAGE_WELCOME, 0, 0);
}

static void queue_windows(struct fixture *f, int count)
{
    for (int i = 0; i < count; i++) {
        struct ds_window w;
        sample_small(&w);
        assert_int_equal(ds_uplink_send(f->uplink, &w), 0);
    }
}

static struct ds_uplink_stats stats_of(struct fixture *f)
{
    struct ds_uplink_stats stats;
    ds_uplink_read_stats(f->uplink, &stats);
    return stats;
}

#define AWAIT(f, condition)                                                                        \
    for (int64_t end_ns = ds_clock_steady_ns() + PATIENCE_NS; !(condition);) {                     \
        assert_true(ds_clock_steady_ns() < end_ns);                                                \
        ds_uplink_service((f)->uplink, 5);                                                         \
    }

static void window_without_acknowledgement_is_sent_again(void **state)
{
    struct fixture *f = *state;
    queue_windows(f, 1);
    greet(f);
    assert_int_equal(hear_window(f), 1);
    assert_int_equal(hear_window(f), 1);
    say(f, DS_MESSAGE_ACK, 1, 0);
    AWAIT(f, stats_of(f).acknowledged == 1);
    assert_true(stats_of(f).resent >= 1);
}

static void no_more_than_the_bound_is_in_flight(void **state)
{
    struct fixture *f = *state;
    queue_windows(f, 20);
    greet(f);
    for (uint64_t i = 1; i <= DS_UPLINK_IN_FLIGHT; i++)
        assert_int_equal(hear_window(f), i);
    assert_int_equal(hear_window(f), 1); /* not the next one, but the first again */
}

static void forgotten_session_is_greeted_again(void **state)
{
    struct fixture *f = *state;
    queue_windows(f, 1);
    greet(f);
    assert_int_equal(hear_window(f), 1);
    say(f, DS_MESSAGE_REFUSE, 1, DS_REFUSAL_ORDER);
    greet(f);
    assert_int_equal(hear_window(f), 1);
}

static void refused_sensor_asks_again_later(void **state)
{
    static const enum ds_refusal refusals[] = {DS_REFUSAL_NAME, DS_REFUSAL_VERSION, DS_REFUSAL_BUSY,
                                               DS_REFUSAL_ORDER};
    struct fixture *f = *state;
    queue_windows(f, 1);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct ds_message m = hear(f, DS_MESSAGE_HELLO);
        ds_message_finish(&m);
        say(f, DS_MESSAGE_REFUSE, 0, refusals[i]);
        assert_false(stats_of(f).is_connected);
    }
    greet(f);
    assert_int_equal(hear_window(f), 1);
}

static void busy_is_followed_by_the_same_window(void **state)
{
    struct fixture *f = *state;
    queue_windows(f, 2);
    greet(f);
    assert_int_equal(hear_window(f), 1);
    say(f, DS_MESSAGE_REFUSE, 1, DS_REFUSAL_BUSY);
    assert_int_equal(hear_window(f), 2); /* was on its way */
    assert_int_equal(hear_window(f), 1);
    assert_int_equal(stats_of(f).waiting, 2);
}

static void refusal_of_an_unnamed_window_finds_the_culprit(void **state)
{
    struct fixture *f = *state;
    queue_windows(f, 6);
    for (int64_t end_ns = ds_clock_steady_ns() + PATIENCE_NS; stats_of(f).waiting > 0;) {
        struct ds_message m;
        assert_true(ds_clock_steady_ns() < end_ns);
        if (!hear_any(f, &m))
            continue;
        ds_message_finish(&m);
        if (m.kind == DS_MESSAGE_HELLO)
            say(f, DS_MESSAGE_WELCOME, 0, 0);
        else if (m.sequence == 3) /* it cannot even be read which one this is */
            say(f, DS_MESSAGE_REFUSE, 0, DS_REFUSAL_MALFORMED);
        else
            say(f, DS_MESSAGE_ACK, m.sequence, 0);
    }
    assert_int_equal(stats_of(f).acknowledged, 5);
    assert_int_equal(stats_of(f).refused, 1);
}

static void false_answers_change_nothing(void **state)
{
    struct fixture *f = *state;
    queue_windows(f, 1);
    greet(f);
    assert_int_equal(hear_window(f), 1);
    say(f, DS_MESSAGE_ACK, 2, 0);
    say(f, DS_MESSAGE_ACK, INT64_MAX, 0);
    say(f, DS_MESSAGE_REFUSE, 7, DS_REFUSAL_MALFORMED);
    say(f, DS_MESSAGE_BYE, 0, 0);
    say_bytes(f, "", 0);
    say_bytes(f, "\xdd\x0f\xff\xff\xff", 5);
    say(f, DS_MESSAGE_WELCOME, 0, 0);
    assert_int_equal(hear_window(f), 1);
    assert_int_equal(stats_of(f).waiting, 1);
    say(f, DS_MESSAGE_ACK, 1, 0);
    say(f, DS_MESSAGE_ACK, 1, 0);
    AWAIT(f, stats_of(f).acknowledged == 1);
    assert_int_equal(stats_of(f).refused, 0);
}

static void silent_aggregator_is_connected_to_anew(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 3; i++) {
        struct ds_message m = hear(f, DS_MESSAGE_HELLO);
        ds_message_finish(&m);
    }
    greet(f);
    AWAIT(f, stats_of(f).is_connected);
    AWAIT(f, !stats_of(f).is_connected); /* its heartbeats are not answered */
    while (!stats_of(f).is_connected)    /* what is heard first may be from the old connection */
        greet(f);
}

static void bye_is_said_when_all_is_delivered(void **state)
{
    struct fixture *f = *state;
    queue_windows(f, 1);
    greet(f);
    assert_int_equal(hear_window(f), 1);
    say(f, DS_MESSAGE_ACK, 1, 0);
    assert_int_equal(ds_uplink_finish(f->uplink, 10000), 0);
    struct ds_message m = hear(f, DS_MESSAGE_BYE);
    ds_message_finish(&m);
}

/* An aggregator on its own thread. Refuses the name for some time; then takes its time for every
 * window. */
struct slow {
    struct fixture *f;
    int64_t free_ns;  /* when the name becomes free */
    long each_ns;     /* before each acknowledgement */
    uint64_t windows; /* after which it ends */
};

static void *answer_slowly(void *arg)
{
    struct slow *s = arg;
    struct fixture *f = s->f;
    for (uint64_t done = 0; done < s->windows;) {
        zmq_msg_t payload;
        struct ds_message m;
        zmq_msg_init(&payload);
        zmq_msg_recv(&f->peer, f->router, 0);
        zmq_msg_recv(&payload, f->router, 0);
        ds_message_decode(&m, zmq_msg_data(&payload), zmq_msg_size(&payload), NULL);
        zmq_msg_close(&payload);
        if (m.kind == DS_MESSAGE_HELLO && ds_clock_steady_ns() < s->free_ns) {
            say(f, DS_MESSAGE_REFUSE, 0, DS_REFUSAL_NAME);
        } else if (m.kind == DS_MESSAGE_HELLO) {
            say(f, DS_MESSAGE_WELCOME, 0, 0);
        } else if (m.kind == DS_MESSAGE_WINDOW) {
            nanosleep(&(struct timespec){.tv_nsec = s->each_ns}, NULL);
            say(f, DS_MESSAGE_ACK, m.sequence, 0);
            done = m.sequence;
        }
        ds_message_finish(&m);
    }
    return NULL;
}

static void finish_with(struct fixture *f, struct slow *s, int patience_ms)
{
    pthread_t thread;
    queue_windows(f, (int)s->windows);
    s->f = f;
    assert_int_equal(pthread_create(&thread, NULL, answer_slowly, s), 0);
    assert_int_equal(ds_uplink_finish(f->uplink, patience_ms), 0);
    pthread_join(thread, NULL);
    assert_int_equal(stats_of(f).acknowledged, s->windows);
    assert_string_equal(stats_of(f).refusal, "");
}

/* The patience is for silence, not for the whole. */
static void slow_aggregator_is_waited_for(void **state)
{
    struct fixture *f = *state;
    ds_uplink_destroy(f->uplink);
    connect_to(f, &ds_uplink_timing_default);
    struct slow slow = {.each_ns = DS_NS_PER_S / 5, .windows = 16};
    finish_with(f, &slow, 2000);
}

/* A crashed sensor holds its name for a time that is longer than the usual patience. */
static void name_in_use_is_waited_for(void **state)
{
    struct slow slow = {.free_ns = ds_clock_steady_ns() + DS_NS_PER_S, .windows = 1};
    finish_with(*state, &slow, 500);
}

static void refusal_is_remembered(void **state)
{
    struct fixture *f = *state;
    queue_windows(f, 1);
    struct ds_message m = hear(f, DS_MESSAGE_HELLO);
    ds_message_finish(&m);
    say(f, DS_MESSAGE_REFUSE, 0, DS_REFUSAL_VERSION);
    AWAIT(f, stats_of(f).refusal[0]);
    assert_string_equal(stats_of(f).refusal, "a?reason?[31m");
    assert_false(ds_uplink_finish(f->uplink, 1) == 0);
}

/* The operator of the aggregator sees it. */
static void what_waits_and_what_is_lost_is_told(void **state)
{
    struct fixture *f = *state;
    ds_uplink_destroy(f->uplink);
    connect_with_queue(f, &quick, 1); /* room for one window, and never for two */
    queue_windows(f, 3);
    struct ds_message m = hear(f, DS_MESSAGE_HELLO);
    assert_int_equal(m.hello.windows_waiting, 1);
    assert_int_equal(m.hello.windows_lost, 2);
    ds_message_finish(&m);
}

/* ---- with a spool ---- */

static void connect_with_spool(struct fixture *f)
{
    struct ds_error err;
    char endpoint[64];
    size_t bytes = sizeof endpoint;
    zmq_getsockopt(f->router, ZMQ_LAST_ENDPOINT, endpoint, &bytes);
    const struct ds_uplink_settings settings = {.endpoint = endpoint,
                                                .sensor = "tokyo",
                                                .monitored_digest = 99,
                                                .timing = &quick,
                                                .spool = f->directory.path,
                                                .spool_bytes = 1 << 20};
    ds_uplink_destroy(f->uplink);
    if (ds_uplink_create(&settings, &f->uplink, &err))
        fail_msg("%s", err.text);
}

/* Answers WELCOME to a HELLO and returns its boot. */
static uint64_t greet_boot(struct fixture *f)
{
    struct ds_message m = hear(f, DS_MESSAGE_HELLO);
    say(f, DS_MESSAGE_WELCOME, 0, 0);
    return m.hello.boot;
}

/* Waits until it greets under another boot than this one, past the heartbeats of this one. */
static uint64_t greet_other(struct fixture *f, uint64_t boot)
{
    uint64_t other = boot;
    while (other == boot)
        other = greet_boot(f);
    return other;
}

/* Where this machine was slow, it greets again before it sends the window: it is welcomed again. */
static uint64_t hear_window_welcoming(struct fixture *f)
{
    for (int64_t end_ns = ds_clock_steady_ns() + PATIENCE_NS; ds_clock_steady_ns() < end_ns;) {
        struct ds_message m;
        if (!hear_any(f, &m))
            continue;
        ds_message_finish(&m);
        if (m.kind == DS_MESSAGE_WINDOW)
            return m.sequence;
        if (m.kind == DS_MESSAGE_HELLO)
            say(f, DS_MESSAGE_WELCOME, 0, 0);
    }
    fail_msg("never sent a window");
    abort();
}

static void acknowledge(struct fixture *f, uint64_t sequence)
{
    uint64_t before = stats_of(f).acknowledged;
    while (hear_window_welcoming(f) != sequence) /* one that is sent again */
        ;
    say(f, DS_MESSAGE_ACK, sequence, 0);
    AWAIT(f, stats_of(f).acknowledged == before + 1);
}

static void windows_left_go_first_by_their_own_names(void **state)
{
    struct fixture *f = *state;
    connect_with_spool(f);
    queue_windows(f, 3);
    uint64_t first_boot = greet_boot(f);
    acknowledge(f, 1);
    connect_with_spool(f);
    queue_windows(f, 1);
    assert_int_equal(stats_of(f).found, 2);
    assert_true(greet_boot(f) == first_boot);
    acknowledge(f, 2);
    acknowledge(f, 3);
    assert_true(greet_other(f, first_boot) != first_boot);
    acknowledge(f, 4); /* no sequence twice, so no answer can be to two windows */
    assert_int_equal(stats_of(f).waiting, 0);
}

/* No window is sent under a boot that was not welcomed. */
static void boot_changes_only_by_greeting(void **state)
{
    struct fixture *f = *state;
    connect_with_spool(f);
    queue_windows(f, 1);
    connect_with_spool(f);
    queue_windows(f, 1);
    uint64_t boot = greet_boot(f);
    acknowledge(f, 1);
    struct ds_message m = hear(f, DS_MESSAGE_HELLO);
    while (m.hello.boot == boot) { /* a heartbeat */
        say(f, DS_MESSAGE_WELCOME, 0, 0);
        m = hear(f, DS_MESSAGE_HELLO);
    }
    say(f, DS_MESSAGE_REFUSE, 0, DS_REFUSAL_BUSY);
    m = hear(f, DS_MESSAGE_HELLO); /* and not the window */
    ds_message_finish(&m);
    say(f, DS_MESSAGE_WELCOME, 0, 0);
    acknowledge(f, 2);
}

/* The aggregator may know the dead run by its last delivered window or by the next one. */
static void name_of_the_dead_run_is_taken_over(void **state)
{
    struct fixture *f = *state;
    connect_with_spool(f);
    queue_windows(f, 1);
    uint64_t done = greet_boot(f);
    acknowledge(f, 1);
    connect_with_spool(f);
    queue_windows(f, 1);
    connect_with_spool(f);
    struct ds_message m = hear(f, DS_MESSAGE_HELLO);
    assert_true(m.hello.boot == done);
    say(f, DS_MESSAGE_REFUSE, 0, DS_REFUSAL_NAME);
    uint64_t waiting = greet_other(f, done);
    acknowledge(f, 2);
    connect_with_spool(f);
    assert_true(greet_boot(f) == waiting);
}

static void spool_outlives_an_end_without_answers(void **state)
{
    struct fixture *f = *state;
    connect_with_spool(f);
    queue_windows(f, 2);
    assert_int_equal(ds_uplink_finish(f->uplink, 1), 2);
    assert_int_equal(stats_of(f).in_memory, 0);
    connect_with_spool(f);
    assert_int_equal(stats_of(f).found, 2);
    while (!stats_of(f).is_connected) /* what is heard first may be from the run before */
        greet(f);
    acknowledge(f, 1);
    acknowledge(f, 2);
    assert_int_equal(ds_uplink_finish(f->uplink, 10000), 0);
    connect_with_spool(f);
    assert_int_equal(stats_of(f).found, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(window_without_acknowledgement_is_sent_again),
        TEST(no_more_than_the_bound_is_in_flight),
        TEST(forgotten_session_is_greeted_again),
        TEST(refused_sensor_asks_again_later),
        TEST(busy_is_followed_by_the_same_window),
        TEST(refusal_of_an_unnamed_window_finds_the_culprit),
        TEST(false_answers_change_nothing),
        TEST(silent_aggregator_is_connected_to_anew),
        TEST(bye_is_said_when_all_is_delivered),
        TEST(slow_aggregator_is_waited_for),
        TEST(name_in_use_is_waited_for),
        TEST(refusal_is_remembered),
        TEST(what_waits_and_what_is_lost_is_told),
        TEST(windows_left_go_first_by_their_own_names),
        TEST(boot_changes_only_by_greeting),
        TEST(name_of_the_dead_run_is_taken_over),
        TEST(spool_outlives_an_end_without_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
