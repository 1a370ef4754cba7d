/* SPDX-License-Identifier: Apache-2.0
 *
 * A small store to ask: two sensors, a gap, sources, attacks.
 */
#ifndef DARKSCOPE_TESTS_FUZZ_WORLD_H
#define DARKSCOPE_TESTS_FUZZ_WORLD_H

#include "store.h"

/* Opens it to read; the caller's. Made by the first call, in a directory of its own which is gone
 * when the program ends. */
struct ds_store *world_open(void);

#endif
