/* SPDX-License-Identifier: Apache-2.0
 *
 * How the process treats its memory.
 */
#ifndef DARKSCOPE_MEMORY_H
#define DARKSCOPE_MEMORY_H

#include <stddef.h>

/* From here on the process keeps what it frees, to be used again. The tables of a large window are
 * made anew for each, tens of megabytes of them; left to itself the C library gives such memory
 * back every time, and fetching it again costs half of what filling it does. */
void ds_memory_keep(void);

/* Gives back what is kept where that is more than so much, more than a window of ten million
 * packets makes: after a flood it would be as much again as what is used. */
#define DS_MEMORY_KEPT_MAX ((size_t)192 << 20)
void ds_memory_trim(void);

#endif
