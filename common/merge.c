/* SPDX-License-Identifier: Apache-2.0
 *
 * Merging windows. All new tables are built before anything of the target changes, so that a
 * failure leaves it as it was.
 */
#include "darkscope/merge.h"

#include "merge_sources.h"

#include <stdlib.h>
#include <string.h>

#define HOUR_S   DS_WINDOW_SECONDS_MAX
#define NS_PER_S UINT64_C(1000000000)

static void add(uint64_t *into, uint64_t from)
{
    if (__builtin_add_overflow(*into, from, into))
        *into = UINT64_MAX;
}

static void raise_to(uint64_t *into, uint64_t from)
{
    if (from > *into)
        *into = from;
}

static void add_all(uint64_t *into, const uint64_t *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add(&into[i], from[i]);
}

static void add_tally(struct ds_tally *into, const struct ds_tally *from)
{
    add(&into->packets, from->packets);
    add(&into->bytes, from->bytes);
    raise_to(&into->sources, from->sources);
}

/* How the rows of a sorted table compare and add. */
struct table_ops {
    size_t row_bytes;
    size_t rows_max;
    int (*compare)(const void *a, const void *b);
    void (*add)(void *into, const void *from);
};

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_cells(const void *a, const void *b)
{
    return compare_numbers(ds_cell_key(a), ds_cell_key(b));
}

static void add_cell(void *into_row, const void *from_row)
{
    struct ds_cell *into = into_row;
    const struct ds_cell *from = from_row;
    add(&into->packets, from->packets);
    add(&into->bytes, from->bytes);
    add(&into->survey_packets, from->survey_packets);
    raise_to(&into->sources, from->sources);
}

static int compare_countries(const void *a, const void *b)
{
    return compare_numbers(((const struct ds_country_tally *)a)->country,
                           ((const struct ds_country_tally *)b)->country);
}

static void add_country(void *into, const void *from)
{
    add_tally(&((struct ds_country_tally *)into)->tally,
              &((const struct ds_country_tally *)from)->tally);
}

static int compare_devices(const void *a, const void *b)
{
    return compare_numbers(ds_device_key(a), ds_device_key(b));
}

static void add_device(void *into_row, const void *from_row)
{
    struct ds_device_tally *into = into_row;
    const struct ds_device_tally *from = from_row;
    add(&into->packets, from->packets);
    raise_to(&into->sources, from->sources);
}

static int compare_signatures(const void *a, const void *b)
{
    return strcmp(((const struct ds_signature_tally *)a)->id,
                  ((const struct ds_signature_tally *)b)->id);
}

static void add_signature(void *into_row, const void *from_row)
{
    struct ds_signature_tally *into = into_row;
    const struct ds_signature_tally *from = from_row;
    add(&into->packets, from->packets);
    raise_to(&into->sources, from->sources);
    raise_to(&into->confirmed_sources, from->confirmed_sources);
}

static int compare_sources(const void *a, const void *b)
{
    return compare_numbers(((const struct ds_source_record *)a)->address,
                           ((const struct ds_source_record *)b)->address);
}

static void add_source(void *into_row, const void *from_row)
{
    struct ds_source_record *into = into_row;
    const struct ds_source_record *from = from_row;
    add(&into->packets, from->packets);
    into->ports = from->ports > into->ports ? from->ports : into->ports;
    into->seen |= from->seen;
    into->confirmed |= from->confirmed;
    into->classes |= from->classes;
    into->device = from->device > into->device ? from->device : into->device;
    if (into->survey == DS_SURVEY_NO || from->survey == DS_SURVEY_YES)
        into->survey = from->survey;
    into->first = from->first < into->first ? from->first : into->first;
    into->last = from->last > into->last ? from->last : into->last;
    if (into->asn == 0)
        into->asn = from->asn;
    if (into->country == DS_COUNTRY_UNKNOWN)
        into->country = from->country;
}

static int compare_attacks(const void *a, const void *b)
{
    return compare_numbers(ds_attack_key(a), ds_attack_key(b));
}

static void raise_u32(uint32_t *into, uint32_t from)
{
    if (from > *into)
        *into = from;
}

typedef void add_fn(uint64_t *into, uint64_t from);

