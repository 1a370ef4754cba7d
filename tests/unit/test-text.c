/* SPDX-License-Identifier: Apache-2.0
 *
 * Times, durations, prefixes, ports and names: the boundaries, and text that is none of them.
 */
#include "darkscope/text.h"

#include "darkscope/limits.h"
#include "darkscope/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void prints_times(void **state)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00Z"},
        {-1, "1969-12-31T23:59:59Z"},
        {1767225600, "2026-01-01T00:00:00Z"},
        {951782399, "2000-02-28T23:59:59Z"},
        {951782400, "2000-02-29T00:00:00Z"},
        {4107542400, "2100-03-01T00:00:00Z"},
        {253402300799, "9999-12-31T23:59:59Z"},
        {253402300800, "10000-01-01T00:00:00Z"},
        {INT64_MAX, "292277026596-12-04T15:30:07Z"},
        {INT64_MIN, "-292277022657-01-27T08:29:52Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[DS_TIME_TEXT];
        assert_string_equal(ds_time_print(cases[i].seconds, out), cases[i].text);
    }
}

static void agrees_with_the_c_library(void **state)
{
    /* About 11 days and a bit apart, from 1600 to 2500. */
    for (int64_t t = -11676096000; t < 16725225600; t += 987654) {
        time_t clock = (time_t)t;
        struct tm tm;
        char expected[DS_TIME_TEXT], printed[DS_TIME_TEXT];
        strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&clock, &tm));
        assert_string_equal(ds_time_print(t, printed), expected);
        int64_t back;
        assert_true(ds_time_parse(printed, &back));
        assert_int_equal(back, t);
    }
}

static void reads_times(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } cases[] = {
        {"2026-01-01", 1767225600},
        {"2026-01-01Z", 1767225600},
        {"2026-01-01T10:20", 1767262800},
        {"2026-01-01T10:20Z", 1767262800},
        {"2026-01-01T10:20:30", 1767262830},
        {"2026-01-01T10:20:30Z", 1767262830},
        {"2024-02-29", 1709164800},
        {"2000-02-29", 951782400},
        {"9999-12-31T23:59:59Z", 253402300799},
        {"0000-01-01", -62167219200},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t seconds = -1;
        assert_true(ds_time_parse(cases[i].text, &seconds));
        assert_int_equal(seconds, cases[i].seconds);
    }
}

static void refuses_what_is_no_time(void **state)
{
    static const char *const cases[] = {
        "",
        "2026",
        "2026-1-1",
        "2026-01",
        "2026-00-01",
        "2026-13-01",
        "2026-01-00",
        "2026-01-32",
        "2026-04-31",
        "2025-02-29",
        "1900-02-29",
        "2026-01-01T",
        "2026-01-01T10",
        "2026-01-01T24:00",
        "2026-01-01T10:60",
        "2026-01-01T10:20:60",
        "2026-01-01T10:20:",
        "2026-01-01T1:20",
        "2026-01-01 10:20",
        "2026-01-01T10:20:30z",
        "2026-01-01T10:20:30+09:00",
        "2026-01-01T10:20:30.5Z",
        "2026-01-01T10:20:30ZZ",
        " 2026-01-01",
        "2026-01-01 ",
        "+026-01-01",
        "-026-01-01",
        "12026-01-01",
        "2026-01--1",
        "2026-01-+1",
        "2026-01-\xef\xbc\x91",
        "now",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t seconds = 42;
        if (ds_time_parse(cases[i], &seconds))
            fail_msg("accepted as a time: '%s'", cases[i]);
        assert_int_equal(seconds, 42);
    }
}

static void reads_durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
    } cases[] = {
        {"0s", 0},
        {"250ms", 250000000},
        {"60s", 60000000000},
        {"5m", 300000000000},
        {"2h", 7200000000000},
        {"1d", 86400000000000},
        {"007s", 7000000000},
        {"9223372036s", 9223372036000000000},
        {"106751d", 9223286400000000000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t ns = -1;
        assert_true(ds_duration_parse(cases[i].text, &ns));
        assert_int_equal(ns, cases[i].ns);
    }
}

