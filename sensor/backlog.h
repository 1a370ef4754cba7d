/* SPDX-License-Identifier: Apache-2.0
 *
 * The windows that the aggregator has not acknowledged, encoded, in order: the uplink's memory.
 * Bounded in bytes and windows; at the bound the oldest goes. Pure; one thread.
 */
#ifndef DARKSCOPE_BACKLOG_H
#define DARKSCOPE_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct ds_backlog_entry {
    STAILQ_ENTRY(ds_backlog_entry) next;
    uint64_t sequence;
    bool is_in_flight; /* sent since the last doubt */
    bool was_sent;     /* at least once */
    int64_t sent_ns;   /* last time, steady */
    size_t size;
    unsigned char *bytes;
};

struct ds_backlog {
    STAILQ_HEAD(, ds_backlog_entry) entries;
    size_t bytes, count, in_flight;
    size_t bytes_max, count_max;
};

void ds_backlog_init(struct ds_backlog *b, size_t bytes_max, size_t count_max);
void ds_backlog_finish(struct ds_backlog *b);

/* Takes bytes (from malloc). Sets *dropped to the number of older windows that had to go; those on
 * their way are spared while there are others. A window above bytes_max is kept alone. 0, or -1
 * without memory (bytes are freed). */
int ds_backlog_push(struct ds_backlog *b, uint64_t sequence, unsigned char *bytes, size_t size,
                    size_t *dropped);

/* Forgets a window that was sent. False where there is none such (answered twice, or dropped). */
bool ds_backlog_remove(struct ds_backlog *b, uint64_t sequence);

/* The next one to send, or NULL: the oldest that is not on its way. */
struct ds_backlog_entry *ds_backlog_next(struct ds_backlog *b);

/* The one that was sent first of those on their way, or NULL. */
struct ds_backlog_entry *ds_backlog_oldest_in_flight(struct ds_backlog *b);

void ds_backlog_mark_sent(struct ds_backlog *b, struct ds_backlog_entry *e, int64_t now_ns);

/* All of them are to be sent again. */
void ds_backlog_doubt(struct ds_backlog *b);

#endif
