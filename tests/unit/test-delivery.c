/* SPDX-License-Identifier: Apache-2.0
 *
 * Delivery of a file's windows: it waits for the aggregator, a stop ends the wait, and reading the
 * same file again gives the same names to the same windows.
 */
#include "aggregator.h"
#include "delivery.h"
#include "identity.h"
#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define WINDOWS    500
#define FILE_BYTES 200000

struct fixture {
    char path[32];
    struct fake_store store;
    struct aggregator aggregator;
    struct ds_sensor_config config;
    struct ds_delivery delivery;
    struct ds_sink sink;
};

static struct ds_monitor *monitor_of(const char *prefix)
{
    struct ds_prefix p;
    struct ds_monitor *m;
    assert_null(ds_prefix_parse(prefix, &p));
    assert_int_equal(ds_monitor_create(&p, 1, NULL, 0, &m, NULL), 0);
    return m;
}

static void write_file(const char *path, size_t changed, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    for (size_t i = 0; i < bytes; i++)
        fputc(i == changed ? 'x' : (int)(i % 251), file);
    assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    strcpy(f->path, "/tmp/darkscope-XXXXXX");
    int fd = mkstemp(f->path);
    assert_true(fd >= 0);
    close(fd);
    write_file(f->path, SIZE_MAX, FILE_BYTES);
    fake_store_init(&f->store);
    aggregator_start(&f->aggregator, "tcp://127.0.0.1:0", &f->store);
    f->config = (struct ds_sensor_config){
        .name = "tokyo",
        .file = f->path,
        .monitor = monitor_of("198.51.100.0/24"),
        .window_ns = 60,
        .lateness_ns = 2,
        .aggregator = ds_receive_endpoint(f->aggregator.receive),
    };
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    aggregator_stop(&f->aggregator, false);
    ds_monitor_destroy(f->config.monitor);
    unlink(f->path);
    free(f);
    return 0;
}

static void begin(struct fixture *f)
{
    struct ds_error err;
    if (ds_delivery_init(&f->delivery, &f->config, "", false, &err))
        fail_msg("%s", err.text);
    f->sink = ds_delivery_sink(&f->delivery);
}

static void put(struct fixture *f)
{
    struct ds_window w;
    struct ds_error err;
    sample_small(&w);
    if (f->sink.put(f->sink.self, &w, &err))
        fail_msg("%s", err.text);
}

static struct ds_uplink_stats stats_of(struct fixture *f)
{
    struct ds_uplink_stats stats;
    ds_uplink_read_stats(f->delivery.uplink, &stats);
    return stats;
}

static void finish(struct fixture *f)
{
    struct ds_error err;
    if (ds_delivery_finish(&f->delivery, &err))
        fail_msg("%s", err.text);
    ds_delivery_destroy(&f->delivery);
}

static void file_waits_for_the_aggregator(void **state)
{
    struct fixture *f = *state;
    begin(f);
    for (int i = 0; i < WINDOWS; i++) {
        put(f);
        assert_in_range(stats_of(f).waiting, 0, DS_UPLINK_ROOM_WINDOWS);
    }
    finish(f);
    assert_int_equal(fake_store_count(&f->store), WINDOWS);
}

static void interface_does_not_wait(void **state)
{
    struct fixture *f = *state;
    f->config.file = NULL;
    fake_store_block(&f->store, true);
    begin(f);
    for (int i = 0; i < WINDOWS; i++)
        put(f);
    assert_int_equal(stats_of(f).waiting, WINDOWS);
    fake_store_block(&f->store, false);
    finish(f);
    assert_int_equal(fake_store_count(&f->store), WINDOWS);
}

static void *put_many(void *arg)
{
    for (int i = 0; i < WINDOWS; i++)
        put(arg);
    return NULL;
}

/* Those that are put behind the stop may be parts of windows: they are kept back. */
static void stop_ends_the_wait(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    fake_store_block(&f->store, true);
    begin(f);
    assert_int_equal(pthread_create(&thread, NULL, put_many, f), 0);
    fake_store_await_blocked(&f->store); /* it has room for fewer windows, so the thread waits */
    ds_delivery_stop(&f->delivery);
    pthread_join(thread, NULL);
    uint64_t sent = stats_of(f).accepted;
    assert_in_range(sent, 1, DS_UPLINK_ROOM_WINDOWS + 1);
    assert_int_equal(f->delivery.held_back, WINDOWS - sent);
    fake_store_block(&f->store, false);
    finish(f);
    assert_int_equal(fake_store_count(&f->store), sent);
}

static void same_file_is_stored_once(void **state)
{
    struct fixture *f = *state;
    for (int round = 0; round < 2; round++) {
        begin(f);
        for (int i = 0; i < 10; i++)
            put(f);
        finish(f);
    }
    assert_int_equal(fake_store_count(&f->store), 10);
    assert_int_equal(f->store.duplicates, 10);
}

static uint64_t identity(struct fixture *f)
{
    return ds_identity_of_file(&f->config, "DB 2026-01");
}

/* Puts a field of the settings back after a look at what its change does. */
#define ASSERT_CHANGES(f, field, value)                                                            \
    do {                                                                                           \
        __typeof__((f)->config.field) before = (f)->config.field;                                  \
        uint64_t old = identity(f);                                                                \
        (f)->config.field = (value);                                                               \
        assert_true(identity(f) != old);                                                           \
        (f)->config.field = before;                                                                \
        assert_true(identity(f) == old);                                                           \
    } while (0)

static void identity_is_of_content_and_settings(void **state)
{
    struct fixture *f = *state;
    struct ds_monitor *other = monitor_of("198.51.101.0/24"), *other6 = monitor_of("2001:db8::/64");
    uint64_t whole = identity(f);
    assert_true(whole != 0);
    ASSERT_CHANGES(f, window_ns, 61);
    ASSERT_CHANGES(f, lateness_ns, 3);
    ASSERT_CHANGES(f, tunnels, 1);
    ASSERT_CHANGES(f, monitor, other);
    ASSERT_CHANGES(f, monitor, other6);
    assert_true(ds_identity_of_file(&f->config, "DB 2026-02") != whole);
    f->config.workers = 4; /* changes no window */
    assert_true(identity(f) == whole);
    strcpy(f->config.name, "osaka");
    assert_true(identity(f) != whole);
    strcpy(f->config.name, "tokyo");
    const size_t changes[] = {0, FILE_BYTES / 2, FILE_BYTES - 1};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        write_file(f->path, changes[i], FILE_BYTES);
        assert_true(identity(f) != whole);
    }
    write_file(f->path, SIZE_MAX, FILE_BYTES + 1);
    assert_true(identity(f) != whole);
    write_file(f->path, SIZE_MAX, FILE_BYTES);
    assert_true(identity(f) == whole);
    ds_monitor_destroy(other);
    ds_monitor_destroy(other6);
}

static void what_cannot_be_read_again_has_none(void **state)
{
    struct fixture *f = *state;
    static const char *const paths[] = {"-", "/dev/null", "/", "/nonexistent/capture"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        f->config.file = paths[i];
        assert_true(identity(f) == 0);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(file_waits_for_the_aggregator),
        TEST(interface_does_not_wait),
        TEST(stop_ends_the_wait),
        TEST(same_file_is_stored_once),
        TEST(identity_is_of_content_and_settings),
        TEST(what_cannot_be_read_again_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
