/* SPDX-License-Identifier: Apache-2.0
 *
 * All registers lie open while sources are hashed into them, each sketch's from its first source
 * on; then they are packed. Sources are hashed once for all that their record tells of them, and
 * once more for each of their ports that is among those with most sources.
 */
#include "sketches.h"

#include "signatures.h"

#include <stdlib.h>
#include <string.h>

/* ---- registers ---- */

/* Sketches of one precision by number. */
struct bank {
    unsigned precision;
    bool no_memory;
    size_t count;
    uint8_t **registers; /* NULL: no source yet */
};

static int bank_init(struct bank *b, unsigned precision, size_t count)
{
    *b = (struct bank){.precision = precision, .count = count};
    b->registers = calloc(count + 1, sizeof *b->registers);
    return b->registers ? 0 : -1;
}

static void bank_finish(struct bank *b)
{
    for (size_t i = 0; b->registers && i < b->count; i++)
        free(b->registers[i]);
    free(b->registers);
    *b = (struct bank){0};
}

static inline void bank_add(struct bank *b, size_t i, uint64_t hash)
{
    if (__builtin_expect(!b->registers[i], 0)) {
        b->registers[i] = calloc(UINT64_C(1) << b->precision, 1);
        b->no_memory |= !b->registers[i];
        if (!b->registers[i])
            return;
    }
    uint8_t *at = &b->registers[i][ds_sketch_register(hash, b->precision)];
    uint8_t rank = ds_sketch_rank(hash, b->precision);
    *at = *at > rank ? *at : rank;
}

/* ---- what a source's record tells ---- */

/* The numbers of its sketches: first those that are few, as bits of one number, then by country. */
enum {
    CLASSES = 0,
    PROTOCOLS = CLASSES + DS_CLASS_COUNT,
    PROTOCOL_COUNT = 4,
    PROTOCOLS_SURVEY = PROTOCOLS + PROTOCOL_COUNT,
    SEEN = PROTOCOLS_SURVEY + PROTOCOL_COUNT,
    CONFIRMED = SEEN + DS_SIGNATURE_COUNT,
    DEVICES = CONFIRMED + DS_SIGNATURE_COUNT,
    FLAGS = DEVICES + DS_DEVICE_COUNT,
    COUNTRIES = FLAGS,
    COUNTRIES_SURVEY = COUNTRIES + DS_GEO_COUNT,
    INFECTED = COUNTRIES_SURVEY + DS_GEO_COUNT,
    INFECTED_CONFIRMED = INFECTED + DS_GEO_COUNT,
    MALWARE = INFECTED_CONFIRMED + DS_GEO_COUNT, /* by signature, then country */
    SKETCHES = MALWARE + DS_SIGNATURE_COUNT * DS_GEO_COUNT,
};
_Static_assert(FLAGS <= 64, "a bit each");
_Static_assert(DS_SOURCE_PROTOCOL_SHIFT == DS_CLASS_COUNT, "protocols behind classes in a record");

static const uint8_t protocols[PROTOCOL_COUNT] = {DS_PROTO_TCP, DS_PROTO_UDP, DS_PROTO_ICMP,
                                                  DS_PROTO_ICMP6};

/* Hashes of sources, for asking whether one is there. */
struct hash_set {
    uint64_t *slots; /* 0 is free */
    size_t mask, used;
};

struct sketching {
    const struct ds_sketch_secret *secret;
    uint32_t malware; /* signatures */
    struct bank sources;
    struct hash_set survey;
    struct ds_sketch_row *rows;
    size_t row_count, row_room;
};

static uint32_t find_malware(void)
{
    uint32_t malware = 0;
    for (unsigned i = 0; i < DS_SIGNATURE_COUNT; i++)
        if (ds_signature_builtin(i)->category == DS_CATEGORY_MALWARE)
            malware |= UINT32_C(1) << i;
    return malware;
}

