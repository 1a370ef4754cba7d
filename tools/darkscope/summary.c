/* SPDX-License-Identifier: Apache-2.0
 *
 * darkscope summary: everything added up; and darkscope window, which has the same names for one
 * window with complete tables.
 */
#include "command.h"
#include "table.h"

#include <string.h>

#define ROWS_SHOWN 20 /* of a complete table, to a person */

/* The figures of a map under a title; of some, only those that are not 0. */
static void print_map(FILE *to, const json_t *answer, const char *key, const char *title,
                      bool zeros)
{
    char count[TABLE_CELL], proto[TABLE_CELL];
    bool is_protocols = strcmp(key, "protocols") == 0;
    const char *name;
    json_t *value;
    const json_t *map = json_object_get(answer, key);
    json_object_foreach((json_t *)map, name, value)
    {
        if (!json_is_integer(value) || (json_integer_value(value) == 0 && !zeros))
            continue;
        if (title)
            fprintf(to, "\n%s\n", title);
        title = NULL;
        fprintf(to, "  %-18.40s %18s\n", is_protocols ? table_proto(name, proto) : name,
                table_count(value, count));
    }
}

static const struct column port_columns[] = {
    {"class", "class", COLUMN_TEXT, 0},
    {"port", "port", COLUMN_PORT, 0},
    {"packets", "packets", COLUMN_COUNT, 0},
    {"bytes", "bytes", COLUMN_COUNT, 2},
    {"sources", "sources", COLUMN_SOURCES, 3},
    {"sources_peak", "sources peak", COLUMN_COUNT, 1},
    {"survey_packets", "by surveys", COLUMN_RARE, 4},
    {"packets", "", COLUMN_BAR, 0},
};

static const struct column named_columns[] = {
    {"class", "class", COLUMN_TEXT, 0},
    {"country", "country", COLUMN_TEXT, 0},
    {"device", "device", COLUMN_TEXT, 0},
    {"id", "signature", COLUMN_TEXT, 0},
    {"packets", "packets", COLUMN_COUNT, 0},
    {"bytes", "bytes", COLUMN_COUNT, 2},
    {"sources", "sources", COLUMN_SOURCES, 3},
    {"sources_peak", "sources peak", COLUMN_COUNT, 1},
    {"confirmed_sources", "confirmed", COLUMN_COUNT, 0},
    {"packets", "", COLUMN_BAR, 0},
};

static const struct column device_columns[] = {
    {"country", "country", COLUMN_TEXT, 0},
    {"device", "device", COLUMN_TEXT, 0},
    {"packets", "packets", COLUMN_COUNT, 0},
    {"share", "share", COLUMN_SHARE, 0},
    {"sources", "sources", COLUMN_SOURCES, 3},
    {"sources_peak", "sources peak", COLUMN_COUNT, 1},
    {"packets", "", COLUMN_BAR, 0},
};

#define COUNT(array) (sizeof array / sizeof array[0])

/* Rows of an array, at most ROWS_SHOWN; the caller releases them. */
static json_t *first_rows(const json_t *all)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < json_array_size(all) && i < ROWS_SHOWN; i++)
        json_array_append(rows, json_array_get(all, i));
    return rows;
}

/* {"scan": {...}} as rows with the key in them. */
static json_t *class_rows(const json_t *answer)
{
    const char *name;
    json_t *tally, *rows = json_array();
    json_object_foreach(json_object_get(answer, "classes"), name, tally)
    {
        json_t *row = json_pack("{s:s}", "class", name);
        json_object_update(row, tally);
        json_array_append_new(rows, row);
    }
    return rows;
}

static void print_rows(FILE *to, json_t *rows, const char *title, const struct column *columns,
                       size_t count)
{
    if (json_array_size(rows) > 0) {
        fprintf(to, "\n%s\n", title);
        table_print(to, rows, columns, count);
    }
    json_decref(rows);
}

