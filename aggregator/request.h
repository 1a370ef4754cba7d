/* SPDX-License-Identifier: Apache-2.0
 *
 * One HTTP request: what is asked, who answers, and the writing of the reply in pieces. Used by
 * serve.c only; network thread.
 */
#ifndef DARKSCOPE_REQUEST_H
#define DARKSCOPE_REQUEST_H

#include "serve.h"

#include <libwebsockets.h>

/* libwebsockets keeps one zeroed for each connection; a connection has one request at a time. */
struct ds_request {
    struct lws *wsi;
    struct ds_question *question; /* at the query thread; it points back here */
    int status;
    const char *type;
    const char *body; /* in owned, or static */
    char *owned;
    size_t body_bytes, sent_bytes;
    bool is_head; /* headers only */
    bool is_last; /* close the connection after the reply */
    bool headers_sent;
};

/* A request's headers are complete. Both return what libwebsockets' callback is to return: 0, or
 * nonzero to close the connection. */
int ds_request_begin(struct ds_request *q, struct lws *wsi,
                     const struct ds_serve_settings *settings);
int ds_request_write(struct ds_request *q);

/* A question came back; takes it. Its asker is q. */
void ds_request_answered(struct ds_request *q, struct ds_question *question);

/* The connection goes, or the reply is complete. */
void ds_request_end(struct ds_request *q);

#endif