/* All but what an attack has since it began, which so goes into the sum or is the larger of both.
 */
static void unite_attacks(struct ds_attack *into, const struct ds_attack *from, add_fn *so_far)
{
    if (from->window_packets > into->window_packets)
        into->port = from->port;
    raise_u32(&into->ports, from->ports);
    raise_u32(&into->attack_ports, from->attack_ports);
    raise_u32(&into->addresses, from->addresses);
    add(&into->window_packets, from->window_packets);
    add(&into->window_bytes, from->window_bytes);
    into->start_ms = from->start_ms < into->start_ms ? from->start_ms : into->start_ms;
    into->last_ms = from->last_ms > into->last_ms ? from->last_ms : into->last_ms;
    so_far(&into->packets, from->packets);
    so_far(&into->bytes, from->bytes);
    so_far(&into->mismatches, from->mismatches);
    raise_to(&into->max_ppm, from->max_ppm);
}

static void add_attack(void *into, const void *from)
{
    unite_attacks(into, from, add);
}

/* The same attack goes on, or there was one before. */
static void continue_attack(void *into_row, const void *from_row)
{
    struct ds_attack *into = into_row;
    const struct ds_attack *from = from_row;
    unite_attacks(into, from, into->start_ms == from->start_ms ? raise_to : add);
    raise_to(&into->packets, into->window_packets);
    raise_to(&into->bytes, into->window_bytes);
}

static const struct table_ops cell_ops = {
    .row_bytes = sizeof(struct ds_cell),
    .rows_max = DS_CELLS_MAX,
    .compare = compare_cells,
    .add = add_cell,
};

static const struct table_ops country_ops = {
    .row_bytes = sizeof(struct ds_country_tally),
    .rows_max = DS_COUNTRIES_MAX,
    .compare = compare_countries,
    .add = add_country,
};

static const struct table_ops device_ops = {
    .row_bytes = sizeof(struct ds_device_tally),
    .rows_max = DS_DEVICES_MAX,
    .compare = compare_devices,
    .add = add_device,
};

static const struct table_ops signature_ops = {
    .row_bytes = sizeof(struct ds_signature_tally),
    .rows_max = DS_SIGNATURES_MAX,
    .compare = compare_signatures,
    .add = add_signature,
};

static const struct table_ops source_ops = {
    .row_bytes = sizeof(struct ds_source_record),
    .rows_max = DS_SOURCES_MAX,
    .compare = compare_sources,
    .add = add_source,
};

static const struct table_ops attack_ops = {
    .row_bytes = sizeof(struct ds_attack),
    .rows_max = DS_ATTACKS_MAX,
    .compare = compare_attacks,
    .add = add_attack,
};

/* A table that is being built, or one of those it is built from. */
struct rows {
    void *at;
    size_t count;
};

/* Rows of a and b in order, equal ones added; out->at has room for all. */
static void merge_rows(const struct table_ops *ops, struct rows a, struct rows b, struct rows *out)
{
    const char *left = a.at, *right = b.at;
    size_t bytes = ops->row_bytes, i = 0, j = 0;
    out->count = 0;
    while (i < a.count || j < b.count) {
        int order = 0;
        if (i == a.count)
            order = 1;
        else if (j == b.count)
            order = -1;
        else
            order = ops->compare(left + i * bytes, right + j * bytes);
        char *row = (char *)out->at + out->count++ * bytes;
        memcpy(row, order <= 0 ? left + i * bytes : right + j * bytes, bytes);
        if (order == 0)
            ops->add(row, right + j * bytes);
        i += order <= 0;
        j += order >= 0;
    }
}

static int merge_tables(const struct table_ops *ops, struct rows a, struct rows b, struct rows *out)
{
    if (a.count > ops->rows_max || b.count > ops->rows_max)
        return DS_MERGE_FULL;
    if (a.count + b.count == 0)
        return 0;
    out->at = malloc((a.count + b.count) * ops->row_bytes);
    if (!out->at)
        return -1;
    merge_rows(ops, a, b, out);
    if (out->count > ops->rows_max)
        return DS_MERGE_FULL;
    void *shrunk = realloc(out->at, out->count * ops->row_bytes);
    if (shrunk)
        out->at = shrunk;
    return 0;
}

