/* SPDX-License-Identifier: Apache-2.0
 *
 * Figures that are being added up, of whatever level.
 */
#ifndef DARKSCOPE_STORE_GROUP_H
#define DARKSCOPE_STORE_GROUP_H

#include "chunk.h"
#include "sqlite.h"

struct group {
    uint64_t packets, bytes, survey;
    uint64_t peak; /* of unique sources in a window */
    uint64_t
        rows; /* windows with such a packet. Where there is one, its sources are those of all */
    bool is_inexact;
    bool is_floor;
    bool has_overflown; /* a sum passed 63 bits */
};

void ds_group_add(struct group *g, const struct group *other);
/* A cell's part. */
struct group ds_group_of_cell(const struct ds_chunk_cell *cell, enum ds_survey_part part);
/* kept: the has_ flags. */
struct ds_figures ds_group_figures(const struct group *g, struct ds_figures kept);
/* -1 with err where a sum was too large. */
int ds_group_check(const struct group *g, struct ds_error *err);

#endif
