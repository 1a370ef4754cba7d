/* SPDX-License-Identifier: Apache-2.0
 *
 * The built-in signatures and the classes of devices, by the vectors of docs/signatures.md, and by
 * packets that miss each rule by one thing. tests/golden compares every packet with a second, slow
 * way to say the rules.
 */
#include "classify/classify.h"
#include "count.h"
#include "syns.h"

#define BIT(name) DS_SIGNATURE_BIT(name)

enum {
    PLAIN = BIT(IRREGULAR) | BIT(IRREGULAR_NO_OPTIONS),
    HIGH = BIT(IRREGULAR) | BIT(IRREGULAR_TTL),
    ID = BIT(ZMAP) | BIT(IRREGULAR) | BIT(IRREGULAR_ID),
};

static struct ds_verdict classify(const struct syn *s)
{
    struct bytes b;
    struct ds_packet p = syn_packet(s, &b);
    struct ds_verdict v;
    ds_classify(&p, &v);
    return v;
}

static void expect(const struct syn *s, uint32_t signatures, enum ds_device device)
{
    struct ds_verdict v = classify(s);
    if (v.signatures != signatures || v.device != device)
        fail_msg("window %u, options %s: 0x%x is not 0x%x, or %s not %s", s->window,
                 s->options ? s->options : "none", v.signatures, signatures,
                 ds_device_name(v.device), ds_device_name(device));
}

/* 10.0.0.1, port 80: 0x0001 ^ 0x0050 ^ 0x5678 = 0x5629. */
static void test_formulas(void **state)
{
    static const struct {
        uint32_t seq;
        uint16_t id;
        uint32_t signatures;
    } vectors[] = {
        {0x12345678, 0x5629, BIT(MASSCAN)},
        {0x12345678, 0x5628, 0},
        {TEST_DEST, 1, BIT(MIRAI)},
        {TEST_DEST + 1, 1, 0},
        {0x12345678, 54321, ID},
        {0x12345678, 54322, 0},
        {TEST_DEST, 54321, BIT(MIRAI) | ID},
        {TEST_DEST, 80, BIT(MIRAI) | BIT(MASSCAN)}, /* dst ^ dst leaves the port */
        {0xd460, 54321, BIT(MASSCAN) | ID},         /* 0x0001 ^ 0x0050 ^ 0xd460 = 0xd431 */
    };
    for (size_t i = 0; i < COUNT(vectors); i++)
        expect(&(struct syn){OPTIONS_MSS, vectors[i].seq, vectors[i].id, DF, 29200, .ttl = 50},
               vectors[i].signatures, DS_DEVICE_UNKNOWN);
}

