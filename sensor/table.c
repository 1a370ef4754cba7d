/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <sys/mman.h>

#define HUGE_PAGE_BYTES (2u << 20)
#define SLOTS_SMALL     (1u << 18)

static size_t guard_of(size_t slots)
{
    return slots - slots / 4;
}

/* Anonymous memory is zero: a fresh table is empty. */
static uint8_t *allocate(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    if (bytes >= HUGE_PAGE_BYTES)
        madvise(memory, bytes, MADV_HUGEPAGE); /* a wish: 20 to 80 % of the speed, not needed */
    return memory;
}

static void release(struct ds_table *t)
{
    if (t->entries)
        munmap(t->entries, (t->mask + 1) * t->entry_bytes);
    t->entries = NULL;
}

static bool replace(struct ds_table *t, size_t slots)
{
    uint8_t *entries = allocate(slots * t->entry_bytes);
    if (!entries)
        return false;
    release(t);
    t->entries = entries;
    t->mask = slots - 1;
    t->guard = guard_of(slots);
    t->used = 0;
    return true;
}

int ds_table_init(struct ds_table *t, uint32_t entry_bytes, size_t slots_max,
                  const struct ds_hash_key *key)
{
    *t = (struct ds_table){.entry_bytes = entry_bytes, .key_mask = DS_TABLE_WHOLE_KEY, .key = key};
    t->slots_max = DS_TABLE_SLOTS_MIN;
    while (t->slots_max * 2 <= slots_max)
        t->slots_max *= 2;
    return replace(t, DS_TABLE_SLOTS_MIN) ? 0 : -1;
}

void ds_table_finish(struct ds_table *t)
{
    release(t);
}

void ds_table_clear(struct ds_table *t)
{
    size_t slots = t->mask + 1;
    if (t->used < slots / 8 && slots > DS_TABLE_SLOTS_MIN && replace(t, slots / 2))
        return;
    memset(t->entries, 0, slots * t->entry_bytes);
    t->used = 0;
}

/* Small tables grow by more, so that a new window's first packets are not moved ten times. */
static size_t next_slots(const struct ds_table *t)
{
    size_t slots = t->mask + 1;
    size_t wanted = slots < SLOTS_SMALL ? slots * 8 : slots * 2;
    return wanted < t->slots_max ? wanted : t->slots_max;
}

/* The first free slot for a hash: buckets fill from their beginning. */
static uint8_t *find_room(const struct ds_table *t, uint64_t hash)
{
    size_t at = hash & t->mask & ~(size_t)(DS_TABLE_LINE / t->entry_bytes - 1);
    while (*(const uint64_t *)(const void *)(t->entries + at * t->entry_bytes))
        at = (at + 1) & t->mask;
    return t->entries + at * t->entry_bytes;
}

bool ds_table_grow(struct ds_table *t)
{
    struct ds_table old = *t;
    size_t slots = next_slots(t);
    if (slots == t->mask + 1)
        return false;
    uint8_t *entries = allocate(slots * t->entry_bytes);
    if (!entries)
        return false;
    t->entries = entries;
    t->mask = slots - 1;
    t->guard = guard_of(slots);
    size_t i = 0;
    for (const uint64_t *from; (from = ds_table_next(&old, &i));)
        memcpy(find_room(t, ds_hash(t->key, *from & t->key_mask)), from, t->entry_bytes);
    release(&old);
    return true;
}
