/* SPDX-License-Identifier: Apache-2.0
 *
 * The hosts that send most, counted by group and day while the windows' source records are there:
 * what remains of them when those are deleted. No address is kept.
 */
#ifndef DARKSCOPE_STORE_VOLUME_H
#define DARKSCOPE_STORE_VOLUME_H

#include "sqlite.h"

/* Sources of a day that are added up; those that come when so many are there are left out. */
#define VOLUME_SOURCES_MAX (UINT32_C(1) << 21)

/* From the windows of the attached minutes into the day's file, in a transaction of it: replaces
 * what was there. 0 or -1. */
int ds_roll_volume_day(struct store_file *days, int64_t day_s, int64_t sensor, int64_t generation,
                       struct ds_error *err);

#endif
