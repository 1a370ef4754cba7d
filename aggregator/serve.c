/* SPDX-License-Identifier: Apache-2.0
 *
 * The listening socket is our own and accepted connections are given to libwebsockets, because its
 * own listening hides errors (it retries a port in use) and binds every interface where it cannot
 * read the address. All other descriptors only wake the loop: what they stand for is looked at
 * after every round, which ZMQ_FD, being edge triggered, needs anyway.
 */
#include "serve.h"

#include "darkscope/endpoint.h"
#include "darkscope/log.h"
#include "listener.h"
#include "request.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG           64
#define URL_MAX           80
/* Descriptors of libwebsockets beside the connections: its own, and the watched ones. */
#define FDS_OTHER         16
#define HTTP_PROTOCOL     "http"
#define WAKE_PROTOCOL     "wake"
#define LISTENER_SAYS_MAX 256 /* bytes: a token, and no more */
/* A listener that is silent for so long is asked whether it is there, and then dropped. */
#define LISTENER_PING_S   20
#define LISTENER_GONE_S   40

struct ds_serve {
    struct ds_serve_settings settings;
    struct lws_context *context;
    struct lws_vhost *vhost;
    int listen_fd;
    int spare_fd; /* given up to turn somebody away when no other is left */
    unsigned connections;
    struct ds_serve_stats stats;
    struct ds_listeners listeners;
    char url[URL_MAX];
};

static struct ds_serve *serve_of(struct lws *wsi)
{
    return lws_context_user(lws_get_context(wsi));
}

/* What is answered where it may not be opened; 0: it may. */
static int refusal(struct ds_serve *s, struct lws *wsi)
{
    if (!s->settings.live)
        return 404;
    int status = ds_request_may_listen(wsi, &s->settings);
    return status ? status : s->listeners.count >= DS_LISTENERS_MAX ? 503 : 0;
}

/* Negative: hang up; positive: it was answered; 0: go on. A refusal comes before there is a
 * WebSocket: libwebsockets 4.1 turns for ever around one that is answered and closed later. */
static int confirm_upgrade(struct ds_serve *s, struct lws *wsi, const char *to)
{
    if (strcmp(to, "websocket") != 0)
        return -1; /* h2c */
    int status = refusal(s, wsi);
    if (status == 0)
        return 0;
    return lws_return_http_status(wsi, (unsigned)status, NULL) < 0 ? -1 : 1;
}

static int on_http(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                   size_t bytes)
{
    struct ds_request *request = user;
    struct ds_serve *s = serve_of(wsi);
    switch (reason) {
    case LWS_CALLBACK_HTTP:
        return ds_request_begin(request, wsi, &s->settings, &s->stats);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return ds_request_write(request);
    case LWS_CALLBACK_CLOSED_HTTP:
        if (request)
            ds_request_end(request);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        /* Only what accept_all adopted carries an opaque pointer. */
        if (lws_get_opaque_user_data(wsi))
            s->connections--;
        return 0;
    case LWS_CALLBACK_USER: /* of ds_serve_round: there is news of questions */
        if (request)
            ds_request_look(request);
        return 0;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return confirm_upgrade(s, wsi, in);
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return 1; /* a WebSocket must name the live feed's subprotocol */
    default:
        return 0;
    }
}

/* Without a token it has this long to say it. */
static int greet(struct ds_serve *s, struct ds_listener *one, struct lws *wsi)
{
    if (ds_request_shows_token(wsi, &s->settings))
        return ds_listener_open(&s->listeners, one, wsi, s->settings.live);
    lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, DS_HTTP_HEADER_S);
    return 0;
}

/* The token, in one message. Who says anything else, or more, is no listener: that bounds what one
 * can cost. */
static int hear(struct ds_serve *s, struct ds_listener *one, struct lws *wsi, const char *said,
                size_t bytes)
{
    if (!one->wsi && lws_is_first_fragment(wsi) && lws_is_final_fragment(wsi) &&
        ds_request_is_token(&s->settings, said, bytes)) {
        lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0);
        return ds_listener_open(&s->listeners, one, wsi, s->settings.live);
    }
    lws_close_reason(wsi, LWS_CLOSE_STATUS_POLICY_VIOLATION, NULL, 0);
    return -1;
}

static int on_live(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                   size_t bytes)
{
    struct ds_serve *s = serve_of(wsi);
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        return greet(s, user, wsi);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return ds_listener_write(user);
    case LWS_CALLBACK_RECEIVE:
        return hear(s, user, wsi, in, bytes);
    case LWS_CALLBACK_CLOSED:
        ds_listener_close(&s->listeners, user);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        return on_http(wsi, reason, NULL, in, bytes); /* it was counted there */
    default:
        return 0;
    }
}

