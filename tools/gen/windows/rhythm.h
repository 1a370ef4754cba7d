/* SPDX-License-Identifier: Apache-2.0
 *
 * How much a party sends in a window: day and night where it is, weekends, slow changes of its
 * group, surges, and chance.
 */
#ifndef DARKSCOPE_GEN_RHYTHM_H
#define DARKSCOPE_GEN_RHYTHM_H

#include "model.h"
#include "pace.h"

/* A stretch of a window that a sensor watched without a break: what becomes a message. */
struct ds_gen_piece {
    unsigned sensor;
    uint64_t index; /* of the window in the run */
    int64_t start_s;
    uint32_t from_ms, to_ms; /* watched, from the window's start */
};

/* Packets that each party sends to the sensor, on average: packets[party]. */
void ds_gen_rhythm(const struct ds_gen_model *m, const struct ds_gen_pace *pace,
                   const struct ds_gen_piece *piece, double *packets);

/* A number for the piece alone. */
uint64_t ds_gen_piece_key(const struct ds_gen_plan *plan, const struct ds_gen_piece *piece);

/* What sensors see of the same traffic: 0.8 to 1.2 of it. */
double ds_gen_rhythm_of_sensor(const struct ds_gen_model *m, unsigned sensor);

/* The part of its window that a piece is. */
static inline double ds_gen_piece_part(const struct ds_gen_plan *plan,
                                       const struct ds_gen_piece *piece)
{
    return (piece->to_ms - piece->from_ms) / (plan->window_s * 1000.0);
}

#endif
