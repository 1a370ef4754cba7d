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
#include "rules.h"
#include "survey.h"
#include "table.h"
#include "timeline.h"
#include "victims.h"

/* Slots of all workers' tables of one window together, so that memory is bounded whatever arrives;
 * three quarters of them can be used. All tables of all windows share another bound
 * (DS_WORKER_TABLES_MAX). */
#define DS_COUNT_SOURCES_MAX      (UINT32_C(1) << 22) /* 128 MB */
#define DS_COUNT_PAIRS_MAX        (UINT32_C(1) << 24) /* 128 MB */
#define DS_COUNT_CELLS_MAX        (UINT32_C(1) << 22) /* 64 MB */
#define DS_COUNT_DESTINATIONS_MAX (UINT32_C(1) << 22) /* 32 MB */
/* Monitored IPv4 addresses that have a bit each, 2 MB in every set. In larger sets only those that
 * are hit are kept, in the table. */
#define DS_COUNT_BITMAP_MAX       (UINT32_C(1) << 24)
/* Of each worker, as any of them may see any port: for all that random protocols and ports bring, a
 * third of a million, and more. 32 MB, of which such a flood takes half. */
#define DS_COUNT_REST_MAX         (UINT32_C(1) << 20)

/* Table entries; their sizes are the tables' entry sizes. */
struct ds_source {
    uint64_t key;     /* ds_packet.source_key | DS_COUNT_KEY_SET, so that 0.0.0.0 is a key too */
    uint32_t packets; /* saturates */
    union {
        uint32_t service; /* its last packet's, see ds_count_service: with this one it is a pair */
        uint32_t ports;   /* instead, once the window is gathered: sources.c */
    };
    uint16_t seen;      /* signatures of at least one packet */
    uint16_t confirmed; /* of at least two */
    uint16_t country;   /* index, geo.h, or DS_COUNT_COUNTRY_LATER */
    uint16_t unscanned; /* packets that are no TCP SYN or UDP scan; saturates */
    uint8_t classes;    /* bit 1 << enum ds_class; DS_SOURCE_TCP, ..; and DS_SOURCE_SURVEY */
    uint8_t device;     /* of its SYNs, the last: see ds_count_device */
    uint8_t early; /* when it was seen first, in 1/256 of the window, from its end: 255 less it */
    uint8_t last;  /* when it was seen last, in 1/256 of the window */
    struct ds_relation relation; /* of its last packet with such a tool's shape; 0: none yet */
};
_Static_assert(DS_SIGNATURE_COUNT <= 16, "a bit each");
/* In ds_source.classes: a known survey scanner when this window began. */
#define DS_SOURCE_SURVEY_SHIFT   7
#define DS_SOURCE_SURVEY         (1u << DS_SOURCE_SURVEY_SHIFT)
/* There, too: protocols of the services that it sent to. */
#define DS_SOURCE_PROTOCOL_SHIFT DS_CLASS_COUNT
#define DS_SOURCE_TCP            (1u << DS_SOURCE_PROTOCOL_SHIFT)
#define DS_SOURCE_UDP            (2u << DS_SOURCE_PROTOCOL_SHIFT)
#define DS_SOURCE_ICMP           (4u << DS_SOURCE_PROTOCOL_SHIFT)
#define DS_SOURCE_ICMP6          (8u << DS_SOURCE_PROTOCOL_SHIFT)
#define DS_SOURCE_CLASSES        ((1u << DS_CLASS_COUNT) - 1)
_Static_assert(DS_SOURCE_PROTOCOL_SHIFT + 4 <= DS_SOURCE_SURVEY_SHIFT,
               "all have bits of their own");
struct ds_pair {
    uint64_t key; /* source and service */
};
struct ds_destination {
    uint64_t key; /* ds_packet.dest_key | DS_COUNT_KEY_SET */
};
/* A cell, packed, so that a cache line holds four and hardly any bucket overflows. What would not
 * fit is moved to the wide cells before. */
struct ds_count_cell {
    uint64_t key_packets;   /* ds_count_cell_key and, below it, packets */
    uint64_t bytes_sources; /* bytes and, above them, sources */
};
#define DS_CELL_PACKET_BITS  26
#define DS_CELL_BYTE_BITS    36
#define DS_CELL_BYTES        ((UINT64_C(1) << DS_CELL_BYTE_BITS) - 1)
#define DS_CELL_KEY_MASK     (UINT64_MAX << DS_CELL_PACKET_BITS)
/* Half full: the next packet still fits. */
#define DS_CELL_FULL_PACKETS (UINT64_C(1) << (DS_CELL_PACKET_BITS - 1))
#define DS_CELL_FULL_BYTES   (UINT64_C(1) << (DS_CELL_BYTE_BITS - 1))

