/* SPDX-License-Identifier: Apache-2.0
 *
 * The ZeroMQ side: takes messages from sensors, has them judged by the sessions, passes windows to
 * the store thread, and acknowledges what is committed. Never blocks.
 *
 * With keys (CURVE) only listed sensors get through; without, it binds to loopback and local
 * sockets only. A message that cannot be understood is refused and counted; it never ends anything
 * but itself. All functions on the network thread.
 */
#ifndef DARKSCOPE_RECEIVE_H
#define DARKSCOPE_RECEIVE_H

#include "ingest.h"
#include "observe.h"
#include "zap.h"

struct ds_receive;

/* Since the start, in messages. */
struct ds_receive_stats {
    uint64_t received;
    uint64_t malformed; /* not decoded, or not of one part */
    uint64_t refused;   /* answered with REFUSE, for whatever reason */
    uint64_t unsent;    /* answers that their peer could not be given (gone, or does not read) */
    uint64_t revoked;   /* of sensors whose key was listed when they connected and is not now */
    struct ds_zap_stats handshakes; /* all 0 without keys */
};

struct ds_receive_settings {
    const char *endpoint; /* one that ds_endpoint_check accepts, "tcp://127.0.0.1:0" for any port */
    struct ds_ingest *ingest; /* borrowed until destroy */
    const struct ds_key *key; /* the aggregator's secret key, not kept; NULL: in the clear */
    struct ds_keys *sensors;  /* who may connect; taken over, in any case; NULL without key */
};

/* 0, or -1 with err (DS_NETWORK: in use; DS_PERMISSION; DS_CONFIG). */
int ds_receive_create(const struct ds_receive_settings *settings, struct ds_receive **out,
                      struct ds_error *err);
void ds_receive_destroy(struct ds_receive *r); /* accepts NULL */

/* What is really bound, with the kernel's port. */
const char *ds_receive_endpoint(const struct ds_receive *r);

/* Becomes readable when there may be messages, but only at the edge: call ds_receive_service
 * after every wait for anything, and again while it returns true. */
int ds_receive_fd(const struct ds_receive *r);
/* The same for handshakes; -1 without keys. */
int ds_receive_handshake_fd(const struct ds_receive *r);

/* With keys: who may connect and whose messages are taken from now on; taken over. */
void ds_receive_replace_sensors(struct ds_receive *r, struct ds_keys *sensors);

/* For another socket that the same sensors connect to: the ZeroMQ context whose handshakes are
 * judged here; and who has sent a message, by its key (without keys an empty name). False where
 * that key is not listed any more. message is a zmq_msg_t. */
void *ds_receive_context(const struct ds_receive *r);
bool ds_receive_identify(const struct ds_receive *r, void *message,
                         char sensor[static DS_NAME_MAX + 1]);
/* Makes a socket of that context ask for keys, too, before it is bound. key NULL: in the clear. 0,
 * or -1 with errno. */
int ds_receive_guard(void *socket, const struct ds_key *key);

/* Gives the answers of the store thread and takes a bounded number of messages. now_ns is steady.
 * True where it stopped at its bound: there may be more. */
bool ds_receive_service(struct ds_receive *r, int64_t now_ns);

/* Gives the answers of the store thread only: the last ones, after ds_ingest_stop. */
void ds_receive_settle(struct ds_receive *r);

/* Sensors whose clocks are off, as ds_sessions_each_skewed. */
void ds_receive_each_skewed(const struct ds_receive *r, int64_t now_ns, ds_sessions_clock_fn *each,
                            void *arg);
/* Those heard of lately, with their clocks. */
void ds_receive_each_live(const struct ds_receive *r, int64_t now_ns, ds_sessions_clock_fn *each,
                          void *arg);
/* What they delivered; also for ds_observe_know. */
struct ds_observe *ds_receive_observe(const struct ds_receive *r);
/* What sensors have and have lost, as ds_sessions_each_backlog. */
void ds_receive_each_backlog(const struct ds_receive *r, int64_t now_ns,
                             ds_sessions_backlog_fn *each, void *arg);
size_t ds_receive_count_sensors(const struct ds_receive *r, int64_t now_ns);
void ds_receive_read_stats(const struct ds_receive *r, struct ds_receive_stats *out);

#endif
