/* SPDX-License-Identifier: Apache-2.0
 *
 * Names follow Prometheus' conventions: base units, _total for what only grows, times as seconds
 * since 1970 so that their age is for the query to compute.
 */
#include "metrics.h"

#include "darkscope/clock.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* ---- the store's directory ---- */

static const char *const kinds[DS_METRICS_KINDS] = {"catalogue", "minutes", "hours", "days",
                                                    "other"};

/* "minutes-2026-01-31.sqlite-wal" is of minutes. */
static size_t kind_of(const char *name)
{
    if (strncmp(name, "darkscope.", 10) == 0)
        return 0;
    for (size_t i = 1; i < DS_METRICS_KINDS - 1; i++) {
        size_t length = strlen(kinds[i]);
        if (strncmp(name, kinds[i], length) == 0 && name[length] == '-')
            return i;
    }
    return DS_METRICS_KINDS - 1;
}

static void count_files(struct ds_metrics_store *s, DIR *directory)
{
    struct dirent *entry;
    for (size_t i = 0; i < DS_METRICS_FILES_MAX && (entry = readdir(directory)); i++) {
        struct stat about;
        if (fstatat(dirfd(directory), entry->d_name, &about, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISREG(about.st_mode))
            continue;
        size_t kind = kind_of(entry->d_name);
        s->files[kind]++;
        s->bytes[kind] += (uint64_t)about.st_size;
    }
}

static void look_at_store(struct ds_metrics *m, int64_t now_ns)
{
    struct ds_metrics_store *s = &m->store;
    struct statvfs about;
    if (s->looked_ns && now_ns - s->looked_ns < DS_METRICS_STORE_S * DS_NS_PER_S)
        return;
    *s = (struct ds_metrics_store){.looked_ns = now_ns};
    DIR *directory = opendir(m->directory);
    s->is_readable = directory && statvfs(m->directory, &about) == 0;
    if (s->is_readable) {
        s->free_bytes = (uint64_t)about.f_bavail * about.f_frsize;
        s->size_bytes = (uint64_t)about.f_blocks * about.f_frsize;
        count_files(s, directory);
    }
    if (directory)
        closedir(directory);
}

/* ---- lines ---- */

static void head(FILE *to, const char *name, const char *type, const char *help)
{
    fprintf(to, "# HELP darkscope_%s %s\n# TYPE darkscope_%s %s\n", name, help, name, type);
}

static void gauge(FILE *to, const char *name, const char *help, double value)
{
    head(to, name, "gauge", help);
    fprintf(to, "darkscope_%s %.15g\n", name, value);
}

static void counter(FILE *to, const char *name, const char *help, uint64_t value)
{
    head(to, name, "counter", help);
    fprintf(to, "darkscope_%s %" PRIu64 "\n", name, value);
}

/* One label; its values are names that need no quoting. */
static void labelled(FILE *to, const char *name, const char *label, const char *of, uint64_t value)
{
    fprintf(to, "darkscope_%s{%s=\"%s\"} %" PRIu64 "\n", name, label, of, value);
}

/* ---- sensors ---- */

static void print_clock(void *arg, const char *sensor, int64_t ahead_ns)
{
    fprintf(arg, "darkscope_sensor_clock_ahead_seconds{sensor=\"%s\"} %.9g\n", sensor,
            (double)ahead_ns / (double)DS_NS_PER_S);
}

struct names {
    const struct ds_observe *observe;
    bool is_live[DS_OBSERVE_MAX];
};

static void mark_live(void *arg, const char *sensor, int64_t ahead_ns)
{
    struct names *n = arg;
    (void)ahead_ns;
    for (size_t i = 0; i < n->observe->count; i++)
        if (strcmp(n->observe->sensors[i].sensor, sensor) == 0)
            n->is_live[i] = true;
}

static void print_up(FILE *to, const struct ds_metrics *m, int64_t now_ns)
{
    struct names names = {.observe = ds_receive_observe(m->receive)};
    ds_receive_each_live(m->receive, now_ns, mark_live, &names);
    gauge(to, "sensors_connected", "Sensors heard of within 30 seconds.",
          (double)ds_receive_count_sensors(m->receive, now_ns));
    head(to, "sensor_up", "gauge", "Was the sensor heard of within 30 seconds?");
    for (size_t i = 0; i < names.observe->count; i++)
        labelled(to, "sensor_up", "sensor", names.observe->sensors[i].sensor, names.is_live[i]);
    head(to, "sensor_clock_ahead_seconds", "gauge",
         "How far the clock of a connected sensor is ahead of this one, when it last said so.");
    ds_receive_each_live(m->receive, now_ns, print_clock, to);
}

static void print_times(FILE *to, const struct ds_observe *o)
{
    head(to, "sensor_last_window_end_timestamp_seconds", "gauge",
         "End of the latest stored window.");
    for (size_t i = 0; i < o->count; i++)
        if (o->sensors[i].end_s)
            labelled(to, "sensor_last_window_end_timestamp_seconds", "sensor", o->sensors[i].sensor,
                     (uint64_t)o->sensors[i].end_s);
    head(to, "sensor_delay_seconds", "gauge",
         "From the end of the window stored last until it was stored.");
    for (size_t i = 0; i < o->count; i++)
        if (o->sensors[i].has_delay)
            fprintf(to, "darkscope_sensor_delay_seconds{sensor=\"%s\"} %" PRId64 "\n",
                    o->sensors[i].sensor, o->sensors[i].delay_s);
    head(to, "sensor_observed_seconds_total", "counter",
         "Time watched in the windows stored since the start.");
    for (size_t i = 0; i < o->count; i++)
        fprintf(to, "darkscope_sensor_observed_seconds_total{sensor=\"%s\"} %.15g\n",
                o->sensors[i].sensor, (double)o->sensors[i].observed_ns / (double)DS_NS_PER_S);
}

/* A family of counters with a second label. */
static void print_family(FILE *to, const struct ds_observe *o, const char *name, const char *label,
                         const char *(*name_of)(unsigned), const uint64_t *first)
{
    size_t stride = (size_t)((const char *)first - (const char *)&o->sensors[0]);
    for (size_t i = 0; i < o->count; i++) {
        const char *const sensor = (const char *)&o->sensors[i];
        const uint64_t *values = (const uint64_t *)(const void *)(sensor + stride);
        for (unsigned k = 0; name_of(k); k++)
            fprintf(to, "darkscope_%s{sensor=\"%s\",%s=\"%s\"} %" PRIu64 "\n", name,
                    o->sensors[i].sensor, label, name_of(k), values[k]);
    }
}

static const char *outcome_name(unsigned outcome)
{
    static const char *const names[DS_OUTCOME_COUNT] = {[DS_OUTCOME_COMMITTED] = "committed",
                                                        [DS_OUTCOME_DUPLICATE] = "duplicate",
                                                        [DS_OUTCOME_REFUSED] = "refused",
                                                        [DS_OUTCOME_FAILED] = "failed"};
    return outcome < DS_OUTCOME_COUNT ? names[outcome] : NULL;
}

static void print_waiting(void *arg, const char *sensor, const struct ds_backlog_report *report)
{
    labelled(arg, "sensor_windows_waiting", "sensor", sensor, report->waiting);
}

static void print_lost(void *arg, const char *sensor, const struct ds_backlog_report *report)
{
    labelled(arg, "sensor_windows_lost", "sensor", sensor, report->lost);
}

static void print_merged(void *arg, const char *sensor, const struct ds_backlog_report *report)
{
    labelled(arg, "sensor_windows_merged", "sensor", sensor, report->merged);
}

/* Gauges: they begin anew with every run of a sensor, and go with it. */
static void print_backlogs(FILE *to, const struct ds_metrics *m, int64_t now_ns)
{
    head(to, "sensor_windows_waiting", "gauge",
         "Windows that a connected sensor has closed and that are not stored.");
    ds_receive_each_backlog(m->receive, now_ns, print_waiting, to);
    head(to, "sensor_windows_lost", "gauge",
         "Windows that a connected sensor has given up since it started.");
    ds_receive_each_backlog(m->receive, now_ns, print_lost, to);
    head(to, "sensor_windows_merged", "gauge",
         "Windows that became part of coarser ones in a connected sensor's full spool.");
    ds_receive_each_backlog(m->receive, now_ns, print_merged, to);
}

static void print_sensors(FILE *to, const struct ds_metrics *m, int64_t now_ns)
{
    const struct ds_observe *o = ds_receive_observe(m->receive);
    const struct ds_observed *s = &o->sensors[0];
    print_up(to, m, now_ns);
    print_times(to, o);
    print_backlogs(to, m, now_ns);
    head(to, "sensor_windows_total", "counter",
         "Windows delivered since the start, by what became "
         "of them.");
    print_family(to, o, "sensor_windows_total", "outcome", outcome_name, s->outcomes);
    head(to, "sensor_packets_total", "counter",
         "Packets of the windows stored since the start, by book; dropped_* never reached the "
         "sensor's counters.");
    print_family(to, o, "sensor_packets_total", "book", ds_book_name, s->books);
    head(to, "sensor_overflow_total", "counter",
         "What found no room in a sensor's tables, in the windows stored since the start.");
    print_family(to, o, "sensor_overflow_total", "table", ds_overflow_name, s->overflow);
    counter(to, "unlisted_windows_total",
            "Windows of sensors beyond the 256 that are told apart here.", o->beyond);
}

/* ---- the aggregator ---- */

static void print_network(FILE *to, const struct ds_metrics *m)
{
    struct ds_receive_stats s;
    ds_receive_read_stats(m->receive, &s);
    counter(to, "messages_received_total", "Messages from sensors.", s.received);
    head(to, "messages_failed_total", "counter", "Messages that came to nothing, by why.");
    labelled(to, "messages_failed_total", "why", "malformed", s.malformed);
    labelled(to, "messages_failed_total", "why", "refused", s.refused);
    labelled(to, "messages_failed_total", "why", "revoked", s.revoked);
    labelled(to, "messages_failed_total", "why", "unsent", s.unsent);
    head(to, "handshakes_total", "counter", "Connections with keys, by what became of them.");
    labelled(to, "handshakes_total", "outcome", "accepted", s.handshakes.accepted);
    labelled(to, "handshakes_total", "outcome", "refused", s.handshakes.refused);
    labelled(to, "handshakes_total", "outcome", "limited", s.handshakes.limited);
}

static void print_ingest(FILE *to, const struct ds_metrics *m)
{
    struct ds_ingest_health h;
    ds_ingest_read_health(m->ingest, &h);
    head(to, "windows_total", "counter", "Windows since the start, by what became of them.");
    labelled(to, "windows_total", "outcome", "committed", h.committed);
    labelled(to, "windows_total", "outcome", "duplicate", h.duplicates);
    labelled(to, "windows_total", "outcome", "refused", h.refused);
    labelled(to, "windows_total", "outcome", "failed", h.failures);
    gauge(to, "ingest_queue_windows", "Windows that wait for the store.", (double)h.depth);
    gauge(to, "ingest_queue_limit_windows", "At most.", DS_INGEST_QUEUE_MAX);
    gauge(to, "store_failing", "Did the last attempt to store a window fail?", h.is_failing);
    if (h.last_commit_s)
        gauge(to, "store_last_commit_timestamp_seconds", "When a window was last stored.",
              (double)h.last_commit_s);
}

static void print_store(FILE *to, const struct ds_metrics *m)
{
    const struct ds_metrics_store *s = &m->store;
    gauge(to, "store_readable", "Could the store's directory be looked at?", s->is_readable);
    if (!s->is_readable)
        return;
    head(to, "store_size_bytes", "gauge", "Files of the store, by kind.");
    for (size_t i = 0; i < DS_METRICS_KINDS; i++)
        labelled(to, "store_size_bytes", "kind", kinds[i], s->bytes[i]);
    head(to, "store_files", "gauge", "Files of the store, by kind.");
    for (size_t i = 0; i < DS_METRICS_KINDS; i++)
        labelled(to, "store_files", "kind", kinds[i], s->files[i]);
    gauge(to, "store_free_bytes", "Free on the store's file system for who is not root.",
          (double)s->free_bytes);
    gauge(to, "store_filesystem_size_bytes", "Size of the store's file system.",
          (double)s->size_bytes);
}

static void print_http(FILE *to, const struct ds_metrics *m)
{
    struct ds_serve_stats s;
    ds_serve_read_stats(m->serve, &s);
    head(to, "http_replies_total", "counter", "Replies over HTTP, by status.");
    for (size_t i = 0; i < DS_HTTP_STATUSES; i++)
        fprintf(to, "darkscope_http_replies_total{code=\"%d\"} %" PRIu64 "\n", ds_http_status(i),
                s.replies[i]);
    counter(to, "http_turned_away_total", "Connections beyond the bound.", s.turned_away);
    gauge(to, "query_queue_questions", "Questions that wait for a query thread.",
          (double)ds_answerer_depth(m->answerer));
    gauge(to, "query_queue_limit_questions", "At most.", DS_ANSWER_QUEUE_MAX);
}

char *ds_metrics_print(struct ds_metrics *m, int64_t now_ns)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *to = open_memstream(&text, &bytes);
    if (!to)
        return NULL;
    look_at_store(m, now_ns);
    head(to, "build_info", "gauge", "Always 1.");
    labelled(to, "build_info", "version", DARKSCOPE_VERSION, 1);
    gauge(to, "start_timestamp_seconds", "When the aggregator was started.", (double)m->started_s);
    print_sensors(to, m, now_ns);
    print_network(to, m);
    print_ingest(to, m);
    print_store(to, m);
    print_http(to, m);
    bool failed = ferror(to);
    if (fclose(to) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}
