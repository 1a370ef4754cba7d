/* SPDX-License-Identifier: Apache-2.0 */
#include "tzif.h"

#include <string.h>
#include <time.h>

#define HEADER_BYTES 44
#define TYPE_BYTES   6
#define DAY_S        INT64_C(86400)
#define OFFSET_MAX_S (26 * 3600) /* of UTC, RFC 9636 */

/* ---- the rule at the end, as in TZ (POSIX) ---- */

static bool read_number(const char **text, int least, int most, int *out)
{
    int value = 0, digits = 0;
    for (; **text >= '0' && **text <= '9' && digits < 4; digits++)
        value = value * 10 + *(*text)++ - '0';
    *out = value;
    return digits > 0 && value >= least && value <= most;
}

/* [+-]hh[:mm[:ss]] */
static bool read_time(const char **text, int64_t *out_s)
{
    int part[3] = {0};
    bool negative = **text == '-';
    if (**text == '-' || **text == '+')
        ++*text;
    if (!read_number(text, 0, 167, &part[0]))
        return false;
    for (int i = 1; i < 3 && **text == ':'; i++) {
        ++*text;
        if (!read_number(text, 0, 59, &part[i]))
            return false;
    }
    int64_t time_s = part[0] * INT64_C(3600) + part[1] * 60 + part[2];
    *out_s = negative ? -time_s : time_s;
    return true;
}

