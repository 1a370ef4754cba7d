/* SPDX-License-Identifier: Apache-2.0
 *
 * The file formats of the capture: every variant, every cut, every absurd length.
 */
#include "capture-outcome.h"

#include <endian.h>

static void test_pcap_variants(void **state)
{
    static const struct {
        uint32_t magic;
        uint32_t nanoseconds;
        bool modified;
    } variants[] = {{0xa1b2c3d4, 1000, false}, {0xa1b23c4d, 1, false}, {0xa1b2cd34, 1000, true}};
    for (size_t i = 0; i < 2 * COUNT(variants); i++) {
        struct build b = {.big = i % 2};
        pcap_header(&b, variants[i / 2].magic, 4, 1);
        for (unsigned k = 0; k < 3; k++) {
            pcap_record(&b, 1700000000 + k, 999999, 50 + k, 60 + k);
            if (variants[i / 2].modified)
                build_number(&b, UINT64_MAX, 8);
            build_data(&b, (uint8_t)(7 + k), 50 + k);
        }
        struct outcome o = read_built(*state, &b);
        assert_ended(&o, 3);
        for (unsigned k = 0; k < 3; k++)
            assert_seen(&o.seen[k], (uint8_t)(7 + k), 50 + k, 60 + k,
                        (1700000000LL + k) * 1000000000 + 999999LL * variants[i / 2].nanoseconds,
                        1);
    }
}

static void test_pcap_oddities(void **state)
{
    struct build b = {0};
    /* The upper half of the link type is about the frame check sequence. */
    pcap_header(&b, 0xa1b2c3d4, 4, 0x24000001);
    pcap_record(&b, UINT32_MAX, UINT32_MAX, 5, 3); /* wire < captured; the latest time */
    build_data(&b, 1, 5);
    pcap_record(&b, 0, 0, 0, 0);
    struct outcome o = read_built(*state, &b);
    assert_ended(&o, 2);
    assert_seen(&o.seen[0], 1, 5, 5, 4294967295LL * 1000000000 + 4294967295LL * 1000, 1);
    assert_seen(&o.seen[1], 0, 0, 0, 0, 1);

    /* Before 2.4 the lengths may stand the other way round. */
    pcap_header(&b, 0xa1b2c3d4, 3, 1);
    pcap_record(&b, 1, 0, 60, 5);
    build_data(&b, 1, 5);
    pcap_record(&b, 2, 0, 5, 60);
    build_data(&b, 2, 5);
    o = read_built(*state, &b);
    assert_ended(&o, 2);
    assert_seen(&o.seen[0], 1, 5, 60, 1000000000, 1);
    assert_seen(&o.seen[1], 2, 5, 60, 2000000000, 1);
}

static void test_link_types(void **state)
{
    static const uint16_t known[] = {0, 1, 9, 50, 51, 101, 108, 113, 228, 229, 276};
    size_t next = 0;
    for (uint32_t link = 0; link <= UINT16_MAX; link++) {
        bool is_known = next < COUNT(known) && known[next] == link;
        next += is_known;
        assert_int_equal(ds_capture_link_known((uint16_t)link), is_known);
    }
    assert_int_equal(next, COUNT(known));

    static const uint16_t raw[] = {12, 14, 101};
    for (size_t i = 0; i < COUNT(raw); i++) {
        struct build b = {0};
        pcap_header(&b, 0xa1b2c3d4, 4, raw[i]);
        pcap_record(&b, 1, 0, 1, 1);
        build_data(&b, 0x45, 1);
        struct outcome o = read_built(*state, &b);
        assert_ended(&o, 1);
        assert_int_equal(o.seen[0].link, 101);
    }
    struct build b = {0};
    pcap_header(&b, 0xa1b2c3d4, 4, 105);
    struct outcome o = read_built(*state, &b);
    assert_refused(&o, DS_INPUT, "link type 105 is not read");

    /* An interface without packets does no harm. */
    ng_section(&b);
    ng_interface(&b, 105, 0, -1, 0);
    ng_interface(&b, 12, 0, -1, 0);
    ng_packet(&b, 1, 5, 4, 4, 1);
    struct build and_then = {.data = malloc(b.bytes), .bytes = b.bytes, .room = b.bytes};
    memcpy(and_then.data, b.data, b.bytes);
    o = read_built(*state, &b);
    assert_ended(&o, 1);
    assert_seen(&o.seen[0], 1, 4, 4, 5000, 101);
    ng_packet(&and_then, 0, 6, 4, 4, 1);
    o = read_built(*state, &and_then);
    assert_failed(&o, 1, DS_INPUT, "link type 105 is not read");
}