static void print_scalars(FILE *to, const json_t *answer)
{
    static const char *const keys[][2] = {
        {"bytes", "bytes"},
        {"sources_peak", "sources peak"},
        {"destinations", "destinations"},
        {"addresses", "addresses"},
        {"windows", "windows"},
        {"split_windows", "split windows"},
    };
    static const struct column sources = {"sources", "sources", COLUMN_SOURCES, 0};
    char text[TABLE_CELL];
    fprintf(to, "%-20s %18s\n", "sources", table_cell(answer, &sources, text));
    for (size_t i = 0; i < COUNT(keys); i++) {
        const json_t *value = json_object_get(answer, keys[i][0]);
        if (value)
            fprintf(to, "%-20s %18s\n", keys[i][1], table_count(value, text));
    }
    size_t i;
    json_t *name;
    json_array_foreach(json_object_get(answer, "country_dbs"), i, name)
        fprintf(to, "country database   %s\n", table_text(name, text));
}

static void print_body(FILE *to, const json_t *answer)
{
    print_scalars(to, answer);
    print_map(to, answer, "packets", "Packets", true);
    print_map(to, answer, "malformed", "Malformed, by reason", false);
    print_map(to, answer, "overflow", "Beyond the tables' bounds", false);
    print_map(to, answer, "types", "Types", true);
    print_map(to, answer, "protocols", "IP protocols", false);
    print_rows(to, class_rows(answer), "Classes", named_columns, COUNT(named_columns));
    print_rows(to, first_rows(json_object_get(answer, "ports")), "Top ports", port_columns,
               COUNT(port_columns));
    print_rows(to, first_rows(json_object_get(answer, "countries")), "Top countries", named_columns,
               COUNT(named_columns));
    print_rows(to, first_rows(json_object_get(answer, "devices")), "Devices", device_columns,
               COUNT(device_columns));
    print_rows(to, first_rows(json_object_get(answer, "signatures")), "Signatures", named_columns,
               COUNT(named_columns));
}

static void print_summary(FILE *to, const json_t *answer)
{
    fputs("Summary\n", to);
    table_period(to, answer, answer);
    print_body(to, answer);
}

static void print_window(FILE *to, const json_t *answer)
{
    char start[TABLE_CELL], percent[TABLE_CELL];
    fprintf(to, "Window of %s, %" JSON_INTEGER_FORMAT " s, coverage %s\n\n",
            table_text(json_object_get(answer, "start"), start),
            json_integer_value(json_object_get(answer, "seconds")),
            table_percent(json_object_get(answer, "coverage"), percent));
    print_body(to, answer);
}

const struct command command_summary = {
    .name = "summary",
    .kind = DS_QUERY_SUMMARY,
    .format = FORMAT_TABLE,
    .summary = "all figures of a period added up, with what was lost",
    .help = "Usage: darkscope summary [OPTION...]\n\n"
            "  --from TIME --to TIME   (without: all that is stored)\n"
            "  --tz ZONE          times of a zone such as Asia/Tokyo (without: UTC)\n"
            "  --sensor NAME      one sensor (without: all together)\n"
            "  --limit N          rows of each top table (default 5)\n\n"
            "Examples:\n"
            "  darkscope summary --from 2026-01-01 --to 2026-02-01\n"
            "  darkscope summary --sensor tokyo-1 --format json\n",
    .table = print_summary,
};

const struct command command_window = {
    .name = "window",
    .kind = DS_QUERY_WINDOW,
    .positional = "at",
    .format = FORMAT_JSON,
    .summary = "one window as JSON, with complete tables",
    .help = "Usage: darkscope window --at TIME [OPTION...]\n\n"
            "  --at TIME          when the window starts (`darkscope windows` lists them)\n"
            "  --sensor NAME      one sensor (without: all, merged into one window)\n\n"
            "Prints the JSON that `darkscope-sensor --json` prints. Of several sensors, or of a\n"
            "sensor that restarted, unique sources are not known: null, with the largest count\n"
            "beside it as sources_peak.\n\n"
            "Example:\n"
            "  darkscope window --at 2026-01-31T10:20:00Z --sensor tokyo-1\n",
    .table = print_window,
};
