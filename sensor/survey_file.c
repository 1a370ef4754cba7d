/* SPDX-License-Identifier: Apache-2.0
 *
 * The state, all numbers little endian:
 *
 *   8 bytes  magic "dksurvey"      4  version, 1            4  ports of the rule
 *   8 bytes  day                   4  scanners              4  candidates
 *   a scanner:    4 address, 8 day
 *   a candidate:  4 address, 8 packets, 4 ports, then 4 each (protocol << 16 | port)
 *   8 bytes  FNV-1a of all before
 */
#include "survey_file.h"

#include "darkscope/log.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[8] = "dksurvey";

#define VERSION         1
#define HEAD_BYTES      32
#define KNOWN_BYTES     12
#define CANDIDATE_BYTES 16
#define DIGEST_BYTES    8

static size_t bytes_max(void)
{
    return HEAD_BYTES + (size_t)DS_SURVEY_KNOWN_MAX * KNOWN_BYTES +
           DS_SURVEY_CANDIDATES_MAX * (CANDIDATE_BYTES + (size_t)DS_SURVEY_PORTS_MAX * 4) +
           DIGEST_BYTES;
}

static uint64_t digest(const uint8_t *bytes, size_t size)
{
    uint64_t d = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; i++)
        d = (d ^ bytes[i]) * UINT64_C(0x100000001b3);
    return d;
}

/* ---- writing ---- */

static void put(uint8_t **to, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        *(*to)++ = (uint8_t)(value >> (8 * i));
}

static size_t encoded_bytes(const struct ds_survey *s)
{
    size_t bytes = HEAD_BYTES + s->known.used * KNOWN_BYTES + DIGEST_BYTES;
    for (uint32_t i = 0; i < s->candidate_count; i++)
        bytes += CANDIDATE_BYTES + (size_t)ds_survey_candidate(s, i)->port_count * 4;
    return bytes;
}

static void encode(const struct ds_survey *s, uint8_t *to, size_t size)
{
    uint8_t *at = to;
    memcpy(at, magic, sizeof magic);
    at += sizeof magic;
    put(&at, VERSION, 4);
    put(&at, s->settings.ports, 4);
    put(&at, (uint64_t)s->day, 8);
    put(&at, s->known.used, 4);
    put(&at, s->candidate_count, 4);
    struct ds_table_walk walk = {0};
    for (const struct ds_survey_known *k; (k = ds_table_next(&s->known, &walk));) {
        put(&at, (uint32_t)k->key, 4);
        put(&at, (uint64_t)k->day, 8);
    }
    for (uint32_t n = 0; n < s->candidate_count; n++) {
        const struct ds_survey_candidate *c = ds_survey_candidate(s, n);
        put(&at, c->address, 4);
        put(&at, c->packets, 8);
        put(&at, c->port_count, 4);
        for (uint32_t port = 0; port < c->port_count; port++)
            put(&at, c->ports[port], 4);
    }
    put(&at, digest(to, size - DIGEST_BYTES), DIGEST_BYTES);
}

static int write_file(const char *path, const uint8_t *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool ok = fd >= 0;
    for (size_t at = 0; ok && at < size;) {
        ssize_t n = write(fd, bytes + at, size - at);
        ok = n > 0 || (n < 0 && errno == EINTR);
        at += n > 0 ? (size_t)n : 0;
    }
    ok = ok && fsync(fd) == 0;
    int error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    return ok ? 0 : -1;
}

/* The name is as safe as the content only once its directory is. */
static int sync_directory(const char *path)
{
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = fd < 0 || fsync(fd);
    if (fd >= 0)
        close(fd);
    return failed ? -1 : 0;
}

int ds_survey_save(const struct ds_survey *s, const char *path, struct ds_error *err)
{
    char fresh[PATH_MAX];
    if ((size_t)snprintf(fresh, sizeof fresh, "%s.new", path) >= sizeof fresh)
        return ds_error(err, DS_CONFIG, "survey.state: the name is too long");
    size_t size = encoded_bytes(s);
    uint8_t *bytes = malloc(size);
    if (!bytes)
        return ds_error(err, DS_FAILURE, "no memory to save the survey's state");
    encode(s, bytes, size);
    int failed = write_file(fresh, bytes, size) || rename(fresh, path) || sync_directory(path);
    free(bytes);
    if (failed)
        return ds_error(err, DS_FAILURE,
                        "cannot save the survey's state in %s: %s; see survey.state", path,
                        strerror(errno));
    return 0;
}

