/* SPDX-License-Identifier: Apache-2.0
 *
 * The block-structured capture file (draft-ietf-opsawg-pcapng): several sections, each in its own
 * byte order; interface descriptions; enhanced, simple and the obsolete packet blocks. All other
 * blocks are skipped. Refused are blocks whose two lengths differ, and packet, interface and
 * section blocks larger than the source's buffer.
 */
#include "linktype.h"
#include "reader.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET_OBSOLETE = 2,
    BLOCK_PACKET_SIMPLE = 3,
    BLOCK_PACKET = 6,
};
#define BLOCK_SECTION    0x0a0d0d0au /* the same in either byte order */
#define BYTE_ORDER_MAGIC 0x1a2b3c4du

/* Of whole blocks, with both lengths and without options and data. */
#define BLOCK_BYTES_MIN     12
#define SECTION_BYTES_MIN   28
#define INTERFACE_BYTES_MIN 20
#define PACKET_BYTES_MIN    32
#define SIMPLE_BYTES_MIN    16

/* Where options or data begin in a block. */
#define INTERFACE_OPTIONS_AT 16
#define PACKET_DATA_AT       28
#define SIMPLE_DATA_AT       12

#define TRAILER_BYTES 4

enum { OPTION_END = 0, OPTION_TSRESOL = 9, OPTION_TSOFFSET = 14 };

#define TSRESOL_DEFAULT      6 /* microseconds */
#define TSRESOL_POWER_OF_TWO 0x80u
#define NANOSECONDS          1000000000

__extension__ typedef unsigned __int128 u128;

static void set_resolution(struct ds_pcapng_interface *i, uint8_t tsresol)
{
    unsigned exponent = tsresol & (TSRESOL_POWER_OF_TWO - 1);
    i->shift = 0;
    i->multiplier = 1;
    i->divisor = 0;
    if (tsresol & TSRESOL_POWER_OF_TWO) {
        i->multiplier = NANOSECONDS;
        i->shift = (uint8_t)exponent;
        return;
    }
    for (unsigned e = exponent; e < 9; e++)
        i->multiplier *= 10;
    for (unsigned e = 9; e < exponent && i->divisor <= UINT64_MAX / 10; e++)
        i->divisor = i->divisor ? i->divisor * 10 : 10;
}

static void set_offset(struct ds_pcapng_interface *i, int64_t seconds)
{
    if (__builtin_mul_overflow(seconds, (int64_t)NANOSECONDS, &i->offset_ns))
        i->offset_ns = seconds < 0 ? INT64_MIN : INT64_MAX;
}

/* Times beyond what fits are moved to the end of the range. */
static inline int64_t to_nanoseconds(const struct ds_pcapng_interface *i, uint64_t ticks)
{
    u128 wide = (u128)ticks * i->multiplier >> i->shift;
    /* Compared with 1, gcc divides by it always, as that gives the same; it costs 4 ns. */
    if (i->divisor)
        wide /= i->divisor;
    int64_t time_ns = wide > INT64_MAX ? INT64_MAX : (int64_t)wide;
    /* time_ns is never negative, so that the sum can only be too large. */
    return __builtin_add_overflow(time_ns, i->offset_ns, &time_ns) ? INT64_MAX : time_ns;
}

static inline enum ds_record need(struct ds_reader *r, size_t bytes)
{
    r->need = bytes;
    return DS_RECORD_SHORT;
}

/* FRAME stands for "yes, all of it is here". */
static inline enum ds_record whole_block(struct ds_reader *r, uint32_t length, uint32_t least,
                                         bool swapped, struct ds_error *err)
{
    if (length < least || length % 4 || length > DS_SOURCE_BYTES) {
        ds_reader_damaged(r, err, "claims a block of %" PRIu32 " bytes", length);
        return DS_RECORD_DAMAGED;
    }
    if ((size_t)(r->source.end - r->source.at) < length)
        return need(r, length);
    uint32_t trailer = ds_reader_u32(r->source.at + length - TRAILER_BYTES, swapped);
    if (trailer != length) {
        ds_reader_damaged(r, err,
                          "claims a block of %" PRIu32 " bytes in front and of %" PRIu32 " behind",
                          length, trailer);
        return DS_RECORD_DAMAGED;
    }
    return DS_RECORD_FRAME;
}

