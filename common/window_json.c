/* SPDX-License-Identifier: Apache-2.0
 *
 * Prints a window row by row: a tree of a window with 100,000 ports would take 60 MB.
 */
#include "darkscope/window_json.h"

#include "darkscope/text.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* 15 significant digits print a millisecond as it is; 17 would print 60.122999999999998. */
#define DUMP_FLAGS (JSON_EMBED | JSON_COMPACT | JSON_REAL_PRECISION(15))

#define MOMENTS 256 /* parts of a window in which a source is first and last seen */

struct port_row {
    uint64_t key; /* class, protocol, port */
    uint64_t packets, bytes, sources, survey_packets;
};

/* JSON integers are signed here; a count beyond them cannot come from packets. */
static json_int_t integer(uint64_t count)
{
    return count > INT64_MAX ? INT64_MAX : (json_int_t)count;
}

/* Prints what is between the braces of object and gives it up. -1 where it is NULL: no memory. */
static int print_members(FILE *to, json_t *object)
{
    if (!object) {
        errno = ENOMEM;
        return -1;
    }
    int rc = json_dumpf(object, to, DUMP_FLAGS);
    json_decref(object);
    return rc;
}

/* One object of an array; first says whether a comma goes before it. */
static int print_row(FILE *to, json_t *row, bool first)
{
    fputs(first ? "{" : ",{", to);
    int rc = print_members(to, row);
    fputc('}', to);
    return rc;
}

