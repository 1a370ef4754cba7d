/* SPDX-License-Identifier: Apache-2.0
 *
 * Encrypted connections: who has a listed key delivers under that key's name, and nobody else.
 */
#include "aggregator.h"
#include "darkscope/clock.h"
#include "sample.h"
#include "uplink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include <cmocka.h>

#define PATIENCE_MS 20000

static const struct ds_uplink_timing quick = {
    .answer_ns = 2 * DS_NS_PER_S,
    .ack_ns = 3 * DS_NS_PER_S,
    .retry_min_ns = 20 * DS_NS_PER_MS,
    .retry_max_ns = 200 * DS_NS_PER_MS,
    .refused_ns = 20 * DS_NS_PER_MS,
    .heartbeat_ns = 100 * DS_NS_PER_MS,
};

struct pair {
    struct ds_key public, secret;
};

enum { AGGREGATOR, TOKYO, OSAKA, STRANGER, PAIRS };
static const char *const names[PAIRS] = {"aggregator", "tokyo", "osaka", "stranger"};

struct fixture {
    struct fake_store store;
    struct aggregator aggregator;
    const char *endpoint;
    struct pair pairs[PAIRS];
};

/* tokyo and osaka are listed. */
static struct ds_keys list(const struct fixture *f)
{
    struct ds_keys keys = {.entries = malloc(2 * sizeof *keys.entries), .count = 2};
    assert_non_null(keys.entries);
    keys.entries[0] = f->pairs[TOKYO].public;
    keys.entries[1] = f->pairs[OSAKA].public;
    return keys;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    for (int i = 0; i < PAIRS; i++) {
        strcpy(f->pairs[i].public.name, names[i]);
        strcpy(f->pairs[i].secret.name, names[i]);
        assert_int_equal(zmq_curve_keypair(f->pairs[i].public.z85, f->pairs[i].secret.z85), 0);
    }
    struct ds_keys sensors = list(f);
    fake_store_init(&f->store);
    aggregator_start_with_keys(&f->aggregator, "tcp://127.0.0.1:0", &f->store,
                               &f->pairs[AGGREGATOR].secret, &sensors);
    f->endpoint = ds_receive_endpoint(f->aggregator.receive);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    aggregator_stop(&f->aggregator, false);
    free(f);
    return 0;
}

/* With the key of `who`, or none; it expects the aggregator to have the key of `aggregator`. */
static struct ds_uplink *connect_as(struct fixture *f, int who, const char *name, int aggregator)
{
    bool has_keys = who < PAIRS;
    struct ds_uplink_settings settings = {
        .endpoint = f->endpoint,
        .sensor = name,
        .key = has_keys ? &f->pairs[who].secret : NULL,
        .aggregator_key = has_keys ? &f->pairs[aggregator].public : NULL,
        .timing = &quick,
    };
    struct ds_uplink *u;
    struct ds_error err = {.text = ""};
    if (ds_uplink_create(&settings, &u, &err) < 0)
        fail_msg("%s", err.text);
    return u;
}

static void send_window(struct ds_uplink *u)
{
    struct ds_window w;
    sample_small(&w);
    assert_int_equal(ds_uplink_send(u, &w), 0);
}

static struct ds_uplink_stats stats_of(const struct ds_uplink *u)
{
    struct ds_uplink_stats stats;
    ds_uplink_read_stats(u, &stats);
    return stats;
}

static void assert_delivers(struct fixture *f, int who)
{
    size_t before = fake_store_count(&f->store);
    struct ds_uplink *u = connect_as(f, who, names[who], AGGREGATOR);
    for (int i = 0; i < 10; i++)
        send_window(u);
    assert_int_equal(ds_uplink_finish(u, PATIENCE_MS), 0);
    ds_uplink_destroy(u);
    assert_int_equal(fake_store_count(&f->store), before + 10);
}

static void listed_sensors_deliver_under_their_names(void **state)
{
    struct fixture *f = *state;
    assert_delivers(f, TOKYO);
    assert_delivers(f, OSAKA);
    assert_string_equal(f->store.committed[0].sensor, "tokyo");
    assert_string_equal(f->store.committed[10].sensor, "osaka");
}

/* Longer than a ZeroMQ message may be, between short ones. */
static void long_windows_arrive_in_pieces(void **state)
{
    struct fixture *f = *state;
    struct ds_uplink *u = connect_as(f, TOKYO, "tokyo", AGGREGATOR);
    for (int i = 0; i < 12; i++) {
        struct ds_window w;
        if (i % 3 == 0)
            sample_small(&w);
        else
            sample_traffic(&w, (uint64_t)i, 100000);
        assert_int_equal(ds_uplink_send(u, &w), 0);
    }
    assert_int_equal(ds_uplink_finish(u, PATIENCE_MS), 0);
    assert_int_equal(stats_of(u).acknowledged, 12);
    ds_uplink_destroy(u);
    assert_int_equal(fake_store_count(&f->store), 12);
}

/* Nothing of theirs is stored while a listed sensor, no sooner there than they, delivers. */
static void others_do_not_get_in(void **state)
{
    static const struct {
        int who, aggregator;
    } cases[] = {
        {STRANGER, AGGREGATOR}, /* a key that is not listed */
        {TOKYO, STRANGER},      /* another aggregator's key */
        {PAIRS, AGGREGATOR},    /* none */
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ds_uplink *u = connect_as(f, cases[i].who, "tokyo", cases[i].aggregator);
        struct ds_uplink *good = connect_as(f, OSAKA, "osaka", AGGREGATOR);
        send_window(u);
        for (uint64_t n = 1; n <= 20; n++) {
            send_window(good);
            while (stats_of(good).acknowledged < n) {
                ds_uplink_service(u, 10);
                ds_uplink_service(good, 10);
            }
        }
        assert_int_equal(ds_uplink_finish(good, PATIENCE_MS), 0);
        ds_uplink_destroy(good);
        assert_int_equal(stats_of(u).waiting, 1);
        assert_false(stats_of(u).is_connected);
        assert_int_equal(fake_store_count(&f->store), (i + 1) * 20);
        ds_uplink_destroy(u);
    }
}

