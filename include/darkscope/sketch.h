/* SPDX-License-Identifier: Apache-2.0
 *
 * How many different sources there were, in a few kilobytes: HyperLogLog (Flajolet et al., 2007)
 * over a keyed 64-bit hash. Sketches unite: that of two windows is the one that their sources
 * together would have made, exactly, in whatever order. Unique counts themselves never add.
 *
 * A sketch has 2^precision registers; each keeps the highest rank (leading zeros + 1) of the hashes
 * that fall to it. While few are used they are a sorted list, which says exactly the same.
 *
 * Estimates are by Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches"
 * (arXiv:1702.01284, 2017), algorithm 6: without bias from nothing to 2^60, and without tables.
 */
#ifndef DARKSCOPE_SKETCH_H
#define DARKSCOPE_SKETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DS_SKETCH_PRECISION_MIN 10
#define DS_SKETCH_PRECISION_MAX 16
#define DS_SKETCH_FINE          14 /* standard error 0.81 % */
#define DS_SKETCH_COARSE        12 /* 1.63 % */
#define DS_SKETCH_BITS          16 /* of addresses, which have a register each: see sketches.h */
#define DS_SKETCH_REGISTERS_MAX (UINT32_C(1) << DS_SKETCH_PRECISION_MAX)

/* Hashes are made with a secret: who knew it could send from addresses that spoil the estimate, a
 * few thousand packets making it any number. */
#define DS_SKETCH_SECRET_BYTES 16
struct ds_sketch_secret {
    uint64_t k0, k1;
    uint64_t id; /* public; sketches unite only where it is the same */
};

struct ds_sketch_secret ds_sketch_secret(const uint8_t bytes[static DS_SKETCH_SECRET_BYTES],
                                         uint64_t id);

/* The source as a number: an IPv4 address, or DS_SKETCH_IP6 and 36 bits of a keyed hash of an IPv6
 * one, of which two in a million are the same with a probability of 7 in a million each. */
#define DS_SKETCH_IP6      (UINT64_C(1) << 36)
#define DS_SKETCH_IP6_MASK (DS_SKETCH_IP6 - 1)

static inline void ds_sketch_sip_round(uint64_t v[static 4])
{
#define DS_SKETCH_ROTATE(x, b) ((x) << (b) | (x) >> (64 - (b)))
    v[0] += v[1];
    v[1] = DS_SKETCH_ROTATE(v[1], 13) ^ v[0];
    v[0] = DS_SKETCH_ROTATE(v[0], 32);
    v[2] += v[3];
    v[3] = DS_SKETCH_ROTATE(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = DS_SKETCH_ROTATE(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = DS_SKETCH_ROTATE(v[1], 17) ^ v[2];
    v[2] = DS_SKETCH_ROTATE(v[2], 32);
#undef DS_SKETCH_ROTATE
}

/* SipHash-2-4 (Aumasson, Bernstein, 2012) of the number's eight bytes, lowest first. */
static inline uint64_t ds_sketch_hash(const struct ds_sketch_secret *secret, uint64_t source)
{
    uint64_t v[4] = {
        secret->k0 ^ UINT64_C(0x736f6d6570736575), secret->k1 ^ UINT64_C(0x646f72616e646f6d),
        secret->k0 ^ UINT64_C(0x6c7967656e657261), secret->k1 ^ UINT64_C(0x7465646279746573)};
    const uint64_t words[2] = {source, UINT64_C(8) << 56}; /* the second holds the length */
    for (int i = 0; i < 2; i++) {
        v[3] ^= words[i];
        ds_sketch_sip_round(v);
        ds_sketch_sip_round(v);
        v[0] ^= words[i];
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        ds_sketch_sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Where a hash goes, and its rank there. */
static inline uint32_t ds_sketch_register(uint64_t hash, unsigned precision)
{
    return (uint32_t)(hash >> (64 - precision));
}

static inline uint8_t ds_sketch_rank(uint64_t hash, unsigned precision)
{
    /* The bit behind the last ends the count. */
    uint64_t rest = hash << precision | UINT64_C(1) << (precision - 1);
    return (uint8_t)(__builtin_clzll(rest) + 1);
}

static inline uint8_t ds_sketch_rank_max(unsigned precision)
{
    return (uint8_t)(64 - precision + 1);
}

/* Equal contents have equal forms: the list has at most a quarter of the registers, so that it is
 * no larger than they are. Whoever called ds_sketch_init calls ds_sketch_finish. */
struct ds_sketch {
    uint8_t precision;
    uint32_t count;     /* registers that are not 0 */
    uint32_t room;      /* of the list */
    uint32_t *list;     /* register << 8 | rank, ascending; NULL: none */
    uint8_t *registers; /* all ranks; NULL: it is the list */
};

void ds_sketch_init(struct ds_sketch *s, unsigned precision);
void ds_sketch_finish(struct ds_sketch *s);

/* The following return 0, or -1 without memory with the sketch as it was. */

int ds_sketch_add(struct ds_sketch *s, uint64_t hash);
/* Of all 2^precision registers, of which none is above its rank's maximum. s is finished or fresh.
 */
int ds_sketch_from_registers(struct ds_sketch *s, unsigned precision, const uint8_t *registers);
/* Room for so many registers to be put one after the other, into a fresh one. */
int ds_sketch_reserve(struct ds_sketch *s, uint32_t count);
int ds_sketch_copy(const struct ds_sketch *from, struct ds_sketch *out);
/* The sketch that the same sources would have made with a precision no higher than its own. */
int ds_sketch_fold(struct ds_sketch *s, unsigned precision);
/* Unites; into comes out with the lower of the two precisions. */
int ds_sketch_merge(struct ds_sketch *into, const struct ds_sketch *from);
/* Before many unions: a sketch with all registers, which lists are united with fastest. To be
 * closed before it is compared or kept. */
int ds_sketch_open(struct ds_sketch *s);
/* Gives it the form of its content. Without memory it stays open. */
void ds_sketch_close(struct ds_sketch *s);

bool ds_sketch_equal(const struct ds_sketch *a, const struct ds_sketch *b);

/* Goes through the registers that are not 0, ascending: register << 8 | rank, then 0 at the end.
 * *at is 0 to begin with. */
uint32_t ds_sketch_next(const struct ds_sketch *s, uint32_t *at);

/* Bytes that its content takes in memory. */
size_t ds_sketch_bytes(const struct ds_sketch *s);

struct ds_estimate {
    double count;
    double error; /* one standard error, by theory */
};

#define DS_SKETCH_HOSTS_MAX 0x1p62 /* no estimate is more: an int64_t holds it */
struct ds_estimate ds_sketch_estimate(const struct ds_sketch *s);

/* Relative standard error where `count` sources are: while registers are free, that of counting
 * those (Whang et al., 1990), which the estimator comes up to; else 1.04 / sqrt(registers). */
double ds_sketch_relative_error(unsigned precision, double count);

#endif
