/* SPDX-License-Identifier: Apache-2.0
 *
 * Puts windows into a store, as its aggregator would: what a test of long times is made of. A line
 * a window:
 *
 *   SENSOR START SECONDS OBSERVED ADDRESSES ACTIVE DATABASE CELL...
 *
 * START in seconds since 1970, OBSERVED in seconds, ADDRESSES - where unknown, a CELL is
 * CLASS/PROTO/PORT/COUNTRY=PACKETS/SURVEY, of one source, that of its country; in order.
 *
 * Where ACTIVE is FROM-TO, addresses FROM to TO - 1 (of the sample, where there are more than it
 * takes) got a packet and the window has sketches: sources with packets to 23/tcp have Mirai's mark
 * and are embedded devices, others Windows; those with SURVEY are survey scanners. All are listed,
 * at the address that is their country's number.
 *
 * usage: put-windows DIRECTORY [tidy] <LINES     tidy: hours and days are summed up, minutes
 * deleted
 */
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 65536
#define CELLS      1024

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "put-windows: %s\n", what);
    exit(1);
}

static void add_cell(struct ds_window *w, const char *text)
{
    unsigned cls, proto, port;
    char country[3];
    unsigned long long packets, survey;
    if (w->cell_count == CELLS || sscanf(text, "%u/%u/%u/%2[A-Z?]=%llu/%llu", &cls, &proto, &port,
                                         country, &packets, &survey) != 6)
        fail("a cell is none");
    w->cells[w->cell_count++] = (struct ds_cell){.cls = (uint8_t)cls,
                                                 .proto = (uint8_t)proto,
                                                 .port = (uint16_t)port,
                                                 .country = DS_COUNTRY(country[0], country[1]),
                                                 .packets = packets,
                                                 .bytes = 40 * packets,
                                                 .sources = 1,
                                                 .survey_packets = survey};
}

/* The other tables are those of the cells. */
static void add_up(struct ds_window *w, struct ds_country_tally *countries)
{
    for (size_t i = 0; i < w->cell_count; i++) {
        const struct ds_cell *c = &w->cells[i];
        size_t at = 0;
        w->books[DS_BOOK_RECEIVED] += c->packets;
        w->books[DS_BOOK_COUNTED] += c->packets;
        w->bytes += c->bytes;
        w->classes[c->cls].packets += c->packets;
        w->classes[c->cls].bytes += c->bytes;
        w->classes[c->cls].sources = 1;
        w->protocols[c->proto] += c->packets;
        w->types[c->proto == DS_PROTO_TCP   ? DS_TYPE_TCP_SYN
                 : c->proto == DS_PROTO_UDP ? DS_TYPE_UDP
                                            : DS_TYPE_ICMP] += c->packets;
        while (at < w->country_count && countries[at].country < c->country)
            at++;
        if (at == w->country_count || countries[at].country != c->country) {
            memmove(countries + at + 1, countries + at,
                    (w->country_count - at) * sizeof *countries);
            countries[at] = (struct ds_country_tally){.country = c->country, .tally.sources = 1};
            w->country_count++;
        }
        countries[at].tally.packets += c->packets;
        countries[at].tally.bytes += c->bytes;
    }
    w->countries = countries;
    w->sources = w->country_count;
}

/* ---- sketches ---- */

static void sketch(struct ds_window *w, struct ds_sketch_key key, uint64_t hash)
{
    struct ds_sketches *s = &w->sketches;
    struct ds_sketch_row *row = (struct ds_sketch_row *)ds_sketches_find(s, &key);
    if (!row) {
        s->rows = realloc(s->rows, (s->count + 1) * sizeof *s->rows);
        if (!s->rows)
            fail("out of memory");
        size_t at = s->count++;
        for (; at > 0 && ds_sketch_key_compare(&s->rows[at - 1].key, &key) > 0; at--)
            s->rows[at] = s->rows[at - 1];
        row = &s->rows[at];
        *row = (struct ds_sketch_row){.key = key};
        ds_sketch_init(&row->sketch, ds_sketch_precision(key.kind));
    }
    if (ds_sketch_add(&row->sketch, hash))
        fail("out of memory");
}

