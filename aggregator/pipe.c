/* SPDX-License-Identifier: Apache-2.0 */
#include "pipe.h"

#include "darkscope/clock.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct piece {
    char *bytes;
    size_t size;
};

struct ds_pipe {
    pthread_mutex_t mutex;
    pthread_cond_t taken;
    struct piece pieces[DS_PIPE_PIECES]; /* a ring */
    unsigned first, count;
    size_t bytes;
};

struct ds_pipe *ds_pipe_create(void)
{
    struct ds_pipe *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    pthread_condattr_t steady;
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->taken, &steady);
    pthread_condattr_destroy(&steady);
    return p;
}

void ds_pipe_destroy(struct ds_pipe *p)
{
    size_t size;
    char *bytes;
    if (!p)
        return;
    while ((bytes = ds_pipe_pop(p, &size)))
        free(bytes);
    pthread_cond_destroy(&p->taken);
    pthread_mutex_destroy(&p->mutex);
    free(p);
}

bool ds_pipe_has_room(struct ds_pipe *p)
{
    pthread_mutex_lock(&p->mutex);
    bool has_room = p->count < DS_PIPE_PIECES;
    pthread_mutex_unlock(&p->mutex);
    return has_room;
}

void ds_pipe_wait(struct ds_pipe *p)
{
    int64_t until_ns = ds_clock_steady_ns() + DS_PIPE_WAIT_MS * DS_NS_PER_MS;
    const struct timespec until = {.tv_sec = until_ns / DS_NS_PER_S,
                                   .tv_nsec = until_ns % DS_NS_PER_S};
    int waited = 0;
    pthread_mutex_lock(&p->mutex);
    while (p->count == DS_PIPE_PIECES && waited == 0)
        waited = pthread_cond_timedwait(&p->taken, &p->mutex, &until);
    pthread_mutex_unlock(&p->mutex);
}

bool ds_pipe_push(struct ds_pipe *p, const void *bytes, size_t size)
{
    char *copy = malloc(size);
    if (!copy)
        return false;
    memcpy(copy, bytes, size);
    pthread_mutex_lock(&p->mutex);
    p->pieces[(p->first + p->count) % DS_PIPE_PIECES] = (struct piece){copy, size};
    p->count++;
    p->bytes += size;
    pthread_mutex_unlock(&p->mutex);
    return true;
}

char *ds_pipe_pop(struct ds_pipe *p, size_t *size)
{
    struct piece piece = {0};
    pthread_mutex_lock(&p->mutex);
    if (p->count > 0) {
        piece = p->pieces[p->first];
        p->first = (p->first + 1) % DS_PIPE_PIECES;
        p->count--;
        p->bytes -= piece.size;
        pthread_cond_signal(&p->taken);
    }
    pthread_mutex_unlock(&p->mutex);
    *size = piece.size;
    return piece.bytes;
}

size_t ds_pipe_bytes(struct ds_pipe *p)
{
    pthread_mutex_lock(&p->mutex);
    size_t bytes = p->bytes;
    pthread_mutex_unlock(&p->mutex);
    return bytes;
}
