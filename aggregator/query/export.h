/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables to take away: what `darkscope export` and the API's /api/v1/export give. Each table is
 * described once, in export_tables.c: rows are filled, written, made into an Avro schema and
 * explained in the data dictionary from that description, so that none of them can say otherwise.
 */
#ifndef DARKSCOPE_QUERY_EXPORT_H
#define DARKSCOPE_QUERY_EXPORT_H

#include "query.h"

enum ds_export_type {
    DS_EXPORT_TEXT, /* UTF-8 */
    DS_EXPORT_COUNT,
    DS_EXPORT_REAL,
    DS_EXPORT_TIME, /* milliseconds since 1970, UTC; as text ISO 8601 in the zone asked for */
    DS_EXPORT_FLAG,
};

/* How a figure is known. */
enum ds_export_certainty {
    DS_EXPORT_EXACT,
    DS_EXPORT_STATED, /* exact or estimated: the column behind it says which */
    DS_EXPORT_ESTIMATED,
    DS_EXPORT_FLOOR,    /* at least so much */
    DS_EXPORT_IF_FLOOR, /* exact, or at least so much where the column floor says so */
    DS_EXPORT_CERTAINTY_COUNT
};

struct ds_export_column {
    const char *name;
    const char *unit; /* "" where it has none */
    enum ds_export_type type;
    enum ds_export_certainty certainty;
    const char *definition;
    const char *null; /* what it means that there is no value; NULL: there always is one */
};

#define DS_EXPORT_COLUMNS_MAX 40 /* of a table */

struct ds_export_table {
    const char *name;
    const char *title;      /* a row is ... */
    const char *definition; /* what else must be known */
    const uint8_t *columns; /* for ds_export_column and ds_export_is_key */
    size_t column_count;
    unsigned takes; /* private to the query engine: options */
    uint8_t by;     /* likewise: enum ds_by, */
    uint8_t fill;   /* and what fills it */
};

/* The i-th table, NULL behind the last. Static. */
const struct ds_export_table *ds_export_table(size_t i);
/* NULL where unknown. */
const struct ds_export_table *ds_export_find(const char *name);
/* "series, ports, ... or sensor-list". Returns out. */
#define DS_EXPORT_NAMES_BYTES 256
const char *ds_export_names(char out[static DS_EXPORT_NAMES_BYTES]);
/* The i-th column of a table. */
const struct ds_export_column *ds_export_column(const struct ds_export_table *table, size_t i);
/* Does it, with the other keys, tell rows apart? */
bool ds_export_is_key(const struct ds_export_table *table, size_t i);
/* "port proto country step limit from to tz sensor": the options that it takes. Returns out. */
#define DS_EXPORT_OPTIONS_BYTES 160
const char *ds_export_options(const struct ds_export_table *table,
                              char out[static DS_EXPORT_OPTIONS_BYTES]);
/* "exact", "at least", ... Static. */
const char *ds_export_certainty_text(enum ds_export_certainty certainty);
const char *ds_export_type_name(enum ds_export_type type); /* "text", "count", ... */

/* ---- rows ---- */

struct ds_export_value {
    bool is_null;
    union {
        const char *text; /* borrowed for the call */
        uint64_t count;
        double real;
        int64_t time_ms;
        bool flag;
    };
};

/* Gets a row: a value for each column of the table, in their order. Any return but 0 ends it. */
typedef int ds_export_row_fn(void *arg, const struct ds_export_value *values);

/* What an export is about to give: before the first row. */
struct ds_export_head {
    const struct ds_export_table *table;
    const struct ds_calendar *calendar; /* of the times as text; valid until the end */
};
typedef int ds_export_head_fn(void *arg, const struct ds_export_head *head);

struct ds_export_sink {
    ds_export_head_fn *head; /* NULL: not wanted */
    ds_export_row_fn *row;
    void *arg;
};

/* Answers a question of kind DS_QUERY_EXPORT. Rows come as they are read; memory does not grow with
 * the length of the time asked for. 0; 1 where the sink ended it; or -1 with err, as
 * ds_query_run. */
int ds_export_run(const struct ds_query *query, struct ds_store *store,
                  const struct ds_export_sink *sink, struct ds_error *err);

/* ---- rows as text (export_text.c) ---- */

struct ds_export_text; /* one line of text at a time */

/* NULL without memory. */
struct ds_export_text *ds_export_text_create(bool is_csv, const struct ds_export_head *head);
void ds_export_text_destroy(struct ds_export_text *text); /* accepts NULL */

/* The line with the names of the columns, with units: "packets [packets],..."; of JSON Lines it is
 * empty. Borrowed until the next call; NULL without memory. */
const char *ds_export_text_head(struct ds_export_text *text, size_t *size);
/* A row, with its line's end. */
const char *ds_export_text_row(struct ds_export_text *text, const struct ds_export_value *values,
                               size_t *size);

#endif
