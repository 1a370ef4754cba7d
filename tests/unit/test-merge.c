/* SPDX-License-Identifier: Apache-2.0
 *
 * Merging windows: what adds, what does not, and that the result is what a slow merge gives.
 */

#include "darkscope/merge.h"
#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void becomes_a_copy(void **state)
{
    struct ds_window from, into;
    sample_small(&from);
    ds_window_init(&into);
    assert_int_equal(ds_merge_window(&into, &from, DS_MERGE_SENSORS), 0);
    sample_assert_equal(&into, &from);
    ds_window_finish(&from);
    ds_window_finish(&into);
}

/* The sum that a table must hold for a key, by looking at every row. */
static struct ds_cell slow_sum(const struct ds_window *a, const struct ds_window *b, uint64_t key)
{
    struct ds_cell sum = {0};
    const struct ds_window *both[] = {a, b};
    for (size_t w = 0; w < 2; w++)
        for (size_t i = 0; i < both[w]->cell_count; i++) {
            const struct ds_cell *c = &both[w]->cells[i];
            if (ds_cell_key(c) != key)
                continue;
            sum.packets += c->packets;
            sum.bytes += c->bytes;
            sum.survey_packets += c->survey_packets;
            sum.sources = c->sources > sum.sources ? c->sources : sum.sources;
        }
    return sum;
}

static void adds_like_a_slow_merge(void **state)
{
    for (uint64_t seed = 1; seed < 20; seed++) {
        struct ds_window a, b, into;
        sample_traffic(&a, seed, seed * 17 % 200);
        sample_traffic(&b, seed + 1000, 120);
        ds_window_init(&into);
        assert_int_equal(ds_merge_window(&into, &a, DS_MERGE_SENSORS), 0);
        assert_int_equal(ds_merge_window(&into, &b, DS_MERGE_SENSORS), 0);
        assert_null(ds_window_imbalance(&into));
        size_t rows_seen = 0;
        for (size_t i = 0; i < into.cell_count; i++) {
            const struct ds_cell *c = &into.cells[i];
            struct ds_cell sum = slow_sum(&a, &b, ds_cell_key(c));
            assert_true(i == 0 || ds_cell_key(c) > ds_cell_key(c - 1));
            assert_int_equal(c->packets, sum.packets);
            assert_int_equal(c->bytes, sum.bytes);
            assert_int_equal(c->sources, sum.sources);
            assert_int_equal(c->survey_packets, sum.survey_packets);
            rows_seen += c->packets > 0;
        }
        assert_int_equal(rows_seen, into.cell_count);
        assert_int_equal(into.bytes, a.bytes + b.bytes);
        ds_window_finish(&a);
        ds_window_finish(&b);
        ds_window_finish(&into);
    }
}

static struct ds_source_record *make_records(const struct ds_source_record *from, size_t count)
{
    struct ds_source_record *to = malloc(count * sizeof *to);
    assert_non_null(to);
    return memcpy(to, from, count * sizeof *to);
}

