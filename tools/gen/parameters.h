/* SPDX-License-Identifier: Apache-2.0
 *
 * The options as the "parameters" of the sidecar: all that is needed to make the same bytes again.
 */
#ifndef DARKSCOPE_GEN_PARAMETERS_H
#define DARKSCOPE_GEN_PARAMETERS_H

#include "options.h"

/* A JSON object as text that the caller frees; NULL without memory. */
char *ds_gen_parameters(const struct ds_gen_options *o);

#endif
