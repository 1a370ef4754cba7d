/* SPDX-License-Identifier: Apache-2.0 */
#include "tally.h"

#include <stdlib.h>
#include <string.h>

/* Room for member number n of an array that follows a set. Returns the array, NULL without
 * memory (the old one stays valid). */
static void *reserve(void *array, size_t *room, size_t n, size_t element)
{
    if (n < *room)
        return array;
    size_t more = *room ? *room * 2 : 256;
    void *p = realloc(array, more * element);
    if (p)
        *room = more;
    return p;
}

/* Adds to a set; returns the number. */
static uint32_t add(struct ds_gen_tally *t, struct ds_gen_set *s, uint64_t high, uint64_t low,
                    bool *is_new)
{
    uint32_t n = ds_gen_set_add(s, high, low, is_new);
    if (n == DS_GEN_SET_NO_MEMORY)
        t->failed = true;
    return n;
}

/* Adds to a set; true if the key is new. */
static bool is_new(struct ds_gen_tally *t, struct ds_gen_set *s, uint64_t high, uint64_t low)
{
    bool fresh;
    add(t, s, high, low, &fresh);
    return fresh;
}

static void count_cell(struct ds_gen_tally *t, const struct ds_gen_fact *f, uint32_t source,
                       ds_country country)
{
    struct ds_cell fresh = {
        .cls = f->cls, .proto = f->service, .port = f->port, .country = country};
    bool is_first;
    uint32_t n = add(t, &t->cell_keys, 0, ds_cell_key(&fresh), &is_first);
    struct ds_cell *cells = reserve(t->cells, &t->cell_room, n, sizeof *cells);
    if (!cells || n == DS_GEN_SET_NO_MEMORY) {
        t->failed = true;
        return;
    }
    t->cells = cells;
    if (is_first)
        cells[n] = fresh;
    cells[n].packets++;
    cells[n].bytes += f->bytes;
    cells[n].sources += is_new(t, &t->cell_sources, n, source);
}

static void count_country(struct ds_gen_tally *t, const struct ds_gen_fact *f, ds_country country,
                          bool new_source)
{
    bool is_first;
    uint32_t n = add(t, &t->country_keys, 0, country, &is_first);
    struct ds_country_tally *all = reserve(t->countries, &t->country_room, n, sizeof *all);
    if (!all || n == DS_GEN_SET_NO_MEMORY) {
        t->failed = true;
        return;
    }
    t->countries = all;
    if (is_first)
        all[n] = (struct ds_country_tally){.country = country};
    all[n].tally.packets++;
    all[n].tally.bytes += f->bytes;
    all[n].tally.sources += new_source;
}

static void count_signature(struct ds_gen_tally *t, enum ds_signature id, uint32_t source)
{
    bool is_first;
    uint32_t n = add(t, &t->marked_sources, id, source, &is_first);
    uint32_t *marks = reserve(t->marks, &t->mark_room, n, sizeof *marks);
    if (!marks || n == DS_GEN_SET_NO_MEMORY) {
        t->failed = true;
        return;
    }
    t->marks = marks;
    if (is_first)
        marks[n] = 0;
    marks[n]++;
    t->signatures[id].packets++;
    t->signatures[id].sources += is_first;
    t->signatures[id].confirmed_sources += marks[n] == 2;
}

/* The source's record. NULL without memory. */
static struct ds_gen_sender *find_sender(struct ds_gen_tally *t, uint32_t source,
                                         ds_country country, bool *is_first)
{
    uint32_t n = add(t, &t->sources, 0, source, is_first);
    struct ds_gen_sender *all = reserve(t->senders, &t->sender_room, n, sizeof *all);
    if (!all || n == DS_GEN_SET_NO_MEMORY) {
        t->failed = true;
        return NULL;
    }
    t->senders = all;
    if (*is_first)
        all[n] = (struct ds_gen_sender){.country = country};
    return &all[n];
}

/* Also what matches by accident counts. Is the source new? */
static bool count_sender(struct ds_gen_tally *t, const struct ds_gen_fact *f, uint32_t source,
                         ds_country country)
{
    bool is_first;
    struct ds_gen_sender *sender = find_sender(t, source, country, &is_first);
    if (!sender)
        return false;
    struct ds_gen_marks m = ds_gen_mark(f, &sender->session);
    sender->packets++;
    sender->signatures |= m.signatures;
    if (m.device > sender->form)
        sender->form = m.device;
    for (unsigned id = 0; id < DS_SIGNATURE_COUNT; id++)
        if (m.signatures >> id & 1)
            count_signature(t, id, source);
    return is_first;
}

void ds_gen_tally_count(struct ds_gen_tally *t, const struct ds_gen_fact *f, uint32_t source,
                        uint32_t dest, ds_country country, bool late)
{
    t->books[DS_BOOK_RECEIVED]++;
    if (f->malformed != DS_MALFORMED_COUNT) {
        t->books[DS_BOOK_MALFORMED]++;
        t->malformed[f->malformed]++;
        return;
    }
    if (f->outside) {
        t->books[DS_BOOK_OUTSIDE]++;
        return;
    }
    t->books[DS_BOOK_COUNTED]++;
    t->books[DS_BOOK_LATE] += late;
    t->books[DS_BOOK_FRAGMENT] += f->fragment;
    t->books[DS_BOOK_TRUNCATED] += f->truncated;
    t->bytes += f->bytes;
    t->types[f->type]++;
    t->protocols[f->proto]++;
    struct ds_tally *cls = &t->classes[f->cls];
    cls->packets++;
    cls->bytes += f->bytes;
    cls->sources += is_new(t, &t->class_sources, f->cls, source);
    bool new_source = count_sender(t, f, source, country);
    if (is_new(t, &t->destinations, 0, dest) && !f->dest.is_v6)
        t->active_addresses++;
    count_cell(t, f, source, country);
    count_country(t, f, country, new_source);
}

