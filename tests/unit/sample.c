/* SPDX-License-Identifier: Apache-2.0 */
#include "sample.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNTRIES 200

uint64_t sample_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545f4914f6cdd1d);
}

static void *copy(const void *from, size_t bytes)
{
    void *to = malloc(bytes);
    assert_non_null(to);
    return memcpy(to, from, bytes);
}

void sample_small(struct ds_window *w)
{
    static const struct ds_cell cells[] = {
        {DS_CLASS_SCAN, DS_PROTO_TCP, 23, DS_COUNTRY('C', 'N'), 4, 172, 3, 0},
        {DS_CLASS_SCAN, DS_PROTO_TCP, 23, DS_COUNTRY('N', 'L'), 2, 80, 1, 2},
        {DS_CLASS_BACKSCATTER, DS_PROTO_UDP, 53, DS_COUNTRY_UNKNOWN, 1, 300, 1, 0},
        {DS_CLASS_OTHER, 47, 0, DS_COUNTRY('C', 'N'), 1, 1500, 1, 0},
    };
    static const struct ds_country_tally countries[] = {
        {DS_COUNTRY_UNKNOWN, {1, 300, 1}},
        {DS_COUNTRY('C', 'N'), {5, 1672, 4}},
        {DS_COUNTRY('N', 'L'), {2, 80, 1}},
    };
    static const struct ds_device_tally devices[] = {
        {DS_COUNTRY('C', 'N'), DS_DEVICE_LINUX, 2, 1},
        {DS_COUNTRY('C', 'N'), DS_DEVICE_EMBEDDED, 3, 3},
        {DS_COUNTRY('N', 'L'), DS_DEVICE_EMBEDDED, 2, 1},
    };
    static const struct ds_signature_tally signatures[] = {{"mirai", 4, 3, 1}, {"zmap", 2, 1, 1}};
    static const struct ds_source_record sources[] = {
        {0xc0000201, 64496, 4, 2, 1, 1, DS_COUNTRY('C', 'N'), 1, DS_SURVEY_NO, DS_DEVICE_LINUX, 0,
         255},
        {0xc0000202, 0, 2, 1, 5, 4, DS_COUNTRY('N', 'L'), 1, DS_SURVEY_YES, DS_DEVICE_EMBEDDED, 17,
         17},
    };
    static const struct ds_attack attacks[] = {
        {.victim = 0xc6336407, /* 198.51.100.7 */
         .proto = DS_PROTO_TCP,
         .country = DS_COUNTRY('N', 'L'),
         .port = 443,
         .ports = 2,
         .attack_ports = 61,
         .addresses = 59,
         .window_packets = 62,
         .window_bytes = 2480,
         .start_ms = 1767225461250,
         .last_ms = 1767225659999,
         .packets = 180,
         .bytes = 7200,
         .mismatches = 1,
         .max_ppm = 64},
        {.victim = 0xcb007109, /* 203.0.113.9 */
         .proto = DS_PROTO_ICMP,
         .country = DS_COUNTRY_UNKNOWN,
         .port = 0x0800,
         .ports = 1,
         .addresses = 30,
         .window_packets = 31,
         .window_bytes = 1736,
         .start_ms = 1767225599000,
         .last_ms = 1767225659000,
         .packets = 32,
         .bytes = 1792,
         .max_ppm = 32},
    };
    *w = (struct ds_window){
        .start_s = 1767225600,
        .seconds = 60,
        .observed_ns = 59500000000,
        .addresses_known = true,
        .addresses = 65536,
        .active_addresses = 7,
        .country_db = "DBIP-Country-Lite 2026-01",
        .books = {11, 8, 1, 2, 1, 1, 0, 5, 0, 3},
        .malformed = {[DS_MALFORMED_IP_SHORT] = 1, [DS_MALFORMED_UDP_LENGTH] = 1},
        .overflow = {[DS_OVERFLOW_PAIRS] = 1},
        .bytes = 2052,
        .sources = 6,
        .destinations = 7,
        .types = {[DS_TYPE_TCP_SYN] = 6, [DS_TYPE_UDP] = 1, [DS_TYPE_OTHER] = 1},
        .classes = {{6, 252, 4}, {1, 300, 1}, {1, 1500, 1}},
        .protocols = {[DS_PROTO_TCP] = 6, [DS_PROTO_UDP] = 1, [47] = 1},
        .cells = copy(cells, sizeof cells),
        .cell_count = sizeof cells / sizeof cells[0],
        .countries = copy(countries, sizeof countries),
        .country_count = sizeof countries / sizeof countries[0],
        .devices = copy(devices, sizeof devices),
        .device_count = sizeof devices / sizeof devices[0],
        .signatures = copy(signatures, sizeof signatures),
        .signature_count = sizeof signatures / sizeof signatures[0],
        .source_records = copy(sources, sizeof sources),
        .source_record_count = sizeof sources / sizeof sources[0],
        .marks = {"mirai", "masscan", "zmap"},
        .mark_count = 3,
        .attacks_known = true,
        .attacks = copy(attacks, sizeof attacks),
        .attack_count = sizeof attacks / sizeof attacks[0],
    };
}

