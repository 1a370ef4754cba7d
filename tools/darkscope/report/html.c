/* SPDX-License-Identifier: Apache-2.0
 *
 * The report as one page of HTML that needs nothing else: no script, no font, no request. A cell of
 * a number has its value in full as data-value.
 */
#include "cell.h"
#include "markup.h"
#include "words.h"

#include <string.h>

static const char style[] =
    ":root{color-scheme:light}"
    "body{font:16px/1.55 system-ui,-apple-system,'Segoe UI','Noto Sans','Noto Sans CJK JP',"
    "sans-serif;color:#222;background:#fff;margin:0 auto;max-width:60rem;padding:1.5rem}"
    "h1{font-size:1.9rem;line-height:1.2;margin:.2em 0}h2{margin:2.6em 0 .4em;padding-top:.4em;"
    "border-top:2px solid #0072b2;font-size:1.4rem}h3{margin:1.6em 0 .3em;font-size:1.05rem}"
    "p,li{max-width:46rem}a{color:#005a8c}nav ul{columns:2;padding-left:1.2em}"
    "figure{margin:1.2em 0;break-inside:avoid}svg{width:100%;height:auto;display:block}"
    ".scroll{overflow-x:auto}"
    ".scroll:focus-visible{outline:2px solid #0072b2}"
    "table{border-collapse:collapse;font-size:.86rem;font-variant-numeric:tabular-nums;"
    "min-width:50%}"
    "caption{text-align:left;font-weight:600;padding:.4em 0}"
    "th,td{padding:.28em .7em;text-align:left;border-bottom:1px solid #ddd;vertical-align:top}"
    "thead th{border-bottom:2px solid #888;background:#f5f7f9;font-weight:600}"
    "tbody "
    "th{font-weight:500;white-space:nowrap}.n{text-align:right;white-space:nowrap}.u{font-weight:"
    "400;color:#555}"
    ".facts{display:grid;grid-template-columns:max-content 1fr;gap:.15em 1.2em;margin:1em 0}"
    ".facts dt{color:#555}.facts dd{margin:0}"
    ".lead{font-size:1.2rem}.lead strong{font-size:1.5em;color:#0072b2}"
    "details{margin:.6em 0}summary{cursor:pointer}.small{font-size:.86rem;color:#444}"
    "th,td{min-width:3em}thead .n{white-space:normal;min-width:4.8em}.d{white-space:nowrap}thead "
    ".u{display:block}.scroll+.scroll,figure+.scroll{margin-top:1.6rem}"
    "@media print{body{font-size:10pt;max-width:none;padding:0}nav{display:none}"
    "h2{break-after:avoid}h3,caption{break-after:avoid}tr{break-inside:avoid}"
    "table{font-size:7.5pt}.scroll{overflow:visible}a{color:inherit;text-decoration:none}"
    "@page{margin:16mm}}";

struct page {
    FILE *to;
    const json_t *root;
    enum report_language language;
};

static const char *word(const struct page *p, const char *kind, const char *id)
{
    return report_word(p->language, kind, id);
}

static void element(const struct page *p, const char *open, const char *text, const char *close)
{
    fputs(open, p->to);
    markup_text(p->to, text);
    fputs(close, p->to);
}

static void fact(const struct page *p, const char *name, const char *value)
{
    element(p, "<dt>", name, "</dt>");
    element(p, "<dd>", value, "</dd>\n");
}

static void head(const struct page *p)
{
    static const char *const tags[] = {"en", "ja"};
    const json_t *period = json_object_get(p->root, "period");
    fprintf(p->to,
            "<!doctype html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
            "<meta name=\"generator\" content=\"%s\">\n<title>",
            tags[p->language], report_text_of(p->root, "software"));
    markup_text(p->to, word(p, "head", "title"));
    fprintf(p->to, " %s</title>\n<style>%s</style>\n</head>\n<body>\n",
            report_text_of(period, "label"), style);
}

/* The year in a sentence. */
static void lead(const struct page *p)
{
    const json_t *years = report_find_table(p->root, "years");
    const json_t *rows = json_object_get(years, "rows");
    const json_t *columns = json_object_get(years, "columns");
    const json_t *last = json_array_get(rows, json_array_size(rows) - 1);
    char cell[REPORT_CELL];
    size_t i;
    json_t *column;
    json_array_foreach((json_t *)columns, i,
                       column) if (strcmp(report_text_of(column, "id"), "packets_per_address") == 0)
    {
        element(p, "<p class=\"lead\"><strong>", report_cell(last, column, p->language, cell),
                "</strong> ");
        element(p, "", word(p, "head", "lead"), "</p>\n");
    }
}

