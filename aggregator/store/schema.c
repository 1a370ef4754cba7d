/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of the SQLite store. SQLite keeps these texts with their comments, so that `.schema`
 * explains the file to whoever opens it. docs/storage.md says more; keep them in step.
 */
#include "sqlite.h"

#include <stdlib.h>
#include <string.h>

#define APPLICATION_ID 0x646b7363 /* "dksc" */
#define SCHEMA_VERSION 1

#define TEXT_OF(number) #number
#define TEXT(number)    TEXT_OF(number)

static const char schema_catalogue[] =
    "CREATE TABLE sensor ( -- one row a sensor, over the life of the store\n"
    "  id INTEGER PRIMARY KEY,\n"
    "  name TEXT NOT NULL UNIQUE,\n"
    "  first_start INTEGER NOT NULL, -- all times: UTC, seconds since 1970\n"
    "  last_end INTEGER NOT NULL,\n"
    "  last_received INTEGER NOT NULL, -- by the aggregator's clock\n"
    "  grid_seconds INTEGER NOT NULL, -- least common multiple of its window lengths\n"
    "  windows INTEGER NOT NULL,\n"
    "  observed_ns INTEGER NOT NULL, -- time watched\n"
    "  received INTEGER NOT NULL, -- packets\n"
    "  counted INTEGER NOT NULL,\n"
    "  dropped INTEGER NOT NULL -- by kernel, interface and ring\n"
    ");"
    "CREATE TABLE message ( -- what has been committed, so that nothing counts twice\n"
    "  sensor INTEGER NOT NULL REFERENCES sensor (id),\n"
    "  boot TEXT NOT NULL, -- names a run of the sensor, 16 hex digits\n"
    "  sequence INTEGER NOT NULL,\n"
    "  start INTEGER NOT NULL, -- of its window\n"
    "  received INTEGER NOT NULL, -- when, by the aggregator's clock\n"
    "  PRIMARY KEY (sensor, boot, sequence)\n"
    ") WITHOUT ROWID;"
    "CREATE TABLE class (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "INSERT INTO class VALUES (0, 'scan'), (1, 'backscatter'), (2, 'other');"
    "CREATE TABLE device (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "INSERT INTO device VALUES (0, 'none'), (1, 'unknown'), (2, 'linux'), (3, 'linux-old'),"
    "  (4, 'bsd-mac'), (5, 'windows'), (6, 'embedded'), (7, 'tool');";

static const char schema_window[] =
    "CREATE TABLE window ( -- one row a sensor and window; the books of design: received =\n"
    "                      -- counted + outside + malformed\n"
    "  start INTEGER NOT NULL,\n"
    "  sensor INTEGER NOT NULL REFERENCES sensor (id),\n"
    "  seconds INTEGER NOT NULL, -- length\n"
    "  observed_ns INTEGER NOT NULL, -- of these, how long the sensor watched\n"
    "  parts INTEGER NOT NULL, -- messages; above 1 all unique counts are lower bounds\n"
    "  addresses INTEGER, -- monitored IPv4 addresses; NULL: unknown\n"
    "  active_addresses INTEGER NOT NULL, -- of them, those that received a packet\n"
    "  country_db TEXT NOT NULL, -- name and date of the country database; '': none\n"
    "  bytes INTEGER NOT NULL, -- IP total lengths of the counted packets\n"
    "  sources INTEGER NOT NULL, -- unique; exact where parts = 1 and overflow_sources = 0\n"
    "  destinations INTEGER NOT NULL, -- unique\n"
    "  received INTEGER NOT NULL, -- packets, from here on\n"
    "  counted INTEGER NOT NULL,\n"
    "  outside INTEGER NOT NULL, -- not to a monitored address\n"
    "  malformed INTEGER NOT NULL,\n"
    "  late INTEGER NOT NULL, -- part of counted\n"
    "  fragment INTEGER NOT NULL, -- part of counted\n"
    "  truncated INTEGER NOT NULL, -- part of counted\n"
    "  dropped_kernel INTEGER NOT NULL, -- never received\n"
    "  dropped_interface INTEGER NOT NULL,\n"
    "  dropped_ring INTEGER NOT NULL,\n"
    "  overflow_cells INTEGER NOT NULL, -- counted under country '**' of their port\n"
    "  overflow_pairs INTEGER NOT NULL, -- above 0: sources of cells are lower bounds\n"
    "  overflow_sources INTEGER NOT NULL, -- above 0: other sources are lower bounds\n"
    "  overflow_destinations INTEGER NOT NULL,\n"
    "  overflow_signatures INTEGER NOT NULL, -- above 0: sources of signatures are lower bounds\n"
    "  overflow_attacks INTEGER NOT NULL, -- above 0: attacks may be missing or too small\n"
    "  attacks INTEGER, -- rows of window_attack; NULL: the sensor does not look for them\n"
    "  PRIMARY KEY (start, sensor)\n"
    ") WITHOUT ROWID;";

