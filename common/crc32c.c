/* SPDX-License-Identifier: Apache-2.0
 *
 * Eight bytes at a time. What bytes add to the sum is the sum of what their bits add, so a half of
 * a byte needs a table of 16, made of the four that its bits add.
 */
#include "crc32c.h"

#include <endian.h>
#include <stdbool.h>
#include <string.h>

#define HALF(a, b, c, d)                                                                           \
    {                                                                                              \
        0, (a), (b), (a) ^ (b), (c), (a) ^ (c), (b) ^ (c), (a) ^ (b) ^ (c), (d), (a) ^ (d),        \
            (b) ^ (d), (a) ^ (b) ^ (d), (c) ^ (d), (a) ^ (c) ^ (d), (b) ^ (c) ^ (d),               \
            (a) ^ (b) ^ (c) ^ (d)                                                                  \
    }

/* By the place of the half: the lower of the first byte of eight, its higher, ... */
static const uint32_t adds[16][16] = {
    HALF(0x493c7d27, 0x9278fa4e, 0x211d826d, 0x423b04da),
    HALF(0x847609b4, 0x0d006599, 0x1a00cb32, 0x34019664),
    HALF(0x68032cc8, 0xd0065990, 0xa5e0c5d1, 0x4e2dfd53),
    HALF(0x9c5bfaa6, 0x3d5b83bd, 0x7ab7077a, 0xf56e0ef4),
    HALF(0xef306b19, 0xdb8ca0c3, 0xb2f53777, 0x6006181f),
    HALF(0xc00c303e, 0x85f4168d, 0x0e045beb, 0x1c08b7d6),
    HALF(0x38116fac, 0x7022df58, 0xe045beb0, 0xc5670b91),
    HALF(0x8f2261d3, 0x1ba8b557, 0x37516aae, 0x6ea2d55c),
    HALF(0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6),
    HALF(0xe964b13d, 0xd725148b, 0xaba65fe7, 0x52a0c93f),
    HALF(0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5),
    HALF(0x70a27d8a, 0xe144fb14, 0xc76580d9, 0x8b277743),
    HALF(0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8),
    HALF(0x3fc5f181, 0x7f8be302, 0xff17c604, 0xfbc3faf9),
    HALF(0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf),
    HALF(0x105ec76f, 0x20bd8ede, 0x417b1dbc, 0x82f63b78),
};

static uint32_t add_eight(uint32_t sum, const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    word = le64toh(word) ^ sum;
    uint32_t added = 0;
    for (unsigned half = 0; half < 16; half++)
        added ^= adds[half][word >> (4 * half) & 15];
    return added;
}

#ifdef __x86_64__
static bool has_instruction(void)
{
    return __builtin_cpu_supports("sse4.2");
}

/* The processor's own, of whole eights. */
__attribute__((target("sse4.2"))) static uint32_t add_eights(uint32_t sum, const uint8_t *bytes,
                                                             size_t eights)
{
    uint64_t wide = sum;
    for (size_t i = 0; i < eights; i++) {
        uint64_t word;
        memcpy(&word, bytes + 8 * i, sizeof word);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    return (uint32_t)wide;
}
#else
static bool has_instruction(void)
{
    return false;
}

static uint32_t add_eights(uint32_t sum, const uint8_t *bytes, size_t eights)
{
    return sum;
}
#endif

uint32_t ds_crc32c(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    uint32_t sum = UINT32_MAX;
    if (has_instruction()) {
        sum = add_eights(sum, bytes, size / 8);
        bytes += size / 8 * 8;
        size %= 8;
    }
    for (; size >= 8; size -= 8, bytes += 8)
        sum = add_eight(sum, bytes);
    for (; size > 0; size--, bytes++) {
        uint32_t changed = sum ^ *bytes;
        sum = sum >> 8 ^ adds[15][changed >> 4 & 15] ^ adds[14][changed & 15];
    }
    return ~sum;
}
