/* SPDX-License-Identifier: Apache-2.0
 *
 * Backscatter, and the attacks with spoofed sources that cause it. Victims' addresses are not told.
 */
#include "gather.h"

#include <stdlib.h>

#define ATTACKS_MAX 4000000 /* of 40 bytes; later ones are not told apart, and a note says so */

struct attack {
    uint32_t victim;
    uint16_t port;
    uint8_t proto;
    ds_country country;
    int64_t start_ms, last_ms;
    uint64_t packets; /* of the sensor that saw most of it */
};

struct attacks {
    struct attack *all;
    size_t count, room;
    bool is_full;
};

static int add_attack(void *arg, const struct ds_attack_row *row)
{
    struct attacks *a = arg;
    const struct ds_attack *from = &row->attack;
    a->is_full = a->is_full || a->count == ATTACKS_MAX;
    if (a->is_full)
        return 0;
    if (a->count == a->room) {
        size_t more = a->room ? 2 * a->room : 1024;
        void *larger = realloc(a->all, more * sizeof *a->all);
        if (!larger)
            return -1;
        a->all = larger;
        a->room = more;
    }
    a->all[a->count++] = (struct attack){from->victim,   from->port,    from->proto,  from->country,
                                         from->start_ms, from->last_ms, from->packets};
    return 0;
}

static int by_victim(const void *left, const void *right)
{
    const struct attack *a = left, *b = right;
    if (a->victim != b->victim)
        return a->victim < b->victim ? -1 : 1;
    if (a->proto != b->proto)
        return a->proto < b->proto ? -1 : 1;
    return (a->start_ms > b->start_ms) - (a->start_ms < b->start_ms);
}

/* What several sensors see at the same time of one victim and protocol is one attack; the port is
 * that of the sensor that saw most of it. */
static void unite(struct attacks *a)
{
    size_t kept = 0;
    if (a->count == 0)
        return;
    qsort(a->all, a->count, sizeof *a->all, by_victim);
    for (size_t i = 0; i < a->count; i++) {
        const struct attack next = a->all[i];
        struct attack *last = kept ? &a->all[kept - 1] : NULL;
        if (!last || last->victim != next.victim || last->proto != next.proto ||
            next.start_ms > last->last_ms) {
            a->all[kept++] = next;
            continue;
        }
        last->last_ms = next.last_ms > last->last_ms ? next.last_ms : last->last_ms;
        if (next.packets > last->packets) {
            last->port = next.port;
            last->packets = next.packets;
        }
    }
    a->count = kept;
}

/* ---- by day ---- */