static bool skip_name(const char **text)
{
    const char *start = *text;
    if (*start == '<') {
        const char *end = strchr(start, '>');
        *text = end ? end + 1 : start;
        return end;
    }
    *text += strspn(start, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
    return *text - start >= 3;
}

/* Of a zone's name and its offset, which counts westward there. */
static bool read_zone(const char **text, int64_t *out_s)
{
    if (!skip_name(text) || !read_time(text, out_s))
        return false;
    *out_s = -*out_s;
    return true;
}

/* ,M3.2.0/2 */
static bool read_day(const char **text, struct ds_tz_day *day)
{
    *day = (struct ds_tz_day){.kind = 'D', .time_s = 2 * 3600};
    if (*(*text)++ != ',')
        return false;
    if (**text == 'M') {
        day->kind = *(*text)++;
        if (!read_number(text, 1, 12, &day->month) || *(*text)++ != '.' ||
            !read_number(text, 1, 5, &day->week) || *(*text)++ != '.' ||
            !read_number(text, 0, 6, &day->weekday))
            return false;
    } else {
        if (**text == 'J')
            day->kind = *(*text)++;
        if (!read_number(text, day->kind == 'J' ? 1 : 0, 365, &day->n))
            return false;
    }
    if (**text != '/')
        return true;
    ++*text;
    return read_time(text, &day->time_s);
}

static bool read_rule(const char *text, struct ds_tz *tz)
{
    if (!*text)
        return true;
    if (!read_zone(&text, &tz->standard_s))
        return false;
    tz->has_rule = true;
    if (!*text)
        return true;
    tz->has_summer = true;
    tz->summer_s = tz->standard_s + 3600;
    if (!skip_name(&text))
        return false;
    if (*text != ',') {
        if (!read_time(&text, &tz->summer_s))
            return false;
        tz->summer_s = -tz->summer_s;
    }
    return read_day(&text, &tz->begin) && read_day(&text, &tz->end) && !*text;
}

static int64_t days_before(int year, int month) /* since 1970; month from 0 */
{
    struct tm first = {.tm_year = year, .tm_mon = month, .tm_mday = 1};
    return timegm(&first) / DAY_S;
}

/* When that day's change is in a year (since 1900), as local time. */
static int64_t change_of(const struct ds_tz_day *day, int year)
{
    int64_t days = days_before(year, 0);
    if (day->kind == 'D') {
        days += day->n;
    } else if (day->kind == 'J') {
        bool is_leap = days_before(year, 2) - days == 60;
        days += day->n - 1 + (is_leap && day->n > 59);
    } else {
        int64_t first = days_before(year, day->month - 1), next = days_before(year, day->month);
        int64_t weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
        days = first + (day->weekday - weekday + 7) % 7 + (day->week - 1) * 7;
        while (days >= next) /* the fifth is the last */
            days -= 7;
    }
    return days * DAY_S + day->time_s;
}

static int64_t rule_offset_s(const struct ds_tz *tz, int64_t utc_s)
{
    time_t standard = utc_s + tz->standard_s;
    struct tm tm;
    if (!tz->has_summer || !gmtime_r(&standard, &tm))
        return tz->standard_s;
    int64_t begin_s = change_of(&tz->begin, tm.tm_year) - tz->standard_s;
    int64_t end_s = change_of(&tz->end, tm.tm_year) - tz->summer_s;
    bool is_summer =
        begin_s < end_s ? utc_s >= begin_s && utc_s < end_s : utc_s >= begin_s || utc_s < end_s;
    return is_summer ? tz->summer_s : tz->standard_s;
}

/* ---- the file ---- */

static int64_t read_be(const unsigned char *bytes, size_t size)
{
    uint64_t value = bytes[0] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | bytes[i];
    return (int64_t)value;
}

struct header {
    size_t utc_marks, standard_marks, leaps, changes, types, name_bytes;
    size_t body_bytes;
};

/* time_bytes: 4 in the first block, 8 in the second. */
static bool read_header(const unsigned char *bytes, size_t size, size_t time_bytes,
                        struct header *h)
{
    if (size < HEADER_BYTES || memcmp(bytes, "TZif", 4) != 0 || bytes[4] < '2')
        return false;
    size_t *const counts[] = {&h->utc_marks, &h->standard_marks, &h->leaps,
                              &h->changes,   &h->types,          &h->name_bytes};
    for (size_t i = 0; i < 6; i++) {
        *counts[i] = (size_t)(read_be(bytes + 20 + 4 * i, 4) & 0xffffffff);
        if (*counts[i] > DS_TZIF_BYTES_MAX)
            return false;
    }
    h->body_bytes = h->changes * (time_bytes + 1) + h->types * TYPE_BYTES + h->name_bytes +
                    h->leaps * (time_bytes + 4) + h->standard_marks + h->utc_marks;
    return h->body_bytes <= size - HEADER_BYTES;
}

static bool read_changes(const unsigned char *body, const struct header *h, struct ds_tz *tz)
{
    const unsigned char *index = body + h->changes * 8, *types = index + h->changes;
    if (h->types == 0 || h->leaps > 0 || h->changes > DS_TZIF_CHANGES_MAX)
        return false;
    tz->first_s = read_be(types, 4);
    tz->count = h->changes;
    for (size_t i = 0; i < h->changes; i++) {
        if (index[i] >= h->types)
            return false;
        int64_t offset_s = read_be(types + index[i] * TYPE_BYTES, 4);
        tz->at_s[i] = read_be(body + i * 8, 8);
        tz->offset_s[i] = (int32_t)offset_s;
        if (offset_s > OFFSET_MAX_S || offset_s < -OFFSET_MAX_S ||
            (i > 0 && tz->at_s[i] <= tz->at_s[i - 1]))
            return false;
    }
    return tz->first_s <= OFFSET_MAX_S && tz->first_s >= -OFFSET_MAX_S;
}

bool ds_tzif_parse(const unsigned char *bytes, size_t size, struct ds_tz *out)
{
    struct header h;
    char rule[128];
    memset(out, 0, sizeof *out);
    if (size > DS_TZIF_BYTES_MAX || !read_header(bytes, size, 4, &h))
        return false;
    bytes += HEADER_BYTES + h.body_bytes;
    size -= HEADER_BYTES + h.body_bytes;
    if (!read_header(bytes, size, 8, &h) || !read_changes(bytes + HEADER_BYTES, &h, out))
        return false;
    bytes += HEADER_BYTES + h.body_bytes;
    size -= HEADER_BYTES + h.body_bytes;
    if (size < 2 || size - 2 >= sizeof rule || bytes[0] != '\n' || bytes[size - 1] != '\n')
        return false;
    memcpy(rule, bytes + 1, size - 2);
    rule[size - 2] = 0;
    return strlen(rule) == size - 2 && read_rule(rule, out);
}

int64_t ds_tz_offset_s(const struct ds_tz *tz, int64_t utc_s)
{
    size_t low = 0, high = tz->count; /* changes at or before utc_s: below low; after: from high */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tz->at_s[middle] <= utc_s)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == tz->count && tz->has_rule)
        return rule_offset_s(tz, utc_s);
    return low > 0 ? tz->offset_s[low - 1] : tz->first_s;
}
