/* SPDX-License-Identifier: Apache-2.0
 *
 * The survey's state on disk, so that a restart forgets neither the day's table nor yesterday's
 * scanners; and the lists of acknowledged organisations. docs/statistics.md describes both files.
 */
#ifndef DARKSCOPE_SURVEY_FILE_H
#define DARKSCOPE_SURVEY_FILE_H

#include "darkscope/quiet.h"
#include "survey.h"

#define DS_SURVEY_SAVE_NS      (60 * DS_NS_PER_S)
#define DS_SURVEY_LIST_BYTES   (4u << 20) /* of one list file */
#define DS_SURVEY_PREFIXES_MAX 65536u     /* of all lists together */

/* Replaces the file as a whole; a crash leaves the one before. 0, or -1 with err. */
int ds_survey_save(const struct ds_survey *s, const char *path, struct ds_error *err);

/* Puts back what the file holds into a fresh survey. 0; DS_SURVEY_NO_FILE; DS_SURVEY_DAMAGED with
 * err where it is a state, but damaged or of another version; or -1 with err where it cannot be
 * read or is none: it may be another's, and is not to be written over. But for 0 nothing was taken
 * from it. */
#define DS_SURVEY_NO_FILE 1
#define DS_SURVEY_DAMAGED 2
int ds_survey_load(struct ds_survey *s, const char *path, struct ds_error *err);

/* Saves once a minute. All zero to begin with, but path. */
struct ds_survey_keeper {
    const char *path; /* NULL: nowhere */
    int64_t next_ns;
    struct ds_quiet quiet;
};

/* To be called after every window, and at the end with is_last. A failure is logged. */
void ds_survey_keep(struct ds_survey_keeper *k, const struct ds_survey *s, bool is_last);

/* The prefixes of all files as a set. IPv6 ones are checked and not used. No error shows what a
 * line holds: it may be the telescope's. 0 and *out, which is NULL without files; or -1. */
int ds_survey_read_lists(const char *const *paths, unsigned count, struct ds_monitor **out,
                         struct ds_error *err);

#endif
