/* SPDX-License-Identifier: Apache-2.0 */
#include "count.h"

#include <stdlib.h>

static void enter_known_pair(struct ds_counts *c)
{
    bool is_new;
    ds_table_upsert(&c->pairs, DS_COUNT_PAIR_KNOWN, c->known_pair_hash, sizeof(struct ds_pair),
                    &is_new);
}

static int init_tables(struct ds_counts *c, unsigned workers, const struct ds_hash_key *key)
{
    /* Every worker may see any port, and one's table has to hold everybody's destinations. */
    const struct {
        struct ds_table *table;
        uint32_t entry_bytes;
        size_t slots;
    } tables[] = {
        {&c->sources, sizeof(struct ds_source), DS_COUNT_SOURCES_MAX / workers},
        {&c->pairs, sizeof(struct ds_pair), DS_COUNT_PAIRS_MAX / workers},
        {&c->cells, sizeof(struct ds_count_cell), DS_COUNT_CELLS_MAX / workers},
        {&c->destinations, sizeof(struct ds_destination), DS_COUNT_DESTINATIONS_MAX},
        {&c->wide_cells, sizeof(struct ds_wide_cell), DS_COUNT_REST_MAX},
    };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        if (ds_table_init(tables[i].table, tables[i].entry_bytes, tables[i].slots, key))
            return -1;
    c->cells.key_mask = DS_CELL_KEY_MASK;
    ds_table_share(&c->destinations, workers);
    c->known_pair_hash = ds_hash(key, DS_COUNT_PAIR_KNOWN);
    enter_known_pair(c);
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
    if (init_tables(c, workers, key) == 0 && ds_rule_counts_init(&c->rules, workers, key) == 0 &&
        ds_victims_init(&c->victims, workers, key) == 0)
        return 0;
    ds_counts_finish(c);
    return -1;
}

#define TABLES 7
static void list_tables(struct ds_counts *c, struct ds_table *tables[static TABLES])
{
    struct ds_table *const all[TABLES] = {&c->sources,      &c->pairs,        &c->cells,
                                          &c->wide_cells,   &c->destinations, &c->victims.victims,
                                          &c->victims.parts};
    memcpy(tables, all, sizeof all);
}

void ds_counts_finish(struct ds_counts *c)
{
    struct ds_table *tables[TABLES];
    list_tables(c, tables);
    for (int i = 0; i < TABLES; i++)
        ds_table_finish(tables[i]);
    free(c->destination_bits);
    c->destination_bits = NULL;
    ds_rule_counts_finish(&c->rules);
}

void ds_counts_limit(struct ds_counts *c, atomic_size_t *allowance)
{
    struct ds_table *tables[TABLES];
    list_tables(c, tables);
    for (int i = 0; i < TABLES; i++)
        tables[i]->allowance = allowance;
}

static void empty(struct ds_counts *c, void (*empty_table)(struct ds_table *))
{
    struct ds_table *tables[TABLES];
    list_tables(c, tables);
    for (int i = 0; i < TABLES; i++)
        empty_table(tables[i]);
    /* The plain counters stand before the tables. */
    memset(c, 0, offsetof(struct ds_counts, sources));
    if (c->destination_bits)
        memset(c->destination_bits, 0, c->destination_words * sizeof *c->destination_bits);
    enter_known_pair(c);
    ds_rule_counts_clear(&c->rules);
    c->victims.overflow = 0;
}

void ds_counts_clear(struct ds_counts *c)
{
    empty(c, ds_table_clear);
}

void ds_counts_release(struct ds_counts *c)
{
    empty(c, ds_table_release);
}

void ds_count_related(struct ds_relation *last, struct ds_hit *h)
{
    bool first = h->relation.nmap_or_key == last->nmap_or_key;
    bool second = h->relation.swapped_key == last->swapped_key;
    uint32_t stands = first ? DS_SIGNATURES_RELATED : second ? DS_SIGNATURE_BIT(UNICORNSCAN) : 0;
    *last = h->relation;
    stands &= h->signatures;
    for (uint32_t left = stands; left; left &= left - 1)
        h->counts->related[__builtin_ctz(left)]++;
    h->signatures = (uint16_t)((h->signatures & ~DS_SIGNATURES_RELATED) | stands);
}

void ds_count_signature_packets(const struct ds_counts *c,
                                uint64_t packets[static DS_SIGNATURE_COUNT])
{
    memcpy(packets, c->related, sizeof c->related);
    for (unsigned set = 0; set < DS_COUNT_SIGNATURE_SETS; set++)
        for (unsigned left = c->signature_sets[set] ? set : 0; left; left &= left - 1)
            packets[__builtin_ctz(left)] += c->signature_sets[set];
}

/* The wide cell of a key, or without memory of its class. */
static struct ds_wide_cell *wide_cell(struct ds_counts *c, uint64_t key)
{
    bool is_new;
    uint64_t hash = ds_hash(c->wide_cells.key, key);
    struct ds_wide_cell *cell = ds_table_upsert(&c->wide_cells, key, hash, sizeof *cell, &is_new);
    if (!cell) {
        uint8_t cls = (uint8_t)ds_count_cell_class(key);
        cell = &c->spare_cells[cls];
        cell->key = ds_count_cell_key(cls, 0, 0, DS_GEO_REST);
    }
    return cell;
}

void ds_count_rest(const struct ds_hit *h, bool new_pair)
{
    struct ds_counts *c = h->counts;
    c->overflow[DS_OVERFLOW_CELLS]++;
    c->rest[h->country].packets++;
    c->rest[h->country].bytes += h->bytes;
    uint64_t port = h->cell_key & ~(DS_CELL_COUNTRY << DS_CELL_COUNTRY_SHIFT);
    struct ds_wide_cell *cell = wide_cell(c, port | (uint64_t)DS_GEO_REST << DS_CELL_COUNTRY_SHIFT);
    cell->packets++;
    cell->bytes += h->bytes;
    cell->sources += new_pair;
}

void ds_count_widen(struct ds_counts *c, struct ds_count_cell *cell)
{
    struct ds_wide_cell *wide = wide_cell(c, cell->key_packets & DS_CELL_KEY_MASK);
    wide->packets += cell->key_packets & ~DS_CELL_KEY_MASK;
    wide->bytes += cell->bytes_sources & DS_CELL_BYTES;
    wide->sources += cell->bytes_sources >> DS_CELL_BYTE_BITS;
    if (wide->key != (cell->key_packets & DS_CELL_KEY_MASK)) { /* without its country, that is */
        struct ds_tally *rest =
            &c->rest[cell->key_packets >> DS_CELL_COUNTRY_SHIFT & DS_CELL_COUNTRY];
        rest->packets += cell->key_packets & ~DS_CELL_KEY_MASK;
        rest->bytes += cell->bytes_sources & DS_CELL_BYTES;
    }
    cell->key_packets &= DS_CELL_KEY_MASK;
    cell->bytes_sources = 0;
}

void ds_count_far_destination(struct ds_counts *c, uint64_t dest_key)
{
    bool is_new;
    uint64_t hash = ds_hash(c->destinations.key, dest_key);
    if (!ds_table_upsert(&c->destinations, dest_key, hash, sizeof(struct ds_destination), &is_new))
        c->overflow[DS_OVERFLOW_DESTINATIONS]++;
}
