/* SPDX-License-Identifier: Apache-2.0 */
#include "reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITE_BYTES   16384 /* of the body in one go */
#define HEADERS_BYTES 1536
#define CHUNK_HEAD    16 /* "10000\r\n" */

static const struct {
    int status;
    const char *title;
} titles[] = {
    {200, "OK"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {421, "Misdirected Request"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
};

_Static_assert(sizeof titles / sizeof titles[0] == DS_HTTP_STATUSES, "every status is counted");

static size_t index_of(int status)
{
    size_t i = 0;
    while (i < DS_HTTP_STATUSES - 1 && titles[i].status != status)
        i++;
    return titles[i].status == status ? i : DS_HTTP_STATUSES - 2;
}

const char *ds_reply_title(int status)
{
    return titles[index_of(status)].title;
}

int ds_http_status(size_t i)
{
    return titles[i].status;
}

void ds_reply_wake(struct ds_reply *r)
{
    lws_callback_on_writable(r->wsi);
}

void ds_reply_finish(struct ds_reply *r)
{
    free(r->owned);
    memset(r, 0, sizeof *r);
}

/* ---- headers ---- */

struct headers {
    struct lws *wsi;
    unsigned char room[LWS_PRE + HEADERS_BYTES], *at;
    bool failed;
};

static unsigned char *end_of(struct headers *h)
{
    return h->room + LWS_PRE + HEADERS_BYTES - 1;
}

/* name in lower case, with its colon. */
static void add(struct headers *h, const char *name, const char *value)
{
    if (lws_add_http_header_by_name(h->wsi, (const unsigned char *)name,
                                    (const unsigned char *)value, (int)strlen(value), &h->at,
                                    end_of(h)))
        h->failed = true;
}

static void add_length(struct headers *h, const struct ds_reply *r)
{
    char length[24];
    snprintf(length, sizeof length, "%zu", r->length);
    if (r->has_length)
        add(h, "content-length:", length);
    else if (r->status != 304 && !r->is_old)
        add(h, "transfer-encoding:", "chunked");
}

static void add_what_status_wants(struct headers *h, int status)
{
    if (status == 405)
        add(h, "allow:", "GET, HEAD");
    if (status == 401)
        add(h, "www-authenticate:", "Bearer realm=\"darkscope\"");
    if (status == 503)
        add(h, "retry-after:", "5");
}

static bool write_headers(struct ds_reply *r)
{
    struct headers h = {.wsi = r->wsi};
    h.at = h.room + LWS_PRE;
    if (lws_add_http_header_status(r->wsi, (unsigned)r->status, &h.at, end_of(&h)))
        return false;
    if (r->status != 304)
        add(&h, "content-type:", r->type);
    if (r->is_gzip)
        add(&h, "content-encoding:", "gzip");
    add(&h, "vary:", "accept-encoding");
    add(&h, "cache-control:", r->cache == DS_CACHE_ASK ? "private, no-cache" : "no-store");
    if (r->tag[0]) {
        char weak[DS_ANSWER_TAG + 2];
        snprintf(weak, sizeof weak, "W/%s", r->tag); /* gzip or not, it is the same */
        add(&h, "etag:", weak);
    }
    add_length(&h, r);
    add_what_status_wants(&h, r->status);
    if (r->is_last)
        add(&h, "connection:", "close");
    r->stats->replies[index_of(r->status)]++;
    return !h.failed &&
           lws_finalize_write_http_header(r->wsi, h.room + LWS_PRE, &h.at, end_of(&h)) == 0;
}

/* ---- body ---- */

static bool is_chunked(const struct ds_reply *r)
{
    return !r->has_length && !r->is_old;
}

static enum ds_reply_step write_bytes(struct ds_reply *r, unsigned char *bytes, size_t size)
{
    bool is_end = r->has_length && !r->pipe && r->sent_bytes == r->body_bytes;
    lws_set_timeout(r->wsi, PENDING_TIMEOUT_HTTP_CONTENT, DS_HTTP_ANSWER_S);
    if (lws_write(r->wsi, bytes, size, is_end ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) != (int)size)
        return DS_REPLY_CLOSE;
    ds_reply_wake(r);
    return DS_REPLY_MORE;
}

/* False where there is no piece now. */
static bool take_piece(struct ds_reply *r)
{
    size_t size;
    char *piece = ds_pipe_pop(r->pipe, &size);
    if (!piece)
        return false;
    free(r->owned);
    r->owned = piece;
    r->body = piece;
    r->sent_bytes = 0;
    r->body_bytes = size;
    return true;
}

static enum ds_reply_step write_piece(struct ds_reply *r)
{
    unsigned char room[LWS_PRE + CHUNK_HEAD + WRITE_BYTES + 2];
    unsigned char *start = room + LWS_PRE + CHUNK_HEAD;
    size_t left = r->body_bytes - r->sent_bytes;
    size_t bytes = left < WRITE_BYTES ? left : WRITE_BYTES;
    memcpy(start, r->body + r->sent_bytes, bytes);
    r->sent_bytes += bytes;
    if (is_chunked(r)) {
        char head[CHUNK_HEAD + 1];
        size_t head_bytes = (size_t)snprintf(head, sizeof head, "%zx\r\n", bytes);
        start -= head_bytes;
        memcpy(start, head, head_bytes);
        memcpy(start + head_bytes + bytes, "\r\n", 2);
        bytes += head_bytes + 2;
    }
    return write_bytes(r, start, bytes);
}

/* All of the body has been written, but perhaps not yet sent. */
static enum ds_reply_step end(struct ds_reply *r, bool has_body)
{
    unsigned char room[LWS_PRE + 8];
    if (r->is_over || !has_body || !is_chunked(r)) {
        bool waits = r->is_last && lws_partial_buffered(r->wsi);
        r->is_over = true;
        if (waits)
            ds_reply_wake(r);
        return waits ? DS_REPLY_MORE : DS_REPLY_DONE;
    }
    r->is_over = true;
    memcpy(room + LWS_PRE, "0\r\n\r\n", 5);
    return write_bytes(r, room + LWS_PRE, 5);
}

enum ds_reply_step ds_reply_write(struct ds_reply *r)
{
    bool has_body = !r->is_head && r->status != 304;
    if (!r->status)
        return DS_REPLY_MORE; /* woken early: the answer is still to come */
    if (!r->headers_sent && !write_headers(r))
        return DS_REPLY_CLOSE;
    r->headers_sent = true;
    /* In the same call: after a request with a body there may be no other. */
    if (has_body && (r->sent_bytes < r->body_bytes || (r->pipe && take_piece(r))))
        return write_piece(r);
    if (!has_body || !r->pipe || r->is_complete)
        return has_body && r->is_cut ? DS_REPLY_CLOSE : end(r, has_body);
    return DS_REPLY_MORE;
}
