/* SPDX-License-Identifier: Apache-2.0
 *
 * The real threads on a fake capture: the same packets give the same windows whatever the number of
 * workers and capture threads, the books balance, and every way to end is an end. Meant for the
 * thread sanitizer too.
 */
#include "darkscope/clock.h"
#include "darkscope/window_json.h"
#include "packets.h"
#include "pipeline.h"

#include <poll.h>
#include <stdatomic.h>

#define WORKERS_MAX 4
#define FRAMES      20000
#define WINDOWS_MAX 64
#define START_S     INT64_C(1700000040)

/* Frames with their bytes behind each other. */
struct traffic {
    struct ds_frame frames[FRAMES];
    struct bytes bytes[FRAMES];
    size_t count;
};

/* A sink that keeps what it gets, and fails at a wanted window. */
struct keeper {
    struct ds_window windows[WINDOWS_MAX];
    size_t count;
    size_t fail_at; /* 0: never */
    struct ds_capture *stop_capture;
};

static int keep(void *self, struct ds_window *w, struct ds_error *err)
{
    struct keeper *k = self;
    if (k->fail_at && k->count + 1 == k->fail_at) {
        ds_window_finish(w);
        return ds_error(err, DS_NETWORK, "the sink is full");
    }
    assert_true(k->count < WINDOWS_MAX);
    k->windows[k->count++] = *w;
    if (k->stop_capture)
        k->stop_capture->ops->stop(k->stop_capture);
    return 0;
}

static void forget(struct keeper *k)
{
    for (size_t i = 0; i < k->count; i++)
        ds_window_finish(&k->windows[i]);
}

static void put_transport(struct bytes *b, uint64_t *seed, unsigned kind, uint32_t dest)
{
    static const uint16_t ports[] = {23, 80, 443, 2323, 22, 53};
    uint16_t port = ports[draw_below(seed, COUNT(ports))];
    if (kind == 0)
        put_tcp(b, 40000, port, draw_below(seed, 2) ? dest : 7, 0x02);
    else if (kind == 1)
        put_tcp(b, port, 40000, 7, 0x12);
    else if (kind == 2)
        put_udp(b, port, 12345, (uint16_t)draw_below(seed, 30));
    else
        put_hex(b, draw_below(seed, 2) ? "0800 0000 00010001" : "0301 0000 00000000");
}

/* A packet of some kind, then now and then damaged: bytes changed, the end cut off. */
static void draw_frame(struct traffic *t, uint64_t *seed, int64_t time_ns)
{
    struct bytes *b = &t->bytes[t->count];
    static const uint8_t protocols[] = {6, 6, 17, 1};
    unsigned kind = draw_below(seed, COUNT(protocols));
    uint32_t source = 0x01000000 + draw_below(seed, 700) * 0x10001;
    uint32_t dest = TEST_DEST + draw_below(seed, 300);
    b->count = 0;
    if (draw_below(seed, 5)) {
        put_hex(b, "000102030405 060708090a0b 0800");
        uint32_t start = begin4(b, protocols[kind], source, dest);
        put_transport(b, seed, kind, dest);
        end4(b, start);
    } else {
        put_hex(b, "000102030405 060708090a0b 86dd");
        uint8_t next = draw_below(seed, 50) == 0 ? 0 : kind == 3 ? 58 : protocols[kind];
        uint32_t start = begin6(b, next, draw_below(seed, 90), 2);
        put_transport(b, seed, kind, 0);
        end6(b, start);
    }
    if (draw_below(seed, 6) == 0)
        b->data[12 + draw_below(seed, b->count - 12)] = (uint8_t)draw(seed);
    if (draw_below(seed, 20) == 0)
        b->data[17] = (uint8_t)draw_below(seed, 64); /* IPv4 total length */
    if (draw_below(seed, 20) == 0)
        b->data[14] ^= (uint8_t)(1u << draw_below(seed, 8)); /* version, header length */
    uint32_t captured = draw_below(seed, 20) ? b->count : draw_below(seed, b->count + 1);
    t->frames[t->count++] = (struct ds_frame){b->data, captured, b->count, time_ns, 1};
}

