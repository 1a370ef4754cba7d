/* SPDX-License-Identifier: Apache-2.0
 *
 * Top tables: figures by key are added up in memory, piece by piece, then sorted.
 */
#include "estimates.h"
#include "facts.h"
#include "row_keys.h"

#include <stdlib.h>
#include <string.h>

/* Keys are numbers; figures lie in blocks of neighbours, made when the first of them comes. A
 * port's key is class, protocol and port. */
#define BLOCK_BITS 10
#define BLOCK_KEYS (1u << BLOCK_BITS)
#define BLOCKS     (DS_CLASS_COUNT << (24 - BLOCK_BITS))
#define BLOCKS_MAX 8192u /* some 600 MB; a year of a /16 has 200 */

struct tally {
    const struct ds_top *top;
    struct fact_request ask;
    bool per_port; /* a row is of one port */
    struct group *blocks[BLOCKS];
    size_t block_count;
    bool is_full, no_memory;
    struct row_names names;
    struct group whole; /* of all rows */
    struct group exact; /* of all packets, where rows are floors or overlap */
    bool needs_exact;
    bool is_cut; /* small cells were not there */
};

static struct group *figures_of(struct tally *t, uint32_t key)
{
    struct group **block = &t->blocks[key >> BLOCK_BITS];
    if (!*block) {
        t->is_full = t->is_full || t->block_count == BLOCKS_MAX;
        *block = t->is_full ? NULL : calloc(BLOCK_KEYS, sizeof **block);
        t->no_memory = t->no_memory || (!*block && !t->is_full);
        if (!*block)
            return NULL;
        t->block_count++;
    }
    return &(*block)[key & (BLOCK_KEYS - 1)];
}

/* ---- adding up ---- */

static int add(struct tally *t, int64_t key, const struct group *g)
{
    struct group *figures = key >= 0 ? figures_of(t, (uint32_t)key) : NULL;
    if (figures)
        ds_group_add(figures, g);
    return t->is_full || t->no_memory ? -1 : 0;
}

static int each_fact(void *arg, const struct fact_row *row)
{
    struct tally *t = arg;
    int64_t key = ds_row_key_of_fact(t->top->by, &t->names, row->key);
    t->no_memory = t->no_memory || t->names.no_memory;
    return add(t, key, &row->group);
}

static int each_cell(void *arg, int64_t at_s, const struct ds_chunk_cell *cell)
{
    struct tally *t = arg;
    struct group g = ds_group_of_cell(cell, t->top->filter->survey);
    (void)at_s;
    return add(t, ds_row_key_of_cell(t->top->by, cell->key), &g);
}

static int add_cell_to_exact(void *arg, int64_t at_s, const struct ds_chunk_cell *cell)
{
    struct tally *t = arg;
    struct group g = ds_group_of_cell(cell, t->top->filter->survey);
    (void)at_s;
    ds_group_add(&t->exact, &g);
    return 0;
}

static int add_fact_to_exact(void *arg, const struct fact_row *row)
{
    struct tally *t = arg;
    ds_group_add(&t->exact, &row->group);
    return 0;
}

/* Signatures overlap: their whole is all counted packets. That of cells by port and country is in
 * those by port, or in the sums over ports. */
static int add_exact(struct tally *t, struct store_file *f, const struct piece *piece,
                     struct ds_error *err)
{
    struct ds_filter filter = *t->top->filter;
    struct fact_request ask = {.filter = &filter, .sensor = t->ask.sensor, .by_time = true};
    if (t->ask.fact == FACT_SIGNATURE) {
        ask.fact = FACT_TOTAL;
        return ds_facts_walk(f, piece, &ask, add_fact_to_exact, t, err);
    }
    ask.fact = filter.has_port ? FACT_PORT : FACT_SUMS;
    return ds_cells_walk(f, piece, &ask, add_cell_to_exact, t, err);
}

static int each_piece(void *arg, struct store_file *f, const struct piece *piece,
                      struct ds_error *err)
{
    struct tally *t = arg;
    t->is_cut = t->is_cut || (piece->is_cut && t->ask.fact == FACT_PORT_COUNTRY);
    if (t->needs_exact) {
        int result = add_exact(t, f, piece, err);
        if (result != 0)
            return result;
    }
    return t->ask.fact < FACT_PORT ? ds_facts_walk(f, piece, &t->ask, each_fact, t, err)
                                   : ds_cells_walk(f, piece, &t->ask, each_cell, t, err);
}

