/* SPDX-License-Identifier: Apache-2.0 */
#include "dealer.h"

#include "darkscope/clock.h"
#include "darkscope/message.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

/* More than the uplink ever has in flight: its windows, each as long as can be. */
#define SEND_HWM     (16 * (DS_MESSAGE_MAX / PIECE_BYTES + 1))
#define PIECE_BYTES  (DS_PIECE_MAX - DS_PIECE_HEAD)
#define ANSWER_BYTES 4096 /* of a message from the aggregator, at most */
#define NOT_LET_IN   (ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
#define CUT_SHORT    ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL

int ds_dealer_init(struct ds_dealer *d, const char *endpoint, int64_t retry_min_ns,
                   int64_t retry_max_ns)
{
    *d = (struct ds_dealer){.retry_min_ms = (int)(retry_min_ns / DS_NS_PER_MS),
                            .retry_max_ms = (int)(retry_max_ns / DS_NS_PER_MS)};
    snprintf(d->endpoint, sizeof d->endpoint, "%s", endpoint);
    d->context = zmq_ctx_new();
    return d->context ? 0 : -1;
}

void ds_dealer_finish(struct ds_dealer *d)
{
    ds_dealer_close(d, 0);
    if (d->context)
        zmq_ctx_term(d->context);
    d->context = NULL;
    ds_key_wipe(&d->secret);
}

void ds_dealer_set_keys(struct ds_dealer *d, const struct ds_key *secret,
                        const struct ds_key *aggregator)
{
    d->has_keys = true;
    d->secret = *secret;
    memcpy(d->aggregator, aggregator->z85, sizeof d->aggregator);
}

