/* SPDX-License-Identifier: Apache-2.0
 *
 * Ring and gate: by one thread at every edge, then by two with random stalls and batches, where
 * every slot must be seen once and in order. Meant to be run under the thread sanitizer too.
 */
#include "packets.h"
#include "ring.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#define SLOTS 64

struct fixture {
    struct ds_gate data, room;
    struct ds_ring ring;
};

static void set_up(struct fixture *f, size_t slots)
{
    assert_int_equal(ds_gate_init(&f->data), 0);
    assert_int_equal(ds_gate_init(&f->room), 0);
    assert_int_equal(ds_ring_init(&f->ring, slots, &f->data, &f->room), 0);
}

static void tear_down(struct fixture *f)
{
    ds_ring_finish(&f->ring);
    ds_gate_finish(&f->data);
    ds_gate_finish(&f->room);
}

/* Fills and publishes up to `most` slots with numbers from *next; how many found room. */
static unsigned fill(struct ds_ring *r, int64_t *next, unsigned most)
{
    struct ds_slot *s;
    unsigned n = 0;
    for (; n < most && (s = ds_ring_reserve(r)); n++) {
        s->epoch = (uint32_t)*next;
        s->bytes[DS_SNAP_BYTES - 1] = (uint8_t)*next;
        ++*next;
        ds_ring_commit(r);
    }
    ds_ring_publish(r);
    return n;
}

/* Takes up to `most` slots, which must go on from *next. */
static unsigned drain(struct ds_ring *r, int64_t *next, unsigned most)
{
    struct ds_slot *slots;
    size_t n = ds_ring_peek(r, &slots, most);
    assert_true(n <= most);
    for (size_t i = 0; i < n; i++, ++*next) {
        assert_true(slots[i].epoch == *next);
        assert_int_equal(slots[i].bytes[DS_SNAP_BYTES - 1], (uint8_t)*next);
        memset(&slots[i], 0xee, sizeof slots[i]);
    }
    if (n)
        ds_ring_release(r, n);
    return (unsigned)n;
}

static void test_edges(void **state)
{
    struct fixture f;
    int64_t in = 0, out = 0;
    set_up(&f, SLOTS);
    assert_false(ds_ring_has_data(&f.ring));
    assert_int_equal(drain(&f.ring, &out, SLOTS), 0);
    assert_int_equal(fill(&f.ring, &in, SLOTS + 5), SLOTS);
    assert_int_equal(fill(&f.ring, &in, 1), 0);
    assert_true(ds_ring_has_data(&f.ring));
    assert_int_equal(drain(&f.ring, &out, 1), 1);
    assert_int_equal(fill(&f.ring, &in, 2), 1);
    /* A run ends where the memory does, the rest comes with the next one. */
    assert_int_equal(drain(&f.ring, &out, 2 * SLOTS), SLOTS - 1);
    assert_int_equal(drain(&f.ring, &out, 2 * SLOTS), 1);
    assert_false(ds_ring_has_data(&f.ring));
    tear_down(&f);
}

static void test_unpublished_is_unseen(void **state)
{
    struct fixture f;
    int64_t in = 0, out = 0;
    set_up(&f, SLOTS);
    struct ds_slot *s = ds_ring_reserve(&f.ring);
    assert_ptr_equal(s, ds_ring_reserve(&f.ring)); /* until it is committed */
    s->epoch = (uint32_t)in++;
    s->bytes[DS_SNAP_BYTES - 1] = 0;
    ds_ring_commit(&f.ring);
    assert_false(ds_ring_has_data(&f.ring));
    assert_int_equal(drain(&f.ring, &out, SLOTS), 0);
    ds_ring_publish(&f.ring);
    ds_ring_publish(&f.ring);
    assert_int_equal(drain(&f.ring, &out, SLOTS), 1);
    tear_down(&f);
}

/* Every split of a full turn into batches. */
static void test_wrap(void **state)
{
    struct fixture f;
    int64_t in = 0, out = 0;
    uint64_t seed = 1;
    set_up(&f, SLOTS);
    while (in < 100000) {
        unsigned inside = (unsigned)(in - out);
        unsigned wanted = draw_below(&seed, SLOTS + 3);
        unsigned room = SLOTS - inside;
        assert_int_equal(fill(&f.ring, &in, wanted), wanted < room ? wanted : room);
        drain(&f.ring, &out, 1 + draw_below(&seed, SLOTS));
    }
    while (drain(&f.ring, &out, SLOTS))
        ;
    assert_true(in == out);
    tear_down(&f);
}

