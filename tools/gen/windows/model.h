/* SPDX-License-Identifier: Apache-2.0
 *
 * What stays the same during a run, made once: who sends how much to where on average.
 *
 * - A party is a group's hosts in one country: it has a range of slots, a pace and an hour of day.
 * - Heads are the cells that a party sends to all the time, with their parts of its packets.
 * - Tails are what goes to any port: prepared tables of cells in order, for a group with a tail and
 *   its parties. A window takes one of them and turns it by a number of ports, so that it is
 * another one in every window and yet in order.
 */
#ifndef DARKSCOPE_GEN_MODEL_H
#define DARKSCOPE_GEN_MODEL_H

#include "draw.h"
#include "groups.h"
#include "hosts.h"
#include "plan.h"

#include "darkscope/error.h"

#define DS_GEN_SURGE_COUNTRIES 4
#define DS_GEN_SECTIONS_MAX    8
#define DS_GEN_TAILS_MAX       16
#define DS_GEN_TAIL_GROUPS_MAX 16

/* A new worm, or a new hole that an old one goes for. */
struct ds_gen_surge {
    int64_t start_s, end_s;
    uint16_t port;
    double packets; /* in a window, at its height */
    char countries[2 * DS_GEN_SURGE_COUNTRIES + 1];
    size_t group; /* of the model */
};

struct ds_gen_party {
    uint32_t group;
    uint32_t surge; /* index + 1; 0: none */
    uint16_t place; /* index of its country */
    ds_country country;
    uint32_t first_slot, slots;
    uint32_t active; /* hosts of an ordinary window */
    double packets;  /* of an ordinary window */
};

struct ds_gen_head {
    uint64_t key;  /* ds_cell_key */
    double weight; /* of the party's packets */
    double root;   /* of weight */
    uint32_t party;
};

struct ds_gen_tail_cell {
    uint16_t port;
    ds_country country;
    uint32_t party;
    float weight; /* of the party's packets */
    uint16_t own; /* the bit of its group in model.own_ports */
};

struct ds_gen_section {
    uint64_t base; /* key of its port 0 without country */
    size_t first, count;
};

struct ds_gen_tail {
    struct ds_gen_tail_cell *cells; /* of one section after the other, each by port and country */
    struct ds_gen_section sections[DS_GEN_SECTIONS_MAX];
    size_t section_count, count;
};

struct ds_gen_model {
    const struct ds_gen_plan *plan; /* borrowed */
    struct ds_gen_draw draw;
    double day_packets; /* of a sensor, at the most busy pace */
    struct ds_gen_group *groups;
    size_t group_count;
    double shares;               /* sum of those of all groups, and of attacks */
    struct ds_gen_surge *surges; /* by start */
    size_t surge_count;
    struct ds_gen_party *parties; /* by group, then by rank */
    size_t party_count;
    struct ds_gen_hosts hosts;
    struct ds_gen_head *heads; /* by key, then party */
    size_t head_count;
    struct ds_gen_tail tails[DS_GEN_TAILS_MAX];
    size_t tail_count;
    /* By port: a bit for each group with a tail that has it among its heads. Its tail leaves that
     * port out, so that a party has no cell twice and its sources are counted right. */
    uint16_t own_ports[65536];
};

/* 0, or -1 with err; m must be given to finish in any case. plan must outlive it. */
int ds_gen_model_init(struct ds_gen_model *m, const struct ds_gen_plan *plan, struct ds_error *err);
void ds_gen_model_finish(struct ds_gen_model *m);

/* The bit of a group in own_ports; 0 where it has no tail. */
uint16_t ds_gen_model_tail_bit(const struct ds_gen_model *m, size_t group);

/* Parts of init, each in a file of its own. 0, or -1 without memory. */
int ds_gen_model_add_heads(struct ds_gen_model *m);
int ds_gen_model_add_tails(struct ds_gen_model *m);

/* The first key of a group's cells. */
static inline uint64_t ds_gen_group_base(const struct ds_gen_group *g)
{
    return (uint64_t)g->cls << 40 | (uint64_t)g->proto << 32;
}

#endif
