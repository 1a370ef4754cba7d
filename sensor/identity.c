/* SPDX-License-Identifier: Apache-2.0 */
#include "identity.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Captures of one size that are alike in all of these are one capture: they hold times. */
#define SAMPLES      16
#define SAMPLE_BYTES ((size_t)64 << 10)

/* FNV-1a. Whoever gives a sensor its files has easier ways to make it count nothing. */
static void add(uint64_t *digest, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < size; i++)
        *digest = (*digest ^ at[i]) * UINT64_C(0x100000001b3);
}

static void add_number(uint64_t *digest, uint64_t number)
{
    add(digest, &number, sizeof number);
}

static void add_text(uint64_t *digest, const char *text)
{
    add(digest, text, strlen(text) + 1);
}

static void add_monitor(uint64_t *digest, const struct ds_monitor *m)
{
    add_number(digest, m->everything);
    add_number(digest, m->range_count);
    for (size_t i = 0; i < m->range_count; i++) {
        add_number(digest, m->ranges[i].first);
        add_number(digest, m->ranges[i].last);
    }
    const struct {
        const struct ds_prefix *list;
        size_t count;
    } lists[] = {{m->inside6, m->inside6_count}, {m->outside6, m->outside6_count}};
    for (size_t k = 0; k < 2; k++) {
        add_number(digest, lists[k].count);
        for (size_t i = 0; i < lists[k].count; i++) {
            add(digest, lists[k].list[i].address, sizeof lists[k].list[i].address);
            add_number(digest, lists[k].list[i].bits);
        }
    }
}

/* False where it cannot be read. */
static bool add_content(uint64_t *digest, int fd, uint64_t size)
{
    uint8_t *sample = malloc(SAMPLE_BYTES);
    uint64_t last = size > SAMPLE_BYTES ? size - SAMPLE_BYTES : 0; /* where the last one begins */
    bool ok = sample;
    for (uint64_t i = 0; ok && i < SAMPLES; i++) {
        ssize_t n = pread(fd, sample, SAMPLE_BYTES, (off_t)(last * i / (SAMPLES - 1)));
        ok = n >= 0;
        if (ok)
            add(digest, sample, (size_t)n);
        if (last == 0)
            break;
    }
    free(sample);
    return ok;
}

static void add_survey(uint64_t *digest, const struct ds_sensor_config *c)
{
    add_number(digest, c->survey.ports);
    add_number(digest, c->survey.packets);
    add_number(digest, c->source_limit);
    add_text(digest, c->asn_db ? c->asn_db : "");
    add_text(digest, c->time_zone ? c->time_zone : "");
    if (c->acknowledged)
        add_monitor(digest, c->acknowledged);
}

uint64_t ds_identity_of_file(const struct ds_sensor_config *c, const char *country_db)
{
    uint64_t digest = UINT64_C(0xcbf29ce484222325);
    struct stat st;
    /* With a state file the windows depend on what was read before, and the next run finds more. */
    bool is_unlike = strcmp(c->file, "-") == 0 || c->survey_state;
    int fd = is_unlike ? -1 : open(c->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return 0;
    bool ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
              add_content(&digest, fd, (uint64_t)st.st_size);
    close(fd);
    if (!ok)
        return 0;
    add_number(&digest, (uint64_t)st.st_size);
    add_text(&digest, DARKSCOPE_VERSION);
    add_text(&digest, c->name);
    add_text(&digest, country_db);
    add_number(&digest, (uint64_t)c->window_ns);
    add_number(&digest, (uint64_t)c->lateness_ns);
    add_number(&digest, c->tunnels);
    add_monitor(&digest, c->monitor);
    add_survey(&digest, c);
    return digest ? digest : 1;
}
