/* SPDX-License-Identifier: Apache-2.0
 *
 * Packet after packet in order of time: which population sends when, and with which time stamp.
 */
#ifndef DARKSCOPE_GEN_GENERATE_H
#define DARKSCOPE_GEN_GENERATE_H

#include "world.h"

struct ds_gen_generator {
    struct ds_gen_world world;
    uint64_t weights_until[DS_GEN_POPULATIONS_MAX]; /* [i]: sum of weights 0..i */
    int64_t base_ns;                                /* the time stamp of moment 0 */
    int64_t moment_ns; /* of the next packet, since the start, before --speed */
    int64_t resolution_ns;
    bool started;
    int64_t first_ns; /* time stamp of the first packet: none is older */
    struct ds_gen_packet packet;
};

/* base_ns: the time stamps' beginning (for an interface: now). 0, or -1 with err; g must be given
 * to finish in any case. */
int ds_gen_generator_init(struct ds_gen_generator *g, const struct ds_gen_options *o,
                          const struct ds_gen_countries *countries, int64_t base_ns,
                          int64_t resolution_ns, struct ds_error *err);
void ds_gen_generator_finish(struct ds_gen_generator *g);

/* The next packet, valid until the next call; NULL at the end. */
const struct ds_gen_packet *ds_gen_generator_next(struct ds_gen_generator *g);

#endif
