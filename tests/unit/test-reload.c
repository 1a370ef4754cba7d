/* SPDX-License-Identifier: Apache-2.0
 *
 * The country database is replaced while the sink makes everything wait, and while no packets come.
 */
#include "darkscope/clock.h"
#include "packets.h"
#include "pipeline.h"
#include "worker.h"

#include <semaphore.h>
#include <stdio.h>

#define FRAMES      300 /* a window each */
#define WINDOWS_MAX (FRAMES + 1)

/* A sink whose first window waits until it is let go. */
struct sink {
    sem_t go;
    size_t count;
    char country_db[WINDOWS_MAX][DS_DATABASE_MAX + 1];
};

static int take(void *self, struct ds_window *w, struct ds_error *err)
{
    struct sink *s = self;
    if (s->count == 0)
        while (sem_wait(&s->go))
            ;
    assert_true(s->count < WINDOWS_MAX);
    strcpy(s->country_db[s->count++], w->country_db);
    ds_window_finish(w);
    return 0;
}

static struct ds_geo *make_geo(unsigned number)
{
    char path[4096];
    struct ds_geo *g;
    struct ds_error err;
    snprintf(path, sizeof path, "%s/countries.mmdb", getenv("DARKSCOPE_TEST_DATA"));
    if (ds_geo_create(path, &g, &err))
        fail_msg("%s", err.text);
    snprintf(g->name, sizeof g->name, "%06u", number);
    return g;
}

/* A worker that waits for the sink goes on using the database that it has; replacing it does not
 * wait for that. What a window says is the database that it was opened with. */
static void test_replace_while_the_sink_waits(void **state)
{
    struct bytes bytes = syn4();
    struct ds_frame frames[FRAMES];
    for (int i = 0; i < FRAMES; i++)
        frames[i] =
            (struct ds_frame){bytes.data, bytes.count, bytes.count, i * 60 * DS_NS_PER_S, 101};
    struct sink *sink = calloc(1, sizeof *sink);
    struct ds_monitor *monitor;
    struct ds_capture *capture;
    struct ds_pipeline *p;
    struct ds_error err;
    assert_true(sink && sem_init(&sink->go, 0, 0) == 0);
    assert_int_equal(ds_monitor_create(NULL, 0, NULL, 0, &monitor, NULL), 0);
    assert_int_equal(ds_capture_open_fake(frames, FRAMES, 1, &capture), 0);
    struct ds_pipeline_settings settings = {
        .captures = &capture,
        .capture_count = 1,
        .monitor = monitor,
        .geo = make_geo(0),
        .sink = {.self = sink, .put = take},
        .workers = 1,
        .window_ns = 60 * DS_NS_PER_S,
        .lateness_ns = 2 * DS_NS_PER_S,
    };
    assert_int_equal(ds_pipeline_create(&settings, &p, &err), 0);
    assert_int_equal(ds_pipeline_start(p, &err), 0);
    unsigned number = 1;
    /* Until the worker uses the one before, at the latest when it is stuck with it. */
    while (ds_pipeline_replace_geo(p, make_geo(number)) == 0)
        number++;
    sem_post(&sink->go);
    assert_int_equal(ds_pipeline_join(p, &err), 0);
    assert_int_equal(sink->count, FRAMES);
    char newest[16];
    snprintf(newest, sizeof newest, "%06u", number - 1);
    for (size_t i = 1; i < sink->count; i++)
        assert_true(strcmp(sink->country_db[i], sink->country_db[i - 1]) >= 0);
    /* That was when it opened the first window or later. */
    assert_true(strcmp(sink->country_db[0], newest) < 0);
    assert_string_equal(sink->country_db[FRAMES - 1], newest);
    ds_pipeline_destroy(p);
    capture->ops->destroy(capture);
    ds_monitor_destroy(monitor);
    sem_destroy(&sink->go);
    free(sink);
}

/* A worker without packets uses no database, so that the one it had may be gone when its window is
 * closed, and the next one is opened and closed without a packet. */
static void test_replace_while_no_packets_come(void **state)
{
    struct ds_worker *w = aligned_alloc(DS_CACHE_LINE, sizeof *w);
    struct bytes bytes = syn4();
    const struct ds_snap snap = {
        .bytes = bytes.data, .epoch = 1, .captured = (uint16_t)bytes.count, .is_packet = true};
    const struct ds_hash_key key = ds_hash_key_random();
    struct ds_survey_ring surveys;
    struct ds_gate closed;
    struct ds_monitor *monitor;
    struct ds_geo *first = make_geo(1), *second = make_geo(2);
    assert_int_equal(ds_monitor_create(NULL, 0, NULL, 0, &monitor, NULL), 0);
    assert_true(w && ds_gate_init(&closed) == 0 && ds_survey_ring_init(&surveys, NULL) == 0);
    struct ds_worker_shared shared = {.monitor = monitor,
                                      .key = &key,
                                      .sets = DS_WORKER_SETS,
                                      .allowance = DS_WORKER_TABLES_MAX,
                                      .geo = first,
                                      .surveys = &surveys,
                                      .window_ns = 60 * DS_NS_PER_S,
                                      .closed = &closed};
    assert_int_equal(ds_worker_init(w, &shared, NULL, 0, 1), 0);
    ds_worker_count(w, &snap, 1);
    ds_worker_count(w, NULL, 0); /* nothing is on its way any more, and ... */
    atomic_store(&w->geo_seen, NULL);
    atomic_store(&shared.geo, second);
    ds_geo_destroy(first);
    for (uint32_t number = 1; number <= 2; number++)
        ds_worker_close(w, &(struct ds_close){.epoch.number = number});
    assert_string_equal(ds_worker_closed(w, 1)->country_db, "000001");
    assert_string_equal(ds_worker_closed(w, 2)->country_db, "000002");
    ds_worker_finish(w);
    free(w);
    ds_geo_destroy(second);
    ds_survey_ring_finish(&surveys);
    ds_gate_finish(&closed);
    ds_monitor_destroy(monitor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_replace_while_the_sink_waits),
                                       cmocka_unit_test(test_replace_while_no_packets_come)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
