/* SPDX-License-Identifier: Apache-2.0
 *
 * To an aggregator on this machine, as sensors do (docs/protocol.md): every sensor has a
 * connection, greets, sends with a few windows on their way at once, and repeats what was not
 * acknowledged when it is told to come again. Unlike a sensor it has no spool and gives up when
 * nobody answers.
 */
#include "sink.h"

#include "../random.h"

#include "darkscope/clock.h"
#include "darkscope/endpoint.h"
#include "darkscope/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define IN_FLIGHT_MAX 4
#define PATIENCE_NS   (60 * DS_NS_PER_S) /* without any answer */
#define BUSY_NS       (DS_NS_PER_S / 5)  /* before what was refused is sent again */
#define PIECE_BYTES   (DS_PIECE_MAX - DS_PIECE_HEAD)
#define SOFTWARE      "darkscope-gen " DARKSCOPE_VERSION

struct flight {
    uint64_t sequence;
    unsigned char *bytes;
    size_t size;
};

struct connection {
    void *socket;
    char sensor[DS_NAME_MAX + 1];
    uint64_t boot;
    bool is_greeted; /* in this boot */
    bool is_busy;    /* told to come again */
    int64_t greeted_ns, heard_ns;
    struct flight flights[IN_FLIGHT_MAX];
    unsigned flight_count;
};

struct aggregator_sink {
    struct ds_gen_sink sink;
    const char *endpoint;
    uint64_t seed;
    void *context;
    struct connection *connections;
    unsigned count;
};

static int fail(const struct aggregator_sink *s, struct ds_error *err, const char *what,
                const char *detail)
{
    return ds_error(err, DS_NETWORK, "%s: %s%s", s->endpoint, what, detail);
}

/* ---- sending ---- */

static bool send_bytes(struct connection *c, const void *bytes, size_t size)
{
    int patience_ms = (int)(PATIENCE_NS / DS_NS_PER_MS);
    zmq_setsockopt(c->socket, ZMQ_SNDTIMEO, &patience_ms, sizeof patience_ms);
    return zmq_send(c->socket, bytes, size, 0) >= 0;
}

static bool send_encoded(struct connection *c, const struct ds_message *m)
{
    unsigned char *bytes;
    size_t size;
    if (ds_message_encode(m, &bytes, &size) < 0)
        return false;
    bool is_sent = send_bytes(c, bytes, size);
    free(bytes);
    return is_sent;
}

/* In pieces where it is long. */
static bool send_flight(struct connection *c, const struct flight *f)
{
    if (f->size <= DS_PIECE_MAX)
        return send_bytes(c, f->bytes, f->size);
    struct ds_message m = {.kind = DS_MESSAGE_PIECE, .piece = {.of = f->size}};
    for (; m.piece.at < f->size; m.piece.at += m.piece.size) {
        size_t left = f->size - m.piece.at;
        m.piece.size = left < PIECE_BYTES ? left : PIECE_BYTES;
        m.piece.bytes = f->bytes + m.piece.at;
        if (!send_encoded(c, &m))
            return false;
    }
    return true;
}

static int greet(struct aggregator_sink *s, struct connection *c, struct ds_error *err)
{
    struct ds_message m = {.kind = DS_MESSAGE_HELLO, .hello = {.boot = c->boot}};
    snprintf(m.hello.sensor, sizeof m.hello.sensor, "%s", c->sensor);
    snprintf(m.hello.software, sizeof m.hello.software, "%s", SOFTWARE);
    m.hello.monitored_digest = ds_gen_mix(s->seed);
    m.hello.clock_ns = ds_clock_utc_ns();
    c->greeted_ns = ds_clock_steady_ns();
    return send_encoded(c, &m) ? 0 : fail(s, err, "no aggregator takes connections there", "");
}

/* ---- answers ---- */

static void settle(struct connection *c, uint64_t sequence)
{
    for (unsigned i = 0; i < c->flight_count; i++) {
        if (c->flights[i].sequence != sequence)
            continue;
        free(c->flights[i].bytes);
        memmove(c->flights + i, c->flights + i + 1, (--c->flight_count - i) * sizeof c->flights[i]);
        return;
    }
}

static int take_answer(struct aggregator_sink *s, struct connection *c, const struct ds_message *m,
                       struct ds_error *err)
{
    c->heard_ns = ds_clock_steady_ns();
    switch (m->kind) {
    case DS_MESSAGE_WELCOME:
        c->is_greeted = true;
        return 0;
    case DS_MESSAGE_ACK:
        settle(c, m->sequence);
        return 0;
    case DS_MESSAGE_REFUSE:
        if (m->refusal != DS_REFUSAL_BUSY)
            return fail(s, err, "the aggregator refuses: ", m->reason);
        c->is_busy = true;
        return 0;
    default:
        return 0;
    }
}

/* Takes what is there. 0, or -1 with err. */
static int receive(struct aggregator_sink *s, struct connection *c, struct ds_error *err)
{
    zmq_msg_t part;
    int result = 0;
    zmq_msg_init(&part);
    while (result == 0 && zmq_msg_recv(&part, c->socket, ZMQ_DONTWAIT) >= 0) {
        struct ds_message m;
        if (ds_message_decode(&m, zmq_msg_data(&part), zmq_msg_size(&part), NULL) == DS_DECODE_OK)
            result = take_answer(s, c, &m, err);
        ds_message_finish(&m);
    }
    zmq_msg_close(&part);
    return result;
}