/* The same without limits, for few. */
struct ds_wide_cell {
    uint64_t key; /* ds_count_cell_key */
    uint64_t packets, bytes, sources;
};
_Static_assert(sizeof(struct ds_source) == 32 && sizeof(struct ds_wide_cell) == 32 &&
                   sizeof(struct ds_count_cell) == 16,
               "whole entries in a cache line");

/* Sets of signatures that one packet can prove. Packets are counted by set, one addition each: a
 * round of a loop for each of their signatures would be as many mispredicted branches. */
#define DS_COUNT_SIGNATURE_SETS (1u << DS_SIGNATURE_NMAP)

/* Packets and bytes, counted ones, classes and countries are sums over the cells (gather.h). */
struct ds_counts {
    uint64_t books[DS_BOOK_COUNT]; /* outside, malformed, late, fragment, truncated only */
    uint64_t malformed[DS_MALFORMED_COUNT];
    uint64_t overflow[DS_OVERFLOW_COUNT];
    uint64_t types[DS_TYPE_COUNT];
    uint64_t protocols[256];
    uint64_t signature_sets[DS_COUNT_SIGNATURE_SETS]; /* by the bits of enum ds_signature */
    uint64_t related[DS_SIGNATURE_COUNT];             /* packets of those in none of these sets */
    struct ds_tally rest[DS_GEO_COUNT];               /* by country: what the cells under ** hold */
    struct ds_wide_cell spare_cells[DS_CLASS_COUNT];  /* where memory ran out: of no port */
    struct ds_table sources, pairs, cells;            /* pairs: and DS_COUNT_PAIR_KNOWN */
    struct ds_table wide_cells;   /* rests of ports, and what cells had too much of */
    struct ds_table destinations; /* those without a bit */
    struct ds_rule_counts rules;  /* signatures of files */
    uint64_t known_pair_hash;
    uint64_t *destination_bits; /* IPv4, by monitor index; NULL where there are none */
    size_t destination_words;
    /* Of the window that is being counted. */
    const struct ds_survey_set *survey; /* known scanners; borrowed; NULL: none */
    uint64_t moment_scale; /* (ms * this) >> 40 is the place in the window in 1/256; 0: no length */
    struct ds_victims victims;
};

/* A country that is yet to be looked up. */
#define DS_COUNT_COUNTRY_LATER UINT16_MAX

/* What of a packet is counted once its tables' lines have come: one line itself. */
struct ds_hit {
    struct ds_counts *counts;
    uint64_t source_key, source_hash;
    uint64_t pair_key, pair_hash;
    uint64_t cell_key; /* complete once the country is known, */
    union {
        uint64_t cell_hash;          /* and this; until then */
        struct ds_relation relation; /* where a related signature is set */
    };
    uint16_t signatures;
    uint8_t device; /* enum ds_device */
    uint8_t moment; /* its time in 1/256 of the window */
    uint16_t bytes;
    uint16_t country; /* index, or DS_COUNT_COUNTRY_LATER */
};
_Static_assert(sizeof(struct ds_hit) == 64, "one cache line");

/* A multiplication in place of a division, rounded up: exact for every ms of up to an hour. */
static inline uint64_t ds_count_moment_scale(int64_t window_ns)
{
    uint64_t window_ms = (uint64_t)(window_ns / 1000000);
    return window_ms ? ((UINT64_C(256) << 40) + window_ms - 1) / window_ms : 0;
}

/* Each worker gets its share of the bounds. The key and the monitor are borrowed. 0, or -1 without
 * memory. */
int ds_counts_init(struct ds_counts *c, const struct ds_monitor *monitor, unsigned workers,
                   const struct ds_hash_key *key);
/* From now on its tables grow by this allowance (table.h) and those that share it. */
void ds_counts_limit(struct ds_counts *c, atomic_size_t *allowance);
void ds_counts_finish(struct ds_counts *c);
/* Empty again, memory kept. */
void ds_counts_clear(struct ds_counts *c);
/* Empty again, memory given back. */
void ds_counts_release(struct ds_counts *c);

#define DS_COUNT_KEY_SET    (UINT64_C(1) << 62)
#define DS_COUNT_KEY_IP6    (UINT64_C(1) << 63) /* of sources, destinations and pairs */
/* Stands in the pairs for every pair that is known to be there: no branch is needed for it. */
#define DS_COUNT_PAIR_KNOWN UINT64_C(1)

