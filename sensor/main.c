/* SPDX-License-Identifier: Apache-2.0
 *
 * darkscope-sensor: wiring only.
 */
#include "capture.h"
#include "darkscope/harden.h"
#include "darkscope/log.h"
#include "delivery.h"
#include "feed.h"
#include "options.h"
#include "privileges.h"
#include "survey_file.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* All that one run holds; zero where it is not made yet. */
struct sensor {
    struct ds_options options;
    struct ds_sensor_file *file;
    struct ds_sensor_config config;
    struct ds_capture *captures[DS_CAPTURE_THREADS_MAX];
    unsigned capture_count;
    bool split; /* each capture reads the whole file */
    struct ds_delivery delivery;
    struct ds_survey survey;
    bool has_survey;
    struct ds_asn *asn;
    struct ds_reached reached;
    struct ds_geo *geo; /* until the pipeline takes them */
    struct ds_rules *rules;
    struct ds_pipeline *pipeline;
    struct ds_feed *feed; /* NULL: none */
    sigset_t signals;
    int signal_fd;
};

static int configure(struct sensor *s, struct ds_error *err)
{
    struct ds_sensor_text text = {0};
    if (s->options.config && ds_sensor_file_load(s->options.config, &s->file, &text, err))
        return -1;
    ds_sensor_text_override(&text, &s->options.text);
    if (ds_sensor_config_make(&text, &s->config, err))
        return -1;
    if (!s->options.json && !s->config.aggregator && !s->options.check)
        return ds_error(err, DS_USAGE,
                        "nowhere to put the windows; give --json, --aggregator, or both");
    if (s->config.aggregator && s->config.window_ns == 0)
        return ds_error(err, DS_CONFIG,
                        "window: all is for --json; an aggregator takes windows of up to 1h");
    if (s->options.speed > 0 && s->config.interface)
        return ds_error(err, DS_USAGE, "--speed is for files; a live capture has its own time");
    if (s->config.live && s->config.file && s->options.speed == 0)
        return ds_error(err, DS_CONFIG,
                        "live: a file read as fast as it can be is no view; say how fast with "
                        "--speed, or leave live out");
    return 0;
}

/* A file that can be read by each worker on its own is, as that costs less than handing every
 * packet from a thread to another. Whether it can is seen when it begins, and by then we may have
 * no right to open it again. */
static int open_file(struct sensor *s, struct ds_error *err)
{
    unsigned workers = s->config.workers;
    if (ds_capture_open_unread(s->config.file, &s->captures[0], err))
        return -1;
    s->capture_count = 1;
    if (workers > DS_CAPTURE_THREADS_MAX || !ds_capture_is_regular(s->captures[0]))
        return 0;
    for (; s->capture_count < workers; s->capture_count++)
        if (!(s->captures[s->capture_count] = ds_capture_open_again(s->captures[0])))
            return ds_error(err, DS_FAILURE, "%s: cannot open it %u times: %s; lower workers",
                            s->config.file, workers, strerror(errno));
    return 0;
}

/* Looks at what is in the file. */
static int begin_file(struct sensor *s, struct ds_error *err)
{
    if (!s->config.file)
        return 0;
    if (ds_capture_begin_file(s->captures[0], err))
        return -1;
    s->split = ds_capture_is_plain(s->captures[0]) && s->config.workers <= DS_CAPTURE_THREADS_MAX;
    for (unsigned i = 1; s->split && i < s->capture_count; i++)
        if (ds_capture_begin_file(s->captures[i], err))
            return -1;
    while (!s->split && s->capture_count > 1) {
        struct ds_capture *unused = s->captures[--s->capture_count];
        unused->ops->destroy(unused);
        s->captures[s->capture_count] = NULL;
    }
    return 0;
}

static int open_capture(struct sensor *s, struct ds_error *err)
{
    const struct ds_sensor_config *c = &s->config;
    if (c->file)
        return open_file(s, err);
    s->capture_count = c->capture_threads;
    struct ds_capture_live live = {
        .interface = c->interface,
        .filter = c->filter,
        .buffer_bytes = c->buffer_bytes,
        .timeout_ms = c->timeout_ms,
        .snaplen = c->snaplen,
        .promiscuous = c->promiscuous,
        .threads = c->capture_threads,
    };
    return (c->xdp ? ds_capture_open_xdp : ds_capture_open_live)(&live, s->captures, err);
}

static int drop(const struct sensor *s, struct ds_error *err)
{
    if (ds_privileges_limit_memory(s->config.memory_bytes, err))
        return -1;
    return ds_privileges_drop(s->config.user, s->config.interface, err);
}

static void log_fault(void *arg, const char *text)
{
    ds_log(DS_LOG_ERROR, "%s", text);
}

