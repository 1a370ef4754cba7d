/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include "darkscope/merge.h"
#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const uint32_t lengths[] = {60, 300, 3600};
const char *const world_sensors[3] = {"a", "b", "c"};
const uint16_t world_ports[8] = {0, 23, 80, 443, 1023, 1024, 5060, 65535};
const uint8_t world_protos[4] = {DS_PROTO_TCP, DS_PROTO_UDP, DS_PROTO_ICMP, 47};
const ds_country world_countries[4] = {DS_COUNTRY('C', 'N'), DS_COUNTRY('J', 'P'),
                                       DS_COUNTRY('N', 'L'), DS_COUNTRY_UNKNOWN};

uint64_t world_below(struct world *w, uint64_t bound)
{
    return sample_random(&w->random) % bound;
}

/* ---- random windows ---- */

static int compare_cells(const void *left, const void *right)
{
    uint64_t a = ds_cell_key(left), b = ds_cell_key(right);
    return (a > b) - (a < b);
}

static void make_cells(struct world *world, struct ds_window *w)
{
    size_t count = 1 + world_below(world, 14), kept = 0;
    w->cells = calloc(count, sizeof *w->cells);
    assert_non_null(w->cells);
    for (size_t i = 0; i < count; i++) {
        uint64_t packets =
            world_below(world, 4) ? 1 + world_below(world, 4) : 1 + world_below(world, 60);
        w->cells[i] = (struct ds_cell){
            .cls = (uint8_t)world_below(world, DS_CLASS_COUNT),
            .proto = world_protos[world_below(world, 4)],
            .port = world_ports[world_below(world, 8)],
            .country = world_countries[world_below(world, 4)],
            .packets = packets,
            .bytes = packets * 40 + world_below(world, 200),
            .sources = 1 + world_below(world, packets),
            .survey_packets = world_below(world, packets + 1),
        };
    }
    qsort(w->cells, count, sizeof *w->cells, compare_cells);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || ds_cell_key(&w->cells[i]) != ds_cell_key(&w->cells[kept - 1]))
            w->cells[kept++] = w->cells[i];
    w->cell_count = kept;
}

static void sum_cells(struct ds_window *w)
{
    for (size_t i = 0; i < w->cell_count; i++) {
        const struct ds_cell *c = &w->cells[i];
        w->classes[c->cls].packets += c->packets;
        w->classes[c->cls].bytes += c->bytes;
        w->classes[c->cls].sources += c->sources / 2 + 1;
        w->protocols[c->proto] += c->packets;
        w->types[c->proto == DS_PROTO_TCP ? c->cls : DS_TYPE_UDP] += c->packets;
        w->books[DS_BOOK_COUNTED] += c->packets;
        w->bytes += c->bytes;
    }
    w->countries = calloc(4, sizeof *w->countries);
    w->devices = calloc(8, sizeof *w->devices);
    assert_true(w->countries && w->devices);
    static const ds_country sorted[] = {DS_COUNTRY_UNKNOWN, DS_COUNTRY('C', 'N'),
                                        DS_COUNTRY('J', 'P'), DS_COUNTRY('N', 'L')};
    for (size_t k = 0; k < 4; k++) {
        struct ds_country_tally t = {.country = sorted[k]};
        for (size_t i = 0; i < w->cell_count; i++)
            if (w->cells[i].country == t.country) {
                t.tally.packets += w->cells[i].packets;
                t.tally.bytes += w->cells[i].bytes;
                t.tally.sources += w->cells[i].sources;
            }
        if (t.tally.packets == 0)
            continue;
        w->countries[w->country_count++] = t;
        w->devices[w->device_count++] = (struct ds_device_tally){
            sorted[k], (uint8_t)(k % DS_DEVICE_COUNT), t.tally.packets, t.tally.sources};
        if (t.tally.packets % 2)
            w->devices[w->device_count++] =
                (struct ds_device_tally){sorted[k], DS_DEVICE_TOOL, 1, 1};
    }
}

