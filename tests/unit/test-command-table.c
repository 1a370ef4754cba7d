/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of the command line: what a cell says, and what is left out where room is short.
 */
#include "table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct column columns[] = {
    {"port", "port", COLUMN_PORT, 0},
    {"packets", "packets", COLUMN_COUNT, 0},
    {"bytes", "bytes", COLUMN_COUNT, 1},
    {"sources", "sources", COLUMN_COUNT, 2},
    {"survey_packets", "by surveys", COLUMN_RARE, 3},
    {"observed_seconds", "observed s", COLUMN_SECONDS, SPARE_IN_TABLES},
    {"packets", "", COLUMN_BAR, 0},
};

#define COUNT(array) (sizeof array / sizeof array[0])

/* Two rows, as text of at most width characters a line (0: any), or as CSV; the caller frees. */
static char *print(int survey_packets, const char *width, bool csv)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    json_t *rows = json_pack("[{s:s,s:i,s:i,s:i,s:n,s:i,s:f},{s:s,s:i,s:i,s:i,s:n,s:i,s:f}]",
                             "proto", "tcp", "port", 23, "packets", 2000, "bytes", 80000, "sources",
                             "survey_packets", survey_packets, "observed_seconds", 59.96, "proto",
                             "icmp", "port", 2048, "packets", 10, "bytes", 560, "sources",
                             "survey_packets", 0, "observed_seconds", 60.0);
    assert_true(to && rows);
    assert_int_equal(width ? setenv("COLUMNS", width, 1) : unsetenv("COLUMNS"), 0);
    if (csv)
        csv_print(to, rows, columns, COUNT(columns));
    else
        table_print(to, rows, columns, COUNT(columns));
    json_decref(rows);
    assert_int_equal(fclose(to), 0);
    return text;
}

static void assert_prints(int survey_packets, const char *width, const char *expected)
{
    char *text = print(survey_packets, width, false);
    assert_string_equal(text, expected);
    free(text);
}

static void leaves_out_what_does_not_fit(void **state)
{
    const char *all = "port                   packets   bytes  sources\n"
                      "23/tcp                   2,000  80,000        -\n"
                      "8/0/icmp echo request       10     560        -\n";
    assert_prints(0, NULL, all);
    assert_prints(0, "47", all);
    assert_prints(0, "56", all);
    assert_prints(0, "46",
                  "port                   packets   bytes\n"
                  "23/tcp                   2,000  80,000\n"
                  "8/0/icmp echo request       10     560\n"
                  "(1 column left out to fit 46 characters; --format csv has all)\n");
    assert_prints(0, "1",
                  "port                   packets\n"
                  "23/tcp                   2,000\n"
                  "8/0/icmp echo request       10\n"
                  "(2 columns left out to fit 1 characters; --format csv has all)\n");
}

/* From 8 characters on, and no line has blanks at its end. */
static void draws_bars_where_there_is_room(void **state)
{
    assert_prints(0, "57",
                  "port                   packets   bytes  sources\n"
                  "23/tcp                   2,000  80,000        -  ########\n"
                  "8/0/icmp echo request       10     560        -\n");
    char *text = print(0, "1000", false);
    assert_non_null(strstr(text, "-  ########################\n"));
    free(text);
}

static void shows_rare_figures_where_there_are_any(void **state)
{
    assert_prints(7, NULL,
                  "port                   packets   bytes  sources  by surveys\n"
                  "23/tcp                   2,000  80,000        -           7\n"
                  "8/0/icmp echo request       10     560        -           0\n");
}

static void csv_has_everything(void **state)
{
    char *text = print(0, "1", true);
    assert_string_equal(text, "proto,port,packets,bytes,sources,survey_packets,observed_seconds\n"
                              "tcp,23,2000,80000,,0,59.96\n"
                              "icmp,2048,10,560,,0,60\n");
    free(text);
}

static void names_services(void **state)
{
    static const struct {
        const char *proto;
        int port;
        const char *text;
    } cases[] = {
        {"tcp", 23, "23/tcp"},
        {"47", 0, "0/47"},
        {"icmp", 0x0303, "3/3/icmp unreachable"},
        {"icmp", 0xffff, "255/255/icmp"},
        {"icmp", 0x10000, "65536/icmp"},
        {"icmp", -1, "-1/icmp"},
        {"icmp6", 0x8000, "128/0/icmp6 echo request"},
        {"icmp6", 0x0800, "8/0/icmp6"},
        {"a protocol with a long name", 1, "1/a protocol with "},
    };
    char out[TABLE_CELL];
    for (size_t i = 0; i < COUNT(cases); i++) {
        json_t *row = json_pack("{s:s,s:i}", "proto", cases[i].proto, "port", cases[i].port);
        assert_string_equal(table_port(row, out), cases[i].text);
        json_decref(row);
    }
    json_t *empty = json_object();
    assert_string_equal(table_port(empty, out), "0/-");
    json_decref(empty);
}

static void names_protocols(void **state)
{
    static const char *const cases[][2] = {
        {"tcp", "6 tcp"}, {"icmp6", "58 icmp6"}, {"47", "47 gre"},
        {"6", "6 tcp"},   {"253", "253"},        {"nonsense", "nonsense"},
    };
    char out[TABLE_CELL];
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(table_proto(cases[i][0], out), cases[i][1]);
}

/* A figure must not look better than it is. */
static void never_rounds_to_all_or_nothing(void **state)
{
    static const struct column seconds = {"s", "s", COLUMN_SECONDS, 0};
    char out[TABLE_CELL];
    static const struct {
        double share;
        const char *text;
    } percents[] = {
        {0, "0.0%"},       {1e-9, "<0.1%"},    {0.00049, "<0.1%"}, {0.0005, "0.1%"},
        {0.9994, "99.9%"}, {0.9999, "99.9+%"}, {1, "100.0%"},
    };
    json_t *row = json_pack("{s:f}", "s", 59.99);
    assert_string_equal(table_cell(row, &seconds, out), "59.9");
    assert_string_equal(table_percent(json_object_get(row, "none"), out), "-");
    json_decref(row);
    for (size_t i = 0; i < COUNT(percents); i++) {
        json_t *share = json_real(percents[i].share);
        assert_string_equal(table_percent(share, out), percents[i].text);
        json_decref(share);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_out_what_does_not_fit),
        cmocka_unit_test(draws_bars_where_there_is_room),
        cmocka_unit_test(shows_rare_figures_where_there_are_any),
        cmocka_unit_test(csv_has_everything),
        cmocka_unit_test(names_services),
        cmocka_unit_test(names_protocols),
        cmocka_unit_test(never_rounds_to_all_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
