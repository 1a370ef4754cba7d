/* SPDX-License-Identifier: Apache-2.0 */
#include "survey.h"

#include <stdlib.h>

#define DAY_S           86400
/* A source is followed from the window on in which it sends a quarter of the pace that makes a
 * scanner: what was not seen of it before is less than a quarter of what the rule asks for. */
#define HURDLE_PART     4
/* When a window begins with more, those with fewest packets are given up. */
#define CANDIDATES_KEPT (DS_SURVEY_CANDIDATES_MAX / 2)
#define CANDIDATES_FULL (DS_SURVEY_CANDIDATES_MAX / 4 * 3)
/* A table is never more than three quarters full (table.h). */
#define SLOTS(entries)  ((size_t)(entries)*2)

struct place {
    uint64_t key;
    uint64_t candidate;
};

static uint64_t key_of(uint32_t address)
{
    return address | DS_SURVEY_KEY_SET;
}

static void *upsert(struct ds_table *t, uint32_t address, uint32_t entry_bytes, bool *is_new)
{
    return ds_table_upsert(t, key_of(address), ds_hash(t->key, key_of(address)), entry_bytes,
                           is_new);
}

int ds_survey_init(struct ds_survey *s, const struct ds_survey_settings *settings)
{
    *s = (struct ds_survey){.settings = *settings, .key = ds_hash_key_random()};
    s->candidate_bytes = sizeof(struct ds_survey_candidate) + settings->ports * sizeof(uint32_t);
    s->candidate_bytes = (s->candidate_bytes + 7) / 8 * 8;
    /* Only the pages that are written cost memory. */
    s->candidates = calloc(DS_SURVEY_CANDIDATES_MAX, s->candidate_bytes);
    s->judged = calloc(DS_SURVEY_CANDIDATES_MAX, sizeof *s->judged);
    if (s->candidates && s->judged &&
        ds_table_init(&s->index, sizeof(struct place), SLOTS(DS_SURVEY_CANDIDATES_MAX), &s->key) ==
            0 &&
        ds_table_init(&s->known, sizeof(struct ds_survey_known), SLOTS(DS_SURVEY_KNOWN_MAX),
                      &s->key) == 0)
        return 0;
    ds_survey_finish(s);
    return -1;
}

void ds_survey_finish(struct ds_survey *s)
{
    ds_table_finish(&s->index);
    ds_table_finish(&s->known);
    free(s->candidates);
    free(s->judged);
    s->candidates = NULL;
    s->judged = NULL;
}

/* ---- candidates ---- */

/* Most packets first, then by address: the same whatever order they came in. */
static int by_packets(const void *left, const void *right)
{
    const struct ds_survey_candidate *a = left, *b = right;
    if (a->packets != b->packets)
        return a->packets < b->packets ? 1 : -1;
    return (a->address > b->address) - (a->address < b->address);
}

static void give_up_smallest(struct ds_survey *s)
{
    qsort(s->candidates, s->candidate_count, s->candidate_bytes, by_packets);
    s->forgotten += s->candidate_count - CANDIDATES_KEPT;
    s->candidate_count = CANDIDATES_KEPT;
    ds_table_clear(&s->index);
    for (uint32_t i = 0; i < s->candidate_count; i++) {
        bool is_new;
        struct place *p = upsert(&s->index, ds_survey_candidate(s, i)->address, sizeof *p, &is_new);
        if (p)
            p->candidate = i;
    }
}

/* The candidate of an address, made where there is none and room. */
static uint32_t find_candidate(struct ds_survey *s, uint32_t address, bool may_add)
{
    bool is_new;
    const struct place *old =
        ds_table_find(&s->index, key_of(address), ds_hash(&s->key, key_of(address)), sizeof *old);
    if (old)
        return (uint32_t)old->candidate;
    if (!may_add || s->candidate_count == DS_SURVEY_CANDIDATES_MAX)
        return DS_SURVEY_NOBODY;
    struct place *p = upsert(&s->index, address, sizeof *p, &is_new);
    if (!p)
        return DS_SURVEY_NOBODY;
    p->candidate = s->candidate_count++;
    struct ds_survey_candidate *c = ds_survey_candidate(s, (uint32_t)p->candidate);
    *c = (struct ds_survey_candidate){.address = address};
    return (uint32_t)p->candidate;
}

/* ---- known ones ---- */

