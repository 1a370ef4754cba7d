/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of attacks: an attack is in several windows, of several sensors, and one row each.
 */
#include "query.h"

#include "sample.h"
#include "scratch-store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define START INT64_C(1767225600) /* 2026-01-01T00:00:00Z */

/* "name=value name=value ..." */
static json_t *ask(struct scratch *s, const char *pairs)
{
    char text[128], *save = NULL;
    struct ds_query query;
    struct ds_error err = {0};
    json_t *json = NULL;
    ds_query_init(&query, DS_QUERY_ATTACKS);
    snprintf(text, sizeof text, "%s", pairs);
    for (char *name = strtok_r(text, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
        char *value = strchr(name, '=');
        *value++ = 0;
        assert_int_equal(ds_query_set(&query, name, value, &err), 0);
    }
    if (ds_query_run(&query, s->store, &json, &err) < 0)
        fail_msg("%s: %s", pairs, err.text);
    return json;
}

static json_int_t number(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    if (!json_is_integer(value))
        fail_msg("%s is no integer", key);
    return json_integer_value(value);
}

/* Window i (0, 1, 2) of an attack that goes on, and another one beside it in the last. */
static void put_attack(struct scratch *s, const char *sensor, int64_t i)
{
    struct ds_attack attacks[] = {{.victim = 0xcb007107,
                                   .proto = DS_PROTO_TCP,
                                   .country = DS_COUNTRY('J', 'P'),
                                   .port = i == 1 ? 443 : 80,
                                   .ports = (uint32_t)(3 - i),
                                   .attack_ports = 5,
                                   .addresses = 6,
                                   .window_packets = i == 1 ? 70 : 50,
                                   .window_bytes = 2000,
                                   .start_ms = START * 1000 + 250,
                                   .last_ms = (START + 60 * i) * 1000 + 59000,
                                   .packets = (uint64_t)(50 + 60 * i),
                                   .bytes = (uint64_t)(2000 + 2000 * i),
                                   .max_ppm = (uint64_t)(50 + i)},
                                  {.victim = 0xcb007109,
                                   .proto = DS_PROTO_UDP,
                                   .country = DS_COUNTRY_UNKNOWN,
                                   .window_packets = 30,
                                   .start_ms = START * 1000,
                                   .last_ms = START * 1000 + 61500,
                                   .packets = 31,
                                   .max_ppm = 30}};
    struct ds_window window;
    scratch_window(&window, 77, START + 60 * i);
    window.attacks_known = true;
    window.attacks = attacks;
    window.attack_count = i == 2 ? 2 : 1;
    window.overflow[DS_OVERFLOW_ATTACKS] = 4;
    scratch_put(s, sensor, &window);
    window.attacks = NULL;
    ds_window_finish(&window);
}

static void lists_attacks(void **state)
{
    struct scratch scratch, *s = &scratch;
    scratch_open(s);
    for (int64_t i = 0; i < 3; i++)
        put_attack(s, "east", i);
    json_t *json = ask(s, "sensor=east"), *rows = json_object_get(json, "attacks");
    assert_int_equal(json_array_size(rows), 2);
    assert_int_equal(number(json, "overflow"), 12);
    assert_int_equal(number(json, "sensors"), 1);
    json_t *first = json_array_get(rows, 0), *second = json_array_get(rows, 1);
    assert_string_equal(json_string_value(json_object_get(first, "victim")), "203.0.113.7");
    assert_string_equal(json_string_value(json_object_get(first, "country")), "JP");
    assert_string_equal(json_string_value(json_object_get(first, "sensor")), "east");
    assert_string_equal(json_string_value(json_object_get(first, "start")),
                        "2026-01-01T00:00:00.250Z");
    assert_string_equal(json_string_value(json_object_get(first, "last")),
                        "2026-01-01T00:02:59.000Z");
    assert_true(json_real_value(json_object_get(first, "duration_seconds")) == 178.75);
    assert_int_equal(number(first, "port"), 80); /* 100 packets; 443 has 70 */
    assert_int_equal(number(first, "ports_peak"), 3);
    assert_int_equal(number(first, "packets"), 170);
    assert_int_equal(number(first, "bytes"), 6000);
    assert_int_equal(number(first, "max_ppm"), 52);
    assert_int_equal(number(first, "period_packets"), 170);
    assert_int_equal(number(first, "windows"), 3);
    assert_string_equal(json_string_value(json_object_get(second, "proto")), "udp");
    json_decref(json);

    json = ask(s, "to=2026-01-01T00:02:00Z limit=1");
    first = json_array_get(json_object_get(json, "attacks"), 0);
    assert_int_equal(number(first, "port"), 443); /* of two windows: 70 against 50 */
    assert_int_equal(number(first, "packets"), 110);
    assert_true(json_is_null(json_object_get(json, "next")));
    json_decref(json);
    put_attack(s, "west", 0);
    json = ask(s, "limit=2");
    assert_int_equal(json_array_size(json_object_get(json, "attacks")), 2);
    assert_non_null(json_string_value(json_object_get(json, "next")));
    json_decref(json);
    json = ask(s, "country=??");
    assert_int_equal(json_array_size(json_object_get(json, "attacks")), 1);
    json_decref(json);
    scratch_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_attacks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
