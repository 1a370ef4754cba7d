/* SPDX-License-Identifier: Apache-2.0
 *
 * Radix sort of 64-bit keys with 64 bits that go along: five to ten times as fast as qsort on a
 * window's cells.
 */
#ifndef DARKSCOPE_SORT_H
#define DARKSCOPE_SORT_H

#include <stddef.h>
#include <stdint.h>

struct ds_sort_item {
    uint64_t key;
    uint64_t value;
};

/* Of a key, the bits that count: DS_SORT_BITS from this one on. */
#define DS_SORT_BITS 36

/* Sorts by the bits of the key from first_bit on, equal ones in the order they came. spare has room
 * for count items; what was in it is lost. */
void ds_sort(struct ds_sort_item *items, struct ds_sort_item *spare, size_t count,
             unsigned first_bit);

#endif
