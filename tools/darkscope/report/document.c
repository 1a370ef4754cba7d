/* SPDX-License-Identifier: Apache-2.0 */
#include "document.h"

#include "words.h"

#include <stdio.h>
#include <string.h>

const char *const report_value_names[VALUE_KIND_COUNT] = {
    [VALUE_TEXT] = "text",   [VALUE_WORD] = "word",     [VALUE_COUNTRY] = "country",
    [VALUE_DATE] = "date",   [VALUE_COUNT] = "count",   [VALUE_REAL] = "real",
    [VALUE_SHARE] = "share", [VALUE_CHANGE] = "change",
};

const char *const report_certainty_names[CERTAIN_COUNT] = {
    [CERTAIN_EXACT] = "exact",
    [CERTAIN_ESTIMATED] = "estimated",
    [CERTAIN_LOWER] = "lower-bound",
    [CERTAIN_UPPER] = "upper-bound",
};

void report_set(struct report *r, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) < 0)
        r->no_memory = true;
}

static json_t *append(struct report *r, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) == 0)
        return value;
    r->no_memory = true;
    return NULL;
}

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

json_t *report_chapter(struct report *r, const char *id)
{
    json_t *chapter = append(r, json_object_get(r->root, "chapters"), json_object());
    report_set(r, chapter, "id", json_string(id));
    report_set(r, chapter, "title", json_string(report_word(REPORT_EN, "chapter", id)));
    report_set(r, chapter, "notes", json_array());
    report_set(r, chapter, "tables", json_array());
    report_set(r, chapter, "figures", json_array());
    return chapter;
}

static void add_column(struct report *r, json_t *columns, const struct report_column *c)
{
    json_t *column = append(r, columns, json_object());
    report_set(r, column, "id", json_string(c->id));
    report_set(r, column, "kind", json_string(report_value_names[c->kind]));
    report_set(r, column, "unit", text_or_null(c->unit));
    report_set(r, column, "certainty", json_string(report_certainty_names[c->certainty]));
    report_set(r, column, "title", json_string(report_word(REPORT_EN, "column", c->id)));
    report_set(r, column, "definition", json_string(report_word(REPORT_EN, "define", c->id)));
}

json_t *report_table(struct report *r, json_t *chapter, const char *id,
                     const struct report_column *columns)
{
    json_t *table = append(r, json_object_get(chapter, "tables"), json_object());
    report_set(r, table, "id", json_string(id));
    report_set(r, table, "title", json_string(report_word(REPORT_EN, "table", id)));
    report_set(r, table, "coverage", json_incref(json_object_get(r->root, "coverage")));
    report_set(r, table, "columns", json_array());
    for (const struct report_column *c = columns; c->id; c++)
        add_column(r, json_object_get(table, "columns"), c);
    report_set(r, table, "rows", json_array());
    return table;
}

json_t *report_row(struct report *r, json_t *table)
{
    return append(r, json_object_get(table, "rows"), json_object());
}

void report_set_certainty(struct report *r, json_t *table, const char *column,
                          enum report_certainty certainty)
{
    size_t i;
    json_t *c;
    json_array_foreach(json_object_get(table, "columns"), i, c)
    {
        if (strcmp(json_string_value(json_object_get(c, "id")), column) == 0)
            report_set(r, c, "certainty", json_string(report_certainty_names[certainty]));
    }
}

void report_note(struct report *r, json_t *chapter, const char *id)
{
    json_t *note = append(r, json_object_get(chapter, "notes"), json_object());
    report_set(r, note, "id", json_string(id));
    report_set(r, note, "text", json_string(report_word(REPORT_EN, "note", id)));
}

void report_add_figure(struct report *r, json_t *chapter, const struct report_figure *f)
{
    json_t *figure = append(r, json_object_get(chapter, "figures"), json_object());
    json_t *series = json_array();
    for (const char *const *s = f->series; *s; s++)
        append(r, series, json_string(*s));
    report_set(r, figure, "id", json_string(f->id));
    report_set(r, figure, "title", json_string(report_word(REPORT_EN, "figure", f->id)));
    report_set(r, figure, "kind", json_string(f->kind));
    report_set(r, figure, "table", json_string(f->table));
    report_set(r, figure, "x", json_string(f->x));
    report_set(r, figure, "series", series);
    report_set(r, figure, "logarithmic", json_boolean(f->is_log));
}

json_t *report_ratio(double part, double whole)
{
    return whole > 0 ? json_real(part / whole) : json_null();
}

json_t *report_count(uint64_t value)
{
    return json_integer((json_int_t)value);
}

void report_set_sources(struct report *r, json_t *row, const char *key,
                        const struct ds_figures *figures)
{
    char name[64];
    bool is_known = figures->sources_exact || figures->sources_estimated;
    snprintf(name, sizeof name, "%s_error", key);
    report_set(r, row, key, is_known ? report_count(figures->sources) : json_null());
    report_set(r, row, name,
               is_known ? json_real(figures->sources_exact ? 0 : figures->sources_error)
                        : json_null());
}

const json_t *report_find_table(const json_t *root, const char *id)
{
    size_t i, j;
    json_t *chapter, *table;
    json_array_foreach(json_object_get(root, "chapters"), i, chapter) json_array_foreach(
        json_object_get(chapter, "tables"), j,
        table) if (strcmp(json_string_value(json_object_get(table, "id")), id) == 0) return table;
    return NULL;
}
