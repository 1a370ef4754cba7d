/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of a window. Small tables are arrays of rows, [key, figure, figure ...]; a later minor
 * version may lengthen rows at their end.
 */
#include "window_fields.h"

#include "columns.h"
#include "darkscope/text.h"
#include "darkscope/window.h"
#include "sketch_fields.h"
#include "source_columns.h"

#include <stdlib.h>
#include <string.h>

#define DEVICE_NAME_MAX 15
#define ROW_MAX         32 /* values of a row, with those of later versions */
#define ATTACK_VALUES   15

/* Starts a row of which we know so many values; returns how many more there are. */
static uint32_t open_row(struct ds_cursor *c, uint32_t known)
{
    uint32_t values = ds_cursor_array(c, ROW_MAX);
    if (values < known)
        ds_cursor_fail(c, NULL);
    return c->failed ? 0 : values - known;
}

static void close_row(struct ds_cursor *c, uint32_t more)
{
    while (more-- && !c->failed)
        ds_cursor_skip(c);
}

/* A zeroed table of n rows, or NULL after a fault. Rows are counted against the bytes that are
 * left before they come here. */
static void *allocate(struct ds_cursor *c, size_t n, size_t row_bytes)
{
    void *table = c->failed ? NULL : calloc(n + 1, row_bytes);
    if (!table && !c->failed) {
        ds_cursor_fail(c, NULL);
        c->no_memory = true;
    }
    return table;
}

static void pack_tally(msgpack_packer *pk, const struct ds_tally *t)
{
    msgpack_pack_uint64(pk, t->packets);
    msgpack_pack_uint64(pk, t->bytes);
    msgpack_pack_uint64(pk, t->sources);
}

static void read_tally(struct ds_cursor *c, struct ds_tally *t)
{
    t->packets = ds_cursor_uint(c, DS_COUNT_MAX);
    t->bytes = ds_cursor_uint(c, DS_COUNT_MAX);
    t->sources = ds_cursor_uint(c, DS_COUNT_MAX);
}

/* nil without a monitored set. The value is the whole window. */
static void pack_addresses(msgpack_packer *pk, const void *value, const struct ds_field *f)
{
    const struct ds_window *w = value;
    if (w->addresses_known)
        msgpack_pack_uint64(pk, w->addresses);
    else
        msgpack_pack_nil(pk);
}

static void read_addresses(struct ds_cursor *c, void *value, const struct ds_field *f)
{
    struct ds_window *w = value;
    w->addresses_known = !ds_cursor_nil(c);
    if (w->addresses_known)
        w->addresses = ds_cursor_uint(c, f->limit);
}

static const struct ds_codec codec_addresses = {.pack = pack_addresses, .read = read_addresses};

/* A new class would be a new major version, so all rows are here and in order. */
static void pack_classes(msgpack_packer *pk, const void *value, const struct ds_field *f)
{
    const struct ds_tally *classes = value;
    msgpack_pack_array(pk, DS_CLASS_COUNT);
    for (unsigned i = 0; i < DS_CLASS_COUNT; i++) {
        msgpack_pack_array(pk, 4);
        ds_pack_text(pk, ds_class_name(i));
        pack_tally(pk, &classes[i]);
    }
}

static void read_classes(struct ds_cursor *c, void *value, const struct ds_field *f)
{
    struct ds_tally *classes = value;
    if (ds_cursor_array(c, DS_CLASS_COUNT) != DS_CLASS_COUNT)
        ds_cursor_fail(c, NULL);
    for (unsigned i = 0; i < DS_CLASS_COUNT && !c->failed; i++) {
        uint32_t more = open_row(c, 4);
        if (!ds_bytes_equal(ds_cursor_str(c), ds_class_name(i)))
            ds_cursor_fail(c, NULL);
        read_tally(c, &classes[i]);
        close_row(c, more);
    }
}

static const struct ds_codec codec_classes = {.pack = pack_classes, .read = read_classes};

static void pack_protocols(msgpack_packer *pk, const void *value, const struct ds_field *f)
{
    const uint64_t *packets = value;
    size_t used = 0;
    for (size_t i = 0; i < 256; i++)
        used += packets[i] != 0;
    msgpack_pack_array(pk, used);
    for (unsigned i = 0; i < 256; i++) {
        if (packets[i] == 0)
            continue;
        msgpack_pack_array(pk, 2);
        msgpack_pack_uint8(pk, (uint8_t)i);
        msgpack_pack_uint64(pk, packets[i]);
    }
}

