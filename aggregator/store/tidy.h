/* SPDX-License-Identifier: Apache-2.0
 *
 * What is to be done about the files: which hours and days are complete and not rolled up, which
 * files are past their time. Knows only what is in the files, so a crash forgets nothing.
 */
#ifndef DARKSCOPE_STORE_TIDY_H
#define DARKSCOPE_STORE_TIDY_H

#include "sqlite.h"

struct tidy *ds_tidy_create(void);    /* NULL without memory */
void ds_tidy_destroy(struct tidy *t); /* accepts NULL */

/* A window was committed. By any thread. */
void ds_tidy_note(struct tidy *t, int64_t day_s, int64_t sensor, int64_t start_s);

/* prune.c: deletes one file past its time, of which all is rolled up. 1 if so, 0, -1. */
int ds_prune_one(struct sqlite_store *s, const struct ds_retention *keep, int64_t now_s,
                 struct ds_error *err);

#endif
