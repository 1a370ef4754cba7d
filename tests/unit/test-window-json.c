/* SPDX-License-Identifier: Apache-2.0
 *
 * The line that --json prints, byte for byte.
 */
#include "darkscope/window_json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#define CELL(class_, proto_, port_, a, b, packets_, bytes_, sources_, survey_)                     \
    {                                                                                              \
        .cls = class_, .proto = proto_, .port = port_, .country = DS_COUNTRY(a, b),                \
        .packets = packets_, .bytes = bytes_, .sources = sources_, .survey_packets = survey_       \
    }

/* The printed line; the caller frees it. */
static char *print(const struct ds_window *w)
{
    char *line = NULL;
    size_t size;
    FILE *to = open_memstream(&line, &size);
    assert_non_null(to);
    assert_int_equal(ds_window_print_json(to, w, "tokyo-1", false), 0);
    fclose(to);
    return line;
}

static void prints_a_window(void **state)
{
    struct ds_cell cells[] = {
        CELL(DS_CLASS_SCAN, DS_PROTO_TCP, 22, 'D', 'E', 3, 132, 1, 3),
        CELL(DS_CLASS_SCAN, DS_PROTO_TCP, 23, 'C', 'N', 2, 88, 2, 0),
        CELL(DS_CLASS_SCAN, DS_PROTO_TCP, 23, 'D', 'E', 2, 80, 1, 1),
        CELL(DS_CLASS_BACKSCATTER, DS_PROTO_ICMP, 0x0301, '?', '?', 3, 168, 3, 0),
        CELL(DS_CLASS_OTHER, 47, 0, 'C', 'N', 1, 1500, 1, 0),
    };
    struct ds_country_tally countries[] = {
        {DS_COUNTRY('?', '?'), {3, 168, 3}},
        {DS_COUNTRY('C', 'N'), {3, 1588, 3}},
        {DS_COUNTRY('D', 'E'), {5, 212, 1}},
    };
    struct ds_device_tally devices[] = {
        {DS_COUNTRY('?', '?'), DS_DEVICE_NONE, 3, 3},
        {DS_COUNTRY('C', 'N'), DS_DEVICE_EMBEDDED, 3, 3},
        {DS_COUNTRY('D', 'E'), DS_DEVICE_WINDOWS, 5, 1},
    };
    struct ds_attack attacks[] = {{.victim = 0xcb007109,
                                   .proto = DS_PROTO_TCP,
                                   .country = DS_COUNTRY('D', 'E'),
                                   .port = 80,
                                   .ports = 2,
                                   .attack_ports = 61,
                                   .addresses = 59,
                                   .window_packets = 62,
                                   .window_bytes = 2480,
                                   .start_ms = 1767225599250,
                                   .last_ms = 1767225659999,
                                   .packets = 63,
                                   .bytes = 2520,
                                   .mismatches = 1,
                                   .max_ppm = 61}};
    struct ds_signature_tally signatures[] = {{"mirai", 4, 3, 1}, {"zmap", 1, 1, 0}};
    struct ds_window w = {
        .start_s = 1767225600,
        .seconds = 60,
        .observed_ns = 59123456789,
        .addresses_known = true,
        .addresses = 65536,
        .active_addresses = 9,
        .country_db = "DBIP-Country 2026-06",
        .books = {15, 11, 2, 2, 1, 1, 1, 7, 8, 9},
        .malformed = {[DS_MALFORMED_IP_SHORT] = 2},
        .overflow = {[DS_OVERFLOW_PAIRS] = 5},
        .bytes = 1968,
        .sources = 7,
        .destinations = 10,
        .types = {7, 0, 0, 0, 0, 0, 0, 0, 3, 1},
        .classes = {{7, 300, 3}, {3, 168, 3}, {1, 1500, 1}},
        .protocols = {[1] = 3, [6] = 7, [47] = 1},
        .cells = cells,
        .cell_count = 5,
        .countries = countries,
        .country_count = 3,
        .devices = devices,
        .device_count = 3,
        .signatures = signatures,
        .signature_count = 2,
        .attacks_known = true,
        .attacks = attacks,
        .attack_count = 1,
    };
    assert_null(ds_window_imbalance(&w));
    char *line = print(&w);
    assert_string_equal(
        line,
        "{\"sensor\":\"tokyo-1\",\"start\":\"2026-01-01T00:00:00Z\",\"seconds\":60,"
        "\"addresses\":65536,\"active_addresses\":9,\"country_db\":\"DBIP-Country 2026-06\","
        "\"observed_seconds\":59.123,"
        "\"packets\":{\"received\":15,\"counted\":11,\"outside\":2,\"malformed\":2,\"late\":1,"
        "\"fragment\":1,\"truncated\":1,\"dropped_kernel\":7,\"dropped_interface\":8,"
        "\"dropped_ring\":9},"
        "\"malformed\":{\"ip_short\":2},"
        "\"overflow\":{\"cells\":0,\"pairs\":5,\"sources\":0,\"destinations\":0,\"signatures\":0,"
        "\"attacks\":0},"
        "\"bytes\":1968,\"sources\":7,\"destinations\":10,"
        "\"types\":{\"tcp_syn\":7,\"tcp_synack\":0,\"tcp_ack\":0,\"tcp_push\":0,\"tcp_fin\":0,"
        "\"tcp_rst\":0,\"tcp_other\":0,\"udp\":0,\"icmp\":3,\"other\":1},"
        "\"classes\":{\"scan\":{\"packets\":7,\"bytes\":300,\"sources\":3},"
        "\"backscatter\":{\"packets\":3,\"bytes\":168,\"sources\":3},"
        "\"other\":{\"packets\":1,\"bytes\":1500,\"sources\":1}},"
        "\"protocols\":{\"1\":3,\"6\":7,\"47\":1},"
        "\"ports\":["
        "{\"class\":\"scan\",\"proto\":\"tcp\",\"port\":23,\"packets\":4,\"bytes\":168,"
        "\"sources\":3,\"survey_packets\":1},"
        "{\"class\":\"scan\",\"proto\":\"tcp\",\"port\":22,\"packets\":3,\"bytes\":132,"
        "\"sources\":1,\"survey_packets\":3},"
        "{\"class\":\"backscatter\",\"proto\":\"icmp\",\"port\":769,\"packets\":3,\"bytes\":168,"
        "\"sources\":3,\"survey_packets\":0},"
        "{\"class\":\"other\",\"proto\":\"47\",\"port\":0,\"packets\":1,\"bytes\":1500,"
        "\"sources\":1,\"survey_packets\":0}],"
        "\"countries\":["
        "{\"country\":\"DE\",\"packets\":5,\"bytes\":212,\"sources\":1},"
        "{\"country\":\"??\",\"packets\":3,\"bytes\":168,\"sources\":3},"
        "{\"country\":\"CN\",\"packets\":3,\"bytes\":1588,\"sources\":3}],"
        "\"devices\":["
        "{\"country\":\"??\",\"device\":\"none\",\"packets\":3,\"sources\":3},"
        "{\"country\":\"CN\",\"device\":\"embedded\",\"packets\":3,\"sources\":3},"
        "{\"country\":\"DE\",\"device\":\"windows\",\"packets\":5,\"sources\":1}],"
        "\"signatures\":["
        "{\"id\":\"mirai\",\"packets\":4,\"sources\":3,\"confirmed_sources\":1},"
        "{\"id\":\"zmap\",\"packets\":1,\"sources\":1,\"confirmed_sources\":0}],"
        "\"attacks\":["
        "{\"victim\":\"203.0.113.9\",\"country\":\"DE\",\"proto\":\"tcp\",\"port\":80,"
        "\"ports\":2,\"attack_ports\":61,\"addresses\":59,\"window_packets\":62,"
        "\"window_bytes\":2480,\"start\":\"2025-12-31T23:59:59.250Z\","
        "\"last\":\"2026-01-01T00:00:59.999Z\",\"packets\":63,\"bytes\":2520,"
        "\"mismatches\":1,\"max_ppm\":61}]}\n");
    free(line);
}

