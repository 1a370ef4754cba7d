/* SPDX-License-Identifier: Apache-2.0
 *
 * The sources with most packets: the listed ones of every window of the period, added up by
 * address. What no sensor listed, and what found no room here, is in "other".
 */
#include "sources.h"

#include "darkscope/text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SLOTS_MIN 1024
#define MOMENTS   256 /* parts of a window (ds_source_record.first) */

struct source {
    uint64_t packets;
    int64_t first_s, last_s; /* seen not before, not after */
    uint32_t address;
    uint32_t windows; /* in which it was listed; 0: the slot is free */
    uint32_t asn;
    uint32_t ports_peak;      /* the most in one window */
    uint32_t seen, confirmed; /* by table.marks */
    ds_country country;
    uint8_t classes, survey, device;
};

/* Open addressing, at most half full. The key is random: strangers choose the addresses. */
struct table {
    const struct ds_filter *filter;
    struct source *slots;
    size_t mask, used;
    uint64_t key; /* odd */
    bool is_full; /* at DS_QUERY_SOURCES_MAX: later sources were left out */
    bool no_memory;
    uint64_t packets;              /* of all sources of all windows */
    uint64_t windows, observed_ns; /* of those that still have their lists */
    char marks[DS_MARKS_MAX][DS_SIGNATURE_ID_MAX + 1];
    unsigned mark_count;
};

static void free_table(struct table *t)
{
    free(t->slots);
    free(t);
}

static struct source *find(const struct table *t, uint32_t address)
{
    size_t at = (address * t->key) >> 32;
    while (t->slots[at & t->mask].windows && t->slots[at & t->mask].address != address)
        at++;
    return &t->slots[at & t->mask];
}

static bool grow(struct table *t)
{
    struct table larger = *t;
    size_t slots = t->slots ? (t->mask + 1) * 2 : SLOTS_MIN;
    larger.slots = calloc(slots, sizeof *larger.slots);
    if (!larger.slots)
        return false;
    larger.mask = slots - 1;
    for (size_t i = 0; t->slots && i <= t->mask; i++)
        if (t->slots[i].windows)
            *find(&larger, t->slots[i].address) = t->slots[i];
    free(t->slots);
    *t = larger;
    return true;
}

/* The bits of a window's signatures in the table's order; what finds no room is left out. */
static void translate_marks(struct table *t, const struct ds_window *w, uint32_t to[static 32])
{
    memset(to, 0, 32 * sizeof *to);
    for (unsigned i = 0; i < w->mark_count; i++) {
        unsigned known = 0;
        while (known < t->mark_count && strcmp(t->marks[known], w->marks[i]) != 0)
            known++;
        if (known == DS_MARKS_MAX)
            continue;
        if (known == t->mark_count)
            strcpy(t->marks[t->mark_count++], w->marks[i]);
        to[i] = UINT32_C(1) << known;
    }
}

static uint32_t translate(uint32_t bits, const uint32_t *to)
{
    uint32_t translated = 0;
    for (; bits; bits &= bits - 1)
        translated |= to[__builtin_ctz(bits)];
    return translated;
}

/* A scanner counts as one from the window after it was found on. */
static bool is_wanted(const struct ds_filter *f, const struct ds_source_record *r)
{
    bool is_survey = r->survey == DS_SURVEY_YES;
    if (f->has_country && r->country != f->country)
        return false;
    return f->survey == DS_SURVEY_PART_ALL || is_survey == (f->survey == DS_SURVEY_PART_ONLY);
}

