/* SPDX-License-Identifier: Apache-2.0 */
#include "builder.h"

#include <stdlib.h>
#include <string.h>

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

void ds_builder_begin(struct builder *b, struct store_file *f, const struct chunk_set *set,
                      size_t target, uint32_t windows_max, struct ds_error *err)
{
    bool is_minute = strcmp(set->table, "minute_chunk") == 0;
    bool is_month = strcmp(set->table, "month_chunk") == 0;
    *b = (struct builder){.file = f, .target = target, .windows_max = windows_max, .err = err};
    if (f->kind == STORE_MINUTES) /* for a few days only */
        b->packer.level = 1;
    b->cells = malloc((target + DS_CHUNK_SLOTS_MAX) * sizeof *b->cells);
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
    if (!b->cells || !sql)
        fail(b);
    else if (!(b->insert = ds_sqlite_prepare(f, sql, err)))
        b->has_failed = true;
    else
        bind_set(b->insert, set);
    sqlite3_free(sql);
}

static void flush(struct builder *b)
{
    const uint8_t *bytes;
    size_t size;
    if (ds_chunk_pack(&b->packer, b->cells, b->count, b->windows_max, &bytes, &size) < 0) {
        fail(b);
        return;
    }
    ds_sqlite_bind_int(b->insert, ":first", (int64_t)b->cells[0].key);
    ds_sqlite_bind_int(b->insert, ":last", (int64_t)b->cells[b->count - 1].key);
    ds_sqlite_bind_int(b->insert, ":cells", (int64_t)b->count);
    sqlite3_bind_blob64(b->insert, sqlite3_bind_parameter_index(b->insert, ":data"), bytes, size,
                        SQLITE_STATIC);
    if (ds_sqlite_step(b->file, b->insert, b->err) < 0)
        b->has_failed = true;
    sqlite3_reset(b->insert);
    b->count = 0;
}

void ds_builder_add(struct builder *b, const struct ds_chunk_cell *cell)
{
    if (b->has_failed)
        return;
    if (b->count >= b->target && cell->key != b->cells[b->count - 1].key)
        flush(b);
    b->cells[b->count++] = *cell;
}

int ds_builder_finish(struct builder *b)
{
    if (!b->has_failed && b->count > 0)
        flush(b);
    sqlite3_finalize(b->insert);
    ds_chunk_packer_finish(&b->packer);
    free(b->cells);
    return b->has_failed ? -1 : 0;
}
