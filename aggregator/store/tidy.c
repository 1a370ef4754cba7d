/* SPDX-License-Identifier: Apache-2.0 */
#include "tidy.h"

#include "care.h"
#include "roll.h"

#include <stdlib.h>
#include <string.h>

/* So many windows of whatever sensor must have come since the last one of an hour, or a day: a
 * backlog that comes between newer windows is not rolled up again and again. */
#define QUIET_HOUR    8
#define QUIET_DAY     60
/* Or nothing of the day came for so long. */
#define QUIET_S       900
#define LONG_AGO_S    1
#define PRUNE_EVERY_S 60
#define HOURS         24

/* A day of a sensor that is not packed. */
struct open_day {
    int64_t day_s, sensor;
    uint32_t hours;          /* bits: with windows, and not rolled up */
    uint64_t touched[HOURS]; /* when the last window came, counted in windows */
    uint64_t touched_last;
    int64_t touched_s; /* by the clock of the first tidy after it; 0: not yet */
};

struct newest {
    int64_t sensor, start_s;
};

struct tidy {
    pthread_mutex_t mutex; /* of all but pruned_s; behind that of store_shared, where both are */
    bool is_loaded;        /* the list says what the files do */
    uint64_t windows;
    int64_t pruned_s; /* tidier: when it was last looked whether there is something to delete */
    struct open_day *days;
    size_t day_count;
    struct newest *newest;
    size_t newest_count;
};

struct tidy *ds_tidy_create(void)
{
    struct tidy *t = calloc(1, sizeof *t);
    if (t)
        pthread_mutex_init(&t->mutex, NULL);
    return t;
}

void ds_tidy_destroy(struct tidy *t)
{
    if (!t)
        return;
    pthread_mutex_destroy(&t->mutex);
    free(t->days);
    free(t->newest);
    free(t);
}

/* ---- the list ---- */

/* NULL without memory. */
static void *add_row(void **rows, size_t *count, size_t row_bytes)
{
    if ((*count & (*count - 1)) == 0) {
        void *larger = realloc(*rows, (*count ? 2 * *count : 1) * row_bytes);
        if (!larger)
            return NULL;
        *rows = larger;
    }
    void *row = (char *)*rows + (*count)++ * row_bytes;
    return memset(row, 0, row_bytes);
}

static struct open_day *find_day(struct tidy *t, int64_t day_s, int64_t sensor)
{
    for (size_t i = 0; i < t->day_count; i++)
        if (t->days[i].day_s == day_s && t->days[i].sensor == sensor)
            return &t->days[i];
    void *rows = t->days;
    struct open_day *d = add_row(&rows, &t->day_count, sizeof *d);
    t->days = rows;
    if (d) {
        d->day_s = day_s;
        d->sensor = sensor;
    }
    return d;
}

static struct newest *find_newest(struct tidy *t, int64_t sensor)
{
    for (size_t i = 0; i < t->newest_count; i++)
        if (t->newest[i].sensor == sensor)
            return &t->newest[i];
    void *rows = t->newest;
    struct newest *n = add_row(&rows, &t->newest_count, sizeof *n);
    t->newest = rows;
    if (n)
        n->sensor = sensor;
    return n;
}

/* False without memory. */
static bool note_window(struct tidy *t, int64_t day_s, int64_t sensor, int64_t start_s)
{
    struct open_day *d = find_day(t, day_s, sensor);
    struct newest *n = find_newest(t, sensor);
    if (!d || !n)
        return false;
    unsigned hour = (unsigned)((start_s - day_s) / HOUR_S) % HOURS;
    d->hours |= UINT32_C(1) << hour;
    d->touched[hour] = d->touched_last = t->windows;
    d->touched_s = 0;
    if (start_s > n->start_s)
        n->start_s = start_s;
    return true;
}

void ds_tidy_note(struct tidy *t, int64_t day_s, int64_t sensor, int64_t start_s)
{
    pthread_mutex_lock(&t->mutex);
    t->windows++;
    if (!note_window(t, day_s, sensor, start_s))
        t->is_loaded = false; /* look into the files again */
    pthread_mutex_unlock(&t->mutex);
}

