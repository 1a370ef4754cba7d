/* SPDX-License-Identifier: Apache-2.0 */
#include "uniques.h"

#include <stdlib.h>
#include <string.h>

#define WORDS(bits) (((size_t)(bits) + 63) / 64)

/* Sets bits [first, first + count). */
static void set_bits(uint64_t *words, uint32_t first, uint32_t count)
{
    for (uint32_t end = first + count; first < end;) {
        uint32_t bit = first % 64, most = 64 - bit;
        uint32_t now = end - first < most ? end - first : most;
        words[first / 64] |= (now == 64 ? ~UINT64_C(0) : (UINT64_C(1) << now) - 1) << bit;
        first += now;
    }
}

/* Bits of an arc that goes round a party's slots. */
static void set_arc(uint64_t *words, const struct ds_gen_act *a, uint32_t start, uint32_t count)
{
    start %= a->slots;
    uint32_t left = a->slots - start;
    set_bits(words, a->first_slot + start, count < left ? count : left);
    if (count > left)
        set_bits(words, a->first_slot, count - left);
}

static uint64_t count_bits(const uint64_t *words, size_t count)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < count; i++)
        bits += (uint64_t)__builtin_popcountll(words[i]);
    return bits;
}

static bool has_bit(const uint64_t *words, uint32_t i)
{
    return words[i / 64] >> i % 64 & 1;
}

int ds_gen_uniques_init(struct ds_gen_uniques *u, const struct ds_gen_maker *maker)
{
    const struct ds_gen_model *model = maker->model;
    size_t sensors = model->plan->sensors + 1u;
    *u = (struct ds_gen_uniques){.maker = maker};
    u->slot_words = WORDS(model->hosts.slots);
    u->victim_words = WORDS(maker->attacks.count);
    u->slots = calloc(sensors * u->slot_words, sizeof *u->slots);
    u->victims = calloc(sensors * u->victim_words, sizeof *u->victims);
    u->tracks = calloc((maker->track_count + 1u) * u->slot_words, sizeof *u->tracks);
    u->day.parties = calloc(model->party_count, sizeof *u->day.parties);
    bool is_failed = !u->slots || !u->victims || !u->tracks || !u->day.parties;
    for (int i = 0; i < DS_GEN_SPAN_COUNT; i++) {
        u->last[i] = calloc(model->hosts.slots + 1u, sizeof *u->last[i]);
        u->spans[i].parties = calloc(model->party_count, sizeof *u->spans[i].parties);
        is_failed = is_failed || !u->last[i] || !u->spans[i].parties;
    }
    return is_failed ? -1 : 0;
}

void ds_gen_uniques_finish(struct ds_gen_uniques *u)
{
    for (int i = 0; i < DS_GEN_SPAN_COUNT; i++) {
        free(u->last[i]);
        free(u->spans[i].parties);
    }
    free(u->slots);
    free(u->victims);
    free(u->tracks);
    free(u->day.parties);
    *u = (struct ds_gen_uniques){0};
}

void ds_gen_uniques_see(struct ds_gen_uniques *u, unsigned sensor)
{
    const struct ds_gen_maker *m = u->maker;
    unsigned sensors = m->model->plan->sensors;
    const unsigned rows[] = {sensor, sensors};
    for (int k = 0; k < 2; k++) {
        uint64_t *slots = u->slots + rows[k] * u->slot_words;
        uint64_t *victims = u->victims + rows[k] * u->victim_words;
        for (size_t i = 0; i < m->model->party_count; i++)
            set_arc(slots, &m->acts[i], m->acts[i].start, ds_gen_act_seen(&m->acts[i]));
        for (uint32_t i = 0; i < m->attacks.count; i++)
            victims[i / 64] |= (uint64_t)(m->sights[i].now > 0) << i % 64;
    }
    for (size_t i = 0; i < m->arc_count; i++) {
        const struct ds_gen_track_arc *arc = &m->arcs[i];
        set_arc(u->tracks + arc->track * u->slot_words, &m->acts[arc->party], arc->start,
                arc->count);
    }
}

static void count_party(struct ds_gen_uniques *u, size_t party, uint32_t day)
{
    const struct ds_gen_model *model = u->maker->model;
    const struct ds_gen_party *p = &model->parties[party];
    const uint64_t *slots = u->slots + model->plan->sensors * u->slot_words;
    for (uint32_t slot = p->first_slot; slot < p->first_slot + p->slots; slot++) {
        if (!has_bit(slots, slot))
            continue;
        uint32_t host = 1 + ds_gen_host_of(&model->hosts, slot, day);
        u->day.parties[party]++;
        for (int i = 0; i < DS_GEN_SPAN_COUNT; i++) {
            u->spans[i].parties[party] += u->last[i][slot] != host;
            u->last[i][slot] = host;
        }
    }
}

static void count_victims(struct ds_gen_uniques *u)
{
    const struct ds_gen_attacks *a = &u->maker->attacks;
    const uint64_t *victims = u->victims + u->maker->model->plan->sensors * u->victim_words;
    for (uint32_t i = 0; i < a->count; i++) {
        if (!has_bit(victims, i))
            continue;
        u->day.victims++;
        u->day.victims_of[a->list[i].place]++;
        for (int k = 0; k < DS_GEN_SPAN_COUNT; k++) {
            u->spans[k].victims++;
            u->spans[k].victims_of[a->list[i].place]++;
        }
    }
}

void ds_gen_uniques_count_day(struct ds_gen_uniques *u, uint32_t day)
{
    for (size_t i = 0; i < u->maker->model->party_count; i++)
        count_party(u, i, day);
    count_victims(u);
}

static void clear_counts(struct ds_gen_uniques *u, struct ds_gen_heads_count *c)
{
    memset(c->parties, 0, u->maker->model->party_count * sizeof *c->parties);
    memset(c->victims_of, 0, sizeof c->victims_of);
    c->victims = 0;
}

void ds_gen_uniques_clear_day(struct ds_gen_uniques *u)
{
    size_t sensors = u->maker->model->plan->sensors + 1u;
    memset(u->slots, 0, sensors * u->slot_words * sizeof *u->slots);
    memset(u->victims, 0, sensors * u->victim_words * sizeof *u->victims);
    memset(u->tracks, 0, u->maker->track_count * u->slot_words * sizeof *u->tracks);
    clear_counts(u, &u->day);
}

void ds_gen_uniques_clear_span(struct ds_gen_uniques *u, enum ds_gen_span span)
{
    memset(u->last[span], 0, u->maker->model->hosts.slots * sizeof *u->last[span]);
    clear_counts(u, &u->spans[span]);
}

uint64_t ds_gen_uniques_of_sensor(const struct ds_gen_uniques *u, unsigned sensor)
{
    return count_bits(u->slots + sensor * u->slot_words, u->slot_words) +
           count_bits(u->victims + sensor * u->victim_words, u->victim_words);
}

uint64_t ds_gen_uniques_of_track(const struct ds_gen_uniques *u, unsigned track)
{
    return count_bits(u->tracks + track * u->slot_words, u->slot_words);
}
