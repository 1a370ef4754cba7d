/* SPDX-License-Identifier: Apache-2.0
 *
 * One HTTP request: may its client ask, what is asked, who answers. Used by serve.c only; network
 * thread.
 */
#ifndef DARKSCOPE_REQUEST_H
#define DARKSCOPE_REQUEST_H

#include "reply.h"
#include "serve.h"

#define DS_REQUEST_TAGS_MAX 511 /* bytes of If-None-Match; a longer one counts as absent */

/* libwebsockets keeps one zeroed for each connection; a connection has one request at a time. */
struct ds_request {
    struct ds_reply reply;
    struct ds_question *question; /* at the query threads; NULL: none */
    bool takes_gzip;
    char tags[DS_REQUEST_TAGS_MAX + 1]; /* If-None-Match; empty: none */
};

/* A request's headers are complete. Returns what libwebsockets' callback is to return: 0, or
 * nonzero to close the connection. */
int ds_request_begin(struct ds_request *q, struct lws *wsi,
                     const struct ds_serve_settings *settings, struct ds_serve_stats *stats);

/* The connection takes more. Returns the same. */
int ds_request_write(struct ds_request *q);

/* There may be news of its question. */
void ds_request_look(struct ds_request *q);

/* May a WebSocket be opened by this request? Where it asks for /live, from a page of this server or
 * from no page. 0, or the status that refuses it. */
int ds_request_may_listen(struct lws *wsi, const struct ds_serve_settings *settings);

/* Does it show the token, where one is wanted? A browser cannot: it says it when it is connected.
 */
bool ds_request_shows_token(struct lws *wsi, const struct ds_serve_settings *settings);

/* What it says then: is it the token? */
bool ds_request_is_token(const struct ds_serve_settings *settings, const char *said, size_t bytes);

/* The connection goes, or the reply is complete. */
void ds_request_end(struct ds_request *q);

#endif
