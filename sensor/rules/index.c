/* SPDX-License-Identifier: Apache-2.0
 *
 * From rules to the table that says which of them a packet can match at all. Ports between two ends
 * of ranges have the same rules, so there are few sets.
 */
#include "rules.h"

#include <stdlib.h>

static bool takes_proto(const struct ds_rule *rule, int proto)
{
    return rule->proto < 0 || rule->proto == proto;
}

static bool takes_port(const struct ds_rule *rule, unsigned port)
{
    for (unsigned i = 0; i < rule->range_count; i++)
        if (port >= rule->ranges[i].first && port <= rule->ranges[i].last)
            return true;
    return rule->range_count == 0;
}

/* A packet whose ports and flags are not known, or that has none. */
static bool takes_portless(const struct ds_rule *rule)
{
    return rule->range_count == 0 && rule->flags_mask == 0;
}

enum { PORTLESS = -1 };

/* The number of the set of rules that take this packet: of the last set, if they are the same.
 * Negative without room. */
static int add_set(struct ds_rules *r, int proto, int port)
{
    size_t first = r->entry_count;
    if (first + r->count > DS_RULE_ENTRIES_MAX || r->set_count == DS_RULE_SETS_MAX)
        return -1;
    for (size_t i = 0; i < r->count; i++) {
        const struct ds_rule *rule = &r->rules[i];
        if (takes_proto(rule, proto) &&
            (port == PORTLESS ? takes_portless(rule) : takes_port(rule, (unsigned)port)))
            r->entries[r->entry_count++] = (uint16_t)i;
    }
    struct ds_rule_set set = {(uint32_t)first, (uint32_t)(r->entry_count - first)};
    if (set.count == 0)
        return 0;
    struct ds_rule_set last = r->sets[r->set_count - 1];
    if (last.count == set.count && memcmp(r->entries + last.first, r->entries + set.first,
                                          set.count * sizeof *r->entries) == 0) {
        r->entry_count = first;
        return (int)r->set_count - 1;
    }
    r->sets[r->set_count] = set;
    return (int)r->set_count++;
}

/* Where a range begins, and behind where one ends. */
static void mark_ends(const struct ds_rules *r, int proto, bool ends[static(1 << 16) + 1])
{
    memset(ends, 0, (1 << 16) + 1);
    ends[0] = true;
    for (size_t i = 0; i < r->count; i++)
        for (unsigned k = 0; takes_proto(&r->rules[i], proto) && k < r->rules[i].range_count; k++) {
            ends[r->rules[i].ranges[k].first] = true;
            ends[r->rules[i].ranges[k].last + 1] = true;
        }
}

static int index_ports(struct ds_rules *r, int proto, uint16_t by_port[static 1 << 16])
{
    bool ends[(1 << 16) + 1];
    int set = 0;
    mark_ends(r, proto, ends);
    for (int port = 0; port < 1 << 16; port++) {
        if (ends[port])
            set = add_set(r, proto, port);
        if (set < 0)
            return -1;
        by_port[port] = (uint16_t)set;
    }
    return 0;
}

static int make_index(struct ds_rules *r)
{
    r->set_count = 1; /* the empty one */
    if (index_ports(r, DS_PROTO_TCP, (*r->by_port)[0]) ||
        index_ports(r, DS_PROTO_UDP, (*r->by_port)[1]))
        return -1;
    for (int proto = 0; proto < 256; proto++) {
        int set = add_set(r, proto, PORTLESS);
        if (set < 0)
            return -1;
        r->by_proto[proto] = (uint16_t)set;
    }
    return 0;
}

/* The index is made in room for the most, of which it touches little, and then cut. */
static void give_room_back(struct ds_rules *r)
{
    void *sets = realloc(r->sets, r->set_count * sizeof *r->sets);
    void *entries = realloc(r->entries, (r->entry_count + 1) * sizeof *r->entries);
    r->sets = sets ? sets : r->sets;
    r->entries = entries ? entries : r->entries;
}

static void free_rules(struct ds_rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free((void *)rules[i].program);
        free((void *)rules[i].tests);
    }
    free(rules);
}

int ds_rules_create(struct ds_rule *rules, size_t count, struct ds_rules **out,
                    struct ds_error *err)
{
    struct ds_rules *r = calloc(1, sizeof *r);
    if (r) {
        r->sets = calloc(DS_RULE_SETS_MAX, sizeof *r->sets);
        r->entries = malloc(DS_RULE_ENTRIES_MAX * sizeof *r->entries);
        r->by_port = calloc(1, sizeof *r->by_port);
    }
    if (!r || !r->sets || !r->entries || !r->by_port) {
        ds_rules_destroy(r);
        free_rules(rules, count);
        return ds_error(err, DS_FAILURE, "no memory for %zu signatures", count);
    }
    r->rules = rules;
    r->count = count;
    if (make_index(r)) {
        ds_rules_destroy(r);
        return ds_error(err, DS_CONFIG,
                        "the port ranges of the signatures overlap in too many ways; use fewer "
                        "ranges, or a condition in `filter` instead");
    }
    give_room_back(r);
    *out = r;
    return 0;
}

void ds_rules_destroy(struct ds_rules *r)
{
    if (!r)
        return;
    free_rules(r->rules, r->count);
    free(r->sets);
    free(r->entries);
    free(r->by_port);
    free(r);
}