static void read_protocols(struct ds_cursor *c, void *value, const struct ds_field *f)
{
    uint64_t *packets = value;
    uint64_t next = 0; /* the smallest number that may come */
    uint32_t rows = ds_cursor_array(c, 256);
    for (uint32_t i = 0; i < rows && !c->failed; i++) {
        uint32_t more = open_row(c, 2);
        uint64_t proto = ds_cursor_uint(c, UINT8_MAX);
        if (proto < next)
            ds_cursor_fail(c, NULL);
        packets[proto] = ds_cursor_uint(c, DS_COUNT_MAX);
        next = proto + 1;
        close_row(c, more);
    }
}

static const struct ds_codec codec_protocols = {.pack = pack_protocols, .read = read_protocols};

/* The tables with a length of their own. The value is the whole window. */
static void pack_countries(msgpack_packer *pk, const void *value, const struct ds_field *f)
{
    const struct ds_window *w = value;
    msgpack_pack_array(pk, w->country_count);
    for (size_t i = 0; i < w->country_count; i++) {
        char name[3];
        msgpack_pack_array(pk, 4);
        ds_pack_text(pk, ds_country_name(w->countries[i].country, name));
        pack_tally(pk, &w->countries[i].tally);
    }
}

static ds_country read_country(struct ds_cursor *c)
{
    char name[3] = "";
    ds_read_text(c, name, 2);
    ds_country country = DS_COUNTRY(name[0], name[1]);
    if (!ds_country_valid(country))
        ds_cursor_fail(c, NULL);
    return country;
}

static void read_countries(struct ds_cursor *c, void *value, const struct ds_field *f)
{
    struct ds_window *w = value;
    uint32_t rows = ds_cursor_array(c, DS_COUNTRIES_MAX);
    w->countries = allocate(c, rows, sizeof *w->countries);
    for (; w->country_count < rows && !c->failed; w->country_count++) {
        struct ds_country_tally *row = &w->countries[w->country_count];
        uint32_t more = open_row(c, 4);
        row->country = read_country(c);
        if (w->country_count && row->country <= row[-1].country)
            ds_cursor_fail(c, NULL);
        read_tally(c, &row->tally);
        close_row(c, more);
    }
}

static const struct ds_codec codec_countries = {.pack = pack_countries, .read = read_countries};

static void pack_devices(msgpack_packer *pk, const void *value, const struct ds_field *f)
{
    const struct ds_window *w = value;
    msgpack_pack_array(pk, w->device_count);
    for (size_t i = 0; i < w->device_count; i++) {
        const struct ds_device_tally *d = &w->devices[i];
        char country[3];
        msgpack_pack_array(pk, 4);
        ds_pack_text(pk, ds_country_name(d->country, country));
        ds_pack_text(pk, ds_device_name(d->device));
        msgpack_pack_uint64(pk, d->packets);
        msgpack_pack_uint64(pk, d->sources);
    }
}

/* A new class of device would be a new major version. */
static void read_devices(struct ds_cursor *c, void *value, const struct ds_field *f)
{
    struct ds_window *w = value;
    uint32_t rows = ds_cursor_array(c, DS_DEVICES_MAX);
    w->devices = allocate(c, rows, sizeof *w->devices);
    for (; w->device_count < rows && !c->failed; w->device_count++) {
        struct ds_device_tally *d = &w->devices[w->device_count];
        uint32_t more = open_row(c, 4);
        char country[3] = "", device[DEVICE_NAME_MAX + 1] = "";
        ds_read_text(c, country, 2);
        ds_read_text(c, device, DEVICE_NAME_MAX);
        int known = ds_device_parse(device);
        d->country = DS_COUNTRY(country[0], country[1]);
        d->device = (uint8_t)known;
        if (known < 0 || !ds_country_valid(d->country) ||
            (w->device_count && ds_device_key(d) <= ds_device_key(d - 1)))
            ds_cursor_fail(c, NULL);
        d->packets = ds_cursor_uint(c, DS_COUNT_MAX);
        d->sources = ds_cursor_uint(c, DS_COUNT_MAX);
        close_row(c, more);
    }
}

static const struct ds_codec codec_devices = {.pack = pack_devices, .read = read_devices};

