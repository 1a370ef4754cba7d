/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting and gathering without threads: what a hit adds to, and what happens where a table is
 * full: the figure that suffers says so, and every sum still balances.
 */
#include "gather.h"
#include "packets.h"

static const struct ds_hash_key key = {UINT64_C(0x1234567890abcdef), UINT64_C(0x9e3779b97f4a7c15)};

/* Enough workers to leave each table its smallest size. */
#define MANY_WORKERS 4096
#define TABLE_ROOM   (DS_TABLE_SLOTS_MIN / 4 * 3)
#define WORKERS_MAX  4

struct fixture {
    struct ds_monitor *monitor;
    struct ds_set sets[WORKERS_MAX];
    struct ds_set *places[WORKERS_MAX];
    unsigned workers;
    uint64_t counted;
};

static struct fixture *make(unsigned workers, unsigned share, const char *prefix)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct ds_prefix p;
    assert_non_null(f);
    if (prefix)
        assert_null(ds_prefix_parse(prefix, &p));
    assert_int_equal(ds_monitor_create(&p, prefix != NULL, NULL, 0, &f->monitor, NULL), 0);
    f->workers = workers;
    for (unsigned i = 0; i < workers; i++) {
        f->places[i] = &f->sets[i];
        assert_int_equal(ds_counts_init(&f->sets[i].counts, f->monitor, share, &key), 0);
    }
    return f;
}

static void finish(struct fixture *f)
{
    for (unsigned i = 0; i < f->workers; i++)
        ds_counts_finish(&f->sets[i].counts);
    ds_monitor_destroy(f->monitor);
    free(f);
}

/* What the tests vary of a packet. */
struct packet {
    uint32_t source, dest;
    uint16_t port, country;
    uint8_t cls, proto;
    uint32_t signatures;
    uint8_t device;
};

static void count(struct fixture *f, unsigned worker, const struct packet *p)
{
    struct ds_counts *c = &f->sets[worker].counts;
    struct ds_hit h = {
        .counts = c,
        .source_key = p->source | DS_COUNT_KEY_SET,
        .cell_key = ds_count_cell_key(p->cls, p->proto, p->port, p->country),
        .signatures = (uint16_t)p->signatures,
        .device = p->device,
        .bytes = 40,
        .country = p->country,
    };
    int64_t index = DS_MONITOR_OUTSIDE;
    if (!ds_monitor_is_everything(f->monitor))
        index = ds_monitor_index4(f->monitor, p->dest);
    h.source_hash = ds_hash(&key, h.source_key);
    h.pair_key = ds_count_pair_key(h.source_key, h.cell_key);
    h.pair_hash = ds_hash(&key, h.pair_key);
    h.cell_hash = ds_hash(&key, h.cell_key);
    c->types[DS_TYPE_TCP_SYN]++;
    c->protocols[p->proto]++;
    ds_count_signatures(c, p->signatures);
    ds_count_destination(c, index, p->dest);
    ds_count_source(&h);
    ds_count_packet(&h);
    f->counted++;
}

/* The window of all that was counted; the books must balance. */
static struct ds_window gather(struct fixture *f)
{
    struct ds_window w;
    f->sets[0].close.received = f->counted;
    struct ds_gather kept = {0};
    assert_int_equal(ds_gather(&kept, f->places, f->workers, f->monitor, &w), 0);
    ds_gather_finish(&kept);
    const char *imbalance = ds_window_imbalance(&w);
    if (imbalance)
        fail_msg("%s do not balance", imbalance);
    for (size_t i = 1; i < w.cell_count; i++)
        assert_true(ds_cell_key(&w.cells[i - 1]) < ds_cell_key(&w.cells[i]));
    for (size_t i = 1; i < w.country_count; i++)
        assert_true(w.countries[i - 1].country < w.countries[i].country);
    return w;
}

static uint64_t sum_cell_sources(const struct ds_window *w)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < w->cell_count; i++)
        sum += w->cells[i].sources;
    return sum;
}

