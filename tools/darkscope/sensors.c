/* SPDX-License-Identifier: Apache-2.0
 *
 * darkscope sensors: who sent windows.
 */
#include "command.h"
#include "table.h"

static const struct column columns[] = {
    {"sensor", "sensor", COLUMN_TEXT},
    {"first", "first window", COLUMN_TEXT},
    {"end", "end of last", COLUMN_TEXT},
    {"last_received", "last received", COLUMN_TEXT},
    {"windows", "windows", COLUMN_COUNT},
    {"window_seconds", "of s", COLUMN_COUNT},
    {"observed_seconds", "observed s", COLUMN_SECONDS},
    {"coverage", "coverage", COLUMN_SHARE},
    {"received", "received", COLUMN_COUNT},
    {"counted", "counted", COLUMN_COUNT},
    {"dropped", "dropped", COLUMN_COUNT},
};

#define COLUMNS (sizeof columns / sizeof columns[0])

static void print_table(FILE *to, const json_t *answer)
{
    table_print(to, json_object_get(answer, "sensors"), columns, COLUMNS);
}

static void print_csv(FILE *to, const json_t *answer)
{
    csv_print(to, json_object_get(answer, "sensors"), columns, COLUMNS);
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
    .csv = print_csv,
};
