/* SPDX-License-Identifier: Apache-2.0
 *
 * The columns of a sketch's row
 *
 *   key        less the smallest that may come here
 *   precision
 *   count      registers that are not 0
 *   missing
 *
 * and those of a register, sketch by sketch
 *
 *   register   less the smallest that may come here in this sketch
 *   rank
 */
#include "sketch_columns.h"

#include "frame.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum row_column { KEY, PRECISION, COUNT, MISSING, ROW_COLUMNS };
enum register_column { REGISTER, RANK, REGISTER_COLUMNS };

#define KIND_SHIFT    48
#define COUNTRY_SHIFT 32
#define CLASS_SHIFT   24
#define PROTO_SHIFT   16

static_assert((uint64_t)DS_SKETCH_KIND_COUNT << KIND_SHIFT < UINT64_C(1) << 7 * DS_VARINT_BYTES_MAX,
              "a key fits a varint");
static_assert((uint64_t)DS_SKETCH_REGISTERS_USED_MAX * REGISTER_COLUMNS * DS_VARINT_BYTES_MAX +
                      DS_VARINT_BYTES_MAX <=
                  DS_MESSAGE_UNPACKED,
              "the largest table fits its bound");

static bool has_name(const struct ds_sketch_row *row)
{
    return row->key.kind == DS_SKETCH_SIGNATURE || row->key.kind == DS_SKETCH_SIGNATURE_CONFIRMED ||
           row->key.kind == DS_SKETCH_MALWARE;
}

/* Rows with names are numbered in each kind, or country of it, so that the numbers rise. */
static uint64_t number_of(const struct ds_sketch_row *rows, size_t i, uint64_t before)
{
    const struct ds_sketch_key *k = &rows[i].key;
    uint64_t first = (uint64_t)k->kind << KIND_SHIFT | (uint64_t)k->country << COUNTRY_SHIFT;
    if (has_name(&rows[i]))
        return before >> COUNTRY_SHIFT == first >> COUNTRY_SHIFT ? before + 1 : first;
    return (uint64_t)k->kind << KIND_SHIFT | (uint64_t)k->country << COUNTRY_SHIFT |
           (uint64_t)k->cls << CLASS_SHIFT | (uint64_t)k->proto << PROTO_SHIFT | k->port;
}

static uint8_t *put_keys(uint8_t *at, const struct ds_sketch_row *rows, size_t n)
{
    uint64_t number = 0, next = 0;
    for (size_t i = 0; i < n; i++) {
        number = number_of(rows, i, number);
        assert(number >= next && rows[i].sketch.count > 0);
        at = ds_varint_put(at, number - next);
        next = number + 1;
    }
    return at;
}

static uint8_t *put_row_column(uint8_t *at, const void *table, size_t n, unsigned column)
{
    const struct ds_sketch_row *rows = table;
    switch ((enum row_column)column) {
    case KEY:
        return put_keys(at, rows, n);
    case PRECISION:
        for (size_t i = 0; i < n; i++)
            at = ds_varint_put(at, rows[i].sketch.precision);
        return at;
    case COUNT:
        for (size_t i = 0; i < n; i++)
            at = ds_varint_put(at, rows[i].sketch.count);
        return at;
    case MISSING:
        for (size_t i = 0; i < n; i++)
            at = ds_varint_put(at, rows[i].missing);
        return at;
    case ROW_COLUMNS:
        break;
    }
    return at;
}

static_assert(64 - DS_SKETCH_PRECISION_MIN + 1 < 0x80, "a rank is a varint of one byte");

/* One of the two columns of a sketch. Most are lists. */
static uint8_t *put_sketch(uint8_t *to, const struct ds_sketch *s, unsigned column)
{
    uint32_t at = 0, next = 0;
    if (!s->registers && column == RANK) {
        for (uint32_t i = 0; i < s->count; i++)
            *to++ = (uint8_t)s->list[i];
        return to;
    }
    if (!s->registers) {
        for (uint32_t i = 0; i < s->count; next = (s->list[i++] >> 8) + 1)
            to = ds_varint_put(to, (s->list[i] >> 8) - next);
        return to;
    }
    for (uint32_t entry; (entry = ds_sketch_next(s, &at)); next = (entry >> 8) + 1)
        to = ds_varint_put(to, column == RANK ? entry & UINT8_MAX : (entry >> 8) - next);
    return to;
}

/* n is that of the registers: the sketches end with the last of them. */
static uint8_t *put_register_column(uint8_t *to, const void *table, size_t n, unsigned column)
{
    const struct ds_sketch_row *rows = table;
    for (size_t done = 0; done < n; done += rows++->sketch.count)
        to = put_sketch(to, &rows->sketch, column);
    return to;
}

