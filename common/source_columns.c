/* SPDX-License-Identifier: Apache-2.0
 *
 * The columns of a source
 *
 *   address    less the smallest that may come here
 *   packets
 *   repeats    packets less ports
 *   kind       classes | survey mark << 3 | device << 5
 *   first
 *   stay       last less first
 *   country    0: that of the record before; else the code + 1
 *   asn        0: that of the record before; else the number + 1
 *   seen
 *   missing    seen less confirmed
 */
#include "source_columns.h"

#include "frame.h"

#include <assert.h>
#include <stdlib.h>

#define CLASS_BITS  DS_CLASS_COUNT
#define SURVEY_BITS 2
#define ADDRESSES   (UINT64_C(1) << 32)
#define MOMENTS_MAX UINT8_MAX

enum column { ADDRESS, PACKETS, REPEATS, KIND, FIRST, STAY, COUNTRY, ASN, SEEN, MISSING, COLUMNS };

static_assert(DS_SURVEY_MARK_COUNT <= 1 << SURVEY_BITS, "a mark has its bits");
static_assert((uint64_t)DS_SOURCES_MAX * COLUMNS * DS_VARINT_BYTES_MAX + DS_VARINT_BYTES_MAX <=
                  DS_MESSAGE_UNPACKED,
              "the largest table fits its bound");

static uint8_t *put_addresses(uint8_t *at, const struct ds_source_record *r, size_t n)
{
    uint64_t next = 0;
    for (size_t i = 0; i < n; i++) {
        assert(r[i].address >= next && r[i].packets >= r[i].ports && r[i].last >= r[i].first);
        at = ds_varint_put(at, r[i].address - next);
        next = r[i].address + UINT64_C(1);
    }
    return at;
}

/* Neighbours by address often belong to one network. */
static uint64_t change(uint64_t before, uint64_t now)
{
    return now == before ? 0 : now + 1;
}

static unsigned kind_of(const struct ds_source_record *r)
{
    unsigned above_classes = r->survey | (unsigned)r->device << SURVEY_BITS;
    return r->classes | above_classes << CLASS_BITS;
}

static uint8_t *put_column(uint8_t *at, const void *rows, size_t n, unsigned column)
{
    const struct ds_source_record *r = rows;
    switch ((enum column)column) {
    case ADDRESS:
        return put_addresses(at, r, n);
    case PACKETS:
        for (size_t i = 0; i < n; i++)
            at = ds_varint_put(at, r[i].packets);
        return at;
    case REPEATS:
        for (size_t i = 0; i < n; i++)
            at = ds_varint_put(at, r[i].packets - r[i].ports);
        return at;
    case KIND:
        for (size_t i = 0; i < n; i++)
            at = ds_varint_put(at, kind_of(&r[i]));
        return at;
    case FIRST:
        for (size_t i = 0; i < n; i++)
            at = ds_varint_put(at, r[i].first);
        return at;
    case STAY:
        for (size_t i = 0; i < n; i++)
            at = ds_varint_put(at, (uint64_t)(r[i].last - r[i].first));
        return at;
    case COUNTRY:
        for (size_t i = 0; i < n; i++)
            at = ds_varint_put(at, change(i ? r[i - 1].country : 0, r[i].country));
        return at;
    case ASN:
        for (size_t i = 0; i < n; i++)
            at = ds_varint_put(at, change(i ? r[i - 1].asn : 0, r[i].asn));
        return at;
    case SEEN:
        for (size_t i = 0; i < n; i++)
            at = ds_varint_put(at, r[i].seen);
        return at;
    case MISSING:
        for (size_t i = 0; i < n; i++)
            at = ds_varint_put(at, r[i].seen ^ r[i].confirmed);
        return at;
    case COLUMNS:
        break;
    }
    return at;
}

int ds_source_columns_pack(const struct ds_source_record *records, size_t n, unsigned char **out,
                           size_t *out_bytes)
{
    return ds_frame_pack(put_column, records, n, COLUMNS, out, out_bytes);
}

static void get_addresses(struct ds_frame *f, struct ds_source_record *r, size_t n)
{
    uint64_t next = 0;
    for (size_t i = 0; i < n && ds_frame_ok(f); i++) {
        if (next == ADDRESSES) {
            ds_frame_fail(f, "source_records: an address is out of range");
            return;
        }
        next += ds_frame_get(f, ADDRESSES - 1 - next);
        r[i].address = (uint32_t)next++;
    }
}