/* key: a source's, or a pair's or rule's above its shift. */
static uint64_t hash_source(const struct ds_sketch_secret *secret, uint64_t source, bool is_ip6)
{
    return ds_sketch_hash(secret, (source & DS_SKETCH_IP6_MASK) | (is_ip6 ? DS_SKETCH_IP6 : 0));
}
_Static_assert(DS_COUNT_PAIR_SOURCE == DS_SKETCH_IP6_MASK && DS_RULE_SOURCE == DS_SKETCH_IP6_MASK,
               "all keep as much of an IPv6 source");

/* Slots for so many at most. */
static int hash_set_init(struct hash_set *h, size_t most)
{
    size_t slots = 16;
    while (slots < 2 * most)
        slots *= 2;
    *h = (struct hash_set){.slots = calloc(slots, sizeof *h->slots), .mask = slots - 1};
    return h->slots ? 0 : -1;
}

static void hash_set_add(struct hash_set *h, uint64_t hash)
{
    size_t at = hash & h->mask;
    while (h->slots[at] && h->slots[at] != hash)
        at = (at + 1) & h->mask;
    h->slots[at] = hash;
    h->used++;
}

static bool hash_set_has(const struct hash_set *h, uint64_t hash)
{
    size_t at = hash & h->mask;
    while (h->slots[at] && h->slots[at] != hash)
        at = (at + 1) & h->mask;
    return h->slots[at] != 0;
}

static void add_malware(struct sketching *k, const struct ds_source *s, uint64_t hash)
{
    uint32_t seen = s->seen & k->malware;
    if (seen)
        bank_add(&k->sources, INFECTED + s->country, hash);
    for (; seen; seen &= seen - 1)
        bank_add(&k->sources, MALWARE + (size_t)__builtin_ctz(seen) * DS_GEO_COUNT + s->country,
                 hash);
}

static void add_source(struct sketching *k, const struct ds_source *s)
{
    uint64_t hash = hash_source(k->secret, s->key, s->key & DS_COUNT_KEY_IP6);
    bool is_survey = s->classes & DS_SOURCE_SURVEY;
    uint64_t kinds = s->classes & ~DS_SOURCE_SURVEY;
    if (is_survey) {
        hash_set_add(&k->survey, hash);
        kinds |= kinds >> PROTOCOLS << PROTOCOLS_SURVEY;
        bank_add(&k->sources, COUNTRIES_SURVEY + s->country, hash);
    }
    kinds |= (uint64_t)s->seen << SEEN | (uint64_t)s->confirmed << CONFIRMED |
             UINT64_C(1) << DEVICES << ds_count_device(s);
    for (; kinds; kinds &= kinds - 1)
        bank_add(&k->sources, (size_t)__builtin_ctzll(kinds), hash);
    bank_add(&k->sources, COUNTRIES + s->country, hash);
    add_malware(k, s, hash);
    if (s->confirmed & k->malware)
        bank_add(&k->sources, INFECTED_CONFIRMED + s->country, hash);
}

static size_t count_survey(struct ds_set *const *sets, unsigned workers)
{
    size_t count = 0;
    for (unsigned i = 0; i < workers; i++) {
        struct ds_table_walk walk = {0};
        for (const struct ds_source *s; (s = ds_table_next(&sets[i]->counts.sources, &walk));)
            count += s->classes >> DS_SOURCE_SURVEY_SHIFT;
    }
    return count;
}

static struct ds_sketch_key key_of_malware(size_t number)
{
    struct ds_sketch_key key = {.kind = DS_SKETCH_MALWARE,
                                .country = ds_geo_country((uint16_t)(number % DS_GEO_COUNT))};
    strcpy(key.signature, ds_signature_name((unsigned)(number / DS_GEO_COUNT)));
    return key;
}

