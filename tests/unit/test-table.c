/* SPDX-License-Identifier: Apache-2.0
 *
 * The hash table against a plain array, up to its limit and with keys that all want one place.
 */
#include "packets.h"
#include "table.h"

#define KEYS 20000

static const struct ds_hash_key key = {UINT64_C(0x1234567890abcdef), UINT64_C(0x9e3779b97f4a7c15)};

struct entry8 {
    uint64_t key;
};
struct entry16 {
    uint64_t key, value;
};
struct entry32 {
    uint64_t key, value, more[2];
};
struct entry64 {
    uint64_t key, value, more[6];
};

static uint64_t *upsert(struct ds_table *t, uint64_t k, bool *is_new)
{
    uint64_t hash = ds_hash(t->key, k);
    switch (t->entry_bytes) {
    case 8:
        return ds_table_upsert(t, k, hash, sizeof(struct entry8), is_new);
    case 16:
        return ds_table_upsert(t, k, hash, sizeof(struct entry16), is_new);
    case 32: /* two ways to the same entries, by turns */
        if ((hash >> 40 ^ t->used) & 1)
            return ds_table_upsert_half(t, k, hash, is_new);
        return ds_table_upsert(t, k, hash, sizeof(struct entry32), is_new);
    default:
        return ds_table_upsert(t, k, hash, sizeof(struct entry64), is_new);
    }
}

/* Counts draws of keys 1 .. KEYS in the table and in counts[]; both must agree at every step and
 * in the end. */
static void check_against_array(uint32_t entry_bytes, uint64_t stride, uint64_t seed)
{
    struct ds_table t;
    static const size_t slots_max = 1 << 16;
    uint64_t *counts = calloc(KEYS + 1, sizeof *counts);
    size_t distinct = 0, seen = 0;
    struct ds_table_walk walk = {0};
    assert_non_null(counts);
    assert_int_equal(ds_table_init(&t, entry_bytes, slots_max, &key), 0);
    for (unsigned round = 0; round < 3 * KEYS; round++) {
        uint64_t k = 1 + draw_below(&seed, KEYS);
        bool is_new;
        uint64_t *e = upsert(&t, k * stride, &is_new);
        assert_non_null(e);
        assert_int_equal(is_new, counts[k] == 0);
        assert_true(e[0] == k * stride);
        distinct += is_new;
        counts[k]++;
        if (entry_bytes > 8)
            assert_true(++e[1] == counts[k]);
    }
    assert_int_equal(t.used, distinct);
    for (const uint64_t *e; (e = ds_table_next(&t, &walk)); seen++) {
        uint64_t k = e[0] / stride;
        assert_true(counts[k] > 0);
        if (entry_bytes > 8)
            assert_true(e[1] == counts[k]);
        counts[k] = 0; /* none comes twice */
    }
    assert_int_equal(seen, distinct);
    ds_table_finish(&t);
    free(counts);
}

static void test_against_array(void **state)
{
    static const uint64_t strides[] = {1, 4096, UINT64_C(1) << 40};
    for (uint32_t bytes = 8; bytes <= 64; bytes *= 2)
        for (size_t i = 0; i < COUNT(strides); i++)
            check_against_array(bytes, strides[i], bytes + i);
}

/* Grows to its limit, refuses new keys there, still finds all old ones, and ends every probe. */
static void check_limit(uint32_t entry_bytes, const struct ds_hash_key *hash_key, uint64_t stride)
{
    struct ds_table t;
    const size_t slots_max = 4 * DS_TABLE_SLOTS_MIN, guard = slots_max / 4 * 3;
    bool is_new;
    assert_int_equal(ds_table_init(&t, entry_bytes, slots_max + slots_max / 2, hash_key), 0);
    assert_int_equal(t.mask + 1, DS_TABLE_SLOTS_MIN);
    for (uint64_t k = 1; k <= guard; k++)
        assert_non_null(upsert(&t, k * stride, &is_new));
    assert_int_equal(t.mask + 1, slots_max);
    for (uint64_t k = guard + 1; k < guard + 500; k++)
        assert_null(upsert(&t, k * stride, &is_new));
    for (uint64_t k = 1; k <= guard; k += 7) {
        assert_non_null(upsert(&t, k * stride, &is_new));
        assert_false(is_new);
    }
    assert_int_equal(t.used, guard);
    ds_table_clear(&t);
    assert_int_equal(t.used, 0);
    assert_non_null(upsert(&t, (guard + 1) * stride, &is_new));
    assert_true(is_new);
    ds_table_finish(&t);
}

