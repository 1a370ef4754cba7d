/* SPDX-License-Identifier: Apache-2.0
 *
 * The hot part: some 100,000 cells for a minute of a /16.
 */
#include "maker.h"

#include <assert.h>
#include <string.h>

/* Adds packets and ports to each of count hosts from c on, round the arc. */
static inline void share_out(struct ds_gen_host_sum *hosts, uint32_t arc, uint32_t c,
                             uint32_t count, int32_t packets, int32_t ports)
{
    uint32_t end = c + count;
    hosts[c].packets += packets;
    hosts[c].ports += ports;
    if (end > arc) {
        end -= arc;
        hosts[0].packets += packets;
        hosts[0].ports += ports;
    }
    hosts[end].packets -= packets;
    hosts[end].ports -= ports;
}

static void track(struct ds_gen_maker *m, unsigned of, uint32_t party, uint32_t sources)
{
    const struct ds_gen_act *a = &m->acts[party];
    assert(m->arc_count + 2 <= m->arc_room);
    uint32_t left = a->hosts - a->cursor, start = a->start + a->cursor;
    uint32_t count = sources < left ? sources : left;
    m->arcs[m->arc_count++] = (struct ds_gen_track_arc){of - 1, party, start, count};
    if (count < sources)
        m->arcs[m->arc_count++] =
            (struct ds_gen_track_arc){of - 1, party, a->start, sources - count};
}

/* A party's packets go to a cell: writes the flow. */
static inline void take(struct ds_gen_maker *m, struct ds_gen_flow *flow, uint64_t key,
                        uint32_t party, uint32_t packets)
{
    struct ds_gen_act *a = &m->acts[party];
    uint32_t sources = 1 + (uint32_t)((packets - 1) * a->spread);
    if (sources > a->hosts)
        sources = a->hosts;
    uint32_t each = packets == sources ? 1 : packets / sources;
    uint32_t rest = packets - each * sources;
    struct ds_gen_host_sum *hosts = m->hosts + a->base;
    share_out(hosts, a->hosts, a->cursor, sources, (int32_t)each, 1);
    if (rest)
        share_out(hosts, a->hosts, a->cursor, rest, 1, 0);
    if (key >> 32 == DS_PROTO_TCP && m->tracks[key >> 16 & 0xffff])
        track(m, m->tracks[key >> 16 & 0xffff], party, sources);
    flow->cursor = a->cursor;
    a->cursor += sources;
    if (a->cursor >= a->hosts)
        a->cursor -= a->hosts;
    a->taken += sources;
    /* Payloads of a service differ from window to window. */
    uint64_t bytes = (uint64_t)packets * a->bytes + (key >> 16 & a->jitter) + (packets & a->jitter);
    a->sent += packets;
    a->sent_bytes += bytes;
    /* Not by way of a struct of its own: what was just written in parts is slow to read whole. */
    flow->key = key;
    flow->bytes = bytes;
    flow->packets = packets;
    flow->sources = sources;
    flow->party = party;
    flow->survey = a->survey;
}

static void draw_heads(struct ds_gen_maker *m, uint64_t key)
{
    const struct ds_gen_model *model = m->model;
    struct ds_gen_flow *flow = m->heads.list;
    for (size_t i = 0; i < model->head_count; i++) {
        const struct ds_gen_head *h = &model->heads[i];
        const struct ds_gen_act *a = &m->acts[h->party];
        uint32_t packets = ds_gen_draw(&model->draw, a->packets * h->weight, a->root * h->root,
                                       ds_gen_bits(key, i));
        if (packets)
            take(m, flow++, h->key, h->party, packets);
    }
    m->heads.count = (size_t)(flow - m->heads.list);
}

