/* SPDX-License-Identifier: Apache-2.0
 *
 * The generator's own view of a country database: plain lookups, and the list of all IPv4 ranges
 * to draw sources from. Without libmaxminddb (country_none.c) opening one is refused.
 */
#ifndef DARKSCOPE_GEN_COUNTRY_H
#define DARKSCOPE_GEN_COUNTRY_H

#include "packet.h"

#include "darkscope/error.h"
#include "darkscope/limits.h"

struct ds_gen_countries;

struct ds_gen_range {
    uint32_t first, last; /* host order, both inside */
    ds_country country;
};

/* *out is written last. 0, or -1 with err. */
int ds_gen_countries_open(const char *path, struct ds_gen_countries **out, struct ds_error *err);
void ds_gen_countries_close(struct ds_gen_countries *c); /* accepts NULL */

/* "type YYYY-MM" of the build; "" without a database. Valid as long as c. */
const char *ds_gen_countries_name(const struct ds_gen_countries *c);

/* The path country.iso_code, else registered_country.iso_code, else country_code, else ??. c may be
 * NULL. */
ds_country ds_gen_country_of(const struct ds_gen_countries *c, const struct ds_gen_address *a);

/* All IPv4 ranges of a known country in ascending order; the caller frees *ranges. 0, or -1 with
 * err. */
int ds_gen_countries_ranges(const struct ds_gen_countries *c, struct ds_gen_range **ranges,
                            size_t *count, struct ds_error *err);

#endif
