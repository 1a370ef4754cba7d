/* SPDX-License-Identifier: Apache-2.0
 *
 * A sensor's uplink against an aggregator in this process: whatever fails on the way, every window
 * is committed once, and what is lost is counted.
 */
#include "aggregator.h"
#include "darkscope/clock.h"
#include "sample.h"
#include "uplink.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 20000 /* far beyond what a loaded machine needs */

static const struct ds_uplink_timing quick = {
    .answer_ns = 2 * DS_NS_PER_S,
    .ack_ns = 3 * DS_NS_PER_S,
    .retry_min_ns = 2 * DS_NS_PER_MS,
    .retry_max_ns = 20 * DS_NS_PER_MS,
    .refused_ns = 20 * DS_NS_PER_MS,
    .heartbeat_ns = 100 * DS_NS_PER_MS,
};

struct fixture {
    char directory[32], endpoint[64];
    struct fake_store store;
    struct aggregator aggregator;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    strcpy(f->directory, "/tmp/darkscope-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    snprintf(f->endpoint, sizeof f->endpoint, "ipc://%s/socket", f->directory);
    fake_store_init(&f->store);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    unlink(f->endpoint + strlen("ipc://"));
    rmdir(f->directory);
    free(f);
    return 0;
}

static struct ds_uplink *create(const struct ds_uplink_settings *settings)
{
    struct ds_uplink *u;
    struct ds_error err = {.text = ""};
    if (ds_uplink_create(settings, &u, &err) < 0)
        fail_msg("%s", err.text);
    return u;
}

static struct ds_uplink *connect_to(const char *endpoint, const char *sensor, size_t queue_bytes)
{
    return create(&(struct ds_uplink_settings){
        .endpoint = endpoint, .sensor = sensor, .queue_bytes = queue_bytes, .timing = &quick});
}

static void send_windows(struct ds_uplink *u, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct ds_window w;
        sample_small(&w);
        w.start_s += (int64_t)i * 60;
        assert_int_equal(ds_uplink_send(u, &w), 0);
        ds_uplink_service(u, 0);
    }
}

static struct ds_uplink_stats stats_of(struct ds_uplink *u)
{
    struct ds_uplink_stats stats;
    ds_uplink_read_stats(u, &stats);
    assert_int_equal(stats.accepted, stats.acknowledged + stats.dropped + stats.refused +
                                         stats.merged + stats.waiting);
    return stats;
}

/* Services until the field is at least so much. */
#define AWAIT(u, field, least)                                                                     \
    for (int64_t end = ds_clock_steady_ns() + PATIENCE_MS * DS_NS_PER_MS;                          \
         stats_of(u).field < (least);) {                                                           \
        assert_true(ds_clock_steady_ns() < end);                                                   \
        ds_uplink_service(u, 10);                                                                  \
    }

static void assert_all_committed(struct fake_store *s, size_t count)
{
    assert_int_equal(s->count, count);
    for (uint64_t sequence = 1; sequence <= count; sequence++) {
        size_t times = 0;
        for (size_t i = 0; i < s->count; i++)
            times += s->committed[i].sequence == sequence;
        assert_int_equal(times, 1);
    }
}

static void every_window_is_committed_once(void **state)
{
    struct fixture *f = *state;
    aggregator_start(&f->aggregator, "tcp://127.0.0.1:0", &f->store);
    struct ds_uplink *u = connect_to(ds_receive_endpoint(f->aggregator.receive), "tokyo", 0);
    send_windows(u, 300);
    assert_int_equal(ds_uplink_finish(u, PATIENCE_MS), 0);
    assert_int_equal(stats_of(u).acknowledged, 300);
    ds_uplink_destroy(u);
    aggregator_stop(&f->aggregator, false);
    assert_all_committed(&f->store, 300);
    assert_int_equal(f->store.committed[299].start_s, f->store.committed[0].start_s + 299 * 60);
}

static void several_sensors_do_not_disturb_each_other(void **state)
{
    struct fixture *f = *state;
    aggregator_start(&f->aggregator, f->endpoint, &f->store);
    struct ds_uplink *uplinks[8];
    for (int i = 0; i < 8; i++) {
        char name[] = {'s', (char)('0' + i), 0};
        uplinks[i] = connect_to(f->endpoint, name, 0);
        send_windows(uplinks[i], 20);
    }
    for (int i = 0; i < 8; i++) {
        assert_int_equal(ds_uplink_finish(uplinks[i], PATIENCE_MS), 0);
        ds_uplink_destroy(uplinks[i]);
    }
    aggregator_stop(&f->aggregator, false);
    assert_int_equal(f->store.count, 160);
}