/* A signal without a sleeper is nothing; one after prepare ends the sleep to come. */
static void test_gate(void **state)
{
    struct fixture f;
    set_up(&f, SLOTS);
    ds_gate_signal(&f.data);
    int value;
    sem_getvalue(&f.data.semaphore, &value);
    assert_int_equal(value, 0);
    ds_gate_prepare(&f.data);
    ds_gate_signal(&f.data);
    ds_gate_signal(&f.data);
    sem_getvalue(&f.data.semaphore, &value);
    assert_int_equal(value, 1);
    ds_gate_sleep(&f.data, INT64_C(3600) * 1000000000); /* the test would not end */
    ds_gate_prepare(&f.data);
    ds_gate_sleep(&f.data, 1); /* its time runs out */
    ds_gate_signal(&f.data);
    sem_getvalue(&f.data.semaphore, &value);
    assert_int_equal(value, 0);
    tear_down(&f);
}

struct race {
    struct fixture f;
    int64_t count;
    unsigned most_in, most_out; /* longest batches */
    bool stall_in, stall_out;
    bool lossy; /* the producer drops where a live capture would */
    int64_t dropped;
    int64_t out_of_order;
    int64_t seen;
};

/* Lets the other side run ahead now and then. */
static void stall(bool wanted, uint64_t *seed)
{
    if (!wanted || draw_below(seed, 64))
        return;
    if (draw_below(seed, 8))
        sched_yield();
    else
        nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
}

static void *consume(void *arg)
{
    struct race *r = arg;
    struct ds_ring *ring = &r->f.ring;
    uint64_t seed = 5;
    int64_t last = -1;
    for (bool end = false; !end;) {
        struct ds_slot *slots;
        size_t n = ds_ring_peek(ring, &slots, 1 + draw_below(&seed, r->most_out));
        if (n == 0) {
            ds_gate_prepare(&r->f.data);
            if (ds_ring_has_data(ring))
                ds_gate_cancel(&r->f.data);
            else
                ds_gate_sleep(&r->f.data, INT64_C(100000000));
            continue;
        }
        for (size_t i = 0; i < n; i++) {
            end = slots[i].kind == DS_SLOT_END;
            if (end)
                break;
            bool in_order = r->lossy ? slots[i].epoch > last : slots[i].epoch == last + 1;
            r->out_of_order += !in_order || slots[i].bytes[0] != (uint8_t)slots[i].epoch;
            last = slots[i].epoch;
            r->seen++;
        }
        stall(r->stall_out, &seed);
        ds_ring_release(ring, n);
    }
    return NULL;
}

static void produce(struct race *r)
{
    struct ds_ring *ring = &r->f.ring;
    uint64_t seed = 9;
    for (int64_t i = 0; i <= r->count; i++) {
        struct ds_slot *s = ds_ring_reserve(ring);
        if (!s && r->lossy && i < r->count) {
            r->dropped++;
            ds_ring_publish(ring);
            continue;
        }
        while (!s) {
            ds_ring_wait_room(ring);
            s = ds_ring_reserve(ring);
        }
        s->kind = i < r->count ? DS_SLOT_PACKET : DS_SLOT_END;
        s->epoch = (uint32_t)i;
        s->bytes[0] = (uint8_t)i;
        ds_ring_commit(ring);
        if (draw_below(&seed, r->most_in) == 0) {
            ds_ring_publish(ring);
            stall(r->stall_in, &seed);
        }
    }
    ds_ring_publish(ring);
}

static void run(struct race *r, size_t slots)
{
    pthread_t consumer;
    set_up(&r->f, slots);
    assert_int_equal(pthread_create(&consumer, NULL, consume, r), 0);
    produce(r);
    pthread_join(consumer, NULL);
    assert_true(r->seen + r->dropped == r->count);
    assert_int_equal(r->out_of_order, 0);
    tear_down(&r->f);
}

static void test_full_speed(void **state)
{
    struct race r = {.count = 1000000, .most_in = 64, .most_out = 64};
    run(&r, 1024);
    assert_int_equal(r.dropped, 0);
}

static void test_slow_consumer(void **state)
{
    struct race r = {.count = 150000, .most_in = 64, .most_out = 8, .stall_out = true};
    run(&r, 16);
    assert_int_equal(r.dropped, 0);
}

static void test_slow_producer(void **state)
{
    struct race r = {.count = 150000, .most_in = 3, .most_out = 64, .stall_in = true};
    run(&r, 16);
    assert_int_equal(r.dropped, 0);
}

static void test_both_stall(void **state)
{
    struct race r = {
        .count = 150000, .most_in = 20, .most_out = 20, .stall_in = true, .stall_out = true};
    run(&r, 2);
    assert_int_equal(r.dropped, 0);
}

static void test_losses_are_counted(void **state)
{
    struct race r = {
        .count = 150000, .most_in = 20, .most_out = 20, .stall_out = true, .lossy = true};
    run(&r, 16);
    assert_true(r.dropped > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_unpublished_is_unseen),
        cmocka_unit_test(test_wrap),
        cmocka_unit_test(test_gate),
        cmocka_unit_test(test_full_speed),
        cmocka_unit_test(test_slow_consumer),
        cmocka_unit_test(test_slow_producer),
        cmocka_unit_test(test_both_stall),
        cmocka_unit_test(test_losses_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
