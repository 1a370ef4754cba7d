/* SPDX-License-Identifier: Apache-2.0 */
#include "fields.h"

#include "darkscope/limits.h"
#include "darkscope/text.h"

#include <assert.h>
#include <string.h>

static int write_output(void *data, const char *bytes, size_t size)
{
    struct ds_output *out = data;
    /* Once a piece is missing the rest is of no use, even if memory came back. */
    if (!out->failed && msgpack_sbuffer_write(&out->buffer, bytes, size))
        out->failed = true;
    return out->failed ? -1 : 0;
}

void ds_output_init(struct ds_output *out)
{
    msgpack_sbuffer_init(&out->buffer);
    msgpack_packer_init(&out->packer, out, write_output);
    out->failed = false;
}

void ds_pack_text(msgpack_packer *pk, const char *text)
{
    msgpack_pack_str_with_body(pk, text, strlen(text));
}

void ds_fields_pack(msgpack_packer *pk, const struct ds_field *fields, size_t n, const void *from)
{
    for (size_t i = 0; i < n; i++) {
        ds_pack_text(pk, fields[i].key);
        fields[i].codec->pack(pk, (const char *)from + fields[i].offset, &fields[i]);
    }
}

static size_t find_key(const struct ds_field *fields, size_t n, struct ds_bytes key)
{
    size_t i = 0;
    while (i < n && !ds_bytes_equal(key, fields[i].key))
        i++;
    return i;
}

void ds_fields_read(struct ds_cursor *c, uint32_t pairs, const struct ds_field *fields, size_t n,
                    void *to)
{
    assert(n <= 64);
    uint64_t seen = 0;
    for (uint32_t pair = 0; pair < pairs && !c->failed; pair++) {
        size_t i = find_key(fields, n, ds_cursor_str(c));
        if (c->failed)
            return;
        if (i == n) {
            ds_cursor_skip(c);
            continue;
        }
        if (seen & UINT64_C(1) << i) {
            /* Before it is read: its table would take the place of the first one. */
            ds_cursor_fail(c, fields[i].key);
            return;
        }
        seen |= UINT64_C(1) << i;
        fields[i].codec->read(c, (char *)to + fields[i].offset, &fields[i]);
        if (c->failed && !c->why)
            c->why = fields[i].key;
    }
    for (size_t i = 0; i < n; i++)
        if (!(seen & UINT64_C(1) << i) && !fields[i].may_be_missing)
            ds_cursor_fail(c, fields[i].key);
}

static void pack_u32(msgpack_packer *pk, const void *value, const struct ds_field *f)
{
    msgpack_pack_uint32(pk, *(const uint32_t *)value);
}

static void read_u32(struct ds_cursor *c, void *value, const struct ds_field *f)
{
    assert(f->limit <= UINT32_MAX);
    *(uint32_t *)value = (uint32_t)ds_cursor_uint(c, f->limit);
}

const struct ds_codec ds_codec_u32 = {.pack = pack_u32, .read = read_u32};

static void pack_count(msgpack_packer *pk, const void *value, const struct ds_field *f)
{
    msgpack_pack_uint64(pk, *(const uint64_t *)value);
}

static void read_count(struct ds_cursor *c, void *value, const struct ds_field *f)
{
    *(uint64_t *)value = ds_cursor_uint(c, f->limit);
}

const struct ds_codec ds_codec_count = {.pack = pack_count, .read = read_count};

static void pack_i64(msgpack_packer *pk, const void *value, const struct ds_field *f)
{
    msgpack_pack_int64(pk, *(const int64_t *)value);
}

static void read_i64(struct ds_cursor *c, void *value, const struct ds_field *f)
{
    *(int64_t *)value = ds_cursor_int(c);
}

const struct ds_codec ds_codec_i64 = {.pack = pack_i64, .read = read_i64};

static void pack_text(msgpack_packer *pk, const void *value, const struct ds_field *f)
{
    ds_pack_text(pk, value);
}

void ds_read_text(struct ds_cursor *c, char *to, size_t max)
{
    struct ds_bytes text = ds_cursor_str(c);
    if (text.size > max || (text.size && memchr(text.data, 0, text.size))) {
        ds_cursor_fail(c, NULL);
        return;
    }
    if (text.size)
        memcpy(to, text.data, text.size);
    to[text.size] = 0;
}

static void read_text(struct ds_cursor *c, void *value, const struct ds_field *f)
{
    ds_read_text(c, value, f->limit);
    ds_text_clean(value);
}

const struct ds_codec ds_codec_text = {.pack = pack_text, .read = read_text};

static void read_name(struct ds_cursor *c, void *value, const struct ds_field *f)
{
    ds_read_text(c, value, f->limit);
    if (!ds_name_valid(value))
        ds_cursor_fail(c, NULL);
}

const struct ds_codec ds_codec_name = {.pack = pack_text, .read = read_name};

static void pack_named_counts(msgpack_packer *pk, const void *value, const struct ds_field *f)
{
    const uint64_t *counts = value;
    size_t used = 0;
    for (size_t i = 0; i < f->limit; i++)
        used += counts[i] != 0;
    msgpack_pack_map(pk, used);
    for (unsigned i = 0; i < f->limit; i++) {
        if (counts[i] == 0)
            continue;
        ds_pack_text(pk, f->name(i));
        msgpack_pack_uint64(pk, counts[i]);
    }
}

static unsigned find_name(const struct ds_field *f, struct ds_bytes name)
{
    unsigned i = 0;
    while (i < f->limit && !ds_bytes_equal(name, f->name(i)))
        i++;
    return i;
}

/* A newer minor version may know more names. Where the counts must add up to another figure the
 * unknown ones go to the rest, elsewhere they are left out. */
static void read_named_counts(struct ds_cursor *c, void *value, const struct ds_field *f)
{
    uint64_t *counts = value;
    uint64_t seen = 0;
    uint32_t pairs = ds_cursor_map(c, DS_MESSAGE_KEYS_MAX);
    for (uint32_t pair = 0; pair < pairs && !c->failed; pair++) {
        unsigned i = find_name(f, ds_cursor_str(c));
        uint64_t count = ds_cursor_uint(c, DS_COUNT_MAX);
        if (i < f->limit) {
            if (seen & UINT64_C(1) << i)
                ds_cursor_fail(c, NULL);
            seen |= UINT64_C(1) << i;
            counts[i] += count;
        } else if (f->rest >= 0) {
            counts[f->rest] += count;
        }
    }
    if (f->rest >= 0 && counts[f->rest] > DS_COUNT_MAX)
        ds_cursor_fail(c, NULL);
}

const struct ds_codec ds_codec_named_counts = {.pack = pack_named_counts,
                                               .read = read_named_counts};
