/* SPDX-License-Identifier: Apache-2.0
 *
 * Options are "--name value" or "--name=value", before or behind the subcommand. All but the
 * general ones are the names of a question; the query engine knows them and their errors, so this
 * file has no list of its own.
 */
#include "options.h"

#include "darkscope/clock.h"
#include "when.h"

#include <stdlib.h>
#include <string.h>

static const struct command *const commands[] = {
    &command_query,  &command_top,     &command_summary, &command_sensors, &command_windows,
    &command_window, &command_sources, &command_attacks, &command_seen,    &command_signatures,
    &command_keygen, &command_store,   &command_live,    &command_report,  &command_export,
};

#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static const char *const format_names[FORMAT_COUNT] = {
    [FORMAT_TABLE] = "table", [FORMAT_CSV] = "csv",   [FORMAT_JSON] = "json",
    [FORMAT_JSONL] = "jsonl", [FORMAT_AVRO] = "avro",
};

#define QUESTION_FORMATS (1u << FORMAT_TABLE | 1u << FORMAT_CSV | 1u << FORMAT_JSON)

static const char general_help[] =
    "General options:\n"
    "  --store DIR        read the store in DIR (or $DARKSCOPE_STORE)\n"
    "  --url URL          ask an aggregator (or $DARKSCOPE_URL; default " DEFAULT_URL ")\n"
    "  --token-file FILE  the aggregator's token, if it wants one (or $DARKSCOPE_TOKEN_FILE)\n"
    "  --ca-file FILE     certificates to trust with https (or $DARKSCOPE_CA_FILE)\n"
    "  --format FORMAT    table, csv or json\n"
    "  --help, --version\n"
    "\n"
    "Times: 2026-01-31 or 2026-01-31T10:20:00, in UTC or the zone of --tz; behind them may stand "
    "Z\n"
    "or +09:00. --from and --to also take today, yesterday, now and -6h (six hours ago).\n"
    "A figure is - (empty in CSV, null in JSON) where nobody watched or it cannot be known,\n"
    "and 0 where somebody watched and saw nothing.\n";

static void program_help(FILE *to)
{
    fputs("darkscope: ask a darknet telescope's figures\n\n"
          "Usage: darkscope COMMAND [OPTION...]\n\nCommands:\n",
          to);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\nExamples:\n"
          "  darkscope top ports                         the 20 ports with most packets\n"
          "  darkscope top ports --from today            those of this day (UTC)\n"
          "  darkscope top countries --port 23/tcp       who scans telnet\n"
          "  darkscope query --port 23/tcp --step hour   telnet, hour by hour\n"
          "  darkscope summary --from 2026-01-01 --to 2026-02-01\n"
          "  darkscope COMMAND --help                    more about one command\n\n",
          to);
    fputs(general_help, to);
}

void options_help(FILE *to, const struct command *command)
{
    if (!command) {
        program_help(to);
        return;
    }
    fprintf(to, "darkscope %s: %s\n\n%s\n%s", command->name, command->summary, command->help,
            general_help);
}

static int find_command(struct options *o, const char *name, struct ds_error *err)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i]->name, name) == 0) {
            o->command = commands[i];
            return 0;
        }
    return ds_error(
        err, DS_USAGE,
        "no command %.40s; there are query, top, summary, sensors, windows, window, "
        "sources, attacks, seen, signatures, keygen, store, live, report, export (--help explains "
        "them)",
        name);
}

static int set_format(struct options *o, const char *value, struct ds_error *err)
{
    for (int i = 0; i < FORMAT_COUNT; i++)
        if (strcmp(format_names[i], value) == 0) {
            o->format = (enum format)i;
            o->has_format = true;
            return 0;
        }
    return ds_error(err, DS_USAGE,
                    "format %.40s: not table, csv or json (of export csv, jsonl or avro)", value);
}