/* Window, options, TTL, DF; then the same with one of them changed. */
static void test_shapes(void **state)
{
    static const struct {
        struct syn syn;
        uint32_t signatures;
        enum ds_device device;
    } vectors[] = {
        {{NULL, 7, 9, 0, 1024, .ttl = 240}, BIT(MASSCAN_1024) | PLAIN | HIGH, DS_DEVICE_TOOL},
        {{NULL, 7, 9, 0, 1024, .ttl = 200}, BIT(MASSCAN_1024) | PLAIN, DS_DEVICE_TOOL},
        {{NULL, 7, 9, 0, 1024, .ttl = 129}, BIT(MASSCAN_1024) | PLAIN, DS_DEVICE_TOOL},
        {{NULL, 7, 9, 0, 1024, .ttl = 128}, PLAIN, DS_DEVICE_UNKNOWN},
        {{NULL, 7, 9, DF, 1024, .ttl = 240}, PLAIN | HIGH, DS_DEVICE_UNKNOWN},
        {{NULL, 7, 9, 0, 1023, .ttl = 240}, PLAIN | HIGH, DS_DEVICE_TOOL},
        {{NULL, 7, 9, 0, 1024, .ttl = 240, .payload = 1}, PLAIN | HIGH, DS_DEVICE_UNKNOWN},
        {{OPTIONS_MSS, 7, 9, 0, 1025, .ttl = 240}, BIT(MASSCAN_1025) | HIGH, DS_DEVICE_TOOL},
        {{"020405b5", 7, 9, 0, 1025, .ttl = 240}, HIGH, DS_DEVICE_TOOL},
        {{OPTIONS_MSS, 7, 9, 0, 1024, .ttl = 240}, HIGH, DS_DEVICE_TOOL},
        {{NULL, 7, 9, 0, 1025, .ttl = 240}, PLAIN | HIGH, DS_DEVICE_TOOL},
        {{OPTIONS_WINDOWS, 7, 9, 0, 65535, .ttl = 64}, BIT(ZMAP_MODERN), DS_DEVICE_UNKNOWN},
        {{OPTIONS_WINDOWS, 7, 9, 0, 65535, .ttl = 65}, 0, DS_DEVICE_UNKNOWN},
        {{OPTIONS_WINDOWS, 7, 9, DF, 65535, .ttl = 64}, 0, DS_DEVICE_UNKNOWN},
        {{OPTIONS_WINDOWS, 7, 9, 0, 65534, .ttl = 64}, 0, DS_DEVICE_UNKNOWN},
        {{OPTIONS_LINUX, 7, 9, 0, 65535, .ttl = 40}, BIT(ZMAP_MODERN_OTHER), DS_DEVICE_UNKNOWN},
        {{OPTIONS_MAC, 7, 9, 0, 65535, .ttl = 40}, BIT(ZMAP_MODERN_OTHER), DS_DEVICE_UNKNOWN},
        {{OPTIONS_MSS, 7, 9, 0, 65535, .ttl = 40}, BIT(ZMAP_MODERN_OTHER), DS_DEVICE_UNKNOWN},
        {{OPTIONS_FREEBSD, 7, 9, 0, 65535, .ttl = 40}, 0, DS_DEVICE_UNKNOWN},
        {{OPTIONS_MSS, 7, 9, 0, 1024, .ttl = 30}, BIT(NMAP), DS_DEVICE_UNKNOWN},
        {{OPTIONS_MSS, 7, 9, 0, 2048, .ttl = 59}, BIT(NMAP), DS_DEVICE_UNKNOWN},
        {{OPTIONS_MSS, 7, 9, 0, 3072, .ttl = 59}, BIT(NMAP), DS_DEVICE_UNKNOWN},
        {{OPTIONS_MSS, 7, 9, 0, 4096, .ttl = 59}, BIT(NMAP), DS_DEVICE_UNKNOWN},
        {{OPTIONS_MSS, 7, 9, 0, 5120, .ttl = 59}, 0, DS_DEVICE_UNKNOWN},
        {{"020405b5", 7, 9, 0, 1024, .ttl = 59}, 0, DS_DEVICE_UNKNOWN},
        {{OPTIONS_MSS, 7, 9, 0, 4128, .ttl = 250}, BIT(UNICORNSCAN) | HIGH, DS_DEVICE_TOOL},
        {{"02040218", 7, 9, 0, 4128, .ttl = 250}, BIT(UNICORNSCAN) | HIGH, DS_DEVICE_TOOL},
        {{NULL, 7, 9, 0, 4128, .ttl = 250}, PLAIN | HIGH, DS_DEVICE_TOOL},
    };
    for (size_t i = 0; i < COUNT(vectors); i++)
        expect(&vectors[i].syn, vectors[i].signatures, vectors[i].device);
}

