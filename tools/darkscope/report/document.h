/* SPDX-License-Identifier: Apache-2.0
 *
 * The document: chapters of tables and figures. A table's columns say what they are, in which unit,
 * and whether they are exact; rows are objects by column. share/darkscope/report/schema.json
 * describes it.
 */
#ifndef DARKSCOPE_REPORT_DOCUMENT_H
#define DARKSCOPE_REPORT_DOCUMENT_H

#include "report.h"

/* How a value is shown; the schema has the names. */
enum report_value {
    VALUE_TEXT,
    VALUE_WORD,    /* an id of words.h */
    VALUE_COUNTRY, /* two letters */
    VALUE_DATE,
    VALUE_COUNT,
    VALUE_REAL,
    VALUE_SHARE,  /* 0 to 1 */
    VALUE_CHANGE, /* -1 to ...: now by then, minus 1 */
    VALUE_KIND_COUNT
};

enum report_certainty {
    CERTAIN_EXACT,
    CERTAIN_ESTIMATED, /* its standard error is in the column NAME_error */
    CERTAIN_LOWER,     /* at least so much */
    CERTAIN_UPPER,
    CERTAIN_COUNT
};

struct report_column {
    const char *id;
    enum report_value kind;
    const char *unit; /* NULL: none */
    enum report_certainty certainty;
};

extern const char *const report_value_names[VALUE_KIND_COUNT];
extern const char *const report_certainty_names[CERTAIN_COUNT];

/* All return borrowed objects, NULL without memory (then r->no_memory); NULL is a fit argument
 * wherever they are taken. Columns end with one without id. */
json_t *report_chapter(struct report *r, const char *id);
json_t *report_table(struct report *r, json_t *chapter, const char *id,
                     const struct report_column *columns);
json_t *report_row(struct report *r, json_t *table);
/* Of a column whose certainty is only known from its values. */
void report_set_certainty(struct report *r, json_t *table, const char *column,
                          enum report_certainty certainty);
/* A remark, by its id among the words. */
void report_note(struct report *r, json_t *chapter, const char *id);

struct report_figure {
    const char *id, *table, *x;
    const char *kind;          /* "bars", "lines", "stack" */
    const char *const *series; /* columns, NULL behind the last */
    bool is_log;
};
void report_add_figure(struct report *r, json_t *chapter, const struct report_figure *figure);

/* A member of an object; takes value over. */
void report_set(struct report *r, json_t *object, const char *key, json_t *value);

/* null where a share of nothing is asked for. */
json_t *report_ratio(double part, double whole);
json_t *report_count(uint64_t value);
/* sources and sources_error under these names: null where they are not known. */
void report_set_sources(struct report *r, json_t *row, const char *key,
                        const struct ds_figures *figures);

const json_t *report_find_table(const json_t *root, const char *id);

#endif
