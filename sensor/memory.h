/* SPDX-License-Identifier: Apache-2.0
 *
 * How the process treats its memory.
 */
#ifndef DARKSCOPE_MEMORY_H
#define DARKSCOPE_MEMORY_H

/* From here on the process keeps what it frees, to be used again. The tables of a large window are
 * made anew for each, tens of megabytes of them; left to itself the C library gives such memory
 * back every time, and fetching it again costs half of what filling it does. */
void ds_memory_keep(void);

#endif