/* What is wrong with some signatures is told and counted; the others are used. */
static int load_signatures(struct sensor *s, struct ds_rules **out,
                           struct ds_signature_faults *faults, struct ds_error *err)
{
    *faults = (struct ds_signature_faults){.tell = log_fault};
    return ds_signatures_load(&s->config.signatures, faults, out, err);
}

static int check_signatures(struct sensor *s, struct ds_error *err)
{
    struct ds_rules *rules = NULL;
    struct ds_signature_faults faults;
    if (load_signatures(s, &rules, &faults, err))
        return -1;
    ds_rules_destroy(rules);
    return faults.count ? ds_error(err, DS_CONFIG, "signatures: %u faults; the others can be used",
                                   faults.count)
                        : 0;
}

/* A damaged state is begun anew: a sensor must not stay down for it. */
static int begin_survey(struct sensor *s, struct ds_error *err)
{
    const struct ds_sensor_config *c = &s->config;
    if (ds_survey_init(&s->survey, &c->survey))
        return ds_error(err, DS_FAILURE, "no memory for survey scanners");
    s->has_survey = true;
    int result = c->survey_state ? ds_survey_load(&s->survey, c->survey_state, err) : 0;
    if (result == DS_SURVEY_DAMAGED)
        ds_log(DS_LOG_WARNING, "%s", err->text);
    return result < 0 ? -1 : 0;
}

/* What is in files. */
static int load(struct sensor *s, struct ds_error *err)
{
    const struct ds_sensor_config *c = &s->config;
    struct ds_signature_faults faults;
    if (begin_survey(s, err) || (c->asn_db && ds_asn_create(c->asn_db, &s->asn, err)) ||
        (c->country_db && ds_geo_create(c->country_db, &s->geo, err)))
        return -1;
    return load_signatures(s, &s->rules, &faults, err);
}

static int begin_feed(struct sensor *s, struct ds_error *err)
{
    const struct ds_sensor_config *c = &s->config;
    if (!c->live)
        return 0;
    struct ds_sampler *samplers[DS_PIPELINE_WORKERS_MAX];
    const struct ds_feed_settings settings = {
        .endpoint = c->live,
        .sensor = c->name,
        .key = c->has_keys ? &c->key : NULL,
        .aggregator_key = c->has_keys ? &c->aggregator_key : NULL,
        .samplers = samplers,
        .count = ds_pipeline_samplers(s->pipeline, samplers),
    };
    return ds_feed_start(&settings, &s->feed, err);
}

static int build(struct sensor *s, struct ds_error *err)
{
    const struct ds_sensor_config *c = &s->config;
    if (ds_delivery_init(&s->delivery, c, s->geo ? s->geo->name : "", s->options.json, err))
        return -1;
    s->delivery.json_sources = s->options.source_limit > 0;
    if (c->aggregator && ds_reached_init(&s->reached, &c->deployment, c->monitor))
        return ds_error(err, DS_FAILURE, "no memory for the order of the addresses");
    struct ds_pipeline_settings settings = {
        .captures = s->captures,
        .capture_count = s->capture_count,
        .split = s->split,
        .monitor = c->monitor,
        .geo = s->geo,
        .rules = s->rules,
        .sink = ds_delivery_sink(&s->delivery),
        .survey = &s->survey,
        .survey_state = c->survey_state,
        .asn = s->asn,
        .source_limit = c->source_limit,
        .sketch_secret = c->aggregator ? &c->deployment.sketch : NULL,
        .reached = c->aggregator ? &s->reached : NULL,
        .workers = c->workers,
        .tunnels = c->tunnels,
        .experimental_signatures = c->experimental_signatures,
        .window_ns = c->window_ns,
        .lateness_ns = c->lateness_ns,
        .speed = s->options.speed,
        .live_order = c->live ? c->deployment.permutation : NULL,
        .cpus = c->cpus,
        .cpu_count = c->cpu_count,
    };
    s->geo = NULL;
    s->rules = NULL;
    return ds_pipeline_create(&settings, &s->pipeline, err) || begin_feed(s, err) ? -1 : 0;
}

/* Signals are read from a descriptor by the main thread alone: blocked in all others, so before
 * any is made, but after the capture was opened, which may wait for the writer of a pipe. */
static int take_signals(struct sensor *s, struct ds_error *err)
{
    sigemptyset(&s->signals);
    sigaddset(&s->signals, SIGINT);
    sigaddset(&s->signals, SIGTERM);
    sigaddset(&s->signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &s->signals, NULL);
    s->signal_fd = signalfd(-1, &s->signals, SFD_CLOEXEC);
    if (s->signal_fd < 0)
        return ds_error(err, DS_FAILURE, "cannot take signals: %s", strerror(errno));
    return 0;
}

