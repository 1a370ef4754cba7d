/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line.
 */
#include "options.h"

#include "population.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_RATE    5200 /* packets/s of a /16 in 2025 */
#define DEFAULT_SOURCES 20000
#define WEIGHT_MAX      1000000u
#define DURATION_MAX_S  (400 * 86400)
#define DURATION_S      60
#define START_S         1767225600 /* 2026 */

static const char *const format_names[DS_GEN_FORMAT_COUNT] = {
    [DS_GEN_PCAP] = "pcap",
    [DS_GEN_PCAP_NS] = "pcap-ns",
    [DS_GEN_PCAP_BE] = "pcap-be",
    [DS_GEN_PCAPNG] = "pcapng",
};

const char *ds_gen_format_name(unsigned format)
{
    return format < DS_GEN_FORMAT_COUNT ? format_names[format] : NULL;
}

enum key {
    KEY_OUTPUT = 'o',
    KEY_TRUTH = 't',
    KEY_INTERFACE = 'i',
    KEY_PREFIX = 'p',
    KEY_RATE = 'r',
    KEY_DURATION = 'd',
    KEY_SEED = 's',
    KEY_MIX = 'm',
    KEY_START = 0x100,
    KEY_SOURCES,
    KEY_COUNTRY_DB,
    KEY_WINDOW,
    KEY_FORMAT,
    KEY_LINK,
    KEY_SNAPLEN,
    KEY_SPEED,
    KEY_LIST,
};

static const struct argp_option option_table[] = {
    {NULL, 0, NULL, 0, "Where to:", 1},
    {"output", KEY_OUTPUT, "FILE", 0, "Write a capture file; - is standard output", 0},
    {"truth", KEY_TRUTH, "FILE", 0, "Write the true counts as JSON, in all and by window", 0},
    {"interface", KEY_INTERFACE, "IF", 0, "Send to an Ethernet interface, each packet at its time",
     0},
    {NULL, 0, NULL, 0, "What:", 2},
    {"prefix", KEY_PREFIX, "CIDR", 0,
     "A monitored prefix; repeat for more (198.18.0.0/16 and 2001:db8::/48)", 0},
    {"rate", KEY_RATE, "PPS", 0, "Packets a second, mean over a day (5200)", 0},
    {"duration", KEY_DURATION, "TIME", 0, "As 90s, 5m, 2h, 1d (60s; with --windows 1d)", 0},
    {"start", KEY_START, "TIME", 0, "ISO 8601 in UTC (2026-01-01T00:00:00Z)", 0},
    {"mix", KEY_MIX, "NAME=WEIGHT,...", 0,
     "Populations and their shares of the packets; a name alone has weight 1", 0},
    {"list", KEY_LIST, NULL, 0, "List the populations with their default weights, and exit", 0},
    {"sources", KEY_SOURCES, "N", 0, "Sources to draw, shared among the populations (20000)", 0},
    {"country-db", KEY_COUNTRY_DB, "FILE", 0,
     "MaxMind DB file: sources are drawn by country (without: any address, no country)", 0},
    {"seed", KEY_SEED, "N", 0, "Same seed and options, same bytes (1)", 0},
    {NULL, 0, NULL, 0, "Form:", 3},
    {"format", KEY_FORMAT, "NAME", 0, "pcap, pcap-ns, pcap-be or pcapng (pcap)", 0},
    {"link", KEY_LINK, "NAME", 0, "ethernet, raw, sll, sll2 or null (ethernet)", 0},
    {"snaplen", KEY_SNAPLEN, "BYTES", 0, "Capture at most this much of a frame (262144)", 0},
    {"window", KEY_WINDOW, "TIME", 0, "Length of windows (60s; with --history 1h)", 0},
    {"speed", KEY_SPEED, "FACTOR", 0, "With --interface: how many times faster (1)", 0},
    {0},
};

static const char doc[] =
    "Makes traffic as a darknet telescope sees it, the same bytes for the same arguments, "
    "together with the true counts.\v"
    "Examples:\n"
    "  darkscope-gen -o day.pcap -t day.json --rate 100 --duration 1d\n"
    "  darkscope-gen -o - --mix mirai=9,zmap-old=1 | darkscope-sensor -r - -j\n"
    "  darkscope-gen -i veth0 --prefix 198.18.0.0/16 --rate 2000 --speed 10\n"
    "  darkscope-gen --windows --store year --window 1h -d 365d -t year.json\n\n"
    "Exit status: 0 done, 1 cannot write, 2 command line, 6 not allowed, 7 interface or "
    "aggregator, "
    "8 country database or store.";

