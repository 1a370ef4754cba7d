/* SPDX-License-Identifier: Apache-2.0
 *
 * A small store to ask: two sensors, a gap, sources, attacks.
 */
#ifndef DARKSCOPE_TESTS_FUZZ_WORLD_H
#define DARKSCOPE_TESTS_FUZZ_WORLD_H

#include "store.h"

/* Makes it in a directory of its own, which is gone when the program ends, and opens it to read;
 * the caller's. */
struct ds_store *world_open(void);

#endif
