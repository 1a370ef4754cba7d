/* SPDX-License-Identifier: Apache-2.0
 *
 * The sources of a window, from the tables of several workers.
 */
#include "packets.h"
#include "sources.h"

#define WORKERS     2
#define WINDOW_S    60
/* All sources are there. */
#define NETHERLANDS ds_geo_index(DS_COUNTRY('N', 'L'))

static const struct ds_hash_key key = {UINT64_C(0x1234567890abcdef), UINT64_C(0x9e3779b97f4a7c15)};

struct fixture {
    struct ds_monitor *monitor;
    struct ds_set sets[WORKERS];
    struct ds_set *places[WORKERS];
    struct ds_sources lister;
    struct ds_window window;
};

static struct fixture *make(size_t limit)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    assert_int_equal(ds_monitor_create(NULL, 0, NULL, 0, &f->monitor, NULL), 0);
    for (unsigned i = 0; i < WORKERS; i++) {
        f->places[i] = &f->sets[i];
        assert_int_equal(ds_counts_init(&f->sets[i].counts, f->monitor, WORKERS, &key), 0);
        f->sets[i].counts.moment_scale = ds_count_moment_scale(WINDOW_S * INT64_C(1000000000));
    }
    f->lister.limit = limit;
    f->window.seconds = WINDOW_S;
    return f;
}

static void finish(struct fixture *f)
{
    for (unsigned i = 0; i < WORKERS; i++)
        ds_counts_finish(&f->sets[i].counts);
    ds_monitor_destroy(f->monitor);
    ds_window_finish(&f->window);
    free(f);
}

struct packet {
    uint32_t source;
    uint16_t port;
    uint8_t cls, proto, moment;
    uint32_t signatures;
    bool is_v6;
};

static void count(struct fixture *f, const struct packet *p)
{
    struct ds_hit h = {
        .counts = &f->sets[p->source % WORKERS].counts,
        .source_key = p->source | DS_COUNT_KEY_SET | (uint64_t)p->is_v6 << 63,
        .cell_key = ds_count_cell_key(p->cls, p->proto, p->port, 0),
        .signatures = p->signatures,
        .country = p->is_v6 ? NETHERLANDS : DS_COUNT_COUNTRY_LATER,
        .moment = p->moment,
        .device = p->signatures ? DS_DEVICE_WINDOWS : DS_DEVICE_NONE,
    };
    h.source_hash = ds_hash(&key, h.source_key);
    h.pair_key = ds_count_pair_key(h.source_key, h.cell_key);
    h.pair_hash = ds_hash(&key, h.pair_key);
    ds_count_source(&h);
    if (h.country == DS_COUNT_COUNTRY_LATER) {
        h.country = NETHERLANDS;
        ds_count_origin(&h);
    }
    h.cell_key |= (uint64_t)h.country << DS_CELL_COUNTRY_SHIFT;
    h.cell_hash = ds_hash(&key, h.cell_key);
    ds_count_packet(&h);
}

static void gather(struct fixture *f)
{
    assert_int_equal(ds_sources_gather(&f->lister, f->places, WORKERS, 1, &f->window), 0);
    for (size_t i = 1; i < f->window.source_record_count; i++)
        assert_true(f->window.source_records[i - 1].address < f->window.source_records[i].address);
}

static void test_record(void **state)
{
    struct fixture *f = make(10);
    const uint32_t mirai = 1u << DS_SIGNATURE_MIRAI, zmap = 1u << DS_SIGNATURE_ZMAP;
    const struct packet packets[] = {
        {9, 23, DS_CLASS_SCAN, DS_PROTO_TCP, 100, mirai | zmap, false},
        {9, 23, DS_CLASS_SCAN, DS_PROTO_TCP, 40, mirai, false},
        {9, 23, DS_CLASS_SCAN, DS_PROTO_UDP, 200, 0, false},
        {9, 23, DS_CLASS_BACKSCATTER, DS_PROTO_TCP, 60, 0, false},
        {2, 0, DS_CLASS_OTHER, 47, 255, 0, false},
        {2, 80, DS_CLASS_SCAN, DS_PROTO_TCP, 0, 0, true},
    };
    for (size_t i = 0; i < COUNT(packets); i++)
        count(f, &packets[i]);
    gather(f);
    assert_int_equal(f->window.source_record_count, 2); /* not the IPv6 one */
    const struct ds_source_record *r = &f->window.source_records[1];
    assert_int_equal(r->address, 9);
    assert_int_equal(r->packets, 4);
    assert_int_equal(r->ports, 3);
    assert_int_equal(r->country, DS_COUNTRY('N', 'L'));
    assert_int_equal(r->classes, 1u << DS_CLASS_SCAN | 1u << DS_CLASS_BACKSCATTER);
    assert_int_equal(r->first, 40);
    assert_int_equal(r->last, 200);
    assert_int_equal(r->seen, mirai | zmap);
    assert_int_equal(r->confirmed, mirai);
    assert_int_equal(r->survey, DS_SURVEY_NO);
    assert_int_equal(r->device, DS_DEVICE_EMBEDDED); /* by its mark */
    assert_int_equal(f->window.source_records[0].address, 2);
    assert_int_equal(f->window.source_records[0].device, DS_DEVICE_NONE);
    assert_int_equal(f->window.mark_count, DS_SIGNATURE_COUNT);
    assert_string_equal(f->window.marks[DS_SIGNATURE_ZMAP], "zmap");
    finish(f);
}

