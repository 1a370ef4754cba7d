/* SPDX-License-Identifier: Apache-2.0 */
#include "watch.h"

#include "sketches.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct watches *watches_at(struct watches *all, const struct ds_buckets *buckets,
                                  const struct piece *piece, int64_t start_s)
{
    int64_t i = ds_bucket_of(buckets, piece->at_s >= 0 ? piece->at_s : start_s);
    return i >= 0 && i < (int64_t)buckets->count ? &all[i] : NULL;
}

/* NULL without memory. */
static struct watch *watch_of(struct watches *w, int64_t sensor)
{
    for (size_t i = 0; i < w->count; i++)
        if (w->all[i].sensor == sensor)
            return &w->all[i];
    void *larger = realloc(w->all, (w->count + 1) * sizeof *w->all);
    if (!larger)
        return NULL;
    w->all = larger;
    w->all[w->count] = (struct watch){.sensor = sensor};
    return &w->all[w->count++];
}

/* ---- windows ---- */

/* A row of the statements below. */
static int add_watch(struct watches *all, sqlite3_stmt *stmt, struct ds_error *err)
{
    struct watch *w = watch_of(all, sqlite3_column_int64(stmt, 1));
    if (!w)
        return ds_error(err, DS_FAILURE, "out of memory");
    uint64_t addresses = ds_sqlite_u64(stmt, 4), active = ds_sqlite_u64(stmt, 5);
    all->windows += ds_sqlite_u64(stmt, 2);
    all->observed_ns += ds_sqlite_u64(stmt, 3);
    w->windows += ds_sqlite_u64(stmt, 2);
    w->addresses_known = w->addresses_known || sqlite3_column_type(stmt, 4) != SQLITE_NULL;
    w->addresses = addresses > w->addresses ? addresses : w->addresses;
    w->active_addresses = active > w->active_addresses ? active : w->active_addresses;
    return 0;
}

static int read_windows(struct watches *all, const struct ds_buckets *buckets, struct store_file *f,
                        const struct piece *piece, struct ds_error *err)
{
    sqlite3_stmt *stmt =
        ds_piece_prepare(f, piece, buckets->sensor,
                         "SELECT start, sensor, 1, observed_ns, addresses, active_addresses"
                         " FROM window WHERE #",
                         "SELECT start, sensor, windows, observed_ns, addresses,"
                         " active_addresses_peak FROM @ WHERE #",
                         err);
    if (!stmt)
        return -1;
    int row;
    while ((row = ds_sqlite_step(f, stmt, err)) == 1) {
        struct watches *w = watches_at(all, buckets, piece, sqlite3_column_int64(stmt, 0));
        if (w && add_watch(w, stmt, err) < 0) {
            row = -1;
            break;
        }
    }
    sqlite3_finalize(stmt);
    return row;
}

/* ---- bits ---- */

static uint64_t bits_of_all(const struct watch *w)
{
    return w->addresses < DS_SKETCH_ADDRESSES_MAX ? w->addresses : DS_SKETCH_ADDRESSES_MAX;
}

/* A time has these; do they go with those of the times before? */
static bool fits(struct watch *w, bool known, uint64_t secret, const char *set)
{
    if (!known || !set || strlen(set) >= sizeof w->set)
        w->is_unknown = true;
    else if (w->has_bits && (w->secret != secret || strcmp(w->set, set) != 0))
        w->is_unknown = w->has_changed = true;
    if (!w->is_unknown && !w->has_bits) {
        w->has_bits = true;
        w->secret = secret;
        strcpy(w->set, set);
        ds_sketch_init(&w->bits, DS_SKETCH_BITS);
    }
    return !w->is_unknown;
}

static int unite(struct watch *w, const struct ds_sketch *bits, struct ds_error *err)
{
    return ds_sketch_merge(&w->bits, bits) ? ds_error(err, DS_FAILURE, "out of memory") : 0;
}

/* Those of a window. */
static int add_window(struct watch *w, struct store_file *f, sqlite3_stmt *stmt,
                      struct ds_error *err)
{
    const struct ds_sketch_key first = {.kind = DS_SKETCH_ADDRESSES};
    const struct ds_sketch_row *row = NULL;
    struct ds_sketches s = {0};
    char set[STORE_SKETCH_KEY_BYTES] = "";
    size_t count = 0;
    int result = ds_sketches_column(f, stmt, 2, &s, err);
    for (size_t i = s.count; i > 0 && ds_sketch_key_compare(&s.rows[i - 1].key, &first) >= 0; i--) {
        row = &s.rows[i - 1];
        count++;
    }
    if (row)
        ds_sketch_key_text(&row->key, set);
    if (result == 0 && fits(w, s.known && count == 1, s.secret_id, set))
        result = unite(w, &row->sketch, err);
    ds_sketches_finish(&s);
    return result;
}

