/* SPDX-License-Identifier: Apache-2.0 */
#include "spool.h"

#include "darkscope/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define LOCK_NAME  "lock"
#define NAME_ROOM  32
#define READ_PIECE 4096
#define NAME_FORM  "%016" PRIx64 ".spool"
/* A file is begun below DS_SPOOL_FILE_MAX, and then has room for one more window. */
#define FILE_BYTES (DS_SPOOL_FILE_MAX + DS_SPOOL_HEAD_BYTES + DS_MESSAGE_MAX)

/* A file; those before the last, which is appended to, are complete. */
struct file {
    TAILQ_ENTRY(file) next;
    uint64_t number;
    uint64_t bytes;
    size_t waiting; /* windows that are not done */
};

struct ds_spool {
    int directory_fd, lock_fd;
    int fd; /* of the last file; -1: the next record begins a file */
    TAILQ_HEAD(files, file) files;
    uint64_t last_number;
    uint64_t bytes, bytes_max, file_max;
    bool is_file_dirty, is_directory_dirty; /* since the last sync */
    int64_t synced_ns;
    uint64_t damages, damaged_bytes;
};

static void name_of(uint64_t number, char name[static NAME_ROOM])
{
    snprintf(name, NAME_ROOM, NAME_FORM, number);
}

static struct file *add_file(struct ds_spool *s, uint64_t number, uint64_t bytes)
{
    struct file *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->number = number;
    f->bytes = bytes;
    TAILQ_INSERT_TAIL(&s->files, f, next);
    s->bytes += bytes;
    s->last_number = number;
    return f;
}

static struct file *find_file(struct ds_spool *s, uint64_t number)
{
    struct file *f;
    TAILQ_FOREACH(f, &s->files, next)
    {
        if (f->number == number)
            return f;
    }
    return NULL;
}

/* ---- files on disk ---- */

/* The last file is complete. What of it is not on the disk yet is brought there, unless nobody
 * needs it any more. */
static int end_file(struct ds_spool *s)
{
    if (s->fd < 0)
        return 0;
    const struct file *last = TAILQ_LAST(&s->files, files);
    int failed = s->is_file_dirty && last->waiting ? fdatasync(s->fd) : 0;
    close(s->fd);
    s->fd = -1;
    s->is_file_dirty = false;
    return failed;
}

