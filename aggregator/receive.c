/* SPDX-License-Identifier: Apache-2.0
 *
 * An answer that cannot be sent at once is dropped: its sensor asks again, since it keeps every
 * window until it is acknowledged.
 */
#include "receive.h"

#include "darkscope/clock.h"
#include "darkscope/endpoint.h"
#include "darkscope/log.h"
#include "darkscope/quiet.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#define BATCH         64                  /* messages of one service round ... */
#define ROUND_NS      (20 * DS_NS_PER_MS) /* ... of which none begins after so long */
/* Messages that libzmq holds of one peer, 1 MB. With 1 a handshake that waits for its key's
 * judgement never ends (libzmq 4.3.4). */
#define RECEIVE_HWM   64
#define CURVE_BYTES   128  /* what encryption adds to a message, at most */
#define SEND_HWM      1000 /* answers that it holds for one peer */
#define LINGER_MS     1000 /* for the last answers at the end */
#define BACKLOG       128
#define HANDSHAKE_MS  10000
#define KEEPALIVE_S   DS_HEARTBEAT_S /* the kernel asks a silent peer, so often ... */
#define KEEPALIVES    3              /* ... and drops it when so many had no answer */
#define ENDPOINT_ROOM 256
#define ZAP_DOMAIN    "darkscope"

/* A message that was received, borrowed. */
struct bytes {
    const void *data;
    size_t size;
    bool is_whole; /* put together from pieces */
};

struct ds_receive {
    void *context, *socket;
    struct ds_zap *zap; /* NULL: in the clear */
    int fd;
    char endpoint[ENDPOINT_ROOM];
    struct ds_sessions *sessions;
    struct ds_ingest *ingest;
    struct ds_quiet malformed, skewed;
    struct ds_receive_stats stats;
    struct ds_observe *observe;
};

int ds_receive_guard(void *socket, const struct ds_key *key)
{
    int is_server = 1;
    if (!key)
        return 0;
    if (zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &is_server, sizeof is_server) < 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, key->z85, sizeof key->z85) < 0)
        return -1;
    return zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, ZAP_DOMAIN, strlen(ZAP_DOMAIN));
}

static int set_options(void *socket, const char *endpoint)
{
    const struct {
        int name, value;
    } options[] = {
        {ZMQ_ROUTER_MANDATORY, 1}, /* a peer that is gone is an error, not silence */
        {ZMQ_ROUTER_HANDOVER, 0},  /* nobody takes over another's routing id */
        {ZMQ_RCVHWM, RECEIVE_HWM},
        {ZMQ_SNDHWM, SEND_HWM},
        {ZMQ_LINGER, LINGER_MS},
        {ZMQ_BACKLOG, BACKLOG},
        {ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS},
        /* Not ZMQ_HEARTBEAT_IVL: libzmq 4.3.4 ends the program (!_io_error) where it is due on a
         * connection that broke while messages of it waited. */
        {ZMQ_TCP_KEEPALIVE, 1},
        {ZMQ_TCP_KEEPALIVE_IDLE, KEEPALIVE_S},
        {ZMQ_TCP_KEEPALIVE_INTVL, KEEPALIVE_S},
        {ZMQ_TCP_KEEPALIVE_CNT, KEEPALIVES},
        {ZMQ_IPV6, strchr(endpoint, '[') != NULL}, /* else 127.0.0.1 is bound as ::ffff: */
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (zmq_setsockopt(socket, options[i].name, &options[i].value, sizeof(int)) < 0)
            return -1;
    int64_t message_max = DS_PIECE_MAX + CURVE_BYTES;
    return zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &message_max, sizeof message_max);
}

/* libzmq unlinks a local socket's path before it binds, and so would take it from an aggregator
 * that runs. */
static bool is_ipc_in_use(const char *endpoint)
{
    if (strncmp(endpoint, "ipc://", 6) != 0)
        return false;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, endpoint + 6, sizeof address.sun_path - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool in_use = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return in_use;
}

