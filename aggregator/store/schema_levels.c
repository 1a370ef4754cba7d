/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of windows, and those of hours and days, which are alike.
 */
#include "sqlite.h"

#include <string.h>

/* ---- minutes ---- */

static const char messages[] =
    "CREATE TABLE message ( -- what has been committed, so that nothing counts twice\n"
    "  sensor INTEGER NOT NULL REFERENCES sensor (id),\n"
    "  boot TEXT NOT NULL, -- names a run of the sensor, 16 hex digits\n"
    "  sequence INTEGER NOT NULL,\n"
    "  start INTEGER NOT NULL, -- of its window\n"
    "  received INTEGER NOT NULL, -- when, by the aggregator's clock\n"
    "  PRIMARY KEY (sensor, boot, sequence)\n"
    ") WITHOUT ROWID;";

static const char chunks[] =
    "CREATE TABLE minute_chunk ( -- cells (class, protocol, port, country), packed\n"
    "  id INTEGER PRIMARY KEY,\n"
    "  start INTEGER NOT NULL, sensor INTEGER NOT NULL,\n"
    "  first_key INTEGER NOT NULL, last_key INTEGER NOT NULL,\n"
    "  cells INTEGER NOT NULL, data BLOB NOT NULL);"
    "CREATE UNIQUE INDEX minute_chunk_key ON minute_chunk" /* cells: `store info` adds them up */
    " (start, sensor, first_key, last_key, cells);"
    "CREATE TABLE packed ( -- sensors of which hours and day are in their files\n"
    "  sensor INTEGER PRIMARY KEY REFERENCES sensor (id));";

static const char windows[] =
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

static const char window_parts[] =
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

static const char window_sources[] =
    "CREATE TABLE window_sources ( -- the sources that the sensor listed; docs/storage.md\n"
    "  start INTEGER, sensor INTEGER,\n"
    "  format INTEGER NOT NULL, -- of records: 2\n"
    "  marks TEXT NOT NULL, -- signatures of the bits in records, separated by commas\n"
    "  records BLOB NOT NULL, -- the columns of docs/protocol.md\n"
    "  PRIMARY KEY (start, sensor),\n" OF_WINDOW;

static const char window_sketches[] =
    "CREATE TABLE window_sketch ( -- of unique sources, to be united over time\n"
    "  start INTEGER, sensor INTEGER,\n"
    "  sketches BLOB NOT NULL, -- the value of docs/protocol.md\n"
    "  PRIMARY KEY (start, sensor),\n" OF_WINDOW;

static const char window_attacks[] =
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

char *ds_schema_minutes(void)
{
    return sqlite3_mprintf("%s%s%s%s%s%s%s", messages, chunks, windows, window_parts,
                           window_sources, window_sketches, window_attacks);
}

/* ---- hours and days ---- */

/* Peaks: the most in one window. windows: with such a packet; inexact: in one of them the unique
 * sources are a lower bound. Where windows = 1 and inexact = 0, the peak is the exact number. */
#define SOURCES                                                                                    \
    " windows INTEGER NOT NULL, sources_peak INTEGER NOT NULL, inexact INTEGER NOT NULL,"

/* @ is the level. */
static const char level[] =
    "CREATE TABLE @ ( -- sums of windows, a row a sensor (and generation: docs/storage.md)\n"
    "  start INTEGER, sensor INTEGER, generation INTEGER,\n"
    "  first_start INTEGER NOT NULL, -- of its windows\n"
    "  last_start INTEGER NOT NULL,\n"
    "  last_end INTEGER NOT NULL,\n"
    "  last_received INTEGER NOT NULL, -- when the latest came, by the aggregator's clock\n"
    "  grid_seconds INTEGER NOT NULL, -- least common multiple of their lengths\n"
    "  windows INTEGER NOT NULL,\n"
    "  split INTEGER NOT NULL, -- of them, those that came in several messages\n"
    "  busy INTEGER NOT NULL, -- of them, those with a packet\n"
    "  inexact INTEGER NOT NULL, -- 1: in one of them sources is a lower bound\n"
    "  observed_ns INTEGER NOT NULL, -- time watched\n"
    "  addresses INTEGER, -- the most; NULL: unknown\n"
    "  active_addresses_peak INTEGER NOT NULL, -- the most in one window, as the next two\n"
    "  destinations_peak INTEGER NOT NULL,\n"
    "  sources_peak INTEGER NOT NULL,\n"
    "  bytes INTEGER NOT NULL,\n"
    "  received INTEGER NOT NULL, counted INTEGER NOT NULL, outside INTEGER NOT NULL,\n"
    "  malformed INTEGER NOT NULL, late INTEGER NOT NULL, fragment INTEGER NOT NULL,\n"
    "  truncated INTEGER NOT NULL, dropped_kernel INTEGER NOT NULL,\n"
    "  dropped_interface INTEGER NOT NULL, dropped_ring INTEGER NOT NULL,\n"
    "  overflow_cells INTEGER NOT NULL, overflow_pairs INTEGER NOT NULL,\n"
    "  overflow_sources INTEGER NOT NULL, overflow_destinations INTEGER NOT NULL,\n"
    "  overflow_signatures INTEGER NOT NULL, overflow_attacks INTEGER NOT NULL,\n"
    "  PRIMARY KEY (start, sensor, generation)) WITHOUT ROWID;";

