/* SPDX-License-Identifier: Apache-2.0
 *
 * The web side and the event loop of the network thread, which libwebsockets runs: HTTP/1.1, GET
 * and HEAD only, no request bodies, bounded in connections, sizes and time. Beyond loopback it
 * binds only with TLS and a token. Without a token it refuses requests whose Host is not this
 * machine: a web page elsewhere must not read it by DNS rebinding. What a page of another site asks
 * for is refused. All functions on the network
 * thread.
 */
#ifndef DARKSCOPE_SERVE_H
#define DARKSCOPE_SERVE_H

#include "answer.h"
#include "assets.h"
#include "live.h"

#define DS_HTTP_CONNECTIONS_MAX 128
#define DS_HTTP_HEADER_MAX      16384 /* bytes of a request's line and headers; then it is cut off */
#define DS_HTTP_URI_MAX         2048  /* bytes of path and query string, decoded */
#define DS_HTTP_ARGUMENTS_MAX   32
#define DS_HTTP_HEADER_S        10 /* a request's headers must be there by then */
#define DS_HTTP_IDLE_S          30 /* a connection without a request is closed then */
#define DS_HTTP_ANSWER_S        60 /* for a question to be answered, and a client to read it */

#define DS_HTTP_STATUSES 12

struct ds_serve;

/* Since the start. */
struct ds_serve_stats {
    uint64_t replies[DS_HTTP_STATUSES]; /* by ds_http_status */
    uint64_t turned_away;               /* connections beyond the bound */
};

/* The i-th status that is ever replied. */
int ds_http_status(size_t i);

struct ds_serve_settings {
    const char *address;           /* one that ds_endpoint_parse_http accepts */
    const char *certificate, *key; /* PEM files of TLS; NULL: in the clear */
    const char *token;             /* that all but the page must show; empty: none */
    struct ds_answerer *answerer;
    /* The body of /healthz, a new reference; *is_well decides between 200 and 503. */
    json_t *(*health)(void *arg, bool *is_well);
    /* The body of /metrics, to be freed; NULL without memory. */
    char *(*metrics)(void *arg);
    void *arg;
    const struct ds_assets *assets; /* the page; borrowed until destroy */
    const struct ds_live *live;     /* NULL: nobody can listen */
};

/* answerer is borrowed until destroy. 0, or -1 with err (DS_NETWORK: port in use). */
int ds_serve_create(const struct ds_serve_settings *settings, struct ds_serve **out,
                    struct ds_error *err);
void ds_serve_destroy(struct ds_serve *s); /* accepts NULL */

void ds_serve_read_stats(const struct ds_serve *s, struct ds_serve_stats *out);

/* "http://127.0.0.1:7180", with the kernel's port. */
const char *ds_serve_url(const struct ds_serve *s);

/* Ends a wait in ds_serve_round whenever fd is readable. fd stays the caller's, but must not be
 * closed before ds_serve_destroy. 0, or -1 with err. */
int ds_serve_watch(struct ds_serve *s, int fd, struct ds_error *err);

/* A frame of the live feed for all who listen; a ds_live_fn, whose arg is the struct ds_serve. */
void ds_serve_show(void *serve, const unsigned char *frame, size_t size, unsigned messages);

/* One round of the loop: waits for something to happen (not at all if is_busy) and serves it. */
void ds_serve_round(struct ds_serve *s, bool is_busy);

#endif
