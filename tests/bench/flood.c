/* SPDX-License-Identifier: Apache-2.0 */
#include "flood.h"

#include <string.h>

enum { ETHERNET = 14, IP4 = 20, IP6 = 40, TRANSPORT = 20 };
_Static_assert(ETHERNET + IP6 + TRANSPORT == DS_BENCH_FLOOD_FRAME, "the longest frame");

/* splitmix64 */
static uint64_t next(struct ds_bench_flood *f)
{
    uint64_t z = (f->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* A quarter each of TCP, UDP, ICMP and any. */
static uint8_t protocol(uint64_t r, bool v6)
{
    const uint8_t usual[] = {6, 17, v6 ? 58 : 1, (uint8_t)(r >> 8)};
    return usual[r & 3];
}

/* Ports, or type and code; flags where TCP has them. */
static void put_transport(struct ds_bench_flood *f, uint8_t to[static TRANSPORT])
{
    uint64_t r = next(f);
    memset(to, 0, TRANSPORT);
    memcpy(to, &r, 4);
    to[5] = TRANSPORT; /* UDP's length */
    to[12] = 5 << 4;
    to[13] = r >> 56 & 1 ? 0x02 : (uint8_t)(r >> 57); /* half of them SYN */
}

static size_t put_ip4(struct ds_bench_flood *f, uint8_t *ip)
{
    uint64_t r = next(f), addresses = next(f);
    memset(ip, 0, IP4);
    ip[0] = 0x45;
    ip[3] = IP4 + TRANSPORT;
    ip[8] = 64;
    ip[9] = protocol(r, false);
    memcpy(ip + 12, &addresses, 8);
    if (!f->everywhere) { /* into 198.18.0.0/16 */
        ip[16] = 198;
        ip[17] = 18;
    }
    return IP4;
}

static size_t put_ip6(struct ds_bench_flood *f, uint8_t *ip)
{
    static const uint8_t prefix[4] = {0x20, 0x01, 0x0d, 0xb8};
    uint64_t r = next(f), host = next(f);
    memset(ip, 0, IP6);
    ip[0] = 0x60;
    ip[5] = TRANSPORT;
    ip[6] = protocol(r, true);
    ip[7] = 64;
    memcpy(ip + 8, prefix, sizeof prefix);
    memcpy(ip + 16, &host, 8);
    memcpy(ip + 24, prefix, sizeof prefix);
    memcpy(ip + 32, &r, 8);
    return IP6;
}

size_t ds_bench_flood_next(struct ds_bench_flood *f, uint8_t frame[static DS_BENCH_FLOOD_FRAME])
{
    bool v6 = next(f) >> 60 == 0;
    memset(frame, 2, 12);
    frame[12] = v6 ? 0x86 : 0x08;
    frame[13] = v6 ? 0xdd : 0x00;
    uint8_t *ip = frame + ETHERNET;
    size_t header = v6 ? put_ip6(f, ip) : put_ip4(f, ip);
    put_transport(f, ip + header);
    return ETHERNET + header + TRANSPORT;
}
