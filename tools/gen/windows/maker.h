/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes the window that a sensor tells of a piece of time.
 *
 * A party has some of its hosts active in a window: an arc of its slots, which goes round from
 * window to window. Each of its cells takes the next few hosts of the arc. So which host sent how
 * much to which port is known though no packet is made, and all unique counts are those of hosts.
 */
#ifndef DARKSCOPE_GEN_MAKER_H
#define DARKSCOPE_GEN_MAKER_H

#include "attacks.h"
#include "sketcher.h"

#define DS_GEN_TRACKS_MAX 16 /* ports whose unique hosts are followed */
#define DS_GEN_MARKS_MAX  16 /* signatures of all groups */
#define DS_GEN_NO_PARTY   UINT32_MAX

/* A party in the window that is made. */
struct ds_gen_act {
    double packets, root, spread;
    uint32_t first_slot, slots; /* of the party */
    uint32_t start;             /* of its arc, from first_slot */
    uint32_t hosts;             /* length of the arc */
    uint32_t base;              /* where they are in maker.hosts */
    uint32_t cursor;            /* where the next cell takes its hosts */
    uint64_t taken;             /* hosts of all cells */
    uint64_t sent, sent_bytes;
    uint16_t bytes, jitter;
    bool survey;
};

/* Of a host of an arc: at first differences to the one before it, then its figures. */
struct ds_gen_host_sum {
    int32_t packets, ports;
};

/* What goes to a cell. */
struct ds_gen_flow {
    uint64_t key, bytes;
    uint32_t packets, sources;
    uint32_t party, cursor; /* whose hosts from where; of an answer: DS_GEN_NO_PARTY, the attack */
    bool survey;
};

struct ds_gen_flows {
    struct ds_gen_flow *list; /* by key; has room for one more than there can be */
    size_t count;
};

/* Hosts of a party that a tracked port was sent packets from. */
struct ds_gen_track_arc {
    uint32_t track, party, start, count; /* start as in the act, wrapping at slots */
};

struct ds_gen_maker {
    const struct ds_gen_model *model; /* borrowed, as pace */
    const struct ds_gen_pace *pace;
    struct ds_gen_attacks attacks;
    double *levels; /* by party */
    struct ds_gen_act *acts;
    struct ds_gen_host_sum *hosts;
    size_t host_count;
    struct ds_gen_flows heads, tails, answers; /* answers: of attacks */
    const struct ds_gen_sight *sights;         /* of the attacks, by the sensor */

    uint16_t track_ports[DS_GEN_TRACKS_MAX]; /* TCP, class scan */
    unsigned track_count;
    uint8_t *tracks; /* by port: 1 + index, 0: none */
    struct ds_gen_track_arc *arcs;
    size_t arc_count, arc_room;

    uint16_t *places_by_code;       /* indices of places, in the order of their codes */
    uint16_t *rank_of_place;        /* where they are in there */
    int8_t marks[DS_GEN_MARKS_MAX]; /* signatures in order of their names */
    unsigned mark_count;

    uint32_t *addresses; /* by slot, of address_day */
    int64_t address_day;
    struct ds_gen_sketcher sketcher;
    uint64_t *order, *spare; /* for sorting records */
    struct ds_source_record *records, *sorted;
    size_t cell_room;
    struct ds_window window; /* its tables have room for all there can be */
};

/* Takes hosts of the model for attacks. 0, or -1 without memory; must be given to finish. */
int ds_gen_maker_init(struct ds_gen_maker *m, struct ds_gen_model *model,
                      const struct ds_gen_pace *pace);
void ds_gen_maker_finish(struct ds_gen_maker *m);

/* The window, valid until the next call. Pieces of a sensor come in order of time, and those of all
 * sensors by window. */
const struct ds_window *ds_gen_maker_make(struct ds_gen_maker *m, const struct ds_gen_piece *piece);

/* Hosts of the arc that sent something: its first ones. */
static inline uint32_t ds_gen_act_seen(const struct ds_gen_act *a)
{
    return a->taken < a->hosts ? (uint32_t)a->taken : a->hosts;
}

/* Parts of make, each in a file of its own: draws what parties send, and fills
 * the window's tables of it. */
void ds_gen_maker_draw(struct ds_gen_maker *m, const struct ds_gen_piece *piece);
void ds_gen_maker_cells(struct ds_gen_maker *m);
void ds_gen_maker_tables(struct ds_gen_maker *m, const struct ds_gen_piece *piece);
void ds_gen_maker_records(struct ds_gen_maker *m, const struct ds_gen_piece *piece);
void ds_gen_maker_sketches(struct ds_gen_maker *m);
void ds_gen_maker_books(struct ds_gen_maker *m, const struct ds_gen_piece *piece);

/* Of sketches: when addresses are those of a new day, and both ends of it all. cells: that a window
 * has at most. */
void ds_gen_maker_hash_day(struct ds_gen_maker *m);
int ds_gen_maker_sketches_init(struct ds_gen_maker *m, size_t cells);
void ds_gen_maker_sketches_finish(struct ds_gen_maker *m);

#endif
