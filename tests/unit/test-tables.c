/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of many times are, time by time, the top tables of each; those by port and country add up
 * to those by port, and each row is what a series of it says. However little room there is.
 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORLDS 3
#define ROUNDS 4
#define ASKED  20
#define EDGES  30
#define ROWS   4096

struct rows {
    struct ds_top_row rows[ROWS];
    size_t buckets[ROWS];
    size_t count;
};

static int take_table_row(void *arg, size_t bucket, uint64_t rank, const struct ds_top_row *row)
{
    struct rows *r = arg;
    bool is_first = r->count == 0 || r->buckets[r->count - 1] != bucket;
    assert_true(r->count < ROWS);
    assert_true(r->count == 0 || r->buckets[r->count - 1] <= bucket);
    assert_int_equal(rank, is_first ? 1 : rank);
    assert_true(is_first || row->figures.packets <= r->rows[r->count - 1].figures.packets);
    r->buckets[r->count] = bucket;
    r->rows[r->count++] = *row;
    return 0;
}

static int take_top_row(void *arg, const struct ds_top_row *row)
{
    struct rows *r = arg;
    assert_true(r->count < ROWS);
    r->rows[r->count++] = *row;
    return 0;
}

/* A store does not tell alike what of a port is in no country. */
static bool is_rest(const struct ds_top_row *row)
{
    return row->country == DS_COUNTRY_REST;
}

static void assert_same(const struct ds_top_row *a, const struct ds_top_row *b, bool with_estimates)
{
    const struct ds_figures *f = &a->figures, *g = &b->figures;
    assert_int_equal(a->cls, b->cls);
    assert_int_equal(a->proto, b->proto);
    assert_int_equal(a->port, b->port);
    assert_int_equal(a->country, b->country);
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->device, b->device);
    assert_string_equal(a->signature, b->signature);
    assert_int_equal(f->packets, g->packets);
    assert_int_equal(f->bytes, g->bytes);
    assert_int_equal(f->survey_packets, g->survey_packets);
    if (is_rest(a))
        return;
    assert_int_equal(f->is_floor, g->is_floor);
    assert_int_equal(f->sources_peak, g->sources_peak);
    assert_int_equal(f->sources_exact, g->sources_exact);
    if (f->sources_exact || with_estimates)
        assert_int_equal(f->sources, g->sources);
    if (with_estimates) {
        assert_int_equal(f->sources_estimated, g->sources_estimated);
        assert_true(f->sources_error == g->sources_error);
    }
}

/* ---- what is asked ---- */

static const char *random_sensor(struct world *w)
{
    uint64_t i = world_below(w, 5);
    return i < 3 ? world_sensors[i] : NULL;
}

static struct ds_filter random_filter(struct world *w, enum ds_by by)
{
    struct ds_filter f = {0};
    f.country = world_countries[world_below(w, 4)];
    if (by == DS_BY_DEVICE)
        f.has_country = world_below(w, 2);
    if (by != DS_BY_PORT && by != DS_BY_COUNTRY && by != DS_BY_CLASS)
        return f;
    f.has_class = world_below(w, 3) == 0;
    f.has_proto = world_below(w, 2);
    f.has_port = f.has_proto && world_below(w, 2);
    f.has_country = world_below(w, 4) == 0;
    f.cls = (uint8_t)world_below(w, DS_CLASS_COUNT);
    f.proto = world_protos[world_below(w, 4)];
    f.port = world_ports[world_below(w, 8)];
    f.survey = world_below(w, 3) ? DS_SURVEY_PART_ALL
                                 : (enum ds_survey_part)world_below(w, DS_SURVEY_PART_COUNT);
    return f;
}

