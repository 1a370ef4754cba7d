/* SPDX-License-Identifier: Apache-2.0
 *
 * The window clock that capture threads share: alone it is the timeline; several learn of the same
 * windows in the same order, none is closed before all know of the one before, and nobody waits.
 */
#include "packets.h"
#include "schedule.h"

#define SECOND   INT64_C(1000000000)
#define LENGTH   (60 * SECOND)
#define LATENESS (2 * SECOND)
#define START    (INT64_C(1700000040) * SECOND) /* a full minute */
#define THREADS  4
#define STEPS    20000
#define TOGETHER 20 /* steps, between which threads wait for each other */

struct pair {
    struct ds_schedule s;
    struct ds_schedule_member a, b;
};

static void begin(struct pair *p)
{
    memset(p, 0, sizeof *p);
    assert_int_equal(ds_schedule_init(&p->s, 2, LENGTH, LATENESS), 0);
}

/* As a capture thread does it; *closes counts the windows it is told of. */
static struct ds_schedule_place place_at(struct ds_schedule *s, struct ds_schedule_member *m,
                                         int64_t t, unsigned *closes)
{
    struct ds_schedule_place found;
    struct ds_epoch closed;
    if (ds_schedule_find(m, t, &found))
        return found;
    while (ds_schedule_advance(s, m, t, &closed)) {
        assert_int_equal(closed.number, m->told);
        ++*closes;
    }
    return ds_schedule_assign(m, t);
}

static uint32_t place(struct ds_schedule *s, struct ds_schedule_member *m, int64_t t, bool *late,
                      unsigned *closes)
{
    struct ds_schedule_place found = place_at(s, m, t, closes);
    *late = found.late;
    return found.epoch;
}

/* What a packet's slot must say. START is a multiple of all lengths, and of 10 s. */
static uint32_t expected_ms(int64_t time_ns, int64_t length_ns, bool late,
                            const struct ds_timeline *t)
{
    int64_t step_ns = length_ns ? (time_ns - START) % length_ns : 0; /* into the window */
    int64_t start_ns = late ? t->start_ns : time_ns - step_ns - (step_ns < 0 ? length_ns : 0);
    int64_t at_ns = late ? t->start_ns : time_ns;
    int64_t origin_ns = length_ns ? start_ns / (10 * SECOND) * (10 * SECOND) : START;
    return at_ns > origin_ns ? (uint32_t)((at_ns - origin_ns) / DS_NS_PER_MS) : 0;
}

/* One member alone gives what the timeline gives, step by step, whatever the times. */
static void test_alone(void **state)
{
    static const int64_t lengths[] = {LENGTH, SECOND, 3 * SECOND, 0};
    for (size_t l = 0; l < COUNT(lengths); l++) {
        struct ds_schedule s;
        struct ds_schedule_member m = {.told = 0};
        struct ds_timeline t;
        struct ds_epoch a, b;
        uint64_t seed = 5;
        int64_t lateness = lengths[l] / 4, now = START;
        assert_int_equal(ds_schedule_init(&s, 1, lengths[l], lateness), 0);
        ds_timeline_init(&t, lengths[l], lateness);
        for (unsigned i = 0; i < STEPS; i++) {
            unsigned kind = draw_below(&seed, 1000);
            now += draw_below(&seed, 100) * SECOND / 50;
            if (kind == 0)
                now += (int64_t)(draw_below(&seed, 20000)) * SECOND;
            if (kind == 1)
                now -= (int64_t)(draw_below(&seed, 20000)) * SECOND;
            int64_t time_ns = kind > 900 ? now - draw_below(&seed, 200) * SECOND : now;
            unsigned told = 0, closed = 0;
            bool late_t;
            struct ds_schedule_place found = place_at(&s, &m, time_ns, &told);
            while (ds_timeline_advance(&t, time_ns, &b))
                closed++;
            assert_int_equal(told, closed);
            assert_int_equal(found.epoch, ds_timeline_assign(&t, time_ns, &late_t));
            assert_int_equal(found.late, late_t);
            assert_int_equal(found.ms, expected_ms(time_ns, lengths[l], late_t, &t));
        }
        bool more;
        do {
            more = ds_timeline_finish(&t, &b);
            assert_int_equal(ds_schedule_leave(&s, &m, &a), more);
            assert_true(!more || memcmp(&a, &b, sizeof a) == 0);
        } while (more);
        ds_schedule_finish(&s);
    }
}

