/* SPDX-License-Identifier: Apache-2.0
 *
 * A filter on system calls (seccomp): who takes over the process by a hostile packet can start no
 * program, watch no other process, load no code into the kernel and open no raw socket. Whole in
 * sandbox.c; sandbox_none.c where libseccomp is missing, and under the sanitizers, which need more
 * calls than we do.
 */
#ifndef DARKSCOPE_SANDBOX_H
#define DARKSCOPE_SANDBOX_H

#include "darkscope/error.h"

/* For this thread and all that it starts, for good. Needs no_new_privs. 0, or -1 with err. */
int ds_sandbox_enter(struct ds_error *err);

#endif
