/* SPDX-License-Identifier: Apache-2.0
 *
 * Paths are looked up whole in a table, so there is nothing to traverse. Errors are problem
 * details (RFC 9457); exit_status is the status with which the command line would exit.
 */
#include "request.h"

#include "darkscope/clock.h"
#include "gzip.h"
#include "header.h"
#include "page.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST_MAX          127
#define AUTHORIZATION_MAX 511
#define FETCH_MAX         15 /* bytes of Sec-Fetch-Site and -Mode; longer ones are none that count */
#define ENCODINGS_MAX     255 /* bytes of Accept-Encoding; a longer one counts as absent */
#define API               "/api/v1/"
#define LIVE_PATH         "/live"
#define WEBSOCKET_VERSION "13"
#define JSON              "application/json"
#define PROBLEM           "application/problem+json"

/* ---- replies from memory ---- */

struct buffer {
    char *bytes;
    size_t used, room;
};

static int append(void *arg, const void *bytes, size_t size)
{
    struct buffer *b = arg;
    if (b->used + size > b->room)
        return -1; /* not smaller than before: not worth it */
    memcpy(b->bytes + b->used, bytes, size);
    b->used += size;
    return 0;
}

/* Compressed if the client takes it and it helps. The buffer is the caller's to free. */
static struct buffer compress_body(const struct ds_request *q, const char *body, size_t bytes)
{
    struct buffer b = {0};
    if (!q->takes_gzip || bytes < DS_ANSWER_GZIP_MIN)
        return b;
    struct ds_gzip *z = ds_gzip_create();
    b.room = bytes;
    b.bytes = z ? malloc(b.room) : NULL;
    if (!b.bytes || ds_gzip_write(z, body, bytes, true, append, &b) != 0) {
        free(b.bytes);
        b.bytes = NULL;
    }
    ds_gzip_destroy(z);
    return b;
}

/* Does the client have this one already? */
static bool is_known(const struct ds_request *q, const char *tag)
{
    return q->tags[0] && ds_header_has_tag(q->tags, tag);
}

/* owned: what body is in, to be freed, or NULL. */
static void reply(struct ds_request *q, int status, const char *type, char *owned, const char *body)
{
    struct ds_reply *r = &q->reply;
    size_t bytes = strlen(body);
    struct buffer small = compress_body(q, body, bytes);
    if (r->cache == DS_CACHE_ASK)
        ds_tag_print(ds_tag_add(DS_TAG_EMPTY, body, bytes), r->tag);
    r->status = r->tag[0] && is_known(q, r->tag) ? 304 : status;
    r->type = type;
    r->has_length = r->status != 304;
    r->is_gzip = small.bytes && r->has_length;
    if (small.bytes)
        free(owned);
    r->owned = small.bytes ? small.bytes : owned;
    r->body = small.bytes ? small.bytes : body;
    r->length = r->body_bytes = small.bytes ? small.used : bytes;
    ds_reply_wake(r);
}

static void reply_json(struct ds_request *q, int status, const char *type, json_t *json)
{
    static const char out_of_memory[] = "{\"type\":\"about:blank\",\"title\":\"Internal Server "
                                        "Error\",\"status\":500,\"detail\":\"out of memory\","
                                        "\"exit_status\":1}";
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    if (text)
        reply(q, status, type, text, text);
    else
        reply(q, 500, PROBLEM, NULL, out_of_memory);
}

static void reply_problem(struct ds_request *q, int status, enum ds_status exit_status,
                          const char *detail)
{
    json_t *json = json_pack("{s:s, s:s, s:i, s:s, s:i}", "type", "about:blank", "title",
                             ds_reply_title(status), "status", status, "detail", detail,
                             "exit_status", (int)exit_status);
    q->reply.cache = DS_CACHE_NEVER;
    reply_json(q, status, PROBLEM, json);
}

/* ---- what is asked ---- */

/* Does it show the token, where one is wanted? */
static bool is_allowed(struct lws *wsi, const char *token)
{
    char given[AUTHORIZATION_MAX + 1];
    if (!token[0])
        return true;
    if (lws_hdr_copy(wsi, given, sizeof given, WSI_TOKEN_HTTP_AUTHORIZATION) <= 0)
        return false;
    bool is_right = ds_header_is_bearer(given, token);
    explicit_bzero(given, sizeof given);
    return is_right;
}

