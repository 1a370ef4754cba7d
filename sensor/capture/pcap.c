/* SPDX-License-Identifier: Apache-2.0
 *
 * The classic capture file (draft-ietf-opsawg-pcap): micro- and nanoseconds, either byte order,
 * and the variant of Alexey Kuznetsov's patched libpcap, whose record headers are 8 bytes longer.
 * Times are unsigned seconds: they end in 2106.
 */
#include "linktype.h"
#include "reader.h"

#include <inttypes.h>

#define FILE_HEADER_BYTES     24
#define RECORD_HEADER_BYTES   16
#define MODIFIED_HEADER_BYTES 24

#define MAGIC_MICROSECONDS 0xa1b2c3d4u
#define MAGIC_NANOSECONDS  0xa1b23c4du
#define MAGIC_MODIFIED     0xa1b2cd34u

/* Inlined for either byte order, so that the loop has no branch for it. */
static inline enum ds_record parse(struct ds_reader *r, struct ds_frame *out, bool swapped,
                                   struct ds_error *err)
{
    const uint8_t *at = r->source.at;
    size_t have = (size_t)(r->source.end - at);
    if (have < r->header_bytes) {
        r->need = r->header_bytes;
        return DS_RECORD_SHORT;
    }
    uint32_t captured = ds_reader_u32(at + 8, swapped);
    uint32_t wire = ds_reader_u32(at + 12, swapped);
    if (captured > wire) {
        uint32_t larger = captured;
        if (r->lengths_swapped)
            captured = wire;
        wire = larger;
    }
    if (captured > DS_CAPTURE_RECORD_MAX) {
        ds_reader_damaged(r, err, "claims %" PRIu32 " bytes, more than the limit of %u", captured,
                          DS_CAPTURE_RECORD_MAX);
        return DS_RECORD_DAMAGED;
    }
    size_t bytes = r->header_bytes + captured;
    if (have < bytes) {
        r->need = bytes;
        return DS_RECORD_SHORT;
    }
    int64_t seconds = ds_reader_u32(at, swapped);
    int64_t fraction = ds_reader_u32(at + 4, swapped);
    *out = (struct ds_frame){
        .data = at + r->header_bytes,
        .captured = captured,
        .wire = wire,
        .time_ns = seconds * 1000000000 + fraction * r->nanoseconds,
        .link = r->link,
    };
    r->source.at = at + bytes;
    return DS_RECORD_FRAME;
}

static inline enum ds_record walk(struct ds_reader *r, struct ds_frame *frames, size_t most,
                                  size_t *count, bool swapped, struct ds_error *err)
{
    enum ds_record result = DS_RECORD_FRAME;
    size_t n = 0;
    while (n < most && result == DS_RECORD_FRAME) {
        result = parse(r, &frames[n], swapped, n ? NULL : err);
        n += result == DS_RECORD_FRAME;
    }
    *count = n;
    return result;
}

static int pcap_read(struct ds_reader *r, struct ds_frame *frames, size_t most,
                     struct ds_error *err)
{
    for (;;) {
        size_t n;
        enum ds_record result = r->swapped ? walk(r, frames, most, &n, true, err)
                                           : walk(r, frames, most, &n, false, err);
        if (n) {
            r->packets += n;
            return (int)n;
        }
        if (result == DS_RECORD_DAMAGED)
            return DS_CAPTURE_FAILED;
        int rc = ds_reader_fill(r, err);
        if (rc < 0)
            return rc;
    }
}

static bool read_magic(struct ds_reader *r, uint32_t magic)
{
    r->header_bytes = RECORD_HEADER_BYTES;
    r->nanoseconds = 1000;
    switch (magic) {
    case MAGIC_MICROSECONDS:
        return true;
    case MAGIC_NANOSECONDS:
        r->nanoseconds = 1;
        return true;
    case MAGIC_MODIFIED:
        r->header_bytes = MODIFIED_HEADER_BYTES;
        return true;
    default:
        return false;
    }
}

int ds_pcap_start(struct ds_reader *r, struct ds_error *err)
{
    const uint8_t *at = r->source.at;
    r->swapped = !read_magic(r, ds_reader_u32(at, false));
    if (r->swapped && !read_magic(r, ds_reader_u32(at, true)))
        return 1;
    enum ds_source_result result = ds_source_fill(&r->source, FILE_HEADER_BYTES);
    if (result == DS_SOURCE_STOPPED)
        return DS_CAPTURE_ENDED;
    if (result != DS_SOURCE_READY)
        return ds_error(err, DS_INPUT, "%s: ends inside its pcap file header; capture it again",
                        r->name);
    at = r->source.at;
    unsigned major = ds_reader_u16(at + 4, r->swapped);
    unsigned minor = ds_reader_u16(at + 6, r->swapped);
    if (major != 2)
        return ds_error(err, DS_INPUT,
                        "%s: is pcap version %u.%u, and only 2.x is known; convert it with "
                        "\"editcap -F pcap\"",
                        r->name, major, minor);
    r->lengths_swapped = minor < 4;
    /* The upper half holds the length of the frame check sequence, which nobody here needs. */
    r->link = ds_linktype_normal((uint16_t)ds_reader_u32(at + 20, r->swapped));
    if (!ds_capture_link_known(r->link))
        return ds_reader_link_unknown(r, r->link, err);
    r->source.at += FILE_HEADER_BYTES;
    r->read = pcap_read;
    return 0;
}