static void test_pcapng_times(void **state)
{
    static const struct {
        int tsresol; /* -1: no option */
        uint64_t ticks;
        int64_t offset;
        int64_t time_ns;
    } times[] = {
        {-1, 1700000000123456, 0, 1700000000123456000},
        {6, 1700000000123456, 0, 1700000000123456000},
        {9, 1700000000123456789, 0, 1700000000123456789},
        {3, 1700000000123, 0, 1700000000123000000},
        {0, 1700000000, 0, 1700000000000000000},
        {12, 1700000000123456789, 0, 1700000000123456},
        {0x80 | 10, 1700000000ull << 10 | 512, 0, 1700000000500000000},
        {0x80 | 32, 1700000000ull << 32 | 1u << 31, 0, 1700000000500000000},
        {0x80 | 63, 1ull << 63 | 1ull << 62, 0, 1500000000},
        {0x80, 1700000000, 0, 1700000000000000000},
        {0xff, UINT64_MAX, 0, 0},
        {0x7f, 1000, 0, 0},
        {6, 500000, 1700000000, 1700000000500000000},
        {6, 1700000000500000, -1700000000, 500000000},
        {6, 500000, -1, -500000000},
        /* Beyond what fits: the end of the range. */
        {6, UINT64_MAX, 0, INT64_MAX},
        {0, UINT64_MAX, INT64_MAX, INT64_MAX},
        {9, INT64_MAX, 1, INT64_MAX},
        {9, 5, INT64_MAX, INT64_MAX},
        {9, 0, INT64_MIN, INT64_MIN},
    };
    for (size_t i = 0; i < 2 * COUNT(times); i++) {
        struct build b = {.big = i % 2};
        ng_section(&b);
        ng_interface(&b, 1, 0, times[i / 2].tsresol, times[i / 2].offset);
        ng_packet(&b, 0, times[i / 2].ticks, 1, 1, 1);
        struct outcome o = read_built(*state, &b);
        assert_ended(&o, 1);
        if (o.seen[0].time_ns != times[i / 2].time_ns)
            fail_msg("row %zu: %lld", i / 2, (long long)o.seen[0].time_ns);
    }
}

/* Every kind of block, sections of different byte order; 9 packets. */
static void build_pcapng(struct build *b, size_t unknown_bytes)
{
    for (int section = 0; section < 3; section++) {
        b->big = section == 1;
        ng_section(b);
        ng_interface(b, 1, 40, 9, 0);
        ng_unknown(b, unknown_bytes);
        ng_interface(b, 228, 0, 6, 0);
        ng_packet(b, 1, 1000 + (unsigned)section, 21, 1500, 1);
        ng_simple(b, 40, 60, 2);
        ng_obsolete(b, 0, 77, 3, 2, 3);
    }
}

static void test_pcapng_blocks(void **state)
{
    /* Also one unknown block that is larger than any buffer. */
    for (size_t unknown = 0; unknown < 3 << 20; unknown = unknown ? unknown * 1024 : 4) {
        struct build b = {0};
        build_pcapng(&b, unknown);
        struct outcome o = read_built(*state, &b);
        assert_ended(&o, 9);
        for (int s = 0; s < 3; s++) {
            assert_seen(&o.seen[3 * s], 1, 21, 1500, (1000 + s) * 1000, 228);
            assert_seen(&o.seen[3 * s + 1], 2, 40, 60, (1000 + s) * 1000, 1);
            assert_seen(&o.seen[3 * s + 2], 3, 3, 3, 77, 1);
        }
    }
}

