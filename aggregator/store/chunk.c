/* SPDX-License-Identifier: Apache-2.0
 *
 *   0  version, 1 byte
 *   1  CRC-32C of all that follows, 4 bytes, lowest first
 *   5  keys, cells, windows_max, columns; then of each column its plain and its packed size
 *      columns, one after the other: nothing where the packed size is 0 and all values are 0; plain
 *      where the sizes are equal; else a zstd frame
 *
 * All numbers behind the sum are of 7 bits a byte, lowest first; the high bit says that more
 * follow.
 */
#include "chunk.h"

#include "crc32c.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define ZSTD_LEVEL 3 /* costs twice the time of 1, saves 2 % */
#define SUM_AT     1
#define HEAD_AT    5
#define VARINT_MAX 10 /* bytes of 64 bits */
#define HEAD_MAX   (HEAD_AT + (4 + 2 * DS_CHUNK_COLUMNS) * VARINT_MAX)
#define SLACK      16 /* behind the columns, so that they are read in words */
#define HIGH_BITS  UINT64_C(0x8080808080808080)
#define KEY_MAX    ((uint64_t)DS_CLASS_COUNT << 40)

static uint8_t *put_varint(uint8_t *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *to++ = (uint8_t)(value | 0x80);
    *to++ = (uint8_t)value;
    return to;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* ---- writing ---- */

static bool is_new_key(const struct ds_chunk_cell *cells, size_t i)
{
    return i == 0 || cells[i].key != cells[i - 1].key;
}

static uint8_t *put_keys(uint8_t *to, const struct ds_chunk_cell *cells, size_t count)
{
    uint64_t next = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_new_key(cells, i))
            continue;
        assert(cells[i].key >= next);
        to = put_varint(to, cells[i].key - next);
        next = cells[i].key + 1;
    }
    return to;
}

static uint8_t *put_slot_counts(uint8_t *to, const struct ds_chunk_cell *cells, size_t count)
{
    for (size_t i = 0; i < count;) {
        size_t end = i + 1;
        while (end < count && !is_new_key(cells, end))
            end++;
        to = put_varint(to, end - i - 1);
        i = end;
    }
    return to;
}

/* Of each cell the value, in one loop: this is most of the work of taking a window in. */
#define PUT_EACH(value)                                                                            \
    for (const struct ds_chunk_cell *c = cells; c < cells + count; c++)                            \
    to = put_varint(to, (value))

static uint8_t *put_column(uint8_t *to, const struct ds_chunk_cell *cells, size_t count,
                           uint32_t windows_max, enum ds_chunk_column column)
{
    switch (column) {
    case DS_CHUNK_KEY:
        return put_keys(to, cells, count);
    case DS_CHUNK_SLOTS:
        return put_slot_counts(to, cells, count);
    case DS_CHUNK_SLOT:
        PUT_EACH(is_new_key(cells, (size_t)(c - cells)) ? c->slot : c->slot - c[-1].slot - 1);
        return to;
    case DS_CHUNK_PACKETS:
        PUT_EACH(c->packets - 1);
        return to;
    case DS_CHUNK_BYTES:
        PUT_EACH(c->packets == 1 ? c->bytes : c->bytes / c->packets);
        return to;
    case DS_CHUNK_REMAINDER:
        PUT_EACH(c->packets == 1 ? 0 : c->bytes % c->packets);
        return to;
    case DS_CHUNK_WINDOWS:
        PUT_EACH(lesser(c->packets, windows_max) - c->windows);
        return to;
    case DS_CHUNK_REPEATS:
        PUT_EACH(c->packets - c->windows + 1 - c->sources_peak);
        return to;
    case DS_CHUNK_SURVEY:
        PUT_EACH(c->survey_packets);
        return to;
    case DS_CHUNK_INEXACT:
        PUT_EACH(c->is_inexact);
        return to;
    case DS_CHUNK_FIRST:
        PUT_EACH(c->first);
        return to;
    case DS_CHUNK_LAST:
        PUT_EACH(c->last - c->first);
        return to;
    case DS_CHUNK_COLUMNS:
        break;
    }
    return to;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

static bool reserve(uint8_t **buffer, size_t *allocated, size_t bytes)
{
    if (*allocated >= bytes)
        return true;
    uint8_t *larger = realloc(*buffer, bytes);
    if (!larger)
        return false;
    *buffer = larger;
    *allocated = bytes;
    return true;
}

static bool make_room(struct ds_chunk_packer *p, size_t count)
{
    size_t plain = count * VARINT_MAX;
    size_t packed = HEAD_MAX + DS_CHUNK_COLUMNS * ZSTD_compressBound(plain);
    if (!p->zstd) {
        p->zstd = ZSTD_createCCtx();
        if (!p->zstd ||
            ZSTD_isError(ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_compressionLevel,
                                                p->level ? p->level : ZSTD_LEVEL)) ||
            ZSTD_isError(ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_contentSizeFlag, 0)))
            return false;
    }
    return reserve(&p->plain, &p->plain_bytes, plain) &&
           reserve(&p->packed, &p->packed_bytes, packed);
}

