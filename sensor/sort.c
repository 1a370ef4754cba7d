/* SPDX-License-Identifier: Apache-2.0 */
#include "sort.h"

#define DIGIT_BITS 12
#define BUCKETS    (1u << DIGIT_BITS)
_Static_assert(DS_SORT_BITS % DIGIT_BITS == 0 && DS_SORT_BITS / DIGIT_BITS % 2 == 1,
               "whole digits, and the last of them is sorted into the other array");

static void sort_by_digit(const struct ds_sort_item *from, struct ds_sort_item *to, size_t count,
                          unsigned shift)
{
    size_t start[BUCKETS] = {0}, sum = 0;
    for (size_t i = 0; i < count; i++)
        start[from[i].key >> shift & (BUCKETS - 1)]++;
    for (unsigned i = 0; i < BUCKETS; i++) {
        size_t here = start[i];
        start[i] = sum;
        sum += here;
    }
    for (size_t i = 0; i < count; i++)
        to[start[from[i].key >> shift & (BUCKETS - 1)]++] = from[i];
}

void ds_sort(struct ds_sort_item *items, struct ds_sort_item *sorted, size_t count,
             unsigned first_bit)
{
    for (unsigned bit = 0; bit < DS_SORT_BITS; bit += DIGIT_BITS) {
        sort_by_digit(items, sorted, count, first_bit + bit);
        struct ds_sort_item *next = items;
        items = sorted;
        sorted = next;
    }
}