static void facts(const struct page *p)
{
    const json_t *period = json_object_get(p->root, "period");
    const json_t *dbs = json_object_get(p->root, "country_databases");
    char text[REPORT_CELL];
    size_t i;
    json_t *name;
    fputs("<dl class=\"facts\">\n", p->to);
    snprintf(text, sizeof text, "%s – %s (%s)", report_text_of(period, "from"),
             report_text_of(period, "to"), report_text_of(period, "time_zone"));
    fact(p, word(p, "head", "period"), text);
    if (json_is_true(json_object_get(period, "in_progress")))
        fact(p, word(p, "head", "state"), word(p, "head", "in-progress"));
    snprintf(text, sizeof text, "%.1f %% (%.0f / %.0f h)",
             100 * json_number_value(json_object_get(p->root, "coverage")),
             json_number_value(json_object_get(p->root, "observed_hours")),
             json_number_value(json_object_get(p->root, "expected_hours")));
    fact(p, word(p, "column", "coverage"), text);
    snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT,
             json_integer_value(json_object_get(p->root, "sensors")));
    fact(p, word(p, "column", "sensors"), text);
    json_array_foreach(dbs, i, name)
        fact(p, word(p, "column", "country_databases"), json_string_value(name));
    fact(p, word(p, "column", "generated"), report_text_of(p->root, "generated"));
    fact(p, word(p, "column", "software"), report_text_of(p->root, "software"));
    fputs("</dl>\n", p->to);
}

static void contents(const struct page *p)
{
    size_t i;
    json_t *chapter;
    fprintf(p->to, "<nav aria-label=\"%s\"><ul>\n", word(p, "head", "contents"));
    json_array_foreach(json_object_get(p->root, "chapters"), i, chapter)
    {
        const char *id = report_text_of(chapter, "id");
        fprintf(p->to, "<li><a href=\"#%s\">", id);
        element(p, "", word(p, "chapter", id), "</a></li>\n");
    }
    fputs("</ul></nav>\n", p->to);
}

static void value(const struct page *p, const json_t *row, const json_t *column, bool is_head)
{
    const json_t *v = json_object_get(row, report_text_of(column, "id"));
    char cell[REPORT_CELL];
    fputs(is_head ? "<th scope=\"row\"" : "<td", p->to);
    if (report_is_number(column))
        fputs(" class=\"n\"", p->to);
    else if (strcmp(report_text_of(column, "kind"), "date") == 0)
        fputs(" class=\"d\"", p->to);
    if (json_is_integer(v))
        fprintf(p->to, " data-value=\"%" JSON_INTEGER_FORMAT "\"", json_integer_value(v));
    else if (json_is_real(v))
        fprintf(p->to, " data-value=\"%.15g\"", json_real_value(v));
    fprintf(p->to, " data-column=\"%s\">", report_text_of(column, "id"));
    element(p, "", report_cell(row, column, p->language, cell), is_head ? "</th>" : "</td>");
}

static void table_head(const struct page *p, const json_t *table)
{
    size_t i;
    json_t *column;
    const char *id = report_text_of(table, "id");
    fprintf(p->to, "<table id=\"table-%s\"><caption>", id);
    markup_text(p->to, word(p, "table", id));
    fprintf(p->to, " <span class=\"u\">(%s %.1f %%)</span></caption>\n<thead><tr>",
            word(p, "column", "coverage"),
            100 * json_number_value(json_object_get(table, "coverage")));
    json_array_foreach(json_object_get(table, "columns"), i, column)
    {
        const char *unit = report_unit(column, p->language);
        if (report_is_error(column))
            continue;
        fprintf(p->to, "<th scope=\"col\"%s>", report_is_number(column) ? " class=\"n\"" : "");
        element(p, "", word(p, "column", report_text_of(column, "id")), "");
        if (unit[0])
            element(p, " <span class=\"u\">", unit, "</span>");
        fputs("</th>", p->to);
    }
    fputs("</tr></thead>\n<tbody>\n", p->to);
}

