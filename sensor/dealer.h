/* SPDX-License-Identifier: Apache-2.0
 *
 * The uplink's socket: a ZeroMQ DEALER that takes nothing while no peer is there, and tells when
 * the connection broke, which libzmq by itself would mend unseen. With keys it speaks CURVE. One
 * thread.
 */
#ifndef DARKSCOPE_DEALER_H
#define DARKSCOPE_DEALER_H

#include "darkscope/endpoint.h"
#include "darkscope/key.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ds_dealer {
    char endpoint[DS_ENDPOINT_MAX + 1];
    int retry_min_ms, retry_max_ms; /* libzmq's pauses between attempts to connect */
    void *context, *socket, *monitor;
    unsigned opened; /* times */
    bool has_keys;
    struct ds_key secret; /* its own; wiped by finish */
    char aggregator[DS_KEY_Z85 + 1];
};

/* What became of connections, the worst last. */
enum ds_dealer_news {
    DS_DEALER_QUIET,
    DS_DEALER_BROKE,
    DS_DEALER_NOT_LET_IN, /* handshake failed; libzmq may not try again by itself */
};

/* A message for which size bytes at data are borrowed during the call. */
typedef void ds_dealer_fn(void *arg, const void *data, size_t size);

/* endpoint is one that ds_endpoint_check accepts. In the clear until ds_dealer_set_keys. 0, or -1
 * with errno. */
int ds_dealer_init(struct ds_dealer *d, const char *endpoint, int64_t retry_min_ns,
                   int64_t retry_max_ns);
void ds_dealer_finish(struct ds_dealer *d); /* accepts one that was only zeroed */

/* From the next open on: its own secret key, and the public one that the aggregator must have. Both
 * are copied. */
void ds_dealer_set_keys(struct ds_dealer *d, const struct ds_key *secret,
                        const struct ds_key *aggregator);

/* Begins to connect, without waiting. 0, or -1 with errno. */
int ds_dealer_open(struct ds_dealer *d);
bool ds_dealer_is_open(const struct ds_dealer *d);

/* Closes; what is not sent yet may still go for so long, in the background and in finish. */
void ds_dealer_close(struct ds_dealer *d, int linger_ms);

/* Sends a message, in pieces if it is longer than DS_PIECE_MAX. False where no peer takes it now;
 * of pieces some may be on their way then, and the whole is to be sent again. */
bool ds_dealer_send(struct ds_dealer *d, const void *data, size_t size);

/* Waits for a message, a broken connection or, with wants_peer, a peer. Works while closed. */
void ds_dealer_wait(struct ds_dealer *d, bool wants_peer, int64_t timeout_ns);

/* What happened since the last call. */
enum ds_dealer_news ds_dealer_news(struct ds_dealer *d);

/* Hands over one message if there is one; false where there is none. each may close d. */
bool ds_dealer_receive(struct ds_dealer *d, ds_dealer_fn *each, void *arg);

#endif