/* Some minutes of it, with a few packets late. */
static struct traffic *make_traffic(void)
{
    struct traffic *t = calloc(1, sizeof *t);
    uint64_t seed = 11;
    assert_non_null(t);
    for (unsigned i = 0; i < FRAMES; i++) {
        int64_t time_ns = START_S * DS_NS_PER_S + i * 20 * DS_NS_PER_MS;
        if (draw_below(&seed, 300) == 0)
            time_ns -= (int64_t)draw_below(&seed, 90) * DS_NS_PER_S;
        draw_frame(t, &seed, time_ns);
    }
    return t;
}

static struct ds_monitor *make_monitor(bool everything)
{
    struct ds_prefix p[2];
    struct ds_monitor *m;
    assert_null(ds_prefix_parse("10.0.0.0/24", &p[0]));
    assert_null(ds_prefix_parse("2001:db8:1::/48", &p[1]));
    assert_int_equal(ds_monitor_create(p, everything ? 0 : 2, NULL, 0, &m, NULL), 0);
    return m;
}

struct way {
    unsigned workers;
    bool everything;
    int64_t window_ns;
    double speed;
    bool split; /* every worker reads for itself */
};

/* Runs captures through a pipeline; what join returned. The captures stay the caller's. */
static int run_all(struct ds_capture **captures, unsigned count, const struct way *way,
                   struct keeper *k, struct ds_error *err)
{
    static const struct ds_sketch_secret secret = {5, 6, 7};
    struct ds_monitor *monitor = make_monitor(way->everything);
    struct ds_pipeline_settings settings = {
        .captures = captures,
        .capture_count = count,
        .monitor = monitor,
        .sink = {.self = k, .put = keep},
        .sketch_secret = &secret,
        .workers = way->workers,
        .split = way->split,
        .window_ns = way->window_ns,
        .speed = way->speed,
        .lateness_ns = way->window_ns ? 2 * DS_NS_PER_S : 0,
    };
    struct ds_pipeline *p;
    assert_int_equal(ds_pipeline_create(&settings, &p, err), 0);
    assert_int_equal(ds_pipeline_start(p, err), 0);
    struct pollfd done = {.fd = ds_pipeline_done_fd(p), .events = POLLIN};
    assert_int_equal(poll(&done, 1, 60000), 1);
    int result = ds_pipeline_join(p, err);
    ds_pipeline_destroy(p);
    ds_monitor_destroy(monitor);
    for (size_t i = 0; i < k->count; i++)
        assert_null(ds_window_imbalance(&k->windows[i]));
    return result;
}

static int run(struct ds_capture *capture, const struct way *way, struct keeper *k,
               struct ds_error *err)
{
    return run_all(&capture, 1, way, k, err);
}

static struct keeper *run_traffic(const struct traffic *t, const struct way *way)
{
    struct keeper *k = calloc(1, sizeof *k);
    struct ds_capture *captures[WORKERS_MAX];
    unsigned count = way->split ? way->workers : 1;
    struct ds_error err;
    assert_non_null(k);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(ds_capture_open_fake(t->frames, t->count, 50 + 7 * i, &captures[i]), 0);
    if (run_all(captures, count, way, k, &err))
        fail_msg("%s", err.text);
    for (unsigned i = 0; i < count; i++)
        captures[i]->ops->destroy(captures[i]);
    return k;
}

static char *print(const struct ds_window *w)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    assert_non_null(to);
    assert_int_equal(ds_window_print_json(to, w, "test", false), 0);
    fclose(to);
    return text;
}

