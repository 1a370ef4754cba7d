/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages of the live feed: what is written is what is checked, and nothing else passes.
 */
#include "darkscope/live.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct message {
    unsigned char *bytes;
    size_t size;
};

static struct ds_sample made[DS_LIVE_ROWS_MAX];

static struct message samples(size_t rows)
{
    struct message m;
    for (size_t i = 0; i < rows; i++)
        made[i] = (struct ds_sample){
            .offset_ms = (uint32_t)i,
            .source = 0xc0000200,
            .source_id = UINT32_MAX,
            .signatures = 5,
            .weight = 1,
            .position = UINT16_MAX,
            .port = 23,
            .source_port = 40000,
            .destination_port = 23,
            .country = i % 2 ? DS_COUNTRY('J', 'P') : DS_COUNTRY_UNKNOWN,
            .type = DS_TYPE_COUNT - 1,
            .cls = DS_CLASS_COUNT - 1,
            .device = DS_DEVICE_COUNT - 1,
            .proto = 6,
        };
    assert_int_equal(
        ds_live_encode_samples("east", INT64_C(1800000000000), made, rows, &m.bytes, &m.size), 0);
    return m;
}

static struct message pulse(void)
{
    const struct ds_pulse p = {.time_s = 1800000000,
                               .counts = {.types = {1, 2, 3}, .outside = 4, .malformed = 5},
                               .sampled = 6};
    struct message m;
    assert_int_equal(ds_live_encode_pulse("west", &p, &m.bytes, &m.size), 0);
    return m;
}

static void test_own_messages_pass(void **state)
{
    struct ds_live_message read;
    size_t rows[] = {1, 2, DS_LIVE_ROWS_MAX};
    for (int i = 0; i < 3; i++) {
        struct message m = samples(rows[i]);
        assert_in_range(m.size, 1, DS_LIVE_MESSAGE_MAX);
        assert_null(ds_live_decode(m.bytes, m.size, &read));
        assert_string_equal(read.sensor, "east");
        assert_int_equal(read.time, INT64_C(1800000000000));
        assert_int_equal(read.rows, rows[i]);
        assert_memory_equal(read.samples, made, rows[i] * sizeof made[0]);
        assert_int_equal(read.mark_count, DS_SIGNATURE_COUNT);
        assert_string_equal(read.marks[0], "mirai");
        free(m.bytes);
    }
    struct message m = pulse();
    assert_null(ds_live_decode(m.bytes, m.size, &read));
    assert_string_equal(read.sensor, "west");
    assert_true(read.is_pulse);
    assert_int_equal(read.packets, 6);
    assert_int_equal(read.counts.types[2], 3);
    assert_int_equal(read.counts.outside, 4);
    assert_int_equal(read.counts.malformed, 5);
    assert_int_equal(read.sampled, 6);
    free(m.bytes);
}

/* Cut anywhere, or one byte too long. */
static void test_cut(void **state)
{
    struct ds_live_message read;
    struct message both[] = {samples(3), pulse()};
    for (int i = 0; i < 2; i++) {
        for (size_t size = 0; size < both[i].size; size++) {
            unsigned char *part = malloc(size ? size : 1);
            memcpy(part, both[i].bytes, size);
            assert_non_null(ds_live_decode(part, size, &read));
            free(part);
        }
        unsigned char *longer = calloc(1, both[i].size + 1);
        memcpy(longer, both[i].bytes, both[i].size);
        assert_non_null(ds_live_decode(longer, both[i].size + 1, &read));
        free(longer);
        free(both[i].bytes);
    }
}

/* Replaces bytes that are there once, and expects a refusal. */
static void expect_refused(const char *from, const char *to, size_t bytes)
{
    struct ds_live_message read;
    struct message m = samples(2);
    unsigned char *at = memmem(m.bytes, m.size, from, bytes);
    assert_non_null(at);
    memcpy(at, to, bytes);
    assert_non_null(ds_live_decode(m.bytes, m.size, &read));
    free(m.bytes);
}

static void test_wrong(void **state)
{
    expect_refused("\xa4kind", "\xa4kinD", 5);
    expect_refused("\xa7samples", "\xa7sampleS", 8);
    expect_refused("\xa4"
                   "east",
                   "\xa4"
                   "ea t",
                   5);                                         /* no name */
    expect_refused("\xa4rows\x02", "\xa4rows\x01", 6);         /* columns are longer */
    expect_refused("\xa4type\x92\x09", "\xa4type\x92\x0a", 7); /* no such type */
    expect_refused("\xa5"
                   "class\x92\x02",
                   "\xa5"
                   "class\x92\x03",
                   8);                                                        /* nor class */
    expect_refused("\xa2JP", "\xa2J1", 3);                                    /* nor country */
    expect_refused("\xa7time_ms\xcf\x00\x00", "\xa7time_ms\xcf\x00\x7f", 11); /* after 9999 */
    expect_refused("\xa6weight", "\xa6weigHt", 7); /* a column is missing */
    expect_refused("\xa6weight", "\xa6source", 7); /* and one twice */
}

/* A key of a later version is passed over. */
static void test_later_key(void **state)
{
    static const char pair[] = "\xa5"
                               "later\x93\x01\xa1x\xc0";
    struct ds_live_message read;
    struct message m = pulse();
    unsigned char *longer = malloc(m.size + sizeof pair - 1);
    memcpy(longer, m.bytes, m.size);
    memcpy(longer + m.size, pair, sizeof pair - 1);
    longer[0]++; /* of a map of up to 15 pairs */
    assert_int_equal(longer[0] & 0xf0, 0x80);
    assert_null(ds_live_decode(longer, m.size + sizeof pair - 1, &read));
    free(longer);
    free(m.bytes);
}

/* The bytes of docs/live-feed.md, without the array around the message. */
static void test_document(void **state)
{
    FILE *file = fopen(getenv("LIVE_FEED_MD"), "r");
    char line[256];
    unsigned char bytes[256];
    size_t size = 0;
    struct ds_live_message read;
    assert_non_null(file);
    while (fgets(line, sizeof line, file) && strncmp(line, "88 ", 3) != 0)
        ;
    do {
        unsigned byte;
        int used;
        for (char *at = line; sscanf(at, " %2x%n", &byte, &used) == 1 && used <= 4 &&
                              (at[used] == ' ' || at[used] == '\n');
             at += used)
            bytes[size++] = (unsigned char)byte;
    } while (fgets(line, sizeof line, file) && strncmp(line, "```", 3) != 0);
    fclose(file);
    assert_null(ds_live_decode(bytes, size, &read));
    assert_true(read.is_pulse);
    assert_string_equal(read.sensor, "east");
    assert_int_equal(read.time, 1800000000);
    assert_int_equal(read.packets, 8);
    assert_int_equal(read.counts.types[DS_TYPE_TCP_SYN], 5);
    assert_int_equal(read.counts.types[DS_TYPE_UDP], 2);
    assert_int_equal(read.counts.outside, 3);
    unsigned char *again;
    size_t again_size;
    const struct ds_pulse pulse = {read.time, read.counts, read.sampled};
    assert_int_equal(ds_live_encode_pulse("east", &pulse, &again, &again_size), 0);
    assert_int_equal(again_size, size);
    assert_memory_equal(again, bytes, size);
    free(again);
}

static void test_too_long(void **state)
{
    struct ds_live_message read;
    unsigned char *bytes = calloc(1, DS_LIVE_MESSAGE_MAX + 1);
    assert_string_equal(ds_live_decode(bytes, DS_LIVE_MESSAGE_MAX + 1, &read), "too long");
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_messages_pass),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_later_key),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
