/* SPDX-License-Identifier: Apache-2.0
 *
 * A capture file: chooses the reader by the content, and words what goes wrong.
 */
#include "linktype.h"
#include "reader.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of a path in messages, so that the rest of them has room. */
#define NAME_BYTES 192

/* Both formats begin with a number of this size. */
#define MAGIC_BYTES 4

struct ds_file {
    struct ds_capture capture;
    struct ds_reader reader;
    bool failed;
    char name[NAME_BYTES];
};

int ds_reader_damaged(const struct ds_reader *r, struct ds_error *err, const char *format, ...)
{
    if (!err)
        return -1;
    char what[DS_ERROR_TEXT / 2];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    const char *unpacked = r->source.unpack.kind == DS_UNPACK_NONE ? "" : " of the unpacked data";
    return ds_error(err, DS_DAMAGED,
                    "%s: record %" PRIu64 " at byte %" PRIu64 "%s %s; all %" PRIu64
                    " packets before it were read",
                    r->name, r->packets + 1, ds_source_offset(&r->source), unpacked, what,
                    r->packets);
}

int ds_reader_link_unknown(const struct ds_reader *r, uint16_t link, struct ds_error *err)
{
    return ds_error(err, DS_INPUT,
                    "%s: link type %u is not read, only " DS_LINKTYPE_LIST
                    "; convert it with \"tcprewrite --dlt=enet\"",
                    r->name, link);
}

int ds_reader_fill(struct ds_reader *r, struct ds_error *err)
{
    switch (ds_source_fill(&r->source, r->need)) {
    case DS_SOURCE_READY:
        return 1;
    case DS_SOURCE_ENDED:
        break;
    case DS_SOURCE_STOPPED:
        return DS_CAPTURE_ENDED;
    case DS_SOURCE_FAULT:
        return ds_reader_damaged(r, err, "cannot be read: %s", r->source.fault);
    }
    size_t have = (size_t)(r->source.end - r->source.at);
    if (!have)
        return DS_CAPTURE_ENDED;
    return ds_reader_damaged(r, err, "is cut off: %zu of at least %zu bytes are there", have,
                             r->need);
}

static int not_a_capture(const struct ds_reader *r, struct ds_error *err)
{
    static const struct {
        uint8_t magic[MAGIC_BYTES];
        const char *with;
    } packings[] = {
        {{0xfd, '7', 'z', 'X'}, "xzcat"},
        {{'B', 'Z', 'h', '9'}, "bzcat"},
        {{0x04, 0x22, 0x4d, 0x18}, "lz4cat"},
    };
    const uint8_t *at = r->source.at;
    for (size_t i = 0; i < sizeof packings / sizeof *packings; i++) {
        if (!memcmp(at, packings[i].magic, MAGIC_BYTES))
            return ds_error(err, DS_INPUT,
                            "%s: is packed in a way that is not read here; pipe it through "
                            "\"%s\" into -r -",
                            r->name, packings[i].with);
    }
    return ds_error(err, DS_INPUT,
                    "%s: is not a capture: begins with %02x %02x %02x %02x, neither pcap nor "
                    "pcapng; convert it with \"editcap -F pcap\"",
                    r->name, at[0], at[1], at[2], at[3]);
}

/* By the first bytes. 0, or what read has to return. */
static int choose_reader(struct ds_reader *r, struct ds_error *err)
{
    enum ds_source_result result = ds_source_start(&r->source);
    if (result == DS_SOURCE_READY)
        result = ds_source_fill(&r->source, MAGIC_BYTES);
    switch (result) {
    case DS_SOURCE_READY:
        break;
    case DS_SOURCE_STOPPED:
        return DS_CAPTURE_ENDED;
    case DS_SOURCE_FAULT:
        return ds_error(err, DS_INPUT, "%s: cannot be read: %s; get the file again", r->name,
                        r->source.fault);
    case DS_SOURCE_ENDED:
        if (r->source.at == r->source.end)
            return ds_error(err, DS_INPUT, "%s: is empty; name a capture with packets", r->name);
        return ds_error(err, DS_INPUT,
                        "%s: is not a capture: too short; name a pcap or pcapng file", r->name);
    }
    int rc = ds_pcap_start(r, err);
    if (rc > 0)
        rc = ds_pcapng_start(r, err);
    return rc > 0 ? not_a_capture(r, err) : rc;
}

