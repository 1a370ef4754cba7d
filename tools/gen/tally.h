/* SPDX-License-Identifier: Apache-2.0
 *
 * Exact counts of one stretch of time: the books, and sets of all that is unique.
 */
#ifndef DARKSCOPE_GEN_TALLY_H
#define DARKSCOPE_GEN_TALLY_H

#include "marks.h"
#include "set.h"

#include "darkscope/window.h"

/* What is known of a source. */
struct ds_gen_sender {
    struct ds_gen_session session;
    uint64_t packets;
    uint32_t signatures;
    uint8_t form; /* enum ds_device, the last of its SYNs */
    ds_country country;
};

/* Sources and destinations are numbers that the caller gave to addresses. */
struct ds_gen_tally {
    uint64_t books[DS_BOOK_COUNT];
    uint64_t malformed[DS_MALFORMED_COUNT];
    uint64_t types[DS_TYPE_COUNT];
    uint64_t protocols[256];
    struct ds_tally classes[DS_CLASS_COUNT];
    uint64_t bytes, active_addresses;
    struct ds_gen_set sources, destinations;
    struct ds_gen_sender *senders;   /* by number of sources */
    struct ds_gen_set class_sources; /* class, source */
    struct ds_gen_set cell_keys;     /* ds_cell_key */
    struct ds_cell *cells;           /* by number of cell_keys */
    struct ds_gen_set cell_sources;  /* cell number, source */
    struct ds_gen_set country_keys;
    struct ds_country_tally *countries; /* by number of country_keys */
    struct ds_gen_set marked_sources;   /* signature, source */
    uint32_t *marks;                    /* packets, by number of marked_sources */
    struct ds_signature_tally signatures[DS_SIGNATURE_COUNT];
    size_t sender_room, cell_room, country_room, mark_room;
    bool failed; /* no memory: the counts are wrong */
};

/* Counts a packet. late: it is older than the stretch it is counted into. */
void ds_gen_tally_count(struct ds_gen_tally *t, const struct ds_gen_fact *f, uint32_t source,
                        uint32_t dest, ds_country country, bool late);

/* Gives the counts to w (initialised by the caller), which then owns copies. False without
 * memory. */
bool ds_gen_tally_window(const struct ds_gen_tally *t, struct ds_window *w);

/* Back to zero, keeping memory. */
void ds_gen_tally_clear(struct ds_gen_tally *t);
void ds_gen_tally_finish(struct ds_gen_tally *t);

#endif
