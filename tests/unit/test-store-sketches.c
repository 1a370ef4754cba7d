/* SPDX-License-Identifier: Apache-2.0
 *
 * Unique sources over any time: what the store answers is what one sketch of all the sources would
 * say, by every filter that has sketches, of two sensors, from windows, from hours and days, and
 * when the windows are gone; and nothing where a window has none, or of another secret.
 */
#include "scratch-store.h"

#include "sample.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define START   INT64_C(1767225600) /* 2026-01-01 */
#define DAY     INT64_C(86400)
#define HOUR    INT64_C(3600)
#define LENGTH  1800
#define DAYS    2
#define WINDOWS (DAYS * DAY / LENGTH)
#define SOURCES 60   /* of a window */
#define POOL    4000 /* of all */

static const char *const sensors[] = {"a", "b"};
static const struct ds_sketch_secret secret = {31, 32, 33};

/* What is known of a source by its number. */
static ds_country country_of(uint64_t source)
{
    static const char codes[][3] = {"CN", "JP", "NL", "US"};
    const char *code = codes[source % 4];
    return DS_COUNTRY(code[0], code[1]);
}

static bool is_survey(uint64_t source)
{
    return source % 11 == 0;
}

static bool is_mirai(uint64_t source)
{
    return source % 3 == 0;
}

static bool is_confirmed(uint64_t source)
{
    return source % 6 == 0;
}

static struct ds_sketch_key port_of(uint64_t source)
{
    static const uint16_t ports[] = {23, 80, 443};
    return (struct ds_sketch_key){.kind = DS_SKETCH_PORT,
                                  .cls = source % 7 ? DS_CLASS_SCAN : DS_CLASS_BACKSCATTER,
                                  .proto = source % 5 ? DS_PROTO_TCP : DS_PROTO_UDP,
                                  .port = ports[source % 3]};
}

static uint64_t draw(size_t sensor, int64_t start_s, unsigned i)
{
    uint64_t random = (uint64_t)start_s * 10 + sensor * 7 + i * UINT64_C(1000003) + 1;
    sample_random(&random);
    return sample_random(&random) % POOL;
}

/* ---- windows ---- */

static void put_sketch(struct ds_sketches *s, const struct ds_sketch_key *key, uint64_t source)
{
    struct ds_sketch_row *row = (struct ds_sketch_row *)ds_sketches_find(s, key);
    if (!row) {
        s->rows = realloc(s->rows, (s->count + 1) * sizeof *s->rows);
        assert_non_null(s->rows);
        size_t at = s->count++;
        for (; at > 0 && ds_sketch_key_compare(&s->rows[at - 1].key, key) > 0; at--)
            s->rows[at] = s->rows[at - 1];
        row = &s->rows[at];
        *row = (struct ds_sketch_row){.key = *key};
        ds_sketch_init(&row->sketch, ds_sketch_precision(key->kind));
    }
    assert_int_equal(ds_sketch_add(&row->sketch, ds_sketch_hash(&secret, source)), 0);
}

static void put_survey(struct ds_sketches *s, struct ds_sketch_key key, uint64_t source)
{
    put_sketch(s, &key, source);
    key.kind++;
    if (is_survey(source))
        put_sketch(s, &key, source);
}

static void put_source(struct ds_sketches *s, uint64_t source)
{
    struct ds_sketch_key port = port_of(source);
    put_survey(s, (struct ds_sketch_key){.kind = DS_SKETCH_COUNTRY, .country = country_of(source)},
               source);
    put_survey(s, (struct ds_sketch_key){.kind = DS_SKETCH_PROTOCOL, .proto = port.proto}, source);
    put_survey(s, port, source);
    put_sketch(s, &(struct ds_sketch_key){.kind = DS_SKETCH_CLASS, .cls = port.cls}, source);
    struct ds_sketch_key infected = {.kind = DS_SKETCH_INFECTED, .country = country_of(source)};
    if (is_mirai(source)) {
        put_sketch(s, &(struct ds_sketch_key){.kind = DS_SKETCH_SIGNATURE, .signature = "mirai"},
                   source);
        put_sketch(s, &infected, source);
    }
    infected.kind = DS_SKETCH_INFECTED_CONFIRMED;
    if (is_confirmed(source))
        put_sketch(s, &infected, source);
}

/* The sample's tables, so that every filter finds packets; the sources are our own: some of all
 * that the window has. */
