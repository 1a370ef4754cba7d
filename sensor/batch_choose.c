/* SPDX-License-Identifier: Apache-2.0
 *
 * The x86-64-v3 level is asked for feature by feature: compilers came to know it by name late, and
 * a virtual machine may lack any of them.
 */
#include "batch.h"

#ifdef DS_BATCH_HAS_V3

#include <cpuid.h>

static bool has_v3(void)
{
    unsigned a, b, c, d;
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi") ||
        !__builtin_cpu_supports("bmi2") || !__builtin_cpu_supports("fma"))
        return false;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_MOVBE) || !(c & bit_F16C))
        return false;
    return __get_cpuid(0x80000001, &a, &b, &c, &d) && c & bit_LZCNT;
}

ds_batch_count_fn *ds_batch_choose(void)
{
    return has_v3() ? ds_batch_count_v3 : ds_batch_count;
}

#else

ds_batch_count_fn *ds_batch_choose(void)
{
    return ds_batch_count;
}

#endif
