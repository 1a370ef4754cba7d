/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "darkscope/clock.h"
#include "darkscope/config.h"
#include "darkscope/endpoint.h"
#include "link.h"
#include "spool.h"
#include "survey_file.h"
#include "zone.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The file's form: the same settings, those of the capture in a mapping of their own. */
struct ds_sensor_file {
    char *name, *user;
    struct {
        char *interface, *file, *filter, *method;
        unsigned snaplen, buffer_mib, timeout_ms, threads;
        bool *promiscuous;
    } capture;
    struct {
        char **files, **enable, **disable;
        unsigned files_count, enable_count, disable_count;
    } signatures;
    char **monitor, **exclude, **decapsulate, **cpus;
    unsigned monitor_count, exclude_count, decapsulate_count, cpus_count;
    bool *experimental_signatures;
    char *country_db, *asn_db, *window, *lateness, *aggregator, *live;
    char *key, *aggregator_key, *deployment_key;
    unsigned workers, memory_mib;
    struct {
        char *directory;
        unsigned size_mib;
    } spool;
    struct {
        unsigned *limit;
    } sources;
    struct {
        unsigned ports;
        char *packets_per_address, *state, *time_zone;
        char **acknowledged;
        unsigned acknowledged_count;
    } survey;
};

#define OPTIONAL_TEXT(key, type, member)                                                           \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member, 1,         \
                           CYAML_UNLIMITED)
#define LIST(key, type, member)                                                                    \
    CYAML_FIELD_SEQUENCE(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member,              \
                         &text_schema, 0, DS_CONFIG_PREFIXES_MAX)
#define OPTIONAL_LIST(key, member) LIST(key, struct ds_sensor_file, member)

typedef __typeof__(((struct ds_sensor_file *)0)->capture) capture_file;
typedef __typeof__(((struct ds_sensor_file *)0)->signatures) signatures_file;
typedef __typeof__(((struct ds_sensor_file *)0)->spool) spool_file;
typedef __typeof__(((struct ds_sensor_file *)0)->sources) sources_file;
typedef __typeof__(((struct ds_sensor_file *)0)->survey) survey_file;

static const cyaml_schema_value_t text_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, CYAML_UNLIMITED),
};

