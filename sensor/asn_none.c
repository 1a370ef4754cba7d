/* SPDX-License-Identifier: Apache-2.0
 *
 * Built without libmaxminddb: no source has an ASN.
 */
#include "asn.h"

int ds_asn_create(const char *path, struct ds_asn **out, struct ds_error *err)
{
    (void)out;
    return ds_error(err, DS_DATABASE,
                    "cannot read %s: built without libmaxminddb; leave asn_db out, or install "
                    "libmaxminddb-dev and build again",
                    path);
}

void ds_asn_destroy(struct ds_asn *a)
{
    (void)a;
}

void ds_asn_fill(struct ds_asn *a, struct ds_source_record *records, size_t count)
{
    (void)a, (void)records, (void)count;
}
