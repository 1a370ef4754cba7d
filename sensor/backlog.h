/* SPDX-License-Identifier: Apache-2.0
 *
 * The windows that the aggregator has not acknowledged, encoded, in order: on disk where there is
 * a spool that works, else in memory. Bounded in bytes and windows. Where the spool is full the
 * oldest windows become one an hour, if they were never sent: part of one that was sent may be
 * stored already, and nobody knows what an earlier run sent. Where that gains nothing the oldest
 * go, as in memory. One thread.
 */
#ifndef DARKSCOPE_BACKLOG_H
#define DARKSCOPE_BACKLOG_H

#include "spool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct ds_backlog_entry {
    STAILQ_ENTRY(ds_backlog_entry) next;
    uint64_t boot;
    uint64_t sequence; /* of all entries different, whatever the boot */
    uint64_t first;    /* of the windows that are in it; sequence where it is one */
    bool is_of_this_run;
    bool is_in_flight; /* sent since the last doubt */
    bool was_sent;     /* at least once */
    int64_t sent_ns;   /* last time, steady */
    size_t size;
    unsigned char *bytes;        /* NULL: in the spool */
    struct ds_spool_place place; /* there */
};

struct ds_backlog {
    STAILQ_HEAD(, ds_backlog_entry) entries;
    size_t count, in_flight;
    size_t bytes; /* in memory */
    size_t bytes_max, count_max;
    struct ds_spool *spool; /* owned; NULL: none */
    uint64_t spool_max;     /* its bound */
    const char *sensor;     /* whose windows are there */
    int spool_error;        /* errno of what failed there last; 0: it works, as far as is known */
    int64_t retry_ns;       /* when what is in memory may be moved there */
    uint64_t lost;          /* windows that the spool took and could not give back */
    uint64_t merged;        /* windows that became part of others, as the spool was full */
};

void ds_backlog_init(struct ds_backlog *b, size_t bytes_max, size_t count_max);
void ds_backlog_finish(struct ds_backlog *b);

/* What earlier runs left besides their windows. */
struct ds_backlog_left {
    uint64_t last_sequence; /* the highest of all */
    uint64_t done_boot;     /* of the latest window that is done; 0: none is known */
    uint64_t damages;       /* places of the spool that cannot be read, */
    uint64_t damaged_bytes; /* together so long */
};

/* Gives an empty backlog a spool, of at most so many bytes, with the windows that are in it; sensor
 * is borrowed. 0, or -1 with err, also where they are another sensor's or of another protocol. */
int ds_backlog_open(struct ds_backlog *b, const char *directory, uint64_t bytes_max,
                    const char *sensor, struct ds_backlog_left *left, struct ds_error *err);

/* A window to add; bytes from malloc. */
struct ds_backlog_window {
    uint64_t boot, sequence;
    unsigned char *bytes;
    size_t size;
};

/* Takes the window's bytes. Sets *dropped to the number of older windows that had to go; those on
 * their way are spared while there are others, unless the spool's bound takes a file with them. A
 * window above bytes_max is kept alone in memory. 0, or -1 without memory (bytes are freed). */
int ds_backlog_push(struct ds_backlog *b, const struct ds_backlog_window *window, size_t *dropped);

/* Moves what is in memory to the spool, as far as that works, and what is there to the disk: each
 * at most once in DS_SPOOL_SYNC_NS. To be called again and again. */
void ds_backlog_secure(struct ds_backlog *b, int64_t now_ns, size_t *dropped);

/* Nothing more is to be sent in this run: what is in memory goes to the spool as far as that works,
 * and one that holds no window is emptied. ds_backlog_finish brings it to the disk. */
void ds_backlog_end(struct ds_backlog *b, size_t *dropped);

/* Is there a spool that works, of which a quarter is free? */
bool ds_backlog_has_spool_room(const struct ds_backlog *b);

/* Windows that are not in a spool. */
size_t ds_backlog_count_in_memory(const struct ds_backlog *b);

/* Forgets a window that was sent. False where there is none such (answered twice, or dropped). */
bool ds_backlog_remove(struct ds_backlog *b, uint64_t sequence);

/* The next one to send, or NULL: the oldest that is not on its way. */
struct ds_backlog_entry *ds_backlog_next(struct ds_backlog *b);

/* An entry's bytes, or NULL where they cannot be had now; then the entry is gone, and counted as
 * lost. *owned is to be freed after their use. */
const unsigned char *ds_backlog_read(struct ds_backlog *b, struct ds_backlog_entry *e,
                                     unsigned char **owned);

/* The one that was sent first of those on their way, or NULL. */
struct ds_backlog_entry *ds_backlog_oldest_in_flight(struct ds_backlog *b);

void ds_backlog_mark_sent(struct ds_backlog *b, struct ds_backlog_entry *e, int64_t now_ns);

/* All of them are to be sent again. */
void ds_backlog_doubt(struct ds_backlog *b);

/* The record of an entry's window, its body borrowed, if it is in memory. */
struct ds_spool_record ds_backlog_record(const struct ds_backlog *b,
                                         const struct ds_backlog_entry *e);

/* Forgets an entry of which the spool has the window elsewhere. */
void ds_backlog_replace(struct ds_backlog *b, struct ds_backlog_entry *e);

#endif