/* Packs what is plain to to. Returns how many bytes that took. */
static size_t pack_column(struct ds_chunk_packer *p, size_t plain, uint8_t *to)
{
    if (is_zero(p->plain, plain))
        return 0;
    size_t packed = ZSTD_compress2(p->zstd, to, ZSTD_compressBound(plain), p->plain, plain);
    if (!ZSTD_isError(packed) && packed < plain)
        return packed;
    memcpy(to, p->plain, plain);
    return plain;
}

int ds_chunk_pack(struct ds_chunk_packer *p, const struct ds_chunk_cell *cells, size_t count,
                  uint32_t windows_max, const uint8_t **out, size_t *out_bytes)
{
    assert(count > 0 && count <= DS_CHUNK_CELLS_MAX);
    if (!make_room(p, count))
        return -1;
    size_t keys = 0;
    for (size_t i = 0; i < count; i++)
        keys += is_new_key(cells, i);
    /* The columns go behind the longest possible head, then the head right before them. */
    uint8_t head[HEAD_MAX], *head_end = head;
    const uint64_t numbers[] = {keys, count, windows_max, DS_CHUNK_COLUMNS};
    for (size_t i = 0; i < 4; i++)
        head_end = put_varint(head_end, numbers[i]);
    uint8_t *body = p->packed + HEAD_MAX, *to = body;
    for (unsigned i = 0; i < DS_CHUNK_COLUMNS; i++) {
        uint8_t *end = put_column(p->plain, cells, count, windows_max, (enum ds_chunk_column)i);
        size_t plain = (size_t)(end - p->plain), packed = pack_column(p, plain, to);
        to += packed;
        head_end = put_varint(head_end, packed ? plain : 0);
        head_end = put_varint(head_end, packed);
    }
    size_t head_bytes = (size_t)(head_end - head);
    uint8_t *start = body - head_bytes - HEAD_AT;
    memcpy(start + HEAD_AT, head, head_bytes);
    start[0] = DS_CHUNK_VERSION;
    uint32_t sum = htole32(ds_crc32c(start + HEAD_AT, (size_t)(to - start) - HEAD_AT));
    memcpy(start + SUM_AT, &sum, sizeof sum);
    *out = start;
    *out_bytes = (size_t)(to - start);
    return 0;
}

void ds_chunk_packer_finish(struct ds_chunk_packer *p)
{
    ZSTD_freeCCtx(p->zstd);
    free(p->plain);
    free(p->packed);
    *p = (struct ds_chunk_packer){0};
}

/* ---- reading ---- */

/* From the head, which may end anywhere. */
static bool take_varint(const uint8_t **at, const uint8_t *end, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 63 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = value;
            return value <= max;
        }
    }
    return false;
}

/* From a column, which was checked to end in a whole number and to have as many as are read. */
static inline uint64_t take(const uint8_t **column)
{
    const uint8_t *at = *column;
    if (!at)
        return 0;
    uint64_t value = *at & 0x7f;
    for (unsigned shift = 7; *at++ >= 0x80; shift += 7)
        value |= (uint64_t)(*at & 0x7f) << (shift & 63);
    *column = at;
    return value;
}

/* The next of a column into out. Most numbers are of one byte, and so are most of their neighbours.
 */
static void take_many(const uint8_t **column, uint64_t out[static DS_CHUNK_BATCH], size_t count)
{
    size_t i = 0;
    if (!*column) {
        memset(out, 0, count * sizeof *out);
        return;
    }
    while (i < count) {
        const uint8_t *at = *column;
        uint64_t word;
        memcpy(&word, at, sizeof word); /* SLACK */
        if (count - i >= sizeof word && !(word & HIGH_BITS)) {
            for (size_t k = 0; k < sizeof word; k++)
                out[i + k] = at[k];
            *column += sizeof word;
            i += sizeof word;
            continue;
        }
        size_t end = count - i < sizeof word ? count : i + sizeof word;
        while (i < end)
            out[i++] = take(column);
    }
}

static void step_over(const uint8_t **column, size_t count)
{
    const uint8_t *at = *column;
    if (!at)
        return;
    for (;;) {
        uint64_t word;
        memcpy(&word, at, sizeof word); /* SLACK */
        size_t ends = (size_t)__builtin_popcountll(~word & HIGH_BITS);
        if (ends >= count)
            break;
        count -= ends;
        at += sizeof word;
    }
    for (; count > 0; at++)
        count -= *at < 0x80;
    *column = at;
}

