/* SPDX-License-Identifier: Apache-2.0
 *
 * Generated packets: deterministic, valid checksums, each population what it says, balanced books.
 */
#include "gen/generate.h"
#include "gen/population.h"
#include "gen/truth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PACKETS 1500
#define GOLDEN  UINT64_C(0xcc706f2d98c14beb)

/* A generator of the command line `darkscope-gen --output unused` and these arguments. */
struct run {
    struct ds_gen_options options;
    struct ds_gen_generator generator;
};

static void start(struct run *r, const char *mix, const char *link, const char *seed)
{
    char mix_text[1024];
    snprintf(mix_text, sizeof mix_text, "%s", mix);
    char *argv[] = {(char *)"darkscope-gen",
                    (char *)"--output",
                    (char *)"unused",
                    (char *)"--mix",
                    mix_text,
                    (char *)"--link",
                    (char *)link,
                    (char *)"--seed",
                    (char *)seed,
                    (char *)"--sources",
                    (char *)"500",
                    (char *)"--duration",
                    (char *)"1d",
                    NULL};
    struct ds_error err = {0};
    if (ds_gen_options_parse(&r->options, (int)(sizeof argv / sizeof argv[0] - 1), argv, &err) < 0)
        fail_msg("%s", err.text);
    int64_t base = r->options.start_s * INT64_C(1000000000);
    assert_int_equal(ds_gen_generator_init(&r->generator, &r->options, NULL, base, 1000, &err), 0);
}

static void stop(struct run *r)
{
    ds_gen_generator_finish(&r->generator);
}

/* FNV-1a over all that a capture file would hold. */
static uint64_t hash_of(const char *mix, const char *link, const char *seed)
{
    struct run r;
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    start(&r, mix, link, seed);
    for (unsigned n = 0; n < PACKETS; n++) {
        const struct ds_gen_packet *p = ds_gen_generator_next(&r.generator);
        const uint64_t head[] = {(uint64_t)p->fact.time_ns, p->captured, p->wire};
        for (size_t i = 0; i < sizeof head / sizeof head[0]; i++)
            h = (h ^ head[i]) * 0x100000001b3u;
        for (uint32_t i = 0; i < p->captured; i++)
            h = (h ^ ds_gen_frame(p)[i]) * 0x100000001b3u;
    }
    stop(&r);
    return h;
}

/* All populations that a link type carries. */
static const char *everything(const char *link, char out[static 1024])
{
    size_t at = 0;
    for (size_t i = 0; i < ds_gen_population_count(); i++) {
        const struct ds_gen_population *p = ds_gen_population_at(i);
        if (p->needs & DS_GEN_NEEDS_ETHERNET && strcmp(link, "ethernet") != 0)
            continue;
        at += (size_t)snprintf(out + at, 1024 - at, "%s%s", at ? "," : "", p->name);
    }
    return out;
}

static void the_seed_decides_the_bytes(void **state)
{
    char mix[1024];
    for (unsigned link = 0; link < DS_GEN_LINK_COUNT; link++) {
        const char *name = ds_gen_link_name(link);
        everything(name, mix);
        uint64_t first = hash_of(mix, name, "1");
        assert_true(first == hash_of(mix, name, "1"));
        assert_true(first != hash_of(mix, name, "2"));
    }
}

/* Whatever compiler and machine. A change here is one that users see: say it in the CHANGELOG. */
static void the_bytes_are_the_same_everywhere(void **state)
{
    char mix[1024];
    uint64_t h = hash_of(everything("ethernet", mix), "ethernet", "1");
    if (h != GOLDEN)
        fail_msg("hash is 0x%016llx", (unsigned long long)h);
}

static uint32_t sum(uint32_t s, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        s += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
    return s;
}

static uint16_t folded(uint32_t s)
{
    s = (s & 0xffff) + (s >> 16);
    return (uint16_t)((s & 0xffff) + (s >> 16));
}

/* A transport of proto at the end of an IP packet; a right checksum makes the sum all ones. */
static void check_transport(const uint8_t *ip, size_t address, size_t address_bytes, uint8_t proto,
                            const uint8_t *transport, size_t size)
{
    uint32_t s = sum(0, transport, size);
    if (proto != DS_PROTO_ICMP)
        s = sum(s + proto + (uint32_t)size, ip + address, 2 * address_bytes);
    assert_int_equal(folded(s), 0xffff);
}