/* The edges of what a slot's time can hold. */
static void test_times_at_the_edges(void **state)
{
    struct pair p;
    unsigned closes = 0;
    begin(&p);
    assert_int_equal(place_at(&p.s, &p.a, START + LENGTH - 1, &closes).ms, 59999);
    assert_int_equal(place_at(&p.s, &p.a, START, &closes).ms, 0);
    assert_int_equal(place_at(&p.s, &p.a, START + LENGTH, &closes).ms, 0);
    assert_int_equal(place_at(&p.s, &p.a, INT64_MIN, &closes).ms, 0);
    /* The window of this one cannot be opened: the other thread knows nothing yet. */
    p.s.untold = 1;
    assert_int_equal(place_at(&p.s, &p.a, START + 9 * LENGTH, &closes).ms, 59999);
    ds_schedule_finish(&p.s);

    struct ds_schedule s;
    struct ds_schedule_member m = {.told = 0};
    assert_int_equal(ds_schedule_init(&s, 1, 0, 0), 0);
    assert_int_equal(place_at(&s, &m, START + 9 * SECOND / 2, &closes).ms, 4500);
    assert_int_equal(place_at(&s, &m, START - LENGTH, &closes).ms, 0);
    assert_int_equal(place_at(&s, &m, START + LENGTH, &closes).ms, 60000);
    assert_true(place_at(&s, &m, START + (UINT32_MAX - 1) * DS_NS_PER_MS, &closes).ms ==
                UINT32_MAX - 1);
    assert_true(place_at(&s, &m, INT64_MAX, &closes).ms == UINT32_MAX);
    struct ds_epoch e;
    assert_true(ds_schedule_leave(&s, &m, &e));
    assert_true(e.start_s == (START - LENGTH) / SECOND && e.origin_s == START / SECOND);
    ds_schedule_finish(&s);
}

static void test_second_learns(void **state)
{
    struct pair p;
    struct ds_epoch e;
    bool late;
    unsigned closes = 0;
    begin(&p);
    assert_int_equal(place(&p.s, &p.a, START, &late, &closes), 1);
    assert_int_equal(place(&p.s, &p.b, START + SECOND, &late, &closes), 1);
    assert_false(ds_schedule_has_news(&p.s, &p.b));
    assert_false(ds_schedule_news(&p.s, &p.b, &e));
    assert_int_equal(place(&p.s, &p.a, START + LENGTH + LATENESS, &late, &closes), 2);
    assert_int_equal(closes, 1);
    /* The other one's copy is older, and it still counts into the first window. */
    assert_int_equal(place(&p.s, &p.b, START + 2 * SECOND, &late, &closes), 1);
    assert_true(ds_schedule_has_news(&p.s, &p.b));
    assert_true(ds_schedule_news(&p.s, &p.b, &e));
    assert_int_equal(e.number, 1);
    assert_int_equal(e.start_s, START / SECOND);
    assert_int_equal(e.observed_ns, LENGTH);
    assert_false(ds_schedule_news(&p.s, &p.b, &e));
    /* Now the packet of the first window is late. */
    assert_int_equal(place(&p.s, &p.b, START + 3 * SECOND, &late, &closes), 2);
    assert_true(late);
    ds_schedule_finish(&p.s);
}

/* While one does not know of the last window, no other is closed; the packets go on, as late. */
static void test_held(void **state)
{
    struct pair p;
    struct ds_epoch e;
    bool late;
    unsigned closes = 0;
    begin(&p);
    place(&p.s, &p.a, START, &late, &closes);
    place(&p.s, &p.b, START, &late, &closes);
    assert_int_equal(place(&p.s, &p.a, START + LENGTH + LATENESS, &late, &closes), 2);
    /* Beyond the second window, whose end cannot be told: still the newest open one's, not late. */
    int64_t third = START + 2 * LENGTH;
    assert_int_equal(place(&p.s, &p.a, third + LATENESS, &late, &closes), 3);
    assert_false(late);
    assert_int_equal(place(&p.s, &p.a, third + LENGTH, &late, &closes), 3);
    assert_true(late);
    assert_int_equal(place(&p.s, &p.a, third + 7200 * SECOND, &late, &closes), 3);
    assert_true(late);
    assert_int_equal(closes, 1);
    /* When it knows, the next is closed. */
    assert_true(ds_schedule_news(&p.s, &p.b, &e));
    assert_int_equal(place(&p.s, &p.a, third + LENGTH, &late, &closes), 4);
    assert_false(late);
    assert_int_equal(closes, 2);
    ds_schedule_finish(&p.s);
}

