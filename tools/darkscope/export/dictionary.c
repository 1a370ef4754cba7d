/* SPDX-License-Identifier: Apache-2.0
 *
 * The data dictionary: what every table and column is, for programs and for people, and as the
 * schema of an Avro file. All of it is the engine's own description.
 */
#include "exporting.h"

#include <string.h>

/* ---- for programs ---- */

static json_t *text_or_null(const char *text)
{
    return text && *text ? json_string(text) : json_null();
}

static json_t *column_json(const struct ds_export_table *t, size_t i)
{
    const struct ds_export_column *c = ds_export_column(t, i);
    return json_pack("{s:s, s:s, s:o, s:b, s:s, s:s, s:o}", "name", c->name, "type",
                     ds_export_type_name(c->type), "unit", text_or_null(c->unit), "key",
                     ds_export_is_key(t, i), "definition", c->definition, "certainty",
                     ds_export_certainty_text(c->certainty), "null", text_or_null(c->null));
}

static json_t *table_json(const struct ds_export_table *t)
{
    char options[DS_EXPORT_OPTIONS_BYTES];
    json_t *columns = json_array();
    for (size_t i = 0; i < t->column_count; i++)
        if (json_array_append_new(columns, column_json(t, i)) < 0) {
            json_decref(columns);
            return NULL;
        }
    return json_pack("{s:s, s:s, s:s, s:s, s:o}", "name", t->name, "row", t->title, "definition",
                     t->definition, "options", ds_export_options(t, options), "columns", columns);
}

json_t *dictionary_json(const json_t *wanted)
{
    json_t *tables = json_array();
    const struct ds_export_table *t;
    for (size_t i = 0; (t = ds_export_table(i)); i++)
        if ((!wanted || json_object_get(wanted, t->name)) &&
            json_array_append_new(tables, table_json(t)) < 0) {
            json_decref(tables);
            return NULL;
        }
    return json_pack("{s:s, s:o}", "darkscope", DARKSCOPE_VERSION, "tables", tables);
}

/* ---- for people ---- */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void print_table(FILE *to, const json_t *table)
{
    size_t i;
    json_t *column;
    fprintf(to,
            "\n## %s\n\nA row is %s. %s\n\nOptions: %s.\n\n"
            "| column | type | unit | definition | certainty | null means |\n"
            "|---|---|---|---|---|---|\n",
            text_of(table, "name"), text_of(table, "row"), text_of(table, "definition"),
            text_of(table, "options"));
    json_array_foreach(json_object_get(table, "columns"), i, column)
    {
        bool is_key = json_is_true(json_object_get(column, "key"));
        const char *mark = is_key ? "**" : "", *null = text_of(column, "null");
        fprintf(to, "| %s`%s`%s | %s | %s | %s | %s | %s |\n", mark, text_of(column, "name"), mark,
                text_of(column, "type"), text_of(column, "unit"), text_of(column, "definition"),
                text_of(column, "certainty"), *null ? null : "never null");
    }
}

void dictionary_print(FILE *to, const json_t *dictionary)
{
    size_t i;
    json_t *table;
    const char *file;
    fprintf(to,
            "# Data dictionary\n\nWhat `darkscope export` (darkscope %s) writes.\n\n"
            "- Columns in bold are the key: together they tell rows apart.\n"
            "- Null (an empty field in CSV) is no figure; 0 is: somebody watched and saw nothing.\n"
            "- Times are ISO 8601 with the offset of the zone that was asked for; in Avro "
            "milliseconds since 1970, UTC.\n"
            "- In CSV the unit stands behind the name: `packets [packets]`.\n"
            "- Unique counts never add up: neither over steps nor over ports, countries or "
            "sensors.\n",
            text_of(dictionary, "darkscope"));
    json_t *files = json_object_get(dictionary, "files");
    if (json_object_size(files) > 0)
        fputs("\n| file | options |\n|---|---|\n", to);
    json_object_foreach(files, file, table)
        fprintf(to, "| `%s` | `%s` |\n", file, text_of(table, "options"));
    json_array_foreach(json_object_get(dictionary, "tables"), i, table) print_table(to, table);
}

/* ---- for Avro ---- */

static json_t *avro_type(const struct ds_export_column *c)
{
    static const char *const names[] = {[DS_EXPORT_TEXT] = "string",
                                        [DS_EXPORT_COUNT] = "long",
                                        [DS_EXPORT_REAL] = "double",
                                        [DS_EXPORT_FLAG] = "boolean"};
    json_t *type = c->type == DS_EXPORT_TIME
                       ? json_pack("{s:s, s:s}", "type", "long", "logicalType", "timestamp-millis")
                       : json_string(names[c->type]);
    return c->null ? json_pack("[s, o]", "null", type) : type;
}

/* "packets, exact: counted packets; null: nobody watched". */
static json_t *avro_doc(const struct ds_export_column *c)
{
    return json_sprintf("%s%s%s: %s%s%s", c->unit, *c->unit ? ", " : "",
                        ds_export_certainty_text(c->certainty), c->definition,
                        c->null ? "; null: " : "", c->null ? c->null : "");
}

json_t *avro_schema_of(const struct ds_export_table *t)
{
    char name[64];
    json_t *fields = json_array();
    snprintf(name, sizeof name, "%s", t->name);
    for (char *dash; (dash = strchr(name, '-'));)
        *dash = '_'; /* a name in Avro has none */
    for (size_t i = 0; i < t->column_count; i++) {
        const struct ds_export_column *c = ds_export_column(t, i);
        json_t *field =
            json_pack("{s:s, s:o, s:o}", "name", c->name, "type", avro_type(c), "doc", avro_doc(c));
        if (json_array_append_new(fields, field) < 0) {
            json_decref(fields);
            return NULL;
        }
    }
    return json_pack("{s:s, s:s, s:s, s:o, s:o}", "type", "record", "name", name, "namespace",
                     "darkscope", "doc", json_sprintf("A row is %s. %s", t->title, t->definition),
                     "fields", fields);
}