/* Counts under their names, all of them or only those that are not zero. */
static json_t *named_counts(const char *(*name)(unsigned), const uint64_t *counts, unsigned n,
                            bool zeros)
{
    json_t *object = json_object();
    for (unsigned i = 0; object && i < n; i++) {
        if (!zeros && counts[i] == 0)
            continue;
        if (json_object_set_new(object, name(i), json_integer(integer(counts[i])))) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *tally(const struct ds_tally *t)
{
    return json_pack("{s:I, s:I, s:I}", "packets", integer(t->packets), "bytes", integer(t->bytes),
                     "sources", integer(t->sources));
}

static json_t *classes(const struct ds_window *w)
{
    json_t *object = json_object();
    for (unsigned i = 0; object && i < DS_CLASS_COUNT; i++) {
        if (json_object_set_new(object, ds_class_name(i), tally(&w->classes[i]))) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *protocols(const struct ds_window *w)
{
    json_t *object = json_object();
    for (unsigned i = 0; object && i < 256; i++) {
        char number[8];
        snprintf(number, sizeof number, "%u", i);
        if (w->protocols[i] &&
            json_object_set_new(object, number, json_integer(integer(w->protocols[i])))) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

/* All but the long arrays. json_pack takes the parts over, also where it fails, and fails where
 * one of them is NULL. */
static json_t *head(const struct ds_window *w, const char *sensor)
{
    char start[DS_TIME_TEXT];
    char database[sizeof w->country_db];
    memcpy(database, w->country_db, sizeof database);
    ds_text_clean(database);
    uint64_t observed_ms = w->observed_ns / 1000000 + (w->observed_ns % 1000000 >= 500000);
    return json_pack(
        "{s:s, s:s, s:I, s:o, s:I, s:s?, s:f, s:o, s:o, s:o, s:I, s:I, s:I, s:o, s:o, s:o}", //
        "sensor", sensor,                                                                    //
        "start", ds_time_print(w->start_s, start),                                           //
        "seconds", (json_int_t)w->seconds,                                                   //
        "addresses", w->addresses_known ? json_integer(integer(w->addresses)) : json_null(), //
        "active_addresses", integer(w->active_addresses),                                    //
        "country_db", database[0] ? database : NULL,                                         //
        "observed_seconds", (double)observed_ms / 1000,                                      //
        "packets", named_counts(ds_book_name, w->books, DS_BOOK_COUNT, true),                //
        "malformed", named_counts(ds_malformed_name, w->malformed, DS_MALFORMED_COUNT, false),
        "overflow", named_counts(ds_overflow_name, w->overflow, DS_OVERFLOW_COUNT, true), //
        "bytes", integer(w->bytes),                                                       //
        "sources", integer(w->sources),                                                   //
        "destinations", integer(w->destinations),                                         //
        "types", named_counts(ds_type_name, w->types, DS_TYPE_COUNT, true),               //
        "classes", classes(w),                                                            //
        "protocols", protocols(w));
}

static int compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_ports(const void *left, const void *right)
{
    const struct port_row *a = left, *b = right;
    return a->packets == b->packets ? compare(a->key, b->key) : compare(b->packets, a->packets);
}

static int compare_countries(const void *left, const void *right)
{
    const struct ds_country_tally *a = left, *b = right;
    return a->tally.packets == b->tally.packets ? compare(a->country, b->country)
                                                : compare(b->tally.packets, a->tally.packets);
}

/* Sums the cells of a port over its countries: they stand side by side. Returns the rows. */
static size_t sum_ports(const struct ds_window *w, struct port_row *rows)
{
    size_t n = 0;
    for (size_t i = 0; i < w->cell_count; i++) {
        const struct ds_cell *c = &w->cells[i];
        uint64_t key = ds_cell_key(c) >> 16;
        if (n == 0 || rows[n - 1].key != key)
            rows[n++] = (struct port_row){.key = key};
        struct port_row *row = &rows[n - 1];
        row->packets += c->packets;
        row->bytes += c->bytes;
        row->sources += c->sources;
        row->survey_packets += c->survey_packets;
    }
    return n;
}

static json_t *port_object(const struct port_row *row)
{
    char proto[8];
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I}",                    //
                     "class", ds_class_name((unsigned)(row->key >> 24)),       //
                     "proto", ds_proto_name((uint8_t)(row->key >> 16), proto), //
                     "port", (json_int_t)(row->key & 0xffff),                  //
                     "packets", integer(row->packets),                         //
                     "bytes", integer(row->bytes),                             //
                     "sources", integer(row->sources),                         //
                     "survey_packets", integer(row->survey_packets));
}

static int print_ports(FILE *to, const struct ds_window *w)
{
    struct port_row *rows = calloc(w->cell_count + 1, sizeof *rows);
    if (!rows)
        return -1;
    size_t n = sum_ports(w, rows);
    qsort(rows, n, sizeof *rows, compare_ports);
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = print_row(to, port_object(&rows[i]), i == 0);
    free(rows);
    return rc;
}

static int print_countries(FILE *to, const struct ds_window *w)
{
    struct ds_country_tally *rows = calloc(w->country_count + 1, sizeof *rows);
    if (!rows)
        return -1;
    if (w->country_count)
        memcpy(rows, w->countries, w->country_count * sizeof *rows);
    qsort(rows, w->country_count, sizeof *rows, compare_countries);
    int rc = 0;
    for (size_t i = 0; i < w->country_count && rc == 0; i++) {
        char name[3];
        const struct ds_tally *t = &rows[i].tally;
        rc = print_row(to,
                       json_pack("{s:s, s:I, s:I, s:I}", "country",
                                 ds_country_name(rows[i].country, name), "packets",
                                 integer(t->packets), "bytes", integer(t->bytes), "sources",
                                 integer(t->sources)),
                       i == 0);
    }
    free(rows);
    return rc;
}

static int print_devices(FILE *to, const struct ds_window *w)
{
    int rc = 0;
    for (size_t i = 0; i < w->device_count && rc == 0; i++) {
        const struct ds_device_tally *d = &w->devices[i];
        char country[3];
        rc = print_row(to,
                       json_pack("{s:s, s:s, s:I, s:I}", "country",
                                 ds_country_name(d->country, country), "device",
                                 ds_device_name(d->device), "packets", integer(d->packets),
                                 "sources", integer(d->sources)),
                       i == 0);
    }
    return rc;
}

static int print_signatures(FILE *to, const struct ds_window *w)
{
    int rc = 0;
    for (size_t i = 0; i < w->signature_count && rc == 0; i++) {
        const struct ds_signature_tally *s = &w->signatures[i];
        rc = print_row(to,
                       json_pack("{s:s, s:I, s:I, s:I}", "id", s->id, "packets",
                                 integer(s->packets), "sources", integer(s->sources),
                                 "confirmed_sources", integer(s->confirmed_sources)),
                       i == 0);
    }
    return rc;
}

static json_t *attack_object(const struct ds_attack *a)
{
    char victim[DS_ADDRESS_TEXT], country[3], proto[8], start[DS_TIME_TEXT], last[DS_TIME_TEXT];
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:I, s:I, s:I, s:I}",
                     "victim", ds_address_print(a->victim, victim),   //
                     "country", ds_country_name(a->country, country), //
                     "proto", ds_proto_name(a->proto, proto),         //
                     "port", (json_int_t)a->port,                     //
                     "ports", (json_int_t)a->ports,                   //
                     "attack_ports", (json_int_t)a->attack_ports,     //
                     "addresses", (json_int_t)a->addresses,           //
                     "window_packets", integer(a->window_packets),    //
                     "window_bytes", integer(a->window_bytes),        //
                     "start", ds_time_print_ms(a->start_ms, start),   //
                     "last", ds_time_print_ms(a->last_ms, last),      //
                     "packets", integer(a->packets),                  //
                     "bytes", integer(a->bytes),                      //
                     "mismatches", integer(a->mismatches),            //
                     "max_ppm", integer(a->max_ppm));
}

static int print_attacks(FILE *to, const struct ds_window *w)
{
    int rc = 0;
    if (!w->attacks_known)
        return fputs("null", to) < 0 ? -1 : 0;
    fputc('[', to);
    for (size_t i = 0; i < w->attack_count && rc == 0; i++)
        rc = print_row(to, attack_object(&w->attacks[i]), i == 0);
    fputc(']', to);
    return rc;
}

static int compare_sources(const void *left, const void *right)
{
    const struct ds_source_record *a = left, *b = right;
    return a->packets == b->packets ? compare(a->address, b->address)
                                    : compare(b->packets, a->packets);
}

static json_t *names(const char *(*name)(unsigned), uint32_t bits)
{
    json_t *array = json_array();
    for (unsigned i = 0; array && bits >> i && name(i); i++)
        if (bits >> i & 1 && json_array_append_new(array, json_string(name(i)))) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static json_t *marks(const struct ds_window *w, uint32_t bits)
{
    json_t *array = json_array();
    for (unsigned i = 0; array && i < w->mark_count; i++)
        if (bits >> i & 1 && json_array_append_new(array, json_string(w->marks[i]))) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static json_t *source_object(const struct ds_window *w, const struct ds_source_record *r)
{
    char address[DS_ADDRESS_TEXT], country[3];
    return json_pack("{s:s, s:s, s:o, s:I, s:I, s:o, s:s, s:s, s:f, s:f, s:o, s:o}", //
                     "source", ds_address_print(r->address, address),                //
                     "country", ds_country_name(r->country, country),                //
                     "asn", r->asn ? json_integer(r->asn) : json_null(),             //
                     "packets", integer(r->packets),                                 //
                     "ports", (json_int_t)r->ports,                                  //
                     "classes", names(ds_class_name, r->classes),                    //
                     "survey", ds_survey_mark_name(r->survey),                       //
                     "device", ds_device_name(r->device),                            //
                     "first_seconds", (double)r->first / MOMENTS * w->seconds,       //
                     "last_seconds", (double)(r->last + 1) / MOMENTS * w->seconds,   //
                     "signatures", marks(w, r->seen), "confirmed", marks(w, r->confirmed));
}

/* All sources less the listed ones. */
static json_t *source_rest(const struct ds_window *w)
{
    return json_pack("{s:I, s:I}", "sources", integer(w->sources - w->source_record_count),
                     "packets", integer(w->books[DS_BOOK_COUNTED] - ds_window_listed_packets(w)));
}

static int print_sources(FILE *to, const struct ds_window *w)
{
    struct ds_source_record *rows = calloc(w->source_record_count + 1, sizeof *rows);
    if (!rows)
        return -1;
    if (w->source_record_count)
        memcpy(rows, w->source_records, w->source_record_count * sizeof *rows);
    qsort(rows, w->source_record_count, sizeof *rows, compare_sources);
    int rc = 0;
    fputs("],\"source_records\":[", to);
    for (size_t i = 0; i < w->source_record_count && rc == 0; i++)
        rc = print_row(to, source_object(w, &rows[i]), i == 0);
    free(rows);
    fputs("],\"source_rest\":{", to);
    rc = rc ? rc : print_members(to, source_rest(w));
    fputs("}", to);
    return rc;
}

int ds_window_print_json(FILE *to, const struct ds_window *w, const char *sensor, bool sources)
{
    fputc('{', to);
    if (print_members(to, head(w, sensor)))
        return -1;
    fputs(",\"ports\":[", to);
    if (print_ports(to, w))
        return -1;
    fputs("],\"countries\":[", to);
    if (print_countries(to, w))
        return -1;
    fputs("],\"devices\":[", to);
    if (print_devices(to, w))
        return -1;
    fputs("],\"signatures\":[", to);
    if (print_signatures(to, w))
        return -1;
    if (!sources)
        fputs("]", to);
    else if (print_sources(to, w))
        return -1;
    fputs(",\"attacks\":", to);
    if (print_attacks(to, w))
        return -1;
    fputs("}\n", to);
    /* Nobody knows whether a line was written before it left the buffer. */
    return fflush(to) || ferror(to) ? -1 : 0;
}
