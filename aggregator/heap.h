/* SPDX-License-Identifier: Apache-2.0
 *
 * How the heap is kept small over months. Hours that are being summed up are tens of megabytes, in
 * large pieces and in very small ones, between others that stay: what is resident would grow by
 * megabytes a day, though what is used does not.
 */
#ifndef DARKSCOPE_HEAP_H
#define DARKSCOPE_HEAP_H

#include <stddef.h>

/* From here on pieces of so many bytes are given back when they are freed. Left to itself the C
 * library soon keeps those of up to 32 MB, and small ones that stay are made in their holes. Once,
 * as the process starts. */
#define DS_HEAP_PIECE_MAX ((size_t)1 << 20)
void ds_heap_set_up(void);

/* Gives back what is free and a page or more. Any thread; some milliseconds. */
void ds_heap_trim(void);

#endif
