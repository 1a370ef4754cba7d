/* SPDX-License-Identifier: Apache-2.0
 *
 *   0  version, 1 byte
 *   1  CRC-32C of all that follows, 4 bytes, lowest first
 *   5  keys, cells, windows_max, forms, columns; then of each column its plain and its packed size
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

#define ZSTD_LEVEL     1 /* 3 takes a third longer and makes hours larger; 12, 10 times, saves 4 % */
/* Quick: only long repetitions are looked for. */
#define QUICK_MATCH    7
#define QUICK_HASH_LOG 8
#define FORM_SAMPLE    8 /* of so many cells one is looked at */
#define SUM_AT         1
#define HEAD_AT        5
#define VARINT_MAX     10 /* bytes of 64 bits */
#define NUMBERS        5  /* in front of the sizes */
#define HEAD_MAX       (HEAD_AT + (NUMBERS + 2 * DS_CHUNK_COLUMNS) * VARINT_MAX)
#define SLACK          16 /* behind the columns, so that they are read in words */
#define HIGH_BITS      UINT64_C(0x8080808080808080)

/* Countries in their order: none, "**", "??", AA to ZZ. */
#define LETTERS       26u
#define FIRST_LETTERS 3u
#define COUNTRIES     (FIRST_LETTERS + LETTERS * LETTERS)
#define NUMBER_MAX    (((uint64_t)DS_CLASS_COUNT << 24) * COUNTRIES)

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

/* ---- keys ---- */

/* Keys without the gaps between codes of countries, in the same order: most differences fit a byte.
 */
static uint64_t number_of(uint64_t key)
{
    const unsigned first = key >> 8 & UINT8_MAX, second = key & UINT8_MAX;
    const unsigned country = first >= 'A'   ? FIRST_LETTERS + (first - 'A') * LETTERS + second - 'A'
                             : first == 0   ? 0
                             : first == '*' ? 1
                                            : 2;
    return (key >> 16) * COUNTRIES + country;
}

static uint64_t key_of(uint64_t number)
{
    static const ds_country others[FIRST_LETTERS] = {0, DS_COUNTRY_REST, DS_COUNTRY_UNKNOWN};
    const unsigned country = number % COUNTRIES, letters = country - FIRST_LETTERS;
    return number / COUNTRIES << 16 |
           (country < FIRST_LETTERS ? others[country]
                                    : DS_COUNTRY(letters / LETTERS + 'A', letters % LETTERS + 'A'));
}

/* ---- writing ---- */

/* The numbers of a batch, column by column: while it is split it stays in the first cache. */
struct batch {
    uint64_t of[DS_CHUNK_COLUMNS][DS_CHUNK_BATCH];
};

/* Columns that are being written. */
struct writing {
    uint8_t *begin[DS_CHUNK_COLUMNS], *end[DS_CHUNK_COLUMNS];
    uint64_t bits[DS_CHUNK_COLUMNS]; /* of all values; 0: all are 0 */
    unsigned forms;
    uint64_t key; /* of the cell before, as the next */
    uint32_t slot;
    uint64_t least_number;  /* of a key that may come next */
    size_t keys, key_cells; /* cells: of the key that is being written */
};

/* Four bytes at once, without a branch that depends on how many are used: most numbers are small,
 * but of one or two bytes by chance. to has room for VARINT_MAX bytes. */
static inline uint8_t *put_number(uint8_t *to, uint64_t value)
{
    if (value >> 28)
        return put_varint(to, value);
    const uint32_t v = (uint32_t)value;
    const unsigned more = (31 - (unsigned)__builtin_clz(v | 1)) / 7; /* bytes behind the first */
    uint32_t bytes = (v & 0x7f) | (v & 0x3f80) << 1 | (v & 0x1fc000) << 2 | (v & 0xfe00000) << 3;
    bytes = htole32(bytes | (UINT32_C(0x808080) & ~(UINT32_MAX << 8 * more)));
    memcpy(to, &bytes, sizeof bytes);
    return to + 1 + more;
}

