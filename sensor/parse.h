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

/* The same without the fast path for ordinary packets; tests prove both equal. */
enum ds_malformed ds_parse_careful(const uint8_t *data, uint32_t captured,
                                   const struct ds_hash_key *key, struct ds_packet *p);

#endif
