/* SPDX-License-Identifier: Apache-2.0
 *
 * Sketches of unique sources in the store: of a window as they came, of an hour and a day united, a
 * row for each. docs/storage.md says what is kept.
 */
#ifndef DARKSCOPE_STORE_SKETCHES_H
#define DARKSCOPE_STORE_SKETCHES_H

#include "sqlite.h"

/* Hours in their own files: less precise, and of fewer ports. */
#define ROLL_SKETCH_PRECISION      12u
#define ROLL_SKETCH_PRECISION_PORT 10u
#define ROLL_SKETCH_PORTS          256u

/* A key as text: "JP", "scan", "tcp", "mirai", "scan/tcp/23". */
#define STORE_SKETCH_KEY_BYTES 64
const char *ds_sketch_kind_name(unsigned kind);
void ds_sketch_key_text(const struct ds_sketch_key *key, char out[static STORE_SKETCH_KEY_BYTES]);
/* Back; false where it is none. */
bool ds_sketch_key_parse(const char *kind, const char *text, struct ds_sketch_key *key);

/* In the transaction of the window, which has been inserted. 0 or -1. */
int ds_sketches_insert(struct store_file *f, int64_t sensor, const struct ds_window *w,
                       struct ds_error *err);
/* A column of window_sketch into *out, zeroed and the caller's to finish in any case. NULL: nothing
 * is known. 0 or -1. */
int ds_sketches_column(struct store_file *f, sqlite3_stmt *stmt, int column,
                       struct ds_sketches *out, struct ds_error *err);
/* One of hour_sketch or day_sketch, likewise. */
int ds_sketch_column(struct store_file *f, sqlite3_stmt *stmt, int column, struct ds_sketch *out,
                     struct ds_error *err);

/* What hosts of hour_sketch and day_sketch says: how many unique hosts a sketch estimates; of
 * addresses, how many it has. */
double ds_sketch_hosts(const struct ds_sketch *s);

/* One of them as it is stored: what it says alone need not be unpacked. */
struct stored_sketch {
    struct store_file *file; /* in use as long as this is */
    unsigned char *packed;
    size_t size;
    struct ds_estimate sources;
};

/* Columns hosts and sketch, the first at column, into *out; packed is the caller's to free. 0 or
 * -1. */
int ds_stored_sketch(struct store_file *f, sqlite3_stmt *stmt, int column,
                     struct stored_sketch *out, struct ds_error *err);
/* *out: as ds_sketch_column. */
int ds_stored_sketch_unpack(const struct stored_sketch *stored, struct ds_sketch *out,
                            struct ds_error *err);

/* A row of hour_sketch, packed and not written yet. */
struct packed_sketch {
    unsigned kind;
    char key[STORE_SKETCH_KEY_BYTES];
    uint32_t windows;
    double hosts;
    unsigned char *packed;
    size_t size;
};

/* Those of an hour. Zeroed to begin with. */
struct packed_sketches {
    bool known; /* else the hour has none */
    uint64_t secret_id;
    struct packed_sketch *rows;
    size_t count;
};
void ds_packed_sketches_finish(struct packed_sketches *all);

/* roll_sketches.c. The hour of its windows, in a snapshot, without the mutex; and in a transaction,
 * as those of roll.h, what was made of it. */
int ds_roll_sketches_hour(struct store_file *minutes, int64_t start_s, int64_t sensor,
                          struct packed_sketches *out, struct ds_error *err);
int ds_roll_sketches_write(struct store_file *minutes, int64_t start_s, int64_t sensor,
                           const struct packed_sketches *all, struct ds_error *err);
/* In a transaction: of the attached minutes' hours the day, and, where they have a file of their
 * own (else NULL), these hours. */
int ds_roll_sketches_day(struct store_file *days, struct store_file *hours, int64_t day_s,
                         int64_t sensor, int64_t generation, struct ds_error *err);

#endif
