/* SPDX-License-Identifier: Apache-2.0 */
#include "maker.h"

#include "countries.h"

#include <stdlib.h>
#include <string.h>

#define CENSUS      8192
#define PLACES      512
#define NUMBERS_MAX 12 /* sketches that one party is in */

/* Sketches of hosts by number, in the order of their keys; those of countries by the rank of their
 * code. */
enum {
    COUNTRY = 0,
    COUNTRY_SURVEY = COUNTRY + PLACES,
    CLASS = COUNTRY_SURVEY + PLACES,
    PROTOCOL = CLASS + DS_CLASS_COUNT,
    TCP = 1, /* of the protocols */
    PROTOCOL_COUNT = 3,
    PROTOCOL_SURVEY = PROTOCOL + PROTOCOL_COUNT,
    SEEN = PROTOCOL_SURVEY + PROTOCOL_COUNT,
    CONFIRMED = SEEN + DS_GEN_MARKS_MAX,
    INFECTED = CONFIRMED + DS_GEN_MARKS_MAX,
    INFECTED_CONFIRMED = INFECTED + PLACES,
    SOURCES = INFECTED_CONFIRMED + PLACES, /* of these, those before the ports */
    DEVICE = SOURCES,
    MALWARE = DEVICE + DS_DEVICE_COUNT,
    SKETCHES = MALWARE + PLACES,
};
static const uint8_t protocols[PROTOCOL_COUNT] = {DS_PROTO_ICMP, DS_PROTO_TCP, DS_PROTO_UDP};
_Static_assert(DS_PROTO_ICMP < DS_PROTO_TCP && DS_PROTO_TCP < DS_PROTO_UDP, "in order");

/* ---- a sketch ---- */

static inline void touch(struct ds_gen_sketcher *s, unsigned precision, uint64_t hash)
{
    uint32_t number = ds_sketch_register(hash, precision);
    uint8_t *at = &s->open[number];
    uint8_t rank = ds_sketch_rank(hash, precision);
    *at = *at > rank ? *at : rank;
    s->touched[number / 64] |= UINT64_C(1) << number % 64;
}

/* The registers that are not 0, as a list; none is touched then. */
static uint32_t list_registers(struct ds_gen_sketcher *s, uint32_t all)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < all / 64; i++) {
        for (uint64_t bits = s->touched[i]; bits; bits &= bits - 1) {
            uint32_t number = i * 64 + (uint32_t)__builtin_ctzll(bits);
            s->next_list[n++] = number << 8 | s->open[number];
        }
        s->touched[i] = 0;
    }
    return n;
}

/* The open sketch becomes a row, in the form that its contents must have (sketch.h); empty ones do
 * not. */
static void take(struct ds_gen_maker *m, unsigned precision, const struct ds_sketch_key *key)
{
    struct ds_gen_sketcher *s = &m->sketcher;
    struct ds_sketches *out = &m->window.sketches;
    uint32_t all = UINT32_C(1) << precision;
    struct ds_sketch sketch = {.precision = (uint8_t)precision};
    sketch.count = list_registers(s, all);
    if (sketch.count == 0)
        return;
    if (sketch.count <= all / 4) {
        sketch.list = s->next_list;
        sketch.room = sketch.count;
        s->next_list += sketch.count;
        for (uint32_t i = 0; i < sketch.count; i++)
            s->open[sketch.list[i] >> 8] = 0;
    } else {
        sketch.registers = s->next_registers;
        s->next_registers += all;
        memcpy(sketch.registers, s->open, all);
        memset(s->open, 0, all);
    }
    out->rows[out->count++] = (struct ds_sketch_row){.key = *key, .sketch = sketch};
}

/* ---- keys ---- */

static struct ds_sketch_key key_of_country(const struct ds_gen_maker *m, enum ds_sketch_kind kind,
                                           unsigned rank)
{
    const char *code = ds_gen_places[m->places_by_code[rank]].code;
    return (struct ds_sketch_key){.kind = (uint8_t)kind, .country = DS_COUNTRY(code[0], code[1])};
}

