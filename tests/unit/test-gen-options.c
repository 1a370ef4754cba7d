/* SPDX-License-Identifier: Apache-2.0
 *
 * The generator's command line: what is accepted, and what is refused with which words.
 */
#include "gen/options.h"
#include "gen/population.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ARGUMENTS_MAX 8

static int parse(struct ds_gen_options *o, const char *const *arguments, struct ds_error *err)
{
    char *argv[ARGUMENTS_MAX + 2] = {(char *)"darkscope-gen"};
    int argc = 1;
    while (arguments[argc - 1]) {
        argv[argc] = (char *)arguments[argc - 1];
        argc++;
    }
    return ds_gen_options_parse(o, argc, argv, err);
}

static void defaults_are_a_telescope(void **state)
{
    struct ds_gen_options o;
    const char *const arguments[ARGUMENTS_MAX] = {"--output", "x.pcap"};
    assert_int_equal(parse(&o, arguments, NULL), 0);
    assert_int_equal(o.prefix_count, 2);
    assert_int_equal(o.rate, 5200);
    assert_int_equal(o.start_s, 1767225600);
    int survey = ds_gen_population_find("survey", 6);
    uint32_t total = 0;
    for (size_t i = 0; i < DS_GEN_POPULATIONS_MAX; i++)
        total += o.mix[i];
    assert_int_equal(total, 1000);
    assert_int_equal(o.mix[survey], 530);
}

static void the_default_mix_leaves_out_what_is_impossible(void **state)
{
    struct ds_gen_options o;
    const char *const arguments[ARGUMENTS_MAX] = {"-o",     "x",   "--prefix", "203.0.113.0/24",
                                                  "--link", "raw", NULL};
    assert_int_equal(parse(&o, arguments, NULL), 0);
    assert_int_equal(o.mix[ds_gen_population_find("vlan", 4)], 0);
    assert_int_equal(o.mix[ds_gen_population_find("ipv6", 4)], 0);
    assert_int_equal(o.mix[ds_gen_population_find("late", 4)], 2);
}

static void a_mix_replaces_the_default(void **state)
{
    struct ds_gen_options o;
    const char *const arguments[ARGUMENTS_MAX] = {"-o", "x", "-m", "mirai=9,bot", NULL};
    assert_int_equal(parse(&o, arguments, NULL), 0);
    assert_int_equal(o.mix[ds_gen_population_find("mirai", 5)], 9);
    assert_int_equal(o.mix[ds_gen_population_find("bot", 3)], 1);
    assert_int_equal(o.mix[ds_gen_population_find("survey", 6)], 0);
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *arguments[ARGUMENTS_MAX];
        const char *words; /* in the error */
    } wrong[] = {
        {{"--rate", "5"}, "--output"},
        {{"-o", "x", "-i", "lo"}, "--output"},
        {{"-o", "x", "-t", "x"}, "same file"},
        {{"-o", "x", "--rate", "0"}, "--rate 0"},
        {{"-o", "x", "--rate", "5x"}, "--rate 5x"},
        {{"-o", "x", "--rate", "-5"}, "--rate -5"},
        {{"-o", "x", "--rate", "99999999999999999999"}, "--rate"},
        {{"-o", "x", "--duration", "60"}, "--duration 60"},
        {{"-o", "x", "--duration", "0s"}, "--duration 0s"},
        {{"-o", "x", "--start", "yesterday"}, "--start yesterday"},
        {{"-o", "x", "--start", "1969-12-31T00:00:00Z"}, "--start"},
        {{"-o", "x", "--window", "7s"}, "divisor"},
        {{"-o", "x", "--window", "2s"}, "3s"},
        {{"-o", "x", "--mix", "mirai=1,nosuch=2"}, "\"nosuch\""},
        {{"-o", "x", "--mix", "mirai=-1"}, "--mix"},
        {{"-o", "x", "--mix", "mirai=99999999999999999999"}, "--mix"},
        {{"-o", "x", "--mix", "mirai=0"}, "zero"},
        {{"-o", "x", "--mix", ""}, "no population"},
        {{"-o", "x", "--mix", "vlan", "--link", "raw"}, "--link ethernet"},
        {{"-o", "x", "--mix", "ipv6", "--prefix", "203.0.113.0/24"}, "IPv6"},
        {{"-i", "lo", "--mix", "late"}, "late needs --output"},
        {{"-i", "lo", "--link", "raw"}, "ethernet"},
        {{"-o", "x", "--speed", "2"}, "--interface"},
        {{"-i", "lo", "--speed", "nan"}, "--speed nan"},
        {{"-o", "x", "--prefix", "203.0.113.1/24"}, "--prefix 203.0.113.1/24"},
        {{"-o", "x", "--prefix", "0.0.0.0/0"}, "sources"},
        {{"-o", "x", "--prefix", "10.0.0.0/8", "--prefix", "10.1.0.0/16"}, "overlaps"},
        {{"-o", "x", "--prefix", "10.1.2.128/25", "--prefix", "10.1.2.0/23"}, "overlaps"},
        {{"-o", "x", "--prefix", "2001:db8::/48"}, "IPv4"},
        {{"-o", "x", "--format", "erf"}, "--format erf"},
        {{"-o", "x", "--link", "ppp"}, "--link ppp"},
        {{"-o", "x", "--snaplen", "0"}, "--snaplen 0"},
        {{"-o", "x", "--duration", "401d"}, "400d"},
        {{"-o", "x", "--sensors", "2"}, "--sensors: only with --windows"},
        {{"--windows", "-t", "x"}, "--store"},
        {{"--windows", "-o", "x", "--store", "y"}, "one of"},
        {{"--windows", "-o", "x", "-m", "mirai"}, "--mix"},
        {{"--windows", "-o", "x", "-i", "lo"}, "--interface"},
        {{"--windows", "-o", "x", "--country-db", "y"}, "--country-db"},
        {{"--windows", "-o", "x", "--window", "1h", "-d", "90m"}, "--duration"},
        {{"--windows", "-o", "x", "--window", "1h", "--start", "2026-01-01T00:30"}, "--start"},
        {{"--windows", "-o", "x", "-d", "7306d"}, "--duration"},
        {{"--windows", "-o", "x", "--window", "1h", "--utc-offset", "330m"}, "--utc-offset"},
        {{"--windows", "-o", "x", "--utc-offset", "15h"}, "--utc-offset 15h"},
        {{"--windows", "-o", "x", "--sensors", "65"}, "--sensors 65"},
        {{"--windows", "-o", "x", "--addresses", "0"}, "--addresses 0"},
        {{"--windows", "-o", "x", "--addresses", "5-"}, "--addresses"},
        {{"--windows", "-o", "x", "--late", "501"}, "--late 501"},
        {{"--windows", "-o", "x", "--prune"}, "--store"},
        {{"--windows", "-o", "x", "--history", "caida"}, "nicter"},
        {{"--windows", "-o", "x", "--history", "nicter", "--rate", "5"}, "--rate"},
        {{"--windows", "-o", "x", "--window", "1h", "--rate", "100000"}, "--rate"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct ds_gen_options o;
        struct ds_error err = {0};
        if (parse(&o, wrong[i].arguments, &err) == 0)
            fail_msg("accepted: %s %s", wrong[i].arguments[2], wrong[i].words);
        assert_int_equal(err.status, DS_USAGE);
        if (!strstr(err.text, wrong[i].words))
            fail_msg("\"%s\" does not say \"%s\"", err.text, wrong[i].words);
    }
}

