/* SPDX-License-Identifier: Apache-2.0
 *
 * One broken packet for every reason of enum ds_malformed that the link type can carry.
 */
#include "population.h"
#include "shapes.h"

#include <string.h>

/* IPv4, or sometimes IPv6 where it is monitored. */
static struct ds_gen_ip any_route(struct ds_gen_world *w)
{
    return w->has_v6 && ds_gen_chance(&w->random, 25) ? ds_gen_route6(w, 64) : ds_gen_route4(w, 64);
}

static void syn4(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    struct ds_gen_ip ip = ds_gen_route4(w, 64);
    ds_gen_build_plain_syn(w, p, &ip);
}

/* The frame ends in the Ethernet header or in the tag behind it. Linux does not deliver the former,
 * nor a cut VLAN tag, from an interface. */
static void cut_ethernet(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    static const uint8_t tags[] = {DS_GEN_MPLS, DS_GEN_PPPOE, DS_GEN_VLAN};
    bool is_file = !w->options->interface;
    p->encapsulation = tags[ds_gen_below(&w->random, is_file ? 3 : 2)];
    p->link_cut = is_file && ds_gen_chance(&w->random, 30) ? 1 + ds_gen_below(&w->random, 13)
                                                           : 14 + ds_gen_below(&w->random, 4);
}

static void link_short(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    static const uint8_t headers[DS_GEN_LINK_COUNT] = {
        [DS_GEN_LINK_SLL] = 16,
        [DS_GEN_LINK_SLL2] = 20,
        [DS_GEN_LINK_NULL] = 4,
    };
    syn4(w, p);
    p->exact = true;
    if (w->options->link == DS_GEN_LINK_ETHERNET)
        cut_ethernet(w, p);
    else
        p->link_cut = 1 + ds_gen_below(&w->random, headers[w->options->link] - 1u);
}

static void link_deep(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    syn4(w, p);
    p->encapsulation = DS_GEN_TAGS_DEEP;
    p->fact.fixed_bytes = p->fact.needed = 0; /* whatever follows */
}

static void not_ip(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    static const uint8_t arp[28] = {0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1};
    syn4(w, p);
    memcpy(ds_gen_ip_bytes(p), arp, sizeof arp);
    p->ip_bytes = sizeof arp;
    p->ether_type = ds_gen_chance(&w->random, 50) ? 0x0806 : 0x88cc;
    p->fact.fixed_bytes = p->fact.needed = 0; /* whatever follows */
}

static void ip_short(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    struct ds_gen_ip ip = any_route(w);
    ds_gen_build_plain_syn(w, p, &ip);
    p->ip_bytes = 1 + ds_gen_below(&w->random, p->fact.header_bytes - 1u);
    p->exact = true;
}

/* No version at all, or not the one that the link header says. */
static void ip_version(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    static const uint8_t versions[] = {0, 1, 5, 15};
    syn4(w, p);
    p->fact.fixed_bytes = p->fact.needed = 1;
    if (w->options->link != DS_GEN_LINK_RAW && ds_gen_chance(&w->random, 50)) {
        p->ether_type = 0x86dd;
        return;
    }
    ds_gen_ip_bytes(p)[0] =
        (uint8_t)(versions[ds_gen_below(&w->random, DS_GEN_COUNT(versions))] << 4 | 5);
    ds_gen_ip_checksum(p);
}

static void ip_header_length(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    syn4(w, p);
    p->fact.needed = p->fact.fixed_bytes;
    ds_gen_ip_bytes(p)[0] = (uint8_t)(0x40 | ds_gen_below(&w->random, 5));
    ds_gen_ip_checksum(p);
}

static void ip_total_length(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    syn4(w, p);
    p->fact.needed = p->fact.fixed_bytes;
    ds_gen_put16(ds_gen_ip_bytes(p) + 2, (uint16_t)(1 + ds_gen_below(&w->random, 19)));
    ds_gen_ip_checksum(p);
}

