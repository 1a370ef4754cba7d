/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening and closing a store. A crash at any point leaves files that open again with all that was
 * committed: that is SQLite's WAL with synchronous=FULL, and that no commit needs two files.
 */
#include "sketch_columns.h"
#include "sqlite.h"
#include "tidy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_FILE "darkscope.lock"

static void destroy(struct ds_store *store);

static void destroy_shared(struct store_shared *shared)
{
    if (!shared)
        return;
    if (shared->tidier) {
        shared->tidier->shared = NULL;
        destroy(&shared->tidier->base);
    }
    ds_tidy_destroy(shared->tidy);
    ds_unions_finish(&shared->unions);
    pthread_mutex_destroy(&shared->mutex);
    free(shared);
}

static void destroy(struct ds_store *store)
{
    struct sqlite_store *s = sqlite_of(store);
    destroy_shared(s->shared);
    ds_files_close(s);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    if (s->coder)
        ds_sketch_coder_finish(s->coder);
    free(s->coder);
    free(s->directory);
    free(s);
}

static const struct ds_store_ops ops = {
    .put = ds_sqlite_put,
    .put_together = ds_sqlite_put_together,
    .series = ds_sqlite_series,
    .top = ds_sqlite_top,
    .tables = ds_sqlite_tables,
    .totals = ds_sqlite_totals,
    .sensors = ds_sqlite_sensors,
    .windows = ds_sqlite_windows,
    .attacks = ds_sqlite_attacks,
    .volumes = ds_sqlite_volumes,
    .first_seen = ds_sqlite_first_seen,
    .load = ds_sqlite_load,
    .tidy = ds_sqlite_tidy,
    .destroy = destroy,
};

/* Makes the directory and keeps other writers out for as long as this process lives. */
static int lock_directory(struct sqlite_store *s, struct ds_error *err)
{
    char path[STORE_PATH_BYTES];
    if (ds_file_path(s, LOCK_FILE, path, err) < 0)
        return -1;
    if (mkdir(s->directory, 0750) < 0 && errno != EEXIST)
        return ds_file_system_error(s, "create the directory", err);
    s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (s->lock_fd < 0)
        return ds_file_system_error(s, "open " LOCK_FILE, err);
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno != EWOULDBLOCK)
        return ds_file_system_error(s, "lock " LOCK_FILE, err);
    return ds_error(err, DS_DATABASE,
                    "store %s is being written by another process; stop that aggregator first or "
                    "name another directory",
                    s->directory);
}

/* The numbers of the sensors are in the catalogue: a new one would give them to others. */
static int check_catalogue(struct sqlite_store *s, struct ds_error *err)
{
    if (ds_files_list(s, err) < 0)
        return -1;
    if (ds_files_has(s, STORE_CATALOGUE, 0))
        return 0;
    for (unsigned k = STORE_MINUTES; k < STORE_KIND_COUNT; k++)
        if (s->lists[k].count > 0)
            return ds_error(err, DS_DATABASE,
                            "store %s: " DS_STORE_FILE " is missing, other files of the store are "
                            "there; restore it from a copy, or name another directory",
                            s->directory);
    return 0;
}

static struct sqlite_store *create(const char *directory, enum ds_store_mode mode)
{
    struct sqlite_store *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->base.ops = &ops;
    s->mode = mode;
    s->lock_fd = -1;
    s->directory = strdup(directory);
    s->coder = calloc(1, sizeof *s->coder);
    if (s->directory && s->coder)
        return s;
    destroy(&s->base);
    return NULL;
}

/* The second half of a writer, for the thread that tidies. */
static int share(struct sqlite_store *s, struct ds_error *err)
{
    s->shared = calloc(1, sizeof *s->shared);
    if (!s->shared)
        return ds_error(err, DS_FAILURE, "out of memory");
    pthread_mutex_init(&s->shared->mutex, NULL);
    s->shared->putter = s;
    s->shared->tidier = create(s->directory, DS_STORE_WRITE);
    s->shared->tidy = ds_tidy_create();
    if (!s->shared->tidier || !s->shared->tidy)
        return ds_error(err, DS_FAILURE, "out of memory");
    s->shared->tidier->shared = s->shared;
    return 0;
}

static int open_writer(struct sqlite_store *s, struct ds_error *err)
{
    struct store_file *catalogue;
    if (lock_directory(s, err) < 0 || check_catalogue(s, err) < 0 ||
        ds_file_write(s, STORE_CATALOGUE, 0, 0, &catalogue, err) < 0)
        return -1;
    return share(s, err);
}

static int open_reader(struct sqlite_store *s, struct ds_error *err)
{
    struct store_file *catalogue;
    char path[STORE_PATH_BYTES];
    if (ds_file_path(s, DS_STORE_FILE, path, err) < 0)
        return -1;
    if (access(path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR))
        return ds_error(err, DS_DATABASE,
                        "store %s: there is no " DS_STORE_FILE " in it; give the directory named "
                        "as store in aggregator.yaml",
                        s->directory);
    int result = ds_file_use(s, STORE_CATALOGUE, 0, &catalogue, err);
    if (result > 0)
        return ds_error(err, DS_DATABASE,
                        "store %s: " DS_STORE_FILE " is empty; has an aggregator written to it?",
                        s->directory);
    ds_files_release(s);
    return result;
}

int ds_store_open(const char *directory, enum ds_store_mode mode, struct ds_store **out,
                  struct ds_error *err)
{
    struct sqlite_store *s = create(directory, mode);
    if (!s)
        return ds_error(err, DS_FAILURE, "out of memory");
    int result = mode == DS_STORE_WRITE ? open_writer(s, err) : open_reader(s, err);
    if (result < 0) {
        destroy(&s->base);
        return -1;
    }
    *out = &s->base;
    return 0;
}
