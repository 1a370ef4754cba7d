/* SPDX-License-Identifier: Apache-2.0
 *
 * Source records of two windows said in the same terms, so that they can be added: the bits of the
 * same signatures, and times within the same stretch of time.
 */
#ifndef DARKSCOPE_MERGE_SOURCES_H
#define DARKSCOPE_MERGE_SOURCES_H

#include "darkscope/window.h"

/* The time of a window. */
struct ds_span {
    int64_t start_s;
    uint32_t seconds;
};

/* Names of signatures, by bit. Begins as 0. */
struct ds_marks {
    char names[DS_MARKS_MAX][DS_SIGNATURE_ID_MAX + 1];
    unsigned count;
};

/* Copies w's records to *out (NULL where it has none), for the caller to free: their bits by m,
 * which learns w's names as long as it has room, and their times within span, which holds w's. 0,
 * or -1 without memory. */
int ds_marks_translate(struct ds_marks *m, const struct ds_window *w, struct ds_span span,
                       struct ds_source_record **out);

#endif
