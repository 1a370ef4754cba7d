/* SPDX-License-Identifier: Apache-2.0
 *
 * A set of 128-bit keys that numbers its members 0, 1, 2 ... in order of arrival, so that figures
 * of a member stand in a plain array of the caller. Open addressing, grows without bound: for the
 * generator and tests, not for hostile input.
 */
#ifndef DARKSCOPE_GEN_SET_H
#define DARKSCOPE_GEN_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ds_gen_key {
    uint64_t high, low;
};

struct ds_gen_set {
    struct ds_gen_key *keys; /* by number */
    uint32_t *slots;         /* number + 1, 0: free; mask + 1 of them */
    size_t count, mask;
};

#define DS_GEN_SET_NO_MEMORY UINT32_MAX

/* The number of the key, added if it was not there. */
uint32_t ds_gen_set_add(struct ds_gen_set *s, uint64_t high, uint64_t low, bool *is_new);
/* Forgets all members, keeps the memory. */
void ds_gen_set_clear(struct ds_gen_set *s);
void ds_gen_set_finish(struct ds_gen_set *s);

#endif
