/* SPDX-License-Identifier: Apache-2.0
 *
 * A bounded reader of msgpack. It borrows the bytes, allocates nothing, and never trusts a count:
 * more entries than bytes are left is a fault. (The stock unpacker allocates 8 GB for the five
 * bytes dd 0f ff ff ff.)
 *
 * The first fault sticks: every later read returns zero or nothing, so callers read a whole
 * structure and look once.
 */
#ifndef DARKSCOPE_CURSOR_H
#define DARKSCOPE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ds_cursor {
    const uint8_t *at, *end;
    bool failed;
    bool no_memory;  /* failed because of that, not of the bytes */
    const char *why; /* static text, or NULL for a plain "not what it should be" */
};

/* Bytes of a str or bin, borrowed from the message; not terminated. */
struct ds_bytes {
    const char *data;
    size_t size;
};

void ds_cursor_init(struct ds_cursor *c, const void *bytes, size_t size);

/* Marks a fault unless there is one; why is static text or NULL. */
void ds_cursor_fail(struct ds_cursor *c, const char *why);

/* Number of pairs of a map, of entries of an array; more than max is a fault. */
uint32_t ds_cursor_map(struct ds_cursor *c, uint32_t max);
uint32_t ds_cursor_array(struct ds_cursor *c, uint32_t max);

/* An integer of any width within the range. */
uint64_t ds_cursor_uint(struct ds_cursor *c, uint64_t max);
int64_t ds_cursor_int(struct ds_cursor *c);

struct ds_bytes ds_cursor_str(struct ds_cursor *c);
struct ds_bytes ds_cursor_bin(struct ds_cursor *c);

/* Consumes a nil if one is next. */
bool ds_cursor_nil(struct ds_cursor *c);

/* Steps over one value of any kind, nested at most DS_MESSAGE_DEPTH_MAX deep. */
void ds_cursor_skip(struct ds_cursor *c);

bool ds_bytes_equal(struct ds_bytes bytes, const char *text);

#endif
