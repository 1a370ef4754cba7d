/* SPDX-License-Identifier: Apache-2.0
 *
 * The hash table of the counting stage: open addressing, buckets of one cache line, huge pages.
 *
 * An entry is a struct whose first member is a nonzero uint64_t key; its size is a power of two of
 * 8 to 64 bytes, passed as a constant so that the compiler folds it. The key may be the upper bits
 * of that member alone, those of a mask; the lower ones are then the owner's. A bucket is one cache
 * line, so that one prefetch brings it; its keys are compared all at once, because where in the
 * line a key stands is what no branch predictor can know. A full bucket overflows into the next.
 * The load guard keeps a quarter of the slots free: the table grows to its limit and then refuses,
 * so that a probe always ends.
 *
 * It grows where it is: the address space of the largest size is reserved at once, memory is used
 * as far as the table has come. So no second copy stands beside it, and what it was on huge pages
 * stays there.
 *
 * One thread at a time.
 */
#ifndef DARKSCOPE_TABLE_H
#define DARKSCOPE_TABLE_H

#include "hash.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define DS_TABLE_LINE 64

struct ds_table {
    uint8_t *entries;
    size_t mask;      /* slots - 1, slots a power of two */
    size_t line_mask; /* of a hash, which bits are the place of its bucket, in bytes */
    size_t used;
    size_t guard;                  /* at this many entries it grows or refuses */
    size_t slots_max;              /* it grows to these: what it was made for, or less */
    size_t slots_reserved;         /* what it was made for */
    uint64_t key_mask;             /* which bits of an entry's first member are its key */
    const struct ds_hash_key *key; /* borrowed */
    /* Bytes by which all tables that share it may still grow; borrowed. NULL: without bound. */
    atomic_size_t *allowance;
    uint32_t entry_bytes;
};

#define DS_TABLE_WHOLE_KEY UINT64_MAX

/* Slots of a new table, and those below which none shrinks. */
#define DS_TABLE_SLOTS_MIN 4096

/* slots_max is rounded down to a power of two. The key mask is DS_TABLE_WHOLE_KEY, and there is no
 * allowance, until the caller sets others. 0, or -1 without memory. */
int ds_table_init(struct ds_table *t, uint32_t entry_bytes, size_t slots_max,
                  const struct ds_hash_key *key);
void ds_table_finish(struct ds_table *t);
/* From now on it grows to a worker's part of what it was made for. */
void ds_table_share(struct ds_table *t, unsigned workers);
/* Empties it. Keeps the size it needed, gives back what was far too much or beyond slots_max. */
void ds_table_clear(struct ds_table *t);
/* Empties it and gives back all but the smallest size. */
void ds_table_release(struct ds_table *t);
/* Makes it larger. False at its limit, without allowance or without memory. */
bool ds_table_grow(struct ds_table *t);

static inline void ds_table_prefetch(const struct ds_table *t, uint64_t hash)
{
    __builtin_prefetch(t->entries + (hash & t->line_mask), 1);
}

/* Which of four keys side by side are equal to a key: a bit each. */
typedef uint64_t ds_table_four __attribute__((vector_size(32)));

static inline unsigned ds_table_match_four(const ds_table_four *keys, uint64_t key)
{
    const ds_table_four wanted = {key, key, key, key};
    ds_table_four equal = (ds_table_four)(*keys == wanted);
#ifdef __AVX2__
    typedef double doubles __attribute__((vector_size(32)));
    return (unsigned)__builtin_ia32_movmskpd256((doubles)equal);
#else
    equal &= (ds_table_four){1, 2, 4, 8};
    return (unsigned)(equal[0] | equal[1] | equal[2] | equal[3]);
#endif
}

/* Which entries of a bucket have this key: a bit each. */
static inline unsigned ds_table_match(const uint8_t *line, uint64_t key, uint32_t entry_bytes,
                                      uint64_t mask)
{
    const ds_table_four *words = (const ds_table_four *)(const void *)line;
    if (entry_bytes == sizeof key)
        return ds_table_match_four(words, key) | ds_table_match_four(words + 1, key) << 4;
    if (entry_bytes == 2 * sizeof key) {
        ds_table_four keys = __builtin_shufflevector(words[0], words[1], 0, 2, 4, 6) & mask;
        return ds_table_match_four(&keys, key);
    }
    unsigned match = 0;
    for (unsigned i = 0; i < DS_TABLE_LINE / entry_bytes; i++)
        match |= (unsigned)(*(const uint64_t *)(const void *)(line + i * entry_bytes) == key) << i;
    return match;
}