static void compare_workers(const struct traffic *t, bool everything, int64_t window_ns)
{
    struct keeper *one = run_traffic(t, &(struct way){1, everything, window_ns, 0, false});
    uint64_t received = 0;
    for (size_t i = 0; i < one->count; i++)
        received += one->windows[i].books[DS_BOOK_RECEIVED];
    assert_true(received == t->count);
    for (unsigned round = 0; round < 2 * WORKERS_MAX; round++) {
        const struct way way = {1 + round / 2, everything, window_ns, 0, round % 2};
        struct keeper *many = run_traffic(t, &way);
        assert_int_equal(many->count, one->count);
        for (size_t i = 0; i < one->count; i++) {
            char *expected = print(&one->windows[i]), *found = print(&many->windows[i]);
            assert_string_equal(found, expected);
            assert_true(one->windows[i].sketches.known);
            assert_true(ds_sketches_equal(&many->windows[i].sketches, &one->windows[i].sketches));
            free(expected);
            free(found);
        }
        forget(many);
        free(many);
    }
    forget(one);
    free(one);
}

static void test_workers_agree(void **state)
{
    compare_workers(*state, false, 60 * DS_NS_PER_S);
}

static void test_workers_agree_on_everything(void **state)
{
    compare_workers(*state, true, 0);
}

/* Every count-th packet, each for a capture thread of its own. */
static struct keeper *run_split(const struct traffic *t, unsigned count, const struct way *way)
{
    struct keeper *k = calloc(1, sizeof *k);
    struct ds_frame *frames[DS_CAPTURE_THREADS_MAX];
    struct ds_capture *captures[DS_CAPTURE_THREADS_MAX];
    struct ds_error err;
    assert_non_null(k);
    for (unsigned i = 0; i < count; i++) {
        size_t n = 0;
        frames[i] = calloc(t->count, sizeof **frames);
        assert_non_null(frames[i]);
        for (size_t from = i; from < t->count; from += count)
            frames[i][n++] = t->frames[from];
        assert_int_equal(ds_capture_open_fake(frames[i], n, 17 + i, &captures[i]), 0);
    }
    if (run_all(captures, count, way, k, &err))
        fail_msg("%s", err.text);
    for (unsigned i = 0; i < count; i++) {
        captures[i]->ops->destroy(captures[i]);
        free(frames[i]);
    }
    return k;
}

/* Figures that do not depend on the windows. */
static uint64_t sum_figure(const struct keeper *k, size_t figure)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < k->count; i++) {
        const struct ds_window *w = &k->windows[i];
        sum += figure < DS_BOOK_COUNT ? w->books[figure] : w->types[figure - DS_BOOK_COUNT];
    }
    return sum;
}

static void test_captures_agree(void **state)
{
    const struct way whole = {2, false, 0, 0, false},
                     minutes = {2, false, 60 * DS_NS_PER_S, 0, false};
    struct keeper *one = run_traffic(*state, &whole);
    for (unsigned count = 2; count <= 5; count++) {
        struct keeper *many = run_split(*state, count, &whole);
        assert_int_equal(many->count, 1);
        char *expected = print(&one->windows[0]), *found = print(&many->windows[0]);
        assert_string_equal(found, expected);
        free(expected);
        free(found);
        forget(many);
        free(many);
        /* The threads run through the same time each as fast as it can: one's packets are late for
         * another, but each is in a window. */
        many = run_split(*state, count, &minutes);
        for (size_t figure = 0; figure < DS_BOOK_COUNT + DS_TYPE_COUNT; figure++)
            if (figure != DS_BOOK_LATE)
                assert_true(sum_figure(many, figure) == sum_figure(one, figure));
        for (size_t i = 1; i < many->count; i++)
            assert_true(many->windows[i].start_s > many->windows[i - 1].start_s);
        forget(many);
        free(many);
    }
    forget(one);
    free(one);
}

