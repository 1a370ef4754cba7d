/* SPDX-License-Identifier: Apache-2.0
 *
 * How the heap is kept small over months. Hours that are being summed up are tens of megabytes, in
 * large pieces and in very small ones, between others that stay: what is resident would grow by
 * megabytes a day, though what is used does not.
 */
#ifndef DARKSCOPE_HEAP_H
#define DARKSCOPE_HEAP_H

/* From here on large pieces are given back when they are freed. Once, as the process starts. */
void ds_heap_set_up(void);

/* Gives back what is free and a page or more; after each piece of upkeep. Any thread; some
 * milliseconds. */
void ds_heap_trim(void);

#endif
