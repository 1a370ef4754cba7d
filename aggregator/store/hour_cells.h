/* SPDX-License-Identifier: Apache-2.0
 *
 * The cells of an hour from those of its windows: by port and country, by port, and the sums over
 * ports. Ports are done block by block, and of a block window after window, in a table that stays
 * in the processor's cache: nothing is sorted or looked up.
 */
#ifndef DARKSCOPE_STORE_HOUR_CELLS_H
#define DARKSCOPE_STORE_HOUR_CELLS_H

#include "merge_runs.h"

struct hour_cells {
    struct store_file *file;
    struct run *runs;        /* one a window, in order of time; fresh */
    const uint32_t *offsets; /* of the windows, in seconds from the hour's start */
    size_t windows;
};

/* Makes the chunks of the hour, by kind, which the caller finishes. Finishes the runs. 0 or -1. */
int ds_hour_cells_make(const struct hour_cells *h, struct chunk_rows rows[static CHUNK_KIND_COUNT],
                       struct ds_error *err);

#endif