/* The table has room for a source only after some of its packets, or between the two looks at one:
 * then there are pairs, or a record, without packets. */
static void test_room_comes_late(void **state)
{
    struct fixture *f = make(10);
    struct ds_table *sources = &f->sets[0].counts.sources;
    size_t guard = sources->guard, most = sources->slots_max;
    sources->guard = 0;
    sources->slots_max = sources->mask + 1;
    for (uint16_t port = 1; port <= 5; port++)
        count(f, &(struct packet){2, port, DS_CLASS_SCAN, DS_PROTO_TCP, 0, 0, false});
    sources->guard = guard;
    sources->slots_max = most;
    count(f, &(struct packet){2, 6, DS_CLASS_SCAN, DS_PROTO_TCP, 9, 0, false});
    struct ds_hit h = {.counts = &f->sets[0].counts, .source_key = 4 | DS_COUNT_KEY_SET};
    h.source_hash = ds_hash(&key, h.source_key);
    ds_count_origin(&h);
    gather(f);
    assert_int_equal(f->window.source_record_count, 1);
    assert_int_equal(f->window.source_records[0].packets, 1);
    assert_int_equal(f->window.source_records[0].ports, 1);
    finish(f);
}

/* Source i sends i % levels + 1 packets, to as many ports. */
static void fill(struct fixture *f, uint32_t sources, uint32_t levels)
{
    for (uint32_t i = 0; i < sources; i++)
        for (uint32_t n = 0; n <= i % levels; n++)
            count(f, &(struct packet){i * 7919, (uint16_t)n, 0, DS_PROTO_TCP, 0, 0, false});
}

struct expected {
    uint32_t address, packets;
};

static int by_packets(const void *left, const void *right)
{
    const struct expected *a = left, *b = right;
    if (a->packets != b->packets)
        return a->packets < b->packets ? 1 : -1;
    return (a->address > b->address) - (a->address < b->address);
}

static int by_address(const void *left, const void *right)
{
    const struct expected *a = left, *b = right;
    return (a->address > b->address) - (a->address < b->address);
}

/* At every limit: those with most packets, of equal ones those with the lowest addresses. */
static void test_limits(void **state)
{
    enum { SOURCES = 500 };
    static const size_t limits[] = {1, 2, 71, 72, 100, 250, 499, 500, 501};
    static const uint32_t levels[] = {1, 7, 300};
    for (size_t n = 0; n < COUNT(limits) * COUNT(levels); n++) {
        size_t limit = limits[n / COUNT(levels)];
        uint32_t level = levels[n % COUNT(levels)];
        struct fixture *f = make(limit);
        struct expected expected[SOURCES];
        fill(f, SOURCES, level);
        gather(f);
        for (uint32_t i = 0; i < SOURCES; i++)
            expected[i] = (struct expected){i * 7919, i % level + 1};
        qsort(expected, SOURCES, sizeof *expected, by_packets);
        limit = limit < SOURCES ? limit : SOURCES;
        qsort(expected, limit, sizeof *expected, by_address);
        assert_int_equal(f->window.source_record_count, limit);
        for (size_t i = 0; i < limit; i++) {
            assert_int_equal(f->window.source_records[i].address, expected[i].address);
            assert_int_equal(f->window.source_records[i].packets, expected[i].packets);
            assert_int_equal(f->window.source_records[i].ports, expected[i].packets);
        }
        finish(f);
    }
}

/* The survey is told of scans over TCP and UDP alone, and found ones are marked. */
static void test_survey(void **state)
{
    static const struct ds_survey_settings rule = {.ports = 3, .packets = 3};
    struct ds_survey survey;
    struct fixture *f = make(10);
    assert_int_equal(ds_survey_init(&survey, &rule), 0);
    f->lister.survey = &survey;
    for (uint16_t port = 1; port <= 3; port++) {
        count(f, &(struct packet){4, port, DS_CLASS_SCAN, DS_PROTO_TCP, 0, 0, false});
        count(f, &(struct packet){5, port, DS_CLASS_SCAN, DS_PROTO_ICMP, 0, 0, false});
        count(f, &(struct packet){6, port, DS_CLASS_BACKSCATTER, DS_PROTO_TCP, 0, 0, false});
        count(f, &(struct packet){7, port, DS_CLASS_SCAN, port > 1 ? DS_PROTO_UDP : DS_PROTO_TCP, 0,
                                  0, false});
        count(f, &(struct packet){8, port, port > 1 ? DS_CLASS_SCAN : DS_CLASS_OTHER, DS_PROTO_TCP,
                                  0, 0, false});
        count(f, &(struct packet){9, port, DS_CLASS_SCAN, DS_PROTO_TCP, 0, 0, true});
    }
    gather(f);
    assert_int_equal(f->window.source_record_count, 5);
    for (size_t i = 0; i < 5; i++) {
        const struct ds_source_record *r = &f->window.source_records[i];
        bool found = r->address == 4 || r->address == 7;
        assert_int_equal(r->survey, found ? DS_SURVEY_FOUND : DS_SURVEY_NO);
        assert_int_equal(r->ports, 3);
    }
    finish(f);
    ds_survey_finish(&survey);
}