static void pack_signatures(msgpack_packer *pk, const void *value, const struct ds_field *f)
{
    const struct ds_window *w = value;
    msgpack_pack_array(pk, w->signature_count);
    for (size_t i = 0; i < w->signature_count; i++) {
        const struct ds_signature_tally *s = &w->signatures[i];
        msgpack_pack_array(pk, 4);
        ds_pack_text(pk, s->id);
        msgpack_pack_uint64(pk, s->packets);
        msgpack_pack_uint64(pk, s->sources);
        msgpack_pack_uint64(pk, s->confirmed_sources);
    }
}

static void read_signatures(struct ds_cursor *c, void *value, const struct ds_field *f)
{
    struct ds_window *w = value;
    uint32_t rows = ds_cursor_array(c, DS_SIGNATURES_MAX);
    w->signatures = allocate(c, rows, sizeof *w->signatures);
    for (; w->signature_count < rows && !c->failed; w->signature_count++) {
        struct ds_signature_tally *s = &w->signatures[w->signature_count];
        uint32_t more = open_row(c, 4);
        ds_read_text(c, s->id, DS_SIGNATURE_ID_MAX);
        if (!ds_name_valid(s->id) || (w->signature_count && strcmp(s[-1].id, s->id) >= 0))
            ds_cursor_fail(c, NULL);
        s->packets = ds_cursor_uint(c, DS_COUNT_MAX);
        s->sources = ds_cursor_uint(c, DS_COUNT_MAX);
        s->confirmed_sources = ds_cursor_uint(c, DS_COUNT_MAX);
        close_row(c, more);
    }
}

static const struct ds_codec codec_signatures = {.pack = pack_signatures, .read = read_signatures};

/* nil where nobody looked for attacks. */
static void pack_attacks(msgpack_packer *pk, const void *value, const struct ds_field *f)
{
    const struct ds_window *w = value;
    if (!w->attacks_known) {
        msgpack_pack_nil(pk);
        return;
    }
    msgpack_pack_array(pk, w->attack_count);
    for (size_t i = 0; i < w->attack_count; i++) {
        const struct ds_attack *a = &w->attacks[i];
        const uint64_t figures[] = {
            a->port,         a->ports,   a->attack_ports, a->addresses,  a->window_packets,
            a->window_bytes, a->packets, a->bytes,        a->mismatches, a->max_ppm};
        char country[3];
        msgpack_pack_array(pk, ATTACK_VALUES);
        msgpack_pack_uint32(pk, a->victim);
        msgpack_pack_uint8(pk, a->proto);
        ds_pack_text(pk, ds_country_name(a->country, country));
        msgpack_pack_int64(pk, a->start_ms);
        msgpack_pack_int64(pk, a->last_ms);
        for (size_t k = 0; k < sizeof figures / sizeof figures[0]; k++)
            msgpack_pack_uint64(pk, figures[k]);
    }
}

static bool is_plausible(const struct ds_attack *a)
{
    bool proto = a->proto == DS_PROTO_TCP || a->proto == DS_PROTO_UDP || a->proto == DS_PROTO_ICMP;
    return proto && a->start_ms >= 0 && a->start_ms <= a->last_ms &&
           a->last_ms <= DS_TIME_MAX * 1000 && a->window_packets > 0 &&
           a->window_packets <= a->packets && a->window_bytes <= a->bytes &&
           a->mismatches <= a->packets && a->max_ppm <= a->packets;
}

static void read_attack(struct ds_cursor *c, struct ds_attack *a)
{
    uint32_t more = open_row(c, ATTACK_VALUES);
    a->victim = (uint32_t)ds_cursor_uint(c, UINT32_MAX);
    a->proto = (uint8_t)ds_cursor_uint(c, UINT8_MAX);
    a->country = read_country(c);
    a->start_ms = ds_cursor_int(c);
    a->last_ms = ds_cursor_int(c);
    a->port = (uint16_t)ds_cursor_uint(c, UINT16_MAX);
    a->ports = (uint32_t)ds_cursor_uint(c, UINT16_MAX + 1);
    a->attack_ports = (uint32_t)ds_cursor_uint(c, UINT16_MAX + 1);
    a->addresses = (uint32_t)ds_cursor_uint(c, UINT32_MAX);
    a->window_packets = ds_cursor_uint(c, DS_COUNT_MAX);
    a->window_bytes = ds_cursor_uint(c, DS_COUNT_MAX);
    a->packets = ds_cursor_uint(c, DS_COUNT_MAX);
    a->bytes = ds_cursor_uint(c, DS_COUNT_MAX);
    a->mismatches = ds_cursor_uint(c, DS_COUNT_MAX);
    a->max_ppm = ds_cursor_uint(c, DS_COUNT_MAX);
    close_row(c, more);
    if (!is_plausible(a))
        ds_cursor_fail(c, NULL);
}

