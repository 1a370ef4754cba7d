/* SPDX-License-Identifier: Apache-2.0 */
#include "calendar.h"

#include "tzif.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ZONES   "/usr/share/zoneinfo/"
#define DAY_S   INT64_C(86400)
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

struct ds_calendar {
    char zone[DS_ZONE_NAME_MAX + 1];
    bool is_utc;
    struct ds_tz tz;
};

/* A name, and no path out of the database. */
static bool is_name(const char *name)
{
    size_t length = strnlen(name, DS_ZONE_NAME_MAX + 1);
    return length > 0 && length <= DS_ZONE_NAME_MAX && strchr(LETTERS, name[0]) &&
           strspn(name, LETTERS "0123456789_+-/") == length;
}

/* -1 where it cannot be read. */
static ssize_t read_file(const char *zone, unsigned char *bytes, size_t size)
{
    char path[sizeof ZONES + DS_ZONE_NAME_MAX];
    snprintf(path, sizeof path, ZONES "%s", zone);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t got = read(fd, bytes, size);
    close(fd);
    return got;
}

static int no_zone(const char *zone, const char *why, struct ds_error *err)
{
    return ds_error(err, DS_USAGE,
                    "tz %s: %s; it is UTC or a name of the tz database (package tzdata), such as "
                    "Asia/Tokyo",
                    zone, why);
}

int ds_calendar_open(const char *zone, struct ds_calendar **out, struct ds_error *err)
{
    unsigned char bytes[DS_TZIF_BYTES_MAX + 1];
    if (!is_name(zone))
        return no_zone("", "no name of a time zone", err);
    struct ds_calendar *c = calloc(1, sizeof *c);
    if (!c)
        return ds_error(err, DS_FAILURE, "out of memory");
    strcpy(c->zone, zone);
    c->is_utc = strcmp(zone, "UTC") == 0;
    ssize_t size = c->is_utc ? 0 : read_file(zone, bytes, sizeof bytes);
    if (size < 0 || (!c->is_utc && !ds_tzif_parse(bytes, (size_t)size, &c->tz))) {
        free(c);
        return no_zone(zone, size < 0 ? "there is no such zone" : "its file is no zone", err);
    }
    *out = c;
    return 0;
}

void ds_calendar_close(struct ds_calendar *c)
{
    free(c);
}

const char *ds_calendar_zone(const struct ds_calendar *c)
{
    return c->zone;
}

bool ds_calendar_is_utc(const struct ds_calendar *c)
{
    return c->is_utc;
}

int64_t ds_calendar_offset_s(const struct ds_calendar *c, int64_t utc_s)
{
    return c->is_utc ? 0 : ds_tz_offset_s(&c->tz, utc_s);
}

/* Clocks change at most once in two days, so the offset is one of those a day before and after. */
int64_t ds_calendar_utc(const struct ds_calendar *c, int64_t local_s)
{
    int64_t before_s = ds_calendar_offset_s(c, local_s - DAY_S);
    int64_t after_s = ds_calendar_offset_s(c, local_s + DAY_S);
    int64_t first_s = local_s - (before_s > after_s ? before_s : after_s);
    int64_t second_s = local_s - (before_s > after_s ? after_s : before_s);
    if (first_s + ds_calendar_offset_s(c, first_s) == local_s)
        return first_s;
    if (second_s + ds_calendar_offset_s(c, second_s) == local_s)
        return second_s;
    return local_s - before_s;
}

const char *ds_calendar_print(const struct ds_calendar *c, int64_t utc_s,
                              char out[static DS_TIME_TEXT])
{
    int64_t offset_s = ds_calendar_offset_s(c, utc_s);
    ds_time_print(utc_s + offset_s, out);
    if (c->is_utc)
        return out;
    size_t end = strlen(out) - 1; /* the Z */
    int64_t minutes = (offset_s < 0 ? -offset_s : offset_s) / 60;
    snprintf(out + end, DS_TIME_TEXT - end, "%c%02d:%02d", offset_s < 0 ? '-' : '+',
             (int)(minutes / 60), (int)(minutes % 60));
    return out;
}

/* ---- steps ---- */

static int64_t floor_to(int64_t value, int64_t step, int64_t anchor)
{
    int64_t rest = (value - anchor) % step;
    return value - (rest < 0 ? rest + step : rest);
}

/* The step of days or longer that a local day is in, or the one after it: its first day. */
static int64_t first_day(struct ds_stride step, int64_t day, bool next)
{
    if (step.unit == DS_UNIT_DAY)
        return floor_to(day, step.count, 0) + (next ? step.count : 0);
    if (step.unit == DS_UNIT_WEEK)
        return floor_to(day, 7, 4) + (next ? 7 : 0); /* 1970-01-05 was a Monday */
    time_t midnight = day * DAY_S;
    struct tm tm = {0};
    gmtime_r(&midnight, &tm);
    struct tm first = {.tm_year = tm.tm_year, .tm_mon = tm.tm_mon, .tm_mday = 1};
    if (step.unit == DS_UNIT_YEAR) {
        first.tm_mon = 0;
        first.tm_year += next;
    } else {
        first.tm_mon += next;
    }
    return floor_to(timegm(&first), DAY_S, 0) / DAY_S;
}

static int64_t local_day(const struct ds_calendar *c, int64_t utc_s)
{
    return floor_to(utc_s + ds_calendar_offset_s(c, utc_s), DAY_S, 0) / DAY_S;
}

static int64_t midnight_s(const struct ds_calendar *c, int64_t day)
{
    return ds_calendar_utc(c, day * DAY_S);
}

int64_t ds_calendar_floor(const struct ds_calendar *c, struct ds_stride step, int64_t utc_s)
{
    if (step.unit == DS_UNIT_SECOND && c->is_utc)
        return floor_to(utc_s, step.count, 0);
    int64_t day = local_day(c, utc_s);
    if (step.unit == DS_UNIT_SECOND)
        return floor_to(utc_s, step.count, midnight_s(c, day));
    return midnight_s(c, first_day(step, day, false));
}

int64_t ds_calendar_next(const struct ds_calendar *c, struct ds_stride step, int64_t utc_s)
{
    int64_t day = local_day(c, utc_s);
    if (step.unit != DS_UNIT_SECOND)
        return midnight_s(c, first_day(step, day, true));
    int64_t next_s = ds_calendar_floor(c, step, utc_s) + step.count;
    if (c->is_utc)
        return next_s;
    int64_t tomorrow_s = midnight_s(c, day + 1);
    return next_s < tomorrow_s ? next_s : tomorrow_s;
}
