/* SPDX-License-Identifier: Apache-2.0 */
#include "zone.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ZONES          "/usr/share/zoneinfo/"
#define NAME_MAX_BYTES 63
#define DAY_S          86400

/* A name, and no path out of the database. */
static bool is_name(const char *name)
{
    if (!isalpha((unsigned char)*name) || strlen(name) > NAME_MAX_BYTES || strstr(name, ".."))
        return false;
    return name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                             "_+-/")] == '\0';
}

int ds_zone_set(const char *name, struct ds_error *err)
{
    char path[sizeof ZONES + NAME_MAX_BYTES];
    bool known = is_name(name);
    if (known && strcmp(name, "UTC") != 0) {
        strcat(strcpy(path, ZONES), name);
        known = access(path, R_OK) == 0;
    }
    if (!known)
        return ds_error(err, DS_CONFIG,
                        "survey.time_zone: there is no such zone; it is UTC or a name of the tz "
                        "database (package tzdata), such as Asia/Tokyo");
    if (setenv("TZ", strcmp(name, "UTC") == 0 ? "UTC0" : name, 1))
        return ds_error(err, DS_FAILURE, "no memory for a time zone");
    tzset();
    return 0;
}

int64_t ds_zone_day(int64_t seconds)
{
    struct tm tm;
    time_t t = (time_t)seconds;
    if (!localtime_r(&t, &tm))
        return seconds / DAY_S; /* a year beyond an int: no zone matters there */
    int64_t local = seconds + tm.tm_gmtoff;
    return local / DAY_S - (local % DAY_S < 0);
}
