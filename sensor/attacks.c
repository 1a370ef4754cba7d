/* SPDX-License-Identifier: Apache-2.0 */
#include "attacks.h"

#include "geo.h"
#include "sort.h"

#include <stdlib.h>

#define MS_PER_S 1000
#define NONE     UINT32_MAX

/* A victim in this window, united over workers. */
struct found {
    uint64_t key; /* ds_victim_key */
    uint64_t bytes, packets, mismatches;
    uint64_t port_packets; /* of the port that most packets name */
    size_t first_step;     /* in the window's list */
    uint32_t step_count;
    uint32_t first_ms, last_ms;
    uint32_t ports, attack_ports, addresses;
    uint16_t port, country;
};

/* What is to be sorted; behind it room to sort with. */
struct list {
    struct ds_sort_item *items; /* and room for as many, to sort them */
    size_t count, room;
};

/* A window that is being closed. */
struct window {
    const struct ds_victims *victims;
    int64_t start_ms, end_ms, origin_ms;
    int64_t silence_ms;
    struct found *found; /* by victim and protocol */
    size_t found_count;
    uint32_t *places;  /* in found, by ds_victim.id */
    struct list steps; /* packets by place and step */
    uint64_t overflow;
};

void ds_attacks_finish(struct ds_attacks *a)
{
    free(a->vectors);
    *a = (struct ds_attacks){0};
}

/* ---- lists ---- */

static int make_list(struct list *l, size_t room)
{
    *l = (struct list){.items = malloc((2 * room + 1) * sizeof *l->items), .room = room};
    return l->items ? 0 : -1;
}

static void add_to_list(struct list *l, uint64_t key, uint64_t value)
{
    l->items[l->count++] = (struct ds_sort_item){key, value};
}

/* Keys may be twice as long as one sort takes. */
static void sort_list(struct list *l)
{
    for (unsigned bit = 0; bit <= DS_SORT_BITS; bit += DS_SORT_BITS)
        ds_sort(l->items, l->items + l->room, l->count, bit);
}

/* ---- what the window found ---- */

/* A step's key: place, step since the origin. A window's milliseconds have 32 bits. */
#define STEP_BITS 19

/* Of ports with equally many packets the lowest, so that the order they come in does not matter. */
static void count_port(struct found *f, uint16_t port, uint64_t packets)
{
    f->ports++;
    if (packets > f->port_packets || (packets == f->port_packets && port < f->port)) {
        f->port = port;
        f->port_packets = packets;
    }
}

static void count_part(struct window *w, const struct ds_victim_part *p)
{
    uint32_t place = w->places[ds_victim_part_id(p->key)], value = (uint32_t)p->key;
    struct found *f = &w->found[place];
    switch (ds_victim_part_kind(p->key)) {
    case DS_VICTIM_STEP:
        f->packets += p->packets;
        f->step_count++;
        add_to_list(&w->steps, (uint64_t)place << STEP_BITS | value, p->packets);
        break;
    case DS_VICTIM_PORT:
        count_port(f, (uint16_t)value, p->packets);
        break;
    case DS_VICTIM_ATTACK_PORT:
        f->attack_ports++;
        break;
    case DS_VICTIM_ADDRESS:
        f->addresses++;
        break;
    case DS_VICTIM_MISMATCH:
        f->mismatches = p->packets;
        break;
    default:
        break;
    }
}

/* Tables are in the order of their hashes: what their entries lead to is fetched early. */
#define AHEAD 16

static struct found start_found(const struct ds_victim *v)
{
    return (struct found){.key = v->key,
                          .bytes = v->bytes,
                          .first_ms = v->first_ms,
                          .last_ms = v->last_ms,
                          .country = v->country};
}

static int collect_victims(struct window *w)
{
    const struct ds_table *t = &w->victims->victims;
    const struct ds_victim *victims = (const struct ds_victim *)(const void *)t->entries;
    struct list order;
    if (make_list(&order, t->used))
        return -1;
    for (size_t i = 0; i <= t->mask; i++)
        if (victims[i].key)
            add_to_list(&order, victims[i].key & ~DS_VICTIM_KEY_SET, i);
    sort_list(&order);
    for (size_t place = 0; place < order.count; place++) {
        size_t later = place + AHEAD < order.count ? place + AHEAD : place;
        __builtin_prefetch(&victims[order.items[later].value]);
        const struct ds_victim *v = &victims[order.items[place].value];
        w->places[v->id] = (uint32_t)place;
        w->found[place] = start_found(v);
    }
    w->found_count = order.count;
    free(order.items);
    return 0;
}

