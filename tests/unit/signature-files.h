/* SPDX-License-Identifier: Apache-2.0
 *
 * Signature files for tests: written, read, and what was told.
 */
#ifndef DARKSCOPE_TEST_SIGNATURE_FILES_H
#define DARKSCOPE_TEST_SIGNATURE_FILES_H

#include "packets.h"
#include "signatures.h"

#include <stdio.h>
#include <unistd.h>

#define TOLD_BYTES 16384

/* All faults, a line each. */
struct told {
    char text[TOLD_BYTES];
    struct ds_signature_faults faults;
};

static inline void tell(void *arg, const char *text)
{
    struct told *t = arg;
    size_t used = strlen(t->text);
    snprintf(t->text + used, sizeof t->text - used, "%s\n", text);
}

static inline void begin_told(struct told *t)
{
    *t = (struct told){.faults = {.tell = tell, .arg = t}};
}

/* Writes the text to a new file, whose path the caller unlinks and frees. */
static inline char *write_signatures(const char *text)
{
    char *path = strdup("/tmp/test-signatures.XXXXXX");
    assert_non_null(path);
    FILE *file = fdopen(mkstemp(path), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
    return path;
}

/* The rules of a text; NULL where none is good. */
static inline struct ds_rules *load_signatures(const char *text, struct told *told)
{
    char *path = write_signatures(text);
    const char *const paths[] = {path};
    const struct ds_signature_settings settings = {.paths = paths, .path_count = 1};
    struct ds_rules *rules;
    struct ds_error err;
    begin_told(told);
    if (ds_signatures_load(&settings, &told->faults, &rules, &err))
        fail_msg("%s", err.text);
    unlink(path);
    free(path);
    return rules;
}

#endif
