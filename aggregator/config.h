/* SPDX-License-Identifier: Apache-2.0
 *
 * The aggregator's settings: defaults, below the configuration file, below the command line;
 * checked here, once, whatever they came from.
 */
#ifndef DARKSCOPE_AGGREGATOR_CONFIG_H
#define DARKSCOPE_AGGREGATOR_CONFIG_H

#include "darkscope/error.h"
#include "darkscope/key.h"
#include "darkscope/live.h"
#include "darkscope/log.h"
#include "darkscope/token.h"
#include "store.h"

#include <stdbool.h>

#define DS_CONFIG_LISTEN "tcp://127.0.0.1:7100"
#define DS_CONFIG_HTTP   "127.0.0.1:7180"
#define DS_CONFIG_STORE  "/var/lib/darkscope"
#define DS_CONFIG_WEB    DARKSCOPE_WEB /* of the build: where the page is installed */

/* What the command line says; NULL and false where it says nothing. Borrowed from argv. */
struct ds_aggregator_options {
    const char *config, *listen, *http, *store, *key, *sensors, *live, *web;
    bool check_only;
};

struct ds_aggregator_file;

struct ds_aggregator_config {
    const char *listen;                 /* ZeroMQ endpoint for sensors */
    const char *http;                   /* address and port */
    const char *certificate, *http_key; /* of TLS, PEM files; NULL: http in the clear */
    char token[DS_TOKEN_MAX + 1];       /* that whoever asks must show; empty: none */
    const char *store;                  /* directory */
    const char *sensors;      /* file or directory of the keys that may connect; NULL: no keys */
    struct ds_key key;        /* secret; whoever has used it may wipe it */
    struct ds_keys allowed;   /* of sensors; whoever uses them may take them */
    const char *live;         /* endpoint for live samples; NULL: no live view */
    const char *live_publish; /* for other visualizers; NULL: nowhere */
    struct ds_live_place place;
    const char *attribution; /* of the country database; NULL: none */
    const char *web;         /* directory of the page */
    struct ds_retention keep;
    enum ds_log_level log;
    struct ds_aggregator_file *file; /* owns what came from it */
};

/* Ends the program with DS_USAGE for a wrong command line, with DS_OK for --help and --version. */
void ds_aggregator_options_parse(struct ds_aggregator_options *o, int argc, char **argv);

/* The options must outlive *out. 0, or -1 with err (DS_CONFIG); then *out is empty. */
int ds_aggregator_config_load(const struct ds_aggregator_options *o,
                              struct ds_aggregator_config *out, struct ds_error *err);
void ds_aggregator_config_finish(struct ds_aggregator_config *c);

#endif
