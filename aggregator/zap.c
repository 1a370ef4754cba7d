/* SPDX-License-Identifier: Apache-2.0 */
#include "zap.h"

#include "darkscope/clock.h"
#include "darkscope/log.h"
#include "darkscope/quiet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define ENDPOINT   "inproc://zeromq.zap.01" /* RFC 27 */
#define VERSION    "1.0"
#define MECHANISM  "CURVE"
#define BATCH      64 /* questions of one service round */
#define KEY_BYTES  32
#define PART_BYTES 256

/* The parts of a question. Without CURVE there may be fewer or more credentials. */
enum part {
    PART_VERSION,
    PART_REQUEST,
    PART_DOMAIN,
    PART_ADDRESS,
    PART_IDENTITY,
    PART_MECHANISM,
    PART_KEY,
    PART_COUNT
};

struct question {
    unsigned count;           /* parts that came */
    size_t sizes[PART_COUNT]; /* whole, also where the bytes were cut */
    uint8_t parts[PART_COUNT][PART_BYTES];
};

/* Events of one second. */
struct rate {
    int64_t second;
    unsigned count;
};

struct ds_zap {
    void *socket;
    int fd;
    struct ds_keys keys;
    struct rate *rates; /* of each key */
    struct rate strangers;
    struct ds_quiet refusing, limiting;
    struct ds_zap_stats stats;
};

static bool allows(struct rate *r, unsigned most, int64_t now_ns)
{
    int64_t second = now_ns / DS_NS_PER_S;
    if (r->second != second)
        *r = (struct rate){.second = second};
    return r->count++ < most;
}

int ds_zap_create(void *context, struct ds_keys *keys, struct ds_zap **out)
{
    struct ds_zap *z = calloc(1, sizeof *z);
    if (!z) {
        ds_keys_finish(keys);
        return -1;
    }
    z->keys = *keys;
    *keys = (struct ds_keys){0};
    z->rates = calloc(z->keys.count + 1, sizeof *z->rates);
    z->socket = zmq_socket(context, ZMQ_REP);
    int linger = 0;
    size_t bytes = sizeof z->fd;
    if (z->rates && z->socket &&
        zmq_setsockopt(z->socket, ZMQ_LINGER, &linger, sizeof linger) == 0 &&
        zmq_bind(z->socket, ENDPOINT) == 0 &&
        zmq_getsockopt(z->socket, ZMQ_FD, &z->fd, &bytes) == 0) {
        *out = z;
        return 0;
    }
    int cause = errno;
    ds_zap_destroy(z);
    errno = cause;
    return -1;
}

void ds_zap_destroy(struct ds_zap *z)
{
    if (!z)
        return;
    if (z->socket)
        zmq_close(z->socket);
    ds_keys_finish(&z->keys);
    free(z->rates);
    free(z);
}

int ds_zap_fd(const struct ds_zap *z)
{
    return z->fd;
}

void ds_zap_replace(struct ds_zap *z, struct ds_keys *keys)
{
    struct rate *rates = calloc(keys->count + 1, sizeof *rates);
    ds_keys_finish(&z->keys);
    free(z->rates);
    z->rates = rates;
    z->keys = *keys;
    *keys = (struct ds_keys){0};
    if (!rates) { /* nobody is better than everybody */
        ds_log(DS_LOG_ERROR, "no memory for the list of sensors: none may connect");
        ds_keys_finish(&z->keys);
    }
}

bool ds_zap_lists(const struct ds_zap *z, const char *name, const char *z85)
{
    const struct ds_key *key = ds_keys_find(&z->keys, z85);
    return key && strcmp(key->name, name) == 0;
}

/* False where there is none now. */
static bool receive(struct ds_zap *z, struct question *q)
{
    *q = (struct question){0};
    bool more = true;
    while (more) {
        zmq_msg_t part;
        zmq_msg_init(&part);
        if (zmq_msg_recv(&part, z->socket, ZMQ_DONTWAIT) < 0)
            return false; /* parts come all or none, so this is the first */
        size_t size = zmq_msg_size(&part);
        if (q->count < PART_COUNT) {
            q->sizes[q->count] = size;
            memcpy(q->parts[q->count], zmq_msg_data(&part), size < PART_BYTES ? size : PART_BYTES);
        }
        q->count += q->count <= PART_COUNT;
        more = zmq_msg_more(&part);
        zmq_msg_close(&part);
    }
    return true;
}

