/* SPDX-License-Identifier: Apache-2.0 */
#include "darkscope/sketch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LIST_ROOM_MIN 16

static uint32_t register_count(unsigned precision)
{
    return UINT32_C(1) << precision;
}

static uint32_t list_max(unsigned precision)
{
    return register_count(precision) / (uint32_t)sizeof(uint32_t);
}

static uint64_t load64_le(const uint8_t *bytes)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

struct ds_sketch_secret ds_sketch_secret(const uint8_t bytes[static DS_SKETCH_SECRET_BYTES],
                                         uint64_t id)
{
    return (struct ds_sketch_secret){load64_le(bytes), load64_le(bytes + 8), id};
}

void ds_sketch_init(struct ds_sketch *s, unsigned precision)
{
    assert(precision >= DS_SKETCH_PRECISION_MIN && precision <= DS_SKETCH_PRECISION_MAX);
    *s = (struct ds_sketch){.precision = (uint8_t)precision};
}

void ds_sketch_finish(struct ds_sketch *s)
{
    free(s->list);
    free(s->registers);
    ds_sketch_init(s, s->precision ? s->precision : DS_SKETCH_PRECISION_MAX);
}

static bool resize_list(struct ds_sketch *s, uint32_t room)
{
    if (room <= s->room)
        return true;
    uint32_t *list = realloc(s->list, room * sizeof *list);
    if (!list)
        return false;
    s->list = list;
    s->room = room;
    return true;
}

/* Room for one more. */
static bool grow_list(struct ds_sketch *s)
{
    uint32_t room = s->room * 2 > LIST_ROOM_MIN ? s->room * 2 : LIST_ROOM_MIN;
    uint32_t most = list_max(s->precision);
    return s->count < s->room || resize_list(s, room < most ? room : most);
}

/* From the list to all registers. */
static bool spread(struct ds_sketch *s)
{
    if (s->registers)
        return true;
    uint8_t *registers = calloc(register_count(s->precision), 1);
    if (!registers)
        return false;
    for (uint32_t i = 0; i < s->count; i++)
        registers[s->list[i] >> 8] = (uint8_t)s->list[i];
    free(s->list);
    s->list = NULL;
    s->room = 0;
    s->registers = registers;
    return true;
}

static void raise_register(struct ds_sketch *s, uint32_t entry)
{
    uint8_t *at = &s->registers[entry >> 8], rank = (uint8_t)entry;
    s->count += *at == 0;
    *at = *at > rank ? *at : rank;
}

