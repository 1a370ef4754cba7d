/* SPDX-License-Identifier: Apache-2.0
 *
 * The small tables: sums over parties, each of which is of one country, class, type, device and
 * signature; and the books.
 */
#include "maker.h"

#include "countries.h"

#include <string.h>

struct place_sum {
    struct ds_tally tally;
    uint64_t packets[DS_DEVICE_COUNT], sources[DS_DEVICE_COUNT];
};

#define PLACES_MAX 512

/* Packets of so many sources, of one place and kind. */
struct batch {
    uint64_t packets, bytes, sources;
    uint16_t place;
    uint8_t cls, type, device, carrier;
};

static void add_batch(struct ds_window *w, struct place_sum *places, const struct batch *b)
{
    struct place_sum *place = &places[b->place];
    struct ds_tally *const tallies[] = {&place->tally, &w->classes[b->cls]};
    for (int i = 0; i < 2; i++) {
        tallies[i]->packets += b->packets;
        tallies[i]->bytes += b->bytes;
        tallies[i]->sources += b->sources;
    }
    place->packets[b->device] += b->packets;
    place->sources[b->device] += b->sources;
    w->types[b->type] += b->packets;
    w->protocols[b->carrier] += b->packets;
    w->bytes += b->bytes;
    w->sources += b->sources;
    w->books[DS_BOOK_COUNTED] += b->packets;
}

/* The differences become figures; returns how many of the hosts sent at least two packets. */
static uint64_t sum_hosts(struct ds_gen_host_sum *hosts, uint32_t seen)
{
    uint64_t twice = 0;
    for (uint32_t i = 1; i < seen; i++) {
        hosts[i].packets += hosts[i - 1].packets;
        hosts[i].ports += hosts[i - 1].ports;
    }
    for (uint32_t i = 0; i < seen; i++)
        twice += hosts[i].packets > 1;
    return twice;
}

static void add_signature(struct ds_gen_maker *m, const struct ds_gen_group *g,
                          const struct ds_gen_act *a, uint64_t twice)
{
    struct ds_window *w = &m->window;
    for (unsigned i = 0; i < m->mark_count; i++) {
        if (m->marks[i] != g->signature)
            continue;
        w->signatures[i].packets += a->sent;
        w->signatures[i].sources += ds_gen_act_seen(a);
        w->signatures[i].confirmed_sources += twice;
    }
}

static void add_parties(struct ds_gen_maker *m, struct place_sum *places)
{
    for (size_t i = 0; i < m->model->party_count; i++) {
        const struct ds_gen_party *p = &m->model->parties[i];
        const struct ds_gen_group *g = &m->model->groups[p->group];
        const struct ds_gen_act *a = &m->acts[i];
        if (a->sent == 0)
            continue;
        uint64_t twice = sum_hosts(m->hosts + a->base, ds_gen_act_seen(a));
        add_batch(&m->window, places,
                  &(struct batch){.packets = a->sent,
                                  .bytes = a->sent_bytes,
                                  .sources = ds_gen_act_seen(a),
                                  .place = p->place,
                                  .cls = g->cls,
                                  .type = g->type,
                                  .device = g->device,
                                  .carrier = g->carrier});
        if (g->signature >= 0)
            add_signature(m, g, a, twice);
    }
}

static void add_attacks(struct ds_gen_maker *m, struct place_sum *places)
{
    for (uint32_t i = 0; i < m->attacks.count; i++) {
        const struct ds_gen_attack *attack = &m->attacks.list[i];
        const struct ds_gen_sight *s = &m->sights[i];
        if (s->now)
            add_batch(&m->window, places,
                      &(struct batch){.packets = s->now,
                                      .bytes = s->now_bytes,
                                      .sources = 1,
                                      .place = attack->place,
                                      .cls = DS_CLASS_BACKSCATTER,
                                      .type = attack->type,
                                      .device = DS_DEVICE_NONE,
                                      .carrier = DS_PROTO_TCP});
    }
}

