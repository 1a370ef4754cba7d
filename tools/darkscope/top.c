/* SPDX-License-Identifier: Apache-2.0
 *
 * darkscope top: the rows with most packets.
 */
#include "command.h"
#include "table.h"

#include <string.h>

static const struct column columns[] = {
    {"rank", "rank", COLUMN_COUNT, 0},
    {"class", "class", COLUMN_TEXT, 0},
    {"port", "port", COLUMN_PORT, 0},
    {"country", "country", COLUMN_TEXT, 0},
    {"type", "type", COLUMN_TEXT, 0},
    {"device", "device", COLUMN_TEXT, 0},
    {"id", "signature", COLUMN_TEXT, 0},
    {"packets", "packets", COLUMN_COUNT, 0},
    {"share", "share", COLUMN_SHARE, 0},
    {"bytes", "bytes", COLUMN_COUNT, 2},
    {"sources", "sources", COLUMN_SOURCES, 3},
    {"sources_peak", "sources peak", COLUMN_COUNT, 1},
    {"sources_share", "of sources", COLUMN_SHARE, 0},
    {"before_rank", "rank before", COLUMN_COUNT, 0},
    {"before_packets", "packets before", COLUMN_COUNT, 5},
    {"before_share", "share before", COLUMN_SHARE, 6},
    {"change", "change", COLUMN_CHANGE, 0},
    {"survey_packets", "by surveys", COLUMN_RARE, 4},
    {"packets", "", COLUMN_BAR, 0},
};

/* Protocols have no port to stand beside. */
static const struct column protocol_columns[] = {
    {"rank", "rank", COLUMN_COUNT, 0},
    {"proto", "protocol", COLUMN_PROTO, 0},
    {"packets", "packets", COLUMN_COUNT, 0},
    {"share", "share", COLUMN_SHARE, 0},
    {"before_rank", "rank before", COLUMN_COUNT, 0},
    {"before_share", "share before", COLUMN_SHARE, 6},
    {"change", "change", COLUMN_CHANGE, 0},
    {"packets", "", COLUMN_BAR, 0},
};

#define COUNT(array) (sizeof array / sizeof array[0])

static bool is_protocols(const json_t *rows)
{
    const json_t *row = json_array_get(rows, 0);
    return json_object_get(row, "proto") && !json_object_get(row, "port");
}

static void print_rest(FILE *to, const json_t *answer)
{
    char packets[TABLE_CELL], share[TABLE_CELL], total[TABLE_CELL];
    const json_t *other = json_object_get(answer, "other");
    const json_t *all = json_object_get(answer, "total");
    fputc('\n', to);
    if (json_is_object(other))
        fprintf(to, "other %s packets (%s), ",
                table_count(json_object_get(other, "packets"), packets),
                table_percent(json_object_get(other, "share"), share));
    fprintf(to, "total %s packets\n", table_count(json_object_get(all, "packets"), total));
}

/* Of the packets, those of the devices with this name or that. */
static const char *share_of(const json_t *rows, const char *one, const char *other,
                            char out[static TABLE_CELL])
{
    double share = 0;
    size_t i;
    const json_t *row;
    json_array_foreach(rows, i, row)
    {
        const char *device = json_string_value(json_object_get(row, "device"));
        if (device && (strcmp(device, one) == 0 || strcmp(device, other) == 0))
            share += json_real_value(json_object_get(row, "share"));
    }
    json_t *sum = json_real(share);
    table_percent(sum, out);
    json_decref(sum);
    return out;
}

/* NICTER's question: who leads, Windows or embedded Linux? */
static void print_leaders(FILE *to, const json_t *rows)
{
    char windows[TABLE_CELL], embedded[TABLE_CELL], either[TABLE_CELL];
    fprintf(to,
            "\nOf the packets: Windows %s, embedded Linux (embedded, linux-old) %s, "
            "Linux that may be either %s\n",
            share_of(rows, "windows", "", windows),
            share_of(rows, "embedded", "linux-old", embedded), share_of(rows, "linux", "", either));
}

static void print_table(FILE *to, const json_t *answer)
{
    char by[TABLE_CELL], order[TABLE_CELL];
    const json_t *rows = json_object_get(answer, "rows");
    fprintf(to, "Top %s by %s\n", table_text(json_object_get(answer, "by"), by),
            table_text(json_object_get(answer, "order"), order));
    table_period(to, answer, json_object_get(answer, "total"));
    table_compare(to, answer);
    if (is_protocols(rows))
        table_print(to, rows, protocol_columns, COUNT(protocol_columns));
    else
        table_print(to, rows, columns, COUNT(columns));
    print_rest(to, answer);
    if (json_object_get(json_array_get(rows, 0), "device"))
        print_leaders(to, rows);
    table_next(to, answer);
}

const struct command command_top = {
    .name = "top",
    .kind = DS_QUERY_TOP,
    .positional = "by",
    .format = FORMAT_TABLE,
    .summary = "the ports, countries, types ... with most packets or sources",
    .help = "Usage: darkscope top [WHAT] [OPTION...]\n\n"
            "WHAT: ports (default), countries, types, classes, protocols, devices, signatures\n\n"
            "  --order ORDER      packets (default) or sources: what most are of\n"
            "  --limit N          rows, 1 to 10000 (default 20); --cursor N: behind the first N\n"
            "  --class CLASS      scan, backscatter or other only\n"
            "  --proto PROTO      tcp, udp, ... only\n"
            "  --port PORT        of one port, such as 23/tcp\n"
            "  --country CC       of one country\n"
            "  --no-survey        without the packets of survey scanners; --survey only: theirs\n"
            "  --from TIME --to TIME   (without: all that is stored)\n"
            "  --tz ZONE          times of a zone such as Asia/Tokyo (without: UTC)\n"
            "  --compare PERIOD   previous (as long, right before), year-ago, or FROM/TO\n"
            "  --sensor NAME      one sensor (without: all together)\n\n"
            "A row of ports is a (class, protocol, port). Rows and `other` add up to the total.\n"
            "Signatures are independent marks: a packet may carry several or none.\n\n"
            "Examples:\n"
            "  darkscope top ports --class scan --limit 10\n"
            "  darkscope top countries --port 23/tcp --from 2026-01-01 --to 2026-02-01\n"
            "  darkscope top ports --no-survey\n"
            "  darkscope top ports --from yesterday --to today --compare previous\n"
            "  darkscope top types --format csv\n",
    .table = print_table,
};
