/* SPDX-License-Identifier: Apache-2.0
 *
 * A window that is too large for an answer.
 */
#include "query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define START INT64_C(1767225600) /* 2026-01-01T00:00:00Z */

/* A store of one window that has one cell more than a window's JSON may have rows. */
struct wide_store {
    struct ds_store base; /* first */
    size_t cells_of_port;
};

static int wide_sensors(struct ds_store *store, ds_sensor_fn *each, void *arg, struct ds_error *err)
{
    const struct ds_sensor_row row = {
        .name = "a", .first_s = START, .end_s = START + 60, .windows = 1, .grid_s = 60};
    return each(arg, &row);
}

static int wide_windows(struct ds_store *store, const struct ds_range *range, uint64_t limit,
                        bool with_sources, ds_window_fn *each, void *arg, struct ds_error *err)
{
    return 0;
}

static int wide_load(struct ds_store *store, int64_t start_s, const char *sensor,
                     struct ds_window *out, struct ds_origin *origin, struct ds_error *err)
{
    size_t of_port = ((struct wide_store *)store)->cells_of_port;
    ds_window_init(out);
    out->start_s = start_s;
    out->seconds = 60;
    out->cell_count = DS_QUERY_ROWS_MAX + 1;
    out->cells = calloc(out->cell_count, sizeof out->cells[0]);
    assert_non_null(out->cells);
    for (size_t i = 0; i < out->cell_count; i++) {
        size_t port = i / of_port, country = i % of_port;
        out->cells[i] = (struct ds_cell){
            .proto = (uint8_t)(port >> 16),
            .port = (uint16_t)port,
            .country = (ds_country)(('A' + country / 26) << 8 | ('A' + country % 26)),
            .packets = 1};
    }
    *origin = (struct ds_origin){.sensors = 1, .parts = 1, .sources_exact = true};
    return 0;
}

static void window_with_too_many_rows_is_refused_before_it_is_built(void **state)
{
    static const struct ds_store_ops ops = {
        .sensors = wide_sensors, .windows = wide_windows, .load = wide_load};
    struct wide_store store = {.base.ops = &ops, .cells_of_port = 1};
    struct ds_query query;
    struct ds_error err = {0};
    json_t *json = NULL;
    ds_query_init(&query, DS_QUERY_WINDOW);
    assert_int_equal(ds_query_set(&query, "at", "2026-01-01T00:00:00Z", &err), 0);
    assert_int_equal(ds_query_run(&query, &store.base, &json, &err), -1);
    assert_int_equal(err.status, DS_USAGE);
    assert_non_null(strstr(err.text, "262145 rows"));
    assert_non_null(strstr(err.text, "top"));
    store.cells_of_port = 600; /* its ports have few rows */
    assert_int_equal(ds_query_run(&query, &store.base, &json, &err), 0);
    assert_int_equal(json_array_size(json_object_get(json, "ports")), DS_QUERY_ROWS_MAX / 600 + 1);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(window_with_too_many_rows_is_refused_before_it_is_built),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
