/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON rows as an aligned table or as CSV. A column that no row has is left out, since which
 * figures are kept depends on the question. A table on a terminal also leaves out what does not
 * fit; $COLUMNS sets the width elsewhere.
 */
#ifndef DARKSCOPE_TOOLS_TABLE_H
#define DARKSCOPE_TOOLS_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

enum column_kind {
    COLUMN_TEXT,    /* left-aligned; control characters shown as ? */
    COLUMN_PORT,    /* "23/tcp" of port and proto, see table_port; in CSV two columns */
    COLUMN_PROTO,   /* "6 tcp"; in CSV as it is */
    COLUMN_LIST,    /* an array of texts, blanks between them */
    COLUMN_NUMBER,  /* an identifier: right-aligned, as it is */
    COLUMN_COUNT,   /* right-aligned, thousands separated */
    COLUMN_RARE,    /* a count; not in a table where it is 0 in every row */
    COLUMN_SECONDS, /* with one decimal */
    COLUMN_SHARE,   /* 0..1 as percent */
    COLUMN_CHANGE,  /* -1.. as percent with its sign */
    COLUMN_SOURCES, /* a count, with ~ where KEY_error says that it is estimated */
    COLUMN_BAR,     /* its length is the count's part of the largest; not in CSV; last */
};

#define SPARE_IN_TABLES 10

struct column {
    const char *key; /* of the row's object; the header in CSV */
    const char *title;
    enum column_kind kind;
    int spare; /* where room is short the highest are left out first; 0: never; SPARE_IN_TABLES: CSV
                  alone has it */
};

/* Columns of the terminal that to is, or $COLUMNS; 0: neither, so any width will do. */
int table_width(FILE *to);
/* Does the terminal show UTF-8? */
bool table_is_utf8(void);

void table_print(FILE *to, const json_t *rows, const struct column *columns, size_t count);
void csv_print(FILE *to, const json_t *rows, const struct column *columns, size_t count);

/* A number with thousands separators, "-" for null or none. */
#define TABLE_CELL 80
const char *table_count(const json_t *value, char out[static TABLE_CELL]);
const char *table_percent(const json_t *value, char out[static TABLE_CELL]);
/* The cell of a column in a row; "" for a bar. */
const char *table_cell(const json_t *row, const struct column *column, char out[static TABLE_CELL]);

/* The service of an object with port and proto: "23/tcp", "8/0/icmp echo request". What stands
 * before a blank is what --port takes. */
const char *table_port(const json_t *object, char out[static TABLE_CELL]);

/* "6 tcp" of the JSON's "tcp", "47 gre" of "47". */
const char *table_proto(const char *proto, char out[static TABLE_CELL]);

/* An array of texts, blanks between them, cut where too long; "-" for none. */
const char *table_list(const json_t *value, char out[static TABLE_CELL]);

/* A text, "-" for none. */
const char *table_text(const json_t *value, char out[static TABLE_CELL]);

/* One CSV field, quoted where it must be; nothing for null. */
void csv_field(FILE *to, const json_t *value);

/* "2026-01-01T00:00:00Z to 2026-01-02T00:00:00Z, all 2 sensors, coverage 98.7 %" and what stands in
 * totals (the object with coverage). */
void table_period(FILE *to, const json_t *answer, const json_t *coverage);

/* "Compared with ... to ..., coverage ...", where the answer compares. */
void table_compare(FILE *to, const json_t *answer);

/* The packets of the part-th of so many equal parts of the rows as one line of small bars. A blank
 * is a time that nobody watched. Nothing for a single row. */
void table_spark(FILE *to, const json_t *rows, size_t part, size_t parts);

/* How to see what comes behind the rows, where there is more. */
void table_next(FILE *to, const json_t *answer);

#endif
