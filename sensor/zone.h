/* SPDX-License-Identifier: Apache-2.0
 *
 * Days of the configured time zone. The C library knows one zone for the whole process.
 */
#ifndef DARKSCOPE_ZONE_H
#define DARKSCOPE_ZONE_H

#include "darkscope/error.h"

#include <stdint.h>

/* Sets the process's zone: a name of the tz database such as "Asia/Tokyo", or "UTC". Call before
 * threads are started. 0, or -1 with err where there is no such zone. */
int ds_zone_set(const char *name, struct ds_error *err);

/* The day, since 1970-01-01, whose date it is in that zone. Any thread. */
int64_t ds_zone_day(int64_t seconds);

#endif