static bool has_numbers(const uint8_t *bytes, size_t size, size_t count)
{
    size_t ends = 0;
    for (size_t i = 0; i < size; i++)
        ends += bytes[i] < 0x80;
    return ends == count && size > 0 && bytes[size - 1] < 0x80;
}

struct sizes {
    uint64_t keys, cells, windows_max, columns;
    uint64_t plain[DS_CHUNK_COLUMNS], packed[DS_CHUNK_COLUMNS];
    size_t plain_sum;
};

static bool take_sizes(const uint8_t **at, const uint8_t *end, struct sizes *s)
{
    uint64_t packed_sum = 0;
    if (!take_varint(at, end, DS_CHUNK_CELLS_MAX, &s->keys) ||
        !take_varint(at, end, DS_CHUNK_CELLS_MAX, &s->cells) || s->keys == 0 ||
        s->cells < s->keys || !take_varint(at, end, UINT32_MAX, &s->windows_max) ||
        !take_varint(at, end, DS_CHUNK_COLUMNS, &s->columns) || s->columns != DS_CHUNK_COLUMNS)
        return false;
    s->plain_sum = SLACK;
    for (unsigned i = 0; i < DS_CHUNK_COLUMNS; i++) {
        if (!take_varint(at, end, s->cells * VARINT_MAX, &s->plain[i]) ||
            !take_varint(at, end, s->plain[i], &s->packed[i]) ||
            (s->packed[i] == 0) != (s->plain[i] == 0))
            return false;
        s->plain_sum += s->plain[i];
        packed_sum += s->packed[i];
    }
    return packed_sum == (size_t)(end - *at);
}

static bool unpack_column(struct ds_chunk *c, const uint8_t *packed, size_t packed_bytes,
                          uint8_t *plain, size_t plain_bytes)
{
    if (packed_bytes == plain_bytes) {
        memcpy(plain, packed, plain_bytes);
        return true;
    }
    size_t got = ZSTD_decompressDCtx(c->zstd, plain, plain_bytes, packed, packed_bytes);
    return got == plain_bytes;
}

static bool unpack_columns(struct ds_chunk *c, const uint8_t *at, const struct sizes *s)
{
    uint8_t *plain = c->plain;
    memset(plain + s->plain_sum - SLACK, 0, SLACK);
    for (unsigned i = 0; i < DS_CHUNK_COLUMNS; i++) {
        size_t count = i == DS_CHUNK_KEY || i == DS_CHUNK_SLOTS ? s->keys : s->cells;
        c->at[i] = s->packed[i] ? plain : NULL;
        if (s->packed[i] && (!unpack_column(c, at, s->packed[i], plain, s->plain[i]) ||
                             !has_numbers(plain, s->plain[i], count)))
            return false;
        at += s->packed[i];
        plain += s->plain[i];
    }
    return true;
}

int ds_chunk_open(struct ds_chunk *c, const void *packed, size_t size, const char **why)
{
    const uint8_t *bytes = packed, *at = bytes + HEAD_AT;
    struct sizes s;
    uint32_t sum;
    c->keys_left = c->cells_left = c->key_cells_left = c->batch_at = c->batch_count = 0;
    *why = "it is cut";
    if (size <= HEAD_AT)
        return 1;
    *why = "it is of a version that this program does not know";
    if (bytes[0] != DS_CHUNK_VERSION)
        return 1;
    memcpy(&sum, bytes + SUM_AT, sizeof sum);
    *why = "its checksum is wrong";
    if (le32toh(sum) != ds_crc32c(at, size - HEAD_AT))
        return 1;
    *why = "its columns are not what they should be";
    if (!take_sizes(&at, bytes + size, &s))
        return 1;
    if (!c->zstd)
        c->zstd = ZSTD_createDCtx();
    if (!c->zstd || !reserve(&c->plain, &c->plain_bytes, s.plain_sum))
        return -1;
    if (!unpack_columns(c, at, &s))
        return 1;
    c->keys_left = s.keys;
    c->cells_left = s.cells;
    c->windows_max = (uint32_t)s.windows_max;
    c->is_first_key = true;
    c->key = 0;
    return 0;
}

