/* SPDX-License-Identifier: Apache-2.0
 *
 * The data that the stages of the packet path hand to each other: the raw frame as captured, the
 * snap in a ring slot, the parsed packet.
 */
#ifndef DARKSCOPE_PACKET_H
#define DARKSCOPE_PACKET_H

#include "darkscope/types.h"

/* A frame as a capture delivers it. data is borrowed until the capture's next read. */
struct ds_frame {
    const uint8_t *data;
    uint32_t captured; /* bytes at data */
    uint32_t wire;     /* bytes on the wire, >= captured */
    int64_t time_ns;   /* since 1970, UTC */
    uint16_t link;     /* LINKTYPE_ value (https://www.tcpdump.org/linktypes.html) */
};

/* Bytes of a packet that travel through the ring, from its IP header on. Enough for the longest
 * IPv4 header, an ICMP error and the longest quoted header with its ports
 * (60 + 8 + 60 + 4), and for the first bytes of a payload. */
#define DS_SNAP_BYTES 176

/* What a worker is given: a packet's first bytes, or why there is none, and where it belongs. */
struct ds_snap {
    const uint8_t *bytes; /* from the IP header on; borrowed until it was counted */
    uint32_t epoch;       /* ordinal of the window it is counted into, from 1 */
    uint32_t ms;          /* its time, since the ds_epoch.origin_s of that window */
    uint8_t before_s;     /* that lies so much before the window: 0 to 9 */
    uint16_t captured;    /* bytes there, at most DS_SNAP_BYTES */
    bool is_packet;       /* else malformed is why not */
    uint8_t malformed;    /* enum ds_malformed; it is only counted */
    bool late;            /* older than its window */
};

/* What a ring slot holds. */
enum ds_slot_kind {
    DS_SLOT_PACKET,
    DS_SLOT_MALFORMED,
    DS_SLOT_CLOSE, /* all packets of this epoch have been sent: close it */
    DS_SLOT_END,   /* nothing more will come */
};

/* One ring slot: three cache lines, of which a SYN with little or no options fills the first. */
struct ds_slot {
    uint32_t epoch; /* as of struct ds_snap, all up to before_s */
    uint32_t ms;
    uint16_t captured;
    uint8_t kind; /* enum ds_slot_kind */
    uint8_t malformed;
    bool late;
    uint8_t before_s;
    uint8_t pad[2];
    uint8_t bytes[DS_SNAP_BYTES];
};
_Static_assert(sizeof(struct ds_slot) == 192, "a slot is three cache lines");

/* A parsed packet. Numbers are in host order. Ports and TCP fields are 0 where there are none. */
struct ds_packet {
    const uint8_t *transport; /* TCP or UDP header if captured whole, else NULL; borrowed */
    uint64_t source_key;      /* IPv4: the address; IPv6: bit 63 and a keyed 63-bit hash */
    uint64_t dest_key;
    uint32_t source4, dest4; /* IPv4 addresses, 0 for IPv6 */
    uint32_t seq;            /* TCP */
    uint16_t total_bytes;    /* IP total length, saturating at 65,535 */
    uint16_t ip_id;          /* IPv4 */
    uint16_t source_port, dest_port;
    uint16_t window; /* TCP */
    uint8_t proto;   /* IP protocol, after IPv6 extension headers */
    uint8_t tcp_flags;
    uint8_t tcp_header; /* bytes, from the data offset */
    uint8_t ttl;
    uint8_t icmp_type, icmp_code;
    uint8_t quoted_proto; /* ICMP errors: protocol of the quoted packet, 0 without a usable quote */
    uint16_t quoted_port; /* its destination port, or type*256+code */
    uint16_t quoted_source_port;           /* its source port, 0 where there is none */
    uint32_t quoted_source4, quoted_dest4; /* where has_quote4 */
    uint8_t quoted_proto4;                 /* likewise: usable or not */
    bool has_quote4;    /* ICMP errors: the IPv4 header of the quoted packet is there */
    bool has_addresses; /* source and destination are set, even if the packet is malformed */
    bool is_v6;
    bool fragment;      /* not the first fragment */
    bool truncated;     /* the capture ends before the transport header does */
    bool dont_fragment; /* IPv4: the flag; IPv6, where routers never do: true */
    bool bare;          /* TCP without IP options, extension headers or payload */
};

#define DS_SIGNATURE_BIT(name) (UINT32_C(1) << DS_SIGNATURE_##name)

/* Signatures that one packet cannot prove: it must agree with the source's one before. On a single
 * packet they say that it has the tool's shape. */
#define DS_SIGNATURES_RELATED (DS_SIGNATURE_BIT(NMAP) | DS_SIGNATURE_BIT(UNICORNSCAN))

/* What two SYNs of one session have in common, 16 bits each, never 0. Nmap: of the sequence number.
 * Unicornscan, which has other windows: of the session's key, by either order of the address's
 * bytes. */
struct ds_relation {
    uint16_t nmap_or_key;
    uint16_t swapped_key;
};

#endif