static enum ds_record parse_section(struct ds_reader *r, struct ds_error *err)
{
    const uint8_t *at = r->source.at;
    uint32_t order = ds_reader_u32(at + 8, false);
    bool swapped = order != BYTE_ORDER_MAGIC;
    if (swapped && __builtin_bswap32(order) != BYTE_ORDER_MAGIC) {
        ds_reader_damaged(r, err, "is a section of unknown byte order %08" PRIx32, order);
        return DS_RECORD_DAMAGED;
    }
    uint32_t length = ds_reader_u32(at + 4, swapped);
    enum ds_record result = whole_block(r, length, SECTION_BYTES_MIN, swapped, err);
    if (result != DS_RECORD_FRAME)
        return result;
    unsigned major = ds_reader_u16(at + 12, swapped);
    if (major != 1) {
        ds_reader_damaged(r, err, "is a section of pcapng version %u, and only 1 is known", major);
        return DS_RECORD_DAMAGED;
    }
    r->swapped = swapped;
    r->interface_count = 0;
    r->source.at += length;
    return DS_RECORD_SECTION;
}

static bool parse_options(struct ds_pcapng_interface *i, const uint8_t *at, const uint8_t *end,
                          bool swapped)
{
    while (end - at >= 4) {
        unsigned code = ds_reader_u16(at, swapped);
        unsigned bytes = ds_reader_u16(at + 2, swapped);
        at += 4;
        if (code == OPTION_END)
            return true;
        unsigned padded = (bytes + 3) & ~3u;
        if (padded > (size_t)(end - at))
            return false;
        if (code == OPTION_TSRESOL) {
            if (bytes != 1)
                return false;
            set_resolution(i, *at);
        } else if (code == OPTION_TSOFFSET) {
            if (bytes != 8)
                return false;
            set_offset(i, (int64_t)ds_reader_u64(at, swapped));
        }
        at += padded;
    }
    return true;
}

static enum ds_record parse_interface(struct ds_reader *r, uint32_t length, bool swapped,
                                      struct ds_error *err)
{
    enum ds_record result = whole_block(r, length, INTERFACE_BYTES_MIN, swapped, err);
    if (result != DS_RECORD_FRAME)
        return result;
    if (r->interface_count == DS_PCAPNG_INTERFACES_MAX) {
        ds_reader_damaged(r, err, "describes more than %u interfaces", DS_PCAPNG_INTERFACES_MAX);
        return DS_RECORD_DAMAGED;
    }
    const uint8_t *at = r->source.at;
    struct ds_pcapng_interface i = {
        .link = ds_linktype_normal(ds_reader_u16(at + 8, swapped)),
        .snaplen = ds_reader_u32(at + 12, swapped),
    };
    i.link_known = ds_capture_link_known(i.link);
    set_resolution(&i, TSRESOL_DEFAULT);
    if (!parse_options(&i, at + INTERFACE_OPTIONS_AT, at + length - TRAILER_BYTES, swapped)) {
        ds_reader_damaged(r, err, "describes an interface by options that do not fit");
        return DS_RECORD_DAMAGED;
    }
    r->interfaces[r->interface_count++] = i;
    r->source.at += length;
    return DS_RECORD_OTHER;
}

/* The interface of a packet that can be read, or NULL with err. */
static inline const struct ds_pcapng_interface *find_interface(struct ds_reader *r, uint32_t number,
                                                               struct ds_error *err)
{
    if (number >= r->interface_count) {
        ds_reader_damaged(r, err, "is of interface %" PRIu32 ", and only %" PRIu32 " are described",
                          number, r->interface_count);
        return NULL;
    }
    const struct ds_pcapng_interface *i = &r->interfaces[number];
    if (!i->link_known) {
        ds_reader_link_unknown(r, i->link, err);
        return NULL;
    }
    return i;
}

