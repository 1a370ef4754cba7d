/* SPDX-License-Identifier: Apache-2.0
 *
 * darkscope-gen --windows: the same windows for the same plan; windows that any aggregator accepts;
 * and a truth that equals what counting them by brute force gives. With all sources listed, the
 * addresses of the windows are an independent way to the unique counts.
 */
#include "darkscope/message.h"
#include "gen/set.h"
#include "gen/windows/run.h"
#include "sample.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define START_S  INT64_C(1767225600) /* 2026-01-01, a Thursday */
#define DAY_S    86400
#define DAYS_MAX 40
#define PORTS    65536

static const struct ds_gen_plan small = {
    .seed = 7,
    .start_s = START_S,
    .end_s = START_S + 5 * DAY_S,
    .window_s = 3600,
    .sensors = 2,
    .addresses_first = 4096,
    .addresses_last = 8192,
    .packets = 5000,
    .listed = DS_SOURCES_MAX,
    .surges = 3,
    .gaps = 3,
    .late = 100,
    .repeated = 100,
};

/* ---- a sink that counts by brute force ---- */

struct counter {
    struct ds_gen_sink sink;
    const struct ds_sketch_secret *secret;
    struct ds_sketches day; /* united: those of the first day */
    uint64_t digest, messages, repeated, unordered;
    int64_t last_start_s;
    struct ds_gen_set known;          /* (boot, sequence) */
    struct ds_gen_set hosts;          /* of the run */
    struct ds_gen_set days[DAYS_MAX]; /* hosts by day */
    uint64_t counted[DAYS_MAX], sensors[DS_GEN_SENSORS_MAX], countries[PORTS], ports[PORTS];
    uint64_t bytes, types[DS_TYPE_COUNT], observed_ns, survey, attacks;
};

static void digest(struct counter *c, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < size; i++)
        c->digest = (c->digest ^ at[i]) * 0x100000001b3u;
}

/* The tables say the same about sources as the list of all of them. */
static void check_sources(const struct ds_window *w)
{
    static uint64_t sources[PORTS], packets[PORTS];
    uint64_t confirmed[DS_MARKS_MAX] = {0}, seen[DS_MARKS_MAX] = {0};
    uint64_t devices[DS_DEVICE_COUNT] = {0};
    memset(sources, 0, sizeof sources);
    memset(packets, 0, sizeof packets);
    assert_int_equal(w->source_record_count, w->sources);
    assert_int_equal(ds_window_listed_packets(w), w->books[DS_BOOK_COUNTED]);
    for (size_t i = 0; i < w->source_record_count; i++) {
        const struct ds_source_record *r = &w->source_records[i];
        sources[r->country]++;
        packets[r->country] += r->packets;
        devices[r->device] += r->packets;
        assert_true(r->ports >= 1 && r->ports <= r->packets && r->first <= r->last);
        for (unsigned k = 0; k < w->mark_count; k++) {
            seen[k] += r->seen >> k & 1;
            confirmed[k] += r->confirmed >> k & 1;
        }
    }
    for (size_t i = 0; i < w->country_count; i++) {
        assert_int_equal(w->countries[i].tally.sources, sources[w->countries[i].country]);
        assert_int_equal(w->countries[i].tally.packets, packets[w->countries[i].country]);
    }
    for (size_t i = 0; i < w->device_count; i++)
        devices[w->devices[i].device] -= w->devices[i].packets;
    for (unsigned i = 0; i < DS_DEVICE_COUNT; i++)
        assert_int_equal(devices[i], 0);
    for (size_t i = 0, k = 0; i < w->signature_count; i++, k++) {
        while (strcmp(w->marks[k], w->signatures[i].id) != 0)
            k++;
        assert_int_equal(w->signatures[i].sources, seen[k]);
        assert_int_equal(w->signatures[i].confirmed_sources, confirmed[k]);
    }
}