static void test_unique_sources(void **state)
{
    struct fixture *f = make(2, 2, "10.0.0.0/24");
    const uint16_t jp = ds_geo_index(DS_COUNTRY('J', 'P'));
    for (int round = 0; round < 3; round++) {
        count(f, 0, &(struct packet){1, TEST_DEST, 23, jp, DS_CLASS_SCAN, 6, 0, 0});
        count(f, 0, &(struct packet){1, TEST_DEST + 1, 80, jp, DS_CLASS_SCAN, 6, 0, 0});
        count(f, 1, &(struct packet){2, TEST_DEST, 23, jp, DS_CLASS_SCAN, 6, 0, 0});
        count(f, 1, &(struct packet){0, TEST_DEST, 23, 0, DS_CLASS_BACKSCATTER, 6, 0, 0});
    }
    struct ds_window w = gather(f);
    assert_int_equal(w.sources, 3); /* 0.0.0.0 is one too */
    assert_int_equal(w.destinations, 2);
    assert_int_equal(w.active_addresses, 2);
    assert_int_equal(w.classes[DS_CLASS_SCAN].sources, 2);
    assert_int_equal(w.classes[DS_CLASS_SCAN].packets, 9);
    assert_int_equal(w.classes[DS_CLASS_BACKSCATTER].sources, 1);
    assert_int_equal(w.bytes, 12 * 40);
    assert_int_equal(w.cell_count, 3);
    assert_int_equal(w.cells[0].port, 23); /* both workers have it */
    assert_int_equal(w.cells[0].packets, 6);
    assert_int_equal(w.cells[0].sources, 2);
    assert_int_equal(w.cells[1].port, 80);
    assert_int_equal(w.cells[1].sources, 1);
    assert_int_equal(w.country_count, 2);
    assert_int_equal(w.countries[0].country, DS_COUNTRY_UNKNOWN);
    assert_int_equal(w.countries[1].country, DS_COUNTRY('J', 'P'));
    assert_int_equal(w.countries[1].tally.sources, 2);
    ds_window_finish(&w);
    finish(f);
}

/* A source is the last of its devices, but for what its marks say. */
static void test_devices(void **state)
{
    static const struct {
        uint8_t devices[2];
        uint32_t signatures;
        uint8_t expected;
    } sources[] = {
        {{DS_DEVICE_NONE, DS_DEVICE_NONE}, 0, DS_DEVICE_NONE},
        {{DS_DEVICE_NONE, DS_DEVICE_UNKNOWN}, 0, DS_DEVICE_UNKNOWN},
        {{DS_DEVICE_WINDOWS, DS_DEVICE_LINUX}, 0, DS_DEVICE_WINDOWS},
        {{DS_DEVICE_UNKNOWN, DS_DEVICE_NONE}, DS_SIGNATURE_BIT(ZMAP_MODERN), DS_DEVICE_TOOL},
        {{DS_DEVICE_LINUX, DS_DEVICE_NONE}, DS_SIGNATURE_BIT(MIRAI), DS_DEVICE_EMBEDDED},
        {{DS_DEVICE_TOOL, DS_DEVICE_NONE},
         DS_SIGNATURE_BIT(MIRAI) | DS_SIGNATURE_BIT(MASSCAN_1024),
         DS_DEVICE_EMBEDDED},
        {{DS_DEVICE_LINUX, DS_DEVICE_NONE}, DS_SIGNATURE_BIT(MASSCAN), DS_DEVICE_LINUX},
    };
    struct fixture *f = make(2, 2, NULL);
    const uint16_t jp = ds_geo_index(DS_COUNTRY('J', 'P'));
    for (uint32_t i = 0; i < COUNT(sources); i++)
        for (int packet = 0; packet < 2; packet++)
            count(f, i % 2,
                  &(struct packet){.source = i,
                                   .country = i < 2 ? 0 : jp,
                                   .signatures = sources[i].signatures,
                                   .device = sources[i].devices[packet]});
    struct ds_window w = gather(f);
    static const struct ds_device_tally expected[] = {
        {DS_COUNTRY_UNKNOWN, DS_DEVICE_NONE, 2, 1},
        {DS_COUNTRY_UNKNOWN, DS_DEVICE_UNKNOWN, 2, 1},
        {DS_COUNTRY('J', 'P'), DS_DEVICE_LINUX, 2, 1},
        {DS_COUNTRY('J', 'P'), DS_DEVICE_WINDOWS, 2, 1},
        {DS_COUNTRY('J', 'P'), DS_DEVICE_EMBEDDED, 4, 2},
        {DS_COUNTRY('J', 'P'), DS_DEVICE_TOOL, 2, 1},
    };
    assert_int_equal(w.device_count, COUNT(expected));
    for (size_t i = 0; i < COUNT(expected); i++) {
        assert_int_equal(ds_device_key(&w.devices[i]), ds_device_key(&expected[i]));
        assert_int_equal(w.devices[i].packets, expected[i].packets);
        assert_int_equal(w.devices[i].sources, expected[i].sources);
    }
    ds_window_finish(&w);
    finish(f);
}

