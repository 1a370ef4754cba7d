/* SPDX-License-Identifier: Apache-2.0 */
#include "heap.h"

#include <malloc.h>

/* Pieces of so many bytes are mapped by themselves. Left to itself the C library raises this to
 * 32 MB, and small pieces that stay are made in the holes of large ones. */
#define LARGE (1 << 20)

void ds_heap_set_up(void)
{
    mallopt(M_MMAP_THRESHOLD, LARGE);
}

void ds_heap_trim(void)
{
    malloc_trim(0);
}
