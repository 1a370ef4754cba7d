/* SPDX-License-Identifier: Apache-2.0
 *
 * The listed sources of a window: one row with packed columns, as on the wire.
 */
#include "source_columns.h"
#include "sqlite.h"

#include "darkscope/text.h"

#include <string.h>

const char *ds_sqlite_join_marks(const struct ds_window *w, char out[static STORE_MARKS_BYTES])
{
    char *at = out;
    *at = 0;
    for (unsigned i = 0; i < w->mark_count; i++) {
        if (i > 0)
            *at++ = ',';
        at = stpcpy(at, w->marks[i]);
    }
    return out;
}

static bool split_marks(const char *text, struct ds_window *w)
{
    while (*text) {
        size_t length = strcspn(text, ",");
        if (length > DS_SIGNATURE_ID_MAX || w->mark_count == DS_MARKS_MAX)
            return false;
        char *mark = w->marks[w->mark_count++];
        memcpy(mark, text, length);
        mark[length] = 0;
        if (!ds_name_valid(mark))
            return false;
        text += length + (text[length] == ',');
    }
    return true;
}

/* A bit without a name would be an index out of range. */
static bool marks_are_named(const struct ds_window *w)
{
    uint32_t used = 0;
    for (size_t i = 0; i < w->source_record_count; i++)
        used |= w->source_records[i].seen;
    return (used & ~((UINT32_C(1) << w->mark_count) - 1)) == 0;
}

int ds_sqlite_read_sources(struct store_file *f, sqlite3_stmt *stmt, int first, struct ds_window *w,
                           struct ds_error *err)
{
    const char *marks = (const char *)sqlite3_column_text(stmt, first + 1);
    const void *records = sqlite3_column_blob(stmt, first + 2);
    size_t size = (size_t)sqlite3_column_bytes(stmt, first + 2);
    const char *why = "";
    if (sqlite3_column_int64(stmt, first) != STORE_SOURCES_FORMAT || !marks ||
        !split_marks(marks, w))
        return ds_sqlite_damaged(f, "a row of window_sources", "it is of an unknown form", err);
    enum ds_decode result =
        ds_source_columns_unpack(records, size, &w->source_records, &w->source_record_count, &why);
    if (result == DS_DECODE_NO_MEMORY)
        return ds_error(err, DS_FAILURE, "out of memory");
    if (result != DS_DECODE_OK || !marks_are_named(w))
        return ds_sqlite_damaged(f, "a row of window_sources", why && *why ? why : "unknown marks",
                                 err);
    return 0;
}
