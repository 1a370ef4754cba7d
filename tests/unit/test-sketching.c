/* SPDX-License-Identifier: Apache-2.0
 *
 * The sketches of a closed window are those of the sources that it counted, each made here again
 * from what was sent: every country, port, signature and so on, IPv6 sources and several workers
 * too; and where ports are too many, those with most sources have one.
 */
#include "gather.h"
#include "packets.h"
#include "sketches.h"

#define WORKERS 3

static const struct ds_sketch_secret secret = {21, 22, 23};
static struct ds_hash_key key; /* set once by main */

/* An address of IPv6 is a hash with the upper bits set. */
struct sent {
    uint64_t source;
    uint16_t port, country;
    uint8_t cls, proto;
    bool is_v6;
    uint32_t signatures;
};

struct fixture {
    struct ds_monitor *monitor;
    struct ds_set sets[WORKERS];
    struct ds_set *places[WORKERS];
    struct ds_survey_set *survey; /* source 1 to 9 */
    uint64_t counted;
    struct ds_sketches expected;
};

static struct fixture *make(void)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    assert_int_equal(ds_monitor_create(NULL, 0, NULL, 0, &f->monitor, NULL), 0);
    f->survey = calloc(1, sizeof *f->survey + 64 * sizeof f->survey->slots[0]);
    assert_non_null(f->survey);
    f->survey->key = key;
    f->survey->mask = 63;
    for (uint32_t address = 1; address < 10; address++) {
        uint64_t at = ds_hash(&key, address);
        while (f->survey->slots[at & 63])
            at++;
        f->survey->slots[at & 63] = address;
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        f->places[i] = &f->sets[i];
        assert_int_equal(ds_counts_init(&f->sets[i].counts, f->monitor, WORKERS, &key), 0);
        f->sets[i].counts.survey = f->survey;
    }
    f->expected.known = true;
    f->expected.secret_id = secret.id;
    return f;
}

static void finish(struct fixture *f)
{
    for (unsigned i = 0; i < WORKERS; i++)
        ds_counts_finish(&f->sets[i].counts);
    ds_monitor_destroy(f->monitor);
    ds_sketches_finish(&f->expected);
    free(f->survey);
    free(f);
}

static void expect(struct fixture *f, struct ds_sketch_key name, const struct sent *p)
{
    struct ds_sketches *s = &f->expected;
    struct ds_sketch_row *row = (struct ds_sketch_row *)ds_sketches_find(s, &name);
    if (!row) {
        s->rows = realloc(s->rows, (s->count + 1) * sizeof *s->rows);
        assert_non_null(s->rows);
        size_t at = s->count++;
        for (; at > 0 && ds_sketch_key_compare(&s->rows[at - 1].key, &name) > 0; at--)
            s->rows[at] = s->rows[at - 1];
        row = &s->rows[at];
        *row = (struct ds_sketch_row){.key = name};
        ds_sketch_init(&row->sketch, ds_sketch_precision(name.kind));
    }
    uint64_t source = p->is_v6 ? DS_SKETCH_IP6 | (p->source & DS_SKETCH_IP6_MASK) : p->source;
    assert_int_equal(ds_sketch_add(&row->sketch, ds_sketch_hash(&secret, source)), 0);
}

static void expect_signatures(struct fixture *f, const struct sent *p, uint32_t bits, unsigned kind)
{
    for (unsigned i = 0; i < DS_SIGNATURE_COUNT; i++)
        if (bits >> i & 1) {
            struct ds_sketch_key name = {.kind = (uint8_t)kind};
            strcpy(name.signature, ds_signature_name(i));
            expect(f, name, p);
        }
}

