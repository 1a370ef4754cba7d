/* SPDX-License-Identifier: Apache-2.0 */
#include "unpack.h"

#include <string.h>

/* windowBits of inflateInit2: the largest window, gzip wrapper only. */
#define GZIP_WINDOW_BITS (15 + 16)

enum ds_unpack_kind ds_unpack_detect(const uint8_t *data, size_t bytes)
{
    static const uint8_t gzip[] = {0x1f, 0x8b};
    static const uint8_t zstd[] = {0x28, 0xb5, 0x2f, 0xfd};
    static const uint8_t skippable[] = {0x2a, 0x4d, 0x18}; /* pzstd begins with such a frame */

    if (bytes >= sizeof gzip && !memcmp(data, gzip, sizeof gzip))
        return DS_UNPACK_GZIP;
    if (bytes < sizeof zstd)
        return DS_UNPACK_NONE;
    if (!memcmp(data, zstd, sizeof zstd) ||
        ((data[0] & 0xf0) == 0x50 && !memcmp(data + 1, skippable, sizeof skippable)))
        return DS_UNPACK_ZSTD;
    return DS_UNPACK_NONE;
}

int ds_unpack_init(struct ds_unpack *u, enum ds_unpack_kind kind)
{
    *u = (struct ds_unpack){.kind = kind};
    switch (kind) {
    case DS_UNPACK_GZIP:
        return inflateInit2(&u->gzip, GZIP_WINDOW_BITS) == Z_OK ? 0 : -1;
    case DS_UNPACK_ZSTD:
        u->zstd = ZSTD_createDCtx();
        return u->zstd ? 0 : -1;
    case DS_UNPACK_NONE:
        break;
    }
    return 0;
}

void ds_unpack_finish(struct ds_unpack *u)
{
    if (u->kind == DS_UNPACK_GZIP)
        inflateEnd(&u->gzip);
    if (u->kind == DS_UNPACK_ZSTD)
        ZSTD_freeDCtx(u->zstd);
    u->kind = DS_UNPACK_NONE;
}

static const char *run_gzip(struct ds_unpack *u, const uint8_t **in, const uint8_t *in_end,
                            uint8_t *out, size_t *out_bytes)
{
    z_stream *z = &u->gzip;
    size_t room = *out_bytes;
    *out_bytes = 0;
    if (u->whole) {
        /* Between members; padding with zeros, as tapes and block devices leave it, is none. */
        while (*in < in_end && **in == 0)
            ++*in;
        if (*in == in_end)
            return NULL;
        inflateReset(z);
        u->whole = false;
    }
    z->next_in = (Bytef *)(uintptr_t)*in; /* zlib does not write through it */
    z->avail_in = (uInt)(in_end - *in);
    z->next_out = out;
    z->avail_out = (uInt)room;
    int rc = inflate(z, Z_NO_FLUSH);
    *in = z->next_in;
    *out_bytes = room - z->avail_out;
    if (rc == Z_STREAM_END)
        u->whole = true;
    else if (rc != Z_OK && rc != Z_BUF_ERROR)
        return z->msg ? z->msg : zError(rc);
    return NULL;
}

static const char *run_zstd(struct ds_unpack *u, const uint8_t **in, const uint8_t *in_end,
                            uint8_t *out, size_t *out_bytes)
{
    ZSTD_inBuffer from = {*in, (size_t)(in_end - *in), 0};
    ZSTD_outBuffer to = {out, *out_bytes, 0};
    size_t rc = ZSTD_decompressStream(u->zstd, &to, &from);
    *in += from.pos;
    *out_bytes = to.pos;
    if (ZSTD_isError(rc))
        return ZSTD_getErrorName(rc);
    /* A call that does nothing says how much the next frame wants, not that one is open. */
    if (from.pos || to.pos)
        u->whole = rc == 0;
    return NULL;
}

const char *ds_unpack_run(struct ds_unpack *u, const uint8_t **in, const uint8_t *in_end,
                          uint8_t *out, size_t *out_bytes)
{
    return u->kind == DS_UNPACK_GZIP ? run_gzip(u, in, in_end, out, out_bytes)
                                     : run_zstd(u, in, in_end, out, out_bytes);
}