/* ---- the rows ---- */

struct entry {
    uint32_t key;
    const struct group *group;
    uint64_t sources;                /* as far as they are known: the peak is a lower bound */
    const struct estimate *estimate; /* WANTED_PARTS; NULL: none was made */
};

static int descending(uint64_t a, uint64_t b)
{
    return (a < b) - (a > b);
}

static int compare_entries(const void *left, const void *right, void *arg)
{
    const struct entry *a = left, *b = right;
    const struct tally *t = arg;
    int order = t->top->order == DS_ORDER_SOURCES ? descending(a->sources, b->sources) : 0;
    if (order == 0)
        order = descending(a->group->packets, b->group->packets);
    if (order != 0)
        return order;
    return t->top->by == DS_BY_SIGNATURE ? strcmp(t->names.all[a->key], t->names.all[b->key])
                                         : descending(b->key, a->key);
}

static size_t list_entries(struct tally *t, struct entry *out)
{
    size_t count = 0;
    for (uint32_t block = 0; block < BLOCKS; block++)
        for (uint32_t i = 0; t->blocks[block] && i < BLOCK_KEYS; i++) {
            struct group *g = &t->blocks[block][i];
            if (g->packets == 0)
                continue;
            g->is_floor = t->is_cut;
            ds_group_add(&t->whole, g);
            out[count++] = (struct entry){block << BLOCK_BITS | i, g, g->peak, NULL};
        }
    return count;
}

/* Packets by a port whose country is not kept: they are a row, so that all rows add up. */
static int add_rest(struct tally *t)
{
    struct group shown = {0};
    if (!t->is_cut || t->top->by != DS_BY_COUNTRY || t->top->filter->has_country)
        return 0;
    for (uint32_t block = 0; block < BLOCKS; block++)
        for (uint32_t i = 0; t->blocks[block] && i < BLOCK_KEYS; i++)
            ds_group_add(&shown, &t->blocks[block][i]);
    struct group rest = {.packets = t->exact.packets - shown.packets,
                         .bytes = t->exact.bytes - shown.bytes,
                         .survey = t->exact.survey - shown.survey,
                         .rows = 2};
    return rest.packets > 0 ? add(t, DS_COUNTRY_REST, &rest) : 0;
}

/* Sources are estimated of so many rows: each is looked up in every hour or day. */
#define ESTIMATED_ROWS 256u

/* Of the first rows. The caller frees *out. 0 or -1. */
static int estimate(struct sqlite_store *s, const struct tally *t, const struct entry *entries,
                    size_t rows, struct estimate **out, struct ds_error *err)
{
    const int64_t edges_s[] = {t->top->range.from_s, t->top->range.to_s};
    const struct ds_buckets whole = {edges_s, 1, t->top->range.sensor};
    struct wanted *wanted = calloc(rows * WANTED_PARTS + 1, sizeof *wanted);
    *out = calloc(rows * WANTED_PARTS + 1, sizeof **out);
    for (size_t i = 0; wanted && i < rows; i++) {
        struct ds_top_row row = {0};
        ds_row_key_write(t->top->by, &t->names, entries[i].key, &row);
        ds_wanted_of_row(t->top->by, t->top->filter, &row, &wanted[i * WANTED_PARTS]);
    }
    int result = wanted && *out
                     ? ds_estimates_make(s, &whole, wanted, rows * WANTED_PARTS, *out, err)
                     : ds_error(err, DS_FAILURE, "out of memory");
    free(wanted);
    return result;
}

static size_t fewest(uint64_t a, uint64_t b)
{
    return (size_t)(a < b ? a : b);
}

static struct ds_top_row row_of(const struct tally *t, const struct entry *entry)
{
    const struct ds_filter *filter = t->top->filter;
    const struct ds_figures kept = ds_fact_kept(t->ask.fact, filter, t->per_port);
    struct ds_top_row row = {.figures = ds_group_figures(entry->group, kept)};
    ds_row_key_write(t->top->by, &t->names, entry->key, &row);
    if (entry->estimate)
        ds_estimate_tell(entry->estimate, filter->survey, entry->group, &row.figures);
    return row;
}