static struct ds_sketch_key key_of_signature(const struct ds_gen_maker *m, enum ds_sketch_kind kind,
                                             unsigned at)
{
    struct ds_sketch_key key = {.kind = (uint8_t)kind};
    strcpy(key.signature, ds_signature_name((unsigned)m->marks[at]));
    return key;
}

static struct ds_sketch_key key_of_hosts(const struct ds_gen_maker *m, unsigned number)
{
    if (number < COUNTRY_SURVEY)
        return key_of_country(m, DS_SKETCH_COUNTRY, number - COUNTRY);
    if (number < CLASS)
        return key_of_country(m, DS_SKETCH_COUNTRY_SURVEY, number - COUNTRY_SURVEY);
    if (number < PROTOCOL)
        return (struct ds_sketch_key){.kind = DS_SKETCH_CLASS, .cls = (uint8_t)(number - CLASS)};
    if (number < PROTOCOL_SURVEY)
        return (struct ds_sketch_key){.kind = DS_SKETCH_PROTOCOL,
                                      .proto = protocols[number - PROTOCOL]};
    if (number < SEEN)
        return (struct ds_sketch_key){.kind = DS_SKETCH_PROTOCOL_SURVEY,
                                      .proto = protocols[number - PROTOCOL_SURVEY]};
    if (number < CONFIRMED)
        return key_of_signature(m, DS_SKETCH_SIGNATURE, number - SEEN);
    if (number < INFECTED)
        return key_of_signature(m, DS_SKETCH_SIGNATURE_CONFIRMED, number - CONFIRMED);
    if (number < INFECTED_CONFIRMED)
        return key_of_country(m, DS_SKETCH_INFECTED, number - INFECTED);
    if (number < DEVICE)
        return key_of_country(m, DS_SKETCH_INFECTED_CONFIRMED, number - INFECTED_CONFIRMED);
    if (number < MALWARE)
        return (struct ds_sketch_key){.kind = DS_SKETCH_DEVICE,
                                      .device = (uint8_t)(number - DEVICE)};
    struct ds_sketch_key key = key_of_country(m, DS_SKETCH_MALWARE, number - MALWARE);
    strcpy(key.signature, ds_signature_name(DS_SIGNATURE_MIRAI));
    return key;
}

/* ---- hosts ---- */

/* The sketches that every host of a party is in; the last ones only with two packets. */
static unsigned sketches_of(const struct ds_gen_maker *m, const struct ds_gen_party *p,
                            unsigned *numbers, unsigned *confirmed)
{
    const struct ds_gen_group *g = &m->model->groups[p->group];
    unsigned n = 0, rank = m->rank_of_place[p->place];
    *confirmed = 0;
    numbers[n++] = COUNTRY + rank;
    numbers[n++] = CLASS + g->cls;
    numbers[n++] = DEVICE + g->device;
    if (g->survey)
        numbers[n++] = COUNTRY_SURVEY + rank;
    for (unsigned i = 0; i < PROTOCOL_COUNT; i++) {
        if (protocols[i] != g->proto)
            continue;
        numbers[n++] = PROTOCOL + i;
        if (g->survey)
            numbers[n++] = PROTOCOL_SURVEY + i;
    }
    if (g->signature < 0)
        return n;
    unsigned at = 0;
    while (m->marks[at] != g->signature)
        at++;
    bool is_malware = g->signature == DS_SIGNATURE_MIRAI;
    numbers[n++] = SEEN + at;
    if (is_malware) {
        numbers[n++] = INFECTED + rank;
        numbers[n++] = MALWARE + rank;
    }
    *confirmed = 1 + is_malware;
    numbers[n] = CONFIRMED + at;
    numbers[n + 1] = INFECTED_CONFIRMED + rank;
    return n;
}

