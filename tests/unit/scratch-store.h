/* SPDX-License-Identifier: Apache-2.0
 *
 * A store in a directory of its own, gone after the test; and windows to put in it.
 */
#ifndef DARKSCOPE_TESTS_SCRATCH_STORE_H
#define DARKSCOPE_TESTS_SCRATCH_STORE_H

#include "store.h"

#define SCRATCH_PATH 64

struct scratch {
    char directory[SCRATCH_PATH];
    struct ds_store *store; /* open for writing, or NULL */
    uint64_t sequence;
};

/* Opens a fresh store, closes and removes it. */
void scratch_open(struct scratch *s);
void scratch_close(struct scratch *s);

/* Puts a window as the next message of boot 1 of a sensor; must be committed. */
void scratch_put(struct scratch *s, const char *sensor, const struct ds_window *w);

/* A window of random traffic; sources and classes differ from packets. */
void scratch_window(struct ds_window *w, uint64_t seed, int64_t start_s);

#endif
