/* SPDX-License-Identifier: Apache-2.0
 *
 * Packed cells: what goes in comes out, from any key on; the dump of docs/storage.md (STORAGE_MD)
 * is one; no damage is taken for figures, and none is read beyond its end.
 */
#include "store/chunk.h"

#include "crc32c.h"
#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CELLS     3000
#define LINE_ROOM 512
#define DUMP_ROOM 512
#define SUM_AT    1
#define BODY_AT   5

/* Chunks of all forms: with few sources, with packets nearly all of survey scanners. */
static struct ds_chunk_cell random_cell(uint64_t *random, uint64_t seed, uint64_t key,
                                        uint32_t slot)
{
    const bool has_few_sources = seed & 1, is_of_survey = seed & 2;
    uint64_t packets = 1 + sample_random(random) % (sample_random(random) % 9 ? 5 : 1 << 30);
    uint64_t most = packets < 60 ? packets : 60;
    struct ds_chunk_cell c = {
        .key = key,
        .slot = slot,
        .packets = packets,
        .windows = 1 + (uint32_t)(sample_random(random) % most),
        .bytes = packets * (40 + sample_random(random) % 20) + sample_random(random) % packets,
        .survey_packets = packets - sample_random(random) % (is_of_survey ? 2 : packets + 1),
        .is_inexact = sample_random(random) % 7 == 0,
        .first = (uint32_t)(sample_random(random) % 60) * 60,
    };
    c.last = c.first + (uint32_t)(sample_random(random) % 10) * 60;
    c.sources_peak = sample_random(random) % (packets - c.windows + 2);
    if (has_few_sources)
        c.sources_peak = c.sources_peak > 2 ? 2 : 1;
    return c;
}

/* Keys of random distances, each in one or several slots; of some seeds, all in one. */
static size_t make_cells(uint64_t seed, struct ds_chunk_cell cells[static CELLS])
{
    uint64_t random = seed, key = 0;
    size_t count = 0;
    while (count < CELLS - DS_CHUNK_SLOTS_MAX) {
        key += 1 + sample_random(&random) % (sample_random(&random) % 20 ? 3 : 90000);
        uint64_t full = (key << 16) & ((UINT64_C(1) << 41) - 1);
        if (count > 0 && full <= cells[count - 1].key)
            break;
        for (uint32_t slot = 0; slot < (seed & 4 ? 1 : 24); slot++)
            if (sample_random(&random) % 6 == 0)
                cells[count++] = random_cell(&random, seed, full, slot);
    }
    return count;
}

static void assert_same(const struct ds_chunk_cell *a, const struct ds_chunk_cell *b)
{
    assert_true(a->key == b->key);
    assert_int_equal(a->slot, b->slot);
    assert_int_equal(a->windows, b->windows);
    assert_int_equal(a->first, b->first);
    assert_int_equal(a->last, b->last);
    assert_true(a->packets == b->packets);
    assert_true(a->bytes == b->bytes);
    assert_true(a->survey_packets == b->survey_packets);
    assert_true(a->sources_peak == b->sources_peak);
    assert_int_equal(a->is_inexact, b->is_inexact);
}

static void gives_back_what_was_packed(void **state)
{
    static struct ds_chunk_cell cells[CELLS];
    struct ds_chunk_packer packer = {0};
    struct ds_chunk chunk = {0};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        const uint8_t *bytes;
        size_t size, count = make_cells(seed, cells);
        const char *why;
        const struct ds_chunk_cell *cell = NULL;
        assert_true(count > 10);
        assert_int_equal(ds_chunk_pack(&packer, cells, count, 60, &bytes, &size), 0);
        assert_int_equal(ds_chunk_open(&chunk, bytes, size, &why), 0);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(ds_chunk_next(&chunk, &cell), 1);
            assert_same(cell, &cells[i]);
        }
        assert_int_equal(ds_chunk_next(&chunk, &cell), 0);
        for (size_t from = 0; from < count; from += 37) { /* in steps, and beyond the end */
            assert_int_equal(ds_chunk_open(&chunk, bytes, size, &why), 0);
            size_t first = from;
            while (first > 0 && cells[first - 1].key == cells[from].key)
                first--;
            ds_chunk_seek(&chunk, cells[from].key);
            for (size_t i = first; i < count && i < first + 40; i++) {
                assert_int_equal(ds_chunk_next(&chunk, &cell), 1);
                assert_same(cell, &cells[i]);
            }
            ds_chunk_seek(&chunk, cells[count - 1].key + 1);
            assert_int_equal(ds_chunk_next(&chunk, &cell), 0);
        }
    }
    ds_chunk_packer_finish(&packer);
    ds_chunk_finish(&chunk);
}