static void collect_parts(struct window *w)
{
    const struct ds_table *t = &w->victims->parts;
    const struct ds_victim_part *parts = (const struct ds_victim_part *)(const void *)t->entries;
    size_t first = 0;
    for (size_t i = 0; i <= t->mask; i++) {
        uint64_t later = parts[(i + AHEAD) & t->mask].key;
        if (later)
            __builtin_prefetch(&w->found[w->places[ds_victim_part_id(later)]], 1);
        if (parts[i].key)
            count_part(w, &parts[i]);
    }
    sort_list(&w->steps);
    for (size_t place = 0; place < w->found_count; place++) {
        w->found[place].first_step = first;
        first += w->found[place].step_count;
    }
}

static void free_window(struct window *w)
{
    free(w->found);
    free(w->places);
    free(w->steps.items);
}

static size_t count_steps(const struct ds_victims *victims)
{
    size_t count = 0;
    struct ds_table_walk walk = {0};
    for (const struct ds_victim_part *p; (p = ds_table_next(&victims->parts, &walk));)
        count += ds_victim_part_kind(p->key) == DS_VICTIM_STEP;
    return count;
}

static int open_window(const struct ds_victims *victims, const struct ds_epoch *epoch,
                       struct window *w)
{
    size_t count = victims->victims.used;
    int64_t silence_s = epoch->seconds > DS_ATTACK_SILENCE_S ? epoch->seconds : DS_ATTACK_SILENCE_S;
    *w = (struct window){
        .victims = victims,
        .start_ms = epoch->start_s * MS_PER_S,
        .end_ms = (epoch->start_s + epoch->seconds) * MS_PER_S,
        .origin_ms = epoch->origin_s * MS_PER_S,
        .silence_ms = silence_s * MS_PER_S,
        .found = malloc((count + 1) * sizeof *w->found),
        .places = malloc((count + 1) * sizeof *w->places),
        .overflow = victims->overflow,
    };
    if (!w->found || !w->places || make_list(&w->steps, count_steps(victims)) ||
        collect_victims(w)) {
        free_window(w);
        return -1;
    }
    collect_parts(w);
    return 0;
}

/* ---- vectors ---- */

static unsigned place_of(int64_t step)
{
    int64_t rest = step % DS_ATTACK_RATE_STEPS;
    return (unsigned)(rest < 0 ? rest + DS_ATTACK_RATE_STEPS : rest);
}

/* Steps without a packet lie between the last one and this. */
static void move_to_step(struct ds_vector *v, int64_t step)
{
    int64_t passed = step - v->step;
    for (int64_t i = 1; i <= passed && i <= DS_ATTACK_RATE_STEPS; i++)
        v->recent[place_of(v->step + i)] = 0;
    v->step = step;
}

static void add_step(struct ds_vector *v, int64_t step, uint64_t packets)
{
    move_to_step(v, step);
    uint32_t *recent = &v->recent[place_of(step)];
    *recent = packets < UINT32_MAX - *recent ? *recent + (uint32_t)packets : UINT32_MAX;
    uint64_t rate = 0;
    for (unsigned i = 0; i < DS_ATTACK_RATE_STEPS; i++)
        rate += v->recent[i];
    v->max_ppm = rate > v->max_ppm ? rate : v->max_ppm;
}

static void add_found(struct ds_vector *v, const struct window *w, const struct found *f)
{
    for (size_t i = f->first_step; i < f->first_step + f->step_count; i++) {
        const struct ds_sort_item *item = &w->steps.items[i];
        int64_t step = (int64_t)(item->key & ((1u << STEP_BITS) - 1));
        add_step(v, w->origin_ms / DS_VICTIM_STEP_MS + step, item->value);
    }
    v->last_ms = w->origin_ms + f->last_ms;
    v->packets += f->packets;
    v->bytes += f->bytes;
    /* Where several workers' tables are full some of a victim's steps find no room, and yet this.
     */
    v->mismatches += f->mismatches < f->packets ? f->mismatches : f->packets;
    v->found = (uint32_t)(f - w->found);
}

static struct ds_vector new_vector(const struct window *w, const struct found *f)
{
    return (struct ds_vector){
        .key = f->key,
        .start_ms = w->origin_ms + f->first_ms,
        .step = w->origin_ms / DS_VICTIM_STEP_MS - DS_ATTACK_RATE_STEPS,
        .country = f->country,
    };
}

static bool is_over(const struct ds_vector *v, const struct window *w, int64_t now_ms)
{
    return v->last_ms < now_ms - w->silence_ms;
}

/* Vectors on their way into the next window. */
struct kept {
    struct ds_vector *vectors;
    size_t count, room;
};

static void keep(struct kept *to, const struct ds_vector *v, struct window *w)
{
    if (is_over(v, w, w->end_ms))
        return;
    if (to->count == to->room)
        w->overflow += v->packets;
    else
        to->vectors[to->count++] = *v;
}

