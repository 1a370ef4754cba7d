/* SPDX-License-Identifier: Apache-2.0
 *
 * The sketches of windows united: row by row what their sources together would have made, in any
 * order; nothing across secrets; and of ports that were not always listed, how much may be missing.
 */
#include "sample.h"
#include "sketch_columns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static const struct ds_sketch_secret secret = {11, 12, 13};

static struct ds_sketches begin(uint64_t floor)
{
    return (struct ds_sketches){.known = true, .secret_id = secret.id, .port_floor = floor};
}

/* Adds a source under a key, at the row's place. */
static void put(struct ds_sketches *s, const struct ds_sketch_key *key, uint64_t source)
{
    struct ds_sketch_row *row = (struct ds_sketch_row *)ds_sketches_find(s, key);
    if (!row) {
        s->rows = realloc(s->rows, (s->count + 1) * sizeof *s->rows);
        assert_non_null(s->rows);
        size_t at = s->count++;
        for (; at > 0 && ds_sketch_key_compare(&s->rows[at - 1].key, key) > 0; at--)
            s->rows[at] = s->rows[at - 1];
        row = &s->rows[at];
        *row = (struct ds_sketch_row){.key = *key};
        ds_sketch_init(&row->sketch, ds_sketch_precision(key->kind));
    }
    assert_int_equal(ds_sketch_add(&row->sketch, ds_sketch_hash(&secret, source)), 0);
}

static struct ds_sketch_key country(const char *code)
{
    return (struct ds_sketch_key){.kind = DS_SKETCH_COUNTRY,
                                  .country = DS_COUNTRY(code[0], code[1])};
}

static struct ds_sketch_key port(uint16_t number)
{
    return (struct ds_sketch_key){.kind = DS_SKETCH_PORT, .proto = DS_PROTO_TCP, .port = number};
}

static struct ds_sketch_key signature(unsigned kind, const char *id)
{
    struct ds_sketch_key key = {.kind = (uint8_t)kind};
    strcpy(key.signature, id);
    return key;
}

/* A key of any kind, some of them often. */
static struct ds_sketch_key draw_key(uint64_t *random)
{
    static const char *const ids[] = {"a", "b", "mirai", "mirai2", "zmap"};
    static const uint8_t protos[] = {DS_PROTO_ICMP, DS_PROTO_TCP, DS_PROTO_UDP, DS_PROTO_ICMP6};
    uint64_t dice = sample_random(random);
    struct ds_sketch_key key = {.kind = (uint8_t)(dice % DS_SKETCH_KIND_COUNT)};
    dice >>= 8;
    switch ((enum ds_sketch_kind)key.kind) {
    case DS_SKETCH_CLASS:
        key.cls = dice % DS_CLASS_COUNT;
        break;
    case DS_SKETCH_PROTOCOL:
    case DS_SKETCH_PROTOCOL_SURVEY:
        key.proto = protos[dice % COUNT(protos)];
        break;
    case DS_SKETCH_SIGNATURE:
    case DS_SKETCH_SIGNATURE_CONFIRMED:
        strcpy(key.signature, ids[dice % COUNT(ids)]);
        break;
    case DS_SKETCH_DEVICE:
        key.device = dice % DS_DEVICE_COUNT;
        break;
    case DS_SKETCH_MALWARE:
        key.country = DS_COUNTRY('A' + dice % 3, 'A');
        strcpy(key.signature, ids[dice % COUNT(ids)]);
        break;
    case DS_SKETCH_ADDRESSES:
        key.set = dice % 3;
        break;
    case DS_SKETCH_PORT:
    case DS_SKETCH_PORT_SURVEY:
        key.proto = (uint8_t)dice;
        key.port = dice % 3 ? 23 : (uint16_t)(dice >> 8);
        break;
    default:
        key.country = DS_COUNTRY('A' + dice % 26, 'A' + dice % 7);
    }
    return key;
}

static void fill(struct ds_sketches *s, uint64_t seed, unsigned sources)
{
    for (unsigned i = 0; i < sources; i++) {
        struct ds_sketch_key key = draw_key(&seed);
        assert_true(ds_sketch_key_valid(&key));
        put(s, &key, sample_random(&seed) % 1000);
    }
}

static void merge(struct ds_sketches *into, const struct ds_sketches *from)
{
    assert_int_equal(ds_sketches_merge(into, from), 0);
}