static void windows_wait_for_an_aggregator_that_starts_later(void **state)
{
    struct fixture *f = *state;
    struct ds_uplink *u = connect_to(f->endpoint, "tokyo", 0);
    send_windows(u, 10);
    assert_int_equal(stats_of(u).waiting, 10);
    assert_false(stats_of(u).is_connected);
    aggregator_start(&f->aggregator, f->endpoint, &f->store);
    assert_int_equal(ds_uplink_finish(u, PATIENCE_MS), 0);
    ds_uplink_destroy(u);
    aggregator_stop(&f->aggregator, false);
    assert_all_committed(&f->store, 10);
}

/* An aggregator that was away for longer than the spool has room for minutes: it gets hours, and
 * every packet once. */
static void a_full_spool_is_delivered_as_hours(void **state)
{
    struct fixture *f = *state;
    char spool[64];
    snprintf(spool, sizeof spool, "%s/spool", f->directory);
    struct ds_uplink *u = create(&(struct ds_uplink_settings){.endpoint = f->endpoint,
                                                              .sensor = "tokyo",
                                                              .spool = spool,
                                                              .spool_bytes = 1 << 20,
                                                              .timing = &quick});
    send_windows(u, 2000); /* of 0.8 KB */
    struct ds_uplink_stats s = stats_of(u);
    assert_int_equal(s.dropped, 0);
    assert_true(s.merged > 500);
    aggregator_start(&f->aggregator, f->endpoint, &f->store);
    assert_int_equal(ds_uplink_finish(u, PATIENCE_MS), 0);
    assert_int_equal(stats_of(u).acknowledged, 2000 - s.merged);
    ds_uplink_destroy(u);
    aggregator_stop(&f->aggregator, false);
    uint64_t windows = 0, packets = 0, last = 0;
    for (size_t i = 0; i < f->store.count; i++) {
        windows += 1 + f->store.committed[i].merged;
        packets += f->store.committed[i].counted;
        assert_true(f->store.committed[i].sequence > last); /* in order */
        last = f->store.committed[i].sequence;
    }
    assert_int_equal(windows, 2000);
    assert_int_equal(packets, 2000 * 8);
    char lock[80];
    snprintf(lock, sizeof lock, "%s/lock", spool);
    assert_int_equal(unlink(lock), 0); /* nothing else is left */
    assert_int_equal(rmdir(spool), 0);
}

static void lost_acknowledgement_makes_a_duplicate_and_no_second_commit(void **state)
{
    struct fixture *f = *state;
    aggregator_start(&f->aggregator, f->endpoint, &f->store);
    fake_store_block(&f->store, true);
    struct ds_uplink *u = connect_to(f->endpoint, "tokyo", 0);
    AWAIT(u, is_connected, 1);
    send_windows(u, 3);
    fake_store_await_blocked(&f->store);
    aggregator_stop(&f->aggregator, true);
    size_t before = fake_store_count(&f->store);
    assert_true(before >= 1);
    assert_int_equal(stats_of(u).acknowledged, 0);

    aggregator_start(&f->aggregator, f->endpoint, &f->store);
    assert_int_equal(ds_uplink_finish(u, PATIENCE_MS), 0);
    ds_uplink_destroy(u);
    aggregator_stop(&f->aggregator, false);
    assert_all_committed(&f->store, 3);
    assert_true(f->store.duplicates >= before);
}

static void queue_window(struct ds_ingest *ingest, uint64_t sequence)
{
    struct ds_job *job = calloc(1, sizeof *job);
    assert_non_null(job);
    sample_small(&job->window);
    job->ticket = (struct ds_ticket){.sensor = "tokyo", .boot = 1, .sequence = sequence};
    assert_true(ds_ingest_push(ingest, job));
}

static void await_outcome(struct ds_ingest *ingest, enum ds_outcome expected)
{
    struct pollfd readable = {.fd = ds_ingest_fd(ingest), .events = POLLIN};
    struct ds_job *job;
    while (!(job = ds_ingest_take(ingest)))
        assert_int_equal(poll(&readable, 1, PATIENCE_MS), 1);
    assert_int_equal(job->outcome, expected);
    ds_job_destroy(job);
}

