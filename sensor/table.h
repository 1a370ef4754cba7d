/* SPDX-License-Identifier: Apache-2.0
 *
 * The hash table of the counting stage: open addressing, buckets of one cache line, huge pages.
 *
 * An entry is a struct whose first member is a nonzero uint64_t key; its size is a power of two of
 * 8 to 64 bytes, passed as a constant so that the compiler folds it. A lookup starts at a line's
 * beginning, so that one prefetch brings the whole bucket. The load guard keeps a quarter of the
 * slots free: the table grows to its limit and then refuses, so that a probe always ends.
 *
 * One thread at a time.
 */
#ifndef DARKSCOPE_TABLE_H
#define DARKSCOPE_TABLE_H

#include "hash.h"

#include <stdbool.h>
#include <stddef.h>

#define DS_TABLE_LINE 64

struct ds_table {
    uint8_t *entries;
    size_t mask; /* slots - 1, slots a power of two */
    size_t used;
    size_t guard; /* at this many entries it grows or refuses */
    size_t slots_max;
    uint32_t entry_bytes;
    const struct ds_hash_key *key; /* borrowed */
};

/* Slots of a new table, and those below which none shrinks. */
#define DS_TABLE_SLOTS_MIN 4096

/* slots_max is rounded down to a power of two. 0, or -1 without memory. */
int ds_table_init(struct ds_table *t, uint32_t entry_bytes, size_t slots_max,
                  const struct ds_hash_key *key);
void ds_table_finish(struct ds_table *t);
/* Empties it. Keeps the size it needed, gives back what was far too much. */
void ds_table_clear(struct ds_table *t);
/* Makes it larger. False at the limit or without memory. */
bool ds_table_grow(struct ds_table *t);

static inline void ds_table_prefetch(const struct ds_table *t, uint64_t hash, uint32_t entry_bytes)
{
    size_t per_line = DS_TABLE_LINE / entry_bytes;
    __builtin_prefetch(t->entries + (hash & t->mask & ~(per_line - 1)) * entry_bytes, 1);
}

/* The entry of the key, made (zero but for the key) where there was none: *is_new. NULL where the
 * table is at its limit. The pointer is good until the next insertion. */
static inline void *ds_table_upsert(struct ds_table *t, uint64_t key, uint64_t hash,
                                    uint32_t entry_bytes, bool *is_new)
{
    size_t per_line = DS_TABLE_LINE / entry_bytes;
    for (size_t i = hash & t->mask & ~(per_line - 1);; i = (i + 1) & t->mask) {
        uint64_t *entry = (uint64_t *)(void *)(t->entries + i * entry_bytes);
        if (*entry == key) {
            *is_new = false;
            return entry;
        }
        if (*entry)
            continue;
        if (t->used >= t->guard)
            return ds_table_grow(t) ? ds_table_upsert(t, key, hash, entry_bytes, is_new) : NULL;
        *entry = key;
        t->used++;
        *is_new = true;
        return entry;
    }
}

/* Iterates: start with *i = 0; NULL at the end. */
static inline void *ds_table_next(const struct ds_table *t, size_t *i)
{
    while (*i <= t->mask) {
        void *entry = t->entries + (*i)++ * t->entry_bytes;
        if (*(uint64_t *)entry)
            return entry;
    }
    return NULL;
}

#endif
