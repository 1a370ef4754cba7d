/* SPDX-License-Identifier: Apache-2.0
 *
 * darkscope sensors: who sent windows.
 */
#include "command.h"
#include "table.h"

static const struct column columns[] = {
    {"sensor", "sensor", COLUMN_TEXT, 0},
    {"first", "first window", COLUMN_TEXT, 3},
    {"end", "end of last", COLUMN_TEXT, 0},
    {"last_received", "last received", COLUMN_TEXT, 1},
    {"windows", "windows", COLUMN_COUNT, 2},
    {"window_seconds", "of s", COLUMN_COUNT, 4},
    {"observed_seconds", "observed s", COLUMN_SECONDS, SPARE_IN_TABLES},
    {"coverage", "coverage", COLUMN_SHARE, 0},
    {"received", "received", COLUMN_COUNT, 2},
    {"counted", "counted", COLUMN_COUNT, 0},
    {"dropped", "dropped", COLUMN_COUNT, 0},
};

#define COLUMNS (sizeof columns / sizeof columns[0])

static void print_table(FILE *to, const json_t *answer)
{
    table_print(to, json_object_get(answer, "sensors"), columns, COLUMNS);
}

const struct command command_sensors = {
    .name = "sensors",
    .kind = DS_QUERY_SENSORS,
    .format = FORMAT_TABLE,
    .summary = "the sensors, since when, how much of the time they watched",
    .help = "Usage: darkscope sensors\n\n"
            "Over the whole life of the store. Coverage is the time watched between the first\n"
            "window and the last; dropped packets never reached the sensor's counters.\n\n"
            "Example:\n"
            "  darkscope sensors --store /var/lib/darkscope\n",
    .table = print_table,
};
