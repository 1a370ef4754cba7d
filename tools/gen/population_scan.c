/* SPDX-License-Identifier: Apache-2.0
 *
 * Scanners: tools, bots and worms that send TCP SYNs, and survey scanners that also send UDP.
 */
#include "population.h"
#include "shapes.h"

/* Option layouts as p0f 3 lists them. */
static const uint8_t option_mss[] = {2, 4, 0x05, 0xb4};
static const uint8_t options_windows[] = {2, 4, 0x05, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2};
/* MSS, SACK permitted, time stamp, NOP, window scale 7. */
static const uint8_t options_linux[] = {2,    4,    0x05, 0xb4, 4, 2, 8, 10, 0x00, 0x12,
                                        0x34, 0x56, 0,    0,    0, 0, 1, 3,  3,    7};

static const uint8_t options_mac[] = {2, 4,  0x05, 0xb4, 1, 3, 3, 6, 1, 1, 8, 10,
                                      0, 18, 0x34, 0x56, 0, 0, 0, 0, 4, 2, 0, 0};
static const uint8_t options_freebsd[] = {2, 4,  0x05, 0xb4, 1,    3,    3, 6, 4, 2,
                                          8, 10, 0,    18,   0x34, 0x56, 0, 0, 0, 0};
static const uint8_t options_openbsd[] = {2, 4, 0x05, 0xb4, 1, 1,  4,    2,    1, 3, 3, 3,
                                          1, 1, 8,    10,   0, 18, 0x34, 0x56, 0, 0, 0, 0};
static const uint8_t options_linux_plain[] = {2, 4, 0x05, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7};
static const uint8_t options_windows_plain[] = {2, 4, 0x05, 0xb4, 1, 1, 4, 2};

/* What differs between SYNs of one shape. */
struct syn {
    uint16_t port;
    uint32_t seq;
    uint16_t window;
    struct ds_gen_bytes options;
};

static void build_syn(struct ds_gen_packet *p, struct ds_gen_ip *ip, uint16_t source_port,
                      const struct syn *s)
{
    const struct ds_gen_tcp tcp = {
        .source_port = source_port,
        .dest_port = s->port,
        .seq = s->seq,
        .flags = DS_GEN_SYN,
        .window = s->window,
        .options = s->options,
    };
    ds_gen_build_tcp(p, ip, &tcp);
    ds_gen_claim(p, DS_TYPE_TCP_SYN, DS_CLASS_SCAN, s->port);
}

static uint32_t source_of(const struct ds_gen_ip *ip)
{
    return ds_gen_address4(&ip->source);
}

static uint16_t research_port(struct ds_gen_world *w)
{
    static const uint16_t ports[] = {443,  80,   22,   8080, 3389,  21,    25,   8443, 5900, 445,
                                     3306, 6379, 5432, 8888, 27017, 11211, 9200, 2375, 102,  502};
    return ds_gen_pick_port(w, ports, DS_GEN_COUNT(ports));
}

/* Mirai scanner.c: seq is the destination, one source port a bot, random window and id, no
 * options. One source in five carries an MSS, as real data show (darkvec: 16 of 76). */
void ds_gen_build_mirai(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    struct ds_gen_ip ip = ds_gen_route4(w, 64);
    uint32_t source = source_of(&ip);
    uint16_t port = ds_gen_chance(&w->random, 10) ? 2323 : 23;
    struct syn s = {
        .port = port,
        .seq = ds_gen_address4(&ip.dest),
        .window = ds_gen_random16(&w->random),
    };
    if (ds_gen_trait(w, source, 1, 5) == 0)
        s.options = DS_GEN_BYTES(option_mss);
    build_syn(p, &ip, (uint16_t)(1024 + ds_gen_trait(w, source, 2, 64512)), &s);
}

/* Bots that use connect(): the SYN of their kernel, by version. */
void ds_gen_build_bot(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    static const uint16_t ports[] = {23,   8080, 80,   81,   22,    5555,  37215, 60001, 52869,
                                     7547, 2222, 8081, 2323, 34567, 49152, 9527,  8291,  5358};
    static const uint16_t windows[] = {29200, 64240, 14600, 5840};
    struct ds_gen_ip ip = ds_gen_route4(w, 64);
    ip.flags_offset = DS_GEN_DF;
    uint16_t port = ds_gen_pick_port(w, ports, DS_GEN_COUNT(ports));
    const struct syn s = {
        .port = port,
        .seq = ds_gen_random32(&w->random),
        .window = windows[ds_gen_trait(w, source_of(&ip), 1, DS_GEN_COUNT(windows))],
        .options = DS_GEN_BYTES(options_linux),
    };
    build_syn(p, &ip, ds_gen_ephemeral_port(w), &s);
}

