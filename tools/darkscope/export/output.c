/* SPDX-License-Identifier: Apache-2.0
 *
 * A file that is there whole or not at all: written beside its name, then renamed.
 */
#include "exporting.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int output_error(const struct output *out, struct ds_error *err)
{
    enum ds_status status = errno == EACCES || errno == EPERM ? DS_PERMISSION : DS_FAILURE;
    return ds_error(err, status, "export: %s cannot be written: %s",
                    out->target ? out->target : "standard output",
                    errno ? strerror(errno) : "an error of the device");
}

int output_open(struct output *out, const char *target, struct ds_error *err)
{
    struct stat about;
    *out = (struct output){.target = target};
    if (!target) {
        out->file = stdout;
        return 0;
    }
    out->is_direct = stat(target, &about) == 0 && !S_ISREG(about.st_mode);
    int length =
        snprintf(out->part, sizeof out->part, "%s%s", target, out->is_direct ? "" : ".part");
    if (length < 0 || (size_t)length >= sizeof out->part)
        return ds_error(err, DS_USAGE, "export: --output: the path is too long");
    errno = 0;
    out->file = fopen(out->part, "we");
    return out->file ? 0 : output_error(out, err);
}

int output_close(struct output *out, bool is_good, struct ds_error *err)
{
    if (!out->file)
        return 0;
    errno = 0;
    bool failed = fflush(out->file) != 0 || ferror(out->file);
    int why = errno;
    if (out->file != stdout && fclose(out->file) != 0 && !failed) {
        failed = true;
        why = errno;
    }
    out->file = NULL;
    if (!failed && is_good &&
        (!out->target || out->is_direct || rename(out->part, out->target) == 0))
        return 0;
    why = failed || !is_good ? why : errno;
    if (out->target && !out->is_direct)
        unlink(out->part);
    errno = why;
    return is_good ? output_error(out, err) : 0;
}
