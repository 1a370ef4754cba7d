/* SPDX-License-Identifier: Apache-2.0 */
#include "asn.h"

#include "mmdb.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#define IPV4_BITS     32
#define IPV4_AT_BITS6 96 /* in a database of IPv6, IPv4 stands below ::/96 */

struct ds_asn {
    MMDB_s database;
};

struct network {
    uint64_t end; /* the first address behind it */
    uint32_t asn;
};

static struct network look_up(const struct ds_asn *a, uint32_t address)
{
    static const char *const path[] = {"autonomous_system_number", NULL};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
    int error;
    MMDB_lookup_result_s r =
        MMDB_lookup_sockaddr(&a->database, (const struct sockaddr *)&in, &error);
    struct network n = {.end = address + UINT64_C(1)};
    if (error != MMDB_SUCCESS)
        return n;
    unsigned above = a->database.metadata.ip_version == 6 ? IPV4_AT_BITS6 : 0;
    unsigned bits = r.netmask > above ? r.netmask - above : 0;
    uint64_t size = UINT64_C(1) << (bits < IPV4_BITS ? IPV4_BITS - bits : 0);
    n.end = (address & ~(size - 1)) + size;
    MMDB_entry_data_s data;
    if (r.found_entry && MMDB_aget_value(&r.entry, &data, path) == MMDB_SUCCESS && data.has_data &&
        data.type == MMDB_DATA_TYPE_UINT32)
        n.asn = data.uint32;
    return n;
}

int ds_asn_create(const char *path, struct ds_asn **out, struct ds_error *err)
{
    static const struct ds_mmdb_use use = {"ASN database", "asn_db", "sources without ASN"};
    struct ds_asn *a = calloc(1, sizeof *a);
    if (!a)
        return ds_error(err, DS_FAILURE, "no memory to read %s", path);
    if (ds_mmdb_open(path, &use, &a->database, err)) {
        free(a);
        return -1;
    }
    *out = a;
    return 0;
}

void ds_asn_destroy(struct ds_asn *a)
{
    if (!a)
        return;
    MMDB_close(&a->database);
    free(a);
}

/* Neighbours are often of one network: one look-up for all of them. */
void ds_asn_fill(struct ds_asn *a, struct ds_source_record *records, size_t count)
{
    struct network n = {0};
    for (size_t i = 0; i < count; i++) {
        if (records[i].address >= n.end)
            n = look_up(a, records[i].address);
        records[i].asn = n.asn;
    }
}