/* Cut anywhere, a file gives the packets that are whole before the cut and an error that fits;
 * ends[] are the file's sizes after which it may end, with the packets up to there. */
struct end {
    size_t bytes, packets;
};

static void check_cuts(const struct place *p, const struct build *b, const struct end *ends,
                       size_t header_bytes)
{
    size_t next = 0;
    for (size_t cut = 0; cut <= b->bytes; cut++) {
        struct outcome o = read_bytes(p, b->data, cut);
        while (ends[next].bytes < cut && ends[next + 1].bytes <= cut)
            next++;
        if (cut < header_bytes)
            assert_refused(&o, DS_INPUT, p->path);
        else if (ends[next].bytes == cut)
            assert_ended(&o, ends[next].packets);
        else
            assert_failed(&o, ends[next].packets, DS_DAMAGED, "packets before it were read");
    }
}

static void test_pcap_cuts(void **state)
{
    struct build b = {0};
    struct end ends[5] = {0};
    pcap_header(&b, 0xa1b2c3d4, 4, 1);
    ends[0] = (struct end){b.bytes, 0};
    for (unsigned i = 0; i < 3; i++) {
        pcap_record(&b, i, i, 10 * i, 10 * i);
        build_data(&b, 1, 10 * i);
        ends[i + 1] = (struct end){b.bytes, i + 1};
    }
    ends[4].bytes = SIZE_MAX;
    check_cuts(*state, &b, ends, 24);
    free(b.data);
}

static void test_pcapng_cuts(void **state)
{
    struct build b = {0};
    struct end ends[32] = {0};
    size_t n = 0, packets = 0;
    build_pcapng(&b, 8);
    for (size_t at = 0; at < b.bytes; n++) {
        /* Lengths and types here are below 256 but for the section's. */
        bool is_section = b.data[at] == 0x0a && b.data[at + 1] == 0x0d;
        uint8_t type = b.data[at] | b.data[at + 3];
        packets += !is_section && (type == 2 || type == 3 || type == 6);
        at += b.data[at + 4] | b.data[at + 7];
        ends[n] = (struct end){at, packets};
    }
    assert_int_equal(packets, 9);
    ends[n].bytes = SIZE_MAX;
    check_cuts(*state, &b, ends, 28);
    free(b.data);
}

static void test_pcap_absurd(void **state)
{
    static const uint32_t lengths[] = {262145, 0x7fffffff, 0x80000000, UINT32_MAX};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        struct build b = {0};
        pcap_header(&b, 0xa1b23c4d, 4, 1);
        for (int k = 0; k < 5; k++) { /* the largest, beyond what the buffer holds */
            pcap_record(&b, 1, 1, 262144, 262144);
            build_data(&b, 1, 262144);
        }
        pcap_record(&b, 1, 1, lengths[i], 1500);
        build_data(&b, 1, 300000);
        struct outcome o = read_built(*state, &b);
        assert_failed(&o, 5, DS_DAMAGED, "record 6 at byte 1310824 claims ");
        assert_non_null(strstr(o.err.text, "; all 5 packets before it were read"));
    }
}

