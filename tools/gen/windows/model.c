/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"

#include "countries.h"

#include <stdlib.h>
#include <string.h>

#define FULL_DAY_PACKETS 450e6 /* of a /16, for which the groups' host_packets are meant */
#define SURGE_HOURS_MIN  6
#define SURGE_HOURS_MAX  240

/* ---- surges ---- */

static int by_start(const void *a, const void *b)
{
    const struct ds_gen_surge *x = a, *y = b;
    if (x->start_s != y->start_s)
        return x->start_s < y->start_s ? -1 : 1;
    return x->port < y->port ? -1 : x->port > y->port;
}

static struct ds_gen_surge draw_surge(const struct ds_gen_plan *plan, struct ds_gen_random *random)
{
    struct ds_gen_surge s = {0};
    int64_t windows = (plan->end_s - plan->start_s) / plan->window_s;
    s.start_s =
        plan->start_s + (int64_t)(ds_gen_random(random) % (uint64_t)windows) * plan->window_s;
    int64_t hours = SURGE_HOURS_MIN + ds_gen_below(random, SURGE_HOURS_MAX - SURGE_HOURS_MIN);
    s.end_s = s.start_s + hours * 3600;
    s.port = (uint16_t)(1 + ds_gen_below(random, 65535));
    /* From half a percent to a fifth of an ordinary window, small ones more often. */
    double size = ds_gen_unit(ds_gen_random(random));
    s.packets = plan->packets * (0.005 + 0.195 * size * size);
    for (int i = 0; i < DS_GEN_SURGE_COUNTRIES; i++) {
        const char *code = ds_gen_places[ds_gen_below(random, 60)].code;
        if (!strstr(s.countries, code))
            memcpy(s.countries + strlen(s.countries), code, 2);
    }
    return s;
}

static int add_surges(struct ds_gen_model *m)
{
    struct ds_gen_random random;
    ds_gen_random_seed(&random, m->plan->seed ^ 0x7375726765);
    m->surge_count = m->plan->surges;
    m->surges = calloc(m->surge_count + 1, sizeof *m->surges);
    if (!m->surges)
        return -1;
    for (size_t i = 0; i < m->surge_count; i++)
        m->surges[i] = draw_surge(m->plan, &random);
    qsort(m->surges, m->surge_count, sizeof *m->surges, by_start);
    return 0;
}

/* ---- groups ---- */

static int add_groups(struct ds_gen_model *m)
{
    m->groups = calloc(ds_gen_group_count + m->surge_count, sizeof *m->groups);
    if (!m->groups)
        return -1;
    memcpy(m->groups, ds_gen_groups, ds_gen_group_count * sizeof *m->groups);
    m->group_count = ds_gen_group_count;
    for (size_t i = 0; i < m->surge_count; i++) {
        struct ds_gen_surge *s = &m->surges[i];
        s->group = m->group_count++;
        struct ds_gen_group *g = &m->groups[s->group];
        *g = ds_gen_group_surge;
        g->ports = &s->port;
        g->port_count = 1;
        g->countries = s->countries;
        g->reach = (uint8_t)(strlen(s->countries) / 2);
    }
    return 0;
}

/* ---- parties ---- */

/* Zipf's law, falling faster at its end. */
static double rank_weight(unsigned rank)
{
    return 1.0 / ((rank + 1) * (1 + rank / 40.0));
}

/* The countries of a group, its first ones first. */
static void order_places(const struct ds_gen_group *g, uint16_t *places)
{
    bool taken[512] = {false};
    unsigned n = 0;
    for (const char *code = g->countries; *code; code += 2) {
        places[n] = (uint16_t)ds_gen_place_find(code);
        taken[places[n++]] = true;
    }
    for (uint16_t i = 0; n < g->reach; i++)
        if (!taken[i])
            places[n++] = i;
}

/* Hosts send less where there is less to send to. */
static double packets_of_host(const struct ds_gen_model *m, const struct ds_gen_group *g)
{
    double part = m->day_packets / FULL_DAY_PACKETS;
    double packets = part < 1 ? g->host_packets * sqrt(part) : g->host_packets;
    return packets < 1 ? 1 : packets;
}

