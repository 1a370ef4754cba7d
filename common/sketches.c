/* SPDX-License-Identifier: Apache-2.0 */
#include "darkscope/sketches.h"

#include "darkscope/text.h"

#include <stdlib.h>
#include <string.h>

void ds_sketches_finish(struct ds_sketches *s)
{
    for (size_t i = 0; i < s->count; i++)
        ds_sketch_finish(&s->rows[i].sketch);
    free(s->rows);
    free(s->packed);
    *s = (struct ds_sketches){0};
}

static bool is_port(unsigned kind)
{
    return kind == DS_SKETCH_PORT || kind == DS_SKETCH_PORT_SURVEY;
}

unsigned ds_sketch_precision(unsigned kind)
{
    if (kind == DS_SKETCH_ADDRESSES)
        return DS_SKETCH_BITS;
    return is_port(kind) ? DS_SKETCH_COARSE : DS_SKETCH_FINE;
}

static uint64_t number_of(const struct ds_sketch_key *k)
{
    return (uint64_t)k->kind << 48 | (uint64_t)k->country << 32 | (uint64_t)k->cls << 24 |
           (uint64_t)k->proto << 16 | k->port;
}

int ds_sketch_key_compare(const struct ds_sketch_key *a, const struct ds_sketch_key *b)
{
    uint64_t x = number_of(a), y = number_of(b);
    return x == y ? strcmp(a->signature, b->signature) : (x > y) - (x < y);
}

bool ds_sketch_key_valid(const struct ds_sketch_key *key)
{
    struct ds_sketch_key only = {.kind = key->kind};
    switch ((enum ds_sketch_kind)key->kind) {
    case DS_SKETCH_COUNTRY:
    case DS_SKETCH_COUNTRY_SURVEY:
    case DS_SKETCH_INFECTED:
    case DS_SKETCH_INFECTED_CONFIRMED:
        only.country = key->country;
        return ds_country_valid(key->country) && ds_sketch_key_compare(key, &only) == 0;
    case DS_SKETCH_CLASS:
        only.cls = key->cls;
        return key->cls < DS_CLASS_COUNT && ds_sketch_key_compare(key, &only) == 0;
    case DS_SKETCH_PROTOCOL:
    case DS_SKETCH_PROTOCOL_SURVEY:
        only.proto = key->proto;
        return (key->proto == DS_PROTO_TCP || key->proto == DS_PROTO_UDP ||
                key->proto == DS_PROTO_ICMP || key->proto == DS_PROTO_ICMP6) &&
               ds_sketch_key_compare(key, &only) == 0;
    case DS_SKETCH_SIGNATURE:
    case DS_SKETCH_SIGNATURE_CONFIRMED:
        return ds_name_valid(key->signature) && number_of(key) == number_of(&only);
    case DS_SKETCH_PORT:
    case DS_SKETCH_PORT_SURVEY:
        return key->cls < DS_CLASS_COUNT && key->country == 0 && !key->signature[0];
    case DS_SKETCH_DEVICE:
        only.device = key->device;
        return key->device < DS_DEVICE_COUNT && ds_sketch_key_compare(key, &only) == 0;
    case DS_SKETCH_MALWARE:
        only.country = key->country;
        return ds_country_valid(key->country) && ds_name_valid(key->signature) &&
               number_of(key) == number_of(&only);
    case DS_SKETCH_ADDRESSES:
        only.set = key->set;
        return ds_sketch_key_compare(key, &only) == 0;
    case DS_SKETCH_KIND_COUNT:
        break;
    }
    return false;
}