void ds_gen_build_windows(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    static const uint16_t windows[] = {8192, 64240, 65535};
    struct ds_gen_ip ip = ds_gen_route4(w, 128);
    ip.flags_offset = DS_GEN_DF;
    uint16_t port = ds_gen_chance(&w->random, 80) ? 445 : 3389;
    const struct syn s = {
        .port = port,
        .seq = ds_gen_random32(&w->random),
        .window = windows[ds_gen_trait(w, source_of(&ip), 1, DS_GEN_COUNT(windows))],
        .options = ds_gen_trait(w, source_of(&ip), 2, 10) ? DS_GEN_BYTES(options_windows)
                                                          : DS_GEN_BYTES(options_windows_plain),
    };
    build_syn(p, &ip, (uint16_t)(49152 + ds_gen_below(&w->random, 16384)), &s);
}

/* Servers, desktops and phones; a tenth has time stamps switched off. */
void ds_gen_build_linux(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    static const uint16_t windows[] = {64240, 29200, 65535, 42340};
    struct ds_gen_ip ip = ds_gen_route4(w, 64);
    ip.flags_offset = DS_GEN_DF;
    uint16_t port = research_port(w);
    const struct syn s = {
        .port = port,
        .seq = ds_gen_random32(&w->random),
        .window = windows[ds_gen_trait(w, source_of(&ip), 1, DS_GEN_COUNT(windows))],
        .options = ds_gen_trait(w, source_of(&ip), 2, 10) ? DS_GEN_BYTES(options_linux)
                                                          : DS_GEN_BYTES(options_linux_plain),
    };
    build_syn(p, &ip, ds_gen_ephemeral_port(w), &s);
}

void ds_gen_build_bsd_mac(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    const struct ds_gen_bytes kinds[] = {DS_GEN_BYTES(options_mac), DS_GEN_BYTES(options_freebsd),
                                         DS_GEN_BYTES(options_openbsd)};
    struct ds_gen_ip ip = ds_gen_route4(w, 64);
    ip.flags_offset = DS_GEN_DF;
    uint32_t kind = ds_gen_trait(w, source_of(&ip), 1, DS_GEN_COUNT(kinds));
    uint16_t port = research_port(w);
    const struct syn s = {
        .port = port,
        .seq = ds_gen_random32(&w->random),
        .window = kind == 2 ? 16384 : 65535,
        .options = kinds[kind],
    };
    build_syn(p, &ip, (uint16_t)(49152 + ds_gen_below(&w->random, 16384)), &s);
}

/* v1 and v2 without options, v3 with an MSS. */
void ds_gen_build_zmap_old(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    struct ds_gen_ip ip = ds_gen_route4(w, 255);
    ip.id = 54321;
    uint16_t port = research_port(w);
    struct syn s = {.port = port, .seq = ds_gen_random32(&w->random), .window = 65535};
    if (ds_gen_trait(w, source_of(&ip), 1, 2) == 0)
        s.options = DS_GEN_BYTES(option_mss);
    build_syn(p, &ip, ds_gen_ephemeral_port(w), &s);
}

static void build_zmap_modern(struct ds_gen_world *w, struct ds_gen_packet *p,
                              const struct ds_gen_bytes *kinds, uint32_t count)
{
    struct ds_gen_ip ip = ds_gen_route4(w, 64);
    uint16_t port = research_port(w);
    const struct syn s = {
        .port = port,
        .seq = ds_gen_random32(&w->random),
        .window = 65535,
        .options = kinds[ds_gen_trait(w, source_of(&ip), 1, count)],
    };
    build_syn(p, &ip, ds_gen_ephemeral_port(w), &s);
}

void ds_gen_build_zmap_modern(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    build_zmap_modern(w, p, &DS_GEN_BYTES(options_windows), 1);
}

/* --probe-args linux, bsd, smallest-probes. */
void ds_gen_build_zmap_options(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    const struct ds_gen_bytes kinds[] = {DS_GEN_BYTES(options_linux), DS_GEN_BYTES(options_mac),
                                         DS_GEN_BYTES(option_mss)};
    build_zmap_modern(w, p, kinds, DS_GEN_COUNT(kinds));
}

static void build_masscan(struct ds_gen_world *w, struct ds_gen_packet *p, uint16_t window,
                          struct ds_gen_bytes options)
{
    struct ds_gen_ip ip = ds_gen_route4(w, 255);
    uint16_t port = research_port(w);
    const struct syn s = {
        .port = port,
        .seq = ds_gen_random32(&w->random),
        .window = window,
        .options = options,
    };
    ip.id = (uint16_t)(ds_gen_address4(&ip.dest) ^ s.port ^ s.seq);
    build_syn(p, &ip, (uint16_t)(40000 + ds_gen_trait(w, source_of(&ip), 1, 20000)), &s);
}

void ds_gen_build_masscan_first(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    build_masscan(w, p, 0, (struct ds_gen_bytes){0});
}

