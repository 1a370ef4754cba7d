/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of a store's directory. What there is the directory says, so that deleting a file is
 * all that retention needs; each operation looks anew. Connections are kept for the next one.
 */
#include "sqlite.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BUSY_TIMEOUT_MS 5000
#define PROGRESS_STEPS  1000 /* of SQLite's machine, some 20 us */

/* page_size comes before the first table. Foreign keys explain the tables, but a window has 1,000
 * rows and need not be looked up for each. 4000 pages of WAL: fewer, longer checkpoints; it is cut
 * to 64 MB after a larger window, and to nothing at the end. */
#define WRITER_PRAGMAS                                                                             \
    "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"               \
    "PRAGMA foreign_keys = OFF; PRAGMA wal_autocheckpoint = 4000;"                                 \
    "PRAGMA journal_size_limit = 67108864"

static const char *const prefixes[STORE_KIND_COUNT] = {
    [STORE_CATALOGUE] = "darkscope",
    [STORE_MINUTES] = "minutes",
    [STORE_HOURS] = "hours",
    [STORE_DAYS] = "days",
};

/* ---- periods and names ---- */

static struct tm civil(int64_t at_s)
{
    time_t time = (time_t)at_s;
    struct tm tm = {0};
    gmtime_r(&time, &tm);
    return tm;
}

int64_t ds_period_start(enum store_kind kind, int64_t at_s)
{
    if (kind == STORE_CATALOGUE)
        return 0;
    if (kind == STORE_MINUTES)
        return at_s - at_s % DAY_S;
    struct tm tm = civil(at_s);
    struct tm first = {.tm_year = tm.tm_year, .tm_mon = tm.tm_mon, .tm_mday = 1};
    return timegm(&first);
}

int64_t ds_period_end(enum store_kind kind, int64_t from_s)
{
    if (kind == STORE_CATALOGUE)
        return DS_STORE_TIME_MAX;
    return kind == STORE_MINUTES ? from_s + DAY_S : ds_period_start(kind, from_s + 31 * DAY_S);
}

void ds_file_name(enum store_kind kind, int64_t from_s, char name[static STORE_NAME_BYTES])
{
    struct tm tm = civil(from_s);
    unsigned year = (unsigned)(tm.tm_year + 1900) % 10000, month = (unsigned)(tm.tm_mon + 1) % 100;
    unsigned day = (unsigned)tm.tm_mday % 100;
    if (kind == STORE_CATALOGUE)
        strcpy(name, DS_STORE_FILE);
    else if (kind == STORE_MINUTES)
        snprintf(name, STORE_NAME_BYTES, "minutes-%04u-%02u-%02u.sqlite", year, month, day);
    else
        snprintf(name, STORE_NAME_BYTES, "%s-%04u-%02u.sqlite", prefixes[kind], year, month);
}

bool ds_file_parse(const char *name, enum store_kind *kind, int64_t *from_s)
{
    for (unsigned k = STORE_MINUTES; k < STORE_KIND_COUNT; k++) {
        size_t length = strlen(prefixes[k]);
        struct tm tm = {.tm_mday = 1};
        if (strncmp(name, prefixes[k], length) != 0)
            continue;
        if (!strptime(name + length, k == STORE_MINUTES ? "-%Y-%m-%d" : "-%Y-%m", &tm))
            continue;
        char same[STORE_NAME_BYTES];
        int64_t at_s = timegm(&tm);
        ds_file_name((enum store_kind)k, at_s, same);
        if (at_s < 0 || strcmp(same, name) != 0)
            continue;
        *kind = (enum store_kind)k;
        *from_s = at_s;
        return true;
    }
    *kind = STORE_CATALOGUE;
    *from_s = 0;
    return strcmp(name, DS_STORE_FILE) == 0;
}

int ds_file_path(const struct sqlite_store *s, const char *name, char path[static STORE_PATH_BYTES],
                 struct ds_error *err)
{
    if ((size_t)snprintf(path, STORE_PATH_BYTES, "%s/%s", s->directory, name) >= STORE_PATH_BYTES)
        return ds_error(err, DS_DATABASE, "store: the directory's name is too long");
    return 0;
}

