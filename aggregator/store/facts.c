/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts of the small tables. All SQL is made of constants here; what comes from outside is bound.
 */
#include "facts.h"

#include <string.h>

#define WHOLE     "parts = 1 AND overflow_sources = 0"
#define OF(table) " FROM window CROSS JOIN " table " AS t USING (start, sensor) WHERE #"
#define OF_WINDOW(key, bytes, sources, exact)                                                      \
    "SELECT start, " key " AS key, t.packets, " bytes " AS bytes, " sources " AS sources,"         \
    " t.packets > 0 AS rows, NOT (" exact ") AS inexact"

/* Rows of a window: start, key, packets, bytes, sources, rows, inexact. */
static const char *const of_windows[] = {
    [FACT_TOTAL] = "SELECT start, 0 AS key, counted AS packets, bytes, sources,"
                   " counted > 0 AS rows, NOT (" WHOLE ") AS inexact FROM window WHERE #",
    [FACT_CLASS] = OF_WINDOW("class", "t.bytes", "t.sources", WHOLE) OF("window_class"),
    [FACT_COUNTRY] = OF_WINDOW("country", "t.bytes", "t.sources", WHOLE) OF("window_country"),
    [FACT_TYPE] = OF_WINDOW("type", "0", "0", WHOLE) OF("window_type"),
    [FACT_PROTOCOL] = OF_WINDOW("proto", "0", "0", WHOLE) OF("window_protocol"),
    /* A device's sources in a window are the sum over countries. */
    [FACT_DEVICE] = "SELECT start, device AS key, sum(t.packets) AS packets, 0 AS bytes,"
                    " sum(t.sources) AS sources, sum(t.packets) > 0 AS rows,"
                    " NOT (" WHOLE ") AS inexact" OF("window_device"),
    [FACT_SIGNATURE] = OF_WINDOW("id", "0", "t.sources", WHOLE " AND overflow_signatures = 0")
        OF("window_signature"),
};

#define OF_LEVEL(key, bytes, sources, rows, table)                                                 \
    "SELECT start, " key " AS key, packets, " bytes " AS bytes, " sources " AS sources, " rows     \
    " FROM @" table " WHERE #"
#define ROWS    "windows AS rows, inexact"
#define NO_ROWS "0 AS rows, 0 AS inexact"

/* The same of an hour or day; @ is the level. */
static const char *const of_levels[] = {
    [FACT_TOTAL] = "SELECT start, 0 AS key, counted AS packets, bytes, sources_peak AS sources,"
                   " busy AS rows, inexact FROM @ WHERE #",
    [FACT_CLASS] = OF_LEVEL("class", "bytes", "sources_peak", ROWS, "_class"),
    [FACT_COUNTRY] = OF_LEVEL("country", "bytes", "sources_peak", ROWS, "_country"),
    [FACT_TYPE] = OF_LEVEL("type", "0", "0", NO_ROWS, "_type"),
    [FACT_PROTOCOL] = OF_LEVEL("proto", "0", "0", NO_ROWS, "_protocol"),
    [FACT_DEVICE] = OF_LEVEL("device", "0", "sources_peak", ROWS, "_device"),
    [FACT_SIGNATURE] = OF_LEVEL("id", "0", "sources_peak", ROWS, "_signature"),
};

static const char device_of_country[] =
    OF_LEVEL("device", "0", "sources_peak", ROWS, "_device_country");

/* ---- which ---- */

bool ds_filter_is_empty(const struct ds_filter *f)
{
    return !f->has_class && !f->has_proto && !f->has_port && !f->has_country && !f->has_type &&
           !f->has_signature && f->survey == DS_SURVEY_PART_ALL && f->infected == DS_INFECTED_NO;
}

enum fact ds_fact_of(const struct ds_filter *f)
{
    if (ds_filter_is_empty(f))
        return FACT_TOTAL;
    if (f->has_type)
        return FACT_TYPE;
    if (f->has_signature)
        return FACT_SIGNATURE;
    if (f->has_port)
        return f->has_country ? FACT_PORT_COUNTRY : FACT_PORT;
    if (f->survey != DS_SURVEY_PART_ALL || f->has_proto || (f->has_class && f->has_country))
        return FACT_SUMS;
    return f->has_class ? FACT_CLASS : FACT_COUNTRY;
}

enum fact ds_fact_of_rows(enum ds_by by, const struct ds_filter *f)
{
    static const enum fact small[DS_BY_COUNT] = {
        [DS_BY_PORT] = FACT_PORT,           [DS_BY_COUNTRY] = FACT_COUNTRY,
        [DS_BY_TYPE] = FACT_TYPE,           [DS_BY_CLASS] = FACT_CLASS,
        [DS_BY_PROTOCOL] = FACT_PROTOCOL,   [DS_BY_DEVICE] = FACT_DEVICE,
        [DS_BY_SIGNATURE] = FACT_SIGNATURE,
    };
    bool is_small = ds_filter_is_empty(f) || by == DS_BY_TYPE || by == DS_BY_PROTOCOL ||
                    by == DS_BY_DEVICE || by == DS_BY_SIGNATURE;
    if (is_small)
        return small[by];
    bool needs_port = by == DS_BY_PORT || f->has_port;
    bool needs_country = by == DS_BY_COUNTRY || f->has_country;
    if (!needs_port)
        return FACT_SUMS;
    return needs_country ? FACT_PORT_COUNTRY : FACT_PORT;
}

