/* SPDX-License-Identifier: Apache-2.0 */
#include "backlog.h"

#include "darkscope/clock.h"
#include "darkscope/message.h"
#include "thin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void ds_backlog_init(struct ds_backlog *b, size_t bytes_max, size_t count_max)
{
    *b = (struct ds_backlog){.bytes_max = bytes_max, .count_max = count_max};
    STAILQ_INIT(&b->entries);
}

/* Without a word to the spool. */
static void forget(struct ds_backlog *b, struct ds_backlog_entry *e)
{
    STAILQ_REMOVE(&b->entries, e, ds_backlog_entry, next);
    b->bytes -= e->bytes ? e->size : 0;
    b->count--;
    b->in_flight -= e->is_in_flight;
    free(e->bytes);
    free(e);
}

void ds_backlog_replace(struct ds_backlog *b, struct ds_backlog_entry *e)
{
    ds_spool_release(b->spool, e->place);
    forget(b, e);
}

struct ds_spool_record ds_backlog_record(const struct ds_backlog *b,
                                         const struct ds_backlog_entry *e)
{
    struct ds_spool_record r = {
        .kind = DS_SPOOL_WINDOW,
        .boot = e->boot,
        .sequence = e->sequence,
        .first = e->first,
        .body = e->bytes,
        .size = (uint32_t)e->size,
    };
    strncpy(r.sensor, b->sensor, DS_NAME_MAX);
    return r;
}

static void drop(struct ds_backlog *b, struct ds_backlog_entry *e)
{
    if (!e->bytes) {
        const struct ds_spool_record record = ds_backlog_record(b, e);
        ds_spool_done(b->spool, e->place, &record);
    }
    forget(b, e);
}

void ds_backlog_finish(struct ds_backlog *b)
{
    while (!STAILQ_EMPTY(&b->entries))
        forget(b, STAILQ_FIRST(&b->entries));
    ds_spool_close(b->spool);
    b->spool = NULL;
}

static struct ds_backlog_entry *add(struct ds_backlog *b, uint64_t boot, uint64_t sequence)
{
    struct ds_backlog_entry *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->boot = boot;
    e->sequence = e->first = sequence;
    STAILQ_INSERT_TAIL(&b->entries, e, next);
    b->count++;
    return e;
}

/* ---- the spool ---- */

/* What is found at the start. */
struct finding {
    struct ds_backlog *backlog;
    struct ds_backlog_left left;
    bool no_memory, is_other_protocol;
    char other_sensor[DS_NAME_MAX + 1];
};

/* Of a window that was written anew: those that are in it. */
static void forget_replaced(struct ds_backlog *b, const struct ds_spool_record *r)
{
    struct ds_backlog_entry *e, *following;
    for (e = STAILQ_FIRST(&b->entries); e; e = following) {
        following = STAILQ_NEXT(e, next);
        if (e->boot == r->boot && e->sequence >= r->first && e->sequence <= r->sequence)
            ds_backlog_replace(b, e);
    }
}

/* Windows are sent in order also where they were written anew behind later ones. */
static void put_in_order(struct ds_backlog *b, struct ds_backlog_entry *e)
{
    struct ds_backlog_entry *other, *before = NULL;
    STAILQ_REMOVE(&b->entries, e, ds_backlog_entry, next);
    STAILQ_FOREACH(other, &b->entries, next)
    {
        if (other->boot == e->boot && other->sequence > e->sequence)
            break;
        before = other;
    }
    if (before)
        STAILQ_INSERT_AFTER(&b->entries, before, e, next);
    else
        STAILQ_INSERT_HEAD(&b->entries, e, next);
}

static void find_window(struct finding *f, const struct ds_spool_record *r, bool is_new,
                        struct ds_spool_place place)
{
    struct ds_message m;
    if (!is_new)
        forget_replaced(f->backlog, r);
    struct ds_backlog_entry *e = add(f->backlog, r->boot, r->sequence);
    if (!e) {
        f->no_memory = true;
        return;
    }
    e->first = r->first;
    if (!is_new)
        put_in_order(f->backlog, e);
    e->size = r->size;
    e->place = place;
    f->is_other_protocol |= ds_message_decode_head(&m, r->body, r->size, NULL) == DS_DECODE_VERSION;
    if (strcmp(r->sensor, f->backlog->sensor) != 0)
        strcpy(f->other_sensor, r->sensor);
}

