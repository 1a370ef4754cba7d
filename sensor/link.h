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

/* An IP packet inside a frame: borrowed like the frame. */
struct ds_network {
    const uint8_t *data;
    uint32_t captured;
    uint32_t wire;
};

/* Finds the IP packet. tunnels is a set of enum ds_tunnel. Returns DS_MALFORMED_COUNT and fills
 * *out, or the reason why there is none. The IP header itself is looked at for its version only. */
enum ds_malformed ds_link_strip(const struct ds_frame *frame, unsigned tunnels,
                                struct ds_network *out);

#endif
