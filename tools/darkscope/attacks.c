/* SPDX-License-Identifier: Apache-2.0
 *
 * darkscope attacks: who was attacked with spoofed sources.
 */
#include "command.h"
#include "table.h"

static const struct column columns[] = {
    {"start", "start", COLUMN_TEXT, 0},
    {"last", "last", COLUMN_TEXT, 5},
    {"duration_seconds", "seconds", COLUMN_SECONDS, 0},
    {"victim", "victim", COLUMN_TEXT, 0},
    {"country", "country", COLUMN_TEXT, 0},
    {"port", "service", COLUMN_PORT, 0},
    {"ports_peak", "ports", COLUMN_COUNT, 4},
    {"attack_ports_peak", "attack ports", COLUMN_COUNT, 7},
    {"addresses_peak", "addresses", COLUMN_COUNT, 3},
    {"packets", "packets", COLUMN_COUNT, 0},
    {"bytes", "bytes", COLUMN_COUNT, 6},
    {"max_ppm", "max/minute", COLUMN_COUNT, 0},
    {"mismatches", "mismatches", COLUMN_RARE, 8},
    {"period_packets", "in the period", COLUMN_COUNT, SPARE_IN_TABLES},
    {"period_bytes", "bytes in it", COLUMN_COUNT, SPARE_IN_TABLES},
    {"windows", "windows", COLUMN_COUNT, 9},
    {"sensor", "sensor", COLUMN_TEXT, 2},
};

#define COLUMNS (sizeof columns / sizeof columns[0])

static void print_table(FILE *to, const json_t *answer)
{
    char lost[TABLE_CELL];
    const json_t *overflow = json_object_get(answer, "overflow");
    table_period(to, answer, answer);
    fputs("\n", to);
    table_print(to, json_object_get(answer, "attacks"), columns, COLUMNS);
    table_next(to, answer);
    if (json_integer_value(overflow) != 0)
        fprintf(to, "\nThe sensors' tables had no room for %s packets: attacks may be missing.\n",
                table_count(overflow, lost));
}

const struct command command_attacks = {
    .name = "attacks",
    .kind = DS_QUERY_ATTACKS,
    .format = FORMAT_TABLE,
    .summary = "victims of attacks with spoofed sources, by packets",
    .help = "Usage: darkscope attacks [OPTION...]\n\n"
            "  --limit N          rows, 1 to 10000 (default 100); --cursor: where the last\n"
            "                     answer ended, as it says\n"
            "  --country CC       of the victims\n"
            "  --from TIME --to TIME   (without: all that is stored)\n"
            "  --tz ZONE          times of a zone such as Asia/Tokyo (without: UTC)\n"
            "  --sensor NAME      one sensor (without: all, a row each)\n\n"
            "Attacks that a window of the period saw. Seen by what victims send back to the\n"
            "darknet: 25 packets, 60 seconds, 30 packets in a minute at least. Ports and\n"
            "addresses are the most in one window; the rest is of the whole attack, as far as\n"
            "the last of these windows knew it.\n\n"
            "Example:\n"
            "  darkscope attacks --from 2026-01-31 --to 2026-02-01 --limit 20\n",
    .table = print_table,
};
