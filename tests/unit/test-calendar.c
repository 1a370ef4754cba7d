/* SPDX-License-Identifier: Apache-2.0
 *
 * Time zones against those of the C library, which reads the same files; days, weeks, months and
 * years at the places where zones are odd; and files that are none.
 */
#include "calendar.h"

#include "../../aggregator/calendar/tzif.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define ZONEINFO "/usr/share/zoneinfo/"
#define HOUR_S   3600

static struct ds_calendar *calendar_of(const char *zone)
{
    struct ds_calendar *c;
    struct ds_error err;
    if (access(ZONEINFO "Asia/Tokyo", R_OK) < 0) {
        print_message("# SKIP no tz database here\n");
        skip();
    }
    if (ds_calendar_open(zone, &c, &err) < 0)
        fail_msg("%s", err.text);
    return c;
}

static int64_t at(const char *text)
{
    int64_t seconds;
    assert_true(ds_time_parse(text, &seconds));
    return seconds;
}

/* ---- offsets ---- */

static void offsets_are_those_of_the_c_library(void **state)
{
    static const char *const zones[] = {
        "Asia/Tokyo",       "Europe/Berlin", "America/New_York",  "Asia/Kolkata",
        "Asia/Kathmandu",   "Europe/Dublin", "Africa/Casablanca", "Australia/Lord_Howe",
        "America/St_Johns", "Pacific/Apia",  "America/Havana",    "America/Sao_Paulo",
        "Asia/Gaza",        "Etc/GMT-14",    "Antarctica/Troll",  "Pacific/Chatham",
    };
    for (size_t z = 0; z < sizeof zones / sizeof zones[0]; z++) {
        struct ds_calendar *c = calendar_of(zones[z]);
        setenv("TZ", zones[z], 1);
        tzset();
        /* Beyond the last change of the file too, and at odd times of the day. */
        for (time_t t = 0; t < at("2110-01-01"); t += 7 * HOUR_S + 1234) {
            struct tm tm;
            localtime_r(&t, &tm);
            if (ds_calendar_offset_s(c, t) != tm.tm_gmtoff)
                fail_msg("%s at %lld: %lld is not %ld", zones[z], (long long)t,
                         (long long)ds_calendar_offset_s(c, t), tm.tm_gmtoff);
        }
        ds_calendar_close(c);
    }
}

static void local_times_are_found(void **state)
{
    static const struct {
        const char *zone, *local, *utc;
    } cases[] = {
        {"Asia/Tokyo", "2026-01-01", "2025-12-31T15:00"},
        {"Europe/Berlin", "2026-07-01T12:00", "2026-07-01T10:00"},
        {"Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:30"}, /* skipped: 03:30 */
        {"Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30"}, /* twice: the first */
        {"America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00"},   /* its midnight is skipped */
        {"America/Havana", "2025-11-02", "2025-11-02T04:00"},      /* its midnight comes twice */
        {"Pacific/Apia", "2011-12-30", "2011-12-30T10:00"},        /* the whole day is skipped */
        {"UTC", "2026-01-01", "2026-01-01"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ds_calendar *c = calendar_of(cases[i].zone);
        assert_int_equal(ds_calendar_utc(c, at(cases[i].local)), at(cases[i].utc));
        ds_calendar_close(c);
    }
}

static void times_are_printed_with_their_offset(void **state)
{
    static const struct {
        const char *zone, *text;
    } cases[] = {
        {"UTC", "2026-01-01T00:00:00Z"},
        {"Asia/Tokyo", "2026-01-01T09:00:00+09:00"},
        {"Asia/Kathmandu", "2026-01-01T05:45:00+05:45"},
        {"America/St_Johns", "2025-12-31T20:30:00-03:30"},
    };
    char text[DS_TIME_TEXT];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ds_calendar *c = calendar_of(cases[i].zone);
        assert_string_equal(ds_calendar_print(c, at("2026-01-01"), text), cases[i].text);
        ds_calendar_close(c);
    }
}

/* ---- steps ---- */

/* Steps from a time on, in hours. */
static void assert_steps(const char *zone, struct ds_stride stride, const char *from,
                         const int hours[], size_t count)
{
    struct ds_calendar *c = calendar_of(zone);
    int64_t edge_s = ds_calendar_floor(c, stride, at(from));
    for (size_t i = 0; i < count; i++) {
        int64_t next_s = ds_calendar_next(c, stride, edge_s);
        if (next_s - edge_s != hours[i] * (int64_t)HOUR_S)
            fail_msg("%s, step %zu: %g h", zone, i, (double)(next_s - edge_s) / HOUR_S);
        assert_int_equal(ds_calendar_floor(c, stride, edge_s), edge_s);
        assert_int_equal(ds_calendar_floor(c, stride, next_s - 1), edge_s);
        edge_s = next_s;
    }
    ds_calendar_close(c);
}

