/* SPDX-License-Identifier: Apache-2.0
 *
 * Attacks with spoofed sources on others, seen by what their victims send back. Every one has a
 * victim of its own, begins and ends on one day, and all sensors see it. What a sensor has seen of
 * one so far is kept, since a window tells that as well.
 */
#ifndef DARKSCOPE_GEN_ATTACKS_H
#define DARKSCOPE_GEN_ATTACKS_H

#include "rhythm.h"

#include "darkscope/window.h"

/* The thresholds of docs/statistics.md, below which an attack is not told. */
#define DS_GEN_ATTACK_PACKETS 25
#define DS_GEN_ATTACK_MS      60000
#define DS_GEN_ATTACK_PPM     30

struct ds_gen_attack {
    uint64_t key; /* of the cell that the answers are counted in */
    uint32_t victim;
    uint16_t place;
    ds_country country;
    uint8_t type; /* enum ds_type */
    uint8_t bytes;
    double rate; /* packets a second */
    int64_t start_s, end_s;
};

/* Of an attack, as a sensor sees it. */
struct ds_gen_sight {
    uint32_t now; /* packets in the window that is made */
    uint64_t now_bytes;
    uint64_t packets, bytes, most_ppm; /* since it began */
    int64_t start_ms, last_ms;
};

struct ds_gen_attacks {
    const struct ds_gen_model *model; /* borrowed */
    struct ds_gen_attack *list;       /* of the day, by key, then victim */
    uint32_t *by_victim;              /* indices of list */
    struct ds_gen_sight *sights;      /* of sensor s and attack i: [s * count + i] */
    uint32_t count;                   /* of every day */
    uint64_t first_host;              /* number of the first victim of the run */
    int64_t day;
};

/* Takes hosts of the model for its victims. 0, or -1 without memory; must be given to finish. */
int ds_gen_attacks_init(struct ds_gen_attacks *a, struct ds_gen_model *model);
void ds_gen_attacks_finish(struct ds_gen_attacks *a);

/* Sees what the piece sees of all attacks of its day: sights[..].now. Pieces of a sensor come in
 * order of time. Returns the sensor's sights. */
struct ds_gen_sight *ds_gen_attacks_see(struct ds_gen_attacks *a, const struct ds_gen_pace *pace,
                                        const struct ds_gen_piece *piece);

/* Writes those that are to be told, by victim, to out, which has room for count. Returns how many.
 */
size_t ds_gen_attacks_tell(const struct ds_gen_attacks *a, const struct ds_gen_sight *sights,
                           uint32_t addresses, struct ds_attack *out);

#endif
