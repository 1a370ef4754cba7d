/* SPDX-License-Identifier: Apache-2.0
 *
 * Link headers of https://www.tcpdump.org/linktypes.html; 802.1Q, 802.1ad, RFC 3032, RFC 2516.
 */
#include "link.h"

#include "build.h"

#include <string.h>

#define ETHERNET_MINIMUM 60 /* without frame check sequence */
#define TAG_BYTES        4
#define TAGS_MOST        16 /* docs/statistics.md, link_deep */

enum {
    ETHER_IP4 = 0x0800,
    ETHER_IP6 = 0x86dd,
    ETHER_VLAN = 0x8100,
    ETHER_QINQ = 0x88a8,
    ETHER_MPLS = 0x8847,
    ETHER_PPPOE = 0x8864,
};

static const struct {
    const char *name;
    uint16_t type;
} links[DS_GEN_LINK_COUNT] = {
    [DS_GEN_LINK_ETHERNET] = {"ethernet", 1}, [DS_GEN_LINK_RAW] = {"raw", 101},
    [DS_GEN_LINK_SLL] = {"sll", 113},         [DS_GEN_LINK_SLL2] = {"sll2", 276},
    [DS_GEN_LINK_NULL] = {"null", 0},
};

const char *ds_gen_link_name(unsigned link)
{
    return link < DS_GEN_LINK_COUNT ? links[link].name : NULL;
}

uint16_t ds_gen_link_type(enum ds_gen_link link)
{
    return links[link].type;
}

/* Headers are written back to front: each call puts its bytes before what is there. */
static uint8_t *prepend(struct ds_gen_packet *p, uint32_t size)
{
    p->link_bytes += size;
    return p->room + DS_GEN_LINK_MAX - p->link_bytes;
}

static void prepend_tag(struct ds_gen_packet *p, uint16_t id, uint16_t inner_type)
{
    uint8_t *h = prepend(p, TAG_BYTES);
    ds_gen_put16(h, id);
    ds_gen_put16(h + 2, inner_type);
}

static void prepend_tags(struct ds_gen_packet *p, unsigned count, uint16_t type)
{
    for (unsigned i = 0; i < count; i++)
        prepend_tag(p, (uint16_t)(i + 1), i == 0 ? type : ETHER_VLAN);
}

static void prepend_pppoe(struct ds_gen_packet *p, uint16_t type)
{
    uint8_t *h = prepend(p, 8);
    ds_gen_put16(h, 0x1100); /* version 1, type 1, session data */
    ds_gen_put16(h + 2, 0x0042);
    ds_gen_put16(h + 4, (uint16_t)(p->ip_bytes + 2));
    ds_gen_put16(h + 6, type == ETHER_IP6 ? 0x0057 : 0x0021);
}

/* Returns the type that the Ethernet header says then. */
static uint16_t prepend_encapsulation(struct ds_gen_packet *p, uint16_t type)
{
    switch (p->encapsulation) {
    case DS_GEN_VLAN:
        prepend_tag(p, 100, type);
        return ETHER_VLAN;
    case DS_GEN_QINQ:
        prepend_tag(p, 100, type);
        prepend_tag(p, 200, ETHER_VLAN);
        return ETHER_QINQ;
    case DS_GEN_MPLS:
        ds_gen_put32(prepend(p, 4), 1001u << 12 | 0x100 | 64); /* bottom of stack */
        ds_gen_put32(prepend(p, 4), 1000u << 12 | 64);
        return ETHER_MPLS;
    case DS_GEN_PPPOE:
        prepend_pppoe(p, type);
        return ETHER_PPPOE;
    case DS_GEN_TAGS_MOST:
        prepend_tags(p, TAGS_MOST, type);
        return ETHER_VLAN;
    case DS_GEN_TAGS_DEEP:
        prepend_tags(p, TAGS_MOST + 1, type);
        return ETHER_VLAN;
    default:
        return type;
    }
}

static void prepend_ethernet(struct ds_gen_packet *p, uint16_t type)
{
    static const uint8_t addresses[12] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
    type = prepend_encapsulation(p, type);
    uint8_t *h = prepend(p, 14);
    memcpy(h, addresses, sizeof addresses);
    ds_gen_put16(h + 12, type);
}

static void prepend_sll(struct ds_gen_packet *p, uint16_t type)
{
    uint8_t *h = prepend(p, 16);
    memset(h, 0, 16);
    ds_gen_put16(h + 2, 1); /* Ethernet */
    ds_gen_put16(h + 4, 6);
    h[6] = 2;
    h[11] = 1;
    ds_gen_put16(h + 14, type);
}

