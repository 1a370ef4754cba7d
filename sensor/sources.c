/* SPDX-License-Identifier: Apache-2.0
 *
 * The ports of a source are counted here, from the exact set of (source, service) pairs that the
 * workers keep for the unique sources of cells: so a packet costs nothing for it.
 */
#include "sources.h"

#include "sort.h"

#include <stdlib.h>

/* Pairs whose source's lines are fetched ahead of being looked at. */
#define AHEAD 16

/* In ds_source.ports: this one is a candidate of the survey that needs more ports; its number is
 * in place of `unscanned`, which is read by then. */
#define IS_CANDIDATE (UINT32_C(1) << 31)

/* ---- the survey ---- */

/* Where more than the field can hold is no scan, nothing is known of the rest: it is not judged. */
static uint64_t scan_packets(const struct ds_source *s)
{
    return s->unscanned == UINT16_MAX ? 0 : s->packets - s->unscanned;
}

static void take_census(const struct ds_table *sources, struct ds_survey_census *census)
{
    size_t i = 0;
    for (const struct ds_source *s; (s = ds_table_next(sources, &i));)
        if (!(s->key & DS_COUNT_KEY_IP6))
            ds_survey_census_add(census, scan_packets(s));
}

/* From here on a source's ports stand where its last service was. */
static void tell_sources(const struct ds_table *sources, struct ds_survey *survey)
{
    size_t i = 0;
    for (struct ds_source *s; (s = ds_table_next(sources, &i));) {
        s->ports = 0;
        if (!survey || s->key & DS_COUNT_KEY_IP6)
            continue;
        uint32_t candidate = ds_survey_source(survey, (uint32_t)s->key, scan_packets(s));
        if (candidate != DS_SURVEY_NOBODY) {
            s->ports = IS_CANDIDATE;
            s->unscanned = (uint16_t)candidate;
        }
    }
}

static void begin_survey(struct ds_survey *survey, struct ds_set *const *sets, unsigned workers,
                         int64_t day, uint32_t seconds)
{
    struct ds_survey_census census = {0};
    for (unsigned i = 0; i < workers; i++)
        take_census(&sets[i]->counts.sources, &census);
    ds_survey_begin(survey, day, seconds, &census);
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
static void count_ports(const struct ds_counts *c, struct ds_survey *survey)
{
    struct pair waiting[AHEAD];
    size_t count = 0, i = 0;
    for (const struct ds_pair *entry; (entry = ds_table_next(&c->pairs, &i));) {
        if (entry->key & DS_COUNT_KEY_IP6 || entry->key == DS_COUNT_PAIR_KNOWN)
            continue;
        struct pair *place = &waiting[count % AHEAD];
        if (count++ >= AHEAD)
            count_port(&c->sources, place, survey);
        *place = pair_of(entry, c->sources.key);
        ds_table_prefetch(&c->sources, place->hash, sizeof(struct ds_source));
    }
    for (size_t n = count < AHEAD ? count : AHEAD; n > 0; n--)
        count_port(&c->sources, &waiting[(count - n) % AHEAD], survey);
}

/* ---- records ---- */

/* Which sources are listed: all with more packets, and as many with just so many as there is room
 * for, by address. */
struct threshold {
    uint32_t packets;
    size_t equal;
};

static size_t count_above(const uint32_t *packets, size_t count, uint32_t threshold)
{
    size_t above = 0;
    for (size_t i = 0; i < count; i++)
        above += packets[i] > threshold;
    return above;
}

/* packets: of all sources. */
static struct threshold find_threshold(const uint32_t *packets, size_t count, size_t limit)
{
    if (count <= limit)
        return (struct threshold){0, 0};
    uint32_t low = 0, high = UINT32_MAX; /* the least that at most `limit` sources are above */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (count_above(packets, count, middle) <= limit)
            high = middle;
        else
            low = middle + 1;
    }
    return (struct threshold){low, limit - count_above(packets, count, low)};
}

