/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes on a connection to the aggregator's web side, which runs here, over the loopback
 * interface; behind them comes a request that ends the connection. Whatever is replied is HTTP of a
 * known status, with the headers that all replies have, and its JSON is JSON.
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

#define REPLIES_MAX (1 << 20)
#define IDLE_ROUNDS 4 /* without progress: the server waits for more than there is */
#define IDLE_MS     1

static const char goodbye[] = "\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n"
                              "Connection: close\r\n\r\n";

static struct site {
    struct ds_store *store;
    struct ds_answerer *answerer;
    struct ds_serve *serve;
    struct sockaddr_in address;
} site;

static json_t *tell_health(void *arg, bool *is_well)
{
    (void)arg;
    *is_well = true;
    return json_pack("{s:s}", "status", "ok");
}

static void close_site(void)
{
    ds_serve_destroy(site.serve);
    ds_answerer_destroy(site.answerer);
    ds_store_destroy(site.store);
}

static void open_site(void)
{
    struct ds_error err;
    site.store = world_open();
    check(ds_answerer_start(site.store, &site.answerer, &err) == 0);
    const struct ds_serve_settings settings = {
        .address = "127.0.0.1:0", .answerer = site.answerer, .health = tell_health};
    check(ds_serve_create(&settings, &site.serve, &err) == 0);
    const char *port = strrchr(ds_serve_url(site.serve), ':');
    site.address.sin_family = AF_INET;
    site.address.sin_port = htons((uint16_t)strtoul(port + 1, NULL, 10));
    site.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    atexit(close_site);
}

/* Closed without a rest: ports would run out otherwise. */
static int open_connection(void)
{
    const struct linger at_once = {.l_onoff = 1};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
    check(connect(fd, (struct sockaddr *)&site.address, sizeof site.address) == 0);
    check(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    return fd;
}

/* What the server says to the bytes, until it closes or there is nothing more to expect; from
 * malloc, with a zero behind it. */
static char *converse(const uint8_t *bytes, size_t size, size_t *said)
{
    char *replies = malloc(REPLIES_MAX + 1);
    size_t sent = 0;
    int fd = open_connection();
    check(replies);
    *said = 0;
    for (int idle = 0; idle < IDLE_ROUNDS;) {
        ssize_t out = sent < size ? send(fd, bytes + sent, size - sent, MSG_NOSIGNAL) : 0;
        ds_serve_round(site.serve, true);
        ssize_t in = recv(fd, replies + *said, REPLIES_MAX - *said, 0);
        sent += out > 0 ? (size_t)out : 0;
        *said += in > 0 ? (size_t)in : 0;
        if (in == 0 || (in < 0 && errno != EAGAIN) || *said == REPLIES_MAX)
            break;
        idle = out > 0 || in > 0 ? 0 : idle + 1;
        if (idle > 1) {
            struct pollfd both[] = {{.fd = fd, .events = POLLIN},
                                    {.fd = ds_answerer_fd(site.answerer), .events = POLLIN}};
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
    static const int known[] = {200, 400, 403, 404, 405, 406, 413, 414, 417, 421, 431, 503};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i] == status)
            return true;
    return false;
}

/* Checks one reply and returns what follows it; NULL where it is not whole. */
static const char *check_reply(const char *reply, const char *end)
{
    const char *body = memmem(reply, (size_t)(end - reply), "\r\n\r\n", 4);
    if (!body)
        return NULL;
    check(strncmp(reply, "HTTP/1.", 7) == 0 && is_status(strtol(reply + 9, NULL, 10)));
    const char *type = find_header(reply, body, "content-type:");
    const char *length = find_header(reply, body, "content-length:");
    check(find_header(reply, body, "x-content-type-options:"));
    check(find_header(reply, body, "content-security-policy:"));
    body += 4;
    if (!length || body == end || strncmp(body, "HTTP/1.", 7) == 0)
        return body; /* to a HEAD */
    size_t bytes = strtoul(length, NULL, 10);
    if (bytes > (size_t)(end - body))
        return NULL;
    bool is_json = type && (strncmp(type, "application/json", 16) == 0 ||
                            strncmp(type, "application/problem+json", 24) == 0);
    json_t *json = is_json ? json_loadb(body, bytes, 0, NULL) : NULL;
    check(!is_json || json_is_object(json));
    json_decref(json);
    return body + bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t said, whole = size + sizeof goodbye - 1;
    uint8_t *bytes = malloc(whole);
    if (!site.serve)
        open_site();
    check(bytes);
    memcpy(bytes, data, size);
    memcpy(bytes + size, goodbye, sizeof goodbye - 1);
    char *replies = converse(bytes, whole, &said);
    const char *at = replies, *end = replies + said;
    while (at && at < end)
        at = check_reply(at, end);
    free(replies);
    free(bytes);
    /* It sees that the connection is gone. */
    ds_serve_round(site.serve, true);
    return 0;
}