static void make_part(struct ds_window *w, size_t sensor, int64_t start_s, unsigned first,
                      unsigned end)
{
    static const struct ds_cell cells[] = {
        {DS_CLASS_SCAN, DS_PROTO_TCP, 23, DS_COUNTRY('C', 'N'), 4, 172, 3, 1},
        {DS_CLASS_SCAN, DS_PROTO_TCP, 80, DS_COUNTRY('J', 'P'), 4, 172, 3, 1},
        {DS_CLASS_SCAN, DS_PROTO_TCP, 443, DS_COUNTRY('J', 'P'), 4, 172, 3, 1},
    };
    sample_small(w);
    memcpy(w->cells, cells, sizeof cells);
    w->cell_count = 3;
    w->countries[2].country = DS_COUNTRY('J', 'P');
    w->source_record_count = w->attack_count = 0;
    w->start_s = start_s;
    w->seconds = LENGTH;
    w->sketches = (struct ds_sketches){.known = true, .secret_id = secret.id};
    for (unsigned i = first; i < end; i++)
        put_source(&w->sketches, draw(sensor, start_s, i));
}

static void make_window(struct ds_window *w, size_t sensor, int64_t start_s)
{
    make_part(w, sensor, start_s, 0, SOURCES);
}

static void put_all(struct scratch *s)
{
    for (int64_t i = 0; i < WINDOWS; i++)
        for (size_t sensor = 0; sensor < 2; sensor++) {
            struct ds_window w;
            make_window(&w, sensor, START + i * LENGTH);
            scratch_put(s, sensors[sensor], &w);
            ds_window_finish(&w);
        }
}

static void tidy(struct scratch *s, const struct ds_retention *keep, int64_t now_s)
{
    struct ds_error err = {0};
    int result;
    while ((result = s->store->ops->tidy(s->store, keep, now_s, &err)) > 0)
        ;
    if (result < 0)
        fail_msg("%s", err.text);
}

static const struct ds_retention for_ever = {DS_KEEP_FOR_EVER, DS_KEEP_FOR_EVER, DS_KEEP_FOR_EVER};

/* ---- what is expected ---- */

static bool fits(const struct ds_filter *f, uint64_t source)
{
    struct ds_sketch_key port = port_of(source);
    return (!f->has_country || f->country == country_of(source)) &&
           (!f->has_class || f->cls == port.cls) && (!f->has_proto || f->proto == port.proto) &&
           (!f->has_port || f->port == port.port) &&
           (f->infected != DS_INFECTED_CONFIRMED || is_confirmed(source)) &&
           (!(f->has_signature || f->infected == DS_INFECTED_SEEN) || is_mirai(source));
}

static struct ds_sketch sketch_of(const struct ds_filter *f, int64_t from_s, int64_t to_s,
                                  const char *sensor, bool survey, unsigned precision)
{
    struct ds_sketch s;
    ds_sketch_init(&s, f->has_port ? DS_SKETCH_COARSE : DS_SKETCH_FINE);
    for (int64_t start_s = from_s; start_s < to_s; start_s += LENGTH)
        for (size_t k = 0; k < 2; k++)
            for (unsigned i = 0; i < SOURCES && (!sensor || strcmp(sensor, sensors[k]) == 0); i++) {
                uint64_t source = draw(k, start_s, i);
                if (fits(f, source) && (!survey || is_survey(source)))
                    assert_int_equal(ds_sketch_add(&s, ds_sketch_hash(&secret, source)), 0);
            }
    if (precision && precision < s.precision)
        assert_int_equal(ds_sketch_fold(&s, precision), 0);
    return s;
}

static double count_of(const struct ds_filter *f, int64_t from_s, int64_t to_s, const char *sensor,
                       bool survey, unsigned precision)
{
    struct ds_sketch s = sketch_of(f, from_s, to_s, sensor, survey, precision);
    double count = ds_sketch_estimate(&s).count;
    ds_sketch_finish(&s);
    return count;
}

static uint64_t expected(const struct ds_filter *f, int64_t from_s, int64_t to_s,
                         const char *sensor, unsigned precision)
{
    double all = count_of(f, from_s, to_s, sensor, f->survey == DS_SURVEY_PART_ONLY, precision);
    if (f->survey == DS_SURVEY_PART_WITHOUT)
        all -= count_of(f, from_s, to_s, sensor, true, precision);
    return (uint64_t)llround(all);
}

