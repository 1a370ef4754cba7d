/* SPDX-License-Identifier: Apache-2.0
 *
 * When ports and signatures were first and last seen.
 */
#include "sqlite.h"

#define SEEN_SENSOR "(:sensor IS NULL OR sensor = (SELECT id FROM sensor WHERE name = :sensor))"
#define SEEN_END                                                                                   \
    " HAVING min(start) >= :from AND min(start) < :to ORDER BY first, 1, 2, 3 LIMIT :limit"

static const char ports_sql[] =
    "SELECT class, proto, port, min(start) AS first, max(start) FROM cell WHERE " SEEN_SENSOR
    " AND (:class IS NULL OR class = :class) AND (:proto IS NULL OR proto = :proto)"
    " AND (:port IS NULL OR port = :port) GROUP BY class, proto, port" SEEN_END;

static const char signatures_sql[] =
    "SELECT id, NULL, NULL, min(start) AS first, max(start) FROM window_signature"
    " WHERE " SEEN_SENSOR " AND (:signature IS NULL OR id = :signature) GROUP BY id" SEEN_END;

static void bind(sqlite3_stmt *stmt, const struct ds_seen *seen)
{
    const struct ds_filter *f = seen->filter;
    ds_sqlite_bind_range(stmt, &seen->range);
    ds_sqlite_bind_int(stmt, ":limit", seen->limit > INT64_MAX ? INT64_MAX : (int64_t)seen->limit);
    if (f->has_class)
        ds_sqlite_bind_int(stmt, ":class", f->cls);
    if (f->has_proto)
        ds_sqlite_bind_int(stmt, ":proto", f->proto);
    if (f->has_port)
        ds_sqlite_bind_int(stmt, ":port", f->port);
    int index = sqlite3_bind_parameter_index(stmt, ":signature");
    if (index && f->has_signature)
        sqlite3_bind_text(stmt, index, f->signature, -1, SQLITE_STATIC);
}

int ds_sqlite_first_seen(struct ds_store *store, const struct ds_seen *seen, ds_seen_fn *each,
                         void *arg, struct ds_error *err)
{
    struct sqlite_store *s = sqlite_of(store);
    bool ports = seen->by == DS_BY_PORT;
    sqlite3_stmt *stmt = ds_sqlite_prepare(s, ports ? ports_sql : signatures_sql, err);
    if (!stmt)
        return -1;
    bind(stmt, seen);
    int result;
    while ((result = ds_sqlite_step(s, stmt, err)) == 1) {
        struct ds_seen_row row = {
            .first_s = sqlite3_column_int64(stmt, 3),
            .last_s = sqlite3_column_int64(stmt, 4),
        };
        if (ports) {
            row.cls = (uint8_t)sqlite3_column_int(stmt, 0);
            row.proto = (uint8_t)sqlite3_column_int(stmt, 1);
            row.port = (uint16_t)sqlite3_column_int(stmt, 2);
        } else {
            ds_sqlite_text(stmt, 0, row.signature, sizeof row.signature);
        }
        result = each(arg, &row);
        if (result != 0)
            break;
    }
    sqlite3_finalize(stmt);
    return result;
}
