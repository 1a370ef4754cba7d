/* SPDX-License-Identifier: Apache-2.0
 *
 * Every message is a msgpack map that begins with the same three pairs in this order, in this and
 * every later version: major, minor, kind. What follows is the kind's own, in any order.
 */
#include "darkscope/message.h"

#include "fields.h"
#include "window_fields.h"

#include <assert.h>
#include <string.h>

#define PRELUDE_PAIRS 3

static const char *const kind_names[DS_MESSAGE_KIND_COUNT] = {
    [DS_MESSAGE_HELLO] = "hello",   [DS_MESSAGE_WELCOME] = "welcome",
    [DS_MESSAGE_REFUSE] = "refuse", [DS_MESSAGE_WINDOW] = "window",
    [DS_MESSAGE_ACK] = "ack",       [DS_MESSAGE_BYE] = "bye",
    [DS_MESSAGE_PIECE] = "piece",
};

static const char *const refusal_names[DS_REFUSAL_COUNT] = {
    [DS_REFUSAL_VERSION] = "version",
    [DS_REFUSAL_NAME] = "name",
    [DS_REFUSAL_MALFORMED] = "malformed",
    [DS_REFUSAL_ORDER] = "order",
    [DS_REFUSAL_KEY] = "key",
    [DS_REFUSAL_BUSY] = "busy",
};

const char *ds_message_kind_name(unsigned kind)
{
    return kind < DS_MESSAGE_KIND_COUNT ? kind_names[kind] : NULL;
}

const char *ds_refusal_name(unsigned refusal)
{
    return refusal < DS_REFUSAL_COUNT ? refusal_names[refusal] : NULL;
}

static void pack_refusal(msgpack_packer *pk, const void *value, const struct ds_field *f)
{
    ds_pack_text(pk, refusal_names[*(const enum ds_refusal *)value]);
}

/* A refusal that only a newer aggregator knows is read as the one that throws nothing away. */
static void read_refusal(struct ds_cursor *c, void *value, const struct ds_field *f)
{
    struct ds_bytes name = ds_cursor_str(c);
    unsigned i = 0;
    while (i < DS_REFUSAL_COUNT && !ds_bytes_equal(name, refusal_names[i]))
        i++;
    *(enum ds_refusal *)value = i < DS_REFUSAL_COUNT ? i : DS_REFUSAL_BUSY;
}

static const struct ds_codec codec_refusal = {.pack = pack_refusal, .read = read_refusal};

static void pack_piece(msgpack_packer *pk, const void *value, const struct ds_field *f)
{
    const struct ds_piece *p = value;
    msgpack_pack_bin_with_body(pk, p->bytes, p->size);
}

/* Borrows. */
static void read_piece(struct ds_cursor *c, void *value, const struct ds_field *f)
{
    struct ds_piece *p = value;
    struct ds_bytes bytes = ds_cursor_bin(c);
    p->bytes = (const uint8_t *)bytes.data;
    p->size = bytes.size;
}

static const struct ds_codec codec_piece = {.pack = pack_piece, .read = read_piece};

#define AT(member) .offset = offsetof(struct ds_message, member)
#define SEQUENCE                                                                                   \
    {                                                                                              \
        .key = "sequence", .codec = &ds_codec_count, AT(sequence), .limit = INT64_MAX              \
    }

static const struct ds_field hello_fields[] = {
    {.key = "sensor", .codec = &ds_codec_name, AT(hello.sensor), .limit = DS_NAME_MAX},
    {.key = "boot", .codec = &ds_codec_count, AT(hello.boot), .limit = UINT64_MAX},
    {.key = "monitored_digest",
     .codec = &ds_codec_count,
     AT(hello.monitored_digest),
     .limit = UINT64_MAX},
    {.key = "clock_ns", .codec = &ds_codec_i64, AT(hello.clock_ns)},
    {.key = "software", .codec = &ds_codec_text, AT(hello.software), .limit = DS_NAME_MAX},
    /* 1.1 */
    {.key = "windows_waiting",
     .codec = &ds_codec_count,
     AT(hello.windows_waiting),
     .limit = DS_COUNT_MAX,
     .may_be_missing = true},
    {.key = "windows_lost",
     .codec = &ds_codec_count,
     AT(hello.windows_lost),
     .limit = DS_COUNT_MAX,
     .may_be_missing = true},
    /* 1.2 */
    {.key = "windows_merged",
     .codec = &ds_codec_count,
     AT(hello.windows_merged),
     .limit = DS_COUNT_MAX,
     .may_be_missing = true},
};
static const struct ds_field welcome_fields[] = {
    {.key = "clock_ns", .codec = &ds_codec_i64, AT(clock_ns)},
};
static const struct ds_field refuse_fields[] = {
    SEQUENCE,
    {.key = "refusal", .codec = &codec_refusal, AT(refusal)},
    {.key = "reason", .codec = &ds_codec_text, AT(reason), .limit = DS_REASON_MAX},
};
static const struct ds_field window_fields[] = {
    SEQUENCE,
    {.key = "window", .codec = &ds_codec_window, AT(window)},
};
static const struct ds_field ack_fields[] = {SEQUENCE};
static const struct ds_field piece_fields[] = {
    {.key = "at", .codec = &ds_codec_count, AT(piece.at), .limit = DS_MESSAGE_MAX},
    {.key = "of", .codec = &ds_codec_count, AT(piece.of), .limit = DS_MESSAGE_MAX},
    {.key = "bytes", .codec = &codec_piece, AT(piece)},
};

