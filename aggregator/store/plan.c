/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#include "darkscope/text.h"

#include <stdlib.h>

int64_t ds_bucket_of(const struct ds_buckets *b, int64_t at_s)
{
    size_t low = 0, high = b->count + 1; /* the first edge above at_s */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (b->edges_s[middle] <= at_s)
            low = middle + 1;
        else
            high = middle;
    }
    return (int64_t)low - 1;
}

/* Pieces side by side become one before they are handed out. */
struct walk {
    struct sqlite_store *s;
    const struct plan *plan;
    int64_t from_s, to_s; /* all of it */
    piece_fn *each;
    void *arg;
    struct ds_error *err;
    bool has_run;
    enum store_kind kind; /* of the run */
    int64_t file_s;
    struct piece run;
};

/* Is an edge inside, not at its ends? */
static bool is_divided(const struct walk *w, int64_t from_s, int64_t to_s)
{
    const struct ds_buckets *b = w->plan->buckets;
    return ds_bucket_of(b, from_s) != ds_bucket_of(b, to_s - 1);
}

/* Can the file's sums of the month stand for the piece? 1, 0, or -1. */
static int is_month(const struct walk *w, struct store_file *f, const struct piece *piece)
{
    const int64_t range[] = {piece->from_s, piece->to_s};
    int64_t others = 0;
    if (!w->plan->takes_months || piece->level != LEVEL_DAY || piece->below != INT64_MAX ||
        piece->at_s != -1 || is_divided(w, piece->from_s, piece->to_s))
        return 0;
    if (ds_sqlite_number(f,
                         "SELECT EXISTS (SELECT 1 FROM day_chunks WHERE start < ?1) OR"
                         " EXISTS (SELECT 1 FROM day_chunks WHERE start >= ?2)",
                         range, 2, &others, w->err) < 0)
        return -1;
    return others == 0;
}

static int hand_out(struct walk *w, const struct piece *piece)
{
    struct store_file *f;
    struct piece own = *piece;
    int there = ds_file_use(w->s, w->kind, w->file_s, &f, w->err);
    if (there != 0)
        return there < 0 ? -1 : 0;
    int month = is_month(w, f, piece);
    if (month < 0)
        return -1;
    own.is_month = month > 0;
    return w->each(w->arg, f, &own, w->err);
}

static int flush(struct walk *w)
{
    if (!w->has_run)
        return 0;
    w->has_run = false;
    int result = hand_out(w, &w->run);
    if (result != 0 || w->kind != STORE_MINUTES || w->run.level != LEVEL_HOUR)
        return result;
    struct piece open = w->run;
    open.level = LEVEL_WINDOW;
    open.only_open = true;
    return hand_out(w, &open);
}

static int add(struct walk *w, enum store_kind kind, const struct piece *piece)
{
    int64_t file_s = ds_period_start(kind, piece->from_s);
    struct piece *run = &w->run;
    if (w->has_run && w->kind == kind && w->file_s == file_s && run->level == piece->level &&
        run->below == piece->below && run->to_s == piece->from_s && run->at_s == -1 &&
        piece->at_s == -1) {
        run->to_s = piece->to_s;
        return 0;
    }
    int result = flush(w);
    w->has_run = true;
    w->kind = kind;
    w->file_s = file_s;
    w->run = *piece;
    return result;
}

/* ---- what is kept as a whole, and divided by an edge ---- */

/* It can be taken where all its windows are on one side. */
static int add_divided(struct walk *w, enum store_kind kind, enum level level, int64_t from_s,
                       int64_t length_s, int64_t below)
{
    const struct ds_buckets *b = w->plan->buckets;
    struct store_file *f;
    int there = ds_file_use(w->s, kind, ds_period_start(kind, from_s), &f, w->err);
    if (there != 0)
        return there < 0 ? -1 : 0;
    char *sql = sqlite3_mprintf("SELECT min(first_start), max(last_start) FROM %s WHERE start ="
                                " :from AND generation < :below AND " STORE_OF_SENSOR,
                                ds_level_name(level));
    sqlite3_stmt *stmt = sql ? ds_sqlite_prepare(f, sql, w->err) : NULL;
    sqlite3_free(sql);
    if (!stmt)
        return -1;
    ds_sqlite_bind_int(stmt, ":from", from_s);
    ds_sqlite_bind_int(stmt, ":below", below);
    ds_sqlite_bind_text(stmt, ":sensor", b->sensor);
    int row = ds_sqlite_step(f, stmt, w->err);
    bool is_empty = row != 1 || sqlite3_column_type(stmt, 0) == SQLITE_NULL;
    int64_t first_s = sqlite3_column_int64(stmt, 0), last_s = sqlite3_column_int64(stmt, 1);
    sqlite3_finalize(stmt);
    if (row < 0 || is_empty)
        return row < 0 ? -1 : 0;
    int64_t bucket = ds_bucket_of(b, first_s);
    if (bucket != ds_bucket_of(b, last_s)) {
        char time[DS_TIME_TEXT];
        return ds_error(w->err, DS_USAGE,
                        "around %s only whole %ss (UTC) are kept: let every time begin and end "
                        "with one",
                        ds_time_print(from_s, time), ds_level_name(level));
    }
    if (bucket < 0 || bucket >= (int64_t)b->count)
        return 0;
    struct piece piece = {.level = level,
                          .from_s = from_s,
                          .to_s = from_s + length_s,
                          .below = below,
                          .at_s = first_s,
                          .is_cut = true};
    return add(w, kind, &piece);
}

/* ---- a day ---- */

static bool is_outside(const struct walk *w, int64_t from_s, int64_t to_s)
{
    return to_s <= w->from_s || from_s >= w->to_s;
}

