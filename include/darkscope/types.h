/* SPDX-License-Identifier: Apache-2.0
 *
 * The vocabulary of a telescope: packet types, traffic classes, countries, the books of a window.
 *
 * Every enum ends in a counting sentinel that serves as range check and array size. The names
 * that people and JSON see come from one table each (common/types.c); nothing else spells them.
 */
#ifndef DARKSCOPE_TYPES_H
#define DARKSCOPE_TYPES_H

#include <stdbool.h>
#include <stdint.h>

/* What a packet looks like, one per packet; the first rule of docs/statistics.md that fits wins.
 * The list is the colour legend of NICTER's Atlas. */
enum ds_type {
    DS_TYPE_TCP_SYN,
    DS_TYPE_TCP_SYNACK,
    DS_TYPE_TCP_ACK,
    DS_TYPE_TCP_PUSH,
    DS_TYPE_TCP_FIN,
    DS_TYPE_TCP_RST,
    DS_TYPE_TCP_OTHER,
    DS_TYPE_UDP,
    DS_TYPE_ICMP, /* ICMP and ICMPv6 */
    DS_TYPE_OTHER,
    DS_TYPE_COUNT
};

/* Why a packet arrived, one per packet. */
enum ds_class { DS_CLASS_SCAN, DS_CLASS_BACKSCATTER, DS_CLASS_OTHER, DS_CLASS_COUNT };

/* The books of a window, in packets.
 * received = counted + outside + malformed; late, fragment and truncated are parts of counted;
 * the dropped ones never reached us and are no part of received. */
enum ds_book {
    DS_BOOK_RECEIVED,
    DS_BOOK_COUNTED,
    DS_BOOK_OUTSIDE,   /* to an address that is not monitored */
    DS_BOOK_MALFORMED, /* by reason: enum ds_malformed */
    DS_BOOK_LATE,      /* older than every open window: counted into the oldest open one */
    DS_BOOK_FRAGMENT,  /* not the first fragment: counted under port 0 */
    DS_BOOK_TRUNCATED, /* the capture cut the transport header off: counted under port 0 */
    DS_BOOK_DROPPED_KERNEL,
    DS_BOOK_DROPPED_INTERFACE,
    DS_BOOK_DROPPED_RING,
    DS_BOOK_COUNT
};

/* Why a packet could not be counted. */
enum ds_malformed {
    DS_MALFORMED_LINK_SHORT,       /* frame ends inside the link header or a tag */
    DS_MALFORMED_LINK_DEEP,        /* more nested tags and tunnels than DS_LINK_DEPTH_MAX */
    DS_MALFORMED_NOT_IP,           /* ARP, LLDP, ...: no IP packet */
    DS_MALFORMED_IP_SHORT,         /* capture ends inside the IP header */
    DS_MALFORMED_IP_VERSION,       /* version is neither 4 nor 6, or not what the link said */
    DS_MALFORMED_IP_HEADER_LENGTH, /* IPv4 IHL below 5 or beyond the packet */
    DS_MALFORMED_IP_TOTAL_LENGTH,  /* total length below the header length */
    DS_MALFORMED_IP6_EXTENSION,    /* extension header chain broken or over its limit */
    DS_MALFORMED_TCP_SHORT,        /* the packet itself has no room for a TCP header */
    DS_MALFORMED_TCP_OFFSET,       /* data offset below 5 or beyond the packet */
    DS_MALFORMED_UDP_SHORT,
    DS_MALFORMED_UDP_LENGTH, /* UDP length below 8 or beyond the IP packet */
    DS_MALFORMED_ICMP_SHORT,
    DS_MALFORMED_OTHER, /* only in the aggregator: a reason that a newer sensor knows */
    DS_MALFORMED_COUNT
};

/* Packets for which a bounded table had no room: what they would have added is missing, and said
 * to be, in exactly one figure. */
enum ds_overflow {
    DS_OVERFLOW_CELLS,        /* counted under country ** of their port: port sums stay exact */
    DS_OVERFLOW_PAIRS,        /* a cell's unique sources are a lower bound */
    DS_OVERFLOW_SOURCES,      /* unique sources per window, country, class are lower bounds */
    DS_OVERFLOW_DESTINATIONS, /* unique destinations are a lower bound */
    DS_OVERFLOW_SIGNATURES,   /* a file signature's unique sources are a lower bound */
    DS_OVERFLOW_ATTACKS,      /* attacks may be missing, and their figures are lower bounds */
    DS_OVERFLOW_COUNT
};