/* Is the Host header this machine, as a loopback literal or "localhost", with any port? */
static bool is_host_local(struct lws *wsi)
{
    char host[HOST_MAX + 1];
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HOST) > HOST_MAX)
        return false;
    if (lws_hdr_copy(wsi, host, sizeof host, WSI_TOKEN_HOST) <= 0)
        return false;
    char *port = strrchr(host, ':');
    if (port && !strchr(port, ']'))
        *port = 0;
    if (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
        return true;
    return strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == strlen(host);
}

/* Is the page that asks, if it is one, of this server? */
static bool is_origin_own(struct lws *wsi)
{
    /* As browsers say it of requests without an origin. To follow a link is no harm. */
    static const char site_header[] = "sec-fetch-site:", mode_header[] = "sec-fetch-mode:";
    char site[FETCH_MAX + 1] = "", mode[FETCH_MAX + 1] = "";
    lws_hdr_custom_copy(wsi, site, sizeof site, site_header, sizeof site_header - 1);
    lws_hdr_custom_copy(wsi, mode, sizeof mode, mode_header, sizeof mode_header - 1);
    if ((strcmp(site, "cross-site") == 0 || strcmp(site, "same-site") == 0) &&
        strcmp(mode, "navigate") != 0)
        return false;
    char origin[HOST_MAX + sizeof "https://"], host[HOST_MAX + 1];
    if (lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) == 0)
        return true;
    if (lws_hdr_copy(wsi, origin, sizeof origin, WSI_TOKEN_ORIGIN) <= 0 ||
        lws_hdr_copy(wsi, host, sizeof host, WSI_TOKEN_HOST) <= 0)
        return false;
    const char *of = strstr(origin, "://");
    return of && strcasecmp(of + 3, host) == 0;
}

int ds_request_may_listen(struct lws *wsi, const struct ds_serve_settings *settings)
{
    char path[sizeof LIVE_PATH], version[sizeof WEBSOCKET_VERSION];
    if (lws_hdr_copy(wsi, path, sizeof path, WSI_TOKEN_GET_URI) <= 0 ||
        strcmp(path, LIVE_PATH) != 0)
        return 404;
    if (!settings->token[0] && !is_host_local(wsi))
        return 421;
    if (lws_hdr_copy(wsi, version, sizeof version, WSI_TOKEN_VERSION) <= 0 ||
        strcmp(version, WEBSOCKET_VERSION) != 0)
        return 400;
    return is_origin_own(wsi) ? 0 : 403;
}

bool ds_request_shows_token(struct lws *wsi, const struct ds_serve_settings *settings)
{
    return is_allowed(wsi, settings->token);
}

bool ds_request_is_token(const struct ds_serve_settings *settings, const char *said, size_t bytes)
{
    return ds_header_is_token(said, bytes, settings->token);
}

static bool has_body(struct lws *wsi)
{
    char length[24];
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0)
        return true;
    int bytes = lws_hdr_copy(wsi, length, sizeof length, WSI_TOKEN_HTTP_CONTENT_LENGTH);
    /* Negative where it does not fit: a long number, or no number. */
    return bytes < 0 || (bytes > 0 && strspn(length, "0") != strlen(length));
}

/* Takes the query string's pairs into query. False with a problem replied. */
static bool take_pairs(struct ds_request *q, struct ds_query *query)
{
    char pair[DS_HTTP_URI_MAX + 1];
    struct ds_error err = {0};
    for (int i = 0;; i++) {
        int bytes =
            lws_hdr_copy_fragment(q->reply.wsi, pair, sizeof pair, WSI_TOKEN_HTTP_URI_ARGS, i);
        if (bytes < 0)
            return true;
        if (bytes == 0)
            continue;
        char *value = memchr(pair, '=', (size_t)bytes);
        if (i >= DS_HTTP_ARGUMENTS_MAX || !value || strlen(pair) != (size_t)bytes) {
            reply_problem(q, 400, DS_USAGE, "the query string must be name=value pairs, few");
            return false;
        }
        *value++ = 0;
        if (ds_query_set(query, pair, value, &err) < 0) {
            reply_problem(q, 400, err.status, err.text);
            return false;
        }
    }
}

