/* SPDX-License-Identifier: Apache-2.0
 *
 * Unique sources over any time, estimated from sketches that are united bucket by bucket.
 */
#ifndef DARKSCOPE_STORE_ESTIMATES_H
#define DARKSCOPE_STORE_ESTIMATES_H

#include "group.h"
#include "plan.h"
#include "sketches.h"

/* Buckets of windows whose hour is not over, or divided, are read window by window: only where they
 * are so long, or there is but one. */
#define ESTIMATE_SECONDS_MIN HOUR_S

/* Whose sources: those of all these sketches together. A port without a class has three. */
#define WANTED_KEYS DS_CLASS_COUNT
struct wanted {
    struct ds_sketch_key keys[WANTED_KEYS];
    unsigned count; /* 0: none is kept */
    bool is_world;  /* the one of all countries */
};

/* Two: the second is what is to be taken off the first, where survey scanners are left out; and of
 * these alone, the port of all, which says in which windows it was listed. */
#define WANTED_PARTS 2
void ds_wanted_of_filter(const struct ds_filter *f, struct wanted out[static WANTED_PARTS]);
void ds_wanted_of_row(enum ds_by by, const struct ds_filter *f, const struct ds_top_row *row,
                      struct wanted out[static WANTED_PARTS]);

struct estimate {
    bool is_known;
    bool is_port;
    struct ds_estimate sources;
    uint64_t windows; /* of a port: in which it was listed, of whatever class */
};

/* Fills out[bucket * wanted_count + wanted]; not known where any window with packets has no sketch,
 * or another secret. Part of an operation on the store, which the caller ends. 0 or -1. */
int ds_estimates_make(struct sqlite_store *s, const struct ds_buckets *buckets,
                      const struct wanted *wanted, size_t wanted_count, struct estimate *out,
                      struct ds_error *err);

/* Tells figures whose sources are not exact. e: both parts. g: what the figures are of. A port is
 * told only where it was listed in all windows that have packets of it: so an estimate is the same
 * however the windows came and were summed up. */
void ds_estimate_tell(const struct estimate e[static WANTED_PARTS], enum ds_survey_part part,
                      const struct group *g, struct ds_figures *figures);

#endif
