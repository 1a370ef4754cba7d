/* SPDX-License-Identifier: Apache-2.0
 *
 * Series and top tables: figures of a filter, grouped by time or by a key.
 *
 * Both read "facts": per window and sensor (and class, where a port is asked for, since the same
 * source may scan a port and answer from it) one row of packets, bytes, sources, survey packets
 * and whether its sources are exact. A fact comes from the smallest table that has it; only what
 * none of the small ones has is summed from cells, found window by window through the primary key.
 * All SQL is made of constants here; what comes from outside is bound.
 */
#include "sqlite.h"

#include <stdio.h>
#include <string.h>

#define SQL_BYTES 4096

/* Text under construction; appending beyond the end is our own mistake and shows as an SQL error.
 */
struct sql {
    char text[SQL_BYTES];
    size_t used;
};

static void append(struct sql *sql, const char *text)
{
    int n = snprintf(sql->text + sql->used, sizeof sql->text - sql->used, "%s", text);
    sql->used += (size_t)n;
    if (sql->used >= sizeof sql->text)
        sql->used = sizeof sql->text - 1;
}

/* ---- facts ---- */

enum fact {
    FACT_TOTAL,
    FACT_CLASS,
    FACT_COUNTRY,
    FACT_TYPE,
    FACT_PROTOCOL,
    FACT_DEVICE,
    FACT_SIGNATURE,
    FACT_CELL, /* built by append_cells */
};

#define EXACT           "parts = 1 AND overflow_sources = 0 AS exact"
#define EXACT_SIGNATURE "parts = 1 AND overflow_sources = 0 AND overflow_signatures = 0 AS exact"
#define OF(table)                                                                                  \
    " FROM window CROSS JOIN " table " AS t USING (start, sensor) WHERE " STORE_IN_RANGE

static const char *const facts[] = {
    [FACT_TOTAL] = "SELECT start, counted AS packets, bytes, NULL AS survey, sources, " EXACT
                   " FROM window WHERE " STORE_IN_RANGE,
    [FACT_CLASS] = "SELECT start, class, t.packets, t.bytes, NULL AS survey, t.sources, " EXACT OF(
        "window_class"),
    [FACT_COUNTRY] =
        "SELECT start, country, t.packets, t.bytes, NULL AS survey, t.sources, " EXACT OF(
            "window_country"),
    [FACT_TYPE] = "SELECT start, type, t.packets, NULL AS bytes, NULL AS survey, NULL AS sources,"
                  " 0 AS exact" OF("window_type"),
    [FACT_PROTOCOL] = "SELECT start, proto, t.packets, NULL AS bytes, NULL AS survey,"
                      " NULL AS sources, 0 AS exact" OF("window_protocol"),
    [FACT_DEVICE] = "SELECT start, device, sum(t.packets) AS packets, NULL AS bytes,"
                    " NULL AS survey, sum(t.sources) AS sources, " EXACT OF("window_device"),
    [FACT_SIGNATURE] = "SELECT start, id, t.packets, NULL AS bytes, NULL AS survey, t.sources,"
                       " " EXACT_SIGNATURE OF("window_signature"),
};

static bool is_empty(const struct ds_filter *f)
{
    return !f->has_class && !f->has_proto && !f->has_port && !f->has_country && !f->has_type &&
           !f->has_signature && f->survey == DS_SURVEY_PART_ALL;
}

/* What is summed of a cell. */
static const char *const cell_figures[DS_SURVEY_PART_COUNT] = {
    [DS_SURVEY_PART_ALL] = ", sum(c.packets) AS packets, sum(c.bytes) AS bytes,"
                           " sum(c.survey_packets) AS survey, ",
    [DS_SURVEY_PART_WITHOUT] = ", sum(c.packets - c.survey_packets) AS packets, NULL AS bytes,"
                               " NULL AS survey, ",
    [DS_SURVEY_PART_ONLY] = ", sum(c.survey_packets) AS packets, NULL AS bytes,"
                            " NULL AS survey, ",
};

/* The cells of a filter, grouped by window, sensor, class and the key's columns (", country").
 * per_port: a row is of one port, so its sources are the sum over countries. */
static void append_cells(struct sql *sql, const struct ds_filter *f, const char *key, bool per_port)
{
    append(sql, "SELECT start, class");
    append(sql, key);
    append(sql, cell_figures[f->survey]);
    append(sql, per_port && f->survey == DS_SURVEY_PART_ALL ? "sum(c.sources)" : "NULL");
    append(sql, " AS sources, parts = 1 AND overflow_pairs = 0 AND overflow_cells = 0 AS exact"
                " FROM window CROSS JOIN cell AS c USING (start, sensor) WHERE " STORE_IN_RANGE);
    append(sql, f->has_class ? " AND class = :class" : " AND class IN (0, 1, 2)");
    if (f->has_proto)
        append(sql, " AND proto = :proto");
    if (f->has_port)
        append(sql, " AND port = :port");
    if (f->has_country)
        append(sql, " AND country = :country");
    append(sql, " GROUP BY start, sensor, class");
    append(sql, key);
}