/* Those of an hour or day. Where all bits are set, no more can come. */
static int add_level(struct watch *w, struct store_file *f, sqlite3_stmt *stmt,
                     struct ds_error *err)
{
    struct ds_sketch bits;
    bool known = sqlite3_column_type(stmt, 2) != SQLITE_NULL;
    if (!fits(w, known, (uint64_t)sqlite3_column_int64(stmt, 2),
              (const char *)sqlite3_column_text(stmt, 3)) ||
        w->bits.count >= bits_of_all(w))
        return 0;
    int result = ds_sketch_column(f, stmt, 4, &bits, err);
    if (result == 0 && bits.precision != DS_SKETCH_BITS)
        result = ds_sqlite_damaged(f, "a sketch", "it is not of addresses", err);
    if (result == 0)
        result = unite(w, &bits, err);
    ds_sketch_finish(&bits);
    return result;
}

static int read_bits(struct watches *all, const struct ds_buckets *buckets, struct store_file *f,
                     const struct piece *piece, struct ds_error *err)
{
    sqlite3_stmt *stmt = ds_piece_prepare(
        f, piece, buckets->sensor,
        "SELECT start, sensor, sketches FROM window LEFT JOIN window_sketch USING (start, sensor)"
        " WHERE counted > 0 AND # ORDER BY start",
        "SELECT start, sensor, secret, key, sketch FROM @ LEFT JOIN @_sketches USING"
        " (start, sensor, generation) LEFT JOIN (SELECT start, sensor, generation, key, sketch"
        " FROM @_sketch WHERE kind = 'addresses') USING (start, sensor, generation)"
        " WHERE counted > 0 AND # ORDER BY start",
        err);
    if (!stmt)
        return -1;
    int row;
    while ((row = ds_sqlite_step(f, stmt, err)) == 1) {
        struct watches *of = watches_at(all, buckets, piece, sqlite3_column_int64(stmt, 0));
        struct watch *w = of ? watch_of(of, sqlite3_column_int64(stmt, 1)) : NULL;
        if (!w || w->is_unknown)
            continue;
        row =
            piece->level == LEVEL_WINDOW ? add_window(w, f, stmt, err) : add_level(w, f, stmt, err);
        if (row < 0)
            break;
    }
    sqlite3_finalize(stmt);
    return row;
}

int ds_watches_read(struct watches *all, const struct ds_buckets *buckets, struct store_file *f,
                    const struct piece *piece, bool with_active, struct ds_error *err)
{
    if (read_windows(all, buckets, f, piece, err) < 0)
        return -1;
    return with_active ? read_bits(all, buckets, f, piece, err) : 0;
}

void ds_watches_close(struct watches *w)
{
    for (size_t i = 0; i < w->count; i++) {
        struct watch *one = &w->all[i];
        if (!one->has_bits || one->is_counted)
            continue;
        one->bit_count = one->bits.count;
        one->is_counted = true;
        ds_sketch_finish(&one->bits);
    }
}

void ds_watches_finish(struct watches *w)
{
    ds_watches_close(w);
    free(w->all);
    *w = (struct watches){0};
}

/* ---- telling ---- */

struct active {
    double addresses, error;
    enum ds_active certainty;
};

/* Of more addresses than there are bits, these are a sample that was drawn without putting back:
 * its part times all. */
static struct active sampled(const struct watch *w)
{
    double n = DS_SKETCH_ADDRESSES_MAX, all = (double)w->addresses, part = w->bit_count / n;
    double variance = part * (1 - part) / n * (all - n) / (all - 1);
    return (struct active){part * all, all * sqrt(variance), DS_ACTIVE_ESTIMATED};
}

static struct active active_of(const struct watch *w)
{
    double most = (double)w->active_addresses;
    bool is_all = w->active_addresses == w->addresses && !w->has_changed;
    if (w->windows == 1 || is_all)
        return (struct active){most, 0, DS_ACTIVE_EXACT};
    if (!w->has_bits || w->is_unknown || !w->addresses_known)
        return (struct active){most, 0, DS_ACTIVE_AT_LEAST};
    if (w->addresses > DS_SKETCH_ADDRESSES_MAX)
        return sampled(w);
    return (struct active){w->bit_count, 0, DS_ACTIVE_EXACT};
}

void ds_watches_tell(const struct watches *w, struct ds_point *out)
{
    double active = 0, variance = 0;
    out->windows = w->windows;
    out->observed_ns = w->observed_ns;
    out->addresses_known = true;
    out->active_certainty = DS_ACTIVE_EXACT;
    for (size_t i = 0; i < w->count; i++) {
        const struct active a = active_of(&w->all[i]);
        out->addresses_known = out->addresses_known && w->all[i].addresses_known;
        out->addresses += w->all[i].addresses;
        active += a.addresses;
        variance += a.error * a.error;
        if (a.certainty < out->active_certainty)
            out->active_certainty = a.certainty;
    }
    if (!out->addresses_known)
        out->addresses = 0;
    out->active_addresses = (uint64_t)llround(active);
    out->active_error = active > 0 ? sqrt(variance) / active : 0;
}
