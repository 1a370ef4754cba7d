/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules against packets: the index leaves nothing out and lets nothing in, conditions are libpcap's
 * own, and what matches is counted once.
 */
#include "parse.h"
#include "signature-files.h"

#include <pcap/pcap.h>

#define PACKETS 200000

static const struct ds_hash_key key = {UINT64_C(0x1234567890abcdef), UINT64_C(0x9e3779b97f4a7c15)};

/* TCP, UDP, ICMP or something else, with fields that are often the ones that signatures ask for. */
static struct bytes draw_packet(uint64_t *seed)
{
    static const uint16_t ports[] = {0, 22, 23, 53, 80, 137, 5000, 5060, 6881, 37215, 65535};
    static const uint8_t flags[] = {0x02, 0x02, 0x12, 0x04, 0x14, 0x10, 0x18, 0x00, 0x03, 0xc2};
    static const char *const payloads[] = {
        "6431 3a61 6432 3a69 6432 303a",
        "0000 0000 0000 0000 3100",
        "5349 502f 322e 30",
        "4102 0000 0000 0000 0000 0000 0000 0000 0000 0000 0008 0000 0000 0000 0000",
        "2100 0000 0000 0000 0000 0000 0000 0000 0000 0000",
        "1234 8180 0001 0001 0000 0000 0000 0000",
        "1700 032a",
        "",
    };
    struct bytes b = {.count = 0}, body = {.count = 0};
    uint32_t source = draw_below(seed, 2) ? (uint32_t)draw(seed) : 0x0a000000 + draw_below(seed, 9);
    uint32_t dest = draw_below(seed, 50) ? (uint32_t)draw(seed) : source;
    uint16_t from = ports[draw_below(seed, COUNT(ports))],
             to = ports[draw_below(seed, COUNT(ports))];
    uint8_t protos[] = {6, 6, 17, 17, 17, 1, 41, 47};
    uint8_t proto = protos[draw_below(seed, COUNT(protos))];
    uint32_t start = begin4(&b, proto, source, dest);
    put_hex(&body, payloads[draw_below(seed, COUNT(payloads))]);
    put_zeros(&body, draw_below(seed, 3) ? 0 : draw_below(seed, 80));
    if (proto == 6)
        put_tcp(&b, from, to, draw_below(seed, 2) ? dest : 7,
                flags[draw_below(seed, COUNT(flags))]);
    else if (proto == 17)
        put_udp(&b, from, to, 0);
    else if (proto == 1)
        put_number(&b, (uint64_t)draw_below(seed, 20) << 56, 8);
    put_bytes(&b, &body);
    end4(&b, start);
    if (proto == 17)
        set16(&b, start + 24, b.count - 20);
    if (proto == 6 && draw_below(seed, 2))
        set16(&b, start + 34, 1024);
    b.data[start + 8] = (uint8_t)(draw_below(seed, 2) ? 52 : 190 + draw_below(seed, 20));
    if (draw_below(seed, 20) == 0)
        set16(&b, start + 6, (uint32_t)draw(seed) & 0xffff);
    return b;
}

static bool is_in(const uint16_t *places, size_t count, size_t place)
{
    for (size_t i = 0; i < count; i++)
        if (places[i] == place)
            return true;
    return false;
}

/* ---- the index ---- */

static struct ds_rule draw_rule(uint64_t *seed, unsigned number)
{
    static const int protos[] = {6, 6, 17, -1, 1, 47};
    struct ds_rule rule = {.proto = protos[draw_below(seed, COUNT(protos))]};
    snprintf(rule.id, sizeof rule.id, "r%u", number);
    bool has_ports = rule.proto == 6 || rule.proto == 17;
    for (unsigned i = draw_below(seed, 4); has_ports && i > 0; i--) {
        uint16_t first = (uint16_t)draw_below(seed, 90);
        uint16_t last = draw_below(seed, 2) ? first : (uint16_t)draw(seed);
        if (last >= first)
            rule.ranges[rule.range_count++] = (struct ds_rule_range){first, last};
    }
    if (rule.proto == 6 && draw_below(seed, 2)) {
        rule.flags_mask = draw_below(seed, 2) ? 0x12 : 0xff;
        rule.flags = 0x02;
    }
    if (draw_below(seed, 4) == 0) {
        rule.payload_bytes = 2;
        memcpy(rule.payload, draw_below(seed, 2) ? "\x17\x00" : "\x00\x00", 2);
        rule.payload_anywhere = draw_below(seed, 2);
        rule.payload_offset = (uint16_t)draw_below(seed, 4);
    }
    return rule;
}

