/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"

#include <assert.h>
#include <stdlib.h>

#define PORTS      65536u
#define SPARSE     0.5 /* packets of a port, below which ports are drawn instead of visited */
#define CELLS_MAX  (6u << 20) /* of all tables together, about */
#define TABLES_MIN 3

static int by_port(const void *a, const void *b)
{
    const struct ds_gen_tail_cell *x = a, *y = b;
    if (x->port != y->port)
        return x->port < y->port ? -1 : 1;
    if (x->country != y->country)
        return x->country < y->country ? -1 : 1;
    if (x->party != y->party)
        return x->party < y->party ? -1 : 1;
    return x->weight < y->weight ? -1 : x->weight > y->weight;
}

uint16_t ds_gen_model_tail_bit(const struct ds_gen_model *m, size_t group)
{
    unsigned before = 0;
    for (size_t i = 0; i < group; i++)
        before += m->groups[i].tail > 0;
    assert(before < DS_GEN_TAIL_GROUPS_MAX);
    return m->groups[group].tail ? (uint16_t)(1u << before) : 0;
}

static double packets_of_port(const struct ds_gen_model *m, const struct ds_gen_party *p)
{
    return p->packets * m->groups[p->group].tail / 100.0 / PORTS;
}

/* How many cells a party has in a table: a fraction more or less by chance. */
static double count_cells(double mean)
{
    return mean < SPARSE ? PORTS * mean / (1 + mean) : PORTS;
}

static void add_cell(struct ds_gen_tail *t, const struct ds_gen_model *m, uint32_t party,
                     uint16_t port, uint32_t packets)
{
    const struct ds_gen_party *p = &m->parties[party];
    t->cells[t->count++] = (struct ds_gen_tail_cell){
        .port = port,
        .country = p->country,
        .party = party,
        .weight = (float)(packets / p->packets),
        .own = ds_gen_model_tail_bit(m, p->group),
    };
}

static void add_party(struct ds_gen_tail *t, const struct ds_gen_model *m, uint32_t party,
                      struct ds_gen_random *random)
{
    double mean = packets_of_port(m, &m->parties[party]), root = sqrt(mean);
    size_t count = ds_gen_round(count_cells(mean), ds_gen_random(random));
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = ds_gen_random(random);
        uint16_t port = (uint16_t)i;
        uint32_t packets;
        if (mean < SPARSE) {
            port = (uint16_t)(bits >> 48);
            packets = 1 + ds_gen_round(mean * m->draw.quantiles[bits >> 32 & 0xff], bits);
        } else {
            packets = ds_gen_draw(&m->draw, mean, root, bits);
        }
        if (packets)
            add_cell(t, m, party, port, packets);
    }
}

/* Cells of a party that were drawn with the same port are one. */
static void join_cells(struct ds_gen_tail *t, struct ds_gen_section *s)
{
    struct ds_gen_tail_cell *cells = t->cells + s->first;
    size_t kept = 0;
    for (size_t i = 1; i < s->count; i++) {
        if (cells[i].port == cells[kept].port && cells[i].party == cells[kept].party)
            cells[kept].weight += cells[i].weight;
        else
            cells[++kept] = cells[i];
    }
    s->count = s->count ? kept + 1 : 0;
    t->count = s->first + s->count;
}

/* The groups with a tail whose cells begin with this key, in order of parties. */
static void add_section(struct ds_gen_tail *t, const struct ds_gen_model *m, uint64_t base,
                        struct ds_gen_random *random)
{
    struct ds_gen_section *s = &t->sections[t->section_count++];
    *s = (struct ds_gen_section){.base = base, .first = t->count};
    for (uint32_t i = 0; i < m->party_count; i++) {
        const struct ds_gen_group *g = &m->groups[m->parties[i].group];
        if (g->tail && ds_gen_group_base(g) == base)
            add_party(t, m, i, random);
    }
    s->count = t->count - s->first;
    qsort(t->cells + s->first, s->count, sizeof *t->cells, by_port);
    join_cells(t, s);
}

/* The least base of a group with a tail that is above the last one; UINT64_MAX: none. */
static uint64_t next_base(const struct ds_gen_model *m, uint64_t last, bool is_first)
{
    uint64_t next = UINT64_MAX;
    for (size_t i = 0; i < m->group_count; i++) {
        uint64_t base = ds_gen_group_base(&m->groups[i]);
        if (m->groups[i].tail && (is_first || base > last) && base < next)
            next = base;
    }
    return next;
}

int ds_gen_model_add_tails(struct ds_gen_model *m)
{
    size_t room = 0;
    for (size_t i = 0; i < m->party_count; i++)
        room += 1 + (size_t)count_cells(packets_of_port(m, &m->parties[i]));
    size_t tables = room ? CELLS_MAX / room : DS_GEN_TAILS_MAX;
    tables = tables < TABLES_MIN ? TABLES_MIN : tables;
    for (; m->tail_count < tables && m->tail_count < DS_GEN_TAILS_MAX; m->tail_count++) {
        struct ds_gen_tail *t = &m->tails[m->tail_count];
        struct ds_gen_random random;
        ds_gen_random_seed(&random, m->plan->seed ^ (m->tail_count + 1) * 0x7461696c73);
        t->cells = malloc((room + 1) * sizeof *t->cells);
        if (!t->cells)
            return -1;
        for (uint64_t base = next_base(m, 0, true); base != UINT64_MAX;
             base = next_base(m, base, false))
            add_section(t, m, base, &random);
    }
    return 0;
}
