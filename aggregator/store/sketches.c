/* SPDX-License-Identifier: Apache-2.0 */
#include "sketches.h"

#include "sketch_columns.h"
#include "sketch_fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- keys as text ---- */

static const char *const kind_names[DS_SKETCH_KIND_COUNT] = {
    [DS_SKETCH_COUNTRY] = "country",
    [DS_SKETCH_COUNTRY_SURVEY] = "country-survey",
    [DS_SKETCH_CLASS] = "class",
    [DS_SKETCH_PROTOCOL] = "protocol",
    [DS_SKETCH_PROTOCOL_SURVEY] = "protocol-survey",
    [DS_SKETCH_SIGNATURE] = "signature",
    [DS_SKETCH_SIGNATURE_CONFIRMED] = "signature-confirmed",
    [DS_SKETCH_INFECTED] = "infected",
    [DS_SKETCH_INFECTED_CONFIRMED] = "infected-confirmed",
    [DS_SKETCH_PORT] = "port",
    [DS_SKETCH_PORT_SURVEY] = "port-survey",
    [DS_SKETCH_DEVICE] = "device",
    [DS_SKETCH_MALWARE] = "malware",
    [DS_SKETCH_ADDRESSES] = "addresses",
};

const char *ds_sketch_kind_name(unsigned kind)
{
    return kind < DS_SKETCH_KIND_COUNT ? kind_names[kind] : NULL;
}

void ds_sketch_key_text(const struct ds_sketch_key *key, char out[static STORE_SKETCH_KEY_BYTES])
{
    char name[8];
    switch ((enum ds_sketch_kind)key->kind) {
    case DS_SKETCH_CLASS:
        strcpy(out, ds_class_name(key->cls));
        break;
    case DS_SKETCH_PROTOCOL:
    case DS_SKETCH_PROTOCOL_SURVEY:
        strcpy(out, ds_proto_name(key->proto, name));
        break;
    case DS_SKETCH_SIGNATURE:
    case DS_SKETCH_SIGNATURE_CONFIRMED:
        strcpy(out, key->signature);
        break;
    case DS_SKETCH_PORT:
    case DS_SKETCH_PORT_SURVEY:
        snprintf(out, STORE_SKETCH_KEY_BYTES, "%s/%s/%u", ds_class_name(key->cls),
                 ds_proto_name(key->proto, name), key->port);
        break;
    case DS_SKETCH_DEVICE:
        strcpy(out, ds_device_name(key->device));
        break;
    case DS_SKETCH_MALWARE:
        snprintf(out, STORE_SKETCH_KEY_BYTES, "%s/%s", ds_country_name(key->country, name),
                 key->signature);
        break;
    case DS_SKETCH_ADDRESSES:
        snprintf(out, STORE_SKETCH_KEY_BYTES, "%04x", key->set);
        break;
    default:
        ds_country_name(key->country, out);
    }
}

/* "scan/tcp/23" */
static bool parse_port(const char *text, struct ds_sketch_key *key)
{
    char cls[16], proto[16];
    unsigned port;
    int end = -1;
    if (sscanf(text, "%15[^/]/%15[^/]/%5u%n", cls, proto, &port, &end) != 3 || text[end] ||
        port > UINT16_MAX || ds_class_parse(cls) < 0 || ds_proto_parse(proto) < 0)
        return false;
    key->cls = (uint8_t)ds_class_parse(cls);
    key->proto = (uint8_t)ds_proto_parse(proto);
    key->port = (uint16_t)port;
    return true;
}

static bool parse_signature(const char *text, struct ds_sketch_key *key)
{
    if (strlen(text) > DS_SIGNATURE_ID_MAX)
        return false;
    strcpy(key->signature, text);
    return true;
}

/* "JP/mirai" */
static bool parse_malware(const char *text, struct ds_sketch_key *key)
{
    const char country[] = {text[0], text[0] ? text[1] : 0, 0};
    return country[1] && text[2] == '/' && ds_country_parse(country, &key->country) &&
           parse_signature(text + 3, key);
}

/* "0f3a" */
static bool parse_set(const char *text, struct ds_sketch_key *key)
{
    char *end;
    unsigned long set = strtoul(text, &end, 16);
    key->set = (uint16_t)set;
    return strlen(text) == 4 && !*end;
}

bool ds_sketch_key_parse(const char *kind, const char *text, struct ds_sketch_key *key)
{
    int known = ds_sqlite_name_index(ds_sketch_kind_name, kind);
    if (known < 0 || !text)
        return false;
    *key = (struct ds_sketch_key){.kind = (uint8_t)known};
    switch ((enum ds_sketch_kind)known) {
    case DS_SKETCH_CLASS:
        key->cls = (uint8_t)ds_class_parse(text);
        break;
    case DS_SKETCH_PROTOCOL:
    case DS_SKETCH_PROTOCOL_SURVEY:
        key->proto = (uint8_t)ds_proto_parse(text);
        break;
    case DS_SKETCH_SIGNATURE:
    case DS_SKETCH_SIGNATURE_CONFIRMED:
        if (!parse_signature(text, key))
            return false;
        break;
    case DS_SKETCH_DEVICE:
        key->device = (uint8_t)ds_device_parse(text);
        break;
    case DS_SKETCH_MALWARE:
        if (!parse_malware(text, key))
            return false;
        break;
    case DS_SKETCH_ADDRESSES:
        if (!parse_set(text, key))
            return false;
        break;
    case DS_SKETCH_PORT:
    case DS_SKETCH_PORT_SURVEY:
        if (!parse_port(text, key))
            return false;
        break;
    default:
        if (!ds_country_parse(text, &key->country))
            return false;
    }
    return ds_sketch_key_valid(key);
}

