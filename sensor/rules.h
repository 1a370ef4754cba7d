/* SPDX-License-Identifier: Apache-2.0
 *
 * Signatures from files as packets meet them: compiled, read-only, shared by all workers
 * (signatures.h reads the files). Which of them a packet matches, and the counts of that in one
 * worker's window. Pure.
 *
 * A packet costs one look-up by protocol and destination port; only the rules that it gives are
 * held against the packet. What matches is kept in a list, so that the memory that counting it
 * needs is fetched for many at once.
 */
#ifndef DARKSCOPE_RULES_H
#define DARKSCOPE_RULES_H

#include "darkscope/error.h"
#include "darkscope/limits.h"
#include "darkscope/types.h"
#include "packet.h"
#include "table.h"

#include <stdatomic.h>

/* Signatures of all files together: with the built-in ones they fit into a window. */
#define DS_RULES_MAX 1000
_Static_assert(DS_RULES_MAX + DS_SIGNATURE_COUNT <= DS_SIGNATURES_MAX, "a window has all of them");

/* Port ranges of one rule. */
#define DS_RULE_RANGES_MAX  32
/* Bytes of a payload match, and the last byte of the payload it can look at: a slot holds no more
 * behind the shortest headers, those of UDP in IPv4. */
#define DS_RULE_PAYLOAD_MAX 64
#define DS_RULE_REACH_MAX   (DS_SNAP_BYTES - 28)
/* Sets of rules that packets of some port can match, and rules in all of them together. */
#define DS_RULE_SETS_MAX    UINT16_MAX
#define DS_RULE_ENTRIES_MAX (UINT32_C(1) << 22)
/* Slots of all workers' tables together, 64 MB, as those of count.h. */
#define DS_RULE_SOURCES_MAX (UINT32_C(1) << 22)
/* Matches that wait to be counted. */
#define DS_RULE_PENDING_MAX 256

struct bpf_insn;

/* A number in a packet: of the four bytes at `at`, in network order, shifted right and masked. */
struct ds_rule_number {
    uint32_t mask;
    uint8_t at, shift;
};

/* One question of a condition to an ordinary packet: IPv4 without options, no later fragment, of
 * the rule's protocol. Compares a number with another plus a value: one of these two is 0. */
enum ds_rule_compare {
    DS_RULE_IS_VALUE, /* equal, and there is no other number */
    DS_RULE_EQUAL,
    DS_RULE_GREATER,
    DS_RULE_AT_LEAST,
    DS_RULE_ANY_BIT
};
struct ds_rule_test {
    struct ds_rule_number number, other;
    uint32_t value;
    uint8_t compare; /* enum ds_rule_compare */
    uint8_t
        next[2]; /* the test that follows where it does not hold, and where it does; or an end */
};
#define DS_RULE_TESTS_MAX 200
#define DS_RULE_ACCEPT    254
#define DS_RULE_REJECT    255

struct ds_rule_range {
    uint16_t first, last; /* both included */
};

/* One signature. A packet matches where all of it holds. */
struct ds_rule {
    uint8_t flags_mask, flags; /* TCP: of the masked flags these are set; mask 0: any */
    uint8_t payload_bytes;     /* 0: any payload */
    bool payload_anywhere;     /* within the captured bytes, else at the offset */
    uint16_t payload_offset;
    const struct bpf_insn *program; /* on the IP header; owned; NULL: any */
    /* The same for ordinary packets, from the first on, of which at least so many bytes were
     * captured; several times as fast. Owned; NULL: the condition is none that can be put so. */
    const struct ds_rule_test *tests;
    uint32_t tests_bytes;
    uint8_t payload[DS_RULE_PAYLOAD_MAX];

    /* What only the index looks at. */
    int proto;            /* IP protocol; -1: any */
    unsigned range_count; /* of the destination port; 0: any, and packets without ports */
    struct ds_rule_range ranges[DS_RULE_RANGES_MAX];
    char id[DS_SIGNATURE_ID_MAX + 1];
};