static void unites_in_any_order(void **state)
{
    struct ds_sketches parts[3], all = begin(0), forth, back;
    for (unsigned i = 0; i < 3; i++) {
        parts[i] = begin(0);
        fill(&parts[i], i + 1, 200 + 1000 * i);
        fill(&all, i + 1, 200 + 1000 * i);
    }
    assert_int_equal(ds_sketches_copy(&parts[0], &forth), 0);
    assert_true(ds_sketches_equal(&forth, &parts[0]));
    merge(&forth, &parts[1]);
    merge(&forth, &parts[2]);
    assert_int_equal(ds_sketches_copy(&parts[2], &back), 0);
    merge(&back, &parts[0]);
    merge(&back, &parts[1]);
    merge(&back, &parts[1]); /* again: nothing new */
    assert_true(ds_sketches_equal(&forth, &all));
    assert_true(ds_sketches_equal(&back, &all));
    for (unsigned i = 0; i < 3; i++)
        ds_sketches_finish(&parts[i]);
    ds_sketches_finish(&all);
    ds_sketches_finish(&forth);
    ds_sketches_finish(&back);
}

static void never_unites_across_secrets(void **state)
{
    struct ds_sketches a = begin(0), b = begin(0), unknown = {0};
    const struct ds_sketch_key cn = country("CN");
    put(&a, &cn, 1);
    put(&b, &cn, 2);
    b.secret_id++;
    merge(&a, &b);
    assert_false(a.known);
    assert_int_equal(a.count, 0);
    merge(&b, &unknown);
    assert_false(b.known);
    merge(&unknown, &a);
    assert_false(unknown.known);
}

static void tells_what_a_port_lacks(void **state)
{
    struct ds_sketches a = begin(3), b = begin(5);
    const struct ds_sketch_key both = port(23), first = port(80), second = port(443),
                               cn = country("CN");
    put(&a, &both, 1);
    put(&a, &first, 1);
    put(&a, &cn, 1);
    put(&b, &both, 2);
    put(&b, &second, 2);
    merge(&a, &b);
    assert_int_equal(ds_sketches_find(&a, &both)->missing, 0);
    assert_int_equal(ds_sketches_find(&a, &first)->missing, 5);
    assert_int_equal(ds_sketches_find(&a, &second)->missing, 3);
    assert_int_equal(ds_sketches_find(&a, &cn)->missing, 0);
    assert_int_equal(a.port_floor, 8);
    merge(&a, &b);
    assert_int_equal(ds_sketches_find(&a, &first)->missing, 10);
    assert_int_equal(ds_sketches_find(&a, &second)->missing, 3);
    ds_sketches_finish(&a);
    ds_sketches_finish(&b);
}

/* Port n has n % 7 + 1 sources, those with 7 and 6 stay, and some with 5. */
static void keeps_the_ports_with_most_sources(void **state)
{
    struct ds_sketches s = begin(1);
    const unsigned ports = 3 * DS_SKETCH_PORTS_MAX;
    for (unsigned n = 0; n < ports; n++) {
        struct ds_sketch_key key = port((uint16_t)n);
        for (unsigned source = 0; source <= n % 7; source++)
            put(&s, &key, source * ports + n);
        key.kind = DS_SKETCH_PORT_SURVEY;
        if (n % 2)
            put(&s, &key, n);
    }
    const struct ds_sketch_key cn = country("CN");
    put(&s, &cn, 1);
    ds_sketches_trim(&s);
    size_t left = 0, survey = 0;
    for (size_t i = 0; i < s.count; i++) {
        struct ds_sketch_key key = s.rows[i].key;
        left += key.kind == DS_SKETCH_PORT;
        survey += key.kind == DS_SKETCH_PORT_SURVEY;
        if (key.kind == DS_SKETCH_PORT)
            assert_true(key.port % 7 >= 4);
        key.kind = DS_SKETCH_PORT;
        if (s.rows[i].key.kind == DS_SKETCH_PORT_SURVEY)
            assert_non_null(ds_sketches_find(&s, &key));
    }
    assert_int_equal(left, DS_SKETCH_PORTS_MAX);
    assert_true(survey > 0);
    assert_non_null(ds_sketches_find(&s, &cn));
    assert_true(s.port_floor >= 5 && s.port_floor <= 7);
    ds_sketches_finish(&s);
}

static void unites_a_kind(void **state)
{
    struct ds_sketches s = begin(0);
    struct ds_sketch all, expected;
    const struct ds_sketch_key keys[] = {country("AA"), country("JP"), country("ZZ")};
    ds_sketch_init(&expected, DS_SKETCH_FINE);
    for (uint64_t n = 0; n < 9000; n++) {
        put(&s, &keys[n % COUNT(keys)], n);
        assert_int_equal(ds_sketch_add(&expected, ds_sketch_hash(&secret, n)), 0);
    }
    const struct ds_sketch_key other = port(23);
    put(&s, &other, 123456);
    assert_int_equal(ds_sketches_unite(&s, DS_SKETCH_COUNTRY, &all), 0);
    assert_true(ds_sketch_equal(&all, &expected));
    ds_sketch_finish(&all);
    assert_int_equal(ds_sketches_unite(&s, DS_SKETCH_INFECTED, &all), 0);
    assert_true(ds_sketch_estimate(&all).count == 0);
    ds_sketch_finish(&all);
    ds_sketch_finish(&expected);
    ds_sketches_finish(&s);
}

