/* SPDX-License-Identifier: Apache-2.0
 *
 * Sketches of open hours: handed over whole or not at all, and those of the hours that are summed
 * up first where there is no room for all.
 */
#include "store/unions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOUR       INT64_C(3600)
#define SENSOR     1
#define GENERATION 7

static const struct ds_sketch_key all_scans = {.kind = DS_SKETCH_CLASS, .cls = DS_CLASS_SCAN};

/* A window of so many sources, from the first on. */
static void note(struct unions *u, int64_t sensor, int64_t start_s, uint64_t first,
                 uint64_t sources)
{
    static const struct ds_sketch_secret secret = {1, 2, 3};
    struct ds_sketch_row row = {.key = all_scans};
    struct ds_window w;
    ds_window_init(&w);
    w.start_s = start_s;
    w.books[DS_BOOK_COUNTED] = sources;
    ds_sketch_init(&row.sketch, ds_sketch_precision(DS_SKETCH_CLASS));
    for (uint64_t i = 0; i < sources; i++)
        assert_int_equal(ds_sketch_add(&row.sketch, ds_sketch_hash(&secret, first + i)), 0);
    w.sketches = (struct ds_sketches){.known = true, .secret_id = 3, .rows = &row, .count = 1};
    ds_unions_note(u, sensor, GENERATION, &w);
    ds_sketch_finish(&row.sketch);
}

static bool is_taken(struct unions *u, int64_t hour_s, uint64_t windows)
{
    struct union_of got = {0};
    bool is = ds_unions_take(u, hour_s, SENSOR, GENERATION, windows, &got);
    ds_union_finish(&got);
    return is;
}

static void hands_over_what_came(void **state)
{
    struct unions u = {0};
    struct union_of got = {0};
    (void)state;
    note(&u, SENSOR, 0, 0, 100);
    note(&u, SENSOR, 60, 50, 100);
    note(&u, SENSOR + 1, 120, 1000, 100); /* another's */
    note(&u, SENSOR, 180, 0, 0);          /* nothing was counted */
    assert_true(ds_unions_take(&u, 0, SENSOR, GENERATION, 2, &got));
    ds_union_close(&got);
    assert_int_equal(got.all.count, 1);
    const struct ds_sketch_row *row = ds_sketches_find(&got.all, &all_scans);
    assert_non_null(row);
    assert_int_equal(row->windows, 2);
    double sources = ds_sketch_estimate(&row->sketch).count;
    assert_true(sources > 145 && sources < 155);
    ds_union_finish(&got);
    assert_false(is_taken(&u, 0, 2)); /* it is handed over once */
    ds_unions_finish(&u);
}

static void hands_over_nothing_that_lacks_a_window(void **state)
{
    struct unions u = {0};
    struct union_of got = {0};
    (void)state;
    note(&u, SENSOR, 0, 0, 10);
    assert_false(is_taken(&u, 0, 2)); /* one is in the file alone */
    note(&u, SENSOR, 0, 0, 10);
    assert_false(ds_unions_take(&u, 0, SENSOR, GENERATION + 1, 1, &got));
    note(&u, SENSOR, 0, 0, 10);
    ds_unions_forget(&u, 0, SENSOR);
    assert_false(is_taken(&u, 0, 1));
    ds_unions_finish(&u);
}

static void keeps_the_hours_that_come_first(void **state)
{
    struct unions u = {0};
    (void)state;
    for (unsigned i = 0; i < UNIONS_MAX + 3; i++)
        note(&u, SENSOR, i * HOUR, i, 10);
    for (unsigned i = 0; i < UNIONS_MAX + 3; i++)
        assert_int_equal(is_taken(&u, i * HOUR, 1), i < UNIONS_MAX);
    for (unsigned i = UNIONS_MAX + 3; i-- > 0;)
        note(&u, SENSOR, i * HOUR, i, 10);
    for (unsigned i = 0; i < UNIONS_MAX + 3; i++)
        assert_int_equal(is_taken(&u, i * HOUR, 1), i < UNIONS_MAX);
    ds_unions_finish(&u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hands_over_what_came),
        cmocka_unit_test(hands_over_nothing_that_lacks_a_window),
        cmocka_unit_test(keeps_the_hours_that_come_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