static void prepend_sll2(struct ds_gen_packet *p, uint16_t type)
{
    uint8_t *h = prepend(p, 20);
    memset(h, 0, 20);
    ds_gen_put16(h, type);
    ds_gen_put32(h + 4, 2); /* interface */
    ds_gen_put16(h + 8, 1);
    h[11] = 6;
    h[12] = 2;
    h[17] = 1;
}

static void prepend_null(struct ds_gen_packet *p, uint16_t type, bool big_endian)
{
    /* Address families of BSD; anything else is not IP. */
    uint8_t family = type == ETHER_IP4 ? 2 : type == ETHER_IP6 ? 30 : 7;
    uint8_t *h = prepend(p, 4);
    memset(h, 0, 4);
    h[big_endian ? 3 : 0] = family;
}

void ds_gen_link_wrap(struct ds_gen_packet *p, enum ds_gen_link link, bool big_endian)
{
    uint16_t type = p->ether_type;
    if (!type)
        type = p->fact.source.is_v6 ? ETHER_IP6 : ETHER_IP4;
    p->link_bytes = 0;
    if (link == DS_GEN_LINK_ETHERNET)
        prepend_ethernet(p, type);
    else if (link == DS_GEN_LINK_SLL)
        prepend_sll(p, type);
    else if (link == DS_GEN_LINK_SLL2)
        prepend_sll2(p, type);
    else if (link == DS_GEN_LINK_NULL)
        prepend_null(p, type, big_endian);

    p->wire = p->link_bytes + p->ip_bytes;
    if (link == DS_GEN_LINK_ETHERNET && p->wire < ETHERNET_MINIMUM && !p->exact) {
        memset(ds_gen_ip_bytes(p) + p->ip_bytes, 0, ETHERNET_MINIMUM - p->wire);
        p->wire = ETHERNET_MINIMUM;
    }
    if (p->wire > p->link_cut)
        p->wire = p->link_cut;
    p->captured = p->wire;
}

static uint8_t type_of(uint8_t proto)
{
    switch (proto) {
    case DS_PROTO_TCP:
        return DS_TYPE_TCP_OTHER;
    case DS_PROTO_UDP:
        return DS_TYPE_UDP;
    case DS_PROTO_ICMP:
    case DS_PROTO_ICMP6:
        return DS_TYPE_ICMP;
    default:
        return DS_TYPE_OTHER;
    }
}

/* The transport header is not there: counted, but without port. */
static void lose_transport(struct ds_gen_fact *f)
{
    f->truncated = true;
    f->cls = DS_CLASS_OTHER;
    f->service = f->proto;
    f->port = 0;
    f->malformed = DS_MALFORMED_COUNT;
    f->type = type_of(f->proto);
}

/* The chain of IPv6 extension headers ends in one that is not there: it is all that is known of the
 * protocol. */
static void lose_extension(struct ds_gen_fact *f, size_t i)
{
    f->proto = f->extensions[i];
    f->fragment = false;
    lose_transport(f);
}

/* What can be known of a packet of which `captured` bytes are there. */
static void limit_facts(struct ds_gen_fact *f, uint32_t captured)
{
    f->has_window &= captured >= f->transport + 16u;
    f->has_options &= captured >= f->transport + 20u + f->options.size;
    if (captured < f->fixed_bytes)
        f->malformed = DS_MALFORMED_IP_SHORT;
    else if (captured < f->fixed_bytes + 8u * f->extension_count)
        lose_extension(f, (captured - f->fixed_bytes) / 8);
    else if (captured < f->needed)
        lose_transport(f);
    else if (captured < f->quote_needed) {
        f->service = f->proto;
        f->port = f->icmp_port;
    }
}

void ds_gen_capture(struct ds_gen_packet *p, uint32_t snaplen)
{
    if (p->cut != UINT32_MAX && p->captured > p->link_bytes + p->cut)
        p->captured = p->link_bytes + p->cut;
    if (p->captured > snaplen)
        p->captured = snaplen;
    uint32_t link_needed = p->link_bytes;
    if (p->encapsulation == DS_GEN_TAGS_DEEP)
        link_needed -= TAG_BYTES; /* the last one is not looked at */
    if (p->captured < link_needed)
        p->fact.malformed = DS_MALFORMED_LINK_SHORT;
    else if (p->captured < p->link_bytes + p->ip_bytes)
        limit_facts(&p->fact, p->captured - link_needed);
}