static bool is_current(const struct ds_survey *s, int64_t day)
{
    return day == s->day || day == s->day - 1;
}

/* Those of the day before yesterday are known no more. */
static void expire(struct ds_survey *s)
{
    size_t count = 0;
    struct ds_table_walk walk = {0};
    struct ds_survey_known *left = malloc((s->known.used + 1) * sizeof *left);
    if (!left)
        return; /* they are not taken for known in any case */
    for (const struct ds_survey_known *k; (k = ds_table_next(&s->known, &walk));)
        if (is_current(s, k->day))
            left[count++] = *k;
    ds_table_clear(&s->known);
    for (size_t at = 0; at < count; at++)
        ds_survey_restore_known(s, (uint32_t)left[at].key, left[at].day);
    free(left);
}

bool ds_survey_restore_known(struct ds_survey *s, uint32_t address, int64_t day)
{
    bool is_new;
    if (address == 0)
        return false;
    struct ds_survey_known *k = s->known.used < DS_SURVEY_KNOWN_MAX
                                    ? upsert(&s->known, address, sizeof *k, &is_new)
                                    : ds_table_find(&s->known, key_of(address),
                                                    ds_hash(&s->key, key_of(address)), sizeof *k);
    if (!k)
        return false;
    k->day = day;
    s->changed = true;
    return true;
}

bool ds_survey_is_known(const struct ds_survey *s, uint32_t address)
{
    const struct ds_monitor *listed = s->settings.acknowledged;
    const struct ds_survey_known *k =
        ds_table_find(&s->known, key_of(address), ds_hash(&s->key, key_of(address)), sizeof *k);
    return (k && is_current(s, k->day)) ||
           (listed && ds_monitor_index4(listed, address) != DS_MONITOR_OUTSIDE);
}

/* ---- a window ---- */

static void begin_day(struct ds_survey *s, int64_t day)
{
    s->day = day;
    s->has_day = true;
    s->changed = true;
    s->candidate_count = 0;
    ds_table_clear(&s->index);
    expire(s);
}

/* From how many packets on new sources are followed: a part of the pace, but never so few that
 * this window's might not all find room. */
static uint64_t choose_hurdle(const struct ds_survey *s, uint32_t seconds,
                              const struct ds_survey_census *census)
{
    double pace = (double)s->settings.packets * seconds / DAY_S / HURDLE_PART;
    uint64_t hurdle = pace > 1 ? (uint64_t)pace : 1;
    uint64_t room = DS_SURVEY_CANDIDATES_MAX - s->candidate_count, above = 0;
    for (int i = 63; i >= 0; i--) {
        above += census->sources[i];
        if (above <= room)
            continue;
        uint64_t least = i < 63 ? UINT64_C(2) << i : UINT64_MAX;
        return hurdle > least ? hurdle : least;
    }
    return hurdle;
}

void ds_survey_begin(struct ds_survey *s, int64_t day, uint32_t seconds,
                     const struct ds_survey_census *census)
{
    if (!s->has_day || day != s->day)
        begin_day(s, day);
    if (s->candidate_count > CANDIDATES_FULL)
        give_up_smallest(s);
    s->judged_count = 0;
    s->hurdle = choose_hurdle(s, seconds, census);
}

uint32_t ds_survey_source(struct ds_survey *s, uint32_t address, uint64_t packets)
{
    bool is_small = packets < s->hurdle && s->candidate_count == 0;
    if (s->settings.packets == 0 || packets == 0 || address == 0 || is_small)
        return DS_SURVEY_NOBODY;
    uint32_t i = find_candidate(s, address, packets >= s->hurdle);
    if (i != DS_SURVEY_NOBODY)
        ds_survey_candidate(s, i)->packets += packets;
    return i;
}

bool ds_survey_port(struct ds_survey *s, uint32_t candidate, uint8_t proto, uint16_t port)
{
    struct ds_survey_candidate *c = ds_survey_candidate(s, candidate);
    uint32_t key = (uint32_t)proto << 16 | port;
    uint32_t i = 0;
    while (i < c->port_count && c->ports[i] != key)
        i++;
    if (i == c->port_count && i < s->settings.ports)
        c->ports[c->port_count++] = key;
    return c->port_count == s->settings.ports;
}