/* Begins the next key; its cells are at most those that are left. False where it cannot be. */
static bool next_key(struct ds_chunk *c)
{
    if (c->keys_left == 0)
        return false;
    uint64_t above = take(&c->at[DS_CHUNK_KEY]), slots = take(&c->at[DS_CHUNK_SLOTS]);
    uint64_t key = above + c->key + !c->is_first_key;
    ds_country country = (ds_country)key;
    if (above >= KEY_MAX || key >= KEY_MAX || slots >= DS_CHUNK_SLOTS_MAX || slots >= c->cells_left)
        return false;
    if (country != 0 && !ds_country_valid(country)) /* it will be printed */
        return false;
    c->is_first_key = false;
    c->keys_left--;
    c->key = key;
    c->slot = 0;
    c->key_cells_left = slots + 1;
    return true;
}

void ds_chunk_seek(struct ds_chunk *c, uint64_t key)
{
    while (c->batch_at < c->batch_count && c->batch[c->batch_at].key < key)
        c->batch_at++;
    if (c->batch_at < c->batch_count)
        return;
    size_t skipped = 0, left = c->cells_left;
    bool is_good = true;
    while (is_good && c->cells_left > 0 && (c->is_first_key || c->key < key)) {
        skipped += c->key_cells_left;
        c->cells_left -= c->key_cells_left;
        c->key_cells_left = 0;
        is_good = c->cells_left == 0 || next_key(c);
    }
    if (!is_good) { /* ds_chunk_next will say so */
        c->keys_left = c->key_cells_left = 0;
        c->cells_left = 1;
        return;
    }
    if (skipped > 0 && skipped < left)
        for (unsigned i = DS_CHUNK_SLOT; i < DS_CHUNK_COLUMNS; i++)
            step_over(&c->at[i], skipped);
}

/* The columns of a batch, but the keys'. */
struct batch {
    uint64_t of[DS_CHUNK_COLUMNS][DS_CHUNK_BATCH];
};

static bool is_possible(const struct ds_chunk_cell *cell, uint64_t bytes_each, uint64_t remainder,
                        uint64_t repeats)
{
    return cell->packets <= DS_CHUNK_COUNT_MAX && remainder < cell->packets &&
           (bytes_each < UINT32_MAX && cell->packets < DS_CHUNK_COUNT_MAX >> 32
                ? true
                : bytes_each <= DS_CHUNK_COUNT_MAX / cell->packets) &&
           repeats <= cell->packets - cell->windows + 1 && cell->survey_packets <= cell->packets;
}

/* False where the figures cannot be. */
static bool make_cell(struct ds_chunk *c, const struct batch *b, size_t i,
                      struct ds_chunk_cell *cell)
{
    uint64_t slot = c->slot + b->of[DS_CHUNK_SLOT][i];
    uint64_t packets = b->of[DS_CHUNK_PACKETS][i] + 1;
    uint64_t windows_below = b->of[DS_CHUNK_WINDOWS][i];
    uint64_t windows_most = lesser(packets, c->windows_max);
    if (slot >= DS_CHUNK_SLOTS_MAX || packets == 0 || windows_below >= windows_most)
        return false;
    uint64_t bytes_each = b->of[DS_CHUNK_BYTES][i], remainder = b->of[DS_CHUNK_REMAINDER][i];
    uint64_t repeats = b->of[DS_CHUNK_REPEATS][i];
    uint32_t first = (uint32_t)b->of[DS_CHUNK_FIRST][i];
    *cell = (struct ds_chunk_cell){
        .key = c->key,
        .slot = (uint32_t)slot,
        .packets = packets,
        .windows = (uint32_t)(windows_most - windows_below),
        .bytes = bytes_each * packets + remainder,
        .survey_packets = b->of[DS_CHUNK_SURVEY][i],
        .is_inexact = b->of[DS_CHUNK_INEXACT][i] != 0,
        .first = first,
        .last = first + (uint32_t)b->of[DS_CHUNK_LAST][i],
    };
    cell->sources_peak = packets - cell->windows + 1 - repeats;
    c->slot = (uint32_t)slot + 1;
    return is_possible(cell, bytes_each, remainder, repeats);
}

int ds_chunk_refill(struct ds_chunk *c)
{
    struct batch b;
    const size_t count = c->cells_left < DS_CHUNK_BATCH ? c->cells_left : DS_CHUNK_BATCH;
    c->batch_at = c->batch_count = 0;
    if (count == 0)
        return 0;
    for (unsigned i = DS_CHUNK_SLOT; i < DS_CHUNK_COLUMNS; i++)
        take_many(&c->at[i], b.of[i], count);
    for (size_t i = 0; i < count; i++) {
        if ((c->key_cells_left == 0 && !next_key(c)) || !make_cell(c, &b, i, &c->batch[i]))
            return -1;
        c->key_cells_left--;
        c->cells_left--;
    }
    c->batch_count = count;
    return 1;
}

void ds_chunk_finish(struct ds_chunk *c)
{
    ZSTD_freeDCtx(c->zstd);
    free(c->plain);
    *c = (struct ds_chunk){0};
}
