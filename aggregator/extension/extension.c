/* SPDX-License-Identifier: Apache-2.0
 *
 * A loadable extension of SQLite that shows the packed cells of a store as tables, for plain SQL in
 * the sqlite3 shell, Python or R:
 *
 *   .load /usr/lib/x86_64-linux-gnu/darkscope/darkscope_chunks
 *   SELECT darkscope_open('/var/lib/darkscope');
 *   SELECT start, sum(packets) FROM port_hour WHERE class = 'scan' AND proto = 6 AND port = 23
 *   GROUP BY start;
 *
 * Conditions on start, sensor, class, proto, port and country decide what is read; SQLite checks
 * all of them again. Reads only.
 */
#include "extension.h"

#include "darkscope/types.h"

#include <sqlite3ext.h>
#include <stdlib.h>
#include <string.h>

SQLITE_EXTENSION_INIT1

static const struct table_kind kinds[] = {
    {"port_minute", LEVEL_WINDOW, false},    {"port_hour", LEVEL_HOUR, false},
    {"port_day", LEVEL_DAY, false},          {"port_country_minute", LEVEL_WINDOW, true},
    {"port_country_hour", LEVEL_HOUR, true}, {"port_country_day", LEVEL_DAY, true},
};

enum column {
    COLUMN_START,
    COLUMN_SENSOR,
    COLUMN_CLASS,
    COLUMN_PROTO,
    COLUMN_PORT,
    COLUMN_COUNTRY,
    COLUMN_PACKETS,
    COLUMN_BYTES,
    COLUMN_SOURCES_PEAK,
    COLUMN_WINDOWS,
    COLUMN_INEXACT,
    COLUMN_SURVEY_PACKETS,
    COLUMN_DIRECTORY,
    COLUMN_COUNT
};

/* Without by_country there is no column country, and those behind it are one earlier. */
#define DECLARATION(country)                                                                       \
    "CREATE TABLE cells (start INTEGER, sensor TEXT, class TEXT, proto INTEGER, port "             \
    "INTEGER," country " packets INTEGER, bytes INTEGER, sources_peak INTEGER, windows INTEGER,"   \
    " inexact INTEGER, survey_packets INTEGER, directory TEXT HIDDEN)"

static int column_at(const struct table_kind *kind, int index)
{
    return index < COLUMN_COUNTRY || kind->by_country ? index : index + 1;
}

/* What a module is made with: the table, and the connection's store. */
struct module {
    const struct table_kind *kind;
    const struct shown *shown;
};

struct table {
    sqlite3_vtab base;
    const struct module *module;
};

struct cursor {
    sqlite3_vtab_cursor base;
    struct rows rows;
    struct cell_at row;
    char sensor[DS_NAME_MAX + 1]; /* asked for */
    bool is_open, is_at_end;
    sqlite3_int64 number;
};

static int fail(sqlite3_vtab *table, const char *why)
{
    sqlite3_free(table->zErrMsg);
    table->zErrMsg = sqlite3_mprintf("%s", why);
    return SQLITE_ERROR;
}

/* ---- the table ---- */

static int connect_table(sqlite3 *db, void *aux, int argc, const char *const *argv,
                         sqlite3_vtab **out, char **why)
{
    const struct module *module = aux;
    int result = sqlite3_declare_vtab(db, module->kind->by_country ? DECLARATION(" country TEXT,")
                                                                   : DECLARATION(""));
    if (result != SQLITE_OK)
        return result;
    struct table *t = sqlite3_malloc(sizeof *t);
    if (!t)
        return SQLITE_NOMEM;
    *t = (struct table){.module = module};
    sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
    *out = &t->base;
    return SQLITE_OK;
}

static int disconnect_table(sqlite3_vtab *table)
{
    sqlite3_free(table);
    return SQLITE_OK;
}

/* A letter for what a condition says, 0 where it is of no use. */
static char mark_of(int column, int operator)
{
    static const char equal[COLUMN_COUNT] = {
        [COLUMN_START] = 's',     [COLUMN_SENSOR] = 'n', [COLUMN_CLASS] = 'c',
        [COLUMN_PROTO] = 'p',     [COLUMN_PORT] = 't',   [COLUMN_COUNTRY] = 'y',
        [COLUMN_DIRECTORY] = 'd',
    };
    if (column < 0 || column >= COLUMN_COUNT)
        return 0;
    if (operator== SQLITE_INDEX_CONSTRAINT_EQ)
        return equal[column];
    if (column != COLUMN_START)
        return 0;
    switch (operator) {
    case SQLITE_INDEX_CONSTRAINT_GE:
        return 'G';
    case SQLITE_INDEX_CONSTRAINT_GT:
        return 'g';
    case SQLITE_INDEX_CONSTRAINT_LE:
        return 'L';
    case SQLITE_INDEX_CONSTRAINT_LT:
        return 'l';
    default:
        return 0;
    }
}