/* Records add by address; the bits of their signatures are told by name. */
static void adds_source_records(void **state)
{
    const struct ds_source_record left[] = {
        {1, 0, 10, 4, 3, 1, DS_COUNTRY_UNKNOWN, 1, DS_SURVEY_FOUND, DS_DEVICE_WINDOWS, 20, 30},
        {5, 7, 1, 1, 0, 0, DS_COUNTRY('N', 'L'), 1, DS_SURVEY_NO, DS_DEVICE_NONE, 0, 0},
    };
    const struct ds_source_record right[] = {
        {1, 9, 5, 5, 3, 3, DS_COUNTRY('C', 'N'), 2, DS_SURVEY_YES, DS_DEVICE_LINUX, 10, 25},
        {3, 0, 2, 1, 4, 0, DS_COUNTRY('J', 'P'), 4, DS_SURVEY_NO, DS_DEVICE_NONE, 1, 2},
    };
    struct ds_window a, b;
    ds_window_init(&a);
    ds_window_init(&b);
    a.seconds = b.seconds = 60;
    a.source_records = make_records(left, 2);
    b.source_records = make_records(right, 2);
    a.sources = b.sources = a.source_record_count = b.source_record_count = 2;
    strcpy(a.marks[0], "mirai");
    strcpy(a.marks[1], "zmap");
    a.mark_count = 2;
    strcpy(b.marks[0], "zmap");
    strcpy(b.marks[1], "nmap");
    strcpy(b.marks[2], "mirai");
    b.mark_count = 3;
    assert_int_equal(ds_merge_window(&a, &b, DS_MERGE_PARTS), 0);
    assert_int_equal(a.sources, 3); /* no fewer than are listed */
    assert_int_equal(a.source_record_count, 3);
    const struct ds_source_record sum = {
        1, 9, 15, 5, 7, 7, DS_COUNTRY('C', 'N'), 3, DS_SURVEY_YES, DS_DEVICE_WINDOWS, 10, 30};
    assert_memory_equal(&a.source_records[0], &sum, offsetof(struct ds_source_record, last) + 1);
    assert_int_equal(a.source_records[1].address, 3);
    assert_int_equal(a.source_records[1].seen, 1); /* mirai */
    assert_int_equal(a.source_records[2].address, 5);
    assert_int_equal(a.mark_count, 3);
    assert_string_equal(a.marks[2], "nmap");
    ds_window_finish(&a);
    ds_window_finish(&b);
}

static struct ds_attack attack(uint32_t victim, int64_t start_ms, uint64_t so_far)
{
    return (struct ds_attack){.victim = victim,
                              .proto = DS_PROTO_TCP,
                              .port = 80,
                              .ports = 1,
                              .window_packets = 3,
                              .start_ms = start_ms,
                              .last_ms = start_ms + 1,
                              .packets = so_far};
}

/* Three minutes: one attack goes on through all, another victim is attacked twice. */
static void an_hour_adds_its_windows(void **state)
{
    const struct ds_attack rows[3][2] = {
        {attack(1, 1000, 10), attack(2, 2000, 7)},
        {attack(1, 1000, 20), attack(2, 2000, 9)},
        {attack(1, 1000, 30), attack(2, 5000, 4)},
    };
    struct ds_window into, w;
    ds_window_init(&into);
    for (int minute = 3; minute-- > 0;) {
        sample_small(&w);
        w.start_s = 7200 + 600 + minute * 60;
        w.source_records[0].first = 64;
        w.source_records[0].last = 128;
        w.attack_count = 2;
        memcpy(w.attacks, rows[minute], sizeof rows[minute]);
        assert_int_equal(ds_merge_window(&into, &w, DS_MERGE_HOUR), 0);
        assert_int_equal(into.start_s, 7200);
        assert_int_equal(into.seconds, 3600);
        ds_window_finish(&w);
    }
    sample_small(&w);
    assert_int_equal(into.books[DS_BOOK_COUNTED], 3 * w.books[DS_BOOK_COUNTED]);
    assert_true(into.observed_ns == 3 * w.observed_ns);
    assert_int_equal(into.addresses, w.addresses);
    assert_int_equal(into.sources, w.sources);
    assert_int_equal(into.source_records[0].packets, 3 * w.source_records[0].packets);
    assert_int_equal(into.source_records[0].first, (600 * 256 + 64 * 60) / 3600);
    assert_int_equal(into.source_records[0].last, (720 * 256 + 128 * 60) / 3600);
    assert_int_equal(into.attack_count, 2);
    assert_int_equal(into.attacks[0].packets, 30);
    assert_int_equal(into.attacks[0].window_packets, 9);
    assert_int_equal(into.attacks[1].packets, 13);
    assert_int_equal(into.attacks[1].start_ms, 2000);
    ds_window_finish(&w);
    ds_window_finish(&into);
}

