/* SPDX-License-Identifier: Apache-2.0
 *
 * A series in one line.
 */
#include "table.h"

#define LEVELS      8
#define WIDTH       72 /* where the output has none */
#define LABEL_WIDTH 16

static json_int_t packets_of(const json_t *row)
{
    const json_t *packets = json_object_get(row, "packets");
    return json_is_integer(packets) ? json_integer_value(packets) : -1;
}

static json_int_t most_of(const json_t *rows, size_t from, size_t to)
{
    json_int_t most = -1; /* nobody watched */
    for (size_t i = from; i < to; i++) {
        json_int_t packets = packets_of(json_array_get(rows, i));
        most = packets > most ? packets : most;
    }
    return most;
}

static const char *glyph_of(json_int_t packets, json_int_t most)
{
    static const char *const blocks[] = {"\u2581", "\u2582", "\u2583", "\u2584",
                                         "\u2585", "\u2586", "\u2587", "\u2588"};
    static const char *const plain[] = {"_", ".", ":", "-", "=", "+", "*", "#"};
    if (packets < 0)
        return " ";
    double part = most > 0 ? (double)packets / (double)most : 0;
    int level = (int)(part * LEVELS);
    level = level < LEVELS ? level : LEVELS - 1;
    return table_is_utf8() ? blocks[level] : plain[level];
}

void table_spark(FILE *to, const json_t *rows, size_t part, size_t parts)
{
    char label[TABLE_CELL] = "packets";
    size_t count = json_array_size(rows) / parts, first = part * count;
    int width = table_width(to);
    size_t room = (size_t)(width > 2 * LABEL_WIDTH ? width - LABEL_WIDTH : WIDTH);
    size_t columns = count < room ? count : room;
    json_int_t most = most_of(rows, 0, json_array_size(rows)); /* the series have one scale */
    if (count < 2)
        return;
    if (parts > 1)
        table_port(json_array_get(rows, first), label);
    fprintf(to, "%-*.*s", LABEL_WIDTH - 1, LABEL_WIDTH - 2, label);
    for (size_t i = 0; i < columns; i++)
        fputs(
            glyph_of(most_of(rows, first + i * count / columns, first + (i + 1) * count / columns),
                     most),
            to);
    fputs(part + 1 == parts ? "\n\n" : "\n", to);
}
