/* SPDX-License-Identifier: Apache-2.0
 *
 * What victims of spoofed attacks and the routers before them send back (Moore et al., "Inferring
 * Internet Denial-of-Service Activity"; types as in CAIDA corsaro's backscatter filter).
 */
#include "population.h"
#include "shapes.h"

/* Services under attack. */
static const uint16_t attacked_ports[] = {80, 443, 53, 22, 25565, 8080, 3389, 25, 6667, 21};

static uint16_t attacked_port(struct ds_gen_world *w)
{
    return ds_gen_pick_port(w, attacked_ports, DS_GEN_COUNT(attacked_ports));
}

static uint16_t spoofed_port(struct ds_gen_world *w)
{
    return (uint16_t)(1024 + ds_gen_below(&w->random, 64512));
}

static void build_synack(struct ds_gen_world *w, struct ds_gen_packet *p, struct ds_gen_ip *ip,
                         uint16_t port)
{
    static const uint8_t mss[] = {2, 4, 0x05, 0xb4};
    ip->id = 0;
    ip->flags_offset = DS_GEN_DF;
    struct ds_gen_tcp tcp = {.source_port = port,
                             .flags = DS_GEN_SYN | DS_GEN_ACK,
                             .window = 29200,
                             .options = DS_GEN_BYTES(mss)};
    tcp.dest_port = spoofed_port(w);
    tcp.seq = ds_gen_random32(&w->random);
    tcp.ack = ds_gen_random32(&w->random);
    ds_gen_build_tcp(p, ip, &tcp);
    ds_gen_claim(p, DS_TYPE_TCP_SYNACK, DS_CLASS_BACKSCATTER, port);
}

void ds_gen_build_backscatter_synack(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    struct ds_gen_ip ip = ds_gen_route4(w, 64);
    build_synack(w, p, &ip, attacked_port(w));
}

/* The one service of a victim that is attacked. */
static uint16_t port_of(struct ds_gen_world *w, const struct ds_gen_address *victim)
{
    return attacked_ports[ds_gen_trait(w, ds_gen_address4(victim), 1,
                                       DS_GEN_COUNT(attacked_ports))];
}

void ds_gen_build_attack(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    struct ds_gen_ip ip = ds_gen_route4(w, 64);
    build_synack(w, p, &ip, port_of(w, &ip.source));
}

/* RST-ACK where the port is closed, bare RST where a stack dislikes an ACK. */
void ds_gen_build_backscatter_rst(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    struct ds_gen_ip ip = ds_gen_route4(w, 64);
    bool with_ack = ds_gen_chance(&w->random, 60);
    uint32_t number = ds_gen_random32(&w->random);
    struct ds_gen_tcp tcp = {
        .seq = with_ack ? 0 : number,
        .ack = with_ack ? number : 0,
        .flags = with_ack ? DS_GEN_RST | DS_GEN_ACK : DS_GEN_RST,
    };
    tcp.source_port = attacked_port(w);
    tcp.dest_port = spoofed_port(w);
    ds_gen_build_tcp(p, &ip, &tcp);
    ds_gen_claim(p, DS_TYPE_TCP_RST, DS_CLASS_BACKSCATTER, tcp.source_port);
}

/* Bytes of a packet that tell its service: up to the ports, to type and code, or to the protocol.
 */
static size_t service_bytes(const struct ds_gen_fact *f)
{
    if (f->proto == DS_PROTO_TCP || f->proto == DS_PROTO_UDP)
        return f->header_bytes + 4u;
    if (f->proto == DS_PROTO_ICMP || f->proto == DS_PROTO_ICMP6)
        return f->header_bytes + 2u;
    return f->fixed_bytes;
}

void ds_gen_build_error(struct ds_gen_packet *p, struct ds_gen_ip *ip, uint8_t type, uint8_t code,
                        struct ds_gen_packet *quoted, size_t size, uint16_t quoted_port)
{
    const struct ds_gen_icmp icmp = {
        .type = type, .code = code, .body = {ds_gen_ip_bytes(quoted), size}};
    ds_gen_build_icmp(p, ip, &icmp);
    size_t least = service_bytes(&quoted->fact);
    if (size < least || quoted->fact.fragment) {
        ds_gen_claim(p, DS_TYPE_ICMP, DS_CLASS_BACKSCATTER, p->fact.icmp_port);
        return;
    }
    ds_gen_claim(p, DS_TYPE_ICMP, DS_CLASS_BACKSCATTER, quoted_port);
    p->fact.service = quoted->fact.proto;
    p->fact.quote_needed = (uint16_t)(p->fact.header_bytes + 8 + least);
}

