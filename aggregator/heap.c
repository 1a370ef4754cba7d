/* SPDX-License-Identifier: Apache-2.0 */
#include "heap.h"

#include <malloc.h>

void ds_heap_set_up(void)
{
    mallopt(M_MMAP_THRESHOLD, (int)DS_HEAP_PIECE_MAX);
}

void ds_heap_trim(void)
{
    malloc_trim(0);
}
