/* SPDX-License-Identifier: Apache-2.0
 *
 * Rolling up, always of one sensor: the windows of an hour into the hour (in the file of the day),
 * the hours of a day into the files of hours and of days. What was there of the same hour or day
 * (and generation) is replaced: doing it again changes nothing.
 *
 * By a writer's tidier, while the putter may commit more windows: what is summed up is read from
 * snapshots without the mutex, and counts only if none of these windows came meanwhile.
 */
#ifndef DARKSCOPE_STORE_ROLL_H
#define DARKSCOPE_STORE_ROLL_H

#include "sqlite.h"

/* Of cells by port and country an hour keeps those with as many packets, and a day. The hours in
 * the file of a day keep all. */
#define ROLL_PACKETS_HOUR 5u
#define ROLL_PACKETS_DAY  20u

/* Commits the hour that begins at start_s. 0; 1 where a window of it came meanwhile: nothing
 * changed, it is to be done again; or -1 (nothing changed). */
int ds_roll_hour(struct store_file *minutes, int64_t start_s, int64_t sensor, struct ds_error *err);

/* Rolls up all windows of the day that are in no hour yet, then the day. 0, 1 as above, or -1; then
 * it can be tried again. */
int ds_roll_day(struct store_file *minutes, int64_t sensor, struct ds_error *err);

struct ds_roll_added {
    int64_t start_s, generation; /* of a day */
};

/* roll_month.c. In a transaction of the file of days: adds the day, which is new there, to the sums
 * of the sensor's; added NULL, or where these cannot be read: sums up all that the file has. 0 or
 * -1. */
int ds_roll_month(struct store_file *days, int64_t sensor, const struct ds_roll_added *added,
                  struct ds_error *err);

/* How many messages of these windows were committed: that never becomes less. 0 or -1. */
int ds_roll_count(struct store_file *minutes, int64_t from_s, int64_t to_s, int64_t sensor,
                  int64_t *count, struct ds_error *err);

/* In a transaction: the hour of these windows, and the day, are no longer rolled up. 0 or -1. */
int ds_roll_forget(struct store_file *minutes, int64_t start_s, int64_t sensor,
                   struct ds_error *err);

/* roll_tables.c. In a transaction of the file that is written. 0 or -1. */
int ds_roll_tables_hour(struct store_file *minutes, int64_t start_s, int64_t sensor,
                        struct ds_error *err);
/* From the attached minutes ("minutes.hour" ...): the hours as they are, but for their sketches; or
 * their sum as a day, and the hours' sketches where there is a file for them (else NULL). */
int ds_roll_tables_copy(struct store_file *hours, int64_t day_s, int64_t sensor, int64_t generation,
                        struct ds_error *err);
int ds_roll_tables_day(struct store_file *days, struct store_file *hours, int64_t day_s,
                       int64_t sensor, int64_t generation, struct ds_error *err);
/* Deletes what there is of level ("hour", "day") in [from_s, to_s). */
int ds_roll_delete(struct store_file *f, const char *level, const int64_t values[static 4],
                   struct ds_error *err);

#endif