/* Class, protocol, port, country: 36 bits in the order of ds_cell_key, from this one on. */
#define DS_CELL_COUNTRY_SHIFT DS_CELL_PACKET_BITS
#define DS_CELL_COUNTRY       UINT64_C(0x3ff)
#define DS_CELL_PORT_SHIFT    (DS_CELL_COUNTRY_SHIFT + 10)
#define DS_CELL_PROTO_SHIFT   (DS_CELL_PORT_SHIFT + 16)
#define DS_CELL_CLASS_SHIFT   (DS_CELL_PROTO_SHIFT + 8)
#define DS_CELL_CLASS         UINT64_C(3)
#define DS_CELL_KEY_BITS      36
/* Packets from survey scanners are counted in cells of their own, until they are gathered. */
#define DS_CELL_SURVEY_SHIFT  63
#define DS_CELL_SURVEY        (UINT64_C(1) << DS_CELL_SURVEY_SHIFT)

static inline uint64_t ds_count_cell_key(uint8_t cls, uint8_t proto, uint16_t port,
                                         uint16_t country)
{
    return DS_COUNT_KEY_SET | (uint64_t)cls << DS_CELL_CLASS_SHIFT |
           (uint64_t)proto << DS_CELL_PROTO_SHIFT | (uint64_t)port << DS_CELL_PORT_SHIFT |
           (uint64_t)country << DS_CELL_COUNTRY_SHIFT;
}

static inline unsigned ds_count_cell_class(uint64_t key)
{
    return key >> DS_CELL_CLASS_SHIFT & DS_CELL_CLASS;
}

/* Class, protocol and port of a cell's key: 26 bits and one that makes it nonzero. */
static inline uint32_t ds_count_service(uint64_t cell_key)
{
    return (uint32_t)(cell_key >> DS_CELL_PORT_SHIFT);
}

#define DS_COUNT_SERVICE ((UINT32_C(1) << 26) - 1)

/* (source, class, protocol, port): an IPv4 address, or 36 bits of the keyed hash of an IPv6 one: of
 * a million of these in a window seven pairs would be the same. */
#define DS_COUNT_PAIR_SOURCE_SHIFT 26
#define DS_COUNT_PAIR_SOURCE       ((UINT64_C(1) << 36) - 1)

static inline uint64_t ds_count_pair_key(uint64_t source_key, uint64_t cell_key)
{
    return DS_COUNT_KEY_SET | (source_key & DS_COUNT_KEY_IP6) |
           (source_key & DS_COUNT_PAIR_SOURCE) << DS_COUNT_PAIR_SOURCE_SHIFT |
           (ds_count_service(cell_key) & DS_COUNT_SERVICE);
}

static inline void ds_count_prefetch_source(const struct ds_hit *h)
{
    ds_table_prefetch(&h->counts->sources, h->source_hash);
}

static inline void ds_count_prefetch_pair(const struct ds_hit *h)
{
    ds_table_prefetch(&h->counts->pairs, h->pair_hash);
}

static inline void ds_count_prefetch_cell(const struct ds_hit *h)
{
    ds_table_prefetch(&h->counts->cells, h->cell_hash);
}

/* But for the related ones, which the source's record decides about. */
static inline void ds_count_signatures(struct ds_counts *c, uint32_t signatures)
{
    c->signature_sets[signatures % DS_COUNT_SIGNATURE_SETS]++;
}

/* Packets of each signature. */
void ds_count_signature_packets(const struct ds_counts *c,
                                uint64_t packets[static DS_SIGNATURE_COUNT]);

/* Takes the related signatures off a hit that do not stand once it is compared with the source's
 * packet before, counts those that do, and remembers this one. */
void ds_count_related(struct ds_relation *last, struct ds_hit *h);

/* By class << 8 | protocol: is it a packet that survey scanners are known by? */
static const uint8_t ds_count_probes[DS_CELL_CLASS + 1][256] = {
    [DS_CLASS_SCAN] = {[DS_PROTO_TCP] = 1, [DS_PROTO_UDP] = 1},
};

static const uint8_t ds_count_protocols[256] = {
    [DS_PROTO_TCP] = DS_SOURCE_TCP,
    [DS_PROTO_UDP] = DS_SOURCE_UDP,
    [DS_PROTO_ICMP] = DS_SOURCE_ICMP,
    [DS_PROTO_ICMP6] = DS_SOURCE_ICMP6,
};

