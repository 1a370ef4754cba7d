/* SPDX-License-Identifier: Apache-2.0 */
#include "attacks.h"

#include "countries.h"

#include <stdlib.h>
#include <string.h>

#define PACKETS_EACH 20000.0
#define COUNT_MIN    3
#define COUNT_MAX    2000
#define SHORTEST_S   120
#define PLACES       40

int ds_gen_attacks_init(struct ds_gen_attacks *a, struct ds_gen_model *model)
{
    double each = model->day_packets * DS_GEN_ATTACKS_SHARE / model->shares / PACKETS_EACH;
    *a = (struct ds_gen_attacks){.model = model, .day = -1};
    a->count = each < COUNT_MIN ? COUNT_MIN : each > COUNT_MAX ? COUNT_MAX : (uint32_t)each;
    a->first_host =
        ds_gen_hosts_reserve(&model->hosts, a->count * (uint64_t)ds_gen_plan_days(model->plan));
    a->list = calloc(a->count, sizeof *a->list);
    a->by_victim = calloc(a->count, sizeof *a->by_victim);
    a->sights = calloc((size_t)a->count * model->plan->sensors, sizeof *a->sights);
    return a->list && a->by_victim && a->sights ? 0 : -1;
}

void ds_gen_attacks_finish(struct ds_gen_attacks *a)
{
    free(a->list);
    free(a->by_victim);
    free(a->sights);
    *a = (struct ds_gen_attacks){0};
}

static struct ds_gen_attack draw_attack(const struct ds_gen_model *m, int64_t day, uint64_t bits)
{
    static const uint16_t ports[] = {80, 443, 80, 443, 53, 22, 25565, 8080, 3306, 25, 21, 30120};
    struct ds_gen_attack a = {.place = (uint16_t)((bits >> 8) % PLACES * (bits >> 40 & 0xff) >> 8)};
    const char *code = ds_gen_places[a.place].code;
    uint16_t port = ports[(bits >> 16) % (sizeof ports / sizeof ports[0])];
    double stay = m->draw.quantiles[bits >> 24 & 0xff];
    bool is_reset = bits % 4 == 0;
    a.country = DS_COUNTRY(code[0], code[1]);
    a.key = (uint64_t)DS_CLASS_BACKSCATTER << 40 | (uint64_t)DS_PROTO_TCP << 32 |
            (uint64_t)port << 16 | a.country;
    a.type = is_reset ? DS_TYPE_TCP_RST : DS_TYPE_TCP_SYNACK;
    a.bytes = is_reset ? 40 : 44;
    int64_t end_s = (day + 1) * DS_GEN_DAY_S - m->plan->utc_offset_s;
    a.start_s =
        end_s - DS_GEN_DAY_S + (int64_t)((bits >> 32) % (uint64_t)(DS_GEN_DAY_S - SHORTEST_S));
    a.end_s = a.start_s + SHORTEST_S + (int64_t)(3600 * stay * stay);
    a.end_s = a.end_s > end_s ? end_s : a.end_s;
    return a;
}

static int by_key(const void *a, const void *b)
{
    const struct ds_gen_attack *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->victim < y->victim ? -1 : x->victim > y->victim;
}

static void sort_by_victim(struct ds_gen_attacks *a)
{
    for (uint32_t i = 0; i < a->count; i++) {
        uint32_t at = i;
        for (; at > 0 && a->list[a->by_victim[at - 1]].victim > a->list[i].victim; at--)
            a->by_victim[at] = a->by_victim[at - 1];
        a->by_victim[at] = i;
    }
}

/* The attacks of a day share the day's packets, a few of them most. */
static void begin_day(struct ds_gen_attacks *a, int64_t day)
{
    const struct ds_gen_model *m = a->model;
    uint64_t base = ds_gen_mix(m->plan->seed ^ (uint64_t)day * 0x617474636b);
    int64_t of_run = day - ds_gen_plan_day(m->plan, m->plan->start_s);
    double sum = 0;
    for (uint32_t i = 0; i < a->count; i++) {
        uint64_t bits = ds_gen_bits(base, i);
        a->list[i] = draw_attack(m, day, bits);
        uint64_t host = a->first_host + (uint64_t)of_run * a->count + i;
        a->list[i].victim = ds_gen_host_address(&m->hosts, (uint32_t)host);
        double size = m->draw.quantiles[bits >> 56];
        a->list[i].rate = size * size * size;
        sum += a->list[i].rate;
    }
    double packets = m->day_packets * DS_GEN_ATTACKS_SHARE / m->shares;
    for (uint32_t i = 0; i < a->count; i++)
        a->list[i].rate *= packets / sum / (double)(a->list[i].end_s - a->list[i].start_s);
    qsort(a->list, a->count, sizeof *a->list, by_key);
    sort_by_victim(a);
    memset(a->sights, 0, (size_t)a->count * m->plan->sensors * sizeof *a->sights);
    a->day = day;
}