/* The row, or where it would be. */
static size_t place_of(const struct ds_sketches *s, const struct ds_sketch_key *key)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ds_sketch_key_compare(&s->rows[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct ds_sketch_row *ds_sketches_find(const struct ds_sketches *s,
                                             const struct ds_sketch_key *key)
{
    size_t at = place_of(s, key);
    return at < s->count && ds_sketch_key_compare(&s->rows[at].key, key) == 0 ? &s->rows[at] : NULL;
}

static int copy_row(const struct ds_sketch_row *from, struct ds_sketch_row *to)
{
    to->key = from->key;
    to->missing = from->missing;
    to->windows = from->windows;
    return ds_sketch_copy(&from->sketch, &to->sketch);
}

int ds_sketches_copy(const struct ds_sketches *from, struct ds_sketches *out)
{
    *out = (struct ds_sketches){0};
    if (!from->known)
        return 0;
    out->rows = calloc(from->count + 1, sizeof *out->rows);
    if (!out->rows)
        return -1;
    for (; out->count < from->count; out->count++)
        if (copy_row(&from->rows[out->count], &out->rows[out->count])) {
            ds_sketches_finish(out);
            return -1;
        }
    out->known = true;
    out->secret_id = from->secret_id;
    out->port_floor = from->port_floor;
    return 0;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) || sum > DS_COUNT_MAX ? DS_COUNT_MAX : sum;
}

/* What a port lacks that one side did not list. */
static void note_missing(struct ds_sketch_row *row, const struct ds_sketches *other)
{
    if (is_port(row->key.kind))
        row->missing = plus(row->missing, other->port_floor);
}

/* The rows of into are moved, those of from copied. On failure all that was done is in out. */
static int merge_rows(struct ds_sketches *into, const struct ds_sketches *from,
                      struct ds_sketches *out)
{
    size_t i = 0, k = 0;
    int failed = 0;
    while ((i < into->count || k < from->count) && !failed) {
        struct ds_sketch_row *to = &out->rows[out->count++];
        int order = i == into->count ? 1
                    : k == from->count
                        ? -1
                        : ds_sketch_key_compare(&into->rows[i].key, &from->rows[k].key);
        if (order <= 0)
            *to = into->rows[i];
        if (order < 0)
            note_missing(to, from);
        if (order == 0) {
            to->missing = plus(to->missing, from->rows[k].missing);
            to->windows += from->rows[k].windows;
            failed = ds_sketch_merge(&to->sketch, &from->rows[k].sketch);
        }
        if (order > 0) {
            failed = copy_row(&from->rows[k], to);
            note_missing(to, into);
        }
        i += order <= 0;
        k += order >= 0;
    }
    for (; i < into->count; i++) /* after a failure */
        ds_sketch_finish(&into->rows[i].sketch);
    return failed;
}

int ds_sketches_merge(struct ds_sketches *into, const struct ds_sketches *from)
{
    if (!into->known || !from->known || into->secret_id != from->secret_id) {
        ds_sketches_finish(into);
        return 0;
    }
    struct ds_sketches merged = {.known = true,
                                 .secret_id = into->secret_id,
                                 .port_floor = plus(into->port_floor, from->port_floor)};
    merged.rows = calloc(into->count + from->count + 1, sizeof *merged.rows);
    if (!merged.rows) {
        ds_sketches_finish(into);
        return -1;
    }
    int failed = merge_rows(into, from, &merged);
    free(into->rows);
    free(into->packed);
    *into = merged;
    if (failed)
        ds_sketches_finish(into);
    return failed;
}

/* ---- ports ---- */

/* A port's row, and how many sources it may have had. */
struct rank {
    double sources;
    size_t row;
};

static int by_sources(const void *left, const void *right)
{
    const struct rank *a = left, *b = right;
    if (a->sources != b->sources)
        return a->sources < b->sources ? 1 : -1;
    return (a->row > b->row) - (a->row < b->row);
}

/* Does the port of a survey row, which comes later, still stand among the first `kept` rows? */
static bool has_port(const struct ds_sketches *s, size_t kept, const struct ds_sketch_row *survey)
{
    struct ds_sketch_key key = survey->key;
    const struct ds_sketches first = {.rows = s->rows, .count = kept};
    key.kind = DS_SKETCH_PORT;
    return ds_sketches_find(&first, &key);
}

/* Drops the rows that are marked by an unknown kind, and the survey rows of such ports. */
static void drop_marked(struct ds_sketches *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++) {
        struct ds_sketch_row *row = &s->rows[i];
        bool drop = row->key.kind == DS_SKETCH_KIND_COUNT ||
                    (row->key.kind == DS_SKETCH_PORT_SURVEY && !has_port(s, kept, row));
        if (drop)
            ds_sketch_finish(&row->sketch);
        else
            s->rows[kept++] = *row;
    }
    s->count = kept;
}

void ds_sketches_drop(struct ds_sketches *s, unsigned kind)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++)
        if (s->rows[i].key.kind == kind)
            ds_sketch_finish(&s->rows[i].sketch);
        else
            s->rows[kept++] = s->rows[i];
    s->count = kept;
}

void ds_sketches_keep(struct ds_sketches *s, size_t ports)
{
    const struct ds_sketch_key first = {.kind = DS_SKETCH_PORT},
                               last = {.kind = DS_SKETCH_PORT + 1};
    size_t begin = place_of(s, &first), count = place_of(s, &last) - begin;
    if (count <= ports)
        return;
    struct rank *ranks = malloc(count * sizeof *ranks);
    for (size_t i = 0; ranks && i < count; i++) {
        const struct ds_sketch_row *row = &s->rows[begin + i];
        double sources = ds_sketch_estimate(&row->sketch).count + (double)row->missing;
        ranks[i] = (struct rank){sources < (double)DS_COUNT_MAX ? sources : (double)DS_COUNT_MAX,
                                 begin + i};
    }
    if (!ranks)
        return; /* they stay */
    free(s->packed);
    s->packed = NULL;
    s->packed_bytes = 0;
    qsort(ranks, count, sizeof *ranks, by_sources);
    uint64_t floor = (uint64_t)(ranks[ports].sources + 1);
    for (size_t i = ports; i < count; i++)
        s->rows[ranks[i].row].key.kind = DS_SKETCH_KIND_COUNT;
    free(ranks);
    drop_marked(s);
    if (floor > s->port_floor)
        s->port_floor = floor < DS_COUNT_MAX ? floor : DS_COUNT_MAX;
}

int ds_sketches_unite(const struct ds_sketches *s, unsigned kind, struct ds_sketch *out)
{
    const struct ds_sketch_key first = {.kind = (uint8_t)kind};
    ds_sketch_init(out, ds_sketch_precision(kind));
    for (size_t i = place_of(s, &first); i < s->count && s->rows[i].key.kind == kind; i++)
        if (ds_sketch_merge(out, &s->rows[i].sketch)) {
            ds_sketch_finish(out);
            return -1;
        }
    return 0;
}

size_t ds_sketches_bytes(const struct ds_sketches *s)
{
    size_t bytes = s->count * sizeof *s->rows + s->packed_bytes;
    for (size_t i = 0; i < s->count; i++)
        bytes += ds_sketch_bytes(&s->rows[i].sketch);
    return bytes;
}

bool ds_sketches_equal(const struct ds_sketches *a, const struct ds_sketches *b)
{
    if (a->known != b->known || a->secret_id != b->secret_id || a->port_floor != b->port_floor ||
        a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (ds_sketch_key_compare(&a->rows[i].key, &b->rows[i].key) ||
            a->rows[i].missing != b->rows[i].missing ||
            !ds_sketch_equal(&a->rows[i].sketch, &b->rows[i].sketch))
            return false;
    return true;
}
