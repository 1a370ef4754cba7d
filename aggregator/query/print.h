/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers as text: JSON and CSV. Nothing outside this folder includes it.
 */
#ifndef DARKSCOPE_QUERY_PRINT_H
#define DARKSCOPE_QUERY_PRINT_H

#include "answer.h"

struct printer {
    ds_query_write_fn *write;
    void *arg;
    bool is_csv;
    bool has_rows;   /* they were printed one by one */
    bool is_stopped; /* write wants no more */
    size_t rows;     /* printed */
};

void ds_print_text(struct printer *p, const char *text);

/* What is left of an answer when its kind is through. */
void ds_print_end(struct answer *a);

/* ---- csv.c ---- */

/* A row; before the first one a line with its keys. */
void ds_csv_row(struct printer *p, const json_t *row);
/* An answer that was not printed row by row. */
void ds_csv_answer(struct printer *p, enum ds_query_kind kind, const json_t *root);

#endif
