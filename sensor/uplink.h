/* SPDX-License-Identifier: Apache-2.0
 *
 * Brings closed windows to the aggregator: each is kept, encoded, in a spool on disk or in memory
 * until the aggregator says that it is committed, and sent again after every doubt, so that it
 * arrives once in effect. What an earlier run left in the spool goes first, by the names that it
 * had. At the bounds the oldest windows are dropped, counted and said to be.
 *
 * All functions of one uplink on one thread, the uplink thread. Nothing blocks but
 * ds_uplink_service, ds_uplink_await_room and ds_uplink_finish, as long as they say.
 */
#ifndef DARKSCOPE_UPLINK_H
#define DARKSCOPE_UPLINK_H

#include "darkscope/error.h"
#include "darkscope/key.h"
#include "darkscope/limits.h"
#include "darkscope/window.h"

#include <stdatomic.h>
#include <stdint.h>

#define DS_UPLINK_QUEUE_BYTES   ((size_t)256 << 20) /* default: about 14 hours of a /16 */
#define DS_UPLINK_QUEUE_WINDOWS 65536               /* and never more windows than this */
#define DS_UPLINK_IN_FLIGHT     4                   /* sent and not yet acknowledged */
/* There is room while no more windows wait than this, in no more than a quarter of the bytes. */
#define DS_UPLINK_ROOM_WINDOWS  64

struct ds_uplink;

/* How long to wait for what; tests shorten them. */
struct ds_uplink_timing {
    int64_t answer_ns;    /* silence after which the connection is made anew */
    int64_t ack_ns;       /* after which a window is sent again */
    int64_t retry_min_ns; /* first pause after a failure; doubles up to the next */
    int64_t retry_max_ns;
    int64_t refused_ns; /* pause after "wrong version" and "name in use" */
    int64_t heartbeat_ns;
};
extern const struct ds_uplink_timing ds_uplink_timing_default;

struct ds_uplink_settings {
    const char *endpoint;                      /* one that ds_endpoint_check accepts */
    const char *sensor;                        /* its name, as in limits.h */
    const struct ds_key *key, *aggregator_key; /* as for ds_dealer_set_keys; NULL: in the clear */
    uint64_t monitored_digest;
    uint64_t boot;      /* the same for the same windows in the same order; 0: random */
    size_t queue_bytes; /* in memory; 0: DS_UPLINK_QUEUE_BYTES */
    const char *spool;  /* a directory, with boot 0; NULL: none */
    uint64_t spool_bytes;
    const struct ds_uplink_timing *timing; /* NULL: the default */
};

/* In windows since the start. found + accepted = acknowledged + dropped + refused + lost + merged +
 * waiting. */
struct ds_uplink_stats {
    uint64_t found;        /* in the spool, of earlier runs */
    uint64_t accepted;     /* given to ds_uplink_send */
    uint64_t acknowledged; /* committed by the aggregator */
    uint64_t dropped;      /* oldest of a full queue, or larger than a message may be */
    uint64_t refused;      /* by the aggregator, as malformed */
    uint64_t lost;         /* in the spool, which could not give them back */
    uint64_t merged;       /* became part of others, as the spool was full */
    uint64_t waiting;      /* in the queue now, */
    uint64_t in_memory;    /* of these, not in a spool */
    uint64_t resent;       /* transmissions beyond the first of each window */
    bool is_connected;     /* the aggregator answers */
    /* Why the aggregator takes nothing; empty since it took something. */
    char refusal[DS_REASON_MAX + 1];
};

/* The settings' strings are copied. Does not wait for the aggregator. 0, or -1 with err. */
int ds_uplink_create(const struct ds_uplink_settings *settings, struct ds_uplink **out,
                     struct ds_error *err);

/* Frees; windows still waiting are lost unless they are in the spool. Accepts NULL. */
void ds_uplink_destroy(struct ds_uplink *u);

/* Queues a window; its arrays are taken and freed in any case. 0, or -1 without memory (the window
 * is then counted as dropped). */
int ds_uplink_send(struct ds_uplink *u, struct ds_window *window);

/* Sends and receives what is due; waits for at most timeout_ms for something to do, 0 not at all.
 * To be called again and again, also without windows: it keeps the sensor's name alive. */
void ds_uplink_service(struct ds_uplink *u, int timeout_ms);

/* Delivers until there is room in the queue (in the spool, if it works) or *stop is true, for one
 * who can wait with the next window. False where the aggregator has taken nothing for patience_ms.
 * While it says that another sensor has the name, which may be an earlier run that crashed, it has
 * time to find that out. */
bool ds_uplink_await_room(struct ds_uplink *u, int patience_ms, const atomic_bool *stop);

/* Delivers all that is queued, with the same patience, and says BYE. Returns the number of windows
 * that are not delivered. Only ds_uplink_read_stats and ds_uplink_destroy may follow. */
uint64_t ds_uplink_finish(struct ds_uplink *u, int patience_ms);

void ds_uplink_read_stats(const struct ds_uplink *u, struct ds_uplink_stats *out);

#endif
