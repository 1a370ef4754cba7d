/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the SQLite extension share.
 */
#ifndef DARKSCOPE_EXTENSION_H
#define DARKSCOPE_EXTENSION_H

#include "store/facts.h"

/* Of a connection: which store its tables show. Owned by SQLite, through the function that sets it.
 */
struct shown {
    char *directory; /* of sqlite3_malloc; NULL: none yet */
};

/* What a table has rows of. */
struct table_kind {
    const char *name;
    enum level level;
    bool by_country;
};

/* Cells of a store, of one level, in no order. */
struct rows {
    struct ds_store *store;
    enum level level;
    struct ds_filter filter;
    struct fact_request ask;
    struct found *found; /* pieces, and their files */
    size_t count, next;
    struct store_file *file; /* being read */
    struct cells cells;
    bool is_reading;
    int64_t sensor; /* the last whose name was asked for */
    char sensor_name[DS_NAME_MAX + 1];
};

/* Opens the store. from_s and to_s: of the starts of rows; the other parts of the question are in
 * filter and sensor, which is borrowed. 0, or -1 with err; ds_rows_finish in any case. */
int ds_rows_begin(struct rows *r, const char *directory, const struct table_kind *kind,
                  const struct ds_filter *filter, const struct ds_range *range,
                  struct ds_error *err);
/* 1 and *out, 0 at the end, -1. */
int ds_rows_next(struct rows *r, struct cell_at *out, struct ds_error *err);
/* The name of the sensor of the row that came last; "" where it has none. */
const char *ds_rows_sensor(struct rows *r, int64_t sensor);
void ds_rows_finish(struct rows *r);

#endif
