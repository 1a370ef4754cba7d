/* SPDX-License-Identifier: Apache-2.0
 *
 * Countries from a MaxMind DB file, one libmaxminddb call an address: slow and plain on purpose, a
 * check on the sensor's flattened table.
 */
#include "country.h"

#include <maxminddb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct ds_gen_countries {
    MMDB_s db;
    char name[DS_DATABASE_MAX + 1];
};

static void name_database(struct ds_gen_countries *c)
{
    time_t built = (time_t)c->db.metadata.build_epoch;
    struct tm tm;
    char month[16] = "";
    if (gmtime_r(&built, &tm))
        strftime(month, sizeof month, " %Y-%m", &tm);
    snprintf(c->name, sizeof c->name, "%.80s%s", c->db.metadata.database_type, month);
}

int ds_gen_countries_open(const char *path, struct ds_gen_countries **out, struct ds_error *err)
{
    struct ds_gen_countries *c = calloc(1, sizeof *c);
    if (!c)
        return ds_error(err, DS_FAILURE, "no memory");
    int status = MMDB_open(path, MMDB_MODE_MMAP, &c->db);
    if (status != MMDB_SUCCESS) {
        free(c);
        return ds_error(err, DS_DATABASE, "%s: %s; give --country-db a MaxMind DB file", path,
                        MMDB_strerror(status));
    }
    name_database(c);
    *out = c;
    return 0;
}

void ds_gen_countries_close(struct ds_gen_countries *c)
{
    if (!c)
        return;
    MMDB_close(&c->db);
    free(c);
}

const char *ds_gen_countries_name(const struct ds_gen_countries *c)
{
    return c ? c->name : "";
}

static bool code_at(MMDB_entry_s *entry, const char *const *path, ds_country *out)
{
    MMDB_entry_data_s data;
    if (MMDB_aget_value(entry, &data, path) != MMDB_SUCCESS || !data.has_data ||
        data.type != MMDB_DATA_TYPE_UTF8_STRING || data.data_size != 2)
        return false;
    char text[3] = {data.utf8_string[0], data.utf8_string[1], 0};
    return ds_country_parse(text, out);
}

static ds_country country_of_entry(MMDB_entry_s *entry)
{
    static const char *const paths[][3] = {
        {"country", "iso_code"},
        {"registered_country", "iso_code"},
        {"country_code"},
    };
    ds_country country = DS_COUNTRY_UNKNOWN;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (code_at(entry, paths[i], &country))
            break;
    return country;
}

ds_country ds_gen_country_of(const struct ds_gen_countries *c, const struct ds_gen_address *a)
{
    if (!c || (a->is_v6 && c->db.metadata.ip_version == 4))
        return DS_COUNTRY_UNKNOWN;
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    const struct sockaddr *address = (const struct sockaddr *)&v4;
    memcpy(&v4.sin_addr, a->bytes, 4);
    memcpy(&v6.sin6_addr, a->bytes, 16);
    if (a->is_v6)
        address = (const struct sockaddr *)&v6;

    int error = MMDB_SUCCESS;
    MMDB_lookup_result_s r = MMDB_lookup_sockaddr(&c->db, address, &error);
    if (error != MMDB_SUCCESS || !r.found_entry)
        return DS_COUNTRY_UNKNOWN;
    return country_of_entry(&r.entry);
}

struct walk {
    const MMDB_s *db;
    struct ds_gen_range *ranges;
    size_t count, room;
    uint32_t last_offset; /* of the data decoded last: neighbours often share it */
    ds_country last_country;
    bool failed;
};

static void add_range(struct walk *w, uint32_t first, unsigned depth, MMDB_entry_s *entry)
{
    if (w->last_offset != entry->offset || w->count == 0) {
        w->last_offset = entry->offset;
        w->last_country = country_of_entry(entry);
    }
    if (w->last_country == DS_COUNTRY_UNKNOWN)
        return;
    if (w->count == w->room) {
        size_t room = w->room ? w->room * 2 : 4096;
        struct ds_gen_range *more = realloc(w->ranges, room * sizeof *more);
        if (!more) {
            w->failed = true;
            return;
        }
        w->ranges = more;
        w->room = room;
    }
    uint32_t last = (uint32_t)(first + ((UINT64_C(1) << (32 - depth)) - 1));
    w->ranges[w->count++] = (struct ds_gen_range){first, last, w->last_country};
}

/* Recursion ends at depth 32 whatever the file says. */
static void walk_node(struct walk *w, uint64_t node, uint32_t first, unsigned depth)
{
    MMDB_search_node_s n;
    if (depth == 32 || w->failed || MMDB_read_node(w->db, (uint32_t)node, &n) != MMDB_SUCCESS)
        return;
    uint32_t right = first | (uint32_t)1 << (31 - depth);
    if (n.left_record_type == MMDB_RECORD_TYPE_SEARCH_NODE)
        walk_node(w, n.left_record, first, depth + 1);
    else if (n.left_record_type == MMDB_RECORD_TYPE_DATA)
        add_range(w, first, depth + 1, &n.left_record_entry);
    if (n.right_record_type == MMDB_RECORD_TYPE_SEARCH_NODE)
        walk_node(w, n.right_record, right, depth + 1);
    else if (n.right_record_type == MMDB_RECORD_TYPE_DATA)
        add_range(w, right, depth + 1, &n.right_record_entry);
}

int ds_gen_countries_ranges(const struct ds_gen_countries *c, struct ds_gen_range **ranges,
                            size_t *count, struct ds_error *err)
{
    struct walk w = {.db = &c->db};
    bool is_v6 = c->db.metadata.ip_version == 6;
    /* IPv4 is at ::/96; a shorter start means that the file has no such subtree. */
    if (!is_v6 || c->db.ipv4_start_node.netmask == 96)
        walk_node(&w, is_v6 ? c->db.ipv4_start_node.node_value : 0, 0, 0);
    if (w.failed) {
        free(w.ranges);
        return ds_error(err, DS_FAILURE, "no memory for the ranges of the country database");
    }
    *ranges = w.ranges;
    *count = w.count;
    return 0;
}
