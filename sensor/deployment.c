/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys are derived by BLAKE2b, which has a key and a label: libsodium's crypto_kdf. Its digests are
 * those of crypto_generichash, the same function. libzmq brings the library for CURVE.
 */
#include "deployment.h"

#include <endian.h>
#include <sodium.h>
#include <string.h>

#define CONTEXT "darkscop" /* crypto_kdf_CONTEXTBYTES of them */

_Static_assert(DS_KEY_BYTES == crypto_kdf_KEYBYTES, "the key of crypto_kdf");
_Static_assert(sizeof CONTEXT - 1 == crypto_kdf_CONTEXTBYTES, "the context of crypto_kdf");

/* The labels. A number is never given to another use: what was published under it would change. */
enum use { USE_PERMUTATION = 1, USE_SKETCH, USE_SKETCH_ID, USE_DIGEST, USE_REACHED };

static void derive(const uint8_t secret[static DS_KEY_BYTES], enum use use, uint8_t *out,
                   size_t size)
{
    crypto_kdf_derive_from_key(out, size, use, CONTEXT, secret);
}

/* Never 0, which means none. */
static uint64_t number(const uint8_t *bytes)
{
    uint64_t le;
    memcpy(&le, bytes, sizeof le);
    return le ? le64toh(le) : 1;
}

int ds_deployment_make(const struct ds_key *key, struct ds_deployment *out, struct ds_error *err)
{
    uint8_t secret[DS_KEY_BYTES], sketch[DS_SKETCH_SECRET_BYTES], id[crypto_kdf_BYTES_MIN];
    if (sodium_init() < 0)
        return ds_error(err, DS_FAILURE, "deployment_key: libsodium cannot start");
    if (key)
        ds_key_decode(key, secret);
    else
        randombytes_buf(secret, sizeof secret);
    *out = (struct ds_deployment){.is_shared = key};
    derive(secret, USE_PERMUTATION, out->permutation, sizeof out->permutation);
    derive(secret, USE_SKETCH, sketch, sizeof sketch);
    derive(secret, USE_SKETCH_ID, id, sizeof id);
    derive(secret, USE_DIGEST, out->digest, sizeof out->digest);
    derive(secret, USE_REACHED, out->reached, sizeof out->reached);
    out->sketch = ds_sketch_secret(sketch, number(id));
    explicit_bzero(sketch, sizeof sketch);
    explicit_bzero(secret, sizeof secret);
    return 0;
}

static void add_number(crypto_generichash_state *state, uint64_t value)
{
    uint64_t le = htole64(value);
    crypto_generichash_update(state, (uint8_t *)&le, sizeof le);
}

/* Ranges that touch are one: two halves are the same set as the whole. */
static void add_ranges(crypto_generichash_state *state, const struct ds_monitor *m)
{
    for (size_t i = 0; i < m->range_count; i++) {
        bool joins = i && m->ranges[i - 1].last + UINT64_C(1) == m->ranges[i].first;
        bool goes_on =
            i + 1 < m->range_count && m->ranges[i].last + UINT64_C(1) == m->ranges[i + 1].first;
        if (!joins)
            add_number(state, m->ranges[i].first);
        if (!goes_on)
            add_number(state, m->ranges[i].last);
    }
}

static void add_prefixes(crypto_generichash_state *state, const struct ds_prefix *list,
                         size_t count)
{
    add_number(state, count);
    for (size_t i = 0; i < count; i++) {
        crypto_generichash_update(state, list[i].address, sizeof list[i].address);
        add_number(state, list[i].bits);
    }
}

uint64_t ds_deployment_digest(const struct ds_deployment *d, const struct ds_monitor *m)
{
    crypto_generichash_state state;
    uint8_t digest[crypto_generichash_BYTES_MIN];
    if (!d->is_shared || ds_monitor_is_everything(m))
        return 0;
    crypto_generichash_init(&state, d->digest, sizeof d->digest, sizeof digest);
    add_number(&state, ds_monitor_addresses(m)); /* and so where the ranges end */
    add_ranges(&state, m);
    add_prefixes(&state, m->inside6, m->inside6_count);
    add_prefixes(&state, m->outside6, m->outside6_count);
    crypto_generichash_final(&state, digest, sizeof digest);
    return number(digest);
}

void ds_deployment_wipe(struct ds_deployment *d)
{
    explicit_bzero(d, sizeof *d);
}