static struct ds_sketch_key key_of(size_t number)
{
    if (number < PROTOCOLS)
        return (struct ds_sketch_key){.kind = DS_SKETCH_CLASS, .cls = (uint8_t)number};
    if (number < PROTOCOLS_SURVEY)
        return (struct ds_sketch_key){.kind = DS_SKETCH_PROTOCOL,
                                      .proto = protocols[number - PROTOCOLS]};
    if (number < SEEN)
        return (struct ds_sketch_key){.kind = DS_SKETCH_PROTOCOL_SURVEY,
                                      .proto = protocols[number - PROTOCOLS_SURVEY]};
    if (number < DEVICES) {
        bool confirmed = number >= CONFIRMED;
        struct ds_sketch_key key = {.kind = confirmed ? DS_SKETCH_SIGNATURE_CONFIRMED
                                                      : DS_SKETCH_SIGNATURE};
        strcpy(key.signature,
               ds_signature_name((unsigned)(number - (confirmed ? CONFIRMED : SEEN))));
        return key;
    }
    if (number < FLAGS)
        return (struct ds_sketch_key){.kind = DS_SKETCH_DEVICE,
                                      .device = (uint8_t)(number - DEVICES)};
    if (number >= MALWARE)
        return key_of_malware(number - MALWARE);
    static const uint8_t kinds[] = {DS_SKETCH_COUNTRY, DS_SKETCH_COUNTRY_SURVEY, DS_SKETCH_INFECTED,
                                    DS_SKETCH_INFECTED_CONFIRMED};
    size_t place = number - COUNTRIES;
    return (struct ds_sketch_key){.kind = kinds[place / DS_GEO_COUNT],
                                  .country = ds_geo_country((uint16_t)(place % DS_GEO_COUNT))};
}

/* ---- rows ---- */

static struct ds_sketch_row *new_row(struct sketching *k, const struct ds_sketch_key *key)
{
    if (k->row_count == k->row_room) {
        size_t room = k->row_room ? 2 * k->row_room : 1024;
        struct ds_sketch_row *rows = realloc(k->rows, room * sizeof *rows);
        if (!rows)
            return NULL;
        k->rows = rows;
        k->row_room = room;
    }
    struct ds_sketch_row *row = &k->rows[k->row_count++];
    *row = (struct ds_sketch_row){.key = *key};
    return row;
}

/* Packs a bank's sketch. */
static int take(struct sketching *k, struct bank *from, size_t i, const struct ds_sketch_key *key)
{
    if (!from->registers[i])
        return 0;
    struct ds_sketch_row *row = new_row(k, key);
    if (!row || ds_sketch_from_registers(&row->sketch, from->precision, from->registers[i]))
        return -1;
    free(from->registers[i]);
    from->registers[i] = NULL;
    return 0;
}

static int sketch_sources(struct sketching *k, struct ds_set *const *sets, unsigned workers)
{
    if (hash_set_init(&k->survey, count_survey(sets, workers)) ||
        bank_init(&k->sources, DS_SKETCH_FINE, SKETCHES))
        return -1;
    for (unsigned i = 0; i < workers; i++) {
        struct ds_table_walk walk = {0};
        for (const struct ds_source *s; (s = ds_table_next(&sets[i]->counts.sources, &walk));)
            add_source(k, s);
    }
    for (size_t i = 0; i < SKETCHES; i++) {
        const struct ds_sketch_key key = key_of(i);
        if (take(k, &k->sources, i, &key))
            return -1;
    }
    return k->sources.no_memory ? -1 : 0;
}

/* ---- signatures of files ---- */

/* Workers may have different files, where those changed as the window began. */
static int sketch_rules(struct sketching *k, const struct ds_rule_counts *c)
{
    const struct ds_rules *rules = atomic_load(&c->rules);
    struct bank bank;
    if (!rules)
        return 0;
    if (bank_init(&bank, DS_SKETCH_FINE, 2 * rules->count))
        return -1;
    struct ds_table_walk walk = {0};
    for (const struct ds_rule_source *s; (s = ds_table_next(&c->sources, &walk));) {
        uint64_t hash = hash_source(k->secret, s->key >> DS_RULE_BITS, s->key & DS_RULE_SOURCE_IP6);
        size_t place = s->key & ((UINT64_C(1) << DS_RULE_BITS) - 1);
        bank_add(&bank, place, hash);
        if (s->packets > 1)
            bank_add(&bank, rules->count + place, hash);
    }
    int failed = bank.no_memory;
    for (size_t i = 0; i < bank.count && !failed; i++) {
        struct ds_sketch_key key = {.kind = i < rules->count ? DS_SKETCH_SIGNATURE
                                                             : DS_SKETCH_SIGNATURE_CONFIRMED};
        strcpy(key.signature, rules->rules[i % rules->count].id);
        failed = take(k, &bank, i, &key);
    }
    bank_finish(&bank);
    return failed ? -1 : 0;
}

