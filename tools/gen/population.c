/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of populations. Default weights are per mille and resemble a telescope of 2025: over
 * half survey scanners, IoT bots next, a little of everything else (NICTER reports 2024, 2025).
 */
#include "population.h"

#include <string.h>

static const struct ds_gen_population populations[] = {
    {"survey", "few sources that sweep all ports, TCP SYN and UDP", ds_gen_build_survey, 530, 1, 0},
    {"mirai", "TCP sequence = destination, ports 23 and 2323", ds_gen_build_mirai, 60, 25, 0},
    {"bot", "kernel SYN of embedded Linux to IoT ports", ds_gen_build_bot, 120, 30, 0},
    {"windows", "SYN of Windows hosts to 445 and 3389", ds_gen_build_windows, 25, 15, 0},
    {"linux", "SYN of servers, desktops and phones", ds_gen_build_linux, 10, 5, 0},
    {"bsd-mac", "SYN of macOS, iOS, FreeBSD and OpenBSD", ds_gen_build_bsd_mac, 5, 2, 0},
    {"zmap-old", "ZMap <= 4.0: IP id 54321, TTL 255", ds_gen_build_zmap_old, 10, 1, 0},
    {"zmap-modern", "ZMap >= 4.1: random id, options of Windows", ds_gen_build_zmap_modern, 30, 2,
     0},
    {"zmap-options", "ZMap >= 4.1 with other options than the default", ds_gen_build_zmap_options,
     3, 1, 0},
    {"masscan-first", "Masscan up to 1.0.1: window 0", ds_gen_build_masscan_first, 2, 1, 0},
    {"masscan-old", "Masscan <= 1.3.2: window 1024, no options", ds_gen_build_masscan_old, 5, 1, 0},
    {"masscan-modern", "Masscan since 2023-11: window 1025, MSS", ds_gen_build_masscan_modern, 25,
     2, 0},
    {"nmap", "Nmap -sS: window 1024, MSS, paired sequence halves", ds_gen_build_nmap, 5, 1, 0},
    {"unicornscan", "Unicornscan: TTL 255, window 4128, MSS", ds_gen_build_unicornscan, 1, 1, 0},
    {"backscatter-synack", "SYN-ACK of attacked servers", ds_gen_build_backscatter_synack, 35, 3,
     0},
    {"backscatter-rst", "RST and RST-ACK of attacked hosts", ds_gen_build_backscatter_rst, 15, 3,
     0},
    {"backscatter-icmp", "ICMP errors that quote the attack, and replies",
     ds_gen_build_backscatter_icmp, 15, 3, 0},
    {"amplification", "UDP probes for amplifiers, with their payloads", ds_gen_build_amplification,
     45, 3, 0},
    {"reflection", "UDP replies of amplifiers", ds_gen_build_reflection, 5, 2, 0},
    {"flood", "SYN flood with uniformly random sources", ds_gen_build_flood, 5, 0, 0},
    {"icmp-echo", "pings", ds_gen_build_icmp_echo, 15, 5, 0},
    {"other-tcp", "ACK, FIN, PSH, NULL, XMAS, SYN-FIN and more flags", ds_gen_build_other_tcp, 8, 2,
     0},
    {"other-proto", "GRE, SCTP, IGMP, ESP, IP in IP, other ICMP", ds_gen_build_other_proto, 4, 2,
     0},
    {"fragments", "first and later IPv4 fragments", ds_gen_build_fragments, 4, 1, 0},
    {"vlan", "802.1Q, QinQ, MPLS, PPPoE (Ethernet only)", ds_gen_build_vlan, 3, 1,
     DS_GEN_NEEDS_ETHERNET},
    {"ipv6", "scans, pings, errors, extension headers, fragments", ds_gen_build_ipv6, 4, 2,
     DS_GEN_NEEDS_V6},
    {"options", "IPv4 header options", ds_gen_build_options, 2, 1, 0},
    {"truncated", "cut by the capture before, in, after the ports", ds_gen_build_truncated, 2, 1,
     DS_GEN_NEEDS_FILE},
    {"malformed", "every defect that the link type can carry", ds_gen_build_malformed, 3, 1, 0},
    {"outside", "to addresses that are not monitored", ds_gen_build_outside, 2, 1, 0},
    {"late", "time stamps out of order by 0.1 to 30 s", ds_gen_build_late, 2, 1, DS_GEN_NEEDS_FILE},
    /* Last, and not in the default mix: its bytes stay as they were. */
    {"attack", "SYN-ACK of few victims, one service each", ds_gen_build_attack, 0, 1, 0},
    {"attack-routed", "routers' errors that quote attacks on few victims",
     ds_gen_build_attack_routed, 0, 1, 0},
};
_Static_assert(sizeof populations / sizeof populations[0] <= DS_GEN_POPULATIONS_MAX,
               "the mix has room for every population");

size_t ds_gen_population_count(void)
{
    return sizeof populations / sizeof populations[0];
}

const struct ds_gen_population *ds_gen_population_at(size_t i)
{
    return i < ds_gen_population_count() ? &populations[i] : NULL;
}

int ds_gen_population_find(const char *name, size_t length)
{
    for (size_t i = 0; i < ds_gen_population_count(); i++)
        if (strlen(populations[i].name) == length && !memcmp(populations[i].name, name, length))
            return (int)i;
    return -1;
}

const char *ds_gen_population_lacks(const struct ds_gen_population *p,
                                    const struct ds_gen_options *o)
{
    if (p->needs & DS_GEN_NEEDS_ETHERNET && o->link != DS_GEN_LINK_ETHERNET)
        return "--link ethernet";
    if (p->needs & DS_GEN_NEEDS_FILE && o->interface)
        return "--output: no interface can send it";
    if (p->needs & DS_GEN_NEEDS_V6) {
        for (size_t i = 0; i < o->prefix_count; i++)
            if (o->prefixes[i].is_v6)
                return NULL;
        return "an IPv6 --prefix";
    }
    return NULL;
}