static int compare_cells(const void *a, const void *b)
{
    uint64_t x = ds_cell_key(a), y = ds_cell_key(b);
    return (x > y) - (x < y);
}

static int compare_countries(const void *a, const void *b)
{
    const struct ds_country_tally *x = a, *y = b;
    return x->country - y->country;
}

static int compare_signatures(const void *a, const void *b)
{
    const struct ds_signature_tally *x = a, *y = b;
    return strcmp(x->id, y->id);
}

static int compare_devices(const void *a, const void *b)
{
    uint32_t x = ds_device_key(a), y = ds_device_key(b);
    return (x > y) - (x < y);
}

/* Adds up the senders by country and device: sorted, then equal ones brought together. */
static bool list_devices(const struct ds_gen_tally *t, struct ds_window *w)
{
    size_t count = t->sources.count;
    w->devices = calloc(count + 1, sizeof *w->devices);
    if (!w->devices)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct ds_gen_sender *s = &t->senders[i];
        w->devices[i] = (struct ds_device_tally){
            .country = s->country,
            .device = (uint8_t)ds_gen_device(s->signatures, s->form),
            .packets = s->packets,
            .sources = 1,
        };
    }
    qsort(w->devices, count, sizeof *w->devices, compare_devices);
    for (size_t i = 0; i < count; i++) {
        struct ds_device_tally *last = &w->devices[w->device_count], *d = &w->devices[i];
        if (w->device_count && ds_device_key(last - 1) == ds_device_key(d)) {
            last[-1].packets += d->packets;
            last[-1].sources++;
        } else {
            *last = *d;
            w->device_count++;
        }
    }
    return true;
}

/* NULL without memory; never NULL for an empty array. */
static void *copy(const void *array, size_t count, size_t element)
{
    void *p = malloc(count ? count * element : 1);
    if (p && count)
        memcpy(p, array, count * element);
    return p;
}

bool ds_gen_tally_window(const struct ds_gen_tally *t, struct ds_window *w)
{
    memcpy(w->books, t->books, sizeof w->books);
    memcpy(w->malformed, t->malformed, sizeof w->malformed);
    memcpy(w->types, t->types, sizeof w->types);
    memcpy(w->protocols, t->protocols, sizeof w->protocols);
    memcpy(w->classes, t->classes, sizeof w->classes);
    w->bytes = t->bytes;
    w->active_addresses = t->active_addresses;
    w->sources = t->sources.count;
    w->destinations = t->destinations.count;
    w->cells = copy(t->cells, t->cell_keys.count, sizeof *t->cells);
    w->countries = copy(t->countries, t->country_keys.count, sizeof *t->countries);
    w->signatures = calloc(DS_SIGNATURE_COUNT, sizeof *w->signatures);
    if (t->failed || !list_devices(t, w) || !w->cells || !w->countries || !w->signatures)
        return false;
    w->cell_count = t->cell_keys.count;
    w->country_count = t->country_keys.count;
    for (unsigned i = 0; i < DS_SIGNATURE_COUNT; i++) {
        if (!t->signatures[i].packets)
            continue;
        struct ds_signature_tally *s = &w->signatures[w->signature_count++];
        *s = t->signatures[i];
        strcpy(s->id, ds_signature_name(i));
    }
    qsort(w->cells, w->cell_count, sizeof *w->cells, compare_cells);
    qsort(w->countries, w->country_count, sizeof *w->countries, compare_countries);
    qsort(w->signatures, w->signature_count, sizeof *w->signatures, compare_signatures);
    return true;
}

#define SETS(t)                                                                                    \
    {                                                                                              \
        &(t)->sources, &(t)->destinations, &(t)->class_sources, &(t)->cell_keys,                   \
            &(t)->cell_sources, &(t)->country_keys, &(t)->marked_sources                           \
    }

void ds_gen_tally_clear(struct ds_gen_tally *t)
{
    struct ds_gen_set *const sets[] = SETS(t);
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        ds_gen_set_clear(sets[i]);
    memset(t->books, 0, sizeof t->books);
    memset(t->malformed, 0, sizeof t->malformed);
    memset(t->types, 0, sizeof t->types);
    memset(t->protocols, 0, sizeof t->protocols);
    memset(t->classes, 0, sizeof t->classes);
    memset(t->signatures, 0, sizeof t->signatures);
    t->bytes = t->active_addresses = 0;
}

void ds_gen_tally_finish(struct ds_gen_tally *t)
{
    struct ds_gen_set *const sets[] = SETS(t);
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        ds_gen_set_finish(sets[i]);
    free(t->senders);
    free(t->cells);
    free(t->countries);
    free(t->marks);
    *t = (struct ds_gen_tally){0};
}
