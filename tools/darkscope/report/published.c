/* SPDX-License-Identifier: Apache-2.0
 *
 * What was published, in published.sqlite beside the store's files: of each period the row of the
 * table of years as it stood. It belongs to nobody's lock, so that it can be written while an
 * aggregator runs, and retention leaves it alone.
 */
#include "cell.h"

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME  "published.sqlite"
#define PATH_BYTES 4096
#define WAIT_MS    5000
#define SAME       1e-9 /* relative */

static const char create_sql[] =
    "CREATE TABLE IF NOT EXISTS published ( -- rows of reports' table of years, as published\n"
    "  period TEXT, -- '2026', '2026-Q3', ...\n"
    "  time_zone TEXT, generated TEXT, -- when, ISO 8601\n"
    "  figures TEXT NOT NULL, -- JSON: the row\n"
    "  PRIMARY KEY (period, time_zone, generated)) WITHOUT ROWID";

static int path_of(const struct report *r, char path[static PATH_BYTES], struct ds_error *err)
{
    int length = snprintf(path, PATH_BYTES, "%s/" FILE_NAME, r->options->store);
    return length < 0 || length >= PATH_BYTES ? ds_error(err, DS_USAGE, "--store: path too long")
                                              : 0;
}

static int file_error(sqlite3 *db, const char *path, struct ds_error *err)
{
    enum ds_status status =
        sqlite3_errcode(db) == SQLITE_CANTOPEN || sqlite3_errcode(db) == SQLITE_READONLY
            ? DS_PERMISSION
            : DS_DATABASE;
    ds_error(err, status, "report: %s: %s", path, sqlite3_errmsg(db));
    sqlite3_close(db);
    return -1;
}

/* NULL with err. */
static sqlite3 *open_file(const char *path, int flags, struct ds_error *err)
{
    sqlite3 *db = NULL;
    if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK) {
        file_error(db, path, err);
        return NULL;
    }
    sqlite3_busy_timeout(db, WAIT_MS);
    return db;
}

/* The latest of each period of this zone, by period. 0 and *out, or -1. */
static int read_published(const struct report *r, json_t **out, struct ds_error *err)
{
    char path[PATH_BYTES];
    sqlite3_stmt *stmt = NULL;
    *out = json_object();
    if (path_of(r, path, err) < 0)
        return -1;
    if (access(path, F_OK) != 0)
        return 0;
    sqlite3 *db = open_file(path, SQLITE_OPEN_READONLY, err);
    if (!db)
        return -1;
    if (sqlite3_prepare_v2(db,
                           "SELECT period, figures FROM published WHERE time_zone = ?"
                           " ORDER BY generated",
                           -1, &stmt, NULL) != SQLITE_OK)
        return file_error(db, path, err);
    sqlite3_bind_text(stmt, 1, r->options->zone, -1, SQLITE_STATIC);
    int row;
    while ((row = sqlite3_step(stmt)) == SQLITE_ROW) {
        json_t *figures = json_loads((const char *)sqlite3_column_text(stmt, 1), 0, NULL);
        if (json_is_object(figures))
            json_object_set_new(*out, (const char *)sqlite3_column_text(stmt, 0), figures);
        else
            json_decref(figures);
    }
    sqlite3_finalize(stmt);
    if (row != SQLITE_DONE)
        return file_error(db, path, err);
    sqlite3_close(db);
    return 0;
}

/* ---- as published and revised ---- */

static const struct report_column columns[] = {
    {"period", VALUE_TEXT, NULL, CERTAIN_EXACT},
    {"figure", VALUE_WORD, NULL, CERTAIN_EXACT},
    {"published", VALUE_TEXT, NULL, CERTAIN_EXACT},
    {"as_published", VALUE_REAL, NULL, CERTAIN_EXACT},
    {"revised", VALUE_REAL, NULL, CERTAIN_EXACT},
    {"change", VALUE_CHANGE, NULL, CERTAIN_EXACT},
    {"windows_added", VALUE_COUNT, "windows", CERTAIN_EXACT},
    {"databases_changed", VALUE_WORD, NULL, CERTAIN_EXACT},
    {"software_changed", VALUE_WORD, NULL, CERTAIN_EXACT},
    {NULL, 0, NULL, 0},
};

static const json_t *find_row(const struct report *r, const char *table, const char *period)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(report_find_table(r->root, table), "rows"), i,
                       row) if (strcmp(report_text_of(row, "period"), period) == 0) return row;
    return NULL;
}

/* Figures and what stands behind them, in one; a new reference, NULL where there is none. */
static json_t *figures_of(const struct report *r, const char *period)
{
    const json_t *figures = find_row(r, "years", period),
                 *about = find_row(r, "years-data", period);
    json_t *all = figures && about ? json_copy((json_t *)about) : NULL;
    json_object_update(all, (json_t *)figures);
    return all;
}

