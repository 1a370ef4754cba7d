/* SPDX-License-Identifier: Apache-2.0
 *
 * The columns of a window's source records: what comes back, and bytes that spell none.
 */
#include "source_columns.h"

#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include <cmocka.h>

#define S(literal) literal, sizeof(literal) - 1

static void carries_random_records(void **state)
{
    enum { RECORDS = 5000 };
    uint64_t random = 1;
    struct ds_source_record *list = calloc(RECORDS, sizeof *list), *back;
    assert_non_null(list);
    for (size_t i = 0; i < RECORDS; i++) {
        uint64_t x = sample_random(&random);
        uint32_t seen = (uint32_t)x >> 1;
        list[i] = (struct ds_source_record){
            .address = (uint32_t)(i == RECORDS - 1 ? UINT32_MAX : i * 858993 + x % 858993),
            .asn = x & 3 ? 64496 : (uint32_t)(x >> 32),
            .packets = x % 5 ? 1 + x % 7 : DS_COUNT_MAX,
            .ports = (uint32_t)(x % 5 ? x % 2 : UINT32_MAX),
            .seen = seen,
            .confirmed = seen & (uint32_t)(x >> 16),
            .country = x & 8 ? DS_COUNTRY('J', 'P') : DS_COUNTRY_UNKNOWN,
            .classes = x >> 40 & 7,
            .survey = (uint8_t)((x >> 50) % DS_SURVEY_MARK_COUNT),
            .device = (uint8_t)((x >> 20) % DS_DEVICE_COUNT),
            .first = (uint8_t)(x >> 56),
            .last = (uint8_t)(x >> 56 | x >> 48),
        };
    }
    unsigned char *packed;
    size_t size, n;
    const char *why;
    for (size_t count = 0; count <= RECORDS; count += RECORDS / 2) {
        assert_int_equal(ds_source_columns_pack(list, count, &packed, &size), 0);
        assert_int_equal(ds_source_columns_unpack(packed, size, &back, &n, &why), DS_DECODE_OK);
        assert_int_equal(n, count);
        for (size_t i = 0; i < n; i++)
            assert_memory_equal(&back[i], &list[i], offsetof(struct ds_source_record, last) + 1);
        free(back);
        free(packed);
    }
    free(list);
}

/* One record, column by column: address 0, 2 packets, 1 repeat, kind, first, stay, country, asn,
 * seen, missing. */
static void refuses_records_that_cannot_be(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *why;
    } cases[] = {
        {S("\x01\x00\x02\x01\x01\x05\x01\xc0\x7e\x00\x03\x01"), NULL},
        {S("\x01\x00\x02\x01\x17\xff\x01\x00\xc0\x7e\x00\x03\x03"), NULL},
        {S("\x00"), NULL},
        {S("\x81\x80\x40"), "columns: a value is out of range"}, /* 2^20 + 1 records */
        {S("\x02\x00\x02\x01\x01\x05\x01\xc0\x7e\x00\x03\x01"), "columns: more rows than bytes"},
        {S("\x01\x80\x80\x80\x80\x10\x02\x01\x01\x05\x01\xc0\x7e\x00\x03\x01"),
         "columns: a value is out of range"}, /* address 2^32 */
        {S("\x01\x00\x00\x00\x01\x05\x01\xc0\x7e\x00\x03\x01"),
         "source_records: a source without packets"},
        {S("\x01\x00\x02\x03\x01\x05\x01\xc0\x7e\x00\x03\x01"), "columns: a value is out of range"},
        {S("\x01\x00\x80\x80\x80\x80\x10\x00\x01\x05\x01\xc0\x7e\x00\x03\x01"),
         "source_records: more ports than there are"},
        {S("\x01\x00\x02\x01\x18\x05\x01\xc0\x7e\x00\x03\x01"),
         "source_records: not a survey mark"},                             /* 3 */
        {S("\x01\x00\x02\x01\xf7\x01\x05\x01\xc0\x7e\x00\x03\x01"), NULL}, /* device 7 */
        {S("\x01\x00\x02\x01\x80\x02\x05\x01\xc0\x7e\x00\x03\x01"),
         "columns: a value is out of range"}, /* device 8 */
        {S("\x01\x00\x02\x01\x01\xff\x01\x01\xc0\x7e\x00\x03\x01"),
         "columns: a value is out of range"}, /* seen last in 256 */
        {S("\x01\x00\x02\x01\x01\x05\x01\x01\x00\x03\x01\x00"), "source_records: not a country"},
        {S("\x01\x00\x02\x01\x01\x05\x01\x00\x00\x03\x01\x00"), "source_records: not a country"},
        {S("\x01\x00\x02\x01\x01\x05\x01\xc0\x7e\x00\x80\x80\x80\x80\x08\x00"),
         "columns: a value is out of range"}, /* signature 31 */
        {S("\x01\x00\x02\x01\x01\x05\x01\xc0\x7e\x00\x04\x03"),
         "source_records: confirmed and not seen"},
        {S("\x01\x00\x02\x01\x01\x05\x01\xc0\x7e\x00\x03"), "columns: they end early"},
        {S("\x01\x00\x02\x01\x01\x05\x01\xc0\x7e\x00\x03\x01\x00"),
         "columns: bytes behind the last"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned char frame[256];
        struct ds_source_record *records = NULL;
        size_t n, size = ZSTD_compress(frame, sizeof frame, cases[i].bytes, cases[i].size, 1);
        assert_false(ZSTD_isError(size));
        const char *why = NULL;
        enum ds_decode result = ds_source_columns_unpack(frame, size, &records, &n, &why);
        assert_int_equal(result, cases[i].why ? DS_DECODE_MALFORMED : DS_DECODE_OK);
        if (cases[i].why)
            assert_string_equal(why, cases[i].why);
        free(records);
    }
}

/* Two records: the address after the last one is none. */
static void refuses_addresses_behind_the_last(void **state)
{
    unsigned char frame[256];
    struct ds_source_record *records = NULL;
    const char *why;
    size_t n, size = ZSTD_compress(frame, sizeof frame,
                                   S("\x02\xff\xff\xff\xff\x0f\x00\x01\x01\x00\x00\x01\x01\x00\x00"
                                     "\x00\x00\xc0\x7e\x00\x00\x00\x00\x00\x00\x00"),
                                   1);
    assert_int_equal(ds_source_columns_unpack(frame, size, &records, &n, &why),
                     DS_DECODE_MALFORMED);
    assert_string_equal(why, "source_records: an address is out of range");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carries_random_records),
        cmocka_unit_test(refuses_records_that_cannot_be),
        cmocka_unit_test(refuses_addresses_behind_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