static int bind_socket(struct ds_receive *r, const char *endpoint, struct ds_error *err)
{
    int cause = is_ipc_in_use(endpoint)              ? EADDRINUSE
                : zmq_bind(r->socket, endpoint) == 0 ? 0
                                                     : errno;
    if (cause == EADDRINUSE)
        return ds_error(err, DS_NETWORK,
                        "cannot listen for sensors on %s: the address is in use; stop the "
                        "aggregator that runs there, or choose another with --listen or listen:",
                        endpoint);
    if (cause)
        return ds_error(err, cause == EACCES ? DS_PERMISSION : DS_NETWORK,
                        "cannot listen for sensors on %s: %s; choose another address with "
                        "--listen or listen:",
                        endpoint, zmq_strerror(cause));
    size_t bytes = sizeof r->endpoint;
    zmq_getsockopt(r->socket, ZMQ_LAST_ENDPOINT, r->endpoint, &bytes);
    bytes = sizeof r->fd;
    zmq_getsockopt(r->socket, ZMQ_FD, &r->fd, &bytes);
    return 0;
}

/* 0, or -1 with errno. */
static int build(struct ds_receive *r, const struct ds_receive_settings *settings)
{
    r->ingest = settings->ingest;
    r->sessions = ds_sessions_create();
    r->observe = calloc(1, sizeof *r->observe);
    r->context = zmq_ctx_new();
    if (!r->sessions || !r->observe || !r->context)
        return -1;
    if (settings->key && ds_zap_create(r->context, settings->sensors, &r->zap) < 0)
        return -1;
    r->socket = zmq_socket(r->context, ZMQ_ROUTER);
    if (!r->socket || set_options(r->socket, settings->endpoint) < 0)
        return -1;
    return ds_receive_guard(r->socket, settings->key);
}

int ds_receive_create(const struct ds_receive_settings *settings, struct ds_receive **out,
                      struct ds_error *err)
{
    struct ds_receive *r = calloc(1, sizeof *r);
    if (!r)
        return ds_error(err, DS_FAILURE, "cannot listen for sensors: out of memory");
    int failed = ds_endpoint_check("listen", settings->endpoint, settings->key, err);
    if (!failed && build(r, settings) < 0)
        failed = ds_error(err, DS_FAILURE, "cannot listen for sensors: %s", zmq_strerror(errno));
    if (!failed)
        failed = bind_socket(r, settings->endpoint, err);
    if (settings->sensors)
        ds_keys_finish(settings->sensors); /* where nobody has taken them */
    if (failed) {
        ds_receive_destroy(r);
        return -1;
    }
    *out = r;
    return 0;
}

void ds_receive_destroy(struct ds_receive *r)
{
    if (!r)
        return;
    if (r->socket)
        zmq_close(r->socket);
    ds_zap_destroy(r->zap);
    if (r->context)
        zmq_ctx_term(r->context);
    ds_sessions_destroy(r->sessions);
    free(r->observe);
    free(r);
}

const char *ds_receive_endpoint(const struct ds_receive *r)
{
    return r->endpoint;
}

int ds_receive_fd(const struct ds_receive *r)
{
    return r->fd;
}

int ds_receive_handshake_fd(const struct ds_receive *r)
{
    return r->zap ? ds_zap_fd(r->zap) : -1;
}

void ds_receive_replace_sensors(struct ds_receive *r, struct ds_keys *sensors)
{
    ds_zap_replace(r->zap, sensors);
}