/* Delivers the packet of a block whose data begins at data_at and must end before the trailer. */
static inline enum ds_record deliver(struct ds_reader *r, struct ds_frame *out, uint32_t length,
                                     uint32_t data_at, struct ds_error *err)
{
    uint32_t room = length - data_at - TRAILER_BYTES;
    if (out->captured > room || out->captured > DS_CAPTURE_RECORD_MAX) {
        ds_reader_damaged(r, err, "claims %" PRIu32 " bytes of a packet; %" PRIu32 " fit",
                          out->captured,
                          room < DS_CAPTURE_RECORD_MAX ? room : DS_CAPTURE_RECORD_MAX);
        return DS_RECORD_DAMAGED;
    }
    out->data = r->source.at + data_at;
    if (out->wire < out->captured)
        out->wire = out->captured;
    r->last_time_ns = out->time_ns;
    r->source.at += length;
    return DS_RECORD_FRAME;
}

static inline enum ds_record parse_packet(struct ds_reader *r, struct ds_frame *out,
                                          uint32_t length, bool obsolete, bool swapped,
                                          struct ds_error *err)
{
    enum ds_record result = whole_block(r, length, PACKET_BYTES_MIN, swapped, err);
    if (result != DS_RECORD_FRAME)
        return result;
    const uint8_t *at = r->source.at;
    uint32_t number = obsolete ? ds_reader_u16(at + 8, swapped) : ds_reader_u32(at + 8, swapped);
    const struct ds_pcapng_interface *i = find_interface(r, number, err);
    if (!i)
        return DS_RECORD_DAMAGED;
    uint64_t ticks =
        (uint64_t)ds_reader_u32(at + 12, swapped) << 32 | ds_reader_u32(at + 16, swapped);
    *out = (struct ds_frame){
        .captured = ds_reader_u32(at + 20, swapped),
        .wire = ds_reader_u32(at + 24, swapped),
        .time_ns = to_nanoseconds(i, ticks),
        .link = i->link,
    };
    return deliver(r, out, length, PACKET_DATA_AT, err);
}

/* Has no time of its own, and belongs to the first interface. */
static enum ds_record parse_simple(struct ds_reader *r, struct ds_frame *out, uint32_t length,
                                   bool swapped, struct ds_error *err)
{
    enum ds_record result = whole_block(r, length, SIMPLE_BYTES_MIN, swapped, err);
    if (result != DS_RECORD_FRAME)
        return result;
    const struct ds_pcapng_interface *i = find_interface(r, 0, err);
    if (!i)
        return DS_RECORD_DAMAGED;
    uint32_t wire = ds_reader_u32(r->source.at + 8, swapped);
    *out = (struct ds_frame){
        .captured = i->snaplen && i->snaplen < wire ? i->snaplen : wire,
        .wire = wire,
        .time_ns = r->last_time_ns,
        .link = i->link,
    };
    return deliver(r, out, length, SIMPLE_DATA_AT, err);
}

static inline enum ds_record parse(struct ds_reader *r, struct ds_frame *out, bool swapped,
                                   struct ds_error *err)
{
    const uint8_t *at = r->source.at;
    if (r->source.end - at < BLOCK_BYTES_MIN)
        return need(r, BLOCK_BYTES_MIN);
    uint32_t type = ds_reader_u32(at, swapped);
    uint32_t length = ds_reader_u32(at + 4, swapped);
    switch (type) {
    case BLOCK_PACKET:
        return parse_packet(r, out, length, false, swapped, err);
    case BLOCK_PACKET_OBSOLETE:
        return parse_packet(r, out, length, true, swapped, err);
    case BLOCK_PACKET_SIMPLE:
        return parse_simple(r, out, length, swapped, err);
    case BLOCK_INTERFACE:
        return parse_interface(r, length, swapped, err);
    case BLOCK_SECTION:
        return parse_section(r, err);
    default:
        return DS_RECORD_SKIP;
    }
}

