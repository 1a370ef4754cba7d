/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples for an aggregator's live view at a rate that no sensor has: ROWS of them twenty times a
 * second, TICKS times, numbered in source_id from 0 on, then a pulse with their number. Begins when
 * it is heard.
 *
 * usage: sample-source ENDPOINT ROWS TICKS
 */
#include "darkscope/clock.h"
#include "darkscope/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <zmq.h>

#define SENSOR      "source"
#define LINGER_MS   10000 /* for the last messages to leave */
#define PATIENCE_MS 60000

static int fail(const char *what)
{
    fprintf(stderr, "sample-source: %s\n", what);
    return 1;
}

static int send_and_free(void *socket, unsigned char *bytes, size_t size)
{
    int sent = zmq_send(socket, bytes, size, 0);
    free(bytes);
    return sent < 0 ? -1 : 0;
}

static int send_samples(void *socket, size_t rows, uint32_t first)
{
    struct ds_sample samples[DS_LIVE_ROWS_MAX] = {0};
    unsigned char *bytes;
    size_t size;
    for (size_t i = 0; i < rows; i++) {
        uint32_t number = first + (uint32_t)i;
        samples[i] = (struct ds_sample){.source = 0xc6336400,
                                        .source_id = number,
                                        .weight = 1,
                                        .position = (uint16_t)(number * 40503u),
                                        .port = (uint16_t)(number % 1024),
                                        .source_port = 40000,
                                        .destination_port = (uint16_t)(number % 1024),
                                        .country = DS_COUNTRY('J', 'P'),
                                        .proto = 6};
    }
    if (ds_live_encode_samples(SENSOR, ds_clock_utc_ns() / DS_NS_PER_MS, samples, rows, &bytes,
                               &size) < 0)
        return -1;
    return send_and_free(socket, bytes, size);
}

static int send_pulse(void *socket, uint64_t sampled)
{
    const struct ds_pulse pulse = {.time_s = ds_clock_utc_ns() / DS_NS_PER_S,
                                   .counts = {.types = {sampled}},
                                   .sampled = sampled};
    unsigned char *bytes;
    size_t size;
    if (ds_live_encode_pulse(SENSOR, &pulse, &bytes, &size) < 0)
        return -1;
    return send_and_free(socket, bytes, size);
}

/* An XPUB socket is told when somebody subscribes. */
static void *connect_and_wait(void *context, const char *endpoint)
{
    void *socket = zmq_socket(context, ZMQ_XPUB);
    zmq_setsockopt(socket, ZMQ_LINGER, &(int){LINGER_MS}, sizeof(int));
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &(int){PATIENCE_MS}, sizeof(int));
    char subscription[8];
    if (zmq_connect(socket, endpoint) == 0 &&
        zmq_recv(socket, subscription, sizeof subscription, 0) > 0)
        return socket;
    zmq_close(socket);
    return NULL;
}

static int send_all(void *socket, size_t rows, unsigned long ticks)
{
    struct timespec next;
    clock_gettime(CLOCK_MONOTONIC, &next);
    for (unsigned long tick = 0; tick < ticks; tick++) {
        if (send_samples(socket, rows, (uint32_t)(tick * rows)) < 0)
            return -1;
        next.tv_nsec += DS_LIVE_TICK_MS * DS_NS_PER_MS;
        if (next.tv_nsec >= DS_NS_PER_S) {
            next.tv_nsec -= DS_NS_PER_S;
            next.tv_sec++;
        }
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    }
    return send_pulse(socket, ticks * rows);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return fail("usage: sample-source ENDPOINT ROWS TICKS");
    size_t rows = strtoul(argv[2], NULL, 10);
    if (rows < 1 || rows > DS_LIVE_ROWS_MAX)
        return fail("too many rows");
    void *context = zmq_ctx_new(), *socket = connect_and_wait(context, argv[1]);
    if (!socket)
        return fail("nobody subscribes");
    int failed = send_all(socket, rows, strtoul(argv[3], NULL, 10));
    zmq_close(socket);
    zmq_ctx_term(context);
    return failed ? fail("cannot send") : 0;
}
