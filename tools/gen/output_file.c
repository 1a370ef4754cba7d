/* SPDX-License-Identifier: Apache-2.0
 *
 * pcap (draft-ietf-opsawg-pcap) in either byte order, with micro- or nanoseconds, and pcapng
 * (draft-ietf-opsawg-pcapng) with nanoseconds.
 */
#include "output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_BYTES (1u << 20)
#define SECOND_NS    INT64_C(1000000000)

struct file {
    struct ds_gen_output base;
    FILE *stream;
    const char *path;
    enum ds_gen_format format;
};

static uint32_t swap_if(bool swap, uint32_t v)
{
    return swap ? __builtin_bswap32(v) : v;
}

/* 32-bit words in the byte order of the format, whatever the machine's is. */
static void put_words(struct file *f, const uint32_t *words, size_t count)
{
    bool machine_is_big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
    bool swap = machine_is_big != (f->format == DS_GEN_PCAP_BE);
    for (size_t i = 0; i < count; i++) {
        uint32_t v = swap_if(swap, words[i]);
        fwrite_unlocked(&v, 4, 1, f->stream);
    }
}

static int check(struct file *f, struct ds_error *err)
{
    if (!ferror(f->stream))
        return 0;
    return ds_error(err, DS_FAILURE, "%s: cannot write: %s", f->path, strerror(errno));
}

static void start_pcap(struct file *f, uint32_t snaplen, uint32_t link)
{
    bool nano = f->format == DS_GEN_PCAP_NS;
    bool big = f->format == DS_GEN_PCAP_BE;
    const uint32_t header[] = {nano ? 0xa1b23c4d : 0xa1b2c3d4,
                               big ? 2u << 16 | 4 : 4u << 16 | 2, /* version 2.4, two halves */
                               0,
                               0,
                               snaplen,
                               link};
    put_words(f, header, sizeof header / sizeof header[0]);
}

static void start_pcapng(struct file *f, uint32_t snaplen, uint32_t link)
{
    const uint32_t section[] = {0x0a0d0d0a, 28, 0x1a2b3c4d, 1, UINT32_MAX, UINT32_MAX, 28};
    /* Interface with the option if_tsresol = 10^-9. */
    const uint32_t interface[] = {1, 32, link, snaplen, 1u << 16 | 9, 9, 0, 32};
    put_words(f, section, sizeof section / sizeof section[0]);
    put_words(f, interface, sizeof interface / sizeof interface[0]);
}

static void write_pcap(struct file *f, const struct ds_gen_packet *p)
{
    int64_t time = p->fact.time_ns;
    const uint32_t record[] = {(uint32_t)(time / SECOND_NS),
                               (uint32_t)(time % SECOND_NS / f->base.resolution_ns), p->captured,
                               p->wire};
    put_words(f, record, 4);
    fwrite_unlocked(ds_gen_frame(p), 1, p->captured, f->stream);
}

static void write_pcapng(struct file *f, const struct ds_gen_packet *p)
{
    static const uint8_t zeros[4];
    uint64_t time = (uint64_t)p->fact.time_ns;
    uint32_t padding = -p->captured & 3;
    uint32_t size = 32 + p->captured + padding;
    const uint32_t block[] = {6,           size,   0, (uint32_t)(time >> 32), (uint32_t)time,
                              p->captured, p->wire};
    put_words(f, block, sizeof block / sizeof block[0]);
    fwrite_unlocked(ds_gen_frame(p), 1, p->captured, f->stream);
    fwrite_unlocked(zeros, 1, padding, f->stream);
    put_words(f, &size, 1);
}

static int file_write(struct ds_gen_output *out, const struct ds_gen_packet *p,
                      struct ds_error *err)
{
    struct file *f = (struct file *)out;
    if (f->format == DS_GEN_PCAPNG)
        write_pcapng(f, p);
    else
        write_pcap(f, p);
    return check(f, err);
}

static int file_close(struct ds_gen_output *out, struct ds_error *err)
{
    struct file *f = (struct file *)out;
    int r = fflush(f->stream) == 0
                ? check(f, err)
                : ds_error(err, DS_FAILURE, "%s: cannot write: %s", f->path, strerror(errno));
    if (f->stream != stdout && fclose(f->stream) != 0 && r == 0)
        r = ds_error(err, DS_FAILURE, "%s: cannot write: %s", f->path, strerror(errno));
    free(f);
    return r;
}

int ds_gen_open_file(const struct ds_gen_options *o, struct ds_gen_output **out,
                     struct ds_error *err)
{
    static const struct ds_gen_output_ops ops = {.write = file_write, .close = file_close};
    struct file *f = calloc(1, sizeof *f);
    if (!f)
        return ds_error(err, DS_FAILURE, "no memory");
    bool is_stdout = strcmp(o->output, "-") == 0;
    bool nano = o->format == DS_GEN_PCAP_NS || o->format == DS_GEN_PCAPNG;
    *f = (struct file){.base = {&ops, nano ? 1 : 1000},
                       .stream = is_stdout ? stdout : fopen(o->output, "wb"),
                       .path = is_stdout ? "standard output" : o->output,
                       .format = o->format};
    if (!f->stream) {
        int cause = errno;
        free(f);
        return ds_error(err, cause == EACCES ? DS_PERMISSION : DS_FAILURE, "%s: cannot create: %s",
                        o->output, strerror(cause));
    }
    setvbuf(f->stream, NULL, _IOFBF, BUFFER_BYTES);
    uint32_t link = ds_gen_link_type(o->link);
    if (f->format == DS_GEN_PCAPNG)
        start_pcapng(f, o->snaplen, link);
    else
        start_pcap(f, o->snaplen, link);
    *out = &f->base;
    return 0;
}