static void make_rest(struct world *world, struct ds_window *w)
{
    uint64_t *b = w->books;
    w->sources = 1 + world_below(world, 50);
    w->destinations = world_below(world, 50);
    w->active_addresses = world_below(world, 50);
    w->addresses_known = world_below(world, 4) > 0;
    w->addresses = w->addresses_known ? 200 + world_below(world, 50) : 0;
    b[DS_BOOK_OUTSIDE] = world_below(world, 3);
    b[DS_BOOK_MALFORMED] = w->malformed[DS_MALFORMED_IP_SHORT] = world_below(world, 3);
    b[DS_BOOK_RECEIVED] = b[DS_BOOK_COUNTED] + b[DS_BOOK_OUTSIDE] + b[DS_BOOK_MALFORMED];
    b[DS_BOOK_DROPPED_KERNEL] = world_below(world, 9);
    w->overflow[DS_OVERFLOW_PAIRS] = world_below(world, 8) == 0;
    w->overflow[DS_OVERFLOW_SOURCES] = world_below(world, 8) == 0;
    snprintf(w->country_db, sizeof w->country_db, "db %u", (unsigned)world_below(world, 3));
    w->signatures = calloc(2, sizeof *w->signatures);
    assert_non_null(w->signatures);
    if (world_below(world, 2))
        w->signatures[w->signature_count++] = (struct ds_signature_tally){
            "mirai", 1 + world_below(world, 9), 1 + world_below(world, 3), 1};
    if (world_below(world, 6) == 0)
        w->signatures[w->signature_count++] = (struct ds_signature_tally){"zmap", 2, 1, 1};
    w->attacks_known = true;
    if (world_below(world, 3) > 0)
        return;
    w->attacks = calloc(1, sizeof *w->attacks);
    assert_non_null(w->attacks);
    w->attack_count = 1;
    w->attacks[0] =
        (struct ds_attack){.victim = 1 + (uint32_t)world_below(world, 2),
                           .proto = DS_PROTO_TCP,
                           .country = world_countries[0],
                           .port = world_ports[world_below(world, 3)],
                           .ports = 1,
                           .window_packets = 1 + world_below(world, 30),
                           .window_bytes = 40,
                           .start_ms = WORLD_START * 1000,
                           .last_ms = WORLD_START * 1000 + (int64_t)world_below(world, 999),
                           .packets = 30 + world_below(world, 30)};
}

/* Most are of a few hours, so that several windows share one. */
static void make_window(struct world *world, unsigned sensor, struct ds_window *w)
{
    uint32_t length = sensor == 2 ? lengths[world_below(world, 3)] : lengths[sensor];
    int64_t day = (int64_t)world_below(world, WORLD_DAYS),
            hour = (int64_t)world_below(world, 2) * 9 + 6;
    if (world_below(world, 4) == 0)
        hour = (int64_t)world_below(world, 24);
    ds_window_init(w);
    w->seconds = length;
    w->start_s = WORLD_START + day * DAY_S + hour * HOUR_S;
    w->start_s += (int64_t)world_below(world, (uint64_t)(HOUR_S / length)) % 6 * length;
    w->observed_ns = world_below(world, length) * UINT64_C(1000000000);
    make_cells(world, w);
    sum_cells(w);
    make_rest(world, w);
}

/* ---- the store's life, and the same in memory ---- */

static bool has_day_file(const struct world *w, int64_t day)
{
    char path[128];
    static const char *const names[] = {"2026-01-30", "2026-01-31", "2026-02-01"};
    snprintf(path, sizeof path, "%s/minutes-%s.sqlite", w->scratch.directory, names[day]);
    return access(path, F_OK) == 0;
}

static void remember(struct world *world, unsigned sensor, const struct ds_window *w)
{
    size_t day = (size_t)((w->start_s - WORLD_START) / DAY_S);
    for (size_t i = 0; i < world->row_count; i++) {
        struct row *r = &world->rows[i];
        if (r->sensor == sensor && r->epoch == world->epochs[day] &&
            r->window.start_s == w->start_s) {
            assert_int_equal(ds_merge_window(&r->window, w, DS_MERGE_PARTS), 0);
            r->parts++;
            return;
        }
    }
    struct row *r = &world->rows[world->row_count++];
    *r = (struct row){.sensor = sensor, .epoch = world->epochs[day], .parts = 1};
    assert_int_equal(ds_merge_window(&r->window, w, DS_MERGE_PARTS), 0);
}

static struct ds_store_put put_of(const struct world *world, const struct message *m)
{
    return (struct ds_store_put){.sensor = world_sensors[m->sensor],
                                 .boot = 7,
                                 .sequence = m->sequence,
                                 .received_s = world->now_s,
                                 .window = &m->window};
}