static json_t *is_changed(const json_t *before, const json_t *now, const char *key)
{
    return json_string(json_equal(json_object_get(before, key), json_object_get(now, key)) ? "no"
                                                                                           : "yes");
}

static void write_figure(struct report *r, json_t *table, const char *figure, const json_t *before,
                         const json_t *now)
{
    const json_t *old = json_object_get(before, figure), *new = json_object_get(now, figure);
    bool both = json_is_number(old) && json_is_number(new);
    double a = json_number_value(old), b = json_number_value(new);
    if (now &&
        ((both && fabs(a - b) <= SAME * fabs(a)) || (json_is_null(old) && json_is_null(new))))
        return;
    json_t *row = report_row(r, table);
    report_set(r, row, "period", json_string(report_text_of(before, "period")));
    report_set(r, row, "figure", json_string(figure));
    report_set(r, row, "published", json_string(report_text_of(before, "generated")));
    report_set(r, row, "as_published", json_is_number(old) ? json_real(a) : json_null());
    report_set(r, row, "revised", json_is_number(new) ? json_real(b) : json_null());
    report_set(r, row, "change", both && a != 0 ? json_real(b / a - 1) : json_null());
    report_set(r, row, "windows_added",
               now ? json_integer(json_integer_value(json_object_get(now, "windows")) -
                                  json_integer_value(json_object_get(before, "windows")))
                   : json_null());
    report_set(r, row, "databases_changed",
               now ? is_changed(before, now, "country_databases") : json_null());
    report_set(r, row, "software_changed", now ? is_changed(before, now, "software") : json_null());
}

/* Is the period a row of this report, or would be if the store still had its days? */
static bool is_of_report(const struct report *r, const char *period)
{
    char label[REPORT_LABEL];
    for (int before = 0; before < r->options->years; before++) {
        report_period_label(&r->options->period, before, label);
        if (strcmp(label, period) == 0)
            return true;
    }
    return false;
}

int report_gather_published(struct report *r, struct ds_error *err)
{
    static const char *const figures[] = {
        "packets",     "packets_per_address", "addresses_last_day",
        "naive_ratio", "survey_share",        "coverage"};
    json_t *chapters = json_object_get(r->root, "chapters"), *published, *before;
    json_t *chapter = json_array_get(chapters, json_array_size(chapters) - 1), *table = NULL;
    const char *period;
    int result = read_published(r, &published, err);
    json_object_foreach(published, period, before)
    {
        if (!is_of_report(r, period))
            continue;
        if (!table) {
            table = report_table(r, chapter, "restated", columns);
            report_note(r, chapter, "restated");
        }
        json_t *now = figures_of(r, period);
        for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
            write_figure(r, table, figures[i], before, now);
        json_decref(now);
    }
    json_decref(published);
    return result;
}

/* ---- publishing ---- */

static int insert(sqlite3 *db, const struct report *r, const json_t *row)
{
    sqlite3_stmt *stmt = NULL;
    char *text = json_dumps(row, JSON_COMPACT | JSON_REAL_PRECISION(17));
    int result =
        text ? sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO published VALUES (?, ?, ?, ?)", -1,
                                  &stmt, NULL)
             : SQLITE_NOMEM;
    if (result == SQLITE_OK) {
        sqlite3_bind_text(stmt, 1, report_text_of(row, "period"), -1, SQLITE_TRANSIENT);
        sqlite3_bind_text(stmt, 2, r->options->zone, -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt, 3, report_text_of(row, "generated"), -1, SQLITE_TRANSIENT);
        sqlite3_bind_text(stmt, 4, text, -1, SQLITE_TRANSIENT);
        result = sqlite3_step(stmt) == SQLITE_DONE ? SQLITE_OK : sqlite3_errcode(db);
    }
    sqlite3_finalize(stmt);
    free(text);
    return result;
}

int report_publish(const struct report *r, struct ds_error *err)
{
    char path[PATH_BYTES];
    size_t i;
    json_t *row;
    if (path_of(r, path, err) < 0)
        return -1;
    sqlite3 *db = open_file(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);
    if (!db)
        return -1;
    bool failed = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK ||
                  sqlite3_exec(db, create_sql, NULL, NULL, NULL) != SQLITE_OK;
    const json_t *rows = json_object_get(report_find_table(r->root, "years"), "rows");
    json_array_foreach((json_t *)rows, i, row)
    {
        json_t *figures = figures_of(r, report_text_of(row, "period"));
        failed = failed || insert(db, r, figures) != SQLITE_OK;
        json_decref(figures);
    }
    if (failed || sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        return file_error(db, path, err);
    sqlite3_close(db);
    return 0;
}