/* The smallest table that has the filter's figures. */
static enum fact fact_of(const struct ds_filter *f)
{
    if (is_empty(f))
        return FACT_TOTAL;
    if (f->has_type)
        return FACT_TYPE;
    if (f->has_signature)
        return FACT_SIGNATURE;
    if (f->survey != DS_SURVEY_PART_ALL)
        return FACT_CELL;
    if (f->has_class && !f->has_proto && !f->has_country)
        return FACT_CLASS;
    if (f->has_country && !f->has_proto && !f->has_class)
        return FACT_COUNTRY;
    return FACT_CELL;
}

static void append_series_facts(struct sql *sql, const struct ds_filter *f, enum fact fact)
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
    if (fact == FACT_CELL) {
        append_cells(sql, f, "", f->has_port);
        return;
    }
    append(sql, facts[fact]);
    append(sql, conditions[fact]);
}

static void bind_filter(sqlite3_stmt *stmt, const struct ds_filter *f, char country[static 3])
{
    ds_sqlite_bind_int(stmt, ":class", f->cls);
    ds_sqlite_bind_int(stmt, ":proto", f->proto);
    ds_sqlite_bind_int(stmt, ":port", f->port);
    int index = sqlite3_bind_parameter_index(stmt, ":country");
    if (index)
        sqlite3_bind_text(stmt, index, ds_country_name(f->country, country), -1, SQLITE_STATIC);
    index = sqlite3_bind_parameter_index(stmt, ":type");
    if (index)
        sqlite3_bind_text(stmt, index, ds_type_name(f->type), -1, SQLITE_STATIC);
    index = sqlite3_bind_parameter_index(stmt, ":signature");
    if (index)
        sqlite3_bind_text(stmt, index, f->signature, -1, SQLITE_STATIC);
}

/* ---- figures of a group of facts ---- */

/* rows: facts with a packet. Where there is at most one, its sources are those of the group. */
#define FIGURES                                                                                    \
    "sum(packets) AS packets, sum(bytes) AS bytes, sum(survey) AS survey, max(sources) AS peak,"   \
    " sum(packets > 0) AS rows, min(exact OR packets = 0) AS exact"
#define FIGURE_COLUMNS "packets, bytes, survey, peak, rows, exact"

/* What is kept for a kind of fact, whether or not there is a row. */
static struct ds_figures figures_kept(enum fact fact, const struct ds_filter *f, bool per_port)
{
    bool only_packets =
        fact == FACT_TYPE || fact == FACT_PROTOCOL || f->survey != DS_SURVEY_PART_ALL;
    return (struct ds_figures){
        .has_bytes = !only_packets && fact != FACT_SIGNATURE && fact != FACT_DEVICE,
        .has_survey = !only_packets && fact == FACT_CELL,
        .has_sources = !only_packets && (fact != FACT_CELL || per_port),
    };
}

struct ds_figures ds_store_kept(const struct ds_filter *filter)
{
    return figures_kept(fact_of(filter), filter, filter->has_port);
}

/* A group of facts, or several of them together. */
struct group {
    uint64_t packets, bytes, survey, peak, rows;
    bool exact;
};

static void add_group(struct group *g, sqlite3_stmt *stmt, int column)
{
    uint64_t peak = ds_sqlite_u64(stmt, column + 3), rows = ds_sqlite_u64(stmt, column + 4);
    g->exact = (g->rows == 0 || g->exact) && (rows == 0 || sqlite3_column_int(stmt, column + 5));
    g->packets += ds_sqlite_u64(stmt, column);
    g->bytes += ds_sqlite_u64(stmt, column + 1);
    g->survey += ds_sqlite_u64(stmt, column + 2);
    g->peak = peak > g->peak ? peak : g->peak;
    g->rows += rows;
}

static struct ds_figures figures_of(const struct group *g, struct ds_figures kept)
{
    struct ds_figures figures = kept;
    figures.packets = g->packets;
    figures.bytes = g->bytes;
    figures.survey_packets = g->survey;
    figures.sources_peak = g->peak;
    figures.sources_exact = kept.has_sources && g->rows <= 1 && (g->rows == 0 || g->exact);
    figures.sources = figures.sources_exact ? g->peak : 0;
    return figures;
}

static struct ds_figures read_figures(sqlite3_stmt *stmt, int column, struct ds_figures kept)
{
    struct group g = {0};
    add_group(&g, stmt, column);
    return figures_of(&g, kept);
}

