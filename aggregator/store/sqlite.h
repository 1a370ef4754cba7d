/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the SQLite store share. Nothing outside this folder includes it, but the
 * loadable extension and `darkscope store`.
 *
 *   open.c     opening and closing a store            plan.c      which levels answer for a time
 *   files.c    the files of a store's directory       facts.c     small figures of a piece of time
 *   sqlite.c   statements and errors                  cells.c     cells of a piece of time
 *   schema*.c  the tables, and the version            group.c     figures that are being added up
 *   check.c    what may be stored                     series.c    series
 *   write.c    put                                    top.c       top tables
 *   chunk.c    the form of packed cells               list.c      totals, sensors, windows
 *   builder.c  cells into rows of chunks              load.c      one whole window
 *   merge_runs.c  many sorted runs of cells into one  sources.c   the listed sources of a window
 *   roll*.c    minutes to hours to days               attacks.c   the list of attacks
 *   tidy.c     what is to be done                     seen.c      when things were first seen
 *   prune.c    retention                              piece.c     statements about a piece of time
 *   repack.c   months in order of port                info.c      what there is
 *   verify.c   whether all of it is sound             totals.c    sums
 *   unions.c   sketches of several times              hour_cells.c  the cells of an hour
 *   tables.c   tables of many times              row_keys.c  what their rows are of
 */
#ifndef DARKSCOPE_STORE_SQLITE_H
#define DARKSCOPE_STORE_SQLITE_H

#include "store.h"
#include "unions.h"

#include <pthread.h>
#include <sqlite3.h>

#define HOUR_S INT64_C(3600)
#define DAY_S  INT64_C(86400)

enum store_kind {
    STORE_CATALOGUE, /* darkscope.sqlite */
    STORE_MINUTES,   /* minutes-2026-01-31.sqlite: the windows of a UTC day, and its hours */
    STORE_HOURS,     /* hours-2026-01.sqlite */
    STORE_DAYS,      /* days-2026-01.sqlite */
    STORE_KIND_COUNT
};

#define STORE_NAME_BYTES 40
#define STORE_PATH_BYTES 4096
#define STORE_OPEN_MAX   96 /* files open at the same time, of 3 descriptors each */

struct store_file {
    struct sqlite_store *store;
    enum store_kind kind;
    int64_t from_s; /* its period begins */
    sqlite3 *db;
    uint64_t device, inode;
    uint64_t last_use;
    bool is_in_use;     /* by the operation that runs: it has a snapshot */
    int64_t generation; /* of a minutes file; see docs/storage.md */
    char name[STORE_NAME_BYTES];
};

/* Which files there are, by the start of their periods, ascending. */
struct store_list {
    int64_t *from_s;
    size_t count;
};

struct tidy; /* tidy.c */
struct ds_sketch_coder;

/* What a writer's two threads share, the one that puts and the one that tidies: each has its own
 * connections. Who writes or deletes a file of minutes, or uses what is here, holds the mutex: put
 * once its chunks are packed, tidy where it commits. */
struct store_shared {
    pthread_mutex_t mutex;
    struct sqlite_store *putter, *tidier;
    struct tidy *tidy; /* has a mutex of its own */
    struct unions unions;
};

struct sqlite_store {
    struct ds_store base;
    enum ds_store_mode mode;
    int lock_fd;     /* writer: holds the lock that keeps other writers out; else -1 */
    char *directory; /* for error texts; owned */
    struct store_file *files[STORE_OPEN_MAX];
    uint64_t uses;
    struct store_list lists[STORE_KIND_COUNT]; /* as of the operation that runs */
    struct store_shared *shared;               /* writer */
    struct ds_sketch_coder *coder;
};

static inline struct sqlite_store *sqlite_of(struct ds_store *store)
{
    return (struct sqlite_store *)store;
}

/* ---- files.c ---- */

int64_t ds_period_start(enum store_kind kind, int64_t at_s);
int64_t ds_period_end(enum store_kind kind, int64_t from_s);
void ds_file_name(enum store_kind kind, int64_t from_s, char name[static STORE_NAME_BYTES]);
/* False where it is no file of a store (or one of SQLite's beside it). */
bool ds_file_parse(const char *name, enum store_kind *kind, int64_t *from_s);

/* Fills s->lists from the directory. 0 or -1. */
int ds_files_list(struct sqlite_store *s, struct ds_error *err);
bool ds_files_has(const struct sqlite_store *s, enum store_kind kind, int64_t from_s);
/* The index of the first that begins at from_s or later. */
size_t ds_files_find(const struct sqlite_store *s, enum store_kind kind, int64_t from_s);

/* The file whose period begins at from_s, for the operation that runs: what is read of it is of one
 * moment. 0 and borrowed *out, 1 where there is none, -1. */
int ds_file_use(struct sqlite_store *s, enum store_kind kind, int64_t from_s,
                struct store_file **out, struct ds_error *err);

/* The same of a writer's tidier, where its putter may be making the file just now. Takes the mutex
 * where the tidier has not opened it yet. */
int ds_file_use_shared(struct sqlite_store *s, enum store_kind kind, int64_t from_s,
                       struct store_file **out, struct ds_error *err);

/* The same to be written, made where there is none; no snapshot. generation: of a new file. 0 or
 * -1.
 */
int ds_file_write(struct sqlite_store *s, enum store_kind kind, int64_t from_s, int64_t generation,
                  struct store_file **out, struct ds_error *err);

/* Ends the operation: no file has a snapshot any more. */
void ds_files_release(struct sqlite_store *s);
void ds_files_close(struct sqlite_store *s);

/* Deletes a file with what belongs to it. 0 or -1. */
int ds_file_remove(struct sqlite_store *s, enum store_kind kind, int64_t from_s,
                   struct ds_error *err);
