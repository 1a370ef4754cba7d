/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows laid out for a person, in the width that there is, and rows as CSV, always whole.
 */
#include "table.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define COLUMNS_MAX   24
#define GAP           2
#define BAR_WIDTH     24
#define BAR_WIDTH_MIN 8

/* How a column is laid out; width 0: it is left out. */
struct layout {
    int width[COLUMNS_MAX];
    int left_out;    /* columns, for want of room */
    json_int_t most; /* of the bar's count */
};

static int cell_width(const json_t *row, const struct column *column)
{
    char cell[TABLE_CELL];
    return json_object_get(row, column->key) ? (int)strlen(table_cell(row, column, cell)) : 0;
}

/* A column that the rows have no figure for is left out. */
static void measure(struct layout *l, const json_t *rows, const struct column *columns,
                    size_t count)
{
    size_t r;
    json_t *row;
    for (size_t c = 0; c < count; c++) {
        bool is_shown = false;
        int width = (int)strlen(columns[c].title);
        json_array_foreach(rows, r, row)
        {
            json_t *value = json_object_get(row, columns[c].key);
            int cell = cell_width(row, &columns[c]);
            width = cell > width ? cell : width;
            is_shown |= value && (columns[c].kind != COLUMN_RARE || json_integer_value(value) != 0);
            if (columns[c].kind == COLUMN_BAR && json_integer_value(value) > l->most)
                l->most = json_integer_value(value);
        }
        if (is_shown && columns[c].kind != COLUMN_BAR && columns[c].spare != SPARE_IN_TABLES)
            l->width[c] = width;
    }
}

/* Of the columns shown; the bar stands apart. */
static int total_width(const struct layout *l, size_t count)
{
    int total = -GAP;
    for (size_t c = 0; c < count; c++)
        if (l->width[c] > 0)
            total += l->width[c] + GAP;
    return total;
}

/* Leaves out what can be spared, first the most, until the rest fits into width (0: any). */
static void fit(struct layout *l, const struct column *columns, size_t count, int width)
{
    for (int spare = SPARE_IN_TABLES - 1; width > 0 && spare > 0; spare--)
        for (size_t c = 0; c < count && total_width(l, count) > width; c++)
            if (columns[c].spare == spare && l->width[c] > 0) {
                l->width[c] = 0;
                l->left_out++;
            }
    int room = width - total_width(l, count) - GAP;
    if (count > 0 && columns[count - 1].kind == COLUMN_BAR && room >= BAR_WIDTH_MIN)
        l->width[count - 1] = room < BAR_WIDTH ? room : BAR_WIDTH;
}

