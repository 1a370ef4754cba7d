/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets built byte by byte, for the tests of the stages. Numbers are put in network order.
 */
#ifndef DARKSCOPE_TEST_PACKETS_H
#define DARKSCOPE_TEST_PACKETS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Every test draws the same numbers in every run (splitmix64). */
static inline uint64_t draw(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static inline uint32_t draw_below(uint64_t *state, uint32_t bound)
{
    return (uint32_t)(draw(state) % bound);
}

struct bytes {
    uint8_t data[2048];
    uint32_t count;
};

static inline void put(struct bytes *b, const void *data, size_t count)
{
    assert_true(count <= sizeof b->data - b->count);
    memcpy(b->data + b->count, data, count);
    b->count += (uint32_t)count;
}

static inline void put_bytes(struct bytes *b, const struct bytes *other)
{
    put(b, other->data, other->count);
}

static inline void put_number(struct bytes *b, uint64_t value, unsigned count)
{
    for (unsigned i = count; i-- > 0;)
        put(b, &(uint8_t){(uint8_t)(value >> 8 * i)}, 1);
}

static inline void put_zeros(struct bytes *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put_number(b, 0, 1);
}

/* "0800 45": blanks are passed over. */
static inline void put_hex(struct bytes *b, const char *hex)
{
    for (; *hex; hex++) {
        if (*hex == ' ')
            continue;
        char digits[3] = {hex[0], hex[1], 0};
        put_number(b, strtoul(digits, NULL, 16), 1);
        hex++;
    }
}

static inline void set16(struct bytes *b, size_t at, uint32_t value)
{
    b->data[at] = (uint8_t)(value >> 8);
    b->data[at + 1] = (uint8_t)value;
}

/* An IPv4 header of 20 bytes; end4 writes the total length of all that was put since. */
static inline uint32_t begin4(struct bytes *b, uint8_t proto, uint32_t source, uint32_t dest)
{
    uint32_t start = b->count;
    put_hex(b, "4500 0000 1234 0000 40");
    put_number(b, proto, 1);
    put_hex(b, "0000");
    put_number(b, source, 4);
    put_number(b, dest, 4);
    return start;
}

static inline void end4(struct bytes *b, uint32_t start)
{
    set16(b, start + 2, b->count - start);
}

/* An IPv6 header from 2001:db8::source to 2001:db8:1::dest. */
static inline uint32_t begin6(struct bytes *b, uint8_t next, uint32_t source, uint32_t dest)
{
    uint32_t start = b->count;
    put_hex(b, "6000 0000 0000");
    put_number(b, next, 1);
    put_hex(b, "40  2001 0db8 0000 0000 0000 0000");
    put_number(b, source, 4);
    put_hex(b, "2001 0db8 0001 0000 0000 0000");
    put_number(b, dest, 4);
    return start;
}

static inline void end6(struct bytes *b, uint32_t start)
{
    set16(b, start + 4, b->count - start - 40);
}

static inline void put_tcp(struct bytes *b, uint16_t source_port, uint16_t dest_port, uint32_t seq,
                           uint8_t flags)
{
    put_number(b, source_port, 2);
    put_number(b, dest_port, 2);
    put_number(b, seq, 4);
    put_hex(b, "00000000 50");
    put_number(b, flags, 1);
    put_hex(b, "ffff 0000 0000");
}

static inline void put_udp(struct bytes *b, uint16_t source_port, uint16_t dest_port,
                           uint16_t payload)
{
    put_number(b, source_port, 2);
    put_number(b, dest_port, 2);
    put_number(b, 8u + payload, 2);
    put_hex(b, "0000");
    put_zeros(b, payload);
}

#define TEST_SOURCE 0x01020304
#define TEST_DEST   0x0a000001

/* A bare SYN to port 23. */
static inline struct bytes syn4(void)
{
    struct bytes b = {.count = 0};
    uint32_t start = begin4(&b, 6, TEST_SOURCE, TEST_DEST);
    put_tcp(&b, 40000, 23, 0x12345678, 0x02);
    end4(&b, start);
    return b;
}

static inline struct bytes syn6(void)
{
    struct bytes b = {.count = 0};
    uint32_t start = begin6(&b, 6, 1, 2);
    put_tcp(&b, 40000, 23, 0x12345678, 0x02);
    end6(&b, start);
    return b;
}

/* The first `count` bytes in memory of exactly that size, so that a read beyond them is noticed
 * (by the address sanitizer). To be freed. */
static inline uint8_t *exact_copy(const uint8_t *data, size_t count)
{
    uint8_t *copy = malloc(count);
    assert_true(copy || count == 0);
    if (count)
        memcpy(copy, data, count);
    return copy;
}

#endif