/* Sorted by their peaks they were only the candidates. */
static void sort_by_estimates(struct tally *t, struct entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct ds_top_row row = row_of(t, &entries[i]);
        if (row.figures.sources_exact || row.figures.sources_estimated)
            entries[i].sources = row.figures.sources;
    }
    qsort_r(entries, count, sizeof *entries, compare_entries, t);
}

static int report(struct sqlite_store *s, struct tally *t, ds_top_fn *each, void *arg,
                  struct ds_error *err)
{
    bool by_sources = t->top->order == DS_ORDER_SOURCES;
    struct entry *entries = malloc((t->block_count * BLOCK_KEYS + 1) * sizeof *entries);
    struct estimate *estimates = NULL;
    if (!entries)
        return ds_error(err, DS_FAILURE, "out of memory");
    size_t count = list_entries(t, entries);
    size_t most = t->top->estimated ? t->top->estimated : ESTIMATED_ROWS;
    size_t estimated = fewest(count, by_sources ? most : fewest(t->top->limit, most));
    qsort_r(entries, count, sizeof *entries, compare_entries, t);
    int result = ds_group_check(&t->whole, err);
    if (result == 0)
        result = estimate(s, t, entries, estimated, &estimates, err);
    ds_files_release(s);
    for (size_t i = 0; i < estimated && result == 0; i++)
        entries[i].estimate = &estimates[i * WANTED_PARTS];
    if (by_sources && result == 0)
        sort_by_estimates(t, entries, estimated);
    for (size_t i = 0; i < count && i < t->top->limit && result == 0; i++) {
        struct ds_top_row row = row_of(t, &entries[i]);
        result = each(arg, &row);
    }
    free(entries);
    free(estimates);
    return result;
}

static void finish(struct tally *t)
{
    for (uint32_t block = 0; block < BLOCKS; block++)
        free(t->blocks[block]);
    ds_row_names_finish(&t->names);
    free(t);
}

static int tally_up(struct sqlite_store *s, struct tally *t, struct ds_error *err)
{
    const int64_t edges_s[] = {t->top->range.from_s, t->top->range.to_s};
    const struct ds_buckets whole = {edges_s, 1, t->top->range.sensor};
    const struct plan plan = {.buckets = &whole,
                              .wants_all_cells =
                                  t->ask.fact == FACT_PORT_COUNTRY && !t->top->filter->takes_floors,
                              .takes_months = true};
    int result = ds_plan_walk(s, &plan, each_piece, t, err);
    if (result == 0)
        result = add_rest(t);
    if (t->no_memory)
        return ds_error(err, DS_FAILURE, "out of memory");
    if (t->is_full)
        return ds_error(err, DS_DATABASE, "too many rows: filter, or ask for less time");
    return result;
}

int ds_sqlite_top(struct ds_store *store, const struct ds_top *top, ds_top_fn *each, void *arg,
                  struct ds_figures *total, struct ds_error *err)
{
    struct tally *t = calloc(1, sizeof *t);
    if (!t)
        return ds_error(err, DS_FAILURE, "out of memory");
    const struct ds_filter *f = top->filter;
    t->top = top;
    t->ask = (struct fact_request){
        .fact = ds_fact_of_rows(top->by, f), .filter = f, .sensor = top->range.sensor};
    t->per_port = top->by == DS_BY_PORT || f->has_port;
    t->needs_exact = t->ask.fact == FACT_SIGNATURE ||
                     (t->ask.fact == FACT_PORT_COUNTRY && !(f->has_port && f->has_country));
    int result = tally_up(sqlite_of(store), t, err);
    if (result == 0)
        result = report(sqlite_of(store), t, each, arg, err);
    ds_files_release(sqlite_of(store));
    if (result == 0) {
        struct ds_figures kept = ds_fact_kept(t->ask.fact, f, t->per_port);
        kept.has_sources = false;
        *total = ds_group_figures(t->needs_exact ? &t->exact : &t->whole, kept);
        total->sources_exact = false;
    }
    finish(t);
    return result;
}