/* ---- bytes ---- */

static struct ds_bytes bytes_of(const unsigned char *data, size_t size)
{
    return (struct ds_bytes){(const char *)data, size};
}

static size_t names_of(const struct ds_sketches *s, struct ds_sketch_name *names)
{
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++)
        if (s->rows[i].key.signature[0])
            strcpy(names[n++].id, s->rows[i].key.signature);
    return n;
}

static void comes_back_from_columns(void **state)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct ds_sketches s = begin(seed), back = begin(seed);
        struct ds_sketch_columns columns;
        struct ds_sketch_name names[64];
        const char *why = NULL;
        fill(&s, seed + 1, (unsigned)(seed * seed * 10));
        for (size_t i = 0; i < s.count; i++)
            s.rows[i].missing = i % 3 ? 0 : i * 1000;
        if (s.count > 3)
            assert_int_equal(ds_sketch_fold(&s.rows[1].sketch, DS_SKETCH_PRECISION_MIN), 0);
        assert_int_equal(ds_sketch_columns_pack(&s, &columns), 0);
        assert_int_equal(
            ds_sketch_columns_unpack(bytes_of(columns.rows, columns.rows_bytes),
                                     bytes_of(columns.registers, columns.registers_bytes), names,
                                     names_of(&s, names), &back, &why),
            DS_DECODE_OK);
        assert_true(ds_sketches_equal(&s, &back));
        free(columns.rows);
        free(columns.registers);
        ds_sketches_finish(&s);
        ds_sketches_finish(&back);
    }
}

/* The numbers of a table, compressed. */
struct table {
    unsigned char bytes[256];
    size_t size;
};

static struct table table_of(const uint8_t *numbers, size_t count)
{
    struct table t;
    t.size = ZSTD_compress(t.bytes, sizeof t.bytes, numbers, count, 1);
    assert_false(ZSTD_isError(t.size));
    return t;
}

#define N(...)     {__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})
/* The first number of a table of rows. */
#define TCP        0x80, 0x80, 0x98, 0x80, 0x80, 0x80, 0xc0, 0x01 /* protocol 6 */
#define ADDRESSES  0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0xc0, 0x06
#define NAMED_KIND 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0xc0, 0x02 /* a signature's */