/* A host of a cell is one of its country, and a source's ports are the cells that it is in. */
static void check_cells(const struct ds_window *w)
{
    uint64_t in_cells = 0, of_sources = 0;
    for (size_t i = 0; i < w->cell_count; i++) {
        const struct ds_cell *c = &w->cells[i];
        assert_true(c->sources >= 1 && c->sources <= c->packets && c->bytes >= 20 * c->packets);
        in_cells += c->sources;
    }
    for (size_t i = 0; i < w->source_record_count; i++)
        of_sources += w->source_records[i].ports;
    assert_int_equal(in_cells, of_sources);
}

/* The sketch that the window has is the one that its listed sources make. */
static void
check_sketch(const struct counter *c, const struct ds_window *w, const struct ds_sketch_key *key,
             bool (*is_in)(const struct ds_source_record *, const struct ds_sketch_key *))
{
    struct ds_sketch expected;
    ds_sketch_init(&expected, DS_SKETCH_FINE);
    for (size_t i = 0; i < w->source_record_count; i++)
        if (is_in(&w->source_records[i], key))
            ds_sketch_add(&expected, ds_sketch_hash(c->secret, w->source_records[i].address));
    const struct ds_sketch_row *row = ds_sketches_find(&w->sketches, key);
    if (row)
        assert_true(ds_sketch_equal(&row->sketch, &expected));
    else
        assert_int_equal(expected.count, 0);
    ds_sketch_finish(&expected);
}

static bool is_of_country(const struct ds_source_record *r, const struct ds_sketch_key *key)
{
    return r->country == key->country;
}

static bool is_survey_of_country(const struct ds_source_record *r, const struct ds_sketch_key *key)
{
    return r->country == key->country && r->survey == DS_SURVEY_YES;
}

static bool is_of_class(const struct ds_source_record *r, const struct ds_sketch_key *key)
{
    return r->classes & 1u << key->cls;
}

/* Signatures by their bit, which the key has no place for but the port's. */
static bool is_seen(const struct ds_source_record *r, const struct ds_sketch_key *key)
{
    return r->seen & 1;
}

static bool is_confirmed_abroad(const struct ds_source_record *r, const struct ds_sketch_key *key)
{
    return r->country == key->country && r->confirmed & 4; /* mirai is the third by name */
}

/* Ports cannot be told from records: their number of sources is that of the cells, about. */
static void check_port_sketches(const struct ds_window *w)
{
    size_t ports = 0;
    for (size_t i = 0; i < w->sketches.count; i++) {
        const struct ds_sketch_row *row = &w->sketches.rows[i];
        uint64_t sources = 0;
        if (row->key.kind != DS_SKETCH_PORT)
            continue;
        ports++;
        for (size_t k = 0; k < w->cell_count; k++)
            if (w->cells[k].cls == row->key.cls && w->cells[k].proto == row->key.proto &&
                w->cells[k].port == row->key.port)
                sources += w->cells[k].sources;
        double estimate = ds_sketch_estimate(&row->sketch).count;
        assert_true(estimate <= 1.08 * (double)sources + 1 &&
                    estimate >= 0.92 * (double)sources - 1);
    }
    assert_true(ports > 0 && ports <= DS_SKETCH_PORTS_MAX);
}

static void check_sketches(struct counter *c, const struct ds_window *w)
{
    assert_string_equal(w->marks[2], "mirai");
    for (uint8_t cls = 0; cls < DS_CLASS_COUNT; cls++)
        check_sketch(c, w, &(struct ds_sketch_key){.kind = DS_SKETCH_CLASS, .cls = cls},
                     is_of_class);
    static const ds_country countries[] = {DS_COUNTRY('C', 'N'), DS_COUNTRY('U', 'S'),
                                           DS_COUNTRY('J', 'P'), DS_COUNTRY('X', 'X')};
    for (size_t i = 0; i < sizeof countries / sizeof countries[0]; i++) {
        struct ds_sketch_key key = {.kind = DS_SKETCH_COUNTRY, .country = countries[i]};
        check_sketch(c, w, &key, is_of_country);
        key.kind = DS_SKETCH_COUNTRY_SURVEY;
        check_sketch(c, w, &key, is_survey_of_country);
        key.kind = DS_SKETCH_INFECTED_CONFIRMED;
        check_sketch(c, w, &key, is_confirmed_abroad);
    }
    struct ds_sketch_key key = {.kind = DS_SKETCH_SIGNATURE};
    strcpy(key.signature, w->marks[0]);
    check_sketch(c, w, &key, is_seen);
    check_port_sketches(w);
    if (w->start_s >= START_S + DAY_S)
        return;
    if (c->day.known)
        assert_int_equal(ds_sketches_merge(&c->day, &w->sketches), 0);
    else
        assert_int_equal(ds_sketches_copy(&w->sketches, &c->day), 0);
}

