/* SPDX-License-Identifier: Apache-2.0
 *
 * Cells of a piece of time: only the chunks that may have wanted keys are read. Windows keep cells
 * by port and country alone; the other kinds are summed from them here.
 */
#include "facts.h"
#include "merge_runs.h"

#include <string.h>

#define KEYS_OF_CLASS (UINT64_C(1) << 40)

/* Keys that may be wanted: a stretch, or one in each class. */
struct stretch {
    uint64_t first, last;
};

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

/* From the first chunk that may have :first, to the last that may have :last. */
#define FROM_FIRST(table, same)                                                                    \
    "coalesce((SELECT max(first_key) FROM " table " AS b WHERE " same                              \
    " AND b.first_key <= :first), :first)"
#define SAME_WINDOW(x) #x ".start = w.start AND " #x ".sensor = w.sensor"
#define SAME_LEVEL(x)                                                                              \
#x ".kind = :kind AND " #x ".start = p.start AND " #x ".sensor = p.sensor AND " #x             \
       ".generation = p.generation"

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

/* The walk of one stretch of keys. */
struct walk {
    const struct piece *piece;
    const struct fact_request *ask;
    struct stretch keys;
    cell_fn *each;
    void *arg;
    bool sums_countries; /* of a port in a window */
    /* The port being summed. */
    struct ds_chunk_cell port;
    bool has_port;
    int64_t start_s, sensor;
};

static int finish_port(struct walk *w)
{
    if (!w->has_port)
        return 0;
    w->has_port = false;
    return w->each(w->arg, w->start_s, &w->port);
}

static int add_to_port(struct walk *w, int64_t start_s, int64_t sensor,
                       const struct ds_chunk_cell *cell)
{
    uint64_t key = cell->key & KEY_WITHOUT_COUNTRY;
    if (!w->has_port || w->port.key != key || w->start_s != start_s || w->sensor != sensor) {
        int result = finish_port(w);
        if (result != 0)
            return result;
        w->port = (struct ds_chunk_cell){.key = key, .windows = 1};
        w->has_port = true;
        w->start_s = start_s;
        w->sensor = sensor;
    }
    w->port.packets += cell->packets;
    w->port.bytes += cell->bytes;
    w->port.survey_packets += cell->survey_packets;
    w->port.sources_peak += cell->sources_peak;
    w->port.is_inexact = w->port.is_inexact || cell->is_inexact;
    return 0;
}

static int take_cell(struct walk *w, int64_t start_s, int64_t sensor, struct ds_chunk_cell *cell)
{
    const struct ds_filter *f = w->ask->filter;
    int64_t at_s = w->piece->level == LEVEL_HOUR ? start_s + cell->slot * HOUR_S : start_s;
    if (at_s < w->piece->from_s || at_s >= w->piece->to_s ||
        (f->has_proto && (uint8_t)(cell->key >> 32) != f->proto))
        return 0;
    if (w->ask->fact != FACT_PORT && f->has_country && (ds_country)cell->key != f->country)
        return 0;
    if (w->piece->at_s >= 0)
        at_s = w->piece->at_s;
    if (w->sums_countries)
        return add_to_port(w, at_s, sensor, cell);
    if (w->ask->fact == FACT_SUMS)
        cell->key &= KEY_WITHOUT_PORT;
    return w->each(w->arg, at_s, cell);
}

static int take_chunk(struct walk *w, struct store_file *f, struct ds_chunk *chunk,
                      sqlite3_stmt *stmt, struct ds_error *err)
{
    const char *why;
    struct ds_chunk_cell cell;
    const void *data = sqlite3_column_blob(stmt, 0);
    int got = ds_chunk_open(chunk, data, (size_t)sqlite3_column_bytes(stmt, 0), &why);
    if (got != 0)
        return got < 0 ? ds_error(err, DS_FAILURE, "out of memory")
                       : ds_sqlite_damaged(f, "a chunk", why, err);
    ds_chunk_seek(chunk, w->keys.first);
    while ((got = ds_chunk_next(chunk, &cell)) > 0 && cell.key <= w->keys.last) {
        int result =
            take_cell(w, sqlite3_column_int64(stmt, 1), sqlite3_column_int64(stmt, 2), &cell);
        if (result != 0)
            return result;
    }
    return got < 0 ? ds_sqlite_damaged(f, "a chunk", "its figures cannot be", err) : 0;
}

static bool is_enough(const struct store_file *f)
{
    const struct ds_store *store = &f->store->base;
    return store->is_enough && store->is_enough(store->is_enough_arg);
}

static int walk_stretch(struct walk *w, struct store_file *f, sqlite3_stmt *stmt,
                        struct ds_error *err)
{
    struct ds_chunk chunk = {0};
    int result;
    while ((result = ds_sqlite_step(f, stmt, err)) == 1) {
        if (is_enough(f)) {
            result =
                ds_error(err, DS_DATABASE, "store %s: the reading was ended", f->store->directory);
            break;
        }
        result = take_chunk(w, f, &chunk, stmt, err);
        if (result != 0)
            break;
    }
    ds_chunk_finish(&chunk);
    return result == 0 ? finish_port(w) : result;
}

int ds_cells_walk(struct store_file *f, const struct piece *piece, const struct fact_request *ask,
                  cell_fn *each, void *arg, struct ds_error *err)
{
    struct stretch stretches[DS_CLASS_COUNT];
    size_t count = stretches_of(ask, stretches);
    const struct ds_range range = {piece->from_s, piece->to_s, ask->sensor};
    bool is_window = piece->level == LEVEL_WINDOW;
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        sqlite3_stmt *stmt = ds_sqlite_prepare(f, of_levels[piece->level], err);
        if (!stmt)
            return -1;
        struct walk w = {.piece = piece,
                         .ask = ask,
                         .keys = stretches[i],
                         .each = each,
                         .arg = arg,
                         .sums_countries = is_window && ask->fact == FACT_PORT};
        if (ask->fact == FACT_SUMS && !is_window) { /* their port is 0 */
            w.keys.first &= KEY_WITHOUT_PORT;
        }
        ds_sqlite_bind_range(stmt, &range);
        ds_sqlite_bind_int(stmt, ":below", piece->below);
        ds_sqlite_bind_int(stmt, ":open", piece->only_open);
        ds_sqlite_bind_int(stmt, ":kind", ds_fact_chunks(ask->fact));
        ds_sqlite_bind_int(stmt, ":first", (int64_t)w.keys.first);
        ds_sqlite_bind_int(stmt, ":last", (int64_t)w.keys.last);
        result = walk_stretch(&w, f, stmt, err);
        sqlite3_finalize(stmt);
    }
    return result;
}
