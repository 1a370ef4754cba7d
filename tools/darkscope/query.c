/* SPDX-License-Identifier: Apache-2.0
 *
 * darkscope query: a series.
 */
#include "command.h"
#include "table.h"

#include <string.h>

static const struct column columns[] = {
    {"start", "start", COLUMN_TEXT, 0},
    {"port", "port", COLUMN_PORT, 0},
    {"packets", "packets", COLUMN_COUNT, 0},
    {"bytes", "bytes", COLUMN_COUNT, 2},
    {"sources", "sources", COLUMN_SOURCES, 3},
    {"sources_peak", "sources peak", COLUMN_COUNT, 1},
    {"survey_packets", "by surveys", COLUMN_RARE, 4},
    {"observed_seconds", "observed s", COLUMN_SECONDS, SPARE_IN_TABLES},
    {"coverage", "coverage", COLUMN_SHARE, 0},
    {"before_start", "before", COLUMN_TEXT, SPARE_IN_TABLES},
    {"before_packets", "packets before", COLUMN_COUNT, 0},
    {"before_coverage", "coverage before", COLUMN_SHARE, 5},
    {"change", "change", COLUMN_CHANGE, 0},
    {"packets", "", COLUMN_BAR, 0},
};

#define COLUMNS (sizeof columns / sizeof columns[0])

/* "Packets of port 23/tcp, class scan, without survey scanners". */
static void print_title(FILE *to, const json_t *answer)
{
    static const char *const keys[] = {"class", "country", "type", "signature"};
    char text[TABLE_CELL];
    const json_t *filter = json_object_get(answer, "filter");
    const json_t *port = json_object_get(filter, "port"), *proto = json_object_get(filter, "proto"),
                 *ports = json_object_get(filter, "ports"), *one;
    const char *comma = " ", *survey = json_string_value(json_object_get(filter, "survey"));
    size_t i;
    fputs(json_object_size(filter) > 0 ? "Packets of" : "All counted packets", to);
    json_array_foreach(ports, i, one)
    {
        fprintf(to, "%s%s", i ? ", " : " ports ", table_port(one, text));
        comma = ", ";
    }
    if (port)
        fprintf(to, " port %s", table_port(filter, text));
    else if (proto)
        fprintf(to, " protocol %s", table_text(proto, text));
    if (proto)
        comma = ", ";
    for (i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const json_t *value = json_object_get(filter, keys[i]);
        if (!value)
            continue;
        fprintf(to, "%s%s %s", comma, keys[i], table_text(value, text));
        comma = ", ";
    }
    if (survey)
        fprintf(to, "%s%s", comma,
                strcmp(survey, "no") == 0 ? "all but survey scanners" : "survey scanners alone");
    fprintf(to, ", a row each %s\n", table_text(json_object_get(answer, "step"), text));
}

static void print_total(FILE *to, const json_t *total)
{
    static const struct column sources = {"sources", "", COLUMN_SOURCES, 0};
    char text[TABLE_CELL];
    const json_t *bytes = json_object_get(total, "bytes");
    if (json_object_get(total, "port"))
        fprintf(to, "%s: ", table_port(total, text));
    fprintf(to, "total %s packets", table_count(json_object_get(total, "packets"), text));
    if (bytes)
        fprintf(to, ", %s bytes", table_count(bytes, text));
    if (json_is_integer(json_object_get(total, "sources")))
        fprintf(to, ", %s sources", table_cell(total, &sources, text));
    fputc('\n', to);
}

static void print_table(FILE *to, const json_t *answer)
{
    const json_t *points = json_object_get(answer, "points");
    const json_t *total = json_object_get(answer, "total");
    const json_t *totals = json_object_get(answer, "totals"), *row;
    size_t i, series = totals ? json_array_size(totals) : 1;
    print_title(to, answer);
    table_period(to, answer, total ? total : json_array_get(totals, 0));
    table_compare(to, answer);
    for (i = 0; i < series; i++)
        table_spark(to, points, i, series);
    table_print(to, points, columns, COLUMNS);
    fputc('\n', to);
    if (total)
        print_total(to, total);
    json_array_foreach(totals, i, row) print_total(to, row);
}

const struct command command_query = {
    .name = "query",
    .kind = DS_QUERY_SERIES,
    .format = FORMAT_TABLE,
    .summary = "a port's, a country's, a class's ... figures over time",
    .help =
        "Usage: darkscope query [OPTION...]\n\n"
        "What (together, but for type and signature; none: all counted packets):\n"
        "  --port PORT        service port: 23/tcp, 53/udp; ICMP type and code: 8/0/icmp;\n"
        "                     several with commas between them: a series of each\n"
        "  --proto PROTO      tcp, udp, icmp, icmp6 or a number\n"
        "  --country CC       of the packets' sources; ?? unknown\n"
        "  --class CLASS      scan, backscatter, other. With scan a port is the one knocked\n"
        "                     at, with backscatter the service that was attacked\n"
        "  --type TYPE        tcp_syn, tcp_synack, udp, ...\n"
        "  --signature NAME   mirai, masscan, zmap, ...\n"
        "When:\n"
        "  --no-survey        without the packets of survey scanners; --survey only: theirs\n"
        "  --from TIME --to TIME   (without: all that is stored)\n"
        "  --tz ZONE          days and times of a zone such as Asia/Tokyo (without: UTC)\n"
        "  --step STEP        auto, window, minute, hour, day, week, month, year, or a\n"
        "                     duration such as 5m\n"
        "  --compare PERIOD   previous (as long, right before), year-ago, or FROM/TO\n"
        "Where:\n"
        "  --sensor NAME      one sensor (without: all together)\n\n"
        "Unique sources do not add: `sources` is exact where a row's packets came in one window\n"
        "of one sensor, estimated where it has a ~, else not known; `sources peak` is the most\n"
        "in one such window.\n\n"
        "Examples:\n"
        "  darkscope query --port 23/tcp --class scan --step hour\n"
        "  darkscope query --country CN --from 2026-01-01 --to 2026-01-08 --step day\n"
        "  darkscope query --port 23/tcp,2323/tcp --step day --tz Asia/Tokyo --compare previous\n"
        "  darkscope query --signature mirai --format csv > mirai.csv\n",
    .table = print_table,
};