static bool has_checksum(uint8_t proto)
{
    return proto == DS_PROTO_TCP || proto == DS_PROTO_UDP || proto == DS_PROTO_ICMP ||
           proto == DS_PROTO_ICMP6;
}

static void check_ip4(const uint8_t *ip)
{
    size_t header = (ip[0] & 15u) * 4, total = (size_t)ip[2] << 8 | ip[3];
    assert_int_equal(folded(sum(0, ip, header)), 0xffff);
    bool is_fragment = ((ip[6] & 0x3f) << 8 | ip[7]) != 0;
    if (has_checksum(ip[9]) && !is_fragment)
        check_transport(ip, 12, 4, ip[9], ip + header, total - header);
}

static void check_ip6(const uint8_t *ip)
{
    size_t size = (size_t)ip[4] << 8 | ip[5];
    if (has_checksum(ip[6])) /* no extension headers */
        check_transport(ip, 8, 16, ip[6], ip + 40, size);
}

static void checksums_are_right(void **state)
{
    char mix[1024];
    struct run r;
    unsigned checked = 0;
    start(&r, everything("ethernet", mix), "ethernet", "3");
    for (unsigned n = 0; n < 10 * PACKETS; n++) {
        const struct ds_gen_packet *p = ds_gen_generator_next(&r.generator);
        const uint8_t *ip = p->room + DS_GEN_LINK_MAX;
        /* Whole, and the IP length is that of the packet. */
        if (p->fact.malformed != DS_MALFORMED_COUNT || p->captured < p->wire ||
            p->fact.bytes != p->ip_bytes)
            continue;
        checked++;
        if (ip[0] >> 4 == 6)
            check_ip6(ip);
        else
            check_ip4(ip);
    }
    assert_true(checked > 8 * PACKETS);
    stop(&r);
}

static void count_run(struct run *r, struct ds_gen_truth *truth, struct ds_window *all)
{
    assert_int_equal(ds_gen_truth_init(truth, NULL, r->generator.world.addresses4, 60, NULL), 0);
    for (unsigned n = 0; n < PACKETS; n++)
        ds_gen_truth_count(truth, &ds_gen_generator_next(&r->generator)->fact);
    assert_true(ds_gen_truth_all(truth, all));
}

static void books_balance_for_every_population(void **state)
{
    for (size_t i = 0; i < ds_gen_population_count(); i++) {
        struct run r;
        struct ds_gen_truth truth;
        struct ds_window all;
        start(&r, ds_gen_population_at(i)->name, "ethernet", "1");
        count_run(&r, &truth, &all);
        const char *imbalance = ds_window_imbalance(&all);
        if (imbalance)
            fail_msg("%s: %s does not balance", ds_gen_population_at(i)->name, imbalance);
        assert_int_equal(all.books[DS_BOOK_RECEIVED], PACKETS);
        ds_window_finish(&all);
        ds_gen_truth_finish(&truth);
        stop(&r);
    }
}

static uint64_t signature(const struct ds_window *w, const char *id)
{
    for (size_t i = 0; i < w->signature_count; i++)
        if (strcmp(w->signatures[i].id, id) == 0)
            return w->signatures[i].packets;
    return 0;
}

/* Populations of which every packet is of one kind. */
static void populations_are_what_they_say(void **state)
{
    static const struct {
        const char *name;
        uint8_t type, cls;
        const char *signature;
    } expected[] = {
        {"mirai", DS_TYPE_TCP_SYN, DS_CLASS_SCAN, "mirai"},
        {"masscan-old", DS_TYPE_TCP_SYN, DS_CLASS_SCAN, "masscan"},
        {"masscan-modern", DS_TYPE_TCP_SYN, DS_CLASS_SCAN, "masscan"},
        {"zmap-old", DS_TYPE_TCP_SYN, DS_CLASS_SCAN, "zmap"},
        {"zmap-modern", DS_TYPE_TCP_SYN, DS_CLASS_SCAN, NULL},
        {"nmap", DS_TYPE_TCP_SYN, DS_CLASS_SCAN, NULL},
        {"unicornscan", DS_TYPE_TCP_SYN, DS_CLASS_SCAN, NULL},
        {"bot", DS_TYPE_TCP_SYN, DS_CLASS_SCAN, NULL},
        {"windows", DS_TYPE_TCP_SYN, DS_CLASS_SCAN, NULL},
        {"flood", DS_TYPE_TCP_SYN, DS_CLASS_SCAN, NULL},
        {"backscatter-synack", DS_TYPE_TCP_SYNACK, DS_CLASS_BACKSCATTER, NULL},
        {"backscatter-rst", DS_TYPE_TCP_RST, DS_CLASS_BACKSCATTER, NULL},
        {"backscatter-icmp", DS_TYPE_ICMP, DS_CLASS_BACKSCATTER, NULL},
        {"attack", DS_TYPE_TCP_SYNACK, DS_CLASS_BACKSCATTER, NULL},
        {"attack-routed", DS_TYPE_ICMP, DS_CLASS_BACKSCATTER, NULL},
        {"amplification", DS_TYPE_UDP, DS_CLASS_SCAN, NULL},
        {"icmp-echo", DS_TYPE_ICMP, DS_CLASS_SCAN, NULL},
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        struct run r;
        struct ds_gen_truth truth;
        struct ds_window all;
        start(&r, expected[i].name, "ethernet", "1");
        count_run(&r, &truth, &all);
        assert_int_equal(all.types[expected[i].type], PACKETS);
        assert_int_equal(all.classes[expected[i].cls].packets, PACKETS);
        if (expected[i].signature)
            assert_int_equal(signature(&all, expected[i].signature), PACKETS);
        ds_window_finish(&all);
        ds_gen_truth_finish(&truth);
        stop(&r);
    }
}