static void test_devices(void **state)
{
    static const struct {
        const char *options;
        uint8_t ttl;
        uint16_t flags, window;
        enum ds_device device;
    } vectors[] = {
        {OPTIONS_LINUX, 64, DF, 29200, DS_DEVICE_LINUX},
        {OPTIONS_LINUX, 1, DF, 64240, DS_DEVICE_LINUX},
        {OPTIONS_LINUX_PLAIN, 50, DF, 64240, DS_DEVICE_LINUX},
        {OPTIONS_LINUX, 50, DF, 14600, DS_DEVICE_LINUX_OLD},
        {OPTIONS_LINUX, 50, DF, 5840, DS_DEVICE_LINUX_OLD},
        {OPTIONS_LINUX_PLAIN, 50, DF, 5840, DS_DEVICE_LINUX_OLD},
        {OPTIONS_LINUX, 65, DF, 29200, DS_DEVICE_UNKNOWN},
        {OPTIONS_LINUX, 50, 0, 29200, DS_DEVICE_UNKNOWN},
        {OPTIONS_WINDOWS, 128, DF, 8192, DS_DEVICE_WINDOWS},
        {OPTIONS_WINDOWS, 65, DF, 64240, DS_DEVICE_WINDOWS},
        {OPTIONS_WINDOWS_PLAIN, 115, DF, 65535, DS_DEVICE_WINDOWS},
        {OPTIONS_WINDOWS, 64, DF, 8192, DS_DEVICE_UNKNOWN},
        {OPTIONS_WINDOWS, 129, DF, 8192, DS_DEVICE_UNKNOWN},
        {OPTIONS_WINDOWS, 115, 0, 8192, DS_DEVICE_UNKNOWN},
        {OPTIONS_MAC, 50, DF, 65535, DS_DEVICE_BSD_MAC},
        {OPTIONS_FREEBSD, 50, DF, 65535, DS_DEVICE_BSD_MAC},
        {OPTIONS_OPENBSD, 50, DF, 16384, DS_DEVICE_BSD_MAC},
        {OPTIONS_MAC, 120, DF, 65535, DS_DEVICE_UNKNOWN},
        {NULL, 50, 0, 12345, DS_DEVICE_EMBEDDED},
        {NULL, 64, 0, 12345, DS_DEVICE_EMBEDDED},
        {NULL, 65, 0, 12345, DS_DEVICE_UNKNOWN},
        {NULL, 50, DF, 12345, DS_DEVICE_UNKNOWN},
        {NULL, 240, 0, 12345, DS_DEVICE_TOOL},
        {OPTIONS_MSS, 240, 0, 12345, DS_DEVICE_TOOL},
        {OPTIONS_LINUX, 240, 0, 12345, DS_DEVICE_UNKNOWN},
    };
    for (size_t i = 0; i < COUNT(vectors); i++) {
        const struct syn s = {vectors[i].options,   7, 9, vectors[i].flags, vectors[i].window,
                              .ttl = vectors[i].ttl};
        struct ds_verdict v = classify(&s);
        if (v.device != vectors[i].device)
            fail_msg("vector %zu is %s", i, ds_device_name(v.device));
    }
}

/* Every byte of every known layout is looked at: but for MSS, scale and times, none may change. */
static void test_layouts_are_whole(void **state)
{
    static const struct {
        const char *options;
        uint8_t ttl;
        const char *varies; /* a digit for each byte, 1: may change */
    } layouts[] = {
        {OPTIONS_LINUX, 64, "00110000111111110001"},
        {OPTIONS_LINUX_PLAIN, 64, "001100000001"},
        {OPTIONS_WINDOWS, 128, "001100010000"},
        {OPTIONS_WINDOWS_PLAIN, 128, "00110000"},
        {OPTIONS_MAC, 64, "001100010000111111110000"},
        {OPTIONS_FREEBSD, 64, "00110001000011111111"},
        {OPTIONS_OPENBSD, 64, "001100000001000011111111"},
    };
    for (size_t i = 0; i < COUNT(layouts); i++) {
        const struct syn s = {layouts[i].options, 7, 9, DF, 12345, .ttl = layouts[i].ttl};
        unsigned known = classify(&s).device;
        assert_int_not_equal(known, DS_DEVICE_UNKNOWN);
        for (size_t at = 0; layouts[i].varies[at]; at++)
            for (unsigned bit = 0; bit < 8; bit++) {
                struct bytes b = syn_bytes(&s);
                struct ds_packet p;
                struct ds_verdict v;
                b.data[40 + at] ^= (uint8_t)(1u << bit);
                assert_int_equal(ds_parse(b.data, b.count, NULL, &p), DS_MALFORMED_COUNT);
                ds_classify(&p, &v);
                assert_int_equal(v.device,
                                 layouts[i].varies[at] == '1' ? known : DS_DEVICE_UNKNOWN);
            }
    }
}