/* Filters with sketches. */
static const struct ds_filter filters[] = {
    {.has_class = false},
    {.has_country = true, .country = DS_COUNTRY('J', 'P')},
    {.has_class = true, .cls = DS_CLASS_SCAN},
    {.has_proto = true, .proto = DS_PROTO_UDP},
    {.has_class = true,
     .cls = DS_CLASS_SCAN,
     .has_proto = true,
     .proto = DS_PROTO_TCP,
     .has_port = true,
     .port = 23},
    {.has_proto = true, .proto = DS_PROTO_TCP, .has_port = true, .port = 80},
    {.has_signature = true, .signature = "mirai"},
    {.infected = DS_INFECTED_SEEN},
    {.infected = DS_INFECTED_CONFIRMED},
    {.infected = DS_INFECTED_SEEN, .has_country = true, .country = DS_COUNTRY('J', 'P')},
    {.survey = DS_SURVEY_PART_ONLY},
    {.survey = DS_SURVEY_PART_WITHOUT},
    {.has_country = true, .country = DS_COUNTRY('J', 'P'), .survey = DS_SURVEY_PART_WITHOUT},
    {.has_proto = true,
     .proto = DS_PROTO_TCP,
     .has_port = true,
     .port = 80,
     .survey = DS_SURVEY_PART_ONLY},
};
#define FILTERS (sizeof filters / sizeof filters[0])

/* ---- asking ---- */

#define EDGES_MAX 64

struct asked {
    const struct ds_filter *filter;
    const char *sensor;
    const int64_t *edges_s;
    unsigned precision; /* 0: as it was */
    bool is_known;
    size_t points;
};

static int check_point(void *arg, const struct ds_point *p)
{
    struct asked *a = arg;
    const struct ds_figures *f = &p->figures;
    a->points++;
    assert_int_equal(f->sources_estimated, a->is_known);
    assert_false(f->sources_exact);
    if (!a->is_known)
        return 0;
    uint64_t count = expected(a->filter, a->edges_s[p->bucket], a->edges_s[p->bucket + 1],
                              a->sensor, a->precision);
    if (f->sources != count)
        fail_msg("filter %zu: %lu sources and not %lu", (size_t)(a->filter - filters),
                 (unsigned long)f->sources, (unsigned long)count);
    assert_true(count == 0 || (f->sources_error > 0 && f->sources_error < 0.06));
    return 0;
}

static void check_series(struct scratch *s, int64_t step_s, const char *sensor, unsigned precision,
                         bool is_known)
{
    int64_t edges_s[EDGES_MAX];
    size_t count = (size_t)(DAYS * DAY / step_s);
    assert_true(count < EDGES_MAX);
    for (size_t i = 0; i <= count; i++)
        edges_s[i] = START + (int64_t)i * step_s;
    const struct ds_buckets buckets = {edges_s, count, sensor};
    for (size_t i = 0; i < FILTERS; i++) {
        struct asked asked = {&filters[i], sensor, edges_s, precision, is_known, 0};
        struct ds_error err = {0};
        if (s->store->ops->series(s->store, &buckets, &filters[i], check_point, &asked, &err))
            fail_msg("%s", err.text);
        assert_int_equal(asked.points, count);
    }
}

static void check_all(struct scratch *s, unsigned hour_precision)
{
    check_series(s, DAYS * DAY, NULL, 0, true);
    check_series(s, DAY, NULL, 0, true);
    check_series(s, DAY, "b", 0, true);
    if (!hour_precision) {
        check_series(s, HOUR, NULL, 0, true);
        check_series(s, HOUR, "b", 0, true);
    }
}

static int open_scratch(void **state)
{
    struct scratch *s = malloc(sizeof *s);
    assert_non_null(s);
    scratch_open(s);
    *state = s;
    return 0;
}

static int close_scratch(void **state)
{
    scratch_close(*state);
    free(*state);
    return 0;
}

static void levels_say_the_same(void **state)
{
    struct scratch *s = *state;
    put_all(s);
    check_all(s, 0); /* from windows */
    tidy(s, &for_ever, START + DAYS * DAY + HOUR);
    check_all(s, 0); /* from hours, and days where they are whole */
    const struct ds_retention days = {DAY, DS_KEEP_FOR_EVER, DS_KEEP_FOR_EVER};
    tidy(s, &days, START + 40 * DAY);
    check_all(s, 12); /* without windows: hours are folded */
}

/* Ports have 2^10 registers there, all others 2^12. */
static void hours_are_less_precise_later(void **state)
{
    struct scratch *s = *state;
    const struct ds_retention days = {DAY, DS_KEEP_FOR_EVER, DS_KEEP_FOR_EVER};
    int64_t edges_s[] = {START, START + HOUR, START + 2 * HOUR};
    const struct ds_buckets buckets = {edges_s, 2, NULL};
    put_all(s);
    tidy(s, &days, START + 40 * DAY);
    for (size_t i = 0; i < FILTERS; i++) {
        struct asked asked = {&filters[i], NULL, edges_s, filters[i].has_port ? 10 : 12, true, 0};
        struct ds_error err = {0};
        if (s->store->ops->series(s->store, &buckets, &filters[i], check_point, &asked, &err))
            fail_msg("%s", err.text);
        assert_int_equal(asked.points, 2);
    }
}

