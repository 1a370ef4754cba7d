/* SPDX-License-Identifier: Apache-2.0
 *
 * darkscope report: reads its options, gathers the figures, writes the folder.
 */
#include "options.h"
#include "report.h"

#include "darkscope/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *value_of(const struct options *o, const char *name)
{
    for (size_t i = 0; i < o->pair_count; i++)
        if (strcmp(o->pairs[i].name, name) == 0)
            return o->pairs[i].value;
    return NULL;
}

static int read_years(const char *text, int *out, struct ds_error *err)
{
    char *end;
    long years = text ? strtol(text, &end, 10) : REPORT_YEARS_DEFAULT;
    if (text && (end == text || *end || years < 1 || years > REPORT_YEARS_MAX))
        return ds_error(err, DS_USAGE,
                        "report: --years is how many years stand side by side, 1 to %d",
                        REPORT_YEARS_MAX);
    *out = (int)years;
    return 0;
}

static int read_language(const char *text, enum report_language *out, struct ds_error *err)
{
    *out = text && strcmp(text, "ja") == 0 ? REPORT_JA : REPORT_EN;
    if (text && strcmp(text, "ja") != 0 && strcmp(text, "en") != 0)
        return ds_error(err, DS_USAGE, "report: --lang is en or ja");
    return 0;
}

static int read_options(const struct options *o, struct report_options *out, struct ds_error *err)
{
    const char *const times[5] = {value_of(o, "year"), value_of(o, "quarter"), value_of(o, "month"),
                                  value_of(o, "from"), value_of(o, "to")};
    const char *home = value_of(o, "home"), *zone = value_of(o, "tz");
    if (o->word_count > 0)
        return ds_error(err, DS_USAGE, "report: what is %.40s? options begin with --", o->words[0]);
    *out = (struct report_options){.store = o->store,
                                   .output = value_of(o, "output"),
                                   .zone = zone ? zone : "UTC",
                                   .publish = value_of(o, "publish") != NULL};
    if (home && (!ds_country_parse(home, &out->home) || out->home == DS_COUNTRY_UNKNOWN ||
                 out->home == DS_COUNTRY_REST))
        return ds_error(err, DS_USAGE, "report: --home is a country's two letters, such as JP");
    if (read_years(value_of(o, "years"), &out->years, err) < 0 ||
        read_language(value_of(o, "lang"), &out->language, err) < 0)
        return -1;
    return report_period_parse(times, &out->period, err);
}

static int gather(struct report *r, struct ds_error *err)
{
    static int (*const chapters[])(struct report *, struct ds_error *) = {
        report_gather_head,   report_gather_years,      report_gather_daily, report_gather_survey,
        report_gather_ports,  report_gather_countries,  report_gather_home,  report_gather_infected,
        report_gather_volume, report_gather_devices,    report_gather_tools, report_gather_attacks,
        report_gather_events, report_gather_provenance,
    };
    for (size_t i = 0; i < sizeof chapters / sizeof chapters[0]; i++)
        if (chapters[i](r, err) < 0)
            return -1;
    return r->no_memory ? ds_error(err, DS_FAILURE, "out of memory") : 0;
}

static int write_out(struct report *r, struct ds_error *err)
{
    char name[REPORT_LABEL + 8];
    const char *folder = r->options->output;
    if (!folder) {
        snprintf(name, sizeof name, "report-%s", r->label);
        for (char *slash = name; (slash = strchr(slash, '/'));)
            *slash = '_';
        folder = name;
    }
    if (report_write_folder(r->root, r->options->language, folder, err) < 0 ||
        (r->options->publish && report_publish(r, err) < 0))
        return -1;
    printf("%s/report.html\n", folder);
    return 0;
}

static int run(const struct options *o, struct ds_error *err)
{
    struct report_options options;
    struct report r = {.options = &options, .now_s = ds_clock_utc_ns() / DS_NS_PER_S};
    if (read_options(o, &options, err) < 0 || ds_calendar_open(options.zone, &r.calendar, err) < 0)
        return -1;
    r.root = json_object();
    int result = ds_store_open(options.store, DS_STORE_READ, &r.store, err);
    if (result == 0)
        result = gather(&r, err);
    if (result == 0)
        result = write_out(&r, err);
    ds_store_destroy(r.store);
    ds_calendar_close(r.calendar);
    free(r.edges_s);
    json_decref(r.root);
    return result;
}

static const char *const own_options[] = {"year", "quarter", "month", "from",   "to",      "tz",
                                          "lang", "home",    "years", "output", "publish", NULL};

const struct command command_report = {
    .name = "report",
    .format = FORMAT_TABLE,
    .summary = "a year's figures as a report: HTML, Markdown, JSON, CSV, charts",
    .help = "Usage: darkscope report --store DIR --year YEAR [OPTION...]\n\n"
            "  --year YEAR        of this year, and beside it the years before\n"
            "  --quarter N        with --year: of a quarter only, 1 to 4\n"
            "  --month N          with --year: of a month only, 1 to 12\n"
            "  --from DAY --to DAY   of other days; the second is not part of it\n"
            "  --tz ZONE          days of a zone such as Asia/Tokyo (without: UTC)\n"
            "  --lang LANGUAGE    en (default) or ja\n"
            "  --home COUNTRY     one country's own view, by its two letters\n"
            "  --years N          years side by side (default 10)\n"
            "  --output DIR       the folder (without: report-YEAR)\n"
            "  --publish          record the figures in the store as published; later\n"
            "                     reports show them beside their own, and why they differ\n\n"
            "Writes report.html (one file, works offline), report.md, report.json, csv/ with its\n"
            "README.md, and figures/. docs/report.md defines every figure.\n\n"
            "Examples:\n"
            "  darkscope report --store /var/lib/darkscope --year 2026 --tz Asia/Tokyo\n"
            "  darkscope report --store /var/lib/darkscope --year 2026 --quarter 3 --lang ja\n",
    .run = run,
    .options = own_options,
    .reads_store = true,
};
