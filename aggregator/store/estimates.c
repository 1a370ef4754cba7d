/* SPDX-License-Identifier: Apache-2.0
 *
 * Pieces come in order of time: a bucket that lies before the day of a piece is complete, and its
 * sketch is counted and freed. Where it had but one, that is never unpacked: the store has what it
 * says beside it.
 */
#include "estimates.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- whose sources ---- */

static struct wanted of_key(const struct ds_sketch_key *key)
{
    return (struct wanted){.keys = {*key}, .count = 1};
}

static bool is_port(const struct wanted *w)
{
    return w->count &&
           (w->keys[0].kind == DS_SKETCH_PORT || w->keys[0].kind == DS_SKETCH_PORT_SURVEY);
}

static struct wanted of_port(const struct ds_filter *f)
{
    struct wanted w = {0};
    for (uint8_t cls = 0; cls < DS_CLASS_COUNT; cls++)
        if (!f->has_class || f->cls == cls)
            w.keys[w.count++] = (struct ds_sketch_key){
                .kind = DS_SKETCH_PORT, .cls = cls, .proto = f->proto, .port = f->port};
    return w;
}

static struct wanted of_infected(const struct ds_filter *f)
{
    struct wanted w = {.count = 1, .is_world = !f->has_country};
    w.keys[0] = (struct ds_sketch_key){
        .kind = f->infected == DS_INFECTED_SEEN ? DS_SKETCH_INFECTED : DS_SKETCH_INFECTED_CONFIRMED,
        .country = f->has_country ? f->country : 0};
    if (f->has_signature) {
        w.is_world = false;
        w.keys[0].kind = DS_SKETCH_MALWARE;
        memcpy(w.keys[0].signature, f->signature, sizeof f->signature);
    }
    return w;
}

/* Of all packets, whoever sent them. */
static struct wanted of_all(const struct ds_filter *f)
{
    if (f->without_sources)
        return (struct wanted){0};
    if (f->infected != DS_INFECTED_NO)
        return of_infected(f);
    struct ds_sketch_key key = {.kind = DS_SKETCH_COUNTRY};
    unsigned parts = f->has_class + f->has_country + (f->has_proto && !f->has_port);
    if (f->has_type || parts > 1 || (f->has_port && f->has_country))
        return (struct wanted){0};
    if (f->has_port)
        return of_port(f);
    if (f->has_signature) {
        key.kind = DS_SKETCH_SIGNATURE;
        memcpy(key.signature, f->signature, sizeof key.signature);
    } else if (f->has_country) {
        key.country = f->country;
    } else if (f->has_class) {
        key = (struct ds_sketch_key){.kind = DS_SKETCH_CLASS, .cls = f->cls};
    } else if (f->has_proto) {
        key = (struct ds_sketch_key){.kind = DS_SKETCH_PROTOCOL, .proto = f->proto};
    } else {
        return (struct wanted){.keys = {key}, .count = 1, .is_world = true};
    }
    return ds_sketch_key_valid(&key) ? of_key(&key) : (struct wanted){0};
}

/* The same of survey scanners, where there are such sketches. */
static struct wanted of_survey(const struct wanted *all)
{
    struct wanted w = *all;
    for (unsigned i = 0; i < w.count; i++)
        switch (w.keys[i].kind) {
        case DS_SKETCH_COUNTRY:
        case DS_SKETCH_PROTOCOL:
        case DS_SKETCH_PORT:
            w.keys[i].kind++;
            break;
        default:
            return (struct wanted){0};
        }
    return w;
}
static_assert(DS_SKETCH_COUNTRY_SURVEY == DS_SKETCH_COUNTRY + 1 &&
                  DS_SKETCH_PROTOCOL_SURVEY == DS_SKETCH_PROTOCOL + 1 &&
                  DS_SKETCH_PORT_SURVEY == DS_SKETCH_PORT + 1,
              "survey scanners' kinds follow");

void ds_wanted_of_filter(const struct ds_filter *f, struct wanted out[static WANTED_PARTS])
{
    out[0] = of_all(f);
    out[1] = (struct wanted){0};
    if (f->survey == DS_SURVEY_PART_ONLY) {
        struct wanted all = out[0];
        out[0] = of_survey(&all);
        if (is_port(&all))
            out[1] = all;
    }
    if (f->survey != DS_SURVEY_PART_WITHOUT)
        return;
    out[1] = of_survey(&out[0]);
    if (out[1].count == 0)
        out[0].count = 0;
}

