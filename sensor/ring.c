/* SPDX-License-Identifier: Apache-2.0 */
#include "ring.h"

#include <stdlib.h>

/* A lost wake-up cannot happen; this only bounds the harm of a mistake. */
#define WAIT_NS INT64_C(1000000000)

int ds_ring_init(struct ds_ring *r, size_t slots, struct ds_gate *data, struct ds_gate *room)
{
    *r = (struct ds_ring){.mask = slots - 1, .data = data, .room = room};
    r->slots = aligned_alloc(DS_CACHE_LINE, slots * sizeof *r->slots);
    return r->slots ? 0 : -1;
}

void ds_ring_finish(struct ds_ring *r)
{
    free(r->slots);
    r->slots = NULL;
}

static bool is_full(struct ds_ring *r)
{
    return r->filled - atomic_load(&r->tail) > r->mask;
}

void ds_ring_doze(struct ds_ring *r, int64_t timeout_ns)
{
    ds_ring_publish(r);
    ds_gate_prepare(r->room);
    if (is_full(r))
        ds_gate_sleep(r->room, timeout_ns);
    else
        ds_gate_cancel(r->room);
}

void ds_ring_wait_room(struct ds_ring *r)
{
    ds_ring_publish(r);
    while (is_full(r))
        ds_ring_doze(r, WAIT_NS);
}
