/* SPDX-License-Identifier: Apache-2.0
 *
 * At any moment of a store's life every answer equals one counted from the windows in memory.
 * DARKSCOPE_SEED repeats a failure, DARKSCOPE_WORLDS asks for more.
 */
#include "world.h"

#include "store/care.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORLDS 4
#define ROUNDS 5
#define ASKED  20 /* times, all questions, in each round */
#define EDGES  40

/* ---- by hand ---- */

struct sums {
    uint64_t windows, observed_ns;
    uint64_t packets, bytes, survey, peak, rows;
    bool is_inexact;
};

static void add(struct sums *s, uint64_t packets, uint64_t bytes, uint64_t sources, bool is_inexact)
{
    s->packets += packets;
    s->bytes += bytes;
    if (packets == 0)
        return;
    s->peak = sources > s->peak ? sources : s->peak;
    s->rows++;
    s->is_inexact = s->is_inexact || is_inexact;
}

static bool matches(const struct ds_filter *f, const struct ds_cell *c)
{
    return (!f->has_class || f->cls == c->cls) && (!f->has_proto || f->proto == c->proto) &&
           (!f->has_port || f->port == c->port) && (!f->has_country || f->country == c->country);
}

/* Cells of a window: one fact a class and port, which is what unique sources are known of. */
static void add_cells(struct sums *s, const struct row *r, const struct ds_filter *f)
{
    const struct ds_window *w = &r->window;
    bool is_inexact = r->parts > 1 || w->overflow[DS_OVERFLOW_PAIRS] > 0;
    for (size_t i = 0; i < w->cell_count;) {
        uint64_t packets = 0, bytes = 0, sources = 0, port = ds_cell_key(&w->cells[i]) >> 16;
        for (; i < w->cell_count && ds_cell_key(&w->cells[i]) >> 16 == port; i++) {
            const struct ds_cell *c = &w->cells[i];
            if (!matches(f, c))
                continue;
            uint64_t part = f->survey == DS_SURVEY_PART_ALL    ? c->packets
                            : f->survey == DS_SURVEY_PART_ONLY ? c->survey_packets
                                                               : c->packets - c->survey_packets;
            packets += part;
            bytes += c->bytes;
            sources += c->sources;
            s->survey += c->survey_packets;
        }
        add(s, packets, bytes, sources, is_inexact);
    }
}

static void add_small(struct sums *s, const struct row *r, const struct ds_filter *f)
{
    const struct ds_window *w = &r->window;
    bool is_inexact = r->parts > 1 || w->overflow[DS_OVERFLOW_SOURCES] > 0;
    if (f->has_type)
        add(s, w->types[f->type], 0, 0, false);
    else if (f->has_signature) {
        for (size_t i = 0; i < w->signature_count; i++)
            if (strcmp(w->signatures[i].id, f->signature) == 0)
                add(s, w->signatures[i].packets, 0, w->signatures[i].sources, is_inexact);
    } else if (f->has_country) {
        for (size_t i = 0; i < w->country_count; i++)
            if (w->countries[i].country == f->country)
                add(s, w->countries[i].tally.packets, w->countries[i].tally.bytes,
                    w->countries[i].tally.sources, is_inexact);
    } else if (f->has_class)
        add(s, w->classes[f->cls].packets, w->classes[f->cls].bytes, w->classes[f->cls].sources,
            is_inexact);
    else
        add(s, w->books[DS_BOOK_COUNTED], w->bytes, w->sources, is_inexact);
}

static bool is_small(const struct ds_filter *f)
{
    return f->survey == DS_SURVEY_PART_ALL && !f->has_proto && !(f->has_class && f->has_country);
}

static struct sums sum_up(const struct world *world, const struct ds_range *range,
                          const struct ds_filter *f)
{
    struct sums s = {0};
    for (size_t i = 0; i < world->row_count; i++) {
        const struct row *r = &world->rows[i];
        if (r->window.start_s < range->from_s || r->window.start_s >= range->to_s ||
            (range->sensor && strcmp(range->sensor, world_sensors[r->sensor]) != 0))
            continue;
        s.windows++;
        s.observed_ns += r->window.observed_ns;
        struct sums cells = {0};
        add_cells(is_small(f) ? &cells : &s, r, f);
        if (!is_small(f))
            continue;
        add_small(&s, r, f);
        s.survey += cells.survey;
    }
    return s;
}

