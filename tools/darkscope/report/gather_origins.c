/* SPDX-License-Identifier: Apache-2.0
 *
 * Countries by packets and by hosts, and the home country's own view.
 */
#include "gather.h"

#include <stdlib.h>

static const struct report_column packet_columns[] = {
    {"rank", VALUE_COUNT, NULL, CERTAIN_EXACT},
    {"country", VALUE_COUNTRY, NULL, CERTAIN_EXACT},
    {"packets", VALUE_COUNT, "packets", CERTAIN_EXACT},
    {"share", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"packets_without_survey", VALUE_COUNT, "packets", CERTAIN_UPPER},
    {"share_without_survey", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"rank_before", VALUE_COUNT, NULL, CERTAIN_EXACT},
    {"share_before", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {NULL, 0, NULL, 0},
};

static const struct report_column host_columns[] = {
    {"rank", VALUE_COUNT, NULL, CERTAIN_EXACT},
    {"country", VALUE_COUNTRY, NULL, CERTAIN_EXACT},
    {"hosts", VALUE_COUNT, "hosts", CERTAIN_ESTIMATED},
    {"hosts_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"hosts_share", VALUE_SHARE, NULL, CERTAIN_ESTIMATED},
    {"packets", VALUE_COUNT, "packets", CERTAIN_EXACT},
    {NULL, 0, NULL, 0},
};

struct countries {
    struct top now, without, before, by_hosts;
    bool has_before;
};

static const struct ds_top_row *find(const struct top *t, ds_country country, size_t *rank)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->rows[i].country == country) {
            *rank = i + 1;
            return &t->rows[i];
        }
    return NULL;
}

static void write_by_packets(struct report *r, json_t *chapter, const struct countries *c)
{
    static const char *const share[] = {"share", "share_without_survey", NULL};
    json_t *table = report_table(r, chapter, "countries-by-packets", packet_columns);
    for (size_t i = 0; i < c->now.count && i < REPORT_TOP; i++) {
        char name[3];
        size_t rank = 0;
        const struct ds_top_row *row = &c->now.rows[i];
        const struct ds_top_row *without = find(&c->without, row->country, &rank);
        const struct ds_top_row *before = find(&c->before, row->country, &rank);
        uint64_t others = without ? without->figures.packets : 0;
        json_t *out = report_row(r, table);
        report_set(r, out, "rank", report_count(i + 1));
        report_set(r, out, "country", json_string(ds_country_name(row->country, name)));
        report_set(r, out, "packets", report_count(row->figures.packets));
        report_set(r, out, "share",
                   report_ratio((double)row->figures.packets, (double)c->now.total.packets));
        report_set(r, out, "packets_without_survey", report_count(others));
        report_set(r, out, "share_without_survey",
                   report_ratio((double)others, (double)c->without.total.packets));
        report_set(r, out, "rank_before", before ? report_count(rank) : json_null());
        report_set(
            r, out, "share_before",
            before ? report_ratio((double)before->figures.packets, (double)c->before.total.packets)
            : c->has_before ? json_real(0)
                            : json_null());
    }
    report_add_figure(r, chapter,
                      &(struct report_figure){"countries-by-packets", "countries-by-packets",
                                              "country", "bars", share, false});
}

static double hosts_of_world(const struct ds_totals *t)
{
    return t->sources_exact ? (double)t->sum.sources : t->sources_estimated ? t->sources.count : 0;
}

static void write_by_hosts(struct report *r, json_t *chapter, const struct top *t)
{
    static const char *const hosts[] = {"hosts", NULL};
    json_t *table = report_table(r, chapter, "countries-by-hosts", host_columns);
    for (size_t i = 0; i < t->count && i < REPORT_TOP && t->rows[i].figures.sources > 0; i++) {
        char name[3];
        const struct ds_top_row *row = &t->rows[i];
        json_t *out = report_row(r, table);
        report_set(r, out, "rank", report_count(i + 1));
        report_set(r, out, "country", json_string(ds_country_name(row->country, name)));
        report_set_sources(r, out, "hosts", &row->figures);
        report_set(r, out, "hosts_share",
                   report_ratio((double)row->figures.sources, hosts_of_world(&r->totals)));
        report_set(r, out, "packets", report_count(row->figures.packets));
    }
    report_add_figure(r, chapter,
                      &(struct report_figure){"countries-by-hosts", "countries-by-hosts", "country",
                                              "bars", hosts, false});
}

int report_gather_countries(struct report *r, struct ds_error *err)
{
    const struct ds_filter all = {0}, without = {.survey = DS_SURVEY_PART_WITHOUT};
    struct countries c = {0};
    struct ds_range before;
    struct ds_error ignored;
    const struct wanted_top now = {&r->range, DS_BY_COUNTRY, &all, WITHOUT_HOSTS, 0};
    const struct wanted_top others = {&r->range, DS_BY_COUNTRY, &without, WITHOUT_HOSTS, 0};
    int result = report_top_read(r, &now, &c.now, err);
    if (result == 0)
        result = report_top_read(r, &others, &c.without, err);
    if (result == 0)
        result = report_top_read_hosts(r, &now, &c.by_hosts, err);
    if (result == 0 && report_year_before(r, &before)) {
        const struct wanted_top then = {&before, DS_BY_COUNTRY, &all, WITHOUT_HOSTS, 0};
        c.has_before = report_top_read(r, &then, &c.before, &ignored) == 0;
    }
    if (result == 0) {
        json_t *chapter = report_chapter(r, "countries");
        write_by_packets(r, chapter, &c);
        write_by_hosts(r, chapter, &c.by_hosts);
        report_note(r, chapter, "countries");
        if (!c.has_before)
            report_note(r, chapter, "no-year-before");
    }
    report_top_finish(&c.now);
    report_top_finish(&c.without);
    report_top_finish(&c.before);
    report_top_finish(&c.by_hosts);
    return result;
}

