/* SPDX-License-Identifier: Apache-2.0
 *
 * What top.c and earlier.c share. Nothing outside this folder includes it.
 */
#ifndef DARKSCOPE_QUERY_TOP_H
#define DARKSCOPE_QUERY_TOP_H

#include "answer.h"

json_t *ds_share(uint64_t part, uint64_t whole);

/* ---- earlier.c: the rows of a top table in the period before ---- */

struct earlier;

/* Room for limit rows (of devices, for all there are). NULL without memory. */
struct earlier *ds_earlier_create(uint64_t limit, enum ds_by by, enum ds_order order);
void ds_earlier_destroy(struct earlier *e); /* accepts NULL */

/* In the order of the rows. */
void ds_earlier_want(struct earlier *e, const struct ds_top_row *row);

/* Sets before_rank, before_packets, before_share, before_sources and change of each row.
 * is_watched: somebody watched in that period. 0, or -1 with err. */
int ds_earlier_write(struct earlier *e, struct answer *a, json_t *rows, bool is_watched,
                     struct ds_error *err);

#endif
