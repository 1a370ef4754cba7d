/* SPDX-License-Identifier: Apache-2.0
 *
 * Figures of a filter: which kind of table has them, and its rows in a piece of time. A fact comes
 * from the smallest table that has it.
 */
#ifndef DARKSCOPE_STORE_FACTS_H
#define DARKSCOPE_STORE_FACTS_H

#include "builder.h"
#include "group.h"
#include "plan.h"

enum fact {
    FACT_TOTAL, /* up to FACT_SIGNATURE: small tables */
    FACT_CLASS,
    FACT_COUNTRY,
    FACT_TYPE,
    FACT_PROTOCOL,
    FACT_DEVICE,
    FACT_SIGNATURE,
    FACT_PORT,         /* cells: CHUNK_PORT, */
    FACT_PORT_COUNTRY, /* CHUNK_PORT_COUNTRY, */
    FACT_SUMS,         /* and CHUNK_COUNTRY */
};

static inline enum chunk_kind ds_fact_chunks(enum fact fact)
{
    return (enum chunk_kind)(fact - FACT_PORT);
}

bool ds_filter_is_empty(const struct ds_filter *f);
/* Of the figures of all packets of a filter together. */
enum fact ds_fact_of(const struct ds_filter *f);
/* Of a row for each of what a table is by. */
enum fact ds_fact_of_rows(enum ds_by by, const struct ds_filter *f);
/* What is kept for a kind of fact, whether or not there is any. per_port: each figure is of one
 * port. */
struct ds_figures ds_fact_kept(enum fact fact, const struct ds_filter *f, bool per_port);

/* A row of a small table, or several added up: by time where they were asked by time, else by key.
 */
struct fact_row {
    int64_t start_s;
    sqlite3_stmt *key; /* its first column is the key */
    struct group group;
};

typedef int fact_fn(void *arg, const struct fact_row *row);

/* What is asked of a piece. */
struct fact_request {
    enum fact fact;
    const struct ds_filter *filter;
    const char *sensor; /* NULL: all */
    bool by_time;
    bool by_time_and_key; /* a row of each; key is the first column */
};

/* Walks a small table. */
int ds_facts_walk(struct store_file *f, const struct piece *piece, const struct fact_request *ask,
                  fact_fn *each, void *arg, struct ds_error *err);

/* ---- cells.c ---- */

/* Keys that may be wanted: a stretch, or one in each class. */
struct stretch {
    uint64_t first, last;
};

/* A cell, and when: the start of its window, hour or day. */
struct cell_at {
    int64_t at_s, sensor;
    struct ds_chunk_cell cell;
};

/* The cells of a piece, one after the other. Private to cells.c, but for finishing. */
struct cells {
    struct store_file *file;
    const struct piece *piece;
    const struct fact_request *ask;
    struct stretch stretches[DS_CLASS_COUNT];
    size_t stretch_count, next_stretch;
    sqlite3_stmt *stmt; /* gives chunks of the stretch */
    struct ds_chunk chunk;
    struct stretch keys;     /* that are being read */
    int64_t start_s, sensor; /* of the chunk */
    bool sums_countries;     /* of a port in a window */
    bool has_port;
    struct cell_at port; /* being summed */
};

/* piece and ask stay as they are until ds_cells_finish. */
void ds_cells_begin(struct cells *c, struct store_file *f, const struct piece *piece,
                    const struct fact_request *ask);
/* 1 and *out, 0 at the end, or -1. */
int ds_cells_next(struct cells *c, struct cell_at *out, struct ds_error *err);
void ds_cells_finish(struct cells *c);

/* All of them. */
typedef int cell_fn(void *arg, int64_t at_s, const struct ds_chunk_cell *cell);
int ds_cells_walk(struct store_file *f, const struct piece *piece, const struct fact_request *ask,
                  cell_fn *each, void *arg, struct ds_error *err);

#endif
