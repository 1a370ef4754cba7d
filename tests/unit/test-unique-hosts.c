/* SPDX-License-Identifier: Apache-2.0
 *
 * Unique hosts over several windows, as the real sensor's sketches give them, against the exact
 * numbers of the generator, which shares nothing with it: all sources, IPv6 ones too, by class,
 * signature and port, each within four standard errors.
 */
#include "gen/generate.h"
#include "gen/truth.h"
#include "pipeline.h"

#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FRAMES_MAX 60000
#define COUNT(a)   (sizeof(a) / sizeof(a)[0])

struct traffic {
    struct ds_gen_options options;
    struct ds_frame frames[FRAMES_MAX];
    size_t count;
    struct ds_window truth;
};

static void add_frame(struct traffic *t, const struct ds_gen_packet *p)
{
    assert_true(t->count < FRAMES_MAX);
    uint8_t *bytes = malloc(p->captured + 1);
    assert_non_null(bytes);
    memcpy(bytes, ds_gen_frame(p), p->captured);
    t->frames[t->count++] = (struct ds_frame){bytes, p->captured, p->wire, p->fact.time_ns, 1};
}

static struct traffic *generate(void)
{
    static const char *const argv[] = {"darkscope-gen", "--output",   "unused",  "--rate",
                                       "100",           "--duration", "480s",    "--sources",
                                       "4000",          "--seed",     "20260701"};
    struct traffic *t = calloc(1, sizeof *t);
    struct ds_gen_generator *g = calloc(1, sizeof *g);
    struct ds_gen_truth truth = {0};
    struct ds_error err;
    assert_non_null(t);
    assert_non_null(g);
    assert_int_equal(ds_gen_options_parse(&t->options, (int)COUNT(argv), (char **)argv, &err), 0);
    int64_t base_ns = t->options.start_s * INT64_C(1000000000);
    assert_int_equal(ds_gen_generator_init(g, &t->options, NULL, base_ns, 1000, &err), 0);
    assert_int_equal(ds_gen_truth_init(&truth, NULL, g->world.addresses4, 60, &err), 0);
    for (const struct ds_gen_packet *p; (p = ds_gen_generator_next(g));) {
        add_frame(t, p);
        ds_gen_truth_count(&truth, &p->fact);
    }
    assert_true(ds_gen_truth_all(&truth, &t->truth));
    ds_gen_truth_finish(&truth);
    ds_gen_generator_finish(g);
    free(g);
    return t;
}

/* The windows' sketches, united. */
struct sum {
    struct ds_sketches all;
    size_t windows;
};

static int put(void *self, struct ds_window *w, struct ds_error *err)
{
    struct sum *s = self;
    (void)err;
    assert_null(ds_window_imbalance(w));
    if (s->windows++ == 0)
        assert_int_equal(ds_sketches_copy(&w->sketches, &s->all), 0);
    else
        assert_int_equal(ds_sketches_merge(&s->all, &w->sketches), 0);
    ds_window_finish(w);
    return 0;
}

static void count(struct traffic *t, unsigned workers, struct sum *sum)
{
    static const struct ds_sketch_secret secret = {UINT64_C(0x1f2e3d), UINT64_C(0x4c5b6a), 9};
    struct ds_capture *capture;
    struct ds_monitor *monitor;
    struct ds_pipeline *p;
    struct ds_error err;
    assert_int_equal(ds_capture_open_fake(t->frames, t->count, 100, &capture), 0);
    assert_int_equal(
        ds_monitor_create(t->options.prefixes, t->options.prefix_count, NULL, 0, &monitor, &err),
        0);
    const struct ds_pipeline_settings settings = {
        .captures = &capture,
        .capture_count = 1,
        .monitor = monitor,
        .sink = {.self = sum, .put = put},
        .sketch_secret = &secret,
        .workers = workers,
        .window_ns = INT64_C(60000000000),
        .lateness_ns = INT64_C(2000000000),
    };
    assert_int_equal(ds_pipeline_create(&settings, &p, &err), 0);
    assert_int_equal(ds_pipeline_start(p, &err), 0);
    struct pollfd done = {.fd = ds_pipeline_done_fd(p), .events = POLLIN};
    assert_int_equal(poll(&done, 1, 60000), 1);
    assert_int_equal(ds_pipeline_join(p, &err), 0);
    ds_pipeline_destroy(p);
    ds_monitor_destroy(monitor);
    capture->ops->destroy(capture);
}

