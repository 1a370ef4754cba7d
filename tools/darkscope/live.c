/* SPDX-License-Identifier: Apache-2.0
 *
 * darkscope live: prints the live feed (docs/live-feed.md) until Ctrl-C, a line a packet and a line
 * a second.
 */
#include "darkscope/live.h"

#include "cursor.h"
#include "darkscope/endpoint.h"
#include "darkscope/text.h"
#include "options.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#define DEFAULT_ENDPOINT "tcp://127.0.0.1:7102"
#define RECEIVE_HWM      256
#define CLOCK_TEXT       16

/* Ctrl-C as a descriptor. -1 with errno. */
static int take_signals(void)
{
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    return signalfd(-1, &ends, SFD_CLOEXEC);
}

static void print_clock(int64_t time_ms, char out[static CLOCK_TEXT])
{
    int64_t seconds = time_ms / 1000;
    time_t time = (time_t)seconds;
    struct tm tm;
    out[0] = 0;
    if (gmtime_r(&time, &tm))
        snprintf(out, CLOCK_TEXT, "%02d:%02d:%02d.%03d", tm.tm_hour, tm.tm_min, tm.tm_sec,
                 (int)(time_ms - seconds * 1000));
}

static void print_sample(const struct ds_live_message *m, const struct ds_sample *s)
{
    char clock[CLOCK_TEXT], country[3], proto[8], source[24] = "IPv6";
    print_clock(m->time + s->offset_ms, clock);
    if (s->source)
        snprintf(source, sizeof source, "%u.%u.%u.x", s->source >> 24, s->source >> 16 & 255,
                 s->source >> 8 & 255);
    printf("%s  %-10s  %s  %15s:%-5u -> %5u/%-5s", clock, ds_type_name(s->type),
           ds_country_name(s->country, country), source, s->source_port, s->port,
           ds_proto_name(s->proto, proto));
    if (s->weight > 1)
        printf("  x%" PRIu32, s->weight);
    for (unsigned i = 0; i < m->mark_count; i++)
        if (s->signatures & UINT32_C(1) << i)
            printf("  %s", m->marks[i]);
    putchar('\n');
}

static void print_message(const struct ds_live_message *m)
{
    char clock[CLOCK_TEXT];
    for (size_t i = 0; i < m->rows; i++)
        print_sample(m, &m->samples[i]);
    if (!m->is_pulse)
        return;
    print_clock(m->time * 1000, clock);
    printf("%s  -- %s: %" PRIu64 " packets in this second, %" PRIu64 " of them shown\n", clock,
           m->sensor, m->packets, m->sampled);
}

/* A frame is an array of messages; kinds that this program does not know are passed over. */
static void print_frame(const void *bytes, size_t size)
{
    struct ds_live_message m;
    struct ds_cursor c;
    ds_cursor_init(&c, bytes, size);
    for (uint32_t left = ds_cursor_array(&c, UINT32_MAX); left > 0 && !c.failed; left--) {
        const uint8_t *start = c.at;
        ds_cursor_skip(&c);
        if (!c.failed && !ds_live_decode(start, (size_t)(c.at - start), &m))
            print_message(&m);
    }
}

/* All frames that are there. */
static void print_frames(void *socket)
{
    zmq_msg_t message;
    for (bool is_there = true; is_there;) {
        zmq_msg_init(&message);
        is_there = zmq_msg_recv(&message, socket, ZMQ_DONTWAIT) >= 0;
        if (is_there)
            print_frame(zmq_msg_data(&message), zmq_msg_size(&message));
        zmq_msg_close(&message);
    }
}

static int follow(void *socket, int signals, struct ds_error *err)
{
    zmq_pollitem_t items[] = {
        {.socket = socket, .events = ZMQ_POLLIN},
        {.fd = signals, .events = ZMQ_POLLIN},
    };
    while (!items[1].revents) {
        if (zmq_poll(items, 2, -1) < 0 && errno != EINTR)
            return ds_error(err, DS_NETWORK, "live: %s", zmq_strerror(errno));
        print_frames(socket);
        if (fflush(stdout) != 0)
            return ds_error(err, DS_FAILURE, "live: standard output cannot be written");
    }
    return 0;
}

static int run(const struct options *o, struct ds_error *err)
{
    const char *endpoint = o->word_count ? o->words[0] : DEFAULT_ENDPOINT;
    const int hwm = RECEIVE_HWM;
    if (o->word_count > 1)
        return ds_error(err, DS_USAGE, "live: takes one endpoint, such as " DEFAULT_ENDPOINT);
    if (ds_endpoint_check("live", endpoint, false, err))
        return -1;
    int signals = take_signals(); /* before libzmq makes threads */
    void *context = zmq_ctx_new();
    void *socket = context ? zmq_socket(context, ZMQ_SUB) : NULL;
    int failed =
        signals < 0 || !socket || zmq_setsockopt(socket, ZMQ_RCVHWM, &hwm, sizeof hwm) < 0 ||
        zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0) < 0 || zmq_connect(socket, endpoint) < 0;
    failed = failed ? ds_error(err, DS_NETWORK, "live: %s: %s", endpoint, zmq_strerror(errno))
                    : follow(socket, signals, err);
    if (signals >= 0)
        close(signals);
    if (socket)
        zmq_close(socket);
    if (context)
        zmq_ctx_term(context);
    return failed;
}

const struct command command_live = {
    .name = "live",
    .summary = "packets as they arrive",
    .help =
        "  darkscope live [ENDPOINT]\n"
        "\n"
        "Prints the live feed of the aggregator on this machine, a line a packet that is shown\n"
        "and a line a second with the exact number, until Ctrl-C. ENDPOINT is live.publish of\n"
        "the aggregator's configuration, by default " DEFAULT_ENDPOINT ".\n",
    .run = run,
};
