/* SPDX-License-Identifier: Apache-2.0 */
#include "live.h"

#include "darkscope/clock.h"
#include "darkscope/endpoint.h"
#include "darkscope/log.h"
#include "darkscope/quiet.h"

#include <errno.h>
#include <inttypes.h>
#include <msgpack/pack.h>
#include <msgpack/sbuffer.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <zmq.h>

#define BATCH         256 /* messages of one service round */
#define RECEIVE_HWM   64  /* of one sensor: three seconds */
#define SEND_HWM      64
#define CURVE_BYTES   128 /* what encryption adds to a message, at most */
#define HANDSHAKE_MS  10000
#define HELLO_S       10 /* between two hellos on the PUB socket */
#define ENDPOINT_ROOM 256

struct ds_live {
    struct ds_live_settings settings;
    void *socket, *publisher; /* publisher: NULL where nobody is told */
    int fd, timer_fd;
    char endpoint[ENDPOINT_ROOM];
    bool is_armed;                  /* the timer runs */
    int64_t hello_ns;               /* the last one on the PUB socket */
    unsigned messages;              /* in frame */
    size_t frame_bytes;             /* behind its head */
    unsigned char *frame;           /* DS_LIVE_FRAMES_HEAD + DS_LIVE_FRAME_MAX */
    struct ds_live_message message; /* the last one, to be checked */
    struct ds_quiet malformed;
    struct ds_live_stats stats;
};

static int set_options(void *socket, const char *endpoint)
{
    const struct {
        int name, value;
    } options[] = {
        {ZMQ_RCVHWM, RECEIVE_HWM},
        {ZMQ_SNDHWM, SEND_HWM},
        {ZMQ_LINGER, 0},
        {ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS},
        {ZMQ_IPV6, strchr(endpoint, '[') != NULL},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (zmq_setsockopt(socket, options[i].name, &options[i].value, sizeof(int)) < 0)
            return -1;
    int64_t message_max = DS_LIVE_MESSAGE_MAX + CURVE_BYTES;
    return zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &message_max, sizeof message_max);
}

static int bind_socket(void *socket, const char *what, const char *endpoint, struct ds_error *err)
{
    if (zmq_bind(socket, endpoint) == 0)
        return 0;
    return ds_error(err, errno == EACCES ? DS_PERMISSION : DS_NETWORK,
                    "%s: cannot listen on %.200s: %s; choose another address", what, endpoint,
                    zmq_strerror(errno));
}

static int open_socket(struct ds_live *l, struct ds_error *err)
{
    const struct ds_live_settings *s = &l->settings;
    l->socket = zmq_socket(ds_receive_context(s->receive), ZMQ_SUB);
    if (!l->socket || set_options(l->socket, s->endpoint) < 0 ||
        zmq_setsockopt(l->socket, ZMQ_SUBSCRIBE, "", 0) < 0 ||
        ds_receive_guard(l->socket, s->key) < 0)
        return ds_error(err, DS_FAILURE, "cannot listen for live samples: %s", zmq_strerror(errno));
    if (bind_socket(l->socket, "live.listen", s->endpoint, err) < 0)
        return -1;
    size_t bytes = sizeof l->endpoint;
    zmq_getsockopt(l->socket, ZMQ_LAST_ENDPOINT, l->endpoint, &bytes);
    bytes = sizeof l->fd;
    zmq_getsockopt(l->socket, ZMQ_FD, &l->fd, &bytes);
    return 0;
}

/* In the clear, so on this machine only: ds_endpoint_check has seen to it. */
static int open_publisher(struct ds_live *l, struct ds_error *err)
{
    const char *endpoint = l->settings.publish;
    if (!endpoint)
        return 0;
    l->publisher = zmq_socket(ds_receive_context(l->settings.receive), ZMQ_PUB);
    if (!l->publisher || set_options(l->publisher, endpoint) < 0)
        return ds_error(err, DS_FAILURE, "cannot publish live samples: %s", zmq_strerror(errno));
    return bind_socket(l->publisher, "live.publish", endpoint, err);
}

