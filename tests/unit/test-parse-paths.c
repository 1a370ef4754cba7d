/* SPDX-License-Identifier: Apache-2.0
 *
 * The fast path of the parser gives what the careful one gives, field by field: for every change of
 * every byte of some packets, and for random packets that are nearly right.
 */
#include "packets.h"
#include "parse.h"

#define RANDOM_PACKETS 300000

static const struct ds_hash_key key = {UINT64_C(0x1234567890abcdef), UINT64_C(0x9e3779b97f4a7c15)};

#define SAME(field)                                                                                \
    if (a.field != b.field)                                                                        \
    fail_msg(#field " differs with %u captured: %llu by the fast path, %llu by the careful one",   \
             captured, (unsigned long long)a.field, (unsigned long long)b.field)

static void compare(const uint8_t *data, uint32_t captured)
{
    struct ds_packet a, b;
    memset(&a, 0xa5, sizeof a);
    memset(&b, 0x5a, sizeof b);
    enum ds_malformed reason = ds_parse(data, captured, &key, &a);
    assert_int_equal(reason, ds_parse_careful(data, captured, &key, &b));
    assert_in_range(reason, 0, DS_MALFORMED_COUNT);
    SAME(source_key);
    SAME(dest_key);
    SAME(source4);
    SAME(dest4);
    SAME(seq);
    SAME(total_bytes);
    SAME(ip_id);
    SAME(source_port);
    SAME(dest_port);
    SAME(window);
    SAME(proto);
    SAME(tcp_flags);
    SAME(tcp_header);
    SAME(ttl);
    SAME(icmp_type);
    SAME(icmp_code);
    SAME(quoted_proto);
    SAME(quoted_port);
    SAME(has_addresses);
    SAME(is_v6);
    SAME(fragment);
    SAME(truncated);
}

static struct bytes icmp_error(void)
{
    struct bytes b = {.count = 0}, quoted = syn4();
    uint32_t start = begin4(&b, 1, TEST_SOURCE, TEST_DEST);
    put_hex(&b, "0301 0000 00000000");
    put_bytes(&b, &quoted);
    end4(&b, start);
    return b;
}

static struct bytes udp4(void)
{
    struct bytes b = {.count = 0};
    uint32_t start = begin4(&b, 17, TEST_SOURCE, TEST_DEST);
    put_udp(&b, 53, 1234, 10);
    end4(&b, start);
    return b;
}

static struct bytes options4(void)
{
    struct bytes b = syn4();
    put_hex(&b, "020405b4 01010101");
    b.data[0] = 0x46;
    b.data[24 + 12] = 0x60;
    end4(&b, 0);
    return b;
}

static struct bytes extensions6(void)
{
    struct bytes b = {.count = 0};
    uint32_t start = begin6(&b, 0, 1, 2);
    put_hex(&b, "2c00 0104 00000000  0600 0001 00000007");
    put_tcp(&b, 1, 2, 3, 0x12);
    end6(&b, start);
    return b;
}

static void test_mutations(void **state)
{
    const struct bytes seeds[] = {syn4(), options4(), udp4(), icmp_error(), syn6(), extensions6()};
    for (size_t i = 0; i < COUNT(seeds); i++) {
        uint8_t *data = exact_copy(seeds[i].data, seeds[i].count);
        for (uint32_t at = 0; at < seeds[i].count; at++) {
            for (unsigned value = 0; value <= UINT8_MAX; value++) {
                data[at] = (uint8_t)value;
                compare(data, seeds[i].count);
            }
            data[at] = seeds[i].data[at];
        }
        free(data);
    }
}

static void test_cut_mutations(void **state)
{
    struct bytes seed = syn4();
    put_hex(&seed, "020405b4");
    for (uint32_t captured = 0; captured <= seed.count; captured++) {
        uint8_t *data = exact_copy(seed.data, captured);
        for (uint32_t at = 0; at < captured; at++) {
            for (unsigned bit = 0; bit < 8; bit++) {
                data[at] = (uint8_t)(seed.data[at] ^ 1u << bit);
                compare(data, captured);
            }
            data[at] = seed.data[at];
        }
        free(data);
    }
}

/* Random bytes with those that decide the way of the parser set to what is mostly right. */
static void test_random(void **state)
{
    uint64_t seed = 2;
    for (unsigned round = 0; round < RANDOM_PACKETS; round++) {
        uint8_t bytes[96];
        for (size_t i = 0; i < sizeof bytes; i += 8)
            memcpy(bytes + i, &(uint64_t){draw(&seed)}, 8);
        uint32_t captured = draw_below(&seed, sizeof bytes + 1);
        uint32_t chance = draw_below(&seed, 16);
        static const uint8_t protocols[] = {6, 6, 6, 17, 1, 58, 44, 0};
        bytes[0] = chance == 0 ? bytes[0] : chance < 12 ? 0x45 : chance < 14 ? 0x46 : 0x60;
        bytes[9] = protocols[draw_below(&seed, COUNT(protocols))];
        bytes[6] = bytes[6] & 7 ? 0x40 : bytes[6];
        bytes[7] = bytes[7] & 7 ? 0 : bytes[7];
        bytes[2] = bytes[2] & 15 ? 0 : bytes[2];
        bytes[3] = (uint8_t)draw_below(&seed, sizeof bytes + 8);
        bytes[32] = bytes[32] & 3 ? 0x50 : bytes[32];
        if (bytes[9] == 17 && draw_below(&seed, 8)) { /* UDP length */
            bytes[24] = 0;
            bytes[25] = (uint8_t)draw_below(&seed, sizeof bytes);
        }
        uint8_t *data = exact_copy(bytes, captured);
        compare(data, captured);
        free(data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_cut_mutations),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