/* ---- series ---- */

/* The bucket that is being filled, from rows in order of time. */
struct filling {
    const struct ds_buckets *buckets;
    struct ds_figures kept;
    ds_point_fn *each;
    void *arg;
    struct ds_point point;
    struct group group;
};

static int report_point(struct filling *f)
{
    if (f->point.windows == 0)
        return 0;
    f->point.start_s = f->buckets->edges_s[f->point.bucket];
    f->point.figures = figures_of(&f->group, f->kept);
    int result = f->each(f->arg, &f->point);
    f->point = (struct ds_point){.bucket = f->point.bucket};
    f->group = (struct group){0};
    return result;
}

static int add_start(struct filling *f, sqlite3_stmt *stmt)
{
    int64_t start_s = sqlite3_column_int64(stmt, 0);
    if (start_s >= f->buckets->edges_s[f->point.bucket + 1]) {
        int result = report_point(f);
        if (result != 0)
            return result;
        while (start_s >= f->buckets->edges_s[f->point.bucket + 1])
            f->point.bucket++;
    }
    f->point.windows += ds_sqlite_u64(stmt, 1);
    f->point.observed_ns += ds_sqlite_u64(stmt, 2);
    add_group(&f->group, stmt, 3);
    return 0;
}

int ds_sqlite_series(struct ds_store *store, const struct ds_buckets *buckets,
                     const struct ds_filter *filter, ds_point_fn *each, void *arg,
                     struct ds_error *err)
{
    struct sqlite_store *s = sqlite_of(store);
    struct sql sql = {0};
    append(&sql, "WITH watched AS (SELECT start, count(*) AS windows,"
                 " sum(observed_ns) AS observed_ns FROM window WHERE " STORE_IN_RANGE
                 " GROUP BY 1), seen AS (SELECT start, " FIGURES " FROM (");
    append_series_facts(&sql, filter, fact_of(filter));
    append(&sql, ") GROUP BY 1) SELECT start, windows, observed_ns, " FIGURE_COLUMNS
                 " FROM watched LEFT JOIN seen USING (start) ORDER BY start");
    sqlite3_stmt *stmt = ds_sqlite_prepare(s, sql.text, err);
    if (!stmt)
        return -1;
    char country[3];
    const struct ds_range range = {buckets->edges_s[0], buckets->edges_s[buckets->count],
                                   buckets->sensor};
    struct filling filling = {
        .buckets = buckets, .kept = ds_store_kept(filter), .each = each, .arg = arg};
    ds_sqlite_bind_range(stmt, &range);
    bind_filter(stmt, filter, country);
    int result;
    while ((result = ds_sqlite_step(s, stmt, err)) == 1) {
        result = add_start(&filling, stmt);
        if (result != 0)
            break;
    }
    sqlite3_finalize(stmt);
    return result == 0 ? report_point(&filling) : result;
}

/* ---- top ---- */

/* cell_key: the columns beside class by which cells are grouped for it. */
static const struct {
    enum fact fact;
    const char *keys;
    int key_count;
    const char *cell_key;
} tops[DS_BY_COUNT] = {
    [DS_BY_PORT] = {FACT_CELL, "class, proto, port", 3, ", proto, port"},
    [DS_BY_COUNTRY] = {FACT_COUNTRY, "country", 1, ", country"},
    [DS_BY_TYPE] = {FACT_TYPE, "type", 1, NULL},
    [DS_BY_CLASS] = {FACT_CLASS, "class", 1, ""},
    [DS_BY_PROTOCOL] = {FACT_PROTOCOL, "proto", 1, NULL},
    [DS_BY_DEVICE] = {FACT_DEVICE, "device", 1, NULL},
    [DS_BY_SIGNATURE] = {FACT_SIGNATURE, "id", 1, NULL},
};

static void read_key(sqlite3_stmt *stmt, enum ds_by by, struct ds_top_row *row)
{
    char text[3];
    switch (by) {
    case DS_BY_PORT:
        row->cls = (uint8_t)sqlite3_column_int(stmt, 0);
        row->proto = (uint8_t)sqlite3_column_int(stmt, 1);
        row->port = (uint16_t)sqlite3_column_int(stmt, 2);
        break;
    case DS_BY_COUNTRY:
        row->country = DS_COUNTRY_UNKNOWN;
        ds_sqlite_text(stmt, 0, text, sizeof text);
        ds_country_parse(text, &row->country);
        break;
    case DS_BY_TYPE:
        row->type =
            (uint8_t)ds_sqlite_name_index(ds_type_name, (const char *)sqlite3_column_text(stmt, 0));
        break;
    case DS_BY_CLASS:
        row->cls = (uint8_t)sqlite3_column_int(stmt, 0);
        break;
    case DS_BY_PROTOCOL:
        row->proto = (uint8_t)sqlite3_column_int(stmt, 0);
        break;
    case DS_BY_DEVICE:
        row->device = (uint8_t)sqlite3_column_int(stmt, 0);
        break;
    case DS_BY_SIGNATURE:
        ds_sqlite_text(stmt, 0, row->signature, sizeof row->signature);
        break;
    case DS_BY_COUNT:
        break;
    }
}

