/* SPDX-License-Identifier: Apache-2.0
 *
 * How far estimates of a store are from the true numbers of sources: of 100 countries and 100 ports
 * over a day and over 30 days, whose sources come back again and again. Of all series, 99 % must be
 * within three standard errors.
 */
#include "sample.h"
#include "scratch-store.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define START    INT64_C(1769904000) /* 2026-02-01 */
#define HOUR     INT64_C(3600)
#define DAY      INT64_C(86400)
#define DAYS     30
#define SERIES   200 /* countries, then ports */
#define PORTS_AT 100
#define SIZES    7
#define POOL_MIN 100u /* sources of the smallest; each of the next sizes has twice as many */
#define COMEBACK 24   /* of a pool, one in so many comes in an hour */
#define BOUND    3.0  /* standard errors */

static const struct ds_sketch_secret secret = {41, 42, 43};

struct world {
    struct scratch scratch;
    uint64_t random;
    uint8_t *seen[2][SERIES]; /* on the first day, in all days */
    uint64_t exact[2][SERIES];
};

static uint32_t pool_of(unsigned series)
{
    return POOL_MIN << series % SIZES;
}

static ds_country country_of(unsigned series)
{
    return DS_COUNTRY((char)('A' + series / 26), (char)('A' + series % 26));
}

/* The sources of a series in an hour, noted in its sketch and as what they are. */
static void draw(struct world *w, unsigned series, bool is_first_day, struct ds_sketch *sketch)
{
    uint32_t pool = pool_of(series);
    assert_int_equal(ds_sketch_open(sketch), 0);
    for (uint32_t i = 0; i <= pool / COMEBACK; i++) {
        uint32_t source = (uint32_t)(sample_random(&w->random) % pool);
        uint64_t hash = ds_sketch_hash(&secret, (uint64_t)series << 24 | source);
        assert_int_equal(ds_sketch_add(sketch, hash), 0);
        for (int range = is_first_day ? 0 : 1; range < 2; range++) {
            w->exact[range][series] += !w->seen[range][series][source];
            w->seen[range][series][source] = 1;
        }
    }
    ds_sketch_close(sketch);
}

static void make_window(struct world *world, int64_t hour, struct ds_window *w)
{
    sample_small(w);
    w->start_s = START + hour * HOUR;
    w->seconds = HOUR;
    w->source_record_count = w->attack_count = 0;
    free(w->cells);
    free(w->countries);
    ds_sketches_finish(&w->sketches);
    w->sketches = (struct ds_sketches){.known = true, .secret_id = secret.id};
    w->cells = calloc(SERIES - PORTS_AT, sizeof *w->cells);
    w->countries = calloc(PORTS_AT, sizeof *w->countries);
    w->sketches.rows = calloc(SERIES, sizeof *w->sketches.rows);
    assert_true(w->cells && w->countries && w->sketches.rows);
    w->cell_count = SERIES - PORTS_AT;
    w->country_count = PORTS_AT;
    w->sketches.count = SERIES;
    for (unsigned i = 0; i < SERIES; i++) {
        struct ds_sketch_row *row = &w->sketches.rows[i];
        const uint16_t port = (uint16_t)(i + 1);
        row->key = i < PORTS_AT
                       ? (struct ds_sketch_key){.kind = DS_SKETCH_COUNTRY, .country = country_of(i)}
                       : (struct ds_sketch_key){
                             .kind = DS_SKETCH_PORT, .proto = DS_PROTO_TCP, .port = port};
        ds_sketch_init(&row->sketch, ds_sketch_precision(row->key.kind));
        draw(world, i, hour < 24, &row->sketch);
        if (i < PORTS_AT)
            w->countries[i] = (struct ds_country_tally){row->key.country, {9, 360, 1}};
        else
            w->cells[i - PORTS_AT] = (struct ds_cell){
                DS_CLASS_SCAN, DS_PROTO_TCP, port, DS_COUNTRY('C', 'N'), 9, 360, 1, 0};
    }
}

static void tidy(struct ds_store *store)
{
    const struct ds_retention keep = {DAY, DS_KEEP_FOR_EVER, DS_KEEP_FOR_EVER};
    struct ds_error err = {0};
    for (int64_t now_s = START + 40 * DAY; now_s < START + 43 * DAY; now_s += DAY)
        while (store->ops->tidy(store, &keep, now_s, &err) > 0)
            ;
}

struct compared {
    const struct world *world;
    unsigned range;
    enum ds_by by;
    unsigned rows, outside;
};

static int compare(void *arg, const struct ds_top_row *row)
{
    struct compared *c = arg;
    unsigned series = c->by == DS_BY_PORT
                          ? row->port - 1u
                          : (unsigned)((row->country >> 8) - 'A') * 26 + (row->country & 255) - 'A';
    const struct ds_figures *f = &row->figures;
    assert_true(series < SERIES && f->sources_estimated && f->sources_error > 0);
    double exact = (double)c->world->exact[c->range][series];
    double standard_error = f->sources_error * exact;
    c->rows++;
    c->outside += fabs((double)f->sources - exact) > BOUND * standard_error + 0.5; /* rounded */
    return 0;
}

static void errs_as_theory_says(void **state)
{
    struct world *w = *state;
    unsigned rows = 0, outside = 0;
    for (int64_t hour = 0; hour < DAYS * 24; hour++) {
        struct ds_window window;
        make_window(w, hour, &window);
        scratch_put(&w->scratch, "a", &window);
        ds_window_finish(&window);
    }
    tidy(w->scratch.store);
    for (unsigned range = 0; range < 2; range++)
        for (unsigned k = 0; k < 2; k++) {
            const struct ds_filter all = {0};
            struct compared c = {w, range, k ? DS_BY_PORT : DS_BY_COUNTRY, 0, 0};
            const struct ds_top top = {.range = {START, START + (range ? DAYS : 1) * DAY, NULL},
                                       .filter = &all,
                                       .by = c.by,
                                       .limit = SERIES};
            struct ds_figures total;
            struct ds_error err = {0};
            if (w->scratch.store->ops->top(w->scratch.store, &top, compare, &c, &total, &err))
                fail_msg("%s", err.text);
            assert_int_equal(c.rows, SERIES / 2);
            rows += c.rows;
            outside += c.outside;
        }
    print_message("# %u of %u estimates are off by more than %.0f standard errors\n", outside, rows,
                  BOUND);
    assert_true(outside * 100 <= rows);
}

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->random = 5;
    for (int range = 0; range < 2; range++)
        for (unsigned i = 0; i < SERIES; i++)
            assert_non_null(w->seen[range][i] = calloc(pool_of(i), 1));
    scratch_open(&w->scratch);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;
    scratch_close(&w->scratch);
    for (int range = 0; range < 2; range++)
        for (unsigned i = 0; i < SERIES; i++)
            free(w->seen[range][i]);
    free(w);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(errs_as_theory_says, open_world, close_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
