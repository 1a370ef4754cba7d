/* SPDX-License-Identifier: Apache-2.0
 *
 * A packet against the rules.
 */
#include "rules.h"

#include "bytes.h"

#include <string.h>

/* What the rules look at. */
struct view {
    const uint8_t *snap;
    uint32_t captured, total; /* bytes in the snap; of the packet, by its IP header */
    uint32_t payload;         /* where it begins; beyond `captured` where it is not known */
    uint8_t tcp_flags;
    uint32_t ordinary_bytes; /* captured, where it is as struct ds_rule_test asks for; else 0 */
};

static uint32_t transport_bytes(const struct ds_packet *p)
{
    enum { UDP = 8, ICMP = 8 };
    switch (p->proto) {
    case DS_PROTO_TCP:
        return p->tcp_header;
    case DS_PROTO_UDP:
        return UDP;
    case DS_PROTO_ICMP:
    case DS_PROTO_ICMP6:
        return ICMP;
    default:
        return 0;
    }
}

/* Behind IPv6 extension headers, and in later fragments, no payload is looked for. */
static uint32_t find_payload(const struct ds_packet *p, const uint8_t *snap)
{
    enum { IP6 = 40, IP6_NEXT = 6 };
    if (p->fragment || p->truncated)
        return UINT32_MAX;
    if (!p->is_v6)
        return (snap[0] & 0xfu) * 4 + transport_bytes(p);
    return snap[IP6_NEXT] == p->proto ? IP6 + transport_bytes(p) : UINT32_MAX;
}

static bool has_payload(const struct ds_rule *rule, const struct view *v)
{
    if (v->payload > v->captured)
        return false;
    const uint8_t *payload = v->snap + v->payload;
    uint32_t bytes = v->captured - v->payload;
    if (rule->payload_anywhere)
        return memmem(payload, bytes, rule->payload, rule->payload_bytes);
    return rule->payload_offset + rule->payload_bytes <= bytes &&
           memcmp(payload + rule->payload_offset, rule->payload, rule->payload_bytes) == 0;
}

static uint32_t load(const uint8_t *snap, struct ds_rule_number n)
{
    return ds_load32_be(snap + n.at) >> n.shift & n.mask;
}

static bool compare(const struct ds_rule_test *t, uint32_t a, const uint8_t *snap)
{
    uint32_t b = load(snap, t->other) + t->value;
    switch ((enum ds_rule_compare)t->compare) {
    case DS_RULE_GREATER:
        return a > b;
    case DS_RULE_AT_LEAST:
        return a >= b;
    case DS_RULE_ANY_BIT:
        return a & b;
    default:
        return a == b;
    }
}

/* Nearly every test asks for one value. */
static bool pass_tests(const struct ds_rule_test *tests, const uint8_t *snap)
{
    unsigned at = 0;
    while (at < DS_RULE_ACCEPT) {
        const struct ds_rule_test *t = &tests[at];
        uint32_t a = load(snap, t->number);
        bool yes = t->compare == DS_RULE_IS_VALUE ? a == t->value : compare(t, a, snap);
        at = t->next[yes];
    }
    return at == DS_RULE_ACCEPT;
}

static bool holds(const struct ds_rule *rule, const struct view *v)
{
    if (rule->tests && v->ordinary_bytes >= rule->tests_bytes)
        return pass_tests(rule->tests, v->snap);
    return ds_rule_condition(rule->program, v->snap, v->total, v->captured);
}

static bool matches(const struct ds_rule *rule, const struct view *v)
{
    if ((v->tcp_flags & rule->flags_mask) != rule->flags)
        return false;
    if (rule->program && !holds(rule, v))
        return false;
    return !rule->payload_bytes || has_payload(rule, v);
}

static struct ds_rule_set find_set(const struct ds_rules *r, const struct ds_packet *p)
{
    bool is_tcp = p->proto == DS_PROTO_TCP;
    if ((!is_tcp && p->proto != DS_PROTO_UDP) || p->fragment || p->truncated)
        return r->sets[r->by_proto[p->proto]];
    return r->sets[(*r->by_port)[!is_tcp][p->dest_port]];
}

size_t ds_rules_match(const struct ds_rules *r, const struct ds_packet *p, const uint8_t *snap,
                      uint32_t captured, uint16_t out[static DS_RULES_MAX])
{
    struct ds_rule_set set = find_set(r, p);
    if (set.count == 0)
        return 0;
    /* What was captured behind the packet's end is the link's padding. */
    captured = captured < p->total_bytes ? captured : p->total_bytes;
    const struct view v = {
        .snap = snap,
        .captured = captured,
        .total = p->total_bytes,
        .payload = find_payload(p, snap),
        .tcp_flags = p->tcp_flags,
        .ordinary_bytes = snap[0] == 0x45 && !p->fragment ? captured : 0,
    };
    size_t count = 0;
    for (uint32_t i = set.first; i < set.first + set.count; i++) {
        uint16_t place = r->entries[i];
        if (matches(&r->rules[place], &v))
            out[count++] = place;
    }
    return count;
}