/* How a top table is made. */
struct plan {
    enum ds_by by;
    enum fact fact;
    bool per_port; /* a row is of one port */
};

static struct plan plan_of(const struct ds_top *top)
{
    bool small = is_empty(top->filter) || !tops[top->by].cell_key;
    return (struct plan){
        .by = top->by,
        .fact = small ? tops[top->by].fact : FACT_CELL,
        .per_port = top->by == DS_BY_PORT || top->filter->has_port,
    };
}

static void append_top(struct sql *sql, const struct plan *plan, const struct ds_filter *f)
{
    const char *keys = tops[plan->by].keys;
    append(sql, "SELECT ");
    append(sql, keys);
    append(sql, ", " FIGURES ", sum(sum(packets)) OVER (), sum(sum(bytes)) OVER (),"
                " sum(sum(survey)) OVER () FROM (");
    if (plan->fact == FACT_CELL)
        append_cells(sql, f, tops[plan->by].cell_key, plan->per_port);
    else
        append(sql, facts[plan->fact]);
    if (plan->fact == FACT_DEVICE) /* its countries are added up */
        append(sql, f->has_country ? " AND country = :country GROUP BY start, sensor, device"
                                   : " GROUP BY start, sensor, device");
    append(sql, ") GROUP BY ");
    append(sql, keys);
    append(sql, " HAVING sum(packets) > 0 ORDER BY sum(packets) DESC, ");
    append(sql, keys);
    append(sql, " LIMIT :limit");
}

/* Signatures overlap: their whole is all counted packets. */
static int signature_total(struct sqlite_store *s, const struct ds_range *range,
                           struct ds_figures *total, struct ds_error *err)
{
    sqlite3_stmt *stmt =
        ds_sqlite_prepare(s, "SELECT sum(counted) FROM window WHERE " STORE_IN_RANGE, err);
    if (!stmt)
        return -1;
    ds_sqlite_bind_range(stmt, range);
    int row = ds_sqlite_step(s, stmt, err);
    if (row == 1)
        total->packets = ds_sqlite_u64(stmt, 0);
    sqlite3_finalize(stmt);
    return row < 0 ? -1 : 0;
}

/* Reads a row, and the figures of all rows, which stand beside each. */
static struct ds_top_row read_row(sqlite3_stmt *stmt, const struct plan *plan,
                                  struct ds_figures kept, struct ds_figures *total)
{
    const int figures = tops[plan->by].key_count, totals = figures + 6;
    struct ds_top_row row = {
        .figures = read_figures(stmt, figures, kept),
    };
    read_key(stmt, plan->by, &row);
    total->packets = ds_sqlite_u64(stmt, totals);
    total->bytes = ds_sqlite_u64(stmt, totals + 1);
    total->survey_packets = ds_sqlite_u64(stmt, totals + 2);
    return row;
}

int ds_sqlite_top(struct ds_store *store, const struct ds_top *top, ds_top_fn *each, void *arg,
                  struct ds_figures *total, struct ds_error *err)
{
    struct sqlite_store *s = sqlite_of(store);
    struct plan plan = plan_of(top);
    struct sql sql = {0};
    append_top(&sql, &plan, top->filter);
    sqlite3_stmt *stmt = ds_sqlite_prepare(s, sql.text, err);
    if (!stmt)
        return -1;
    char country[3];
    ds_sqlite_bind_range(stmt, &top->range);
    ds_sqlite_bind_int(stmt, ":limit", top->limit > INT64_MAX ? INT64_MAX : (int64_t)top->limit);
    bind_filter(stmt, top->filter, country);
    const struct ds_figures kept = figures_kept(plan.fact, top->filter, plan.per_port);
    struct ds_figures sum = kept;
    sum.has_sources = false;
    int result;
    while ((result = ds_sqlite_step(s, stmt, err)) == 1) {
        struct ds_top_row row = read_row(stmt, &plan, kept, &sum);
        result = each(arg, &row);
        if (result != 0)
            break;
    }
    sqlite3_finalize(stmt);
    if (result == 0 && plan.by == DS_BY_SIGNATURE)
        result = signature_total(s, &top->range, &sum, err);
    if (result == 0)
        *total = sum;
    return result;
}