static void touch_member(struct ds_gen_maker *m, const struct ds_gen_member *member)
{
    const struct ds_gen_act *a = &m->acts[member->party];
    const uint64_t *hashes = m->sketcher.hashes + a->first_slot;
    const struct ds_gen_host_sum *hosts = m->hosts + a->base;
    uint32_t seen = ds_gen_act_seen(a), slot = a->start, least = member->confirmed ? 2 : 1;
    for (uint32_t k = 0; k < seen; k++, slot = slot + 1 < a->slots ? slot + 1 : 0)
        if ((uint32_t)hosts[k].packets >= least)
            touch(&m->sketcher, DS_SKETCH_FINE, hashes[slot]);
}

/* Victims answer by TCP, and send no SYN that would tell what they are. */
static bool has_all_victims(unsigned sketch)
{
    return sketch == CLASS + DS_CLASS_BACKSCATTER || sketch == PROTOCOL + TCP ||
           sketch == DEVICE + DS_DEVICE_NONE;
}

static void touch_victims(struct ds_gen_maker *m, unsigned sketch)
{
    bool is_all = has_all_victims(sketch);
    for (uint32_t i = 0; i < m->attacks.count; i++) {
        unsigned rank = m->rank_of_place[m->attacks.list[i].place];
        if (m->sights[i].now && (is_all || sketch == COUNTRY + rank))
            touch(&m->sketcher, DS_SKETCH_FINE, m->sketcher.victims[i]);
    }
}

/* Those from one number up to another. */
static void sketch_hosts(struct ds_gen_maker *m, unsigned from, unsigned to)
{
    const struct ds_gen_sketcher *s = &m->sketcher;
    const struct ds_gen_member *member = s->members, *end = s->members + s->member_count;
    while (member < end && member->sketch < from)
        member++;
    for (unsigned sketch = from; sketch < to; sketch++) {
        bool has_victims = sketch < COUNTRY_SURVEY || has_all_victims(sketch);
        bool has_members = member < end && member->sketch == sketch;
        if (!has_members && (!has_victims || sketch >= COUNTRY + ds_gen_place_count))
            continue;
        for (; member < end && member->sketch == sketch; member++)
            touch_member(m, member);
        if (has_victims)
            touch_victims(m, sketch);
        const struct ds_sketch_key key = key_of_hosts(m, sketch);
        take(m, DS_SKETCH_FINE, &key);
    }
}

/* ---- ports ---- */

static uint32_t service_of(uint64_t key)
{
    return (uint32_t)(key >> 40) << 24 | (uint32_t)(key >> 32 & 0xff) << 16 |
           (uint32_t)(key >> 16 & 0xffff);
}

/* All ports of the window, whose cells stand together. Returns how many. */
static size_t list_ports(struct ds_gen_maker *m)
{
    const struct ds_window *w = &m->window;
    struct ds_gen_busy_port *ports = m->sketcher.ports;
    size_t count = 0;
    for (size_t i = 0; i < w->cell_count; i++) {
        uint32_t service = service_of(ds_cell_key(&w->cells[i]));
        if (count == 0 || ports[count - 1].service != service)
            ports[count++] = (struct ds_gen_busy_port){service, 0};
        ports[count - 1].sources += (uint32_t)w->cells[i].sources;
    }
    return count;
}

static uint32_t place_in_census(uint32_t sources)
{
    return sources < CENSUS - 1 ? sources : CENSUS - 1;
}

/* Those with most sources, and of the last that fit the first ones. */
static void choose_ports(struct ds_gen_maker *m)
{
    struct ds_gen_sketcher *s = &m->sketcher;
    uint32_t census[CENSUS] = {0}, threshold = CENSUS - 1;
    size_t count = list_ports(m), left = DS_SKETCH_PORTS_MAX;
    for (size_t i = 0; i < count; i++)
        census[place_in_census(s->ports[i].sources)]++;
    while (threshold > 0 && census[threshold] <= left)
        left -= census[threshold--];
    s->chosen_count = 0;
    m->window.sketches.port_floor = 0;
    for (size_t i = 0; i < count; i++) {
        const struct ds_gen_busy_port port = s->ports[i];
        uint32_t place = place_in_census(port.sources);
        bool fits = place > threshold || (place == threshold && left > 0);
        left -= fits && place == threshold;
        if (fits)
            s->ports[s->chosen_count++] = port;
        else if (port.sources > m->window.sketches.port_floor)
            m->window.sketches.port_floor = port.sources;
    }
}

