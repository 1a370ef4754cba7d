/* SPDX-License-Identifier: Apache-2.0
 *
 * The sketches of a window, or of a longer time: one for every country, port and so on whose unique
 * sources may be asked for over several windows or sensors. What is kept is defined in
 * docs/statistics.md.
 */
#ifndef DARKSCOPE_SKETCHES_H
#define DARKSCOPE_SKETCHES_H

#include "darkscope/limits.h"
#include "darkscope/sketch.h"
#include "darkscope/types.h"

/* What the sources of a sketch have in common, and which members of its key say it. */
enum ds_sketch_kind {
    DS_SKETCH_COUNTRY,        /* country: all sources, each in one of them */
    DS_SKETCH_COUNTRY_SURVEY, /* of these, survey scanners */
    DS_SKETCH_CLASS,          /* cls */
    DS_SKETCH_PROTOCOL,       /* proto of the service: TCP, UDP, ICMP, ICMPv6 */
    DS_SKETCH_PROTOCOL_SURVEY,
    DS_SKETCH_SIGNATURE,           /* signature: in at least one packet */
    DS_SKETCH_SIGNATURE_CONFIRMED, /* in two of one window */
    DS_SKETCH_INFECTED,            /* country: with a malware's signature, likewise */
    DS_SKETCH_INFECTED_CONFIRMED,
    DS_SKETCH_PORT, /* cls, proto, port: of the ports with most sources */
    DS_SKETCH_PORT_SURVEY,
    DS_SKETCH_DEVICE,    /* device */
    DS_SKETCH_MALWARE,   /* country, signature: with that malware's signature in a packet */
    DS_SKETCH_ADDRESSES, /* set: no sources, but monitored addresses that got a packet */
    DS_SKETCH_KIND_COUNT
};

/* The addresses that got a packet are bits, registers of rank 1, so that they unite as sketches do
 * and are counted exactly. Which register is an address's, the sensor alone knows: its place in a
 * secret order of the monitored ones. Of more than there are registers it is the first so many of
 * that order, a sample. The set is a number that changes with the order. */
#define DS_SKETCH_ADDRESSES_MAX (UINT32_C(1) << DS_SKETCH_BITS)

/* Members that the kind does not name are 0. */
struct ds_sketch_key {
    uint8_t kind;
    union {
        uint8_t cls;
        uint8_t device; /* of DS_SKETCH_DEVICE */
    };
    uint8_t proto;
    union {
        uint16_t port;
        uint16_t set; /* of DS_SKETCH_ADDRESSES */
    };
    ds_country country;
    char signature[DS_SIGNATURE_ID_MAX + 1];
};

struct ds_sketch_row {
    struct ds_sketch_key key;
    /* Ports: so many sources, at most, are missing, because the port was not among those with most
     * in some of the windows. */
    uint64_t missing;
    uint32_t windows; /* of a store: in how many windows it was listed, with nothing missing */
    struct ds_sketch sketch;
};

/* All zero: not known. */
struct ds_sketches {
    bool known;
    uint64_t secret_id;         /* of the hashes: ds_sketch_secret.id */
    uint64_t port_floor;        /* a port that is not listed had no more sources */
    struct ds_sketch_row *rows; /* by ds_sketch_key_compare, none twice, none empty */
    size_t count;
    unsigned char *packed; /* the value of the message that they came in; NULL: there is none */
    size_t packed_bytes;
};

void ds_sketches_finish(struct ds_sketches *s);

/* Kind by kind, then by what they name. */
int ds_sketch_key_compare(const struct ds_sketch_key *a, const struct ds_sketch_key *b);
/* Does it name what its kind asks for, and nothing else? */
bool ds_sketch_key_valid(const struct ds_sketch_key *key);
/* The precision of such sketches as sensors make them. */
unsigned ds_sketch_precision(unsigned kind);

/* NULL: it has had no source, but see port_floor. */
const struct ds_sketch_row *ds_sketches_find(const struct ds_sketches *s,
                                             const struct ds_sketch_key *key);

int ds_sketches_copy(const struct ds_sketches *from, struct ds_sketches *out);

/* Unites, row by row. Where one side is not known, or of another secret, into is not known
 * afterwards: hashes of two secrets have nothing in common. 0, or -1 without memory; then into is
 * not known. */
int ds_sketches_merge(struct ds_sketches *into, const struct ds_sketches *from);

/* Keeps the ports with most sources, so many, and of the others the most that one had as
 * port_floor. */
void ds_sketches_keep(struct ds_sketches *s, size_t ports);
/* Drops the rows of a kind. */
void ds_sketches_drop(struct ds_sketches *s, unsigned kind);
static inline void ds_sketches_trim(struct ds_sketches *s)
{
    ds_sketches_keep(s, DS_SKETCH_PORTS_MAX);
}

/* Unites all rows of a kind into a finished or fresh sketch: all sources of DS_SKETCH_COUNTRY, the
 * infected of the world. 0, or -1 without memory. */
int ds_sketches_unite(const struct ds_sketches *s, unsigned kind, struct ds_sketch *out);

/* Bytes that they take in memory. */
size_t ds_sketches_bytes(const struct ds_sketches *s);

bool ds_sketches_equal(const struct ds_sketches *a, const struct ds_sketches *b);

#endif