/* A header that the capture cut: only what does not need its options is said. */
static void test_cut_options(void **state)
{
    const struct syn s = {OPTIONS_WINDOWS, TEST_DEST, 54321, 0, 65535, .ttl = 64};
    struct bytes b = syn_bytes(&s);
    for (uint32_t count = 34; count <= b.count; count++) {
        uint8_t *copy = exact_copy(b.data, count);
        struct ds_packet p;
        struct ds_verdict v;
        assert_int_equal(ds_parse(copy, count, NULL, &p), DS_MALFORMED_COUNT);
        ds_classify(&p, &v);
        bool whole = count == b.count;
        assert_int_equal(v.signatures, BIT(MIRAI) | ID | (whole ? BIT(ZMAP_MODERN) : 0));
        free(copy);
    }
    const struct syn plain = {NULL, 7, 9, 0, 1024, .ttl = 240};
    b = syn_bytes(&plain);
    struct ds_packet p;
    struct ds_verdict v;
    assert_int_equal(ds_parse(b.data, 34, NULL, &p), DS_MALFORMED_COUNT);
    ds_classify(&p, &v);
    assert_int_equal(v.signatures, PLAIN | HIGH); /* the window is not there */
}

/* A signature is about probes: none on an answer, a bare ACK, another protocol or, but for what is
 * irregular, IPv6. */
static void test_no_signature(void **state)
{
    enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };
    for (unsigned flags = 1; flags <= UINT8_MAX; flags++) {
        const struct syn s = {NULL, TEST_DEST, 54321, 0, 9, .ttl = 64, .flags = (uint8_t)flags};
        struct ds_verdict v = classify(&s);
        bool is_syn = (flags & (FIN | SYN | RST | ACK)) == SYN;
        assert_int_equal(v.signatures, is_syn ? BIT(MIRAI) | ID | PLAIN : 0);
        assert_int_equal(v.device, is_syn ? DS_DEVICE_EMBEDDED : DS_DEVICE_NONE);
    }
    struct bytes b = syn6();
    struct ds_packet p;
    struct ds_verdict v;
    static const struct ds_hash_key key = {1, 3};
    assert_int_equal(ds_parse(b.data, b.count, &key, &p), DS_MALFORMED_COUNT);
    ds_classify(&p, &v);
    assert_int_equal(v.signatures, PLAIN);
    /* IPv6 has neither an id nor IPv4 addresses: all 0 would agree with each other. */
    struct ds_packet zero = {.proto = 6, .tcp_flags = SYN, .is_v6 = true, .tcp_header = 24};
    ds_classify(&zero, &v);
    assert_int_equal(v.signatures, 0);
}