void ds_wanted_of_row(enum ds_by by, const struct ds_filter *f, const struct ds_top_row *row,
                      struct wanted out[static WANTED_PARTS])
{
    struct ds_filter of_row = *f;
    out[0] = out[1] = (struct wanted){0};
    switch (by) {
    case DS_BY_DEVICE:
        if (!f->has_country && !f->without_sources)
            out[0] =
                of_key(&(struct ds_sketch_key){.kind = DS_SKETCH_DEVICE, .device = row->device});
        return;
    case DS_BY_PORT:
        of_row.has_class = of_row.has_proto = of_row.has_port = true;
        of_row.cls = row->cls;
        of_row.proto = row->proto;
        of_row.port = row->port;
        break;
    case DS_BY_COUNTRY:
        of_row.has_country = true;
        of_row.country = row->country;
        break;
    case DS_BY_CLASS:
        of_row.has_class = true;
        of_row.cls = row->cls;
        break;
    case DS_BY_SIGNATURE:
        of_row.has_signature = true;
        memcpy(of_row.signature, row->signature, sizeof of_row.signature);
        break;
    default:
        return;
    }
    ds_wanted_of_filter(&of_row, out);
}

bool ds_store_estimates(const struct ds_filter *filter)
{
    struct wanted parts[WANTED_PARTS];
    ds_wanted_of_filter(filter, parts);
    return parts[0].count > 0;
}

bool ds_store_estimates_rows(enum ds_by by, const struct ds_filter *filter)
{
    const struct ds_top_row any = {.cls = DS_CLASS_SCAN,
                                   .proto = DS_PROTO_TCP,
                                   .country = DS_COUNTRY_UNKNOWN,
                                   .signature = "any"};
    struct wanted parts[WANTED_PARTS];
    ds_wanted_of_row(by, filter, &any, parts);
    return parts[0].count > 0;
}

/* ---- uniting ---- */

/* Of a bucket. */
struct state {
    bool has_secret, is_unknown;
    uint64_t secret;
};

/* Of a wanted in a bucket. */
struct part {
    struct stored_sketch only; /* the first of an hour or day, until another comes; or none */
    struct ds_sketch sketch;   /* of precision 0: no source yet, but for those of only */
    uint64_t windows;          /* in which it was listed */
};

struct making {
    const struct ds_buckets *buckets;
    const struct wanted *wanted;
    size_t wanted_count;
    struct state *states;
    struct part *parts; /* as out */
    struct estimate *out;
    size_t done; /* buckets before this are counted */
    struct ds_error *err;
};

static void count_part(const struct making *m, size_t bucket, size_t i)
{
    const struct state *state = &m->states[bucket];
    const struct wanted *wanted = &m->wanted[i];
    struct part *part = &m->parts[bucket * m->wanted_count + i];
    struct estimate *out = &m->out[bucket * m->wanted_count + i];
    *out = (struct estimate){.is_known = wanted->count && !state->is_unknown,
                             .is_port = is_port(wanted),
                             .windows = part->windows};
    if (part->only.packed)
        out->sources = part->only.sources;
    else if (part->sketch.precision)
        out->sources = ds_sketch_estimate(&part->sketch);
    free(part->only.packed);
    ds_sketch_finish(&part->sketch);
}

/* Counts the buckets that end at or before this time. */
static void count_until(struct making *m, int64_t at_s)
{
    for (; m->done < m->buckets->count && m->buckets->edges_s[m->done + 1] <= at_s; m->done++)
        for (size_t i = 0; i < m->wanted_count; i++)
            count_part(m, m->done, i);
}

/* -1 where the time is in no bucket. */
static int64_t bucket_at(const struct making *m, const struct piece *piece, int64_t start_s)
{
    int64_t i = ds_bucket_of(m->buckets, piece->at_s >= 0 ? piece->at_s : start_s);
    return i < (int64_t)m->buckets->count ? i : -1;
}

/* Notes a time in which something was counted, with the secret of its sketches. */
static void note_time(struct state *state, bool known, uint64_t secret)
{
    if (!known || (state->has_secret && state->secret != secret))
        state->is_unknown = true;
    state->has_secret = true;
    state->secret = secret;
}

static int unpack_only(struct making *m, struct part *part)
{
    if (!part->only.packed)
        return 0;
    int result = ds_stored_sketch_unpack(&part->only, &part->sketch, m->err);
    free(part->only.packed);
    part->only = (struct stored_sketch){0};
    return result;
}

