/* SPDX-License-Identifier: Apache-2.0 */
#include "backlog.h"

#include <stdlib.h>

void ds_backlog_init(struct ds_backlog *b, size_t bytes_max, size_t count_max)
{
    *b = (struct ds_backlog){.bytes_max = bytes_max, .count_max = count_max};
    STAILQ_INIT(&b->entries);
}

static void drop(struct ds_backlog *b, struct ds_backlog_entry *e)
{
    STAILQ_REMOVE(&b->entries, e, ds_backlog_entry, next);
    b->bytes -= e->size;
    b->count--;
    b->in_flight -= e->is_in_flight;
    free(e->bytes);
    free(e);
}

void ds_backlog_finish(struct ds_backlog *b)
{
    while (!STAILQ_EMPTY(&b->entries))
        drop(b, STAILQ_FIRST(&b->entries));
}

int ds_backlog_push(struct ds_backlog *b, uint64_t sequence, unsigned char *bytes, size_t size,
                    size_t *dropped)
{
    *dropped = 0;
    struct ds_backlog_entry *e = calloc(1, sizeof *e);
    if (!e) {
        free(bytes);
        return -1;
    }
    while (b->count > 0 && (b->count >= b->count_max || b->bytes + size > b->bytes_max)) {
        struct ds_backlog_entry *oldest = ds_backlog_next(b);
        drop(b, oldest ? oldest : STAILQ_FIRST(&b->entries));
        ++*dropped;
    }
    e->sequence = sequence;
    e->bytes = bytes;
    e->size = size;
    STAILQ_INSERT_TAIL(&b->entries, e, next);
    b->bytes += size;
    b->count++;
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
