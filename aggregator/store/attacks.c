/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of attacks: each is a row in every window (hour, day) that saw it, and one row here.
 *
 * The rows of an attack have the same sensor, victim, protocol and start. What they say of it as a
 * whole only grows from window to window, so the largest is the last. Rows come by port, are added
 * up in a table in memory, and a second statement reads them by attack. Its `named` finds the port
 * with most packets, of equals the lowest, by one max(): packets, then the port from above; beyond
 * 2^46 packets in the period ports count as equal.
 */
#include "facts.h"

#include <string.h>

#define COLUMN_COUNT 17

static const char table_sql[] =
    "CREATE TABLE attack (sensor TEXT, victim INTEGER, proto INTEGER, start_ms INTEGER,"
    " port INTEGER, country TEXT, ports INTEGER, attack_ports INTEGER, addresses INTEGER,"
    " window_packets INTEGER, window_bytes INTEGER, last_ms INTEGER, packets INTEGER,"
    " bytes INTEGER, mismatches INTEGER, max_ppm INTEGER, windows INTEGER,"
    " PRIMARY KEY (sensor, victim, proto, start_ms, port)) WITHOUT ROWID";

static const char add_sql[] =
    "INSERT INTO attack VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET"
    " country = min(country, excluded.country), ports = max(ports, excluded.ports),"
    " attack_ports = max(attack_ports, excluded.attack_ports),"
    " addresses = max(addresses, excluded.addresses),"
    " window_packets = window_packets + excluded.window_packets,"
    " window_bytes = window_bytes + excluded.window_bytes, last_ms = max(last_ms,"
    " excluded.last_ms), packets = max(packets, excluded.packets),"
    " bytes = max(bytes, excluded.bytes), mismatches = max(mismatches, excluded.mismatches),"
    " max_ppm = max(max_ppm, excluded.max_ppm), windows = windows + excluded.windows";

static const char list_sql[] =
    "SELECT sensor, victim, proto, min(country), 65535 - max(named) % 65536, max(ports),"
    " max(attack_ports), max(addresses), sum(window_packets), sum(window_bytes), start_ms,"
    " max(last_ms), max(packets) AS most, max(bytes), max(mismatches), max(max_ppm), sum(windows)"
    " FROM (SELECT *, min(window_packets, 1 << 46) * 65536 + 65535 - port AS named FROM attack)"
    " GROUP BY sensor, victim, proto, start_ms"
    " ORDER BY most DESC, victim, proto, start_ms, sensor LIMIT ?";

#define OF(table, windows)                                                                         \
    "SELECT (SELECT name FROM sensor WHERE id = " table ".sensor), victim, proto, start_ms, port," \
    " min(country), max(ports), max(attack_ports), max(addresses), sum(window_packets),"           \
    " sum(window_bytes), max(last_ms), max(packets), max(bytes), max(mismatches), max(max_ppm),"   \
    " " windows " FROM " table " WHERE # AND (:country IS NULL OR country = :country)"             \
    " GROUP BY sensor, victim, proto, start_ms, port"

struct attacks {
    struct store_file table; /* in memory; not of the store's directory */
    const char *sensor, *country;
    sqlite3_stmt *add;
};

static int each_piece(void *arg, struct store_file *f, const struct piece *piece,
                      struct ds_error *err)
{
    struct attacks *a = arg;
    sqlite3_stmt *from = ds_piece_prepare(f, piece, a->sensor, OF("window_attack", "count(*)"),
                                          OF("@_attack", "sum(windows)"), err);
    if (!from)
        return -1;
    ds_sqlite_bind_text(from, ":country", a->country);
    int result;
    while ((result = ds_sqlite_step(f, from, err)) == 1) {
        for (int i = 0; i < COLUMN_COUNT; i++)
            sqlite3_bind_value(a->add, i + 1, sqlite3_column_value(from, i));
        if (ds_sqlite_step(&a->table, a->add, err) < 0) {
            result = -1;
            break;
        }
        sqlite3_reset(a->add);
    }
    sqlite3_finalize(from);
    return result;
}

static int report(struct attacks *a, uint64_t limit, ds_attack_fn *each, void *arg,
                  struct ds_error *err)
{
    sqlite3_stmt *stmt = ds_sqlite_prepare(&a->table, list_sql, err);
    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, limit > INT64_MAX ? INT64_MAX : (int64_t)limit);
    int result;
    while ((result = ds_sqlite_step(&a->table, stmt, err)) == 1) {
        struct ds_attack_row row = {.windows = ds_sqlite_u64(stmt, 16)};
        ds_sqlite_text(stmt, 0, row.sensor, sizeof row.sensor);
        ds_sqlite_read_attack(stmt, 1, &row.attack);
        result = each(arg, &row);
        if (result != 0)
            break;
    }
    sqlite3_finalize(stmt);
    return result;
}

static int make_table(struct attacks *a, struct ds_error *err)
{
    if (sqlite3_open(":memory:", &a->table.db) != SQLITE_OK ||
        ds_sqlite_exec(&a->table, table_sql, err) < 0 ||
        ds_sqlite_exec(&a->table, "BEGIN", err) < 0) /* one transaction, not one a row */
        return ds_error(err, DS_FAILURE, "out of memory");
    a->add = ds_sqlite_prepare(&a->table, add_sql, err);
    return a->add ? 0 : -1;
}

int ds_sqlite_attacks(struct ds_store *store, const struct ds_range *range,
                      const struct ds_filter *filter, uint64_t limit, ds_attack_fn *each, void *arg,
                      struct ds_error *err)
{
    struct sqlite_store *s = sqlite_of(store);
    char country[3];
    const int64_t edges_s[] = {range->from_s, range->to_s};
    const struct ds_buckets whole = {edges_s, 1, range->sensor};
    const struct plan plan = {.buckets = &whole};
    struct attacks a = {
        .table = {.store = s, .name = "memory"},
        .sensor = range->sensor,
        .country = filter->has_country ? ds_country_name(filter->country, country) : NULL,
    };
    int result = make_table(&a, err);
    if (result == 0)
        result = ds_plan_walk(s, &plan, each_piece, &a, err);
    ds_files_release(s);
    if (result == 0)
        result = report(&a, limit, each, arg, err);
    sqlite3_finalize(a.add);
    sqlite3_close(a.table.db);
    return result;
}
