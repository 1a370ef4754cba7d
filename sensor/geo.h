/* SPDX-License-Identifier: Apache-2.0
 *
 * Country of a source address, from a MaxMind DB file flattened at start: one load for IPv4.
 * Read-only after it was made; shared by all threads.
 */
#ifndef DARKSCOPE_GEO_H
#define DARKSCOPE_GEO_H

#include "darkscope/error.h"
#include "darkscope/types.h"

#include <stddef.h>

/* A country as a small number, the same for every database: 0 is unknown, then AA .. ZZ, then the
 * rest of an overflowing port (DS_COUNTRY_REST). */
enum { DS_GEO_UNKNOWN = 0, DS_GEO_REST = 26 * 26 + 1, DS_GEO_COUNT };

static inline uint16_t ds_geo_index(ds_country country)
{
    unsigned a = (unsigned)(country >> 8) - 'A', b = (country & 0xffu) - 'A';
    return a < 26 && b < 26 ? (uint16_t)(a * 26 + b + 1) : DS_GEO_UNKNOWN;
}

static inline ds_country ds_geo_country(uint16_t index)
{
    if (index == DS_GEO_UNKNOWN)
        return DS_COUNTRY_UNKNOWN;
    if (index == DS_GEO_REST)
        return DS_COUNTRY_REST;
    return DS_COUNTRY('A' + (index - 1) / 26, 'A' + (index - 1) % 26);
}

/* An entry of the flat table: below DS_GEO_BLOCKS a country's index; from there on the number of
 * a block of 256 for a /24 that has several; DS_GEO_ASK where even the blocks are full. */
#define DS_GEO_BLOCKS 1024
#define DS_GEO_ASK    UINT16_MAX

struct MMDB_s;

struct ds_geo {
    uint16_t *flat; /* 2^24, by the upper 24 bits */
    uint16_t (*blocks)[256];
    size_t block_count;
    struct MMDB_s *database; /* for IPv6 and DS_GEO_ASK */
    char name[96];           /* type and build date: "DBIP-Country 2026-06" */
};

/* Reads and flattens the file. 0, or -1 with err (DS_DATABASE). */
int ds_geo_create(const char *path, struct ds_geo **out, struct ds_error *err);
void ds_geo_destroy(struct ds_geo *g);

/* Slow ways, ~100 ns. g is not NULL; address6 is in network order. */
uint16_t ds_geo_ask4(const struct ds_geo *g, uint32_t address);
uint16_t ds_geo_find6(const struct ds_geo *g, const uint8_t address6[static 16]);

static inline void ds_geo_prefetch4(const struct ds_geo *g, uint32_t address)
{
    if (g)
        __builtin_prefetch(&g->flat[address >> 8]);
}

/* The country's index; DS_GEO_UNKNOWN without a database (g NULL). */
static inline uint16_t ds_geo_find4(const struct ds_geo *g, uint32_t address)
{
    if (!g)
        return DS_GEO_UNKNOWN;
    uint16_t entry = g->flat[address >> 8];
    if (entry < DS_GEO_BLOCKS)
        return entry;
    if (entry == DS_GEO_ASK)
        return ds_geo_ask4(g, address);
    return g->blocks[entry - DS_GEO_BLOCKS][address & 0xff];
}

#endif
