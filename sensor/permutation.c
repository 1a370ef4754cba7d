/* SPDX-License-Identifier: Apache-2.0 */
#include "permutation.h"

#include <assert.h>
#include <endian.h>
#include <sodium.h>
#include <string.h>

/* Luby and Rackoff need four of long halves. These are as short as one bit, and what is left to a
 * stranger who knows many pairs shrinks with every round: NIST's FF1 has 10. */
#define ROUNDS 16

_Static_assert(DS_PERMUTATION_KEY == crypto_shorthash_siphash24_KEYBYTES, "the key of SipHash");

void ds_permutation_init(struct ds_permutation *p, const uint8_t key[static DS_PERMUTATION_KEY],
                         uint64_t count)
{
    assert(count <= DS_PERMUTATION_COUNT_MAX);
    *p = (struct ds_permutation){.count = count, .left = 1};
    memcpy(p->key, key, sizeof p->key);
    while ((uint64_t)p->left * p->left < count)
        p->left++;
    p->right = (uint32_t)((count + p->left - 1) / p->left);
}

/* What a round adds to one half, by the other. The rest of a division by at most 2^16 of 64 bits is
 * even enough. */
static uint32_t shift(const struct ds_permutation *p, uint32_t round, uint32_t other, uint32_t size)
{
    const uint32_t words[] = {htole32(round), htole32(other)};
    const uint64_t count = htole64(p->count);
    uint8_t message[sizeof words + sizeof count];
    uint64_t hash;
    memcpy(message, words, sizeof words);
    memcpy(message + sizeof words, &count, sizeof count);
    crypto_shorthash_siphash24((uint8_t *)&hash, message, sizeof message, p->key);
    return (uint32_t)(le64toh(hash) % size);
}

static uint64_t encipher(const struct ds_permutation *p, uint64_t pair)
{
    uint32_t left = (uint32_t)(pair / p->right), right = (uint32_t)(pair % p->right);
    for (uint32_t round = 0; round < ROUNDS; round += 2) {
        left = (left + shift(p, round, right, p->left)) % p->left;
        right = (right + shift(p, round + 1, left, p->right)) % p->right;
    }
    return (uint64_t)left * p->right + right;
}

/* The pairs beyond the range are fewer than `left`, and no two of a walk are the same: it would
 * have come from one of the range into a circle that has none. */
uint32_t ds_permutation_apply(const struct ds_permutation *p, uint32_t index)
{
    assert(index < p->count);
    uint64_t pair = encipher(p, index);
    while (pair >= p->count)
        pair = encipher(p, pair);
    return (uint32_t)pair;
}