void ds_survey_keep(struct ds_survey_keeper *k, const struct ds_survey *s, bool is_last)
{
    struct ds_error err;
    uint64_t unsaid;
    int64_t now_ns = ds_clock_steady_ns();
    if (!k->path || !s->has_day || (!is_last && now_ns < k->next_ns))
        return;
    k->next_ns = now_ns + DS_SURVEY_SAVE_NS;
    if (ds_survey_save(s, k->path, &err) && ds_quiet_allows(&k->quiet, now_ns, &unsaid))
        ds_log(DS_LOG_WARNING, "%s", err.text);
}

/* ---- reading ---- */

struct reader {
    const uint8_t *at;
    size_t left;
    bool failed;
};

static uint64_t take(struct reader *r, unsigned bytes)
{
    uint64_t value = 0;
    if (r->left < bytes) {
        r->failed = true;
        return 0;
    }
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)*r->at++ << (8 * i);
    r->left -= bytes;
    return value;
}

/* A whole file; *out is the caller's. 0, 1 where there is none, or -1 with errno. */
static int read_file(const char *path, size_t most, uint8_t **out, size_t *size)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return errno == ENOENT ? 1 : -1;
    int failed = fstat(fd, &st);
    if (!failed && (!S_ISREG(st.st_mode) || st.st_size < 0 || (uint64_t)st.st_size > most)) {
        errno = S_ISREG(st.st_mode) ? EFBIG : EINVAL;
        failed = -1;
    }
    *out = failed ? NULL : malloc((size_t)st.st_size + 1);
    *size = 0;
    for (ssize_t n = 1; *out && n > 0; *size += n > 0 ? (size_t)n : 0) {
        n = read(fd, *out + *size, (size_t)st.st_size - *size);
        failed = n < 0;
    }
    failed |= !*out;
    int error = errno;
    close(fd);
    if (failed)
        free(*out);
    errno = error;
    return failed ? -1 : 0;
}

static bool take_known(struct ds_survey *s, struct reader *r)
{
    uint32_t address = (uint32_t)take(r, 4);
    int64_t day = (int64_t)take(r, 8);
    return !r->failed && ds_survey_restore_known(s, address, day);
}

/* c has room for DS_SURVEY_PORTS_MAX ports. */
static bool take_candidate(struct ds_survey *s, struct reader *r, uint32_t ports,
                           struct ds_survey_candidate *c)
{
    c->address = (uint32_t)take(r, 4);
    c->packets = take(r, 8);
    c->port_count = (uint32_t)take(r, 4);
    if (r->failed || c->port_count > ports)
        return false;
    for (uint32_t i = 0; i < c->port_count; i++)
        c->ports[i] = (uint32_t)take(r, 4);
    if (r->failed)
        return false;
    /* Of another rule, ports may have been left out: its candidates begin again. */
    return ports != s->settings.ports || ds_survey_restore_candidate(s, c);
}

static bool decode(struct ds_survey *s, const uint8_t *bytes, size_t size,
                   struct ds_survey_candidate *scratch)
{
    struct reader r = {.at = bytes + sizeof magic, .left = size - sizeof magic - DIGEST_BYTES};
    bool ok = take(&r, 4) == VERSION;
    uint32_t ports = (uint32_t)take(&r, 4);
    int64_t day = (int64_t)take(&r, 8);
    uint32_t known = (uint32_t)take(&r, 4), candidates = (uint32_t)take(&r, 4);
    ok = ok && ports <= DS_SURVEY_PORTS_MAX && day > INT32_MIN && day < INT32_MAX;
    if (ok)
        ds_survey_restore_day(s, day);
    for (uint32_t i = 0; ok && i < known; i++)
        ok = take_known(s, &r);
    for (uint32_t i = 0; ok && i < candidates; i++)
        ok = take_candidate(s, &r, ports, scratch);
    return ok && r.left == 0;
}

static bool is_whole(const uint8_t *bytes, size_t size)
{
    if (size < HEAD_BYTES + DIGEST_BYTES)
        return false;
    struct reader r = {.at = bytes + size - DIGEST_BYTES, .left = DIGEST_BYTES};
    return take(&r, DIGEST_BYTES) == digest(bytes, size - DIGEST_BYTES);
}

/* -1: no memory; 1: damaged. */
static int restore(struct ds_survey *s, const uint8_t *bytes, size_t size)
{
    struct ds_survey_candidate *scratch =
        malloc(sizeof *scratch + DS_SURVEY_PORTS_MAX * sizeof *scratch->ports);
    const struct ds_survey_settings settings = s->settings;
    if (!scratch)
        return -1;
    bool ok = is_whole(bytes, size) && decode(s, bytes, size, scratch);
    free(scratch);
    if (ok)
        return 0;
    ds_survey_finish(s);
    return ds_survey_init(s, &settings) ? -1 : 1;
}

