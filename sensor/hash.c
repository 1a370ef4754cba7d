/* SPDX-License-Identifier: Apache-2.0 */
#include "hash.h"

#include <stdlib.h>
#include <sys/random.h>

struct ds_hash_key ds_hash_key_random(void)
{
    struct ds_hash_key k;
    /* Up to 256 bytes come whole and at once after the kernel's generator was seeded. */
    if (getrandom(&k, sizeof k, 0) != (ssize_t)sizeof k)
        abort();
    k.multiply |= 1;
    return k;
}
