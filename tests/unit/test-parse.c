/* SPDX-License-Identifier: Apache-2.0
 *
 * Every kind of header, at every captured length and at every total length. What a packet must
 * come out as is written down in a table, by the byte at which its answer changes.
 */
#include "packets.h"
#include "parse.h"

static const struct ds_hash_key key = {UINT64_C(0x1234567890abcdef), UINT64_C(0x9e3779b97f4a7c15)};

/* A packet as hex; lengths in it are written by the test. From byte `cut_from` captured on the
 * packet is no longer truncated; from `whole_from` of total length on it is well formed, and
 * below that the reason is `reason`. */
struct kind {
    const char *name;
    const char *header; /* IP header with extension headers */
    const char *payload;
    uint32_t captured_enough; /* bytes of payload */
    uint32_t total_enough;    /* bytes of payload */
    enum ds_malformed reason;
};

#define IP4(proto)         "4500 0000 1234 0000 40" proto "0000 01020304 0a000001"
#define IP4_OPTIONS(proto) "4700 0000 1234 0000 40" proto "0000 01020304 0a000001 0101010101010101"
#define IP4_FIRST(proto)   "4500 0000 1234 2000 40" proto "0000 01020304 0a000001"
#define IP6(next)                                                                                  \
    "6000 0000 0000" next "40 20010db8000000000000000000000001 20010db8000100000000000000000002"
#define TCP      "9c40 0017 12345678 00000000 50 02 ffff 0000 0000"
#define TCP_LONG "9c40 0017 12345678 00000000 70 02 ffff 0000 0000 020405b4 01010101"
#define UDP      "9c40 0035 0010 0000 0102030405060708"

/* clang-format off */
static const struct kind kinds[] = {
    {"tcp", IP4("06"), TCP, 14, 20, DS_MALFORMED_TCP_SHORT},
    {"tcp, options", IP4_OPTIONS("06"), TCP, 14, 20, DS_MALFORMED_TCP_SHORT},
    {"tcp, first fragment", IP4_FIRST("06"), TCP, 14, 20, DS_MALFORMED_TCP_SHORT},
    {"udp", IP4("11"), UDP, 8, 16, DS_MALFORMED_UDP_LENGTH},
    {"udp, first fragment", IP4_FIRST("11"), UDP, 8, 8, DS_MALFORMED_UDP_SHORT},
    {"icmp", IP4("01"), "08 00 1234 00010002", 2, 8, DS_MALFORMED_ICMP_SHORT},
    {"icmp in an unknown type", IP4_OPTIONS("01"), "ff 07 1234 00010002", 2, 8, DS_MALFORMED_ICMP_SHORT},
    {"gre", IP4("2f"), "0000 0800", 0, 0, DS_MALFORMED_COUNT},
    {"tcp over IPv6", IP6("06"), TCP, 14, 20, DS_MALFORMED_TCP_SHORT},
    {"udp over IPv6", IP6("11"), UDP, 8, 16, DS_MALFORMED_UDP_LENGTH},
    {"icmp6", IP6("3a"), "80 00 1234 00010002", 2, 4, DS_MALFORMED_ICMP_SHORT},
    {"no next header", IP6("3b"), "01020304", 0, 0, DS_MALFORMED_COUNT},
    {"first fragment over IPv6", IP6("2c") "11 00 0001 00000001", UDP, 8, 8, DS_MALFORMED_UDP_SHORT},
};
/* clang-format on */

static uint32_t header_bytes(const struct kind *k)
{
    struct bytes b = {.count = 0};
    put_hex(&b, k->header);
    return b.count;
}

static struct bytes build(const struct kind *k)
{
    struct bytes b = {.count = 0};
    put_hex(&b, k->header);
    put_hex(&b, k->payload);
    return b;
}

static void set_total(struct bytes *b, uint32_t total)
{
    if (b->data[0] >> 4 == 4)
        set16(b, 2, total);
    else
        set16(b, 4, total - 40);
}

static enum ds_malformed parse(const struct bytes *b, uint32_t captured, struct ds_packet *p)
{
    uint8_t *data = exact_copy(b->data, captured);
    enum ds_malformed reason = ds_parse(data, captured, &key, p);
    free(data);
    return reason;
}