static void key_is_good_for_its_own_name_only(void **state)
{
    struct fixture *f = *state;
    struct ds_uplink *u = connect_as(f, OSAKA, "tokyo", AGGREGATOR);
    send_window(u);
    for (int64_t end = ds_clock_steady_ns() + PATIENCE_MS * DS_NS_PER_MS;
         !stats_of(u).refusal[0];) {
        assert_true(ds_clock_steady_ns() < end);
        ds_uplink_service(u, 10);
    }
    assert_non_null(strstr(stats_of(u).refusal, "that of sensor osaka"));
    assert_int_equal(stats_of(u).waiting, 1);
    ds_uplink_destroy(u);
}

static void second_sensor_with_a_key_is_refused_with_the_reason(void **state)
{
    struct fixture *f = *state;
    struct ds_uplink *first = connect_as(f, TOKYO, "tokyo", AGGREGATOR);
    send_window(first);
    while (stats_of(first).acknowledged == 0)
        ds_uplink_service(first, 10);
    struct ds_uplink *second = connect_as(f, TOKYO, "tokyo", AGGREGATOR);
    send_window(second);
    for (int64_t end = ds_clock_steady_ns() + PATIENCE_MS * DS_NS_PER_MS;
         !stats_of(second).refusal[0];) {
        assert_true(ds_clock_steady_ns() < end);
        ds_uplink_service(second, 10);
        ds_uplink_service(first, 0);
    }
    assert_non_null(strstr(stats_of(second).refusal, "another running sensor"));
    send_window(first);
    assert_int_equal(ds_uplink_finish(first, PATIENCE_MS), 0);
    ds_uplink_destroy(first);
    ds_uplink_destroy(second);
}

/* A raw client with a listed key, and a routing id of its choice. */
static void *connect_raw(const struct fixture *f, void *context, int who, const char *routing_id)
{
    const struct pair *p = &f->pairs[who];
    const int zero = 0, patience = PATIENCE_MS;
    void *s = zmq_socket(context, ZMQ_DEALER);
    zmq_setsockopt(s, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(s, ZMQ_RCVTIMEO, &patience, sizeof patience);
    zmq_setsockopt(s, ZMQ_ROUTING_ID, routing_id, strlen(routing_id));
    zmq_setsockopt(s, ZMQ_CURVE_PUBLICKEY, p->public.z85, sizeof p->public.z85);
    zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, p->secret.z85, sizeof p->secret.z85);
    zmq_setsockopt(s, ZMQ_CURVE_SERVERKEY, f->pairs[AGGREGATOR].public.z85, DS_KEY_Z85 + 1);
    assert_int_equal(zmq_connect(s, f->endpoint), 0);
    return s;
}

static void send_message(void *socket, const struct ds_message *m)
{
    unsigned char *bytes;
    size_t size;
    assert_int_equal(ds_message_encode(m, &bytes, &size), 0);
    assert_true(zmq_send(socket, bytes, size, 0) >= 0);
    free(bytes);
}

static void receive_message(void *socket, struct ds_message *m)
{
    char bytes[4096];
    int size = zmq_recv(socket, bytes, sizeof bytes, 0);
    assert_in_range(size, 1, sizeof bytes);
    assert_int_equal(ds_message_decode(m, bytes, (size_t)size, NULL), DS_DECODE_OK);
}

/* The other connection of the same routing id is turned away, and the first goes on. */
static void routing_id_gives_nothing(void **state)
{
    struct fixture *f = *state;
    void *context = zmq_ctx_new();
    void *tokyo = connect_raw(f, context, TOKYO, "same");
    struct ds_message hello = {.kind = DS_MESSAGE_HELLO, .hello = {.sensor = "tokyo", .boot = 7}};
    struct ds_message m, window = {.kind = DS_MESSAGE_WINDOW, .sequence = 1};
    send_message(tokyo, &hello);
    receive_message(tokyo, &m);
    assert_int_equal(m.kind, DS_MESSAGE_WELCOME);

    void *osaka = connect_raw(f, context, OSAKA, "same");
    const int brief = 500;
    zmq_setsockopt(osaka, ZMQ_RCVTIMEO, &brief, sizeof brief);
    sample_small(&window.window);
    window.sequence = 99;
    send_message(osaka, &window);
    char byte;
    assert_int_equal(zmq_recv(osaka, &byte, 1, 0), -1);

    window.sequence = 1;
    send_message(tokyo, &window);
    receive_message(tokyo, &m);
    assert_int_equal(m.kind, DS_MESSAGE_ACK);
    assert_int_equal(m.sequence, 1);
    assert_int_equal(fake_store_count(&f->store), 1);
    ds_message_finish(&window);
    zmq_close(osaka);
    zmq_close(tokyo);
    zmq_ctx_term(context);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(listed_sensors_deliver_under_their_names),
        TEST(long_windows_arrive_in_pieces),
        TEST(others_do_not_get_in),
        TEST(key_is_good_for_its_own_name_only),
        TEST(second_sensor_with_a_key_is_refused_with_the_reason),
        TEST(routing_id_gives_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