/* The same, on a writer's tidier, with the mutex held: for the putter, too. */
int ds_file_remove_shared(struct sqlite_store *s, enum store_kind kind, int64_t from_s,
                          struct ds_error *err);
/* Closes it, if it is open. */
void ds_file_close(struct sqlite_store *s, enum store_kind kind, int64_t from_s);
/* The path of a file of the directory. 0, or -1 where it is too long. */
int ds_file_path(const struct sqlite_store *s, const char *name, char path[static STORE_PATH_BYTES],
                 struct ds_error *err);
int ds_file_system_error(const struct sqlite_store *s, const char *doing, struct ds_error *err);

/* ---- sqlite.c ---- */

/* Fills err from SQLite's last error: what was being done, what went wrong, how to mend it. -1. */
int ds_sqlite_error(struct store_file *f, const char *doing, struct ds_error *err);

/* Says that something in the file is not what was written. -1. */
int ds_sqlite_damaged(struct store_file *f, const char *what, const char *why,
                      struct ds_error *err);

/* Runs statements without results. 0 or -1. */
int ds_sqlite_exec(struct store_file *f, const char *sql, struct ds_error *err);
/* The same with ?1, ?2, ... bound, of one statement. */
int ds_sqlite_exec_with(struct store_file *f, const char *sql, const int64_t *values, size_t count,
                        struct ds_error *err);

/* Compiles one statement; the caller finalizes it. NULL with err filled where that fails. */
sqlite3_stmt *ds_sqlite_prepare(struct store_file *f, const char *sql, struct ds_error *err);

/* Steps: 1 there is a row, 0 done, -1 with err filled. */
int ds_sqlite_step(struct store_file *f, sqlite3_stmt *stmt, struct ds_error *err);

/* The one number that a statement gives, NULL as 0; without a row *out stays. 0 or -1. */
int ds_sqlite_number(struct store_file *f, const char *sql, const int64_t *values, size_t count,
                     int64_t *out, struct ds_error *err);

/* Binds :from, :to and :sensor, those that the statement has. Range must outlive the steps. */
void ds_sqlite_bind_range(sqlite3_stmt *stmt, const struct ds_range *range);
void ds_sqlite_bind_int(sqlite3_stmt *stmt, const char *name, int64_t value);
/* Text stays as it is while the statement is used. */
void ds_sqlite_bind_text(sqlite3_stmt *stmt, const char *name, const char *text);

/* A column that cannot be negative; a negative one (damaged by hand) reads as 0. */
uint64_t ds_sqlite_u64(sqlite3_stmt *stmt, int column);
/* Copies a text column of at most size - 1 bytes, cut where longer. */
void ds_sqlite_text(sqlite3_stmt *stmt, int column, char *out, size_t size);
ds_country ds_sqlite_country(sqlite3_stmt *stmt, int column);
/* The number of an enum's name, -1 where unknown or NULL: name_of is ds_type_name or the like. */
int ds_sqlite_name_index(const char *(*name_of)(unsigned), const char *name);

#define STORE_OF_SENSOR "(:sensor IS NULL OR sensor = (SELECT id FROM sensor WHERE name = :sensor))"
/* The condition of every statement over windows, hours and days. */
#define STORE_IN_RANGE  "start >= :from AND start < :to AND " STORE_OF_SENSOR

/* ---- schema.c ---- */

/* Is the file a darkscope store's of this version, of this kind and period? 0 yes, 1 it is empty,
 * -1 no (err says what it is) or it cannot be read. Writes nothing. Reads generation. */
int ds_schema_check(struct store_file *f, struct ds_error *err);

/* Creates the tables in an empty file. 0 or -1. */
int ds_schema_create(struct store_file *f, int64_t generation, struct ds_error *err);

/* schema_levels.c: the tables of a level ("hour" or "day"), and those of windows; the caller frees
 * them with sqlite3_free. NULL without memory. Files of months have their sketches in order of
 * key, not of time. */
char *ds_schema_level(const char *name, bool is_month);
char *ds_schema_minutes(void);

/* ---- check.c ---- */

/* Why this can never be stored (static text), NULL if it can. */
const char *ds_sqlite_bad_put(const struct ds_store_put *put);

/* ---- the operations ---- */

int ds_sqlite_put(struct ds_store *store, const struct ds_store_put *put, struct ds_error *err);
bool ds_sqlite_put_together(struct ds_store *store, const struct ds_store_put *puts, size_t count);
int ds_sqlite_series(struct ds_store *store, const struct ds_buckets *buckets,
                     const struct ds_filter *filter, ds_point_fn *each, void *arg,
                     struct ds_error *err);
int ds_sqlite_volumes(struct ds_store *store, const struct ds_range *range, ds_volume_fn *each,
                      void *arg, struct ds_error *err);
int ds_sqlite_first_seen(struct ds_store *store, const struct ds_seen *seen, ds_seen_fn *each,
                         void *arg, struct ds_error *err);
int ds_sqlite_top(struct ds_store *store, const struct ds_top *top, ds_top_fn *each, void *arg,
                  struct ds_figures *total, struct ds_error *err);
int ds_sqlite_tables(struct ds_store *store, const struct ds_tables *tables, ds_table_fn *each,
                     void *arg, struct ds_error *err);
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
int ds_sqlite_tidy(struct ds_store *store, const struct ds_retention *keep, int64_t now_s,
                   struct ds_error *err);

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
int ds_sqlite_load_one(struct store_file *f, int64_t start_s, int64_t sensor_id,
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
int ds_sqlite_read_sources(struct store_file *f, sqlite3_stmt *stmt, int first, struct ds_window *w,
                           struct ds_error *err);

#endif