int ds_live_create(const struct ds_live_settings *settings, struct ds_live **out,
                   struct ds_error *err)
{
    struct ds_live *l = calloc(1, sizeof *l);
    if (l)
        *l = (struct ds_live){.settings = *settings,
                              .timer_fd =
                                  timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC),
                              .frame = malloc(DS_LIVE_FRAMES_HEAD + DS_LIVE_FRAME_MAX)};
    int failed = !l || !l->frame || l->timer_fd < 0
                     ? ds_error(err, DS_FAILURE, "cannot make the live feed: out of memory")
                     : open_socket(l, err) || open_publisher(l, err);
    if (failed) {
        ds_live_destroy(l);
        return -1;
    }
    l->settings.key = NULL;
    *out = l;
    return 0;
}

void ds_live_destroy(struct ds_live *l)
{
    if (!l)
        return;
    if (l->socket)
        zmq_close(l->socket);
    if (l->publisher)
        zmq_close(l->publisher);
    if (l->timer_fd >= 0)
        close(l->timer_fd);
    free(l->frame);
    free(l);
}

const char *ds_live_endpoint(const struct ds_live *l)
{
    return l->endpoint;
}

int ds_live_fd(const struct ds_live *l)
{
    return l->fd;
}

int ds_live_timer_fd(const struct ds_live *l)
{
    return l->timer_fd;
}

void ds_live_read_stats(const struct ds_live *l, struct ds_live_stats *out)
{
    *out = l->stats;
}

/* ---- what is told to listeners ---- */

static void pack_text(msgpack_packer *pk, const char *text)
{
    if (!text) {
        msgpack_pack_nil(pk);
        return;
    }
    msgpack_pack_str_with_body(pk, text, strlen(text));
}

static void pack_names(msgpack_packer *pk, const char *key, const char *(*name)(unsigned),
                       unsigned count)
{
    pack_text(pk, key);
    msgpack_pack_array(pk, count);
    for (unsigned i = 0; i < count; i++)
        pack_text(pk, name(i));
}

static void pack_place(msgpack_packer *pk, const struct ds_live_place *place)
{
    pack_text(pk, "place");
    if (!place->name) {
        msgpack_pack_nil(pk);
        return;
    }
    msgpack_pack_map(pk, 3);
    pack_text(pk, "name");
    pack_text(pk, place->name);
    pack_text(pk, "latitude");
    msgpack_pack_double(pk, place->latitude);
    pack_text(pk, "longitude");
    msgpack_pack_double(pk, place->longitude);
}

static void pack_hello(msgpack_packer *pk, const struct ds_live *l)
{
    msgpack_pack_map(pk, 9);
    pack_text(pk, "kind");
    pack_text(pk, "hello");
    pack_text(pk, "version");
    msgpack_pack_int(pk, DS_LIVE_VERSION);
    pack_text(pk, "software");
    pack_text(pk, DARKSCOPE_VERSION);
    pack_text(pk, "time_ms");
    msgpack_pack_int64(pk, ds_clock_utc_ns() / DS_NS_PER_MS);
    pack_place(pk, &l->settings.place);
    pack_names(pk, "types", ds_type_name, DS_TYPE_COUNT);
    pack_names(pk, "classes", ds_class_name, DS_CLASS_COUNT);
    pack_names(pk, "devices", ds_device_name, DS_DEVICE_COUNT);
    pack_text(pk, "attribution");
    pack_text(pk, l->settings.attribution);
}

/* msgpack_sbuffer grows by realloc and leaves what it had where that fails. */
static int take(msgpack_sbuffer *buffer, unsigned char **out, size_t *size)
{
    *size = buffer->size;
    *out = (unsigned char *)msgpack_sbuffer_release(buffer);
    return *out ? 0 : -1;
}

int ds_live_make_hello(const struct ds_live *l, unsigned char **out, size_t *size)
{
    msgpack_sbuffer buffer;
    msgpack_packer pk;
    msgpack_sbuffer_init(&buffer);
    msgpack_packer_init(&pk, &buffer, msgpack_sbuffer_write);
    msgpack_pack_array(&pk, 1);
    pack_hello(&pk, l);
    return take(&buffer, out, size);
}

