/* SPDX-License-Identifier: Apache-2.0
 *
 * A spool's records: whatever happens to a file, what is intact is found and nothing else.
 */
#include "spool_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BODY_BYTES 60
#define RECORDS    4
#define FILE_BYTES (RECORDS * DS_SPOOL_HEAD_BYTES + (RECORDS - 1) * BODY_BYTES)

static const uint8_t *body_of(unsigned i)
{
    static uint8_t body[BODY_BYTES];
    for (unsigned k = 0; k < BODY_BYTES; k++)
        body[k] = (uint8_t)(k * 7 + i);
    return body;
}

/* Windows, but the last one is a mark. */
static struct ds_spool_record make(unsigned i)
{
    bool is_window = i < RECORDS - 1;
    return (struct ds_spool_record){
        .kind = is_window ? DS_SPOOL_WINDOW : DS_SPOOL_DONE,
        .sensor = "tokyo-1",
        .boot = UINT64_C(0x1122334455667788) + i,
        .sequence = 100 + i,
        .first = i == 1 ? 5 : 0,
        .body = is_window ? body_of(i) : NULL,
        .size = is_window ? BODY_BYTES : 0,
    };
}

static size_t write_record(uint8_t *to, const struct ds_spool_record *r)
{
    ds_spool_record_head(r, to);
    if (r->size)
        memcpy(to + DS_SPOOL_HEAD_BYTES, r->body, r->size);
    return DS_SPOOL_HEAD_BYTES + r->size;
}

static void write_file(uint8_t file[static FILE_BYTES])
{
    for (unsigned i = 0; i < RECORDS; i++) {
        struct ds_spool_record r = make(i);
        file += write_record(file, &r);
    }
}

/* Bits of the records found; each must be as it was written. The bytes are read from memory of
 * exactly their size. */
static unsigned read_file(const uint8_t *bytes, size_t size, struct ds_spool_reader *reader)
{
    uint8_t *copy = malloc(size + !size);
    unsigned found = 0;
    struct ds_spool_record r;
    memcpy(copy, bytes, size);
    *reader = (struct ds_spool_reader){.bytes = copy, .size = size};
    while (ds_spool_record_next(reader, &r)) {
        assert_in_range(r.sequence, 100, 100 + RECORDS - 1);
        unsigned i = (unsigned)r.sequence - 100;
        struct ds_spool_record expected = make(i);
        assert_int_equal(r.kind, expected.kind);
        assert_string_equal(r.sensor, expected.sensor);
        assert_true(r.boot == expected.boot);
        assert_int_equal(r.first, expected.first ? expected.first : expected.sequence);
        assert_int_equal(r.size, expected.size);
        if (r.size)
            assert_memory_equal(r.body, expected.body, r.size);
        assert_true(found >> i == 0); /* in order, none twice */
        found |= 1u << i;
    }
    assert_int_equal(reader->at, size);
    free(copy);
    return found;
}

static unsigned record_at(size_t offset)
{
    unsigned i = (unsigned)(offset / (DS_SPOOL_HEAD_BYTES + BODY_BYTES));
    return i < RECORDS ? i : RECORDS - 1;
}

static void records_are_read_as_they_were_written(void **state)
{
    uint8_t file[FILE_BYTES];
    struct ds_spool_reader reader;
    write_file(file);
    assert_int_equal(read_file(file, sizeof file, &reader), (1 << RECORDS) - 1);
    assert_int_equal(reader.damages, 0);
    assert_int_equal(reader.damaged_bytes, 0);
    assert_int_equal(read_file(file, 0, &reader), 0);
    assert_int_equal(reader.damages, 0);
}