static void count_window(struct counter *c, const struct ds_gen_message *m)
{
    const struct ds_window *w = m->window;
    size_t day = (size_t)((w->start_s - START_S) / DAY_S);
    bool is_new;
    c->counted[day] += w->books[DS_BOOK_COUNTED];
    c->sensors[m->number] += w->books[DS_BOOK_COUNTED];
    c->bytes += w->bytes;
    c->observed_ns += w->observed_ns;
    c->attacks += w->attack_count;
    for (int i = 0; i < DS_TYPE_COUNT; i++)
        c->types[i] += w->types[i];
    for (size_t i = 0; i < w->country_count; i++)
        c->countries[w->countries[i].country] += w->countries[i].tally.packets;
    for (size_t i = 0; i < w->cell_count; i++) {
        if (w->cells[i].cls == DS_CLASS_SCAN && w->cells[i].proto == DS_PROTO_TCP)
            c->ports[w->cells[i].port] += w->cells[i].packets;
        c->survey += w->cells[i].survey_packets;
    }
    for (size_t i = 0; i < w->source_record_count; i++) {
        uint64_t key = (uint64_t)w->source_records[i].country << 32 | w->source_records[i].address;
        ds_gen_set_add(&c->hosts, 0, key, &is_new);
        ds_gen_set_add(&c->days[day], 0, key, &is_new);
    }
}

static int receive(struct ds_gen_sink *sink, const struct ds_gen_message *m, struct ds_error *err)
{
    struct counter *c = (struct counter *)sink;
    struct ds_message message = {
        .kind = DS_MESSAGE_WINDOW, .sequence = m->sequence, .window = *m->window};
    struct ds_message decoded;
    unsigned char *bytes;
    size_t size;
    const char *why = NULL;
    bool is_new;
    const char *imbalance = ds_window_imbalance(m->window);
    if (imbalance)
        fail_msg("the books do not balance: %s", imbalance);
    assert_int_equal(ds_message_encode(&message, &bytes, &size), 0);
    if (ds_message_decode(&decoded, bytes, size, &why) != DS_DECODE_OK)
        fail_msg("window %lld is refused: %s", (long long)m->window->start_s, why);
    sample_assert_equal(&decoded.window, m->window);
    digest(c, bytes, size);
    digest(c, &m->boot, sizeof m->boot);
    ds_message_finish(&decoded);
    free(bytes);
    c->unordered += m->window->start_s < c->last_start_s;
    c->last_start_s = m->window->start_s;
    c->messages++;
    ds_gen_set_add(&c->known, m->boot, m->sequence, &is_new);
    c->repeated += !is_new;
    check_sources(m->window);
    check_cells(m->window);
    if (m->window->source_record_count == m->window->sources)
        check_sketches(c, m->window);
    if (is_new)
        count_window(c, m);
    return 0;
}

static const struct ds_gen_sink_ops counter_ops = {.send = receive};

static struct counter *make(const struct ds_gen_plan *plan, json_t **truth)
{
    struct ds_error err = {0};
    struct ds_gen_run run;
    struct counter *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->sink.ops = &counter_ops;
    if (ds_gen_run_init(&run, plan, truth != NULL, &err) < 0)
        fail_msg("%s", err.text);
    c->secret = &run.maker.sketcher.secret;
    if (ds_gen_run_send(&run, &c->sink, NULL, &err) < 0)
        fail_msg("%s", err.text);
    if (truth) {
        FILE *f = tmpfile();
        assert_non_null(f);
        assert_int_equal(ds_gen_run_write_truth(&run, f, "{}"), 0);
        rewind(f);
        json_error_t wrong;
        *truth = json_loadf(f, JSON_REJECT_DUPLICATES, &wrong);
        fclose(f);
        if (!*truth)
            fail_msg("truth is no JSON: %s (line %d)", wrong.text, wrong.line);
    }
    ds_gen_run_finish(&run);
    return c;
}

