/* SPDX-License-Identifier: Apache-2.0
 *
 * The rest of what arrives: pings, odd flags, other protocols, fragments, IP options,
 * encapsulation, and what a capture adds: cut packets, late ones, ones for others.
 */
#include "population.h"
#include "shapes.h"

void ds_gen_build_icmp_echo(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    struct ds_gen_ip ip = ds_gen_route4(w, 64);
    ds_gen_build_plain_icmp(w, p, &ip, 8, 0, DS_CLASS_SCAN);
}

/* Flags, and what they make of a packet. */
static const struct {
    uint8_t flags;
    uint8_t type, cls;
} odd_flags[] = {
    {DS_GEN_ACK, DS_TYPE_TCP_ACK, DS_CLASS_OTHER},
    {DS_GEN_PSH | DS_GEN_ACK, DS_TYPE_TCP_PUSH, DS_CLASS_OTHER},
    {DS_GEN_FIN, DS_TYPE_TCP_FIN, DS_CLASS_OTHER},
    {DS_GEN_FIN | DS_GEN_ACK, DS_TYPE_TCP_FIN, DS_CLASS_OTHER},
    {0, DS_TYPE_TCP_OTHER, DS_CLASS_OTHER},
    {DS_GEN_FIN | DS_GEN_PSH | DS_GEN_URG, DS_TYPE_TCP_FIN, DS_CLASS_OTHER},
    {DS_GEN_SYN | DS_GEN_FIN, DS_TYPE_TCP_OTHER, DS_CLASS_OTHER},
    {DS_GEN_URG, DS_TYPE_TCP_OTHER, DS_CLASS_OTHER},
    {DS_GEN_ECE | DS_GEN_CWR, DS_TYPE_TCP_OTHER, DS_CLASS_OTHER},
    {DS_GEN_SYN | DS_GEN_ECE | DS_GEN_CWR, DS_TYPE_TCP_SYN, DS_CLASS_SCAN},
    {DS_GEN_SYN | DS_GEN_PSH, DS_TYPE_TCP_SYN, DS_CLASS_SCAN},
    {DS_GEN_SYN | DS_GEN_FIN | DS_GEN_ACK, DS_TYPE_TCP_SYNACK, DS_CLASS_BACKSCATTER},
    {DS_GEN_SYN | DS_GEN_RST, DS_TYPE_TCP_RST, DS_CLASS_BACKSCATTER},
};

void ds_gen_build_other_tcp(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    struct ds_gen_ip ip = ds_gen_route4(w, 64);
    size_t i = ds_gen_below(&w->random, DS_GEN_COUNT(odd_flags));
    struct ds_gen_tcp tcp = {.flags = odd_flags[i].flags, .window = 1024};
    tcp.source_port = ds_gen_ephemeral_port(w);
    tcp.dest_port = (uint16_t)(1 + ds_gen_below(&w->random, 1024));
    tcp.seq = ds_gen_random32(&w->random);
    tcp.ack = ds_gen_random32(&w->random);
    if (tcp.flags & DS_GEN_PSH)
        tcp.payload = DS_GEN_TEXT("GET / HTTP/1.0\r\n\r\n");
    ds_gen_build_tcp(p, &ip, &tcp);
    ds_gen_claim(p, odd_flags[i].type, odd_flags[i].cls,
                 odd_flags[i].cls == DS_CLASS_BACKSCATTER ? tcp.source_port : tcp.dest_port);
}

