/* SPDX-License-Identifier: Apache-2.0
 *
 * From a captured frame to its IP packet: link headers, VLAN, QinQ, MPLS and PPPoE are stripped;
 * GRE, ERSPAN and VXLAN only where the configuration asks for it. Pure.
 */
#ifndef DARKSCOPE_LINK_H
#define DARKSCOPE_LINK_H

#include "packet.h"

/* Tags, labels and tunnels around one packet. Real networks nest three or four. */
#define DS_LINK_DEPTH_MAX 16

enum ds_tunnel {
    DS_TUNNEL_GRE = 1 << 0,
    DS_TUNNEL_ERSPAN = 1 << 1, /* types I, II, III */
    DS_TUNNEL_VXLAN = 1 << 2,  /* UDP port 4789 */
};

enum { DS_LINK_ETHERNET = 1, DS_LINK_ETHERNET_BYTES = 14 };

/* An IP packet inside a frame: borrowed like the frame. */
struct ds_network {
    const uint8_t *data;
    uint32_t captured;
};

/* Finds the IP packet. tunnels is a set of enum ds_tunnel. Returns DS_MALFORMED_COUNT and fills
 * *out, or the reason why there is none. The IP header itself is looked at for its version only. */
enum ds_malformed ds_link_strip(const struct ds_frame *frame, unsigned tunnels,
                                struct ds_network *out);

/* The same, in line for what nearly every frame is: untagged IPv4 on Ethernet. */
static inline enum ds_malformed ds_link_strip_fast(const struct ds_frame *frame, unsigned tunnels,
                                                   struct ds_network *out)
{
    const uint8_t *at = frame->data;
    if (frame->link != DS_LINK_ETHERNET || frame->captured <= DS_LINK_ETHERNET_BYTES || tunnels ||
        at[12] != 0x08 || at[13] != 0x00 || at[DS_LINK_ETHERNET_BYTES] >> 4 != 4)
        return ds_link_strip(frame, tunnels, out);
    *out =
        (struct ds_network){at + DS_LINK_ETHERNET_BYTES, frame->captured - DS_LINK_ETHERNET_BYTES};
    return DS_MALFORMED_COUNT;
}

#endif
