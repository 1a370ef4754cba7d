/* SPDX-License-Identifier: Apache-2.0
 *
 * Series over uneven buckets, and when things were first seen, against windows in memory.
 */
#include "sample.h"
#include "scratch-store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define START INT64_C(1767225600)
#define COUNT 30

struct world {
    struct scratch scratch;
    struct ds_window windows[COUNT];
    const char *sensors[COUNT];
};

/* Sensor a watches minutes 0 to 19, b minutes 5 to 9 and 100 to 104. */
static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    scratch_open(&w->scratch);
    for (int i = 0; i < COUNT; i++) {
        int minute = i < 20 ? i : i < 25 ? i - 15 : i + 75;
        w->sensors[i] = i < 20 ? "a" : "b";
        scratch_window(&w->windows[i], (uint64_t)i + 1, START + minute * INT64_C(60));
        if (i == 7)
            strcpy(w->windows[i].signatures[0].id, "zmap");
        scratch_put(&w->scratch, w->sensors[i], &w->windows[i]);
    }
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < COUNT; i++)
        ds_window_finish(&w->windows[i]);
    scratch_close(&w->scratch);
    free(w);
    return 0;
}

struct check {
    const struct world *world;
    const struct ds_buckets *buckets;
    uint16_t port; /* 0: all packets */
    size_t next, points;
};

static uint64_t packets_of(const struct ds_window *w, uint16_t port)
{
    uint64_t packets = 0;
    for (size_t i = 0; i < w->cell_count; i++)
        if (!port || (w->cells[i].proto == DS_PROTO_TCP && w->cells[i].port == port))
            packets += w->cells[i].packets;
    return packets;
}

/* What a bucket should have; windows 0 where nothing is to be reported. */
static struct ds_point expected_point(const struct check *c, size_t bucket)
{
    struct ds_point p = {.bucket = bucket, .start_s = c->buckets->edges_s[bucket]};
    for (int i = 0; i < COUNT; i++) {
        const struct ds_window *w = &c->world->windows[i];
        if (w->start_s < p.start_s || w->start_s >= c->buckets->edges_s[bucket + 1] ||
            (c->buckets->sensor && strcmp(c->buckets->sensor, c->world->sensors[i]) != 0))
            continue;
        p.windows++;
        p.observed_ns += w->observed_ns;
        p.figures.packets += packets_of(w, c->port);
    }
    return p;
}

static int each_point(void *arg, const struct ds_point *point)
{
    struct check *c = arg;
    for (; c->next < point->bucket; c->next++)
        assert_int_equal(expected_point(c, c->next).windows, 0);
    struct ds_point expected = expected_point(c, c->next++);
    assert_int_equal(point->start_s, expected.start_s);
    assert_int_equal(point->windows, expected.windows);
    assert_int_equal(point->observed_ns, expected.observed_ns);
    assert_int_equal(point->figures.packets, expected.figures.packets);
    if (!c->port)
        assert_int_equal(point->figures.sources_exact, point->windows == 1);
    assert_false(point->figures.sources_estimated);
    c->points++;
    return 0;
}

static void fills_uneven_buckets(void **state)
{
    static const int minutes[] = {-10, 1, 2, 8, 9, 12, 60, 99, 102, 200, 201};
    int64_t edges_s[sizeof minutes / sizeof minutes[0]];
    for (size_t i = 0; i < sizeof minutes / sizeof minutes[0]; i++)
        edges_s[i] = START + minutes[i] * INT64_C(60);
    static const char *const sensors[] = {NULL, "a", "b"};
    static const size_t points[] = {8, 6, 5};
    for (size_t s = 0; s < 3; s++)
        for (uint16_t port = 0; port <= 23; port += 23) {
            struct world *w = *state;
            struct ds_store *store = w->scratch.store;
            struct ds_buckets buckets = {edges_s, sizeof minutes / sizeof minutes[0] - 1,
                                         sensors[s]};
            struct ds_filter filter = {
                .has_proto = port > 0, .has_port = port > 0, .proto = DS_PROTO_TCP, .port = port};
            struct check c = {.world = w, .buckets = &buckets, .port = port};
            struct ds_error err = {0};
            assert_int_equal(store->ops->series(store, &buckets, &filter, each_point, &c, &err), 0);
            assert_int_equal(c.points, points[s]);
        }
}

