/* SPDX-License-Identifier: Apache-2.0
 *
 * What the hosts are: infected ones by day and malware, classes of device by month, scanning tools.
 */
#include "gather.h"

#include "words.h"

#include <stdlib.h>
#include <string.h>

#define TOOL_ROWS 20

static const struct report_column infected_columns[] = {
    {"day", VALUE_DATE, NULL, CERTAIN_EXACT},
    {"infected_hosts", VALUE_COUNT, "hosts", CERTAIN_ESTIMATED},
    {"infected_hosts_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"infected_confirmed", VALUE_COUNT, "hosts", CERTAIN_ESTIMATED},
    {"infected_confirmed_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"mirai_hosts", VALUE_COUNT, "hosts", CERTAIN_ESTIMATED},
    {"mirai_hosts_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"mirai_packets", VALUE_COUNT, "packets", CERTAIN_EXACT},
    {"infected_home", VALUE_COUNT, "hosts", CERTAIN_ESTIMATED},
    {"infected_home_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"mirai_home", VALUE_COUNT, "hosts", CERTAIN_ESTIMATED},
    {"mirai_home_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {NULL, 0, NULL, 0},
};

struct infected {
    struct days seen, confirmed, mirai, home, mirai_home;
};

static struct ds_filter of_signature(const char *id)
{
    struct ds_filter f = {.has_signature = true};
    snprintf(f.signature, sizeof f.signature, "%s", id);
    return f;
}

/* Hosts of the home country with the mark of one malware. */
static struct ds_filter of_home(const struct report *r, const char *id)
{
    struct ds_filter f = of_signature(id);
    f.has_country = true;
    f.country = r->options->home;
    f.infected = DS_INFECTED_SEEN;
    return f;
}

static int read_infected(struct report *r, struct infected *in, struct ds_error *err)
{
    const struct wanted_days days = report_days(r, WITH_HOSTS);
    const struct ds_filter mirai = of_signature(ds_signature_name(DS_SIGNATURE_MIRAI));
    const struct ds_filter seen = {.infected = DS_INFECTED_SEEN},
                           confirmed = {.infected = DS_INFECTED_CONFIRMED},
                           home = {.has_country = true,
                                   .country = r->options->home,
                                   .infected = DS_INFECTED_SEEN},
                           mirai_home = of_home(r, mirai.signature);
    int result = report_days_read(r, &days, &seen, &in->seen, err);
    if (result == 0)
        result = report_days_read(r, &days, &confirmed, &in->confirmed, err);
    if (result == 0)
        result = report_days_read(r, &days, &mirai, &in->mirai, err);
    if (result == 0 && r->options->home)
        result = report_days_read(r, &days, &home, &in->home, err);
    if (result == 0 && r->options->home)
        result = report_days_read(r, &days, &mirai_home, &in->mirai_home, err);
    return result;
}

static json_t *write_infected(struct report *r, const struct infected *in)
{
    static const char *const world[] = {"infected_hosts", "mirai_hosts", NULL};
    static const char *const with_home[] = {"infected_hosts", "mirai_hosts", "infected_home", NULL};
    static const struct ds_figures unknown = {0};
    json_t *chapter = report_chapter(r, "infected");
    json_t *table = report_table(r, chapter, "infected", infected_columns);
    for (size_t day = 0; day < r->day_count; day++) {
        char date[DS_TIME_TEXT];
        const struct ds_point *mirai = &in->mirai.points[day];
        json_t *row = report_row(r, table);
        report_set(r, row, "day", json_string(report_date(r->calendar, r->edges_s[day], date)));
        report_set_sources(r, row, "infected_hosts", &in->seen.points[day].figures);
        report_set_sources(r, row, "infected_confirmed", &in->confirmed.points[day].figures);
        report_set_sources(r, row, "mirai_hosts", &mirai->figures);
        report_set(r, row, "mirai_packets",
                   mirai->windows ? report_count(mirai->figures.packets) : json_null());
        report_set_sources(r, row, "infected_home",
                           in->home.points ? &in->home.points[day].figures : &unknown);
        report_set_sources(r, row, "mirai_home",
                           in->mirai_home.points ? &in->mirai_home.points[day].figures : &unknown);
    }
    report_note(r, chapter, "infected");
    report_add_figure(r, chapter,
                      &(struct report_figure){"infected", "infected", "day", "lines",
                                              r->options->home ? with_home : world, true});
    return chapter;
}

static const struct report_column malware_columns[] = {
    {"signature", VALUE_TEXT, NULL, CERTAIN_EXACT},
    {"packets", VALUE_COUNT, "packets", CERTAIN_EXACT},
    {"hosts", VALUE_COUNT, "hosts", CERTAIN_ESTIMATED},
    {"hosts_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"hosts_home", VALUE_COUNT, "hosts", CERTAIN_ESTIMATED},
    {"hosts_home_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {NULL, 0, NULL, 0},
};

/* Each malware that has a built-in mark, over the whole period. */
static int write_malware(struct report *r, json_t *chapter, struct ds_error *err)
{
    static const uint8_t malware[] = {DS_SIGNATURE_MIRAI, DS_SIGNATURE_HAJIME,
                                      DS_SIGNATURE_ADB_MINER, DS_SIGNATURE_SATORI};
    json_t *table = report_table(r, chapter, "malware", malware_columns);
    for (size_t i = 0; i < sizeof malware && r->totals.windows > 0; i++) {
        const char *id = ds_signature_name(malware[i]);
        const struct ds_filter of = of_signature(id), at_home = of_home(r, id);
        struct ds_point world = {0}, home = {0};
        if (report_whole_read(r, &of, &world, err) < 0 ||
            (r->options->home && report_whole_read(r, &at_home, &home, err) < 0))
            return -1;
        json_t *row = report_row(r, table);
        report_set(r, row, "signature", json_string(id));
        report_set(r, row, "packets", report_count(world.figures.packets));
        report_set_sources(r, row, "hosts", &world.figures);
        report_set_sources(r, row, "hosts_home", &home.figures);
    }
    return 0;
}

int report_gather_infected(struct report *r, struct ds_error *err)
{
    struct infected in = {0};
    int result = read_infected(r, &in, err);
    if (result == 0)
        result = write_malware(r, write_infected(r, &in), err);
    report_days_finish(&in.seen);
    report_days_finish(&in.confirmed);
    report_days_finish(&in.mirai);
    report_days_finish(&in.home);
    report_days_finish(&in.mirai_home);
    return result;
}

/* ---- devices ---- */

static const struct report_column device_columns[] = {
    {"month", VALUE_TEXT, NULL, CERTAIN_EXACT},
    {"packets_windows", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"packets_linux", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"packets_linux-old", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"packets_embedded", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"packets_bsd-mac", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"packets_tool", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"packets_unknown", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"packets_none", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {NULL, 0, NULL, 0},
};

static const struct report_column device_host_columns[] = {
    {"month", VALUE_TEXT, NULL, CERTAIN_EXACT},
    {"hosts_windows", VALUE_COUNT, "hosts", CERTAIN_ESTIMATED},
    {"hosts_windows_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"hosts_linux", VALUE_COUNT, "hosts", CERTAIN_ESTIMATED},
    {"hosts_linux_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"hosts_linux-old", VALUE_COUNT, "hosts", CERTAIN_ESTIMATED},
    {"hosts_linux-old_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"hosts_embedded", VALUE_COUNT, "hosts", CERTAIN_ESTIMATED},
    {"hosts_embedded_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"hosts_bsd-mac", VALUE_COUNT, "hosts", CERTAIN_ESTIMATED},
    {"hosts_bsd-mac_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"hosts_tool", VALUE_COUNT, "hosts", CERTAIN_ESTIMATED},
    {"hosts_tool_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"hosts_unknown", VALUE_COUNT, "hosts", CERTAIN_ESTIMATED},
    {"hosts_unknown_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"hosts_none", VALUE_COUNT, "hosts", CERTAIN_ESTIMATED},
    {"hosts_none_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {NULL, 0, NULL, 0},
};

static void write_device(struct report *r, json_t *packets, json_t *hosts, unsigned device,
                         const struct top *t)
{
    struct ds_figures figures = {.sources_exact = t->total.packets > 0}; /* where it has no row */
    char key[32];
    for (size_t i = 0; i < t->count; i++)
        if (t->rows[i].device == device)
            figures = t->rows[i].figures;
    snprintf(key, sizeof key, "packets_%s", ds_device_name(device));
    report_set(r, packets, key, report_ratio((double)figures.packets, (double)t->total.packets));
    snprintf(key, sizeof key, "hosts_%s", ds_device_name(device));
    report_set_sources(r, hosts, key, &figures);
}

static int write_month(struct report *r, json_t *packets, json_t *hosts, int64_t from_s,
                       int64_t to_s, struct ds_error *err)
{
    const struct ds_filter all = {0};
    const struct ds_range range = {from_s, to_s, NULL};
    const struct wanted_top top = {&range, DS_BY_DEVICE, &all, WITH_HOSTS, REPORT_TOP};
    struct top t;
    char date[DS_TIME_TEXT];
    if (report_top_read(r, &top, &t, err) < 0)
        return -1;
    json_t *packet_row = report_row(r, packets), *host_row = report_row(r, hosts);
    report_date(r->calendar, from_s, date);
    date[strlen("2026-01")] = 0;
    report_set(r, packet_row, "month", json_string(date));
    report_set(r, host_row, "month", json_string(date));
    for (unsigned device = 0; device < DS_DEVICE_COUNT; device++)
        write_device(r, packet_row, host_row, device, &t);
    report_top_finish(&t);
    return 0;
}

int report_gather_devices(struct report *r, struct ds_error *err)
{
    static const char *const series[] = {"packets_windows",  "packets_linux", "packets_linux-old",
                                         "packets_embedded", "packets_tool",  NULL};
    static const char *const lines[] = {"hosts_windows",  "hosts_linux", "hosts_linux-old",
                                        "hosts_embedded", "hosts_tool",  NULL};
    size_t months = 0;
    int result = 0;
    int64_t *edges_s = report_month_edges(r, &months);
    if (!edges_s)
        return ds_error(err, DS_FAILURE, "out of memory");
    json_t *chapter = report_chapter(r, "devices");
    json_t *packets = report_table(r, chapter, "devices", device_columns);
    json_t *hosts = report_table(r, chapter, "device-hosts", device_host_columns);
    for (size_t i = 0; i < months && result == 0; i++)
        result = write_month(r, packets, hosts, edges_s[i], edges_s[i + 1], err);
    report_note(r, chapter, "devices");
    report_add_figure(
        r, chapter, &(struct report_figure){"devices", "devices", "month", "stack", series, false});
    report_add_figure(
        r, chapter,
        &(struct report_figure){"device-hosts", "device-hosts", "month", "lines", lines, true});
    free(edges_s);
    return result;
}

/* ---- tools ---- */

static const struct report_column tool_columns[] = {
    {"signature", VALUE_TEXT, NULL, CERTAIN_EXACT},
    {"packets", VALUE_COUNT, "packets", CERTAIN_EXACT},
    {"share", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"hosts", VALUE_COUNT, "hosts", CERTAIN_ESTIMATED},
    {"hosts_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {NULL, 0, NULL, 0},
};

int report_gather_tools(struct report *r, struct ds_error *err)
{
    static const char *const share[] = {"share", NULL};
    const struct ds_filter all = {0};
    const struct wanted_top top = {&r->range, DS_BY_SIGNATURE, &all, WITH_HOSTS, TOOL_ROWS};
    struct top t;
    if (report_top_read(r, &top, &t, err) < 0)
        return -1;
    json_t *chapter = report_chapter(r, "tools");
    json_t *table = report_table(r, chapter, "tools", tool_columns);
    for (size_t i = 0; i < t.count && i < TOOL_ROWS; i++) {
        const struct ds_top_row *row = &t.rows[i];
        json_t *out = report_row(r, table);
        report_set(r, out, "signature", json_string(row->signature));
        report_set(r, out, "packets", report_count(row->figures.packets));
        report_set(r, out, "share",
                   report_ratio((double)row->figures.packets, (double)t.total.packets));
        report_set_sources(r, out, "hosts", &row->figures);
    }
    report_note(r, chapter, "tools");
    report_add_figure(r, chapter,
                      &(struct report_figure){"tools", "tools", "signature", "bars", share, false});
    report_top_finish(&t);
    return 0;
}
