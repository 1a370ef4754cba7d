/* SPDX-License-Identifier: Apache-2.0
 *
 * From the bytes of an IP packet to a struct ds_packet. Pure; safe on hostile bytes.
 *
 * Two lengths bound every read: what was captured, and the packet's own total length. Where the
 * capture ends first the packet is `truncated` and keeps what could be read; where the packet
 * itself has no room for its headers it is malformed.
 */
#ifndef DARKSCOPE_PARSE_H
#define DARKSCOPE_PARSE_H

#include "bytes.h"
#include "hash.h"
#include "packet.h"

/* TCP bytes needed: up to the flags. The window is read where it is there too. */
#define DS_PARSE_TCP_BYTES          14
/* Extension headers of one IPv6 packet; RFC 8200 allows each once. */
#define DS_PARSE_IP6_EXTENSIONS_MAX 8

/* Parses captured bytes at data. The key makes source_key and dest_key of IPv6 addresses. Returns
 * DS_MALFORMED_COUNT and fills *p, or the reason why the packet cannot be counted. Once the
 * addresses were readable, source and destination are set even for a malformed packet
 * (is it ours?), and p->has_addresses says so. */
enum ds_malformed ds_parse(const uint8_t *data, uint32_t captured, const struct ds_hash_key *key,
                           struct ds_packet *p);

/* The same for what nearly every packet is: TCP or UDP in IPv4 without options, unfragmented,
 * enough captured. False, and *p untouched, for any other; tests prove it equal to
 * ds_parse_careful. */
static inline bool ds_parse_fast(const uint8_t *data, uint32_t captured, struct ds_packet *p)
{
    enum { IP4 = 20, NEEDED = IP4 + 16, TCP = 20, UDP = 8, FRAGMENT_MASK = 0x3fff };
    enum { DONT_FRAGMENT = 0x40 }; /* in the first of these bytes */
    if (captured < NEEDED || data[0] != 0x45 || ds_load16_be(data + 6) & FRAGMENT_MASK)
        return false;
    const uint8_t *l4 = data + IP4;
    uint8_t proto = data[9];
    bool is_tcp = proto == DS_PROTO_TCP;
    uint32_t total = ds_load16_be(data + 2), header = (l4[12] >> 4) * 4u,
             udp = ds_load16_be(l4 + 4);
    if (is_tcp ? header < TCP || IP4 + header > total || IP4 + header > captured
               : proto != DS_PROTO_UDP || udp < UDP || IP4 + udp > total)
        return false;
    uint32_t source = ds_load32_be(data + 12), dest = ds_load32_be(data + 16);
    *p = (struct ds_packet){
        .transport = l4,
        .source_key = source,
        .dest_key = dest,
        .source4 = source,
        .dest4 = dest,
        .total_bytes = (uint16_t)total,
        .ip_id = ds_load16_be(data + 4),
        .source_port = ds_load16_be(l4),
        .dest_port = ds_load16_be(l4 + 2),
        .seq = is_tcp ? ds_load32_be(l4 + 4) : 0,
        .window = is_tcp ? ds_load16_be(l4 + 14) : 0,
        .tcp_flags = is_tcp ? l4[13] : 0,
        .tcp_header = is_tcp ? (uint8_t)header : 0,
        .proto = proto,
        .ttl = data[8],
        .has_addresses = true,
        .dont_fragment = data[6] & DONT_FRAGMENT,
        .bare = is_tcp && IP4 + header == total,
    };
    return true;
}

/* The same without the fast path. */
enum ds_malformed ds_parse_careful(const uint8_t *data, uint32_t captured,
                                   const struct ds_hash_key *key, struct ds_packet *p);

#endif
