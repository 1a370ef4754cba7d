/* SPDX-License-Identifier: Apache-2.0
 *
 * WebSockets that listen to the live feed. A frame is kept once, whatever the number of listeners;
 * who has not taken two frames yet misses the next ones and is told how many messages those were.
 * What listeners send is thrown away. Used by serve.c; network thread.
 */
#ifndef DARKSCOPE_LISTENER_H
#define DARKSCOPE_LISTENER_H

#include "live.h"

#include <libwebsockets.h>

#define DS_LISTENERS_MAX    64
#define DS_LISTENER_WAITING 2 /* frames that one may not have taken yet */

struct ds_listener_frame;

/* libwebsockets keeps one zeroed for each connection. */
struct ds_listener {
    struct lws *wsi;
    struct ds_listener *next; /* in ds_listeners.first */
    struct ds_listener_frame *waiting[DS_LISTENER_WAITING];
    unsigned count;
    uint64_t missed; /* messages, to be told of */
};

struct ds_listeners {
    struct ds_listener *first;
    unsigned count;
    uint64_t missed; /* messages, of all listeners since the start */
};

/* One more, who is greeted. Nonzero where there is no room: the connection is to be closed. */
int ds_listener_open(struct ds_listeners *all, struct ds_listener *one, struct lws *wsi,
                     const struct ds_live *live);
void ds_listener_close(struct ds_listeners *all, struct ds_listener *one);

/* The connection takes a frame. What libwebsockets' callback is to return. */
int ds_listener_write(struct ds_listener *one);

/* A frame for all; a ds_live_fn, whose arg is the struct ds_listeners. */
void ds_listeners_show(void *all, const unsigned char *bytes, size_t size, unsigned messages);

#endif