/* confirmed: what this packet is at least the second of. */
static void expect_all(struct fixture *f, const struct sent *p, bool survey, uint32_t confirmed)
{
    const uint32_t malware = 1u << DS_SIGNATURE_MIRAI | 1u << DS_SIGNATURE_HAJIME;
    ds_country country = ds_geo_country(p->country);
    struct ds_sketch_key port = {
        .kind = DS_SKETCH_PORT, .cls = p->cls, .proto = p->proto, .port = p->port};
    expect(f, (struct ds_sketch_key){.kind = DS_SKETCH_COUNTRY, .country = country}, p);
    expect(f, (struct ds_sketch_key){.kind = DS_SKETCH_CLASS, .cls = p->cls}, p);
    if (p->proto != 47)
        expect(f, (struct ds_sketch_key){.kind = DS_SKETCH_PROTOCOL, .proto = p->proto}, p);
    expect(f, port, p);
    expect_signatures(f, p, p->signatures, DS_SKETCH_SIGNATURE);
    expect_signatures(f, p, confirmed, DS_SKETCH_SIGNATURE_CONFIRMED);
    if (p->signatures & malware)
        expect(f, (struct ds_sketch_key){.kind = DS_SKETCH_INFECTED, .country = country}, p);
    for (unsigned i = 0; i < DS_SIGNATURE_COUNT; i++)
        if (p->signatures & malware & 1u << i) {
            struct ds_sketch_key name = {.kind = DS_SKETCH_MALWARE, .country = country};
            strcpy(name.signature, ds_signature_name(i));
            expect(f, name, p);
        }
    if (confirmed & malware)
        expect(f, (struct ds_sketch_key){.kind = DS_SKETCH_INFECTED_CONFIRMED, .country = country},
               p);
    if (!survey)
        return;
    port.kind = DS_SKETCH_PORT_SURVEY;
    expect(f, (struct ds_sketch_key){.kind = DS_SKETCH_COUNTRY_SURVEY, .country = country}, p);
    if (p->proto != 47)
        expect(f, (struct ds_sketch_key){.kind = DS_SKETCH_PROTOCOL_SURVEY, .proto = p->proto}, p);
    expect(f, port, p);
}

static void count(struct fixture *f, const struct sent *p)
{
    struct ds_counts *c = &f->sets[p->source % WORKERS].counts;
    uint64_t address = p->is_v6 ? p->source | DS_COUNT_KEY_IP6 : p->source;
    bool survey = !p->is_v6 && ds_survey_has(f->survey, (uint32_t)p->source);
    struct ds_hit h = {
        .counts = c,
        .source_key = address | DS_COUNT_KEY_SET,
        .cell_key = ds_count_cell_key(p->cls, p->proto, p->port, 0),
        .signatures = (uint16_t)p->signatures,
        .bytes = 40,
        .country = p->is_v6 ? p->country : DS_COUNT_COUNTRY_LATER,
    };
    h.source_hash = ds_hash(&key, h.source_key);
    h.pair_key = ds_count_pair_key(h.source_key, h.cell_key);
    h.pair_hash = ds_hash(&key, h.pair_key);
    const struct ds_source *before =
        ds_table_find(&c->sources, h.source_key, h.source_hash, sizeof *before);
    expect_all(f, p, survey, before ? before->seen & p->signatures : 0);
    ds_count_signatures(c, p->signatures);
    ds_count_source(&h);
    if (h.country == DS_COUNT_COUNTRY_LATER) {
        h.country = p->country;
        ds_count_origin(&h);
    }
    h.cell_key |= (uint64_t)h.country << DS_CELL_COUNTRY_SHIFT;
    h.cell_hash = ds_hash(&key, h.cell_key);
    ds_count_packet(&h);
    c->types[DS_TYPE_TCP_SYN]++;
    c->protocols[p->proto]++;
    f->counted++;
}