/* Packets of a known scanner are survey packets of their cells. */
static void test_marked(void **state)
{
    struct ds_survey_settings rule = {.ports = 1, .packets = 1};
    struct ds_survey survey;
    struct ds_survey_ring ring;
    struct fixture *f = make(10);
    assert_int_equal(ds_survey_init(&survey, &rule), 0);
    ds_survey_restore_day(&survey, 1);
    assert_true(ds_survey_restore_known(&survey, 2, 1));
    assert_int_equal(ds_survey_ring_init(&ring, &survey), 0);
    for (unsigned i = 0; i < WORKERS; i++)
        f->sets[i].counts.survey = ds_survey_ring_get(&ring, 1);
    for (int i = 0; i < 3; i++)
        count(f, &(struct packet){2, 23, DS_CLASS_SCAN, DS_PROTO_TCP, 0, 0, false});
    count(f, &(struct packet){4, 23, DS_CLASS_SCAN, DS_PROTO_TCP, 0, 0, false});
    count(f, &(struct packet){2, 23, DS_CLASS_SCAN, DS_PROTO_TCP, 0, 0, true});
    uint64_t packets[2] = {0};
    struct ds_table_walk walk = {0};
    for (const struct ds_count_cell *c; (c = ds_table_next(&f->sets[0].counts.cells, &walk));)
        packets[c->key_packets >> DS_CELL_SURVEY_SHIFT] += c->key_packets & ~DS_CELL_KEY_MASK;
    assert_int_equal(packets[false], 2);
    assert_int_equal(packets[true], 3);
    f->lister.survey = &survey;
    gather(f);
    assert_int_equal(f->window.source_records[0].survey, DS_SURVEY_YES);
    assert_int_equal(f->window.source_records[1].survey, DS_SURVEY_FOUND);
    finish(f);
    ds_survey_ring_finish(&ring);
    ds_survey_finish(&survey);
}

/* A known scanner is listed before sources with more packets. */
static void test_scanners_come_first(void **state)
{
    for (size_t limit = 1; limit <= 3; limit++) {
        struct fixture *f = make(limit);
        for (uint32_t source = 2; source <= 12; source += 2)
            for (uint32_t i = 0; i < source; i++)
                count(f, &(struct packet){source, 23, DS_CLASS_SCAN, DS_PROTO_TCP, 0, 0, false});
        struct ds_table_walk walk = {0};
        for (struct ds_source *s; (s = ds_table_next(&f->sets[0].counts.sources, &walk));)
            if ((uint32_t)s->key == 2 || (uint32_t)s->key == 6)
                s->classes |= DS_SOURCE_SURVEY;
        gather(f);
        static const uint32_t expected[][3] = {{6}, {2, 6}, {2, 6, 12}};
        assert_int_equal(f->window.source_record_count, limit);
        for (size_t i = 0; i < limit; i++)
            assert_int_equal(f->window.source_records[i].address, expected[limit - 1][i]);
        finish(f);
    }
}

/* Every millisecond of every length falls into its own part. */
static void test_moments(void **state)
{
    for (uint64_t s = 1; s <= 3600; s++) {
        if (3600 % s)
            continue;
        uint64_t scale = ds_count_moment_scale((int64_t)s * 1000000000);
        for (uint64_t ms = 0; ms < s * 1000; ms++)
            if (ms * scale >> 40 != ms * 256 / (s * 1000))
                fail_msg("%u ms of %u s", (unsigned)ms, (unsigned)s);
    }
    assert_int_equal(ds_count_moment_scale(0), 0);
}

static void test_saturation(void **state)
{
    struct fixture *f = make(10);
    struct packet p = {2, 1, DS_CLASS_OTHER, 47, 0, 0, false};
    for (int i = 0; i < 70000; i++)
        count(f, &p);
    struct ds_table_walk walk = {0};
    struct ds_source *s = ds_table_next(&f->sets[0].counts.sources, &walk);
    assert_int_equal(s->unscanned, UINT16_MAX);
    s->packets = UINT32_MAX - 1;
    count(f, &p);
    count(f, &p);
    assert_int_equal(s->packets, UINT32_MAX);
    finish(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record),  cmocka_unit_test(test_room_comes_late),
        cmocka_unit_test(test_limits),  cmocka_unit_test(test_survey),
        cmocka_unit_test(test_marked),  cmocka_unit_test(test_saturation),
        cmocka_unit_test(test_moments), cmocka_unit_test(test_scanners_come_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
