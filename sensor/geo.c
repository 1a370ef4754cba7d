/* SPDX-License-Identifier: Apache-2.0
 *
 * Flattening walks the database's search tree once from the root of IPv4. A damaged file may hold
 * a graph instead of a tree: the walk never visits more nodes than the file has. Then all nodes are
 * looked at in a row, so that damage in what only IPv6 uses is found now, too, and not taken for
 * unknown countries later.
 */
#include "geo.h"

#include "bytes.h"
#include "mmdb.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define FLAT_BYTES ((size_t)(1u << 24) * sizeof(uint16_t))
#define BLOCKS_MAX (DS_GEO_ASK - DS_GEO_BLOCKS)
/* Countries repeat: the file stores each record once. Remembering their places saves a path
 * lookup for nearly every network. */
#define MEMO_SLOTS 4096

struct memo {
    uint32_t offset;
    uint16_t country;
    bool used;
};

struct walk {
    struct ds_geo *geo;
    size_t block_room;
    uint32_t nodes_left;
    bool any_country;
    int status; /* MMDB_* of the first failure */
    struct memo memo[MEMO_SLOTS];
};

static bool read_country(MMDB_entry_s *entry, const char *const *path, uint16_t *out, int *status)
{
    MMDB_entry_data_s data;
    int rc = MMDB_aget_value(entry, &data, path);
    if (rc != MMDB_SUCCESS && rc != MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR)
        *status = rc;
    if (rc != MMDB_SUCCESS || !data.has_data || data.type != MMDB_DATA_TYPE_UTF8_STRING ||
        data.data_size != 2)
        return false;
    char code[3] = {data.utf8_string[0], data.utf8_string[1], 0};
    ds_country country;
    if (!ds_country_parse(code, &country))
        return false;
    *out = ds_geo_index(country);
    return *out != DS_GEO_UNKNOWN;
}

/* The paths in use: MaxMind and DB-IP; MaxMind where the country itself is unknown; IPinfo. Sets
 * status where the data are damaged. */
static uint16_t country_of(MMDB_entry_s entry, int *status)
{
    static const char *const paths[][3] = {
        {"country", "iso_code", NULL},
        {"registered_country", "iso_code", NULL},
        {"country_code", NULL, NULL},
    };
    uint16_t country = DS_GEO_UNKNOWN;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (read_country(&entry, paths[i], &country, status))
            return country;
    return DS_GEO_UNKNOWN;
}

static uint16_t remember(struct walk *w, MMDB_entry_s entry)
{
    struct memo *m = &w->memo[(entry.offset * UINT32_C(2654435761)) >> 20 & (MEMO_SLOTS - 1)];
    if (!m->used || m->offset != entry.offset)
        *m = (struct memo){entry.offset, country_of(entry, &w->status), true};
    w->any_country |= m->country != DS_GEO_UNKNOWN;
    return m->country;
}

static bool grow_blocks(struct walk *w)
{
    size_t room = w->block_room ? w->block_room * 2 : 1024;
    room = room < BLOCKS_MAX ? room : BLOCKS_MAX;
    void *blocks = reallocarray(w->geo->blocks, room, sizeof *w->geo->blocks);
    if (!blocks)
        return false;
    w->geo->blocks = blocks;
    w->block_room = room;
    return true;
}

/* The block of a /24 that holds several countries, made from its present single one. NULL: no room
 * for blocks; the flat entry then says to ask the database. */
static uint16_t *block_of(struct walk *w, uint32_t upper24)
{
    struct ds_geo *g = w->geo;
    uint16_t entry = g->flat[upper24];
    if (entry == DS_GEO_ASK)
        return NULL;
    if (entry >= DS_GEO_BLOCKS)
        return g->blocks[entry - DS_GEO_BLOCKS];
    if (g->block_count == BLOCKS_MAX || (g->block_count == w->block_room && !grow_blocks(w))) {
        g->flat[upper24] = DS_GEO_ASK;
        return NULL;
    }
    uint16_t *block = g->blocks[g->block_count];
    for (int i = 0; i < 256; i++)
        block[i] = entry;
    g->flat[upper24] = (uint16_t)(DS_GEO_BLOCKS + g->block_count++);
    return block;
}

static void fill(struct walk *w, uint32_t first, unsigned bits, uint16_t country)
{
    if (country == DS_GEO_UNKNOWN)
        return;
    if (bits <= 24) {
        uint32_t count = UINT32_C(1) << (24 - bits);
        for (uint32_t i = 0; i < count; i++)
            w->geo->flat[(first >> 8) + i] = country;
        return;
    }
    uint16_t *block = block_of(w, first >> 8);
    for (uint32_t i = 0; block && i < UINT32_C(1) << (32 - bits); i++)
        block[(first & 0xff) + i] = country;
}

static void visit(struct walk *w, uint32_t node, uint32_t first, unsigned bits);

static void follow(struct walk *w, uint8_t type, uint64_t record, MMDB_entry_s entry,
                   uint32_t first, unsigned bits)
{
    switch (type) {
    case MMDB_RECORD_TYPE_SEARCH_NODE:
        visit(w, (uint32_t)record, first, bits);
        break;
    case MMDB_RECORD_TYPE_DATA:
        fill(w, first, bits, remember(w, entry));
        break;
    case MMDB_RECORD_TYPE_EMPTY:
        break;
    default:
        w->status = MMDB_CORRUPT_SEARCH_TREE_ERROR;
        break;
    }
}

