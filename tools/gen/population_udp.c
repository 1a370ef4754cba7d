/* SPDX-License-Identifier: Apache-2.0
 *
 * UDP: probes for amplifiers with the payloads that scanners use (ZMap examples/udp-probes,
 * US-CERT TA14-017A), and what such amplifiers send to spoofed addresses.
 */
#include "population.h"
#include "shapes.h"

#define NETBIOS_ANY_NAME " CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static const struct probe {
    uint16_t port;
    struct ds_gen_bytes payload;
} probes[] = {
    {53,
     DS_GEN_TEXT_INIT("\x12\x34\x01\0\0\1\0\0\0\0\0\1\3isc\3org\0\0\xff\0\1\0\0\x29\x23\x28\0\0\0\0"
                      "\0\0")},
    {123, DS_GEN_TEXT_INIT("\x17\0\3\x2a\0\0\0\0")},
    {1900, DS_GEN_TEXT_INIT("M-SEARCH * HTTP/1.1\r\nHost:239.255.255.250:1900\r\nST:ssdp:all\r\n"
                            "Man:\"ssdp:discover\"\r\nMX:3\r\n\r\n")},
    {11211, DS_GEN_TEXT_INIT("\x5a\x4d\0\0\0\1\0\0stats items\r\n")},
    {389,
     DS_GEN_TEXT_INIT("0\x84\0\0\0\x2d\2\1\7\x63\x84\0\0\0\x24\4\0\n\1\0\n\1\0\2\1\0\2\1\x64\1\1\0"
                      "\x87\x0bobjectClass0\x84\0\0\0\0")},
    {161, DS_GEN_TEXT_INIT("0&\2\1\1\4\6public\xa5\x19\2\2\x71\x8d\2\1\0\2\1\x64"
                           "0\r0\x0b\6\7+\6\1\2\1\1\1\5\0")},
    {5683, DS_GEN_TEXT_INIT("@\1\x7d\x70\xbb.well-known\4core")},
    {3702, DS_GEN_TEXT_INIT("<:/>")},
    {3283, DS_GEN_TEXT_INIT("\0\x14\0\0\0")},
    {137, DS_GEN_TEXT_INIT("\x80\xf0\0\x10\0\1\0\0\0\0\0\0" NETBIOS_ANY_NAME "\0\0!\0\1")},
    {111,
     DS_GEN_TEXT_INIT("\x72\xfe\x1d\x13\0\0\0\0\0\0\0\2\0\1\x86\xa0\0\0\0\2\0\0\0\4\0\0\0\0\0\0\0\0"
                      "\0\0\0\0\0\0\0\0")},
    {5060, DS_GEN_TEXT_INIT("OPTIONS sip:nm SIP/2.0\r\nVia: SIP/2.0/UDP nm;branch=foo\r\n"
                            "From: <sip:nm@nm>;tag=root\r\nTo: <sip:nm2@nm2>\r\nCall-ID: 50000\r\n"
                            "CSeq: 42 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n")},
    {5353,
     DS_GEN_TEXT_INIT("\0\0\0\0\0\1\0\0\0\0\0\0\x09_services\7_dns-sd\4_udp\5local\0\0\x0c\0\1")},
    {19, DS_GEN_TEXT_INIT("\1")},
    {17, DS_GEN_TEXT_INIT("\r\n")},
    {69, DS_GEN_TEXT_INIT("\0\1a.pdf\0octet\0")},
    {520, DS_GEN_TEXT_INIT("\1\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10")},
    {177, DS_GEN_TEXT_INIT("\0\1\0\2\0\1\0")},
    {623, DS_GEN_TEXT_INIT("\6\0\xff\7\0\0\0\0\0\0\0\0\0\x09\x20\x18\xc8\x81\0\x38\x8e\4\xb5")},
    {47808, DS_GEN_TEXT_INIT("\x81\n\0\x11\1\4\0\5\1\x0c\x0c\2?\xff\xff\x19K")},
    {27015, DS_GEN_TEXT_INIT("\xff\xff\xff\xffTSource Engine Query\0")},
    {27960, DS_GEN_TEXT_INIT("\xff\xff\xff\xffgetstatus\n")},
    {1434, DS_GEN_TEXT_INIT("\2")},
    {10001, DS_GEN_TEXT_INIT("\1\0\0\0")},
    {53413, DS_GEN_TEXT_INIT("AA\0\0AAAA")},
};

void ds_gen_build_amplification(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    struct ds_gen_ip ip = ds_gen_route4(w, 255);
    uint32_t a = ds_gen_below(&w->random, DS_GEN_COUNT(probes));
    uint32_t b = ds_gen_below(&w->random, DS_GEN_COUNT(probes));
    const struct probe *probe = &probes[a < b ? a : b];
    ds_gen_build_udp(p, &ip, ds_gen_ephemeral_port(w), probe->port, probe->payload);
    ds_gen_claim(p, DS_TYPE_UDP, DS_CLASS_SCAN, probe->port);
}

/* Services with a published amplification factor. A reply from another port than these cannot be
 * told from a scan. */
void ds_gen_build_reflection(struct ds_gen_world *w, struct ds_gen_packet *p)
{
    static const uint16_t services[] = {53,   123, 1900, 389,  11211, 161,   19,    17, 137,
                                        5353, 111, 69,   3702, 3283,  27015, 27960, 520};
    static const uint16_t others[] = {5683, 10001, 443};
    static const uint8_t reply[512] = "\x12\x34\x81\x80\0\1\0\4\0\0\0\1\3isc\3org\0\0\xff\0\1";
    struct ds_gen_ip ip = ds_gen_route4(w, 64);
    struct ds_gen_bytes payload = {reply, 64 + ds_gen_below(&w->random, sizeof reply - 64)};
    uint16_t victim_port = (uint16_t)(1024 + ds_gen_below(&w->random, 64512));
    if (ds_gen_chance(&w->random, 10)) {
        uint16_t port = ds_gen_pick_port(w, others, DS_GEN_COUNT(others));
        ds_gen_build_udp(p, &ip, port, victim_port, payload);
        ds_gen_claim(p, DS_TYPE_UDP, DS_CLASS_SCAN, victim_port);
        return;
    }
    uint16_t service = ds_gen_pick_port(w, services, DS_GEN_COUNT(services));
    ds_gen_build_udp(p, &ip, service, victim_port, payload);
    ds_gen_claim(p, DS_TYPE_UDP, DS_CLASS_BACKSCATTER, service);
}
