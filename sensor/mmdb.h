/* SPDX-License-Identifier: Apache-2.0
 *
 * Opens a MaxMind DB file as a copy in memory of our own: a mapped file that someone overwrites or
 * cuts off ends the process at the next lookup.
 */
#ifndef DARKSCOPE_MMDB_H
#define DARKSCOPE_MMDB_H

#include "darkscope/error.h"

#include <maxminddb.h>

/* What the file is for, in error texts. */
struct ds_mmdb_use {
    const char *what;    /* "country database" */
    const char *setting; /* "country_db" */
    const char *without; /* what a user gets who leaves the setting out */
};

/* 0 and *out, which MMDB_close frees; or -1 with err, then there is nothing to close. */
int ds_mmdb_open(const char *path, const struct ds_mmdb_use *use, MMDB_s *out,
                 struct ds_error *err);

#endif
