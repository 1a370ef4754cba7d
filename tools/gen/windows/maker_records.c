/* SPDX-License-Identifier: Apache-2.0
 *
 * The sources with most packets.
 */
#include "maker.h"

#include <string.h>

#define STEPS      256 /* packets of a source, above which they are all the same */
#define DIGIT_BITS 11
#define DIGITS     (1u << DIGIT_BITS)

static unsigned step_of(uint64_t packets)
{
    return packets < STEPS ? (unsigned)packets : STEPS - 1;
}

/* The step from which on all sources are listed, and of how many at the one below some more. */
static unsigned find_step(const struct ds_gen_maker *m, uint32_t limit, uint32_t *more)
{
    uint32_t sources[STEPS] = {0};
    for (size_t i = 0; i < m->model->party_count; i++) {
        const struct ds_gen_act *a = &m->acts[i];
        for (uint32_t k = 0; k < ds_gen_act_seen(a); k++)
            sources[step_of((uint64_t)m->hosts[a->base + k].packets)]++;
    }
    for (uint32_t i = 0; i < m->attacks.count; i++)
        sources[step_of(m->sights[i].now)] += m->sights[i].now > 0;
    unsigned step = STEPS;
    while (step > 1 && sources[step - 1] <= limit)
        limit -= sources[--step];
    *more = limit;
    return step;
}

/* The part of the window that was watched, in 1/256 of it. */
struct moments {
    uint32_t first, count;
};

static struct moments watched(const struct ds_gen_piece *piece, uint32_t window_s)
{
    uint64_t length_ms = window_s * UINT64_C(1000);
    uint32_t first = (uint32_t)(piece->from_ms * UINT64_C(256) / length_ms);
    uint32_t last = (uint32_t)((piece->to_ms - 1) * UINT64_C(256) / length_ms);
    return (struct moments){first, last - first + 1};
}

/* Where the next record goes; has its address, packets, times and what follows from the address. */
static inline struct ds_source_record *add_record(struct ds_gen_maker *m, struct moments moments,
                                                  uint32_t address, uint64_t packets)
{
    size_t i = m->window.source_record_count++;
    struct ds_source_record *r = &m->records[i];
    uint64_t bits = ds_gen_mix((uint64_t)moments.first << 56 ^ packets << 32 ^ address);
    uint32_t a = (uint32_t)((bits & 0xffff) * moments.count >> 16);
    uint32_t b = packets == 1 ? a : (uint32_t)((bits >> 16 & 0xffff) * moments.count >> 16);
    r->address = address;
    r->packets = packets;
    r->asn = 1 + (uint32_t)(ds_gen_mix(address >> 12) >> 48);
    r->first = (uint8_t)(moments.first + (a < b ? a : b));
    r->last = (uint8_t)(moments.first + (a < b ? b : a));
    m->order[i] = (uint64_t)address << 32 | i;
    return r;
}

static uint32_t mark_of(const struct ds_gen_maker *m, int8_t signature)
{
    for (unsigned i = 0; i < m->mark_count; i++)
        if (m->marks[i] == signature)
            return UINT32_C(1) << i;
    return 0;
}

/* Those from the step on are listed, of those just below it so many more. */
struct choice {
    unsigned step;
    uint32_t more;
    struct moments moments;
};

static inline bool is_chosen(struct choice *c, uint64_t packets)
{
    unsigned at = step_of(packets);
    if (at >= c->step)
        return true;
    if (at + 1 < c->step || c->more == 0)
        return false;
    c->more--;
    return true;
}

static void add_party(struct ds_gen_maker *m, size_t party, struct choice *choice)
{
    const struct ds_gen_party *p = &m->model->parties[party];
    const struct ds_gen_group *g = &m->model->groups[p->group];
    const struct ds_gen_act *a = &m->acts[party];
    const struct ds_gen_host_sum *hosts = m->hosts + a->base;
    const uint32_t *addresses = m->addresses + a->first_slot;
    uint32_t mark = g->signature >= 0 ? mark_of(m, g->signature) : 0, slot = a->start;
    for (uint32_t k = 0; k < ds_gen_act_seen(a); k++, slot = slot + 1 < a->slots ? slot + 1 : 0) {
        if (!is_chosen(choice, (uint64_t)hosts[k].packets))
            continue;
        struct ds_source_record *r =
            add_record(m, choice->moments, addresses[slot], (uint64_t)hosts[k].packets);
        r->ports = (uint32_t)hosts[k].ports;
        r->seen = mark;
        r->confirmed = hosts[k].packets > 1 ? mark : 0;
        r->country = p->country;
        r->classes = (uint8_t)(1u << g->cls);
        r->survey = g->survey ? DS_SURVEY_YES : DS_SURVEY_NO;
        r->device = g->device;
    }
}

static void add_victims(struct ds_gen_maker *m, struct choice *choice)
{
    for (uint32_t i = 0; i < m->attacks.count; i++) {
        const struct ds_gen_attack *attack = &m->attacks.list[i];
        uint32_t packets = m->sights[i].now;
        if (packets == 0 || !is_chosen(choice, packets))
            continue;
        struct ds_source_record *r = add_record(m, choice->moments, attack->victim, packets);
        r->ports = 1;
        r->seen = r->confirmed = 0;
        r->country = attack->country;
        r->classes = 1u << DS_CLASS_BACKSCATTER;
        r->survey = DS_SURVEY_NO;
        r->device = DS_DEVICE_NONE;
    }
}

/* By address, which is the upper half: digit after digit, the lowest first. */
static void sort_order(struct ds_gen_maker *m)
{
    size_t count = m->window.source_record_count;
    for (unsigned shift = 32; shift < 64; shift += DIGIT_BITS) {
        uint32_t at[DIGITS + 1] = {0};
        for (size_t i = 0; i < count; i++)
            at[(m->order[i] >> shift & (DIGITS - 1)) + 1]++;
        for (unsigned d = 0; d < DIGITS; d++)
            at[d + 1] += at[d];
        for (size_t i = 0; i < count; i++)
            m->spare[at[m->order[i] >> shift & (DIGITS - 1)]++] = m->order[i];
        uint64_t *sorted = m->spare;
        m->spare = m->order;
        m->order = sorted;
    }
}

void ds_gen_maker_records(struct ds_gen_maker *m, const struct ds_gen_piece *piece)
{
    const struct ds_gen_plan *plan = m->model->plan;
    struct ds_window *w = &m->window;
    w->source_record_count = 0;
    if (plan->listed == 0)
        return;
    struct choice choice = {.moments = watched(piece, plan->window_s)};
    choice.step = find_step(m, plan->listed, &choice.more);
    for (size_t i = 0; i < m->model->party_count; i++)
        add_party(m, i, &choice);
    add_victims(m, &choice);
    sort_order(m);
    for (size_t i = 0; i < w->source_record_count; i++)
        m->sorted[i] = m->records[(uint32_t)m->order[i]];
    w->source_records = m->sorted;
}