/* What is due without an answer: greetings, and what was refused for now. */
static int act(struct aggregator_sink *s, struct connection *c, struct ds_error *err)
{
    int64_t now_ns = ds_clock_steady_ns();
    if (now_ns - c->heard_ns > PATIENCE_NS)
        return fail(s, err, "the aggregator does not answer", "");
    if (now_ns - c->greeted_ns > DS_HEARTBEAT_S * DS_NS_PER_S && greet(s, c, err) < 0)
        return -1;
    if (!c->is_busy || now_ns - c->heard_ns < BUSY_NS)
        return 0;
    c->is_busy = false;
    for (unsigned i = 0; i < c->flight_count; i++)
        if (!send_flight(c, &c->flights[i]))
            return fail(s, err, "the aggregator takes nothing", "");
    return 0;
}

/* Until the connection is greeted and has at most so many windows on their way. */
static int wait_for(struct aggregator_sink *s, struct connection *c, unsigned in_flight,
                    struct ds_error *err)
{
    c->heard_ns = ds_clock_steady_ns();
    for (;;) {
        if (receive(s, c, err) < 0 || act(s, c, err) < 0)
            return -1;
        if (c->flight_count <= in_flight && c->is_greeted)
            return 0;
        zmq_pollitem_t item = {.socket = c->socket, .events = ZMQ_POLLIN};
        zmq_poll(&item, 1, (long)(BUSY_NS / DS_NS_PER_MS));
    }
}

/* ---- the table ---- */

static int open_connection(struct aggregator_sink *s, struct connection *c,
                           const struct ds_gen_message *m, struct ds_error *err)
{
    const int linger = 0, all = 0, immediate = 1;
    snprintf(c->sensor, sizeof c->sensor, "%s", m->sensor);
    c->socket = zmq_socket(s->context, ZMQ_DEALER);
    if (c->socket && zmq_setsockopt(c->socket, ZMQ_LINGER, &linger, sizeof linger) == 0 &&
        zmq_setsockopt(c->socket, ZMQ_SNDHWM, &all, sizeof all) == 0 &&
        zmq_setsockopt(c->socket, ZMQ_IMMEDIATE, &immediate, sizeof immediate) == 0 &&
        zmq_connect(c->socket, s->endpoint) == 0)
        return 0;
    return fail(s, err, "cannot connect: ", zmq_strerror(zmq_errno()));
}

/* A session in the message's boot. */
static int begin_session(struct aggregator_sink *s, struct connection *c,
                         const struct ds_gen_message *m, struct ds_error *err)
{
    if (!c->socket && open_connection(s, c, m, err) < 0)
        return -1;
    if (c->is_greeted && c->boot == m->boot)
        return 0;
    if (c->is_greeted && wait_for(s, c, 0, err) < 0)
        return -1;
    c->boot = m->boot;
    c->is_greeted = false;
    return greet(s, c, err) < 0 ? -1 : wait_for(s, c, 0, err);
}

static int send_message(struct ds_gen_sink *sink, const struct ds_gen_message *m,
                        struct ds_error *err)
{
    struct aggregator_sink *s = (struct aggregator_sink *)sink;
    struct connection *c = &s->connections[m->number];
    if (begin_session(s, c, m, err) < 0 || wait_for(s, c, IN_FLIGHT_MAX - 1, err) < 0)
        return -1;
    const struct ds_message message = {
        .kind = DS_MESSAGE_WINDOW, .sequence = m->sequence, .window = *m->window};
    struct flight *f = &c->flights[c->flight_count];
    if (ds_message_encode(&message, &f->bytes, &f->size) < 0)
        return ds_error(err, DS_FAILURE, "out of memory");
    f->sequence = m->sequence;
    c->flight_count++;
    return send_flight(c, f) ? 0 : fail(s, err, "the aggregator takes nothing", "");
}

static int finish(struct aggregator_sink *s, struct ds_error *err)
{
    for (unsigned i = 0; i < s->count; i++) {
        struct connection *c = &s->connections[i];
        const struct ds_message bye = {.kind = DS_MESSAGE_BYE};
        if (c->socket && (wait_for(s, c, 0, err) < 0 || !send_encoded(c, &bye)))
            return -1;
    }
    return 0;
}

static int close_aggregator(struct ds_gen_sink *sink, struct ds_error *err)
{
    struct aggregator_sink *s = (struct aggregator_sink *)sink;
    const int linger_ms = 500; /* of goodbyes */
    int result = err ? finish(s, err) : 0;
    for (unsigned i = 0; i < s->count; i++) {
        struct connection *c = &s->connections[i];
        for (unsigned k = 0; k < c->flight_count; k++)
            free(c->flights[k].bytes);
        if (!c->socket)
            continue;
        zmq_setsockopt(c->socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
        zmq_close(c->socket);
    }
    zmq_ctx_term(s->context);
    free(s->connections);
    free(s);
    return result;
}

int ds_gen_sink_aggregator(const char *endpoint, unsigned sensors, uint64_t seed,
                           struct ds_gen_sink **out, struct ds_error *err)
{
    static const struct ds_gen_sink_ops ops = {.send = send_message, .close = close_aggregator};
    if (ds_endpoint_check("--aggregator", endpoint, false, err) < 0)
        return -1;
    struct aggregator_sink *s = calloc(1, sizeof *s);
    struct connection *connections = calloc(sensors, sizeof *connections);
    void *context = zmq_ctx_new();
    if (!s || !connections || !context) {
        free(s);
        free(connections);
        if (context)
            zmq_ctx_term(context);
        return ds_error(err, DS_FAILURE, "out of memory");
    }
    *s = (struct aggregator_sink){.sink = {&ops},
                                  .endpoint = endpoint,
                                  .seed = seed,
                                  .context = context,
                                  .connections = connections,
                                  .count = sensors};
    *out = &s->sink;
    return 0;
}
