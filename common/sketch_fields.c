/* SPDX-License-Identifier: Apache-2.0 */
#include "sketch_fields.h"

#include "darkscope/text.h"
#include "sketch_columns.h"

#include <stdlib.h>
#include <string.h>

#define VALUES     5
#define VALUES_MAX 32 /* with those of later versions */

static void pack_names(msgpack_packer *pk, const struct ds_sketches *s)
{
    size_t count = 0;
    for (size_t i = 0; i < s->count; i++)
        count += s->rows[i].key.signature[0] != 0;
    msgpack_pack_array(pk, count);
    for (size_t i = 0; i < s->count; i++)
        if (s->rows[i].key.signature[0])
            ds_pack_text(pk, s->rows[i].key.signature);
}

/* nil where there are none. */
static void pack_sketches(msgpack_packer *pk, const void *value, const struct ds_field *f)
{
    const struct ds_sketches *s = value;
    struct ds_sketch_columns columns;
    if (!s->known) {
        msgpack_pack_nil(pk);
        return;
    }
    if (ds_sketch_columns_pack(s, &columns)) {
        ((struct ds_output *)pk->data)->failed = true;
        return;
    }
    msgpack_pack_array(pk, VALUES);
    msgpack_pack_uint64(pk, s->secret_id);
    msgpack_pack_uint64(pk, s->port_floor);
    pack_names(pk, s);
    msgpack_pack_bin_with_body(pk, columns.rows, columns.rows_bytes);
    msgpack_pack_bin_with_body(pk, columns.registers, columns.registers_bytes);
    free(columns.rows);
    free(columns.registers);
}

/* From malloc; NULL after a fault. */
static struct ds_sketch_name *read_names(struct ds_cursor *c, uint32_t *count)
{
    *count = ds_cursor_array(c, DS_SKETCHES_MAX);
    struct ds_sketch_name *names = c->failed ? NULL : calloc(*count + 1u, sizeof *names);
    if (!names && !c->failed) {
        ds_cursor_fail(c, NULL);
        c->no_memory = true;
    }
    for (uint32_t i = 0; i < *count && !c->failed; i++) {
        ds_read_text(c, names[i].id, DS_SIGNATURE_ID_MAX);
        if (!ds_name_valid(names[i].id))
            ds_cursor_fail(c, NULL);
    }
    return names;
}

static void read_columns(struct ds_cursor *c, const struct ds_sketch_name *names,
                         uint32_t name_count, struct ds_sketches *s)
{
    struct ds_bytes rows = ds_cursor_bin(c), registers = ds_cursor_bin(c);
    if (c->failed)
        return;
    const char *why = NULL;
    enum ds_decode result = ds_sketch_columns_unpack(rows, registers, names, name_count, s, &why);
    if (result != DS_DECODE_OK)
        ds_cursor_fail(c, why);
    c->no_memory |= result == DS_DECODE_NO_MEMORY;
}

/* Who stores a window need not pack it again. */
static void keep_packed(struct ds_cursor *c, const uint8_t *begin, struct ds_sketches *s)
{
    size_t size = (size_t)(c->at - begin);
    s->packed = malloc(size);
    if (!s->packed) {
        ds_cursor_fail(c, NULL);
        c->no_memory = true;
        return;
    }
    memcpy(s->packed, begin, size);
    s->packed_bytes = size;
}

/* f: NULL where it is not of a message. */
static void read_sketches(struct ds_cursor *c, void *value, const struct ds_field *f)
{
    struct ds_sketches *s = value;
    if (ds_cursor_nil(c))
        return;
    const uint8_t *begin = c->at;
    uint32_t values = ds_cursor_array(c, VALUES_MAX), name_count;
    if (values < VALUES)
        ds_cursor_fail(c, NULL);
    s->secret_id = ds_cursor_uint(c, UINT64_MAX);
    s->port_floor = ds_cursor_uint(c, DS_COUNT_MAX);
    struct ds_sketch_name *names = read_names(c, &name_count);
    read_columns(c, names, name_count, s);
    free(names);
    for (uint32_t more = values; more > VALUES && !c->failed; more--)
        ds_cursor_skip(c);
    s->known = !c->failed;
    if (f && s->known)
        keep_packed(c, begin, s);
}

const struct ds_codec ds_codec_sketches = {.pack = pack_sketches, .read = read_sketches};

int ds_sketches_pack(const struct ds_sketches *s, unsigned char **out, size_t *out_bytes)
{
    struct ds_output to;
    ds_output_init(&to);
    pack_sketches(&to.packer, s, NULL);
    *out_bytes = to.buffer.size;
    *out = (unsigned char *)msgpack_sbuffer_release(&to.buffer);
    if (!to.failed)
        return 0;
    free(*out);
    *out = NULL;
    return -1;
}

enum ds_decode ds_sketches_unpack(const void *packed, size_t size, struct ds_sketches *s,
                                  const char **why)
{
    struct ds_cursor c;
    ds_cursor_init(&c, packed, size);
    read_sketches(&c, s, NULL);
    if (!c.failed && (!s->known || c.at != c.end))
        ds_cursor_fail(&c, "sketches: no such value");
    if (!c.failed)
        return DS_DECODE_OK;
    *why = c.why ? c.why : "sketches: no such value";
    return c.no_memory ? DS_DECODE_NO_MEMORY : DS_DECODE_MALFORMED;
}
