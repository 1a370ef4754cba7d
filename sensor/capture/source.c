/* SPDX-License-Identifier: Apache-2.0 */
#include "source.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* Enough to recognise any packing. */
#define MAGIC_BYTES 4

/* Reads what there is, waiting for the first byte. Bytes read; 0 at the end, after a fault and
 * when stopped. */
static size_t read_input(struct ds_source *s, uint8_t *to, size_t room)
{
    while (!atomic_load_explicit(&s->stopped, memory_order_relaxed)) {
        struct pollfd wait[] = {{.fd = s->fd, .events = POLLIN},
                                {.fd = s->wake_fd, .events = POLLIN}};
        ssize_t n = -1;
        if (poll(wait, 2, -1) > 0) {
            if (wait[1].revents)
                break;
            n = read(s->fd, to, room);
        }
        if (n >= 0)
            return (size_t)n;
        if (errno == EAGAIN || errno == EINTR)
            continue;
        s->fault = strerror(errno);
        break;
    }
    return 0;
}

static void more_plain(struct ds_source *s)
{
    size_t used = (size_t)(s->end - s->buffer), room = DS_SOURCE_BYTES - used;
    size_t n = s->left_bytes ? read_input(s, s->buffer + used,
                                          room < s->left_bytes ? room : (size_t)s->left_bytes)
                             : 0;
    s->left_bytes -= n;
    s->end += n;
    s->ended = n == 0;
}

static void more_packed(struct ds_source *s)
{
    if (s->packed_at == s->packed_end && !s->packed_ended) {
        size_t n = read_input(s, s->packed, DS_SOURCE_BYTES);
        s->packed_at = s->packed;
        s->packed_end = s->packed + n;
        s->packed_ended = n == 0;
        if (s->fault)
            return;
    }
    size_t used = (size_t)(s->end - s->buffer);
    size_t made = DS_SOURCE_BYTES - used;
    s->fault = ds_unpack_run(&s->unpack, &s->packed_at, s->packed_end, s->buffer + used, &made);
    s->end += made;
    if (s->fault || made || !s->packed_ended)
        return;
    s->ended = true;
    if (!s->unpack.whole)
        s->fault = "the compressed data ends too early";
}

enum ds_source_result ds_source_fill(struct ds_source *s, size_t need)
{
    assert(need <= DS_SOURCE_BYTES);
    size_t have = (size_t)(s->end - s->at);
    if (have >= need)
        return DS_SOURCE_READY;
    if (have)
        memmove(s->buffer, s->at, have);
    s->buffer_offset += (uint64_t)(s->at - s->buffer);
    s->at = s->buffer;
    s->end = s->buffer + have;
    while ((size_t)(s->end - s->at) < need) {
        if (atomic_load_explicit(&s->stopped, memory_order_relaxed))
            return DS_SOURCE_STOPPED;
        if (s->fault)
            return DS_SOURCE_FAULT;
        if (s->ended)
            return DS_SOURCE_ENDED;
        if (s->unpack.kind == DS_UNPACK_NONE)
            more_plain(s);
        else
            more_packed(s);
    }
    return DS_SOURCE_READY;
}

enum ds_source_result ds_source_skip(struct ds_source *s, uint64_t bytes)
{
    for (;;) {
        uint64_t have = (uint64_t)(s->end - s->at);
        uint64_t step = bytes < have ? bytes : have;
        s->at += step;
        bytes -= step;
        if (!bytes)
            return DS_SOURCE_READY;
        enum ds_source_result rc = ds_source_fill(s, 1);
        if (rc != DS_SOURCE_READY)
            return rc;
    }
}

void ds_source_stop(struct ds_source *s)
{
    int saved = errno;
    atomic_store_explicit(&s->stopped, true, memory_order_relaxed);
    /* It can only fail when the counter is full, and then the wait has ended already. */
    ssize_t ignored = write(s->wake_fd, &(uint64_t){1}, sizeof(uint64_t));
    (void)ignored;
    errno = saved;
}

static int open_failed(const char *name, struct ds_error *err)
{
    if (errno == EACCES || errno == EPERM)
        return ds_error(err, DS_PERMISSION,
                        "%s: permission denied; make it readable for the user who runs this", name);
    if (errno == ENOENT)
        return ds_error(err, DS_INPUT, "%s: no such file; check the name", name);
    return ds_error(err, DS_INPUT, "%s: cannot open: %s", name, strerror(errno));
}