/* ---- ports ---- */

/* Ports by their sources, and how many have so many: no port has more than a part of all pairs, so
 * the ports of the last place are always among those with most. */
#define CENSUS 65536
_Static_assert(DS_COUNT_PAIRS_MAX / CENSUS < DS_SKETCH_PORTS_MAX, "they fit");

struct port {
    uint32_t service; /* as in a pair */
    uint64_t sources;
};

/* The ports that get a sketch, by place and by service. */
#define PLACES (4 * DS_SKETCH_PORTS_MAX)
struct chosen {
    struct port ports[DS_SKETCH_PORTS_MAX];
    size_t count;
    uint64_t floor; /* most sources of another one */
    struct {
        uint32_t service; /* + 1 */
        uint32_t number;
    } places[PLACES];
};

static uint32_t service_of(const struct ds_cell *c)
{
    return (uint32_t)c->cls << 24 | (uint32_t)c->proto << 16 | c->port;
}

/* The next port of the window, whose cells stand together. */
static bool next_port(const struct ds_window *w, size_t *at, struct port *out)
{
    if (*at == w->cell_count)
        return false;
    *out = (struct port){.service = service_of(&w->cells[*at])};
    for (; *at < w->cell_count && service_of(&w->cells[*at]) == out->service; ++*at)
        out->sources += w->cells[*at].sources;
    return true;
}

static size_t place_in_census(uint64_t sources)
{
    return sources < CENSUS ? sources : CENSUS - 1;
}

static size_t place_for(const struct chosen *c, uint32_t service)
{
    size_t at = (service * UINT32_C(0x9e3779b1)) >> 20 & (PLACES - 1);
    while (c->places[at].service && c->places[at].service != service + 1)
        at = (at + 1) & (PLACES - 1);
    return at;
}

static void choose_port(struct chosen *c, const struct port *p)
{
    size_t at = place_for(c, p->service);
    c->places[at].service = p->service + 1;
    c->places[at].number = (uint32_t)c->count;
    c->ports[c->count++] = *p;
}

/* Those above the threshold, and of those at it the first ones that fit. */
static void choose_by(const struct ds_window *w, size_t threshold, size_t at_threshold,
                      struct chosen *c)
{
    struct port p;
    for (size_t at = 0; next_port(w, &at, &p);) {
        size_t place = place_in_census(p.sources);
        bool fits = place > threshold || (place == threshold && at_threshold > 0);
        at_threshold -= fits && place == threshold;
        if (fits && p.sources > 0)
            choose_port(c, &p);
        else if (p.sources > c->floor)
            c->floor = p.sources;
    }
}

static int choose_ports(const struct ds_window *w, struct chosen *c)
{
    uint32_t *census = calloc(CENSUS, sizeof *census);
    if (!census)
        return -1;
    struct port p;
    for (size_t at = 0; next_port(w, &at, &p);)
        census[place_in_census(p.sources)]++;
    size_t above = 0, threshold = CENSUS - 1;
    while (threshold > 0 && above + census[threshold] <= DS_SKETCH_PORTS_MAX)
        above += census[threshold--];
    free(census);
    choose_by(w, threshold, DS_SKETCH_PORTS_MAX - above, c);
    return 0;
}

/* Of the ports' bank, survey scanners' come second. */
static void add_pairs(const struct sketching *k, const struct ds_counts *counts,
                      const struct chosen *c, struct bank *bank)
{
    struct ds_table_walk walk = {0};
    for (const struct ds_pair *pair; (pair = ds_table_next(&counts->pairs, &walk));) {
        size_t place = place_for(c, (uint32_t)pair->key & DS_COUNT_SERVICE);
        if (!c->places[place].service || !(pair->key & DS_COUNT_KEY_SET))
            continue; /* DS_COUNT_PAIR_KNOWN has no such bit */
        size_t number = c->places[place].number;
        uint64_t hash = hash_source(k->secret, pair->key >> DS_COUNT_PAIR_SOURCE_SHIFT,
                                    pair->key & DS_COUNT_KEY_IP6);
        bank_add(bank, number, hash);
        if (k->survey.used && hash_set_has(&k->survey, hash))
            bank_add(bank, c->count + number, hash);
    }
}

