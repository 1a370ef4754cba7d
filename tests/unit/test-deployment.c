/* SPDX-License-Identifier: Apache-2.0
 *
 * What follows from a deployment's secret: always the same, computed by an independent program
 * (Python's hashlib.blake2b), and different for every use, secret and monitored set.
 */
#include "deployment.h"
#include "packets.h"

/* The bytes 0, 1, ... 31. */
static const struct ds_key counting = {"japan", "009c61o!#m2NH?C3>iWS5d]J*6CRx17-skh9337x"};

#define EMPTY ((struct ds_deployment){0})

static struct ds_deployment deployment_of(const struct ds_key *key)
{
    struct ds_deployment d;
    struct ds_error err;
    assert_int_equal(ds_deployment_make(key, &d, &err), 0);
    return d;
}

/* The set of these prefixes without the last one, unless that is NULL. */
static uint64_t digest_of(const struct ds_deployment *d, const char *const texts[static 3],
                          const char *exclusion)
{
    struct ds_prefix prefixes[3], excluded;
    size_t count = 0;
    struct ds_monitor *m;
    struct ds_error err;
    for (; count < 3 && texts[count]; count++)
        assert_null(ds_prefix_parse(texts[count], &prefixes[count]));
    if (exclusion)
        assert_null(ds_prefix_parse(exclusion, &excluded));
    assert_int_equal(ds_monitor_create(prefixes, count, &excluded, exclusion != NULL, &m, &err), 0);
    uint64_t digest = ds_deployment_digest(d, m);
    ds_monitor_destroy(m);
    return digest;
}

static void keys_stay_as_they_are(void **state)
{
    static const uint8_t permutation[] = {0x93, 0xce, 0xd7, 0x8b, 0x0d, 0xb9, 0xba, 0xf0,
                                          0x0f, 0xa8, 0x0b, 0xf5, 0x60, 0x2f, 0x07, 0xb7};
    static const uint8_t sketch[] = {0xdf, 0x9a, 0x91, 0x69, 0x6f, 0x37, 0x8e, 0x86,
                                     0xd5, 0x79, 0x1a, 0xcf, 0x1b, 0x3c, 0x36, 0xea};
    struct ds_deployment d = deployment_of(&counting);
    const char *const set[3] = {"198.18.0.0/16", "2001:db8:100::/48"};
    assert_true(d.is_shared);
    assert_memory_equal(d.permutation, permutation, sizeof permutation);
    const struct ds_sketch_secret expected = ds_sketch_secret(sketch, UINT64_C(0x8976df31ba30fcea));
    assert_memory_equal(&d.sketch, &expected, sizeof expected);
    assert_true(digest_of(&d, set, "198.18.7.0/24") == UINT64_C(0x6b713df82cc8b870));
}

static void one_bit_of_the_secret_changes_all(void **state)
{
    struct ds_key other = counting;
    other.z85[39] = 'y';
    struct ds_deployment a = deployment_of(&counting), b = deployment_of(&other);
    const char *const set[3] = {"198.18.0.0/16"};
    assert_memory_not_equal(a.permutation, b.permutation, sizeof a.permutation);
    assert_memory_not_equal(a.reached, b.reached, sizeof a.reached);
    assert_memory_not_equal(a.reached, a.permutation, sizeof a.reached);
    assert_true(a.sketch.k0 != b.sketch.k0 && a.sketch.k1 != b.sketch.k1);
    assert_memory_not_equal(a.permutation, &a.sketch, sizeof a.permutation);
    assert_true(a.sketch.id != b.sketch.id);
    assert_true(digest_of(&a, set, NULL) != digest_of(&b, set, NULL));
}

/* Runs without a secret have nothing in common, and say so. */
static void run_without_secret_is_alone(void **state)
{
    struct ds_deployment a = deployment_of(NULL), b = deployment_of(NULL);
    const char *const set[3] = {"198.18.0.0/16"};
    assert_false(a.is_shared);
    assert_memory_not_equal(a.permutation, b.permutation, sizeof a.permutation);
    assert_true(a.sketch.k0 != b.sketch.k0 && a.sketch.k1 != b.sketch.k1);
    assert_true(a.sketch.id != b.sketch.id && a.sketch.id && b.sketch.id);
    assert_true(digest_of(&a, set, NULL) == 0);
}

static void digest_is_that_of_the_set(void **state)
{
    struct ds_deployment d = deployment_of(&counting);
    static const struct {
        const char *const set[3];
        const char *exclusion;
    } same[] =
        {
            {{"198.18.0.0/16", "2001:db8:100::/48", "2001:db8:200::/48"}, NULL},
            {{"2001:db8:200::/48", "2001:db8:100::/48", "198.18.0.0/16"}, NULL},
        },
      halves[] =
          {
              {{"198.18.0.0/16"}, NULL},
              {{"198.18.0.0/17", "198.18.128.0/17"}, NULL},
              {{"198.18.192.0/18", "198.18.0.0/17", "198.18.128.0/18"}, NULL},
              {{"198.18.0.0/16"}, "198.19.0.0/24"},
          },
      others[] = {
          {{"198.18.0.0/16"}, NULL},
          {{"198.18.0.0/16"}, "198.18.0.0/32"},
          {{"198.18.0.0/16"}, "198.18.0.1/32"},
          {{"198.19.0.0/16"}, NULL},
          {{"198.18.0.0/16", "2001:db8:100::/48"}, NULL},
          {{"198.18.0.0/16", "2001:db8:100::/48"}, "2001:db8:100::/64"},
          {{"198.18.0.0/16", "2001:db8:100::/64"}, NULL},
          {{"2001:db8:100::/48"}, NULL},
      };
    uint64_t found[COUNT(others)];
    assert_true(digest_of(&d, same[0].set, NULL) == digest_of(&d, same[1].set, NULL));
    for (size_t i = 1; i < COUNT(halves); i++)
        assert_true(digest_of(&d, halves[i].set, halves[i].exclusion) ==
                    digest_of(&d, halves[0].set, NULL));
    for (size_t i = 0; i < COUNT(others); i++) {
        found[i] = digest_of(&d, others[i].set, others[i].exclusion);
        assert_true(found[i] != 0);
        for (size_t j = 0; j < i; j++)
            assert_true(found[i] != found[j]);
    }
}

static void no_set_has_no_digest(void **state)
{
    struct ds_deployment d = deployment_of(&counting);
    const char *const nothing[3] = {NULL};
    assert_true(digest_of(&d, nothing, NULL) == 0);
}

static void secrets_are_overwritten(void **state)
{
    struct ds_deployment d = deployment_of(&counting);
    ds_deployment_wipe(&d);
    assert_memory_equal(&d, &EMPTY, sizeof d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_stay_as_they_are),
        cmocka_unit_test(one_bit_of_the_secret_changes_all),
        cmocka_unit_test(run_without_secret_is_alone),
        cmocka_unit_test(digest_is_that_of_the_set),
        cmocka_unit_test(no_set_has_no_digest),
        cmocka_unit_test(secrets_are_overwritten),
    };
    return cmocka_run_group_tests_name("deployment", tests, NULL, NULL);
}
