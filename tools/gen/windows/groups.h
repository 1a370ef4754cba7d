/* SPDX-License-Identifier: Apache-2.0
 *
 * Who sends: kinds of hosts with the ports, countries and habits that belong together. A host is of
 * one group, so whatever is told of a group holds for all packets of its hosts.
 */
#ifndef DARKSCOPE_GEN_GROUPS_H
#define DARKSCOPE_GEN_GROUPS_H

#include "darkscope/types.h"

#include <stddef.h>

#define DS_GEN_SHARES 10000 /* what the shares of all groups are parts of */

struct ds_gen_group {
    const char *name;
    uint8_t cls, type, device; /* enum ds_class, ds_type, ds_device */
    uint8_t carrier;           /* IP protocol of the packets */
    uint8_t proto;             /* of the service: another one where errors quote packets */
    int8_t signature;          /* enum ds_signature, -1: none */
    bool survey;
    uint16_t bytes; /* of a packet */
    uint16_t share; /* of all packets */

    const char *countries; /* first ones, two letters each; the others follow by size */
    uint8_t reach;         /* how many countries there are in all */
    const uint16_t *ports; /* first ones, by Zipf's law */
    uint16_t port_count;
    uint16_t more; /* ports beyond those, drawn at random */
    uint8_t tail;  /* percent of the packets that go to any port */

    uint32_t host_packets; /* of a host in a day, at a /16 */
    uint16_t pause_s;      /* between its visits */
    uint8_t life_days;     /* before its address is another one, about */
    uint8_t spread;        /* sources of 100 further packets of a cell */
    uint8_t wave;          /* percent above and below the mean in the course of a day */
    uint8_t weekend;       /* percent of a working day */
};

extern const struct ds_gen_group ds_gen_groups[];
extern const size_t ds_gen_group_count;

/* Of all packets, what attacks on others send back: see attacks.h. */
#define DS_GEN_ATTACKS_SHARE 300

/* What a surge is made of: many new hosts of devices that go for one port. */
extern const struct ds_gen_group ds_gen_group_surge;

#endif