/* The attack packet that provoked the error. Returns its service. */
static uint16_t build_attack(struct ds_gen_world *w, struct ds_gen_packet *p, struct ds_gen_ip *ip)
{
    static const uint8_t options[8] = {7, 7, 4, 0, 0, 0, 0, 0}; /* record route */
    static const uint8_t payload[64];
    struct ds_gen_tcp syn = {.flags = DS_GEN_SYN, .window = 8192};
    syn.source_port = spoofed_port(w);
    syn.dest_port = attacked_port(w);
    syn.seq = ds_gen_random32(&w->random);
    if (ds_gen_chance(&w->random, 10))
        ip->extra = DS_GEN_BYTES(options);
    switch (ds_gen_below(&w->random, 6)) {
    case 0:
    case 1:
    case 2:
        ds_gen_build_tcp(p, ip, &syn);
        return syn.dest_port;
    case 3:
        ds_gen_build_udp(p, ip, syn.source_port, syn.dest_port, DS_GEN_BYTES(payload));
        return syn.dest_port;
    case 4:
        ds_gen_build_plain_icmp(w, p, ip, 8, 0, DS_CLASS_SCAN);
        return p->fact.icmp_port;
    default:
        ip->proto = 47;
        ds_gen_build_raw(p, ip, DS_GEN_BYTES(payload));
        return 0;
    }
}

/* How much of the attack packet the error carries: RFC 792's header and 8 bytes, more, or (broken
 * senders, and captures of them) less than the ports. */
static size_t quote_size(struct ds_gen_world *w, const struct ds_gen_packet *quoted)
{
    size_t header = quoted->fact.header_bytes;
    switch (ds_gen_below(&w->random, 8)) {
    case 0:
        return ds_gen_below(&w->random, (uint32_t)header + 4);
    case 1:
        return quoted->ip_bytes;
    default:
        return header + 8;
    }
}

static void build_icmp_error(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    static const uint8_t kinds[][2] = {{3, 0},  {3, 1}, {3, 2}, {3, 3},  {3, 4},  {3, 10},
                                       {3, 13}, {4, 0}, {5, 1}, {11, 0}, {11, 1}, {12, 0}};
    struct ds_gen_packet quoted;
    struct ds_gen_ip ip = ds_gen_route4(w, 255);
    struct ds_gen_ip attack = {
        .source = ip.dest, .dest = ip.source, .ttl = 1, .id = ds_gen_random16(&w->random)};
    /* Half of the errors come from a router, not from the victim. */
    if (ds_gen_chance(&w->random, 50))
        attack.dest = ds_gen_from4(ds_gen_source(w));
    bool fragment = ds_gen_chance(&w->random, 5);
    if (fragment)
        attack.flags_offset = 185; /* in units of 8 bytes */
    uint16_t port = build_attack(w, &quoted, &attack);
    quoted.fact.fragment = fragment;
    const uint8_t *kind = kinds[ds_gen_below(&w->random, DS_GEN_COUNT(kinds))];
    ds_gen_build_error(p, &ip, kind[0], kind[1], &quoted, quote_size(w, &quoted), port);
}

void ds_gen_build_backscatter_icmp(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    static const uint8_t replies[] = {0, 0, 0, 14, 16, 18};
    if (ds_gen_chance(&w->random, 75)) {
        build_icmp_error(w, p);
        return;
    }
    struct ds_gen_ip ip = ds_gen_route4(w, 128);
    uint8_t type = replies[ds_gen_below(&w->random, DS_GEN_COUNT(replies))];
    ds_gen_build_plain_icmp(w, p, &ip, type, 0, DS_CLASS_BACKSCATTER);
}

/* Routers anywhere say that the victim cannot be reached; one error in 20 quotes a packet that was
 * sent by somebody else. */
void ds_gen_build_attack_routed(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    struct ds_gen_packet quoted;
    struct ds_gen_ip ip = ds_gen_route4(w, 255);
    struct ds_gen_ip attack = {
        .source = ip.dest, .dest = ip.source, .ttl = 1, .id = ds_gen_random16(&w->random)};
    if (ds_gen_chance(&w->random, 5))
        attack.source = ds_gen_from4(ds_gen_anywhere(w));
    struct ds_gen_tcp syn = {
        .dest_port = port_of(w, &ip.source), .flags = DS_GEN_SYN, .window = 8192};
    syn.source_port = spoofed_port(w);
    ds_gen_build_tcp(&quoted, &attack, &syn);
    ip.source = ds_gen_from4(ds_gen_anywhere(w));
    ds_gen_build_error(p, &ip, 3, 1, &quoted, quoted.fact.header_bytes + 8u, syn.dest_port);
}
