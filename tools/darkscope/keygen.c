/* SPDX-License-Identifier: Apache-2.0
 *
 * darkscope keygen: a pair of keys in two files, or the secret of a deployment in one. Never
 * overwrites one: a key that is replaced by mistake locks its sensor out.
 */
#include "darkscope/key.h"

#include "darkscope/text.h"
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/random.h>
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

/* One key as its file holds it, below a line that says what it is. */
static int write_key(const char *base, const char *end, mode_t mode, const char *text,
                     struct ds_error *err)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s%s", base, end);
    return write_file(path, mode, text, err);
}

static int write_pair(const char *base, const char *name, struct ds_error *err)
{
    char public[DS_KEY_Z85 + 1], secret[DS_KEY_Z85 + 1];
    char public_text[TEXT_MAX], secret_text[TEXT_MAX], secret_path[PATH_MAX];
    if (zmq_curve_keypair(public, secret) < 0)
        return ds_error(err, DS_FAILURE, "keygen: libzmq was built without CURVE: %s",
                        zmq_strerror(errno));
    snprintf(secret_text, sizeof secret_text,
             "# The secret key of %s. Show it to nobody; copy it nowhere.\nsecret %s %s\n", name,
             name, secret);
    snprintf(public_text, sizeof public_text,
             "# The public key of %s. Give it to those who are to know it.\npublic %s %s\n", name,
             name, public);
    snprintf(secret_path, sizeof secret_path, "%s.key", base);
    int failed = write_key(base, ".key", SECRET_MODE, secret_text, err);
    explicit_bzero(secret, sizeof secret);
    explicit_bzero(secret_text, sizeof secret_text);
    if (!failed && (failed = write_key(base, ".pub", PUBLIC_MODE, public_text, err)))
        unlink(secret_path);
    if (!failed)
        printf("public %s %s\n", name, public);
    return failed;
}

static int write_deployment(const char *base, const char *name, struct ds_error *err)
{
    uint8_t bytes[DS_KEY_BYTES];
    char key[DS_KEY_Z85 + 1], text[TEXT_MAX];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return ds_error(err, DS_FAILURE, "keygen: no random numbers: %s", strerror(errno));
    zmq_z85_encode(key, bytes, sizeof bytes);
    snprintf(text, sizeof text,
             "# The secret of deployment %s. Give it to its sensors, by a safe way, and to nobody "
             "else.\ndeployment %s %s\n",
             name, name, key);
    int failed = write_key(base, ".deployment", SECRET_MODE, text, err);
    explicit_bzero(bytes, sizeof bytes);
    explicit_bzero(key, sizeof key);
    explicit_bzero(text, sizeof text);
    return failed;
}

static int run(const struct options *o, struct ds_error *err)
{
    bool is_deployment = o->pair_count;
    if (o->word_count + o->pair_count != 1)
        return ds_error(err, DS_USAGE,
                        "keygen: takes one name, such as /etc/darkscope/tokyo-1, or --deployment "
                        "and one");
    const char *base = is_deployment ? o->pairs[0].value : o->words[0];
    const char *slash = strrchr(base, '/');
    const char *name = slash ? slash + 1 : base;
    if (!ds_name_valid(name))
        return ds_error(err, DS_USAGE,
                        "keygen: a name is letters, digits, '.', '_' and '-', at most %d, and "
                        "begins with a letter or digit",
                        DS_NAME_MAX);
    if (strlen(base) + sizeof ".deployment" > PATH_MAX)
        return ds_error(err, DS_USAGE, "keygen: the path is too long");
    return is_deployment ? write_deployment(base, name, err) : write_pair(base, name, err);
}

static const char *const own_options[] = {"deployment", NULL};

const struct command command_keygen = {
    .name = "keygen",
    .format = FORMAT_TABLE,
    .summary = "make the keys of a sensor, an aggregator or a deployment",
    .help = "Usage: darkscope keygen [DIRECTORY/]NAME\n"
            "       darkscope keygen --deployment [DIRECTORY/]NAME\n\n"
            "Writes NAME.key, the secret key, which only its owner may read, and NAME.pub, the\n"
            "public key, and prints the latter. Files that exist are not overwritten. The name\n"
            "of a sensor's key is the sensor's name.\n\n"
            "--deployment writes NAME.deployment instead: the secret that all sensors of a\n"
            "deployment share, and that nobody else has.\n\n"
            "Examples:\n"
            "  darkscope keygen /etc/darkscope/tokyo-1\n"
            "  darkscope keygen /etc/darkscope/aggregator\n"
            "  darkscope keygen --deployment /etc/darkscope/japan\n",
    .run = run,
    .options = own_options,
};