static int file_read(struct ds_capture *c, struct ds_frame *frames, size_t most,
                     struct ds_error *err)
{
    struct ds_file *f = (struct ds_file *)c;
    if (f->failed)
        return ds_error(err, DS_DAMAGED, "%s: nothing can be read behind the damage", f->name);
    if (atomic_load_explicit(&f->reader.source.stopped, memory_order_relaxed))
        return DS_CAPTURE_ENDED;
    int n = f->reader.read ? 0 : choose_reader(&f->reader, err);
    if (n == 0)
        n = f->reader.read(&f->reader, frames, most, err);
    f->failed = n == DS_CAPTURE_FAILED;
    return n;
}

static void file_loss(struct ds_capture *c, struct ds_capture_loss *out)
{
    *out = (struct ds_capture_loss){0};
}

static void file_stop(struct ds_capture *c)
{
    ds_source_stop(&((struct ds_file *)c)->reader.source);
}

static bool file_is_stopped(const struct ds_capture *c)
{
    return atomic_load_explicit(&((const struct ds_file *)c)->reader.source.stopped,
                                memory_order_relaxed);
}

static void file_destroy(struct ds_capture *c)
{
    if (!c)
        return;
    struct ds_file *f = (struct ds_file *)c;
    ds_pcapng_finish(&f->reader);
    ds_source_finish(&f->reader.source);
    free(f);
}

static const struct ds_capture_ops file_ops = {
    .read = file_read,
    .loss = file_loss,
    .stop = file_stop,
    .is_stopped = file_is_stopped,
    .destroy = file_destroy,
};

bool ds_capture_is_regular(const struct ds_capture *c)
{
    return c->ops == &file_ops && ((const struct ds_file *)c)->reader.source.is_regular;
}

bool ds_capture_is_plain(const struct ds_capture *c)
{
    return c->ops == &file_ops && ds_source_is_plain(&((const struct ds_file *)c)->reader.source);
}

struct ds_capture *ds_capture_open_again(struct ds_capture *c)
{
    struct ds_file *of = (struct ds_file *)c, *f = calloc(1, sizeof *f);
    struct ds_error ignored;
    if (!f || ds_source_open_again(&of->reader.source, &f->reader.source)) {
        free(f);
        return NULL;
    }
    memcpy(f->name, of->name, sizeof f->name);
    f->capture.ops = &file_ops;
    f->reader.name = f->name;
    if (!of->reader.read || choose_reader(&f->reader, &ignored) == 0)
        return &f->capture;
    file_destroy(&f->capture);
    return NULL;
}

/* The end of a long path tells more than its beginning. */
static void name_for_messages(const char *path, char out[static NAME_BYTES])
{
    size_t length = strlen(path);
    if (!strcmp(path, "-"))
        snprintf(out, NAME_BYTES, "standard input");
    else if (length < NAME_BYTES)
        memcpy(out, path, length + 1);
    else
        snprintf(out, NAME_BYTES, "...%s", path + length - (NAME_BYTES - 4));
}

int ds_capture_open_unread(const char *path, struct ds_capture **out, struct ds_error *err)
{
    struct ds_file *f = calloc(1, sizeof *f);
    if (!f)
        return ds_error(err, DS_FAILURE, "%s: cannot read: out of memory", path);
    name_for_messages(path, f->name);
    f->capture.ops = &file_ops;
    f->reader.name = f->name;
    if (ds_source_open(&f->reader.source, path, f->name, err) < 0) {
        free(f);
        return -1;
    }
    *out = &f->capture;
    return 0;
}

int ds_capture_begin_file(struct ds_capture *c, struct ds_error *err)
{
    struct ds_file *f = (struct ds_file *)c;
    /* What may have to be waited for is left to the first read, which stop can end. */
    return f->reader.source.is_regular && choose_reader(&f->reader, err) < 0 ? -1 : 0;
}

int ds_capture_open_file(const char *path, struct ds_capture **out, struct ds_error *err)
{
    struct ds_capture *c;
    if (ds_capture_open_unread(path, &c, err))
        return -1;
    if (ds_capture_begin_file(c, err)) {
        file_destroy(c);
        return -1;
    }
    *out = c;
    return 0;
}
