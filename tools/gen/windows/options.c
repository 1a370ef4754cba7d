/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include "pace.h"

#include "darkscope/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_START_S   INT64_C(1767225600) /* 2026 */
#define DEFAULT_RATE      5200                /* packets/s of a /16 in 2025 */
#define DEFAULT_ADDRESSES 65536
#define DEFAULT_LISTED    10000 /* as sensors do */
#define UTC_OFFSET_MAX_S  (14 * 3600)

enum key {
    KEY_WINDOWS = 0x200,
    KEY_STORE,
    KEY_PRUNE,
    KEY_AGGREGATOR,
    KEY_SENSORS,
    KEY_ADDRESSES,
    KEY_LISTED,
    KEY_SURGES,
    KEY_GAPS,
    KEY_LATE,
    KEY_REPEATED,
    KEY_UTC_OFFSET,
    KEY_HISTORY,
};

static const struct argp_option option_table[] = {
    {NULL, 0, NULL, 0, "Windows instead of packets:", 4},
    {"windows", KEY_WINDOWS, NULL, 0,
     "Make the windows that sensors send; --output writes them as JSON Lines", 0},
    {"store", KEY_STORE, "DIR", 0, "Put them into a store", 0},
    {"prune", KEY_PRUNE, NULL, 0, "Delete what is old there, as an aggregator does", 0},
    {"aggregator", KEY_AGGREGATOR, "ENDPOINT", 0, "Send them to an aggregator on this machine", 0},
    {"sensors", KEY_SENSORS, "N", 0, "Sensors, each with --rate (1)", 0},
    {"addresses", KEY_ADDRESSES, "N[-M]", 0,
     "Monitored addresses of a sensor, growing from N to M (65536)", 0},
    {"listed", KEY_LISTED, "N", 0, "Source records of a window, at most (10000)", 0},
    {"surges", KEY_SURGES, "N", 0, "Ports that many hosts go for all at once (1 in 10 days)", 0},
    {"gaps", KEY_GAPS, "N", 0, "Times that each sensor is down (0)", 0},
    {"late", KEY_LATE, "N", 0, "Messages of 1,000 that come later (0)", 0},
    {"repeated", KEY_REPEATED, "N", 0, "Messages of 1,000 that come twice (0)", 0},
    {"utc-offset", KEY_UTC_OFFSET, "TIME", 0, "Of the truth's days, as 9h or -5h (0h)", 0},
    {"history", KEY_HISTORY, "NAME", 0,
     "nicter: repeat its published years 2005 to 2017, packets by 1,000 fewer", 0},
    {0},
};

static int read_number(const char *option, const char *text, uint32_t least, uint32_t most,
                       uint32_t *out, struct ds_error *err)
{
    char *end;
    errno = 0;
    unsigned long v = strtoul(text, &end, 10);
    if (errno || *end || text[0] < '0' || text[0] > '9' || v < least || v > most)
        return ds_error(err, DS_USAGE, "--%s %s: give a number from %u to %u", option, text, least,
                        most);
    *out = (uint32_t)v;
    return 0;
}

static int read_addresses(struct ds_gen_windows_options *o, const char *text, struct ds_error *err)
{
    char first[16] = "";
    const char *dash = strchr(text, '-');
    size_t length = dash ? (size_t)(dash - text) : strlen(text);
    memcpy(first, text, length < sizeof first ? length : sizeof first - 1);
    if (read_number("addresses", first, 1, DS_GEN_ADDRESSES_MAX, &o->addresses_first, err) < 0)
        return -1;
    o->addresses_last = o->addresses_first;
    return dash ? read_number("addresses", dash + 1, 1, DS_GEN_ADDRESSES_MAX, &o->addresses_last,
                              err)
                : 0;
}

static int read_utc_offset(const char *text, int64_t *out, struct ds_error *err)
{
    int64_t ns;
    bool is_behind = text[0] == '-';
    if (!ds_duration_parse(text + is_behind, &ns) || ns > UTC_OFFSET_MAX_S * INT64_C(1000000000) ||
        ns % 1000000000)
        return ds_error(err, DS_USAGE, "--utc-offset %s: give a time such as 9h or -5h", text);
    *out = (is_behind ? -ns : ns) / 1000000000;
    return 0;
}

