/* SPDX-License-Identifier: Apache-2.0
 *
 * The generator's counting: numbered sets, unique figures, signatures, windows in event time.
 */
#include "gen/truth.h"

#include "darkscope/window_json.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000000)

static void set_numbers_members_in_order(void **state)
{
    struct ds_gen_set s = {0};
    bool is_new;
    for (uint32_t i = 0; i < 10000; i++) {
        assert_int_equal(ds_gen_set_add(&s, i % 3, i, &is_new), i);
        assert_true(is_new);
    }
    for (uint32_t i = 0; i < 10000; i++) {
        assert_int_equal(ds_gen_set_add(&s, i % 3, i, &is_new), i);
        assert_false(is_new);
    }
    assert_int_equal(s.count, 10000);
    assert_int_equal(ds_gen_set_add(&s, 7, 0, &is_new), 10000); /* the high word counts */
    ds_gen_set_clear(&s);
    assert_int_equal(s.count, 0);
    assert_int_equal(ds_gen_set_add(&s, 0, 9999, &is_new), 0);
    ds_gen_set_finish(&s);
}

/* A SYN of source to dest at a time in tenths of a second. */
static struct ds_gen_fact syn(uint32_t source, uint32_t dest, uint16_t port, int64_t tenths)
{
    return (struct ds_gen_fact){
        .time_ns = tenths * SECOND / 10,
        .source = ds_gen_from4(source),
        .dest = ds_gen_from4(dest),
        .type = DS_TYPE_TCP_SYN,
        .cls = DS_CLASS_SCAN,
        .proto = DS_PROTO_TCP,
        .service = DS_PROTO_TCP,
        .port = port,
        .dest_port = port,
        .bytes = 40,
        .malformed = DS_MALFORMED_COUNT,
        .seq = 0x01020304, /* no signature for the destinations used here */
        .ip_id = 0,
    };
}

struct fixture {
    struct ds_gen_truth truth;
    struct ds_window all;
};

static void start(struct fixture *f)
{
    assert_int_equal(ds_gen_truth_init(&f->truth, NULL, 256, 60, NULL), 0);
}

static void count(struct fixture *f, struct ds_gen_fact fact)
{
    ds_gen_truth_count(&f->truth, &fact);
}

static const struct ds_window *all(struct fixture *f)
{
    assert_true(ds_gen_truth_all(&f->truth, &f->all));
    assert_null(ds_window_imbalance(&f->all));
    return &f->all;
}

static void stop(struct fixture *f)
{
    ds_window_finish(&f->all);
    ds_gen_truth_finish(&f->truth);
}

static void unique_figures_are_exact(void **state)
{
    struct fixture f = {0};
    start(&f);
    count(&f, syn(1, 100, 23, 0));
    count(&f, syn(1, 101, 23, 1));
    count(&f, syn(1, 100, 80, 2));
    count(&f, syn(2, 100, 23, 3));
    const struct ds_window *w = all(&f);
    assert_int_equal(w->books[DS_BOOK_COUNTED], 4);
    assert_int_equal(w->bytes, 160);
    assert_int_equal(w->sources, 2);
    assert_int_equal(w->destinations, 2);
    assert_int_equal(w->active_addresses, 2);
    assert_int_equal(w->classes[DS_CLASS_SCAN].sources, 2);
    assert_int_equal(w->cell_count, 2);
    assert_int_equal(w->cells[0].port, 23);
    assert_int_equal(w->cells[0].packets, 3);
    assert_int_equal(w->cells[0].sources, 2);
    assert_int_equal(w->cells[1].sources, 1);
    assert_int_equal(w->country_count, 1);
    assert_int_equal(w->countries[0].country, DS_COUNTRY_UNKNOWN);
    assert_int_equal(w->countries[0].tally.sources, 2);
    stop(&f);
}

static void what_is_not_counted_leaves_no_trace(void **state)
{
    struct fixture f = {0};
    struct ds_gen_fact outside = syn(1, 100, 23, 0), broken = syn(2, 101, 23, 1);
    outside.outside = true;
    broken.malformed = DS_MALFORMED_TCP_OFFSET;
    start(&f);
    count(&f, outside);
    count(&f, broken);
    const struct ds_window *w = all(&f);
    assert_int_equal(w->books[DS_BOOK_RECEIVED], 2);
    assert_int_equal(w->books[DS_BOOK_OUTSIDE], 1);
    assert_int_equal(w->malformed[DS_MALFORMED_TCP_OFFSET], 1);
    assert_int_equal(w->sources + w->destinations + w->bytes + w->cell_count, 0);
    stop(&f);
}