static void order_does_not_matter(void **state)
{
    struct ds_window a, b, ab, ba;
    sample_small(&a);
    sample_traffic(&b, 7, 300);
    b.start_s = a.start_s;
    b.seconds = a.seconds;
    ds_window_init(&ab);
    ds_window_init(&ba);
    assert_int_equal(ds_merge_window(&ab, &a, DS_MERGE_SENSORS), 0);
    assert_int_equal(ds_merge_window(&ab, &b, DS_MERGE_SENSORS), 0);
    assert_int_equal(ds_merge_window(&ba, &b, DS_MERGE_SENSORS), 0);
    assert_int_equal(ds_merge_window(&ba, &a, DS_MERGE_SENSORS), 0);
    sample_assert_equal(&ab, &ba);
    struct ds_window *all[] = {&a, &b, &ab, &ba};
    for (size_t i = 0; i < 4; i++)
        ds_window_finish(all[i]);
}

static void sensors_and_parts_differ(void **state)
{
    struct ds_window one, sensors, parts;
    sample_small(&one);
    ds_window_init(&sensors);
    ds_window_init(&parts);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ds_merge_window(&sensors, &one, DS_MERGE_SENSORS), 0);
        assert_int_equal(ds_merge_window(&parts, &one, DS_MERGE_PARTS), 0);
    }
    assert_int_equal(sensors.addresses, 2 * one.addresses);
    assert_int_equal(sensors.active_addresses, 2 * one.active_addresses);
    assert_int_equal(sensors.destinations, 2 * one.destinations);
    assert_int_equal(sensors.observed_ns, 2 * one.observed_ns);
    assert_int_equal(parts.addresses, one.addresses);
    assert_int_equal(parts.active_addresses, one.active_addresses);
    assert_int_equal(parts.destinations, one.destinations);
    assert_int_equal(parts.observed_ns, UINT64_C(60000000000));
    assert_int_equal(sensors.sources, one.sources);
    assert_int_equal(parts.sources, one.sources);
    assert_int_equal(parts.books[DS_BOOK_COUNTED], 2 * one.books[DS_BOOK_COUNTED]);
    assert_int_equal(parts.devices[0].packets, 2 * one.devices[0].packets);
    assert_int_equal(parts.devices[0].sources, one.devices[0].sources);
    assert_int_equal(parts.signatures[0].packets, 2 * one.signatures[0].packets);
    assert_int_equal(parts.signatures[0].sources, one.signatures[0].sources);
    ds_window_finish(&one);
    ds_window_finish(&sensors);
    ds_window_finish(&parts);
}

/* Two views of one attack, and one that only one of the two has. */
static void attacks_become_one(void **state)
{
    struct ds_attack here[] = {{.victim = 1,
                                .proto = 6,
                                .port = 80,
                                .ports = 3,
                                .attack_ports = 9,
                                .addresses = 20,
                                .window_packets = 30,
                                .window_bytes = 1200,
                                .start_ms = 5000,
                                .last_ms = 70000,
                                .packets = 90,
                                .bytes = 3600,
                                .mismatches = 1,
                                .max_ppm = 40}};
    struct ds_attack there[] = {{.victim = 1,
                                 .proto = 6,
                                 .port = 443,
                                 .ports = 1,
                                 .attack_ports = 11,
                                 .addresses = 25,
                                 .window_packets = 40,
                                 .window_bytes = 1600,
                                 .start_ms = 4000,
                                 .last_ms = 69000,
                                 .packets = 100,
                                 .bytes = 4000,
                                 .mismatches = 2,
                                 .max_ppm = 50},
                                {.victim = 1, .proto = 17, .window_packets = 7}};
    struct ds_window b = {
        .seconds = 60, .attacks_known = true, .attacks = there, .attack_count = 2};
    struct ds_window a = {.seconds = 60, .attacks_known = true, .attack_count = 1};
    a.attacks = malloc(sizeof here);
    assert_non_null(a.attacks);
    memcpy(a.attacks, here, sizeof here);
    assert_int_equal(ds_merge_window(&a, &b, DS_MERGE_SENSORS), 0);
    assert_int_equal(a.attack_count, 2);
    const struct ds_attack *r = a.attacks;
    assert_int_equal(r->port, 443);
    assert_int_equal(r->ports, 3);
    assert_int_equal(r->attack_ports, 11);
    assert_int_equal(r->addresses, 25);
    assert_int_equal(r->window_packets, 70);
    assert_int_equal(r->window_bytes, 2800);
    assert_int_equal(r->start_ms, 4000);
    assert_int_equal(r->last_ms, 70000);
    assert_int_equal(r->packets, 190);
    assert_int_equal(r->bytes, 7600);
    assert_int_equal(r->mismatches, 3);
    assert_int_equal(r->max_ppm, 50);
    assert_int_equal(a.attacks[1].window_packets, 7);
    ds_window_finish(&a);
}