/* Those that come while the store is busy; each alone where one of them is known. */
static void windows_that_wait_are_committed_together(void **state)
{
    struct fake_store *store = &((struct fixture *)*state)->store;
    struct ds_ingest *ingest;
    assert_int_equal(ds_ingest_start(&store->base, &(struct ds_retention){0}, &ingest, NULL), 0);
    fake_store_block(store, true);
    queue_window(ingest, 1);
    fake_store_await_blocked(store);
    for (uint64_t sequence = 2; sequence <= 4; sequence++)
        queue_window(ingest, sequence);
    fake_store_block(store, false);
    for (int i = 0; i < 4; i++)
        await_outcome(ingest, DS_OUTCOME_COMMITTED);
    assert_int_equal(store->together, 3);

    fake_store_block(store, true);
    queue_window(ingest, 5);
    fake_store_await_blocked(store);
    queue_window(ingest, 2);
    queue_window(ingest, 6);
    fake_store_block(store, false);
    await_outcome(ingest, DS_OUTCOME_COMMITTED);
    await_outcome(ingest, DS_OUTCOME_DUPLICATE);
    await_outcome(ingest, DS_OUTCOME_COMMITTED);
    ds_ingest_stop(ingest);
    ds_ingest_destroy(ingest);
    assert_int_equal(store->together, 3);
    assert_int_equal(store->count, 6);
}

static void aggregator_restarts_do_not_lose_or_double_windows(void **state)
{
    struct fixture *f = *state;
    struct ds_uplink *u = connect_to(f->endpoint, "tokyo", 0);
    for (int round = 0; round < 5; round++) {
        aggregator_start(&f->aggregator, f->endpoint, &f->store);
        uint64_t before = stats_of(u).acknowledged;
        send_windows(u, 20);
        AWAIT(u, acknowledged, before + 1);
        aggregator_stop(&f->aggregator, true);
    }
    aggregator_start(&f->aggregator, f->endpoint, &f->store);
    assert_int_equal(ds_uplink_finish(u, PATIENCE_MS), 0);
    ds_uplink_destroy(u);
    aggregator_stop(&f->aggregator, false);
    assert_all_committed(&f->store, 100);
}

static void failing_store_is_retried_until_it_works(void **state)
{
    struct fixture *f = *state;
    aggregator_start(&f->aggregator, f->endpoint, &f->store);
    fake_store_fail(&f->store, 9);
    struct ds_uplink *u = connect_to(f->endpoint, "tokyo", 0);
    send_windows(u, 12);
    assert_int_equal(ds_uplink_finish(u, PATIENCE_MS), 0);
    assert_true(stats_of(u).resent >= 9);
    struct ds_ingest_health health;
    ds_ingest_read_health(f->aggregator.ingest, &health);
    assert_false(health.is_failing);
    assert_int_equal(health.failures, 9);
    assert_int_equal(health.committed, 12);
    assert_true(health.last_commit_s > 0);
    ds_uplink_destroy(u);
    aggregator_stop(&f->aggregator, false);
    assert_all_committed(&f->store, 12);
}

static void store_that_hangs_does_not_hang_the_network(void **state)
{
    struct fixture *f = *state;
    aggregator_start(&f->aggregator, f->endpoint, &f->store);
    fake_store_block(&f->store, true);
    struct ds_uplink *u = connect_to(f->endpoint, "tokyo", 0);
    send_windows(u, 30);
    AWAIT(u, is_connected, 1);
    fake_store_await_blocked(&f->store);
    struct ds_uplink *other = connect_to(f->endpoint, "osaka", 0);
    AWAIT(other, is_connected, 1);
    ds_uplink_destroy(other);
    assert_int_equal(ds_uplink_finish(u, 50), 30); /* said, not silent */
    fake_store_block(&f->store, false);
    ds_uplink_destroy(u);
    aggregator_stop(&f->aggregator, false);
}

static void window_that_can_never_be_stored_is_counted_and_the_rest_goes_on(void **state)
{
    struct fixture *f = *state;
    aggregator_start(&f->aggregator, f->endpoint, &f->store);
    struct ds_uplink *u = connect_to(f->endpoint, "tokyo", 0);
    struct ds_window unbalanced;
    sample_small(&unbalanced);
    unbalanced.books[DS_BOOK_RECEIVED]++;
    assert_int_equal(ds_uplink_send(u, &unbalanced), 0);
    AWAIT(u, refused, 1);
    fake_store_refuse(&f->store, 1);
    send_windows(u, 5);
    assert_int_equal(ds_uplink_finish(u, PATIENCE_MS), 0);
    assert_int_equal(stats_of(u).refused, 2);
    assert_int_equal(stats_of(u).acknowledged, 4);
    ds_uplink_destroy(u);
    aggregator_stop(&f->aggregator, false);
    assert_int_equal(f->store.count, 4);
}