/* Test vector of telescope facts: 10.0.0.1, port 80, seq 0x12345678 give id 0x5629. */
static void signatures_follow_their_rules(void **state)
{
    struct fixture f = {0};
    struct ds_gen_fact mirai = syn(1, 0x0a000001, 23, 0), masscan = syn(2, 0x0a000001, 80, 1);
    struct ds_gen_fact zmap = syn(3, 0x0a000001, 80, 2), no_syn;
    mirai.seq = 0x0a000001;
    masscan.seq = 0x12345678;
    masscan.ip_id = 0x5629;
    zmap.ip_id = 54321;
    no_syn = mirai;
    no_syn.type = DS_TYPE_TCP_ACK;
    start(&f);
    count(&f, mirai);
    count(&f, masscan);
    count(&f, masscan);
    count(&f, zmap);
    count(&f, no_syn);
    const struct ds_window *w = all(&f);
    static const struct ds_signature_tally expected[] = {
        {"irregular", 4, 3, 1}, /* no options */
        {"irregular-id", 1, 1, 0}, {"irregular-no-options", 4, 3, 1},
        {"masscan", 2, 1, 1},      {"mirai", 1, 1, 0},
        {"zmap", 1, 1, 0},
    };
    assert_int_equal(w->signature_count, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_string_equal(w->signatures[i].id, expected[i].id);
        assert_int_equal(w->signatures[i].packets, expected[i].packets);
        assert_int_equal(w->signatures[i].sources, expected[i].sources);
        assert_int_equal(w->signatures[i].confirmed_sources, expected[i].confirmed_sources);
    }
    assert_int_equal(w->device_count, 2);
    assert_int_equal(w->devices[0].device, DS_DEVICE_UNKNOWN); /* no packet is as long as it says */
    assert_int_equal(w->devices[0].sources, 2);
    assert_int_equal(w->devices[1].device, DS_DEVICE_EMBEDDED); /* Mirai's mark */
    assert_int_equal(w->devices[1].packets, 2);
    stop(&f);
}

/* The sidecar's windows. */
static json_t *written(struct fixture *f)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    assert_int_equal(ds_gen_truth_write(&f->truth, to, "{}"), 0);
    fclose(to);
    json_t *root = json_loads(text, 0, NULL);
    assert_non_null(root);
    free(text);
    return root;
}

static int64_t number(const json_t *window, const char *name)
{
    return json_integer_value(json_object_get(json_object_get(window, "packets"), name));
}

static void check_window(const json_t *root, size_t i, const char *start_time, int received,
                         int late)
{
    const json_t *w = json_array_get(json_object_get(root, "windows"), i);
    assert_string_equal(json_string_value(json_object_get(w, "start")), start_time);
    assert_int_equal(number(w, "received"), received);
    assert_int_equal(number(w, "late"), late);
}

static void windows_close_after_the_lateness(void **state)
{
    struct fixture f = {0};
    start(&f);
    count(&f, syn(1, 100, 23, 100));  /* 00:10, the first */
    count(&f, syn(1, 100, 23, 50));   /* 00:05 is older, in the open window: not late */
    count(&f, syn(1, 100, 23, 610));  /* 01:01 is of the next window */
    count(&f, syn(1, 100, 23, 599));  /* 00:59.9, the previous one is still open */
    count(&f, syn(1, 100, 23, 620));  /* 01:02 closes it */
    count(&f, syn(1, 100, 23, 599));  /* now it is late */
    count(&f, syn(1, 100, 23, 3605)); /* 06:00.5 leaves 05:00 to 06:00 open */
    count(&f, syn(1, 100, 23, 2999)); /* late again: into that one */
    json_t *root = written(&f);
    assert_int_equal(json_array_size(json_object_get(root, "windows")), 7);
    check_window(root, 0, "1970-01-01T00:00:00Z", 3, 0);
    check_window(root, 1, "1970-01-01T00:01:00Z", 3, 1);
    check_window(root, 2, "1970-01-01T00:02:00Z", 0, 0);
    check_window(root, 5, "1970-01-01T00:05:00Z", 1, 1);
    check_window(root, 6, "1970-01-01T00:06:00Z", 1, 0);
    assert_int_equal(number(json_object_get(root, "all"), "late"), 0);
    json_decref(root);
    stop(&f);
}

static int64_t observed_ms(const json_t *window)
{
    return (int64_t)(json_number_value(json_object_get(window, "observed_seconds")) * 1000 + 0.5);
}

static void long_silence_is_not_watched(void **state)
{
    struct fixture f = {0};
    start(&f);
    count(&f, syn(1, 100, 23, 100));   /* 00:10 */
    count(&f, syn(1, 100, 23, 36200)); /* 1:00:20, an hour and 10 s later */
    json_t *root = written(&f);
    const json_t *windows = json_object_get(root, "windows");
    assert_int_equal(json_array_size(windows), 2);
    check_window(root, 0, "1970-01-01T00:00:00Z", 1, 0);
    check_window(root, 1, "1970-01-01T01:00:00Z", 1, 0);
    assert_int_equal(observed_ms(json_array_get(windows, 0)), 0);
    assert_int_equal(observed_ms(json_array_get(windows, 1)), 0);
    json_decref(root);
    stop(&f);
}

static void observed_time_is_that_of_the_packets(void **state)
{
    struct fixture f = {0};
    start(&f);
    count(&f, syn(1, 100, 23, 305)); /* 00:30.5 */
    count(&f, syn(1, 100, 23, 902)); /* 01:30.2 */
    json_t *root = written(&f);
    const json_t *windows = json_object_get(root, "windows");
    const json_t *first = json_array_get(windows, 0), *second = json_array_get(windows, 1);
    const json_t *whole = json_object_get(root, "all");
    assert_int_equal(observed_ms(first), 29500);
    assert_int_equal(observed_ms(second), 30200);
    assert_int_equal(observed_ms(whole), 59700);
    assert_string_equal(json_string_value(json_object_get(whole, "start")), "1970-01-01T00:00:30Z");
    assert_int_equal(json_integer_value(json_object_get(whole, "seconds")), 61);
    json_decref(root);
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_numbers_members_in_order),
        cmocka_unit_test(unique_figures_are_exact),
        cmocka_unit_test(what_is_not_counted_leaves_no_trace),
        cmocka_unit_test(signatures_follow_their_rules),
        cmocka_unit_test(windows_close_after_the_lateness),
        cmocka_unit_test(long_silence_is_not_watched),
        cmocka_unit_test(observed_time_is_that_of_the_packets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