/* The same as one reads it in the documentation. */
static bool fits(const struct ds_rule *rule, const struct ds_packet *p, const struct bytes *b)
{
    bool has_ports = (p->proto == 6 || p->proto == 17) && !p->fragment;
    bool in_range = rule->range_count == 0;
    for (unsigned i = 0; i < rule->range_count; i++)
        in_range |= has_ports && p->dest_port >= rule->ranges[i].first &&
                    p->dest_port <= rule->ranges[i].last;
    if (!in_range || (rule->proto >= 0 && rule->proto != p->proto))
        return false;
    if (rule->flags_mask && (p->fragment || (p->tcp_flags & rule->flags_mask) != rule->flags))
        return false;
    if (!rule->payload_bytes)
        return true;
    size_t at = 20u + (p->proto == 6 ? p->tcp_header : p->proto == 17 || p->proto == 1 ? 8 : 0);
    if (p->fragment)
        return false;
    for (size_t offset = 0; at + offset + 2 <= b->count; offset++)
        if ((rule->payload_anywhere || offset == rule->payload_offset) &&
            memcmp(b->data + at + offset, rule->payload, 2) == 0)
            return true;
    return false;
}

static void test_index(void **state)
{
    enum { RULES = 200 };
    uint64_t seed = 1, matches = 0;
    struct ds_rule *rules = malloc(RULES * sizeof *rules);
    struct ds_rules *r;
    assert_non_null(rules);
    for (unsigned i = 0; i < RULES; i++)
        rules[i] = draw_rule(&seed, i);
    assert_int_equal(ds_rules_create(rules, RULES, &r, NULL), 0);
    for (int i = 0; i < PACKETS / 10; i++) {
        struct bytes b = draw_packet(&seed);
        struct ds_packet p;
        uint16_t found[DS_RULES_MAX];
        if (ds_parse(b.data, b.count, &key, &p) != DS_MALFORMED_COUNT)
            continue;
        size_t count = ds_rules_match(r, &p, b.data, b.count, found);
        matches += count;
        for (size_t k = 0; k < RULES; k++)
            if (is_in(found, count, k) != fits(&r->rules[k], &p, &b))
                fail_msg("packet %d, rule %zu", i, k);
    }
    assert_true(matches > PACKETS / 10);
    ds_rules_destroy(r);
}

/* A packet cut before its ports is on no port. */
static void test_truncated(void **state)
{
    static struct told told;
    struct ds_rules *r = load_signatures(
        "- {id: any, name: x, category: other, certainty: source, proto: tcp}\n"
        "- {id: zero, name: x, category: other, certainty: source, proto: tcp, ports: [0]}\n"
        "- {id: null, name: x, category: other, certainty: source, proto: tcp, tcp_flags: /S}\n",
        &told);
    struct bytes b = syn4();
    struct ds_packet p;
    uint16_t found[DS_RULES_MAX];
    assert_non_null(r);
    assert_int_equal(ds_parse(b.data, 21, &key, &p), DS_MALFORMED_COUNT);
    assert_true(p.truncated);
    assert_int_equal(ds_rules_match(r, &p, b.data, 21, found), 1);
    assert_int_equal(found[0], 0);
    ds_rules_destroy(r);
}

