/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line as a checked, constant struct.
 */
#ifndef DARKSCOPE_GEN_OPTIONS_H
#define DARKSCOPE_GEN_OPTIONS_H

#include "link.h"
#include "windows/options.h"

#include "darkscope/error.h"
#include "darkscope/text.h"

#define DS_GEN_PREFIXES_MAX    64
#define DS_GEN_POPULATIONS_MAX 64
#define DS_GEN_SOURCES_MAX     10000000u
#define DS_GEN_RATE_MAX        100000000u /* packets/s */
#define DS_GEN_SNAPLEN_MAX     262144u    /* as libpcap */
#define DS_GEN_SPEED_MAX       1000000.0

enum ds_gen_format {
    DS_GEN_PCAP,
    DS_GEN_PCAP_NS,
    DS_GEN_PCAP_BE,
    DS_GEN_PCAPNG,
    DS_GEN_FORMAT_COUNT
};

struct ds_gen_options {
    const char *output;     /* path, "-" or NULL */
    const char *interface;  /* or NULL; exactly one of the two */
    const char *truth;      /* path or NULL */
    const char *country_db; /* path or NULL */
    uint64_t seed;
    uint32_t rate; /* packets/s, mean over a day */
    int64_t duration_ns;
    int64_t start_s;
    uint32_t window_s; /* of the truth */
    uint32_t sources;
    uint32_t snaplen;
    double speed;
    enum ds_gen_format format;
    enum ds_gen_link link;
    struct ds_prefix prefixes[DS_GEN_PREFIXES_MAX];
    size_t prefix_count;
    /* Share of each population in packets; 0: none. All zero means the default mix. */
    uint32_t mix[DS_GEN_POPULATIONS_MAX];
    bool mix_given;
    bool list;
    struct ds_gen_windows_options windows; /* with windows.wanted, the next one is what matters */
    struct ds_gen_plan plan;
};

const char *ds_gen_format_name(unsigned format);

/* Reads the command line. Help, version and unknown options are answered by argp, which exits.
 * Strings are borrowed from argv. 0, or -1 with err. */
int ds_gen_options_parse(struct ds_gen_options *o, int argc, char **argv, struct ds_error *err);

#endif
