/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes on a connection to the aggregator's web side, which runs here, over the loopback
 * interface; behind them comes a request that ends the connection. Whatever is replied is HTTP of a
 * known status, with the headers that all replies have, whole, and its JSON is JSON. Where the
 * first byte is a 't' the others go to one that wants a token.
 */
#include "serve.h"

#include "fuzz.h"
#include "world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <zlib.h>

#define REPLIES_MAX (1 << 20)
#define IDLE_ROUNDS 4 /* without progress: the server waits for more than there is */
#define IDLE_MS     1

static const char goodbye[] = "\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n"
                              "Connection: close\r\n\r\n";

static struct site {
    struct ds_store *stores[DS_ANSWER_THREADS];
    struct ds_answerer *answerer;
    struct ds_assets *assets;
    struct ds_serve *serve;
    struct sockaddr_in address;
} sites[2]; /* the second one wants a token */

static json_t *tell_health(void *arg, bool *is_well)
{
    (void)arg;
    *is_well = true;
    return json_pack("{s:s}", "status", "ok");
}

static char *tell_metrics(void *arg)
{
    (void)arg;
    return strdup("darkscope_up 1\n");
}

static void close_sites(void)
{
    for (size_t i = 0; i < sizeof sites / sizeof *sites; i++) {
        ds_serve_destroy(sites[i].serve);
        ds_answerer_destroy(sites[i].answerer);
        ds_assets_destroy(sites[i].assets);
        for (int k = 0; k < DS_ANSWER_THREADS; k++)
            ds_store_destroy(sites[i].stores[k]);
    }
}

static void open_site(struct site *s, const char *token)
{
    struct ds_error err;
    for (int i = 0; i < DS_ANSWER_THREADS; i++)
        s->stores[i] = world_open();
    check(ds_answerer_start(s->stores, &s->answerer, &err) == 0);
    s->assets = ds_assets_read(NULL);
    check(s->assets);
    const struct ds_serve_settings settings = {.assets = s->assets,
                                               .address = "127.0.0.1:0",
                                               .token = token,
                                               .answerer = s->answerer,
                                               .health = tell_health,
                                               .metrics = tell_metrics};
    check(ds_serve_create(&settings, &s->serve, &err) == 0);
    const char *port = strrchr(ds_serve_url(s->serve), ':');
    s->address.sin_family = AF_INET;
    s->address.sin_port = htons((uint16_t)strtoul(port + 1, NULL, 10));
    s->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

/* Closed without a rest: ports would run out otherwise. */
static int open_connection(const struct site *s)
{
    const struct linger at_once = {.l_onoff = 1};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
    check(connect(fd, (const struct sockaddr *)&s->address, sizeof s->address) == 0);
    check(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    return fd;
}

/* What the server says to the bytes, until it closes or there is nothing more to expect; from
 * malloc, with a zero behind it. */
static char *converse(struct site *s, const uint8_t *bytes, size_t size, size_t *said)
{
    char *replies = malloc(REPLIES_MAX + 1);
    size_t sent = 0;
    int fd = open_connection(s);
    check(replies);
    *said = 0;
    for (int idle = 0; idle < IDLE_ROUNDS;) {
        ssize_t out = sent < size ? send(fd, bytes + sent, size - sent, MSG_NOSIGNAL) : 0;
        ds_serve_round(s->serve, true);
        ssize_t in = recv(fd, replies + *said, REPLIES_MAX - *said, 0);
        sent += out > 0 ? (size_t)out : 0;
        *said += in > 0 ? (size_t)in : 0;
        if (in == 0 || (in < 0 && errno != EAGAIN) || *said == REPLIES_MAX)
            break;
        idle = out > 0 || in > 0 ? 0 : idle + 1;
        if (idle > 1) {
            struct pollfd both[] = {{.fd = fd, .events = POLLIN},
                                    {.fd = ds_answerer_fd(s->answerer), .events = POLLIN}};
            poll(both, 2, IDLE_MS);
        }
    }
    close(fd);
    replies[*said] = '\0';
    return replies;
}

/* The value of a header among those that end before `end`; NULL where there is none. */
static const char *find_header(const char *head, const char *end, const char *name)
{
    for (const char *at = head; (at = memmem(at, (size_t)(end - at), "\r\n", 2));) {
        at += 2;
        if ((size_t)(end - at) > strlen(name) && strncasecmp(at, name, strlen(name)) == 0)
            return at + strlen(name) + strspn(at + strlen(name), " ");
    }
    return NULL;
}

static bool is_status(long status)
{
    static const int known[] = {200, 304, 400, 401, 403, 404, 405,
                                406, 413, 414, 417, 421, 431, 503};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i] == status)
            return true;
    return false;
}

