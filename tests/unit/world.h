/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a store: random windows, late, twice, in parts, of sensors with different lengths,
 * while hours and days are rolled up and files deleted; and the same windows in memory.
 */
#ifndef DARKSCOPE_TESTS_WORLD_H
#define DARKSCOPE_TESTS_WORLD_H

#include "scratch-store.h"

#define WORLD_DAYS  3
#define WORLD_STEPS 120                 /* at most */
#define WORLD_START INT64_C(1769731200) /* 2026-01-30: the days cross a month's end */
#define DAY_S       INT64_C(86400)
#define HOUR_S      INT64_C(3600)

/* What windows are made of. */
extern const char *const world_sensors[3];
extern const uint16_t world_ports[8];
extern const uint8_t world_protos[4];
extern const ds_country world_countries[4];

/* A stored window: what came of a sensor for a start, since the day's file is there. */
struct row {
    unsigned sensor;
    unsigned epoch; /* how often the day's file had been deleted */
    uint64_t parts;
    struct ds_window window;
};

struct message {
    unsigned sensor;
    uint64_t sequence;
    struct ds_window window;
};

struct world {
    struct scratch scratch;
    uint64_t random;
    struct row rows[2 * WORLD_STEPS]; /* a step may be two */
    size_t row_count;
    struct message messages[2 * WORLD_STEPS];
    size_t message_count;
    unsigned epochs[WORLD_DAYS];
    int64_t now_s;
};

uint64_t world_below(struct world *w, uint64_t bound);

void world_begin(struct world *w, uint64_t seed);
/* A window comes, or comes again, time passes, or the store is opened again. */
void world_step(struct world *w);
void world_end(struct world *w);

#endif
