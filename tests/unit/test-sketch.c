/* SPDX-License-Identifier: Apache-2.0
 *
 * Sketches against exact counts: the errors that theory allows, the same sketch whatever the order,
 * and the same after a union, a fold and a way through bytes. All with fixed seeds.
 */
#include "sketch_columns.h"

#include "sample.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static const unsigned precisions[] = {DS_SKETCH_FINE, DS_SKETCH_COARSE, DS_SKETCH_PRECISION_MIN};

/* The n-th of all different hashes of a seed. */
static uint64_t hash_of(uint64_t seed, uint64_t n)
{
    const struct ds_sketch_secret secret = {seed * UINT64_C(0x9e3779b97f4a7c15), ~seed, 1};
    return ds_sketch_hash(&secret, n);
}

static struct ds_sketch_coder coder;

static void fill(struct ds_sketch *s, uint64_t seed, uint64_t from, uint64_t to)
{
    for (uint64_t n = from; n < to; n++)
        assert_int_equal(ds_sketch_add(s, hash_of(seed, n)), 0);
}

static void make(struct ds_sketch *s, unsigned precision, uint64_t seed, uint64_t from, uint64_t to)
{
    ds_sketch_init(s, precision);
    fill(s, seed, from, to);
}

/* The vector of the reference implementation, vectors_sip64, for the message 00 01 .. 07. */
static void hashes_as_the_reference_does(void **state)
{
    uint8_t bytes[DS_SKETCH_SECRET_BYTES];
    for (uint8_t i = 0; i < sizeof bytes; i++)
        bytes[i] = i;
    struct ds_sketch_secret secret = ds_sketch_secret(bytes, 77);
    assert_true(secret.id == 77);
    assert_true(ds_sketch_hash(&secret, UINT64_C(0x0706050403020100)) ==
                UINT64_C(0x93f5f5799a932462));
}

static void ranks_end_with_the_hash(void **state)
{
    for (size_t i = 0; i < COUNT(precisions); i++) {
        unsigned p = precisions[i];
        assert_int_equal(ds_sketch_rank(0, p), ds_sketch_rank_max(p));
        assert_int_equal(ds_sketch_rank(UINT64_MAX, p), 1);
        assert_int_equal(ds_sketch_rank(1, p), 64 - p);
        assert_int_equal(ds_sketch_register(UINT64_MAX, p), (1u << p) - 1);
        assert_int_equal(ds_sketch_rank(UINT64_MAX << (64 - p), p), ds_sketch_rank_max(p));
    }
}

/* Relative errors over many seeds: their mean within what chance gives it, and their spread what
 * ds_sketch_relative_error says. */
static void check_errors(unsigned precision, uint64_t n, unsigned rounds)
{
    double sum = 0, squares = 0;
    for (unsigned round = 0; round < rounds; round++) {
        struct ds_sketch s;
        make(&s, precision, 1000 * round + n, 0, n);
        double error = ds_sketch_estimate(&s).count / (double)n - 1;
        sum += error;
        squares += error * error;
        ds_sketch_finish(&s);
    }
    double theory = ds_sketch_relative_error(precision, (double)n);
    double mean = sum / rounds, spread = sqrt(squares / rounds);
    /* 4 standard errors of a mean, and of a standard deviation, of that many. */
    if (fabs(mean) > 4 * theory / sqrt(rounds) || spread > theory * (1 + 4 / sqrt(2 * rounds)))
        fail_msg("precision %u, %lu sources: mean error %f, spread %f, by theory %f", precision,
                 (unsigned long)n, mean, spread, theory);
}

static void estimates_within_theory(void **state)
{
    static const struct {
        uint64_t sources;
        unsigned rounds;
    } cases[] = {{1, 50},      {2, 50},     {10, 50},    {100, 50},   {1000, 50},
                 {4000, 50},   {10000, 50}, {20000, 50}, {40000, 25}, {60000, 25},
                 {100000, 15}, {250000, 8}, {1000000, 3}};
    for (size_t i = 0; i < COUNT(precisions); i++)
        for (size_t k = 0; k < COUNT(cases); k++)
            check_errors(precisions[i], cases[k].sources, cases[k].rounds);
}

