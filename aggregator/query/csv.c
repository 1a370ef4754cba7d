/* SPDX-License-Identifier: Apache-2.0
 *
 * CSV (RFC 4180, but lines end in LF). The columns of rows are the keys of the JSON; null is empty,
 * the texts of an array stand in one field with blanks between them. A summary and a window, which
 * are no rows, become one table of all their figures.
 */
#include "print.h"

#include <stdio.h>
#include <string.h>

#define FIELD_BYTES 512 /* of the texts of an array */

static void print_quoted(struct printer *p, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        ds_print_text(p, text);
        return;
    }
    ds_print_text(p, "\"");
    for (const char *quote; (quote = strchr(text, '"')); text = quote + 1) {
        char part[FIELD_BYTES];
        while (text <= quote) {
            size_t bytes = (size_t)(quote + 1 - text);
            bytes = bytes < sizeof part - 1 ? bytes : sizeof part - 1;
            memcpy(part, text, bytes);
            part[bytes] = 0;
            ds_print_text(p, part);
            text += bytes;
        }
        ds_print_text(p, "\"");
    }
    ds_print_text(p, text);
    ds_print_text(p, "\"");
}

static void print_list(struct printer *p, const json_t *array)
{
    char text[FIELD_BYTES] = "";
    size_t used = 0, i;
    const json_t *item;
    json_array_foreach(array, i, item)
    {
        const char *word = json_string_value(item);
        if (word && used + strlen(word) + 2 < sizeof text)
            used +=
                (size_t)snprintf(text + used, sizeof text - used, "%s%s", used ? " " : "", word);
    }
    print_quoted(p, text);
}

static void print_field(struct printer *p, const json_t *value)
{
    char number[40];
    if (json_is_string(value)) {
        print_quoted(p, json_string_value(value));
    } else if (json_is_integer(value)) {
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        ds_print_text(p, number);
    } else if (json_is_real(value)) {
        snprintf(number, sizeof number, "%.15g", json_real_value(value));
        ds_print_text(p, number);
    } else if (json_is_boolean(value)) {
        ds_print_text(p, json_is_true(value) ? "true" : "false");
    } else if (json_is_array(value)) {
        print_list(p, value);
    }
}

void ds_csv_row(struct printer *p, const json_t *row)
{
    const char *key, *comma = "";
    json_t *value;
    if (p->rows == 0) {
        json_object_foreach((json_t *)row, key, value)
        {
            ds_print_text(p, comma);
            ds_print_text(p, key);
            comma = ",";
        }
        ds_print_text(p, "\n");
        comma = "";
    }
    json_object_foreach((json_t *)row, key, value)
    {
        ds_print_text(p, comma);
        print_field(p, value);
        comma = ",";
    }
    ds_print_text(p, "\n");
}

/* ---- a summary, a window: section,name,packets,... ---- */

static void print_line(struct printer *p, const char *section, const char *name,
                       const json_t *packets, const json_t *figures)
{
    static const char *const keys[] = {"bytes", "sources", "sources_peak"};
    ds_print_text(p, section);
    ds_print_text(p, ",");
    print_quoted(p, name);
    ds_print_text(p, ",");
    print_field(p, packets);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        ds_print_text(p, ",");
        print_field(p, json_object_get(figures, keys[i]));
    }
    ds_print_text(p, "\n");
}

static void print_map(struct printer *p, const json_t *root, const char *section)
{
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(root, section), name, value)
    {
        bool has_figures = json_is_object(value);
        print_line(p, section, name, has_figures ? json_object_get(value, "packets") : value,
                   has_figures ? value : NULL);
    }
}

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text ? text : "";
}

static void print_table(struct printer *p, const json_t *root, const char *section)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(root, section), i, row)
    {
        char name[FIELD_BYTES];
        const json_t *port = json_object_get(row, "port");
        const char *device = text_of(row, "device"), *country = text_of(row, "country");
        if (port)
            snprintf(name, sizeof name, "%s %" JSON_INTEGER_FORMAT "/%s", text_of(row, "class"),
                     json_integer_value(port), text_of(row, "proto"));
        else
            snprintf(name, sizeof name, "%s%s%s%s", country, *country && *device ? " " : "", device,
                     text_of(row, "id"));
        print_line(p, section, name, json_object_get(row, "packets"), row);
    }
}

static void print_sections(struct printer *p, const json_t *root)
{
    static const char *const maps[] = {"packets", "malformed", "overflow",
                                       "types",   "classes",   "protocols"};
    static const char *const tables[] = {"ports", "countries", "devices", "signatures"};
    ds_print_text(p, "section,name,packets,bytes,sources,sources_peak\n");
    print_line(p, "total", "counted", json_object_get(json_object_get(root, "packets"), "counted"),
               root);
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++)
        print_map(p, root, maps[i]);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        print_table(p, root, tables[i]);
}

void ds_csv_answer(struct printer *p, enum ds_query_kind kind, const json_t *root)
{
    size_t i;
    json_t *row;
    if (kind == DS_QUERY_SUMMARY || kind == DS_QUERY_WINDOW) {
        print_sections(p, root);
        return;
    }
    json_array_foreach(json_object_get(root, ds_answer_rows_key(kind)), i, row)
    {
        ds_csv_row(p, row);
        p->rows++;
    }
}
