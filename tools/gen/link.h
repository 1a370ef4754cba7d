/* SPDX-License-Identifier: Apache-2.0
 *
 * Puts the link header in front of an IP packet and lets the capture cut it.
 */
#ifndef DARKSCOPE_GEN_LINK_H
#define DARKSCOPE_GEN_LINK_H

#include "packet.h"

enum ds_gen_link {
    DS_GEN_LINK_ETHERNET,
    DS_GEN_LINK_RAW,
    DS_GEN_LINK_SLL,
    DS_GEN_LINK_SLL2,
    DS_GEN_LINK_NULL,
    DS_GEN_LINK_COUNT
};

/* The name on the command line; NULL out of range. */
const char *ds_gen_link_name(unsigned link);
/* LINKTYPE_ value (https://www.tcpdump.org/linktypes.html). */
uint16_t ds_gen_link_type(enum ds_gen_link link);

/* Prepends the link header with the packet's encapsulation, pads Ethernet to 60 bytes, sets
 * captured and wire. big_endian: byte order of the file, which is that of a null link header. */
void ds_gen_link_wrap(struct ds_gen_packet *p, enum ds_gen_link link, bool big_endian);

/* Captures at most snaplen bytes (and at most what p->cut says) and corrects the facts by what can
 * then no longer be known. */
void ds_gen_capture(struct ds_gen_packet *p, uint32_t snaplen);

#endif