/* The rules that packets of one kind can match: entries[first .. first + count). */
struct ds_rule_set {
    uint32_t first, count;
};

struct ds_rules {
    struct ds_rule *rules; /* owned */
    size_t count;          /* 1 .. DS_RULES_MAX */
    struct ds_rule_set *sets;
    size_t set_count;
    uint16_t *entries; /* places in rules, ascending in each set */
    size_t entry_count;
    uint16_t (*by_port)[2][1 << 16]; /* TCP, UDP: the set of a destination port */
    uint16_t by_proto[256];          /* the set of other packets and of those without ports */
    struct ds_rules *retired;        /* for whoever replaced it */
};

/* Takes count rules (an array from malloc, and their programs) in any case and makes the index.
 * 0, or -1 with err where there are too many different sets or no memory. */
int ds_rules_create(struct ds_rule *rules, size_t count, struct ds_rules **out,
                    struct ds_error *err);
void ds_rules_destroy(struct ds_rules *r); /* accepts NULL */

/* Which rules the packet matches: writes their places, ascending, and returns how many. bytes are
 * the captured bytes that p was parsed from. */
size_t ds_rules_match(const struct ds_rules *r, const struct ds_packet *p, const uint8_t *snap,
                      uint32_t captured, uint16_t out[static DS_RULES_MAX]);

/* Does libpcap's interpreter, a plain function, accept the packet? It reads nothing beyond the
 * captured bytes; a condition that would does not hold. */
bool ds_rule_condition(const struct bpf_insn *program, const uint8_t *snap, uint32_t total,
                       uint32_t captured);

/* What one worker counted in one window. */
struct ds_rule_tally {
    uint64_t packets;
    uint64_t sources;
    uint64_t confirmed_sources; /* sent at least two */
};

/* Who matched what; an entry of the table. The key is the rule's place and, above it, the source:
 * an IPv4 address, or bit 63 and 36 bits of the keyed hash of an IPv6 one (as in count.h); and bit
 * 62, so that it is none of 0. */
struct ds_rule_source {
    uint64_t key;
    uint64_t packets;
};
#define DS_RULE_BITS       10
#define DS_RULE_SOURCE     ((UINT64_C(1) << 36) - 1)
#define DS_RULE_SOURCE_IP6 (UINT64_C(1) << 63)
_Static_assert(DS_RULES_MAX <= 1 << DS_RULE_BITS, "a rule's place has its bits");

struct ds_rule_counts {
    /* The rules of this window from its first packet to its last, held by whoever set them. */
    _Atomic(const struct ds_rules *) rules; /* NULL: none */
    struct ds_rule_tally *tallies;          /* DS_RULES_MAX, by the rule's place */
    struct ds_table sources;
    uint64_t overflow; /* matches whose source found no room: sources are lower bounds */
};

/* Each worker gets its share of the bound. 0, or -1 without memory. */
int ds_rule_counts_init(struct ds_rule_counts *c, unsigned workers, const struct ds_hash_key *key);
void ds_rule_counts_finish(struct ds_rule_counts *c);
/* Empty again and without rules, memory kept. */
void ds_rule_counts_clear(struct ds_rule_counts *c);

/* Matches of one batch that are not counted yet. */
struct ds_rule_pending {
    size_t count;
    struct ds_rule_hit {
        struct ds_rule_counts *counts;
        uint64_t key, hash;
        uint16_t rule;
    } hits[DS_RULE_PENDING_MAX];
};

/* Holds a packet against the rules of its window, which has some, and remembers what it matches. */
void ds_rules_examine(struct ds_rule_pending *pending, struct ds_rule_counts *c,
                      const struct ds_packet *p, const uint8_t *snap, uint32_t captured);

/* Counts and empties the list. */
void ds_rules_count(struct ds_rule_pending *pending);

#endif
