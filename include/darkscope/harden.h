/* SPDX-License-Identifier: Apache-2.0
 *
 * What every daemon does to itself before it listens to anybody.
 */
#ifndef DARKSCOPE_HARDEN_H
#define DARKSCOPE_HARDEN_H

#include "darkscope/error.h"

/* From here on this process leaves no core dump, which would hold addresses, shows its memory to
 * nobody but root, and can get no privileges by starting a program. 0, or -1 with err. */
int ds_harden(struct ds_error *err);

/* First of all: a request to reload (SIGHUP) that comes too early waits, instead of ending the
 * program. */
void ds_hold_hangup(void);

#endif