/* The tables of both windows. */
struct tables {
    struct rows cells, countries, devices, signatures, sources, attacks;
};

static struct tables tables_of(const struct ds_window *w)
{
    return (struct tables){
        .cells = {w->cells, w->cell_count},
        .countries = {w->countries, w->country_count},
        .devices = {w->devices, w->device_count},
        .signatures = {w->signatures, w->signature_count},
        .sources = {w->source_records, w->source_record_count},
        .attacks = {w->attacks, w->attack_count},
    };
}

static void free_tables(struct tables *t)
{
    free(t->cells.at);
    free(t->countries.at);
    free(t->devices.at);
    free(t->signatures.at);
    free(t->sources.at);
    free(t->attacks.at);
}

static int build_tables(struct tables *out, const struct tables *a, const struct tables *b,
                        enum ds_merge how)
{
    struct table_ops attacks = attack_ops;
    if (how == DS_MERGE_HOUR)
        attacks.add = continue_attack;
    int result = merge_tables(&cell_ops, a->cells, b->cells, &out->cells);
    if (result == 0)
        result = merge_tables(&country_ops, a->countries, b->countries, &out->countries);
    if (result == 0)
        result = merge_tables(&device_ops, a->devices, b->devices, &out->devices);
    if (result == 0)
        result = merge_tables(&signature_ops, a->signatures, b->signatures, &out->signatures);
    if (result == 0)
        result = merge_tables(&source_ops, a->sources, b->sources, &out->sources);
    if (result == 0)
        result = merge_tables(&attacks, a->attacks, b->attacks, &out->attacks);
    return result;
}

static void replace_tables(struct ds_window *w, const struct tables *t)
{
    ds_window_finish(w);
    w->cells = t->cells.at;
    w->cell_count = t->cells.count;
    w->countries = t->countries.at;
    w->country_count = t->countries.count;
    w->devices = t->devices.at;
    w->device_count = t->devices.count;
    w->signatures = t->signatures.at;
    w->signature_count = t->signatures.count;
    w->attacks = t->attacks.at;
    w->attack_count = t->attacks.count;
    w->source_records = t->sources.at;
    w->source_record_count = t->sources.count;
}

/* ---- sketches ---- */

static bool has_port(const struct ds_window *w, const struct ds_sketch_key *port)
{
    const struct ds_cell cell = {.cls = port->cls, .proto = port->proto, .port = port->port};
    const uint64_t first = ds_cell_key(&cell);
    size_t low = 0, high = w->cell_count; /* the first cell of the port, or behind it */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ds_cell_key(&w->cells[middle]) < first)
            low = middle + 1;
        else
            high = middle;
    }
    return low < w->cell_count && ds_cell_key(&w->cells[low]) >> 16 == first >> 16;
}

/* What the port may lack of a window: nothing where it has no packet there. */
static uint64_t lacks(const struct ds_window *w, const struct ds_sketch_key *port)
{
    const struct ds_sketch_row *row = ds_sketches_find(&w->sketches, port);
    return row ? row->missing : has_port(w, port) ? w->sketches.port_floor : 0;
}

/* The union of both windows', of which a is empty where it is the first. */
static int unite_sketches(const struct ds_window *a, const struct ds_window *b,
                          struct ds_sketches *out)
{
    if (ds_sketches_copy(a->seconds ? &a->sketches : &b->sketches, out))
        return -1;
    if (a->seconds && ds_sketches_merge(out, &b->sketches))
        return -1;
    for (size_t i = 0; a->seconds && i < out->count; i++)
        if (out->rows[i].key.kind == DS_SKETCH_PORT)
            out->rows[i].missing = lacks(a, &out->rows[i].key) + lacks(b, &out->rows[i].key);
    ds_sketches_trim(out);
    return 0;
}

/* What does not depend on whose windows they are. */
static void add_figures(struct ds_window *into, const struct ds_window *from)
{
    add_all(into->books, from->books, DS_BOOK_COUNT);
    add_all(into->malformed, from->malformed, DS_MALFORMED_COUNT);
    add_all(into->overflow, from->overflow, DS_OVERFLOW_COUNT);
    add_all(into->types, from->types, DS_TYPE_COUNT);
    add_all(into->protocols, from->protocols, 256);
    add(&into->bytes, from->bytes);
    raise_to(&into->sources, from->sources);
    into->attacks_known = into->attacks_known || from->attacks_known;
    for (size_t i = 0; i < DS_CLASS_COUNT; i++)
        add_tally(&into->classes[i], &from->classes[i]);
}