static void add_record(struct table *t, const struct ds_window *w, const struct ds_source_record *r,
                       const uint32_t *to)
{
    if (t->used * 2 >= (t->slots ? t->mask + 1 : 0) && !grow(t)) {
        t->no_memory = true;
        return;
    }
    struct source *s = find(t, r->address);
    if (s->windows == 0) {
        if (t->used == DS_QUERY_SOURCES_MAX) {
            t->is_full = true;
            return;
        }
        t->used++;
        *s = (struct source){.address = r->address, .first_s = INT64_MAX};
    }
    int64_t first_s = w->start_s + (int64_t)r->first * w->seconds / MOMENTS;
    int64_t last_s = w->start_s + ((r->last + INT64_C(1)) * w->seconds + MOMENTS - 1) / MOMENTS;
    s->windows++;
    s->packets += r->packets;
    s->first_s = first_s < s->first_s ? first_s : s->first_s;
    s->last_s = last_s > s->last_s ? last_s : s->last_s;
    s->ports_peak = r->ports > s->ports_peak ? r->ports : s->ports_peak;
    s->seen |= translate(r->seen, to);
    s->confirmed |= translate(r->confirmed, to);
    s->classes |= r->classes;
    s->survey |= r->survey != DS_SURVEY_NO;
    s->device = r->device > s->device ? r->device : s->device;
    s->asn = r->asn; /* the latest */
    s->country = r->country;
}

static int each_window(void *arg, const char *sensor, const struct ds_window *w,
                       const struct ds_origin *origin)
{
    struct table *t = arg;
    uint32_t to[32];
    (void)sensor, (void)origin;
    t->packets += w->books[DS_BOOK_COUNTED];
    t->observed_ns += w->observed_ns;
    t->windows++;
    translate_marks(t, w, to);
    for (size_t i = 0; i < w->source_record_count && !t->no_memory; i++)
        if (is_wanted(t->filter, &w->source_records[i]))
            add_record(t, w, &w->source_records[i], to);
    return t->no_memory ? -1 : 0;
}

static int by_packets(const void *left, const void *right)
{
    const struct source *a = left, *b = right;
    if (a->packets != b->packets)
        return a->packets < b->packets ? 1 : -1;
    return (a->address > b->address) - (a->address < b->address);
}

/* Moves the sources to the front, in order of packets. */
static void sort(struct table *t)
{
    size_t count = 0;
    for (size_t i = 0; t->slots && i <= t->mask; i++)
        if (t->slots[i].windows)
            t->slots[count++] = t->slots[i];
    if (count)
        qsort(t->slots, count, sizeof *t->slots, by_packets);
}

static void write_marks(struct answer *a, json_t *row, const char *key, const struct table *t,
                        uint32_t bits)
{
    json_t *array = ds_answer_array(a, row, key);
    for (unsigned i = 0; i < t->mark_count; i++)
        if (bits >> i & 1)
            ds_answer_append(a, array, ds_answer_text(t->marks[i]));
}

static void write_source(struct answer *a, json_t *rows, const struct table *t,
                         const struct source *s, uint64_t rank)
{
    char address[DS_ADDRESS_TEXT], country[3];
    json_t *row = json_object();
    ds_answer_set(a, row, "rank", ds_answer_count(rank));
    ds_answer_set(a, row, "source", json_string(ds_address_print(s->address, address)));
    ds_answer_set(a, row, "country", json_string(ds_country_name(s->country, country)));
    ds_answer_set(a, row, "asn", s->asn ? json_integer(s->asn) : json_null());
    ds_answer_set(a, row, "packets", ds_answer_count(s->packets));
    ds_answer_set(a, row, "share",
                  json_real(t->packets ? (double)s->packets / (double)t->packets : 0));
    ds_answer_set(a, row, "ports_peak", json_integer(s->ports_peak));
    ds_answer_set(a, row, "survey", json_string(s->survey ? "yes" : "no"));
    ds_answer_set(a, row, "device", ds_answer_text(ds_device_name(s->device)));
    json_t *classes = ds_answer_array(a, row, "classes");
    for (unsigned i = 0; i < DS_CLASS_COUNT; i++)
        if (s->classes >> i & 1)
            ds_answer_append(a, classes, json_string(ds_class_name(i)));
    write_marks(a, row, "signatures", t, s->seen);
    write_marks(a, row, "confirmed", t, s->confirmed);
    ds_answer_set(a, row, "windows", json_integer(s->windows));
    ds_answer_set(a, row, "first", ds_answer_time(a, s->first_s));
    ds_answer_set(a, row, "last", ds_answer_time(a, s->last_s));
    ds_answer_append(a, rows, row);
}

