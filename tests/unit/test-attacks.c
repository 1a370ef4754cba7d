/* SPDX-License-Identifier: Apache-2.0
 *
 * Victims and attacks at their bounds: full tables, many workers, time that runs backwards. The
 * definition itself is held by tests/e2e/attacks.py.
 */
#include "attacks.h"
#include "packets.h"

#define START_S    INT64_C(1767225600)
#define TABLE_ROOM (DS_TABLE_SLOTS_MIN / 4 * 3)

static const struct ds_hash_key key = {3, UINT64_C(0x9e3779b97f4a7c15)};

static struct ds_victims *make_victims(unsigned workers)
{
    struct ds_victims *v = calloc(1, sizeof *v);
    assert_non_null(v);
    assert_int_equal(ds_victims_init(v, workers, &key), 0);
    return v;
}

static void free_victims(struct ds_victims *v)
{
    ds_victims_finish(v);
    free(v);
}

static void empty(struct ds_victims *v)
{
    ds_victims_finish(v);
    assert_int_equal(ds_victims_init(v, 1, &key), 0);
}

static struct ds_echo echo(struct ds_victims *v, uint32_t victim, uint32_t ms, uint32_t address)
{
    struct ds_echo e = {.victims = v,
                        .victim = victim,
                        .address = address,
                        .ms = ms,
                        .port = 80,
                        .attack_port = (uint16_t)address,
                        .bytes = 40,
                        .proto = DS_PROTO_TCP,
                        .has_port = true,
                        .has_attack_port = true};
    e.victim_key = ds_victim_key(victim, e.proto);
    e.victim_hash = ds_hash(&key, e.victim_key);
    return e;
}

static void count(struct ds_victims *v, uint32_t victim, uint32_t ms, uint32_t address)
{
    struct ds_echo e = echo(v, victim, ms, address);
    ds_victims_find(&e);
    ds_victims_count(&e);
}

/* An hour that begins so many seconds after START_S. */
static struct ds_window close_hour(struct ds_attacks *a, const struct ds_victims *v,
                                   int64_t after_s)
{
    struct ds_window w;
    struct ds_epoch epoch = {
        .number = 1, .seconds = 3600, .start_s = START_S + after_s, .origin_s = START_S + after_s};
    ds_window_init(&w);
    assert_int_equal(ds_attacks_close(a, v, &epoch, &w), 0);
    assert_true(w.attacks_known);
    return w;
}

/* Each packet counts in one worker; what they have in common is counted once. */
static void test_workers_unite(void **state)
{
    struct ds_victims *one = make_victims(2), *other = make_victims(2);
    struct ds_attacks attacks = {0};
    for (uint32_t i = 0; i < 80; i++) {
        struct ds_echo e = echo(i % 2 ? one : other, 7, i * 1000, i % 10);
        e.mismatched = i % 8 == 0;
        ds_victims_find(&e);
        ds_victims_count(&e);
        count(other, 1000 + i, i, i); /* so that ids differ */
    }
    assert_int_equal(ds_victims_unite(one, other), 0);
    struct ds_window w = close_hour(&attacks, one, 0);
    assert_int_equal(w.attack_count, 1);
    const struct ds_attack *a = w.attacks;
    assert_int_equal(a->victim, 7);
    assert_int_equal(a->packets, 80);
    assert_int_equal(a->bytes, 80 * 40);
    assert_int_equal(a->mismatches, 10);
    assert_int_equal(a->addresses, 10);
    assert_int_equal(a->attack_ports, 10);
    assert_int_equal(a->ports, 1);
    assert_int_equal(a->max_ppm, 60);
    assert_true(a->start_ms == START_S * 1000 && a->last_ms == START_S * 1000 + 79000);
    assert_int_equal(w.overflow[DS_OVERFLOW_ATTACKS], 0);
    ds_window_finish(&w);
    ds_attacks_finish(&attacks);
    free_victims(one);
    free_victims(other);
}

/* Steps of a victim that only the other worker saw find no room, and the mismatches of all packets
 * do, as this one saw such, too: no more are told than packets, which would be refused. */
