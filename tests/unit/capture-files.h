/* SPDX-License-Identifier: Apache-2.0
 *
 * Capture files built byte by byte, for the tests of the capture.
 */
#ifndef DARKSCOPE_TEST_CAPTURE_FILES_H
#define DARKSCOPE_TEST_CAPTURE_FILES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct build {
    uint8_t *data;
    size_t bytes, room;
    bool big; /* byte order of all that is put */
};

static inline uint8_t *build_more(struct build *b, size_t bytes)
{
    if (b->room - b->bytes < bytes) {
        b->room = (b->bytes + bytes) * 2;
        b->data = realloc(b->data, b->room);
        if (!b->data)
            abort();
    }
    uint8_t *at = b->data + b->bytes;
    b->bytes += bytes;
    return at;
}

static inline void build_number(struct build *b, uint64_t value, unsigned bytes)
{
    uint8_t *at = build_more(b, bytes);
    for (unsigned i = 0; i < bytes; i++)
        at[b->big ? bytes - 1 - i : i] = (uint8_t)(value >> 8 * i);
}

static inline void build_u16(struct build *b, uint16_t value)
{
    build_number(b, value, 2);
}

static inline void build_u32(struct build *b, uint32_t value)
{
    build_number(b, value, 4);
}

/* Packet data: bytes that count up from first. */
static inline void build_data(struct build *b, uint8_t first, size_t bytes)
{
    uint8_t *at = build_more(b, bytes);
    for (size_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)(first + i);
}

static inline void pcap_header(struct build *b, uint32_t magic, unsigned minor, uint32_t link)
{
    build_u32(b, magic);
    build_u16(b, 2);
    build_u16(b, (uint16_t)minor);
    build_u32(b, 0);
    build_u32(b, 0);
    build_u32(b, 0); /* snaplen: 0 is seen in the wild */
    build_u32(b, link);
}

static inline void pcap_record(struct build *b, uint32_t seconds, uint32_t fraction,
                               uint32_t captured, uint32_t wire)
{
    build_u32(b, seconds);
    build_u32(b, fraction);
    build_u32(b, captured);
    build_u32(b, wire);
}

/* Ends a pcapng block that began at byte start: pads it and writes both lengths. */
static inline void ng_end(struct build *b, size_t start)
{
    while (b->bytes % 4)
        *build_more(b, 1) = 0;
    uint32_t length = (uint32_t)(b->bytes - start) + 4;
    build_u32(b, length);
    memcpy(b->data + start + 4, b->data + b->bytes - 4, 4);
}

static inline size_t ng_begin(struct build *b, uint32_t type)
{
    size_t start = b->bytes;
    build_u32(b, type);
    build_u32(b, 0);
    return start;
}

static inline void ng_section(struct build *b)
{
    size_t start = ng_begin(b, 0x0a0d0d0a);
    build_u32(b, 0x1a2b3c4d);
    build_u16(b, 1);
    build_u16(b, 0);
    build_number(b, UINT64_MAX, 8);
    ng_end(b, start);
}

static inline void ng_option(struct build *b, uint16_t code, uint64_t value, uint16_t bytes)
{
    build_u16(b, code);
    build_u16(b, bytes);
    build_number(b, value, bytes);
    while (b->bytes % 4)
        *build_more(b, 1) = 0;
}

/* tsresol below 0: without options. */
static inline void ng_interface(struct build *b, uint16_t link, uint32_t snaplen, int tsresol,
                                int64_t tsoffset)
{
    size_t start = ng_begin(b, 1);
    build_u16(b, link);
    build_u16(b, 0);
    build_u32(b, snaplen);
    if (tsresol >= 0) {
        ng_option(b, 2, 0x6869, 3); /* if_name: to be passed over */
        ng_option(b, 9, (uint64_t)tsresol, 1);
        ng_option(b, 14, (uint64_t)tsoffset, 8);
        ng_option(b, 0, 0, 0);
    }
    ng_end(b, start);
}

static inline void ng_packet(struct build *b, uint32_t interface, uint64_t ticks, uint32_t captured,
                             uint32_t wire, uint8_t first)
{
    size_t start = ng_begin(b, 6);
    build_u32(b, interface);
    build_u32(b, (uint32_t)(ticks >> 32));
    build_u32(b, (uint32_t)ticks);
    build_u32(b, captured);
    build_u32(b, wire);
    build_data(b, first, captured);
    while (b->bytes % 4)
        *build_more(b, 1) = 0;
    ng_option(b, 1, 0x6f6b, 2); /* comment */
    ng_end(b, start);
}

static inline void ng_obsolete(struct build *b, uint16_t interface, uint64_t ticks,
                               uint32_t captured, uint32_t wire, uint8_t first)
{
    size_t start = ng_begin(b, 2);
    build_u16(b, interface);
    build_u16(b, 0xffff); /* drops: unknown */
    build_u32(b, (uint32_t)(ticks >> 32));
    build_u32(b, (uint32_t)ticks);
    build_u32(b, captured);
    build_u32(b, wire);
    build_data(b, first, captured);
    ng_end(b, start);
}

static inline void ng_simple(struct build *b, uint32_t captured, uint32_t wire, uint8_t first)
{
    size_t start = ng_begin(b, 3);
    build_u32(b, wire);
    build_data(b, first, captured);
    ng_end(b, start);
}

static inline void ng_unknown(struct build *b, size_t bytes)
{
    size_t start = ng_begin(b, 0x0bad);
    memset(build_more(b, bytes), 0x55, bytes);
    ng_end(b, start);
}

#endif