static void find(void *arg, const struct ds_spool_record *r, struct ds_spool_place place)
{
    struct finding *f = arg;
    bool is_new = r->sequence > f->left.last_sequence;
    if (is_new)
        f->left.last_sequence = r->sequence;
    if (r->kind == DS_SPOOL_WINDOW) {
        find_window(f, r, is_new, place);
        return;
    }
    f->left.done_boot = r->boot;
    struct ds_backlog_entry *e;
    STAILQ_FOREACH(e, &f->backlog->entries, next)
    {
        if (e->boot == r->boot && e->sequence == r->sequence)
            break;
    }
    if (e)
        ds_backlog_replace(f->backlog, e);
}

int ds_backlog_open(struct ds_backlog *b, const char *directory, uint64_t bytes_max,
                    const char *sensor, struct ds_backlog_left *left, struct ds_error *err)
{
    struct finding f = {.backlog = b};
    b->sensor = sensor;
    b->spool_max = bytes_max;
    if (ds_spool_open(directory, bytes_max, &b->spool, err) ||
        ds_spool_find(b->spool, find, &f, err))
        return -1;
    f.left.damages = ds_spool_damages(b->spool, &f.left.damaged_bytes);
    *left = f.left;
    if (f.no_memory)
        return ds_error(err, DS_FAILURE, "no memory for the windows in the spool %s", directory);
    if (b->count && f.other_sensor[0])
        return ds_error(err, DS_CONFIG,
                        "the spool %s holds windows of the sensor %s, not delivered yet: start it "
                        "with that name once, or give another spool.directory",
                        directory, f.other_sensor);
    if (b->count && f.is_other_protocol)
        return ds_error(err, DS_CONFIG,
                        "the spool %s holds windows of another release, not delivered yet: start "
                        "that once, or give another spool.directory",
                        directory);
    return 0;
}

/* Drops the oldest of the spool's files with its windows. */
static int drop_file(struct ds_backlog *b, size_t *dropped)
{
    uint64_t file;
    if (ds_spool_drop_oldest(b->spool, &file) < 0)
        return -1;
    struct ds_backlog_entry *e, *following;
    for (e = STAILQ_FIRST(&b->entries); e; e = following) {
        following = STAILQ_NEXT(e, next);
        if (e->bytes || e->place.file != file)
            continue;
        forget(b, e);
        ++*dropped;
    }
    return 0;
}

static int move_to_spool(struct ds_backlog *b, struct ds_backlog_entry *e, size_t *dropped)
{
    const struct ds_spool_record record = ds_backlog_record(b, e);
    while (ds_spool_is_full(b->spool, e->size)) {
        ds_thin_oldest_file(b);
        if (drop_file(b, dropped) < 0)
            return -1;
    }
    if (ds_spool_append(b->spool, &record, &e->place) < 0)
        return -1;
    free(e->bytes);
    e->bytes = NULL;
    b->bytes -= e->size;
    return 0;
}

/* In order, as far as it works. */
static void move_all_to_spool(struct ds_backlog *b, size_t *dropped)
{
    struct ds_backlog_entry *e = STAILQ_FIRST(&b->entries);
    for (; e && b->bytes > 0; e = STAILQ_NEXT(e, next)) {
        if (e->bytes && move_to_spool(b, e, dropped) < 0) {
            b->spool_error = errno;
            return;
        }
    }
}

void ds_backlog_secure(struct ds_backlog *b, int64_t now_ns, size_t *dropped)
{
    *dropped = 0;
    if (!b->spool)
        return;
    if (b->bytes > 0 && now_ns >= b->retry_ns) {
        b->retry_ns = now_ns + DS_SPOOL_SYNC_NS;
        move_all_to_spool(b, dropped);
    }
    int synced = ds_spool_sync(b->spool, now_ns);
    if (synced < 0)
        b->spool_error = errno;
    else if (synced == 0 && b->bytes == 0)
        b->spool_error = 0;
}

void ds_backlog_end(struct ds_backlog *b, size_t *dropped)
{
    *dropped = 0;
    if (b->spool && b->count == 0)
        ds_spool_clear(b->spool);
    else if (b->spool)
        move_all_to_spool(b, dropped);
}