static void test_full_when_united(void **state)
{
    struct ds_victims *one = make_victims(DS_VICTIMS_MAX), *other = make_victims(DS_VICTIMS_MAX);
    struct ds_attacks attacks = {0};
    for (uint32_t i = 0; i < 400; i++) {
        struct ds_echo e = echo(i / 50 % 2 ? other : one, 7, i * 200, 1); /* by turns of 10 s */
        e.mismatched = true;
        ds_victims_find(&e);
        ds_victims_count(&e);
    }
    for (uint32_t i = 0; i < TABLE_ROOM; i++)
        count(one, 1000 + i, 0, 0);
    assert_int_equal(ds_victims_unite(one, other), 0);
    struct ds_window w = close_hour(&attacks, one, 0);
    assert_int_equal(w.attack_count, 1);
    assert_int_equal(w.attacks[0].packets, 200);
    assert_int_equal(w.attacks[0].mismatches, 200);
    assert_true(w.overflow[DS_OVERFLOW_ATTACKS] > 200);
    ds_window_finish(&w);
    ds_attacks_finish(&attacks);
    free_victims(one);
    free_victims(other);
}

/* Twice as many victims as there is room for: a victim has all its packets or none, and the rest is
 * said to be missing. */
static void test_full_tables(void **state)
{
    struct ds_victims *v = make_victims(DS_VICTIMS_MAX);
    struct ds_attacks attacks = {0};
    const uint32_t sent = 2 * TABLE_ROOM;
    for (uint32_t i = 0; i < sent; i++)
        count(v, i, 0, 1);
    assert_int_equal(v->victims.used, TABLE_ROOM);
    uint64_t steps = 0;
    struct ds_table_walk walk = {0};
    for (const struct ds_victim_part *p; (p = ds_table_next(&v->parts, &walk));)
        steps += ds_victim_part_kind(p->key) == DS_VICTIM_STEP;
    /* A packet is missing where its victim or its step is, or a part of it. */
    assert_true(steps < TABLE_ROOM);
    assert_in_range(v->overflow, sent - steps, sent);
    struct ds_window w = close_hour(&attacks, v, 0);
    assert_int_equal(w.overflow[DS_OVERFLOW_ATTACKS], v->overflow);
    assert_int_equal(attacks.count, steps);
    ds_window_finish(&w);
    ds_attacks_finish(&attacks);
    free_victims(v);
}

/* More attacks than a window may carry: those with most packets stay, in order. */
static void test_too_many_attacks(void **state)
{
    struct ds_victims *v = make_victims(1);
    struct ds_attacks attacks = {0};
    const uint32_t more = 10;
    for (uint32_t i = 0; i < DS_ATTACKS_MAX + more; i++) {
        unsigned packets = i % 1000 == 5 ? 31 : 32;
        for (unsigned k = 0; k < packets; k++)
            count(v, i, k < 30 ? 0 : 60000, 1);
    }
    struct ds_window w = close_hour(&attacks, v, 0);
    assert_int_equal(w.attack_count, DS_ATTACKS_MAX);
    assert_int_equal(w.overflow[DS_OVERFLOW_ATTACKS], more * 31);
    for (uint32_t i = 1; i < w.attack_count; i++)
        assert_true(ds_attack_key(&w.attacks[i - 1]) < ds_attack_key(&w.attacks[i]));
    ds_window_finish(&w);
    ds_attacks_finish(&attacks);
    free_victims(v);
}

static void count_attack(struct ds_victims *v)
{
    empty(v);
    for (uint32_t i = 0; i < 100; i++)
        count(v, 7, i * 1000, i);
}

/* In the next hour an attack goes on; in an earlier one, or after one without it, it begins anew.
 */
static void test_time_jumps(void **state)
{
    static const struct {
        int64_t after_s;
        uint64_t packets;
    } hours[] = {{0, 100}, {3600, 200}, {7200, 300}, {3600, 100}, {-7200, 100}, {36000, 100}};
    struct ds_victims *v = make_victims(1);
    struct ds_attacks attacks = {0};
    for (size_t i = 0; i < COUNT(hours); i++) {
        count_attack(v);
        struct ds_window w = close_hour(&attacks, v, hours[i].after_s);
        assert_int_equal(w.attack_count, 1);
        assert_int_equal(w.attacks[0].packets, hours[i].packets);
        ds_window_finish(&w);
    }
    empty(v);
    struct ds_window w = close_hour(&attacks, v, 39600);
    assert_int_equal(w.attack_count, 0);
    assert_int_equal(attacks.count, 0);
    ds_window_finish(&w);
    ds_attacks_finish(&attacks);
    free_victims(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_workers_unite), cmocka_unit_test(test_full_when_united),
        cmocka_unit_test(test_full_tables),   cmocka_unit_test(test_too_many_attacks),
        cmocka_unit_test(test_time_jumps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
