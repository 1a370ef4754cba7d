/* SPDX-License-Identifier: Apache-2.0
 *
 * darkscope windows: the list of stored windows.
 */
#include "command.h"
#include "table.h"

static const struct column columns[] = {
    {"start", "start", COLUMN_TEXT, 0},
    {"sensor", "sensor", COLUMN_TEXT, 0},
    {"seconds", "length s", COLUMN_COUNT, 5},
    {"observed_seconds", "observed s", COLUMN_SECONDS, SPARE_IN_TABLES},
    {"coverage", "coverage", COLUMN_SHARE, 0},
    {"parts", "parts", COLUMN_COUNT, 4},
    {"received", "received", COLUMN_COUNT, 0},
    {"counted", "counted", COLUMN_COUNT, 0},
    {"outside", "outside", COLUMN_COUNT, 2},
    {"malformed", "malformed", COLUMN_COUNT, 0},
    {"late", "late", COLUMN_COUNT, 6},
    {"dropped", "dropped", COLUMN_COUNT, 0},
    {"bytes", "bytes", COLUMN_COUNT, 3},
    {"sources", "sources", COLUMN_SOURCES, 1},
    {"sources_peak", "sources peak", COLUMN_COUNT, 7},
};

#define COLUMNS (sizeof columns / sizeof columns[0])

static void print_table(FILE *to, const json_t *answer)
{
    table_print(to, json_object_get(answer, "windows"), columns, COLUMNS);
    table_next(to, answer);
}

const struct command command_windows = {
    .name = "windows",
    .kind = DS_QUERY_WINDOWS,
    .format = FORMAT_TABLE,
    .summary = "the stored windows with their books, oldest first",
    .help = "Usage: darkscope windows [OPTION...]\n\n"
            "  --limit N          rows, 1 to 10000 (default 100); --cursor: where the last\n"
            "                     answer ended, as it says\n"
            "  --from TIME --to TIME   (without: all that is stored)\n"
            "  --tz ZONE          times of a zone such as Asia/Tokyo (without: UTC)\n"
            "  --sensor NAME      one sensor (without: all, a row each)\n\n"
            "received = counted + outside + malformed; late ones are counted, dropped ones were\n"
            "never received. More than one part: the sensor restarted inside the window.\n\n"
            "Example:\n"
            "  darkscope windows --from 2026-01-31T10:00:00Z --limit 60\n",
    .table = print_table,
};