static void expect(const struct kind *k, const char *what, uint32_t bytes, int found, int expected)
{
    if (found != expected)
        fail_msg("%s, %s %u: %d, not %d", k->name, what, bytes, found, expected);
}

static void test_every_captured_length(void **state)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        const struct kind *k = &kinds[i];
        struct bytes b = build(k);
        uint32_t header = header_bytes(k), fixed = b.data[0] >> 4 == 4 ? 20 : 40;
        set_total(&b, b.count);
        for (uint32_t captured = 0; captured <= b.count; captured++) {
            struct ds_packet p;
            enum ds_malformed reason = parse(&b, captured, &p);
            expect(k, "captured", captured, reason,
                   captured < fixed ? DS_MALFORMED_IP_SHORT : DS_MALFORMED_COUNT);
            expect(k, "captured", captured, p.has_addresses, captured >= fixed);
            if (reason != DS_MALFORMED_COUNT)
                continue;
            expect(k, "captured", captured, p.truncated,
                   captured < (k->captured_enough ? header + k->captured_enough : 0));
            assert_int_equal(p.total_bytes, b.count);
            assert_false(p.truncated && (p.source_port || p.dest_port || p.tcp_flags));
        }
    }
}

static void test_every_total_length(void **state)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        const struct kind *k = &kinds[i];
        struct bytes b = build(k);
        uint32_t header = header_bytes(k), fixed = b.data[0] >> 4 == 4 ? header : 40;
        uint32_t full = b.count;
        put_zeros(&b, 8); /* padding of the link */
        for (uint32_t total = b.data[0] >> 4 == 4 ? 0 : 40; total <= full + 1; total++) {
            struct ds_packet p;
            set_total(&b, total);
            enum ds_malformed expected = DS_MALFORMED_COUNT;
            if (total < fixed)
                expected = DS_MALFORMED_IP_TOTAL_LENGTH;
            else if (total < header)
                expected = DS_MALFORMED_IP6_EXTENSION;
            else if (k->reason == DS_MALFORMED_UDP_LENGTH && total < header + 8)
                expected = DS_MALFORMED_UDP_SHORT;
            else if (total < header + k->total_enough)
                expected = k->reason;
            expect(k, "total", total, parse(&b, b.count, &p), expected);
            assert_true(p.has_addresses && !p.truncated);
        }
    }
}

static void test_fields(void **state)
{
    struct bytes b = build(&kinds[1]);
    struct ds_packet p;
    set_total(&b, b.count);
    assert_int_equal(parse(&b, b.count, &p), DS_MALFORMED_COUNT);
    assert_int_equal(p.source4, 0x01020304);
    assert_int_equal(p.dest4, 0x0a000001);
    assert_int_equal(p.source_key, 0x01020304);
    assert_int_equal(p.dest_key, 0x0a000001);
    assert_int_equal(p.seq, 0x12345678);
    assert_int_equal(p.ip_id, 0x1234);
    assert_int_equal(p.source_port, 40000);
    assert_int_equal(p.dest_port, 23);
    assert_int_equal(p.window, 0xffff);
    assert_int_equal(p.proto, 6);
    assert_int_equal(p.tcp_flags, 2);
    assert_int_equal(p.tcp_header, 20);
    assert_int_equal(p.ttl, 64);
    assert_int_equal(p.total_bytes, 48);
    assert_false(p.is_v6 || p.fragment || p.truncated);
    /* The window stands in bytes 14 and 15 of the TCP header, and may be cut off. */
    assert_int_equal(parse(&b, 28 + 15, &p), DS_MALFORMED_COUNT);
    assert_int_equal(p.window, 0);
    assert_int_equal(parse(&b, 28 + 16, &p), DS_MALFORMED_COUNT);
    assert_int_equal(p.window, 0xffff);
}

