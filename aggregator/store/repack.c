/* SPDX-License-Identifier: Apache-2.0
 *
 * Packing a month anew when it is over: its cells come in order of port, as a year of one port is
 * read, and free pages are given back. All inside SQLite's transactions: readers go on, and a crash
 * leaves the file as it was.
 */
#include "care.h"
#include "sqlite.h"

#define LATENESS_S (3 * DAY_S) /* after its end a month is taken for complete */

static int run(struct store_file *f, const char *text, const char *level, struct ds_error *err)
{
    char *sql = sqlite3_mprintf(text, level, level, level);
    int result = sql ? ds_sqlite_exec(f, sql, err) : ds_error(err, DS_FAILURE, "out of memory");
    sqlite3_free(sql);
    return result;
}

/* The table keeps the text that explains it. */
static int make_table(struct store_file *f, const char *level, struct ds_error *err)
{
    char *find = sqlite3_mprintf("SELECT sql FROM sqlite_schema WHERE name = '%s_chunk'", level);
    sqlite3_stmt *stmt = find ? ds_sqlite_prepare(f, find, err) : NULL;
    sqlite3_free(find);
    char *sql = NULL;
    if (stmt && ds_sqlite_step(f, stmt, err) == 1)
        sql = sqlite3_mprintf("%s", sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    int result = -1;
    if (sql)
        result = run(f, "ALTER TABLE %s_chunk RENAME TO old_chunk", level, err);
    if (result == 0)
        result = ds_sqlite_exec(f, sql, err);
    sqlite3_free(sql);
    return result;
}

static int sort_chunks(struct store_file *f, const char *level, struct ds_error *err)
{
    if (make_table(f, level, err) < 0 ||
        run(f,
            "INSERT INTO %s_chunk SELECT NULL, kind, start, sensor, generation, first_key,"
            " last_key, cells, data FROM old_chunk ORDER BY kind, first_key, start",
            level, err) < 0 ||
        ds_sqlite_exec(f, "DROP TABLE old_chunk", err) < 0)
        return -1;
    return run(f,
               "CREATE UNIQUE INDEX %s_chunk_key ON %s_chunk (kind, start, sensor, generation,"
               " first_key, last_key);"
               "INSERT OR REPLACE INTO store VALUES ('repacked', (SELECT max(id) FROM %s_chunk))",
               level, err);
}

static int repack(struct store_file *f, struct ds_error *err)
{
    const char *level = f->kind == STORE_HOURS ? "hour" : "day";
    if (ds_sqlite_exec(f, "BEGIN IMMEDIATE", err) < 0)
        return -1;
    int result = sort_chunks(f, level, err);
    if (result == 0)
        result = ds_sqlite_exec(f, "COMMIT", err);
    if (!sqlite3_get_autocommit(f->db))
        ds_sqlite_exec(f, "ROLLBACK", NULL);
    if (result == 0)
        result = ds_sqlite_exec(f, "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)", err);
    return result;
}

/* Over, with all its days rolled up, and not packed since the last of them came. */
static int is_due(struct sqlite_store *s, enum store_kind kind, int64_t month_s, int64_t now_s,
                  struct ds_error *err)
{
    struct store_file *f;
    int64_t end_s = ds_period_end(kind, month_s), is_sorted = 0;
    size_t day = ds_files_find(s, STORE_MINUTES, month_s);
    if (now_s < end_s + LATENESS_S)
        return 0;
    for (; day < s->lists[STORE_MINUTES].count; day++) {
        int64_t day_s = s->lists[STORE_MINUTES].from_s[day], open_sensors = 0;
        if (day_s >= end_s)
            break;
        int there = ds_file_use_shared(s, STORE_MINUTES, day_s, &f, err);
        if (there == 0)
            there = ds_sqlite_number(
                f, "SELECT count(*) FROM sensor WHERE id NOT IN (SELECT sensor FROM packed)", NULL,
                0, &open_sensors, err);
        ds_files_release(s);
        if (there < 0 || open_sensors > 0)
            return there < 0 ? -1 : 0;
    }
    int there = ds_file_use(s, kind, month_s, &f, err);
    if (there == 0)
        there = ds_sqlite_number(f,
                                 /* IS: of a month in which no packet came both are NULL. */
                                 kind == STORE_HOURS
                                     ? "SELECT value IS (SELECT max(id) FROM hour_chunk) FROM store"
                                       " WHERE key = 'repacked'"
                                     : "SELECT value IS (SELECT max(id) FROM day_chunk) FROM store"
                                       " WHERE key = 'repacked'",
                                 NULL, 0, &is_sorted, err);
    ds_files_release(s);
    return there != 0 ? there < 0 ? -1 : 0 : !is_sorted;
}

int ds_store_repack(struct ds_store *store, int64_t now_s, bool one, struct ds_error *err)
{
    struct sqlite_store *s = sqlite_of(store);
    int result = 0; /* what cannot be packed does not keep others */
    if (ds_files_list(s, err) < 0)
        return -1;
    for (unsigned kind = STORE_HOURS; kind < STORE_KIND_COUNT; kind++)
        for (size_t i = 0; i < s->lists[kind].count; i++) {
            struct store_file *f;
            int64_t from_s = s->lists[kind].from_s[i];
            int due = is_due(s, (enum store_kind)kind, from_s, now_s, err);
            if (due > 0 && (ds_file_write(s, (enum store_kind)kind, from_s, 0, &f, err) < 0 ||
                            repack(f, err) < 0))
                due = -1;
            result = due != 0 ? due : result;
            if (due > 0 && one)
                return 1;
        }
    return result;
}
