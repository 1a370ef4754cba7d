/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of attacks: each is a row in every window that saw it, and one row here.
 */
#include "sqlite.h"

/* The rows of an attack have the same sensor, victim, protocol and start. What they say of it as a
 * whole only grows from window to window, so the largest is the last. `named` finds the port with
 * most packets, of equals the lowest, by one max(): packets, then the port from above; beyond 2^46
 * packets in the period ports count as equal. */
static const char list_sql[] =
    "SELECT (SELECT name FROM sensor WHERE id = sensor), victim, proto, min(country),"
    " 65535 - max(named) % 65536, max(ports), max(attack_ports), max(addresses),"
    " sum(window_packets), sum(window_bytes), start_ms, max(last_ms), max(packets) AS most,"
    " max(bytes), max(mismatches), max(max_ppm), sum(windows)"
    " FROM (SELECT sensor, victim, proto, start_ms, min(country) AS country, max(ports) AS ports,"
    "  max(attack_ports) AS attack_ports, max(addresses) AS addresses,"
    "  sum(window_packets) AS window_packets, sum(window_bytes) AS window_bytes,"
    "  max(last_ms) AS last_ms, max(packets) AS packets, max(bytes) AS bytes,"
    "  max(mismatches) AS mismatches, max(max_ppm) AS max_ppm, count(*) AS windows,"
    "  min(sum(window_packets), 1 << 46) * 65536 + 65535 - port AS named"
    "  FROM window_attack WHERE " STORE_IN_RANGE " AND (:country IS NULL OR country = :country)"
    "  GROUP BY sensor, victim, proto, start_ms, port)"
    " GROUP BY sensor, victim, proto, start_ms"
    " ORDER BY most DESC, victim, proto, start_ms, sensor LIMIT :limit";

static int each_attack(sqlite3_stmt *stmt, ds_attack_fn *each, void *arg)
{
    struct ds_attack_row row = {.windows = ds_sqlite_u64(stmt, 16)};
    ds_sqlite_text(stmt, 0, row.sensor, sizeof row.sensor);
    ds_sqlite_read_attack(stmt, 1, &row.attack);
    return each(arg, &row);
}

int ds_sqlite_attacks(struct ds_store *store, const struct ds_range *range,
                      const struct ds_filter *filter, uint64_t limit, ds_attack_fn *each, void *arg,
                      struct ds_error *err)
{
    struct sqlite_store *s = sqlite_of(store);
    char country[3];
    sqlite3_stmt *stmt = ds_sqlite_prepare(s, list_sql, err);
    if (!stmt)
        return -1;
    ds_sqlite_bind_range(stmt, range);
    ds_sqlite_bind_int(stmt, ":limit", limit > INT64_MAX ? INT64_MAX : (int64_t)limit);
    if (filter->has_country)
        sqlite3_bind_text(stmt, sqlite3_bind_parameter_index(stmt, ":country"),
                          ds_country_name(filter->country, country), -1, SQLITE_STATIC);
    int result;
    while ((result = ds_sqlite_step(s, stmt, err)) == 1) {
        result = each_attack(stmt, each, arg);
        if (result != 0)
            break;
    }
    sqlite3_finalize(stmt);
    return result;
}
