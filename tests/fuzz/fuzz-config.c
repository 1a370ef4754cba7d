/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a configuration file, the aggregator's where the first is an 'a', else the sensor's:
 * settings that keep what their header promises, or one clean line of error.
 */
#include "aggregator/config.h"
#include "darkscope/text.h"
#include "fuzz.h"
#include "sensor/config.h"

#include <string.h>

#define NS_PER_S INT64_C(1000000000)

static void check_sensor(const struct ds_sensor_config *c)
{
    check(ds_name_valid(c->name) && !c->interface != !c->file);
    check(c->window_ns == 0 || (3600 * NS_PER_S) % c->window_ns == 0);
    check(c->window_ns == 0 ? c->lateness_ns == 0 : c->window_ns >= NS_PER_S);
    check(c->lateness_ns >= 0 && (!c->window_ns || c->lateness_ns < c->window_ns));
    check(c->workers >= 1 && c->workers <= DS_PIPELINE_WORKERS_MAX);
    check(c->capture_threads >= 1 && c->capture_threads <= DS_CAPTURE_THREADS_MAX);
    check(c->cpu_count <= c->workers + c->capture_threads + 1);
    check(c->snaplen >= DS_CONFIG_SNAPLEN_MIN && c->snaplen <= DS_CONFIG_SNAPLEN_MAX);
    check(c->buffer_bytes > 0 && c->timeout_ms > 0 && c->spool_bytes > 0);
    check(c->survey.ports >= 1 && c->survey.ports <= DS_SURVEY_PORTS_MAX);
    check(c->monitor && c->source_limit <= DS_SOURCES_MAX && c->tunnels < 8);
    check(c->aggregator || !c->spool);
}

static void load_sensor(const char *path)
{
    struct ds_sensor_file *file = NULL;
    struct ds_sensor_text text = {0};
    struct ds_sensor_config config = {0};
    struct ds_error err = {.text = ""};
    int failed = ds_sensor_file_load(path, &file, &text, &err);
    if (!failed) {
        failed = ds_sensor_config_make(&text, &config, &err);
        if (!failed)
            check_sensor(&config);
        ds_sensor_config_finish(&config);
    }
    check(!failed || is_clean(err.text));
    ds_sensor_file_free(file);
}

static void load_aggregator(const char *path)
{
    const struct ds_aggregator_options options = {.config = path};
    struct ds_aggregator_config config;
    struct ds_error err = {.text = ""};
    if (ds_aggregator_config_load(&options, &config, &err)) {
        check(is_clean(err.text));
        return;
    }
    check(*config.listen && *config.http && *config.store && config.log <= DS_LOG_ERROR);
    ds_aggregator_config_finish(&config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input_file file;
    if (size == 0)
        return 0;
    input_file_make(&file, data + 1, size - 1);
    if (data[0] == 'a')
        load_aggregator(file.path);
    else
        load_sensor(file.path);
    input_file_remove(&file);
    return 0;
}
