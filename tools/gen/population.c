/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of populations. Default weights are per mille and resemble a telescope of 2025: over
 * half survey scanners, IoT bots next, a little of everything else (NICTER reports 2024, 2025).
 */
#include "population.h"

#include <string.h>

static const struct ds_gen_population populations[] = {
    {"survey", "few sources that sweep all ports, TCP SYN and UDP", ds_gen_build_survey, 550, 1, 0},
    {"mirai", "TCP sequence = destination, ports 23 and 2323", ds_gen_build_mirai, 70, 25, 0},
    {"bot", "kernel SYN of embedded Linux to IoT ports", ds_gen_build_bot, 130, 30, 0},
    {"windows", "SYN of Windows hosts to 445 and 3389", ds_gen_build_windows, 30, 15, 0},
    {"zmap-old", "ZMap <= 4.0: IP id 54321, TTL 255", ds_gen_build_zmap_old, 10, 1, 0},
    {"zmap-modern", "ZMap >= 4.1: random id, options of Windows", ds_gen_build_zmap_modern, 30, 2,
     0},
    {"masscan-old", "Masscan <= 1.3.2: window 1024, no options", ds_gen_build_masscan_old, 5, 1, 0},
    {"masscan-modern", "Masscan since 2023-11: window 1025, MSS", ds_gen_build_masscan_modern, 25,
     2, 0},
    {"nmap", "Nmap -sS: window 1024, MSS, paired sequence halves", ds_gen_build_nmap, 5, 1, 0},
    {"unicornscan", "Unicornscan: TTL 255, window 4128, MSS", ds_gen_build_unicornscan, 1, 1, 0},
    {"flood", "SYN flood with uniformly random sources", ds_gen_build_flood, 5, 0, 0},
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