static void ask(struct ds_request *q, enum ds_query_kind kind, struct ds_answerer *answerer)
{
    struct ds_query query;
    ds_query_init(&query, kind);
    if (!take_pairs(q, &query))
        return;
    int64_t deadline_ns = ds_clock_steady_ns() + DS_ANSWER_S * DS_NS_PER_S;
    struct ds_question *question = ds_question_create(&query, q->takes_gzip, deadline_ns);
    if (question && ds_answerer_push(answerer, question)) {
        q->question = question;
        lws_set_timeout(q->reply.wsi, PENDING_TIMEOUT_HTTP_CONTENT, DS_HTTP_ANSWER_S);
        return;
    }
    ds_question_leave(question);
    reply_problem(q, 503, DS_FAILURE, "too many questions wait to be answered: try again");
}

static void route(struct ds_request *q, const char *path, const struct ds_serve_settings *settings)
{
    const struct ds_asset *asset = ds_assets_find(settings->assets, path);
    int kind = -1;
    if (strncmp(path, API, strlen(API)) == 0)
        kind = ds_query_kind_parse(path + strlen(API));
    if (kind >= 0) {
        ask(q, (enum ds_query_kind)kind, settings->answerer);
    } else if (strcmp(path, "/healthz") == 0) {
        bool is_well = false;
        json_t *health = settings->health(settings->arg, &is_well);
        reply_json(q, is_well ? 200 : 503, JSON, health);
    } else if (strcmp(path, "/metrics") == 0) {
        char *metrics = settings->metrics(settings->arg);
        if (metrics)
            reply(q, 200, "text/plain; version=0.0.4; charset=utf-8", metrics, metrics);
        else
            reply_problem(q, 500, DS_FAILURE, "out of memory");
    } else if (strcmp(path, API "openapi.json") == 0) {
        q->reply.cache = DS_CACHE_ASK;
        reply(q, 200, JSON, NULL, ds_openapi_json);
    } else if (asset) {
        q->reply.cache = DS_CACHE_ASK;
        reply(q, 200, asset->type, NULL, asset->text);
    } else {
        reply_problem(q, 404, DS_USAGE, "there is no such page; / lists what there is");
    }
}

/* The token with the request's path; -1 for any method but GET and HEAD. */
static int find_uri(struct lws *wsi, bool *is_head)
{
    *is_head = lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) > 0;
    if (*is_head)
        return WSI_TOKEN_HEAD_URI;
    return lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) > 0 ? WSI_TOKEN_GET_URI : -1;
}

/* False where it does not fit or has a NUL (%00) inside. */
static bool copy_path(struct lws *wsi, int token, char path[static DS_HTTP_URI_MAX + 1])
{
    int bytes = lws_hdr_copy(wsi, path, DS_HTTP_URI_MAX + 1, (enum lws_token_indexes)token);
    return bytes > 0 && strlen(path) == (size_t)bytes;
}

/* Empty where it is absent or too long. */
static void copy_header(struct lws *wsi, enum lws_token_indexes token, char *out, int size)
{
    if (lws_hdr_copy(wsi, out, size, token) <= 0)
        out[0] = 0;
}

static void read_headers(struct ds_request *q)
{
    struct ds_reply *r = &q->reply;
    char text[ENCODINGS_MAX + 1];
    copy_header(r->wsi, WSI_TOKEN_HTTP_IF_NONE_MATCH, q->tags, sizeof q->tags);
    copy_header(r->wsi, WSI_TOKEN_HTTP_ACCEPT_ENCODING, text, sizeof text);
    q->takes_gzip = ds_header_takes_gzip(text);
    copy_header(r->wsi, WSI_TOKEN_HTTP, text, sizeof text);
    r->is_old = strcmp(text, "HTTP/1.0") == 0;
}

/* Replies and closes the connection before libwebsockets looks for a body: 4.1 turns for ever
 * around that of a request which came in one piece with the one before it. */
