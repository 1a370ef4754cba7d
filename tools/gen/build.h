/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes IP packets with valid lengths and checksums. Every builder overwrites the whole packet and
 * fills the facts that follow from its arguments; what a packet means is for ds_gen_claim.
 */
#ifndef DARKSCOPE_GEN_BUILD_H
#define DARKSCOPE_GEN_BUILD_H

#include "packet.h"

enum {
    DS_GEN_FIN = 0x01,
    DS_GEN_SYN = 0x02,
    DS_GEN_RST = 0x04,
    DS_GEN_PSH = 0x08,
    DS_GEN_ACK = 0x10,
    DS_GEN_URG = 0x20,
    DS_GEN_ECE = 0x40,
    DS_GEN_CWR = 0x80,
};

#define DS_GEN_DF 0x4000 /* in flags_offset */
#define DS_GEN_MF 0x2000

/* Bytes of a transport header that make a packet countable. */
#define DS_GEN_TCP_NEEDED  14 /* up to the flags */
#define DS_GEN_UDP_NEEDED  8
#define DS_GEN_ICMP_NEEDED 2 /* type and code */

struct ds_gen_ip {
    struct ds_gen_address source, dest; /* both of one version */
    uint8_t proto, ttl, tos;
    uint16_t id, flags_offset; /* IPv4 */
    /* IPv4 options (a multiple of 4 bytes), or IPv6 extension headers of 8 bytes each, in which
     * every next header but the first is there; the first one's number is extra_first. */
    struct ds_gen_bytes extra;
    uint8_t extra_first;
};

struct ds_gen_tcp {
    uint16_t source_port, dest_port;
    uint32_t seq, ack;
    uint8_t flags;
    uint16_t window;
    struct ds_gen_bytes options; /* a multiple of 4 bytes */
    struct ds_gen_bytes payload;
};

struct ds_gen_icmp {
    uint8_t type, code;
    uint32_t rest; /* the header's second word */
    struct ds_gen_bytes body;
};

/* ip->proto is set by the three that know it. */
void ds_gen_build_tcp(struct ds_gen_packet *p, struct ds_gen_ip *ip, const struct ds_gen_tcp *tcp);
void ds_gen_build_udp(struct ds_gen_packet *p, struct ds_gen_ip *ip, uint16_t source_port,
                      uint16_t dest_port, struct ds_gen_bytes payload);
/* ICMP, or ICMPv6 if the addresses are IPv6. */
void ds_gen_build_icmp(struct ds_gen_packet *p, struct ds_gen_ip *ip,
                       const struct ds_gen_icmp *icmp);
/* Any protocol: body follows the IP header as it is. */
void ds_gen_build_raw(struct ds_gen_packet *p, const struct ds_gen_ip *ip,
                      struct ds_gen_bytes body);

/* What the packet is, with the port it is counted under. */
void ds_gen_claim(struct ds_gen_packet *p, enum ds_type type, enum ds_class cls, uint16_t port);

/* Writes the IPv4 header checksum anew, after a test changed the header. */
void ds_gen_ip_checksum(struct ds_gen_packet *p);

/* RFC 1071 sum of bytes added to sum, unfolded; an odd last byte is padded with zero. */
uint32_t ds_gen_sum(uint32_t sum, const uint8_t *bytes, size_t size);

static inline void ds_gen_put16(uint8_t *at, uint16_t v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}

static inline void ds_gen_put32(uint8_t *at, uint32_t v)
{
    ds_gen_put16(at, (uint16_t)(v >> 16));
    ds_gen_put16(at + 2, (uint16_t)v);
}

#endif