/* The lanes of a vector hold 65,535: what is beyond is not lost. */
static void test_many_marks(void **state)
{
    struct fixture *f = make(1, 1, NULL);
    const uint32_t n = 3 * UINT16_MAX / 2;
    for (uint32_t i = 0; i < n; i++)
        count(f, 0,
              &(struct packet){.source = 1,
                               .signatures = DS_SIGNATURE_BIT(SATORI) | DS_SIGNATURE_BIT(MIRAI)});
    struct ds_window w = gather(f);
    assert_int_equal(w.signature_count, 2);
    assert_int_equal(w.signatures[0].packets, n);
    assert_int_equal(w.signatures[1].packets, n);
    ds_window_finish(&w);
    finish(f);
}

static void test_signatures(void **state)
{
    struct fixture *f = make(1, 1, NULL);
    static const uint32_t mirai = 1 << DS_SIGNATURE_MIRAI, zmap = 1 << DS_SIGNATURE_ZMAP;
    const uint32_t sent[] = {mirai, mirai | zmap, zmap, 0};
    for (uint32_t source = 1; source <= 3; source++)
        for (size_t i = 0; i < COUNT(sent); i++)
            if (source != 3 || i < 1)
                count(f, 0, &(struct packet){.source = source, .signatures = sent[i]});
    struct ds_window w = gather(f);
    assert_int_equal(w.signature_count, 2);
    assert_string_equal(w.signatures[0].id, "mirai");
    assert_int_equal(w.signatures[0].packets, 5);
    assert_int_equal(w.signatures[0].sources, 3);
    assert_int_equal(w.signatures[0].confirmed_sources, 2);
    assert_string_equal(w.signatures[1].id, "zmap");
    assert_int_equal(w.signatures[1].packets, 4);
    assert_int_equal(w.signatures[1].sources, 2);
    assert_int_equal(w.signatures[1].confirmed_sources, 2);
    ds_window_finish(&w);
    finish(f);
}

/* Gives a table its smallest size, of which it cannot grow. */
static void shrink(struct ds_table *t)
{
    uint32_t entry_bytes = t->entry_bytes;
    ds_table_finish(t);
    assert_int_equal(ds_table_init(t, entry_bytes, DS_TABLE_SLOTS_MIN, &key), 0);
}

/* Twice as many sources, services and destinations as there is room for. */
static void test_full_tables(void **state)
{
    struct fixture *f = make(1, MANY_WORKERS, NULL);
    const uint32_t sent = 2 * TABLE_ROOM;
    shrink(&f->sets[0].counts.destinations);
    for (int round = 0; round < 2; round++)
        for (uint32_t i = 0; i < sent; i++)
            count(f, 0,
                  &(struct packet){i, i, (uint16_t)i, (uint16_t)(i % DS_GEO_REST), 0, 6, 0, 0});
    struct ds_window w = gather(f);
    assert_int_equal(w.books[DS_BOOK_COUNTED], 2 * sent);
    assert_int_equal(w.sources, TABLE_ROOM);
    assert_int_equal(w.destinations, TABLE_ROOM);
    assert_int_equal(w.active_addresses, TABLE_ROOM);
    /* Pairs have one place less, and those that were their source's last are not looked up. */
    assert_int_equal(sum_cell_sources(&w), TABLE_ROOM - 1);
    for (int table = 0; table <= DS_OVERFLOW_DESTINATIONS; table++)
        assert_int_equal(w.overflow[table], 2 * (sent - TABLE_ROOM) + (table == DS_OVERFLOW_PAIRS));
    uint64_t rest = 0, ports = 0;
    for (size_t i = 0; i < w.cell_count; i++) {
        if (w.cells[i].country == DS_COUNTRY_REST)
            rest += w.cells[i].packets;
        ports += i == 0 || w.cells[i].port != w.cells[i - 1].port;
        assert_int_equal(w.cells[i].packets, 2); /* of each port exactly */
    }
    assert_int_equal(rest, w.overflow[DS_OVERFLOW_CELLS]);
    assert_int_equal(ports, sent);
    ds_window_finish(&w);
    finish(f);
}