void ds_gen_build_masscan_old(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    build_masscan(w, p, 1024, (struct ds_gen_bytes){0});
}

void ds_gen_build_masscan_modern(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    build_masscan(w, p, 1025, DS_GEN_BYTES(option_mss));
}

/* seq = (try << 16 | try) ^ mask of the session; TTL 37 to 59 at the source. */
void ds_gen_build_nmap(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    struct ds_gen_ip ip = ds_gen_route4(w, 64);
    ip.ttl = (uint8_t)(37 + ds_gen_below(&w->random, 23) - ds_gen_trait(w, source_of(&ip), 0, 20));
    uint32_t attempt = ds_gen_below(&w->random, 3);
    uint32_t factor = ds_gen_trait(w, source_of(&ip), 2, 10); /* old ones have other windows */
    uint16_t port = research_port(w);
    const struct syn s = {
        .port = port,
        .seq = (attempt << 16 | attempt) ^ ds_gen_trait(w, source_of(&ip), 1, UINT32_MAX),
        .window = (uint16_t)(factor < 4 ? 1024 * (factor + 1) : 1024),
        .options = DS_GEN_BYTES(option_mss),
    };
    build_syn(p, &ip, ds_gen_ephemeral_port(w), &s);
}

/* seq ^ dst ^ (dport << 16) + sport is one key a session. Little-endian machines take the address
 * as it is in memory. */
void ds_gen_build_unicornscan(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    struct ds_gen_ip ip = ds_gen_route4(w, 255);
    uint16_t source_port = ds_gen_ephemeral_port(w), port = research_port(w);
    uint32_t key = ds_gen_trait(w, source_of(&ip), 1, UINT32_MAX);
    uint32_t dest = ds_gen_address4(&ip.dest);
    if (ds_gen_trait(w, source_of(&ip), 2, 2) == 0)
        dest = __builtin_bswap32(dest);
    const struct syn s = {
        .port = port,
        .seq = key ^ dest ^ (((uint32_t)port << 16) + source_port),
        .window = 4128,
        .options = DS_GEN_BYTES(option_mss),
    };
    build_syn(p, &ip, source_port, &s);
}

static void build_survey_udp(struct ds_gen_world *w, struct ds_gen_packet *p, struct ds_gen_ip *ip)
{
    static const uint16_t ports[] = {53,   123,  161,   1900,  5060, 5683, 11211, 137, 389,
                                     3283, 3702, 47808, 53413, 500,  623,  1434,  69,  443};
    static const uint8_t probe[8] = {0};
    uint16_t port = ds_gen_chance(&w->random, 50) ? ds_gen_pick_port(w, ports, DS_GEN_COUNT(ports))
                                                  : ds_gen_random16(&w->random);
    struct ds_gen_bytes payload = {probe, ds_gen_below(&w->random, sizeof probe + 1)};
    ds_gen_build_udp(p, ip, ds_gen_ephemeral_port(w), port, payload);
    ds_gen_claim(p, DS_TYPE_UDP, DS_CLASS_SCAN, port);
}

/* One packet in eight is UDP. The TCP shape is a trait of the source. */
void ds_gen_build_survey(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    struct ds_gen_ip ip = ds_gen_route4(w, 64);
    if (ds_gen_below(&w->random, 8) == 0) {
        build_survey_udp(w, p, &ip);
        return;
    }
    const struct ds_gen_bytes shapes[] = {DS_GEN_BYTES(options_windows), DS_GEN_BYTES(option_mss),
                                          DS_GEN_BYTES(options_linux)};
    uint16_t port = ds_gen_chance(&w->random, 30) ? research_port(w)
                                                  : (uint16_t)(1 + ds_gen_below(&w->random, 65535));
    const struct syn s = {
        .port = port,
        .seq = ds_gen_random32(&w->random),
        .window = 65535,
        .options = shapes[ds_gen_trait(w, source_of(&ip), 1, DS_GEN_COUNT(shapes))],
    };
    build_syn(p, &ip, ds_gen_ephemeral_port(w), &s);
}

/* Nobody answers for these sources: each packet comes from another one. */
void ds_gen_build_flood(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    struct ds_gen_ip ip = {.source = ds_gen_from4(ds_gen_anywhere(w))};
    ip.dest = ds_gen_target4(w);
    ip.ttl = (uint8_t)(200 + ds_gen_below(&w->random, 56));
    ip.id = ds_gen_random16(&w->random);
    uint16_t port = ds_gen_chance(&w->random, 50) ? 80 : 443;
    struct syn s = {.port = port, .seq = ds_gen_random32(&w->random)};
    s.window = ds_gen_random16(&w->random);
    build_syn(p, &ip, (uint16_t)(1024 + ds_gen_below(&w->random, 64512)), &s);
}