/* Depth is bounded by the 32 bits of an address. */
static void visit(struct walk *w, uint32_t node, uint32_t first, unsigned bits)
{
    if (w->status != MMDB_SUCCESS)
        return;
    if (bits == 32 || w->nodes_left-- == 0) {
        w->status = MMDB_CORRUPT_SEARCH_TREE_ERROR;
        return;
    }
    MMDB_search_node_s n;
    w->status = MMDB_read_node(w->geo->database, node, &n);
    if (w->status != MMDB_SUCCESS)
        return;
    follow(w, n.left_record_type, n.left_record, n.left_record_entry, first, bits + 1);
    follow(w, n.right_record_type, n.right_record, n.right_record_entry,
           first | UINT32_C(1) << (31 - bits), bits + 1);
}

static void check_record(struct walk *w, uint8_t type, MMDB_entry_s entry)
{
    if (type == MMDB_RECORD_TYPE_DATA)
        remember(w, entry);
    else if (type != MMDB_RECORD_TYPE_SEARCH_NODE && type != MMDB_RECORD_TYPE_EMPTY)
        w->status = MMDB_CORRUPT_SEARCH_TREE_ERROR;
}

static void check_nodes(struct walk *w)
{
    const MMDB_s *db = w->geo->database;
    for (uint32_t i = 0; i < db->metadata.node_count && w->status == MMDB_SUCCESS; i++) {
        MMDB_search_node_s n;
        w->status = MMDB_read_node(db, i, &n);
        if (w->status != MMDB_SUCCESS)
            return;
        check_record(w, n.left_record_type, n.left_record_entry);
        check_record(w, n.right_record_type, n.right_record_entry);
    }
}

static uint16_t look_up(const struct ds_geo *g, const struct sockaddr *address)
{
    int error, ignored;
    MMDB_lookup_result_s r = MMDB_lookup_sockaddr(g->database, address, &error);
    return error == MMDB_SUCCESS && r.found_entry ? country_of(r.entry, &ignored) : DS_GEO_UNKNOWN;
}

uint16_t ds_geo_ask4(const struct ds_geo *g, uint32_t address)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
    return look_up(g, (const struct sockaddr *)&in);
}

uint16_t ds_geo_find6(const struct ds_geo *g, const uint8_t address6[static 16])
{
    if (g->database->metadata.ip_version != 6)
        return DS_GEO_UNKNOWN;
    struct sockaddr_in6 in = {.sin6_family = AF_INET6};
    memcpy(&in.sin6_addr, address6, 16);
    return look_up(g, (const struct sockaddr *)&in);
}

static int flatten(struct ds_geo *g, const char *path, struct ds_error *err)
{
    struct walk *w = calloc(1, sizeof *w);
    if (!w)
        return ds_error(err, DS_FAILURE, "no memory to read %s", path);
    w->geo = g;
    w->nodes_left = g->database->metadata.node_count;
    uint32_t root =
        g->database->metadata.ip_version == 6 ? g->database->ipv4_start_node.node_value : 0;
    if (root < g->database->metadata.node_count)
        visit(w, root, 0, 0);
    check_nodes(w);
    int status = w->status;
    bool any = w->any_country;
    free(w);
    if (status != MMDB_SUCCESS)
        return ds_error(err, DS_DATABASE, "country database %s is damaged (%s); fetch it again",
                        path, MMDB_strerror(status));
    if (!any)
        return ds_error(err, DS_DATABASE,
                        "%s (%s) holds no country codes: looked for country.iso_code, "
                        "registered_country.iso_code and country_code; use a country or city "
                        "database",
                        path, g->name);
    return 0;
}

static void name(struct ds_geo *g)
{
    time_t built = (time_t)g->database->metadata.build_epoch;
    struct tm tm;
    char date[16] = "undated";
    if (gmtime_r(&built, &tm))
        strftime(date, sizeof date, "%Y-%m", &tm);
    snprintf(g->name, sizeof g->name, "%.80s %s", g->database->metadata.database_type, date);
    /* It is printed and sent: keep to what every reader takes. */
    for (char *c = g->name; *c; c++)
        if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
            *c = '?';
}

int ds_geo_create(const char *path, struct ds_geo **out, struct ds_error *err)
{
    struct ds_geo *g = calloc(1, sizeof *g);
    if (!g || !(g->database = calloc(1, sizeof *g->database))) {
        free(g);
        return ds_error(err, DS_FAILURE, "no memory to read %s", path);
    }
    static const struct ds_mmdb_use use = {"country database", "country_db", "country ??"};
    if (ds_mmdb_open(path, &use, g->database, err)) {
        free(g->database); /* nothing in it to close */
        free(g);
        return -1;
    }
    name(g);
    void *flat = mmap(NULL, FLAT_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (flat == MAP_FAILED) {
        ds_geo_destroy(g);
        return ds_error(err, DS_FAILURE, "no memory for the countries of %s", path);
    }
    madvise(flat, FLAT_BYTES, MADV_HUGEPAGE);
    g->flat = flat;
    if (flatten(g, path, err)) {
        ds_geo_destroy(g);
        return -1;
    }
    *out = g;
    return 0;
}

void ds_geo_destroy(struct ds_geo *g)
{
    if (!g)
        return;
    if (g->database) {
        MMDB_close(g->database);
        free(g->database);
    }
    if (g->flat)
        munmap(g->flat, FLAT_BYTES);
    free(g->blocks);
    free(g);
}
