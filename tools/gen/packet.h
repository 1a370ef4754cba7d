/* SPDX-License-Identifier: Apache-2.0
 *
 * A packet under construction and what its builder knows about it. The truth is counted from these
 * facts alone: nothing in the generator ever parses a packet.
 */
#ifndef DARKSCOPE_GEN_PACKET_H
#define DARKSCOPE_GEN_PACKET_H

#include "darkscope/types.h"

#include <stddef.h>

/* Room for link headers in front of the IP header (the deepest is 17 tags), and for the packet. */
#define DS_GEN_LINK_MAX 128
#define DS_GEN_IP_MAX   2048

/* IPv6 extension headers of one packet; each is 8 bytes long here. */
#define DS_GEN_EXTENSIONS_MAX 4

struct ds_gen_bytes {
    const uint8_t *at;
    size_t size;
};

/* Network order; IPv4 in the first four bytes, the rest zero. */
struct ds_gen_address {
    uint8_t bytes[16];
    bool is_v6;
};

static inline uint32_t ds_gen_address4(const struct ds_gen_address *a)
{
    return (uint32_t)a->bytes[0] << 24 | (uint32_t)a->bytes[1] << 16 | (uint32_t)a->bytes[2] << 8 |
           a->bytes[3];
}

static inline struct ds_gen_address ds_gen_from4(uint32_t v)
{
    return (struct ds_gen_address){
        .bytes = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v}};
}

/* What the builder says its packet is. Offsets count from the IP header's first byte. */
struct ds_gen_fact {
    int64_t time_ns;
    struct ds_gen_address source, dest;
    uint8_t type, cls; /* enum ds_type, enum ds_class */
    uint8_t proto;     /* the packet's own */
    uint8_t service;   /* protocol of the service: proto, or the quoted packet's */
    uint16_t port;     /* service port */
    uint32_t bytes;    /* IP total length */
    uint8_t malformed; /* enum ds_malformed, DS_MALFORMED_COUNT: well formed */
    bool outside;      /* dest is not monitored */
    bool fragment;     /* not the first fragment */
    bool truncated;    /* the capture cut the transport header off */

    /* Fields of the signatures' rules, as written; of TCP where there is none, 0. */
    uint32_t seq;
    uint16_t ip_id, source_port, dest_port, window;
    uint8_t ttl;
    bool dont_fragment;           /* IPv6: true */
    struct ds_gen_bytes options;  /* of TCP; borrowed for as long as the program runs */
    uint16_t transport;           /* where the TCP header is */
    bool has_window, has_options; /* the capture has them whole */

    /* What a capture must hold to know all this. */
    uint16_t fixed_bytes;  /* IP header without options or extensions: 20 or 40 */
    uint16_t header_bytes; /* IP header: 20 to 60, or 40 */
    uint16_t needed;       /* end of the transport header as far as it is needed */
    uint8_t extension_count;
    uint8_t extensions[DS_GEN_EXTENSIONS_MAX]; /* numbers of the IPv6 extension headers */
    uint16_t quote_needed; /* end of the quoted ports, 0 without a usable quote */
    uint16_t icmp_port;    /* port if the quote is cut off: type*256+code */
};

/* What stands between link header and IP header. */
enum ds_gen_encapsulation {
    DS_GEN_PLAIN,
    DS_GEN_VLAN,
    DS_GEN_QINQ,
    DS_GEN_MPLS,
    DS_GEN_PPPOE,
    DS_GEN_TAGS_MOST, /* as many VLAN tags as are followed */
    DS_GEN_TAGS_DEEP, /* one more */
    DS_GEN_ENCAPSULATION_COUNT
};

struct ds_gen_packet {
    uint8_t room[DS_GEN_LINK_MAX + DS_GEN_IP_MAX]; /* the IP header is at DS_GEN_LINK_MAX */
    uint32_t ip_bytes;
    uint32_t link_bytes;     /* in front of it, set by ds_gen_link */
    uint16_t ether_type;     /* 0: by IP version; else what the link header says */
    uint8_t encapsulation;   /* enum ds_gen_encapsulation */
    bool exact;              /* no Ethernet padding: the frame's length is the point */
    uint32_t captured, wire; /* of the frame */
    uint32_t cut;            /* IP bytes captured at most */
    uint32_t link_cut;       /* frame bytes on the wire at most */
    int64_t delay_ns;        /* its time stamp is that much older */
    struct ds_gen_fact fact;
};

static inline uint8_t *ds_gen_ip_bytes(struct ds_gen_packet *p)
{
    return p->room + DS_GEN_LINK_MAX;
}

static inline const uint8_t *ds_gen_frame(const struct ds_gen_packet *p)
{
    return p->room + DS_GEN_LINK_MAX - p->link_bytes;
}

#endif
