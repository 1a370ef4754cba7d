/* SPDX-License-Identifier: Apache-2.0
 *
 * The sources with most packets.
 */
#include "maker.h"

#include <string.h>

#define STEPS      256 /* packets of a source, above which they are all the same */
#define DIGIT_BITS 11
#define DIGITS     (1u << DIGIT_BITS)

/* Addresses of all slots on the piece's day. */
static void look_up_addresses(struct ds_gen_maker *m, int64_t day)
{
    const struct ds_gen_hosts *h = &m->model->hosts;
    uint32_t of_run = (uint32_t)(day - ds_gen_plan_day(m->model->plan, m->model->plan->start_s));
    if (m->address_day == day)
        return;
    for (uint32_t slot = 0; slot < h->slots; slot++)
        m->addresses[slot] = ds_gen_host_address(h, ds_gen_host_of(h, slot, of_run));
    m->address_day = day;
}

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

/* When it was seen, in 1/256 of the window. */
static void set_times(struct ds_source_record *r, const struct ds_gen_piece *piece,
                      uint32_t window_s, uint64_t bits)
{
    uint32_t first = piece->from_ms * 256u / (window_s * 1000);
    uint32_t last = (uint32_t)((piece->to_ms - 1) * (uint64_t)256 / (window_s * 1000));
    uint32_t span = last - first + 1, a = (bits & 0xffff) % span, b = (bits >> 16 & 0xffff) % span;
    if (r->packets == 1)
        b = a;
    r->first = (uint8_t)(first + (a < b ? a : b));
    r->last = (uint8_t)(first + (a < b ? b : a));
}

static void add_record(struct ds_gen_maker *m, const struct ds_gen_piece *piece,
                       struct ds_source_record r)
{
    size_t i = m->window.source_record_count++;
    uint64_t bits = ds_gen_bits(piece->index, r.address);
    r.asn = 1 + (uint32_t)(ds_gen_mix(r.address >> 12) % 60000);
    set_times(&r, piece, m->model->plan->window_s, bits);
    m->records[i] = r;
    m->order[i] = (uint64_t)r.address << 32 | i;
}

static uint32_t mark_of(const struct ds_gen_maker *m, int8_t signature)
{
    for (unsigned i = 0; i < m->mark_count; i++)
        if (m->marks[i] == signature)
            return UINT32_C(1) << i;
    return 0;
}

static void add_party(struct ds_gen_maker *m, const struct ds_gen_piece *piece, size_t party,
                      unsigned step, uint32_t *more)
{
    const struct ds_gen_party *p = &m->model->parties[party];
    const struct ds_gen_group *g = &m->model->groups[p->group];
    const struct ds_gen_act *a = &m->acts[party];
    uint32_t mark = g->signature >= 0 ? mark_of(m, g->signature) : 0;
    for (uint32_t k = 0; k < ds_gen_act_seen(a); k++) {
        const struct ds_gen_host_sum *h = &m->hosts[a->base + k];
        unsigned at = step_of((uint64_t)h->packets);
        if (at < step && (at + 1 < step || *more == 0))
            continue;
        *more -= at < step;
        uint32_t slot = (a->start + k) % a->slots;
        add_record(m, piece,
                   (struct ds_source_record){
                       .address = m->addresses[a->first_slot + slot],
                       .packets = (uint64_t)h->packets,
                       .ports = (uint32_t)h->ports,
                       .seen = mark,
                       .confirmed = h->packets > 1 ? mark : 0,
                       .country = p->country,
                       .classes = (uint8_t)(1u << g->cls),
                       .survey = g->survey ? DS_SURVEY_YES : DS_SURVEY_NO,
                   });
    }
}

static void add_victims(struct ds_gen_maker *m, const struct ds_gen_piece *piece, unsigned step,
                        uint32_t *more)
{
    for (uint32_t i = 0; i < m->attacks.count; i++) {
        const struct ds_gen_attack *attack = &m->attacks.list[i];
        uint32_t packets = m->sights[i].now;
        unsigned at = step_of(packets);
        if (packets == 0 || (at < step && (at + 1 < step || *more == 0)))
            continue;
        *more -= at < step;
        add_record(m, piece,
                   (struct ds_source_record){
                       .address = attack->victim,
                       .packets = packets,
                       .ports = 1,
                       .country = attack->country,
                       .classes = 1u << DS_CLASS_BACKSCATTER,
                   });
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
    struct ds_window *w = &m->window;
    uint32_t more;
    w->source_record_count = 0;
    if (m->model->plan->listed == 0)
        return;
    look_up_addresses(m, ds_gen_plan_day(m->model->plan, piece->start_s));
    unsigned step = find_step(m, m->model->plan->listed, &more);
    for (size_t i = 0; i < m->model->party_count; i++)
        add_party(m, piece, i, step, &more);
    add_victims(m, piece, step, &more);
    sort_order(m);
    for (size_t i = 0; i < w->source_record_count; i++)
        m->sorted[i] = m->records[(uint32_t)m->order[i]];
    w->source_records = m->sorted;
}