/* Takes the chunks' heads out of a body, in place; *body_end is where it ends then. Returns what
 * follows the last one; NULL where it is not whole. */
static char *join_chunks(char *body, char *end, char **body_end)
{
    char *at = body, *to = body;
    for (;;) {
        char *line = memmem(at, (size_t)(end - at), "\r\n", 2);
        size_t bytes = line ? strtoul(at, NULL, 16) : 0;
        if (!line || bytes + 2 > (size_t)(end - line - 2))
            return NULL;
        check(at[0] != '\r' && memcmp(line + 2 + bytes, "\r\n", 2) == 0);
        memmove(to, line + 2, bytes);
        to += bytes;
        at = line + 2 + bytes + 2;
        *body_end = to;
        if (bytes == 0)
            return at;
    }
}

static void check_json(const char *body, size_t size, bool is_gzip)
{
    static char plain[REPLIES_MAX];
    z_stream z = {.next_in = (unsigned char *)body,
                  .avail_in = (unsigned)size,
                  .next_out = (unsigned char *)plain,
                  .avail_out = sizeof plain};
    if (is_gzip) {
        check(inflateInit2(&z, 15 + 16) == Z_OK);
        int result = inflate(&z, Z_FINISH);
        size = sizeof plain - z.avail_out;
        inflateEnd(&z);
        if (size == sizeof plain)
            return;
        check(result == Z_STREAM_END);
        body = plain;
    }
    json_t *json = json_loadb(body, size, 0, NULL);
    check(json_is_object(json));
    json_decref(json);
}

static bool is_json(const char *type)
{
    return type && (strncmp(type, "application/json", 16) == 0 ||
                    strncmp(type, "application/problem+json", 24) == 0);
}

/* Checks one reply and returns what follows it; NULL where it is not whole. */
static char *check_reply(char *reply, char *end)
{
    char *body = memmem(reply, (size_t)(end - reply), "\r\n\r\n", 4);
    if (!body)
        return NULL;
    check(strncmp(reply, "HTTP/1.", 7) == 0 && is_status(strtol(reply + 9, NULL, 10)));
    const char *type = find_header(reply, body, "content-type:");
    const char *length = find_header(reply, body, "content-length:");
    bool is_gzip = find_header(reply, body, "content-encoding:");
    bool is_chunked = find_header(reply, body, "transfer-encoding:");
    check(find_header(reply, body, "x-content-type-options:"));
    check(find_header(reply, body, "content-security-policy:"));
    body += 4;
    if (body == end || strncmp(body, "HTTP/1.", 7) == 0)
        return body;                   /* to a HEAD */
    char *body_end = end, *next = end; /* HTTP/1.0: until the connection ends */
    if (is_chunked)
        next = join_chunks(body, end, &body_end);
    else if (length)
        next = body_end = strtoul(length, NULL, 10) <= (size_t)(end - body)
                              ? body + strtoul(length, NULL, 10)
                              : NULL;
    if (next && (is_chunked || length) && is_json(type))
        check_json(body, (size_t)(body_end - body), is_gzip);
    return next;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool has_token = size > 0 && data[0] == 't';
    struct site *s = &sites[has_token];
    if (!sites[0].serve) {
        open_site(&sites[0], "");
        open_site(&sites[1], "secret");
        atexit(close_sites);
    }
    data += has_token;
    size -= has_token;
    size_t said, whole = size + sizeof goodbye - 1;
    uint8_t *bytes = malloc(whole);
    check(bytes);
    memcpy(bytes, data, size);
    memcpy(bytes + size, goodbye, sizeof goodbye - 1);
    char *replies = converse(s, bytes, whole, &said);
    char *at = replies, *end = replies + said;
    while (at && at < end)
        at = check_reply(at, end);
    free(replies);
    free(bytes);
    /* It sees that the connection is gone. */
    ds_serve_round(s->serve, true);
    return 0;
}