static void put_column(struct writing *w, unsigned column, const uint64_t *values, size_t count)
{
    uint8_t *to = w->end[column];
    uint64_t bits = 0;
    for (size_t i = 0; i < count; i++)
        bits |= values[i];
    w->bits[column] |= bits;
    for (size_t i = 0; i < count && bits >= 0x80; i++)
        to = put_number(to, values[i]);
    for (size_t i = 0; i < count && bits < 0x80; i++)
        *to++ = (uint8_t)values[i];
    w->end[column] = to;
}

/* The keys that begin in the batch, and in how many slots those are that end there. */
static void put_keys(struct writing *w, struct batch *b, const struct ds_chunk_cell *cells,
                     size_t count)
{
    size_t begun = 0, ended = 0;
    for (size_t i = 0; i < count; i++) {
        const struct ds_chunk_cell *c = &cells[i];
        if (w->key_cells > 0 && c->key == w->key) {
            b->of[DS_CHUNK_SLOT][i] = c->slot - w->slot - 1;
        } else {
            const uint64_t number = number_of(c->key);
            assert(number >= w->least_number);
            if (w->key_cells > 0)
                b->of[DS_CHUNK_SLOTS][ended++] = w->key_cells - 1;
            b->of[DS_CHUNK_KEY][begun++] = number - w->least_number;
            b->of[DS_CHUNK_SLOT][i] = c->slot;
            w->least_number = number + 1;
            w->key = c->key;
            w->key_cells = 0;
        }
        w->key_cells++;
        w->slot = c->slot;
    }
    w->keys += begun;
    put_column(w, DS_CHUNK_KEY, b->of[DS_CHUNK_KEY], begun);
    put_column(w, DS_CHUNK_SLOTS, b->of[DS_CHUNK_SLOTS], ended);
}

static unsigned bit_length(uint64_t value)
{
    return 64 - (unsigned)__builtin_clzll(value | 1);
}

/* The forms with the smaller numbers. A minute has hardly any repeats, an hour few sources of a
 * port; of most ports nearly all packets are of survey scanners, of others none. A sample tells it:
 * either form can hold all. */
static unsigned choose_forms(const struct ds_chunk_cell *cells, size_t count)
{
    uint64_t repeats = 0, sources = 0, survey = 0, others = 0;
    bool has_sources = true;
    for (size_t i = 0; i < count; i++)
        has_sources &= cells[i].sources_peak > 0;
    for (size_t i = 0; i < count; i += FORM_SAMPLE) {
        const struct ds_chunk_cell *c = &cells[i];
        repeats += bit_length(c->packets - c->windows + 1 - c->sources_peak);
        sources += bit_length(c->sources_peak - 1);
        survey += bit_length(c->survey_packets);
        others += bit_length(c->packets - c->survey_packets);
    }
    return (has_sources && sources < repeats ? DS_CHUNK_HAS_SOURCES : 0) |
           (others < survey ? DS_CHUNK_HAS_OTHERS : 0);
}

static void put_batch(struct writing *w, const struct ds_chunk_cell *cells, size_t count,
                      uint32_t windows_max)
{
    struct batch b;
    put_keys(w, &b, cells, count);
    for (size_t i = 0; i < count; i++) {
        const struct ds_chunk_cell *c = &cells[i];
        uint64_t each = c->packets == 1 ? c->bytes : c->bytes / c->packets;
        b.of[DS_CHUNK_PACKETS][i] = c->packets - 1;
        b.of[DS_CHUNK_BYTES][i] = each;
        b.of[DS_CHUNK_REMAINDER][i] = c->bytes - each * c->packets;
        b.of[DS_CHUNK_WINDOWS][i] = lesser(c->packets, windows_max) - c->windows;
        b.of[DS_CHUNK_REPEATS][i] = w->forms & DS_CHUNK_HAS_SOURCES
                                        ? c->sources_peak - 1
                                        : c->packets - c->windows + 1 - c->sources_peak;
        b.of[DS_CHUNK_SURVEY][i] =
            w->forms & DS_CHUNK_HAS_OTHERS ? c->packets - c->survey_packets : c->survey_packets;
        b.of[DS_CHUNK_INEXACT][i] = c->is_inexact;
        b.of[DS_CHUNK_FIRST][i] = c->first;
        b.of[DS_CHUNK_LAST][i] = c->last - c->first;
    }
    for (unsigned column = DS_CHUNK_SLOT; column < DS_CHUNK_COLUMNS; column++)
        put_column(w, column, b.of[column], count);
}

