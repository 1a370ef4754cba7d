/* SPDX-License-Identifier: Apache-2.0
 *
 * The subcommands of darkscope. A subcommand is a kind of question (aggregator/query.h), its help,
 * and how its answer looks as a table. The answer is the same whether it comes from a store or from
 * an aggregator's API; JSON and CSV are printed by the query engine itself. Or a subcommand asks
 * nobody and runs by itself.
 */
#ifndef DARKSCOPE_COMMAND_H
#define DARKSCOPE_COMMAND_H

#include "query.h"

#include <stdio.h>

struct options;

enum format { FORMAT_TABLE, FORMAT_CSV, FORMAT_JSON, FORMAT_JSONL, FORMAT_AVRO, FORMAT_COUNT };

struct command {
    const char *name;
    enum ds_query_kind kind;
    const char *positional; /* name of the pair that an argument without -- gives; NULL: none */
    enum format format;     /* where --format is not given */
    unsigned formats;       /* bits of those that it has; 0: table, CSV and JSON */
    const char *summary;    /* one line */
    const char *help;       /* options and examples */
    void (*table)(FILE *to, const json_t *answer);
    /* In place of all that: takes the words behind the command and prints. NULL: a question. 0, or
     * -1 with err. */
    int (*run)(const struct options *o, struct ds_error *err);
    const char *const *options; /* that run takes, NULL behind the last; NULL: none */
    bool reads_store;           /* run reads o->store, which is then given */
    bool takes_source; /* run reads o->store or asks o->url, and takes the pairs of a question */
};

extern const struct command command_query, command_top, command_summary, command_sensors,
    command_windows, command_window, command_sources, command_signatures, command_attacks,
    command_seen, command_keygen, command_store, command_live, command_report, command_export;

#endif
