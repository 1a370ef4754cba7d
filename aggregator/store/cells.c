/* SPDX-License-Identifier: Apache-2.0
 *
 * Cells of a piece of time: only the chunks that may have wanted keys are read. Windows keep cells
 * by port and country alone; the other kinds are summed from them here.
 */
#include "facts.h"

#define KEYS_OF_CLASS (UINT64_C(1) << 40)

static size_t stretches_of(const struct fact_request *ask, struct stretch out[DS_CLASS_COUNT])
{
    const struct ds_filter *f = ask->filter;
    uint64_t first = 0, last = KEYS_OF_CLASS - 1;
    if (f->has_proto) {
        first = (uint64_t)f->proto << 32;
        last = first | 0xffffffff;
    }
    if (f->has_port) {
        first |= (uint64_t)f->port << 16;
        last = first | 0xffff;
    }
    if (!f->has_class && !f->has_proto) {
        out[0] = (struct stretch){0, DS_CLASS_COUNT * KEYS_OF_CLASS - 1};
        return 1;
    }
    size_t count = 0;
    for (uint64_t cls = 0; cls < DS_CLASS_COUNT; cls++)
        if (!f->has_class || f->cls == cls)
            out[count++] = (struct stretch){cls << 40 | first, cls << 40 | last};
    return count;
}

/* From the first chunk that may have :first, to the last that may have :last. The plus keeps SQLite
 * from taking the range of the outer table for the chunks, too, in place of equality. */
#define FROM_FIRST(table, same)                                                                    \
    "coalesce((SELECT max(first_key) FROM " table " AS b WHERE " same                              \
    " AND b.first_key <= :first), :first)"
#define SAME_WINDOW(x) #x ".start = +w.start AND " #x ".sensor = +w.sensor"
#define SAME_LEVEL(x)                                                                              \
#x ".kind = :kind AND " #x ".start = +p.start AND " #x ".sensor = +p.sensor AND " #x           \
       ".generation = +p.generation"

static const char of_windows[] =
    "SELECT c.data, w.start, w.sensor FROM window AS w CROSS JOIN minute_chunk AS c ON"
    " " SAME_WINDOW(c) " AND c.first_key BETWEEN " FROM_FIRST(
        "minute_chunk",
        SAME_WINDOW(
            b)) " AND :last WHERE w.start >= :from AND w.start < :to AND"
                " (:sensor IS NULL OR w.sensor = (SELECT id FROM sensor WHERE name = :sensor))"
                " AND (NOT :open OR NOT EXISTS (SELECT 1 FROM hour AS h WHERE h.start = w.start - "
                "w.start %"
                " 3600 AND h.sensor = w.sensor)) ORDER BY w.start, w.sensor, c.first_key";

/* The chunks of a day have its hours. */
#define OF_LEVEL(level)                                                                            \
    "SELECT c.data, p.start, p.sensor FROM " level "_chunks AS p CROSS JOIN " level "_chunk AS c"  \
    " ON " SAME_LEVEL(c) " AND c.first_key BETWEEN " FROM_FIRST(                                   \
        level "_chunk",                                                                            \
        SAME_LEVEL(                                                                                \
            b)) " AND :last WHERE p.start > :from - 86400 AND p.start + p.seconds > :from AND "    \
                "p.start < :to"                                                                    \
                " AND p.generation < :below AND"                                                   \
                " (:sensor IS NULL OR p.sensor = (SELECT id FROM sensor WHERE name = :sensor))"

static const char *const of_levels[] = {
    [LEVEL_WINDOW] = of_windows,
    [LEVEL_HOUR] = OF_LEVEL("hour"),
    [LEVEL_DAY] = OF_LEVEL("day"),
};

/* The days of a file together, with the start of the piece. */
#define SAME_MONTH(x) #x ".kind = :kind AND " #x ".sensor = +p.id"
static const char of_month[] =
    "SELECT c.data, :from, p.id FROM sensor AS p CROSS JOIN month_chunk AS c"
    " ON " SAME_MONTH(c) " AND c.first_key BETWEEN " FROM_FIRST(
        "month_chunk", SAME_MONTH(b)) " AND :last WHERE :sensor IS NULL OR p.name = :sensor";

void ds_cells_begin(struct cells *c, struct store_file *f, const struct piece *piece,
                    const struct fact_request *ask)
{
    *c = (struct cells){.file = f, .piece = piece, .ask = ask};
    c->stretch_count = stretches_of(ask, c->stretches);
    c->sums_countries = piece->level == LEVEL_WINDOW && ask->fact == FACT_PORT;
}

void ds_cells_finish(struct cells *c)
{
    sqlite3_finalize(c->stmt);
    ds_chunk_finish(&c->chunk);
    c->stmt = NULL;
}

/* 1, 0 where there is no more, -1. */
static int begin_stretch(struct cells *c, struct ds_error *err)
{
    const struct piece *piece = c->piece;
    const struct ds_range range = {piece->from_s, piece->to_s, c->ask->sensor};
    sqlite3_finalize(c->stmt);
    c->stmt = NULL;
    if (c->next_stretch == c->stretch_count)
        return 0;
    struct stretch keys = c->stretches[c->next_stretch++];
    if (c->ask->fact == FACT_SUMS && piece->level != LEVEL_WINDOW)
        keys.first &= KEY_WITHOUT_PORT; /* that is 0 there */
    c->stmt = ds_sqlite_prepare(c->file, piece->is_month ? of_month : of_levels[piece->level], err);
    if (!c->stmt)
        return -1;
    ds_sqlite_bind_range(c->stmt, &range);
    ds_sqlite_bind_int(c->stmt, ":below", piece->below);
    ds_sqlite_bind_int(c->stmt, ":open", piece->only_open);
    ds_sqlite_bind_int(c->stmt, ":kind", ds_fact_chunks(c->ask->fact));
    ds_sqlite_bind_int(c->stmt, ":first", (int64_t)keys.first);
    ds_sqlite_bind_int(c->stmt, ":last", (int64_t)keys.last);
    c->keys = keys;
    return 1;
}