/* The traffic has what it is meant to test. */
static void test_traffic(void **state)
{
    struct keeper *k = run_traffic(*state, &(struct way){2, false, 0, 0, false});
    const struct ds_window *w = &k->windows[0];
    assert_int_equal(k->count, 1);
    for (unsigned i = 0; i < DS_MALFORMED_OTHER; i++)
        if (i != DS_MALFORMED_LINK_DEEP && w->malformed[i] == 0)
            fail_msg("no packet is malformed as %s", ds_malformed_name(i));
    assert_true(w->books[DS_BOOK_OUTSIDE] && w->books[DS_BOOK_FRAGMENT] &&
                w->books[DS_BOOK_TRUNCATED]);
    for (unsigned i = 0; i < DS_CLASS_COUNT; i++)
        assert_true(w->classes[i].packets);
    const struct ds_signature_tally *mirai = &w->signatures[w->signature_count - 1];
    while (strcmp(mirai->id, "mirai") != 0)
        mirai--;
    assert_true(mirai->sources > mirai->confirmed_sources && mirai->confirmed_sources > 0);
    assert_true(mirai->packets > mirai->sources);
    assert_true(w->addresses_known && w->addresses == 256 && w->active_addresses == 256);
    forget(k);
    free(k);
    k = run_traffic(*state, &(struct way){2, false, 60 * DS_NS_PER_S, 0, false});
    uint64_t late = 0;
    for (size_t i = 0; i < k->count; i++)
        late += k->windows[i].books[DS_BOOK_LATE];
    assert_true(late > 0);
    forget(k);
    free(k);
}

static void test_failing_sink(void **state)
{
    const struct traffic *t = *state;
    for (size_t fail_at = 1; fail_at <= 3; fail_at++) {
        struct keeper k = {.fail_at = fail_at};
        struct ds_capture *capture;
        struct ds_error err;
        assert_int_equal(ds_capture_open_fake(t->frames, t->count, 7, &capture), 0);
        assert_int_equal(
            run(capture, &(struct way){2, false, 60 * DS_NS_PER_S, 0, false}, &k, &err), -1);
        assert_int_equal(err.status, DS_NETWORK);
        assert_string_equal(err.text, "the sink is full");
        assert_int_equal(k.count, fail_at - 1);
        forget(&k);
        capture->ops->destroy(capture);
    }
}

/* Stopped by another thread in the middle: what was read until then is in windows. */
static void test_stop(void **state)
{
    const struct traffic *t = *state;
    struct keeper k = {.count = 0};
    struct ds_error err;
    uint64_t received = 0;
    assert_int_equal(ds_capture_open_fake(t->frames, t->count, 1, &k.stop_capture), 0);
    assert_int_equal(
        run(k.stop_capture, &(struct way){3, false, 60 * DS_NS_PER_S, 0, false}, &k, &err), 0);
    for (size_t i = 0; i < k.count; i++)
        received += k.windows[i].books[DS_BOOK_RECEIVED];
    assert_in_range(received, k.windows[0].books[DS_BOOK_RECEIVED], t->count);
    forget(&k);
    k.stop_capture->ops->destroy(k.stop_capture);
}

/* A file that is damaged behind its last frame. */
struct damaged {
    struct ds_capture capture;
    struct ds_capture *sound;
};

static int damaged_read(struct ds_capture *c, struct ds_frame *frames, size_t most,
                        struct ds_error *err)
{
    struct ds_capture *sound = ((struct damaged *)c)->sound;
    int n = sound->ops->read(sound, frames, most, err);
    if (n != DS_CAPTURE_ENDED || sound->ops->is_stopped(sound))
        return n;
    return ds_error(err, DS_FAILURE, "cut off");
}

static void damaged_loss(struct ds_capture *c, struct ds_capture_loss *out)
{
    struct ds_capture *sound = ((struct damaged *)c)->sound;
    sound->ops->loss(sound, out);
}

