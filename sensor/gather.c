/* SPDX-License-Identifier: Apache-2.0 */
#include "gather.h"

#include "sort.h"

#include <stdlib.h>

static void add(uint64_t *to, const uint64_t *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] += from[i];
}

static void gather_close(const struct ds_close *close, struct ds_window *w)
{
    w->start_s = close->epoch.start_s;
    w->seconds = close->epoch.seconds;
    /* Where each worker reads for itself and is stopped, one may have seen less of it. */
    if (close->epoch.observed_ns < w->observed_ns)
        w->observed_ns = close->epoch.observed_ns;
    w->books[DS_BOOK_RECEIVED] += close->received;
    w->books[DS_BOOK_DROPPED_KERNEL] += close->dropped_kernel;
    w->books[DS_BOOK_DROPPED_INTERFACE] += close->dropped_interface;
    w->books[DS_BOOK_DROPPED_RING] += close->dropped_ring;
}

static void gather_sums(const struct ds_counts *c, struct ds_window *w)
{
    add(w->books, c->books, DS_BOOK_COUNT);
    add(w->malformed, c->malformed, DS_MALFORMED_COUNT);
    add(w->overflow, c->overflow, DS_OVERFLOW_COUNT);
    add(w->types, c->types, DS_TYPE_COUNT);
    add(w->protocols, c->protocols, 256);
    w->sources += c->sources.used;
}

/* By country, device and signature. Their unique sources are known to the source table only. */
struct breakdown {
    struct ds_tally countries[DS_GEO_COUNT];
    struct ds_device_tally devices[DS_GEO_COUNT][DS_DEVICE_COUNT];
    struct ds_signature_tally signatures[DS_SIGNATURE_COUNT];
};

static void gather_sources(const struct ds_counts *c, struct breakdown *out, struct ds_window *w)
{
    struct ds_table_walk walk = {0};
    for (const struct ds_source *s; (s = ds_table_next(&c->sources, &walk));) {
        out->countries[s->country].sources++;
        struct ds_device_tally *device = &out->devices[s->country][ds_count_device(s)];
        device->sources++;
        device->packets += s->packets;
        for (int cls = 0; cls < DS_CLASS_COUNT; cls++)
            w->classes[cls].sources += s->classes >> cls & 1;
        for (uint32_t left = s->seen; left; left &= left - 1) {
            int signature = __builtin_ctz(left);
            out->signatures[signature].sources++;
            out->signatures[signature].confirmed_sources += s->confirmed >> signature & 1;
        }
    }
    uint64_t packets[DS_SIGNATURE_COUNT];
    ds_count_signature_packets(c, packets);
    for (int signature = 0; signature < DS_SIGNATURE_COUNT; signature++)
        out->signatures[signature].packets += packets[signature];
}

static int by_country(const void *a, const void *b)
{
    const struct ds_country_tally *x = a, *y = b;
    return (x->country > y->country) - (x->country < y->country);
}

/* What the cells that found no room would have added to their countries. */
static void gather_rest(const struct ds_counts *c, struct breakdown *out)
{
    for (int i = 0; i < DS_GEO_COUNT; i++) {
        out->countries[i].packets += c->rest[i].packets;
        out->countries[i].bytes += c->rest[i].bytes;
    }
}

/* Everything that is a sum over cells. */
static void sum_cells(struct breakdown *out, struct ds_window *w)
{
    for (size_t i = 0; i < w->cell_count; i++) {
        const struct ds_cell *c = &w->cells[i];
        struct ds_tally *cls = &w->classes[c->cls];
        cls->packets += c->packets;
        cls->bytes += c->bytes;
        w->books[DS_BOOK_COUNTED] += c->packets;
        w->bytes += c->bytes;
        if (c->country == DS_COUNTRY_REST)
            continue;
        struct ds_tally *country = &out->countries[ds_geo_index(c->country)];
        country->packets += c->packets;
        country->bytes += c->bytes;
    }
}

static int list_countries(const struct breakdown *from, struct ds_window *w)
{
    w->countries = calloc(DS_GEO_COUNT, sizeof *w->countries);
    if (!w->countries)
        return -1;
    for (uint16_t i = 0; i < DS_GEO_COUNT; i++)
        if (from->countries[i].packets)
            w->countries[w->country_count++] =
                (struct ds_country_tally){ds_geo_country(i), from->countries[i]};
    qsort(w->countries, w->country_count, sizeof *w->countries, by_country);
    return 0;
}

