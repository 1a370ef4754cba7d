/* SPDX-License-Identifier: Apache-2.0
 *
 * What several builders share.
 */
#ifndef DARKSCOPE_GEN_SHAPES_H
#define DARKSCOPE_GEN_SHAPES_H

#include "world.h"

#define DS_GEN_COUNT(array) (sizeof(array) / sizeof(array)[0])
#define DS_GEN_BYTES(array) ((struct ds_gen_bytes){array, sizeof(array)})
/* The bytes of a string literal without its final NUL: as an initializer, and as a value. */
#define DS_GEN_TEXT_INIT(text)                                                                     \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }
#define DS_GEN_TEXT(text) ((struct ds_gen_bytes)DS_GEN_TEXT_INIT(text))

/* Linux' range; holds no port of a reflection service. */
static inline uint16_t ds_gen_ephemeral_port(struct ds_gen_world *w)
{
    return (uint16_t)(32768 + ds_gen_below(&w->random, 28232));
}

/* One of the list, the first ones far more often: the smaller of two draws. */
static inline uint16_t ds_gen_pick_port(struct ds_gen_world *w, const uint16_t *ports, size_t count)
{
    uint32_t a = ds_gen_below(&w->random, (uint32_t)count);
    uint32_t b = ds_gen_below(&w->random, (uint32_t)count);
    return ports[a < b ? a : b];
}

/* A SYN as Linux sends it to port 80, 443, 22 or 23, claimed as a scan. */
static inline void ds_gen_build_plain_syn(struct ds_gen_world *w, struct ds_gen_packet *p,
                                          struct ds_gen_ip *ip)
{
    static const uint16_t ports[] = {80, 443, 22, 23};
    static const uint8_t mss[] = {2, 4, 0x05, 0xb4};
    struct ds_gen_tcp tcp = {.flags = DS_GEN_SYN, .window = 64240, .options = DS_GEN_BYTES(mss)};
    tcp.source_port = ds_gen_ephemeral_port(w);
    tcp.dest_port = ds_gen_pick_port(w, ports, DS_GEN_COUNT(ports));
    tcp.seq = ds_gen_random32(&w->random);
    ds_gen_build_tcp(p, ip, &tcp);
    ds_gen_claim(p, DS_TYPE_TCP_SYN, DS_CLASS_SCAN, tcp.dest_port);
}

/* An ICMP or ICMPv6 message that quotes nothing. */
static inline void ds_gen_build_plain_icmp(struct ds_gen_world *w, struct ds_gen_packet *p,
                                           struct ds_gen_ip *ip, uint8_t type, uint8_t code,
                                           enum ds_class cls)
{
    static const uint8_t body[56] = "abcdefghijklmnopqrstuvwabcdefghi";
    uint32_t rest = ds_gen_random32(&w->random);
    const struct ds_gen_icmp icmp = {
        .type = type,
        .code = code,
        .rest = rest,
        .body = {body, 8 * ds_gen_below(&w->random, 8)},
    };
    ds_gen_build_icmp(p, ip, &icmp);
    ds_gen_claim(p, DS_TYPE_ICMP, cls, p->fact.icmp_port);
}

/* An ICMP or ICMPv6 error about the packet `quoted`, of which it carries the first size bytes.
 * quoted_port is the quoted service. */
void ds_gen_build_error(struct ds_gen_packet *p, struct ds_gen_ip *ip, uint8_t type, uint8_t code,
                        struct ds_gen_packet *quoted, size_t size, uint16_t quoted_port);

#endif
