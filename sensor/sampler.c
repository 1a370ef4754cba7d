/* SPDX-License-Identifier: Apache-2.0 */
#include "sampler.h"

#include "classify/classify.h"
#include "parse.h"

#include <string.h>

/* What makes a packet rare enough for a stratum of its own: not that it is merely irregular, which
 * most are, nor what one packet does not prove. */
#define COMMON_MARKS                                                                               \
    (DS_SIGNATURES_RELATED | DS_SIGNATURE_BIT(IRREGULAR) | DS_SIGNATURE_BIT(IRREGULAR_TTL) |       \
     DS_SIGNATURE_BIT(IRREGULAR_NO_OPTIONS) | DS_SIGNATURE_BIT(IRREGULAR_ID))
#define POSITIONS 65536
#define NETWORK   0xffffff00 /* of a source: what is told of its address */

int ds_sampler_init(struct ds_sampler *s, const struct ds_monitor *monitor,
                    const struct ds_hash_key *key,
                    const uint8_t permutation[static DS_PERMUTATION_KEY], unsigned workers)
{
    memset(s, 0, sizeof *s);
    s->monitor = monitor;
    s->key = key;
    s->rows = workers < DS_SAMPLER_ROWS ? DS_SAMPLER_ROWS / workers : 1;
    s->random = ds_hash(key, workers) | 1;
    s->stride = s->until = 1;
    uint64_t count = ds_monitor_is_everything(monitor) ? DS_PERMUTATION_COUNT_MAX
                                                       : ds_monitor_addresses(monitor);
    if (count)
        ds_permutation_init(&s->order, permutation, count);
    if (ds_gate_init(&s->quiet[0]) || ds_gate_init(&s->quiet[1]))
        return -1;
    return ds_ring_init(&s->ring, DS_SAMPLER_SLOTS, &s->quiet[0], &s->quiet[1]);
}

void ds_sampler_finish(struct ds_sampler *s)
{
    if (!s->monitor)
        return;
    ds_ring_finish(&s->ring);
    ds_gate_finish(&s->quiet[0]);
    ds_gate_finish(&s->quiet[1]);
}

/* Below n, which is not 0: xorshift64* (Vigna, 2016) and a multiplication for the range. */
static uint32_t draw(struct ds_sampler *s, uint32_t n)
{
    s->random ^= s->random >> 12;
    s->random ^= s->random << 25;
    s->random ^= s->random >> 27;
    uint64_t high = s->random * UINT64_C(0x2545f4914f6cdd1d) >> 32;
    return (uint32_t)(high * n >> 32);
}

/* Among the monitored addresses, in their secret order. False where it is none of them. */
static bool find_position(const struct ds_sampler *s, const struct ds_snap *snap,
                          const struct ds_packet *p, uint16_t *out)
{
    int64_t index = p->dest4;
    if (!ds_monitor_is_everything(s->monitor)) {
        if (p->is_v6 && !ds_monitor_has6(s->monitor, snap->bytes + 24))
            return false;
        if (!p->is_v6 && (index = ds_monitor_index4(s->monitor, p->dest4)) == DS_MONITOR_OUTSIDE)
            return false;
    }
    *out = p->is_v6 ? (uint16_t)ds_hash(s->key, p->dest_key)
                    : (uint16_t)((uint64_t)ds_permutation_apply(&s->order, (uint32_t)index) *
                                 POSITIONS / s->order.count);
    return true;
}

/* Weight and time are set by others. */
static void describe(const struct ds_sampler *s, const struct ds_snap *snap,
                     const struct ds_packet *p, const struct ds_verdict *v,
                     const struct ds_geo *geo, struct ds_sample *out)
{
    uint16_t country = !geo       ? DS_GEO_UNKNOWN
                       : p->is_v6 ? ds_geo_find6(geo, snap->bytes + 8)
                                  : ds_geo_find4(geo, p->source4);
    out->source = p->source4 & NETWORK;
    out->source_id = (uint32_t)ds_hash(s->key, p->source_key);
    out->signatures = v->signatures & ~DS_SIGNATURES_RELATED;
    out->port = v->port;
    out->source_port = p->source_port;
    out->destination_port = p->dest_port;
    out->country = ds_geo_country(country);
    out->type = v->type;
    out->cls = v->cls;
    out->device = v->device;
    out->proto = v->proto;
}

