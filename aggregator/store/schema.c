/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the SQLite store say of themselves, and the tables of the catalogue. SQLite
 * keeps these texts with their comments, so that `.schema` explains a file to whoever opens it.
 * docs/storage.md says more; keep them in step.
 */
#include "sqlite.h"

#include <stdlib.h>
#include <string.h>

#define APPLICATION_ID 0x646b7363 /* "dksc" */
#define SCHEMA_VERSION 5

static const char *const kind_names[STORE_KIND_COUNT] = {
    [STORE_CATALOGUE] = "catalogue",
    [STORE_MINUTES] = "minutes",
    [STORE_HOURS] = "hours",
    [STORE_DAYS] = "days",
};

/* The meaning of numbers, in every file. */
static const char names[] =
    "CREATE TABLE store ( -- what this file is\n"
    "  key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE sensor ( -- those with data in this file\n"
    "  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE class (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "INSERT INTO class VALUES (0, 'scan'), (1, 'backscatter'), (2, 'other');"
    "CREATE TABLE device (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "INSERT INTO device VALUES (0, 'none'), (1, 'unknown'), (2, 'linux'), (3, 'linux-old'),"
    "  (4, 'bsd-mac'), (5, 'windows'), (6, 'embedded'), (7, 'tool');";

static const char catalogue[] =
    "CREATE TABLE port_seen ( -- as of the days that are rolled up\n"
    "  class INTEGER, proto INTEGER, port INTEGER, sensor INTEGER REFERENCES sensor (id),\n"
    "  first INTEGER NOT NULL, -- starts of the first and last window; UTC, seconds since 1970\n"
    "  last INTEGER NOT NULL,\n"
    "  PRIMARY KEY (class, proto, port, sensor)) WITHOUT ROWID;"
    "CREATE TABLE signature_seen (\n"
    "  id TEXT, sensor INTEGER REFERENCES sensor (id),\n"
    "  first INTEGER NOT NULL, last INTEGER NOT NULL,\n"
    "  PRIMARY KEY (id, sensor)) WITHOUT ROWID;";

static const char rest_of_days[] =
    "CREATE TABLE month_chunk ( -- the cells of all days of this file, added up\n"
    "  id INTEGER PRIMARY KEY,\n"
    "  kind INTEGER NOT NULL, -- as those of day_chunk\n"
    "  sensor INTEGER NOT NULL,\n"
    "  first_key INTEGER NOT NULL, last_key INTEGER NOT NULL,\n"
    "  cells INTEGER NOT NULL, data BLOB NOT NULL);"
    "CREATE UNIQUE INDEX month_chunk_key ON month_chunk (kind, sensor, first_key, last_key);"
    "CREATE TABLE message ( -- of the windows of a day: none of these counts again\n"
    "  day INTEGER, sensor INTEGER, generation INTEGER,\n"
    "  boot TEXT, -- names a run of the sensor, 16 hex digits\n"
    "  first_sequence INTEGER, last_sequence INTEGER NOT NULL,\n"
    "  PRIMARY KEY (day, sensor, generation, boot, first_sequence)) WITHOUT ROWID;";

/* Frees both. */
static char *join(char *first, char *second)
{
    char *all = first && second ? sqlite3_mprintf("%s%s", first, second) : NULL;
    sqlite3_free(first);
    sqlite3_free(second);
    return all;
}

static char *schema_of(enum store_kind kind)
{
    switch (kind) {
    case STORE_MINUTES:
        return join(ds_schema_minutes(), ds_schema_level("hour", false));
    case STORE_HOURS:
        return ds_schema_level("hour", true);
    case STORE_DAYS:
        return join(ds_schema_level("day", true), sqlite3_mprintf("%s", rest_of_days));
    default:
        return sqlite3_mprintf("%s", catalogue);
    }
}

int ds_schema_create(struct store_file *f, int64_t generation, struct ds_error *err)
{
    char *own = schema_of(f->kind);
    char *sql =
        own ? sqlite3_mprintf("BEGIN IMMEDIATE; %s %s INSERT INTO store VALUES"
                              " ('kind', '%q'), ('start', %lld), ('generation', %lld);"
                              "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
                              names, own, kind_names[f->kind], (long long)f->from_s,
                              (long long)generation, APPLICATION_ID, SCHEMA_VERSION)
            : NULL;
    int result = sql ? ds_sqlite_exec(f, sql, err) : ds_error(err, DS_FAILURE, "out of memory");
    if (result < 0 && sql)
        ds_sqlite_exec(f, "ROLLBACK", NULL);
    f->generation = generation;
    sqlite3_free(sql);
    sqlite3_free(own);
    return result;
}

/* Is it the file that its name says? Reads what it says of itself. */
static int check_identity(struct store_file *f, struct ds_error *err)
{
    int64_t is_kind = 0, start_s = -1;
    char *sql =
        sqlite3_mprintf("SELECT value = '%q' FROM store WHERE key = 'kind'", kind_names[f->kind]);
    if (!sql)
        return ds_error(err, DS_FAILURE, "out of memory");
    int result = ds_sqlite_number(f, sql, NULL, 0, &is_kind, err);
    sqlite3_free(sql);
    if (result < 0 ||
        ds_sqlite_number(f, "SELECT value FROM store WHERE key = 'start'", NULL, 0, &start_s, err) <
            0 ||
        ds_sqlite_number(f, "SELECT value FROM store WHERE key = 'generation'", NULL, 0,
                         &f->generation, err) < 0)
        return -1;
    if (is_kind != 1 || start_s != f->from_s)
        return ds_error(err, DS_DATABASE,
                        "store %s: %s is another file of a store under a wrong name; give it its "
                        "own name back, or move it away",
                        f->store->directory, f->name);
    return 0;
}

int ds_schema_check(struct store_file *f, struct ds_error *err)
{
    int64_t objects = 0, application = 0, version = 0;
    if (ds_sqlite_number(f, "SELECT count(*) FROM sqlite_schema", NULL, 0, &objects, err) < 0 ||
        ds_sqlite_number(f, "PRAGMA application_id", NULL, 0, &application, err) < 0 ||
        ds_sqlite_number(f, "PRAGMA user_version", NULL, 0, &version, err) < 0)
        return -1;
    if (objects == 0 && application == 0 && version == 0)
        return 1;
    if (application != APPLICATION_ID)
        return ds_error(err, DS_DATABASE,
                        "store %s: %s is not a darkscope store; name another directory (nothing "
                        "was changed)",
                        f->store->directory, f->name);
    if (version != SCHEMA_VERSION)
        return ds_error(err, DS_DATABASE,
                        "store %s: %s has version %lld, this program reads version %d; use the "
                        "darkscope that wrote it, or another directory (nothing was changed)",
                        f->store->directory, f->name, (long long)version, SCHEMA_VERSION);
    return check_identity(f, err);
}
