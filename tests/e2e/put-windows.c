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
 * Behind the cells may stand, in any order:
 *
 *   mark:SIGNATURE/COUNTRY=PACKETS/CONFIRMED     another mark of a source; CONFIRMED is 0 or 1
 *   device:COUNTRY=DEVICE                        what a source is, by its name
 *   attack:VICTIM/PROTO/PORT/COUNTRY=START_MS/LAST_MS/PACKETS/WINDOW_PACKETS    in order
 *   books:OUTSIDE/MALFORMED/LATE/KERNEL/INTERFACE/RING/OVERFLOW    packets; of the attacks' table
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
#define EXTRAS     256 /* marks, devices and attacks of a window, of each */

struct mark {
    char signature[DS_SIGNATURE_ID_MAX + 1];
    ds_country country;
    uint64_t packets;
    bool confirmed;
};

/* What a line says beside its cells. */
struct extras {
    struct mark marks[EXTRAS];
    size_t mark_count;
    struct ds_attack attacks[EXTRAS];
    uint8_t device_of[1 << 16]; /* by country; 0: not said; else the device + 1 */
};

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

static void add_mark(struct extras *e, const char *text)
{
    struct mark *m = &e->marks[e->mark_count];
    char country[3];
    unsigned long long packets;
    unsigned confirmed;
    if (e->mark_count == EXTRAS ||
        sscanf(text, "%47[^/]/%2[A-Z?]=%llu/%u", m->signature, country, &packets, &confirmed) != 4)
        fail("a mark is none");
    m->country = DS_COUNTRY(country[0], country[1]);
    m->packets = packets;
    m->confirmed = confirmed > 0;
    e->mark_count++;
}

static void add_device(struct extras *e, const char *text)
{
    char country[3], name[32];
    unsigned device = 0;
    if (sscanf(text, "%2[A-Z?]=%31s", country, name) != 2)
        fail("a device is none");
    while (device < DS_DEVICE_COUNT && strcmp(ds_device_name(device), name) != 0)
        device++;
    if (device == DS_DEVICE_COUNT)
        fail("there is no such device");
    e->device_of[DS_COUNTRY(country[0], country[1])] = (uint8_t)(device + 1);
}

static void add_attack(struct extras *e, struct ds_window *w, const char *text)
{
    unsigned victim, proto, port;
    char country[3];
    long long start, last;
    unsigned long long packets, window_packets;
    if (w->attack_count == EXTRAS ||
        sscanf(text, "%u/%u/%u/%2[A-Z?]=%lld/%lld/%llu/%llu", &victim, &proto, &port, country,
               &start, &last, &packets, &window_packets) != 8)
        fail("an attack is none");
    e->attacks[w->attack_count++] =
        (struct ds_attack){.victim = victim,
                           .proto = (uint8_t)proto,
                           .country = DS_COUNTRY(country[0], country[1]),
                           .port = (uint16_t)port,
                           .ports = 1,
                           .attack_ports = 1,
                           .addresses = 1,
                           .window_packets = window_packets,
                           .window_bytes = 40 * window_packets,
                           .start_ms = start,
                           .last_ms = last,
                           .packets = packets,
                           .bytes = 40 * packets,
                           .max_ppm = packets};
}

static void add_books(struct ds_window *w, const char *text)
{
    unsigned long long n[7];
    if (sscanf(text, "%llu/%llu/%llu/%llu/%llu/%llu/%llu", &n[0], &n[1], &n[2], &n[3], &n[4], &n[5],
               &n[6]) != 7)
        fail("the books are none");
    w->books[DS_BOOK_RECEIVED] = n[0] + n[1];
    w->books[DS_BOOK_OUTSIDE] = n[0];
    w->books[DS_BOOK_MALFORMED] = w->malformed[DS_MALFORMED_NOT_IP] = n[1];
    w->books[DS_BOOK_LATE] = n[2];
    w->books[DS_BOOK_DROPPED_KERNEL] = n[3];
    w->books[DS_BOOK_DROPPED_INTERFACE] = n[4];
    w->books[DS_BOOK_DROPPED_RING] = n[5];
    w->overflow[DS_OVERFLOW_ATTACKS] = n[6];
}

static void add_word(struct extras *e, struct ds_window *w, const char *word)
{
    const char *colon = strchr(word, ':');
    if (!colon)
        add_cell(w, word);
    else if (strncmp(word, "mark:", 5) == 0)
        add_mark(e, colon + 1);
    else if (strncmp(word, "device:", 7) == 0)
        add_device(e, colon + 1);
    else if (strncmp(word, "attack:", 7) == 0)
        add_attack(e, w, colon + 1);
    else if (strncmp(word, "books:", 6) == 0)
        add_books(w, colon + 1);
    else
        fail("a word is none");
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
        if (c->proto == DS_PROTO_TCP || c->proto == DS_PROTO_UDP || c->proto == DS_PROTO_ICMP ||
            c->proto == DS_PROTO_ICMP6)
            sketch(w, proto, hash);
        sketch(w, port, hash);
        country.kind++;
        proto.kind++;
        port.kind++;
    }
}

static bool is_malware(const char *signature)
{
    static const uint8_t malware[] = {DS_SIGNATURE_MIRAI, DS_SIGNATURE_HAJIME,
                                      DS_SIGNATURE_ADB_MINER, DS_SIGNATURE_SATORI};
    for (size_t i = 0; i < sizeof malware; i++)
        if (strcmp(ds_signature_name(malware[i]), signature) == 0)
            return true;
    return false;
}

