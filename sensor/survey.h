/* SPDX-License-Identifier: Apache-2.0
 *
 * Survey scanners: who sweeps many ports of the whole telescope in a day (NICTER's rule), and who
 * belongs to a listed organisation. The rule is in docs/statistics.md. Pure.
 *
 * Two halves. The day's table lives beside the gathering of windows, in the uplink thread: each
 * window tells it of its sources. What it has judged goes to the workers as sets, which never
 * change; a worker only looks a new source up.
 *
 * IPv4 only: an IPv6 source is known by a hash alone.
 */
#ifndef DARKSCOPE_SURVEY_H
#define DARKSCOPE_SURVEY_H

#include "monitor.h"
#include "table.h"

#include <stdatomic.h>

/* The day's candidates, and the scanners known; both refuse more and count what they refused. */
#define DS_SURVEY_CANDIDATES_MAX 65536u /* their numbers fit 16 bits */
#define DS_SURVEY_KNOWN_MAX      65536u
#define DS_SURVEY_PORTS_MAX      256u

struct ds_survey_settings {
    uint32_t ports;   /* distinct service ports in a day, 1 .. DS_SURVEY_PORTS_MAX */
    uint64_t packets; /* TCP SYN and UDP scan packets in a day; 0: nobody is judged by them */
    const struct ds_monitor *acknowledged; /* prefixes of organisations; borrowed; NULL: none */
};

/* A source of today. Ports are kept up to as many as the rule asks for, so the rule is exact. */
struct ds_survey_candidate {
    uint32_t address;
    uint32_t port_count;
    uint64_t packets;
    uint32_t ports[]; /* protocol << 16 | port; room for settings.ports */
};

/* A scanner, and the last day on which it was judged one: it counts on that day and the next. */
struct ds_survey_known {
    uint64_t key; /* address | DS_SURVEY_KEY_SET */
    int64_t day;
};
#define DS_SURVEY_KEY_SET (UINT64_C(1) << 62) /* so that 0.0.0.0 is a key too */

struct ds_survey {
    struct ds_survey_settings settings;
    struct ds_hash_key key;
    int64_t day; /* since 1970, of the configured time zone; of the last window */
    bool has_day;
    bool changed;              /* since the last set was made */
    uint64_t hurdle;           /* packets in this window from which on a new source is followed */
    struct ds_table index;     /* address -> candidate */
    unsigned char *candidates; /* of candidate_bytes each */
    size_t candidate_bytes;
    uint32_t candidate_count;
    uint32_t judged_count;
    uint32_t *judged;      /* addresses that the last window made scanners, in no order */
    struct ds_table known; /* struct ds_survey_known */
    uint64_t forgotten;    /* candidates given up and scanners without room, since the start */
};

/* 0, or -1 without memory. Afterwards it must stay where it is. */
int ds_survey_init(struct ds_survey *s, const struct ds_survey_settings *settings);
void ds_survey_finish(struct ds_survey *s);

/* How many sources of a window have 2^i .. 2^(i+1)-1 scan packets. */
struct ds_survey_census {
    uint64_t sources[64];
};

static inline void ds_survey_census_add(struct ds_survey_census *c, uint64_t packets)
{
    if (packets)
        c->sources[63 - __builtin_clzll(packets)]++;
}

/* A window is over. Its sources are told next, each once with its packets, then their ports, each
 * at least once; then ds_survey_end judges. Windows come in order. Another day than the last
 * window's begins with an empty table. */
void ds_survey_begin(struct ds_survey *s, int64_t day, uint32_t seconds,
                     const struct ds_survey_census *census);
#define DS_SURVEY_NOBODY UINT32_MAX
/* The candidate that this source is, or DS_SURVEY_NOBODY; good until ds_survey_end. */
uint32_t ds_survey_source(struct ds_survey *s, uint32_t address, uint64_t packets);
/* True where it has as many as the rule asks for: no more need be told. */
bool ds_survey_port(struct ds_survey *s, uint32_t candidate, uint8_t proto, uint16_t port);
void ds_survey_end(struct ds_survey *s);

/* Is it a scanner on the day of the last window: judged or listed? */
bool ds_survey_is_known(const struct ds_survey *s, uint32_t address);

static inline struct ds_survey_candidate *ds_survey_candidate(const struct ds_survey *s, uint32_t i)
{
    return (struct ds_survey_candidate *)(void *)(s->candidates + i * s->candidate_bytes);
}

/* For the state file: puts one back; the first says the day. False where there is no room or it
 * is none. */
void ds_survey_restore_day(struct ds_survey *s, int64_t day);
bool ds_survey_restore_known(struct ds_survey *s, uint32_t address, int64_t day);
bool ds_survey_restore_candidate(struct ds_survey *s, const struct ds_survey_candidate *c);

/* ---- what the workers look up ---- */

/* The scanners of a day. Never changes. */
struct ds_survey_set {
    const struct ds_monitor *acknowledged; /* NULL: none */
    struct ds_hash_key key;
    unsigned uses; /* windows; the ring's */
    uint32_t mask;
    uint32_t slots[]; /* addresses by hash, 0 is free: 0.0.0.0 is nobody's */
};

/* set may be NULL: nobody is known. */
static inline bool ds_survey_has(const struct ds_survey_set *set, uint32_t address)
{
    if (!set)
        return false;
    for (uint64_t at = ds_hash(&set->key, address);; at++) {
        uint32_t found = set->slots[at & set->mask];
        if (found == 0)
            break;
        if (found == address)
            return true;
    }
    return set->acknowledged && ds_monitor_index4(set->acknowledged, address) != DS_MONITOR_OUTSIDE;
}

/* Which set each window is counted with: the scanners known when the DS_SURVEY_LAG-th window
 * before it had been gathered. No nearer one would be the same for every number of workers and
 * every speed: a worker may begin a window while up to four before it are not gathered yet
 * (worker.h), but never five. For the same reason a set is no longer looked at once its window has
 * been gathered, and no lock is needed. */
#define DS_SURVEY_LAG    5
#define DS_SURVEY_PLACES 8

struct ds_survey_ring {
    _Atomic(struct ds_survey_set *) places[DS_SURVEY_PLACES]; /* by window number */
    struct ds_survey_set *current;
};

/* For the first windows: what a state file knew. 0, or -1 without memory. survey may be NULL: then
 * nobody is ever known. */
int ds_survey_ring_init(struct ds_survey_ring *r, struct ds_survey *survey);
void ds_survey_ring_finish(struct ds_survey_ring *r);
/* Uplink thread: this window has been gathered and its sets are not free yet. Without memory the
 * set before is used on. */
void ds_survey_ring_advance(struct ds_survey_ring *r, struct ds_survey *survey, uint32_t window);

/* Workers: the set to count this window with; NULL: nobody is known. */
static inline const struct ds_survey_set *ds_survey_ring_get(const struct ds_survey_ring *r,
                                                             uint32_t window)
{
    return atomic_load_explicit(&r->places[window % DS_SURVEY_PLACES], memory_order_acquire);
}

#endif
