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

static void subprotocol_has_the_whole_token(void **state)
{
    static const char *const yes[] = {"darkscope-token.6b2f3d", "a, darkscope-token.6b2f3d",
                                      "darkscope-token.6b2f3d\t,a", ",,darkscope-token.6b2f3d,,"};
    static const char *const no[] = {"",
                                     "darkscope-token.",
                                     "darkscope-token.6b2f3",
                                     "darkscope-token.6b2f3d0",
                                     "darkscope-token.6b2f3e",
                                     "darkscope-token.6B2F3D",
                                     "darkscope-token.k/=",
                                     "xdarkscope-token.6b2f3d",
                                     "6b2f3d, darkscope-token.",
                                     "k/="};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        if (!ds_header_offers_token(yes[i], "k/="))
            fail_msg("%s", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        if (ds_header_offers_token(no[i], "k/="))
            fail_msg("%s", no[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gzip_is_taken_or_not),
        cmocka_unit_test(tags_are_compared_weakly),
        cmocka_unit_test(token_must_be_the_whole_one),
        cmocka_unit_test(subprotocol_has_the_whole_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
