/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan as the "parameters" of the truth: all that is needed to make the same windows again.
 */
#ifndef DARKSCOPE_GEN_WINDOWS_PARAMETERS_H
#define DARKSCOPE_GEN_WINDOWS_PARAMETERS_H

#include "plan.h"

/* A JSON object as text that the caller frees; NULL without memory. */
char *ds_gen_plan_json(const struct ds_gen_plan *p);

#endif