static int add_sketch(struct making *m, struct part *part, const struct ds_sketch *from,
                      uint64_t windows)
{
    if (unpack_only(m, part) < 0)
        return -1;
    part->windows += windows;
    int failed = part->sketch.precision ? ds_sketch_merge(&part->sketch, from)
                                        : ds_sketch_copy(from, &part->sketch);
    return failed ? ds_error(m->err, DS_FAILURE, "out of memory") : 0;
}

/* ---- windows ---- */

static int add_world(struct making *m, struct part *part, const struct ds_sketches *s,
                     unsigned kind)
{
    struct ds_sketch world;
    if (ds_sketches_unite(s, kind, &world))
        return ds_error(m->err, DS_FAILURE, "out of memory");
    int result = add_sketch(m, part, &world, 0);
    ds_sketch_finish(&world);
    return result;
}

static int add_window(struct making *m, size_t bucket, const struct ds_sketches *s)
{
    int result = 0;
    for (size_t i = 0; i < m->wanted_count && result == 0; i++) {
        const struct wanted *w = &m->wanted[i];
        struct part *part = &m->parts[bucket * m->wanted_count + i];
        if (w->is_world)
            result = add_world(m, part, s, w->keys[0].kind);
        for (unsigned k = 0; k < w->count && !w->is_world && result == 0; k++) {
            const struct ds_sketch_row *row = ds_sketches_find(s, &w->keys[k]);
            if (row)
                result = add_sketch(m, part, &row->sketch, row->windows);
        }
    }
    return result;
}

static int each_window(struct making *m, struct store_file *f, sqlite3_stmt *stmt,
                       const struct piece *piece)
{
    int64_t bucket = bucket_at(m, piece, sqlite3_column_int64(stmt, 0));
    if (bucket < 0 || m->states[bucket].is_unknown)
        return 0;
    struct state *state = &m->states[bucket];
    int64_t length_s = m->buckets->edges_s[bucket + 1] - m->buckets->edges_s[bucket];
    if (length_s < ESTIMATE_SECONDS_MIN && m->buckets->count > 1) {
        state->is_unknown = true;
        return 0;
    }
    struct ds_sketches s = {0};
    int result = ds_sketches_column(f, stmt, 1, &s, m->err);
    if (result == 0)
        note_time(state, s.known, s.secret_id);
    if (result == 0 && !state->is_unknown)
        result = add_window(m, (size_t)bucket, &s);
    ds_sketches_finish(&s);
    return result;
}

/* ---- hours and days ---- */

static void each_time(struct making *m, sqlite3_stmt *stmt, const struct piece *piece)
{
    int64_t bucket = bucket_at(m, piece, sqlite3_column_int64(stmt, 0));
    if (bucket >= 0)
        note_time(&m->states[bucket], sqlite3_column_type(stmt, 1) != SQLITE_NULL,
                  (uint64_t)sqlite3_column_int64(stmt, 1));
}

static int each_sketch(struct making *m, struct store_file *f, sqlite3_stmt *stmt,
                       const struct piece *piece, size_t i)
{
    int64_t bucket = bucket_at(m, piece, sqlite3_column_int64(stmt, 0));
    if (bucket < 0 || m->states[bucket].is_unknown)
        return 0;
    struct part *part = &m->parts[(size_t)bucket * m->wanted_count + i];
    uint64_t windows = ds_sqlite_u64(stmt, 1);
    if (!part->only.packed && part->sketch.precision == 0) {
        part->windows += windows;
        return ds_stored_sketch(f, stmt, 2, &part->only, m->err);
    }
    struct ds_sketch sketch;
    int result = ds_sketch_column(f, stmt, 3, &sketch, m->err);
    if (result == 0)
        result = add_sketch(m, part, &sketch, windows);
    ds_sketch_finish(&sketch);
    return result;
}

/* In minutes each row by its whole key: beside it lie all other sketches of its time. Months have
 * them side by side. */
static const char in_minutes[] =
    "SELECT start, windows, hosts, sketch FROM @_sketches CROSS JOIN @_sketch USING"
    " (start, sensor, generation) WHERE kind = :kind AND key = :key AND #";
static const char in_months[] =
    "SELECT start, windows, hosts, sketch FROM @_sketch WHERE kind = :kind AND key = :key AND #";

