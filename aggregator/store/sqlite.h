/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the SQLite store share. Nothing outside this folder includes it.
 *
 *   sqlite.c  opening, closing, statements, errors       select.c  series and top
 *   schema.c  the tables and the check of their version   list.c    totals, sensors, windows
 *   check.c   what may be stored                          load.c    one whole window
 *   write.c   put                                        sources.c the listed sources of a window
 *   seen.c    when ports and signatures were first seen  attacks.c the list of attacks
 */
#ifndef DARKSCOPE_STORE_SQLITE_H
#define DARKSCOPE_STORE_SQLITE_H

#include "store.h"

#include <sqlite3.h>

struct sqlite_store {
    struct ds_store base;
    sqlite3 *db;
    int lock_fd;     /* writer: holds the lock that keeps other writers out; else -1 */
    char *directory; /* for error texts; owned */
};

static inline struct sqlite_store *sqlite_of(struct ds_store *store)
{
    return (struct sqlite_store *)store;
}

/* ---- sqlite.c ---- */

/* Fills err from SQLite's last error: what was being done, what went wrong, how to mend it. -1. */
int ds_sqlite_error(struct sqlite_store *s, const char *doing, struct ds_error *err);

/* Runs statements without results. 0 or -1. */
int ds_sqlite_exec(struct sqlite_store *s, const char *sql, struct ds_error *err);

/* Compiles one statement; the caller finalizes it. NULL with err filled where that fails. */
sqlite3_stmt *ds_sqlite_prepare(struct sqlite_store *s, const char *sql, struct ds_error *err);

/* Steps: 1 there is a row, 0 done, -1 with err filled. */
int ds_sqlite_step(struct sqlite_store *s, sqlite3_stmt *stmt, struct ds_error *err);

/* Binds :from, :to and :sensor, those that the statement has. Range must outlive the steps. */
void ds_sqlite_bind_range(sqlite3_stmt *stmt, const struct ds_range *range);
void ds_sqlite_bind_int(sqlite3_stmt *stmt, const char *name, int64_t value);

/* A column that cannot be negative; a negative one (damaged by hand) reads as 0. */
uint64_t ds_sqlite_u64(sqlite3_stmt *stmt, int column);
/* Copies a text column of at most size - 1 bytes, cut where longer. */
void ds_sqlite_text(sqlite3_stmt *stmt, int column, char *out, size_t size);

/* The condition of every statement over windows. */
#define STORE_IN_RANGE                                                                             \
    "start >= :from AND start < :to AND"                                                           \
    " (:sensor IS NULL OR sensor = (SELECT id FROM sensor WHERE name = :sensor))"

/* ---- schema.c ---- */

/* Is the file a darkscope store of this version? 0 yes, 1 it is empty, -1 no (err says what it
 * is) or it cannot be read. Writes nothing. */
int ds_sqlite_schema_check(struct sqlite_store *s, struct ds_error *err);

/* Creates the tables in an empty file. 0 or -1. */
int ds_sqlite_schema_create(struct sqlite_store *s, struct ds_error *err);

/* ---- check.c ---- */

/* Why this can never be stored (static text), NULL if it can. */
const char *ds_sqlite_bad_put(const struct ds_store_put *put);

/* ---- the operations ---- */

int ds_sqlite_put(struct ds_store *store, const struct ds_store_put *put, struct ds_error *err);
int ds_sqlite_series(struct ds_store *store, const struct ds_buckets *buckets,
                     const struct ds_filter *filter, ds_point_fn *each, void *arg,
                     struct ds_error *err);
int ds_sqlite_first_seen(struct ds_store *store, const struct ds_seen *seen, ds_seen_fn *each,
                         void *arg, struct ds_error *err);
int ds_sqlite_top(struct ds_store *store, const struct ds_top *top, ds_top_fn *each, void *arg,
                  struct ds_figures *total, struct ds_error *err);
int ds_sqlite_totals(struct ds_store *store, const struct ds_range *range, struct ds_totals *out,
                     struct ds_error *err);
int ds_sqlite_sensors(struct ds_store *store, ds_sensor_fn *each, void *arg, struct ds_error *err);
int ds_sqlite_windows(struct ds_store *store, const struct ds_range *range, uint64_t limit,
                      bool with_sources, ds_window_fn *each, void *arg, struct ds_error *err);
int ds_sqlite_attacks(struct ds_store *store, const struct ds_range *range,
                      const struct ds_filter *filter, uint64_t limit, ds_attack_fn *each, void *arg,
                      struct ds_error *err);
int ds_sqlite_load(struct ds_store *store, int64_t start_s, const char *sensor,
                   struct ds_window *out, struct ds_origin *origin, struct ds_error *err);

/* ---- load.c, also for write.c and list.c ---- */

/* The columns of table window behind (start, sensor), in the order that these two functions and
 * the insert of write.c use. */
#define STORE_WINDOW_COLUMNS                                                                       \
    "start, seconds, observed_ns, parts, addresses, active_addresses, country_db, bytes, sources," \
    " destinations, received, counted, outside, malformed, late, fragment, truncated,"             \
    " dropped_kernel, dropped_interface, dropped_ring, overflow_cells, overflow_pairs,"            \
    " overflow_sources, overflow_destinations, overflow_signatures, overflow_attacks, attacks"
#define STORE_WINDOW_COLUMN_COUNT 27

/* Reads these columns from column first on into w's scalars. Returns parts. */
uint64_t ds_sqlite_read_window(sqlite3_stmt *stmt, int first, struct ds_window *w);

/* Reads a row of window_attack from column first on: victim, proto, country, port, ports,
 * attack_ports, addresses, window_packets, window_bytes, start_ms, last_ms, packets, bytes,
 * mismatches, max_ppm. */
void ds_sqlite_read_attack(sqlite3_stmt *stmt, int first, struct ds_attack *out);

/* Reads a sensor's window with its tables into *out, which the caller finishes on 0. 0, 1 where
 * there is none, -1. */
int ds_sqlite_load_one(struct sqlite_store *s, int64_t start_s, int64_t sensor_id,
                       struct ds_window *out, uint64_t *parts, struct ds_error *err);

/* ---- sources.c ---- */

#define STORE_SOURCES_FORMAT  2
/* The names of all marks, with a comma or the final NUL behind each. */
#define STORE_MARKS_BYTES     (DS_MARKS_MAX * (DS_SIGNATURE_ID_MAX + 1) + 1)
#define STORE_SOURCES_COLUMNS "format, marks, records"

/* Returns out. */
const char *ds_sqlite_join_marks(const struct ds_window *w, char out[static STORE_MARKS_BYTES]);

/* Reads these columns into w, which has no records yet. 0, or -1 with err where they are not what
 * was written. */
int ds_sqlite_read_sources(sqlite3_stmt *stmt, int first, struct ds_window *w,
                           struct ds_error *err);

/* The number of an enum's name, -1 where unknown: name_of is ds_type_name or the like. */
int ds_sqlite_name_index(const char *(*name_of)(unsigned), const char *name);

#endif
