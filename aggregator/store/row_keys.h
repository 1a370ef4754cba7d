/* SPDX-License-Identifier: Apache-2.0
 *
 * What a row of a table is of (a port, a country, a signature, ...) as a number, to add up by.
 */
#ifndef DARKSCOPE_STORE_ROW_KEYS_H
#define DARKSCOPE_STORE_ROW_KEYS_H

#include "sqlite.h"

#define ROW_NAMES_MAX  4096u
#define ROW_NAMES_REST "**" /* stands for those that find no room */

/* Signatures, whose keys are their places in the order they came. Begins as {0}. */
struct row_names {
    char (*all)[DS_SIGNATURE_ID_MAX + 1];
    size_t count;
    bool no_memory;
};

void ds_row_names_finish(struct row_names *names);

/* Of the first column of a small table's row. -1 where there is none: an unknown name, or (names
 * says so) no memory for it. */
int64_t ds_row_key_of_fact(enum ds_by by, struct row_names *names, sqlite3_stmt *stmt);
/* Of a cell, by port, country or class. A port's is class, protocol and port. */
uint32_t ds_row_key_of_cell(enum ds_by by, uint64_t cell_key);
/* Writes it back. */
void ds_row_key_write(enum ds_by by, const struct row_names *names, uint32_t key,
                      struct ds_top_row *row);

#endif
