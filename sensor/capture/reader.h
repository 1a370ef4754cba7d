/* SPDX-License-Identifier: Apache-2.0
 *
 * What the readers of the file formats share. A reader parses in place: frames are views into the
 * source's buffer. So it may fill the source only when it has no frame to deliver; a batch ends
 * early where the buffer does. The same holds for damage: a batch ends before it, and the next
 * read meets it again with no frame in hand and reports it.
 */
#ifndef DARKSCOPE_CAPTURE_READER_H
#define DARKSCOPE_CAPTURE_READER_H

#include "../capture.h"
#include "source.h"

/* A pcapng interface: time = ticks * multiplier >> shift / divisor + offset_ns. */
struct ds_pcapng_interface {
    uint64_t multiplier;
    uint64_t divisor; /* 0: none */
    int64_t offset_ns;
    uint32_t snaplen; /* 0: no limit */
    uint16_t link;
    bool link_known;
    uint8_t shift;
};

/* Interfaces of one pcapng section; some tools write one for each file they merge. */
#define DS_PCAPNG_INTERFACES_MAX 4096u

struct ds_reader {
    struct ds_source source;
    /* The format's: as ds_capture_ops. NULL until it is known. */
    int (*read)(struct ds_reader *r, struct ds_frame *frames, size_t most, struct ds_error *err);
    const char *name; /* for messages; borrowed */
    uint64_t packets; /* delivered */
    size_t need;      /* bytes that the record at the source's at is known to have */
    bool swapped;     /* the file is in the other byte order */

    /* pcap */
    uint32_t header_bytes; /* of a record */
    uint32_t nanoseconds;  /* in a unit of the time's fraction */
    uint16_t link;
    bool lengths_swapped; /* versions before 2.4 wrote the two lengths in either order */

    /* pcapng */
    struct ds_pcapng_interface *interfaces; /* [DS_PCAPNG_INTERFACES_MAX], or NULL */
    uint32_t interface_count;
    int64_t last_time_ns; /* for packets that have none */
};

/* Result of parsing one record at the source's at, and of a walk over several. */
enum ds_record {
    DS_RECORD_FRAME,   /* used, and a frame delivered */
    DS_RECORD_OTHER,   /* used */
    DS_RECORD_SHORT,   /* the buffer ends before the record, which has need bytes */
    DS_RECORD_DAMAGED, /* err says how */
    DS_RECORD_SECTION, /* pcapng: used; the byte order may have changed */
    DS_RECORD_SKIP,    /* pcapng: not needed, and perhaps larger than the buffer */
};

/* Set up the reader where the first bytes are the format's magic: 0; 1 where they are not; or what
 * read has to return: DS_CAPTURE_FAILED with err, DS_CAPTURE_ENDED when stopped. */
int ds_pcap_start(struct ds_reader *r, struct ds_error *err);
int ds_pcapng_start(struct ds_reader *r, struct ds_error *err);
void ds_pcapng_finish(struct ds_reader *r);

/* Makes r->need bytes stand at the source's at. 1; or what read has to return: there is no more
 * (DS_CAPTURE_ENDED), or it ends in a record or cannot be read (DS_CAPTURE_FAILED with err). */
int ds_reader_fill(struct ds_reader *r, struct ds_error *err);

/* The message about the record at the source's at: NAME, where, what; how many were read. Returns
 * -1. err may be NULL, as long as there are frames to deliver before. */
int ds_reader_damaged(const struct ds_reader *r, struct ds_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The message about a link type that is not read. Returns -1. */
int ds_reader_link_unknown(const struct ds_reader *r, uint16_t link, struct ds_error *err);

static inline uint16_t ds_reader_u16(const uint8_t *at, bool swapped)
{
    uint16_t v;
    __builtin_memcpy(&v, at, sizeof v);
    return swapped ? __builtin_bswap16(v) : v;
}

static inline uint32_t ds_reader_u32(const uint8_t *at, bool swapped)
{
    uint32_t v;
    __builtin_memcpy(&v, at, sizeof v);
    return swapped ? __builtin_bswap32(v) : v;
}

static inline uint64_t ds_reader_u64(const uint8_t *at, bool swapped)
{
    uint64_t v;
    __builtin_memcpy(&v, at, sizeof v);
    return swapped ? __builtin_bswap64(v) : v;
}

#endif
