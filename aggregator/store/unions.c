/* SPDX-License-Identifier: Apache-2.0 */
#include "unions.h"

#include <stdlib.h>
#include <string.h>

#define HOUR_S INT64_C(3600)

/* Rows of an hour or a day that is being united: beyond, ports with fewest sources are dropped at
 * once, not in the end. */
#define ROWS_MAX (4 * DS_SKETCHES_MAX)

/* Lists of so many and more are opened: they are to be united with those of many more times. */
#define OPEN_MIN 64u

/* What others lack does not matter: what is not complete is not told. */
void ds_union_keep_ports(struct ds_sketches *s, size_t ports)
{
    for (size_t i = 0; i < s->count; i++)
        s->rows[i].missing = 0;
    ds_sketches_keep(s, ports);
    s->port_floor = 0;
}

static int open_large(struct ds_sketches *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->rows[i].sketch.count >= OPEN_MIN && ds_sketch_open(&s->rows[i].sketch))
            return -1;
    return 0;
}

static int unite(struct union_of *u, struct ds_sketches *next)
{
    u->is_unknown = u->is_unknown || !next->known;
    if (!u->has_begun) {
        u->has_begun = true;
        u->all = *next;
        *next = (struct ds_sketches){0};
        return 0;
    }
    if (u->is_unknown)
        ds_sketches_finish(&u->all);
    else if (ds_sketches_merge(&u->all, next))
        return -1;
    u->is_unknown = u->is_unknown || !u->all.known;
    return 0;
}

int ds_union_add(struct union_of *u, struct ds_sketches *next)
{
    int result = unite(u, next);
    ds_sketches_finish(next);
    if (result < 0)
        return -1;
    if (u->all.count > ROWS_MAX)
        ds_union_keep_ports(&u->all, DS_SKETCH_PORTS_MAX);
    return open_large(&u->all);
}

void ds_union_close(struct union_of *u)
{
    for (size_t i = 0; i < u->all.count; i++)
        ds_sketch_close(&u->all.rows[i].sketch);
    ds_union_keep_ports(&u->all, DS_SKETCH_PORTS_MAX);
}

void ds_union_finish(struct union_of *u)
{
    ds_sketches_finish(&u->all);
    *u = (struct union_of){0};
}

/* ---- open hours ---- */

static void drop(struct open_union *o)
{
    ds_union_finish(&o->united);
    *o = (struct open_union){0};
}

static struct open_union *find(struct unions *u, int64_t hour_s, int64_t sensor)
{
    for (size_t i = 0; i < UNIONS_MAX; i++)
        if (u->open[i].is_used && u->open[i].hour_s == hour_s && u->open[i].sensor == sensor)
            return &u->open[i];
    return NULL;
}

/* A free one, or, as hours are summed up in order, that of the last, if it is later. NULL: none. */
static struct open_union *make(struct unions *u, int64_t hour_s, int64_t sensor, int64_t generation)
{
    struct open_union *o = &u->open[0];
    for (size_t i = 0; i < UNIONS_MAX && o->is_used; i++)
        if (!u->open[i].is_used || u->open[i].hour_s > o->hour_s)
            o = &u->open[i];
    if (o->is_used && o->hour_s <= hour_s)
        return NULL;
    drop(o);
    o->is_used = true;
    o->hour_s = hour_s;
    o->sensor = sensor;
    o->generation = generation;
    return o;
}

/* Has it become too large, or have all? */
static bool is_large(const struct unions *u, struct open_union *o)
{
    size_t all = 0;
    if (o->united.all.count > ROWS_MAX)
        return true;
    if (o->windows % UNION_EVERY != 0)
        return false;
    o->bytes = ds_sketches_bytes(&o->united.all);
    for (size_t i = 0; i < UNIONS_MAX; i++)
        all += u->open[i].bytes;
    return o->bytes > UNION_BYTES_MAX || all > UNIONS_BYTES_MAX;
}

/* Each row is of one window; the sketches stay the caller's. 0, or -1 without memory. */
static int add_window(struct union_of *u, const struct ds_sketches *s)
{
    struct ds_sketches own = *s;
    own.packed = NULL;
    own.rows = malloc((s->count + 1) * sizeof *own.rows);
    if (!own.rows)
        return -1;
    for (size_t i = 0; i < s->count; i++) {
        own.rows[i] = s->rows[i];
        own.rows[i].windows = own.rows[i].missing == 0;
    }
    struct ds_sketches copy = {0};
    int result = 0;
    if (!u->has_begun || !s->known) {
        result = ds_sketches_copy(&own, &copy);
        result = result == 0 ? ds_union_add(u, &copy) : -1;
    } else if (!u->is_unknown) {
        result = ds_sketches_merge(&u->all, &own);
        u->is_unknown = !u->all.known;
        result = result == 0 ? open_large(&u->all) : -1;
    }
    free(own.rows);
    return result;
}

void ds_unions_note(struct unions *u, int64_t sensor, int64_t generation, const struct ds_window *w)
{
    int64_t hour_s = w->start_s - w->start_s % HOUR_S;
    struct open_union *o = find(u, hour_s, sensor);
    if (w->books[DS_BOOK_COUNTED] == 0)
        return;
    if (o && o->generation != generation)
        drop(o);
    if (!o || !o->is_used)
        o = make(u, hour_s, sensor, generation);
    if (!o)
        return;
    o->windows++;
    if (is_large(u, o) || add_window(&o->united, &w->sketches) < 0)
        drop(o);
}

void ds_unions_forget(struct unions *u, int64_t hour_s, int64_t sensor)
{
    struct open_union *o = find(u, hour_s, sensor);
    if (o)
        drop(o);
}

bool ds_unions_take(struct unions *u, int64_t hour_s, int64_t sensor, int64_t generation,
                    uint64_t windows, struct union_of *out)
{
    struct open_union *o = find(u, hour_s, sensor);
    if (!o)
        return false;
    bool is_all =
        o->generation == generation && o->windows == windows && o->united.all.count <= ROWS_MAX;
    if (is_all) {
        *out = o->united;
        o->united = (struct union_of){0};
    }
    drop(o);
    return is_all;
}

void ds_unions_finish(struct unions *u)
{
    for (size_t i = 0; i < UNIONS_MAX; i++)
        drop(&u->open[i]);
}
