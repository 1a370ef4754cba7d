/* SPDX-License-Identifier: Apache-2.0
 *
 * The head of the document, and the table of years: the same period of each year side by side.
 */
#include "gather.h"

#include <stdlib.h>
#include <string.h>

#define HOUR_NS 3.6e12

static json_t *databases_of(const struct ds_totals *t)
{
    json_t *names = json_array();
    for (size_t i = 0; i < t->country_db_count; i++)
        json_array_append_new(names, json_string(t->country_dbs[i]));
    return names;
}

static json_t *time_of(const struct report *r, int64_t utc_s)
{
    char text[DS_TIME_TEXT];
    return json_string(ds_calendar_print(r->calendar, utc_s, text));
}

static void write_period(struct report *r, int64_t end_s)
{
    static const char *const kinds[] = {"year", "quarter", "month", "days"};
    json_t *period = json_object();
    report_set(r, r->root, "period", period);
    report_set(r, period, "kind", json_string(kinds[r->options->period.kind]));
    report_set(r, period, "label", json_string(r->label));
    report_set(r, period, "from", time_of(r, r->range.from_s));
    report_set(r, period, "to", time_of(r, end_s));
    report_set(r, period, "time_zone", json_string(r->options->zone));
    report_set(r, period, "days", report_count(r->day_count));
    report_set(r, period, "in_progress", json_boolean(end_s > r->now_s));
}

static void write_head(struct report *r, int64_t end_s)
{
    char country[3];
    report_set(r, r->root, "schema", json_string(REPORT_SCHEMA));
    report_set(r, r->root, "software", json_string("darkscope " DARKSCOPE_VERSION));
    report_set(r, r->root, "generated", time_of(r, r->now_s));
    write_period(r, end_s);
    report_set(r, r->root, "home",
               r->options->home ? json_string(ds_country_name(r->options->home, country))
                                : json_null());
    report_set(r, r->root, "sensors", report_count(r->totals.sensors));
    report_set(r, r->root, "observed_hours", json_real((double)r->totals.observed_ns / HOUR_NS));
    report_set(r, r->root, "expected_hours",
               json_real(report_expected_s(r, &r->range, r->totals.sensors) / 3600));
    report_set(r, r->root, "coverage",
               report_coverage(r, &r->range, r->totals.sensors, r->totals.observed_ns));
    report_set(r, r->root, "country_databases", databases_of(&r->totals));
    report_set(r, r->root, "chapters", json_array());
}

/* Days of the zone must begin where windows begin. */
static int check_grid(void *arg, const struct ds_sensor_row *row)
{
    const struct report *r = arg;
    for (size_t i = 0; i <= r->day_count && row->windows > 0; i++)
        if (row->grid_s > 0 && r->edges_s[i] % row->grid_s != 0)
            return 1;
    return 0;
}

int report_gather_head(struct report *r, struct ds_error *err)
{
    int64_t end_s;
    if (!report_period_range(&r->options->period, r->calendar, 0, &r->range.from_s, &end_s))
        return ds_error(err, DS_USAGE, "report: there is no such time");
    if (r->range.from_s >= r->now_s)
        return ds_error(err, DS_USAGE, "report: that time has not begun");
    report_period_label(&r->options->period, 0, r->label);
    /* Of a day in progress all windows that there are. */
    int64_t tomorrow_s =
        ds_calendar_next(r->calendar, (struct ds_stride){DS_UNIT_DAY, 1}, r->now_s);
    r->range.to_s = end_s < tomorrow_s ? end_s : tomorrow_s;
    r->edges_s = report_day_edges(r->calendar, r->range.from_s, r->range.to_s, &r->day_count);
    if (!r->edges_s)
        return ds_error(err, DS_FAILURE, "out of memory");
    int result = r->store->ops->sensors(r->store, check_grid, r, err);
    if (result > 0)
        return ds_error(
            err, DS_USAGE,
            "report: days of %s begin inside of windows; take another --tz, such as UTC",
            r->options->zone);
    if (result < 0 || r->store->ops->totals(r->store, &r->range, &r->totals, err) < 0)
        return -1;
    write_head(r, end_s);
    return 0;
}

/* ---- the table ---- */