/* Along one growing sketch, at every size: never off by more than chance allows. */
static void grows_within_theory(void **state)
{
    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct ds_sketch s;
        ds_sketch_init(&s, DS_SKETCH_FINE);
        struct ds_estimate e = ds_sketch_estimate(&s);
        assert_true(e.count == 0 && e.error == 0);
        uint64_t n = 0;
        while (n < 1000000) {
            uint64_t to = n + n / 16 + 1;
            fill(&s, seed, n, to);
            n = to;
            e = ds_sketch_estimate(&s);
            if (fabs(e.count - (double)n) > 4.5 * e.error + 1e-9)
                fail_msg("%lu sources: estimated %f +- %f", (unsigned long)n, e.count, e.error);
        }
        ds_sketch_finish(&s);
    }
}

static void counts_a_source_once(void **state)
{
    struct ds_sketch once, often;
    make(&once, DS_SKETCH_COARSE, 5, 0, 3000);
    make(&often, DS_SKETCH_COARSE, 5, 0, 3000);
    fill(&often, 5, 1000, 3000);
    assert_true(ds_sketch_equal(&once, &often));
    ds_sketch_finish(&once);
    ds_sketch_finish(&often);
}

/* a with the sources from 0 to `split`, b with those from `overlap` on, to n: in either order, they
 * unite to the sketch of all. */
static void check_union(unsigned p, uint64_t overlap, uint64_t split, uint64_t n)
{
    struct ds_sketch a, b, a_copy, all;
    make(&a, p, 9, 0, split);
    make(&b, p, 9, overlap, n);
    make(&all, p, 9, 0, n);
    assert_int_equal(ds_sketch_copy(&a, &a_copy), 0);
    assert_true(ds_sketch_equal(&a, &a_copy));
    assert_int_equal(ds_sketch_merge(&a, &b), 0);
    assert_int_equal(ds_sketch_merge(&b, &a_copy), 0);
    assert_true(ds_sketch_equal(&a, &all));
    assert_true(ds_sketch_equal(&b, &all));
    assert_true(ds_sketch_bytes(&a) <= (size_t)1 << p);
    ds_sketch_finish(&a);
    ds_sketch_finish(&b);
    ds_sketch_finish(&a_copy);
    ds_sketch_finish(&all);
}

static void unites_exactly(void **state)
{
    static const uint64_t sizes[] = {0, 1, 7, 255, 256, 257, 1100, 5000, 20000, 100000};
    for (size_t p = 0; p < COUNT(precisions); p++)
        for (size_t i = 0; i < COUNT(sizes); i++)
            for (size_t k = i; k < COUNT(sizes); k++)
                check_union(precisions[p], sizes[i] / 2, sizes[i], sizes[k]);
}

static void order_does_not_matter(void **state)
{
    struct ds_sketch forth, back, thirds;
    make(&forth, DS_SKETCH_FINE, 3, 0, 30000);
    ds_sketch_init(&back, DS_SKETCH_FINE);
    for (uint64_t n = 30000; n-- > 0;)
        assert_int_equal(ds_sketch_add(&back, hash_of(3, n)), 0);
    make(&thirds, DS_SKETCH_FINE, 3, 20000, 30000);
    fill(&thirds, 3, 0, 10000);
    fill(&thirds, 3, 10000, 20000);
    assert_true(ds_sketch_equal(&forth, &back));
    assert_true(ds_sketch_equal(&forth, &thirds));
    ds_sketch_finish(&forth);
    ds_sketch_finish(&back);
    ds_sketch_finish(&thirds);
}

