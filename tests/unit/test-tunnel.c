/* SPDX-License-Identifier: Apache-2.0
 *
 * GRE, ERSPAN and VXLAN: entered where asked for, whole; else the outer packet stands.
 */
#include "link.h"
#include "packets.h"

#define ETHERNET "000102030405 060708090a0b 0800"

enum { ALL = DS_TUNNEL_GRE | DS_TUNNEL_ERSPAN | DS_TUNNEL_VXLAN };

struct way {
    const char *name;
    unsigned tunnel;
    uint8_t proto;
    const char *header; /* from the outer IP header to the inner one */
};

/* clang-format off */
static const struct way ways[] = {
    {"gre", DS_TUNNEL_GRE, 47, "0000 0800"},
    {"gre, checksum", DS_TUNNEL_GRE, 47, "8000 0800 12340000"},
    {"gre, key", DS_TUNNEL_GRE, 47, "2000 0800 00000001"},
    {"gre, sequence", DS_TUNNEL_GRE, 47, "1000 0800 00000001"},
    {"gre, checksum, key", DS_TUNNEL_GRE, 47, "a000 0800 12340000 00000001"},
    {"gre, checksum, sequence", DS_TUNNEL_GRE, 47, "9000 0800 12340000 00000001"},
    {"gre, key, sequence", DS_TUNNEL_GRE, 47, "3000 0800 00000001 00000002"},
    {"gre, all three", DS_TUNNEL_GRE, 47, "b000 0800 12340000 00000001 00000002"},
    {"gre, ethernet", DS_TUNNEL_GRE, 47, "0000 6558" ETHERNET},
    {"gre, ethernet with key", DS_TUNNEL_GRE, 47, "2000 6558 00000001" ETHERNET},
    {"erspan I", DS_TUNNEL_ERSPAN, 47, "0000 88be" ETHERNET},
    {"erspan II", DS_TUNNEL_ERSPAN, 47, "1000 88be 00000001 1001 0000 00000000" ETHERNET},
    {"erspan III", DS_TUNNEL_ERSPAN, 47, "1000 22eb 00000001 2001 0000 00000000 0000 0000" ETHERNET},
    {"erspan III, subheader", DS_TUNNEL_ERSPAN, 47,
     "1000 22eb 00000001 2001 0000 00000000 0000 0001 0102030405060708" ETHERNET},
    {"vxlan", DS_TUNNEL_VXLAN, 17, "c000 12b5 0000 0000 08000000 00000100" ETHERNET},
};
/* clang-format on */

static struct bytes wrap(const struct way *w, bool v6, const struct bytes *inner)
{
    struct bytes b = {.count = 0};
    uint32_t start = v6 ? begin6(&b, w->proto, 7, 8) : begin4(&b, w->proto, 7, 8);
    put_hex(&b, w->header);
    put_bytes(&b, inner);
    if (v6)
        end6(&b, start);
    else
        end4(&b, start);
    return b;
}

/* How many bytes of the outer packet were stripped: 0 where it stands. -1: malformed, *reason. */
static int stripped(const struct bytes *b, uint32_t captured, unsigned tunnels,
                    enum ds_malformed *reason)
{
    uint8_t *data = exact_copy(b->data, captured);
    struct ds_network n;
    struct ds_frame frame = {data, captured, b->count, 0, 101};
    *reason = ds_link_strip(&frame, tunnels, &n);
    free(data);
    return *reason == DS_MALFORMED_COUNT ? (int)(captured - n.captured) : -1;
}

/* Cut anywhere before the inner IP header, the outer packet stands; only an inner Ethernet header
 * that is itself cut makes the frame malformed. */
static void check_every_cut(const struct way *w, bool v6)
{
    struct bytes inner = syn4(), b = wrap(w, v6, &inner);
    uint32_t header = b.count - inner.count;
    uint32_t ethernet = strstr(w->header, ETHERNET) ? header - 14 : header;
    for (uint32_t captured = 1; captured <= b.count; captured++) {
        enum ds_malformed reason;
        int at = stripped(&b, captured, w->tunnel, &reason);
        int expected = captured <= ethernet ? 0 : captured <= header ? -1 : (int)header;
        if (at != expected)
            fail_msg("%s, %u captured: %d, not %d", w->name, captured, at, expected);
        if (at < 0)
            assert_int_equal(reason,
                             captured < header ? DS_MALFORMED_LINK_SHORT : DS_MALFORMED_IP_SHORT);
    }
}

static void test_every_cut(void **state)
{
    for (size_t i = 0; i < COUNT(ways); i++) {
        check_every_cut(&ways[i], false);
        check_every_cut(&ways[i], true);
    }
}