int ds_sketch_columns_pack(const struct ds_sketches *s, struct ds_sketch_columns *out)
{
    size_t registers = 0;
    for (size_t i = 0; i < s->count; i++)
        registers += s->rows[i].sketch.count;
    *out = (struct ds_sketch_columns){0};
    if (ds_frame_pack(put_row_column, s->rows, s->count, ROW_COLUMNS, &out->rows, &out->rows_bytes))
        return -1;
    if (ds_frame_pack(put_register_column, s->rows, registers, REGISTER_COLUMNS, &out->registers,
                      &out->registers_bytes)) {
        free(out->rows);
        out->rows = NULL;
        return -1;
    }
    return 0;
}

void ds_sketch_coder_finish(struct ds_sketch_coder *c)
{
    ZSTD_freeCCtx(c->pack);
    ZSTD_freeDCtx(c->unpack);
    *c = (struct ds_sketch_coder){0};
}

/* What repeats in registers does so by chance, and is told in less room by the codes of its bytes:
 * only long repetitions are looked for. That takes a sixth less time and 6 % less room. */
static bool create_packer(struct ds_sketch_coder *c)
{
    static const struct {
        ZSTD_cParameter parameter;
        int value;
    } all[] = {{ZSTD_c_compressionLevel, 1}, {ZSTD_c_minMatch, 7}, {ZSTD_c_hashLog, 6}};
    c->pack = ZSTD_createCCtx();
    for (size_t i = 0; c->pack && i < sizeof all / sizeof all[0]; i++)
        if (ZSTD_isError(ZSTD_CCtx_setParameter(c->pack, all[i].parameter, all[i].value))) {
            ZSTD_freeCCtx(c->pack);
            c->pack = NULL;
        }
    return c->pack;
}

int ds_sketch_pack(struct ds_sketch_coder *c, const struct ds_sketch *s, unsigned char **out,
                   size_t *out_bytes)
{
    if (!c->pack && !create_packer(c))
        return -1;
    const struct ds_sketch_row row = {.sketch = *s};
    unsigned char *frame = NULL;
    size_t bytes = 0;
    if (ds_frame_pack_with(c->pack, put_register_column, &row, s->count, REGISTER_COLUMNS, &frame,
                           &bytes))
        return -1;
    *out = malloc(bytes + 1);
    if (*out) {
        (*out)[0] = s->precision;
        memcpy(*out + 1, frame, bytes);
        *out_bytes = bytes + 1;
    }
    free(frame);
    return *out ? 0 : -1;
}

/* ---- reading ---- */

static void get_keys(struct ds_frame *f, struct ds_sketch_row *rows, size_t n)
{
    const uint64_t numbers = (uint64_t)DS_SKETCH_KIND_COUNT << KIND_SHIFT;
    uint64_t number = 0; /* the smallest that may come */
    for (size_t i = 0; i < n && ds_frame_ok(f); i++, number++) {
        if (number == numbers) {
            ds_frame_fail(f, "sketches: a key is out of range");
            return;
        }
        number += ds_frame_get(f, numbers - 1 - number);
        struct ds_sketch_key *k = &rows[i].key;
        k->kind = (uint8_t)(number >> KIND_SHIFT);
        k->country = (ds_country)(number >> COUNTRY_SHIFT);
        if (has_name(&rows[i]))
            continue;
        k->cls = (uint8_t)(number >> CLASS_SHIFT);
        k->proto = (uint8_t)(number >> PROTO_SHIFT);
        k->port = (uint16_t)number;
    }
}

/* Takes a name for each row that has one, and looks at the keys. */
static void name_rows(struct ds_frame *f, struct ds_sketch_row *rows, size_t n,
                      const struct ds_sketch_name *names, size_t name_count)
{
    size_t used = 0;
    for (size_t i = 0; i < n && ds_frame_ok(f); i++) {
        if (has_name(&rows[i]) && used < name_count)
            strcpy(rows[i].key.signature, names[used++].id);
        if (!ds_sketch_key_valid(&rows[i].key))
            ds_frame_fail(f, "sketches: not such a key");
        if (i && ds_sketch_key_compare(&rows[i - 1].key, &rows[i].key) >= 0)
            ds_frame_fail(f, "sketches: keys out of order");
        if (rows[i].key.kind == DS_SKETCH_ADDRESSES ? rows[i].sketch.precision != DS_SKETCH_BITS
                                                    : rows[i].sketch.precision > DS_SKETCH_FINE)
            ds_frame_fail(f, "sketches: not such a precision");
    }
    if (used != name_count)
        ds_frame_fail(f, "sketches: more names than rows for them");
}