/* IPv6: ports and flags as ever, the payload where no extension header is before it. */
static void test_ip6(void **state)
{
    static struct told told;
    struct ds_rules *r = load_signatures(
        "- {id: port, name: x, category: other, certainty: source, proto: udp, ports: [53]}\n"
        "- id: payload\n  name: x\n  category: other\n  certainty: source\n  proto: udp\n"
        "  payload: {hex: 00 00, offset: 0}\n"
        "- {id: six, name: x, category: other, certainty: source, filter: ip6}\n",
        &told);
    struct bytes b = {.count = 0};
    struct ds_packet p;
    uint16_t found[DS_RULES_MAX];
    uint32_t start = begin6(&b, 17, 1, 2);
    put_udp(&b, 9, 53, 2);
    end6(&b, start);
    assert_non_null(r);
    assert_int_equal(ds_parse(b.data, b.count, &key, &p), DS_MALFORMED_COUNT);
    assert_int_equal(ds_rules_match(r, &p, b.data, b.count, found), 3);
    b = (struct bytes){.count = 0};
    start = begin6(&b, 0, 1, 2);
    put_hex(&b, "1100 0104 0000 0000"); /* hop-by-hop options */
    put_udp(&b, 9, 53, 2);
    end6(&b, start);
    assert_int_equal(ds_parse(b.data, b.count, &key, &p), DS_MALFORMED_COUNT);
    assert_int_equal(ds_rules_match(r, &p, b.data, b.count, found), 2);
    assert_int_equal(found[1], 2);
    ds_rules_destroy(r);
}

/* ---- conditions ---- */

/* Now and then with an IP option. */
static struct bytes draw_packet_with_options(uint64_t *seed)
{
    struct bytes b = draw_packet(seed);
    if (draw_below(seed, 10))
        return b;
    memmove(b.data + 24, b.data + 20, b.count - 20);
    memset(b.data + 20, 1, 4);
    b.data[0] = 0x46;
    b.count += 4;
    end4(&b, 0);
    return b;
}

/* Holds one condition, for packets of one protocol or (negative) of any, against libpcap's own way
 * from a text to an answer. Returns how many packets matched. */
static uint64_t compare_condition(pcap_t *pcap, const char *filter, int proto, uint64_t *seed)
{
    static struct told told;
    char text[512], name[32] = "";
    struct bpf_program program;
    uint64_t accepted = 0;
    if (proto >= 0)
        snprintf(name, sizeof name, "  proto: %d\n", proto);
    snprintf(text, sizeof text,
             "- id: one\n  name: x\n  category: other\n  certainty: source\n%s  filter: %s\n", name,
             filter);
    struct ds_rules *r = load_signatures(text, &told);
    assert_string_equal(told.text, "");
    assert_int_equal(pcap_compile(pcap, &program, filter, 0, 0), 0);
    for (int k = 0; k < PACKETS / 40; k++) {
        struct bytes b = draw_packet_with_options(seed);
        struct ds_packet p;
        uint16_t found[DS_RULES_MAX];
        uint32_t captured = draw_below(seed, 4) ? b.count : 20 + draw_below(seed, b.count - 19);
        if (ds_parse(b.data, captured, &key, &p) != DS_MALFORMED_COUNT)
            continue;
        const struct pcap_pkthdr header = {.caplen = captured, .len = b.count};
        bool theirs =
            (proto < 0 || p.proto == proto) && pcap_offline_filter(&program, &header, b.data);
        accepted += theirs;
        if (ds_rules_match(r, &p, b.data, captured, found) != theirs)
            fail_msg("%s, protocol %d, packet %d", filter, proto, k);
    }
    pcap_freecode(&program);
    ds_rules_destroy(r);
    return accepted;
}

/* Ordinary packets take a shorter program than the others; both say what libpcap says. */
static void test_conditions(void **state)
{
    static const char *const filters[] = {
        "tcp[4:4] = ip[16:4]",
        "udp[4:2] > 20 and udp[8:2] = 0x1700",
        "ip[8] >= 200 and not icmp",
        "len > 40",
        "tcp[tcpflags] & tcp-syn != 0",
        "icmp[icmptype] = icmp-unreach",
        "ip[ip[2:2] - 1] = 0",
        "not ip",
        "tcp",
        "not tcp",
        "udp or ip[6:2] & 0x1fff != 0",
        "dst port 53",
        "not (tcp[13] = 2 and tcp[14:2] = 1024)",
        "ip[0] & 0xf = 5 and ip[9] = 17",
        "ip[6:2] & 0x1fff = 0",
        "tcp[12] & 0xf0 = 0x50 or udp[8] = 0",
    };
    static const int protos[] = {-1, 6, 17, 1};
    uint64_t seed = 2;
    pcap_t *pcap = pcap_open_dead(DLT_RAW, 65535);
    for (size_t i = 0; i < COUNT(filters); i++) {
        uint64_t accepted = 0;
        for (size_t k = 0; k < COUNT(protos); k++)
            accepted += compare_condition(pcap, filters[i], protos[k], &seed);
        assert_true(accepted > 0 || strcmp(filters[i], "not ip") == 0);
    }
    pcap_close(pcap);
}