/* ---- windows ---- */

static int insert_packed(struct store_file *f, const int64_t key[static 2], const void *packed,
                         size_t size, struct ds_error *err)
{
    sqlite3_stmt *stmt = ds_sqlite_prepare(f, "INSERT INTO window_sketch VALUES (?,?,?)", err);
    int result = -1;
    if (stmt) {
        sqlite3_bind_int64(stmt, 1, key[0]);
        sqlite3_bind_int64(stmt, 2, key[1]);
        sqlite3_bind_blob64(stmt, 3, packed, size, SQLITE_STATIC);
        result = ds_sqlite_step(f, stmt, err);
    }
    sqlite3_finalize(stmt);
    return result;
}

int ds_sketches_insert(struct store_file *f, int64_t sensor, const struct ds_window *w,
                       struct ds_error *err)
{
    const int64_t key[] = {w->start_s, sensor};
    unsigned char *packed = NULL;
    size_t size = 0;
    if (!w->sketches.known)
        return 0;
    if (w->sketches.packed)
        return insert_packed(f, key, w->sketches.packed, w->sketches.packed_bytes, err);
    if (ds_sketches_pack(&w->sketches, &packed, &size))
        return ds_error(err, DS_FAILURE, "out of memory");
    int result = insert_packed(f, key, packed, size, err);
    free(packed);
    return result;
}

static int read_fault(struct store_file *f, const char *table, enum ds_decode result,
                      const char *why, struct ds_error *err)
{
    if (result == DS_DECODE_OK)
        return 0;
    if (result == DS_DECODE_NO_MEMORY)
        return ds_error(err, DS_FAILURE, "out of memory");
    return ds_sqlite_damaged(f, table, why ? why : "it is of an unknown form", err);
}

int ds_sketches_column(struct store_file *f, sqlite3_stmt *stmt, int column,
                       struct ds_sketches *out, struct ds_error *err)
{
    const char *why = NULL;
    if (sqlite3_column_type(stmt, column) == SQLITE_NULL)
        return 0;
    const void *packed = sqlite3_column_blob(stmt, column);
    size_t size = (size_t)sqlite3_column_bytes(stmt, column);
    enum ds_decode result =
        packed ? ds_sketches_unpack(packed, size, out, &why) : DS_DECODE_MALFORMED;
    for (size_t i = 0; i < out->count; i++)
        out->rows[i].windows = out->rows[i].missing == 0;
    return read_fault(f, "a row of window_sketch", result, why, err);
}

/* ---- hours and days ---- */

static int unpack(struct store_file *f, const void *packed, size_t size, struct ds_sketch *out,
                  struct ds_error *err)
{
    const char *why = NULL;
    ds_sketch_init(out, DS_SKETCH_FINE);
    enum ds_decode result =
        packed ? ds_sketch_unpack(f->store->coder, packed, size, out, &why) : DS_DECODE_MALFORMED;
    return read_fault(f, "a sketch", result, why, err);
}

int ds_sketch_column(struct store_file *f, sqlite3_stmt *stmt, int column, struct ds_sketch *out,
                     struct ds_error *err)
{
    const void *packed = sqlite3_column_blob(stmt, column);
    return unpack(f, packed, (size_t)sqlite3_column_bytes(stmt, column), out, err);
}

double ds_sketch_hosts(const struct ds_sketch *s)
{
    return s->precision == DS_SKETCH_BITS ? s->count : ds_sketch_estimate(s).count;
}

int ds_stored_sketch(struct store_file *f, sqlite3_stmt *stmt, int column,
                     struct stored_sketch *out, struct ds_error *err)
{
    const double hosts = sqlite3_column_double(stmt, column);
    const unsigned char *packed = sqlite3_column_blob(stmt, column + 1);
    const size_t size = (size_t)sqlite3_column_bytes(stmt, column + 1);
    *out = (struct stored_sketch){.file = f, .size = size};
    if (!packed || packed[0] < DS_SKETCH_PRECISION_MIN || packed[0] > DS_SKETCH_PRECISION_MAX ||
        !(hosts >= 0 && hosts <= DS_SKETCH_HOSTS_MAX))
        return ds_sqlite_damaged(f, "a sketch", "what it says cannot be", err);
    out->sources.count = hosts;
    out->sources.error = hosts * ds_sketch_relative_error(packed[0], hosts);
    out->packed = malloc(size);
    if (!out->packed)
        return ds_error(err, DS_FAILURE, "out of memory");
    memcpy(out->packed, packed, size);
    return 0;
}

int ds_stored_sketch_unpack(const struct stored_sketch *stored, struct ds_sketch *out,
                            struct ds_error *err)
{
    return unpack(stored->file, stored->packed, stored->size, out, err);
}