static void test_fields6(void **state)
{
    struct bytes b = syn6();
    struct ds_packet p;
    assert_int_equal(parse(&b, b.count, &p), DS_MALFORMED_COUNT);
    assert_true(p.is_v6);
    assert_true(p.source_key == ds_hash_ip6(&key, b.data + 8));
    assert_true(p.dest_key == ds_hash_ip6(&key, b.data + 24));
    assert_int_equal(p.source4 | p.dest4 | p.ip_id, 0);
    assert_int_equal(p.total_bytes, 60);
    assert_int_equal(p.dest_port, 23);
    set16(&b, 4, 0xffff); /* 40 more than 16 bits hold */
    assert_int_equal(parse(&b, b.count, &p), DS_MALFORMED_COUNT);
    assert_int_equal(p.total_bytes, 0xffff);
}

static void test_ip4_header(void **state)
{
    struct ds_packet p;
    for (uint32_t ihl = 0; ihl < 16; ihl++) {
        struct bytes b = {.count = 0};
        put_hex(&b, IP4("2f"));
        put_zeros(&b, 20);
        set16(&b, 2, 40);
        b.data[0] = (uint8_t)(0x40 | ihl);
        assert_int_equal(parse(&b, b.count, &p), ihl < 5    ? DS_MALFORMED_IP_HEADER_LENGTH
                                                 : ihl > 10 ? DS_MALFORMED_IP_TOTAL_LENGTH
                                                            : DS_MALFORMED_COUNT);
    }
    for (uint32_t version = 0; version < 16; version++) {
        struct bytes b = syn4();
        b.data[0] = (uint8_t)(version << 4 | 5);
        if (version == 4 || version == 6)
            continue;
        assert_int_equal(parse(&b, b.count, &p), DS_MALFORMED_IP_VERSION);
        assert_false(p.has_addresses);
    }
}

static void test_tcp_offset(void **state)
{
    struct ds_packet p;
    for (uint32_t offset = 0; offset < 16; offset++)
        for (uint32_t room = 20; room <= 60; room++) {
            struct bytes b = {.count = 0};
            uint32_t start = begin4(&b, 6, TEST_SOURCE, TEST_DEST);
            put_tcp(&b, 1, 2, 3, 2);
            put_zeros(&b, room - 20);
            end4(&b, start);
            b.data[20 + 12] = (uint8_t)(offset << 4);
            bool good = offset >= 5 && offset * 4 <= room;
            assert_int_equal(parse(&b, b.count, &p),
                             good ? DS_MALFORMED_COUNT : DS_MALFORMED_TCP_OFFSET);
            assert_int_equal(p.tcp_header, good ? offset * 4 : 0);
            /* A capture that keeps the flags only needs no more than the flags. */
            assert_int_equal(parse(&b, 20 + 14, &p),
                             good ? DS_MALFORMED_COUNT : DS_MALFORMED_TCP_OFFSET);
        }
}

static void test_udp_length(void **state)
{
    struct ds_packet p;
    for (uint32_t length = 0; length <= 40; length++) {
        struct bytes b = {.count = 0};
        uint32_t start = begin4(&b, 17, TEST_SOURCE, TEST_DEST);
        put_udp(&b, 1, 2, 12);
        end4(&b, start);
        set16(&b, 20 + 4, length);
        assert_int_equal(parse(&b, b.count, &p),
                         length < 8 || length > 20 ? DS_MALFORMED_UDP_LENGTH : DS_MALFORMED_COUNT);
        b.data[6] = 0x20; /* a first fragment holds less than its datagram */
        assert_int_equal(parse(&b, b.count, &p),
                         length < 8 ? DS_MALFORMED_UDP_LENGTH : DS_MALFORMED_COUNT);
    }
}

/* Later fragments have no transport header: whatever is there is not read. */
static void test_later_fragments(void **state)
{
    struct ds_packet p;
    for (uint32_t offset = 1; offset <= 0x1fff; offset += offset < 16 ? 1 : 97) {
        struct bytes b = syn4();
        set16(&b, 6, offset);
        assert_int_equal(parse(&b, b.count, &p), DS_MALFORMED_COUNT);
        assert_true(p.fragment && !p.truncated);
        assert_int_equal(p.dest_port | p.tcp_flags, 0);
        assert_int_equal(p.proto, 6);
    }
    struct bytes b = {.count = 0};
    uint32_t start = begin6(&b, 44, 1, 2);
    put_hex(&b, "3c00 0008 00000001 ffff"); /* next would be destination options */
    end6(&b, start);
    assert_int_equal(parse(&b, b.count, &p), DS_MALFORMED_COUNT);
    assert_true(p.fragment);
    assert_int_equal(p.proto, 60);
}

