/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets and unique hosts by day and protocol, survey scanners by day, and the sensors.
 */
#include "gather.h"

#include <stdlib.h>

static const uint8_t protocols[] = {DS_PROTO_TCP, DS_PROTO_UDP, DS_PROTO_ICMP, DS_PROTO_ICMP6};
static const char *const protocol_names[] = {"tcp", "udp", "icmp", "icmp6"};
#define PROTOCOLS (sizeof protocols / sizeof protocols[0])

static const struct report_column daily_columns[] = {
    {"day", VALUE_DATE, NULL, CERTAIN_EXACT},
    {"coverage", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"packets", VALUE_COUNT, "packets", CERTAIN_EXACT},
    {"packets_tcp", VALUE_COUNT, "packets", CERTAIN_EXACT},
    {"packets_udp", VALUE_COUNT, "packets", CERTAIN_EXACT},
    {"packets_icmp", VALUE_COUNT, "packets", CERTAIN_EXACT},
    {"packets_icmp6", VALUE_COUNT, "packets", CERTAIN_EXACT},
    {"packets_other", VALUE_COUNT, "packets", CERTAIN_EXACT},
    {"hosts", VALUE_COUNT, "hosts", CERTAIN_ESTIMATED},
    {"hosts_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"hosts_tcp", VALUE_COUNT, "hosts", CERTAIN_ESTIMATED},
    {"hosts_tcp_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"hosts_udp", VALUE_COUNT, "hosts", CERTAIN_ESTIMATED},
    {"hosts_udp_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"hosts_icmp", VALUE_COUNT, "hosts", CERTAIN_ESTIMATED},
    {"hosts_icmp_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"addresses", VALUE_COUNT, "addresses", CERTAIN_EXACT},
    {"active_addresses", VALUE_COUNT, "addresses", CERTAIN_LOWER}, /* or better, by its days */
    {"active_addresses_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"packets_per_address", VALUE_REAL, "packets/address", CERTAIN_UPPER},
    {NULL, 0, NULL, 0},
};

struct daily {
    struct days all, of[PROTOCOLS];
};

/* Of all sensors of the period. */
static json_t *day_coverage(const struct report *r, size_t day, const struct ds_point *p)
{
    const struct ds_range range = {.from_s = r->edges_s[day], .to_s = r->edges_s[day + 1]};
    return report_coverage(r, &range, r->totals.sensors, p->observed_ns);
}

static void write_protocols(struct report *r, json_t *row, const struct daily *d, size_t day,
                            bool is_watched)
{
    uint64_t rest = d->all.points[day].figures.packets;
    char key[32];
    for (size_t i = 0; i < PROTOCOLS; i++) {
        const struct ds_figures *f = &d->of[i].points[day].figures;
        rest -= f->packets;
        snprintf(key, sizeof key, "packets_%s", protocol_names[i]);
        report_set(r, row, key, is_watched ? report_count(f->packets) : json_null());
        snprintf(key, sizeof key, "hosts_%s", protocol_names[i]);
        if (protocols[i] != DS_PROTO_ICMP6)
            report_set_sources(r, row, key, f);
    }
    report_set(r, row, "packets_other", is_watched ? report_count(rest) : json_null());
}

static void write_day(struct report *r, json_t *table, const struct daily *d, size_t day)
{
    char date[DS_TIME_TEXT];
    const struct ds_point *p = &d->all.points[day];
    bool is_watched = p->windows > 0;
    json_t *row = report_row(r, table);
    report_set(r, row, "day", json_string(report_date(r->calendar, r->edges_s[day], date)));
    report_set(r, row, "coverage", day_coverage(r, day, p));
    report_set(r, row, "packets", is_watched ? report_count(p->figures.packets) : json_null());
    write_protocols(r, row, d, day, is_watched);
    report_set_sources(r, row, "hosts", &p->figures);
    report_set(r, row, "addresses",
               is_watched && p->addresses_known ? report_count(p->addresses) : json_null());
    report_set(r, row, "active_addresses",
               is_watched ? report_count(p->active_addresses) : json_null());
    report_set(r, row, "active_addresses_error",
               is_watched && p->active_certainty != DS_ACTIVE_AT_LEAST ? json_real(p->active_error)
                                                                       : json_null());
    report_set(r, row, "packets_per_address",
               is_watched ? report_ratio((double)p->figures.packets, (double)p->active_addresses)
                          : json_null());
}

int report_gather_daily(struct report *r, struct ds_error *err)
{
    static const char *const packets[] = {"packets_tcp", "packets_udp", "packets_icmp", NULL};
    static const char *const hosts[] = {"hosts", "hosts_tcp", "hosts_udp", "hosts_icmp", NULL};
    const struct ds_filter all = {0};
    const struct wanted_days days = report_days(r, WITH_HOSTS);
    struct wanted_days with_active = days;
    struct daily d = {0};
    with_active.with_active = true;
    int result = report_days_read(r, &with_active, &all, &d.all, err);
    for (size_t i = 0; i < PROTOCOLS && result == 0; i++) {
        const struct ds_filter of = {.has_proto = true,
                                     .proto = protocols[i],
                                     .without_sources = protocols[i] == DS_PROTO_ICMP6};
        result = report_days_read(r, &days, &of, &d.of[i], err);
    }
    if (result == 0) {
        json_t *chapter = report_chapter(r, "daily");
        json_t *table = report_table(r, chapter, "daily", daily_columns);
        for (size_t day = 0; day < r->day_count; day++)
            write_day(r, table, &d, day);
        enum ds_active active = report_per_address(&d.all).certainty;
        report_set_certainty(r, table, "active_addresses", report_certainty_of(active, false));
        report_set_certainty(r, table, "packets_per_address", report_certainty_of(active, true));
        report_note(r, chapter, "gaps");
        report_note(r, chapter, "hosts");
        report_add_figure(
            r, chapter,
            &(struct report_figure){"daily-packets", "daily", "day", "lines", packets, true});
        report_add_figure(
            r, chapter,
            &(struct report_figure){"daily-hosts", "daily", "day", "lines", hosts, true});
    }
    report_days_finish(&d.all);
    for (size_t i = 0; i < PROTOCOLS; i++)
        report_days_finish(&d.of[i]);
    return result;
}

/* ---- survey scanners ---- */

static const struct report_column survey_columns[] = {
    {"day", VALUE_DATE, NULL, CERTAIN_EXACT},
    {"coverage", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"packets", VALUE_COUNT, "packets", CERTAIN_EXACT},
    {"survey_packets", VALUE_COUNT, "packets", CERTAIN_LOWER},
    {"survey_share", VALUE_SHARE, NULL, CERTAIN_LOWER},
    {"survey_hosts", VALUE_COUNT, "hosts", CERTAIN_ESTIMATED},
    {"survey_hosts_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {NULL, 0, NULL, 0},
};

int report_gather_survey(struct report *r, struct ds_error *err)
{
    static const char *const share[] = {"survey_share", NULL};
    const struct ds_filter everything = {0}, only = {.survey = DS_SURVEY_PART_ONLY};
    const struct wanted_days days = report_days(r, WITHOUT_HOSTS);
    const struct wanted_days with_hosts = report_days(r, WITH_HOSTS);
    struct days all = {0}, survey = {0};
    int result = report_days_read(r, &days, &everything, &all, err);
    if (result == 0)
        result = report_days_read(r, &with_hosts, &only, &survey, err);
    if (result == 0) {
        json_t *chapter = report_chapter(r, "survey");
        json_t *table = report_table(r, chapter, "survey", survey_columns);
        for (size_t day = 0; day < r->day_count; day++) {
            char date[DS_TIME_TEXT];
            const struct ds_point *p = &all.points[day];
            const struct ds_figures *s = &survey.points[day].figures;
            bool is_watched = p->windows > 0;
            json_t *row = report_row(r, table);
            report_set(r, row, "day", json_string(report_date(r->calendar, r->edges_s[day], date)));
            report_set(r, row, "coverage", day_coverage(r, day, p));
            report_set(r, row, "packets",
                       is_watched ? report_count(p->figures.packets) : json_null());
            report_set(r, row, "survey_packets",
                       is_watched ? report_count(s->packets) : json_null());
            report_set(r, row, "survey_share",
                       report_ratio((double)s->packets, (double)p->figures.packets));
            report_set_sources(r, row, "survey_hosts", s);
        }
        report_note(r, chapter, "survey");
        report_add_figure(
            r, chapter,
            &(struct report_figure){"survey-share", "survey", "day", "lines", share, false});
    }
    report_days_finish(&all);
    report_days_finish(&survey);
    return result;
}

/* ---- where the figures come from ---- */

static const struct report_column sensor_columns[] = {
    {"sensor", VALUE_TEXT, NULL, CERTAIN_EXACT},
    {"coverage", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"observed_hours", VALUE_REAL, "h", CERTAIN_EXACT},
    {"windows", VALUE_COUNT, "windows", CERTAIN_EXACT},
    {"addresses", VALUE_COUNT, "addresses", CERTAIN_EXACT},
    {"packets", VALUE_COUNT, "packets", CERTAIN_EXACT},
    {"received", VALUE_COUNT, "packets", CERTAIN_EXACT},
    {"outside", VALUE_COUNT, "packets", CERTAIN_EXACT},
    {"malformed", VALUE_COUNT, "packets", CERTAIN_EXACT},
    {"late", VALUE_COUNT, "packets", CERTAIN_EXACT},
    {"dropped", VALUE_COUNT, "packets", CERTAIN_EXACT},
    {"overflow", VALUE_COUNT, "packets", CERTAIN_EXACT},
    {NULL, 0, NULL, 0},
};

#define SENSORS_MAX 1024

struct names {
    char (*names)[DS_NAME_MAX + 1];
    size_t count;
};

static int add_name(void *arg, const struct ds_sensor_row *row)
{
    struct names *n = arg;
    if (row->windows > 0 && n->count < SENSORS_MAX)
        snprintf(n->names[n->count++], sizeof n->names[0], "%s", row->name);
    return 0;
}

static void write_sensor(struct report *r, json_t *table, const char *name,
                         const struct ds_totals *t)
{
    json_t *row = report_row(r, table);
    const uint64_t *books = t->sum.books;
    uint64_t overflow = 0;
    for (size_t i = 0; i < DS_OVERFLOW_COUNT; i++)
        overflow += t->sum.overflow[i];
    report_set(r, row, "sensor", json_string(name));
    report_set(r, row, "coverage", report_coverage(r, &r->range, 1, t->observed_ns));
    report_set(r, row, "observed_hours", json_real((double)t->observed_ns / 3.6e12));
    report_set(r, row, "windows", report_count(t->windows));
    report_set(r, row, "addresses",
               t->sum.addresses_known ? report_count(t->sum.addresses) : json_null());
    report_set(r, row, "packets", report_count(books[DS_BOOK_COUNTED]));
    report_set(r, row, "received", report_count(books[DS_BOOK_RECEIVED]));
    report_set(r, row, "outside", report_count(books[DS_BOOK_OUTSIDE]));
    report_set(r, row, "malformed", report_count(books[DS_BOOK_MALFORMED]));
    report_set(r, row, "late", report_count(books[DS_BOOK_LATE]));
    report_set(r, row, "dropped",
               report_count(books[DS_BOOK_DROPPED_KERNEL] + books[DS_BOOK_DROPPED_INTERFACE] +
                            books[DS_BOOK_DROPPED_RING]));
    report_set(r, row, "overflow", report_count(overflow));
}

int report_gather_provenance(struct report *r, struct ds_error *err)
{
    struct names n = {.names = calloc(SENSORS_MAX, sizeof *n.names)};
    int result = n.names ? r->store->ops->sensors(r->store, add_name, &n, err)
                         : ds_error(err, DS_FAILURE, "out of memory");
    json_t *chapter = result == 0 ? report_chapter(r, "provenance") : NULL;
    json_t *table = report_table(r, chapter, "sensors", sensor_columns);
    for (size_t i = 0; i < n.count && result == 0; i++) {
        struct ds_range range = r->range;
        struct ds_totals totals;
        range.sensor = n.names[i];
        result = r->store->ops->totals(r->store, &range, &totals, err);
        if (result == 0 && totals.windows > 0)
            write_sensor(r, table, n.names[i], &totals);
    }
    report_note(r, chapter, "provenance");
    report_note(r, chapter, "secret");
    free(n.names);
    return result;
}