static void full_queue_drops_the_oldest_and_counts_them(void **state)
{
    struct fixture *f = *state;
    struct ds_uplink *u = connect_to(f->endpoint, "tokyo", 8192);
    send_windows(u, 200);
    struct ds_uplink_stats stats = stats_of(u);
    assert_true(stats.dropped > 0);
    assert_true(stats.waiting > 0);
    aggregator_start(&f->aggregator, f->endpoint, &f->store);
    assert_int_equal(ds_uplink_finish(u, PATIENCE_MS), 0);
    assert_int_equal(stats_of(u).acknowledged, stats.waiting);
    ds_uplink_destroy(u);
    aggregator_stop(&f->aggregator, false);
    for (size_t i = 0; i < f->store.count; i++)
        assert_true(f->store.committed[i].sequence > stats.dropped);
}

static void name_in_use_waits_until_it_is_free(void **state)
{
    struct fixture *f = *state;
    aggregator_start(&f->aggregator, f->endpoint, &f->store);
    struct ds_uplink *first = connect_to(f->endpoint, "tokyo", 0);
    AWAIT(first, is_connected, 1);
    struct ds_uplink *second = connect_to(f->endpoint, "tokyo", 0);
    send_windows(second, 1);
    assert_int_equal(ds_uplink_finish(first, PATIENCE_MS), 0);
    assert_int_equal(ds_uplink_finish(second, PATIENCE_MS), 0);
    ds_uplink_destroy(first);
    ds_uplink_destroy(second);
    aggregator_stop(&f->aggregator, false);
    assert_int_equal(f->store.count, 1);
}

static void address_in_use_is_a_clear_error(void **state)
{
    struct fixture *f = *state;
    const char *const endpoints[] = {"tcp://127.0.0.1:0", f->endpoint};
    for (size_t i = 0; i < 2; i++) {
        struct ds_receive *second;
        struct ds_error err = {.text = ""};
        aggregator_start(&f->aggregator, endpoints[i], &f->store);
        const char *bound = ds_receive_endpoint(f->aggregator.receive);
        const struct ds_receive_settings same = {.endpoint = bound, .ingest = f->aggregator.ingest};
        assert_int_equal(ds_receive_create(&same, &second, &err), -1);
        assert_int_equal(err.status, DS_NETWORK);
        assert_non_null(strstr(err.text, bound));
        assert_non_null(strstr(err.text, "in use"));
        /* The one that runs is unharmed. */
        struct ds_uplink *u = connect_to(bound, "tokyo", 0);
        send_windows(u, 1);
        assert_int_equal(ds_uplink_finish(u, PATIENCE_MS), 0);
        ds_uplink_destroy(u);
        aggregator_stop(&f->aggregator, false);
    }
}

static void nothing_beyond_this_machine_is_bound_or_asked_without_keys(void **state)
{
    struct ds_receive *receive;
    struct ds_uplink *u;
    struct ds_error err = {.text = ""};
    const struct ds_receive_settings everywhere = {.endpoint = "tcp://0.0.0.0:0"};
    assert_int_equal(ds_receive_create(&everywhere, &receive, &err), -1);
    assert_int_equal(err.status, DS_CONFIG);
    const struct ds_uplink_settings settings = {.endpoint = "tcp://192.0.2.1:7100", .sensor = "x"};
    assert_int_equal(ds_uplink_create(&settings, &u, &err), -1);
    assert_int_equal(err.status, DS_CONFIG);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_window_is_committed_once),
        TEST(several_sensors_do_not_disturb_each_other),
        TEST(windows_wait_for_an_aggregator_that_starts_later),
        TEST(a_full_spool_is_delivered_as_hours),
        TEST(lost_acknowledgement_makes_a_duplicate_and_no_second_commit),
        TEST(windows_that_wait_are_committed_together),
        TEST(aggregator_restarts_do_not_lose_or_double_windows),
        TEST(failing_store_is_retried_until_it_works),
        TEST(store_that_hangs_does_not_hang_the_network),
        TEST(window_that_can_never_be_stored_is_counted_and_the_rest_goes_on),
        TEST(full_queue_drops_the_oldest_and_counts_them),
        TEST(name_in_use_waits_until_it_is_free),
        TEST(address_in_use_is_a_clear_error),
        TEST(nothing_beyond_this_machine_is_bound_or_asked_without_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