/* Does the command have it? */
static int check_format(const struct options *o, struct ds_error *err)
{
    unsigned formats = o->command->formats ? o->command->formats : QUESTION_FORMATS;
    if (formats & 1u << o->format)
        return 0;
    return ds_error(err, DS_USAGE, "%s: format %s: not %s", o->command->name,
                    format_names[o->format],
                    o->command->formats ? "csv, jsonl or avro" : "table, csv or json");
}

static int add_pair(struct options *o, const char *name, const char *value, struct ds_error *err)
{
    if (o->pair_count == PAIRS_MAX)
        return ds_error(err, DS_USAGE, "too many options");
    o->pairs[o->pair_count++] = (struct pair){.name = name, .value = value};
    return 0;
}

/* today and the like, in the zone asked for: the pairs become absolute times. */
static int resolve_times(struct options *o, struct ds_error *err)
{
    const char *zone = "UTC";
    struct ds_calendar *calendar;
    for (size_t i = 0; i < o->pair_count; i++)
        if (strcmp(o->pairs[i].name, "tz") == 0)
            zone = o->pairs[i].value;
    if (ds_calendar_open(zone, &calendar, err) < 0)
        return -1;
    for (size_t i = 0; i < o->pair_count; i++) {
        struct pair *pair = &o->pairs[i];
        bool is_time = strcmp(pair->name, "from") == 0 || strcmp(pair->name, "to") == 0;
        if (is_time &&
            when_resolve(pair->value, ds_clock_utc_ns() / DS_NS_PER_S, calendar, pair->time))
            pair->value = pair->time;
    }
    ds_calendar_close(calendar);
    return 0;
}

/* One option; name is without the dashes. */
static int set_option(struct options *o, const char *name, const char *value, struct ds_error *err)
{
    if (strcmp(name, "store") == 0)
        o->store = value;
    else if (strcmp(name, "url") == 0)
        o->url = value;
    else if (strcmp(name, "token-file") == 0)
        o->token_file = value;
    else if (strcmp(name, "ca-file") == 0)
        o->ca_file = value;
    else if (strcmp(name, "format") == 0)
        return set_format(o, value, err);
    else
        return add_pair(o, name, value, err);
    return 0;
}

/* The option at argv[*i]; moves *i to its last argument. */
static int take_option(struct options *o, char **argv, int *i, struct ds_error *err)
{
    bool is_output = strcmp(argv[*i], "-o") == 0; /* the one that is short, too */
    const char *name = is_output ? "output" : argv[*i] + 2;
    if (strcmp(name, "help") == 0) {
        o->wants_help = true;
        return 0;
    }
    if (strcmp(name, "version") == 0) {
        o->wants_version = true;
        return 0;
    }
    if (strcmp(name, "no-survey") == 0)
        return add_pair(o, "survey", "no", err);
    if (strcmp(name, "publish") == 0 || strcmp(name, "dictionary") == 0)
        return add_pair(o, name, "yes", err);
    char *value = is_output ? NULL : strchr(argv[*i], '=');
    if (value)
        *value++ = 0;
    else
        value = argv[*i + 1] ? argv[++*i] : NULL;
    if (!value)
        return ds_error(err, DS_USAGE, "option --%.40s needs a value", name);
    return set_option(o, name, value, err);
}

static int take_word(struct options *o, const char *word, struct ds_error *err)
{
    if (!o->command)
        return find_command(o, word, err);
    if (o->command->run) {
        if (o->word_count == WORDS_MAX)
            return ds_error(err, DS_USAGE, "%s: more than %d arguments", o->command->name,
                            WORDS_MAX);
        o->words[o->word_count++] = word;
        return 0;
    }
    if (o->command->positional)
        return add_pair(o, o->command->positional, word, err);
    return ds_error(err, DS_USAGE, "%s: what is %.40s? options begin with --", o->command->name,
                    word);
}

static bool takes_option(const struct command *command, const char *name)
{
    for (size_t i = 0; command->options && command->options[i]; i++)
        if (strcmp(command->options[i], name) == 0)
            return true;
    return false;
}

