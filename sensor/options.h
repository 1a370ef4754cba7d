/* SPDX-License-Identifier: Apache-2.0
 *
 * The sensor's command line.
 */
#ifndef DARKSCOPE_SENSOR_OPTIONS_H
#define DARKSCOPE_SENSOR_OPTIONS_H

#include "config.h"

#define DS_OPTIONS_LIST_MAX 256 /* of one list on the command line; more go into a file */

struct ds_options {
    const char *config;         /* file, or NULL */
    struct ds_sensor_text text; /* borrows from argv and from the arrays below */
    bool json;
    bool check;   /* --check-config */
    double speed; /* 0: as fast as it goes */
    bool promiscuous, experimental;
    unsigned source_limit;
    const char *monitor[DS_OPTIONS_LIST_MAX];
    const char *exclude[DS_OPTIONS_LIST_MAX];
    const char *decapsulate[DS_OPTIONS_LIST_MAX];
    const char *acknowledged[DS_OPTIONS_LIST_MAX];
    const char *cpus[DS_OPTIONS_LIST_MAX];
    const char *signatures[DS_OPTIONS_LIST_MAX];
    const char *enable_signatures[DS_OPTIONS_LIST_MAX];
    const char *disable_signatures[DS_OPTIONS_LIST_MAX];
};

/* Parses, or prints what is wrong (or the help) and exits as argp does, with DS_USAGE. */
void ds_options_parse(struct ds_options *o, int argc, char **argv);

#endif
