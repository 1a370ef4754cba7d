/* SPDX-License-Identifier: Apache-2.0
 *
 * Built without libmaxminddb: every country is ??.
 */
#include "geo.h"

int ds_geo_create(const char *path, struct ds_geo **out, struct ds_error *err)
{
    (void)out;
    return ds_error(err, DS_DATABASE,
                    "cannot read %s: built without libmaxminddb; leave country_db out, or install "
                    "libmaxminddb-dev and build again",
                    path);
}

void ds_geo_destroy(struct ds_geo *g)
{
    (void)g;
}

uint16_t ds_geo_ask4(const struct ds_geo *g, uint32_t address)
{
    (void)g, (void)address;
    return DS_GEO_UNKNOWN;
}

uint16_t ds_geo_find6(const struct ds_geo *g, const uint8_t address6[static 16])
{
    (void)g, (void)address6;
    return DS_GEO_UNKNOWN;
}
