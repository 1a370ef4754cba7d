/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread that sends what the samplers draw to the aggregator, for its live view
 * (docs/live-feed.md): a ZeroMQ PUB socket of its own, so that a picture never delays a window.
 * What finds nobody, or no room, is lost.
 */
#ifndef DARKSCOPE_FEED_H
#define DARKSCOPE_FEED_H

#include "darkscope/error.h"
#include "darkscope/key.h"
#include "sampler.h"

struct ds_feed_settings {
    const char *endpoint;                      /* one that ds_endpoint_check accepts */
    const char *sensor;                        /* borrowed until the end, as the samplers */
    const struct ds_key *key, *aggregator_key; /* NULL: in the clear; used here only */
    struct ds_sampler *const *samplers;        /* copied */
    unsigned count;
};

struct ds_feed;

/* Starts the thread. 0, or -1 with err. */
int ds_feed_start(const struct ds_feed_settings *settings, struct ds_feed **out,
                  struct ds_error *err);

/* Sends what is there, ends the thread and frees. Accepts NULL. */
void ds_feed_stop(struct ds_feed *f);

#endif