struct packet {
    uint64_t key;
    uint32_t source;
    uint16_t bytes;
};

static int compare_packets(const void *left, const void *right)
{
    const struct packet *a = left, *b = right;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return (a->source > b->source) - (a->source < b->source);
}

/* A rank from 0 to n - 1, the r-th about 1/r as often. */
static unsigned zipf(uint64_t *random, unsigned n)
{
    double uniform = (double)(sample_random(random) >> 11) / (double)(UINT64_C(1) << 53);
    return (unsigned)(exp(uniform * log(n)) - 1);
}

static ds_country country_of_rank(unsigned rank)
{
    unsigned code = rank * 263 % 676;
    return DS_COUNTRY('A' + code / 26, 'A' + code % 26);
}

/* A quarter of the traffic sweeps all ports, the rest goes to ports of Zipf popularity; a fifth is
 * UDP. A minute of a /16 (300,000 packets) makes some 100,000 cells of it. */
static struct packet make_packet(uint64_t *random)
{
    static const uint16_t tcp_bytes[] = {40, 40, 40, 40, 44, 44, 52, 60};
    uint64_t dice = sample_random(random);
    unsigned rank = zipf(random, COUNTRIES);
    bool udp = dice % 5 == 0;
    bool sweep = (dice >> 8) % 4 == 0;
    struct ds_cell c = {
        .cls = dice >> 16 & 31 ? DS_CLASS_SCAN : DS_CLASS_BACKSCATTER,
        .proto = udp ? DS_PROTO_UDP : DS_PROTO_TCP,
        .port = (uint16_t)(sweep ? sample_random(random)
                                 : zipf(random, 1 + zipf(random, 65536)) * 7919 + 23),
        .country = sweep ? country_of_rank(rank % 4) : country_of_rank(rank),
    };
    return (struct packet){
        .key = ds_cell_key(&c),
        .source = (uint32_t)(rank << 16 | zipf(random, 1000)),
        .bytes = udp ? (uint16_t)(28 + (c.port * 31u) % 200) : tcp_bytes[dice >> 24 & 7],
    };
}

/* Fills the figures that are sums over the cells. */
static void sum_up(struct ds_window *w)
{
    struct ds_tally by_country[65536] = {0};
    for (size_t i = 0; i < w->cell_count; i++) {
        const struct ds_cell *c = &w->cells[i];
        struct ds_tally *tallies[] = {&w->classes[c->cls], &by_country[c->country]};
        for (size_t t = 0; t < 2; t++) {
            tallies[t]->packets += c->packets;
            tallies[t]->bytes += c->bytes;
            tallies[t]->sources += c->sources;
        }
        w->protocols[c->proto] += c->packets;
        w->types[c->proto == DS_PROTO_UDP ? DS_TYPE_UDP : DS_TYPE_TCP_SYN] += c->packets;
        w->bytes += c->bytes;
    }
    w->countries = calloc(COUNTRIES, sizeof *w->countries);
    assert_non_null(w->countries);
    for (unsigned i = 0; i < 65536; i++)
        if (by_country[i].packets)
            w->countries[w->country_count++] =
                (struct ds_country_tally){(ds_country)i, by_country[i]};
}

