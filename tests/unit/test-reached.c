/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses that got a packet: as many bits as there are, in whatever window, and in no order that
 * tells which.
 */
#include "reached.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct world {
    struct ds_deployment deployment;
    struct ds_monitor *monitor;
    struct ds_reached reached;
    uint64_t *bits; /* by number of the address */
    size_t words;
};

static void begin(struct world *w, const struct ds_key *key, const char *prefix)
{
    struct ds_prefix p;
    struct ds_error err;
    *w = (struct world){0};
    assert_null(ds_prefix_parse(prefix, &p));
    assert_int_equal(ds_deployment_make(key, &w->deployment, &err), 0);
    assert_int_equal(ds_monitor_create(&p, 1, NULL, 0, &w->monitor, &err), 0);
    assert_int_equal(ds_reached_init(&w->reached, &w->deployment, w->monitor), 0);
    w->words = (ds_monitor_addresses(w->monitor) + 63) / 64;
    w->bits = calloc(w->words, sizeof *w->bits);
    assert_non_null(w->bits);
}

static void end(struct world *w)
{
    ds_reached_finish(&w->reached);
    ds_monitor_destroy(w->monitor);
    free(w->bits);
}

/* The sketches of a window in which the addresses of these numbers got a packet. */
static struct ds_sketches window_of(struct world *w, uint64_t from, uint64_t to)
{
    const struct ds_counts counts = {.destination_bits = w->bits, .destination_words = w->words};
    struct ds_window window;
    ds_window_init(&window);
    window.sketches.known = true;
    memset(w->bits, 0, w->words * sizeof *w->bits);
    for (uint64_t i = from; i < to; i++)
        w->bits[i / 64] |= UINT64_C(1) << i % 64;
    window.active_addresses = to - from;
    assert_int_equal(ds_reached_add(&w->reached, &counts, &window), 0);
    return window.sketches;
}

static uint32_t count_of(const struct ds_sketches *s)
{
    assert_int_equal(s->count, 1);
    assert_int_equal(s->rows[0].key.kind, DS_SKETCH_ADDRESSES);
    return s->rows[0].sketch.count;
}

static void a_set_too_large_for_bits_has_none(void **state)
{
    struct world w;
    begin(&w, NULL, "32.0.0.0/7");
    const struct ds_counts counts = {0};
    struct ds_window window;
    ds_window_init(&window);
    window.sketches.known = true;
    window.active_addresses = 3;
    assert_int_equal(ds_reached_add(&w.reached, &counts, &window), 0);
    assert_int_equal(window.sketches.count, 0);
    end(&w);
}

static void windows_unite_exactly(void **state)
{
    struct world w;
    begin(&w, NULL, "198.18.0.0/22");
    struct ds_sketches a = window_of(&w, 0, 700), b = window_of(&w, 600, 1000),
                       none = window_of(&w, 5, 5);
    assert_int_equal(count_of(&a), 700);
    assert_int_equal(count_of(&b), 400);
    assert_int_equal(none.count, 0);
    assert_int_equal(ds_sketches_merge(&a, &b), 0);
    assert_int_equal(count_of(&a), 1000);
    ds_sketches_finish(&a);
    ds_sketches_finish(&b);
    ds_sketches_finish(&none);
    end(&w);
}

/* Of four times as many as there are bits, a quarter, whichever they are. */
static void of_many_a_sample_is_told(void **state)
{
    struct world w;
    begin(&w, NULL, "198.16.0.0/14");
    struct ds_sketches half = window_of(&w, 0, 131072), all = window_of(&w, 0, 262144);
    assert_int_equal(count_of(&all), DS_SKETCH_ADDRESSES_MAX);
    /* 32,768 of a hypergeometric distribution, whose deviation is 111. */
    assert_true(count_of(&half) > 32768 - 666 && count_of(&half) < 32768 + 666);
    ds_sketches_finish(&half);
    ds_sketches_finish(&all);
    end(&w);
}

/* How many of the first 100 addresses are among the first 100 bits. */
static unsigned in_place(struct world *w)
{
    struct ds_sketches s = window_of(w, 0, 100);
    unsigned count = 0;
    uint32_t at = 0;
    for (uint32_t entry; (entry = ds_sketch_next(&s.rows[0].sketch, &at));)
        count += entry >> 8 < 100;
    ds_sketches_finish(&s);
    return count;
}

static void the_order_is_secret_and_stays(void **state)
{
    const struct ds_key key = {"japan", "009c61o!#m2NH?C3>iWS5d]J*6CRx17-skh9337x"};
    struct world one, again, other, larger;
    begin(&one, &key, "198.18.0.0/18");
    begin(&again, &key, "198.18.0.0/18");
    begin(&other, NULL, "198.18.0.0/18");
    begin(&larger, &key, "198.18.0.0/17");
    assert_memory_equal(one.reached.order, again.reached.order,
                        one.reached.count * sizeof *one.reached.order);
    assert_int_equal(one.reached.set, again.reached.set);
    assert_memory_not_equal(one.reached.order, other.reached.order, 4096);
    assert_int_not_equal(one.reached.set, larger.reached.set);
    assert_true(in_place(&one) < 10 && in_place(&other) < 10); /* 1 in the mean */
    end(&one);
    end(&again);
    end(&other);
    end(&larger);
}

static void of_everything_nothing_is_told(void **state)
{
    struct ds_deployment d;
    struct ds_monitor *m;
    struct ds_reached r;
    struct ds_error err;
    assert_int_equal(ds_deployment_make(NULL, &d, &err), 0);
    assert_int_equal(ds_monitor_create(NULL, 0, NULL, 0, &m, &err), 0);
    assert_int_equal(ds_reached_init(&r, &d, m), 0);
    assert_int_equal(r.count, 0);
    ds_reached_finish(&r);
    ds_monitor_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_unite_exactly),
        cmocka_unit_test(a_set_too_large_for_bits_has_none),
        cmocka_unit_test(of_many_a_sample_is_told),
        cmocka_unit_test(the_order_is_secret_and_stays),
        cmocka_unit_test(of_everything_nothing_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
