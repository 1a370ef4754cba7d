/* SPDX-License-Identifier: Apache-2.0
 *
 * One worker's counts of one window: the tables that every packet touches. A packet is counted in
 * two steps, a batch apart, so that the memory each step needs was prefetched by the one before
 * (docs/architecture.md). Pure; one thread at a time.
 *
 * All packets of a source come to the same worker, so unique sources add up over workers.
 */
#ifndef DARKSCOPE_COUNT_H
#define DARKSCOPE_COUNT_H

#include "darkscope/window.h"
#include "geo.h"
#include "monitor.h"
#include "packet.h"
#include "table.h"
#include "timeline.h"

/* Slots of all workers' tables together, so that memory is bounded whatever arrives: 128 MB each
 * for sources, pairs and cells, and as much for the window before while it is being sent. But each
 * worker has room for all destinations, 32 MB: they are not divided among the workers. */
#define DS_COUNT_SOURCES_MAX      (UINT32_C(1) << 22)
#define DS_COUNT_PAIRS_MAX        (UINT32_C(1) << 24)
#define DS_COUNT_CELLS_MAX        (UINT32_C(1) << 22)
#define DS_COUNT_DESTINATIONS_MAX (UINT32_C(1) << 22)
/* Monitored IPv4 addresses that have a bit each, 2 MB in every set. In larger sets only those that
 * are hit are kept, in the table. */
#define DS_COUNT_BITMAP_MAX       (UINT32_C(1) << 24)
/* One for every (class, protocol, port) there is: cells under DS_COUNTRY_REST always find room. */
#define DS_COUNT_REST_MAX         (UINT32_C(1) << 21)

/* Table entries; their sizes are the tables' entry sizes. */
struct ds_source {
    uint64_t key;       /* ds_packet.source_key | DS_COUNT_KEY_SET, so that 0.0.0.0 is a key too */
    uint32_t packets;   /* stops at its largest value */
    uint32_t seen;      /* signatures of at least one packet */
    uint32_t confirmed; /* of at least two */
    uint32_t spare;
    uint16_t country;            /* index, geo.h */
    uint8_t classes;             /* bit 1 << enum ds_class */
    uint8_t device;              /* of its SYNs, the last: see ds_count_device */
    struct ds_relation relation; /* of its last packet with such a tool's shape; 0: none yet */
};
struct ds_pair {
    uint64_t key; /* source and service */
};
struct ds_destination {
    uint64_t key; /* ds_packet.dest_key | DS_COUNT_KEY_SET */
};
struct ds_count_cell {
    uint64_t key; /* ds_count_cell_key */
    uint64_t packets;
    uint64_t bytes;
    uint32_t sources;
    uint32_t pad;
};
_Static_assert(sizeof(struct ds_source) == 32 && sizeof(struct ds_count_cell) == 32,
               "two entries in a cache line");

/* A small counter for each signature, counted side by side in one vector: a packet's bits, with one
 * loop round each, would be as many mispredicted branches. */
typedef uint16_t ds_count_lanes __attribute__((vector_size(32), aligned(2)));
_Static_assert(DS_SIGNATURE_COUNT <= sizeof(ds_count_lanes) / sizeof(uint16_t), "a lane each");

/* Packets and bytes, counted ones, classes and countries are sums over the cells (gather.h). */
struct ds_counts {
    uint64_t books[DS_BOOK_COUNT]; /* outside, malformed, late, fragment, truncated only */
    uint64_t malformed[DS_MALFORMED_COUNT];
    uint64_t overflow[DS_OVERFLOW_COUNT];
    uint64_t types[DS_TYPE_COUNT];
    uint64_t protocols[256];
    uint64_t signature_packets[DS_SIGNATURE_COUNT];
    ds_count_lanes signature_lanes;                   /* those not yet in signature_packets */
    unsigned signature_rounds;                        /* packets since these were */
    struct ds_tally rest[DS_GEO_COUNT];               /* by country: what the cells under ** hold */
    struct ds_count_cell spare_cells[DS_CLASS_COUNT]; /* where memory ran out: of no port */
    struct ds_table sources, pairs, cells, rest_cells;
    struct ds_table destinations; /* those without a bit */
    uint64_t *destination_bits;   /* IPv4, by monitor index; NULL where there are none */
    size_t destination_words;
};

/* What a packet will be counted as: made by the worker's first pass. */
struct ds_hit {
    struct ds_counts *counts;
    uint64_t source_key, source_hash;
    uint64_t pair_key, pair_hash;
    uint64_t cell_key, cell_hash; /* complete once the country is known */
    uint64_t dest_key;            /* where dest_index is outside */
    int64_t dest_index;
    uint32_t source4;
    uint32_t signatures;
    uint16_t bytes;
    uint16_t country; /* index */
    uint8_t type, cls, proto, device;
    bool is_v6;
    struct ds_relation relation; /* where a related signature is set */
};

/* Each worker gets its share of the bounds. The key and the monitor are borrowed. 0, or -1 without
 * memory. */
int ds_counts_init(struct ds_counts *c, const struct ds_monitor *monitor, unsigned workers,
                   const struct ds_hash_key *key);
void ds_counts_finish(struct ds_counts *c);
/* Empty again, memory kept. */
void ds_counts_clear(struct ds_counts *c);

#define DS_COUNT_KEY_SET     (UINT64_C(1) << 62)
#define DS_COUNT_KEY_COUNTRY UINT64_C(0x3ff) /* the country's bits of a cell's key */