static void test_pcapng_absurd(void **state)
{
    /* Numbers written over the last block, an enhanced packet of 44 bytes. */
    static const struct {
        struct {
            size_t at;
            uint32_t value;
        } over[3];
        const char *text;
    } damages[] = {
        {{{4, 0}}, "claims a block of 0 bytes"},
        {{{4, 28}}, "claims a block of 28 bytes"},
        {{{4, 46}}, "claims a block of 46 bytes"},
        {{{4, 0xfffffffc}}, "claims a block of 4294967292 bytes"},
        {{{4, 48}}, "is cut off: 44 of at least 48 bytes"},
        {{{40, 48}}, "claims a block of 44 bytes in front and of 48 behind"},
        {{{8, 1}}, "is of interface 1, and only 1 are described"},
        {{{8, UINT32_MAX}}, "is of interface 4294967295"},
        {{{20, 13}}, "claims 13 bytes of a packet; 12 fit"},
        {{{20, UINT32_MAX}}, "claims 4294967295 bytes of a packet"},
        {{{0, 3}, {8, 29}}, "claims 29 bytes of a packet; 28 fit"},
        {{{0, 2}, {20, 13}}, "claims 13 bytes of a packet; 12 fit"},
        {{{0, 1}, {16, 255u << 16 | 2}}, "describes an interface by options that do not fit"},
        {{{0, 1}, {16, 2u << 16 | 9}}, "describes an interface by options that do not fit"},
        {{{0, 0x0a0d0d0a}}, "is a section of unknown byte order"},
        {{{0, 0x0a0d0d0a}, {8, 0x1a2b3c4d}, {12, 2}}, "is a section of pcapng version 2"},
        {{{0, 0x0bad}, {4, 10}}, "claims a block of 10 bytes"},
        {{{0, 0x0bad}, {4, 0xfffffffc}}, "ends inside a block of 4294967292 bytes"},
    };
    for (size_t i = 0; i < COUNT(damages); i++) {
        struct build b = {0};
        ng_section(&b);
        ng_interface(&b, 1, 0, -1, 0);
        ng_packet(&b, 0, 1, 4, 4, 1);
        ng_packet(&b, 0, 2, 4, 4, 1);
        size_t last = b.bytes;
        ng_packet(&b, 0, 3, 4, 4, 1);
        assert_int_equal(b.bytes - last, 44);
        for (int k = 0; k < 3 && (k == 0 || damages[i].over[k].at); k++)
            memcpy(b.data + last + damages[i].over[k].at,
                   &(uint32_t){htole32(damages[i].over[k].value)}, 4);
        struct outcome o = read_built(*state, &b);
        assert_failed(&o, 2, DS_DAMAGED, damages[i].text);
        assert_non_null(strstr(o.err.text, ": record 3 at byte "));
        assert_non_null(strstr(o.err.text, "; all 2 packets before it were read"));
    }
}

static void test_pcapng_limits(void **state)
{
    struct build b = {0};
    ng_section(&b);
    for (unsigned i = 0; i < 4096; i++)
        ng_interface(&b, 1, 0, -1, 0);
    ng_packet(&b, 4095, 1, 262144, 262144, 1);
    ng_section(&b); /* begins to count anew */
    ng_interface(&b, 1, 0, -1, 0);
    ng_packet(&b, 0, 1, 262145, 262145, 1);
    struct outcome o = read_built(*state, &b);
    assert_failed(&o, 1, DS_DAMAGED, "claims 262145 bytes of a packet; 262144 fit");

    ng_section(&b);
    for (unsigned i = 0; i < 4097; i++)
        ng_interface(&b, 1, 0, -1, 0);
    o = read_built(*state, &b);
    assert_failed(&o, 0, DS_DAMAGED, "describes more than 4096 interfaces");

    ng_section(&b);
    ng_simple(&b, 4, 4, 1); /* of no interface */
    o = read_built(*state, &b);
    assert_failed(&o, 0, DS_DAMAGED, "is of interface 0, and only 0 are described");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pcap_variants), cmocka_unit_test(test_pcap_oddities),
        cmocka_unit_test(test_link_types),    cmocka_unit_test(test_pcapng_times),
        cmocka_unit_test(test_pcapng_blocks), cmocka_unit_test(test_pcap_cuts),
        cmocka_unit_test(test_pcapng_cuts),   cmocka_unit_test(test_pcap_absurd),
        cmocka_unit_test(test_pcapng_absurd), cmocka_unit_test(test_pcapng_limits),
    };
    return cmocka_run_group_tests(tests, make_place, remove_place);
}
