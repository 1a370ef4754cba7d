/* SPDX-License-Identifier: Apache-2.0
 *
 * A closed window: all that a sensor says about a stretch of time. It is what the sensor's uplink
 * makes, the wire carries, the aggregator merges and stores, and --json prints.
 *
 * Plain data. Whoever called ds_window_init owns it and its arrays and calls ds_window_finish.
 */
#ifndef DARKSCOPE_WINDOW_H
#define DARKSCOPE_WINDOW_H

#include "darkscope/limits.h"
#include "darkscope/sketches.h"
#include "darkscope/types.h"

#include <stddef.h>

/* Sources are unique source addresses of this window, exact unless an overflow says otherwise.
 * Bytes are the IP total length. */
struct ds_tally {
    uint64_t packets;
    uint64_t bytes;
    uint64_t sources;
};

/* The finest figure kept: every port or country table is a sum over cells. A source has one
 * country, so a port's sources are the sum over its countries' cells. */
struct ds_cell {
    uint8_t cls;   /* enum ds_class */
    uint8_t proto; /* IP protocol of the service; of the quoted packet for ICMP errors */
    uint16_t port; /* service port; type*256+code for ICMP; 0 where there is none */
    ds_country country;
    uint64_t packets;
    uint64_t bytes;
    uint64_t sources;
    uint64_t survey_packets; /* those from survey scanners */
};

struct ds_country_tally {
    ds_country country;
    struct ds_tally tally;
};

/* Sources by the shape of their SYNs, and all packets of theirs, of whatever kind. A source whose
 * record found no room (DS_OVERFLOW_SOURCES) is in none. */
struct ds_device_tally {
    ds_country country;
    uint8_t device; /* enum ds_device */
    uint64_t packets;
    uint64_t sources;
};

struct ds_signature_tally {
    char id[DS_SIGNATURE_ID_MAX + 1];
    uint64_t packets;
    uint64_t sources;           /* sent at least one matching packet */
    uint64_t confirmed_sources; /* sent at least two: a random field matches once in 65,536 */
};

/* A source, IPv4 only. Its ports are distinct (class, protocol, service port). */
struct ds_source_record {
    uint32_t address; /* host order */
    uint32_t asn;     /* autonomous system; 0: unknown */
    uint64_t packets;
    uint32_t ports;     /* at most packets; a lower bound where pairs overflow */
    uint32_t seen;      /* signatures of at least one packet: bits, by ds_window.marks */
    uint32_t confirmed; /* of at least two */
    ds_country country;
    uint8_t classes;     /* bit 1 << enum ds_class */
    uint8_t survey;      /* enum ds_survey_mark */
    uint8_t device;      /* enum ds_device */
    uint8_t first, last; /* when it was seen, in 1/256 of the window from its start */
};

/* An attack with spoofed sources, seen by what its victim sends back: a vector of CAIDA's RSDoS
 * detection that passes the thresholds (docs/statistics.md) and answered in this window. IPv4. */
struct ds_attack {
    uint32_t victim; /* never a monitored address */
    uint8_t proto;   /* of the attack: TCP, UDP or ICMP */
    ds_country country;

    /* In this window. */
    uint16_t port;  /* attacked service: of its ports that with most packets; 0 if ports is */
    uint32_t ports; /* unique, as the following */
    uint32_t attack_ports; /* the other side's */
    uint32_t addresses;    /* monitored ones that were answered */
    uint64_t window_packets, window_bytes;

    /* Since the attack began. */
    int64_t start_ms, last_ms; /* first and last packet; since 1970, UTC */
    uint64_t packets, bytes;
    uint64_t mismatches; /* packets that quote one not sent in their destination's name */
    uint64_t max_ppm;    /* most packets in a minute, by steps of 10 s */
};

struct ds_window {
    int64_t start_s;      /* UTC, seconds since 1970 */
    uint32_t seconds;     /* length; for `--window all` that of the capture */
    uint64_t observed_ns; /* of these, how long the sensor watched */
    uint32_t merged;      /* shorter windows added to the first one in a full spool: above 0, unique
                             counts are lower bounds, but sketches are whole */

    bool addresses_known;      /* false: no monitored set, every destination counts */
    uint64_t addresses;        /* monitored IPv4 addresses */
    uint64_t active_addresses; /* IPv4 addresses that received a packet in this window */

    char country_db[DS_DATABASE_MAX + 1]; /* empty: none */

    uint64_t books[DS_BOOK_COUNT];
    uint64_t malformed[DS_MALFORMED_COUNT];
    uint64_t overflow[DS_OVERFLOW_COUNT];
    uint64_t bytes;
    uint64_t sources;
    uint64_t destinations; /* unique, IPv4 and IPv6 */
    uint64_t types[DS_TYPE_COUNT];
    struct ds_tally classes[DS_CLASS_COUNT];
    uint64_t protocols[256]; /* packets by the packet's own IP protocol (next header) */

    struct ds_cell *cells; /* sorted by ds_cell_key, no key twice */
    size_t cell_count;
    struct ds_country_tally *countries; /* sorted by country, none twice */
    size_t country_count;
    struct ds_device_tally *devices; /* sorted by country and device, none twice */
    size_t device_count;
    struct ds_signature_tally *signatures; /* sorted by id, none twice; those with packets only */
    size_t signature_count;

    /* Sorted by address, none twice; the rest of all sources, `sources` less these, were left out:
     * those with fewest packets that are no survey scanners, and IPv6 ones. */
    struct ds_source_record *source_records;
    size_t source_record_count;
    unsigned char *source_columns; /* the frame that they came in; NULL: there is none */
    size_t source_columns_bytes;
    char marks[DS_MARKS_MAX][DS_SIGNATURE_ID_MAX + 1]; /* ids of the bits of seen and confirmed */
    unsigned mark_count;

    bool attacks_known;        /* false: who made the window does not look for attacks */
    struct ds_attack *attacks; /* sorted by ds_attack_key, none twice */
    size_t attack_count;

    struct ds_sketches sketches; /* for unique sources over several windows */
};

/* The order of cells: class, protocol, port, country. */
static inline uint64_t ds_cell_key(const struct ds_cell *c)
{
    return (uint64_t)c->cls << 40 | (uint64_t)c->proto << 32 | (uint64_t)c->port << 16 | c->country;
}

/* The order of devices: country, device. */
static inline uint32_t ds_device_key(const struct ds_device_tally *d)
{
    return (uint32_t)d->country << 8 | d->device;
}

/* The order of attacks: victim, protocol. */
static inline uint64_t ds_attack_key(const struct ds_attack *a)
{
    return (uint64_t)a->victim << 8 | a->proto;
}

/* All zero: no time, no tables. */
void ds_window_init(struct ds_window *w);
/* Frees the arrays; the struct may be initialised again. Accepts one that was only zeroed. */
void ds_window_finish(struct ds_window *w);

/* Packets of the sources that are listed. */
uint64_t ds_window_listed_packets(const struct ds_window *w);

/* Do the books balance? received = counted + outside + malformed, and counted equals the sums over
 * types, classes, protocols, countries and cells, and is no less than that over devices; the
 * sources that are listed are no more than there are; and no sketch has seen more of them than
 * there were packets. NULL if so, else the name of the first that does not. Used by tests and by
 * the aggregator on what a sensor sends. */
const char *ds_window_imbalance(const struct ds_window *w);

#endif