bool table_is_utf8(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

int table_width(FILE *to)
{
    const char *columns = getenv("COLUMNS");
    int width = columns ? atoi(columns) : 0;
    struct winsize size;
    if (width > 0)
        return width;
    return ioctl(fileno(to), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static void print_bar(FILE *to, const json_t *value, json_int_t most, int width, int blanks)
{
    const char *glyph = table_is_utf8() ? "\u2588" : "#";
    double part = most > 0 ? (double)json_integer_value(value) / (double)most : 0;
    int length = (int)(part * width + 0.5);
    if (length > 0)
        fprintf(to, "%*s", blanks, "");
    for (int i = 0; i < length; i++)
        fputs(glyph, to);
}

static bool is_left(enum column_kind kind)
{
    return kind == COLUMN_TEXT || kind == COLUMN_LIST || kind == COLUMN_PORT ||
           kind == COLUMN_PROTO;
}

/* No blanks at the end of the line: it may be as wide as the terminal. */
static void print_row(FILE *to, const struct layout *l, const json_t *row,
                      const struct column *columns, size_t count)
{
    char cell[TABLE_CELL];
    int blanks = 0;
    for (size_t c = 0; c < count; c++) {
        int width = l->width[c];
        if (width == 0)
            continue;
        if (columns[c].kind == COLUMN_BAR) {
            if (row)
                print_bar(to, json_object_get(row, columns[c].key), l->most, width, blanks);
            break;
        }
        const char *text = row ? table_cell(row, &columns[c], cell) : columns[c].title;
        int rest = width - (int)strlen(text);
        bool left = is_left(columns[c].kind);
        fprintf(to, "%*s%s", blanks + (left ? 0 : rest), "", text);
        blanks = GAP + (left ? rest : 0);
    }
    fputc('\n', to);
}

static void print_left_out(FILE *to, const struct layout *l, int width)
{
    if (l->left_out > 0)
        fprintf(to, "(%d column%s left out to fit %d characters; --format csv has all)\n",
                l->left_out, l->left_out == 1 ? "" : "s", width);
}

void table_print(FILE *to, const json_t *rows, const struct column *columns, size_t count)
{
    struct layout l = {0};
    size_t r;
    json_t *row;
    if (json_array_size(rows) == 0) {
        fputs("(nothing)\n", to);
        return;
    }
    int width = table_width(to);
    measure(&l, rows, columns, count);
    fit(&l, columns, count, width);
    print_row(to, &l, NULL, columns, count);
    json_array_foreach(rows, r, row) print_row(to, &l, row, columns, count);
    print_left_out(to, &l, width);
}

void table_period(FILE *to, const json_t *answer, const json_t *coverage)
{
    char from[TABLE_CELL], end[TABLE_CELL], sensor[TABLE_CELL], percent[TABLE_CELL];
    const json_t *name = json_object_get(answer, "sensor");
    json_int_t sensors = json_integer_value(json_object_get(answer, "sensors"));
    fprintf(to, "%s to %s, ", table_text(json_object_get(answer, "from"), from),
            table_text(json_object_get(answer, "to"), end));
    if (json_is_string(name))
        fprintf(to, "sensor %s", table_text(name, sensor));
    else
        fprintf(to, "%" JSON_INTEGER_FORMAT " sensor%s", sensors, sensors == 1 ? "" : "s");
    fprintf(to, ", coverage %s\n\n", table_percent(json_object_get(coverage, "coverage"), percent));
}

void table_compare(FILE *to, const json_t *answer)
{
    char from[TABLE_CELL], end[TABLE_CELL], percent[TABLE_CELL];
    const json_t *with = json_object_get(answer, "compare");
    if (with)
        fprintf(to, "Compared with %s to %s, coverage %s\n\n",
                table_text(json_object_get(with, "from"), from),
                table_text(json_object_get(with, "to"), end),
                table_percent(json_object_get(with, "coverage"), percent));
}

void table_next(FILE *to, const json_t *answer)
{
    const char *next = json_string_value(json_object_get(answer, "next"));
    const char *cursor = next ? strstr(next, "cursor=") : NULL;
    char text[TABLE_CELL];
    if (!cursor)
        return;
    json_t *value = json_string(cursor + strlen("cursor="));
    fprintf(to, "\nThere are more: raise --limit, or go on with --cursor %s\n",
            table_text(value, text));
    json_decref(value);
}

/* ---- CSV ---- */

static void csv_text(FILE *to, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, to);
        return;
    }
    fputc('"', to);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', to);
        fputc(*text, to);
    }
    fputc('"', to);
}

void csv_field(FILE *to, const json_t *value)
{
    if (json_is_string(value))
        csv_text(to, json_string_value(value));
    else if (json_is_integer(value))
        fprintf(to, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        fprintf(to, "%.15g", json_real_value(value));
    else if (json_array_size(value) > 0)
        csv_text(to, table_list(value, (char[TABLE_CELL]){0}));
}

static bool is_used(const json_t *rows, const struct column *column)
{
    size_t r;
    json_t *row;
    json_array_foreach(rows, r, row)
    {
        if (json_object_get(row, column->key))
            return column->kind != COLUMN_BAR;
    }
    return false;
}

static void csv_row(FILE *to, const json_t *row, const struct column *columns, const bool *used,
                    size_t count)
{
    const char *comma = "";
    for (size_t c = 0; c < count; c++) {
        if (!used[c])
            continue;
        fputs(comma, to);
        comma = ",";
        if (columns[c].kind == COLUMN_PORT) {
            if (row)
                csv_field(to, json_object_get(row, "proto"));
            fputs(row ? "," : "proto,", to);
        }
        if (row)
            csv_field(to, json_object_get(row, columns[c].key));
        else
            fputs(columns[c].key, to);
    }
    fputc('\n', to);
}

void csv_print(FILE *to, const json_t *rows, const struct column *columns, size_t count)
{
    bool used[COLUMNS_MAX] = {0};
    size_t r;
    json_t *row;
    for (size_t c = 0; c < count; c++)
        used[c] = is_used(rows, &columns[c]);
    csv_row(to, NULL, columns, used, count);
    json_array_foreach(rows, r, row) csv_row(to, row, columns, used, count);
}
