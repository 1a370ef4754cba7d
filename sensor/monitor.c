/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor.h"

#include "bytes.h"

#include <stdlib.h>

static struct ds_monitor_range range_of(const struct ds_prefix *p)
{
    uint32_t first = ds_load32_be(p->address);
    uint32_t host_mask = p->bits ? (uint32_t)((UINT64_C(1) << (32 - p->bits)) - 1) : UINT32_MAX;
    return (struct ds_monitor_range){first, first | host_mask, 0};
}

static bool prefix_has(const struct ds_prefix *p, const uint8_t *address)
{
    unsigned whole = p->bits / 8, rest = p->bits % 8;
    if (memcmp(p->address, address, whole) != 0)
        return false;
    return rest == 0 || (p->address[whole] ^ address[whole]) >> (8 - rest) == 0;
}

/* Of two prefixes that overlap, the shorter holds the longer's first address. */
static bool overlap(const struct ds_prefix *a, const struct ds_prefix *b)
{
    if (a->is_v6 != b->is_v6)
        return false;
    return a->bits <= b->bits ? prefix_has(a, b->address) : prefix_has(b, a->address);
}

/* A prefix comes directly before those that it holds. */
static int by_place(const void *a, const void *b)
{
    const struct ds_prefix *x = *(const struct ds_prefix *const *)a;
    const struct ds_prefix *y = *(const struct ds_prefix *const *)b;
    int order = (x->is_v6 > y->is_v6) - (x->is_v6 < y->is_v6);
    if (order == 0)
        order = memcmp(x->address, y->address, x->is_v6 ? 16 : 4);
    return order ? order : (x->bits > y->bits) - (x->bits < y->bits);
}

/* In that order, if any two overlap, then two neighbours do. */
static int refuse_overlap(const struct ds_prefix *list, size_t count, const char *what,
                          struct ds_error *err)
{
    const struct ds_prefix **sorted = malloc((count + 1) * sizeof *sorted);
    int failed = 0;
    if (!sorted)
        return ds_error(err, DS_FAILURE, "no memory for %zu prefixes", count);
    for (size_t i = 0; i < count; i++)
        sorted[i] = &list[i];
    qsort(sorted, count, sizeof *sorted, by_place);
    for (size_t i = 1; i < count && !failed; i++) {
        const struct ds_prefix *a = sorted[i - 1], *b = sorted[i];
        if (overlap(a, b))
            failed = ds_error(err, DS_CONFIG,
                              "%s: entry %td overlaps entry %td; list every address once", what,
                              (a > b ? a : b) - list + 1, (a > b ? b : a) - list + 1);
    }
    free(sorted);
    return failed;
}

static int by_first(const void *a, const void *b)
{
    const struct ds_monitor_range *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

static size_t collect4(const struct ds_prefix *list, size_t count, struct ds_monitor_range *out)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (!list[i].is_v6)
            out[n++] = range_of(&list[i]);
    qsort(out, n, sizeof *out, by_first);
    return n;
}

static int by_prefix(const void *a, const void *b)
{
    const struct ds_prefix *x = a, *y = b;
    int order = memcmp(x->address, y->address, sizeof x->address);
    return order ? order : (x->bits > y->bits) - (x->bits < y->bits);
}

static size_t collect6(const struct ds_prefix *list, size_t count, struct ds_prefix *out)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (list[i].is_v6)
            out[n++] = list[i];
    qsort(out, n, sizeof *out, by_prefix);
    return n;
}

/* inside minus outside, both sorted and disjoint. Each exclusion splits at most one range, so out
 * has room for the sum of both counts. */
