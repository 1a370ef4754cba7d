/* SPDX-License-Identifier: Apache-2.0
 *
 * One GET to an aggregator. What comes back is checked as if it came from a stranger: its size is
 * bounded, it is JSON or CSV, and an error of the aggregator becomes ours with its exit status.
 */
#include "fetch.h"

#include "darkscope/token.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#define API          "/api/v1/"
#define URL_BYTES    16384
#define CONNECT_S    5L
#define WHOLE_S      300L
#define ANSWER_BYTES ((size_t)128 << 20)

struct body {
    CURL *curl;
    FILE *to; /* where an answer goes as it comes; NULL: it is kept */
    bool has_begun;
    char *bytes;
    size_t used;
    bool too_large;
};

/* Is what comes an answer, not an error? */
static bool is_answer(const struct body *body)
{
    long http = 0;
    const char *type = NULL;
    curl_easy_getinfo(body->curl, CURLINFO_RESPONSE_CODE, &http);
    curl_easy_getinfo(body->curl, CURLINFO_CONTENT_TYPE, &type);
    /* The first of them is also how application/jsonl begins. */
    return http == 200 && type &&
           (strncmp(type, "application/json", 16) == 0 || strncmp(type, "text/csv", 8) == 0);
}

/* What a stranger sends must not talk to the terminal. */
static size_t pass_on(struct body *body, char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if ((byte < ' ' && byte != '\n') || byte == 0x7f)
            bytes[i] = '?';
    }
    body->has_begun = true;
    return fwrite(bytes, 1, size, body->to);
}

static size_t take(char *bytes, size_t size, size_t count, void *arg)
{
    struct body *body = arg;
    size_t more = size * count;
    if (body->to && is_answer(body))
        return pass_on(body, bytes, more);
    if (more > ANSWER_BYTES - body->used) {
        body->too_large = true;
        return 0;
    }
    char *grown = realloc(body->bytes, body->used + more + 1);
    if (!grown)
        return 0;
    memcpy(grown + body->used, bytes, more);
    body->bytes = grown;
    body->used += more;
    return more;
}

/* False where it does not fit. */
static bool append(char *url, size_t *used, const char *text)
{
    size_t length = strlen(text);
    if (length >= URL_BYTES - *used)
        return false;
    memcpy(url + *used, text, length + 1);
    *used += length;
    return true;
}

static bool append_escaped(CURL *curl, char *url, size_t *used, const char *text)
{
    char *escaped = curl_easy_escape(curl, text, 0);
    bool fits = escaped && append(url, used, escaped);
    curl_free(escaped);
    return fits;
}

static bool build_url(CURL *curl, const struct options *o, char url[static URL_BYTES])
{
    size_t used = 0;
    bool fits = append(url, &used, o->url);
    while (fits && used > 0 && url[used - 1] == '/')
        url[--used] = 0;
    fits =
        fits && append(url, &used, API) && append(url, &used, ds_query_kind_name(o->command->kind));
    for (size_t i = 0; i < o->pair_count && fits; i++)
        fits = append(url, &used, i == 0 ? "?" : "&") && append(url, &used, o->pairs[i].name) &&
               append(url, &used, "=") && append_escaped(curl, url, &used, o->pairs[i].value);
    return fits;
}

/* A proxy of the environment is of no use to reach this machine. */
static bool is_local(const char *url)
{
    return strncmp(url, "http://127.", 11) == 0 || strncmp(url, "http://localhost", 16) == 0 ||
           strncmp(url, "http://[::1]", 12) == 0;
}

static void set_up(CURL *curl, const char *url, struct body *body)
{
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "darkscope/" DARKSCOPE_VERSION);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, WHOLE_S);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, ""); /* all that this libcurl knows */
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    if (is_local(url))
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
}

/* The token goes only where nobody listens in. */
static int set_secrets(CURL *curl, const struct options *o, struct ds_error *err)
{
    char token[DS_TOKEN_MAX + 1];
    if (o->ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, o->ca_file);
    if (!o->token_file)
        return 0;
    if (!is_local(o->url) && strncmp(o->url, "https://", 8) != 0)
        return ds_error(err, DS_USAGE,
                        "%.200s: the token would go in the clear; use https://, or a tunnel (ssh "
                        "-L) and http://127.0.0.1",
                        o->url);
    if (ds_token_read(o->token_file, token, err) < 0)
        return -1;
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, token);
    explicit_bzero(token, sizeof token);
    return 0;
}

static int no_answer(const struct options *o, CURLcode code, const struct body *body,
                     struct ds_error *err)
{
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
        return ds_error(err, DS_NETWORK,
                        "aggregator %s: its certificate cannot be trusted: %s; name the one that "
                        "signed it with --ca-file",
                        o->url, curl_easy_strerror(code));
    if (body->too_large)
        return ds_error(err, DS_NETWORK, "aggregator %s: its answer is larger than %zu MB", o->url,
                        ANSWER_BYTES >> 20);
    if (body->has_begun)
        return ds_error(err, DS_NETWORK, "aggregator %s: the answer is cut off: %s", o->url,
                        curl_easy_strerror(code));
    return ds_error(err, DS_NETWORK,
                    "aggregator %s cannot be asked: %s; start it, name it with --url, or read a "
                    "store with --store DIR",
                    o->url, curl_easy_strerror(code));
}

/* The aggregator's own words, if the body has them, with its exit status. */
static int refused(const struct options *o, long http, const json_t *json, struct ds_error *err)
{
    const char *detail = json_string_value(json_object_get(json, "detail"));
    json_int_t status = json_integer_value(json_object_get(json, "exit_status"));
    if (!detail || status <= DS_OK || status > DS_DATABASE)
        return ds_error(err, DS_NETWORK, "%s answers with HTTP status %ld: is it an aggregator?",
                        o->url, http);
    return ds_error(err, (enum ds_status)status, "%s", detail);
}

static int read_answer(const struct options *o, CURL *curl, const struct body *body, json_t **out,
                       struct ds_error *err)
{
    long http = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &http);
    if (body->to && is_answer(body)) /* printed already; CSV without rows is empty */
        return 0;
    json_t *json = body->bytes ? json_loadb(body->bytes, body->used, 0, NULL) : NULL;
    if (http == 200 && !body->to && json_is_object(json)) {
        *out = json;
        return 0;
    }
    int result = http == 200 ? ds_error(err, DS_NETWORK,
                                        "%s answers, but not in JSON: is it an aggregator?", o->url)
                             : refused(o, http, json, err);
    json_decref(json);
    return result;
}

int fetch_http(const struct options *o, FILE *to, json_t **out, struct ds_error *err)
{
    char url[URL_BYTES];
    struct body body = {.to = to};
    CURL *curl = curl_easy_init();
    if (!curl)
        return ds_error(err, DS_FAILURE, "out of memory");
    body.curl = curl;
    int result = -1;
    if (!build_url(curl, o, url)) {
        ds_error(err, DS_USAGE, "the URL is too long");
    } else if (set_secrets(curl, o, err) == 0) {
        set_up(curl, url, &body);
        CURLcode code = curl_easy_perform(curl);
        result = code == CURLE_OK ? read_answer(o, curl, &body, out, err)
                                  : no_answer(o, code, &body, err);
    }
    curl_easy_cleanup(curl);
    free(body.bytes);
    return result;
}