static int by_device(const void *a, const void *b)
{
    uint32_t x = ds_device_key(a), y = ds_device_key(b);
    return (x > y) - (x < y);
}

static int list_devices(const struct breakdown *from, struct ds_window *w)
{
    w->devices = calloc((size_t)DS_GEO_COUNT * DS_DEVICE_COUNT, sizeof *w->devices);
    if (!w->devices)
        return -1;
    for (uint16_t i = 0; i < DS_GEO_COUNT; i++)
        for (uint8_t device = 0; device < DS_DEVICE_COUNT; device++) {
            if (!from->devices[i][device].packets)
                continue;
            struct ds_device_tally *to = &w->devices[w->device_count++];
            *to = from->devices[i][device];
            to->country = ds_geo_country(i);
            to->device = device;
        }
    qsort(w->devices, w->device_count, sizeof *w->devices, by_device);
    return 0;
}

static int by_id(const void *a, const void *b)
{
    const struct ds_signature_tally *x = a, *y = b;
    return strcmp(x->id, y->id);
}

/* What a worker counted by the signatures of files. */
static void list_rules(struct ds_rule_counts *c, struct ds_window *w)
{
    const struct ds_rules *rules = atomic_load(&c->rules);
    for (size_t i = 0; rules && i < rules->count; i++) {
        const struct ds_rule_tally *t = &c->tallies[i];
        if (!t->packets)
            continue;
        struct ds_signature_tally *to = &w->signatures[w->signature_count++];
        *to = (struct ds_signature_tally){.packets = t->packets,
                                          .sources = t->sources,
                                          .confirmed_sources = t->confirmed_sources};
        strcpy(to->id, rules->rules[i].id);
    }
    w->overflow[DS_OVERFLOW_SIGNATURES] += c->overflow;
}

/* Adds up those that several workers have. Where they changed while the workers opened this window,
 * there may be more than it holds: those are left out, and said to be. */
static void unite_signatures(struct ds_window *w)
{
    size_t count = 0;
    qsort(w->signatures, w->signature_count, sizeof *w->signatures, by_id);
    for (size_t i = 0; i < w->signature_count; i++) {
        const struct ds_signature_tally *from = &w->signatures[i];
        struct ds_signature_tally *to = &w->signatures[count ? count - 1 : 0];
        if (count && strcmp(to->id, from->id) == 0) {
            to->packets += from->packets;
            to->sources += from->sources;
            to->confirmed_sources += from->confirmed_sources;
        } else if (count < DS_SIGNATURES_MAX) {
            w->signatures[count++] = *from;
        } else {
            w->overflow[DS_OVERFLOW_SIGNATURES] += from->packets;
        }
    }
    w->signature_count = count;
}

static int list_signatures(const struct breakdown *from, struct ds_set *const *sets,
                           unsigned workers, struct ds_window *w)
{
    size_t most = DS_SIGNATURE_COUNT;
    for (unsigned i = 0; i < workers; i++) {
        const struct ds_rules *rules = atomic_load(&sets[i]->counts.rules.rules);
        most += rules ? rules->count : 0;
    }
    w->signatures = calloc(most, sizeof *w->signatures);
    if (!w->signatures)
        return -1;
    for (unsigned i = 0; i < DS_SIGNATURE_COUNT; i++) {
        if (!from->signatures[i].packets)
            continue;
        struct ds_signature_tally *to = &w->signatures[w->signature_count++];
        *to = from->signatures[i];
        strcpy(to->id, ds_signature_name(i));
    }
    for (unsigned i = 0; i < workers; i++)
        list_rules(&sets[i]->counts.rules, w);
    unite_signatures(w);
    return 0;
}

/* Cells are gathered as they are packed in the tables, but for the country: counted from 1, so that
 * the rest's, which comes first in a window, can be 0. Sorting then sees the order of ds_cell_key.
 */
static uint64_t sortable(uint64_t key)
{
    uint64_t country = key >> DS_CELL_COUNTRY_SHIFT & DS_CELL_COUNTRY;
    uint64_t place = country == DS_GEO_REST ? 0 : country + 1;
    return key ^ (country ^ place) << DS_CELL_COUNTRY_SHIFT;
}