/* ---- what the files say ---- */

static int load_file(struct tidy *t, struct store_file *f, struct ds_error *err)
{
    sqlite3_stmt *stmt =
        ds_sqlite_prepare(f,
                          "SELECT w.sensor, max(w.start), EXISTS (SELECT 1 FROM hour AS h WHERE"
                          " h.start = w.start - w.start % 3600 AND h.sensor = w.sensor),"
                          " EXISTS (SELECT 1 FROM packed AS p WHERE p.sensor = w.sensor)"
                          " FROM window AS w GROUP BY w.sensor, w.start / 3600",
                          err);
    int row = stmt ? 1 : -1;
    while (row > 0 && (row = ds_sqlite_step(f, stmt, err)) == 1) {
        int64_t sensor = sqlite3_column_int64(stmt, 0), start_s = sqlite3_column_int64(stmt, 1);
        bool is_rolled = sqlite3_column_int(stmt, 2), is_packed = sqlite3_column_int(stmt, 3);
        struct newest *n = find_newest(t, sensor);
        if (n && start_s > n->start_s)
            n->start_s = start_s;
        if (is_packed)
            continue;
        if (!n || !note_window(t, f->from_s, sensor, start_s)) {
            row = ds_error(err, DS_FAILURE, "out of memory");
            break;
        }
        struct open_day *d = find_day(t, f->from_s, sensor);
        d->touched_s = LONG_AGO_S;
        if (is_rolled)
            d->hours &= ~(UINT32_C(1) << (start_s - f->from_s) / HOUR_S % HOURS);
    }
    sqlite3_finalize(stmt);
    return row;
}

/* A file that cannot be read is left out: its day stays as it is. Both mutexes are held: no file is
 * being made. */
static int load(struct sqlite_store *s, struct ds_error *err)
{
    struct tidy *t = s->shared->tidy;
    if (ds_files_list(s, err) < 0)
        return -1;
    t->day_count = 0;
    t->is_loaded = true;
    int result = 0;
    for (size_t i = 0; i < s->lists[STORE_MINUTES].count; i++) {
        struct store_file *f;
        int there = ds_file_use(s, STORE_MINUTES, s->lists[STORE_MINUTES].from_s[i], &f, err);
        if (there == 0)
            there = load_file(t, f, err);
        ds_files_release(s);
        if (there < 0)
            result = -1;
    }
    t->windows += QUIET_DAY; /* all of it came long ago */
    return result;
}

/* ---- what is due ---- */

static bool is_quiet(const struct tidy *t, const struct open_day *d, uint64_t touched,
                     uint64_t windows, int64_t now_s)
{
    return t->windows - touched >= windows || now_s - d->touched_s >= QUIET_S;
}

static bool is_over(const struct tidy *t, const struct open_day *d, int64_t end_s, int64_t now_s)
{
    for (size_t i = 0; i < t->newest_count; i++)
        if (t->newest[i].sensor == d->sensor && t->newest[i].start_s >= end_s)
            return true;
    return now_s >= end_s + QUIET_S && now_s - d->touched_s >= QUIET_S;
}

/* An hour that is due, or -1. */
static int due_hour(const struct tidy *t, const struct open_day *d, int64_t now_s)
{
    for (int h = 0; h < HOURS; h++)
        if (d->hours >> h & 1 && is_over(t, d, d->day_s + (h + 1) * HOUR_S, now_s) &&
            is_quiet(t, d, d->touched[h], QUIET_HOUR, now_s))
            return h;
    return -1;
}

static bool is_day_due(const struct tidy *t, const struct open_day *d, int64_t now_s)
{
    return d->hours == 0 && is_over(t, d, d->day_s + DAY_S + HOUR_S, now_s) &&
           is_quiet(t, d, d->touched_last, QUIET_DAY, now_s);
}

/* What is to be rolled up: an hour of a sensor, or (hour < 0) a day. */
struct task {
    int64_t day_s, sensor;
    int hour;
};

