/* SPDX-License-Identifier: Apache-2.0
 *
 * The radix sort against qsort.
 */
#include "packets.h"
#include "sort.h"

static const unsigned first_bit = 26;

static uint64_t sorted_bits(uint64_t key)
{
    return key >> first_bit & ((UINT64_C(1) << DS_SORT_BITS) - 1);
}

/* value is the place that the item came from. */
static int by_bits_and_place(const void *a, const void *b)
{
    const struct ds_sort_item *x = a, *y = b;
    uint64_t left = sorted_bits(x->key), right = sorted_bits(y->key);
    return left != right ? (left > right) - (left < right)
                         : (x->value > y->value) - (x->value < y->value);
}

static void check(struct ds_sort_item *items, size_t count)
{
    struct ds_sort_item *expected = malloc(count * sizeof *items + 1);
    struct ds_sort_item *scratch = malloc(count * sizeof *items + 1);
    assert_true(expected && scratch);
    memcpy(expected, items, count * sizeof *items);
    qsort(expected, count, sizeof *items, by_bits_and_place);
    ds_sort(items, scratch, count, first_bit);
    assert_memory_equal(items, expected, count * sizeof *items);
    free(expected);
    free(scratch);
}

static void test_random(void **state)
{
    static const unsigned key_bits[] = {1, 27, 30, 38, 39, 50, 62, 64};
    struct ds_sort_item items[3000];
    uint64_t seed = 1;
    for (unsigned round = 0; round < 64; round++) {
        size_t count = round < 8 ? round : draw_below(&seed, COUNT(items) + 1);
        for (size_t i = 0; i < count; i++)
            items[i] =
                (struct ds_sort_item){draw(&seed) >> (64 - key_bits[round % COUNT(key_bits)]), i};
        check(items, count);
    }
}

/* Bits that are not sorted by, and each of those that are alone. */
static void test_extremes(void **state)
{
    struct ds_sort_item items[200];
    for (size_t i = 0; i < COUNT(items); i++)
        items[i] = (struct ds_sort_item){i % 3 ? UINT64_MAX - i : i % 2 ? UINT64_MAX : 0, i};
    check(items, COUNT(items));
    for (size_t i = 0; i < 64; i++)
        items[i] = (struct ds_sort_item){UINT64_C(1) << (63 - i), i};
    check(items, 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
