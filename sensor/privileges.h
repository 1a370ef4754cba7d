/* SPDX-License-Identifier: Apache-2.0
 *
 * Gives up, for good, what only opening a capture needs, before the first hostile byte is read.
 */
#ifndef DARKSCOPE_PRIVILEGES_H
#define DARKSCOPE_PRIVILEGES_H

#include "darkscope/error.h"

#include <stdbool.h>
#include <stdint.h>

/* Whose a live capture's process becomes where none is named: the first of these that exists. */
#define DS_PRIVILEGES_USER     "darkscope"
#define DS_PRIVILEGES_FALLBACK "nobody"

/* From here on this process has no capabilities, cannot get any, leaves no core dump (it would hold
 * monitored addresses) and is in the sandbox (sandbox.h). Started as root it becomes `user`; where
 * that is NULL a live capture becomes one of those above, and one that reads a file stays: who has
 * a file counted means to read and write as himself. Before any thread is started: it is this
 * one's. 0, or -1 with err. */
int ds_privileges_drop(const char *user, bool is_live, struct ds_error *err);

/* From here on the data of this process (heap, stacks, tables; no files or the kernel's buffers of
 * packets) stay within so many bytes: allocations beyond fail, which all code expects. Where there
 * are more by now, as under a sanitizer, nothing is limited. 0, or -1 with err. */
int ds_privileges_limit_memory(uint64_t bytes, struct ds_error *err);

#endif
