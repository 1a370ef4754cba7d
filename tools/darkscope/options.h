/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line: where to ask, how to print, and the question's name=value pairs.
 */
#ifndef DARKSCOPE_OPTIONS_H
#define DARKSCOPE_OPTIONS_H

#include "command.h"

#include "darkscope/text.h"

#define DEFAULT_URL "http://127.0.0.1:7180"
#define PAIRS_MAX   16
#define WORDS_MAX   256 /* arguments of a command that runs by itself */

struct pair {
    const char *name, *value; /* borrowed from the arguments, or value is time */
    char time[DS_TIME_TEXT];
};

struct options {
    const struct command *command; /* NULL: only help or version was asked for */
    bool wants_help, wants_version;
    const char *store; /* NULL: ask url */
    const char *url;
    const char *token_file; /* NULL: none */
    const char *ca_file; /* who may have signed the aggregator's certificate; NULL: the system's */
    enum format format;
    bool has_format; /* it was given */
    struct ds_query query;
    struct pair pairs[PAIRS_MAX]; /* those of query, for a URL */
    size_t pair_count;
    const char *words[WORDS_MAX];
    size_t word_count;
};

/* Reads arguments and the environment (DARKSCOPE_STORE, DARKSCOPE_URL, DARKSCOPE_TOKEN_FILE,
 * DARKSCOPE_CA_FILE). 0, or -1 with err. */
int options_parse(struct options *o, int argc, char **argv, struct ds_error *err);

/* The text of --help: of the command, or (NULL) of the program. */
void options_help(FILE *to, const struct command *command);

#endif
