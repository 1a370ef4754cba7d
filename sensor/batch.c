/* SPDX-License-Identifier: Apache-2.0
 *
 * A packet is worked on three times, with AHEAD others in between: examined, its source counted,
 * all else counted. Each time it leaves prefetches behind for the next, so that its DRAM lines
 * (country, source, pair, cell) come while others are worked on: that is three times the speed of
 * the same work packet by packet. The three go on side by side instead of batch by batch, since
 * then memory and arithmetic are busy all the time and not in turn: a fifth of the time.
 */
#include "batch.h"

#include "classify/classify.h"
#include "parse.h"

/* The build says which of the two this is. */
#ifdef DS_BATCH_V3
#define BATCH_COUNT ds_batch_count_v3
#else
#define BATCH_COUNT ds_batch_count
#endif

static void count_malformed(struct ds_counts *c, enum ds_malformed reason)
{
    c->books[DS_BOOK_MALFORMED]++;
    c->malformed[reason]++;
}

/* Between two looks at a packet: enough for a line to come. The more packets are on their way, the
 * more of their lines are gone from the first cache again when they are needed: 16 cost 3 % more.
 */
#define AHEAD 8
_Static_assert(3 * AHEAD < DS_BATCH_HITS, "those on their way have room");

/* Is the packet ours? If so its destination is counted. */
static inline bool take_destination4(const struct ds_batch_view *b, const struct ds_packet *p,
                                     struct ds_counts *c)
{
    int64_t index = DS_MONITOR_OUTSIDE;
    if (!b->monitor->everything) {
        index = ds_monitor_index4(b->monitor, p->dest4);
        if (index == DS_MONITOR_OUTSIDE)
            return false;
    }
    ds_count_destination(c, index, p->dest_key);
    return true;
}

static bool is_ours(const struct ds_batch_view *b, const struct ds_snap *s,
                    const struct ds_packet *p)
{
    if (b->monitor->everything)
        return true;
    return p->is_v6 ? ds_monitor_has6(b->monitor, s->bytes + 24)
                    : ds_monitor_index4(b->monitor, p->dest4) != DS_MONITOR_OUTSIDE;
}

/* Counts what the packet's own bytes tell; the rest goes on its way, with prefetches. */
static inline void send(const struct ds_batch_view *b, struct ds_counts *c,
                        const struct ds_packet *p, const struct ds_verdict *v, struct ds_hit *h)
{
    c->types[v->type]++;
    c->protocols[p->proto]++;
    uint32_t signatures = v->signatures;
    if (b->experimental && v->type == DS_TYPE_TCP_SYN)
        signatures |= ds_syn_experimental(p, signatures);
    ds_count_signatures(c, signatures);
    h->counts = c;
    h->source_key = p->source_key | DS_COUNT_KEY_SET;
    h->source_hash = ds_hash(b->key, h->source_key);
    h->cell_key = ds_count_cell_key(v->cls, v->proto, v->port, 0);
    h->pair_key = ds_count_pair_key(h->source_key, h->cell_key);
    h->pair_hash = ds_hash(b->key, h->pair_key);
    h->signatures = (uint16_t)signatures;
    h->device = v->device;
    if (signatures & DS_SIGNATURES_RELATED)
        h->relation = ds_syn_relation(p, signatures);
    h->bytes = p->total_bytes;
    ds_count_prefetch_source(h);
}

/* Backscatter: what of it answers an attack is counted at the end of the batch. A monitored address
 * is nobody's victim: it would be shown. Parses the packet again, so that the caller can keep its
 * own in registers: most packets do not come here. */
static __attribute__((noinline)) void note_echo(const struct ds_batch_view *b, struct ds_counts *c,
                                                const struct ds_snap *s)
{
    struct ds_packet p;
    struct ds_echo *e = &b->echoes->list[b->echoes->count];
    ds_parse(s->bytes, s->captured, b->key, &p);
    if (!ds_echo_read(&p, b->key, e))
        return;
    if (!b->monitor->everything && ds_monitor_index4(b->monitor, e->victim) != DS_MONITOR_OUTSIDE)
        return;
    e->ms = s->ms;
    e->victims = &c->victims;
    b->echoes->count++;
}

