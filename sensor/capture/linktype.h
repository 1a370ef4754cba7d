/* SPDX-License-Identifier: Apache-2.0
 *
 * Which link types a capture may have.
 */
#ifndef DARKSCOPE_CAPTURE_LINKTYPE_H
#define DARKSCOPE_CAPTURE_LINKTYPE_H

#include <stdint.h>

/* The LINKTYPE_ value for a number that may be one of raw IP's DLT_ values, which differ from
 * system to system and which some programs write into files. */
uint16_t ds_linktype_normal(uint16_t number);

/* For messages: the link types that are read. */
#define DS_LINKTYPE_LIST                                                                           \
    "Ethernet (1), raw IP (101, 228, 229), Linux cooked (113, 276), loopback (0, 108), "           \
    "PPP (9, 50, 51)"

#endif
