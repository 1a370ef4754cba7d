/* SPDX-License-Identifier: Apache-2.0 */
#include "mmdb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#define FILE_BYTES_MAX ((off_t)1 << 30)

/* A copy of the file in memory, as a descriptor; -1 with errno. */
static int copy_file(const char *path)
{
    int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int to = from < 0 ? -1 : memfd_create("mmdb", MFD_CLOEXEC);
    ssize_t n = -1;
    if (to >= 0)
        while (lseek(to, 0, SEEK_CUR) < FILE_BYTES_MAX &&
               (n = sendfile(to, from, NULL, (size_t)FILE_BYTES_MAX)) > 0)
            ;
    int error = n > 0 ? EFBIG : errno;
    if (from >= 0)
        close(from);
    if (to >= 0 && n != 0) {
        close(to);
        to = -1;
    }
    errno = error;
    return to;
}

int ds_mmdb_open(const char *path, const struct ds_mmdb_use *use, MMDB_s *out, struct ds_error *err)
{
    int copy = copy_file(path);
    if (copy < 0)
        return ds_error(err, errno == EACCES ? DS_PERMISSION : DS_DATABASE,
                        "cannot read %s %s: %s; check %s, or leave it out for %s", use->what, path,
                        strerror(errno), use->setting, use->without);
    char name[32];
    snprintf(name, sizeof name, "/proc/self/fd/%d", copy);
    int status = MMDB_open(name, MMDB_MODE_MMAP, out);
    close(copy);
    if (status == MMDB_SUCCESS)
        return 0;
    return ds_error(err, DS_DATABASE,
                    "%s is not a MaxMind DB file (%s); check %s, or fetch it again", path,
                    MMDB_strerror(status), use->setting);
}
