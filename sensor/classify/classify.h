/* SPDX-License-Identifier: Apache-2.0
 *
 * What a parsed packet is: type, traffic class, service. Pure; the rules are those of
 * docs/statistics.md.
 */
#ifndef DARKSCOPE_CLASSIFY_H
#define DARKSCOPE_CLASSIFY_H

#include "packet.h"

struct ds_verdict {
    uint8_t type;        /* enum ds_type */
    uint8_t cls;         /* enum ds_class */
    uint8_t proto;       /* of the service: the quoted one for an ICMP error with a usable quote */
    uint16_t port;       /* of the service */
    uint32_t signatures; /* bit 1 << enum ds_signature */
};

void ds_classify(const struct ds_packet *p, struct ds_verdict *out);

/* Tool and malware marks on a TCP SYN; docs/signatures in docs/statistics.md. IPv4 only: the
 * formulas are on IPv4 addresses and the IPv4 id. */
uint32_t ds_classify_signatures(const struct ds_packet *p);

#endif