static void drop(struct counter *c)
{
    ds_sketches_finish(&c->day);
    ds_gen_set_finish(&c->known);
    ds_gen_set_finish(&c->hosts);
    for (int i = 0; i < DAYS_MAX; i++)
        ds_gen_set_finish(&c->days[i]);
    free(c);
}

static uint64_t number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value))
        fail_msg("no number %s", key);
    return (uint64_t)json_integer_value(value);
}

static uint64_t counted(const json_t *object)
{
    return number(json_object_get(object, "packets"), "counted");
}

/* ---- tests ---- */

static void same_plan_same_windows(void **state)
{
    struct ds_gen_plan other = small;
    other.seed++;
    struct counter *a = make(&small, NULL), *b = make(&small, NULL), *c = make(&other, NULL);
    assert_int_equal(a->digest, b->digest);
    assert_true(a->digest != c->digest);
    drop(a);
    drop(b);
    drop(c);
}

static void trouble_is_made(void **state)
{
    json_t *truth;
    struct counter *c = make(&small, &truth);
    const json_t *all = json_object_get(truth, "all");
    assert_true(c->repeated > 0);
    assert_true(c->unordered > c->repeated); /* late ones, too */
    assert_int_equal(c->messages - c->repeated, number(all, "messages"));
    assert_true(number(all, "windows") < 2 * 5 * 24); /* gaps */
    assert_true(number(all, "windows") <= number(all, "messages"));
    assert_true(json_array_size(json_object_get(truth, "gaps")) > 0);
    assert_int_equal(json_array_size(json_object_get(truth, "surges")), 3);
    assert_int_equal(number(all, "observed_ns"), c->observed_ns);
    json_decref(truth);
    drop(c);
}

static void truth_is_the_sum(void **state)
{
    json_t *truth, *row;
    size_t i;
    struct counter *c = make(&small, &truth);
    const json_t *all = json_object_get(truth, "all");
    uint64_t sum = 0, tcp = 0, survey = 0;
    json_array_foreach(json_object_get(truth, "days"), i, row)
    {
        assert_int_equal(counted(row), c->counted[i]);
        sum += c->counted[i];
    }
    assert_int_equal(i, 5);
    assert_int_equal(counted(all), sum);
    assert_int_equal(number(all, "bytes"), c->bytes);
    for (unsigned t = 0; t < DS_TYPE_COUNT; t++)
        assert_int_equal(number(json_object_get(all, "types"), ds_type_name(t)), c->types[t]);
    json_array_foreach(json_object_get(all, "sensors"), i, row)
        assert_int_equal(counted(row), c->sensors[i]);
    json_array_foreach(json_object_get(all, "countries"), i, row)
    {
        const char *code = json_string_value(json_object_get(row, "country"));
        assert_int_equal(number(row, "packets"), c->countries[DS_COUNTRY(code[0], code[1])]);
    }
    json_array_foreach(json_object_get(all, "ports"), i, row)
    {
        survey += number(row, "survey_packets");
        if (strcmp(json_string_value(json_object_get(row, "class")), "scan") != 0 ||
            strcmp(json_string_value(json_object_get(row, "proto")), "tcp") != 0)
            continue;
        assert_int_equal(number(row, "packets"), c->ports[number(row, "port")]);
        tcp += number(row, "packets");
    }
    for (unsigned port = 0; port < PORTS; port++)
        tcp -= c->ports[port];
    assert_int_equal(tcp, 0);
    assert_int_equal(survey, c->survey);
    assert_true(survey > sum / 3 && survey < sum * 2 / 3);
    json_decref(truth);
    drop(c);
}

