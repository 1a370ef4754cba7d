/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages there and back: every kind, random windows, other versions, and the size of a window.
 * What hostile bytes do is in test-message-hostile.c.
 */
#include "darkscope/message.h"

#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Encodes, decodes, frees the bytes. The caller finishes what comes back. */
static size_t round_trip(const struct ds_message *m, struct ds_message *back)
{
    unsigned char *bytes;
    size_t size;
    assert_int_equal(ds_message_encode(m, &bytes, &size), 0);
    const char *why = "";
    if (ds_message_decode(back, bytes, size, &why) != DS_DECODE_OK)
        fail_msg("not decoded: %s", why);
    free(bytes);
    assert_int_equal(back->kind, m->kind);
    assert_int_equal(back->hello.major, DS_PROTOCOL_MAJOR);
    assert_int_equal(back->hello.minor, DS_PROTOCOL_MINOR);
    return size;
}

static void carries_hello(void **state)
{
    struct ds_message back, m = {
                                .kind = DS_MESSAGE_HELLO,
                                .hello = {.sensor = "tokyo-1",
                                          .boot = UINT64_MAX,
                                          .monitored_digest = 0x0123456789abcdef,
                                          .clock_ns = INT64_MIN,
                                          .software = "darkscope-sensor 0.1.0",
                                          .windows_waiting = 7,
                                          .windows_lost = DS_COUNT_MAX},
                            };
    round_trip(&m, &back);
    assert_int_equal(back.hello.windows_waiting, 7);
    assert_true(back.hello.windows_lost == DS_COUNT_MAX);
    assert_string_equal(back.hello.sensor, "tokyo-1");
    assert_true(back.hello.boot == UINT64_MAX);
    assert_true(back.hello.monitored_digest == 0x0123456789abcdef);
    assert_true(back.hello.clock_ns == INT64_MIN);
    assert_string_equal(back.hello.software, "darkscope-sensor 0.1.0");
    ds_message_finish(&back);

    memset(m.hello.sensor, 'n', DS_NAME_MAX);
    memset(m.hello.software, 's', DS_NAME_MAX);
    round_trip(&m, &back);
    assert_string_equal(back.hello.sensor, m.hello.sensor);
    assert_string_equal(back.hello.software, m.hello.software);
    ds_message_finish(&back);
}

/* What version 1.0 said: later keys are missing. */
static void reads_an_older_hello(void **state)
{
    static const char older[] = "\x88\xa5major\x01\xa5minor\x00\xa4kind\xa5hello\xa6sensor\xa5tokyo"
                                "\xa4"
                                "boot\x09\xb0monitored_digest\x00\xa8"
                                "clock_ns\x01\xa8software\xa1s";
    struct ds_message m;
    assert_int_equal(ds_message_decode(&m, older, sizeof older - 1, NULL), DS_DECODE_OK);
    assert_int_equal(m.hello.minor, 0);
    assert_int_equal(m.hello.boot, 9);
    assert_int_equal(m.hello.windows_waiting, 0);
    ds_message_finish(&m);
}

static void carries_the_short_ones(void **state)
{
    struct ds_message back;
    struct ds_message welcome = {.kind = DS_MESSAGE_WELCOME, .clock_ns = 1767225600123456789};
    round_trip(&welcome, &back);
    assert_true(back.clock_ns == welcome.clock_ns);
    ds_message_finish(&back);

    struct ds_message ack = {.kind = DS_MESSAGE_ACK, .sequence = INT64_MAX};
    round_trip(&ack, &back);
    assert_true(back.sequence == INT64_MAX);
    ds_message_finish(&back);

    struct ds_message bye = {.kind = DS_MESSAGE_BYE};
    round_trip(&bye, &back);
    ds_message_finish(&back);

    for (unsigned i = 0; i < DS_REFUSAL_COUNT; i++) {
        struct ds_message refuse = {.kind = DS_MESSAGE_REFUSE, .refusal = i, .sequence = i};
        memset(refuse.reason, 'r', DS_REASON_MAX);
        round_trip(&refuse, &back);
        assert_int_equal(back.refusal, i);
        assert_int_equal(back.sequence, i);
        assert_string_equal(back.reason, refuse.reason);
        ds_message_finish(&back);
    }
}

static void carries_a_window_with_every_field(void **state)
{
    struct ds_message back, m = {.kind = DS_MESSAGE_WINDOW, .sequence = 7};
    sample_small(&m.window);
    sample_sketches(&m.window);
    round_trip(&m, &back);
    assert_int_equal(back.sequence, 7);
    sample_assert_equal(&m.window, &back.window);
    ds_message_finish(&m);
    ds_message_finish(&back);
}

static void carries_an_empty_window(void **state)
{
    struct ds_message back, m = {.kind = DS_MESSAGE_WINDOW, .sequence = 1};
    m.window.seconds = 3600;
    round_trip(&m, &back);
    sample_assert_equal(&m.window, &back.window);
    assert_false(back.window.addresses_known);
    ds_message_finish(&back);
}

static void carries_random_windows(void **state)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct ds_message back, m = {.kind = DS_MESSAGE_WINDOW, .sequence = seed};
        sample_traffic(&m.window, seed, seed * seed);
        sample_sketches(&m.window);
        round_trip(&m, &back);
        sample_assert_equal(&m.window, &back.window);
        ds_message_finish(&m);
        ds_message_finish(&back);
    }
}