/* A third of each country's packets are of Windows, the rest of a device by its code. */
static void make_devices(struct ds_window *w)
{
    w->devices = calloc(2 * w->country_count + 1, sizeof *w->devices);
    assert_non_null(w->devices);
    for (size_t i = 0; i < w->country_count; i++) {
        const struct ds_country_tally *c = &w->countries[i];
        uint64_t third = c->tally.packets / 3;
        uint8_t other = (uint8_t)(c->country % DS_DEVICE_WINDOWS);
        w->devices[w->device_count++] =
            (struct ds_device_tally){c->country, other, c->tally.packets - third, third + 1};
        if (third)
            w->devices[w->device_count++] =
                (struct ds_device_tally){c->country, DS_DEVICE_WINDOWS, third, 1};
    }
}

void sample_traffic(struct ds_window *w, uint64_t seed, size_t packets)
{
    ds_window_init(w);
    struct packet *list = calloc(packets + 1, sizeof *list);
    w->cells = calloc(packets + 1, sizeof *w->cells);
    assert_non_null(list);
    assert_non_null(w->cells);
    for (size_t i = 0; i < packets; i++)
        list[i] = make_packet(&seed);
    qsort(list, packets, sizeof *list, compare_packets);
    for (size_t i = 0; i < packets; i++) {
        const struct packet *p = &list[i];
        bool fresh = i == 0 || p->key != p[-1].key;
        if (fresh)
            w->cells[w->cell_count++] = (struct ds_cell){
                .cls = (uint8_t)(p->key >> 40),
                .proto = (uint8_t)(p->key >> 32),
                .port = (uint16_t)(p->key >> 16),
                .country = (ds_country)p->key,
            };
        struct ds_cell *c = &w->cells[w->cell_count - 1];
        c->packets++;
        c->bytes += p->bytes;
        c->sources += fresh || p->source != p[-1].source;
        c->survey_packets += p->source % 1000 == 0;
    }
    free(list);
    sum_up(w);
    make_devices(w);
    w->seconds = 60;
    w->observed_ns = UINT64_C(60000000000);
    w->books[DS_BOOK_RECEIVED] = w->books[DS_BOOK_COUNTED] = packets;
}

static const struct ds_sketch_secret secret = {1, 2, UINT64_C(0x0123456789abcdef)};

/* Puts a sketch of the sources from `first` on, if any, behind the others, whose keys are lower. */
static void add_sketch(struct ds_window *w, const struct ds_sketch_key *key, uint64_t first,
                       uint64_t sources)
{
    struct ds_sketches *s = &w->sketches;
    if (sources == 0)
        return;
    s->rows = realloc(s->rows, (s->count + 1) * sizeof *s->rows);
    assert_non_null(s->rows);
    struct ds_sketch_row *row = &s->rows[s->count++];
    *row = (struct ds_sketch_row){.key = *key};
    ds_sketch_init(&row->sketch, ds_sketch_precision(key->kind));
    for (uint64_t n = first; n < first + sources; n++) {
        uint64_t bit = n << (64 - DS_SKETCH_BITS) | UINT64_C(1) << (63 - DS_SKETCH_BITS);
        uint64_t hash = key->kind == DS_SKETCH_ADDRESSES ? bit : ds_sketch_hash(&secret, n);
        assert_int_equal(ds_sketch_add(&row->sketch, hash), 0);
    }
    assert_true(ds_sketch_key_valid(key));
    assert_true(s->count < 2 || ds_sketch_key_compare(&row[-1].key, key) < 0);
}

static void sketch_countries(struct ds_window *w)
{
    uint64_t first = 0;
    for (size_t i = 0; i < w->country_count; i++) {
        const struct ds_country_tally *c = &w->countries[i];
        const struct ds_sketch_key key = {.kind = DS_SKETCH_COUNTRY, .country = c->country};
        add_sketch(w, &key, first, c->tally.sources);
        first += c->tally.sources;
    }
    const struct ds_sketch_key survey = {.kind = DS_SKETCH_COUNTRY_SURVEY,
                                         .country = w->countries[0].country};
    add_sketch(w, &survey, 0, 1);
}