int ds_survey_load(struct ds_survey *s, const char *path, struct ds_error *err)
{
    uint8_t *bytes;
    size_t size;
    int result = read_file(path, bytes_max(), &bytes, &size);
    if (result > 0)
        return DS_SURVEY_NO_FILE;
    if (result < 0)
        return ds_error(err, DS_INPUT, "cannot read the survey's state %s: %s; see survey.state",
                        path, strerror(errno));
    bool is_state = size >= sizeof magic && memcmp(bytes, magic, sizeof magic) == 0;
    result = is_state ? restore(s, bytes, size) : 0;
    free(bytes);
    if (!is_state)
        return ds_error(err, DS_INPUT, "%s is no survey state; check survey.state, or remove it",
                        path);
    if (result < 0)
        return ds_error(err, DS_FAILURE, "no memory for the survey's state");
    if (result > 0)
        ds_error(err, DS_INPUT,
                 "%s is damaged or of another version: survey scanners are found anew", path);
    return result ? DS_SURVEY_DAMAGED : 0;
}

/* ---- lists of prefixes ---- */

struct prefixes {
    struct ds_prefix *items;
    unsigned count;
};

/* One line: a prefix, a comment behind '#', or nothing. */
static int read_line(char *line, struct prefixes *out, const char *path, unsigned number,
                     struct ds_error *err)
{
    struct ds_prefix prefix;
    line[strcspn(line, "#\r")] = '\0';
    char *text = line + strspn(line, " \t");
    for (size_t end = strlen(text); end && strchr(" \t", text[end - 1]); end--)
        text[end - 1] = '\0';
    if (*text == '\0')
        return 0;
    const char *wrong = ds_prefix_parse(text, &prefix);
    if (wrong)
        return ds_error(err, DS_CONFIG,
                        "%s:%u: %s; a line holds one prefix, such as an address "
                        "and /24, and comments begin with #",
                        path, number, wrong);
    if (prefix.is_v6)
        return 0;
    if (out->count == DS_SURVEY_PREFIXES_MAX)
        return ds_error(err, DS_CONFIG, "%s:%u: more than %u prefixes in all lists together", path,
                        number, DS_SURVEY_PREFIXES_MAX);
    out->items[out->count++] = prefix;
    return 0;
}

static int read_list(const char *path, struct prefixes *out, struct ds_error *err)
{
    uint8_t *bytes;
    size_t size;
    int result = read_file(path, DS_SURVEY_LIST_BYTES, &bytes, &size);
    if (result)
        return ds_error(err, DS_CONFIG,
                        "cannot read the list of prefixes %s: %s; see "
                        "survey.acknowledged",
                        path, result > 0 ? strerror(ENOENT) : strerror(errno));
    bytes[size] = '\0';
    unsigned number = 0;
    result = memchr(bytes, '\0', size) ? ds_error(err, DS_CONFIG, "%s is no text file", path) : 0;
    char *rest = (char *)bytes;
    for (char *line; result == 0 && (line = strsep(&rest, "\n"));)
        result = read_line(line, out, path, ++number, err);
    free(bytes);
    return result;
}

static int by_address(const void *left, const void *right)
{
    const struct ds_prefix *a = left, *b = right;
    int order = memcmp(a->address, b->address, 4);
    return order ? order : (a->bits > b->bits) - (a->bits < b->bits);
}

static bool holds(const struct ds_prefix *outer, const struct ds_prefix *inner)
{
    for (unsigned bit = 0; bit < outer->bits; bit++)
        if ((outer->address[bit / 8] ^ inner->address[bit / 8]) & (0x80 >> bit % 8))
            return false;
    return true;
}

/* Lists of several organisations overlap, but two prefixes are disjoint or one holds the other. */
static void leave_inner_out(struct prefixes *p)
{
    unsigned kept = 0;
    qsort(p->items, p->count, sizeof *p->items, by_address);
    for (unsigned i = 0; i < p->count; i++)
        if (kept == 0 || !holds(&p->items[kept - 1], &p->items[i]))
            p->items[kept++] = p->items[i];
    p->count = kept;
}

int ds_survey_read_lists(const char *const *paths, unsigned count, struct ds_monitor **out,
                         struct ds_error *err)
{
    struct prefixes all = {.items = calloc(DS_SURVEY_PREFIXES_MAX, sizeof *all.items)};
    int failed = all.items ? 0 : ds_error(err, DS_FAILURE, "no memory for lists of prefixes");
    for (unsigned i = 0; !failed && i < count; i++)
        failed = read_list(paths[i], &all, err);
    *out = NULL;
    if (!failed && all.count) {
        leave_inner_out(&all);
        failed = ds_monitor_create(all.items, all.count, NULL, 0, out, err);
    }
    free(all.items);
    return failed;
}
