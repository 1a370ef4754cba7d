/* SPDX-License-Identifier: Apache-2.0
 *
 * Charts as SVG that needs nothing else. Days that nobody watched are shaded, and no line goes
 * through them. What a screen reader says stands in <title> and <desc>.
 */
#include "markup.h"
#include "plot.h"
#include "words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEFT        64 /* margins */
#define RIGHT       16
#define TOP         56
#define BOTTOM      44
#define HEIGHT      320 /* of charts over time */
#define ROW         24  /* of a horizontal bar */
#define NAME_LEFT   190 /* names before horizontal bars */
#define COLUMN_MOST 60  /* width of a vertical bar */
#define VALUE       70  /* room behind them */
#define FONT        "system-ui,-apple-system,'Segoe UI','Noto Sans','Noto Sans CJK JP',sans-serif"

struct chart {
    FILE *to;
    const struct plot *p;
    const json_t *figure;
    const char *id;
    struct scale y;
    double height;
};

static const char *name_of(const struct chart *c, size_t series)
{
    return report_word(c->p->language, "column", report_text_of(c->p->columns[series], "id"));
}

static const char *x_name(const struct chart *c, size_t row, char out[static REPORT_CELL])
{
    return report_cell(plot_row(c->p, row), c->p->x, c->p->language, out);
}