static void assert_figures(const struct ds_figures *f, const struct sums *s)
{
    if (f->is_floor) {
        assert_true(f->packets <= s->packets);
        return;
    }
    assert_int_equal(f->packets, s->packets);
    if (f->has_bytes)
        assert_int_equal(f->bytes, s->bytes);
    if (f->has_survey)
        assert_int_equal(f->survey_packets, s->survey);
    if (!f->has_sources)
        return;
    assert_int_equal(f->sources_peak, s->peak);
    assert_int_equal(f->sources_exact, s->rows <= 1 && !s->is_inexact);
    if (f->sources_exact)
        assert_int_equal(f->sources, s->peak);
}

/* ---- questions ---- */

static struct ds_filter random_filter(struct world *w)
{
    struct ds_filter f = {0};
    uint64_t kind = world_below(w, 8);
    if (kind == 0) {
        f.has_type = true;
        f.type = (uint8_t)world_below(w, DS_TYPE_COUNT);
    } else if (kind == 1) {
        f.has_signature = true;
        strcpy(f.signature, world_below(w, 2) ? "mirai" : "zmap");
    } else if (kind > 2) {
        f.has_class = world_below(w, 2);
        f.has_proto = world_below(w, 2);
        f.has_port = f.has_proto && world_below(w, 3) > 0;
        f.has_country = world_below(w, 3) == 0;
        f.cls = (uint8_t)world_below(w, DS_CLASS_COUNT);
        f.proto = world_protos[world_below(w, 4)];
        f.port = world_ports[world_below(w, 8)];
        f.country = world_countries[world_below(w, 4)];
        f.survey = world_below(w, 3) ? DS_SURVEY_PART_ALL
                                     : (enum ds_survey_part)world_below(w, DS_SURVEY_PART_COUNT);
    }
    return f;
}

static const char *random_sensor(struct world *w)
{
    uint64_t i = world_below(w, 6);
    return i < 3 ? world_sensors[i] : NULL;
}

static size_t random_edges(struct world *w, int64_t edges_s[EDGES])
{
    static const int64_t units[] = {60, 300, HOUR_S, 3 * HOUR_S, DAY_S};
    int64_t unit = units[world_below(w, 5)],
            at_s = WORLD_START - DAY_S + (int64_t)world_below(w, WORLD_DAYS * 24) * HOUR_S;
    at_s -= at_s % unit;
    size_t count = 2 + world_below(w, EDGES - 2);
    for (size_t i = 0; i < count; i++) {
        edges_s[i] = at_s;
        at_s += unit * (1 + (int64_t)world_below(w, unit < HOUR_S ? 60 : 4));
    }
    return count - 1;
}

/* Which bucket; -1: none of them. */
static int bucket_of(const struct ds_buckets *b, int64_t at_s)
{
    for (size_t i = 0; i < b->count; i++)
        if (at_s >= b->edges_s[i] && at_s < b->edges_s[i + 1])
            return (int)i;
    return at_s < b->edges_s[0] ? -1 : -2;
}

/* Is an hour of a deleted day divided by an edge, with windows on both sides? */
static bool is_too_fine(const struct world *w, const struct ds_buckets *b)
{
    for (size_t i = 0; i < w->row_count; i++)
        for (size_t k = 0; k < w->row_count; k++) {
            const struct row *x = &w->rows[i], *y = &w->rows[k];
            int64_t day = (x->window.start_s - WORLD_START) / DAY_S;
            bool deleted = x->epoch < w->epochs[day] && y->epoch < w->epochs[day];
            bool wanted = !b->sensor || (strcmp(b->sensor, world_sensors[x->sensor]) == 0 &&
                                         strcmp(b->sensor, world_sensors[y->sensor]) == 0);
            if (deleted && wanted && x->window.start_s / HOUR_S == y->window.start_s / HOUR_S &&
                bucket_of(b, x->window.start_s) != bucket_of(b, y->window.start_s))
                return true;
        }
    return false;
}

struct check {
    const struct world *world;
    const struct ds_buckets *buckets;
    const struct ds_filter *filter;
    size_t next;
};

static void assert_empty_until(struct check *c, size_t bucket)
{
    for (; c->next < bucket; c->next++) {
        const struct ds_range range = {c->buckets->edges_s[c->next],
                                       c->buckets->edges_s[c->next + 1], c->buckets->sensor};
        assert_int_equal(sum_up(c->world, &range, c->filter).windows, 0);
    }
}

