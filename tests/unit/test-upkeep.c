/* SPDX-License-Identifier: Apache-2.0
 *
 * A store whose two threads work at the same time: one puts windows, many of them late and some
 * twice, the other sums up, deletes and packs. Whatever came between what, and wherever both are
 * killed, the figures are right.
 */
#include "store/care.h"

#include "sample.h"
#include "scratch-store.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define START    INT64_C(1769731200) /* 2026-01-30: the days cross a month's end */
#define DAY      INT64_C(86400)
#define LENGTH_S 1800
#define DAYS     8
#define WINDOWS  (DAYS * 86400 / LENGTH_S)
#define SENSORS  2
#define MESSAGES (SENSORS * WINDOWS)
#define PACKETS  400 /* of scratch_window */
#define LIVES    2
#define KILLS    4

static const char *const sensors[SENSORS] = {"a", "b"};

struct life {
    struct scratch scratch;
    uint64_t random;
    atomic_uint put; /* messages so far */
    uint32_t order[MESSAGES];
    atomic_bool is_over;
    struct ds_error err; /* of the tidier */
};

/* Mostly in order of time, some of them days late. */
static void draw_order(struct life *l)
{
    for (uint32_t i = 0; i < MESSAGES; i++)
        l->order[i] = i;
    for (uint32_t i = 0; i < MESSAGES / 8; i++) {
        uint32_t a = (uint32_t)(sample_random(&l->random) % MESSAGES);
        uint32_t b = (uint32_t)(sample_random(&l->random) % MESSAGES);
        uint32_t kept = l->order[a];
        l->order[a] = l->order[b];
        l->order[b] = kept;
    }
}

static int try_put(struct life *l, uint32_t message, struct ds_error *err)
{
    struct ds_window w;
    int64_t start_s = START + (int64_t)(message / SENSORS) * LENGTH_S;
    scratch_window(&w, message % 7 + 1, start_s);
    w.seconds = LENGTH_S;
    const struct ds_store_put p = {.sensor = sensors[message % SENSORS],
                                   .boot = 1,
                                   .sequence = message + 1,
                                   .received_s = start_s,
                                   .window = &w};
    struct ds_store *store = l->scratch.store;
    int result = store->ops->put(store, &p, err);
    ds_window_finish(&w);
    return result;
}

static void put(struct life *l, uint32_t message, int expected)
{
    struct ds_error err = {0};
    int result = try_put(l, message, &err);
    if (result != expected)
        fail_msg("put returned %d: %s", result, err.text);
}

/* Time is that of the windows, or much later: then days are deleted that get more windows. */
static void *tidy(void *arg)
{
    struct life *l = arg;
    static const struct ds_retention keep_all = {DS_KEEP_FOR_EVER, DS_KEEP_FOR_EVER,
                                                 DS_KEEP_FOR_EVER};
    static const struct ds_retention keep_a_day = {DAY, DS_KEEP_FOR_EVER, DS_KEEP_FOR_EVER};
    struct ds_store *store = l->scratch.store;
    for (unsigned i = 0; !l->is_over; i++) {
        bool is_late = i % 3 == 0;
        int64_t now_s = START + (int64_t)(l->put / SENSORS) * LENGTH_S + (is_late ? 50 * DAY : 0);
        if (store->ops->tidy(store, is_late ? &keep_a_day : &keep_all, now_s, &l->err) < 0)
            break;
    }
    return NULL;
}

static int note_fault(void *arg, const char *name, const char *what)
{
    fail_msg("%s: %s", name, what);
    return 0;
}

static int add_packets(void *arg, const struct ds_top_row *row)
{
    *(uint64_t *)arg += row->figures.packets;
    return 0;
}

