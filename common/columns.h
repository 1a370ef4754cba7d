/* SPDX-License-Identifier: Apache-2.0
 *
 * The cells of a window as compressed columns; docs/protocol.md has the form. A cell costs about
 * 2 bytes this way, 40 as a msgpack map.
 */
#ifndef DARKSCOPE_COLUMNS_H
#define DARKSCOPE_COLUMNS_H

#include "darkscope/message.h"

/* Packs n sorted cells, each with at least one packet, no more sources or survey packets than
 * packets, and no count above DS_COUNT_MAX. The caller frees *out. 0, or -1 without memory. */
int ds_columns_pack(const struct ds_cell *cells, size_t n, unsigned char **out, size_t *out_bytes);

/* The reverse; *cells is the caller's to free. Cells come out strictly sorted, and with every
 * promise of ds_columns_pack kept. On DS_DECODE_MALFORMED *why is static text. */
enum ds_decode ds_columns_unpack(const void *packed, size_t size, struct ds_cell **cells, size_t *n,
                                 const char **why);

#endif
