/* SPDX-License-Identifier: Apache-2.0 */
#include "darkscope/key.h"

#include "darkscope/text.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const kind_names[] = {
    [DS_KEY_PUBLIC] = "public",
    [DS_KEY_SECRET] = "secret",
    [DS_KEY_DEPLOYMENT] = "deployment",
};
_Static_assert(sizeof kind_names / sizeof kind_names[0] == DS_KEY_KIND_COUNT, "a name each");

/* Of a key where one of another kind belongs. */
static const char *const other_kinds[] = {
    [DS_KEY_PUBLIC] = "this is a public key; name the secret one, the .key file beside it",
    [DS_KEY_SECRET] = "this is a secret key; name the public one, the .pub file beside it",
    [DS_KEY_DEPLOYMENT] = "this is the key of a deployment, which belongs under deployment_key",
};
_Static_assert(sizeof other_kinds / sizeof other_kinds[0] == DS_KEY_KIND_COUNT, "a text each");

/* ---- text ---- */

/* Where the parser stands, and what errors say about it. */
struct reader {
    const char *path;
    const char *line, *at, *end; /* of the current line */
    size_t number;               /* of the line, from 1 */
    struct ds_error *err;
};

static int fault(const struct reader *r, const char *at, const char *what)
{
    return ds_error(r->err, DS_CONFIG, "%s:%zu:%zu: %s", r->path, r->number,
                    (size_t)(at - r->line) + 1, what);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of the line; of length 0 at its end. */
static size_t next_word(struct reader *r, const char **word)
{
    while (r->at < r->end && is_blank(*r->at))
        r->at++;
    *word = r->at;
    while (r->at < r->end && !is_blank(*r->at))
        r->at++;
    return (size_t)(r->at - *word);
}

/* Five characters are four bytes, so some groups of five are too large. */
static bool decode_z85(const char *text, uint8_t out[static DS_KEY_BYTES])
{
    static const char digits[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
    uint64_t group = 0;
    for (size_t i = 0; i < DS_KEY_Z85; i++) {
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (!digit)
            return false;
        group = group * 85 + (uint64_t)(digit - digits);
        if (i % 5 != 4)
            continue;
        if (group > UINT32_MAX)
            return false;
        uint32_t group_be = htobe32((uint32_t)group);
        memcpy(out + i / 5 * sizeof group_be, &group_be, sizeof group_be);
        group = 0;
    }
    return true;
}

static int read_kind(struct reader *r, enum ds_key_kind wanted)
{
    const char *word;
    size_t length = next_word(r, &word);
    for (int kind = 0; kind < DS_KEY_KIND_COUNT; kind++) {
        if (length != strlen(kind_names[kind]) || memcmp(word, kind_names[kind], length) != 0)
            continue;
        if (kind == (int)wanted)
            return 0;
        return fault(r, word,
                     wanted == DS_KEY_DEPLOYMENT
                         ? "this is the key of a connection; name the .deployment file that keygen "
                           "--deployment made"
                         : other_kinds[kind]);
    }
    return fault(r, word,
                 "a key's line is `public NAME KEY`, `secret NAME KEY` or `deployment NAME KEY`");
}

static int read_line(struct reader *r, enum ds_key_kind kind, struct ds_key *out)
{
    const char *word;
    if (read_kind(r, kind))
        return -1;
    size_t length = next_word(r, &word);
    if (length <= DS_NAME_MAX) {
        memcpy(out->name, word, length);
        out->name[length] = 0;
    }
    if (length > DS_NAME_MAX || memchr(word, 0, length) || !ds_name_valid(out->name))
        return fault(r, word,
                     "a name is letters, digits, '.', '_' and '-', at most 63, and begins with a "
                     "letter or digit");
    length = next_word(r, &word);
    uint8_t bytes[DS_KEY_BYTES];
    bool is_key = length == DS_KEY_Z85 && decode_z85(word, bytes);
    explicit_bzero(bytes, sizeof bytes);
    if (!is_key)
        return fault(r, word, "here belongs a key, 40 characters of Z85 as keygen writes them");
    memcpy(out->z85, word, DS_KEY_Z85);
    out->z85[DS_KEY_Z85] = 0;
    if (next_word(r, &word))
        return fault(r, word, "nothing may follow the key");
    return 0;
}

static int append(const struct reader *r, const struct ds_key *key, struct ds_keys *to)
{
    for (size_t i = 0; i < to->count; i++) {
        if (strcmp(to->entries[i].name, key->name) == 0)
            return ds_error(r->err, DS_CONFIG,
                            "%s:%zu:1: %s has a key already; give each its own name", r->path,
                            r->number, key->name);
        if (strcmp(to->entries[i].z85, key->z85) == 0)
            return ds_error(r->err, DS_CONFIG,
                            "%s:%zu:1: this is the key of %s already; give each its own", r->path,
                            r->number, to->entries[i].name);
    }
    if (to->count == DS_KEYS_MAX)
        return ds_error(r->err, DS_CONFIG, "%s:%zu:1: more than %d keys", r->path, r->number,
                        DS_KEYS_MAX);
    struct ds_key *grown = realloc(to->entries, (to->count + 1) * sizeof *grown);
    if (!grown)
        return ds_error(r->err, DS_FAILURE, "%s: no memory", r->path);
    to->entries = grown;
    to->entries[to->count++] = *key;
    return 0;
}

int ds_keys_parse(const char *path, const char *text, size_t size, enum ds_key_kind kind,
                  struct ds_keys *to, struct ds_error *err)
{
    struct reader r = {.path = path, .line = text, .err = err};
    const char *end = text + size;
    int failed = 0;
    while (!failed && r.line < end) {
        const char *newline = memchr(r.line, '\n', (size_t)(end - r.line));
        struct ds_key key = {0};
        r.number++;
        r.at = r.line;
        r.end = newline ? newline : end;
        while (r.at < r.end && is_blank(*r.at))
            r.at++;
        if (r.at < r.end && *r.at != '#')
            failed = read_line(&r, kind, &key) || append(&r, &key, to) ? -1 : 0;
        ds_key_wipe(&key);
        r.line = newline ? newline + 1 : end;
    }
    return failed;
}

/* ---- files ---- */

static int check_mode(int fd, const char *path, struct ds_error *err)
{
    struct stat s;
    if (fstat(fd, &s) || s.st_mode & S_IRWXO)
        return ds_error(err, DS_PERMISSION,
                        "%s: every user may read this secret key; chmod o= it, and make a new one "
                        "if others were on this machine",
                        path);
    return 0;
}

static int read_text(int fd, const char *path, char text[static DS_KEY_FILE_BYTES], size_t *size,
                     struct ds_error *err)
{
    ssize_t got;
    *size = 0;
    if (fd < 0)
        return ds_error(err, errno == EACCES ? DS_PERMISSION : DS_CONFIG, "%s: cannot open: %s",
                        path, strerror(errno));
    while ((got = read(fd, text + *size, DS_KEY_FILE_BYTES - *size)) > 0)
        *size += (size_t)got;
    if (got < 0)
        return ds_error(err, DS_CONFIG, "%s: cannot read: %s", path, strerror(errno));
    if (*size == DS_KEY_FILE_BYTES)
        return ds_error(err, DS_CONFIG, "%s: %u bytes or more; is it a file of keys?", path,
                        DS_KEY_FILE_BYTES);
    return 0;
}

/* The keys of one file; its text is wiped. */
static int read_file(const char *path, enum ds_key_kind kind, struct ds_keys *to,
                     struct ds_error *err)
{
    size_t size;
    char *text = malloc(DS_KEY_FILE_BYTES);
    if (!text)
        return ds_error(err, DS_FAILURE, "%s: no memory", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int failed = read_text(fd, path, text, &size, err) ||
                 ds_keys_parse(path, text, size, kind, to, err) ||
                 (kind != DS_KEY_PUBLIC && check_mode(fd, path, err));
    explicit_bzero(text, DS_KEY_FILE_BYTES);
    free(text);
    if (fd >= 0)
        close(fd);
    return failed ? -1 : 0;
}

int ds_key_read(const char *path, enum ds_key_kind kind, struct ds_key *out, struct ds_error *err)
{
    struct ds_keys keys = {0};
    int failed = read_file(path, kind, &keys, err);
    if (!failed && keys.count != 1)
        failed = ds_error(err, DS_CONFIG, "%s: holds %zu keys; it must be one", path, keys.count);
    if (!failed)
        *out = keys.entries[0];
    ds_keys_finish(&keys);
    return failed;
}

static int is_public_file(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 4 && entry->d_name[0] != '.' && strcmp(entry->d_name + length - 4, ".pub") == 0;
}

static int read_directory(const char *path, struct ds_keys *out, struct ds_error *err)
{
    struct dirent **entries;
    int count = scandir(path, &entries, is_public_file, alphasort);
    int failed = 0;
    if (count < 0)
        return ds_error(err, DS_CONFIG, "%s: cannot read: %s", path, strerror(errno));
    for (int i = 0; i < count; i++) {
        char *file = NULL;
        if (!failed && asprintf(&file, "%s/%s", path, entries[i]->d_name) < 0)
            failed = ds_error(err, DS_FAILURE, "%s: no memory", path);
        else if (!failed)
            failed = read_file(file, DS_KEY_PUBLIC, out, err);
        free(file);
        free(entries[i]);
    }
    free(entries);
    return failed;
}

int ds_keys_read(const char *path, struct ds_keys *out, struct ds_error *err)
{
    struct stat s;
    *out = (struct ds_keys){0};
    bool is_directory = stat(path, &s) == 0 && S_ISDIR(s.st_mode);
    int failed =
        is_directory ? read_directory(path, out, err) : read_file(path, DS_KEY_PUBLIC, out, err);
    if (failed)
        ds_keys_finish(out);
    return failed;
}

/* ---- keys ---- */

const struct ds_key *ds_keys_find(const struct ds_keys *keys, const char *z85)
{
    for (size_t i = 0; i < keys->count; i++)
        if (strcmp(keys->entries[i].z85, z85) == 0)
            return &keys->entries[i];
    return NULL;
}

void ds_key_decode(const struct ds_key *key, uint8_t out[static DS_KEY_BYTES])
{
    memset(out, 0, DS_KEY_BYTES);
    decode_z85(key->z85, out);
}

void ds_key_wipe(struct ds_key *key)
{
    explicit_bzero(key, sizeof *key);
}

void ds_keys_finish(struct ds_keys *keys)
{
    if (keys->entries)
        explicit_bzero(keys->entries, keys->count * sizeof keys->entries[0]);
    free(keys->entries);
    *keys = (struct ds_keys){0};
}
