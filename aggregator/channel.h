/* SPDX-License-Identifier: Apache-2.0
 *
 * A bounded queue of pointers between two threads, with a descriptor to wait on: the only way in
 * which the aggregator's threads share anything. At the bound a push is refused, never waited for.
 */
#ifndef DARKSCOPE_CHANNEL_H
#define DARKSCOPE_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

struct ds_channel;

/* 0, or -1 with errno. Entries still inside at destroy are the caller's to free before. */
int ds_channel_create(size_t capacity, struct ds_channel **out);
void ds_channel_destroy(struct ds_channel *c); /* accepts NULL */

/* Any thread. False where the channel is full or closed: the entry is still the caller's. */
bool ds_channel_push(struct ds_channel *c, void *entry);

/* Any thread. The oldest entry, or NULL where there is none now. */
void *ds_channel_pop(struct ds_channel *c);

/* Any thread. Blocks until there is an entry; NULL once the channel is closed and empty. */
void *ds_channel_wait(struct ds_channel *c);

/* Any thread. Refuses later pushes and ends waiting. */
void ds_channel_close(struct ds_channel *c);

/* Readable (level) while there are entries or the channel is closed. Only for poll. */
int ds_channel_fd(const struct ds_channel *c);

/* Any thread. Entries now inside. */
size_t ds_channel_depth(struct ds_channel *c);

#endif