static void takes_the_largest_figures(void **state)
{
    struct ds_chunk_packer packer = {0};
    struct ds_chunk chunk = {0};
    const struct ds_chunk_cell cells[] = {
        {.key = 0, .packets = 1, .windows = 1, .sources_peak = 1},
        {.key = UINT64_C(0x2ffffffff5a5a),
         .slot = 31,
         .packets = DS_CHUNK_COUNT_MAX,
         .windows = 86400,
         .bytes = DS_CHUNK_COUNT_MAX,
         .survey_packets = DS_CHUNK_COUNT_MAX},
    };
    const uint8_t *bytes;
    const char *why;
    size_t size;
    const struct ds_chunk_cell *cell = NULL;
    assert_int_equal(ds_chunk_pack(&packer, cells, 1, 86400, &bytes, &size), 0);
    assert_int_equal(ds_chunk_open(&chunk, bytes, size, &why), 0);
    assert_int_equal(ds_chunk_next(&chunk, &cell), 1);
    assert_same(cell, &cells[0]);
    struct ds_chunk_cell largest = cells[1];
    largest.key = UINT64_C(0x2ffffff5a5a); /* class 2, protocol 255, port 65535, ZZ */
    assert_int_equal(ds_chunk_pack(&packer, &largest, 1, 86400, &bytes, &size), 0);
    assert_int_equal(ds_chunk_open(&chunk, bytes, size, &why), 0);
    assert_int_equal(ds_chunk_next(&chunk, &cell), 1);
    assert_same(cell, &largest);
    ds_chunk_packer_finish(&packer);
    ds_chunk_finish(&chunk);
}

static void set_sum(uint8_t *bytes, size_t size)
{
    uint32_t sum = ds_crc32c(bytes + BODY_AT, size - BODY_AT);
    for (int i = 0; i < 4; i++)
        bytes[SUM_AT + i] = (uint8_t)(sum >> (8 * i));
}

/* Reads to the end, whatever it is; in memory of its exact size, for the sanitizer. */
static int read_all(struct ds_chunk *chunk, const uint8_t *bytes, size_t size)
{
    const char *why;
    const struct ds_chunk_cell *cell = NULL;
    uint8_t *exact = malloc(size + 1);
    assert_non_null(exact);
    memcpy(exact, bytes, size);
    int result = ds_chunk_open(chunk, exact, size, &why);
    free(exact);
    while (result == 0) {
        int got = ds_chunk_next(chunk, &cell);
        if (got < 0) /* nor does it read on where it is asked again */
            assert_int_equal(ds_chunk_next(chunk, &cell), 0);
        if (got <= 0)
            return got;
        assert_true(cell->packets > 0 && cell->windows > 0 && cell->windows <= cell->packets);
        assert_true(cell->sources_peak <= cell->packets && cell->survey_packets <= cell->packets);
    }
    return result;
}

