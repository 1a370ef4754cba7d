/* SPDX-License-Identifier: Apache-2.0 */
#include "hour_cells.h"

#include <stdlib.h>
#include <string.h>

#define PORT_BITS   4 /* of a block: 16 ports */
#define PORTS       (1u << PORT_BITS)
#define BLOCK_SHIFT (16 + PORT_BITS) /* a key's country, and its port in the block */

/* Countries in their order: "**", "??", AA to ZZ. */
#define LETTERS   26u
#define COUNTRIES (2 + LETTERS * LETTERS)
#define WORDS     ((COUNTRIES + 63) / 64)

/* A port and country, or a country of all ports. */
struct slot {
    uint64_t packets, bytes, survey;
    uint64_t peak; /* of unique sources in a window */
    uint32_t windows;
    bool is_inexact;
};

struct port {
    struct ds_chunk_cell cell;
    uint64_t used[WORDS]; /* a bit for each of its countries */
};

struct gather {
    const struct hour_cells *hour;
    struct builder ports, port_countries, countries;
    struct slot slots[PORTS][COUNTRIES];
    struct port of_block[PORTS];
    uint64_t group; /* class and protocol whose sums these are */
    struct slot sums[COUNTRIES];
    struct ds_error *err;
};

static uint64_t greater(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static unsigned index_of(ds_country country)
{
    unsigned first = country >> 8, second = country & UINT8_MAX;
    if (first < 'A')
        return first == '?';
    return 2 + (first - 'A') * LETTERS + (second - 'A');
}

static ds_country country_at(unsigned index)
{
    if (index < 2)
        return (ds_country)(index == 1 ? '?' << 8 | '?' : '*' << 8 | '*');
    return (ds_country)(((index - 2) / LETTERS + 'A') << 8 | ((index - 2) % LETTERS + 'A'));
}

/* ---- a block of ports ---- */

static void add_cell(struct gather *g, const struct ds_chunk_cell *cell)
{
    unsigned port = (unsigned)(cell->key >> 16) % PORTS, country = index_of((ds_country)cell->key);
    struct slot *s = &g->slots[port][country];
    g->of_block[port].used[country / 64] |= UINT64_C(1) << country % 64;
    s->packets += cell->packets;
    s->bytes += cell->bytes;
    s->survey += cell->survey_packets;
    s->peak = greater(s->peak, cell->sources_peak);
    s->windows++;
    s->is_inexact |= cell->is_inexact;
}

/* In one window a port's sources are the sum over its countries. */
static void add_port(struct gather *g, uint64_t key, uint64_t sources, bool is_inexact,
                     uint32_t offset)
{
    struct ds_chunk_cell *c = &g->of_block[(key >> 16) % PORTS].cell;
    c->key = key & KEY_WITHOUT_COUNTRY;
    c->first = c->windows++ ? c->first : offset;
    c->last = offset;
    c->sources_peak = greater(c->sources_peak, sources);
    c->is_inexact |= is_inexact;
}

/* The run's cells of the block. It has one. 0 or -1. */
static int add_run(struct gather *g, struct run *r, uint64_t block, bool *is_at_end)
{
    uint64_t port_key = r->cell->key, sources = 0;
    uint32_t offset = g->hour->offsets[r->number];
    bool is_inexact = false;
    int got;
    do {
        const struct ds_chunk_cell *cell = r->cell;
        if ((cell->key ^ port_key) >> 16) {
            add_port(g, port_key, sources, is_inexact, offset);
            port_key = cell->key;
            sources = 0;
            is_inexact = false;
        }
        add_cell(g, cell);
        sources += cell->sources_peak;
        is_inexact |= cell->is_inexact;
        got = ds_run_next(r, g->err);
    } while (got > 0 && r->cell->key >> BLOCK_SHIFT == block);
    add_port(g, port_key, sources, is_inexact, offset);
    *is_at_end = got == 0;
    return got < 0 ? -1 : 0;
}

/* ---- what it comes to ---- */

static void add_to_builder(struct builder *b, uint64_t key, const struct slot *s)
{
    *ds_builder_next(b, key) = (struct ds_chunk_cell){.key = key,
                                                      .packets = s->packets,
                                                      .bytes = s->bytes,
                                                      .survey_packets = s->survey,
                                                      .sources_peak = s->peak,
                                                      .windows = s->windows,
                                                      .is_inexact = s->is_inexact};
}

/* Sums have no sources to tell: these values take no room. */
static void write_sums(struct gather *g)
{
    for (unsigned i = 0; i < COUNTRIES; i++) {
        struct slot *s = &g->sums[i];
        if (s->packets == 0)
            continue;
        s->windows = 1;
        s->peak = s->packets;
        add_to_builder(&g->countries, g->group << 32 | country_at(i), s);
        *s = (struct slot){0};
    }
}

static void write_country(struct gather *g, struct port *p, unsigned port, unsigned country)
{
    struct slot *s = &g->slots[port][country], *sum = &g->sums[country];
    add_to_builder(&g->port_countries, p->cell.key | country_at(country), s);
    p->cell.packets += s->packets;
    p->cell.bytes += s->bytes;
    p->cell.survey_packets += s->survey;
    sum->packets += s->packets;
    sum->bytes += s->bytes;
    sum->survey += s->survey;
    *s = (struct slot){0};
}

static void write_block(struct gather *g, uint64_t block)
{
    if (block >> (32 - BLOCK_SHIFT) != g->group) {
        write_sums(g);
        g->group = block >> (32 - BLOCK_SHIFT);
    }
    for (unsigned port = 0; port < PORTS; port++) {
        struct port *p = &g->of_block[port];
        if (p->cell.windows == 0)
            continue;
        for (unsigned word = 0; word < WORDS; word++)
            for (uint64_t bits = p->used[word]; bits; bits &= bits - 1)
                write_country(g, p, port, word * 64 + (unsigned)__builtin_ctzll(bits));
        *ds_builder_next(&g->ports, p->cell.key) = p->cell;
        *p = (struct port){0};
    }
}

/* ---- all of it ---- */

/* The lowest block that is left, or UINT64_MAX. live: runs that are not at their end. */
static uint64_t next_block(const struct hour_cells *h, const bool *live)
{
    uint64_t lowest = UINT64_MAX;
    for (size_t i = 0; i < h->windows; i++)
        if (live[i] && h->runs[i].cell->key >> BLOCK_SHIFT < lowest)
            lowest = h->runs[i].cell->key >> BLOCK_SHIFT;
    return lowest;
}

static int gather_blocks(struct gather *g, bool *live)
{
    const struct hour_cells *h = g->hour;
    for (uint64_t block; (block = next_block(h, live)) != UINT64_MAX;) {
        for (size_t i = 0; i < h->windows; i++) {
            bool is_at_end = false;
            if (!live[i] || h->runs[i].cell->key >> BLOCK_SHIFT != block)
                continue;
            if (add_run(g, &h->runs[i], block, &is_at_end) < 0)
                return -1;
            live[i] = !is_at_end;
        }
        write_block(g, block);
        if (g->ports.has_failed || g->port_countries.has_failed || g->countries.has_failed)
            return -1;
    }
    write_sums(g);
    return 0;
}

static int begin_runs(struct gather *g, bool *live)
{
    for (size_t i = 0; i < g->hour->windows; i++) {
        int got = ds_run_next(&g->hour->runs[i], g->err);
        if (got < 0)
            return -1;
        live[i] = got > 0;
    }
    return 0;
}

static int make_cells(struct gather *g, bool *live, struct chunk_rows *rows)
{
    const struct hour_cells *h = g->hour;
    struct builder *const builders[] = {&g->ports, &g->port_countries, &g->countries};
    for (unsigned kind = 0; kind < CHUNK_KIND_COUNT; kind++)
        ds_builder_begin_rows(builders[kind], h->file->kind, &rows[kind],
                              kind == CHUNK_PORT ? CHUNK_CELLS_HOUR_PORT : CHUNK_CELLS_HOUR,
                              kind == CHUNK_COUNTRY ? 1 : (uint32_t)h->windows, g->err);
    int result = begin_runs(g, live);
    if (result == 0)
        result = gather_blocks(g, live);
    for (unsigned kind = 0; kind < CHUNK_KIND_COUNT; kind++)
        if (ds_builder_finish(builders[kind]) < 0)
            result = -1;
    return result;
}

int ds_hour_cells_make(const struct hour_cells *h, struct chunk_rows rows[static CHUNK_KIND_COUNT],
                       struct ds_error *err)
{
    struct gather *g = calloc(1, sizeof *g);
    bool *live = calloc(h->windows + 1, sizeof *live);
    int result = -1;
    if (g && live) {
        g->hour = h;
        g->err = err;
        result = make_cells(g, live, rows);
    } else {
        ds_error(err, DS_FAILURE, "out of memory");
    }
    for (size_t i = 0; i < h->windows; i++)
        ds_run_finish(&h->runs[i]);
    free(g);
    free(live);
    return result;
}