static void label(const struct chart *c, double x, double y, const char *anchor, const char *text)
{
    fprintf(c->to, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    markup_text(c->to, text);
    fputs("</text>\n", c->to);
}

/* What is to be seen, in words. */
static void describe(const struct chart *c)
{
    char low[PLOT_LABEL], high[PLOT_LABEL];
    const struct plot *p = c->p;
    fprintf(c->to, "<desc id=\"%s-desc\">", c->id);
    for (size_t s = 0; s < p->series_count; s++) {
        double least = INFINITY, most = -INFINITY;
        for (size_t i = 0; i < p->count; i++) {
            double v = plot_value(p, s, i);
            least = v < least ? v : least;
            most = v > most ? v : most;
        }
        markup_text(c->to, name_of(c, s));
        if (most >= least)
            fprintf(c->to, ": %s – %s. ", plot_tick(p, least, low), plot_tick(p, most, high));
        else
            fprintf(c->to, ": %s. ", report_word(p->language, "head", "no-rows"));
    }
    fputs("</desc>\n", c->to);
}

static void begin(struct chart *c)
{
    const char *title = report_word(c->p->language, "figure", c->id);
    fprintf(c->to,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" role=\"img\" "
            "aria-labelledby=\"%s-title %s-desc\" font-family=\"%s\" font-size=\"12\" "
            "fill=\"#222\">\n<title id=\"%s-title\">",
            PLOT_WIDTH, c->height, c->id, c->id, FONT, c->id);
    markup_text(c->to, title);
    fputs("</title>\n", c->to);
    describe(c);
    fprintf(c->to, "<rect width=\"%d\" height=\"%.0f\" fill=\"#fff\"/>\n", PLOT_WIDTH, c->height);
    fputs("<text x=\"8\" y=\"18\" font-size=\"14\" font-weight=\"600\">", c->to);
    markup_text(c->to, title);
    fputs("</text>\n", c->to);
}

/* Above the chart; of one series its name and unit alone. */
static void legend(const struct chart *c, bool is_line)
{
    double x = 8;
    for (size_t s = 0; s < c->p->series_count; s++) {
        const char *name = name_of(c, s), *unit = report_unit(c->p->columns[s], c->p->language);
        double width = 0;
        for (const char *at = name; *at; at++) /* a wide character has three bytes */
            width += (*at & 0xc0) == 0x80 ? 3.2 : 6.4;
        if (c->p->series_count > 1 && is_line)
            fprintf(c->to,
                    "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"34\" y2=\"34\" stroke=\"%s\" "
                    "stroke-width=\"2\" stroke-dasharray=\"%s\"/>\n",
                    x, x + 24, plot_color(s), plot_dash(s));
        else if (c->p->series_count > 1)
            fprintf(c->to, "<rect x=\"%.1f\" y=\"28\" width=\"14\" height=\"11\" fill=\"%s\"/>\n",
                    x, plot_color(s));
        x += c->p->series_count > 1 ? (is_line ? 29 : 19) : 0;
        fprintf(c->to, "<text x=\"%.1f\" y=\"38\">", x);
        markup_text(c->to, name);
        if (c->p->series_count == 1 && unit[0])
            fprintf(c->to, " (%s)", unit);
        fputs("</text>\n", c->to);
        x += width + 18;
    }
}

static void grid(const struct chart *c)
{
    char text[PLOT_LABEL];
    for (double at = scale_next_tick(&c->y, NAN); !isnan(at); at = scale_next_tick(&c->y, at)) {
        double y = scale_at(&c->y, at);
        fprintf(c->to, "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n",
                LEFT, PLOT_WIDTH - RIGHT, y, y);
        label(c, LEFT - 6, y + 4, "end", plot_tick(c->p, at, text));
    }
    if (c->y.is_log)
        label(c, PLOT_WIDTH - RIGHT, TOP - 6, "end", report_word(c->p->language, "head", "log"));
}

/* ---- over time ---- */

static double x_of(const struct chart *c, double row)
{
    return LEFT + (row + 0.5) * (PLOT_WIDTH - LEFT - RIGHT) / (double)c->p->count;
}

static bool is_gap(const struct plot *p, size_t row)
{
    const json_t *coverage = json_object_get(plot_row(p, row), "coverage");
    if (coverage)
        return json_number_value(coverage) <= 0;
    for (size_t s = 0; s < p->series_count; s++)
        if (!isnan(plot_value(p, s, row)))
            return false;
    return true;
}

static void shade_gaps(const struct chart *c)
{
    bool is_any = false;
    for (size_t i = 0; i < c->p->count; i++) {
        size_t first = i;
        while (i < c->p->count && is_gap(c->p, i))
            i++;
        if (i == first)
            continue;
        fprintf(c->to,
                "<rect class=\"gap\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%.1f\" "
                "fill=\"#e4e4e4\"/>\n",
                x_of(c, (double)first - 0.5), TOP, x_of(c, (double)i) - x_of(c, (double)first),
                c->height - TOP - BOTTOM);
        is_any = true;
    }
    if (is_any) {
        fprintf(c->to, "<rect x=\"%d\" y=\"%.0f\" width=\"14\" height=\"10\" fill=\"#e4e4e4\"/>\n",
                LEFT, c->height - 15);
        label(c, LEFT + 20, c->height - 6, "start", report_word(c->p->language, "head", "gap"));
    }
}

/* Months where there are several, else weeks, else every day. */
static void time_axis(const struct chart *c)
{
    char text[REPORT_CELL], before[REPORT_CELL] = "";
    size_t every = c->p->count > 62 ? 0 : c->p->count > 14 ? 7 : 1;
    for (size_t i = 0; i < c->p->count; i++) {
        x_name(c, i, text);
        bool is_month = strlen(text) == 10 && strcmp(text + 8, "01") == 0;
        if (every ? i % every != 0 : !is_month)
            continue;
        double x = x_of(c, (double)i - 0.5);
        fprintf(c->to, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#888\"/>\n",
                x, x, c->height - BOTTOM, c->height - BOTTOM + 5);
        /* The year only where it is another, beside it no day: there is room for so much. */
        bool is_same_year = strncmp(before, text, 4) == 0;
        if (!every && !is_same_year)
            text[strlen("2026-01")] = 0;
        label(c, x + 2, c->height - BOTTOM + 17, "start",
              is_same_year && strlen(text) == 10 ? text + 5 : text);
        strcpy(before, text);
    }
}

static void line(const struct chart *c, size_t series)
{
    bool is_drawing = false;
    fprintf(c->to,
            "<path fill=\"none\" stroke=\"%s\" stroke-width=\"1.6\" stroke-linejoin=\"round\" "
            "stroke-linecap=\"round\" stroke-dasharray=\"%s\" d=\"",
            plot_color(series), plot_dash(series));
    for (size_t i = 0; i < c->p->count; i++) {
        double value = plot_value(c->p, series, i);
        bool is_known = !isnan(value) && !is_gap(c->p, i);
        if (is_known)
            fprintf(c->to, "%s%.1f %.1f", is_drawing ? "L" : "M", x_of(c, (double)i),
                    scale_at(&c->y, value));
        /* A day between two gaps is a dot. */
        bool is_last = i + 1 == c->p->count || isnan(plot_value(c->p, series, i + 1));
        if (is_known && !is_drawing && is_last)
            fputs("h0.1", c->to);
        is_drawing = is_known;
    }
    fputs("\"/>\n", c->to);
}

static void draw_lines(struct chart *c)
{
    c->height = HEIGHT;
    c->y = plot_scale(c->p, HEIGHT - BOTTOM, TOP);
    begin(c);
    legend(c, true);
    shade_gaps(c);
    grid(c);
    time_axis(c);
    for (size_t s = 0; s < c->p->series_count; s++)
        line(c, s);
}

/* ---- years, months ---- */

static void column_names(const struct chart *c)
{
    char text[REPORT_CELL];
    size_t every = c->p->count / 14 + 1;
    for (size_t i = 0; i < c->p->count; i += every)
        label(c, x_of(c, (double)i), c->height - BOTTOM + 17, "middle", x_name(c, i, text));
}

/* On a logarithmic axis no bar, whose length would say nothing: dots with a line. */
static void draw_dots(struct chart *c)
{
    char text[PLOT_LABEL];
    c->height = HEIGHT;
    c->y = plot_scale(c->p, HEIGHT - BOTTOM, TOP);
    begin(c);
    legend(c, true);
    grid(c);
    column_names(c);
    for (size_t s = 0; s < c->p->series_count; s++) {
        line(c, s);
        for (size_t i = 0; i < c->p->count; i++) {
            double value = plot_value(c->p, s, i);
            if (isnan(value))
                continue;
            fprintf(c->to, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"/>\n",
                    x_of(c, (double)i), scale_at(&c->y, value), plot_color(s));
            label(c, x_of(c, (double)i), scale_at(&c->y, value) - 9, "middle",
                  plot_tick(c->p, value, text));
        }
    }
}

static void draw_columns(struct chart *c, bool is_stack)
{
    double width = (PLOT_WIDTH - LEFT - RIGHT) / (double)c->p->count * 0.7;
    width = width < COLUMN_MOST ? width : COLUMN_MOST;
    c->height = HEIGHT;
    c->y = plot_scale(c->p, HEIGHT - BOTTOM, TOP);
    if (is_stack)
        c->y.high = 1;
    begin(c);
    legend(c, false);
    grid(c);
    column_names(c);
    for (size_t i = 0; i < c->p->count; i++) {
        double below = 0;
        for (size_t s = 0; s < c->p->series_count; s++) {
            double value = plot_value(c->p, s, i), part = width / (double)c->p->series_count;
            if (isnan(value))
                continue;
            double top = scale_at(&c->y, below + value), bottom = scale_at(&c->y, below);
            double x = x_of(c, (double)i) - width / 2 + (is_stack ? 0 : part * (double)s);
            fprintf(c->to,
                    "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\" "
                    "stroke=\"#fff\" stroke-width=\"0.5\"/>\n",
                    x, top, is_stack ? width : part, bottom - top, plot_color(s));
            below += is_stack ? value : 0;
        }
    }
}

/* ---- names ---- */

/* Behind the longest bar of a row: "23.4 % / 9.6 %". */
static void bar_label(const struct chart *c, size_t row, double end, double y)
{
    char all[REPORT_CELL] = "", text[REPORT_CELL];
    size_t used = 0;
    for (size_t s = 0; s < c->p->series_count && used < sizeof all; s++) {
        if (isnan(plot_value(c->p, s, row)))
            continue;
        report_cell(plot_row(c->p, row), c->p->columns[s], c->p->language, text);
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", used ? " / " : "", text);
    }
    label(c, end + 6, y, "start", all);
}

static void draw_bars(struct chart *c)
{
    const struct plot *p = c->p;
    char text[REPORT_CELL];
    c->height = TOP + (double)p->count * ROW + 12;
    c->y = plot_scale(p, NAME_LEFT, PLOT_WIDTH - RIGHT - VALUE * (p->series_count > 1 ? 1.6 : 1));
    c->y.high = p->most > 0 ? p->most : 1;
    begin(c);
    legend(c, false);
    for (size_t i = 0; i < p->count; i++) {
        double top = TOP + (double)i * ROW, thick = (ROW - 6) / (double)p->series_count;
        double longest = NAME_LEFT;
        label(c, NAME_LEFT - 8, top + ROW / 2.0 + 1, "end", x_name(c, i, text));
        for (size_t s = 0; s < p->series_count; s++) {
            double value = plot_value(p, s, i), end = scale_at(&c->y, isnan(value) ? 0 : value);
            fprintf(
                c->to, "<rect x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n",
                NAME_LEFT, top + thick * (double)s, end - NAME_LEFT, thick - 0.5, plot_color(s));
            longest = end > longest ? end : longest;
        }
        bar_label(c, i, longest, top + ROW / 2.0 + 1);
    }
}

void report_write_chart(FILE *to, const json_t *root, const json_t *figure,
                        enum report_language language)
{
    struct plot p;
    struct chart c = {.to = to, .p = &p, .figure = figure, .id = report_text_of(figure, "id")};
    const char *kind = report_text_of(figure, "kind");
    if (plot_init(&p, root, figure, language)) {
        bool is_columns = strcmp(report_text_of(p.x, "id"), "period") == 0;
        if (strcmp(kind, "lines") == 0)
            draw_lines(&c);
        else if (strcmp(kind, "stack") == 0 || (is_columns && !p.is_log))
            draw_columns(&c, strcmp(kind, "stack") == 0);
        else if (is_columns)
            draw_dots(&c);
        else
            draw_bars(&c);
        fputs("</svg>\n", to);
    }
    plot_finish(&p);
}
