/* SPDX-License-Identifier: Apache-2.0
 *
 * Encoded windows of one run made into one of their hour, for a spool that is full. They are added
 * from the latest back to the earliest (darkscope/merge.h says why). Pure.
 */
#ifndef DARKSCOPE_COARSEN_H
#define DARKSCOPE_COARSEN_H

#include "darkscope/window.h"

/* Begins as 0. */
struct ds_coarse {
    struct ds_window window; /* of all that were added */
    uint64_t sequence;       /* of the latest */
    size_t count;
};

enum ds_coarsen {
    DS_COARSEN_OK,
    DS_COARSEN_OTHER, /* of another hour, or too large together: it is not added */
    DS_COARSEN_FAILED /* no window, or no memory */
};

/* Adds a window's message, which is borrowed. */
enum ds_coarsen ds_coarsen_add(struct ds_coarse *c, const uint8_t *message, size_t size);

/* Of two windows or more the message of the hour's, for the caller to free. 0, or -1 where an
 * aggregator would not take it, as it is too large, or there is no memory. */
int ds_coarsen_encode(const struct ds_coarse *c, uint8_t **message, size_t *size);

/* Frees, and makes it ready for other windows. */
void ds_coarsen_finish(struct ds_coarse *c);

#endif