static void carries_the_largest_counts(void **state)
{
    struct ds_message back, m = {.kind = DS_MESSAGE_WINDOW, .sequence = 1};
    struct ds_window *w = &m.window;
    sample_small(w);
    w->cell_count = w->country_count = 1;
    struct ds_tally most = {DS_COUNT_MAX, DS_COUNT_MAX, DS_COUNT_MAX};
    w->cells[0] = (struct ds_cell){DS_CLASS_OTHER, 255,          65535,        DS_COUNTRY('Z', 'Z'),
                                   DS_COUNT_MAX,   DS_COUNT_MAX, DS_COUNT_MAX, DS_COUNT_MAX};
    w->countries[0] = (struct ds_country_tally){DS_COUNTRY('Z', 'Z'), most};
    memset(w->books, 0, sizeof w->books);
    memset(w->malformed, 0, sizeof w->malformed);
    memset(w->types, 0, sizeof w->types);
    memset(w->protocols, 0, sizeof w->protocols);
    memset(w->classes, 0, sizeof w->classes);
    w->books[DS_BOOK_RECEIVED] = w->books[DS_BOOK_COUNTED] = DS_COUNT_MAX;
    w->types[DS_TYPE_OTHER] = w->protocols[255] = DS_COUNT_MAX;
    w->classes[DS_CLASS_OTHER] = most;
    round_trip(&m, &back);
    sample_assert_equal(w, &back.window);
    ds_message_finish(&m);
    ds_message_finish(&back);
}

static void a_minute_of_a_slash_16_is_small(void **state)
{
    struct ds_message back, m = {.kind = DS_MESSAGE_WINDOW, .sequence = 1};
    sample_traffic(&m.window, 2026, 300000);
    sample_sketches(&m.window);
    size_t size = round_trip(&m, &back);
    print_message("# %zu packets in %zu cells: %zu bytes, %.2f a cell\n", (size_t)300000,
                  m.window.cell_count, size, (double)size / (double)m.window.cell_count);
    sample_assert_equal(&m.window, &back.window);
    assert_true(m.window.cell_count > 90000);
    assert_true(size <= 500000);
    ds_message_finish(&m);
    ds_message_finish(&back);
}

static void carries_a_piece(void **state)
{
    static const uint8_t bytes[DS_PIECE_MAX - DS_PIECE_HEAD] = {1, 2, 3};
    struct ds_message m = {.kind = DS_MESSAGE_PIECE,
                           .piece = {.at = DS_MESSAGE_MAX - sizeof bytes,
                                     .of = DS_MESSAGE_MAX,
                                     .bytes = bytes,
                                     .size = sizeof bytes}};
    struct ds_message read;
    unsigned char *encoded;
    size_t size;
    assert_int_equal(ds_message_encode(&m, &encoded, &size), 0);
    assert_in_range(size, sizeof bytes, DS_PIECE_MAX);
    assert_int_equal(ds_message_decode(&read, encoded, size, NULL), DS_DECODE_OK);
    assert_int_equal(read.piece.at, m.piece.at);
    assert_int_equal(read.piece.of, m.piece.of);
    assert_int_equal(read.piece.size, sizeof bytes);
    assert_memory_equal(read.piece.bytes, bytes, sizeof bytes);
    free(encoded);
    /* Beyond the whole, and empty. */
    const struct ds_piece bad[] = {{.at = 8, .of = 8, .bytes = bytes, .size = 1},
                                   {.at = 9, .of = 8, .bytes = bytes, .size = 1},
                                   {.at = 4, .of = 8, .bytes = bytes, .size = 5},
                                   {.at = 4, .of = 8, .bytes = bytes, .size = 0}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *why = "";
        m.piece = bad[i];
        assert_int_equal(ds_message_encode(&m, &encoded, &size), 0);
        assert_int_equal(ds_message_decode(&read, encoded, size, &why), DS_DECODE_MALFORMED);
        assert_string_equal(why, "piece");
        free(encoded);
    }
}

static void cleans_texts(void **state)
{
    struct ds_message back, m = {.kind = DS_MESSAGE_REFUSE, .reason = "no\n\x1b[2J"};
    round_trip(&m, &back);
    assert_string_equal(back.reason, "no??[2J");
    ds_message_finish(&back);
}

static void names_kinds_and_refusals(void **state)
{
    assert_string_equal(ds_message_kind_name(DS_MESSAGE_WINDOW), "window");
    assert_null(ds_message_kind_name(DS_MESSAGE_KIND_COUNT));
    assert_string_equal(ds_refusal_name(DS_REFUSAL_BUSY), "busy");
    assert_null(ds_refusal_name(DS_REFUSAL_COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carries_hello),
        cmocka_unit_test(reads_an_older_hello),
        cmocka_unit_test(carries_the_short_ones),
        cmocka_unit_test(carries_a_window_with_every_field),
        cmocka_unit_test(carries_an_empty_window),
        cmocka_unit_test(carries_random_windows),
        cmocka_unit_test(carries_the_largest_counts),
        cmocka_unit_test(a_minute_of_a_slash_16_is_small),
        cmocka_unit_test(carries_a_piece),
        cmocka_unit_test(cleans_texts),
        cmocka_unit_test(names_kinds_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
