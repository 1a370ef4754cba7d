/* SPDX-License-Identifier: Apache-2.0
 *
 * A reply on its way to a client: its headers, and its body in pieces from memory or from a pipe.
 * Used by request.c only; network thread.
 */
#ifndef DARKSCOPE_REPLY_H
#define DARKSCOPE_REPLY_H

#include "answer.h"
#include "serve.h"

#include <libwebsockets.h>

enum ds_cache {
    DS_CACHE_NEVER,
    DS_CACHE_ASK, /* may be kept, and is asked for every time whether it is still true */
};

/* All zero: none yet. */
struct ds_reply {
    struct lws *wsi;
    struct ds_serve_stats *stats;
    int status;       /* 0: nothing to write yet */
    const char *type; /* static */
    char tag[DS_ANSWER_TAG];
    enum ds_cache cache;
    bool is_gzip;
    bool is_head; /* headers only */
    bool is_last; /* close the connection after the reply */
    bool is_old;  /* HTTP/1.0 knows no chunks: the end of the connection is that of the reply */
    bool has_length;
    size_t length;
    bool headers_sent, is_over;
    /* What is written now: in owned, or static. */
    const char *body;
    char *owned;
    size_t body_bytes, sent_bytes;
    struct ds_pipe *pipe; /* borrowed: where more comes from; NULL: that was all */
    bool is_complete;     /* all of it is in there */
    bool is_cut;          /* its end will never come: the client is to notice */
};

/* Writes what can be written now. DS_REPLY_MORE: libwebsockets calls again, or there is nothing yet
 * (then ds_reply_wake when there is). */
enum ds_reply_step { DS_REPLY_MORE, DS_REPLY_DONE, DS_REPLY_CLOSE };
enum ds_reply_step ds_reply_write(struct ds_reply *r);

/* Asks libwebsockets to call when the client takes more. */
void ds_reply_wake(struct ds_reply *r);

void ds_reply_finish(struct ds_reply *r);

/* "Not Found"; of a status that is not used here, that of 500. */
const char *ds_reply_title(int status);

#endif
