/* SPDX-License-Identifier: Apache-2.0
 *
 * The mix: 88 % TCP SYN, 8 % UDP, 2 % SYN-ACK, 2 % ICMP; 0.8 % with a VLAN tag, 0.1 % IPv6. The
 * busier half of the packets comes from sources that change the port with every packet, the rest
 * keeps to one port a source. Packets of a source are not in bursts, which is the worst case.
 */
#include "traffic.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RECORD_HEADER = 16,
    FRAME_MOST = 14 + 4 + 40 + 20 + 40,
    RANK_SWEEPERS = 2000, /* the busiest sources change ports */
};

struct maker {
    uint64_t state;
    uint8_t *at;
};

/* splitmix64 */
static uint64_t next(struct maker *m)
{
    uint64_t z = (m->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static void put16(uint8_t *to, unsigned v)
{
    to[0] = (uint8_t)(v >> 8);
    to[1] = (uint8_t)v;
}

static void put32(uint8_t *to, uint32_t v)
{
    put16(to, v >> 16);
    put16(to + 2, v & 0xffff);
}

/* Rank from 0 by inversion of the continuous Zipf(1): P(rank < r) = ln(1+r) / ln(1+pool). */
static uint32_t draw_rank(struct maker *m, const struct ds_bench_traffic *t)
{
    uint64_t r = next(m);
    if (t->uniform)
        return (uint32_t)(((r >> 32) * t->pool) >> 32);
    double u = (double)(r >> 11) * 0x1p-53;
    uint32_t rank = (uint32_t)(exp(u * log(1.0 + t->pool)) - 1.0);
    return rank < t->pool ? rank : t->pool - 1;
}

/* The address of a rank: a bijection on 32 bits, so that ranks stay distinct. */
static uint32_t address_of(uint32_t rank)
{
    uint32_t x = rank * UINT32_C(2654435761) + 12345;
    x ^= x >> 15;
    x *= UINT32_C(0x2c1b3c6d);
    return x ^ x >> 13;
}

static uint16_t port_of(struct maker *m, uint32_t rank, bool uniform)
{
    static const uint16_t usual[] = {23, 23, 23, 445, 22, 80, 8080, 2323, 5555, 3389, 443, 81};
    if (uniform || rank < RANK_SWEEPERS)
        return (uint16_t)next(m);
    return usual[address_of(rank) % (sizeof usual / sizeof usual[0])];
}

static size_t put_ip4(struct maker *m, uint8_t *ip, uint32_t source, uint8_t proto, size_t payload)
{
    uint64_t r = next(m);
    memset(ip, 0, 20);
    ip[0] = 0x45;
    put16(ip + 2, (unsigned)(20 + payload));
    put16(ip + 4, r & 0xffff);
    ip[8] = (uint8_t)(40 + (r >> 16 & 63));
    ip[9] = proto;
    put32(ip + 12, source);
    put32(ip + 16, UINT32_C(0xc6120000) | (r >> 32 & 0xffff));
    return 20 + payload;
}

static size_t put_transport(struct maker *m, uint8_t *to, unsigned kind, uint16_t port)
{
    uint64_t r = next(m);
    memset(to, 0, 20);
    if (kind >= 98) { /* ICMP echo request */
        to[0] = 8;
        return 16;
    }
    put16(to, 1024 + (r & 0x7fff));
    put16(to + 2, port);
    if (kind >= 90 && kind < 98) { /* UDP */
        put16(to + 4, 20);
        return 20;
    }
    put32(to + 4, (uint32_t)(r >> 32));
    to[12] = 5 << 4;
    to[13] = kind >= 88 ? 0x12 : 0x02;
    put16(to + 14, 1024);
    return 20;
}

static uint8_t proto_of(unsigned kind)
{
    return kind >= 98 ? 1 : kind >= 90 ? 17 : 6;
}

static size_t put_frame(struct maker *m, uint8_t *frame, const struct ds_bench_traffic *t)
{
    uint32_t rank = draw_rank(m, t);
    uint64_t r = next(m);
    unsigned kind = (unsigned)(r % 100), rare = (unsigned)(r >> 32) % 1000;
    size_t link = rare < 8 ? 18 : 14;
    memset(frame, 2, 12);
    if (link == 18) {
        put16(frame + 12, 0x8100);
        put16(frame + 14, 100);
    }
    bool v6 = rare == 999;
    put16(frame + link - 2, v6 ? 0x86dd : 0x0800);
    uint8_t *ip = frame + link, body[20];
    size_t payload = put_transport(m, body, kind, port_of(m, rank, t->uniform));
    if (v6) {
        memset(ip, 0, 40);
        ip[0] = 0x60;
        put16(ip + 4, (unsigned)payload);
        ip[6] = proto_of(kind) == 1 ? 58 : proto_of(kind);
        ip[7] = 50;
        put32(ip + 8, UINT32_C(0x20010db8));
        put32(ip + 20, address_of(rank));
        put32(ip + 24, UINT32_C(0x20010db8));
        memcpy(ip + 40, body, payload);
        return link + 40 + payload;
    }
    size_t total = put_ip4(m, ip, address_of(rank), proto_of(kind), payload);
    memcpy(ip + 20, body, payload);
    size_t frame_bytes = link + total;
    return frame_bytes < 60 ? 60 : frame_bytes; /* Ethernet pads */
}

static void put_host32(uint8_t *to, uint32_t v)
{
    memcpy(to, &v, sizeof v);
}

size_t ds_bench_traffic_make(const struct ds_bench_traffic *t, uint8_t **image)
{
    uint8_t *start = calloc(DS_BENCH_FILE_HEADER + t->packets * (RECORD_HEADER + FRAME_MOST), 1);
    if (!start) {
        perror("no memory for the traffic");
        exit(1);
    }
    struct maker m = {.state = t->seed, .at = start + DS_BENCH_FILE_HEADER};
    const uint32_t header[] = {UINT32_C(0xa1b23c4d), 2u | 4u << 16, 0, 0, 65535, 1};
    memcpy(start, header, sizeof header);
    for (uint64_t i = 0; i < t->packets; i++) {
        double time = t->seconds * (double)i / (double)t->packets;
        size_t bytes = put_frame(&m, m.at + RECORD_HEADER, t);
        put_host32(m.at, UINT32_C(1767225600) + (uint32_t)time);
        put_host32(m.at + 4, (uint32_t)((time - floor(time)) * 1e9));
        put_host32(m.at + 8, (uint32_t)bytes);
        put_host32(m.at + 12, (uint32_t)bytes);
        m.at += RECORD_HEADER + bytes;
    }
    *image = start;
    return (size_t)(m.at - start);
}
