/* SPDX-License-Identifier: Apache-2.0
 *
 * What follows from the secret key that the sensors of a deployment share: keys for each use, none
 * of which tells anything about another or about the secret. Without that secret a sensor makes one
 * of its own for each run.
 */
#ifndef DARKSCOPE_DEPLOYMENT_H
#define DARKSCOPE_DEPLOYMENT_H

#include "darkscope/key.h"
#include "darkscope/sketch.h"
#include "monitor.h"
#include "permutation.h"

struct ds_deployment {
    bool is_shared;                          /* of a file; else of this run alone */
    uint8_t permutation[DS_PERMUTATION_KEY]; /* of the destinations, for ds_permutation_init */
    uint8_t reached[DS_PERMUTATION_KEY];     /* the same, of the addresses that got a packet */
    struct ds_sketch_secret sketch;          /* of the hash of sources; its id is never 0 */
    uint8_t digest[DS_KEY_BYTES];            /* of the monitored set's digest */
};

/* Of a key that was read as DS_KEY_DEPLOYMENT, or NULL for a random one. 0, or -1 with err where
 * the library of ciphers cannot start. */
int ds_deployment_make(const struct ds_key *key, struct ds_deployment *out, struct ds_error *err);

/* A number that changes when the monitored set does, and tells nothing else to who has no key. 0
 * where there is no set, or the key is of this run alone, as the number would be. */
uint64_t ds_deployment_digest(const struct ds_deployment *d, const struct ds_monitor *m);

/* Overwrites the secrets. */
void ds_deployment_wipe(struct ds_deployment *d);

#endif
