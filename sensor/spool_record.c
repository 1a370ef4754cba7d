/* SPDX-License-Identifier: Apache-2.0
 *
 *    0  magic                 24  sequence                   104  sum of the body, 4 bytes
 *    8  kind, 4 bytes         32  first                      108  sum of all before, 4 bytes
 *   12  size, 4 bytes         40  sensor, 64 bytes,          112  body
 *   16  boot                      filled up with 0
 *
 * Numbers are big-endian, of 8 bytes where nothing else is said; sums are CRC-32C.
 */
#include "spool_record.h"

#include "crc32c.h"

#include "darkscope/text.h"

#include <endian.h>
#include <string.h>

#define MAGIC_BYTES 8
static const uint8_t magic[MAGIC_BYTES] = {'d', 'k', 's', 'c', 's', 'p', '0', '2'};

enum {
    KIND = 8,
    SIZE = 12,
    BOOT = 16,
    SEQUENCE = 24,
    FIRST = 32,
    SENSOR = 40,
    BODY_SUM = 104,
    HEAD_SUM = 108,
};
_Static_assert(HEAD_SUM + 4 == DS_SPOOL_HEAD_BYTES, "the head ends with its sum");
_Static_assert(BODY_SUM - SENSOR == DS_NAME_MAX + 1, "a name fits");

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
    put64(head + FIRST, r->first ? r->first : r->sequence);
    memcpy(head + SENSOR, r->sensor, strlen(r->sensor));
    put32(head + BODY_SUM, ds_crc32c(r->body, r->size));
    put32(head + HEAD_SUM, ds_crc32c(head, HEAD_SUM));
}

/* Is what an intact head says one of ours, and all of its body there? */
static bool is_sane(const struct ds_spool_record *r, size_t size)
{
    if (r->kind == DS_SPOOL_WINDOW ? r->size == 0 : r->kind != DS_SPOOL_DONE || r->size != 0)
        return false;
    return r->size <= DS_MESSAGE_MAX && r->size <= size - DS_SPOOL_HEAD_BYTES && r->boot != 0 &&
           r->first != 0 && r->first <= r->sequence && !r->sensor[DS_NAME_MAX] &&
           ds_name_valid(r->sensor);
}

bool ds_spool_record_decode(const uint8_t *bytes, size_t size, struct ds_spool_record *out)
{
    if (size < DS_SPOOL_HEAD_BYTES || memcmp(bytes, magic, MAGIC_BYTES) != 0 ||
        get32(bytes + HEAD_SUM) != ds_crc32c(bytes, HEAD_SUM))
        return false;
    *out = (struct ds_spool_record){
        .kind = get32(bytes + KIND),
        .boot = get64(bytes + BOOT),
        .sequence = get64(bytes + SEQUENCE),
        .first = get64(bytes + FIRST),
        .body = bytes + DS_SPOOL_HEAD_BYTES,
        .size = get32(bytes + SIZE),
    };
    memcpy(out->sensor, bytes + SENSOR, sizeof out->sensor);
    return is_sane(out, size) && get32(bytes + BODY_SUM) == ds_crc32c(out->body, out->size);
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
