/* SPDX-License-Identifier: Apache-2.0
 *
 * What the sensor is told, by its configuration file and by its command line, which wins; checked
 * in one place.
 */
#ifndef DARKSCOPE_SENSOR_CONFIG_H
#define DARKSCOPE_SENSOR_CONFIG_H

#include "darkscope/error.h"
#include "darkscope/key.h"
#include "darkscope/limits.h"
#include "deployment.h"
#include "monitor.h"
#include "pipeline.h"
#include "signatures.h"
#include "survey.h"

#define DS_CONFIG_PREFIXES_MAX    4096
#define DS_CONFIG_SNAPLEN_DEFAULT 512
#define DS_CONFIG_SNAPLEN_MIN     96
#define DS_CONFIG_SNAPLEN_MAX     65535
#define DS_CONFIG_BUFFER_DEFAULT  64 /* MiB */
#define DS_CONFIG_BUFFER_MAX      2047
#define DS_CONFIG_TIMEOUT_DEFAULT 100 /* ms */
#define DS_CONFIG_TIMEOUT_MAX     1000
#define DS_CONFIG_SOURCES_DEFAULT 10000
/* More than the worst traffic takes (docs/performance.md), with the stacks of many threads. */
#define DS_CONFIG_MEMORY_DEFAULT  4096 /* MiB */
#define DS_CONFIG_MEMORY_MIN      64
#define DS_CONFIG_MEMORY_MAX      (1 << 20)
/* Survey scanners: NICTER's rule. */
#define DS_CONFIG_SURVEY_PORTS    30
#define DS_CONFIG_SURVEY_PACKETS  1.0 /* per monitored address and day */
#define DS_CONFIG_LISTS_MAX       64
/* One for every thread that counts or captures. */
#define DS_CONFIG_CPUS_MAX        (DS_PIPELINE_WORKERS_MAX + DS_CAPTURE_THREADS_MAX + 1)

/* A list of texts as a person wrote them. */
struct ds_config_list {
    const char **items;
    unsigned count;
};

/* As written: texts, NULL or 0 where nothing was said. Strings are borrowed from the command line
 * or from the loaded file. The layout is known to the schema in config.c. */
struct ds_sensor_text {
    const char *name;
    const char *user;
    const char *interface;
    const char *file;
    const char *filter;
    const char *method;
    unsigned snaplen;
    unsigned buffer_mib;
    unsigned timeout_ms;
    unsigned capture_threads;
    const bool *promiscuous;
    struct ds_config_list monitor;
    struct ds_config_list exclude;
    struct ds_config_list decapsulate;
    const char *country_db;
    const bool *experimental_signatures;
    struct ds_config_list signatures;
    struct ds_config_list enable_signatures;
    struct ds_config_list disable_signatures;
    const char *window;
    const char *lateness;
    unsigned workers;
    unsigned memory_mib;
    struct ds_config_list cpus;
    const char *aggregator;
    const char *live;
    const char *spool;
    unsigned spool_mib;
    const char *key;
    const char *aggregator_key;
    const char *deployment_key;
    const char *asn_db;
    const unsigned *source_limit;
    unsigned survey_ports;
    const char *survey_packets; /* per monitored address */
    const char *survey_state;
    const char *time_zone;
    struct ds_config_list acknowledged;
};

/* As checked. */
struct ds_sensor_config {
    char name[DS_NAME_MAX + 1];
    const char *user;      /* as ds_privileges_drop takes it */
    const char *interface; /* NULL: read file */
    const char *file;
    const char *filter;
    bool xdp; /* capture by AF_XDP, not by libpcap */
    int snaplen;
    int buffer_bytes; /* of each capture thread */
    int timeout_ms;
    unsigned capture_threads; /* 1 for a file */
    bool promiscuous;
    struct ds_monitor *monitor; /* owned */
    unsigned tunnels;
    const char *country_db; /* NULL: none */
    bool experimental_signatures;
    struct ds_signature_settings signatures;
    int64_t window_ns; /* 0: one window for everything */
    int64_t lateness_ns;
    unsigned workers;
    uint64_t memory_bytes;             /* that this process may take, at most */
    unsigned cpus[DS_CONFIG_CPUS_MAX]; /* of capture threads, workers and uplink thread */
    unsigned cpu_count;
    const char *aggregator; /* NULL: none */
    const char *live;       /* endpoint of its live view; NULL: none */
    const char *spool;      /* NULL: none */
    uint64_t spool_bytes;
    bool has_keys;
    struct ds_key key; /* secret; wiped by finish */
    struct ds_key aggregator_key;
    struct ds_deployment deployment; /* secret; wiped by finish */
    const char *asn_db;              /* NULL: none */
    unsigned source_limit;
    struct ds_survey_settings survey;
    struct ds_monitor *acknowledged; /* owned; NULL: none */
    const char *survey_state;        /* NULL: none */
    const char *time_zone;
};

struct ds_sensor_file; /* a loaded configuration file */

/* Reads path; *out owns the strings of *text. 0, or -1 with err. */
int ds_sensor_file_load(const char *path, struct ds_sensor_file **out, struct ds_sensor_text *text,
                        struct ds_error *err);
void ds_sensor_file_free(struct ds_sensor_file *file);

/* What over says replaces what text says. */
void ds_sensor_text_override(struct ds_sensor_text *text, const struct ds_sensor_text *over);

/* Checks and converts; borrows the strings. 0, or -1 with err. */
int ds_sensor_config_make(const struct ds_sensor_text *text, struct ds_sensor_config *out,
                          struct ds_error *err);
void ds_sensor_config_finish(struct ds_sensor_config *c);

#endif