static void add_party(struct ds_gen_model *m, size_t group, uint16_t place, double packets,
                      uint32_t surge)
{
    const struct ds_gen_group *g = &m->groups[group];
    double a_day = DS_GEN_DAY_S / (double)m->plan->window_s;
    double slots = packets * a_day / packets_of_host(m, g);
    double visits = m->plan->window_s / (double)g->pause_s;
    struct ds_gen_party *p = &m->parties[m->party_count++];
    *p = (struct ds_gen_party){.group = (uint32_t)group, .surge = surge, .place = place};
    p->country = DS_COUNTRY(ds_gen_places[place].code[0], ds_gen_places[place].code[1]);
    p->packets = packets;
    p->slots = 1 + (uint32_t)(slots < DS_GEN_SLOTS_MAX ? slots : DS_GEN_SLOTS_MAX);
    p->active = 1 + (uint32_t)((p->slots - 1) * (visits < 1 ? visits : 1));
}

static void add_parties_of(struct ds_gen_model *m, size_t group, double packets, uint32_t surge)
{
    const struct ds_gen_group *g = &m->groups[group];
    uint16_t places[256];
    double sum = 0;
    order_places(g, places);
    for (unsigned i = 0; i < g->reach; i++)
        sum += rank_weight(i);
    for (unsigned i = 0; i < g->reach; i++)
        add_party(m, group, places[i], packets * rank_weight(i) / sum, surge);
}

static int add_parties(struct ds_gen_model *m)
{
    size_t room = 0;
    double shares = DS_GEN_ATTACKS_SHARE;
    for (size_t i = 0; i < m->group_count; i++) {
        room += m->groups[i].reach;
        shares += m->groups[i].share;
    }
    m->shares = shares;
    m->parties = calloc(room, sizeof *m->parties);
    if (!m->parties)
        return -1;
    for (size_t i = 0; i < ds_gen_group_count; i++)
        add_parties_of(m, i, m->plan->packets * m->groups[i].share / shares, 0);
    for (size_t i = 0; i < m->surge_count; i++)
        add_parties_of(m, m->surges[i].group, m->surges[i].packets, (uint32_t)i + 1);
    return 0;
}

static int add_hosts(struct ds_gen_model *m, struct ds_error *err)
{
    uint64_t slots = 0;
    for (size_t i = 0; i < m->party_count; i++)
        slots += m->parties[i].slots;
    if (slots > DS_GEN_SLOTS_MAX)
        return ds_error(err, DS_USAGE, "--rate: more than %u hosts a day; lower it",
                        DS_GEN_SLOTS_MAX);
    if (ds_gen_hosts_init(&m->hosts, (uint32_t)slots, ds_gen_plan_days(m->plan), m->plan->seed,
                          err) < 0)
        return -1;
    for (size_t i = 0; i < m->party_count; i++) {
        struct ds_gen_party *p = &m->parties[i];
        p->first_slot = ds_gen_hosts_add(&m->hosts, p->slots, m->groups[p->group].life_days);
    }
    return 0;
}

int ds_gen_model_init(struct ds_gen_model *m, const struct ds_gen_plan *plan, struct ds_error *err)
{
    *m = (struct ds_gen_model){.plan = plan};
    m->day_packets = plan->packets * DS_GEN_DAY_S / plan->window_s;
    ds_gen_draw_init(&m->draw);
    if (add_surges(m) < 0 || add_groups(m) < 0 || add_parties(m) < 0)
        return ds_error(err, DS_FAILURE, "out of memory");
    if (add_hosts(m, err) < 0)
        return -1;
    if (ds_gen_model_add_heads(m) < 0 || ds_gen_model_add_tails(m) < 0)
        return ds_error(err, DS_FAILURE, "out of memory");
    return 0;
}

void ds_gen_model_finish(struct ds_gen_model *m)
{
    for (size_t i = 0; i < m->tail_count; i++)
        free(m->tails[i].cells);
    ds_gen_hosts_finish(&m->hosts);
    free(m->surges);
    free(m->groups);
    free(m->parties);
    free(m->heads);
    *m = (struct ds_gen_model){0};
}