/* A source is what the window's counts take it for, when all of its packets have come. */
static void expect_devices(struct fixture *f)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        struct ds_table_walk walk = {0};
        const struct ds_source *s;
        while ((s = ds_table_next(&f->sets[i].counts.sources, &walk))) {
            const struct sent p = {.source = s->key & DS_SKETCH_IP6_MASK,
                                   .is_v6 = s->key & DS_COUNT_KEY_IP6};
            expect(f,
                   (struct ds_sketch_key){.kind = DS_SKETCH_DEVICE,
                                          .device = (uint8_t)ds_count_device(s)},
                   &p);
        }
    }
}

static struct ds_window gather(struct fixture *f)
{
    struct ds_window w;
    struct ds_gather kept = {0};
    expect_devices(f);
    f->sets[0].close.received = f->counted;
    assert_int_equal(ds_gather(&kept, f->places, WORKERS, f->monitor, &w), 0);
    ds_gather_finish(&kept);
    assert_int_equal(ds_sketches_gather(&secret, f->places, WORKERS, &w), 0);
    assert_null(ds_window_imbalance(&w));
    return w;
}

static struct sent draw_sent(uint64_t *seed)
{
    static const uint8_t protos[] = {DS_PROTO_TCP,  DS_PROTO_TCP,   DS_PROTO_UDP,
                                     DS_PROTO_ICMP, DS_PROTO_ICMP6, 47};
    static const uint32_t signatures[] = {0,
                                          0,
                                          1u << DS_SIGNATURE_MIRAI,
                                          1u << DS_SIGNATURE_ZMAP,
                                          1u << DS_SIGNATURE_MASSCAN,
                                          1u << DS_SIGNATURE_HAJIME | 1u << DS_SIGNATURE_MIRAI};
    bool is_v6 = draw_below(seed, 4) == 0;
    uint64_t source = is_v6 ? draw(seed) >> 3 : draw_below(seed, 6000);
    if (is_v6 && draw_below(seed, 2))
        source = 77; /* the same once more */
    return (struct sent){
        .source = source,
        .port = (uint16_t)draw_below(seed, 150),
        .country = (uint16_t)(is_v6 ? 3 : source % 60),
        .cls = (uint8_t)draw_below(seed, DS_CLASS_COUNT),
        .proto = protos[draw_below(seed, COUNT(protos))],
        .is_v6 = is_v6,
        .signatures = signatures[draw_below(seed, COUNT(signatures))],
    };
}

static void are_those_of_what_was_sent(void **state)
{
    struct fixture *f = make();
    uint64_t seed = 7;
    for (unsigned i = 0; i < 20000; i++) {
        struct sent p = draw_sent(&seed);
        p.port %= 50; /* fewer ports than there are sketches for */
        count(f, &p);
    }
    struct ds_window w = gather(f);
    assert_int_equal(w.sketches.port_floor, 0);
    assert_true(ds_sketches_equal(&w.sketches, &f->expected));
    /* All countries' sources are the window's. */
    struct ds_sketch all;
    assert_int_equal(ds_sketches_unite(&w.sketches, DS_SKETCH_COUNTRY, &all), 0);
    struct ds_estimate e = ds_sketch_estimate(&all);
    assert_true(e.count - (double)w.sources < 4 * e.error &&
                (double)w.sources - e.count < 4 * e.error);
    ds_sketch_finish(&all);
    ds_window_finish(&w);
    finish(f);
}

static uint64_t port_sources(const struct ds_window *w, const struct ds_sketch_key *name)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < w->cell_count; i++)
        if (w->cells[i].cls == name->cls && w->cells[i].proto == name->proto &&
            w->cells[i].port == name->port)
            sum += w->cells[i].sources;
    return sum;
}

