/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of many times, one behind the other. As many buckets are read together as there is room
 * for: the hours of a day lie in the same chunks. Memory is bounded by that room, not by time.
 */
#include "estimates.h"
#include "facts.h"
#include "row_keys.h"

#include <stdlib.h>
#include <string.h>

#define ENTRIES_MIN       4096u            /* room at first */
#define ENTRIES_BATCH     (1u << 21)       /* 128 MB; with more, fewer buckets are read together */
#define ENTRIES_TIMES     4u               /* so many times that, of one bucket: 512 MB */
#define ESTIMATED_ROWS    256u             /* of a bucket, those with most packets */
#define WANTED_ROWS       64u              /* whose sources are estimated together, */
#define ESTIMATED_BUCKETS 32u              /* in so many buckets */
#define NO_COUNTRY        UINT64_C(0xffff) /* bits of a key */

#define BATCH_IS_FULL 1 /* a walk's result: read fewer buckets */

struct entry {
    uint64_t key; /* of a port and country that of a cell; else the number of what it is */
    struct group group;
    uint32_t bucket;
};

struct rank {
    uint64_t packets;
    const struct entry *entry;
};

/* The rows of all buckets that are read together. */
struct ranks {
    struct rank *all;
    size_t *ends; /* of each bucket */
};

static size_t ranks_begin(const struct ranks *ranks, size_t bucket)
{
    return bucket ? ranks->ends[bucket - 1] : 0;
}

struct reading {
    struct sqlite_store *store;
    const struct ds_tables *tables;
    struct fact_request ask;
    bool per_port;
    bool needs_rest;           /* packets by a port whose country is not kept are a row */
    struct ds_buckets buckets; /* that are read together */
    size_t first;              /* the first of them among all */
    struct entry *entries;
    size_t count, room, batch; /* batch: room that several buckets may take */
    bool *is_cut;              /* of each bucket: small cells are not there */
    bool no_memory, is_full;
    struct row_names names;
    ds_table_fn *each;
    void *arg;
};

static size_t fewest(uint64_t a, uint64_t b)
{
    return (size_t)(a < b ? a : b);
}

/* ---- keys ---- */

static uint64_t key_of_cell(const struct ds_tables *t, uint64_t key)
{
    return t->with_countries ? key : ds_row_key_of_cell(t->by, key);
}

static void write_key(const struct reading *r, uint64_t key, struct ds_top_row *row)
{
    bool with_countries = r->tables->with_countries;
    ds_row_key_write(r->tables->by, &r->names, (uint32_t)(with_countries ? key >> 16 : key), row);
    if (with_countries)
        row->country = (ds_country)key;
}

/* ---- collecting ---- */

static int compare_keys(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    if (a->bucket != b->bucket)
        return a->bucket < b->bucket ? -1 : 1;
    return (a->key > b->key) - (a->key < b->key);
}

/* Entries of one key become one; all are in order of key then. */
static void unite(struct reading *r)
{
    bool is_sorted = true;
    size_t kept = 0;
    for (size_t i = 1; i < r->count && is_sorted; i++)
        is_sorted = compare_keys(&r->entries[i - 1], &r->entries[i]) < 0;
    if (is_sorted)
        return;
    qsort(r->entries, r->count, sizeof *r->entries, compare_keys);
    for (size_t i = 0; i < r->count; i++)
        if (kept > 0 && compare_keys(&r->entries[kept - 1], &r->entries[i]) == 0)
            ds_group_add(&r->entries[kept - 1].group, &r->entries[i].group);
        else
            r->entries[kept++] = r->entries[i];
    r->count = kept;
}

/* Makes room for one more. False where there is none. */
static bool grow(struct reading *r)
{
    size_t most = r->buckets.count > 1 ? r->batch : ENTRIES_TIMES * r->batch;
    if (r->room >= r->batch && r->buckets.count == 1) {
        unite(r);
        if (r->count < r->room / 4 * 3)
            return true;
    }
    r->is_full = r->room >= most;
    if (r->is_full)
        return false;
    size_t room = r->room ? 2 * r->room : fewest(ENTRIES_MIN, r->batch);
    room = fewest(room, most);
    void *larger = realloc(r->entries, room * sizeof *r->entries);
    r->no_memory = !larger;
    if (!larger)
        return false;
    r->entries = larger;
    r->room = room;
    return true;
}