static void answer_peer(struct ds_receive *r, const struct ds_peer *to, struct ds_message *answer)
{
    answer->clock_ns = ds_clock_utc_ns();
    r->stats.refused += answer->kind == DS_MESSAGE_REFUSE;
    unsigned char *bytes;
    size_t size;
    if (ds_message_encode(answer, &bytes, &size) < 0) {
        r->stats.unsent++;
        return;
    }
    /* Once the first part is accepted, the second is. */
    if (zmq_send(r->socket, to->id, to->bytes, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0 ||
        zmq_send(r->socket, bytes, size, ZMQ_DONTWAIT) < 0)
        r->stats.unsent++;
    free(bytes);
}

static void settle(struct ds_receive *r, const struct ds_job *job)
{
    struct ds_peer to;
    struct ds_message answer;
    ds_observe_note(r->observe, job->ticket.sensor, job->outcome, &job->window,
                    ds_clock_utc_ns() / DS_NS_PER_S);
    if (ds_sessions_settle(r->sessions, &job->ticket, job->outcome, job->reason, &to, &answer) ==
        DS_STEP_ANSWER)
        answer_peer(r, &to, &answer);
}

void ds_receive_settle(struct ds_receive *r)
{
    struct ds_job *job;
    while ((job = ds_ingest_take(r->ingest))) {
        settle(r, job);
        ds_job_destroy(job);
    }
}

/* Moves the window out of the message. */
static void pass_on(struct ds_receive *r, const struct ds_ticket *ticket, struct ds_message *m)
{
    struct ds_job no_memory = {.ticket = *ticket, .outcome = DS_OUTCOME_FAILED};
    struct ds_job *job = malloc(sizeof *job);
    if (!job) {
        settle(r, &no_memory);
        return;
    }
    *job = (struct ds_job){.ticket = *ticket, .window = m->window, .outcome = DS_OUTCOME_FAILED};
    ds_window_init(&m->window);
    if (ds_ingest_push(r->ingest, job))
        return;
    strcpy(job->reason, "too many windows wait for the store");
    settle(r, job);
    ds_job_destroy(job);
}

static void log_malformed(struct ds_receive *r, const char *why, int64_t now_ns)
{
    uint64_t unsaid;
    r->stats.malformed++;
    if (ds_quiet_allows(&r->malformed, now_ns, &unsaid))
        ds_log(DS_LOG_WARNING,
               "a message on %s cannot be understood, wrong is: %s (%" PRIu64 " more not logged)",
               r->endpoint, why, unsaid);
}

static void take_piece(struct ds_receive *r, const struct ds_peer *from,
                       const struct ds_piece *piece, int64_t now_ns);

/* A window is the only message that costs much to read: strangers cannot make us, and what it takes
 * is taken only where there is room for it. */
static enum ds_decode decode(struct ds_receive *r, const struct ds_peer *from, struct bytes in,
                             struct ds_message *m, const char **why)
{
    enum ds_decode decoded = ds_message_decode_head(m, in.data, in.size, why);
    if (decoded != DS_DECODE_OK || !ds_sessions_wants(r->sessions, from, m->kind))
        return decoded;
    if (m->kind == DS_MESSAGE_WINDOW &&
        !ds_sessions_have_room(r->sessions, from, ds_message_weight(in.data, in.size)))
        return DS_DECODE_NO_MEMORY;
    return ds_message_decode(m, in.data, in.size, why);
}

/* Windows carry their sensor's time: where it is wrong, so are all series. */
static void compare_clocks(struct ds_receive *r, const struct ds_peer *from,
                           const struct ds_hello *hello, int64_t now_ns)
{
    uint64_t unsaid;
    int64_t ahead_ns = ds_clock_ahead_ns(hello->clock_ns, ds_clock_utc_ns());
    ds_sessions_note_clock(r->sessions, from, ahead_ns);
    if (ds_clock_is_skewed(ahead_ns) && ds_quiet_allows(&r->skewed, now_ns, &unsaid))
        ds_log(DS_LOG_WARNING,
               "the clock of sensor %s is %.1f s %s ours, and its windows with it: check that both "
               "machines run NTP (%" PRIu64 " more not logged)",
               hello->sensor, fabs((double)ahead_ns / DS_NS_PER_S),
               ahead_ns > 0 ? "ahead of" : "behind", unsaid);
}

static void judge(struct ds_receive *r, const struct ds_peer *from, enum ds_decode decoded,
                  struct ds_message *m, int64_t now_ns)
{
    struct ds_message answer;
    struct ds_ticket ticket;
    enum ds_step step =
        ds_sessions_message(r->sessions, from, decoded, m, now_ns, &answer, &ticket);
    if (step == DS_STEP_ANSWER && answer.kind == DS_MESSAGE_WELCOME)
        compare_clocks(r, from, &m->hello, now_ns);
    if (step == DS_STEP_ANSWER)
        answer_peer(r, from, &answer);
    if (step == DS_STEP_STORE)
        pass_on(r, &ticket, m);
}

/* in.data is NULL for what is not of one part. A message that came in pieces is no piece. */
static void take_message(struct ds_receive *r, const struct ds_peer *from, struct bytes in,
                         int64_t now_ns)
{
    struct ds_message m = {.kind = DS_MESSAGE_KIND_COUNT};
    const char *why = "number of parts";
    enum ds_decode decoded = in.data ? decode(r, from, in, &m, &why) : DS_DECODE_MALFORMED;
    if (decoded == DS_DECODE_MALFORMED)
        log_malformed(r, why, now_ns);
    if (decoded == DS_DECODE_OK && m.kind == DS_MESSAGE_PIECE && !in.is_whole)
        take_piece(r, from, &m.piece, now_ns);
    else
        judge(r, from, decoded, &m, now_ns);
    ds_message_finish(&m);
}

static void take_piece(struct ds_receive *r, const struct ds_peer *from,
                       const struct ds_piece *piece, int64_t now_ns)
{
    struct ds_message answer;
    unsigned char *whole;
    struct bytes in = {.is_whole = true};
    switch (ds_sessions_piece(r->sessions, from, piece, now_ns, &answer, &whole, &in.size)) {
    case DS_STEP_ANSWER:
        answer_peer(r, from, &answer);
        break;
    case DS_STEP_WHOLE:
        in.data = whole;
        take_message(r, from, in, now_ns);
        free(whole);
        break;
    default:
        break;
    }
}

/* libzmq hangs the shown key on every message of a connection; without keys a peer could write
 * there what it likes. */
bool ds_receive_identify(const struct ds_receive *r, void *message,
                         char sensor[static DS_NAME_MAX + 1])
{
    sensor[0] = 0;
    if (!r->zap)
        return true;
    const char *name = zmq_msg_gets(message, "User-Id");
    const char *key = zmq_msg_gets(message, DS_ZAP_KEY_PROPERTY);
    if (!name || !key || !ds_zap_lists(r->zap, name, key))
        return false;
    snprintf(sensor, DS_NAME_MAX + 1, "%s", name);
    return true;
}

void *ds_receive_context(const struct ds_receive *r)
{
    return r->context;
}

static void refuse_revoked(struct ds_receive *r, const struct ds_peer *from)
{
    struct ds_message answer = {.kind = DS_MESSAGE_REFUSE,
                                .refusal = DS_REFUSAL_KEY,
                                .reason = "this sensor's key is not listed any more"};
    r->stats.revoked++;
    answer_peer(r, from, &answer);
}

/* Takes one message, if there is one. ZeroMQ delivers all its parts or none. */
static bool receive_one(struct ds_receive *r, int64_t now_ns)
{
    struct ds_peer from;
    int id_bytes = zmq_recv(r->socket, from.id, sizeof from.id, ZMQ_DONTWAIT);
    if (id_bytes < 0)
        return false;
    from.bytes = (uint8_t)id_bytes;
    zmq_msg_t payload;
    zmq_msg_init(&payload);
    zmq_msg_recv(&payload, r->socket, ZMQ_DONTWAIT);
    bool is_single = !zmq_msg_more(&payload);
    bool is_known = ds_receive_identify(r, &payload, from.user);
    /* The rest goes, so that the next read begins with a routing id again. */
    while (zmq_msg_more(&payload) && zmq_msg_recv(&payload, r->socket, ZMQ_DONTWAIT) >= 0)
        ;
    r->stats.received++;
    struct bytes in = {.data = is_single ? zmq_msg_data(&payload) : NULL,
                       .size = zmq_msg_size(&payload)};
    if (is_known)
        take_message(r, &from, in, now_ns);
    else
        refuse_revoked(r, &from);
    zmq_msg_close(&payload);
    return true;
}

bool ds_receive_service(struct ds_receive *r, int64_t now_ns)
{
    bool is_busy = r->zap && ds_zap_service(r->zap, now_ns);
    ds_receive_settle(r);
    int64_t end_ns = ds_clock_steady_ns() + ROUND_NS;
    for (size_t i = 0; i < BATCH && (i == 0 || ds_clock_steady_ns() < end_ns); i++)
        if (!receive_one(r, now_ns))
            return is_busy;
    return true;
}

void ds_receive_each_skewed(const struct ds_receive *r, int64_t now_ns, ds_sessions_clock_fn *each,
                            void *arg)
{
    ds_sessions_each_skewed(r->sessions, now_ns, each, arg);
}

void ds_receive_each_live(const struct ds_receive *r, int64_t now_ns, ds_sessions_clock_fn *each,
                          void *arg)
{
    ds_sessions_each_live(r->sessions, now_ns, each, arg);
}

struct ds_observe *ds_receive_observe(const struct ds_receive *r)
{
    return r->observe;
}

void ds_receive_each_backlog(const struct ds_receive *r, int64_t now_ns,
                             ds_sessions_backlog_fn *each, void *arg)
{
    ds_sessions_each_backlog(r->sessions, now_ns, each, arg);
}

size_t ds_receive_count_sensors(const struct ds_receive *r, int64_t now_ns)
{
    return ds_sessions_count_live(r->sessions, now_ns);
}

void ds_receive_read_stats(const struct ds_receive *r, struct ds_receive_stats *out)
{
    *out = r->stats;
    if (r->zap)
        ds_zap_read_stats(r->zap, &out->handshakes);
}