static void test_limit(void **state)
{
    for (uint32_t bytes = 16; bytes <= 32; bytes *= 2) {
        check_limit(bytes, &key, 1);
        check_limit(bytes, &key, UINT64_C(1) << 32);
    }
}

/* A bound below the smallest table gives the smallest table. */
static void test_small_limit(void **state)
{
    struct ds_table t;
    bool is_new;
    assert_int_equal(ds_table_init(&t, 8, 1, &key), 0);
    for (uint64_t k = 1; k <= DS_TABLE_SLOTS_MIN / 4 * 3; k++)
        assert_non_null(upsert(&t, k, &is_new));
    assert_null(upsert(&t, UINT64_MAX, &is_new));
    ds_table_finish(&t);
}

/* Keys whose hashes end alike: slow, but right. What an attacker could send who knew the key. */
static void test_equal_hashes(void **state)
{
    struct ds_table t;
    bool is_new;
    uint64_t keys[1000], candidate = 0;
    assert_int_equal(ds_table_init(&t, 32, 4 * DS_TABLE_SLOTS_MIN, &key), 0);
    for (size_t i = 0; i < COUNT(keys); i++) {
        do
            candidate++;
        while ((ds_hash(&key, candidate) & t.line_mask) != 5 * DS_TABLE_LINE);
        keys[i] = candidate;
        uint64_t *e = upsert(&t, keys[i], &is_new);
        assert_non_null(e);
        assert_true(is_new);
        e[1] = i;
    }
    for (size_t i = 0; i < COUNT(keys); i++) {
        const uint64_t *e = upsert(&t, keys[i], &is_new);
        assert_false(is_new);
        assert_true(e[1] == i);
    }
    ds_table_finish(&t);
}

/* With this key a hash can be undone, so that entries can be put where it hurts. */
static const struct ds_hash_key plain_key = {0, 1};

static uint64_t key_of_hash(uint64_t hash)
{
    uint64_t inverse = 1; /* of the hash's factor, by Newton */
    for (int i = 0; i < 6; i++)
        inverse *= 2 - UINT64_C(0x9e3779b97f4a7c15) * inverse;
    return (hash ^ hash >> 32) * inverse;
}

/* Ways to crowd a table of less than 2^20 slots: the place of a hash, from a random number. */
enum crowd { CROWD_EVEN, CROWD_ONE_PLACE, CROWD_END, CROWD_END_AND_EVEN, CROWD_PARTS, CROWDS };

static uint64_t crowded(enum crowd crowd, uint64_t r)
{
    const uint64_t low = r & 0xfffff, end = 0xfffff - (r & 63);
    switch (crowd) {
    case CROWD_ONE_PLACE:
        return 0x0aaaa;
    case CROWD_END: /* of a table of any size, and around to its beginning */
        return end;
    case CROWD_END_AND_EVEN:
        return r >> 20 & 1 ? end : low;
    case CROWD_PARTS: /* one place in the smallest table, many in larger ones */
        return low | (DS_TABLE_SLOTS_MIN - 1);
    default:
        return low;
    }
}

/* The owner's bits below the key; as in a counting cell. */
#define OWN_BITS     6
#define OWN_MASK     (UINT64_MAX << OWN_BITS)
#define MASKED_BYTES 16

/* An entry's key bits, all entries', and how many bytes it has. */
struct growth {
    struct ds_table t;
    uint64_t *keys;
    size_t count;
    bool is_masked;
};

static uint64_t *enter(struct growth *g, uint64_t k, bool *is_new)
{
    if (!g->is_masked)
        return upsert(&g->t, k, is_new);
    return ds_table_upsert_masked(&g->t, k, ds_hash(g->t.key, k), MASKED_BYTES, OWN_MASK, is_new);
}

static uint64_t draw_key(const struct growth *g, enum crowd crowd, uint64_t *seed)
{
    for (;;) {
        uint64_t r = draw(seed);
        uint64_t place = crowded(crowd, r >> 7) * g->t.entry_bytes; /* in bytes: 26 bits */
        uint64_t k = key_of_hash((r & ~UINT64_C(0x3ffffff)) | place);
        if (k && (!g->is_masked || (k & ~OWN_MASK) == 0))
            return k;
    }
}