static void put(struct world *world, const struct message *m, int expected)
{
    struct ds_error err = {0};
    const struct ds_store_put p = put_of(world, m);
    int result = world->scratch.store->ops->put(world->scratch.store, &p, &err);
    if (result != expected)
        fail_msg("put returned %d: %s", result, err.text);
}

static struct message *make_new(struct world *world)
{
    struct message *m = &world->messages[world->message_count++];
    m->sensor = (unsigned)world_below(world, 3);
    m->sequence = world->message_count + world_below(world, 2) * 1000; /* with gaps */
    make_window(world, m->sensor, &m->window);
    return m;
}

static void put_new(struct world *world)
{
    struct message *m = make_new(world);
    put(world, m, DS_PUT_COMMITTED);
    remember(world, m->sensor, &m->window);
}

/* Two new ones at once, or with one that is known: that is none of them. */
static void put_together(struct world *world)
{
    const struct message *known = world->message_count && world_below(world, 4) == 0
                                      ? &world->messages[world_below(world, world->message_count)]
                                      : NULL;
    const struct message *m[] = {make_new(world), make_new(world), known};
    struct ds_store_put puts[3];
    for (size_t i = 0; i < 3 && m[i]; i++)
        puts[i] = put_of(world, m[i]);
    int64_t day = m[0]->window.start_s / DAY_S;
    bool is_possible = !known && m[1]->window.start_s / DAY_S == day;
    struct ds_store *store = world->scratch.store;
    assert_int_equal(store->ops->put_together(store, puts, known ? 3 : 2), is_possible);
    for (size_t i = 0; i < 2; i++) {
        if (!is_possible)
            put(world, m[i], DS_PUT_COMMITTED);
        remember(world, m[i]->sensor, &m[i]->window);
    }
}

/* Time passes; what is due is done, all of it or a part. */
static void tidy(struct world *world)
{
    struct ds_error err = {0};
    struct ds_store *store = world->scratch.store;
    bool had[WORLD_DAYS];
    struct ds_retention keep = {DS_KEEP_FOR_EVER, DS_KEEP_FOR_EVER, DS_KEEP_FOR_EVER};
    for (int64_t d = 0; d < WORLD_DAYS; d++)
        had[d] = has_day_file(world, d);
    world->now_s += (int64_t)world_below(world, 3) * HOUR_S;
    if (world_below(world, 3) == 0) {
        world->now_s += 2 * DAY_S;
        keep.minutes_s = DAY_S;
    }
    uint64_t pieces = world_below(world, 2) ? UINT64_MAX : world_below(world, 4);
    int result = 1;
    for (uint64_t i = 0; i < pieces && result == 1; i++)
        result = store->ops->tidy(store, &keep, world->now_s, &err);
    if (result < 0)
        fail_msg("%s", err.text);
    for (int64_t d = 0; d < WORLD_DAYS; d++)
        world->epochs[d] += had[d] && !has_day_file(world, d);
}

static void reopen(struct world *world)
{
    struct ds_error err = {0};
    ds_store_destroy(world->scratch.store);
    if (ds_store_open(world->scratch.directory, DS_STORE_WRITE, &world->scratch.store, &err) < 0)
        fail_msg("%s", err.text);
}

void world_step(struct world *world)
{
    uint64_t what = world_below(world, 12);
    if (what == 0)
        reopen(world);
    else if (what <= 2)
        tidy(world);
    else if (what == 3 && world->message_count > 0)
        put(world, &world->messages[world_below(world, world->message_count)], DS_PUT_DUPLICATE);
    else if (what == 4)
        put_together(world);
    else
        put_new(world);
}

void world_begin(struct world *w, uint64_t seed)
{
    *w = (struct world){.random = seed * UINT64_C(0x9e3779b97f4a7c15) | 1,
                        .now_s = WORLD_START + WORLD_DAYS * DAY_S};
    scratch_open(&w->scratch);
}

void world_end(struct world *w)
{
    for (size_t i = 0; i < w->row_count; i++)
        ds_window_finish(&w->rows[i].window);
    for (size_t i = 0; i < w->message_count; i++)
        ds_window_finish(&w->messages[i].window);
    scratch_close(&w->scratch);
}