static int each_point(void *arg, const struct ds_point *point)
{
    struct check *c = arg;
    assert_empty_until(c, point->bucket);
    const struct ds_range range = {point->start_s, c->buckets->edges_s[point->bucket + 1],
                                   c->buckets->sensor};
    struct sums s = sum_up(c->world, &range, c->filter);
    assert_int_equal(point->windows, s.windows);
    assert_int_equal(point->observed_ns, s.observed_ns);
    assert_figures(&point->figures, &s);
    c->next++;
    return 0;
}

static void ask_series(struct world *world)
{
    int64_t edges_s[EDGES];
    struct ds_error err = {0};
    struct ds_store *store = world->scratch.store;
    struct ds_filter filter = random_filter(world);
    struct ds_buckets buckets = {edges_s, random_edges(world, edges_s), random_sensor(world)};
    struct check c = {.world = world, .buckets = &buckets, .filter = &filter};
    int result = store->ops->series(store, &buckets, &filter, each_point, &c, &err);
    if (is_too_fine(world, &buckets)) {
        assert_int_equal(result, -1);
        assert_int_equal(err.status, DS_USAGE);
        return;
    }
    if (result != 0)
        fail_msg("series: %s", err.text);
    assert_empty_until(&c, buckets.count);
}

/* A row of a top table asks for what its key says. */
static struct ds_filter filter_of_row(const struct ds_top *top, const struct ds_top_row *row)
{
    struct ds_filter f = *top->filter;
    f.has_class = f.has_class || top->by == DS_BY_PORT || top->by == DS_BY_CLASS;
    f.has_country = f.has_country || top->by == DS_BY_COUNTRY;
    f.has_type = top->by == DS_BY_TYPE;
    f.has_signature = top->by == DS_BY_SIGNATURE;
    if (top->by == DS_BY_PORT) {
        f.has_proto = f.has_port = true;
        f.proto = row->proto;
        f.port = row->port;
    }
    if (top->by == DS_BY_PORT || top->by == DS_BY_CLASS)
        f.cls = row->cls;
    if (top->by == DS_BY_COUNTRY)
        f.country = row->country;
    f.type = row->type;
    strcpy(f.signature, row->signature);
    return f;
}

struct top_check {
    const struct world *world;
    const struct ds_top *top;
    struct ds_figures shown;
    uint64_t rows, last;
};

static int each_row(void *arg, const struct ds_top_row *row)
{
    struct top_check *c = arg;
    c->rows++;
    c->shown.packets += row->figures.packets;
    assert_true(row->figures.packets > 0 && row->figures.packets <= c->last);
    c->last = row->figures.packets;
    if (c->top->by == DS_BY_COUNTRY && row->country == DS_COUNTRY_REST)
        return 0;
    struct ds_filter f = filter_of_row(c->top, row);
    struct sums s = sum_up(c->world, &c->top->range, &f);
    assert_figures(&row->figures, &s);
    return 0;
}

/* Whole days, or hours where their windows are still there. */
static struct ds_range random_range(struct world *w)
{
    int64_t unit = world_below(w, 2) ? DAY_S : HOUR_S;
    int64_t from_s = WORLD_START - DAY_S + (int64_t)world_below(w, WORLD_DAYS + 1) * DAY_S;
    int64_t to_s = from_s + (1 + (int64_t)world_below(w, 4)) * DAY_S;
    if (unit == HOUR_S) {
        from_s += (int64_t)world_below(w, 24) * HOUR_S;
        to_s += (int64_t)world_below(w, 24) * HOUR_S;
    }
    return (struct ds_range){from_s, to_s, random_sensor(w)};
}

static void ask_top(struct world *world)
{
    static const enum ds_by bys[] = {DS_BY_PORT, DS_BY_COUNTRY, DS_BY_TYPE, DS_BY_CLASS,
                                     DS_BY_SIGNATURE};
    struct ds_error err = {0};
    struct ds_store *store = world->scratch.store;
    struct ds_filter filter = {0};
    struct ds_top top = {.range = random_range(world), .filter = &filter, .limit = UINT64_MAX};
    top.by = bys[world_below(world, 5)];
    do
        filter = random_filter(world);
    while (filter.has_type || filter.has_signature);
    if (top.by == DS_BY_TYPE || top.by == DS_BY_SIGNATURE || world_below(world, 3) == 0)
        filter = (struct ds_filter){0};
    struct top_check c = {.world = world, .top = &top, .last = UINT64_MAX};
    struct ds_figures total;
    if (store->ops->top(store, &top, each_row, &c, &total, &err) != 0)
        fail_msg("top: %s", err.text);
    struct sums s = sum_up(world, &top.range, &filter);
    if (!(filter.has_port && filter.has_country))
        assert_int_equal(total.packets, s.packets);
    /* Of a country, hours and days do not keep all ports. */
    bool may_lack = filter.has_country && (filter.has_port || top.by == DS_BY_PORT);
    if (!may_lack && top.by != DS_BY_SIGNATURE)
        assert_int_equal(c.shown.packets, s.packets);
}