/* Every key is found, with what belongs to it, and nothing else is there. */
static void check_all_found(struct growth *g)
{
    size_t seen = 0;
    struct ds_table_walk walk = {0};
    bool is_new;
    for (size_t k = 0; k < g->count; k++) {
        const uint64_t *e = enter(g, g->keys[k], &is_new);
        assert_false(is_new);
        if (g->is_masked)
            assert_true(e[0] == (g->keys[k] | k % OWN_BITS));
        if (g->t.entry_bytes > 8)
            assert_true(e[1] == k);
    }
    while (ds_table_next(&g->t, &walk))
        seen++;
    assert_int_equal(seen, g->count);
    assert_int_equal(g->t.used, g->count);
}

static void check_growth(struct growth *g, size_t most, enum crowd crowd)
{
    uint64_t seed = most + crowd;
    size_t slots = DS_TABLE_SLOTS_MIN;
    g->keys = calloc(most, sizeof *g->keys);
    assert_non_null(g->keys);
    for (g->count = 0; g->count < most;) {
        bool is_new;
        uint64_t k = draw_key(g, crowd, &seed), *e = enter(g, k, &is_new);
        assert_non_null(e);
        if (!is_new)
            continue;
        if (g->is_masked)
            e[0] |= g->count % OWN_BITS;
        if (g->t.entry_bytes > 8)
            e[1] = g->count;
        g->keys[g->count++] = k;
        if (g->t.mask + 1 != slots)
            check_all_found(g);
        slots = g->t.mask + 1;
    }
    assert_int_equal(slots, g->t.slots_max);
    check_all_found(g);
    free(g->keys);
}

/* Growing in place loses nothing, whatever stands in the way: by 2, 4 and 8, of every entry size.
 */
static void test_growth_in_place(void **state)
{
    const size_t entries = DS_TABLE_SLOTS_MIN / 4 * 3 + 100;
    for (uint32_t bytes = 8; bytes <= 64; bytes *= 2)
        for (int crowd = 0; crowd < CROWDS; crowd++)
            for (size_t times = 2; times <= 8; times *= 2)
                for (int masked = 0; masked <= (bytes == MASKED_BYTES); masked++) {
                    struct growth g = {.is_masked = masked};
                    assert_int_equal(
                        ds_table_init(&g.t, bytes, times * DS_TABLE_SLOTS_MIN, &plain_key), 0);
                    g.t.key_mask = masked ? OWN_MASK : DS_TABLE_WHOLE_KEY;
                    check_growth(&g, entries, (enum crowd)crowd);
                    ds_table_finish(&g.t);
                }
}

/* And up to where large tables double. */
static void test_growth_of_large(void **state)
{
    for (uint32_t bytes = 8; bytes <= 64; bytes *= 2) {
        struct growth g = {.is_masked = bytes == MASKED_BYTES};
        assert_int_equal(ds_table_init(&g.t, bytes, 1 << 19, &plain_key), 0);
        g.t.key_mask = g.is_masked ? OWN_MASK : DS_TABLE_WHOLE_KEY;
        check_growth(&g, (1 << 18) + 10, CROWD_EVEN);
        ds_table_finish(&g.t);
    }
}

/* Tables that share an allowance: what one gives back another can have. */
static void test_allowance(void **state)
{
    enum { BYTES = 16, MORE = DS_TABLE_SLOTS_MIN * BYTES };
    struct ds_table tables[2];
    atomic_size_t allowance = 2 * MORE - 1;
    bool is_new;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ds_table_init(&tables[i], BYTES, 2 * DS_TABLE_SLOTS_MIN, &key), 0);
        tables[i].allowance = &allowance;
    }
    assert_true(ds_table_grow(&tables[0]));
    assert_int_equal(atomic_load(&allowance), MORE - 1);
    assert_false(ds_table_grow(&tables[1]));
    for (uint64_t k = 1; k <= tables[1].guard; k++)
        assert_non_null(upsert(&tables[1], k, &is_new));
    assert_null(upsert(&tables[1], UINT64_MAX, &is_new));
    assert_false(ds_table_grow(&tables[0])); /* at its own limit */
    assert_int_equal(atomic_load(&allowance), MORE - 1);

    upsert(&tables[0], 1, &is_new);
    ds_table_release(&tables[0]);
    assert_int_equal(atomic_load(&allowance), 2 * MORE - 1);
    assert_int_equal(tables[0].mask + 1, DS_TABLE_SLOTS_MIN);
    assert_int_equal(tables[0].used, 0);
    assert_non_null(upsert(&tables[1], UINT64_MAX, &is_new));
    assert_true(is_new);
    ds_table_clear(&tables[1]);
    ds_table_clear(&tables[1]); /* was empty: gives back */
    assert_int_equal(atomic_load(&allowance), 2 * MORE - 1);
    for (int i = 0; i < 2; i++)
        ds_table_finish(&tables[i]);
}