static struct ds_span span_of(const struct ds_window *into, const struct ds_window *from,
                              enum ds_merge how)
{
    if (how == DS_MERGE_HOUR)
        return (struct ds_span){from->start_s / HOUR_S * HOUR_S, HOUR_S};
    if (into->seconds == 0)
        return (struct ds_span){from->start_s, from->seconds};
    return (struct ds_span){
        .start_s = from->start_s < into->start_s ? from->start_s : into->start_s,
        .seconds = from->seconds > into->seconds ? from->seconds : into->seconds,
    };
}

static void add_sensor(struct ds_window *into, const struct ds_window *from)
{
    add(&into->observed_ns, from->observed_ns);
    into->addresses_known = into->addresses_known && from->addresses_known;
    add(&into->addresses, from->addresses);
    if (!into->addresses_known)
        into->addresses = 0;
    add(&into->active_addresses, from->active_addresses);
    add(&into->destinations, from->destinations);
}

static void add_part(struct ds_window *into, const struct ds_window *from)
{
    add(&into->observed_ns, from->observed_ns);
    into->addresses_known = into->addresses_known || from->addresses_known;
    raise_to(&into->addresses, from->addresses);
    raise_to(&into->active_addresses, from->active_addresses);
    raise_to(&into->destinations, from->destinations);
}

static void merge_country_db(struct ds_window *into, const struct ds_window *from)
{
    if (!into->country_db[0])
        memcpy(into->country_db, from->country_db, sizeof into->country_db);
    else if (from->country_db[0] && strcmp(into->country_db, from->country_db) != 0)
        strcpy(into->country_db, "several");
}

static void copy_figures(struct ds_window *into, const struct ds_window *from)
{
    struct tables own = tables_of(into);
    *into = *from;
    into->cells = NULL;
    into->countries = NULL;
    into->devices = NULL;
    into->signatures = NULL;
    into->source_records = NULL;
    into->source_columns = NULL;
    into->attacks = NULL;
    into->sketches = (struct ds_sketches){0};
    replace_tables(into, &own);
}

/* Everything but the tables. */
static void merge_figures(struct ds_window *into, const struct ds_window *from, enum ds_merge how)
{
    if (into->seconds == 0) {
        copy_figures(into, from);
        return;
    }
    add_figures(into, from);
    merge_country_db(into, from);
    if (how == DS_MERGE_SENSORS)
        add_sensor(into, from);
    else
        add_part(into, from);
}

int ds_merge_window(struct ds_window *into, const struct ds_window *from, enum ds_merge how)
{
    struct tables a = tables_of(into), b = tables_of(from), merged = {0};
    struct ds_source_record *own = NULL, *other = NULL;
    struct ds_sketches sketches = {0};
    struct ds_marks marks = {0};
    const struct ds_span span = span_of(into, from, how);
    int result = ds_marks_translate(&marks, into, span, &own);
    if (result == 0)
        result = ds_marks_translate(&marks, from, span, &other);
    a.sources.at = own;
    b.sources.at = other;
    if (result == 0)
        result = build_tables(&merged, &a, &b, how);
    if (result == 0)
        result = unite_sketches(into, from, &sketches);
    if (how == DS_MERGE_SENSORS) /* each has an order of its own */
        ds_sketches_drop(&sketches, DS_SKETCH_ADDRESSES);
    free(own);
    free(other);
    if (result != 0) {
        free_tables(&merged);
        return result;
    }
    merge_figures(into, from, how);
    into->start_s = span.start_s;
    into->seconds = span.seconds;
    if (how != DS_MERGE_SENSORS && into->observed_ns > span.seconds * NS_PER_S)
        into->observed_ns = span.seconds * NS_PER_S;
    replace_tables(into, &merged);
    into->sketches = sketches;
    memcpy(into->marks, marks.names, sizeof into->marks);
    into->mark_count = marks.count;
    raise_to(&into->sources, into->source_record_count);
    return 0;
}