static int open_input(const char *path, const char *name, bool *is_regular, struct ds_error *err)
{
    bool is_stdin = !strcmp(path, "-");
    /* Not blocking, so that a named pipe is opened before its writer comes: reads wait by poll. */
    int fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                      : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return open_failed(name, err);
    struct stat st = {0};
    fstat(fd, &st);
    *is_regular = S_ISREG(st.st_mode);
    if (S_ISDIR(st.st_mode)) {
        close(fd);
        return ds_error(err, DS_INPUT, "%s: is a directory; name one capture file in it", name);
    }
    if (is_stdin && isatty(fd)) {
        close(fd);
        return ds_error(err, DS_INPUT, "%s: is a terminal; pipe a capture into it", name);
    }
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* a hint only: pipes refuse it */
    return fd;
}

/* What has been read as plain turns out to be packed: its buffer becomes the packed input. */
static int start_unpacking(struct ds_source *s, enum ds_unpack_kind kind)
{
    uint8_t *unpacked = malloc(DS_SOURCE_BYTES);
    if (!unpacked || ds_unpack_init(&s->unpack, kind) < 0) {
        free(unpacked);
        return -1;
    }
    s->packed = s->buffer;
    s->packed_at = s->at;
    s->packed_end = s->end;
    s->packed_ended = s->ended;
    s->ended = false;
    s->buffer = unpacked;
    s->at = s->end = unpacked;
    return 0;
}

enum ds_source_result ds_source_start(struct ds_source *s)
{
    enum ds_source_result result = ds_source_fill(s, MAGIC_BYTES);
    if (result == DS_SOURCE_FAULT || result == DS_SOURCE_STOPPED)
        return result;
    enum ds_unpack_kind kind = ds_unpack_detect(s->at, (size_t)(s->end - s->at));
    if (kind == DS_UNPACK_NONE)
        return result;
    if (start_unpacking(s, kind) == 0)
        return DS_SOURCE_READY;
    s->fault = strerror(ENOMEM);
    return DS_SOURCE_FAULT;
}

int ds_source_open(struct ds_source *s, const char *path, const char *name, struct ds_error *err)
{
    *s = (struct ds_source){.wake_fd = -1, .left_bytes = UINT64_MAX};
    s->fd = open_input(path, name, &s->is_regular, err);
    if (s->fd < 0)
        return -1;
    s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->buffer = malloc(DS_SOURCE_BYTES);
    s->at = s->end = s->buffer;
    if (s->wake_fd >= 0 && s->buffer)
        return 0;
    ds_error(err, DS_FAILURE, "%s: cannot read: %s", name, strerror(errno));
    ds_source_finish(s);
    return -1;
}

static int open_again(struct ds_source *s, struct ds_source *again)
{
    char path[32];
    struct stat st;
    snprintf(path, sizeof path, "/proc/self/fd/%d", s->fd);
    again->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    again->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    again->buffer = malloc(DS_SOURCE_BYTES);
    again->at = again->end = again->buffer;
    if (again->fd < 0 || again->wake_fd < 0 || !again->buffer || fstat(s->fd, &st))
        return -1;
    uint64_t read_bytes = s->buffer_offset + (uint64_t)(s->end - s->buffer);
    uint64_t size = (uint64_t)st.st_size > read_bytes ? (uint64_t)st.st_size : read_bytes;
    if (s->left_bytes > size - read_bytes) /* the first time */
        s->left_bytes = size - read_bytes;
    again->left_bytes = read_bytes + s->left_bytes;
    return 0;
}

int ds_source_open_again(struct ds_source *s, struct ds_source *again)
{
    *again = (struct ds_source){.fd = -1, .wake_fd = -1, .is_regular = true};
    if (open_again(s, again) == 0)
        return 0;
    ds_source_finish(again);
    return -1;
}

void ds_source_finish(struct ds_source *s)
{
    ds_unpack_finish(&s->unpack);
    free(s->packed);
    free(s->buffer);
    if (s->wake_fd >= 0)
        close(s->wake_fd);
    if (s->fd >= 0)
        close(s->fd);
    *s = (struct ds_source){.fd = -1, .wake_fd = -1};
}
