/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening and closing the SQLite store, and the few helpers that its other files use on
 * statements. A crash at any point leaves a store that opens again with all that was committed:
 * that is SQLite's WAL with synchronous=FULL, nothing of ours.
 */
#include "sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_FILE       "darkscope.lock"
#define BUSY_TIMEOUT_MS 5000
#define PROGRESS_STEPS  1000 /* of SQLite's machine, some 20 us */
#define PATH_BYTES      4096

/* page_size comes before the first table. 4000 pages of WAL: fewer, longer checkpoints; it is cut
 * to 64 MB after a larger window, and to nothing at the end. */
#define WRITER_PRAGMAS                                                                             \
    "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"               \
    "PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 4000;"                                  \
    "PRAGMA journal_size_limit = 67108864"

static const char *advice(int code)
{
    switch (code) {
    case SQLITE_FULL:
        return "the disk is full; free some space";
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return "it is not writable; check owner and mode of the directory and its files";
    case SQLITE_CANTOPEN:
        return "it cannot be opened; check owner and mode of the directory and its files";
    case SQLITE_CORRUPT:
        return "the file is damaged; move it away or restore a copy";
    case SQLITE_NOTADB:
        return "the file is not a darkscope store; name another directory (nothing was changed)";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return "another program holds it; close what has it open";
    case SQLITE_IOERR:
        return "reading or writing the disk failed; check the file system and its free space";
    default:
        return NULL;
    }
}

int ds_sqlite_error(struct sqlite_store *s, const char *doing, struct ds_error *err)
{
    int code = sqlite3_errcode(s->db) & 0xff;
    enum ds_status status = code == SQLITE_READONLY || code == SQLITE_PERM ? DS_PERMISSION
                            : code == SQLITE_NOMEM                         ? DS_FAILURE
                                                                           : DS_DATABASE;
    const char *why = advice(code);
    return ds_error(err, status, "store %s: cannot %s: %s", s->directory, doing,
                    why ? why : sqlite3_errmsg(s->db));
}

int ds_sqlite_exec(struct sqlite_store *s, const char *sql, struct ds_error *err)
{
    if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return ds_sqlite_error(s, "write", err);
    return 0;
}

sqlite3_stmt *ds_sqlite_prepare(struct sqlite_store *s, const char *sql, struct ds_error *err)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) != SQLITE_OK) {
        ds_sqlite_error(s, "read", err);
        return NULL;
    }
    return stmt;
}

int ds_sqlite_step(struct sqlite_store *s, sqlite3_stmt *stmt, struct ds_error *err)
{
    switch (sqlite3_step(stmt)) {
    case SQLITE_ROW:
        return 1;
    case SQLITE_DONE:
        return 0;
    default:
        return ds_sqlite_error(s, sqlite3_stmt_readonly(stmt) ? "read" : "write", err);
    }
}

void ds_sqlite_bind_int(sqlite3_stmt *stmt, const char *name, int64_t value)
{
    int index = sqlite3_bind_parameter_index(stmt, name);
    if (index)
        sqlite3_bind_int64(stmt, index, value);
}

void ds_sqlite_bind_range(sqlite3_stmt *stmt, const struct ds_range *range)
{
    ds_sqlite_bind_int(stmt, ":from", range->from_s);
    ds_sqlite_bind_int(stmt, ":to", range->to_s);
    int index = sqlite3_bind_parameter_index(stmt, ":sensor");
    if (index)
        sqlite3_bind_text(stmt, index, range->sensor, -1, SQLITE_STATIC);
}

uint64_t ds_sqlite_u64(sqlite3_stmt *stmt, int column)
{
    sqlite3_int64 value = sqlite3_column_int64(stmt, column);
    return value > 0 ? (uint64_t)value : 0;
}

void ds_sqlite_text(sqlite3_stmt *stmt, int column, char *out, size_t size)
{
    const unsigned char *text = sqlite3_column_text(stmt, column);
    snprintf(out, size, "%s", text ? (const char *)text : "");
}

/* ---- opening and closing ---- */

static void destroy(struct ds_store *store)
{
    struct sqlite_store *s = sqlite_of(store);
    sqlite3_close(s->db);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    free(s->directory);
    free(s);
}

static const struct ds_store_ops ops = {
    .put = ds_sqlite_put,
    .series = ds_sqlite_series,
    .top = ds_sqlite_top,
    .totals = ds_sqlite_totals,
    .sensors = ds_sqlite_sensors,
    .windows = ds_sqlite_windows,
    .attacks = ds_sqlite_attacks,
    .first_seen = ds_sqlite_first_seen,
    .load = ds_sqlite_load,
    .destroy = destroy,
};

static int system_error(const struct sqlite_store *s, const char *doing, struct ds_error *err)
{
    int number = errno;
    bool forbidden = number == EACCES || number == EPERM || number == EROFS;
    return ds_error(err, forbidden ? DS_PERMISSION : DS_DATABASE, "store %s: cannot %s: %s%s",
                    s->directory, doing, strerror(number),
                    forbidden          ? "; name a directory that you may write"
                    : number == ENOENT ? "; make the directory above it first, or name another"
                                       : "");
}