/* All but the registers. Returns how many these are. */
static uint64_t get_rows(struct ds_frame *f, struct ds_sketch_row *rows, size_t n)
{
    const uint64_t precisions = DS_SKETCH_PRECISION_MAX - DS_SKETCH_PRECISION_MIN;
    uint64_t registers = 0;
    get_keys(f, rows, n);
    for (size_t i = 0; i < n && ds_frame_ok(f); i++) {
        uint64_t above = ds_frame_get(f, DS_SKETCH_PRECISION_MAX) - DS_SKETCH_PRECISION_MIN;
        if (above > precisions)
            ds_frame_fail(f, "sketches: not such a precision");
        else
            ds_sketch_init(&rows[i].sketch, (unsigned)above + DS_SKETCH_PRECISION_MIN);
    }
    for (size_t i = 0; i < n && ds_frame_ok(f); i++) {
        struct ds_sketch *s = &rows[i].sketch;
        s->count = (uint32_t)ds_frame_get(f, UINT64_C(1) << s->precision);
        if (s->count == 0)
            ds_frame_fail(f, "sketches: an empty one");
        registers += s->count;
    }
    for (size_t i = 0; i < n && ds_frame_ok(f); i++)
        rows[i].missing = ds_frame_get(f, DS_COUNT_MAX);
    return registers;
}

/* Those that are unpacked already, a byte each, of registers that are all 0. False: it is none, one
 * by one, then. */
static bool get_places_at_once(struct ds_frame *f, struct ds_sketch *s, uint32_t count)
{
    const uint32_t all = UINT32_C(1) << s->precision;
    uint32_t number = 0, n = 0;
    if (!s->registers || (size_t)(f->end - f->at) < count)
        return false;
    for (; n < count && f->at[n] < 0x80 && number + f->at[n] < all; n++) {
        number += f->at[n];
        s->registers[number++] = 1;
    }
    if (n < count) {
        memset(s->registers, 0, all);
        return false;
    }
    f->at += count;
    s->count = count;
    return true;
}

/* Which of its registers are not 0; their ranks come later. */
static void get_places(struct ds_frame *f, struct ds_sketch *s, uint32_t count)
{
    if (get_places_at_once(f, s, count))
        return;
    const uint32_t all = UINT32_C(1) << s->precision;
    uint32_t number = 0; /* the smallest that may come */
    uint8_t *registers = s->registers;
    uint32_t *list = s->list, n = 0;
    for (; n < count && number < all && ds_frame_ok(f); n++, number++) {
        number += (uint32_t)ds_frame_get(f, all - 1 - number);
        if (registers)
            registers[number] = 1;
        else
            list[n] = number << 8;
    }
    s->count = n;
    if (n < count)
        ds_frame_fail(f, "sketches: a register is out of range");
}

static uint8_t get_rank(struct ds_frame *f, const struct ds_sketch *s)
{
    uint8_t rank = (uint8_t)ds_frame_get(f, ds_sketch_rank_max(s->precision));
    if (rank == 0)
        ds_frame_fail(f, "sketches: a rank of 0");
    return rank;
}

/* Those that are unpacked already: a byte each, or it is none. False: one by one, then. */
static bool get_ranks_at_once(struct ds_frame *f, struct ds_sketch *s)
{
    const uint8_t most = ds_sketch_rank_max(s->precision);
    bool is_good = (size_t)(f->end - f->at) >= s->count;
    for (uint32_t i = 0; i < s->count && is_good; i++)
        is_good = f->at[i] != 0 && f->at[i] <= most;
    if (!is_good)
        return false;
    const uint8_t *rank = f->at;
    f->at += s->count;
    if (!s->registers)
        for (uint32_t i = 0; i < s->count; i++)
            s->list[i] |= rank[i];
    else if (s->count == UINT32_C(1) << s->precision)
        memcpy(s->registers, rank, s->count);
    else
        for (uint32_t i = 0; i < UINT32_C(1) << s->precision; i++)
            if (s->registers[i])
                s->registers[i] = *rank++;
    return true;
}

static void get_ranks(struct ds_frame *f, struct ds_sketch *s)
{
    if (get_ranks_at_once(f, s))
        return;
    if (!s->registers) {
        for (uint32_t i = 0; i < s->count && ds_frame_ok(f); i++)
            s->list[i] |= get_rank(f, s);
        return;
    }
    for (uint32_t i = 0; i < UINT32_C(1) << s->precision && ds_frame_ok(f); i++)
        if (s->registers[i])
            s->registers[i] = get_rank(f, s);
}