static const cyaml_schema_field_t capture_fields[] = {
    OPTIONAL_TEXT("interface", capture_file, interface),
    OPTIONAL_TEXT("file", capture_file, file),
    OPTIONAL_TEXT("filter", capture_file, filter),
    OPTIONAL_TEXT("method", capture_file, method),
    CYAML_FIELD_UINT("snaplen", CYAML_FLAG_OPTIONAL, capture_file, snaplen),
    CYAML_FIELD_UINT("buffer_mib", CYAML_FLAG_OPTIONAL, capture_file, buffer_mib),
    CYAML_FIELD_UINT("timeout_ms", CYAML_FLAG_OPTIONAL, capture_file, timeout_ms),
    CYAML_FIELD_UINT("threads", CYAML_FLAG_OPTIONAL, capture_file, threads),
    CYAML_FIELD_BOOL_PTR("promiscuous", CYAML_FLAG_OPTIONAL, capture_file, promiscuous),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t signatures_fields[] = {
    LIST("files", signatures_file, files),
    LIST("enable", signatures_file, enable),
    LIST("disable", signatures_file, disable),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t spool_fields[] = {
    OPTIONAL_TEXT("directory", spool_file, directory),
    CYAML_FIELD_UINT("size_mib", CYAML_FLAG_OPTIONAL, spool_file, size_mib),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t sources_fields[] = {
    CYAML_FIELD_UINT_PTR("limit", CYAML_FLAG_OPTIONAL, sources_file, limit),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t survey_fields[] = {
    CYAML_FIELD_UINT("ports", CYAML_FLAG_OPTIONAL, survey_file, ports),
    OPTIONAL_TEXT("packets_per_address", survey_file, packets_per_address),
    OPTIONAL_TEXT("state", survey_file, state),
    OPTIONAL_TEXT("time_zone", survey_file, time_zone),
    CYAML_FIELD_SEQUENCE("acknowledged", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, survey_file,
                         acknowledged, &text_schema, 0, DS_CONFIG_LISTS_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t sensor_fields[] = {
    OPTIONAL_TEXT("name", struct ds_sensor_file, name),
    OPTIONAL_TEXT("user", struct ds_sensor_file, user),
    CYAML_FIELD_MAPPING("capture", CYAML_FLAG_OPTIONAL, struct ds_sensor_file, capture,
                        capture_fields),
    OPTIONAL_LIST("monitor", monitor),
    OPTIONAL_LIST("exclude", exclude),
    OPTIONAL_LIST("decapsulate", decapsulate),
    OPTIONAL_TEXT("country_db", struct ds_sensor_file, country_db),
    CYAML_FIELD_BOOL_PTR("experimental_signatures", CYAML_FLAG_OPTIONAL, struct ds_sensor_file,
                         experimental_signatures),
    CYAML_FIELD_MAPPING("signatures", CYAML_FLAG_OPTIONAL, struct ds_sensor_file, signatures,
                        signatures_fields),
    OPTIONAL_TEXT("asn_db", struct ds_sensor_file, asn_db),
    OPTIONAL_TEXT("window", struct ds_sensor_file, window),
    OPTIONAL_TEXT("lateness", struct ds_sensor_file, lateness),
    CYAML_FIELD_UINT("workers", CYAML_FLAG_OPTIONAL, struct ds_sensor_file, workers),
    CYAML_FIELD_UINT("memory_mib", CYAML_FLAG_OPTIONAL, struct ds_sensor_file, memory_mib),
    OPTIONAL_LIST("cpus", cpus),
    OPTIONAL_TEXT("aggregator", struct ds_sensor_file, aggregator),
    OPTIONAL_TEXT("live", struct ds_sensor_file, live),
    CYAML_FIELD_MAPPING("spool", CYAML_FLAG_OPTIONAL, struct ds_sensor_file, spool, spool_fields),
    OPTIONAL_TEXT("key", struct ds_sensor_file, key),
    OPTIONAL_TEXT("aggregator_key", struct ds_sensor_file, aggregator_key),
    OPTIONAL_TEXT("deployment_key", struct ds_sensor_file, deployment_key),
    CYAML_FIELD_MAPPING("sources", CYAML_FLAG_OPTIONAL, struct ds_sensor_file, sources,
                        sources_fields),
    CYAML_FIELD_MAPPING("survey", CYAML_FLAG_OPTIONAL, struct ds_sensor_file, survey,
                        survey_fields),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t sensor_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct ds_sensor_file, sensor_fields),
};

static const char *check_prefix(const char *text)
{
    struct ds_prefix prefix;
    return ds_prefix_parse(text, &prefix);
}

static const char *check_duration(const char *text)
{
    int64_t ns;
    return ds_duration_parse(text, &ns) ? NULL : "is no duration; write it like 60s, 5m or 1h";
}

static const char *check_window(const char *text)
{
    return strcmp(text, "all") == 0 ? NULL : check_duration(text);
}

static const struct ds_config_rule sensor_rules[] = {
    {"monitor", check_prefix, .is_secret = true},
    {"exclude", check_prefix, .is_secret = true},
    {"window", check_window, false},
    {"lateness", check_duration, false},
    {NULL, NULL, false},
};

int ds_sensor_file_load(const char *path, struct ds_sensor_file **out, struct ds_sensor_text *text,
                        struct ds_error *err)
{
    void *loaded;
    if (ds_config_load(path, &sensor_schema, sensor_rules, &loaded, err))
        return -1;
    struct ds_sensor_file *f = loaded;
    *text = (struct ds_sensor_text){
        .name = f->name,
        .user = f->user,
        .interface = f->capture.interface,
        .file = f->capture.file,
        .filter = f->capture.filter,
        .method = f->capture.method,
        .snaplen = f->capture.snaplen,
        .buffer_mib = f->capture.buffer_mib,
        .timeout_ms = f->capture.timeout_ms,
        .capture_threads = f->capture.threads,
        .promiscuous = f->capture.promiscuous,
        .monitor = {(const char **)f->monitor, f->monitor_count},
        .exclude = {(const char **)f->exclude, f->exclude_count},
        .decapsulate = {(const char **)f->decapsulate, f->decapsulate_count},
        .country_db = f->country_db,
        .experimental_signatures = f->experimental_signatures,
        .signatures = {(const char **)f->signatures.files, f->signatures.files_count},
        .enable_signatures = {(const char **)f->signatures.enable, f->signatures.enable_count},
        .disable_signatures = {(const char **)f->signatures.disable, f->signatures.disable_count},
        .window = f->window,
        .lateness = f->lateness,
        .workers = f->workers,
        .memory_mib = f->memory_mib,
        .cpus = {(const char **)f->cpus, f->cpus_count},
        .aggregator = f->aggregator,
        .live = f->live,
        .spool = f->spool.directory,
        .spool_mib = f->spool.size_mib,
        .key = f->key,
        .aggregator_key = f->aggregator_key,
        .deployment_key = f->deployment_key,
        .asn_db = f->asn_db,
        .source_limit = f->sources.limit,
        .survey_ports = f->survey.ports,
        .survey_packets = f->survey.packets_per_address,
        .survey_state = f->survey.state,
        .time_zone = f->survey.time_zone,
        .acknowledged = {(const char **)f->survey.acknowledged, f->survey.acknowledged_count},
    };
    *out = f;
    return 0;
}

void ds_sensor_file_free(struct ds_sensor_file *file)
{
    ds_config_free(&sensor_schema, file);
}

static void override_text(const char **to, const char *from)
{
    if (from)
        *to = from;
}

static void override_number(unsigned *to, unsigned from)
{
    if (from)
        *to = from;
}

static void override_list(struct ds_config_list *to, const struct ds_config_list *from)
{
    if (from->count)
        *to = *from;
}

void ds_sensor_text_override(struct ds_sensor_text *text, const struct ds_sensor_text *over)
{
    /* A capture given on the command line replaces the file's, of whichever kind. */
    if (over->interface || over->file)
        text->interface = text->file = NULL;
    override_text(&text->name, over->name);
    override_text(&text->user, over->user);
    override_text(&text->interface, over->interface);
    override_text(&text->file, over->file);
    override_text(&text->filter, over->filter);
    override_text(&text->method, over->method);
    override_text(&text->country_db, over->country_db);
    override_text(&text->window, over->window);
    override_text(&text->lateness, over->lateness);
    override_text(&text->aggregator, over->aggregator);
    override_text(&text->live, over->live);
    override_text(&text->spool, over->spool);
    override_text(&text->key, over->key);
    override_text(&text->aggregator_key, over->aggregator_key);
    override_text(&text->deployment_key, over->deployment_key);
    override_text(&text->asn_db, over->asn_db);
    override_text(&text->survey_packets, over->survey_packets);
    override_text(&text->survey_state, over->survey_state);
    override_text(&text->time_zone, over->time_zone);
    override_number(&text->survey_ports, over->survey_ports);
    override_list(&text->acknowledged, &over->acknowledged);
    override_number(&text->snaplen, over->snaplen);
    override_number(&text->buffer_mib, over->buffer_mib);
    override_number(&text->timeout_ms, over->timeout_ms);
    override_number(&text->capture_threads, over->capture_threads);
    override_number(&text->workers, over->workers);
    override_number(&text->memory_mib, over->memory_mib);
    override_number(&text->spool_mib, over->spool_mib);
    override_list(&text->monitor, &over->monitor);
    override_list(&text->exclude, &over->exclude);
    override_list(&text->decapsulate, &over->decapsulate);
    override_list(&text->signatures, &over->signatures);
    override_list(&text->enable_signatures, &over->enable_signatures);
    override_list(&text->disable_signatures, &over->disable_signatures);
    override_list(&text->cpus, &over->cpus);
    if (over->experimental_signatures)
        text->experimental_signatures = over->experimental_signatures;
    if (over->promiscuous)
        text->promiscuous = over->promiscuous;
    if (over->source_limit)
        text->source_limit = over->source_limit;
}

static int parse_prefixes(const char *what, const struct ds_config_list *list,
                          struct ds_prefix **out, struct ds_error *err)
{
    if (list->count > DS_CONFIG_PREFIXES_MAX)
        return ds_error(err, DS_CONFIG, "%s: %u prefixes are more than %d", what, list->count,
                        DS_CONFIG_PREFIXES_MAX);
    *out = calloc(list->count + 1, sizeof **out);
    if (!*out)
        return ds_error(err, DS_FAILURE, "no memory for %u prefixes", list->count);
    for (unsigned i = 0; i < list->count; i++) {
        const char *wrong = ds_prefix_parse(list->items[i], &(*out)[i]);
        if (wrong)
            return ds_error(err, DS_CONFIG, "%s: entry %u %s", what, i + 1, wrong);
    }
    return 0;
}

static int make_monitor(const struct ds_sensor_text *t, struct ds_sensor_config *out,
                        struct ds_error *err)
{
    struct ds_prefix *inside = NULL, *outside = NULL;
    int failed =
        parse_prefixes("monitor", &t->monitor, &inside, err) ||
        parse_prefixes("exclude", &t->exclude, &outside, err) ||
        ds_monitor_create(inside, t->monitor.count, outside, t->exclude.count, &out->monitor, err);
    free(inside);
    free(outside);
    return failed ? -1 : 0;
}

/* What cannot be read is not shown, here and below: it may be a prefix of the telescope behind the
 * wrong option. */
static int make_tunnels(const struct ds_config_list *list, unsigned *out, struct ds_error *err)
{
    static const char *const names[] = {"gre", "erspan", "vxlan"}; /* by bit of enum ds_tunnel */
    *out = 0;
    for (unsigned i = 0; i < list->count; i++) {
        unsigned bit = 0;
        while (bit < 3 && strcmp(list->items[i], names[bit]) != 0)
            bit++;
        if (bit == 3)
            return ds_error(err, DS_CONFIG,
                            "decapsulate: entry %u is not known; it can be gre, erspan or vxlan",
                            i + 1);
        *out |= 1u << bit;
    }
    return 0;
}

static int make_times(const struct ds_sensor_text *t, struct ds_sensor_config *out,
                      struct ds_error *err)
{
    const char *window = t->window ? t->window : "60s";
    int64_t lateness = -1;
    out->window_ns = out->lateness_ns = 0;
    if (t->lateness && !ds_duration_parse(t->lateness, &lateness))
        return ds_error(err, DS_CONFIG, "lateness: %s", check_duration(t->lateness));
    if (strcmp(window, "all") == 0)
        return 0;
    if (!ds_duration_parse(window, &out->window_ns))
        return ds_error(err, DS_CONFIG, "window: %s", check_duration(window));
    int64_t seconds = out->window_ns / DS_NS_PER_S;
    if (out->window_ns % DS_NS_PER_S || seconds < DS_WINDOW_SECONDS_MIN ||
        seconds > DS_WINDOW_SECONDS_MAX || DS_WINDOW_SECONDS_MAX % seconds)
        return ds_error(err, DS_CONFIG,
                        "window: '%s' must be whole seconds that divide an hour: 1s, 10s, 60s, "
                        "5m, 1h, or all",
                        window);
    if (lateness < 0) {
        lateness = DS_LATENESS_DEFAULT * DS_NS_PER_S;
        lateness = lateness < out->window_ns ? lateness : out->window_ns / 2;
    }
    if (lateness >= out->window_ns)
        return ds_error(err, DS_CONFIG, "lateness: '%s' must be shorter than the window, %s",
                        t->lateness, window);
    out->lateness_ns = lateness;
    return 0;
}

/* 0 was not given: the normal value. */
static int make_number(const char *what, unsigned given, const unsigned range[static 3],
                       struct ds_error *err)
{
    unsigned normal = range[0], least = range[1], most = range[2];
    unsigned value = given ? given : normal;
    if (value < least || value > most)
        return ds_error(err, DS_CONFIG, "%s: %u must be from %u to %u", what, value, least, most);
    return (int)value;
}

static int make_numbers(const struct ds_sensor_text *t, struct ds_sensor_config *out,
                        struct ds_error *err)
{
    const struct {
        const char *what;
        unsigned given;
        unsigned range[3]; /* normal, least, most */
    } numbers[] = {
        {"workers", t->workers, {1, 1, DS_PIPELINE_WORKERS_MAX}},
        {"survey.ports", t->survey_ports, {DS_CONFIG_SURVEY_PORTS, 1, DS_SURVEY_PORTS_MAX}},
        {"capture.threads", t->capture_threads, {1, 1, DS_CAPTURE_THREADS_MAX}},
        {"capture.snaplen",
         t->snaplen,
         {DS_CONFIG_SNAPLEN_DEFAULT, DS_CONFIG_SNAPLEN_MIN, DS_CONFIG_SNAPLEN_MAX}},
        {"capture.buffer_mib", t->buffer_mib, {DS_CONFIG_BUFFER_DEFAULT, 1, DS_CONFIG_BUFFER_MAX}},
        {"capture.timeout_ms",
         t->timeout_ms,
         {DS_CONFIG_TIMEOUT_DEFAULT, 1, DS_CONFIG_TIMEOUT_MAX}},
        {"spool.size_mib",
         t->spool_mib,
         {DS_SPOOL_MIB_DEFAULT, DS_SPOOL_MIB_MIN, DS_SPOOL_MIB_MAX}},
        {"memory_mib",
         t->memory_mib,
         {DS_CONFIG_MEMORY_DEFAULT, DS_CONFIG_MEMORY_MIN, DS_CONFIG_MEMORY_MAX}},
    };
    int made[sizeof numbers / sizeof *numbers];
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        made[i] = make_number(numbers[i].what, numbers[i].given, numbers[i].range, err);
        if (made[i] < 0)
            return -1;
    }
    out->workers = (unsigned)made[0];
    out->survey.ports = (unsigned)made[1];
    out->capture_threads = t->file ? 1 : (unsigned)made[2];
    out->snaplen = made[3];
    out->buffer_bytes = made[4] << 20;
    out->timeout_ms = made[5];
    out->spool_bytes = (uint64_t)made[6] << 20;
    out->memory_bytes = (uint64_t)made[7] << 20;
    return 0;
}

static int make_cpu(const char *text, const cpu_set_t *allowed, unsigned *out, struct ds_error *err)
{
    char *end;
    errno = 0;
    unsigned long cpu = strtoul(text, &end, 10);
    if (errno || end == text || *end || *text == '-' || cpu >= CPU_SETSIZE)
        return ds_error(err, DS_CONFIG, "cpus: an entry is no number of a CPU, from 0 on");
    if (!CPU_ISSET(cpu, allowed))
        return ds_error(err, DS_CONFIG,
                        "cpus: CPU %lu does not exist or this process may not use it; "
                        "\"taskset -cp $$\" shows those that it may use",
                        cpu);
    *out = (unsigned)cpu;
    return 0;
}

static int make_cpus(const struct ds_config_list *list, struct ds_sensor_config *out,
                     struct ds_error *err)
{
    cpu_set_t allowed;
    unsigned threads = out->capture_threads + out->workers + 1;
    if (list->count == 0)
        return 0;
    if (list->count > threads)
        return ds_error(err, DS_CONFIG,
                        "cpus: %u CPUs are more than there are threads: %u to capture, %u workers, "
                        "1 uplink",
                        list->count, out->capture_threads, out->workers);
    if (sched_getaffinity(0, sizeof allowed, &allowed))
        return ds_error(err, DS_FAILURE, "cpus: cannot ask for the allowed CPUs: %s",
                        strerror(errno));
    for (unsigned i = 0; i < list->count; i++)
        if (make_cpu(list->items[i], &allowed, &out->cpus[i], err))
            return -1;
    out->cpu_count = list->count;
    return 0;
}

/* Packets in a day: so many per monitored address, rounded up. Without a monitored set there is no
 * such number, and only listed prefixes are told apart. */
static int make_survey(const struct ds_sensor_text *t, struct ds_sensor_config *out,
                       struct ds_error *err)
{
    const char *text = t->survey_packets ? t->survey_packets : "";
    char *end;
    double each = *text ? strtod(text, &end) : DS_CONFIG_SURVEY_PACKETS;
    if (*text && (end == text || *end || !(each > 0 && each <= 1e6)))
        return ds_error(err, DS_CONFIG,
                        "survey.packets_per_address: is no number above 0 and up to 1000000");
    if (!ds_monitor_is_everything(out->monitor))
        out->survey.packets = (uint64_t)ceil(each * (double)ds_monitor_addresses(out->monitor));
    out->time_zone = t->time_zone ? t->time_zone : "UTC";
    out->survey_state = t->survey_state;
    if (t->acknowledged.count > DS_CONFIG_LISTS_MAX)
        return ds_error(err, DS_CONFIG, "survey.acknowledged: more than %d files",
                        DS_CONFIG_LISTS_MAX);
    if (ds_survey_read_lists(t->acknowledged.items, t->acknowledged.count, &out->acknowledged, err))
        return -1;
    out->survey.acknowledged = out->acknowledged;
    return ds_zone_set(out->time_zone, err);
}

static int make_sources(const struct ds_sensor_text *t, struct ds_sensor_config *out,
                        struct ds_error *err)
{
    out->source_limit = t->source_limit ? *t->source_limit : DS_CONFIG_SOURCES_DEFAULT;
    out->asn_db = t->asn_db;
    if (out->source_limit > DS_SOURCES_MAX)
        return ds_error(err, DS_CONFIG, "sources.limit: %u is more than %u", out->source_limit,
                        DS_SOURCES_MAX);
    return 0;
}

static int make_uplink(const struct ds_sensor_text *t, struct ds_sensor_config *out,
                       struct ds_error *err)
{
    out->aggregator = t->aggregator;
    out->spool = t->spool;
    if (!t->key != !t->aggregator_key)
        return ds_error(err, DS_CONFIG,
                        "%s: is missing; a connection with keys needs both, this sensor's key and "
                        "aggregator_key",
                        t->key ? "aggregator_key" : "key");
    out->has_keys = t->key;
    if (out->has_keys && (ds_key_read(t->key, DS_KEY_SECRET, &out->key, err) ||
                          ds_key_read(t->aggregator_key, DS_KEY_PUBLIC, &out->aggregator_key, err)))
        return -1;
    out->live = t->live;
    if (t->live && ds_endpoint_check("live", t->live, out->has_keys, err))
        return -1;
    if (t->aggregator)
        return ds_endpoint_check("aggregator", t->aggregator, out->has_keys, err);
    if (t->spool)
        return ds_error(err, DS_CONFIG,
                        "spool.directory: keeps windows for an aggregator, and none is given");
    return 0;
}

static int make_deployment(const char *path, struct ds_deployment *out, struct ds_error *err)
{
    struct ds_key key;
    if (!path)
        return ds_deployment_make(NULL, out, err);
    if (ds_key_read(path, DS_KEY_DEPLOYMENT, &key, err))
        return -1;
    int failed = ds_deployment_make(&key, out, err);
    ds_key_wipe(&key);
    return failed;
}

/* The aggregator takes a key under its own name only, so that is the one to use. */
static int make_name(const char *name, struct ds_sensor_config *c, struct ds_error *err)
{
    char host[DS_NAME_MAX + 1] = "";
    if (!name && c->has_keys) {
        name = c->key.name;
    } else if (!name) {
        gethostname(host, sizeof host - 1);
        name = ds_name_valid(host) ? host : "sensor";
    }
    if (!ds_name_valid(name))
        return ds_error(err, DS_CONFIG,
                        "name: must be 1 to %d letters, digits, '.', '_' or '-', and begin with a "
                        "letter or digit",
                        DS_NAME_MAX);
    if (c->has_keys && strcmp(name, c->key.name) != 0)
        return ds_error(err, DS_CONFIG,
                        "name: the key is that of %s, and an aggregator takes no other name for "
                        "it; leave name out, or make a key for this name",
                        c->key.name);
    strcpy(c->name, name);
    return 0;
}

static int make_capture(const struct ds_sensor_text *t, struct ds_sensor_config *out,
                        struct ds_error *err)
{
    if (!t->interface == !t->file)
        return ds_error(err, DS_CONFIG,
                        t->file ? "capture: both an interface and a file; give one of them"
                                : "capture: nothing to read; give -r FILE or -i INTERFACE, or "
                                  "capture.file or capture.interface in the configuration");
    if (t->file && t->filter)
        return ds_error(err, DS_CONFIG,
                        "capture.filter: only for an interface; filter a file with tcpdump -w");
    const char *method = t->method ? t->method : "auto";
    out->xdp = strcmp(method, "xdp") == 0;
    if (!out->xdp && strcmp(method, "pcap") != 0 && strcmp(method, "auto") != 0)
        return ds_error(err, DS_CONFIG,
                        "capture.method: is not known; it can be auto, pcap or xdp");
    out->interface = t->interface;
    out->file = t->file;
    out->filter = t->filter;
    out->promiscuous = t->promiscuous ? *t->promiscuous : true;
    return 0;
}

int ds_sensor_config_make(const struct ds_sensor_text *text, struct ds_sensor_config *out,
                          struct ds_error *err)
{
    memset(out, 0, sizeof *out);
    if (make_uplink(text, out, err) ||
        make_deployment(text->deployment_key, &out->deployment, err) ||
        make_name(text->name, out, err) || make_capture(text, out, err) ||
        make_times(text, out, err) || make_numbers(text, out, err) ||
        make_cpus(&text->cpus, out, err) || make_tunnels(&text->decapsulate, &out->tunnels, err) ||
        make_monitor(text, out, err) || make_survey(text, out, err) || make_sources(text, out, err))
        return -1;
    out->user = text->user;
    out->country_db = text->country_db;
    out->experimental_signatures = text->experimental_signatures && *text->experimental_signatures;
    out->signatures = (struct ds_signature_settings){
        .paths = text->signatures.items,
        .path_count = text->signatures.count,
        .enable = text->enable_signatures.items,
        .enable_count = text->enable_signatures.count,
        .disable = text->disable_signatures.items,
        .disable_count = text->disable_signatures.count,
    };
    return 0;
}

void ds_sensor_config_finish(struct ds_sensor_config *c)
{
    ds_key_wipe(&c->key);
    ds_deployment_wipe(&c->deployment);
    ds_monitor_destroy(c->monitor);
    ds_monitor_destroy(c->acknowledged);
    c->monitor = c->acknowledged = NULL;
}
