/* SPDX-License-Identifier: Apache-2.0 */
#include "generate.h"

#include "population.h"

#define SECOND_NS INT64_C(1000000000)
#define DAY_S     86400

int ds_gen_generator_init(struct ds_gen_generator *g, const struct ds_gen_options *o,
                          const struct ds_gen_countries *countries, int64_t base_ns,
                          int64_t resolution_ns, struct ds_error *err)
{
    uint32_t shares[DS_GEN_POPULATIONS_MAX] = {0};
    uint64_t until = 0;
    *g = (struct ds_gen_generator){.base_ns = base_ns, .resolution_ns = resolution_ns};
    for (size_t i = 0; i < ds_gen_population_count(); i++) {
        shares[i] = o->mix[i] ? ds_gen_population_at(i)->source_share : 0;
        g->weights_until[i] = until += o->mix[i];
    }
    return ds_gen_world_init(&g->world, o, countries, shares, ds_gen_population_count(), err);
}

void ds_gen_generator_finish(struct ds_gen_generator *g)
{
    ds_gen_world_finish(&g->world);
}

static unsigned draw_population(struct ds_gen_generator *g)
{
    size_t count = ds_gen_population_count();
    uint32_t total = (uint32_t)g->weights_until[count - 1];
    uint32_t at = ds_gen_below(&g->world.random, total);
    unsigned i = 0;
    while (g->weights_until[i] <= at)
        i++;
    return i;
}

/* Packets/s at a time of day: a quarter more at 14:00 UTC, when Asia is up late and Europe at work,
 * a quarter less at 02:00. A parabola a half day, so that no libm decides about the bytes. */
static double rate_at(const struct ds_gen_generator *g, int64_t moment_ns)
{
    int64_t second = g->world.options->start_s + moment_ns / SECOND_NS;
    double phase = (double)((second - 8 * 3600) % DAY_S) / (DAY_S / 2); /* 0 at 08:00, 0..2 */
    if (phase < 0)
        phase += 2;
    double wave = phase < 1 ? 4 * phase * (1 - phase) : -4 * (phase - 1) * (2 - phase);
    return g->world.options->rate * (1 + 0.25 * wave);
}

/* Gaps are even over [0, 2/rate). */
static void advance(struct ds_gen_generator *g)
{
    double gap = 2 * (double)SECOND_NS / rate_at(g, g->moment_ns);
    double share = (double)(ds_gen_random(&g->world.random) >> 11) * 0x1p-53;
    g->moment_ns += (int64_t)(gap * share);
}

static int64_t stamp(struct ds_gen_generator *g, int64_t delay_ns)
{
    int64_t time = g->base_ns + (int64_t)((double)g->moment_ns / g->world.options->speed);
    if (!g->started) {
        g->started = true;
        g->first_ns = time - time % g->resolution_ns;
    }
    time -= delay_ns;
    if (time < g->first_ns)
        time = g->first_ns;
    return time - time % g->resolution_ns;
}

const struct ds_gen_packet *ds_gen_generator_next(struct ds_gen_generator *g)
{
    const struct ds_gen_options *o = g->world.options;
    if (g->moment_ns >= o->duration_ns)
        return NULL;
    struct ds_gen_packet *p = &g->packet;
    g->world.population = draw_population(g);
    ds_gen_population_at(g->world.population)->build(&g->world, p);
    ds_gen_link_wrap(p, o->link, o->format == DS_GEN_PCAP_BE);
    ds_gen_capture(p, o->snaplen);
    p->fact.time_ns = stamp(g, p->delay_ns);
    advance(g);
    return p;
}
