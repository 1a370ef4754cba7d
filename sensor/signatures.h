/* SPDX-License-Identifier: Apache-2.0
 *
 * Signature files: YAML that says how a tool, a malware or an attack looks, and how certain that
 * is (docs/signatures.md). Here they are read, chosen and compiled into rules (rules.h) that
 * packets are held against. One bad signature does not disable the others: each fault is told, and
 * the rest goes on. Main thread only.
 *
 * No fault repeats an address, which may be the telescope's.
 */
#ifndef DARKSCOPE_SIGNATURES_H
#define DARKSCOPE_SIGNATURES_H

#include "darkscope/error.h"
#include "rules.h"

#include <stdbool.h>

enum ds_signature_category {
    DS_CATEGORY_MALWARE,
    DS_CATEGORY_SCANNER,
    DS_CATEGORY_SURVEY,
    DS_CATEGORY_EXPLOIT,
    DS_CATEGORY_AMPLIFICATION,
    DS_CATEGORY_BACKSCATTER,
    DS_CATEGORY_P2P,
    DS_CATEGORY_OTHER,
    DS_CATEGORY_COUNT
};

/* Where a signature comes from. What is only recalled is experimental: off unless enabled. */
enum ds_signature_certainty {
    DS_CERTAINTY_SOURCE,    /* read in source code, a specification or a capture */
    DS_CERTAINTY_PUBLISHED, /* from a paper, an advisory or a press release */
    DS_CERTAINTY_RECALLED,  /* from memory, not verified */
    DS_CERTAINTY_COUNT
};

/* Names as in the files. Out of range gives NULL. */
const char *ds_category_name(unsigned category);
const char *ds_certainty_name(unsigned certainty);

/* What a person wants to know of a signature, from a file or built in. */
struct ds_signature_about {
    const char *id, *name;
    const char *family; /* NULL: none */
    unsigned category, certainty;
    char *const *cve; /* cve_count texts */
    unsigned cve_count;
    char *const *references;
    unsigned reference_count;
};

/* Of a built-in one (enum ds_signature). Static. */
const struct ds_signature_about *ds_signature_builtin(unsigned signature);

struct ds_signature_definition; /* as written */

/* One signature of a file. */
struct ds_signature_entry {
    struct ds_signature_about about; /* borrows from the definition */
    const char *file;                /* owned by the list */
    unsigned line, filter_line;      /* where it begins, where its condition stands */
    bool enabled;
    struct ds_signature_definition *definition; /* owned */
};

struct ds_signature_list {
    struct ds_signature_entry *entries; /* in the order of files and of each file */
    size_t count;                       /* at most DS_RULES_MAX */
    char **files;
    size_t file_count;
};

/* Which signatures are wanted. Texts are borrowed. */
struct ds_signature_settings {
    const char *const *paths;  /* files, or directories whose *.yaml are read; "none": no more */
    unsigned path_count;       /* 0: DS_SIGNATURES_DIRECTORY, if it is there */
    const char *const *enable; /* glob patterns of ids: also experimental ones */
    unsigned enable_count;
    const char *const *disable; /* wins */
    unsigned disable_count;
};

/* Where faults go, one line each. */
struct ds_signature_faults {
    void (*tell)(void *arg, const char *text);
    void *arg;
    unsigned count;  /* of those told */
    unsigned unread; /* of these, files and directories that could not be read */
};

/* Reads all files. *out has what is good. 0, or -1 with err (without memory). */
int ds_signatures_read(const struct ds_signature_settings *s, struct ds_signature_faults *faults,
                       struct ds_signature_list **out, struct ds_error *err);
void ds_signatures_free(struct ds_signature_list *list); /* accepts NULL */

/* Makes rules of the enabled ones; *out is NULL where there are none. places, where not NULL, has
 * an item an entry: the place of its rule, or -1. 0, or -1 with err. */
int ds_signatures_compile(const struct ds_signature_list *list, struct ds_signature_faults *faults,
                          int *places, struct ds_rules **out, struct ds_error *err);

/* Both of these in one. */
int ds_signatures_load(const struct ds_signature_settings *s, struct ds_signature_faults *faults,
                       struct ds_rules **out, struct ds_error *err);

/* Holds the examples of all entries that have a rule against the rules: a fault for every one that
 * does not do what it says, and for a signature without a positive or without a negative one. */
void ds_signatures_prove(const struct ds_signature_list *list, const struct ds_rules *rules,
                         const int *places, struct ds_signature_faults *faults);

#endif
