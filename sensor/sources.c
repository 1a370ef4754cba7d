/* SPDX-License-Identifier: Apache-2.0
 *
 * The ports of a source are counted here, from the exact set of (source, service) pairs that the
 * workers keep for the unique sources of cells: so a packet costs nothing for it. And only for the
 * sources whose ports somebody asks for: finding the record of every pair's source would take
 * longer than all the rest of the gathering.
 */
#include "sources.h"

#include "sort.h"

#include <stdlib.h>

/* Records whose lines are fetched ahead of being looked at. */
#define AHEAD 16

/* In ds_source.ports: this one is a candidate of the survey that needs more ports; its number is
 * in place of `unscanned`, which is read by then. No service has this bit. */
#define IS_CANDIDATE (UINT32_C(1) << 31)

/* A bit for every hash of a source whose ports are wanted: 64 KB stay in the cache. That a source
 * shares another's bit does no harm but that its ports are counted, too. */
#define WANTED_BITS (UINT32_C(1) << 19)

/* Pairs whose source's ports are wanted are collected and counted so many at a time. */
#define PAIRS_COLLECTED 256

/* Which sources are listed: all with more packets, and as many with just so many as there is room
 * for, by address. */
struct threshold {
    uint32_t packets;
    size_t equal;
};

struct gathering {
    struct ds_set *const *sets;
    unsigned workers;
    const struct ds_hash_key *key; /* of the tables */
    struct ds_survey *survey;      /* NULL: nobody is judged */
    uint32_t *packets;             /* of each source */
    size_t count;
    struct threshold threshold;
    struct ds_sort_item *items; /* address and record of those with so many; room to sort them */
    size_t item_count;
    struct ds_sort_item *listed; /* of the items, by address */
    size_t listed_count;
    uint64_t wanted[WANTED_BITS / 64];
};

/* ---- who is asked for ---- */

/* Where more than the field can hold is no scan, nothing is known of the rest: it is not judged. */
static uint64_t scan_packets(const struct ds_source *s)
{
    return s->unscanned == UINT16_MAX ? 0 : s->packets - s->unscanned;
}

static void take_census(struct gathering *g, const struct ds_table *sources,
                        struct ds_survey_census *census)
{
    struct ds_table_walk walk = {0};
    for (const struct ds_source *s; (s = ds_table_next(sources, &walk));) {
        if (s->key & DS_COUNT_KEY_IP6)
            continue;
        ds_survey_census_add(census, scan_packets(s));
        g->packets[g->count++] = s->packets;
    }
}

static size_t count_above(const struct gathering *g, uint32_t threshold)
{
    size_t above = 0;
    for (size_t i = 0; i < g->count; i++)
        above += g->packets[i] > threshold;
    return above;
}

static struct threshold find_threshold(const struct gathering *g, size_t limit)
{
    if (g->count <= limit)
        return (struct threshold){0, 0};
    uint32_t low = 0, high = UINT32_MAX; /* the least that at most `limit` sources are above */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (count_above(g, middle) <= limit)
            high = middle;
        else
            low = middle + 1;
    }
    return (struct threshold){low, limit - count_above(g, low)};
}

static void want(struct gathering *g, const struct ds_source *s)
{
    uint64_t bit = ds_hash(g->key, s->key) % WANTED_BITS;
    g->wanted[bit / 64] |= UINT64_C(1) << bit % 64;
}

/* From here on the ports of those that are wanted stand where their last service was. */
static void tell_survey(struct gathering *g, struct ds_source *s)
{
    uint32_t candidate = ds_survey_source(g->survey, (uint32_t)s->key, scan_packets(s));
    if (candidate == DS_SURVEY_NOBODY)
        return;
    s->ports = IS_CANDIDATE;
    s->unscanned = (uint16_t)candidate;
    want(g, s);
}

/* The candidates of earlier windows are looked for among the sources, and not the other way round:
 * they are few. */
static void find_candidates(struct gathering *g, const struct ds_table *sources, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t key = ds_survey_candidate(g->survey, i)->address | DS_COUNT_KEY_SET;
        struct ds_source *s = ds_table_find(sources, key, ds_hash(g->key, key), sizeof *s);
        if (s)
            tell_survey(g, s);
    }
}

static void tell_all(struct gathering *g, int64_t day, uint32_t seconds,
                     const struct ds_survey_census *census)
{
    ds_survey_begin(g->survey, day, seconds, census);
    uint32_t followed = g->survey->candidate_count;
    for (unsigned i = 0; i < g->workers; i++)
        find_candidates(g, &g->sets[i]->counts.sources, followed);
}

