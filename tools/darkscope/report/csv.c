/* SPDX-License-Identifier: Apache-2.0
 *
 * A table as CSV (RFC 4180), one row a row: column names with their units, "packets [packets]",
 * values in full and without marks, nothing for null. And the README of the files.
 */
#include "cell.h"
#include "table.h"
#include "words.h"

void report_write_csv(FILE *to, const json_t *table)
{
    const json_t *columns = json_object_get(table, "columns");
    size_t i, j;
    json_t *row, *column;
    json_array_foreach((json_t *)columns, i, column)
    {
        const char *unit = report_text_of(column, "unit");
        fprintf(to, "%s%s", i ? "," : "", report_text_of(column, "id"));
        if (unit[0])
            fprintf(to, " [%s]", unit);
    }
    fputs("\r\n", to);
    json_array_foreach(json_object_get(table, "rows"), i, row)
    {
        json_array_foreach((json_t *)columns, j, column)
        {
            if (j)
                fputc(',', to);
            csv_field(to, json_object_get(row, report_text_of(column, "id")));
        }
        fputs("\r\n", to);
    }
}

static void describe(FILE *to, const json_t *table, enum report_language language)
{
    size_t i;
    json_t *column;
    const char *id = report_text_of(table, "id");
    fprintf(to, "\n## %s.csv\n\n%s\n\n| %s | %s | %s | %s |\n|---|---|---|---|\n", id,
            report_word(language, "table", id), report_word(language, "head", "column"),
            report_word(language, "head", "unit"), report_word(language, "head", "certainty"),
            report_word(language, "head", "definition"));
    json_array_foreach(json_object_get(table, "columns"), i, column)
    {
        const char *name = report_text_of(column, "id");
        fprintf(to, "| `%s` | %s | %s | %s |\n", name, report_unit(column, language),
                report_word(language, "certainty", report_text_of(column, "certainty")),
                report_word(language, "define", report_is_error(column) ? "error" : name));
    }
}

void report_write_dictionary(FILE *to, const json_t *root, enum report_language language)
{
    size_t i, j;
    json_t *chapter, *table;
    const json_t *period = json_object_get(root, "period");
    fprintf(to, "# %s %s\n\n%s\n", report_word(language, "head", "dictionary"),
            report_text_of(period, "label"), report_word(language, "head", "csv"));
    json_array_foreach(json_object_get(root, "chapters"), i, chapter)
        json_array_foreach(json_object_get(chapter, "tables"), j, table)
            describe(to, table, language);
}