/* Bytes behind the packet's end, the padding of Ethernet, are no part of it. */
static void test_padding(void **state)
{
    static struct told told;
    struct ds_rules *r = load_signatures(
        "- id: one\n  name: x\n  category: other\n  certainty: source\n  payload: {hex: ff ff}\n"
        "- {id: long, name: x, category: other, certainty: source, filter: 'len > 40'}\n",
        &told);
    struct bytes b = syn4();
    struct ds_packet p;
    uint16_t found[DS_RULES_MAX];
    put_hex(&b, "ffff ffff ffff");
    assert_non_null(r);
    assert_int_equal(ds_parse(b.data, b.count, &key, &p), DS_MALFORMED_COUNT);
    assert_int_equal(ds_rules_match(r, &p, b.data, b.count, found), 0);
    end4(&b, 0); /* now they are */
    assert_int_equal(ds_parse(b.data, b.count, &key, &p), DS_MALFORMED_COUNT);
    assert_int_equal(ds_rules_match(r, &p, b.data, b.count, found), 2);
    ds_rules_destroy(r);
}

/* ---- the shipped set ---- */

static int place_of(const struct ds_rules *r, const char *id)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->rules[i].id, id) == 0)
            return (int)i;
    fail_msg("no signature %s is shipped", id);
    return -1;
}

#define PARTS_MAX 16

/* Is the whole exactly the union of its parts? */
static bool is_union(const struct ds_rules *r, const uint16_t *found, size_t count,
                     const char *const parts[static PARTS_MAX])
{
    bool any = false;
    for (size_t i = 1; parts[i]; i++)
        any |= is_in(found, count, (size_t)place_of(r, parts[i]));
    return any == is_in(found, count, (size_t)place_of(r, parts[0]));
}

/* Corsaro's combined filters are written out in the file; they are what their parts are. */
static void test_corsaro(void **state)
{
    static const char *const unions[][PARTS_MAX] = {
        {"corsaro-spoofed", "corsaro-abnormal-protocol", "corsaro-ttl-200-nonspoofed",
         "corsaro-fragmented", "corsaro-last-byte-src-0", "corsaro-last-byte-src-255",
         "corsaro-same-src-dst", "corsaro-udp-port-0", "corsaro-tcp-port-0",
         "corsaro-udp-destport-80"},
        {"corsaro-erratic", "corsaro-spoofed", "corsaro-ttl-200", "corsaro-udp-0x31",
         "corsaro-sip-status", "corsaro-udp-ip-len-96", "corsaro-udp-ip-len-1500",
         "corsaro-port-53", "corsaro-tcp-port-23", "corsaro-tcp-port-80", "corsaro-tcp-port-5000",
         "corsaro-dns-resp-non-standard", "corsaro-netbios-query-name", "corsaro-backscatter",
         "corsaro-bittorrent"},
        {"corsaro-routed", "corsaro-rfc5735"},
    };
    static struct told told;
    const char *const paths[] = {getenv("DARKSCOPE_SIGNATURES")}, *const enable[] = {"corsaro-*"};
    const struct ds_signature_settings settings = {
        .paths = paths, .path_count = 1, .enable = enable, .enable_count = 1};
    struct ds_rules *r;
    uint64_t seed = 3, whole[COUNT(unions)] = {0};
    assert_non_null(paths[0]);
    begin_told(&told);
    assert_int_equal(ds_signatures_load(&settings, &told.faults, &r, NULL), 0);
    assert_string_equal(told.text, "");
    for (int i = 0; i < PACKETS / 4; i++) {
        struct bytes b = draw_packet(&seed);
        struct ds_packet p;
        uint16_t found[DS_RULES_MAX];
        if (ds_parse(b.data, b.count, &key, &p) != DS_MALFORMED_COUNT)
            continue;
        size_t count = ds_rules_match(r, &p, b.data, b.count, found);
        for (size_t k = 0; k < COUNT(unions); k++) {
            if (!is_union(r, found, count, unions[k]))
                fail_msg("packet %d: %s is not what its parts are", i, unions[k][0]);
            whole[k] += is_in(found, count, (size_t)place_of(r, unions[k][0]));
        }
    }
    for (size_t k = 0; k < COUNT(unions); k++)
        assert_true(whole[k] > 0 && whole[k] < PACKETS / 4);
    ds_rules_destroy(r);
}

