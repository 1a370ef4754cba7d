/* SPDX-License-Identifier: Apache-2.0
 *
 * Years, quarters, months and stretches of days, by the calendar of a time zone. What is asked for
 * is kept by the calendar, not in seconds, so that the same of another year can be named.
 */
#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY_S    INT64_C(86400)
#define YEAR_MIN 1970
#define YEAR_MAX 9999

static bool read_number(const char *text, int least, int most, int *out)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (end == text || *end || text[0] < '0' || text[0] > '9' || value < least || value > most)
        return false;
    *out = (int)value;
    return true;
}

/* "2026-01-31", or an absolute time of which the day counts. */
static bool read_day(const char *text, int64_t *day)
{
    int64_t seconds;
    if (!ds_time_parse(text, &seconds) || seconds < 0 || seconds % DAY_S != 0)
        return false;
    *day = seconds / DAY_S;
    return true;
}

static int64_t seconds_of(int year, int month)
{
    struct tm tm = {
        .tm_year = year - 1900 + (month - 1) / 12, .tm_mon = (month - 1) % 12, .tm_mday = 1};
    return timegm(&tm);
}

static int parse_days(const char *from, const char *to, struct report_period *out,
                      struct ds_error *err)
{
    struct report_period p = {.kind = REPORT_DAYS};
    if (!from || !to || !read_day(from, &p.from_day) || !read_day(to, &p.to_day) ||
        p.from_day >= p.to_day || p.to_day - p.from_day > REPORT_DAYS_MAX)
        return ds_error(err, DS_USAGE,
                        "report: --from and --to are two days, such as 2026-01-01 and 2026-02-01; "
                        "the second is not part of it, and between them are at most %d",
                        REPORT_DAYS_MAX);
    time_t seconds = p.from_day * DAY_S;
    struct tm tm = {0};
    gmtime_r(&seconds, &tm);
    p.year = tm.tm_year + 1900;
    *out = p;
    return 0;
}

int report_period_parse(const char *const values[static 5], struct report_period *out,
                        struct ds_error *err)
{
    const char *year = values[0], *quarter = values[1], *month = values[2];
    struct report_period p = {.kind = REPORT_YEAR, .month = 1, .months = 12};
    int part = 0;
    if (!year && !quarter && !month && (values[3] || values[4]))
        return parse_days(values[3], values[4], out, err);
    if (!year || values[3] || values[4] || (quarter && month) ||
        !read_number(year, YEAR_MIN, YEAR_MAX, &p.year))
        return ds_error(err, DS_USAGE,
                        "report: which time? --year 2026, with --quarter 1 to 4 or --month 1 to 12 "
                        "beside it for a part of the year; or --from 2026-01-01 --to 2026-02-01");
    if (quarter && !read_number(quarter, 1, 4, &part))
        return ds_error(err, DS_USAGE, "report: --quarter is 1, 2, 3 or 4");
    if (month && !read_number(month, 1, 12, &part))
        return ds_error(err, DS_USAGE, "report: --month is 1 to 12");
    if (quarter)
        p = (struct report_period){REPORT_QUARTER, p.year, 3 * part - 2, 3, 0, 0};
    if (month)
        p = (struct report_period){REPORT_MONTH, p.year, part, 1, 0, 0};
    *out = p;
    return 0;
}

/* The same day of an earlier year; 29 February becomes 1 March where there is none. */
static int64_t days_before(int64_t day, int years)
{
    time_t seconds = day * DAY_S;
    struct tm tm = {0};
    gmtime_r(&seconds, &tm);
    tm.tm_year -= years;
    return timegm(&tm) / DAY_S;
}

bool report_period_range(const struct report_period *p, const struct ds_calendar *calendar,
                         int years_before, int64_t *from_s, int64_t *to_s)
{
    int64_t from = seconds_of(p->year - years_before, p->month),
            to = seconds_of(p->year - years_before, p->month + p->months);
    if (p->kind == REPORT_DAYS) {
        from = days_before(p->from_day, years_before) * DAY_S;
        to = days_before(p->to_day, years_before) * DAY_S;
    }
    if (p->year - years_before < YEAR_MIN + 1 || from >= to)
        return false;
    *from_s = ds_calendar_utc(calendar, from);
    *to_s = ds_calendar_utc(calendar, to);
    return true;
}

void report_period_label(const struct report_period *p, int years_before,
                         char out[static REPORT_LABEL])
{
    int year = p->year - years_before;
    char from[DS_TIME_TEXT], to[DS_TIME_TEXT];
    switch (p->kind) {
    case REPORT_YEAR:
        snprintf(out, REPORT_LABEL, "%d", year);
        break;
    case REPORT_QUARTER:
        snprintf(out, REPORT_LABEL, "%d-Q%d", year, (p->month + 2) / 3);
        break;
    case REPORT_MONTH:
        snprintf(out, REPORT_LABEL, "%d-%02d", year, p->month);
        break;
    case REPORT_DAYS:
        ds_time_print(days_before(p->from_day, years_before) * DAY_S, from);
        ds_time_print(days_before(p->to_day, years_before) * DAY_S, to);
        snprintf(out, REPORT_LABEL, "%.10s/%.10s", from, to);
        break;
    }
}

int64_t *report_day_edges(const struct ds_calendar *calendar, int64_t from_s, int64_t to_s,
                          size_t *days)
{
    const struct ds_stride day = {DS_UNIT_DAY, 1};
    size_t most = (size_t)((to_s - from_s) / DAY_S) + 3, count = 0;
    int64_t *edges = calloc(most, sizeof *edges);
    if (!edges)
        return NULL;
    edges[0] = from_s;
    while (edges[count] < to_s && count + 2 < most) {
        int64_t next = ds_calendar_next(calendar, day, edges[count]);
        edges[++count] = next < to_s ? next : to_s;
    }
    *days = count;
    return edges;
}

const char *report_date(const struct ds_calendar *calendar, int64_t utc_s,
                        char out[static DS_TIME_TEXT])
{
    ds_time_print(utc_s + ds_calendar_offset_s(calendar, utc_s), out);
    out[strlen("2026-01-31")] = 0;
    return out;
}
