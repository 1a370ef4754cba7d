/* SPDX-License-Identifier: Apache-2.0
 *
 * The definitions of docs/statistics.md, said a second time: every combination of TCP flags, every
 * type of ICMP, every UDP source port.
 */
#include "classify/classify.h"
#include "packets.h"

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

static struct ds_packet packet(uint8_t proto)
{
    return (struct ds_packet){.proto = proto,
                              .source4 = TEST_SOURCE,
                              .dest4 = TEST_DEST,
                              .source_port = 1000,
                              .dest_port = 2000,
                              .seq = 0x11223344,
                              .ip_id = 1};
}

static struct ds_verdict classify(const struct ds_packet *p)
{
    struct ds_verdict v;
    memset(&v, 0xa5, sizeof v);
    ds_classify(p, &v);
    return v;
}

static void expect(const struct ds_packet *p, unsigned type, unsigned cls, unsigned proto,
                   unsigned port)
{
    struct ds_verdict v = classify(p);
    assert_int_equal(v.type, type);
    assert_int_equal(v.cls, cls);
    assert_int_equal(v.proto, proto);
    assert_int_equal(v.port, port);
}

static enum ds_type type_of_flags(unsigned f)
{
    /* clang-format off */
    return f & RST                   ? DS_TYPE_TCP_RST
         : (f & SYN) && (f & ACK)    ? DS_TYPE_TCP_SYNACK
         : (f & SYN) && !(f & FIN)   ? DS_TYPE_TCP_SYN
         : (f & SYN) && (f & FIN)    ? DS_TYPE_TCP_OTHER
         : f & FIN                   ? DS_TYPE_TCP_FIN
         : f & PSH                   ? DS_TYPE_TCP_PUSH
         : f & ACK                   ? DS_TYPE_TCP_ACK
                                     : DS_TYPE_TCP_OTHER;
    /* clang-format on */
}

static void test_tcp_flags(void **state)
{
    for (unsigned flags = 0; flags <= UINT8_MAX; flags++) { /* ECE and CWR decide nothing */
        struct ds_packet p = packet(6);
        p.tcp_flags = (uint8_t)flags;
        enum ds_type type = type_of_flags(flags);
        bool answer = (flags & RST) || ((flags & SYN) && (flags & ACK));
        expect(&p, type,
               answer                    ? DS_CLASS_BACKSCATTER
               : type == DS_TYPE_TCP_SYN ? DS_CLASS_SCAN
                                         : DS_CLASS_OTHER,
               6, answer ? 1000 : 2000);
    }
    /* The table by hand, so that both ways of saying it are not wrong in the same way. */
    static const struct {
        uint8_t flags;
        enum ds_type type;
    } known[] = {
        {0, DS_TYPE_TCP_OTHER},          {SYN, DS_TYPE_TCP_SYN},
        {SYN | ACK, DS_TYPE_TCP_SYNACK}, {RST, DS_TYPE_TCP_RST},
        {RST | ACK, DS_TYPE_TCP_RST},    {SYN | RST, DS_TYPE_TCP_RST},
        {ACK, DS_TYPE_TCP_ACK},          {PSH | ACK, DS_TYPE_TCP_PUSH},
        {FIN | ACK, DS_TYPE_TCP_FIN},    {FIN | PSH | 0x20, DS_TYPE_TCP_FIN},
        {SYN | FIN, DS_TYPE_TCP_OTHER},  {SYN | FIN | ACK, DS_TYPE_TCP_SYNACK},
        {0x20, DS_TYPE_TCP_OTHER},       {SYN | 0xc0, DS_TYPE_TCP_SYN},
        {SYN | PSH, DS_TYPE_TCP_SYN},    {63, DS_TYPE_TCP_RST},
    };
    for (size_t i = 0; i < COUNT(known); i++) {
        struct ds_packet p = packet(6);
        p.tcp_flags = known[i].flags;
        assert_int_equal(classify(&p).type, known[i].type);
    }
}