#define OF_WINDOW                                                                                  \
    "  FOREIGN KEY (start, sensor) REFERENCES window (start, sensor) ON DELETE CASCADE\n"          \
    ") WITHOUT ROWID;"

static const char schema_parts[] =
    "CREATE TABLE window_malformed (\n"
    "  start INTEGER, sensor INTEGER, reason TEXT, packets INTEGER NOT NULL,\n"
    "  PRIMARY KEY (start, sensor, reason),\n" OF_WINDOW
    "CREATE TABLE window_type ( -- every counted packet has one type\n"
    "  start INTEGER, sensor INTEGER, type TEXT, packets INTEGER NOT NULL,\n"
    "  PRIMARY KEY (start, sensor, type),\n" OF_WINDOW
    "CREATE TABLE window_protocol ( -- the packet's own IP protocol\n"
    "  start INTEGER, sensor INTEGER, proto INTEGER, packets INTEGER NOT NULL,\n"
    "  PRIMARY KEY (start, sensor, proto),\n" OF_WINDOW "CREATE TABLE window_class (\n"
    "  start INTEGER, sensor INTEGER, class INTEGER REFERENCES class (id),\n"
    "  packets INTEGER NOT NULL, bytes INTEGER NOT NULL, sources INTEGER NOT NULL,\n"
    "  PRIMARY KEY (start, sensor, class),\n" OF_WINDOW
    "CREATE TABLE window_country ( -- of the packets' sources; '?\?' unknown\n"
    "  start INTEGER, sensor INTEGER, country TEXT,\n"
    "  packets INTEGER NOT NULL, bytes INTEGER NOT NULL, sources INTEGER NOT NULL,\n"
    "  PRIMARY KEY (start, sensor, country),\n" OF_WINDOW
    "CREATE TABLE window_device ( -- of the packets' sources, by the form of their SYNs\n"
    "  start INTEGER, sensor INTEGER, country TEXT, device INTEGER REFERENCES device (id),\n"
    "  packets INTEGER NOT NULL, sources INTEGER NOT NULL,\n"
    "  PRIMARY KEY (start, sensor, country, device),\n" OF_WINDOW
    "CREATE TABLE window_signature ( -- independent marks: one packet may be in several\n"
    "  start INTEGER, sensor INTEGER, id TEXT, packets INTEGER NOT NULL,\n"
    "  sources INTEGER NOT NULL,\n"
    "  confirmed_sources INTEGER NOT NULL, -- sent at least two matching packets\n"
    "  PRIMARY KEY (start, sensor, id),\n" OF_WINDOW;

static const char schema_sources[] =
    "CREATE TABLE window_sources ( -- the sources that the sensor listed; docs/storage.md\n"
    "  start INTEGER, sensor INTEGER,\n"
    "  format INTEGER NOT NULL, -- of records: 1\n"
    "  marks TEXT NOT NULL, -- signatures of the bits in records, separated by commas\n"
    "  records BLOB NOT NULL, -- the columns of docs/protocol.md\n"
    "  PRIMARY KEY (start, sensor),\n" OF_WINDOW;

