/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *argp_program_version = "darkscope-sensor " DARKSCOPE_VERSION;

enum key {
    KEY_CONFIG = 'c',
    KEY_READ = 'r',
    KEY_INTERFACE = 'i',
    KEY_FILTER = 'f',
    KEY_MONITOR = 'm',
    KEY_COUNTRY = 'g',
    KEY_WINDOW = 'w',
    KEY_AGGREGATOR = 'a',
    KEY_NAME = 'n',
    KEY_JSON = 'j',
    KEY_WORKERS = 'W',
    KEY_EXCLUDE = 256,
    KEY_DECAPSULATE,
    KEY_SIGNATURES,
    KEY_ENABLE,
    KEY_DISABLE,
    KEY_LATENESS,
    KEY_SNAPLEN,
    KEY_BUFFER,
    KEY_METHOD,
    KEY_TIMEOUT,
    KEY_CAPTURE_THREADS,
    KEY_NOT_PROMISCUOUS,
    KEY_CPU,
    KEY_SPEED,
    KEY_CHECK,
    KEY_USER,
    KEY_EXPERIMENTAL,
    KEY_ASN,
    KEY_SOURCES,
    KEY_SURVEY_PORTS,
    KEY_SURVEY_PACKETS,
    KEY_SURVEY_STATE,
    KEY_TIME_ZONE,
    KEY_ACKNOWLEDGED,
    KEY_LIVE,
    KEY_SPOOL,
    KEY_SPOOL_SIZE,
    KEY_SECRET,
    KEY_AGGREGATOR_PUBLIC,
    KEY_DEPLOYMENT,
    KEY_MEMORY,
};

static const struct argp_option option_table[] = {
    {0, 0, 0, 0, "Where packets come from:", 1},
    {"read", KEY_READ, "FILE", 0, "read a pcap or pcapng file (.gz, .zst too; - is standard input)",
     0},
    {"interface", KEY_INTERFACE, "NAME", 0, "capture live", 0},
    {"filter", KEY_FILTER, "EXPRESSION", 0, "live: only packets that match this pcap-filter", 0},
    {"method", KEY_METHOD, "NAME", 0, "live: pcap, or xdp on a dedicated port (auto: pcap)", 0},
    {"snaplen", KEY_SNAPLEN, "BYTES", 0, "live: capture this much of a packet (512)", 0},
    {"buffer", KEY_BUFFER, "MIB", 0, "live: the kernel's buffer for each capture thread (64)", 0},
    {"timeout", KEY_TIMEOUT, "MS", 0, "live: how long packets may wait in that buffer (100)", 0},
    {"capture-threads", KEY_CAPTURE_THREADS, "N", 0, "live: threads that share the packets (1)", 0},
    {"no-promiscuous", KEY_NOT_PROMISCUOUS, 0, 0, "live: do not ask for everybody's packets", 0},
    {"speed", KEY_SPEED, "X", 0, "replay a file at X times its own time", 0},
    {"decapsulate", KEY_DECAPSULATE, "TUNNEL", 0, "look into gre, erspan or vxlan (repeatable)", 0},
    {0, 0, 0, 0, "What is counted:", 2},
    {"monitor", KEY_MONITOR, "CIDR", 0,
     "a prefix of the darknet (repeatable); without any, every destination counts", 0},
    {"exclude", KEY_EXCLUDE, "CIDR", 0, "a prefix to leave out (repeatable)", 0},
    {"country-db", KEY_COUNTRY, "FILE", 0, "MaxMind DB with countries; without it all are ??", 0},
    {"experimental-signatures", KEY_EXPERIMENTAL, 0, 0,
     "built-in signatures that are not verified, too: hajime, adb-miner, satori", 0},
    {"signatures", KEY_SIGNATURES, "PATH", 0,
     "a signature file, or a directory of them (repeatable; none: none, also not the shipped ones)",
     0},
    {"enable-signature", KEY_ENABLE, "ID", 0,
     "use this signature, though it is off (repeatable; * is any text)", 0},
    {"disable-signature", KEY_DISABLE, "ID", 0, "do not use it (likewise)", 0},
    {"window", KEY_WINDOW, "LENGTH", 0, "60s by default; all: one window for everything", 0},
    {"lateness", KEY_LATENESS, "LENGTH", 0, "how long a window waits for late packets (2s)", 0},
    {"workers", KEY_WORKERS, "N", 0, "counting threads (1)", 0},
    {"sources", KEY_SOURCES, "N", 0,
     "list so many sources of a window, those with most packets; --json shows them only then", 0},
    {"asn-db", KEY_ASN, "FILE", 0, "MaxMind DB with the autonomous systems of listed sources", 0},
    {"survey-ports", KEY_SURVEY_PORTS, "N", 0,
     "a survey scanner probes so many ports in a day (30)", 0},
    {"survey-packets", KEY_SURVEY_PACKETS, "X", 0,
     "and sends so many packets for each monitored address (1.0)", 0},
    {"survey-state", KEY_SURVEY_STATE, "FILE", 0, "keep the known ones here over a restart", 0},
    {"acknowledged", KEY_ACKNOWLEDGED, "FILE", 0,
     "prefixes of organisations whose packets are survey packets (repeatable)", 0},
    {"time-zone", KEY_TIME_ZONE, "NAME", 0, "whose days these are: UTC, Asia/Tokyo, ... (UTC)", 0},
    {0, 0, 0, 0, "Where windows go:", 3},
    {"json", KEY_JSON, 0, 0, "to standard output, one JSON object a line", 0},
    {"aggregator", KEY_AGGREGATOR, "ENDPOINT", 0, "to an aggregator: tcp://127.0.0.1:7100", 0},
    {"live", KEY_LIVE, "ENDPOINT", 0, "samples for its live view: tcp://127.0.0.1:7101", 0},
    {"spool", KEY_SPOOL, "DIR", 0, "keep there what the aggregator has not stored yet", 0},
    {"spool-size", KEY_SPOOL_SIZE, "MIB", 0, "how large it may grow (1024)", 0},
    {"key", KEY_SECRET, "FILE", 0, "this sensor's secret key, made by darkscope keygen", 0},
    {"aggregator-key", KEY_AGGREGATOR_PUBLIC, "FILE", 0, "the aggregator's public key", 0},
    {"deployment-key", KEY_DEPLOYMENT, "FILE", 0,
     "the secret that all sensors of a deployment share, made by darkscope keygen --deployment", 0},
    {"name", KEY_NAME, "NAME", 0, "this sensor's name there (that of its key, or of the host)", 0},
    {0, 0, 0, 0, "Running:", 4},
    {"cpu", KEY_CPU, "N", 0,
     "run a thread on this CPU alone (repeatable: capture threads, workers, uplink)", 0},
    {"memory", KEY_MEMORY, "MIB", 0, "take no more memory than this (4096)", 0},
    {"user", KEY_USER, "NAME", 0,
     "who to be once the capture is open (live: darkscope, or nobody; only as root)", 0},
    {"config", KEY_CONFIG, "FILE", 0, "YAML settings; options above win over it", 0},
    {"check-config", KEY_CHECK, 0, 0, "check the settings and stop", 0},
    {0},
};

