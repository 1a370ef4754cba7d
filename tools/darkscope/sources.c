/* SPDX-License-Identifier: Apache-2.0
 *
 * darkscope sources: the sources with most packets.
 */
#include "command.h"
#include "table.h"

static const struct column columns[] = {
    {"rank", "rank", COLUMN_COUNT, 0},
    {"source", "source", COLUMN_TEXT, 0},
    {"country", "country", COLUMN_TEXT, 0},
    {"asn", "AS", COLUMN_NUMBER, 5},
    {"packets", "packets", COLUMN_COUNT, 0},
    {"share", "share", COLUMN_SHARE, 0},
    {"ports_peak", "ports peak", COLUMN_COUNT, 1},
    {"survey", "survey", COLUMN_TEXT, 0},
    {"device", "device", COLUMN_TEXT, 2},
    {"classes", "classes", COLUMN_LIST, 7},
    {"confirmed", "signatures", COLUMN_LIST, 4},
    {"windows", "windows", COLUMN_COUNT, 6},
    {"first", "first seen", COLUMN_TEXT, 8},
    {"last", "last seen", COLUMN_TEXT, 3},
};

#define COLUMNS (sizeof columns / sizeof columns[0])

static void print_table(FILE *to, const json_t *answer)
{
    char other[TABLE_CELL], total[TABLE_CELL];
    const json_t *all = json_object_get(answer, "total");
    fputs("Top sources by packets\n", to);
    table_period(to, answer, all);
    table_print(to, json_object_get(answer, "rows"), columns, COLUMNS);
    fprintf(to, "\nother %s packets, total %s packets\n",
            table_count(json_object_get(json_object_get(answer, "other"), "packets"), other),
            table_count(json_object_get(all, "packets"), total));
    json_int_t gone = json_integer_value(json_object_get(answer, "windows_gone"));
    if (gone > 0)
        fprintf(to,
                "Of %" JSON_INTEGER_FORMAT
                " windows the sources are no longer kept: take a later time.\n",
                gone);
    else if (json_is_false(json_object_get(answer, "complete")))
        fputs("There were more sources than can be added up: take a shorter period.\n", to);
    table_next(to, answer);
}

const struct command command_sources = {
    .name = "sources",
    .kind = DS_QUERY_SOURCES,
    .format = FORMAT_TABLE,
    .summary = "the sources with most packets, with network, ports and signatures",
    .help = "Usage: darkscope sources [OPTION...]\n\n"
            "  --limit N          rows, 1 to 10000 (default 20); --cursor N: behind the first N\n"
            "  --country CC       of one country\n"
            "  --survey PART      all, no (without survey scanners) or only (they alone);\n"
            "                     --no-survey is --survey no\n"
            "  --from TIME --to TIME   (without: all that is stored)\n"
            "  --tz ZONE          times of a zone such as Asia/Tokyo (without: UTC)\n"
            "  --sensor NAME      one sensor (without: all together)\n\n"
            "Added up from the sources that each window lists; what no window lists is in\n"
            "`other`. Ports cannot be added up: the most in one window are shown. Signatures are\n"
            "those that two packets of one window carried.\n\n"
            "Examples:\n"
            "  darkscope sources --from today --limit 50\n"
            "  darkscope sources --survey only\n",
    .table = print_table,
};
