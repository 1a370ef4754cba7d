/* SPDX-License-Identifier: Apache-2.0
 *
 * The uplink's socket: a ZeroMQ DEALER that takes nothing while no peer is there, and tells when
 * the connection broke, which libzmq by itself would mend unseen. One thread.
 */
#ifndef DARKSCOPE_DEALER_H
#define DARKSCOPE_DEALER_H

#include "darkscope/endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ds_dealer {
    char endpoint[DS_ENDPOINT_MAX + 1];
    int retry_min_ms, retry_max_ms; /* libzmq's pauses between attempts to connect */
    void *context, *socket, *monitor;
    unsigned opened; /* times */
};

/* A message for which size bytes at data are borrowed during the call. */
typedef void ds_dealer_fn(void *arg, const void *data, size_t size);

/* endpoint is one that ds_endpoint_check accepts. 0, or -1 with errno. */
int ds_dealer_init(struct ds_dealer *d, const char *endpoint, int64_t retry_min_ns,
                   int64_t retry_max_ns);
void ds_dealer_finish(struct ds_dealer *d); /* accepts one that was only zeroed */

/* Begins to connect, without waiting. 0, or -1 with errno. */
int ds_dealer_open(struct ds_dealer *d);
bool ds_dealer_is_open(const struct ds_dealer *d);

/* Closes; what is not sent yet may still go for so long, in the background and in finish. */
void ds_dealer_close(struct ds_dealer *d, int linger_ms);

/* False where no peer takes it now. */
bool ds_dealer_send(struct ds_dealer *d, const void *data, size_t size);

/* Waits for a message, a broken connection or, with wants_peer, a peer. Works while closed. */
void ds_dealer_wait(struct ds_dealer *d, bool wants_peer, int64_t timeout_ns);

/* Did a connection break since the last call? */
bool ds_dealer_broke(struct ds_dealer *d);

/* Hands over one message if there is one; false where there is none. each may close d. */
bool ds_dealer_receive(struct ds_dealer *d, ds_dealer_fn *each, void *arg);

#endif
