/* SPDX-License-Identifier: Apache-2.0
 *
 * The columns of a window's cells: bytes that spell none, frames that lie about their size.
 */
#include "columns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include <cmocka.h>

#define S(literal) literal, sizeof(literal) - 1

static enum ds_decode unpack(const void *bytes, size_t size, const char **why)
{
    struct ds_cell *cells = NULL;
    size_t n = 0;
    *why = NULL;
    enum ds_decode result = ds_columns_unpack(bytes, size, &cells, &n, why);
    assert_true((result == DS_DECODE_OK) == (cells != NULL));
    free(cells);
    return result;
}

static void refuses_columns_that_cannot_be(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *why;
    } cases[] = {
        {S(""), "columns: they end early"},
        {S("\x80"), "columns: they end early"},
        {S("\x01"), "columns: more rows than bytes"},
        {S("\x02\x00\x00\x00\x00\x00\x00"), "columns: more rows than bytes"},
        {S("\x81\x80\x80\x04"), "columns: a value is out of range"}, /* 8 Mi + 1 cells */
        {S("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"), "columns: a value is out of range"},
        {S("\x00\x00"), "columns: bytes behind the last"},
        {S("\x01\x00\x01\x00\x00\x00\x00"), "cells: not a country"},
        {S("\x01\xbf\x7e\x00\x00\x00\x00\x00"), "cells: a cell without packets"},
        {S("\x01\xbf\x7e\x01\x28\x01\x00\x00"), "columns: a value is out of range"}, /* remainder */
        {S("\x01\xbf\x7e\x01\x28\x00\x02\x00"), "columns: a value is out of range"}, /* repeats */
        {S("\x01\xbf\x7e\x01\x28\x00\x00\x02"), "columns: a value is out of range"}, /* survey */
        {S("\x01\xbf\x7e\x81\x80\x80\x80\x80\x80\x80\x10\x28\x00\x00\x00"),
         "columns: a value is out of range"}, /* 2^53 + 1 packets */
        {S("\x01\xbf\x7e\x80\x80\x80\x80\x80\x80\x80\x10\x02\x00\x00\x00"),
         "columns: a value is out of range"}, /* 2^54 bytes */
        {S("\x02\xbf\x7e\xff\xff\x03\x01\x80\x80\x80\x80\x80\x80\x80\x10\x01\x01\x00\x00\x00\x00"
           "\x00\x00"),
         "cells: their sum is out of range"},
        {S("\x01\xbf\xfe\x80\x80\x80\x60\x01\x00\x00\x00\x00"),
         "columns: a value is out of range"}, /* class 3 */
        {S("\x01\xbf\x7e\x01\x28\x00\x00"), "columns: they end early"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned char frame[256];
        size_t size = ZSTD_compress(frame, sizeof frame, cases[i].bytes, cases[i].size, 1);
        assert_false(ZSTD_isError(size));
        const char *why;
        assert_int_equal(unpack(frame, size, &why), DS_DECODE_MALFORMED);
        assert_string_equal(why, cases[i].why);
    }
    unsigned char frame[64];
    const char *why;
    size_t size = ZSTD_compress(frame, sizeof frame, S("\x01\xbf\x7e\x01\x28\x00\x00\x01"), 1);
    assert_int_equal(unpack(frame, size, &why), DS_DECODE_OK);
}

static void refuses_frames_that_lie(void **state)
{
    const char *why;
    static const struct {
        const char *bytes;
        size_t size;
    } liars[] = {
        {S("")},
        {S("not zstd")},
        {S("\x28\xb5\x2f\xfd")},
        {S("\x28\xb5\x2f\xfd\x00\x00\x01\x00\x00")},                         /* no size */
        {S("\x28\xb5\x2f\xfd\xe0\xff\xff\xff\xff\xff\xff\xff\xff\x01\0\0")}, /* 2^64 - 1 */
        {S("\x28\xb5\x2f\xfd\xe0\x00\x00\x00\x20\0\0\0\0\x01\0\0")}, /* 512 MB in 16 bytes */
    };
    for (size_t i = 0; i < sizeof liars / sizeof liars[0]; i++) {
        assert_int_equal(unpack(liars[i].bytes, liars[i].size, &why), DS_DECODE_MALFORMED);
        assert_string_equal(why, "columns: not a zstd frame of an acceptable size");
    }
    /* Says 2 bytes and holds 1. */
    assert_int_equal(unpack(S("\x28\xb5\x2f\xfd\x20\x02\x09\x00\x00\x00"), &why),
                     DS_DECODE_MALFORMED);
    assert_string_equal(why, "columns: damaged zstd frame");
}

