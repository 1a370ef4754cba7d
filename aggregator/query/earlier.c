/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the rows of a top table stood in the period before. All rows of that period are walked, as
 * the first of today may have been the last then; only those asked for are kept.
 */
#include "top.h"

#include <stdlib.h>
#include <string.h>

/* What tells rows apart, compared as bytes: all else is 0. */
struct key {
    uint8_t cls, proto, type, device;
    uint16_t port;
    ds_country country;
    char signature[DS_SIGNATURE_ID_MAX + 1];
};

struct entry {
    struct key key;
    size_t row;    /* of the table now */
    uint64_t rank; /* 0: it had no packet */
    uint64_t packets;
    uint64_t sources; /* where they are known */
    bool has_sources;
};

struct earlier {
    enum ds_by by;
    enum ds_order order;
    size_t room, count;
    uint64_t rank;
    struct entry entries[];
};

struct earlier *ds_earlier_create(uint64_t limit, enum ds_by by, enum ds_order order)
{
    size_t room = by == DS_BY_DEVICE && limit < DS_DEVICE_COUNT ? DS_DEVICE_COUNT : (size_t)limit;
    struct earlier *e = calloc(1, sizeof *e + room * sizeof e->entries[0]);
    if (!e)
        return NULL;
    e->room = room;
    e->by = by;
    e->order = order;
    return e;
}

void ds_earlier_destroy(struct earlier *e)
{
    free(e);
}

static struct key key_of(const struct ds_top_row *row)
{
    struct key key;
    memset(&key, 0, sizeof key); /* also between the members */
    key.cls = row->cls;
    key.proto = row->proto;
    key.type = row->type;
    key.device = row->device;
    key.port = row->port;
    key.country = row->country;
    memcpy(key.signature, row->signature, strnlen(row->signature, sizeof key.signature - 1));
    return key;
}

static int compare_entries(const void *left, const void *right)
{
    return memcmp(&((const struct entry *)left)->key, &((const struct entry *)right)->key,
                  sizeof(struct key));
}

void ds_earlier_want(struct earlier *e, const struct ds_top_row *row)
{
    if (e->count == e->room)
        return;
    struct entry *entry = &e->entries[e->count];
    entry->key = key_of(row);
    entry->row = e->count++;
}

static int each_row(void *arg, const struct ds_top_row *row)
{
    struct earlier *e = arg;
    const struct entry wanted = {.key = key_of(row)};
    e->rank++;
    struct entry *found =
        bsearch(&wanted, e->entries, e->count, sizeof e->entries[0], compare_entries);
    if (found) {
        found->rank = e->rank;
        found->packets = row->figures.packets;
        found->sources = row->figures.sources;
        found->has_sources = row->figures.sources_exact || row->figures.sources_estimated;
    }
    return 0;
}

static void write_row(struct answer *a, json_t *row, const struct entry *entry,
                      const struct ds_figures *total, bool is_watched)
{
    uint64_t now = (uint64_t)json_integer_value(json_object_get(row, "packets"));
    double change = entry->packets ? (double)now / (double)entry->packets - 1 : 0;
    ds_answer_set(a, row, "before_rank", entry->rank ? ds_answer_count(entry->rank) : json_null());
    ds_answer_set(a, row, "before_packets",
                  is_watched ? ds_answer_count(entry->packets) : json_null());
    ds_answer_set(a, row, "before_share",
                  is_watched ? ds_share(entry->packets, total->packets) : json_null());
    if (json_object_get(row, "sources"))
        ds_answer_set(a, row, "before_sources",
                      entry->has_sources ? ds_answer_count(entry->sources) : json_null());
    ds_answer_set(a, row, "change", entry->packets ? json_real(change) : json_null());
}

int ds_earlier_write(struct earlier *e, struct answer *a, json_t *rows, bool is_watched,
                     struct ds_error *err)
{
    struct ds_figures total = {0};
    const struct ds_top top = {a->before, &a->filter, e->by, UINT64_MAX, e->order, 0};
    qsort(e->entries, e->count, sizeof e->entries[0], compare_entries);
    if (a->store->ops->top(a->store, &top, each_row, e, &total, err) < 0)
        return -1;
    for (size_t i = 0; i < e->count; i++)
        write_row(a, json_array_get(rows, e->entries[i].row), &e->entries[i], &total, is_watched);
    return 0;
}