/* Adds a stretch of time in which packets came; a window without any ends the attack. */
static void see(struct ds_gen_sight *s, const struct ds_gen_attack *a, int64_t from_ms,
                int64_t to_ms, uint32_t packets)
{
    s->now = packets;
    s->now_bytes = (uint64_t)packets * a->bytes;
    if (packets == 0) {
        *s = (struct ds_gen_sight){0};
        return;
    }
    if (s->packets == 0)
        s->start_ms = from_ms;
    s->last_ms = to_ms - 1;
    s->packets += packets;
    s->bytes += s->now_bytes;
    uint64_t minutes = (uint64_t)(to_ms - from_ms + 59999) / 60000;
    uint64_t ppm = (packets + minutes - 1) / minutes;
    s->most_ppm = ppm > s->most_ppm ? ppm : s->most_ppm;
}

struct ds_gen_sight *ds_gen_attacks_see(struct ds_gen_attacks *a, const struct ds_gen_pace *pace,
                                        const struct ds_gen_piece *piece)
{
    const struct ds_gen_model *m = a->model;
    int64_t day = ds_gen_plan_day(m->plan, piece->start_s);
    if (day != a->day)
        begin_day(a, day);
    struct ds_gen_sight *sights = a->sights + (size_t)piece->sensor * a->count;
    uint64_t base = ds_gen_mix(ds_gen_piece_key(m->plan, piece) + 1);
    double part = ds_gen_pace_packets(pace, day) * ds_gen_rhythm_of_sensor(m, piece->sensor);
    for (uint32_t i = 0; i < a->count; i++) {
        const struct ds_gen_attack *attack = &a->list[i];
        int64_t from = attack->start_s * 1000, to = attack->end_s * 1000;
        int64_t begin = piece->start_s * 1000 + piece->from_ms;
        int64_t end = piece->start_s * 1000 + piece->to_ms;
        from = from < begin ? begin : from;
        to = to > end ? end : to;
        double packets = to > from ? attack->rate * part * (double)(to - from) / 1000 : 0;
        see(&sights[i], attack, from, to,
            packets > 0 ? ds_gen_draw(&m->draw, packets, sqrt(packets), ds_gen_bits(base, i)) : 0);
    }
    return sights;
}

static bool is_told(const struct ds_gen_sight *s)
{
    return s->now > 0 && s->packets >= DS_GEN_ATTACK_PACKETS &&
           s->last_ms - s->start_ms >= DS_GEN_ATTACK_MS && s->most_ppm >= DS_GEN_ATTACK_PPM;
}

size_t ds_gen_attacks_tell(const struct ds_gen_attacks *a, const struct ds_gen_sight *sights,
                           uint32_t addresses, struct ds_attack *out)
{
    size_t told = 0;
    for (uint32_t i = 0; i < a->count; i++) {
        const struct ds_gen_attack *attack = &a->list[a->by_victim[i]];
        const struct ds_gen_sight *s = &sights[a->by_victim[i]];
        if (!is_told(s))
            continue;
        out[told++] = (struct ds_attack){
            .victim = attack->victim,
            .proto = DS_PROTO_TCP,
            .country = attack->country,
            .port = (uint16_t)(attack->key >> 16),
            .ports = 1,
            .attack_ports = s->now < 60000 ? s->now : 60000,
            .addresses = s->now < addresses ? s->now : addresses,
            .window_packets = s->now,
            .window_bytes = s->now_bytes,
            .start_ms = s->start_ms,
            .last_ms = s->last_ms,
            .packets = s->packets,
            .bytes = s->bytes,
            .max_ppm = s->most_ppm,
        };
    }
    return told;
}