static int read_option(struct ds_gen_windows_options *o, int key, const char *text,
                       struct ds_error *err)
{
    switch (key) {
    case KEY_SENSORS:
        return read_number("sensors", text, 1, DS_GEN_SENSORS_MAX, &o->sensors, err);
    case KEY_ADDRESSES:
        return read_addresses(o, text, err);
    case KEY_LISTED:
        return read_number("listed", text, 0, DS_SOURCES_MAX, &o->listed, err);
    case KEY_SURGES:
        o->surges_given = true;
        return read_number("surges", text, 0, DS_GEN_SURGES_MAX, &o->surges, err);
    case KEY_GAPS:
        return read_number("gaps", text, 0, DS_GEN_GAPS_MAX, &o->gaps, err);
    case KEY_LATE:
        return read_number("late", text, 0, DS_GEN_PERMILLE_MAX, &o->late, err);
    case KEY_REPEATED:
        return read_number("repeated", text, 0, DS_GEN_PERMILLE_MAX, &o->repeated, err);
    case KEY_UTC_OFFSET:
        return read_utc_offset(text, &o->utc_offset_s, err);
    default:
        o->history = ds_gen_history_find(text);
        return o->history ? 0 : ds_error(err, DS_USAGE, "--history %s: only nicter is known", text);
    }
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    const struct ds_gen_windows_input *in = state->input;
    int r = 0;
    switch (key) {
    case KEY_WINDOWS:
        in->o->wanted = true;
        return 0;
    case KEY_STORE:
        in->o->store = text;
        break;
    case KEY_PRUNE:
        in->o->prunes = true;
        break;
    case KEY_AGGREGATOR:
        in->o->aggregator = text;
        break;
    case KEY_SENSORS:
    case KEY_ADDRESSES:
    case KEY_LISTED:
    case KEY_SURGES:
    case KEY_GAPS:
    case KEY_LATE:
    case KEY_REPEATED:
    case KEY_UTC_OFFSET:
    case KEY_HISTORY:
        r = read_option(in->o, key, text, in->err);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    for (const struct argp_option *option = option_table; !in->o->given; option++)
        if (option->key == key)
            in->o->given = option->name;
    return r < 0 ? EINVAL : 0;
}

const struct argp ds_gen_windows_argp = {.options = option_table, .parser = parse_option};

void ds_gen_windows_defaults(struct ds_gen_windows_options *o)
{
    *o = (struct ds_gen_windows_options){
        .sensors = 1,
        .addresses_first = DEFAULT_ADDRESSES,
        .addresses_last = DEFAULT_ADDRESSES,
        .listed = DEFAULT_LISTED,
    };
}

static int check_times(const struct ds_gen_plan *p, struct ds_error *err)
{
    if (p->start_s % p->window_s)
        return ds_error(err, DS_USAGE, "--start: give a multiple of the window's length");
    if (p->start_s < 2 * DS_GEN_DAY_S)
        return ds_error(err, DS_USAGE, "--start: give a time from 1970-01-03 on");
    if (p->end_s <= p->start_s || (p->end_s - p->start_s) % p->window_s)
        return ds_error(err, DS_USAGE, "--duration: give a multiple of the window's length");
    if (p->utc_offset_s % p->window_s)
        return ds_error(err, DS_USAGE, "--utc-offset: give a multiple of the window's length");
    return 0;
}

static int apply_history(struct ds_gen_plan *p, const struct ds_gen_windows_frame *f,
                         struct ds_error *err)
{
    if (f->rate || f->start_s >= 0 || f->duration_ns)
        return ds_error(err, DS_USAGE, "--history: has its own --rate, --start and --duration");
    ds_gen_history_span(p->history, &p->start_s, &p->end_s);
    p->start_s -= p->utc_offset_s;
    p->end_s -= p->utc_offset_s;
    p->packets = ds_gen_history_packets(p->history, p->window_s) / p->sensors;
    return 0;
}

int ds_gen_windows_plan(const struct ds_gen_windows_options *o,
                        const struct ds_gen_windows_frame *f, struct ds_gen_plan *out,
                        struct ds_error *err)
{
    if (o->prunes && !o->store)
        return ds_error(err, DS_USAGE, "--prune: only with --store");
    struct ds_gen_plan p = {
        .seed = f->seed,
        .start_s = f->start_s >= 0 ? f->start_s : DEFAULT_START_S,
        .window_s = f->window_s,
        .utc_offset_s = o->utc_offset_s,
        .sensors = o->sensors,
        .addresses_first = o->addresses_first,
        .addresses_last = o->addresses_last,
        .listed = o->listed,
        .surges = o->surges,
        .gaps = o->gaps,
        .late = o->late,
        .repeated = o->repeated,
        .history = o->history,
    };
    if (p.window_s == 0)
        p.window_s = p.history ? DS_WINDOW_SECONDS_MAX : DS_WINDOW_SECONDS_DEFAULT;
    p.end_s = p.start_s + (f->duration_ns ? f->duration_ns / 1000000000 : DS_GEN_DAY_S);
    p.packets = (f->rate ? f->rate : DEFAULT_RATE) * (double)p.window_s;
    if (p.history && apply_history(&p, f, err) < 0)
        return -1;
    if (check_times(&p, err) < 0)
        return -1;
    if (p.packets > DS_GEN_WINDOW_PACKETS_MAX)
        return ds_error(err, DS_USAGE, "--rate: more than %u packets of a window",
                        DS_GEN_WINDOW_PACKETS_MAX);
    if (!o->surges_given && !p.history)
        p.surges = (uint32_t)(ds_gen_plan_days(&p) / 10);
    *out = p;
    return 0;
}