/* Marks of the program that sent a SYN: independent flags, several may be set on one packet. Rules,
 * sources and how certain each is: docs/signatures.md. */
enum ds_signature {
    DS_SIGNATURE_MIRAI,
    DS_SIGNATURE_MASSCAN,      /* any version, by its id */
    DS_SIGNATURE_MASSCAN_1024, /* the shape of 1.0.3 to 1.3.2 */
    DS_SIGNATURE_MASSCAN_1025, /* the shape since 2023-11 */
    DS_SIGNATURE_ZMAP,         /* up to 4.0 */
    DS_SIGNATURE_ZMAP_MODERN,
    DS_SIGNATURE_ZMAP_MODERN_OTHER, /* with other options than the default ones */
    DS_SIGNATURE_IRREGULAR,         /* for one of the three reasons that follow */
    DS_SIGNATURE_IRREGULAR_TTL,
    DS_SIGNATURE_IRREGULAR_NO_OPTIONS,
    DS_SIGNATURE_IRREGULAR_ID,
    DS_SIGNATURE_HAJIME, /* this and the next two are experimental: only where asked for */
    DS_SIGNATURE_ADB_MINER,
    DS_SIGNATURE_SATORI,
    DS_SIGNATURE_NMAP, /* this and the next say how two packets are related: they come last */
    DS_SIGNATURE_UNICORNSCAN,
    DS_SIGNATURE_COUNT
};

/* What sent a SYN, by the shape of its headers. A source that sent several is the last of them in
 * this order. */
enum ds_device {
    DS_DEVICE_NONE,    /* no SYN seen */
    DS_DEVICE_UNKNOWN, /* none of these */
    DS_DEVICE_LINUX,
    DS_DEVICE_LINUX_OLD, /* a kernel up to 3.10, as in embedded devices */
    DS_DEVICE_BSD_MAC,
    DS_DEVICE_WINDOWS,
    DS_DEVICE_EMBEDDED, /* a raw socket with the TTL of Linux: a bot on a device */
    DS_DEVICE_TOOL,     /* a scanner, or a raw socket with a TTL of 255 */
    DS_DEVICE_COUNT
};

/* What is known of a source as a survey scanner (docs/statistics.md). */
enum ds_survey_mark {
    DS_SURVEY_NO,
    DS_SURVEY_YES,   /* since before this window: its packets count as survey packets */
    DS_SURVEY_FOUND, /* this window made it one */
    DS_SURVEY_MARK_COUNT
};

/* IP protocol numbers that have a service port. */
enum {
    DS_PROTO_ICMP = 1,
    DS_PROTO_TCP = 6,
    DS_PROTO_UDP = 17,
    DS_PROTO_ICMP6 = 58,
};

/* ISO 3166 alpha-2 code, two ASCII letters, the first in the high byte. */
typedef uint16_t ds_country;
#define DS_COUNTRY(a, b)   ((ds_country)((unsigned char)(a) << 8 | (unsigned char)(b)))
#define DS_COUNTRY_UNKNOWN DS_COUNTRY('?', '?')
/* A port's packets whose country could not be kept (DS_OVERFLOW_CELLS). */
#define DS_COUNTRY_REST    DS_COUNTRY('*', '*')

/* Names as in JSON. Out of range gives NULL. The strings are static. */
const char *ds_type_name(unsigned type);
const char *ds_class_name(unsigned cls);
const char *ds_book_name(unsigned book);
const char *ds_malformed_name(unsigned reason);
const char *ds_overflow_name(unsigned table);
const char *ds_signature_name(unsigned signature);
const char *ds_device_name(unsigned device);
const char *ds_survey_mark_name(unsigned mark);

/* "tcp", "udp", "icmp", "icmp6", else the number in decimal. Writes at most 8 bytes to out. */
const char *ds_proto_name(uint8_t proto, char out[static 8]);

/* The reverse of ds_class_name, ds_device_name and ds_proto_name (also decimal 0..255): -1 where
 * unknown. */
int ds_class_parse(const char *name);
int ds_device_parse(const char *name);
int ds_proto_parse(const char *name);

/* Writes the two letters and a NUL. */
const char *ds_country_name(ds_country country, char out[static 3]);

/* Two capital letters, "??" or "**": what names read back as. */
bool ds_country_valid(ds_country country);

/* Two letters, "??" or "**"; lower case is accepted. False where it is none of these. */
bool ds_country_parse(const char *text, ds_country *out);

#endif