static void touch_flow(struct ds_gen_maker *m, const struct ds_gen_flow *flow)
{
    struct ds_gen_sketcher *s = &m->sketcher;
    if (flow->party == DS_GEN_NO_PARTY) {
        touch(s, DS_SKETCH_COARSE, s->victims[flow->cursor]);
        return;
    }
    const struct ds_gen_act *a = &m->acts[flow->party];
    const uint64_t *hashes = s->hashes + a->first_slot;
    uint32_t at = flow->cursor, slot = (a->start + at) % a->slots;
    for (uint32_t k = 0; k < flow->sources; k++) {
        touch(s, DS_SKETCH_COARSE, hashes[slot]);
        slot = slot + 1 < a->slots ? slot + 1 : 0;
        if (++at == a->hosts) {
            at = 0;
            slot = a->start;
        }
    }
}

/* A sketch of each port, or of its survey scanners; ports and flows are in order. */
static void sketch_ports(struct ds_gen_maker *m, bool of_survey)
{
    const struct ds_gen_sketcher *s = &m->sketcher;
    const struct ds_gen_flows *const lists[] = {&m->heads, &m->tails, &m->answers};
    size_t at[3] = {0};
    for (size_t i = 0; i < s->chosen_count; i++) {
        uint32_t service = s->ports[i].service;
        for (unsigned k = 0; k < 3; k++) {
            const struct ds_gen_flow *flows = lists[k]->list;
            while (at[k] < lists[k]->count && service_of(flows[at[k]].key) < service)
                at[k]++;
            for (; at[k] < lists[k]->count && service_of(flows[at[k]].key) == service; at[k]++)
                if (!of_survey || flows[at[k]].survey)
                    touch_flow(m, &flows[at[k]]);
        }
        const struct ds_sketch_key key = {.kind =
                                              of_survey ? DS_SKETCH_PORT_SURVEY : DS_SKETCH_PORT,
                                          .cls = (uint8_t)(service >> 24),
                                          .proto = (uint8_t)(service >> 16),
                                          .port = (uint16_t)service};
        take(m, DS_SKETCH_COARSE, &key);
    }
}

/* Those that got a packet are always the first of the secret order, so that of a day there are as
 * many as in its busiest window. Another number of addresses is another order. */
static void sketch_addresses(struct ds_gen_maker *m)
{
    struct ds_gen_sketcher *s = &m->sketcher;
    const struct ds_window *w = &m->window;
    uint64_t most = w->addresses < DS_SKETCH_ADDRESSES_MAX ? w->addresses : DS_SKETCH_ADDRESSES_MAX;
    uint64_t active = most ? (w->active_addresses * most + w->addresses / 2) / w->addresses : 0;
    if (m->model->plan->history) /* whose packets are fewer than addresses */
        return;
    const struct ds_sketch_key key = {.kind = DS_SKETCH_ADDRESSES,
                                      .set = (uint16_t)ds_gen_mix(w->addresses)};
    for (uint32_t i = 0; i < active; i++) {
        s->open[i] = 1;
        s->touched[i / 64] |= UINT64_C(1) << i % 64;
    }
    take(m, DS_SKETCH_BITS, &key);
}

void ds_gen_maker_sketches(struct ds_gen_maker *m)
{
    struct ds_gen_sketcher *s = &m->sketcher;
    s->next_list = s->lists;
    s->next_registers = s->registers;
    m->window.sketches.count = 0;
    sketch_hosts(m, 0, SOURCES);
    choose_ports(m);
    sketch_ports(m, false);
    sketch_ports(m, true);
    sketch_hosts(m, SOURCES, SKETCHES);
    sketch_addresses(m);
}

/* ---- the day ---- */