static void sketch_signatures(struct ds_window *w, unsigned kind)
{
    for (size_t i = 0; i < w->signature_count; i++) {
        const struct ds_signature_tally *s = &w->signatures[i];
        struct ds_sketch_key key = {.kind = (uint8_t)kind};
        strcpy(key.signature, s->id);
        add_sketch(w, &key, i, kind == DS_SKETCH_SIGNATURE ? s->sources : s->confirmed_sources);
    }
}

void sample_sketches(struct ds_window *w)
{
    w->sketches = (struct ds_sketches){.known = true, .secret_id = secret.id, .port_floor = 1};
    if (w->cell_count == 0)
        return;
    const struct ds_cell *c = &w->cells[0];
    struct ds_sketch_key port = {
        .kind = DS_SKETCH_PORT, .cls = c->cls, .proto = c->proto, .port = c->port};
    sketch_countries(w);
    for (uint8_t cls = 0; cls < DS_CLASS_COUNT; cls++)
        if (w->classes[cls].sources)
            add_sketch(w, &(struct ds_sketch_key){.kind = DS_SKETCH_CLASS, .cls = cls}, cls,
                       w->classes[cls].sources);
    add_sketch(w, &(struct ds_sketch_key){.kind = DS_SKETCH_PROTOCOL, .proto = DS_PROTO_TCP},
               DS_SKETCH_IP6, 1);
    sketch_signatures(w, DS_SKETCH_SIGNATURE);
    sketch_signatures(w, DS_SKETCH_SIGNATURE_CONFIRMED);
    add_sketch(
        w, &(struct ds_sketch_key){.kind = DS_SKETCH_INFECTED, .country = w->countries[0].country},
        0, 1);
    add_sketch(w, &port, 0, c->sources);
    port.kind = DS_SKETCH_PORT_SURVEY;
    add_sketch(w, &port, 0, 1);
    add_sketch(w, &(struct ds_sketch_key){.kind = DS_SKETCH_DEVICE, .device = DS_DEVICE_EMBEDDED},
               0, 1);
    for (size_t i = 0; i < w->signature_count; i++) {
        struct ds_sketch_key malware = {.kind = DS_SKETCH_MALWARE,
                                        .country = w->countries[0].country};
        strcpy(malware.signature, w->signatures[i].id);
        add_sketch(w, &malware, i, 1);
    }
    const struct ds_sketch_key addresses = {.kind = DS_SKETCH_ADDRESSES, .set = 0x0f3a};
    add_sketch(w, &addresses, 0, w->books[DS_BOOK_COUNTED] > 1 ? 2 : 1);
}

static void assert_same_cell(const struct ds_cell *a, const struct ds_cell *b)
{
    assert_true(ds_cell_key(a) == ds_cell_key(b));
    assert_true(a->packets == b->packets);
    assert_true(a->bytes == b->bytes);
    assert_true(a->sources == b->sources);
    assert_true(a->survey_packets == b->survey_packets);
}

static void assert_same_tally(const struct ds_tally *a, const struct ds_tally *b)
{
    assert_true(a->packets == b->packets);
    assert_true(a->bytes == b->bytes);
    assert_true(a->sources == b->sources);
}

static void assert_same_source(const struct ds_source_record *a, const struct ds_source_record *b)
{
    assert_int_equal(a->address, b->address);
    assert_int_equal(a->asn, b->asn);
    assert_true(a->packets == b->packets);
    assert_int_equal(a->ports, b->ports);
    assert_int_equal(a->seen, b->seen);
    assert_int_equal(a->confirmed, b->confirmed);
    assert_int_equal(a->country, b->country);
    assert_int_equal(a->classes, b->classes);
    assert_int_equal(a->survey, b->survey);
    assert_int_equal(a->device, b->device);
    assert_int_equal(a->first, b->first);
    assert_int_equal(a->last, b->last);
}

