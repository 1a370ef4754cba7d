/* SPDX-License-Identifier: Apache-2.0
 *
 * Digit by digit, from the lowest. More bits in a digit would be fewer rounds, and more places that
 * are written to by turns than a processor has translations of addresses at hand: it was slower by
 * half.
 */
#include "sort.h"

#include <string.h>

#define DIGIT_BITS 9
#define BUCKETS    (1u << DIGIT_BITS)
#define DIGITS     (DS_SORT_BITS / DIGIT_BITS)
_Static_assert(DS_SORT_BITS % DIGIT_BITS == 0 && DIGITS % 2 == 0,
               "whole digits, and the last of them is sorted back into the items");

/* How often each value of each digit comes: one look at all items. */
static void count_digits(const struct ds_sort_item *items, size_t count, unsigned first_bit,
                         size_t places[DIGITS][BUCKETS])
{
    memset(places, 0, DIGITS * sizeof *places);
    for (size_t i = 0; i < count; i++) {
        uint64_t key = items[i].key >> first_bit;
        for (unsigned digit = 0; digit < DIGITS; digit++)
            places[digit][key >> digit * DIGIT_BITS & (BUCKETS - 1)]++;
    }
}

/* places: how often each value comes. */
static void sort_by_digit(const struct ds_sort_item *from, struct ds_sort_item *to, size_t count,
                          unsigned shift, size_t places[BUCKETS])
{
    size_t sum = 0;
    for (unsigned i = 0; i < BUCKETS; i++) {
        size_t here = places[i];
        places[i] = sum;
        sum += here;
    }
    for (size_t i = 0; i < count; i++)
        to[places[from[i].key >> shift & (BUCKETS - 1)]++] = from[i];
}

void ds_sort(struct ds_sort_item *items, struct ds_sort_item *spare, size_t count,
             unsigned first_bit)
{
    size_t places[DIGITS][BUCKETS];
    count_digits(items, count, first_bit, places);
    for (unsigned digit = 0; digit < DIGITS; digit++) {
        sort_by_digit(items, spare, count, first_bit + digit * DIGIT_BITS, places[digit]);
        struct ds_sort_item *other = items;
        items = spare;
        spare = other;
    }
}
