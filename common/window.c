/* SPDX-License-Identifier: Apache-2.0 */
#include "darkscope/window.h"

#include <stdlib.h>
#include <string.h>

void ds_window_init(struct ds_window *w)
{
    memset(w, 0, sizeof *w);
}

void ds_window_finish(struct ds_window *w)
{
    free(w->cells);
    free(w->countries);
    free(w->devices);
    free(w->signatures);
    free(w->source_records);
    free(w->source_columns);
    free(w->attacks);
    ds_sketches_finish(&w->sketches);
    w->cells = NULL;
    w->countries = NULL;
    w->devices = NULL;
    w->signatures = NULL;
    w->source_records = NULL;
    w->source_columns = NULL;
    w->attacks = NULL;
    w->cell_count = w->country_count = w->device_count = 0;
    w->signature_count = w->source_record_count = w->attack_count = 0;
    w->source_columns_bytes = 0;
}

/* Wrapping additions of hostile numbers could balance by accident; that harms nobody but the
 * sender. */
static uint64_t sum(const uint64_t *values, size_t count)
{
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += values[i];
    return total;
}

static uint64_t sum_classes(const struct ds_window *w)
{
    uint64_t total = 0;
    for (size_t i = 0; i < DS_CLASS_COUNT; i++)
        total += w->classes[i].packets;
    return total;
}

static uint64_t sum_countries(const struct ds_window *w)
{
    uint64_t total = 0;
    for (size_t i = 0; i < w->country_count; i++)
        total += w->countries[i].tally.packets;
    return total;
}

static uint64_t sum_devices(const struct ds_window *w)
{
    uint64_t total = 0;
    for (size_t i = 0; i < w->device_count; i++)
        total += w->devices[i].packets;
    return total;
}

static uint64_t sum_cells(const struct ds_window *w)
{
    uint64_t total = 0;
    for (size_t i = 0; i < w->cell_count; i++)
        total += w->cells[i].packets;
    return total;
}

uint64_t ds_window_listed_packets(const struct ds_window *w)
{
    uint64_t total = 0;
    for (size_t i = 0; i < w->source_record_count; i++)
        total += w->source_records[i].packets;
    return total;
}

static uint64_t country_packets(const struct ds_window *w, ds_country country)
{
    size_t low = 0, high = w->country_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (w->countries[middle].country < country)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < w->country_count && w->countries[low].country == country;
    return found ? w->countries[low].tally.packets : 0;
}

static uint64_t signature_packets(const struct ds_window *w, const char *id)
{
    size_t low = 0, high = w->signature_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(w->signatures[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < w->signature_count && strcmp(w->signatures[low].id, id) == 0;
    return found ? w->signatures[low].packets : 0;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Those of which each source of the sketch sent at least one. Not the port's own: where memory ran
 * out its packets were counted under another. */
static uint64_t packets_of(const struct ds_window *w, const struct ds_sketch_key *k)
{
    switch ((enum ds_sketch_kind)k->kind) {
    case DS_SKETCH_COUNTRY:
    case DS_SKETCH_COUNTRY_SURVEY:
    case DS_SKETCH_INFECTED:
    case DS_SKETCH_INFECTED_CONFIRMED:
        return country_packets(w, k->country);
    case DS_SKETCH_MALWARE:
        return lesser(country_packets(w, k->country), signature_packets(w, k->signature));
    case DS_SKETCH_CLASS:
    case DS_SKETCH_PORT:
    case DS_SKETCH_PORT_SURVEY:
        return w->classes[k->cls].packets;
    case DS_SKETCH_SIGNATURE:
    case DS_SKETCH_SIGNATURE_CONFIRMED:
        return signature_packets(w, k->signature);
    case DS_SKETCH_PROTOCOL:
    case DS_SKETCH_PROTOCOL_SURVEY:
    case DS_SKETCH_DEVICE:
    case DS_SKETCH_ADDRESSES:
        return w->books[DS_BOOK_COUNTED];
    case DS_SKETCH_KIND_COUNT:
        break;
    }
    return 0;
}

static bool has_plausible_sketches(const struct ds_window *w)
{
    for (size_t i = 0; i < w->sketches.count; i++)
        if (w->sketches.rows[i].sketch.count > packets_of(w, &w->sketches.rows[i].key))
            return false;
    return true;
}

const char *ds_window_imbalance(const struct ds_window *w)
{
    const uint64_t *b = w->books;
    uint64_t counted = b[DS_BOOK_COUNTED];
    if (b[DS_BOOK_RECEIVED] != counted + b[DS_BOOK_OUTSIDE] + b[DS_BOOK_MALFORMED])
        return "received";
    if (sum(w->malformed, DS_MALFORMED_COUNT) != b[DS_BOOK_MALFORMED])
        return "malformed";
    if (sum(w->types, DS_TYPE_COUNT) != counted)
        return "types";
    if (sum_classes(w) != counted)
        return "classes";
    if (sum(w->protocols, 256) != counted)
        return "protocols";
    if (sum_countries(w) != counted)
        return "countries";
    if (sum_cells(w) != counted)
        return "cells";
    if (sum_devices(w) > counted) /* less where sources found no room */
        return "devices";
    if (w->source_record_count > w->sources || ds_window_listed_packets(w) > counted)
        return "source_records";
    return has_plausible_sketches(w) ? NULL : "sketches";
}