/* Tables of days fill pages: they can be opened. */
#define ROWS_OPEN 16

static void write_table(const struct page *p, const json_t *table)
{
    const json_t *rows = json_object_get(table, "rows");
    const char *id = report_text_of(table, "id");
    bool is_long = json_array_size(rows) > ROWS_OPEN;
    size_t i, j;
    json_t *row, *column;
    if (is_long)
        element(p, "<details><summary>", word(p, "table", id), "</summary>\n");
    fputs("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"", p->to);
    element(p, "", word(p, "table", id), "\">\n");
    table_head(p, table);
    json_array_foreach((json_t *)rows, i, row)
    {
        bool is_head = true;
        fputs("<tr>", p->to);
        json_array_foreach(json_object_get(table, "columns"), j, column)
        {
            if (report_is_error(column))
                continue;
            value(p, row, column, is_head);
            is_head = false;
        }
        fputs("</tr>\n", p->to);
    }
    fputs("</tbody></table></div>\n", p->to);
    if (json_array_size(rows) == 0)
        element(p, "<p class=\"small\">", word(p, "head", "no-rows"), "</p>\n");
    if (is_long)
        fputs("</details>\n", p->to);
}

static void write_chapter(const struct page *p, const json_t *chapter)
{
    size_t i;
    json_t *item;
    const char *id = report_text_of(chapter, "id");
    fprintf(p->to, "<section aria-labelledby=\"%s\">\n<h2 id=\"%s\">", id, id);
    element(p, "", word(p, "chapter", id), "</h2>\n");
    json_array_foreach(json_object_get(chapter, "figures"), i, item)
    {
        fputs("<figure>\n", p->to);
        report_write_chart(p->to, p->root, item, p->language);
        fputs("</figure>\n", p->to);
    }
    json_array_foreach(json_object_get(chapter, "tables"), i, item) write_table(p, item);
    json_array_foreach(json_object_get(chapter, "notes"), i, item)
        element(p, "<p class=\"small\">", word(p, "note", report_text_of(item, "id")), "</p>\n");
    fputs("</section>\n", p->to);
}

static bool has_column_before(const struct page *p, const char *id, const json_t *stop)
{
    size_t i, j, k;
    json_t *chapter, *table, *column;
    json_array_foreach(json_object_get(p->root, "chapters"), i, chapter)
        json_array_foreach(json_object_get(chapter, "tables"), j, table)
            json_array_foreach(json_object_get(table, "columns"), k, column)
    {
        if (column == stop)
            return false;
        if (strcmp(report_text_of(column, "id"), id) == 0)
            return true;
    }
    return false;
}

/* Every column once. */
static void definitions(const struct page *p)
{
    size_t i, j, k;
    json_t *chapter, *table, *column;
    element(p, "<section aria-labelledby=\"definitions\">\n<h2 id=\"definitions\">",
            word(p, "head", "definitions"), "</h2>\n");
    element(p, "<p>", word(p, "head", "marks"), "</p>\n<dl>\n");
    json_array_foreach(json_object_get(p->root, "chapters"), i, chapter)
        json_array_foreach(json_object_get(chapter, "tables"), j, table)
            json_array_foreach(json_object_get(table, "columns"), k, column)
    {
        const char *id = report_text_of(column, "id");
        if (report_is_error(column) || has_column_before(p, id, column))
            continue;
        element(p, "<dt><strong>", word(p, "column", id), "</strong> ");
        element(p, "<span class=\"u\">", word(p, "certainty", report_text_of(column, "certainty")),
                "</span></dt>");
        element(p, "<dd>", word(p, "define", id), "</dd>\n");
    }
    fputs("</dl>\n</section>\n", p->to);
}

void report_write_html(FILE *to, const json_t *root, enum report_language language)
{
    const struct page p = {to, root, language};
    size_t i;
    json_t *chapter;
    head(&p);
    fputs("<header>\n<h1>", to);
    markup_text(to, word(&p, "head", "title"));
    fprintf(to, " %s</h1>\n", report_text_of(json_object_get(root, "period"), "label"));
    lead(&p);
    facts(&p);
    contents(&p);
    fputs("</header>\n<main>\n", to);
    json_array_foreach(json_object_get(root, "chapters"), i, chapter) write_chapter(&p, chapter);
    definitions(&p);
    fputs("</main>\n</body>\n</html>\n", to);
}