static bool reserve(struct ds_frame *f, struct ds_sketch *s, uint32_t count)
{
    if (ds_sketch_reserve(s, count))
        ds_frame_no_memory(f);
    return ds_frame_ok(f);
}

static enum ds_decode get_registers(struct ds_bytes packed, uint64_t expected,
                                    struct ds_sketches *s, const char **why)
{
    struct ds_frame f;
    ds_frame_open(&f, packed.data, packed.size);
    size_t registers = ds_frame_rows(&f, DS_SKETCH_REGISTERS_USED_MAX, REGISTER_COLUMNS);
    if (registers != expected)
        ds_frame_fail(&f, "sketches: other registers than they have");
    for (size_t i = 0; i < s->count; i++) {
        uint32_t count = s->rows[i].sketch.count;
        s->rows[i].sketch.count = 0;
        if (ds_frame_ok(&f) && reserve(&f, &s->rows[i].sketch, count))
            get_places(&f, &s->rows[i].sketch, count);
    }
    for (size_t i = 0; i < s->count && ds_frame_ok(&f); i++)
        get_ranks(&f, &s->rows[i].sketch);
    return ds_frame_close(&f, why);
}

enum ds_decode ds_sketch_columns_unpack(struct ds_bytes rows, struct ds_bytes registers,
                                        const struct ds_sketch_name *names, size_t name_count,
                                        struct ds_sketches *s, const char **why)
{
    struct ds_frame f;
    ds_frame_open(&f, rows.data, rows.size);
    size_t count = ds_frame_rows(&f, DS_SKETCHES_MAX, ROW_COLUMNS);
    s->rows = calloc(count + 1, sizeof *s->rows);
    if (!s->rows)
        ds_frame_no_memory(&f);
    uint64_t used = get_rows(&f, s->rows, count);
    name_rows(&f, s->rows, count, names, name_count);
    enum ds_decode result = ds_frame_close(&f, why);
    if (result != DS_DECODE_OK)
        return result;
    s->count = count;
    return get_registers(registers, used, s, why);
}

static void put_down(struct ds_sketch *s, const uint8_t *gaps, const uint8_t *ranks, uint32_t count)
{
    for (uint32_t i = 0, number = 0; i < count; i++, number++) {
        number += gaps[i];
        if (s->registers)
            s->registers[number] = ranks[i];
        else
            s->list[i] = number << 8 | ranks[i];
    }
}

/* The two columns of one sketch that are unpacked already, a byte each: they are looked at without
 * a branch, then put down in one pass. False: they are none, or wrong; one by one, then. */
static bool get_both_at_once(struct ds_frame *f, struct ds_sketch *s, uint32_t count)
{
    const uint32_t all = UINT32_C(1) << s->precision;
    const uint8_t *gaps = f->at, *ranks = gaps + count;
    const uint8_t most = ds_sketch_rank_max(s->precision);
    uint32_t skipped = 0, bad = 0;
    if ((size_t)(f->end - f->at) != (size_t)REGISTER_COLUMNS * count)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        skipped += gaps[i];
        bad |= (uint32_t)(gaps[i] >= 0x80) | (uint32_t)((uint8_t)(ranks[i] - 1) >= most);
    }
    if (bad || skipped > all - count)
        return false;
    if (s->registers && skipped == 0) /* all of a full one */
        memcpy(s->registers, ranks, count);
    else
        put_down(s, gaps, ranks, count);
    s->count = count;
    f->at = f->end;
    return true;
}

enum ds_decode ds_sketch_unpack(struct ds_sketch_coder *c, const void *packed, size_t size,
                                struct ds_sketch *s, const char **why)
{
    if (!c->unpack && !(c->unpack = ZSTD_createDCtx()))
        return DS_DECODE_NO_MEMORY;
    const uint8_t *bytes = packed;
    if (size < 1 || bytes[0] < DS_SKETCH_PRECISION_MIN || bytes[0] > DS_SKETCH_PRECISION_MAX) {
        *why = "sketches: not such a precision";
        return DS_DECODE_MALFORMED;
    }
    struct ds_frame f;
    ds_sketch_init(s, bytes[0]);
    ds_frame_open_small(&f, c->unpack, bytes + 1, size - 1);
    size_t count = ds_frame_rows(&f, UINT64_C(1) << s->precision, REGISTER_COLUMNS);
    if (reserve(&f, s, (uint32_t)count) && !get_both_at_once(&f, s, (uint32_t)count)) {
        get_places(&f, s, (uint32_t)count);
        if (ds_frame_ok(&f))
            get_ranks(&f, s);
    }
    return ds_frame_close(&f, why);
}
