/* SPDX-License-Identifier: Apache-2.0
 *
 * The radix sort against qsort.
 */
#include "packets.h"
#include "sort.h"

static int by_key_and_owner(const void *a, const void *b)
{
    const struct ds_sort_item *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return ((uintptr_t)x->from > (uintptr_t)y->from) - ((uintptr_t)x->from < (uintptr_t)y->from);
}

/* Equal keys keep their order, so the owners, here numbers, decide among them. */
static void check(struct ds_sort_item *items, size_t count)
{
    struct ds_sort_item *expected = malloc(count * sizeof *items + 1);
    struct ds_sort_item *scratch = malloc(count * sizeof *items + 1);
    assert_true(expected && scratch);
    if (count) {
        memcpy(expected, items, count * sizeof *items);
        qsort(expected, count, sizeof *expected, by_key_and_owner);
    }
    ds_sort(items, scratch, count);
    for (size_t i = 0; i < count; i++) {
        assert_true(items[i].key == expected[i].key);
        assert_ptr_equal(items[i].from, expected[i].from);
    }
    free(expected);
    free(scratch);
}

static void test_random(void **state)
{
    static const unsigned key_bits[] = {1, 3, 11, 12, 22, 33, 43, 44};
    struct ds_sort_item items[3000];
    uint64_t seed = 1;
    for (unsigned round = 0; round < 64; round++) {
        size_t count = round < 8 ? round : draw_below(&seed, COUNT(items) + 1);
        for (size_t i = 0; i < count; i++)
            items[i] = (struct ds_sort_item){
                draw(&seed) >> (64 - key_bits[round % COUNT(key_bits)]), (const void *)i};
        check(items, count);
    }
}

static void test_extremes(void **state)
{
    const uint64_t most = (UINT64_C(1) << 44) - 1;
    struct ds_sort_item items[200];
    for (size_t i = 0; i < COUNT(items); i++)
        items[i] = (struct ds_sort_item){i % 3 ? most - i : i % 2 ? most : 0, (const void *)i};
    check(items, COUNT(items));
    for (size_t i = 0; i < 44; i++)
        items[i] = (struct ds_sort_item){UINT64_C(1) << (43 - i), (const void *)i};
    check(items, 44);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