static void refuses_what_is_no_duration(void **state)
{
    static const char *const cases[] = {
        "",
        "60",
        "s",
        "-5s",
        "+5s",
        "5 s",
        " 5s",
        "5s ",
        "1.5s",
        "5S",
        "5sec",
        "5m30s",
        "0x5s",
        "9223372037s",
        "106752d",
        "5\xc2\xb5s",
        "999999999999999999d",
        "99999999999999999999999999s",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t ns;
        if (ds_duration_parse(cases[i], &ns))
            fail_msg("accepted as a duration: '%s'", cases[i]);
    }
}

static void reads_prefixes(void **state)
{
    struct ds_prefix p;
    assert_null(ds_prefix_parse("192.0.2.0/24", &p));
    assert_false(p.is_v6);
    assert_int_equal(p.bits, 24);
    assert_memory_equal(p.address, "\xc0\x00\x02\x00", 4);

    assert_null(ds_prefix_parse("198.51.100.7", &p));
    assert_int_equal(p.bits, 32);
    assert_null(ds_prefix_parse("255.255.255.255/32", &p));
    assert_null(ds_prefix_parse("0.0.0.0/0", &p));
    assert_int_equal(p.bits, 0);
    assert_null(ds_prefix_parse("128.0.0.0/1", &p));

    assert_null(ds_prefix_parse("2001:db8::/32", &p));
    assert_true(p.is_v6);
    assert_int_equal(p.bits, 32);
    assert_memory_equal(p.address, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    assert_null(ds_prefix_parse("::/0", &p));
    assert_null(ds_prefix_parse("2001:db8::1", &p));
    assert_int_equal(p.bits, 128);
    assert_null(ds_prefix_parse("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128", &p));
}

static void says_what_is_wrong_with_a_prefix(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "not an IPv4 or IPv6 address"},
        {"/24", "not an IPv4 or IPv6 address"},
        {"10", "not an IPv4 or IPv6 address"},
        {"10.0.0/8", "not an IPv4 or IPv6 address"},
        {"10.0.0.0.0/8", "not an IPv4 or IPv6 address"},
        {"256.0.0.0/8", "not an IPv4 or IPv6 address"},
        {"010.0.0.0/8", "not an IPv4 or IPv6 address"},
        {" 10.0.0.0/8", "not an IPv4 or IPv6 address"},
        {"fe80::1%eth0", "not an IPv4 or IPv6 address"},
        {"2001:db8:::/32", "not an IPv4 or IPv6 address"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555", "not an IPv4 or IPv6 address"},
        {"example.org", "not an IPv4 or IPv6 address"},
        {"10.0.0.0/", "prefix length is not 0 to 32"},
        {"10.0.0.0/33", "prefix length is not 0 to 32"},
        {"10.0.0.0/-1", "prefix length is not 0 to 32"},
        {"10.0.0.0/8 ", "prefix length is not 0 to 32"},
        {"10.0.0.0/8/8", "prefix length is not 0 to 32"},
        {"10.0.0.0/4294967304", "prefix length is not 0 to 32"},
        {"10.0.0.0/255.0.0.0", "prefix length is not 0 to 32"},
        {"::/129", "prefix length is not 0 to 128"},
        {"10.0.0.1/24", "host bits set"},
        {"10.0.0.0/4", "host bits set"},
        {"0.0.0.1/31", "host bits set"},
        {"192.0.2.128/24", "host bits set"},
        {"2001:db8::1/127", "host bits set"},
        {"8000::/0", "host bits set"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ds_prefix p = {.bits = 99};
        const char *why = ds_prefix_parse(cases[i].text, &p);
        if (!why)
            fail_msg("accepted as a prefix: '%s'", cases[i].text);
        assert_string_equal(why, cases[i].why);
        assert_int_equal(p.bits, 99);
    }
}

static void reads_ports(void **state)
{
    uint16_t port;
    uint8_t proto;
    assert_true(ds_port_parse("23/tcp", &port, &proto));
    assert_int_equal(port, 23);
    assert_int_equal(proto, DS_PROTO_TCP);
    assert_true(ds_port_parse("65535/udp", &port, &proto));
    assert_int_equal(port, 65535);
    assert_true(ds_port_parse("2048/icmp", &port, &proto));
    assert_int_equal(port, 8 * 256);
    assert_int_equal(proto, DS_PROTO_ICMP);
    assert_true(ds_port_parse("3/255/icmp", &port, &proto));
    assert_int_equal(port, 3 * 256 + 255);
    assert_int_equal(proto, DS_PROTO_ICMP);
    assert_true(ds_port_parse("255/0/icmp6", &port, &proto));
    assert_int_equal(port, 255 * 256);
    assert_int_equal(proto, DS_PROTO_ICMP6);
    assert_true(ds_port_parse("0/47", &port, &proto));
    assert_int_equal(proto, 47);

    static const char *const wrong[] = {
        "",        "23",        "/tcp",    "tcp/23",     "23/",        "23/TCP",
        "23/tcp ", "65536/tcp", "-1/tcp",  "+1/tcp",     " 1/tcp",     "000023/tcp",
        "1/256",   "1 /tcp",    "8/0/tcp", "8/icmp/0",   "256/0/icmp", "8/256/icmp",
        "8//icmp", "/8/icmp",   "8/0/",    "8/0/0/icmp",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (ds_port_parse(wrong[i], &port, &proto))
            fail_msg("accepted as a port: '%s'", wrong[i]);
}

static void knows_sensor_names(void **state)
{
    char longest[DS_NAME_MAX + 2];
    memset(longest, 'a', sizeof longest);
    longest[DS_NAME_MAX] = 0;
    assert_true(ds_name_valid(longest));
    longest[DS_NAME_MAX] = 'a';
    longest[DS_NAME_MAX + 1] = 0;
    assert_false(ds_name_valid(longest));

    static const char *const good[] = {"a", "7", "tokyo-1", "A.b_c-d", "0--"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(ds_name_valid(good[i]));
    static const char *const bad[] = {"",    "-a",  ".a",   "_a",       "a b",
                                      "a/b", "a\n", "a\"b", "\xc3\xa9", "a:b"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (ds_name_valid(bad[i]))
            fail_msg("accepted as a name: '%s'", bad[i]);
}

static void cleans_text(void **state)
{
    static const struct {
        const char *dirty, *clean;
    } cases[] = {
        {"", ""},
        {"DBIP-Country 2026-06", "DBIP-Country 2026-06"},
        {"a\nb\tc\x1b[2J\x7f", "a?b?c?[2J?"},
        {"\xc3\xa9 \xe6\x9d\xb1\xe4\xba\xac \xf0\x9f\x9b\xb0",
         "\xc3\xa9 \xe6\x9d\xb1\xe4\xba\xac \xf0\x9f\x9b\xb0"},
        {"\xc2\x9b"
         "2J",
         "??2J"},                          /* C1 control */
        {"\xc0\xaf", "??"},                /* overlong */
        {"\xe0\x80\xaf", "???"},           /* overlong */
        {"\xf0\x80\x80\xaf", "????"},      /* overlong */
        {"\xed\xa0\x80", "???"},           /* surrogate */
        {"\xf4\x90\x80\x80", "????"},      /* beyond U+10FFFF */
        {"\xf8\x88\x80\x80\x80", "?????"}, /* five bytes */
        {"\x80\xbf", "??"},                /* no lead byte */
        {"\xe2\x80\xae"
         "fdp",
         "???fdp"},                  /* right-to-left override */
        {"ok\xc3", "ok?"},           /* cut at the end */
        {"ok\xf0\x9f\x9b", "ok???"}, /* cut at the end */
        {"\xc3"
         "A",
         "?A"},
        {"\xc2\xa0\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf",
         "\xc2\xa0\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[64];
        strcpy(text, cases[i].dirty);
        ds_text_clean(text);
        assert_string_equal(text, cases[i].clean);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_times),    cmocka_unit_test(agrees_with_the_c_library),
        cmocka_unit_test(reads_times),     cmocka_unit_test(refuses_what_is_no_time),
        cmocka_unit_test(reads_durations), cmocka_unit_test(refuses_what_is_no_duration),
        cmocka_unit_test(reads_prefixes),  cmocka_unit_test(says_what_is_wrong_with_a_prefix),
        cmocka_unit_test(reads_ports),     cmocka_unit_test(knows_sensor_names),
        cmocka_unit_test(cleans_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