struct seen_check {
    const struct world *world;
    const char *sensor;
    size_t rows;
    int64_t last_first_s;
};

static int each_port(void *arg, const struct ds_seen_row *row)
{
    struct seen_check *c = arg;
    int64_t first_s = INT64_MAX, last_s = 0;
    for (int i = 0; i < COUNT; i++) {
        const struct ds_window *w = &c->world->windows[i];
        if (c->sensor && strcmp(c->sensor, c->world->sensors[i]) != 0)
            continue;
        for (size_t k = 0; k < w->cell_count; k++)
            if (w->cells[k].cls == row->cls && w->cells[k].proto == row->proto &&
                w->cells[k].port == row->port) {
                first_s = w->start_s < first_s ? w->start_s : first_s;
                last_s = w->start_s > last_s ? w->start_s : last_s;
            }
    }
    assert_int_equal(row->first_s, first_s);
    assert_int_equal(row->last_s, last_s);
    assert_true(row->first_s >= c->last_first_s);
    c->last_first_s = row->first_s;
    c->rows++;
    return 0;
}

static void knows_when_a_port_was_first_seen(void **state)
{
    struct world *w = *state;
    struct ds_store *store = w->scratch.store;
    struct ds_filter filter = {.has_class = true, .cls = DS_CLASS_SCAN};
    struct seen_check c = {.world = w};
    struct ds_seen seen = {.range = {0, DS_STORE_TIME_MAX, NULL},
                           .filter = &filter,
                           .by = DS_BY_PORT,
                           .limit = UINT64_MAX};
    assert_int_equal(store->ops->first_seen(store, &seen, each_port, &c, NULL), 0);
    size_t all = c.rows;
    assert_true(all > 1000);
    c = (struct seen_check){.world = w, .sensor = "b"};
    seen.range.sensor = "b";
    assert_int_equal(store->ops->first_seen(store, &seen, each_port, &c, NULL), 0);
    assert_true(c.rows < all && c.rows > 100);
    /* New since the gap, at most 5. */
    c = (struct seen_check){.world = w, .sensor = "b"};
    seen.range.from_s = START + 6000;
    seen.limit = 5;
    assert_int_equal(store->ops->first_seen(store, &seen, each_port, &c, NULL), 0);
    assert_int_equal(c.rows, 5);
    assert_true(c.last_first_s >= START + 6000);
}

static int each_signature(void *arg, const struct ds_seen_row *row)
{
    struct ds_seen_row *rows = arg;
    rows[rows[0].signature[0] ? 1 : 0] = *row;
    return 0;
}

static void knows_when_a_signature_was_first_seen(void **state)
{
    struct world *w = *state;
    struct ds_store *store = w->scratch.store;
    struct ds_filter filter = {0};
    struct ds_seen_row rows[2] = {0};
    struct ds_seen seen = {.range = {0, DS_STORE_TIME_MAX, NULL},
                           .filter = &filter,
                           .by = DS_BY_SIGNATURE,
                           .limit = 2};
    assert_int_equal(store->ops->first_seen(store, &seen, each_signature, rows, NULL), 0);
    assert_string_equal(rows[0].signature, "mirai");
    assert_int_equal(rows[0].first_s, START);
    assert_int_equal(rows[0].last_s, w->windows[COUNT - 1].start_s);
    assert_string_equal(rows[1].signature, "zmap");
    assert_int_equal(rows[1].first_s, START + 420);
    assert_int_equal(rows[1].last_s, START + 420);
    memset(rows, 0, sizeof rows);
    filter.has_signature = true;
    strcpy(filter.signature, "zmap");
    assert_int_equal(store->ops->first_seen(store, &seen, each_signature, rows, NULL), 0);
    assert_string_equal(rows[0].signature, "zmap");
    assert_string_equal(rows[1].signature, "");
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(fills_uneven_buckets),
        WORLD_TEST(knows_when_a_port_was_first_seen),
        WORLD_TEST(knows_when_a_signature_was_first_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
