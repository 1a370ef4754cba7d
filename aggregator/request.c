/* SPDX-License-Identifier: Apache-2.0
 *
 * Paths are looked up whole in a table, so there is nothing to traverse. Errors are problem
 * details (RFC 9457); exit_status is the status with which the command line would exit.
 */
#include "request.h"

#include "darkscope/clock.h"
#include "page.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITE_BYTES   16384 /* of the body in one go */
#define HEADERS_BYTES 1024
#define HOST_MAX      127
#define API           "/api/v1/"

static const char *title_of(int status)
{
    switch (status) {
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 413:
        return "Content Too Large";
    case 414:
        return "URI Too Long";
    case 421:
        return "Misdirected Request";
    case 503:
        return "Service Unavailable";
    default:
        return "Internal Server Error";
    }
}

static void reply(struct ds_request *q, int status, const char *type, char *owned, const char *body,
                  size_t body_bytes)
{
    q->status = status;
    q->type = type;
    q->owned = owned;
    q->body = body;
    q->body_bytes = body_bytes;
    lws_callback_on_writable(q->wsi);
}

static void reply_json(struct ds_request *q, int status, const char *type, json_t *json)
{
    static const char out_of_memory[] = "{\"title\":\"Internal Server Error\",\"status\":500}";
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    if (text)
        reply(q, status, type, text, text, strlen(text));
    else
        reply(q, 500, "application/problem+json", NULL, out_of_memory, strlen(out_of_memory));
}

static void reply_problem(struct ds_request *q, int status, enum ds_status exit_status,
                          const char *detail)
{
    json_t *json =
        json_pack("{s:s, s:s, s:i, s:s, s:i}", "type", "about:blank", "title", title_of(status),
                  "status", status, "detail", detail, "exit_status", (int)exit_status);
    reply_json(q, status, "application/problem+json", json);
}

/* ---- what is asked ---- */

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
        int bytes = lws_hdr_copy_fragment(q->wsi, pair, sizeof pair, WSI_TOKEN_HTTP_URI_ARGS, i);
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
    struct ds_question *question = calloc(1, sizeof *question);
    if (question) {
        question->query = query;
        question->asker = q;
        question->deadline_ns = ds_clock_steady_ns() + DS_ANSWER_S * DS_NS_PER_S;
        if (ds_answerer_push(answerer, question)) {
            q->question = question;
            lws_set_timeout(q->wsi, PENDING_TIMEOUT_HTTP_CONTENT, DS_HTTP_ANSWER_S);
            return;
        }
    }
    free(question);
    reply_problem(q, 503, DS_FAILURE, "too many questions wait to be answered: try again");
}

static void route(struct ds_request *q, const char *path, const struct ds_serve_settings *settings)
{
    if (strcmp(path, "/") == 0) {
        reply(q, 200, "text/html; charset=utf-8", NULL, ds_page_html, strlen(ds_page_html));
        return;
    }
    if (strcmp(path, "/healthz") == 0) {
        bool is_well = false;
        json_t *health = settings->health(settings->arg, &is_well);
        reply_json(q, is_well ? 200 : 503, "application/json", health);
        return;
    }
    int kind = -1;
    if (strncmp(path, API, strlen(API)) == 0)
        kind = ds_query_kind_parse(path + strlen(API));
    if (kind >= 0)
        ask(q, (enum ds_query_kind)kind, settings->answerer);
    else
        reply_problem(q, 404, DS_USAGE, "there is no such page; / lists what there is");
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

int ds_request_begin(struct ds_request *q, struct lws *wsi,
                     const struct ds_serve_settings *settings)
{
    char path[DS_HTTP_URI_MAX + 1];
    ds_request_end(q); /* the connection's previous one */
    q->wsi = wsi;
    int token = find_uri(wsi, &q->is_head);
    q->is_last = token < 0 || has_body(wsi);
    if (!is_host_local(wsi))
        reply_problem(q, 421, DS_USAGE,
                      "ask by the name localhost or a loopback address (Host header)");
    else if (token < 0)
        reply_problem(q, 405, DS_USAGE, "only GET and HEAD are answered");
    else if (q->is_last)
        reply_problem(q, 413, DS_USAGE, "requests have no body here");
    else if (lws_hdr_total_length(wsi, (enum lws_token_indexes)token) +
                 lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS) >
             DS_HTTP_URI_MAX)
        reply_problem(q, 414, DS_USAGE, "the address is too long");
    else if (copy_path(wsi, token, path))
        route(q, path, settings);
    else
        reply_problem(q, 400, DS_USAGE, "the address cannot be read");
    return 0;
}

void ds_request_answered(struct ds_request *q, struct ds_question *question)
{
    q->question = NULL;
    if (question->err.status == DS_OK) {
        reply(q, 200, "application/json", question->body, question->body, question->body_bytes);
        question->body = NULL;
    } else {
        reply_problem(q, ds_query_http_status(question->err.status), question->err.status,
                      question->err.text);
    }
    ds_question_destroy(question);
}

/* ---- the reply ---- */

static int write_headers(struct ds_request *q)
{
    unsigned char room[LWS_PRE + HEADERS_BYTES];
    unsigned char *start = room + LWS_PRE, *p = start, *end = start + HEADERS_BYTES - 1;
    if (lws_add_http_common_headers(q->wsi, (unsigned)q->status, q->type, q->body_bytes, &p, end))
        return -1;
    if (q->status == 405 &&
        lws_add_http_header_by_name(q->wsi, (const unsigned char *)"allow:",
                                    (const unsigned char *)"GET, HEAD", 9, &p, end))
        return -1;
    return lws_finalize_write_http_header(q->wsi, start, &p, end);
}

/* One piece a call: libwebsockets calls again when the socket takes more. Bodies are not empty. */
static int write_piece(struct ds_request *q)
{
    unsigned char room[LWS_PRE + WRITE_BYTES];
    size_t left = q->body_bytes - q->sent_bytes;
    size_t bytes = left < WRITE_BYTES ? left : WRITE_BYTES;
    memcpy(room + LWS_PRE, q->body + q->sent_bytes, bytes);
    enum lws_write_protocol kind = bytes == left ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP;
    if (lws_write(q->wsi, room + LWS_PRE, bytes, kind) != (int)bytes)
        return -1;
    q->sent_bytes += bytes;
    lws_set_timeout(q->wsi, PENDING_TIMEOUT_HTTP_CONTENT, DS_HTTP_ANSWER_S);
    return 0;
}

int ds_request_write(struct ds_request *q)
{
    if (!q->body)
        return 0; /* woken early: the answer is still to come */
    if (!q->headers_sent && write_headers(q))
        return -1;
    q->headers_sent = true;
    /* In the same call: after a request with a body there may be no other. */
    if (!q->is_head && write_piece(q))
        return -1;
    if (!q->is_head && q->sent_bytes < q->body_bytes) {
        lws_callback_on_writable(q->wsi);
        return 0;
    }
    bool is_last = q->is_last;
    struct lws *wsi = q->wsi;
    ds_request_end(q);
    return is_last || lws_http_transaction_completed(wsi) ? -1 : 0;
}

void ds_request_end(struct ds_request *q)
{
    if (q->question)
        ds_question_cancel(q->question);
    free(q->owned);
    memset(q, 0, sizeof *q);
}
