/* SPDX-License-Identifier: Apache-2.0
 *
 * Victims of attacks with spoofed sources, as one worker sees them in one window: what each sent
 * back, step by step of 10 s, and to whom. Which of them are attacks is for attacks.h to say, which
 * sees all workers and all windows. Pure; one thread at a time.
 *
 * A flood of answers from random addresses makes a victim a packet. The tables are bounded; what
 * finds no room is counted and shown.
 */
#ifndef DARKSCOPE_VICTIMS_H
#define DARKSCOPE_VICTIMS_H

#include "packet.h"
#include "table.h"

/* Slots of all workers' tables together: 16 and 32 MB. */
#define DS_VICTIMS_MAX      (UINT32_C(1) << 19)
#define DS_VICTIM_PARTS_MAX (UINT32_C(1) << 21)

enum ds_victim_kind {
    DS_VICTIM_STEP, /* value: ms / DS_VICTIM_STEP_MS */
    DS_VICTIM_PORT,
    DS_VICTIM_ATTACK_PORT,
    DS_VICTIM_ADDRESS, /* of the monitored set: secret, only to be counted */
    DS_VICTIM_MISMATCH,
    DS_VICTIM_KIND_COUNT
};
#define DS_VICTIM_STEP_MS 10000

/* A packet that answers an attack; what it is evidence of. */
struct ds_echo {
    struct ds_victims *victims; /* where it counts */
    uint64_t victim_key, victim_hash;
    uint32_t victim;      /* the attacked address */
    uint32_t address;     /* the packet's destination, in whose name the attack was sent */
    uint32_t ms;          /* the slot's */
    uint16_t port;        /* attacked service, where has_port: port, or type*256+code */
    uint16_t attack_port; /* the other side's, where has_attack_port: not of ICMP */
    uint16_t bytes;
    uint8_t proto; /* of the attack: TCP, UDP, ICMP */
    bool has_port, has_attack_port;
    bool mismatched; /* it quotes a packet that was not sent in its destination's name */
    /* Between the two steps of counting: none where the victim found no room. */
    uint8_t part_count;
    struct {
        uint64_t key, hash;
    } parts[DS_VICTIM_KIND_COUNT];
};

/* Does the packet answer an attack? Fills *e but for victims,
 * ms and the parts. The packet is of class
 * backscatter. */
bool ds_echo_read(const struct ds_packet *p, const struct ds_hash_key *key, struct ds_echo *e);

/* Table entries; their sizes are the tables' entry sizes. */
struct ds_victim {
    uint64_t key; /* ds_victim_key */
    uint64_t bytes;
    uint32_t id; /* 0, 1, 2 ... in the order they came */
    uint32_t first_ms, last_ms;
    uint16_t country; /* index, geo.h */
    uint16_t pad;
};
/* Of a victim: packets of a 10-s step, of a port ... and how many ports there are. */
struct ds_victim_part {
    uint64_t key; /* ds_victim_part_key */
    uint64_t packets;
};

#define DS_VICTIM_KEY_SET (UINT64_C(1) << 62)

static inline uint64_t ds_victim_key(uint32_t victim, uint8_t proto)
{
    return DS_VICTIM_KEY_SET | (uint64_t)victim << 8 | proto;
}

static inline uint64_t ds_victim_part_key(uint32_t id, enum ds_victim_kind kind, uint32_t value)
{
    return DS_VICTIM_KEY_SET | (uint64_t)id << 35 | (uint64_t)kind << 32 | value;
}
_Static_assert(DS_VICTIMS_MAX <= UINT32_C(1) << 27 && DS_VICTIM_KIND_COUNT <= 8, "keys have room");

static inline uint32_t ds_victim_part_id(uint64_t key)
{
    return (uint32_t)((key & ~DS_VICTIM_KEY_SET) >> 35);
}

static inline enum ds_victim_kind ds_victim_part_kind(uint64_t key)
{
    return (enum ds_victim_kind)(key >> 32 & 7);
}

struct ds_victims {
    struct ds_table victims, parts;
    uint64_t overflow; /* packets for which something found no room */
};

/* Each worker gets its share of the bounds. The key is borrowed. 0, or -1 without memory. Who holds
 * it empties the tables. */
int ds_victims_init(struct ds_victims *v, unsigned workers, const struct ds_hash_key *key);
void ds_victims_finish(struct ds_victims *v);

static inline void ds_victims_prefetch(const struct ds_echo *e)
{
    ds_table_prefetch(&e->victims->victims, e->victim_hash);
}

/* The first step of counting a packet: its victim; prefetches for the second. Returns the victim
 * where it is new, for its country to be set; else NULL. */
struct ds_victim *ds_victims_find(struct ds_echo *e);
/* The second one: all else. */
void ds_victims_count(const struct ds_echo *e);

/* Adds another worker's victims of the same window. 0, or -1 without memory. */
int ds_victims_unite(struct ds_victims *into, const struct ds_victims *from);

#endif
