/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands in for country_mmdb.c where libmaxminddb is missing: every country is ??.
 */
#include "country.h"

int ds_gen_countries_open(const char *path, struct ds_gen_countries **out, struct ds_error *err)
{
    return ds_error(err, DS_USAGE,
                    "%s: cannot be read: built without libmaxminddb; leave --country-db out or "
                    "rebuild with -Dcountry=enabled",
                    path);
}

void ds_gen_countries_close(struct ds_gen_countries *c)
{
}

const char *ds_gen_countries_name(const struct ds_gen_countries *c)
{
    return "";
}

ds_country ds_gen_country_of(const struct ds_gen_countries *c, const struct ds_gen_address *a)
{
    return DS_COUNTRY_UNKNOWN;
}

int ds_gen_countries_ranges(const struct ds_gen_countries *c, struct ds_gen_range **ranges,
                            size_t *count, struct ds_error *err)
{
    *ranges = NULL;
    *count = 0;
    return 0;
}