static void refuses_what_is_damaged(void **state)
{
    static struct ds_chunk_cell cells[CELLS];
    struct ds_chunk_packer packer = {0};
    struct ds_chunk chunk = {0};
    const uint8_t *bytes;
    size_t size, count = make_cells(5, cells);
    assert_int_equal(ds_chunk_pack(&packer, cells, count < 200 ? count : 200, 60, &bytes, &size),
                     0);
    uint8_t *copy = malloc(size);
    assert_non_null(copy);
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(read_all(&chunk, bytes, cut), 1);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        memcpy(copy, bytes, size);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(read_all(&chunk, copy, size), 1);
        set_sum(copy, size); /* as somebody would who means it: no more than wrong figures */
        read_all(&chunk, copy, size);
    }
    for (size_t cut = BODY_AT + 1; cut < size; cut++) {
        memcpy(copy, bytes, cut);
        set_sum(copy, cut);
        assert_true(read_all(&chunk, copy, cut) != 0);
    }
    free(copy);
    ds_chunk_packer_finish(&packer);
    ds_chunk_finish(&chunk);
}

/* ---- the document ---- */

/* Two hours of Telnet, and DNS answers in the first of them. */
static const struct ds_chunk_cell shown[] = {
    {.key = UINT64_C(0x600170000),
     .slot = 9,
     .windows = 2,
     .packets = 5,
     .bytes = 202,
     .sources_peak = 3,
     .survey_packets = 1},
    {.key = UINT64_C(0x600170000),
     .slot = 10,
     .windows = 1,
     .packets = 1,
     .bytes = 40,
     .sources_peak = 1},
    {.key = UINT64_C(0x11100350000),
     .slot = 9,
     .windows = 1,
     .packets = 1,
     .bytes = 300,
     .sources_peak = 1,
     .is_inexact = true},
};

/* The bytes of the block that begins with ```hexdump chunk. */
static size_t read_dump(unsigned char to[static DUMP_ROOM])
{
    const char *path = getenv("STORAGE_MD");
    assert_non_null(path);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char line[LINE_ROOM];
    size_t n = 0;
    bool inside = false;
    while (fgets(line, sizeof line, file)) {
        unsigned byte;
        int length;
        if (inside && strncmp(line, "```", 3) == 0)
            break;
        const char *at = line + 8;
        for (int i = 0; inside && i < 16 && sscanf(at, " %2x%n", &byte, &length) == 1; i++) {
            assert_true(n < DUMP_ROOM);
            to[n++] = (unsigned char)byte;
            at += length;
        }
        inside |= strcmp(line, "```hexdump chunk\n") == 0;
    }
    fclose(file);
    return n;
}

static void is_what_the_document_shows(void **state)
{
    unsigned char dump[DUMP_ROOM];
    struct ds_chunk_packer packer = {0};
    const uint8_t *bytes;
    size_t size, shown_bytes = read_dump(dump);
    assert_int_equal(ds_chunk_pack(&packer, shown, 3, 60, &bytes, &size), 0);
    assert_int_equal(size, shown_bytes);
    assert_memory_equal(bytes, dump, size);
    ds_chunk_packer_finish(&packer);
}

static void sums_as_rfc_3720_does(void **state)
{
    unsigned char bytes[32] = {0}, random_bytes[200];
    uint64_t random = 1;
    assert_int_equal(ds_crc32c("123456789", 9), 0xe3069283);
    assert_int_equal(ds_crc32c(bytes, sizeof bytes), 0x8a9136aa);
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)i;
    assert_int_equal(ds_crc32c(bytes, sizeof bytes), 0x46dd794e);
    assert_int_equal(ds_crc32c(bytes, 0), 0);
    for (size_t i = 0; i < sizeof random_bytes; i++)
        random_bytes[i] = (unsigned char)sample_random(&random);
    for (size_t i = 0; i < sizeof random_bytes; i++)
        assert_int_equal(ds_crc32c(random_bytes, i), ds_crc32c_plain(random_bytes, i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_what_was_packed), cmocka_unit_test(takes_the_largest_figures),
        cmocka_unit_test(refuses_what_is_damaged),    cmocka_unit_test(is_what_the_document_shows),
        cmocka_unit_test(sums_as_rfc_3720_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
