/* SPDX-License-Identifier: Apache-2.0
 *
 * IPv4 (RFC 791), IPv6 with extension headers (RFC 8200), TCP, UDP, ICMP (RFC 792), ICMPv6
 * (RFC 4443) and the packets that ICMP errors quote.
 */
#include "parse.h"

#include "bytes.h"

enum {
    IP4_HEADER = 20,
    IP4_OFFSET_MASK = 0x1fff,
    IP4_MORE_FRAGMENTS = 0x2000,
    IP4_DONT_FRAGMENT = 0x4000,
    IP6_HEADER = 40,
    IP6_FRAGMENT_HEADER = 8,
    TCP_HEADER = 20,
    UDP_HEADER = 8,
    ICMP_HEADER = 8,
    ICMP6_HEADER = 4,
    ICMP_TYPE_CODE = 2,
    QUOTE_PORTS = 4,
};

/* IPv6 extension headers, by their next-header number. */
enum {
    IP6_HOP_BY_HOP = 0,
    IP6_ROUTING = 43,
    IP6_FRAGMENT = 44,
    IP6_AUTHENTICATION = 51,
    IP6_DESTINATION = 60,
    IP6_MOBILITY = 135,
    IP6_HIP = 139,
    IP6_SHIM6 = 140,
};

/* A packet's bytes. captured <= total: what is behind total is link padding. */
struct span {
    const uint8_t *data;
    uint32_t captured;
    uint32_t total;
};

enum have {
    HAVE,
    HAVE_CUT,  /* the packet has it, the capture does not */
    HAVE_NONE, /* the packet itself ends before */
};

static enum have have(const struct span *s, uint32_t offset, uint32_t bytes)
{
    if (offset + bytes > s->total)
        return HAVE_NONE;
    return offset + bytes > s->captured ? HAVE_CUT : HAVE;
}

static enum ds_malformed well_formed(void)
{
    return DS_MALFORMED_COUNT;
}

static enum ds_malformed cut(struct ds_packet *p)
{
    p->truncated = true;
    return DS_MALFORMED_COUNT;
}

static uint16_t icmp_port(const uint8_t *icmp)
{
    return (uint16_t)(icmp[0] << 8 | icmp[1]);
}

/* What follows an IPv6 header and its extension headers. */
struct ip6_chain {
    uint8_t proto;
    uint32_t offset; /* of the transport header */
    bool later_fragment;
    bool more_fragments;
};

static bool is_ip6_extension(uint8_t next)
{
    return next == IP6_HOP_BY_HOP || next == IP6_ROUTING || next == IP6_FRAGMENT ||
           next == IP6_AUTHENTICATION || next == IP6_DESTINATION || next == IP6_MOBILITY ||
           next == IP6_HIP || next == IP6_SHIM6;
}

static uint32_t ip6_extension_bytes(uint8_t kind, uint8_t length_field)
{
    if (kind == IP6_FRAGMENT)
        return IP6_FRAGMENT_HEADER;
    if (kind == IP6_AUTHENTICATION)
        return (length_field + 2u) * 4;
    return (length_field + 1u) * 8;
}

/* Walks from the IPv6 header at the start of s to its transport header or to the end of what was
 * captured. HAVE_NONE: the chain is broken or over its limit. */
static enum have walk_ip6(const struct span *s, struct ip6_chain *c)
{
    *c = (struct ip6_chain){.proto = s->data[6], .offset = IP6_HEADER};
    for (int i = 0; i < DS_PARSE_IP6_EXTENSIONS_MAX; i++) {
        if (!is_ip6_extension(c->proto) || c->later_fragment)
            return HAVE;
        enum have head = have(s, c->offset, IP6_FRAGMENT_HEADER); /* no extension is shorter */
        if (head != HAVE)
            return head;
        const uint8_t *extension = s->data + c->offset;
        uint32_t bytes = ip6_extension_bytes(c->proto, extension[1]);
        if (have(s, c->offset, bytes) == HAVE_NONE)
            return HAVE_NONE;
        if (c->proto == IP6_FRAGMENT) {
            c->later_fragment = ds_load16_be(extension + 2) >> 3;
            c->more_fragments = extension[3] & 1;
        }
        c->proto = extension[0];
        c->offset += bytes;
    }
    return is_ip6_extension(c->proto) && !c->later_fragment ? HAVE_NONE : HAVE;
}

/* The transport header quoted by an ICMP error, at offset of s. No use of it is no fault: routers
 * may quote as little as they like. */