/* Field by field: a struct put together on the stack and copied would wait for its small stores. */
static void name_cell(struct ds_cell *to, uint64_t sorted_key)
{
    uint64_t place = sorted_key >> DS_CELL_COUNTRY_SHIFT & DS_CELL_COUNTRY;
    to->cls = (uint8_t)ds_count_cell_class(sorted_key);
    to->proto = (uint8_t)(sorted_key >> DS_CELL_PROTO_SHIFT);
    to->port = (uint16_t)(sorted_key >> DS_CELL_PORT_SHIFT);
    to->country = place ? ds_geo_country((uint16_t)(place - 1)) : DS_COUNTRY_REST;
}

static uint64_t at_most(uint64_t value, uint64_t most)
{
    return value < most ? value : most;
}

/* A wide cell in as many packed ones as it takes. Writes them to items unless that is NULL; returns
 * how many. */
static size_t pack(const struct ds_wide_cell *wide, struct ds_sort_item *items)
{
    const uint64_t most_sources = UINT64_MAX >> DS_CELL_BYTE_BITS;
    struct ds_wide_cell left = *wide;
    size_t n = 0;
    for (; left.packets || left.bytes || left.sources; n++) {
        uint64_t packets = at_most(left.packets, ~DS_CELL_KEY_MASK);
        uint64_t bytes = at_most(left.bytes, DS_CELL_BYTES);
        uint64_t sources = at_most(left.sources, most_sources);
        if (items)
            items[n] = (struct ds_sort_item){sortable(left.key) | packets,
                                             sources << DS_CELL_BYTE_BITS | bytes};
        left.packets -= packets;
        left.bytes -= bytes;
        left.sources -= sources;
    }
    return n;
}

/* Those of the wide table and the spare ones. */
static size_t pack_all(const struct ds_counts *from, struct ds_sort_item *items)
{
    size_t n = 0;
    struct ds_table_walk walk = {0};
    for (const struct ds_wide_cell *c; (c = ds_table_next(&from->wide_cells, &walk));)
        n += pack(c, items ? items + n : NULL);
    for (int cls = 0; cls < DS_CLASS_COUNT; cls++)
        n += pack(&from->spare_cells[cls], items ? items + n : NULL);
    return n;
}

static size_t collect_cells(const struct ds_counts *from, struct ds_sort_item *items)
{
    size_t n = 0;
    struct ds_table_walk walk = {0};
    for (const struct ds_count_cell *c; (c = ds_table_next(&from->cells, &walk)); n++)
        items[n] = (struct ds_sort_item){sortable(c->key_packets), c->bytes_sources};
    return n + pack_all(from, items + n);
}

/* Cells are allocated in such steps, so that a window's fit where those of the window before were:
 * what is freed is kept (memory.h). What is not used costs no memory. */
#define CELLS_STEP 65536

_Static_assert(sizeof(struct ds_sort_item) <= sizeof(struct ds_cell), "items fit where cells do");

static bool is_same_cell(uint64_t key, uint64_t other)
{
    return !((key ^ other) & DS_CELL_KEY_MASK & ~DS_CELL_SURVEY);
}

/* Adds up those that several workers have, and those of survey scanners: in registers, for most
 * cells are one item. */
static void merge_cells(const struct ds_sort_item *items, size_t count, struct ds_window *w)
{
    for (const struct ds_sort_item *end = items + count; items < end;) {
        uint64_t key = items->key, packets = 0, survey_packets = 0, bytes = 0, sources = 0;
        do {
            uint64_t more = items->key & ~DS_CELL_KEY_MASK;
            packets += more;
            survey_packets += items->key & DS_CELL_SURVEY ? more : 0;
            bytes += items->value & DS_CELL_BYTES;
            sources += items->value >> DS_CELL_BYTE_BITS;
        } while (++items < end && is_same_cell(items->key, key));
        struct ds_cell *to = &w->cells[w->cell_count++];
        name_cell(to, key);
        to->packets = packets;
        to->survey_packets = survey_packets;
        to->bytes = bytes;
        to->sources = sources;
    }
}

/* Room for count sorted items; kept from window to window. */
static bool make_room(struct ds_gather *g, size_t count)
{
    if (g->room >= count)
        return true;
    free(g->items);
    g->room = 0;
    g->items = malloc(count * sizeof *g->items);
    if (g->items)
        g->room = count;
    return g->items;
}

