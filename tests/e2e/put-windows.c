/* SPDX-License-Identifier: Apache-2.0
 *
 * Puts windows into a store, as its aggregator would: what a test of long times is made of. A line
 * a window:
 *
 *   SENSOR START SECONDS OBSERVED ADDRESSES ACTIVE DATABASE CELL...
 *
 * START in seconds since 1970, OBSERVED in seconds, ADDRESSES - where unknown, a CELL is
 * CLASS/PROTO/PORT/COUNTRY=PACKETS/SURVEY, of one source; in order.
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

static void put(struct ds_store *store, char *line, uint64_t sequence)
{
    static struct ds_cell cells[CELLS];
    static struct ds_country_tally countries[CELLS + 1];
    struct ds_error err;
    char sensor[64], addresses[32], database[64];
    long long start;
    unsigned seconds;
    double observed;
    unsigned long long active;
    int used;
    struct ds_window w;
    ds_window_init(&w);
    if (sscanf(line, "%63s %lld %u %lf %31s %llu %63s%n", sensor, &start, &seconds, &observed,
               addresses, &active, database, &used) != 7)
        fail("a line has too few words");
    w.cells = cells;
    for (char *word = strtok(line + used, " \n"); word; word = strtok(NULL, " \n"))
        add_cell(&w, word);
    w.start_s = start;
    w.seconds = seconds;
    w.observed_ns = (uint64_t)(observed * 1e9);
    w.addresses_known = addresses[0] != '-';
    w.addresses = strtoull(addresses, NULL, 10);
    w.active_addresses = w.destinations = active;
    strcpy(w.country_db, strcmp(database, "-") == 0 ? "" : database);
    add_up(&w, countries);
    const struct ds_store_put message = {.sensor = sensor,
                                         .boot = 1,
                                         .sequence = sequence,
                                         .received_s = start + seconds,
                                         .window = &w};
    if (ds_window_imbalance(&w))
        fail(ds_window_imbalance(&w));
    if (store->ops->put(store, &message, &err) != DS_PUT_COMMITTED)
        fail(err.text);
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
