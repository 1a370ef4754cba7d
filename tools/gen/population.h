/* SPDX-License-Identifier: Apache-2.0
 *
 * The populations that meet at a telescope: one table entry each, one build function each. Facts
 * of the shapes: docs/signatures.md, and the sources named at each builder.
 */
#ifndef DARKSCOPE_GEN_POPULATION_H
#define DARKSCOPE_GEN_POPULATION_H

#include "world.h"

/* What a population cannot do without. */
enum {
    DS_GEN_NEEDS_ETHERNET = 1, /* encapsulation */
    DS_GEN_NEEDS_FILE = 2,     /* a capture length or time stamp that no wire gives */
    DS_GEN_NEEDS_V6 = 4,       /* an IPv6 prefix */
};

struct ds_gen_population {
    const char *name;
    const char *about; /* one line for --list */
    void (*build)(struct ds_gen_world *w, struct ds_gen_packet *p);
    uint16_t weight;       /* in the default mix */
    uint16_t source_share; /* of the pool of sources; 0: needs none */
    uint8_t needs;
};

size_t ds_gen_population_count(void);
const struct ds_gen_population *ds_gen_population_at(size_t i);
/* -1 where unknown. */
int ds_gen_population_find(const char *name, size_t length);
/* What of its needs the options do not give: a text for "population X needs ...", or NULL. */
const char *ds_gen_population_lacks(const struct ds_gen_population *p,
                                    const struct ds_gen_options *o);

/* Builders, by file. population_scan.c: tools and bots that send SYNs. */
void ds_gen_build_mirai(struct ds_gen_world *w, struct ds_gen_packet *p);
void ds_gen_build_bot(struct ds_gen_world *w, struct ds_gen_packet *p);
void ds_gen_build_windows(struct ds_gen_world *w, struct ds_gen_packet *p);
void ds_gen_build_linux(struct ds_gen_world *w, struct ds_gen_packet *p);
void ds_gen_build_bsd_mac(struct ds_gen_world *w, struct ds_gen_packet *p);
void ds_gen_build_zmap_old(struct ds_gen_world *w, struct ds_gen_packet *p);
void ds_gen_build_zmap_modern(struct ds_gen_world *w, struct ds_gen_packet *p);
void ds_gen_build_zmap_options(struct ds_gen_world *w, struct ds_gen_packet *p);
void ds_gen_build_masscan_first(struct ds_gen_world *w, struct ds_gen_packet *p);
void ds_gen_build_masscan_old(struct ds_gen_world *w, struct ds_gen_packet *p);
void ds_gen_build_masscan_modern(struct ds_gen_world *w, struct ds_gen_packet *p);
void ds_gen_build_nmap(struct ds_gen_world *w, struct ds_gen_packet *p);
void ds_gen_build_unicornscan(struct ds_gen_world *w, struct ds_gen_packet *p);
void ds_gen_build_survey(struct ds_gen_world *w, struct ds_gen_packet *p);
void ds_gen_build_flood(struct ds_gen_world *w, struct ds_gen_packet *p);

/* population_backscatter.c: answers to spoofed packets. */
void ds_gen_build_backscatter_synack(struct ds_gen_world *w, struct ds_gen_packet *p);
void ds_gen_build_backscatter_rst(struct ds_gen_world *w, struct ds_gen_packet *p);
void ds_gen_build_backscatter_icmp(struct ds_gen_world *w, struct ds_gen_packet *p);
void ds_gen_build_attack(struct ds_gen_world *w, struct ds_gen_packet *p);
void ds_gen_build_attack_routed(struct ds_gen_world *w, struct ds_gen_packet *p);

/* population_udp.c */
void ds_gen_build_amplification(struct ds_gen_world *w, struct ds_gen_packet *p);
void ds_gen_build_reflection(struct ds_gen_world *w, struct ds_gen_packet *p);

/* population_odd.c, population_v6.c, population_malformed.c: the rest. */
void ds_gen_build_icmp_echo(struct ds_gen_world *w, struct ds_gen_packet *p);
void ds_gen_build_other_tcp(struct ds_gen_world *w, struct ds_gen_packet *p);
void ds_gen_build_other_proto(struct ds_gen_world *w, struct ds_gen_packet *p);
void ds_gen_build_fragments(struct ds_gen_world *w, struct ds_gen_packet *p);
void ds_gen_build_vlan(struct ds_gen_world *w, struct ds_gen_packet *p);
void ds_gen_build_options(struct ds_gen_world *w, struct ds_gen_packet *p);
void ds_gen_build_truncated(struct ds_gen_world *w, struct ds_gen_packet *p);
void ds_gen_build_outside(struct ds_gen_world *w, struct ds_gen_packet *p);
void ds_gen_build_late(struct ds_gen_world *w, struct ds_gen_packet *p);
void ds_gen_build_ipv6(struct ds_gen_world *w, struct ds_gen_packet *p);
void ds_gen_build_malformed(struct ds_gen_world *w, struct ds_gen_packet *p);

#endif
