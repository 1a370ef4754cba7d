/* SPDX-License-Identifier: Apache-2.0
 *
 * How often a signature fits by chance: as often as docs/signatures.md calculates. Every packet is
 * a SYN with random fields; the sources send enough of them that something does happen.
 *
 * One million packets; DARKSCOPE_LONG set: ten million.
 */
#include "classify/classify.h"
#include "count.h"
#include "syns.h"

#include <math.h>
#include <stdio.h>

#define FOLD               65536.0
#define PACKETS_PER_SOURCE 10000u
#define SIGMAS             5 /* a right figure is further off once in two million runs */

static const struct ds_hash_key key = {UINT64_C(0x1234567890abcdef), UINT64_C(0x9e3779b97f4a7c15)};

struct result {
    uint64_t packets, sources;
    uint64_t matches[DS_SIGNATURE_COUNT], confirmed[DS_SIGNATURE_COUNT];
};

static unsigned sources_of_run(void)
{
    return getenv("DARKSCOPE_LONG") ? 1000 : 100;
}

/* The pattern's shape with random addresses, ports, sequence number and id. */
static void count_random(struct ds_counts *c, uint64_t *random, uint32_t source,
                         const struct syn *shape)
{
    struct syn s = *shape;
    struct bytes b;
    uint64_t bits = draw(random);
    s.seq = (uint32_t)bits;
    s.id = (uint16_t)(bits >> 32);
    s.source_port = (uint16_t)(bits >> 48);
    s.dest_port = (uint16_t)(draw(random) | 1);
    struct ds_packet p = syn_packet(&s, &b);
    p.dest4 = (uint32_t)draw(random);
    struct ds_verdict v;
    ds_classify(&p, &v);
    struct ds_hit h = {
        .counts = c,
        .source_key = source | DS_COUNT_KEY_SET,
        .signatures = (uint16_t)v.signatures,
        .device = v.device,
        .relation = ds_syn_relation(&p, v.signatures),
    };
    h.source_hash = ds_hash(&key, h.source_key);
    ds_count_source(&h);
    ds_count_signatures(c, h.signatures);
}

static struct result run(const struct syn *shape)
{
    struct ds_monitor *everything;
    struct ds_counts *c = calloc(1, sizeof *c);
    struct result r = {.sources = sources_of_run()};
    uint64_t random = 1;
    r.packets = r.sources * PACKETS_PER_SOURCE;
    assert_non_null(c);
    assert_int_equal(ds_monitor_create(NULL, 0, NULL, 0, &everything, NULL), 0);
    assert_int_equal(ds_counts_init(c, everything, 1, &key), 0);
    for (uint64_t i = 0; i < r.packets; i++)
        count_random(c, &random, (uint32_t)(i % r.sources), shape);
    ds_count_signature_packets(c, r.matches);
    struct ds_table_walk walk = {0};
    for (const struct ds_source *s; (s = ds_table_next(&c->sources, &walk));)
        for (unsigned i = 0; i < DS_SIGNATURE_COUNT; i++)
            r.confirmed[i] += s->confirmed >> i & 1;
    ds_counts_finish(c);
    free(c);
    ds_monitor_destroy(everything);
    return r;
}

static void expect_near(const char *what, uint64_t measured, double calculated)
{
    printf("# %s: calculated %.2f, measured %llu\n", what, calculated,
           (unsigned long long)measured);
    if (fabs((double)measured - calculated) > SIGMAS * sqrt(calculated) + 1)
        fail_msg("%s: calculated %.2f, measured %llu", what, calculated,
                 (unsigned long long)measured);
}

/* Of n independent packets of which each fits with this chance, at least two do. */
static double twice(double n, double chance)
{
    return 1 - pow(1 - chance, n) - n * chance * pow(1 - chance, n - 1);
}

static void expect_chance(const struct result *r, enum ds_signature s, double tries, double chance)
{
    char what[100];
    snprintf(what, sizeof what, "%s, packets", ds_signature_name(s));
    expect_near(what, r->matches[s], (double)r->sources * tries * chance);
    snprintf(what, sizeof what, "%s, confirmed sources of %llu", ds_signature_name(s),
             (unsigned long long)r->sources);
    expect_near(what, r->confirmed[s], (double)r->sources * twice(tries, chance));
}

/* A kernel's SYN: what chance alone gives. */
static void test_formulas(void **state)
{
    struct result r =
        run(&(struct syn){OPTIONS_LINUX, .flags_offset = DF, .window = 29200, .ttl = 50});
    expect_chance(&r, DS_SIGNATURE_MASSCAN, PACKETS_PER_SOURCE, 1 / FOLD);
    expect_chance(&r, DS_SIGNATURE_ZMAP, PACKETS_PER_SOURCE, 1 / FOLD);
    expect_chance(&r, DS_SIGNATURE_IRREGULAR_ID, PACKETS_PER_SOURCE, 1 / FOLD);
    assert_int_equal(r.matches[DS_SIGNATURE_MIRAI], 0); /* once in 2^32 */
    static const enum ds_signature never[] = {
        DS_SIGNATURE_MASSCAN_1024,      DS_SIGNATURE_MASSCAN_1025, DS_SIGNATURE_ZMAP_MODERN,
        DS_SIGNATURE_ZMAP_MODERN_OTHER, DS_SIGNATURE_NMAP,         DS_SIGNATURE_UNICORNSCAN};
    for (size_t i = 0; i < COUNT(never); i++)
        assert_int_equal(r.matches[never[i]], 0);
}

/* Who has a tool's shape but not its sequence numbers. */
static void test_relations(void **state)
{
    struct result r = run(&(struct syn){OPTIONS_MSS, .window = 1024, .ttl = 50});
    expect_chance(&r, DS_SIGNATURE_NMAP, PACKETS_PER_SOURCE - 1, 1 / FOLD);
    r = run(&(struct syn){OPTIONS_MSS, .window = 4128, .ttl = 250});
    expect_chance(&r, DS_SIGNATURE_UNICORNSCAN, PACKETS_PER_SOURCE - 1, 2 / FOLD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formulas),
        cmocka_unit_test(test_relations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
