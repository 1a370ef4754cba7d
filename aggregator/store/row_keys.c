/* SPDX-License-Identifier: Apache-2.0 */
#include "row_keys.h"

#include <stdlib.h>
#include <string.h>

void ds_row_names_finish(struct row_names *names)
{
    free(names->all);
    *names = (struct row_names){0};
}

/* Those that are built in have room, whatever else there is. */
static void begin_names(struct row_names *names)
{
    names->all = calloc(ROW_NAMES_MAX + 1, sizeof *names->all);
    names->no_memory = !names->all;
    for (unsigned i = 0; names->all && i < DS_SIGNATURE_COUNT; i++)
        strcpy(names->all[names->count++], ds_signature_name(i));
}

static int64_t signature_key(struct row_names *names, sqlite3_stmt *stmt)
{
    char name[DS_SIGNATURE_ID_MAX + 1];
    ds_sqlite_text(stmt, 0, name, sizeof name);
    if (!names->all)
        begin_names(names);
    if (names->no_memory)
        return -1;
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->all[i], name) == 0)
            return (int64_t)i;
    if (names->count == ROW_NAMES_MAX) {
        strcpy(names->all[ROW_NAMES_MAX], ROW_NAMES_REST);
        return ROW_NAMES_MAX;
    }
    memcpy(names->all[names->count], name, sizeof name);
    return (int64_t)names->count++;
}

int64_t ds_row_key_of_fact(enum ds_by by, struct row_names *names, sqlite3_stmt *stmt)
{
    switch (by) {
    case DS_BY_COUNTRY:
        return ds_sqlite_country(stmt, 0);
    case DS_BY_TYPE:
        return ds_sqlite_name_index(ds_type_name, (const char *)sqlite3_column_text(stmt, 0));
    case DS_BY_SIGNATURE:
        return signature_key(names, stmt);
    default:
        return (uint8_t)sqlite3_column_int(stmt, 0);
    }
}

uint32_t ds_row_key_of_cell(enum ds_by by, uint64_t cell_key)
{
    switch (by) {
    case DS_BY_COUNTRY:
        return (ds_country)cell_key;
    case DS_BY_CLASS:
        return (uint32_t)(cell_key >> 40);
    default:
        return (uint32_t)(cell_key >> 16);
    }
}

void ds_row_key_write(enum ds_by by, const struct row_names *names, uint32_t key,
                      struct ds_top_row *row)
{
    switch (by) {
    case DS_BY_PORT:
        row->cls = (uint8_t)(key >> 24);
        row->proto = (uint8_t)(key >> 16);
        row->port = (uint16_t)key;
        break;
    case DS_BY_COUNTRY:
        row->country = (ds_country)key;
        break;
    case DS_BY_TYPE:
        row->type = (uint8_t)key;
        break;
    case DS_BY_CLASS:
        row->cls = (uint8_t)key;
        break;
    case DS_BY_PROTOCOL:
        row->proto = (uint8_t)key;
        break;
    case DS_BY_DEVICE:
        row->device = (uint8_t)key;
        break;
    default:
        memcpy(row->signature, names->all[key], sizeof row->signature);
    }
}
