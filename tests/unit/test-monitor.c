/* SPDX-License-Identifier: Apache-2.0
 *
 * The monitored set against a bitmap, over random prefixes of a /20 that lies across the border of
 * two /16; and its edges.
 */
#include "bytes.h"
#include "monitor.h"
#include "packets.h"

#define WORLD       4096
#define WORLD_FIRST 0x0a00f800 /* 10.0.248.0 .. 10.1.7.255 */
#define LIST_MAX    40

struct world {
    bool inside[WORLD], outside[WORLD];
};

static struct ds_prefix prefix4(uint32_t address, uint8_t bits)
{
    struct ds_prefix p = {.bits = bits};
    struct bytes b = {.count = 0};
    put_number(&b, address, 4);
    memcpy(p.address, b.data, 4);
    return p;
}

static struct ds_prefix prefix(const char *text)
{
    struct ds_prefix p;
    assert_null(ds_prefix_parse(text, &p));
    return p;
}

/* A random list of prefixes that do not overlap, and the addresses they mark. */
static size_t draw_list(uint64_t *seed, struct ds_prefix list[static LIST_MAX], bool *marks)
{
    size_t count = 0, wanted = draw_below(seed, LIST_MAX + 1);
    for (size_t i = 0; i < wanted; i++) {
        uint8_t bits = (uint8_t)(23 + draw_below(seed, 10));
        uint32_t size = UINT32_C(1) << (32 - bits);
        uint32_t first = draw_below(seed, WORLD) & ~(size - 1);
        bool free_space = true;
        for (uint32_t k = 0; k < size; k++)
            free_space &= !marks[first + k];
        if (!free_space)
            continue;
        memset(marks + first, true, size);
        list[count++] = prefix4(WORLD_FIRST + first, bits);
    }
    return count;
}

static void compare(const struct world *w, const struct ds_monitor *m)
{
    int64_t index = 0;
    for (uint32_t i = 0; i < WORLD; i++) {
        bool monitored = w->inside[i] && !w->outside[i];
        assert_true(ds_monitor_index4(m, WORLD_FIRST + i) ==
                    (monitored ? index++ : DS_MONITOR_OUTSIDE));
    }
    assert_true(ds_monitor_addresses(m) == (uint64_t)index);
    assert_true(ds_monitor_index4(m, WORLD_FIRST - 1) == DS_MONITOR_OUTSIDE);
    assert_true(ds_monitor_index4(m, WORLD_FIRST + WORLD) == DS_MONITOR_OUTSIDE);
    assert_true(ds_monitor_index4(m, 0) == DS_MONITOR_OUTSIDE);
    assert_true(ds_monitor_index4(m, UINT32_MAX) == DS_MONITOR_OUTSIDE);
}

static void test_random_sets(void **state)
{
    uint64_t seed = 1;
    unsigned nothing_left = 0;
    for (unsigned round = 0; round < 200; round++) {
        struct world w = {.inside = {false}};
        struct ds_prefix inside[LIST_MAX], outside[LIST_MAX];
        size_t in = draw_list(&seed, inside, w.inside);
        size_t out = draw_list(&seed, outside, w.outside);
        struct ds_monitor *m;
        struct ds_error err;
        if (in == 0)
            continue;
        if (ds_monitor_create(inside, in, outside, out, &m, &err)) {
            for (uint32_t i = 0; i < WORLD; i++)
                assert_false(w.inside[i] && !w.outside[i]);
            assert_int_equal(err.status, DS_CONFIG);
            nothing_left++;
            continue;
        }
        assert_false(ds_monitor_is_everything(m));
        compare(&w, m);
        ds_monitor_destroy(m);
    }
    assert_true(nothing_left < 20);
}

static struct ds_monitor *create(const struct ds_prefix *inside, size_t in,
                                 const struct ds_prefix *outside, size_t out)
{
    struct ds_monitor *m;
    struct ds_error err;
    if (ds_monitor_create(inside, in, outside, out, &m, &err))
        fail_msg("%s", err.text);
    return m;
}

static void test_edges(void **state)
{
    const struct ds_prefix all = prefix("0.0.0.0/0"), last = prefix("255.255.255.255"),
                           first = prefix("0.0.0.0/32"), middle = prefix("127.255.255.255");
    struct ds_monitor *m = create(&all, 1, NULL, 0);
    assert_true(ds_monitor_addresses(m) == UINT64_C(1) << 32);
    assert_true(ds_monitor_index4(m, 0) == 0);
    assert_true(ds_monitor_index4(m, UINT32_MAX) == UINT32_MAX);
    ds_monitor_destroy(m);

    const struct ds_prefix ends[] = {last, first, middle};
    m = create(&all, 1, ends, 3);
    assert_true(ds_monitor_addresses(m) == (UINT64_C(1) << 32) - 3);
    assert_true(ds_monitor_index4(m, 0) == DS_MONITOR_OUTSIDE);
    assert_true(ds_monitor_index4(m, 1) == 0);
    assert_true(ds_monitor_index4(m, 0x7fffffff) == DS_MONITOR_OUTSIDE);
    assert_true(ds_monitor_index4(m, 0x80000000) == 0x7ffffffe);
    assert_true(ds_monitor_index4(m, UINT32_MAX - 1) == INT64_C(0xfffffffc));
    assert_true(ds_monitor_index4(m, UINT32_MAX) == DS_MONITOR_OUTSIDE);
    ds_monitor_destroy(m);

    m = create(ends, 3, NULL, 0);
    assert_true(ds_monitor_addresses(m) == 3);
    assert_true(ds_monitor_index4(m, 0) == 0);
    assert_true(ds_monitor_index4(m, 0x7fffffff) == 1);
    assert_true(ds_monitor_index4(m, UINT32_MAX) == 2);
    assert_true(ds_monitor_index4(m, UINT32_MAX - 1) == DS_MONITOR_OUTSIDE);
    ds_monitor_destroy(m);
}