/* Where in the list the register is, or would be. */
static uint32_t find(const struct ds_sketch *s, uint32_t entry)
{
    uint32_t low = 0, high = s->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (s->list[middle] >> 8 < entry >> 8)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int ds_sketch_add(struct ds_sketch *s, uint64_t hash)
{
    uint32_t entry =
        ds_sketch_register(hash, s->precision) << 8 | ds_sketch_rank(hash, s->precision);
    if (s->registers) {
        raise_register(s, entry);
        return 0;
    }
    uint32_t at = find(s, entry);
    if (at < s->count && s->list[at] >> 8 == entry >> 8) {
        s->list[at] = s->list[at] > entry ? s->list[at] : entry;
        return 0;
    }
    if (s->count == list_max(s->precision)) {
        if (!spread(s))
            return -1;
        raise_register(s, entry);
        return 0;
    }
    if (!grow_list(s))
        return -1;
    memmove(&s->list[at + 1], &s->list[at], (s->count - at) * sizeof *s->list);
    s->list[at] = entry;
    s->count++;
    return 0;
}

int ds_sketch_reserve(struct ds_sketch *s, uint32_t count)
{
    assert(s->count == 0 && count <= register_count(s->precision));
    if (count > list_max(s->precision))
        return spread(s) ? 0 : -1;
    return resize_list(s, count) ? 0 : -1;
}

int ds_sketch_from_registers(struct ds_sketch *s, unsigned precision, const uint8_t *registers)
{
    uint32_t all = register_count(precision), used = 0;
    for (uint32_t i = 0; i < all; i++)
        used += registers[i] != 0;
    ds_sketch_init(s, precision);
    if (ds_sketch_reserve(s, used))
        return -1;
    if (s->registers) {
        memcpy(s->registers, registers, all);
    } else {
        uint32_t n = 0;
        for (uint32_t i = 0; i < all; i += 8) {
            uint64_t eight;
            memcpy(&eight, registers + i, sizeof eight);
            for (uint32_t k = i; eight && k < i + 8; k++)
                if (registers[k])
                    s->list[n++] = k << 8 | registers[k];
        }
    }
    s->count = used;
    return 0;
}

int ds_sketch_copy(const struct ds_sketch *from, struct ds_sketch *out)
{
    ds_sketch_init(out, from->precision);
    if (ds_sketch_reserve(out, from->count))
        return -1;
    if (from->registers)
        memcpy(out->registers, from->registers, register_count(from->precision));
    else if (from->count)
        memcpy(out->list, from->list, from->count * sizeof *from->list);
    out->count = from->count;
    return 0;
}

uint32_t ds_sketch_next(const struct ds_sketch *s, uint32_t *at)
{
    if (!s->registers)
        return *at < s->count ? s->list[(*at)++] : 0;
    uint32_t all = register_count(s->precision), i = *at;
    while (i < all && s->registers[i] == 0)
        i++;
    *at = i + 1;
    return i < all ? i << 8 | s->registers[i] : 0;
}

/* What a register's entry is where there are 2^bits times fewer: its lowest bits stand before the
 * hash's rest then. */
static uint32_t fold_entry(uint32_t entry, unsigned bits)
{
    uint32_t number = entry >> 8, rank = entry & UINT8_MAX;
    uint32_t low = number & ((UINT32_C(1) << bits) - 1);
    unsigned zeros = low ? (unsigned)__builtin_clz(low) - (32 - bits) : bits;
    return number >> bits << 8 | (low ? zeros + 1 : rank + zeros);
}

int ds_sketch_fold(struct ds_sketch *s, unsigned precision)
{
    assert(precision >= DS_SKETCH_PRECISION_MIN && precision <= s->precision);
    unsigned bits = s->precision - precision;
    if (bits == 0)
        return 0;
    uint8_t *registers = calloc(register_count(precision), 1);
    struct ds_sketch folded;
    if (!registers)
        return -1;
    uint32_t at = 0;
    for (uint32_t entry; (entry = ds_sketch_next(s, &at));) {
        uint32_t to = fold_entry(entry, bits);
        if ((uint8_t)to > registers[to >> 8])
            registers[to >> 8] = (uint8_t)to;
    }
    int failed = ds_sketch_from_registers(&folded, precision, registers);
    free(registers);
    if (failed)
        return -1;
    ds_sketch_finish(s);
    *s = folded;
    return 0;
}

/* Two lists into a new one that has room for both. */
static uint32_t merge_lists(const struct ds_sketch *a, const struct ds_sketch *b, uint32_t *out)
{
    uint32_t i = 0, k = 0, n = 0;
    while (i < a->count && k < b->count) {
        uint32_t x = a->list[i], y = b->list[k];
        out[n++] = x >> 8 == y >> 8 ? (x > y ? x : y) : (x < y ? x : y);
        i += x >> 8 <= y >> 8;
        k += y >> 8 <= x >> 8;
    }
    for (; i < a->count; i++)
        out[n++] = a->list[i];
    for (; k < b->count; k++)
        out[n++] = b->list[k];
    return n;
}

static int unite_lists(struct ds_sketch *into, const struct ds_sketch *from)
{
    uint32_t *list = malloc((into->count + from->count + 1) * sizeof *list);
    if (!list)
        return -1;
    struct ds_sketch united = {
        .precision = into->precision, .room = into->count + from->count, .list = list};
    united.count = merge_lists(into, from, list);
    if (united.count > list_max(into->precision) && !spread(&united)) {
        free(list);
        return -1;
    }
    uint32_t *shrunk = united.list ? realloc(list, (united.count + 1) * sizeof *list) : NULL;
    if (shrunk) {
        united.list = shrunk;
        united.room = united.count;
    }
    ds_sketch_finish(into);
    *into = united;
    return 0;
}

static void unite_registers(struct ds_sketch *into, const struct ds_sketch *from)
{
    uint8_t *to = into->registers;
    const uint8_t *other = from->registers;
    uint32_t used = 0;
    for (uint32_t i = 0, all = register_count(into->precision); i < all; i++) {
        to[i] = to[i] > other[i] ? to[i] : other[i];
        used += to[i] != 0;
    }
    into->count = used;
}

/* The count and the registers in variables of their own: else each entry waits for the one before,
 * which may have changed them. */
static void unite_list(struct ds_sketch *into, const struct ds_sketch *from)
{
    uint8_t *const to = into->registers;
    uint32_t used = into->count;
    for (uint32_t i = 0; i < from->count; i++) {
        const uint32_t entry = from->list[i];
        const uint8_t old = to[entry >> 8], rank = (uint8_t)entry;
        used += old == 0;
        to[entry >> 8] = old > rank ? old : rank;
    }
    into->count = used;
}

static int unite(struct ds_sketch *into, const struct ds_sketch *from)
{
    if (from->count == 0)
        return 0;
    if (!into->registers && !from->registers)
        return unite_lists(into, from);
    if (!spread(into)) /* from has more than a list holds, or into has */
        return -1;
    if (from->registers)
        unite_registers(into, from);
    else
        unite_list(into, from);
    return 0;
}

int ds_sketch_open(struct ds_sketch *s)
{
    return spread(s) ? 0 : -1;
}

void ds_sketch_close(struct ds_sketch *s)
{
    struct ds_sketch closed;
    if (!s->registers || s->count > list_max(s->precision))
        return;
    if (ds_sketch_from_registers(&closed, s->precision, s->registers) == 0) {
        ds_sketch_finish(s);
        *s = closed;
    }
}

int ds_sketch_merge(struct ds_sketch *into, const struct ds_sketch *from)
{
    if (from->precision == into->precision)
        return unite(into, from);
    if (from->precision < into->precision)
        return ds_sketch_fold(into, from->precision) ? -1 : unite(into, from);
    struct ds_sketch folded;
    int failed = ds_sketch_copy(from, &folded) || ds_sketch_fold(&folded, into->precision) ||
                 unite(into, &folded);
    ds_sketch_finish(&folded);
    return failed ? -1 : 0;
}

bool ds_sketch_equal(const struct ds_sketch *a, const struct ds_sketch *b)
{
    if (a->precision != b->precision || a->count != b->count)
        return false;
    if (a->registers)
        return memcmp(a->registers, b->registers, register_count(a->precision)) == 0;
    return a->count == 0 || memcmp(a->list, b->list, a->count * sizeof *a->list) == 0;
}

size_t ds_sketch_bytes(const struct ds_sketch *s)
{
    return s->registers ? register_count(s->precision) : s->room * sizeof *s->list;
}