static void damaged_stop(struct ds_capture *c)
{
    struct ds_capture *sound = ((struct damaged *)c)->sound;
    sound->ops->stop(sound);
}

static const struct ds_capture_ops damaged_ops = {
    .read = damaged_read, .loss = damaged_loss, .stop = damaged_stop};

/* Each worker reads for itself, as far as counts say, the first in the largest steps. */
static void run_damaged(const struct traffic *t, const size_t *counts, unsigned workers,
                        struct keeper *k)
{
    struct damaged files[WORKERS_MAX];
    struct ds_capture *captures[WORKERS_MAX];
    struct ds_error err;
    for (unsigned i = 0; i < workers; i++) {
        files[i].capture.ops = &damaged_ops;
        captures[i] = &files[i].capture;
        assert_int_equal(
            ds_capture_open_fake(t->frames, counts[i], i ? 1 : DS_CAPTURE_BATCH, &files[i].sound),
            0);
    }
    const struct way way = {workers, false, 10 * DS_NS_PER_S, 0, workers > 1};
    assert_int_equal(run_all(captures, workers, &way, k, &err), -1);
    assert_string_equal(err.text, "cut off");
    for (unsigned i = 0; i < workers; i++)
        files[i].sound->ops->destroy(files[i].sound);
}

static void compare(const struct keeper *found, const struct keeper *expected, size_t windows)
{
    for (size_t i = 0; i < windows; i++) {
        char *a = print(&found->windows[i]), *b = print(&expected->windows[i]);
        assert_string_equal(a, b);
        free(a);
        free(b);
    }
}

/* All that is before the damage is counted, by each thread of those that read the file. */
static void test_damaged(void **state)
{
    const size_t counts[] = {FRAMES / 2, FRAMES / 2, FRAMES / 2};
    struct keeper one = {.count = 0}, three = {.count = 0};
    run_damaged(*state, counts, 1, &one);
    run_damaged(*state, counts, 3, &three);
    assert_int_equal(three.count, one.count);
    compare(&three, &one, one.count);
    forget(&one);
    forget(&three);
}

/* Where one cannot read on the others go on to their end, and nobody waits for ever. Windows that
 * only some have read are none. */
static void test_one_reads_less(void **state)
{
    const size_t counts[] = {FRAMES / 8, FRAMES / 2, FRAMES / 2};
    struct keeper one = {.count = 0}, three = {.count = 0};
    run_damaged(*state, counts, 1, &one);
    run_damaged(*state, counts, 3, &three);
    assert_true(one.count > 2);
    assert_int_equal(three.count, one.count);
    compare(&three, &one, one.count - 2); /* the last ones are cut off at different places */
    forget(&one);
    forget(&three);
}

static void test_nothing(void **state)
{
    struct keeper k = {.count = 0};
    struct ds_capture *capture;
    struct ds_error err;
    assert_int_equal(ds_capture_open_fake(NULL, 0, 1, &capture), 0);
    assert_int_equal(run(capture, &(struct way){2, true, 60 * DS_NS_PER_S, 0, false}, &k, &err), 0);
    assert_int_equal(k.count, 0);
    capture->ops->destroy(capture);
}

/* Times at both ends of what a file can say, replayed at a speed: neither waits for centuries nor
 * counts in numbers that do not fit. */