static void ask_totals(struct world *world)
{
    struct ds_error err = {0};
    struct ds_store *store = world->scratch.store;
    struct ds_range range = random_range(world);
    struct ds_totals t;
    if (store->ops->totals(store, &range, &t, &err) != 0)
        fail_msg("totals: %s", err.text);
    uint64_t books[DS_BOOK_COUNT] = {0}, split = 0, windows = 0, most[3] = {0}, addresses = 0;
    bool seen[3] = {0}, known[3] = {0}, all_known = true;
    for (size_t i = 0; i < world->row_count; i++) {
        const struct row *r = &world->rows[i];
        const struct ds_window *w = &r->window;
        if (w->start_s < range.from_s || w->start_s >= range.to_s ||
            (range.sensor && strcmp(range.sensor, world_sensors[r->sensor]) != 0))
            continue;
        windows++;
        split += r->parts > 1;
        seen[r->sensor] = true;
        known[r->sensor] = known[r->sensor] || w->addresses_known;
        most[r->sensor] = w->addresses > most[r->sensor] ? w->addresses : most[r->sensor];
        for (size_t b = 0; b < DS_BOOK_COUNT; b++)
            books[b] += w->books[b];
    }
    for (size_t i = 0; i < 3; i++) {
        all_known = all_known && (!seen[i] || known[i]);
        addresses += most[i];
    }
    assert_int_equal(t.windows, windows);
    assert_int_equal(t.split, split);
    assert_int_equal(t.sensors, seen[0] + seen[1] + seen[2]);
    assert_memory_equal(t.sum.books, books, sizeof books);
    assert_int_equal(t.sum.addresses_known, windows > 0 && all_known);
    if (windows > 0 && all_known)
        assert_int_equal(t.sum.addresses, addresses);
}

static int each_sensor(void *arg, const struct ds_sensor_row *row)
{
    const struct world *world = arg;
    uint64_t windows = 0, counted = 0;
    int64_t first_s = INT64_MAX, end_s = 0;
    for (size_t i = 0; i < world->row_count; i++) {
        const struct ds_window *w = &world->rows[i].window;
        if (strcmp(row->name, world_sensors[world->rows[i].sensor]) != 0)
            continue;
        windows++;
        counted += w->books[DS_BOOK_COUNTED];
        first_s = w->start_s < first_s ? w->start_s : first_s;
        end_s = w->start_s + w->seconds > end_s ? w->start_s + w->seconds : end_s;
        assert_int_equal(row->grid_s % w->seconds, 0);
    }
    assert_int_equal(row->windows, windows);
    assert_int_equal(row->counted, counted);
    assert_int_equal(row->first_s, first_s);
    assert_int_equal(row->end_s, end_s);
    return 0;
}

struct attack_check {
    const struct world *world;
    const struct ds_range *range;
    uint64_t windows;
};

static int each_attack(void *arg, const struct ds_attack_row *row)
{
    struct attack_check *c = arg;
    uint64_t windows = 0, window_packets = 0, packets = 0;
    for (size_t i = 0; i < c->world->row_count; i++) {
        const struct row *r = &c->world->rows[i];
        const struct ds_window *w = &r->window;
        if (w->start_s < c->range->from_s || w->start_s >= c->range->to_s ||
            strcmp(row->sensor, world_sensors[r->sensor]) != 0)
            continue;
        for (size_t k = 0; k < w->attack_count; k++)
            if (w->attacks[k].victim == row->attack.victim) {
                windows++;
                window_packets += w->attacks[k].window_packets;
                packets = w->attacks[k].packets > packets ? w->attacks[k].packets : packets;
            }
    }
    assert_int_equal(row->windows, windows);
    assert_int_equal(row->attack.window_packets, window_packets);
    assert_int_equal(row->attack.packets, packets);
    c->windows += windows;
    return 0;
}