/* What a full scan costs, and to what part of it a condition brings it. */
static double part_of(char mark)
{
    switch (mark) {
    case 't':
        return 1e-4;
    case 's':
        return 1e-3;
    case 'G':
    case 'g':
    case 'L':
    case 'l':
        return 0.2;
    default:
        return 0.5;
    }
}

/* idxStr has the marks of the conditions whose values xFilter gets, in order. */
static int best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
    const struct table_kind *kind = ((struct table *)table)->module->kind;
    char *marks = sqlite3_malloc(info->nConstraint + 1);
    int count = 0;
    double cost = 1e9;
    if (!marks)
        return SQLITE_NOMEM;
    for (int i = 0; i < info->nConstraint; i++) {
        int column = column_at(kind, info->aConstraint[i].iColumn);
        char mark = mark_of(column, info->aConstraint[i].op);
        if (mark == 'd' && !info->aConstraint[i].usable) {
            sqlite3_free(marks);
            return SQLITE_CONSTRAINT; /* the directory must be known first */
        }
        if (!mark || !info->aConstraint[i].usable)
            continue;
        marks[count++] = mark;
        info->aConstraintUsage[i].argvIndex = count;
        info->aConstraintUsage[i].omit = mark == 'd';
        cost *= part_of(mark);
    }
    marks[count] = 0;
    info->idxStr = marks;
    info->needToFreeIdxStr = 1;
    info->estimatedCost = cost;
    info->estimatedRows = (sqlite3_int64)cost + 1;
    return SQLITE_OK;
}

/* ---- the cursor ---- */

static int open_cursor(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
    struct cursor *c = sqlite3_malloc(sizeof *c);
    if (!c)
        return SQLITE_NOMEM;
    memset(c, 0, sizeof *c);
    *out = &c->base;
    return SQLITE_OK;
}

static void close_rows(struct cursor *c)
{
    if (c->is_open)
        ds_rows_finish(&c->rows);
    c->is_open = false;
}