static void test_clear_shrinks(void **state)
{
    struct ds_table t;
    bool is_new;
    assert_int_equal(ds_table_init(&t, 32, 1 << 20, &key), 0);
    for (uint64_t k = 1; k <= 4 * DS_TABLE_SLOTS_MIN; k++)
        upsert(&t, k, &is_new);
    size_t slots = t.mask + 1;
    ds_table_clear(&t);
    assert_int_equal(t.mask + 1, slots); /* it needed them */
    while (slots > DS_TABLE_SLOTS_MIN) {
        struct ds_table_walk walk = {0};
        assert_null(ds_table_next(&t, &walk));
        upsert(&t, 1, &is_new);
        assert_true(is_new);
        ds_table_clear(&t);
        slots /= 2;
        assert_int_equal(t.mask + 1, slots);
    }
    ds_table_clear(&t);
    assert_int_equal(t.mask + 1, DS_TABLE_SLOTS_MIN);
    ds_table_finish(&t);
    ds_table_finish(&t);
}

/* The hash itself, for many keys: shares are even, and neighbours spread over lines. */
static void test_hash_spread(void **state)
{
    uint64_t seed = 1;
    for (unsigned round = 0; round < 20; round++) {
        struct ds_hash_key k = {draw(&seed), draw(&seed) | 1};
        unsigned shares[7] = {0}, low[64] = {0};
        for (uint64_t i = 0; i < 7000; i++) {
            uint64_t hash = ds_hash(&k, 0x0a000000 + i);
            unsigned share = ds_hash_share(hash, COUNT(shares));
            assert_true(share < COUNT(shares));
            shares[share]++;
            low[hash / DS_TABLE_LINE % COUNT(low)]++;
        }
        for (size_t i = 0; i < COUNT(shares); i++)
            assert_in_range(shares[i], 500, 2000);
        for (size_t i = 0; i < COUNT(low); i++)
            assert_in_range(low[i], 20, 500);
    }
    assert_true(ds_hash_key_random().multiply & 1);
    assert_int_equal(ds_hash_share(UINT64_MAX, 64), 63);
    assert_int_equal(ds_hash_share(0, 64), 0);
}

/* Places looked at for each of the keys first, first + stride, ... as the table does it. */
static double probes_per_key(const struct ds_hash_key *k, uint64_t first, uint64_t stride)
{
    enum { SLOTS = 4096, USED = 2900 };
    bool taken[SLOTS] = {false};
    unsigned probes = 0;
    for (uint64_t i = 0; i < USED; i++) {
        size_t at = ds_hash(k, first + i * stride) / DS_TABLE_LINE * 2 % SLOTS;
        for (probes++; taken[at]; probes++)
            at = (at + 1) & (SLOTS - 1);
        taken[at] = true;
    }
    return (double)probes / USED;
}

/* No key may crowd what scanners send: hosts or ports in sequence. A random order needs 2.4. */
static void test_progressions(void **state)
{
    static const unsigned shifts[] = {0, 8, 10, 16, 26};
    uint64_t seed = 7;
    for (unsigned round = 0; round < 300; round++) {
        struct ds_hash_key k = {draw(&seed), draw(&seed) | 1};
        for (size_t i = 0; i < COUNT(shifts); i++)
            assert_true(probes_per_key(&k, UINT64_C(1) << 62 | 5, UINT64_C(1) << shifts[i]) < 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_array),   cmocka_unit_test(test_limit),
        cmocka_unit_test(test_small_limit),     cmocka_unit_test(test_equal_hashes),
        cmocka_unit_test(test_growth_in_place), cmocka_unit_test(test_growth_of_large),
        cmocka_unit_test(test_allowance),       cmocka_unit_test(test_clear_shrinks),
        cmocka_unit_test(test_hash_spread),     cmocka_unit_test(test_progressions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