/* A bit is a register of rank 1. */
static void read_active(struct ds_window *w, const char *text)
{
    unsigned long long from = 0, to = 0;
    int words = sscanf(text, "%llu-%llu", &from, &to);
    w->active_addresses = w->destinations = words == 2 ? to - from : from;
    if (words < 2)
        return;
    w->sketches = (struct ds_sketches){.known = true, .secret_id = 1};
    for (uint64_t i = from; i < to; i++)
        sketch(w,
               (struct ds_sketch_key){.kind = DS_SKETCH_ADDRESSES, .set = (uint16_t)w->addresses},
               i << (64 - DS_SKETCH_BITS) | UINT64_C(1) << (63 - DS_SKETCH_BITS));
}

static bool is_infected(const struct ds_window *w, ds_country country)
{
    for (size_t i = 0; i < w->cell_count; i++)
        if (w->cells[i].country == country && w->cells[i].cls == DS_CLASS_SCAN &&
            w->cells[i].proto == DS_PROTO_TCP && w->cells[i].port == 23)
            return true;
    return false;
}

static void sketch_cell(struct ds_window *w, const struct ds_cell *c)
{
    static const struct ds_sketch_secret secret = {1, 2, 1};
    uint64_t hash = ds_sketch_hash(&secret, c->country);
    struct ds_sketch_key country = {.kind = DS_SKETCH_COUNTRY, .country = c->country},
                         proto = {.kind = DS_SKETCH_PROTOCOL, .proto = c->proto},
                         port = {.kind = DS_SKETCH_PORT,
                                 .cls = c->cls,
                                 .proto = c->proto,
                                 .port = c->port};
    sketch(w, (struct ds_sketch_key){.kind = DS_SKETCH_CLASS, .cls = c->cls}, hash);
    for (int survey = 0; survey <= (c->survey_packets > 0); survey++) {
        sketch(w, country, hash);
        sketch(w, proto, hash);
        sketch(w, port, hash);
        country.kind++;
        proto.kind++;
        port.kind++;
    }
}

static void sketch_mirai(struct ds_window *w, ds_country country)
{
    static const struct ds_sketch_secret secret = {1, 2, 1};
    static const uint8_t kinds[] = {DS_SKETCH_SIGNATURE, DS_SKETCH_SIGNATURE_CONFIRMED,
                                    DS_SKETCH_INFECTED, DS_SKETCH_INFECTED_CONFIRMED,
                                    DS_SKETCH_MALWARE};
    for (size_t i = 0; i < sizeof kinds; i++) {
        struct ds_sketch_key key = {.kind = kinds[i]};
        if (kinds[i] >= DS_SKETCH_INFECTED)
            key.country = country;
        if (kinds[i] <= DS_SKETCH_SIGNATURE_CONFIRMED || kinds[i] == DS_SKETCH_MALWARE)
            strcpy(key.signature, ds_signature_name(DS_SIGNATURE_MIRAI));
        sketch(w, key, ds_sketch_hash(&secret, country));
    }
}

static struct ds_source_record record_of(const struct ds_window *w, ds_country country)
{
    struct ds_source_record r = {.address = country, .country = country, .last = 255};
    for (size_t i = 0; i < w->cell_count; i++) {
        const struct ds_cell *c = &w->cells[i];
        if (c->country != country)
            continue;
        r.packets += c->packets;
        r.ports++;
        r.classes |= (uint8_t)(1u << c->cls);
        if (c->survey_packets)
            r.survey = DS_SURVEY_YES;
    }
    r.seen = r.confirmed = is_infected(w, country);
    return r;
}