static bool listed(const uint16_t *list, size_t count, unsigned value)
{
    for (size_t i = 0; i < count; i++)
        if (list[i] == value)
            return true;
    return false;
}

static void test_udp_ports(void **state)
{
    static const uint16_t reflectors[] = {17,  19,   53,   69,   111,  123,   137,   161,  389,
                                          520, 1900, 3283, 3702, 5353, 11211, 27015, 27960};
    for (unsigned port = 0; port <= UINT16_MAX; port++) {
        struct ds_packet p = packet(17);
        bool reflected = listed(reflectors, COUNT(reflectors), port);
        p.source_port = (uint16_t)port;
        expect(&p, DS_TYPE_UDP, reflected ? DS_CLASS_BACKSCATTER : DS_CLASS_SCAN, 17,
               reflected ? port : 2000);
    }
}

static void test_icmp_types(void **state)
{
    static const uint16_t back[] = {0, 3, 4, 5, 11, 12, 14, 16, 18}, back6[] = {1, 2, 3, 4, 129};
    for (unsigned type = 0; type <= UINT8_MAX; type++)
        for (unsigned code = 0; code <= UINT8_MAX; code += 51) {
            struct ds_packet p = packet(1);
            p.source_port = p.dest_port = 0;
            p.icmp_type = (uint8_t)type;
            p.icmp_code = (uint8_t)code;
            expect(&p, DS_TYPE_ICMP,
                   listed(back, COUNT(back), type) ? DS_CLASS_BACKSCATTER
                   : type == 8                     ? DS_CLASS_SCAN
                                                   : DS_CLASS_OTHER,
                   1, type * 256 + code);
            p.proto = 58;
            expect(&p, DS_TYPE_ICMP,
                   listed(back6, COUNT(back6), type) ? DS_CLASS_BACKSCATTER
                   : type == 128                     ? DS_CLASS_SCAN
                                                     : DS_CLASS_OTHER,
                   58, type * 256 + code);
        }
}

static void test_quotes(void **state)
{
    struct ds_packet p = packet(1);
    p.icmp_type = 3;
    p.icmp_code = 1;
    expect(&p, DS_TYPE_ICMP, DS_CLASS_BACKSCATTER, 1, 0x0301);
    p.quoted_proto = 6;
    p.quoted_port = 80;
    expect(&p, DS_TYPE_ICMP, DS_CLASS_BACKSCATTER, 6, 80);
    p.quoted_proto = 47;
    p.quoted_port = 0;
    expect(&p, DS_TYPE_ICMP, DS_CLASS_BACKSCATTER, 47, 0);
    p.proto = 58;
    p.icmp_type = 1;
    p.quoted_proto = 17;
    p.quoted_port = 53;
    expect(&p, DS_TYPE_ICMP, DS_CLASS_BACKSCATTER, 17, 53);
}

/* Without a transport header only the protocol is known. */
static void test_headless(void **state)
{
    for (unsigned proto = 0; proto <= UINT8_MAX; proto++) {
        enum ds_type type = proto == 6                  ? DS_TYPE_TCP_OTHER
                            : proto == 17               ? DS_TYPE_UDP
                            : proto == 1 || proto == 58 ? DS_TYPE_ICMP
                                                        : DS_TYPE_OTHER;
        struct ds_packet p = {.proto = (uint8_t)proto, .fragment = true};
        expect(&p, type, DS_CLASS_OTHER, proto, 0);
        p = (struct ds_packet){.proto = (uint8_t)proto, .truncated = true};
        expect(&p, type, DS_CLASS_OTHER, proto, 0);
        if (type != DS_TYPE_OTHER)
            continue;
        p = packet((uint8_t)proto);
        p.source_port = p.dest_port = 0;
        expect(&p, DS_TYPE_OTHER, DS_CLASS_OTHER, proto, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp_flags),  cmocka_unit_test(test_udp_ports),
        cmocka_unit_test(test_icmp_types), cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_headless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