bool ds_backlog_has_spool_room(const struct ds_backlog *b)
{
    return b->spool && b->spool_error == 0 && b->count < b->count_max / 4 * 3 &&
           ds_spool_bytes(b->spool) < b->spool_max / 4 * 3;
}

size_t ds_backlog_count_in_memory(const struct ds_backlog *b)
{
    size_t count = 0;
    const struct ds_backlog_entry *e;
    STAILQ_FOREACH(e, &b->entries, next)
    {
        count += e->bytes != NULL;
    }
    return count;
}

/* ---- windows ---- */

/* The oldest besides the newest, if possible one that is not on its way. */
static struct ds_backlog_entry *find_victim(struct ds_backlog *b, bool is_in_memory)
{
    struct ds_backlog_entry *e, *on_its_way = NULL;
    STAILQ_FOREACH(e, &b->entries, next)
    {
        if (!STAILQ_NEXT(e, next) || (is_in_memory && !e->bytes))
            continue;
        if (!e->is_in_flight)
            return e;
        if (!on_its_way)
            on_its_way = e;
    }
    return on_its_way;
}

static void keep_bounds(struct ds_backlog *b, size_t *dropped)
{
    struct ds_backlog_entry *victim;
    while ((b->count > b->count_max || b->bytes > b->bytes_max) &&
           (victim = find_victim(b, b->count <= b->count_max))) {
        drop(b, victim);
        ++*dropped;
    }
}

int ds_backlog_push(struct ds_backlog *b, const struct ds_backlog_window *window, size_t *dropped)
{
    *dropped = 0;
    struct ds_backlog_entry *e = add(b, window->boot, window->sequence);
    if (!e) {
        free(window->bytes);
        return -1;
    }
    e->is_of_this_run = true;
    e->bytes = window->bytes;
    e->size = window->size;
    b->bytes += e->size;
    if (b->spool)
        move_all_to_spool(b, dropped);
    keep_bounds(b, dropped);
    return 0;
}

/* Those on their way are few and near the head, so walking is cheap. */
bool ds_backlog_remove(struct ds_backlog *b, uint64_t sequence)
{
    struct ds_backlog_entry *e;
    STAILQ_FOREACH(e, &b->entries, next)
    {
        if (e->sequence == sequence && e->was_sent) {
            drop(b, e);
            return true;
        }
    }
    return false;
}

struct ds_backlog_entry *ds_backlog_next(struct ds_backlog *b)
{
    struct ds_backlog_entry *e;
    STAILQ_FOREACH(e, &b->entries, next)
    {
        if (!e->is_in_flight)
            return e;
    }
    return NULL;
}

const unsigned char *ds_backlog_read(struct ds_backlog *b, struct ds_backlog_entry *e,
                                     unsigned char **owned)
{
    *owned = NULL;
    if (e->bytes)
        return e->bytes;
    if (ds_spool_read(b->spool, e->place, e->size, owned) == 0)
        return *owned;
    b->lost++;
    if (errno == EBADMSG)
        drop(b, e);
    else
        forget(b, e); /* a later run may be able to read it */
    return NULL;
}

struct ds_backlog_entry *ds_backlog_oldest_in_flight(struct ds_backlog *b)
{
    struct ds_backlog_entry *e, *oldest = NULL;
    size_t left = b->in_flight;
    STAILQ_FOREACH(e, &b->entries, next)
    {
        if (left == 0)
            break;
        if (!e->is_in_flight)
            continue;
        left--;
        if (!oldest || e->sent_ns < oldest->sent_ns)
            oldest = e;
    }
    return oldest;
}

void ds_backlog_mark_sent(struct ds_backlog *b, struct ds_backlog_entry *e, int64_t now_ns)
{
    b->in_flight += !e->is_in_flight;
    e->is_in_flight = true;
    e->was_sent = true;
    e->sent_ns = now_ns;
}

void ds_backlog_doubt(struct ds_backlog *b)
{
    struct ds_backlog_entry *e;
    STAILQ_FOREACH(e, &b->entries, next)
    {
        e->is_in_flight = false;
    }
    b->in_flight = 0;
}