static void folds_to_what_less_precision_makes(void **state)
{
    static const uint64_t sizes[] = {0, 1, 50, 1000, 3000, 50000, 300000};
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (unsigned p = DS_SKETCH_PRECISION_MIN; p <= DS_SKETCH_FINE; p++) {
            struct ds_sketch folded, direct, other;
            make(&folded, DS_SKETCH_FINE, 4, 0, sizes[i]);
            make(&direct, p, 4, 0, sizes[i]);
            make(&other, p, 4, 0, sizes[i] / 2);
            assert_int_equal(ds_sketch_merge(&other, &folded), 0);
            assert_int_equal(ds_sketch_fold(&folded, p), 0);
            assert_true(ds_sketch_equal(&folded, &direct));
            assert_true(ds_sketch_equal(&other, &direct));
            ds_sketch_finish(&folded);
            ds_sketch_finish(&direct);
            ds_sketch_finish(&other);
        }
}

/* Ranks at the end of the hash fold, too. */
static void folds_the_highest_ranks(void **state)
{
    const uint64_t hashes[] = {0,
                               1,
                               UINT64_C(1) << 50,
                               UINT64_C(3) << 50,
                               UINT64_C(5) << 50,
                               UINT64_MAX,
                               UINT64_MAX << 50};
    struct ds_sketch folded, direct;
    ds_sketch_init(&folded, DS_SKETCH_FINE);
    ds_sketch_init(&direct, DS_SKETCH_COARSE);
    for (size_t i = 0; i < COUNT(hashes); i++) {
        assert_int_equal(ds_sketch_add(&folded, hashes[i]), 0);
        assert_int_equal(ds_sketch_add(&direct, hashes[i]), 0);
    }
    assert_int_equal(ds_sketch_fold(&folded, DS_SKETCH_COARSE), 0);
    assert_true(ds_sketch_equal(&folded, &direct));
    ds_sketch_finish(&folded);
    ds_sketch_finish(&direct);
}

static void takes_registers_as_they_are(void **state)
{
    static const uint64_t sizes[] = {0, 3, 1023, 1500, 100000};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        uint8_t registers[1 << DS_SKETCH_COARSE] = {0};
        struct ds_sketch direct, taken;
        for (uint64_t n = 0; n < sizes[i]; n++) {
            uint64_t hash = hash_of(6, n);
            uint8_t rank = ds_sketch_rank(hash, DS_SKETCH_COARSE);
            uint8_t *at = &registers[ds_sketch_register(hash, DS_SKETCH_COARSE)];
            *at = *at > rank ? *at : rank;
        }
        make(&direct, DS_SKETCH_COARSE, 6, 0, sizes[i]);
        assert_int_equal(ds_sketch_from_registers(&taken, DS_SKETCH_COARSE, registers), 0);
        assert_true(ds_sketch_equal(&taken, &direct));
        ds_sketch_finish(&direct);
        ds_sketch_finish(&taken);
    }
}

static void comes_back_from_bytes(void **state)
{
    static const uint64_t sizes[] = {0, 1, 100, 1024, 1025, 5000, 50000, 1000000};
    for (size_t p = 0; p < COUNT(precisions); p++)
        for (size_t i = 0; i < COUNT(sizes); i++) {
            struct ds_sketch s, back;
            unsigned char *bytes = NULL;
            size_t size = 0;
            const char *why = NULL;
            make(&s, precisions[p], 8, 0, sizes[i]);
            assert_int_equal(ds_sketch_pack(&coder, &s, &bytes, &size), 0);
            assert_int_equal(ds_sketch_unpack(&coder, bytes, size, &back, &why), DS_DECODE_OK);
            assert_true(ds_sketch_equal(&s, &back));
            assert_true(size <= ((size_t)1 << precisions[p]) + 64);
            free(bytes);
            ds_sketch_finish(&s);
            ds_sketch_finish(&back);
        }
}

/* Precision 12, then a table of registers as numbers. */
static enum ds_decode unpack_numbers(const uint8_t *numbers, size_t count)
{
    unsigned char packed[256] = {12};
    struct ds_sketch s;
    const char *why = NULL;
    size_t size = ZSTD_compress(packed + 1, sizeof packed - 1, numbers, count, 1);
    assert_false(ZSTD_isError(size));
    enum ds_decode result = ds_sketch_unpack(&coder, packed, size + 1, &s, &why);
    assert_int_equal(result == DS_DECODE_MALFORMED, why != NULL);
    ds_sketch_finish(&s);
    return result;
}