static void reload_country(struct sensor *s)
{
    struct ds_error err;
    struct ds_geo *geo;
    if (!s->config.country_db)
        return;
    if (ds_geo_create(s->config.country_db, &geo, &err)) {
        ds_log(DS_LOG_ERROR, "%s; the one in use stays", err.text);
    } else {
        char name[sizeof geo->name];
        strcpy(name, geo->name);
        if (ds_pipeline_replace_geo(s->pipeline, geo))
            ds_log(DS_LOG_WARNING,
                   "the country database before is still in use: windows wait for their reader; "
                   "send SIGHUP again when they flow");
        else
            ds_log(DS_LOG_INFO, "country database is now %s", name);
    }
}

static void reload_signatures(struct sensor *s)
{
    struct ds_error err;
    struct ds_rules *rules;
    struct ds_signature_faults faults;
    if (load_signatures(s, &rules, &faults, &err)) {
        ds_log(DS_LOG_ERROR, "%s; the signatures in use stay", err.text);
        return;
    }
    if (faults.unread) { /* or their series would end as if nobody sent such packets any more */
        ds_rules_destroy(rules);
        ds_log(DS_LOG_ERROR,
               "signatures: %u files cannot be read; those in use stay; mend that and send SIGHUP "
               "again",
               faults.unread);
        return;
    }
    size_t count = rules ? rules->count : 0;
    ds_pipeline_replace_rules(s->pipeline, rules);
    ds_log(DS_LOG_INFO, "signatures from files: %zu, from the next window on", count);
}

/* Output that nobody reads, or that has no room, is an error like others: with an aggregator there
 * are windows to deliver before the end. Without one, the end of a pipe's reader is ours. */
static void ignore_output_signals(const struct sensor *s)
{
    signal(SIGXFSZ, SIG_IGN);
    if (s->config.aggregator)
        signal(SIGPIPE, SIG_IGN);
}

/* Waits for the end of the capture or for a signal to end it. */
static void await_end(struct sensor *s)
{
    struct pollfd fds[] = {
        {.fd = ds_pipeline_done_fd(s->pipeline), .events = POLLIN},
        {.fd = s->signal_fd, .events = POLLIN},
    };
    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        if (fds[0].revents)
            return;
        struct signalfd_siginfo info;
        if (!(fds[1].revents & POLLIN) || read(s->signal_fd, &info, sizeof info) != sizeof info)
            continue;
        if (info.ssi_signo != SIGHUP)
            break;
        reload_country(s);
        reload_signatures(s);
    }
    ds_delivery_stop(&s->delivery);
    ds_pipeline_stop(s->pipeline);
}

/* From here on Ctrl-C does not wait for the last windows. */
static void give_signals_back(struct sensor *s)
{
    sigdelset(&s->signals, SIGHUP);
    pthread_sigmask(SIG_UNBLOCK, &s->signals, NULL);
}

static int run(struct sensor *s, struct ds_error *err)
{
    if (ds_pipeline_start(s->pipeline, err))
        return -1;
    if (s->config.interface)
        ds_log(DS_LOG_INFO, "capturing from interface %s", s->config.interface);
    await_end(s);
    give_signals_back(s);
    struct ds_error undelivered;
    int read = ds_pipeline_join(s->pipeline, err);
    ds_feed_stop(s->feed);
    s->feed = NULL;
    int delivered = ds_delivery_finish(&s->delivery, read ? &undelivered : err);
    if (read && delivered)
        ds_log(DS_LOG_ERROR, "%s", undelivered.text);
    return read || delivered ? -1 : 0;
}

static void tear_down(struct sensor *s)
{
    ds_feed_stop(s->feed);
    ds_pipeline_destroy(s->pipeline);
    for (unsigned i = 0; i < s->capture_count && s->captures[i]; i++)
        s->captures[i]->ops->destroy(s->captures[i]);
    ds_delivery_destroy(&s->delivery);
    if (s->has_survey)
        ds_survey_finish(&s->survey);
    ds_reached_finish(&s->reached);
    ds_asn_destroy(s->asn);
    ds_geo_destroy(s->geo);
    ds_rules_destroy(s->rules);
    ds_sensor_config_finish(&s->config);
    ds_sensor_file_free(s->file);
}

int main(int argc, char **argv)
{
    struct sensor s = {0};
    struct ds_error err;
    ds_log_init("darkscope-sensor", DS_LOG_INFO);
    ds_hold_hangup();
    ds_options_parse(&s.options, argc, argv);
    int failed = configure(&s, &err);
    ignore_output_signals(&s);
    if (!failed && s.options.check)
        failed = check_signatures(&s, &err);
    if (!failed && !s.options.check)
        failed = open_capture(&s, &err) || load(&s, &err) || drop(&s, &err) ||
                 begin_file(&s, &err) || take_signals(&s, &err) || build(&s, &err) || run(&s, &err);
    if (failed)
        ds_log(DS_LOG_ERROR, "%s", err.text);
    tear_down(&s);
    return failed ? (int)err.status : DS_OK;
}