static bool is_text(const struct question *q, enum part part, const char *text)
{
    return q->sizes[part] == strlen(text) && memcmp(q->parts[part], text, q->sizes[part]) == 0;
}

static void log_refused(struct ds_zap *z, const char *z85, int64_t now_ns)
{
    uint64_t unsaid;
    if (ds_quiet_allows(&z->refusing, now_ns, &unsaid))
        ds_log(DS_LOG_WARNING,
               "a sensor with key %s is not let in: it is not in the list (%" PRIu64
               " more not logged)",
               z85, unsaid);
}

static void log_limited(struct ds_zap *z, const char *name, int64_t now_ns)
{
    uint64_t unsaid;
    z->stats.limited++;
    if (ds_quiet_allows(&z->limiting, now_ns, &unsaid))
        ds_log(DS_LOG_WARNING,
               "too many connections in a second by %s: held off (%" PRIu64 " more not logged)",
               name, unsaid);
}

/* The status of RFC 27: 200 come in, 300 try later (libzmq says nothing and hangs up), 400 no.
 * *who is the listed key for 200. */
static const char *judge(struct ds_zap *z, const struct question *q, int64_t now_ns,
                         const struct ds_key **who)
{
    char z85[DS_KEY_Z85 + 1] = "";
    bool is_curve = q->count == PART_COUNT && is_text(q, PART_VERSION, VERSION) &&
                    is_text(q, PART_MECHANISM, MECHANISM) && q->sizes[PART_KEY] == KEY_BYTES;
    if (is_curve)
        zmq_z85_encode(z85, q->parts[PART_KEY], KEY_BYTES);
    *who = is_curve ? ds_keys_find(&z->keys, z85) : NULL;
    if (*who) {
        if (allows(&z->rates[*who - z->keys.entries], DS_ZAP_SENSOR_PER_S, now_ns)) {
            z->stats.accepted++;
            return "200";
        }
        log_limited(z, (*who)->name, now_ns);
        return "300";
    }
    if (!allows(&z->strangers, DS_ZAP_STRANGERS_PER_S, now_ns)) {
        log_limited(z, "strangers", now_ns);
        return "300";
    }
    z->stats.refused++;
    log_refused(z, is_curve ? z85 : "none", now_ns);
    return "400";
}

static void send_part(struct ds_zap *z, const void *bytes, size_t size, int flags)
{
    zmq_send(z->socket, bytes, size, flags | ZMQ_DONTWAIT);
}

/* Name and value, each behind its length (RFC 23). */
static size_t write_property(const char *value, uint8_t out[static PART_BYTES])
{
    static const char name[] = DS_ZAP_KEY_PROPERTY;
    size_t name_bytes = sizeof name - 1, value_bytes = strlen(value);
    uint32_t length_be = htonl((uint32_t)value_bytes);
    out[0] = (uint8_t)name_bytes;
    memcpy(out + 1, name, name_bytes);
    memcpy(out + 1 + name_bytes, &length_be, sizeof length_be);
    memcpy(out + 1 + name_bytes + sizeof length_be, value, value_bytes);
    return 1 + name_bytes + sizeof length_be + value_bytes;
}

static void answer(struct ds_zap *z, const struct question *q, int64_t now_ns)
{
    const struct ds_key *who;
    uint8_t metadata[PART_BYTES];
    const char *status = judge(z, q, now_ns, &who);
    bool is_welcome = strcmp(status, "200") == 0;
    size_t request = q->sizes[PART_REQUEST];
    send_part(z, VERSION, strlen(VERSION), ZMQ_SNDMORE);
    send_part(z, q->parts[PART_REQUEST], request < PART_BYTES ? request : PART_BYTES, ZMQ_SNDMORE);
    send_part(z, status, strlen(status), ZMQ_SNDMORE);
    send_part(z, "", 0, ZMQ_SNDMORE);
    send_part(z, is_welcome ? who->name : "", is_welcome ? strlen(who->name) : 0, ZMQ_SNDMORE);
    send_part(z, metadata, is_welcome ? write_property(who->z85, metadata) : 0, 0);
}

bool ds_zap_service(struct ds_zap *z, int64_t now_ns)
{
    struct question q;
    for (size_t i = 0; i < BATCH; i++) {
        if (!receive(z, &q))
            return false;
        answer(z, &q, now_ns);
    }
    return true;
}

void ds_zap_read_stats(const struct ds_zap *z, struct ds_zap_stats *out)
{
    *out = z->stats;
}
