/* SPDX-License-Identifier: Apache-2.0
 *
 * Sources and targets.
 */
#include "world.h"

#include <stdlib.h>
#include <string.h>

/* Hosts by country as NICTERWEB's Top 10 has them, in per mille; the rest is drawn evenly over all
 * address space. */
static const struct {
    char code[3];
    uint16_t per_mille;
} shares_of_countries[] = {
    {"CN", 380}, {"IN", 100}, {"US", 80}, {"RU", 40}, {"IR", 37},
    {"KR", 36},  {"VN", 19},  {"TW", 18}, {"BR", 17}, {"EG", 16},
};
#define COUNTRY_SHARES (sizeof shares_of_countries / sizeof shares_of_countries[0])

/* The ranges of one country, to draw an address from. */
struct space {
    const struct ds_gen_range *ranges; /* all of the database */
    const size_t *members;             /* indices into ranges */
    const uint64_t *until;             /* [i]: addresses in members 0..i */
    size_t count;
};

static bool is_unicast(uint32_t a)
{
    uint8_t first = (uint8_t)(a >> 24);
    return first != 0 && first != 10 && first != 127 && first < 224 && a >> 16 != 0xc0a8 &&
           a >> 20 != 0xac1 && a >> 16 != 0xa9fe && a >> 22 != 0x191;
}

static uint32_t prefix_address4(const struct ds_prefix *p)
{
    struct ds_gen_address a = {0};
    memcpy(a.bytes, p->address, 4);
    return ds_gen_address4(&a);
}

bool ds_gen_is_target(const struct ds_gen_world *w, uint32_t address)
{
    for (size_t i = 0; i < w->options->prefix_count; i++) {
        const struct ds_prefix *p = &w->options->prefixes[i];
        if (!p->is_v6 && (p->bits == 0 || (address ^ prefix_address4(p)) >> (32 - p->bits) == 0))
            return true;
    }
    return false;
}

uint32_t ds_gen_anywhere(struct ds_gen_world *w)
{
    uint32_t a;
    do
        a = ds_gen_random32(&w->random);
    while (!is_unicast(a) || ds_gen_is_target(w, a));
    return a;
}

static uint32_t draw_from(struct ds_gen_world *w, const struct space *s)
{
    uint64_t at = ds_gen_random(&w->random) % s->until[s->count - 1];
    size_t low = 0, high = s->count - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s->until[middle] > at)
            high = middle;
        else
            low = middle + 1;
    }
    const struct ds_gen_range *r = &s->ranges[s->members[low]];
    return (uint32_t)(r->last - (s->until[low] - 1 - at));
}

/* The country of the next source: an index into shares_of_countries, COUNTRY_SHARES for the rest.
 */
static size_t draw_country(struct ds_gen_world *w)
{
    uint32_t at = ds_gen_below(&w->random, 1000);
    for (size_t i = 0; i < COUNTRY_SHARES; i++) {
        if (at < shares_of_countries[i].per_mille)
            return i;
        at -= shares_of_countries[i].per_mille;
    }
    return COUNTRY_SHARES;
}

static uint32_t draw_source(struct ds_gen_world *w, const struct space spaces[COUNTRY_SHARES + 1])
{
    for (unsigned attempt = 0; attempt < 100; attempt++) {
        const struct space *s = &spaces[draw_country(w)];
        if (s->count == 0)
            s = &spaces[COUNTRY_SHARES]; /* a small database knows no such country */
        if (s->count == 0)
            break;
        uint32_t a = draw_from(w, s);
        if (is_unicast(a) && !ds_gen_is_target(w, a))
            return a;
    }
    return ds_gen_anywhere(w);
}

/* Which space a country belongs to: its own, else only that of all. */
static size_t space_of(ds_country country)
{
    for (size_t i = 0; i < COUNTRY_SHARES; i++)
        if (DS_COUNTRY(shares_of_countries[i].code[0], shares_of_countries[i].code[1]) == country)
            return i;
    return COUNTRY_SHARES;
}

/* Fills members and until (room for count each) with the ranges of space k; the last space has
 * all ranges. */
static void make_space(struct space *s, size_t k, const struct ds_gen_range *ranges, size_t count,
                       size_t *members, uint64_t *until)
{
    size_t n = 0;
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (k < COUNTRY_SHARES && space_of(ranges[i].country) != k)
            continue;
        sum += (uint64_t)ranges[i].last - ranges[i].first + 1;
        members[n] = i;
        until[n++] = sum;
    }
    *s = (struct space){ranges, members, until, n};
}

static int draw_sources(struct ds_gen_world *w, const struct ds_gen_range *ranges, size_t count,
                        struct ds_error *err)
{
    size_t cells = (COUNTRY_SHARES + 1) * (count + 1);
    size_t *members = calloc(cells, sizeof *members);
    uint64_t *until = calloc(cells, sizeof *until);
    int r = 0;
    if (members && until) {
        struct space spaces[COUNTRY_SHARES + 1];
        for (size_t k = 0; k <= COUNTRY_SHARES; k++)
            make_space(&spaces[k], k, ranges, count, members + k * count, until + k * count);
        for (uint32_t i = 0; i < w->options->sources; i++)
            w->sources[i] = draw_source(w, spaces);
    } else {
        r = ds_error(err, DS_FAILURE, "no memory for the country ranges");
    }
    free(members);
    free(until);
    return r;
}

