/* SPDX-License-Identifier: Apache-2.0
 *
 * The keyed hash behind the tables and the spreading over workers.
 *
 * Sources are chosen by strangers. With a fixed hash they could send us addresses that all fall
 * into one bucket or on one worker; the key is random, or derived from a secret, and never leaves
 * the process.
 */
#ifndef DARKSCOPE_HASH_H
#define DARKSCOPE_HASH_H

#include <stdint.h>
#include <string.h>

struct ds_hash_key {
    uint64_t add;
    uint64_t multiply; /* odd */
};

/* From the kernel's random numbers. */
struct ds_hash_key ds_hash_key_random(void);

/* Multiply and fold: the high half carries the well-mixed bits down. Alone, one key in fifty would
 * crowd arithmetic progressions (ports and hosts in sequence: a scan) into a corner of the table,
 * hence the second, fixed multiplication. */
static inline uint64_t ds_hash(const struct ds_hash_key *k, uint64_t x)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)(x ^ k->add) * k->multiply;
    uint64_t folded = (uint64_t)product ^ (uint64_t)(product >> 64);
    folded *= UINT64_C(0x9e3779b97f4a7c15);
    return folded ^ folded >> 32;
}

/* An IPv6 address as a key: bit 63 set, so it never meets an IPv4 one. Bit 62 is DS_COUNT_KEY_SET:
 * two of 2^22 addresses in a window collide with a probability of 1 in 500,000. */
static inline uint64_t ds_hash_ip6(const struct ds_hash_key *k, const uint8_t address[static 16])
{
    uint64_t high, low;
    memcpy(&high, address, 8);
    memcpy(&low, address + 8, 8);
    return ds_hash(k, ds_hash(k, high) + low) | UINT64_C(1) << 63;
}

/* Which of `count` equal shares a hash belongs to, by its high bits (tables use the low ones). */
static inline unsigned ds_hash_share(uint64_t hash, unsigned count)
{
    return (unsigned)((hash >> 32) * count >> 32);
}

#endif