/* The entry of the key, made (zero but for the key) where there was none: *is_new. NULL where the
 * table is at its limit. The pointer is good until the next insertion. Bits of the key outside of
 * the mask are 0; the mask is that of the table, as a constant. Whether the key was there decides
 * no branch: half of the packets of a scan have a new one, and no predictor can know which. */
static inline void *ds_table_upsert_masked(struct ds_table *t, uint64_t key, uint64_t hash,
                                           uint32_t entry_bytes, uint64_t mask, bool *is_new)
{
    size_t per_line = DS_TABLE_LINE / entry_bytes;
    for (size_t at = hash & t->line_mask;; at = (at + DS_TABLE_LINE) & t->line_mask) {
        uint8_t *line = t->entries + at;
        /* The key's own place before the first free one: no selection, which would be a branch. */
        unsigned places = ds_table_match(line, key, entry_bytes, mask) |
                          ds_table_match(line, 0, entry_bytes, mask) << per_line;
        if (__builtin_expect(!places, 0))
            continue;
        unsigned place = (unsigned)__builtin_ctz(places);
        size_t used = t->used + place / per_line;
        *is_new = false;
        if (__builtin_expect(used > t->guard, 0))
            return ds_table_grow(t)
                       ? ds_table_upsert_masked(t, key, hash, entry_bytes, mask, is_new)
                       : NULL;
        *is_new = place / per_line;
        t->used = used;
        uint8_t *entry = line + place % per_line * entry_bytes;
        *(uint64_t *)(void *)entry |= key;
        return entry;
    }
}

/* The same where the key is the whole first member. */
static inline void *ds_table_upsert(struct ds_table *t, uint64_t key, uint64_t hash,
                                    uint32_t entry_bytes, bool *is_new)
{
    return ds_table_upsert_masked(t, key, hash, entry_bytes, DS_TABLE_WHOLE_KEY, is_new);
}

/* The same for entries of half a line, most of whose keys are there: only whether one is decides a
 * branch, not in which half. */
static inline void *ds_table_upsert_half(struct ds_table *t, uint64_t key, uint64_t hash,
                                         bool *is_new)
{
    enum { HALF = DS_TABLE_LINE / 2 };
    for (size_t at = hash & t->line_mask;; at = (at + DS_TABLE_LINE) & t->line_mask) {
        uint8_t *entry = t->entries + at;
        uint64_t first = *(const uint64_t *)(const void *)entry;
        uint64_t second = *(const uint64_t *)(const void *)(entry + HALF);
        bool in_first = (first == key) | ((first == 0) & (second != key));
        entry += in_first ? 0 : HALF;
        uint64_t *found = (uint64_t *)(void *)entry;
        *is_new = false;
        if (__builtin_expect(*found == key, 1))
            return entry;
        if (*found != 0)
            continue;
        if (t->used + 1 > t->guard)
            return ds_table_grow(t) ? ds_table_upsert_half(t, key, hash, is_new) : NULL;
        *is_new = true;
        t->used++;
        *found = key;
        return entry;
    }
}

/* The entry of the key, or NULL; where the key is the whole first member. */
static inline void *ds_table_find(const struct ds_table *t, uint64_t key, uint64_t hash,
                                  uint32_t entry_bytes)
{
    for (size_t at = hash & t->line_mask;; at = (at + DS_TABLE_LINE) & t->line_mask) {
        uint8_t *line = t->entries + at;
        unsigned match = ds_table_match(line, key, entry_bytes, DS_TABLE_WHOLE_KEY);
        if (match)
            return line + (unsigned)__builtin_ctz(match) * entry_bytes;
        if (ds_table_match(line, 0, entry_bytes, DS_TABLE_WHOLE_KEY))
            return NULL;
    }
}

/* A walk through a table, a stretch at a time: its entries are picked out of the free slots first,
 * without a branch, for half of the slots are free and no predictor can know which. Begins as {0};
 * the table stays as it is meanwhile. */
#define DS_TABLE_STRETCH 256
struct ds_table_walk {
    size_t start, end; /* of the stretch */
    uint32_t at, count;
    uint8_t entries[DS_TABLE_STRETCH]; /* from its start */
};
/* The next stretch. False behind the last. */
bool ds_table_advance(const struct ds_table *t, struct ds_table_walk *walk);

/* The next entry, NULL at the end. */
static inline void *ds_table_next(const struct ds_table *t, struct ds_table_walk *walk)
{
    while (walk->at == walk->count)
        if (!ds_table_advance(t, walk))
            return NULL;
    return t->entries + (walk->start + walk->entries[walk->at++]) * t->entry_bytes;
}

#endif