static void put_cells(struct writing *w, const struct ds_chunk_cell *cells, size_t count,
                      uint32_t windows_max)
{
    for (size_t i = 0; i < count; i += DS_CHUNK_BATCH)
        put_batch(w, cells + i, count - i < DS_CHUNK_BATCH ? count - i : DS_CHUNK_BATCH,
                  windows_max);
    const uint64_t last_slots = w->key_cells - 1;
    put_column(w, DS_CHUNK_SLOTS, &last_slots, 1);
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

static size_t column_room(size_t count)
{
    return count * VARINT_MAX + SLACK;
}

static bool set(struct ds_chunk_packer *p, ZSTD_cParameter parameter, int value)
{
    return !ZSTD_isError(ZSTD_CCtx_setParameter(p->zstd, parameter, value));
}

static bool make_room(struct ds_chunk_packer *p, size_t count)
{
    size_t plain = column_room(count);
    size_t packed = HEAD_MAX + DS_CHUNK_COLUMNS * ZSTD_compressBound(plain);
    if (!p->zstd) {
        p->zstd = ZSTD_createCCtx();
        if (!p->zstd || !set(p, ZSTD_c_compressionLevel, ZSTD_LEVEL) ||
            !set(p, ZSTD_c_contentSizeFlag, 0) ||
            (p->is_quick &&
             (!set(p, ZSTD_c_minMatch, QUICK_MATCH) || !set(p, ZSTD_c_hashLog, QUICK_HASH_LOG))))
            return false;
    }
    return reserve(&p->plain, &p->plain_bytes, DS_CHUNK_COLUMNS * plain) &&
           reserve(&p->packed, &p->packed_bytes, packed);
}

/* Packs a column to to. Returns how many bytes that took. */
static size_t pack_column(struct ds_chunk_packer *p, const uint8_t *plain, size_t bytes,
                          uint8_t *to)
{
    size_t packed = ZSTD_compress2(p->zstd, to, ZSTD_compressBound(bytes), plain, bytes);
    if (!ZSTD_isError(packed) && packed < bytes)
        return packed;
    memcpy(to, plain, bytes);
    return bytes;
}

int ds_chunk_pack(struct ds_chunk_packer *p, const struct ds_chunk_cell *cells, size_t count,
                  uint32_t windows_max, const uint8_t **out, size_t *out_bytes)
{
    assert(count > 0 && count <= DS_CHUNK_CELLS_MAX);
    if (!make_room(p, count))
        return -1;
    struct writing w = {.forms = choose_forms(cells, count)};
    for (unsigned i = 0; i < DS_CHUNK_COLUMNS; i++)
        w.begin[i] = w.end[i] = p->plain + i * column_room(count);
    put_cells(&w, cells, count, windows_max);
    /* The columns go behind the longest possible head, then the head right before them. */
    uint8_t head[HEAD_MAX], *head_end = head;
    const uint64_t numbers[NUMBERS] = {w.keys, count, windows_max, w.forms, DS_CHUNK_COLUMNS};
    for (size_t i = 0; i < NUMBERS; i++)
        head_end = put_varint(head_end, numbers[i]);
    uint8_t *body = p->packed + HEAD_MAX, *to = body;
    for (unsigned i = 0; i < DS_CHUNK_COLUMNS; i++) {
        size_t plain = w.bits[i] ? (size_t)(w.end[i] - w.begin[i]) : 0;
        size_t packed = plain ? pack_column(p, w.begin[i], plain, to) : 0;
        to += packed;
        head_end = put_varint(head_end, plain);
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
    uint32_t word;
    memcpy(&word, at, sizeof word); /* SLACK */
    word = le32toh(word);
    uint32_t ends = ~word & (uint32_t)HIGH_BITS;
    if (ends) { /* without a branch on how many bytes it has */
        unsigned bits = (unsigned)__builtin_ctz(ends) + 1;
        word &= UINT32_MAX >> (32 - bits);
        *column = at + bits / 8;
        return (word & 0x7f) | (word >> 1 & 0x3f80) | (word >> 2 & 0x1fc000) |
               (word >> 3 & 0xfe00000);
    }
    uint64_t value = *at & 0x7f;
    for (unsigned shift = 7; *at++ >= 0x80; shift += 7)
        value |= (uint64_t)(*at & 0x7f) << (shift & 63);
    *column = at;
    return value;
}

/* The next of a column, in room or, where all are 0, elsewhere. Most numbers are of one byte, and
 * so are most of their neighbours. */
static const uint64_t *take_many(const uint8_t **column, uint64_t room[static DS_CHUNK_BATCH],
                                 size_t count)
{
    static const uint64_t zeros[DS_CHUNK_BATCH];
    const uint8_t *at = *column;
    size_t i = 0;
    if (!at)
        return zeros;
    while (i < count) {
        uint64_t word;
        memcpy(&word, at, sizeof word); /* SLACK */
        if (count - i >= sizeof word && !(word & HIGH_BITS)) {
            for (size_t k = 0; k < sizeof word; k++)
                room[i + k] = at[k];
            at += sizeof word;
            i += sizeof word;
            continue;
        }
        size_t end = count - i < sizeof word ? count : i + sizeof word;
        while (i < end)
            room[i++] = take(&at);
    }
    *column = at;
    return room;
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
    uint64_t keys, cells, windows_max, forms, columns;
    uint64_t plain[DS_CHUNK_COLUMNS], packed[DS_CHUNK_COLUMNS];
    size_t plain_sum;
};

static bool take_sizes(const uint8_t **at, const uint8_t *end, struct sizes *s)
{
    uint64_t packed_sum = 0;
    if (!take_varint(at, end, DS_CHUNK_CELLS_MAX, &s->keys) ||
        !take_varint(at, end, DS_CHUNK_CELLS_MAX, &s->cells) || s->keys == 0 ||
        s->cells < s->keys || !take_varint(at, end, UINT32_MAX, &s->windows_max) ||
        !take_varint(at, end, DS_CHUNK_HAS_SOURCES | DS_CHUNK_HAS_OTHERS, &s->forms) ||
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
    c->place = (struct ds_chunk_place){0};
    c->batch_at = c->batch_count = 0;
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
    c->windows_max = (uint32_t)s.windows_max;
    c->forms = (unsigned)s.forms;
    c->place =
        (struct ds_chunk_place){.keys_left = s.keys, .cells_left = s.cells, .is_first_key = true};
    return 0;
}

/* Begins a key; its cells are at most those that are left. False where it cannot be. */
static inline bool begin_key(struct ds_chunk_place *p, uint64_t above, uint64_t slots)
{
    if (above >= NUMBER_MAX - p->least_number || slots >= DS_CHUNK_SLOTS_MAX ||
        slots >= p->cells_left)
        return false;
    const uint64_t number = p->least_number + above;
    p->least_number = number + 1;
    p->is_first_key = false;
    p->keys_left--;
    p->key = key_of(number);
    p->slot = 0;
    p->key_cells_left = slots + 1;
    return true;
}

static inline bool next_key(struct ds_chunk *c, struct ds_chunk_place *p)
{
    if (p->keys_left == 0)
        return false;
    uint64_t above = take(&c->at[DS_CHUNK_KEY]), slots = take(&c->at[DS_CHUNK_SLOTS]);
    return begin_key(p, above, slots);
}

void ds_chunk_seek(struct ds_chunk *c, uint64_t key)
{
    struct ds_chunk_place *p = &c->place;
    while (c->batch_at < c->batch_count && c->batch[c->batch_at].key < key)
        c->batch_at++;
    if (c->batch_at < c->batch_count)
        return;
    size_t skipped = 0, left = p->cells_left;
    bool is_good = true;
    while (is_good && p->cells_left > 0 && (p->is_first_key || p->key < key)) {
        skipped += p->key_cells_left;
        p->cells_left -= p->key_cells_left;
        p->key_cells_left = 0;
        is_good = p->cells_left == 0 || next_key(c, p);
    }
    if (!is_good) { /* ds_chunk_next will say so */
        p->keys_left = p->key_cells_left = 0;
        p->cells_left = 1;
        return;
    }
    if (skipped > 0 && skipped < left)
        for (unsigned i = DS_CHUNK_SLOT; i < DS_CHUNK_COLUMNS; i++)
            step_over(&c->at[i], skipped);
}

/* repeats and survey: as they are stored. */
static bool is_possible(const struct ds_chunk_cell *cell, uint64_t bytes_each, uint64_t remainder,
                        uint64_t repeats, uint64_t survey)
{
    const uint64_t most_sources = cell->packets - cell->windows + 1;
    return cell->packets <= DS_CHUNK_COUNT_MAX && remainder < cell->packets &&
           (bytes_each < UINT32_MAX && cell->packets < DS_CHUNK_COUNT_MAX >> 32
                ? true
                : bytes_each <= DS_CHUNK_COUNT_MAX / cell->packets) &&
           repeats <= most_sources && cell->sources_peak <= most_sources && survey <= cell->packets;
}

/* False where the figures cannot be. of: the columns of the batch. */
static inline bool make_cell(const struct ds_chunk *c, struct ds_chunk_place *p,
                             const uint64_t *const of[static DS_CHUNK_COLUMNS], size_t i,
                             struct ds_chunk_cell *cell)
{
    uint64_t slot = p->slot + of[DS_CHUNK_SLOT][i];
    uint64_t packets = of[DS_CHUNK_PACKETS][i] + 1;
    uint64_t windows_below = of[DS_CHUNK_WINDOWS][i];
    uint64_t windows_most = lesser(packets, c->windows_max);
    if (slot >= DS_CHUNK_SLOTS_MAX || packets == 0 || windows_below >= windows_most)
        return false;
    uint64_t bytes_each = of[DS_CHUNK_BYTES][i], remainder = of[DS_CHUNK_REMAINDER][i];
    uint64_t repeats = of[DS_CHUNK_REPEATS][i], survey = of[DS_CHUNK_SURVEY][i];
    uint32_t first = (uint32_t)of[DS_CHUNK_FIRST][i];
    struct ds_chunk_cell made = {
        .key = p->key,
        .slot = (uint32_t)slot,
        .packets = packets,
        .windows = (uint32_t)(windows_most - windows_below),
        .bytes = bytes_each * packets + remainder,
        .survey_packets = c->forms & DS_CHUNK_HAS_OTHERS ? packets - survey : survey,
        .is_inexact = of[DS_CHUNK_INEXACT][i] != 0,
        .first = first,
        .last = first + (uint32_t)of[DS_CHUNK_LAST][i],
    };
    made.sources_peak =
        c->forms & DS_CHUNK_HAS_SOURCES ? repeats + 1 : packets - made.windows + 1 - repeats;
    *cell = made;
    p->slot = (uint32_t)slot + 1;
    p->key_cells_left--;
    p->cells_left--;
    return is_possible(&made, bytes_each, remainder, repeats, survey);
}

int ds_chunk_refill(struct ds_chunk *c)
{
    struct batch room;
    const uint64_t *of[DS_CHUNK_COLUMNS];
    struct ds_chunk_place p = c->place; /* in registers: each cell waits for the one before */
    const size_t count = p.cells_left < DS_CHUNK_BATCH ? p.cells_left : DS_CHUNK_BATCH;
    c->batch_at = c->batch_count = 0;
    if (count == 0)
        return 0;
    for (unsigned i = DS_CHUNK_SLOT; i < DS_CHUNK_COLUMNS; i++)
        of[i] = take_many(&c->at[i], room.of[i], count);
    /* Where each key has one slot they are read together, too. */
    const bool is_single = !c->at[DS_CHUNK_SLOTS] && p.key_cells_left == 0 && p.keys_left >= count;
    if (is_single)
        of[DS_CHUNK_KEY] = take_many(&c->at[DS_CHUNK_KEY], room.of[DS_CHUNK_KEY], count);
    for (size_t i = 0; i < count; i++) {
        bool is_good = is_single ? begin_key(&p, of[DS_CHUNK_KEY][i], 0)
                                 : p.key_cells_left > 0 || next_key(c, &p);
        if (!is_good || !make_cell(c, &p, of, i, &c->batch[i])) {
            c->place.cells_left = 0; /* the columns are behind the batch */
            return -1;
        }
    }
    c->place = p;
    c->batch_count = count;
    return 1;
}

void ds_chunk_finish(struct ds_chunk *c)
{
    ZSTD_freeDCtx(c->zstd);
    free(c->plain);
    *c = (struct ds_chunk){0};
}