static void refuses_what_is_none(void **state)
{
    const struct {
        enum ds_decode result;
        uint8_t count, numbers[8];
    } cases[] = {
        {DS_DECODE_OK, 1, {0}},                                  /* empty */
        {DS_DECODE_OK, 4, {1, 0xff, 0x1f, 53}},                  /* register 4095, the last rank */
        {DS_DECODE_MALFORMED, 4, {1, 0x80, 0x20, 1}},            /* register 4096 */
        {DS_DECODE_MALFORMED, 3, {1, 0, 0}},                     /* rank 0 */
        {DS_DECODE_MALFORMED, 3, {1, 0, 54}},                    /* no hash has that */
        {DS_DECODE_MALFORMED, 6, {2, 0xff, 0x1f, 0, 1, 1}},      /* one behind the last */
        {DS_DECODE_MALFORMED, 4, {1, 0, 1, 1}},                  /* too much */
        {DS_DECODE_MALFORMED, 4, {2, 0, 0, 1}},                  /* too little */
        {DS_DECODE_MALFORMED, 8, {0x81, 0x20, 0, 0, 1, 1, 1, 1}} /* more than there are */
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(unpack_numbers(cases[i].numbers, cases[i].count), cases[i].result);
    uint8_t far[1 + 2 * 33] = {33}; /* by steps of one byte to register 4095, and behind it */
    memset(far + 1, 1, sizeof far - 1);
    memset(far + 1, 0x7f, 32);
    far[1] = 0x7d;
    assert_int_equal(unpack_numbers(far, sizeof far), DS_DECODE_OK);
    far[1] = 0x7e;
    assert_int_equal(unpack_numbers(far, sizeof far), DS_DECODE_MALFORMED);
    for (unsigned precision = 0; precision < 256; precision++) {
        unsigned char *bytes = NULL;
        size_t size = 0;
        struct ds_sketch s, back;
        const char *why = NULL;
        make(&s, DS_SKETCH_PRECISION_MIN, 2, 0, 20);
        assert_int_equal(ds_sketch_pack(&coder, &s, &bytes, &size), 0);
        bytes[0] = (unsigned char)precision;
        ds_sketch_init(&back, DS_SKETCH_FINE);
        bool ok = ds_sketch_unpack(&coder, bytes, size, &back, &why) == DS_DECODE_OK;
        assert_int_equal(ok, precision >= 10 && precision <= 16);
        ds_sketch_finish(&s);
        ds_sketch_finish(&back);
        free(bytes);
    }
}

/* A full sketch of the highest rank is nobody's, and its estimate still a number. */
static void estimates_nonsense(void **state)
{
    uint8_t registers[1 << DS_SKETCH_COARSE];
    struct ds_sketch s;
    for (unsigned rank = 1; rank <= ds_sketch_rank_max(DS_SKETCH_COARSE); rank++) {
        memset(registers, (int)rank, sizeof registers);
        assert_int_equal(ds_sketch_from_registers(&s, DS_SKETCH_COARSE, registers), 0);
        struct ds_estimate e = ds_sketch_estimate(&s);
        assert_true(isfinite(e.error) && e.count > 0 && e.count < 0x1p63);
        ds_sketch_finish(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_as_the_reference_does),
        cmocka_unit_test(ranks_end_with_the_hash),
        cmocka_unit_test(estimates_within_theory),
        cmocka_unit_test(grows_within_theory),
        cmocka_unit_test(counts_a_source_once),
        cmocka_unit_test(unites_exactly),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(folds_to_what_less_precision_makes),
        cmocka_unit_test(folds_the_highest_ranks),
        cmocka_unit_test(takes_registers_as_they_are),
        cmocka_unit_test(comes_back_from_bytes),
        cmocka_unit_test(refuses_what_is_none),
        cmocka_unit_test(estimates_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