/* At least one source each; a population without a share has none of its own. */
static void divide_pool(struct ds_gen_world *w, const uint32_t *shares, size_t count)
{
    uint64_t total = 0, until = 0;
    for (size_t i = 0; i < count; i++)
        total += shares[i];
    for (size_t i = 0; i < count && total; i++) {
        uint32_t n = w->options->sources;
        uint32_t first = (uint32_t)(until * n / total);
        until += shares[i];
        uint32_t end = (uint32_t)(until * n / total);
        if (first == n)
            first--;
        w->pools[i] = (struct ds_gen_pool){first, end > first ? end - first : 1};
    }
}

static void count_targets(struct ds_gen_world *w)
{
    for (size_t i = 0; i < w->options->prefix_count; i++) {
        const struct ds_prefix *p = &w->options->prefixes[i];
        if (p->is_v6)
            w->has_v6 = true;
        else
            w->addresses4 += UINT64_C(1) << (32 - p->bits);
    }
}

int ds_gen_world_init(struct ds_gen_world *w, const struct ds_gen_options *o,
                      const struct ds_gen_countries *countries, const uint32_t *shares,
                      size_t count, struct ds_error *err)
{
    *w = (struct ds_gen_world){.options = o};
    ds_gen_random_seed(&w->random, o->seed);
    count_targets(w);
    w->sources = calloc(o->sources, sizeof *w->sources);
    w->zipf = calloc(o->sources, sizeof *w->zipf);
    if (!w->sources || !w->zipf)
        return ds_error(err, DS_FAILURE, "no memory for %u sources", o->sources);
    double sum = 0;
    for (uint32_t i = 0; i < o->sources; i++)
        w->zipf[i] = sum += 1.0 / (i + 1);
    divide_pool(w, shares, count);

    struct ds_gen_range *ranges = NULL;
    size_t range_count = 0;
    if (countries && ds_gen_countries_ranges(countries, &ranges, &range_count, err) < 0)
        return -1;
    int r = draw_sources(w, ranges, range_count, err);
    free(ranges);
    return r;
}

void ds_gen_world_finish(struct ds_gen_world *w)
{
    free(w->sources);
    free(w->zipf);
    w->sources = NULL;
    w->zipf = NULL;
}

uint32_t ds_gen_source(struct ds_gen_world *w)
{
    const struct ds_gen_pool *pool = &w->pools[w->population];
    double at = (double)(ds_gen_random(&w->random) >> 11) * 0x1p-53 * w->zipf[pool->count - 1];
    uint32_t low = 0, high = pool->count - 1;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (w->zipf[middle] > at)
            high = middle;
        else
            low = middle + 1;
    }
    return w->sources[pool->first + low];
}

struct ds_gen_address ds_gen_target4(struct ds_gen_world *w)
{
    uint64_t at = ds_gen_random(&w->random) % w->addresses4;
    for (size_t i = 0; i < w->options->prefix_count; i++) {
        const struct ds_prefix *p = &w->options->prefixes[i];
        uint64_t size = p->is_v6 ? 0 : UINT64_C(1) << (32 - p->bits);
        if (at < size)
            return ds_gen_from4(prefix_address4(p) + (uint32_t)at);
        at -= size;
    }
    __builtin_unreachable();
}

/* Replaces the host bits by random ones. */
static void fill_host(struct ds_gen_world *w, struct ds_gen_address *a, unsigned bits)
{
    for (unsigned i = bits / 8; i < 16; i++) {
        uint8_t keep = i == bits / 8 ? (uint8_t)(0xff00 >> bits % 8) : 0;
        a->bytes[i] = (uint8_t)((a->bytes[i] & keep) | (ds_gen_random16(&w->random) & ~keep));
    }
}

struct ds_gen_address ds_gen_target6(struct ds_gen_world *w)
{
    size_t nth = ds_gen_below(&w->random, (uint32_t)w->options->prefix_count);
    while (!w->options->prefixes[nth].is_v6)
        nth = (nth + 1) % w->options->prefix_count;
    struct ds_gen_address a = {.is_v6 = true};
    memcpy(a.bytes, w->options->prefixes[nth].address, 16);
    fill_host(w, &a, w->options->prefixes[nth].bits);
    return a;
}

uint32_t ds_gen_trait(const struct ds_gen_world *w, uint32_t source, unsigned which, uint32_t count)
{
    uint64_t h = ds_gen_mix(ds_gen_mix(w->options->seed + which) ^ source);
    return (uint32_t)((h >> 32) * count >> 32);
}

struct ds_gen_ip ds_gen_route4(struct ds_gen_world *w, uint8_t initial_ttl)
{
    uint32_t source = ds_gen_source(w);
    struct ds_gen_address dest = ds_gen_target4(w);
    return (struct ds_gen_ip){
        .source = ds_gen_from4(source),
        .dest = dest,
        .ttl = (uint8_t)(initial_ttl - 5 - ds_gen_trait(w, source, 0, 20)),
        .id = ds_gen_random16(&w->random),
    };
}

/* Hosts of a network of the source's number: 2400::/12, 2600::/12, 2800::/12, 2a00::/12, 2c00::/12
 * are the registries' blocks. */
struct ds_gen_ip ds_gen_route6(struct ds_gen_world *w, uint8_t initial_hops)
{
    uint32_t source = ds_gen_source(w);
    struct ds_gen_address a = {.is_v6 = true};
    a.bytes[0] = (uint8_t)(0x24 + 2 * (source % 5));
    ds_gen_put32(a.bytes + 2, source);
    a.bytes[15] = 1;
    return (struct ds_gen_ip){
        .source = a,
        .dest = ds_gen_target6(w),
        .ttl = (uint8_t)(initial_hops - 5 - ds_gen_trait(w, source, 0, 20)),
    };
}