/* Each packet of a stratum is among the drawn ones with the same probability (Vitter's
 * algorithm R). */
static struct ds_sample *choose(struct ds_sampler *s, struct ds_stratum *t)
{
    uint32_t place = t->looks < DS_SAMPLER_DRAWN ? t->looks : draw(s, t->looks + 1);
    t->looks++;
    t->represented += s->stride;
    return place < DS_SAMPLER_DRAWN ? &t->drawn[place] : NULL;
}

static void look(struct ds_sampler *s, const struct ds_snap *snap, const struct ds_geo *geo,
                 int64_t now_ms)
{
    struct ds_packet p;
    struct ds_verdict v;
    uint16_t position;
    if (!snap->is_packet ||
        ds_parse(snap->bytes, snap->captured, s->key, &p) != DS_MALFORMED_COUNT ||
        !find_position(s, snap, &p, &position))
        return;
    ds_classify(&p, &v);
    bool is_marked = v.signatures & ~COMMON_MARKS;
    struct ds_sample *sample = choose(s, &s->strata[2 * v.type + is_marked]);
    if (!sample)
        return;
    describe(s, snap, &p, &v, geo, sample);
    sample->position = position;
    sample->offset_ms = (uint32_t)(now_ms - s->slice * DS_LIVE_TICK_MS);
}

void ds_sampler_look(struct ds_sampler *s, const struct ds_snap *snaps, size_t n,
                     const struct ds_geo *geo, int64_t now_ms)
{
    s->passed += (uint32_t)n;
    size_t i = s->until - 1;
    for (; i < n; i += s->stride)
        look(s, &snaps[i], geo, now_ms);
    s->until = (uint32_t)(i - n) + 1;
}

/* How many of each stratum go out: one each in turn, until none has more or there is no room. */
static void share(const struct ds_sampler *s, uint32_t shares[static DS_SAMPLER_STRATA])
{
    memset(shares, 0, DS_SAMPLER_STRATA * sizeof *shares);
    unsigned left = s->rows;
    for (bool more = true; more && left;) {
        more = false;
        for (unsigned i = 0; i < DS_SAMPLER_STRATA && left; i++) {
            uint32_t looks = s->strata[i].looks;
            if (shares[i] >= (looks < DS_SAMPLER_DRAWN ? looks : DS_SAMPLER_DRAWN))
                continue;
            shares[i]++;
            left--;
            more = true;
        }
    }
}

static void hand_over(struct ds_sampler *s, int kind, const void *what, size_t bytes)
{
    struct ds_slot *slot = ds_ring_reserve(&s->ring);
    if (!slot)
        return; /* nobody takes: it may be lost */
    slot->kind = (uint8_t)kind;
    memcpy(slot->bytes, what, bytes);
    ds_ring_commit(&s->ring);
}

/* Any of the drawn ones, since their places are not all alike; the weights add up exactly. */
static void send_stratum(struct ds_sampler *s, struct ds_stratum *t, uint32_t share)
{
    uint32_t drawn = t->looks < DS_SAMPLER_DRAWN ? t->looks : DS_SAMPLER_DRAWN;
    for (uint32_t i = 0; i < share; i++) {
        uint32_t other = i + draw(s, drawn - i);
        struct ds_sample chosen = t->drawn[other];
        t->drawn[other] = t->drawn[i];
        chosen.weight = t->represented / share + (i < t->represented % share);
        hand_over(s, DS_SAMPLER_SLOT_SAMPLE, &chosen, sizeof chosen);
    }
    t->looks = t->represented = 0;
}

void ds_sampler_turn(struct ds_sampler *s, const struct ds_live_counts *counted, int64_t now_ms)
{
    uint32_t shares[DS_SAMPLER_STRATA];
    share(s, shares);
    for (unsigned i = 0; i < DS_SAMPLER_STRATA; i++)
        send_stratum(s, &s->strata[i], shares[i]);
    hand_over(s, DS_SAMPLER_SLOT_COUNTS, counted, sizeof *counted);
    ds_ring_publish(&s->ring);
    s->stride = s->passed / DS_SAMPLER_LOOKS + 1;
    s->until = 1 + draw(s, s->stride);
    s->passed = 0;
    s->slice = now_ms / DS_LIVE_TICK_MS;
}
