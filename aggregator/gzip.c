/* SPDX-License-Identifier: Apache-2.0 */
#include "gzip.h"

#include <stdlib.h>
#include <zlib.h>

#define OUT_BYTES   65536
#define WINDOW_BITS 15
#define WRAP_GZIP   16 /* added to the bits: a gzip header, not zlib's */
#define MEMORY      8

struct ds_gzip {
    z_stream stream;
    unsigned char out[OUT_BYTES];
};

struct ds_gzip *ds_gzip_create(void)
{
    struct ds_gzip *z = calloc(1, sizeof *z);
    if (z && deflateInit2(&z->stream, DS_GZIP_LEVEL, Z_DEFLATED, WINDOW_BITS + WRAP_GZIP, MEMORY,
                          Z_DEFAULT_STRATEGY) != Z_OK) {
        free(z);
        z = NULL;
    }
    return z;
}

void ds_gzip_destroy(struct ds_gzip *z)
{
    if (z)
        deflateEnd(&z->stream);
    free(z);
}

int ds_gzip_write(struct ds_gzip *z, const void *bytes, size_t size, bool is_last, ds_gzip_fn *each,
                  void *arg)
{
    z->stream.next_in = (Bytef *)bytes; /* zlib only reads it */
    z->stream.avail_in = (uInt)size;
    do {
        z->stream.next_out = z->out;
        z->stream.avail_out = OUT_BYTES;
        deflate(&z->stream, is_last ? Z_FINISH : Z_NO_FLUSH);
        size_t made = OUT_BYTES - z->stream.avail_out;
        int result = made ? each(arg, z->out, made) : 0;
        if (result != 0)
            return result;
    } while (z->stream.avail_out == 0);
    return 0;
}
