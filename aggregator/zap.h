/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may connect: answers libzmq's questions about public keys (ZAP, RFC 27 of ZeroMQ) from a list
 * that can be replaced while connections stand. To be made before the first socket of its context
 * binds, and destroyed after the last is closed: libzmq lets everybody in where nobody answers.
 *
 * By then the handshake has cost its computation. What is bounded here is what follows it: a sensor
 * that connects again and again is held off, and strangers beyond their bound are dropped without
 * an answer. A stranger uses up nothing of a sensor's share. All functions on one thread.
 */
#ifndef DARKSCOPE_ZAP_H
#define DARKSCOPE_ZAP_H

#include "darkscope/key.h"

#include <stdbool.h>
#include <stdint.h>

#define DS_ZAP_SENSOR_PER_S    5  /* handshakes with one listed key */
#define DS_ZAP_STRANGERS_PER_S 50 /* with all keys that are not, answered */

/* The property of a message that holds its sender's public key; User-Id holds the name. */
#define DS_ZAP_KEY_PROPERTY "X-Key"

/* Handshakes since the start. */
struct ds_zap_stats {
    uint64_t accepted;
    uint64_t refused; /* keys that are not listed, or no CURVE */
    uint64_t limited; /* beyond the bounds above */
};

struct ds_zap;

/* keys are taken over, in any case. 0, or -1 with errno. */
int ds_zap_create(void *context, struct ds_keys *keys, struct ds_zap **out);
void ds_zap_destroy(struct ds_zap *z); /* accepts NULL */

/* Readable at the edge, as ZMQ_FD is: ds_zap_service after every wait, again while it is true. */
int ds_zap_fd(const struct ds_zap *z);
bool ds_zap_service(struct ds_zap *z, int64_t now_ns);

/* From now on these; taken over. */
void ds_zap_replace(struct ds_zap *z, struct ds_keys *keys);

/* Is this key listed now, under this name? */
bool ds_zap_lists(const struct ds_zap *z, const char *name, const char *z85);

void ds_zap_read_stats(const struct ds_zap *z, struct ds_zap_stats *out);

#endif