/* ZMQ_IMMEDIATE: nothing is queued for a peer that is not there. */
static int set_options(const struct ds_dealer *d)
{
    const struct {
        int name, value;
    } options[] = {
        {ZMQ_IMMEDIATE, 1},
        {ZMQ_LINGER, 0},
        {ZMQ_SNDHWM, SEND_HWM},
        {ZMQ_IPV6, strchr(d->endpoint, '[') != NULL},
        {ZMQ_RECONNECT_IVL, d->retry_min_ms},
        {ZMQ_RECONNECT_IVL_MAX, d->retry_max_ms},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (zmq_setsockopt(d->socket, options[i].name, &options[i].value, sizeof(int)) < 0)
            return -1;
    int64_t answer_max = ANSWER_BYTES;
    return zmq_setsockopt(d->socket, ZMQ_MAXMSGSIZE, &answer_max, sizeof answer_max);
}

static int set_keys(const struct ds_dealer *d)
{
    char public[DS_KEY_Z85 + 1];
    if (!d->has_keys)
        return 0;
    if (zmq_curve_public(public, d->secret.z85) < 0 ||
        zmq_setsockopt(d->socket, ZMQ_CURVE_PUBLICKEY, public, sizeof public) < 0 ||
        zmq_setsockopt(d->socket, ZMQ_CURVE_SECRETKEY, d->secret.z85, sizeof d->secret.z85) < 0)
        return -1;
    return zmq_setsockopt(d->socket, ZMQ_CURVE_SERVERKEY, d->aggregator, sizeof d->aggregator);
}

static int open_monitor(struct ds_dealer *d)
{
    /* libzmq gives a name free only some time after its socket was closed. */
    char name[32];
    snprintf(name, sizeof name, "inproc://monitor-%u", d->opened++);
    if (zmq_socket_monitor(d->socket, name, ZMQ_EVENT_DISCONNECTED | NOT_LET_IN | CUT_SHORT) < 0)
        return -1;
    d->monitor = zmq_socket(d->context, ZMQ_PAIR);
    return d->monitor ? zmq_connect(d->monitor, name) : -1;
}

int ds_dealer_open(struct ds_dealer *d)
{
    d->socket = zmq_socket(d->context, ZMQ_DEALER);
    if (d->socket && set_options(d) == 0 && set_keys(d) == 0 && open_monitor(d) == 0 &&
        zmq_connect(d->socket, d->endpoint) == 0)
        return 0;
    ds_dealer_close(d, 0);
    return -1;
}

bool ds_dealer_is_open(const struct ds_dealer *d)
{
    return d->socket != NULL;
}

void ds_dealer_close(struct ds_dealer *d, int linger_ms)
{
    if (d->socket) {
        zmq_setsockopt(d->socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
        zmq_socket_monitor(d->socket, NULL, 0);
        zmq_close(d->socket);
    }
    if (d->monitor)
        zmq_close(d->monitor);
    d->socket = d->monitor = NULL;
}

static bool send_piece(struct ds_dealer *d, const struct ds_piece *piece)
{
    const struct ds_message m = {.kind = DS_MESSAGE_PIECE, .piece = *piece};
    unsigned char *bytes;
    size_t size;
    if (ds_message_encode(&m, &bytes, &size) < 0)
        return false;
    bool is_sent = zmq_send(d->socket, bytes, size, ZMQ_DONTWAIT) >= 0;
    free(bytes);
    return is_sent;
}

bool ds_dealer_send(struct ds_dealer *d, const void *data, size_t size)
{
    if (!d->socket)
        return false;
    if (size <= DS_PIECE_MAX)
        return zmq_send(d->socket, data, size, ZMQ_DONTWAIT) >= 0;
    struct ds_piece piece = {.of = size, .bytes = data};
    for (; piece.at < size; piece.at += piece.size, piece.bytes += piece.size) {
        size_t left = size - piece.at;
        piece.size = left < PIECE_BYTES ? left : PIECE_BYTES;
        if (!send_piece(d, &piece))
            return false;
    }
    return true;
}

void ds_dealer_wait(struct ds_dealer *d, bool wants_peer, int64_t timeout_ns)
{
    /* Rounded up, or the last millisecond before a deadline would be spent spinning. */
    int64_t timeout_ms = (timeout_ns + DS_NS_PER_MS - 1) / DS_NS_PER_MS;
    zmq_pollitem_t items[] = {
        {.socket = d->socket,
         .events = (short)(wants_peer ? ZMQ_POLLIN | ZMQ_POLLOUT : ZMQ_POLLIN)},
        {.socket = d->monitor, .events = ZMQ_POLLIN},
    };
    zmq_poll(items, d->socket ? 2 : 0, timeout_ms > INT_MAX ? INT_MAX : (long)timeout_ms);
}

/* Takes one message of the monitor: its event, from the first part; 0 where there is none. */
static unsigned next_event(void *monitor)
{
    zmq_msg_t part;
    uint16_t event = 0;
    bool more = true;
    while (more) {
        zmq_msg_init(&part);
        more = zmq_msg_recv(&part, monitor, ZMQ_DONTWAIT) >= 0;
        if (more && event == 0 && zmq_msg_size(&part) >= sizeof event)
            memcpy(&event, zmq_msg_data(&part), sizeof event);
        more = more && zmq_msg_more(&part);
        zmq_msg_close(&part);
    }
    return event;
}

enum ds_dealer_news ds_dealer_news(struct ds_dealer *d)
{
    enum ds_dealer_news news = DS_DEALER_QUIET;
    /* Who cannot read our greeting, for it has another key, hangs up on us. */
    unsigned event, not_let_in = d->has_keys ? NOT_LET_IN | CUT_SHORT : NOT_LET_IN;
    while (d->monitor && (event = next_event(d->monitor)))
        if (news != DS_DEALER_NOT_LET_IN)
            news = event & not_let_in ? DS_DEALER_NOT_LET_IN : DS_DEALER_BROKE;
    return news;
}

bool ds_dealer_receive(struct ds_dealer *d, ds_dealer_fn *each, void *arg)
{
    if (!d->socket)
        return false;
    zmq_msg_t message;
    zmq_msg_init(&message);
    bool is_there = zmq_msg_recv(&message, d->socket, ZMQ_DONTWAIT) >= 0;
    if (is_there)
        each(arg, zmq_msg_data(&message), zmq_msg_size(&message));
    zmq_msg_close(&message);
    return is_there;
}
