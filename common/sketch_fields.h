/* SPDX-License-Identifier: Apache-2.0
 *
 * The key "sketches" of a window, and its value alone, as the store keeps it.
 */
#ifndef DARKSCOPE_SKETCH_FIELDS_H
#define DARKSCOPE_SKETCH_FIELDS_H

#include "darkscope/message.h"
#include "darkscope/sketches.h"
#include "fields.h"

extern const struct ds_codec ds_codec_sketches; /* struct ds_sketches */

/* The value of known sketches, made from the rows. The caller frees *out. 0, or -1 without memory.
 */
int ds_sketches_pack(const struct ds_sketches *s, unsigned char **out, size_t *out_bytes);
/* s is zeroed, and the caller's to finish in any case. */
enum ds_decode ds_sketches_unpack(const void *packed, size_t size, struct ds_sketches *s,
                                  const char **why);

#endif
