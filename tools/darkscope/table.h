/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON rows as an aligned table or as CSV. A column that no row has is left out, since which
 * figures are kept depends on the question.
 */
#ifndef DARKSCOPE_TABLE_H
#define DARKSCOPE_TABLE_H

#include <jansson.h>
#include <stdio.h>

enum column_kind {
    COLUMN_TEXT,    /* left-aligned; control characters shown as ? */
    COLUMN_PORT,    /* "23/tcp" of port and proto; in CSV two columns */
    COLUMN_COUNT,   /* right-aligned, thousands separated */
    COLUMN_SECONDS, /* whole or with one decimal */
    COLUMN_SHARE,   /* 0..1 as percent */
    COLUMN_BAR,     /* its length is the count's part of the largest; not in CSV; last */
};

struct column {
    const char *key; /* of the row's object; the header in CSV */
    const char *title;
    enum column_kind kind;
};

void table_print(FILE *to, const json_t *rows, const struct column *columns, size_t count);
void csv_print(FILE *to, const json_t *rows, const struct column *columns, size_t count);

/* A number with thousands separators, "-" for null or none. */
#define TABLE_CELL 80
const char *table_count(const json_t *value, char out[static TABLE_CELL]);
const char *table_percent(const json_t *value, char out[static TABLE_CELL]);
/* A text, "-" for none. */
const char *table_text(const json_t *value, char out[static TABLE_CELL]);

/* One CSV field, quoted where it must be; nothing for null. */
void csv_field(FILE *to, const json_t *value);

/* "2026-01-01T00:00:00Z to 2026-01-02T00:00:00Z, all 2 sensors, coverage 98.7 %" and what stands in
 * totals (the object with coverage). */
void table_period(FILE *to, const json_t *answer, const json_t *coverage);

#endif