static void unknown_addresses_and_databases(void **state)
{
    struct ds_window a = {.seconds = 60, .addresses_known = true, .addresses = 5},
                     b = {.seconds = 60};
    strcpy(a.country_db, "one");
    struct ds_window sensors = a, parts = a;
    ds_merge_window(&sensors, &b, DS_MERGE_SENSORS);
    ds_merge_window(&parts, &b, DS_MERGE_PARTS);
    assert_false(sensors.addresses_known);
    assert_int_equal(sensors.addresses, 0);
    assert_true(parts.addresses_known);
    assert_int_equal(parts.addresses, 5);
    assert_string_equal(parts.country_db, "one");
    strcpy(b.country_db, "two");
    ds_merge_window(&parts, &b, DS_MERGE_PARTS);
    assert_string_equal(parts.country_db, "several");
}

static void saturates(void **state)
{
    struct ds_window a = {.seconds = 60, .bytes = UINT64_MAX - 1}, b = {.seconds = 60, .bytes = 3};
    a.observed_ns = b.observed_ns = UINT64_MAX;
    ds_merge_window(&a, &b, DS_MERGE_SENSORS);
    assert_true(a.bytes == UINT64_MAX);
    assert_true(a.observed_ns == UINT64_MAX);
}

/* A table of count countries from first on. */
static void fill_countries(struct ds_window *w, unsigned first, unsigned count)
{
    w->seconds = 60;
    w->countries = calloc(count, sizeof *w->countries);
    assert_non_null(w->countries);
    w->country_count = count;
    for (unsigned i = 0; i < count; i++)
        w->countries[i].country = (ds_country)(first + i);
}

static void is_bounded(void **state)
{
    struct ds_window a = {.bytes = 1}, b = {.bytes = 1}, c = {0};
    fill_countries(&a, 1, DS_COUNTRIES_MAX);
    fill_countries(&b, 1, DS_COUNTRIES_MAX);
    fill_countries(&c, DS_COUNTRIES_MAX, 2);
    assert_int_equal(ds_merge_window(&a, &b, DS_MERGE_SENSORS), 0);
    assert_int_equal(a.bytes, 2);
    assert_int_equal(ds_merge_window(&a, &c, DS_MERGE_SENSORS), DS_MERGE_FULL);
    assert_int_equal(a.bytes, 2);
    assert_int_equal(a.country_count, DS_COUNTRIES_MAX);
    struct ds_window huge = {.seconds = 60, .cell_count = DS_CELLS_MAX + 1};
    assert_int_equal(ds_merge_window(&b, &huge, DS_MERGE_SENSORS), DS_MERGE_FULL);
    ds_window_finish(&a);
    ds_window_finish(&b);
    ds_window_finish(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(becomes_a_copy),
        cmocka_unit_test(adds_like_a_slow_merge),
        cmocka_unit_test(adds_source_records),
        cmocka_unit_test(an_hour_adds_its_windows),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(sensors_and_parts_differ),
        cmocka_unit_test(attacks_become_one),
        cmocka_unit_test(unknown_addresses_and_databases),
        cmocka_unit_test(saturates),
        cmocka_unit_test(is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
