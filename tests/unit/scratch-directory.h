/* SPDX-License-Identifier: Apache-2.0
 *
 * A directory for one test, and the files in it.
 */
#ifndef DARKSCOPE_TESTS_SCRATCH_DIRECTORY_H
#define DARKSCOPE_TESTS_SCRATCH_DIRECTORY_H

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SCRATCH_ROOM 300

struct scratch_directory {
    char path[32];
};

static inline void scratch_directory_make(struct scratch_directory *d)
{
    strcpy(d->path, "/tmp/darkscope-XXXXXX");
    assert_non_null(mkdtemp(d->path)); /* mode 700 */
}

/* Calls each for every file in it, in order of their names; the number of files. */
static inline int scratch_directory_each(const struct scratch_directory *d,
                                         void (*each)(void *, const char *path), void *arg)
{
    struct dirent **entries;
    int files = 0, count = scandir(d->path, &entries, NULL, alphasort);
    assert_true(count >= 0);
    for (int i = 0; i < count; i++) {
        char path[SCRATCH_ROOM];
        snprintf(path, sizeof path, "%s/%s", d->path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.') {
            files++;
            each(arg, path);
        }
        free(entries[i]);
    }
    free(entries);
    return files;
}

static inline void scratch_unlink(void *arg, const char *path)
{
    (void)arg;
    assert_int_equal(unlink(path), 0);
}

static inline void scratch_directory_remove(struct scratch_directory *d)
{
    scratch_directory_each(d, scratch_unlink, NULL);
    assert_int_equal(rmdir(d->path), 0);
}

/* A disk on which no file can grow beyond that; main ignores SIGXFSZ. RLIM_INFINITY: a good one. */
static inline void scratch_limit_files(rlim_t bytes)
{
    const struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

#endif
