/* SPDX-License-Identifier: Apache-2.0
 *
 * What strangers do to the aggregator's socket does not stop a good sensor.
 */
#include "aggregator.h"
#include "darkscope/clock.h"
#include "sample.h"
#include "uplink.h"

#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

#define PATIENCE_MS   20000
#define STRANGERS_MAX 1000

struct fixture {
    struct fake_store store;
    struct aggregator aggregator;
    const char *endpoint;
    void *context, *stranger;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    fake_store_init(&f->store);
    aggregator_start(&f->aggregator, "tcp://127.0.0.1:0", &f->store);
    f->endpoint = ds_receive_endpoint(f->aggregator.receive);
    f->context = zmq_ctx_new();
    f->stranger = zmq_socket(f->context, ZMQ_DEALER);
    const int zero = 0, patience = PATIENCE_MS;
    zmq_setsockopt(f->stranger, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(f->stranger, ZMQ_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(zmq_connect(f->stranger, f->endpoint), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    zmq_close(f->stranger);
    zmq_ctx_term(f->context);
    aggregator_stop(&f->aggregator, false);
    free(f);
    return 0;
}

static void assert_good_sensor_is_served(struct fixture *f, const char *sensor)
{
    const struct ds_uplink_settings settings = {.endpoint = f->endpoint, .sensor = sensor};
    struct ds_uplink *u;
    assert_int_equal(ds_uplink_create(&settings, &u, NULL), 0);
    size_t before = fake_store_count(&f->store);
    for (int i = 0; i < 10; i++) {
        struct ds_window w;
        sample_small(&w);
        assert_int_equal(ds_uplink_send(u, &w), 0);
    }
    assert_int_equal(ds_uplink_finish(u, PATIENCE_MS), 0);
    ds_uplink_destroy(u);
    assert_int_equal(fake_store_count(&f->store), before + 10);
}

static void assert_refused(struct fixture *f, enum ds_refusal refusal)
{
    char bytes[4096];
    struct ds_message m;
    int size = zmq_recv(f->stranger, bytes, sizeof bytes, 0);
    assert_true(size > 0 && (size_t)size <= sizeof bytes);
    assert_int_equal(ds_message_decode(&m, bytes, (size_t)size, NULL), DS_DECODE_OK);
    assert_int_equal(m.kind, DS_MESSAGE_REFUSE);
    assert_int_equal(m.refusal, refusal);
    ds_message_finish(&m);
}

static void send_message(struct fixture *f, const struct ds_message *m)
{
    unsigned char *bytes;
    size_t size;
    assert_int_equal(ds_message_encode(m, &bytes, &size), 0);
    assert_true(zmq_send(f->stranger, bytes, size, 0) >= 0);
    free(bytes);
}

static void random_bytes_are_refused(void **state)
{
    struct fixture *f = *state;
    uint64_t seed = 42;
    for (int i = 0; i < 500; i++) {
        uint64_t bytes[64];
        for (size_t k = 0; k < 64; k++)
            bytes[k] = sample_random(&seed);
        size_t size = sample_random(&seed) % (sizeof bytes + 1);
        assert_true(zmq_send(f->stranger, bytes, size, 0) >= 0);
        assert_refused(f, DS_REFUSAL_MALFORMED);
    }
    assert_good_sensor_is_served(f, "tokyo");
}

static void messages_of_several_parts_are_refused_as_one(void **state)
{
    struct fixture *f = *state;
    for (int parts = 2; parts < 20; parts++) {
        for (int i = 1; i < parts; i++)
            assert_true(zmq_send(f->stranger, "part", 4, ZMQ_SNDMORE) >= 0);
        assert_true(zmq_send(f->stranger, "", 0, 0) >= 0);
        assert_refused(f, DS_REFUSAL_MALFORMED);
    }
    assert_true(zmq_send(f->stranger, "", 0, 0) >= 0);
    assert_refused(f, DS_REFUSAL_MALFORMED);
    assert_good_sensor_is_served(f, "tokyo");
}

static void other_protocol_version_is_told_so(void **state)
{
    struct fixture *f = *state;
    const struct ds_message hello = {.kind = DS_MESSAGE_HELLO,
                                     .hello = {.major = DS_PROTOCOL_MAJOR, .sensor = "tokyo"}};
    unsigned char *bytes;
    size_t size;
    assert_int_equal(ds_message_encode(&hello, &bytes, &size), 0);
    unsigned char *major = memmem(bytes, size, "major", 5);
    assert_non_null(major);
    assert_int_equal(major[5], DS_PROTOCOL_MAJOR);
    major[5] = DS_PROTOCOL_MAJOR + 1;
    assert_true(zmq_send(f->stranger, bytes, size, 0) >= 0);
    assert_refused(f, DS_REFUSAL_VERSION);
    free(bytes);
}

/* Clocks that say anything are told of and break nothing. */
static void any_clock_is_welcome(void **state)
{
    static const int64_t clocks_ns[] = {0, INT64_MIN, INT64_MAX};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof clocks_ns / sizeof clocks_ns[0]; i++) {
        char bytes[4096];
        struct ds_message m;
        send_message(f, &(struct ds_message){
                            .kind = DS_MESSAGE_HELLO,
                            .hello = {.sensor = "tokyo", .boot = 1, .clock_ns = clocks_ns[i]}});
        int size = zmq_recv(f->stranger, bytes, sizeof bytes, 0);
        assert_in_range(size, 1, sizeof bytes);
        assert_int_equal(ds_message_decode(&m, bytes, (size_t)size, NULL), DS_DECODE_OK);
        assert_int_equal(m.kind, DS_MESSAGE_WELCOME);
        ds_message_finish(&m);
    }
}

static void window_of_a_stranger_is_refused(void **state)
{
    struct fixture *f = *state;
    struct ds_message m = {.kind = DS_MESSAGE_WINDOW, .sequence = 1};
    unsigned char *bytes;
    size_t size;
    sample_small(&m.window);
    assert_int_equal(ds_message_encode(&m, &bytes, &size), 0);
    ds_message_finish(&m);
    assert_true(zmq_send(f->stranger, bytes, size, 0) >= 0);
    assert_refused(f, DS_REFUSAL_ORDER);
    assert_int_equal(fake_store_count(&f->store), 0);
    /* Cut anywhere behind its kind it is refused as well: nothing of it is read. */
    const unsigned char *kind = memmem(bytes, size, "window", 6);
    assert_non_null(kind);
    size_t head = (size_t)(kind + 6 - bytes);
    for (size_t cut = 0; cut < size; cut += 7) {
        assert_true(zmq_send(f->stranger, bytes, cut, 0) >= 0);
        assert_refused(f, cut < head ? DS_REFUSAL_MALFORMED : DS_REFUSAL_ORDER);
    }
    free(bytes);
}

static void giant_message_never_arrives(void **state)
{
    struct fixture *f = *state;
    static const char bytes[DS_PIECE_MAX + 1024];
    assert_true(zmq_send(f->stranger, bytes, sizeof bytes, 0) >= 0);
    assert_good_sensor_is_served(f, "tokyo");
    /* Had it arrived, it would have been answered before the next two. */
    assert_true(zmq_send(f->stranger, "small", 5, 0) >= 0);
    assert_refused(f, DS_REFUSAL_MALFORMED);
    send_message(f, &(struct ds_message){.kind = DS_MESSAGE_ACK, .sequence = 1});
    assert_refused(f, DS_REFUSAL_ORDER);
}

/* A window that is large, regular and so small on the wire, and does not balance. */
static void send_laborious(struct fixture *f, unsigned times)
{
    enum { CELLS = 3u << 18 };
    struct ds_message m = {.kind = DS_MESSAGE_WINDOW, .sequence = 1};
    m.window.seconds = 60;
    m.window.cell_count = CELLS;
    m.window.cells = calloc(CELLS, sizeof m.window.cells[0]);
    assert_non_null(m.window.cells);
    for (size_t i = 0; i < CELLS; i++)
        m.window.cells[i] = (struct ds_cell){.proto = (uint8_t)(i >> 16),
                                             .port = (uint16_t)i,
                                             .country = DS_COUNTRY_UNKNOWN,
                                             .packets = 1};
    unsigned char *bytes;
    size_t size;
    assert_int_equal(ds_message_encode(&m, &bytes, &size), 0);
    ds_message_finish(&m);
    assert_true(size <= DS_PIECE_MAX);
    for (unsigned i = 0; i < times; i++)
        assert_true(zmq_send(f->stranger, bytes, size, 0) >= 0);
    free(bytes);
}

/* An aggregator whose rounds the test makes itself. */
static struct ds_receive *start_by_hand(struct fixture *f, struct ds_ingest **ingest)
{
    struct ds_receive *receive;
    fake_store_init(&f->store);
    assert_int_equal(ds_ingest_start(&f->store.base, &(struct ds_retention){0}, ingest, NULL), 0);
    const struct ds_receive_settings settings = {.endpoint = "tcp://127.0.0.1:0",
                                                 .ingest = *ingest};
    assert_int_equal(ds_receive_create(&settings, &receive, NULL), 0);
    f->context = zmq_ctx_new();
    f->stranger = zmq_socket(f->context, ZMQ_DEALER);
    const int zero = 0, one = 1, second = 1000;
    zmq_setsockopt(f->stranger, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(f->stranger, ZMQ_SNDTIMEO, &second, sizeof second);
    zmq_setsockopt(f->stranger, ZMQ_SNDHWM, &one, sizeof one);
    assert_int_equal(zmq_connect(f->stranger, ds_receive_endpoint(receive)), 0);
    return receive;
}

static void stop_by_hand(struct fixture *f, struct ds_receive *receive, struct ds_ingest *ingest)
{
    zmq_close(f->stranger);
    zmq_ctx_term(f->context);
    ds_ingest_stop(ingest);
    ds_receive_destroy(receive);
    ds_ingest_destroy(ingest);
}

/* The loop is needed for others too: a round must end though more of them wait. */
static void laborious_messages_do_not_make_a_round_long(void **state)
{
    enum { MESSAGES = 9 };
    struct fixture f = {0};
    struct ds_ingest *ingest;
    struct ds_receive *receive = start_by_hand(&f, &ingest);
    const int all = MESSAGES + 1;
    zmq_setsockopt(f.stranger, ZMQ_SNDHWM, &all, sizeof all);
    send_message(&f, &(struct ds_message){.kind = DS_MESSAGE_HELLO, .hello.sensor = "tokyo"});
    send_laborious(&f, MESSAGES);
    struct ds_receive_stats stats = {0};
    struct pollfd readable = {.fd = ds_receive_fd(receive), .events = POLLIN};
    while (stats.malformed < MESSAGES) {
        uint64_t before = stats.malformed;
        bool is_busy = ds_receive_service(receive, ds_clock_steady_ns());
        ds_receive_read_stats(receive, &stats);
        assert_true(stats.malformed - before <= MESSAGES / 3);
        if (!is_busy && stats.malformed < MESSAGES)
            assert_int_equal(poll(&readable, 1, PATIENCE_MS), 1);
    }
    stop_by_hand(&f, receive, ingest);
}

/* While nobody takes them; the kernel's buffers of both ends are most of it. */
static void little_of_a_peer_is_held(void **state)
{
    enum { HELD_MAX = 24 << 20 };
    struct fixture f = {0};
    struct ds_ingest *ingest;
    struct ds_receive *receive = start_by_hand(&f, &ingest);
    static const char bytes[DS_PIECE_MAX];
    size_t sent = 0;
    while (sent <= HELD_MAX && zmq_send(f.stranger, bytes, sizeof bytes, 0) >= 0)
        sent += sizeof bytes;
    assert_in_range(sent, sizeof bytes, HELD_MAX);
    stop_by_hand(&f, receive, ingest);
}

static int connect_raw(struct sockaddr_in *to)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)to, sizeof *to) < 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Half of them hold their connection open and say nothing, half say something else than ZMTP. */
static void thousand_strangers_do_not_keep_a_sensor_out(void **state)
{
    struct fixture *f = *state;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 2 * STRANGERS_MAX + 200)
        skip();
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    to.sin_port = htons((uint16_t)atoi(strrchr(f->endpoint, ':') + 1));
    static int strangers[STRANGERS_MAX];
    for (int i = 0; i < STRANGERS_MAX; i++) {
        strangers[i] = connect_raw(&to);
        assert_true(strangers[i] >= 0);
        static const char garbage[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n\xff\xff\xff\xff";
        if (i % 2)
            send(strangers[i], garbage, sizeof garbage, MSG_NOSIGNAL);
    }
    assert_good_sensor_is_served(f, "tokyo");
    for (int i = 0; i < STRANGERS_MAX; i++)
        close(strangers[i]);
    assert_good_sensor_is_served(f, "osaka");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(random_bytes_are_refused),
        TEST(messages_of_several_parts_are_refused_as_one),
        TEST(other_protocol_version_is_told_so),
        TEST(any_clock_is_welcome),
        TEST(window_of_a_stranger_is_refused),
        TEST(giant_message_never_arrives),
        TEST(thousand_strangers_do_not_keep_a_sensor_out),
        cmocka_unit_test(laborious_messages_do_not_make_a_round_long),
        cmocka_unit_test(little_of_a_peer_is_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