/* Whole hours where windows are there, else whole days. */
static size_t random_edges(struct world *w, int64_t edges_s[EDGES])
{
    int64_t unit = world_below(w, 2) ? DAY_S : HOUR_S;
    int64_t at_s = WORLD_START - DAY_S + (int64_t)world_below(w, WORLD_DAYS) * DAY_S;
    size_t count = 2 + world_below(w, EDGES - 2);
    for (size_t i = 0; i < count; i++) {
        edges_s[i] = at_s;
        at_s += unit * (1 + (int64_t)world_below(w, 3));
    }
    return count - 1;
}

static int ask_tables(struct world *w, const struct ds_tables *tables, struct rows *out,
                      struct ds_error *err)
{
    struct ds_store *store = w->scratch.store;
    out->count = 0;
    return store->ops->tables(store, tables, take_table_row, out, err);
}

/* ---- against top tables ---- */

static void compare_bucket(struct world *w, const struct ds_tables *t, size_t bucket,
                           const struct rows *all, size_t *at)
{
    static struct rows top_rows;
    struct ds_store *store = w->scratch.store;
    const int64_t *edge_s = &t->buckets->edges_s[bucket];
    const struct ds_top top = {.range = {edge_s[0], edge_s[1], t->buckets->sensor},
                               .filter = t->filter,
                               .by = t->by,
                               .limit = t->limit};
    struct ds_figures total;
    struct ds_error err = {0};
    top_rows.count = 0;
    if (store->ops->top(store, &top, take_top_row, &top_rows, &total, &err) != 0)
        fail_msg("top: %s", err.text);
    for (size_t i = 0; i < top_rows.count; i++, ++*at) {
        assert_true(*at < all->count);
        assert_int_equal(all->buckets[*at], bucket);
        assert_same(&all->rows[*at], &top_rows.rows[i], true);
    }
}

static void compare_with_top(struct world *w)
{
    static struct rows all;
    int64_t edges_s[EDGES];
    struct ds_buckets buckets = {edges_s, random_edges(w, edges_s), random_sensor(w)};
    enum ds_by by = (enum ds_by)world_below(w, DS_BY_COUNT);
    struct ds_filter filter = random_filter(w, by);
    struct ds_tables tables = {.buckets = &buckets,
                               .filter = &filter,
                               .by = by,
                               .limit = world_below(w, 2) ? UINT64_MAX : 1 + world_below(w, 5),
                               .room = world_below(w, 3) ? 30 + world_below(w, 200) : 0};
    struct ds_error err = {0};
    size_t at = 0;
    if (ask_tables(w, &tables, &all, &err) != 0) {
        /* An hour of which only the day is kept; or too little room for a bucket. */
        assert_true(err.status == DS_USAGE || (err.status == DS_DATABASE && tables.room));
        return;
    }
    for (size_t i = 0; i < buckets.count; i++)
        compare_bucket(w, &tables, i, &all, &at);
    assert_int_equal(at, all.count);
}

/* ---- ports by country ---- */

struct sum {
    uint64_t packets, bytes, survey;
};

static struct sum sum_up(const struct rows *rows, size_t bucket, const struct ds_top_row *port)
{
    struct sum s = {0};
    for (size_t i = 0; i < rows->count; i++) {
        const struct ds_top_row *r = &rows->rows[i];
        if (rows->buckets[i] != bucket || r->cls != port->cls || r->proto != port->proto ||
            r->port != port->port)
            continue;
        s.packets += r->figures.packets;
        s.bytes += r->figures.bytes;
        s.survey += r->figures.survey_packets;
    }
    return s;
}

static int take_point(void *arg, const struct ds_point *point)
{
    *(struct ds_figures *)arg = point->figures;
    return 0;
}