static int end_at_once(struct ds_request *q)
{
    ds_request_write(q); /* all of it: a problem is short */
    return -1;
}

int ds_request_begin(struct ds_request *q, struct lws *wsi,
                     const struct ds_serve_settings *settings, struct ds_serve_stats *stats)
{
    char path[DS_HTTP_URI_MAX + 1];
    ds_request_end(q); /* the connection's previous one */
    struct ds_reply *r = &q->reply;
    r->wsi = wsi;
    r->stats = stats;
    int token = find_uri(wsi, &r->is_head);
    bool has_path = token >= 0 && copy_path(wsi, token, path);
    /* Where a browser asks for the token is no secret. */
    bool is_open = has_path && ds_assets_find(settings->assets, path);
    r->is_last = token < 0 || has_body(wsi);
    read_headers(q);
    if (!is_open && !is_allowed(wsi, settings->token))
        reply_problem(q, 401, DS_PERMISSION,
                      "show the aggregator's token: Authorization: Bearer TOKEN (darkscope "
                      "--token-file)");
    else if (!settings->token[0] && !is_host_local(wsi))
        reply_problem(q, 421, DS_USAGE,
                      "ask by the name localhost or a loopback address (Host header)");
    else if (!is_origin_own(wsi))
        reply_problem(q, 403, DS_PERMISSION, "pages of other sites may not ask here");
    else if (token < 0)
        reply_problem(q, 405, DS_USAGE, "only GET and HEAD are answered");
    else if (r->is_last)
        reply_problem(q, 413, DS_USAGE, "requests have no body here");
    else if (lws_hdr_total_length(wsi, (enum lws_token_indexes)token) +
                 lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS) >
             DS_HTTP_URI_MAX)
        reply_problem(q, 414, DS_USAGE, "the address is too long");
    else if (has_path)
        route(q, path, settings);
    else
        reply_problem(q, 400, DS_USAGE, "the address cannot be read");
    return r->is_last ? end_at_once(q) : 0;
}

/* ---- answers ---- */

static void reply_answer(struct ds_request *q, bool is_done)
{
    struct ds_reply *r = &q->reply;
    const struct ds_question *question = q->question;
    bool is_old_news = is_done && is_known(q, question->tag);
    r->status = is_old_news ? 304 : 200;
    r->type = ds_query_media_type(&question->query);
    r->cache = DS_CACHE_ASK;
    r->is_gzip = question->is_gzip && !is_old_news;
    r->has_length = is_done && !is_old_news;
    r->length = ds_pipe_bytes(question->pipe);
    r->pipe = question->pipe;
    r->is_complete = is_done;
    /* A reply that may be cut off, and one without a length in HTTP/1.0, end the connection. */
    r->is_last = r->is_last || !is_done;
    if (is_done)
        memcpy(r->tag, question->tag, sizeof r->tag);
}

void ds_request_look(struct ds_request *q)
{
    struct ds_reply *r = &q->reply;
    struct ds_question *question = q->question;
    if (!question)
        return;
    enum ds_answer_state state = (enum ds_answer_state)atomic_load(&question->state);
    if (state == DS_ANSWER_NONE)
        return;
    bool is_done = state == DS_ANSWER_DONE, has_failed = is_done && question->err.status != DS_OK;
    if (r->status) {
        r->is_complete = is_done;
        r->is_cut = has_failed;
    } else if (has_failed) {
        reply_problem(q, ds_query_http_status(question->err.status), question->err.status,
                      question->err.text);
        q->question = NULL;
        ds_question_leave(question);
    } else {
        reply_answer(q, is_done);
    }
    ds_reply_wake(r);
}

int ds_request_write(struct ds_request *q)
{
    enum ds_reply_step step = ds_reply_write(&q->reply);
    if (step == DS_REPLY_MORE)
        return 0;
    bool is_last = q->reply.is_last || step == DS_REPLY_CLOSE;
    struct lws *wsi = q->reply.wsi;
    ds_request_end(q);
    return is_last || lws_http_transaction_completed(wsi) ? -1 : 0;
}

void ds_request_end(struct ds_request *q)
{
    ds_question_leave(q->question);
    ds_reply_finish(&q->reply);
    memset(q, 0, sizeof *q);
}