static void get_counts(struct ds_frame *f, struct ds_source_record *r, size_t n)
{
    for (size_t i = 0; i < n && ds_frame_ok(f); i++) {
        r[i].packets = ds_frame_get(f, DS_COUNT_MAX);
        if (r[i].packets == 0)
            ds_frame_fail(f, "source_records: a source without packets");
    }
    for (size_t i = 0; i < n && ds_frame_ok(f); i++) {
        uint64_t ports = r[i].packets - ds_frame_get(f, r[i].packets);
        if (ports > UINT32_MAX)
            ds_frame_fail(f, "source_records: more ports than there are");
        r[i].ports = (uint32_t)ports;
    }
}

static void get_kinds(struct ds_frame *f, struct ds_source_record *r, size_t n)
{
    const unsigned kinds = DS_DEVICE_COUNT << (SURVEY_BITS + CLASS_BITS);
    for (size_t i = 0; i < n && ds_frame_ok(f); i++) {
        unsigned kind = (unsigned)ds_frame_get(f, kinds - 1);
        r[i].classes = kind & ((1u << CLASS_BITS) - 1);
        r[i].survey = (uint8_t)(kind >> CLASS_BITS & ((1u << SURVEY_BITS) - 1));
        r[i].device = (uint8_t)(kind >> (CLASS_BITS + SURVEY_BITS));
        if (r[i].survey >= DS_SURVEY_MARK_COUNT)
            ds_frame_fail(f, "source_records: not a survey mark");
    }
    for (size_t i = 0; i < n && ds_frame_ok(f); i++)
        r[i].first = (uint8_t)ds_frame_get(f, MOMENTS_MAX);
    for (size_t i = 0; i < n && ds_frame_ok(f); i++)
        r[i].last = (uint8_t)(r[i].first + ds_frame_get(f, MOMENTS_MAX - r[i].first));
}

static void get_origins(struct ds_frame *f, struct ds_source_record *r, size_t n)
{
    uint64_t now = 0;
    for (size_t i = 0; i < n && ds_frame_ok(f); i++) {
        uint64_t change = ds_frame_get(f, UINT64_C(1) << 16);
        now = change ? change - 1 : now;
        r[i].country = (ds_country)now;
        if (!ds_country_valid(r[i].country))
            ds_frame_fail(f, "source_records: not a country");
    }
    now = 0;
    for (size_t i = 0; i < n && ds_frame_ok(f); i++) {
        uint64_t change = ds_frame_get(f, UINT64_C(1) << 32);
        now = change ? change - 1 : now;
        r[i].asn = (uint32_t)now;
    }
}

static void get_marks(struct ds_frame *f, struct ds_source_record *r, size_t n)
{
    for (size_t i = 0; i < n && ds_frame_ok(f); i++)
        r[i].seen = (uint32_t)ds_frame_get(f, (UINT64_C(1) << DS_MARKS_MAX) - 1);
    for (size_t i = 0; i < n && ds_frame_ok(f); i++) {
        uint32_t missing = (uint32_t)ds_frame_get(f, r[i].seen);
        if (missing & ~r[i].seen)
            ds_frame_fail(f, "source_records: confirmed and not seen");
        r[i].confirmed = r[i].seen ^ missing;
    }
}

enum ds_decode ds_source_columns_unpack(const void *packed, size_t size,
                                        struct ds_source_record **records, size_t *n,
                                        const char **why)
{
    struct ds_frame f;
    ds_frame_open(&f, packed, size);
    size_t count = ds_frame_rows(&f, DS_SOURCES_MAX, COLUMNS);
    struct ds_source_record *rows = calloc(count + 1, sizeof *rows);
    if (!rows)
        ds_frame_no_memory(&f);
    get_addresses(&f, rows, count);
    get_counts(&f, rows, count);
    get_kinds(&f, rows, count);
    get_origins(&f, rows, count);
    get_marks(&f, rows, count);
    enum ds_decode result = ds_frame_close(&f, why);
    if (result != DS_DECODE_OK) {
        free(rows);
        return result;
    }
    *records = rows;
    *n = count;
    return DS_DECODE_OK;
}