/* New candidates, and those that are listed if there is room. */
static void choose(struct gathering *g, const struct ds_table *sources)
{
    uint64_t hurdle = g->survey ? g->survey->hurdle : UINT64_MAX;
    struct ds_table_walk walk = {0};
    for (struct ds_source *s; (s = ds_table_next(sources, &walk));) {
        bool is_large = s->packets >= g->threshold.packets, may_be_new = s->packets >= hurdle;
        if (!(is_large | may_be_new) || s->key & DS_COUNT_KEY_IP6)
            continue;
        if (is_large)
            g->items[g->item_count++] = (struct ds_sort_item){(uint32_t)s->key, (uintptr_t)s};
        if (may_be_new && !(s->ports & IS_CANDIDATE))
            tell_survey(g, s);
    }
}

static struct ds_source *source_of(const struct ds_sort_item *item)
{
    return (void *)item->value; /* NOLINT(performance-no-int-to-ptr) */
}

/* Sorts them by address and leaves those for which there is room. */
static void list(struct gathering *g)
{
    size_t equal = g->threshold.equal, count = 0;
    g->listed = ds_sort(g->items, g->items + g->item_count, g->item_count, 0);
    for (size_t i = 0; i < g->item_count; i++) {
        if (i + AHEAD < g->item_count)
            __builtin_prefetch(source_of(&g->listed[i + AHEAD]), 1);
        struct ds_source *s = source_of(&g->listed[i]);
        if (s->packets == g->threshold.packets && equal == 0)
            continue;
        equal -= s->packets == g->threshold.packets;
        g->listed[count++] = g->listed[i];
        if (!(s->ports & IS_CANDIDATE))
            s->ports = 0;
        want(g, s);
    }
    g->listed_count = count;
}

static int choose_all(struct gathering *g, size_t limit, int64_t day, uint32_t seconds)
{
    struct ds_survey_census census = {0};
    size_t most = 0;
    for (unsigned i = 0; i < g->workers; i++)
        most += g->sets[i]->counts.sources.used;
    g->packets = malloc((most + 1) * sizeof *g->packets);
    if (!g->packets)
        return -1;
    for (unsigned i = 0; i < g->workers; i++)
        take_census(g, &g->sets[i]->counts.sources, &census);
    g->threshold = find_threshold(g, limit);
    most = g->threshold.packets ? count_above(g, g->threshold.packets - 1) : g->count;
    g->items = malloc((most * 2 + 1) * sizeof *g->items);
    if (!g->items)
        return -1;
    if (g->survey)
        tell_all(g, day, seconds, &census);
    for (unsigned i = 0; i < g->workers; i++)
        choose(g, &g->sets[i]->counts.sources);
    list(g);
    return 0;
}

/* ---- ports ---- */

struct pair {
    uint64_t source, hash; /* in the table of sources */
    uint32_t service;
};

static struct pair pair_of(const struct ds_pair *p, const struct ds_hash_key *key)
{
    uint64_t source = DS_COUNT_KEY_SET | (uint32_t)(p->key >> 26);
    return (struct pair){source, ds_hash(key, source), (uint32_t)p->key & DS_COUNT_SERVICE};
}

static void count_port(const struct ds_table *sources, const struct pair *p,
                       struct ds_survey *survey)
{
    struct ds_source *s = ds_table_find(sources, p->source, p->hash, sizeof *s);
    if (!s)
        return; /* the table was full: the source has no record */
    s->ports++;
    if (!(s->ports & IS_CANDIDATE))
        return;
    uint8_t cls = (uint8_t)(p->service >> 24), proto = (uint8_t)(p->service >> 16);
    if (cls == DS_CLASS_SCAN && (proto == DS_PROTO_TCP || proto == DS_PROTO_UDP) &&
        ds_survey_port(survey, s->unscanned, proto, (uint16_t)p->service))
        s->ports &= ~IS_CANDIDATE;
}

/* Their sources lie in another order: fetched early, most of the waiting is saved. */
static void count_collected(const struct ds_table *sources, const struct pair *pairs, size_t count,
                            struct ds_survey *survey)
{
    for (size_t i = 0; i < count + AHEAD; i++) {
        if (i < count)
            ds_table_prefetch(sources, pairs[i].hash, sizeof(struct ds_source));
        if (i >= AHEAD)
            count_port(sources, &pairs[i - AHEAD], survey);
    }
}