static int choose(struct ds_set *const *sets, unsigned workers, size_t limit, struct threshold *out)
{
    size_t most = 0, count = 0;
    for (unsigned w = 0; w < workers; w++)
        most += sets[w]->counts.sources.used;
    uint32_t *packets = malloc((most + 1) * sizeof *packets);
    if (!packets)
        return -1;
    for (unsigned w = 0; w < workers; w++) {
        size_t i = 0;
        for (const struct ds_source *s; (s = ds_table_next(&sets[w]->counts.sources, &i));)
            if (!(s->key & DS_COUNT_KEY_IP6))
                packets[count++] = s->packets;
    }
    *out = find_threshold(packets, count, limit);
    free(packets);
    return 0;
}

static size_t collect(struct ds_set *const *sets, unsigned workers, uint32_t packets,
                      struct ds_sort_item *items)
{
    size_t count = 0;
    for (unsigned w = 0; w < workers; w++) {
        size_t i = 0;
        for (const struct ds_source *s; (s = ds_table_next(&sets[w]->counts.sources, &i));)
            if (!(s->key & DS_COUNT_KEY_IP6) && s->packets >= packets) {
                if (items)
                    items[count] = (struct ds_sort_item){(uint32_t)s->key, (uintptr_t)s};
                count++;
            }
    }
    return count;
}

static struct ds_source_record record_of(const struct ds_source *s, bool moments_known)
{
    return (struct ds_source_record){
        .address = (uint32_t)s->key,
        .packets = s->packets,
        .ports = s->ports & ~IS_CANDIDATE,
        .seen = s->seen,
        .confirmed = s->confirmed,
        .country = ds_geo_country(s->country),
        .classes = s->classes & (uint8_t)~DS_SOURCE_SURVEY,
        .survey = s->classes & DS_SOURCE_SURVEY ? DS_SURVEY_YES : DS_SURVEY_NO,
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

/* Items in order of address. */
static int make_records(const struct ds_sort_item *items, size_t count, struct threshold t,
                        bool moments_known, struct ds_window *w)
{
    enum { FAR = 16 }; /* sources lie in the order of their hashes */
    w->source_records = malloc((count + 1) * sizeof *w->source_records);
    if (!w->source_records)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct ds_source *s = (const void *)items[i].value;
        if (i + FAR < count)
            __builtin_prefetch((const void *)items[i + FAR].value);
        if (s->packets == t.packets && t.equal == 0)
            continue;
        t.equal -= s->packets == t.packets;
        w->source_records[w->source_record_count++] = record_of(s, moments_known);
    }
    return 0;
}

static int list_sources(struct ds_set *const *sets, unsigned workers, size_t limit,
                        struct ds_window *w)
{
    struct threshold t;
    if (choose(sets, workers, limit, &t))
        return -1;
    size_t count = collect(sets, workers, t.packets, NULL);
    struct ds_sort_item *items = malloc((count * 2 + 1) * sizeof *items);
    if (!items)
        return -1;
    collect(sets, workers, t.packets, items);
    const struct ds_sort_item *sorted = ds_sort(items, items + count, count, 0);
    int failed = make_records(sorted, count, t, sets[0]->counts.moment_scale != 0, w);
    free(items);
    return failed;
}

int ds_sources_gather(const struct ds_sources *g, struct ds_set *const *sets, unsigned workers,
                      int64_t day, struct ds_window *out)
{
    if (g->survey)
        begin_survey(g->survey, sets, workers, day, out->seconds);
    for (unsigned i = 0; i < workers; i++) {
        tell_sources(&sets[i]->counts.sources, g->survey);
        count_ports(&sets[i]->counts, g->survey);
    }
    if (g->survey)
        ds_survey_end(g->survey);
    if (g->limit == 0)
        return 0;
    if (list_sources(sets, workers, g->limit, out))
        return -1;
    name_marks(out);
    if (g->survey)
        mark_found(g->survey, out);
    if (g->asn)
        ds_asn_fill(g->asn, out->source_records, out->source_record_count);
    return 0;
}
