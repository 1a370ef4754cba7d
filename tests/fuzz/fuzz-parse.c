/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a frame of any link type: stripped, parsed both ways, classified. The first byte
 * chooses the link type, the second the tunnels, the third where the packet is cut once more.
 */
#include "classify/classify.h"
#include "classify/p0f.h"
#include "fuzz.h"
#include "link.h"
#include "parse.h"

#include <string.h>

#define CHOICES 3

static const struct ds_hash_key key = {UINT64_C(0x1234567890abcdef), UINT64_C(0x9e3779b97f4a7c15)};

static void check_same(const struct ds_packet *a, const struct ds_packet *b)
{
    check(a->source_key == b->source_key && a->dest_key == b->dest_key);
    check(a->source4 == b->source4 && a->dest4 == b->dest4 && a->seq == b->seq);
    check(a->total_bytes == b->total_bytes && a->ip_id == b->ip_id && a->ttl == b->ttl);
    check(a->source_port == b->source_port && a->dest_port == b->dest_port);
    check(a->window == b->window && a->tcp_flags == b->tcp_flags);
    check(a->tcp_header == b->tcp_header && a->proto == b->proto);
    check(a->icmp_type == b->icmp_type && a->icmp_code == b->icmp_code);
    check(a->quoted_proto == b->quoted_proto && a->quoted_port == b->quoted_port);
    check(a->has_addresses == b->has_addresses && a->is_v6 == b->is_v6);
    check(a->fragment == b->fragment && a->truncated == b->truncated);
    check(a->dont_fragment == b->dont_fragment && a->bare == b->bare);
    check(a->transport == b->transport);
}

static void check_verdict(const uint8_t *ip, const struct ds_packet *p)
{
    const uint32_t ip6 = DS_SIGNATURE_BIT(IRREGULAR) | DS_SIGNATURE_BIT(IRREGULAR_TTL) |
                         DS_SIGNATURE_BIT(IRREGULAR_NO_OPTIONS);
    struct ds_verdict v;
    char text[DS_P0F_TEXT];
    ds_classify(p, &v);
    check(v.type < DS_TYPE_COUNT && v.cls < DS_CLASS_COUNT && v.device < DS_DEVICE_COUNT);
    check(v.signatures >> DS_SIGNATURE_COUNT == 0);
    check(v.type == DS_TYPE_TCP_SYN ? v.device != DS_DEVICE_NONE : !v.device && !v.signatures);
    check(!p->is_v6 || (v.signatures & ~ip6) == 0);
    check(!(p->fragment || p->truncated) || (v.port == 0 && v.cls == DS_CLASS_OTHER));
    check(v.proto == p->proto || p->quoted_proto);
    check(ds_p0f_print(ip, p, text) == (text[0] != 0) && strlen(text) < sizeof text);
}

/* Parses both ways, and classifies. */
static enum ds_malformed parse(const uint8_t *ip, size_t captured, struct ds_packet *p)
{
    struct ds_packet careful;
    /* In memory of exactly that size, so that a read beyond it is noticed. */
    uint8_t *copy = malloc(captured);
    check(copy || !captured);
    if (captured)
        memcpy(copy, ip, captured);
    enum ds_malformed reason = ds_parse(copy, (uint32_t)captured, &key, p);
    check(reason == ds_parse_careful(copy, (uint32_t)captured, &key, &careful));
    if (reason == DS_MALFORMED_COUNT) {
        check_same(p, &careful);
        check_verdict(copy, p);
    }
    free(copy);
    return reason;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t links[] = {0, 1, 9, 50, 51, 101, 108, 113, 228, 229, 276, 147};
    if (size < CHOICES)
        return 0;
    struct ds_frame frame = {
        .data = data + CHOICES,
        .captured = (uint32_t)(size - CHOICES),
        .wire = (uint32_t)(size - CHOICES),
        .link = links[data[0] % (sizeof links / sizeof *links)],
    };
    struct ds_network n, fast;
    enum ds_malformed reason = ds_link_strip(&frame, data[1], &n);
    check(reason <= DS_MALFORMED_COUNT);
    check(ds_link_strip_fast(&frame, data[1], &fast) == reason);
    if (reason != DS_MALFORMED_COUNT)
        return 0;
    check(fast.data == n.data && fast.captured == n.captured);
    check(n.data >= frame.data && n.captured > 0);
    check(n.captured <= frame.captured - (size_t)(n.data - frame.data));

    struct ds_packet whole, cut;
    reason = parse(n.data, n.captured, &whole);
    check(reason <= DS_MALFORMED_COUNT);
    /* What a capture cuts off can make a packet short, but never wrong. */
    enum ds_malformed cut_reason = parse(n.data, (size_t)n.captured * data[2] / 256, &cut);
    if (reason == DS_MALFORMED_COUNT)
        check(cut_reason == DS_MALFORMED_COUNT || cut_reason == DS_MALFORMED_IP_SHORT);
    if (cut.has_addresses)
        check(cut.source_key == whole.source_key && cut.dest_key == whole.dest_key);
    return 0;
}