/* The last window is as long as the last of all saw, and a thread that never was holds up nobody.
 */
static void test_end(void **state)
{
    struct pair p;
    struct ds_epoch e;
    bool late;
    unsigned closes = 0;
    begin(&p);
    place(&p.s, &p.a, START, &late, &closes);
    place(&p.s, &p.a, START + 5 * SECOND, &late, &closes);
    ds_schedule_drop(&p.s, &p.b);
    assert_true(ds_schedule_leave(&p.s, &p.a, &e));
    assert_int_equal(e.number, 1);
    assert_int_equal(e.observed_ns, 5 * SECOND);
    assert_false(ds_schedule_leave(&p.s, &p.a, &e));
    ds_schedule_finish(&p.s);
}

struct runner {
    struct ds_schedule *s;
    struct ds_schedule_member m;
    pthread_barrier_t *together;
    unsigned number;
    unsigned closes;
    uint32_t newest;
    struct ds_epoch *epochs; /* [EPOCHS_MAX], what it was told */
    pthread_t thread;
};
#define EPOCHS_MAX 4096

static void learn(struct runner *r, const struct ds_epoch *e)
{
    assert_int_equal(e->number, r->closes + 1);
    assert_true(r->closes < EPOCHS_MAX);
    r->epochs[r->closes++] = *e;
}

/* The threads run through the same time, not quite at the same pace. */
static void *run(void *arg)
{
    struct runner *r = arg;
    struct ds_epoch e;
    uint64_t seed = r->number + 1;
    int64_t now = START;
    for (unsigned i = 0; i < STEPS; i++) {
        struct ds_schedule_place found;
        if (i % TOGETHER == 0)
            pthread_barrier_wait(r->together);
        now += draw_below(&seed, 100) * SECOND / 50;
        while (ds_schedule_news(r->s, &r->m, &e))
            learn(r, &e);
        if (!ds_schedule_find(&r->m, now, &found)) {
            while (ds_schedule_advance(r->s, &r->m, now, &e))
                learn(r, &e);
            found = ds_schedule_assign(&r->m, now);
        }
        assert_in_range(found.epoch, r->closes + 1, r->closes + DS_TIMELINE_OPEN_MAX);
        r->newest = found.epoch > r->newest ? found.epoch : r->newest;
    }
    while (ds_schedule_leave(r->s, &r->m, &e))
        learn(r, &e);
    return NULL;
}

static void test_threads(void **state)
{
    struct ds_schedule s;
    struct runner runners[THREADS];
    pthread_barrier_t together;
    assert_int_equal(pthread_barrier_init(&together, NULL, THREADS), 0);
    assert_int_equal(ds_schedule_init(&s, THREADS, LENGTH, LATENESS), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        runners[i] = (struct runner){.s = &s,
                                     .together = &together,
                                     .number = i,
                                     .epochs = calloc(EPOCHS_MAX, sizeof(struct ds_epoch))};
        assert_non_null(runners[i].epochs);
        assert_int_equal(pthread_create(&runners[i].thread, NULL, run, &runners[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(runners[i].thread, NULL);
    assert_true(runners[0].closes > 100);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(runners[i].closes, runners[0].closes);
        assert_memory_equal(runners[i].epochs, runners[0].epochs,
                            runners[0].closes * sizeof(struct ds_epoch));
        assert_true(runners[i].newest <= runners[i].closes);
    }
    for (unsigned i = 0; i < THREADS; i++)
        free(runners[i].epochs);
    pthread_barrier_destroy(&together);
    ds_schedule_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alone),         cmocka_unit_test(test_times_at_the_edges),
        cmocka_unit_test(test_second_learns), cmocka_unit_test(test_held),
        cmocka_unit_test(test_end),           cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
