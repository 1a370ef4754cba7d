/* SPDX-License-Identifier: Apache-2.0 */
#include "feed.h"

#include "darkscope/clock.h"
#include "darkscope/endpoint.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define SEND_HWM  64  /* messages: three seconds */
#define LINGER_MS 200 /* at the end */

struct ds_feed {
    const char *sensor;
    void *context, *socket;
    pthread_t thread;
    struct ds_gate wake; /* only to be woken for the end */
    atomic_bool is_ending;
    struct ds_sample samples[DS_LIVE_ROWS_MAX];
    size_t rows;
    int64_t slice_ms, pulse_s;
    uint64_t sampled;           /* since the last pulse */
    struct ds_live_counts told; /* with the last pulse, of all samplers */
    unsigned count;
    struct feed_source {
        struct ds_sampler *sampler;
        struct ds_live_counts counted; /* the newest that it has said */
    } sources[];
};

/* Takes over bytes. */
static void publish(struct ds_feed *f, unsigned char *bytes, size_t size)
{
    zmq_send(f->socket, bytes, size, ZMQ_DONTWAIT);
    free(bytes);
}

static void send_samples(struct ds_feed *f)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    if (f->rows > 0 &&
        ds_live_encode_samples(f->sensor, f->slice_ms, f->samples, f->rows, &bytes, &size) == 0)
        publish(f, bytes, size);
    f->sampled += f->rows;
    f->rows = 0;
}

static void take_slot(struct ds_feed *f, struct feed_source *from, const struct ds_slot *slot)
{
    if (slot->kind == DS_SAMPLER_SLOT_COUNTS) {
        memcpy(&from->counted, slot->bytes, sizeof from->counted);
        return;
    }
    memcpy(&f->samples[f->rows++], slot->bytes, sizeof f->samples[0]);
    if (f->rows == DS_LIVE_ROWS_MAX)
        send_samples(f);
}

static void take_all(struct ds_feed *f)
{
    for (unsigned i = 0; i < f->count; i++) {
        struct ds_ring *ring = &f->sources[i].sampler->ring;
        struct ds_slot *slots;
        size_t n;
        while ((n = ds_ring_peek(ring, &slots, DS_SAMPLER_SLOTS)) > 0) {
            for (size_t k = 0; k < n; k++)
                take_slot(f, &f->sources[i], &slots[k]);
            ds_ring_release(ring, n);
        }
    }
}

/* What all have counted since the last one. */
static void send_pulse(struct ds_feed *f)
{
    struct ds_pulse pulse = {.time_s = f->pulse_s, .sampled = f->sampled};
    struct ds_live_counts all = {.outside = 0};
    unsigned char *bytes;
    size_t size;
    for (unsigned i = 0; i < f->count; i++) {
        const struct ds_live_counts *c = &f->sources[i].counted;
        for (unsigned type = 0; type < DS_TYPE_COUNT; type++)
            all.types[type] += c->types[type];
        all.outside += c->outside;
        all.malformed += c->malformed;
    }
    for (unsigned type = 0; type < DS_TYPE_COUNT; type++)
        pulse.counts.types[type] = all.types[type] - f->told.types[type];
    pulse.counts.outside = all.outside - f->told.outside;
    pulse.counts.malformed = all.malformed - f->told.malformed;
    if (ds_live_encode_pulse(f->sensor, &pulse, &bytes, &size) == 0)
        publish(f, bytes, size);
    f->told = all;
    f->sampled = 0;
}

static void beat(struct ds_feed *f, bool is_last)
{
    int64_t now_ms = ds_clock_utc_ns() / DS_NS_PER_MS, now_s = now_ms / 1000;
    take_all(f);
    send_samples(f);
    f->slice_ms = now_ms / DS_LIVE_TICK_MS * DS_LIVE_TICK_MS;
    if (now_s != f->pulse_s || is_last) {
        send_pulse(f);
        f->pulse_s = now_s;
    }
}

static void *run(void *arg)
{
    struct ds_feed *f = arg;
    pthread_setname_np(pthread_self(), "live");
    while (!atomic_load(&f->is_ending)) {
        ds_gate_prepare(&f->wake);
        if (!atomic_load(&f->is_ending))
            ds_gate_sleep(&f->wake, DS_LIVE_TICK_MS * DS_NS_PER_MS);
        ds_gate_cancel(&f->wake);
        beat(f, false);
    }
    beat(f, true);
    return NULL;
}

static int set_keys(const struct ds_feed *f, const struct ds_feed_settings *s)
{
    char public[DS_KEY_Z85 + 1];
    if (!s->key)
        return 0;
    if (zmq_curve_public(public, s->key->z85) < 0 ||
        zmq_setsockopt(f->socket, ZMQ_CURVE_PUBLICKEY, public, sizeof public) < 0 ||
        zmq_setsockopt(f->socket, ZMQ_CURVE_SECRETKEY, s->key->z85, DS_KEY_Z85 + 1) < 0)
        return -1;
    return zmq_setsockopt(f->socket, ZMQ_CURVE_SERVERKEY, s->aggregator_key->z85, DS_KEY_Z85 + 1);
}

/* 0, or -1 with errno. */
static int connect_socket(struct ds_feed *f, const struct ds_feed_settings *s)
{
    const int hwm = SEND_HWM, linger = LINGER_MS, ip6 = strchr(s->endpoint, '[') != NULL;
    f->context = zmq_ctx_new();
    f->socket = f->context ? zmq_socket(f->context, ZMQ_PUB) : NULL;
    if (!f->socket || zmq_setsockopt(f->socket, ZMQ_SNDHWM, &hwm, sizeof hwm) < 0 ||
        zmq_setsockopt(f->socket, ZMQ_LINGER, &linger, sizeof linger) < 0 ||
        zmq_setsockopt(f->socket, ZMQ_IPV6, &ip6, sizeof ip6) < 0 || set_keys(f, s) < 0)
        return -1;
    return zmq_connect(f->socket, s->endpoint);
}

static void destroy(struct ds_feed *f)
{
    if (f->socket)
        zmq_close(f->socket);
    if (f->context)
        zmq_ctx_term(f->context);
    ds_gate_finish(&f->wake);
    free(f);
}

int ds_feed_start(const struct ds_feed_settings *settings, struct ds_feed **out,
                  struct ds_error *err)
{
    struct ds_feed *f = calloc(1, sizeof *f + settings->count * sizeof f->sources[0]);
    if (!f || ds_gate_init(&f->wake)) {
        free(f);
        return ds_error(err, DS_FAILURE, "no memory for the live feed");
    }
    f->sensor = settings->sensor;
    f->count = settings->count;
    for (unsigned i = 0; i < f->count; i++)
        f->sources[i].sampler = settings->samplers[i];
    f->slice_ms = ds_clock_utc_ns() / DS_NS_PER_MS;
    f->pulse_s = f->slice_ms / 1000;
    int error = connect_socket(f, settings) < 0 ? errno : 0;
    if (!error)
        error = pthread_create(&f->thread, NULL, run, f);
    if (error) {
        destroy(f);
        return ds_error(err, DS_NETWORK, "live: cannot send samples to %.200s: %s",
                        settings->endpoint, zmq_strerror(error));
    }
    *out = f;
    return 0;
}

void ds_feed_stop(struct ds_feed *f)
{
    if (!f)
        return;
    atomic_store(&f->is_ending, true);
    ds_gate_signal(&f->wake);
    pthread_join(f->thread, NULL);
    destroy(f);
}
