/* SPDX-License-Identifier: Apache-2.0
 *
 * The live feed in the aggregator: takes samples and pulses of sensors from a ZeroMQ SUB socket,
 * checks them, gathers them for a twentieth of a second, and shows them to listeners (WebSockets)
 * and to a PUB socket for other visualizers (docs/live-feed.md). Nothing is stored, and nobody
 * waits: who is slow misses some. All functions on the network thread.
 */
#ifndef DARKSCOPE_AGGREGATOR_LIVE_H
#define DARKSCOPE_AGGREGATOR_LIVE_H

#include "darkscope/live.h"
#include "receive.h"

/* Bytes of one frame: the array's head and what was gathered; more of a moment is dropped and
 * counted. */
#define DS_LIVE_FRAME_MAX   (1u << 20)
#define DS_LIVE_FRAMES_HEAD 5 /* of a msgpack array of any length */

/* Since the start, in messages of sensors. */
struct ds_live_stats {
    uint64_t received;
    uint64_t malformed; /* or of another name than that of its key */
    uint64_t dropped;   /* found no room in a frame */
};

struct ds_live;

struct ds_live_settings {
    const char *endpoint;       /* where sensors send; one that ds_endpoint_check accepts */
    const char *publish;        /* where other visualizers listen, on this machine; NULL: nowhere */
    const struct ds_key *key;   /* of the aggregator, used here only; NULL: in the clear */
    struct ds_receive *receive; /* borrowed until destroy */
    struct ds_live_place place; /* borrowed */
    const char *attribution;    /* of the country database; borrowed; NULL: none */
};

/* 0, or -1 with err (DS_NETWORK: in use; DS_PERMISSION; DS_CONFIG). */
int ds_live_create(const struct ds_live_settings *settings, struct ds_live **out,
                   struct ds_error *err);
void ds_live_destroy(struct ds_live *l); /* accepts NULL; before that of receive */

const char *ds_live_endpoint(const struct ds_live *l);

/* Both to be watched: the first at the edge, see ds_receive_fd; the second is the clock that ends a
 * frame, and only runs while there is one. */
int ds_live_fd(const struct ds_live *l);
int ds_live_timer_fd(const struct ds_live *l);

/* Takes a bounded number of messages. When a frame is complete each is called with it: size bytes,
 * an array of messages, borrowed. True where there may be more messages. */
typedef void ds_live_fn(void *arg, const unsigned char *frame, size_t size, unsigned messages);
bool ds_live_service(struct ds_live *l, int64_t now_ns, ds_live_fn *each, void *arg);

/* Frames of one message, for one listener; the caller frees *out. 0, or -1 without memory. */
int ds_live_make_hello(const struct ds_live *l, unsigned char **out, size_t *size);
int ds_live_make_skipped(uint64_t messages, unsigned char **out, size_t *size);

void ds_live_read_stats(const struct ds_live *l, struct ds_live_stats *out);

#endif
