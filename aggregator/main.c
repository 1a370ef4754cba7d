/* SPDX-License-Identifier: Apache-2.0
 *
 * darkscope-aggregator: wiring only.
 */
#include "config.h"
#include "darkscope/clock.h"
#include "darkscope/harden.h"
#include "darkscope/text.h"
#include "heap.h"
#include "metrics.h"
#include "receive.h"
#include "serve.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define DESCRIPTORS_WANTED 65536

/* All that one run holds; NULL where it is not made yet. */
struct aggregator {
    struct ds_aggregator_options options;
    struct ds_aggregator_config config;
    struct ds_store *writer, *readers[DS_ANSWER_THREADS];
    struct ds_ingest *ingest;
    struct ds_receive *receive;
    struct ds_live *live; /* NULL: no live view */
    struct ds_answerer *answerer;
    struct ds_assets *assets;
    struct ds_serve *serve;
    struct ds_metrics metrics;
    int64_t started_ns; /* steady */
    sigset_t signals;
    int signal_fd;
};

/* What came of everybody who tried, since the start. */
static json_t *describe_network(const struct aggregator *a)
{
    struct ds_receive_stats s;
    ds_receive_read_stats(a->receive, &s);
    return json_pack("{s:{s:I, s:I, s:I, s:I, s:I}, s:{s:I, s:I, s:I}}", "messages", "received",
                     (json_int_t)s.received, "malformed", (json_int_t)s.malformed, "refused",
                     (json_int_t)s.refused, "revoked", (json_int_t)s.revoked, "unsent",
                     (json_int_t)s.unsent, "handshakes", "accepted",
                     (json_int_t)s.handshakes.accepted, "refused", (json_int_t)s.handshakes.refused,
                     "limited", (json_int_t)s.handshakes.limited);
}

static void add_clock(void *arg, const char *sensor, int64_t ahead_ns)
{
    json_array_append_new(arg, json_pack("{s:s, s:f}", "sensor", sensor, "ahead_s",
                                         (double)ahead_ns / (double)DS_NS_PER_S));
}

/* Sensors whose clocks are off. */
static json_t *describe_clocks(const struct aggregator *a, int64_t now_ns)
{
    json_t *clocks = json_array();
    ds_receive_each_skewed(a->receive, now_ns, add_clock, clocks);
    return clocks;
}

static void add_backlog(void *arg, const char *sensor, const struct ds_backlog_report *report)
{
    json_array_append_new(arg, json_pack("{s:s, s:I, s:I, s:I}", "sensor", sensor,
                                         "windows_waiting", (json_int_t)report->waiting,
                                         "windows_lost", (json_int_t)report->lost, "windows_merged",
                                         (json_int_t)report->merged));
}

/* What the connected sensors have that is not here. */
static json_t *describe_backlogs(const struct aggregator *a, int64_t now_ns)
{
    json_t *backlogs = json_array();
    ds_receive_each_backlog(a->receive, now_ns, add_backlog, backlogs);
    return backlogs;
}

static json_t *health(void *arg, bool *is_well)
{
    const struct aggregator *a = arg;
    struct ds_ingest_health h;
    char commit[DS_TIME_TEXT];
    int64_t now_ns = ds_clock_steady_ns();
    ds_ingest_read_health(a->ingest, &h);
    *is_well = !h.is_failing;
    if (h.last_commit_s)
        ds_time_print(h.last_commit_s, commit);
    return json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:o, s:o, s:o, s:s?, s:{s:I, s:I}, s:{s:I, s:I, s:I, s:I}}",
        "status", h.is_failing ? "degraded" : "ok", "store", h.is_failing ? "failing" : "ok",
        "version", DARKSCOPE_VERSION, "uptime_s",
        (json_int_t)((now_ns - a->started_ns) / DS_NS_PER_S), "sensors_connected",
        (json_int_t)ds_receive_count_sensors(a->receive, now_ns), "network", describe_network(a),
        "clocks", describe_clocks(a, now_ns), "backlogs", describe_backlogs(a, now_ns),
        "last_commit", h.last_commit_s ? commit : NULL, "queue", "depth", (json_int_t)h.depth,
        "limit", (json_int_t)DS_INGEST_QUEUE_MAX, "windows", "committed", (json_int_t)h.committed,
        "duplicates", (json_int_t)h.duplicates, "refused", (json_int_t)h.refused, "failures",
        (json_int_t)h.failures);
}