static void test_everything(void **state)
{
    struct ds_monitor *m = create(NULL, 0, NULL, 0);
    assert_true(ds_monitor_is_everything(m));
    assert_true(ds_monitor_addresses(m) == 0);
    ds_monitor_destroy(m);
    ds_monitor_destroy(NULL);
}

/* Says which entries, never which addresses: they are secret. */
static void refuse(const struct ds_prefix *inside, size_t in, const struct ds_prefix *outside,
                   size_t out, const char *text)
{
    struct ds_monitor *m = NULL;
    struct ds_error err;
    assert_int_equal(ds_monitor_create(inside, in, outside, out, &m, &err), -1);
    assert_null(m);
    assert_int_equal(err.status, DS_CONFIG);
    assert_non_null(strstr(err.text, text));
    assert_null(strstr(err.text, "198"));
    assert_null(strstr(err.text, "db8"));
}

static void test_refusals(void **state)
{
    const struct ds_prefix overlapping[] = {prefix("198.18.0.0/24"), prefix("198.51.100.0/24"),
                                            prefix("198.18.0.0/15")};
    const struct ds_prefix twice[] = {prefix("198.18.0.1"), prefix("198.18.0.1")};
    const struct ds_prefix overlapping6[] = {prefix("198.18.0.0/24"), prefix("2001:db8::/48"),
                                             prefix("2001:db8::1")};
    refuse(overlapping, 3, NULL, 0, "monitor: entry 3 overlaps entry 1");
    refuse(twice, 2, NULL, 0, "monitor: entry 2 overlaps entry 1");
    refuse(overlapping6, 3, NULL, 0, "monitor: entry 3 overlaps entry 2");
    refuse(overlapping, 1, overlapping, 3, "exclude: entry 3 overlaps entry 1");
    refuse(NULL, 0, overlapping, 1, "exclude: nothing to exclude from");
    refuse(overlapping, 1, overlapping + 2, 1, "exclude: leaves nothing");
    /* The same bytes are not the same prefix in the other family. */
    const struct ds_prefix families[] = {prefix("32.1.13.184"), prefix("2001:db8::/32")};
    ds_monitor_destroy(create(families, 2, NULL, 0));
}

/* Any two that overlap are found, wherever they stand, as by comparing each with each. */
static void test_overlaps_are_found(void **state)
{
    uint64_t seed = 7;
    unsigned refused = 0;
    for (unsigned round = 0; round < 500; round++) {
        struct ds_prefix list[LIST_MAX];
        struct ds_monitor *m = NULL;
        bool overlap = false;
        for (size_t i = 0; i < LIST_MAX; i++) {
            uint8_t bits = (uint8_t)(12 + draw_below(&seed, 21));
            uint32_t size = UINT32_C(1) << (32 - bits),
                     first = (uint32_t)draw_below(&seed, 4096) << 20 & ~(size - 1);
            list[i] = prefix4(first, bits);
            for (size_t k = 0; k < i; k++) {
                unsigned shorter = list[k].bits < bits ? list[k].bits : bits;
                overlap |= (ds_load32_be(list[k].address) ^ first) >> (32 - shorter) == 0;
            }
        }
        assert_int_equal(ds_monitor_create(list, LIST_MAX, NULL, 0, &m, NULL), overlap ? -1 : 0);
        ds_monitor_destroy(m);
        refused += overlap;
    }
    assert_in_range(refused, 50, 450); /* both have happened */
}

static bool has6(const struct ds_monitor *m, const char *address)
{
    struct ds_prefix p = prefix(address);
    return ds_monitor_has6(m, p.address);
}

static void test_ip6(void **state)
{
    const struct ds_prefix inside[] = {prefix("2001:db8::/33"), prefix("2001:db8:ffff::1")};
    const struct ds_prefix outside[] = {prefix("2001:db8:1:8000::/49"), prefix("2001:db8::2")};
    struct ds_monitor *m = create(inside, 2, outside, 2);
    assert_true(ds_monitor_addresses(m) == 0); /* IPv4 ones */
    assert_true(ds_monitor_index4(m, 0x20010db8) == DS_MONITOR_OUTSIDE);
    assert_true(has6(m, "2001:db8::"));
    assert_true(has6(m, "2001:db8::1"));
    assert_false(has6(m, "2001:db8::2"));
    assert_true(has6(m, "2001:db8::3"));
    assert_true(has6(m, "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff"));
    assert_false(has6(m, "2001:db8:8000::"));
    assert_false(has6(m, "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff"));
    assert_true(has6(m, "2001:db8:1:7fff:ffff::"));
    assert_false(has6(m, "2001:db8:1:8000::"));
    assert_true(has6(m, "2001:db8:ffff::1"));
    assert_false(has6(m, "2001:db8:ffff::"));
    ds_monitor_destroy(m);

    const struct ds_prefix all = prefix("::/0"), last = prefix("ffff::/16");
    m = create(&all, 1, &last, 1);
    assert_true(has6(m, "::"));
    assert_true(has6(m, "fffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
    assert_false(has6(m, "ffff::"));
    ds_monitor_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_sets), cmocka_unit_test(test_edges),
        cmocka_unit_test(test_everything),  cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_ip6),         cmocka_unit_test(test_overlaps_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