static void read_attacks(struct ds_cursor *c, void *value, const struct ds_field *f)
{
    struct ds_window *w = value;
    w->attacks_known = !ds_cursor_nil(c);
    if (!w->attacks_known)
        return;
    uint32_t rows = ds_cursor_array(c, DS_ATTACKS_MAX);
    w->attacks = allocate(c, rows, sizeof *w->attacks);
    for (; w->attack_count < rows && !c->failed; w->attack_count++) {
        struct ds_attack *row = &w->attacks[w->attack_count];
        read_attack(c, row);
        if (w->attack_count && ds_attack_key(row) <= ds_attack_key(row - 1))
            ds_cursor_fail(c, NULL);
    }
}

static const struct ds_codec codec_attacks = {.pack = pack_attacks, .read = read_attacks};

static void pack_cells(msgpack_packer *pk, const void *value, const struct ds_field *f)
{
    const struct ds_window *w = value;
    unsigned char *columns = NULL;
    size_t size = 0;
    if (ds_columns_pack(w->cells, w->cell_count, &columns, &size)) {
        ((struct ds_output *)pk->data)->failed = true;
        return;
    }
    msgpack_pack_bin_with_body(pk, columns, size);
    free(columns);
}

static void read_cells(struct ds_cursor *c, void *value, const struct ds_field *f)
{
    struct ds_window *w = value;
    struct ds_bytes columns = ds_cursor_bin(c);
    if (c->failed)
        return;
    const char *why = NULL;
    enum ds_decode result =
        ds_columns_unpack(columns.data, columns.size, &w->cells, &w->cell_count, &why);
    if (result != DS_DECODE_OK)
        ds_cursor_fail(c, why);
    c->no_memory |= result == DS_DECODE_NO_MEMORY;
}

static const struct ds_codec codec_cells = {.pack = pack_cells, .read = read_cells};

static void pack_marks(msgpack_packer *pk, const void *value, const struct ds_field *f)
{
    const struct ds_window *w = value;
    msgpack_pack_array(pk, w->mark_count);
    for (unsigned i = 0; i < w->mark_count; i++)
        ds_pack_text(pk, w->marks[i]);
}

static void read_marks(struct ds_cursor *c, void *value, const struct ds_field *f)
{
    struct ds_window *w = value;
    uint32_t count = ds_cursor_array(c, DS_MARKS_MAX);
    for (; w->mark_count < count && !c->failed; w->mark_count++) {
        ds_read_text(c, w->marks[w->mark_count], DS_SIGNATURE_ID_MAX);
        if (!ds_name_valid(w->marks[w->mark_count]))
            ds_cursor_fail(c, NULL);
    }
}

static const struct ds_codec codec_marks = {.pack = pack_marks, .read = read_marks};

static void pack_sources(msgpack_packer *pk, const void *value, const struct ds_field *f)
{
    const struct ds_window *w = value;
    unsigned char *columns = NULL;
    size_t size = 0;
    if (ds_source_columns_pack(w->source_records, w->source_record_count, &columns, &size)) {
        ((struct ds_output *)pk->data)->failed = true;
        return;
    }
    msgpack_pack_bin_with_body(pk, columns, size);
    free(columns);
}

/* Who stores a window need not pack them again. */
static void keep_columns(struct ds_cursor *c, struct ds_bytes columns, struct ds_window *w)
{
    w->source_columns = malloc(columns.size);
    if (!w->source_columns) {
        ds_cursor_fail(c, NULL);
        c->no_memory = true;
        return;
    }
    memcpy(w->source_columns, columns.data, columns.size);
    w->source_columns_bytes = columns.size;
}

static void read_sources(struct ds_cursor *c, void *value, const struct ds_field *f)
{
    struct ds_window *w = value;
    struct ds_bytes columns = ds_cursor_bin(c);
    if (c->failed)
        return;
    const char *why = NULL;
    enum ds_decode result = ds_source_columns_unpack(columns.data, columns.size, &w->source_records,
                                                     &w->source_record_count, &why);
    if (result != DS_DECODE_OK)
        ds_cursor_fail(c, why);
    else
        keep_columns(c, columns, w);
    c->no_memory |= result == DS_DECODE_NO_MEMORY;
}

