/* SPDX-License-Identifier: Apache-2.0
 *
 * Which packet is evidence of which attack is CAIDA's rule (corsaro3, corsaro_dos.c), so that
 * figures compare; docs/statistics.md says where we differ.
 */
#include "victims.h"

#include <stdlib.h>

static bool is_attacked_proto(uint8_t proto)
{
    return proto == DS_PROTO_TCP || proto == DS_PROTO_UDP || proto == DS_PROTO_ICMP;
}

static void read_tcp(const struct ds_packet *p, struct ds_echo *e)
{
    e->victim = p->source4;
    e->proto = DS_PROTO_TCP;
    e->port = p->source_port;
    e->attack_port = p->dest_port;
    e->has_port = e->has_attack_port = true;
}

/* The error comes from the victim or from a router on the way to it: the quote says whom the attack
 * was meant for. A reply, and an error that quotes no IPv4 header, come from the victim. */
static void read_icmp(const struct ds_packet *p, struct ds_echo *e)
{
    if (p->has_quote4) {
        e->victim = p->quoted_dest4;
        e->proto = p->quoted_proto4;
        e->port = p->quoted_port;
        e->attack_port = p->quoted_source_port;
        e->has_port = p->quoted_proto;
        e->has_attack_port = p->quoted_proto && e->proto != DS_PROTO_ICMP;
        e->mismatched = p->quoted_source4 != p->dest4;
    } else {
        e->victim = p->source4;
        e->proto = DS_PROTO_ICMP;
        e->port = (uint16_t)(p->icmp_type << 8 | p->icmp_code);
        e->has_port = true;
    }
}

bool ds_echo_read(const struct ds_packet *p, const struct ds_hash_key *key, struct ds_echo *e)
{
    e->address = p->dest4;
    e->bytes = p->total_bytes;
    e->proto = 0;
    e->has_port = e->has_attack_port = e->mismatched = false;
    if (p->is_v6)
        return false;
    if (p->proto == DS_PROTO_TCP)
        read_tcp(p, e);
    else if (p->proto == DS_PROTO_ICMP)
        read_icmp(p, e);
    if (!is_attacked_proto(e->proto))
        return false;
    e->victim_key = ds_victim_key(e->victim, e->proto);
    e->victim_hash = ds_hash(key, e->victim_key);
    return true;
}

int ds_victims_init(struct ds_victims *v, unsigned workers, const struct ds_hash_key *key)
{
    memset(v, 0, sizeof *v);
    if (ds_table_init(&v->victims, sizeof(struct ds_victim), DS_VICTIMS_MAX, key))
        return -1;
    if (ds_table_init(&v->parts, sizeof(struct ds_victim_part), DS_VICTIM_PARTS_MAX, key)) {
        ds_victims_finish(v);
        return -1;
    }
    ds_table_share(&v->victims, workers);
    ds_table_share(&v->parts, workers);
    return 0;
}

void ds_victims_finish(struct ds_victims *v)
{
    ds_table_finish(&v->victims);
    ds_table_finish(&v->parts);
}

/* False where there is no room. */
static bool add_part(struct ds_victims *v, uint64_t key, uint64_t hash, uint64_t packets)
{
    bool is_new;
    struct ds_victim_part *part = ds_table_upsert(&v->parts, key, hash, sizeof *part, &is_new);
    if (part)
        part->packets += packets;
    return part;
}

static struct ds_victim *find_victim(struct ds_victims *v, uint64_t key, uint64_t hash,
                                     bool *is_new)
{
    struct ds_victim *victim = ds_table_upsert(&v->victims, key, hash, sizeof *victim, is_new);
    if (victim && *is_new) {
        victim->id = (uint32_t)v->victims.used - 1;
        victim->first_ms = UINT32_MAX;
    }
    return victim;
}

static void add_victim(struct ds_victim *to, uint64_t bytes, uint32_t first_ms, uint32_t last_ms)
{
    to->bytes += bytes;
    to->first_ms = first_ms < to->first_ms ? first_ms : to->first_ms;
    to->last_ms = last_ms > to->last_ms ? last_ms : to->last_ms;
}

static void plan_part(struct ds_echo *e, uint32_t id, enum ds_victim_kind kind, uint32_t value)
{
    const struct ds_table *t = &e->victims->parts;
    unsigned i = e->part_count++;
    e->parts[i].key = ds_victim_part_key(id, kind, value);
    e->parts[i].hash = ds_hash(t->key, e->parts[i].key);
    ds_table_prefetch(t, e->parts[i].hash);
}

struct ds_victim *ds_victims_find(struct ds_echo *e)
{
    bool is_new;
    struct ds_victim *victim = find_victim(e->victims, e->victim_key, e->victim_hash, &is_new);
    e->part_count = 0;
    if (!victim)
        return NULL;
    add_victim(victim, e->bytes, e->ms, e->ms);
    plan_part(e, victim->id, DS_VICTIM_STEP, e->ms / DS_VICTIM_STEP_MS);
    plan_part(e, victim->id, DS_VICTIM_ADDRESS, e->address);
    if (e->has_port)
        plan_part(e, victim->id, DS_VICTIM_PORT, e->port);
    if (e->has_attack_port)
        plan_part(e, victim->id, DS_VICTIM_ATTACK_PORT, e->attack_port);
    if (e->mismatched)
        plan_part(e, victim->id, DS_VICTIM_MISMATCH, 0);
    return is_new ? victim : NULL;
}

void ds_victims_count(const struct ds_echo *e)
{
    bool ok = e->part_count > 0;
    for (unsigned i = 0; i < e->part_count && ok; i++)
        ok = add_part(e->victims, e->parts[i].key, e->parts[i].hash, 1);
    e->victims->overflow += !ok;
}

/* Victims of `from` in `into`; their ids there by their ids here. */
static void unite_victims(struct ds_victims *into, const struct ds_victims *from, uint32_t *ids)
{
    bool is_new;
    struct ds_table_walk walk = {0};
    for (const struct ds_victim *v; (v = ds_table_next(&from->victims, &walk));) {
        struct ds_victim *to =
            find_victim(into, v->key, ds_hash(into->victims.key, v->key), &is_new);
        ids[v->id] = to ? to->id : UINT32_MAX;
        if (!to)
            continue;
        add_victim(to, v->bytes, v->first_ms, v->last_ms);
        if (is_new)
            to->country = v->country;
    }
}

int ds_victims_unite(struct ds_victims *into, const struct ds_victims *from)
{
    into->overflow += from->overflow;
    if (from->victims.used == 0)
        return 0;
    uint32_t *ids = malloc(from->victims.used * sizeof *ids);
    if (!ids)
        return -1;
    unite_victims(into, from, ids);
    struct ds_table_walk walk = {0};
    for (const struct ds_victim_part *p; (p = ds_table_next(&from->parts, &walk));) {
        uint32_t id = ids[ds_victim_part_id(p->key)];
        uint64_t key = ds_victim_part_key(id, ds_victim_part_kind(p->key), (uint32_t)p->key);
        if (id == UINT32_MAX || !add_part(into, key, ds_hash(into->parts.key, key), p->packets))
            into->overflow += p->packets;
    }
    free(ids);
    return 0;
}