struct ds_figures ds_fact_kept(enum fact fact, const struct ds_filter *f, bool per_port)
{
    bool only_packets =
        fact == FACT_TYPE || fact == FACT_PROTOCOL || f->survey != DS_SURVEY_PART_ALL;
    bool is_cell = fact >= FACT_PORT;
    return (struct ds_figures){
        .has_bytes = !only_packets && fact != FACT_SIGNATURE && fact != FACT_DEVICE,
        .has_survey = !only_packets && is_cell,
        .has_sources = !only_packets && (!is_cell || per_port),
    };
}

struct ds_figures ds_store_kept(const struct ds_filter *filter)
{
    if (filter->infected != DS_INFECTED_NO)
        return (struct ds_figures){0};
    return ds_fact_kept(ds_fact_of(filter), filter, filter->has_port);
}

/* ---- their rows ---- */

/* The columns that the walk reads, of rows. */
#define BY(key, group)                                                                             \
    "SELECT " key ", min(start), sum(packets), sum(bytes), max(sources), sum(rows),"               \
    " max(rows > 0 AND inexact) FROM (%s%s%s) GROUP BY " group " ORDER BY " group

static char *statement_of(const struct fact_request *ask, bool of_level)
{
    static const char *const conditions[] = {
        [FACT_TOTAL] = "",
        [FACT_CLASS] = " AND class = :class",
        [FACT_COUNTRY] = " AND country = :country",
        [FACT_TYPE] = " AND type = :type",
        [FACT_PROTOCOL] = "",
        [FACT_DEVICE] = "",
        [FACT_SIGNATURE] = " AND id = :signature",
    };
    bool is_device = ask->fact == FACT_DEVICE;
    bool of_country = is_device && ask->filter->has_country;
    const char *rows = of_level ? of_levels[ask->fact] : of_windows[ask->fact];
    if (of_level && of_country)
        rows = device_of_country;
    const char *condition = ask->by_time ? conditions[ask->fact] : "";
    if (of_country)
        condition = " AND country = :country";
    const char *form = ask->by_time           ? BY("start", "1")
                       : ask->by_time_and_key ? BY("key", "start, key")
                                              : BY("key", "1");
    return sqlite3_mprintf(form, rows, condition,
                           is_device && !of_level ? " GROUP BY start, sensor, device" : "");
}

static sqlite3_stmt *prepare(struct store_file *f, const struct piece *piece,
                             const struct fact_request *ask, struct ds_error *err)
{
    char *of_windows_sql = statement_of(ask, false), *of_levels_sql = statement_of(ask, true);
    sqlite3_stmt *stmt = NULL;
    if (of_windows_sql && of_levels_sql)
        stmt = ds_piece_prepare(f, piece, ask->sensor, of_windows_sql, of_levels_sql, err);
    else
        ds_error(err, DS_FAILURE, "out of memory");
    sqlite3_free(of_windows_sql);
    sqlite3_free(of_levels_sql);
    return stmt;
}

int ds_facts_walk(struct store_file *f, const struct piece *piece, const struct fact_request *ask,
                  fact_fn *each, void *arg, struct ds_error *err)
{
    const struct ds_filter *filter = ask->filter;
    char country[3];
    sqlite3_stmt *stmt = prepare(f, piece, ask, err);
    if (!stmt)
        return -1;
    ds_sqlite_bind_int(stmt, ":class", filter->cls);
    ds_sqlite_bind_text(stmt, ":country", ds_country_name(filter->country, country));
    ds_sqlite_bind_text(stmt, ":type", ds_type_name(filter->type));
    ds_sqlite_bind_text(stmt, ":signature", filter->signature);
    int result;
    while ((result = ds_sqlite_step(f, stmt, err)) == 1) {
        struct fact_row row = {
            .start_s = piece->at_s >= 0 ? piece->at_s : sqlite3_column_int64(stmt, 1),
            .key = stmt,
            .group = {.packets = ds_sqlite_u64(stmt, 2),
                      .bytes = ds_sqlite_u64(stmt, 3),
                      .peak = ds_sqlite_u64(stmt, 4),
                      .rows = ds_sqlite_u64(stmt, 5),
                      .is_inexact = sqlite3_column_int(stmt, 6) != 0},
        };
        result = each(arg, &row);
        if (result != 0)
            break;
    }
    sqlite3_finalize(stmt);
    return result;
}