static const struct report_column daily_columns[] = {
    {"day", VALUE_DATE, NULL, CERTAIN_EXACT},
    {"backscatter_packets", VALUE_COUNT, "packets", CERTAIN_EXACT},
    {"backscatter_hosts", VALUE_COUNT, "hosts", CERTAIN_ESTIMATED},
    {"backscatter_hosts_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"attacks", VALUE_COUNT, "attacks", CERTAIN_LOWER},
    {NULL, 0, NULL, 0},
};

static int64_t day_of(const struct report *r, int64_t at_s)
{
    const struct ds_stride day = {DS_UNIT_DAY, 1};
    int64_t midnight_s = ds_calendar_floor(r->calendar, day, at_s);
    size_t low = 0, high = r->day_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (r->edges_s[middle] < midnight_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low < r->day_count && r->edges_s[low] == midnight_s ? (int64_t)low : -1;
}

static int write_days(struct report *r, json_t *chapter, const struct attacks *a,
                      struct ds_error *err)
{
    static const char *const attacks[] = {"attacks", NULL};
    static const char *const packets[] = {"backscatter_packets", NULL};
    const struct ds_filter of = {.has_class = true, .cls = DS_CLASS_BACKSCATTER};
    struct days d;
    uint64_t *counts = calloc(r->day_count, sizeof *counts);
    if (!counts)
        return ds_error(err, DS_FAILURE, "out of memory");
    const struct wanted_days days = report_days(r, WITH_HOSTS);
    int result = report_days_read(r, &days, &of, &d, err);
    for (size_t i = 0; i < a->count && result == 0; i++) {
        int64_t day = day_of(r, a->all[i].start_ms / 1000);
        if (day >= 0)
            counts[day]++;
    }
    json_t *table = result == 0 ? report_table(r, chapter, "backscatter", daily_columns) : NULL;
    for (size_t day = 0; day < r->day_count && result == 0; day++) {
        char date[DS_TIME_TEXT];
        const struct ds_point *p = &d.points[day];
        bool is_watched = p->windows > 0;
        json_t *row = report_row(r, table);
        report_set(r, row, "day", json_string(report_date(r->calendar, r->edges_s[day], date)));
        report_set(r, row, "backscatter_packets",
                   is_watched ? report_count(p->figures.packets) : json_null());
        report_set_sources(r, row, "backscatter_hosts", &p->figures);
        report_set(r, row, "attacks", is_watched ? report_count(counts[day]) : json_null());
    }
    if (result == 0)
        report_days_finish(&d);
    free(counts);
    report_add_figure(
        r, chapter,
        &(struct report_figure){"backscatter", "backscatter", "day", "lines", packets, true});
    report_add_figure(
        r, chapter,
        &(struct report_figure){"attacks", "backscatter", "day", "lines", attacks, false});
    return result;
}

/* ---- by victim's country and service ---- */

static const struct report_column country_columns[] = {
    {"rank", VALUE_COUNT, NULL, CERTAIN_EXACT},
    {"country", VALUE_COUNTRY, NULL, CERTAIN_EXACT},
    {"attacks", VALUE_COUNT, "attacks", CERTAIN_LOWER},
    {"share", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {NULL, 0, NULL, 0},
};

static const struct report_column service_columns[] = {
    {"rank", VALUE_COUNT, NULL, CERTAIN_EXACT},
    {"service", VALUE_TEXT, NULL, CERTAIN_EXACT},
    {"attacks", VALUE_COUNT, "attacks", CERTAIN_LOWER},
    {"share", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {NULL, 0, NULL, 0},
};

/* Attacks by a key. */
struct tally {
    uint32_t key;
    uint64_t attacks;
};

static int by_key(const void *left, const void *right)
{
    uint32_t a = ((const struct tally *)left)->key, b = ((const struct tally *)right)->key;
    return (a > b) - (a < b);
}

static int by_attacks(const void *left, const void *right)
{
    const struct tally *a = left, *b = right;
    if (a->attacks != b->attacks)
        return a->attacks < b->attacks ? 1 : -1;
    return by_key(left, right);
}

/* The caller frees. NULL without memory. */
static struct tally *count_by(const struct attacks *a, bool by_country, size_t *count)
{
    struct tally *t = calloc(a->count + 1, sizeof *t);
    size_t kept = 0;
    *count = 0;
    if (!t || a->count == 0)
        return t;
    for (size_t i = 0; i < a->count; i++)
        t[i].key =
            by_country ? a->all[i].country : (uint32_t)a->all[i].proto << 16 | a->all[i].port;
    qsort(t, a->count, sizeof *t, by_key);
    for (size_t i = 0; i < a->count; i++) {
        if (kept == 0 || t[kept - 1].key != t[i].key)
            t[kept++] = (struct tally){.key = t[i].key};
        t[kept - 1].attacks++;
    }
    qsort(t, kept, sizeof *t, by_attacks);
    *count = kept;
    return t;
}

static int write_by(struct report *r, json_t *chapter, const struct attacks *a, bool by_country,
                    struct ds_error *err)
{
    size_t count;
    char text[REPORT_SERVICE];
    struct tally *t = count_by(a, by_country, &count);
    if (!t)
        return ds_error(err, DS_FAILURE, "out of memory");
    json_t *table = report_table(r, chapter, by_country ? "victim-countries" : "victim-services",
                                 by_country ? country_columns : service_columns);
    for (size_t i = 0; i < count && i < REPORT_TOP; i++) {
        json_t *row = report_row(r, table);
        if (by_country)
            ds_country_name((ds_country)t[i].key, text);
        else
            report_service((uint8_t)(t[i].key >> 16), (uint16_t)t[i].key, text);
        report_set(r, row, "rank", report_count(i + 1));
        report_set(r, row, by_country ? "country" : "service", json_string(text));
        report_set(r, row, "attacks", report_count(t[i].attacks));
        report_set(r, row, "share", report_ratio((double)t[i].attacks, (double)a->count));
    }
    free(t);
    return 0;
}

int report_gather_attacks(struct report *r, struct ds_error *err)
{
    const struct ds_filter all = {0};
    struct attacks a = {0};
    ds_error(err, DS_FAILURE, "out of memory"); /* what it means where add_attack ends the walk */
    int result = r->store->ops->attacks(r->store, &r->range, &all, UINT64_MAX, add_attack, &a, err);
    if (result == 0) {
        json_t *chapter = report_chapter(r, "attacks");
        unite(&a);
        result = write_days(r, chapter, &a, err);
        if (result == 0)
            result = write_by(r, chapter, &a, true, err);
        if (result == 0)
            result = write_by(r, chapter, &a, false, err);
        report_note(r, chapter, "attacks");
        if (a.is_full)
            report_note(r, chapter, "attacks-full");
    }
    free(a.all);
    return result;
}