/* GRE, SCTP INIT, IGMP, ESP, IP in IP, and ICMP that is neither echo nor backscatter. */
void ds_gen_build_other_proto(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    static const struct {
        uint8_t proto;
        struct ds_gen_bytes body;
    } others[] = {
        {47, DS_GEN_TEXT_INIT("\0\0\x08\0E\0\0\x14\0\0\0\0@;\x66\xad\x0a\0\0\1\x0a\0\0\2")},
        {132,
         DS_GEN_TEXT_INIT("\x80\0\x0b\x80\0\0\0\0\0\0\0\0\1\0\0\x14\1\2\3\4\0\1\0\0\0\x0a\x08\0\0\0"
                          "\0\1")},
        {2, DS_GEN_TEXT_INIT("\x11\x64\xee\x9b\0\0\0\0")},
        {50, DS_GEN_TEXT_INIT("\0\0\1\0\0\0\0\1abcdefghijklmnop")},
        {4, DS_GEN_TEXT_INIT(
                "E\0\0\x1c\0\0\0\0@\x11\x66\xcf\x0a\0\0\1\x0a\0\0\2\0\x35\0\x35\0\x08\0\0")},
        {103, DS_GEN_TEXT_INIT("\x20\0\xdf\xff")},
    };
    static const uint8_t icmp_types[] = {13, 9, 10, 15, 17, 42};
    struct ds_gen_ip ip = ds_gen_route4(w, 64);
    if (ds_gen_chance(&w->random, 30)) {
        uint8_t type = icmp_types[ds_gen_below(&w->random, DS_GEN_COUNT(icmp_types))];
        ds_gen_build_plain_icmp(w, p, &ip, type, 0, DS_CLASS_OTHER);
        return;
    }
    size_t i = ds_gen_below(&w->random, DS_GEN_COUNT(others));
    ip.proto = others[i].proto;
    ds_gen_build_raw(p, &ip, others[i].body);
    ds_gen_claim(p, DS_TYPE_OTHER, DS_CLASS_OTHER, 0);
}

static void build_later_fragment(struct ds_gen_world *w, struct ds_gen_packet *p,
                                 struct ds_gen_ip *ip)
{
    static const struct {
        uint8_t proto, type;
    } kinds[] = {
        {DS_PROTO_TCP, DS_TYPE_TCP_OTHER},
        {DS_PROTO_UDP, DS_TYPE_UDP},
        {DS_PROTO_ICMP, DS_TYPE_ICMP},
        {47, DS_TYPE_OTHER},
    };
    static const uint8_t body[64];
    size_t i = ds_gen_below(&w->random, DS_GEN_COUNT(kinds));
    ip->proto = kinds[i].proto;
    ip->flags_offset = (uint16_t)(1 + ds_gen_below(&w->random, 8000));
    if (ds_gen_chance(&w->random, 50))
        ip->flags_offset |= DS_GEN_MF;
    ds_gen_build_raw(p, ip, (struct ds_gen_bytes){body, 1 + ds_gen_below(&w->random, sizeof body)});
    ds_gen_claim(p, kinds[i].type, DS_CLASS_OTHER, 0);
    p->fact.fragment = true;
}

/* The UDP length of a first fragment is that of the whole datagram: beyond this packet. */
static void build_first_udp(struct ds_gen_world *w, struct ds_gen_packet *p, struct ds_gen_ip *ip)
{
    static const uint8_t body[512];
    ds_gen_build_udp(p, ip, ds_gen_ephemeral_port(w), 4500, DS_GEN_BYTES(body));
    uint8_t *udp = ds_gen_ip_bytes(p) + p->fact.header_bytes;
    ds_gen_put16(udp + 4, 4000);
    ds_gen_put16(udp + 6, 0); /* no checksum: the rest of the data is not known */
    ds_gen_claim(p, DS_TYPE_UDP, DS_CLASS_SCAN, 4500);
}

void ds_gen_build_fragments(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    struct ds_gen_ip ip = ds_gen_route4(w, 64);
    ip.flags_offset = DS_GEN_MF;
    switch (ds_gen_below(&w->random, 6)) {
    case 0:
        ds_gen_build_plain_syn(w, p, &ip);
        break;
    case 1:
        build_first_udp(w, p, &ip);
        break;
    case 2:
        ds_gen_build_plain_icmp(w, p, &ip, 8, 0, DS_CLASS_SCAN);
        break;
    default:
        build_later_fragment(w, p, &ip);
    }
}