static void assert_same_attack(const struct ds_attack *a, const struct ds_attack *b)
{
    assert_true(ds_attack_key(a) == ds_attack_key(b));
    assert_int_equal(a->country, b->country);
    assert_int_equal(a->port, b->port);
    assert_int_equal(a->ports, b->ports);
    assert_int_equal(a->attack_ports, b->attack_ports);
    assert_int_equal(a->addresses, b->addresses);
    assert_true(a->window_packets == b->window_packets);
    assert_true(a->window_bytes == b->window_bytes);
    assert_true(a->start_ms == b->start_ms);
    assert_true(a->last_ms == b->last_ms);
    assert_true(a->packets == b->packets);
    assert_true(a->bytes == b->bytes);
    assert_true(a->mismatches == b->mismatches);
    assert_true(a->max_ppm == b->max_ppm);
}

void sample_assert_equal(const struct ds_window *a, const struct ds_window *b)
{
    assert_true(a->start_s == b->start_s);
    assert_int_equal(a->seconds, b->seconds);
    assert_true(a->observed_ns == b->observed_ns);
    assert_int_equal(a->addresses_known, b->addresses_known);
    assert_true(a->addresses == b->addresses);
    assert_true(a->active_addresses == b->active_addresses);
    assert_string_equal(a->country_db, b->country_db);
    assert_memory_equal(a->books, b->books, sizeof a->books);
    assert_memory_equal(a->malformed, b->malformed, sizeof a->malformed);
    assert_memory_equal(a->overflow, b->overflow, sizeof a->overflow);
    assert_true(a->bytes == b->bytes);
    assert_true(a->sources == b->sources);
    assert_true(a->destinations == b->destinations);
    assert_memory_equal(a->types, b->types, sizeof a->types);
    for (size_t i = 0; i < DS_CLASS_COUNT; i++)
        assert_same_tally(&a->classes[i], &b->classes[i]);
    assert_memory_equal(a->protocols, b->protocols, sizeof a->protocols);
    assert_int_equal(a->cell_count, b->cell_count);
    for (size_t i = 0; i < a->cell_count; i++)
        assert_same_cell(&a->cells[i], &b->cells[i]);
    assert_int_equal(a->country_count, b->country_count);
    for (size_t i = 0; i < a->country_count; i++) {
        assert_int_equal(a->countries[i].country, b->countries[i].country);
        assert_same_tally(&a->countries[i].tally, &b->countries[i].tally);
    }
    assert_int_equal(a->device_count, b->device_count);
    for (size_t i = 0; i < a->device_count; i++) {
        assert_int_equal(ds_device_key(&a->devices[i]), ds_device_key(&b->devices[i]));
        assert_true(a->devices[i].packets == b->devices[i].packets);
        assert_true(a->devices[i].sources == b->devices[i].sources);
    }
    assert_int_equal(a->signature_count, b->signature_count);
    assert_int_equal(a->source_record_count, b->source_record_count);
    for (size_t i = 0; i < a->source_record_count; i++)
        assert_same_source(&a->source_records[i], &b->source_records[i]);
    assert_int_equal(a->mark_count, b->mark_count);
    for (unsigned i = 0; i < a->mark_count; i++)
        assert_string_equal(a->marks[i], b->marks[i]);
    for (size_t i = 0; i < a->signature_count; i++) {
        const struct ds_signature_tally *s = &a->signatures[i], *t = &b->signatures[i];
        assert_string_equal(s->id, t->id);
        assert_true(s->packets == t->packets);
        assert_true(s->sources == t->sources);
        assert_true(s->confirmed_sources == t->confirmed_sources);
    }
    assert_int_equal(a->attacks_known, b->attacks_known);
    assert_int_equal(a->attack_count, b->attack_count);
    for (size_t i = 0; i < a->attack_count; i++)
        assert_same_attack(&a->attacks[i], &b->attacks[i]);
    assert_true(ds_sketches_equal(&a->sketches, &b->sketches));
}