static void late_windows_count(void **state)
{
    struct scratch *s = *state;
    struct ds_window w;
    put_all(s);
    tidy(s, &for_ever, START + DAYS * DAY + HOUR);
    /* A part of a window that is there: its sketches unite with the earlier ones, which hold all of
     * these sources. */
    make_window(&w, 1, START + 5 * LENGTH);
    scratch_put(s, "b", &w);
    ds_window_finish(&w);
    check_all(s, 0);
    tidy(s, &for_ever, START + DAYS * DAY + HOUR);
    check_all(s, 0);
}

/* A window in two messages, committed at once: what is kept of the open hour has both. */
static void parts_that_come_together_count(void **state)
{
    struct scratch *s = *state;
    for (int64_t i = 0; i < WINDOWS; i++)
        for (size_t sensor = 0; sensor < 2; sensor++) {
            struct ds_window parts[2];
            struct ds_store_put puts[2];
            for (unsigned k = 0; k < 2; k++) {
                make_part(&parts[k], sensor, START + i * LENGTH, k * SOURCES / 2,
                          (k + 1) * SOURCES / 2);
                puts[k] = (struct ds_store_put){.sensor = sensors[sensor],
                                                .boot = 1,
                                                .sequence = ++s->sequence,
                                                .received_s = 5,
                                                .window = &parts[k]};
            }
            assert_true(s->store->ops->put_together(s->store, puts, 2));
            for (unsigned k = 0; k < 2; k++)
                ds_window_finish(&parts[k]);
        }
    tidy(s, &for_ever, START + DAYS * DAY + HOUR);
    check_all(s, 0);
}

static void one_window_without_is_enough(void **state)
{
    struct scratch *s = *state;
    for (int foreign = 0; foreign < 2; foreign++) {
        struct ds_window w;
        put_all(s);
        make_window(&w, 0, START + DAY + 7 * LENGTH + LENGTH / 2 * 2);
        ds_sketches_finish(&w.sketches);
        if (foreign)
            w.sketches = (struct ds_sketches){.known = true, .secret_id = secret.id + 1};
        scratch_put(s, "c", &w);
        ds_window_finish(&w);
        check_series(s, DAYS * DAY, NULL, 0, false);
        check_series(s, DAYS * DAY, "b", 0, true);
        tidy(s, &for_ever, START + DAYS * DAY + HOUR);
        check_series(s, DAYS * DAY, NULL, 0, false);
        check_series(s, DAY, "b", 0, true);
        scratch_close(s);
        scratch_open(s);
    }
}

static void windows_below_an_hour_have_none(void **state)
{
    struct scratch *s = *state;
    put_all(s);
    int64_t edges_s[] = {START, START + LENGTH, START + 2 * LENGTH};
    const struct ds_buckets buckets = {edges_s, 2, NULL};
    struct asked asked = {&filters[0], NULL, edges_s, 0, false, 0};
    assert_int_equal(
        s->store->ops->series(s->store, &buckets, &filters[0], check_point, &asked, NULL), 0);
    assert_int_equal(asked.points, 2);
}

/* ---- tables ---- */

static int check_row(void *arg, const struct ds_top_row *row)
{
    const struct ds_top *top = arg;
    struct ds_filter f = *top->filter;
    f.has_country = top->by == DS_BY_COUNTRY;
    f.country = row->country;
    f.has_class = f.has_proto = f.has_port = top->by == DS_BY_PORT;
    f.cls = row->cls;
    f.proto = row->proto;
    f.port = row->port;
    assert_true(row->figures.sources_estimated);
    assert_true(row->figures.sources ==
                expected(&f, top->range.from_s, top->range.to_s, top->range.sensor, 0));
    return 0;
}

