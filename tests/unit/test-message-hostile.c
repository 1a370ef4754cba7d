/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes that no sensor of ours would send. Nothing may crash, leak or allocate by the sender's word
 * (run with sanitizers), and no window may come out unsorted or unbalanced.
 */
#include "darkscope/message.h"

#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S(literal) literal, sizeof(literal) - 1

struct bytes {
    unsigned char *data;
    size_t size;
};

static struct bytes encode(const struct ds_message *m)
{
    struct bytes b;
    assert_int_equal(ds_message_encode(m, &b.data, &b.size), 0);
    return b;
}

static struct bytes encode_window(void (*change)(struct ds_window *))
{
    struct ds_message m = {.kind = DS_MESSAGE_WINDOW, .sequence = 3};
    sample_small(&m.window);
    sample_sketches(&m.window);
    if (change)
        change(&m.window);
    struct bytes b = encode(&m);
    ds_message_finish(&m);
    return b;
}

/* Decodes a copy of exactly that size, so that a read beyond it is seen by the sanitizer. */
static enum ds_decode decode(const void *bytes, size_t size, const char **why)
{
    unsigned char *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    struct ds_message m;
    enum ds_decode result = ds_message_decode(&m, size ? copy : copy + 1, size, why);
    if (result == DS_DECODE_OK && m.kind == DS_MESSAGE_WINDOW) {
        assert_null(ds_window_imbalance(&m.window));
        for (size_t i = 1; i < m.window.cell_count; i++)
            assert_true(ds_cell_key(&m.window.cells[i - 1]) < ds_cell_key(&m.window.cells[i]));
        for (size_t i = 1; i < m.window.country_count; i++)
            assert_true(m.window.countries[i - 1].country < m.window.countries[i].country);
        for (size_t i = 1; i < m.window.signature_count; i++)
            assert_true(strcmp(m.window.signatures[i - 1].id, m.window.signatures[i].id) < 0);
    }
    ds_message_finish(&m);
    free(copy);
    return result;
}

static void assert_malformed(const void *bytes, size_t size, const char *expected)
{
    const char *why = NULL;
    assert_int_equal(decode(bytes, size, &why), DS_DECODE_MALFORMED);
    assert_non_null(why);
    if (expected)
        assert_string_equal(why, expected);
    assert_int_equal(decode(bytes, size, NULL), DS_DECODE_MALFORMED);
}

static void refuses_every_truncation(void **state)
{
    struct bytes b = encode_window(NULL);
    assert_int_equal(decode(b.data, b.size, NULL), DS_DECODE_OK);
    for (size_t size = 0; size < b.size; size++)
        assert_malformed(b.data, size, NULL);
    free(b.data);
    struct ds_message hello = {.kind = DS_MESSAGE_HELLO, .hello.sensor = "a"};
    b = encode(&hello);
    for (size_t size = 0; size < b.size; size++)
        assert_malformed(b.data, size, NULL);
    free(b.data);
}

static void refuses_bytes_behind_the_message(void **state)
{
    struct bytes b = encode_window(NULL);
    unsigned char *longer = calloc(b.size + 1, 1);
    assert_non_null(longer);
    memcpy(longer, b.data, b.size);
    assert_malformed(longer, b.size + 1, "bytes behind the message");
    free(longer);
    free(b.data);
}

static void survives_every_changed_byte(void **state)
{
    /* Each bit alone, all of them, and what turns one kind of value into another. */
    static const unsigned char changes[] = {1, 2, 4, 8, 16, 32, 64, 128, 255, 0x30, 0x60, 0xc0};
    struct bytes b = encode_window(NULL);
    size_t accepted = 0;
    for (size_t i = 0; i < b.size; i++) {
        for (size_t c = 0; c < sizeof changes; c++) {
            b.data[i] ^= changes[c];
            accepted += decode(b.data, b.size, NULL) == DS_DECODE_OK;
            b.data[i] ^= changes[c];
        }
    }
    /* Text, times and figures that are in no sum may change; the rest is noticed. */
    size_t tried = b.size * sizeof changes;
    print_message("# %zu of %zu changes leave a window that may be\n", accepted, tried);
    assert_true(accepted < tried / 3);
    free(b.data);
}