static void ask_attacks(struct world *world)
{
    struct ds_error err = {0};
    struct ds_store *store = world->scratch.store;
    struct ds_range range = random_range(world);
    struct ds_filter filter = {0};
    struct attack_check c = {.world = world, .range = &range};
    if (store->ops->attacks(store, &range, &filter, UINT64_MAX, each_attack, &c, &err) != 0)
        fail_msg("attacks: %s", err.text);
    for (size_t i = 0; i < world->row_count; i++) {
        const struct row *r = &world->rows[i];
        bool wanted = !range.sensor || strcmp(range.sensor, world_sensors[r->sensor]) == 0;
        if (wanted && r->window.start_s >= range.from_s && r->window.start_s < range.to_s)
            c.windows -= r->window.attack_count;
    }
    assert_int_equal(c.windows, 0);
}

struct seen_check {
    const struct world *world;
    const char *sensor;
    bool of_ports;
    size_t rows;
};

static int each_seen(void *arg, const struct ds_seen_row *row)
{
    struct seen_check *c = arg;
    int64_t first_s = INT64_MAX, last_s = 0;
    for (size_t i = 0; i < c->world->row_count; i++) {
        const struct ds_window *w = &c->world->rows[i].window;
        bool has = false;
        if (c->sensor && strcmp(c->sensor, world_sensors[c->world->rows[i].sensor]) != 0)
            continue;
        for (size_t k = 0; c->of_ports && k < w->cell_count; k++)
            has = has || (w->cells[k].cls == row->cls && w->cells[k].proto == row->proto &&
                          w->cells[k].port == row->port);
        for (size_t k = 0; !c->of_ports && k < w->signature_count; k++)
            has = has || strcmp(w->signatures[k].id, row->signature) == 0;
        if (!has)
            continue;
        first_s = w->start_s < first_s ? w->start_s : first_s;
        last_s = w->start_s > last_s ? w->start_s : last_s;
    }
    assert_int_equal(row->first_s, first_s);
    assert_int_equal(row->last_s, last_s);
    c->rows++;
    return 0;
}

static void ask_seen(struct world *world)
{
    struct ds_error err = {0};
    struct ds_store *store = world->scratch.store;
    struct ds_filter filter = {0};
    struct ds_seen seen = {.range = {0, DS_STORE_TIME_MAX, random_sensor(world)},
                           .filter = &filter,
                           .by = world_below(world, 2) ? DS_BY_PORT : DS_BY_SIGNATURE,
                           .limit = UINT64_MAX};
    struct seen_check c = {
        .world = world, .sensor = seen.range.sensor, .of_ports = seen.by == DS_BY_PORT};
    if (store->ops->first_seen(store, &seen, each_seen, &c, &err) != 0)
        fail_msg("first_seen: %s", err.text);
    if (c.of_ports && !c.sensor && world->row_count > 0)
        assert_true(c.rows > 0);
}

static int print_fault(void *arg, const char *name, const char *what)
{
    print_message("# %s: %s\n", name, what);
    return 0;
}

static void ask(struct world *world)
{
    struct ds_error err = {0};
    struct ds_store *store = world->scratch.store;
    for (int i = 0; i < ASKED; i++) {
        ask_series(world);
        ask_top(world);
        if (i % 4 == 0)
            ask_totals(world);
        if (i % 8 == 0)
            ask_attacks(world);
        if (i % 8 == 0)
            ask_seen(world);
    }
    if (store->ops->sensors(store, each_sensor, world, &err) != 0)
        fail_msg("sensors: %s", err.text);
    uint64_t faults = 0;
    if (ds_store_check(store, print_fault, NULL, &faults, &err) != 0)
        fail_msg("check: %s", err.text);
    assert_int_equal(faults, 0);
}

static void live(uint64_t seed)
{
    struct world *w = malloc(sizeof *w);
    assert_non_null(w);
    world_begin(w, seed);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < WORLD_STEPS / ROUNDS; i++)
            world_step(w);
        ask(w);
    }
    world_end(w);
    free(w);
}

static void answers_equal_sums_by_hand(void **state)
{
    const char *seed = getenv("DARKSCOPE_SEED"), *worlds = getenv("DARKSCOPE_WORLDS");
    uint64_t first = seed ? strtoull(seed, NULL, 10) : 1;
    uint64_t count = worlds ? strtoull(worlds, NULL, 10) : seed ? 1 : WORLDS;
    for (uint64_t i = first; i < first + count; i++) {
        print_message("# world %llu\n", (unsigned long long)i);
        live(i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_equal_sums_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
