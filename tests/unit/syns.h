/* SPDX-License-Identifier: Apache-2.0
 *
 * TCP SYNs by what tells their senders apart, as bytes, for the tests of classify/.
 */
#ifndef DARKSCOPE_TEST_SYNS_H
#define DARKSCOPE_TEST_SYNS_H

#include "packets.h"
#include "parse.h"

#define DF 0x4000

/* Options as p0f names their layouts, in hex. */
#define OPTIONS_MSS           "020405b4"
#define OPTIONS_LINUX         "020405b4 0402 080a 00001234 00000000 01 030307"
#define OPTIONS_LINUX_PLAIN   "020405b4 01 01 0402 01 030307"
#define OPTIONS_WINDOWS       "020405b4 01 030308 01 01 0402"
#define OPTIONS_WINDOWS_PLAIN "020405b4 01 01 0402"
#define OPTIONS_MAC           "020405b4 01 030306 01 01 080a 00001234 00000000 0402 0000"
#define OPTIONS_FREEBSD       "020405b4 01 030306 0402 080a 00001234 00000000"
#define OPTIONS_OPENBSD       "020405b4 01 01 0402 01 030303 01 01 080a 00001234 00000000"

struct syn {
    const char *options; /* hex; NULL: none */
    uint32_t seq;
    uint16_t id, flags_offset, window, source_port, dest_port;
    uint8_t ttl, flags; /* flags 0: SYN */
    unsigned payload;
};

static inline struct bytes syn_bytes(const struct syn *s)
{
    struct bytes b = {.count = 0}, options = {.count = 0};
    put_hex(&options, s->options ? s->options : "");
    uint32_t start = begin4(&b, 6, TEST_SOURCE, TEST_DEST);
    set16(&b, start + 4, s->id);
    set16(&b, start + 6, s->flags_offset);
    b.data[start + 8] = s->ttl;
    put_tcp(&b, s->source_port, s->dest_port ? s->dest_port : 80, s->seq,
            s->flags ? s->flags : 0x02);
    b.data[start + 32] = (uint8_t)((20 + options.count) / 4 << 4);
    set16(&b, start + 34, s->window);
    put_bytes(&b, &options);
    put_zeros(&b, s->payload);
    end4(&b, start);
    return b;
}

/* Parsed; points into *b. */
static inline struct ds_packet syn_packet(const struct syn *s, struct bytes *b)
{
    struct ds_packet p;
    *b = syn_bytes(s);
    assert_int_equal(ds_parse(b->data, b->count, NULL, &p), DS_MALFORMED_COUNT);
    return p;
}

#endif
