/* SPDX-License-Identifier: Apache-2.0
 *
 * Time zone files (TZif, RFC 9636), version 2 and later: when a zone's offset from UTC changes.
 * Pure. Only calendar.c includes this.
 */
#ifndef DARKSCOPE_TZIF_H
#define DARKSCOPE_TZIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DS_TZIF_BYTES_MAX   65536 /* of a file; those of tzdata are below 4 KB */
#define DS_TZIF_CHANGES_MAX 2048

/* A day of the year on which clocks change, as POSIX writes it. */
struct ds_tz_day {
    char kind; /* 'J': n, 1 to 365 without leap days; 'D': n, 0 to 365; 'M': month, week, weekday */
    int n, month, week, weekday;
    int64_t time_s; /* of that day, by the clocks before the change */
};

struct ds_tz {
    int64_t first_s;                       /* offset before the first change */
    size_t count;                          /* changes */
    int64_t at_s[DS_TZIF_CHANGES_MAX];     /* ascending */
    int32_t offset_s[DS_TZIF_CHANGES_MAX]; /* from then on */
    /* After the last change; always, where there is none. */
    bool has_rule, has_summer;
    int64_t standard_s, summer_s;
    struct ds_tz_day begin, end; /* of summer time */
};

/* False where it is no such file, is of version 1, counts leap seconds or is too large. */
bool ds_tzif_parse(const unsigned char *bytes, size_t size, struct ds_tz *out);

int64_t ds_tz_offset_s(const struct ds_tz *tz, int64_t utc_s);

#endif
