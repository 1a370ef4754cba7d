/* SPDX-License-Identifier: Apache-2.0
 *
 * A number for the windows that reading a file gives: the same whenever the same file is read with
 * the same settings, so that an aggregator recognises windows that it has.
 */
#ifndef DARKSCOPE_IDENTITY_H
#define DARKSCOPE_IDENTITY_H

#include "config.h"

/* Of c->file: its size, samples of its content, and all that decides what its windows hold;
 * country_db is the database's name. 0 where it is no regular file (a pipe, standard input), which
 * has none, or cannot be read. The addresses in it are no easier to find out than those in the
 * file, which who tries would have to know. */
uint64_t ds_identity_of_file(const struct ds_sensor_config *c, const char *country_db);

#endif
