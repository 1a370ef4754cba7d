/* SPDX-License-Identifier: Apache-2.0
 *
 * darkscope-gen --windows from options to exit.
 */
#ifndef DARKSCOPE_GEN_WINDOWS_GENERATE_H
#define DARKSCOPE_GEN_WINDOWS_GENERATE_H

#include "options.h"

#include <signal.h>

/* output and truth are paths or NULL. Ends early, with the truth of what was sent, when *stopped.
 * 0, or -1 with err. */
int ds_gen_windows_run(const struct ds_gen_windows_options *o, const struct ds_gen_plan *plan,
                       const char *output, const char *truth, const volatile sig_atomic_t *stopped,
                       struct ds_error *err);

#endif
