/* SPDX-License-Identifier: Apache-2.0 */
#include "builder.h"

#include <stdlib.h>
#include <string.h>

struct chunk_row {
    uint64_t first_key, last_key;
    size_t cells, bytes;
};

static void fail(struct builder *b)
{
    if (!b->has_failed)
        ds_error(b->err, DS_FAILURE, "out of memory");
    b->has_failed = true;
}

static void bind_set(sqlite3_stmt *stmt, const struct chunk_set *set)
{
    ds_sqlite_bind_int(stmt, ":kind", set->kind);
    ds_sqlite_bind_int(stmt, ":start", set->start_s);
    ds_sqlite_bind_int(stmt, ":sensor", set->sensor);
    ds_sqlite_bind_int(stmt, ":generation", set->generation);
}

static sqlite3_stmt *prepare(struct store_file *f, const struct chunk_set *set,
                             struct ds_error *err)
{
    bool is_minute = strcmp(set->table, "minute_chunk") == 0;
    bool is_month = strcmp(set->table, "month_chunk") == 0;
    char *sql = sqlite3_mprintf("INSERT INTO %s (sensor, first_key, last_key, cells, data%s%s)"
                                " VALUES (:sensor, :first, :last, :cells, :data%s%s)",
                                set->table, is_minute ? "" : ", kind",
                                is_month    ? ""
                                : is_minute ? ", start"
                                            : ", start, generation",
                                is_minute ? "" : ", :kind",
                                is_month    ? ""
                                : is_minute ? ", :start"
                                            : ", :start, :generation");
    if (!sql) {
        ds_error(err, DS_FAILURE, "out of memory");
        return NULL;
    }
    sqlite3_stmt *stmt = ds_sqlite_prepare(f, sql, err);
    sqlite3_free(sql);
    if (stmt)
        bind_set(stmt, set);
    return stmt;
}

static void begin(struct builder *b, enum store_kind kind, size_t target, uint32_t windows_max,
                  struct ds_error *err)
{
    *b = (struct builder){.target = target, .windows_max = windows_max, .err = err};
    b->packer.is_quick = kind == STORE_MINUTES; /* for a few days only */
    b->cells = malloc((target + DS_CHUNK_SLOTS_MAX) * sizeof *b->cells);
    if (!b->cells)
        fail(b);
}

void ds_builder_begin(struct builder *b, struct store_file *f, const struct chunk_set *set,
                      size_t target, uint32_t windows_max, struct ds_error *err)
{
    begin(b, f->kind, target, windows_max, err);
    b->file = f;
    b->insert = prepare(f, set, err);
    b->has_failed = b->has_failed || !b->insert;
}

void ds_builder_begin_rows(struct builder *b, enum store_kind kind, struct chunk_rows *rows,
                           size_t target, uint32_t windows_max, struct ds_error *err)
{
    begin(b, kind, target, windows_max, err);
    b->rows = rows;
}

/* ---- a chunk ---- */

static int insert(struct store_file *f, sqlite3_stmt *stmt, const struct chunk_row *row,
                  const uint8_t *bytes, struct ds_error *err)
{
    ds_sqlite_bind_int(stmt, ":first", (int64_t)row->first_key);
    ds_sqlite_bind_int(stmt, ":last", (int64_t)row->last_key);
    ds_sqlite_bind_int(stmt, ":cells", (int64_t)row->cells);
    sqlite3_bind_blob64(stmt, sqlite3_bind_parameter_index(stmt, ":data"), bytes, row->bytes,
                        SQLITE_STATIC);
    int result = ds_sqlite_step(f, stmt, err);
    sqlite3_reset(stmt);
    return result;
}

/* Room doubles. */
static bool keep(struct chunk_rows *r, const struct chunk_row *row, const uint8_t *bytes)
{
    if ((r->count & (r->count - 1)) == 0) {
        struct chunk_row *rows = realloc(r->rows, (r->count ? 2 * r->count : 1) * sizeof *rows);
        if (!rows)
            return false;
        r->rows = rows;
    }
    if (r->room - r->used < row->bytes) {
        size_t room = 2 * r->room + row->bytes;
        uint8_t *larger = realloc(r->bytes, room);
        if (!larger)
            return false;
        r->bytes = larger;
        r->room = room;
    }
    memcpy(r->bytes + r->used, bytes, row->bytes);
    r->used += row->bytes;
    r->rows[r->count++] = *row;
    return true;
}

void ds_builder_flush(struct builder *b)
{
    const uint8_t *bytes;
    struct chunk_row row = {
        .first_key = b->cells[0].key, .last_key = b->cells[b->count - 1].key, .cells = b->count};
    int packed = ds_chunk_pack(&b->packer, b->cells, b->count, b->windows_max, &bytes, &row.bytes);
    b->count = 0;
    if (packed < 0 || (b->rows && !keep(b->rows, &row, bytes)))
        fail(b);
    else if (b->insert && insert(b->file, b->insert, &row, bytes, b->err) < 0)
        b->has_failed = true;
}

int ds_builder_finish(struct builder *b)
{
    if (!b->has_failed && b->count > 0)
        ds_builder_flush(b);
    sqlite3_finalize(b->insert);
    ds_chunk_packer_finish(&b->packer);
    free(b->cells);
    return b->has_failed ? -1 : 0;
}

int ds_chunk_rows_write(const struct chunk_rows *rows, struct store_file *f,
                        const struct chunk_set *set, struct ds_error *err)
{
    sqlite3_stmt *stmt = prepare(f, set, err);
    const uint8_t *bytes = rows->bytes;
    int result = stmt ? 0 : -1;
    for (size_t i = 0; i < rows->count && result == 0; i++) {
        result = insert(f, stmt, &rows->rows[i], bytes, err);
        bytes += rows->rows[i].bytes;
    }
    sqlite3_finalize(stmt);
    return result;
}

void ds_chunk_rows_finish(struct chunk_rows *rows)
{
    free(rows->rows);
    free(rows->bytes);
    *rows = (struct chunk_rows){0};
}