static void test_wild_times(void **state)
{
    struct traffic *t = calloc(1, sizeof *t);
    uint64_t seed = 1;
    static const int64_t times[] = {INT64_MAX, INT64_MIN, 0, INT64_C(4294967295) * DS_NS_PER_S,
                                    INT64_MAX};
    struct keeper *k = calloc(1, sizeof *k);
    struct ds_monitor *monitor = make_monitor(true);
    struct ds_pipeline *p;
    struct ds_error err;
    assert_true(t && k);
    for (size_t i = 0; i < COUNT(times); i++)
        draw_frame(t, &seed, times[i]);
    struct ds_capture *capture;
    struct ds_pipeline_settings settings = {.captures = &capture,
                                            .capture_count = 1,
                                            .monitor = monitor,
                                            .sink = {.self = k, .put = keep},
                                            .workers = 1,
                                            .speed = 0.001};
    assert_int_equal(ds_capture_open_fake(t->frames, t->count, 1, &capture), 0);
    assert_int_equal(ds_pipeline_create(&settings, &p, &err), 0);
    assert_int_equal(ds_pipeline_start(p, &err), 0);
    assert_int_equal(ds_pipeline_join(p, &err), 0);
    assert_int_equal(k->count, 1);
    assert_int_equal(k->windows[0].books[DS_BOOK_RECEIVED], COUNT(times));
    ds_pipeline_destroy(p);
    capture->ops->destroy(capture);
    ds_monitor_destroy(monitor);
    forget(k);
    free(k);
    free(t);
}

/* How long a replay of packets at these times takes, and that it loses none. */
static int64_t replay(const int64_t *times_ns, size_t count, double speed, bool stops)
{
    struct traffic *t = calloc(1, sizeof *t);
    struct keeper k = {.count = 0};
    struct ds_capture *capture;
    struct ds_error err;
    uint64_t seed = 1;
    assert_non_null(t);
    for (size_t i = 0; i < count; i++)
        draw_frame(t, &seed, times_ns[i]);
    assert_int_equal(ds_capture_open_fake(t->frames, t->count, COUNT(t->frames), &capture), 0);
    k.stop_capture = stops ? capture : NULL;
    int64_t began_ns = ds_clock_steady_ns();
    assert_int_equal(run(capture, &(struct way){1, true, DS_NS_PER_S * 60, speed, false}, &k, &err),
                     0);
    int64_t took_ns = ds_clock_steady_ns() - began_ns;
    uint64_t received = 0;
    for (size_t i = 0; i < k.count; i++)
        received += k.windows[i].books[DS_BOOK_RECEIVED];
    assert_int_equal(received, count);
    forget(&k);
    capture->ops->destroy(capture);
    free(t);
    return took_ns;
}

/* Packets that were read at once are replayed apart, also by more than a moment. */
static void test_replay_keeps_time(void **state)
{
    int64_t times[40], now = START_S * DS_NS_PER_S;
    for (size_t i = 0; i < COUNT(times); i++)
        times[i] = now += i == 20 ? 600 * DS_NS_PER_MS : 10 * DS_NS_PER_MS;
    assert_true(replay(times, COUNT(times), 2, false) >= (times[39] - times[0]) / 2);
}

/* Years without packets are not waited out, but the time behind them is kept. */
static void test_replay_skips_holes(void **state)
{
    const int64_t second = DS_NS_PER_S, year = 31536000 * second;
    const int64_t times[] = {0, year, year + second / 5, 0, second / 5};
    int64_t took = replay(times, COUNT(times), 1, false);
    assert_in_range(took, 2 * second / 5, 60 * second);
}

/* The second packet closes the first one's window, whose sink stops the capture; the third is due
 * much later. */
static void test_replay_that_is_stopped(void **state)
{
    const int64_t times[] = {0, 62 * DS_NS_PER_S, 3600 * DS_NS_PER_S};
    assert_true(replay(times, COUNT(times), 30, true) < 100 * DS_NS_PER_S);
}

static int set_up(void **state)
{
    *state = make_traffic();
    return 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_traffic),
        cmocka_unit_test(test_workers_agree),
        cmocka_unit_test(test_workers_agree_on_everything),
        cmocka_unit_test(test_captures_agree),
        cmocka_unit_test(test_failing_sink),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_one_reads_less),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_wild_times),
        cmocka_unit_test(test_replay_keeps_time),
        cmocka_unit_test(test_replay_skips_holes),
        cmocka_unit_test(test_replay_that_is_stopped),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