static void compare_with_series(struct world *w, const struct ds_tables *t, size_t bucket,
                                const struct ds_top_row *row)
{
    struct ds_store *store = w->scratch.store;
    const struct ds_buckets one = {&t->buckets->edges_s[bucket], 1, t->buckets->sensor};
    const struct ds_filter f = {.has_class = true,
                                .has_proto = true,
                                .has_port = true,
                                .has_country = true,
                                .cls = row->cls,
                                .proto = row->proto,
                                .port = row->port,
                                .country = row->country};
    struct ds_figures figures = {0};
    struct ds_error err = {0};
    if (store->ops->series(store, &one, &f, take_point, &figures, &err) != 0)
        fail_msg("series: %s", err.text);
    assert_int_equal(row->figures.packets, figures.packets);
    assert_int_equal(row->figures.bytes, figures.bytes);
    assert_int_equal(row->figures.is_floor, figures.is_floor);
    assert_int_equal(row->figures.sources_peak, figures.sources_peak);
    assert_int_equal(row->figures.sources_exact, figures.sources_exact);
}

static void compare_countries(struct world *w)
{
    static struct rows ports, cells;
    const struct ds_filter all = {0};
    int64_t edges_s[EDGES];
    struct ds_buckets buckets = {edges_s, random_edges(w, edges_s), random_sensor(w)};
    struct ds_tables tables = {
        .buckets = &buckets, .filter = &all, .by = DS_BY_PORT, .limit = UINT64_MAX};
    struct ds_error err = {0};
    if (ask_tables(w, &tables, &ports, &err) != 0) {
        assert_int_equal(err.status, DS_USAGE);
        return;
    }
    tables.with_countries = true;
    tables.room = world_below(w, 2) ? 0 : 1024;
    if (ask_tables(w, &tables, &cells, &err) != 0)
        fail_msg("tables: %s", err.text);
    for (size_t i = 0; i < ports.count; i++) {
        struct sum s = sum_up(&cells, ports.buckets[i], &ports.rows[i]);
        assert_int_equal(s.packets, ports.rows[i].figures.packets);
        assert_int_equal(s.bytes, ports.rows[i].figures.bytes);
        assert_int_equal(s.survey, ports.rows[i].figures.survey_packets);
    }
    for (size_t i = world_below(w, 20); i < cells.count; i += 20)
        if (!is_rest(&cells.rows[i]))
            compare_with_series(w, &tables, cells.buckets[i], &cells.rows[i]);
}

static void live(uint64_t seed)
{
    struct world *w = malloc(sizeof *w);
    assert_non_null(w);
    world_begin(w, seed);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < WORLD_STEPS / ROUNDS; i++)
            world_step(w);
        for (int i = 0; i < ASKED; i++) {
            compare_with_top(w);
            compare_countries(w);
        }
    }
    world_end(w);
    free(w);
}

static void tables_are_top_tables(void **state)
{
    const char *seed = getenv("DARKSCOPE_SEED");
    uint64_t first = seed ? strtoull(seed, NULL, 10) : 1;
    for (uint64_t i = first; i < first + (seed ? 1 : WORLDS); i++) {
        print_message("# world %llu\n", (unsigned long long)i);
        live(i);
    }
}

/* ---- the bound ---- */

static void too_many_rows_are_refused(void **state)
{
    const struct ds_filter all = {0};
    const int64_t edges_s[] = {0, DAY_S};
    const struct ds_buckets buckets = {edges_s, 1, NULL};
    struct ds_tables tables = {
        .buckets = &buckets, .filter = &all, .by = DS_BY_PORT, .limit = UINT64_MAX, .room = 1};
    struct scratch s;
    struct ds_window w;
    struct ds_error err = {0};
    static struct rows rows;
    scratch_open(&s);
    scratch_window(&w, 1, 0);
    assert_true(w.cell_count > 10);
    scratch_put(&s, "a", &w);
    assert_int_equal(s.store->ops->tables(s.store, &tables, take_table_row, &rows, &err), -1);
    assert_int_equal(err.status, DS_DATABASE);
    assert_non_null(strstr(err.text, "too many rows"));
    tables.room = 0;
    assert_int_equal(s.store->ops->tables(s.store, &tables, take_table_row, &rows, &err), 0);
    assert_true(rows.count > 4);
    ds_window_finish(&w);
    scratch_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_top_tables),
        cmocka_unit_test(too_many_rows_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