static void unique_hosts_are_those_of_the_windows(void **state)
{
    json_t *truth, *row;
    size_t i;
    struct counter *c = make(&small, &truth);
    const json_t *all = json_object_get(truth, "all");
    uint64_t by_country = 0, by_day = 0;
    json_array_foreach(json_object_get(truth, "days"), i, row)
    {
        assert_int_equal(number(row, "sources"), c->days[i].count);
        by_day += c->days[i].count;
    }
    assert_int_equal(number(all, "sources"), c->hosts.count);
    struct ds_sketch world;
    assert_int_equal(ds_sketches_unite(&c->day, DS_SKETCH_COUNTRY, &world), 0);
    assert_float_equal(ds_sketch_estimate(&world).count / (double)c->days[0].count, 1, 0.025);
    ds_sketch_finish(&world);
    assert_true(c->hosts.count < by_day);                   /* hosts stay for days, */
    assert_true(c->hosts.count > c->days[0].count * 3 / 2); /* and others come */
    json_array_foreach(json_object_get(all, "countries"), i, row) by_country +=
        number(row, "sources");
    assert_int_equal(by_country, c->hosts.count);
    const json_t *years = json_object_get(truth, "years");
    assert_int_equal(json_array_size(years), 1);
    assert_int_equal(number(json_array_get(years, 0), "sources"), c->hosts.count);
    /* Thursday to Sunday, Monday */
    const json_t *weeks = json_object_get(truth, "weeks");
    assert_int_equal(json_array_size(weeks), 2);
    assert_int_equal(number(json_array_get(weeks, 1), "sources"), c->days[4].count);
    json_decref(truth);
    drop(c);
}

/* Of one port: all packets of a window that only it has. */
static void tracked_ports_have_their_hosts(void **state)
{
    struct ds_error err = {0};
    struct ds_gen_run run;
    struct ds_gen_piece piece = {.start_s = START_S, .to_ms = 3600000};
    struct ds_gen_plan plan = small;
    plan.surges = 0; /* all ports are in use at once */
    assert_int_equal(ds_gen_run_init(&run, &plan, true, &err), 0);
    const struct ds_window *w = ds_gen_maker_make(&run.maker, &piece);
    ds_gen_ledger_add(run.ledger, &piece, w);
    assert_int_equal(run.maker.track_count, DS_GEN_TRACKS_MAX);
    for (unsigned t = 0; t < run.maker.track_count; t++) {
        uint64_t sources = 0;
        for (size_t i = 0; i < w->cell_count; i++)
            if (w->cells[i].cls == DS_CLASS_SCAN && w->cells[i].proto == DS_PROTO_TCP &&
                w->cells[i].port == run.maker.track_ports[t])
                sources += w->cells[i].sources;
        assert_true(sources > 0);
        assert_int_equal(ds_gen_uniques_of_track(&run.ledger->uniques, t), sources);
    }
    ds_gen_run_finish(&run);
}

static void minutes_of_a_telescope_have_its_size(void **state)
{
    struct ds_gen_plan plan = small;
    plan.window_s = 60;
    plan.start_s += 12 * 3600;
    plan.end_s = plan.start_s + 180;
    plan.packets = 312000;
    plan.addresses_first = plan.addresses_last = 65536;
    plan.sensors = 1;
    plan.gaps = plan.late = plan.repeated = 0;
    struct counter *c = make(&plan, NULL);
    unsigned used = 0;
    for (unsigned port = 0; port < PORTS; port++)
        used += c->ports[port] > 0;
    assert_int_equal(c->messages, 3);
    assert_true(c->counted[0] > 3 * 200000 && c->counted[0] < 3 * 450000);
    assert_true(used > 30000);
    assert_true(c->hosts.count > 20000);
    assert_true(c->attacks > 0);
    drop(c);
}