static int close_cursor(sqlite3_vtab_cursor *cursor)
{
    close_rows((struct cursor *)cursor);
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static int next_row(sqlite3_vtab_cursor *cursor)
{
    struct cursor *c = (struct cursor *)cursor;
    struct ds_error err = {0};
    int got = ds_rows_next(&c->rows, &c->row, &err);
    c->is_at_end = got <= 0;
    c->number++;
    return got < 0 ? fail(cursor->pVtab, err.text) : SQLITE_OK;
}

/* What conditions say of the start. */
static void narrow(struct ds_range *range, char mark, int64_t value)
{
    int64_t next = value == INT64_MAX ? value : value + 1;
    if (mark == 's' || mark == 'G' || mark == 'g') {
        int64_t from_s = mark == 'g' ? next : value;
        range->from_s = from_s > range->from_s ? from_s : range->from_s;
    }
    if (mark == 's' || mark == 'L' || mark == 'l') {
        int64_t to_s = mark == 'l' ? value : next;
        range->to_s = to_s < range->to_s ? to_s : range->to_s;
    }
}

/* What is asked for, from conditions with a value of the column's kind; others SQLite checks. */
static const char *read_conditions(struct cursor *c, const char *marks, sqlite3_value **values,
                                   struct ds_filter *f, struct ds_range *range)
{
    const char *directory = NULL;
    for (int i = 0; marks[i]; i++) {
        bool is_number = sqlite3_value_type(values[i]) == SQLITE_INTEGER;
        bool is_text = sqlite3_value_type(values[i]) == SQLITE_TEXT;
        int64_t number = sqlite3_value_int64(values[i]);
        const char *text = is_text ? (const char *)sqlite3_value_text(values[i]) : "";
        int cls = ds_class_parse(text);
        if (marks[i] == 'd') {
            directory = text;
        } else if (marks[i] == 'n' && is_text && strlen(text) <= DS_NAME_MAX) {
            strcpy(c->sensor, text);
            range->sensor = c->sensor;
        } else if (marks[i] == 'c' && is_text && cls >= 0) {
            f->has_class = true;
            f->cls = (uint8_t)cls;
        } else if (marks[i] == 'p' && is_number && number >= 0 && number <= 255) {
            f->has_proto = true;
            f->proto = (uint8_t)number;
        } else if (marks[i] == 't' && is_number && number >= 0 && number <= 65535) {
            f->has_port = true;
            f->port = (uint16_t)number;
        } else if (marks[i] == 'y' && is_text && ds_country_parse(text, &f->country)) {
            f->has_country = true;
        } else if (strchr("sGgLl", marks[i]) && is_number) {
            narrow(range, marks[i], number);
        }
    }
    f->has_port = f->has_port && f->has_proto; /* keys begin with the protocol */
    return directory;
}

static int filter_rows(sqlite3_vtab_cursor *cursor, int number, const char *marks, int argc,
                       sqlite3_value **values)
{
    struct cursor *c = (struct cursor *)cursor;
    const struct module *module = ((struct table *)cursor->pVtab)->module;
    struct ds_filter filter = {0};
    struct ds_range range = {0, DS_STORE_TIME_MAX, NULL};
    struct ds_error err = {0};
    close_rows(c);
    const char *directory = read_conditions(c, marks, values, &filter, &range);
    directory = directory ? directory : module->shown->directory;
    if (!directory)
        return fail(cursor->pVtab, "which store? SELECT darkscope_open('DIRECTORY') first, or give "
                                   "the directory as argument of the table");
    c->is_open = true;
    c->number = 0;
    if (ds_rows_begin(&c->rows, directory, module->kind, &filter, &range, &err) < 0)
        return fail(cursor->pVtab, err.text);
    return next_row(cursor);
}

static int is_at_end(sqlite3_vtab_cursor *cursor)
{
    return ((struct cursor *)cursor)->is_at_end;
}

static int column_of(sqlite3_vtab_cursor *cursor, sqlite3_context *to, int index)
{
    struct cursor *c = (struct cursor *)cursor;
    int column = column_at(((struct table *)cursor->pVtab)->module->kind, index);
    const struct ds_chunk_cell *cell = &c->row.cell;
    const int64_t numbers[COLUMN_COUNT] = {
        [COLUMN_START] = c->row.at_s,
        [COLUMN_PROTO] = (int64_t)(cell->key >> 32 & 0xff),
        [COLUMN_PORT] = (int64_t)(cell->key >> 16 & 0xffff),
        [COLUMN_PACKETS] = (int64_t)cell->packets,
        [COLUMN_BYTES] = (int64_t)cell->bytes,
        [COLUMN_SOURCES_PEAK] = (int64_t)cell->sources_peak,
        [COLUMN_WINDOWS] = cell->windows,
        [COLUMN_INEXACT] = cell->is_inexact,
        [COLUMN_SURVEY_PACKETS] = (int64_t)cell->survey_packets,
    };
    char country[3];
    if (column == COLUMN_SENSOR)
        sqlite3_result_text(to, ds_rows_sensor(&c->rows, c->row.sensor), -1, SQLITE_TRANSIENT);
    else if (column == COLUMN_CLASS)
        sqlite3_result_text(to, ds_class_name((unsigned)(cell->key >> 40)), -1, SQLITE_STATIC);
    else if (column == COLUMN_COUNTRY)
        sqlite3_result_text(to, ds_country_name((ds_country)cell->key, country), 2,
                            SQLITE_TRANSIENT);
    else if (column < COLUMN_DIRECTORY)
        sqlite3_result_int64(to, numbers[column]);
    return SQLITE_OK;
}

static int row_number(sqlite3_vtab_cursor *cursor, sqlite3_int64 *out)
{
    *out = ((struct cursor *)cursor)->number;
    return SQLITE_OK;
}

/* Without xCreate the tables are there as soon as the extension is loaded. */
static const sqlite3_module methods = {
    .xConnect = connect_table,
    .xBestIndex = best_index,
    .xDisconnect = disconnect_table,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = filter_rows,
    .xNext = next_row,
    .xEof = is_at_end,
    .xColumn = column_of,
    .xRowid = row_number,
};

/* ---- darkscope_open(directory) ---- */

static void open_store(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    struct shown *shown = sqlite3_user_data(context);
    struct ds_store *store = NULL;
    struct ds_error err = {0};
    const char *directory = (const char *)sqlite3_value_text(argv[0]);
    if (!directory || ds_store_open(directory, DS_STORE_READ, &store, &err) < 0) {
        sqlite3_result_error(context, directory ? err.text : "name a directory", -1);
        return;
    }
    ds_store_destroy(store);
    sqlite3_free(shown->directory);
    shown->directory = sqlite3_mprintf("%s", directory);
    sqlite3_result_text(context, shown->directory, -1, SQLITE_TRANSIENT);
}

static void free_shown(void *arg)
{
    struct shown *shown = arg;
    sqlite3_free(shown->directory);
    sqlite3_free(shown);
}

/* The name that SQLite derives from that of the file. */
__attribute__((visibility("default"))) int
sqlite3_darkscopechunks_init(sqlite3 *db, char **why, const sqlite3_api_routines *api);

int sqlite3_darkscopechunks_init(sqlite3 *db, char **why, const sqlite3_api_routines *api)
{
    SQLITE_EXTENSION_INIT2(api);
    struct shown *shown = sqlite3_malloc(sizeof *shown);
    if (!shown)
        return SQLITE_NOMEM;
    *shown = (struct shown){0};
    int result =
        sqlite3_create_function_v2(db, "darkscope_open", 1, SQLITE_UTF8 | SQLITE_DIRECTONLY, shown,
                                   open_store, NULL, NULL, free_shown);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && result == SQLITE_OK; i++) {
        struct module *module = sqlite3_malloc(sizeof *module);
        if (!module)
            return SQLITE_NOMEM;
        *module = (struct module){&kinds[i], shown};
        result = sqlite3_create_module_v2(db, kinds[i].name, &methods, module, sqlite3_free);
    }
    return result;
}
