/* SPDX-License-Identifier: Apache-2.0
 *
 * The report as Markdown, with links to the figures and the CSV files beside it. Long tables are
 * only named: their place is in the CSV file.
 */
#include "cell.h"
#include "words.h"

#include "darkscope/text.h"

#include <string.h>

#define ROWS_SHOWN 32 /* a month of days */

/* What would begin or end a cell is replaced: names come from outside. */
static void print_plain(FILE *to, const char *text)
{
    for (; *text; text++)
        if (*text == '|' || *text == '<' || *text == '\n')
            fputs(*text == '|' ? "\\|" : *text == '<' ? "&lt;" : " ", to);
        else
            fputc(*text, to);
}

static void write_table(FILE *to, const json_t *table, enum report_language language)
{
    const json_t *columns = json_object_get(table, "columns");
    const char *id = report_text_of(table, "id");
    size_t i, j, rows = json_array_size(json_object_get(table, "rows"));
    json_t *row, *column;
    char cell[REPORT_CELL];
    fprintf(to, "\n### %s\n\n[csv/%s.csv](csv/%s.csv)\n\n", report_word(language, "table", id), id,
            id);
    if (rows > ROWS_SHOWN || rows == 0) {
        fprintf(to, "%s\n", report_word(language, "head", rows ? "rows-in-csv" : "no-rows"));
        return;
    }
    json_array_foreach((json_t *)columns, j, column) if (!report_is_error(column))
    {
        const char *unit = report_unit(column, language);
        fprintf(to, "| %s%s%s%s ", report_word(language, "column", report_text_of(column, "id")),
                unit[0] ? " (" : "", unit, unit[0] ? ")" : "");
    }
    fputs("|\n", to);
    json_array_foreach((json_t *)columns, j, column) if (!report_is_error(column))
        fputs(report_is_number(column) ? "|--:" : "|---", to);
    fputs("|\n", to);
    json_array_foreach(json_object_get(table, "rows"), i, row)
    {
        json_array_foreach((json_t *)columns, j, column) if (!report_is_error(column))
        {
            fputs("| ", to);
            print_plain(to, report_cell(row, column, language, cell));
            fputc(' ', to);
        }
        fputs("|\n", to);
    }
}

static void write_chapter(FILE *to, const json_t *chapter, enum report_language language)
{
    size_t i;
    json_t *item;
    const char *id = report_text_of(chapter, "id");
    fprintf(to, "\n## %s\n", report_word(language, "chapter", id));
    json_array_foreach(json_object_get(chapter, "notes"), i, item)
        fprintf(to, "\n%s\n", report_word(language, "note", report_text_of(item, "id")));
    json_array_foreach(json_object_get(chapter, "figures"), i, item)
    {
        const char *figure = report_text_of(item, "id");
        fprintf(to, "\n![%s](figures/%s.svg)\n", report_word(language, "figure", figure), figure);
    }
    json_array_foreach(json_object_get(chapter, "tables"), i, item) write_table(to, item, language);
}

void report_write_markdown(FILE *to, const json_t *root, enum report_language language)
{
    size_t i;
    json_t *chapter;
    const json_t *period = json_object_get(root, "period");
    fprintf(to, "# %s %s\n\n", report_word(language, "head", "title"),
            report_text_of(period, "label"));
    fprintf(to, "%s – %s (%s). %s %.1f %%. %s %s, %s.\n", report_text_of(period, "from"),
            report_text_of(period, "to"), report_text_of(period, "time_zone"),
            report_word(language, "column", "coverage"),
            100 * json_number_value(json_object_get(root, "coverage")),
            report_word(language, "column", "generated"), report_text_of(root, "generated"),
            report_text_of(root, "software"));
    fprintf(to, "\n%s\n", report_word(language, "head", "marks"));
    json_array_foreach(json_object_get(root, "chapters"), i, chapter)
        write_chapter(to, chapter, language);
}