static void test_not_asked_for(void **state)
{
    struct bytes inner = syn4();
    for (size_t i = 0; i < COUNT(ways); i++) {
        struct bytes b = wrap(&ways[i], i % 2, &inner);
        enum ds_malformed reason;
        assert_int_equal(stripped(&b, b.count, ALL & ~ways[i].tunnel, &reason), 0);
        assert_int_equal(stripped(&b, b.count, 0, &reason), 0);
        assert_true(stripped(&b, b.count, ALL, &reason) > 0);
    }
}

/* What looks like a tunnel but is none that can be entered. */
static void test_outer_stands(void **state)
{
    static const struct way broken[] = {
        {"gre, routing", 0, 47, "4000 0800"},
        {"gre, version 1", 0, 47, "2001 880b 00000000"},
        {"gre, version 2", 0, 47, "0002 0800"},
        {"gre, unknown protocol", 0, 47, "0000 0806"},
        {"vxlan, other port", 0, 17, "12b5 12b6 0000 0000 08000000 00000100" ETHERNET},
        {"vxlan, no identifier", 0, 17, "c000 12b5 0000 0000 00000000 00000000" ETHERNET},
        {"tcp", 0, 6, "0000 0800"},
    };
    struct bytes inner = syn4();
    for (size_t i = 0; i < COUNT(broken); i++) {
        struct bytes b = wrap(&broken[i], i % 2, &inner);
        enum ds_malformed reason;
        assert_int_equal(stripped(&b, b.count, ALL, &reason), 0);
    }
}

static void test_outer_header(void **state)
{
    static const struct {
        uint8_t at, value;
    } changes[] = {
        {0, 0x44},          /* header length below 20 */
        {6, 0x20},          /* more fragments */
        {7, 0x01},          /* a later fragment */
        {3, 19},   {3, 20}, /* the packet ends at its header: what follows is padding */
        {3, 24},            /* or at the tunnel's */
    };
    struct bytes inner = syn4();
    for (size_t i = 0; i < COUNT(changes); i++) {
        struct bytes b = wrap(&ways[0], false, &inner);
        enum ds_malformed reason;
        b.data[changes[i].at] = changes[i].value;
        assert_int_equal(stripped(&b, b.count, ALL, &reason), 0);
    }
    struct bytes b = wrap(&ways[0], false, &inner);
    enum ds_malformed reason;
    b.data[0] = 0x4f; /* 60 bytes: 40 options, here the GRE header and most of the inner packet */
    assert_int_equal(stripped(&b, b.count, ALL, &reason), 0);
}

static void test_options(void **state)
{
    struct bytes b = {.count = 0}, inner = syn6();
    uint32_t start = begin4(&b, 47, 7, 8);
    b.data[0] = 0x46;
    put_hex(&b, "01010100 0000 86dd");
    put_bytes(&b, &inner);
    end4(&b, start);
    enum ds_malformed reason;
    assert_int_equal(stripped(&b, b.count, ALL, &reason), 28);
}

/* Padding behind the outer packet is no part of the inner one. */
static void test_padding(void **state)
{
    struct bytes inner = syn4(), b = wrap(&ways[0], false, &inner);
    struct ds_network n;
    put_zeros(&b, 9);
    struct ds_frame frame = {b.data, b.count, b.count, 0, 101};
    assert_int_equal(ds_link_strip(&frame, ALL, &n), DS_MALFORMED_COUNT);
    assert_int_equal(n.captured, inner.count);
    assert_int_equal(ds_link_strip(&frame, 0, &n), DS_MALFORMED_COUNT);
    assert_int_equal(n.captured, b.count);
}

static void test_nested(void **state)
{
    struct bytes inner = syn4();
    uint32_t innermost = inner.count;
    for (size_t i = 0; i < COUNT(ways); i++)
        inner = wrap(&ways[i], false, &inner);
    enum ds_malformed reason;
    assert_true(COUNT(ways) <= DS_LINK_DEPTH_MAX);
    assert_int_equal(stripped(&inner, inner.count, ALL, &reason), inner.count - innermost);
    /* The outermost is VXLAN: it opens, and the GRE below it stands. */
    assert_int_equal(stripped(&inner, inner.count, DS_TUNNEL_VXLAN, &reason), 50);
}

static void test_depth(void **state)
{
    struct bytes b = syn4();
    enum ds_malformed reason;
    for (unsigned depth = 1; depth <= DS_LINK_DEPTH_MAX + 1; depth++) {
        b = wrap(&ways[0], false, &b);
        int expected = depth <= DS_LINK_DEPTH_MAX ? 24 * (int)depth : -1;
        assert_int_equal(stripped(&b, b.count, ALL, &reason), expected);
    }
    assert_int_equal(reason, DS_MALFORMED_LINK_DEEP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cut),    cmocka_unit_test(test_not_asked_for),
        cmocka_unit_test(test_outer_stands), cmocka_unit_test(test_outer_header),
        cmocka_unit_test(test_options),      cmocka_unit_test(test_padding),
        cmocka_unit_test(test_nested),       cmocka_unit_test(test_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
