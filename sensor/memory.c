/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"

#include <limits.h>
#include <malloc.h>

void ds_memory_keep(void)
{
    mallopt(M_ARENA_MAX, 1); /* of several arenas all but the first are too small */
    mallopt(M_MMAP_THRESHOLD, INT_MAX);
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
}

void ds_memory_trim(void)
{
    if (mallinfo2().fordblks > DS_MEMORY_KEPT_MAX)
        malloc_trim(0);
}