int ds_live_make_skipped(uint64_t messages, unsigned char **out, size_t *size)
{
    msgpack_sbuffer buffer;
    msgpack_packer pk;
    msgpack_sbuffer_init(&buffer);
    msgpack_packer_init(&pk, &buffer, msgpack_sbuffer_write);
    msgpack_pack_array(&pk, 1);
    msgpack_pack_map(&pk, 2);
    pack_text(&pk, "kind");
    pack_text(&pk, "skipped");
    pack_text(&pk, "messages");
    msgpack_pack_uint64(&pk, messages);
    return take(&buffer, out, size);
}

/* ---- what comes ---- */

static void log_malformed(struct ds_live *l, const char *why, int64_t now_ns)
{
    uint64_t unsaid;
    l->stats.malformed++;
    if (ds_quiet_allows(&l->malformed, now_ns, &unsaid))
        ds_log(DS_LOG_WARNING,
               "a live message on %s is not passed on, wrong is: %s (%" PRIu64 " more not logged)",
               l->endpoint, why, unsaid);
}

static void start_timer(struct ds_live *l)
{
    const struct itimerspec once = {.it_value.tv_nsec = DS_LIVE_TICK_MS * DS_NS_PER_MS};
    l->is_armed = timerfd_settime(l->timer_fd, 0, &once, NULL) == 0;
}

static void take_message(struct ds_live *l, zmq_msg_t *message, int64_t now_ns)
{
    char user[DS_NAME_MAX + 1];
    size_t size = zmq_msg_size(message);
    l->stats.received++;
    if (!ds_receive_identify(l->settings.receive, message, user)) {
        log_malformed(l, "its sensor's key is not listed any more", now_ns);
        return;
    }
    const char *why = ds_live_decode(zmq_msg_data(message), size, &l->message);
    if (!why && *user && strcmp(user, l->message.sensor) != 0)
        why = "it has another name than its key";
    if (why) {
        log_malformed(l, why, now_ns);
        return;
    }
    if (l->frame_bytes + size > DS_LIVE_FRAME_MAX) {
        l->stats.dropped++;
        return;
    }
    memcpy(l->frame + DS_LIVE_FRAMES_HEAD + l->frame_bytes, zmq_msg_data(message), size);
    l->frame_bytes += size;
    l->messages++;
    if (!l->is_armed)
        start_timer(l);
}

/* Other visualizers get the same frames. */
static void publish(struct ds_live *l, int64_t now_ns)
{
    unsigned char *hello;
    size_t size;
    if (!l->publisher)
        return;
    if (now_ns - l->hello_ns > HELLO_S * DS_NS_PER_S && ds_live_make_hello(l, &hello, &size) == 0) {
        zmq_send(l->publisher, hello, size, ZMQ_DONTWAIT);
        free(hello);
        l->hello_ns = now_ns;
    }
    zmq_send(l->publisher, l->frame, DS_LIVE_FRAMES_HEAD + l->frame_bytes, ZMQ_DONTWAIT);
}

/* The array's head: array 32. */
static void end_frame(struct ds_live *l, int64_t now_ns, ds_live_fn *each, void *arg)
{
    l->frame[0] = 0xdd;
    for (int i = 0; i < 4; i++)
        l->frame[1 + i] = (unsigned char)(l->messages >> (24 - 8 * i));
    publish(l, now_ns);
    each(arg, l->frame, DS_LIVE_FRAMES_HEAD + l->frame_bytes, l->messages);
    l->messages = 0;
    l->frame_bytes = 0;
}

bool ds_live_service(struct ds_live *l, int64_t now_ns, ds_live_fn *each, void *arg)
{
    uint64_t ticks;
    zmq_msg_t message;
    bool is_more = true;
    for (int i = 0; i < BATCH && is_more; i++) {
        zmq_msg_init(&message);
        is_more = zmq_msg_recv(&message, l->socket, ZMQ_DONTWAIT) >= 0;
        if (is_more)
            take_message(l, &message, now_ns);
        zmq_msg_close(&message);
    }
    if (l->is_armed && read(l->timer_fd, &ticks, sizeof ticks) == sizeof ticks) {
        l->is_armed = false;
        end_frame(l, now_ns, each, arg);
    }
    return is_more;
}
