/* SPDX-License-Identifier: Apache-2.0
 *
 * When sensors were down. A sensor starts anew after each, in a boot of its own.
 */
#ifndef DARKSCOPE_GEN_GAPS_H
#define DARKSCOPE_GEN_GAPS_H

#include "ledger.h"

/* All gaps by sensor, then time, none touching another; the caller frees *out. 0, or -1 without
 * memory. */
int ds_gen_gaps_draw(const struct ds_gen_model *m, struct ds_gen_gap **out, size_t *count);

#endif
