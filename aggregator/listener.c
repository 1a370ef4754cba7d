/* SPDX-License-Identifier: Apache-2.0 */
#include "listener.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define SEND_BYTES 65536 /* that the kernel keeps of a listener's frames: a second or two */

struct ds_listener_frame {
    unsigned holders;
    unsigned messages;
    size_t size;
    /* libwebsockets writes its head into the first LWS_PRE bytes, for each listener anew. */
    unsigned char bytes[];
};

static struct ds_listener_frame *make_frame(const unsigned char *bytes, size_t size,
                                            unsigned messages)
{
    struct ds_listener_frame *f = malloc(sizeof *f + LWS_PRE + size);
    if (!f)
        return NULL;
    f->holders = 1;
    f->messages = messages;
    f->size = size;
    memcpy(f->bytes + LWS_PRE, bytes, size);
    return f;
}

static void release(struct ds_listener_frame *f)
{
    if (f && --f->holders == 0)
        free(f);
}

/* Takes a hold of its own. False where it must miss it. */
static bool give(struct ds_listener *one, struct ds_listener_frame *f)
{
    if (!f || one->count == DS_LISTENER_WAITING)
        return false;
    f->holders++;
    one->waiting[one->count++] = f;
    lws_callback_on_writable(one->wsi);
    return true;
}

int ds_listener_open(struct ds_listeners *all, struct ds_listener *one, struct lws *wsi,
                     const struct ds_live *live)
{
    unsigned char *hello;
    size_t size;
    if (all->count == DS_LISTENERS_MAX || ds_live_make_hello(live, &hello, &size) < 0)
        return -1;
    struct ds_listener_frame *f = make_frame(hello, size, 1);
    free(hello);
    if (!f)
        return -1;
    /* What the kernel would keep for one that does not read is minutes of the past. */
    setsockopt(lws_get_socket_fd(wsi), SOL_SOCKET, SO_SNDBUF, &(int){SEND_BYTES}, sizeof(int));
    *one = (struct ds_listener){.wsi = wsi, .next = all->first};
    all->first = one;
    all->count++;
    give(one, f);
    release(f);
    return 0;
}

void ds_listener_close(struct ds_listeners *all, struct ds_listener *one)
{
    struct ds_listener **at = &all->first;
    while (*at && *at != one)
        at = &(*at)->next;
    if (!*at)
        return; /* it was turned away */
    *at = one->next;
    all->count--;
    for (unsigned i = 0; i < one->count; i++)
        release(one->waiting[i]);
    one->count = 0;
}

int ds_listener_write(struct ds_listener *one)
{
    if (one->count == 0)
        return 0;
    struct ds_listener_frame *f = one->waiting[0];
    int written = lws_write(one->wsi, f->bytes + LWS_PRE, f->size, LWS_WRITE_BINARY);
    one->count--;
    memmove(one->waiting, one->waiting + 1, one->count * sizeof one->waiting[0]);
    release(f);
    if (one->count)
        lws_callback_on_writable(one->wsi);
    return written < 0 ? -1 : 0;
}

/* Before the next frame it is told what it missed. */
static void confess(struct ds_listener *one)
{
    unsigned char *skipped;
    size_t size;
    if (one->count || ds_live_make_skipped(one->missed, &skipped, &size) < 0)
        return;
    struct ds_listener_frame *f = make_frame(skipped, size, 1);
    free(skipped);
    if (give(one, f))
        one->missed = 0;
    release(f);
}

void ds_listeners_show(void *arg, const unsigned char *bytes, size_t size, unsigned messages)
{
    struct ds_listeners *all = arg;
    if (!all->first)
        return;
    struct ds_listener_frame *f = make_frame(bytes, size, messages);
    for (struct ds_listener *one = all->first; one; one = one->next) {
        if (one->missed)
            confess(one);
        if (one->missed || !give(one, f)) {
            one->missed += messages;
            all->missed += messages;
        }
    }
    release(f);
}
