/* SPDX-License-Identifier: Apache-2.0
 *
 * Signatures are replaced while packets are counted: no packet is lost to it, and a window is
 * counted by the signatures that a worker opened it with.
 */
#include "darkscope/clock.h"
#include "pipeline.h"
#include "signature-files.h"

#include <semaphore.h>

#define PER_WINDOW 50
#define WINDOWS    100
#define FRAMES     (PER_WINDOW * WINDOWS)
#define WORKERS    3

/* The first window waits until it is let go; then every signature's packets are added up. */
struct sink {
    sem_t go;
    size_t windows;
    unsigned most_ids; /* in one window */
    uint64_t packets, confirmed;
    char last[DS_SIGNATURE_ID_MAX + 1];
};

static int take(void *self, struct ds_window *w, struct ds_error *err)
{
    struct sink *s = self;
    unsigned ids = 0;
    if (s->windows++ == 0)
        while (sem_wait(&s->go))
            ;
    for (size_t i = 0; i < w->signature_count; i++) {
        if (w->signatures[i].id[0] != 's')
            continue; /* a built-in one */
        ids++;
        s->packets += w->signatures[i].packets;
        s->confirmed += w->signatures[i].confirmed_sources;
        strcpy(s->last, w->signatures[i].id);
    }
    s->most_ids = ids > s->most_ids ? ids : s->most_ids;
    ds_window_finish(w);
    return 0;
}

static struct ds_rules *make_rules(unsigned number)
{
    static struct told told;
    char text[256];
    snprintf(text, sizeof text,
             "- {id: s%06u, name: x, category: other, certainty: source, proto: tcp}\n", number);
    return load_signatures(text, &told);
}

/* Every window has each of PER_WINDOW / 2 sources twice. */
static void make_frames(struct bytes *bytes, struct ds_frame *frames)
{
    for (int i = 0; i < PER_WINDOW; i++) {
        bytes[i] = syn4();
        bytes[i].data[15] = (uint8_t)(i / 2);
    }
    for (int i = 0; i < FRAMES; i++)
        frames[i] = (struct ds_frame){
            .data = bytes[i % PER_WINDOW].data,
            .captured = bytes[i % PER_WINDOW].count,
            .wire = bytes[i % PER_WINDOW].count,
            .time_ns = i / PER_WINDOW * 60 * DS_NS_PER_S,
            .link = 101,
        };
}

/* The windows of one run, in which signatures were replaced `replaced` times. */
static struct sink run(unsigned workers, unsigned replaced)
{
    static struct bytes bytes[PER_WINDOW];
    static struct ds_frame frames[FRAMES];
    struct sink sink = {.windows = 0};
    struct ds_monitor *monitor;
    struct ds_capture *capture;
    struct ds_pipeline *p;
    struct ds_error err;
    make_frames(bytes, frames);
    assert_int_equal(sem_init(&sink.go, 0, 0), 0);
    assert_int_equal(ds_monitor_create(NULL, 0, NULL, 0, &monitor, NULL), 0);
    assert_int_equal(ds_capture_open_fake(frames, FRAMES, 7, &capture), 0);
    struct ds_pipeline_settings settings = {
        .captures = &capture,
        .capture_count = 1,
        .monitor = monitor,
        .rules = make_rules(0),
        .sink = {.self = &sink, .put = take},
        .workers = workers,
        .window_ns = 60 * DS_NS_PER_S,
        .lateness_ns = 2 * DS_NS_PER_S,
    };
    assert_int_equal(ds_pipeline_create(&settings, &p, &err), 0);
    assert_int_equal(ds_pipeline_start(p, &err), 0);
    for (unsigned i = 1; i <= replaced; i++)
        ds_pipeline_replace_rules(p, make_rules(i));
    sem_post(&sink.go);
    assert_int_equal(ds_pipeline_join(p, &err), 0);
    /* Nothing runs: all but the newest can go, and the newest, too. */
    ds_pipeline_replace_rules(p, NULL);
    ds_pipeline_destroy(p);
    capture->ops->destroy(capture);
    ds_monitor_destroy(monitor);
    sem_destroy(&sink.go);
    return sink;
}

static void test_without_replacing(void **state)
{
    for (unsigned workers = 1; workers <= WORKERS; workers++) {
        struct sink sink = run(workers, 0);
        assert_int_equal(sink.windows, WINDOWS);
        assert_int_equal(sink.packets, FRAMES);
        assert_int_equal(sink.confirmed, FRAMES / 2);
        assert_string_equal(sink.last, "s000000");
        assert_int_equal(sink.most_ids, 1);
    }
}

static void test_replacing(void **state)
{
    for (unsigned workers = 1; workers <= WORKERS; workers++) {
        struct sink sink = run(workers, 200);
        assert_int_equal(sink.windows, WINDOWS);
        assert_int_equal(sink.packets, FRAMES);
        assert_int_equal(sink.confirmed, FRAMES / 2);
        assert_string_equal(sink.last, "s000200");
        assert_true(sink.most_ids <= workers);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_replacing),
        cmocka_unit_test(test_replacing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
