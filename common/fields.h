/* SPDX-License-Identifier: Apache-2.0
 *
 * Structs as msgpack maps: one table row a key, read by the encoder and by the decoder, so that the
 * two cannot disagree.
 */
#ifndef DARKSCOPE_FIELDS_H
#define DARKSCOPE_FIELDS_H

#include "cursor.h"

#include <msgpack/pack.h>
#include <msgpack/sbuffer.h>

struct ds_field;

/* How a kind of value is written and read. value points at the member in the struct. A reader
 * reports what is wrong by ds_cursor_fail; memory it stored in the struct is freed by the owner of
 * the struct also after a fault. */
struct ds_codec {
    void (*pack)(msgpack_packer *pk, const void *value, const struct ds_field *f);
    void (*read)(struct ds_cursor *c, void *value, const struct ds_field *f);
};

/* What is unknown is nil. Only keys that came with a later minor version may be missing: the member
 * then stays zero. */
struct ds_field {
    const char *key;
    const struct ds_codec *codec;
    size_t offset;                 /* of the member */
    uint64_t limit;                /* largest number, longest text, number of counts */
    const char *(*name)(unsigned); /* of an enum value */
    int rest; /* of named counts: where unknown names are counted; negative: nowhere */
    bool may_be_missing;
};

extern const struct ds_codec ds_codec_u32;   /* uint32_t */
extern const struct ds_codec ds_codec_count; /* uint64_t */
extern const struct ds_codec ds_codec_i64;   /* int64_t */
extern const struct ds_codec ds_codec_name;  /* char[limit + 1], ds_name_valid */
extern const struct ds_codec ds_codec_text;  /* char[limit + 1], cleaned by ds_text_clean */
/* uint64_t[limit] as a map of those that are not zero under their names. */
extern const struct ds_codec ds_codec_named_counts;

/* A buffer that remembers a failed write. */
struct ds_output {
    msgpack_sbuffer buffer;
    msgpack_packer packer;
    bool failed;
};

void ds_output_init(struct ds_output *out);

void ds_pack_text(msgpack_packer *pk, const char *text);

/* Writes n pairs; the caller wrote the map's head. */
void ds_fields_pack(msgpack_packer *pk, const struct ds_field *fields, size_t n, const void *from);

/* Reads that many pairs of a map into a zeroed struct. Unknown keys are skipped; a key twice or
 * one missing that must not be is a fault. At most 64 fields. */
void ds_fields_read(struct ds_cursor *c, uint32_t pairs, const struct ds_field *fields, size_t n,
                    void *to);

/* Copies a str of at most max bytes, NUL-terminated; one with a NUL inside is a fault. */
void ds_read_text(struct ds_cursor *c, char *to, size_t max);

#endif
