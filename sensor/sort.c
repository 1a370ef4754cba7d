/* SPDX-License-Identifier: Apache-2.0 */
#include "sort.h"

#include <string.h>

#define DIGIT_BITS 11
#define DIGITS     4 /* even: the result is back in items */
#define BUCKETS    (1u << DIGIT_BITS)

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

void ds_sort(struct ds_sort_item *items, struct ds_sort_item *scratch, size_t count)
{
    for (unsigned digit = 0; digit < DIGITS; digit += 2) {
        sort_by_digit(items, scratch, count, digit * DIGIT_BITS);
        sort_by_digit(scratch, items, count, (digit + 1) * DIGIT_BITS);
    }
}