void ds_serve_show(void *serve, const unsigned char *frame, size_t size, unsigned messages)
{
    struct ds_serve *s = serve;
    ds_listeners_show(&s->listeners, frame, size, messages);
}

static int on_wake(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                   size_t bytes)
{
    return 0;
}

static const struct lws_protocols protocols[] = {
    {.name = HTTP_PROTOCOL,
     .callback = on_http,
     .per_session_data_size = sizeof(struct ds_request)},
    {.name = DS_LIVE_SUBPROTOCOL,
     .callback = on_live,
     .per_session_data_size = sizeof(struct ds_listener),
     .rx_buffer_size = LISTENER_SAYS_MAX},
    {.name = WAKE_PROTOCOL, .callback = on_wake},
    {0},
};

/* With every reply, also those that libwebsockets makes itself. */
static const struct lws_protocol_vhost_options no_referrer = {NULL, NULL,
                                                              "referrer-policy:", "no-referrer"};
static const struct lws_protocol_vhost_options no_sniff = {&no_referrer, NULL,
                                                           "x-content-type-options:", "nosniff"};
static const struct lws_protocol_vhost_options no_sharing = {
    &no_sniff, NULL, "cross-origin-resource-policy:", "same-origin"};
static const struct lws_protocol_vhost_options security_headers = {
    &no_sharing, NULL, "content-security-policy:",
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"};

static const lws_retry_bo_t listener_patience = {
    .secs_since_valid_ping = LISTENER_PING_S,
    .secs_since_valid_hangup = LISTENER_GONE_S,
};

static void log_line(int level, const char *line)
{
    int bytes = (int)strcspn(line, "\n");
    ds_log(DS_LOG_WARNING, "libwebsockets: %.*s", bytes, line);
}

static int create_context(struct ds_serve *s)
{
    const struct ds_serve_settings *o = &s->settings;
    lws_set_log_level(LLL_ERR, log_line);
    const struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = protocols,
        .user = s,
        .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   (o->certificate ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0),
        .ssl_cert_filepath = o->certificate,
        .ssl_private_key_filepath = o->key,
        .alpn = "http/1.1",
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
        .headers = &security_headers,
        .server_string = "darkscope",
        .max_http_header_data = DS_HTTP_HEADER_MAX,
        .max_http_header_pool = DS_HTTP_CONNECTIONS_MAX,
        .timeout_secs = DS_HTTP_HEADER_S,
        .timeout_secs_ah_idle = DS_HTTP_HEADER_S,
        .keepalive_timeout = DS_HTTP_IDLE_S,
        .retry_and_idle_policy = &listener_patience,
        .fd_limit_per_thread = DS_HTTP_CONNECTIONS_MAX + FDS_OTHER,
    };
    s->context = lws_create_context(&info);
    s->vhost = s->context ? lws_create_vhost(s->context, &info) : NULL;
    lws_set_log_level(0, NULL); /* from here on its lines are about what strangers send */
    return s->vhost ? 0 : -1;
}

