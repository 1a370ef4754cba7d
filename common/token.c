/* SPDX-License-Identifier: Apache-2.0 */
#include "darkscope/token.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int check(const char *path, int fd, ssize_t size, const char *text, struct ds_error *err)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "-._~+/=";
    struct stat about;
    if (size < 0)
        return ds_error(err, errno == EACCES ? DS_PERMISSION : DS_CONFIG, "%s: cannot be read: %s",
                        path, strerror(errno));
    if (fstat(fd, &about) < 0 || about.st_mode & S_IRWXO)
        return ds_error(err, DS_PERMISSION,
                        "%s: every user may read this token; chmod o= it, and make a new one if "
                        "others were on this machine",
                        path);
    size_t length = strspn(text, allowed), rest = strspn(text + length, "\r\n");
    if (length < DS_TOKEN_MIN || length > DS_TOKEN_MAX || length + rest != (size_t)size)
        return ds_error(err, DS_CONFIG,
                        "%s: here belongs a token, one line of %d to %d letters, digits and "
                        "-._~+/=; `openssl rand -hex 32` makes one",
                        path, DS_TOKEN_MIN, DS_TOKEN_MAX);
    return 0;
}

int ds_token_read(const char *path, char out[static DS_TOKEN_MAX + 1], struct ds_error *err)
{
    char text[DS_TOKEN_MAX + 4] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    int failed = check(path, fd, size, text, err);
    if (!failed) {
        text[strcspn(text, "\r\n")] = 0;
        strcpy(out, text);
    }
    if (fd >= 0)
        close(fd);
    explicit_bzero(text, sizeof text);
    return failed;
}