static int begin_file(struct ds_spool *s)
{
    char name[NAME_ROOM];
    int failed = end_file(s);
    name_of(s->last_number + 1, name);
    s->fd = openat(s->directory_fd, name, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (s->fd < 0)
        return -1;
    if (!add_file(s, s->last_number + 1, 0)) {
        close(s->fd);
        s->fd = -1;
        unlinkat(s->directory_fd, name, 0);
        return -1;
    }
    s->is_directory_dirty = true;
    return failed;
}

/* A file that does not exist any more is gone as well. */
static int delete_file(struct ds_spool *s, struct file *f)
{
    char name[NAME_ROOM];
    name_of(f->number, name);
    if (unlinkat(s->directory_fd, name, 0) < 0 && errno != ENOENT)
        return -1;
    if (s->fd >= 0 && f == TAILQ_LAST(&s->files, files)) {
        close(s->fd);
        s->fd = -1;
        s->is_file_dirty = false;
    }
    TAILQ_REMOVE(&s->files, f, next);
    s->bytes -= f->bytes;
    free(f);
    return 0;
}

static int write_all(int fd, struct iovec *parts, int count)
{
    while (count > 0) {
        ssize_t n = writev(fd, parts, count);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        for (; count > 0 && (size_t)n >= parts->iov_len; parts++, count--)
            n -= (ssize_t)parts->iov_len;
        if (count > 0) {
            parts->iov_base = (char *)parts->iov_base + n;
            parts->iov_len -= (size_t)n;
        }
    }
    return 0;
}

/* Appends to the last file. What could not be written to its end is cut off again, or, where even
 * that fails, is the end of this file. */
static int write_record(struct ds_spool *s, const struct ds_spool_record *r)
{
    uint8_t head[DS_SPOOL_HEAD_BYTES];
    struct file *last = TAILQ_LAST(&s->files, files);
    ds_spool_record_head(r, head);
    struct iovec parts[] = {{head, sizeof head}, {(void *)(uintptr_t)r->body, r->size}};
    if (write_all(s->fd, parts, r->size ? 2 : 1) < 0) {
        int error = errno;
        if (ftruncate(s->fd, (off_t)last->bytes) < 0)
            end_file(s);
        errno = error;
        return -1;
    }
    last->bytes += sizeof head + r->size;
    s->bytes += sizeof head + r->size;
    return 0;
}

/* ---- windows ---- */

bool ds_spool_is_full(const struct ds_spool *s, size_t size)
{
    uint64_t bytes = s->bytes + DS_SPOOL_HEAD_BYTES + size;
    return !TAILQ_EMPTY(&s->files) && bytes + ds_spool_spare(s) > s->bytes_max;
}

size_t ds_spool_spare(const struct ds_spool *s)
{
    return s->file_max / 2;
}

uint64_t ds_spool_oldest(const struct ds_spool *s)
{
    const struct file *oldest = TAILQ_FIRST(&s->files);
    return oldest ? oldest->number : 0;
}

int ds_spool_drop_oldest(struct ds_spool *s, uint64_t *file)
{
    struct file *oldest = TAILQ_FIRST(&s->files);
    *file = oldest->number;
    return delete_file(s, oldest);
}

int ds_spool_append(struct ds_spool *s, const struct ds_spool_record *window,
                    struct ds_spool_place *place)
{
    const struct file *last = TAILQ_LAST(&s->files, files);
    bool is_over = s->fd < 0 || last->bytes >= s->file_max || (last->bytes && !last->waiting);
    if (is_over && begin_file(s) < 0)
        return -1;
    struct file *f = TAILQ_LAST(&s->files, files);
    const struct ds_spool_place at = {.file = f->number, .offset = f->bytes};
    if (write_record(s, window) < 0)
        return -1;
    f->waiting++;
    s->is_file_dirty = true;
    *place = at;
    return 0;
}

static int open_file(const struct ds_spool *s, uint64_t number)
{
    char name[NAME_ROOM];
    name_of(number, name);
    return openat(s->directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
}

/* Fewer bytes than asked for where the file ends; -1 with errno. */
static ssize_t read_at(int fd, uint8_t *to, size_t size, uint64_t offset)
{
    size_t done = 0;
    for (ssize_t n = 1; n > 0 && done<size; done += n> 0 ? (size_t)n : 0) {
        do
            n = pread(fd, to + done, size - done, (off_t)(offset + done));
        while (n < 0 && errno == EINTR);
        if (n < 0)
            return -1;
    }
    return (ssize_t)done;
}

int ds_spool_read(const struct ds_spool *s, struct ds_spool_place place, size_t size, uint8_t **out)
{
    struct ds_spool_record record;
    size_t whole = DS_SPOOL_HEAD_BYTES + size;
    int fd = open_file(s, place.file);
    uint8_t *bytes = fd < 0 ? NULL : malloc(whole);
    ssize_t n = bytes ? read_at(fd, bytes, whole, place.offset) : -1;
    int error = errno;
    if (n >= 0 && (!ds_spool_record_decode(bytes, (size_t)n, &record) || record.size != size)) {
        n = -1;
        error = EBADMSG;
    }
    if (fd >= 0)
        close(fd);
    if (n < 0) {
        free(bytes);
        errno = error;
        return -1;
    }
    memmove(bytes, bytes + DS_SPOOL_HEAD_BYTES, size);
    *out = bytes;
    return 0;
}

void ds_spool_release(struct ds_spool *s, struct ds_spool_place place)
{
    struct file *f = find_file(s, place.file);
    if (f && f->waiting)
        f->waiting--;
}

void ds_spool_done(struct ds_spool *s, struct ds_spool_place place,
                   const struct ds_spool_record *window)
{
    struct ds_spool_record mark = *window;
    mark.kind = DS_SPOOL_DONE;
    mark.body = NULL;
    mark.size = 0;
    ds_spool_release(s, place);
    if (s->fd >= 0 || begin_file(s) == 0)
        write_record(s, &mark);
    /* In order, as a file has marks of those before it. */
    struct file *oldest = TAILQ_FIRST(&s->files);
    while (oldest && oldest->waiting == 0 && oldest != TAILQ_LAST(&s->files, files) &&
           delete_file(s, oldest) == 0)
        oldest = TAILQ_FIRST(&s->files);
}

int ds_spool_sync(struct ds_spool *s, int64_t now_ns)
{
    bool is_dirty = s->is_file_dirty || s->is_directory_dirty;
    if (!is_dirty || now_ns - s->synced_ns < DS_SPOOL_SYNC_NS)
        return 1;
    s->synced_ns = now_ns;
    return ds_spool_flush(s);
}

int ds_spool_flush(struct ds_spool *s)
{
    int file = s->is_file_dirty ? fdatasync(s->fd) : 0;
    int directory = s->is_directory_dirty ? fsync(s->directory_fd) : 0;
    s->is_file_dirty = s->is_directory_dirty = false;
    return file || directory ? -1 : 0;
}

void ds_spool_clear(struct ds_spool *s)
{
    for (struct file *f; (f = TAILQ_FIRST(&s->files)) && delete_file(s, f) == 0;)
        ;
}

uint64_t ds_spool_bytes(const struct ds_spool *s)
{
    return s->bytes;
}

uint64_t ds_spool_damages(const struct ds_spool *s, uint64_t *damaged_bytes)
{
    *damaged_bytes = s->damaged_bytes;
    return s->damages;
}

/* ---- opening ---- */

static int open_directory(struct ds_spool *s, const char *directory, struct ds_error *err)
{
    struct stat st;
    if (mkdir(directory, 0700) < 0 && errno != EEXIST)
        return ds_error(err, DS_FAILURE, "cannot make the spool %s: %s; see spool.directory",
                        directory, strerror(errno));
    s->directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->directory_fd < 0 || fstat(s->directory_fd, &st) < 0)
        return ds_error(err, DS_FAILURE, "cannot open the spool %s: %s; see spool.directory",
                        directory, strerror(errno));
    if (st.st_mode & 077)
        return ds_error(err, DS_PERMISSION,
                        "the spool %s may be entered by others (mode %03o), and windows hold "
                        "addresses of sources; give it a directory of its own with mode 700",
                        directory, (unsigned)st.st_mode & 0777);
    return 0;
}

static int lock(struct ds_spool *s, const char *directory, struct ds_error *err)
{
    /* Also on a disk that is read-only by now: what is there can be delivered. */
    s->lock_fd =
        openat(s->directory_fd, LOCK_NAME, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->lock_fd >= 0 && flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (s->lock_fd >= 0 && errno == EWOULDBLOCK)
        return ds_error(err, DS_FAILURE,
                        "the spool %s is in use by another sensor; give each its own "
                        "spool.directory",
                        directory);
    return ds_error(err, DS_FAILURE, "cannot lock the spool %s: %s; see spool.directory", directory,
                    strerror(errno));
}

static int is_file_name(const struct dirent *entry)
{
    char name[NAME_ROOM];
    name_of(strtoull(entry->d_name, NULL, 16), name);
    return strcmp(entry->d_name, name) == 0;
}

/* What the disk cannot give is 0, and so damaged. */
static void read_around_faults(int fd, uint8_t *to, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t piece = size - at < READ_PIECE ? size - at : READ_PIECE;
        ssize_t n = pread(fd, to + at, piece, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            memset(to + at, 0, piece);
        at += n > 0 ? (size_t)n : piece;
    }
}

static void tell(struct ds_spool *s, struct file *f, struct ds_spool_reader *reader,
                 ds_spool_found_fn *found, void *arg)
{
    struct ds_spool_record record;
    while (ds_spool_record_next(reader, &record)) {
        const struct ds_spool_place place = {
            .file = f->number, .offset = reader->at - record.size - DS_SPOOL_HEAD_BYTES};
        f->waiting += record.kind == DS_SPOOL_WINDOW;
        found(arg, &record, place);
    }
    s->damages += reader->damages;
    s->damaged_bytes += reader->damaged_bytes;
}

static int scan_file(struct ds_spool *s, uint64_t number, ds_spool_found_fn *found, void *arg)
{
    struct stat st;
    int fd = open_file(s, number);
    if (fd < 0 || fstat(fd, &st) < 0) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    size_t size = (uint64_t)st.st_size < FILE_BYTES ? (size_t)st.st_size : FILE_BYTES;
    uint8_t *bytes = malloc(size + 1);
    struct file *f = bytes ? add_file(s, number, (uint64_t)st.st_size) : NULL;
    if (f) {
        struct ds_spool_reader reader = {.bytes = bytes, .size = size};
        read_around_faults(fd, bytes, size);
        tell(s, f, &reader, found, arg);
    }
    free(bytes);
    close(fd);
    return f ? 0 : -1;
}

int ds_spool_find(struct ds_spool *s, ds_spool_found_fn *found, void *arg, struct ds_error *err)
{
    struct dirent **entries;
    int failed = 0;
    int count = scandirat(s->directory_fd, ".", &entries, is_file_name, alphasort);
    if (count < 0)
        return ds_error(err, DS_FAILURE, "cannot list the spool: %s; see spool.directory",
                        strerror(errno));
    for (int i = 0; i < count; i++) {
        if (!failed && scan_file(s, strtoull(entries[i]->d_name, NULL, 16), found, arg) < 0)
            failed = ds_error(err, DS_FAILURE,
                              "cannot open %s in the spool: %s; it may hold windows that are not "
                              "delivered: mend it, or move it away",
                              entries[i]->d_name, strerror(errno));
        free(entries[i]);
    }
    free(entries);
    return failed;
}

int ds_spool_open(const char *directory, uint64_t bytes_max, struct ds_spool **out,
                  struct ds_error *err)
{
    struct ds_spool *s = calloc(1, sizeof *s);
    if (!s)
        return ds_error(err, DS_FAILURE, "no memory for the spool");
    TAILQ_INIT(&s->files);
    s->directory_fd = s->lock_fd = s->fd = -1;
    s->bytes_max = bytes_max;
    s->file_max = bytes_max / DS_SPOOL_FILES;
    if (s->file_max > DS_SPOOL_FILE_MAX)
        s->file_max = DS_SPOOL_FILE_MAX;
    if (open_directory(s, directory, err) || lock(s, directory, err)) {
        ds_spool_close(s);
        return -1;
    }
    *out = s;
    return 0;
}

void ds_spool_close(struct ds_spool *s)
{
    if (!s)
        return;
    end_file(s);
    if (s->is_directory_dirty)
        fsync(s->directory_fd);
    for (struct file *f; (f = TAILQ_FIRST(&s->files));) {
        TAILQ_REMOVE(&s->files, f, next);
        free(f);
    }
    if (s->directory_fd >= 0)
        close(s->directory_fd);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    free(s);
}
