/* SPDX-License-Identifier: Apache-2.0
 *
 * A disk that fails on demand, for a program that is started with this library in LD_PRELOAD and
 *
 *   DARKSCOPE_FAULTS=CONTROL:DIRECTORY
 *
 * Calls that change files below DIRECTORY do what the two 32-bit numbers in the file CONTROL say at
 * the moment: a fault (enum fault), and how many milliseconds each call takes longer.
 */
#undef _FILE_OFFSET_BITS /* with it `open` would be another name for `open64` */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum fault {
    FAULT_NONE,
    FAULT_IO,        /* EIO wherever something is changed */
    FAULT_FULL,      /* ENOSPC, after half of what was to be written */
    FAULT_READ_ONLY, /* EROFS */
    FAULT_SYNC,      /* writing works, and bringing it to the disk is EIO */
};

struct control {
    uint32_t fault, delay_ms;
};

/* Set once, before main. */
static const volatile struct control *control;
static char directory[4096];

__attribute__((constructor)) static void start(void)
{
    char path[4096];
    const char *text = getenv("DARKSCOPE_FAULTS"), *colon = text ? strchr(text, ':') : NULL;
    if (!colon || (size_t)(colon - text) >= sizeof path)
        return;
    snprintf(path, sizeof path, "%.*s", (int)(colon - text), text);
    snprintf(directory, sizeof directory, "%s/", colon + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *at = mmap(NULL, sizeof *control, PROT_READ, MAP_SHARED, fd, 0);
    if (fd < 0 || at == MAP_FAILED)
        abort();
    close(fd);
    control = at;
}

static bool is_below(const char *path)
{
    return strncmp(path, directory, strlen(directory)) == 0;
}

/* The path of an open descriptor. */
static bool path_of(int fd, char path[static 4096])
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = control ? readlink(link, path, 4094) : -1;
    path[size > 0 ? size : 0] = 0;
    return size > 0;
}

static bool is_ours(int fd)
{
    char path[4096];
    return path_of(fd, path) && is_below(path);
}

/* The errno of a call that changes something there, after its delay; 0: it works. */
static int fault_of(bool is_sync)
{
    static const int errors[] = {[FAULT_NONE] = 0,
                                 [FAULT_IO] = EIO,
                                 [FAULT_FULL] = ENOSPC,
                                 [FAULT_READ_ONLY] = EROFS,
                                 [FAULT_SYNC] = 0};
    uint32_t fault = control->fault, delay_ms = control->delay_ms;
    struct timespec pause = {delay_ms / 1000, delay_ms % 1000 * 1000000L};
    if (delay_ms)
        nanosleep(&pause, NULL);
    return is_sync ? (fault == FAULT_SYNC || fault == FAULT_IO ? EIO : 0) : errors[fault];
}

#define NEXT(name) (__extension__(__typeof__(&name)) dlsym(RTLD_NEXT, #name))
#define FAIL(error)                                                                                \
    do {                                                                                           \
        errno = (error);                                                                           \
        return -1;                                                                                 \
    } while (0)

/* Of size bytes, how many a call writes that then has this error. */
static size_t torn(size_t size, int error)
{
    return error == ENOSPC ? size / 2 : 0;
}

ssize_t write(int fd, const void *data, size_t size)
{
    int error = is_ours(fd) ? fault_of(false) : 0;
    if (!error)
        return NEXT(write)(fd, data, size);
    if (torn(size, error))
        return NEXT(write)(fd, data, torn(size, error));
    FAIL(error);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    int error = is_ours(fd) ? fault_of(false) : 0;
    if (!error)
        return NEXT(writev)(fd, parts, count);
    if (torn(parts[0].iov_len, error))
        return NEXT(write)(fd, parts[0].iov_base, torn(parts[0].iov_len, error));
    FAIL(error);
}

#define PWRITE(name, offset_type)                                                                  \
    ssize_t name(int fd, const void *data, size_t size, offset_type at)                            \
    {                                                                                              \
        int error = is_ours(fd) ? fault_of(false) : 0;                                             \
        if (!error)                                                                                \
            return NEXT(name)(fd, data, size, at);                                                 \
        if (torn(size, error))                                                                     \
            return NEXT(name)(fd, data, torn(size, error), at);                                    \
        FAIL(error);                                                                               \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define ON_FD(name, is_sync, parameters, arguments)                                                \
    int name parameters                                                                            \
    {                                                                                              \
        int error = is_ours(fd) ? fault_of(is_sync) : 0;                                           \
        if (!error)                                                                                \
            return NEXT(name) arguments;                                                           \
        FAIL(error);                                                                               \
    }
ON_FD(fsync, true, (int fd), (fd))
ON_FD(fdatasync, true, (int fd), (fd))
ON_FD(ftruncate, false, (int fd, off_t size), (fd, size))
ON_FD(ftruncate64, false, (int fd, off64_t size), (fd, size))
ON_FD(fallocate, false, (int fd, int mode, off_t at, off_t size), (fd, mode, at, size))
ON_FD(fallocate64, false, (int fd, int mode, off64_t at, off64_t size), (fd, mode, at, size))

/* Opening to write is refused on a read-only disk alone. */
static bool is_refused(int at, const char *path, int flags)
{
    char start[4096];
    if (!control || control->fault != FAULT_READ_ONLY || !(flags & (O_WRONLY | O_RDWR | O_CREAT)))
        return false;
    if (*path == '/')
        return is_below(path);
    return at != AT_FDCWD && path_of(at, start) && is_below(strcat(start, "/"));
}

#define OPEN(name, from, parameters, ...)                                                          \
    int name parameters                                                                            \
    {                                                                                              \
        va_list list;                                                                              \
        va_start(list, flags);                                                                     \
        int mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(list, int) : 0;                        \
        va_end(list);                                                                              \
        if (is_refused(from, path, flags))                                                         \
            FAIL(EROFS);                                                                           \
        return NEXT(name)(__VA_ARGS__, flags, mode);                                               \
    }
OPEN(open, AT_FDCWD, (const char *path, int flags, ...), path)
OPEN(open64, AT_FDCWD, (const char *path, int flags, ...), path)
OPEN(openat, at, (int at, const char *path, int flags, ...), at, path)
OPEN(openat64, at, (int at, const char *path, int flags, ...), at, path)
