/* SPDX-License-Identifier: Apache-2.0
 *
 * Request headers that are lists.
 */
#include "header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void gzip_is_taken_or_not(void **state)
{
    static const char *const yes[] = {
        "gzip",       "deflate, gzip",     "GZIP;q=0.5",           "x-gzip",
        "*",          "br;q=1.0, *;q=0.1", "gzip; q=0.001",        "identity;q=0,gzip",
        " ,, gzip ,", "gzip;a=b;q=0.2",    "deflate\t,\tgzip;q=1", "*;q=0, gzip"};
    static const char *const no[] = {"",          "br",          "gzip;q=0",     "gzip; q=0.000",
                                     "gzipx",     "xgzip",       "identity",     "gzip;q=0, *",
                                     "*;q=0",     "gzip;b;q=0.", "deflate;gzip", ",;,;=",
                                     "gzip ; q=0"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        if (!ds_header_takes_gzip(yes[i]))
            fail_msg("%s", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        if (ds_header_takes_gzip(no[i]))
            fail_msg("%s", no[i]);
}

static void tags_are_compared_weakly(void **state)
{
    static const char *const yes[] = {"\"ab\"", "W/\"ab\"",          "\"x\", \"ab\"",
                                      "*",      " W/\"y\",W/\"ab\"", "\"\", \"a,b\", \"ab\""};
    static const char *const no[] = {"",        "ab",   "\"ab",   "\"abc\"", "\"a\"", "w/\"ab\"",
                                     "\"x\" y", "W/ab", "\"AB\"", ",",       "W/",    "\"x\",ab"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        if (!ds_header_has_tag(yes[i], "\"ab\""))
            fail_msg("%s", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        if (ds_header_has_tag(no[i], "\"ab\""))
            fail_msg("%s", no[i]);
}

static void token_must_be_the_whole_one(void **state)
{
    static const char *const no[] = {"",
                                     "Bearer",
                                     "Bearer ",
                                     "Bearer secre",
                                     "Bearer secretx",
                                     "Basic secret",
                                     "secret",
                                     "Bearer Secret",
                                     "Bearersecret",
                                     "Bearer secret "};
    assert_true(ds_header_is_bearer("Bearer secret", "secret"));
    assert_true(ds_header_is_bearer("bearer   secret", "secret"));
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        if (ds_header_is_bearer(no[i], "secret"))
            fail_msg("%s", no[i]);
}

static void token_is_compared_with_all_its_bytes(void **state)
{
    assert_true(ds_header_is_token("secret", 6, "secret"));
    assert_false(ds_header_is_token("secret", 5, "secret"));
    assert_false(ds_header_is_token("secret", 7, "secret")); /* its NUL is no part of it */
    assert_false(ds_header_is_token("secreT", 6, "secret"));
    assert_false(ds_header_is_token("", 0, "secret"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gzip_is_taken_or_not),
        cmocka_unit_test(tags_are_compared_weakly),
        cmocka_unit_test(token_must_be_the_whole_one),
        cmocka_unit_test(token_is_compared_with_all_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
