/* SPDX-License-Identifier: Apache-2.0
 *
 * gzip, piece by piece.
 */
#ifndef DARKSCOPE_GZIP_H
#define DARKSCOPE_GZIP_H

#include <stdbool.h>
#include <stddef.h>

#define DS_GZIP_LEVEL                                                                              \
    1 /* of the bytes of a series it leaves a tenth, in a third of level 6's time */

struct ds_gzip;

struct ds_gzip *ds_gzip_create(void);    /* NULL without memory */
void ds_gzip_destroy(struct ds_gzip *z); /* accepts NULL */

/* Compresses; gives what comes out in pieces of at most 64 KiB to each. The last call has is_last.
 * 0, or what each returned where that was not 0. */
typedef int ds_gzip_fn(void *arg, const void *bytes, size_t size);
int ds_gzip_write(struct ds_gzip *z, const void *bytes, size_t size, bool is_last, ds_gzip_fn *each,
                  void *arg);

#endif