static size_t subtract(const struct ds_monitor_range *inside, size_t inside_count,
                       const struct ds_monitor_range *outside, size_t outside_count,
                       struct ds_monitor_range *out)
{
    size_t n = 0;
    for (size_t i = 0; i < inside_count; i++) {
        uint64_t at = inside[i].first;
        for (size_t j = 0; j < outside_count && outside[j].first <= inside[i].last; j++) {
            if (outside[j].last < at)
                continue;
            if (outside[j].first > at)
                out[n++] = (struct ds_monitor_range){(uint32_t)at, outside[j].first - 1, 0};
            at = (uint64_t)outside[j].last + 1;
        }
        if (at <= inside[i].last)
            out[n++] = (struct ds_monitor_range){(uint32_t)at, inside[i].last, 0};
    }
    return n;
}

static void number(struct ds_monitor *m)
{
    for (size_t i = 0; i < m->range_count; i++) {
        m->ranges[i].base = m->addresses;
        m->addresses += (uint64_t)m->ranges[i].last - m->ranges[i].first + 1;
    }
    size_t at = 0;
    for (uint32_t upper = 0; upper <= UINT16_MAX + 1; upper++) {
        while (at < m->range_count && m->ranges[at].last >> 16 < upper)
            at++;
        m->start[upper] = (uint32_t)at;
    }
}

static int build(struct ds_monitor *m, const struct ds_prefix *prefixes, size_t count,
                 const struct ds_prefix *exclusions, size_t exclusion_count)
{
    size_t most = count + exclusion_count + 1;
    struct ds_monitor_range *inside = calloc(most, sizeof *inside),
                            *outside = calloc(most, sizeof *outside);
    m->ranges = calloc(most, sizeof *m->ranges);
    m->inside6 = calloc(most, sizeof *m->inside6);
    m->outside6 = calloc(most, sizeof *m->outside6);
    bool ok = inside && outside && m->ranges && m->inside6 && m->outside6;
    if (ok) {
        size_t in = collect4(prefixes, count, inside);
        size_t out = collect4(exclusions, exclusion_count, outside);
        m->range_count = subtract(inside, in, outside, out, m->ranges);
        m->inside6_count = collect6(prefixes, count, m->inside6);
        m->outside6_count = collect6(exclusions, exclusion_count, m->outside6);
        m->everything = count == 0;
        number(m);
    }
    free(inside);
    free(outside);
    return ok ? 0 : -1;
}

int ds_monitor_create(const struct ds_prefix *prefixes, size_t count,
                      const struct ds_prefix *exclusions, size_t exclusion_count,
                      struct ds_monitor **out, struct ds_error *err)
{
    if (refuse_overlap(prefixes, count, "monitor", err) ||
        refuse_overlap(exclusions, exclusion_count, "exclude", err))
        return -1;
    if (count == 0 && exclusion_count)
        return ds_error(err, DS_CONFIG,
                        "exclude: nothing to exclude from; list the darknet under monitor");
    struct ds_monitor *m = calloc(1, sizeof *m);
    if (!m || build(m, prefixes, count, exclusions, exclusion_count)) {
        ds_monitor_destroy(m);
        return ds_error(err, DS_FAILURE, "no memory for the monitored set");
    }
    if (!m->everything && m->addresses == 0 && m->inside6_count == 0) {
        ds_monitor_destroy(m);
        return ds_error(err, DS_CONFIG, "exclude: leaves nothing of the monitored set");
    }
    *out = m;
    return 0;
}

void ds_monitor_destroy(struct ds_monitor *m)
{
    if (!m)
        return;
    free(m->ranges);
    free(m->inside6);
    free(m->outside6);
    free(m);
}

bool ds_monitor_is_everything(const struct ds_monitor *m)
{
    return m->everything;
}

uint64_t ds_monitor_addresses(const struct ds_monitor *m)
{
    return m->addresses;
}

bool ds_monitor_has6(const struct ds_monitor *m, const uint8_t address[static 16])
{
    bool inside = false;
    for (size_t i = 0; i < m->inside6_count && !inside; i++)
        inside = prefix_has(&m->inside6[i], address);
    for (size_t i = 0; i < m->outside6_count && inside; i++)
        inside = !prefix_has(&m->outside6[i], address);
    return inside;
}