void ds_gen_maker_hash_day(struct ds_gen_maker *m)
{
    struct ds_gen_sketcher *s = &m->sketcher;
    for (uint32_t slot = 0; slot < m->model->hosts.slots; slot++)
        s->hashes[slot] = ds_sketch_hash(&s->secret, m->addresses[slot]);
    for (uint32_t i = 0; i < m->attacks.count; i++)
        s->victims[i] = ds_sketch_hash(&s->secret, m->attacks.list[i].victim);
}

static int by_sketch(const void *a, const void *b)
{
    const struct ds_gen_member *x = a, *y = b;
    if (x->sketch != y->sketch)
        return x->sketch < y->sketch ? -1 : 1;
    return x->party < y->party ? -1 : x->party > y->party;
}

static int list_members(struct ds_gen_maker *m)
{
    struct ds_gen_sketcher *s = &m->sketcher;
    s->members = calloc(m->model->party_count * NUMBERS_MAX, sizeof *s->members);
    if (!s->members)
        return -1;
    for (uint32_t i = 0; i < m->model->party_count; i++) {
        unsigned numbers[NUMBERS_MAX], confirmed;
        unsigned count = sketches_of(m, &m->model->parties[i], numbers, &confirmed);
        for (unsigned k = 0; k < count + confirmed; k++)
            s->members[s->member_count++] = (struct ds_gen_member){numbers[k], i, k >= count};
    }
    qsort(s->members, s->member_count, sizeof *s->members, by_sketch);
    for (size_t i = 0; i < s->member_count; i++)
        s->sketch_count += i == 0 || s->members[i].sketch != s->members[i - 1].sketch;
    s->sketch_count += ds_gen_place_count + 3 + 1; /* those that only victims are in; addresses */
    return 0;
}

/* Contents of all sketches at their largest; what is not used takes no memory. */
static int make_room(struct ds_gen_sketcher *s, size_t ports)
{
    size_t registers = s->sketch_count << DS_SKETCH_FINE;
    registers += (size_t)2 * DS_SKETCH_PORTS_MAX << DS_SKETCH_COARSE;
    registers += 2 * DS_SKETCH_REGISTERS_MAX; /* addresses; and a list before its form is known */
    s->lists = malloc(registers * sizeof *s->lists);
    s->registers = malloc(registers);
    s->ports = malloc((ports + 1) * sizeof *s->ports);
    s->rows = calloc(s->sketch_count + 2 * DS_SKETCH_PORTS_MAX, sizeof *s->rows);
    return s->lists && s->registers && s->ports && s->rows ? 0 : -1;
}

int ds_gen_maker_sketches_init(struct ds_gen_maker *m, size_t cells)
{
    struct ds_gen_sketcher *s = &m->sketcher;
    uint8_t bytes[DS_SKETCH_SECRET_BYTES];
    uint64_t secret[2] = {ds_gen_mix(m->model->plan->seed ^ 0x736b31),
                          ds_gen_mix(m->model->plan->seed ^ 0x736b32)};
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(secret[i / 8] >> i % 8 * 8);
    s->secret = ds_sketch_secret(bytes, ds_gen_mix(secret[0]) | 1);
    s->hashes = calloc(m->model->hosts.slots + 1u, sizeof *s->hashes);
    s->victims = calloc(m->attacks.count, sizeof *s->victims);
    if (!s->hashes || !s->victims || list_members(m) < 0 || make_room(s, cells) < 0)
        return -1;
    m->window.sketches =
        (struct ds_sketches){.known = true, .secret_id = s->secret.id, .rows = s->rows};
    return 0;
}

void ds_gen_maker_sketches_finish(struct ds_gen_maker *m)
{
    struct ds_gen_sketcher *s = &m->sketcher;
    free(s->hashes);
    free(s->victims);
    free(s->members);
    free(s->ports);
    free(s->lists);
    free(s->registers);
    free(s->rows);
    m->window.sketches = (struct ds_sketches){0}; /* its contents were ours */
}
