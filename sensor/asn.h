/* SPDX-License-Identifier: Apache-2.0
 *
 * The autonomous system of a source, from a MaxMind DB file: looked up for the records of a closed
 * window alone, so it need not be fast.
 */
#ifndef DARKSCOPE_ASN_H
#define DARKSCOPE_ASN_H

#include "darkscope/error.h"
#include "darkscope/window.h"

struct ds_asn;

/* Reads the number at autonomous_system_number, as in GeoLite2-ASN and DB-IP ASN. 0 and *out, or
 * -1 with err. */
int ds_asn_create(const char *path, struct ds_asn **out, struct ds_error *err);
void ds_asn_destroy(struct ds_asn *a);

/* Sets asn of sorted records; 0 where the database does not know. One thread at a time. */
void ds_asn_fill(struct ds_asn *a, struct ds_source_record *records, size_t count);

#endif
