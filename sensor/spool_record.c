/* SPDX-License-Identifier: Apache-2.0
 *
 *    0  magic                 24  sequence                    96  sum of the body, 4 bytes
 *    8  kind, 4 bytes         32  sensor, 64 bytes,          100  sum of all before, 4 bytes
 *   12  size, 4 bytes             filled up with 0           104  body
 *   16  boot
 *
 * Numbers are big-endian, of 8 bytes where nothing else is said; sums are CRC-32C.
 */
#include "spool_record.h"

#include "darkscope/text.h"

#include <endian.h>
#include <string.h>

#define MAGIC_BYTES 8
static const uint8_t magic[MAGIC_BYTES] = {'d', 'k', 's', 'c', 's', 'p', '0', '1'};

enum { KIND = 8, SIZE = 12, BOOT = 16, SEQUENCE = 24, SENSOR = 32, BODY_SUM = 96, HEAD_SUM = 100 };
_Static_assert(HEAD_SUM + 4 == DS_SPOOL_HEAD_BYTES, "the head ends with its sum");
_Static_assert(BODY_SUM - SENSOR == DS_NAME_MAX + 1, "a name fits");

/* CRC-32C (RFC 3720, B.4). What a byte adds is the sum of what its two halves add. */
static uint32_t sum_of(const uint8_t *bytes, size_t size)
{
    static const uint32_t low[16] = {
        0x00000000, 0xf26b8303, 0xe13b70f7, 0x1350f3f4, 0xc79a971f, 0x35f1141c,
        0x26a1e7e8, 0xd4ca64eb, 0x8ad958cf, 0x78b2dbcc, 0x6be22838, 0x9989ab3b,
        0x4d43cfd0, 0xbf284cd3, 0xac78bf27, 0x5e133c24,
    };
    static const uint32_t high[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
        0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    uint32_t sum = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        uint32_t changed = sum ^ bytes[i];
        sum = sum >> 8 ^ high[changed >> 4 & 15] ^ low[changed & 15];
    }
    return ~sum;
}

static void put32(uint8_t *to, uint32_t value)
{
    value = htobe32(value);
    memcpy(to, &value, sizeof value);
}

static void put64(uint8_t *to, uint64_t value)
{
    value = htobe64(value);
    memcpy(to, &value, sizeof value);
}

static uint32_t get32(const uint8_t *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof value);
    return be32toh(value);
}

static uint64_t get64(const uint8_t *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return be64toh(value);
}

void ds_spool_record_head(const struct ds_spool_record *r, uint8_t head[static DS_SPOOL_HEAD_BYTES])
{
    memset(head, 0, DS_SPOOL_HEAD_BYTES);
    memcpy(head, magic, MAGIC_BYTES);
    put32(head + KIND, r->kind);
    put32(head + SIZE, r->size);
    put64(head + BOOT, r->boot);
    put64(head + SEQUENCE, r->sequence);
    memcpy(head + SENSOR, r->sensor, strlen(r->sensor));
    put32(head + BODY_SUM, sum_of(r->body, r->size));
    put32(head + HEAD_SUM, sum_of(head, HEAD_SUM));
}

/* Is what an intact head says one of ours, and all of its body there? */
static bool is_sane(const struct ds_spool_record *r, size_t size)
{
    if (r->kind == DS_SPOOL_WINDOW ? r->size == 0 : r->kind != DS_SPOOL_DONE || r->size != 0)
        return false;
    return r->size <= DS_MESSAGE_MAX && r->size <= size - DS_SPOOL_HEAD_BYTES && r->boot != 0 &&
           r->sequence != 0 && !r->sensor[DS_NAME_MAX] && ds_name_valid(r->sensor);
}

bool ds_spool_record_decode(const uint8_t *bytes, size_t size, struct ds_spool_record *out)
{
    if (size < DS_SPOOL_HEAD_BYTES || memcmp(bytes, magic, MAGIC_BYTES) != 0 ||
        get32(bytes + HEAD_SUM) != sum_of(bytes, HEAD_SUM))
        return false;
    *out = (struct ds_spool_record){
        .kind = get32(bytes + KIND),
        .boot = get64(bytes + BOOT),
        .sequence = get64(bytes + SEQUENCE),
        .body = bytes + DS_SPOOL_HEAD_BYTES,
        .size = get32(bytes + SIZE),
    };
    memcpy(out->sensor, bytes + SENSOR, sizeof out->sensor);
    return is_sane(out, size) && get32(bytes + BODY_SUM) == sum_of(out->body, out->size);
}

/* Goes on to what may be the next record. */
static void pass_over_damage(struct ds_spool_reader *reader)
{
    const uint8_t *from = reader->bytes + reader->at + 1;
    const uint8_t *end = reader->bytes + reader->size;
    const uint8_t *next = memmem(from, (size_t)(end - from), magic, MAGIC_BYTES);
    size_t passed = (size_t)((next ? next : end) - from) + 1;
    reader->at += passed;
    reader->damaged_bytes += passed;
}

bool ds_spool_record_next(struct ds_spool_reader *reader, struct ds_spool_record *out)
{
    size_t begin = reader->at;
    while (reader->at < reader->size) {
        size_t left = reader->size - reader->at;
        if (ds_spool_record_decode(reader->bytes + reader->at, left, out))
            break;
        pass_over_damage(reader);
    }
    reader->damages += reader->at > begin;
    if (reader->at == reader->size)
        return false;
    reader->at += DS_SPOOL_HEAD_BYTES + out->size;
    return true;
}