/* Every reason occurs, but for those that a link type has no room for. */
static void malformed_packets_have_every_reason(void **state)
{
    for (unsigned link = 0; link < DS_GEN_LINK_COUNT; link++) {
        struct run r;
        struct ds_gen_truth truth;
        struct ds_window all;
        start(&r, "malformed", ds_gen_link_name(link), "1");
        count_run(&r, &truth, &all);
        assert_int_equal(all.books[DS_BOOK_MALFORMED], PACKETS);
        for (unsigned reason = 0; reason < DS_MALFORMED_OTHER; reason++) {
            bool impossible = (link != DS_GEN_LINK_ETHERNET && reason == DS_MALFORMED_LINK_DEEP) ||
                              (link == DS_GEN_LINK_RAW && (reason == DS_MALFORMED_LINK_SHORT ||
                                                           reason == DS_MALFORMED_NOT_IP));
            assert_int_equal(all.malformed[reason] == 0, impossible);
        }
        ds_window_finish(&all);
        ds_gen_truth_finish(&truth);
        stop(&r);
    }
}

/* A snap of n bytes of one plain SYN on Ethernet: what can still be said of it. */
static void a_cut_changes_the_facts(void **state)
{
    static const struct {
        uint32_t snaplen;
        unsigned malformed;
        bool truncated;
    } cuts[] = {
        {13, DS_MALFORMED_LINK_SHORT, false}, {14, DS_MALFORMED_IP_SHORT, false},
        {33, DS_MALFORMED_IP_SHORT, false},   {34, DS_MALFORMED_COUNT, true},
        {47, DS_MALFORMED_COUNT, true},       {48, DS_MALFORMED_COUNT, false},
        {60, DS_MALFORMED_COUNT, false},
    };
    struct ds_gen_packet p;
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        struct ds_gen_ip ip = {.source = ds_gen_from4(1), .dest = ds_gen_from4(2), .ttl = 64};
        ds_gen_build_tcp(&p, &ip, &(struct ds_gen_tcp){.dest_port = 23, .flags = DS_GEN_SYN});
        ds_gen_claim(&p, DS_TYPE_TCP_SYN, DS_CLASS_SCAN, 23);
        ds_gen_link_wrap(&p, DS_GEN_LINK_ETHERNET, false);
        ds_gen_capture(&p, cuts[i].snaplen);
        assert_int_equal(p.wire, 60);
        assert_int_equal(p.captured, cuts[i].snaplen);
        assert_int_equal(p.fact.malformed, cuts[i].malformed);
        assert_int_equal(p.fact.truncated, cuts[i].truncated);
        assert_int_equal(p.fact.type, cuts[i].truncated ? DS_TYPE_TCP_OTHER : DS_TYPE_TCP_SYN);
        assert_int_equal(p.fact.port, cuts[i].truncated ? 0 : 23);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_seed_decides_the_bytes),
        cmocka_unit_test(the_bytes_are_the_same_everywhere),
        cmocka_unit_test(checksums_are_right),
        cmocka_unit_test(books_balance_for_every_population),
        cmocka_unit_test(populations_are_what_they_say),
        cmocka_unit_test(malformed_packets_have_every_reason),
        cmocka_unit_test(a_cut_changes_the_facts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
