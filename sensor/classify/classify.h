/* SPDX-License-Identifier: Apache-2.0
 *
 * What a parsed packet is: type, traffic class, service. Pure; the rules are those of
 * docs/statistics.md.
 */
#ifndef DARKSCOPE_CLASSIFY_H
#define DARKSCOPE_CLASSIFY_H

#include "classify/syn.h"

struct ds_verdict {
    uint8_t type;        /* enum ds_type */
    uint8_t cls;         /* enum ds_class */
    uint8_t proto;       /* of the service: the quoted one for an ICMP error with a usable quote */
    uint16_t port;       /* of the service */
    uint8_t device;      /* enum ds_device; DS_DEVICE_NONE where it is no SYN */
    uint32_t signatures; /* bit 1 << enum ds_signature; see DS_SIGNATURES_RELATED */
};

void ds_classify(const struct ds_packet *p, struct ds_verdict *out);

/* NICTER's legend; the first rule that fits wins. */
static inline enum ds_type ds_classify_tcp_type(uint8_t flags)
{
    enum { FIN = 0x01, SYN = 0x02, RST = 0x04, PSH = 0x08, ACK = 0x10 };
    if (flags & RST)
        return DS_TYPE_TCP_RST;
    if (flags & SYN) {
        if (flags & ACK)
            return DS_TYPE_TCP_SYNACK;
        return flags & FIN ? DS_TYPE_TCP_OTHER : DS_TYPE_TCP_SYN;
    }
    if (flags & FIN)
        return DS_TYPE_TCP_FIN;
    if (flags & PSH)
        return DS_TYPE_TCP_PUSH;
    return flags & ACK ? DS_TYPE_TCP_ACK : DS_TYPE_TCP_OTHER;
}

/* The part of ds_classify for TCP with its whole header; in line for the packet path. */
static inline void ds_classify_tcp(const struct ds_packet *p, struct ds_verdict *out)
{
    enum ds_type type = ds_classify_tcp_type(p->tcp_flags);
    bool backscatter = type == DS_TYPE_TCP_RST || type == DS_TYPE_TCP_SYNACK;
    bool scan = type == DS_TYPE_TCP_SYN;
    *out = (struct ds_verdict){
        .type = (uint8_t)type,
        .cls = backscatter ? DS_CLASS_BACKSCATTER
               : scan      ? DS_CLASS_SCAN
                           : DS_CLASS_OTHER,
        .proto = DS_PROTO_TCP,
        .port = backscatter ? p->source_port : p->dest_port,
    };
    if (scan)
        out->signatures = ds_syn_classify(p, &out->device);
}

/* UDP services with a published amplification factor (US-CERT TA14-017A and later reports): a
 * packet from one of these ports is the answer to a request in the telescope's name. */
static inline bool ds_classify_is_reflection(uint16_t port)
{
    switch (port) {
    case 17:    /* QOTD */
    case 19:    /* chargen */
    case 53:    /* DNS; the only one in CAIDA's definition of backscatter */
    case 69:    /* TFTP */
    case 111:   /* portmap */
    case 123:   /* NTP */
    case 137:   /* NetBIOS */
    case 161:   /* SNMP */
    case 389:   /* CLDAP */
    case 520:   /* RIPv1 */
    case 1900:  /* SSDP */
    case 3283:  /* Apple Remote Desktop */
    case 3702:  /* WS-Discovery */
    case 5353:  /* mDNS */
    case 11211: /* memcached */
    case 27015: /* Valve */
    case 27960: /* Quake */
        return true;
    default:
        return false;
    }
}

/* The part of ds_classify for UDP with its header; in line for the packet path. */
static inline void ds_classify_udp(const struct ds_packet *p, struct ds_verdict *out)
{
    bool reflected = ds_classify_is_reflection(p->source_port);
    *out = (struct ds_verdict){
        .type = DS_TYPE_UDP,
        .cls = reflected ? DS_CLASS_BACKSCATTER : DS_CLASS_SCAN,
        .proto = DS_PROTO_UDP,
        .port = reflected ? p->source_port : p->dest_port,
    };
}

#endif