static int add(struct reading *r, int64_t at_s, int64_t key, const struct group *g)
{
    int64_t bucket = ds_bucket_of(&r->buckets, at_s);
    if (key < 0 || bucket < 0 || bucket >= (int64_t)r->buckets.count || g->packets == 0)
        return r->is_full || r->no_memory ? BATCH_IS_FULL : 0;
    if (r->count == r->room && !grow(r))
        return BATCH_IS_FULL;
    r->entries[r->count++] = (struct entry){(uint64_t)key, *g, (uint32_t)bucket};
    return 0;
}

static int each_fact(void *arg, const struct fact_row *row)
{
    struct reading *r = arg;
    int64_t key = ds_row_key_of_fact(r->tables->by, &r->names, row->key);
    r->no_memory = r->no_memory || r->names.no_memory;
    return add(r, row->start_s, key, &row->group);
}

static int each_cell(void *arg, int64_t at_s, const struct ds_chunk_cell *cell)
{
    struct reading *r = arg;
    struct group g = ds_group_of_cell(cell, r->tables->filter->survey);
    return add(r, at_s, (int64_t)key_of_cell(r->tables, cell->key), &g);
}

static void mark_cut(struct reading *r, const struct piece *piece)
{
    const struct ds_buckets *b = &r->buckets;
    int64_t first = ds_bucket_of(b, piece->at_s >= 0 ? piece->at_s : piece->from_s);
    int64_t last = ds_bucket_of(b, piece->at_s >= 0 ? piece->at_s : piece->to_s - 1);
    for (int64_t i = first < 0 ? 0 : first; i <= last && i < (int64_t)b->count; i++)
        r->is_cut[i] = true;
}

static int each_piece(void *arg, struct store_file *f, const struct piece *piece,
                      struct ds_error *err)
{
    struct reading *r = arg;
    struct fact_request ports = r->ask;
    if (piece->is_cut && r->ask.fact == FACT_PORT_COUNTRY)
        mark_cut(r, piece);
    if (r->ask.fact < FACT_PORT)
        return ds_facts_walk(f, piece, &r->ask, each_fact, r, err);
    ports.fact = FACT_PORT;
    int result = r->needs_rest ? ds_cells_walk(f, piece, &ports, each_cell, r, err) : 0;
    return result == 0 ? ds_cells_walk(f, piece, &r->ask, each_cell, r, err) : result;
}

/* ---- a bucket ---- */

static void take_off(struct group *from, const struct group *part)
{
    from->packets -= part->packets < from->packets ? part->packets : from->packets;
    from->bytes -= part->bytes < from->bytes ? part->bytes : from->bytes;
    from->survey -= part->survey < from->survey ? part->survey : from->survey;
}

static bool is_rest(const struct entry *e)
{
    return (e->key & NO_COUNTRY) == DS_COUNTRY_REST;
}

/* The first entry of a port has no country and is all of it: it becomes what is not in the others.
 * A cell that the sensor itself did not tell apart is the same kind of rest. */
static void leave_rest(struct entry *all, struct entry *end)
{
    for (struct entry *e = all + 1; e < end; e++)
        if (!is_rest(e))
            take_off(&all->group, &e->group);
        else
            e->group.packets = 0;
    all->key |= DS_COUNTRY_REST;
    all->group.rows = 2; /* of how many sources is not known */
    all->group.peak = 0;
}

/* Where nothing was left out the sensor's own cell is better than what is left. */
static void leave_rests(bool is_cut, struct entry *first, struct entry *end)
{
    while (first < end) {
        struct entry *next = first + 1;
        while (next < end && next->key >> 16 == first->key >> 16)
            next++;
        if ((first->key & NO_COUNTRY) == 0 && is_cut)
            leave_rest(first, next);
        else if ((first->key & NO_COUNTRY) == 0)
            first->group.packets = 0;
        first = next;
    }
}