static void push(struct argp_state *state, const char **items, struct ds_config_list *list,
                 const char *text)
{
    if (list->count == DS_OPTIONS_LIST_MAX)
        argp_error(state, "more than %d of one kind; put the list into a configuration file",
                   DS_OPTIONS_LIST_MAX);
    list->items = items;
    items[list->count++] = text;
}

static unsigned number(struct argp_state *state, const char *what, const char *text)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno || end == text || *end || *text == '-' || value == 0 || value > INT32_MAX)
        argp_error(state, "--%s: is no number from 1 on", what);
    return (unsigned)value;
}

static double speed(struct argp_state *state, const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value > 0 && value <= 1e9))
        argp_error(state, "--speed: is no factor above 0");
    return value;
}

static error_t parse_number(int key, char *arg, struct argp_state *state)
{
    struct ds_options *o = state->input;
    switch (key) {
    case KEY_SNAPLEN:
        o->text.snaplen = number(state, "snaplen", arg);
        return 0;
    case KEY_BUFFER:
        o->text.buffer_mib = number(state, "buffer", arg);
        return 0;
    case KEY_TIMEOUT:
        o->text.timeout_ms = number(state, "timeout", arg);
        return 0;
    case KEY_CAPTURE_THREADS:
        o->text.capture_threads = number(state, "capture-threads", arg);
        return 0;
    case KEY_WORKERS:
        o->text.workers = number(state, "workers", arg);
        return 0;
    case KEY_SOURCES:
        o->source_limit = number(state, "sources", arg);
        o->text.source_limit = &o->source_limit;
        return 0;
    case KEY_SURVEY_PORTS:
        o->text.survey_ports = number(state, "survey-ports", arg);
        return 0;
    case KEY_SPOOL_SIZE:
        o->text.spool_mib = number(state, "spool-size", arg);
        return 0;
    case KEY_MEMORY:
        o->text.memory_mib = number(state, "memory", arg);
        return 0;
    case KEY_SPEED:
        o->speed = speed(state, arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_list(int key, char *arg, struct argp_state *state)
{
    struct ds_options *o = state->input;
    switch (key) {
    case KEY_MONITOR:
        push(state, o->monitor, &o->text.monitor, arg);
        return 0;
    case KEY_EXCLUDE:
        push(state, o->exclude, &o->text.exclude, arg);
        return 0;
    case KEY_DECAPSULATE:
        push(state, o->decapsulate, &o->text.decapsulate, arg);
        return 0;
    case KEY_SIGNATURES:
        push(state, o->signatures, &o->text.signatures, arg);
        return 0;
    case KEY_ENABLE:
        push(state, o->enable_signatures, &o->text.enable_signatures, arg);
        return 0;
    case KEY_DISABLE:
        push(state, o->disable_signatures, &o->text.disable_signatures, arg);
        return 0;
    case KEY_ACKNOWLEDGED:
        push(state, o->acknowledged, &o->text.acknowledged, arg);
        return 0;
    case KEY_CPU:
        push(state, o->cpus, &o->text.cpus, arg);
        return 0;
    default:
        return parse_number(key, arg, state);
    }
}

static error_t parse_survey(int key, char *arg, struct argp_state *state)
{
    struct ds_options *o = state->input;
    switch (key) {
    case KEY_SECRET:
        o->text.key = arg;
        return 0;
    case KEY_AGGREGATOR_PUBLIC:
        o->text.aggregator_key = arg;
        return 0;
    case KEY_DEPLOYMENT:
        o->text.deployment_key = arg;
        return 0;
    case KEY_SURVEY_PACKETS:
        o->text.survey_packets = arg;
        return 0;
    case KEY_SURVEY_STATE:
        o->text.survey_state = arg;
        return 0;
    case KEY_TIME_ZONE:
        o->text.time_zone = arg;
        return 0;
    case KEY_ASN:
        o->text.asn_db = arg;
        return 0;
    default:
        return parse_list(key, arg, state);
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct ds_options *o = state->input;
    switch (key) {
    case KEY_CONFIG:
        o->config = arg;
        return 0;
    case KEY_READ:
        o->text.file = arg;
        return 0;
    case KEY_INTERFACE:
        o->text.interface = arg;
        return 0;
    case KEY_FILTER:
        o->text.filter = arg;
        return 0;
    case KEY_METHOD:
        o->text.method = arg;
        return 0;
    case KEY_COUNTRY:
        o->text.country_db = arg;
        return 0;
    case KEY_WINDOW:
        o->text.window = arg;
        return 0;
    case KEY_LATENESS:
        o->text.lateness = arg;
        return 0;
    case KEY_AGGREGATOR:
        o->text.aggregator = arg;
        return 0;
    case KEY_LIVE:
        o->text.live = arg;
        return 0;
    case KEY_SPOOL:
        o->text.spool = arg;
        return 0;
    case KEY_NAME:
        o->text.name = arg;
        return 0;
    case KEY_USER:
        o->text.user = arg;
        return 0;
    case KEY_JSON:
        o->json = true;
        return 0;
    case KEY_CHECK:
        o->check = true;
        return 0;
    case KEY_EXPERIMENTAL:
        o->experimental = true;
        o->text.experimental_signatures = &o->experimental;
        return 0;
    case KEY_NOT_PROMISCUOUS:
        o->promiscuous = false;
        o->text.promiscuous = &o->promiscuous;
        return 0;
    case ARGP_KEY_ARG:
        /* Not repeated here: it may be a second prefix behind one -m. */
        argp_error(state, "an argument without an option; a file is read with -r FILE, and every "
                          "prefix has its own -m");
        return 0;
    default:
        return parse_survey(key, arg, state);
    }
}

static const char help_before[] =
    "Reads the packets of a darknet, classifies and counts them, and gives the counts of each "
    "window to an aggregator or prints them.\v"
    "Look at a capture:\n"
    "  darkscope-sensor -r capture.pcap.gz --json --window all\n"
    "Run a telescope of a /16 on a mirror port:\n"
    "  darkscope-sensor -i eth1 -m 198.18.0.0/16 -g GeoLite2-Country.mmdb \\\n"
    "      -a tcp://127.0.0.1:7100\n"
    "\n"
    "Exit status: 0 all was read and delivered; 1 failure; 2 command line; 3 configuration; 4 "
    "input "
    "cannot be read; 5 input is damaged (all before was counted); 6 not permitted; 7 network; 8 "
    "country database.";

void ds_options_parse(struct ds_options *o, int argc, char **argv)
{
    static const struct argp argp = {.options = option_table, .parser = parse, .doc = help_before};
    memset(o, 0, sizeof *o);
    argp_err_exit_status = DS_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, o);
}