/* Packets that are none, and when it was seen first and last: nothing of it branches. */
static inline void ds_count_visit(struct ds_source *s, const struct ds_hit *h)
{
    const uint8_t *probes = &ds_count_probes[0][0];
    uint32_t kind = (uint32_t)(h->cell_key >> DS_CELL_PROTO_SHIFT) & (sizeof ds_count_probes - 1);
    uint32_t unscanned = s->unscanned + 1u - probes[kind];
    s->unscanned = (uint16_t)(unscanned - (unscanned >> 16));
    uint8_t moment = h->moment, early = UINT8_MAX - moment;
    s->early = early > s->early ? early : s->early;
    s->last = moment > s->last ? moment : s->last;
}

/* First step: the source's record. Sets the hit's country if the source had one. */
static inline void ds_count_source(struct ds_hit *h)
{
    struct ds_counts *c = h->counts;
    uint32_t service = ds_count_service(h->cell_key);
    bool is_new;
    struct ds_source *s = ds_table_upsert_half(&c->sources, h->source_key, h->source_hash, &is_new);
    if (!s) {
        c->overflow[DS_OVERFLOW_SOURCES]++;
        return;
    }
    if (is_new)
        s->country = h->country;
    h->country = s->country;
    h->cell_key |= (uint64_t)(s->classes >> DS_SOURCE_SURVEY_SHIFT) << DS_CELL_SURVEY_SHIFT;
    bool known = s->service == service;
    h->pair_key = known ? DS_COUNT_PAIR_KNOWN : h->pair_key;
    h->pair_hash = known ? c->known_pair_hash : h->pair_hash;
    s->service = service;
    s->packets++;
    s->packets -= s->packets == 0;
    ds_count_visit(s, h);
    s->classes |= (uint8_t)(1u << ds_count_cell_class(h->cell_key));
    s->classes |= ds_count_protocols[(uint8_t)(h->cell_key >> DS_CELL_PROTO_SHIFT)];
    s->device = h->device > s->device ? h->device : s->device;
    if (h->signatures & DS_SIGNATURES_RELATED)
        ds_count_related(&s->relation, h);
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

/* For a new source, IPv4, whose country was looked up in the meantime: is it a survey scanner? */
static inline void ds_count_origin(struct ds_hit *h)
{
    bool is_new, survey = ds_survey_has(h->counts->survey, (uint32_t)h->source_key);
    h->cell_key |= (uint64_t)survey << DS_CELL_SURVEY_SHIFT;
    struct ds_source *s =
        ds_table_upsert_half(&h->counts->sources, h->source_key, h->source_hash, &is_new);
    if (!s)
        return;
    s->country = h->country;
    s->classes |= (uint8_t)(survey << DS_SOURCE_SURVEY_SHIFT);
}

/* A destination that has no bit. */
void ds_count_far_destination(struct ds_counts *c, uint64_t dest_key);

/* index as of ds_monitor_index4; dest_key is ds_packet's. */
static inline void ds_count_destination(struct ds_counts *c, int64_t index, uint64_t dest_key)
{
    uint64_t place = (uint64_t)index; /* DS_MONITOR_OUTSIDE is beyond all words */
    if (place / 64 < c->destination_words)
        c->destination_bits[place / 64] |= UINT64_C(1) << (place % 64);
    else
        ds_count_far_destination(c, dest_key | DS_COUNT_KEY_SET);
}

/* Where the cells are full: into the one of the packet's port's rest, for which there is always
 * room unless memory itself ran out; then of its class. */
void ds_count_rest(const struct ds_hit *h, bool new_pair);
/* Moves what a cell holds to the wide cells. */
void ds_count_widen(struct ds_counts *c, struct ds_count_cell *cell);

/* Second step: everything else. */
static inline void ds_count_packet(const struct ds_hit *h)
{
    struct ds_counts *c = h->counts;
    bool new_pair = false, new_cell;
    if (!ds_table_upsert(&c->pairs, h->pair_key, h->pair_hash, sizeof(struct ds_pair), &new_pair))
        c->overflow[DS_OVERFLOW_PAIRS]++;
    struct ds_count_cell *cell = ds_table_upsert_masked(&c->cells, h->cell_key, h->cell_hash,
                                                        sizeof *cell, DS_CELL_KEY_MASK, &new_cell);
    if (!cell) {
        ds_count_rest(h, new_pair);
        return;
    }
    cell->key_packets++;
    cell->bytes_sources += h->bytes | (uint64_t)new_pair << DS_CELL_BYTE_BITS;
    if ((cell->key_packets & DS_CELL_FULL_PACKETS) | (cell->bytes_sources & DS_CELL_FULL_BYTES))
        ds_count_widen(c, cell);
}

#endif
