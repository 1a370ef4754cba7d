/* SPDX-License-Identifier: Apache-2.0
 *
 * Configuration files: YAML into a C struct by a libcyaml schema, with errors that say the file,
 * the line, the column, the key and what would be right.
 *
 * Stricter than libcyaml, which takes "5s" for the number 5, "maybe" for true, ignores a second
 * document and names a line too early: numbers are decimal and whole texts, booleans are true or
 * false, and there is one document without anchors or aliases.
 */
#ifndef DARKSCOPE_CONFIG_H
#define DARKSCOPE_CONFIG_H

#include "darkscope/error.h"

#include <cyaml/cyaml.h>
#include <stdbool.h>

#define DS_CONFIG_BYTES_MAX (1u << 20)

/* What a schema cannot say about a scalar. check returns what is wrong with the text and what would
 * be right (static), or NULL. */
struct ds_config_rule {
    const char *key; /* with those above it: "uplink.endpoint"; of a sequence: each entry */
    const char *(*check)(const char *text);
    bool is_secret; /* no error shows the text: the telescope's addresses */
};

/* Reads the file into *out, which the schema describes and ds_config_free frees. The schema is a
 * mapping of CYAML_INT, UINT, BOOL, ENUM, FLOAT, STRING, MAPPING and SEQUENCE. rules ends with a
 * NULL key and may be NULL. 0, or -1 with err (DS_CONFIG; DS_FAILURE without memory). */
int ds_config_load(const char *path, const struct cyaml_schema_value *schema,
                   const struct ds_config_rule *rules, void **out, struct ds_error *err);

/* The same in two steps. The whole file, at most DS_CONFIG_BYTES_MAX, in memory that the caller
 * frees. */
int ds_config_read(const char *path, unsigned char **text, size_t *size, struct ds_error *err);
/* A text, all of a file or some lines of it. */
struct ds_config_text {
    const char *path; /* what errors call it */
    const void *text;
    size_t size;
    unsigned lines_before; /* in the file */
};
int ds_config_load_text(const struct ds_config_text *text, const struct cyaml_schema_value *schema,
                        const struct ds_config_rule *rules, void **out, struct ds_error *err);

/* Accepts NULL. */
void ds_config_free(const struct cyaml_schema_value *schema, void *config);

#endif
