/* SPDX-License-Identifier: Apache-2.0 */
#include "dealer.h"

#include "darkscope/clock.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#define SEND_HWM     16   /* more than the uplink ever has in flight */
#define ANSWER_BYTES 4096 /* of a message from the aggregator, at most */

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

static int open_monitor(struct ds_dealer *d)
{
    /* libzmq gives a name free only some time after its socket was closed. */
    char name[32];
    snprintf(name, sizeof name, "inproc://monitor-%u", d->opened++);
    if (zmq_socket_monitor(d->socket, name, ZMQ_EVENT_DISCONNECTED) < 0)
        return -1;
    d->monitor = zmq_socket(d->context, ZMQ_PAIR);
    return d->monitor ? zmq_connect(d->monitor, name) : -1;
}

int ds_dealer_open(struct ds_dealer *d)
{
    d->socket = zmq_socket(d->context, ZMQ_DEALER);
    if (d->socket && set_options(d) == 0 && open_monitor(d) == 0 &&
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

bool ds_dealer_send(struct ds_dealer *d, const void *data, size_t size)
{
    return d->socket && zmq_send(d->socket, data, size, ZMQ_DONTWAIT) >= 0;
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

/* Drops all parts of one message. */
static bool skip_message(void *socket)
{
    zmq_msg_t part;
    bool is_there = false, more = true;
    while (more) {
        zmq_msg_init(&part);
        more = zmq_msg_recv(&part, socket, ZMQ_DONTWAIT) >= 0;
        is_there |= more;
        more = more && zmq_msg_more(&part);
        zmq_msg_close(&part);
    }
    return is_there;
}

bool ds_dealer_broke(struct ds_dealer *d)
{
    bool broke = false;
    while (d->monitor && skip_message(d->monitor))
        broke = true;
    return broke;
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