static bool is_enough(const struct store_file *f)
{
    const struct ds_store *store = &f->store->base;
    return store->is_enough && store->is_enough(store->is_enough_arg);
}

/* 1, 0 where there is no more, -1. */
static int open_chunk(struct cells *c, struct ds_error *err)
{
    const char *why;
    int row = 0;
    while (!c->stmt || (row = ds_sqlite_step(c->file, c->stmt, err)) == 0) {
        int begun = begin_stretch(c, err);
        if (begun <= 0)
            return begun;
    }
    if (row < 0)
        return -1;
    if (is_enough(c->file))
        return ds_error(err, DS_DATABASE, "store %s: the reading was ended",
                        c->file->store->directory);
    const void *data = sqlite3_column_blob(c->stmt, 0);
    int opened = ds_chunk_open(&c->chunk, data, (size_t)sqlite3_column_bytes(c->stmt, 0), &why);
    if (opened != 0)
        return opened < 0 ? ds_error(err, DS_FAILURE, "out of memory")
                          : ds_sqlite_damaged(c->file, "a chunk", why, err);
    c->start_s = sqlite3_column_int64(c->stmt, 1);
    c->sensor = sqlite3_column_int64(c->stmt, 2);
    ds_chunk_seek(&c->chunk, c->keys.first);
    return 1;
}

static bool is_wanted(const struct cells *c, int64_t at_s, uint64_t key)
{
    const struct ds_filter *f = c->ask->filter;
    if (at_s < c->piece->from_s || at_s >= c->piece->to_s)
        return false;
    if (f->has_proto && (uint8_t)(key >> 32) != f->proto)
        return false;
    return c->ask->fact == FACT_PORT || !f->has_country || (ds_country)key == f->country;
}

/* The next as it is stored: 1, 0, -1. */
static int next_stored(struct cells *c, struct cell_at *out, struct ds_error *err)
{
    for (;;) {
        const struct ds_chunk_cell *cell;
        int got = ds_chunk_next(&c->chunk, &cell);
        if (got < 0)
            return ds_sqlite_damaged(c->file, "a chunk", "its figures cannot be", err);
        if (got == 0 || cell->key > c->keys.last) {
            got = open_chunk(c, err);
            if (got <= 0)
                return got;
            continue;
        }
        out->at_s = c->start_s + (c->piece->level == LEVEL_HOUR ? cell->slot * HOUR_S : 0);
        if (!is_wanted(c, out->at_s, cell->key))
            continue;
        out->cell = *cell;
        out->sensor = c->sensor;
        if (c->piece->at_s >= 0)
            out->at_s = c->piece->at_s;
        return 1;
    }
}

static bool is_same_port(const struct cell_at *port, const struct cell_at *cell)
{
    return port->at_s == cell->at_s && port->sensor == cell->sensor &&
           port->cell.key == (cell->cell.key & KEY_WITHOUT_COUNTRY);
}

static void add_country(struct cell_at *port, const struct ds_chunk_cell *cell)
{
    port->cell.packets += cell->packets;
    port->cell.bytes += cell->bytes;
    port->cell.survey_packets += cell->survey_packets;
    port->cell.sources_peak += cell->sources_peak;
    port->cell.is_inexact = port->cell.is_inexact || cell->is_inexact;
}

/* The next port, when the cell of another one comes. */
static int next_port(struct cells *c, struct cell_at *out, struct ds_error *err)
{
    struct cell_at cell;
    int got;
    while ((got = next_stored(c, &cell, err)) > 0) {
        if (c->has_port && is_same_port(&c->port, &cell)) {
            add_country(&c->port, &cell.cell);
            continue;
        }
        struct cell_at done = c->port;
        bool had_port = c->has_port;
        c->port = cell;
        c->port.cell.key &= KEY_WITHOUT_COUNTRY;
        c->has_port = true;
        if (had_port) {
            *out = done;
            return 1;
        }
    }
    if (got < 0 || !c->has_port)
        return got;
    c->has_port = false;
    *out = c->port;
    return 1;
}

int ds_cells_next(struct cells *c, struct cell_at *out, struct ds_error *err)
{
    if (c->sums_countries)
        return next_port(c, out, err);
    int got = next_stored(c, out, err);
    if (got > 0 && c->ask->fact == FACT_SUMS)
        out->cell.key &= KEY_WITHOUT_PORT;
    return got;
}

int ds_cells_walk(struct store_file *f, const struct piece *piece, const struct fact_request *ask,
                  cell_fn *each, void *arg, struct ds_error *err)
{
    struct cells c;
    struct cell_at cell;
    int result;
    ds_cells_begin(&c, f, piece, ask);
    while ((result = ds_cells_next(&c, &cell, err)) > 0) {
        result = each(arg, cell.at_s, &cell.cell);
        if (result != 0)
            break;
    }
    ds_cells_finish(&c);
    return result;
}
