/* SPDX-License-Identifier: Apache-2.0
 *
 * The calendar of a time zone: its local time, and where its days, weeks, months and years begin.
 * The C library knows one zone for the whole process; here each question has its own. The zone is
 * read from the system's tz database (package tzdata). Once open, a calendar never changes and any
 * thread may use it.
 */
#ifndef DARKSCOPE_CALENDAR_H
#define DARKSCOPE_CALENDAR_H

#include "darkscope/error.h"
#include "darkscope/text.h"

#define DS_ZONE_NAME_MAX 47 /* bytes of a zone's name */

struct ds_calendar;

/* "UTC" or a name of the tz database such as "Asia/Tokyo". 0 and *out, which the caller closes; or
 * -1 with err: DS_USAGE where there is no such zone, DS_FAILURE. */
int ds_calendar_open(const char *zone, struct ds_calendar **out, struct ds_error *err);
void ds_calendar_close(struct ds_calendar *c); /* accepts NULL */

/* "UTC", "Asia/Tokyo". */
const char *ds_calendar_zone(const struct ds_calendar *c);
bool ds_calendar_is_utc(const struct ds_calendar *c);

/* What the zone's clocks are ahead of UTC at a time, in seconds. */
int64_t ds_calendar_offset_s(const struct ds_calendar *c, int64_t utc_s);

/* The time at which the zone's clocks first show a local time, given as if it were UTC. One that
 * they skip (the hour lost in spring) is taken as shown by the clocks before: it comes out as much
 * later as they skip. */
int64_t ds_calendar_utc(const struct ds_calendar *c, int64_t local_s);

/* "2026-03-29T03:00:00+02:00"; of UTC "2026-03-29T01:00:00Z". Returns out. */
const char *ds_calendar_print(const struct ds_calendar *c, int64_t utc_s,
                              char out[static DS_TIME_TEXT]);

/* How a series is cut. A step of seconds below a day begins anew at each midnight (the last one of
 * the day may be shorter or missing where clocks change); in UTC any number of seconds is allowed,
 * and counts from 1970. Days count from 1970, weeks begin on Monday. */
enum ds_unit { DS_UNIT_SECOND, DS_UNIT_DAY, DS_UNIT_WEEK, DS_UNIT_MONTH, DS_UNIT_YEAR };

struct ds_stride {
    enum ds_unit unit;
    int64_t count; /* of units; 1 for weeks, months and years */
};

/* Where the step begins that a time is in, and where the next one begins. */
int64_t ds_calendar_floor(const struct ds_calendar *c, struct ds_stride step, int64_t utc_s);
int64_t ds_calendar_next(const struct ds_calendar *c, struct ds_stride step, int64_t utc_s);

#endif