static void prints_what_is_unknown_as_null(void **state)
{
    struct ds_window w;
    ds_window_init(&w);
    w.seconds = 60;
    w.observed_ns = 60000000000;
    w.active_addresses = 3;
    char *line = print(&w);
    assert_non_null(strstr(line, "\"addresses\":null,\"active_addresses\":3,\"country_db\":null,"
                                 "\"observed_seconds\":60.0,"));
    assert_non_null(strstr(line, "\"malformed\":{},\"overflow\":{\"cells\":0,"));
    assert_non_null(strstr(line, "\"protocols\":{},\"ports\":[],\"countries\":[],"
                                 "\"devices\":[],\"signatures\":[],\"attacks\":null}\n"));
    free(line);
}

static void rounds_observed_time_to_a_millisecond(void **state)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {
        {0, ":0.0,"},
        {499999, ":0.0,"},
        {500000, ":0.001,"},
        {60123000000, ":60.123,"},
        {59999600000, ":60.0,"},
        {3599999499999, ":3599.999,"},
        {UINT64_MAX, ":18446744073.71,"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ds_window w = {.observed_ns = cases[i].ns};
        char *line = print(&w);
        char expected[64];
        snprintf(expected, sizeof expected, "\"observed_seconds\"%s", cases[i].text);
        assert_non_null(strstr(line, expected));
        free(line);
    }
}

static void stays_json_with_hostile_text_and_numbers(void **state)
{
    struct ds_window w = {.bytes = UINT64_MAX, .country_db = "a\"b\\\xff\x1b\n"};
    char *line = print(&w);
    json_t *parsed = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(parsed);
    assert_string_equal(json_string_value(json_object_get(parsed, "country_db")), "a\"b\\???");
    assert_true(json_integer_value(json_object_get(parsed, "bytes")) == INT64_MAX);
    json_decref(parsed);
    free(line);
}

static void reports_a_full_disk(void **state)
{
    FILE *full = fopen("/dev/full", "w");
    if (!full)
        skip();
    struct ds_window w;
    ds_window_init(&w);
    errno = 0;
    assert_int_equal(ds_window_print_json(full, &w, "s", false), -1);
    assert_int_equal(errno, ENOSPC);
    fclose(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_a_window),
        cmocka_unit_test(prints_what_is_unknown_as_null),
        cmocka_unit_test(rounds_observed_time_to_a_millisecond),
        cmocka_unit_test(stays_json_with_hostile_text_and_numbers),
        cmocka_unit_test(reports_a_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
