/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "darkscope/config.h"
#include "darkscope/endpoint.h"
#include "darkscope/text.h"

#include <argp.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S INT64_C(1000000000)
#define DAY_NS   (86400 * NS_PER_S)

/* ---- the file ---- */

struct keep {
    char *minutes, *hours, *days;
};

struct http_file {
    char *address, *token_file, *certificate, *key;
};

struct place_file {
    char *name;
    double latitude, longitude;
};
struct live_file {
    char *listen, *publish, *attribution;
    struct place_file *place;
};

struct ds_aggregator_file {
    char *listen, *store, *key, *sensors, *web;
    struct http_file *http;
    struct keep *keep;
    struct live_file live;
    enum ds_log_level *log;
};

#define TEXT(type, key)                                                                            \
    CYAML_FIELD_STRING_PTR(#key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, key, 1,           \
                           CYAML_UNLIMITED)
#define OPTIONAL_TEXT(key) TEXT(struct ds_aggregator_file, key)

static const cyaml_strval_t log_levels[] = {
    {"debug", DS_LOG_DEBUG},
    {"info", DS_LOG_INFO},
    {"warning", DS_LOG_WARNING},
    {"error", DS_LOG_ERROR},
};

static const cyaml_schema_field_t keep_fields[] = {
    TEXT(struct keep, minutes),
    TEXT(struct keep, hours),
    TEXT(struct keep, days),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t place_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct place_file, name, 1, CYAML_UNLIMITED),
    CYAML_FIELD_FLOAT("latitude", CYAML_FLAG_DEFAULT, struct place_file, latitude),
    CYAML_FIELD_FLOAT("longitude", CYAML_FLAG_DEFAULT, struct place_file, longitude),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t live_fields[] = {
    TEXT(struct live_file, listen),
    TEXT(struct live_file, publish),
    TEXT(struct live_file, attribution),
    CYAML_FIELD_MAPPING_PTR("place", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct live_file,
                            place, place_fields),
    CYAML_FIELD_END,
};

#define OPTIONAL_HTTP(key)                                                                         \
    CYAML_FIELD_STRING_PTR(#key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct http_file, key,  \
                           1, CYAML_UNLIMITED)

static const cyaml_schema_field_t http_fields[] = {
    OPTIONAL_HTTP(address), OPTIONAL_HTTP(token_file), OPTIONAL_HTTP(certificate),
    OPTIONAL_HTTP(key),     CYAML_FIELD_END,
};

static const cyaml_schema_field_t fields[] = {
    OPTIONAL_TEXT(listen),
    CYAML_FIELD_MAPPING_PTR("http", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                            struct ds_aggregator_file, http, http_fields),
    OPTIONAL_TEXT(store),
    OPTIONAL_TEXT(key),
    OPTIONAL_TEXT(sensors),
    CYAML_FIELD_MAPPING_PTR("keep", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                            struct ds_aggregator_file, keep, keep_fields),
    OPTIONAL_TEXT(web),
    CYAML_FIELD_MAPPING("live", CYAML_FLAG_OPTIONAL, struct ds_aggregator_file, live, live_fields),
    CYAML_FIELD_ENUM_PTR("log", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct ds_aggregator_file,
                         log, log_levels, sizeof log_levels / sizeof log_levels[0]),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct ds_aggregator_file, fields),
};

/* What is wrong with a time to keep something, and what would be right. */
static const char *check_keep(const char *text)
{
    int64_t ns;
    if (strcmp(text, "forever") == 0)
        return NULL;
    if (!ds_duration_parse(text, &ns) || ns < DAY_NS)
        return "is no time of at least a day; write it like 7d, or forever";
    return NULL;
}

static const struct ds_config_rule rules[] = {
    {"keep.minutes", check_keep, false},
    {"keep.hours", check_keep, false},
    {"keep.days", check_keep, false},
    {0},
};

/* ---- the command line ---- */

const char *argp_program_version = "darkscope-aggregator " DARKSCOPE_VERSION;