static void parse_quoted_port(const struct span *s, uint32_t offset, struct ds_packet *p)
{
    const uint8_t *at = s->data + offset;
    switch (p->quoted_proto) {
    case DS_PROTO_TCP:
    case DS_PROTO_UDP:
        if (have(s, offset, QUOTE_PORTS) != HAVE) {
            p->quoted_proto = 0;
            break;
        }
        p->quoted_source_port = ds_load16_be(at);
        p->quoted_port = ds_load16_be(at + 2);
        break;
    case DS_PROTO_ICMP:
    case DS_PROTO_ICMP6:
        if (have(s, offset, ICMP_TYPE_CODE) == HAVE)
            p->quoted_port = icmp_port(at);
        else
            p->quoted_proto = 0;
        break;
    default:
        break;
    }
}

static void parse_quote4(const struct span *s, uint32_t offset, struct ds_packet *p)
{
    if (have(s, offset, IP4_HEADER) != HAVE)
        return;
    const uint8_t *ip = s->data + offset;
    uint32_t header = (ip[0] & 0x0fu) * 4;
    if (ip[0] >> 4 != 4 || header < IP4_HEADER)
        return;
    p->has_quote4 = true;
    p->quoted_proto4 = ip[9];
    p->quoted_source4 = ds_load32_be(ip + 12);
    p->quoted_dest4 = ds_load32_be(ip + 16);
    if (ds_load16_be(ip + 6) & IP4_OFFSET_MASK)
        return;
    p->quoted_proto = ip[9];
    parse_quoted_port(s, offset + header, p);
}

static void parse_quote6(const struct span *s, uint32_t offset, struct ds_packet *p)
{
    if (have(s, offset, IP6_HEADER) != HAVE || s->data[offset] >> 4 != 6)
        return;
    struct span inner = {s->data + offset, s->captured - offset, s->total - offset};
    struct ip6_chain chain;
    if (walk_ip6(&inner, &chain) != HAVE || chain.later_fragment)
        return;
    p->quoted_proto = chain.proto;
    parse_quoted_port(&inner, chain.offset, p);
}

static bool icmp_quotes(const struct ds_packet *p)
{
    if (p->proto == DS_PROTO_ICMP6)
        return p->icmp_type >= 1 && p->icmp_type <= 4;
    return p->icmp_type == 3 || p->icmp_type == 4 || p->icmp_type == 5 || p->icmp_type == 11 ||
           p->icmp_type == 12;
}

static enum ds_malformed parse_icmp(const struct span *s, uint32_t offset, struct ds_packet *p)
{
    bool v6 = p->proto == DS_PROTO_ICMP6;
    if (have(s, offset, v6 ? ICMP6_HEADER : ICMP_HEADER) == HAVE_NONE)
        return DS_MALFORMED_ICMP_SHORT;
    if (have(s, offset, ICMP_TYPE_CODE) != HAVE)
        return cut(p);
    p->icmp_type = s->data[offset];
    p->icmp_code = s->data[offset + 1];
    if (icmp_quotes(p))
        (v6 ? parse_quote6 : parse_quote4)(s, offset + ICMP_HEADER, p);
    return well_formed();
}

static enum ds_malformed parse_tcp(const struct span *s, uint32_t offset, struct ds_packet *p)
{
    if (have(s, offset, TCP_HEADER) == HAVE_NONE)
        return DS_MALFORMED_TCP_SHORT;
    if (have(s, offset, DS_PARSE_TCP_BYTES) != HAVE)
        return cut(p);
    const uint8_t *tcp = s->data + offset;
    uint32_t header = (tcp[12] >> 4) * 4u;
    if (header < TCP_HEADER || have(s, offset, header) == HAVE_NONE)
        return DS_MALFORMED_TCP_OFFSET;
    p->source_port = ds_load16_be(tcp);
    p->dest_port = ds_load16_be(tcp + 2);
    p->seq = ds_load32_be(tcp + 4);
    p->tcp_header = (uint8_t)header;
    p->tcp_flags = tcp[13];
    p->window = have(s, offset, 16) == HAVE ? ds_load16_be(tcp + 14) : 0;
    p->transport = have(s, offset, header) == HAVE ? tcp : NULL;
    p->bare = offset == (p->is_v6 ? IP6_HEADER : IP4_HEADER) && offset + header == s->total;
    return well_formed();
}

