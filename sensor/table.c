/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <sys/mman.h>

#define HUGE_PAGE_BYTES (2u << 20)
#define SLOTS_SMALL     (1u << 18)

static size_t guard_of(size_t slots)
{
    return slots - slots / 4;
}

static size_t bytes_of(const struct ds_table *t, size_t slots)
{
    return slots * t->entry_bytes;
}

static void set_slots(struct ds_table *t, size_t slots)
{
    t->mask = slots - 1;
    t->line_mask = bytes_of(t, slots) - DS_TABLE_LINE;
    t->guard = guard_of(slots);
}

/* Address space that costs nothing yet; a large one begins at a huge page. */
static uint8_t *reserve(size_t bytes)
{
    size_t slack = bytes >= HUGE_PAGE_BYTES ? HUGE_PAGE_BYTES : 0;
    uint8_t *from = mmap(NULL, bytes + slack, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (from == MAP_FAILED)
        return NULL;
    if (slack == 0)
        return from;
    size_t skip = (HUGE_PAGE_BYTES - (uintptr_t)from % HUGE_PAGE_BYTES) % HUGE_PAGE_BYTES;
    if (skip)
        munmap(from, skip);
    if (skip < slack)
        munmap(from + skip + bytes, slack - skip);
    madvise(from + skip, bytes, MADV_HUGEPAGE); /* a wish: 20 to 80 % of the speed, not needed */
    return from + skip;
}

/* Anonymous memory is zero: what a table is extended by is empty. */
static bool open_slots(const struct ds_table *t, size_t slots)
{
    return mprotect(t->entries, bytes_of(t, slots), PROT_READ | PROT_WRITE) == 0;
}

static bool take_allowance(const struct ds_table *t, size_t bytes)
{
    if (!t->allowance)
        return true;
    size_t left = atomic_load(t->allowance);
    while (left >= bytes)
        if (atomic_compare_exchange_weak(t->allowance, &left, left - bytes))
            return true;
    return false;
}

/* Gives back what is beyond so many slots, whatever is in it. */
static void cut(struct ds_table *t, size_t slots)
{
    size_t bytes = bytes_of(t, t->mask + 1 - slots);
    uint8_t *from = t->entries + bytes_of(t, slots);
    if (bytes == 0)
        return;
    if (madvise(from, bytes, MADV_DONTNEED))
        memset(from, 0, bytes); /* not whole pages */
    if (t->allowance)
        atomic_fetch_add(t->allowance, bytes);
    set_slots(t, slots);
}

int ds_table_init(struct ds_table *t, uint32_t entry_bytes, size_t slots_max,
                  const struct ds_hash_key *key)
{
    *t = (struct ds_table){.entry_bytes = entry_bytes, .key_mask = DS_TABLE_WHOLE_KEY, .key = key};
    t->slots_max = DS_TABLE_SLOTS_MIN;
    while (t->slots_max * 2 <= slots_max)
        t->slots_max *= 2;
    t->slots_reserved = t->slots_max;
    set_slots(t, DS_TABLE_SLOTS_MIN);
    t->entries = reserve(bytes_of(t, t->slots_reserved));
    if (!t->entries)
        return -1;
    if (open_slots(t, DS_TABLE_SLOTS_MIN))
        return 0;
    ds_table_finish(t);
    return -1;
}

void ds_table_share(struct ds_table *t, unsigned workers)
{
    size_t most = t->slots_reserved / workers;
    t->slots_max = DS_TABLE_SLOTS_MIN;
    while (t->slots_max * 2 <= most)
        t->slots_max *= 2;
}

void ds_table_finish(struct ds_table *t)
{
    if (t->entries)
        munmap(t->entries, bytes_of(t, t->slots_reserved));
    t->entries = NULL;
}

static void empty(struct ds_table *t, size_t slots)
{
    cut(t, slots);
    memset(t->entries, 0, bytes_of(t, slots));
    t->used = 0;
}

void ds_table_clear(struct ds_table *t)
{
    size_t slots = t->mask + 1;
    if (t->used < slots / 8 && slots > DS_TABLE_SLOTS_MIN)
        slots /= 2;
    empty(t, slots < t->slots_max ? slots : t->slots_max);
}

void ds_table_release(struct ds_table *t)
{
    empty(t, DS_TABLE_SLOTS_MIN);
}

/* Small tables grow by more, so that a new window's first packets are not moved ten times. */
static size_t next_slots(const struct ds_table *t)
{
    size_t slots = t->mask + 1;
    size_t wanted = slots < SLOTS_SMALL ? slots * 8 : slots * 2;
    return wanted < t->slots_max ? wanted : t->slots_max;
}

static uint64_t key_at(const struct ds_table *t, size_t slot)
{
    return *(const uint64_t *)(const void *)(t->entries + bytes_of(t, slot));
}

/* The first slot of the bucket that a slot is in. */
static size_t bucket_of(const struct ds_table *t, size_t slot)
{
    return slot & ~(size_t)(DS_TABLE_LINE / t->entry_bytes - 1);
}

/* Takes an entry to the first free slot from its bucket on, unless it is in its bucket already. */
static void settle(struct ds_table *t, size_t slot)
{
    uint64_t hash = ds_hash(t->key, key_at(t, slot) & t->key_mask);
    size_t to = (hash & t->line_mask) / t->entry_bytes;
    if (to == bucket_of(t, slot))
        return;
    uint8_t entry[DS_TABLE_LINE], *from = t->entries + bytes_of(t, slot);
    memcpy(entry, from, t->entry_bytes);
    memset(from, 0, t->entry_bytes);
    while (key_at(t, to))
        to = (to + 1) & t->mask;
    memcpy(t->entries + bytes_of(t, to), entry, t->entry_bytes);
}

/* The entries of what were all slots find their places among those of now. They are taken in order,
 * from behind a bucket with a free slot, so behind one that no entry has overflowed: what stood
 * between an entry and its bucket has then been settled before it. Of the entries before it, its
 * part of the larger table holds some only, so that none comes to stand farther from its bucket
 * than it was, and no slot that was settled is emptied again: no search will end too early. */
static void settle_all(struct ds_table *t, size_t slots)
{
    size_t first = slots;
    while (key_at(t, --first))
        ;
    first = bucket_of(t, first) + DS_TABLE_LINE / t->entry_bytes;
    for (size_t i = 0; i < slots; i++) {
        size_t slot = (first + i) & (slots - 1);
        if (key_at(t, slot))
            settle(t, slot);
    }
}

bool ds_table_grow(struct ds_table *t)
{
    size_t before = t->mask + 1, slots = next_slots(t);
    if (slots <= before)
        return false;
    size_t bytes = bytes_of(t, slots - before);
    if (!take_allowance(t, bytes))
        return false;
    if (!open_slots(t, slots)) {
        if (t->allowance)
            atomic_fetch_add(t->allowance, bytes);
        return false;
    }
    set_slots(t, slots);
    settle_all(t, before);
    return true;
}

bool ds_table_advance(const struct ds_table *t, struct ds_table_walk *walk)
{
    if (walk->end > t->mask)
        return false;
    size_t left = t->mask + 1 - walk->end;
    uint32_t slots = left < DS_TABLE_STRETCH ? (uint32_t)left : DS_TABLE_STRETCH, count = 0;
    const uint8_t *entry = t->entries + walk->end * t->entry_bytes;
    for (uint32_t i = 0; i < slots; i++, entry += t->entry_bytes) {
        walk->entries[count] = (uint8_t)i;
        count += *(const uint64_t *)(const void *)entry != 0;
    }
    walk->start = walk->end;
    walk->end += slots;
    walk->at = 0;
    walk->count = count;
    return true;
}