#define FIELDS(table)                                                                              \
    {                                                                                              \
        table, sizeof table / sizeof table[0]                                                      \
    }

static const struct {
    const struct ds_field *fields;
    size_t count;
} kinds[DS_MESSAGE_KIND_COUNT] = {
    [DS_MESSAGE_HELLO] = FIELDS(hello_fields),   [DS_MESSAGE_WELCOME] = FIELDS(welcome_fields),
    [DS_MESSAGE_REFUSE] = FIELDS(refuse_fields), [DS_MESSAGE_WINDOW] = FIELDS(window_fields),
    [DS_MESSAGE_ACK] = FIELDS(ack_fields),       [DS_MESSAGE_BYE] = {NULL, 0},
    [DS_MESSAGE_PIECE] = FIELDS(piece_fields),
};

int ds_message_encode(const struct ds_message *m, unsigned char **out, size_t *out_bytes)
{
    assert(m->kind < DS_MESSAGE_KIND_COUNT);
    struct ds_output output;
    ds_output_init(&output);
    msgpack_packer *pk = &output.packer;
    msgpack_pack_map(pk, PRELUDE_PAIRS + kinds[m->kind].count);
    ds_pack_text(pk, "major");
    msgpack_pack_uint16(pk, DS_PROTOCOL_MAJOR);
    ds_pack_text(pk, "minor");
    msgpack_pack_uint16(pk, DS_PROTOCOL_MINOR);
    ds_pack_text(pk, "kind");
    ds_pack_text(pk, kind_names[m->kind]);
    ds_fields_pack(pk, kinds[m->kind].fields, kinds[m->kind].count, m);
    if (output.failed) {
        msgpack_sbuffer_destroy(&output.buffer);
        return -1;
    }
    *out_bytes = output.buffer.size;
    *out = (unsigned char *)msgpack_sbuffer_release(&output.buffer);
    return 0;
}

static void expect_key(struct ds_cursor *c, const char *key)
{
    if (!ds_bytes_equal(ds_cursor_str(c), key))
        ds_cursor_fail(c, key);
}

/* Reads the three pairs. Their values are set as far as they could be read. */
static void read_prelude(struct ds_cursor *c, struct ds_message *m)
{
    expect_key(c, "major");
    m->hello.major = (uint16_t)ds_cursor_uint(c, UINT16_MAX);
    if (m->hello.major == 0)
        ds_cursor_fail(c, "major");
    expect_key(c, "minor");
    m->hello.minor = (uint16_t)ds_cursor_uint(c, UINT16_MAX);
    expect_key(c, "kind");
    struct ds_bytes kind = ds_cursor_str(c);
    unsigned i = 0;
    while (i < DS_MESSAGE_KIND_COUNT && !ds_bytes_equal(kind, kind_names[i]))
        i++;
    m->kind = i;
    if (i == DS_MESSAGE_KIND_COUNT)
        ds_cursor_fail(c, "kind");
}

static void read_body(struct ds_cursor *c, struct ds_message *m, uint32_t pairs)
{
    if (c->failed)
        return;
    ds_fields_read(c, pairs, kinds[m->kind].fields, kinds[m->kind].count, m);
    if (!c->failed && c->at != c->end)
        ds_cursor_fail(c, "bytes behind the message");
    if ((m->kind == DS_MESSAGE_WINDOW || m->kind == DS_MESSAGE_ACK) && m->sequence == 0)
        ds_cursor_fail(c, "sequence");
    const struct ds_piece *p = &m->piece;
    if (m->kind == DS_MESSAGE_PIECE && (p->size == 0 || p->at > p->of || p->size > p->of - p->at))
        ds_cursor_fail(c, "piece");
}

/* Reads what every message begins with; returns how many pairs follow. */
static uint32_t begin(struct ds_cursor *c, struct ds_message *m, const void *bytes, size_t size)
{
    memset(m, 0, sizeof *m);
    m->kind = DS_MESSAGE_KIND_COUNT;
    ds_cursor_init(c, bytes, size);
    if (size > DS_MESSAGE_MAX)
        ds_cursor_fail(c, "longer than a message may be");
    uint32_t pairs = ds_cursor_map(c, DS_MESSAGE_KEYS_MAX);
    if (pairs < PRELUDE_PAIRS)
        ds_cursor_fail(c, "not a message");
    read_prelude(c, m);
    return pairs - PRELUDE_PAIRS;
}

static bool is_other_version(const struct ds_message *m)
{
    return m->hello.major && m->hello.major != DS_PROTOCOL_MAJOR;
}

static enum ds_decode end(const struct ds_cursor *c, const struct ds_message *m, const char **why)
{
    if (is_other_version(m))
        return DS_DECODE_VERSION;
    if (!c->failed)
        return DS_DECODE_OK;
    if (why)
        *why = c->why ? c->why : "not a message";
    return c->no_memory ? DS_DECODE_NO_MEMORY : DS_DECODE_MALFORMED;
}

enum ds_decode ds_message_decode_head(struct ds_message *m, const void *bytes, size_t size,
                                      const char **why)
{
    struct ds_cursor c;
    begin(&c, m, bytes, size);
    return end(&c, m, why);
}

enum ds_decode ds_message_decode(struct ds_message *m, const void *bytes, size_t size,
                                 const char **why)
{
    struct ds_cursor c;
    uint32_t pairs = begin(&c, m, bytes, size);
    if (!is_other_version(m))
        read_body(&c, m, pairs);
    return end(&c, m, why);
}

void ds_message_finish(struct ds_message *m)
{
    ds_window_finish(&m->window);
}