struct input {
    struct ds_gen_options *o;
    struct ds_error *err;
    struct ds_gen_windows_input *windows;
};

/* A decimal number within [least, most]. */
static int read_number(const char *option, const char *text, uint64_t least, uint64_t most,
                       uint64_t *out, struct ds_error *err)
{
    char *end;
    errno = 0;
    uint64_t v = strtoull(text, &end, 10);
    if (errno || *end || text[0] < '0' || text[0] > '9' || v < least || v > most)
        return ds_error(err, DS_USAGE, "--%s %s: give a number from %llu to %llu", option, text,
                        (unsigned long long)least, (unsigned long long)most);
    *out = v;
    return 0;
}

static int read_number32(const char *option, const char *text, uint32_t least, uint32_t most,
                         uint32_t *out, struct ds_error *err)
{
    uint64_t v = 0;
    if (read_number(option, text, least, most, &v, err) < 0)
        return -1;
    *out = (uint32_t)v;
    return 0;
}

static int read_duration(const char *option, const char *text, int64_t *out, struct ds_error *err)
{
    if (ds_duration_parse(text, out) && *out > 0 &&
        *out / 1000000000 <= DS_GEN_WINDOWS_DAYS_MAX * INT64_C(86400))
        return 0;
    return ds_error(err, DS_USAGE, "--%s %s: give a time such as 90s, 5m or 2h", option, text);
}

static int read_window(const char *text, uint32_t *out, struct ds_error *err)
{
    int64_t ns;
    if (read_duration("window", text, &ns, err) < 0)
        return -1;
    int64_t s = ns / 1000000000;
    if (ns % 1000000000 || s <= DS_LATENESS_DEFAULT || DS_WINDOW_SECONDS_MAX % s)
        return ds_error(err, DS_USAGE, "--window %s: give %ds to %ds, a divisor of %d", text,
                        DS_LATENESS_DEFAULT + 1, DS_WINDOW_SECONDS_MAX, DS_WINDOW_SECONDS_MAX);
    *out = (uint32_t)s;
    return 0;
}

static int read_start(const char *text, int64_t *out, struct ds_error *err)
{
    if (ds_time_parse(text, out) && *out >= 0 && *out <= UINT32_MAX - DURATION_MAX_S)
        return 0;
    return ds_error(err, DS_USAGE,
                    "--start %s: give a time such as 2026-01-01T00:00:00Z, 1970 to "
                    "2104",
                    text);
}

static int read_speed(const char *text, double *out, struct ds_error *err)
{
    char *end;
    double v = strtod(text, &end);
    if (end == text || *end || !(v > 0) || v > DS_GEN_SPEED_MAX)
        return ds_error(err, DS_USAGE, "--speed %s: give a factor above 0, at most %.0f", text,
                        DS_GEN_SPEED_MAX);
    *out = v;
    return 0;
}

static int read_name(const char *option, const char *text, const char *(*name)(unsigned),
                     unsigned *out, struct ds_error *err)
{
    for (unsigned i = 0; name(i); i++) {
        if (strcmp(name(i), text) == 0) {
            *out = i;
            return 0;
        }
    }
    return ds_error(err, DS_USAGE, "--%s %s: no such %s; see --help", option, text, option);
}

static bool prefixes_overlap(const struct ds_prefix *a, const struct ds_prefix *b)
{
    unsigned bits = a->bits < b->bits ? a->bits : b->bits;
    if (a->is_v6 != b->is_v6 || memcmp(a->address, b->address, bits / 8) != 0)
        return false;
    return bits % 8 == 0 || (a->address[bits / 8] ^ b->address[bits / 8]) >> (8 - bits % 8) == 0;
}

static int add_prefix(struct ds_gen_options *o, const char *text, struct ds_error *err)
{
    struct ds_prefix p = {0};
    const char *wrong = ds_prefix_parse(text, &p);
    if (wrong)
        return ds_error(err, DS_USAGE, "--prefix %s: %s", text, wrong);
    if (o->prefix_count == DS_GEN_PREFIXES_MAX)
        return ds_error(err, DS_USAGE, "--prefix %s: more than %d", text, DS_GEN_PREFIXES_MAX);
    if (p.bits == 0)
        return ds_error(err, DS_USAGE, "--prefix %s: leaves no address for the sources", text);
    for (size_t i = 0; i < o->prefix_count; i++)
        if (prefixes_overlap(&p, &o->prefixes[i]))
            return ds_error(err, DS_USAGE, "--prefix %s: overlaps another one", text);
    o->prefixes[o->prefix_count++] = p;
    return 0;
}