/* 1 if the file of hours has hours of the day, 0, -1. */
static int has_hours(struct walk *w, int64_t day_s, int64_t below)
{
    struct store_file *f;
    int64_t is_there = 0;
    const int64_t values[] = {day_s, below};
    int there = ds_file_use(w->s, STORE_HOURS, ds_period_start(STORE_HOURS, day_s), &f, w->err);
    if (there == 0)
        there = ds_sqlite_number(f, "SELECT 1 FROM hour_chunks WHERE start = ? AND generation < ?",
                                 values, 2, &is_there, w->err);
    return there < 0 ? -1 : is_there == 1;
}

/* From the files of hours and days, generations below. */
static int add_rolled_day(struct walk *w, int64_t day_s, int64_t below)
{
    struct piece piece = {.level = LEVEL_DAY,
                          .from_s = day_s,
                          .to_s = day_s + DAY_S,
                          .below = below,
                          .is_cut = true,
                          .at_s = -1};
    if (!is_divided(w, day_s, day_s + DAY_S))
        return add(w, STORE_DAYS, &piece);
    int hours = has_hours(w, day_s, below);
    if (hours <= 0)
        return hours < 0 ? -1 : add_divided(w, STORE_DAYS, LEVEL_DAY, day_s, DAY_S, below);
    int result = 0;
    for (int64_t hour_s = day_s; hour_s < day_s + DAY_S && result == 0; hour_s += HOUR_S) {
        piece.level = LEVEL_HOUR;
        piece.from_s = hour_s;
        piece.to_s = hour_s + HOUR_S;
        if (is_outside(w, piece.from_s, piece.to_s))
            continue;
        result = is_divided(w, piece.from_s, piece.to_s)
                     ? add_divided(w, STORE_HOURS, LEVEL_HOUR, hour_s, HOUR_S, below)
                     : add(w, STORE_HOURS, &piece);
    }
    return result;
}

/* From the day's own file. */
static int add_minutes(struct walk *w, int64_t day_s)
{
    int result = 0;
    for (int64_t hour_s = day_s; hour_s < day_s + DAY_S && result == 0; hour_s += HOUR_S) {
        struct piece piece = {.level = LEVEL_HOUR,
                              .from_s = hour_s,
                              .to_s = hour_s + HOUR_S,
                              .below = INT64_MAX,
                              .at_s = -1};
        if (is_outside(w, piece.from_s, piece.to_s))
            continue;
        if (is_divided(w, piece.from_s, piece.to_s)) {
            piece.level = LEVEL_WINDOW;
            piece.from_s = hour_s < w->from_s ? w->from_s : hour_s;
            piece.to_s = piece.to_s > w->to_s ? w->to_s : piece.to_s;
        }
        result = add(w, STORE_MINUTES, &piece);
    }
    return result;
}

static int add_day(struct walk *w, int64_t day_s)
{
    struct store_file *f;
    int64_t open_sensors = 0;
    if (is_outside(w, day_s, day_s + DAY_S))
        return 0;
    int there = ds_files_has(w->s, STORE_MINUTES, day_s)
                    ? ds_file_use(w->s, STORE_MINUTES, day_s, &f, w->err)
                    : 1;
    if (there > 0)
        return add_rolled_day(w, day_s, INT64_MAX);
    if (there < 0 ||
        ds_sqlite_number(f,
                         "SELECT count(*) FROM sensor WHERE id NOT IN (SELECT sensor FROM packed)",
                         NULL, 0, &open_sensors, w->err) < 0)
        return -1;
    int64_t generation = f->generation;
    bool is_whole = !is_divided(w, day_s, day_s + DAY_S);
    if (open_sensors == 0 && is_whole && !w->plan->wants_all_cells)
        return add_rolled_day(w, day_s, INT64_MAX);
    int result = add_minutes(w, day_s);
    if (result == 0 && generation > 0)
        result = add_rolled_day(w, day_s, generation);
    return result;
}

/* ---- all days there may be something of ---- */

/* The first month with a file that ends behind at_s, or DS_STORE_TIME_MAX. */
static int64_t next_month(const struct walk *w, int64_t at_s)
{
    int64_t next_s = DS_STORE_TIME_MAX;
    for (unsigned kind = STORE_MINUTES; kind < STORE_KIND_COUNT; kind++) {
        const struct store_list *list = &w->s->lists[kind];
        size_t i = ds_files_find(w->s, (enum store_kind)kind, ds_period_start(STORE_DAYS, at_s));
        if (i == list->count)
            continue;
        int64_t month_s = ds_period_start(STORE_DAYS, list->from_s[i]);
        next_s = month_s < next_s ? month_s : next_s;
    }
    return next_s;
}

int ds_plan_walk(struct sqlite_store *s, const struct plan *plan, piece_fn *each, void *arg,
                 struct ds_error *err)
{
    const struct ds_buckets *b = plan->buckets;
    struct walk w = {.s = s,
                     .plan = plan,
                     .from_s = b->edges_s[0] < 0 ? 0 : b->edges_s[0],
                     .to_s = b->edges_s[b->count],
                     .each = each,
                     .arg = arg,
                     .err = err};
    if (w.to_s > DS_STORE_TIME_MAX)
        w.to_s = DS_STORE_TIME_MAX;
    if (w.from_s >= w.to_s)
        return 0;
    int result = ds_files_list(s, err);
    for (int64_t month_s = next_month(&w, w.from_s); result == 0 && month_s < w.to_s;) {
        int64_t end_s = ds_period_end(STORE_DAYS, month_s);
        for (int64_t day_s = month_s; day_s < end_s && result == 0; day_s += DAY_S)
            result = add_day(&w, day_s);
        if (end_s >= DS_STORE_TIME_MAX)
            break;
        month_s = next_month(&w, end_s);
    }
    return result == 0 ? flush(&w) : result;
}
