/* SPDX-License-Identifier: Apache-2.0
 *
 * Key files: the keys of CURVE (RFC 26 of ZeroMQ) in Z85 (RFC 32), one a line:
 *
 *     public tokyo-1 rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7
 *
 * or `secret` instead of `public`, or `deployment` for the secret that the sensors of a deployment
 * share (sensor/deployment.h), which is no key of CURVE. Lines that begin with # and empty ones are
 * skipped. The kind stands in the line so that a key is recognised where another one belongs. No
 * error repeats what stands where a key should.
 */
#ifndef DARKSCOPE_KEY_H
#define DARKSCOPE_KEY_H

#include "darkscope/error.h"
#include "darkscope/limits.h"

#include <stddef.h>
#include <stdint.h>

#define DS_KEY_BYTES      32
#define DS_KEY_Z85        40 /* characters of a key */
#define DS_KEYS_MAX       1024
#define DS_KEY_FILE_BYTES (256u << 10) /* of one file, at most */

enum ds_key_kind { DS_KEY_PUBLIC, DS_KEY_SECRET, DS_KEY_DEPLOYMENT, DS_KEY_KIND_COUNT };

struct ds_key {
    char name[DS_NAME_MAX + 1]; /* whose key it is */
    char z85[DS_KEY_Z85 + 1];
};

/* No name and no key is in it twice. All zero: empty. */
struct ds_keys {
    struct ds_key *entries;
    size_t count;
};

/* Reads a file that holds one key, of this kind. One that is not public must not be readable by
 * every user (DS_PERMISSION). 0, or -1 with err (DS_CONFIG with file, line and column). */
int ds_key_read(const char *path, enum ds_key_kind kind, struct ds_key *out, struct ds_error *err);

/* Reads the public keys of a file, or of all files *.pub of a directory. *out is to be given to
 * ds_keys_finish. 0, or -1 with err (DS_CONFIG with file, line and column); then *out is empty. */
int ds_keys_read(const char *path, struct ds_keys *out, struct ds_error *err);

/* Appends the keys of a text; path is what errors call it. 0, or -1 with err; then *to holds those
 * before the fault. Pure. */
int ds_keys_parse(const char *path, const char *text, size_t size, enum ds_key_kind kind,
                  struct ds_keys *to, struct ds_error *err);

/* The entry of a public key, NULL where it is not listed. */
const struct ds_key *ds_keys_find(const struct ds_keys *keys, const char *z85);

void ds_keys_finish(struct ds_keys *keys);

/* The bytes of a key that was read. */
void ds_key_decode(const struct ds_key *key, uint8_t out[static DS_KEY_BYTES]);

/* Overwrites a secret. */
void ds_key_wipe(struct ds_key *key);

#endif