/* One that is judged already today need not be again. */
static void judge(struct ds_survey *s, const struct ds_survey_candidate *c)
{
    if (c->port_count < s->settings.ports || c->packets < s->settings.packets)
        return;
    const struct ds_survey_known *k = ds_table_find(
        &s->known, key_of(c->address), ds_hash(&s->key, key_of(c->address)), sizeof *k);
    if (k && k->day == s->day)
        return;
    bool was_current = k && is_current(s, k->day);
    if (!ds_survey_restore_known(s, c->address, s->day))
        s->forgotten++;
    else if (!was_current)
        s->judged[s->judged_count++] = c->address;
}

void ds_survey_end(struct ds_survey *s)
{
    for (uint32_t i = 0; i < s->candidate_count; i++)
        judge(s, ds_survey_candidate(s, i));
}

/* ---- from the state file ---- */

void ds_survey_restore_day(struct ds_survey *s, int64_t day)
{
    begin_day(s, day);
}

bool ds_survey_restore_candidate(struct ds_survey *s, const struct ds_survey_candidate *c)
{
    uint32_t before = s->candidate_count;
    uint32_t i = c->address ? find_candidate(s, c->address, true) : DS_SURVEY_NOBODY;
    if (i == DS_SURVEY_NOBODY || s->candidate_count == before)
        return false;
    ds_survey_candidate(s, i)->packets = c->packets;
    for (uint32_t at = 0; at < c->port_count; at++)
        ds_survey_port(s, i, (uint8_t)(c->ports[at] >> 16), (uint16_t)c->ports[at]);
    return true;
}

/* ---- sets ---- */

/* NULL where nobody can be known, or without memory (*failed). */
static struct ds_survey_set *make_set(const struct ds_survey *s, bool *failed)
{
    *failed = false;
    if (s->known.used == 0 && !s->settings.acknowledged)
        return NULL;
    uint32_t slots = 16;
    while (slots < s->known.used * 4)
        slots *= 2;
    struct ds_survey_set *set = calloc(1, sizeof *set + slots * sizeof *set->slots);
    if (!set) {
        *failed = true;
        return NULL;
    }
    set->acknowledged = s->settings.acknowledged;
    set->key = s->key;
    set->mask = slots - 1;
    struct ds_table_walk walk = {0};
    for (const struct ds_survey_known *k; (k = ds_table_next(&s->known, &walk));) {
        if (!is_current(s, k->day))
            continue;
        uint64_t at = ds_hash(&s->key, (uint32_t)k->key);
        while (set->slots[at & set->mask])
            at++;
        set->slots[at & set->mask] = (uint32_t)k->key;
    }
    return set;
}

static void release(struct ds_survey_set *set)
{
    if (set && --set->uses == 0)
        free(set);
}

/* The ring itself uses the current one. */
static void renew(struct ds_survey_ring *r, struct ds_survey *survey)
{
    bool failed;
    if (!survey || !survey->changed)
        return;
    struct ds_survey_set *set = make_set(survey, &failed);
    if (failed)
        return;
    if (set)
        set->uses = 1;
    release(r->current);
    r->current = set;
    survey->changed = false;
}

static void place(struct ds_survey_ring *r, uint32_t window)
{
    if (r->current)
        r->current->uses++;
    atomic_store_explicit(&r->places[window % DS_SURVEY_PLACES], r->current, memory_order_release);
}

int ds_survey_ring_init(struct ds_survey_ring *r, struct ds_survey *survey)
{
    memset(r, 0, sizeof *r);
    if (survey) {
        survey->changed = true;
        renew(r, survey);
        if (survey->changed)
            return -1;
    }
    for (uint32_t window = 1; window <= DS_SURVEY_LAG; window++)
        place(r, window);
    return 0;
}

void ds_survey_ring_finish(struct ds_survey_ring *r)
{
    for (unsigned i = 0; i < DS_SURVEY_PLACES; i++) {
        release(atomic_load(&r->places[i]));
        atomic_store(&r->places[i], NULL);
    }
    release(r->current);
    r->current = NULL;
}

void ds_survey_ring_advance(struct ds_survey_ring *r, struct ds_survey *survey, uint32_t window)
{
    release(atomic_load(&r->places[window % DS_SURVEY_PLACES]));
    atomic_store(&r->places[window % DS_SURVEY_PLACES], NULL);
    renew(r, survey);
    place(r, window + DS_SURVEY_LAG);
}