/* ---- counting ---- */

struct fixture {
    struct ds_rules *rules;
    struct ds_rule_counts counts;
    struct ds_rule_pending pending;
};

static void begin_counting(struct fixture *f, const char *text, unsigned workers)
{
    static struct told told;
    *f = (struct fixture){.rules = load_signatures(text, &told)};
    assert_non_null(f->rules);
    assert_int_equal(ds_rule_counts_init(&f->counts, workers, &key), 0);
    atomic_store(&f->counts.rules, f->rules);
}

static void end_counting(struct fixture *f)
{
    ds_rule_counts_finish(&f->counts);
    ds_rules_destroy(f->rules);
}

static void examine(struct fixture *f, uint32_t source, bool is_v6)
{
    struct bytes b = is_v6 ? syn6() : syn4();
    struct ds_packet p;
    for (int i = 0; i < 4; i++)
        b.data[(is_v6 ? 20 : 12) + i] = (uint8_t)(source >> (24 - 8 * i));
    assert_int_equal(ds_parse(b.data, b.count, &key, &p), DS_MALFORMED_COUNT);
    ds_rules_examine(&f->pending, &f->counts, &p, b.data, b.count);
}

#define TWO                                                                                        \
    "- {id: a, name: x, category: other, certainty: source, proto: tcp}\n"                         \
    "- {id: b, name: x, category: other, certainty: source, proto: tcp, ports: [23]}\n"

static void test_counting(void **state)
{
    struct fixture f;
    begin_counting(&f, TWO, 1);
    for (int round = 0; round < 3; round++)
        for (uint32_t source = 0; source < 400; source++) /* more than can wait */
            if (round == 0 || source < 100)
                examine(&f, source, source % 2);
    ds_rules_count(&f.pending);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(f.counts.tallies[i].packets, 600);
        assert_int_equal(f.counts.tallies[i].sources, 400);
        assert_int_equal(f.counts.tallies[i].confirmed_sources, 100);
    }
    assert_int_equal(f.counts.overflow, 0);
    ds_rule_counts_clear(&f.counts);
    assert_int_equal(f.counts.tallies[0].packets + f.counts.tallies[1].sources, 0);
    assert_int_equal(f.counts.sources.used, 0);
    assert_null(atomic_load(&f.counts.rules));
    end_counting(&f);
}

/* Sources beyond the bound: packets stay exact, and each match without room is said. */
static void test_full(void **state)
{
    enum { ROOM = DS_TABLE_SLOTS_MIN / 4 * 3, SENT = 2 * ROOM };
    struct fixture f;
    begin_counting(&f, "- {id: a, name: x, category: other, certainty: source, proto: tcp}\n",
                   4096);
    for (uint32_t source = 0; source < SENT; source++)
        examine(&f, source, false);
    ds_rules_count(&f.pending);
    assert_int_equal(f.counts.tallies[0].packets, SENT);
    assert_int_equal(f.counts.tallies[0].sources, ROOM);
    assert_int_equal(f.counts.overflow, SENT - ROOM);
    end_counting(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index),    cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_ip6),      cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_padding),  cmocka_unit_test(test_corsaro),
        cmocka_unit_test(test_counting), cmocka_unit_test(test_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