static void tables_have_them(void **state)
{
    struct scratch *s = *state;
    static const enum ds_by by[] = {DS_BY_PORT, DS_BY_COUNTRY};
    static const struct ds_filter parts[] = {{.survey = DS_SURVEY_PART_ALL},
                                             {.survey = DS_SURVEY_PART_WITHOUT}};
    struct ds_totals totals;
    struct ds_error err = {0};
    put_all(s);
    tidy(s, &for_ever, START + DAYS * DAY + HOUR);
    for (size_t i = 0; i < 2; i++)
        for (size_t part = 0; part < 2; part++) {
            struct ds_figures total;
            struct ds_top top = {{START, START + DAYS * DAY, i ? "a" : NULL},
                                 &parts[part],
                                 by[i],
                                 10,
                                 DS_ORDER_PACKETS,
                                 0};
            if (s->store->ops->top(s->store, &top, check_row, &top, &total, &err))
                fail_msg("%s", err.text);
        }
    const struct ds_range range = {START, START + DAY, NULL};
    assert_int_equal(s->store->ops->totals(s->store, &range, &totals, &err), 0);
    assert_true(totals.sources_estimated && totals.sources.error > 0);
    assert_true(llround(totals.sources.count) ==
                (long long)expected(&filters[0], range.from_s, range.to_s, NULL, 0));
    assert_true(llround(totals.classes[DS_CLASS_SCAN].count) ==
                (long long)expected(&filters[2], range.from_s, range.to_s, NULL, 0));
}

static int note_point(void *arg, const struct ds_point *p)
{
    *(struct ds_figures *)arg = p->figures;
    return 0;
}

static struct ds_figures day_of(struct scratch *s, const struct ds_filter *f)
{
    int64_t edges_s[] = {START, START + DAY};
    const struct ds_buckets buckets = {edges_s, 1, NULL};
    struct ds_figures figures = {0};
    struct ds_error err = {0};
    if (s->store->ops->series(s->store, &buckets, f, note_point, &figures, &err))
        fail_msg("%s", err.text);
    return figures;
}

/* Port 23 has packets in every window and is listed in each second one; port 80 has packets in
 * those only, and is listed there. */
static void put_listed(struct scratch *s, int64_t i)
{
    const struct ds_sketch_key telnet = {.kind = DS_SKETCH_PORT, .proto = DS_PROTO_TCP, .port = 23};
    const struct ds_sketch_key http = {.kind = DS_SKETCH_PORT, .proto = DS_PROTO_TCP, .port = 80};
    struct ds_window w;
    make_window(&w, 0, START + i * LENGTH);
    ds_sketches_finish(&w.sketches);
    w.sketches = (struct ds_sketches){.known = true, .secret_id = secret.id, .port_floor = 3};
    if (i % 2) {
        put_sketch(&w.sketches, &telnet, (uint64_t)i);
        put_sketch(&w.sketches, &http, (uint64_t)i);
    } else {
        w.cells[1].port = 81;
    }
    scratch_put(s, "a", &w);
    ds_window_finish(&w);
}

/* Whatever is summed up already: half of the windows came before it was asked, half late. */
static void a_port_is_told_where_it_was_always_listed(void **state)
{
    struct scratch *s = *state;
    const int64_t windows = DAY / LENGTH;
    struct ds_filter survey = filters[4];
    survey.survey = DS_SURVEY_PART_ONLY;
    for (int64_t i = 0; i < windows; i += 2)
        put_listed(s, i);
    tidy(s, &for_ever, START + DAYS * DAY + HOUR);
    for (int64_t i = 1; i < windows; i += 2)
        put_listed(s, i);
    for (int round = 0; round < 2; round++) {
        struct ds_figures http = day_of(s, &filters[5]), telnet = day_of(s, &filters[4]);
        assert_true(http.sources_estimated);
        assert_int_equal(http.sources, windows / 2);
        assert_false(telnet.sources_estimated || telnet.sources_exact);
        assert_int_equal(telnet.sources, 0);
        assert_int_equal(telnet.sources_peak, 3);
        assert_false(day_of(s, &survey).sources_estimated);
        tidy(s, &for_ever, START + DAYS * DAY + HOUR);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(levels_say_the_same, open_scratch, close_scratch),
        cmocka_unit_test_setup_teardown(hours_are_less_precise_later, open_scratch, close_scratch),
        cmocka_unit_test_setup_teardown(late_windows_count, open_scratch, close_scratch),
        cmocka_unit_test_setup_teardown(parts_that_come_together_count, open_scratch,
                                        close_scratch),
        cmocka_unit_test_setup_teardown(one_window_without_is_enough, open_scratch, close_scratch),
        cmocka_unit_test_setup_teardown(windows_below_an_hour_have_none, open_scratch,
                                        close_scratch),
        cmocka_unit_test_setup_teardown(tables_have_them, open_scratch, close_scratch),
        cmocka_unit_test_setup_teardown(a_port_is_told_where_it_was_always_listed, open_scratch,
                                        close_scratch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
