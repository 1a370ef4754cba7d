/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets that ICMP errors quote: used where they are complete enough, else passed over, and never
 * a reason to call the error malformed.
 */
#include "packets.h"
#include "parse.h"

static const struct ds_hash_key key = {UINT64_C(0x1234567890abcdef), UINT64_C(0x9e3779b97f4a7c15)};

#define QUOTE4(proto) "4500 0028 1234 0000 40" proto "0000 0a000001 05060708"
#define QUOTE6(next)                                                                               \
    "6000 0000 0014" next "40 20010db8000100000000000000000002 20010db8000500000000000000000006"

struct quote {
    const char *name;
    const char *quoted;
    uint32_t enough; /* bytes of the quote from which on it is used; 0: never */
    uint8_t proto;
    uint16_t port;
};

/* clang-format off */
static const struct quote quotes4[] = {
    {"tcp", QUOTE4("06") "c000 0050 00000000", 24, 6, 80},
    {"udp", QUOTE4("11") "c000 0035 00000000", 24, 17, 53},
    {"options", "4600 0028 1234 0000 4011 0000 0a000001 05060708 01010101 c000 0035", 28, 17, 53},
    {"longest header", "4f00 0054 1234 0000 4011 0000 0a000001 05060708 "
     "01010101 01010101 01010101 01010101 01010101 01010101 01010101 01010101 01010101 01010101 c000 0035", 64, 17, 53},
    {"icmp", QUOTE4("01") "0800 1234", 22, 1, 0x0800},
    {"gre", QUOTE4("2f"), 20, 47, 0},
    {"protocol 0", QUOTE4("00") "00000000", 0, 0, 0},
    {"first fragment", "4500 0028 1234 2000 4011 0000 0a000001 05060708 c000 0035", 24, 17, 53},
    {"later fragment", "4500 0028 1234 0001 4011 0000 0a000001 05060708 c000 0035", 0, 0, 0},
    {"header length 4", "4400 0028 1234 0000 4011 0000 0a000001 05060708 c000 0035", 0, 0, 0},
    {"IPv6 in ICMP", QUOTE6("11") "c000 0035", 0, 0, 0},
};
static const struct quote quotes6[] = {
    {"tcp", QUOTE6("06") "c000 0050 00000000", 44, 6, 80},
    {"udp", QUOTE6("11") "c000 0035 00000000", 44, 17, 53},
    {"icmp6", QUOTE6("3a") "8000 1234", 42, 58, 0x8000},
    {"no next header", QUOTE6("3b"), 40, 59, 0},
    {"destination options", QUOTE6("3c") "1100 0104 00000000 c000 0035", 52, 17, 53},
    {"first fragment", QUOTE6("2c") "1100 0001 00000001 c000 0035", 52, 17, 53},
    {"later fragment", QUOTE6("2c") "1100 0008 00000001 c000 0035", 0, 0, 0},
    {"IPv4 in ICMPv6", QUOTE4("11") "c000 0035 00000000 00000000 00000000 00000000 00000000", 0, 0, 0},
};
/* clang-format on */

static struct bytes wrap(bool v6, uint8_t type, const struct bytes *quoted, uint32_t count)
{
    struct bytes b = {.count = 0};
    uint32_t start = v6 ? begin6(&b, 58, 1, 2) : begin4(&b, 1, TEST_SOURCE, TEST_DEST);
    put_number(&b, type, 1);
    put_hex(&b, "03 0000 00000000");
    put(&b, quoted->data, count);
    if (v6)
        end6(&b, start);
    else
        end4(&b, start);
    return b;
}

static struct ds_packet parse(const struct bytes *b, uint32_t captured)
{
    struct ds_packet p;
    uint8_t *data = exact_copy(b->data, captured);
    assert_int_equal(ds_parse(data, captured, &key, &p), DS_MALFORMED_COUNT);
    assert_false(p.truncated);
    free(data);
    return p;
}

static void expect(const struct quote *q, uint32_t bytes, const struct ds_packet *p)
{
    bool used = q->enough && bytes >= q->enough;
    uint8_t proto = used ? q->proto : 0;
    uint16_t port = used ? q->port : 0;
    if (p->quoted_proto != proto || p->quoted_port != port)
        fail_msg("%s, %u bytes: %u/%u, not %u/%u", q->name, bytes, p->quoted_proto, p->quoted_port,
                 proto, port);
    assert_int_equal(p->quoted_source_port, proto == 6 || proto == 17 ? 0xc000 : 0);
}

/* The addresses are there as soon as the header is, used or not. */
static void expect_header(const struct quote *q, uint32_t bytes, const struct ds_packet *p)
{
    bool there = p->proto == 1 && bytes >= 20 && q->quoted[0] == '4' && q->quoted[1] >= '5';
    assert_int_equal(p->has_quote4, there);
    assert_int_equal(p->quoted_source4, there ? 0x0a000001 : 0);
    assert_int_equal(p->quoted_dest4, there ? 0x05060708 : 0);
    assert_true(!there || p->quoted_proto == 0 || p->quoted_proto4 == q->proto);
}

/* The error quotes less and less, and the capture keeps less and less of it. */
static void check_quotes(bool v6, const struct quote *quotes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct bytes quoted = {.count = 0};
        put_hex(&quoted, quotes[i].quoted);
        for (uint32_t bytes = 0; bytes <= quoted.count; bytes++) {
            struct bytes b = wrap(v6, v6 ? 1 : 3, &quoted, bytes);
            struct ds_packet p = parse(&b, b.count);
            expect(&quotes[i], bytes, &p);
            expect_header(&quotes[i], bytes, &p);
            b = wrap(v6, v6 ? 1 : 3, &quoted, quoted.count);
            p = parse(&b, b.count - (quoted.count - bytes));
            expect(&quotes[i], bytes, &p);
            expect_header(&quotes[i], bytes, &p);
        }
    }
}

static void test_icmp(void **state)
{
    check_quotes(false, quotes4, COUNT(quotes4));
}

static void test_icmp6(void **state)
{
    check_quotes(true, quotes6, COUNT(quotes6));
}

/* Only errors quote: the same bytes behind any other type are its own data. */
static void test_types(void **state)
{
    struct bytes quoted = {.count = 0}, quoted6 = {.count = 0};
    put_hex(&quoted, quotes4[0].quoted);
    put_hex(&quoted6, quotes6[0].quoted);
    for (unsigned type = 0; type <= UINT8_MAX; type++) {
        bool is_error = type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
        struct bytes b = wrap(false, (uint8_t)type, &quoted, quoted.count);
        struct ds_packet p = parse(&b, b.count);
        assert_int_equal(p.quoted_proto, is_error ? 6 : 0);
        assert_int_equal(p.quoted_port, is_error ? 80 : 0);
        assert_int_equal(p.icmp_type, type);
        assert_int_equal(p.icmp_code, 3);
        b = wrap(true, (uint8_t)type, &quoted6, quoted6.count);
        p = parse(&b, b.count);
        assert_int_equal(p.quoted_proto, type >= 1 && type <= 4 ? 6 : 0);
    }
}

/* What is behind the packet's own end is padding, not a quote. */
static void test_padding(void **state)
{
    struct bytes quoted = {.count = 0};
    put_hex(&quoted, quotes4[0].quoted);
    struct bytes b = wrap(false, 3, &quoted, quoted.count);
    set16(&b, 2, 20 + 8 + 23);
    struct ds_packet p = parse(&b, b.count);
    assert_int_equal(p.quoted_proto, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_icmp),
        cmocka_unit_test(test_icmp6),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_padding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
