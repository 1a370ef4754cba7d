/* SPDX-License-Identifier: Apache-2.0
 *
 * From the packets of a pipeline to the socket of who listens, with all threads: what is told adds
 * up to what the windows say.
 */
#include "darkscope/clock.h"
#include "feed.h"
#include "packets.h"
#include "pipeline.h"

#include <zmq.h>

#define FRAMES      20000
#define SOURCES     50
#define PATIENCE_MS 60000

static int count(void *self, struct ds_window *w, struct ds_error *err)
{
    *(uint64_t *)self += w->books[DS_BOOK_COUNTED];
    ds_window_finish(w);
    return 0;
}

static void next_message(void *socket, struct ds_live_message *out)
{
    static unsigned char bytes[DS_LIVE_MESSAGE_MAX];
    int size = zmq_recv(socket, bytes, sizeof bytes, 0);
    assert_in_range(size, 1, sizeof bytes);
    assert_null(ds_live_decode(bytes, (size_t)size, out));
    assert_string_equal(out->sensor, "east");
}

static struct ds_pipeline *make_pipeline(struct ds_capture **capture, struct ds_monitor *monitor,
                                         unsigned workers, uint64_t *counted)
{
    static const uint8_t order[DS_PERMUTATION_KEY] = {1};
    static struct bytes bytes[SOURCES];
    static struct ds_frame frames[FRAMES];
    struct ds_pipeline *p;
    struct ds_error err;
    for (int i = 0; i < SOURCES; i++) {
        bytes[i] = syn4();
        bytes[i].data[15] = (uint8_t)i;
    }
    for (int i = 0; i < FRAMES; i++)
        frames[i] = (struct ds_frame){bytes[i % SOURCES].data, bytes[i % SOURCES].count,
                                      bytes[i % SOURCES].count, i * DS_NS_PER_MS, 101};
    assert_int_equal(ds_capture_open_fake(frames, FRAMES, 7, capture), 0);
    struct ds_pipeline_settings settings = {
        .captures = capture,
        .capture_count = 1,
        .monitor = monitor,
        .sink = {.self = counted, .put = count},
        .workers = workers,
        .window_ns = DS_NS_PER_S,
        .lateness_ns = 0,
        .live_order = order,
    };
    assert_int_equal(ds_pipeline_create(&settings, &p, &err), 0);
    return p;
}

static void test_adds_up(void **state)
{
    for (unsigned workers = 1; workers <= 3; workers += 2) {
        char endpoint[256];
        size_t bytes = sizeof endpoint;
        int patience = PATIENCE_MS;
        uint64_t counted = 0, told = 0, shown = 0;
        struct ds_monitor *monitor;
        struct ds_capture *capture;
        struct ds_error err;
        void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_SUB);
        assert_int_equal(zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0), 0);
        assert_int_equal(zmq_setsockopt(socket, ZMQ_RCVTIMEO, &patience, sizeof patience), 0);
        assert_int_equal(zmq_bind(socket, "tcp://127.0.0.1:*"), 0);
        assert_int_equal(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &bytes), 0);
        assert_int_equal(ds_monitor_create(NULL, 0, NULL, 0, &monitor, NULL), 0);
        struct ds_pipeline *p = make_pipeline(&capture, monitor, workers, &counted);
        struct ds_sampler *samplers[DS_PIPELINE_WORKERS_MAX];
        const struct ds_feed_settings settings = {
            .endpoint = endpoint,
            .sensor = "east",
            .samplers = samplers,
            .count = ds_pipeline_samplers(p, samplers),
        };
        struct ds_live_message m;
        struct ds_feed *feed;
        assert_int_equal(settings.count, workers);
        assert_int_equal(ds_feed_start(&settings, &feed, &err), 0);
        do
            next_message(socket, &m); /* from here on nothing is lost */
        while (!m.is_pulse);
        assert_int_equal(m.packets, 0);
        assert_int_equal(ds_pipeline_start(p, &err), 0);
        assert_int_equal(ds_pipeline_join(p, &err), 0);
        ds_feed_stop(feed);
        while (told < counted) {
            next_message(socket, &m);
            told += m.packets;
            for (size_t i = 0; i < m.rows; i++)
                shown += m.samples[i].weight;
        }
        assert_int_equal(counted, FRAMES);
        assert_int_equal(told, FRAMES);
        /* A ring that is full loses samples, and thinning makes them stand for about as many. */
        assert_in_range(shown, 1, FRAMES + FRAMES / 10);
        ds_pipeline_destroy(p);
        capture->ops->destroy(capture);
        ds_monitor_destroy(monitor);
        zmq_close(socket);
        zmq_ctx_term(context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_adds_up)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
