/* SPDX-License-Identifier: Apache-2.0
 *
 * What may be stored. A window comes here decoded, so its lengths are sane; here is checked what
 * would make a stored figure wrong or a statement fail: times, names, order of tables, numbers
 * beyond DS_STORE_FIGURE_MAX. Whether its books balance is for the receiver to say.
 */
#include "sqlite.h"

#include "darkscope/text.h"

#include <string.h>

#define NS_PER_S UINT64_C(1000000000)

/* Names are printed to terminals and put into URLs: visible ASCII, 1 to longest bytes. */
static bool bad_name(const char *name, size_t longest)
{
    size_t length = strnlen(name, longest + 1);
    if (length == 0 || length > longest)
        return true;
    for (size_t i = 0; i < length; i++)
        if (name[i] <= ' ' || name[i] > '~')
            return true;
    return false;
}

static const char *bad_time(const struct ds_window *w)
{
    if (w->seconds < DS_WINDOW_SECONDS_MIN || w->seconds > DS_WINDOW_SECONDS_MAX ||
        DS_WINDOW_SECONDS_MAX % w->seconds != 0)
        return "the window's length does not divide an hour";
    if (w->start_s < 0 || w->start_s >= DS_STORE_TIME_MAX || w->start_s % w->seconds != 0)
        return "the window's start is out of range or not aligned to its length";
    if (w->merged > 0 && w->seconds != DS_WINDOW_SECONDS_MAX)
        return "windows are merged into one that is no hour";
    if (w->observed_ns > w->seconds * NS_PER_S)
        return "the time observed is longer than the window";
    return NULL;
}

static bool too_large(const uint64_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (values[i] > DS_STORE_FIGURE_MAX)
            return true;
    return false;
}

static bool tally_too_large(const struct ds_tally *t)
{
    return too_large((const uint64_t[]){t->packets, t->bytes, t->sources}, 3);
}

static const char *bad_figures(const struct ds_window *w)
{
    const uint64_t single[] = {w->addresses, w->active_addresses, w->bytes, w->sources,
                               w->destinations};
    bool large = too_large(single, sizeof single / sizeof single[0]) ||
                 too_large(w->books, DS_BOOK_COUNT) || too_large(w->types, DS_TYPE_COUNT) ||
                 too_large(w->malformed, DS_MALFORMED_COUNT) ||
                 too_large(w->overflow, DS_OVERFLOW_COUNT) || too_large(w->protocols, 256);
    for (size_t i = 0; i < DS_CLASS_COUNT; i++)
        large = large || tally_too_large(&w->classes[i]);
    return large ? "a figure is larger than 2^48" : NULL;
}

static bool bad_country(ds_country country)
{
    return !ds_country_valid(country);
}

static const char *bad_cells(const struct ds_window *w)
{
    uint64_t least_key = 0;
    for (size_t i = 0; i < w->cell_count; i++) {
        const struct ds_cell *c = &w->cells[i];
        const uint64_t key = ds_cell_key(c);
        if (c->cls >= DS_CLASS_COUNT || bad_country(c->country))
            return "a cell has an unknown class or a country that is no code";
        if (key < least_key)
            return "the cells are not in order";
        if (c->packets == 0 || c->sources > c->packets || c->survey_packets > c->packets)
            return "a cell has no packets, or more sources or survey packets than packets";
        /* Sources and survey packets are no more than packets. */
        if (c->packets > DS_STORE_FIGURE_MAX || c->bytes > DS_STORE_FIGURE_MAX)
            return "a cell's figure is larger than 2^48";
        least_key = key + 1;
    }
    return NULL;
}

static const char *bad_countries(const struct ds_window *w)
{
    for (size_t i = 0; i < w->country_count; i++) {
        const struct ds_country_tally *c = &w->countries[i];
        if (bad_country(c->country) || (i > 0 && c->country <= c[-1].country))
            return "the countries are not codes in order";
        if (tally_too_large(&c->tally))
            return "a country's figure is larger than 2^48";
    }
    return NULL;
}

