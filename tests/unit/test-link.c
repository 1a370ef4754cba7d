/* SPDX-License-Identifier: Apache-2.0
 *
 * Every link layer, cut at every length; what is no IP; how deep tags may nest.
 */
#include "link.h"
#include "packets.h"

struct layer {
    const char *name;
    uint16_t link;
    uint8_t version; /* of the IP packet behind it */
    const char *header;
};

/* clang-format off */
static const struct layer layers[] = {
    {"ethernet", 1, 4, "000102030405 060708090a0b 0800"},
    {"ethernet, IPv6", 1, 6, "000102030405 060708090a0b 86dd"},
    {"vlan", 1, 4, "000102030405 060708090a0b 8100 0064 0800"},
    {"vlan, IPv6", 1, 6, "000102030405 060708090a0b 8100 0064 86dd"},
    {"qinq", 1, 4, "000102030405 060708090a0b 88a8 0001 8100 0002 0800"},
    {"old qinq", 1, 4, "000102030405 060708090a0b 9100 0001 9100 0002 8100 0003 0800"},
    {"mpls", 1, 4, "000102030405 060708090a0b 8847 00010140"},
    {"mpls stack", 1, 6, "000102030405 060708090a0b 8847 00010040 00020040 00030140"},
    {"mpls upstream, vlan", 1, 4, "000102030405 060708090a0b 8100 0001 8848 00010040 00020140"},
    {"pppoe", 1, 4, "000102030405 060708090a0b 8864 1100 0001 002a 0021"},
    {"pppoe, IPv6", 1, 6, "000102030405 060708090a0b 8864 1100 0001 003e 0057"},
    {"pppoe, vlan, mpls", 1, 4, "000102030405 060708090a0b 8100 0001 8864 1100 0001 002e 0281 00010140"},
    {"sll", 113, 4, "0000 0001 0006 060708090a0b 0000 0800"},
    {"sll, vlan, IPv6", 113, 6, "0000 0001 0006 060708090a0b 0000 8100 0001 86dd"},
    {"sll2", 276, 4, "0800 0000 00000002 0001 00 06 060708090a0b 0000"},
    {"sll2, vlan, IPv6", 276, 6, "8100 0000 00000002 0001 00 06 060708090a0b 0000 0001 86dd"},
    {"null, little-endian", 0, 4, "02000000"},
    {"null, big-endian", 0, 4, "00000002"},
    {"null, IPv6 of NetBSD", 0, 6, "18000000"},
    {"null, IPv6 of FreeBSD", 0, 6, "1c000000"},
    {"null, IPv6 of macOS, big-endian", 0, 6, "0000001e"},
    {"null, IPv6 of Linux", 0, 6, "0a000000"},
    {"loop", 108, 4, "00000002"},
    {"loop, IPv6", 108, 6, "00000018"},
    {"ppp", 9, 4, "0021"},
    {"ppp, IPv6", 9, 6, "0057"},
    {"ppp with address and control", 9, 4, "ff03 0021"},
    {"ppp hdlc, IPv6", 50, 6, "ff03 0057"},
    {"ppp, mpls", 50, 4, "ff03 0281 00010140"},
    {"ppp ether", 51, 4, "1100 0001 002a 0021"},
    {"raw", 101, 4, ""},
    {"raw, IPv6", 101, 6, ""},
    {"ipv4", 228, 4, ""},
    {"ipv6", 229, 6, ""},
};
/* clang-format on */

static enum ds_malformed strip(uint16_t link, const struct bytes *b, uint32_t captured,
                               struct ds_network *out)
{
    uint8_t *data = exact_copy(b->data, captured);
    struct ds_frame frame = {data, captured, b->count, 0, link};
    enum ds_malformed reason = ds_link_strip(&frame, 0, out);
    struct ds_network fast;
    assert_int_equal(ds_link_strip_fast(&frame, 0, &fast), reason);
    if (reason == DS_MALFORMED_COUNT) {
        assert_ptr_equal(fast.data, out->data);
        assert_int_equal(fast.captured, out->captured);
        assert_memory_equal(out->data, b->data + (captured - out->captured), out->captured);
    }
    free(data);
    return reason;
}

static void test_every_cut(void **state)
{
    for (size_t i = 0; i < COUNT(layers); i++) {
        struct bytes b = {.count = 0}, ip = layers[i].version == 4 ? syn4() : syn6();
        put_hex(&b, layers[i].header);
        uint32_t header = b.count;
        put_bytes(&b, &ip);
        for (uint32_t captured = 0; captured <= b.count; captured++) {
            struct ds_network n;
            enum ds_malformed reason = strip(layers[i].link, &b, captured, &n);
            enum ds_malformed expected = captured < header    ? DS_MALFORMED_LINK_SHORT
                                         : captured == header ? DS_MALFORMED_IP_SHORT
                                                              : DS_MALFORMED_COUNT;
            if (reason != expected)
                fail_msg("%s, %u captured: %d, not %d", layers[i].name, captured, reason, expected);
            if (reason == DS_MALFORMED_COUNT) {
                assert_int_equal(n.captured, captured - header);
            }
        }
    }
}

