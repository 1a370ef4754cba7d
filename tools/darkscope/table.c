/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <langinfo.h>
#include <stdbool.h>
#include <string.h>

#define COLUMNS_MAX 24
#define BAR_WIDTH   24

const char *table_text(const json_t *value, char out[static TABLE_CELL])
{
    const char *text = json_string_value(value);
    snprintf(out, TABLE_CELL, "%s", text ? text : "-");
    for (char *c = out; *c; c++)
        if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
            *c = '?';
    return out;
}

const char *table_count(const json_t *value, char out[static TABLE_CELL])
{
    if (!json_is_integer(value))
        return strcpy(out, "-");
    char digits[24];
    int length =
        snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    char *o = out;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-')
            *o++ = ',';
        *o++ = digits[i];
    }
    *o = 0;
    return out;
}

const char *table_percent(const json_t *value, char out[static TABLE_CELL])
{
    if (!json_is_number(value))
        return strcpy(out, "-");
    double percent = 100 * json_number_value(value);
    /* A gap of a second in a year must not round to 100. */
    if (percent < 100 && percent >= 99.95)
        return strcpy(out, "99.9+%");
    snprintf(out, TABLE_CELL, "%.1f%%", percent);
    return out;
}

static const char *print_seconds(const json_t *value, char out[static TABLE_CELL])
{
    if (!json_is_number(value))
        return strcpy(out, "-");
    double seconds = json_number_value(value);
    snprintf(out, TABLE_CELL, "%.*f", seconds == (double)(long long)seconds ? 0 : 1, seconds);
    return out;
}

static const char *print_port(const json_t *row, char out[static TABLE_CELL])
{
    char proto[TABLE_CELL];
    json_t *port = json_object_get(row, "port");
    table_text(json_object_get(row, "proto"), proto);
    snprintf(out, TABLE_CELL, "%" JSON_INTEGER_FORMAT "/%.16s", json_integer_value(port), proto);
    return out;
}

static const char *print_cell(const json_t *row, const struct column *column,
                              char out[static TABLE_CELL])
{
    json_t *value = json_object_get(row, column->key);
    switch (column->kind) {
    case COLUMN_TEXT:
        return table_text(value, out);
    case COLUMN_PORT:
        return print_port(row, out);
    case COLUMN_COUNT:
        return table_count(value, out);
    case COLUMN_SECONDS:
        return print_seconds(value, out);
    case COLUMN_SHARE:
        return table_percent(value, out);
    case COLUMN_BAR:
        break;
    }
    return strcpy(out, "");
}

/* How a column is laid out; width 0: it is left out. */
struct layout {
    int width[COLUMNS_MAX];
    json_int_t most; /* of the bar's count */
};

static void measure(struct layout *l, const json_t *rows, const struct column *columns,
                    size_t count)
{
    size_t r;
    json_t *row;
    char cell[TABLE_CELL];
    for (size_t c = 0; c < count; c++)
        json_array_foreach(rows, r, row)
        {
            json_t *value = json_object_get(row, columns[c].key);
            if (!value)
                continue;
            int width = (int)strlen(print_cell(row, &columns[c], cell));
            int title = (int)strlen(columns[c].title);
            width = width > title ? width : title;
            width = width > 0 ? width : 1;
            l->width[c] = width > l->width[c] ? width : l->width[c];
            if (columns[c].kind == COLUMN_BAR && json_integer_value(value) > l->most)
                l->most = json_integer_value(value);
        }
}

static void print_bar(FILE *to, const json_t *value, json_int_t most)
{
    const char *glyph = strcmp(nl_langinfo(CODESET), "UTF-8") == 0 ? "\u2588" : "#";
    double part = most > 0 ? (double)json_integer_value(value) / (double)most : 0;
    for (int i = 0; i < (int)(part * BAR_WIDTH + 0.5); i++)
        fputs(glyph, to);
}

static bool is_left(enum column_kind kind)
{
    return kind == COLUMN_TEXT || kind == COLUMN_PORT;
}

static void print_row(FILE *to, const struct layout *l, const json_t *row,
                      const struct column *columns, size_t count)
{
    char cell[TABLE_CELL];
    const char *gap = "";
    for (size_t c = 0; c < count; c++) {
        if (l->width[c] == 0)
            continue;
        fputs(gap, to);
        gap = "  ";
        const char *text = row ? print_cell(row, &columns[c], cell) : columns[c].title;
        if (columns[c].kind != COLUMN_BAR)
            fprintf(to, "%*s", is_left(columns[c].kind) ? -l->width[c] : l->width[c], text);
        else if (row)
            print_bar(to, json_object_get(row, columns[c].key), l->most);
    }
    fputc('\n', to);
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
    measure(&l, rows, columns, count);
    print_row(to, &l, NULL, columns, count);
    json_array_foreach(rows, r, row) print_row(to, &l, row, columns, count);
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
