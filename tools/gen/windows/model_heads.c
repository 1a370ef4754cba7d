/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"

#include <stdlib.h>

#define PORTS_MAX   512
#define TOO_FEW     (1 / 64.0) /* packets of a window, below which a cell is left out */
#define HEADS_FIRST 4096

struct ports {
    uint16_t at[PORTS_MAX];
    double weights[PORTS_MAX];
    unsigned count;
};

static int by_key(const void *a, const void *b)
{
    const struct ds_gen_head *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    if (x->party != y->party)
        return x->party < y->party ? -1 : 1;
    return x->weight < y->weight ? -1 : x->weight > y->weight;
}

static bool has_port(const struct ports *p, uint16_t port)
{
    for (unsigned i = 0; i < p->count; i++)
        if (p->at[i] == port)
            return true;
    return false;
}

static void list_ports(const struct ds_gen_model *m, size_t group, struct ports *out)
{
    const struct ds_gen_group *g = &m->groups[group];
    struct ds_gen_random random;
    ds_gen_random_seed(&random, m->plan->seed ^ group * 0x706f727473);
    out->count = 0;
    while (out->count < (unsigned)g->port_count + g->more && out->count < PORTS_MAX) {
        unsigned i = out->count;
        uint16_t port =
            i < g->port_count ? g->ports[i] : (uint16_t)(1 + ds_gen_below(&random, 65535));
        if (has_port(out, port))
            continue;
        out->at[i] = port;
        out->weights[i] = 1.0 / (i + 1);
        out->count++;
    }
}

/* A country's taste: from half to three halves of a port's weight, but for the first port. */
static double taste(const struct ds_gen_model *m, const struct ds_gen_party *p, unsigned port)
{
    uint64_t bits = ds_gen_bits(m->plan->seed ^ p->group, (uint64_t)p->country << 16 | port);
    return port == 0 ? 1 : 0.5 + ds_gen_unit(bits);
}

static void own_ports(struct ds_gen_model *m, size_t group, const struct ports *ports)
{
    for (unsigned i = 0; i < ports->count; i++)
        m->own_ports[ports->at[i]] |= ds_gen_model_tail_bit(m, group);
}

static struct ds_gen_head *make_room(struct ds_gen_model *m, size_t *room)
{
    if (m->head_count + PORTS_MAX <= *room)
        return m->heads;
    *room = *room ? *room * 2 : HEADS_FIRST;
    struct ds_gen_head *grown = realloc(m->heads, *room * sizeof *grown);
    if (grown)
        m->heads = grown;
    return grown;
}

/* The cells of a party. Those with next to no packets are left out; the others share theirs. */
static void add_party(struct ds_gen_model *m, uint32_t party, const struct ports *ports)
{
    const struct ds_gen_party *p = &m->parties[party];
    const struct ds_gen_group *g = &m->groups[p->group];
    double weights[PORTS_MAX], all = 0, kept = 0, part = (100 - g->tail) / 100.0;
    for (unsigned i = 0; i < ports->count; i++)
        all += weights[i] = ports->weights[i] * taste(m, p, i);
    for (unsigned i = 0; i < ports->count; i++) {
        if (i > 0 && p->packets * part * weights[i] / all < TOO_FEW)
            weights[i] = 0;
        kept += weights[i];
    }
    for (unsigned i = 0; i < ports->count; i++) {
        double weight = part * weights[i] / kept;
        if (weights[i] > 0)
            m->heads[m->head_count++] = (struct ds_gen_head){
                .key = ds_gen_group_base(g) | (uint64_t)ports->at[i] << 16 | p->country,
                .weight = weight,
                .root = sqrt(weight),
                .party = party,
            };
    }
}

int ds_gen_model_add_heads(struct ds_gen_model *m)
{
    struct ports ports = {.count = 0};
    size_t room = 0;
    for (uint32_t i = 0; i < m->party_count; i++) {
        if (i == 0 || m->parties[i].group != m->parties[i - 1].group) {
            list_ports(m, m->parties[i].group, &ports);
            own_ports(m, m->parties[i].group, &ports);
        }
        if (!make_room(m, &room))
            return -1;
        add_party(m, i, &ports);
    }
    qsort(m->heads, m->head_count, sizeof *m->heads, by_key);
    return 0;
}
