/* SPDX-License-Identifier: Apache-2.0
 *
 * A secret order of the monitored addresses: the number of a destination among them
 * (ds_monitor_index4) becomes another of the same range, one to one. In this form alone may a
 * destination leave the sensor. Who has no key learns which packets went to the same address, and
 * not which one it is.
 *
 * A Feistel network over pairs (left, right) whose round function is SipHash-2-4, and cycle walking
 * for the few pairs beyond the range (Black and Rogaway, Ciphers with Arbitrary Finite Domains).
 * Pure.
 */
#ifndef DARKSCOPE_PERMUTATION_H
#define DARKSCOPE_PERMUTATION_H

#include <stdint.h>

#define DS_PERMUTATION_KEY       16
#define DS_PERMUTATION_COUNT_MAX (UINT64_C(1) << 32)

struct ds_permutation {
    uint8_t key[DS_PERMUTATION_KEY];
    uint64_t count;
    uint32_t left, right; /* how many values each half has; together no fewer than count */
};

/* Of 0 .. count-1, count up to DS_PERMUTATION_COUNT_MAX. Another count gives another order, which
 * has nothing to do with this one. */
void ds_permutation_init(struct ds_permutation *p, const uint8_t key[static DS_PERMUTATION_KEY],
                         uint64_t count);

/* index must be below count. Half a microsecond, nearly always; never more than `left`
 * times as long. */
uint32_t ds_permutation_apply(const struct ds_permutation *p, uint32_t index);

#endif
