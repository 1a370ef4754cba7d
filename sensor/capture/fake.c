/* SPDX-License-Identifier: Apache-2.0
 *
 * A capture of frames that a test made.
 */
#include "../capture.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct ds_fake {
    struct ds_capture capture;
    const struct ds_frame *frames;
    size_t count, next, per_read;
    atomic_bool stopped;
};

static int fake_read(struct ds_capture *c, struct ds_frame *frames, size_t most,
                     struct ds_error *err)
{
    struct ds_fake *f = (struct ds_fake *)c;
    size_t n = f->count - f->next;
    if (!n || atomic_load_explicit(&f->stopped, memory_order_relaxed))
        return DS_CAPTURE_ENDED;
    if (n > most)
        n = most;
    if (n > f->per_read)
        n = f->per_read;
    memcpy(frames, f->frames + f->next, n * sizeof *frames);
    f->next += n;
    return (int)n;
}

static void fake_loss(struct ds_capture *c, struct ds_capture_loss *out)
{
    *out = (struct ds_capture_loss){0};
}

static void fake_stop(struct ds_capture *c)
{
    atomic_store_explicit(&((struct ds_fake *)c)->stopped, true, memory_order_relaxed);
}

static bool fake_is_stopped(const struct ds_capture *c)
{
    return atomic_load_explicit(&((const struct ds_fake *)c)->stopped, memory_order_relaxed);
}

static void fake_destroy(struct ds_capture *c)
{
    free(c);
}

static const struct ds_capture_ops fake_ops = {
    .read = fake_read,
    .loss = fake_loss,
    .stop = fake_stop,
    .is_stopped = fake_is_stopped,
    .destroy = fake_destroy,
};

int ds_capture_open_fake(const struct ds_frame *frames, size_t count, size_t per_read,
                         struct ds_capture **out)
{
    struct ds_fake *f = malloc(sizeof *f);
    if (!f)
        return -1;
    *f = (struct ds_fake){
        .capture.ops = &fake_ops, .frames = frames, .count = count, .per_read = per_read};
    *out = &f->capture;
    return 0;
}