/* The items are sorted by way of where the cells will be: a large window has many of both. */
static int gather_cells(struct ds_gather *g, struct ds_set *const *sets, unsigned workers,
                        struct ds_window *w)
{
    size_t most = 1, count = 0;
    for (unsigned i = 0; i < workers; i++)
        most += sets[i]->counts.cells.used + pack_all(&sets[i]->counts, NULL);
    most = (most + CELLS_STEP - 1) / CELLS_STEP * CELLS_STEP;
    w->cells = malloc(most * sizeof *w->cells);
    if (!w->cells || !make_room(g, most))
        return -1;
    for (unsigned i = 0; i < workers; i++)
        count += collect_cells(&sets[i]->counts, g->items + count);
    ds_sort(g->items, (void *)w->cells, count, DS_CELL_COUNTRY_SHIFT);
    merge_cells(g->items, count, w);
    return 0;
}

/* Lets a table grow to what it was made for, as the first worker's has to hold everybody's. Returns
 * what it may grow to otherwise. */
static size_t make_place(struct ds_table *t)
{
    size_t share = t->slots_max;
    t->slots_max = t->slots_reserved;
    return share;
}

/* A destination may have been seen by several workers: unite into the first worker's. */
static void unite_destinations(struct ds_counts *into, const struct ds_counts *from)
{
    for (size_t i = 0; i < into->destination_words; i++)
        into->destination_bits[i] |= from->destination_bits[i];
    struct ds_table *t = &into->destinations;
    struct ds_table_walk walk = {0};
    bool is_new;
    for (const struct ds_destination *d; (d = ds_table_next(&from->destinations, &walk));)
        if (!ds_table_upsert(t, d->key, ds_hash(t->key, d->key), sizeof *d, &is_new))
            into->overflow[DS_OVERFLOW_DESTINATIONS]++;
}

static void gather_destinations(struct ds_set *const *sets, unsigned workers, struct ds_window *w)
{
    struct ds_counts *all = &sets[0]->counts;
    size_t share = make_place(&all->destinations);
    for (unsigned i = 1; i < workers; i++)
        unite_destinations(all, &sets[i]->counts);
    all->destinations.slots_max = share;
    for (size_t i = 0; i < all->destination_words; i++)
        w->active_addresses += (unsigned)__builtin_popcountll(all->destination_bits[i]);
    w->destinations = w->active_addresses + all->destinations.used;
    struct ds_table_walk walk = {0};
    for (const struct ds_destination *d; (d = ds_table_next(&all->destinations, &walk));)
        w->active_addresses += !(d->key >> 63); /* bit 63 marks IPv6 */
}

/* A victim's routers answer for it, too: several workers may have seen it. */
static int gather_attacks(struct ds_gather *g, struct ds_set *const *sets, unsigned workers,
                          struct ds_window *w)
{
    struct ds_victims *all = &sets[0]->counts.victims;
    size_t victims_share = make_place(&all->victims), parts_share = make_place(&all->parts);
    int failed = 0;
    for (unsigned i = 1; i < workers && !failed; i++)
        failed = ds_victims_unite(all, &sets[i]->counts.victims);
    all->victims.slots_max = victims_share;
    all->parts.slots_max = parts_share;
    return failed ? -1 : ds_attacks_close(&g->attacks, all, &sets[0]->close.epoch, w);
}

void ds_gather_finish(struct ds_gather *g)
{
    free(g->items);
    ds_attacks_finish(&g->attacks);
    *g = (struct ds_gather){0};
}

int ds_gather(struct ds_gather *g, struct ds_set *const *sets, unsigned workers,
              const struct ds_monitor *monitor, struct ds_window *out)
{
    ds_window_init(out);
    struct breakdown *breakdown = calloc(1, sizeof *breakdown);
    if (!breakdown)
        return -1;
    /* Attacks first: what that takes and gives back is then used again for the cells. */
    int failed = gather_attacks(g, sets, workers, out) || gather_cells(g, sets, workers, out);
    gather_destinations(sets, workers, out);
    out->observed_ns = sets[0]->close.epoch.observed_ns;
    for (unsigned i = 0; i < workers; i++) {
        gather_sums(&sets[i]->counts, out);
        gather_sources(&sets[i]->counts, breakdown, out);
        gather_rest(&sets[i]->counts, breakdown);
        gather_close(&sets[i]->close, out);
    }
    sum_cells(breakdown, out);
    strcpy(out->country_db, sets[0]->country_db);
    out->addresses_known = !ds_monitor_is_everything(monitor);
    out->addresses = ds_monitor_addresses(monitor);
    failed = failed || list_countries(breakdown, out) || list_devices(breakdown, out) ||
             list_signatures(breakdown, sets, workers, out);
    free(breakdown);
    if (failed)
        ds_window_finish(out);
    return failed ? -1 : 0;
}