/* One NAME[=WEIGHT] of a mix, length bytes long. */
static int read_mix_item(struct ds_gen_options *o, const char *text, size_t length,
                         struct ds_error *err)
{
    const char *equals = memchr(text, '=', length);
    size_t name_length = equals ? (size_t)(equals - text) : length;
    int population = ds_gen_population_find(text, name_length);
    if (population < 0)
        return ds_error(err, DS_USAGE, "--mix: no population \"%.*s\"; --list shows them",
                        (int)name_length, text);
    uint32_t weight = 1;
    if (equals) {
        char digits[16] = "";
        size_t n = length - name_length - 1;
        memcpy(digits, equals + 1, n < sizeof digits ? n : sizeof digits - 1);
        if (read_number32("mix", digits, 0, WEIGHT_MAX, &weight, err) < 0)
            return -1;
    }
    o->mix[population] = weight;
    return 0;
}

static int read_mix(struct ds_gen_options *o, const char *text, struct ds_error *err)
{
    memset(o->mix, 0, sizeof o->mix);
    o->mix_given = true;
    for (;;) {
        size_t length = strcspn(text, ",");
        if (read_mix_item(o, text, length, err) < 0)
            return -1;
        if (!text[length])
            return 0;
        text += length + 1;
    }
}

static int read_form(struct ds_gen_options *o, int key, const char *text, struct ds_error *err)
{
    unsigned n = 0;
    switch (key) {
    case KEY_FORMAT:
        if (read_name("format", text, ds_gen_format_name, &n, err) < 0)
            return -1;
        o->format = n;
        return 0;
    case KEY_LINK:
        if (read_name("link", text, ds_gen_link_name, &n, err) < 0)
            return -1;
        o->link = n;
        return 0;
    case KEY_SNAPLEN:
        return read_number32("snaplen", text, 1, DS_GEN_SNAPLEN_MAX, &o->snaplen, err);
    case KEY_WINDOW:
        return read_window(text, &o->window_s, err);
    default:
        return read_speed(text, &o->speed, err);
    }
}

static int read_what(struct ds_gen_options *o, int key, const char *text, struct ds_error *err)
{
    switch (key) {
    case KEY_PREFIX:
        return add_prefix(o, text, err);
    case KEY_RATE:
        return read_number32("rate", text, 1, DS_GEN_RATE_MAX, &o->rate, err);
    case KEY_DURATION:
        return read_duration("duration", text, &o->duration_ns, err);
    case KEY_SEED:
        return read_number("seed", text, 0, UINT64_MAX, &o->seed, err);
    case KEY_MIX:
        return read_mix(o, text, err);
    case KEY_START:
        return read_start(text, &o->start_s, err);
    default:
        return read_number32("sources", text, 1, DS_GEN_SOURCES_MAX, &o->sources, err);
    }
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    const struct input *in = state->input;
    struct ds_gen_options *o = in->o;
    int r = 0;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = in->windows;
        break;
    case KEY_OUTPUT:
        o->output = text;
        break;
    case KEY_TRUTH:
        o->truth = text;
        break;
    case KEY_INTERFACE:
        o->interface = text;
        break;
    case KEY_COUNTRY_DB:
        o->country_db = text;
        break;
    case KEY_LIST:
        o->list = true;
        break;
    case KEY_PREFIX:
    case KEY_RATE:
    case KEY_DURATION:
    case KEY_SEED:
    case KEY_MIX:
    case KEY_START:
    case KEY_SOURCES:
        r = read_what(o, key, text, in->err);
        break;
    case KEY_FORMAT:
    case KEY_LINK:
    case KEY_SNAPLEN:
    case KEY_WINDOW:
    case KEY_SPEED:
        r = read_form(o, key, text, in->err);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return r < 0 ? EINVAL : 0;
}

/* The default mix, as far as the other options allow it; a given one must be possible. */
static int settle_mix(struct ds_gen_options *o, struct ds_error *err)
{
    uint64_t total = 0;
    for (size_t i = 0; i < ds_gen_population_count(); i++) {
        const struct ds_gen_population *p = ds_gen_population_at(i);
        const char *lacks = ds_gen_population_lacks(p, o);
        if (!o->mix_given)
            o->mix[i] = lacks ? 0 : p->weight;
        else if (o->mix[i] && lacks)
            return ds_error(err, DS_USAGE, "--mix: %s needs %s", p->name, lacks);
        total += o->mix[i];
    }
    return total ? 0 : ds_error(err, DS_USAGE, "--mix: all weights are zero");
}