/* Makes the directory and keeps other writers out for as long as this process lives. */
static int lock_directory(struct sqlite_store *s, struct ds_error *err)
{
    char path[PATH_BYTES];
    if ((size_t)snprintf(path, sizeof path, "%s/" LOCK_FILE, s->directory) >= sizeof path)
        return ds_error(err, DS_DATABASE, "store: the directory's name is too long");
    if (mkdir(s->directory, 0750) < 0 && errno != EEXIST)
        return system_error(s, "create the directory", err);
    s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (s->lock_fd < 0)
        return system_error(s, "open " LOCK_FILE, err);
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno != EWOULDBLOCK)
        return system_error(s, "lock " LOCK_FILE, err);
    return ds_error(err, DS_DATABASE,
                    "store %s is being written by another process; stop that aggregator first or "
                    "name another directory",
                    s->directory);
}

/* A copy on a read-only medium: SQLite must be told that nobody writes, since it cannot make the
 * files by which readers and a writer agree. A live store has its log beside it. */
static bool is_frozen(const char *path)
{
    char wal[PATH_BYTES];
    if ((size_t)snprintf(wal, sizeof wal, "%s-wal", path) >= sizeof wal || access(wal, F_OK) == 0)
        return false;
    *strrchr(wal, '/') = 0;
    return access(wal, W_OK) < 0;
}

/* The path as a URI that says so; "//" would begin a host's name. */
static void frozen_uri(const char *path, char uri[static 3 * PATH_BYTES])
{
    char *to = stpcpy(uri, path[0] == '/' ? "file://" : "file:");
    for (; *path; path++) {
        if (strchr("?#%", *path))
            to += sprintf(to, "%%%02X", (unsigned char)*path);
        else
            *to++ = *path;
    }
    strcpy(to, "?immutable=1");
}

static int on_progress(void *arg)
{
    const struct ds_store *store = arg;
    return store->is_enough && store->is_enough(store->is_enough_arg);
}

static int open_file(struct sqlite_store *s, enum ds_store_mode mode, struct ds_error *err)
{
    char path[PATH_BYTES], uri[3 * PATH_BYTES + 32];
    if ((size_t)snprintf(path, sizeof path, "%s/" DS_STORE_FILE, s->directory) >= sizeof path)
        return ds_error(err, DS_DATABASE, "store: the directory's name is too long");
    if (mode == DS_STORE_READ && access(path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR))
        return ds_error(err, DS_DATABASE,
                        "store %s: there is no " DS_STORE_FILE " in it; give the directory named "
                        "as store in aggregator.yaml",
                        s->directory);
    bool frozen = mode == DS_STORE_READ && is_frozen(path);
    if (frozen)
        frozen_uri(path, uri);
    int flags =
        mode == DS_STORE_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    flags |= SQLITE_OPEN_NOMUTEX | (frozen ? SQLITE_OPEN_URI : 0);
    if (sqlite3_open_v2(frozen ? uri : path, &s->db, flags, NULL) != SQLITE_OK)
        return ds_sqlite_error(s, "open " DS_STORE_FILE, err);
    sqlite3_busy_timeout(s->db, BUSY_TIMEOUT_MS);
    sqlite3_progress_handler(s->db, PROGRESS_STEPS, on_progress, &s->base);
    return 0;
}

/* The log's (then empty) file stays when the last connection closes, so that who may not write the
 * directory can read at any time. */
static int set_up_writer(struct sqlite_store *s, struct ds_error *err)
{
    int persist = 1;
    if (ds_sqlite_exec(s, WRITER_PRAGMAS, err) < 0)
        return -1;
    sqlite3_file_control(s->db, NULL, SQLITE_FCNTL_PERSIST_WAL, &persist);
    return 0;
}

/* The version is checked before any pragma that writes, so that a foreign file stays as it is. */
static int open_store(struct sqlite_store *s, enum ds_store_mode mode, struct ds_error *err)
{
    if (mode == DS_STORE_WRITE && lock_directory(s, err) < 0)
        return -1;
    if (open_file(s, mode, err) < 0)
        return -1;
    int empty = ds_sqlite_schema_check(s, err);
    if (empty < 0)
        return -1;
    if (mode == DS_STORE_WRITE) {
        if (set_up_writer(s, err) < 0)
            return -1;
        return empty ? ds_sqlite_schema_create(s, err) : 0;
    }
    if (empty)
        return ds_error(err, DS_DATABASE,
                        "store %s: " DS_STORE_FILE " is empty; has an aggregator written to it?",
                        s->directory);
    return 0;
}

int ds_store_open(const char *directory, enum ds_store_mode mode, struct ds_store **out,
                  struct ds_error *err)
{
    struct sqlite_store *s = calloc(1, sizeof *s);
    if (!s)
        return ds_error(err, DS_FAILURE, "out of memory");
    s->base.ops = &ops;
    s->lock_fd = -1;
    s->directory = strdup(directory);
    if (!s->directory || open_store(s, mode, err) < 0) {
        if (!s->directory)
            ds_error(err, DS_FAILURE, "out of memory");
        destroy(&s->base);
        return -1;
    }
    *out = &s->base;
    return 0;
}