static void list_places(struct ds_gen_maker *m, const struct place_sum *places)
{
    struct ds_window *w = &m->window;
    w->country_count = w->device_count = 0;
    for (size_t i = 0; i < ds_gen_place_count; i++) {
        const struct ds_gen_place *place = &ds_gen_places[m->places_by_code[i]];
        const struct place_sum *sum = &places[m->places_by_code[i]];
        ds_country country = DS_COUNTRY(place->code[0], place->code[1]);
        if (sum->tally.packets == 0)
            continue;
        w->countries[w->country_count++] = (struct ds_country_tally){country, sum->tally};
        for (uint8_t d = 0; d < DS_DEVICE_COUNT; d++)
            if (sum->packets[d])
                w->devices[w->device_count++] =
                    (struct ds_device_tally){country, d, sum->packets[d], sum->sources[d]};
    }
}

/* In place: those with packets, with their names. */
static void list_signatures(struct ds_gen_maker *m)
{
    struct ds_window *w = &m->window;
    w->signature_count = 0;
    for (unsigned i = 0; i < m->mark_count; i++) {
        if (w->signatures[i].packets == 0)
            continue;
        struct ds_signature_tally t = w->signatures[i];
        strcpy(t.id, ds_signature_name((unsigned)m->marks[i]));
        w->signatures[w->signature_count++] = t;
    }
}

void ds_gen_maker_tables(struct ds_gen_maker *m, const struct ds_gen_piece *piece)
{
    struct place_sum places[PLACES_MAX];
    struct ds_window *w = &m->window;
    memset(places, 0, ds_gen_place_count * sizeof *places);
    memset(w->signatures, 0, m->mark_count * sizeof *w->signatures);
    add_parties(m, places);
    add_attacks(m, places);
    list_places(m, places);
    list_signatures(m);
    w->attacks_known = true;
    w->attack_count = ds_gen_attacks_tell(
        &m->attacks, m->sights, ds_gen_pace_addresses(m->pace, m->attacks.day, piece->sensor),
        w->attacks);
}

/* (1 - 1 / addresses) ^ packets, by squaring, without libm. */
static double part_missed(uint64_t packets, uint32_t addresses)
{
    double power = 1 - 1.0 / addresses, part = 1;
    for (; packets; packets >>= 1, power *= power)
        if (packets & 1)
            part *= power;
    return part;
}

/* What came and is in no cell, and what did not come. */
void ds_gen_maker_books(struct ds_gen_maker *m, const struct ds_gen_piece *piece)
{
    const struct ds_gen_plan *plan = m->model->plan;
    struct ds_window *w = &m->window;
    uint64_t key = ds_gen_mix(ds_gen_piece_key(plan, piece) + 5);
    uint64_t counted = w->books[DS_BOOK_COUNTED];
    uint32_t addresses =
        ds_gen_pace_addresses(m->pace, ds_gen_plan_day(plan, piece->start_s), piece->sensor);
    w->addresses_known = true;
    w->addresses = addresses;
    w->active_addresses = (uint64_t)(addresses * (1 - part_missed(counted, addresses)));
    if (plan->history && counted)
        w->active_addresses = addresses; /* one packet stands for many */
    w->destinations = w->active_addresses;
    static const uint8_t reasons[] = {DS_MALFORMED_IP_TOTAL_LENGTH, DS_MALFORMED_UDP_LENGTH,
                                      DS_MALFORMED_TCP_OFFSET, DS_MALFORMED_NOT_IP};
    for (unsigned i = 0; i < sizeof reasons; i++)
        w->books[DS_BOOK_MALFORMED] += w->malformed[reasons[i]] =
            ds_gen_round((double)counted / (20000 << i), ds_gen_bits(key, i));
    w->books[DS_BOOK_OUTSIDE] = ds_gen_round((double)counted / 5000, ds_gen_bits(key, 10));
    w->books[DS_BOOK_LATE] = ds_gen_round((double)counted / 50000, ds_gen_bits(key, 11));
    w->books[DS_BOOK_FRAGMENT] = ds_gen_round((double)counted / 30000, ds_gen_bits(key, 12));
    w->books[DS_BOOK_RECEIVED] = counted + w->books[DS_BOOK_OUTSIDE] + w->books[DS_BOOK_MALFORMED];
    if (ds_gen_bits(key, 13) % 200 == 0) {
        w->books[DS_BOOK_DROPPED_KERNEL] = ds_gen_round((double)counted / 90, key);
        w->books[DS_BOOK_DROPPED_RING] = ds_gen_round((double)counted / 400, key >> 8);
    }
}