/* Ends also at a section, which may change the byte order. */
static inline enum ds_record walk(struct ds_reader *r, struct ds_frame *frames, size_t most,
                                  size_t *count, bool swapped, struct ds_error *err)
{
    enum ds_record result = DS_RECORD_OTHER;
    size_t n = 0;
    while (n < most && (result == DS_RECORD_FRAME || result == DS_RECORD_OTHER)) {
        result = parse(r, &frames[n], swapped, n ? NULL : err);
        n += result == DS_RECORD_FRAME;
    }
    *count = n;
    return result;
}

/* Skips a block of any length. As ds_reader_fill. */
static int skip_block(struct ds_reader *r, struct ds_error *err)
{
    uint32_t length = ds_reader_u32(r->source.at + 4, r->swapped);
    if (length < BLOCK_BYTES_MIN || length % 4)
        return ds_reader_damaged(r, err, "claims a block of %" PRIu32 " bytes", length);
    enum ds_source_result rc = ds_source_skip(&r->source, length - TRAILER_BYTES);
    if (rc == DS_SOURCE_READY)
        rc = ds_source_fill(&r->source, TRAILER_BYTES);
    switch (rc) {
    case DS_SOURCE_READY:
        break;
    case DS_SOURCE_STOPPED:
        return DS_CAPTURE_ENDED;
    case DS_SOURCE_ENDED:
        return ds_reader_damaged(r, err, "ends inside a block of %" PRIu32 " bytes", length);
    case DS_SOURCE_FAULT:
        return ds_reader_damaged(r, err, "cannot be read: %s", r->source.fault);
    }
    uint32_t trailer = ds_reader_u32(r->source.at, r->swapped);
    if (trailer != length)
        return ds_reader_damaged(r, err, "ends a block of %" PRIu32 " bytes that claims %" PRIu32,
                                 length, trailer);
    r->source.at += TRAILER_BYTES;
    return 1;
}

static int pcapng_read(struct ds_reader *r, struct ds_frame *frames, size_t most,
                       struct ds_error *err)
{
    for (;;) {
        size_t n;
        int rc = 1;
        enum ds_record result = r->swapped ? walk(r, frames, most, &n, true, err)
                                           : walk(r, frames, most, &n, false, err);
        if (n) {
            r->packets += n;
            return (int)n;
        }
        if (result == DS_RECORD_DAMAGED)
            return DS_CAPTURE_FAILED;
        if (result == DS_RECORD_SKIP)
            rc = skip_block(r, err);
        else if (result == DS_RECORD_SHORT)
            rc = ds_reader_fill(r, err);
        if (rc < 0)
            return rc;
    }
}

int ds_pcapng_start(struct ds_reader *r, struct ds_error *err)
{
    if (ds_reader_u32(r->source.at, false) != BLOCK_SECTION)
        return 1;
    r->interfaces = calloc(DS_PCAPNG_INTERFACES_MAX, sizeof *r->interfaces);
    if (!r->interfaces)
        return ds_error(err, DS_FAILURE, "%s: cannot read: out of memory", r->name);
    enum ds_record result = need(r, BLOCK_BYTES_MIN);
    while (result == DS_RECORD_SHORT) {
        enum ds_source_result filled = ds_source_fill(&r->source, r->need);
        if (filled == DS_SOURCE_STOPPED)
            return DS_CAPTURE_ENDED;
        if (filled != DS_SOURCE_READY)
            break;
        result = parse_section(r, NULL);
    }
    if (result != DS_RECORD_SECTION)
        return ds_error(err, DS_INPUT,
                        "%s: is not a capture: its pcapng section header is %s; capture it again",
                        r->name, result == DS_RECORD_SHORT ? "cut off" : "damaged");
    r->read = pcapng_read;
    return 0;
}

void ds_pcapng_finish(struct ds_reader *r)
{
    free(r->interfaces);
}