/* Few sources err by whole ones: two that share a register. */
static void check(const char *what, const struct ds_sketch *s, uint64_t exact)
{
    struct ds_estimate e = ds_sketch_estimate(s);
    if (fabs(e.count - (double)exact) > 4 * e.error + 1)
        fail_msg("%s: %.1f +- %.1f, and there were %lu", what, e.count, e.error,
                 (unsigned long)exact);
}

static void check_key(const struct ds_sketches *s, const struct ds_sketch_key *key,
                      const char *what, uint64_t exact)
{
    const struct ds_sketch_row *row = ds_sketches_find(s, key);
    if (!row && exact > 0)
        fail_msg("%s: no sketch", what);
    if (row)
        check(what, &row->sketch, exact);
}

static void check_ports(const struct ds_sketches *s, const struct ds_window *truth)
{
    size_t checked = 0;
    for (size_t i = 0; i < truth->cell_count;) {
        const struct ds_cell *c = &truth->cells[i];
        const struct ds_sketch_key key = {
            .kind = DS_SKETCH_PORT, .cls = c->cls, .proto = c->proto, .port = c->port};
        uint64_t sources = 0;
        for (; i < truth->cell_count && truth->cells[i].cls == key.cls &&
               truth->cells[i].proto == key.proto && truth->cells[i].port == key.port;
             i++)
            sources += truth->cells[i].sources;
        const struct ds_sketch_row *row = ds_sketches_find(s, &key);
        if (!row || row->missing)
            continue;
        check("a port", &row->sketch, sources);
        checked++;
    }
    assert_true(checked > 50);
}

/* Says something of two packets, which the sensor compares within a window only. */
static bool is_related(const char *signature)
{
    return strcmp(signature, ds_signature_name(DS_SIGNATURE_NMAP)) == 0 ||
           strcmp(signature, ds_signature_name(DS_SIGNATURE_UNICORNSCAN)) == 0;
}

static void check_all(const struct ds_sketches *s, const struct ds_window *truth)
{
    struct ds_sketch all;
    assert_int_equal(ds_sketches_unite(s, DS_SKETCH_COUNTRY, &all), 0);
    check("all", &all, truth->sources);
    ds_sketch_finish(&all);
    for (uint8_t cls = 0; cls < DS_CLASS_COUNT; cls++)
        check_key(s, &(struct ds_sketch_key){.kind = DS_SKETCH_CLASS, .cls = cls},
                  ds_class_name(cls), truth->classes[cls].sources);
    for (size_t i = 0; i < truth->signature_count; i++) {
        struct ds_sketch_key key = {.kind = DS_SKETCH_SIGNATURE};
        strcpy(key.signature, truth->signatures[i].id);
        if (is_related(key.signature))
            continue;
        check_key(s, &key, key.signature, truth->signatures[i].sources);
    }
    check_ports(s, truth);
}

static void hosts_of_several_windows_are_counted(void **state)
{
    struct traffic *t = generate();
    struct sum one = {0}, three = {0};
    count(t, 1, &one);
    count(t, 3, &three);
    assert_true(one.windows >= 8);
    assert_true(ds_sketches_equal(&one.all, &three.all));
    assert_true(t->truth.sources > 2000 && t->truth.signature_count > 3);
    check_all(&one.all, &t->truth);
    ds_sketches_finish(&one.all);
    ds_sketches_finish(&three.all);
    for (size_t i = 0; i < t->count; i++)
        free((void *)t->frames[i].data);
    ds_window_finish(&t->truth);
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hosts_of_several_windows_are_counted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