static char *metrics(void *arg)
{
    struct aggregator *a = arg;
    return ds_metrics_print(&a->metrics, ds_clock_steady_ns());
}

static int know_sensor(void *arg, const struct ds_sensor_row *row)
{
    ds_observe_know(arg, row->name, row->end_s);
    return 0;
}

/* The operator is told of all sensors that ever delivered: one that does not come back is news. */
static int know_sensors(struct aggregator *a, struct ds_error *err)
{
    struct ds_store *store = a->readers[0];
    return store->ops->sensors(store, know_sensor, ds_receive_observe(a->receive), err);
}

/* Before the first thread, so that no other thread is interrupted. */
static int take_signals(struct aggregator *a, struct ds_error *err)
{
    sigemptyset(&a->signals);
    sigaddset(&a->signals, SIGINT);
    sigaddset(&a->signals, SIGTERM);
    sigaddset(&a->signals, SIGHUP);
    /* A peer that is gone and a file at its limit are errors to be told, not reasons to die. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    pthread_sigmask(SIG_BLOCK, &a->signals, NULL);
    a->signal_fd = signalfd(-1, &a->signals, SFD_CLOEXEC | SFD_NONBLOCK);
    return a->signal_fd < 0 ? ds_error(err, DS_FAILURE, "cannot take signals: %s", strerror(errno))
                            : 0;
}

/* Strangers who only connect must not use up the descriptors of the usual soft limit of 1024. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= DESCRIPTORS_WANTED)
        return;
    limit.rlim_cur = limit.rlim_max < DESCRIPTORS_WANTED ? limit.rlim_max : DESCRIPTORS_WANTED;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int open_live(struct aggregator *a, const struct ds_key *key, struct ds_error *err)
{
    const struct ds_aggregator_config *c = &a->config;
    if (!c->live)
        return 0;
    const struct ds_live_settings settings = {
        .endpoint = c->live,
        .publish = c->live_publish,
        .key = key,
        .receive = a->receive,
        .place = c->place,
        .attribution = c->attribution,
    };
    return ds_live_create(&settings, &a->live, err);
}

/* The keys of the configuration go where they are used, and nowhere else. */
static int listen_for_sensors(struct aggregator *a, struct ds_error *err)
{
    struct ds_aggregator_config *c = &a->config;
    struct ds_receive_settings settings = {.endpoint = c->listen, .ingest = a->ingest};
    if (c->sensors) {
        settings.key = &c->key;
        settings.sensors = &c->allowed;
        ds_log(DS_LOG_INFO, "sensors that may connect: %zu", c->allowed.count);
    }
    int failed = ds_receive_create(&settings, &a->receive, err) || open_live(a, settings.key, err);
    ds_key_wipe(&c->key);
    return failed ? -1 : 0;
}

static int watch(struct aggregator *a, struct ds_error *err)
{
    int handshake_fd = ds_receive_handshake_fd(a->receive);
    if (ds_serve_watch(a->serve, ds_receive_fd(a->receive), err) < 0 ||
        ds_serve_watch(a->serve, ds_ingest_fd(a->ingest), err) < 0 ||
        ds_serve_watch(a->serve, a->signal_fd, err) < 0)
        return -1;
    if (a->live && (ds_serve_watch(a->serve, ds_live_fd(a->live), err) < 0 ||
                    ds_serve_watch(a->serve, ds_live_timer_fd(a->live), err) < 0))
        return -1;
    return handshake_fd < 0 ? 0 : ds_serve_watch(a->serve, handshake_fd, err);
}

static int open_store(struct aggregator *a, struct ds_error *err)
{
    int failed = ds_store_open(a->config.store, DS_STORE_WRITE, &a->writer, err);
    for (size_t i = 0; i < DS_ANSWER_THREADS && !failed; i++)
        failed = ds_store_open(a->config.store, DS_STORE_READ, &a->readers[i], err);
    return failed;
}

static int build(struct aggregator *a, struct ds_error *err)
{
    raise_descriptor_limit();
    if (open_store(a, err) < 0 ||
        ds_ingest_start(a->writer, &a->config.keep, &a->ingest, err) < 0 ||
        listen_for_sensors(a, err) < 0 || know_sensors(a, err) < 0 ||
        ds_answerer_start(a->readers, &a->answerer, err) < 0)
        return -1;
    a->assets = ds_assets_read(a->config.web);
    if (!a->assets)
        return ds_error(err, DS_FAILURE, "no memory for the page");
    const struct ds_serve_settings settings = {.address = a->config.http,
                                               .certificate = a->config.certificate,
                                               .key = a->config.http_key,
                                               .token = a->config.token,
                                               .answerer = a->answerer,
                                               .health = health,
                                               .metrics = metrics,
                                               .arg = a,
                                               .assets = a->assets,
                                               .live = a->live};
    if (ds_serve_create(&settings, &a->serve, err) < 0 || watch(a, err) < 0)
        return -1;
    a->started_ns = ds_clock_steady_ns();
    a->metrics = (struct ds_metrics){.receive = a->receive,
                                     .ingest = a->ingest,
                                     .answerer = a->answerer,
                                     .serve = a->serve,
                                     .directory = a->config.store,
                                     .started_s = ds_clock_utc_ns() / DS_NS_PER_S};
    return 0;
}

/* A list with a fault changes nothing: half of it would lock sensors out, or let revoked ones in.
 */
static void reload_sensors(struct aggregator *a)
{
    struct ds_error err;
    struct ds_keys keys;
    if (!a->config.sensors)
        return;
    if (ds_keys_read(a->config.sensors, &keys, &err) < 0) {
        ds_log(DS_LOG_ERROR, "%s; the list of sensors in use stays", err.text);
        return;
    }
    ds_log(DS_LOG_INFO, "sensors that may connect: %zu, from now on", keys.count);
    ds_receive_replace_sensors(a->receive, &keys);
}

static bool is_told_to_stop(struct aggregator *a)
{
    struct signalfd_siginfo info;
    while (read(a->signal_fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo != SIGHUP)
            return true;
        reload_sensors(a);
    }
    return false;
}

static void run(struct aggregator *a)
{
    ds_log(DS_LOG_INFO, "listening %s, %s", ds_receive_endpoint(a->receive),
           ds_serve_url(a->serve));
    if (!ds_assets_is_complete(a->assets))
        ds_log(DS_LOG_DEBUG, "no page in %s: a plain one is served", a->config.web);
    if (a->live)
        ds_log(DS_LOG_INFO, "live samples %s", ds_live_endpoint(a->live));
    while (!is_told_to_stop(a)) {
        int64_t now_ns = ds_clock_steady_ns();
        bool is_busy = ds_receive_service(a->receive, now_ns);
        if (a->live)
            is_busy |= ds_live_service(a->live, now_ns, ds_serve_show, a->serve);
        ds_serve_round(a->serve, is_busy);
    }
    /* The next Ctrl-C does not wait for the queue. */
    pthread_sigmask(SIG_UNBLOCK, &a->signals, NULL);
    ds_ingest_stop(a->ingest);
    ds_receive_settle(a->receive);
}

static void tear_down(struct aggregator *a)
{
    ds_serve_destroy(a->serve);
    ds_assets_destroy(a->assets);
    ds_answerer_destroy(a->answerer);
    ds_live_destroy(a->live);
    ds_receive_destroy(a->receive);
    ds_ingest_stop(a->ingest);
    ds_ingest_destroy(a->ingest);
    for (size_t i = 0; i < DS_ANSWER_THREADS; i++)
        ds_store_destroy(a->readers[i]);
    ds_store_destroy(a->writer);
    ds_aggregator_config_finish(&a->config);
}

int main(int argc, char **argv)
{
    struct aggregator a = {0};
    struct ds_error err;
    ds_hold_hangup();
    ds_heap_set_up();
    ds_log_init("darkscope-aggregator", DS_LOG_INFO);
    ds_aggregator_options_parse(&a.options, argc, argv);
    int failed = ds_aggregator_config_load(&a.options, &a.config, &err);
    if (!failed && !a.options.check_only) {
        ds_log_init("darkscope-aggregator", a.config.log);
        failed = ds_harden(&err) < 0 || take_signals(&a, &err) < 0 || build(&a, &err) < 0;
        if (!failed)
            run(&a);
    }
    if (failed)
        ds_log(DS_LOG_ERROR, "%s", err.text);
    tear_down(&a);
    return failed ? (int)err.status : DS_OK;
}
