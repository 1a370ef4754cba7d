/* SPDX-License-Identifier: Apache-2.0
 *
 * darkscope seen: when ports and signatures were first and last seen.
 */
#include "command.h"
#include "table.h"

static const struct column columns[] = {
    {"first", "first seen", COLUMN_TEXT, 0}, {"last", "last seen", COLUMN_TEXT, 0},
    {"class", "class", COLUMN_TEXT, 0},      {"port", "port", COLUMN_PORT, 0},
    {"id", "signature", COLUMN_TEXT, 0},
};

static void print_table(FILE *to, const json_t *answer)
{
    char by[TABLE_CELL], from[TABLE_CELL], end[TABLE_CELL];
    fprintf(to, "The %s first seen from %s to %s\n\n",
            table_text(json_object_get(answer, "by"), by),
            table_text(json_object_get(answer, "from"), from),
            table_text(json_object_get(answer, "to"), end));
    table_print(to, json_object_get(answer, "rows"), columns, sizeof columns / sizeof columns[0]);
    table_next(to, answer);
}

const struct command command_seen = {
    .name = "seen",
    .kind = DS_QUERY_SEEN,
    .positional = "by",
    .format = FORMAT_TABLE,
    .summary = "when ports and signatures were first seen",
    .help = "Usage: darkscope seen [WHAT] [OPTION...]\n\n"
            "WHAT: ports (default) or signatures\n\n"
            "  --port PORT        of one port, such as 23/tcp\n"
            "  --proto PROTO      tcp, udp, ... only\n"
            "  --class CLASS      scan, backscatter or other only\n"
            "  --signature NAME   of one signature\n"
            "  --limit N          rows, 1 to 10000 (default 100); --cursor N: behind the first N\n"
            "  --from TIME --to TIME   first seen in that time (without: ever)\n"
            "  --tz ZONE          times of a zone such as Asia/Tokyo\n"
            "  --sensor NAME      by one sensor (without: by any)\n\n"
            "The start of the first and of the last window that had such a packet, over the whole\n"
            "life of the store, also where the window itself is no longer kept.\n\n"
            "Examples:\n"
            "  darkscope seen ports --from today          ports that nobody had knocked at before\n"
            "  darkscope seen signatures\n"
            "  darkscope seen --port 23/tcp\n",
    .table = print_table,
};
