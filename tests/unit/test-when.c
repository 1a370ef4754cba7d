/* SPDX-License-Identifier: Apache-2.0
 *
 * Times as people say them.
 */
#include "when.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define COUNT(array) (sizeof array / sizeof array[0])

static struct ds_calendar *calendar_of(const char *zone)
{
    struct ds_calendar *calendar;
    assert_int_equal(ds_calendar_open(zone, &calendar, NULL), 0);
    return calendar;
}

static void resolves(void **state)
{
    static const char *const cases[][2] = {
        {"now", "2026-03-01T10:20:30Z"},       {"today", "2026-03-01T00:00:00Z"},
        {"yesterday", "2026-02-28T00:00:00Z"}, {"-6h", "2026-03-01T04:20:30Z"},
        {"-1d", "2026-02-28T10:20:30Z"},       {"-0s", "2026-03-01T10:20:30Z"},
        {"-99999d", "1970-01-01T00:00:00Z"},
    };
    struct ds_calendar *utc = calendar_of("UTC");
    int64_t now_s;
    char out[DS_TIME_TEXT];
    assert_true(ds_time_parse("2026-03-01T10:20:30Z", &now_s));
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_true(when_resolve(cases[i][0], now_s, utc, out));
        assert_string_equal(out, cases[i][1]);
    }
    assert_true(ds_time_parse("2026-03-01", &now_s));
    assert_true(when_resolve("today", now_s, utc, out));
    assert_string_equal(out, "2026-03-01T00:00:00Z");
    ds_calendar_close(utc);
}

/* The day before the clocks change has 24 hours, the day of it 23. */
static void days_are_those_of_the_zone(void **state)
{
    struct ds_calendar *berlin = calendar_of("Europe/Berlin");
    int64_t now_s;
    char out[DS_TIME_TEXT];
    assert_true(ds_time_parse("2026-03-29T22:30:00Z", &now_s)); /* 00:30 of the 30th there */
    assert_true(when_resolve("today", now_s, berlin, out));
    assert_string_equal(out, "2026-03-29T22:00:00Z");
    assert_true(when_resolve("yesterday", now_s, berlin, out));
    assert_string_equal(out, "2026-03-28T23:00:00Z");
    ds_calendar_close(berlin);
}

static void leaves_the_rest_alone(void **state)
{
    static const char *const cases[] = {"",   "Today", "tomorrow", "6h",  "-",
                                        "-6", "--6h",  "-6w",      " now"};
    struct ds_calendar *utc = calendar_of("UTC");
    char out[DS_TIME_TEXT] = "as it was";
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_false(when_resolve(cases[i], 1000000000, utc, out));
    assert_string_equal(out, "as it was");
    ds_calendar_close(utc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resolves),
        cmocka_unit_test(days_are_those_of_the_zone),
        cmocka_unit_test(leaves_the_rest_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
