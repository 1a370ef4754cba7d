/* SPDX-License-Identifier: Apache-2.0
 *
 * The sketches of a closed window, made of the exact sets of sources that it was counted with: no
 * packet costs anything for them. Pure; runs on the uplink thread.
 */
#ifndef DARKSCOPE_SENSOR_SKETCHES_H
#define DARKSCOPE_SENSOR_SKETCHES_H

#include "darkscope/window.h"
#include "worker.h"

/* sets: the closed sets of one window, one a worker, which are only read. out: what ds_gather made
 * of them. Fills out's sketches. 0, or -1 without memory. */
int ds_sketches_gather(const struct ds_sketch_secret *secret, struct ds_set *const *sets,
                       unsigned workers, struct ds_window *out);

/* The key of the sensor's tables, which also makes IPv6 addresses numbers: the same wherever the
 * secret is, so that their sources unite, too. */
struct ds_hash_key ds_sketches_hash_key(const struct ds_sketch_secret *secret);

#endif