void ds_gen_build_vlan(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    static const uint8_t kinds[] = {DS_GEN_VLAN, DS_GEN_QINQ, DS_GEN_MPLS, DS_GEN_PPPOE,
                                    DS_GEN_TAGS_MOST};
    if (w->has_v6 && ds_gen_chance(&w->random, 20)) {
        struct ds_gen_ip ip = ds_gen_route6(w, 64);
        ds_gen_build_plain_syn(w, p, &ip);
    } else {
        ds_gen_build_bot(w, p);
    }
    p->encapsulation = kinds[ds_gen_below(&w->random, DS_GEN_COUNT(kinds))];
}

/* Options of RFC 791, 2113: record route, loose source route, time stamp, router alert, and the
 * longest header there is. */
void ds_gen_build_options(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    static const struct ds_gen_bytes options[] = {
        DS_GEN_TEXT_INIT("\7\7\4\0\0\0\0\0"),
        DS_GEN_TEXT_INIT("\x83\7\x08\x0a\0\0\1\0"),
        DS_GEN_TEXT_INIT("\x44\x0c\5\0\0\0\0\0\0\0\0\0"),
        DS_GEN_TEXT_INIT("\x94\4\0\0"),
        DS_GEN_TEXT_INIT(
            "\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1"
            "\1"),
    };
    struct ds_gen_ip ip = ds_gen_route4(w, 64);
    ip.extra = options[ds_gen_below(&w->random, DS_GEN_COUNT(options))];
    switch (ds_gen_below(&w->random, 3)) {
    case 0:
        ds_gen_build_plain_syn(w, p, &ip);
        break;
    case 1:
        ds_gen_build_plain_icmp(w, p, &ip, 8, 0, DS_CLASS_SCAN);
        break;
    default:
        ds_gen_build_udp(p, &ip, ds_gen_ephemeral_port(w), 53, (struct ds_gen_bytes){0});
        ds_gen_claim(p, DS_TYPE_UDP, DS_CLASS_SCAN, 53);
    }
}

/* Cut in the transport header, at its end, or in the payload; or the IP header claims more than
 * the wire brought, as segmentation offload shows it. */
void ds_gen_build_truncated(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    static const uint8_t payload[200];
    struct ds_gen_ip ip = ds_gen_route4(w, 64);
    switch (ds_gen_below(&w->random, 4)) {
    case 0:
        ds_gen_build_plain_syn(w, p, &ip);
        p->cut = 20 + ds_gen_below(&w->random, 24);
        break;
    case 1:
        ds_gen_build_udp(p, &ip, ds_gen_ephemeral_port(w), 1900, DS_GEN_BYTES(payload));
        ds_gen_claim(p, DS_TYPE_UDP, DS_CLASS_SCAN, 1900);
        p->cut = 20 + ds_gen_below(&w->random, 30);
        break;
    case 2:
        ds_gen_build_plain_icmp(w, p, &ip, 8, 0, DS_CLASS_SCAN);
        p->cut = 20 + ds_gen_below(&w->random, 8);
        break;
    default:
        ds_gen_build_plain_syn(w, p, &ip);
        p->fact.bytes = 20000;
        ds_gen_put16(ds_gen_ip_bytes(p) + 2, 20000);
        ds_gen_ip_checksum(p);
    }
}

void ds_gen_build_outside(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    struct ds_gen_ip ip = ds_gen_route4(w, 64);
    ip.dest = ds_gen_from4(ds_gen_anywhere(w));
    ds_gen_build_plain_syn(w, p, &ip);
    p->fact.outside = true;
}

/* By 0.1 to 1.9 s, which a window's lateness covers, or by 3 to 30 s. */
void ds_gen_build_late(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    ds_gen_build_bot(w, p);
    uint32_t ms = ds_gen_chance(&w->random, 50) ? 100 + ds_gen_below(&w->random, 1800)
                                                : 3000 + ds_gen_below(&w->random, 27000);
    p->delay_ns = ms * INT64_C(1000000);
}
