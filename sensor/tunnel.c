/* SPDX-License-Identifier: Apache-2.0
 *
 * The outer header must be plain IPv4 or IPv6 without extensions, unfragmented: that is what
 * routers send. Anything else stays an ordinary packet of the telescope.
 */
#include "tunnel.h"

#include "bytes.h"

enum {
    PROTO_UDP = 17,
    PROTO_GRE = 47,
    VXLAN_PORT = 4789,
    UDP_HEADER = 8,
    VXLAN_HEADER = 8,
    VXLAN_VNI_VALID = 0x08,
    GRE_CHECKSUM = 0x8000,
    GRE_ROUTING = 0x4000,
    GRE_KEY = 0x2000,
    GRE_SEQUENCE = 0x1000,
    GRE_VERSION = 0x0007,
    GRE_IPV4 = 0x0800,
    GRE_IPV6 = 0x86dd,
    GRE_ETHERNET = 0x6558,
    GRE_ERSPAN_2 = 0x88be, /* type I where no sequence number is present */
    GRE_ERSPAN_3 = 0x22eb,
    ERSPAN_2_HEADER = 8,
    ERSPAN_3_HEADER = 12,
    ERSPAN_3_SUBHEADER = 8,
};

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* The outer header's length and payload protocol; 0 where it is no plain one. Cuts off what is
 * behind the packet's own end: padding of the link is no inner packet. */
static uint32_t outer_header(struct ds_network *at, uint8_t *proto)
{
    const uint8_t *p = at->data;
    uint32_t header = 0, total = 0;
    if (at->captured >= 20 && p[0] >> 4 == 4) {
        header = (p[0] & 0x0fu) * 4;
        total = ds_load16_be(p + 2);
        if (header < 20 || ds_load16_be(p + 6) & 0x3fff) /* more fragments, or an offset */
            return 0;
        *proto = p[9];
    } else if (at->captured >= 40 && p[0] >> 4 == 6) {
        header = 40;
        total = header + ds_load16_be(p + 4);
        *proto = p[6];
    }
    at->captured = smaller(at->captured, total);
    return header;
}

static enum ds_tunnel_enter enter(struct ds_network *at, uint32_t header, enum ds_tunnel_enter kind)
{
    if (at->captured <= header)
        return DS_TUNNEL_NONE;
    at->data += header;
    at->captured -= header;
    return kind;
}

static enum ds_tunnel_enter enter_gre(struct ds_network *at, uint32_t offset, unsigned tunnels)
{
    if (at->captured < offset + 4)
        return DS_TUNNEL_NONE;
    uint16_t flags = ds_load16_be(at->data + offset);
    uint16_t protocol = ds_load16_be(at->data + offset + 2);
    if (flags & (GRE_ROUTING | GRE_VERSION))
        return DS_TUNNEL_NONE;
    offset += 4;
    offset += flags & GRE_CHECKSUM ? 4 : 0;
    offset += flags & GRE_KEY ? 4 : 0;
    offset += flags & GRE_SEQUENCE ? 4 : 0;
    bool gre = tunnels & DS_TUNNEL_GRE, erspan = tunnels & DS_TUNNEL_ERSPAN;
    switch (protocol) {
    case GRE_IPV4:
    case GRE_IPV6:
        return gre ? enter(at, offset, DS_TUNNEL_ENTERED_IP) : DS_TUNNEL_NONE;
    case GRE_ETHERNET:
        return gre ? enter(at, offset, DS_TUNNEL_ENTERED_ETHERNET) : DS_TUNNEL_NONE;
    case GRE_ERSPAN_2:
        offset += flags & GRE_SEQUENCE ? ERSPAN_2_HEADER : 0;
        return erspan ? enter(at, offset, DS_TUNNEL_ENTERED_ETHERNET) : DS_TUNNEL_NONE;
    case GRE_ERSPAN_3:
        if (!erspan || at->captured < offset + ERSPAN_3_HEADER)
            return DS_TUNNEL_NONE;
        offset += ERSPAN_3_HEADER + (at->data[offset + 11] & 1 ? ERSPAN_3_SUBHEADER : 0);
        return enter(at, offset, DS_TUNNEL_ENTERED_ETHERNET);
    default:
        return DS_TUNNEL_NONE;
    }
}

static enum ds_tunnel_enter enter_vxlan(struct ds_network *at, uint32_t offset)
{
    if (at->captured < offset + UDP_HEADER + VXLAN_HEADER ||
        ds_load16_be(at->data + offset + 2) != VXLAN_PORT ||
        !(at->data[offset + UDP_HEADER] & VXLAN_VNI_VALID))
        return DS_TUNNEL_NONE;
    return enter(at, offset + UDP_HEADER + VXLAN_HEADER, DS_TUNNEL_ENTERED_ETHERNET);
}

enum ds_tunnel_enter ds_tunnel_enter(struct ds_network *at, unsigned tunnels)
{
    struct ds_network inner = *at;
    enum ds_tunnel_enter entered = DS_TUNNEL_NONE;
    uint8_t proto = 0;
    uint32_t header = outer_header(&inner, &proto);
    if (header && proto == PROTO_GRE)
        entered = enter_gre(&inner, header, tunnels);
    if (header && proto == PROTO_UDP && tunnels & DS_TUNNEL_VXLAN)
        entered = enter_vxlan(&inner, header);
    if (entered != DS_TUNNEL_NONE)
        *at = inner;
    return entered;
}