static int take_ports(struct sketching *k, const struct chosen *c, struct bank *bank)
{
    for (size_t i = 0; i < bank->count; i++) {
        uint32_t service = c->ports[i % c->count].service;
        const struct ds_sketch_key key = {.kind =
                                              i < c->count ? DS_SKETCH_PORT : DS_SKETCH_PORT_SURVEY,
                                          .cls = (uint8_t)(service >> 24),
                                          .proto = (uint8_t)(service >> 16),
                                          .port = (uint16_t)service};
        if (take(k, bank, i, &key))
            return -1;
    }
    return 0;
}

static int sketch_ports(struct sketching *k, struct ds_set *const *sets, unsigned workers,
                        struct ds_window *w)
{
    struct chosen *c = calloc(1, sizeof *c);
    struct bank bank = {0};
    int failed = !c || choose_ports(w, c) || bank_init(&bank, DS_SKETCH_COARSE, 2 * c->count);
    for (unsigned i = 0; i < workers && !failed; i++)
        add_pairs(k, &sets[i]->counts, c, &bank);
    failed = failed || bank.no_memory || take_ports(k, c, &bank);
    if (!failed)
        w->sketches.port_floor = c->floor;
    bank_finish(&bank);
    free(c);
    return failed ? -1 : 0;
}

/* ---- all together ---- */

static int by_key(const void *left, const void *right)
{
    const struct ds_sketch_row *a = left, *b = right;
    return ds_sketch_key_compare(&a->key, &b->key);
}

/* Is it of a signature that found no place in the window? */
static bool is_unlisted(const struct ds_window *w, const struct ds_sketch_key *key)
{
    for (size_t i = 0; key->signature[0] && i < w->signature_count; i++)
        if (strcmp(w->signatures[i].id, key->signature) == 0)
            return false;
    return key->signature[0];
}

/* Sorts the rows, and unites those that several workers have. */
static int list(struct sketching *k, struct ds_window *w)
{
    size_t kept = 0;
    int failed = 0;
    if (k->row_count) /* else there may be no memory for them, which qsort must not see */
        qsort(k->rows, k->row_count, sizeof *k->rows, by_key);
    for (size_t i = 0; i < k->row_count; i++) {
        struct ds_sketch_row *row = &k->rows[i];
        bool again = kept && by_key(&k->rows[kept - 1], row) == 0;
        if (again)
            failed |= ds_sketch_merge(&k->rows[kept - 1].sketch, &row->sketch);
        if (again || is_unlisted(w, &row->key))
            ds_sketch_finish(&row->sketch);
        else
            k->rows[kept++] = *row;
    }
    k->row_count = kept;
    return failed;
}

int ds_sketches_gather(const struct ds_sketch_secret *secret, struct ds_set *const *sets,
                       unsigned workers, struct ds_window *out)
{
    struct sketching k = {.secret = secret, .malware = find_malware()};
    int failed = sketch_sources(&k, sets, workers) || sketch_ports(&k, sets, workers, out);
    for (unsigned i = 0; i < workers && !failed; i++)
        failed = sketch_rules(&k, &sets[i]->counts.rules);
    failed = failed || list(&k, out);
    bank_finish(&k.sources);
    free(k.survey.slots);
    out->sketches.rows = k.rows;
    out->sketches.count = k.row_count;
    out->sketches.secret_id = secret->id;
    out->sketches.known = !failed;
    return failed ? -1 : 0;
}

struct ds_hash_key ds_sketches_hash_key(const struct ds_sketch_secret *secret)
{
    /* No source has these numbers. */
    return (struct ds_hash_key){.add = ds_sketch_hash(secret, UINT64_MAX),
                                .multiply = ds_sketch_hash(secret, UINT64_MAX - 1) | 1};
}
