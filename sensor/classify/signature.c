/* SPDX-License-Identifier: Apache-2.0
 *
 * Built-in signatures, each a relation between fields that no kernel would choose. One packet in
 * 65,536 has a given id by chance: a source is confirmed by its second packet (count.h).
 */
#include "classify/classify.h"

/* ZMap up to 4.0 writes this id into every probe (zmap, probe_modules/packet.h). */
#define ZMAP_IP_ID 54321

/* Mirai's scanner.c and all its known descendants: the sequence number is the destination. */
static bool is_mirai(const struct ds_packet *p)
{
    return p->seq == p->dest4;
}

/* Masscan, every version: the id is a fold of destination, port and sequence number. */
static bool is_masscan(const struct ds_packet *p)
{
    return p->ip_id == (uint16_t)(p->dest4 ^ p->dest_port ^ p->seq);
}

uint32_t ds_classify_signatures(const struct ds_packet *p)
{
    if (p->is_v6)
        return 0;
    return (uint32_t)is_mirai(p) << DS_SIGNATURE_MIRAI |
           (uint32_t)is_masscan(p) << DS_SIGNATURE_MASSCAN |
           (uint32_t)(p->ip_id == ZMAP_IP_ID) << DS_SIGNATURE_ZMAP;
}