/* The protocol field of one byte: nothing less than two bytes can be told from a cut. */
static void test_ppp_short_protocol(void **state)
{
    static const char *const headers[] = {"21", "ff03 21"};
    for (size_t i = 0; i < COUNT(headers); i++) {
        struct bytes b = {.count = 0}, ip = syn4();
        put_hex(&b, headers[i]);
        uint32_t header = b.count;
        put_bytes(&b, &ip);
        for (uint32_t captured = 0; captured <= b.count; captured++) {
            struct ds_network n;
            assert_int_equal(strip(9, &b, captured, &n),
                             captured <= header ? DS_MALFORMED_LINK_SHORT : DS_MALFORMED_COUNT);
        }
    }
}

/* A header in front of 40 zero bytes. */
static enum ds_malformed strip_hex(uint16_t link, const char *hex)
{
    struct bytes b = {.count = 0};
    struct ds_network n;
    put_hex(&b, hex);
    put_zeros(&b, 40);
    return strip(link, &b, b.count, &n);
}

static void test_not_ip(void **state)
{
    static const struct {
        uint16_t link;
        const char *header;
    } others[] = {
        {1, "000102030405 060708090a0b 0806"},           /* ARP */
        {1, "000102030405 060708090a0b 88cc"},           /* LLDP */
        {1, "000102030405 060708090a0b 0026"},           /* 802.3 length */
        {1, "000102030405 060708090a0b 8100 0001 0806"}, /* ARP in a VLAN */
        {1, "000102030405 060708090a0b 8863 1109"},      /* PPPoE discovery */
        {1, "000102030405 060708090a0b 8864 2100 0001 002a 0021"},
        {1, "000102030405 060708090a0b 8864 1109 0001 002a 0021"},
        {9, "c021"},
        {9, "ff03 c021"},
        {9, "fd"},
        {51, "1100 0001 002a c021"},
        {0, "07000000"},
        {108, "00000007"},
        {113, "0000 0001 0006 060708090a0b 0000 0806"},
        {276, "0806 0000 00000002 0001 00 06 060708090a0b 0000"},
        {147, ""}, /* no link type that is read */
        {105, ""},
    };
    for (size_t i = 0; i < COUNT(others); i++)
        assert_int_equal(strip_hex(others[i].link, others[i].header), DS_MALFORMED_NOT_IP);
}

static void test_wrong_version(void **state)
{
    static const struct {
        uint16_t link;
        const char *header;
    } wrong[] = {
        {1, "000102030405 060708090a0b 0800 60"},
        {1, "000102030405 060708090a0b 86dd 45"},
        {1, "000102030405 060708090a0b 0800 55"},
        {1, "000102030405 060708090a0b 8847 00010140 00"},
        {9, "0057 45"},
        {9, "0021 60"},
        {0, "02000000 60"},
        {108, "00000018 45"},
        {101, "35"},
        {101, "00"},
        {228, "60"},
        {229, "45"},
    };
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_int_equal(strip_hex(wrong[i].link, wrong[i].header), DS_MALFORMED_IP_VERSION);
}

static enum ds_malformed strip_tags(unsigned vlans, unsigned labels)
{
    struct bytes b = {.count = 0}, ip = syn4();
    struct ds_network n;
    put_hex(&b, "000102030405 060708090a0b");
    for (unsigned i = 0; i < vlans; i++)
        put_hex(&b, "8100 0001");
    put_hex(&b, labels ? "8847" : "0800");
    for (unsigned i = 0; i < labels; i++)
        put_hex(&b, i + 1 < labels ? "00010040" : "00010140");
    put_bytes(&b, &ip);
    enum ds_malformed reason = strip(1, &b, b.count, &n);
    if (reason == DS_MALFORMED_COUNT)
        assert_int_equal(n.captured, ip.count);
    return reason;
}

static void test_depth(void **state)
{
    for (unsigned vlans = 0; vlans <= 2 * DS_LINK_DEPTH_MAX; vlans++)
        for (unsigned labels = 0; labels <= 2 * DS_LINK_DEPTH_MAX; labels++)
            assert_int_equal(strip_tags(vlans, labels), vlans + labels <= DS_LINK_DEPTH_MAX
                                                            ? DS_MALFORMED_COUNT
                                                            : DS_MALFORMED_LINK_DEEP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cut), cmocka_unit_test(test_ppp_short_protocol),
        cmocka_unit_test(test_not_ip),    cmocka_unit_test(test_wrong_version),
        cmocka_unit_test(test_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