/* Takes what is due off the list. The mutex of the list is held. */
static bool find_task(struct tidy *t, int64_t now_s, struct task *out)
{
    for (size_t i = 0; i < t->day_count; i++) {
        struct open_day *d = &t->days[i];
        if (d->touched_s == 0)
            d->touched_s = now_s;
        *out = (struct task){d->day_s, d->sensor, due_hour(t, d, now_s)};
        if (out->hour >= 0)
            d->hours &= ~(UINT32_C(1) << out->hour);
        else if (is_day_due(t, d, now_s))
            *d = t->days[--t->day_count];
        else
            continue;
        return true;
    }
    return false;
}

/* 0, or -1 once: what could be read is in the list. */
static int load_again(struct sqlite_store *s, struct ds_error *err)
{
    struct tidy *t = s->shared->tidy;
    pthread_mutex_lock(&s->shared->mutex);
    pthread_mutex_lock(&t->mutex);
    int result = load(s, err);
    pthread_mutex_unlock(&t->mutex);
    pthread_mutex_unlock(&s->shared->mutex);
    return result;
}

/* 1, 0, or -1. */
static int take_task(struct sqlite_store *s, int64_t now_s, struct task *out, struct ds_error *err)
{
    struct tidy *t = s->shared->tidy;
    pthread_mutex_lock(&t->mutex);
    bool is_loaded = t->is_loaded, found = is_loaded && find_task(t, now_s, out);
    pthread_mutex_unlock(&t->mutex);
    if (is_loaded)
        return found;
    return load_again(s, err) < 0 ? -1 : take_task(s, now_s, out, err);
}

static void touch_again(const struct tidy *t, struct open_day *d, int hour, int64_t now_s)
{
    if (hour >= 0)
        d->hours |= UINT32_C(1) << hour;
    for (int h = 0; h < HOURS; h++)
        d->touched[h] = t->windows;
    d->touched_last = t->windows;
    d->touched_s = now_s;
}

/* What was not done is due again as if a window had come: others have their turn, and no disk that
 * is full is asked without a pause. */
static void put_back(struct tidy *t, const struct task *task, int64_t now_s)
{
    pthread_mutex_lock(&t->mutex);
    struct open_day *d = find_day(t, task->day_s, task->sensor);
    if (d)
        touch_again(t, d, task->hour, now_s);
    else
        t->is_loaded = false;
    pthread_mutex_unlock(&t->mutex);
}

/* 1, or -1. */
static int roll(struct sqlite_store *s, const struct task *task, int64_t now_s,
                struct ds_error *err)
{
    struct store_file *f;
    int result = ds_file_use_shared(s, STORE_MINUTES, task->day_s, &f, err);
    ds_files_release(s);
    if (result > 0)
        return 1; /* the file is gone */
    if (result == 0)
        result = task->hour >= 0
                     ? ds_roll_hour(f, task->day_s + task->hour * HOUR_S, task->sensor, err)
                     : ds_roll_day(f, task->sensor, err);
    if (result == 0)
        return 1;
    put_back(s->shared->tidy, task, now_s);
    return result < 0 ? -1 : 1;
}

static int prune_or_repack(struct sqlite_store *s, const struct ds_retention *keep, int64_t now_s,
                           struct ds_error *err)
{
    struct tidy *t = s->shared->tidy;
    if (now_s - t->pruned_s < PRUNE_EVERY_S && now_s >= t->pruned_s)
        return 0;
    int done = ds_prune_one(s, keep, now_s, err);
    if (done == 0)
        done = ds_store_repack(&s->base, now_s, true, err);
    if (done <= 0) {
        t->pruned_s = now_s;
        return done;
    }
    pthread_mutex_lock(&t->mutex);
    t->is_loaded = false;
    pthread_mutex_unlock(&t->mutex);
    return done;
}

int ds_sqlite_tidy(struct ds_store *store, const struct ds_retention *keep, int64_t now_s,
                   struct ds_error *err)
{
    struct sqlite_store *s = sqlite_of(store)->shared->tidier;
    struct task task;
    int found = take_task(s, now_s, &task, err);
    if (found != 0)
        return found < 0 ? -1 : roll(s, &task, now_s, err);
    return prune_or_repack(s, keep, now_s, err);
}