/* ---- home ---- */

static const struct report_column home_columns[] = {
    {"country", VALUE_COUNTRY, NULL, CERTAIN_EXACT},
    {"packets", VALUE_COUNT, "packets", CERTAIN_EXACT},
    {"share", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"hosts", VALUE_COUNT, "hosts", CERTAIN_ESTIMATED},
    {"hosts_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"infected_hosts", VALUE_COUNT, "hosts", CERTAIN_ESTIMATED},
    {"infected_hosts_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {NULL, 0, NULL, 0},
};

static const struct report_column home_port_columns[] = {
    {"rank", VALUE_COUNT, NULL, CERTAIN_EXACT},
    {"service", VALUE_TEXT, NULL, CERTAIN_EXACT},
    {"packets", VALUE_COUNT, "packets", CERTAIN_LOWER},
    {"share", VALUE_SHARE, NULL, CERTAIN_LOWER},
    {NULL, 0, NULL, 0},
};

static const struct report_column home_device_columns[] = {
    {"device", VALUE_WORD, NULL, CERTAIN_EXACT},
    {"packets", VALUE_COUNT, "packets", CERTAIN_EXACT},
    {"share", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"hosts_peak", VALUE_COUNT, "hosts", CERTAIN_LOWER},
    {NULL, 0, NULL, 0},
};

static int write_home(struct report *r, json_t *chapter, struct ds_error *err)
{
    const struct ds_filter of = {.has_country = true, .country = r->options->home};
    struct ds_filter infected = of;
    struct ds_point all = {0}, sick = {0};
    char name[3];
    infected.infected = DS_INFECTED_SEEN;
    if (report_whole_read(r, &of, &all, err) < 0 || report_whole_read(r, &infected, &sick, err) < 0)
        return -1;
    json_t *row = report_row(r, report_table(r, chapter, "home", home_columns));
    report_set(r, row, "country", json_string(ds_country_name(r->options->home, name)));
    report_set(r, row, "packets", all.windows ? report_count(all.figures.packets) : json_null());
    report_set(
        r, row, "share",
        report_ratio((double)all.figures.packets, (double)r->totals.sum.books[DS_BOOK_COUNTED]));
    report_set_sources(r, row, "hosts", &all.figures);
    report_set_sources(r, row, "infected_hosts", &sick.figures);
    return 0;
}

static void write_home_ports(struct report *r, json_t *chapter, const struct top *t)
{
    static const char *const share[] = {"share", NULL};
    char service[REPORT_SERVICE];
    json_t *table = report_table(r, chapter, "home-ports", home_port_columns);
    for (size_t i = 0; i < t->count && i < REPORT_TOP; i++) {
        const struct ds_top_row *row = &t->rows[i];
        json_t *out = report_row(r, table);
        report_set(r, out, "rank", report_count(i + 1));
        report_set(r, out, "service", json_string(report_service(row->proto, row->port, service)));
        report_set(r, out, "packets", report_count(row->figures.packets));
        report_set(r, out, "share",
                   report_ratio((double)row->figures.packets, (double)t->total.packets));
    }
    report_add_figure(
        r, chapter,
        &(struct report_figure){"home-ports", "home-ports", "service", "bars", share, false});
}

static void write_home_devices(struct report *r, json_t *chapter, const struct top *t)
{
    json_t *table = report_table(r, chapter, "home-devices", home_device_columns);
    for (size_t i = 0; i < t->count; i++) {
        const struct ds_figures *f = &t->rows[i].figures;
        json_t *out = report_row(r, table);
        report_set(r, out, "device", json_string(ds_device_name(t->rows[i].device)));
        report_set(r, out, "packets", report_count(f->packets));
        report_set(r, out, "share", report_ratio((double)f->packets, (double)t->total.packets));
        report_set(r, out, "hosts_peak", report_count(f->sources_peak));
    }
}

int report_gather_home(struct report *r, struct ds_error *err)
{
    const struct ds_filter of = {.has_country = true, .country = r->options->home};
    const struct ds_filter scan = {
        .has_country = true, .country = r->options->home, .has_class = true, .cls = DS_CLASS_SCAN};
    struct top ports = {0}, devices = {0};
    if (!r->options->home)
        return 0;
    const struct wanted_top by_port = {&r->range, DS_BY_PORT, &scan, WITHOUT_HOSTS, 0};
    const struct wanted_top by_device = {&r->range, DS_BY_DEVICE, &of, WITHOUT_HOSTS, 0};
    int result = report_top_read(r, &by_port, &ports, err);
    if (result == 0)
        result = report_top_read(r, &by_device, &devices, err);
    if (result == 0) {
        json_t *chapter = report_chapter(r, "home");
        result = write_home(r, chapter, err);
        write_home_ports(r, chapter, &ports);
        write_home_devices(r, chapter, &devices);
        report_note(r, chapter, "home-ports");
        report_note(r, chapter, "infected");
    }
    report_top_finish(&ports);
    report_top_finish(&devices);
    return result;
}