/* Tables that are alike: of start, sensor and generation, and of a key of their own. A comment may
 * stand in front of the columns. */
static const struct level_table {
    const char *name, *columns, *key;
} level_tables[] = {
    {"database", "name TEXT, -- of a country database in use\n ", "name"},
    {"malformed", "reason TEXT, packets INTEGER NOT NULL,", "reason"},
    {"type", "type TEXT, packets INTEGER NOT NULL,", "type"},
    {"protocol", "proto INTEGER, packets INTEGER NOT NULL,", "proto"},
    {"class", "class INTEGER, packets INTEGER NOT NULL, bytes INTEGER NOT NULL," SOURCES, "class"},
    {"country", "country TEXT, packets INTEGER NOT NULL, bytes INTEGER NOT NULL," SOURCES,
     "country"},
    {"device", "device INTEGER, packets INTEGER NOT NULL," SOURCES, "device"},
    {"device_country", "country TEXT, device INTEGER, packets INTEGER NOT NULL," SOURCES,
     "country, device"},
    {"signature", "id TEXT, packets INTEGER NOT NULL, confirmed_peak INTEGER NOT NULL," SOURCES,
     "id"},
    {"attack",
     "-- of a victim, and attacked port\n"
     "  victim INTEGER, proto INTEGER, start_ms INTEGER, port INTEGER,\n"
     "  country TEXT NOT NULL, ports INTEGER NOT NULL, attack_ports INTEGER NOT NULL,\n"
     "  addresses INTEGER NOT NULL, window_packets INTEGER NOT NULL,\n"
     "  window_bytes INTEGER NOT NULL, last_ms INTEGER NOT NULL, packets INTEGER NOT NULL,\n"
     "  bytes INTEGER NOT NULL, mismatches INTEGER NOT NULL, max_ppm INTEGER NOT NULL,\n"
     "  windows INTEGER NOT NULL,",
     "victim, proto, start_ms, port"},
};

/* Of a month a year of one key is read, of minutes all of one time. */
static const struct level_table sketch_table = {
    "sketch",
    "-- of unique sources, to be united over time\n"
    "  kind TEXT, key TEXT, -- '': all countries\n"
    "  windows INTEGER NOT NULL, -- that have such a sketch\n"
    "  hosts REAL NOT NULL, -- what it estimates; no sum over rows is the number of unique hosts\n"
    "  sketch BLOB NOT NULL, -- docs/storage.md\n ",
    "kind, key",
};

static const char sketch_time[] =
    "CREATE INDEX @_sketch_time ON @_sketch (start, sensor, generation);";

static const char level_rest[] =
    "CREATE TABLE @_sketches ( -- of which times there are sketches\n"
    "  start INTEGER, sensor INTEGER, generation INTEGER,\n"
    "  secret INTEGER NOT NULL, -- name of that of the hashes: only those of one unite\n"
    "  PRIMARY KEY (start, sensor, generation)) WITHOUT ROWID;"
    "CREATE TABLE @_chunks ( -- of which stretches there are chunks\n"
    "  start INTEGER, sensor INTEGER, generation INTEGER, seconds INTEGER NOT NULL,\n"
    "  PRIMARY KEY (start, sensor, generation)) WITHOUT ROWID;"
    "CREATE TABLE @_chunk ( -- cells, packed; docs/storage.md\n"
    "  id INTEGER PRIMARY KEY,\n"
    "  kind INTEGER NOT NULL, -- 0 by port, 1 by port and country, 2 by country, of all ports\n"
    "  start INTEGER NOT NULL, sensor INTEGER NOT NULL, generation INTEGER NOT NULL,\n"
    "  first_key INTEGER NOT NULL, last_key INTEGER NOT NULL,\n"
    "  cells INTEGER NOT NULL, data BLOB NOT NULL);"
    "CREATE UNIQUE INDEX @_chunk_key ON @_chunk"
    " (kind, start, sensor, generation, first_key, last_key, cells);";

/* NULL without memory; frees text. */
static char *append_level(char *text, const char *template, const char *name)
{
    for (const char *at = template; *at && text;) {
        size_t plain = strcspn(at, "@");
        bool is_level = at[plain] == '@';
        text = sqlite3_mprintf("%z%.*s%s", text, (int)plain, at, is_level ? name : "");
        at += plain + is_level;
    }
    return text;
}

/* As append_level. */
static char *append_table(char *text, const char *name, const struct level_table *t, bool by_key)
{
    static const char time[] = "start, sensor, generation";
    char *key = sqlite3_mprintf("%s, %s", by_key ? t->key : time, by_key ? time : t->key);
    char *out = text && key ? sqlite3_mprintf("%sCREATE TABLE %s_%s (\n"
                                              "  start INTEGER, sensor INTEGER, generation INTEGER,"
                                              " %s PRIMARY KEY (%s)) WITHOUT ROWID;",
                                              text, name, t->name, t->columns, key)
                            : NULL;
    sqlite3_free(key);
    sqlite3_free(text);
    return out;
}

char *ds_schema_level(const char *name, bool is_month)
{
    char *text = append_level(sqlite3_mprintf("%s", ""), level, name);
    for (size_t i = 0; i < sizeof level_tables / sizeof level_tables[0]; i++)
        text = append_table(text, name, &level_tables[i], false);
    text = append_table(text, name, &sketch_table, is_month);
    if (is_month)
        text = append_level(text, sketch_time, name);
    return append_level(text, level_rest, name);
}