enum key {
    KEY_CONFIG = 'c',
    KEY_LISTEN = 'l',
    KEY_HTTP = 'H',
    KEY_STORE = 's',
    KEY_CHECK = 256,
    KEY_SECRET,
    KEY_SENSORS,
    KEY_LIVE,
    KEY_WEB,
};

static const struct argp_option option_table[] = {
    {"config", KEY_CONFIG, "FILE", 0, "YAML settings; the options below win over it", 0},
    {"listen", KEY_LISTEN, "ENDPOINT", 0,
     "where sensors connect (" DS_CONFIG_LISTEN "; port 0: any)", 0},
    {"http", KEY_HTTP, "ADDRESS", 0, "where people ask (" DS_CONFIG_HTTP "; port 0: any)", 0},
    {"store", KEY_STORE, "DIRECTORY", 0, "where windows are kept (" DS_CONFIG_STORE ")", 0},
    {"key", KEY_SECRET, "FILE", 0, "this aggregator's secret key, made by darkscope keygen", 0},
    {"sensors", KEY_SENSORS, "PATH", 0,
     "public keys of the sensors that may connect: a file, or a directory of .pub files", 0},
    {"live", KEY_LIVE, "ENDPOINT", 0, "where sensors send samples for the live view", 0},
    {"web", KEY_WEB, "DIRECTORY", 0, "where the page is (" DS_CONFIG_WEB ")", 0},
    {"check-config", KEY_CHECK, 0, 0, "check the settings and stop", 0},
    {0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct ds_aggregator_options *o = state->input;
    switch (key) {
    case KEY_CONFIG:
        o->config = arg;
        return 0;
    case KEY_LISTEN:
        o->listen = arg;
        return 0;
    case KEY_HTTP:
        o->http = arg;
        return 0;
    case KEY_STORE:
        o->store = arg;
        return 0;
    case KEY_SECRET:
        o->key = arg;
        return 0;
    case KEY_SENSORS:
        o->sensors = arg;
        return 0;
    case KEY_LIVE:
        o->live = arg;
        return 0;
    case KEY_WEB:
        o->web = arg;
        return 0;
    case KEY_CHECK:
        o->check_only = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s' is not an option; try --store %s", arg, arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void ds_aggregator_options_parse(struct ds_aggregator_options *o, int argc, char **argv)
{
    static const struct argp argp = {
        .options = option_table,
        .parser = parse_option,
        .doc = "Takes windows from darkscope sensors, stores them and answers questions about "
               "them over HTTP.\vSee darkscope-aggregator(8).",
    };
    argp_err_exit_status = DS_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, o);
}

/* ---- both together ---- */

static const char *first_of(const char *option, const char *file, const char *otherwise)
{
    return option ? option : file ? file : otherwise;
}

static int read_keys(const char *key, struct ds_aggregator_config *c, struct ds_error *err)
{
    if (!key != !c->sensors)
        return ds_error(err, DS_CONFIG,
                        "%s: is missing; a connection with keys needs both, the aggregator's key "
                        "and sensors, those that may connect",
                        key ? "sensors" : "key");
    if (!key)
        return 0;
    if (ds_key_read(key, DS_KEY_SECRET, &c->key, err) < 0)
        return -1;
    return ds_keys_read(c->sensors, &c->allowed, err);
}

static int64_t keep_of(const char *text, int64_t otherwise_s)
{
    int64_t ns;
    if (!text)
        return otherwise_s;
    return ds_duration_parse(text, &ns) ? ns / NS_PER_S : DS_KEEP_FOR_EVER;
}

static struct ds_retention retention_of(const struct keep *k)
{
    static const struct keep nothing;
    k = k ? k : &nothing;
    return (struct ds_retention){
        .minutes_s = keep_of(k->minutes, DS_KEEP_MINUTES_S),
        .hours_s = keep_of(k->hours, DS_KEEP_HOURS_S),
        .days_s = keep_of(k->days, DS_KEEP_FOR_EVER),
    };
}

/* What is wrong with the files of TLS shows when they are used. */
static int read_http(const struct http_file *file, struct ds_aggregator_config *c,
                     struct ds_error *err)
{
    if (!file)
        return 0;
    if (!file->certificate != !file->key)
        return ds_error(err, DS_CONFIG,
                        "http.%s: is missing; TLS needs both, http.certificate and http.key",
                        file->key ? "certificate" : "key");
    c->certificate = file->certificate;
    c->http_key = file->key;
    return file->token_file ? ds_token_read(file->token_file, c->token, err) : 0;
}

static int check_live(const struct ds_aggregator_config *c, struct ds_error *err)
{
    const struct ds_live_place *place = &c->place;
    if (c->live && ds_endpoint_check("live.listen", c->live, c->sensors, err) < 0)
        return -1;
    /* Who listens there shows no key. */
    if (c->live_publish && ds_endpoint_check("live.publish", c->live_publish, false, err) < 0)
        return -1;
    if (c->live_publish && !c->live)
        return ds_error(err, DS_CONFIG, "live.publish: there is nothing to publish without listen");
    if (place->name && (!(fabs(place->latitude) <= 90) || !(fabs(place->longitude) <= 180)))
        return ds_error(err, DS_CONFIG,
                        "live.place: latitude is -90 to 90 and longitude -180 to 180, in degrees");
    return 0;
}

static int check(const struct ds_aggregator_config *c, struct ds_error *err)
{
    struct sockaddr_storage address;
    socklen_t bytes;
    bool is_secured = c->certificate && c->token[0];
    if (ds_endpoint_check("listen", c->listen, c->sensors, err) < 0 ||
        ds_endpoint_parse_http(c->http, is_secured, &address, &bytes, err) < 0)
        return -1;
    if (!*c->store)
        return ds_error(err, DS_CONFIG, "store: is empty: name a directory");
    if (c->keep.minutes_s > c->keep.hours_s || c->keep.hours_s > c->keep.days_s)
        return ds_error(err, DS_CONFIG,
                        "keep: hours must be kept as long as minutes or longer, and days as hours");
    return check_live(c, err);
}

int ds_aggregator_config_load(const struct ds_aggregator_options *o,
                              struct ds_aggregator_config *out, struct ds_error *err)
{
    static const struct ds_aggregator_file nothing;
    void *loaded = NULL;
    *out = (struct ds_aggregator_config){0};
    if (o->config && ds_config_load(o->config, &schema, rules, &loaded, err) < 0)
        return -1;
    const struct ds_aggregator_file *file = loaded ? loaded : &nothing;
    struct ds_aggregator_config c = {
        .listen = first_of(o->listen, file->listen, DS_CONFIG_LISTEN),
        .http = first_of(o->http, file->http ? file->http->address : NULL, DS_CONFIG_HTTP),
        .store = first_of(o->store, file->store, DS_CONFIG_STORE),
        .sensors = first_of(o->sensors, file->sensors, NULL),
        .keep = retention_of(file->keep),
        .live = first_of(o->live, file->live.listen, NULL),
        .live_publish = file->live.publish,
        .attribution = file->live.attribution,
        .web = first_of(o->web, file->web, DS_CONFIG_WEB),
        .log = file->log ? *file->log : DS_LOG_INFO,
        .file = loaded,
    };
    if (file->live.place)
        c.place = (struct ds_live_place){file->live.place->name, file->live.place->latitude,
                                         file->live.place->longitude};
    if (read_keys(first_of(o->key, file->key, NULL), &c, err) < 0 ||
        read_http(file->http, &c, err) < 0 || check(&c, err) < 0) {
        ds_aggregator_config_finish(&c);
        return -1;
    }
    *out = c;
    ds_key_wipe(&c.key);
    explicit_bzero(c.token, sizeof c.token);
    return 0;
}

void ds_aggregator_config_finish(struct ds_aggregator_config *c)
{
    ds_key_wipe(&c->key);
    explicit_bzero(c->token, sizeof c->token);
    ds_keys_finish(&c->allowed);
    ds_config_free(&schema, c->file);
    c->file = NULL;
}