static void survives_changed_bytes_in_a_large_window(void **state)
{
    struct ds_message m = {.kind = DS_MESSAGE_WINDOW, .sequence = 3};
    sample_traffic(&m.window, 99, 600);
    sample_sketches(&m.window);
    struct bytes b = encode(&m);
    ds_message_finish(&m);
    for (size_t i = 0; i < b.size; i++) {
        b.data[i] ^= (unsigned char)(1u << i % 8);
        decode(b.data, b.size, NULL);
        b.data[i] ^= (unsigned char)(1u << i % 8);
    }
    assert_int_equal(decode(b.data, b.size, NULL), DS_DECODE_OK);
    free(b.data);
}

static void refuses_what_is_no_message(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *why;
    } cases[] = {
        {S(""), NULL},
        {S("\xc0"), NULL},
        {S("\x80"), "not a message"},
        {S("\xdd\x0f\xff\xff\xff"), NULL}, /* 8 GB in the stock unpacker */
        {S("\xdf\xff\xff\xff\xff"), NULL},
        {S("\xde\xff\xff"), NULL},
        {S("\xdf\x7f\xff\xff\xff\xa5major\x01"), NULL},
        {S("\x83\xa5minor\x00\xa5major\x01\xa4kind\xa3"
           "bye"),
         "major"},
        {S("\x83\xa5major\x00\xa5minor\x00\xa4kind\xa3"
           "bye"),
         "major"},
        {S("\x83\xa5major\xff\xa5minor\x00\xa4kind\xa3"
           "bye"),
         NULL},
        {S("\x83\xa5major\x01\xa5minor\x00\xa4kind\xa3"
           "boo"),
         "kind"},
        {S("\x83\xa5major\x01\xa5minor\x00\xa4kind\xdb\xff\xff\xff\xff"
           "bye"),
         NULL},
        {S("\x83\xa5major\x01\xa5minor\x00\xa4kind\xa3"
           "ack"),
         "sequence"},
        {S("\x84\xa5major\x01\xa5minor\x00\xa4kind\xa3"
           "ack\xa8sequence\x00"),
         "sequence"},
        {S("\x84\xa5major\x01\xa5minor\x00\xa4kind\xa3"
           "ack\xa8sequence\xff"),
         "sequence"},
        {S("\x84\xa5major\x01\xa5minor\x00\xa4kind\xa3"
           "ack\xa8sequence\xcb\0\0\0\0\0\0\0\0"),
         "sequence"},
        {S("\x84\xa5major\x01\xa5minor\x00\xa4kind\xa3"
           "ack\xa8sequence"
           "\xcf\x80\0\0\0\0\0\0\0"),
         "sequence"},
        {S("\x85\xa5major\x01\xa5minor\x00\xa4kind\xa3"
           "ack\xa8sequence\x01\xa8sequence\x01"),
         "sequence"},
        {S("\x85\xa5major\x01\xa5minor\x00\xa4kind\xa3"
           "ack\xa8sequence\x01\x01\x01"),
         NULL},
        {S("\x85\xa5major\x01\xa5minor\x00\xa4kind\xa3"
           "ack\xa8sequence\x01\xa1x\xc1"),
         NULL},
        {S("\x85\xa5major\x01\xa5minor\x00\xa4kind\xa3"
           "ack\xa8sequence\x01"
           "\xa1x\x91\x91\x91\x91\x91\xc0"),
         "nested too deep"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_malformed(cases[i].bytes, cases[i].size, cases[i].why);
}

static void skips_what_a_newer_minor_version_says(void **state)
{
    /* Every kind of value under a key that is not known. */
    static const struct {
        const char *bytes;
        size_t size;
    } values[] = {
        {S("\x00")},
        {S("\xff")},
        {S("\xc0")},
        {S("\xc2")},
        {S("\xc3")},
        {S("\xc4\x02yz")},
        {S("\xc5\x00\x02yz")},
        {S("\xc6\x00\x00\x00\x02yz")},
        {S("\xc7\x02\x05"
           "ab")},
        {S("\xc8\x00\x02\x05"
           "ab")},
        {S("\xc9\x00\x00\x00\x02\x05"
           "ab")},
        {S("\xca"
           "abcd")},
        {S("\xcb"
           "abcdefgh")},
        {S("\xcc\xff")},
        {S("\xcd\xff\xff")},
        {S("\xce\xff\xff\xff\xff")},
        {S("\xcf\xff\xff\xff\xff\xff\xff\xff\xff")},
        {S("\xd0\x80")},
        {S("\xd1\x80\x00")},
        {S("\xd2\x80\x00\x00\x00")},
        {S("\xd3\x80\x00\x00\x00\x00\x00\x00\x00")},
        {S("\xd4\x05"
           "a")},
        {S("\xd5\x05"
           "ab")},
        {S("\xd6\x05"
           "abcd")},
        {S("\xd7\x05"
           "abcdefgh")},
        {S("\xd8\x05"
           "abcdefghabcdefgh")},
        {S("\xd9\x02"
           "ab")},
        {S("\xda\x00\x02"
           "ab")},
        {S("\xdb\x00\x00\x00\x02"
           "ab")},
        {S("\xdc\x00\x02\x01\x02")},
        {S("\xdd\x00\x00\x00\x02\x01\x02")},
        {S("\xde\x00\x01\x01\x02")},
        {S("\xdf\x00\x00\x00\x01\x01\x02")},
        {S("\x92\x90\x81\xa1x\x91\x91\x01")},
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        unsigned char message[128];
        static const char start[] = "\x85\xa5major\x01\xa5minor\x09\xa4kind\xa3"
                                    "ack\xa3new";
        static const char end[] = "\xa8sequence\x07";
        size_t size = sizeof start - 1;
        memcpy(message, start, size);
        memcpy(message + size, values[i].bytes, values[i].size);
        size += values[i].size;
        memcpy(message + size, end, sizeof end - 1);
        size += sizeof end - 1;
        struct ds_message m;
        assert_int_equal(ds_message_decode(&m, message, size, NULL), DS_DECODE_OK);
        assert_int_equal(m.hello.minor, 9);
        assert_int_equal(m.sequence, 7);
        ds_message_finish(&m);
        for (size_t cut = 0; cut < size; cut++)
            assert_malformed(message, cut, NULL);
    }
}

static void tells_another_major_version(void **state)
{
    struct ds_message m;
    static const char other[] = "\x84\xa5major\x02\xa5minor\x05\xa4kind\xa5hello\xa3new\xc1";
    assert_int_equal(ds_message_decode(&m, S(other), NULL), DS_DECODE_VERSION);
    assert_int_equal(m.hello.major, 2);
    assert_int_equal(m.hello.minor, 5);
    assert_int_equal(m.kind, DS_MESSAGE_HELLO);
    ds_message_finish(&m);
    static const char unknown_kind[] = "\x83\xa5major\x02\xa5minor\x00\xa4kind\xa3new";
    assert_int_equal(ds_message_decode(&m, S(unknown_kind), NULL), DS_DECODE_VERSION);
    assert_int_equal(m.kind, DS_MESSAGE_KIND_COUNT);
    ds_message_finish(&m);
}

static void counts_unknown_names_with_the_rest(void **state)
{
    struct bytes b = encode_window(NULL);
    /* As if a newer sensor had a type "tcp_sin", a reason "ip_shirt" and a book "lake". */
    ((unsigned char *)memmem(b.data, b.size, "tcp_syn", 7))[5] = 'i';
    memcpy(memmem(b.data, b.size, "ip_short", 8), "ip_shirt", 8);
    ((unsigned char *)memmem(b.data, b.size, "\xa4late", 5))[3] = 'k';
    struct ds_message m;
    assert_int_equal(ds_message_decode(&m, b.data, b.size, NULL), DS_DECODE_OK);
    assert_int_equal(m.window.types[DS_TYPE_TCP_SYN], 0);
    assert_int_equal(m.window.types[DS_TYPE_OTHER], 6 + 1);
    assert_int_equal(m.window.malformed[DS_MALFORMED_OTHER], 1);
    assert_int_equal(m.window.books[DS_BOOK_LATE], 0);
    ds_message_finish(&m);
    free(b.data);
}

static void reads_an_unknown_refusal_as_busy(void **state)
{
    struct ds_message m = {.kind = DS_MESSAGE_REFUSE, .refusal = DS_REFUSAL_ORDER};
    struct bytes b = encode(&m);
    memcpy(memmem(b.data, b.size, "order", 5), "later", 5);
    assert_int_equal(ds_message_decode(&m, b.data, b.size, NULL), DS_DECODE_OK);
    assert_int_equal(m.refusal, DS_REFUSAL_BUSY);
    ds_message_finish(&m);
    free(b.data);
}

static void refuses_names_that_are_none(void **state)
{
    static const char *const names[] = {"", "-a", "a b", "a\nb", "\xc3\xa9"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct ds_message m = {.kind = DS_MESSAGE_HELLO};
        strcpy(m.hello.sensor, names[i]);
        struct bytes b = encode(&m);
        assert_malformed(b.data, b.size, "sensor");
        free(b.data);
    }
}

static void unsort_countries(struct ds_window *w)
{
    struct ds_country_tally first = w->countries[0];
    w->countries[0] = w->countries[1];
    w->countries[1] = first;
}

static void repeat_country(struct ds_window *w)
{
    w->countries[1].country = w->countries[0].country;
}

static void invent_country(struct ds_window *w)
{
    w->countries[2].country = DS_COUNTRY('z', '9');
}

static void unsort_devices(struct ds_window *w)
{
    w->devices[1].device = DS_DEVICE_UNKNOWN;
}

static void repeat_device(struct ds_window *w)
{
    w->devices[1] = w->devices[0];
}

static void break_device_country(struct ds_window *w)
{
    w->devices[0].country = DS_COUNTRY('c', 'n');
}

static void overcount_devices(struct ds_window *w)
{
    w->devices[0].packets = w->books[DS_BOOK_COUNTED];
}

static void unsort_signatures(struct ds_window *w)
{
    strcpy(w->signatures[1].id, "aaa");
}

static void break_signature_name(struct ds_window *w)
{
    strcpy(w->signatures[0].id, "mi\033ai");
}

static void unsort_attacks(struct ds_window *w)
{
    w->attacks[0].victim = UINT32_MAX;
}

static void attack_by_gre(struct ds_window *w)
{
    w->attacks[0].proto = 47;
}

static void attack_from_nowhere(struct ds_window *w)
{
    w->attacks[0].country = DS_COUNTRY('z', '9');
}

static void end_before_it_begins(struct ds_window *w)
{
    w->attacks[0].start_ms = w->attacks[0].last_ms + 1;
}

static void attack_for_ever(struct ds_window *w)
{
    w->attacks[0].last_ms = INT64_MAX;
}

static void exceed_the_attack(struct ds_window *w)
{
    w->attacks[0].window_packets = w->attacks[0].packets + 1;
}

static void attack_too_many_ports(struct ds_window *w)
{
    w->attacks[0].ports = UINT16_MAX + 2;
}

static void start_between_minutes(struct ds_window *w)
{
    w->start_s++;
}

static void start_before_1970(struct ds_window *w)
{
    w->start_s = -60;
}

static void start_after_9999(struct ds_window *w)
{
    w->start_s = 253402300800;
}

static void last_seven_seconds(struct ds_window *w)
{
    w->seconds = 7;
}

static void last_no_time(struct ds_window *w)
{
    w->seconds = 0;
}

static void last_for_ever(struct ds_window *w)
{
    w->seconds = UINT32_MAX;
}

static void observe_too_long(struct ds_window *w)
{
    w->observed_ns = 60000000001;
}

static void count_too_much(struct ds_window *w)
{
    w->bytes = DS_COUNT_MAX + 1;
}

static void lose_a_packet(struct ds_window *w)
{
    w->cells[0].packets++;
}

static void move_a_type(struct ds_window *w)
{
    w->types[DS_TYPE_UDP]++;
}

static void wrap_the_books(struct ds_window *w)
{
    w->books[DS_BOOK_OUTSIDE] -= 2;
    w->books[DS_BOOK_RECEIVED] -= 2;
}

static void refuses_windows_that_cannot_be(void **state)
{
    static const struct {
        void (*change)(struct ds_window *);
        const char *why;
    } cases[] = {
        {unsort_countries, "countries"},
        {repeat_country, "countries"},
        {invent_country, "countries"},
        {unsort_devices, "devices"},
        {repeat_device, "devices"},
        {break_device_country, "devices"},
        {overcount_devices, "devices"},
        {unsort_signatures, "signatures"},
        {break_signature_name, "signatures"},
        {unsort_attacks, "attacks"},
        {attack_by_gre, "attacks"},
        {attack_from_nowhere, "attacks"},
        {end_before_it_begins, "attacks"},
        {attack_for_ever, "attacks"},
        {exceed_the_attack, "attacks"},
        {attack_too_many_ports, "attacks"},
        {start_between_minutes, "start"},
        {start_before_1970, "start"},
        {start_after_9999, "start"},
        {last_seven_seconds, "seconds"},
        {last_no_time, "seconds"},
        {last_for_ever, "seconds"},
        {observe_too_long, "observed_ns"},
        {count_too_much, "bytes"},
        {lose_a_packet, "cells"},
        {move_a_type, "types"},
        {wrap_the_books, "packets"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes b = encode_window(cases[i].change);
        assert_malformed(b.data, b.size, cases[i].why);
        free(b.data);
    }
}

/* Rows of a table may become longer; fewer values than we know are a fault. */
static void skips_the_rest_of_a_row(void **state)
{
    struct bytes b = encode_window(NULL);
    static const char row[] = "\x94\xa4zmap\x02\x01\x01";
    static const char longer[] = "\x95\xa4zmap\x02\x01\x01\xa2hi";
    unsigned char *at = memmem(b.data, b.size, S(row));
    assert_non_null(at);
    size_t before = (size_t)(at - b.data), after = b.size - before - (sizeof row - 1);
    unsigned char *changed = malloc(b.size + sizeof longer - sizeof row);
    assert_non_null(changed);
    memcpy(changed, b.data, before);
    memcpy(changed + before, longer, sizeof longer - 1);
    memcpy(changed + before + sizeof longer - 1, at + sizeof row - 1, after);
    assert_int_equal(decode(changed, b.size + sizeof longer - sizeof row, NULL), DS_DECODE_OK);
    free(changed);
    at[0] = 0x93;
    assert_malformed(b.data, b.size, "signatures");
    free(b.data);
}

/* A key twice must not leak the first one's table. */
static void refuses_a_table_twice(void **state)
{
    struct bytes b = encode_window(NULL);
    unsigned char *at = memmem(b.data, b.size,
                               S("\xaa"
                                 "signatures"));
    assert_non_null(at);
    memcpy(at,
           "\xa9"
           "countries\x90",
           11);
    assert_int_equal(decode(b.data, b.size, NULL), DS_DECODE_MALFORMED);
    free(b.data);
}

static void refuses_a_message_that_is_too_long(void **state)
{
    size_t size = (size_t)DS_MESSAGE_MAX + 1;
    unsigned char *message = calloc(size, 1);
    assert_non_null(message);
    struct ds_message m;
    const char *why;
    assert_int_equal(ds_message_decode(&m, message, size, &why), DS_DECODE_MALFORMED);
    assert_string_equal(why, "longer than a message may be");
    ds_message_finish(&m);
    free(message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(refuses_bytes_behind_the_message),
        cmocka_unit_test(survives_every_changed_byte),
        cmocka_unit_test(survives_changed_bytes_in_a_large_window),
        cmocka_unit_test(refuses_what_is_no_message),
        cmocka_unit_test(skips_what_a_newer_minor_version_says),
        cmocka_unit_test(tells_another_major_version),
        cmocka_unit_test(counts_unknown_names_with_the_rest),
        cmocka_unit_test(reads_an_unknown_refusal_as_busy),
        cmocka_unit_test(refuses_names_that_are_none),
        cmocka_unit_test(refuses_windows_that_cannot_be),
        cmocka_unit_test(skips_the_rest_of_a_row),
        cmocka_unit_test(refuses_a_table_twice),
        cmocka_unit_test(refuses_a_message_that_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
