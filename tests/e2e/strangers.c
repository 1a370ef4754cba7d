/* SPDX-License-Identifier: Apache-2.0
 *
 * usage: strangers ENDPOINT AGGREGATOR.pub INSIDER.key COUNT
 *
 * What needs CURVE to be hostile, until it is ended: COUNT connections, half with keys that are not
 * listed, half that expect another aggregator, which connect again and again; and one with a listed
 * key that says everything but what it should. Prints a line when all are made.
 */
#include "darkscope/key.h"
#include "darkscope/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define COUNT_MAX   2000
#define ROUND_MS    20
#define NOISE_BYTES 4000

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "strangers: %s\n", what);
    exit(1);
}

static void *connect_with(void *context, const char *endpoint, const char *secret,
                          const char *server)
{
    const int zero = 0, few = 8, pause_ms = 50;
    char public[DS_KEY_Z85 + 1];
    void *s = zmq_socket(context, ZMQ_DEALER);
    must(s && zmq_curve_public(public, secret) == 0, "no socket");
    zmq_setsockopt(s, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(s, ZMQ_SNDHWM, &few, sizeof few);
    zmq_setsockopt(s, ZMQ_RECONNECT_IVL, &pause_ms, sizeof pause_ms);
    zmq_setsockopt(s, ZMQ_CURVE_PUBLICKEY, public, sizeof public);
    zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, secret, DS_KEY_Z85 + 1);
    zmq_setsockopt(s, ZMQ_CURVE_SERVERKEY, server, DS_KEY_Z85 + 1);
    must(zmq_connect(s, endpoint) == 0, "cannot connect");
    return s;
}

static void send_message(void *socket, const struct ds_message *m)
{
    unsigned char *bytes;
    size_t size;
    must(ds_message_encode(m, &bytes, &size) == 0, "no memory");
    zmq_send(socket, bytes, size, ZMQ_DONTWAIT);
    free(bytes);
}

/* Greets, begins messages of the largest size and never ends them, sends noise and many parts. */
static void misbehave(void *socket, const char *name, unsigned round)
{
    static unsigned char noise[NOISE_BYTES];
    struct ds_message hello = {.kind = DS_MESSAGE_HELLO, .hello.boot = 1 + round / 50};
    snprintf(hello.hello.sensor, sizeof hello.hello.sensor, "%s", name);
    send_message(socket, &hello);
    struct ds_message piece = {
        .kind = DS_MESSAGE_PIECE,
        .piece = {.at = 0, .of = DS_MESSAGE_MAX, .bytes = noise, .size = sizeof noise}};
    for (unsigned i = 0; i < round % 8; i++) {
        send_message(socket, &piece);
        piece.piece.at += sizeof noise;
    }
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (unsigned char)(noise[i] * 167 + round + i);
    zmq_send(socket, noise, sizeof noise, ZMQ_DONTWAIT);
    zmq_send(socket, noise, 16, ZMQ_DONTWAIT | ZMQ_SNDMORE);
    zmq_send(socket, noise, 16, ZMQ_DONTWAIT);
    struct ds_message false_name = hello;
    strcpy(false_name.hello.sensor, "good");
    send_message(socket, &false_name);
    char answer[512];
    while (zmq_recv(socket, answer, sizeof answer, ZMQ_DONTWAIT) >= 0)
        ;
}

int main(int argc, char **argv)
{
    static void *sockets[COUNT_MAX];
    struct ds_key aggregator, insider;
    struct ds_error err = {.text = ""};
    must(argc == 5, "wrong arguments");
    must(ds_key_read(argv[2], DS_KEY_PUBLIC, &aggregator, &err) == 0, err.text);
    must(ds_key_read(argv[3], DS_KEY_SECRET, &insider, &err) == 0, err.text);
    int count = atoi(argv[4]);
    must(count > 0 && count <= COUNT_MAX, "wrong count");
    void *context = zmq_ctx_new();
    zmq_ctx_set(context, ZMQ_MAX_SOCKETS, COUNT_MAX + 16);
    for (int i = 0; i < count; i++) {
        char public[DS_KEY_Z85 + 1], secret[DS_KEY_Z85 + 1];
        must(zmq_curve_keypair(public, secret) == 0, "no CURVE");
        sockets[i] = connect_with(context, argv[1], secret, i % 2 ? aggregator.z85 : public);
    }
    void *inside = connect_with(context, argv[1], insider.z85, aggregator.z85);
    puts("ready");
    fflush(stdout);
    for (unsigned round = 0;; round++) {
        misbehave(inside, insider.name, round);
        int i = (int)(round % (unsigned)count);
        /* libzmq gives up after a refusal; these do not. */
        zmq_disconnect(sockets[i], argv[1]);
        zmq_connect(sockets[i], argv[1]);
        zmq_send(sockets[i], "x", 1, ZMQ_DONTWAIT);
        zmq_poll(NULL, 0, ROUND_MS);
    }
}