static void write_answer(struct answer *a, const struct table *t, const struct ds_totals *totals)
{
    uint64_t shown = 0;
    json_t *rows = ds_answer_array(a, a->root, "rows");
    for (size_t i = a->skip; i < t->used && i < a->skip + a->query->limit; i++) {
        write_source(a, rows, t, &t->slots[i], i + 1);
        shown += t->slots[i].packets;
    }
    ds_answer_set(a, a->root, "listed", ds_answer_count(t->used));
    /* Windows may have come between the two questions. */
    uint64_t gone = totals->windows > t->windows ? totals->windows - t->windows : 0;
    ds_answer_set(a, a->root, "windows_gone", ds_answer_count(gone));
    ds_answer_set(a, a->root, "complete", json_boolean(!t->is_full && gone == 0));
    json_t *other = ds_answer_object(a, a->root, "other");
    ds_answer_set(a, other, "packets",
                  t->windows ? ds_answer_count(t->packets - shown) : json_null());
    json_t *total = ds_answer_object(a, a->root, "total");
    ds_answer_set(a, total, "packets", t->windows ? ds_answer_count(t->packets) : json_null());
    ds_answer_coverage(a, total, t->observed_ns, totals->sensors, a->range.to_s - a->range.from_s);
    ds_answer_next_rows(a, t->used > a->skip + a->query->limit);
}

/* The table of the period, sorted. The caller frees it. NULL with err. */
static struct table *read_table(struct answer *a, struct ds_error *err)
{
    struct table *t = calloc(1, sizeof *t);
    if (!t) {
        ds_error(err, DS_FAILURE, "out of memory");
        return NULL;
    }
    t->filter = &a->filter;
    if (getrandom(&t->key, sizeof t->key, 0) < 0)
        t->key = (uintptr_t)t;
    t->key |= 1;
    int result = a->store->ops->windows(a->store, &a->range, UINT64_MAX, true, each_window, t, err);
    if (result == 0) {
        sort(t);
        return t;
    }
    if (t->no_memory)
        ds_error(err, DS_FAILURE, "out of memory");
    free_table(t);
    return NULL;
}

int ds_answer_sources(struct answer *a, struct ds_error *err)
{
    struct ds_totals totals;
    if (ds_check_cost(a, 1, DS_QUERY_COST_SOURCES_MAX, err) < 0 ||
        a->store->ops->totals(a->store, &a->range, &totals, err) < 0)
        return -1;
    ds_answer_head(a);
    ds_answer_set(a, a->root, "sensors", ds_answer_count(totals.sensors));
    struct table *t = read_table(a, err);
    if (!t)
        return -1;
    write_answer(a, t, &totals);
    free_table(t);
    return 0;
}

static struct source_total total_of(const struct table *t, uint64_t sensors, size_t i)
{
    const struct source *s = &t->slots[i];
    return (struct source_total){.rank = i + 1,
                                 .packets = s->packets,
                                 .all_packets = t->packets,
                                 .observed_ns = t->observed_ns,
                                 .sensors = sensors,
                                 .address = s->address,
                                 .asn = s->asn,
                                 .ports_peak = s->ports_peak,
                                 .windows = s->windows,
                                 .seen = s->seen,
                                 .confirmed = s->confirmed,
                                 .classes = s->classes,
                                 .device = s->device,
                                 .survey = s->survey != 0,
                                 .country = s->country,
                                 .first_s = s->first_s,
                                 .last_s = s->last_s,
                                 .marks = (const char(*)[DS_SIGNATURE_ID_MAX + 1]) t->marks,
                                 .mark_count = t->mark_count};
}

int ds_sources_walk(struct answer *a, uint64_t limit, source_fn *each, void *arg,
                    struct ds_error *err)
{
    struct ds_totals totals;
    if (a->store->ops->totals(a->store, &a->range, &totals, err) < 0)
        return -1;
    struct table *t = read_table(a, err);
    int result = 0;
    if (!t)
        return -1;
    for (size_t i = 0; i < t->used && i < limit && result == 0; i++) {
        const struct source_total total = total_of(t, totals.sensors, i);
        result = each(arg, &total);
    }
    free_table(t);
    return result;
}
