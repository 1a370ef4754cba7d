/* SPDX-License-Identifier: Apache-2.0 */
#include "rules.h"

#include <stdlib.h>

int ds_rule_counts_init(struct ds_rule_counts *c, unsigned workers, const struct ds_hash_key *key)
{
    memset(c, 0, sizeof *c);
    c->tallies = calloc(DS_RULES_MAX, sizeof *c->tallies);
    if (!c->tallies || ds_table_init(&c->sources, sizeof(struct ds_rule_source),
                                     DS_RULE_SOURCES_MAX / workers, key)) {
        ds_rule_counts_finish(c);
        return -1;
    }
    return 0;
}

void ds_rule_counts_finish(struct ds_rule_counts *c)
{
    free(c->tallies);
    c->tallies = NULL;
    ds_table_finish(&c->sources);
}

void ds_rule_counts_clear(struct ds_rule_counts *c)
{
    if (!atomic_load(&c->rules))
        return;
    memset(c->tallies, 0, DS_RULES_MAX * sizeof *c->tallies);
    ds_table_clear(&c->sources);
    c->overflow = 0;
    atomic_store(&c->rules, NULL);
}

static uint64_t source_key(const struct ds_packet *p, uint16_t rule)
{
    return UINT64_C(1) << 62 | (p->source_key & DS_RULE_SOURCE_IP6) |
           (p->source_key & DS_RULE_SOURCE) << DS_RULE_BITS | rule;
}

void ds_rules_examine(struct ds_rule_pending *pending, struct ds_rule_counts *c,
                      const struct ds_packet *p, const uint8_t *snap, uint32_t captured)
{
    uint16_t matched[DS_RULES_MAX];
    const struct ds_rules *rules = atomic_load_explicit(&c->rules, memory_order_relaxed);
    size_t count = ds_rules_match(rules, p, snap, captured, matched);
    for (size_t i = 0; i < count; i++) {
        if (pending->count == DS_RULE_PENDING_MAX)
            ds_rules_count(pending);
        struct ds_rule_hit *h = &pending->hits[pending->count++];
        h->counts = c;
        h->rule = matched[i];
        h->key = source_key(p, matched[i]);
        h->hash = ds_hash(c->sources.key, h->key);
        ds_table_prefetch(&c->sources, h->hash);
    }
}

static void count_hit(const struct ds_rule_hit *h)
{
    bool is_new;
    struct ds_rule_tally *tally = &h->counts->tallies[h->rule];
    struct ds_rule_source *s =
        ds_table_upsert(&h->counts->sources, h->key, h->hash, sizeof *s, &is_new);
    tally->packets++;
    if (!s) {
        h->counts->overflow++;
        return;
    }
    s->packets++;
    tally->sources += s->packets == 1;
    tally->confirmed_sources += s->packets == 2;
}

void ds_rules_count(struct ds_rule_pending *pending)
{
    for (size_t i = 0; i < pending->count; i++)
        count_hit(&pending->hits[i]);
    pending->count = 0;
}
