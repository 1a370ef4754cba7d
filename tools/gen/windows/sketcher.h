/* SPDX-License-Identifier: Apache-2.0
 *
 * The sketches of a window, from the hosts that it is made of: what a sensor would send of it.
 * Hosts are hashed once a day. One sketch is made after the other, with all registers open; what it
 * says is then written behind that of the one before, so a window allocates nothing.
 */
#ifndef DARKSCOPE_GEN_SKETCHER_H
#define DARKSCOPE_GEN_SKETCHER_H

#include "darkscope/sketches.h"

/* A party whose hosts are in a sketch, numbered in the order of their keys. */
struct ds_gen_member {
    uint32_t sketch, party;
    bool confirmed; /* only hosts with two packets */
};

struct ds_gen_busy_port {
    uint32_t service; /* class << 24 | protocol << 16 | port */
    uint32_t sources;
};

struct ds_gen_sketcher {
    struct ds_sketch_secret secret;
    uint64_t *hashes;              /* by slot, of the day */
    uint64_t *victims;             /* by attack, of the day */
    struct ds_gen_member *members; /* by sketch, then party */
    size_t member_count, sketch_count;
    struct ds_gen_busy_port *ports; /* of the window, in order; those with a sketch are put first */
    size_t chosen_count;
    uint8_t open[DS_SKETCH_REGISTERS_MAX]; /* registers of the sketch that is made; else 0 */
    uint64_t touched[DS_SKETCH_REGISTERS_MAX / 64]; /* a bit each: which are not 0 */
    uint32_t *lists;                                /* contents of the window's sketches */
    uint8_t *registers;
    uint32_t *next_list; /* where the next one's go */
    uint8_t *next_registers;
    struct ds_sketch_row *rows;
};

#endif