static void the_ports_with_most_sources_have_one(void **state)
{
    struct fixture *f = make();
    uint64_t seed = 9, least = UINT64_MAX;
    for (unsigned i = 0; i < 20000; i++) {
        struct sent p = draw_sent(&seed);
        count(f, &p);
    }
    struct ds_window w = gather(f);
    size_t ports = 0, unlisted = 0;
    for (size_t i = 0; i < w.sketches.count; i++) {
        const struct ds_sketch_row *row = &w.sketches.rows[i];
        const struct ds_sketch_row *expected = ds_sketches_find(&f->expected, &row->key);
        assert_non_null(expected);
        assert_true(ds_sketch_equal(&row->sketch, &expected->sketch));
        if (row->key.kind != DS_SKETCH_PORT)
            continue;
        uint64_t sources = port_sources(&w, &row->key);
        least = sources < least ? sources : least;
        ports++;
    }
    assert_int_equal(ports, DS_SKETCH_PORTS_MAX);
    for (size_t i = 0; i < f->expected.count; i++) {
        const struct ds_sketch_key *name = &f->expected.rows[i].key;
        if (ds_sketches_find(&w.sketches, name))
            continue;
        assert_true(name->kind == DS_SKETCH_PORT || name->kind == DS_SKETCH_PORT_SURVEY);
        if (name->kind == DS_SKETCH_PORT)
            assert_true(port_sources(&w, name) <= w.sketches.port_floor);
        unlisted++;
    }
    assert_true(unlisted > 100);
    assert_true(least >= w.sketches.port_floor && w.sketches.port_floor > 0);
    ds_window_finish(&w);
    finish(f);
}

static void an_empty_window_has_none(void **state)
{
    struct fixture *f = make();
    struct ds_window w = gather(f);
    assert_true(w.sketches.known);
    assert_int_equal(w.sketches.count, 0);
    assert_true(w.sketches.secret_id == secret.id);
    ds_window_finish(&w);
    finish(f);
}

/* Sketches of signatures from files, whose rules two workers hold in another order. */
static void signatures_of_files_have_them(void **state)
{
    struct fixture *f = make();
    static const char *const ids[2][2] = {{"a", "b"}, {"b", "a"}};
    struct ds_rules *rules[2];
    struct ds_error err;
    for (unsigned i = 0; i < 2; i++) {
        struct ds_rule *list = calloc(2, sizeof *list);
        assert_non_null(list);
        for (unsigned k = 0; k < 2; k++) {
            list[k].proto = -1;
            strcpy(list[k].id, ids[i][k]);
        }
        assert_int_equal(ds_rules_create(list, 2, &rules[i], &err), 0);
        atomic_store(&f->sets[i].counts.rules.rules, rules[i]);
    }
    struct ds_rule_pending *pending = calloc(1, sizeof *pending);
    assert_non_null(pending);
    for (uint64_t n = 0; n < 2400; n++) {
        uint8_t snap[40] = {0x45};
        struct ds_packet p = {.proto = DS_PROTO_TCP, .source_key = n / 2 % 1000};
        struct sent sent = {.source = p.source_key, .country = 1, .proto = DS_PROTO_TCP, .port = 1};
        ds_rules_examine(pending, &f->sets[n % 2].counts.rules, &p, snap, sizeof snap);
        count(f, &sent);
        for (unsigned k = 0; k < 2; k++) {
            struct ds_sketch_key name = {.kind = DS_SKETCH_SIGNATURE};
            strcpy(name.signature, ids[0][k]);
            expect(f, name, &sent);
            name.kind = DS_SKETCH_SIGNATURE_CONFIRMED;
            if (n >= 2000) /* the second one of its worker */
                expect(f, name, &sent);
        }
    }
    ds_rules_count(pending);
    free(pending);
    struct ds_window w = gather(f);
    assert_int_equal(w.signature_count, 2);
    assert_true(ds_sketches_equal(&w.sketches, &f->expected));
    ds_window_finish(&w);
    finish(f);
    for (unsigned i = 0; i < 2; i++)
        ds_rules_destroy(rules[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(are_those_of_what_was_sent),
        cmocka_unit_test(the_ports_with_most_sources_have_one),
        cmocka_unit_test(an_empty_window_has_none),
        cmocka_unit_test(signatures_of_files_have_them),
    };
    key = ds_sketches_hash_key(&secret);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
