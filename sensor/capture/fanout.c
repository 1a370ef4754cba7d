/* SPDX-License-Identifier: Apache-2.0 */
#include "fanout.h"

#include <linux/if_packet.h>
#include <stddef.h>
#include <sys/socket.h>

/* Without PACKET_FANOUT_FLAG_DEFRAG: the telescope counts fragments. */
#define HOW ((PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_ROLLOVER) << 16)

static int join(int socket, int group)
{
    return setsockopt(socket, SOL_PACKET, PACKET_FANOUT, &group, sizeof group);
}

int ds_fanout_join(const int *sockets, unsigned count)
{
    /* The kernel picks a number that nobody uses: one made of the process's would be another's in
     * another container, which would then take half of our packets. */
    if (join(sockets[0], HOW | PACKET_FANOUT_FLAG_UNIQUEID << 16))
        return -1;
    int group;
    if (getsockopt(sockets[0], SOL_PACKET, PACKET_FANOUT, &group, &(socklen_t){sizeof group}))
        return -1;
    for (unsigned i = 1; i < count; i++)
        if (join(sockets[i], HOW | (group & 0xffff)))
            return -1;
    return 0;
}
