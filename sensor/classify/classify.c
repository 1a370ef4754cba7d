/* SPDX-License-Identifier: Apache-2.0 */
#include "classify/classify.h"

/* CAIDA's ICMP backscatter types (corsaro3, libcorsaro_filtering), and what they are in ICMPv6. */
static enum ds_class icmp_class(const struct ds_packet *p)
{
    if (p->proto == DS_PROTO_ICMP6) {
        if ((p->icmp_type >= 1 && p->icmp_type <= 4) || p->icmp_type == 129)
            return DS_CLASS_BACKSCATTER;
        return p->icmp_type == 128 ? DS_CLASS_SCAN : DS_CLASS_OTHER;
    }
    switch (p->icmp_type) {
    case 0:
    case 3:
    case 4:
    case 5:
    case 11:
    case 12:
    case 14:
    case 16:
    case 18:
        return DS_CLASS_BACKSCATTER;
    case 8:
        return DS_CLASS_SCAN;
    default:
        return DS_CLASS_OTHER;
    }
}

static void classify_icmp(const struct ds_packet *p, struct ds_verdict *v)
{
    v->type = DS_TYPE_ICMP;
    v->cls = (uint8_t)icmp_class(p);
    v->port = (uint16_t)(p->icmp_type << 8 | p->icmp_code);
    if (p->quoted_proto) {
        v->proto = p->quoted_proto;
        v->port = p->quoted_port;
    }
}

/* Later fragments and cut headers have neither ports nor flags: only the protocol is known. */
static enum ds_type headless_type(uint8_t proto)
{
    switch (proto) {
    case DS_PROTO_TCP:
        return DS_TYPE_TCP_OTHER;
    case DS_PROTO_UDP:
        return DS_TYPE_UDP;
    case DS_PROTO_ICMP:
    case DS_PROTO_ICMP6:
        return DS_TYPE_ICMP;
    default:
        return DS_TYPE_OTHER;
    }
}

void ds_classify(const struct ds_packet *p, struct ds_verdict *out)
{
    *out = (struct ds_verdict){.cls = DS_CLASS_OTHER, .proto = p->proto};
    if (p->fragment || p->truncated) {
        out->type = (uint8_t)headless_type(p->proto);
        return;
    }
    switch (p->proto) {
    case DS_PROTO_TCP:
        ds_classify_tcp(p, out);
        break;
    case DS_PROTO_UDP:
        ds_classify_udp(p, out);
        break;
    case DS_PROTO_ICMP:
    case DS_PROTO_ICMP6:
        classify_icmp(p, out);
        break;
    default:
        out->type = DS_TYPE_OTHER;
        break;
    }
}