static void refuses_what_are_none(void **state)
{
    static const struct {
        uint8_t rows[16];
        size_t row_bytes;
        uint8_t registers[8];
        size_t register_bytes;
        size_t names;
        const char *why;
    } cases[] = {
        {N(0), N(0), 0, NULL},
        {N(1, TCP, 14, 1, 0), N(1, 0, 1), 0, NULL},
        {N(1, NAMED_KIND, 14, 1, 0), N(1, 0, 1), 1, NULL},
        {N(1, NAMED_KIND, 14, 1, 0), N(1, 0, 1), 0, "sketches: not such a key"},
        {N(1, TCP, 14, 1, 0), N(1, 0, 1), 1, "sketches: more names than rows for them"},
        {N(2, NAMED_KIND, 0, 14, 14, 1, 1, 0, 0), N(2, 0, 0, 1, 1), 2, NULL},
        {N(1, 0, 14, 1, 0), N(1, 0, 1), 0, "sketches: not such a key"}, /* no country */
        {N(1, TCP, 9, 1, 0), N(1, 0, 1), 0, "sketches: not such a precision"},
        {N(1, TCP, 15, 1, 0), N(1, 0, 1), 0, "sketches: not such a precision"},
        {N(1, TCP, 16, 1, 0), N(1, 0, 1), 0, "sketches: not such a precision"},
        {N(1, TCP, 17, 1, 0), N(1, 0, 1), 0, "columns: a value is out of range"},
        {N(1, ADDRESSES, 16, 1, 0), N(1, 0, 1), 0, NULL},
        {N(1, ADDRESSES, 14, 1, 0), N(1, 0, 1), 0, "sketches: not such a precision"},
        {N(1, TCP, 14, 0, 0), N(0), 0, "sketches: an empty one"},
        {N(1, TCP, 10, 0x81, 0x08, 0), N(0), 0, "columns: a value is out of range"},
        {N(1, TCP, 14, 2, 0), N(1, 0, 1), 0, "sketches: other registers than they have"},
        {N(1, TCP, 14, 1, 0), N(2, 0, 0, 1, 1), 0, "sketches: other registers than they have"},
        {N(1, TCP, 14, 1, 0), N(1, 0, 0), 0, "sketches: a rank of 0"},
        {N(1, TCP, 14, 1, 0), N(1, 0, 52), 0, "columns: a value is out of range"},
        {N(1, TCP, 10, 2, 0), N(2, 0xff, 0x07, 0, 1, 1), 0, "sketches: a register is out of range"},
        {N(0xff, 0xff, 0xff, 0x7f), N(0), 0, "columns: a value is out of range"},
        {N(0xff, 0x3f, 0), N(0), 0, "columns: more rows than bytes"},
    };
    struct ds_sketch_name names[2] = {{"a"}, {"b"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct table rows = table_of(cases[i].rows, cases[i].row_bytes);
        struct table registers = table_of(cases[i].registers, cases[i].register_bytes);
        struct ds_sketches s = begin(0);
        const char *why = NULL;
        enum ds_decode result = ds_sketch_columns_unpack(bytes_of(rows.bytes, rows.size),
                                                         bytes_of(registers.bytes, registers.size),
                                                         names, cases[i].names, &s, &why);
        ds_sketches_finish(&s);
        if (cases[i].why && !why)
            fail_msg("case %zu was accepted", i);
        assert_int_equal(result, cases[i].why ? DS_DECODE_MALFORMED : DS_DECODE_OK);
        if (cases[i].why)
            assert_string_equal(why, cases[i].why);
    }
}

static void refuses_names_out_of_order(void **state)
{
    struct ds_sketches s = begin(0), back = begin(0);
    struct ds_sketch_columns c;
    struct ds_sketch_name names[2] = {{"b"}, {"a"}};
    const char *why = NULL;
    const struct ds_sketch_key a = signature(DS_SKETCH_SIGNATURE, "a"),
                               b = signature(DS_SKETCH_SIGNATURE, "b");
    put(&s, &a, 1);
    put(&s, &b, 1);
    assert_int_equal(ds_sketch_columns_pack(&s, &c), 0);
    assert_int_equal(ds_sketch_columns_unpack(bytes_of(c.rows, c.rows_bytes),
                                              bytes_of(c.registers, c.registers_bytes), names, 2,
                                              &back, &why),
                     DS_DECODE_MALFORMED);
    assert_string_equal(why, "sketches: keys out of order");
    free(c.rows);
    free(c.registers);
    ds_sketches_finish(&s);
    ds_sketches_finish(&back);
}

/* Keys name what their kind asks for and nothing else. */
static void knows_keys(void **state)
{
    const struct ds_sketch_key wrong[] = {
        {.kind = DS_SKETCH_KIND_COUNT},
        {.kind = DS_SKETCH_COUNTRY},
        {.kind = DS_SKETCH_COUNTRY, .country = DS_COUNTRY('J', 'P'), .port = 1},
        {.kind = DS_SKETCH_INFECTED, .country = DS_COUNTRY('J', 'P'), .signature = "a"},
        {.kind = DS_SKETCH_CLASS, .cls = DS_CLASS_COUNT},
        {.kind = DS_SKETCH_CLASS, .proto = 6},
        {.kind = DS_SKETCH_PROTOCOL},
        {.kind = DS_SKETCH_PROTOCOL, .proto = 47},
        {.kind = DS_SKETCH_SIGNATURE},
        {.kind = DS_SKETCH_SIGNATURE, .signature = "a b"},
        {.kind = DS_SKETCH_SIGNATURE, .signature = "a", .cls = 1},
        {.kind = DS_SKETCH_PORT, .cls = DS_CLASS_COUNT},
        {.kind = DS_SKETCH_PORT, .country = DS_COUNTRY('J', 'P')},
        {.kind = DS_SKETCH_PORT_SURVEY, .signature = "a"},
        {.kind = DS_SKETCH_DEVICE, .device = DS_DEVICE_COUNT},
        {.kind = DS_SKETCH_DEVICE, .port = 1},
        {.kind = DS_SKETCH_MALWARE, .country = DS_COUNTRY('J', 'P')},
        {.kind = DS_SKETCH_MALWARE, .signature = "a"},
        {.kind = DS_SKETCH_MALWARE, .signature = "a", .country = DS_COUNTRY('J', 'P'), .port = 1},
        {.kind = DS_SKETCH_ADDRESSES, .proto = 6},
    };
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_false(ds_sketch_key_valid(&wrong[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unites_in_any_order),
        cmocka_unit_test(never_unites_across_secrets),
        cmocka_unit_test(tells_what_a_port_lacks),
        cmocka_unit_test(keeps_the_ports_with_most_sources),
        cmocka_unit_test(unites_a_kind),
        cmocka_unit_test(comes_back_from_columns),
        cmocka_unit_test(refuses_what_are_none),
        cmocka_unit_test(refuses_names_out_of_order),
        cmocka_unit_test(knows_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