/* Whether a pair is wanted decides no branch. */
static void count_ports(const struct gathering *g, const struct ds_counts *c)
{
    struct pair wanted[PAIRS_COLLECTED];
    size_t count = 0;
    struct ds_table_walk walk = {0};
    for (const struct ds_pair *entry; (entry = ds_table_next(&c->pairs, &walk));) {
        wanted[count] = pair_of(entry, g->key);
        uint64_t bit = wanted[count].hash % WANTED_BITS;
        bool is_ip4 = (entry->key & (DS_COUNT_KEY_SET | DS_COUNT_KEY_IP6)) == DS_COUNT_KEY_SET;
        count += g->wanted[bit / 64] >> bit % 64 & is_ip4;
        if (count == PAIRS_COLLECTED) {
            count_collected(&c->sources, wanted, count, g->survey);
            count = 0;
        }
    }
    count_collected(&c->sources, wanted, count, g->survey);
}

/* ---- records ---- */

static struct ds_source_record record_of(const struct ds_source *s, bool moments_known)
{
    return (struct ds_source_record){
        .address = (uint32_t)s->key,
        .packets = s->packets,
        .ports = s->ports & ~IS_CANDIDATE,
        .seen = s->seen,
        .confirmed = s->confirmed,
        .country = ds_geo_country(s->country),
        .classes = s->classes,
        .survey = s->survey ? DS_SURVEY_YES : DS_SURVEY_NO,
        .first = UINT8_MAX - s->early,
        .last = moments_known ? s->last : UINT8_MAX,
    };
}

static int by_address(const void *left, const void *right)
{
    const uint32_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

/* Marks those that this window made scanners. */
static void mark_found(struct ds_survey *survey, struct ds_window *w)
{
    size_t at = 0;
    qsort(survey->judged, survey->judged_count, sizeof *survey->judged, by_address);
    for (uint32_t i = 0; i < survey->judged_count; i++) {
        while (at < w->source_record_count && w->source_records[at].address < survey->judged[i])
            at++;
        if (at < w->source_record_count && w->source_records[at].address == survey->judged[i] &&
            w->source_records[at].survey == DS_SURVEY_NO)
            w->source_records[at].survey = DS_SURVEY_FOUND;
    }
}

static void name_marks(struct ds_window *w)
{
    _Static_assert(DS_SIGNATURE_COUNT <= DS_MARKS_MAX, "every signature is a bit");
    for (unsigned i = 0; i < DS_SIGNATURE_COUNT; i++)
        strcpy(w->marks[i], ds_signature_name(i));
    w->mark_count = DS_SIGNATURE_COUNT;
}

static int make_records(const struct gathering *g, struct ds_window *w)
{
    bool moments_known = g->sets[0]->counts.moment_scale != 0;
    w->source_records = malloc((g->listed_count + 1) * sizeof *w->source_records);
    if (!w->source_records)
        return -1;
    for (size_t i = 0; i < g->listed_count; i++)
        w->source_records[i] = record_of(source_of(&g->listed[i]), moments_known);
    w->source_record_count = g->listed_count;
    return 0;
}

static int add_records(const struct gathering *g, struct ds_asn *asn, struct ds_window *w)
{
    if (make_records(g, w))
        return -1;
    name_marks(w);
    if (g->survey)
        mark_found(g->survey, w);
    if (asn)
        ds_asn_fill(asn, w->source_records, w->source_record_count);
    return 0;
}

static void finish(struct gathering *g)
{
    free(g->items);
    free(g->packets);
    free(g);
}

int ds_sources_gather(const struct ds_sources *s, struct ds_set *const *sets, unsigned workers,
                      int64_t day, struct ds_window *out)
{
    if (!s->survey && s->limit == 0)
        return 0;
    struct gathering *g = calloc(1, sizeof *g);
    if (!g)
        return -1;
    g->sets = sets;
    g->workers = workers;
    g->key = sets[0]->counts.sources.key;
    g->survey = s->survey;
    int failed = choose_all(g, s->limit, day, out->seconds);
    for (unsigned i = 0; !failed && i < workers; i++)
        count_ports(g, &sets[i]->counts);
    if (!failed && g->survey)
        ds_survey_end(g->survey);
    if (!failed && s->limit)
        failed = add_records(g, s->asn, out);
    finish(g);
    return failed;
}