/* Not even the rest of a port has room, as without memory: sums still hold. */
static void test_no_memory_for_rest(void **state)
{
    struct fixture *f = make(1, MANY_WORKERS, NULL);
    const uint32_t sent = 4 * TABLE_ROOM;
    shrink(&f->sets[0].counts.wide_cells);
    for (uint32_t i = 0; i < sent; i++)
        count(f, 0, &(struct packet){1, 1, (uint16_t)i, 9, (uint8_t)(i % DS_CLASS_COUNT), 6, 0, 0});
    struct ds_window w = gather(f);
    assert_int_equal(w.books[DS_BOOK_COUNTED], sent);
    for (int cls = 0; cls < DS_CLASS_COUNT; cls++)
        assert_int_equal(w.classes[cls].packets, sent / DS_CLASS_COUNT);
    assert_int_equal(w.countries[0].tally.packets, sent);
    assert_int_equal(w.cell_count, 2 * TABLE_ROOM + DS_CLASS_COUNT);
    ds_window_finish(&w);
    ds_counts_clear(&f->sets[0].counts);
    f->counted = 0;
    w = gather(f);
    assert_int_equal(w.cell_count, 0);
    ds_window_finish(&w);
    finish(f);
}

/* What no packed cell can hold: more packets, more bytes, and both. */
static void test_wide_cells(void **state)
{
    struct fixture *f = make(2, 2, NULL);
    const struct packet scans[] = {{1, 1, 23, 9, 0, 6, 0, 0}, {1, 1, 80, 9, 0, 6, 0, 0}};
    for (unsigned worker = 0; worker < 2; worker++) {
        struct ds_counts *c = &f->sets[worker].counts;
        count(f, worker, &scans[0]);
        count(f, worker, &scans[1]);
        struct ds_table_walk walk = {0};
        for (struct ds_count_cell *cell; (cell = ds_table_next(&c->cells, &walk));) {
            bool is_first = (cell->key_packets >> DS_CELL_PORT_SHIFT & UINT16_MAX) == 23;
            cell->key_packets += is_first ? DS_CELL_FULL_PACKETS - 2 : 0;
            cell->bytes_sources += is_first ? 0 : DS_CELL_FULL_BYTES - 81;
        }
        c->types[DS_TYPE_TCP_SYN] += DS_CELL_FULL_PACKETS - 2;
        c->protocols[6] += DS_CELL_FULL_PACKETS - 2;
        f->counted += DS_CELL_FULL_PACKETS - 2;
        for (int round = 0; round < 5; round++) {
            count(f, worker, &scans[0]);
            count(f, worker, &scans[1]);
        }
        assert_int_equal(c->wide_cells.used, 2);
        count(f, worker, &(struct packet){2, 1, 23, 9, 0, 6, 0, 0});
    }
    struct ds_window w = gather(f);
    assert_int_equal(w.cell_count, 2);
    assert_int_equal(w.cells[0].packets, 2 * (DS_CELL_FULL_PACKETS - 1 + 6));
    assert_int_equal(w.cells[0].sources, 4);
    assert_int_equal(w.cells[1].packets, 12);
    assert_int_equal(w.cells[1].bytes, 2 * (DS_CELL_FULL_BYTES - 81 + 6 * 40));
    assert_int_equal(w.cells[1].sources, 2);
    ds_window_finish(&w);
    finish(f);
}