/* A frame that ends in a damaged block is refused for what stands in front: the rest, however much
 * it claims to be, is not unpacked. */
static void unpacks_no_more_than_it_needs(void **state)
{
    enum { BLOCKS = 4096, HEAD = 10, BLOCK = 4 };
    static unsigned char frame[HEAD + BLOCKS * BLOCK] =
        "\x28\xb5\x2f\xfd\x80\x38\x00\x00\x00\x20"; /* 512 MB */
    for (size_t i = 0; i < BLOCKS; i++)
        memcpy(&frame[HEAD + i * BLOCK], "\x02\x00\x10\x00", BLOCK); /* 128 KB of zeros */
    frame[sizeof frame - BLOCK] = 0x07; /* the last one, of a kind that does not exist */
    const char *why;
    assert_int_equal(unpack(frame, sizeof frame, &why), DS_DECODE_MALFORMED);
    assert_string_equal(why, "columns: bytes behind the last");
}

/* So much of it would have to be kept in memory while it is unpacked. */
static void refuses_a_frame_that_looks_back_too_far(void **state)
{
    /* 64 KB of zeros, more than a piece; byte 5 says how far. */
    unsigned char frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x80, 0, 0, 0, 1, 0, 3, 0, 8, 0};
    const char *why;
    frame[5] = 13 << 3; /* 8 MB */
    assert_int_equal(unpack(frame, sizeof frame, &why), DS_DECODE_MALFORMED);
    assert_string_equal(why, "columns: bytes behind the last");
    frame[5] = 14 << 3; /* 16 MB */
    assert_int_equal(unpack(frame, sizeof frame, &why), DS_DECODE_MALFORMED);
    assert_string_equal(why, "columns: not a zstd frame of an acceptable size");
}

/* Real traffic can be as regular as this, so no ratio of sizes tells a bomb from a window. */
static void one_source_through_all_ports_is_no_bomb(void **state)
{
    enum { PORTS = 65536 };
    struct ds_cell *cells = calloc(PORTS, sizeof *cells), *again = NULL;
    assert_non_null(cells);
    for (size_t i = 0; i < PORTS; i++)
        cells[i] = (struct ds_cell){.proto = 6,
                                    .port = (uint16_t)i,
                                    .country = 'N' << 8 | 'L',
                                    .packets = 1,
                                    .bytes = 40,
                                    .sources = 1};
    unsigned char *packed;
    size_t size, n = 0;
    const char *why = NULL;
    assert_int_equal(ds_columns_pack(cells, PORTS, &packed, &size), 0);
    assert_true(size < PORTS * 8 / 1000);
    assert_int_equal(ds_columns_unpack(packed, size, &again, &n, &why), DS_DECODE_OK);
    assert_int_equal(n, PORTS);
    for (size_t i = 0; i < PORTS; i++)
        assert_true(ds_cell_key(&again[i]) == ds_cell_key(&cells[i]) && again[i].bytes == 40);
    free(packed);
    free(again);
    free(cells);
}

/* 64 MB of zeros in 8 KB: it says 0 cells, so nothing is allocated for them; 8 million of key 0
 * would be no country. */
static void survives_a_bomb(void **state)
{
    size_t raw_size = 64u << 20, room = ZSTD_compressBound(raw_size);
    unsigned char *raw = calloc(raw_size, 1), *frame = malloc(room);
    assert_non_null(raw);
    assert_non_null(frame);
    const char *why;
    size_t size = ZSTD_compress(frame, room, raw, raw_size, 1);
    assert_true(size < 10000);
    assert_int_equal(unpack(frame, size, &why), DS_DECODE_MALFORMED);
    assert_string_equal(why, "columns: bytes behind the last");
    memcpy(raw, "\x80\x80\x80\x04", 4);
    size = ZSTD_compress(frame, room, raw, raw_size, 1);
    assert_int_equal(unpack(frame, size, &why), DS_DECODE_MALFORMED);
    assert_string_equal(why, "cells: not a country");
    free(raw);
    free(frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_columns_that_cannot_be),
        cmocka_unit_test(refuses_frames_that_lie),
        cmocka_unit_test(survives_a_bomb),
        cmocka_unit_test(unpacks_no_more_than_it_needs),
        cmocka_unit_test(refuses_a_frame_that_looks_back_too_far),
        cmocka_unit_test(one_source_through_all_ports_is_no_bomb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
