/* SPDX-License-Identifier: Apache-2.0
 *
 * Statements about a piece of time, which are alike on every level.
 */
#include "plan.h"

#include <string.h>

static const char in_windows[] = STORE_IN_RANGE;
static const char in_open_hours[] =
    STORE_IN_RANGE " AND (start - start % 3600, sensor) NOT IN (SELECT start, sensor FROM hour)";
static const char in_levels[] = STORE_IN_RANGE " AND generation < :below";

const char *ds_level_name(enum level level)
{
    static const char *const names[] = {"window", "hour", "day"};
    return names[level];
}

static const char *condition_of(const struct piece *piece)
{
    if (piece->level != LEVEL_WINDOW)
        return in_levels;
    return piece->only_open ? in_open_hours : in_windows;
}

/* NULL without memory. */
static char *fill_in(const char *text, const struct piece *piece)
{
    char *out = sqlite3_mprintf("%s", "");
    while (*text && out) {
        size_t plain = strcspn(text, "@#");
        char mark = text[plain];
        out = sqlite3_mprintf("%z%.*s%s", out, (int)plain, text,
                              mark == '@'   ? ds_level_name(piece->level)
                              : mark == '#' ? condition_of(piece)
                                            : "");
        text += plain + (mark != 0);
    }
    return out;
}

sqlite3_stmt *ds_piece_prepare(struct store_file *f, const struct piece *piece, const char *sensor,
                               const char *of_windows, const char *of_levels, struct ds_error *err)
{
    const struct ds_range range = {piece->from_s, piece->to_s, sensor};
    char *sql = fill_in(piece->level == LEVEL_WINDOW ? of_windows : of_levels, piece);
    sqlite3_stmt *stmt = sql ? ds_sqlite_prepare(f, sql, err) : NULL;
    if (!sql)
        ds_error(err, DS_FAILURE, "out of memory");
    sqlite3_free(sql);
    if (!stmt)
        return NULL;
    ds_sqlite_bind_range(stmt, &range);
    ds_sqlite_bind_int(stmt, ":below", piece->below);
    return stmt;
}
