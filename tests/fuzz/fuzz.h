/* SPDX-License-Identifier: Apache-2.0
 *
 * What fuzz targets share.
 */
#ifndef DARKSCOPE_TESTS_FUZZ_H
#define DARKSCOPE_TESTS_FUZZ_H

#include "darkscope/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* One run; what must not be ends it by abort. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void check(bool holds)
{
    if (!holds)
        abort();
}

#define INPUT_PATH 256

/* A directory, empty, below TMPDIR or /tmp. */
static inline void input_directory_make(char path[static INPUT_PATH])
{
    const char *above = getenv("TMPDIR");
    int bytes = snprintf(path, INPUT_PATH, "%s/darkscope-fuzz-XXXXXX", above ? above : "/tmp");
    check(bytes < INPUT_PATH && mkdtemp(path));
}

/* A file that holds the input, in memory, with a name to open it by. */
struct input_file {
    int fd;
    char path[32];
};

static inline void input_file_make(struct input_file *f, const void *data, size_t size)
{
    f->fd = memfd_create("input", MFD_CLOEXEC);
    check(f->fd >= 0 && write(f->fd, data, size) == (ssize_t)size);
    snprintf(f->path, sizeof f->path, "/proc/self/fd/%d", f->fd);
}

static inline void input_file_remove(struct input_file *f)
{
    close(f->fd);
}

/* Does an error say something, in one line that no terminal acts upon? */
static inline bool is_clean(const char *text)
{
    char *cleaned = strdup(text);
    check(cleaned);
    ds_text_clean(cleaned);
    bool same = *text && strcmp(cleaned, text) == 0;
    free(cleaned);
    return same;
}

#endif
