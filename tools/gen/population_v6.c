/* SPDX-License-Identifier: Apache-2.0
 *
 * IPv6: scans, pings, errors, extension headers, fragments (RFC 8200, 4443).
 */
#include "population.h"
#include "shapes.h"

#include <string.h>

/* Hop-by-hop (router alert), destination options (padding), routing type 0 without segments left,
 * one after the other. The last next header is written by the caller. */
static const uint8_t extension_chain[] = {60, 0, 5, 2, 0, 0, 1, 0, 43, 0, 1, 4,
                                          0,  0, 0, 0, 0, 0, 0, 0, 0,  0, 0, 0};
#define HOP_BY_HOP 0
#define FRAGMENT   44

static void build_udp6(struct ds_gen_world *w, struct ds_gen_packet *p, struct ds_gen_ip *ip)
{
    ds_gen_build_udp(p, ip, ds_gen_ephemeral_port(w), 53, DS_GEN_TEXT("\0\0\1\0"));
    ds_gen_claim(p, DS_TYPE_UDP, DS_CLASS_SCAN, 53);
}

static void build_extended(struct ds_gen_world *w, struct ds_gen_packet *p, struct ds_gen_ip *ip)
{
    uint8_t chain[sizeof extension_chain];
    memcpy(chain, extension_chain, sizeof chain);
    ip->extra = DS_GEN_BYTES(chain);
    ip->extra_first = HOP_BY_HOP;
    if (ds_gen_chance(&w->random, 50)) {
        chain[16] = DS_PROTO_TCP;
        ds_gen_build_plain_syn(w, p, ip);
    } else {
        chain[16] = DS_PROTO_UDP;
        build_udp6(w, p, ip);
    }
}

/* A fragment header of TCP with the offset in units of 8 bytes. */
static void build_fragment6(struct ds_gen_world *w, struct ds_gen_packet *p, struct ds_gen_ip *ip,
                            uint16_t offset)
{
    static const uint8_t body[48];
    uint8_t header[8] = {DS_PROTO_TCP};
    bool more = ds_gen_chance(&w->random, 50);
    ds_gen_put16(header + 2, (uint16_t)(offset << 3 | more));
    ds_gen_put32(header + 4, ds_gen_random32(&w->random));
    ip->extra = DS_GEN_BYTES(header);
    ip->extra_first = FRAGMENT;
    if (offset == 0) {
        ds_gen_build_plain_syn(w, p, ip);
        return;
    }
    ip->proto = DS_PROTO_TCP;
    ds_gen_build_raw(p, ip, DS_GEN_BYTES(body));
    ds_gen_claim(p, DS_TYPE_TCP_OTHER, DS_CLASS_OTHER, 0);
    p->fact.fragment = true;
}

static void build_error6(struct ds_gen_world *w, struct ds_gen_packet *p, struct ds_gen_ip *ip)
{
    struct ds_gen_packet quoted;
    struct ds_gen_ip attack = {.source = ip->dest, .dest = ip->source, .ttl = 1};
    uint16_t port;
    if (ds_gen_chance(&w->random, 60)) {
        ds_gen_build_plain_syn(w, &quoted, &attack);
        port = quoted.fact.port;
    } else {
        ds_gen_build_plain_icmp(w, &quoted, &attack, 128, 0, DS_CLASS_SCAN);
        port = quoted.fact.icmp_port;
    }
    size_t size = ds_gen_chance(&w->random, 20) ? ds_gen_below(&w->random, 44) : quoted.ip_bytes;
    ds_gen_build_error(p, ip, (uint8_t)(1 + ds_gen_below(&w->random, 4)), 0, &quoted, size, port);
}

static void build_scan6(struct ds_gen_world *w, struct ds_gen_packet *p, struct ds_gen_ip *ip)
{
    switch (ds_gen_below(&w->random, 3)) {
    case 0:
        ds_gen_build_plain_syn(w, p, ip);
        break;
    case 1:
        build_udp6(w, p, ip);
        break;
    default:
        ds_gen_build_plain_icmp(w, p, ip, 128, 0, DS_CLASS_SCAN);
    }
}

void ds_gen_build_ipv6(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    struct ds_gen_ip ip = ds_gen_route6(w, 64);
    switch (ds_gen_below(&w->random, 9)) {
    case 0:
        ds_gen_build_plain_icmp(w, p, &ip, 129, 0, DS_CLASS_BACKSCATTER);
        break;
    case 1:
        build_error6(w, p, &ip);
        break;
    case 2:
        build_extended(w, p, &ip);
        break;
    case 3:
        build_fragment6(w, p, &ip, 0);
        break;
    case 4:
        build_fragment6(w, p, &ip, (uint16_t)(1 + ds_gen_below(&w->random, 8000)));
        break;
    case 5:
        ds_gen_build_plain_icmp(w, p, &ip, 135, 0, DS_CLASS_OTHER);
        break;
    default:
        build_scan6(w, p, &ip);
    }
}