/* A wide cell that needs several packed ones to be gathered. */
static void test_very_wide_cell(void **state)
{
    struct fixture *f = make(1, 1, NULL);
    struct ds_counts *c = &f->sets[0].counts;
    count(f, 0, &(struct packet){1, 1, 23, 9, 0, 6, 0, 0});
    struct ds_table_walk walk = {0};
    ds_count_widen(c, ds_table_next(&c->cells, &walk));
    walk = (struct ds_table_walk){0};
    struct ds_wide_cell *wide = ds_table_next(&c->wide_cells, &walk);
    const uint64_t more = UINT64_C(5000000000), bytes = UINT64_C(1) << 50;
    wide->packets += more;
    wide->bytes += bytes;
    wide->sources += UINT64_C(1) << 30;
    c->types[DS_TYPE_TCP_SYN] += more;
    c->protocols[6] += more;
    f->counted += more;
    struct ds_window w = gather(f);
    assert_int_equal(w.cell_count, 1);
    assert_int_equal(w.cells[0].packets, more + 1);
    assert_int_equal(w.cells[0].bytes, bytes + 40);
    assert_int_equal(w.cells[0].sources, (UINT64_C(1) << 30) + 1);
    ds_window_finish(&w);
    finish(f);
}

/* Workers share the bound of the destinations, but the first one's table holds what all saw. */
static void test_destinations_are_divided(void **state)
{
    struct fixture *f = make(3, MANY_WORKERS, NULL);
    for (uint32_t i = 0; i < 3 * TABLE_ROOM; i++)
        count(f, i / TABLE_ROOM, &(struct packet){.source = 1, .dest = i});
    count(f, 0, &(struct packet){.source = 1, .dest = UINT32_MAX});
    struct ds_window w = gather(f);
    assert_int_equal(w.destinations, 3 * TABLE_ROOM);
    assert_int_equal(w.overflow[DS_OVERFLOW_DESTINATIONS], 1);
    ds_window_finish(&w);
    for (unsigned i = 0; i < 3; i++) {
        ds_counts_clear(&f->sets[i].counts);
        assert_int_equal(f->sets[i].counts.destinations.mask + 1, DS_TABLE_SLOTS_MIN);
    }
    finish(f);
}

/* So it is with victims of attacks. */
static void test_victims_are_divided(void **state)
{
    struct fixture *f = make(3, MANY_WORKERS, NULL);
    const uint32_t each = TABLE_ROOM / 4; /* victims, of four parts each */
    for (uint32_t i = 0; i < 3 * each; i++) {
        struct ds_echo e = {.victims = &f->sets[i / each].counts.victims,
                            .victim = i,
                            .bytes = 40,
                            .proto = DS_PROTO_TCP,
                            .has_port = true,
                            .has_attack_port = true};
        e.victim_key = ds_victim_key(e.victim, e.proto);
        e.victim_hash = ds_hash(&key, e.victim_key);
        ds_victims_find(&e);
        ds_victims_count(&e);
    }
    struct ds_window w = gather(f);
    assert_int_equal(f->sets[0].counts.victims.victims.used, 3 * each);
    assert_int_equal(w.overflow[DS_OVERFLOW_ATTACKS], 0);
    ds_window_finish(&w);
    for (unsigned i = 0; i < 3; i++) {
        ds_counts_clear(&f->sets[i].counts);
        assert_int_equal(f->sets[i].counts.victims.parts.mask + 1, DS_TABLE_SLOTS_MIN);
    }
    finish(f);
}

/* A monitored set that is too large for a bit an address. */
static void test_large_monitored_set(void **state)
{
    struct fixture *f = make(2, 2, "0.0.0.0/0");
    assert_null(f->sets[0].counts.destination_bits);
    for (uint32_t i = 0; i < 1000; i++)
        count(f, i % 2, &(struct packet){.source = i % 2, .dest = i / 4 * 0x01000001});
    struct ds_window w = gather(f);
    assert_int_equal(w.destinations, 250);
    assert_int_equal(w.active_addresses, 250);
    assert_true(w.addresses_known && w.addresses == UINT64_C(1) << 32);
    ds_window_finish(&w);
    finish(f);
}

