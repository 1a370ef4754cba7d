/* SPDX-License-Identifier: Apache-2.0 */
#include "group.h"

static void add(struct group *g, uint64_t *into, uint64_t from)
{
    if (__builtin_add_overflow(*into, from, into) || *into > INT64_MAX)
        g->has_overflown = true;
}

void ds_group_add(struct group *g, const struct group *other)
{
    add(g, &g->packets, other->packets);
    add(g, &g->bytes, other->bytes);
    add(g, &g->survey, other->survey);
    g->peak = other->peak > g->peak ? other->peak : g->peak;
    g->rows += other->rows;
    g->is_inexact = g->is_inexact || (other->rows > 0 && other->is_inexact);
    g->is_floor = g->is_floor || other->is_floor;
    g->has_overflown = g->has_overflown || other->has_overflown;
}

struct group ds_group_of_cell(const struct ds_chunk_cell *cell, enum ds_survey_part part)
{
    struct group g = {.packets = cell->packets,
                      .bytes = cell->bytes,
                      .survey = cell->survey_packets,
                      .peak = cell->sources_peak,
                      .rows = cell->windows,
                      .is_inexact = cell->is_inexact};
    if (part == DS_SURVEY_PART_ALL)
        return g;
    g.packets =
        part == DS_SURVEY_PART_ONLY ? cell->survey_packets : cell->packets - cell->survey_packets;
    g.bytes = g.survey = 0;
    return g;
}

struct ds_figures ds_group_figures(const struct group *g, struct ds_figures kept)
{
    struct ds_figures figures = kept;
    figures.packets = g->packets;
    figures.bytes = kept.has_bytes ? g->bytes : 0;
    figures.survey_packets = kept.has_survey ? g->survey : 0;
    figures.sources_peak = kept.has_sources ? g->peak : 0;
    figures.is_floor = g->is_floor;
    figures.sources_exact = kept.has_sources && g->rows <= 1 && !g->is_inexact && !g->is_floor;
    figures.sources = figures.sources_exact ? g->peak : 0;
    return figures;
}

int ds_group_check(const struct group *g, struct ds_error *err)
{
    return g->has_overflown
               ? ds_error(err, DS_DATABASE, "a sum is too large to count: ask for less time")
               : 0;
}