/* Both the vectors and what was found are sorted by victim and protocol. */
static void merge(const struct ds_attacks *a, struct window *w, struct kept *to)
{
    size_t i = 0, k = 0;
    while (i < a->count || k < w->found_count) {
        const struct found *f = k < w->found_count ? &w->found[k] : NULL;
        const struct ds_vector *old = i < a->count ? &a->vectors[i] : NULL;
        bool take_old = old && (!f || old->key <= f->key);
        bool take_found = f && (!old || f->key <= old->key);
        struct ds_vector v = {.key = 0};
        i += take_old;
        k += take_found;
        if (take_old && !is_over(old, w, w->start_ms))
            v = *old;
        v.found = NONE;
        if (take_found && f->packets) {
            if (!v.key)
                v = new_vector(w, f);
            add_found(&v, w, f);
        }
        if (v.key)
            keep(to, &v, w);
    }
}

static int advance(struct ds_attacks *a, struct window *w)
{
    if (w->start_ms < a->end_s * MS_PER_S)
        a->count = 0; /* another time has begun */
    size_t most = a->count + w->found_count;
    struct kept kept = {.room = most < DS_VECTORS_MAX ? most : DS_VECTORS_MAX};
    kept.vectors = malloc((kept.room + 1) * sizeof *kept.vectors);
    if (!kept.vectors)
        return -1;
    merge(a, w, &kept);
    free(a->vectors);
    a->vectors = kept.vectors;
    a->count = kept.count;
    a->end_s = w->end_ms / MS_PER_S;
    return 0;
}

/* ---- records ---- */

static bool is_attack(const struct ds_vector *v)
{
    return v->found != NONE && v->max_ppm >= DS_ATTACK_PPM_MIN &&
           v->packets >= DS_ATTACK_PACKETS_MIN &&
           v->last_ms - v->start_ms >= DS_ATTACK_SECONDS_MIN * MS_PER_S;
}

static struct ds_attack record(const struct ds_vector *v, const struct found *f)
{
    return (struct ds_attack){
        .victim = (uint32_t)(v->key >> 8),
        .proto = (uint8_t)v->key,
        .country = ds_geo_country(v->country),
        .port = f->port,
        .ports = f->ports,
        .attack_ports = f->attack_ports,
        .addresses = f->addresses,
        .window_packets = f->packets,
        .window_bytes = f->bytes,
        .start_ms = v->start_ms,
        .last_ms = v->last_ms,
        .packets = v->packets,
        .bytes = v->bytes,
        .mismatches = v->mismatches,
        .max_ppm = v->max_ppm,
    };
}

static int by_packets(const void *a, const void *b)
{
    const struct ds_attack *x = a, *y = b;
    if (x->window_packets != y->window_packets)
        return x->window_packets < y->window_packets ? 1 : -1;
    return (ds_attack_key(x) > ds_attack_key(y)) - (ds_attack_key(x) < ds_attack_key(y));
}

static int by_key(const void *a, const void *b)
{
    const struct ds_attack *x = a, *y = b;
    return (ds_attack_key(x) > ds_attack_key(y)) - (ds_attack_key(x) < ds_attack_key(y));
}

/* Those with most packets stay. */
static void cut(struct window *w, struct ds_window *out)
{
    if (out->attack_count <= DS_ATTACKS_MAX)
        return;
    qsort(out->attacks, out->attack_count, sizeof *out->attacks, by_packets);
    while (out->attack_count > DS_ATTACKS_MAX)
        w->overflow += out->attacks[--out->attack_count].window_packets;
    qsort(out->attacks, out->attack_count, sizeof *out->attacks, by_key);
}

static int list_attacks(const struct ds_attacks *a, struct window *w, struct ds_window *out)
{
    size_t count = 0;
    for (size_t i = 0; i < a->count; i++)
        count += is_attack(&a->vectors[i]);
    out->attacks = calloc(count + 1, sizeof *out->attacks);
    if (!out->attacks)
        return -1;
    for (size_t i = 0; i < a->count; i++)
        if (is_attack(&a->vectors[i]))
            out->attacks[out->attack_count++] =
                record(&a->vectors[i], &w->found[a->vectors[i].found]);
    cut(w, out);
    return 0;
}

int ds_attacks_close(struct ds_attacks *a, const struct ds_victims *victims,
                     const struct ds_epoch *epoch, struct ds_window *out)
{
    struct window w;
    if (open_window(victims, epoch, &w))
        return -1;
    int failed = advance(a, &w) || list_attacks(a, &w, out);
    out->attacks_known = true;
    out->overflow[DS_OVERFLOW_ATTACKS] += w.overflow;
    free_window(&w);
    return failed ? -1 : 0;
}
