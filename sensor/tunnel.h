/* SPDX-License-Identifier: Apache-2.0
 *
 * GRE (RFC 2784, 2890), ERSPAN (draft-foschiano-erspan) and VXLAN (RFC 7348) for telescopes whose
 * traffic arrives inside a tunnel. Pure.
 */
#ifndef DARKSCOPE_TUNNEL_H
#define DARKSCOPE_TUNNEL_H

#include "link.h"

enum ds_tunnel_enter {
    DS_TUNNEL_NONE, /* no tunnel that was asked for, or a broken one: the outer packet stands */
    DS_TUNNEL_ENTERED_IP,
    DS_TUNNEL_ENTERED_ETHERNET,
};

/* at is an IP packet; on entry into a tunnel of the set it is moved to the inner header. */
enum ds_tunnel_enter ds_tunnel_enter(struct ds_network *at, unsigned tunnels);

#endif
