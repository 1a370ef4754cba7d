/* SPDX-License-Identifier: Apache-2.0
 *
 * The order of destinations: one to one for every range, always the same under a key, and without a
 * pattern.
 */
#include "packets.h"
#include "permutation.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>

/* The surprise, in units of e: an even spread gives this much once in 500 million draws, and the
 * draws are the same in every run. */
#define SURPRISE 20.0

static const uint8_t counting_key[DS_PERMUTATION_KEY] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                         8, 9, 10, 11, 12, 13, 14, 15};

static void draw_key(uint64_t *seed, uint8_t key[static DS_PERMUTATION_KEY])
{
    const uint64_t words[] = {draw(seed), draw(seed)};
    memcpy(key, words, DS_PERMUTATION_KEY);
}

/* Pearson's sum over cells that should be equal, against the bound of Laurent and Massart. */
static bool is_even(const uint32_t *found, size_t cells, double expected)
{
    double sum = 0, freedom = (double)cells - 1;
    for (size_t i = 0; i < cells; i++)
        sum += (found[i] - expected) * (found[i] - expected) / expected;
    return sum <= freedom + 2 * sqrt(freedom * SURPRISE) + 2 * SURPRISE;
}

/* Computed by an independent program (SipHash of its authors' test vector): what is archived under
 * a key must mean the same after an update. */
static void order_stays_as_it_is(void **state)
{
    static const struct {
        uint64_t count;
        uint32_t index, becomes;
    } cases[] = {
        {65536, 0, 65023},
        {65536, 1, 15751},
        {65536, 65535, 55992},
        {1000, 0, 936},
        {1000, 999, 905},
        {DS_PERMUTATION_COUNT_MAX, 0, 4203519989},
        {DS_PERMUTATION_COUNT_MAX, UINT32_MAX, 340456152},
        {3, 0, 2},
        {3, 1, 1},
        {3, 2, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ds_permutation p;
        ds_permutation_init(&p, counting_key, cases[i].count);
        assert_int_equal(ds_permutation_apply(&p, cases[i].index), cases[i].becomes);
    }
}

static void check_bijection(uint64_t count)
{
    struct ds_permutation p;
    bool *seen = calloc(count, sizeof *seen);
    assert_non_null(seen);
    ds_permutation_init(&p, counting_key, count);
    for (uint64_t i = 0; i < count; i++) {
        uint32_t becomes = ds_permutation_apply(&p, (uint32_t)i);
        if (becomes >= count || seen[becomes])
            fail_msg("of %" PRIu64 ": %" PRIu64 " becomes %u, which is %s", count, i, becomes,
                     becomes >= count ? "outside" : "another's");
        seen[becomes] = true;
    }
    free(seen);
}

static void is_one_to_one(void **state)
{
    static const uint64_t large[] = {65535, 65536, 65536 - 256, 257 * 257 + 1};
    for (uint64_t count = 1; count <= 300; count++)
        check_bijection(count);
    for (size_t i = 0; i < COUNT(large); i++)
        check_bijection(large[i]);
}

/* Every pair of the halves that lies in the range, and no other, and few that do not. */
static void halves_fit_the_range(void **state)
{
    static const uint64_t counts[] = {0, 1,     2,     3,          4,
                                      5, 65535, 65537, UINT32_MAX, DS_PERMUTATION_COUNT_MAX};
    for (size_t i = 0; i < COUNT(counts); i++) {
        struct ds_permutation p;
        ds_permutation_init(&p, counting_key, counts[i]);
        uint64_t pairs = (uint64_t)p.left * p.right;
        assert_true(pairs >= counts[i] && pairs - counts[i] < p.left + !counts[i]);
        assert_true(p.left <= UINT16_MAX + 1 && p.right <= p.left);
    }
}

/* Over many keys an index becomes each of the others equally often, also in the smallest ranges,
 * where a half is one bit or none. */
static void every_index_becomes_every_other(void **state)
{
    enum { KEYS = 5000, MOST = 17 };
    static const uint32_t counts[] = {2, 3, 4, 5, 9, 16, MOST};
    uint64_t seed = 1;
    for (size_t k = 0; k < COUNT(counts); k++) {
        uint32_t found[MOST][MOST] = {0};
        for (unsigned n = 0; n < KEYS; n++) {
            struct ds_permutation p;
            uint8_t key[DS_PERMUTATION_KEY];
            draw_key(&seed, key);
            ds_permutation_init(&p, key, counts[k]);
            for (uint32_t i = 0; i < counts[k]; i++)
                found[i][ds_permutation_apply(&p, i)]++;
        }
        for (uint32_t i = 0; i < counts[k]; i++)
            assert_true(is_even(found[i], counts[k], (double)KEYS / counts[k]));
    }
}

/* Of a /16: neighbours do not stay neighbours, nor blocks together, nor are keys or ranges alike.
 */
static void nothing_of_the_order_is_left(void **state)
{
    enum { ADDRESSES = 65536, CELLS = 256 };
    uint32_t steps[CELLS] = {0}, same_block = 0, same_key = 0, same_range = 0, fixed = 0, last = 0;
    struct ds_permutation p, other_key, other_range;
    uint8_t key[DS_PERMUTATION_KEY];
    memcpy(key, counting_key, sizeof key);
    key[0] ^= 1;
    ds_permutation_init(&p, counting_key, ADDRESSES);
    ds_permutation_init(&other_key, key, ADDRESSES);
    ds_permutation_init(&other_range, counting_key, ADDRESSES + 1);
    for (uint32_t i = 0; i < ADDRESSES; i++) {
        uint32_t becomes = ds_permutation_apply(&p, i);
        steps[(becomes - last) % ADDRESSES * CELLS / ADDRESSES]++;
        same_block += i && becomes >> 8 == last >> 8;
        fixed += becomes == i;
        same_key += becomes == ds_permutation_apply(&other_key, i);
        same_range += becomes == ds_permutation_apply(&other_range, i);
        last = becomes;
    }
    assert_true(is_even(steps, CELLS, (double)ADDRESSES / CELLS));
    assert_in_range(same_block, 256 - 96, 256 + 96);
    /* One is expected of each. */
    assert_in_range(fixed, 0, 10);
    assert_in_range(same_key, 0, 10);
    assert_in_range(same_range, 0, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_stays_as_it_is),
        cmocka_unit_test(is_one_to_one),
        cmocka_unit_test(halves_fit_the_range),
        cmocka_unit_test(every_index_becomes_every_other),
        cmocka_unit_test(nothing_of_the_order_is_left),
    };
    return cmocka_run_group_tests_name("permutation", tests, NULL, NULL);
}
