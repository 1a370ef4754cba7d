/* SPDX-License-Identifier: Apache-2.0
 *
 * The lock-free ring between one capture thread (producer) and one worker (consumer). Slots hold
 * the packets' first bytes themselves, so that the capture's buffer is free at once.
 *
 * Orderings. head counts slots published, tail slots released; each is written by one side only.
 * The producer fills slots and then stores head with release: a consumer that loads head with
 * acquire sees the slots' bytes. The consumer reads slots and then stores tail with release: a
 * producer that loads tail with acquire knows that those bytes are no longer read. Both stores are
 * sequentially consistent instead (once per batch), because the gates need them to be ordered
 * against their `waiting` flag (gate.h). The private copies (tail_seen, head_seen) are only ever
 * too old, which is safe: the ring looks fuller to the producer, emptier to the consumer. Counters
 * are 64 bits wide and never wrap. tests/model/ring.pml goes through all interleavings.
 */
#ifndef DARKSCOPE_RING_H
#define DARKSCOPE_RING_H

#include "gate.h"
#include "packet.h"

#include <stddef.h>

#define DS_CACHE_LINE 64

struct ds_ring {
    struct ds_slot *slots;
    uint64_t mask;        /* slots - 1 */
    struct ds_gate *data; /* the consumer's, shared by all rings it reads */
    struct ds_gate *room; /* the producer's */

    _Alignas(DS_CACHE_LINE) uint64_t filled; /* producer: slots filled, published or not */
    uint64_t tail_seen;
    uint64_t
        patient_from; /* the producer's own: when so many are filled, it waits for room again */
    _Alignas(DS_CACHE_LINE) _Atomic uint64_t head;

    _Alignas(DS_CACHE_LINE) uint64_t taken; /* consumer: slots released */
    uint64_t head_seen;
    _Alignas(DS_CACHE_LINE) _Atomic uint64_t tail;
};

/* slots is a power of two. The gates are borrowed. 0, or -1 without memory. */
int ds_ring_init(struct ds_ring *r, size_t slots, struct ds_gate *data, struct ds_gate *room);
void ds_ring_finish(struct ds_ring *r);

/* Producer: the next slot to fill, or NULL where the ring is full. Unpublished slots count. */
static inline struct ds_slot *ds_ring_reserve(struct ds_ring *r)
{
    if (r->filled - r->tail_seen > r->mask) {
        r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
        if (r->filled - r->tail_seen > r->mask)
            return NULL;
    }
    return &r->slots[r->filled & r->mask];
}

/* Producer: the reserved slot is filled. */
static inline void ds_ring_commit(struct ds_ring *r)
{
    r->filled++;
}

/* Producer: shows the consumer all filled slots. Called once per batch. */
static inline void ds_ring_publish(struct ds_ring *r)
{
    if (atomic_load_explicit(&r->head, memory_order_relaxed) == r->filled)
        return;
    atomic_store(&r->head, r->filled);
    ds_gate_signal(r->data);
}

/* Producer: publishes, then sleeps until there is room for a slot. */
void ds_ring_wait_room(struct ds_ring *r);
/* Likewise, but may return earlier: after the timeout, or when there is room in another ring of the
 * same producer. */
void ds_ring_doze(struct ds_ring *r, int64_t timeout_ns);

/* Consumer: the slots that can be read now, as one run of at most `most`; 0 where it is empty. */
static inline size_t ds_ring_peek(struct ds_ring *r, struct ds_slot **first, size_t most)
{
    if (r->head_seen == r->taken)
        r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
    uint64_t ready = r->head_seen - r->taken, at = r->taken & r->mask;
    uint64_t to_wrap = r->mask + 1 - at;
    ready = ready < to_wrap ? ready : to_wrap;
    *first = &r->slots[at];
    return ready < most ? (size_t)ready : most;
}

/* Consumer: the first n peeked slots are read and may be overwritten. A producer that sleeps for
 * room is woken when half the ring is free, not for every batch: else both would sleep and wake in
 * turn for each. It is always woken in the end, as the last slots are released with the ring empty.
 */
static inline void ds_ring_release(struct ds_ring *r, size_t n)
{
    r->taken += n;
    atomic_store(&r->tail, r->taken);
    if (r->head_seen - r->taken <= r->mask / 2)
        ds_gate_signal(r->room);
}

/* Consumer: is there something to read? For the second look before sleeping. */
static inline bool ds_ring_has_data(struct ds_ring *r)
{
    return atomic_load(&r->head) != r->taken;
}

#endif