int ds_file_system_error(const struct sqlite_store *s, const char *doing, struct ds_error *err)
{
    int number = errno;
    bool forbidden = number == EACCES || number == EPERM || number == EROFS;
    return ds_error(err, forbidden ? DS_PERMISSION : DS_DATABASE, "store %s: cannot %s: %s%s",
                    s->directory, doing, strerror(number),
                    forbidden          ? "; name a directory that you may write"
                    : number == ENOENT ? "; make the directory above it first, or name another"
                                       : "");
}

/* ---- what there is ---- */

static int compare_times(const void *left, const void *right)
{
    const int64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static bool add_to_list(struct store_list *list, int64_t from_s)
{
    if ((list->count & (list->count - 1)) == 0) {
        size_t room = list->count ? 2 * list->count : 1;
        int64_t *larger = realloc(list->from_s, room * sizeof *larger);
        if (!larger)
            return false;
        list->from_s = larger;
    }
    list->from_s[list->count++] = from_s;
    return true;
}

int ds_files_list(struct sqlite_store *s, struct ds_error *err)
{
    DIR *directory = opendir(s->directory);
    if (!directory)
        return ds_file_system_error(s, "read the directory", err);
    for (unsigned k = 0; k < STORE_KIND_COUNT; k++) {
        free(s->lists[k].from_s);
        s->lists[k] = (struct store_list){0};
    }
    const struct dirent *entry;
    bool has_memory = true;
    while (has_memory && (entry = readdir(directory))) {
        enum store_kind kind;
        int64_t from_s;
        if (ds_file_parse(entry->d_name, &kind, &from_s))
            has_memory = add_to_list(&s->lists[kind], from_s);
    }
    closedir(directory);
    for (unsigned k = 0; k < STORE_KIND_COUNT; k++)
        if (s->lists[k].count > 1)
            qsort(s->lists[k].from_s, s->lists[k].count, sizeof(int64_t), compare_times);
    return has_memory ? 0 : ds_error(err, DS_FAILURE, "out of memory");
}

size_t ds_files_find(const struct sqlite_store *s, enum store_kind kind, int64_t from_s)
{
    const struct store_list *list = &s->lists[kind];
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->from_s[middle] < from_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool ds_files_has(const struct sqlite_store *s, enum store_kind kind, int64_t from_s)
{
    size_t at = ds_files_find(s, kind, from_s);
    return at < s->lists[kind].count && s->lists[kind].from_s[at] == from_s;
}

/* ---- connections ---- */

static void close_slot(struct sqlite_store *s, size_t i)
{
    if (!s->files[i])
        return;
    sqlite3_close(s->files[i]->db);
    free(s->files[i]);
    s->files[i] = NULL;
}

/* The slot of an open file, or SIZE_MAX. */
static size_t find_slot(const struct sqlite_store *s, enum store_kind kind, int64_t from_s)
{
    for (size_t i = 0; i < STORE_OPEN_MAX; i++)
        if (s->files[i] && s->files[i]->kind == kind && s->files[i]->from_s == from_s)
            return i;
    return SIZE_MAX;
}

/* A free slot; where there is none, that of the file not used for longest. */
static size_t free_slot(struct sqlite_store *s)
{
    size_t oldest = 0;
    for (size_t i = 0; i < STORE_OPEN_MAX; i++) {
        if (!s->files[i])
            return i;
        const struct store_file *f = s->files[i], *o = s->files[oldest];
        if (f->is_in_use != o->is_in_use ? o->is_in_use : f->last_use < o->last_use)
            oldest = i;
    }
    close_slot(s, oldest);
    return oldest;
}

/* A copy on a read-only medium: SQLite must be told that nobody writes, since it cannot make the
 * files by which readers and a writer agree. A live store has its log beside it. */
static bool is_frozen(const char *path)
{
    char wal[STORE_PATH_BYTES];
    if ((size_t)snprintf(wal, sizeof wal, "%s-wal", path) >= sizeof wal || access(wal, F_OK) == 0)
        return false;
    *strrchr(wal, '/') = 0;
    return access(wal, W_OK) < 0;
}

/* The path as a URI that says so; "//" would begin a host's name. */
static void frozen_uri(const char *path, char uri[static 3 * STORE_PATH_BYTES + 32])
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

static int connect_to(struct store_file *f, const char *path, struct ds_error *err)
{
    char uri[3 * STORE_PATH_BYTES + 32];
    struct stat status;
    bool reads = f->store->mode == DS_STORE_READ, frozen = reads && is_frozen(path);
    if (frozen)
        frozen_uri(path, uri);
    int flags = reads ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    flags |= SQLITE_OPEN_NOMUTEX | (frozen ? SQLITE_OPEN_URI : 0);
    if (sqlite3_open_v2(frozen ? uri : path, &f->db, flags, NULL) != SQLITE_OK)
        return ds_sqlite_error(f, "open", err);
    sqlite3_busy_timeout(f->db, BUSY_TIMEOUT_MS);
    sqlite3_progress_handler(f->db, PROGRESS_STEPS, on_progress, &f->store->base);
    if (stat(path, &status) < 0)
        return ds_file_system_error(f->store, "open a file", err);
    f->device = status.st_dev;
    f->inode = status.st_ino;
    return 0;
}

/* The log's (then empty) file stays when the last connection closes, so that who may not write the
 * directory can read at any time. */
static int set_up_writer(struct store_file *f, struct ds_error *err)
{
    int persist = 1;
    if (ds_sqlite_exec(f, WRITER_PRAGMAS, err) < 0)
        return -1;
    sqlite3_file_control(f->db, NULL, SQLITE_FCNTL_PERSIST_WAL, &persist);
    return 0;
}

/* A file has a journal to roll back only if who made it died before it came to have a log. A writer
 * does that; for who may only read it is empty. */
static bool was_never_made(const struct store_file *f)
{
    return f->store->mode == DS_STORE_READ &&
           sqlite3_extended_errcode(f->db) == SQLITE_READONLY_ROLLBACK;
}

/* The version is checked before any pragma that writes, so that a foreign file stays as it is. An
 * empty one is none: who died before its tables were committed left it. */
static int open_file(struct store_file *f, const char *path, bool make, int64_t generation,
                     struct ds_error *err)
{
    if (connect_to(f, path, err) < 0)
        return -1;
    int empty = ds_schema_check(f, err);
    if (empty < 0)
        return was_never_made(f) ? 1 : -1;
    if (empty && !make)
        return 1;
    if (f->store->mode == DS_STORE_WRITE && set_up_writer(f, err) < 0)
        return -1;
    return empty ? ds_schema_create(f, generation, err) : 0;
}

static int open_slot(struct sqlite_store *s, enum store_kind kind, int64_t from_s, const char *path,
                     bool make, int64_t generation, struct ds_error *err)
{
    size_t slot = free_slot(s);
    struct store_file *f = calloc(1, sizeof *f);
    if (!f)
        return ds_error(err, DS_FAILURE, "out of memory");
    *f = (struct store_file){.store = s, .kind = kind, .from_s = from_s};
    ds_file_name(kind, from_s, f->name);
    s->files[slot] = f;
    int result = open_file(f, path, make, generation, err);
    if (result == 0)
        return (int)slot;
    close_slot(s, slot);
    return result < 0 ? -1 : STORE_OPEN_MAX;
}

/* The slot of the file, STORE_OPEN_MAX where there is none, -1. */
static int find_or_open(struct sqlite_store *s, enum store_kind kind, int64_t from_s, bool make,
                        int64_t generation, struct ds_error *err)
{
    char name[STORE_NAME_BYTES], path[STORE_PATH_BYTES];
    struct stat status;
    ds_file_name(kind, from_s, name);
    if (ds_file_path(s, name, path, err) < 0)
        return -1;
    size_t slot = find_slot(s, kind, from_s);
    if (slot != SIZE_MAX && s->files[slot]->is_in_use)
        return (int)slot;
    bool exists = stat(path, &status) == 0;
    if (slot != SIZE_MAX) {
        if (exists && status.st_dev == s->files[slot]->device &&
            status.st_ino == s->files[slot]->inode)
            return (int)slot;
        close_slot(s, slot); /* deleted or replaced */
    }
    if (!exists && !make)
        return STORE_OPEN_MAX;
    return open_slot(s, kind, from_s, path, make, generation, err);
}

int ds_file_use(struct sqlite_store *s, enum store_kind kind, int64_t from_s,
                struct store_file **out, struct ds_error *err)
{
    int slot = find_or_open(s, kind, from_s, false, 0, err);
    if (slot < 0 || slot == STORE_OPEN_MAX)
        return slot < 0 ? -1 : 1;
    struct store_file *f = s->files[slot];
    f->last_use = ++s->uses;
    if (!f->is_in_use && ds_sqlite_exec(f, "BEGIN", err) < 0)
        return -1;
    f->is_in_use = true;
    *out = f;
    return 0;
}

int ds_file_use_shared(struct sqlite_store *s, enum store_kind kind, int64_t from_s,
                       struct store_file **out, struct ds_error *err)
{
    if (find_slot(s, kind, from_s) != SIZE_MAX) /* it was made long ago */
        return ds_file_use(s, kind, from_s, out, err);
    pthread_mutex_lock(&s->shared->mutex);
    int result = ds_file_use(s, kind, from_s, out, err);
    pthread_mutex_unlock(&s->shared->mutex);
    return result;
}

int ds_file_write(struct sqlite_store *s, enum store_kind kind, int64_t from_s, int64_t generation,
                  struct store_file **out, struct ds_error *err)
{
    int slot = find_or_open(s, kind, from_s, true, generation, err);
    if (slot < 0)
        return -1;
    s->files[slot]->last_use = ++s->uses;
    *out = s->files[slot];
    return 0;
}

void ds_files_release(struct sqlite_store *s)
{
    for (size_t i = 0; i < STORE_OPEN_MAX; i++)
        if (s->files[i] && s->files[i]->is_in_use) {
            ds_sqlite_exec(s->files[i], "ROLLBACK", NULL);
            s->files[i]->is_in_use = false;
        }
}

void ds_files_close(struct sqlite_store *s)
{
    for (size_t i = 0; i < STORE_OPEN_MAX; i++)
        close_slot(s, i);
    for (unsigned k = 0; k < STORE_KIND_COUNT; k++)
        free(s->lists[k].from_s);
}

void ds_file_close(struct sqlite_store *s, enum store_kind kind, int64_t from_s)
{
    size_t slot = find_slot(s, kind, from_s);
    if (slot != SIZE_MAX)
        close_slot(s, slot);
}

int ds_file_remove(struct sqlite_store *s, enum store_kind kind, int64_t from_s,
                   struct ds_error *err)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    char name[STORE_NAME_BYTES], path[STORE_PATH_BYTES], whole[STORE_PATH_BYTES + 16];
    ds_file_close(s, kind, from_s);
    ds_file_name(kind, from_s, name);
    if (ds_file_path(s, name, path, err) < 0)
        return -1;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        snprintf(whole, sizeof whole, "%s%s", path, ends[i]);
        if (unlink(whole) < 0 && errno != ENOENT)
            return ds_file_system_error(s, "delete a file", err);
    }
    return 0;
}

int ds_file_remove_shared(struct sqlite_store *s, enum store_kind kind, int64_t from_s,
                          struct ds_error *err)
{
    ds_file_close(s->shared->putter, kind, from_s); /* or its blocks stay in use */
    return ds_file_remove(s, kind, from_s, err);
}
