/* SPDX-License-Identifier: Apache-2.0
 *
 * darkscope keygen: a pair of keys in two files. Never overwrites one: a key that is replaced by
 * mistake locks its sensor out.
 */
#include "darkscope/key.h"

#include "darkscope/text.h"
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#define SECRET_MODE 0600
#define PUBLIC_MODE 0644
#define TEXT_MAX    512

static int write_file(const char *path, mode_t mode, const char *text, struct ds_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return ds_error(err, errno == EACCES ? DS_PERMISSION : DS_FAILURE, "%s: %s%s", path,
                        strerror(errno),
                        errno == EEXIST ? "; keys are never overwritten: choose another name" : "");
    size_t size = strlen(text);
    ssize_t written = write(fd, text, size);
    bool failed = written < 0 || (size_t)written != size || fsync(fd) < 0;
    int cause = written >= 0 && (size_t)written != size ? ENOSPC : errno;
    if (close(fd) == 0 && !failed)
        return 0;
    cause = failed ? cause : errno;
    unlink(path);
    return ds_error(err, DS_FAILURE, "%s: cannot write: %s", path, strerror(cause));
}

static int write_secret(const char *path, const char *name, const char *key, struct ds_error *err)
{
    char text[TEXT_MAX];
    snprintf(text, sizeof text,
             "# The secret key of %s. Show it to nobody; copy it nowhere.\nsecret %s %s\n", name,
             name, key);
    int failed = write_file(path, SECRET_MODE, text, err);
    explicit_bzero(text, sizeof text);
    return failed;
}

static int write_public(const char *path, const char *name, const char *key, struct ds_error *err)
{
    char text[TEXT_MAX];
    snprintf(text, sizeof text,
             "# The public key of %s. Give it to those who are to know it.\npublic %s %s\n", name,
             name, key);
    return write_file(path, PUBLIC_MODE, text, err);
}

static int write_pair(const char *base, const char *name, struct ds_error *err)
{
    char public[DS_KEY_Z85 + 1], secret[DS_KEY_Z85 + 1];
    char public_path[PATH_MAX], secret_path[PATH_MAX];
    snprintf(public_path, sizeof public_path, "%s.pub", base);
    snprintf(secret_path, sizeof secret_path, "%s.key", base);
    if (zmq_curve_keypair(public, secret) < 0)
        return ds_error(err, DS_FAILURE, "keygen: libzmq was built without CURVE: %s",
                        zmq_strerror(errno));
    int failed = write_secret(secret_path, name, secret, err);
    explicit_bzero(secret, sizeof secret);
    if (!failed && (failed = write_public(public_path, name, public, err)))
        unlink(secret_path);
    if (!failed)
        printf("public %s %s\n", name, public);
    return failed;
}

static int run(const struct options *o, struct ds_error *err)
{
    if (o->word_count != 1)
        return ds_error(err, DS_USAGE, "keygen: takes one word, such as /etc/darkscope/tokyo-1");
    const char *slash = strrchr(o->words[0], '/');
    const char *name = slash ? slash + 1 : o->words[0];
    if (!ds_name_valid(name))
        return ds_error(err, DS_USAGE,
                        "keygen: a name is letters, digits, '.', '_' and '-', at most %d, and "
                        "begins with a letter or digit",
                        DS_NAME_MAX);
    if (strlen(o->words[0]) + sizeof ".pub" > PATH_MAX)
        return ds_error(err, DS_USAGE, "keygen: the path is too long");
    return write_pair(o->words[0], name, err);
}

const struct command command_keygen = {
    .name = "keygen",
    .format = FORMAT_TABLE,
    .summary = "make a pair of keys for a sensor or an aggregator",
    .help = "Usage: darkscope keygen [DIRECTORY/]NAME\n\n"
            "Writes NAME.key, the secret key, which only its owner may read, and NAME.pub, the\n"
            "public key, and prints the latter. Files that exist are not overwritten. The name\n"
            "of a sensor's key is the sensor's name.\n\n"
            "Examples:\n"
            "  darkscope keygen /etc/darkscope/tokyo-1\n"
            "  darkscope keygen /etc/darkscope/aggregator\n",
    .run = run,
};
