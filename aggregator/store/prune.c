/* SPDX-License-Identifier: Apache-2.0
 *
 * Retention: deleting files past their time. The windows of a day go when they are all in the files
 * of hours and days, with their messages; a later window of that day begins a new file, of the next
 * generation.
 */
#include "roll.h"
#include "tidy.h"

/* Is the time past, and long enough ago that the last of it came? */
static bool is_past(int64_t end_s, int64_t received_s, int64_t keep_s, int64_t now_s)
{
    return keep_s != DS_KEEP_FOR_EVER && now_s - end_s >= keep_s && now_s - received_s >= keep_s;
}

/* A sensor of which not all is rolled up: 1 if there is one, 0, -1. */
static int find_open(struct store_file *f, int64_t *sensor, struct ds_error *err)
{
    *sensor = -1;
    if (ds_sqlite_number(f,
                         "SELECT sensor FROM window WHERE sensor NOT IN (SELECT sensor FROM packed)"
                         " LIMIT 1",
                         NULL, 0, sensor, err) < 0)
        return -1;
    return *sensor >= 0;
}

/* Rolls up what is not, of one sensor. 1 if there was one, 0, -1. */
static int roll_one(struct store_file *f, struct ds_error *err)
{
    int64_t sensor;
    int found = find_open(f, &sensor, err);
    return found > 0 && ds_roll_day(f, sensor, err) < 0 ? -1 : found;
}

/* Unless a window came meanwhile. 1, or -1. */
static int remove_minutes(struct store_file *f, struct ds_error *err)
{
    struct sqlite_store *s = f->store;
    int64_t sensor;
    pthread_mutex_lock(&s->shared->mutex);
    int result = find_open(f, &sensor, err);
    if (result == 0)
        result = ds_file_remove_shared(s, STORE_MINUTES, f->from_s, err);
    pthread_mutex_unlock(&s->shared->mutex);
    return result < 0 ? -1 : 1;
}

static int prune_minutes(struct sqlite_store *s, int64_t day_s, int64_t keep_s, int64_t now_s,
                         struct ds_error *err)
{
    struct store_file *f;
    int64_t received_s = 0;
    if (!is_past(day_s + DAY_S, 0, keep_s, now_s))
        return 0;
    int there = ds_file_use_shared(s, STORE_MINUTES, day_s, &f, err);
    ds_files_release(s);
    if (there != 0)
        return there < 0 ? -1 : 0;
    if (ds_sqlite_number(f, "SELECT max(received) FROM message", NULL, 0, &received_s, err) < 0)
        return -1;
    if (!is_past(day_s + DAY_S, received_s, keep_s, now_s))
        return 0;
    int rolled;
    while ((rolled = roll_one(f, err)) > 0)
        ;
    return rolled < 0 ? -1 : remove_minutes(f, err);
}

/* A month of hours or days; those of its days that are not packed need it still. */
static int prune_month(struct sqlite_store *s, enum store_kind kind, int64_t month_s,
                       int64_t keep_s, int64_t now_s, struct ds_error *err)
{
    struct store_file *f;
    int64_t received_s = 0, end_s = ds_period_end(kind, month_s);
    if (!is_past(end_s, 0, keep_s, now_s))
        return 0;
    size_t day = ds_files_find(s, STORE_MINUTES, month_s);
    if (day < s->lists[STORE_MINUTES].count && s->lists[STORE_MINUTES].from_s[day] < end_s)
        return 0;
    int there = ds_file_use(s, kind, month_s, &f, err);
    if (there == 0)
        there = ds_sqlite_number(f,
                                 kind == STORE_HOURS ? "SELECT max(last_received) FROM hour"
                                                     : "SELECT max(last_received) FROM day",
                                 NULL, 0, &received_s, err);
    ds_files_release(s);
    if (there != 0 || !is_past(end_s, received_s, keep_s, now_s))
        return there < 0 ? -1 : 0;
    pthread_mutex_lock(&s->shared->mutex);
    int result = ds_file_remove_shared(s, kind, month_s, err);
    pthread_mutex_unlock(&s->shared->mutex);
    return result < 0 ? -1 : 1;
}

int ds_prune_one(struct sqlite_store *s, const struct ds_retention *keep, int64_t now_s,
                 struct ds_error *err)
{
    if (ds_files_list(s, err) < 0)
        return -1;
    const int64_t keep_s[] = {0, keep->minutes_s, keep->hours_s, keep->days_s};
    int result = 0; /* what cannot be deleted does not keep others */
    for (unsigned kind = STORE_MINUTES; kind < STORE_KIND_COUNT && result <= 0; kind++)
        for (size_t i = 0; i < s->lists[kind].count && result <= 0; i++) {
            int64_t from_s = s->lists[kind].from_s[i];
            int pruned = kind == STORE_MINUTES ? prune_minutes(s, from_s, keep_s[kind], now_s, err)
                                               : prune_month(s, (enum store_kind)kind, from_s,
                                                             keep_s[kind], now_s, err);
            result = pruned != 0 ? pruned : result;
        }
    return result;
}