static int by_packets(const void *left, const void *right)
{
    const struct rank *a = left, *b = right;
    if (a->packets != b->packets)
        return a->packets < b->packets ? 1 : -1;
    return (a->entry > b->entry) - (a->entry < b->entry); /* they lie in order of key */
}

/* The rows of a bucket in order: how many. */
static size_t rank(const struct reading *r, struct entry *first, struct entry *end,
                   struct rank *out)
{
    size_t count = 0;
    bool is_cut = first < end && r->is_cut[first->bucket];
    if (r->needs_rest)
        leave_rests(is_cut, first, end);
    for (struct entry *e = first; e < end; e++)
        if (e->group.packets > 0) {
            e->group.is_floor = is_cut && !(r->needs_rest && is_rest(e));
            out[count++] = (struct rank){e->group.packets, e};
        }
    qsort(out, count, sizeof *out, by_packets);
    return count;
}

static int compare_names(const struct reading *r, const struct rank *a, const struct rank *b)
{
    return strcmp(r->names.all[a->entry->key], r->names.all[b->entry->key]);
}

/* Ties of signatures by name: their keys came as they came. */
static void sort_ties(const struct reading *r, struct rank *ranks, size_t count)
{
    for (size_t i = 1; i < count && r->tables->by == DS_BY_SIGNATURE; i++)
        for (size_t j = i; j > 0 && ranks[j].packets == ranks[j - 1].packets &&
                           compare_names(r, &ranks[j], &ranks[j - 1]) < 0;
             j--) {
            struct rank swap = ranks[j];
            ranks[j] = ranks[j - 1];
            ranks[j - 1] = swap;
        }
}

static struct ds_top_row row_of(const struct reading *r, const struct entry *entry)
{
    const struct ds_figures kept = ds_fact_kept(r->ask.fact, r->tables->filter, r->per_port);
    struct ds_top_row row = {.figures = ds_group_figures(&entry->group, kept)};
    write_key(r, entry->key, &row);
    return row;
}

/* ---- unique sources ---- */

/* Of some buckets: whose sources are estimated and, once they are, the estimates. */
struct estimates {
    struct ds_buckets buckets;
    size_t first;   /* of the buckets that are read together */
    uint64_t *keys; /* in order, none twice */
    size_t count;
    struct estimate *made; /* [bucket][key][WANTED_PARTS] */
};

static int compare_numbers(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static size_t unite_numbers(uint64_t *numbers, size_t count)
{
    size_t kept = 0;
    qsort(numbers, count, sizeof *numbers, compare_numbers);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || numbers[kept - 1] != numbers[i])
            numbers[kept++] = numbers[i];
    return kept;
}

/* Keys of the first rows of the buckets. */
static int want(const struct reading *r, const struct ranks *ranks, struct estimates *e,
                struct ds_error *err)
{
    size_t most = fewest(r->tables->limit, ESTIMATED_ROWS);
    e->keys = malloc((e->buckets.count * most + 1) * sizeof *e->keys);
    if (!e->keys)
        return ds_error(err, DS_FAILURE, "out of memory");
    for (size_t b = e->first; b < e->first + e->buckets.count; b++) {
        size_t from = ranks_begin(ranks, b);
        if (r->buckets.edges_s[b + 1] - r->buckets.edges_s[b] < ESTIMATE_SECONDS_MIN)
            continue;
        for (size_t i = from; i < ranks->ends[b] && i < from + most; i++)
            if (!row_of(r, ranks->all[i].entry).figures.sources_exact)
                e->keys[e->count++] = ranks->all[i].entry->key;
    }
    e->count = unite_numbers(e->keys, e->count);
    return 0;
}