static inline uint64_t ds_count_cell_key(uint8_t cls, uint8_t proto, uint16_t port,
                                         uint16_t country)
{
    return DS_COUNT_KEY_SET | (uint64_t)cls << 34 | (uint64_t)proto << 26 | (uint64_t)port << 10 |
           country;
}

/* (source, class, protocol, port): exact for IPv4, a 63-bit keyed hash for IPv6. */
static inline uint64_t ds_count_pair_key(const struct ds_hash_key *k, const struct ds_hit *h,
                                         uint8_t proto, uint16_t port)
{
    uint64_t service = (uint64_t)h->cls << 24 | (uint64_t)proto << 16 | port;
    if (h->is_v6)
        return ds_hash(k, h->source_key + service) | UINT64_C(1) << 63;
    return DS_COUNT_KEY_SET | (uint64_t)h->source4 << 26 | service;
}

static inline void ds_count_prefetch_source(const struct ds_hit *h)
{
    ds_table_prefetch(&h->counts->sources, h->source_hash, sizeof(struct ds_source));
    ds_table_prefetch(&h->counts->pairs, h->pair_hash, sizeof(struct ds_pair));
}

static inline void ds_count_prefetch_cell(const struct ds_hit *h)
{
    ds_table_prefetch(&h->counts->cells, h->cell_hash, sizeof(struct ds_count_cell));
}

/* Which of a hit's signatures stand once the related ones were compared with the source's packet
 * before; remembers this one. */
uint32_t ds_count_related(struct ds_relation *last, const struct ds_hit *h);

/* First step: the source's record. Takes those signatures off the hit that need another packet. */
static inline void ds_count_source(struct ds_hit *h)
{
    bool is_new;
    struct ds_source *s =
        ds_table_upsert(&h->counts->sources, h->source_key, h->source_hash, sizeof *s, &is_new);
    if (!s) {
        h->counts->overflow[DS_OVERFLOW_SOURCES]++;
        h->signatures &= ~DS_SIGNATURES_RELATED;
        return;
    }
    if (is_new)
        s->country = h->country;
    uint32_t packets = s->packets + 1;
    s->packets = packets - (packets == 0);
    s->classes |= (uint8_t)(1u << h->cls);
    s->device = h->device > s->device ? h->device : s->device;
    if (h->signatures & DS_SIGNATURES_RELATED)
        h->signatures = ds_count_related(&s->relation, h);
    s->confirmed |= s->seen & h->signatures;
    s->seen |= h->signatures;
}

/* The class of a source: Mirai's mark, which chance gives once in 2^32, and then a tool's shape say
 * more than the form of its SYNs. */
static inline enum ds_device ds_count_device(const struct ds_source *s)
{
    const uint32_t shapes = DS_SIGNATURE_BIT(MASSCAN_1024) | DS_SIGNATURE_BIT(MASSCAN_1025) |
                            DS_SIGNATURE_BIT(ZMAP_MODERN) | DS_SIGNATURE_BIT(ZMAP_MODERN_OTHER) |
                            DS_SIGNATURES_RELATED;
    if (s->seen & DS_SIGNATURE_BIT(MIRAI))
        return DS_DEVICE_EMBEDDED;
    return s->seen & shapes ? DS_DEVICE_TOOL : s->device;
}

/* Where the cells are full: the one of the packet's port's rest, for which there is always room
 * unless memory itself ran out; then of its class. */
struct ds_count_cell *ds_count_rest_cell(const struct ds_hit *h);
/* A destination that has no bit. */
void ds_count_far_destination(const struct ds_hit *h);

static inline void ds_count_destination(const struct ds_hit *h)
{
    uint64_t place = (uint64_t)h->dest_index; /* DS_MONITOR_OUTSIDE is beyond all words */
    if (place / 64 < h->counts->destination_words)
        h->counts->destination_bits[place / 64] |= UINT64_C(1) << (place % 64);
    else
        ds_count_far_destination(h);
}

/* Adds up the lanes. */
void ds_count_lanes_empty(struct ds_counts *c);

static inline void ds_count_signatures(struct ds_counts *c, uint32_t signatures)
{
    static const ds_count_lanes bits = {1 << 0,  1 << 1,  1 << 2,  1 << 3, 1 << 4,  1 << 5,
                                        1 << 6,  1 << 7,  1 << 8,  1 << 9, 1 << 10, 1 << 11,
                                        1 << 12, 1 << 13, 1 << 14, 1 << 15};
    c->signature_lanes -= (ds_count_lanes)((bits & (uint16_t)signatures) != 0);
    if (++c->signature_rounds == UINT16_MAX)
        ds_count_lanes_empty(c);
}

/* Second step: everything else. */
static inline void ds_count_packet(const struct ds_hit *h)
{
    struct ds_counts *c = h->counts;
    bool new_pair = false, new_cell;
    c->types[h->type]++;
    c->protocols[h->proto]++;
    ds_count_signatures(c, h->signatures);
    if (!ds_table_upsert(&c->pairs, h->pair_key, h->pair_hash, sizeof(struct ds_pair), &new_pair))
        c->overflow[DS_OVERFLOW_PAIRS]++;
    struct ds_count_cell *cell =
        ds_table_upsert(&c->cells, h->cell_key, h->cell_hash, sizeof *cell, &new_cell);
    if (!cell)
        cell = ds_count_rest_cell(h);
    cell->packets++;
    cell->bytes += h->bytes;
    cell->sources += new_pair;
    ds_count_destination(h);
}

#endif
