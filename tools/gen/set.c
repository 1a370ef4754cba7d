/* SPDX-License-Identifier: Apache-2.0 */
#include "set.h"

#include "random.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 1024

static size_t slot_of(const struct ds_gen_set *s, struct ds_gen_key key)
{
    size_t i = ds_gen_mix(ds_gen_mix(key.high) ^ key.low) & s->mask;
    while (s->slots[i]) {
        const struct ds_gen_key *k = &s->keys[s->slots[i] - 1];
        if (k->high == key.high && k->low == key.low)
            break;
        i = (i + 1) & s->mask;
    }
    return i;
}

/* Half full at most. */
static int grow(struct ds_gen_set *s)
{
    size_t slots = s->slots ? 2 * (s->mask + 1) : FIRST_SLOTS;
    uint32_t *fresh = calloc(slots, sizeof *fresh);
    struct ds_gen_key *keys = realloc(s->keys, slots / 2 * sizeof *keys);
    if (keys)
        s->keys = keys;
    if (!fresh || !keys) {
        free(fresh);
        return -1;
    }
    free(s->slots);
    s->slots = fresh;
    s->mask = slots - 1;
    for (size_t n = 0; n < s->count; n++)
        s->slots[slot_of(s, s->keys[n])] = (uint32_t)(n + 1);
    return 0;
}

uint32_t ds_gen_set_add(struct ds_gen_set *s, uint64_t high, uint64_t low, bool *is_new)
{
    *is_new = false;
    if ((!s->slots || s->count == (s->mask + 1) / 2) && grow(s) < 0)
        return DS_GEN_SET_NO_MEMORY;
    struct ds_gen_key key = {high, low};
    size_t i = slot_of(s, key);
    if (!s->slots[i]) {
        s->keys[s->count] = key;
        s->slots[i] = (uint32_t)++s->count;
        *is_new = true;
    }
    return s->slots[i] - 1;
}

void ds_gen_set_clear(struct ds_gen_set *s)
{
    if (s->slots)
        memset(s->slots, 0, (s->mask + 1) * sizeof *s->slots);
    s->count = 0;
}

void ds_gen_set_finish(struct ds_gen_set *s)
{
    free(s->keys);
    free(s->slots);
    *s = (struct ds_gen_set){0};
}