static int open_spare(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int open_listener(struct ds_serve *s, struct ds_error *err)
{
    const char *address = s->settings.address;
    struct sockaddr_storage where;
    socklen_t where_bytes;
    bool is_secured = s->settings.certificate && s->settings.token[0];
    if (ds_endpoint_parse_http(address, is_secured, &where, &where_bytes, err) < 0)
        return -1;
    int on = 1;
    s->listen_fd = socket(where.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->listen_fd < 0)
        return ds_error(err, DS_NETWORK, "cannot open a socket for http: %s", strerror(errno));
    setsockopt(s->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(s->listen_fd, (struct sockaddr *)&where, where_bytes) == 0 &&
        listen(s->listen_fd, BACKLOG) == 0)
        return 0;
    if (errno == EADDRINUSE)
        return ds_error(err, DS_NETWORK,
                        "cannot serve http on %s: the address is in use; stop the program that "
                        "has it, or choose another with --http or http.address",
                        address);
    return ds_error(
        err, errno == EACCES ? DS_PERMISSION : DS_NETWORK,
        "cannot serve http on %s: %s; choose another address with --http or http.address", address,
        strerror(errno));
}

static void read_url(struct ds_serve *s)
{
    struct sockaddr_storage bound = {0};
    socklen_t bytes = sizeof bound;
    char host[INET6_ADDRSTRLEN] = "";
    const char *scheme = s->settings.certificate ? "https" : "http";
    getsockname(s->listen_fd, (struct sockaddr *)&bound, &bytes);
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&bound;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&bound;
    if (bound.ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        snprintf(s->url, sizeof s->url, "%s://[%s]:%u", scheme, host, ntohs(v6->sin6_port));
    } else {
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        snprintf(s->url, sizeof s->url, "%s://%s:%u", scheme, host, ntohs(v4->sin_port));
    }
}

int ds_serve_create(const struct ds_serve_settings *settings, struct ds_serve **out,
                    struct ds_error *err)
{
    struct ds_serve *s = calloc(1, sizeof *s);
    if (!s)
        return ds_error(err, DS_FAILURE, "cannot serve http: out of memory");
    s->settings = *settings;
    s->listen_fd = -1;
    s->spare_fd = -1;
    int failed = open_listener(s, err);
    if (!failed && create_context(s) < 0)
        failed = settings->certificate
                     ? ds_error(err, DS_CONFIG,
                                "cannot serve https with http.certificate %s and http.key %s: are "
                                "they PEM files that go together, and may they be read?",
                                settings->certificate, settings->key)
                     : ds_error(err, DS_FAILURE, "cannot serve http: libwebsockets does not start");
    if (!failed)
        failed = ds_serve_watch(s, s->listen_fd, err) < 0 ||
                 ds_serve_watch(s, ds_answerer_fd(settings->answerer), err) < 0;
    if (!failed && (s->spare_fd = open_spare()) < 0)
        failed = ds_error(err, DS_FAILURE, "cannot serve http: %s", strerror(errno));
    if (failed) {
        ds_serve_destroy(s);
        return -1;
    }
    read_url(s);
    *out = s;
    return 0;
}

void ds_serve_destroy(struct ds_serve *s)
{
    if (!s)
        return;
    if (s->context)
        lws_context_destroy(s->context);
    if (s->listen_fd >= 0)
        close(s->listen_fd);
    if (s->spare_fd >= 0)
        close(s->spare_fd);
    free(s);
}

void ds_serve_read_stats(const struct ds_serve *s, struct ds_serve_stats *out)
{
    *out = s->stats;
}

const char *ds_serve_url(const struct ds_serve *s)
{
    return s->url;
}

int ds_serve_watch(struct ds_serve *s, int fd, struct ds_error *err)
{
    /* libwebsockets closes what it watches; a duplicate shares the readiness. */
    lws_sock_file_fd_type copy = {.filefd = fcntl(fd, F_DUPFD_CLOEXEC, 0)};
    if (copy.filefd >= 0 &&
        lws_adopt_descriptor_vhost(s->vhost, LWS_ADOPT_RAW_FILE_DESC, copy, WAKE_PROTOCOL, NULL))
        return 0;
    return ds_error(err, DS_FAILURE, "cannot watch a descriptor: %s", strerror(errno));
}

static void turn_away(struct ds_serve *s, int fd)
{
    static const char text[] = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n"
                               "retry-after: 5\r\nconnection: close\r\n\r\n";
    send(fd, text, sizeof text - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    close(fd);
    s->stats.turned_away++;
}

static int accept_one(const struct ds_serve *s)
{
    return accept4(s->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/* Without a descriptor for it a connection would wait, and keep the loop awake all the time. False
 * where none waits. */
static bool turn_away_without_descriptor(struct ds_serve *s)
{
    close(s->spare_fd);
    int fd = accept_one(s);
    if (fd >= 0)
        turn_away(s, fd);
    s->spare_fd = open_spare();
    return fd >= 0;
}

static void accept_all(struct ds_serve *s)
{
    for (;;) {
        int fd = accept_one(s);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE) && turn_away_without_descriptor(s))
            continue;
        if (fd < 0)
            return;
        if (s->connections >= DS_HTTP_CONNECTIONS_MAX) {
            turn_away(s, fd);
            continue;
        }
        const lws_adopt_desc_t adopt = {.vh = s->vhost,
                                        .type = LWS_ADOPT_HTTP | LWS_ADOPT_SOCKET |
                                                (s->settings.certificate ? LWS_ADOPT_ALLOW_SSL : 0),
                                        .fd = {.sockfd = fd},
                                        .opaque = s};
        s->connections++; /* before: a failing adoption may or may not destroy a wsi */
        if (!lws_adopt_descriptor_vhost_via_info(&adopt))
            ds_log(DS_LOG_DEBUG, "an HTTP connection could not be taken");
    }
}

void ds_serve_round(struct ds_serve *s, bool is_busy)
{
    if (is_busy)
        lws_cancel_service(s->context);
    lws_service(s->context, 0);
    accept_all(s);
    const struct lws_protocols *http = lws_vhost_name_to_protocol(s->vhost, HTTP_PROTOCOL);
    if (ds_answerer_heed(s->settings.answerer) && http)
        lws_callback_all_protocol_vhost_args(s->vhost, http, LWS_CALLBACK_USER, NULL, 0);
}
