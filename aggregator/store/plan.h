/* SPDX-License-Identifier: Apache-2.0
 *
 * Which files and levels answer for a time: the coarsest that fit the edges of what is asked for,
 * finer ones at the borders, each window once. docs/storage.md says what is kept how long.
 */
#ifndef DARKSCOPE_STORE_PLAN_H
#define DARKSCOPE_STORE_PLAN_H

#include "sqlite.h"

enum level { LEVEL_WINDOW, LEVEL_HOUR, LEVEL_DAY };

/* What is in one file on one level: windows, hours or days that start in [from_s, to_s). */
struct piece {
    enum level level;
    int64_t from_s, to_s;
    int64_t below;  /* hours and days of generations below this */
    bool only_open; /* windows whose hour is not rolled up */
    bool is_cut;    /* small cells by port and country are not there */
    bool is_month;  /* days that are all of their file's: its sums of the month are theirs */
    int64_t at_s;   /* not -1: all of it counts for this time (its windows are in one bucket, though
                       the hour or day is not) */
};

/* "window", "hour", "day". */
const char *ds_level_name(enum level level);

/* A statement about a piece, with its range and the sensor bound; NULL with err. Of windows, or of
 * hours and days: in the text @ stands for "hour" or "day", # for the condition. sensor stays as it
 * is while the statement is used. */
sqlite3_stmt *ds_piece_prepare(struct store_file *f, const struct piece *piece, const char *sensor,
                               const char *of_windows, const char *of_levels, struct ds_error *err);

struct plan {
    const struct ds_buckets *buckets;
    bool wants_all_cells; /* rather read finer levels than cut ones */
    bool takes_months;    /* of cells: sums of months, too */
};

typedef int piece_fn(void *arg, struct store_file *f, const struct piece *piece,
                     struct ds_error *err);

/* Walks the pieces. What each returns but 0 ends it, and is returned. Begins the operation on the
 * store; the caller ends it by ds_files_release. -1 with err, also where an edge is in the middle
 * of what is kept as a whole (DS_USAGE). */
int ds_plan_walk(struct sqlite_store *s, const struct plan *plan, piece_fn *each, void *arg,
                 struct ds_error *err);

/* The bucket of a time: -1 before the first, count behind the last. */
int64_t ds_bucket_of(const struct ds_buckets *b, int64_t at_s);

#endif
