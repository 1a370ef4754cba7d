/* SPDX-License-Identifier: Apache-2.0 */
#include "gaps.h"

#include <stdlib.h>

#define SHORTEST_MS 5000

static int by_time(const void *a, const void *b)
{
    const struct ds_gen_gap *x = a, *y = b;
    if (x->from_ms != y->from_ms)
        return x->from_ms < y->from_ms ? -1 : 1;
    return x->to_ms < y->to_ms ? -1 : x->to_ms > y->to_ms;
}

/* From seconds, a restart, to days; an hour is ordinary. */
static struct ds_gen_gap draw_gap(const struct ds_gen_model *m, unsigned sensor,
                                  struct ds_gen_random *random)
{
    const struct ds_gen_plan *plan = m->plan;
    struct ds_gen_gap gap = {.sensor = sensor};
    uint64_t run_ms = (uint64_t)(plan->end_s - plan->start_s) * 1000;
    gap.from_ms = plan->start_s * 1000 + (int64_t)(ds_gen_random(random) % run_ms);
    double length = m->draw.quantiles[ds_gen_below(random, DS_GEN_DRAW_STEPS)];
    gap.to_ms = gap.from_ms + SHORTEST_MS + (int64_t)(length * length * length * 3600e3);
    if (gap.to_ms > plan->end_s * 1000)
        gap.to_ms = plan->end_s * 1000;
    return gap;
}

/* Joins those that touch; returns how many are left. */
static size_t join(struct ds_gen_gap *gaps, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct ds_gen_gap *last = kept ? &gaps[kept - 1] : NULL;
        if (last && gaps[i].from_ms <= last->to_ms)
            last->to_ms = gaps[i].to_ms > last->to_ms ? gaps[i].to_ms : last->to_ms;
        else
            gaps[kept++] = gaps[i];
    }
    return kept;
}

int ds_gen_gaps_draw(const struct ds_gen_model *m, struct ds_gen_gap **out, size_t *count)
{
    const struct ds_gen_plan *plan = m->plan;
    struct ds_gen_gap *gaps = calloc((size_t)plan->sensors * plan->gaps + 1, sizeof *gaps);
    if (!gaps)
        return -1;
    *count = 0;
    for (unsigned s = 0; s < plan->sensors; s++) {
        struct ds_gen_gap *own = gaps + *count;
        struct ds_gen_random random;
        ds_gen_random_seed(&random, plan->seed ^ (s + 1) * UINT64_C(0x67617073));
        for (uint32_t i = 0; i < plan->gaps; i++)
            own[i] = draw_gap(m, s, &random);
        qsort(own, plan->gaps, sizeof *own, by_time);
        *count += join(own, plan->gaps);
    }
    *out = gaps;
    return 0;
}
