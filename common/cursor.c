/* SPDX-License-Identifier: Apache-2.0 */
#include "cursor.h"

#include "darkscope/limits.h"

#include <string.h>

enum kind {
    KIND_NONE, /* after a fault, and for the byte that msgpack never uses */
    KIND_NIL,
    KIND_BOOL,
    KIND_UINT, /* zero and above, whatever the width it came in */
    KIND_NEGATIVE,
    KIND_FLOAT,
    KIND_STR,
    KIND_BIN,
    KIND_EXT,
    KIND_ARRAY,
    KIND_MAP,
};

/* The first byte of a value and the number that belongs to it. */
struct head {
    enum kind kind;
    uint64_t number; /* the integer (two's complement), the bytes or the entries that follow */
};

void ds_cursor_init(struct ds_cursor *c, const void *bytes, size_t size)
{
    *c = (struct ds_cursor){.at = bytes, .end = (const uint8_t *)bytes + size};
}

void ds_cursor_fail(struct ds_cursor *c, const char *why)
{
    if (c->failed)
        return;
    c->failed = true;
    c->why = why;
    c->at = c->end;
}

static size_t left(const struct ds_cursor *c)
{
    return (size_t)(c->end - c->at);
}

static uint64_t read_big_endian(struct ds_cursor *c, size_t bytes)
{
    if (left(c) < bytes) {
        ds_cursor_fail(c, NULL);
        return 0;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | *c->at++;
    return value;
}

/* 0xc0 to 0xdf: a number of so many bytes follows, or (fixed) none and it stands here. */
static struct head read_wide_head(struct ds_cursor *c, uint8_t byte)
{
    static const struct {
        uint8_t kind, width, fixed;
    } forms[32] = {
        {KIND_NIL, 0, 0},      {KIND_NONE, 0, 0},     {KIND_BOOL, 0, 0},     {KIND_BOOL, 0, 0},
        {KIND_BIN, 1, 0},      {KIND_BIN, 2, 0},      {KIND_BIN, 4, 0},      {KIND_EXT, 1, 0},
        {KIND_EXT, 2, 0},      {KIND_EXT, 4, 0},      {KIND_FLOAT, 0, 4},    {KIND_FLOAT, 0, 8},
        {KIND_UINT, 1, 0},     {KIND_UINT, 2, 0},     {KIND_UINT, 4, 0},     {KIND_UINT, 8, 0},
        {KIND_NEGATIVE, 1, 0}, {KIND_NEGATIVE, 2, 0}, {KIND_NEGATIVE, 4, 0}, {KIND_NEGATIVE, 8, 0},
        {KIND_EXT, 0, 1},      {KIND_EXT, 0, 2},      {KIND_EXT, 0, 4},      {KIND_EXT, 0, 8},
        {KIND_EXT, 0, 16},     {KIND_STR, 1, 0},      {KIND_STR, 2, 0},      {KIND_STR, 4, 0},
        {KIND_ARRAY, 2, 0},    {KIND_ARRAY, 4, 0},    {KIND_MAP, 2, 0},      {KIND_MAP, 4, 0},
    };
    size_t width = forms[byte - 0xc0].width;
    struct head h = {forms[byte - 0xc0].kind, forms[byte - 0xc0].fixed};
    if (width)
        h.number = read_big_endian(c, width);
    if (h.kind == KIND_NEGATIVE) {
        /* A signed number: extend its sign; a positive one is as good as an unsigned one. */
        uint64_t sign = UINT64_C(1) << (width * 8 - 1);
        h.number = (h.number ^ sign) - sign;
        if (h.number <= INT64_MAX)
            h.kind = KIND_UINT;
    }
    if (h.kind == KIND_EXT)
        h.number++; /* the byte that says which extension */
    return h;
}

/* Reads the head of a value. What follows it is known to be there: the bytes of a str, and at
 * least one byte for each entry of an array. */
static struct head read_head(struct ds_cursor *c)
{
    struct head h = {KIND_NONE, 0};
    uint8_t byte = (uint8_t)read_big_endian(c, 1);
    if (c->failed)
        return h;
    if (byte < 0x80)
        h = (struct head){KIND_UINT, byte};
    else if (byte < 0x90)
        h = (struct head){KIND_MAP, byte & 0x0f};
    else if (byte < 0xa0)
        h = (struct head){KIND_ARRAY, byte & 0x0f};
    else if (byte < 0xc0)
        h = (struct head){KIND_STR, byte & 0x1f};
    else if (byte < 0xe0)
        h = read_wide_head(c, byte);
    else
        h = (struct head){KIND_NEGATIVE, (uint64_t)(int64_t)(int8_t)byte};

    uint64_t bytes = h.kind == KIND_MAP ? h.number * 2 : h.kind >= KIND_FLOAT ? h.number : 0;
    if (h.kind == KIND_NONE || bytes > left(c))
        ds_cursor_fail(c, NULL);
    return c->failed ? (struct head){KIND_NONE, 0} : h;
}

/* The number of a value that must be of this kind and at most max. */
static uint64_t expect(struct ds_cursor *c, enum kind kind, uint64_t max)
{
    struct head h = read_head(c);
    if (h.kind != kind || h.number > max) {
        ds_cursor_fail(c, NULL);
        return 0;
    }
    return h.number;
}

uint32_t ds_cursor_map(struct ds_cursor *c, uint32_t max)
{
    return (uint32_t)expect(c, KIND_MAP, max);
}

uint32_t ds_cursor_array(struct ds_cursor *c, uint32_t max)
{
    return (uint32_t)expect(c, KIND_ARRAY, max);
}

uint64_t ds_cursor_uint(struct ds_cursor *c, uint64_t max)
{
    return expect(c, KIND_UINT, max);
}

int64_t ds_cursor_int(struct ds_cursor *c)
{
    struct head h = read_head(c);
    if (h.kind == KIND_NEGATIVE || (h.kind == KIND_UINT && h.number <= INT64_MAX))
        return (int64_t)h.number;
    ds_cursor_fail(c, NULL);
    return 0;
}

static struct ds_bytes read_bytes(struct ds_cursor *c, enum kind kind)
{
    size_t size = expect(c, kind, SIZE_MAX);
    struct ds_bytes bytes = {(const char *)c->at, size};
    c->at += size;
    return bytes;
}

struct ds_bytes ds_cursor_str(struct ds_cursor *c)
{
    return read_bytes(c, KIND_STR);
}

struct ds_bytes ds_cursor_bin(struct ds_cursor *c)
{
    return read_bytes(c, KIND_BIN);
}

bool ds_cursor_nil(struct ds_cursor *c)
{
    if (left(c) == 0 || *c->at != 0xc0)
        return false;
    c->at++;
    return true;
}

void ds_cursor_skip(struct ds_cursor *c)
{
    uint64_t open[DS_MESSAGE_DEPTH_MAX + 1]; /* values still to step over, by level */
    size_t level = 0;
    open[0] = 1;
    while (!c->failed) {
        while (open[level] == 0) {
            if (level == 0)
                return;
            level--;
        }
        open[level]--;
        struct head h = read_head(c);
        if (h.kind == KIND_ARRAY || h.kind == KIND_MAP) {
            if (level == DS_MESSAGE_DEPTH_MAX) {
                ds_cursor_fail(c, "nested too deep");
                return;
            }
            open[++level] = h.kind == KIND_MAP ? h.number * 2 : h.number;
        } else if (h.kind >= KIND_FLOAT) {
            c->at += h.number;
        }
    }
}

bool ds_bytes_equal(struct ds_bytes bytes, const char *text)
{
    return bytes.size == strlen(text) && memcmp(bytes.data, text, bytes.size) == 0;
}