static void count_echoes(struct ds_echoes *echoes, const struct ds_geo *geo)
{
    for (size_t i = 0; i < echoes->count; i++)
        ds_victims_prefetch(&echoes->list[i]);
    for (size_t i = 0; i < echoes->count; i++) {
        struct ds_victim *fresh = ds_victims_find(&echoes->list[i]);
        if (fresh)
            fresh->country = ds_geo_find4(geo, echoes->list[i].victim);
    }
    for (size_t i = 0; i < echoes->count; i++)
        ds_victims_count(&echoes->list[i]);
    echoes->count = 0;
}

/* Signatures of files, while the snap is in the cache. Parses it again, likewise: with them, that
 * is little; without them, most packets stay in registers. */
static __attribute__((noinline)) void match_rules(const struct ds_batch_view *b,
                                                  const struct ds_snap *s, struct ds_counts *c)
{
    struct ds_packet p;
    ds_parse(s->bytes, s->captured, b->key, &p);
    ds_rules_examine(b->matches, &c->rules, &p, s->bytes, s->captured);
}

static inline void examine_rules(const struct ds_batch_view *b, const struct ds_snap *s,
                                 struct ds_counts *c)
{
    if (atomic_load_explicit(&c->rules.rules, memory_order_relaxed))
        match_rules(b, s, c);
}

/* Any packet. False: it is counted already, as outside or malformed. */
static __attribute__((noinline)) bool examine_any(const struct ds_batch_view *b,
                                                  const struct ds_snap *s, struct ds_counts *c,
                                                  struct ds_hit *h)
{
    if (!s->is_packet) {
        count_malformed(c, s->malformed);
        return false;
    }
    struct ds_packet p;
    struct ds_verdict v;
    enum ds_malformed reason = ds_parse_careful(s->bytes, s->captured, b->key, &p);
    if (p.has_addresses && !is_ours(b, s, &p)) {
        c->books[DS_BOOK_OUTSIDE]++;
        return false;
    }
    if (reason != DS_MALFORMED_COUNT) {
        count_malformed(c, reason);
        return false;
    }
    if (p.is_v6)
        ds_count_destination(c, DS_MONITOR_OUTSIDE, p.dest_key);
    else
        take_destination4(b, &p, c);
    ds_classify(&p, &v);
    if (v.cls == DS_CLASS_BACKSCATTER)
        note_echo(b, c, s);
    c->books[DS_BOOK_FRAGMENT] += p.fragment;
    c->books[DS_BOOK_TRUNCATED] += p.truncated;
    h->country = DS_COUNT_COUNTRY_LATER;
    if (p.is_v6)
        h->country = b->geo ? ds_geo_find6(b->geo, s->bytes + 8) : DS_GEO_UNKNOWN;
    send(b, c, &p, &v, h);
    examine_rules(b, s, c);
    return true;
}

/* The same, in line for the ordinary packet. */
static inline bool examine(const struct ds_batch_view *b, const struct ds_snap *s, struct ds_hit *h)
{
    struct ds_counts *c = b->counts[s->epoch % DS_TIMELINE_OPEN_MAX];
    struct ds_packet p;
    struct ds_verdict v;
    if (!s->is_packet || !ds_parse_fast(s->bytes, s->captured, &p)) {
        if (!examine_any(b, s, c, h))
            return false;
    } else if (!take_destination4(b, &p, c)) {
        c->books[DS_BOOK_OUTSIDE]++;
        return false;
    } else {
        if (p.proto == DS_PROTO_TCP) {
            ds_classify_tcp(&p, &v);
            if (v.cls == DS_CLASS_BACKSCATTER)
                note_echo(b, c, s);
        } else {
            ds_classify_udp(&p, &v);
        }
        h->country = DS_COUNT_COUNTRY_LATER;
        send(b, c, &p, &v, h);
        examine_rules(b, s, c);
    }
    h->moment = (uint8_t)((s->ms - s->before_s * 1000u) * c->moment_scale >> 40);
    c->books[DS_BOOK_LATE] += s->late;
    return true;
}