/* Some of the keys; their estimates go to where they belong. */
static int make_some(const struct reading *r, struct estimates *e, size_t first, size_t count,
                     struct ds_error *err)
{
    struct wanted wanted[WANTED_ROWS * WANTED_PARTS] = {0};
    struct estimate *some =
        malloc(e->buckets.count * count * WANTED_PARTS * sizeof *some); /* [bucket][key][part] */
    if (!some)
        return ds_error(err, DS_FAILURE, "out of memory");
    for (size_t i = 0; i < count; i++) {
        struct ds_top_row row = {0};
        write_key(r, e->keys[first + i], &row);
        ds_wanted_of_row(r->tables->by, r->tables->filter, &row, &wanted[i * WANTED_PARTS]);
    }
    int result = ds_estimates_make(r->store, &e->buckets, wanted, count * WANTED_PARTS, some, err);
    for (size_t b = 0; b < e->buckets.count && result == 0; b++)
        memcpy(&e->made[(b * e->count + first) * WANTED_PARTS], &some[b * count * WANTED_PARTS],
               count * WANTED_PARTS * sizeof *some);
    free(some);
    return result;
}

static int estimate(const struct reading *r, const struct ranks *ranks, struct estimates *e,
                    struct ds_error *err)
{
    const struct ds_figures kept = ds_fact_kept(r->ask.fact, r->tables->filter, r->per_port);
    bool has_none = r->ask.fact == FACT_PORT_COUNTRY || r->tables->filter->without_sources;
    int result = 0;
    if (has_none || (!kept.has_sources && r->tables->filter->survey == DS_SURVEY_PART_ALL))
        return 0;
    if (want(r, ranks, e, err) < 0)
        return -1;
    e->made = calloc(e->buckets.count * e->count * WANTED_PARTS + 1, sizeof *e->made);
    if (!e->made)
        return ds_error(err, DS_FAILURE, "out of memory");
    for (size_t i = 0; i < e->count && result == 0; i += WANTED_ROWS)
        result = make_some(r, e, i, fewest(WANTED_ROWS, e->count - i), err);
    return result;
}

static void tell(const struct reading *r, const struct estimates *e, const struct entry *entry,
                 struct ds_figures *figures)
{
    const uint64_t *key =
        e->count ? bsearch(&entry->key, e->keys, e->count, sizeof *e->keys, compare_numbers) : NULL;
    if (!key)
        return;
    size_t at = (entry->bucket - e->first) * e->count + (size_t)(key - e->keys);
    ds_estimate_tell(&e->made[at * WANTED_PARTS], r->tables->filter->survey, &entry->group,
                     figures);
}

/* ---- telling ---- */

static int tell_bucket(struct reading *r, const struct estimates *e, size_t bucket,
                       const struct ranks *ranks, struct ds_error *err)
{
    size_t from = ranks_begin(ranks, bucket);
    int result = 0;
    for (size_t i = from; i < ranks->ends[bucket] && i - from < r->tables->limit && result == 0;
         i++) {
        const struct entry *entry = ranks->all[i].entry;
        struct ds_top_row row = row_of(r, entry);
        if (ds_group_check(&entry->group, err) < 0)
            return -1;
        if (i - from < ESTIMATED_ROWS)
            tell(r, e, entry, &row.figures);
        result = r->each(r->arg, r->first + bucket, i - from + 1, &row);
    }
    return result;
}

/* At most so many buckets, up to the end of a day where one ends among them. */
static size_t cut_batch(const struct ds_buckets *all, size_t first, size_t most)
{
    size_t end = fewest(all->count, first + most), cut = end;
    while (cut > first && cut < all->count && all->edges_s[cut] % DAY_S != 0)
        cut--;
    return cut > first ? cut - first : end - first;
}

/* The keys of few buckets are estimated together: each is looked up in all of them. */
static int tell_some(struct reading *r, const struct ranks *ranks, size_t first, size_t count,
                     struct ds_error *err)
{
    struct estimates e = {.buckets = {r->buckets.edges_s + first, count, r->buckets.sensor},
                          .first = first};
    int result = estimate(r, ranks, &e, err);
    ds_files_release(r->store);
    for (size_t b = first; b < first + count && result == 0; b++)
        result = tell_bucket(r, &e, b, ranks, err);
    free(e.keys);
    free(e.made);
    return result;
}

