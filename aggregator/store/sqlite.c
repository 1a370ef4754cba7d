/* SPDX-License-Identifier: Apache-2.0
 *
 * The few helpers that the other files use on statements, and what errors say.
 */
#include "sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *advice(int code)
{
    switch (code) {
    case SQLITE_FULL:
        return "the disk is full; free some space";
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return "it is not writable; check owner and mode of the directory and its files";
    case SQLITE_CANTOPEN:
        return "it cannot be opened; check owner and mode of the directory and its files";
    case SQLITE_CORRUPT:
        return "the file is damaged; move it away or restore a copy";
    case SQLITE_NOTADB:
        return "the file is not a darkscope store; name another directory (nothing was changed)";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return "another program holds it; close what has it open";
    case SQLITE_IOERR:
        return "reading or writing the disk failed; check the file system and its free space";
    default:
        return NULL;
    }
}

int ds_sqlite_error(struct store_file *f, const char *doing, struct ds_error *err)
{
    int code = sqlite3_errcode(f->db) & 0xff;
    enum ds_status status = code == SQLITE_READONLY || code == SQLITE_PERM ? DS_PERMISSION
                            : code == SQLITE_NOMEM                         ? DS_FAILURE
                                                                           : DS_DATABASE;
    const char *why = advice(code);
    return ds_error(err, status, "store %s: cannot %s %s: %s", f->store->directory, doing, f->name,
                    why ? why : sqlite3_errmsg(f->db));
}

int ds_sqlite_damaged(struct store_file *f, const char *what, const char *why, struct ds_error *err)
{
    return ds_error(err, DS_DATABASE,
                    "store %s: %s of %s is damaged (%s); restore the file from a copy, or move it "
                    "away to do without",
                    f->store->directory, what, f->name, why);
}

int ds_sqlite_exec(struct store_file *f, const char *sql, struct ds_error *err)
{
    if (sqlite3_exec(f->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return ds_sqlite_error(f, "write", err);
    return 0;
}

int ds_sqlite_exec_with(struct store_file *f, const char *sql, const int64_t *values, size_t count,
                        struct ds_error *err)
{
    sqlite3_stmt *stmt = ds_sqlite_prepare(f, sql, err);
    if (!stmt)
        return -1;
    for (size_t i = 0; i < count; i++)
        sqlite3_bind_int64(stmt, (int)i + 1, values[i]);
    int result = ds_sqlite_step(f, stmt, err);
    sqlite3_finalize(stmt);
    return result < 0 ? -1 : 0;
}

int ds_sqlite_number(struct store_file *f, const char *sql, const int64_t *values, size_t count,
                     int64_t *out, struct ds_error *err)
{
    sqlite3_stmt *stmt = ds_sqlite_prepare(f, sql, err);
    if (!stmt)
        return -1;
    for (size_t i = 0; i < count; i++)
        sqlite3_bind_int64(stmt, (int)i + 1, values[i]);
    int row = ds_sqlite_step(f, stmt, err);
    if (row == 1)
        *out = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return row < 0 ? -1 : 0;
}

sqlite3_stmt *ds_sqlite_prepare(struct store_file *f, const char *sql, struct ds_error *err)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(f->db, sql, -1, &stmt, NULL) != SQLITE_OK) {
        ds_sqlite_error(f, "read", err);
        return NULL;
    }
    return stmt;
}

int ds_sqlite_step(struct store_file *f, sqlite3_stmt *stmt, struct ds_error *err)
{
    switch (sqlite3_step(stmt)) {
    case SQLITE_ROW:
        return 1;
    case SQLITE_DONE:
        return 0;
    default:
        return ds_sqlite_error(f, sqlite3_stmt_readonly(stmt) ? "read" : "write", err);
    }
}

void ds_sqlite_bind_int(sqlite3_stmt *stmt, const char *name, int64_t value)
{
    int index = sqlite3_bind_parameter_index(stmt, name);
    if (index)
        sqlite3_bind_int64(stmt, index, value);
}

void ds_sqlite_bind_range(sqlite3_stmt *stmt, const struct ds_range *range)
{
    ds_sqlite_bind_int(stmt, ":from", range->from_s);
    ds_sqlite_bind_int(stmt, ":to", range->to_s);
    ds_sqlite_bind_text(stmt, ":sensor", range->sensor);
}

void ds_sqlite_bind_text(sqlite3_stmt *stmt, const char *name, const char *text)
{
    int index = sqlite3_bind_parameter_index(stmt, name);
    if (index)
        sqlite3_bind_text(stmt, index, text, -1, SQLITE_STATIC);
}

uint64_t ds_sqlite_u64(sqlite3_stmt *stmt, int column)
{
    sqlite3_int64 value = sqlite3_column_int64(stmt, column);
    return value > 0 ? (uint64_t)value : 0;
}

void ds_sqlite_text(sqlite3_stmt *stmt, int column, char *out, size_t size)
{
    const unsigned char *text = sqlite3_column_text(stmt, column);
    snprintf(out, size, "%s", text ? (const char *)text : "");
}

ds_country ds_sqlite_country(sqlite3_stmt *stmt, int column)
{
    char text[3];
    ds_country country = DS_COUNTRY_UNKNOWN;
    ds_sqlite_text(stmt, column, text, sizeof text);
    ds_country_parse(text, &country);
    return country;
}

int ds_sqlite_name_index(const char *(*name_of)(unsigned), const char *name)
{
    const char *known;
    for (unsigned i = 0; name && (known = name_of(i)); i++)
        if (strcmp(known, name) == 0)
            return (int)i;
    return -1;
}