static void no_two_hosts_share_an_address(void **state)
{
    struct ds_gen_hosts hosts;
    struct ds_error err = {0};
    struct ds_gen_set seen = {0};
    bool is_new;
    assert_int_equal(ds_gen_hosts_init(&hosts, 10000, 30, 5, &err), 0);
    ds_gen_hosts_add(&hosts, 10000, 3);
    uint64_t victims = ds_gen_hosts_reserve(&hosts, 50);
    assert_int_equal(hosts.count, victims + 50);
    for (uint32_t i = 0; i < hosts.count; i++) {
        uint32_t address = ds_gen_host_address(&hosts, i);
        assert_true(address >> 24 >= 11 && address >> 24 < 100);
        ds_gen_set_add(&seen, 0, address, &is_new);
        assert_true(is_new);
    }
    for (uint32_t slot = 0; slot < 10000; slot++)
        for (uint32_t day = 0; day < 30; day++)
            assert_true(ds_gen_host_of(&hosts, slot, day) <
                        (slot < 9999 ? hosts.first[slot + 1] : victims));
    ds_gen_set_finish(&seen);
    ds_gen_hosts_finish(&hosts);
}

static void draws_have_their_mean(void **state)
{
    static const double means[] = {0.01, 0.3, 1, 5, 15.9, 16.1, 400};
    struct ds_gen_draw draw;
    ds_gen_draw_init(&draw);
    for (size_t i = 0; i < sizeof means / sizeof means[0]; i++) {
        double sum = 0;
        for (uint64_t k = 0; k < 400000; k++)
            sum += ds_gen_draw(&draw, means[i], sqrt(means[i]), ds_gen_bits(i, k));
        double mean = sum / 400000;
        if (mean < means[i] * 0.95 || mean > means[i] * 1.05)
            fail_msg("mean %g came out as %g", means[i], mean);
    }
}

/* Sets up a history without making its windows. */
static void history_gives_the_published_figures(void **state)
{
    struct ds_gen_plan plan = {
        .sensors = 1, .window_s = 3600, .history = ds_gen_history_find("nicter")};
    struct ds_gen_pace pace;
    assert_non_null(plan.history);
    ds_gen_history_span(plan.history, &plan.start_s, &plan.end_s);
    plan.packets = ds_gen_history_packets(plan.history, plan.window_s);
    ds_gen_pace_init(&pace, &plan);
    for (size_t i = 0; i < plan.history->count; i++) {
        const struct ds_gen_year *y = &plan.history->years[i];
        int64_t first = ds_gen_year_day(y->year), next = ds_gen_year_day(y->year + 1);
        double packets = 0, per_address = 0;
        for (int64_t day = first; day < next; day++) {
            double of_day = plan.packets * 24 * ds_gen_pace_packets(&pace, day);
            packets += of_day;
            per_address += of_day / ds_gen_pace_addresses(&pace, day, 0);
        }
        assert_float_equal(packets * plan.history->scale / y->packets, 1, 1e-6);
        assert_float_equal(per_address * plan.history->scale / y->per_address, 1, 1e-3);
        assert_int_equal(ds_gen_pace_addresses(&pace, next - 1, 0), y->addresses);
    }
}

static void days_are_those_of_the_calendar(void **state)
{
    assert_int_equal(ds_gen_year_day(1970), 0);
    assert_int_equal(ds_gen_year_day(2026), START_S / DAY_S);
    for (int64_t day = ds_gen_year_day(1999); day < ds_gen_year_day(2029); day++) {
        time_t t = day * DAY_S;
        struct tm tm;
        gmtime_r(&t, &tm);
        assert_int_equal(ds_gen_day_year(day), tm.tm_year + 1900);
        assert_int_equal(ds_gen_month_day(day), day - tm.tm_mday + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_plan_same_windows),
        cmocka_unit_test(trouble_is_made),
        cmocka_unit_test(truth_is_the_sum),
        cmocka_unit_test(unique_hosts_are_those_of_the_windows),
        cmocka_unit_test(tracked_ports_have_their_hosts),
        cmocka_unit_test(minutes_of_a_telescope_have_its_size),
        cmocka_unit_test(no_two_hosts_share_an_address),
        cmocka_unit_test(draws_have_their_mean),
        cmocka_unit_test(history_gives_the_published_figures),
        cmocka_unit_test(days_are_those_of_the_calendar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
