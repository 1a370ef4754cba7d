/* SPDX-License-Identifier: Apache-2.0
 *
 * darkscope query: a series.
 */
#include "command.h"
#include "table.h"

#include <string.h>

static const struct column columns[] = {
    {"start", "start (UTC)", COLUMN_TEXT, 0},
    {"packets", "packets", COLUMN_COUNT, 0},
    {"bytes", "bytes", COLUMN_COUNT, 2},
    {"sources", "sources", COLUMN_COUNT, 3},
    {"sources_peak", "sources peak", COLUMN_COUNT, 1},
    {"survey_packets", "by surveys", COLUMN_RARE, 4},
    {"observed_seconds", "observed s", COLUMN_SECONDS, SPARE_IN_TABLES},
    {"coverage", "coverage", COLUMN_SHARE, 0},
    {"packets", "", COLUMN_BAR, 0},
};

#define COLUMNS (sizeof columns / sizeof columns[0])

/* "packets of class scan, port 23/tcp, country CN". */
static void print_title(FILE *to, const json_t *answer)
{
    static const char *const keys[] = {"class", "country", "type", "signature"};
    char text[TABLE_CELL];
    const json_t *filter = json_object_get(answer, "filter");
    const json_t *port = json_object_get(filter, "port"), *proto = json_object_get(filter, "proto");
    const char *comma = " ";
    fputs(json_object_size(filter) > 0 ? "Packets of" : "All counted packets", to);
    if (port)
        fprintf(to, " port %s", table_port(filter, text));
    else if (proto)
        fprintf(to, " protocol %s", table_text(proto, text));
    if (proto)
        comma = ", ";
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const json_t *value = json_object_get(filter, keys[i]);
        if (!value)
            continue;
        fprintf(to, "%s%s %s", comma, keys[i], table_text(value, text));
        comma = ", ";
    }
    fprintf(to, ", a row each %" JSON_INTEGER_FORMAT " s\n",
            json_integer_value(json_object_get(answer, "step")));
}

static void print_table(FILE *to, const json_t *answer)
{
    char packets[TABLE_CELL], bytes[TABLE_CELL];
    const json_t *total = json_object_get(answer, "total");
    print_title(to, answer);
    table_period(to, answer, total);
    table_print(to, json_object_get(answer, "points"), columns, COLUMNS);
    fprintf(to, "\ntotal %s packets", table_count(json_object_get(total, "packets"), packets));
    if (json_object_get(total, "bytes"))
        fprintf(to, ", %s bytes", table_count(json_object_get(total, "bytes"), bytes));
    fputc('\n', to);
}

static void print_csv(FILE *to, const json_t *answer)
{
    csv_print(to, json_object_get(answer, "points"), columns, COLUMNS);
}

const struct command command_query = {
    .name = "query",
    .kind = DS_QUERY_SERIES,
    .format = FORMAT_TABLE,
    .summary = "a port's, a country's, a class's ... figures over time",
    .help = "Usage: darkscope query [OPTION...]\n\n"
            "What (together, but for type and signature; none: all counted packets):\n"
            "  --port PORT        service port: 23/tcp, 53/udp; ICMP type and code: 8/0/icmp\n"
            "  --proto PROTO      tcp, udp, icmp, icmp6 or a number\n"
            "  --country CC       of the packets' sources; ?? unknown\n"
            "  --class CLASS      scan, backscatter, other. With scan a port is the one knocked\n"
            "                     at, with backscatter the service that was attacked\n"
            "  --type TYPE        tcp_syn, tcp_synack, udp, ...\n"
            "  --signature NAME   mirai, masscan, zmap, ...\n"
            "When:\n"
            "  --no-survey        without the packets of survey scanners; --survey only: theirs\n"
            "  --from TIME --to TIME   (without: all that is stored)\n"
            "  --step STEP        auto, window, minute, hour, day, or a duration such as 5m\n"
            "Where:\n"
            "  --sensor NAME      one sensor (without: all together)\n\n"
            "Unique sources do not add: `sources` stands only where a row's packets came in one\n"
            "window of one sensor; `sources peak` is the most in one such window.\n\n"
            "Examples:\n"
            "  darkscope query --port 23/tcp --class scan --step hour\n"
            "  darkscope query --country CN --from 2026-01-01 --to 2026-01-08 --step day\n"
            "  darkscope query --signature mirai --format csv > mirai.csv\n",
    .table = print_table,
    .csv = print_csv,
};