static const char *bad_devices(const struct ds_window *w)
{
    for (size_t i = 0; i < w->device_count; i++) {
        const struct ds_device_tally *d = &w->devices[i];
        if (bad_country(d->country) || d->device >= DS_DEVICE_COUNT ||
            (i > 0 && ds_device_key(d) <= ds_device_key(d - 1)))
            return "the devices are not known ones in order";
        if (too_large((const uint64_t[]){d->packets, d->sources}, 2))
            return "a device's figure is larger than 2^48";
    }
    return NULL;
}

static const char *bad_signatures(const struct ds_window *w)
{
    for (size_t i = 0; i < w->signature_count; i++) {
        const struct ds_signature_tally *t = &w->signatures[i];
        const uint64_t figures[] = {t->packets, t->sources, t->confirmed_sources};
        if (bad_name(t->id, DS_SIGNATURE_ID_MAX) || (i > 0 && strcmp(t[-1].id, t->id) >= 0))
            return "the signatures are not printable names in order";
        if (too_large(figures, 3))
            return "a signature's figure is larger than 2^48";
    }
    return NULL;
}

/* Their columns were read in order and within their limits. */
static const char *bad_sources(const struct ds_window *w)
{
    for (size_t i = 0; i < w->source_record_count; i++)
        if (w->source_records[i].packets > DS_STORE_FIGURE_MAX)
            return "a source's figure is larger than 2^48";
    for (unsigned i = 0; i < w->mark_count; i++)
        if (!ds_name_valid(w->marks[i]))
            return "the marks of sources are not names";
    return NULL;
}

/* Their columns were read within their limits. */
static const char *bad_sketches(const struct ds_window *w)
{
    const struct ds_sketches *s = &w->sketches;
    for (size_t i = 0; i < s->count; i++)
        if (!ds_sketch_key_valid(&s->rows[i].key) ||
            (i > 0 && ds_sketch_key_compare(&s->rows[i - 1].key, &s->rows[i].key) >= 0))
            return "the sketches are not of known keys in order";
    return s->port_floor > DS_STORE_FIGURE_MAX ? "a sketch's figure is larger than 2^48" : NULL;
}

static const char *bad_attacks(const struct ds_window *w)
{
    for (size_t i = 0; i < w->attack_count; i++) {
        const struct ds_attack *a = &w->attacks[i];
        const uint64_t figures[] = {a->window_packets, a->window_bytes, a->packets,
                                    a->bytes,          a->mismatches,   a->max_ppm};
        if (bad_country(a->country) || (i > 0 && ds_attack_key(a) <= ds_attack_key(a - 1)))
            return "the attacks have a country that is no code or are not in order";
        if (a->start_ms < 0 || a->last_ms < a->start_ms || a->last_ms >= DS_STORE_TIME_MAX * 1000)
            return "an attack's times are out of range";
        if (too_large(figures, sizeof figures / sizeof figures[0]))
            return "an attack's figure is larger than 2^48";
    }
    return NULL;
}

const char *ds_sqlite_bad_put(const struct ds_store_put *put)
{
    const struct ds_window *w = put->window;
    if (bad_name(put->sensor, DS_NAME_MAX))
        return "the sensor's name is empty, too long or not visible ASCII";
    if (put->sequence > INT64_MAX || put->received_s < 0)
        return "the sequence number or the time of receipt is out of range";
    const char *why = bad_time(w);
    why = why ? why : bad_figures(w);
    why = why ? why : bad_cells(w);
    why = why ? why : bad_countries(w);
    why = why ? why : bad_devices(w);
    why = why ? why : bad_sources(w);
    why = why ? why : bad_sketches(w);
    why = why ? why : bad_attacks(w);
    return why ? why : bad_signatures(w);
}
