/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages of the live feed (docs/live-feed.md): samples of packets and counts of a second, for
 * drawing. Sensors make them, the aggregator checks and passes them on. They may be lost, and no
 * figure comes from them.
 */
#ifndef DARKSCOPE_LIVE_H
#define DARKSCOPE_LIVE_H

#include "darkscope/limits.h"
#include "darkscope/types.h"

#include <stddef.h>

#define DS_LIVE_VERSION     1
#define DS_LIVE_SUBPROTOCOL "darkscope-live.1"

#define DS_LIVE_TICK_MS     50    /* between two messages of samples of one sensor */
#define DS_LIVE_ROWS_MAX    256   /* packets of one message */
#define DS_LIVE_MESSAGE_MAX 65536 /* bytes of one message */
#define DS_LIVE_MARKS_MAX   32

/* A packet that was drawn to stand for `weight` like it. */
struct ds_sample {
    uint32_t offset_ms;  /* its time, behind the message's */
    uint32_t source;     /* IPv4, host order, the last 8 bits zero; 0: IPv6 */
    uint32_t source_id;  /* tells sources apart, until the sensor ends */
    uint32_t signatures; /* bits: enum ds_signature; what one packet proves */
    uint32_t weight;     /* at least 1 */
    uint16_t position;   /* of the destination, permuted: index * 65536 / addresses */
    uint16_t port;       /* service port, as of a cell */
    uint16_t source_port, destination_port;
    ds_country country;
    uint8_t type, cls, device; /* enum ds_type, ds_class, ds_device */
    uint8_t proto;             /* of the service */
};

/* What a sensor counted, in packets. */
struct ds_live_counts {
    uint64_t types[DS_TYPE_COUNT];
    uint64_t outside, malformed;
};

struct ds_pulse {
    int64_t time_s; /* the second that ended, UTC */
    struct ds_live_counts counts;
    uint64_t sampled; /* packets that went out as samples */
};

/* What is said of the telescope's place. */
struct ds_live_place {
    const char *name;           /* NULL: no place is told */
    double latitude, longitude; /* degrees */
};

/* Both: the caller frees *out. 0, or -1 without memory. rows is 1 to DS_LIVE_ROWS_MAX. */
int ds_live_encode_samples(const char *sensor, int64_t time_ms, const struct ds_sample *samples,
                           size_t rows, unsigned char **out, size_t *size);
int ds_live_encode_pulse(const char *sensor, const struct ds_pulse *pulse, unsigned char **out,
                         size_t *size);

/* A message as it was read. */
struct ds_live_message {
    bool is_pulse; /* else samples */
    char sensor[DS_NAME_MAX + 1];
    int64_t time; /* time_s of a pulse, time_ms of samples */
    /* Of samples. */
    size_t rows;
    struct ds_sample samples[DS_LIVE_ROWS_MAX];
    unsigned mark_count;
    char marks[DS_LIVE_MARKS_MAX][DS_SIGNATURE_ID_MAX + 1]; /* of the bits of signatures */
    /* Of a pulse. */
    struct ds_live_counts counts;
    uint64_t packets, sampled;
};

/* Reads one of the messages above, and refuses what has not the form that docs/live-feed.md
 * promises to readers. Safe on hostile bytes. NULL, or what is wrong, static; then *out is good for
 * nothing.
 */
const char *ds_live_decode(const void *bytes, size_t size, struct ds_live_message *out);

#endif