/* What the small tables say, what cells say, and what the store says of itself. */
static void assert_right(struct life *l)
{
    struct ds_error err = {0};
    struct ds_totals t;
    struct ds_figures total;
    uint64_t faults = 0, packets = 0;
    const struct ds_filter all = {0};
    const struct ds_top top = {
        .range = {0, DS_STORE_TIME_MAX, NULL}, .filter = &all, .by = DS_BY_PORT, .limit = SIZE_MAX};
    const struct ds_range range = {0, DS_STORE_TIME_MAX, NULL};
    struct ds_store *store = l->scratch.store;
    if (store->ops->totals(store, &range, &t, &err) < 0 ||
        store->ops->top(store, &top, add_packets, &packets, &total, &err) < 0 ||
        ds_store_check(store, note_fault, NULL, &faults, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(t.windows, MESSAGES);
    assert_int_equal(t.sum.books[DS_BOOK_COUNTED], MESSAGES * PACKETS);
    assert_int_equal(packets, MESSAGES * PACKETS);
    assert_int_equal(faults, 0);
}

/* All that is due; then nothing counts again. */
static void finish(struct life *l)
{
    struct ds_store *store = l->scratch.store;
    const struct ds_retention keep_a_day = {DAY, DS_KEEP_FOR_EVER, DS_KEEP_FOR_EVER};
    for (int64_t pass = 0; pass < 3; pass++)
        while (store->ops->tidy(store, &keep_a_day, START + (50 + pass) * DAY, &l->err) == 1)
            ;
    assert_right(l);
    for (uint32_t i = 0; i < MESSAGES; i++)
        put(l, i, DS_PUT_DUPLICATE);
    scratch_close(&l->scratch);
}

static void begin(struct life *l, uint64_t seed)
{
    memset(l, 0, sizeof *l);
    l->random = seed;
    scratch_open(&l->scratch);
    draw_order(l);
}

static void live(uint64_t seed)
{
    static struct life l;
    pthread_t tidier;
    begin(&l, seed);
    assert_int_equal(pthread_create(&tidier, NULL, tidy, &l), 0);
    for (uint32_t i = 0; i < MESSAGES; i++) {
        put(&l, l.order[i], DS_PUT_COMMITTED);
        if (i % 16 == 0)
            put(&l, l.order[i / 2], DS_PUT_DUPLICATE);
        l.put++;
    }
    l.is_over = true;
    pthread_join(tidier, NULL);
    if (l.err.text[0])
        fail_msg("%s", l.err.text);
    assert_right(&l);
    finish(&l);
}

static void puts_while_it_sums_up(void **state)
{
    for (uint64_t seed = 1; seed <= LIVES; seed++)
        live(seed);
}

/* ---- kill -9 ---- */

static void open_again(struct life *l)
{
    struct ds_error err = {0};
    if (ds_store_open(l->scratch.directory, DS_STORE_WRITE, &l->scratch.store, &err) < 0)
        fail_msg("%s", err.text);
}

/* In a process of its own: tells how many messages are committed, until it is killed. */
static void live_until_killed(struct life *l, int to)
{
    pthread_t tidier;
    if (ds_store_open(l->scratch.directory, DS_STORE_WRITE, &l->scratch.store, NULL) < 0 ||
        pthread_create(&tidier, NULL, tidy, l) != 0)
        _exit(1);
    for (uint32_t i = 0; !l->err.text[0]; i = i + 1 < MESSAGES ? i + 1 : 0) {
        uint32_t count = i + 1;
        if (try_put(l, l->order[i], NULL) < 0 || write(to, &count, sizeof count) != sizeof count)
            _exit(2);
        l->put = count;
    }
    _exit(3);
}

/* Kills it when so many are committed. Returns how many are. */
static uint32_t kill_after(struct life *l, uint32_t messages)
{
    int ends[2], status;
    uint32_t count = 0, most = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        live_until_killed(l, ends[1]);
    }
    close(ends[1]);
    while (most < messages && read(ends[0], &count, sizeof count) == sizeof count)
        most = count > most ? count : most;
    kill(child, SIGKILL);
    while (read(ends[0], &count, sizeof count) == sizeof count)
        most = count > most ? count : most;
    close(ends[0]);
    assert_true(waitpid(child, &status, 0) == child);
    assert_true(WIFSIGNALED(status)); /* it had no error of its own */
    return most;
}

static void no_kill_of_both_changes_a_sum(void **state)
{
    static struct life l;
    begin(&l, 99);
    ds_store_destroy(l.scratch.store);
    for (uint32_t k = 1; k <= KILLS; k++) {
        uint32_t committed = kill_after(&l, MESSAGES * k / KILLS);
        open_again(&l);
        for (uint32_t i = 0; i < committed; i++)
            put(&l, l.order[i], DS_PUT_DUPLICATE);
        if (k < KILLS)
            ds_store_destroy(l.scratch.store);
    }
    finish(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_while_it_sums_up),
        cmocka_unit_test(no_kill_of_both_changes_a_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