/* What --windows leaves no use for; NULL: nothing. */
static const char *packet_option(const struct ds_gen_options *o)
{
    const struct {
        bool is_given;
        const char *name;
    } options[] = {
        {o->interface, "interface"},   {o->prefix_count > 0, "prefix"},
        {o->mix_given, "mix"},         {o->sources > 0, "sources"},
        {o->country_db, "country-db"}, {o->format != DS_GEN_PCAP, "format"},
        {o->speed != 1, "speed"},      {o->link != DS_GEN_LINK_ETHERNET, "link"},
        {o->snaplen > 0, "snaplen"},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (options[i].is_given)
            return options[i].name;
    return NULL;
}

static int check_windows(struct ds_gen_options *o, struct ds_error *err)
{
    const struct ds_gen_windows_options *w = &o->windows;
    const char *packets = packet_option(o);
    if (packets)
        return ds_error(err, DS_USAGE, "--%s: is about packets, which --windows does not make",
                        packets);
    if (!w->store + !w->aggregator + !o->output != 2)
        return ds_error(err, DS_USAGE,
                        "--windows: give one of --store DIR, --aggregator ENDPOINT "
                        "and --output FILE");
    struct ds_gen_windows_frame frame = {o->seed, o->start_s, o->duration_ns, o->window_s, o->rate};
    return ds_gen_windows_plan(w, &frame, &o->plan, err);
}

static void settle_defaults(struct ds_gen_options *o)
{
    o->rate = o->rate ? o->rate : DEFAULT_RATE;
    o->duration_ns = o->duration_ns ? o->duration_ns : DURATION_S * INT64_C(1000000000);
    o->start_s = o->start_s >= 0 ? o->start_s : START_S;
    o->window_s = o->window_s ? o->window_s : DS_WINDOW_SECONDS_DEFAULT;
    o->sources = o->sources ? o->sources : DEFAULT_SOURCES;
    o->snaplen = o->snaplen ? o->snaplen : DS_GEN_SNAPLEN_MAX;
}

static int check_packets(struct ds_gen_options *o, struct ds_error *err)
{
    if (!o->output == !o->interface)
        return ds_error(err, DS_USAGE, "give one of --output FILE and --interface IF; see --help");
    if (o->interface && o->link != DS_GEN_LINK_ETHERNET)
        return ds_error(err, DS_USAGE, "--interface: sends --link ethernet only");
    if (!o->interface && o->speed != 1)
        return ds_error(err, DS_USAGE, "--speed: only with --interface; a file has no pace");
    if (o->duration_ns / 1000000000 > DURATION_MAX_S)
        return ds_error(err, DS_USAGE, "--duration: at most 400d of packets");
    settle_defaults(o);
    if (o->prefix_count == 0 &&
        (add_prefix(o, "198.18.0.0/16", err) < 0 || add_prefix(o, "2001:db8::/48", err) < 0))
        return -1;
    for (size_t i = 0; i < o->prefix_count; i++)
        if (!o->prefixes[i].is_v6)
            return settle_mix(o, err);
    return ds_error(err, DS_USAGE, "--prefix: give at least one IPv4 prefix");
}

static int check(struct ds_gen_options *o, struct ds_error *err)
{
    if (o->truth && o->output && strcmp(o->truth, o->output) == 0)
        return ds_error(err, DS_USAGE, "--truth and --output are the same file");
    if (o->windows.wanted)
        return check_windows(o, err);
    if (o->windows.given)
        return ds_error(err, DS_USAGE, "--%s: only with --windows", o->windows.given);
    return check_packets(o, err);
}

static void print_version(FILE *to, struct argp_state *state)
{
    fputs("darkscope-gen " DARKSCOPE_VERSION "\n", to);
}

int ds_gen_options_parse(struct ds_gen_options *o, int argc, char **argv, struct ds_error *err)
{
    static const struct argp_child children[] = {{&ds_gen_windows_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        .options = option_table, .parser = parse_option, .doc = doc, .children = children};
    *o = (struct ds_gen_options){.seed = 1, .start_s = -1, .speed = 1};
    ds_gen_windows_defaults(&o->windows);
    argp_program_version_hook = print_version;
    argp_err_exit_status = DS_USAGE;
    struct ds_gen_windows_input windows = {&o->windows, err};
    struct input in = {o, err, &windows};
    int r = argp_parse(&argp, argc, argv, 0, NULL, &in);
    if (r == EINVAL)
        return -1;
    if (r)
        return ds_error(err, DS_FAILURE, "command line: %s", strerror(r));
    return o->list ? 0 : check(o, err);
}
