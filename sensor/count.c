/* SPDX-License-Identifier: Apache-2.0 */
#include "count.h"

#include <stdlib.h>

static int init_tables(struct ds_counts *c, unsigned workers, const struct ds_hash_key *key)
{
    const struct {
        struct ds_table *table;
        uint32_t entry_bytes;
        size_t slots;
    } tables[] = {
        {&c->sources, sizeof(struct ds_source), DS_COUNT_SOURCES_MAX},
        {&c->pairs, sizeof(struct ds_pair), DS_COUNT_PAIRS_MAX},
        {&c->cells, sizeof(struct ds_count_cell), DS_COUNT_CELLS_MAX},
        {&c->destinations, sizeof(struct ds_destination),
         (size_t)DS_COUNT_DESTINATIONS_MAX * workers},
        {&c->rest_cells, sizeof(struct ds_count_cell), (size_t)DS_COUNT_REST_MAX * workers},
    };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        if (ds_table_init(tables[i].table, tables[i].entry_bytes, tables[i].slots / workers, key))
            return -1;
    return 0;
}

int ds_counts_init(struct ds_counts *c, const struct ds_monitor *monitor, unsigned workers,
                   const struct ds_hash_key *key)
{
    memset(c, 0, sizeof *c);
    if (ds_monitor_addresses(monitor) <= DS_COUNT_BITMAP_MAX)
        c->destination_words = (ds_monitor_addresses(monitor) + 63) / 64;
    if (c->destination_words) {
        c->destination_bits = calloc(c->destination_words, sizeof *c->destination_bits);
        if (!c->destination_bits)
            return -1;
    }
    if (init_tables(c, workers, key) == 0)
        return 0;
    ds_counts_finish(c);
    return -1;
}

void ds_counts_finish(struct ds_counts *c)
{
    free(c->destination_bits);
    c->destination_bits = NULL;
    ds_table_finish(&c->sources);
    ds_table_finish(&c->pairs);
    ds_table_finish(&c->cells);
    ds_table_finish(&c->rest_cells);
    ds_table_finish(&c->destinations);
}

void ds_counts_clear(struct ds_counts *c)
{
    /* The plain counters stand before the tables. */
    memset(c, 0, offsetof(struct ds_counts, sources));
    if (c->destination_bits)
        memset(c->destination_bits, 0, c->destination_words * sizeof *c->destination_bits);
    ds_table_clear(&c->sources);
    ds_table_clear(&c->pairs);
    ds_table_clear(&c->cells);
    ds_table_clear(&c->rest_cells);
    ds_table_clear(&c->destinations);
}

uint32_t ds_count_related(struct ds_relation *last, const struct ds_hit *h)
{
    bool first = h->relation.nmap_or_key == last->nmap_or_key;
    bool second = h->relation.swapped_key == last->swapped_key;
    uint32_t stands = ~DS_SIGNATURES_RELATED;
    if (first)
        stands |= DS_SIGNATURES_RELATED;
    else if (second)
        stands |= DS_SIGNATURE_BIT(UNICORNSCAN);
    *last = h->relation;
    return h->signatures & stands;
}

void ds_count_lanes_empty(struct ds_counts *c)
{
    for (unsigned i = 0; i < DS_SIGNATURE_COUNT; i++)
        c->signature_packets[i] += c->signature_lanes[i];
    c->signature_lanes = (ds_count_lanes){0};
    c->signature_rounds = 0;
}

struct ds_count_cell *ds_count_rest_cell(const struct ds_hit *h)
{
    struct ds_counts *c = h->counts;
    bool is_new;
    uint64_t key = (h->cell_key & ~DS_COUNT_KEY_COUNTRY) | DS_GEO_REST;
    c->overflow[DS_OVERFLOW_CELLS]++;
    c->rest[h->country].packets++;
    c->rest[h->country].bytes += h->bytes;
    struct ds_count_cell *cell = ds_table_upsert(
        &c->rest_cells, key, ds_hash(c->rest_cells.key, key), sizeof *cell, &is_new);
    if (!cell) {
        cell = &c->spare_cells[h->cls];
        cell->key = ds_count_cell_key(h->cls, 0, 0, DS_GEO_REST);
    }
    return cell;
}

void ds_count_far_destination(const struct ds_hit *h)
{
    struct ds_counts *c = h->counts;
    bool is_new;
    uint64_t hash = ds_hash(c->destinations.key, h->dest_key);
    if (!ds_table_upsert(&c->destinations, h->dest_key, hash, sizeof(struct ds_destination),
                         &is_new))
        c->overflow[DS_OVERFLOW_DESTINATIONS]++;
}