/* A command that asks nobody takes its own options, each once, and general ones that say nothing of
 * whom to ask. */
static int check_alone(const struct options *o, struct ds_error *err)
{
    const char *wrong = o->store && !o->command->reads_store ? "store" : o->url ? "url" : NULL;
    for (size_t i = 0; i < o->pair_count && !wrong; i++)
        if (!takes_option(o->command, o->pairs[i].name))
            wrong = o->pairs[i].name;
    if (wrong)
        return ds_error(err, DS_USAGE,
                        "%s: takes no --%.40s; \"darkscope %s --help\" shows what it takes",
                        o->command->name, wrong, o->command->name);
    for (size_t i = 0; i < o->pair_count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(o->pairs[i].name, o->pairs[j].name) == 0)
                return ds_error(err, DS_USAGE, "%s: --%.40s is given twice", o->command->name,
                                o->pairs[i].name);
    return 0;
}

/* The store of a command that reads it by itself. */
static int choose_store(struct options *o, struct ds_error *err)
{
    if (!o->store)
        o->store = getenv("DARKSCOPE_STORE");
    if (!o->store)
        return ds_error(err, DS_USAGE,
                        "%s: which store? give --store DIR, the aggregator's directory; it may run "
                        "meanwhile",
                        o->command->name);
    return resolve_times(o, err);
}

static int set_query(struct options *o, struct ds_error *err)
{
    ds_query_init(&o->query, o->command->kind);
    if ((o->format == FORMAT_CSV && add_pair(o, "format", "csv", err) < 0) ||
        resolve_times(o, err) < 0)
        return -1;
    for (size_t i = 0; i < o->pair_count; i++)
        if (ds_query_set(&o->query, o->pairs[i].name, o->pairs[i].value, err) < 0)
            return -1;
    return 0;
}

/* Options win over the environment, a store over a URL. */
static int choose_source(struct options *o, struct ds_error *err)
{
    if (o->store && o->url)
        return ds_error(err, DS_USAGE, "give --store or --url, not both");
    if (!o->store && !o->url)
        o->store = getenv("DARKSCOPE_STORE");
    if (!o->store && !o->url)
        o->url = getenv("DARKSCOPE_URL");
    if (!o->store && !o->url)
        o->url = DEFAULT_URL;
    if (!o->token_file)
        o->token_file = getenv("DARKSCOPE_TOKEN_FILE");
    if (!o->ca_file)
        o->ca_file = getenv("DARKSCOPE_CA_FILE");
    return 0;
}

int options_parse(struct options *o, int argc, char **argv, struct ds_error *err)
{
    memset(o, 0, sizeof *o);
    o->format = FORMAT_COUNT;
    for (int i = 1; i < argc; i++) {
        bool is_help = strcmp(argv[i], "-h") == 0;
        bool is_option = strncmp(argv[i], "--", 2) == 0 || strcmp(argv[i], "-o") == 0;
        o->wants_help = o->wants_help || is_help;
        if (is_help)
            continue;
        int result = is_option ? take_option(o, argv, &i, err) : take_word(o, argv[i], err);
        if (result < 0)
            return -1;
    }
    if (o->wants_help || o->wants_version)
        return 0;
    if (!o->command)
        return ds_error(err, DS_USAGE,
                        "which command? query, top, summary, sensors, windows, window, sources, "
                        "attacks, seen, signatures, keygen, store, live, report or export (--help "
                        "explains them)");
    if (o->format == FORMAT_COUNT)
        o->format = o->command->format;
    if (check_format(o, err) < 0)
        return -1;
    if (o->command->takes_source)
        return choose_source(o, err) < 0 ? -1 : resolve_times(o, err);
    if (o->command->run && check_alone(o, err) < 0)
        return -1;
    if (o->command->run)
        return o->command->reads_store ? choose_store(o, err) : 0;
    if (choose_source(o, err) < 0)
        return -1;
    return set_query(o, err);
}