/* A hop-by-hop header that claims 2,048 bytes of a packet that has 24. */
static void ip6_extension(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    static const uint8_t extension[24] = {DS_PROTO_TCP, 255};
    struct ds_gen_ip ip = ds_gen_route6(w, 64);
    ip.proto = 0;
    ds_gen_build_raw(p, &ip, DS_GEN_BYTES(extension));
    p->fact.extension_count = 1; /* number 0 */
}

/* A transport that the IP length leaves `most` - 1 bytes at best. */
static void short_transport(struct ds_gen_world *w, struct ds_gen_packet *p, uint8_t proto,
                            uint32_t most)
{
    static const uint8_t zeros[20];
    struct ds_gen_ip ip = any_route(w);
    ip.proto = proto == DS_PROTO_ICMP && ip.source.is_v6 ? DS_PROTO_ICMP6 : proto;
    ds_gen_build_raw(p, &ip, (struct ds_gen_bytes){zeros, ds_gen_below(&w->random, most)});
}

static void tcp_short(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    short_transport(w, p, DS_PROTO_TCP, 20);
}

static void udp_short(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    short_transport(w, p, DS_PROTO_UDP, 8);
}

static void icmp_short(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    short_transport(w, p, DS_PROTO_ICMP, 4);
}

/* Below 5 words, or 15 of which the packet has 6. */
static void tcp_offset(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    struct ds_gen_ip ip = any_route(w);
    ds_gen_build_plain_syn(w, p, &ip);
    uint32_t words = ds_gen_below(&w->random, 6);
    ds_gen_ip_bytes(p)[p->fact.header_bytes + 12] = (uint8_t)((words == 5 ? 15 : words) << 4);
}

static void udp_length(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    struct ds_gen_ip ip = any_route(w);
    ds_gen_build_udp(p, &ip, ds_gen_ephemeral_port(w), 53, DS_GEN_TEXT("\0\0"));
    uint32_t wrong = ds_gen_below(&w->random, 16);
    ds_gen_put16(ds_gen_ip_bytes(p) + p->fact.header_bytes + 4,
                 (uint16_t)(wrong < 8 ? wrong : 3 + wrong));
}

static const struct {
    enum ds_malformed reason;
    void (*build)(struct ds_gen_world *w, struct ds_gen_packet *p);
    uint8_t links; /* bits of enum ds_gen_link that can carry it; 0: all */
    bool needs_v6;
} defects[] = {
    {DS_MALFORMED_LINK_SHORT, link_short, 0x1f & ~(1 << DS_GEN_LINK_RAW), false},
    {DS_MALFORMED_LINK_DEEP, link_deep, 1 << DS_GEN_LINK_ETHERNET, false},
    {DS_MALFORMED_NOT_IP, not_ip, 0x1f & ~(1 << DS_GEN_LINK_RAW), false},
    {DS_MALFORMED_IP_SHORT, ip_short, 0, false},
    {DS_MALFORMED_IP_VERSION, ip_version, 0, false},
    {DS_MALFORMED_IP_HEADER_LENGTH, ip_header_length, 0, false},
    {DS_MALFORMED_IP_TOTAL_LENGTH, ip_total_length, 0, false},
    {DS_MALFORMED_IP6_EXTENSION, ip6_extension, 0, true},
    {DS_MALFORMED_TCP_SHORT, tcp_short, 0, false},
    {DS_MALFORMED_TCP_OFFSET, tcp_offset, 0, false},
    {DS_MALFORMED_UDP_SHORT, udp_short, 0, false},
    {DS_MALFORMED_UDP_LENGTH, udp_length, 0, false},
    {DS_MALFORMED_ICMP_SHORT, icmp_short, 0, false},
};
_Static_assert(DS_GEN_COUNT(defects) == DS_MALFORMED_OTHER, "every reason has its defect");

void ds_gen_build_malformed(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    size_t i;
    do
        i = ds_gen_below(&w->random, DS_GEN_COUNT(defects));
    while ((defects[i].links && !(defects[i].links & 1 << w->options->link)) ||
           (defects[i].needs_v6 && !w->has_v6));
    defects[i].build(w, p);
    p->fact.malformed = (uint8_t)defects[i].reason;
}
