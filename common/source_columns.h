/* SPDX-License-Identifier: Apache-2.0
 *
 * The source records of a window as compressed columns, on the wire and in the store;
 * docs/protocol.md has the form.
 */
#ifndef DARKSCOPE_SOURCE_COLUMNS_H
#define DARKSCOPE_SOURCE_COLUMNS_H

#include "darkscope/message.h"

/* Packs n sorted records that keep the promises of window.h. The caller frees *out. 0, or -1
 * without memory. */
int ds_source_columns_pack(const struct ds_source_record *records, size_t n, unsigned char **out,
                           size_t *out_bytes);

/* The reverse; *records is the caller's to free. They come out strictly sorted, with packets, at
 * most as many ports, valid countries, classes and survey marks, and at
 * most DS_MARKS_MAX signatures. On DS_DECODE_MALFORMED *why is static text. */
enum ds_decode ds_source_columns_unpack(const void *packed, size_t size,
                                        struct ds_source_record **records, size_t *n,
                                        const char **why);

#endif
