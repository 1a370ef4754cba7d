/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows for tests: a small one with something in every field, and one of the size and shape that
 * a telescope sees.
 */
#ifndef DARKSCOPE_TESTS_SAMPLE_H
#define DARKSCOPE_TESTS_SAMPLE_H

#include "darkscope/window.h"

/* xorshift64*: repeatable, state must not be 0. */
uint64_t sample_random(uint64_t *state);

/* Both allocate; the caller calls ds_window_finish. The books balance. */
void sample_small(struct ds_window *w);
void sample_traffic(struct ds_window *w, uint64_t seed, size_t packets);

/* Gives such a window sketches of as many sources as its tables have, the same every time. */
void sample_sketches(struct ds_window *w);

/* Fails the running test at the first field that differs. */
void sample_assert_equal(const struct ds_window *a, const struct ds_window *b);

#endif