static void test_experimental(void **state)
{
    static const struct {
        struct syn syn;
        uint32_t signatures;
    } vectors[] = {
        {{NULL, 0x12340000, 9, 0, 14600, .ttl = 64}, BIT(HAJIME)},
        {{NULL, 0x00001234, 9, 0, 14600, .ttl = 64}, BIT(HAJIME)},
        {{NULL, 0x12340001, 9, 0, 14600, .ttl = 64}, 0},
        {{NULL, 0x12340000, 9, 0, 14601, .ttl = 64}, 0},
        {{NULL, TEST_DEST, 9, 0, 99, .ttl = 64, .dest_port = 5555}, BIT(ADB_MINER)},
        {{NULL, TEST_DEST, 9, 0, 99, .ttl = 64, .dest_port = 37215}, BIT(SATORI)},
        {{NULL, TEST_DEST, 9, 0, 99, .ttl = 64, .dest_port = 52869}, BIT(SATORI)},
        {{NULL, TEST_DEST, 9, 0, 99, .ttl = 64, .dest_port = 23}, 0},
        {{NULL, TEST_DEST + 1, 9, 0, 99, .ttl = 64, .dest_port = 5555}, 0},
    };
    for (size_t i = 0; i < COUNT(vectors); i++) {
        struct bytes b;
        struct ds_packet p = syn_packet(&vectors[i].syn, &b);
        struct ds_verdict v;
        ds_classify(&p, &v);
        assert_int_equal(v.signatures & ~(BIT(MIRAI) | PLAIN), 0);
        assert_int_equal(ds_syn_experimental(&p, v.signatures), vectors[i].signatures);
    }
}

/* Which of a source's packets with these sequence numbers stand. */
static uint32_t relate(struct ds_relation *last, uint32_t signature, uint32_t seq, uint32_t dest)
{
    struct ds_packet p = {.seq = seq, .dest4 = dest, .dest_port = 80, .source_port = 40000};
    struct ds_counts *c = calloc(1, sizeof *c);
    assert_non_null(c);
    struct ds_hit h = {.counts = c,
                       .signatures = (uint16_t)(signature | BIT(IRREGULAR)),
                       .relation = ds_syn_relation(&p, signature)};
    ds_count_related(last, &h);
    assert_true(h.signatures & BIT(IRREGULAR)); /* the others are left alone */
    uint32_t stands = h.signatures & ~BIT(IRREGULAR);
    for (unsigned i = 0; i < DS_SIGNATURE_COUNT; i++)
        assert_int_equal(c->related[i], stands >> i & 1);
    free(c);
    return stands;
}

static void test_nmap_relation(void **state)
{
    const uint32_t mask = 0xdeadbeef, nmap = BIT(NMAP);
    struct ds_relation last = {0};
    assert_int_equal(relate(&last, nmap, mask, 1), 0); /* the first has none to agree with */
    assert_int_equal(relate(&last, nmap, mask, 2), nmap);
    assert_int_equal(relate(&last, nmap, mask ^ 0x00010001, 3), nmap);
    assert_int_equal(relate(&last, nmap, mask ^ 0x00020002, 4), nmap);
    assert_int_equal(relate(&last, nmap, mask ^ 0x00020001, 5), 0);
    assert_int_equal(relate(&last, nmap, mask, 6), 0);
    assert_int_equal(relate(&last, nmap, mask, 7), nmap);
    last = (struct ds_relation){0};
    assert_int_equal(relate(&last, nmap, 0x12341234, 1), 0); /* equal halves are not "none" */
    assert_int_equal(relate(&last, nmap, 0x56785678, 1), nmap);
}

static void test_unicornscan_relation(void **state)
{
    const uint32_t key = 0xcafe1234, ports = (80u << 16) + 40000, unicornscan = BIT(UNICORNSCAN);
    for (int swapped = 0; swapped < 2; swapped++) {
        struct ds_relation last = {0};
        for (uint32_t dest = 0x0a000001; dest < 0x0a000010; dest++) {
            uint32_t seq = key ^ ports ^ (swapped ? __builtin_bswap32(dest) : dest);
            assert_int_equal(relate(&last, unicornscan, seq, dest),
                             dest == 0x0a000001 ? 0 : unicornscan);
        }
        assert_int_equal(relate(&last, unicornscan, 99, 0x0a000010), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formulas),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_layouts_are_whole),
        cmocka_unit_test(test_cut_options),
        cmocka_unit_test(test_no_signature),
        cmocka_unit_test(test_experimental),
        cmocka_unit_test(test_nmap_relation),
        cmocka_unit_test(test_unicornscan_relation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