/* Entries are in order of bucket and key. */
static int tell_batch(struct reading *r, struct ranks *ranks, struct ds_error *err)
{
    struct entry *at = r->entries, *end = at ? at + r->count : at; /* NULL: there is no row */
    size_t used = 0, count;
    int result = 0;
    for (size_t b = 0; b < r->buckets.count; b++) {
        struct entry *first = at;
        while (at < end && at->bucket == b)
            at++;
        count = rank(r, first, at, ranks->all + used);
        sort_ties(r, ranks->all + used, count);
        used += count;
        ranks->ends[b] = used;
    }
    for (size_t b = 0; b < r->buckets.count && result == 0; b += count) {
        count = cut_batch(&r->buckets, b, ESTIMATED_BUCKETS);
        result = tell_some(r, ranks, b, count, err);
    }
    return result;
}

static int read_batch(struct reading *r, struct ds_error *err)
{
    const struct plan plan = {.buckets = &r->buckets,
                              .wants_all_cells = r->ask.fact == FACT_PORT_COUNTRY,
                              .takes_months = true};
    int result = ds_plan_walk(r->store, &plan, each_piece, r, err);
    if (r->no_memory)
        return ds_error(err, DS_FAILURE, "out of memory");
    if (result != 0)
        return result;
    unite(r);
    struct ranks ranks = {.all = malloc((r->count + 1) * sizeof *ranks.all),
                          .ends = malloc(r->buckets.count * sizeof *ranks.ends)};
    result = ranks.all && ranks.ends ? tell_batch(r, &ranks, err)
                                     : ds_error(err, DS_FAILURE, "out of memory");
    free(ranks.all);
    free(ranks.ends);
    return result;
}

static int try_batch(struct reading *r, size_t count, struct ds_error *err)
{
    const struct ds_buckets *all = r->tables->buckets;
    r->buckets = (struct ds_buckets){all->edges_s + r->first, count, all->sensor};
    r->is_cut = calloc(count, sizeof *r->is_cut);
    r->count = 0;
    r->is_full = false;
    int result = r->is_cut ? read_batch(r, err) : ds_error(err, DS_FAILURE, "out of memory");
    free(r->is_cut);
    ds_files_release(r->store);
    return result;
}

int ds_sqlite_tables(struct ds_store *store, const struct ds_tables *tables, ds_table_fn *each,
                     void *arg, struct ds_error *err)
{
    const struct ds_buckets *all = tables->buckets;
    const struct ds_filter *f = tables->filter;
    struct reading r = {.store = sqlite_of(store), .tables = tables, .each = each, .arg = arg};
    r.ask = (struct fact_request){.fact = tables->with_countries ? FACT_PORT_COUNTRY
                                                                 : ds_fact_of_rows(tables->by, f),
                                  .filter = f,
                                  .sensor = all->sensor,
                                  .by_time_and_key = true};
    r.batch = tables->room ? tables->room : ENTRIES_BATCH;
    r.per_port = tables->by == DS_BY_PORT || f->has_port;
    r.needs_rest = r.ask.fact == FACT_PORT_COUNTRY && !f->has_country;
    int result = 0;
    for (size_t most = 1; r.first < all->count && result == 0;) {
        size_t count = cut_batch(all, r.first, most);
        result = try_batch(&r, count, err);
        if (result == BATCH_IS_FULL && r.is_full && count > 1) {
            most = count / 2;
            result = 0;
            continue;
        }
        if (result == BATCH_IS_FULL && r.is_full)
            result = ds_error(err, DS_DATABASE,
                              "too many rows in one step: take a shorter one, or filter");
        r.first += count;
        most = r.count < r.batch / 4 ? 2 * most : most;
    }
    free(r.entries);
    ds_row_names_finish(&r.names);
    return result;
}