static void sketch_mark(struct ds_window *w, const struct mark *m)
{
    static const struct ds_sketch_secret secret = {1, 2, 1};
    static const struct {
        uint8_t kind;
        bool of_confirmed, of_malware, has_signature, has_country;
    } kinds[] = {{DS_SKETCH_SIGNATURE, false, false, true, false},
                 {DS_SKETCH_SIGNATURE_CONFIRMED, true, false, true, false},
                 {DS_SKETCH_INFECTED, false, true, false, true},
                 {DS_SKETCH_INFECTED_CONFIRMED, true, true, false, true},
                 {DS_SKETCH_MALWARE, false, true, true, true}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct ds_sketch_key key = {.kind = kinds[i].kind};
        if ((kinds[i].of_confirmed && !m->confirmed) ||
            (kinds[i].of_malware && !is_malware(m->signature)))
            continue;
        if (kinds[i].has_country)
            key.country = m->country;
        if (kinds[i].has_signature)
            strcpy(key.signature, m->signature);
        sketch(w, key, ds_sketch_hash(&secret, m->country));
    }
}

static int by_signature(const void *left, const void *right)
{
    const struct mark *a = left, *b = right;
    int order = strcmp(a->signature, b->signature);
    return order ? order : (a->country > b->country) - (a->country < b->country);
}

/* Tallies of the marks, and the bits of those who have them: no source has one twice. */
static void add_marks(struct extras *e, struct ds_window *w)
{
    static struct ds_signature_tally tallies[DS_MARKS_MAX];
    qsort(e->marks, e->mark_count, sizeof *e->marks, by_signature);
    for (size_t i = 0; i < e->mark_count; i++) {
        const struct mark *m = &e->marks[i];
        if (i == 0 || strcmp(m[-1].signature, m->signature) != 0) {
            if (w->signature_count == DS_MARKS_MAX)
                fail("too many signatures");
            struct ds_signature_tally *next = &tallies[w->signature_count++];
            *next = (struct ds_signature_tally){0};
            strcpy(next->id, m->signature);
            strcpy(w->marks[w->mark_count++], m->signature);
        }
        struct ds_signature_tally *t = &tallies[w->signature_count - 1];
        t->packets += m->packets;
        t->sources++;
        t->confirmed_sources += m->confirmed;
        sketch_mark(w, m);
        for (size_t k = 0; k < w->source_record_count; k++)
            if (w->source_records[k].country == m->country) {
                w->source_records[k].seen |= 1u << (w->mark_count - 1);
                w->source_records[k].confirmed |= (uint32_t)m->confirmed << (w->mark_count - 1);
            }
    }
    w->signatures = tallies;
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
    return r;
}

/* One source a country: its record, device and marks, its sketches. */
static void add_sources(struct extras *e, struct ds_window *w)
{
    static const struct ds_sketch_secret secret = {1, 2, 1};
    static struct ds_device_tally devices[CELLS];
    static struct ds_source_record records[CELLS];
    for (size_t i = 0; i < w->cell_count; i++)
        sketch_cell(w, &w->cells[i]);
    for (size_t i = 0; i < w->country_count; i++) {
        ds_country country = w->countries[i].country;
        bool infected = is_infected(w, country);
        uint8_t device = e->device_of[country] ? (uint8_t)(e->device_of[country] - 1)
                         : infected            ? DS_DEVICE_EMBEDDED
                                               : DS_DEVICE_WINDOWS;
        records[i] = record_of(w, country);
        records[i].device = device;
        devices[i] = (struct ds_device_tally){country, device, w->countries[i].tally.packets, 1};
        sketch(w, (struct ds_sketch_key){.kind = DS_SKETCH_DEVICE, .device = device},
               ds_sketch_hash(&secret, country));
        if (infected && e->mark_count == EXTRAS)
            fail("too many marks");
        if (infected) {
            struct mark *m = &e->marks[e->mark_count++];
            *m = (struct mark){
                .country = country, .packets = w->countries[i].tally.packets, .confirmed = true};
            strcpy(m->signature, ds_signature_name(DS_SIGNATURE_MIRAI));
        }
    }
    w->source_records = records;
    w->source_record_count = w->country_count;
    w->devices = devices;
    w->device_count = w->country_count;
    add_marks(e, w);
}

static void put(struct ds_store *store, char *line, uint64_t sequence)
{
    static struct extras extras;
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
    extras.mark_count = 0;
    memset(extras.device_of, 0, sizeof extras.device_of);
    for (char *word = strtok(line + used, " \n"); word; word = strtok(NULL, " \n"))
        add_word(&extras, &w, word);
    w.attacks = extras.attacks;
    w.attacks_known = true;
    w.start_s = start;
    w.seconds = seconds;
    w.observed_ns = (uint64_t)(observed * 1e9);
    w.addresses_known = addresses[0] != '-';
    w.addresses = strtoull(addresses, NULL, 10);
    read_active(&w, active);
    strcpy(w.country_db, strcmp(database, "-") == 0 ? "" : database);
    add_up(&w, countries);
    if (w.sketches.known)
        add_sources(&extras, &w);
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