static int walk_key(struct making *m, struct store_file *f, const struct piece *piece, size_t i,
                    const struct ds_sketch_key *key)
{
    sqlite3_stmt *stmt =
        ds_piece_prepare(f, piece, m->buckets->sensor, "",
                         f->kind == STORE_MINUTES ? in_minutes : in_months, m->err);
    char text[STORE_SKETCH_KEY_BYTES] = "";
    int row;
    if (!stmt)
        return -1;
    if (!m->wanted[i].is_world)
        ds_sketch_key_text(key, text);
    ds_sqlite_bind_text(stmt, ":kind", ds_sketch_kind_name(key->kind));
    ds_sqlite_bind_text(stmt, ":key", text);
    while ((row = ds_sqlite_step(f, stmt, m->err)) == 1)
        if ((row = each_sketch(m, f, stmt, piece, i)) < 0)
            break;
    sqlite3_finalize(stmt);
    return row;
}

static int walk_times(struct making *m, struct store_file *f, const struct piece *piece)
{
    sqlite3_stmt *stmt = ds_piece_prepare(
        f, piece, m->buckets->sensor,
        "SELECT start, sketches FROM window LEFT JOIN window_sketch USING (start, sensor)"
        " WHERE counted > 0 AND #",
        "SELECT start, secret FROM @ LEFT JOIN @_sketches USING"
        " (start, sensor, generation) WHERE counted > 0 AND #",
        m->err);
    int row;
    if (!stmt)
        return -1;
    while ((row = ds_sqlite_step(f, stmt, m->err)) == 1) {
        if (piece->level != LEVEL_WINDOW)
            each_time(m, stmt, piece);
        else if ((row = each_window(m, f, stmt, piece)) < 0)
            break;
    }
    sqlite3_finalize(stmt);
    return row;
}

static int each_piece(void *arg, struct store_file *f, const struct piece *piece,
                      struct ds_error *err)
{
    struct making *m = arg;
    (void)err;
    count_until(m, piece->from_s - piece->from_s % DAY_S);
    int result = walk_times(m, f, piece);
    for (size_t i = 0; i < m->wanted_count && result == 0 && piece->level != LEVEL_WINDOW; i++)
        for (unsigned k = 0; k < m->wanted[i].count && result == 0; k++)
            result = walk_key(m, f, piece, i, &m->wanted[i].keys[k]);
    return result;
}

static bool is_any_kept(const struct wanted *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (wanted[i].count)
            return true;
    return false;
}

int ds_estimates_make(struct sqlite_store *s, const struct ds_buckets *buckets,
                      const struct wanted *wanted, size_t wanted_count, struct estimate *out,
                      struct ds_error *err)
{
    struct making m = {
        .buckets = buckets, .wanted = wanted, .wanted_count = wanted_count, .out = out, .err = err};
    const struct plan plan = {.buckets = buckets};
    memset(out, 0, buckets->count * wanted_count * sizeof *out);
    if (!is_any_kept(wanted, wanted_count))
        return 0;
    m.states = calloc(buckets->count + 1, sizeof *m.states);
    m.parts = calloc(buckets->count * wanted_count + 1, sizeof *m.parts);
    int result = m.states && m.parts ? ds_plan_walk(s, &plan, each_piece, &m, err)
                                     : ds_error(err, DS_FAILURE, "out of memory");
    if (m.states && m.parts)
        count_until(&m, INT64_MAX);
    free(m.states);
    free(m.parts);
    return result;
}

/* What is a part of another is estimated with the same hashes, so that the difference errs no more
 * than both of them would alone. */
static struct estimate without(const struct estimate *all, const struct estimate *part)
{
    double count = all->sources.count - part->sources.count;
    return (struct estimate){
        .is_known = all->is_known && part->is_known,
        .is_port = all->is_port,
        .sources = {count > 0 ? count : 0, hypot(all->sources.error, part->sources.error)},
        .windows = all->windows,
    };
}

void ds_estimate_tell(const struct estimate e[static WANTED_PARTS], enum ds_survey_part part,
                      const struct group *g, struct ds_figures *figures)
{
    const struct estimate told = part == DS_SURVEY_PART_WITHOUT ? without(&e[0], &e[1]) : e[0];
    const struct estimate *listed = part == DS_SURVEY_PART_ONLY ? &e[1] : &e[0];
    double count = told.sources.count;
    if (figures->sources_exact || !told.is_known || (told.is_port && listed->windows < g->rows))
        return;
    figures->sources_estimated = true;
    figures->sources = (uint64_t)llround(count);
    figures->sources_error = count > 0 ? told.sources.error / count : 0;
}