static const struct ds_codec codec_sources = {.pack = pack_sources, .read = read_sources};

#define AT(member) .offset = offsetof(struct ds_window, member)
#define COUNT(key_, member)                                                                        \
    {                                                                                              \
        .key = key_, .codec = &ds_codec_count, AT(member), .limit = DS_COUNT_MAX                   \
    }
#define NAMED(key_, member, count_, name_, rest_)                                                  \
    {                                                                                              \
        .key = key_, .codec = &ds_codec_named_counts, AT(member), .limit = count_, .name = name_,  \
        .rest = rest_                                                                              \
    }

static const struct ds_field fields[] = {
    {.key = "start", .codec = &ds_codec_i64, AT(start_s)},
    {.key = "seconds", .codec = &ds_codec_u32, AT(seconds), .limit = DS_WINDOW_SECONDS_MAX},
    COUNT("observed_ns", observed_ns),
    {.key = "addresses", .codec = &codec_addresses, .limit = UINT64_C(1) << 32},
    COUNT("active_addresses", active_addresses),
    {.key = "country_db", .codec = &ds_codec_text, AT(country_db), .limit = DS_DATABASE_MAX},
    NAMED("packets", books, DS_BOOK_COUNT, ds_book_name, -1),
    NAMED("malformed", malformed, DS_MALFORMED_COUNT, ds_malformed_name, DS_MALFORMED_OTHER),
    NAMED("overflow", overflow, DS_OVERFLOW_COUNT, ds_overflow_name, -1),
    COUNT("bytes", bytes),
    COUNT("sources", sources),
    COUNT("destinations", destinations),
    NAMED("types", types, DS_TYPE_COUNT, ds_type_name, DS_TYPE_OTHER),
    {.key = "classes", .codec = &codec_classes, AT(classes)},
    {.key = "protocols", .codec = &codec_protocols, AT(protocols)},
    {.key = "countries", .codec = &codec_countries},
    {.key = "devices", .codec = &codec_devices},
    {.key = "signatures", .codec = &codec_signatures},
    {.key = "cells", .codec = &codec_cells},
    {.key = "marks", .codec = &codec_marks},
    {.key = "source_records", .codec = &codec_sources},
    {.key = "attacks", .codec = &codec_attacks},
    {.key = "sketches",
     .codec = &ds_codec_sketches,
     AT(sketches),
     .may_be_missing = true}, /* 1.1 */
    {.key = "merged",
     .codec = &ds_codec_u32,
     AT(merged),
     .limit = DS_MERGED_MAX,
     .may_be_missing = true}, /* 1.2 */
};
#define FIELD_COUNT (sizeof fields / sizeof fields[0])

static void pack_window(msgpack_packer *pk, const void *value, const struct ds_field *f)
{
    msgpack_pack_map(pk, FIELD_COUNT);
    ds_fields_pack(pk, fields, FIELD_COUNT, value);
}

/* Keys come in any order, so this is known once all are read. */
static bool has_unknown_mark(const struct ds_window *w)
{
    uint32_t unknown = ~((UINT32_C(1) << w->mark_count) - 1), used = 0;
    for (size_t i = 0; i < w->source_record_count; i++)
        used |= w->source_records[i].seen;
    return used & unknown;
}

/* The name of the first figure that no sensor could have meant, or NULL. */
static const char *find_nonsense(const struct ds_window *w)
{
    if (w->seconds < DS_WINDOW_SECONDS_MIN || DS_WINDOW_SECONDS_MAX % w->seconds)
        return "seconds";
    if (w->start_s < 0 || w->start_s > DS_TIME_MAX || w->start_s % w->seconds)
        return "start";
    if (w->observed_ns > w->seconds * UINT64_C(1000000000))
        return "observed_ns";
    return has_unknown_mark(w) ? "marks" : ds_window_imbalance(w);
}

static void read_window(struct ds_cursor *c, void *value, const struct ds_field *f)
{
    ds_fields_read(c, ds_cursor_map(c, DS_MESSAGE_KEYS_MAX), fields, FIELD_COUNT, value);
    if (c->failed)
        return;
    const char *nonsense = find_nonsense(value);
    if (nonsense)
        ds_cursor_fail(c, nonsense);
}

const struct ds_codec ds_codec_window = {.pack = pack_window, .read = read_window};