/* Workers with room for their own destinations may not have it for everybody's. */
static void test_destinations_of_all_workers(void **state)
{
    struct fixture *f = make(3, MANY_WORKERS, NULL);
    for (unsigned i = 0; i < 3; i++)
        shrink(&f->sets[i].counts.destinations);
    for (uint32_t i = 0; i < TABLE_ROOM; i++)
        for (unsigned worker = 0; worker < 3; worker++)
            count(f, worker,
                  &(struct packet){.source = worker, .dest = i + worker * TABLE_ROOM / 2});
    struct ds_window w = gather(f);
    assert_int_equal(w.destinations, TABLE_ROOM);
    assert_true(w.overflow[DS_OVERFLOW_DESTINATIONS] >= TABLE_ROOM);
    ds_window_finish(&w);
    finish(f);
}

/* A cleared set counts as a new one does. */
static void test_clear(void **state)
{
    struct fixture *f = make(1, 1, "10.0.0.0/24");
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 1000; i++)
            count(f, 0, &(struct packet){i, TEST_DEST + i % 100, (uint16_t)i, 5, 0, 6, 1, 0});
        struct ds_window w = gather(f);
        assert_int_equal(w.sources, 1000);
        assert_int_equal(w.destinations, 100);
        assert_int_equal(w.cell_count, 1000);
        assert_int_equal(w.signatures[0].packets, 1000);
        assert_int_equal(w.addresses, 256);
        assert_int_equal(w.protocols[6], 1000);
        ds_window_finish(&w);
        ds_counts_clear(&f->sets[0].counts);
        f->counted = 0;
    }
    struct ds_window w = gather(f);
    assert_int_equal(w.sources + w.cell_count + w.country_count + w.destinations, 0);
    ds_window_finish(&w);
    finish(f);
}

/* Every part of a cell's key survives the way into the window. */
static void test_cell_keys(void **state)
{
    static const uint8_t protocols[] = {0, 1, 6, 17, 58, 255};
    static const uint16_t ports[] = {0, 1, 255, 256, 32767, 32768, 65535};
    static const uint16_t countries[] = {0, 1, 26, 27, 676};
    struct fixture *f = make(1, 1, NULL);
    size_t n = 0;
    for (uint8_t cls = 0; cls < DS_CLASS_COUNT; cls++)
        for (size_t i = 0; i < COUNT(protocols) * COUNT(ports) * COUNT(countries); i++, n++)
            count(f, 0,
                  &(struct packet){.cls = cls,
                                   .proto = protocols[i % COUNT(protocols)],
                                   .port = ports[i / COUNT(protocols) % COUNT(ports)],
                                   .country = countries[i / COUNT(protocols) / COUNT(ports)]});
    struct ds_window w = gather(f);
    assert_int_equal(w.cell_count, n);
    for (size_t i = 0; i < n; i++) {
        const struct ds_cell *c = &w.cells[i];
        bool known = false;
        for (size_t k = 0; k < COUNT(countries); k++)
            known |= c->country == ds_geo_country(countries[k]);
        assert_true(known && c->packets == 1);
        assert_int_equal(c->cls, i / (n / DS_CLASS_COUNT));
        assert_int_equal(c->proto,
                         protocols[i / (COUNT(ports) * COUNT(countries)) % COUNT(protocols)]);
        assert_int_equal(c->port, ports[i / COUNT(countries) % COUNT(ports)]);
    }
    ds_window_finish(&w);
    finish(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unique_sources),
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_many_marks),
        cmocka_unit_test(test_full_tables),
        cmocka_unit_test(test_destinations_of_all_workers),
        cmocka_unit_test(test_no_memory_for_rest),
        cmocka_unit_test(test_wide_cells),
        cmocka_unit_test(test_very_wide_cell),
        cmocka_unit_test(test_destinations_are_divided),
        cmocka_unit_test(test_victims_are_divided),
        cmocka_unit_test(test_large_monitored_set),
        cmocka_unit_test(test_clear),
        cmocka_unit_test(test_cell_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