/* What depends on active addresses may be better, by the days. */
static const struct report_column columns[] = {
    {"period", VALUE_TEXT, NULL, CERTAIN_EXACT},
    {"packets", VALUE_COUNT, "packets", CERTAIN_EXACT},
    {"addresses_last_day", VALUE_COUNT, "addresses", CERTAIN_LOWER},
    {"addresses_last_day_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"packets_per_address", VALUE_REAL, "packets/address", CERTAIN_UPPER},
    {"packets_per_address_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"packets_per_monitored", VALUE_REAL, "packets/address", CERTAIN_LOWER},
    {"naive_ratio", VALUE_REAL, "packets/address", CERTAIN_UPPER},
    {"mean_active_addresses", VALUE_REAL, "addresses", CERTAIN_LOWER},
    {"survey_share", VALUE_SHARE, NULL, CERTAIN_LOWER},
    {"coverage", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {NULL, 0, NULL, 0},
};

/* Of the same periods: what stands behind the figures. */
static const struct report_column about_columns[] = {
    {"period", VALUE_TEXT, NULL, CERTAIN_EXACT},
    {"days", VALUE_COUNT, "days", CERTAIN_EXACT},
    {"days_watched", VALUE_COUNT, "days", CERTAIN_EXACT},
    {"sensors", VALUE_COUNT, "sensors", CERTAIN_EXACT},
    {"windows", VALUE_COUNT, "windows", CERTAIN_EXACT},
    {"observed_hours", VALUE_REAL, "h", CERTAIN_EXACT},
    {"hosts", VALUE_COUNT, "hosts", CERTAIN_ESTIMATED},
    {"hosts_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"survey_packets", VALUE_COUNT, "packets", CERTAIN_LOWER},
    {"in_progress", VALUE_WORD, NULL, CERTAIN_EXACT},
    {"country_databases", VALUE_TEXT, NULL, CERTAIN_EXACT},
    {"generated", VALUE_TEXT, NULL, CERTAIN_EXACT},
    {"software", VALUE_TEXT, NULL, CERTAIN_EXACT},
    {NULL, 0, NULL, 0},
};

struct year {
    struct ds_range range;
    bool in_progress;
    int64_t *edges_s;
    struct days all, survey;
    size_t day_count;
    struct ds_totals totals;
};

static void finish_year(struct year *y)
{
    report_days_finish(&y->all);
    report_days_finish(&y->survey);
    free(y->edges_s);
}

static json_t *joined_databases(const struct ds_totals *t)
{
    char text[DS_STORE_DBS_MAX * (DS_DATABASE_MAX + 3)] = "";
    for (size_t i = 0; i < t->country_db_count; i++) {
        strcat(text, i ? "; " : "");
        strcat(text, t->country_dbs[i]);
    }
    return text[0] ? json_string(text) : json_null();
}

static uint64_t packets_of(const struct days *d)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < d->count; i++)
        sum += d->points[i].figures.packets;
    return sum;
}

static void write_packets(struct report *r, json_t *row, const struct year *y)
{
    const struct ds_point *last = &y->all.points[y->all.count - 1];
    const struct per_address p = report_per_address(&y->all);
    bool is_last_known = last->windows > 0 && !y->in_progress;
    report_set(r, row, "packets", report_count(p.packets));
    report_set(r, row, "addresses_last_day",
               is_last_known ? report_count(last->active_addresses) : json_null());
    report_set(r, row, "addresses_last_day_error",
               is_last_known && last->active_certainty != DS_ACTIVE_AT_LEAST
                   ? json_real(last->active_error)
                   : json_null());
    report_set(r, row, "packets_per_address", json_real(p.by_active));
    report_set(r, row, "packets_per_address_error",
               p.certainty != DS_ACTIVE_AT_LEAST ? json_real(p.error) : json_null());
    report_set(r, row, "packets_per_monitored",
               p.monitored_known ? json_real(p.by_monitored) : json_null());
    report_set(r, row, "naive_ratio",
               is_last_known ? report_ratio((double)p.packets, (double)last->active_addresses)
                             : json_null());
    report_set(r, row, "mean_active_addresses", json_real(p.mean_active));
    report_set(r, row, "survey_share",
               report_ratio((double)packets_of(&y->survey), (double)p.packets));
}

static void write_nothing(struct report *r, json_t *row)
{
    for (size_t i = 1; columns[i].id; i++) /* behind the period */
        report_set(r, row, columns[i].id, json_null());
}

static void write_about(struct report *r, json_t *row, const struct year *y)
{
    const struct ds_totals *t = &y->totals;
    const struct ds_figures hosts = {
        .sources_exact = t->sources_exact,
        .sources_estimated = t->sources_estimated,
        .sources = t->sources_exact ? t->sum.sources : (uint64_t)(t->sources.count + 0.5),
        .sources_error = t->sources.count > 0 ? t->sources.error / t->sources.count : 0,
    };
    report_set(r, row, "days", report_count(y->day_count));
    report_set(r, row, "days_watched", report_count(report_per_address(&y->all).days_watched));
    report_set(r, row, "sensors", report_count(t->sensors));
    report_set(r, row, "windows", report_count(t->windows));
    report_set(r, row, "observed_hours", json_real((double)t->observed_ns / HOUR_NS));
    report_set_sources(r, row, "hosts", &hosts);
    report_set(r, row, "survey_packets",
               t->windows ? report_count(packets_of(&y->survey)) : json_null());
    report_set(r, row, "in_progress", json_string(y->in_progress ? "yes" : "no"));
    report_set(r, row, "country_databases", joined_databases(t));
    report_set(r, row, "generated", time_of(r, r->now_s));
    report_set(r, row, "software", json_string("darkscope " DARKSCOPE_VERSION));
}

static void write_year(struct report *r, json_t *table, json_t *about, int before,
                       const struct year *y)
{
    char label[REPORT_LABEL];
    json_t *row = report_row(r, table), *row_about = report_row(r, about);
    report_period_label(&r->options->period, before, label);
    report_set(r, row, "period", json_string(label));
    report_set(r, row_about, "period", json_string(label));
    if (y->totals.windows > 0)
        write_packets(r, row, y);
    else
        write_nothing(r, row);
    report_set(r, row, "coverage",
               report_coverage(r, &y->range, y->totals.sensors, y->totals.observed_ns));
    write_about(r, row_about, y);
}

/* 0, 1 where the store has only a coarser division of that time, or -1. */
static int read_year(struct report *r, int before, struct year *y, struct ds_error *err)
{
    const struct ds_filter all = {0}, survey = {.survey = DS_SURVEY_PART_ONLY};
    *y = (struct year){0};
    if (!report_period_range(&r->options->period, r->calendar, before, &y->range.from_s,
                             &y->range.to_s))
        return 1;
    y->in_progress = y->range.to_s > r->now_s;
    if (y->range.to_s > r->range.to_s)
        y->range.to_s = r->range.to_s;
    y->edges_s = report_day_edges(r->calendar, y->range.from_s, y->range.to_s, &y->day_count);
    if (!y->edges_s)
        return ds_error(err, DS_FAILURE, "out of memory");
    const struct wanted_days days = {
        .edges_s = y->edges_s, .count = y->day_count, .hosts = WITHOUT_HOSTS, .with_active = true};
    const struct wanted_days of_survey = {
        .edges_s = y->edges_s, .count = y->day_count, .hosts = WITHOUT_HOSTS};
    int result = r->store->ops->totals(r->store, &y->range, &y->totals, err);
    if (result == 0)
        result = report_days_read(r, &days, &all, &y->all, err);
    if (result == 0)
        result = report_days_read(r, &of_survey, &survey, &y->survey, err);
    if (result == 0)
        return 0;
    finish_year(y);
    *y = (struct year){0};
    return before > 0 && err->status == DS_USAGE ? 1 : -1;
}

static int find_first(void *arg, const struct ds_sensor_row *row)
{
    int64_t *first_s = arg;
    if (row->windows > 0 && row->first_s < *first_s)
        *first_s = row->first_s;
    return 0;
}

/* How many years before this one the store reaches back. */
static int years_back(const struct report *r, int64_t first_s)
{
    int before = 0;
    int64_t from_s, to_s;
    while (before + 1 < r->options->years &&
           report_period_range(&r->options->period, r->calendar, before + 1, &from_s, &to_s) &&
           to_s > first_s)
        before++;
    return before;
}

/* One year alone is no picture. */
static void add_figures(struct report *r, json_t *chapter)
{
    static const char *const series[] = {"packets_per_address", NULL};
    static const char *const share[] = {"survey_share", NULL};
    report_add_figure(r, chapter,
                      &(struct report_figure){.id = "years",
                                              .table = "years",
                                              .x = "period",
                                              .kind = "bars",
                                              .series = series,
                                              .is_log = true});
    report_add_figure(r, chapter,
                      &(struct report_figure){.id = "survey-years",
                                              .table = "years",
                                              .x = "period",
                                              .kind = "bars",
                                              .series = share});
}

/* The weakest year decides. */
static void mark_active(struct report *r, json_t *table, enum ds_active active)
{
    const enum report_certainty grows = report_certainty_of(active, false),
                                falls = report_certainty_of(active, true);
    report_set_certainty(r, table, "addresses_last_day", grows);
    report_set_certainty(r, table, "mean_active_addresses", grows);
    report_set_certainty(r, table, "packets_per_address", falls);
    report_set_certainty(r, table, "naive_ratio", falls);
}

int report_gather_years(struct report *r, struct ds_error *err)
{
    int64_t first_s = INT64_MAX;
    if (r->store->ops->sensors(r->store, find_first, &first_s, err) < 0)
        return -1;
    json_t *chapter = report_chapter(r, "years");
    json_t *table = report_table(r, chapter, "years", columns);
    json_t *about = report_table(r, chapter, "years-data", about_columns);
    bool is_coarse = false;
    enum ds_active active = DS_ACTIVE_EXACT;
    for (int before = years_back(r, first_s); before >= 0; before--) {
        struct year y;
        int result = read_year(r, before, &y, err);
        if (result < 0)
            return -1;
        is_coarse = is_coarse || result == 1;
        if (result == 0) {
            enum ds_active own = report_per_address(&y.all).certainty;
            write_year(r, table, about, before, &y);
            active = own < active ? own : active;
        }
        finish_year(&y);
    }
    mark_active(r, table, active);
    report_note(r, chapter, "packets-per-address");
    report_note(r, chapter, "not-attacks");
    report_note(r, chapter, "survey");
    if (is_coarse)
        report_note(r, chapter, "coarse-years");
    if (json_is_true(json_object_get(json_object_get(r->root, "period"), "in_progress")))
        report_note(r, chapter, "in-progress");
    if (r->totals.windows == 0)
        report_note(r, chapter, "no-data");
    if (json_array_size(json_object_get(table, "rows")) > 1)
        add_figures(r, chapter);
    return report_gather_published(r, err);
}
