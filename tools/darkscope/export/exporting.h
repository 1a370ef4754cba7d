/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of `darkscope export` share: where rows go, and where they come from.
 */
#ifndef DARKSCOPE_TOOLS_EXPORTING_H
#define DARKSCOPE_TOOLS_EXPORTING_H

#include "options.h"
#include "query/export.h"

#include <limits.h>

/* ---- output.c: a file that is there whole or not at all ---- */

struct output {
    const char *target;  /* borrowed; NULL: standard output */
    bool is_direct;      /* target is no regular file, such as /dev/null: written as it comes */
    char part[PATH_MAX]; /* written before it is renamed */
    FILE *file;
};

/* 0, or -1 with err. */
int output_open(struct output *out, const char *target, struct ds_error *err);
/* What errno says of the output. -1. */
int output_error(const struct output *out, struct ds_error *err);
/* Gives it its name; or, not is_good, removes it. 0, or -1 with err. */
int output_close(struct output *out, bool is_good, struct ds_error *err);

/* ---- avro.c, or avro_none.c where avro-c is not built in ---- */

struct avro_output;

/* 0, or -1 with a DS_USAGE error where this build cannot write Avro. */
int avro_output_check(struct ds_error *err);
/* Writes the head of an Avro file into file, which stays the caller's, and opens path, the same
 * file, for rows. options: of the export, for the file's metadata. NULL with err. */
struct avro_output *avro_output_open(FILE *file, const char *path,
                                     const struct ds_export_head *head, const char *options,
                                     struct ds_error *err);
/* 0, or -1 and errno where it can be known. */
int avro_output_row(struct avro_output *avro, const struct ds_export_value *values);
/* Frees; accepts NULL. 0, or -1 where something could not be written. */
int avro_output_close(struct avro_output *avro);

/* The schema of a table, with all that the dictionary says. NULL without memory. */
json_t *avro_schema_of(const struct ds_export_table *table);

/* ---- dictionary.c ---- */

/* {"darkscope": version, "tables": [...]}; tables: names as keys of an object, NULL: all. NULL
 * without memory. */
json_t *dictionary_json(const json_t *tables);
/* The same for people, as Markdown. */
void dictionary_print(FILE *to, const json_t *dictionary);

/* ---- remote.c ---- */

/* As ds_export_run, but asks an aggregator. o: where; query: what was asked, o->pairs say it. */
int remote_run(const struct options *o, const struct ds_query *query,
               const struct ds_export_sink *sink, struct ds_error *err);

/* ---- interrupt.c ---- */

/* From now on Ctrl-C and the like wait until interrupt_end, so that nothing is left half done. A
 * descriptor that is readable then; -1: they do not wait. */
int interrupt_begin(void);
bool interrupt_has_come(int fd);
/* What has come is acted upon: the process ends. */
void interrupt_end(int fd);

#endif