static void torn_tail_costs_one_record(void **state)
{
    uint8_t file[FILE_BYTES];
    struct ds_spool_reader reader;
    write_file(file);
    for (size_t size = 0; size < sizeof file; size++) {
        unsigned whole = record_at(size);
        size_t rest = size - whole * (DS_SPOOL_HEAD_BYTES + BODY_BYTES);
        assert_int_equal(read_file(file, size, &reader), (1u << whole) - 1);
        assert_int_equal(reader.damages, rest > 0);
        assert_int_equal(reader.damaged_bytes, rest);
    }
}

static void flipped_bit_costs_one_record(void **state)
{
    uint8_t file[FILE_BYTES];
    struct ds_spool_reader reader;
    write_file(file);
    for (size_t bit = 0; bit < 8 * sizeof file; bit++) {
        file[bit / 8] ^= (uint8_t)(1 << bit % 8);
        unsigned hit = record_at(bit / 8);
        assert_int_equal(read_file(file, sizeof file, &reader), ((1 << RECORDS) - 1) & ~(1 << hit));
        assert_int_equal(reader.damages, 1);
        file[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

/* As of a disk that lost or doubled a piece. */
static void missing_and_foreign_bytes_cost_one_record(void **state)
{
    uint8_t file[FILE_BYTES], changed[FILE_BYTES + 1];
    struct ds_spool_reader reader;
    write_file(file);
    for (size_t at = 0; at < sizeof file; at++) {
        unsigned others = ((1 << RECORDS) - 1) & ~(1u << record_at(at));
        memcpy(changed, file, at);
        memcpy(changed + at, file + at + 1, sizeof file - at - 1);
        assert_int_equal(read_file(changed, sizeof file - 1, &reader) & others, others);
        changed[at] = 'd';
        memcpy(changed + at + 1, file + at, sizeof file - at);
        assert_int_equal(read_file(changed, sizeof file + 1, &reader) & others, others);
        assert_int_equal(reader.damages, 1);
    }
}

/* With sums that fit, as no accident makes them. */
static void sums_do_not_make_nonsense_a_record(void **state)
{
    static const struct {
        uint32_t kind, size;
        uint64_t boot, sequence, first;
        const char *sensor;
    } cases[] = {
        {0, 1, 1, 1, 1, "a"},
        {3, 1, 1, 1, 1, "a"},
        {DS_SPOOL_WINDOW, 0, 1, 1, 1, "a"},
        {DS_SPOOL_WINDOW, 1, 0, 1, 1, "a"},
        {DS_SPOOL_WINDOW, 1, 1, 0, 0, "a"},
        {DS_SPOOL_WINDOW, 1, 1, 1, 2, "a"},
        {DS_SPOOL_WINDOW, 1, 1, 1, 1, ""},
        {DS_SPOOL_WINDOW, 1, 1, 1, 1, "a b"},
        {DS_SPOOL_DONE, 1, 1, 1, 1, "a"},
    };
    uint8_t bytes[DS_SPOOL_HEAD_BYTES + 1] = {0};
    struct ds_spool_record r = {.kind = DS_SPOOL_WINDOW,
                                .size = 1,
                                .boot = 1,
                                .sequence = 1,
                                .sensor = "a",
                                .body = (const uint8_t *)"x"};
    write_record(bytes, &r);
    assert_true(ds_spool_record_decode(bytes, sizeof bytes, &r));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        r = (struct ds_spool_record){.kind = cases[i].kind,
                                     .size = cases[i].size,
                                     .boot = cases[i].boot,
                                     .sequence = cases[i].sequence,
                                     .first = cases[i].first,
                                     .body = (const uint8_t *)"x"};
        strcpy(r.sensor, cases[i].sensor);
        write_record(bytes, &r);
        assert_false(ds_spool_record_decode(bytes, sizeof bytes, &r));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_read_as_they_were_written),
        cmocka_unit_test(torn_tail_costs_one_record),
        cmocka_unit_test(flipped_bit_costs_one_record),
        cmocka_unit_test(missing_and_foreign_bytes_cost_one_record),
        cmocka_unit_test(sums_do_not_make_nonsense_a_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