static void days_have_23_24_or_25_hours(void **state)
{
    const struct ds_stride day = {DS_UNIT_DAY, 1}, two_days = {DS_UNIT_DAY, 2};
    const struct ds_stride week = {DS_UNIT_WEEK, 1}, month = {DS_UNIT_MONTH, 1};
    const struct ds_stride year = {DS_UNIT_YEAR, 1}, hour = {DS_UNIT_SECOND, HOUR_S};
    const struct ds_stride six = {DS_UNIT_SECOND, 6 * HOUR_S};
    assert_steps("Europe/Berlin", day, "2026-03-27T23:00", (const int[]){24, 23, 24}, 3);
    assert_steps("Europe/Berlin", day, "2026-10-24T10:00", (const int[]){24, 25, 24}, 3);
    assert_steps("America/Sao_Paulo", day, "2018-11-03T12:00", (const int[]){24, 23, 24}, 3);
    assert_steps("America/Havana", day, "2025-11-01T12:00", (const int[]){24, 25, 24}, 3);
    assert_steps("Pacific/Apia", day, "2011-12-29T12:00", (const int[]){24, 24, 24}, 3);
    assert_steps("Asia/Tokyo", two_days, "2026-01-01", (const int[]){48, 48}, 2);
    assert_steps("Europe/Berlin", week, "2026-03-25", (const int[]){167, 168}, 2);
    assert_steps("Europe/Berlin", month, "2026-02-10", (const int[]){672, 743, 720}, 3);
    assert_steps("UTC", month, "2024-01-31T23:59:59", (const int[]){744, 696, 744}, 3);
    assert_steps("Asia/Tokyo", year, "2023-12-31T15:00", (const int[]){8784, 8760}, 2);
    assert_steps("Asia/Kolkata", hour, "2026-01-01T00:10", (const int[]){1, 1, 1}, 3);
    assert_steps("Europe/Berlin", six, "2026-03-28T23:00", (const int[]){6, 6, 6, 5, 6}, 5);
    assert_steps("Europe/Berlin", six, "2026-10-24T22:00", (const int[]){6, 6, 6, 6, 1, 6}, 6);
}

static void weeks_begin_on_monday(void **state)
{
    const struct ds_stride week = {DS_UNIT_WEEK, 1};
    struct ds_calendar *c = calendar_of("Asia/Tokyo");
    char text[DS_TIME_TEXT];
    int64_t sunday_s = at("2026-01-04T14:59:59"); /* the last second of it there */
    assert_string_equal(ds_calendar_print(c, ds_calendar_floor(c, week, sunday_s), text),
                        "2025-12-29T00:00:00+09:00");
    assert_string_equal(ds_calendar_print(c, ds_calendar_next(c, week, sunday_s), text),
                        "2026-01-05T00:00:00+09:00");
    ds_calendar_close(c);
}

/* ---- what is no zone ---- */

static void only_names_of_zones_are_opened(void **state)
{
    static const char *const names[] = {"",
                                        "Asia/Nowhere",
                                        "../../etc/passwd",
                                        "/etc/passwd",
                                        "Asia/../UTC",
                                        "Asia",
                                        "zone.tab",
                                        "Asia/Tokyo\n",
                                        "tzdata.zi",
                                        "12345678901234567890123456789012345678901234567890"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct ds_calendar *c = NULL;
        struct ds_error err = {0};
        assert_int_equal(ds_calendar_open(names[i], &c, &err), -1);
        assert_int_equal(err.status, DS_USAGE);
        assert_non_null(strstr(err.text, "Asia/Tokyo"));
    }
}

static size_t read_zone(const char *name, unsigned char *bytes, size_t size)
{
    FILE *file = fopen(name, "rb");
    if (!file)
        skip();
    size_t got = fread(bytes, 1, size, file);
    fclose(file);
    return got;
}

static void damaged_files_are_refused_or_read(void **state)
{
    unsigned char whole[4096], bytes[sizeof whole];
    struct ds_tz *tz = malloc(sizeof *tz);
    size_t size = read_zone(ZONEINFO "Europe/Berlin", whole, sizeof whole);
    assert_non_null(tz);
    assert_true(ds_tzif_parse(whole, size, tz));
    for (size_t cut = 0; cut < size; cut++) {
        unsigned char *exact = malloc(cut + 1); /* so that reading beyond it is noticed */
        memcpy(exact, whole, cut);
        assert_false(ds_tzif_parse(exact, cut, tz));
        free(exact);
    }
    for (size_t i = 0; i < size * 8; i++) {
        memcpy(bytes, whole, size);
        bytes[i / 8] ^= (unsigned char)(1 << i % 8);
        if (ds_tzif_parse(bytes, size, tz))
            for (int64_t t = -1; t < INT64_C(8000000000); t += 999999999)
                assert_in_range(ds_tz_offset_s(tz, t) + 200 * HOUR_S, 0, 400 * HOUR_S);
    }
    free(tz);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_are_those_of_the_c_library),
        cmocka_unit_test(local_times_are_found),
        cmocka_unit_test(times_are_printed_with_their_offset),
        cmocka_unit_test(days_have_23_24_or_25_hours),
        cmocka_unit_test(weeks_begin_on_monday),
        cmocka_unit_test(only_names_of_zones_are_opened),
        cmocka_unit_test(damaged_files_are_refused_or_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