static inline void find_cell(const struct ds_batch_view *b, struct ds_hit *h)
{
    h->cell_key |= (uint64_t)h->country << DS_CELL_COUNTRY_SHIFT;
    h->cell_hash = ds_hash(b->key, h->cell_key);
    ds_count_prefetch_cell(h);
}

static inline void count_source(const struct ds_batch_view *b, struct ds_hit *h)
{
    ds_count_source(h);
    ds_count_prefetch_pair(h);
    if (h->country == DS_COUNT_COUNTRY_LATER)
        ds_geo_prefetch4(b->geo, (uint32_t)h->source_key);
    else
        find_cell(b, h);
}

/* The country of a source that was new. */
static inline void find_country(const struct ds_batch_view *b, struct ds_hit *h)
{
    if (h->country != DS_COUNT_COUNTRY_LATER)
        return;
    h->country = ds_geo_find4(b->geo, (uint32_t)h->source_key);
    ds_count_origin(h);
    find_cell(b, h);
}

/* One step: a new packet in, and the next look at each of three on their way. */
static inline void step(const struct ds_batch_view *b, struct ds_hit *hits, uint64_t at)
{
    count_source(b, &hits[(at - AHEAD) % DS_BATCH_HITS]);
    find_country(b, &hits[(at - 2 * AHEAD) % DS_BATCH_HITS]);
    ds_count_packet(&hits[(at - 3 * AHEAD) % DS_BATCH_HITS]);
}

/* While the way is not yet full, or is emptied: `at` is as in step, `from` the first packet on it.
 */
static void step_in_part(const struct ds_batch_view *b, struct ds_hit *hits, uint64_t at,
                         uint64_t from, uint64_t end)
{
    uint64_t source = at - AHEAD, country = source - AHEAD, last = country - AHEAD;
    if (source >= from && source < end)
        count_source(b, &hits[source % DS_BATCH_HITS]);
    if (country >= from && country < end)
        find_country(b, &hits[country % DS_BATCH_HITS]);
    if (last >= from && last < end)
        ds_count_packet(&hits[last % DS_BATCH_HITS]);
}

static void finish(struct ds_batch *b)
{
    for (uint64_t at = b->examined; at < b->examined + 3 * AHEAD; at++)
        step_in_part(&b->view, b->hits, at, b->first, b->examined);
    b->first = b->examined;
}

void BATCH_COUNT(struct ds_batch *batch, const struct ds_snap *snaps, size_t n)
{
    if (n == 0) {
        finish(batch);
        count_echoes(&batch->echoes, batch->view.geo);
        return;
    }
    /* Copies, so that the compiler knows that nothing changes them. */
    const struct ds_hash_key key = *batch->view.key;
    struct ds_batch_view b = batch->view;
    b.key = &key;
    b.matches = &batch->matches;
    b.echoes = &batch->echoes;
    struct ds_hit *hits = batch->hits;
    uint64_t at = batch->examined;
    for (const struct ds_snap *end = snaps + n; snaps < end; snaps++) {
        if (!examine(&b, snaps, &hits[at % DS_BATCH_HITS]))
            continue;
        if (at - batch->first >= 3 * AHEAD)
            step(&b, hits, at);
        else
            step_in_part(&b, hits, at, batch->first, at);
        at++;
    }
    batch->examined = at;
    ds_rules_count(&batch->matches);
    if (batch->echoes.count > DS_BATCH_ECHOES - DS_BATCH)
        count_echoes(&batch->echoes, b.geo);
}