/* One source a country: its record, device and mark, its sketches. */
static void add_sources(struct ds_window *w)
{
    static const struct ds_sketch_secret secret = {1, 2, 1};
    static struct ds_device_tally devices[CELLS];
    static struct ds_signature_tally mirai;
    static struct ds_source_record records[CELLS];
    mirai = (struct ds_signature_tally){0};
    strcpy(mirai.id, ds_signature_name(DS_SIGNATURE_MIRAI));
    for (size_t i = 0; i < w->cell_count; i++)
        sketch_cell(w, &w->cells[i]);
    for (size_t i = 0; i < w->country_count; i++) {
        ds_country country = w->countries[i].country;
        bool infected = is_infected(w, country);
        uint8_t device = infected ? DS_DEVICE_EMBEDDED : DS_DEVICE_WINDOWS;
        records[i] = record_of(w, country);
        devices[i] = (struct ds_device_tally){country, device, w->countries[i].tally.packets, 1};
        sketch(w, (struct ds_sketch_key){.kind = DS_SKETCH_DEVICE, .device = device},
               ds_sketch_hash(&secret, country));
        if (!infected)
            continue;
        sketch_mirai(w, country);
        mirai.packets += w->countries[i].tally.packets;
        mirai.sources++;
        mirai.confirmed_sources++;
    }
    w->source_records = records;
    w->source_record_count = w->country_count;
    strcpy(w->marks[0], mirai.id);
    w->mark_count = 1;
    w->devices = devices;
    w->device_count = w->country_count;
    w->signatures = &mirai;
    w->signature_count = mirai.packets > 0;
}

static void put(struct ds_store *store, char *line, uint64_t sequence)
{
    static struct ds_cell cells[CELLS];
    static struct ds_country_tally countries[CELLS + 1];
    struct ds_error err;
    char sensor[64], addresses[32], database[64];
    long long start;
    unsigned seconds;
    double observed;
    char active[32];
    int used;
    struct ds_window w;
    ds_window_init(&w);
    if (sscanf(line, "%63s %lld %u %lf %31s %31s %63s%n", sensor, &start, &seconds, &observed,
               addresses, active, database, &used) != 7)
        fail("a line has too few words");
    w.cells = cells;
    for (char *word = strtok(line + used, " \n"); word; word = strtok(NULL, " \n"))
        add_cell(&w, word);
    w.start_s = start;
    w.seconds = seconds;
    w.observed_ns = (uint64_t)(observed * 1e9);
    w.addresses_known = addresses[0] != '-';
    w.addresses = strtoull(addresses, NULL, 10);
    read_active(&w, active);
    strcpy(w.country_db, strcmp(database, "-") == 0 ? "" : database);
    add_up(&w, countries);
    if (w.sketches.known)
        add_sources(&w);
    const struct ds_store_put message = {.sensor = sensor,
                                         .boot = 1,
                                         .sequence = sequence,
                                         .received_s = start + seconds,
                                         .window = &w};
    if (ds_window_imbalance(&w))
        fail(ds_window_imbalance(&w));
    if (store->ops->put(store, &message, &err) != DS_PUT_COMMITTED)
        fail(err.text);
    ds_sketches_finish(&w.sketches);
}

static void tidy(struct ds_store *store, int64_t now_s)
{
    static const struct ds_retention keep = {DS_KEEP_MINUTES_S, DS_KEEP_FOR_EVER, DS_KEEP_FOR_EVER};
    struct ds_error err;
    int result;
    do
        result = store->ops->tidy(store, &keep, now_s, &err);
    while (result > 0);
    if (result < 0)
        fail(err.text);
}

int main(int argc, char **argv)
{
    static char line[LINE_BYTES];
    struct ds_store *store;
    struct ds_error err;
    uint64_t sequence = 0;
    int64_t last_s = 0;
    bool tidies = argc == 3 && strcmp(argv[2], "tidy") == 0;
    if (argc != 2 && !tidies)
        fail("usage: put-windows DIRECTORY [tidy]");
    if (ds_store_open(argv[1], DS_STORE_WRITE, &store, &err) < 0)
        fail(err.text);
    while (fgets(line, sizeof line, stdin)) {
        char *start = strchr(line, ' ');
        last_s = start ? atoll(start) : 0;
        put(store, line, ++sequence);
    }
    if (tidies)
        tidy(store, last_s + 30 * INT64_C(86400));
    ds_store_destroy(store);
    return 0;
}