static void draw_tail_cells(struct ds_gen_maker *m, const struct ds_gen_tail_cell *cells,
                            size_t count, uint64_t base, uint64_t key)
{
    struct ds_gen_flow *flow = m->tails.list + m->tails.count;
    uint16_t turn = (uint16_t)(key >> 16);
    for (size_t i = 0; i < count; i++) {
        const struct ds_gen_tail_cell *c = &cells[i];
        uint16_t port = (uint16_t)(c->port + turn);
        double mean = m->acts[c->party].packets * (double)c->weight;
        uint32_t packets = ds_gen_round(mean, ds_gen_bits(key, i));
        if (packets == 0 || m->model->own_ports[port] & c->own)
            continue;
        take(m, flow++, base | (uint64_t)port << 16 | c->country, c->party, packets);
    }
    m->tails.count = (size_t)(flow - m->tails.list);
}

/* The first cell whose port becomes 0 or more again when it is turned. */
static size_t find_turn(const struct ds_gen_tail_cell *cells, size_t count, uint16_t turn)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if ((uint32_t)cells[middle].port + turn < 65536)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void draw_tails(struct ds_gen_maker *m, uint64_t key)
{
    const struct ds_gen_model *model = m->model;
    const struct ds_gen_tail *t = &model->tails[key % model->tail_count];
    m->tails.count = 0;
    for (size_t i = 0; i < t->section_count; i++) {
        const struct ds_gen_section *s = &t->sections[i];
        const struct ds_gen_tail_cell *cells = t->cells + s->first;
        uint64_t of_section = ds_gen_bits(key, i);
        size_t turned = find_turn(cells, s->count, (uint16_t)(of_section >> 16));
        draw_tail_cells(m, cells + turned, s->count - turned, s->base, of_section);
        /* The same turn, other chances. */
        draw_tail_cells(m, cells, turned, s->base, of_section ^ UINT64_C(1) << 40);
    }
}

/* A party's hosts of this window: an arc that begins where the last one ended, about. */
static void prepare(struct ds_gen_maker *m, const struct ds_gen_piece *piece)
{
    const struct ds_gen_model *model = m->model;
    uint64_t sensor = ds_gen_bits(model->plan->seed ^ 0x617263, piece->sensor);
    uint32_t base = 0;
    ds_gen_rhythm(model, m->pace, piece, m->levels);
    for (size_t i = 0; i < model->party_count; i++) {
        const struct ds_gen_party *p = &model->parties[i];
        const struct ds_gen_group *g = &model->groups[p->group];
        struct ds_gen_act *a = &m->acts[i];
        double hosts = p->active * m->levels[i] / p->packets;
        *a = (struct ds_gen_act){.packets = m->levels[i], .first_slot = p->first_slot};
        a->root = sqrt(a->packets);
        a->spread = g->spread / 100.0;
        a->slots = p->slots;
        a->hosts = 1 + (uint32_t)hosts < p->slots ? 1 + (uint32_t)hosts : p->slots;
        a->start =
            (uint32_t)((piece->index * p->active + ds_gen_bits(sensor, i) % p->slots) % p->slots);
        a->base = base;
        a->bytes = g->bytes;
        a->jitter = g->type == DS_TYPE_UDP ? 31 : 0;
        a->survey = g->survey;
        base += a->hosts + 1;
    }
    memset(m->hosts, 0, base * sizeof *m->hosts);
    m->arc_count = 0;
}

static void draw_answers(struct ds_gen_maker *m, const struct ds_gen_piece *piece)
{
    const struct ds_gen_sight *sights = ds_gen_attacks_see(&m->attacks, m->pace, piece);
    m->sights = sights;
    m->answers.count = 0;
    for (uint32_t i = 0; i < m->attacks.count; i++)
        if (sights[i].now)
            m->answers.list[m->answers.count++] =
                (struct ds_gen_flow){.key = m->attacks.list[i].key,
                                     .packets = sights[i].now,
                                     .bytes = sights[i].now_bytes,
                                     .sources = 1,
                                     .party = DS_GEN_NO_PARTY,
                                     .cursor = i};
}

void ds_gen_maker_draw(struct ds_gen_maker *m, const struct ds_gen_piece *piece)
{
    uint64_t key = ds_gen_piece_key(m->model->plan, piece);
    prepare(m, piece);
    draw_heads(m, ds_gen_mix(key + 2));
    draw_tails(m, ds_gen_mix(key + 3));
    draw_answers(m, piece);
}
