/* SPDX-License-Identifier: Apache-2.0
 *
 * A ring under a mutex. The eventfd mirrors "not empty or closed" and is changed under the same
 * mutex, so that no wakeup is lost and none is left over.
 */
#include "channel.h"

#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct ds_channel {
    pthread_mutex_t mutex;
    int fd;
    bool is_signalled, is_closed;
    size_t first, depth, capacity;
    void *entries[];
};

int ds_channel_create(size_t capacity, struct ds_channel **out)
{
    struct ds_channel *c = calloc(1, sizeof *c + capacity * sizeof c->entries[0]);
    if (!c)
        return -1;
    c->capacity = capacity;
    c->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (c->fd < 0) {
        free(c);
        return -1;
    }
    pthread_mutex_init(&c->mutex, NULL);
    *out = c;
    return 0;
}

void ds_channel_destroy(struct ds_channel *c)
{
    if (!c)
        return;
    close(c->fd);
    pthread_mutex_destroy(&c->mutex);
    free(c);
}

/* With the mutex held, after every change. Neither call can fail: the count is 0 or 1. */
static void signal_state(struct ds_channel *c)
{
    bool wanted = c->depth > 0 || c->is_closed;
    if (wanted == c->is_signalled)
        return;
    eventfd_t ignored;
    if (wanted)
        eventfd_write(c->fd, 1);
    else
        eventfd_read(c->fd, &ignored);
    c->is_signalled = wanted;
}

bool ds_channel_push(struct ds_channel *c, void *entry)
{
    pthread_mutex_lock(&c->mutex);
    bool has_room = !c->is_closed && c->depth < c->capacity;
    if (has_room) {
        c->entries[(c->first + c->depth++) % c->capacity] = entry;
        signal_state(c);
    }
    pthread_mutex_unlock(&c->mutex);
    return has_room;
}

static void *pop(struct ds_channel *c, bool *is_over)
{
    void *entry = NULL;
    pthread_mutex_lock(&c->mutex);
    if (c->depth > 0) {
        entry = c->entries[c->first];
        c->first = (c->first + 1) % c->capacity;
        c->depth--;
        signal_state(c);
    }
    *is_over = !entry && c->is_closed;
    pthread_mutex_unlock(&c->mutex);
    return entry;
}

void *ds_channel_pop(struct ds_channel *c)
{
    bool is_over;
    return pop(c, &is_over);
}

void *ds_channel_wait(struct ds_channel *c)
{
    for (;;) {
        bool is_over;
        void *entry = pop(c, &is_over);
        if (entry || is_over)
            return entry;
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        poll(&p, 1, -1);
    }
}

void ds_channel_close(struct ds_channel *c)
{
    pthread_mutex_lock(&c->mutex);
    c->is_closed = true;
    signal_state(c);
    pthread_mutex_unlock(&c->mutex);
}

int ds_channel_fd(const struct ds_channel *c)
{
    return c->fd;
}

size_t ds_channel_depth(struct ds_channel *c)
{
    pthread_mutex_lock(&c->mutex);
    size_t depth = c->depth;
    pthread_mutex_unlock(&c->mutex);
    return depth;
}