static void windows_have_a_plan(void **state)
{
    struct ds_gen_options o;
    const char *const minutes[ARGUMENTS_MAX] = {"--windows", "-o", "x", NULL};
    assert_int_equal(parse(&o, minutes, NULL), 0);
    assert_int_equal(o.plan.start_s, 1767225600);
    assert_int_equal(o.plan.end_s - o.plan.start_s, 86400);
    assert_int_equal(o.plan.window_s, 60);
    assert_true(o.plan.packets == 5200 * 60);
    assert_int_equal(o.plan.addresses_last, 65536);
    const char *const hours[ARGUMENTS_MAX] = {
        "--windows",        "--store", "x",           "--addresses=5-9",
        "--utc-offset=-5h", "-d30d",   "--window=1h", NULL};
    assert_int_equal(parse(&o, hours, NULL), 0);
    assert_int_equal(o.plan.addresses_first, 5);
    assert_int_equal(o.plan.addresses_last, 9);
    assert_int_equal(o.plan.utc_offset_s, -5 * 3600);
    assert_int_equal(o.plan.surges, 3);
    const char *const history[ARGUMENTS_MAX] = {"--windows", "-o",           "x",  "--history",
                                                "nicter",    "--utc-offset", "9h", NULL};
    assert_int_equal(parse(&o, history, NULL), 0);
    assert_int_equal(o.plan.window_s, 3600);
    assert_int_equal(o.plan.start_s, 1104537600 - 9 * 3600); /* 2005 in Tokyo */
    assert_int_equal(o.plan.end_s, 1514764800 - 9 * 3600);   /* to 2018 */
}

static void neighbours_do_not_overlap(void **state)
{
    struct ds_gen_options o;
    const char *const arguments[ARGUMENTS_MAX] = {
        "-o", "x", "--prefix", "10.0.0.0/25", "--prefix", "10.0.0.128/25", NULL};
    assert_int_equal(parse(&o, arguments, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_a_telescope),
        cmocka_unit_test(the_default_mix_leaves_out_what_is_impossible),
        cmocka_unit_test(a_mix_replaces_the_default),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(windows_have_a_plan),
        cmocka_unit_test(neighbours_do_not_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
