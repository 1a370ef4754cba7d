/* SPDX-License-Identifier: Apache-2.0
 *
 * A database that divides more /24 networks among countries than there are blocks for: the rest is
 * asked from the database, with the same answers.
 */
#include "geo.h"
#include "packets.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* 0.0.0.0/7 with a node for each of its /24, whose halves are two countries. */
#define CHAIN   7
#define LEVELS  17
#define SPLIT   (1u << LEVELS)
#define NODES   (CHAIN + 2 * SPLIT - 1)
#define RECORD  (NODES + 16) /* where the data begin, as a tree's record says it */
#define DATA_AA 0u
#define DATA_BB 17u
#define BLOCKS  (DS_GEO_ASK - DS_GEO_BLOCKS)

static uint8_t *put_node(uint8_t *at, uint32_t left, uint32_t right)
{
    const uint32_t records[] = {left, right};
    for (int i = 0; i < 2; i++) {
        *at++ = (uint8_t)(records[i] >> 16);
        *at++ = (uint8_t)(records[i] >> 8);
        *at++ = (uint8_t)records[i];
    }
    return at;
}

/* The nodes below the chain are numbered like a heap from 1 on. */
static uint8_t *put_tree(uint8_t *at)
{
    for (uint32_t i = 0; i < CHAIN; i++)
        at = put_node(at, i + 1, NODES);
    for (uint32_t heap = 1; heap < 2 * SPLIT; heap++) {
        if (heap < SPLIT)
            at = put_node(at, CHAIN - 1 + 2 * heap, CHAIN + 2 * heap);
        else
            at = put_node(at, RECORD + DATA_AA, RECORD + DATA_BB);
    }
    return at;
}

static void put_text(struct bytes *b, const char *text)
{
    put_number(b, 0x40 | strlen(text), 1);
    put(b, text, strlen(text));
}

static void put_country(struct bytes *b, const char *code)
{
    put_hex(b, "e1");
    put_text(b, "country_code");
    put_text(b, code);
}

static void put_metadata(struct bytes *b)
{
    put_hex(b, "abcdef");
    put(b, "MaxMind.com", 11);
    put_hex(b, "e9");
    put_text(b, "binary_format_major_version");
    put_hex(b, "a102");
    put_text(b, "binary_format_minor_version");
    put_hex(b, "a0");
    put_text(b, "build_epoch");
    put_hex(b, "0402 6a1d0000");
    put_text(b, "database_type");
    put_text(b, "Many");
    put_text(b, "description");
    put_hex(b, "e0");
    put_text(b, "ip_version");
    put_hex(b, "a104");
    put_text(b, "languages");
    put_hex(b, "0104");
    put_text(b, "en");
    put_text(b, "node_count");
    put_hex(b, "c4");
    put_number(b, NODES, 4);
    put_text(b, "record_size");
    put_hex(b, "a118");
}

static int make_database(void)
{
    uint8_t *whole = calloc(1, NODES * 6 + 4096);
    struct bytes rest = {.count = 0};
    assert_non_null(whole);
    uint8_t *at = put_tree(whole);
    assert_ptr_equal(at, whole + (size_t)NODES * 6);
    put_zeros(&rest, 16);
    put_country(&rest, "AA");
    assert_int_equal(rest.count, 16 + DATA_BB);
    put_country(&rest, "BB");
    put_metadata(&rest);
    memcpy(at, rest.data, rest.count);
    size_t size = (size_t)NODES * 6 + rest.count;
    int fd = memfd_create("many", MFD_CLOEXEC);
    assert_int_equal(write(fd, whole, size), (ssize_t)size);
    free(whole);
    return fd;
}

static void test_more_than_blocks(void **state)
{
    const uint16_t aa = ds_geo_index(DS_COUNTRY('A', 'A')), bb = ds_geo_index(DS_COUNTRY('B', 'B'));
    int fd = make_database();
    char path[32];
    struct ds_geo *g;
    struct ds_error err;
    uint32_t asked = 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (ds_geo_create(path, &g, &err))
        fail_msg("%s", err.text);
    for (uint32_t i = 0; i < SPLIT; i++) {
        asked += g->flat[i] == DS_GEO_ASK;
        assert_int_equal(ds_geo_find4(g, i << 8), aa);
        assert_int_equal(ds_geo_find4(g, i << 8 | 127), aa);
        assert_int_equal(ds_geo_find4(g, i << 8 | 128), bb);
        assert_int_equal(ds_geo_find4(g, i << 8 | 255), bb);
    }
    assert_int_equal(ds_geo_find4(g, SPLIT << 8), DS_GEO_UNKNOWN);
    assert_int_equal(g->block_count, BLOCKS); /* all that there can be */
    assert_int_equal(asked, SPLIT - BLOCKS);
    assert_string_equal(g->name, "Many 2026-06");
    ds_geo_destroy(g);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_more_than_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
