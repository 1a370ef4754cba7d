/* SPDX-License-Identifier: Apache-2.0
 *
 * Attack vectors: what is known of a victim and protocol for as long as it keeps answering, over
 * windows. Window by window the victims of all workers come here; vectors that were silent for too
 * long end, and those that pass the thresholds of CAIDA's RSDoS detection (corsaro3, corsaro_dos.c)
 * become records of the window. docs/statistics.md defines every figure.
 *
 * Pure; runs on the thread that gathers windows.
 */
#ifndef DARKSCOPE_ATTACKS_H
#define DARKSCOPE_ATTACKS_H

#include "darkscope/window.h"
#include "timeline.h"
#include "victims.h"

/* A value at a threshold passes. Absolute, as CAIDA's: a smaller telescope sees fewer attacks. */
#define DS_ATTACK_PACKETS_MIN 25
#define DS_ATTACK_SECONDS_MIN 60
#define DS_ATTACK_PPM_MIN     30 /* packets in some 60 s, by steps of 10 s */
/* Silent for one window, but for no less than this: a vector ends. */
#define DS_ATTACK_SILENCE_S   60
/* 48 MB; only windows below a minute can fill them, for others the victims' bound is lower. */
#define DS_VECTORS_MAX        (1u << 19)

#define DS_ATTACK_RATE_STEPS 6 /* of DS_VICTIM_STEP_MS: a minute */

struct ds_vector {
    uint64_t key;              /* ds_victim_key */
    int64_t start_ms, last_ms; /* since 1970, UTC */
    uint64_t packets, bytes, mismatches;
    uint64_t max_ppm;
    int64_t step;                          /* the last one with a packet, since 1970 */
    uint32_t recent[DS_ATTACK_RATE_STEPS]; /* packets of the steps up to that, by step modulo */
    uint16_t country;                      /* index, geo.h */
    uint32_t found;                        /* its place in what this window found, or none */
};

/* What is kept from window to window. All zero to begin with. */
struct ds_attacks {
    struct ds_vector *vectors; /* by victim and protocol, none twice */
    size_t count;
    int64_t end_s; /* of the window before */
};

void ds_attacks_finish(struct ds_attacks *a);

/* Takes the victims of a window, which comes after those before unless time itself ran backwards,
 * and sets the attacks of out; adds to their overflow. 0, or -1 without memory. */
int ds_attacks_close(struct ds_attacks *a, const struct ds_victims *victims,
                     const struct ds_epoch *epoch, struct ds_window *out);

#endif