static const char schema_attacks[] =
    "CREATE TABLE window_attack ( -- an attack again and again, a row for each window it is in\n"
    "  start INTEGER, sensor INTEGER,\n"
    "  victim INTEGER, -- IPv4 address\n"
    "  proto INTEGER, -- of the attack\n"
    "  country TEXT NOT NULL, -- of the victim\n"
    "  port INTEGER NOT NULL, -- attacked service; of its ports that with most packets\n"
    "  ports INTEGER NOT NULL, -- unique in this window, as the next two\n"
    "  attack_ports INTEGER NOT NULL, -- the other side's\n"
    "  addresses INTEGER NOT NULL, -- monitored addresses that were answered\n"
    "  window_packets INTEGER NOT NULL, window_bytes INTEGER NOT NULL,\n"
    "  start_ms INTEGER NOT NULL, -- the attack's first packet; names the attack\n"
    "  last_ms INTEGER NOT NULL,\n"
    "  packets INTEGER NOT NULL, bytes INTEGER NOT NULL, -- since start_ms, as the next two\n"
    "  mismatches INTEGER NOT NULL, -- packets that quote one not of their destination\n"
    "  max_ppm INTEGER NOT NULL, -- most packets in a minute\n"
    "  PRIMARY KEY (start, sensor, victim, proto),\n" OF_WINDOW
    "CREATE VIEW attacks AS -- the same with names\n"
    "  SELECT strftime('%Y-%m-%dT%H:%M:%SZ', start, 'unixepoch') AS time, sensor.name AS sensor,\n"
    "         printf('%d.%d.%d.%d', victim >> 24, victim >> 16 & 255, victim >> 8 & 255,\n"
    "                victim & 255) AS victim,\n"
    "         proto, country, port, ports, attack_ports, addresses, window_packets, window_bytes,\n"
    "         strftime('%Y-%m-%dT%H:%M:%fZ', start_ms / 1000.0, 'unixepoch') AS attack_start,\n"
    "         strftime('%Y-%m-%dT%H:%M:%fZ', last_ms / 1000.0, 'unixepoch') AS attack_last,\n"
    "         packets, bytes, mismatches, max_ppm\n"
    "  FROM window_attack JOIN sensor ON sensor.id = window_attack.sensor;";

/* No foreign key: it would cost a look-up for each of a hundred thousand rows a minute. */
static const char schema_cells[] =
    "CREATE TABLE cell ( -- the finest figures; other port tables are sums over it\n"
    "  start INTEGER, sensor INTEGER,\n"
    "  class INTEGER, -- table class\n"
    "  proto INTEGER, -- IP protocol of the service\n"
    "  port INTEGER, -- service port; ICMP: type * 256 + code; 0: none\n"
    "  country TEXT, -- of the source; '?\?' unknown, '**' not kept (overflow_cells)\n"
    "  packets INTEGER NOT NULL, bytes INTEGER NOT NULL, sources INTEGER NOT NULL,\n"
    "  survey_packets INTEGER NOT NULL, -- of packets, those from survey scanners\n"
    "  PRIMARY KEY (start, sensor, class, proto, port, country)\n"
    ") WITHOUT ROWID;"
    "CREATE VIEW cells AS -- the same with names\n"
    "  SELECT strftime('%Y-%m-%dT%H:%M:%SZ', start, 'unixepoch') AS time, sensor.name AS sensor,\n"
    "         class.name AS class, proto, port, country, packets, bytes, sources, survey_packets\n"
    "  FROM cell JOIN sensor ON sensor.id = cell.sensor JOIN class ON class.id = cell.class;";

int ds_sqlite_schema_create(struct sqlite_store *s, struct ds_error *err)
{
    static const char *const steps[] = {
        "BEGIN IMMEDIATE",
        schema_catalogue,
        schema_window,
        schema_parts,
        schema_attacks,
        schema_cells,
        schema_sources,
        "PRAGMA application_id = " TEXT(APPLICATION_ID) ";"
                                                        "PRAGMA user_version = " TEXT(
                                                            SCHEMA_VERSION),
        "COMMIT",
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (ds_sqlite_exec(s, steps[i], err) < 0)
            return -1;
    return 0;
}

static int read_number(struct sqlite_store *s, const char *sql, int64_t *out, struct ds_error *err)
{
    sqlite3_stmt *stmt = ds_sqlite_prepare(s, sql, err);
    int row = stmt ? ds_sqlite_step(s, stmt, err) : -1;
    if (row == 1)
        *out = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return row < 0 ? -1 : 0;
}

int ds_sqlite_schema_check(struct sqlite_store *s, struct ds_error *err)
{
    int64_t objects = 0, application = 0, version = 0;
    if (read_number(s, "SELECT count(*) FROM sqlite_schema", &objects, err) < 0 ||
        read_number(s, "PRAGMA application_id", &application, err) < 0 ||
        read_number(s, "PRAGMA user_version", &version, err) < 0)
        return -1;
    if (objects == 0 && application == 0 && version == 0)
        return 1;
    if (application != APPLICATION_ID)
        return ds_error(err, DS_DATABASE,
                        "store %s: " DS_STORE_FILE " is not a darkscope store; name another "
                        "directory (nothing was changed)",
                        s->directory);
    if (version != SCHEMA_VERSION)
        return ds_error(err, DS_DATABASE,
                        "store %s has version %lld, this program reads version %d; use the "
                        "darkscope that wrote it, or another directory (nothing was changed)",
                        s->directory, (long long)version, SCHEMA_VERSION);
    return 0;
}