/* A first fragment's datagram may be longer than the fragment. */
static enum ds_malformed parse_udp(const struct span *s, uint32_t offset, bool more_fragments,
                                   struct ds_packet *p)
{
    if (have(s, offset, UDP_HEADER) == HAVE_NONE)
        return DS_MALFORMED_UDP_SHORT;
    if (have(s, offset, UDP_HEADER) != HAVE)
        return cut(p);
    const uint8_t *udp = s->data + offset;
    uint32_t length = ds_load16_be(udp + 4);
    if (length < UDP_HEADER || (!more_fragments && have(s, offset, length) == HAVE_NONE))
        return DS_MALFORMED_UDP_LENGTH;
    p->transport = udp;
    p->source_port = ds_load16_be(udp);
    p->dest_port = ds_load16_be(udp + 2);
    return well_formed();
}

static enum ds_malformed parse_transport(const struct span *s, uint32_t offset, bool more_fragments,
                                         struct ds_packet *p)
{
    if (p->fragment)
        return well_formed();
    switch (p->proto) {
    case DS_PROTO_TCP:
        return parse_tcp(s, offset, p);
    case DS_PROTO_UDP:
        return parse_udp(s, offset, more_fragments, p);
    case DS_PROTO_ICMP:
    case DS_PROTO_ICMP6:
        return parse_icmp(s, offset, p);
    default:
        return well_formed();
    }
}

static void set_addresses4(const uint8_t *ip, struct ds_packet *p)
{
    p->source4 = ds_load32_be(ip + 12);
    p->dest4 = ds_load32_be(ip + 16);
    p->source_key = p->source4;
    p->dest_key = p->dest4;
    p->has_addresses = true;
}

static enum ds_malformed parse_ip4(const uint8_t *data, uint32_t captured, struct ds_packet *p)
{
    if (captured < IP4_HEADER)
        return DS_MALFORMED_IP_SHORT;
    set_addresses4(data, p);
    uint32_t header = (data[0] & 0x0fu) * 4;
    p->total_bytes = ds_load16_be(data + 2);
    p->ip_id = ds_load16_be(data + 4);
    p->ttl = data[8];
    p->proto = data[9];
    if (header < IP4_HEADER)
        return DS_MALFORMED_IP_HEADER_LENGTH;
    if (p->total_bytes < header)
        return DS_MALFORMED_IP_TOTAL_LENGTH;
    uint16_t offset_flags = ds_load16_be(data + 6);
    p->fragment = offset_flags & IP4_OFFSET_MASK;
    p->dont_fragment = offset_flags & IP4_DONT_FRAGMENT;
    struct span s = {data, captured < p->total_bytes ? captured : p->total_bytes, p->total_bytes};
    return parse_transport(&s, header, offset_flags & IP4_MORE_FRAGMENTS, p);
}

static enum ds_malformed parse_ip6(const uint8_t *data, uint32_t captured,
                                   const struct ds_hash_key *key, struct ds_packet *p)
{
    if (captured < IP6_HEADER)
        return DS_MALFORMED_IP_SHORT;
    p->is_v6 = true;
    p->source_key = ds_hash_ip6(key, data + 8);
    p->dest_key = ds_hash_ip6(key, data + 24);
    p->has_addresses = true;
    p->dont_fragment = true;
    p->ttl = data[7];
    uint32_t total = IP6_HEADER + ds_load16_be(data + 4);
    p->total_bytes = total < UINT16_MAX ? (uint16_t)total : UINT16_MAX;
    struct span s = {data, captured < total ? captured : total, total};
    struct ip6_chain chain;
    enum have walked = walk_ip6(&s, &chain);
    p->proto = chain.proto;
    p->fragment = chain.later_fragment;
    if (walked == HAVE_NONE)
        return DS_MALFORMED_IP6_EXTENSION;
    if (walked == HAVE_CUT)
        return cut(p);
    return parse_transport(&s, chain.offset, chain.more_fragments, p);
}

enum ds_malformed ds_parse_careful(const uint8_t *data, uint32_t captured,
                                   const struct ds_hash_key *key, struct ds_packet *p)
{
    memset(p, 0, sizeof *p);
    if (captured == 0)
        return DS_MALFORMED_IP_SHORT;
    switch (data[0] >> 4) {
    case 4:
        return parse_ip4(data, captured, p);
    case 6:
        return parse_ip6(data, captured, key, p);
    default:
        return DS_MALFORMED_IP_VERSION;
    }
}

enum ds_malformed ds_parse(const uint8_t *data, uint32_t captured, const struct ds_hash_key *key,
                           struct ds_packet *p)
{
    if (ds_parse_fast(data, captured, p))
        return DS_MALFORMED_COUNT;
    return ds_parse_careful(data, captured, key, p);
}