/* A chain of extension headers of the given kinds, all of them 8 or more bytes, and a UDP header.
 * The last is a later fragment where `later`. */
static struct bytes chain(const uint8_t *kinds_of, unsigned count, bool later)
{
    struct bytes b = {.count = 0};
    uint32_t start = begin6(&b, count ? kinds_of[0] : 17, 1, 2);
    for (unsigned i = 0; i < count; i++) {
        put_number(&b, i + 1 < count ? kinds_of[i + 1] : later ? 60 : 17, 1);
        if (kinds_of[i] == 44) {
            put_hex(&b, "00");
            put_number(&b, later && i + 1 == count ? 8 : 0, 2);
            put_number(&b, 1, 4);
        } else if (kinds_of[i] == 51) {
            put_hex(&b, "02 0000"); /* (2 + 2) * 4 bytes */
            put_zeros(&b, 12);
        } else {
            put_hex(&b, "01 0104"); /* (1 + 1) * 8 bytes */
            put_zeros(&b, 12);
        }
    }
    put_udp(&b, 1000, 2000, 0);
    end6(&b, start);
    return b;
}

static void test_ip6_chains(void **state)
{
    static const uint8_t known[] = {0, 43, 44, 51, 60, 135, 139, 140};
    uint64_t seed = 1;
    for (unsigned round = 0; round < 300; round++) {
        uint8_t kinds_of[DS_PARSE_IP6_EXTENSIONS_MAX + 1];
        unsigned count = round % (COUNT(kinds_of) + 1);
        for (unsigned i = 0; i < count; i++)
            kinds_of[i] = known[draw_below(&seed, COUNT(known))];
        struct bytes b = chain(kinds_of, count, false);
        for (uint32_t captured = 40; captured <= b.count; captured++) {
            struct ds_packet p;
            enum ds_malformed reason = parse(&b, captured, &p);
            if (count > DS_PARSE_IP6_EXTENSIONS_MAX && captured == b.count)
                assert_int_equal(reason, DS_MALFORMED_IP6_EXTENSION);
            if (count > DS_PARSE_IP6_EXTENSIONS_MAX)
                continue;
            assert_int_equal(reason, DS_MALFORMED_COUNT);
            assert_int_equal(p.truncated, captured < b.count);
            assert_int_equal(p.dest_port, captured < b.count ? 0 : 2000);
        }
        if (count > DS_PARSE_IP6_EXTENSIONS_MAX)
            continue;
        for (uint32_t total = 40; total < b.count; total++) { /* the packet itself ends early */
            struct ds_packet p;
            set_total(&b, total);
            assert_int_equal(parse(&b, b.count, &p), total < b.count - 8
                                                         ? DS_MALFORMED_IP6_EXTENSION
                                                         : DS_MALFORMED_UDP_SHORT);
        }
    }
}

/* Behind a later fragment's header is data, also where it is the last header that is allowed. */
static void test_fragment_at_the_limit(void **state)
{
    uint8_t kinds_of[DS_PARSE_IP6_EXTENSIONS_MAX + 1];
    memset(kinds_of, 60, sizeof kinds_of);
    for (unsigned count = 1; count <= COUNT(kinds_of); count++) {
        kinds_of[count - 1] = 44;
        struct bytes b = chain(kinds_of, count, true);
        struct ds_packet p;
        enum ds_malformed reason = parse(&b, b.count, &p);
        kinds_of[count - 1] = 60;
        if (count > DS_PARSE_IP6_EXTENSIONS_MAX) {
            assert_int_equal(reason, DS_MALFORMED_IP6_EXTENSION);
            continue;
        }
        assert_int_equal(reason, DS_MALFORMED_COUNT);
        assert_true(p.fragment);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_captured_length),
        cmocka_unit_test(test_every_total_length),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_fields6),
        cmocka_unit_test(test_ip4_header),
        cmocka_unit_test(test_tcp_offset),
        cmocka_unit_test(test_udp_length),
        cmocka_unit_test(test_later_fragments),
        cmocka_unit_test(test_ip6_chains),
        cmocka_unit_test(test_fragment_at_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
